#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What services say of themselves by sd_notify(3), and what is done where they say nothing any more.
# shellcheck disable=SC2034,SC2030,SC2031 # variables of lib.bash; each test is a process of its own

load lib

setup() {
	obit_setup
	copy_victim notifier
	copy_victim notifier stranger
}

teardown() {
	obit_teardown
}

# watch_notifier LINE...: and no core dumps of it.
watch_notifier() {
	start_obitd "$(watch_text web "$T/notifier" "notify = yes" "backoff_initial = 50ms" "backoff_jitter = 0%" "$@")"
}

# run_steps STEP...: its first life, which obit has not started, ends at once; the second one takes the steps, and so do
# those after it.
run_steps() {
	SERVICE_WRAP=(prlimit --core=0:0 --)
	start_program "$T/notifier" await "$T/second" "$@"
	wait_state web up
	kill -KILL "$(ls_field web .pid)"
	retry_until 10 restarts_reach 1
	touch "$T/second"
}

# What cannot get anywhere hangs again and again.
restarts_reach() {
	[ "$(ls_field web .restarts)" -ge "$1" ]
}

status_is() {
	[ "$(ls_field web '.instances[0].status')" = "$1" ]
}

reload_is() {
	[ "$(ls_field web '.instances[0].reloading')" = "$1" ]
}

