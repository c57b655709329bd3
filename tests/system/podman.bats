#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What lives in a container of podman's: podman brings it back by its restart policy, or obit has it do so. The image is
# made here, of one static program; nothing is fetched, and the containers have no network.
# shellcheck disable=SC2034 # what lib.bash reads

load lib

setup() {
	obit_setup
	command -v podman >/dev/null || skip "no podman here"
	command -v runc >/dev/null || skip "no runc here"
	command -v busybox >/dev/null || skip "no busybox here"
	PARENT=/obit-test-$$-$BATS_TEST_NUMBER
	PROGRAM=/busybox-of-$(basename "$T")
	write_settings
	make_image
}

teardown() {
	[ -z "${PARENT:-}" ] || engine rm -fa -t 0 >/dev/null 2>&1 || true
	remove_engine_cgroups
	obit_teardown
}

# Files of its own; what the kernel of a container, or a runner in one, may lack is not asked for.
write_settings() {
	export CONTAINERS_CONF=$T/containers.conf CONTAINERS_STORAGE_CONF=$T/storage.conf
	cat >"$CONTAINERS_CONF" <<-END
		[containers]
		default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
		netns = "none"
		[engine]
		cgroup_manager = "cgroupfs"
		runtime = "runc"
		events_logger = "file"
		tmp_dir = "$T/engine"
	END
	cat >"$CONTAINERS_STORAGE_CONF" <<-END
		[storage]
		driver = "vfs"
		graphroot = "$T/graph"
		runroot = "$T/run"
	END
}

engine() {
	timeout 30 podman "$@" 3>&-
}

make_image() {
	mkdir -p "$T/image"
	install -m 0755 "$(command -v busybox)" "$T/image$PROGRAM"
	tar -C "$T/image" -cf "$T/image.tar" .
	engine import -q "$T/image.tar" localhost/obit-test:1 >/dev/null
}

# In every hierarchy; podman leaves the upper one, and who has ended may be there until it is reaped.
remove_engine_cgroups() {
	[ -z "${PARENT:-}" ] || retry_until 10 no_cgroup_of_the_engine
}

no_cgroup_of_the_engine() {
	find /sys/fs/cgroup -depth -type d -path "*$PARENT*" -exec rmdir {} + 2>/dev/null || true
	[ -z "$(find /sys/fs/cgroup -type d -path "*$PARENT*" 2>/dev/null)" ]
}

# start_container OPTION...: and obitd sees it run. $ID is its name among podman's.
start_container() {
	start_obitd "$(watch_text box "$PROGRAM" 'container = any' 'backoff_initial = 10s')"
	ID=$(engine run -d --cgroup-parent="$PARENT" "$@" localhost/obit-test:1 "$PROGRAM" sleep 300)
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
	[ "$(last_death box .container_runtime)" = podman ]
	obit why box | grep -q '^Restarted by its owner podman (pid [0-9]*)\.$'
}

@test "podman restarts it, by its policy: left to it" {
	start_container --restart=on-failure:3
	kill -KILL "$PID"
	expect_back
	[ "$(ls_field box .restarts)" = 0 ]
	[ "$(engine inspect --type container --format '{{.RestartCount}}' "$ID")" = 1 ]
}

@test "podman does not: told to restart it, once; what podman stops is left alone" {
	start_container
	kill -KILL "$PID"
	expect_back
	[ "$(ls_field box .restarts)" = 1 ]
	log_has 'box: by its owner podman: restarted at once'
	engine stop -t 1 "$ID" >/dev/null
	wait_state box ended
	log_has 'box: .*stopped by its owner podman: not respawned'
	[ "$(engine inspect --type container --format '{{.State.Status}}' "$ID")" = exited ]
	refute outcome_is .action restarted
}
