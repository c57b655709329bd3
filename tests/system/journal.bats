#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Deaths in the system's log: the real journald and the real rsyslogd, each on sockets of its own, in a mount
# namespace of the test's. What is watched are victims without a restart.
# shellcheck disable=SC2034,SC2030,SC2031 # variables of lib.bash; each test is a process of its own

load lib

JOURNALD=/usr/lib/systemd/systemd-journald
[ -e "$JOURNALD" ] || JOURNALD=/lib/systemd/systemd-journald
RSYSLOGD=$(PATH=$PATH:/usr/sbin:/sbin command -v rsyslogd || true)

setup() {
	obit_setup
	OBITD_SETTINGS=
	copy_victim victim
	make_world
}

teardown() {
	obit_teardown
}

# ---- a world without a log ----

# Its /run is empty, and its /dev has little more than a link where syslog is looked for.
make_world() {
	local node

	mkdir "$T/dev"
	for node in null zero full random urandom tty; do
		touch "$T/dev/$node"
	done
	ln -s "$T/syslog.sock" "$T/dev/log"
	cat >"$T/world" <<-'END'
		for node in "$1"/dev/*; do
			[ -L "$node" ] || mount --bind "/dev/${node##*/}" "$node" || exit
		done
		mount --rbind "$1/dev" /dev && mount -t tmpfs -o mode=0755 obit-test /run || exit
		echo made >"$1/world.made"
		exec sleep infinity
	END
	unshare -m --propagation private sh "$T/world" "$T" </dev/null 3>&- &
	WORLD=$!
	STARTED+=("$WORLD")
	IN_WORLD=(nsenter -m -t "$WORLD" --)
	retry_until 10 test -s "$T/world.made"
}

in_world() {
	"${IN_WORLD[@]}" "$@"
}

# ---- journald ----

start_journald() {
	[ -x "$JOURNALD" ] || skip "needs systemd-journald"
	[ -s /etc/machine-id ] || skip "journald needs /etc/machine-id"
	in_world mkdir -p /run/systemd/journald.conf.d
	printf '[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\nForwardToSyslog=no\n%s\n' \
		"RateLimitIntervalSec=0" | in_world tee /run/systemd/journald.conf.d/test.conf >/dev/null
	# a socket that an earlier one has left behind is no sign of life
	in_world rm -f /run/systemd/journal/socket
	"${IN_WORLD[@]}" "$JOURNALD" </dev/null >>"$T/journald.out" 2>&1 3>&- &
	JOURNALD_PID=$!
	STARTED+=("$JOURNALD_PID")
	retry_until 10 in_world test -S /run/systemd/journal/socket
}

kill_journald() {
	kill -KILL "$JOURNALD_PID"
	retry_until 5 is_dead "$JOURNALD_PID"
}

# The entries that match, one object a line.
entries() {
	in_world journalctl -D /run/log/journal -q --no-pager -o json "$@" 2>/dev/null
}

# The promised id of a watched process's death.
deaths_id() {
	grep -oE 'MESSAGE_ID=[0-9a-f]{32}' "$BATS_TEST_DIRNAME/../../doc/obitd.8" | head -n 1
}

entries_are() {
	[ "$(entries "${@:2}" | wc -l)" = "$1" ]
}

has_entry() {
	[ -n "$(entries "$@")" ]
}

# field NAME MATCH...: of the one entry that matches.
field() {
	entries "${@:2}" | jq -r --arg name "$1" '.[$name] // "null"'
}

# What came by obitd's standard error.
stderr_entry_has() {
	entries _TRANSPORT=stdout | grep -q -- "$1"
}

# ---- rsyslog ----

