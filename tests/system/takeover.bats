#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What a daemon that comes after a killed one goes on with: each moment at which it can be killed.
# shellcheck disable=SC2034,SC2154,SC2030,SC2031 # variables of lib.bash; each test is a process of its own

load lib

setup() {
	obit_setup
	OBITD_OPTIONS=() # the pins are what is taken over
	copy_victim service
}

teardown() {
	obit_teardown
}

told_once() {
	obit log --json | jq -r .process_key | sort | uniq -d | {
		read -r twice || return 0
		echo "told twice: $twice"
		return 1
	}
}

@test "what lives is the same instance again: its recipe, its restarts, its starts" {
	start_obitd "$(watch_text web "$T/service" "start_limit_burst = 3" "start_limit_interval = 1h")"
	start_watched_service web "an argument"
	kill -KILL "$(service_pid)"
	wait_events up 2
	wait_state web up
	kill_obitd
	launch_obitd
	state_is web up
	main_pid_is web "$(service_pid)"
	restarts_are web 1
	deaths_are web 1
	[ "$(obit show web --json | jq -r '.instances[0].recipe.source')" = exec ]
	kill -KILL "$(service_pid)"
	wait_events up 3
	expect_same_start 1 3
	# one start before the daemon was killed is remembered: the fourth is one too many
	wait_state web up
	kill -KILL "$(service_pid)"
	wait_state web buried
	kill_obitd
	launch_obitd
	state_is web buried
	restarts_are web 2
	obit revive web
	wait_events up 4
	told_once
}

@test "a death while no daemon is there is told, and answered by the next one, once" {
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	local pid
	pid=$(service_pid)
	kill_obitd
	kill -KILL "$pid"
	retry_until 5 is_dead "$pid"
	launch_obitd
	wait_events up 2
	wait_state web up
	[ "$(last_death "$pid" .wait_status)" = 9 ]
	[ "$(last_death "$pid" .action)" = respawn ]
	restarts_are web 1
	deaths_are web 1
	kill_obitd
	launch_obitd
	state_is web up
	restarts_are web 1
	[ "$(event_count start)" = 2 ]
	told_once
}

# ---- one moment after the other ----

spawner_pid() {
	pgrep -P "$OBITD_PID" -x obitd-spawner
}

state_text() {
	ls_field "$1" '[.state, .restarts, .deaths] | join(" ")'
}

text_is() {
	[ "$(state_text web)" = "$1" ]
}

# It was asked for a child, and has made none.
@test "killed between the release of a child and its birth: the child comes once" {
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	local spawner pid
	pid=$(service_pid)
	spawner=$(spawner_pid)
	kill -STOP "$spawner"
	kill -KILL "$pid"
	wait_state web waiting
	[ "$(ls_field web .deaths)" = 1 ]
	kill_obitd
	launch_obitd
	# the old one would make the child now
	retry_until 5 is_dead "$spawner"
	wait_events up 2
	wait_state web up
	retry_until 5 text_is "up 1 1"
	[ "$(event_count start)" = 2 ]
	expect_no_conflict
	told_once
}

# The successor is made while the old process is on its way out, and waits for its release.
@test "killed while a child is held: it leaves, and the next daemon makes another" {
	start_obitd "$(watch_text web "$T/service" "backoff_initial = 1h")"
	start_watched_service web
	kill -KILL "$(service_pid)"
	wait_events up 2
	wait_state web up
	kill -KILL "$(service_pid)"
	wait_state web waiting
	kill_obitd
	launch_obitd
	# the back-off is the same still
	retry_until 5 text_is "waiting 1 2"
	[[ "$(ls_field web .instances[0].note)" = "respawn in "* ]]
	obit start web
	wait_events up 3
	[ "$(event_count start)" = 3 ]
	told_once
}

# HANGING: the pid of the child, which is main from its birth.
child_is_known() {
	HANGING=$(ls_field web '.pid // empty')
	[ -n "$HANGING" ] && [ "$HANGING" != "$(service_pid)" ]
}

# start_hanging [LINE...]: of two watches; what they run dies, and hangs before its next exec.
start_hanging() {
	copy_victim service other
	start_obitd "$(watch_text web "$T/service" "$@")
$(watch_text other "$T/other")"
	start_watched_service web
	make_next_life_hang
	kill -KILL "$(service_pid)"
	retry_until 10 child_is_known
}

