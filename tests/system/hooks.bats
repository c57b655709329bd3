#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Hooks: what they are given, how many run, and that none of them does harm.
# shellcheck disable=SC2034,SC2154 # variables of lib.bash; bats sets status, output and stderr
# shellcheck disable=SC2016 # what stands in single quotes is for the hooks' own shell

bats_require_minimum_version 1.5.0

load lib

setup() {
	obit_setup
	copy_victim victim
	install -m 0755 "$(command -v sleep)" "$T/sleep" # found at the end by its path
}

teardown() {
	touch "$T/go" # who waits in a hook ends
	obit_teardown
}

# make_hook NAME: a script with the body on stdin.
make_hook() {
	{
		echo '#!/bin/sh'
		echo "T=$T"
		cat
	} >"$T/$1"
	chmod 0755 "$T/$1"
}

# Writes what it is given into $T/EVENT.env, $T/EVENT.json and so on, and $T/EVENT when all is there.
make_recorder() {
	make_hook record <<-'END'
			tr '\0' '\n' </proc/$$/environ >"$T/$OBIT_EVENT.env"
		echo "$*" >"$T/$OBIT_EVENT.args"
		ulimit -n >"$T/$OBIT_EVENT.files"
		grep -E '^Sig(Blk|Ign)' /proc/self/status >"$T/$OBIT_EVENT.signals"
		cat >"$T/$OBIT_EVENT.json"
		echo >>"$T/$OBIT_EVENT"
	END
}

# Stays until the test makes $T/go.
make_holder() {
	make_hook hold <<-'END'
		until [ -e "$T/go" ]; do "$T/sleep" 0.05; done
		echo ran >>"$T/ran"
	END
}

# recorded EVENT [N]: so often.
recorded() {
	retry_until 15 lines_are "$T/$1" "${2:-1}"
}

lines_are() {
	[ -e "$1" ] && [ "$(wc -l <"$1")" = "$2" ]
}

# variable EVENT NAME
variable() {
	sed -n "s/^$2=//p" "$T/$1.env"
}

dropped() {
	obit stats --json | jq .losses.hooks_dropped
}

# die ARGUMENT...: a death of the watched victim.
die() {
	"$T/victim" "$@" || true
}

# One that is about to run sleep(1) counts twice, and one that has not executed its script yet does not.
holders() {
	pgrep -fc -- "^/bin/sh $T/hold"
}

holders_are() {
	[ "$(holders)" = "$1" ]
}

# ---- what it is given ----

@test "on_exit is given the obituary on stdin, as variables, and in systemd's words" {
	make_recorder
	start_obitd "$(watch_text web "$T/victim" "restart = no" "on_exit = '$T/record one \"two  three\"'")"
	"$T/victim" exit 3 &
	pid=$!
	wait "$pid" || true
	recorded exit
	[ "$(jq -r '[.watch, .pid, .role, .exit_status] | join(" ")' "$T/exit.json")" = "web $pid main 3" ]
	diff <(jq -S . "$T/exit.json") <(obit why web --json | jq -S '.[0]')
	[ "$(wc -l <"$T/exit.json")" = 1 ]
	[ "$(cat "$T/exit.args")" = "one two  three" ]
	[ "$(variable exit OBIT_EVENT)" = exit ]
	[ "$(variable exit OBIT_WATCH)" = web ]
	[ "$(variable exit OBIT_PID)" = "$pid" ]
	[ "$(variable exit OBIT_PATH)" = "$T/victim" ]
	[ "$(variable exit SERVICE_RESULT)" = exit-code ]
	[ "$(variable exit EXIT_CODE)" = exited ]
	[ "$(variable exit EXIT_STATUS)" = 3 ]
	[ "$(variable exit PATH)" = /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin ]
	refute grep -vE '^(PATH|OBIT_[A-Z0-9_]+|SERVICE_RESULT|EXIT_CODE|EXIT_STATUS)=' "$T/exit.env"
}

@test "a hook inherits nothing of obitd's" {
	make_recorder
	start_obitd "$(watch_text web "$T/victim" "restart = no" "on_exit = '$T/record'")" \
		prlimit --nofile=77:999
	die exit 3
	recorded exit
	[ "$(cat "$T/exit.files")" = 77 ]
	[ "$(awk '{ print $2 }' "$T/exit.signals" | tr -d '0\n')" = "" ]
	# a shell has its script open, too, if that is a file
	write_conf "$(watch_text web "$T/victim" "restart = no" "on_exit = \"/bin/sh -c 'exec >$T/fds; ls /proc/\$\$/fd; echo >$T/listed'\"")"
	obit reload
	die exit 3
	retry_until 10 lines_are "$T/listed" 1
	[ "$(xargs <"$T/fds")" = "0 1 2" ]
}

