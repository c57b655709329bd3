# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2016 # variables of lib.bash; words of a shell of their own
# The distribution's own daemons, each from its own copy of the binary, with a configuration, a port and files of
# its own below $T. A new one needs a prepare_NAME and an ask_NAME:
#
#   prepare_NAME  calls choose_daemon, writes its configuration, and sets START, the words that start it;
#                 WATCH, more lines for its watch; WORKERS, how many processes it has beside the main one at
#                 least; SEGV_STATUS, where it makes something else of a SIGSEGV; WATCHED, where that is
#                 not its binary's path
#   ask_NAME      true if it answers a request

# choose_daemon COMMAND: copies the binary to $T/sbin under its real name; sets EXE, what the kernel calls it,
# and COMMAND, what a user would type (a link, where the distribution has one).
choose_daemon() {
	local command real

	command=$(PATH=$PATH:/usr/sbin command -v "$1") || skip "$1 is not installed"
	real=$(readlink -f "$command")
	mkdir -p "$T/sbin"
	EXE=$T/sbin/$(basename "$real")
	COMMAND=$T/sbin/$1
	WATCHED=$COMMAND
	WATCH=()
	WORKERS=0
	SEGV_STATUS=11
	install -m 0755 "$real" "$EXE"
	[ "$EXE" = "$COMMAND" ] || ln -s "$(basename "$EXE")" "$COMMAND"
	choose_port
}

port_is_free() {
	local hex

	hex=$(printf ':%04X' "$1")
	! awk -v port="$hex" '$2 ~ port "$" && ($4 == "0A" || $4 == "07") { found = 1 } END { exit !found }' \
		/proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6 2>/dev/null
}

choose_port() {
	local i

	for i in {1..100}; do
		PORT=$((20000 + RANDOM % 10000))
		! port_is_free "$PORT" || return 0
	done
	return 1
}

AS_NOBODY=(setpriv --reuid 65534 --regid 65534 --clear-groups)

nobodys_directory() {
	mkdir "$1"
	chown 65534:65534 "$1"
}

make_site() {
	mkdir "$T/www"
	echo "served by $T" >"$T/www/index.html"
}

