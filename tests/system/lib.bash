# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# What the system tests share. Each test has a directory of its own, $T, with its own copies of the
# victims, so that what it watches is a path that nobody else runs: suites can run side by side.

BUILD=${BUILD:-$BATS_TEST_DIRNAME/../../build}
OBITD=${OBITD:-$BUILD/obitd}
OBIT=${OBIT:-$BUILD/obit}
VICTIMS=${VICTIMS:-$BUILD/tests/victims}

# The tests ask thousands of times, and gojq starts in a tenth of the time.
if command -v gojq >/dev/null; then
	jq() { gojq "$@"; }
fi

obit_setup() {
	[ "$EUID" -eq 0 ] || skip "needs root"
	[ -e /sys/kernel/btf/vmlinux ] || skip "this kernel has no BTF"
	mount_bpffs
	T=$(mktemp -d /tmp/obit-sys.XXXXXX)
	chmod 0755 "$T"
	PIN_DIR=/sys/fs/bpf/obit-test-$$-$BATS_TEST_NUMBER
	SOCKET=$T/obit.sock
	CONF=$T/obit.conf
	STATE_DIR=$T/state
	OBITD_OPTIONS=(--ephemeral)
	OBITD_SETTINGS='journal = no' # the log of this host is for its own deaths
	OBITD_PID=
	SERVICE_ENV=(PATH=/usr/bin:/bin MARK=obit)
	SERVICE_WRAP=()
	SERVICE_CWD=$T
	MADE_CGROUPS=()
	STARTED=()
}

# As obitd does, and as every init system does: it stays mounted.
mount_bpffs() {
	[ "$(stat -f -c %T /sys/fs/bpf)" = bpf_fs ] || mount -t bpf -o mode=0700 bpf /sys/fs/bpf
}

# Ends what the test started, and nothing else; fails where something would stay behind.
obit_teardown() {
	local left=0

	[ -n "${T:-}" ] || return 0
	[ -n "${BATS_TEST_COMPLETED:-}" ] || show_evidence
	if [ -n "$OBITD_PID" ] && is_child "$OBITD_PID" && is_alive "$OBITD_PID"; then
		stop_obitd || {
			left=1
			tail -n 60 "$T/obitd.log"
		}
	fi
	end_started
	unmount_ours
	remove_cgroups || left=1
	if [ -e "$PIN_DIR" ]; then
		echo "left behind: $PIN_DIR"
		[[ " ${OBITD_OPTIONS[*]} " != *" --ephemeral "* ]] || left=1
		rm -rf "$PIN_DIR"
	fi
	if ! retry_until 10 no_process_of_ours || ! retry_until 10 no_helper_of_ours; then
		left=1
	fi
	rm -rf "$T"
	return "$left"
}

show_evidence() {
	echo "--- obitd.log"
	tail -n 60 "$T/obitd.log" 2>/dev/null
	echo "--- obit ls"
	[ -z "$OBITD_PID" ] || ! is_alive "$OBITD_PID" || timeout $((5 * ${PATIENCE:-1})) "$OBIT" --socket "$SOCKET" ls --json | head -n 60
	echo "--- service.state"
	tail -n 12 "$T/service.state" 2>/dev/null | cut -c1-300
	tail -n 12 "$T/service.out" 2>/dev/null
}

# ---- waiting ----

# retry_until SECONDS COMMAND...: polls every 20 ms; says what it waited for in vain. PATIENCE=5 waits five times as
# long, and asks a fifth as often, for machines that are slow: there it is the asking that takes the processor.
retry_until() {
	local deadline=$((${EPOCHREALTIME/./} + $1 * ${PATIENCE:-1} * 1000000))

	shift
	until "$@"; do
		if ((${EPOCHREALTIME/./} > deadline)); then
			echo "waited in vain for: $*"
			return 1
		fi
		sleep "$((20 * ${PATIENCE:-1}))e-3"
	done
}

# Bash gives no failure to a test for "! command".
refute() {
	if "$@"; then
		echo "should have failed: $*"
		return 1
	fi
}

