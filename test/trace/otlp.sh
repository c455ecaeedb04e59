#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The profiling backend otlp: what it hands on, and that nothing that happens to that harms the program.
#
#   otlp.sh PROGRAM PLUGIN... (the example noop; the plugins noop and otlp)

set -eu
here=$(dirname "$0")
program=$1
VACCEL_PLUGINS=$2:$3
work=$(mktemp -d)
server=
stop_server() {
	[ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" 2>/dev/null; } || :
	server=
}
trap 'stop_server; rm -rf "$work"' EXIT
export VACCEL_PLUGINS VACCEL_PROFILING_ENABLED=1 VACCEL_PROFILING_BACKEND=otlp VACCEL_LOG_LEVEL=2
export OTEL_EXPORTER_OTLP_HEADERS='x-key=a%20b' OTEL_EXPORTER_OTLP_TIMEOUT=1000
unset VACCEL_TRACE VACCEL_OTLP_FILE OTEL_EXPORTER_OTLP_TRACES_ENDPOINT OTEL_SERVICE_NAME http_proxy

# run NR [LIMIT...]: NR calls; it ends well, and in time
run() {
	local nr=$1
	shift
	"$@" timeout 60 "$program" "$nr" >"$work/out" 2>&1 || { cat "$work/out"; echo "the program failed: $?"; exit 1; }
}

limit_files() {
	(ulimit -f 100 && "$@")
}

# said TEXT [TIMES]: what is in the log
said() {
	[ "$(grep -c -- "$1" "$work/out")" = "${2-1}" ] || { cat "$work/out"; echo "\"$1\" was not said ${2-1} times"; exit 1; }
}

start_server() {
	stop_server
	rm -f "$work/url" "$work/received"
	"$here/otlp-server" "$work" "$1" &
	server=$!
	for _ in {1..600}; do
		[ ! -e "$work/url" ] || break
		sleep 0.1
	done
	OTEL_EXPORTER_OTLP_ENDPOINT=$(cat "$work/url")
	export OTEL_EXPORTER_OTLP_ENDPOINT
}

check() {
	local file=$1
	shift
	python3 "$here/check-otlp" "$file" "$@"
}

# All arrives, also when a program makes spans faster than they are handed on, up to the queue's size.
start_server good
export OTEL_SERVICE_NAME='a "service"'
run 3000
said '<warn>' 0
check "$work/received" --spans vaccel_noop_op=3000 --spans session_init=1 --spans session_release=1
grep -q '"service.name","value":{"stringValue":"a \\"service\\""}' "$work/received"
grep -q '"vaccel.plugin","value":{"stringValue":"noop"}' "$work/received"

# A whole address is used as it is.
: >"$work/received"
OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=${OTEL_EXPORTER_OTLP_ENDPOINT}v1/traces OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 run 1
check "$work/received" --spans vaccel_noop_op=1

# A server that refuses, one that does not answer, and none: said once, with what was lost
start_server 503
run 5
said 'it answers with HTTP status 503; they are lost'
said '7 spans were lost'
start_server slow
run 5
said 'Cannot hand spans on to http://127.0.0.1:[0-9]*/v1/traces: .*; they are lost'
said '7 spans were lost'
stop_server
run 20000
said 'Cannot hand spans on to'
said '20002 spans were lost'
OTEL_EXPORTER_OTLP_ENDPOINT='no such scheme:/x' run 1
said 'Cannot hand spans on to'
OTEL_EXPORTER_OTLP_ENDPOINT=file://$work/received run 1
said 'Cannot hand spans on to'

# A file; one more process that writes to it; a disk that is full
export VACCEL_OTLP_FILE=$work/spans.jsonl
run 200
said '<warn>' 0
check "$work/spans.jsonl" --spans vaccel_noop_op=200 --spans session_release=1
flock "$work/spans.jsonl" "$BASH" -c "timeout 60 '$program' 2 >'$work/out' 2>&1"
check "$work"/spans.jsonl.[0-9]* --spans vaccel_noop_op=2
VACCEL_OTLP_FILE=/dev/full run 3
said 'Cannot hand spans on to /dev/full: Invalid argument'
VACCEL_OTLP_FILE=$work/no/such run 3
said 'No such file or directory; they are lost'
run 3000 limit_files
said 'File too large; they are lost'
check "$work/spans.jsonl"

# Settings that are none
OTEL_EXPORTER_OTLP_TIMEOUT=soon run 1
said 'OTEL_EXPORTER_OTLP_TIMEOUT=soon is not a number'
(
	unset VACCEL_OTLP_FILE
	OTEL_EXPORTER_OTLP_HEADERS='nothing,=x,a=b%0d%0ac' OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 run 1
	said 'something that is not NAME=VALUE' 3
)
echo 'spans are handed on, and what is not is counted'
