# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# Other supervisors, as private instances: each has its own tree, runs in the foreground, and supervises
# $WORK/peer/stamp. What is generous to them: the service is the program itself, not a shell script that executes it.

# shellcheck disable=SC2034 # for the scripts
PEERS=${PEERS-runit s6 daemontools supervisord monit systemd}
PEER_PIDS=()
UNIT=/run/systemd/system/obit-bench@.service

peer_command() {
	case $1 in
	runit) echo runsv ;;
	s6) echo s6-supervise ;;
	daemontools) echo supervise ;;
	*) echo "$1" ;;
	esac
}

peer_package() {
	case $1 in
	supervisord) echo supervisor ;;
	*) echo "$1" ;;
	esac
}

# peer_lacks NAME: prints why it cannot be measured here, if it cannot.
peer_lacks() {
	if [ "$1" = systemd ]; then
		[ "$(cat /proc/1/comm)" = systemd ] || echo 'is not PID 1 here'
	else
		command -v "$(peer_command "$1")" >/dev/null || echo 'not installed'
	fi
}

peer_there() { [ -z "$(peer_lacks "$1")" ]; }

# PEER_WRAP=(COMMAND...) before it; what that says is in $WORK/peer/out.
PEER_WRAP=()
peer_run() {
	"${PEER_WRAP[@]}" "$@" </dev/null >>"$WORK/peer/out" 2>>"$WORK/peer/log" &
	PEER_PIDS+=($!)
	disown
}

# peer_start NAME COUNT PAGE [MIB]: returns when all COUNT services live. PAGE is made anew.
peer_start() {
	rm -rf "$WORK/peer" "$3"
	mkdir "$WORK/peer"
	cp "$BUILD/tests/victims/stamp" "$WORK/peer/stamp"
	truncate -s 1M "$3"
	export STAMP_FILE=$3
	[ -z "${4:-}" ] || export STAMP_MIB=$4
	case $1 in
	supervisord) start_supervisord "$2" ;;
	monit) start_monit "$2" "$3" ;;
	systemd) start_systemd "$2" ;;
	*) start_trees "$(peer_command "$1")" "$2" ;;
	esac
	unset STAMP_FILE STAMP_MIB
	until_true lives_are "$3" "$2"
}

lives_are() { [ "$(od -A n -t u8 -N 8 "$1" | tr -d ' ')" -ge "$2" ]; }

# One supervisor for each service, as their designs have it.
start_trees() {
	local i

	for ((i = 0; i < $2; i++)); do
		mkdir "$WORK/peer/$i"
		ln "$WORK/peer/stamp" "$WORK/peer/$i/run"
		peer_run "$1" "$WORK/peer/$i"
	done
}

# startsecs = 0: its default, a second, would have it take each of these deaths for a failed start.
start_supervisord() {
	local i

	{
		printf '[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile=%s\nminfds=8192\n' \
			"$WORK/peer/pid"
		for ((i = 0; i < $1; i++)); do
			printf '[program:s%d]\ncommand=%s\nautorestart=true\nstartsecs=0\nstdout_logfile=NONE\nstderr_logfile=NONE\n' \
				"$i" "$WORK/peer/stamp"
		done
	} >"$WORK/peer/conf"
	peer_run supervisord -n -c "$WORK/peer/conf"
}

# A cycle of one second is the shortest that it takes. It wants what it starts to go into the background.
# What it has started is a child of init then, who may be slow to reap here; it waits for that.
start_monit() {
	local i

	{
		printf 'set daemon 1\nset idfile %s\nset statefile %s\nset pidfile %s\n' \
			"$WORK/peer/id" "$WORK/peer/state" "$WORK/peer/pid"
		for ((i = 0; i < $1; i++)); do
			printf 'check process s%d with pidfile %s/%d.pid\n\tstart program = "/bin/sh -c \x27%s %s & echo $! >%s/%d.pid\x27"\n' \
				"$i" "$WORK/peer" "$i" "$WORK/peer/stamp" "$2" "$WORK/peer" "$i"
		done
	} >"$WORK/peer/conf"
	chmod 0700 "$WORK/peer/conf"
	peer_run "$BUILD/tests/bench/reaper" monit -I -c "$WORK/peer/conf"
}

# As fast as it can be had, and without a journal.
start_systemd() {
	printf '%s\n' '[Unit]' 'DefaultDependencies=no' 'StartLimitIntervalSec=0' '[Service]' "ExecStart=$WORK/peer/stamp" \
		"Environment=STAMP_FILE=$STAMP_FILE" 'Restart=always' 'RestartSec=0' 'StandardOutput=null' 'StandardError=null' >$UNIT
	systemctl daemon-reload
	seq -f 'obit-bench@%g' "$1" | xargs systemctl start
}

stop_systemd() {
	[ -e $UNIT ] || return 0
	systemctl stop 'obit-bench@*'
	rm $UNIT
	systemctl daemon-reload
}

peer_stop() {
	stop_systemd
	[ ${#PEER_PIDS[@]} -eq 0 ] || kill -KILL "${PEER_PIDS[@]}" 2>/dev/null || true
	PEER_PIDS=()
	end_ours
}

# The supervisors themselves, without what they supervise and without what runs them here.
peer_pids() {
	if [ "$1" = monit ]; then
		pgrep -P "${PEER_PIDS[0]}" -x monit
	else
		echo "${PEER_PIDS[@]}"
	fi
}
