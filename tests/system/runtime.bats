#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What an operator changes while obitd runs: watches that come and go.
# shellcheck disable=SC2034,SC2030,SC2031 # variables of lib.bash; each test is a process of its own

load lib

setup() {
	obit_setup
	copy_victim service
	copy_victim victim
}

teardown() {
	obit_teardown
}

# A daemon with one watch that has nothing to do with the test.
start_obitd_for_nothing() {
	start_obitd "$(watch_text idle "$T/idle")"
}

start_unwatched_service() {
	local ups

	ups=$(event_count up)
	start_service "$@"
	wait_events up $((${ups:-0} + 1))
}

runs() {
	[ "$(readlink "/proc/$1/exe")" = "$2" ]
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

watches() {
	obit ls --json | jq -r 'map(.name) | sort | join(" ")'
}

# ---- watch ----

@test "watch PATH takes up what runs, and what is executed later" {
	start_obitd_for_nothing
	start_unwatched_service
	[ "$(obit watch "$T/service" restart=always backoff_initial=1ms)" = \
		"service: watched until the next reload; 1 instance runs" ]
	main_pid_is service "$(service_pid)"
	[ "$(obit show service --json | jq -r '.defined_at, .watch.restart, .watch.backoff_initial' |
		xargs)" = "obit watch always 1ms" ]
	kill -USR1 "$(service_pid)"
	wait_events up 2
	expect_same_start 1 2
	[ "$(obit watch "$T/victim" name=later restart=no)" = \
		"later: watched until the next reload; nothing of it runs yet" ]
	"$T/victim" exit 3 || true
	retry_until 5 deaths_are later 1
	kill -USR1 "$(service_pid)"
	wait_events up 3
	retry_until 5 restarts_are service 2
}

@test "watch: what is typed is judged as what is written, in the same sentences" {
	start_obitd_for_nothing
	local setting said
	for setting in "restart = alwais" "restat = always" "kill_signal = SIGFOO" "backoff_initial = 5" \
		"backoff_jitter = 200%" "user = nobody-like-this" "path = nginx" "path = $T" "on_exit = hook" \
		"timeout = 5s"; do
		printf 'watch w {\n\tpath = "%s"\n\t%s "%s"\n}\n' "$T/service" "${setting% *}" \
			"${setting##* }" >"$T/wrong.conf"
		[[ "$setting" != path* ]] || sed -i 2d "$T/wrong.conf"
		run "$OBITD" --check -c "$T/wrong.conf"
		[ "$status" -eq 1 ]
		said=${output#obitd: *wrong.conf:[0-9]: }
		said=${said#watch w: }
		if [[ "$setting" == path* ]]; then
			run obit watch "${setting##* }"
		else
			run obit watch "$T/service" "${setting/ = /=}"
		fi
		echo "$output, expected: $said"
		[ "$status" -eq 2 ]
		[ "$output" = "obit: $said" ]
	done
	[ "$(watches)" = idle ]
}

@test "watch: a name that is taken, the same again, nothing to watch, no root: refused" {
	start_obitd_for_nothing
	refused 1 "watch 'idle' is there already, from $CONF:1; expected another name" \
		watch "$T/service" name=idle
	obit watch "$T/service"
	refused 1 "watch service has the same already; \`obit unwatch service\` ends it" watch "$T/service"
	obit watch "$T/other/service" | grep -q '^service-2: '
	refused 2 "expected what to watch" watch
	refused 2 "nothing to be watched" watch restart=always
	refused 2 "set already" watch "$T/x" restart=no restart=no
	install -m 0755 "$OBIT" "$T/obit"
	local command
	for command in "watch $T/x" "unwatch idle"; do
		# shellcheck disable=SC2086 # words
		run setpriv --reuid 65534 --regid 65534 --clear-groups "$T/obit" --socket "$SOCKET" $command
		[ "$status" -eq 1 ]
	done
	[ "$(watches)" = "idle service service-2" ]
}

@test "watch: other watches keep their instances, counters and back-off" {
	start_obitd "$(watch_text web "$T/service" "backoff_initial = 30s" "backoff_jitter = 0%")"
	start_watched_service web
	kill -KILL "$(service_pid)"
	wait_events up 2
	retry_until 5 restarts_are web 1
	obit watch "$T/victim"
	restarts_are web 1
	main_pid_is web "$(service_pid)"
	retry_until 5 main_pid_is web "$(service_pid)"
	kill -KILL "$(service_pid)"
	wait_state web waiting
	local left
	left=$(ls_field web '.instances[0].next_start_ns')
	obit unwatch victim
	state_is web waiting
	[ "$(ls_field web '.instances[0].next_start_ns')" -le "$left" ]
	[ "$(ls_field web '.instances[0].next_start_ns')" -gt 20000000000 ]
	[ "$(event_count start)" = 2 ]
}

@test "watch --cgroup" {
	make_cgroup jobs
	start_obitd_for_nothing
	obit watch --cgroup "${CGROUP_PATH%/*}/*" restart=no | grep -q '^obit-test-'
	local name
	name=$(obit ls --json | jq -r '.[1].name')
	mkdir "$CGROUP/below"
	MADE_CGROUPS=("$CGROUP/below" "${MADE_CGROUPS[@]}")
	# shellcheck disable=SC2016 # the inner shell expands
	sh -c 'echo $$ >"$1"/cgroup.procs && exec "$2" exit 5' _ "$CGROUP/below" "$T/victim" || true
	retry_until 5 deaths_are "$name" 1
	[ "$(last_death "$name" .exit_status)" = 5 ]
}

# ---- watch --pid ----

@test "watch --pid means that process and its descendants, and goes on with what is respawned" {
	start_obitd_for_nothing
	start_unwatched_service other
	start_unwatched_service --workers 2 chosen
	wait_events worker 2
	local chosen other
	other=$(event up 1 .pid)
	chosen=$(event up 2 .pid)
	[ "$(obit watch --pid "$chosen" backoff_initial=1ms)" = \
		"service: watched until the next reload; 1 instance runs" ]
	main_pid_is service "$chosen"
	[ "$(ls_field service '.instances | length')" = 1 ]
	[ "$(ls_field service '.instances[0] | "\(.members) \(.adopted)"')" = "2 true" ]
	[ "$(obit show service --json | jq '.watch.pid')" = "$chosen" ]
	obit show service | grep -q 'captured: *from /proc, since it ran before it was watched; complete$'
	kill -KILL "$other"
	kill -KILL "$chosen"
	wait_events up 3
	retry_until 5 main_pid_is service "$(service_pid)"
	expect_same_start 2 3
	kill -KILL "$(service_pid)"
	wait_events up 4
	expect_same_start 2 4
	retry_until 5 deaths_are service 2 # and not three
}

@test "watch --pid: while nothing of it runs, what is started just like it goes on with it, and nothing else" {
	start_obitd_for_nothing
	start_unwatched_service chosen
	obit watch --pid "$(service_pid)" name=mine
	obit stop mine
	start_unwatched_service different
	start_unwatched_service chosen
	retry_until 5 main_pid_is mine "$(service_pid)"
	[ "$(ls_field mine '.instances | length')" = 1 ]
	kill -KILL "$(service_pid)"
	wait_events up 4
	expect_same_start 1 4
}

@test "watch --pid of a script's interpreter does not mean its other scripts" {
	# shellcheck disable=SC2016 # the script expands
	printf 'read -r line <"$1"\n' >"$T/a.sh"
	cp "$T/a.sh" "$T/b.sh"
	mkfifo "$T/fifo"
	cp /bin/dash "$T/sh" 2>/dev/null || cp "$(readlink -f /bin/sh)" "$T/sh"
	start_obitd_for_nothing
	start_program "$T/sh" "$T/a.sh" "$T/fifo"
	local chosen=$!
	retry_until 5 runs "$chosen" "$T/sh"
	obit watch --pid "$chosen" restart=always backoff_initial=1ms
	start_program "$T/sh" "$T/b.sh" "$T/fifo"
	kill -KILL "$chosen"
	retry_until 5 restarts_are sh 1
	wait_state sh up
	[ "$(ls_field sh '.instances | length')" = 1 ]
	[ "$(tr '\0' ' ' <"/proc/$(ls_field sh .pid)/cmdline")" = "$T/sh $T/a.sh $T/fifo " ]
}

@test "watch --pid: offspring of another watch becomes a service of its own" {
	printf '#!/bin/sh\n"%s" --state "%s" &\nwait\n' "$T/service" "$T/service.state" >"$T/login.sh"
	chmod 0755 "$T/login.sh"
	start_obitd "$(watch_text login "$T/login.sh" "restart = no")"
	start_program "$T/login.sh"
	wait_events up 1
	wait_state login up
	obit watch --pid "$(service_pid)" name=own
	wait_state own up
	kill -KILL "$(service_pid)"
	wait_events up 2
	expect_same_start 1 2
}

@test "watch --pid: what cannot be one is refused in a sentence" {
	start_obitd_for_nothing
	local nobody=4194304 kernel thread
	refused 1 "no process has the pid $nobody" watch --pid $nobody
	refused 1 "pid 1 is the host's init" watch --pid 1
	refused 1 "pid $OBITD_PID is a process of obitd" watch --pid "$OBITD_PID"
	refused 1 "is a process of obitd" watch --pid "$(pgrep -P "$OBITD_PID" -x obitd-spawner)"
	kernel=$(pgrep -x -P 2 '(kworker|ksoftirqd|rcu).*' | head -n 1)
	[ -z "$kernel" ] || refused 1 "pid $kernel is a thread of the kernel" watch --pid "$kernel"
	refused 2 "pid: 'self' is wrong; expected the pid of a process" watch --pid self
	refused 2 "'uid' is set beside a pid" watch --pid $$ uid=any
	start_unwatched_service --workers 1
	wait_events worker 1
	obit watch --pid "$(service_pid)"
	refused 1 "pid $(service_pid) is of watch service already, as its main process" \
		watch --pid "$(service_pid)"
	refused 1 "is of watch service already, as a member" watch --pid "$(event worker 1 .pid)"
	# a shell would reap its child: it dies when the shell has become something else
	# shellcheck disable=SC2016 # the inner shell expands
	start_program sh -c '"$1" pause & echo $! >"$2"; exec "$3" pause' _ "$T/victim" "$T/zombie" "$T/victim"
	local parent=$!
	retry_until 5 test -s "$T/zombie"
	retry_until 5 runs "$parent" "$T/victim"
	kill -KILL "$(cat "$T/zombie")"
	retry_until 5 is_dead "$(cat "$T/zombie")"
	refused 1 "pid $(cat "$T/zombie") is dead already" watch --pid "$(cat "$T/zombie")"
	[ "$(watches)" = "idle service" ]
}

@test "watch says why what runs would not be respawned" {
	start_obitd_for_nothing
	start_unwatched_service --title "service: a title that is not what it was started with"
	run obit watch --pid "$(service_pid)"
	[ "$status" -eq 0 ]
	[[ "$output" == *"It would not be respawned: "* ]]
	[ "$(obit unwatch service)" = "service: no longer watched" ]
	obit watch --pid "$(service_pid)" "command=$T/service --state $T/service.state"
	kill -KILL "$(service_pid)"
	wait_events up 2
}

# ---- unwatch ----

@test "unwatch forgets a watch and leaves its processes alone; a reload brings it back" {
	start_obitd "$(watch_text web "$T/service"; watch_text v "$T/victim" "restart = no")"
	start_watched_service web
	local pid
	pid=$(service_pid)
	[ "$(obit unwatch web)" = "web: no longer watched, until the next reload" ]
	[ "$(watches)" = v ]
	is_alive "$pid"
	refused 4 "no watch named web" unwatch web
	obit reload --json | jq -e '.added == ["web"] and .kept == 1'
	main_pid_is web "$pid"
	obit unwatch web
	kill -KILL "$pid"
	"$T/victim" exit 5 || true # told after that death
	retry_until 5 deaths_are v 1
	[ "$(event_count start)" = 1 ]
}

@test "unwatch of what waits for its respawn: it does not come" {
	start_obitd "$(watch_text web "$T/service" "backoff_initial = 300ms" "backoff_jitter = 0%")"
	start_watched_service web --fail-if "$T/broken"
	: >"$T/broken"
	kill -KILL "$(service_pid)"
	wait_events start 2
	wait_state web waiting
	obit unwatch web
	rm "$T/broken"
	copy_victim service later
	obit watch "$T/later" name=web # a new one, that knows nothing of it
	start_program "$T/later" --state "$T/later.state"
	wait_state web up
	restarts_are web 0
	[ "$(event_count up)" = 1 ]
}

@test "a reload ends what was watched by hand, and says so; what is in the file by then stays" {
	start_obitd_for_nothing
	start_unwatched_service
	obit watch "$T/service" restart=always
	obit watch "$T/victim"
	write_conf "$(watch_text idle "$T/idle"; watch_text service "$T/service" "restart = always")"
	local pid
	pid=$(service_pid)
	obit reload --json | jq -e '.removed == ["victim"] and .added == [] and .changed == [] and .kept == 2'
	main_pid_is service "$pid"
	kill -USR1 "$pid"
	wait_events up 2
}

@test "--observe: watches come and go, and nothing is done" {
	OBITD_OPTIONS+=(--observe)
	start_obitd_for_nothing
	start_unwatched_service
	obit watch "$T/service"
	kill -KILL "$(service_pid)"
	retry_until 5 deaths_are service 1
	obit unwatch service
	[ "$(event_count start)" = 1 ]
}
