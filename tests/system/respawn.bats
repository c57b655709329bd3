#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What died comes back exactly as it was, when it should, and not when it should not.
# shellcheck disable=SC2034,SC2030,SC2031 # variables of lib.bash; each test is a process of its own

load lib

setup() {
	obit_setup
	copy_victim service
}

teardown() {
	obit_teardown
}

start_obitd_for_service() {
	start_obitd "$(watch_text web "$T/service" "$@")"
}

# The gap between two lives, from start N to start N+1, in milliseconds.
gap_ms() {
	local first second

	first=$(event start "$1" .at_ns)
	second=$(event start $(($1 + 1)) .at_ns)
	echo $(((second - first) / 1000000))
}

not_respawned() {
	[ "$(event_count start)" = "$1" ]
}

# ---- as it was ----

@test "killed by SIGKILL: back at once with the same argv, environment, directory, umask, limits, stdio" {
	mkdir -p "$T/work directory"
	SERVICE_CWD="$T/work directory"
	SERVICE_ENV=(PATH=/usr/bin:/bin "QUOTE=a \"b\" 'c' \$d" EMPTY= "LINES=one
two" UTF=grüße MARK=obit)
	umask 0027
	ulimit -n 333
	start_obitd_for_service
	start_watched_service web "" "two words" 'a"b\c' ünïcödé --
	local pid
	pid=$(service_pid)
	kill -KILL "$pid"
	wait_events up 2
	expect_same_start 1 2
	[ "$(event start 2 .cwd)" = "$T/work directory" ]
	[ "$(event start 2 .umask)" = 0027 ]
	[ "$(event start 2 '.nofile[0]')" = 333 ]
	[ "$(event start 2 '.argv | length')" = 8 ]
	[ "$(service_pid)" != "$pid" ]
	retry_until 5 main_pid_is web "$(service_pid)"
	state_is web up
	[ "$(gap_ms 1)" -lt 60000 ]
	[ "$(last_death web .signal)" = SIGKILL ]
	[ "$(last_death web .action)" = respawn ]
	[ "$(last_death web .role)" = main ]
	restarts_are web 1
}

@test "the same user, group and supplementary groups" {
	SERVICE_WRAP=(setpriv --reuid 65534 --regid 65533 --groups "65533,12345,23456")
	: >"$T/service.state"
	chmod 0666 "$T/service.state"
	: >"$T/service.out"
	chmod 0666 "$T/service.out"
	start_obitd_for_service
	start_watched_service web
	kill -KILL "$(service_pid)"
	wait_events up 2
	expect_same_start 1 2
	[ "$(event start 2 .uid)" = 65534 ]
	[ "$(event start 2 .gid)" = 65533 ]
	[ "$(event start 2 '.groups | sort | join(",")')" = 12345,23456,65533 ]
}

@test "nice value and core limit" {
	SERVICE_WRAP=(nice -n 7 prlimit --core=0)
	start_obitd_for_service
	start_watched_service web
	kill -KILL "$(service_pid)"
	wait_events up 2
	expect_same_start 1 2
	[ "$(event start 2 .nice)" = 7 ]
	[ "$(event start 2 .core)" = 0 ]
}

@test "a service that has overwritten its argv comes back with the argv it was started with" {
	start_obitd_for_service
	start_watched_service web --title "service: master process, and nothing of what it was"
	grep -aq "service: master" "/proc/$(service_pid)/cmdline"
	kill -KILL "$(service_pid)"
	wait_events up 2
	expect_same_start 1 2
}

@test "a service that has dropped root comes back as root and drops it again" {
	: >"$T/service.state"
	chmod 0666 "$T/service.state"
	start_obitd_for_service
	start_watched_service web --gid 65533 --uid 65534
	kill -KILL "$(service_pid)"
	wait_events up 2
	expect_same_start 1 2
	[ "$(event start 2 .uid)" = 0 ]
	[ "$(event up 2 .uid)" = 65534 ]
	[ "$(event up 2 .gid)" = 65533 ]
}

@test "the environment goes back without what belonged to the first life alone" {
	SERVICE_ENV=(MARK=obit NOTIFY_SOCKET=/nowhere LISTEN_PID=1 INVOCATION_ID=0 KEEP=yes NGINX=3:4)
	start_obitd_for_service
	start_watched_service web
	kill -KILL "$(service_pid)"
	wait_events up 2
	[ "$(event start 2 '.env | sort | join(" ")')" = "KEEP=yes MARK=obit" ]
}

@test "command, env and directory of the watch override what was captured" {
	mkdir "$T/elsewhere"
	start_obitd_for_service "command = \"$T/service --state $T/service.state 'new words'\"" \
		"env = { \"ADDED=1\", \"MARK=other\" }" "directory = \"$T/elsewhere\""
	start_watched_service web old
	kill -KILL "$(service_pid)"
	wait_events up 2
	[ "$(event start 2 '.argv[-1]')" = "new words" ]
	[ "$(event start 2 .cwd)" = "$T/elsewhere" ]
	[ "$(event start 2 '.env | map(select(startswith("ADDED="))) | .[0]')" = ADDED=1 ]
	[ "$(event start 2 '.env | map(select(startswith("MARK="))) | join(" ")')" = MARK=other ]
}

@test "user of the watch overrides whom it runs as" {
	: >"$T/service.state"
	chmod 0666 "$T/service.state"
	start_obitd_for_service "user = nobody" "command = \"$T/service --state $T/service.state\""
	start_watched_service web
	kill -KILL "$(service_pid)"
	wait_events up 2
	[ "$(event start 2 .uid)" = "$(id -u nobody)" ]
	[ "$(event start 2 .gid)" = "$(id -g nobody)" ]
	[ "$(event start 2 .cwd)" = / ]
}

@test "obit show tells the recipe: argv, directory, umask, ids" {
	umask 0077
	start_obitd_for_service
	start_watched_service web "an argument"
	obit show web --json >"$T/show"
	[ "$(jq -r '.instances[0].recipe.argv[-1]' "$T/show")" = "an argument" ]
	[ "$(jq -r '.instances[0].recipe.cwd' "$T/show")" = "$T" ]
	[ "$(jq -r '.instances[0].recipe.umask' "$T/show")" = 0077 ]
	[ "$(jq -r '.instances[0].recipe.uid' "$T/show")" = 0 ]
	[ "$(jq -r '.instances[0].recipe.complete' "$T/show")" = true ]
	[ "$(jq -r '.instances[0].recipe.env | index("MARK=obit") != null' "$T/show")" = true ]
}

@test "obit show masks what looks like a secret, --secrets shows it to root, and others get no value at all" {
	SERVICE_ENV=(MARK=obit API_TOKEN=hush DB=pg://me:hush@db/x)
	start_obitd_for_service 'env = { "ADDED_KEY=hush", "PLAIN=1" }'
	start_watched_service web
	obit show web --json >"$T/show"
	refute grep -q hush "$T/show"
	jq -e '.instances[0].recipe.env | index("MARK=obit") and index("API_TOKEN=***") and index("DB=***")' "$T/show"
	jq -e '.watch.env == ["ADDED_KEY=***", "PLAIN=1"]' "$T/show"
	obit show web --json --secrets >"$T/show"
	jq -e '.instances[0].recipe.env | index("API_TOKEN=hush") and index("DB=pg://me:hush@db/x")' "$T/show"
	jq -e '.watch.env[0] == "ADDED_KEY=hush"' "$T/show"
	getent group obit >/dev/null || return 0 # then nobody else may read at all
	setpriv --reuid 65534 --regid "$(getent group obit | cut -d: -f3)" --clear-groups \
		timeout 10 "$OBIT" --socket "$SOCKET" show web --json --secrets >"$T/show"
	jq -e '.instances[0].recipe.env | index("MARK=***")' "$T/show"
	refute grep -q hush "$T/show"
}

@test "one hundred deaths in a row: as many lives as deaths, one at a time" {
	start_obitd_for_service "backoff_initial = 1ms" "backoff_max = 1ms"
	start_watched_service web --lock "$T/lock"
	local i
	for i in {1..100}; do
		kill -KILL "$(service_pid)"
		wait_events up $((i + 1))
	done
	retry_until 5 restarts_are web 100
	expect_no_conflict
	expect_same_start 1 101
	[ "$(event_count start)" = 101 ]
}

# ---- when it should, and when not ----

@test "on-failure: a non-zero exit, a fault and an abort bring it back, exit 0 ends it" {
	start_obitd_for_service "start_timeout = 1ms"
	start_watched_service web
	kill -USR2 "$(service_pid)"
	wait_events up 2
	[ "$(last_death web .exit_status)" = 3 ]
	kill -HUP "$(service_pid)"
	wait_events up 3
	retry_until 5 deaths_are web 2
	[ "$(last_death web .signal)" = SIGSEGV ]
	kill -ALRM "$(service_pid)"
	wait_events up 4
	retry_until 5 deaths_are web 3
	[ "$(last_death web .signal)" = SIGABRT ]
	kill -USR1 "$(service_pid)"
	wait_state web ended
	[ "$(last_death web .exit_status)" = 0 ]
	not_respawned 4
}

@test "restart = no: nothing comes back, and the obituary says why" {
	start_obitd_for_service "restart = no"
	start_watched_service web
	kill -KILL "$(service_pid)"
	retry_until 5 has_died web
	refute state_is web up
	[[ "$(last_death web .action_detail)" == *"restart = no"* ]]
	not_respawned 1
}

@test "restart = always brings back exit 0" {
	start_obitd_for_service "restart = always"
	start_watched_service web
	kill -USR1 "$(service_pid)"
	wait_events up 2
}

@test "a service that obeys a SIGTERM from outside has ended, and is not respawned" {
	start_obitd_for_service
	start_watched_service web
	kill -TERM "$(service_pid)"
	retry_until 5 has_died web
	refute state_is web up
	not_respawned 1
}

@test "a service that fails at a SIGTERM from outside has ended, too: it was asked to" {
	start_obitd_for_service
	start_watched_service web --exit-on-term 1
	kill -TERM "$(service_pid)"
	wait_state web ended
	[ "$(last_death web .exit_status)" = 1 ]
	[[ "$(last_death web .action_detail)" == "stopped as it was asked to: not respawned"* ]]
	not_respawned 1
}

@test "restart = always brings back what was asked to stop" {
	start_obitd_for_service "restart = always"
	start_watched_service web --exit-on-term 1
	kill -TERM "$(service_pid)"
	wait_events up 2
	wait_state web up
}

@test "who sends SIGTERM and then loses patience had asked; who only kills had not" {
	start_obitd_for_service "stop_grace = 0s" "backoff_initial = 0s"
	start_watched_service web --linger-ms 60000
	# stop_grace is over at once; this shell sends both
	kill -TERM "$(service_pid)"
	kill -KILL "$(service_pid)"
	wait_state web ended
	obit start web
	wait_events up 2
	kill -TERM "$(service_pid)"
	env kill -KILL "$(service_pid)" # another process
	wait_events up 3
	wait_state web up
	kill -KILL "$(service_pid)"
	wait_events up 4
}

@test "a SIGTERM from within is not asked for: a worker that ends its master is a failure" {
	start_obitd_for_service
	start_watched_service web --workers 1 --exit-on-term 1
	local worker
	worker=$(event worker -1 .pid)
	kill -RTMAX "$worker" # then it sends SIGTERM to its parent
	wait_events up 2
	wait_state web up
}

# ---- the words, one by one ----

# Lines "STATE RESTARTS | KEY = VALUE; ... | DEATH..." on standard input: each has a watch and a copy of the victim of its
# own, which dies so once, and again whenever it is respawned. Unless the line says otherwise the second respawn would
# come in an hour, so that how often it came back stays to be seen.
run_table() {
	local outcome settings death n=0 bad=0 lives=0

	# Who is gone before its security label could be read is not respawned.
	! cat /proc/self/attr/current &>/dev/null || lives=$((50 * ${PATIENCE:-1}))

	cat >"$T/table"
	while IFS='|' read -r outcome settings death; do
		n=$((n + 1))
		copy_victim victim "victim-$n"
		[[ "$settings" == *backoff_initial* ]] || settings+="; backoff_initial = 1h"
		watch_text "w$n" "$T/victim-$n" "backoff_jitter = 0%" "backoff_max = 1h" \
			"${settings//;/$'\n'}"
	done <"$T/table" >"$T/watches"
	start_obitd "$(cat "$T/watches")"
	n=0
	while IFS='|' read -r outcome settings death; do
		n=$((n + 1))
		# shellcheck disable=SC2086 # words
		LIVES_MS=$lives "$T/victim-$n" $death 3>&- || true
	done <"$T/table"
	n=0
	while IFS='|' read -r outcome settings death; do
		n=$((n + 1))
		retry_until 10 outcome_is "w$n" "$outcome" || {
			echo "$settings |$death: expected $outcome, not $(outcome_of "w$n")"
			bad=1
		}
	done <"$T/table"
	return "$bad"
}

outcome_of() {
	ls_field "$1" '"\(.state) \(.restarts)"'
}

outcome_is() {
	[ "$(outcome_of "$1")" = "$(xargs <<<"$2")" ]
}

@test "the seven words of restart, by the table" {
	local word row=0 death deaths=("exit 0" "exit 3" "signal 15" "signal 9" segv abort)
	local -A back=(
		[no]="------" [on-success]="+-+---" [on-failure]="-+-+++" [on-abnormal]="---+++"
		[on-abort]="---+++" [on-watchdog]="------" [always]="++++++"
	)
	for word in "${!back[@]}"; do
		for row in "${!deaths[@]}"; do
			death=${deaths[row]}
			case ${back[$word]:row:1} in
			+) echo "waiting 1|restart = $word|$death" ;;
			-) echo "ended 0|restart = $word|$death" ;;
			esac
		done
	done >"$T/words"
	[ "$(wc -l <"$T/words")" = 42 ]
	run_table <"$T/words"
}

