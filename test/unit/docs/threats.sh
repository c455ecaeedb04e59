#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
#   threats.sh SOURCE_ROOT
#
# Each row of a table of threats in docs/threat-model.md names tests, and these exist.

root=$1 model=$1/docs/threat-model.md
work=$(mktemp) || exit 1
trap 'rm -f "$work"' EXIT

awk -F ' *[|] *' '
	/^\| threat \|/ { in_table = 1; next }
	!/^\|/ { in_table = 0 }
	in_table && $2 !~ /^-+$/ { print $4 }' "$model" >"$work"
[ "$(wc -l <"$work")" -gt 30 ] || { echo "docs/threat-model.md: no threats found"; exit 1; }

missing=$(while IFS= read -r rest; do
	[ -n "$rest" ] || echo "a threat has no test"
	echo "$rest" | tr ';' '\n' | while IFS=':' read -r file names; do
		file=$(echo "$file" | tr -d ' ')
		echo "$names" | tr ',' '\n' | sed 's/^ *//; s/ *$//' | while IFS= read -r name; do
			[ -n "$name" ] && grep -qwF -- "$name" "$root/$file" 2>/dev/null ||
				echo "$file has no $name"
		done
	done
done <"$work")
[ -z "$missing" ] || { echo "docs/threat-model.md: $missing"; exit 1; }
