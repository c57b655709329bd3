#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What another configuration would have done about deaths that obitd has recorded.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # bats runs each test in a subshell; variables of lib.bash

load lib

setup() {
	obit_setup
	OBITD_OPTIONS=(--ephemeral)
	NEW=$T/new.conf
}

teardown() {
	obit_teardown
}

simulate() {
	timeout 20 "$OBIT" simulate --config "$NEW" --state-dir "$STATE_DIR" "$@"
}

# Six deaths in a row, of a program that lives for a moment: the last one is buried.
record() {
	copy_victim victim
	start_obitd "$(watch_text web "$T/victim" "start_limit_burst = 6" "start_limit_interval = 1h" \
		"backoff_max = 20ms")"
	start_program "$T/victim" exit 3
	wait_state web buried
	stop_obitd
}

@test "a recorded history, without a daemon: the same, stricter, and nothing watched" {
	record
	watch_text web "$T/victim" "start_limit_burst = 6" "start_limit_interval = 1h" >"$NEW"
	run simulate
	echo "$output"
	[[ "$output" == "web: 6 deaths: 0 otherwise"* ]]
	watch_text other "$T/victim" "start_limit_burst = 3" "start_limit_interval = 1h" >"$NEW"
	run simulate
	[ "$status" = 0 ]
	[ "${#lines[@]}" = 5 ]
	[[ "${lines[0]}" == *"  other  "*": respawn in "*" -> buried: more than 3 starts in 1h"*"(start_limit_burst)" ]]
	[[ "${lines[1]}" == *" -> would not have happened" ]]
	[ "${lines[4]}" = "other: 6 deaths: 4 otherwise; 1 would be buried; 3 would not have happened" ]
	watch_text other "$T/nothing" >"$NEW"
	run simulate
	[[ "${lines[0]}" == *"  web  "*" -> would not be watched" ]]
	[ "${lines[6]}" = "no watch: 6 deaths" ]
	watch_text web "$T/victim" "start_limit_burst = 6" "start_limit_interval = 1h" \
		"backoff_initial = 10s" >"$NEW"
	run simulate
	[[ "$output" =~ ^"web: 6 deaths: 0 otherwise; back-off would have waited "[1-9].*" more"$ ]]
}

is_old_enough() {
	[ "$(ps -o etimes= -p "$(service_pid)")" -ge 2 ]
}

@test "what ran before obitd counts as a start when it began: for the daemon, and in a replay" {
	local limit=("start_limit_burst = 1" "start_limit_interval = 1500ms")

	copy_victim service
	start_service
	wait_events up 1
	retry_until 10 is_old_enough
	start_obitd "$(watch_text web "$T/service" "${limit[@]}")"
	wait_state web up
	kill -KILL "$(service_pid)"
	wait_events up 2
	[ "$(last_death web .action)" = respawn ]
	stop_obitd
	watch_text web "$T/service" "${limit[@]}" >"$NEW"
	run simulate
	[[ "$output" == "web: 1 death: 0 otherwise"* ]]
}

@test "the history is looked for where the daemon says that it is" {
	record
	cp "$CONF" "$NEW"
	launch_obitd
	run obit simulate --config "$NEW"
	[ "$status" = 0 ]
	[ "$output" = "web: 6 deaths: 0 otherwise" ]
}

@test "what was stopped since it hung died of that; what hung and was left alone did not" {
	local death='{"time":"2026-01-01T00:00:00.000000+00:00","role":"main","pid":1,"uid":0,"watch":"w","path":"/x","argv":["x"],"cgroup":"/","wait_status":6,"lived_ns":1000000000,"action":"respawn","action_detail":"respawned at once"'
	printf '%s,"pid":%d,"hung":{"stopped":%s}}\n' "$death" 2 true "$death" 3 false >"$T/history"
	watch_text web /x 'restart = on-watchdog' >"$NEW"
	run simulate --history "$T/history"
	[ "${#lines[@]}" = 2 ]
	[[ "${lines[0]}" == *"-> not respawned: restart = on-watchdog" ]]
	[[ "${lines[1]}" == "web: 2 deaths: 1 otherwise; 1 would be left"* ]]
}

@test "a history that is missing, torn, foreign or of tomorrow, and a bad configuration" {
	local death
	watch_text web /x >"$NEW"
	run simulate
	[ "$status" = 1 ]
	[ "$output" = "obitd: there is no history in $STATE_DIR" ]
	run simulate --history "$T/none"
	[ "$status" = 1 ]
	[ "$output" = "obitd: $T/none: there is no such file; expected a history" ]
	run simulate --history "$T"
	[ "$status" = 1 ]
	[ "$output" = "obitd: $T: not a regular file; expected a history" ]
	death='{"time":"2999-01-01T00:00:00.000000+00:00","role":"main","pid":1,"uid":0,"watch":"w","path":"/x","argv":["x"],"cgroup":"/","wait_status":256,"lived_ns":1000000000,"action":"respawn","action_detail":"respawned at once"}'
	printf '%s\n%s\n%s\n[]\n%s' "$death" "$death" 'no JSON' '{"time":' >"$T/history"
	run simulate --history "$T/history"
	[ "$status" = 0 ]
	[ "${lines[0]}" = "obitd: 3 lines of the history are no obituary, and were left out" ]
	[ "${lines[1]}" = "obitd: 1 death of the history lies in the future: it was recorded under another clock" ]
	[ "${lines[2]}" = "web: 1 death: 0 otherwise" ]
	: >"$T/history"
	run simulate --history "$T/history"
	[ "$output" = "the history has no death of a main process" ]
	printf 'watch web {\n path = "x"\n}\n' >"$NEW"
	run simulate --history "$T/history"
	[ "$status" = 1 ]
	[[ "$output" == "obitd: $NEW:2: path: 'x' is wrong; expected an absolute path" ]]
}

@test "simulate --json: what a terminal would obey in somebody's record is escaped" {
	record
	watch_text other "$T/victim" "restart = no" >"$NEW"
	sed 's/"action_detail":"/&a\x7fb\xc2\x9b31mc/' "$STATE_DIR/deaths.jsonl" >"$T/history"
	simulate --history "$T/history" --json >"$T/out"
	refute env LC_ALL=C grep -q $'\x7f\|\x9b' "$T/out"
	[ "$(jq '[.differences[0].was_detail | explode[0:4][]] == [97, 127, 98, 155]' "$T/out")" = true ]
}

@test "simulate --json is what its schema says" {
	for PYTHON in /usr/bin/python3 python3; do
		! "$PYTHON" -W ignore -c 'import jsonschema' 2>/dev/null || break
	done
	"$PYTHON" -W ignore -c 'import jsonschema' 2>/dev/null || skip "no python3 with jsonschema"
	record
	watch_text other "$T/victim" "restart = no" >"$NEW"
	simulate --json >"$T/out"
	"$PYTHON" -W ignore "$BATS_TEST_DIRNAME/validate.py" \
		"$BATS_TEST_DIRNAME/../../doc/schema/simulate.schema.json" <"$T/out"
	[ "$(jq -c '[.deaths, (.differences | length), .differences[0].would, .watches[0].never]' "$T/out")" = \
		'[6,6,"none",5]' ]
}