@test "statuses that are successes, that prevent and that force, by the table" {
	run_table <<'TABLE'
ended 0|success_exit_status = 3|exit 3
waiting 1|success_exit_status = 3|exit 4
ended 0|success_exit_status = { 7, 20-22, SIGUSR1 }|exit 21
waiting 1|success_exit_status = { 7, 20-22, SIGUSR1 }|exit 23
ended 0|success_exit_status = { 7, 20-22, SIGUSR1 }|signal 10
waiting 1|success_exit_status = { 7, 20-22, SIGUSR1 }|signal 12
waiting 1|success_exit_status = 3; restart = on-success|exit 3
ended 0|restart_prevent_exit_status = 3|exit 3
waiting 1|restart_prevent_exit_status = 3|exit 4
ended 0|restart_prevent_exit_status = SIGABRT; restart = always|abort
ended 0|restart_prevent_exit_status = 0; restart = always|exit 0
waiting 1|restart_force_exit_status = 0|exit 0
waiting 1|restart_force_exit_status = 3; restart = no|exit 3
ended 0|restart_force_exit_status = 3; restart = no|exit 4
waiting 1|restart_force_exit_status = SIGTERM; restart = no|signal 15
ended 0|restart_force_exit_status = 3; restart_prevent_exit_status = 3|exit 3
TABLE
}

