# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# The driver's package, for check-dist, which sources it: DKMS builds the module in a bare Debian 13
# for the kernels of three Debian releases, and a VM with each of them loads it. It is built there
# and not in the VM, where an emulated CPU would need most of an hour for it.

# shellcheck source=/dev/null
. "$here/check-vm.sh"
dkms_kernels='6.1 6.12 7.3'

# As scripts/build-root has them: unpacked, because headers of other releases want their own compiler.
make_dkms_root() {
	local base
	base=$(sed -n 's/^deb \(\[.*\] \)*\([^ ]*\) .*/\2/p' /etc/apt/sources.list | head -n 1)
	mmdebstrap --mode=root --variant=apt --include=dkms,gcc,libc6-dev,make,xz-utils,pahole,libelf1t64,libcurl4t64 \
		--aptopt='Apt::Install-Recommends "false"' --dpkgopt=force-unsafe-io \
		--setup-hook="printf 'deb %s %s main\n' $base trixie-backports $base bookworm \
			>\"\$1/etc/apt/sources.list.d/kernels.list\"
			printf 'Package: *\nPin: release n=bookworm\nPin-Priority: -1\n\n%s\n%s\n%s\n' \
				'Package: linux-headers-* linux-image-* linux-kbuild-*' \
				'Pin: release n=bookworm' 'Pin-Priority: 100' \
				>\"\$1/etc/apt/preferences.d/kernels\"" \
		--customize-hook="upload '$here/../../scripts/root-kernels' /tmp/root-kernels" \
		--customize-hook="chroot \"\$1\" sh /tmp/root-kernels /kernels cloud-amd64 $dkms_kernels" \
		trixie "$bare" "$base" &&
		mount -t proc proc "$bare/proc" && cp "$dist"/virtio-accel-dkms_*_all.deb "$bare/tmp/"
}

# The initial RAM disk has all modules that the VM needs: the root file system is of another kernel.
make_dkms_initrd() {
	local kernel=$1 dir=$work/dkms-initrd name file
	rm -rf "$dir"
	mkdir -p "$dir"/{bin,dev,proc,sys,root,modules}
	cp /usr/bin/busybox "$dir/bin/"
	install -m 755 "$here/../vm/guest/initrd-init" "$dir/init"
	depmod -b "$bare" "$kernel"
	for name in virtio_pci virtio_blk crc32c_generic ext4 virtio_console virtio_accel; do
		modprobe -d "$bare" -S "$kernel" --show-depends "$name" | sed -n 's/^insmod \([^ ]*\).*/\1/p'
	done | awk '!seen[$0]++' | while read -r file; do
		name=$(basename "${file%.xz}")
		case $file in
		*.xz) xz -dc "$file" >"$dir/modules/$name" ;;
		*) cp "$file" "$dir/modules/" ;;
		esac
		echo "$name" >>"$dir/modules/order"
	done
	grep -qx virtio_accel.ko "$dir/modules/order" &&
		(cd "$dir" && find . | cpio --quiet -o -H newc -R 0:0) | gzip -1 >"$work/dkms-initrd.img"
}

# The module that is loaded is the one that DKMS built.
load_in_vm() {
	local kernel=$1 series=$2 source
	source=$(modinfo -F srcversion "$bare/lib/modules/$kernel/updates/dkms/"virtio_accel.ko*) &&
		make_dkms_initrd "$kernel" &&
		classify_says "$host/bin/qemu-vaccel" -t 900 --boot-timeout 600 --no-kvm --no-share \
			-r "$work/vm-amd64/rootfs.img" -k "$bare/kernels/$series/vmlinuz" \
			--initrd "$work/dkms-initrd.img" -m 1024 -c "uname -r
				cat /sys/module/virtio_accel/srcversion
				classify /usr/local/share/vaccel/images/example.jpg" &&
		grep -qx "$kernel" "$work/classify" && grep -qx "$source" "$work/classify"
}

# $bare as a VM's disk, without what only compilers need, and with what our VM's init wants
make_dkms_image() {
	local tree=$work/dkms-tree file
	rm -rf "$tree"
	cp -alx "$bare" "$tree" || return
	rm -rf "$tree"/{kernels,boot,tmp,sbin/init,usr/lib/gcc,usr/src/linux-*,usr/share/doc}
	mkdir -p "$tree"/{tmp,mnt/host}
	cp --remove-destination /usr/bin/busybox "$tree/usr/bin/" &&
		install -m 755 "$here/../vm/guest/init" "$tree/usr/sbin/init" &&
		for file in hostname virtio-accel-group environment; do
			debugfs -R "cat /etc/$file" "$work/vm-amd64/rootfs.img" 2>/dev/null >"$work/file" &&
				cp --remove-destination "$work/file" "$tree/etc/$file" || return
		done
	for file in vaccel vaccel-virtio; do
		tar xf "$dist/${file}_${version}_amd64.tar.gz" --strip-components=2 -C "$tree/usr/local" || return
	done
	chroot "$tree" ldconfig && mke2fs -q -t ext4 -d "$tree" -m 0 "$work/dkms.img" 2G
	local status=$?
	rm -rf "$tree"
	return $status
}

# The package is removed in a VM that has the module loaded: it says that the module stays, a program
# that comes later still has its answer, and then the module goes for good.
removed_while_loaded() {
	local kernel=$1 series=$2
	make_dkms_image && make_dkms_initrd "$kernel" &&
		classify_says "$host/bin/qemu-vaccel" -t 900 --boot-timeout 600 --no-kvm --no-share \
			-r "$work/dkms.img" -k "$bare/kernels/$series/vmlinuz" \
			--initrd "$work/dkms-initrd.img" -m 1024 -c '
				ldconfig
				modinfo -F filename virtio_accel
				dpkg --purge virtio-accel-dkms || exit
				dpkg --audit
				classify /usr/local/share/vaccel/images/example.jpg || exit
				rmmod virtio_accel && ! modprobe virtio_accel && echo gone' &&
		grep -q "/updates/dkms/virtio_accel.ko" "$work/classify" &&
		has "$work/classify" "virtio_accel stays loaded" && grep -qx gone "$work/classify"
}

check_dkms() {
	local series kernel module
	[ "$1" = amd64 ] || return 0
	bare=$work/dkms
	module=virtio-accel/$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$here/../../driver/dkms.conf")
	check "dkms: a bare Debian 13 with three kernels" make_dkms_root
	check "dkms: installed" in_bare dpkg -i /tmp/virtio-accel-dkms_"$version"-1_all.deb
	host_side
	[ -e "$work/vm-amd64/rootfs.img" ] || unpack_vm amd64
	for series in $dkms_kernels; do
		kernel=$(cat "$bare/kernels/$series/version")
		check "dkms: built for $kernel" in_bare dkms install "$module" -k "$kernel"
		check "dkms: loaded in a VM with $kernel" load_in_vm "$kernel" "$series"
	done
	check "dkms: removed in a VM while $kernel has the module loaded" removed_while_loaded "$kernel" "$series"
	check "dkms: removed" in_bare dpkg --purge virtio-accel-dkms
	check "dkms: nothing is left" test -z "$(find "$bare"/usr/src/virtio-accel-* "$bare"/var/lib/dkms/virtio-accel \
		"$bare"/usr/lib/modules/*/updates -name '*virtio*' 2>/dev/null)"
	umount "$bare/proc"
}
