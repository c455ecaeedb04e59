# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# For the VM tests (test/vm/*.test), which source it. They are run by test/vm/run, inside the build
# root, with $bus set to "pci" or "mmio". Each check prints one line, "ok - NAME", "not ok - NAME"
# or "skip - NAME: REASON".

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
artifacts=$top/build/vm
launcher=$top/packaging/vm/qemu-vaccel
export VHOST_USER_ACCEL=${VHOST_USER_ACCEL:-$top/build/stage/usr/local/bin/vhost-user-accel}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The launcher's files are in a place of their own, so that what is left of them can be told.
export TMPDIR=$work/tmp
mkdir "$TMPDIR"

bus_options=()
[ "${bus-pci}" = pci ] || bus_options=(--no-pci)

# vm OPTION...: runs the launcher on the artifacts, with nothing but the options that every test
# wants. $work/out gets its standard output, $work/err its standard error, $status its status.
vm() {
	"$launcher" -r "$artifacts/rootfs.img" --no-kvm -t 300 "${bus_options[@]}" "$@" \
		</dev/null >"$work/out" 2>"$work/err"
	status=$?
}

# report STATUS NAME: one result; what the VM said follows a failure.
report() {
	local label="${bus+$bus: }$2"
	if [ "$1" = 0 ]; then
		echo "ok - $label"
		return
	fi
	echo "not ok - $label"
	printf '# status %s\n' "${status-none}"
	[ ! -e "$work/out" ] || tail -n 40 "$work/out" | sed 's/^/# out: /'
	[ ! -e "$work/err" ] || tail -n 20 "$work/err" | sed 's/^/# err: /'
}

# check NAME COMMAND...: passes when the command succeeds.
check() {
	local name=$1
	shift
	"$@"
	report $? "$name"
}

skip() { echo "skip - ${bus+$bus: }$1: $2"; }

status_is() { [ "$status" = "$1" ]; }
out_has() { grep -qF -- "$1" "$work/out"; }

# The launcher failed with this status and one line that holds this text.
fails_with() {
	[ "$status" = "$1" ] && [ "$(wc -l <"$work/err")" = 1 ] && grep -qF -- "$2" "$work/err"
}

# Waits up to ten seconds for the end of all processes that a launcher of this test started: they
# have its directory in their command lines.
no_process_left() {
	local i
	for ((i = 0; i < 100; i++)); do
		pgrep -f "$TMPDIR/" >/dev/null || return 0
		sleep 0.1
	done
	return 1
}

# Nothing of a launcher that has ended is left: no process, no file.
nothing_left() {
	! pgrep -f "$TMPDIR/" >/dev/null && [ -z "$(ls -A "$TMPDIR")" ]
}
