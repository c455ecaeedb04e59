# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2016,SC2154
#
# README's installation from the sources, for check-dist, which sources it: by an ordinary user with sudo, in a
# plain Debian 13 without dpkg-dev, where meson by itself would install to lib64. Then README's way to remove it.

# README's commands under "Install"
readme_install() {
	awk '/^#/ { here = $0 == "## Install" }
		/^```$/ { code = 0 }
		here && code
		/^```sh$/ { code = 1 }' "$here/../../README.md"
}

# And those that remove it, which stand within the text
readme_uninstall() { grep -oE '`sudo [^`]* uninstall`' "$here/../../README.md" | tr -d '`'; }

make_plain() {
	local mirror
	mirror=$(sed -n 's/^deb \(\[.*\] \)*\([^ ]*\) .*/\2/p' /etc/apt/sources.list | head -n 1)
	mmdebstrap --mode=root --variant=apt --aptopt='Apt::Install-Recommends "false"' --dpkgopt=force-unsafe-io \
		--include=sudo,gcc,libc6-dev,make,meson,pkgconf,libssl-dev,libcap-ng-dev,libseccomp-dev,libinih-dev \
		--include=passwd,kmod,xz-utils,linux-headers-amd64 trixie "$bare" "$mirror" &&
		! in_bare sh -c 'command -v dpkg-architecture' && mount -t proc proc "$bare/proc" &&
		in_bare useradd -m -s /bin/bash builder &&
		printf '%s\n' 'builder ALL=(ALL) NOPASSWD: ALL' 'Defaults env_keep += "KDIR"' \
			>"$bare/etc/sudoers.d/builder" &&
		mkdir -p "$bare/home/builder/vaccel" "$bare/lib/modules/$(uname -r)" &&
		(cd "$here/../.." && git ls-files -z | tar --null -T - -c) | tar -x -C "$bare/home/builder/vaccel" &&
		in_bare chown -R builder: /home/builder
}

# as_builder COMMAND...: runs the commands that COMMAND prints as an ordinary user, in the sources. The kernel
# that runs is not the plain Debian's.
as_builder() {
	"$@" >"$bare/tmp/commands" && [ -s "$bare/tmp/commands" ] &&
		in_bare su - builder -c 'cd vaccel && KDIR=$(echo /lib/modules/*/build) bash -eux /tmp/commands'
}

# Files of the system; what depmod writes depends on no driver of ours.
plain_files() {
	(cd "$bare" && find usr etc lib/modules -xdev ! -type d ! -path '*/modules.*' ! -path etc/ld.so.cache |
		LC_ALL=C sort)
}

is_where_readme_says() {
	[ ! -e "$bare/usr/local/lib64" ] && [ -e "$bare/usr/local/lib/libvaccel.so.0" ] &&
		[ -d "$bare/usr/local/etc/vaccel" ] && find "$bare/lib/modules" -name 'virtio_accel.ko*' | grep .
}

# README's program, which finds headers and library without being told where they are
program_runs() {
	awk '/^```/ { code = $0 == "```c"; next } code' "$here/../../README.md" >"$bare/tmp/multiply.c" &&
		as_builder echo 'cc /tmp/multiply.c -o ../multiply $(pkg-config --cflags --libs vaccel)
			VACCEL_PLUGINS=libvaccel-noop.so ../multiply'
}

check_source() {
	local bare=$work/plain
	[ "$1" = amd64 ] || return 0
	check "source: a plain Debian 13 without dpkg-dev" make_plain
	[ -e "$bare/home/builder/vaccel/meson.build" ] || return
	plain_files >"$work/before"
	check "source: README's commands, by an ordinary user" as_builder readme_install
	check "source: files are where README says" is_where_readme_says
	check "source: a program is built and runs" program_runs
	check "source: README's way to remove it" as_builder readme_uninstall
	plain_files >"$work/after"
	check "source: nothing is left" diff "$work/before" "$work/after"
	umount "$bare/proc"
	rm -rf --one-file-system "$bare"
}
