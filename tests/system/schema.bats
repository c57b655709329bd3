#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What every command prints with --json is what doc/schema says, and nothing else.

load lib

SCHEMAS=$BATS_TEST_DIRNAME/../../doc/schema

setup() {
	obit_setup
	copy_victim victim
	copy_victim mortal
	copy_victim mortal stranger
	copy_victim sender
	copy_victim killer
	copy_victim service
	find_python
}

teardown() {
	obit_teardown
}

# The python3 that has jsonschema: the distribution's, or the one in PATH.
find_python() {
	for PYTHON in /usr/bin/python3 python3; do
		! "$PYTHON" -W ignore -c 'import jsonschema' 2>/dev/null || return 0
	done
	skip "no python3 with jsonschema"
}

# validate SCHEMA [--lines|--wrong-lines]: standard input.
validate() {
	"$PYTHON" -W ignore "$BATS_TEST_DIRNAME/validate.py" "$SCHEMAS/$1.schema.json" "${@:2}"
}

# refuses SCHEMA DOCUMENT CHANGE...: each change (jq) makes the good document a wrong one.
refuses() {
	local schema=$1 document=$2 change

	shift 2
	validate "$schema" <"$document"
	for change; do
		jq -c "$change" "$document"
	done >"$T/wrong"
	printf '%s\n' "$@" | cat -n
	validate "$schema" --wrong-lines <"$T/wrong"
}

watches() {
	watch_text web "$T/service" "restart = always" "critical = yes" "start_limit_burst = 100"
	watch_text mortal "$T/mortal" "restart = no" "uid = any" "container = any"
	watch_text sentinel "$T/victim" "restart = no" "uid = any"
	watch_text idle "$T/nobody"
}

