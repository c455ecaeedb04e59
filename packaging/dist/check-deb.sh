# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# Debian packages, for check-dist, which sources it.

# Our own archive of no bugs to close; everything else that lintian finds is explained where it is.
lint() {
	lintian --allow-root --fail-on error,warning \
		--suppress-tags initial-upload-closes-no-bugs "$@"
}

in_bare() { env -i PATH="$PATH" HOME=/root DEBIAN_FRONTEND=noninteractive chroot "$bare" "$@"; }

# All files but what apt, dpkg and the caches write for any package
files() {
	(cd "$bare" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./tmp \
		-o -path ./var/lib/dpkg -o -path ./var/lib/apt -o -path ./var/cache -o -path ./var/log \
		-o -path ./etc/ld.so.cache \) -prune -o -printf '%p\n' | LC_ALL=C sort)
}

check_debs() {
	local mirror packages=(libvaccel0 libvaccel-dev vaccel-plugins vaccel-plugin-blas \
		vaccel-plugin-onnx vaccel-virtio vaccel-tools vhost-user-accel)
	bare=$work/bare
	mirror=$(sed -n 's/^deb \(\[.*\] \)*\([^ ]*\) .*/\2/p' /etc/apt/sources.list | head -n 1)
	check "deb: a bare Debian 13" mmdebstrap --mode=root --variant=apt \
		--aptopt='Apt::Install-Recommends "false"' trixie "$bare" "$mirror"
	cp "$dist"/*_amd64.deb "$bare/tmp/"
	cp /etc/resolv.conf "$bare/etc/resolv.conf"
	in_bare apt-get -qq update >/dev/null 2>&1
	# What our packages depend on stays, so that what is left is ours.
	in_bare sh -c 'apt-get install -qq -y --simulate /tmp/*.deb |
		sed -n "s/^Inst \([^ ]*\) .*/\1/p"' >"$work/all" 2>/dev/null
	check "deb: what they depend on" in_bare apt-get install -qq -y \
		$(grep -vE "^($(IFS='|'; echo "${packages[*]}"))$" "$work/all")
	files >"$work/before"
	check "deb: installed" in_bare sh -c 'dpkg -i /tmp/*.deb'
	check "deb: classify with noop" classify_says in_bare env VACCEL_PLUGINS=libvaccel-noop.so \
		classify /usr/share/vaccel/images/example.jpg
	check "deb: a product with blas" in_bare env VACCEL_PLUGINS=libvaccel-blas.so sgemm --check
	check "deb: through vhost-user-accel" classify_says in_bare sh -c '
		vhost-user-accel --socket-path=/tmp/accel --once & sleep 2
		VACCEL_PLUGINS=libvaccel-virtio.so VACCEL_VIRTIO_SOCKET=/tmp/accel \
			classify /usr/share/vaccel/images/example.jpg; status=$?; wait; exit $status'
	check "deb: removed" in_bare dpkg --purge "${packages[@]}"
	files >"$work/after"
	check "deb: nothing is left" diff "$work/before" "$work/after"
}
