#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Each operation of each engine that is there: right answers in one process, and the same from a host process in the
# strict sandbox. Prints the cells of the table in docs/engines.md: see compare and table.
#
#   cells.sh PROGRAMS PLUGINS DATA ANSWERS INFO
#
# The directories of the examples, the plugins and of images/ and models/; the programs answers and vaccel-info.

programs=$1 plugins=$2 data=$3 answers=$4 info=$5
here=$(cd "$(dirname "$0")" && pwd)
. "$here/places.sh"
export HOST_LIB=$programs/libmytestlib.so
host_options=(--allow=exec,exec_with_resource "--allow-path=$programs")
ran=0

# answers WHERE ENGINE
answers() {
	local place=local files=("$work/local")
	if [ "$1" != locally ]; then
		place=native files=("$work/native" "$work/local")
	fi
	"$here/answers.sh" "$2" "$programs" "$answers" "$here/expected.txt" "$data" >"${files[0]}"
	"$here/compare" "$2" $place "${files[@]}" && return
	failed=1
	tail -n +1 "${files[@]}"
}

for engine in onnx tflite tf openvino torch llama opencl opencv blas exec; do
	has_plugin $engine || continue
	if ! VACCEL_PLUGINS=$plugins/libvaccel-$engine.so "$info" >"$work/info" 2>&1; then
		echo "skipped: $engine: $(head -n 1 "$work/info")"
		continue
	fi
	sed -n 's/^ \{2,\}//p' "$work/info" | tr ' ' '\n' | sed "s/^/# operation: $engine /"
	both_ways $engine answers $engine
	ran=$((ran + 1))
done
[ $ran -gt 0 ] || exit 77
exit $failed
