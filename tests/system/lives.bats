#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What /proc says of a life and of the next one, field by field; and what stands in the way of a next one.
# shellcheck disable=SC2034,SC2030,SC2031 # variables of lib.bash; each test is a process of its own

load lib

setup() {
	obit_setup
	copy_victim service
	: >"$T/service.state"
	chmod 0666 "$T/service.state"
	: >"$T/service.out"
	chmod 0666 "$T/service.out"
}

teardown() {
	obit_teardown
}

# All but what belongs to one life (pids, times, memory, counters).
describe_life() {
	local p=/proc/$1 file

	grep -vE '^(Tgid|Ngid|Pid|PPid|NStgid|NSpid|NSpgid|NSsid|Vm|Rss|Hugetlb|.*ctxt_switches|SigQ|State|FDSize|Name)' "$p/status"
	for file in limits cgroup oom_score_adj timerslack_ns personality loginuid coredump_filter; do
		[ ! -r "$p/$file" ] || sed "s/^/$file: /; \$a\\" "$p/$file"
	done
	tr '\0' '\n' <"$p/environ" | sed 's/^/environ: /'
	tr '\0' '\n' <"$p/cmdline" | sed 's/^/cmdline: /'
	# priority, nice, tty, exit signal, real-time priority, policy; leader of its session
	sed 's/.*) //' "$p/stat" | awk -v pid="$1" '{ print "stat:", $16, $17, $5, $36, $38, $39, $4 == pid }'
	echo "ionice: $(ionice -p "$1")"
	[ ! -r "$p/autogroup" ] || sed 's/.* nice/autogroup: nice/' "$p/autogroup"
	for file in cwd root exe ns/mnt ns/net ns/ipc ns/uts ns/cgroup ns/time ns/user ns/pid; do
		echo "$file: $(readlink "$p/$file")"
	done
	for file in 0 1 2; do
		echo "fd $file: $(readlink "$p/fd/$file") $(grep flags "$p/fdinfo/$file")"
	done
}

# What other descriptors this test left to the first life is not known, and none is handed on.
has_no_other_files() {
	[ "$(find "/proc/$1/fd" -mindepth 1 | wc -l)" = 3 ]
}

# expect_same_lives [adopted]: it is there before obitd is.
expect_same_lives() {
	if [ "${1:-}" = adopted ]; then
		start_service
		wait_events up 1
	fi
	start_obitd "$(watch_text web "$T/service" "uid = any")"
	[ "${1:-}" = adopted ] || start_watched_service web
	wait_state web up
	describe_life "$(service_pid)" >"$T/first"
	kill -KILL "$(service_pid)"
	wait_events up 2
	retry_until 5 main_pid_is web "$(service_pid)"
	has_no_other_files "$(service_pid)"
	describe_life "$(service_pid)" >"$T/second"
	diff -u "$T/first" "$T/second"
	expect_same_start 1 2
}

# sh WORDS...: what a service manager, or a hand, may have set before.
habits='echo 123456 >/proc/$$/timerslack_ns
	echo 0x3 >/proc/$$/coredump_filter
	[ ! -w /proc/self/loginuid ] || echo 4711 >/proc/self/loginuid
	echo 123 >/proc/$$/oom_score_adj
	umask 0027
	ulimit -S -n 300; ulimit -H -n 400; ulimit -c 0
	exec "$@"'

@test "root's process: each field of /proc is the same in the next life" {
	SERVICE_WRAP=(sh -c "$habits" sh nice -n 5 ionice -c 2 -n 6 taskset 1 setarch -R
		env --ignore-signal=HUP --ignore-signal=USR2 --block-signal=WINCH)
	expect_same_lives
	grep -q '^SigIgn:.*801' "$T/first"
	grep -q '^SigBlk:.*8000000' "$T/first"
	grep -q '^timerslack_ns: 123456' "$T/first"
	grep -q '^personality: .*40000' "$T/first"
	grep -q '^Cpus_allowed:.*1$' "$T/first"
}

@test "root's process that ran before obitd did: each field of /proc is the same in the next life" {
	SERVICE_WRAP=(sh -c "$habits" sh nice -n 5 ionice -c 2 -n 6 taskset 1 setarch -R
		env --ignore-signal=HUP --ignore-signal=USR2 --block-signal=WINCH)
	expect_same_lives adopted
	grep -q '^timerslack_ns: 123456' "$T/first"
	grep -q '^personality: .*40000' "$T/first"
}

@test "a service account's process with a real-time policy and capabilities: each field is the same" {
	SERVICE_WRAP=(sh -c "$habits" sh chrt --fifo 3 setpriv --reuid 65534 --regid 65533 --groups "65533,12345,23456"
		--bounding-set "-all,+net_bind_service,+kill" --inh-caps "-all,+net_bind_service"
		--ambient-caps "-all,+net_bind_service" --securebits "+no_setuid_fixup" --no-new-privs)
	chrt --fifo 3 true || skip "not here: no real-time policy may be set"
	expect_same_lives
	grep -q '^CapAmb:.*0400$' "$T/first"
	[ "$(event start 1 .securebits)" = 4 ]
	grep -q '^NoNewPrivs:.*1$' "$T/first"
	grep -q '^Groups:.*12345 23456' "$T/first"
}

@test "nothing of obitd's own goes into what it starts" {
	# to end it again, the kernel walks the sanitizer's terabytes for minutes
	local merge=
	! grep -q __asan_init "$OBITD" || merge=LEAK_NO_MERGE=1
	# in a session of its own: an autogroup is the session's, and this one's is that of all tests
	start_obitd "$(watch_text web "$T/service")" setsid env --ignore-signal=HUP --block-signal=USR1 LEAK=1 $merge \
		"$VICTIMS/wrap" leak nice -n 3 choom -n 77 -- setarch -R sh -c 'umask 0777; ulimit -S -c 0; echo 7 >/proc/self/autogroup; exec "$@" 9>/dev/null' sh
	start_watched_service web
	describe_life "$(service_pid)" >"$T/first"
	kill -KILL "$(service_pid)"
	wait_events up 2
	has_no_other_files "$(service_pid)"
	describe_life "$(service_pid)" >"$T/second"
	diff -u "$T/first" "$T/second"
	expect_same_start 1 2
}

@test "what has a namespace of its own is not brought back into obitd's, unless a command says so" {
	start_obitd "$(watch_text web "$T/service")"
	local kind words
	for kind in "net network" "ipc IPC" "uts UTS" "mount mount" "cgroup cgroup"; do
		words=${kind#* }
		unshare "--${kind% *}" setsid "$T/service" --state "$T/service.state" </dev/null >/dev/null 2>&1 3>&- &
		STARTED+=($!)
		wait_state web up
		kill -KILL "$(ls_field web .pid)"
		wait_state web ended
		[[ "$(ls_field web .note)" == *"$words"*"namespace"*"command = "* ]]
	done
	obit show web | grep -q "another cgroup namespace than obitd"
	refute log_has "respawned as"
}
