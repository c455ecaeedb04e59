#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Public models that scripts/models has fetched: each runs in one process and with a host process in the strict sandbox,
# with the same answer, which has the shapes that the model says, and finite numbers; and what can be known to be right
# is: where text is, and that silence is no voice.
#
#   public.sh BUILD CACHE LIST     the build directory, the cache, and what "scripts/models --list" has printed
#
# Prints "ok - " or "not ok - " for each. VHOST_USER_ACCEL names the host process.

build=$1 cache=$2 list=$3
here=$(cd "$(dirname "$0")" && pwd)
plugins=$build/plugins
. "$here/places.sh"
export VACCEL_LOG_LEVEL=1
infer=$build/tools/infer/vaccel-infer
python3 "$here/public.py" picture HELLO "$work/pictureHELLO.png" &&
	python3 "$here/public.py" picture '' "$work/picture.png" || exit

# run WHERE NAME MODEL: its answer is in $work/NAME-WHERE.json
run() {
	local where=$1 name=$2 model=$3 options to="$work/$2-${1%% *}.json"
	mkdir -p "$work/$name"
	"$infer" --metadata --json "$model" >"$work/metadata" && options=$(python3 "$here/public.py" inputs "$name" \
		"$work/$name" "$work/metadata") || {
		failed=1
		return
	}
	mapfile -t options <<<"$options"
	"$infer" --json "${options[@]}" "$model" >"$to" && python3 "$here/public.py" check "$name" "$to" >"$work/shapes" ||
		failed=1
}

# text WHERE MODEL: by image_segment, where PP-OCR finds some
text() {
	local letters to
	mkdir -p "$work/text"
	cp "$2" "$work/text/model.onnx"
	echo '{"vaccel_decoder": "classes", "id2label": {"0": "no text", "1": "text"}}' >"$work/text/config.json"
	echo '{"size": {"height": 160, "width": 320}}' >"$work/text/preprocessor_config.json"
	for letters in HELLO ''; do
		to=$work/map$letters-${1%% *}.png
		"$build/examples/segment" "$work/picture$letters.png" 1 "$work/text" "$to" >"$work/out" 2>&1 &&
			python3 "$here/public.py" text "$letters" "$to" && continue
		sed 's/^/# /' "$work/out"
		failed=1
	done
}

# verdict TEXT: of what both places have said
verdict() {
	if [ $failed = 0 ]; then
		echo "ok - $1"
	else
		echo "not ok - $1"
		bad=1
	fi
	failed=0
}

bad=0
while IFS=$'\t' read -r name engine directory file _; do
	[ "$name" != skip ] || continue
	[ "$engine" != llama ] || continue # text: its test asks it
	if ! has_plugin "$engine" || ! VACCEL_PLUGINS=$plugins/libvaccel-$engine.so "$build/tools/info/vaccel-info" \
		>"$work/info" 2>&1; then
		echo "skip - $name: the plugin $engine or its engine is not there"
		continue
	fi
	both_ways "$engine" run "$name" "$cache/$directory/$file"
	cmp "$work/$name-locally.json" "$work/$name-from.json" || failed=1
	verdict "public model $name: $(cat "$work/shapes")"
	[ "$name" = text_detection ] || continue
	both_ways "$engine" text "$cache/$directory/$file"
	cmp "$work/mapHELLO-locally.png" "$work/mapHELLO-from.png" || failed=1
	verdict "public model $name finds text where it is"
done <"$list"
exit $bad
