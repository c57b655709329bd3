#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The wall clock jumps, by years and back: it is for showing only. obitd-clock is obitd with another wall clock.
# shellcheck disable=SC2034,SC2030,SC2031 # variables of lib.bash; each test is a process of its own

load lib

DAY=86400
TEN_YEARS=315360000

setup() {
	obit_setup
	OBITD=$BUILD/obitd-clock
	export OBIT_WALL=$T/wall
	jump 0
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
	start_obitd_for_two "backoff_initial = 400ms" "backoff_jitter = 0%"
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
