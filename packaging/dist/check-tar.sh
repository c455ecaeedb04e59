# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# Archives, for check-dist, which sources it.

check_tars() {
	local arch=$1 prefix name run=()
	case $arch in
	arm64) run=(qemu-aarch64) ;;
	armhf) run=(qemu-arm) ;;
	esac
	for prefix in "$work/$arch/opt" "$work/$arch/another place"; do
		mkdir -p "$prefix"
		for name in vaccel vaccel-virtio vhost-user-accel; do
			check "$arch: $name unpacked to '${prefix##*/}'" tar xfv \
				"$dist/${name}_${version}_$arch.tar.gz" --strip-components=2 -C "$prefix"
		done
		check "$arch: classify with noop in '${prefix##*/}'" classify_says env \
			VACCEL_PLUGINS=libvaccel-noop.so "${run[@]}" "$prefix/bin/classify" \
			"$prefix/share/vaccel/images/example.jpg"
		check "$arch: vhost-user-accel in '${prefix##*/}'" "${run[@]}" \
			"$prefix/bin/vhost-user-accel" --version
		check "$arch: pkg-config in '${prefix##*/}'" sh -c \
			'test "$(realpath "$(PKG_CONFIG_PATH="$1/lib/pkgconfig" pkg-config \
				--variable=libdir vaccel | tr -d \\\\)")" = "$(realpath "$1/lib")"' - "$prefix"
	done
}
