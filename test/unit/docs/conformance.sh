#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
#   conformance.sh SOURCE_ROOT
#
# Each clause of docs/virtio-accel.md is in its appendix C, and the tests named there exist.

root=$1 spec=$1/docs/virtio-accel.md failed=0

fail() {
	echo "docs/virtio-accel.md: $*"
	failed=1
}

clauses=$(grep -oE '^- \*\*[RD][0-9]+\.\*\*' "$spec" | grep -oE '[RD][0-9]+')
rows=$(sed -n '/^## Appendix C/,$s/^| \([RD][0-9]*\) |.*/\1/p' "$spec")
[ "$(echo "$clauses" | wc -l)" -gt 50 ] || fail "no clauses found"
[ "$(echo "$clauses" | sort)" = "$(echo "$rows" | sort)" ] ||
	fail "clauses and rows of appendix C differ: $(printf '%s\n' "$clauses" "$rows" | sort | uniq -u)"
[ -z "$(echo "$clauses" | sort | uniq -d)" ] || fail "a clause is there twice"

sed -n '/^## Appendix C/,$s/^| \([RD][0-9]*\) | \(.*\) |$/\1;\2/p' "$spec" | sed 's/by review: //' |
	while IFS=';' read -r clause rest; do
		echo "$rest" | tr ';' '\n' | while IFS=':' read -r file names; do
			file=$(echo "$file" | tr -d ' ')
			echo "$names" | tr ',' '\n' | sed 's/^ *//' | while read -r name; do
				grep -qF -- "$name" "$root/$file" 2>/dev/null ||
					echo "$clause: $file has no $name"
			done
		done
	done >"${TMPDIR:-/tmp}/conformance.$$"
while read -r line; do
	fail "$line"
done <"${TMPDIR:-/tmp}/conformance.$$"
rm -f "${TMPDIR:-/tmp}/conformance.$$"
exit $failed