@test "min_uptime, max_restarts and start limits, by the table" {
	run_table <<'TABLE'
buried 0|min_uptime = 1h|exit 3
ended 0|min_uptime = 1h|exit 0
waiting 1|min_uptime = 1us|exit 3
buried 1|max_restarts = 1|exit 3
buried 3|max_restarts = 3; backoff_initial = 1ms|exit 3
ended 0|max_restarts = 1|exit 0
buried 2|start_limit_burst = 3; start_limit_interval = 1h; backoff_initial = 1ms|exit 3
waiting 1|start_limit_burst = 3; start_limit_interval = 1h|exit 3
waiting 1|start_limit_burst = 1; start_limit_interval = 1us|exit 3
buried 0|start_limit_burst = 1; start_limit_interval = 1h|exit 3
TABLE
	[[ "$(ls_field w1 .note)" == "buried: lived "*", less than 1h 0min (min_uptime)" ]]
	[ "$(ls_field w4 .note)" = "buried: respawned 1 times already (max_restarts)" ]
	[ "$(ls_field w7 .note)" = "buried: more than 3 starts in 1h 0min (start_limit_burst)" ]
}

# ---- back-off and giving up ----

@test "back-off: the first respawn is immediate, the next ones wait longer and longer" {
	start_obitd_for_service "backoff_initial = 300ms" "backoff_factor = 2" "backoff_max = 2s" \
		"backoff_jitter = 0%"
	start_watched_service web --fail-if "$T/broken"
	: >"$T/broken"
	kill -KILL "$(service_pid)"
	wait_events start 5 20
	rm "$T/broken"
	[ "$(gap_ms 2)" -ge 290 ]
	[ "$(gap_ms 3)" -ge 590 ]
	[ "$(gap_ms 4)" -ge 1190 ]
	wait_events up 2
	wait_state web up
}

