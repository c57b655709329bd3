# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# What the measurements share: a directory of their own, obit as a private instance, samples, tables.
# Each script is run as `tests/bench/NAME BUILD_DIR`, as root, prints Markdown, and leaves nothing behind.
set -eu

BUILD=$(cd "$1" && pwd)
ROUNDS=${ROUNDS:-3}
VM_KERNEL=${VM_KERNEL:-6.1}
WORK=$(mktemp -d /tmp/obit-bench.XXXXXX)
PINS=/sys/fs/bpf/obit-bench-$$
OBITD=
CROWD=
STATS_BEFORE=$(cat /proc/sys/kernel/bpf_stats_enabled)
PATH=$PATH:/usr/sbin:/sbin
mkdir "$WORK/samples"
: >"$WORK/table"

# ---- the end ----

ours() { find /proc/[0-9]*/exe -maxdepth 0 -lname "$WORK/*" 2>/dev/null | cut -d/ -f3; }

# In a loop: something may be forking while we look.
end_ours() {
	local left

	for _ in 1 2 3 4 5 6 7 8 9 10; do
		left=$(ours)
		[ -n "$left" ] || return 0
		# shellcheck disable=SC2086 # a list of pids
		kill -KILL $left 2>/dev/null || true
		sleep 0.1
	done
}

# What a script has started beside that; it says so by a function of its own.
end_others() { :; }

