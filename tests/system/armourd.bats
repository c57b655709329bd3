#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Configurations of armourd are read as they are, and what is in them is brought back.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # bats runs each test in a subshell; variables of lib.bash

load lib

setup() {
	obit_setup
	OBITD_SETTINGS= # the file is not in our syntax
	CONF=$T/armourd.conf
}

teardown() {
	obit_teardown
}

respawned() {
	[ "$(service_pid)" != "$1" ]
}

@test "obitd -c armourd.conf brings back what is listed there" {
	copy_victim service
	start_obitd "# services
$T/service"
	log_has "ready: 1 watch"
	start_watched_service service
	local pid
	pid=$(service_pid)
	kill -SEGV "$pid"
	wait_events up 2
	retry_until 10 respawned "$pid"
	wait_state service up
	restarts_are service 1
	expect_same_start 1 2
	expect_no_conflict
}

@test "a glob there means what is installed later, too, and options are heeded" {
	mkdir "$T/bin"
	start_obitd "$T/bin/*
$T/victim {
	pidfile : $T/victim.pid
	command : \"$T/victim exit 0\"
	notify  : \"/usr/bin/tee $T/told\"
}"
	log_has "$CONF:3: pidfile has no effect"
	install -m 0755 "$VICTIMS/victim" "$T/bin/later"
	start_program "$T/bin/later" exit 3
	retry_until 10 has_died bin
	[ "$(last_death bin .exit_status)" = 3 ]
	copy_victim victim
	start_program "$T/victim" exit 4
	retry_until 10 deaths_are victim 2
	retry_until 10 test -s "$T/told"
	[ "$(last_death victim .exit_status)" = 0 ]
	[ "$(jq -s '.[0].watch' "$T/told")" = '"victim"' ]
}

@test "obit.conf includes it by include-armourd" {
	CONF=$T/obit.conf
	OBITD_SETTINGS='journal = no'
	printf '%s\r\n' "$T/service" >"$T/list"
	start_obitd "include-armourd = \"$T/list\""
	start_watched_service service
	printf '%s\n' "nothing" >"$T/list"
	run obit reload
	[ "$status" = 1 ]
	[[ "$output" == *"$T/list:1: path: 'nothing' is wrong; expected an absolute path"* ]]
	state_is service up
}

check() {
	RC=0
	"$OBITD" --check "$@" >"$T/out" 2>"$T/err" </dev/null || RC=$?
	cat "$T/out" "$T/err"
}

@test "--check says so where nothing is watched" {
	printf '# nothing\n' >"$CONF"
	check -c "$CONF"
	[ "$RC" = 0 ]
	[ "$(cat "$T/out")" = "configuration is good, but has no watch: nothing is watched" ]
	[ -e /etc/obit ] || {
		check
		[ "$RC" = 0 ]
		[ "$(cat "$T/out")" = "there is no /etc/obit/obit.conf: nothing is watched" ]
	}
}

@test "--check warns of a watch that can never match, by the real paths" {
	ln -s bin "$T/link"
	mkdir "$T/bin"
	copy_victim victim bin/web
	copy_victim victim bin/web2
	{
		watch_text web "$T/bin/web"
		watch_text again "$T/link/web" "restart = no"
		watch_text other "$T/bin/web2"
	} >"$CONF"
	check -c "$CONF"
	[ "$RC" = 0 ]
	[ "$(cat "$T/out")" = "configuration is good: 3 watches" ]
	# The second one matches a script by the path of the link, too.
	[ ! -s "$T/err" ]
	watch_text all "$T/*/web" >>"$CONF"
	watch_text last "$T/bin/web2" >>"$CONF"
	check -c "$CONF"
	[ "$RC" = 0 ]
	[ "$(wc -l <"$T/err")" = 1 ]
	grep -qF "$CONF:14: watch 'last' never matches: 'other' ($CONF:8) stands in front of it" "$T/err"
}
