# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Fetches files of Python packages at pinned check sums into the cache of the build root (VACCEL_CACHE), once. For
# scripts, which source it in the root of the repository; they have set cache, a directory of that cache, and work, a
# temporary one.

# What can fetch packages: the host's pip, or that of a new environment
find_pip() {
	pip=(python3 -m pip)
	"${pip[@]}" --version >"$work/pip" 2>&1 && return
	python3 -m venv "$work/env" >"$work/pip" 2>&1 || return
	pip=("$work/env/bin/pip")
}

# place NAME PACKAGE VERSION SUM PLATFORM FILES: the directory of the cache where the files are
place() {
	echo "$1-$(printf '%s ' "$@" | sha256sum | cut -c 1-12)"
}

# fetch NAME PACKAGE VERSION SUM PLATFORM FILES: the files are there then. Status: 1 when they could not be fetched,
# 2 when they are not what they were; $work/why says why. PLATFORM is that of the package's file, and FILES a regular
# expression, which their whole names match.
fetch() {
	local dir
	dir=$cache/$(place "$@")
	[ ! -d "$dir" ] || return 0
	find_pip || {
		echo "pip is missing: install python3-pip, or python3-venv" >"$work/why"
		return 1
	}
	mkdir -p "$work/$1" "$cache" || return
	echo "$2==$3 --hash=sha256:$4" >"$work/$1.txt"
	echo "# fetching $2 $3"
	# Who cannot be reached shall not keep others waiting.
	timeout 900 "${pip[@]}" --disable-pip-version-check --timeout 30 --retries 2 download --quiet --no-deps --require-hashes \
		--only-binary=:all: --python-version 3.12 --platform "$5" -d "$work/$1" -r "$work/$1.txt" >"$work/log" 2>&1 || {
		echo "$2 $3 could not be fetched: $(grep -v '^WARNING' "$work/log" | tail -n 1)" >"$work/why"
		grep -q 'DO NOT MATCH THE HASHES' "$work/log" || return 1
		cat "$work/log"
		echo "$2 $3 is not what it was" >"$work/why"
		return 2
	}
	python3 - "$work/$1"/*.whl "$dir.$$" "$6" <<-'END' || return
		import re, sys, zipfile
		with zipfile.ZipFile(sys.argv[1]) as wheel:
		    for name in wheel.namelist():
		        if re.fullmatch(sys.argv[3], name):
		            wheel.extract(name, sys.argv[2])
	END
	rm -rf "${work:?}/$1"
	mv -T "$dir.$$" "$dir" 2>/dev/null || rm -rf "$dir.$$" # somebody else was faster
	[ -d "$dir" ]
}

# fetch_source PACKAGE VERSION SUM DIRECTORY TO: unpacks a directory of a package's source archive. Status and why as
# fetch. pip asks the package's build system for its name, after it has checked the sum: here that is one which knows
# nothing else, so that nothing of the package is run.
fetch_source() {
	local backend=$work/backend requires=$work/$1-source.txt
	find_pip || {
		echo "pip is missing: install python3-pip, or python3-venv" >"$work/why"
		return 1
	}
	mkdir -p "$backend/scikit_build_core" "$work/$1-source" || return
	echo "$1==$2 --hash=sha256:$3" >"$requires"
	cat >"$backend/scikit_build_core/build.py" <<-END
		import os
		def prepare_metadata_for_build_wheel(directory, settings=None):
		    name = '${1//-/_}-$2.dist-info'
		    os.mkdir(os.path.join(directory, name))
		    with open(os.path.join(directory, name, 'METADATA'), 'w') as out:
		        out.write('Metadata-Version: 2.1\nName: $1\nVersion: $2\n')
		    return name
	END
	touch "$backend/scikit_build_core/__init__.py"
	echo "# fetching the source of $1 $2"
	PYTHONPATH=$backend timeout 900 "${pip[@]}" --disable-pip-version-check --timeout 30 --retries 2 download --quiet \
		--no-deps --require-hashes --no-build-isolation --no-binary=:all: -d "$work/$1-source" -r "$requires" \
		>"$work/log" 2>&1 || {
		echo "the source of $1 $2 could not be fetched: $(grep -v '^WARNING' "$work/log" | tail -n 1)" >"$work/why"
		grep -q 'DO NOT MATCH THE HASHES' "$work/log" || return 1
		cat "$work/log"
		echo "the source of $1 $2 is not what it was" >"$work/why"
		return 2
	}
	mkdir -p "$5" && tar -x -z -f "$work/$1-source/${1//-/_}-$2.tar.gz" -C "$5" --strip-components="$(
		tr -dc / <<<"$4" | wc -c | awk '{ print $1 + 2 }'
	)" "${1//-/_}-$2/$4"
}
