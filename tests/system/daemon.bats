#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The daemon itself: starting, stopping, reloading, being killed, being asked nonsense, and idling.
# shellcheck disable=SC2034,SC2030,SC2031 # variables of lib.bash; each test is a process of its own

load lib

setup() {
	obit_setup
	copy_victim service
}

teardown() {
	obit_teardown
}

# Another obitd, to its end; sets RC and the file $T/second.
run_obitd() {
	RC=0
	timeout $((20 * ${PATIENCE:-1})) "$OBITD" "$@" >"$T/second" 2>&1 </dev/null 3>&- || RC=$?
}

# One sentence, no more: a person reads it in a log.
said_one_line() {
	[ "$(wc -l <"$T/second")" = 1 ] || {
		cat "$T/second"
		return 1
	}
}

knock() {
	timeout $((20 * ${PATIENCE:-1})) "$VICTIMS/knock" "$SOCKET"
}

reload_with() {
	write_conf "$1"
	obit reload
}

watches() {
	obit ls --json | jq -r 'map(.name) | sort | join(" ")'
}

watches_are() {
	[ "$(watches)" = "$1" ]
}

context_switches() {
	awk '/^voluntary_ctxt_switches/ { sum += $2 } END { print sum }' "/proc/$OBITD_PID/task/"*/status
}

# ---- stopping ----

@test "SIGTERM stops it cleanly: exit 0, no socket, no pins, and the service lives on" {
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	[ -e "$PIN_DIR" ]
	local pid
	pid=$(service_pid)
	stop_obitd
	[ ! -e "$PIN_DIR" ]
	[ ! -e "$SOCKET" ]
	is_alive "$pid"
	[ "$(event_count start)" = 1 ]
}

@test "SIGINT stops it too" {
	start_obitd "$(watch_text web "$T/service")"
	local pid=$OBITD_PID
	kill -INT "$pid"
	retry_until 15 is_dead "$pid"
	OBITD_PID=
	wait "$pid"
	[ ! -e "$PIN_DIR" ]
}

@test "without --ephemeral the pins stay, and the next daemon takes over what it finds" {
	OBITD_OPTIONS=()
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web "an argument"
	local pid
	pid=$(service_pid)
	stop_obitd
	[ -e "$PIN_DIR" ]
	launch_obitd
	retry_until 5 state_is web up
	main_pid_is web "$pid"
	kill -KILL "$pid"
	wait_events up 2
	expect_same_start 1 2
	OBITD_OPTIONS=(--ephemeral)
	stop_obitd
	launch_obitd
	stop_obitd
	[ ! -e "$PIN_DIR" ]
}

@test "with --ephemeral the pins go at a clean stop; after kill -9 they stay for the next one, or obit purge" {
	OBITD_OPTIONS=(--ephemeral)
	start_obitd "$(watch_text web "$T/service")"
	[ -e "$PIN_DIR/schema" ]
	kill_obitd
	[ -e "$PIN_DIR/schema" ]
	launch_obitd
	stop_obitd
	[ ! -e "$PIN_DIR" ]
	launch_obitd
	kill_obitd
	obit purge --pin-dir "$PIN_DIR"
	[ ! -e "$PIN_DIR" ]
}

@test "a death longer ago than takeover_window is told by the next daemon, once, with its status, and starts nothing" {
	OBITD_OPTIONS=()
	start_obitd "takeover_window = 0s
$(watch_text web "$T/service")"
	start_watched_service web
	local pid
	pid=$(service_pid)
	kill_obitd
	kill -KILL "$pid"
	retry_until 5 is_dead "$pid"
	launch_obitd
	retry_until 5 deaths_are web 1
	state_is web ended
	[ "$(last_death "$pid" .wait_status)" = 9 ]
	[ "$(last_death "$pid" .action)" = report ]
	[[ "$(last_death "$pid" .action_detail)" = *takeover_window* ]]
	kill_obitd
	launch_obitd
	# the history has it now, the letter is gone
	deaths_are web 1
	# what is started by hand afterwards is watched as ever
	start_watched_service web
	kill -KILL "$(service_pid)"
	wait_events up 3
	[ "$(event_count start)" = 3 ]
}

