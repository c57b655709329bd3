# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2034 # `wrong` is for who sources this
# One obitd with some services of its own, somebody who kills those all the time, and the books of all that. Sourced
# with the build directory as its argument; SEED=N chooses the moments, KEEP=1 leaves the files.

BUILD=$(cd "$1" && pwd)
VICTIMS=${VICTIMS:-6}
RANDOM=${SEED:-$$}
work=$(mktemp -d /tmp/obit-soak.XXXXXX)
pins=/sys/fs/bpf/obit-soak-$$
daemon=
killer=

obit() { timeout 20 "$BUILD/obit" --socket "$work/sock" "$@"; }

end() {
	[ -z "$1" ] || kill -KILL "$1" 2>/dev/null || true
	[ -z "$1" ] || wait "$1" 2>/dev/null || true
}

our_pids() { find /proc/[0-9]*/exe -maxdepth 0 -lname "$work/*" 2>/dev/null | cut -d/ -f3; }

cleanup() {
	local pid

	end "$killer"
	end "$daemon"
	for _ in 1 2 3; do
		for pid in $(our_pids); do
			kill -KILL "$pid" 2>/dev/null || true
		done
	done
	rm -rf "$pins"
	[ -n "${KEEP:-}" ] || rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

until_true() {
	for _ in $(seq 1200); do
		! "$@" || return 0
		sleep 0.02
	done
	echo "soak: waited in vain for: $*" >&2
	return 1
}

nap_ms() { sleep "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))"; }

now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }

write_conf() {
	local i

	echo 'log_level = info'
	echo 'journal = no'
	for i in $(seq "$VICTIMS"); do
		printf 'watch v%d {\n path = "%s/v%d"\n backoff_initial = 1ms\n backoff_max = 20ms\n}\n' "$i" "$work" "$i"
	done
}

start_daemon() {
	"$BUILD/obitd" -c "$work/obit.conf" --socket "$work/sock" --pin-dir "$pins" --state-dir "$work/state" \
		2>>"$work/log" </dev/null &
	daemon=$!
}

start_victims() {
	local i

	for i in $(seq "$VICTIMS"); do
		install -m 0755 "$BUILD/tests/victims/service" "$work/v$i"
		(exec setsid env -i "$work/v$i" --state "$work/v$i.state" --lock "$work/v$i.lock" </dev/null >>"$work/out" 2>&1) &
		disown
	done
}

all_up() { [ "$(obit ls --json 2>/dev/null | jq '[.[] | select(.state == "up")] | length')" = "$VICTIMS" ]; }

# Signals the newest life of somebody, in one of four ways.
kill_one() {
	local i=$((RANDOM % VICTIMS + 1)) signals=(KILL KILL USR2 ABRT) pid

	pid=$(tail -n 1 "$work/v$i.state" | grep -o '"pid":[0-9]*' | head -n 1 | cut -d: -f2) || return 0
	[ "$(readlink "/proc/$pid/exe")" != "$work/v$i" ] || kill "-${signals[RANDOM % 4]}" "$pid" 2>/dev/null || true
}

kill_victims() {
	trap - EXIT
	while :; do
		kill_one
		nap_ms $((RANDOM % 30))
	done
}

# expect WHAT IS WANTED
expect() {
	[ "$2" = "$3" ] || {
		echo "soak: $1: $2, expected $3" >&2
		wrong=1
	}
}

count() { grep -c "\"event\":\"$2\"" "$work/$1.state" || true; }
