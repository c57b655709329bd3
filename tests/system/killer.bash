# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# What tests/victims/killer knows of each death that it makes, held against what obit tells.

killer_setup() {
	obit_setup
	copy_victim victim
	copy_victim mortal
	copy_victim mortal stranger
	copy_victim sender
	copy_victim killer
	start_obitd "$(watch_text mortal "$T/mortal" "restart = no" "uid = any" "container = any")
$(watch_text sentinel "$T/victim" "restart = no" "uid = any")"
	follow
}

# One line for each thing that is told otherwise than it is: $T/truth against $T/tail.
# shellcheck disable=SC2016 # the dollars are jq's
DIFFERENCES='
	def told($pid): [$told[] | select(.pid == $pid and .watch == "mortal")];
	def agrees($key; $truth):
		if $key == "asked_by" and $truth != null then
			. != null and del(.before_ns) == $truth
			and .before_ns >= 0 and .before_ns < 90e9
		elif $key == "fault" and $truth != null then
			. as $fault | $fault != null and all($truth | keys[]; $fault[.] == $truth[.])
		else . == $truth end;
	$truth[] | . as $real | told(.pid) as $all
	| if $all | length != 1 then "\(.case): told \($all | length) times"
	  else $all[0] as $obituary
		| "wait_status", "core_dumped", "ppid", "parent_comm", "ns_pid", "cause", "killer",
		  "asked_by", "fault" | . as $key | select($real | has($key))
		| select($obituary[$key] | agrees($key; $real[$key]) | not)
		| "\($real.case) (\($obituary.signal)): \($key) is \($real[$key] | tojson), told as "
		  + "\($obituary | if has($key) then .[$key] | tojson else "nothing" end)"
	  end'

# compare N: N truths at least, each told once and as it is.
compare() {
	[ "$(wc -l <"$T/truth")" -ge "$1" ] || return 1
	jq -n -r --slurpfile truth "$T/truth" --slurpfile told "$T/tail" "$DIFFERENCES" >"$T/differences"
	[ ! -s "$T/differences" ] || {
		cat "$T/differences"
		return 1
	}
}

# expect_truth N GROUP|CASE...
expect_truth() {
	local least=$1

	shift
	rm -f "$T/differences"
	"$T/killer" "$@" >"$T/truth" 3>&- && sentinel 2 && compare "$least"
}
