#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What a daemon that comes after a killed one goes on with: each moment at which it can be killed.
# shellcheck disable=SC2034,SC2154,SC2030,SC2031 # variables of lib.bash; each test is a process of its own

load lib

setup() {
	obit_setup
	OBITD_OPTIONS=() # the pins are what is taken over
	copy_victim service
}

teardown() {
	obit_teardown
}

told_once() {
	obit log --json | jq -r .process_key | sort | uniq -d | {
		read -r twice || return 0
		echo "told twice: $twice"
		return 1
	}
}

@test "what lives is the same instance again: its recipe, its restarts, its starts" {
	start_obitd "$(watch_text web "$T/service" "start_limit_burst = 3" "start_limit_interval = 1h")"
	start_watched_service web "an argument"
	kill -KILL "$(service_pid)"
	wait_events up 2
	wait_state web up
	kill_obitd
	launch_obitd
	state_is web up
	main_pid_is web "$(service_pid)"
	restarts_are web 1
	deaths_are web 1
	[ "$(obit show web --json | jq -r '.instances[0].recipe.source')" = exec ]
	kill -KILL "$(service_pid)"
	wait_events up 3
	expect_same_start 1 3
	# one start before the daemon was killed is remembered: the fourth is one too many
	wait_state web up
	kill -KILL "$(service_pid)"
	wait_state web buried
	kill_obitd
	launch_obitd
	state_is web buried
	restarts_are web 2
	obit revive web
	wait_events up 4
	told_once
}

@test "a death while no daemon is there is told, and answered by the next one, once" {
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	local pid
	pid=$(service_pid)
	kill_obitd
	kill -KILL "$pid"
	retry_until 5 is_dead "$pid"
	launch_obitd
	wait_events up 2
	wait_state web up
	[ "$(last_death "$pid" .wait_status)" = 9 ]
	[ "$(last_death "$pid" .action)" = respawn ]
	restarts_are web 1
	deaths_are web 1
	kill_obitd
	launch_obitd
	state_is web up
	restarts_are web 1
	[ "$(event_count start)" = 2 ]
	told_once
}
