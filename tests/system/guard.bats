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
	local directory

	obit_teardown
	for directory in $(directories_of "/obit-own-$$"); do
		retry_until 5 remove_cgroup "$directory"
	done
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

# Where a process is in the hierarchies that could freeze, throttle or kill it.
places() {
	awk -F: '$2 == "" || $2 ~ /(^|,)(freezer|cpu|memory)(,|$)/ { print $3 }' "/proc/$1/cgroup"
}

is_in() {
	[ "$(places "$1" | sort -u)" = "$2" ]
}

# The directories of a cgroup in them.
directories_of() {
	awk -v path="$1" '$3 == "cgroup2" || ($3 == "cgroup" && $4 ~ /(^|,)(freezer|cpu|memory)(,|$)/) { print $2 path }' \
		/proc/mounts
}

# helper_is_where NAME PLACES: a helper of obitd.
helper_is_where() {
	local pid

	pid=$(pgrep -P "$OBITD_PID" -x "obitd-$1") && [ "$(places "$pid")" = "$2" ]
}

came_back_where() {
	wait_events up "$1"
	[ "$(places "$(service_pid)")" = "$2" ]
}

@test "own_cgroup: obitd goes there alone, also after a crash and an upgrade, and removes it" {
	local own=/obit-own-$$ home directory helper
	home=$(places $$)
	printf '#!/bin/sh\ncat /proc/self/cgroup >%s/hook.new\nmv %s/hook.new %s/hook\n' "$T" "$T" "$T" >"$T/on-exit"
	chmod 0755 "$T/on-exit"
	start_obitd "$(watchdog "own_cgroup = $own")
$(watch_text web "$T/service" "on_exit = \"$T/on-exit\"" 'backoff_initial = 1ms')"
	is_in "$OBITD_PID" "$own"
	for directory in $(directories_of "$own"); do
		[ "$(cat "$directory/cgroup.procs")" = "$OBITD_PID" ]
	done
	start_watched_service web
	kill -KILL "$(service_pid)"
	came_back_where 2 "$home"
	retry_until 10 test -e "$T/hook"
	diff "$T/hook" /proc/$$/cgroup
	for helper in spawner history scribe; do
		pkill -KILL -P "$OBITD_PID" -x "obitd-$helper"
		retry_until 10 helper_is_where "$helper" "$home"
	done
	kill -KILL "$(service_pid)"
	came_back_where 3 "$home"

	kill_obitd
	launch_obitd
	is_in "$OBITD_PID" "$own"
	obit upgrade
	is_in "$OBITD_PID" "$own"
	retry_until 10 helper_is_where spawner "$home"
	kill -KILL "$(service_pid)"
	came_back_where 4 "$home"
	stop_obitd
	for directory in $(directories_of "$own"); do
		[ ! -e "$directory" ]
	done
}

is_frozen() {
	grep -q 'frozen 1' "$CGROUP/cgroup.events"
}

@test "own_cgroup: obitd goes on while all else is frozen where it was started" {
	make_cgroup home
	write_conf "$(watchdog "own_cgroup = /obit-own-$$")
$(watch_text web "$T/service" 'backoff_initial = 1ms')"
	launch_obitd sh -c "echo 0 >$CGROUP/cgroup.procs && exec \"\$@\"" sh
	start_watched_service web
	echo 1 >"$CGROUP/cgroup.freeze"
	retry_until 10 is_frozen
	kill -KILL "$(service_pid)"
	retry_until 10 has_died web
	[ "$(obit watchdog --json | jq .fed)" = true ]
	echo 0 >"$CGROUP/cgroup.freeze"
	wait_events up 2
	stop_obitd
}

@test "own_cgroup: what cannot be made is told of once, and obitd stays where it is" {
	local home
	home=$(places $$)
	start_obitd "$(watchdog "own_cgroup = /obit-nowhere-$$/own")
$(watch_text web "$T/service")"
	[ "$(grep -c 'cannot be made and entered: No such file or directory; obitd stays in' "$T/obitd.log")" = 1 ]
	[ "$(places "$OBITD_PID")" = "$home" ]
	start_watched_service web
	stop_obitd
}

# bury: of a critical watch with min_uptime, whose only life is young.
bury() {
	kill -KILL "$(service_pid)"
	wait_state web buried
}

