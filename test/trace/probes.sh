#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The probes are in the files that are to have them, with their arguments, and bpftrace's scripts use no others.
#
#   probes.sh SOURCES LIBRARY PLUGIN WORKER

set -eu
source=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail=0

bad() {
	echo "$*" >&2
	fail=1
}

# expect FILE NAME ARGUMENTS
expect() {
	readelf -n "$1" | awk -v name="$2" -v nr="$3" '
		/Provider:/ { ours = $2 == "vaccel" }
		/Name:/ { named = ours && $2 == name }
		/Arguments:/ && named { found += NF - 1 == nr }
		END { exit !found }' || bad "$1 has no probe vaccel:$2 of $3 arguments"
	echo "$2" >>"$tmp/expected"
}
expect "$2" op__begin 2
expect "$2" op__end 3
expect "$3" call__sent 3
expect "$3" call__answered 3
expect "$4" request__taken 2
expect "$4" engine__begin 2
expect "$4" engine__end 3
expect "$4" request__replied 3

# Each probe of the header is one of these, and each one that a script uses.
grep -oE '[a-z]+__[a-z]+' "$source/src/transport/probes.h" | sort -u >"$tmp/header"
sort -u "$tmp/expected" | diff - "$tmp/header" >&2 || bad "src/transport/probes.h has other probes"
grep -hoE '[a-z]+__[a-z]+' "$source"/tools/bpftrace/*.bt | sort -u | comm -23 - "$tmp/header" >"$tmp/unknown"
[ ! -s "$tmp/unknown" ] || bad "a script uses probes that there are not: $(cat "$tmp/unknown")"

if command -v bpftrace >/dev/null; then
	for script in "$source"/tools/bpftrace/*.bt; do
		# Other paths: those of Debian need not be here.
		sed "s#/usr/lib/.*/libvaccel.so.0:#$2:#; s#/usr/lib/.*/libvaccel-virtio.so:#$3:#; s#/usr/libexec/.*-worker:#$4:#" \
			"$script" >"$tmp/script.bt"
		bpftrace --dry-run "$tmp/script.bt" >&2 || bad "$script is not right"
	done
else
	echo 'bpftrace is not here: its scripts were not parsed'
fi
exit "$fail"