@test "while it waits, its state says so" {
	start_obitd_for_service "backoff_initial = 30s"
	start_watched_service web --fail-if "$T/broken"
	: >"$T/broken"
	kill -KILL "$(service_pid)"
	wait_state web waiting
	[ "$(ls_field web .pid)" = null ]
	[[ "$(last_death web .action_detail)" == *"respawn in "* ]]
}

@test "start_limit_burst buries it; obit revive brings it back" {
	start_obitd_for_service "start_limit_burst = 3" "start_limit_interval = 1min" \
		"backoff_initial = 10ms" "backoff_max = 20ms"
	start_watched_service web --fail-if "$T/broken"
	: >"$T/broken"
	kill -KILL "$(service_pid)"
	wait_state web buried
	[ "$(last_death web .action)" = bury ]
	[ "$(event_count start)" -le 4 ]
	run obit status web
	[ "$status" -eq 3 ]
	rm "$T/broken"
	obit revive web
	wait_events up 2
	wait_state web up
	expect_same_start 1 -1
}

@test "SIGUSR2 to the daemon revives what is buried" {
	start_obitd_for_service "start_limit_burst = 1" "start_limit_interval = 1min" \
		"backoff_initial = 10ms"
	start_watched_service web --fail-if "$T/broken"
	: >"$T/broken"
	kill -KILL "$(service_pid)"
	wait_state web buried
	rm "$T/broken"
	kill -USR2 "$OBITD_PID"
	wait_events up 2
	wait_state web up
}

