# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# For tests of engines that run programs, which source it: in one process, and with a host process. $plugins is the
# directory of the plugins, and VHOST_USER_ACCEL names the host process.

work=$(mktemp -d) || exit 1
daemon='' failed=0
trap '[ -z "$daemon" ] || kill "$daemon" 2>/dev/null; rm -rf "$work"' EXIT
# Tests that start libvaccel themselves set it to 0; here the library starts itself.
export VACCEL_BOOTSTRAP_ENABLED=1 VACCEL_VIRTIO_SOCKET=$work/accel.sock

# has_plugin NAME: it was built, and where its engine is fetched, it has been
has_plugin() {
	case $1 in
	tf) [ -n "${VACCEL_TF_LIBRARY-}" ] || return ;;
	openvino) [ -n "${VACCEL_OPENVINO_LIBRARY-}" ] || return ;;
	llama) [ -n "${VACCEL_LLAMA_LIBRARY-}" ] || return ;;
	esac
	[ -e "$plugins/libvaccel-$1.so" ]
}

host_options=()
# both_ways NAME FUNCTION ARGUMENT...: calls FUNCTION WHERE ARGUMENT..., with "locally" and "from a host process"
both_ways() {
	local name=$1 function=$2
	has_plugin "$name" || return 0
	shift 2
	VACCEL_PLUGINS=$plugins/libvaccel-$name.so "$function" "locally" "$@"
	VACCEL_PLUGINS=$plugins/libvaccel-$name.so "$VHOST_USER_ACCEL" --socket-path="$VACCEL_VIRTIO_SOCKET" \
		--worker="$VHOST_USER_ACCEL-worker" --sandbox=strict "${host_options[@]}" >"$work/log" 2>&1 &
	daemon=$!
	for ((i = 0; i < 600; i++)); do
		[ ! -S "$VACCEL_VIRTIO_SOCKET" ] && kill -0 "$daemon" || break
		sleep 0.05
	done
	VACCEL_PLUGINS=$plugins/libvaccel-virtio.so VACCEL_VIRTIO_CONNECT_MS=0 "$function" "from a host process" "$@"
	kill "$daemon"
	wait "$daemon" || failed=1
	daemon=''
	[ $failed = 0 ] || cat "$work/log"
}
