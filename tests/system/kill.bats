#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Who is signalled: all instances or one of them, and of an instance whom kill_mode says.
# shellcheck disable=SC2034,SC2030,SC2031 # variables of lib.bash; each test is a process of its own

load lib

setup() {
	obit_setup
	copy_victim victim
	copy_victim service
}

teardown() {
	obit_teardown
}

# ---- kill_mode ----

# A main process; "fork" has forked from it; "session" is a fork that has executed the program anew, and
# "of-session" a fork of that; "offspring" has executed something else.
write_family() {
	cat >"$T/family" <<'SH'
#!/bin/sh
dir=$(dirname "$0")
tell() { sh -c 'echo $PPID' >"$dir/$1.new" && mv "$dir/$1.new" "$dir/$1"; }
linger() { tell "$1"; read -r line <"$dir/fifo"; }
case $1 in
session)
	(linger of-session) &
	linger session
	;;
*)
	(linger fork) &
	"$0" session &
	"$dir/victim" pause &
	echo $! >"$dir/offspring"
	linger main
	;;
esac
SH
	chmod 0755 "$T/family"
	mkfifo "$T/fifo"
}

family_is_there() {
	local who

	for who in main fork session of-session offspring; do
		[ -s "$T/$who" ] || return 1
	done
	[ "$(readlink "/proc/$(cat "$T/offspring")/exe")" = "$T/victim" ]
}

# Who of the family lives, in one line.
alive() {
	local who

	for who in main fork session of-session offspring; do
		! is_alive "$(cat "$T/$who")" || echo -n "$who "
	done
}

# A zombie of the family counts as dead, whoever has to reap it.
alive_are() {
	[ "$(alive)" = "${1:+$1 }" ]
}

# start_family KILL_MODE [LINE...]
start_family() {
	local mode=$1

	shift
	write_family
	start_obitd "$(watch_text family "$T/family" "kill_mode = $mode" "restart = no" "$@")"
	start_program "${IN_CGROUP[@]}" "$T/family"
	retry_until 10 family_is_there
	wait_state family up
	retry_until 5 members_of_family_are 3
}

members_of_family_are() {
	[ "$(ls_field family '.instances[0].members')" = "$1" ]
}

end_family() {
	obit unwatch family >/dev/null
	# shellcheck disable=SC2046 # pids
	kill -KILL $(alive | xargs -n 1 | sed "s|^|$T/|" | xargs -r cat)
}

@test "kill_mode = process: a stop ends the main process alone" {
	start_family process
	obit stop family
	alive_are "fork session of-session offspring"
	end_family
}

@test "kill_mode = instance: a stop ends what has forked from it, and no session" {
	start_family instance
	obit stop family
	alive_are "session of-session offspring"
	end_family
}

@test "kill_mode = cgroup: a stop ends all" {
	make_cgroup family
	# shellcheck disable=SC2016 # the inner shell expands
	IN_CGROUP=(sh -c 'echo $$ >"$1"/cgroup.procs && shift && exec "$@"' _ "$CGROUP")
	start_family cgroup
	obit stop family
	retry_until 5 alive_are ""
}

# A process in the service's cgroup that obit knows nothing of, and that SIGTERM does not end. It goes when it can read $T/go.
start_stranger() {
	# shellcheck disable=SC2016 # the inner shell expands
	sh -c 'trap "" TERM; echo $$ >"$1"/cgroup.procs; echo $$ >"$2"; read -r line <"$3"' _ "$CGROUP" "$T/stranger" "$T/go" 3>&- &
	STARTED+=($!)
	retry_until 5 test -s "$T/stranger"
}

# start_in_cgroup LINE...
start_in_cgroup() {
	make_cgroup service
	# shellcheck disable=SC2016 # the inner shell expands
	SERVICE_WRAP=(sh -c 'echo $$ >"$1"/cgroup.procs && shift && exec "$@"' _ "$CGROUP")
	mkfifo "$T/go"
	start_obitd "$(watch_text web "$T/service" "kill_mode = cgroup" "$@")"
	start_watched_service web
	start_stranger
}

@test "kill_mode = cgroup: a stop waits for who else is in the cgroup" {
	start_in_cgroup "kill_timeout = 1min"
	obit stop web &
	retry_until 5 is_dead "$(service_pid)"
	retry_until 5 state_is web stopping
	is_alive "$(cat "$T/stranger")"
	state_is web stopping
	echo >"$T/go"
	retry_until 5 state_is web down
	wait $!
}

@test "kill_mode = cgroup: who else is in the cgroup and does not go is killed, and only then it is started again" {
	start_in_cgroup "kill_timeout = 300ms"
	SERVICE_WRAP=()
	obit restart web
	refute is_alive "$(cat "$T/stranger")"
	wait_events up 2
	[ "$(ls_field web .state)" = up ]
}

