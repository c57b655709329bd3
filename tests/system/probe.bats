#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Health from outside: servers that answer, hang, drip, flood or lie; sockets, commands; and what follows.
# shellcheck disable=SC2034,SC2030,SC2031,SC2153 # variables of lib.bash; each test is a process of its own
# shellcheck disable=SC2016 # what stands in single quotes is for a shell of its own

load lib
load daemons

setup() {
	obit_setup
	ulimit -c 0
}

teardown() {
	touch "$T/go" # what waits for it ends
	obit_teardown
}

# probe TYPE TARGET [LINE...]: ten times a second, from the start on.
probe() {
	local type=$1 target=$2

	shift 2
	printf 'probe {\n\ttype = %s\n\ttarget = "%s"\n\tinterval = 100ms\n\tgrace = 0\n' "$type" "$target"
	[ $# -eq 0 ] || printf '\t%s\n' "$@"
	printf '}\n'
}

# What is told and not acted on.
only_told() {
	probe "$@" "threshold = 1000"
}

PATIENT=$((100 * ${PATIENCE:-1}))ms
patiently_told() {
	only_told "$@" | sed "s/interval = 100ms/interval = $PATIENT/"
}

# The same of a command, which takes longer where others want to run.
only_run() {
	only_told command "$@" "timeout = 400ms" | sed 's/interval = 100ms/interval = 500ms/'
}

# probe_is N RESULT [REASON]: of the one instance of the watch w.
probe_is() {
	local result reason

	IFS='|' read -r result reason < <(ls_field w ".instances[0].probes[$1] | \"\(.result)|\(.reason)\"")
	[ "$result" = "$2" ] && [ "$reason" = "${3:-null}" ]
}

# expect_probe N RESULT [REASON]
expect_probe() {
	retry_until 10 probe_is "$@" || {
		ls_field w ".instances[0].probes[$1]"
		return 1
	}
}

# probe_has N WORDS: they are in its reason.
probe_has() {
	[[ "$(ls_field w ".instances[0].probes[$1].reason")" == *"$2"* ]]
}

is_not_healthy() {
	[ "$(ls_field w .healthy)" = false ]
}

has_respawned() {
	[ "$(ls_field "$1" .restarts)" -ge 1 ]
}

start_w() {
	copy_victim service
	start_obitd "$(watch_text w "$T/service" "backoff_initial = 50ms" "kill_timeout = 200ms" "$@")"
	start_watched_service w
}

# A server on $PORT for each of the bad manners, which the path names. It ends with its input.
start_bad_server() {
	choose_port
	mkfifo "$T/server"
	python3 -c '
import socket, sys, threading
OK = b"HTTP/1.1 200 OK\r\n\r\n"
def talk(peer):
    path = peer.recv(4096).split(b" ")[1].decode()
    with open(sys.argv[2], "a") as log:
        log.write(path + "\n")
    if path == "/good":
        peer.sendall(OK + b"all is well\n")
    elif path == "/sick":
        peer.sendall(b"HTTP/1.1 503 Sick\r\n\r\n")
    elif path == "/silent":
        threading.Event().wait(5)
    elif path == "/drip":
        for byte in OK * 10:
            peer.sendall(bytes([byte]))
            threading.Event().wait(0.05)
    elif path == "/garbage":
        peer.sendall(b"\x1b[2J\x00\xff" * 100 + b"\n")
    elif path == "/flood":
        peer.sendall(OK)
        while True:
            peer.sendall(b"flood" * 100000)
    peer.close()
def serve(peer):
    try:
        talk(peer)
    except (OSError, IndexError):
        peer.close()
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=64)
print("ready", flush=True)
def accept():
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
threading.Thread(target=accept, daemon=True).start()
sys.stdin.read()' "$PORT" "$T/asked" <>"$T/server" >"$T/server.out" 3>&- &
	STARTED+=($!)
	retry_until 10 grep -q ready "$T/server.out"
}

# ---- the distribution's daemons ----

