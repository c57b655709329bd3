#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The history on disk: it outlives the daemon, survives full and broken disks, and is read by obit log.
# shellcheck disable=SC2034,SC2154 # variables of lib.bash; bats sets status, output and stderr

bats_require_minimum_version 1.5.0

load lib

setup() {
	obit_setup
	copy_victim victim
}

teardown() {
	obit_teardown
}

# Deaths of victims in a watch that is not critical: they wait to be written.
PLAIN_WATCH() {
	watch_text plain "$T/victim" "restart = no"
}

# Those of this one are written at once.
CRITICAL_WATCH() {
	watch_text critical "$T/urgent" "restart = no" "critical = yes"
	[ -e "$T/urgent" ] || copy_victim victim urgent
}

# die VICTIM STATUS: until the daemon has told it. DEATHS counts them.
die() {
	local before

	before=$(told)
	"$T/$1" exit "$2" || true
	retry_until 10 told_more_than "$before"
}

told() {
	obit ls --json | jq '[.[].deaths] | add'
}

told_more_than() {
	[ "$(told)" -gt "$1" ]
}

# Exit statuses on disk, in order: "3 4 5". What is no JSON is left out.
on_disk() {
	cat "$T/state/deaths.1.jsonl" "$T/state/deaths.jsonl" 2>/dev/null |
		jq -rR 'fromjson? | .exit_status' | xargs
}

disk_has() {
	[ "$(on_disk)" = "$1" ]
}

# The same as obit log tells it.
logged() {
	obit log --json "$@" | jq -r .exit_status | xargs
}

history_pid() {
	pgrep -P "$OBITD_PID" -x obitd-history
}

stat_of() {
	obit stats --json | jq -r ".$1"
}

error_is() {
	[[ "$(stat_of daemon.history_error)" == *"$1"* ]]
}

works_again() {
	[ "$(stat_of daemon.history_error)" = null ]
}

size_on_disk() {
	cat "$T/state/"* | wc -c
}

# ---- over the daemon's end ----

@test "deaths outlive a stop of the daemon: ls, why, tail and log go on, and nothing is told twice" {
	start_obitd "$(PLAIN_WATCH)"
	die victim 3
	die victim 4
	local last
	last=$(last_death plain .time)
	stop_obitd
	disk_has "3 4"
	launch_obitd
	deaths_are plain 2
	[ "$(ls_field plain .last_death.exit_status)" = 4 ]
	[ "$(last_death plain .time)" = "$last" ]
	[ "$(obit why plain -n 9 --json | jq length)" = 2 ]
	[ "$(logged)" = "3 4" ]
	die victim 5
	deaths_are plain 3
	[ "$(logged)" = "3 4 5" ]
	(timeout 2 "$OBIT" --socket "$SOCKET" tail --json || true) | jq -r .exit_status >"$T/tail"
	[ "$(xargs <"$T/tail")" = "3 4 5" ]
	stop_obitd
	disk_has "3 4 5"
}

@test "kill -9 of the daemon loses no death that it has told" {
	start_obitd "$(PLAIN_WATCH)"
	local helper
	helper=$(history_pid)
	die victim 3
	die victim 4
	disk_has "" # they wait for more
	kill_obitd
	retry_until 5 disk_has "3 4"
	retry_until 5 is_dead "$helper"
	launch_obitd
	deaths_are plain 2
	[ "$(logged)" = "3 4" ]
}

@test "the daemon remembers the newest of many, and obit log has them all" {
	start_obitd "$(PLAIN_WATCH)"
	local i
	for i in {1..300}; do
		"$T/victim" exit $((i % 200)) || true
	done
	retry_until 20 deaths_are plain 300
	stop_obitd
	launch_obitd
	deaths_are plain 256
	[ "$(obit log --json | wc -l)" = 300 ]
	[ "$(logged -n 2)" = "99 100" ]
}

@test "its process is replaced when it is killed, and nothing is lost or written twice" {
	start_obitd "$(PLAIN_WATCH)"
	die victim 3
	local helper
	helper=$(history_pid)
	kill -KILL "$helper"
	retry_until 5 is_dead "$helper"
	retry_until 5 history_pid
	log_has "history's process has died"
	die victim 4
	[ "$(logged)" = "3 4" ]
	stop_obitd
	disk_has "3 4"
}

# ---- what is urgent, and what waits ----

