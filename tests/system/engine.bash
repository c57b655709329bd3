# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# What lives in a container of docker's or podman's, which take the same words: the engine brings it back by its restart
# policy, or obit has it do so. The image is made here, of one static program; nothing is fetched, and the containers have
# no network. A file of tests says which by ENGINE, and how by engine(), IMAGE and RUN_OPTIONS.
# shellcheck disable=SC2154,SC2034 # what lib.bash sets, and reads

# The program of the containers is of this test alone.
make_image() {
	PROGRAM=/busybox-of-$(basename "$T")
	mkdir -p "$T/image"
	install -m 0755 "$(command -v busybox)" "$T/image$PROGRAM"
	tar -C "$T/image" -cf "$T/image.tar" .
	engine import "$T/image.tar" "$IMAGE" >/dev/null
}

# remove_engine_cgroups PATH: in every hierarchy, with all below; who has ended may be there until it is reaped.
remove_engine_cgroups() {
	retry_until 10 no_cgroup_below "$1"
}

no_cgroup_below() {
	find /sys/fs/cgroup -depth -type d -path "*$1*" -exec rmdir {} + 2>/dev/null || true
	[ -z "$(find /sys/fs/cgroup -type d -path "*$1*" 2>/dev/null)" ]
}

# start_container OPTION...: and obitd sees it run. $ID is its name among the engine's.
start_container() {
	start_obitd "$(watch_text box "$PROGRAM" 'container = any' 'backoff_initial = 10s')"
	ID=$(engine run -d --network none "${RUN_OPTIONS[@]}" "$@" "$IMAGE" "$PROGRAM" sleep 300)
	wait_state box up
	PID=$(ls_field box .pid)
}

engine_pid() {
	engine inspect --type container --format '{{.State.Pid}}' "$ID"
}

runs_as_another() {
	local pid

	pid=$(ls_field box .pid)
	[ "$pid" != null ] && [ "$pid" != "$PID" ] && [ "$pid" = "$(engine_pid)" ]
}

outcome_is() {
	[ "$(last_death box ".outcome$1")" = "$2" ]
}

# Once, and the instance that it was.
expect_back() {
	retry_until 20 runs_as_another
	retry_until 5 outcome_is .action restarted
	outcome_is .new_pid "$(engine_pid)"
	[ "$(pids_of "$PROGRAM" | wc -l)" = 1 ]
	[ "$(ls_field box '.instances | length')" = 1 ]
	[ "$(last_death box .action)" = ask-owner ]
	[ "$(last_death box .container)" = "$ID" ]
	[ "$(last_death box .container_runtime)" = "$ENGINE" ]
	obit why box | grep -q "^Restarted by its owner $ENGINE (pid [0-9]*)\.$"
}

# ---- the tests ----

left_to_the_engine() {
	start_container --restart=on-failure:3
	kill -KILL "$PID"
	expect_back
	[ "$(ls_field box .restarts)" = 0 ]
	[ "$(engine inspect --type container --format '{{.RestartCount}}' "$ID")" = 1 ]
}

done_by_the_engine() {
	start_container
	kill -KILL "$PID"
	expect_back
	[ "$(ls_field box .restarts)" = 1 ]
	log_has "box: by its owner $ENGINE: restarted at once"
	engine stop -t 1 "$ID" >/dev/null
	wait_state box ended
	log_has "box: .*stopped by its owner $ENGINE: not respawned"
	[ "$(engine inspect --type container --format '{{.State.Status}}' "$ID")" = exited ]
	refute outcome_is .action restarted
}
