#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# vaccel-info --check names what is wrong in a container: one fault at a time, in a container of its own. A container is
# what a runtime makes: namespaces, a read-only root with an image in it, its own /proc, /dev, /tmp and /run, no
# capabilities, and a volume with the socket of the host's service.
#
#   container.sh VACCEL-INFO LIBVACCEL PLUGINS PAGE
#
# PLUGINS is the directory of the plugins, PAGE docs/troubleshooting.md, which has a row for each fault;
# VHOST_USER_ACCEL names the host process.

set -u
info=$1 library=$2 plugins=$3 page=$4
work=$(mktemp -d) || exit 1
daemons=()
trap 'kill "${daemons[@]}" 2>/dev/null; rm -rf "$work"' EXIT
# Tests that start libvaccel themselves set it to 0; here the library starts itself.
export VACCEL_BOOTSTRAP_ENABLED=1
own=()
[ "$(id -u)" = 0 ] || own=(--user --map-root-user)
if ! unshare "${own[@]}" --mount --pid --net --fork --mount-proc true 2>"$work/err"; then
	echo "no container can be made here: $(cat "$work/err")"
	exit 77
fi

# ---- The image and the services ------------------------------------------------------------------------

image=$work/image
mkdir -p "$image/bin" "$image/lib" "$work/volume" "$work/root"
chmod 755 "$work"
cp "$info" "$image/bin/vaccel-info"
cp "$library" "$image/lib/libvaccel.so.0"
cp "$plugins/libvaccel-noop.so" "$plugins/libvaccel-virtio.so" "$image/lib/"
version=$("$info" --version | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1)

# altered FILE SED: a copy of one of the image's libraries that differs in a few bytes
altered() { sed "$2" "$image/lib/$1"; }
mkdir "$image/odd" "$image/other" "$image/damaged"
echo 'no library' >"$image/odd/text.so"
altered libvaccel-noop.so 's/^\(\x7fELF\)\x02/\1\x01/' >"$image/odd/class.so"
altered libvaccel-noop.so 's/libvaccel\.so\.0/libnobody.so.0/' >"$image/odd/lost.so"
altered libvaccel-noop.so "s/\\<${version//./\\.}\\>/9.9.9/g" >"$image/odd/built.so"
altered libvaccel.so.0 "s/\\<${version//./\\.}\\>/9.9.9/g" >"$image/other/libvaccel.so.0"
echo 'no library' >"$image/damaged/libvaccel.so.0"

serve() {
	VACCEL_PLUGINS=$plugins/libvaccel-noop.so "$VHOST_USER_ACCEL" --worker="$VHOST_USER_ACCEL-worker" \
		--socket-path="$work/volume/$1.sock" "${@:2}" >"$work/$1.log" 2>&1 &
	daemons+=($!)
	for ((i = 0; i < 400; i++)); do
		[ ! -S "$work/volume/$1.sock" ] || return
		sleep 0.05
	done
	echo "no service: $(cat "$work/$1.log")"
	exit 1
}
serve accel --max-clients=8
serve stopped
kill -STOP "${daemons[1]}"
# Sockets that nobody is behind, that hangs up, and that is another user's
python3 - "$work/volume" <<'END' &
import os, socket, sys
os.chdir(sys.argv[1])
def bind(name):
    s = socket.socket(socket.AF_UNIX)
    s.bind(name)
    return s
bind("stale.sock").close()
private = bind("private.sock")
private.listen()
os.chmod("private.sock", 0)
other = bind("new.sock")
other.listen()
os.rename("new.sock", "other.sock")
while True:
    other.accept()[0].close()
END
daemons+=($!)
for ((i = 0; i < 400; i++)); do
	[ ! -S "$work/volume/other.sock" ] || break
	sleep 0.05
done

# ---- Containers ----------------------------------------------------------------------------------------

# In new namespaces: makes the root, lets the fault change it, and becomes the command in it.
cat >"$work/enter" <<'END'
set -eu
work=$1 root=$1/root setup=$2
shift 2
mount -t tmpfs none "$root"
mkdir "$root"/{usr,etc,opt,proc,sys,dev,tmp,run,volume}
for dir in bin sbin lib lib64; do
	[ ! -L "/$dir" ] || cp -P "/$dir" "$root/$dir"
