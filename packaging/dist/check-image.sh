# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# The container image, for check-dist, which sources it.

# Podman as the page calls it, with a store of its own and without what a machine in a machine may
# lack (networks, higher limits). Without /dev/kvm there is nothing to hand on. Its cache is at a fixed
# place, where this root is read-only.
make_podman() {
	mount -t tmpfs tmpfs /var/cache && mkdir -p "$work/bin" && cat >"$work/bin/podman" <<-EOF
		#!/bin/bash
		arguments=("\$@")
		if [ "\$1" = run ]; then
			arguments=(run --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --network none "\${@:2}")
			[ -e /dev/kvm ] || arguments=("\${arguments[@]/--device=\/dev\/kvm/--tty}")
		fi
		export TMPDIR=$work PODMAN_IGNORE_CGROUPSV1_WARNING=1
		exec /usr/bin/podman --root "$work/containers" --runroot "$work/containers-run" \
			--runtime runc --cgroup-manager cgroupfs --events-backend file "\${arguments[@]}"
	EOF
	chmod +x "$work/bin/podman"
}

# image_page DIRECTORY HEADING ARCH [EXPRESSION]: with a terminal, because the page says -it
image_page() {
	page "$2" "$3" | sed "${4-}" >"$work/commands"
	(cd "$1" && PATH=$work/bin:$PATH TERM=dumb timeout 900 script -qec "bash $work/commands" /dev/null)
}

# The first command boots to a shell, where we type; the current directory is shared.
shell_in_image() {
	mkfifo "$work/typed"
	: >"$work/shell"
	(
		exec 3>"$work/typed"
		for ((i = 0; i < 600; i++)); do
			[ -e "$work/typed" ] || exit
			! grep -q '[#$] ' "$work/shell" || break
			sleep 1
		done
		echo 'classify /usr/local/share/vaccel/images/example.jpg' >&3
		echo 'ls /mnt/host' >&3
		echo 'exit 5' >&3
	) &
	image_page "$work/image" Shell amd64 <"$work/typed" >"$work/shell"
	local status=$?
	rm "$work/typed"
	wait $!
	cat "$work/shell"
	# A line of the host's log may come within one of the guest's.
	perl -0pi -e 's/\d{4}\.\d\d\.\d\d-[^\n]*\n//g' "$work/shell"
	[ $status = 5 ] && has "$work/shell" 'This is a dummy classification tag!' &&
		has "$work/shell" rootfs.img
}

# The page's example, compared line by line with vAccel's own transcript
transcript_in_image() {
	image_page "$work/image" "$@" >"$work/transcript" || { cat "$work/transcript"; return 1; }
	# The terminal shows that nothing is typed as "^@".
	sed 's/\r//g; s/^^@//; /^qemu-vaccel: warning: KVM/d' "$work/transcript" | "$here/../../test/vm/normalise" |
		diff "$here/../../test/vm/classify.transcript" -
}

# Two containers, neither of them root's
containers_in_image() {
	image_page "$work" 'Containers that share an accelerator' amd64 >"$work/containers.out"
	local status=$?
	cat "$work/containers.out"
	[ $status = 0 ] && has "$work/containers.out" 'This is a dummy classification tag!'
}

# image_program ARCH PROGRAM: runs in what the image holds, where podman does not run that ARCH.
image_program() {
	local tree=$work/image-$1
	emulate "$1"
	if [ ! -d "$tree" ]; then
		mkdir "$tree" && skopeo --insecure-policy --tmpdir "$work" copy --quiet \
			"oci-archive:$dist/qemu-vaccel_${version}_$1.oci.tar" "dir:$work/image-dir" &&
			tar -xz -C "$tree" -f "$(find "$work/image-dir" -size +1M -type f)" || return
		rm -rf "$work/image-dir"
	fi
	chroot "$tree" "${@:2}"
}

vm_artifacts() {
	[ -e "$work/vm-$1/rootfs.img" ] || { mkdir -p "$work/vm-$1" &&
		tar xf "$dist/vaccel-virtio-vm_${version}_$1.tar.xz" -C "$work/vm-$1"; } &&
		mkdir -p "$work/image" && ln -sfn "../vm-$1" "$work/image/vm-artifacts"
}

check_image() {
	local arch=$1
	case $arch in
	amd64)
		check "amd64 image: podman" make_podman
		check "amd64 image: loaded" image_page "$dist" Load amd64
		check "amd64 image: two containers" containers_in_image
		check "amd64 image: VM artifacts" vm_artifacts amd64
		check "amd64 image: a shell in a VM" shell_in_image
		check "amd64 image: the page's example" transcript_in_image 'Single command' amd64
		check "amd64 image: without /dev/kvm" transcript_in_image 'Single command' amd64 \
			's/--device=[^ ]*//'
		if [ -e "$dist/vaccel-virtio-vm_${version}_arm64.tar.xz" ]; then
			check "amd64 image: VM artifacts of aarch64" vm_artifacts arm64
			check "amd64 image: the page's example on aarch64" \
				transcript_in_image 'Single command on aarch64' amd64
		fi
		"$work/bin/podman" rmi -af >/dev/null 2>&1
		;;
	arm64)
		check "arm64 image: its launcher in a chroot, not podman" image_program arm64 \
			/usr/bin/qemu-vaccel --help
		check "arm64 image: QEMU in a chroot" image_program arm64 \
			qemu-system-aarch64 -device vhost-user-test-device,help
		check "arm64 image: vhost-user-accel in a chroot" image_program arm64 \
			vhost-user-accel --version
		rm -rf "$work/image-arm64"
		;;
	esac
}
