#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs the examples on plugins behind vhost-user-accel, without a VM, with what examples/check.sh
# expects of them:
#
#   examples.sh CHECK PROGRAMS PLUGINS DATA
#
# CHECK is check.sh, the others are its arguments; VHOST_USER_ACCEL names the host process.

check=$1 programs=$2 plugins=$3 data=$4
work=$(mktemp -d) || exit 1
daemon=''
trap '[ -z "$daemon" ] || kill "$daemon" 2>/dev/null; rm -rf "$work"' EXIT
export VACCEL_VIRTIO_SOCKET=$work/accel.sock HOST_LIB=$programs/libmytestlib.so HOST_PLUGIN
# Tests that start libvaccel themselves set it to 0; here the library starts itself.
export VACCEL_BOOTSTRAP_ENABLED=1
failed=0

for HOST_PLUGIN in noop exec mbench onnx; do
	[ -e "$plugins/libvaccel-$HOST_PLUGIN.so" ] || continue
	VACCEL_PLUGINS=$plugins/libvaccel-$HOST_PLUGIN.so "$VHOST_USER_ACCEL" \
		--socket-path="$VACCEL_VIRTIO_SOCKET" --worker="$VHOST_USER_ACCEL-worker" \
		--allow=exec,exec_with_resource >"$work/log" 2>&1 &
	daemon=$!
	for ((i = 0; i < 200; i++)); do
		[ ! -S "$VACCEL_VIRTIO_SOCKET" ] || break
		sleep 0.05
	done
	echo "on the host: $HOST_PLUGIN"
	sh "$check" "$programs" "$plugins" "$data" || failed=1
	kill "$daemon"
	wait "$daemon" || failed=1
	daemon=''
	if [ $failed != 0 ]; then
		cat "$work/log"
		exit 1
	fi
done
