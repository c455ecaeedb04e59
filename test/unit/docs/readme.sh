#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
#   readme.sh SOURCE_ROOT VHOST_USER_ACCEL
#
# README.md has every option of the two programs and no other, every variable that it names is
# read somewhere, and the messages that it explains are printed somewhere.

root=$1 accel=$2 readme=$1/README.md failed=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

fail() {
	echo "README.md: $*"
	failed=1
}

options() { grep -oE -- '(^|[^-a-z])--[a-z][-a-z]*' | grep -oE -- '--[a-z][-a-z]*' | sort -u; }

bash "$root/packaging/vm/qemu-vaccel" --help | grep -E '^ {2,6}-' | cut -c 1-28 | options >"$work/launcher"
${MESON_EXE_WRAPPER-} "$accel" --help | options | grep -vxE -- '--(help|usage|version)' >"$work/accel"
sed -n '/^### Run a command/,/^### Run without/p' "$readme" | sed -n '/^| `-/s/|[^|]*|$//p' |
	options >"$work/launcher.readme"
sed -n '/^### Options of/,/^### Environment/p' "$readme" | sed -n '/^| `-/s/|[^|]*|$//p' |
	options >"$work/accel.readme"
for name in launcher accel; do
	[ -s "$work/$name" ] || fail "no options of the $name found"
	diff "$work/$name" "$work/$name.readme" >"$work/diff" ||
		fail "options of the $name (<) and of its table (>) differ: $(grep '^[<>]' "$work/diff")"
done

# Literals that the compiler joins are joined here, too.
find "$root/src" "$root/plugins" "$root/host" "$root/examples" "$root/packaging/vm" \
	-name '*.[ch]' -o -name qemu-vaccel | xargs cat | tr '\n\t' '  ' |
	sed -E 's/" *" *//g; s/" \\ *"/ /g' >"$work/code"

for name in $(sed -n '/^### Environment/,/^## Install/p' "$readme" | grep '^|' |
	grep -oE 'VACCEL_[A-Z_]+' | sort -u); do
	grep -qF "\"$name\"" "$work/code" || fail "nothing reads $name"
done

# The first column of the table of messages: what stands between its placeholders must be in the code.
sed -n '/^## When something/,/^## More/s/^| `\([^`]*\)`.*/\1/p' "$readme" >"$work/messages"
[ "$(wc -l <"$work/messages")" -gt 20 ] || fail "no table of messages found"
while IFS= read -r message; do
	echo "$message" | sed -E 's/\.\.\.|\b(PATH|FILE|[A-Z])\b|[0-9]+|[()]/\n/g; s/^(qemu-vaccel: |\[onnx\] )//;
		s/\/dev\/virtio-accel/\n/' | sed -E 's/^[ ,:]+|[ ,:]+$//g' | grep -E '.{9}' |
		while IFS= read -r part; do
			grep -qF -- "$part" "$work/code" || echo "$part"
		done >"$work/missing"
	[ ! -s "$work/missing" ] || fail "nothing prints '$message' (missing: $(cat "$work/missing"))"
done <"$work/messages"

exit $failed