@test "a signal, a success and a core dump have systemd's names" {
	make_recorder
	start_obitd "$(watch_text web "$T/victim" "restart = no" "success_exit_status = 4" "on_exit = '$T/record'")"
	die signal 9
	recorded exit
	[ "$(variable exit EXIT_CODE)/$(variable exit EXIT_STATUS)/$(variable exit SERVICE_RESULT)" = killed/KILL/signal ]
	: >"$T/exit"
	die exit 4
	recorded exit
	[ "$(variable exit EXIT_CODE)/$(variable exit EXIT_STATUS)/$(variable exit SERVICE_RESULT)" = exited/4/success ]
	: >"$T/exit"
	cd "$T" # for its core
	die --core signal 6
	recorded exit
	[ "$(last_death web .core_dumped)" = true ] || skip "not here: no core is dumped"
	[ "$(variable exit EXIT_CODE)/$(variable exit EXIT_STATUS)/$(variable exit SERVICE_RESULT)" = dumped/ABRT/core-dump ]
}

@test "on_restart knows the new life, on_give_up the last death, and a member's death is no event" {
	make_recorder
	copy_victim service
	start_obitd "$(watch_text svc "$T/service" "max_restarts = 1" "backoff_initial = 0" "on_exit = '$T/record'" \
		"on_restart = '$T/record'" "on_give_up = '$T/record'")"
	start_watched_service svc
	first=$(service_pid)
	kill -KILL "$first"
	recorded exit
	recorded restart
	wait_events up 2
	second=$(service_pid)
	[ "$(jq -r '[.watch, .pid, .signal, .restarts, .new_pid] | join(" ")' "$T/restart.json")" = "svc $first SIGKILL 1 $second" ]
	[ "$(variable restart OBIT_EVENT)/$(variable restart OBIT_PID)/$(variable restart OBIT_NEW_PID)" = "restart/$first/$second" ]
	[ "$(variable restart SERVICE_RESULT)" = signal ]
	wait_state svc up
	kill -KILL "$second"
	wait_state svc buried
	recorded exit 2
	recorded give-up
	[ "$(jq -r '[.watch, .pid, .action, .restarts] | join(" ")' "$T/give-up.json")" = "svc $second bury 1" ]
	[ "$(variable give-up OBIT_EVENT)/$(variable give-up SERVICE_RESULT)" = give-up/start-limit-hit ]
	# a start by hand is no event
	obit revive svc
	wait_events up 3
	wait_state svc up
	lines_are "$T/restart" 1
	lines_are "$T/give-up" 1
}

# ---- what goes wrong ----

@test "a hook that fails is one line, and the next one runs" {
	make_hook fail <<<'cat >/dev/null; exit "$OBIT_EXIT_STATUS"'
	start_obitd "$(watch_text web "$T/victim" "restart = no" "on_exit = '$T/fail now'")"
	die exit 6
	retry_until 10 log_has "web: on_exit = '$T/fail now': exited 6"
	die exit 7
	retry_until 10 log_has "web: on_exit = '$T/fail now': exited 7"
	[ "$(grep -c 'on_exit = ' "$T/obitd.log")" = 2 ]
}

@test "a hook that is missing is told when the configuration is read, and runs once it is there" {
	start_obitd "$(watch_text web "$T/victim" "restart = no" "on_exit = '$T/record'")"
	log_has "obit.conf:[0-9]+: watch web: on_exit: $T/record: No such file"
	die exit 3
	retry_until 10 log_has "web: on_exit = '$T/record': cannot be executed: No such file"
	make_recorder
	die exit 3
	recorded exit
}

@test "what is no program, or what others can change, is refused as a hook" {
	make_recorder
	chmod 0644 "$T/record"
	write_conf "$(watch_text web "$T/victim" "on_restart = '$T/record'")"
	run "$OBITD" --check -c "$CONF"
	[ "$status" -eq 1 ]
	[[ "$output" == *"watch web: "*"$T/record is not executable; expected an executable file"* ]]
	chmod 0755 "$T/record"
	chown 65534 "$T/record"
	run "$OBITD" --check -c "$CONF"
	[ "$status" -eq 1 ]
	[[ "$output" == *"watch web: on_restart: it runs as root, and others than root can change $T/record"* ]]
	chown 0 "$T/record"
	mkdir -m 0777 "$T/open"
	ln -s "$T/open/record" "$T/link"
	install -m 0755 "$T/record" "$T/open/record"
	write_conf "$(watch_text web "$T/victim" "on_give_up = '$T/link'")"
	run "$OBITD" --check -c "$CONF"
	[ "$status" -eq 1 ]
	[[ "$output" == *"on_give_up: "*"others than root can change $T/open"* ]]
	write_conf "$(watch_text web "$T/victim" "on_exit = 'record'")"
	run "$OBITD" --check -c "$CONF"
	[ "$status" -eq 1 ]
	[[ "$output" == *"expected a command that begins with an absolute path"* ]]
}

@test "a hook that others have come to own since is not run" {
	make_recorder
	start_obitd "$(watch_text web "$T/victim" "restart = no" "on_exit = '$T/record'")"
	chown 65534 "$T/record"
	die exit 3
	retry_until 10 log_has "web: on_exit = '$T/record': not run: others than root can change it"
	[ ! -e "$T/exit" ]
}

