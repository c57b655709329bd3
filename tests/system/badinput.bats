#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Wrong configurations and command lines: refused with one line that says where and what was expected.
# shellcheck disable=SC2034,SC2154 # variables of lib.bash; bats sets status and output

load lib

setup() {
	obit_setup
}

teardown() {
	obit_teardown
}

check() {
	RC=0
	timeout $((20 * ${PATIENCE:-1})) "$OBITD" --check -c "$CONF" >"$T/out" 2>"$T/err" </dev/null || RC=$?
}

# refused LINE PATTERN CONFIGURATION: exit 1, one line on standard error that names FILE:LINE and has a
# match of PATTERN, nothing on standard output.
refused() {
	printf '%b' "$3" >"$CONF"
	check
	if [ "$RC" = 1 ] && [ ! -s "$T/out" ] && [ "$(wc -l <"$T/err")" = 1 ] &&
		grep -qF "$CONF:$1:" "$T/err" && grep -qiE "$2" "$T/err"; then
		return 0
	fi
	echo "expected exit 1 and one line with $CONF:$1: and /$2/ for:"
	printf '%b\n' "$3"
	echo "exit $RC, said:"
	cat "$T/out" "$T/err"
	return 1
}

in_watch() {
	refused "$1" "$2" "watch web {\n path = \"/usr/sbin/nginx\"\n $3\n}\n"
}

@test "a good configuration passes, and what is asked for is not done" {
	printf 'watch web {\n path = "/usr/sbin/nginx"\n restart = on-failure\n}\n' >"$CONF"
	check
	[ "$RC" = 0 ]
	[ ! -s "$T/err" ]
	[ ! -e "$SOCKET" ]
}

@test "unknown keys are errors, with a suggestion" {
	in_watch 3 "restart" 'restrat = no'
	in_watch 3 "kill_timeout" 'kill_timout = 5s'
	in_watch 3 "unknown|belong" 'frobnicate = yes'
	refused 1 "log_level" 'loglevel = info\n'
	refused 1 "watch|unknown" 'wotch web {\n path = "/x"\n}\n'
}

@test "wrong words" {
	in_watch 3 "on-failure" 'restart = sometimes'
	in_watch 3 "on-failure" 'restart = on-failur'
	in_watch 3 "critical" 'critical = maybe'
	in_watch 3 "instance" 'kill_mode = everything'
	in_watch 3 "owner" 'owner = me'
	refused 1 "log_level" 'log_level = loud\n'
}

@test "wrong numbers, durations, shares and signals" {
	in_watch 3 "kill_timeout.*expected" 'kill_timeout = 10parsecs'
	in_watch 3 "unit" 'kill_timeout = 10'
	in_watch 3 "kill_timeout.*expected" 'kill_timeout = -1s'
	in_watch 3 "backoff_max.*expected" 'backoff_max = 99999999999999999999h'
	in_watch 3 "start_limit_burst.*expected" 'start_limit_burst = -1'
	in_watch 3 "start_limit_burst.*expected" 'start_limit_burst = 1.5'
	in_watch 3 "start_limit_burst.*expected" 'start_limit_burst = many'
	in_watch 3 "backoff_jitter.*expected" 'backoff_jitter = 200%%'
	in_watch 3 "backoff_factor.*expected" 'backoff_factor = 0.5'
	in_watch 3 "backoff_factor.*expected" 'backoff_factor = nan'
	in_watch 3 "kill_signal.*expected" 'kill_signal = SIGNOPE'
	in_watch 3 "success_exit_status.*expected" 'success_exit_status = { 256 }'
	in_watch 3 "success_exit_status.*expected" 'success_exit_status = { 5-3 }'
	in_watch 3 "success_exit_status.*expected" 'success_exit_status = { 1, SIGNOPE }'
	refused 1 "max_processes.*expected" 'max_processes = 0\n'
	refused 1 "history_size.*64KiB" 'history_size = 1KiB\n'
}