start_rsyslogd() {
	[ -x "$RSYSLOGD" ] || skip "needs rsyslogd"
	cat >"$T/rsyslog.conf" <<-END
		global(workDirectory="$T")
		module(load="imuxsock" SysSock.Use="off")
		input(type="imuxsock" Socket="$T/syslog.sock" RateLimit.Interval="0")
		template(name="plain" type="string" string="%syslogfacility-text%.%syslogseverity-text% %syslogtag%%msg%\\n")
		action(type="omfile" file="$T/syslog" template="plain")
	END
	"$RSYSLOGD" -n -f "$T/rsyslog.conf" -i "$T/rsyslog.pid" </dev/null >"$T/rsyslog.out" 2>&1 3>&- &
	RSYSLOGD_PID=$!
	STARTED+=("$RSYSLOGD_PID")
	retry_until 10 test -S "$T/syslog.sock"
}

syslog_has() {
	grep -qE -- "$1" "$T/syslog"
}

# ---- deaths ----

# Dies, and sets DEAD to the pid that it had.
die() {
	"$T/victim" exit "$@" &
	DEAD=$!
	wait "$DEAD" || true
	retry_until 10 has_died "$DEAD"
}

lost_are() {
	[ "$(obit stats --json | jq .losses.journal_lost)" = "$1" ]
}

victims_watch() {
	watch_text v "$T/victim" "restart = no"
}

# ---- tests ----

@test "journald gets a death with all that is known of it, and obitd's own log tells it, too" {
	start_journald
	start_obitd "$(victims_watch)" "${IN_WORLD[@]}"
	die 3 "an argument" $'odd\nOBIT_WATCH=db'
	retry_until 10 has_entry "OBIT_PID=$DEAD"
	entries "OBIT_PID=$DEAD" >"$T/entry"
	jq . "$T/entry"
	jq -e --arg pid "$OBITD_PID" --arg victim "$T/victim" '
		.PRIORITY == "5" and .SYSLOG_IDENTIFIER == "obitd" and .SYSLOG_FACILITY == "3"
		and ._PID == $pid and .SYSLOG_PID == $pid and ._TRANSPORT == "journal"
		and .OBIT_WATCH == "v" and .OBIT_ROLE == "main" and .OBIT_HOW == "exited"
		and .OBIT_EXIT_STATUS == "3" and .OBIT_WAIT_STATUS == "768" and .OBIT_PATH == $victim
		and .OBIT_CMDLINE == $victim + " exit 3 an argument odd\\x0aOBIT_WATCH=db"
		and (has("OBIT_SIGNAL") | not)' "$T/entry"
	# the sentence is the same in both
	grep -qxF "obitd: $(jq -r .MESSAGE "$T/entry")" "$T/obitd.log"
	# and what the manual says finds it
	entries_are 1 "$(deaths_id)"
	lost_are 0
	refute log_has "system's log"
}

@test "obitd whose own log is journald tells each death there once" {
	start_journald
	write_conf "$(victims_watch)"
	# what systemd tells its services, and systemd-cat does not
	cat >"$T/as-service" <<-'END'
		export JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2)
		exec "$@"
	END
	"${IN_WORLD[@]}" systemd-cat --identifier=obitd sh "$T/as-service" "$OBITD" -c "$CONF" \
		--socket "$SOCKET" --pin-dir "$PIN_DIR" "${OBITD_OPTIONS[@]}" </dev/null 3>&- &
	OBITD_PID=$!
	retry_until 15 obitd_answers_or_is_dead
	die 3
	retry_until 10 has_entry "OBIT_PID=$DEAD"
	# its other lines come by standard error: what came before them is there
	kill -USR1 "$OBITD_PID"
	retry_until 10 stderr_entry_has "1 watches, 0 processes"
	[ "$(entries SYSLOG_IDENTIFIER=obitd | jq -r .MESSAGE | grep -c " pid $DEAD exited 3 ")" = 1 ]
	# without entries the sentence is told as ever
	OBITD_SETTINGS='journal = no'
	write_conf "$(victims_watch)"
	obit reload
	die 4
	retry_until 10 stderr_entry_has " pid $DEAD exited 4 "
	refute has_entry "OBIT_PID=$DEAD"
}

