#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The demo shows what it promises, and leaves nothing behind.

load lib

ROOT=$BATS_TEST_DIRNAME/../..
DEMO_DIR=/tmp/obit-demo
DEMO_PINS=/sys/fs/bpf/obit-demo

setup() {
	obit_setup
	# One demo at a time on a host: the path in quickstart.conf is fixed.
	exec 8</tmp
	flock -w 300 8
	DEMO_PID=
	[ ! -e "$DEMO_DIR" ] || skip "a demo runs on this host"
	mkdir "$T/build" "$T/build/examples"
	ln -s "$OBITD" "$T/build/obitd"
	ln -s "$OBIT" "$T/build/obit"
	"${CC:-cc}" -O1 -o "$T/build/examples/moribund" "$ROOT/examples/moribund.c"
}

teardown() {
	[ -z "${DEMO_PID:-}" ] || ! is_alive "$DEMO_PID" || kill -TERM "$DEMO_PID"
	[ -z "${DEMO_PID:-}" ] || retry_until 30 is_dead "$DEMO_PID"
	[ -n "${BATS_TEST_COMPLETED:-}" ] || cat "$T/demo" 2>/dev/null || true
	obit_teardown
}

# From another directory, and as a terminal would have it: SIGINT is not ignored.
start_demo() {
	(
		cd / || exit
		exec python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$ROOT/scripts/demo" "$T/build"
	) >"$T/demo" 2>&1 </dev/null 3>&- 8<&- 9>&- &
	DEMO_PID=$!
}

demo_shows() {
	[ "$(grep -cE "$1" "$T/demo")" -ge "$2" ]
}

# expect_end STATUS
expect_end() {
	local status=0

	retry_until 30 is_dead "$DEMO_PID"
	wait "$DEMO_PID" || status=$?
	[ "$status" -eq "$1" ]
	DEMO_PID=
}

nothing_is_left() {
	[ ! -e "$DEMO_DIR" ]
	[ ! -e "$DEMO_PINS" ]
	[ -z "$(pids_of "$DEMO_DIR/*")" ]
	refute pgrep -f "pin-dir $DEMO_PINS"
}

@test "the demo shows deaths and respawns, a line each, and Ctrl-C leaves nothing behind" {
	start_demo
	retry_until 60 demo_shows 'moribund: pid [0-9]+ (exited [01]|killed by SIG[A-Z]+) after .*: respawned at once$' 2
	retry_until 10 demo_shows 'moribund: respawned as pid [0-9]+$' 2
	[ "$(awk 'length > 80' "$T/demo" | grep -vc "$T")" -eq 0 ]
	kill -INT "$DEMO_PID"
	expect_end 0
	nothing_is_left
}

@test "the demo cleans up on SIGTERM, too" {
	start_demo
	retry_until 60 demo_shows 'moribund: watching pid' 1
	kill -TERM "$DEMO_PID"
	expect_end 143
	nothing_is_left
}

@test "the demo cleans up when obitd is killed" {
	start_demo
	retry_until 60 demo_shows 'moribund: watching pid' 1
	pkill -KILL -P "$DEMO_PID" -f "pin-dir $DEMO_PINS"
	expect_end 1
	grep -q 'obitd ended unexpectedly' "$T/demo"
	nothing_is_left
}

@test "a second demo says in one line that one runs already, and does not disturb it" {
	start_demo
	retry_until 60 demo_shows 'moribund: watching pid' 1
	run "$ROOT/scripts/demo" "$T/build"
	[ "$status" -eq 1 ]
	[ "$output" = "demo: another demo is running" ]
	is_alive "$DEMO_PID"
	[ -e "$DEMO_DIR/moribund" ]
}

@test "without root the demo says so in one line" {
	run setpriv --reuid=65534 --regid=65534 --clear-groups \
		bash -c "$(cat "$ROOT/scripts/demo")" demo "$T/build"
	[ "$status" -eq 1 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ "$output" == "demo: needs root"* ]]
}
