#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The wall clock jumps, by years and back: it is for showing only. A machine that was suspended goes on where it was.
# obitd-clock is obitd with another wall clock, and a time for which it was suspended.
# shellcheck disable=SC2034,SC2030,SC2031 # variables of lib.bash; each test is a process of its own

load lib

DAY=86400
TEN_YEARS=315360000

setup() {
	obit_setup
	OBITD=$BUILD/obitd-clock
	export OBIT_WALL=$T/wall OBIT_SLEPT=$T/slept
	jump 0
	be_suspended 0
	copy_victim service
}

teardown() {
	obit_teardown
}

# jump SECONDS: so far is the wall clock off from now on. Whoever reads it meanwhile reads a whole number.
jump() {
	echo "$1" >"$T/wall.new"
	mv "$T/wall.new" "$T/wall"
}

# be_suspended SECONDS: so long in all. What is due wakes obitd: a client does.
be_suspended() {
	echo "$1" >"$T/slept.new"
	mv "$T/slept.new" "$T/slept"
}

# start_obitd_for_two SETTING...: "web" is as these say, "other" keeps time.
start_obitd_for_two() {
	copy_victim victim other
	start_obitd "$(watch_text web "$T/service" "$@")
$(watch_text other "$T/other" "start_limit_burst = 0" "backoff_initial = 0")"
	start_watched_service web
	start_program "$T/other" pause
	wait_state other up
}

# While "other" dies and comes back three times.
state_of_web_stays() {
	local n first

	first=$(ls_field other .restarts)
	for n in 1 2 3; do
		kill -KILL "$(ls_field other .pid)"
		retry_until 10 restarts_are other $((first + n))
		wait_state other up
		state_is web "$1"
	done
}

kill_web() {
	kill -KILL "$(ls_field web .pid)"
}

@test "an obituary has the time that the clock showed, and a life as long as it was" {
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	jump $TEN_YEARS
	kill_web
	wait_events up 2
	local year
	year=$(last_death web .time)
	((${year%%-*} - $(date +%Y) >= 9))
	(($(last_death web .lived_ns) < 60 * 1000000000))
	wait_state web up
	(($(ls_field web .uptime_ns) < 60 * 1000000000))
	jump -$TEN_YEARS
	(($(ls_field web .uptime_ns) < 60 * 1000000000))
}

@test "starts are counted in an interval, and back-off grows, however the clock jumps" {
	start_obitd "$(watch_text web "$T/service" "start_limit_burst = 4" "start_limit_interval = 1h" \
		"backoff_initial = 1ms" "backoff_factor = 10" "backoff_max = 1h" "backoff_jitter = 0%")"
	start_watched_service web
	local n
	for n in 1 2; do
		jump $((n * DAY))
		kill_web
		retry_until 10 restarts_are web "$n"
		wait_state web up
	done
	jump -$TEN_YEARS
	kill_web
	retry_until 10 restarts_are web 3
	wait_state web up
	kill_web
	wait_state web buried
}

@test "who waits for his respawn waits no longer when the clock is put back, and no less when it is put on" {
	start_obitd_for_two "backoff_initial = $((400 * ${PATIENCE:-1}))ms" "backoff_jitter = 0%"
	kill_web
	retry_until 10 restarts_are web 1
	wait_state web up
	jump 0
	kill_web
	wait_state web waiting
	jump -$TEN_YEARS
	retry_until 5 restarts_are web 2
	wait_state web up
	obit pause web --for 1h >"$T/paused"
	kill_web
	wait_state web waiting
	jump $DAY
	state_of_web_stays waiting
	obit resume web >"$T/resumed"
	retry_until 10 restarts_are web 3
}

@test "a service that is to say that it lives has not hung because the clock jumped" {
	copy_victim notifier
	copy_victim victim other
	start_obitd "$(watch_text web "$T/notifier" "notify = yes" "hang_timeout = 1h")
$(watch_text other "$T/other" "start_limit_burst = 0" "backoff_initial = 0")"
	start_program "$T/notifier" say READY=1 pause
	wait_state web up
	start_program "$T/other" pause
	wait_state other up
	kill_web # what obit has started has the socket
	retry_until 10 restarts_are web 1
	wait_state web up
	jump $DAY
	state_of_web_stays up
	restarts_are web 1
}