@test "the death of a critical watch is on disk at once, with all before it; others wait" {
	start_obitd "$(PLAIN_WATCH; CRITICAL_WATCH)"
	die victim 3
	disk_has ""
	[ "$(stat_of daemon.history_written)" = 0 ]
	[ "$(logged)" = 3 ]
	die urgent 4
	retry_until 5 disk_has "3 4"
	[ "$(stat -c %a "$T/state" "$T/state/deaths.jsonl" | xargs)" = "750 640" ]
	die victim 5
	disk_has "3 4"
	[ "$(logged)" = "3 4 5" ]
	[ "$(stat_of daemon.history_written)" = 2 ]
	[ "$(stat_of losses.history_lost)" = 0 ]
}

@test "a disk that hangs holds up nothing: deaths are told, services come back, the end comes" {
	start_obitd "$(watch_text web "$T/service" "critical = yes")"
	start_watched_service web
	local helper
	helper=$(history_pid)
	kill -STOP "$helper"
	kill -KILL "$(service_pid)"
	wait_events up 2
	retry_until 5 deaths_are web 1
	[ "$(obit log --json | jq -r .signal)" = SIGKILL ]
	[ ! -e "$T/state/deaths.jsonl" ]
	stop_obitd
	kill -CONT "$helper"
	retry_until 5 is_dead "$helper"
	[ "$(jq -r .signal "$T/state/deaths.jsonl")" = SIGKILL ]
}

@test "without anything to write its process sleeps" {
	start_obitd "$(PLAIN_WATCH; CRITICAL_WATCH)"
	die urgent 3
	retry_until 5 disk_has 3
	local helper
	helper=$(history_pid)
	retry_until 5 sleeps_without_end "$helper"
	# and keeps nothing busy
	refute find "/proc/$helper/fd" -lname "$T/*" -printf 'open: %l\n' -quit | grep .
}

# ---- how much ----

@test "both files together stay within history_size" {
	start_obitd "history_size = 64KiB
$(PLAIN_WATCH)"
	local i
	for i in {1..400}; do
		"$T/victim" exit $((i % 200)) || true
	done
	retry_until 20 deaths_are plain 400
	stop_obitd
	[ -s "$T/state/deaths.1.jsonl" ]
	[ "$(find "$T/state" -type f | wc -l)" = 2 ]
	echo "bytes: $(size_on_disk)"
	[ "$(size_on_disk)" -le 65536 ]
	[ "$(size_on_disk)" -gt 32768 ]
	# each line is whole, and the newest are there
	cat "$T/state/deaths.1.jsonl" "$T/state/deaths.jsonl" | jq -r .exit_status >"$T/statuses"
	diff -u <(printf '%d\n' {175..199} 0) <(tail -n 26 "$T/statuses")
	[ "$(obit_offline log --json | wc -l)" = "$(wc -l <"$T/statuses")" ]
}

obit_offline() {
	timeout $((30 * ${PATIENCE:-1})) "$OBIT" --socket "$T/none.sock" --state-dir "$T/state" "$@" 2>"$T/stderr"
}

@test "history_size = 0: no process and no files, until a reload says otherwise" {
	start_obitd "history_size = 0
$(PLAIN_WATCH)"
	refute history_pid
	die victim 3
	[ "$(logged)" = 3 ] # from memory
	[ ! -e "$T/state" ]
	PLAIN_WATCH >"$CONF"
	obit reload
	retry_until 5 history_pid
	die victim 4
	{
		echo 'history_size = 0'
		PLAIN_WATCH
	} >"$CONF"
	obit reload
	retry_until 5 disk_has 4
	retry_until 5 refute history_pid
	die victim 5
	[ "$(logged)" = "3 4 5" ]
	stop_obitd
	disk_has 4
}

@test "--ephemeral leaves no history behind, unless --state-dir says where" {
	STATE_DIR=
	start_obitd "$(PLAIN_WATCH)"
	refute history_pid
	die victim 3
	[ "$(logged)" = 3 ]
}

@test "a state directory may be relative to where obitd is started" {
	STATE_DIR=$(realpath --relative-to=. "$T")/state
	start_obitd "$(CRITICAL_WATCH)"
	die urgent 3
	retry_until 5 disk_has 3
	(cd / && [ "$(logged)" = 3 ])
}

# ---- trouble ----

@test "a line without an end, left by a crash, spoils no other" {
	mkdir -m 0750 "$T/state"
	printf '{"pid":1,"exit_status":1,"time":"2026-01-01T00:00:00.0+00:00"}\n{"pid":2,"exit_st' \
		>"$T/state/deaths.jsonl"
	start_obitd "$(CRITICAL_WATCH)"
	[ "$(logged)" = 1 ]
	die urgent 3
	retry_until 5 disk_has "1 3"
	[ "$(wc -l <"$T/state/deaths.jsonl")" = 3 ]
	[ "$(logged)" = "1 3" ]
}

