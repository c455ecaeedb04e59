# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# Whether make-dist makes the same files again, for check-dist, which sources it.

check_again() {
	local targets=() target
	for target in deb tar vm image; do
		case $target in
		deb) compgen -G "$dist/*.deb" ;;
		tar) compgen -G "$dist/*.tar.gz" ;;
		vm) compgen -G "$dist/*.tar.xz" ;;
		image) compgen -G "$dist/*.oci.tar" ;;
		esac >/dev/null && targets+=("$target")
	done
	check "make-dist makes ${targets[*]} again" "$here/make-dist" "$work/again" "$1" "${targets[*]}"
	check "the files are the same" diff "$dist/SHA256SUMS" "$work/again/SHA256SUMS"
}
