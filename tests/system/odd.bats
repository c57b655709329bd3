#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Services that go into the background in every common way, that were started oddly, and those that are not to be
# started again: each refusal has its sentence, and names the line that would resolve it.
# shellcheck disable=SC2034,SC2030,SC2031,SC2016 # variables of lib.bash; each test is a process of its own

load lib

setup() {
	obit_setup
	copy_victim service
	copy_victim wrap
}

teardown() {
	obit_teardown
}

start_obitd_for_service() {
	start_obitd "$(watch_text web "$T/service" "backoff_initial = 10ms" "$@")"
}

# ---- into the background ----

# back_from_the_background OPTION...: the survivor is main, one instance, and comes back the same way.
back_from_the_background() {
	start_obitd_for_service
	start_service --lock "$T/lock" "$@"
	wait_events up 1
	retry_until 10 main_pid_is web "$(service_pid)"
	kill -KILL "$(service_pid)"
	wait_events up 2
	retry_until 10 main_pid_is web "$(service_pid)"
	state_is web up
	expect_same_start 1 2
	expect_no_conflict
	[ "$(event_count start)" = 2 ]
	[ "$(ls_field web '.instances | length')" = 1 ]
	restarts_are web 1
}

@test "into the background by a fork and setsid(2)" {
	back_from_the_background --daemonize=once
}

@test "into the background by daemon(3)" {
	back_from_the_background --daemonize=libc
}

@test "into the background by a fork alone" {
	back_from_the_background --daemonize=orphan
}

@test "into the background, while each parent waits for a while" {
	back_from_the_background --daemonize=double --linger-ms 200
}

@test "what fails in the background before its parent has left is a failed start" {
	touch "$T/broken"
	start_obitd_for_service
	start_service --daemonize=once --linger-ms 200 --fail-late "$T/broken"
	retry_until 10 log_has 'which it had sent into the background, exited 5: respawn'
	rm "$T/broken"
	wait_events up 1
	retry_until 10 main_pid_is web "$(service_pid)"
	state_is web up
}

@test "a parent that is killed before it has left takes its child along, and both come back" {
	start_obitd_for_service
	start_service --daemonize=once --linger-ms 60000 --lock "$T/lock"
	wait_events up 1
	wait_state web up
	local parent child
	parent=$(event start 1 .pid)
	child=$(service_pid)
	main_pid_is web "$parent"
	kill -KILL "$parent"
	wait_events up 2
	is_dead "$child"
	expect_no_conflict
	retry_until 5 main_pid_is web "$(event start 2 .pid)"
	[ "$(event_count start)" = 2 ]
}

@test "what executes something else and comes back is the same main process" {
	start_obitd_for_service
	start_service --detour
	wait_events up 1
	[ "$(event_count start)" = 2 ]
	retry_until 10 main_pid_is web "$(service_pid)"
	[ "$(ls_field web '.instances | length')" = 1 ]
	kill -KILL "$(service_pid)"
	wait_events up 2
	expect_same_start 1 3
	expect_same_start 2 4
	retry_until 10 main_pid_is web "$(service_pid)"
	restarts_are web 1
}

# ---- started oddly ----

@test "argc = 0" {
	start_obitd_for_service
	SERVICE_ENV+=("SERVICE_STATE=$T/service.state")
	start_program "$T/wrap" no-argv "$T/service"
	wait_events up 1
	wait_state web up
	kill -KILL "$(service_pid)"
	wait_events up 2
	expect_same_start 1 2
}

@test "100 KiB of argv" {
	start_obitd_for_service
	start_watched_service web "$(head -c 102400 /dev/zero | tr '\0' x)" "" last
	kill -KILL "$(service_pid)"
	wait_events up 2
	expect_same_start 1 2
	[ "$(event start 2 '.argv[-3] | length')" = 102400 ]
}

@test "a directory that is gone: back all the same, and the log and the obituary say so" {
	mkdir "$T/gone"
	SERVICE_CWD=$T/gone
	SERVICE_WRAP=(bash -c 'rmdir "$PWD"; exec "$@"' --)
	start_obitd_for_service
	start_watched_service web
	kill -KILL "$(service_pid)"
	wait_events up 2
	[ "$(event start 2 .cwd)" = / ]
	retry_until 5 log_has "cannot enter the working directory"
	retry_until 5 outcome_is 'respawn: respawned, but cannot enter the working directory: No such file or directory'
	obit why web >&3
	[[ "$(obit why web)" == *"Respawned, but cannot enter the working directory: No such file or"* ]]
}

@test "a binary that was replaced before obitd came: the new one is started" {
	start_service
	wait_events up 1
	copy_victim service new
	mv "$T/new" "$T/service"
	start_obitd_for_service
	wait_state web up
	main_pid_is web "$(service_pid)"
	kill -KILL "$(service_pid)"
	wait_events up 2
	expect_same_start 1 2
}