cleanup() {
	trap '' INT TERM HUP
	echo "$STATS_BEFORE" >/proc/sys/kernel/bpf_stats_enabled
	obit_stop
	end_others
	crowd_stop
	end_ours
	rm -rf "$WORK"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

die() {
	echo "bench: $*" >&2
	exit 1
}

until_true() {
	for _ in $(seq "${TRIES:-600}"); do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.05
	done
	die "gave up waiting for: $*"
}

# ---- obit ----

obit() { "$BUILD/obit" --socket "$WORK/sock" "$@"; }

# obit_configure PATH COUNT: one watch of PATH, and COUNT more, of $WORK/services/s-0 and so on.
obit_configure() {
	cat >"$WORK/obit.conf" <<CONF
log_level = warning
journal = no
watch stamp {
	path = "$1"
	backoff_initial = "0"
}
CONF
	services_make "$2"
	seq 0 "$(($2 - 1))" |
		awk -v dir="$WORK/services" '{ printf "watch s-%d {\n\tpath = \"%s/s-%d\"\n}\n", $1, dir, $1 }' >>"$WORK/obit.conf"
}

services_make() {
	[ -e "$WORK/stamp" ] || cp "$BUILD/tests/victims/stamp" "$WORK/stamp"
	mkdir -p "$WORK/services"
	[ "$1" = 0 ] || "$BUILD/tests/bench/crowd" "$1" --link "$WORK/stamp" "$WORK/services/s-"
}

OBIT_COMMAND=("$BUILD/obitd" -c "$WORK/obit.conf" --socket "$WORK/sock" --pin-dir "$PINS" --state-dir "$WORK/state"
	--ephemeral)

# It answers only when all is attached.
obit_start() {
	"${OBIT_COMMAND[@]}" 2>>"$WORK/log" &
	OBITD=$!
	until_true obit ls
}

obit_stop() {
	[ -n "$OBITD" ] || return 0
	kill "$OBITD" 2>/dev/null || true
	wait "$OBITD" 2>/dev/null || true
	OBITD=
}

# The daemon and its helpers.
obit_pids() {
	echo "$OBITD"
	pgrep -P "$OBITD" -x 'obitd-.*' || true
}

obit_knows() { [ "$(obit stats --json | jq .daemon.processes)" -ge "$1" ]; }

# ---- another machine ----

# in_guest NAME [VARIABLE=VALUE...]: prints what tests/bench/NAME says in a virtual machine where systemd is PID 1, if there
# can be one. Not in the unit in which it begins: obit would leave to systemd what systemd has started. On one processor:
# of two that are emulated each waits until the other has had its turn, a tenth of a second long.
in_guest() {
	local name=$1 where

	shift
	where=$(dirname "$0")
	"$where/../../scripts/vm" fetch "$VM_KERNEL" || {
		printf '\nLeft out: no virtual machine here.\n'
		return 0
	}
	progress 'a virtual machine'
	mkdir -p "$WORK/share"
	# shellcheck disable=SC2016 # the shell there expands
	VM_SYSTEMD=1 VM_APPEND=maxcpus=1 VM_SHARE=$WORK/share VM_PATHS=$BUILD "$where/../../scripts/vm" run "$VM_KERNEL" \
		env "$@" bash -c \
		'mkdir /sys/fs/cgroup/bench && echo $$ >/sys/fs/cgroup/bench/cgroup.procs && exec "$0" "$1" >/run/share/report' \
		"$where/$name" "$BUILD" >&2
	printf '\nIn a virtual machine, on one processor that is emulated: Linux %s, %s.\n' \
		"$("$where/../../scripts/vm" version "$VM_KERNEL")" "$(/lib/systemd/systemd --version | head -n 1)"
	grep -v '^- goal' "$WORK/share/report" # they are for machines whose times mean something
}

# ---- a crowd of processes ----

# crowd_start COUNT [PROGRAM [ARGUMENT]]: see crowd.c. CROWD_WRAP=(COMMAND...) before it.
CROWD_WRAP=()
crowd_start() {
	: >"$WORK/crowd"
	"${CROWD_WRAP[@]}" "$BUILD/tests/bench/crowd" "$@" >"$WORK/crowd" &
	CROWD=$!
	TRIES=$((600 + $1 / 20)) until_true grep -q started "$WORK/crowd"
}

# The services that obit watches; without a daemon nobody watches them.
services_start() {
	truncate -s 4096 "$WORK/services.page"
	[ "$1" = 0 ] || crowd_start "$1" "$WORK/services/s-" "$WORK/services.page"
}

crowd_stop() {
	[ -n "$CROWD" ] || return 0
	kill "$CROWD" 2>/dev/null || true
	wait "$CROWD" 2>/dev/null || true
	CROWD=
	end_ours
}

# ---- samples: lines of "ROUND VALUE" ----

# sample KEY ROUND [WORD]: from standard input, the values (of lines that begin with WORD).
sample() {
	awk -v round="$2" -v word="${3:-}" 'word == "" { print round, $1 } word != "" && $1 == word { print round, $2 }' \
		>>"$WORK/samples/$1"
}

has() { [ -s "$WORK/samples/$1" ]; }
count() { wc -l <"$WORK/samples/$1"; }
percentile() {
	cut -d' ' -f2 "$WORK/samples/$1" | sort -g |
		awk -v p="$2" '{ v[NR] = $1 } END { i = int(NR * p + 0.999); print v[i < 1 ? 1 : i] }'
}
median() { percentile "$1" 0.5; }

# spread KEY FORMATTER: the lowest and the highest median of a round.
spread() {
	local round low='' high='' value

	while read -r round; do
		value=$(awk -v round="$round" '$1 == round { print $2 }' "$WORK/samples/$1" | sort -g |
			awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }')
		low=$(awk -v a="${low:-$value}" -v b="$value" 'BEGIN { print (a + 0 < b + 0 ? a : b) }')
		high=$(awk -v a="${high:-$value}" -v b="$value" 'BEGIN { print (a + 0 > b + 0 ? a : b) }')
	done < <(cut -d' ' -f1 "$WORK/samples/$1" | sort -u)
	echo "$("$2" "$low") to $("$2" "$high")"
}

ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
in_us() { awk -v ns="$1" 'BEGIN { printf "%.0f us", ns / 1000 }'; }
in_ms() { awk -v ns="$1" 'BEGIN { printf "%.0f ms", ns / 1e6 }'; }
in_time() {
	awk -v ns="$1" 'BEGIN { if (ns < 1e7) printf "%.0f us", ns / 1000
		else if (ns < 1e9) printf "%.1f ms", ns / 1e6; else printf "%.2f s", ns / 1e9 }'
}
in_mb() { awk -v kib="$1" 'BEGIN { printf "%.1f MB", kib * 1024 / 1e6 }'; }
in_kb() { awk -v bytes="$1" 'BEGIN { printf "%.0f KB", bytes / 1e3 }'; }
in_percent() { awk -v ratio="$1" 'BEGIN { printf "%+.1f %%", (ratio - 1) * 100 }'; }

# ---- tables ----

# row CELL...: the first one is the head.
row() {
	local IFS='|'

	echo "$*" >>"$WORK/table"
}

table() {
	printf '\n### %s\n\n' "$1"
	awk -F'|' '
		function line(row, fill,   text, i) {
			text = "|"
			for (i = 1; i <= columns; i++)
				text = text sprintf(" %-" width[i] "s |", fill ? substr(dashes, 1, width[i]) : cell[row, i])
			print text
		}
		{ for (i = 1; i <= NF; i++) { cell[NR, i] = $i; if (length($i) > width[i]) width[i] = length($i) }
		  if (NF > columns) columns = NF }
		END { dashes = sprintf("%200s", ""); gsub(" ", "-", dashes)
			for (r = 1; r <= NR; r++) { line(r, 0); if (r == 1) line(r, 1) } }' "$WORK/table"
	: >"$WORK/table"
	echo
}

# goal WORDS VALUE LIMIT
goal() {
	awk -v words="$1" -v value="$2" -v limit="$3" \
		'BEGIN { printf "- goal: %s: %s, %s\n", words, value, value + 0 <= limit + 0 ? "met" : "missed" }'
}

progress() { echo "bench: ${0##*/}: $*" >&2; }
