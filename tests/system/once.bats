#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# One death, at most one respawn, whenever obitd is killed. ROUNDS=100 for more of it.
# shellcheck disable=SC2034,SC2030,SC2031 # variables of lib.bash; each test is a process of its own

load lib

setup() {
	obit_setup
	copy_victim service
	ROUNDS=${ROUNDS:-6}
	OBITD_OPTIONS=()
}

teardown() {
	obit_teardown
}

# kill_both PID ROUND: obitd at the same moment, or some time from before the respawn until after it.
kill_both() {
	local pid=$1

	if (($2 % 3 == 0)); then
		kill -KILL "$pid" "$OBITD_PID"
	else
		kill -KILL "$pid"
		sleep "0.00$((RANDOM % 9))"
		kill -KILL "$OBITD_PID"
	fi
	retry_until 5 is_dead "$OBITD_PID"
	wait "$OBITD_PID" || true
	OBITD_PID=
}


# Either the death was answered and the answer is adopted, or it was not and nothing runs.
take_over() {
	launch_obitd
	if [ -n "$(pids_of "$T/service")" ]; then
		wait_state web up
		ANSWERED=$((ANSWERED + 1))
	else
		start_watched_service web --lock "$T/lock"
	fi
}

@test "obitd is killed around deaths: never two lives, and what was respawned is taken over" {
	start_obitd "$(watch_text web "$T/service" "backoff_initial = 0s")"
	start_watched_service web --lock "$T/lock"
	ANSWERED=0
	local round pid
	for ((round = 1; round <= ROUNDS; round++)); do
		pid=$(ls_field web .pid)
		echo "death of $pid"
		kill_both "$pid" "$round"
		retry_until 5 no_helper_of_ours
		[ "$(pids_of "$T/service" | wc -w)" -le 1 ]
		take_over
		[ "$(pids_of "$T/service" | wc -w)" = 1 ]
		[ "$(ls_field web '.instances | map(select(.pid)) | length')" = 1 ]
	done
	expect_no_conflict
	# each death was told at least once, by this daemon or by one before
	obit log --json --watch web -n 1000 >"$T/log"
	[ "$(jq -s "map(.pid) | unique | length" "$T/log")" = "$ROUNDS" ]
	echo "$ANSWERED of $ROUNDS were answered"
	OBITD_OPTIONS=(--ephemeral)
	stop_obitd
	launch_obitd
}
