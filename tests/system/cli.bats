#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck disable=SC2016,SC2154 # inner shells expand; bats sets stderr, stderr_lines
# obit without a daemon: usage, exit statuses, and one clear line for every failure.

bats_require_minimum_version 1.5.0

setup() {
	OBIT=${OBIT:-${BUILD:-build}/obit}
	NO_SOCKET="$BATS_TEST_TMPDIR/obit.sock" # no socket is there
}

# obit_run STATUS ARGUMENT...: output in $output, errors in $stderr; the status must be as given.
obit_run() {
	local expected=$1
	shift
	run --separate-stderr -"$expected" "$OBIT" --socket "$NO_SOCKET" "$@"
}

# The failure is one line on standard error that starts with the program's name; nothing else.
one_line_error() {
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ "${stderr_lines[0]}" == "obit: "* ]]
	[ -z "$output" ]
}

@test "every command that needs the daemon says in one line that none answers, exit 5" {
	local command
	for command in "" ls "why web --state-dir /nowhere" tail "show web" "status web" "stop web" "start web" \
		"restart web" "revive web" "kill web" "pause web" "resume --all" "watch /x" "unwatch web" reload stats watchdog; do
		# shellcheck disable=SC2086 # the words are meant to be split
		obit_run 5 $command
		one_line_error
		[ "$stderr" = "obit: no daemon answers on $NO_SOCKET (is obitd running?)" ]
	done
}

@test "with --json the error is still text on standard error" {
	obit_run 5 ls --json
	one_line_error
}

@test "a socket that nobody listens on is no daemon either, exit 5" {
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$NO_SOCKET"
	[ -S "$NO_SOCKET" ]
	obit_run 5 ls
	one_line_error
}

@test "what is no socket is said to be none, exit 5" {
	mkdir "$BATS_TEST_TMPDIR/directory"
	touch "$BATS_TEST_TMPDIR/file"
	local path
	for path in "$BATS_TEST_TMPDIR/directory" "$BATS_TEST_TMPDIR/file"; do
		run --separate-stderr -5 "$OBIT" --socket "$path" ls
		one_line_error
		[ "$stderr" = "obit: --socket $path: not a socket; expected that of obitd" ]
	done
}

@test "a socket that may not be asked says who may, exit 1" {
	[ "$(id -u)" -eq 0 ] || skip "needs root to become somebody else"
	command -v setpriv >/dev/null || skip "needs setpriv"
	local dir=$BATS_TEST_TMPDIR/closed
	mkdir -m 0700 "$dir"
	cp "$OBIT" "$BATS_RUN_TMPDIR/obit-for-all"
	chmod 0755 "$BATS_RUN_TMPDIR/obit-for-all"
	exec 9<"$BATS_RUN_TMPDIR/obit-for-all" # the directories above may be closed to others
	run --separate-stderr -1 setpriv --reuid=65534 --regid=65534 --clear-groups \
		/proc/self/fd/9 --socket "$dir/obit.sock" ls
	exec 9<&-
	one_line_error
	[[ "$stderr" == *"permission denied (root and the group obit may ask the daemon)" ]]
}

@test "a path that no socket can have is a usage error" {
	run --separate-stderr -2 "$OBIT" --socket "/$(printf 'x%.0s' {1..120})" ls
	one_line_error
}

@test "an unknown command suggests the nearest, exit 2" {
	obit_run 2 sotp web
	one_line_error
	[[ "$stderr" == *"did you mean stop?" ]]
}

@test "an unknown option suggests the nearest, exit 2" {
	obit_run 2 ls --jsom
	one_line_error
	[[ "$stderr" == *"did you mean --json?" ]]
}

@test "missing and superfluous arguments are usage errors" {
	local line
	for line in why show status stop start restart revive kill pause resume watch unwatch "ls web" "why a b" "why web -n" \
		"why web -n x" "stop web --wait never" "ls -n 3" "help nothing-like-it"; do
		# shellcheck disable=SC2086 # the words are meant to be split
		obit_run 2 $line
		one_line_error
	done
}

@test "watch: a key without its value" {
	local line
	for line in "watch /x restart" "watch --pid 7 restart" "watch --cgroup /x name=a restart"; do
		# shellcheck disable=SC2086 # the words are meant to be split
		obit_run 2 $line
		one_line_error
		[ "$stderr" = "obit: watch: restart: expected KEY=VALUE" ]
	done
	obit_run 5 watch restart
}

@test "control characters in an argument do not reach the terminal" {
	obit_run 2 $'\e[2Jls'
	one_line_error
	[[ "$stderr" != *$'\e'* ]]
	[[ "$stderr" == *'\x1b[2Jls'* ]]
}

