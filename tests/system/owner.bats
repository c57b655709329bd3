#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What somebody else starts again: real supervisors run in the test's own directory; systemctl is played by a script
# that answers as the real one was recorded to.
# shellcheck disable=SC2034 # what lib.bash reads

load lib

setup() {
	obit_setup
	copy_victim service
	DIR=$T/sv/web
	mkdir -p "$DIR" "$T/bin"
}

teardown() {
	[ -z "${SUPERVISOR:-}" ] || ! is_child "$SUPERVISOR" || kill -TERM "$SUPERVISOR" 2>/dev/null
	obit_teardown
}

# write_run: what the supervisor runs is the victim itself.
write_run() {
	printf '#!/bin/sh\nexec %s --state %s </dev/null >>%s 2>&1\n' \
		"$T/service" "$T/service.state" "$T/service.out" >"$DIR/run"
	chmod 0755 "$DIR/run"
}

# start_supervisor COMMAND...: with the victim as a file, so that the watched path is its own.
start_supervisor() {
	setsid "$@" </dev/null >"$T/supervisor.out" 2>&1 3>&- &
	SUPERVISOR=$!
	STARTED+=("$SUPERVISOR")
}

has_died_times() {
	[ "$(ls_field web .deaths)" -ge "$1" ]
}

kill_service() {
	kill -KILL "$(service_pid)"
}

runs_once_more() {
	wait_events up "$1"
	wait_state web up
	[ "$(event_count up)" = "$1" ]
	expect_no_conflict
}

# need TOOL
need() {
	command -v "$1" >/dev/null || skip "no $1 here"
}

@test "runit restarts it: reported, and not done twice" {
	need runsv
	write_run
	start_obitd "$(watch_text web "$T/service")"
	start_supervisor runsv "$DIR"
	wait_events up 1
	wait_state web up
	sleep 1.1 # runsv waits for a second after a shorter life
	kill_service
	runs_once_more 2
	retry_until 10 log_has 'web: pid .* killed by SIGKILL .*: its owner runit is asked whether it restarts it'
	[ "$(ls_field web .restarts)" = 0 ]
	[ "$(last_death web .action)" = ask-owner ]
}

@test "runit told to run it once: started by sv up" {
	need runsv
	write_run
	start_obitd "$(watch_text web "$T/service")"
	start_supervisor runsv "$DIR"
	wait_events up 1
	wait_state web up
	sv once "$DIR"
	kill_service
	runs_once_more 2
	log_has 'web: by its owner runit: restarted at once'
	[ "$(ls_field web .restarts)" = 1 ]
}

@test "runit told to stop it: nothing" {
	need runsv
	write_run
	start_obitd "$(watch_text web "$T/service" 'restart = always')"
	start_supervisor runsv "$DIR"
	wait_events up 1
	wait_state web up
	sv down "$DIR"
	wait_state web ended
	log_has 'web: .*stopped by its owner runit: not respawned'
	[ "$(event_count up)" = 1 ]
}

@test "s6 restarts it: reported; told to run it once: started by s6-svc" {
	need s6-supervise
	write_run
	start_obitd "$(watch_text web "$T/service")"
	start_supervisor s6-supervise "$DIR"
	wait_events up 1
	wait_state web up
	kill_service
	runs_once_more 2
	[ "$(ls_field web .restarts)" = 0 ]
	s6-svc -o "$DIR"
	retry_until 5 s6_wants_it_down
	kill_service
	runs_once_more 3
	[ "$(ls_field web .restarts)" = 1 ]
}

s6_wants_it_down() {
	[ "$(s6-svstat -o wantedup "$DIR")" = false ]
}

# supervise_by_supervisord AUTORESTART
supervise_by_supervisord() {
	need supervisord
	cat >"$T/supervisord.conf" <<-END
		[unix_http_server]
		file=$T/supervisor.sock
		[supervisord]
		logfile=$T/supervisor.log
		pidfile=$T/supervisor.pid
		nodaemon=true
		[rpcinterface:supervisor]
		supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
		[supervisorctl]
		serverurl=unix://$T/supervisor.sock
		[program:web]
		command=$T/service --state $T/service.state
		autorestart=$1
	END
	start_obitd "$(watch_text web "$T/service")"
	start_supervisor supervisord -c "$T/supervisord.conf"
	wait_events up 1
	wait_state web up
	retry_until 10 supervisord_calls_it_running
}