# A zombie is dead: PID 1 may take its time to reap.
is_alive() {
	local line

	{ read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
	line=${line##*) }
	[[ ${line%% *} != [ZX] ]]
}

is_dead() {
	! is_alive "$1"
}

# Pids come round again within one suite: a remembered one may be a stranger's by now. Unless it is
# still a child of this test, it is not signalled.
is_child() {
	local line

	{ read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
	line=${line##*) }
	line=${line#* }
	[ "${line%% *}" = "$$" ]
}

# ---- processes of this test, found by the executables that only it has ----

our_pids() {
	find /proc/[0-9]*/exe -maxdepth 0 -lname "$T/*" 2>/dev/null | cut -d/ -f3
}

pids_of() {
	find /proc/[0-9]*/exe -maxdepth 0 -lname "$1" 2>/dev/null | cut -d/ -f3
}

no_process_of_ours() {
	[ -z "$(our_pids)" ]
}

# The helper processes of a daemon that was killed end by themselves, when all is written.
no_helper_of_ours() {
	! pgrep -f -- "--pin-dir $PIN_DIR( |\$)" >/dev/null
}

# In a loop: something may be forking while we look.
end_started() {
	local pid pids

	for pid in "${STARTED[@]}"; do
		! is_child "$pid" || kill -KILL "$pid" 2>/dev/null
	done
	for _ in 1 2 3 4 5; do
		mapfile -t pids < <(our_pids)
		[ ${#pids[@]} -gt 0 ] || break
		kill -KILL "${pids[@]}" 2>/dev/null || true
	done
}

# When nothing runs from there any more: a process of what is unmounted has no path by which it is found.
unmount_ours() {
	local mounted

	for mounted in $(awk -v under="$T/" 'index($2, under) == 1 { print $2 }' /proc/mounts | tac); do
		umount -l "$mounted"
	done
}

# ---- the daemon ----

# start_obitd CONFIGURATION_TEXT [COMMAND...]: runs obitd (under COMMAND, if given) and waits until it
# answers. More options by OBITD_OPTIONS; with an empty STATE_DIR it is not told where to keep a history.
start_obitd() {
	write_conf "$1"
	shift
	launch_obitd "$@"
}

write_conf() {
	printf '%s\n' "$1" "$OBITD_SETTINGS" >"$CONF"
}

launch_obitd() {
	"$@" "$OBITD" -c "$CONF" --socket "$SOCKET" --pin-dir "$PIN_DIR" \
		${STATE_DIR:+--state-dir "$STATE_DIR"} "${OBITD_OPTIONS[@]}" \
		>>"$T/obitd.log" 2>&1 </dev/null 3>&- &
	OBITD_PID=$!
	retry_until 15 obitd_answers_or_is_dead
	is_alive "$OBITD_PID" || {
		cat "$T/obitd.log"
		return 1
	}
}

obitd_answers_or_is_dead() {
	"$OBIT" --socket "$SOCKET" ls >/dev/null 2>&1 || is_dead "$OBITD_PID"
}

# The exit status is the daemon's.
stop_obitd() {
	local pid=$OBITD_PID

	kill -TERM "$pid"
	retry_until 15 is_dead "$pid" || {
		kill -KILL "$pid"
		return 1
	}
	OBITD_PID=
	wait "$pid"
}

# As a crash: nothing is cleaned up.
kill_obitd() {
	kill -KILL "$OBITD_PID"
	retry_until 5 is_dead "$OBITD_PID"
	wait "$OBITD_PID" || true
	OBITD_PID=
}

log_has() {
	grep -qE -- "$1" "$T/obitd.log"
}

# halt_before FUNCTION: obitd-halt stops there, the next time.
halt_before() {
	echo "$1" >"$OBIT_HALT.new"
	mv "$OBIT_HALT.new" "$OBIT_HALT"
}

start_obitd_that_halts() {
	export OBIT_HALT=$T/halt
	OBITD=$BUILD/obitd-halt start_obitd "$1"
}

has_halted() {
	[ ! -e "$OBIT_HALT" ] && [[ "$(cat "/proc/$OBITD_PID/stat")" = *") T "* ]]
}

# sleeps_without_end PID: until somebody wakes it, since it waits for no point in time: neither by its call, which is
# pause(2), epoll_wait(2), poll(2) or what stands for them on arm64, nor by a timer.
sleeps_without_end() {
	local call

	read -ra call <"/proc/$1/syscall" || return 1
	case "${call[0]} ${call[3]-} ${call[4]-}" in
	"34 "* | "232 "*" 0xffffffff" | "7 0xffffffff "*) ;;
	"22 "*" 0xffffffff" | "73 0x0 "*) ;;
	*) return 1 ;;
	esac
	! grep -hs '^it_value:' "/proc/$1/fdinfo/"* | grep -qvF '(0, 0)'
}

# ---- the client ----

obit() {
	timeout $((30 * ${PATIENCE:-1})) "$OBIT" --socket "$SOCKET" "$@"
}

# ls_field NAME JQ_PATH, for instance: ls_field web .state
ls_field() {
	obit ls --json | jq -r --arg name "$1" ".[] | select(.name == \$name) | $2"
}

state_is() {
	[ "$(ls_field "$1" .state)" = "$2" ]
}

wait_state() {
	retry_until 15 state_is "$1" "$2" || {
		echo "state is: $(ls_field "$1" .state)"
		return 1
	}
}

# last_death NAME|PID JQ_PATH
last_death() {
	obit why "$1" --json 2>/dev/null | jq -r ".[0] | $2"
}

has_died() {
	obit why "$1" --json >/dev/null 2>&1
}

deaths_are() {
	[ "$(ls_field "$1" .deaths)" = "$2" ]
}

restarts_are() {
	[ "$(ls_field "$1" .restarts)" = "$2" ]
}

# ---- following ----

# follow [OPTION...]: the obituaries go into $T/tail from now on.
follow() {
	[ -e "$T/victim" ] || copy_victim victim
	: >"$T/tail"
	"$OBIT" --socket "$SOCKET" tail -n 0 --json "$@" >>"$T/tail" 2>"$T/tail.err" </dev/null 3>&- &
	STARTED+=($!)
	# shellcheck disable=SC2034 # for the tests
	TAIL_PID=$!
	sentinel 1
}

# By its name, too: many may have died since, and one of them under that pid.
heard_of_victim() {
	grep -q "\"pid\": *$1\b.*\"comm\": *\"victim\"" "$T/tail"
}

# sentinel N: dies with a known status (exit 77) and waits until the follower has heard of it: then it has
# heard of all deaths before that one, too. $T/victim must be watched.
sentinel() {
	local try pid

	for try in {1..50}; do
		"$T/victim" exit 77 &
		pid=$!
		wait "$pid" || true
		if retry_until "$([ "$1" = 1 ] && echo 1 || echo "${SENTINEL_SECONDS:-5}")" heard_of_victim "$pid" >/dev/null; then
			return 0
		fi
		# only the very first may be missed, while the follower is still connecting
		[ "$1" = 1 ] || break
	done
	echo "the obituary of the sentinel did not arrive (try $try)"
	cat "$T/tail.err"
	return 1
}

# ---- victims ----

# copy_victim NAME [AS]: a copy that only this test has.
copy_victim() {
	install -m 0755 "$VICTIMS/$1" "$T/${2:-$1}"
}

# watch_text NAME PATH [LINE...]: a watch block.
watch_text() {
	local name=$1 path=$2

	shift 2
	printf 'watch %s {\n\tpath = "%s"\n' "$name" "$path"
	[ $# -eq 0 ] || printf '\t%s\n' "$@"
	printf '}\n'
}

# In the background, as a child of the test: a session of its own, a clean environment, files as stdio.
# $! is the service itself.
start_program() {
	(
		cd "$SERVICE_CWD" || exit
		exec setsid "${SERVICE_WRAP[@]}" env -i "${SERVICE_ENV[@]}" "$@"
	) </dev/null >>"$T/service.out" 2>&1 3>&- &
	STARTED+=($!)
}

start_service() {
	[ -e "$T/service" ] || copy_victim service
	start_program "$T/service" --state "$T/service.state" "$@"
}

event_count() {
	grep -c "\"event\":\"$1\"" "$T/service.state" 2>/dev/null || true
}

events_reach() {
	local count

	count=$(event_count "$1")
	[ "${count:-0}" -ge "$2" ]
}

wait_events() {
	retry_until "${3:-15}" events_reach "$1" "$2"
}

# event NAME N JQ_PATH: of the N-th (1 is the first, -1 the last) event of that name.
event() {
	jq -r -s --arg name "$1" --argjson n "$2" \
		"[.[] | select(.event == \$name)][if \$n > 0 then \$n - 1 else \$n end] | $3" \
		"$T/service.state"
}

# The pid of the newest life.
service_pid() {
	event up -1 .pid
}

# start_watched_service NAME [OPTION...]: one that the daemon has noticed as up.
start_watched_service() {
	local name=$1 ups

	shift
	ups=$(event_count up)
	start_service "$@"
	wait_events up $((${ups:-0} + 1))
	wait_state "$name" up
	retry_until 10 main_pid_is "$name" "$(service_pid)"
}

main_pid_is() {
	[ "$(ls_field "$1" .pid)" = "$2" ]
}

# hold_lease FILE: from now on who opens the file waits until this process ends, or for lease-break-time (45 s).
hold_lease() {
	python3 -c '
import fcntl, os, signal, sys, time
signal.signal(signal.SIGIO, signal.SIG_IGN)
fd = os.open(sys.argv[1], os.O_RDONLY)
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("held", flush=True)
time.sleep(60)' "$1" >"$T/lease" 3>&- &
	LEASE_PID=$!
	STARTED+=("$LEASE_PID")
	retry_until 10 grep -q held "$T/lease"
}

# The next life's executable cannot be opened.
make_next_life_hang() {
	copy_victim service next
	mv "$T/next" "$T/service"
	hold_lease "$T/service"
}

children_on_their_way() {
	[ "$(pgrep -c -P "$OBITD_PID" -x obitd-spawner)" -ge "$1" ]
}

# What must be the same in two lives: the N-th and M-th start.
expect_same_start() {
	local what='del(.pid, .ppid, .sid, .at_ns)'

	diff -u <(event start "$1" "$what") <(event start "$2" "$what")
}

# Between two lives nothing else ran: no port or lock was still held.
expect_no_conflict() {
	[ "$(event_count conflict)" = 0 ]
}

# ---- cgroups ----

# The mount point of cgroup v2, alone or beside v1.
cgroup2_mount() {
	awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts
}

# The mount point of the v1 hierarchy that obit looks at first.
pids_mount() {
	awk '$3 == "cgroup" && ("," $4 ",") ~ /,pids,/ { print $2; exit }' /proc/mounts
}

# make_cgroup NAME [HIERARCHY]: sets CGROUP (its directory) and CGROUP_PATH (as a configuration names it).
make_cgroup() {
	local mount

	mount=${2-$(cgroup2_mount)}
	[ -n "$mount" ] || skip "${2+not here: }no such hierarchy of cgroups is mounted"
	CGROUP_PATH=/obit-test-$$-$BATS_TEST_NUMBER/$1
	CGROUP=$mount$CGROUP_PATH
	mkdir -p "$CGROUP" || skip "cannot make a cgroup"
	MADE_CGROUPS=("$CGROUP" "${MADE_CGROUPS[@]}")
}

remove_cgroups() {
	local directory top bad=0

	for directory in "${MADE_CGROUPS[@]}"; do
		retry_until 5 remove_cgroup "$directory" || bad=1
		top=$(dirname "$directory")
	done
	[ -z "${top:-}" ] || ! [ -d "$top" ] || retry_until 5 remove_cgroup "$top" || bad=1
	return "$bad"
}

# Zombies count as its processes until they are reaped.
remove_cgroup() {
	! [ -d "$1" ] || rmdir "$1" 2>/dev/null
}