@test "obit version knows its own version and says that no daemon answers" {
	obit_run 0 version
	[[ "${lines[0]}" =~ ^obit\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
	[[ "${lines[1]}" == "obitd: no daemon answers on $NO_SOCKET"* ]]
	[ -z "$stderr" ]
}

@test "obit version --json is one value" {
	obit_run 0 version --json
	python3 -c 'import json, sys
v = json.loads(sys.argv[1])
assert v["version"] and v["daemon"] is None, v' "$output"
}

@test "obit --version is one line" {
	obit_run 0 --version
	[ "${#lines[@]}" -eq 1 ]
	[[ "$output" == "obit "* ]]
}

@test "help lists every command, and each has a page" {
	obit_run 0 help
	local all=$output command
	for command in ls why tail log show status stop start restart revive kill pause resume watch unwatch reload stats watchdog version help; do
		[[ "$all" == *$'\n'"  $command "* ]]
		obit_run 0 help "$command"
		[[ "${lines[0]}" == "Usage: obit $command"* ]]
		local page=$output
		obit_run 0 "$command" --help
		[ "$output" = "$page" ]
	done
}

# on_terminal COMMAND...: runs it with a pseudo-terminal as its standard output.
on_terminal() {
	run script -qec "$*" /dev/null
}

@test "colours on a terminal only, and neither with NO_COLOR, --no-color nor TERM=dumb" {
	command -v script >/dev/null || skip "needs script(1)"
	local plain
	on_terminal "env -u NO_COLOR TERM=xterm $OBIT --socket $NO_SOCKET version"
	[[ "$output" == *$'\e[33m'* ]]
	obit_run 0 version
	[[ "$output" != *$'\e'* ]]
	for plain in "NO_COLOR=1 TERM=xterm $OBIT" "TERM=dumb $OBIT" "TERM=xterm $OBIT --no-color"; do
		on_terminal "env $plain --socket $NO_SOCKET version"
		[[ "$output" == *"no daemon answers"* ]]
		[[ "$output" != *$'\e'* ]]
	done
}

@test "output that is lost is not success" {
	[ -c /dev/full ] || skip "no /dev/full"
	run --separate-stderr -1 bash -c '"$1" help >/dev/full' _ "$OBIT"
	one_line_error
	run --separate-stderr -1 bash -c '"$1" help >&-' _ "$OBIT"
	one_line_error
}

# ---- against a daemon that is none ----

teardown() {
	[ -z "${FAKE_PID:-}" ] || kill "$FAKE_PID"
}

# fake_daemon [stays]: knows five deaths, has no history on disk, and writes down how many deaths it was asked for. It
# hangs up after an answer, or stays.
fake_daemon() {
	python3 -c 'import json, socket, sys
path = sys.argv[1]
server = socket.socket(socket.AF_UNIX)
server.bind(path)
server.listen(5)
log = open(sys.argv[2], "w")
while True:
    client = server.accept()[0]
    request = json.loads(client.makefile().readline())
    count = request.get("count")
    if request["command"] != "log":
        print(count, file=log, flush=True)
    deaths = [{"watch": "web", "role": "main", "pid": 7 - i, "comm": "x", "how": "exited", "exit_status": 1,
        "lived_ns": 1500000000, "time": "2026-11-21T03:00:%02dZ" % (30 - 3 * i)} for i in range(5)]
    reply = {"ok": True, "data": deaths[:count]}
    if request["command"] == "log":
        reply = {"ok": True, "data": {"state_dir": None, "pending": []}}
    client.sendall(json.dumps(reply).encode() + b"\n")
    if len(sys.argv) < 4:
        client.close()' "$NO_SOCKET" "$BATS_TEST_TMPDIR/asked" "$@" 3>&- &
	FAKE_PID=$!
	for _ in {1..500}; do
		[ ! -e "$BATS_TEST_TMPDIR/asked" ] || return 0
		sleep 0.02
	done
	return 1
}

asked() {
	[ "$(tr '\n' ' ' <"$BATS_TEST_TMPDIR/asked")" = "$* " ]
}

@test "obit why tells one death, and the pattern of the last 50" {
	fake_daemon
	obit_run 0 why web
	asked 50
	[ "$(grep -c '^x (pid ' <<<"$output")" -eq 1 ]
	[[ "${lines[0]}" == "x (pid 7) exited with status 1 after 1.5s." ]]
	[[ "${lines[-1]}" == "5 deaths in 12 seconds, each time exit status 1, "*"it did not come up." ]]
}

@test "obit why -n tells so many" {
	fake_daemon
	obit_run 0 why web -n 3
	asked 50
	[ "$(grep -c '^x (pid ' <<<"$output")" -eq 3 ]
	obit_run 0 why web -n 70
	asked 50 70
}

@test "obit why --json asks for and prints what was wanted, no more" {
	fake_daemon
	obit_run 0 why web --json
	asked 1
	[ "$(jq length <<<"$output")" -eq 1 ]
	obit_run 0 why web --json -n 4
	asked 1 4
	[ "$(jq length <<<"$output")" -eq 4 ]
}

@test "obit tail -n says where there is more than the daemon remembers" {
	fake_daemon
	obit_run 5 tail -n 256
	[ "${#stderr_lines[@]}" -eq 1 ]
	obit_run 5 tail -n 257
	[ "${stderr_lines[0]}" = "obit: -n 257: the daemon remembers 256 deaths at most; obit log has more" ]
}

@test "obit tail on a terminal has lines that fit, with headings" {
	command -v script >/dev/null || skip "needs script(1)"
	fake_daemon
	on_terminal "stty cols 80; env TERM=dumb $OBIT --socket $NO_SOCKET tail"
	[[ "${lines[0]}" == "TIME      WATCH         PID  HOW                    LIVED      ACTION"* ]]
	[[ "${lines[1]}" == "03:00:30  web             7  exit 1                 1.5s       -"* ]]
}

@test "obit tail ends where its output is lost, instead of following for nobody" {
	[ -c /dev/full ] || skip "no /dev/full"
	fake_daemon stays
	run --separate-stderr -1 timeout 10 bash -c '"$1" --socket "$2" tail >/dev/full' _ "$OBIT" "$NO_SOCKET"
	one_line_error
	[ "$stderr" = "obit: writing standard output: No space left on device" ]
}

@test "a reader that leaves early ends obit quietly" {
	run --separate-stderr bash -c 'set -o pipefail
		trap "" PIPE
		for i in {1..200}; do "$1" help; done | head -n 1' _ "$OBIT"
	[ -z "$stderr" ]
	[ "${#lines[@]}" -eq 1 ]
}