# The letters, by the kernel side's own map.
letter_of() {
	bpftool -j map dump pinned "$PIN_DIR/processes" |
		jq -r --argjson pid "$1" '.[].formatted | select(.key.tgid == $pid and .value.exit.sequence > 0)
			| "\(.key.tgid):\(.key.start_boottime)"'
}

@test "a death that was told before the daemon was killed is not told again, though its letter is still there" {
	OBITD_OPTIONS=()
	local pid key status
	copy_victim victim
	start_obitd "$(watch_text plain "$T/victim" "restart = no")"
	"$T/victim" exit 3 3>&- &
	wait $! || true
	retry_until 5 deaths_are plain 1
	kill_obitd
	retry_until 5 test -s "$STATE_DIR/deaths.jsonl"
	for status in 4 5; do
		"$T/victim" exit "$status" 3>&- &
		pid=$!
		wait "$pid" || true
	done
	key=$(letter_of "$pid")
	[ -n "$key" ]
	# as if it had told the last one, and had died before it deleted the letter
	jq -c --arg key "$key" --argjson pid "$pid" '.pid = $pid | .process_key = $key | .exit_status = 5' \
		<(tail -n 1 "$STATE_DIR/deaths.jsonl") >"$T/told"
	cat "$T/told" >>"$STATE_DIR/deaths.jsonl"
	launch_obitd
	retry_until 5 deaths_are plain 3
	[ -z "$(letter_of "$pid")" ]
	[ "$(obit log --json | jq -r .exit_status | xargs)" = "3 5 4" ]
}

# ---- starting ----

@test "a second daemon on the same socket and pins is refused with one line, and disturbs nothing" {
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	run_obitd -c "$CONF" --socket "$SOCKET" --pin-dir "$PIN_DIR"
	[ "$RC" = 1 ]
	said_one_line
	run_obitd -c "$CONF" --socket "$T/other.sock" --pin-dir "$PIN_DIR"
	[ "$RC" = 1 ]
	said_one_line
	run_obitd -c "$CONF" --socket "$SOCKET" --pin-dir "$PIN_DIR-other" --ephemeral
	[ "$RC" = 1 ]
	said_one_line
	[ ! -e "$PIN_DIR-other" ]
	kill -KILL "$(service_pid)"
	wait_events up 2
}

@test "what a killed daemon left behind does not keep the next one from starting" {
	start_obitd "$(watch_text web "$T/service")"
	kill_obitd
	[ -e "$SOCKET" ]
	[ -e "$PIN_DIR" ]
	launch_obitd
	stop_obitd
	[ ! -e "$PIN_DIR" ]
}

@test "anybody but root is refused with one line" {
	install -m 0755 "$OBITD" "$T/obitd"
	watch_text web "$T/service" >"$CONF"
	RC=0
	setpriv --reuid 65534 --regid 65534 --clear-groups "$T/obitd" -c "$CONF" --socket "$SOCKET" \
		--pin-dir "$PIN_DIR" >"$T/second" 2>&1 </dev/null || RC=$?
	[ "$RC" = 1 ]
	said_one_line
	[ ! -e "$PIN_DIR" ]
}

# is_refused_in NAMESPACE OPTIONS...: of unshare(1).
is_refused_in() {
	local name=$1

	shift
	RC=0
	timeout $((20 * ${PATIENCE:-1})) unshare "$@" --fork "$OBITD" -c "$CONF" --socket "$SOCKET" \
		--pin-dir "$PIN_DIR" >"$T/second" 2>&1 </dev/null || RC=$?
	[ "$RC" = 1 ]
	said_one_line
	grep -q "in a $name namespace of its own" "$T/second"
	[ ! -e "$PIN_DIR" ]
}

@test "outside the host's pid and time namespaces it refuses to run" {
	watch_text web "$T/service" >"$CONF"
	is_refused_in pid --pid --mount-proc
	is_refused_in time --time --boottime 3600
}

@test "a pin directory that is on no bpf file system is refused with one line" {
	watch_text web "$T/service" >"$CONF"
	run_obitd -c "$CONF" --socket "$SOCKET" --pin-dir "$T/pins"
	[ "$RC" = 1 ]
	said_one_line
}