@test "a binary that somebody still writes is waited for, without counting" {
	start_obitd_for_service "start_limit_burst = 2" "start_limit_interval = 1min" "backoff_max = 40ms"
	start_watched_service web
	copy_victim service new
	mv "$T/new" "$T/service"
	exec {WRITER}>>"$T/service"
	refute "$T/service" 2>/dev/null
	kill -KILL "$(service_pid)"
	wait_state web waiting
	[[ "$(ls_field web .note)" == *"waits for its executable"* ]]
	[[ "$(obit why web)" == *"Waits for its executable: Text file busy"* ]]
	exec {WRITER}>&-
	wait_events up 2
	wait_state web up
	retry_until 5 outcome_is 'respawn: respawned after all'
	stop_obitd # not each time that it failed is written down
	[ "$(cat "$STATE_DIR"/*.jsonl | grep -c outcome_of)" -eq 2 ]
}

outcome_is() {
	[ "$(last_death web '.outcome | "\(.action): \(.action_detail)"')" = "$1" ]
}

@test "a respawn that fails is told, and why" {
	start_obitd_for_service "start_limit_burst = 2" "start_limit_interval = 1min" "backoff_max = 40ms"
	start_watched_service web
	chmod a-x "$T/service"
	kill -KILL "$(service_pid)"
	wait_state web buried
	retry_until 5 outcome_is \
		'bury: could not be started: Permission denied; buried: more than 2 starts in 1min 0s (start_limit_burst)'
	[[ "$(ls_field web .note)" == "could not be started: Permission denied; buried"* ]]
	[[ "$(obit why web)" == *"Could not be started: Permission denied; buried"*"obit revive web"* ]]
}

@test "a uid that no account has" {
	SERVICE_WRAP=(setpriv --reuid 61234 --regid 61235 --clear-groups)
	: >"$T/service.state"
	: >"$T/service.out"
	chmod 0666 "$T/service.state" "$T/service.out"
	refute getent passwd 61234
	start_obitd_for_service
	start_watched_service web
	kill -KILL "$(service_pid)"
	wait_events up 2
	expect_same_start 1 2
	[ "$(event start 2 .uid)" = 61234 ]
}

# ---- refused ----

# expect_refusal SENTENCE [FIELD]: it is not respawned, and told why and what would help.
expect_refusal() {
	wait_state web up
	kill -KILL "$(service_pid)"
	wait_state web ended
	[[ "$(ls_field web .note)" == *"$1"*'; command = "..." in watch web would start it' ]]
	[[ "$(last_death web "${2:-.action_detail}")" == *"$1"* ]]
	[ "$(event_count start)" = 1 ]
}

# expect_later_refusal SENTENCE: the same, where it was to be respawned until somebody had looked at its files.
expect_later_refusal() {
	expect_refusal "$1" .outcome.action_detail
	[ "$(last_death web '[.action, .outcome.action] | join(" ")')" = "respawn report" ]
	[[ "$(obit why web | tr -s '\n ' ' ')" == *"Not respawned: $1"* ]]
}

@test "refused: a setuid program" {
	chmod 4755 "$T/service"
	: >"$T/service.state"
	: >"$T/service.out"
	chmod 0666 "$T/service.state" "$T/service.out"
	start_obitd_for_service
	SERVICE_WRAP=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	start_service
	wait_events up 1
	expect_refusal "it gained privileges at exec (setuid, setgid or file capabilities)"
}

@test "refused: what root runs from a user's directory" {
	mkdir "$T/home"
	install -m 0755 "$VICTIMS/service" "$T/home/service"
	chown 12345 "$T/home"
	start_obitd "$(watch_text web "$T/home/service")"
	start_program "$T/home/service" --state "$T/service.state"
	wait_events up 1
	expect_later_refusal "it runs as root, and others than root can change $T/home (owner 12345, mode 0755)"
}

@test "refused: what root would run through a symbolic link into a user's directory" {
	mkdir -p "$T/app" "$T/home"
	install -m 0755 "$VICTIMS/service" "$T/app/service"
	start_obitd "$(watch_text web "$T/app/service")"
	start_program "$T/app/service" --state "$T/service.state"
	wait_events up 1
	wait_state web up
	# all that the path names belongs to root, but the owner of home can put another app there
	mv "$T/app" "$T/home/app"
	chown 12345 "$T/home"
	ln -s home/app "$T/app"
	expect_later_refusal "it runs as root, and others than root can change $T/home (owner 12345, mode 0755)"
}

