# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# VMs, for check-dist, which sources it.

# The host's side is that of this machine, from the archives.
host=$work/host
host_side() {
	local name
	[ ! -d "$host" ] || return 0
	mkdir -p "$host"
	for name in vaccel vhost-user-accel; do
		check "amd64: $name for the host's side of VMs" tar xf \
			"$dist/${name}_${version}_amd64.tar.gz" --strip-components=2 -C "$host"
	done
}

unpack_vm() {
	mkdir -p "$work/vm-$1"
	check "$1: VM artifacts unpacked" tar xf "$dist/vaccel-virtio-vm_${version}_$1.tar.xz" \
		-C "$work/vm-$1"
}

# vm ARCH LABEL OPTION...: the page's example
vm() {
	local arch=$1 label=$2 dir=$work/vm-$1
	shift 2
	check "$arch: VM over $label" classify_says "$host/bin/qemu-vaccel" -t 900 --boot-timeout 600 \
		-r "$dir/rootfs.img" --drive-cache -k "$dir"/*Image-* --vcpus 2 -m 2048 --no-kvm "$@" \
		-c "classify /usr/local/share/vaccel/images/example.jpg"
}

# These unpack the archive once more.
vm_page() {
	mkdir "$work/page" && ln -s "$dist"/vaccel-virtio-vm_*_amd64.tar.xz "$work/page/" &&
		(cd "$work/page" && PATH=$host/bin:$PATH bash <(page 'The prebuilt VM' amd64))
	local status=$?
	rm -rf "$work/page"
	return $status
}

check_vm() {
	local arch=$1
	host_side
	unpack_vm "$arch"
	case $arch in
	amd64)
		check "amd64: the page's commands for the prebuilt VM" classify_says vm_page
		vm amd64 MMIO --no-pci
		;;
	arm64)
		vm arm64 PCI --cmdline-append console=ttyAMA0,115200 -M virt
		vm arm64 MMIO --cmdline-append console=ttyAMA0,115200 -M virt --no-pci
		;;
	armhf)
		vm armhf MMIO --cmdline-append console=ttyAMA0,115200 -M virt,highmem=off --no-pci \
			--cpu cortex-a15
		;;
	esac
}
