#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Maintenance and caution: respawns that are held, and a daemon that only looks.
# shellcheck disable=SC2034,SC2030,SC2031 # variables of lib.bash; each test is a process of its own

load lib

setup() {
	obit_setup
	copy_victim service
}

teardown() {
	obit_teardown
}

note_has() {
	[[ "$(ls_field "$1" .note)" == *"$2"* ]]
}

start_obitd_for_web() {
	start_obitd "$(watch_text web "$T/service" "$@")"
	start_watched_service web
}

# Two services that die alike: "web" is the first, "other" keeps time.
start_obitd_for_two() {
	copy_victim victim other
	start_obitd "$(watch_text web "$T/service")
$(watch_text other "$T/other" "start_limit_burst = 0" "backoff_initial = 0")"
	start_watched_service web
	start_program "$T/other" pause
	wait_state other up
}

# kill_other N: its N-th respawn follows its N-th death.
kill_other() {
	kill -KILL "$(ls_field other .pid)"
	retry_until 10 restarts_are other "$1"
	wait_state other up
}

# While "other" dies and comes back three times nothing happens to "web".
web_stays_away() {
	local lives n first

	lives=$(event_count start)
	first=$(ls_field other .restarts)
	for n in 1 2 3; do
		kill_other $((first + n))
		state_is web waiting
	done
	[ "$(event_count start)" = "$lives" ]
	[ -z "$(pids_of "$T/service")" ]
}

web_has() {
	[ "$(ls_field web "$1")" = "$2" ]
}

@test "a paused watch is not respawned while others are; resume brings it back at once" {
	start_obitd_for_two
	obit pause web | grep -qx 'web: paused until resumed'
	[ "$(ls_field web '"\(.state) \(.paused) \(.paused_for_ns)"')" = "up true null" ]
	[ "$(ls_field other '"\(.paused) \(.paused_for_ns)"')" = "false null" ]
	obit ls | grep -q 'paused until resumed'
	kill -KILL "$(service_pid)"
	wait_state web waiting
	note_has web "paused: respawn is held until resumed"
	obit ls | grep -q 'respawn is held until resumed'
	web_stays_away
	[ "$(last_death web '"\(.action), \(.action_detail)"')" = \
		"respawn, paused: respawn is held until resumed" ]
	obit resume web | grep -qx 'web: resumed'
	wait_events up 2
	wait_state web up
	expect_same_start 1 2
	expect_no_conflict
	[ "$(ls_field web '"\(.paused) \(.note) \(.restarts)"')" = "false null 1" ]
	kill -KILL "$(service_pid)"
	wait_events up 3
}

@test "a pause --for a time ends by itself, and says what is left of it" {
	start_obitd_for_web
	obit pause web --for 4s | grep -qx 'web: paused for 4s'
	ls_field web .paused_for_ns >"$T/left"
	[ "$(cat "$T/left")" -gt 0 ]
	[ "$(cat "$T/left")" -le 4000000000 ]
	note_has web "paused for another "
	local killed=${EPOCHREALTIME/./}
	kill -KILL "$(service_pid)"
	wait_state web waiting
	note_has web "paused: respawn is held for "
	[ "$(event_count start)" = 1 ]
	wait_events up 2
	((${EPOCHREALTIME/./} - killed > 1000000))
	wait_state web up
	[ "$(ls_field web '"\(.paused) \(.note)"')" = "false null" ]
}

@test "a pause that ends finds nothing to do where nothing died" {
	start_obitd_for_web
	obit pause web --for 200ms
	retry_until 5 note_has web null
	main_pid_is web "$(service_pid)"
	kill -KILL "$(service_pid)"
	wait_events up 2
}

@test "--all pauses and resumes every watch" {
	start_obitd_for_two
	obit pause --all --for 1h | grep -qx 'all watches: paused for 1h 0min'
	obit ls --json | jq -e 'all(.paused and .paused_for_ns > 3500000000000)'
	kill -KILL "$(service_pid)" "$(ls_field other .pid)"
	wait_state web waiting
	wait_state other waiting
	obit resume --all
	wait_events up 2
	wait_state other up
	obit ls --json | jq -e 'all(.paused | not)'
	# once, not for each of them
	[ "$(grep -cE ' all watches: obit (pause|resume)$' "$T/obitd.log")" = 2 ]
	obit resume web | grep -qx 'web: is not paused'
}

@test "the operator's commands act in a pause, and the pause goes on" {
	start_obitd_for_web
	obit pause web
	kill -KILL "$(service_pid)"
	wait_state web waiting
	obit start web
	wait_events up 2
	obit restart web
	wait_events up 3
	[ "$(ls_field web '"\(.state) \(.paused)"')" = "up true" ]
	kill -KILL "$(service_pid)"
	wait_state web waiting
	obit stop web
	obit resume web
	state_is web down
	[ "$(event_count start)" = 3 ]
}

@test "pauses do not count: as many deaths as one likes, and no burial" {
	start_obitd_for_web "start_limit_burst = 2" "start_limit_interval = 1h"
	local n
	for n in 2 3 4 5 6; do
		obit pause web
		kill -KILL "$(service_pid)"
		wait_state web waiting
		obit resume web
		wait_events up "$n"
		wait_state web up
		retry_until 10 main_pid_is web "$(service_pid)"
	done
	restarts_are web 5
}