@test "killed while a child hangs before its exec: the next one waits for nothing, and has the child when it comes" {
	start_hanging
	kill_obitd
	launch_obitd
	state_is web waiting
	is_alive "$HANGING"
	start_program "$T/other" --state "$T/other.state"
	wait_state other up
	kill -KILL "$LEASE_PID"
	wait_events up 2
	[ "$(service_pid)" = "$HANGING" ]
	retry_until 5 text_is "up 1 1"
	main_pid_is web "$HANGING"
	log_has "web: respawned as pid $HANGING; an earlier obitd had asked for it"
	kill -KILL "$HANGING"
	wait_events up 3
	retry_until 5 text_is "up 2 2"
	told_once
}

@test "killed while a child hangs before its exec: it has start_timeout, then another comes" {
	start_hanging "start_timeout = 1s" "backoff_initial = 100ms" "backoff_max = 100ms"
	kill_obitd
	launch_obitd
	state_is web waiting
	retry_until 10 log_has "web: not executed within 2(\.[0-9])?s"
	retry_until 5 is_dead "$HANGING"
	kill -KILL "$LEASE_PID"
	wait_events up 2
	retry_until 5 text_is "up 1 1"
	[ "$(event_count start)" = 2 ]
}

@test "killed while a child hangs before its exec: killed meanwhile, it is no death, and another comes" {
	start_hanging "backoff_initial = 100ms" "backoff_max = 100ms"
	kill_obitd
	launch_obitd
	state_is web waiting
	kill -KILL "$HANGING" "$LEASE_PID"
	wait_events up 2
	retry_until 5 text_is "up 1 1"
	[ "$(event_count start)" = 2 ]
	refute has_died "$HANGING"
}

# With the spawner's report unread, the daemon knows nothing of the exec.
@test "killed before it knows of an exec: the child is the main process, and counts" {
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	local spawner
	spawner=$(spawner_pid)
	kill -STOP "$spawner"
	kill -KILL "$(service_pid)"
	wait_state web waiting
	kill -STOP "$OBITD_PID"
	kill -CONT "$spawner"
	wait_events up 2
	kill_obitd
	launch_obitd
	retry_until 5 text_is "up 1 1"
	main_pid_is web "$(service_pid)"
	[ "$(event_count start)" = 2 ]
	# it is a child of the daemon that is dead, and respawned as ever
	kill -KILL "$(service_pid)"
	wait_events up 3
	retry_until 5 text_is "up 2 2"
	told_once
}

@test "killed before it knows of an exec, and the child dies, too: both deaths are told, and answered" {
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	local spawner pid
	spawner=$(spawner_pid)
	kill -STOP "$spawner"
	kill -KILL "$(service_pid)"
	wait_state web waiting
	kill -STOP "$OBITD_PID"
	kill -CONT "$spawner"
	wait_events up 2
	pid=$(service_pid)
	kill -USR2 "$pid"
	kill_obitd
	retry_until 5 is_dead "$pid"
	launch_obitd
	wait_events up 3
	retry_until 5 text_is "up 2 2"
	[ "$(last_death "$pid" .exit_status)" = 3 ]
	[ "$(event_count start)" = 3 ]
	told_once
}

@test "deaths that a stopped daemon had not read are told, and answered, by the next one" {
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	kill -STOP "$OBITD_PID"
	local pid
	pid=$(service_pid)
	kill -ABRT "$pid"
	retry_until 5 is_dead "$pid"
	kill_obitd
	launch_obitd
	wait_events up 2
	retry_until 5 text_is "up 1 1"
	[ "$(last_death "$pid" .signal)" = SIGABRT ]
	told_once
}

@test "killed while it stops a service: the next one ends what it had begun" {
	start_obitd "$(watch_text web "$T/service" "kill_timeout = 1s")"
	start_watched_service web --ignore-term
	local pid
	pid=$(service_pid)
	obit stop web --no-wait
	wait_state web stopping
	kill_obitd
	launch_obitd
	wait_state web down
	is_dead "$pid"
	[ "$(event_count start)" = 1 ]
	kill_obitd
	launch_obitd
	state_is web down
	obit start web
	wait_events up 2
	told_once
}

