#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A local user without any privilege wants what is root's, or what is another user's.
# shellcheck disable=SC2034,SC2030,SC2031 # variables of lib.bash; each test is a process of its own

load lib

setup() {
	obit_setup
	chmod 0711 "$T"
	copy_victim victim web
}

teardown() {
	obit_teardown
}

# As an ordinary login user.
as_user() {
	setpriv --reuid 12345 --regid 12345 --clear-groups -- "$@"
}

user_namespaces_work() {
	as_user unshare -Ur true 2>/dev/null
}

@test "a user cannot pose as a watched program with a mount of their own" {
	user_namespaces_work || skip "unprivileged user namespaces are off"
	start_obitd "$(watch_text web "$T/web" "uid = any" "restart = no")"
	install -m 0755 "$VICTIMS/victim" "$T/poser"
	chown 12345 "$T/poser"
	# the user's own file, bound over the watched path in a mount namespace of the user's
	as_user unshare -Urm sh -c "mount --bind '$T/poser' '$T/web' && '$T/web' exit 3" || true
	# and reached from outside of it through /proc
	as_user unshare -Ur sh -c "
		unshare -m sh -c \"mount --bind '$T/poser' '$T/web'; echo; read x\" &
		sleep_for=\$!
		for i in 1 2 3 4 5 6 7 8 9; do
			cmp -s '$T/poser' /proc/\$sleep_for/root'$T/web' && break
		done
		/proc/\$sleep_for/root'$T/web' exit 3
		kill \$sleep_for" </dev/null || true
	# the same program, by its real path and by root, is seen: so the posers would have been told before
	"$T/web" exit 4 || true
	retry_until 5 deaths_are web 1
	[ "$(ls_field web .last_death.exit_status)" = 4 ]
}

@test "uid = service leaves login users out, whoever was told what" {
	start_obitd "$(watch_text web "$T/web" "restart = no")"
	as_user "$T/web" exit 3 || true
	"$T/web" exit 4 || true
	retry_until 5 deaths_are web 1
	[ "$(ls_field web .last_death.exit_status)" = 4 ]
}

@test "what a user ran while obitd was dead is not root's watch's afterwards" {
	OBITD_OPTIONS=()
	start_obitd "$(watch_text web "$T/web" "restart = no")"
	kill_obitd
	as_user "$T/web" exit 3 || true
	OBITD_OPTIONS=(--ephemeral)
	launch_obitd
	"$T/web" exit 4 || true
	retry_until 5 deaths_are web 1
	[ "$(ls_field web .last_death.exit_status)" = 4 ]
}

@test "user = hands neither argv nor environment of one user to another" {
	start_obitd "$(watch_text web "$T/web" "uid = any" "user = \"0\"")"
	as_user "$T/web" exit 3 || true
	retry_until 5 deaths_are web 1
	[[ "$(ls_field web .note)" == *"another user"* ]]
	[ "$(ls_field web .state)" = ended ]
}

@test "a user's process gets neither the daemon's log nor its terminal" {
	copy_victim service
	start_obitd "$(watch_text web "$T/service" "uid = any")"
	mkdir "$T/home"
	chown 12345 "$T/home"
	# a pipe as standard output, whose other end is gone after the first life
	as_user setsid "$T/service" --state "$T/home/state" 2>&1 </dev/null 3>&- | cat >/dev/null &
	wait_state web up
	kill -KILL "$(ls_field web .pid)"
	retry_until 10 restarts_are web 1
	wait_state web up
	[ "$(readlink "/proc/$(ls_field web .pid)/fd/1")" = /dev/null ]
}

@test "root's log file is not followed through a link that a user has put there" {
	copy_victim service
	mkdir "$T/user" "$T/precious"
	: >"$T/precious/log"
	start_obitd "$(watch_text web "$T/service")"
	setsid "$T/service" --state "$T/service.state" >>"$T/user/log" 2>&1 </dev/null 3>&- &
	wait_state web up
	mv "$T/user" "$T/away"
	ln -s precious "$T/user"
	kill -KILL "$(ls_field web .pid)"
	retry_until 10 restarts_are web 1
	wait_state web up
	[ "$(readlink "/proc/$(ls_field web .pid)/fd/1")" = /dev/null ]
}

@test "obit stop NAME@NONSENSE stops nothing" {
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	local word
	for word in web@abc web@ web@1 web@4294967296; do
		RC=0
		obit stop "$word" || RC=$?
		[ "$RC" = 4 ]
	done
	state_is web up
}

@test "JSON is UTF-8, whatever a process calls itself" {
	copy_victim victim
	start_obitd "$(watch_text victims "$T/victim" "restart = no" "uid = any")"
	follow --all
	(exec -a "$(printf 'n\xff\x9b31mX')" "$T/victim" exit 5) || true
	cp "$T/victim" "$T/$(printf 's\xfe\x9bx')"
	"$T/$(printf 's\xfe\x9bx')" exit 6 || true
	sentinel 2
	obit why victims -n 9 --json >"$T/why"
	iconv -f utf-8 -t utf-8 "$T/why" >/dev/null
	[ "$(jq -c '[.[] | select(.exit_status == 5)][0].argv[0]' "$T/why")" = '"n��31mX"' ]
	grep '}$' "$T/tail" >"$T/lines"
	iconv -f utf-8 -t utf-8 "$T/lines" >/dev/null
	# others may die on this host meanwhile, with that status, too
	jq -e -n 'any(inputs; .exit_status == 6 and .role == "unwatched" and .comm == "s��x")' "$T/lines"
}