@test "while journald is gone deaths are counted and logged; when it is back it gets them again" {
	start_journald
	start_obitd "$(victims_watch)" "${IN_WORLD[@]}"
	die 1
	retry_until 10 has_entry "OBIT_PID=$DEAD"
	kill_journald
	die 2
	die 3
	retry_until 5 lost_are 2
	log_has "v: pid $DEAD exited 3"
	[ "$(grep -c "the system's log takes no obituaries" "$T/obitd.log")" = 1 ]
	start_journald
	die 4
	retry_until 10 has_entry "OBIT_PID=$DEAD"
	log_has "the system's log takes obituaries again; 2 have been lost"
	lost_are 2
}

@test "a journald that does not read is not waited for, and what it misses is counted" {
	start_journald
	start_obitd "$(victims_watch)" "${IN_WORLD[@]}"
	die 1
	retry_until 10 has_entry "OBIT_PID=$DEAD"
	kill -STOP "$JOURNALD_PID"
	local i lost
	for i in {1..700}; do
		"$T/victim" exit 2 || true
	done
	die 3
	lost=$(obit stats --json | jq .losses.journal_lost)
	kill -CONT "$JOURNALD_PID"
	echo "$lost lost"
	[ "$lost" -gt 0 ]
	retry_until 10 entries_are $((702 - lost)) "$(deaths_id)"
	[ "$(grep -c "the system's log takes no obituaries" "$T/obitd.log")" = 1 ]
	[ "$(grep -c "v: pid" "$T/obitd.log")" -ge 702 ]
}

@test "without journald syslog gets the sentence" {
	start_rsyslogd
	start_obitd "$(victims_watch)" "${IN_WORLD[@]}"
	die 3
	retry_until 10 syslog_has "^daemon.notice obitd\[$OBITD_PID\]: v: pid $DEAD exited 3 after "
	log_has "v: pid $DEAD exited 3 after "
	lost_are 0
}

@test "obitd --daemon, which logs to syslog, tells each death there once" {
	local line

	start_rsyslogd
	install -m 0755 "$OBITD" "$T/obitd"
	write_conf "$(victims_watch)"
	in_world "$T/obitd" -c "$CONF" --socket "$SOCKET" --pin-dir "$PIN_DIR" "${OBITD_OPTIONS[@]}" --daemon \
		</dev/null 3>&- >"$T/obitd.log" 2>&1
	die 3
	retry_until 10 syslog_has " v: pid $DEAD exited 3 "
	line=$(obit version --json | jq .daemon.pid)
	kill -TERM "$line"
	retry_until 15 is_dead "$line"
	retry_until 10 syslog_has "obitd\[$line\]: stopped"
	[ "$(grep -c "pid $DEAD exited 3" "$T/syslog")" = 1 ]
}

@test "on a host without a log nothing is lost, and nothing is said about it" {
	start_obitd "$(victims_watch)" "${IN_WORLD[@]}"
	die 3
	retry_until 5 log_has "v: pid $DEAD exited 3"
	lost_are 0
	refute log_has "system's log"
}

@test "deaths of members and offspring, and those that log_level leaves out, are no entries" {
	start_journald
	OBITD_SETTINGS='log_level = debug'
	start_obitd "$(watch_text web "$T/service" "restart = no")" "${IN_WORLD[@]}"
	start_watched_service web --workers 2
	kill -KILL "$(service_pid)"
	retry_until 10 has_entry "OBIT_PID=$(service_pid)"
	local workers
	workers=$(our_pids)
	[ "$(wc -w <<<"$workers")" = 2 ]
	# shellcheck disable=SC2086 # a list
	kill -KILL $workers
	retry_until 10 has_died "${workers##*$'\n'}"
	log_has "web: member ${workers##*$'\n'} killed"
	entries_are 1 "$(deaths_id)"
	OBITD_SETTINGS='log_level = warning'
	write_conf "$(victims_watch)"
	obit reload
	die 3
	OBITD_SETTINGS='log_level = notice'
	write_conf "$(victims_watch)"
	obit reload
	die 4
	retry_until 10 has_entry "OBIT_PID=$DEAD"
	entries_are 2 "$(deaths_id)"
}
