#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Many respawns at once: some at a time, each in its turn.
# shellcheck disable=SC2030,SC2031,SC2034 # variables of lib.bash; each test is a process of its own

load lib

setup() {
	obit_setup
	copy_victim stamp
	truncate -s 65536 "$T/page"
}

teardown() {
	obit_teardown
}

stamps_are() {
	[ "$(obit ls --json | jq '[.[] | select(.name == "stamp") | .instances[] | select(.state == "up")] | length')" = "$1" ]
}

start_stamps() {
	local i

	for ((i = 0; i < $1; i++)); do
		"$T/stamp" "$T/page" </dev/null >/dev/null 2>&1 3>&- &
		STARTED+=($!)
	done
	retry_until 20 stamps_are "$1"
}

all_are_back() {
	[ "$(obit stats --json | jq .daemon.respawns)" = "$1" ] && stamps_are "$1"
}

@test "of 400 deaths at once each is answered, and no respawn fails for want of room" {
	start_obitd "ring_size = \"64KiB\" # so small that births are lost
$(watch_text stamp "$T/stamp" "restart = always" "uid = any")"
	start_stamps 400
	kill -KILL "${STARTED[@]}"
	retry_until 30 all_are_back 400
	[ "$(obit stats --json | jq .daemon.failed_respawns)" = 0 ]
}

@test "one at a time, too, and what is stopped before its turn is down at once" {
	start_obitd "max_parallel_starts = 1
$(watch_text stamp "$T/stamp" "restart = always" "uid = any")"
	start_stamps 30
	kill -KILL "${STARTED[@]}"
	retry_until 30 all_are_back 30
	obit restart stamp
	obit stop stamp
	retry_until 10 state_is stamp down
	[ "$(obit ls --json | jq '[.[].instances[] | select(.state != "down")] | length')" = 0 ]
}

nothing_is_unkept() {
	[ "$(obit stats --json | jq .losses.unkept)" = 0 ]
}

@test "there is room for how all of them were started, for the next daemon" {
	local i large

	OBITD_OPTIONS=()
	printf -v large '%0125000d' 0
	for i in {1..15}; do
		export "LARGE$i=$large"
	done
	start_obitd "$(watch_text stamp "$T/stamp" "restart = always" "uid = any" "recipe_max = 4MiB")"
	start_stamps 20 # 37 MB
	nothing_is_unkept
}

# bytes_below LIMIT: what the recipes take.
bytes_below() {
	[ "$(obit stats --json | jq .daemon.recipe_bytes)" -lt "$1" ]
}

@test "what many were started with is held once, by this daemon and the next, and each comes back with it" {
	local LARGE pid

	OBITD_OPTIONS=()
	printf -v LARGE '%050000d' 0
	export LARGE
	echo "LARGE=$LARGE" >"$T/line"
	start_obitd "$(watch_text stamp "$T/stamp" "restart = always" "uid = any")"
	start_stamps 20
	bytes_below 100000
	kill_obitd
	unset LARGE
	launch_obitd
	retry_until 20 stamps_are 20
	bytes_below 100000
	kill -KILL "${STARTED[@]}"
	retry_until 30 all_are_back 20
	bytes_below 100000
	for pid in $(our_pids); do
		tr '\0' '\n' <"/proc/$pid/environ" | grep -qFxf "$T/line"
	done
}