@test "a binary that is missing (an upgrade) is waited for, without counting" {
	start_obitd_for_service "start_limit_burst = 2" "start_limit_interval = 1min" \
		"backoff_initial = 20ms" "backoff_max = 40ms"
	start_watched_service web
	mv "$T/service" "$T/service.away"
	kill -KILL "$(service_pid)"
	retry_until 5 has_died web
	wait_state web waiting
	mv "$T/service.away" "$T/service"
	wait_events up 2 35
	wait_state web up
}

@test "a binary that was replaced while it ran: the new one is started" {
	start_obitd_for_service
	start_watched_service web
	copy_victim service new
	mv "$T/new" "$T/service"
	kill -KILL "$(service_pid)"
	wait_events up 2
	retry_until 5 main_pid_is web "$(service_pid)"
	[ "$(readlink "/proc/$(service_pid)/exe")" = "$T/service" ]
	expect_same_start 1 2
}

# ---- operators ----

@test "stop, start and restart" {
	start_obitd_for_service
	start_watched_service web --lock "$T/lock"
	local pid
	pid=$(service_pid)
	obit status web
	obit stop web
	is_dead "$pid"
	wait_state web down
	run obit status web
	[ "$status" -eq 3 ]
	obit start web
	wait_events up 2
	wait_state web up
	pid=$(service_pid)
	obit restart web
	wait_events up 3
	wait_state web up
	is_dead "$pid"
	expect_same_start 1 3
	expect_no_conflict
	not_respawned 3
}

@test "kill_timeout: a service that ignores SIGTERM is killed" {
	start_obitd_for_service "kill_timeout = 300ms"
	start_watched_service web --ignore-term
	local pid
	pid=$(service_pid)
	obit stop web
	is_dead "$pid"
	wait_state web down
	[ "$(last_death web .signal)" = SIGKILL ]
	not_respawned 1
}

@test "kill_signal is what a stop sends" {
	start_obitd_for_service "kill_signal = SIGUSR1" "kill_timeout = 30s"
	start_watched_service web --ignore-term
	obit stop web
	wait_state web down
	[ "$(last_death web .how)" = exited ]
	[ "$(last_death web .exit_status)" = 0 ]
}

@test "stopping what waits for its respawn keeps it down" {
	start_obitd_for_service "backoff_initial = 1s" "backoff_jitter = 0%"
	start_watched_service web --fail-if "$T/broken"
	: >"$T/broken"
	kill -KILL "$(service_pid)"
	wait_state web waiting
	local lives
	lives=$(event_count start)
	obit stop web
	wait_state web down
	rm "$T/broken"
	obit start web
	wait_events up 2
	not_respawned $((lives + 1))
}

# ---- daemonizing and prefork services ----

@test "a daemonizing service: the survivor becomes main, and its death brings back one instance" {
	start_obitd_for_service
	start_service --daemonize --lock "$T/lock"
	wait_events up 1
	retry_until 10 main_pid_is web "$(service_pid)"
	state_is web up
	[ "$(ls_field web '.instances | length')" = 1 ]
	kill -KILL "$(service_pid)"
	wait_events up 2
	retry_until 10 main_pid_is web "$(service_pid)"
	state_is web up
	expect_same_start 1 2
	expect_no_conflict
	kill -SEGV "$(service_pid)"
	wait_events up 3
	retry_until 10 main_pid_is web "$(service_pid)"
	expect_same_start 1 3
	expect_no_conflict
	[ "$(ls_field web '.instances | length')" = 1 ]
	not_respawned 3
}

