#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs each operation of an engine on models and pictures of examples/, here with whatever plugins the environment
# says: in one process, with a host process, in a VM.
#
#   answers.sh ENGINE PROGRAMS ANSWERS EXPECTED DATA
#
# The engine (onnx, ...), the directory of the examples, the program answers, expected.txt, and the directory of
# images/ and models/. HOST_LIB is where the host has libmytestlib.so, for exec.
# Prints for each a line "== OPERATION...", then what its program prints, then "= right" or "= wrong: ...".

engine=$1 programs=$2 answers=$3 expected=$4 data=$5
images=$data/images models=$data/models
lib=$programs/libmytestlib.so
[ -e "$lib" ] || lib=${programs%/*}/lib/libmytestlib.so
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# answer OPERATIONS PATTERN COMMAND...: the pattern is in what is printed when it is right
answer() {
	operations=$1 pattern=$2
	shift 2
	echo "== $operations"
	"$@" >"$tmp/out" 2>"$tmp/err"
	status=$?
	cat "$tmp/out"
	if [ $status = 0 ] && grep -qE -- "$pattern" "$tmp/out"; then
		echo '= right'
	else
		sed 's/^/# /' "$tmp/err"
		echo "= wrong: status $status, without $pattern"
	fi
}

# picture PROGRAM ARGUMENT...: with the check sum of the picture that it writes
picture() {
	rm -f "$tmp/picture.png"
	"$@" "$tmp/picture.png" && [ -s "$tmp/picture.png" ] && sha256sum <"$tmp/picture.png"
}

# outputs PROGRAM ARGUMENT...: without what a library prints, which is on its own side
outputs() {
	"$@" >"$tmp/all" || return
	sed -n '/^output/p' "$tmp/all"
}

# classify MODEL: the shapes
classify() {
	mkdir "$tmp/model"
	cp "$models/$1" "$models/shapes/labels.txt" "$tmp/model"
	for name in circle.jpg star.jpg triangle.jpg; do
		answer image_classify "^classification tags: ${name%.*} [01]\.[0-9]{4}\$" \
			"$programs/classify" "$images/$name" 1 "$tmp/model"
	done
}

# scene MODELS PROGRAM OPERATION PICTURE PATTERN
scene() {
	answer "$3" "imagename: \{\"operation\":\"$2\",.*$5" \
		picture "$programs/$2" "$images/$4" 1 "$models/$1/$2"
}

# What was worked out by hand, in ONNX's format
scenes() {
	scene scenes detect image_detect scene.jpg \
		'"found":3,.*"label":"circle","score":0.9[0-9]*,"box":\[[23][0-9]\.[0-9],'
	scene scenes segment image_segment scene.jpg '"found":4,.*"label":"background","class":0,"share":0.7'
	scene scenes pose image_pose figure.jpg '"label":"head","x":12[0-9]\.[0-9],"y":[56][0-9]\.'
	scene scenes depth image_depth mist.jpg '"depth":\{"min":1\.[56][0-9]*,"max":9\.[45]'
}

# What was learned, in the format of each engine
learned() {
	scene learned detect image_detect scene.jpg \
		'"found":3,.*"label":"circle","score":(1|0.9)[0-9.]*,"box":\[(2[5-9]|3[0-5])\.[0-9],'
	scene learned segment image_segment scene.jpg '"found":4,.*"label":"background","class":0,"share":0.7'
	scene learned pose image_pose figure.jpg '"label":"head","x":1[23][0-9]\.[0-9],"y":[56][0-9]\.'
	scene learned depth image_depth mist.jpg '"depth":\{"min":(0\.[6-9]|1\.)[0-9]*,"max":(9\.|10\.[0-3])'
}

# model FRAMEWORK MODEL OPERATIONS
model() {
	answer "$3" "^$1: right\$" "$answers" "$1" "$models/$2" "$expected"
}

# infer MODEL: the same by vaccel/infer.h
infer() {
	model infer "$1" 'infer_load infer_metadata infer_run infer_unload'
}

numbers() {
	for operation; do
		answer "$operation" "^$operation: right\$" "$answers" "$operation"
	done
}

case $engine in
onnx)
	classify shapes/shapes.onnx
	scenes
	learned
	infer shapes/shapes.onnx
	;;
tflite)
	classify tf/lstm2.tflite
	learned
	model tflite tf/lstm2.tflite 'tflite_model_load tflite_model_run tflite_model_unload'
	infer tf/lstm2.tflite
	;;
tf)
	model tf tf/lstm2 'tf_model_load tf_model_run tf_model_unload'
	model tf tf/frozen_graph.pb 'tf_model_load tf_model_run tf_model_unload'
	infer tf/lstm2
	infer tf/frozen_graph.pb
	;;
openvino)
	classify shapes/shapes.onnx
	scenes
	learned
	model tf tf/lstm2 'tf_model_load tf_model_run tf_model_unload'
	model tflite tf/lstm2.tflite 'tflite_model_load tflite_model_run tflite_model_unload'
	infer tf/lstm2.tflite
	;;
torch)
	classify torch/cnn_trace.pt
	learned
	model torch torch/cnn_trace.pt 'torch_model_load torch_model_run'
	infer torch/cnn_trace.pt
	numbers torch_sgemm
	;;
opencl) numbers blas_sgemm fpga_arraycopy fpga_mmult fpga_parallel fpga_vectoradd minmax ;;
opencv) answer opencv '^[0-9]+ x [0-9]+ pixels, [1-9][0-9]* of them on edges$' picture "$programs/edges" "$images/square.png" ;;
blas) numbers blas_sgemm ;;
llama)
	answer 'infer_load infer_metadata infer_unload text_begin text_next text_end text_embed' '^text: right$' \
		"$answers" text
	;;
exec)
	answer exec '^output: 20$' outputs "$programs/exec" "$HOST_LIB"
	answer exec_with_resource '^output2: 20$' outputs "$programs/exec_with_resource" "$lib"
	;;
*)
	echo "answers.sh: what is $engine?" >&2
	exit 2
	;;
esac
