# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# Archives, for check-dist, which sources it.

run_page() { (cd "$dist" && prefix=$prefix bash <(page "$@")); }

# The page's commands reach the host's side without a VM, through a socket.
use_page() {
	local pid status
	LD_LIBRARY_PATH=$prefix/lib "$prefix/bin/vhost-user-accel" --socket-path="$work/accel" \
		--worker="$prefix/libexec/vaccel/vhost-user-accel-worker" &
	pid=$!
	await "$work/accel" && VACCEL_VIRTIO_SOCKET=$work/accel PATH=$prefix/bin:$PATH \
		classify_says run_page Use amd64
	status=$?
	kill $pid
	wait $pid
	return $status
}

# The kernel's build files take no directory with a space, and it is not the running kernel's.
build_driver() {
	KDIR=/kernels/amd64/6.12/headers CC=gcc DESTDIR=$work/modules run_page Driver amd64 &&
		find "$work/modules" -name 'virtio_accel.ko*' | grep .
}

finds_headers() {
	local dir
	dir=$(PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --variable=libdir vaccel | tr -d \\\\)
	[ "$(realpath "$dir")" = "$(realpath "$prefix/lib")" ]
}

check_tars() {
	local arch=$1 run=() where prefix
	emulate "$arch"
	case $arch in
	arm64) run=(env QEMU_LD_PREFIX=/ qemu-aarch64) ;;
	armhf) run=(env QEMU_LD_PREFIX=/ qemu-arm) ;;
	esac
	for prefix in "$work/$arch/opt" "$work/$arch/another place"; do
		where="$arch tar in '${prefix##*/}'"
		mkdir -p "$prefix"
		check "$where: guest's unpacked" run_page TAR "$arch"
		check "$where: host's unpacked" run_page 'TAR on the host' "$arch"
		check "$where: classify with noop" classify_says env VACCEL_PLUGINS=libvaccel-noop.so \
			"${run[@]}" "$prefix/bin/classify" "$prefix/share/vaccel/images/example.jpg"
		check "$where: a product with blas" env VACCEL_PLUGINS=libvaccel-blas.so \
			"${run[@]}" "$prefix/bin/sgemm" --check
		check "$where: vhost-user-accel starts" "${run[@]}" "$prefix/bin/vhost-user-accel" --version
		check "$where: pkg-config" finds_headers
	done
	if [ "$arch" = amd64 ]; then
		prefix=$work/$arch/opt
		check "$arch tar: through vhost-user-accel" use_page
		check "$arch tar: driver" build_driver
	fi
	rm -rf "${work:?}/$arch" "$work/modules"
}
