#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The distribution's own daemons, started by hand as they come, watched by their path alone, killed in five ways,
# and back as they were exactly where the table of what a death means says so. How each is started and
# asked is in daemons.bash.
# shellcheck disable=SC2034,SC2030,SC2031 # variables of lib.bash; each test is a process of its own

load lib
load daemons

setup() {
	obit_setup
	ulimit -c 0
}

# Nothing is ended here by what it is called: only what runs from below $T is ours.
teardown() {
	obit_teardown
}

# It is the service's own business, and nothing that obit acts on.
kill_a_worker() {
	local worker restarts

	[ "$WORKERS" -gt 0 ] || return 0
	restarts=$(ls_field real .restarts)
	worker=$(pgrep -P "$MAIN" | head -n 1)
	kill -KILL "$worker"
	retry_until 10 has_died "$worker"
	[ "$(last_death "$worker" '"\(.role) \(.action)"')" = "member none" ]
	retry_until 10 "$ASK"
	retry_until 10 workers_are "$WORKERS"
	main_pid_is real "$MAIN"
	is_alive "$MAIN"
	restarts_are real "$restarts"
}

kill_the_group() {
	local pid=$MAIN

	stat_field "$$" 3
	local ours=$FIELD
	stat_field "$pid" 3
	[ "$FIELD" != "$ours" ] && [ "$FIELD" -gt 1 ]
	kill -KILL -- "-$FIELD"
	expect_back
	expect_respawned "$pid" 9
}

is_over() {
	has_died "$MAIN" && state_is real ended && no_main
}

stop_from_outside() {
	local restarts

	restarts=$(ls_field real .restarts)
	kill -TERM "$MAIN"
	retry_until 10 is_over
	[ "$(last_death "$MAIN" .role)" = main ]
	restarts_are real "$restarts"
	refute "$ASK"
}

five_ways() {
	begin_daemon "$1"
	kill_and_expect_back KILL 9
	kill_and_expect_back SEGV "$SEGV_STATUS"
	kill_a_worker
	kill_the_group
	restarts_are real 3
	stop_from_outside
}

@test "lighttpd, killed in five ways" {
	five_ways lighttpd
}

@test "nginx, killed in five ways" {
	five_ways nginx
}

@test "redis, killed in five ways" {
	five_ways redis
}

@test "memcached, killed in five ways" {
	five_ways memcached
}

@test "dnsmasq, killed in five ways" {
	five_ways dnsmasq
}

@test "rsyslogd, killed in five ways" {
	five_ways rsyslogd
}

@test "sshd, killed in five ways" {
	five_ways sshd
}

@test "postgres, killed in five ways" {
	five_ways postgres
}

@test "gunicorn, killed in five ways" {
	five_ways gunicorn
}

@test "cron, killed in five ways" {
	five_ways cron
}