@test "members are members again, and offspring stays offspring" {
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web --workers 2
	wait_events worker 2
	local worker
	worker=$(event worker 1 .pid)
	kill_obitd
	launch_obitd
	state_is web up
	kill -KILL "$worker"
	retry_until 5 has_died "$worker"
	[ "$(last_death "$worker" .role)" = member ]
	[ "$(last_death "$worker" .watch)" = web ]
	kill -KILL "$(service_pid)"
	wait_events up 2
	expect_no_conflict
	told_once
}

# ---- at one place ----

is_reaped() {
	[ ! -e "/proc/$1" ]
}

# Its death is told and answered, and since it is reaped already, its successor is on its way. Its letter is there still.
kill_and_halt_before_its_letter_goes() {
	local pid

	pid=$(service_pid)
	kill -STOP "$OBITD_PID"
	kill -KILL "$pid"
	retry_until 5 is_reaped "$pid"
	halt_before events_forget
	kill -CONT "$OBITD_PID"
	retry_until 10 has_halted
}

@test "killed before the letter of an answered death was deleted: it is no death of a member of the next life" {
	start_obitd_that_halts "$(watch_text web "$T/service" "members = restart")"
	start_watched_service web
	kill_and_halt_before_its_letter_goes
	wait_events up 2
	kill_obitd
	launch_obitd
	text_is "up 1 1"
	main_pid_is web "$(service_pid)"
	[ "$(event_count start)" = 2 ]
	told_once
	kill -KILL "$(service_pid)"
	wait_events up 3
	retry_until 5 text_is "up 2 2"
	told_once
}

child_hangs() {
	pgrep -P "$OBITD_PID" -x obitd-spawner | xargs -I{} cat /proc/{}/wchan | grep -q lease
}

@test "killed before the letter of an answered death was deleted: it is no death of the child that hangs" {
	start_obitd_that_halts "$(watch_text web "$T/service" "backoff_initial = 1h")"
	start_watched_service web
	make_next_life_hang
	kill_and_halt_before_its_letter_goes
	retry_until 10 child_hangs # before that it would leave
	kill_obitd
	launch_obitd
	text_is "waiting 0 1"
	kill -KILL "$LEASE_PID"
	wait_events up 2
	retry_until 5 text_is "up 1 1"
	main_pid_is web "$(service_pid)"
	[ "$(event_count start)" = 2 ]
	told_once
}

# More records than are read at a time stand before that of its birth.
@test "killed before it knew of the birth of a service that is not ready: it is its own child, and has one start" {
	copy_victim victim
	start_obitd_that_halts "$(watch_text web "$T/service" "notify = yes" "start_limit_burst = 3" "start_limit_interval = 1h")
$(watch_text crowd "$T/victim" "restart = no")"
	start_watched_service web
	local spawner pid
	spawner=$(spawner_pid)
	kill -STOP "$spawner"
	kill -KILL "$(service_pid)"
	wait_state web waiting
	kill -STOP "$OBITD_PID"
	for _ in {1..40}; do
		"$T/victim" exit 0
	done
	kill -CONT "$spawner"
	wait_events up 2
	halt_before vigil_started
	kill -CONT "$OBITD_PID"
	retry_until 10 has_halted
	pid=$(service_pid)
	kill_obitd
	kill -USR2 "$pid"
	retry_until 5 is_dead "$pid"
	launch_obitd
	wait_events up 3
	[ "$(last_death "$pid" '[.role, .exit_status] | join(" ")')" = "main 3" ]
	restarts_are web 2
	deaths_are web 2
	told_once
}

# Pins without the number of their layout are thrown away: an obitd that was killed just as it wrote that anew, too,
# left nothing to the next one.
@test "the pins are never without their schema number" {
	local before
	start_obitd "$(watch_text web "$T/service")"
	before=$(bpftool -j map show pinned "$PIN_DIR/schema" | jq .id)
	kill_obitd
	launch_obitd
	[ "$(bpftool -j map show pinned "$PIN_DIR/schema" | jq .id)" = "$before" ]
}

@test "a pause outlives the daemon, with what it holds" {
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	obit pause web
	kill -KILL "$(service_pid)"
	wait_state web waiting
	kill_obitd
	launch_obitd
	state_is web waiting
	[ "$(ls_field web .paused)" = true ]
	[ "$(event_count start)" = 1 ]
	obit resume web
	wait_events up 2
	restarts_are web 1
	told_once
}