@test "nginx answers; stopped, it hangs, and is replaced" {
	prepare_nginx
	start_obitd "$(watch_text w "$WATCHED" "kill_timeout = 200ms" \
		"$(probe http "http://127.0.0.1:$PORT/" "expect = \"served by $T\"" "threshold = 3")")"
	start_program "${START[@]}"
	retry_until 10 ask_nginx
	expect_probe 0 passed
	local old
	old=$(ls_field w .pid)
	obit kill w --signal STOP
	retry_until 15 has_respawned w
	retry_until 10 ask_nginx
	expect_probe 0 passed
	[ "$(ls_field w .pid)" != "$old" ]
	log_has "w: pid $old hung: http://127.0.0.1:$PORT/: no answer within 100ms \(3 times in a row\)"
	[ "$(last_death "$old" .hung.by)" = probe ]
	[ "$(last_death "$old" .hung.reason)" = "http://127.0.0.1:$PORT/: no answer within 100ms (3 times in a row)" ]
	[[ "$(obit why "$old")" == *"no answer within 100ms"* ]]
}

@test "redis is asked at its port, and by its own command" {
	prepare_redis
	start_obitd "$(watch_text w "$WATCHED" "${WATCH[@]}" "$(only_told tcp "localhost:$PORT")" \
		"$(only_run "$(command -v redis-cli) -p $PORT ping" "user = nobody")" \
		"$(only_told http "http://127.0.0.1:$PORT/")")"
	start_program "${START[@]}"
	retry_until 10 ask_redis
	expect_probe 0 passed
	expect_probe 1 passed
	# It takes "Host:" for an attack, and hangs up.
	expect_probe 2 failed "it closes the connection without an answer"
}

@test "memcached is asked at its Unix socket, of any type of sockets" {
	choose_daemon memcached
	nobodys_directory "$T/sockets"
	start_obitd "$(watch_text w "$WATCHED" "$(only_told unix "$T/sockets/m")" "$(only_told unix "$T/d")" \
		"$(only_told unix "@$T/abstract")" "$(only_told unix "$T/none")" "$(only_told unix "$T/service.out")")"
	python3 -c '
import socket, sys, time
d = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
d.bind(sys.argv[1] + "/d")
a = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
a.bind("\0" + sys.argv[1] + "/abstract")
a.listen(64)
time.sleep(60)' "$T" 3>&- &
	STARTED+=($!)
	start_program "$COMMAND" -u nobody -s "$T/sockets/m" -m 8 -t 2 -b 64
	wait_state w up
	expect_probe 0 passed
	expect_probe 1 passed
	expect_probe 2 passed
	expect_probe 3 failed "No such file or directory"
	expect_probe 4 failed "Connection refused"
	local pid
	pid=$(ls_field w .pid)
	kill -STOP "$pid"
	# Linux takes connections for it until its queue is full.
	python3 -c '
import socket, sys, time
peers = []
for i in range(1000):
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(0.2)
    try:
        peer.connect(sys.argv[1])
    except OSError:
        break
    peers.append(peer)
print("full", flush=True)
time.sleep(60)' "$T/sockets/m" >"$T/full" 3>&- &
	STARTED+=($!)
	retry_until 20 grep -q full "$T/full"
	expect_probe 0 failed "no connection within 100ms"
	kill -CONT "$pid"
}

# ---- bad manners ----

@test "whatever a server does is told in clear words, and the loop is not late" {
	start_bad_server
	start_w "$(patiently_told http "http://127.0.0.1:$PORT/good")" \
		"$(patiently_told http "http://127.0.0.1:$PORT/sick")" \
		"$(patiently_told http "http://127.0.0.1:$PORT/silent")" \
		"$(patiently_told http "http://127.0.0.1:$PORT/drip")" \
		"$(patiently_told http "http://127.0.0.1:$PORT/garbage")" \
		"$(patiently_told http "http://127.0.0.1:$PORT/flood" "expect = never")" \
		"$(patiently_told http "http://127.0.0.1:$PORT/closed")" \
		"$(patiently_told http "http://127.0.0.1:$PORT/good" "expect = 'all is well'")" \
		"$(patiently_told http "http://127.0.0.1:$PORT/good" "expect = worse")"
	expect_probe 0 passed
	expect_probe 1 failed "status 503"
	expect_probe 2 failed "no answer within $PATIENT"
	expect_probe 3 failed "no complete answer within $PATIENT"
	expect_probe 4 failed "no HTTP: '\x1b[2J\x00\xff\x1b[2J\x00\xff\x1b[2J\x00\xff\x1b[2J\x00\xff\x1b[2J\x00\xff\x1b['"
	expect_probe 5 failed "'never' is not in the first 64KiB of its answer"
	expect_probe 6 failed "it closes the connection without an answer"
	expect_probe 7 passed
	expect_probe 8 failed "'worse' is not in its answer"
	local began=${EPOCHREALTIME/./}
	for _ in {1..20}; do
		obit status w >/dev/null
	done
	echo "20 answers took $(((${EPOCHREALTIME/./} - began) / 1000)) ms"
	((${EPOCHREALTIME/./} - began < 4000000 * ${PATIENCE:-1}))
	restarts_are w 0
	# A death is told as ever meanwhile.
	kill -KILL "$(service_pid)"
	retry_until 5 has_respawned w
}

