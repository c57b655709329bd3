#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Many deaths: of what is watched none is lost and none told twice, of what is not each is told or counted.
# shellcheck disable=SC2030,SC2031 # each test is a process of its own

load lib

setup() {
	obit_setup
	copy_victim victim
	copy_victim storm
	copy_victim mortal
	# shellcheck disable=SC2034 # for sentinel()
	SENTINEL_SECONDS=30
}

teardown() {
	obit_teardown
}

# The daemon with these global LINES and watches of what has the names in $T, and with a follower.
start_watching() {
	local lines=$1 name

	shift
	for name in "$@" victim; do
		lines+=$'\n'$(watch_text "$name" "$T/$name" "restart = no" "uid = any")
	done
	start_obitd "$lines"
	follow
}

# "PID STATUS" of a watch's obituaries, one a line on standard input, sorted. (jq takes ten times as long.)
told() {
	LC_ALL=C awk -v watch="\"watch\":\"$1\"," 'index($0, watch) {
		match($0, /"pid":[0-9]+/)
		pid = substr($0, RSTART + 6, RLENGTH - 6)
		match($0, /"wait_status":[0-9]+/)
		print pid, substr($0, RSTART + 14, RLENGTH - 14) }' | LC_ALL=C sort
}

missed_by_follower() {
	sed -nE 's/^\{"dropped":([0-9]+),.*/\1/p' "$T/tail" | awk '{ sum += $1 } END { print sum + 0 }'
}

# expect_real WHERE MISSED: $T/told has each line of $T/real once, but for MISSED ones, and no other.
expect_real() {
	LC_ALL=C comm -13 "$T/real" "$T/told" >"$T/wrong"
	echo "$1: $(wc -l <"$T/real") died, $(wc -l <"$T/told") told, $2 missed, $(wc -l <"$T/wrong") wrong or told twice:"
	head -n 10 "$T/wrong"
	[ ! -s "$T/wrong" ]
	echo "not told:"
	LC_ALL=C comm -23 "$T/real" "$T/told" | head -n 10
	obit stats
	[ $(($(wc -l <"$T/told") + $2)) = "$(wc -l <"$T/real")" ]
}

processes_are() {
	[ "$(obit stats --json | jq .daemon.processes)" = "$1" ]
}

# Or lost, and counted.
history_has() {
	[ "$(obit stats --json | jq '.daemon.history_written + .losses.history_lost')" -ge "$1" ]
}

# expect_storm WATCH: what is written down in $T/out.* was told, pid by pid: to the follower and on disk. Each
# may have missed some, as they happened too fast for it, and has then counted them.
expect_storm() {
	cat "$T"/out.* | LC_ALL=C sort >"$T/real"
	retry_until 60 processes_are 0
	sentinel 2
	told "$1" <"$T/tail" >"$T/told"
	expect_real tail "$(missed_by_follower)"
	retry_until 60 history_has "$(wc -l <"$T/real")"
	obit log --json >"$T/log"
	told "$1" <"$T/log" >"$T/told"
	expect_real log "$(obit stats --json | jq .losses.history_lost)"
	[ "$(obit stats --json | jq .losses.untracked)" = 0 ]
}

@test "a storm of deaths while nobody reads, and a tiny ring: each pid with its status once" {
	start_watching 'history_size = 512MiB
		ring_size = "64KiB"' storm
	kill -STOP "$OBITD_PID"
	"$T/storm" 100000 "$T/out" 3>&- &
	local pid=$!
	wait "$pid"
	kill -CONT "$OBITD_PID"
	echo "$pid 0" >"$T/out.main"
	expect_storm storm
}

@test "a storm of deaths while the daemon works: each pid with its status once" {
	start_watching 'history_size = 512MiB' storm
	"$T/storm" 20000 "$T/out" 3>&- &
	local pid=$!
	wait "$pid"
	echo "$pid 0" >"$T/out.main"
	expect_storm storm
}

# Where a kernel preempts programs, one is not run for who dies while another one's is at work on that CPU.
@test "a storm that processes of real time preempt, and die meanwhile: each pid with its status once" {
	chrt -f 50 true || skip "this host lets nobody have real time"
	start_watching 'ring_size = "16MiB"' storm
	"$T/storm" 2000 "$T/out" 3>&- &
	local storm=$! pid i=0
	while is_alive "$storm"; do
		i=$((i + 1))
		chrt -f 50 "$T/storm" 3 "$T/out.real$i" 3>&- &
		pid=$!
		wait "$pid"
		echo "$pid 0" >>"$T/out.mains"
	done
	wait "$storm"
	echo "$storm 0" >>"$T/out.mains"
	[ "$i" -gt 1 ]
	expect_storm storm
}

