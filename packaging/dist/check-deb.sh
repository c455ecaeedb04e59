# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# Debian packages, for check-dist, which sources it.

# shellcheck source=/dev/null
. "$here/check-vm.sh"

# Our own archive has no bugs to close; everything else that lintian finds is explained where it is.
check_lint() {
	check "lintian" lintian --allow-root --fail-on error,warning \
		--suppress-tags initial-upload-closes-no-bugs "$dist"/*.deb
}

# in_bare_page HEADING ARCH [EXPRESSION]: a page's commands, changed by sed's EXPRESSION, where the
# packages lie
in_bare_page() {
	page "$1" "$2" | sed "${3-}" >"$bare/tmp/page"
	in_bare bash -c 'cd /tmp/debs && bash /tmp/page'
}

# All files but what apt, dpkg and the caches write for any package
files() {
	(cd "$bare" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./tmp \
		-o -path ./run -o -path ./var/lib/dpkg -o -path ./var/lib/apt -o -path ./var/cache \
		-o -path ./var/log -o -path ./etc/ld.so.cache \) -prune -o -printf '%p\n' | LC_ALL=C sort)
}

# The newer QEMU is in Debian's backports, as on a user's machine; the launcher is tried on amd64.
make_bare() {
	local mirror backports=()
	mirror=$(sed -n 's/^deb \(\[.*\] \)*\([^ ]*\) .*/\2/p' /etc/apt/sources.list | head -n 1)
	[ "$1" != amd64 ] || backports=("deb $mirror trixie-backports main")
	emulate "$1"
	mmdebstrap --mode=root --skip=check/qemu --architectures="$1" --variant=apt \
		--aptopt='Apt::Install-Recommends "false"' --aptopt='APT::Get::Assume-Yes "true"' \
		--aptopt='Dpkg::Use-Pty "0"' --dpkgopt=force-unsafe-io \
		--skip=cleanup/apt/lists trixie "$bare" \
		"deb $mirror trixie main" "${backports[@]}" &&
		cp /etc/resolv.conf "$bare/etc/resolv.conf" && mount -t proc proc "$bare/proc" &&
		mkdir "$bare/tmp/debs" && cp "$dist"/*_"$1".deb "$bare/tmp/debs/" || return
	[ "$1" != amd64 ] || cp "$dist"/*_all.deb "$bare/tmp/debs/"
}

# What our packages depend on stays, so that what is left after them is ours. With the launcher comes
# what it recommends.
install_what_they_need() {
	in_bare sh -c 'cd /tmp/debs && apt-get install --simulate ${1:+-t "$1"} ./*.deb' - "$newer" \
		>"$work/all" || return
	# shellcheck disable=SC2046
	in_bare apt-get install ${newer:+-t "$newer"} \
		$(sed -n 's/^Inst \([^ ]*\) .*/\1/p' "$work/all" | grep -vFx "$ours") \
		${newer:+virtiofsd}
}

