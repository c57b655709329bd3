#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Where a process lives: overlay file systems, private mounts, containers, cgroups that come and go.
# shellcheck disable=SC2016 # the inner shells expand

load lib

setup() {
	obit_setup
	copy_victim victim
	copy_victim victim sentinel
}

teardown() {
	obit_teardown
}

# die COMMAND...: runs it to its end; PID is what it was.
die() {
	"$@" 3>&- &
	PID=$!
	wait "$PID" 2>/dev/null || true
}

expect_told() {
	retry_until 5 has_died "$PID"
	[ "$(last_death "$PID" .watch)" = "$1" ]
	[ "$(last_death "$PID" .exit_status)" = "$2" ]
}

# A death that is told says that those before it would have been.
expect_untold() {
	local pid=$PID

	die "$T/sentinel" exit 77
	retry_until 5 has_died "$PID"
	refute has_died "$pid"
}

SENTINEL() {
	watch_text sentinel "$T/sentinel" "restart = no"
}

# An overlay whose lower layer is on another file system than the upper one: there stat() tells another device
# than the kernel has.
make_overlay() {
	mkdir -p "$T/lower" "$T/layers" "$T/merged"
	mount -t tmpfs lower "$T/lower"
	install -m 0755 "$VICTIMS/victim" "$T/lower/victim"
	install -m 0755 "$VICTIMS/service" "$T/lower/service"
	mount -t tmpfs layers "$T/layers"
	mkdir "$T/layers/upper" "$T/layers/work"
	mount -t overlay overlay "$T/merged" \
		-o "lowerdir=$T/lower,upperdir=$T/layers/upper,workdir=$T/layers/work" ||
		skip "not here: this kernel has no overlay file system"
}

@test "an overlay file system: the merged path, from either layer, also after a copy-up" {
	make_overlay
	start_obitd "$(watch_text merged "$T/merged/victim" "restart = no"; SENTINEL)"
	die "$T/merged/victim" exit 3
	expect_told merged 3
	[ "$(last_death "$PID" .path)" = "$T/merged/victim" ]
	touch "$T/merged/victim"
	[ -e "$T/layers/upper/victim" ]
	die "$T/merged/victim" exit 4
	expect_told merged 4
	# the layers are other files
	die "$T/lower/victim" exit 5
	expect_untold
}

@test "a service on an overlay that runs already is found, and comes back from the upper layer after a copy-up" {
	make_overlay
	start_program "$T/merged/service" --state "$T/service.state"
	wait_events up 1
	start_obitd "$(watch_text web "$T/merged/service")"
	wait_state web up
	touch "$T/merged/service"
	kill -KILL "$(service_pid)"
	wait_events up 2
	retry_until 5 main_pid_is web "$(service_pid)"
	expect_same_start 1 2
}

# Each subvolume has a device of its own for stat(), and none for the kernel; a snapshot has the same inode numbers.
make_subvolumes() {
	truncate -s 128M "$T/disk"
	mkfs.btrfs --quiet --mixed "$T/disk"
	mkdir "$T/pool"
	mount -o loop "$T/disk" "$T/pool" || skip "not here: this kernel has no btrfs, or no loop device is free"
	btrfs subvolume create "$T/pool/bin" >/dev/null
	install -m 0755 "$VICTIMS/victim" "$VICTIMS/service" "$T/pool/bin"
	btrfs subvolume snapshot "$T/pool/bin" "$T/pool/old" >/dev/null
	[ "$(stat -c %d "$T/pool/bin/victim")" != "$(stat -c %d "$T/pool/old/victim")" ]
	[ "$(stat -c %i "$T/pool/bin/victim")" = "$(stat -c %i "$T/pool/old/victim")" ]
}

@test "a subvolume of btrfs: its own path and no snapshot's, found while it runs, and back from where it was" {
	make_subvolumes
	start_program "$T/pool/bin/service" --state "$T/service.state"
	wait_events up 1
	start_obitd "$(watch_text web "$T/pool/bin/service"
	watch_text v "$T/pool/bin/victim" "restart = no"; SENTINEL)"
	wait_state web up
	die "$T/pool/bin/victim" exit 3
	expect_told v 3
	die "$T/pool/old/victim" exit 4
	expect_untold
	kill -KILL "$(service_pid)"
	wait_events up 2
	retry_until 5 main_pid_is web "$(service_pid)"
	expect_same_start 1 2
	[ "$(readlink "/proc/$(service_pid)/exe")" = "$T/pool/bin/service" ]
}

@test "a subvolume that is mounted by itself means the path where it is" {
	make_subvolumes
	mkdir "$T/own"
	mount -o subvol=old "$(findmnt -no SOURCE "$T/pool")" "$T/own"
	start_obitd "$(watch_text own "$T/own/victim" "restart = no"; SENTINEL)"
	die "$T/own/victim" exit 5
	expect_told own 5
	[ "$(last_death "$PID" .path)" = "$T/own/victim" ]
	die "$T/pool/old/victim" exit 6
	expect_untold
}