@test "a kernel without type information is refused with one line that names what it lacks" {
	watch_text web "$T/service" >"$CONF"
	run_obitd -c "$CONF" --socket "$SOCKET" --pin-dir "$PIN_DIR" --btf "$T/none"
	[ "$RC" = 1 ]
	said_one_line
	grep -q CONFIG_DEBUG_INFO_BTF "$T/second"
	[ ! -e "$PIN_DIR" ]
	: >"$T/empty"
	run_obitd -c "$CONF" --socket "$SOCKET" --pin-dir "$PIN_DIR" --btf "$T/empty"
	[ "$RC" = 1 ]
	said_one_line
	[ ! -e "$PIN_DIR" ]
}

@test "a kernel without a hook is refused with one line that names the hook" {
	watch_text web "$T/service" >"$CONF"
	# the type information of an object file stands for a kernel that has no tracepoints
	run_obitd -c "$CONF" --socket "$SOCKET" --pin-dir "$PIN_DIR" --btf "$BUILD/bpf/obit.bpf.o"
	[ "$RC" = 1 ]
	said_one_line
	grep -q sched_process "$T/second"
	[ ! -e "$PIN_DIR" ]
}

@test "a spawner that is killed is replaced, and what dies afterwards is brought back" {
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	local spawner
	spawner=$(pgrep -P "$OBITD_PID" -x obitd-spawner)
	kill -KILL "$spawner"
	retry_until 5 is_dead "$spawner"
	retry_until 5 pgrep -P "$OBITD_PID" -x obitd-spawner
	kill -KILL "$(service_pid)"
	wait_events up 2
	retry_until 5 main_pid_is web "$(service_pid)"
}

# ---- reloading ----

@test "reload adds and removes watches, and keeps what is unchanged" {
	copy_victim victim
	start_obitd "$(watch_text web "$T/service"; watch_text old "$T/old" "restart = no")"
	start_watched_service web
	watches_are "old web"
	local pid
	pid=$(service_pid)
	reload_with "$(watch_text web "$T/service"; watch_text new "$T/victim" "restart = no")"
	watches_are "new web"
	main_pid_is web "$pid"
	"$T/victim" exit 5 || true
	retry_until 5 deaths_are new 1
	kill -KILL "$pid"
	wait_events up 2
	reload_with "$(watch_text new "$T/victim" "restart = no")"
	watches_are new
	kill -KILL "$(service_pid)"
	# told after that death, so it would be known by then
	"$T/victim" exit 5 || true
	retry_until 5 deaths_are new 2
	[ "$(event_count start)" = 2 ]
}

@test "reload finds what a new watch means and runs already" {
	start_obitd "$(watch_text other "$T/other")"
	start_service
	wait_events up 1
	reload_with "$(watch_text other "$T/other"; watch_text web "$T/service")"
	retry_until 5 state_is web up
	kill -KILL "$(service_pid)"
	wait_events up 2
	expect_same_start 1 2
}

@test "a changed policy holds from the reload on" {
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	kill -KILL "$(service_pid)"
	wait_events up 2
	retry_until 5 restarts_are web 1
	reload_with "$(watch_text web "$T/service" "restart = no")"
	restarts_are web 1
	kill -KILL "$(service_pid)"
	retry_until 5 deaths_are web 2
	[[ "$(last_death web .action_detail)" == *"restart = no"* ]]
	[ "$(event_count start)" = 2 ]
}

@test "a reload with an error changes nothing, and says file and line" {
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	printf 'watch web {\n\tpath = "%s"\n\trestart = perhaps\n}\n' "$T/service" >"$CONF"
	run obit reload
	[ "$status" -eq 1 ]
	[[ "$output" == *"$CONF:3"* ]]
	watches_are web
	kill -HUP "$OBITD_PID"
	retry_until 5 log_has "$CONF:3"
	watches_are web
	kill -KILL "$(service_pid)"
	wait_events up 2
}

@test "SIGHUP reloads" {
	start_obitd "$(watch_text web "$T/service")"
	watch_text more "$T/more" >>"$CONF"
	kill -HUP "$OBITD_PID"
	retry_until 5 watches_are "more web"
}

@test "SIGUSR1 logs the state" {
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	: >"$T/obitd.log"
	kill -USR1 "$OBITD_PID"
	retry_until 5 log_has "web.*up"
}

# ---- the control socket ----