@test "a session lives on when the service is respawned, and does not count as what is to be stopped" {
	write_family
	start_obitd "$(watch_text family "$T/family")"
	start_program "$T/family"
	retry_until 10 family_is_there
	wait_state family up
	retry_until 5 members_of_family_are 3
	local main session
	main=$(cat "$T/main")
	session=$(cat "$T/session")
	kill -KILL "$main"
	retry_until 5 restarts_are family 1
	[[ "$(last_death family .action_detail)" == "1 of its processes lives on: stopped, then respawned" ]]
	is_alive "$session"
}

# ---- all instances, or one ----

# The pids of the services that were started with each word.
pid_of() {
	jq -r -s --arg word "$1" '[.[] | select(.event == "start" and .argv[-1] == $word)] | last | .pid' \
		"$T/service.state"
}

# start_three [LINE...]: three instances of one watch: A, B and C are their pids.
start_three() {
	local word

	start_obitd "$(watch_text web "$T/service" "backoff_initial = 1ms" "$@")"
	for word in a b c; do
		start_service "$word"
	done
	wait_events up 3
	retry_until 5 states_are "up up up"
	A=$(pid_of a) B=$(pid_of b) C=$(pid_of c)
}

states_are() {
	[ "$(ls_field web '[.instances[].state] | sort | join(" ")')" = "$1" ]
}

instance() {
	obit ls --json | jq -r --argjson pid "$1" ".[0].instances[] | select(.last_pid == \$pid) | $2"
}

refused() {
	local expected=$1 text=$2

	shift 2
	run obit "$@"
	echo "$*: $status, $output"
	[ "$status" -eq "$expected" ]
	[[ "$output" == "obit: "*"$text"* ]]
	[ "$(wc -l <<<"$output")" = 1 ]
}

@test "NAME@PID is one instance: stop, status, show, start, restart" {
	start_three
	obit stop "web@$B" | grep -qx "web@$B: down"
	states_are "down up up"
	is_alive "$A"
	is_alive "$C"
	run obit status "web@$B"
	[ "$status" -eq 3 ]
	[ "$output" = "web@$B: down; stopped by the operator" ]
	obit status "web@$A" | grep -qx "web@$A: up (pid $A)"
	[ "$(obit show "web@$C" --json | jq -r '.instances | map(.pid, .recipe.argv[-1]) | join(" ")')" = "$C c" ]
	[ "$(obit show web --json | jq '.instances | length')" = 3 ]
	obit ls | grep -qE "^  web@$B +down"
	# it has no process any more, and is still called as before
	obit start "web@$B" | tail -n 1 | grep -qE "^web@$B: up \(pid [0-9]+\)"
	wait_events up 4
	states_are "up up up"
	refused 4 "no instance web@$B any more: it is web@$(pid_of b) now" stop "web@$B"
	obit restart "web@$A" | tail -n 1 | grep -qE "^web@$A: up \(pid [0-9]+\)"
	wait_events up 5
	[ "$(pid_of a)" != "$A" ]
	is_alive "$C"
	is_alive "$(pid_of b)"
}

@test "NAME is all instances" {
	start_three
	obit stop web
	states_are "down down down"
	obit start web
	wait_events up 6
	retry_until 5 states_are "up up up"
}

@test "NAME@PID: pause, resume and revive mean that one" {
	start_three "start_limit_burst = 3" "start_limit_interval = 1h"
	obit pause "web@$A" --for 1h | grep -qx "web@$A: paused for 1h 0min"
	[ "$(ls_field web .paused)" = false ]
	[[ "$(instance "$A" .note)" == "paused for another "* ]]
	obit ls | grep -q "paused for another "
	kill -KILL "$A" "$B"
	wait_events up 4
	retry_until 5 states_are "up up waiting"
	[[ "$(instance "$A" .note)" == "paused: respawn is held for "* ]]
	obit resume "web@$A" | grep -qx "web@$A: resumed"
	wait_events up 5
	retry_until 5 states_are "up up up"
	obit resume "web@$C" | grep -qx "web@$C: is not paused"
	local lives
	for lives in 1 2 3; do
		kill -KILL "$(pid_of c)"
		retry_until 5 is_over c "$lives"
	done
	retry_until 5 states_are "buried up up"
	obit revive "web@$(pid_of c)"
	retry_until 5 states_are "up up up"
}

# The instance of a word is buried, or runs its Nth life after the first.
is_over() {
	states_are "buried up up" ||
		[ "$(jq -s --arg word "$1" '[.[] | select(.event == "start" and .argv[-1] == $word)] | length' \
			"$T/service.state")" -gt "$2" ]
}

