#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The distribution's own daemons, started by hand as they come, watched by their path alone, killed, and back
# as they were. Each test runs its own copy of the binary: whatever else of that name runs or starts on this
# host is neither watched nor signalled by it, and suites can run side by side.
# shellcheck disable=SC2034,SC2030,SC2031 # variables of lib.bash; each test is a process of its own

load lib

setup() {
	obit_setup
	ulimit -c 0
}

# Nothing is ended here by what it is called: only what runs from below $T is ours.
teardown() {
	obit_teardown
}

# ---- the daemons ----

# choose_daemon COMMAND: copies the binary to $T/sbin under its real name; sets EXE, what the kernel calls it,
# and COMMAND, what a user would type (a link, where the distribution has one).
choose_daemon() {
	local command real

	command=$(PATH=$PATH:/usr/sbin command -v "$1") || skip "$1 is not installed"
	real=$(readlink -f "$command")
	mkdir "$T/sbin"
	EXE=$T/sbin/$(basename "$real")
	COMMAND=$T/sbin/$1
	install -m 0755 "$real" "$EXE"
	[ "$EXE" = "$COMMAND" ] || ln -s "$(basename "$EXE")" "$COMMAND"
}

port_is_free() {
	local hex

	hex=$(printf ':%04X' "$1")
	! awk -v port="$hex" '$2 ~ port "$" && $4 == "0A" { found = 1 } END { exit !found }' \
		/proc/net/tcp /proc/net/tcp6 2>/dev/null
}

choose_port() {
	local i

	for i in {1..100}; do
		PORT=$((20000 + RANDOM % 10000))
		! port_is_free "$PORT" || return 0
	done
	return 1
}