done
mount --rbind -o ro /usr "$root/usr"
mount --bind /etc "$root/etc"
mount --bind "$work/image" "$root/opt"
mount --bind "$work/volume" "$root/volume"
for dir in dev tmp run; do
	mount -t tmpfs none "$root/$dir"
done
chmod 1777 "$root"/{tmp,run}
for node in null zero full random urandom tty; do
	: >"$root/dev/$node"
	mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/shm"
mount -t tmpfs none "$root/dev/shm"
mount -t proc none "$root/proc"
eval "$setup"
mount -o remount,ro "$root"
exec chroot "$root" env -i PATH=/opt/bin:/usr/bin:/bin HOME=/ LD_LIBRARY_PATH=/opt/lib VACCEL_PLUGINS=libvaccel-noop.so \
	VACCEL_LOG_LEVEL=1 "$@"
END

# contain SETUP WORD...: what vaccel-info says; words are variables, or commands before it
contain() {
	timeout 120 unshare "${own[@]}" --mount --pid --net --fork bash "$work/enter" "$work" "$@" \
		vaccel-info --check --timeout=5 >"$work/out" 2>&1
	status=$?
}

nr=0 failed=0
bad() {
	echo "FAILED: $*"
	cat "$work/out"
	failed=$((failed + 1))
}

# fault NAME STATE TEXT ROW SETUP WORD...: the container with this fault; the line of the result begins with STATE, what is
# said has TEXT, and a row of the page has ROW
fault() {
	local name=$1 state=$2 text=$3 row=$4
	shift 4
	nr=$((nr + 1))
	contain "$@"
	grep -q "^$state" "$work/out" && grep -qF -- "$text" "$work/out" || bad "$name is not named"
	case $state in
	failed*) [ "$status" = 1 ] || bad "$name: status $status" ;;
	*) [ "$status" = 0 ] || bad "$name: status $status" ;;
	esac
	sed -n '/^## Messages/,$s/^| \(.*\) |.*/\1/p' "$page" | grep -qF -- "$row" || bad "$name: no row has '$row'"
}

remote=(VACCEL_PLUGINS=libvaccel-virtio.so VACCEL_VIRTIO_CONNECT_MS=0)
at() { echo "VACCEL_VIRTIO_SOCKET=/volume/$1.sock"; }

# Nothing is wrong: here, and with the host's service
contain :
[ "$status" = 0 ] && grep -q '^ok: call: ' "$work/out" || bad 'a good container'
contain : "${remote[@]}" "$(at accel)"
[ "$status" = 0 ] && grep -q '^ok: session: on the host: noop' "$work/out" || bad 'a good container with a host'

# The image
fault 'no library' 'failed: library: ' 'libvaccel.so.0: cannot open' 'libvaccel.so.0: ...' 'mount -t tmpfs none "$root/opt/lib"'
fault 'a damaged library' 'failed: library: ' 'file too short' 'libvaccel.so.0: ...' : LD_LIBRARY_PATH=/opt/damaged
fault 'a library of another release' 'warning: library: ' 'is 9.9.9' 'install the same release of both' : \
	LD_LIBRARY_PATH=/opt/other:/opt/lib VACCEL_VERSION_IGNORE=1
fault 'a plugin that is not in the image' 'failed: plugin libvaccel-onnx.so: ' 'cannot open shared object file' \
	'Could not load plugin X: ...' : VACCEL_PLUGINS=libvaccel-onnx.so
fault 'a plugin whose library is not in the image' 'failed: plugin /opt/odd/lost.so: ' 'libnobody.so.0: cannot open' \
	'Could not load plugin X: ...' : VACCEL_PLUGINS=/opt/odd/lost.so
fault 'a plugin that is a text' 'failed: plugin /opt/odd/text.so: ' 'file too short' 'Could not load plugin X: ...' : \
	VACCEL_PLUGINS=/opt/odd/text.so
fault 'a plugin of another architecture' 'failed: plugin /opt/odd/class.so: ' 'wrong ELF class' \
	'Could not load plugin X: ...' : VACCEL_PLUGINS=/opt/odd/class.so
fault 'a plugin that is none' 'failed: plugin libm.so.6: ' 'it is a library, but not a vAccel plugin' \
	'it is a library, but not a vAccel plugin' : VACCEL_PLUGINS=libm.so.6
fault 'a plugin for another vAccel' 'failed: plugin /opt/odd/built.so: ' 'was built for vAccel 9.9.9' \
	'was built for vAccel A' : VACCEL_PLUGINS=/opt/odd/built.so