@test "what is ill is no reason to starve a watchdog that is not there, whatever an earlier boot has written down" {
	OBITD_OPTIONS=()
	printf '#!/bin/sh\ntouch %s/starved\n' "$T" >"$T/on-starve"
	chmod 0755 "$T/on-starve"
	start_obitd "$(watchdog "on_starve = $T/on-starve" "volatile_state = yes")
$(watch_text web "$T/service" "critical = yes" "min_uptime = 1h")"
	start_watched_service web
	bury
	kill_obitd
	echo '{"boot_id":"another","armed":true,"ended":false,"in_a_row":1,"starved":null}' >"$STATE_DIR/watchdog.json"
	cp "$STATE_DIR/watchdog.json" "$T/before"
	launch_obitd
	[ "$(obit watchdog --json | jq -c '[.devices[0].open, .healthy, .phase]')" = '[false,false,"feeds"]' ]
	stop_obitd
	[ ! -e "$T/starved" ]
	cmp "$STATE_DIR/watchdog.json" "$T/before" # for when it is there again
}

# ---- with a watchdog that is none ----

# start_with_dog WATCHDOG-SETTING SETTING...: obitd-heap, with a device that it takes for a watchdog.
start_with_dog() {
	local setting=$1

	shift
	OBITD=$BUILD/obitd-heap
	export OBIT_FEEDS=$T/feeds OBIT_NO_MEMORY=$T/no-memory
	mknod "$T/dog" c 1 3
	start_obitd "watchdog {
	device = \"$T/dog\"
	timeout = 1s
	$setting
}
$(watch_text web "$T/service" "critical = yes" "$@")"
	start_watched_service web
}

# start_counted SETTING...
start_counted() {
	! grep -q __asan_init "$BUILD/obitd-heap" || skip "not here: the address sanitizer has an allocator of its own"
	start_with_dog "" "$@"
}

feeds() {
	wc -l <"$T/feeds"
}

feeds_reach() {
	(($(feeds) >= $1))
}

# fed_without_allocating TIMES: in a row, between one feed and the next.
fed_without_allocating() {
	tail -n "$1" "$T/feeds" | awk -v times="$1" '$1 > 0 { exit 1 } END { exit NR < times }'
}

@test "between two feeds of the watchdog nothing is allocated" {
	start_counted "backoff_initial = 1min" "backoff_max = 1min"
	retry_until 10 fed_without_allocating 4
	# nor while it is fed only for as long as somebody may be down
	kill -KILL "$(service_pid)"
	wait_events up 2
	kill -KILL "$(service_pid)"
	wait_state web waiting
	retry_until 10 fed_without_allocating 4
}

@test "without any memory the watchdog is fed as ever, whatever happens, and with some again all goes on" {
	local n
	start_counted "backoff_initial = 1ms"
	retry_until 10 feeds_reach 2
	touch "$T/no-memory"
	kill -KILL "$(service_pid)"
	for n in 1 2 3; do
		# shellcheck disable=SC2153 # of lib.bash
		! timeout 0.2 "$OBIT" --socket "$SOCKET" ls >/dev/null 2>&1 || true
		kill -HUP "$OBITD_PID"
		n=$(feeds)
		retry_until 2 feeds_reach $((n + 2))
	done
	is_alive "$OBITD_PID"
	rm "$T/no-memory"
	wait_events up 2
	wait_state web up
}

phase_is() {
	[ "$(obit watchdog --json | jq -r .phase)" = "$1" ]
}

why_it_starves() {
	jq -r '.starved | "\(.watch): \(.reason)"' "$STATE_DIR/watchdog.json"
}

@test "why the watchdog starves stays written down when another obitd finds it so" {
	local why
	OBITD_OPTIONS=()
	start_with_dog "volatile_state = yes" "min_uptime = 1h"
	bury
	retry_until 10 phase_is starves
	why=$(why_it_starves)
	[[ "$why" == "web: "* ]]
	kill_obitd
	launch_obitd
	retry_until 10 phase_is starves
	[ "$(why_it_starves)" = "$why" ]
}

@test "obitd is told to stop while it writes down why the watchdog starves: nothing of what would follow is done" {
	local scribe
	printf '#!/bin/sh\ntouch %s/starved\n' "$T" >"$T/on-starve"
	chmod 0755 "$T/on-starve"
	start_with_dog "on_starve = $T/on-starve volatile_state = yes" "min_uptime = 1h"
	scribe=$(pgrep -P "$OBITD_PID" -x obitd-scribe)
	kill -STOP "$scribe"
	bury
	retry_until 10 phase_is writes
	kill -TERM "$OBITD_PID"
	retry_until 5 is_closed "$T/dog"
	kill -CONT "$scribe"
	stop_obitd
	[ ! -e "$T/starved" ]
	refute log_has 'is no longer fed'
}

# is_closed FILE: of what obitd had open.
is_closed() {
	! find "/proc/$OBITD_PID/fd" -lname "$1" | grep -q .
}