# start_in_home [LINE...]: what root runs from a directory that is a user's by now.
start_in_home() {
	mkdir "$T/home"
	install -m 0755 "$VICTIMS/service" "$T/home/service"
	start_obitd "$(watch_text web "$T/home/service" "$@")"
	start_program "$T/home/service" --state "$T/service.state" --workers 2
	wait_events worker 2
	wait_state web up
	chown 12345 "$T/home"
}

@test "what would be refused is not stopped for a member's death, and that is said" {
	start_in_home "members = restart"
	local pid worker
	pid=$(service_pid)
	worker=$(event worker 1 .pid)
	kill -KILL "$worker"
	retry_until 10 has_died "$worker"
	[[ "$(last_death "$worker" '[.role, .action, .action_detail] | join(" ")')" == \
		"member report not respawned: it runs as root, and others than root can change $T/home (owner 12345, mode 0755); command = "* ]]
	state_is web up
	main_pid_is web "$pid"
	# there it is safe again, and the next death is answered
	chown 0 "$T/home"
	kill -KILL "$(event worker 2 .pid)"
	wait_events up 2
	retry_until 5 restarts_are web 1
	is_dead "$pid"
}

@test "what would be refused is not stopped by obit restart, and that is said" {
	start_in_home
	local pid
	pid=$(service_pid)
	run obit restart web
	[ "$status" = 1 ]
	[ "${lines[0]}" = "web: restarting" ]
	[[ "${lines[1]}" == "obit: web is not restarted: it runs as root, and others than root can change $T/home (owner 12345, mode 0755); command = "* ]]
	log_has "web: not restarted: it runs as root"
	state_is web up
	main_pid_is web "$pid"
	[[ "$(ls_field web .instances[0].note)" == "not restarted: "* ]]
	chown 0 "$T/home"
	obit restart web
	is_dead "$pid"
	state_is web up
	[ "$(ls_field web .instances[0].note)" = null ]
}

# command_of_others FILE: the file, which does not belong to root.
command_of_others() {
	mkdir -p "${1%/*}"
	install -m 0755 "$VICTIMS/service" "$1"
	chown 12345 "$1"
}

@test "a command that others than root can change is run as root, since it says so, and told" {
	command_of_others "$T/home/service"
	start_obitd_for_service "command = \"$T/home/service --state $T/service.state\""
	start_watched_service web
	kill -KILL "$(service_pid)"
	wait_events up 2
	log_has "watch web: command: .* others than root can change $T/home/service .owner 12345, mode 0755.; it is started"
}

@test "what others can change is run as a command where it is not run as root" {
	: >"$T/service.state"
	chmod 0666 "$T/service.state"
	command_of_others "$T/home/service"
	start_obitd_for_service "user = nobody" "command = \"$T/home/service --state $T/service.state\""
	start_watched_service web
	kill -KILL "$(service_pid)"
	wait_events up 2
	[ "$(event start 2 .uid)" = "$(id -u nobody)" ]
	refute log_has "others than root can change"
}

@test "a directory that has become a symbolic link is not entered" {
	mkdir "$T/there" "$T/else"
	SERVICE_CWD=$T/there
	start_obitd_for_service
	start_watched_service web
	rmdir "$T/there"
	ln -s else "$T/there"
	kill -KILL "$(service_pid)"
	wait_events up 2
	[ "$(event start 2 .cwd)" = / ]
	retry_until 5 log_has "cannot enter the working directory: Too many levels of symbolic links"
}

@test "refused: what is confined by a seccomp filter; command starts it" {
	start_obitd_for_service
	start_program "$T/wrap" seccomp "$T/service" --state "$T/service.state"
	wait_events up 1
	expect_refusal "it was started under a seccomp filter"
	write_conf "$(watch_text web "$T/service" "command = \"$T/wrap seccomp $T/service --state $T/service.state\"")"
	obit reload
	obit start web
	wait_events up 2
	grep -q $'^Seccomp:\t2$' "/proc/$(service_pid)/status"
	kill -KILL "$(service_pid)"
	wait_events up 3
}

@test "refused: what is in a Landlock domain, seen at its exec or found; command starts it" {
	local rc=0

	"$VICTIMS/wrap" landlock /bin/true || rc=$?
	[ "$rc" != 3 ] || skip "not here: this kernel has no Landlock"
	start_obitd_for_service
	start_program "$T/wrap" landlock "$T/service" --state "$T/service.state"
	wait_events up 1
	expect_refusal "it was started in a Landlock domain"
	start_program "$T/wrap" landlock "$T/service" --state "$T/service.state"
	wait_events up 2
	wait_state web up
	stop_obitd
	start_obitd_for_service
	wait_state web up
	[[ "$(obit show web --json | jq -r .instances[-1].recipe.refusal)" == "it was started in a Landlock domain"* ]]
}

