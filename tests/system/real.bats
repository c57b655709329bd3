#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What particular daemons have of their own: ends by a broken configuration or damaged data, upgrades while they
# run, sessions that outlive the listener. How each is started and asked is in daemons.bash.
# shellcheck disable=SC2034,SC2030,SC2031,SC2153 # variables of lib.bash; each test is a process of its own

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
	cp -p "$file" "$T/good.aof"
	echo "damaged beyond repair" >"$file"
	redis-cli -p "$PORT" DEBUG LOADAOF || true
	retry_until 10 has_died "$pid"
	[ "$(last_death "$pid" .exit_status)" = 1 ]
	mv "$T/good.aof" "$file" # at once: to one that is empty it says nothing
	expect_back
	retry_until 5 redis_has
}

# ---- sshd: executes itself for each connection ----

# A hundred connections that are no client's, one after the other; twenty at once would do the same.
knock_a_hundred_times() {
	# shellcheck disable=SC2016 # a shell of its own: bats looks at each step of its own one
	bash -c 'for i in {1..100}; do
		exec 3<>"/dev/tcp/127.0.0.1/$1" && echo nonsense >&3 && exec 3>&-
	done' - "$PORT"
}

all_have_died() {
	[ "$(obit stats --json | jq '.kernel.deaths')" -ge "$1" ] && [ "$(obit stats --json | jq '.daemon.processes')" = 1 ]
}

# Fewer where all takes longer.
@test "a thousand bad connections to sshd: members die, nothing is respawned, and it is one instance" {
	begin_daemon sshd
	local i knocks=() hundreds=$((10 / ${PATIENCE:-1}))
	for ((i = 0; i < hundreds; i++)); do
		knock_a_hundred_times 3>&- &
		knocks+=($!)
	done
	wait "${knocks[@]}"
	retry_until 30 all_have_died $((hundreds * 100))
	main_pid_is real "$MAIN"
	is_alive "$MAIN"
	restarts_are real 0
	[ "$(ls_field real '.instances | length')" = 1 ]
	ask_sshd
	kill_and_expect_back KILL 9
	[ "$(ls_field real '.instances | length')" = 1 ]
}

# A real login, whose shell writes each line that it is told into a file; SESSION is its descriptor.
open_session() {
	mkfifo "$T/words"
	ssh -F none -p "$PORT" -i "$T/user_key" -o BatchMode=yes -o StrictHostKeyChecking=no \
		-o UserKnownHostsFile=/dev/null root@127.0.0.1 "while read -r line; do echo \$line >>$T/heard; done" \
		<"$T/words" >"$T/ssh.log" 2>&1 3>&- &
	STARTED+=($!)
	exec {SESSION}>"$T/words"
	hears first
}

hears() {
	echo "$1" >&"$SESSION"
	retry_until 10 grep -qx "$1" "$T/heard" 2>/dev/null
}

@test "the listener of sshd comes back while its sessions live on" {
	begin_daemon sshd
	open_session
	local pid=$MAIN
	kill -KILL "$pid"
	retry_until 20 is_back
	expect_respawned "$pid" 9
	hears second
	obit stop real
	wait_state real down
	refute ask_sshd
	hears third
}

@test "sshd that ran before obitd: its sessions live on, too" {
	prepare_sshd
	ASK=ask_sshd
	start_by_hand "${START[@]}"
	retry_until 10 ask_sshd
	open_session
	start_obitd "$(watch_text real "$WATCHED" "command = \"${START[*]}\"")"
	wait_state real up
	MAIN=$(ls_field real .pid)
	[ "$MAIN" = "$(cat "$T/sshd.pid")" ]
	[ "$(ls_field real '.instances | length')" = 1 ]
	kill -KILL "$MAIN"
	retry_until 20 is_back
	hears second
}

# ---- a new binary takes over while the old one serves ----


# upgrade PIDFILE OLD_PIDFILE: by SIGUSR2, as nginx and gunicorn do it; then the old master quits.
upgrade() {
	local old=$MAIN

	kill -USR2 "$old"
	retry_until 10 test -s "$2"
	retry_until 10 test -s "$1"
	[ "$(cat "$2")" = "$old" ]
	main_pid_is real "$old"
	kill -QUIT "$old"
	retry_until 10 has_died "$old"
	[ "$(last_death "$old" '"\(.role) \(.action)"')" = "main hand-over" ]
	retry_until 10 one_main
	MAIN=${MAINS[0]}
	main_pid_is real "$MAIN"
	restarts_are real 0
	"$ASK"
}

@test "nginx is upgraded by SIGUSR2: the new master is the main process, and is brought back as the first one was" {
	begin_daemon nginx
	upgrade "$T/nginx.pid" "$T/nginx.pid.oldbin"
	# the second upgrade ends badly: the new master is told to go, and nothing comes of it
	local second
	kill -USR2 "$MAIN"
	retry_until 10 test -s "$T/nginx.pid.oldbin"
	retry_until 10 test -s "$T/nginx.pid"
	second=$(cat "$T/nginx.pid")
	kill -TERM "$second"
	retry_until 10 has_died "$second"
	[ "$(last_death "$second" '"\(.role) \(.action)"')" = "member none" ]
	main_pid_is real "$MAIN"
	kill_and_expect_back KILL 9
}

@test "nginx, killed in the middle of an upgrade: both masters make room for one" {
	begin_daemon nginx
	kill -USR2 "$MAIN"
	retry_until 10 test -s "$T/nginx.pid.oldbin"
	retry_until 10 test -s "$T/nginx.pid"
	kill -KILL "$MAIN"
	expect_back
}

@test "gunicorn is upgraded by SIGUSR2: the new master is the main process, and is brought back as the first one was" {
	begin_daemon gunicorn
	upgrade "$T/gunicorn.pid.2" "$T/gunicorn.pid"
	kill_and_expect_back KILL 9
}