@test "watched deaths in a storm of others: all told, once" {
	start_watching '' mortal
	"$T/storm" 50000 "$T/unwatched" 3>&- &
	local storm=$! pid i
	for i in {0..199}; do
		"$T/mortal" exit $((i % 76)) &
		pid=$!
		wait "$pid" || true
		echo "$pid $((i % 76 * 256))" >>"$T/out.main"
	done
	wait "$storm"
	expect_storm mortal
	[ "$(missed_by_follower)" = 0 ]
}

# The records of the crowd fill the ring; 64 are read, then the letters, since some were lost.
@test "born, and dead with its parent, while the letters are read: both are told, of their watch" {
	cp "$(command -v bash)" "$T/family"
	mkfifo "$T/go"
	start_obitd_that_halts 'ring_size = "64KiB"'"
		$(watch_text crowd "$T/mortal" "restart = no")
		$(watch_text family "$T/family" "restart = no" "uid = any")
		$(watch_text victim "$T/victim" "restart = no")"
	follow
	# shellcheck disable=SC2016 # the family's own
	"$T/family" -c 'read -r _ <"$1"; (exit 7) & echo "$! 1792" >"$2"; wait; exit 5' - "$T/go" "$T/out.child" 3>&- &
	local parent=$! i
	STARTED+=("$parent")
	wait_state family up
	kill -STOP "$OBITD_PID"
	for i in {1..100}; do
		"$T/mortal" exit 0
	done
	halt_before backlog_next
	kill -CONT "$OBITD_PID"
	retry_until 10 has_halted
	echo >"$T/go"
	wait "$parent" || true
	kill -CONT "$OBITD_PID"
	echo "$parent 1280" >"$T/out.parent"
	expect_storm family
}

untracked() {
	obit stats --json | jq .losses.untracked
}

@test "more processes than max_processes: counted, said once, and healed when there is room" {
	start_watching 'max_processes = 64' mortal
	local i pids=() said
	for i in {1..100}; do
		"$T/mortal" pause 3>&- &
		pids+=($!)
	done
	STARTED+=("${pids[@]}")
	retry_until 5 processes_are 64
	[ "$(untracked)" -ge 36 ]
	retry_until 5 log_has max_processes
	said=$(grep -c max_processes "$T/obitd.log")
	[ "$said" = 1 ]
	kill -KILL "${pids[@]:0:60}"
	# those that were found again are followed like the others
	retry_until 20 processes_are 40
	kill -USR1 "${pids[@]:60}"
	retry_until 10 processes_are 0
	sentinel 2
	for i in "${!pids[@]}"; do
		echo "${pids[i]} $((i < 60 ? 9 : 10))"
	done | LC_ALL=C sort >"$T/real"
	told mortal <"$T/tail" >"$T/told"
	# of the first 60 some died before they could be found
	expect_real tail $((100 - $(wc -l <"$T/told")))
	[ "$(grep -c ' 10$' "$T/told")" = 40 ]
	[ "$(grep -c max_processes "$T/obitd.log")" -le 3 ]
}

exits() {
	obit stats --json | jq .kernel.exits
}

# Lines of the follower, and what it was told to have missed.
accounted() {
	awk '/"pid":/ { sum++; next }
		match($0, /"dropped":[0-9]+/) { sum += substr($0, RSTART + 10, RLENGTH - 10) }
		END { print sum + 0 }' "$T/tail"
}

is_accounted() {
	[ "$(accounted)" -ge "$1" ]
}

@test "tail --all in a storm: lines and those that were dropped are all that died" {
	start_watching ''
	end_started
	retry_until 5 is_dead "$TAIL_PID"
	follow --all
	local before
	before=$(accounted)
	"$T/storm" 50000 "$T/out" 3>&-
	retry_until 10 is_accounted $((before + 50003))
	# The counter goes on while we look at the stream: it is read before and after, in a quiet moment if
	# there is one.
	local least sum most
	for _ in {1..20}; do
		least=$(exits)
		retry_until 10 is_accounted "$least"
		sum=$(accounted)
		most=$(exits)
		echo "told or dropped $sum, died $least to $most"
		((sum <= most))
		((most - least >= 300)) || break
	done
	grep '}$' "$T/tail" >"$T/lines" # the last one may be half written
	jq -e -n 'reduce inputs as $line ({told: 0, good: true}; if $line.role == "unwatched" then
		.told += 1 | .good = (.good and $line.watch == null and $line.path == null
			and $line.argv == [] and $line.cause != null)
		else . end) | .told > 0 and .good' "$T/lines"
}

@test "two threads that die at the same moment, 5000 times: one obituary each" {
	copy_victim truth
	start_watching ''
	"$T/truth" --only-races 5000 "$T/victim" | cut -d' ' -f1,2 | sort >"$T/real"
	[ "$(wc -l <"$T/real")" = 5000 ]
	sentinel 2
	jq -r 'select(.watch == "victim" and .wait_status != 19712) | "\(.pid) \(.wait_status)"' "$T/tail" | sort >"$T/told"
	diff "$T/real" "$T/told"
}