@test "nonsense on the control socket is answered or dropped, and harms nobody" {
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	printf 'hello\n' | knock >"$T/reply"
	jq -e '.ok == false and (.error | length) > 0' "$T/reply"
	printf '{"command":"no such"}\n' | knock >"$T/reply"
	jq -e '.ok == false' "$T/reply"
	printf '{"command":17}\n[]\n"x"\nnull\n{}\n' | knock >/dev/null
	printf '{"command":"why","name":{"a":1},"count":"x"}\n' | knock >/dev/null
	printf '{"command":"why","name":"web","count":-1}\n' | knock >/dev/null
	printf '{"command":"tail","count":99999999999999999999}\n' | knock >/dev/null
	printf '{"command":"ls"' | knock >/dev/null
	printf '\xff\xfe{"command":"\xc3\x28"}\n' | knock >/dev/null
	printf '%0100000d' 0 | tr 0 '[' | knock >/dev/null
	head -c 1000000 /dev/zero | knock >/dev/null
	head -c 1000000 /dev/urandom | knock >/dev/null
	yes '{"command":"ls"}' | head -n 2000 | knock >/dev/null
	is_alive "$OBITD_PID"
	state_is web up
	kill -KILL "$(service_pid)"
	wait_events up 2
}

@test "clients that connect and say nothing do not keep others out for ever, nor stop a respawn" {
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	mkfifo "$T/opened"
	"$VICTIMS/knock" "$SOCKET" 1000 >"$T/opened" 3>&- &
	STARTED+=($!)
	local line
	read -r line <"$T/opened"
	[[ "$line" == "open "* ]]
	kill -KILL "$(service_pid)"
	wait_events up 2
	kill -KILL "${STARTED[-1]}"
	retry_until 10 state_is web up
}

# Dies, and sets DEAD to the pid that it had.
die() {
	"$T/victim" exit "$@" &
	DEAD=$!
	wait "$DEAD" || true
}

victim_is_told() {
	grep -qE "\"pid\": *$DEAD\b" "$T/tail"
}

# How many deaths a follower has told or counted as missing.
deaths_accounted_for() {
	jq -s 'map(.dropped // 1) | add' "$T/tail"
}

@test "a follower that does not read is not waited for; it is told how many deaths it missed" {
	copy_victim victim
	start_obitd "$(watch_text v "$T/victim" "restart = no")"
	"$OBIT" --socket "$SOCKET" tail -n 0 --json >"$T/tail" 2>/dev/null 3>&- &
	local follower=$! i long before
	STARTED+=("$follower")
	for i in {1..20}; do
		die 1
		! retry_until 1 victim_is_told || break
	done
	victim_is_told
	before=$(deaths_accounted_for)
	long=$(printf '%04000d' 0)
	kill -STOP "$follower"
	for i in {1..600}; do
		die 1 "$long"
	done
	retry_until 20 has_died "$DEAD"
	kill -CONT "$follower"
	retry_until 10 jq -e -s 'any(.dropped > 100 and .time != null)' "$T/tail"
	die 7
	retry_until 10 victim_is_told
	[ "$(deaths_accounted_for)" = $((before + 601)) ]
	[ "$(obit stats --json | jq .losses.clients_dropped)" = 0 ]
	[ "$(obit stats --json | jq .losses.lines_dropped)" = "$(jq -s 'map(.dropped // 0) | add' "$T/tail")" ]
	kill -KILL "$follower"
}

private_kib() {
	awk '/^Private_Dirty:/ { print $2 }' "/proc/$OBITD_PID/smaps_rollup"
}

all_follow() {
	"$T/victim" exit 1 || true
	[ "$(find "$T" -name 'follower.*' -size +0 | wc -l)" = "$1" ]
}

lines_were_dropped() {
	[ "$(obit stats --json | jq .losses.lines_dropped)" -gt 0 ]
}

has_given_back() {
	[ "$(private_kib)" -lt $(($1 - 2048)) ]
}

