#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs each example with the plugins that are built and compares output and exit status with what
# the interface promises.
#
#   check.sh PROGRAMS_DIR PLUGINS_DIR DATA_DIR
#
# The directories of the programs, of the plugins, and of images/ and models/. libmytestlib.so is in
# one of the first two. Meson names in MESON_EXE_WRAPPER what runs programs of another architecture.
#
# With HOST_PLUGIN in the environment the programs use the plugin virtio, and HOST_PLUGIN is the one
# (noop, exec, ...) that a host has on its other end; the host's libmytestlib.so is HOST_LIB.

programs=$1 plugins=$2 data=$3
run=${MESON_EXE_WRAPPER-}
lib=$programs/libmytestlib.so
[ -e "$lib" ] || lib=$plugins/libmytestlib.so
host=${HOST_PLUGIN-}
# For exec, which hands on the path only
exec_lib=${HOST_LIB-$lib}
image=$data/images/example.jpg
labels=$data/labels/imagenet.txt
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
failed=0
nr=0

# expect STATUS TEXT PROGRAM ARGUMENT...: standard output is TEXT, each line of which ends with \n
expect() {
	status=$1 text=$2 program=$3
	shift 3
	nr=$((nr + 1))
	$run "$programs/$program" "$@" >"$tmp/out" 2>"$tmp/err"
	got=$?
	# shellcheck disable=SC2059
	printf "$text" >"$tmp/expected"
	if [ $got = "$status" ] && cmp -s "$tmp/expected" "$tmp/out"; then
		return
	fi
	failed=$((failed + 1))
	echo "FAILED: $program $* (plugin $plugin): status $got, expected $status"
	diff -u "$tmp/expected" "$tmp/out"
	cat "$tmp/err"
}

# expect_error TEXT: what the last program said on standard error
expect_error() {
	grep -q -- "$1" "$tmp/err" && return
	failed=$((failed + 1))
	echo "FAILED: \"$1\" is not in the errors:"
	cat "$tmp/err"
}

# use PLUGIN: false when it is not built, or not the host's
use() {
	plugin=$1
	if [ -n "$host" ]; then
		[ "$1" = "$host" ] || return 1
		export VACCEL_PLUGINS="$plugins/libvaccel-virtio.so"
		return
	fi
	[ -e "$plugins/libvaccel-$1.so" ] || return 1
	export VACCEL_PLUGINS="$plugins/libvaccel-$1.so"
}

# both_sides HOST_RESULT: a session of each kind, of which the local one has plugin noop
both_sides() {
	VACCEL_PLUGINS="$plugins/libvaccel-noop.so:$plugins/libvaccel-virtio.so"
	sessions='Initialized virtio session with id: 1\nInitialized local session with id: 2\n'
	outputs="output(2x10): $1\noutput(2x10): 10\n"
	expect 0 "$sessions$outputs$outputs" local_and_virtio "$exec_lib" 2
}

export VACCEL_LOG_LEVEL=1 VACCEL_BOOTSTRAP_ENABLED=1
unset VACCEL_LOG_FILE VACCEL_ONNX_MODEL VACCEL_ONNX_LABELS
session='Initialized session with id: 1\n'
name='This is a dummy imgname!\n'
one='I got nr_in: 1, nr_out: 1\n'
three="${one}I got input: 10\nWill return output: 20\n"
# What a library prints appears on its side.
[ -z "$host" ] || one='' three=''

