#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Core dumps: whether there was one, and where it went, as this machine's core_pattern has it.

load lib
load killer

PATTERN=$(cat /proc/sys/kernel/core_pattern)

setup() {
	killer_setup
	mkdir "$T/cores"
}

teardown() {
	obit_teardown
}

# Where the kernel puts the core file of PID, whose directory is $T/cores; nothing where the pattern
# has more in it than a name.
expected_path() {
	local name=$PATTERN

	[[ "$name" != *%* ]] || return 0
	[ "$(cat /proc/sys/kernel/core_uses_pid)" = 0 ] || name=$name.$1
	[[ "$name" == /* ]] || name=$T/cores/$name
	echo "$name"
}

# core_is_told PID
core_is_told() {
	local core path program

	core=$(last_death "$1" .core)
	read -r program _ <<<"${PATTERN#|}"
	echo "pid $1, core_pattern $PATTERN: $core"
	[ "$core" != null ]
	path=$(jq -r '.path // ""' <<<"$core")
	if [[ "$PATTERN" == "|"* ]]; then
		[ -z "$path" ]
		[[ "$(jq -r .handler <<<"$core")" == "$program"* ]]
		return
	fi
	[ "$(jq .handler <<<"$core")" = null ]
	[ -z "$(expected_path "$1")" ] || [ "$path" = "$(expected_path "$1")" ]
	[ -z "$path" ] || [ -s "$path" ]
}

# dump CASE: its core is told, and then removed, as the next one may have the same name.
dump() {
	local pid

	(cd "$T/cores" && exec "$T/killer" "$1") >>"$T/truth" 3>&-
	pid=$(tail -n 1 "$T/truth" | jq .pid)
	[ "$(tail -n 1 "$T/truth" | jq .core_dumped)" = true ] || skip "no core was dumped ($PATTERN)"
	retry_until 5 has_died "$pid"
	core_is_told "$pid"
	rm -f "$(last_death "$pid" '.core.path // ""')"
}

@test "core dumps are told, with the file that is there, or who has taken it" {
	local name
	for name in core-abort core-fault core-thread core-sent core-trap; do
		dump "$name"
	done
	sentinel 2
	compare 5
}

@test "a core that a thread dumps which is not the last to go" {
	local mode pid
	for mode in thread-segv leader-then-segv abort; do
		(cd "$T/cores" && exec "$T/victim" --core "$mode") 3>&- &
		pid=$!
		wait "$pid" || true
		retry_until 5 has_died "$pid"
		echo "$mode: $(last_death "$pid" .wait_status)"
		(($(last_death "$pid" .wait_status) & 128)) || skip "no core was dumped ($PATTERN)"
		[ "$(last_death "$pid" .core_dumped)" = true ]
		core_is_told "$pid"
		rm -f "$(last_death "$pid" '.core.path // ""')"
	done
}

@test "no core is told where none was dumped" {
	"$T/killer" kill raise-term exits >"$T/truth" 3>&-
	sentinel 2
	compare 3
	[ "$(jq -s 'map(select(.watch == "mortal" and has("core") and .core == null)) | length' "$T/tail")" = 3 ]
}
