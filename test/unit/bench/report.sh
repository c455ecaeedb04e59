#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What bench/report.awk makes of what several processes have measured:
#
#   report.sh SOURCES

set -u
report=$1/bench/report.awk
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

cat >"$work/goals" <<'END'
# a comment
native-poll|native, quick|unix|at least|6|--op=touch
native-poll|native, small|small|at most|1.2|--op=touch
native-copied|native, copied|none|at most|0|--op=touch
vm-poll|VM, during a 10 s op, timer|idle|at most|2|--disturb=10
vm-poll|VM, during a 10 s op, noop|idle|at most|2|
native-sweep|native|unix|||--op=touch
END

# line LABEL COMPARATOR FASTER MEMCPY_US OTHERS [HANDED_OVER_US]
line() {
	printf '{"label":"%s","median_us":10.0,"comparator":"%s","comparator_median_us":70.0,' "$1" "$2"
	printf '"faster":%s,"memcpy_us":%s,"handed_over_us":%s,"wakeup_us":30.0,' "$3" "$4" "${6-40}"
	printf '"cpu":"some","load":0.1,"others":%s}\n' "$5"
}

# probe NAME RATIO OTHERS: all have the label of the first of their lines.
probe() {
	printf '{"label":"VM, during a 10 s op, timer","probe":"%s","idle_median_us":1.0,' "$1"
	printf '"busy_median_us":%s,"ratio":%s,"memcpy_us":900.0,"cpu":"some","load":2,"others":%s}\n' "$2" "$2" "$3"
}

make_table() { awk -v settings="$*" -f "$report" "$work/goals" "$work/raw" >"$work/out"; }

expect() {
	grep -qF -- "$1" "$work/out" && return
	echo "failed: not there: $1"
	cat "$work/out"
	failed=1
}

# Two of five processes were disturbed: by others, and by a slow machine. They do not count, but they are told.
{
	line 'native, quick' unix 7.0 20 0
	line 'native, quick' unix 2.0 20 35
	line 'native, quick' unix 8.0 21 10
	line 'native, quick' unix 1.0 40 0
	line 'native, quick' unix 9.0 19 2
	# A comparison that is no goal
	line 'native, quick' memcpy 0.5 20 0
	echo '{"label":"native, copied","copied":0,"cpu":"some","load":0.1}'
	probe timer 1.5 3
	probe noop 2.5 3
} >"$work/raw"
make_table native-poll native-copied vm-poll
expect '| native, quick | 10.0 us | unix 70.0 us | 8.00 | 7.00 to 9.00 | at least 6 | PASS | 20.0 us | 40.0 us | 30.0 us |'
expect '"ratio":8,"lowest":7,"highest":9,"processes":5,"undisturbed":3,'
expect '| native, small | - | small | - |  | at most 1.2 | not measured |'
expect '| native, copied | 0 bytes |  | 0.00 |  | at most 0 | PASS |  |  |  |'
expect '| VM, during a 10 s op, timer | 1.5 us | idle 1.0 us | 1.50 |  | at most 2 | PASS | 900.0 us |  |  |'
expect '| VM, during a 10 s op, noop | 2.5 us | idle 1.0 us | 2.50 |  | at most 2 | gap: 1.25 x |'
expect '3 of 5 goals reached.'

# Most were disturbed: all count, and the line says it.
{
	line 'native, quick' unix 7.0 20 0
	line 'native, quick' unix 5.0 20 35
	line 'native, quick' unix 4.0 20 11
} >"$work/raw"
make_table native-poll
expect '| 5.00 | 4.00 to 7.00 | at least 6 | gap: 1.20 x, disturbed |'
expect '"undisturbed":1,'
expect '"pass":false,"disturbed":true}'
expect '0 of 2 goals reached; 1 line was disturbed by the machine: measure again.'

# One process ran while the processors were far from each other; then all of them.
{
	line 'native, quick' unix 7.0 20 0
	line 'native, quick' unix 2.0 20 0 160
	line 'native, quick' unix 8.0 20 0
} >"$work/raw"
make_table native-poll
expect '| 7.50 | 7.00 to 8.00 | at least 6 | PASS |'
! grep -q 'far from each other' "$work/out" || expect 'no word of processors'
line 'native, quick' unix 2.0 20 0 160 >"$work/raw"
make_table native-poll
expect 'The processors are far from each other: to copy what the other one wrote takes 8.0 times as long as other'

# At most: what is faster is turned round.
line 'native, small' small 0.8 20 0 >"$work/raw"
make_table native-poll
expect '| native, small | 10.0 us | small 70.0 us | 1.25 |  | at most 1.2 | gap: 1.04 x |'

[ $failed = 0 ]