if use noop; then
	expect 0 "$session" noop
	expect 0 "$session" noop 5
	for variant in '' _generic; do
		expect 0 "${session}classification tags: This is a dummy classification tag!\nclassification imagename: $name" \
			classify$variant "$image"
		expect 0 "${session}depth estimation imagename: $name" depth$variant "$image" 2
		expect 0 "${session}pose estimation imagename: $name" pose$variant "$image" 1 "$data/models/shapes"
		expect 0 "${session}detection imagename: $name" detect$variant "$image"
		expect 0 "${session}segmentation imagename: $name" segment$variant "$image"
		expect 0 "$session" sgemm$variant 2 "$tmp/result"
		expect 0 "${session}output: 10\n" exec$variant "$exec_lib"
	done
	expect 71 "${session}sgemm check: FAILED (max error 1e+30, at most 0.001 is right)\n" sgemm --check
	expect 0 "${session}Input: 0 2 4 6 8 10 \nOutput: 0 2 4 6 8 10 \n" exec_serialized "$exec_lib"
	expect 0 "${session}output1: 10\noutput2: 10\n" exec_with_resource "$lib"
	expect 0 "$session" mbench 10 "$lib"

	if [ -z "$host" ]; then
		# Errors have their names, and say what to do.
		nr=$((nr + 1))
		$run "$programs/local_and_virtio" "$lib" >"$tmp/out" 2>"$tmp/err"
		[ $? = 95 ] || failed=$((failed + 1))
		expect_error '^Could not initialize virtio session: 95 (ENOTSUP), .*VACCEL_PLUGINS'
	else
		both_sides 10
		use noop
	fi

	if [ -e "$programs/tf_inference" ]; then
		model='Initialized model resource 1\nInitialized vAccel session 1\n'
		# The largest value of the echo of example.jpg is the first.
		prediction='Prediction: tench, Tinca tinca\n'
		handled='code:0 message:Operation handled by noop plugin\n'
		models=$data/models
		expect 0 "${model}Session load status => ${handled}Session run status => ${handled}Success!\nOutput tensor => type:1 nr_dims:4 size:602112B\n${prediction}Session delete status => $handled" \
			tf_inference "$image" "$models/tf/lstm2" "$labels"
		expect 0 "${model}Session run status: 0\nSuccess!\nOutput tensor => type:1 nr_dims:4 size:602112B\n$prediction" \
			tflite_inference "$image" "$models/tf/lstm2.tflite" "$labels"
		expect 0 "${model}Success!\nResult Tensor :\nOutput tensor => type:7 nr_dims:4 size:602112B\n$prediction" \
			torch_inference "$image" "$models/torch/cnn_trace.pt" "$labels"
		expect_error '^The result is the picture itself: no model has run'
	fi

	# wrong arguments
	for program in "$programs"/*; do
		[ -f "$program" ] && [ -x "$program" ] || continue
		case $program in *.so* | *.sh | */vaccel-*) continue ;; esac
		expect 22 '' "$(basename "$program")" a b c d e f
		expect_error "^Usage: "
		usage=$(grep '^Usage: ' "$tmp/err")
		expect 0 "$usage\n" "$(basename "$program")" --help
		expect 0 "$usage\n" "$(basename "$program")" -h
	done
	expect 22 '' classify
	expect_error '^Usage: .*classify image_file \[iterations\] \[model_path\]$'
	expect 22 '' detect
	expect_error '^Usage: .*detect image_file \[iterations\] \[model_path\] \[picture_path\]$'
	expect 22 '' noop x
	expect 2 '' classify /nonexistent
	expect_error '^Could not read /nonexistent'
fi

if use exec; then
	for variant in '' _generic; do
		expect 0 "${session}${three}output: 20\n" exec$variant "$exec_lib"
	done
	expect 0 "${session}${three}output: 20\n${three}output: 20\n" exec "$exec_lib" 2
	expect 0 "${session}Input: 0 2 4 6 8 10 \n${one}Output: 10 8 6 4 2 0 \n" \
		exec_serialized "$exec_lib"
	expect 0 "${session}${three}output1: 20\n${three}output2: 20\n" exec_with_resource "$lib"
	[ -z "$host" ] || both_sides 20
fi

if use mbench; then
	expect 0 "$session" mbench 5 "$lib" 2
	nr=$((nr + 1))
	$run "$programs/mbench" 0 "$lib" >"$tmp/out" 2>"$tmp/err"
	if [ $? != 22 ]; then
		failed=$((failed + 1))
		echo "FAILED: mbench 0 did not end with status 22"
	fi
	expect_error '^Could not run op: 22 (EINVAL), '
fi