@test "a mount namespace that root has made, as systemd's PrivateTmp does, is the host's" {
	mkdir "$T/private"
	start_obitd "$(watch_text v "$T/victim" "restart = no"; SENTINEL)"
	die unshare --mount --propagation private bash -c \
		'mount -t tmpfs private "$1/private" && exec "$1/victim" exit 6' _ "$T"
	expect_told v 6
}

@test "what root has mounted over a path is what that path means there" {
	mkdir "$T/bin"
	install -m 0755 "$VICTIMS/victim" "$T/bin/tool"
	install -m 0755 /dev/null "$T/place"
	start_obitd "$(watch_text place "$T/place" "restart = no"; SENTINEL)"
	die unshare --mount --propagation private bash -c \
		'mount --bind "$1/bin/tool" "$1/place" && exec "$1/place" exit 7' _ "$T"
	expect_told place 7
	die "$T/bin/tool" exit 7
	expect_untold
}

# in_cgroup DIRECTORY COMMAND...
in_cgroup() {
	die bash -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' _ "$@"
}

@test "a container that shares the host's pids and files is no container = no, and container says which" {
	local id within
	id=$(printf '%s' "$T" | sha256sum | cut -c1-64)
	make_cgroup "docker-$id.scope"
	within=$CGROUP
	start_obitd "$(watch_text host "$T/victim" "restart = no" 'args = "exit 1"')
$(watch_text any "$T/victim" "restart = no" 'args = "exit 2"' "container = any")
$(watch_text that "$T/victim" "restart = no" 'args = "exit 3"' "container = \"${id:0:12}*\"")
$(watch_text other "$T/victim" "restart = no" 'args = "exit 4"' 'container = "0123456789ab*"')
$(SENTINEL)"
	in_cgroup "$within" "$T/victim" exit 1
	expect_untold
	in_cgroup "$within" "$T/victim" exit 2
	expect_told any 2
	[ "$(last_death "$PID" .container)" = "$id" ]
	[ "$(last_death "$PID" .container_runtime)" = docker ]
	in_cgroup "$within" "$T/victim" exit 3
	expect_told that 3
	in_cgroup "$within" "$T/victim" exit 4
	expect_untold
	# on the host, container = NAME means nothing
	die "$T/victim" exit 3
	expect_untold
	die "$T/victim" exit 1
	expect_told host 1
}

@test "cgroups that live for milliseconds: each death is told with the cgroup that is gone" {
	make_cgroup jobs
	local jobs=$CGROUP path=$CGROUP_PATH i
	start_obitd "watch jobs { cgroup = \"$path/job-*\" restart = no }
$(SENTINEL)"
	for i in {1..30}; do
		mkdir "$jobs/job-$i"
		in_cgroup "$jobs/job-$i" "$T/victim" exit "$i"
		until rmdir "$jobs/job-$i" 2>/dev/null; do :; done # a zombie may still be in it
	done
	die "$T/sentinel" exit 77
	retry_until 5 has_died "$PID"
	obit log --watch jobs --json | jq -r 'select(.exit_status != null and (.path | endswith("/victim")))
		| "\(.exit_status) \(.cgroup)"' >"$T/told"
	diff <(for i in {1..30}; do echo "$i $path/job-$i"; done) "$T/told"
}

@test "who moves to another cgroup belongs where it was born, and is told from where it died" {
	make_cgroup one
	local one=$CGROUP one_path=$CGROUP_PATH two two_path
	make_cgroup two
	two=$CGROUP two_path=$CGROUP_PATH
	start_obitd "watch one { cgroup = \"$one_path\" restart = no }
watch two { cgroup = \"$two_path\" restart = no }
$(SENTINEL)"
	bash -c 'echo $$ >"$1/cgroup.procs" && exec "$2" pause' _ "$one" "$T/victim" 3>&- &
	PID=$!
	retry_until 5 main_pid_is one "$PID"
	echo "$PID" >"$two/cgroup.procs"
	kill -KILL "$PID"
	wait "$PID" 2>/dev/null || true
	retry_until 5 has_died "$PID"
	[ "$(last_death "$PID" .watch)" = one ]
	[ "$(last_death "$PID" .cgroup)" = "$two_path" ]
	[ "$(obit log --json | jq -s --argjson pid "$PID" 'map(select(.pid == $pid)) | length')" = 1 ]
	# out of all that is watched
	bash -c 'echo $$ >"$1/cgroup.procs" && exec "$2" pause' _ "$one" "$T/victim" 3>&- &
	PID=$!
	retry_until 5 main_pid_is one "$PID"
	echo "$PID" >"$(cgroup2_mount)/cgroup.procs"
	kill -KILL "$PID"
	wait "$PID" 2>/dev/null || true
	retry_until 5 has_died "$PID"
	[ "$(last_death "$PID" .watch)" = one ]
}
