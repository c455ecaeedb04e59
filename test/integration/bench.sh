#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# vaccel-bench: what it prints, what it notices, and how it ends.
#
#   bench.sh VACCEL-BENCH PLUGINS
#
# PLUGINS is the directory of the plugins; VHOST_USER_ACCEL names the host process.

bench=$1 plugins=$2
work=$(mktemp -d) || exit 1
daemon='' failed=0
trap '[ -z "$daemon" ] || kill "$daemon" 2>/dev/null; rm -rf "$work"' EXIT
# Tests that start libvaccel themselves set it to 0; here the library starts itself.
export VACCEL_BOOTSTRAP_ENABLED=1 VACCEL_VIRTIO_SOCKET=$work/accel.sock

bad() {
	echo "failed: $*"
	cat "$work/out" "$work/err"
	failed=1
}

# run PLUGIN ARGUMENT...: a short benchmark
run() {
	local plugin=$1
	shift
	VACCEL_PLUGINS=${plugin:+$plugins/libvaccel-$plugin.so} timeout 60 "$bench" --rounds=2 --calls=2 \
		"$@" >"$work/out" 2>"$work/err"
	status=$?
}

# ends STATUS TEXT NAME: how the last run ended, and what it said
ends() {
	[ "$status" = "$1" ] || bad "$3: status $status, not $1"
	grep -qF -- "$2" "$work/out" "$work/err" || bad "$3: '$2' is not said"
}

lines_with() { grep -cE -- "$1" "$work/out"; }

start() {
	VACCEL_PLUGINS=$plugins/libvaccel-bench.so "$VHOST_USER_ACCEL" --worker="$VHOST_USER_ACCEL-worker" \
		--socket-path="$VACCEL_VIRTIO_SOCKET" "$@" >"$work/log" 2>&1 &
	daemon=$!
	for ((i = 0; i < 200; i++)); do
		[ ! -S "$VACCEL_VIRTIO_SOCKET" ] || break
		sleep 0.05
	done
}

stop() {
	kill "$daemon"
	wait "$daemon" || bad "vhost-user-accel ended with status $?"
	daemon=''
}

# Each op and each comparator, with the plugin in the same process and behind vhost-user-accel.
start --allow=exec
for plugin in bench virtio; do
	export VACCEL_TRACE=$work/trace.json
	run $plugin --op=noop,touch,echo,copy,sum,fill,compute --compute-us=50 --size=64,64K --threads=1,2 \
		--compare=unix,eventfd,poll,memcpy,local,single,small,untraced --label=all --json
	ends 0 '"label":"all"' "$plugin: everything"
	# noop and compute have one size; each case has a line of its own and one for each comparator.
	[ "$(lines_with '^\{.*\}$')" = $(((5 * 2 + 2) * 2 * 9)) ] || bad "$plugin: some lines are missing"
	[ "$(lines_with '"comparator":"unix".*"faster":[0-9.]+,')" = 24 ] || bad "$plugin: no comparison"
	[ "$(lines_with '"op":"echo","path":"pinned","bytes":65536,"threads":2,')" = 9 ] ||
		bad "$plugin: no echo of 64 KiB in two threads"
	[ "$(lines_with '"median_us":0.000')" = 0 ] || bad "$plugin: something took no time"
	[ "$(lines_with '"comparator":"untraced".*"faster":[0-9.]+,')" = 24 ] || bad "$plugin: no trace"
	unset VACCEL_TRACE
	run $plugin --compare=untraced
	ends 64 'set VACCEL_TRACE' "$plugin: no trace to compare with"
	run $plugin --path=registered --op=echo,copy,sum,fill --size=64,1M
	ends 0 registered "$plugin: registered memory"
done
stop

run bench
ends 0 'load ' 'a table'
[ "$(lines_with '^touch')" = 4 ] || bad 'a table: four sizes are the default'

run bench --machine --json --size=64 --compare=memcpy
ends 0 '"memcpy_us"' 'the machine'
[ "$(lines_with '"memcpy_us":[0-9.]+,"handed_over_us":[0-9.]+,"wakeup_us":[0-9.]+,')" = 2 ] || bad 'the machine: not in each line'
[ "$(lines_with '"(memcpy|handed_over|wakeup)_us":0.000')" = 0 ] || bad 'the machine takes no time'

run bench --machine --disturb=1 --disk="$bench" --json
ends 0 '"probe"' 'a disturbance'
for probe in timer noop disk; do
	grep -q "\"probe\":\"$probe\".*\"ratio\":.*\"memcpy_us\":" "$work/out" || bad "no probe of the $probe"
done
run bench --disturb=1 --console=/dev/null
ends 1 'the probe of the console failed' 'a console that is no terminal'
run bench --disturb=1 --disk=/nowhere
ends 66 'cannot read /nowhere' 'a disk that is not there'

# What is wrong is noticed: the plugin noop answers each function with what it read.
run noop --op=fill --size=64K
ends 1 'fill: what came back is wrong' 'a wrong fill'
run noop --op=copy --size=64K
ends 0 copy 'the copy of another plugin'
run noop --op=sum --size=64K
ends 1 'sum: what came back is wrong' 'a wrong sum'
run mbench --op=touch
ends 1 'needs the plugin libvaccel-bench.so' 'another plugin'
start
run virtio --op=touch
ends 1 'start vhost-user-accel with --allow=exec' 'a host that refuses'
stop
run '' --op=touch
ends 69 'set VACCEL_PLUGINS' 'no plugin'
run bench --compare=vsock --vsock=2:9
ends 69 'no vsock connection to 2:9' 'no vsock'

for option in --op=what --path=what --size=0 --size=64X --size=, --threads=0 --threads=65 --rounds=0 \
	--compare=what --cpus=1 --cpus=0,x --vsock=2 --disturb=0 --label what; do
	run bench $option
	ends 64 'vaccel-bench' "$option"
done
run bench --path=inline --size=64K
ends 64 'no size fits a path' 'a path that does not fit'
run bench --op=copy --size=65
ends 64 'no size fits a path' 'a size that is no number of elements'
run bench --cpus=1023,0
ends 64 'processor 1023 cannot be used' 'a processor that is not there'
run bench --serve=/nowhere/at/all
ends 73 'cannot listen on /nowhere/at/all' 'a server without a place'

[ $failed = 0 ]