@test "a reload keeps a pause; a new instance is paused, too" {
	start_obitd_for_web
	obit pause web
	write_conf "$(watch_text web "$T/service" "backoff_initial = 1s")"
	obit reload
	[ "$(ls_field web .paused)" = true ]
	start_watched_service web another
	retry_until 5 web_has '.instances | length' 2
	# shellcheck disable=SC2046 # pids
	kill -KILL $(obit ls --json | jq '.[0].instances[].pid')
	wait_state web waiting
	retry_until 5 all_wait
	[ -z "$(pids_of "$T/service")" ]
	[ "$(ls_field web '[.instances[].note] | unique | join(" ")')" = \
		"paused: respawn is held until resumed" ]
	obit resume web
	retry_until 10 both_up
}

all_wait() {
	[ "$(ls_field web '[.instances[].state] | join(" ")')" = "waiting waiting" ]
}

both_up() {
	[ "$(ls_field web '[.instances[].state] | join(" ")')" = "up up" ]
}

@test "a name that is not there, a name and --all, no root: refused" {
	start_obitd_for_web
	run obit pause webb
	[ "$status" -eq 4 ]
	[[ "$output" == *"did you mean web"* ]]
	run obit resume web@1
	[ "$status" -eq 4 ]
	run obit pause web --all
	[ "$status" -eq 2 ]
	run obit pause web --for 10
	[ "$status" -eq 2 ]
	install -m 0755 "$OBIT" "$T/obit"
	local command
	for command in "pause web" "pause --all" "resume web"; do
		# shellcheck disable=SC2086 # words
		run setpriv --reuid 65534 --regid 65534 --clear-groups "$T/obit" --socket "$SOCKET" $command
		[ "$status" -eq 1 ]
	done
	[ "$(ls_field web .paused)" = false ]
}

@test "what a client of its own may send: no negative time, no pause without a name" {
	command -v python3 >/dev/null || skip "needs python3"
	start_obitd_for_web
	local line
	for line in '{"command":"pause"}' '{"command":"pause","name":"web","for_ns":-1}'; do
		python3 - "$SOCKET" "$line" >"$T/reply" <<'PY'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(sys.argv[2].encode() + b"\n")
print(s.recv(4096).decode())
PY
		[ "$(jq .exit "$T/reply")" = 2 ]
	done
	[ "$(ls_field web .paused)" = false ]
}

# ---- looking only ----

children_of_obitd() {
	pgrep -a -P "$OBITD_PID" || true
}

@test "--observe: every decision is told, nothing is spawned, stopped or fed" {
	OBITD_OPTIONS+=(--observe)
	start_obitd "watchdog {
	device = \"$T/no-such-watchdog\"
}
$(watch_text web "$T/service" "restart = always" "critical = yes")"
	log_has 'no-such-watchdog: left alone: obitd only observes'
	refute log_has 'cannot'
	start_watched_service web
	note_has web "only observed"
	local pid
	pid=$(service_pid)
	kill -KILL "$pid"
	wait_state web ended
	note_has web "respawned at once (observing: not done)"
	[ "$(last_death web '"\(.pid) \(.action), \(.action_detail)"')" = \
		"$pid respawn, respawned at once (observing: not done)" ]
	[ "$(grep -c 'web: would respawn: respawned at once' "$T/obitd.log")" = 1 ]
	start_watched_service web # somebody else does, and is followed
	kill -KILL "$(service_pid)"
	retry_until 10 deaths_are web 2
	[[ "$(last_death web .action_detail)" == "respawn in "*"(attempt 2) (observing: not done)" ]]
	[ -z "$(pids_of "$T/service")" ]
	[ "$(event_count start)" = 2 ]
	[ "$(obit stats --json | jq -c '.daemon | [.observing, .respawns, .failed_respawns]')" = \
		'[true,0,0]' ]
	refute grep -q spawner <<<"$(children_of_obitd)"
	obit log --json --state-dir "$STATE_DIR" | jq -s -e 'map(select(.role == "main")) | length == 2'
}

@test "--observe: the members of a dead main live on" {
	OBITD_OPTIONS+=(--observe)
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web --workers 2
	retry_until 5 web_has '.instances[0].members' 2
	kill -KILL "$(service_pid)"
	wait_state web ended
	[[ "$(last_death web .action_detail)" == "2 of its processes live on"*"(observing: not done)" ]]
	[ "$(pids_of "$T/service" | wc -l)" = 2 ]
}

@test "--observe: what would act is refused in a sentence; a reload is not" {
	OBITD_OPTIONS+=(--observe)
	start_obitd_for_web
	local command
	for command in stop start restart revive pause resume; do
		run obit "$command" web
		[ "$status" -eq 1 ]
		[ "$output" = "obit: obitd only observes (--observe): it does not $command anything" ]
	done
	obit reload
	obit version | grep -q 'only observing'
	[ "$(obit version --json | jq .daemon.observing)" = true ]
	main_pid_is web "$(service_pid)"
}