@test "what is no obituary in the files is passed over" {
	mkdir -m 0750 "$T/state"
	{
		head -c 3000 /dev/urandom
		printf '\n\0\0\0\0\n[1]\n{"pid":1,"exit_status":1}\n'
		head -c 300000 /dev/zero | tr '\0' x
		printf '\n{"pid":"x","time":[],"watch":7,"exit_status":2}\n'
	} >"$T/state/deaths.jsonl"
	start_obitd "$(PLAIN_WATCH)"
	die victim 3
	[ "$(logged)" = "1 2 3" ]
	obit log >"$T/out"
	obit why plain
	[ "$(wc -l <"$T/out")" = 3 ]
	refute grep -q $'\033' "$T/out"
}

@test "a full disk is told once, loses nothing, and is told again when it is over" {
	mkdir "$T/state"
	mount -t tmpfs -o size=64k,mode=0750 none "$T/state" || skip "cannot mount a tmpfs"
	head -c 1000000 /dev/zero >"$T/state/filler" 2>/dev/null || true
	start_obitd "$(CRITICAL_WATCH)"
	die urgent 3
	retry_until 5 error_is "deaths.jsonl cannot be written: No space left on device"
	die urgent 4
	die urgent 5
	[ "$(logged)" = "3 4 5" ]
	[ "$(log_count "No space left on device")" = 1 ]
	rm "$T/state/filler"
	die urgent 6
	retry_until 5 works_again
	disk_has "3 4 5 6"
	log_has "history: writing works again; no death was lost"
	[ "$(stat_of losses.history_lost)" = 0 ]
	stop_obitd
	launch_obitd
	deaths_are critical 4
}

log_count() {
	grep -c "$1" "$T/obitd.log"
}

@test "a disk that fills up in the middle of a line leaves whole lines behind" {
	mkdir "$T/state"
	mount -t tmpfs -o size=64k,mode=0750 none "$T/state" || skip "cannot mount a tmpfs"
	start_obitd "$(PLAIN_WATCH; CRITICAL_WATCH)"
	local i
	for i in {1..200}; do
		"$T/victim" exit $((i % 200)) || true
	done
	retry_until 20 deaths_are plain 200
	die urgent 77
	retry_until 5 error_is "No space left on device"
	[ "$(tail -c 1 "$T/state/deaths.jsonl")" != "" ] # torn
	[ "$(obit log --json | wc -l)" = 201 ]
	mount -o remount,size=1m "$T/state"
	die urgent 78
	retry_until 5 works_again
	[ "$(on_disk)" = "$(echo {1..199} 0 77 78)" ]
	[ "$(logged)" = "$(echo {1..199} 0 77 78)" ]
}

@test "a read-only file system is told at the start, and holds nothing up" {
	mkdir "$T/state"
	mount -t tmpfs -o size=1m,mode=0750 none "$T/state" || skip "cannot mount a tmpfs"
	mount -o remount,ro "$T/state"
	start_obitd "$(CRITICAL_WATCH)"
	retry_until 5 log_has "history: .*Read-only file system"
	die urgent 3
	retry_until 5 error_is "Read-only file system"
	[ "$(logged)" = 3 ]
	mount -o remount,rw "$T/state"
	die urgent 4
	retry_until 5 disk_has "3 4"
	works_again
	mount -o remount,ro "$T/state"
	die urgent 5
	retry_until 5 error_is "Read-only file system"
	# what cannot be written at the end is counted
	stop_obitd
	log_has "history: 1 death could not be written any more"
}

@test "a directory that is removed is made again" {
	start_obitd "$(CRITICAL_WATCH)"
	die urgent 3
	retry_until 5 disk_has 3
	rm -r "$T/state"
	die urgent 4
	retry_until 5 disk_has 4
	[ "$(stat -c %a "$T/state")" = 750 ]
	works_again
}

@test "a state directory that cannot be had is one warning, and the daemon goes on" {
	STATE_DIR=$T/missing/state
	start_obitd "$(CRITICAL_WATCH)"
	retry_until 5 log_has "history: the directory $STATE_DIR cannot be made: No such file or directory"
	die urgent 3
	die urgent 4
	[ "$(logged)" = "3 4" ]
	[ "$(log_count history:)" = 1 ]
	[ ! -e "$T/missing" ]
}