@test "a closed port: refused, hung, replaced; and each life has its grace" {
	choose_port
	copy_victim service
	start_obitd "$(watch_text w "$T/service" \
		"probe { type = tcp target = \"127.0.0.1:$PORT\" interval = 100ms threshold = 2 grace = 400ms }")"
	start_service
	retry_until 10 has_respawned w
	log_has "w: probe failing 1 of 2: 127.0.0.1:$PORT: Connection refused"
	log_has "hung: 127.0.0.1:$PORT: Connection refused \(2 times in a row\)"
	[ "$(last_death w .signal)" = SIGABRT ]
	[ "$(last_death w .lived_ns)" -ge 500000000 ]
}

@test "what fails is told by obit ls, and by obit show" {
	choose_port
	start_w "$(only_told tcp "127.0.0.1:$PORT")"
	expect_probe 0 failed "Connection refused"
	[[ "$(obit ls)" =~ "probe failing, "?[0-9]+" times in a row: 127.0.0.1:$PORT: Connection refused"|"probe failing "[0-9]+" of 1000: 127.0.0.1:$PORT: Connection refused" ]]
	[[ "$(obit show w)" =~ "up, probe failing "[0-9]+" of 1000" ]]
	[[ "$(obit show w)" == *"type = tcp, target = 127.0.0.1:$PORT"* ]]
}

# ---- commands ----

# write_check NAME TEXT: a command, of root.
write_check() {
	printf '#!/bin/sh\n%s\n' "$2" >"$T/$1"
	chmod 0755 "$T/$1"
}

no_check_runs() {
	! pgrep -f "^/bin/sh $T/(hang|flood)\$" >/dev/null
}

@test "a command passes, fails, hangs, floods, or cannot be run" {
	chmod 0755 "$T"
	write_check good 'exit 0'
	write_check bad "echo \"no 'answer'\"; echo more; exit 2"
	mkfifo "$T/never"
	write_check hang 'read -r _ <"${0%/*}/never"'
	write_check flood 'while :; do echo flood; echo flood >&2; done'
	write_check who 'id -un; test "$OBIT_WATCH" = w && test "$OBIT_PID" -gt 0; exit 3'
	write_check others 'exit 0'
	start_w "$(only_run "$T/good")" "$(only_run "$T/bad")" \
		"$(only_run "$T/hang")" "$(only_run "$T/flood")" \
		"$(only_run "$T/who" "user = nobody")" "$(only_run "$T/missing")" \
		"$(only_run "$T/others")"
	expect_probe 0 passed
	expect_probe 1 failed "exited 2: no 'answer'"
	expect_probe 2 failed "not done within 400ms"
	expect_probe 3 failed "not done within 400ms"
	expect_probe 4 failed "exited 3: nobody"
	# What cannot be run says nothing of the service.
	expect_probe 5 unable "No such file or directory"
	[ "$(ls_field w '.instances[0].probes[5].failures')" = 0 ]
	log_has "w: probe $T/missing: could not be checked: No such file or directory"
	[ "$(grep -c "$T/missing: could not be checked" "$T/obitd.log")" = 1 ]
	refute log_has flood$
	chmod 0777 "$T/others"
	expect_probe 6 unable "others than root can change it"
	obit unwatch w
	retry_until 10 no_check_runs
}

# ---- when it is not asked ----

asked_of() {
	grep -c "^/$1\$" "$T/asked" 2>/dev/null || true
}

is_asked_more_than() {
	[ "$(asked_of "$1")" -gt "$2" ]
}

# others_turns N: for as long as the other one is asked so often.
others_turns() {
	retry_until 20 is_asked_more_than sick $(($(asked_of sick) + $1 - 1))
}

