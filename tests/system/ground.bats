#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The ground under obitd: file systems that are not mounted or hide things, cgroups and pids that come and go, clients
# that behave badly; and what its helper processes could still do, should one of them turn.
# shellcheck disable=SC2034,SC2030,SC2031 # variables of lib.bash; each test is a process of its own
# shellcheck disable=SC2016 # what stands in single quotes is for a shell of its own

load lib

setup() {
	obit_setup
	copy_victim service
	copy_victim victim
}

teardown() {
	obit_teardown
}

# in_mounts COMMANDS: obitd begins in a mount namespace of its own, where they are run first.
in_mounts() {
	printf '#!/bin/sh\nset -e\nmount --make-rprivate /\n%s\nexec "$@"\n' "$1" >"$T/in-mounts"
	chmod 0755 "$T/in-mounts"
	IN_MOUNTS=(unshare -m "$T/in-mounts")
}

expect_respawn() {
	local ups
	ups=$(event_count up)
	kill -KILL "$(service_pid)"
	wait_events up $((ups + 1))
	retry_until 5 state_is web up
}

# PID 1's mount namespace, as obitd's scan has seen it; 0 where the kernel did not show PID 1 to it.
seen_init() {
	local program map

	# shellcheck disable=SC2016 # where obitd sees its pins
	program=$(nsenter -m -t "$OBITD_PID" sh -c 'bpftool -j link show pinned "$(ls -d "$1"/link_obit_exec* | head -n 1)"' \
		- "$PIN_DIR" | jq .prog_id)
	for map in $(bpftool -j prog show id "$program" | jq '.map_ids[]'); do
		if bpftool map show id "$map" | grep -q 'obit_bpf.bss'; then
			bpftool -j map dump id "$map" |
				jq '.[0].formatted.value[".bss"][].init_namespaces | select(.) | .[0]'
		fi
	done
}

# It is not respawned: what obitd starts would be in obitd's mount namespace, and was not. The log says so beforehand.
expect_told() {
	kill -KILL "$(service_pid)"
	retry_until 5 deaths_are web 1
	[[ "$(ls_field web .note)$(ls_field web .last_death.action_detail)" == *"another mount namespace than obitd"* ]]
	[ "$(seen_init)" = 0 ] || log_has "obitd is in a mount namespace of its own"
}

@test "a bpf file system that is not mounted is mounted" {
	in_mounts 'umount -l /sys/fs/bpf
! grep -q " /sys/fs/bpf bpf " /proc/self/mounts'
	start_obitd "$(watch_text web "$T/service")" "${IN_MOUNTS[@]}"
	grep -q " /sys/fs/bpf bpf " "/proc/$OBITD_PID/mounts"
	start_watched_service web
	expect_told
}

@test "/proc with hidepid hides nothing from obitd" {
	in_mounts 'mount -t proc -o hidepid=2 proc /proc'
	start_service
	wait_events up 1
	start_obitd "$(watch_text web "$T/service" "restart = always")" "${IN_MOUNTS[@]}"
	grep -q 'hidepid=' "/proc/$OBITD_PID/mounts"
	wait_state web up
	[ "$(ls_field web .pid)" = "$(service_pid)" ]
	expect_told
}

@test "a cgroup that is removed between death and respawn: back in the root, and log and obituary say so" {
	make_cgroup gone
	start_obitd "$(watch_text web "$T/service")"
	SERVICE_WRAP=(sh -c "echo \$\$ >$CGROUP/cgroup.procs; exec \"\$@\"" sh)
	start_watched_service web
	obit pause web
	kill -KILL "$(service_pid)"
	retry_until 5 deaths_are web 1
	retry_until 5 rmdir "$CGROUP"
	obit resume web
	wait_events up 2
	wait_state web up
	retry_until 5 log_has "respawned as pid [0-9]*; the cgroup .*/gone is gone .No such file or directory., so it is in the root"
	[[ "$(last_death web .outcome.action_detail)" == "respawned, but the cgroup "* ]]
	refute grep -q "$CGROUP_PATH" "/proc/$(service_pid)/cgroup"
}

# With clone3(2) a process can have the pid that it wants, if that is free.
@test "a pid that comes again is another process" {
	start_obitd "$(watch_text victims "$T/victim" "restart = no")"
	"$T/victim" exit 3 3>&- &
	local pid=$!
	wait "$pid" || true
	retry_until 5 deaths_are victims 1
	RC=0
	"$VICTIMS/wrap" as-pid "$pid" "$T/victim" exit 4 || RC=$?
	[ "$RC" != 1 ] || skip "not here: no pid can be chosen, or it was taken meanwhile"
	[ "$RC" = 4 ]
	retry_until 5 deaths_are victims 2
	[ "$(obit why "$pid" -n 9 --json | jq -c 'map(.exit_status)')" = '[4,3]' ]
	[ "$(obit why "$pid" -n 9 --json | jq 'map(.process_key) | unique | length')" = 2 ]
}