@test "in another mount namespace than the daemon before: what ran beside that one is not brought back into this one's" {
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	kill_obitd
	launch_obitd unshare -m
	main_pid_is web "$(service_pid)"
	# also where that one is killed before it does anything
	kill_obitd
	launch_obitd
	kill -KILL "$(service_pid)"
	wait_state web ended
	[[ "$(ls_field web .note)" == *"another mount namespace than obitd"* ]]
	[ "$(event_count start)" = 1 ]
}

@test "under another configuration what matches no more is looked at anew" {
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	kill_obitd
	write_conf "$(watch_text other "$T/service")"
	launch_obitd
	state_is other up
	main_pid_is other "$(service_pid)"
	restarts_are other 0
	kill -KILL "$(service_pid)"
	wait_events up 2
}

# Until it ends a dead thread of the process is its own to bury, and the process is dead, and not gone.
hold_thread_of() {
	python3 -c '
import ctypes, os, sys, time
PTRACE_SEIZE = 0x4206
threads = sorted(map(int, os.listdir("/proc/%s/task" % sys.argv[1])))
libc = ctypes.CDLL(None, use_errno=True)
if libc.ptrace(PTRACE_SEIZE, ctypes.c_long(threads[-1]), None, None) < 0:
    sys.exit(os.strerror(ctypes.get_errno()))
print("held", flush=True)
time.sleep(60)' "$1" >"$T/holder" 3>&- &
	HOLDER_PID=$!
	STARTED+=("$HOLDER_PID")
	retry_until 10 grep -q held "$T/holder"
}

has_threads() {
	[ "$(find "/proc/$1/task" -mindepth 1 -maxdepth 1 | wc -l)" -gt 1 ]
}

respawns_logged() {
	[ "$(grep -c 'web: respawned as pid' "$T/obitd.log")" = "$1" ]
}

@test "killed before the dead main was gone: gone by then, and nobody reaps it, it is started once" {
	copy_victim victim
	copy_victim victim parent
	start_obitd "$(watch_text web "$T/victim" "backoff_initial = 0")"
	# a shell would reap it
	# shellcheck disable=SC2016 # the inner shell expands
	start_program sh -c '"$1" threads-pause & echo $! >"$2"; exec "$3" pause' _ "$T/victim" "$T/main" "$T/parent"
	local parent=$! pid
	retry_until 5 test -s "$T/main"
	pid=$(cat "$T/main")
	[ "$pid" != "$parent" ]
	wait_state web up
	retry_until 5 has_threads "$pid"
	hold_thread_of "$pid"
	kill -KILL "$pid"
	retry_until 5 deaths_are web 1
	state_is web waiting
	kill_obitd
	kill -KILL "$HOLDER_PID"
	launch_obitd
	retry_until 10 respawns_logged 1
	wait_state web up
	kill -KILL "$(ls_field web .pid)"
	retry_until 10 deaths_are web 2
	wait_state web up
	respawns_logged 2
}

# ---- layouts ----