@test "why NAME@PID: the death of that process, or the one before the process that runs" {
	start_three
	kill -KILL "$A"
	wait_events up 4
	retry_until 5 states_are "up up up"
	kill -SEGV "$B"
	wait_events up 5
	retry_until 5 deaths_are web 2
	[ "$(last_death "web@$A" '"\(.pid) \(.signal)"')" = "$A SIGKILL" ]
	[ "$(last_death "web@$B" '"\(.pid) \(.signal)"')" = "$B SIGSEGV" ]
	retry_until 5 states_are "up up up"
	[ "$(last_death "web@$(pid_of a)" .pid)" = "$A" ]
	refused 1 "no death of web@$C is known" why "web@$C"
	refused 4 "no watch named nothing@7" why nothing@7
	refused 4 "no watch named web@x" why web@x
	# and from the disk
	obit log --json >/dev/null
	stop_obitd
	[ "$(obit why "web@$A" --state-dir "$STATE_DIR" --json 2>/dev/null | jq '.[0].pid')" = "$A" ]
	refused 1 "no death of web@$C is on disk" why "web@$C" --state-dir "$STATE_DIR"
}

@test "NAME@PID that is none: exit 4, whatever the digits" {
	start_three
	local pid
	for pid in "${A%?}" "${A}0" "0$A " 0 -1 x ""; do
		refused 4 "no instance web@$pid" status "web@$pid"
	done
	refused 4 "no watch named webb@$A; did you mean web?" stop "webb@$A"
	refused 4 "no watch named web@$A@$A; did you mean web?" stop "web@$A@$A"
	states_are "up up up"
}

# ---- obit kill ----

@test "kill sends kill_signal or --signal, to all or to one; what follows is judged as ever" {
	start_three "kill_signal = SIGUSR2"
	[ "$(obit kill "web@$A")" = "web@$A: SIGUSR2 sent to 1 process" ]
	wait_events up 4
	[ "$(last_death "web@$A" '"\(.exit_status) \(.action)"')" = "3 respawn" ]
	retry_until 5 states_are "up up up"
	[ "$(obit kill web --signal KILL)" = "web: SIGKILL sent to 3 processes" ]
	wait_events up 7
	[ "$(last_death "web@$C" '"\(.signal) \(.killer.pid) \(.killer.comm) \(.action_detail)"')" = \
		"SIGKILL $OBITD_PID obitd respawned at once (obit kill)" ]
	obit why "web@$C" | head -n 3 | xargs | grep -q "sent by obitd (pid $OBITD_PID, .*(obit kill)\."
	obit why "web@$C" | grep -qE "^  operator: +root signalled it with obit kill \(obit, pid [0-9]+\)$"
	retry_until 5 states_are "up up up"
}

@test "kill by SIGTERM is a stop that was asked for, but keeps nothing down" {
	start_obitd "$(watch_text web "$T/service" "restart = always" "backoff_initial = 1ms")"
	start_watched_service web --exit-on-term 1
	obit kill web
	wait_events up 2
	retry_until 5 deaths_are web 1
	[ "$(last_death web '"\(.asked_by.pid) \(.asked_by.comm)"')" = "$OBITD_PID obitd" ]
	write_conf "$(watch_text web "$T/service")"
	obit reload
	retry_until 5 main_pid_is web "$(service_pid)"
	obit kill web
	wait_state web ended
	[ "$(ls_field web .note)" = "stopped as it was asked to: not respawned (restart = on-failure)" ]
	refused 3 "web: nothing of it runs" kill web
	refused 1 "web is not buried" revive web
	log_has ": web: nothing is done: nothing of it runs$"
	log_has ": web: nothing is done: it is not buried$"
	refused 2 "--signal SIGFOO: expected a signal such as SIGTERM" kill web --signal SIGFOO
	refused 2 "--signal 0: expected a signal" kill web --signal 0
	[ "$(event_count start)" = 2 ]
}

@test "kill means whom kill_mode says" {
	start_family instance
	[ "$(obit kill family --signal KILL)" = "family: SIGKILL sent to 2 processes" ]
	retry_until 5 alive_are "session of-session offspring"
	end_family
}

@test "the obituary names the operator of a stop and a restart, and nobody else's death has one" {
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	obit restart web
	wait_events up 2
	[ "$(last_death web '.operator | "\(.command) \(.uid) \(.comm) \(.pid > 1)"')" = "restart 0 obit true" ]
	kill -KILL "$(service_pid)"
	wait_events up 3
	retry_until 5 deaths_are web 2
	[ "$(last_death web .operator)" = null ]
	wait_state web up
	obit stop web
	[ "$(last_death web .operator.command)" = stop ]
	obit why web | grep -qE "^  operator: +root stopped it with obit stop"
}