supervisord_calls_it_running() {
	supervisorctl -c "$T/supervisord.conf" status web | grep -q RUNNING
}

@test "supervisord restarts it: reported, and not done twice" {
	supervise_by_supervisord true
	kill_service
	runs_once_more 2
	[ "$(ls_field web .restarts)" = 0 ]
}

@test "supervisord does not restart it: told to, once it has said so twice" {
	supervise_by_supervisord false
	kill_service
	runs_once_more 2
	log_has 'web: by its owner supervisord: restarted at once'
	[ "$(ls_field web .restarts)" = 1 ]
}

# A cgroup as systemd makes them, and a systemctl that answers with $T/answer, and starts the victim again.
play_systemd() {
	local mount

	mount=$(cgroup2_mount)
	[ -n "$mount" ] || skip "no cgroup v2 is mounted"
	UNIT=obit-test-$$-$BATS_TEST_NUMBER.service
	UNIT_CGROUP=$mount/obit$$x$BATS_TEST_NUMBER.slice/$UNIT
	mkdir -p "$UNIT_CGROUP" || skip "cannot make a cgroup"
	MADE_CGROUPS=("$UNIT_CGROUP")
	cat >"$T/bin/systemctl" <<-END
		#!/bin/sh
		echo "\$*" >>$T/asked
		case \$1 in
		show) cat $T/answer ;;
		restart) [ ! -e $T/fails ] || exit 5; touch $T/told ;;
		esac
	END
	chmod 0755 "$T/bin/systemctl"
	SERVICE_WRAP=(sh -c "echo \$\$ >$UNIT_CGROUP/cgroup.procs; exec \"\$@\"" sh)
}

# answer ACTIVE SUB [MAIN-PID [JOB]]: as systemctl show prints it.
answer() {
	printf 'MainPID=%s\nExecMainStartTimestampMonotonic=1\nLoadState=loaded\nActiveState=%s\nSubState=%s\nJob=%s\n' \
		"${3:-0}" "$1" "$2" "${4:-}" >"$T/answer"
}

start_under_systemd() {
	PATH=$T/bin:$PATH start_obitd "$(watch_text web "$T/service" "$@")"
	start_watched_service web
}

asked() {
	grep -q -- "$1" "$T/asked" 2>/dev/null
}

@test "systemd restarts it: reported; its new life is the same instance's" {
	play_systemd
	answer activating auto-restart
	start_under_systemd
	kill_service
	retry_until 10 log_has 'web: its owner systemd restarts it'
	state_is web waiting
	asked "show $UNIT -p LoadState"
	refute asked restart
	start_watched_service web
	[ "$(ls_field web '.instances | length')" = 1 ]
	[ "$(ls_field web .restarts)" = 0 ]
}

# outcome_is JQ_PATH VALUE: of the last death.
outcome_is() {
	[ "$(last_death web ".outcome$1")" = "$2" ]
}

# expect_outcome ACTION SENTENCE: by every way to ask for it; of a death that ended by SIGKILL.
expect_outcome() {
	retry_until 10 outcome_is .action "$1"
	outcome_is .action_detail "$2"
	[ "$(ls_field web .last_death.outcome.action)" = "$1" ]
	[ "$(obit log --json | tail -n 1 | jq -r .outcome.action)" = "$1" ]
	obit why web | grep -qx "${2^}."
	obit log | tail -n 1 | grep -q "SIGKILL .* $2\$"
}

