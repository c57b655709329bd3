#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What hangs on its way to its exec harms nobody else, and not for ever.
# shellcheck disable=SC2034,SC2030,SC2031 # variables of lib.bash; each test is a process of its own

load lib

setup() {
	obit_setup
	copy_victim service
	copy_victim service other
}

teardown() {
	obit_teardown
}

# hold_lease FILE: from now on who opens the file waits until this process ends, or for lease-break-time (45 s).
hold_lease() {
	python3 -c '
import fcntl, os, signal, sys, time
signal.signal(signal.SIGIO, signal.SIG_IGN)
fd = os.open(sys.argv[1], os.O_RDONLY)
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("held", flush=True)
time.sleep(60)' "$1" >"$T/lease" 3>&- &
	LEASE_PID=$!
	STARTED+=("$LEASE_PID")
	retry_until 10 grep -q held "$T/lease"
}

# The next life's executable cannot be opened.
make_next_life_hang() {
	copy_victim service next
	mv "$T/next" "$T/service"
	hold_lease "$T/service"
}

start_two() {
	start_obitd "$(watch_text web "$T/service" "start_timeout = 1s" "backoff_initial = 100ms" "backoff_max = 100ms")
$(watch_text other "$T/other")"
	start_watched_service web
	start_program "$T/other" --state "$T/other.state"
	wait_state other up
}

children_on_their_way() {
	[ "$(pgrep -c -P "$OBITD_PID" -x obitd-spawner)" -ge "$1" ]
}

@test "a program that hangs before its exec is killed, others come back meanwhile, and it does when it can" {
	start_two
	make_next_life_hang
	kill -KILL "$(service_pid)"
	retry_until 5 children_on_their_way 2
	kill -KILL "$(ls_field other .pid)"
	retry_until 5 restarts_are other 1
	wait_state other up
	refute log_has "web: respawned"
	retry_until 10 log_has "web: not executed within 2(\.[0-9])?s: .*Connection timed out"
	kill -KILL "$LEASE_PID"
	wait_events up 2
	retry_until 5 main_pid_is web "$(service_pid)"
	restarts_are web 1
}

@test "a stop ends what hangs before its exec" {
	start_two
	make_next_life_hang
	kill -KILL "$(service_pid)"
	retry_until 5 children_on_their_way 2
	obit stop web
	state_is web down
	refute children_on_their_way 2
}
