#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Out of memory: that it was, whose limit it was, and what is none.

load lib

MIB=1048576

setup() {
	obit_setup
	find_memory_controller
	copy_victim victim
	copy_victim mortal
	copy_victim sender
	start_obitd "$(watch_text mortal "$T/mortal" "restart = no")"
}

teardown() {
	obit_teardown
}

# Sets MEMORY (where its hierarchy is mounted) and LIMIT (the file of a limit).
find_memory_controller() {
	MEMORY=$(awk '$3 == "cgroup" && $4 ~ /(^|,)memory(,|$)/ { print $2; exit }' /proc/mounts)
	LIMIT=memory.limit_in_bytes
	if [ -z "$MEMORY" ]; then
		MEMORY=$(cgroup2_mount)
		LIMIT=memory.max
		grep -qw memory "$MEMORY/cgroup.controllers" || skip "no memory controller"
		echo +memory >"$MEMORY/cgroup.subtree_control"
	fi
}

# memory_cgroup NAME BYTES: sets CGROUP (its directory) and CGROUP_PATH; BYTES may be "" for no limit.
# Of a nested one the outer must be made first.
memory_cgroup() {
	local parent

	CGROUP_PATH=/obit-test-$$-$BATS_TEST_NUMBER/$1
	CGROUP=$MEMORY$CGROUP_PATH
	mkdir -p "$CGROUP" || skip "cannot make a cgroup of memory"
	MADE_CGROUPS=("$CGROUP" "${MADE_CGROUPS[@]}")
	if [ "$LIMIT" = memory.max ]; then
		for parent in "$(dirname "$(dirname "$CGROUP")")" "$(dirname "$CGROUP")"; do
			echo +memory >"$parent/cgroup.subtree_control"
		done
		! [ -e "$CGROUP/memory.swap.max" ] || echo 0 >"$CGROUP/memory.swap.max"
	fi
	[ -z "$2" ] || echo "$2" >"$CGROUP/$LIMIT"
	[ -z "$2" ] || ! [ -e "$CGROUP/memory.memsw.limit_in_bytes" ] ||
		echo "$2" >"$CGROUP/memory.memsw.limit_in_bytes"
}

# In CGROUP, in the background; $! is its pid. Its "ready" goes into $T/ready.
start_mortal() {
	(
		echo "$BASHPID" >"$CGROUP/cgroup.procs"
		exec "$T/mortal" "$@"
	) 3>>"$T/ready" &
	STARTED+=($!)
}

has_said_ready() {
	grep -q "^ready $1 " "$T/ready"
}

# Starts it and waits for its end.
kill_mortal() {
	start_mortal "$@"
	PID=$!
	wait "$PID" || true
}

# Linux with cgroup v1's memory code compiled out does not tell whose limit it was.
limits_are_told() {
	"$OBITD" --probe --pin-dir "$PIN_DIR" >"$T/probe"
	! grep -q "^  no   tells whose memory limit was reached" "$T/probe"
}

# is_oom PID CGROUP_PATH LIMIT: its death is told as that cgroup's lack of memory.
is_oom() {
	local told=true

	retry_until 5 has_died "$1"
	limits_are_told || told=false
	obit why "$1" --json | tee "$T/why" | jq -e --arg cgroup "$2" --argjson limit "$3" --argjson told $told \
		'.[0] | .wait_status == 9 and .oom and .cause == "oom" and .killer == null
		and if $told | not then .oom_cause == null else .oom_cause.scope == "cgroup" and .oom_cause.cgroup == $cgroup
		and .oom_cause.limit_bytes == $limit
		and .oom_cause.usage_bytes > $limit - 2097152 and .oom_cause.usage_bytes <= $limit end' || {
		jq '.[0] | {wait_status, oom, cause, killer, asked_by, oom_cause}' "$T/why"
		return 1
	}
}

# is_no_oom PID CAUSE
is_no_oom() {
	retry_until 5 has_died "$1"
	obit why "$1" --json | tee "$T/why" | jq -e --arg cause "$2" \
		'.[0] | .oom == false and .cause == $cause and has("oom_cause") and .oom_cause == null' || {
		jq '.[0] | {wait_status, oom, cause, oom_cause}' "$T/why"
		return 1
	}
}

@test "more than its cgroup may have: the cgroup, its limit and what was used" {
	memory_cgroup small $((32 * MIB))
	kill_mortal hog 64
	is_oom "$PID" "$CGROUP_PATH" $((32 * MIB))
}

@test "a victim of many threads" {
	memory_cgroup small $((32 * MIB))
	kill_mortal hog-threads 4 32
	is_oom "$PID" "$CGROUP_PATH" $((32 * MIB))
}

@test "the limit of a cgroup further up is told, with its path" {
	memory_cgroup outer $((32 * MIB))
	local outer=$CGROUP_PATH
	memory_cgroup outer/inner $((512 * MIB))
	kill_mortal hog 64
	is_oom "$PID" "$outer" $((32 * MIB))
}

# Now and then the kernel kills the hungry one, too: it has not seen yet that the first is gone.
@test "one that dies for its neighbour's hunger, and what happens there later is none" {
	memory_cgroup shared $((48 * MIB))
	start_mortal hog 30 ready pause
	local big=$! asked killed
	retry_until 5 has_said_ready "$big"
	start_mortal hog 24 pause
	is_oom "$big" "$CGROUP_PATH" $((48 * MIB))
	start_mortal ready pause
	asked=$!
	start_mortal ready pause
	killed=$!
	retry_until 5 has_said_ready "$asked"
	retry_until 5 has_said_ready "$killed"
	kill -TERM "$asked"
	"$T/sender" kill KILL "$killed"
	is_no_oom "$asked" process
	is_no_oom "$killed" process
	[ "$(last_death "$killed" .killer.path)" = "$T/sender" ]
}

@test "a cgroup that is gone before the death is read is told all the same" {
	memory_cgroup small $((32 * MIB))
	kill -STOP "$OBITD_PID"
	kill_mortal hog 64
	retry_until 5 remove_cgroup "$CGROUP"
	kill -CONT "$OBITD_PID"
	is_oom "$PID" "$CGROUP_PATH" $((32 * MIB))
}

@test "SIGKILL in a cgroup that is full is no lack of memory" {
	memory_cgroup full $((32 * MIB))
	start_mortal hog 28 ready pause
	local pid=$!
	retry_until 5 has_said_ready "$pid"
	"$T/sender" kill KILL "$pid"
	is_no_oom "$pid" process
}

@test "a whole cgroup that is killed for lack of memory: each of it" {
	[ "$LIMIT" = memory.max ] || skip "not here: memory.oom.group is of cgroup v2"
	memory_cgroup group $((48 * MIB))
	echo 1 >"$CGROUP/memory.oom.group"
	start_mortal ready pause
	local small=$!
	retry_until 5 has_said_ready "$small"
	kill_mortal hog 64
	is_oom "$PID" "$CGROUP_PATH" $((48 * MIB))
	is_oom "$small" "$CGROUP_PATH" $((48 * MIB))
}