@test "a death while no obitd was there is as old as it is" {
	OBITD_OPTIONS=()
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	kill_obitd
	kill -KILL "$(service_pid)"
	jump $DAY
	launch_obitd
	retry_until 10 restarts_are web 1
	wait_state web up
	kill_obitd
	kill -KILL "$(service_pid)"
	jump -$TEN_YEARS
	launch_obitd
	retry_until 10 restarts_are web 2
}

# ---- the machine is suspended ----

@test "suspended: a back-off and a pause go on where they were" {
	start_obitd_for_two "backoff_initial = 1min" "backoff_max = 1min" "backoff_jitter = 0%"
	kill_web
	retry_until 10 restarts_are web 1
	wait_state web up
	kill_web
	wait_state web waiting
	be_suspended $DAY
	state_of_web_stays waiting
	(($(ls_field web '.instances[0].next_start_ns') > 30 * 1000000000))
	obit pause web --for 10min >"$T/paused"
	be_suspended $((2 * DAY))
	state_of_web_stays waiting
	[[ "$(ls_field web .note)" =~ \ (10min\ 0s|9min\ ) ]] # told in whole seconds
}

@test "suspended: starts before and after it are counted in one interval, and a short life is no long one" {
	start_obitd_for_two "start_limit_burst = 3" "start_limit_interval = 1h" "backoff_initial = 0"
	kill_web
	retry_until 10 restarts_are web 1
	be_suspended $DAY
	wait_state web up
	kill_web
	retry_until 10 restarts_are web 2
	be_suspended $((2 * DAY))
	wait_state web up
	kill_web
	wait_state web buried
}

@test "suspended: who is asked to stop gets his time" {
	start_obitd_for_two "kill_signal = SIGWINCH" "kill_timeout = 1min"
	obit stop web --no-wait >"$T/stopped" 2>&1
	wait_state web stopping
	be_suspended $DAY
	state_of_web_stays stopping
	is_alive "$(service_pid)"
}

has_passed() {
	[ "$(ls_field web '.instances[0].probes[0].result')" = passed ]
}

@test "suspended: a hook goes on, and a probe has not failed" {
	printf '#!/bin/sh\ntouch %s/begun\nuntil [ -e %s/go ]; do sleep 0.05; done\ntouch %s/done\n' "$T" "$T" "$T" >"$T/hook"
	# The check of the first life passes, and is over before that ends.
	printf '#!/bin/sh\n[ -e %s/second ] || exit 0\ntouch %s/asked\nuntil [ -e %s/go ]; do sleep 0.05; done\ntouch %s/answered\n' "$T" "$T" "$T" "$T" >"$T/check"
	chmod 0755 "$T/hook" "$T/check"
	start_obitd_for_two "on_restart = '$T/hook'" "hook_timeout = 1min" "backoff_initial = 0" \
		"probe { type = command target = '$T/check' interval = 3min timeout = 2min threshold = 1 grace = 0 }"
	retry_until 10 has_passed
	touch "$T/second"
	kill_web
	retry_until 10 restarts_are web 1
	retry_until 10 test -e "$T/begun"
	retry_until 10 test -e "$T/asked"
	be_suspended $DAY
	state_of_web_stays up
	touch "$T/go"
	retry_until 10 test -e "$T/done"
	retry_until 10 test -e "$T/answered"
	restarts_are web 1
	refute log_has 'not done within|hung|failing'
}

@test "suspended: nobody was down for so long that the watchdog starves" {
	start_obitd "watchdog {
	device = \"$T/no-watchdog\"
}
$(watch_text web "$T/service" "critical = yes" "recover_within = 5min")"
	start_watched_service web
	obit stop web >"$T/stopped"
	wait_state web down
	be_suspended $DAY
	local n
	for n in 1 2 3; do
		[ "$(obit watchdog --json | jq -c '[.phase, .healthy, .fed]')" = '["feeds",true,true]' ]
	done
	refute log_has 'the watchdog should starve|starve:'
}
