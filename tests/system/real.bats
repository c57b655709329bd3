#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What particular daemons have of their own: ends by a broken configuration or damaged data, upgrades while they
# run, sessions that outlive the listener. How each is started and asked is in daemons.bash.
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

# The last death of all is one with that exit status.
exited_with() {
	[ "$(last_death real '.how + " " + (.exit_status | tostring)')" = "exited $1" ]
}

@test "lighttpd comes back from exit 255: a graceful restart with a broken configuration" {
	begin_daemon lighttpd
	local pid=$MAIN
	echo "nonsense ===" >>"$T/lighttpd.conf"
	kill -USR1 "$pid"
	retry_until 10 has_died "$pid"
	[ "$(last_death "$pid" .exit_status)" = 255 ]
	# its successors cannot start either, until somebody repairs it
	write_lighttpd_conf
	expect_back
}

# A running nginx master ends with 0 or by a signal only; what it has of failing exits is at its start.
@test "nginx comes back from exit 1: killed while its configuration is broken, which is then repaired" {
	begin_daemon nginx
	echo "nonsense" >"$T/nginx.conf"
	kill -KILL "$MAIN"
	retry_until 10 exited_with 1
	refute ask_nginx
	write_nginx_conf
	expect_back
}

redis_has() {
	[ "$(redis-cli -h 127.0.0.1 -p "$PORT" GET what 2>/dev/null)" = remains ]
}

@test "redis comes back from exit 1 with its data: it finds its append-only file damaged" {
	begin_daemon redis
	local pid=$MAIN file
	redis-cli -p "$PORT" SET what remains
	file=$(echo "$T"/redis/appendonlydir/*.incr.aof)
	cp "$file" "$T/good.aof"
	echo "damaged beyond repair" >"$file"
	redis-cli -p "$PORT" DEBUG LOADAOF || true
	retry_until 10 has_died "$pid"
	[ "$(last_death "$pid" .exit_status)" = 1 ]
	cat "$T/good.aof" >"$file"
	expect_back
	retry_until 5 redis_has
}
