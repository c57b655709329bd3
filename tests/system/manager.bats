#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What obitd tells the service manager that has started it, which the test plays.
# shellcheck disable=SC2016 # the dollars in single quotes are jq's

load lib

setup() {
	obit_setup
	copy_victim service
}

teardown() {
	obit_teardown
}

# listen ADDRESS: writes each datagram as a line of JSON to $T/told. While there is $T/busy it does not read, and its queue
# is full.
listen() {
	NOTIFY=$1
	: >"$T/told"
	python3 - "$1" "$T/told" <<-'PYTHON' 3>&- &
		import itertools, json, os, socket, sys, time
		busy = os.path.dirname(sys.argv[2]) + "/busy"
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind(sys.argv[1].replace("@", "\0", 1))
		s.settimeout(0.02)
		def send():
		    t = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		    t.setblocking(False)
		    for n in itertools.count():
		        try:
		            t.sendto(b"FILLER=1", s.getsockname())
		        except BlockingIOError:
		            return n
		with open(sys.argv[2], "a", buffering=1) as out:
		    out.write('"listening"\n')
		    while True:
		        if os.path.exists(busy):
		            while send():
		                pass
		            out.write('"full"\n')
		            while os.path.exists(busy):
		                time.sleep(0.02)
		        try:
		            out.write(json.dumps(s.recv(65536).decode()) + "\n")
		        except socket.timeout:
		            pass
	PYTHON
	STARTED+=($!)
	retry_until 10 grep -q listening "$T/told"
}

# told EXPRESSION: of the datagrams as an array of arrays of lines.
told() {
	jq -e -s "map(split(\"\n\")) | $1" "$T/told" >/dev/null
}

start_under_manager() {
	start_obitd "$1" env NOTIFY_SOCKET="$NOTIFY" "${@:2}"
}

@test "ready, how the watches are, a reload, and the end" {
	listen "$T/notify"
	start_under_manager "$(watch_text web "$T/service" "restart = always")"
	retry_until 5 told 'any(.[]; .[0] == "READY=1" and .[1] == "STATUS=1 watch")'
	start_watched_service web
	retry_until 5 told 'any(.[]; .[0] == "STATUS=1 watch: 1 up")'
	obit stop web
	retry_until 5 told 'any(.[]; .[0] == "STATUS=1 watch: 1 down")'
	told 'any(.[]; .[0] == "RELOADING=1") | not'
	kill -HUP "$OBITD_PID"
	retry_until 5 told '(map(.[0]) | index("RELOADING=1")) as $i | $i != null and
		(.[$i][1] | test("^MONOTONIC_USEC=[0-9]+$")) and any(.[$i:][]; .[0] == "READY=1")'
	obit reload
	retry_until 5 told '[.[] | select(.[0] == "RELOADING=1")] | length == 2'
	stop_obitd
	retry_until 5 told '.[-1][0] == "STOPPING=1"'
}

@test "a configuration with an error ends its reload, too" {
	listen "$T/notify"
	start_under_manager ""
	write_conf "nonsense = 1"
	run obit reload
	[ "$status" -eq 1 ]
	retry_until 5 told '.[-2][0] == "RELOADING=1" and .[-1][0] == "READY=1"'
}

@test "its watchdog is fed as a device would be: not while a critical watch is buried" {
	listen "@$T/abstract"
	start_under_manager "$(watch_text web "$T/service" "restart = always
		critical = true
		min_uptime = 10min
		recover_within = 0")" WATCHDOG_USEC=200000
	start_watched_service web
	retry_until 5 told '[.[] | select(.[0] == "WATCHDOG=1")] | length >= 3'
	kill -KILL "$(service_pid)"
	retry_until 5 told 'any(.[]; .[0] == "STATUS=1 watch: 1 buried (web)")'
	retry_until 5 grep -q "no longer told that obitd is well: .*web" "$T/obitd.log"
	local before after
	before=$(grep -c WATCHDOG=1 "$T/told")
	obit revive web
	retry_until 5 grep -q "told again that obitd is well" "$T/obitd.log"
	after=$(grep -c WATCHDOG=1 "$T/told")
	[ "$after" -le $((before + 2)) ] # none while it was buried
	retry_until 5 told "[.[] | select(.[0] == \"WATCHDOG=1\")] | length > $((after + 2))"
}

@test "a watchdog that waits for another process is none of its business" {
	listen "$T/notify"
	start_under_manager "" WATCHDOG_USEC=100000 WATCHDOG_PID=1
	obit reload
	retry_until 5 told '.[-1][0] == "READY=1"'
	told 'any(.[]; .[0] == "WATCHDOG=1") | not'
}

@test "an address that is none, and a manager that is gone, are told once" {
	NOTIFY=relative
	start_under_manager ""
	grep -q "NOTIFY_SOCKET=relative: expected an absolute path, or @ and a name" "$T/obitd.log"
	stop_obitd
	NOTIFY=$T/nobody
	start_under_manager "" WATCHDOG_USEC=20000
	obit reload
	stop_obitd
	[ "$(grep -c "cannot tell the service manager how it goes: $T/nobody: No such file" "$T/obitd.log")" = 1 ]
}

busy() {
	: >"$T/told"
	touch "$T/busy"
	retry_until 5 grep -q full "$T/told"
}

@test "a manager whose queue is full is told later: that it is ready, of a reload, and how the watches are by then" {
	listen "$T/notify"
	busy
	start_under_manager "$(watch_text web "$T/service" "restart = always")"
	log_has "cannot tell the service manager how it goes: $T/notify: Resource temporarily unavailable"
	start_watched_service web
	rm "$T/busy"
	retry_until 5 told 'any(.[]; .[0] == "READY=1" and .[1] == "STATUS=1 watch: 1 up")'
	busy
	obit reload
	obit stop web
	rm "$T/busy"
	retry_until 5 told '(map(.[0]) | index("RELOADING=1")) as $i | $i != null and
		any(.[$i:][]; .[0] == "READY=1" and .[1] == "STATUS=1 watch: 1 down")'
	busy
	obit start web
	rm "$T/busy"
	retry_until 5 told 'any(.[]; .[0] == "STATUS=1 watch: 1 up")'
	told 'any(.[]; .[0] == "READY=1") | not'
}

@test "nothing of it reaches what is respawned" {
	listen "$T/notify"
	start_under_manager "$(watch_text web "$T/service" "restart = always")" WATCHDOG_USEC=60000000
	start_watched_service web
	kill -KILL "$(service_pid)"
	wait_events up 2
	tr '\0' '\n' <"/proc/$(service_pid)/environ" >"$T/environ"
	refute grep -E "^(NOTIFY_SOCKET|WATCHDOG_)" "$T/environ"
}