load_profile() {
	printf 'profile %s flags=(attach_disconnected) {\n file,\n signal,\n network,\n ptrace,\n unix,\n}\n' "$1" |
		apparmor_parser "${@:2}"
}

@test "a profile of AppArmor that its starter had chosen is set again, or it does not start" {
	[ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ] || skip "not here: this kernel has no AppArmor"
	local profile=obit-test-$$
	[ -d /sys/kernel/security/apparmor ] || mount -t securityfs securityfs /sys/kernel/security
	load_profile "$profile" --skip-cache --replace
	start_obitd_for_service
	SERVICE_WRAP=(aa-exec -p "$profile" --)
	start_watched_service web
	[ "$(cat "/proc/$(service_pid)/attr/current")" = "$profile (enforce)" ]
	[ "$(obit show web --json | jq -r .instances[-1].recipe.label)" = "$profile (enforce)" ]
	kill -KILL "$(service_pid)"
	wait_events up 2
	[ "$(cat "/proc/$(service_pid)/attr/current")" = "$profile (enforce)" ]
	expect_same_start 1 2
	load_profile "$profile" --remove
	kill -KILL "$(service_pid)"
	retry_until 10 log_has "cannot set its security label"
	[ "$(event_count start)" = 2 ]
}

@test "refused: what was socket-activated" {
	start_obitd_for_service
	SERVICE_ENV+=(LISTEN_FDS=1 LISTEN_PID=1)
	start_service
	wait_events up 1
	expect_refusal "it was socket-activated (LISTEN_FDS)"
}

# some_arguments N: of 100000 bytes each.
some_arguments() {
	local long

	long=$(head -c 100000 /dev/zero | tr '\0' x)
	MANY=()
	while [ ${#MANY[@]} -lt "$1" ]; do
		MANY+=("$long")
	done
}

@test "1.8 MB of arguments come back with a larger recipe_max" {
	[ "$(ulimit -s)" = unlimited ] || [ "$(ulimit -s)" -ge 8192 ] || skip "no room for such arguments"
	start_obitd_for_service "recipe_max = 2MiB"
	some_arguments 18
	start_watched_service web "${MANY[@]}"
	[ "$(obit show web --json | jq -c '.instances[-1].recipe | [.complete, (.argv | length)]')" = '[true,21]' ]
	kill -KILL "$(service_pid)"
	wait_events up 2
	expect_same_start 1 2
}

@test "a larger recipe_max holds from a reload on, and is said to need a larger ring" {
	start_obitd_for_service
	some_arguments 4
	start_watched_service web "${MANY[@]}"
	kill "$(service_pid)"
	wait_state web ended
	[ "$(obit show web --json | jq .instances[-1].recipe.complete)" = false ]
	write_conf "$(watch_text web "$T/service" "recipe_max = 512KiB")"
	obit reload
	retry_until 5 log_has "recipe_max asks for a ring of 2048 KiB, and the one in the pin directory has 1024 KiB"
	start_watched_service web "${MANY[@]}"
	kill -KILL "$(service_pid)"
	wait_events up 3
	expect_same_start 2 -1
}

@test "refused: more arguments than a recipe holds" {
	start_obitd_for_service
	local long
	long=$(head -c 100000 /dev/zero | tr '\0' x)
	start_service "$long" "$long" "$long"
	wait_events up 1
	wait_state web up
	kill -KILL "$(service_pid)"
	wait_state web ended
	[[ "$(ls_field web .note)" == *"its recipe lacks the end of argv (294 KiB, above recipe_max); command = \"$T/service ...\" in watch web would start it" ]]
	[ "$(event_count start)" = 1 ]
}

# ---- posing ----

@test "a user's chroot does not pose as the watched path" {
	local user=(setpriv --reuid 12345 --regid 12345 --clear-groups --)
	"${user[@]}" unshare -Ur true 2>/dev/null || skip "unprivileged user namespaces are off"
	copy_victim victim
	mkdir -p "$T/jail$T"
	cp "$T/victim" "$T/jail$T/victim"
	ldd "$T/victim" | grep -oE '/[^ ]+' | sort -u | while read -r library; do
		mkdir -p "$T/jail$(dirname "$library")"
		cp -L "$library" "$T/jail$library"
	done
	chown -R 12345 "$T/jail"
	start_obitd "$(watch_text web "$T/victim" "uid = any" "restart = no")"
	"${user[@]}" unshare -Ur chroot "$T/jail" "$T/victim" exit 3 || [ $? = 3 ]
	# the same program, by its real path, is seen: so the poser would have been told before
	"$T/victim" exit 4 || true
	retry_until 5 deaths_are web 1
	[ "$(ls_field web .last_death.exit_status)" = 4 ]
}
