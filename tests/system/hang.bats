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

start_two() {
	start_obitd "$(watch_text web "$T/service" "start_timeout = 1s" "backoff_initial = 100ms" "backoff_max = 100ms")
$(watch_text other "$T/other")"
	start_watched_service web
	start_program "$T/other" --state "$T/other.state"
	wait_state other up
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

# bury_directory DIRECTORY [UNTIL]: a file system that does not answer lies over it, or answers until there is something at
# UNTIL; its pid goes into DEADFS_PID.
bury_directory() {
	[ -c /dev/fuse ] || skip "no FUSE here"
	start_program "$VICTIMS/deadfs" "$@"
	DEADFS_PID=${STARTED[-1]}
	retry_until 5 grep -q "^deadfs $1 " /proc/self/mounts # to look at it would take for ever
}

@test "the files that root runs lie on a file system that does not answer: nothing else waits for it" {
	mkdir "$T/net"
	copy_victim service net/service
	start_obitd "$(watch_text web "$T/net/service" "start_timeout = 1s" "backoff_initial = 100ms" "backoff_max = 100ms")
$(watch_text other "$T/other")"
	start_program "$T/net/service" --state "$T/service.state"
	start_program "$T/other" --state "$T/other.state"
	wait_state web up
	wait_state other up
	bury_directory "$T/net"
	kill -KILL "$(service_pid)"
	retry_until 5 children_on_their_way 2
	kill -KILL "$(ls_field other .pid)"
	retry_until 5 restarts_are other 1
	wait_state other up
	retry_until 10 log_has "web: not executed within 2(\.[0-9])?s: .*Connection timed out"
	kill -KILL "$DEADFS_PID"
	umount -l "$T/net"
	retry_until 10 restarts_are web 1
	wait_state web up
}

# What is on its way has a session of its own behind the look at its files, if it comes so far.
look_is_over() {
	local pid

	! log_has "waits for its executable" || return 0
	for pid in $(pgrep -P "$OBITD_PID" -x obitd-spawner); do
		! pgrep -s "$pid" >/dev/null || return 0
	done
	return 1
}

@test "what a user puts there between the look at it and the exec is not run as root" {
	mkdir "$T/home" "$T/cwd"
	copy_victim service home/service
	chown 12345 "$T/home"
	SERVICE_CWD=$T/cwd
	start_obitd "$(watch_text web "$T/home/service" "backoff_initial = 100ms" "backoff_max = 100ms")"
	start_program "$T/home/service" --state "$T/service.state"
	wait_events up 1
	wait_state web up
	mv "$T/home/service" "$T/home/away"
	bury_directory "$T/cwd" # it is entered behind the look
	kill -KILL "$(service_pid)"
	retry_until 5 look_is_over
	mv "$T/home/away" "$T/home/service"
	kill -KILL "$DEADFS_PID"
	umount -l "$T/cwd"
	wait_state web ended
	[ "$(event_count start)" = 1 ]
	[[ "$(ls_field web .note)" == *"others than root can change $T/home"* ]]
}

@test "the output of a service lies on a file system that does not answer any more: it is taken over, and adopted" {
	mkdir "$T/net"
	bury_directory "$T/net" "$T/dead"
	OBITD_OPTIONS=()
	start_obitd "$(watch_text web "$T/service")"
	# shellcheck disable=SC2016 # the inner shell expands
	SERVICE_WRAP=(bash -c 'exec "$@" >>"$0"' "$T/net/out")
	start_watched_service web
	: >"$T/dead"
	kill_obitd
	launch_obitd
	state_is web up
	main_pid_is web "$(service_pid)"
	stop_obitd
	obit purge >"$T/purged"
	launch_obitd
	wait_state web up
	main_pid_is web "$(service_pid)"
	[ "$(obit show web --json | jq -r '.instances[0].recipe.stdio[1].path')" = "$T/net/out" ]
}

has_open() {
	[[ "$(readlink "/proc/$1"/fd/*)" == *"$2"* ]]
}

exe_of() {
	timeout 1 readlink "/proc/$1/exe"
}

# As wrap it has executed the service, and waits for what that has closed. Newer kernels let whoever looks wait, too; the newest
# (7.2 is one) close before they take the lock and change the executable.
is_amid_its_exec() {
	local exe rc=0

	exe=$(exe_of "$1") || rc=$?
	[ "$exe" = "$T/service" ] || [ "$rc" = 124 ] || [ "$(cat "/proc/$1/wchan")" = request_wait_answer ]
}

@test "a process waits in its exec for a file system that does not answer: who looks at it does not" {
	mkdir "$T/net"
	copy_victim service
	bury_directory "$T/net" "$T/dead"
	start_program "$VICTIMS/wrap" close "$T/net/out" "$T/dead" "$T/service" --state "$T/service.state"
	pid=${STARTED[-1]}
	retry_until 10 has_open "$pid" "$T/net/out"
	: >"$T/dead"
	retry_until 10 is_amid_its_exec "$pid"
	start_obitd "$(watch_text web "$T/service")
$(watch_text other "$T/other")"
	[[ "$(exe_of "$pid")" == */wrap ]] ||
		log_has "pid $pid: how it runs cannot be read in /proc: the kernel waits for it; its death will be told, and not answered"
	start_program "$T/other" --state "$T/other.state"
	wait_state other up
	kill -KILL "$DEADFS_PID"
	wait_state web up
	main_pid_is web "$pid"
	kill -KILL "$pid"
	retry_until 10 restarts_are web 1
	wait_state web up
}
