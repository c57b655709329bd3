#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Whom a watch means: paths, globs, links, cgroups, arguments, and what was there before the daemon.
# shellcheck disable=SC2034,SC2030,SC2031,SC2154,SC2016 # variables of lib.bash; each test is a process of its own

load lib

setup() {
	obit_setup
}

teardown() {
	obit_teardown
}

# die PROGRAM [WORD...]: runs it to its end; PID is what it was. Its status does not matter here.
die() {
	"$@" >/dev/null 2>&1 3>&- &
	PID=$!
	wait "$PID" 2>/dev/null || true
}

# Has nobody told of PID? Asked after a later death of a watched process has been told.
expect_untold() {
	local pid=$1

	die "$T/sentinel" exit 0
	retry_until 5 has_died "$PID"
	refute has_died "$pid"
}

with_sentinel() {
	[ -e "$T/sentinel" ] || copy_victim victim sentinel
	watch_text sentinel "$T/sentinel" "restart = no"
}

@test "an exact path matches that program and no other" {
	copy_victim victim
	copy_victim victim victim2
	start_obitd "$(watch_text v "$T/victim" "restart = no"; with_sentinel)"
	die "$T/victim" exit 4
	retry_until 5 has_died "$PID"
	[ "$(last_death "$PID" .watch)" = v ]
	[ "$(last_death "$PID" .path)" = "$T/victim" ]
	[ "$(last_death "$PID" .argv[1])" = exit ]
	[ "$(last_death v .pid)" = "$PID" ]
	die "$T/victim2" exit 4
	expect_untold "$PID"
}