@test "where the history cannot be read, what the daemon knows is told all the same" {
	: >"$T/state"
	start_obitd "$(CRITICAL_WATCH)"
	retry_until 5 log_has "history: the directory $T/state cannot be opened: Not a directory"
	die urgent 3
	run -1 --separate-stderr obit log --json
	[ "$(jq -r .exit_status <<<"$output")" = 3 ]
	[ "$stderr" = "obit: $T/state: the history cannot be read: Not a directory" ]
}

@test "a directory that others can write in is refused" {
	mkdir "$T/state"
	chmod 0777 "$T/state"
	start_obitd "$(CRITICAL_WATCH)"
	retry_until 5 log_has "history: others than root can write in $T/state"
	die urgent 3
	[ ! -e "$T/state/deaths.jsonl" ]
	[ "$(logged)" = 3 ]
	chmod 0755 "$T/state"
	die urgent 4
	retry_until 5 disk_has "3 4"
}

@test "what waits is written after 30 seconds, also after trouble, without another death" {
	mkdir "$T/state"
	chmod 0777 "$T/state"
	start_obitd "$(PLAIN_WATCH)"
	local i
	for i in {1..400}; do # more than a batch, so that its process takes no more
		"$T/victim" exit $((i % 200)) || true
	done
	retry_until 20 deaths_are plain 400
	retry_until 5 error_is "others than root"
	[ "$(obit log --json | wc -l)" = 256 ] # as many as are in memory
	chmod 0755 "$T/state"
	retry_until 40 works_again
	retry_until 40 wait_for_the_rest
	[ "$(stat_of losses.history_lost)" = 0 ]
	[ "$(obit log --json | wc -l)" = 400 ]
}


wait_for_the_rest() {
	[ "$(stat_of daemon.history_written)" = 400 ]
}

@test "a second daemon that is refused touches no history" {
	start_obitd "$(PLAIN_WATCH)"
	RC=0
	timeout 20 "$OBITD" -c "$CONF" --socket "$SOCKET" --pin-dir "$PIN_DIR" \
		--state-dir "$T/other" >"$T/second" 2>&1 </dev/null 3>&- || RC=$?
	[ "$RC" = 1 ]
	[ ! -e "$T/other" ]
}

# ---- obit log ----

@test "obit log: -n, --watch, --since, --json" {
	start_obitd "$(PLAIN_WATCH; CRITICAL_WATCH)"
	die victim 3
	die urgent 4
	die victim 5
	[ "$(logged)" = "3 4 5" ]
	[ "$(logged -n 2)" = "4 5" ]
	[ "$(logged -n 0)" = "" ]
	[ "$(logged -n 9)" = "3 4 5" ]
	[ "$(logged --watch plain)" = "3 5" ]
	[ "$(logged --watch plain -n 1)" = 5 ]
	[ "$(logged --watch nothing)" = "" ]
	[ "$(logged --since 10min)" = "3 4 5" ]
	[ "$(logged --since 2030-01-01)" = "" ]
	[ "$(logged --since "$(last_death critical .time)")" = "4 5" ]
	[ "$(obit log --json | jq -s 'map(.time) == (map(.time) | sort)')" = true ]
	run -0 --separate-stderr obit log --watch nothing
	[ -z "$output" ]
	[ "$stderr" = "obit: no such death is known" ]
	run -0 --separate-stderr obit log --since 2030-01-01 --json
	[ -z "$output$stderr" ]
	run -2 --separate-stderr obit log --since soon
	[[ "$stderr" == *"--since soon: expected how long ago"* ]]
}

@test "obit log shows the day where it is not today" {
	mkdir -m 0750 "$T/state"
	local day pid=0
	for day in 2026-01-02 2026-01-02 2026-01-03 "$(date +%F)"; do
		printf '{"time":"%sT09:30:00.000001+00:00","watch":"old","role":"main",' "$day"
		printf '"pid":%d,"how":"exited","exit_status":1,"action":"none","lived_ns":1}\n' $((++pid))
	done >"$T/state/deaths.jsonl"
	obit_offline log | sed 's/  .*//' >"$T/out"
	diff -u - "$T/out" <<-END
		2026-01-02
		09:30:00
		09:30:00
		2026-01-03
		09:30:00
		$(date +%F)
		09:30:00
	END
	# today's alone need none
	obit_offline log -n 1 | sed 's/  .*//' >"$T/out"
	[ "$(cat "$T/out")" = 09:30:00 ]
}

