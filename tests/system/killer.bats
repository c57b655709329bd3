#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Why it ended, who did it, who had asked for it, and where it faulted: tests/victims/killer makes each
# death and knows the truth; here it is held against what obit tells.

load lib
load killer

setup() {
	killer_setup
}

teardown() {
	obit_teardown
}

@test "a signal of another process: its sender, however it was sent, and whatever it claims to be" {
	expect_truth 26 sent
}

@test "several signals: the one that ended it, and the last polite request" {
	expect_truth 14 several
}

@test "two senders at once: the one whose signal it was" {
	# shellcheck disable=SC2046 # a list of words
	expect_truth 60 $(yes race | head -n 60)
}

@test "what it did itself: exits, abort, raise" {
	expect_truth 11 itself
}

@test "what the kernel did: pipes, limits, input" {
	expect_truth 7 kernel
}

# A timer interrupts whoever runs, and its signal is seen in the context of that one. Where a kernel runs no
# programs in the context of a process (as one has been seen to do with its PID 1), now and then one timer is
# nobody's: then the cause is unknown, which is no lie. But not three times in a row.
timers_are_told() {
	local try others

	for try in 1 2 3; do
		expect_truth 6 timer && return 0
		[ -e "$T/differences" ] || return 1
		others=$(grep -v ': cause is "timer", told as "unknown"$' "$T/differences" || true)
		echo "try $try: $others"
		[ -z "$others" ] || return 1
	done
	return 1
}

@test "timers of every kind" {
	timers_are_told
}

@test "faults: their code, its name, and the address" {
	expect_truth 6 fault
}

@test "system calls that seccomp forbids" {
	expect_truth 4 seccomp
}

@test "the terminal: its keys, its end, the end of its session" {
	expect_truth 4 terminal
}

@test "the end of its parent, where it had asked to be told by a signal" {
	expect_truth 4 parent
}

orphans_are_ready() {
	[ "$(grep -c ^ready "$T/ready")" = 30 ]
}

@test "a parent of many: each of its children is told by what it died" {
	local parent
	# shellcheck disable=SC2016 # the inner shell expands
	bash -c 'for i in {1..30}; do "$0" parent-signal USR1 ready pause 3>>"$1" & done; wait' \
		"$T/mortal" "$T/ready" 3>&- &
	parent=$!
	retry_until 10 orphans_are_ready
	kill -KILL "$parent"
	wait "$parent" || true
	sentinel 2
	[ "$(jq -s --argjson parent "$parent" 'map(select(.watch == "mortal" and .cause == "parent"
		and .killer.pid == $parent)) | length' "$T/tail")" = 30 ]
}

@test "pid namespaces: everybody is named by the host's pids" {
	expect_truth 4 namespace
}

@test "cgroup.kill: whoever wrote to it" {
	make_cgroup victims
	[ -e "$CGROUP/cgroup.kill" ] || skip "this kernel has no cgroup.kill"
	CGROUP=$CGROUP expect_truth 1 cgroup
}

@test "the same of deaths while nobody reads, when every sender is long gone" {
	kill -STOP "$OBITD_PID"
	"$T/killer" sent several itself seccomp fault parent namespace >"$T/truth" 3>&-
	rm "$T/sender"
	kill -CONT "$OBITD_PID"
	sentinel 2
	compare 60
}

@test "a sender is told by the path that it had, though the file is gone" {
	"$T/mortal" pause 3>&- &
	local pid=$!
	retry_until 5 state_is mortal up
	cp "$T/sender" "$T/gone"
	"$T/gone" kill 15 "$pid" & # it may still run when its file is gone, or not: the name is the same
	wait "$!"
	rm "$T/gone"
	retry_until 5 has_died "$pid"
	[[ "$(last_death "$pid" .killer.path)" == "$T/gone"* ]]
}

@test "what obit stop did: the killer is obitd" {
	start_program "$T/mortal" ignore TERM pause
	wait_state mortal up
	local pid
	pid=$(ls_field mortal .pid)
	printf '%s\n' "$(watch_text mortal "$T/mortal" "restart = no" "kill_timeout = 200ms")" >"$CONF"
	obit reload
	obit stop mortal
	retry_until 5 has_died "$pid"
	[ "$(last_death "$pid" .cause)" = process ]
	[ "$(last_death "$pid" .signal)" = SIGKILL ]
	[ "$(last_death "$pid" .killer.pid)" = "$OBITD_PID" ]
	[ "$(last_death "$pid" .killer.comm)" = obitd ]
	[ "$(last_death "$pid" .asked_by)" = null ] # its SIGTERM was ignored
}

@test "truths that differ are found" {
	expect_truth 11 itself
	local change
	for change in '.killer.pid += 1' '.killer.uid = 5' '.cause = "unknown"' '.fault = {code: 1}' \
		'.asked_by = .killer' '.wait_status += 1' '.ns_pid = 3' '.pid += 100000'; do
		jq -c "select(.case == \"abort\") | $change" "$T/truth" >"$T/lies"
		cp "$T/lies" "$T/truth.lies"
		jq -n -r --slurpfile truth "$T/lies" --slurpfile told "$T/tail" "$DIFFERENCES" >"$T/differences"
		echo "$change: $(cat "$T/differences")"
		[ -s "$T/differences" ]
	done
}
