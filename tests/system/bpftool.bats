#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What bpftool(8) sees: the pinned maps with their types, the programs by their names.

load lib

setup() {
	obit_setup
	# shellcheck disable=SC2034 # of lib.bash: without --ephemeral
	OBITD_OPTIONS=()
	copy_victim service
}

teardown() {
	obit_teardown
}

# dump MAP: its entries as JSON, with the names of the fields.
dump() {
	bpftool -j map dump pinned "$PIN_DIR/$1" | jq '[.[].formatted]'
}

# seen WATCH FIELD: of the map of watches; "null" where the watch is not there.
seen() {
	dump watches | jq -c --arg name "$1" "[.[] | select(.key.name == \$name) | .value][0]$2"
}

# A fork alone does not wake obitd; a question does.
seen_is() {
	obit stats >/dev/null
	[ "$(seen "$1" "$2")" = "$3" ]
}

@test "the map watches: of each its processes, deaths, respawns and the last death" {
	start_obitd "$(watch_text web "$T/service")
$(watch_text idle "$T/nothing")"
	seen_is web .deaths 0
	seen_is web .last_death 0
	seen_is idle .processes 0
	start_service --workers 2
	wait_events worker 2
	retry_until 5 seen_is web .processes 3
	seen_is web .respawns 0
	local pid
	pid=$(service_pid)
	kill -KILL "$pid"
	wait_events worker 4
	retry_until 5 seen_is web .processes 3
	seen_is web '| [.deaths, .respawns, .last_pid, .last_wait_status]' "[1,1,$pid,9]"
	# in the time of the kernel, which is that of the letters: between the birth of the old one and now
	local now
	now=$(awk '{ printf "%d", $1 * 1000 }' /proc/uptime)
	[ $(($(seen web .last_death) / 1000000)) -le $((now + 20)) ]
	[ $(($(seen web .last_death) / 1000000)) -gt $((now - 60000)) ]
	seen_is idle .deaths 0
	obit stop web
	retry_until 5 seen_is web .processes 0
	seen_is web '| [.deaths, .respawns]' "[2,1]"
}

@test "the map watches follows a reload, and goes on with the next daemon" {
	start_obitd "$(watch_text web "$T/service")
$(watch_text old "$T/nothing")"
	start_watched_service web
	kill -KILL "$(service_pid)"
	wait_events up 2
	retry_until 5 seen_is web .processes 1
	write_conf "$(watch_text web "$T/service")
$(watch_text new "$T/nothing")"
	obit reload
	retry_until 5 seen_is new .deaths 0
	seen_is old "" null
	seen_is web '| [.processes, .deaths, .respawns]' "[1,1,1]"
	kill_obitd
	write_conf "$(watch_text web "$T/service")"
	launch_obitd
	retry_until 5 seen_is new "" null
	seen_is web '| [.processes, .deaths, .respawns, .last_wait_status]' "[1,1,1,9]"
}

@test "the letters, the counters and who belongs where have names" {
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	local pid
	pid=$(service_pid)
	dump processes | jq -e --argjson pid "$pid" '.[] | select(.key.tgid == $pid)
		| .value.exec_sequence > 0 and .value.exit.sequence == 0'
	dump members | jq -e --argjson pid "$pid" '.[] | select(.key.tgid == $pid) | .value.instance == 1'
	dump stats | jq -e '.[0].value | .untracked == 0 and .ring_lost == 0 and .tracked >= 1 and .execs >= 1'
	dump path_prefixes | jq -e --arg path "$T/service" '.[].key.text == $path'
}

@test "the programs and links have names, and the links are pinned" {
	start_obitd "$(watch_text web "$T/service")"
	local link
	for link in "$PIN_DIR"/link_*; do
		local name=${link##*/link_} id
		id=$(bpftool -j link show pinned "$link" | jq .prog_id)
		# the kernel keeps 15 bytes of a name
		[[ "$name" = "$(bpftool -j prog show id "$id" | jq -r .name)"* ]]
	done
	[ -e "$PIN_DIR/link_obit_exit" ] || [ -e "$PIN_DIR/link_obit_exit_before_6_16" ] ||
		[ -e "$PIN_DIR/link_obit_exit_first" ]
}

# What the document shows of the maps is what they have: each field that it names, in the map whose dump it shows.
@test "doc/observe-with-bpftool.md names the fields that there are" {
	start_obitd "$(watch_text web "$T/service")"
	start_watched_service web
	kill -KILL "$(service_pid)"
	wait_events up 2
	local map page=$BATS_TEST_DIRNAME/../../doc/observe-with-bpftool.md
	for map in watches stats processes members; do
		awk -v map="$map" '/^# bpftool map dump pinned/ { on = $0 ~ "/" map "$"; next }
			/^```/ { on = 0 } on' "$page" >"$T/shown"
		grep -oE '"[a-z_0-9]+":' "$T/shown" | sort -u >"$T/shown.names"
		[ -s "$T/shown.names" ]
		bpftool map dump pinned "$PIN_DIR/$map" | grep -oE '"[a-z_0-9]+":' | sort -u >"$T/names"
		[ -z "$(comm -23 "$T/shown.names" "$T/names")" ]
	done
}