@test "what followers took that did not read is given back when they are gone" {
	! grep -q __asan_init "$OBITD" || skip "not here: the sanitizer keeps what is freed"
	copy_victim victim
	copy_victim storm
	start_obitd "$(watch_text web "$T/service")"
	local i held followers=()
	for i in 1 2 3 4; do
		"$OBIT" --socket "$SOCKET" tail --all --json >"$T/follower.$i" 2>/dev/null 3>&- &
		followers+=("$!")
	done
	STARTED+=("${followers[@]}")
	retry_until 10 all_follow 4
	kill -STOP "${followers[@]}"
	"$T/storm" 10000 "$T/out"
	retry_until 10 lines_were_dropped
	held=$(private_kib)
	kill -KILL "${followers[@]}"
	retry_until 10 has_given_back "$held"
}

# Whoever looks at it all, as start_obitd does, has an object made for each.
@test "what a long answer took while it was made is given back" {
	! grep -q __asan_init "$OBITD" || skip "not here: the sanitizer keeps what is freed"
	start_obitd "$(seq 4000 | awk -v dir="$T" '{ printf "watch w-%d { path = \"%s/w-%d\" }\n", $1, dir, $1 }')"
	[ "$(obit ls --json | wc -c)" -gt 1000000 ]
	[ "$(private_kib)" -lt 8000 ]
}

# How many mappings of its maps obitd has: each ring has some.
maps_mapped() {
	grep -c 'bpf-map\|bpf_map' "/proc/$OBITD_PID/maps"
}

maps_mapped_are() {
	[ "$(maps_mapped)" = "$1" ]
}

@test "the ring of all deaths is mapped only while somebody follows them" {
	copy_victim victim
	start_obitd "$(watch_text victims "$T/victim" "restart = no" "uid = any")"
	local before round
	before=$(maps_mapped)
	[ "$before" -gt 0 ]
	for round in 1 2; do
		follow --all
		[ "$(maps_mapped)" -gt "$before" ]
		kill -KILL "$TAIL_PID"
		retry_until 10 maps_mapped_are "$before"
	done
}

@test "only root may act; others are told so" {
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	install -m 0755 "$OBIT" "$T/obit"
	local command
	for command in "stop web" "restart web" "pause web" "resume --all" reload; do
		RC=0
		# shellcheck disable=SC2086 # words
		setpriv --reuid 65534 --regid 65534 --clear-groups "$T/obit" --socket "$SOCKET" $command \
			>"$T/second" 2>&1 || RC=$?
		[ "$RC" -ne 0 ]
		[ -s "$T/second" ]
	done
	main_pid_is web "$(service_pid)"
	[ "$(event_count start)" = 1 ]
}

@test "without a daemon the client says so and exits 5" {
	RC=0
	"$OBIT" --socket "$SOCKET" ls >"$T/second" 2>&1 || RC=$?
	[ "$RC" = 5 ]
	said_one_line
}

@test "an unknown watch: exit 4 and a suggestion; a watch that has not died: exit 1" {
	start_obitd "$(watch_text web "$T/service")"
	run obit status wbe
	[ "$status" -eq 4 ]
	run obit why webb
	[ "$status" -eq 4 ]
	[[ "$output" == *"did you mean"*web* ]]
	run obit why web
	[ "$status" -eq 1 ]
	run obit nosuchcommand
	[ "$status" -eq 2 ]
	run obit why
	[ "$status" -eq 2 ]
}

# ---- cost ----