@test "obit log works without a daemon, and says so in one line" {
	start_obitd "$(PLAIN_WATCH)"
	die victim 3
	stop_obitd
	run -0 --separate-stderr obit --state-dir "$T/state" log --json
	[ "$(jq -r .exit_status <<<"$output")" = 3 ]
	[ "$stderr" = "obit: no daemon answers on $SOCKET (is obitd running?); this is what is on disk in $T/state" ]
	# nothing of what is asked for, but there is a history
	run -0 --separate-stderr obit --state-dir "$T/state" log --watch nothing
	[ -z "$output" ]
	run -5 --separate-stderr obit --state-dir "$T/none" log
	[ "$stderr" = "obit: no daemon answers on $SOCKET (is obitd running?), and there is no history in $T/none" ]
	[ -z "$output" ]
}

@test "obit log --state-dir of another place does not mix in what this daemon knows" {
	start_obitd "$(PLAIN_WATCH)"
	die victim 3
	mkdir "$T/elsewhere"
	printf '{"pid":1,"exit_status":9}\n' >"$T/elsewhere/deaths.jsonl"
	[ "$(logged --state-dir "$T/elsewhere")" = 9 ]
	[ "$(logged --state-dir "$T/./state")" = 3 ]
	run -1 --separate-stderr obit log --state-dir "$T/nowhere"
	[ -z "$output" ]
	[ "$stderr" = "obit: there is no history in $T/nowhere" ]
}

@test "who may not read the history is told who may" {
	start_obitd "$(CRITICAL_WATCH)"
	die urgent 3
	retry_until 5 disk_has 3
	install -m 0755 "$OBIT" "$T/obit"
	run -1 --separate-stderr setpriv --reuid 65534 --regid 65534 --clear-groups \
		"$T/obit" --socket "$SOCKET" --state-dir "$T/state" log
	[ "$stderr" = "obit: $T/state: permission denied (root and the group obit may read the history)" ]
	[ -z "$output" ]
}

@test "obit why finds on disk what the daemon has forgotten" {
	start_obitd "$(PLAIN_WATCH; CRITICAL_WATCH)"
	die urgent 7
	local i
	for i in {1..260}; do
		"$T/victim" exit $((i % 50)) || true
	done
	retry_until 20 deaths_are plain 260
	[ "$(obit why critical --json | jq -c 'map(.exit_status)')" = "[7]" ]
	# and knows how many there were, the newest first, those in memory once
	[ "$(obit why plain -n 300 --json | jq 'length')" -ge 256 ]
	[ "$(obit why plain -n 300 --json | jq 'map([.pid, .time]) | unique | length == (map(1) | length)')" = true ]
	[ "$(obit why plain -n 3 --json | jq -c 'map(.exit_status)')" = "[10,9,8]" ]
}

@test "obit why of pid 0, as of a service that is down, tells the death of nobody: with a daemon and without" {
	OBITD_OPTIONS=()
	start_obitd "$(CRITICAL_WATCH)"
	die urgent 8
	for name in 0 00 critical@0; do
		run -4 --separate-stderr obit why "$name"
		[[ "$stderr" == "obit: no watch named $name"* ]]
		[ -z "$output" ]
	done
	kill_obitd
	for name in 0 critical@0; do
		run -5 --separate-stderr obit why "$name" --state-dir "$T/state"
		[ "$stderr" = "obit: no daemon answers on $SOCKET (is obitd running?)" ]
		[ -z "$output" ]
	done
}

@test "obit why works without a daemon, and says so in one line" {
	OBITD_OPTIONS=()
	start_obitd "$(CRITICAL_WATCH)"
	die urgent 8
	die urgent 9
	kill_obitd
	run --separate-stderr obit why critical --state-dir "$T/state"
	[ "$status" -eq 0 ]
	[[ "${lines[0]}" == *"exited with status 9"* ]]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ "$stderr" == *"this is what is on disk in $T/state"* ]]
	[ "$(obit why critical -n 5 --json --state-dir "$T/state" 2>/dev/null | jq -c 'map(.exit_status)')" = "[9,8]" ]
	run -1 --separate-stderr obit why nosuch --state-dir "$T/state"
	[ "$stderr" = "obit: no daemon answers on $SOCKET (is obitd running?), and no death of nosuch is on disk in $T/state" ]
	run -5 --separate-stderr obit why nosuch --state-dir "$T/none"
	[ "$stderr" = "obit: no daemon answers on $SOCKET (is obitd running?)" ]
}
