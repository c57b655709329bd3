#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The wait status that obit tells is the one that the parent was given: for every death, once.
# shellcheck disable=SC2034,SC2030,SC2031 # variables of lib.bash; each test is a process of its own

load lib

setup() {
	obit_setup
	copy_victim victim
	copy_victim truth
}

teardown() {
	obit_teardown
}

# "PID STATUS" of all that was told, the sentinels (exit 77, which is 19712) taken out, sorted.
told() {
	jq -r 'select(.wait_status != 19712) | "\(.pid) \(.wait_status)"' "$T/tail" | sort
}

# compare REAL: every line of REAL (of truth) has one obituary with that status, and no other has any.
compare() {
	grep -vE '^[0-9]+ 19712 exit 77$' "$1" | cut -d' ' -f1,2 | sort >"$T/real"
	told >"$T/told"
	[ -s "$T/real" ]
	diff "$T/real" "$T/told" >"$T/diff" || {
		echo "< as the parent was told, > as obit tells (PID STATUS):"
		head -n 40 "$T/diff"
		return 1
	}
}

# A victim that did not die as asked would make the comparison worth nothing.
victims_died_as_asked() {
	refute grep -E '^[0-9]+ (32000|32256) ' <(grep -vE ' exit 12[56]$' "$1")
}

is_all_told() {
	compare "$T/deaths" >/dev/null
}

# expect_all_told RACES
expect_all_told() {
	start_obitd "$(watch_text victims "$T/victim" "restart = no" "uid = any")"
	follow
	"$T/truth" --races "$1" "$T/victim" >"$T/deaths"
	[ "$(wc -l <"$T/deaths")" -gt $((400 + $1)) ]
	victims_died_as_asked "$T/deaths"
	sentinel 2
	is_alive "$TAIL_PID"
	# Tasks are freed by each processor in its own time: the sentinel's maybe before those of others.
	[ "${OBIT_PREEMPTED:-}" != always ] || retry_until 30 is_all_told || true
	compare "$T/deaths"
}

@test "every exit code, every signal, every thread shape: the wait status, once per process" {
	expect_all_told 300
}

# has_kernel MAJOR MINOR: this one, or a newer one.
has_kernel() {
	local major minor

	IFS=. read -r major minor _ < <(uname -r)
	((major > $1 || (major == $1 && ${minor%%[!0-9]*} >= $2)))
}

@test "the same by the programs for a kernel that preempts them" {
	has_kernel 6 15 || skip "this kernel does not take them"
	export OBIT_PREEMPTED=yes
	OBITD=$BUILD/obitd-halt expect_all_told 300
	[ -e "$PIN_DIR/link_obit_exit_third" ]
}

@test "the same where none of these is run for a death: when the process is reaped" {
	has_kernel 6 15 || skip "this kernel does not take them"
	export OBIT_PREEMPTED=always
	OBITD=$BUILD/obitd-halt expect_all_told 300
	[ -z "$(compgen -G "$PIN_DIR/link_obit_exit*")" ]
	[ -e "$PIN_DIR/link_obit_free" ]
}

@test "how, exit_status, signal and core_dumped agree with the wait status" {
	start_obitd "$(watch_text victims "$T/victim" "restart = no" "uid = any")"
	follow
	"$T/truth" --races 0 "$T/victim" >"$T/deaths"
	sentinel 2
	jq -e -s 'length > 400 and all(
		if .wait_status % 128 == 0 then
			.how == "exited" and .exit_status == (.wait_status / 256 | floor)
			and (.signal // null) == null and .core_dumped == false
		elif .wait_status >= 128 then
			.how == "dumped" and .core_dumped and (.signal | type) == "string"
			and (has("exit_status") | not)
		else
			.how == "killed" and (.core_dumped | not) and (.signal | type) == "string"
			and (has("exit_status") | not)
		end)' "$T/tail"
}

@test "the signal is called by its name" {
	start_obitd "$(watch_text victims "$T/victim" "restart = no" "uid = any")"
	local name number pid
	while read -r name number; do
		"$T/victim" signal "$number" 2>/dev/null &
		pid=$!
		wait "$pid" 2>/dev/null || true
		retry_until 5 has_died "$pid"
		[ "$(last_death "$pid" .signal)" = "$name" ] || {
			echo "signal $number is told as $(last_death "$pid" .signal), not $name"
			return 1
		}
	done <<-END
		SIGHUP 1
		SIGKILL 9
		SIGUSR1 10
		SIGSEGV 11
		SIGTERM 15
		SIGSYS 31
		SIGRTMIN 34
		SIGRTMIN+7 41
	END
}

# The wait status without the bit of a core dump, as the shell's "$?" has it.
as_shell() {
	echo $(($1 % 128 ? 128 + $1 % 128 : $1 / 256))
}

# What the kernel tells the parent: before 6.0 the leader's status, where that ended before the last thread.
@test "obit why PID tells the status of each thread shape" {
	start_obitd "$(watch_text victims "$T/victim" "restart = no" "uid = any")"
	local mode pid status told
	for mode in leader-group thread-group leader-then-thread leader-then-group thread-exec thread-segv leader-then-segv; do
		"$T/victim" "$mode" &
		pid=$! status=0
		wait "$pid" 2>/dev/null || status=$?
		retry_until 5 has_died "$pid"
		told=$(last_death "$pid" .wait_status)
		[ "$(as_shell "$told")" = "$status" ] || {
			echo "$mode: $told, where the shell's \$? is $status"
			return 1
		}
	done
}

# burst: 400 deaths, each with its status, while the daemon does not run; "PID STATUS" into $T/deaths.
burst() {
	local i pid

	kill -STOP "$OBITD_PID"
	for i in {1..400}; do
		"$T/victim" exit $((i % 77)) &
		pid=$!
		wait "$pid" || true
		echo "$pid $((i % 77 * 256))" >>"$T/deaths"
	done
	kill -CONT "$OBITD_PID"
}

@test "a burst of deaths while nobody reads: every one is told afterwards, with its status" {
	start_obitd "$(watch_text victims "$T/victim" "restart = no" "uid = any")"
	follow
	burst
	sentinel 2
	compare "$T/deaths"
}

@test "a burst of deaths while nobody reads: every one counts for its watch, and none was untracked" {
	start_obitd "$(watch_text victims "$T/victim" "restart = no" "uid = any")"
	burst
	retry_until 20 deaths_are victims 400
	[ "$(obit stats --json | jq .losses.untracked)" = 0 ]
}