@test "what has become of it is told: by why, log and tail, and from disk by the next obitd, and without one" {
	local pid
	play_systemd
	answer activating auto-restart
	PATH=$T/bin:$PATH start_obitd "$(watch_text web "$T/service" && watch_text sentinel "$T/victim" 'restart = no' 'uid = any')"
	start_watched_service web
	follow
	pid=$(service_pid)
	kill_service
	expect_outcome expected 'its owner systemd restarts it'
	start_watched_service web
	expect_outcome restarted "restarted by its owner systemd (pid $(service_pid))"
	outcome_is .new_pid "$(service_pid)"
	[ "$(last_death web .pid)" = "$pid" ]
	[ "$(last_death web .action)" = ask-owner ]
	retry_until 5 grep -q '"action":"restarted"' "$T/tail"
	[ "$(jq -r "select(.outcome_of) | .outcome_of[:$((${#pid} + 1))] + .action" "$T/tail" | xargs)" = \
		"$pid:expected $pid:restarted" ]
	obit tail -n 1 --json | { read -r line && jq -e '.outcome.action == "restarted"' <<<"$line"; }
	stop_obitd
	[ "$("$OBIT" --socket "$SOCKET" log --watch web --state-dir "$STATE_DIR" --json | jq -r .outcome.action)" = restarted ]
	[ "$("$OBIT" --socket "$SOCKET" why web --state-dir "$STATE_DIR" --json | jq -r '.[0].outcome.action')" = restarted ]
	launch_obitd
	expect_outcome restarted "restarted by its owner systemd (pid $(service_pid))"
}

@test "what has become of it: it cannot be asked, could not restart it, was told by a killed obitd" {
	play_systemd
	echo nonsense >"$T/answer"
	OBITD_OPTIONS=()
	start_under_systemd 'backoff_initial = 5s' 'backoff_jitter = 0'
	kill_service
	expect_outcome report 'not respawned: whether its owner systemd restarts it cannot be told: systemctl says nothing that tells'
	start_watched_service web
	outcome_is .action report # it was started by somebody, and not brought back
	answer failed failed
	touch "$T/fails"
	kill_service
	expect_outcome restart-by-owner 'its owner systemd could not restart it: systemctl exited 5; restart in 5s (attempt 2)'
	kill_obitd
	PATH=$T/bin:$PATH launch_obitd
	rm "$T/fails"
	retry_until 10 test -e "$T/told"
	start_watched_service web
	expect_outcome restarted "restarted by its owner systemd (pid $(service_pid))"
}

@test "systemd has failed it: systemctl restart, and never a second one beside it" {
	play_systemd
	answer failed failed
	start_under_systemd
	kill_service
	retry_until 10 test -e "$T/told"
	start_watched_service web
	[ "$(ls_field web .restarts)" = 1 ]
	[ "$(grep -c "restart $UNIT" "$T/asked")" = 1 ]
	[ "$(event_count up)" = 2 ]
}

@test "systemd stops it: nothing; it cannot be told: reported" {
	play_systemd
	answer deactivating stop-sigterm 0 28
	start_under_systemd
	kill_service
	retry_until 10 log_has 'web: its owner systemd stops it: not respawned'
	start_watched_service web
	echo nonsense >"$T/answer"
	kill_service
	retry_until 10 log_has 'web: not respawned: whether its owner systemd restarts it cannot be told: systemctl says'
	wait_state web ended
	refute asked restart
}

@test "a restart command that fails is tried again, later and later" {
	play_systemd
	answer failed failed
	touch "$T/fails"
	start_under_systemd 'backoff_initial = 100ms'
	kill_service
	retry_until 10 log_has 'web: its owner systemd could not restart it: systemctl exited 5; restart in .* \(attempt 2\)'
	rm "$T/fails"
	retry_until 10 test -e "$T/told"
}

@test "owner = respect asks nobody, ask asks nothing, ignore respawns outside of the unit" {
	play_systemd
	answer failed failed
	start_under_systemd 'owner = respect'
	kill_service
	wait_state web ended
	log_has 'web: .*not respawned: it belongs to systemd unit .*, and owner = respect leaves it to that'
	stop_obitd
	start_under_systemd 'owner = ask'
	kill_service
	retry_until 10 test -e "$T/told"
	refute asked show
	stop_obitd
	start_under_systemd 'owner = ignore'
	kill_service
	wait_events up 4
	wait_state web up
	refute grep -q "$UNIT" "/proc/$(service_pid)/cgroup"
}

# ---- obit stop, start, restart ----

# stays_down: what has ended is not started by anybody.
stays_down() {
	wait_state web down
	sleep 1.2 # a supervisor starts it within a second
	state_is web down
	refute is_alive "$(service_pid)"
}

# act_on_it RESTART-TAKES-AT-MOST-SECONDS: restart, stop and start of what somebody else owns; two more lives.
expect_obeyed() {
	local pid

	pid=$(service_pid)
	obit restart web --wait 20
	runs_once_more 2
	[ "$(last_death web .pid)" = "$pid" ]
	[ "$(last_death web .action_detail)" = 'stopped by the operator to be restarted' ]
	obit stop web --wait 20
	stays_down
	obit start web --wait 20
	runs_once_more 3
	[ "$(ls_field web .restarts)" = 0 ]
	[ "$(ls_field web '.instances | length')" = 1 ]
}

@test "obit restart, stop and start are runit's" {
	need runsv
	write_run
	start_obitd "$(watch_text web "$T/service")"
	start_supervisor runsv "$DIR"
	wait_events up 1
	wait_state web up
	sleep 1.1
	expect_obeyed
	[[ "$(obit stop web --no-wait)" == "web: its owner runit is told to stop it" ]]
}

@test "obit restart, stop and start are s6's" {
	need s6-supervise
	write_run
	start_obitd "$(watch_text web "$T/service")"
	start_supervisor s6-supervise "$DIR"
	wait_events up 1
	wait_state web up
	expect_obeyed
}

@test "obit restart, stop and start are supervisord's" {
	supervise_by_supervisord true
	expect_obeyed
}

@test "obit restart and stop are systemd's; one that fails leaves it up" {
	play_systemd
	answer active running
	start_under_systemd
	obit restart web --no-wait
	retry_until 10 test -e "$T/told"
	asked "restart $UNIT"
	wait_state web waiting
	touch "$T/fails"
	rm "$T/told"
	sed -i 's/^restart)/restart | stop)/' "$T/bin/systemctl"
	run obit stop web --wait 10
	[ "$status" -eq 1 ]
	[ "$(ls_field web .note)" = 'its owner systemd could not stop it: systemctl exited 5' ]
	wait_state web up
}

@test "a watch waits while the owner of one of its instances is told to restart it, whatever the others do" {
	local pid
	play_systemd
	answer active running
	start_under_systemd
	pid=$(service_pid)
	start_watched_service web
	obit restart "web@$pid" --no-wait
	retry_until 10 test -e "$T/told"
	[ "$(ls_field web '.instances | map(.state) | sort | join(" ")')" = "up waiting" ]
	state_is web waiting
	obit restart "web@$(service_pid)" --no-wait
	[ "$(ls_field web '.instances | map(.state) | join(" ")')" = "waiting waiting" ]
	state_is web waiting
}

hung_by_is() {
	has_died "$1" && [ "$(last_death "$1" .hung.by)" = "$2" ]
}

@test "what its owner could not restart is looked after as before" {
	local pid
	play_systemd
	answer active running
	sed -i 's/^restart)/restart) sleep 0.3; exit 5;/' "$T/bin/systemctl" # so many looks are due meanwhile
	SERVICE_WRAP=(prlimit --core=0:0 -- "${SERVICE_WRAP[@]}")
	start_under_systemd 'hang_timeout = 400ms'
	pid=$(service_pid)
	run obit restart web --wait 10
	[ "$(ls_field web .note)" = 'its owner systemd could not restart it: systemctl exited 5' ]
	state_is web up
	kill -STOP "$pid"
	retry_until 10 hung_by_is "$pid" progress
}

@test "obit stop of what an owner is not asked about stops it, and says whose it is" {
	play_systemd
	start_under_systemd 'owner = respect'
	run obit stop web --wait 20
	[ "$status" -eq 0 ]
	[[ "$output" == *"web: stopping; it belongs to systemd unit $UNIT, which may start it again"* ]]
	run obit restart web
	[ "$status" -eq 1 ]
	[[ "$output" == *"web cannot be restarted: it belongs to systemd unit $UNIT, and owner = respect leaves it to that"* ]]
}

# A supervisor that obit has never heard of: it starts the victim, and again whenever $T/again is there.
play_minder() {
	cat >"$T/bin/minder" <<-END
		#!/bin/bash
		touch $T/again
		while sleep 0.05; do
			[ -e $T/again ] || continue
			rm $T/again
			$T/service --state $T/service.state </dev/null >>$T/service.out 2>&1
		done
	END
	cat >"$T/bin/ask" <<-END
		#!/bin/sh
		echo "\$*" >>$T/asked
		cat $T/answer
	END
	cat >"$T/bin/tell" <<-END
		#!/bin/sh
		echo "\$*" >>$T/told
		touch $T/again
	END
	chmod 0755 "$T/bin/minder" "$T/bin/ask" "$T/bin/tell"
}

# owner_text NAME [LINE...]
owner_text() {
	printf 'owner %s {\n' "$1"
	shift
	printf '\t%s\n' "$@"
	printf '}\n'
}

minder_text() {
	owner_text minder 'parent = minder' "ask = \"$T/bin/ask {pid} {directory}\"" \
		"restart = \"$T/bin/tell {pid}\""
}

@test "an owner of the configuration: known by an ancestor, asked and told by its commands" {
	local pid
	play_minder
	echo no >"$T/answer"
	start_obitd "$(watch_text web "$T/service")
$(minder_text)"
	cd "$T"
	start_supervisor "$T/bin/minder"
	wait_events up 1
	wait_state web up
	pid=$(service_pid)
	kill_service
	runs_once_more 2
	log_has 'web: by its owner minder: restarted at once'
	[ "$(ls_field web .restarts)" = 1 ]
	[ "$(cat "$T/asked")" = "$pid $T" ]
	[ "$(cat "$T/told")" = "$pid" ]
	echo stops >"$T/answer"
	kill_service
	retry_until 10 log_has 'web: its owner minder stops it: not respawned'
}

@test "a reload takes an owner away: what it has started is respawned from then on" {
	play_minder
	echo wait >"$T/answer"
	start_obitd "$(watch_text web "$T/service")
$(minder_text)"
	start_supervisor "$T/bin/minder"
	wait_events up 1
	wait_state web up
	write_conf "$(watch_text web "$T/service")"
	obit reload
	kill_service
	runs_once_more 2
	refute test -e "$T/asked"
	log_has 'web: respawned as pid'
}

@test "an owner that is asked when a reload takes it away: reported" {
	play_minder
	printf '#!/bin/sh\necho x >>%s/asked\nwhile [ ! -e %s/go ]; do sleep 0.02; done\necho no\n' \
		"$T" "$T" >"$T/bin/ask"
	start_obitd "$(watch_text web "$T/service")
$(minder_text)"
	start_supervisor "$T/bin/minder"
	wait_events up 1
	wait_state web up
	kill_service
	retry_until 10 test -e "$T/asked"
	write_conf "$(watch_text web "$T/service")"
	obit reload
	touch "$T/go"
	retry_until 10 log_has 'web: not respawned: whether its owner minder restarts it cannot be told: the configuration has it no longer'
	wait_state web ended
}

@test "a section of a built-in owner's name changes what it sets, and nothing else" {
	play_systemd
	play_minder
	answer failed failed
	PATH=$T/bin:$PATH start_obitd "$(watch_text web "$T/service")
$(owner_text systemd "restart = \"$T/bin/tell {unit}\"")"
	start_watched_service web
	kill_service
	retry_until 10 test -e "$T/told"
	[ "$(cat "$T/told")" = "$UNIT" ]
	asked "show $UNIT -p LoadState"
	refute asked restart
}

@test "a command of an owner that others than root can change is refused" {
	play_minder
	chmod 0777 "$T/bin/tell"
	write_conf "$(minder_text)"
	run "$OBITD" --check -c "$CONF"
	[ "$status" -eq 1 ]
	[[ "$output" == *"obit.conf:4: owner minder: restart: "*"others than root can change $T/bin/tell"* ]]
}
