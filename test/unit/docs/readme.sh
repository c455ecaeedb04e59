#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
#   readme.sh SOURCE_ROOT
#
# The README is short, its figures are those of docs/performance.md, and what it and the other pages link to is
# there. The messages that docs/troubleshooting.md explains are printed somewhere. Options and environment
# variables are on the manual pages, which man/check looks at.

root=$1 failed=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$root" || exit 1

fail() {
	echo "$*"
	failed=1
}

[ "$(wc -l <README.md)" -le 150 ] || fail "README.md: more than 150 lines"

# Figures of the README, "**11 µs** ... vsock takes 287 µs (27 times", against a row of the table, rounded:
# microseconds, microseconds of the comparator, ratio
sed -nE 's/^\| [^|]* \| ([0-9.]+) us \| [a-z]+ ([0-9.]+) (us|ms) \| ([0-9.]+) \|.*/\1 \2 \3 \4/p' \
	docs/performance.md | awk '{
		printf "%.0f %s %s\n", $1, $3 == "ms" ? $2 " ms" : sprintf("%.0f us", $2),
			$4 < 10 ? sprintf("%.1f", $4) : sprintf("%.0f", $4) }' >"$work/measured"
sed 's/µs/us/g' README.md | tr '\n' ' ' |
	grep -oE '\*\*[0-9]+ us\*\*[^*]*takes [0-9.]+ [um]s \([0-9.]+ times' |
	sed -E 's/^\*\*([0-9]+) us.*takes ([0-9.]+ [um]s) \(([0-9.]+) times/\1 \2 \3/' >"$work/figures"
[ "$(wc -l <"$work/figures")" = 3 ] || fail "README.md: there are not three figures"
while IFS= read -r figure; do
	grep -qxF "$figure" "$work/measured" || fail "README.md: no row of docs/performance.md has $figure"
done <"$work/figures"

# Links to files, from where the page is; and to headings of pages
for page in *.md docs/*.md docs/decisions/*.md driver/*.md packaging/qemu/*.md; do
	sed '/^```/,/^```/d' "$page" | grep -oE '\]\([^)]+\)' | sed 's/^](//; s/)$//' | grep -v '^https:' |
		while IFS= read -r link; do
			file=${link%%#*} target=$page
			[ -z "$file" ] || target=$(dirname "$page")/$file
			[ -e "$target" ] || echo "$page: there is no $link"
			case $link in
			*#*) sed -n 's/^#* //p' "$target" | tr 'A-Z ' 'a-z-' | tr -dc 'a-z0-9_\n-' |
				grep -qxF -- "${link#*#}" || echo "$page: no heading for $link" ;;
			esac
		done
done >"$work/links"
[ ! -s "$work/links" ] || fail "$(cat "$work/links")"

# Literals that the compiler joins are joined here, too.
find src plugins host tools examples packaging/vm -name '*.[ch]' -o -name qemu-vaccel | xargs cat | tr '\n\t' '  ' |
	sed -E 's/" *" *//g; s/" \\ *"/ /g' >"$work/code"

# The first column of the tables of messages: what stands between its placeholders must be in the code.
sed -n '/^## Messages/,/^## Known/s/^| `\([^`]*\)`.*/\1/p' docs/troubleshooting.md >"$work/messages"
[ "$(wc -l <"$work/messages")" -gt 35 ] || fail "docs/troubleshooting.md: no tables of messages found"
while IFS= read -r message; do
	echo "$message" | sed -E 's/\.\.\.|\b(PATH|FILE|[A-Z])\b|[0-9]+|[()]/\n/g; s/^(qemu-vaccel: |\[(onnx|oip)\] )//;
		s/\/dev\/virtio-accel|model:\/\//\n/' | sed -E 's/^[ ,:]+|[ ,:]+$//g' | grep -E '.{9}' |
		while IFS= read -r part; do
			grep -qF -- "$part" "$work/code" || echo "$part"
		done >"$work/missing"
	[ ! -s "$work/missing" ] ||
		fail "docs/troubleshooting.md: nothing prints '$message' (missing: $(cat "$work/missing"))"
done <"$work/messages"

exit $failed
