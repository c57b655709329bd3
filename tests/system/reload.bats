#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A reload is atomic, and what goes on goes on: instances, counters, back-offs, stops, pauses.
# shellcheck disable=SC2034,SC2030,SC2031 # variables of lib.bash; each test is a process of its own

bats_require_minimum_version 1.5.0
load lib

setup() {
	obit_setup
	copy_victim service
	copy_victim victim
}

teardown() {
	obit_teardown
}

reload_with() {
	write_conf "$1"
	obit reload
}

web() {
	watch_text web "$T/service" "backoff_jitter = 0%" "$@"
}

# What an observer would say of "web", but for the time.
web_now() {
	ls_field web '[.state, .restarts, .deaths, .paused, .instances[0].state, .instances[0].pid] | @json'
}

time_left() {
	ls_field web '.instances[0].next_start_ns'
}

# A service that has failed once too often to be back at once.
start_waiting() {
	start_obitd "$(web "backoff_initial = $1" "${@:2}")"
	start_watched_service web --fail-if "$T/broken"
	: >"$T/broken"
	kill -KILL "$(service_pid)"
	wait_events start 2
	wait_state web waiting
	rm "$T/broken"
}

# All of it in one process after the other, none of which lives longer than it takes to read its letter.
live_shortly_in() {
	local i

	for i in {1..150}; do
		# shellcheck disable=SC2016 # the inner shell expands
		sh -c 'echo $$ >"$1"/cgroup.procs; exec "$2" exit 3' _ "$CGROUP" "$T/victim" || true
	done
}

exits_are_told() {
	[ "$(grep -cE 'pid [0-9]+ exited 3' "$T/obitd.log")" = "$1" ]
}

@test "what is born in a watched cgroup during a reload is not missed" {
	make_cgroup busy
	copy_victim victim
	start_obitd "watch busy {
	cgroup = \"$CGROUP_PATH\"
	restart = no
}"
	live_shortly_in &
	local lives=$!
	while is_alive "$lives"; do
		obit reload >/dev/null
	done
	wait "$lives"
	# whose each was may have been told too late; but each is told
	retry_until 10 exits_are_told 150
}