@test "a prefork service: a worker's death is told as a member's and respawns nothing" {
	start_obitd_for_service
	start_watched_service web --workers 3
	wait_events worker 3
	local main worker
	main=$(service_pid)
	worker=$(event worker 1 .pid)
	retry_until 5 members_are 3
	kill -KILL "$worker"
	retry_until 5 has_died "$worker"
	[ "$(last_death "$worker" .role)" = member ]
	main_pid_is web "$main"
	retry_until 5 members_are 2
	# the next real respawn would come after one that the worker's death had caused
	kill -KILL "$main"
	wait_events up 2
	wait_events worker 6
	not_respawned 2
	restarts_are web 1
}

members_are() {
	[ "$(ls_field web '.instances[0].members')" = "$1" ]
}

@test "members = restart: a worker's failure counts as the service's" {
	start_obitd_for_service "members = restart"
	start_watched_service web --workers 2
	wait_events worker 2
	local worker
	worker=$(event worker 1 .pid)
	kill -KILL "$worker"
	wait_events up 2
	wait_events worker 4
	expect_same_start 1 2
	# whose fault it was is told where one asks
	[ "$(last_death web .action_detail)" = \
		"stopped to be respawned: its member $worker killed by SIGKILL (members = restart)" ]
	[ "$(last_death "$worker" '"\(.role) \(.action)"')" = "member stop-members" ]
	[ "$(last_death "$worker" .killer.pid)" = $$ ]
}

@test "the successor of a prefork service starts only when port and lock are free" {
	start_obitd_for_service "kill_timeout = 5s"
	start_watched_service web --workers 3 --port-file "$T/port" --lock "$T/lock" --linger-ms 400
	wait_events worker 3
	local worker
	kill -KILL "$(service_pid)"
	wait_events up 2
	expect_no_conflict
	for worker in 1 2 3; do
		is_dead "$(event worker $worker .pid)"
	done
	wait_events worker 6
	not_respawned 2
	# nor did they die of themselves: they were stopped
	[ "$(gap_ms 1)" -ge 400 ]
}

@test "workers that ignore SIGTERM are killed after kill_timeout before the successor starts" {
	start_obitd_for_service "kill_timeout = 300ms"
	start_watched_service web --workers 2 --stubborn-workers --lock "$T/lock"
	wait_events worker 2
	kill -KILL "$(service_pid)"
	wait_events up 2
	expect_no_conflict
	[ "$(gap_ms 1)" -ge 300 ]
	is_dead "$(event worker 1 .pid)"
	is_dead "$(event worker 2 .pid)"
}

@test "obit stop ends main and members" {
	start_obitd_for_service "kill_timeout = 1s"
	start_watched_service web --workers 3
	wait_events worker 3
	obit stop web
	wait_state web down
	no_process_of_ours
	not_respawned 1
}

# ---- several at once ----

@test "two instances of one watch come back each as itself" {
	start_obitd_for_service
	start_service first
	wait_events up 1
	start_service second
	wait_events up 2
	retry_until 5 instances_up_are 2
	kill -KILL "$(event up 1 .pid)" "$(event up 2 .pid)"
	wait_events up 4
	retry_until 5 instances_up_are 2
	[ "$(jq -r -s '[.[] | select(.event == "start")][2:] | map(.argv[-1]) | sort | join(" ")' \
		"$T/service.state")" = "first second" ]
}

instances_up_are() {
	[ "$(ls_field web '[.instances[] | select(.state == "up")] | length')" = "$1" ]
}

# ---- what went wrong once ----

# A file that execve(2) takes and then cannot map: the kernel kills the caller half-way.
write_deadly_program() {
	cp "$VICTIMS/victim" "$1"
	# p_vaddr of the first PT_LOAD of a 64-bit ELF, whose program headers follow the header of 64 bytes
	local offset=64
	while [ "$(od -An -tu4 -j $offset -N 4 "$1" | tr -d ' ')" != 1 ]; do
		offset=$((offset + 56))
	done
	printf '\377\377\377\377\377\177\0\0' |
		dd of="$1" bs=1 seek=$((offset + 16)) conv=notrunc status=none
}