@test "after hook_timeout the hook ends with all of its group" {
	make_hook hang <<-'END'
		trap '' TERM
		"$T/sleep" 300 &
		echo >"$T/begun"
		while :; do "$T/sleep" 300; done
	END
	start_obitd "$(watch_text web "$T/victim" "restart = no" "on_exit = '$T/hang'" "hook_timeout = 200ms")"
	die exit 3
	retry_until 10 log_has "web: on_exit = '$T/hang': not done within hook_timeout"
	[ -e "$T/begun" ]
	retry_until 10 gone "$T/sleep"
	refute pgrep -f "^/bin/sh $T/hang"
	[ "$(grep -c 'on_exit = ' "$T/obitd.log")" = 1 ]
}

gone() {
	[ -z "$(pids_of "$1")" ]
}

@test "of a hundred deaths at once four hooks run, 64 wait, the rest is counted, and respawns do not wait" {
	make_holder
	copy_victim service
	start_obitd "$(
		watch_text web "$T/victim" "restart = no" "on_exit = '$T/hold'" "hook_timeout = 1min"
		watch_text svc "$T/service" "backoff_initial = 0" "on_exit = '$T/hold'"
	)"
	start_watched_service svc
	for _ in {1..100}; do
		"$T/victim" exit 3 || true
	done
	retry_until 10 deaths_are web 100
	[ "$(dropped)" = 32 ]
	retry_until 5 holders_are 4
	[ "$(grep -c '4 hooks run and 64 wait' "$T/obitd.log")" = 1 ]
	kill -KILL "$(service_pid)"
	wait_events up 2 5
	[ "$(dropped)" = 33 ]
	touch "$T/go"
	retry_until 20 lines_are "$T/ran" 68
	retry_until 10 log_has "hooks are taken again; 33 were dropped"
	[ "$(grep -c '4 hooks run and 64 wait' "$T/obitd.log")" = 1 ]
	retry_until 5 holders_are 0
}

@test "a hook that does not read a long obituary, and one that floods, hold nobody up" {
	make_hook flood <<<'head -c 1000000 /dev/zero | tr "\0" "\n"; echo >>"$T/flooded"'
	start_obitd "$(watch_text web "$T/victim" "restart = no" "on_exit = '$T/flood'")"
	die exit 3 "$(head -c 100000 /dev/zero | tr '\0' x)"
	retry_until 10 deaths_are web 1
	retry_until 10 lines_are "$T/flooded" 1
	refute log_has "on_exit = "
}

# ---- the daemon goes on ----

@test "a hook that runs is not disturbed by a reload" {
	make_holder
	start_obitd "$(watch_text web "$T/victim" "restart = no" "on_exit = '$T/hold'")"
	die exit 3
	retry_until 10 holders_are 1
	write_conf "$(watch_text other "$T/nothing")"
	obit reload
	retry_until 5 holders_are 1
	touch "$T/go"
	retry_until 10 lines_are "$T/ran" 1
	retry_until 10 holders_are 0
	[ "$(obit ls --json | jq -r '.[].name')" = other ]
}

@test "when obitd stops, hooks that run are asked to end, and what waits is told" {
	make_hook stay <<-'END'
		trap 'echo >>"$T/asked"; exit' TERM
		echo >>"$T/begun"
		while :; do "$T/sleep" 0.05; done
	END
	start_obitd "$(watch_text web "$T/victim" "restart = no" "on_exit = '$T/stay'")"
	for _ in 1 2 3 4 5 6; do
		die exit 3
	done
	retry_until 10 lines_are "$T/begun" 4
	retry_until 10 deaths_are web 6
	stop_obitd
	retry_until 10 lines_are "$T/asked" 4
	log_has "4 hooks are still running"
	log_has "2 hooks were waiting"
}

# hold_hooks: four hooks run until $T/go is there, and two more wait.
hold_hooks() {
	make_holder
	start_obitd "$(watch_text web "$T/victim" "restart = no" "on_exit = '$T/hold'")"
	for _ in 1 2 3 4 5 6; do
		die exit 3
	done
	retry_until 10 holders_are 4
	retry_until 10 deaths_are web 6
}

@test "an upgrade has hooks run that wait, before it" {
	hold_hooks
	obit upgrade >"$T/upgraded" 3>&- &
	retry_until 5 log_has "upgrade: waits for 6 hooks, for 5s at most"
	run -1 obit upgrade
	[[ "$output" == *"an upgrade is under way already" ]]
	kill -HUP "$OBITD_PID"
	retry_until 5 log_has "configuration reloaded"
	touch "$T/go"
	wait $!
	grep -q "^upgraded: " "$T/upgraded"
	lines_are "$T/ran" 6
	refute log_has "hooks (are|were) .*(running|waiting)"
}

@test "an upgrade does not wait for ever for hooks: those that wait are told, those that run go on" {
	hold_hooks
	obit upgrade
	log_has "4 hooks are still running: not ended any more"
	log_has "2 hooks were waiting: not run by the new program"
	retry_until 5 holders_are 4
	touch "$T/go"
	retry_until 10 lines_are "$T/ran" 4
}