# The packages as they are, with a lower version, to have something to upgrade from
make_older() {
	local deb tree=$work/older
	mkdir -p "$bare/tmp/older"
	for deb in "$bare"/tmp/debs/*.deb; do
		rm -rf "$tree"
		dpkg-deb -R "$deb" "$tree" && sed -i "s/$version-1/$version-0.9/" "$tree/DEBIAN/control" &&
			dpkg-deb --root-owner-group -b "$tree" "$bare/tmp/older/" || return
	done
	rm -rf "$tree"
}

# tags PID N: that many calls of the VM of this launcher, which writes to $work/running, have their answer
tags() {
	while kill -0 "$1" 2>/dev/null; do
		[ "$(grep -c 'This is a dummy classification tag!' "$work/running")" -lt "$2" ] || return 0
		sleep 0.5
	done
	cat "$work/running"
	return 1
}

# A VM that has run since before the upgrade calls before it, after it, and once more when its worker has
# died: the new worker is one of the new version, its supervisor one of the old.
upgrade_with_a_vm() {
	local pid supervisor share=$bare/tmp/share status=1 image=/usr/local/share/vaccel/images/example.jpg
	mkdir -p "$share" "$bare/tmp/vm"
	mount --bind "$work/vm-amd64" "$bare/tmp/vm" || return
	in_bare sh -c "exec qemu-vaccel -t 900 --boot-timeout 600 --no-kvm --share /tmp/share \
		-r /tmp/vm/rootfs.img -k /tmp/vm/bzImage-* -m 1024 -c '
			for step in upgraded killed end; do
				classify $image
				until [ -e /mnt/host/\$step ]; do sleep 0.5; done
			done'" >"$work/running" 2>&1 &
	pid=$!
	tags $pid 1 && in_bare sh -c 'dpkg -i /tmp/debs/*.deb' &&
		in_bare dpkg-query -W -f '${Version}\n' vhost-user-accel | grep -qFx "$version-1" &&
		touch "$share/upgraded" && tags $pid 2 &&
		supervisor=$(pgrep -d, -f "socket-path=/tmp/$(basename "$bare"/tmp/qemu-vaccel.*)/accel.sock") &&
		pkill -KILL -P "$supervisor" -f vhost-user-accel-worker && touch "$share/killed" && tags $pid 3 && status=0
	touch "$share/end"
	wait $pid || status=1
	umount "$bare/tmp/vm"
	return $status
}

# There are no headers of the running kernel: no error, but a message, and dkms goes on later.
driver_waits() {
	in_bare dkms status | tee "$work/status"
	grep -q '^virtio-accel/.*: added' "$work/status" &&
		in_bare dpkg-reconfigure -f noninteractive virtio-accel-dkms 2>&1 | grep 'install the linux-headers'
}

# Of the driver's package, apt's dependencies are many; the same file for all architectures, it is
# tried on amd64. So is the launcher's.
check_debs() {
	local arch=$1 ours newer=''
	[ "$arch" != amd64 ] || newer=trixie-backports
	bare=$work/bare-$arch
	check "$arch deb: a bare Debian 13" make_bare "$arch"
	ours=$(cd "$bare/tmp/debs" && for deb in *.deb; do dpkg-deb -f "$deb" Package; done)
	check "$arch deb: what they depend on" install_what_they_need
	files >"$work/before"
	if [ "$arch" = amd64 ]; then
		check "$arch deb: guest's packages" in_bare_page DEB "$arch"
		check "$arch deb: the driver waits for the kernel's headers" driver_waits
		check "$arch deb: host's packages" in_bare_page 'DEB on the host' "$arch"
		check "$arch deb: launcher" in_bare_page Launcher "$arch"
	else
		check "$arch deb: guest's packages but the driver's" in_bare_page DEB "$arch" '/dkms/d'
		check "$arch deb: host's packages" in_bare_page 'DEB on the host' "$arch" \
			"/torch/d$([ "$arch" != armhf ] || echo '; /onnx/d')"
	fi
	check "$arch deb: development files" in_bare_page Development "$arch"
	check "$arch deb: all are installed" in_bare dpkg-query -W $ours
	check "$arch deb: classify with noop" classify_says in_bare env \
		VACCEL_PLUGINS=libvaccel-noop.so classify /usr/share/vaccel/images/example.jpg
	check "$arch deb: a product with blas" in_bare env VACCEL_PLUGINS=libvaccel-blas.so sgemm --check
	check "$arch deb: vhost-user-accel starts" in_bare vhost-user-accel --version
	check "$arch deb: removed" in_bare dpkg --purge $ours
	files >"$work/after"
	check "$arch deb: nothing is left" diff "$work/before" "$work/after"
	if [ "$arch" = amd64 ]; then
		check "$arch deb: an older version" make_older "$arch"
		check "$arch deb: the older version is installed" in_bare sh -c 'dpkg -i /tmp/older/*.deb'
		[ -e "$work/vm-amd64/rootfs.img" ] || unpack_vm amd64
		check "$arch deb: upgraded while a VM runs" upgrade_with_a_vm
	fi
	umount "$bare/proc"
	rm -rf --one-file-system "$bare"
}
