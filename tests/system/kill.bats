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
