#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What it used and how long it lived, as wait4(2) gives it to the parent.

load lib
load killer

setup() {
	killer_setup
}

teardown() {
	obit_teardown
}

# One line for each number that is too far from what the parent was told. The letter is written a moment
# before the memory is given back, which the parent's numbers include; and the CPU time that a victim burns counts
# from its fork, its life from its exec.
# shellcheck disable=SC2016 # the dollars are jq's
FAR_OFF='
	def between($low; $high): . != null and . >= $low and . <= $high;
	def least: {burns: 300e6, waits: 300e6, "leader-leaves": 100e6, "hogs-and-faults": 50e6};
	$truth[] as $real | $told[] | select(.pid == $real.pid and .watch == "mortal")
	| ((select(.max_rss_kib != $real.max_rss_kib) | "max_rss_kib"),
	  (select(.major_faults | between($real.major_faults - 1; $real.major_faults) | not)
		| "major_faults"),
	  (select(.minor_faults | between($real.minor_faults - 8; $real.minor_faults) | not)
		| "minor_faults"),
	  (select(.cpu_ns | between($real.cpu_ns * 0.9 - 10e6 * $patience; $real.cpu_ns + 1e6) | not) | "cpu_ns"),
	  (select(.lived_ns | between((least[$real.case] // 0) * 0.9; $real.lived_ns) | not) | "lived_ns"))
	as $key | "\($real.case): \($key) is \($real[$key]), told as \(.[$key])"'

far_off() {
	jq -n -r --argjson patience "${PATIENCE:-1}" --slurpfile truth "$T/truth" --slurpfile told "$T/tail" "$FAR_OFF"
}

@test "cpu time, peak memory, page faults and life time are those of the parent's rusage" {
	expect_truth 7 usage
	[ -z "$(far_off)" ] || {
		far_off
		return 1
	}
}

@test "the same of deaths while nobody reads" {
	kill -STOP "$OBITD_PID"
	"$T/killer" usage >"$T/truth" 3>&-
	kill -CONT "$OBITD_PID"
	sentinel 2
	[ -z "$(far_off)" ] || {
		far_off
		return 1
	}
}

@test "numbers that are far off are found" {
	expect_truth 1 burns
	[ -z "$(far_off)" ]
	local change
	cp "$T/truth" "$T/good"
	for change in '.cpu_ns *= 1.5' '.cpu_ns *= 0.8' '.max_rss_kib += 4' '.minor_faults += 20' \
		'.lived_ns = 1000'; do
		jq -c "$change" "$T/good" >"$T/truth"
		echo "$change"
		[ -n "$(far_off)" ]
	done
}