http_serves() {
	[ "$(curl -fsS --max-time 2 "http://127.0.0.1:$PORT/" 2>/dev/null)" = "served by $T" ]
}

redis_serves() {
	[ "$(redis-cli -h 127.0.0.1 -p "$PORT" PING 2>/dev/null)" = PONG ]
}

make_site() {
	mkdir "$T/www"
	echo "served by $T" >"$T/www/index.html"
}

# A cgroup of its own and a marked environment, so that both can be recognised afterwards.
start_by_hand() {
	make_cgroup real
	SERVICE_ENV=(PATH=/usr/bin:/bin "MARK=$T" "SPACED=two words")
	SERVICE_WRAP=("${SERVICE_WRAP[@]}" bash -c "echo \$\$ >'$CGROUP/cgroup.procs'; exec \"\$@\"" --)
	start_program "$@"
}

# ---- before and after ----

# All of a process that has to be the same in its next life.
snapshot() {
	local pid=$1

	echo "exe $(readlink "/proc/$pid/exe")"
	echo "cwd $(readlink "/proc/$pid/cwd")"
	echo "root $(readlink "/proc/$pid/root")"
	echo "nice $(awk '{ sub(/.*\) /, ""); print $17 }' "/proc/$pid/stat")"
	grep -E '^(Umask|TracerPid|Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp|Cpus_allowed):' "/proc/$pid/status"
	grep -E '^Max ' "/proc/$pid/limits"
	echo "argv:"
	tr '\0' '\n' <"/proc/$pid/cmdline"
	echo "environ:"
	tr '\0' '\n' <"/proc/$pid/environ"
	echo "cgroup:"
	cat "/proc/$pid/cgroup"
}

parent_of() {
	awk '{ sub(/.*\) /, ""); print $2 }' "/proc/$1/stat" 2>/dev/null
}

# Main processes: those whose parent is none of them.
main_processes() {
	local pids pid

	pids=" $(pids_of "$EXE" | tr '\n' ' ') "
	for pid in $pids; do
		[[ $pids == *" $(parent_of "$pid") "* ]] || echo "$pid"
	done
}

is_back() {
	local pid

	pid=$(ls_field real .pid)
	[ "$pid" != null ] && [ "$pid" != "$1" ] && state_is real up && "$SERVES"
}

expect_nobody_traced() {
	local pid

	for pid in $(pids_of "$EXE"); do
		grep -q $'^TracerPid:\t0$' "/proc/$pid/status"
	done
}

# The daemon is up under obitd: keeps a picture of it.
begin() {
	retry_until 10 "$SERVES"
	wait_state real up
	retry_until 10 one_main
	MAIN=$(ls_field real .pid)
	[ "$(main_processes)" = "$MAIN" ]
	snapshot "$MAIN" >"$T/before"
	grep -q "MARK=$T" "/proc/$MAIN/environ" || grep -q "MARK=$T" <(obit show real --json)
	grep -q "$CGROUP_PATH" "$T/before"
	expect_nobody_traced
}

one_main() {
	[ "$(main_processes | wc -l)" = 1 ]
}

# After a death: serving again, one main process, just as it was.
expect_back() {
	retry_until 20 is_back "$MAIN"
	retry_until 5 one_main
	MAIN=$(ls_field real .pid)
	[ "$(main_processes)" = "$MAIN" ]
	snapshot "$MAIN" >"$T/after"
	diff -u "$T/before" "$T/after"
	expect_nobody_traced
}

# kill_and_expect_back SIGNAL WAITSTATUS [WAITSTATUS]: where a daemon turns a signal into another end, both.
kill_and_expect_back() {
	local pid=$MAIN

	kill "-$1" "$pid"
	expect_back
	[ "$(last_death "$pid" .wait_status)" = "$2" ]
	[ "$(last_death "$pid" .role)" = main ]
	# with workers alive, these are stopped first
	[[ "$(last_death "$pid" .action)" == @(respawn|stop-members) ]]
}

# The last death of all is one with that exit status.
exited_with() {
	[ "$(last_death real '.how + " " + (.exit_status | tostring)')" = "exited $1" ]
}

# ---- lighttpd: one process, daemonizes, drops root ----

write_lighttpd_conf() {
	cat >"$T/lighttpd.conf" <<-END
		server.document-root = "$T/www"
		server.port = $PORT
		server.bind = "127.0.0.1"
		server.pid-file = "$T/lighttpd.pid"
		server.errorlog = "$T/lighttpd.log"
		server.username = "nobody"
		server.groupname = "$(id -gn nobody)"
		index-file.names = ( "index.html" )
	END
}

start_lighttpd() {
	choose_daemon lighttpd
	choose_port
	make_site
	write_lighttpd_conf
	: >"$T/lighttpd.log"
	chmod 0666 "$T/lighttpd.log"
	SERVES=http_serves
	start_obitd "$(watch_text real "$COMMAND" "backoff_initial = 50ms" "backoff_max = 200ms")"
	start_by_hand "$COMMAND" -f "$T/lighttpd.conf"
	begin
}

@test "lighttpd comes back from SIGKILL and from SIGSEGV" {
	start_lighttpd
	kill_and_expect_back KILL 9
	kill_and_expect_back SEGV 11
	kill_and_expect_back KILL 9
}

@test "lighttpd comes back from exit 255: a graceful restart with a broken configuration" {
	start_lighttpd
	local pid=$MAIN
	echo "nonsense ===" >>"$T/lighttpd.conf"
	kill -USR1 "$pid"
	retry_until 10 has_died "$pid"
	[ "$(last_death "$pid" .exit_status)" = 255 ]
	# its successors cannot start either, until somebody repairs it
	write_lighttpd_conf
	expect_back
}

@test "lighttpd stays down after a SIGTERM from outside" {
	start_lighttpd
	kill -TERM "$MAIN"
	retry_until 10 has_died "$MAIN"
	refute state_is real up
	refute http_serves
	[ -z "$(main_processes)" ]
}

# ---- nginx: master and workers, daemonizes, writes over its argv ----

write_nginx_conf() {
	cat >"$T/nginx.conf" <<-END
		daemon on;
		user nobody $(id -gn nobody);
		worker_processes 2;
		pid $T/nginx.pid;
		error_log $T/nginx.log;
		events { worker_connections 64; }
		http {
			access_log off;
			client_body_temp_path $T/nginx.1;
			proxy_temp_path $T/nginx.2;
			fastcgi_temp_path $T/nginx.3;
			uwsgi_temp_path $T/nginx.4;
			scgi_temp_path $T/nginx.5;
			server { listen 127.0.0.1:$PORT; root $T/www; }
		}
	END
}

start_nginx() {
	choose_daemon nginx
	choose_port
	make_site
	write_nginx_conf
	SERVES=http_serves
	start_obitd "$(watch_text real "$COMMAND" "backoff_initial = 50ms" "backoff_max = 200ms")"
	start_by_hand "$COMMAND" -e "$T/nginx.log" -c "$T/nginx.conf"
	begin
}

nginx_has_workers() {
	[ "$(pids_of "$EXE" | wc -l)" = "$1" ]
}

@test "nginx comes back from SIGKILL and from SIGSEGV, with its workers" {
	start_nginx
	retry_until 5 nginx_has_workers 3
	kill_and_expect_back KILL 9
	retry_until 5 nginx_has_workers 3
	kill_and_expect_back SEGV 11
	retry_until 5 nginx_has_workers 3
}

@test "nginx replaces a killed worker itself, and obit keeps out of it" {
	start_nginx
	retry_until 5 nginx_has_workers 3
	local worker
	worker=$(pids_of "$EXE" | grep -vx "$MAIN" | head -n 1)
	kill -KILL "$worker"
	retry_until 10 has_died "$worker"
	[ "$(last_death "$worker" .role)" = member ]
	retry_until 5 nginx_has_workers 3
	main_pid_is real "$MAIN"
	restarts_are real 0
}

# A running nginx master ends with 0 or by a signal only; what it has of failing exits is at its start.
@test "nginx comes back from exit 1: killed while its configuration is broken, which is then repaired" {
	start_nginx
	echo "nonsense" >"$T/nginx.conf"
	kill -KILL "$MAIN"
	retry_until 10 exited_with 1
	refute http_serves
	write_nginx_conf
	expect_back
	retry_until 5 nginx_has_workers 3
}

# ---- redis: as an unprivileged user from the start, several threads, catches SIGSEGV ----

start_redis() {
	choose_daemon redis-server
	choose_port
	mkdir "$T/redis"
	chown 65534:65534 "$T/redis"
	cat >"$T/redis.conf" <<-END
		bind 127.0.0.1
		port $PORT
		daemonize yes
		pidfile $T/redis/redis.pid
		logfile $T/redis/redis.log
		dir $T/redis
		appendonly yes
		save ""
		enable-debug-command local
	END
	SERVES=redis_serves
	# the link, as a user would write it
	start_obitd "$(watch_text real "$COMMAND" \
		"argv0 = \"*redis-server*\"" "backoff_initial = 50ms" "backoff_max = 200ms")"
	: >"$T/service.out"
	chmod 0666 "$T/service.out"
	make_site
	start_by_hand setpriv --reuid 65534 --regid 65534 --clear-groups \
		"$COMMAND" "$T/redis.conf"
	begin
}

@test "redis comes back from SIGKILL and from SIGSEGV, with its data" {
	start_redis
	redis-cli -p "$PORT" SET what remains
	kill_and_expect_back KILL 9
	[ "$(redis-cli -p "$PORT" GET what)" = remains ]
	kill_and_expect_back SEGV 11
	[ "$(redis-cli -p "$PORT" GET what)" = remains ]
}

@test "redis comes back from exit 1: it finds its append-only file damaged" {
	start_redis
	local pid=$MAIN file
	redis-cli -p "$PORT" SET what remains
	file=$(echo "$T"/redis/appendonlydir/*.incr.aof)
	cp "$file" "$T/good.aof"
	echo "damaged beyond repair" >"$file"
	redis-cli -p "$PORT" DEBUG LOADAOF || true
	retry_until 10 has_died "$pid"
	[ "$(last_death "$pid" .exit_status)" = 1 ]
	cat "$T/good.aof" >"$file"
	expect_back
	[ "$(redis-cli -p "$PORT" GET what)" = remains ]
}
