#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What lives in a container of podman's: see engine.bash.
# shellcheck disable=SC2034 # what lib.bash reads

load lib
load engine

ENGINE=podman
IMAGE=localhost/obit-test:1

setup() {
	obit_setup
	command -v podman >/dev/null || skip "no podman here"
	command -v runc >/dev/null || skip "no runc here"
	command -v busybox >/dev/null || skip "no busybox here"
	PARENT=/obit-test-$$-$BATS_TEST_NUMBER
	RUN_OPTIONS=(--cgroup-parent="$PARENT")
	write_settings
	make_image
}

teardown() {
	[ -z "${PARENT:-}" ] || engine rm -fa -t 0 >/dev/null 2>&1 || true
	[ -z "${PARENT:-}" ] || remove_engine_cgroups "$PARENT" # podman leaves the upper one
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

@test "podman restarts it, by its policy: left to it" {
	left_to_the_engine
}

@test "podman does not: told to restart it, once; what podman stops is left alone" {
	done_by_the_engine
}