@test "nothing is asked of what is not up, and a pause holds it" {
	local before
	start_bad_server
	copy_victim service
	start_obitd "$(watch_text w "$T/service" "$(probe http "http://127.0.0.1:$PORT/good")")
$(watch_text other "$T/other" "$(only_told http "http://127.0.0.1:$PORT/sick")")"
	start_watched_service w
	retry_until 10 is_asked_more_than good 3
	[ "$(asked_of sick)" = 0 ]
	obit pause w --for 600ms
	before=$(asked_of good)
	# It ends by itself, and then it is asked again.
	retry_until 10 is_asked_more_than good $((before + 3))
	copy_victim service other
	start_program "$T/other" --state "$T/other.state"
	wait_state other up
	obit pause w
	before=$(asked_of good)
	others_turns 5
	[ "$(asked_of good)" -le $((before + 1)) ] # one may have been under way
	obit resume w
	retry_until 10 is_asked_more_than good $((before + 2))
	obit stop w
	wait_state w down
	before=$(asked_of good)
	others_turns 4
	[ "$(asked_of good)" -le $((before + 1)) ]
}

@test "a reload that leaves the probes alone leaves their counters alone" {
	choose_port
	start_w "$(only_told tcp "127.0.0.1:$PORT")"
	retry_until 10 probe_is 0 failed "Connection refused"
	local failures
	failures=$(ls_field w '.instances[0].probes[0].failures')
	sed -i 's/backoff_initial = 50ms/backoff_initial = 60ms/' "$CONF"
	obit reload
	[ "$(ls_field w '.instances[0].probes[0].failures')" -ge "$failures" ]
	sed -i 's/threshold = 1000/threshold = 2/' "$CONF"
	obit reload
	retry_until 10 has_respawned w
	# Without them nothing is left of them.
	sed -i '/^\s*probe {/,/^}/d' "$CONF"
	obit reload
	wait_state w up
	[ "$(ls_field w '.instances[0].probes')" = "[]" ]
	[ "$(ls_field w '.note')" = null ]
}

@test "--observe asks, tells what would be done, and does nothing" {
	choose_port
	OBITD_OPTIONS+=(--observe)
	start_w "$(probe tcp "127.0.0.1:$PORT" "threshold = 2")"
	retry_until 10 log_has "w: would stop: hung: 127.0.0.1:$PORT: Connection refused \(2 times in a row\)"
	is_alive "$(service_pid)"
	[[ "$(ls_field w .note)" == *"hung: 127.0.0.1:$PORT: Connection refused"* ]]
	# It comes back to itself.
	python3 -c '
import socket, sys, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=64)
time.sleep(60)' "$PORT" 3>&- &
	STARTED+=($!)
	expect_probe 0 passed
	retry_until 10 log_has "w: hangs no longer"
	[[ "$(ls_field w .note)" != *hung* ]]
}

@test "a critical watch whose probe fails is not healthy, also where nothing is done about it" {
	choose_port
	copy_victim service
	# By a glob, and younger than settle: it would not be respawned.
	start_obitd "$(watch_text w "$T/servic?" "settle = 1h" "critical = yes" "recover_within = 100ms" \
		"$(probe tcp "127.0.0.1:$PORT" "threshold = 2")")"
	start_watched_service w
	retry_until 10 is_not_healthy
	[[ "$(ls_field w .note)" == "hung: 127.0.0.1:$PORT: Connection refused (2 times in a row); not stopped: a job"* ]]
	is_alive "$(service_pid)"
	state_is w up
}

@test "a probe that makes no sense is told at its line" {
	copy_victim service
	write_conf "$(watch_text w "$T/service" "probe { type = command target = /bin/true" "user = no-such-user }")"
	run "$OBITD" --check -c "$CONF"
	[ "$status" -ne 0 ]
	[[ "$output" == *"no user no-such-user here"* ]]
	install -m 0777 /dev/null "$T/check"
	write_conf "$(watch_text w "$T/service" "probe { type = command target = \"$T/check\" }")"
	run "$OBITD" --check -c "$CONF"
	[ "$status" -ne 0 ]
	[[ "$output" == *"probe: "*"$T/check"* ]]
	write_conf "$(watch_text w "$T/service" "probe {" "type = tcp" "target = \"127.0.0.1:0\" }")"
	run "$OBITD" --check -c "$CONF"
	[ "$status" -ne 0 ]
	[[ "$output" == *"obit.conf:5: target: '127.0.0.1:0' is wrong; expected a port from 1 to 65535"* ]]
	write_conf "$(watch_text w "$T/service" "probe { type = http target = 'http://localhost/' }")"
	"$OBITD" --check -c "$CONF"
}
