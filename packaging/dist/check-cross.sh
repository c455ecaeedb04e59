# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# Unit tests of other architectures, for check-dist, which sources it.

# Counts the checks that cross-test made; each of them is a test program.
check_cross() {
	local arch=$1 line
	[ "$arch" != amd64 ] || return 0
	while IFS= read -r line; do
		case $line in
		'ok - '*) passed=$((passed + 1)) ;;
		'not ok - '*) failed=$((failed + 1)) ;;
		'skip - '*) ;;
		*) printf '%s\n' "$line"; continue ;;
		esac
		printf '%s - %s: unit test %s\n' "${line%% - *}" "$arch" "${line#* - }"
	done < <("$here/cross-test" "$arch" 2>&1)
}
