#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What lives in a container of docker's, with a dockerd of each test's own: see ../system/engine.bash. Apart from the suite,
# since docker is 200 MB more to install.
# shellcheck disable=SC2034 # what lib.bash reads

load ../system/lib
load ../system/engine

ENGINE=docker
IMAGE=obit-test:1
RUN_OPTIONS=() # in a cgroup of another parent nothing tells that it is docker's

setup() {
	obit_setup
	command -v dockerd >/dev/null || skip "no docker here"
	export DOCKER_HOST=unix://$T/docker.sock
	start_dockerd
	make_image
}

teardown() {
	[ -z "${ID:-}" ] || engine rm -f "$ID" >/dev/null 2>&1 || true
	[ -z "${DOCKERD:-}" ] || stop_dockerd
	[ -z "${ID:-}" ] || remove_engine_cgroups "/docker/$ID"
	rmdir /sys/fs/cgroup/docker /sys/fs/cgroup/*/docker 2>/dev/null || true # unless another one has containers
	obit_teardown
}

start_dockerd() {
	dockerd --data-root "$T/docker" --exec-root "$T/run" --pidfile "$T/docker.pid" -H "$DOCKER_HOST" --bridge=none \
		--iptables=false --ip6tables=false --ip-forward=false --ip-masq=false --storage-driver=vfs \
		--exec-opt native.cgroupdriver=cgroupfs >"$T/docker.log" 2>&1 3>&- &
	DOCKERD=$!
	retry_until 30 engine version >/dev/null
}

stop_dockerd() {
	kill "$DOCKERD"
	retry_until 20 is_dead "$DOCKERD" || kill -KILL "$DOCKERD"
}

engine() {
	timeout 30 docker "$@" 3>&-
}

@test "docker restarts it, by its policy: left to it" {
	left_to_the_engine
}

@test "docker does not: told to restart it, once; what docker stops is left alone" {
	done_by_the_engine
}