# counter_is NAME N: or more.
counter_is() {
	[ "$(obit stats --json | jq -r ".. | objects | .$1 // empty")" -ge "$2" ]
}

died_of() {
	has_died web && [ "$(last_death web .signal)" = "$1" ]
}

has_hung() {
	has_died web && [ "$(last_death web .hung.by)" = notify ]
}

is_older_than() {
	[ "$(ls_field web .uptime_ns)" -gt "$1" ]
}

make_recorder() {
	cat >"$T/record" <<-EOF
		#!/bin/sh
		cat >"$T/hang.json.\$OBIT_PID"
		echo "\$OBIT_EVENT \$OBIT_PID \$OBIT_HUNG_BY \$SERVICE_RESULT" >>"$T/hangs"
	EOF
	chmod 0755 "$T/record"
}

hang_is_recorded() {
	grep -q "^hang $pid notify watchdog$" "$T/hangs"
}

@test "a start is up when it says so, and shows what it says" {
	watch_notifier "hang_timeout = 90s"
	run_steps env "$T/env" say $'STATUS=loading \x1b[2J' await "$T/go" say 'READY=1\nSTATUS=serving' \
		await "$T/reload" say 'RELOADING=1\nERRNO=98' await "$T/leave" say 'READY=1' say 'STOPPING=1\nSTATUS=leaving' pause
	retry_until 10 status_is 'loading ?[2J'
	state_is web waiting
	[ "$(ls_field web .note)" = "waits for its READY=1" ]
	[ "$(cat "$T/env")" = "$SOCKET.notify/0"$'\n'90000000 ]
	touch "$T/go"
	wait_state web up
	retry_until 10 status_is serving
	[[ "$(obit ls)" == *'"serving"'* ]]
	[ "$(ls_field web '.instances[0] | [.reloading, .errno] | tostring')" = "[false,null]" ]
	touch "$T/reload"
	retry_until 10 reload_is true
	[ "$(ls_field web '.instances[0].errno')" = 98 ]
	[[ "$(obit ls)" == *"it reloads"*"it tells of an error: Address already in use"* ]]
	touch "$T/leave"
	retry_until 10 reload_is false
	retry_until 10 status_is leaving
}

@test "what is never ready is stopped and tried again" {
	watch_notifier "start_timeout = 300ms"
	run_steps say 'EXTEND_TIMEOUT_USEC=1' pause
	retry_until 10 died_of SIGABRT
	[ "$(last_death web '.hung | [.by, .stopped] | join(" ")')" = "notify true" ]
	[[ "$(last_death web .hung.reason)" == "no READY=1 for "* ]]
	retry_until 10 restarts_reach 2
}

@test "who gives no sign of life any more is aborted, and comes back; who never promised one is not" {
	make_recorder
	watch_notifier "hang_timeout = 400ms" "restart = on-watchdog" "restart_force_exit_status = SIGKILL" \
		"on_hang = '$T/record'"
	touch "$T/alive"
	run_steps say READY=1 beat "$T/alive" say STATUS=silent pause
	wait_state web up
	# as long as it beats; its first life never did, and was older
	retry_until 10 is_older_than 900000000
	state_is web up
	[ ! -e "$T/hangs" ]
	pid=$(ls_field web .pid)
	rm "$T/alive"
	retry_until 10 has_died "$pid"
	[ "$(last_death "$pid" '[.pid, .hung.by, .hung.stopped, .action] | join(" ")')" = "$pid notify true respawn" ]
	[[ "$(last_death "$pid" .hung.reason)" == "no WATCHDOG=1 for "* ]]
	[ "$(last_death "$pid" '.hung.for_ns >= 400000000 and .hung.for_ns < 3000000000')" = true ]
	[ "$(last_death "$pid" '.hung.threads[0] | [.tid, .comm, .state] | join(" ")')" = "$pid notifier S" ]
	[ "$(last_death "$pid" '.hung.stack | join(" ") | test("pause|nanosleep|schedule")')" = true ]
	# Before 5.16 the kernel tells of nobody, under ORC: not of a spawner that waits either.
	if [ "$(cat "/proc/$(pgrep -P "$OBITD_PID" -x obitd-spawner)/wchan")" != 0 ]; then
		[ "$(last_death "$pid" '.hung.wchan | test("pause|nanosleep|schedule")')" = true ]
	else
		[ "$(last_death "$pid" .hung.wchan)" = null ]
	fi
	[[ "$(obit why "$pid" | tr '\n' ' ')" == *"(pid $pid) hung (no WATCHDOG=1 for "*"), and was killed by SIGABRT"* ]]
	retry_until 10 hang_is_recorded
	[ "$(jq -r '[.watch, .hung.by, .action] | join(" ")' "$T/hang.json.$pid")" = "web notify stop" ]
	retry_until 10 restarts_reach 2
}

note_is() {
	# shellcheck disable=SC2053 # a pattern
	[[ "$(ls_field web .note)" == $1 ]]
}

@test "what hangs is left alone where others than root can change what would run again" {
	watch_notifier "hang_timeout = 400ms"
	touch "$T/alive"
	run_steps say READY=1 beat "$T/alive" pause
	wait_state web up
	pid=$(ls_field web .pid)
	chmod 0777 "$T"
	rm "$T/alive"
	retry_until 10 note_is "hung: no WATCHDOG=1 for *; not stopped: it runs as root, and others than root can change $T (owner 0, mode 0777); command = *"
	is_alive "$pid"
}

@test "a sign of life takes nothing back of what a probe has found" {
	watch_notifier 'probe { type = tcp target = "127.0.0.1:1" interval = 100ms grace = 0 threshold = 2 }'
	chmod 0777 "$T" # so it is left as it is
	touch "$T/alive"
	SERVICE_ENV+=(NOTIFY_SOCKET="$SOCKET.notify/0")
	start_program "$T/notifier" beat "$T/alive"
	retry_until 10 note_is "hung: *; not stopped: *"
	retry_until 10 counter_is notify_received $(($(obit stats --json | jq '.. | objects | .notify_received // empty') + 10))
	refute log_has 'hangs no longer'
	note_is "hung: *; not stopped: *"
}

# hold_looks: whoever looks at what hangs takes 400 ms longer, or more where all does.
hold_looks() {
	command -v strace >/dev/null || skip "no strace here"
	strace -f -o "$T/looks" -p "$OBITD_PID" -e trace=capset -e inject=capset:delay_enter=$((400000 * ${PATIENCE:-1})) 2>"$T/strace" 3>&- &
	STRACE=$!
	STARTED+=("$STRACE")
	retry_until 10 grep -q attached "$T/strace"
}

# The address sanitizer looks for leaks at the end, and does not where it is traced.
end_strace() {
	kill -TERM "$STRACE"
	wait "$STRACE" || true
}

is_looking() {
	pgrep -P "$OBITD_PID" -x obitd >/dev/null
}

has_looked() {
	[ -s "$T/looks" ] && ! is_looking
}

@test "what was found of one life is no reason to stop the next one" {
	watch_notifier
	run_steps say READY=1 await "$T/trigger" say WATCHDOG=trigger pause
	wait_state web up
	pid=$(ls_field web .pid) # half a second later the look is over, and it is stopped
	hold_looks
	touch "$T/trigger"
	retry_until 10 is_looking
	rm "$T/trigger"
	kill -KILL "$pid"
	retry_until 10 restarts_reach 2
	retry_until 10 has_looked
	end_strace
	refute log_has 'stopped by SIGABRT'
	wait_state web up
	[ "$(ls_field web .restarts)" = 2 ]
}

@test "SIGKILL ends what ignores SIGABRT, and it is a hang all the same" {
	watch_notifier "kill_timeout = 200ms"
	run_steps ignore-abort say 'READY=1\nWATCHDOG=trigger' pause
	retry_until 10 has_hung
	[ "$(last_death web .signal)/$(last_death web .hung.reason)" = "SIGKILL/it said so: WATCHDOG=trigger" ]
	retry_until 10 restarts_reach 2
}

lives_anew() {
	[ "$(ls_field web .pid)" != "$1" ] && status_is well
}

@test "RESTART_RESET=1: the next respawn comes at once" {
	start_obitd "$(watch_text web "$T/notifier" "notify = yes" "backoff_initial = 1h" "backoff_jitter = 0%")"
	run_steps say 'READY=1\nRESTART_RESET=1\nSTATUS=well' await "$T/go" exit 0
	pid=
	for _ in 1 2 3; do
		retry_until 10 lives_anew "$pid"
		pid=$(ls_field web .pid)
		kill -KILL "$pid"
	done
	retry_until 10 restarts_reach 4
}

@test "MAINPID names another process of the instance, and nobody else" {
	watch_notifier
	run_steps say 'READY=1\nMAINPID=1' child-says 'STATUS=from the child' child-is-main await "$T/go" exit 0
	retry_until 10 log_has 'MAINPID=1: none of its processes'
	retry_until 10 status_is 'from the child'
	first=$(ls_field web .instances[0].last_pid)
	retry_until 10 log_has "is the main process now \(MAINPID\)"
	[ "$(ls_field web .pid)" != "$(pgrep -o -f "^$T/notifier")" ]
	state_is web up
}

@test "MAINPID names a process that was born a moment ago" {
	watch_notifier
	run_steps say READY=1 mains 100 say STATUS=done await "$T/go" exit 0
	retry_until 10 status_is 'done'
	[ "$(grep -c 'is the main process now (MAINPID)' "$T/obitd.log")" -eq 100 ]
	[ "$(grep -c 'none of its processes' "$T/obitd.log")" -eq 0 ]
	state_is web up
}

@test "strangers are not heard, nonsense is harmless, descriptors are let go, a barrier is answered" {
	watch_notifier "hang_timeout = 10s"
	run_steps say 'READY=1\nSTATUS=mine' stranger STATUS=theirs files STATUS=files say '' say 'STATUS=\0' \
		say "STATUS=$(head -c 4200 /dev/zero | tr '\0' x)" barrier say STATUS=answered await "$T/leave"
	retry_until 10 status_is answered
	retry_until 10 counter_is notify_foreign 1
	retry_until 10 counter_is notify_bad 3
	state_is web up
	[ "$(find /proc/"$OBITD_PID"/fd -mindepth 1 | wc -l)" -lt 60 ]
}

has_children() {
	[ "$(ls_field web '.instances[0].members')" = "$1" ]
}

stranger_pauses() {
	stranger=$(pgrep -P "$pid" -x stranger) && sleeps_without_end "$stranger"
}

@test "who has executed something else since the kernel was last listened to is a stranger, too" {
	start_obitd_that_halts "$(watch_text web "$T/notifier" "notify = yes" "backoff_initial = 50ms")"
	run_steps say READY=1 stranger-after "$T/go" STATUS=theirs await "$T/say" say 'RESTART_RESET=1\nSTATUS=mine' await "$T/leave"
	wait_state web up
	pid=$(ls_field web .pid)
	retry_until 10 has_children 1
	halt_before policy_forget_attempts
	touch "$T/say"
	retry_until 10 has_halted
	touch "$T/go"
	retry_until 10 stranger_pauses
	kill -CONT "$OBITD_PID"
	retry_until 10 counter_is notify_received 3
	counter_is notify_foreign 1
	status_is mine
}

talker_restarted() {
	[ "$(ls_field talker .restarts)" = 1 ]
}

@test "a message in the turn in which obitd stops has no death answered that is the next one's" {
	OBITD_OPTIONS=()
	start_obitd_that_halts "$(watch_text web "$T/service" "backoff_initial = 50ms")
$(watch_text talker "$T/notifier" "notify = yes" "backoff_initial = 50ms")"
	start_watched_service web
	SERVICE_WRAP=(prlimit --core=0:0 --)
	start_program "$T/notifier" await "$T/second" say READY=1 await "$T/go" say STATUS=late await "$T/leave"
	wait_state talker up
	kill -KILL "$(ls_field talker .pid)"
	touch "$T/second"
	retry_until 10 talker_restarted
	wait_state talker up
	retry_until 10 sleeps_without_end "$OBITD_PID"
	halt_before glance_anew
	touch "$T/go"
	retry_until 10 has_halted # the message is ready
	kill -KILL "$(service_pid)"
	retry_until 10 is_dead "$(service_pid)"
	kill -TERM "$OBITD_PID"
	kill -CONT "$OBITD_PID"
	retry_until 10 is_dead "$OBITD_PID"
	wait "$OBITD_PID"
	launch_obitd
	wait_events up 2
	retry_until 10 main_pid_is web "$(service_pid)"
}

@test "a flood of datagrams delays nobody" {
	watch_notifier
	run_steps say READY=1 flood 100000000
	wait_state web up
	retry_until 10 counter_is notify_received 10000
	copy_victim victim
	for _ in {1..5}; do
		began=$(date +%s%N)
		obit ls >/dev/null
		[ $(($(date +%s%N) - began)) -lt $((${PATIENCE:-1} * 2000000000)) ]
	done
}

# watch_silent HANG_ON STEP...: without notify; as it was started by the test.
watch_silent() {
	start_obitd "$(watch_text web "$T/notifier" "hang_timeout = 400ms" "hang_on = $1")"
	SERVICE_WRAP=(prlimit --core=0:0 --)
	start_program "$T/notifier" "${@:2}"
	wait_state web up
	pid=$(ls_field web .pid)
}

@test "hang_on = cpu: who is stopped hangs, who sleeps or spins does not" {
	watch_silent cpu await "$T/go" spin
	retry_until 10 is_older_than 1200000000 # it sleeps, but for its looks at a file
	kill -STOP "$pid"
	retry_until 10 has_died "$pid"
	[ "$(last_death "$pid" '.hung | [.by, .stopped, .threads[0].state] | join(" ")')" = "progress true T" ]
	[[ "$(last_death "$pid" .hung.reason)" == "no CPU time for "*", and not asleep" ]]
	wait_state web up
	touch "$T/go"
	pid=$(ls_field web .pid)
	retry_until 10 is_older_than 1200000000
	[ "$(ls_field web .pid)" = "$pid" ]
}

@test "hang_on = cpu: who sleeps for ever does not hang; hang_on = run: it does" {
	watch_silent cpu pause
	retry_until 10 is_older_than 1200000000
	[ "$(ls_field web .pid)" = "$pid" ]
	sed -i 's/hang_on = cpu/hang_on = run/' "$CONF"
	obit reload
	retry_until 10 has_died "$pid"
	[[ "$(last_death "$pid" .hung.reason)" == "no CPU time for "* ]]
	[ "$(last_death "$pid" '.hung.threads[0].state')" = S ]
}

@test "notify = yes by a reload: who has no socket to say that it is well is not taken for hung" {
	watch_silent cpu pause
	sed -i 's/hang_on = cpu/notify = yes/' "$CONF"
	obit reload
	retry_until 10 is_older_than $(($(ls_field web .uptime_ns) + 600000000))
	[ "$(ls_field web .pid)" = "$pid" ]
}

# reload_with PATTERN TEXT: the first in the configuration by the second.
reload_with() {
	sed -i "s/$1/$2/" "$CONF"
	obit reload
}

@test "a hang that nobody looks for any more is none, by a reload" {
	watch_silent cpu pause
	chmod 0777 "$T" # so it is left as it is
	kill -STOP "$pid"
	retry_until 10 note_is "hung: no CPU time for *"
	reload_with 'hang_timeout = 400ms' 'hang_timeout = 0'
	note_is null
	reload_with 'hang_timeout = 0' 'hang_timeout = 200ms'
	retry_until 10 note_is "hung: no CPU time for *"
	reload_with 'hang_on = cpu' 'notify = yes'
	note_is null
	is_alive "$pid"
}

@test "hang_on = dstate: a thread that cannot be interrupted hangs" {
	watch_silent dstate vfork
	retry_until 10 has_died "$pid"
	[ "$(last_death "$pid" '.hung | [.by, .threads[0].state] | join(" ")')" = "progress D" ]
	[[ "$(last_death "$pid" .hung.reason)" == "thread $pid was in state D for "* ]]
}

@test "a child of a daemon that is gone is not taken for hung, but heard again" {
	OBITD_OPTIONS=()
	watch_notifier "hang_timeout = 2s"
	touch "$T/alive"
	run_steps say READY=1 beat "$T/stay" await "$T/go" beat "$T/alive" pause
	wait_state web up
	pid=$(ls_field web .pid)
	kill_obitd
	sed -i 's/hang_timeout = 2s/hang_timeout = 300ms/' "$CONF"
	launch_obitd
	wait_state web up
	# three times as long as it might be silent
	retry_until 10 is_older_than $(($(ls_field web .uptime_ns) + 900000000))
	[ "$(ls_field web .pid)" = "$pid" ]
	touch "$T/go"
	retry_until 10 counter_is notify_received 1 # and from then on it is waited for
	rm "$T/alive"
	retry_until 10 has_died "$pid"
	[[ "$(last_death "$pid" .hung.reason)" == "no WATCHDOG=1 for "* ]]
}

# give_lingering SOCKET TYPE: in a message, five TCP sockets that nothing else refers to and whose peers do not read: who
# drops the message waits 30 s for each of them.
give_lingering() {
	rm -f "$T/given"
	python3 -c '
import os, socket, struct, sys, time
def lingering():
    one = socket.create_connection(listener.getsockname())
    peers.append(listener.accept()[0])
    one.setblocking(False)
    try:
        while True:
            one.send(bytes(65536))
    except BlockingIOError:
        pass
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 30))
    return one.detach()