@test "wrong paths and globs" {
	refused 2 "absolute" 'watch web {\n path = "nginx"\n}\n'
	refused 2 "expected" 'watch web {\n path = ""\n}\n'
	refused 2 "expected" 'watch web {\n path = "/usr/[a"\n}\n'
	refused 2 "expected" 'watch web {\n path = "/usr/../bin/x"\n}\n'
	refused 2 "expected" 'watch web {\n cgroup = "relative"\n}\n'
	in_watch 3 "absolute" 'directory = "here"'
	in_watch 3 "NAME=VALUE" 'env = { "no equal sign" }'
	refused 2 "expected" "watch web {\n path = \"/$(printf '%05000d' 0)\"\n}\n"
}

@test "a watch of nothing, and two of one name" {
	refused 1 "neither path nor cgroup" 'watch web {\n restart = no\n}\n'
	refused 4 "already" 'watch web {\n path = "/x"\n}\nwatch web {\n path = "/y"\n}\n'
	in_watch 3 "already|once" 'path = "/usr/sbin/other"'
	refused 1 "name" 'watch "no good" {\n path = "/x"\n}\n'
	refused 1 "name" 'watch {\n path = "/x"\n}\n'
}

@test "broken syntax" {
	refused 1 "never closed.*expected" 'watch web {\n path = "/x"\n'
	refused 2 "expected" 'watch web {\n path = "/x\n}\n'
	refused 2 "expected" 'watch web {\n path\n}\n'
	refused 2 "expected" 'watch web {\n path = \n}\n'
	refused 1 "never closed.*expected" 'watch web {\n path = { "/x", \n}\n'
	refused 3 "expected" 'watch web {\n path = "/x"\n/* never closed\n}\n'
	refused 4 "expected|unexpected" 'watch web {\n path = "/x"\n}\n}\n'
	in_watch 3 "expected" '= 5'
}

@test "what is no text at all: one line, exit 1" {
	local seed
	head -c 4096 /dev/urandom >"$CONF"
	check
	[ "$RC" = 1 ]
	[ "$(wc -l <"$T/err")" = 1 ]
	printf 'watch web {\n path = "/x"\0"\n}\n' >"$CONF"
	check
	[ "$RC" = 1 ]
	[ "$(wc -l <"$T/err")" = 1 ]
	printf '\033[31mwatch' >"$CONF"
	check
	[ "$RC" = 1 ]
	refute grep -q $'\033' "$T/err"
	head -c 3000000 /dev/zero | tr '\0' ' ' >"$CONF"
	check
	[ "$RC" = 1 ]
	[ "$(wc -l <"$T/err")" = 1 ]
}