kind=ordinary
[ -z "$host" ] || kind=registered
if use blas; then
	for variant in '' _generic; do
		nr=$((nr + 1))
		if ! $run "$programs/sgemm$variant" --check >"$tmp/out" 2>"$tmp/err" ||
			! grep -q '^sgemm check: OK' "$tmp/out"; then
			failed=$((failed + 1))
			echo "FAILED: sgemm$variant --check"
			cat "$tmp/out" "$tmp/err"
		fi
		nr=$((nr + 1))
		if ! $run "$programs/sgemm$variant" --registered --check >"$tmp/out" 2>"$tmp/err" ||
			! grep -q '^sgemm check: OK' "$tmp/out" ||
			! grep -qx "sgemm memory: $kind" "$tmp/out"; then
			failed=$((failed + 1))
			echo "FAILED: sgemm$variant --registered --check"
			cat "$tmp/out" "$tmp/err"
		fi
	done
fi

if use onnx; then
	for shape in circle.jpg cross.png square.png star.jpg triangle.jpg; do
		for variant in '' _generic; do
			nr=$((nr + 1))
			$run "$programs/classify$variant" "$data/images/$shape" 1 "$data/models/shapes" >"$tmp/out" 2>"$tmp/err"
			grep -q "^classification tags: ${shape%.*} [01]\.[0-9]*\$" "$tmp/out" && continue
			failed=$((failed + 1))
			echo "FAILED: classify$variant $shape"
			cat "$tmp/out" "$tmp/err"
		done
	done
fi

# scene PROGRAM PICTURE PATTERN: the answer, and the picture that belongs to it, here or from the host
scene() {
	for variant in '' _generic; do
		nr=$((nr + 1))
		rm -f "$tmp/picture.png"
		$run "$programs/$1$variant" "$data/images/$2" 2 "$data/models/scenes/$1" "$tmp/picture.png" \
			>"$tmp/out" 2>"$tmp/err" && grep -q "imagename: {\"operation\":\"$1\",.*$3" "$tmp/out" &&
			[ "$(head -c 4 "$tmp/picture.png" | tail -c 3)" = PNG ] &&
			[ "$(tail -c 8 "$tmp/picture.png" | head -c 4)" = IEND ] && continue
		failed=$((failed + 1))
		echo "FAILED: $1$variant $2"
		cat "$tmp/out" "$tmp/err"
	done
}

if use onnx; then
	scene detect scene.jpg '"found":3,.*"label":"circle","score":0.9[0-9]*,"box":\[[23][0-9]\.[0-9],'
	scene segment scene.jpg '"found":4,.*"label":"background","class":0,"share":0.7'
	scene pose figure.jpg '"label":"head","x":12[0-9]\.[0-9],"y":[56][0-9]\.'
	scene depth mist.jpg '"depth":{"min":1\.[56][0-9]*,"max":9\.[45]'
fi

# A file beside the model is found where the model was registered, and no guest's host looks for it.
if use onnx; then
	nr=$((nr + 1))
	$run "$programs/classify" "$data/images/circle.jpg" 1 "$data/models/shapes/shapes.onnx" >"$tmp/out" 2>&1
	got=$?
	if [ -z "$host" ]; then
		grep -q '^classification tags: circle [01]\.' "$tmp/out"
	else
		[ $got = 2 ] && grep -q 'Register the directory that has the model and its labels.txt' "$tmp/out"
	fi || {
		failed=$((failed + 1))
		echo "FAILED: classify with a model that is a single file: status $got"
		cat "$tmp/out"
	}
fi

# One report with the times of both sides: what is measured here, and on the host.
if [ -n "$host" ] && use noop; then
	nr=$((nr + 1))
	VACCEL_PROFILING_ENABLED=1 VACCEL_LOG_LEVEL=3 $run \
		"$programs/classify" "$image" 3 >"$tmp/out" 2>&1
	for side in '' 'host: '; do
		grep -q "\[prof\] ${side}vaccel_image_classify_op: total_time: [1-9][0-9]* nsec nr_entries: 3\( avg_time: [1-9][0-9]* nsec ops_per_sec: [0-9.]*\)\?\$" \
			"$tmp/out" && continue
		failed=$((failed + 1))
		echo "FAILED: no profile \"${side}\""
		cat "$tmp/out"
	done
fi

if [ $nr = 0 ]; then
	echo "no plugin is built: nothing to run"
	exit 77
fi
echo "$nr programs run, $failed failed"
[ $failed = 0 ]
