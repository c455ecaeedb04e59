#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The walls between the rooms of host/: which headers a room may read, and what the programs may link.
#
#   walls.sh SOURCE BUILD
#
# Looks at what the compiler has read (ninja's record of it) and at the symbols of the libraries, so it
# finds each way around include paths, too. At the end it tries each check on something forbidden.

set -u
source=$(realpath "$1") build=$(realpath "$2")
cd "$build" || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0
fail() { printf 'walls: %s\n' "$*"; failed=1; }

# Room, and the directories or files whose headers it may read
walls='
common     host/common include/uapi include/vaccel/op.h include/vaccel/utils src/loglines src/ops/optable.h src/transport src/wire/possession.h
cleaner    host/common host/cleaner include/uapi
forker     host/common host/forker include/uapi src/transport
keeper     host/common host/keeper include/uapi src/wire/possession.h
store      host/common host/store include/uapi
connector  host/common host/connector include/uapi src/transport
supervisor host/common host/cleaner host/forker host/keeper host/supervisor include/uapi src/loglines src/transport src/wire/possession.h
listener   host/common host/cleaner host/connector host/forker host/keeper host/listener host/store host/supervisor include/uapi src/loglines src/transport src/wire/possession.h
observer   host/common host/observer include/uapi src/transport
worker     host/common host/worker include src/ops src/transport src/wire
'
# Room, and the rooms whose functions it may call
calls='
common     common
cleaner    common cleaner
forker     common forker
keeper     common keeper
store      common store
connector  common connector
supervisor common cleaner forker keeper supervisor
listener   common keeper connector store supervisor listener
observer   common observer
worker     common worker
'
rooms=$(awk 'NF { print $1 }' <<<"$walls")
# Without libmicrohttpd there is no observer.
[ -e host/vhost-user-accel-observer ] || rooms=${rooms/observer/}
prefix=$(realpath --relative-to="$build" "$source")/

# objects ROOM: the objects of its library and its program
objects() { ninja -t targets all | sed -n "s#^\(host/$1/[^:]*\.c\.o\|host/[^/]*/$1_[^:]*\.c\.o\): .*#\1#p"; }

# stray_headers ROOM OBJECT...: prints what they read of our headers and may not
stray_headers() {
	local room=$1
	shift
	ninja -t deps "$@" | awk -v prefix="$prefix" -v room="$room" -v walls="$walls" '
		BEGIN {
			n = split(walls, line, "\n")
			for (i = 1; i <= n; i++) {
				nr = split(line[i], word, " ")
				if (word[1] == room)
					for (j = 2; j <= nr; j++)
						may[word[j]]
			}
		}
		!/^ / { object = $1; sub(/:$/, "", object); next }
		/\.h$/ {
			sub(/^ +/, "")
			if (index($0, prefix) != 1)
				next
			file = substr($0, length(prefix) + 1)
			ok = file in may
			for (dir = file; !ok && sub(/\/[^\/]*$/, "", dir); )
				ok = dir in may
			if (!ok)
				print object " reads " file
		}'
}

# symbols FLAG FILE...: names that are defined (--defined-only) or missing (--undefined-only)
symbols() {
	local flag=$1
	shift
	nm --format=just-symbols "$flag" "$@" 2>/dev/null | grep -v '^$\|:$' | sort -u
}

# stray_calls ROOM OBJECT...: prints what they call of other rooms, or of libvaccel, and may not
stray_calls() {
	local room=$1 other
	shift
	symbols --undefined-only "$@" >"$work/calls"
	for other in $rooms; do
		grep -q "^$room .*\b$other\b" <<<"$calls" && continue
		# The others call libc's pthread_create, of which the worker has its own.
		# shellcheck disable=SC2046
		symbols --defined-only $(objects "$other") | grep -vx 'main\|pthread_create' |
			comm -12 "$work/calls" - | sed "s/^/$room calls the $other's /"
	done
	[ "$room" = worker ] || grep '^vaccel_\|^slog_' "$work/calls" | sed "s/^/$room calls libvaccel's /"
}

for room in $rooms; do
	mapfile -t of_room < <(objects "$room")
	[ ${#of_room[@]} -gt 0 ] || fail "host/$room has no objects in $build"
	out=$(stray_headers "$room" "${of_room[@]}"; stray_calls "$room" "${of_room[@]}")
	[ -z "$out" ] || fail "$out"
done
needed() { readelf -d "$1" | grep NEEDED; }
needed host/vhost-user-accel | grep microhttpd && fail "vhost-user-accel links libmicrohttpd"
needed host/vhost-user-accel | grep vaccel && fail "vhost-user-accel links libvaccel"
needed host/vhost-user-accel-worker | grep -q vaccel || fail "this check no longer sees what a program links"

# Does the compiler refuse other rooms' headers? Each room is given one of a room that it may not see.
# compile ROOM OPTION... <SOURCE: with the options of the room
compile() {
	local room=$1 command
	shift
	command=$(ninja -t commands "$(objects "$room" | head -n 1)" | tail -n 1 |
		sed 's/ -MD .*//; s/ -fsanitize=[^ ]*//g; s/^ccache //')
	# shellcheck disable=SC2086
	$command "$@" -x c - 2>"$work/errors"
}
while read -r room header; do
	grep -qx "$room" <<<"$rooms" || continue
	if echo "#include \"$header\"" | compile "$room" -fsyntax-only; then
		fail "the compiler lets $room include $header"
	fi
	grep -q "$header: No such file" "$work/errors" || fail "$header was refused for another reason: $(cat "$work/errors")"
done <<'END'
common device.h
common serve.h
cleaner forker.h
forker device.h
forker keeper.h
keeper serve.h
keeper forker.h
connector device.h
connector keeper.h
keeper store.h
store keeper.h
store store_client.h
supervisor serve.h
supervisor keeper_client.h
supervisor store.h
observer device.h
observer serve.h
worker device.h
worker cache_dir.h
worker store_client.h
END

# Do the checks above see what gets past the compiler?
[ -n "$(stray_headers common $(objects worker))" ] || fail "headers of another room go unnoticed"
compile supervisor -c -o "$work/forbidden.o" <<'END' || fail "$(cat "$work/errors")"
int vaccel_session_init(void *, unsigned int);
int serve_running(void *);
int forbidden(void);
int forbidden(void) { return vaccel_session_init(0, 0) + serve_running(0); }
END
stray_calls supervisor "$work/forbidden.o" >"$work/found"
grep -q "worker's serve_running" "$work/found" || fail "a call of another room goes unnoticed"
grep -q "libvaccel's vaccel_session_init" "$work/found" || fail "a call of libvaccel goes unnoticed"

exit $failed
