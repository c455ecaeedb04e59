#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs the inference examples with real models, and edges on a picture: with the engine in the program, and with it behind
# vhost-user-accel, in the strict sandbox. What they print is compared with what is right.
#
#   examples.sh PROGRAMS PLUGINS DATA
#
# VHOST_USER_ACCEL names the host process.

programs=$1 plugins=$2 data=$3
. "$(dirname "$0")/places.sh"
ran=0

# expect WHERE PICTURE LABEL TENSOR PROGRAM MODEL
expect() {
	"$programs/$5" "$data/images/$2" "$data/models/$6" "$data/models/shapes/labels.txt" >"$work/out" 2>"$work/err"
	local status=$?
	ran=$((ran + 1))
	if [ $status = 0 ] && grep -qx "Prediction: $3" "$work/out" && grep -qxF "Output tensor => $4" "$work/out"; then
		return
	fi
	echo "FAILED: $5 $2 $1: status $status"
	cat "$work/out" "$work/err"
	failed=1
}

# inference WHERE PROGRAM MODEL TENSOR
inference() {
	for label in circle star triangle; do
		expect "$1" "$label.jpg" "$label" "$4" "$2" "$3"
	done
}

# edges WHERE: the same picture in both places, whose edges are where a square ends
edges() {
	"$programs/edges" "$data/images/square.png" "$work/edges.png" >"$work/out" 2>"$work/err"
	local status=$?
	ran=$((ran + 1))
	[ -e "$work/first.png" ] || cp "$work/edges.png" "$work/first.png"
	if [ $status = 0 ] && grep -qE '^[0-9]+ x [0-9]+ pixels, [1-9][0-9]* of them on edges$' "$work/out" &&
		cmp "$work/first.png" "$work/edges.png"; then
		return
	fi
	echo "FAILED: edges $1: status $status"
	cat "$work/out" "$work/err"
	failed=1
}

# engine NAME PROGRAM MODEL TENSOR: inference both ways
engine() {
	both_ways "$1" inference "${@:2}"
}

engine torch torch_inference torch/cnn_trace.pt 'type:7 nr_dims:2 size:20B'
engine tflite tflite_inference tf/lstm2.tflite 'type:1 nr_dims:2 size:20B'
both_ways opencv edges
# Engines that "make check-engines" fetches
engine tf tf_inference tf/lstm2 'type:1 nr_dims:2 size:20B'
engine tf tf_inference tf/frozen_graph.pb 'type:1 nr_dims:2 size:20B'
engine openvino tf_inference tf/lstm2 'type:1 nr_dims:2 size:20B'
engine openvino tflite_inference tf/lstm2.tflite 'type:1 nr_dims:2 size:20B'

if [ $ran = 0 ]; then
	echo "skipped: no plugin that an inference example needs is built"
	exit 77
fi
exit $failed