@test "pins of another layout, older or newer, are replaced with one line, and what runs is watched" {
	local version
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	for version in 01 63; do
		kill_obitd
		bpftool map update pinned "$PIN_DIR/schema" key hex 00 00 00 00 value hex "$version" 00 00 00
		: >"$T/obitd.log"
		launch_obitd
		[ "$(grep -c "pins of another layout (schema $((16#$version)), here [0-9]*) are replaced" "$T/obitd.log")" = 1 ]
		state_is web up
		main_pid_is web "$(service_pid)"
	done
	kill -KILL "$(service_pid)"
	wait_events up 2
}

@test "a program that an earlier obitd had, and the next one has not, is gone" {
	start_obitd "$(watch_text web "$T/service")"
	local link=("$PIN_DIR"/link_obit_exec*) id
	id=$(bpftool -j link show pinned "${link[0]}" | jq .id)
	bpftool link pin id "$id" "$PIN_DIR/link_obit_of_old"
	kill_obitd
	launch_obitd
	[ ! -e "$PIN_DIR/link_obit_of_old" ]
	[ -e "${link[0]}" ]
	[ "$(bpftool link show | grep -c "^$id: ")" = 0 ]
}

@test "pins for another max_processes are replaced with one line, and what runs is watched" {
	start_obitd "max_processes = 1000
		$(watch_text web "$T/service")"
	start_watched_service web
	kill_obitd
	write_conf "max_processes = 2000
		$(watch_text web "$T/service")"
	: >"$T/obitd.log"
	launch_obitd
	[ "$(grep -c "pins for another max_processes, or not all of them, are replaced" "$T/obitd.log")" = 1 ]
	[ "$(bpftool -j map show pinned "$PIN_DIR/processes" | jq .max_entries)" = 2000 ]
	main_pid_is web "$(service_pid)"
	kill -KILL "$(service_pid)"
	wait_events up 2
}

# The first number of the header (kind 1, id 0) is its version.
@test "a state of another version is dropped with one line, and what runs is watched" {
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	kill -KILL "$(service_pid)"
	wait_events up 2
	wait_state web up
	kill_obitd
	bpftool -j map lookup pinned "$PIN_DIR/state" key hex 00 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 |
		jq -r '.value | .[0] = "0x63" | map(.[2:]) | join(" ")' >"$T/header"
	# shellcheck disable=SC2046 # a word for each byte
	bpftool map update pinned "$PIN_DIR/state" key hex 00 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 \
		value hex $(cat "$T/header")
	: >"$T/obitd.log"
	launch_obitd
	[ "$(grep -c "what another version of obitd has kept is dropped" "$T/obitd.log")" = 1 ]
	state_is web up
	restarts_are web 0
	main_pid_is web "$(service_pid)"
	kill -KILL "$(service_pid)"
	wait_events up 3
	retry_until 5 restarts_are web 1
	told_once
}

# ---- another program ----

start_own_obitd() {
	install -m 0755 "$OBITD" "$T/obitd"
	OBITD=$T/obitd
	start_obitd "$1"
}

executed_from() {
	[ "$(stat -L -c %i "/proc/$OBITD_PID/exe")" = "$(stat -c %i "$1")" ]
}

purge() {
	obit purge --pin-dir "$PIN_DIR" --state-dir "$STATE_DIR" "$@"
}

@test "obit purge removes what is left behind, and says what; not under a daemon unless it is told to" {
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	kill -KILL "$(service_pid)"
	wait_events up 2
	obit stop web
	run purge
	[ "$status" = 1 ]
	[ "$output" = "obit: $PIN_DIR: an obitd uses it; stop that first, or say --force" ]
	run purge --all
	[ "$status" = 1 ]
	[ "$output" = "obit: obitd answers at $SOCKET and writes a history; stop it first, or say --force" ]
	[ -e "$PIN_DIR/schema" ]
	stop_obitd
	local pins
	pins=$(find "$PIN_DIR" -type f | wc -l)
	run purge
	[ "$status" = 0 ]
	[ "${lines[0]}" = "$PIN_DIR: removed, $pins pins; what obitd kept of its instances is forgotten" ]
	[ "${lines[1]}" = "A history in $STATE_DIR is kept; --all removes it, too." ]
	[ ! -e "$PIN_DIR" ]
	launch_obitd
	refute log_has "took over the letters"
	state_is web absent # it was down
	deaths_are web 2    # by the history
	stop_obitd
	purge --all --json | jq -e --arg dir "$STATE_DIR" '.pins == '"$pins"' and .files == [$dir + "/deaths.jsonl", $dir]'
	[ ! -e "$STATE_DIR" ]
	run purge --all
	[ "$status" = 0 ]
	[ "$output" = "$PIN_DIR: nothing is pinned there
$STATE_DIR: no history is there" ]
	run purge
	[ "$status" = 0 ]
	[ "$output" = "$PIN_DIR: nothing is pinned there" ]
}

@test "obit purge leaves alone what is not obit's" {
	mkdir "$PIN_DIR" "$T/plain" "$STATE_DIR"
	touch "$T/plain/schema" "$STATE_DIR/mine" "$STATE_DIR/deaths.jsonl"
	run obit purge --pin-dir "$T/plain"
	[ "$status" = 1 ]
	[ "$output" = "obit: $T/plain: not on a bpf file system; expected the pin directory of an obitd" ]
	run purge
	[ "$status" = 1 ]
	[ "$output" = "obit: $PIN_DIR: there are no pins of obitd; expected its pin directory" ]
	rmdir "$PIN_DIR"
	purge --all
	[ -e "$STATE_DIR/mine" ]
	[ ! -e "$STATE_DIR/deaths.jsonl" ]
}

@test "obit purge --force under a daemon: that goes on, and the next one begins anew" {
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	purge --force
	kill -KILL "$(service_pid)"
	wait_events up 2
	wait_state web up
	stop_obitd
	launch_obitd
	refute log_has "took over the letters"
	retry_until 5 text_is "up 0 1"
	[ "$(ls_field web .instances[0].adopted)" = true ]
}

@test "SIGHUP to a replaced program: the new one goes on in the same process" {
	start_own_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	kill -KILL "$(service_pid)"
	wait_events up 2
	wait_state web up
	install -m 0755 "$BUILD/obitd" "$T/obitd.new"
	mv "$T/obitd.new" "$T/obitd"
	refute executed_from "$T/obitd"
	kill -HUP "$OBITD_PID"
	retry_until 15 executed_from "$T/obitd"
	retry_until 15 text_is "up 1 1"
	main_pid_is web "$(service_pid)"
	kill -KILL "$(service_pid)"
	wait_events up 3
	retry_until 5 text_is "up 2 2"
	told_once
	# with the same program it is a reload
	: >"$T/obitd.log"
	kill -HUP "$OBITD_PID"
	retry_until 5 log_has "configuration reloaded"
}

@test "obit upgrade executes it anew, and refuses what does not run or take the configuration" {
	start_own_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	run obit upgrade
	[ "$status" = 0 ]
	[[ "$output" = "upgraded: obitd "*" (pid $OBITD_PID)" ]]
	state_is web up
	main_pid_is web "$(service_pid)"
	cp "$CONF" "$T/good"
	echo "nonsense" >>"$CONF"
	run obit upgrade
	[ "$status" = 1 ]
	[[ "$output" = *"--check exited 1; "*"(nothing was changed)"* ]]
	cp "$T/good" "$CONF"
	echo "no program" >"$T/broken"
	chmod 0755 "$T/broken"
	mv "$T/broken" "$T/obitd"
	run obit upgrade
	[ "$status" = 1 ]
	[[ "$output" = *"cannot be executed: Exec format error"* ]]
	log_has "upgrade refused: .*Exec format error; obitd goes on as it is"
	state_is web up
	kill -KILL "$(service_pid)"
	wait_events up 2
}

@test "obitd --daemon of relative paths: reload and upgrade find them from the root directory" {
	install -m 0755 "$OBITD" "$T/obitd"
	mkdir "$T/sub"
	OBITD_SETTINGS+=$'\nlog_level = error' # to the syslog of this host
	write_conf "$(watch_text web "$T/service")"
	(cd "$T/sub" && "$T/obitd" --daemon -c../obit.conf --socket=../obit.sock --pin-dir "../../..$PIN_DIR" \
		--state-dir ../state </dev/null >>"$T/obitd.log" 2>&1 3>&-)
	OBITD_PID=$(obit version --json | jq .daemon.pid)
	write_conf "$(watch_text web "$T/service")$(watch_text other "$T/other")"
	obit reload
	run obit upgrade
	[ "$status" = 0 ]
	[[ "$output" = "upgraded: obitd "*" (pid $OBITD_PID)" ]]
	[ "$(obit ls --json | jq -c 'map(.name)')" = '["web","other"]' ]
	obit reload
	start_watched_service web
	kill -KILL "$(service_pid)"
	retry_until 5 deaths_are web 1
	kill -TERM "$OBITD_PID"
	retry_until 15 is_dead "$OBITD_PID"
	retry_until 5 test -s "$T/state/deaths.jsonl"
}

@test "obit upgrade checks conf.d as well where -c names the default, a symbolic link" {
	local world="mount -t tmpfs obit-test /etc && mkdir /etc/obit && ln -s $T/obit.conf $T/conf.d /etc/obit && exec \"\$@\""

	write_conf "$(watch_text web "$T/service")"
	mkdir "$T/conf.d"
	CONF=/etc/obit/obit.conf launch_obitd unshare -m --propagation private sh -c "$world" sh
	echo nonsense >"$T/conf.d/x.conf"
	run obit upgrade
	[ "$status" = 1 ]
	[[ "$output" = *"--check exited 1; "*"(nothing was changed)"* ]]
	state_is web absent
}

@test "killed at any moment under load, the books agree" {
	run "$BATS_TEST_DIRNAME/../soak/takeover" "$BUILD" 20
	echo "$output"
	[ "$status" = 0 ]
}