@test "every prefix of a good configuration is either good or refused with one line" {
	local text i
	text='watch web { path = "/usr/sbin/nginx" /* c */ success_exit_status = { 3, SIGHUP } }'
	for ((i = 0; i <= ${#text}; i++)); do
		printf '%s' "${text:0:i}" >"$CONF"
		check
		if [ "$RC" = 0 ]; then
			[ ! -s "$T/err" ]
		else
			[ "$RC" = 1 ]
			[ "$(wc -l <"$T/err")" = 1 ]
		fi
	done
	[ "$RC" = 0 ]
}

@test "a configuration that is missing, a directory, or writable by others" {
	rm -f "$CONF"
	check
	[ "$RC" = 1 ]
	grep -qF "$CONF" "$T/err"
	[ "$(wc -l <"$T/err")" = 1 ]
	mkdir "$CONF"
	check
	[ "$RC" = 1 ]
	[ "$(wc -l <"$T/err")" = 1 ]
	rmdir "$CONF"
	printf 'watch web {\n path = "/usr/sbin/nginx"\n}\n' >"$CONF"
	chmod 0666 "$CONF"
	check
	[ "$RC" = 1 ]
	[ "$(wc -l <"$T/err")" = 1 ]
	grep -qF "$CONF" "$T/err"
}

# warned LINE PATTERN CONFIGURATION: it is good, and one line on standard error names FILE:LINE and has a match of
# PATTERN. `-` for LINE: no line at all.
warned() {
	printf '%b' "$3" >"$CONF"
	check
	grep -q '^configuration is good' "$T/out" || { cat "$T/err" && return 1; }
	if [ "$1" = - ] && [ ! -s "$T/err" ]; then
		return 0
	fi
	if [ "$(wc -l <"$T/err")" = 1 ] && grep -qF "$CONF:$1:" "$T/err" && grep -qE "$2" "$T/err"; then
		return 0
	fi
	echo "expected one line with $CONF:$1: and /$2/ for:"
	printf '%b\nsaid:\n' "$3"
	cat "$T/err"
	return 1
}

@test "what may come to be right, or does less than it seems to, is warned of" {
	local start='watch web {\n path = /usr/bin/env\n'
	warned 2 "watch web: path: $T/none is not there; it is watched as soon as it is" "watch web {\n path = $T/none\n}\n"
	warned - "" "watch web {\n path = { $T/none, /usr/bin/env }\n}\n"
	warned - "" "watch web {\n path = '$T/non*'\n}\n"
	warned - "" "watch web {\n path = $T/none\n container = any\n}\n"
	warned 3 "watch web: directory: $T/none is not there; it starts in / until it is" "$start directory = $T/none\n}\n"
	warned 3 "'web': container: an id has 64 digits, '3f2a1b4c5d6e' has 12" "$start container = 3f2a1b4c5d6e\n}\n"
	warned 3 "owner o: ask: $T/none: No such file" "owner o {\n parent = x\n ask = '$T/none {pid}'\n}\n${start}}\n"
	warned 2 "watchdog: on_starve: $T/none: No such file" "watchdog {\n on_starve = $T/none\n}\n${start}}\n"
	warned 3 "watch web: command: $T/none: No such file" "$start command = '$T/none -a'\n}\n"
	install -m 0644 /dev/null "$T/plain"
	warned 3 "watch web: command: $T/plain is not executable; expected" "$start command = $T/plain\n}\n"
	warned 3 "watch web: command: $T is a directory; expected" "$start command = $T\n}\n"
	warned - "" "$start command = /bin/true\n}\n"
	warned 3 "watch web: user: nothing that ran as another than nobody .*command" "$start user = nobody\n}\n"
	warned - "" "$start user = nobody\n command = /bin/true\n}\n"
	warned - "" "$start user = nobody\n uid = $(id -u nobody)\n}\n"
	warned 3 "watch web: user: .*command" "$start user = nobody\n uid = { $(id -u nobody), 0 }\n}\n"
	warned 4 "'web': backoff_initial is 1min 0s, longer" "$start backoff_max = 1s\n backoff_initial = 1min\n}\n"
	warned 3 "watch web: critical: no watchdog section" "$start critical = yes\n}\n$(
		)watch b { path = /usr/bin/id critical = yes }\n"
	warned 3 "watch web: critical: no watchdog section" "$start critical = yes\n}\nwatchdog { timeout = 5s }\n"
	warned - "" "$start critical = yes\n}\nwatchdog { device = /dev/watchdog9 }\n"
}

@test "of many paths that are not there some are told" {
	local n
	for n in {1..25}; do
		watch_text "web$n" "$T/none$n"
	done >"$CONF"
	check
	[ "$RC" = 0 ]
	[ "$(grep -c 'is not there' "$T/err")" = 21 ]
	tail -n 1 "$T/err" | grep -qF "20 watches have something that is not there: the others are not looked at"
}

@test "what is found wrong after all is read is told at the line of its key" {
	in_watch 3 "watch web: no user nosuch" 'user = nosuch'
	in_watch 3 "watch web: $T is a directory" "on_exit = '$T'"
	in_watch 4 "watch web: $T is a directory" "restart = no\n on_hang = '$T -a'"
	in_watch 5 "watch web: no user nosuch" 'probe {\n type = command target = /bin/true\n user = nosuch }'
	in_watch 5 "watch web: $T is a directory" "probe {\n type = command\n target = '$T' }"
	refused 3 "watch web: $T is a directory" "watch web {\n restart = no\n path = '$T'\n}\n"
	install -m 0777 /dev/null "$T/open"
	refused 3 "owner o: stop: .*others than root" "owner o {\n parent = x\n stop = '$T/open'\n}\n"
	refused 2 "watchdog: on_starve: .*others than root" "watchdog {\n on_starve = '$T/open -a'\n}\n"
	refused 2 "watchdog: on_starve: $T is a directory" "watchdog {\n on_starve = '$T'\n}\n"
	refused 2 "pretimeout: 30s is too long" "watchdog {\n pretimeout = 30s\n}\n"
	in_watch 3 "on_exit: .* each quote" "on_exit = \"/bin/sh -c 'x\""
	refused 2 "$T/none: no such file" "log_level = info\ninclude = { '/dev/null*/x', '$T/none' }\n"
	refused 3 "$T/none: no such file" "watch w { path = /x }\n\ninclude-armourd = '$T/none'\n"
}

@test "an include: its errors are told by its own name, and a ring of includes ends" {
	local included=$T/more.conf
	printf 'include = { "%s" }\n' "$included" >"$CONF"
	printf 'watch web {\n path = "relative"\n}\n' >"$included"
	check
	[ "$RC" = 1 ]
	grep -qF "$included:2:" "$T/err"
	printf 'include = { "%s" }\n' "$CONF" >"$included"
	check
	[ "$RC" = 1 ]
	[ "$(wc -l <"$T/err")" = 1 ]
}

@test "obitd does not start with a bad configuration" {
	printf 'watch web {\n path = "relative"\n}\n' >"$CONF"
	RC=0
	timeout $((20 * ${PATIENCE:-1})) "$OBITD" -c "$CONF" --socket "$SOCKET" --pin-dir "$PIN_DIR" >"$T/out" 2>"$T/err" \
		</dev/null || RC=$?
	[ "$RC" = 1 ]
	grep -qF "$CONF:2:" "$T/err"
	[ ! -e "$PIN_DIR" ]
	[ ! -e "$SOCKET" ]
}

@test "a pin directory that is refused is not left behind, and one that was there is" {
	local dir
	printf 'watch web {\n path = "/usr/sbin/nginx"\n}\n' >"$CONF"
	mkdir "$T/there"
	for dir in "$T/pins" "$T/there"; do
		RC=0
		timeout $((20 * ${PATIENCE:-1})) "$OBITD" -c "$CONF" --socket "$SOCKET" --pin-dir "$dir" >"$T/out" 2>"$T/err" \
			</dev/null || RC=$?
		[ "$RC" = 1 ]
		grep -qF "$dir is not on a bpf file system" "$T/err"
	done
	[ ! -e "$T/pins" ]
	[ -d "$T/there" ]
}

# usage PROGRAM WORD...: exit 2, something on standard error, nothing on standard output.
usage() {
	RC=0
	timeout $((20 * ${PATIENCE:-1})) "$@" >"$T/out" 2>"$T/err" </dev/null || RC=$?
	if [ "$RC" != 2 ] || [ ! -s "$T/err" ] || [ -s "$T/out" ]; then
		echo "$*: exit $RC"
		cat "$T/out" "$T/err"
		return 1
	fi
}

@test "wrong command lines exit 2" {
	usage "$OBITD" --no-such-option
	usage "$OBITD" -c
	usage "$OBITD" --check=yes
	usage "$OBIT" no-such-command
	usage "$OBIT" --no-such-option
	usage "$OBIT" why
	usage "$OBIT" stop
	usage "$OBIT" ls too many words
	usage "$OBIT" tail -n x
	usage "$OBIT" --socket
}

@test "--help and --version go to standard output and exit 0" {
	local program
	for program in "$OBITD" "$OBIT"; do
		"$program" --help >"$T/out" 2>"$T/err"
		[ -s "$T/out" ]
		[ ! -s "$T/err" ]
		"$program" --version | grep -qE '^obitd? [0-9]+\.[0-9]+'
	done
}
