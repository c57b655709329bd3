#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# obitd --probe: what this kernel can do.

load lib

setup() {
	obit_setup
}

teardown() {
	obit_teardown
}

probe() {
	status=0
	output=$("$OBITD" --probe --pin-dir "$PIN_DIR" "$@" 2>"$T/stderr") || status=$?
	[ ! -s "$T/stderr" ]
}

# what the kernel itself says: has TEXT
types_have() {
	bpftool btf dump file /sys/kernel/btf/vmlinux format raw | grep -q -- "$1"
}

# Who removes a probe of a tracepoint waits for readers that sleep, too, where these may be preempted.
preempts() {
	bpftool btf dump file /sys/kernel/btf/vmlinux format raw | grep -A 3 "STRUCT 'tp_transition_snapshot'" | grep -q srcu_gp
}

says() {
	grep -qFx -- "  $1  $2" <<<"$output" || {
		echo "$output"
		return 1
	}
}

@test "each feature is told as the kernel's types have it, and no pin is left" {
	probe
	[ "$status" -eq 0 ]
	says yes "takes obit's programs, and runs them"
	if types_have "'oom_lock' type_id"; then
		says yes "tells whose memory limit was reached"
	else
		says "no " "tells whose memory limit was reached:"
	fi
	if preempts; then
		says "no " "does not preempt obit's programs:"
	else
		says yes "does not preempt obit's programs"
	fi
	if types_have "FUNC 'cgroup_kill_write'"; then
		says yes "kills a cgroup at once"
	fi
	[ -z "$(compgen -G "$PIN_DIR*")" ]
}

@test "beside a running obitd, which it leaves alone" {
	start_obitd ""
	probe
	[ "$status" -eq 0 ]
	obit ls
	stop_obitd
}

@test "without type information, or with a file that is none: a sentence, and exit status 1" {
	probe --btf "$T/nothing"
	[ "$status" -eq 1 ]
	[[ $output == *"no kernel type information (BTF) at $T/nothing: No such file or directory"* ]]
	echo rubbish >"$T/rubbish"
	probe --btf "$T/rubbish"
	[ "$status" -eq 1 ]
	[[ $output == *"$T/rubbish holds no BTF"* ]]
}

@test "who is not root is told what is missing" {
	chmod 755 "$T"
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$OBITD" --probe --pin-dir "$PIN_DIR"
	[ "$status" -eq 1 ]
	[[ $output == *"  no   takes obit's programs, and runs them:"* ]]
	[[ $output == *"Permission denied"* || $output == *"Operation not permitted"* ]] # as 5.10 says
}
