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

@test "obitd is killed around deaths: each is answered by one life, by this daemon or by the next" {
	start_obitd "$(watch_text web "$T/service" "backoff_initial = 0s")"
	start_watched_service web --lock "$T/lock"
	local round pid
	for ((round = 1; round <= ROUNDS; round++)); do
		wait_events up "$round"
		pid=$(service_pid)
		retry_until 5 main_pid_is web "$pid"
		echo "death of $pid"
		kill_both "$pid" "$round"
		retry_until 5 no_helper_of_ours
		[ "$(pids_of "$T/service" | wc -w)" -le 1 ]
		launch_obitd
	done
	wait_events up $((ROUNDS + 1))
	retry_until 5 main_pid_is web "$(service_pid)"
	expect_no_conflict
	[ "$(event_count start)" = $((ROUNDS + 1)) ]
	[ "$(pids_of "$T/service" | wc -w)" = 1 ]
	[ "$(ls_field web '.instances | map(select(.pid)) | length')" = 1 ]
	restarts_are web "$ROUNDS"
	# each death was told, by this daemon or by one before
	obit log --json --watch web -n 1000 >"$T/log"
	[ "$(jq -s "map(.process_key) | length" "$T/log")" = "$ROUNDS" ]
	OBITD_OPTIONS=(--ephemeral)
	stop_obitd
	launch_obitd
}