runs_as() {
	[ "$(readlink "/proc/$1/exe")" = "$2" ]
}

@test "a pid that comes again as somebody else is not signalled" {
	start_obitd "$(watch_text web "$T/service" "restart = no")"
	start_watched_service web
	local pid
	pid=$(service_pid)
	kill -KILL "$pid"
	retry_until 5 deaths_are web 1
	copy_victim victim stranger
	"$VICTIMS/wrap" as-pid "$pid" "$T/stranger" pause 3>&- &
	STARTED+=($!)
	retry_until 2 runs_as "$pid" "$T/stranger" || skip "not here: no pid can be chosen, or it was taken meanwhile"
	obit kill web || true
	obit stop web || true
	is_alive "$pid"
}

# ---- clients ----

knock() {
	timeout 60 "$VICTIMS/knock" "$SOCKET"
}

resident_kib() {
	awk '/^VmRSS/ { print $2 }' "/proc/$OBITD_PID/status"
}

@test "a line of 64 MiB is refused at its first bytes, and costs no memory" {
	local before
	start_obitd "$(watch_text web "$T/service")"
	obit ls >/dev/null
	before=$(resident_kib)
	head -c 64M /dev/zero | tr '\0' x | knock >"$T/reply" || true
	jq -e '.ok == false and (.error | test("too long"))' "$T/reply"
	[ $(($(resident_kib) - before)) -lt 8192 ]
	[ "$(obit stats --json | jq .daemon.clients)" -le 1 ] || obit stats --json | jq .daemon
}

@test "the group obit may read and not act, whoever else a request says that it is from" {
	local members
	sed '/^obit:/d' /etc/group >"$T/group"
	echo 'obit:x:45678:' >>"$T/group"
	in_mounts "mount --bind $T/group /etc/group"
	start_obitd "$(watch_text web "$T/service")" "${IN_MOUNTS[@]}"
	start_watched_service web
	install -m 0755 "$VICTIMS/knock" "$T/knock"
	members="setpriv --reuid 12345 --regid 12345 --groups 45678"
	echo '{"command":"status","name":"web"}' | $members "$T/knock" "$SOCKET" | jq -e .ok
	echo '{"command":"stop","name":"web","uid":0,"pid":1}' | $members "$T/knock" "$SOCKET" >"$T/reply"
	jq -e '.ok == false and (.error | test("only root may stop"))' "$T/reply"
	state_is web up
	# and who is not of the group does not even come in
	RC=0
	echo '{"command":"ls"}' | setpriv --reuid 12345 --regid 12345 --clear-groups "$T/knock" "$SOCKET" >"$T/reply" || RC=$?
	[ ! -s "$T/reply" ]
}

@test "without a descriptor to be had obitd lives, says so, and brings back what died when there is one" {
	start_obitd "$(watch_text web "$T/service" "backoff_initial = 50ms" "backoff_factor = 1")"
	start_watched_service web
	prlimit --pid "$OBITD_PID" --nofile=3:1024
	kill -KILL "$(service_pid)"
	retry_until 5 log_has "Too many open files"
	is_alive "$OBITD_PID"
	prlimit --pid "$OBITD_PID" --nofile=1024:1024
	wait_events up 2
	wait_state web up
	deaths_are web 1
	expect_respawn
}

# ---- helper processes ----

status_of() {
	awk -v key="$2:" '$1 == key { print $2 }' "/proc/$1/status"
}

is_filtered() {
	[ "$(status_of "$1" Seccomp)" = 2 ]
}

@test "helpers that only write can do little else, and nothing of that comes upon what is respawned" {
	local helper
	start_obitd "watchdog {
	device = \"$T/no-watchdog\"
}
$(watch_text web "$T/service" "critical = yes")"
	start_watched_service web
	[ "$(pgrep -c -P "$OBITD_PID" 'obitd-(history|scribe)')" = 2 ]
	for helper in $(pgrep -P "$OBITD_PID" 'obitd-(history|scribe)'); do
		retry_until 5 is_filtered "$helper"
		[ "$(status_of "$helper" NoNewPrivs)" = 1 ]
		[ "$((0x$(status_of "$helper" CapEff) & ~0x3))" = 0 ] # CAP_CHOWN, CAP_DAC_OVERRIDE
		[ "$(status_of "$helper" CapPrm)" = "$(status_of "$helper" CapEff)" ]
	done
	expect_respawn
	for key in CapEff CapPrm CapBnd CapInh CapAmb NoNewPrivs Seccomp; do
		[ "$(status_of "$(service_pid)" "$key")" = "$(status_of $$ "$key")" ]
	done
	# and they still do their work
	retry_until 5 grep -q '"watch":"web"' "$STATE_DIR/deaths.jsonl"
}