@test "a successor that dies in its exec is a failure, and a good binary heals it" {
	start_obitd "$(watch_text web "$T/service" "backoff_initial = 50ms")"
	start_watched_service web
	local pid
	pid=$(service_pid)
	cp "$T/service" "$T/good"
	write_deadly_program "$T/deadly"
	mv "$T/deadly" "$T/service"
	kill -KILL "$pid"
	retry_until 10 tried_again
	chmod 0755 "$T/good"
	mv "$T/good" "$T/service"
	wait_events up 2
	retry_until 5 main_pid_is web "$(service_pid)"
}

tried_again() {
	[ "$(ls_field web .deaths)" -ge 2 ] || grep -q "cannot execute" "$T/obitd.log"
}

@test "a script that others than root may change is not run again as root" {
	printf '#!/bin/sh\nsleep 1000\n' >"$T/job.sh"
	chmod 0777 "$T/job.sh"
	start_obitd "$(watch_text job "$T/job.sh")"
	start_program "$T/job.sh"
	wait_state job up
	kill -KILL "$(ls_field job .pid)"
	wait_state job ended
	[[ "$(ls_field job .note)" == *"others than root can change"* ]]
	run obit start job
	[ "$status" -eq 1 ]
	[[ "${lines[-1]}" == "obit: job is not up but ended: not started: it runs as root, and others than root can change $T/job.sh"* ]]
	run obit status job
	[ "$status" -eq 3 ]
	[[ "$output" == "job: ended; not started: it runs as root, and others than root can change $T/job.sh"* ]]
}

@test "a script that is started through a symbolic link is known by it" {
	mkdir "$T/real"
	printf '#!/bin/sh\nsleep 1000\n' >"$T/real/job.sh"
	chmod 0755 "$T/real/job.sh"
	ln -s real "$T/link"
	start_obitd "$(watch_text job "$T/link/job.sh")"
	start_program "$T/link/job.sh"
	wait_state job up
}

@test "and so it is where the watch has a glob behind the link" {
	mkdir "$T/real"
	printf '#!/bin/sh\nsleep 1000\n' >"$T/real/job.sh"
	chmod 0755 "$T/real/job.sh"
	ln -s real "$T/link"
	start_obitd "$(watch_text job "$T/link/*.sh")"
	start_program "$T/link/job.sh"
	wait_state job up
}

@test "what daemonized, or executed something else since, is adopted by the next daemon" {
	printf '#!/bin/sh\nexec sleep 1000\n' >"$T/wrap.sh"
	chmod 0755 "$T/wrap.sh"
	copy_victim service
	OBITD_OPTIONS=()
	start_obitd "$(watch_text web "$T/service")$(printf '\n')
$(watch_text wrapped "$T/wrap.sh")"
	start_service --daemonize
	start_program "$T/wrap.sh"
	wait_state web up
	wait_state wrapped up
	local web wrapped
	retry_until 5 main_pid_is web "$(service_pid)"
	web=$(ls_field web .pid)
	wrapped=$(ls_field wrapped .pid)
	OBITD_OPTIONS=(--ephemeral)
	stop_obitd
	launch_obitd
	retry_until 5 main_pid_is web "$web"
	retry_until 5 main_pid_is wrapped "$wrapped"
	kill -KILL "$wrapped"
}

@test "a service that is started from another service's child is brought back all the same" {
	copy_victim service
	install -m 0755 "$VICTIMS/stamp" "$T/other"
	: >"$T/page"
	truncate -s 4096 "$T/page"
	printf '#!/bin/sh\n(sh -c "%s %s") &\nwait\n' "$T/other" "$T/page" >"$T/login.sh"
	chmod 0755 "$T/login.sh"
	start_obitd "$(watch_text login "$T/login.sh")
$(watch_text other "$T/other" "restart = always")"
	start_program "$T/login.sh"
	wait_state other up
	local pid
	pid=$(ls_field other .pid)
	kill -KILL "$pid"
	retry_until 10 restarts_are other 1
	wait_state other up
}

@test "a stop that meets a spawn that cannot be made ends" {
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	local spawner
	spawner=$(pgrep -P "$OBITD_PID" -x obitd-spawner)
	kill -STOP "$spawner"
	kill -KILL "$(service_pid)"
	wait_state web waiting
	obit stop --no-wait web
	kill -KILL "$spawner"
	wait_state web down
}
