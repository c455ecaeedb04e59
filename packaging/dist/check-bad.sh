# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# What make-dist does where it cannot go on, for check-dist, which sources it.

# refuses MESSAGE COMMAND...: it fails and says so
refuses() {
	local message=$1
	shift
	! "$@" >"$work/refusal" 2>&1 || return
	cat "$work/refusal"
	has "$work/refusal" "$message"
}

small_tmp() {
	# shellcheck disable=SC2016
	refuses '/tmp has 100 MiB left; 6000 are needed' unshare --mount \
		sh -c 'mount -t tmpfs -o size=100m tmpfs /tmp && exec "$0" /tmp/out amd64 tar' "$here/make-dist"
}

# What was there before is not lost for what does not fit.
full_disk() {
	mkdir -p "$work/full" && mount -t tmpfs -o size=400k tmpfs "$work/full" &&
		mkdir "$work/full/dist" && echo old >"$work/full/dist/SHA256SUMS" &&
		refuses "cannot write to $work/full" "$here/make-dist" "$work/full/dist" amd64 tar &&
		[ "$(find "$work/full" -type f)" = "$work/full/dist/SHA256SUMS" ]
	local status=$?
	umount "$work/full"
	return $status
}

interrupted() {
	local pid i
	"$here/make-dist" "$work/never" amd64 deb &
	pid=$!
	for ((i = 0; i < 600; i++)); do
		[ ! -e /tmp/vaccel-dist/deb/src/debian/files ] &&
			[ ! -d /tmp/vaccel-dist/deb/src/obj-x86_64-linux-gnu ] || break
		sleep 0.1
	done
	sleep 3
	kill -TERM $pid
	wait $pid
	[ $? = 130 ] && [ ! -e /tmp/vaccel-dist ] && [ ! -e "$work/never" ] && [ ! -e "$work/never.new" ] &&
		! grep -F /tmp/vaccel-dist /proc/mounts && ! pgrep -f '[/]tmp/vaccel-dist/'
}

check_bad() {
	check "an architecture without packages" refuses \
		"no packages for 'riscv64': use amd64, arm64, armhf" "$here/make-dist" "$work/never" riscv64 deb
	check "an unknown target" refuses "no target 'rpm': use deb, tar, vm, image" \
		"$here/make-dist" "$work/never" amd64 rpm
	check "an image without packages" refuses 'an image is made of packages: name deb, too' \
		"$here/make-dist" "$work/never" amd64 image
	check "too little room to build" small_tmp
	check "a full disk" full_disk
	check "an interrupted build" interrupted
}