listener, peers = socket.create_server(("127.0.0.1", 0)), []
to = socket.socket(socket.AF_UNIX, getattr(socket, sys.argv[2]))
to.connect(sys.argv[1])
fds = [lingering() for _ in range(5)]
socket.send_fds(to, [b"READY=1\n"], fds)
for fd in fds:
    os.close(fd)
open(sys.argv[3], "w").close()
time.sleep(60)' "$1" "$2" "$T/given" 3>&- &
	STARTED+=($!)
	retry_until 10 test -e "$T/given"
}

answers() {
	timeout 5 "$OBIT" --socket "$SOCKET" ls >/dev/null
}

@test "files in a message that take their time to close hold up nobody" {
	watch_notifier
	run_steps say 'READY=1' pause
	# the closing end must be in the daemon: the sender lets go before the message is read
	kill -STOP "$OBITD_PID"
	give_lingering "$SOCKET.notify/0" SOCK_DGRAM
	give_lingering "$SOCKET" SOCK_STREAM
	kill -CONT "$OBITD_PID"
	answers
	counter_is notify_foreign 1
	kill -STOP "$OBITD_PID"
	give_lingering "$SOCKET.notify/0" SOCK_DGRAM
	kill -TERM "$OBITD_PID"
	kill -CONT "$OBITD_PID"
	retry_until 5 is_dead "$OBITD_PID"
	wait "$OBITD_PID"
	OBITD_PID=
}