@test "what a reload has changed is printed and logged, by obit reload and by SIGHUP" {
	start_obitd "$(web; watch_text old "$T/old"; watch_text same "$T/same")"
	write_conf "$(web "restart = always"; watch_text new "$T/new"; watch_text same "$T/same")"
	run obit reload
	[ "$output" = "added    new
changed  web
removed  old
1 kept as it was." ]
	log_has 'configuration reloaded: added new; changed web; removed old; 1 kept$'
	kill -HUP "$OBITD_PID"
	retry_until 5 log_has 'configuration reloaded: nothing has changed; 3 kept$'
	local i
	for i in {1..30}; do watch_text "w$i" "$T/w$i"; done >"$CONF"
	kill -HUP "$OBITD_PID"
	retry_until 5 log_has 'added w1, w2, .*, w20 and 10 more; removed web, new, same; 0 kept$'
}

@test "a watch that has changed keeps its instance and its counters, and goes on by the new words" {
	start_obitd "$(web "start_limit_burst = 3" "start_limit_interval = 1h" "backoff_initial = 1ms")"
	start_watched_service web
	kill -KILL "$(service_pid)"
	wait_events up 2
	retry_until 5 restarts_are web 1
	retry_until 5 main_pid_is web "$(service_pid)"
	local before
	before=$(web_now)
	reload_with "$(web "restart = always" "start_limit_burst = 3" "start_limit_interval = 1h" \
		"backoff_initial = 1ms")"
	[ "$(web_now)" = "$before" ]
	kill -USR1 "$(service_pid)"
	wait_events up 3
	retry_until 5 main_pid_is web "$(service_pid)"
	kill -USR1 "$(service_pid)" # the starts before the reload count
	wait_state web buried
	restarts_are web 2
	before=$(web_now)
	reload_with "$(web)"
	[ "$(web_now)" = "$before" ]
}

# pids_are NAME PID...
pids_are() {
	[ "$(ls_field "$1" '[.instances[].pid] | join(" ")')" = "${*:2}" ]
}

@test "each instance stays with its watch where the watches come in another order, and one of it is dropped" {
	local a b c

	copy_victim victim first
	copy_victim victim second
	copy_victim victim other
	start_obitd "$(watch_text gone "$T/gone")
$(watch_text web "$T/*s*")
$(watch_text other "$T/other")"
	start_program "$T/first" pause
	a=$!
	retry_until 10 pids_are web "$a"
	start_program "$T/second" pause
	b=$!
	retry_until 10 pids_are web "$a" "$b"
	start_program "$T/other" pause
	c=$!
	retry_until 10 pids_are other "$c"
	reload_with "$(watch_text other "$T/other")
$(watch_text new "$T/new")
$(watch_text web "$T/s*")"
	pids_are web "$b"
	pids_are other "$c"
	pids_are new
	kill -KILL "$b"
	retry_until 10 deaths_are web 1
	deaths_are other 0
	is_alive "$a"
}

@test "a watch that is renamed is another one: it takes up what runs, and knows nothing of before" {
	start_obitd "$(web)"
	start_watched_service web
	kill -KILL "$(service_pid)"
	wait_events up 2
	retry_until 5 main_pid_is web "$(service_pid)"
	write_conf "$(watch_text site "$T/service")"
	obit reload --json | jq -e '.added == ["site"] and .removed == ["web"]'
	main_pid_is site "$(service_pid)"
	[ "$(ls_field site '"\(.restarts) \(.deaths)"')" = "0 0" ]
	[ "$(event_count start)" = 2 ]
	kill -KILL "$(service_pid)"
	wait_events up 3
	expect_same_start 1 3
}

@test "a watch that no longer matches what runs forgets it, and lets it live" {
	start_obitd "$(web)"
	start_watched_service web
	reload_with "$(web "args = never")"
	state_is web absent
	is_alive "$(service_pid)"
	kill -KILL "$(service_pid)"
	reload_with "$(web; watch_text v "$T/victim" "restart = no")"
	"$T/victim" exit 5 || true
	retry_until 5 deaths_are v 1
	[ "$(event_count start)" = 1 ]
}

@test "a reload in the middle of a back-off: it comes when it would have come" {
	start_waiting $((1500 * ${PATIENCE:-1}))ms
	local before
	before=$(time_left)
	reload_with "$(web "backoff_initial = 1h")"
	state_is web waiting
	[ "$(time_left)" -le "$before" ]
	reload_with "$(web "backoff_initial = 1h"; watch_text more "$T/more")"
	printf 'nonsense\n' >"$CONF"
	run obit reload
	[ "$status" -eq 1 ]
	wait_events up 2
	wait_state web up
	restarts_are web 2
	[ "$(event_count start)" = 3 ]
}

@test "a reload that removes what waits for its respawn: it does not come" {
	start_waiting $((1500 * ${PATIENCE:-1}))ms
	reload_with "$(watch_text clock "$T/victim" "backoff_initial = $((1500 * ${PATIENCE:-1}))ms" "backoff_jitter = 0%")"
	[ "$(event_count start)" = 2 ]
	"$T/victim" exit 5 || true # back at once, and then as late as web would have been
	retry_until 10 died_three_times clock
	[ "$(event_count start)" = 2 ]
	reload_with "$(web)"
	state_is web absent
}

died_three_times() {
	[ "$(ls_field "$1" .deaths)" -ge 3 ]
}

@test "a reload in the middle of a stop: it ends as it began" {
	start_obitd "$(web "kill_timeout = 3s")"
	start_watched_service web --ignore-term
	local pid
	pid=$(service_pid)
	obit stop --no-wait web
	state_is web stopping
	reload_with "$(web "kill_timeout = 1h" "restart = always")"
	state_is web stopping
	is_alive "$pid"
	wait_state web down
	is_dead "$pid"
	[ "$(last_death web '"\(.signal) \(.action_detail)"')" = "SIGKILL stopped by the operator" ]
	reload_with "$(web)"
	state_is web down
	[ "$(event_count start)" = 1 ]
}

@test "a reload in the middle of a pause: what is held is held, and comes back with the end of it" {
	start_obitd "$(web)"
	start_watched_service web
	obit pause web
	kill -KILL "$(service_pid)"
	wait_state web waiting
	local before
	before=$(web_now)
	reload_with "$(web "restart = always"; watch_text more "$T/more")"
	[ "$(web_now)" = "$before" ]
	[ "$(event_count start)" = 1 ]
	obit resume web
	wait_events up 2
}

@test "reloads at once, with good files and bad ones: each is whole, and the service does not notice" {
	start_obitd "$(web)"
	start_watched_service web
	local pid i pids=()
	pid=$(service_pid)
	for i in {1..12}; do
		if ((i % 3 == 0)); then
			printf 'watch web {\n\tpth = "x"\n}\n' >"$T/new"
		else
			{ web "backoff_initial = ${i}ms"; watch_text "w$i" "$T/w$i"; } >"$T/new"
		fi
		mv "$T/new" "$CONF"
		obit reload >>"$T/reloads" 2>&1 &
		pids+=($!)
		kill -HUP "$OBITD_PID"
	done
	for i in "${pids[@]}"; do wait "$i" || true; done
	write_conf "$(web)"
	obit reload
	main_pid_is web "$pid"
	[ "$(obit ls --json | jq -r 'map(.name) | join(" ")')" = web ]
	restarts_are web 0
	refute grep -vE "^(added|changed|removed|Nothing|[0-9]+ kept)|pth" "$T/reloads"
	kill -KILL "$pid"
	wait_events up 2
}

@test "what is doubtful in a new configuration is printed by obit reload" {
	copy_victim service
	start_obitd "$(watch_text web "$T/service")"
	write_conf "$(watch_text web "$T/service")
$(watch_text shadow "$T/service")"
	run --separate-stderr obit reload
	[ "$status" -eq 0 ]
	[[ "$output" == *"added "*shadow* ]]
	# shellcheck disable=SC2154 # run sets it
	[[ "$stderr" == *"obit.conf:4: watch 'shadow'"*"web"* ]]
	[ "$(obit reload --json 2>/dev/null | jq -r '.warnings | length')" = 1 ]
}