@test "the schemas are good, and one that is not is found" {
	jq -e -s 'length >= 10 and all(.title and .description)' "$SCHEMAS"/*.schema.json
	validate stats --wrong-lines <<<'"?"' # all of them are loaded
	local command
	for command in $("$OBIT" help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
		"$OBIT" help "$command" | grep -q -e --json || continue
		echo "$command"
		[ -e "$SCHEMAS/$command.schema.json" ] || [[ " stop start restart revive " == *" $command "* ]]
	done
	cp -r "$SCHEMAS" "$T/schema"
	echo '{"type": "objekt"}' >"$T/schema/bad.schema.json"
	SCHEMAS=$T/schema run validate stats <<<'"?"'
	[ "$status" -eq 2 ]
}

@test "ls, show, status and why: before, during and after a life" {
	start_obitd "$(watches)"
	obit ls --json | validate ls
	obit show web --json | validate show
	obit status web --json >"$T/status" || true
	validate status <"$T/status"
	start_watched_service web
	obit ls --json | validate ls
	obit show web --json | validate show
	obit status web --json | validate status
	kill -KILL "$(service_pid)"
	wait_events up 2
	wait_state web up
	obit ls --json | validate ls
	obit show web --json | validate show
	obit why web --json | validate why
	[ "$(obit why web --json | jq -r '.[0].action')" = respawn ]
}

@test "watchdog: without one, and with one that is not there" {
	start_obitd "$(watches)"
	obit watchdog --json | validate watchdog
	stop_obitd
	start_obitd "$(watches)
watchdog { device = \"$T/no-watchdog\" }"
	obit watchdog --json >"$T/watchdog"
	validate watchdog <"$T/watchdog"
	refuses watchdog "$T/watchdog" 'del(.devices)' '.fed = 1' '.phase = "eats"' '.devices[0].open = null' '.left_ns = -1'
	obit ls --json | validate ls
}

@test "what the acting commands answer" {
	local command
	start_obitd "$(watches)"
	start_watched_service web
	for command in restart stop start; do
		obit "$command" web --json | validate act
	done
	obit stop --no-wait web --json | validate act
	wait_state web down
	obit start web --json | validate act
	printf '%s\n' "$(watch_text web "$T/service" "restart = always" "min_uptime = 1h")" >"$CONF"
	obit reload --json | validate reload
	obit upgrade --json | validate upgrade
	obit purge --force --pin-dir "$PIN_DIR" --json | validate purge
	wait_state web up
	kill -KILL "$(service_pid)"
	wait_state web buried
	obit ls --json | validate ls
	obit revive web --json | validate act
	obit kill web --signal CONT --json | validate kill
	obit pause web --for 1h --json | validate pause
	obit ls --json | validate ls
	obit pause --all --json | validate pause
	obit show web --json | validate show
	obit resume web --json | validate resume
	obit watch "$T/nothing" --json | validate watch
	obit unwatch web --json | validate unwatch
	obit watch --pid "$(service_pid)" --json >"$T/watch"
	validate watch <"$T/watch"
	obit show service --json | validate show
	refuses watch "$T/watch" 'del(.refusal)' '.new = 1' '.name = ""' '.pid = 0'
}

@test "stats and version, with a daemon and without" {
	"$OBIT" --socket "$T/nobody.sock" version --json | validate version
	start_obitd "$(watches)"
	obit version --json | validate version
	obit stats --json | validate stats
}

@test "obituaries of every cause, in a stream and alone" {
	local pid
	start_obitd "$(watches)"
	follow --all
	"$T/killer" sent several itself fault seccomp terminal parent namespace pipe file-limit \
		real-timer input >"$T/truth" 3>&-
	(cd "$T" && exec "$T/killer" core-abort core-fault) >>"$T/truth" 3>&-
	sentinel 2
	[ "$(jq -s 'map(.cause) | unique | length' "$T/truth")" -ge 11 ]
	[ "$(grep -c '"watch":"mortal"' "$T/tail")" -ge 60 ]
	grep '}$' "$T/tail" >"$T/lines" # the last one may be half written
	grep -q '"role":"unwatched"' "$T/lines"
	printf '{"dropped":3,"time":"%s"}\n' "$(head -n 1 "$T/lines" | jq -r .time)" >>"$T/lines"
	validate tail --lines <"$T/lines"
	pid=$(jq -s '.[0].pid' "$T/truth")
	obit why "$pid" --json | validate why
	obit log --json >"$T/log"
	[ "$(wc -l <"$T/log")" -ge 60 ]
	validate log --lines <"$T/log"
}

@test "what has become of a death that an owner is asked about" {
	printf '#!/bin/bash\n%s </dev/null >%s 2>&1\nsleep 60\n' "$T/service --state $T/service.state" "$T/service.out" >"$T/minder"
	printf '#!/bin/sh\necho restarts\n' >"$T/ask"
	chmod 0755 "$T/minder" "$T/ask"
	start_obitd "$(watches)
owner minder { parent = minder
 ask = \"$T/ask\" }"
	follow
	setsid "$T/minder" </dev/null >/dev/null 2>&1 3>&- &
	STARTED+=("$!")
	wait_events up 1
	wait_state web up
	kill -KILL "$(service_pid)"
	retry_until 5 grep -q '"outcome_of"' "$T/tail"
	grep '}$' "$T/tail" >"$T/lines"
	validate tail --lines <"$T/lines"
	grep '"outcome_of"' "$T/lines" >"$T/line"
	refuses tail "$T/line" 'del(.watch)' '.action = "hand-over"' '.new_pid = 0' '.pid = 1' '.outcome_of = 1'
	obit why web --json >"$T/why"
	jq -e '.[0].outcome.action == "expected"' "$T/why"
	refuses why "$T/why" '.[0].outcome = null' '.[0].outcome.outcome_of = "1:1"' '.[0].action = "stop"' 'del(.[0].outcome.action)'
	obit log --json | validate log --lines
	obit ls --json | validate ls
	kill -KILL -- "-${STARTED[-1]}"
}

@test "documents that are wrong are refused" {
	start_obitd "$(watches)"
	start_watched_service web
	"$T/killer" known kill >"$T/truth" 3>&-
	retry_until 5 has_died "$(tail -n 1 "$T/truth" | jq .pid)"
	obit ls --json >"$T/ls"
	refuses ls "$T/ls" '.[0].new = 1' 'del(.[0].name)' '.[0].state = "fine"' '.[0].pid = "7"' \
		'.[0].instances[0].new = 1' 'del(.[0].instances[0].note)' '.[1].last_death.new = 1'
	obit show web --json >"$T/show"
	refuses show "$T/show" '.new = 1' 'del(.defined_at)' '.instances[0].new = 1' \
		'.instances[0].recipe.new = 1' 'del(.instances[0].recipe)' 'del(.name)' \
		'.instances[0].recipe.umask = "rw"' 'del(.instances[0].recipe.exe)'
	obit why mortal --json >"$T/why"
	refuses why "$T/why" '[]' '.[0].new = 1' 'del(.[0].cause)' '.[0].cause = "magic"' \
		'.[0].killer = null' '.[0].killer.new = 1' '.[0].fault = {}' '.[0].exit_status = 3' \
		'del(.[0].signal)' '.[0].how = "exited"' '.[0].core_dumped = true' '.[0].time = "now"' \
		'.[0].oom = true' '.[0].asked_by.signal = "SIGKILL"' '.[0].lived_ns = -1' \
		'.[0].role = "unwatched"' '.[0].oom_cause = {}' '.[0].killer.pid = "1"'
	obit why "$(head -n 1 "$T/truth" | jq .pid)" --json >"$T/why"
	refuses why "$T/why" '.[0].fault = null' '.[0].fault.address = 3' 'del(.[0].fault.code)' \
		'.[0].killer = .[0].fault' '.[0].cause = "exit"'
	jq '.[0]' "$T/why" >"$T/line"
	refuses log "$T/line" '{dropped: 1, time}' 'del(.pid)'
	refuses tail "$T/line" '{dropped: 0, time}' '{dropped: 3}' '.dropped = 3' '{dropped: 1, time, pid}'
	obit stats --json >"$T/stats"
	refuses stats "$T/stats" '.losses.new = 0' '.kernel.new = 0' 'del(.losses.untracked)' \
		'.daemon.clients = "1"' '.new = {}'
}