@test "globs: *, ?, [...] within a component, ** across components" {
	mkdir -p "$T/a/b/c" "$T/x" "$T/s" "$T/q"
	copy_victim victim a/one
	copy_victim victim a/b/c/deep
	copy_victim victim x/direct
	copy_victim victim s/star
	copy_victim victim q/v1
	copy_victim victim q/v22
	copy_victim victim q/v9
	start_obitd "$(watch_text deep "$T/a/**" "restart = no"
		watch_text star "$T/s/*" "restart = no"
		watch_text digit "$T/q/v[0-8]" "restart = no"
		watch_text two "$T/q/v2?" "restart = no"
		with_sentinel)"
	die "$T/a/b/c/deep" exit 1
	retry_until 5 has_died "$PID"
	[ "$(last_death "$PID" .watch)" = deep ]
	die "$T/a/one" exit 1
	retry_until 5 has_died "$PID"
	[ "$(last_death "$PID" .watch)" = deep ]
	die "$T/s/star" exit 1
	retry_until 5 has_died "$PID"
	[ "$(last_death "$PID" .watch)" = star ]
	die "$T/q/v1" exit 1
	retry_until 5 has_died "$PID"
	[ "$(last_death "$PID" .watch)" = digit ]
	die "$T/q/v22" exit 1
	retry_until 5 has_died "$PID"
	[ "$(last_death "$PID" .watch)" = two ]
	die "$T/x/direct" exit 1
	expect_untold "$PID"
	die "$T/q/v9" exit 1
	expect_untold "$PID"
}

@test "a single star does not cross a slash" {
	mkdir -p "$T/s/sub"
	copy_victim victim s/sub/below
	start_obitd "$(watch_text star "$T/s/*" "restart = no"; with_sentinel)"
	die "$T/s/sub/below" exit 1
	expect_untold "$PID"
}

@test "a list of paths" {
	copy_victim victim one
	copy_victim victim two
	start_obitd "watch both { path = { \"$T/one\", \"$T/two\" } restart = no }"
	die "$T/one" exit 1
	retry_until 5 has_died "$PID"
	die "$T/two" exit 2
	retry_until 5 has_died "$PID"
	deaths_are both 2
}

@test "patterns on the command line are watches with all defaults" {
	copy_victim service
	OBITD_OPTIONS+=("$T/service")
	start_obitd ""
	start_service
	wait_events up 1
	retry_until 5 state_is service up
	kill -KILL "$(service_pid)"
	wait_events up 2
}

@test "a binary that is installed after the daemon started is watched" {
	start_obitd "$(watch_text late "$T/opt/late/victim" "restart = no"
		watch_text lateglob "$T/opt2/*" "restart = no")"
	state_is late absent
	mkdir -p "$T/opt/late" "$T/opt2"
	copy_victim victim opt/late/victim
	die "$T/opt/late/victim" exit 6
	retry_until 5 has_died "$PID"
	[ "$(last_death "$PID" .exit_status)" = 6 ]
	copy_victim victim opt2/any
	die "$T/opt2/any" exit 7
	retry_until 5 has_died "$PID"
	[ "$(last_death "$PID" .watch)" = lateglob ]
}

@test "a symbolic link in the configuration means the file behind it" {
	mkdir "$T/real"
	copy_victim victim real/victim
	ln -s real/victim "$T/link"
	ln -s real "$T/dir"
	start_obitd "$(watch_text link "$T/link" "restart = no")"
	die "$T/real/victim" exit 8
	retry_until 5 has_died "$PID"
	die "$T/link" exit 9
	retry_until 5 has_died "$PID"
	[ "$(last_death "$PID" .path)" = "$T/real/victim" ]
	die "$T/dir/victim" exit 10
	retry_until 5 has_died "$PID"
	deaths_are link 3
}

@test "a link in a directory of the configured path" {
	mkdir "$T/real"
	copy_victim victim real/victim
	ln -s real "$T/dir"
	start_obitd "$(watch_text link "$T/dir/victim" "restart = no")"
	die "$T/real/victim" exit 8
	retry_until 5 has_died "$PID"
}

@test "what runs already is found at start, with its argv, and brought back" {
	copy_victim service
	start_service "before the daemon"
	wait_events up 1
	start_obitd "$(watch_text web "$T/service")"
	retry_until 5 state_is web up
	main_pid_is web "$(service_pid)"
	[ "$(ls_field web '.instances[0].adopted')" = true ]
	kill -KILL "$(service_pid)"
	wait_events up 2
	expect_same_start 1 2
}

@test "a running prefork service is found as one instance" {
	copy_victim service
	start_service --workers 4
	wait_events worker 4
	start_obitd "$(watch_text web "$T/service")"
	retry_until 5 state_is web up
	main_pid_is web "$(service_pid)"
	[ "$(ls_field web '.instances | length')" = 1 ]
	[ "$(ls_field web '.instances[0].members')" = 4 ]
}

@test "a running service that has overwritten its argv is adopted, and not respawned with nonsense" {
	copy_victim service
	start_service --title "service: master process of something else entirely"
	wait_events up 1
	start_obitd "$(watch_text web "$T/service")"
	retry_until 5 state_is web up
	kill -KILL "$(service_pid)"
	retry_until 5 has_died web
	refute state_is web up
	[ "$(event_count start)" = 1 ]
	obit why web | grep -q "command"
}

@test "args is a glob on the arguments" {
	copy_victim service
	start_obitd "$(watch_text web "$T/service" "args = \"*--title blue*\"")"
	start_service --title red
	wait_events up 1
	start_service --title blue
	wait_events up 2
	retry_until 5 state_is web up
	main_pid_is web "$(event up 2 .pid)"
	kill -KILL "$(event up 1 .pid)" "$(event up 2 .pid)"
	wait_events up 3
	[ "$(event start 3 '.argv[-1]')" = blue ]
	restarts_are web 1
	[ "$(event_count start)" = 3 ]
}

@test "argv0 tells the names of one binary apart" {
	copy_victim victim multi
	start_obitd "$(watch_text web "$T/multi" "argv0 = \"httpd\"" "restart = no"; with_sentinel)"
	die bash -c "exec -a httpd '$T/multi' exit 3"
	retry_until 5 has_died "$PID"
	[ "$(last_death "$PID" .argv[0])" = httpd ]
	die bash -c "exec -a telnetd '$T/multi' exit 3"
	expect_untold "$PID"
}

@test "uid: by default service accounts, not login users, who own nothing here" {
	copy_victim victim
	start_obitd "$(watch_text v "$T/victim" "restart = no"; with_sentinel)"
	die setpriv --reuid 4321 --clear-groups "$T/victim" exit 3
	expect_untold "$PID"
	die setpriv --reuid 65534 --clear-groups "$T/victim" exit 3
	retry_until 5 has_died "$PID"
	[ "$(last_death "$PID" .uid)" = 65534 ]
}

@test "uid = any and uid = NUMBER" {
	copy_victim victim
	copy_victim victim other
	start_obitd "$(watch_text any "$T/victim" "restart = no" "uid = any"
		watch_text one "$T/other" "restart = no" "uid = { 4321 }"
		with_sentinel)"
	die setpriv --reuid 4321 --clear-groups "$T/victim" exit 3
	retry_until 5 has_died "$PID"
	die setpriv --reuid 4321 --clear-groups "$T/other" exit 3
	retry_until 5 has_died "$PID"
	die "$T/other" exit 3
	expect_untold "$PID"
}

@test "a script matches by the path that it was started by" {
	copy_victim service
	printf '#!/bin/bash\nexec "%s" --state "%s" from-script\n' "$T/service" "$T/service.state" \
		>"$T/script"
	chmod +x "$T/script"
	start_obitd "$(watch_text script "$T/script")"
	start_program "$T/script"
	wait_events up 1
	retry_until 5 state_is script up
	main_pid_is script "$(service_pid)"
	kill -KILL "$(service_pid)"
	wait_events up 2
	expect_same_start 1 2
}

# start_script DIRECTORY NAME: it runs the service.
start_script() {
	local ups

	ups=$(event_count up)
	SERVICE_CWD=$1
	start_program "$2"
	wait_events up $((${ups:-0} + 1))
}

@test "a script matches by a relative name, and comes back by the same words" {
	copy_victim service
	mkdir -p "$T/app/bin" "$T/app/deep"
	printf '#!/bin/bash\nexec "%s" --state "%s" "$0"\n' "$T/service" "$T/service.state" >"$T/app/bin/script"
	chmod +x "$T/app/bin/script"
	start_obitd "$(watch_text script "$T/app/bin/script" "backoff_initial = 10ms")"
	local name starts=0
	for name in bin:./script app:bin/script deep:../bin/script deep:.././bin//script; do
		start_script "$T/app/$([ "${name%%:*}" = app ] && echo . || echo "${name%%:*}")" "${name#*:}"
		starts=$((starts + 2))
		retry_until 5 state_is script up
		main_pid_is script "$(service_pid)"
		[ "$(obit show script --json | jq -r '.instances[-1].recipe.script_path')" = "$T/app/bin/script" ]
		kill -KILL "$(service_pid)"
		wait_events up "$starts"
		expect_same_start -2 -1
		[ "$(event start -1 '.argv[-1]')" = "${name#*:}" ]
		kill "$(service_pid)"
		retry_until 5 state_is script ended
	done
	[ "$(ls_field script '.instances | length')" -le 4 ]
}

@test "a relative script is not looked for in another directory: its own is waited for" {
	copy_victim service
	mkdir "$T/app"
	printf '#!/bin/bash\nexec "%s" --state "%s" "$0"\n' "$T/service" "$T/service.state" >"$T/app/script"
	chmod +x "$T/app/script"
	start_obitd "$(watch_text script "$T/app/script" "backoff_initial = 10ms" "backoff_max = 50ms")"
	start_script "$T/app" ./script
	retry_until 5 state_is script up
	mv "$T/app" "$T/real"
	ln -s real "$T/app" # a link that was not there is not followed
	kill -KILL "$(service_pid)"
	retry_until 5 state_is script waiting
	retry_until 5 log_has "cannot execute: Too many levels of symbolic links"
	rm "$T/app"
	mv "$T/real" "$T/app"
	wait_events up 2
	expect_same_start 1 2
}

@test "a child that execs something else is offspring: told, and left alone" {
	copy_victim service
	copy_victim victim helper
	printf '#!/bin/bash\n"%s" pause &\nexec "%s" --state "%s"\n' "$T/helper" "$T/service" \
		"$T/service.state" >"$T/script"
	chmod +x "$T/script"
	start_obitd "$(watch_text script "$T/script")"
	start_program "$T/script"
	wait_events up 1
	retry_until 5 state_is script up
	retry_until 5 runs_once "$T/helper"
	local helper
	helper=$(pids_of "$T/helper")
	kill -KILL "$(service_pid)"
	wait_events up 2
	is_alive "$helper"
	kill -KILL "$helper"
	retry_until 5 has_died "$helper"
	[ "$(last_death "$helper" .role)" = offspring ]
}

runs_once() {
	[ "$(pids_of "$1" | wc -l)" = 1 ]
}

@test "a cgroup: what is moved there and what is born there" {
	make_cgroup "work er"
	copy_victim victim
	start_obitd "watch group { cgroup = \"$CGROUP_PATH\" restart = no }
$(with_sentinel)"
	# born inside
	die bash -c "echo \$\$ >'$CGROUP/cgroup.procs'; exec '$T/victim' exit 5"
	retry_until 5 has_died "$PID"
	[ "$(last_death "$PID" .watch)" = group ]
	[ "$(last_death "$PID" .exit_status)" = 5 ]
	[[ "$(last_death "$PID" .cgroup)" == *"$CGROUP_PATH"* ]]
	# moved there while it runs
	"$T/victim" pause 3>&- &
	PID=$!
	retry_until 5 runs_once "$T/victim"
	echo "$PID" >"$CGROUP/cgroup.procs"
	kill -KILL "$PID"
	wait "$PID" 2>/dev/null || true
	retry_until 5 has_died "$PID"
	[ "$(last_death "$PID" .signal)" = SIGKILL ]
	# elsewhere
	die "$T/victim" exit 5
	expect_untold "$PID"
}

# A shell of another watch's service, which that has nothing to do with any more.
@test "a cgroup: what is moved there of another watch's offspring, without an exec" {
	make_cgroup worker
	install -m 0755 /bin/bash "$T/master"
	install -m 0755 /bin/bash "$T/shell"
	mkfifo "$T/held"
	start_obitd "watch group { cgroup = \"$CGROUP_PATH\" restart = no }
$(watch_text cron "$T/master" "restart = no")
$(with_sentinel)"
	# shellcheck disable=SC2016 # the inner shells expand
	"$T/master" -c '"$1" -c "$2" & wait' master "$T/shell" \
		"echo \$\$ >'$T/job'; until [ -e '$T/go' ]; do sleep 0.02; done; echo \$\$ >'$CGROUP/cgroup.procs'; read _ <'$T/held'" 3>&- &
	STARTED+=($!)
	retry_until 5 test -s "$T/job"
	expect_untold "$(cat "$T/job")" # its exec has been heard of
	state_is group absent
	touch "$T/go"
	wait_state group up
	main_pid_is group "$(cat "$T/job")"
	kill -KILL "$(cat "$T/job")"
	retry_until 5 has_died "$(cat "$T/job")"
	[ "$(last_death "$(cat "$T/job")" '[.watch, .role, .signal] | join(" ")')" = "group main SIGKILL" ]
}

first_thread_ended() {
	[ "$(cut -d' ' -f3 "/proc/$1/stat")" = Z ]
}

# In cgroup v1 such a process seems to be in the root.
@test "a process whose first thread has ended is told, though /proc no longer says where it is" {
	make_cgroup headless "$(pids_mount)"
	copy_victim victim
	start_obitd "watch group { cgroup = \"$CGROUP_PATH\" restart = no }"
	"$T/victim" leader-then-pause 3>&- &
	PID=$!
	retry_until 5 first_thread_ended "$PID"
	echo "$PID" >"$CGROUP/cgroup.procs"
	obit stats >/dev/null # it is answered after what is in the ring
	kill -KILL "$PID"
	wait "$PID" 2>/dev/null || true
	retry_until 5 has_died "$PID"
	[ "$(last_death "$PID" .signal)" = SIGKILL ]
}

@test "a glob of cgroups: those that appear later too, and what is below them" {
	make_cgroup jobs
	copy_victim victim
	start_obitd "watch jobs { cgroup = \"$CGROUP_PATH/job-*\" restart = no }
$(with_sentinel)"
	local jobs=$CGROUP
	make_cgroup jobs/job-1
	make_cgroup jobs/job-1/inner
	make_cgroup jobs/other
	die bash -c "echo \$\$ >'$jobs/job-1/cgroup.procs'; exec '$T/victim' exit 5"
	retry_until 5 has_died "$PID"
	[ "$(last_death "$PID" .watch)" = jobs ]
	die bash -c "echo \$\$ >'$jobs/job-1/inner/cgroup.procs'; exec '$T/victim' exit 6"
	retry_until 5 has_died "$PID"
	[ "$(last_death "$PID" .exit_status)" = 6 ]
	die bash -c "echo \$\$ >'$jobs/other/cgroup.procs'; exec '$T/victim' exit 7"
	expect_untold "$PID"
}

@test "a cgroup that exists before the daemon, with a process in it" {
	make_cgroup early
	copy_victim victim
	bash -c "echo \$\$ >'$CGROUP/cgroup.procs'; exec '$T/victim' pause" 3>&- &
	PID=$!
	retry_until 5 runs_once "$T/victim"
	start_obitd "watch early { cgroup = \"$CGROUP_PATH\" restart = no }"
	kill -KILL "$PID"
	wait "$PID" 2>/dev/null || true
	retry_until 5 has_died "$PID"
	[ "$(last_death "$PID" .watch)" = early ]
}

# deep_directory COMPONENTS LENGTH: sets DEEP to a directory below $T with that many components, padded to
# a path of that length.
deep_directory() {
	local components=$1 length=$2 have pad i

	DEEP=$T/$(printf '%0250d' 0)/$(printf '%0200d' 1)
	have=$(tr -cd / <<<"$DEEP" | wc -c)
	for ((i = have; i < components - 2; i++)); do
		DEEP+=/d$i
	done
	pad=$((length - ${#DEEP} - 1))
	while [ "$pad" -gt 200 ]; do
		DEEP+=/$(printf '%0150d' 2)
		pad=$((length - ${#DEEP} - 1))
	done
	DEEP+=/$(printf "%0${pad}d" 3)
	mkdir -p "$DEEP"
}

@test "a path of 800 bytes" {
	local DEEP
	deep_directory 6 793
	cp "$VICTIMS/victim" "$DEEP/victim"
	[ "$(printf %s "$DEEP/victim" | wc -c)" = 800 ]
	start_obitd "$(watch_text long "$DEEP/victim" "restart = no")"
	die "$DEEP/victim" exit 5
	retry_until 5 has_died "$PID"
	[ "$(last_death "$PID" .watch)" = long ]
	[ "$(last_death "$PID" .path)" = "$DEEP/victim" ]
}

@test "a path of 40 components, and a glob whose star is at its very end" {
	local DEEP
	deep_directory 39 793
	cp "$VICTIMS/victim" "$DEEP/victim"
	[ "$(tr -cd / <<<"$DEEP/victim" | wc -c)" -ge 39 ]
	start_obitd "$(watch_text exact "$DEEP/victim" "restart = no"
		watch_text glob "$DEEP/v?c*" "restart = no" "args = \"exit 6\"")"
	die "$DEEP/victim" exit 5
	retry_until 5 has_died "$PID"
	[ "$(last_death "$PID" .path)" = "$DEEP/victim" ]
}

@test "a chroot does not pose as another path, and what runs in one is known by its path on the host" {
	mkdir -p "$T/jail"
	copy_victim victim jail/victim
	copy_victim victim victim
	ldd "$T/victim" | grep -oE '/[^ ]+' | sort -u | while read -r library; do
		mkdir -p "$T/jail$(dirname "$library")"
		cp -L "$library" "$T/jail$library"
	done
	start_obitd "$(watch_text inside "$T/jail/victim" "restart = no"
		watch_text posed "/victim" "restart = no")"
	die chroot "$T/jail" /victim exit 5
	retry_until 5 has_died "$PID"
	[ "$(last_death "$PID" .watch)" = inside ]
	[ "$(last_death "$PID" .path)" = "$T/jail/victim" ]
}

@test "a process of a user-made mount namespace is not the host's" {
	unshare --user --map-root-user --mount true 2>/dev/null || skip "no user namespaces here"
	copy_victim victim
	start_obitd "$(watch_text v "$T/victim" "restart = no"; with_sentinel)"
	die unshare --user --map-root-user --mount "$T/victim" exit 5
	expect_untold "$PID"
}