fault 'a plugin on a volume where nothing runs' 'failed: plugin /tmp/libvaccel-noop.so: ' '(noexec)' '(noexec)' \
	'mount -o remount,noexec "$root/tmp" && cp "$work/image/lib/libvaccel-noop.so" "$root/tmp/"' \
	VACCEL_PLUGINS=/tmp/libvaccel-noop.so

# Variables
fault 'no plugins' 'failed: call: ' 'No plugins registered' 'No plugins registered' : VACCEL_PLUGINS=
fault 'a number out of range' 'failed: settings: ' 'is not a number in range' 'is not a number' : \
	VACCEL_LOG_LEVEL=99999999999999999999
fault 'a number that is none' 'warning: settings: ' 'VACCEL_VERSION_IGNORE=yes is not a number' 'is not a number' : \
	VACCEL_VERSION_IGNORE=yes
fault 'a log that cannot be written' 'warning: settings: ' 'Cannot open log file' 'Cannot open log file' : \
	VACCEL_LOG_FILE=/opt/nowhere/log

# Places and limits
fault 'no place that can be written' 'failed: run directory: ' 'make one of them writable' 'make one of them writable' \
	'mount -o remount,ro "$root/tmp"; mount -o remount,ro "$root/run"'
fault 'places that are full' 'failed: run directory: ' 'No space left on device' 'it must have room for files' \
	'mount -o remount,size=4k "$root/tmp"; mount -o remount,size=4k "$root/run"'
fault 'a /tmp where nothing runs' 'warning: run directory: ' '(noexec)' '(noexec)' \
	'mount -o remount,noexec "$root/tmp"; mount -o remount,noexec "$root/run"'
fault 'few descriptors' 'failed: library: ' 'raise the limit of open files (ulimit -n)' '(ulimit -n)' : \
	prlimit --nofile=4
# The first limit with which vaccel-info works is not enough for the library, too.
with_little='for kib in $(seq 2600 50 9000); do
	(ulimit -v "$kib"; exec "$@") >/tmp/out 2>&1
	status=$?
	grep -qE "while loading shared libraries|out of memory" /tmp/out || { cat /tmp/out; exit "$status"; }
done'
fault 'little address space' 'failed: library: ' 'ulimit -v' '(ulimit -v)' : sh -c "$with_little" sh

# The way to the host
fault 'neither a node nor a socket' 'failed: device: ' 'this machine has no virtio accelerator' \
	'this machine has no virtio accelerator' : "${remote[@]}"
fault 'a volume without the socket' 'failed: plugin libvaccel-virtio.so: ' 'nothing listens at /volume/accel.sock' \
	'nothing listens at PATH' 'mount -t tmpfs none "$root/volume"' "${remote[@]}" "$(at accel)"
fault 'a socket of a service that has gone' 'failed: plugin libvaccel-virtio.so: ' 'nothing listens at /volume/stale.sock' \
	'nothing listens at PATH' : "${remote[@]}" "$(at stale)"
fault "another user's socket" 'failed: plugin libvaccel-virtio.so: ' 'no permission to connect to /volume/private.sock' 'no permission to connect to PATH' : \
	"${remote[@]}" "$(at private)" setpriv --bounding-set=-all --inh-caps=-all --reuid=65534 --clear-groups
fault 'a socket of another service' 'failed: plugin libvaccel-virtio.so: ' 'closed or refused the connection' \
	'PATH closed or refused the connection' : "${remote[@]}" "$(at other)"
fault 'a service that is stopped' 'failed: plugin libvaccel-virtio.so: ' 'no end in 5 s' 'no end in N s (--timeout)' : \
	"${remote[@]}" "$(at stopped)"
fault 'a node that is another one' 'failed: plugin libvaccel-virtio.so: ' \
	'/dev/null is not the node of a virtio accelerator' 'is not the node of a virtio accelerator' : "${remote[@]}" \
	VACCEL_VIRTIO_DEVICE=/dev/null
fault "a plugin that the host does not have" 'failed: call: ' "The host has no plugin 'nobody'" "The host has no plugin 'X'" : \
	"${remote[@]}" "$(at accel)" VACCEL_VIRTIO_PLUGIN=nobody

kill -CONT "${daemons[1]}"
[ "$nr" -ge 25 ] || bad "only $nr faults"
echo "$nr faults, $failed failed"
[ "$failed" = 0 ]