ask_http() {
	[ "$(curl -fsS --max-time 2 "http://127.0.0.1:$PORT/" 2>/dev/null)" = "served by $T" ]
}

# ask_line WORDS: what the port answers to it, one line.
ask_line() {
	timeout 2 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" && printf "$2" >&3 && IFS= read -r line <&3 &&
		echo "${line%$'"'\\r'"'}"' - "$PORT" "$1" 2>/dev/null
}

# ---- lighttpd: one process, goes into the background, drops root, exits 1 where it is asked to stop ----

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

prepare_lighttpd() {
	choose_daemon lighttpd
	make_site
	write_lighttpd_conf
	: >"$T/lighttpd.log"
	chmod 0666 "$T/lighttpd.log"
	START=("$COMMAND" -f "$T/lighttpd.conf")
}

ask_lighttpd() {
	ask_http
}

# ---- nginx: master and workers, goes into the background, writes over its argv and environment ----

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

prepare_nginx() {
	choose_daemon nginx
	make_site
	write_nginx_conf
	WORKERS=2
	START=("$COMMAND" -e "$T/nginx.log" -c "$T/nginx.conf")
}

ask_nginx() {
	ask_http
}

# ---- redis: as another user from the start, several threads, catches SIGSEGV; a link to its real name ----

prepare_redis() {
	choose_daemon redis-server
	nobodys_directory "$T/redis"
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
	WATCH=('argv0 = "*redis-server*"')
	START=("${AS_NOBODY[@]}" "$COMMAND" "$T/redis.conf")
}

ask_redis() {
	[ "$(ask_line 'PING\r\n')" = +PONG ]
}

# ---- memcached: threads, goes into the background, drops root ----

prepare_memcached() {
	choose_daemon memcached
	START=("$COMMAND" -d -u nobody -l 127.0.0.1 -p "$PORT" -U 0 -m 8 -t 2)
}

ask_memcached() {
	[[ "$(ask_line 'version\r\n')" == "VERSION "* ]]
}

# ---- dnsmasq: forks twice while its parent waits for a word, drops root ----

prepare_dnsmasq() {
	choose_daemon dnsmasq
	cat >"$T/dnsmasq.conf" <<-END
		port=$PORT
		listen-address=127.0.0.1
		bind-interfaces
		no-resolv
		no-hosts
		pid-file=$T/dnsmasq.pid
		user=nobody
		address=/obit.test/192.0.2.7
	END
	START=("$COMMAND" --conf-file="$T/dnsmasq.conf")
}

# A query for obit.test, type A; its answer ends with the address.
ask_dnsmasq() {
	local query='\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04obit\x04test\x00\x00\x01\x00\x01'

	timeout 1 bash -c 'exec 3<>"/dev/udp/127.0.0.1/$1" && printf "$2" >&3 &&
		dd bs=512 count=1 <&3 2>/dev/null | od -An -v -tx1 | tr -d "\n"' - "$PORT" "$query" 2>/dev/null |
		grep -q 'c0 00 02 07$'
}

# ---- rsyslogd: threads, stays in the foreground ----

prepare_rsyslogd() {
	choose_daemon rsyslogd
	mkdir "$T/rsyslog"
	cat >"$T/rsyslog.conf" <<-END
		global(workDirectory="$T/rsyslog")
		module(load="imudp")
		input(type="imudp" address="127.0.0.1" port="$PORT")
		action(type="omfile" file="$T/rsyslog/messages")
	END
	START=("$COMMAND" -n -f "$T/rsyslog.conf" -i "$T/rsyslog/pid")
}

ask_rsyslogd() {
	local word=word$RANDOM$RANDOM

	logger -d -n 127.0.0.1 -P "$PORT" "$word" && retry_until 1 grep -q "$word" "$T/rsyslog/messages" >/dev/null 2>&1
}

# ---- sshd: executes itself for each connection ----

prepare_sshd() {
	choose_daemon sshd
	mkdir -p /run/sshd # a name that sshd has built in; any host with an sshd has it
	ssh-keygen -q -t ed25519 -N '' -f "$T/host_key"
	ssh-keygen -q -t ed25519 -N '' -f "$T/user_key"
	cat >"$T/sshd_config" <<-END
		ListenAddress 127.0.0.1:$PORT
		HostKey $T/host_key
		PidFile $T/sshd.pid
		AuthorizedKeysFile $T/user_key.pub
		StrictModes no
		PermitRootLogin yes
		UsePAM no
		MaxStartups 1000
		LogLevel QUIET
	END
	START=("$COMMAND" -f "$T/sshd_config")
}

ask_sshd() {
	[[ "$(ask_line '\n')" == SSH-2.0-* ]]
}

# ---- postgresql: a process for each task, of which one takes all others with it; as another user ----

prepare_postgres() {
	PG_BIN=$(find /usr/lib/postgresql/*/bin /usr/bin -maxdepth 1 -name postgres -printf '%h\n' 2>/dev/null | tail -n 1)
	PATH=$PG_BIN:$PATH choose_daemon postgres
	nobodys_directory "$T/pg"
	(cd / && "${AS_NOBODY[@]}" "$PG_BIN/initdb" -D "$T/pg" -A trust -U obit -E UTF8 --no-sync \
		--no-instructions --locale=C >/dev/null)
	WORKERS=5
	WATCH=("kill_timeout = 2s")
	START=("${AS_NOBODY[@]}" "$COMMAND" -D "$T/pg" -k "$T/pg" -p "$PORT" -c listen_addresses=127.0.0.1
		-c fsync=off -c max_connections=10 -c shared_buffers=1MB)
}

ask_postgres() {
	[ "$(PGCONNECT_TIMEOUT=2 "$PG_BIN/psql" -h 127.0.0.1 -p "$PORT" -U obit -d postgres -Atc 'select 6*7' \
		2>/dev/null)" = 42 ]
}

# ---- gunicorn: a script, run by a Python of its own; master and workers ----

prepare_gunicorn() {
	command -v gunicorn >/dev/null || skip "gunicorn is not installed"
	PATH=/usr/bin:/bin choose_daemon python3
	WATCHED=$T/sbin/gunicorn
	sed "1s|.*|#!$COMMAND|" "$(command -v gunicorn)" >"$WATCHED"
	chmod 0755 "$WATCHED"
	cat >"$T/app.py" <<-END
		def app(environ, start_response):
		    start_response('200 OK', [])
		    return [b'served by $T\n']
	END
	WORKERS=2
	START=("$WATCHED" -w 2 -b "127.0.0.1:$PORT" --chdir "$T" --graceful-timeout 2 -p "$T/gunicorn.pid" app:app)
}

ask_gunicorn() {
	ask_http
}

# ---- cron: in a chroot, since the names that it locks and reads are built in; comes back by command ----

prepare_cron() {
	local jail=$T/jail file

	choose_daemon cron
	START=("$(command -v chroot)" "$jail" /usr/sbin/cron -f)
	mkdir -p "$jail"/{usr/sbin,run,var/spool/cron/crontabs,etc/cron.d}
	ln -s ../run "$jail/var/run"
	ldd "$EXE" | grep -oE '/[^ ]+' | sort -u | while read -r file; do
		mkdir -p "$jail$(dirname "$file")"
		cp -L "$file" "$jail$file"
	done
	mv "$EXE" "$jail/usr/sbin/cron"
	EXE=$jail/usr/sbin/cron
	WATCHED=$EXE
	WATCH=("command = \"${START[*]}\"")
}

# It answers nobody, but holds its lock.
ask_cron() {
	local file=$T/jail/run/crond.pid pid

	{ read -r pid <"$file"; } 2>/dev/null && [ "/proc/$pid/exe" -ef "$EXE" ] && ! flock -n "$file" true
}

# ---- starting ----

# All that a recipe can hold is not what it is by default: a cgroup, a marked environment, a umask, limits, a nice
# value, an oom_score_adj and a group of its own.
start_by_hand() {
	make_cgroup real
	SERVICE_ENV=(PATH=/usr/bin:/bin "MARK=$T" "SPACED=two words" LC_ALL=C INVOCATION_ID=of-the-first-life)
	SERVICE_WRAP=(setpriv --groups "0,12345" nice -n 1 bash -c "echo \$\$ >'$CGROUP/cgroup.procs'
		echo 150 >/proc/self/oom_score_adj; umask 0027; ulimit -n 2345; exec \"\$@\"" --)
	start_program "$@"
}

# ---- before and after ----

# All of a process that has to be the same in its next life. Pipes and sockets have numbers of their own.
snapshot() {
	local pid=$1 fd

	stat_field "$pid" 17
	echo "exe $(readlink "/proc/$pid/exe")"
	echo "cwd $(readlink "/proc/$pid/cwd")"
	echo "root $(readlink "/proc/$pid/root")"
	for fd in 0 1 2; do
		echo "fd $fd $(readlink "/proc/$pid/fd/$fd" | sed 's/:\[[0-9]*\]$//')"
	done
	echo "nice $FIELD"
	echo "oom_score_adj $(<"/proc/$pid/oom_score_adj")"
	grep -E '^(Umask|TracerPid|Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp|Cpus_allowed):' "/proc/$pid/status"
	grep -E '^Max ' "/proc/$pid/limits"
	echo "argv:"
	tr -s '\0' '\n' <"/proc/$pid/cmdline"
	echo "environ:"
	# nginx and sshd write their title over it
	! grep -aqF "MARK=$T" "/proc/$pid/environ" || tr -s '\0' '\n' <"/proc/$pid/environ" | grep -v '^INVOCATION_ID='
	echo "cgroup:"
	cat "/proc/$pid/cgroup"
}

# stat_field PID N: the N-th field after the name, without a fork; sets FIELD.
stat_field() {
	local line

	FIELD=
	{ read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
	line=${line##*) }
	read -r -a line <<<"$line"
	FIELD=${line[$2 - 1]}
}

# Sets PIDS: who runs this daemon's binary; and MAINS: of them, those whose parent is none of them. By programs
# and not by loops, each step of which costs a test some 10 ms.
find_mains() {
	mapfile -t PIDS < <(find /proc/[0-9]*/exe -maxdepth 0 -lname "$EXE" -printf '%h\n' 2>/dev/null)
	MAINS=()
	[ ${#PIDS[@]} -eq 0 ] || mapfile -t MAINS < <(cat "${PIDS[@]/%//stat}" 2>/dev/null |
		awk '{ pid = $1; sub(/.*\) /, ""); parent[pid] = $2 }
			END { for (pid in parent) if (!(parent[pid] in parent)) print pid }')
}

one_main() {
	find_mains
	[ ${#MAINS[@]} = 1 ]
}

no_main() {
	find_mains
	[ ${#MAINS[@]} = 0 ]
}

main_alone_is() {
	one_main && [ "${MAINS[0]}" = "$1" ]
}

# Beside the main one there are that many at least.
workers_are() {
	find_mains
	[ ${#PIDS[@]} -gt "$1" ]
}

expect_nobody_traced() {
	find_mains
	! grep -hs '^TracerPid:' "${PIDS[@]/%//status}" | grep -qv $'\t0$'
}

# begin_daemon NAME [LINE...]: it is started and up under obitd, and its picture is taken.
begin_daemon() {
	"prepare_$1"
	ASK=ask_$1
	shift
	start_obitd "$(watch_text real "$WATCHED" "backoff_initial = 50ms" "backoff_max = 200ms" "${WATCH[@]}" "$@")"
	: >"$T/service.out"
	chmod 0666 "$T/service.out"
	start_by_hand "${START[@]}"
	retry_until 10 "$ASK"
	wait_state real up
	retry_until 10 one_main
	MAIN=$(ls_field real .pid)
	main_alone_is "$MAIN"
	retry_until 5 workers_are "$WORKERS"
	snapshot "$MAIN" >"$T/before"
	obit show real --json | grep -q "MARK=$T"
	grep -q "$CGROUP_PATH" "$T/before"
	expect_nobody_traced
}

# Another one than MAIN is up, and answers; it may still be on its way into the background.
is_back() {
	local state pid

	read -r state pid < <(ls_field real '"\(.state) \(.pid)"')
	[ "$state" = up ] && [ "$pid" != "$MAIN" ] && "$ASK"
}

as_before() {
	snapshot "$MAIN" >"$T/after" 2>/dev/null && cmp -s "$T/before" "$T/after"
}

# After a death: serving again, one main process, just as it was.
expect_back() {
	retry_until 20 is_back
	retry_until 5 one_main
	MAIN=$(ls_field real .pid)
	main_alone_is "$MAIN"
	retry_until 3 as_before || {
		diff -u "$T/before" "$T/after"
		return 1
	}
	retry_until 5 workers_are "$WORKERS"
	expect_nobody_traced
}

# kill_and_expect_back SIGNAL WAITSTATUS
kill_and_expect_back() {
	local pid=$MAIN

	kill "-$1" "$pid"
	expect_back
	expect_respawned "$pid" "$2"
}

expect_respawned() {
	# with workers alive, these are stopped first
	[[ "$(last_death "$1" '"\(.role) \(.wait_status) \(.action)"')" == "main $2 "@(respawn|stop-members) ]]
}
