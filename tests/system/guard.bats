#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A daemon that a watchdog depends on, as far as that can be seen without one; with one: tests/vm.
# shellcheck disable=SC2034,SC2030,SC2031 # variables of lib.bash; each test is a process of its own

load lib

setup() {
	obit_setup
	copy_victim service
}

teardown() {
	obit_teardown
}

# watchdog [LINE...]: of a device that is not there.
watchdog() {
	printf 'watchdog {\n\tdevice = "%s/no-watchdog"\n' "$T"
	[ $# -eq 0 ] || printf '\t%s\n' "$@"
	printf '}\n'
}

oom_score_adj() {
	cat "/proc/$1/oom_score_adj"
}

locked_kib() {
	awk '/^VmLck/ { print $2 }' "/proc/$1/status"
}

policy() {
	awk '{ sub(/.*\) /, ""); print $39 }' "/proc/$1/stat"
}

# SCHED_RR is 2, SCHED_OTHER 0.
@test "obitd is protected where a watchdog depends on it, and nothing that it starts is" {
	local before lowered=-900
	before=$(oom_score_adj $$)
	(echo -900 >/proc/self/oom_score_adj) 2>/dev/null || lowered=$before # as in a container; tests/vm has the real thing
	printf '#!/bin/sh\ncat /proc/self/oom_score_adj >%s/hook.new\nmv %s/hook.new %s/hook\n' "$T" "$T" "$T" >"$T/on-exit"
	chmod 0755 "$T/on-exit"
	start_obitd "$(watchdog 'lock_memory = yes' 'realtime = yes')
$(watch_text web "$T/service" "on_exit = \"$T/on-exit\"" 'backoff_initial = 1ms')"
	start_watched_service web
	[ "$(oom_score_adj "$OBITD_PID")" = "$lowered" ]
	# the address sanitizer lets nothing be locked
	grep -q __asan_init "$OBITD" || [ "$(locked_kib "$OBITD_PID")" -gt 0 ]
	[ "$(policy "$OBITD_PID")" = 2 ]
	kill -KILL "$(service_pid)"
	wait_events up 2
	[ "$(oom_score_adj "$(service_pid)")" = "$before" ]
	[ "$(locked_kib "$(service_pid)")" = 0 ]
	[ "$(policy "$(service_pid)")" = 0 ]
	retry_until 10 test -e "$T/hook"
	[ "$(cat "$T/hook")" = "$before" ]
	# a spawner that is made later is a child of the protected one
	pkill -KILL -P "$OBITD_PID" -x obitd-spawner
	retry_until 10 log_has 'the spawner has died'
	kill -KILL "$(service_pid)"
	wait_events up 3
	[ "$(oom_score_adj "$(service_pid)")" = "$before" ]
	[ "$(policy "$(service_pid)")" = 0 ]
}

@test "obitd is as it was started where no watchdog depends on it" {
	start_obitd "$(watch_text web "$T/service")"
	[ "$(oom_score_adj "$OBITD_PID")" = "$(oom_score_adj $$)" ]
	[ "$(locked_kib "$OBITD_PID")" = 0 ]
	[ "$(policy "$OBITD_PID")" = 0 ]
	[ "$(obit watchdog)" = "No watchdog is used: there is none in the configuration, or obitd only observes." ]
	[ "$(obit watchdog --json | jq -c .)" = '{"devices":[]}' ]
}

@test "a watchdog that is not there is told of once, and the rest works" {
	start_obitd "$(watchdog)
$(watch_text web "$T/service" "critical = yes")"
	[ "$(grep -c 'no such device' "$T/obitd.log")" = 1 ]
	start_watched_service web
	[ "$(obit watchdog --json | jq -c '[.devices[0].open, .fed, .healthy, .last_reset]')" = '[false,true,true,null]' ]
	obit watchdog | grep -q 'No device is open: nothing would reset this machine. the critical watch is healthy'
	obit stop web
	[ "$(ls_field web .watchdog | cut -d';' -f2)" = " the watchdog is still fed for 5min 0s" ] ||
		[ "$(ls_field web .watchdog | grep -c 'the watchdog is still fed for 4min')" = 1 ]
	stop_obitd
	[ ! -e "$STATE_DIR/watchdog.json" ] # nothing was armed
}