@test "idle means idle: no wake-up in three seconds and more, whatever the rest of the host does" {
	start_obitd "$(watch_text web "$T/service"; watch_text jobs "$T/jobs/**")"
	start_watched_service web
	local before after end i
	retry_until 20 sleeps_without_end "$OBITD_PID" # it may still have things to finish
	before=$(context_switches)
	end=$((${EPOCHREALTIME/./} + 3000000))
	for ((i = 0; i < 100 || ${EPOCHREALTIME/./} < end; i++)); do
		/bin/true
	done
	after=$(context_switches)
	echo "$i processes came and went; context switches: $before, then $after"
	[ "$after" = "$before" ]
}

@test "many deaths leave neither descriptors nor memory behind" {
	copy_victim victim
	start_obitd "$(watch_text v "$T/victim" "restart = no")"
	local i before_fds before_rss
	for i in {1..500}; do
		"$T/victim" exit 1 || true
	done
	retry_until 20 deaths_are v 500
	before_fds=$(find "/proc/$OBITD_PID/fd" -type l | wc -l)
	before_rss=$(awk '/^VmRSS/ { print $2 }' "/proc/$OBITD_PID/status")
	for i in {1..2000}; do
		"$T/victim" exit 1 || true
	done
	retry_until 20 deaths_are v 2500
	[ "$(find "/proc/$OBITD_PID/fd" -type l | wc -l)" -le "$before_fds" ]
	# the address sanitizer keeps what was freed for a while
	if ! grep -q __asan_init "$OBITD"; then
		[ "$(awk '/^VmRSS/ { print $2 }' "/proc/$OBITD_PID/status")" -le $((before_rss + 1024)) ]
	fi
	[ "$(obit stats --json | jq '[.losses[]] | add')" = 0 ]
}

@test "the log names who sent the signal, and nobody where nobody did" {
	copy_victim victim
	start_obitd "$(watch_text v "$T/victim" "restart = no")"
	local pid
	start_program "$T/victim" pause
	pid=$!
	retry_until 10 main_pid_is v "$pid"
	kill -KILL "$pid"
	retry_until 10 log_has "v: pid $pid killed by SIGKILL from [^ ]+\($BASHPID\) after "
	start_program "$T/victim" abort
	retry_until 10 log_has "v: pid $! (killed by|dumped core on) SIGABRT after "
}

@test "what died while no daemon ran is a watch's only if nothing but its path was asked for" {
	OBITD_OPTIONS=()
	copy_victim victim
	start_obitd "$(watch_text job "$T/victim" "restart = no" 'args = "exit 3*"')
$(watch_text plain "$T/plain" "restart = no")"
	copy_victim victim plain
	"$T/victim" exit 3 || true
	"$T/plain" exit 3 || true
	retry_until 5 deaths_are job 1
	retry_until 5 deaths_are plain 1
	stop_obitd
	"$T/victim" exit 4 || true # it would not have been the watch's
	"$T/plain" exit 4 || true
	launch_obitd
	retry_until 5 deaths_are plain 2
	deaths_are job 1
	[ "$(last_death job .exit_status)" = 3 ]
}

@test "with standard files that are closed it starts, respawns, and stops" {
	# shellcheck disable=SC2016 # the inner shell expands
	start_obitd "$(watch_text web "$T/service")" bash -c 'exec "$@" <&- 2>&-' _
	start_watched_service web
	kill -KILL "$(service_pid)"
	wait_events up 2
	wait_state web up
	stop_obitd
}

log_is_full() {
	! timeout 0.2 dd if=/dev/zero bs=4096 count=1 status=none >&"$LOG"
}

@test "nobody reads its log any more: it goes on, and says how many lines that has cost" {
	copy_victim victim other
	mkfifo "$T/log"
	exec {LOG}<>"$T/log"
	# shellcheck disable=SC2016 # the inner shell expands
	start_obitd "$(watch_text web "$T/service" "backoff_initial = 0" "start_limit_burst = 0")
$(watch_text other "$T/other")" bash -c 'exec "$@" 2>"$0"' "$T/log"
	start_watched_service web
	retry_until 10 log_is_full
	kill -KILL "$(service_pid)"
	wait_events up 2
	retry_until 10 restarts_are web 1
	wait_state web up
	timeout 1 cat <&"$LOG" >"$T/read" || true
	start_program "$T/other" pause
	wait_state other up
	timeout 1 cat <&"$LOG" >"$T/read" || true
	head -n 1 "$T/read" | grep -qE '^obitd: [1-9] lines are lost here: the log was not read$'
	grep -q "other: watching" "$T/read"
	exec {LOG}>&-
}

@test "who starts it by a command substitution gets an answer, with a watchdog, too" {
	write_conf "$(watch_text web "$T/service")
watchdog { device = \"$T/no-watchdog\" }"
	RC=0
	# shellcheck disable=SC2016 # the inner shell expands
	timeout 10 bash -c 'told=$("$@" 2>&1)' _ "$OBITD" -c "$CONF" --socket "$SOCKET" --pin-dir "$PIN_DIR" \
		--state-dir "$STATE_DIR" --ephemeral --daemon 3>&- || RC=$?
	OBITD_PID=$(obit version --json | jq .daemon.pid)
	[ "$(obit ls --json | jq length)" = 1 ]
	kill -TERM "$OBITD_PID"
	retry_until 15 is_dead "$OBITD_PID"
	OBITD_PID=
	[ "$RC" = 0 ]
}
