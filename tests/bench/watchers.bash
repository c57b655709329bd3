# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# Who tells of processes that end: obit, and other programs, each writing into $WORK/seen.
# AUDIT=1 has auditd among them. It is not by default, since a kernel whose audit has been on once
# looks at every system call of every process until it boots again.

# shellcheck disable=SC2034 # for the scripts
WATCHERS=${WATCHERS:-obit obit-all forkstat exitsnoop execsnoop bpftrace auditd}
WATCHER_PIDS=()
# shellcheck disable=SC2054 # the comma is auditctl's
AUDIT_RULE=(always,exit -F arch=b64 -S exit -S exit_group -k obit-bench)
AUDIT_WAS=

watcher_words() {
	case $1 in
	obit) echo 'obit, nobody follows' ;;
	obit-all) echo 'obit tail --all' ;;
	forkstat) echo 'forkstat (proc connector)' ;;
	exitsnoop) echo 'exitsnoop (libbpf-tools)' ;;
	execsnoop) echo 'execsnoop (libbpf-tools)' ;;
	bpftrace) echo 'bpftrace, a one-liner' ;;
	auditd) echo 'auditd, a rule for exit_group' ;;
	esac
}

# watcher_lacks NAME: prints why it cannot be measured here, if it cannot.
watcher_lacks() {
	case $1 in
	obit | obit-all) return 0 ;;
	esac
	if ! command -v "$1" >/dev/null; then
		echo 'not installed'
	elif [ "$1" = auditd ] && [ -z "${AUDIT:-}" ]; then
		echo 'left out: it would slow this kernel until it boots again (AUDIT=1 measures it)'
	fi
}

watcher_run() {
	"$@" </dev/null >"$WORK/seen" 2>"$WORK/complaints" &
	WATCHER_PIDS+=($!)
}

bpf_programs() { bpftool -j prog show | jq -c 'map(.id)'; }
# Of its own: how many there are all over says nothing, since the kernel takes its time to forget those of the one before.
has_program() { grep -qs '^prog_id' "/proc/${WATCHER_PIDS[0]}/fdinfo/"*; }
watcher_failed() { ! kill -0 "${WATCHER_PIDS[0]}" 2>/dev/null; }
attached_or_failed() { has_program || watcher_failed; }

# watcher_start NAME: returns when it sees; fails, and says why in $WORK/complaints, if it cannot.
watcher_start() {
	PROGRAMS_BEFORE=$(bpf_programs)
	WATCHER_PIDS=()
	: >"$WORK/seen"
	case $1 in
	obit | obit-all) obit_start ;;&
	obit-all) watcher_run "$BUILD/obit" --socket "$WORK/sock" tail --all --json -n 0 ;;
	forkstat) watcher_run forkstat -e exit ;;
	exitsnoop | execsnoop) watcher_run "$1" ;;
	bpftrace) watcher_run bpftrace -e 'tracepoint:sched:sched_process_exit /pid == tid/
		{ printf("%d %s %d\n", pid, comm, curtask->exit_code); }' ;;
	auditd) auditd_start ;;
	esac
	case $1 in
	exitsnoop | execsnoop | bpftrace) until_true attached_or_failed ;;
	esac
	sleep 0.5 # until it has subscribed
	[ "$1" = obit ] || ! watcher_failed
}

auditd_start() {
	mkdir -p "$WORK/audit"
	chmod 0700 "$WORK/audit"
	printf '%s\n' "log_file = $WORK/seen" 'log_format = RAW' 'flush = NONE' 'max_log_file = 1000' \
		'write_logs = yes' 'space_left = 75' 'admin_space_left = 50' >"$WORK/audit/auditd.conf"
	AUDIT_WAS=$(auditctl -s | awk '$1 == "enabled" { print $2 }')
	"auditd" -n -c "$WORK/audit" </dev/null >"$WORK/complaints" 2>&1 &
	WATCHER_PIDS+=($!)
	sleep 0.5
	auditctl -b 8192 >/dev/null
	auditctl -a "${AUDIT_RULE[@]}" >>"$WORK/complaints" 2>&1
	auditctl -e 1 >/dev/null
}

# By the signal that lets it write what it still holds.
watcher_stop() {
	local pid

	[ -z "$AUDIT_WAS" ] || {
		auditctl -d "${AUDIT_RULE[@]}" >/dev/null 2>&1 || true
		auditctl -e "$AUDIT_WAS" >/dev/null
		AUDIT_WAS=
	}
	for pid in "${WATCHER_PIDS[@]}"; do
		kill -TERM "$pid" 2>/dev/null || true
		kill -INT "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	WATCHER_PIDS=()
	obit_stop
}

watcher_complaint() { grep -v '^ *$' "$WORK/complaints" | tail -n 1 | cut -c1-70 | tr '|' '/'; }

# ns that the consumers have been running since they were started, all threads.
watcher_cpu() {
	local pid

	for pid in "${WATCHER_PIDS[@]}" $([ -z "$OBITD" ] || obit_pids); do
		cat "/proc/$pid/task"/*/schedstat 2>/dev/null || true
	done | awk '{ ns += $1 } END { printf "%.0f\n", ns }'
}

# ns that its programs in the kernel have run: of those that were not there before it was started.
watcher_bpf() {
	bpftool -j prog show | jq --argjson before "$PROGRAMS_BEFORE" \
		'map(select(.id as $id | $before | index($id) | not) | .run_time_ns // 0) | add // 0'
}
