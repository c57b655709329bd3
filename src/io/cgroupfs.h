/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Cgroups as a file system: where the hierarchies are mounted, and what is in them. A hierarchy is named
 * as in /proc/PID/cgroup: 0 is cgroup v2. Three of them can stand for a process, in this order: v2, and
 * where a process is in the root of that (hybrid and v1 layouts), v1 `pids` and `memory`. */
#ifndef OBIT_IO_CGROUPFS_H
#define OBIT_IO_CGROUPFS_H

#include <stdbool.h>
#include <sys/types.h>

#include "bpf/abi.h"
#include "core/proc_text.h"

#define CGROUPFS_HIERARCHIES PROC_TEXT_HIERARCHIES

struct cgroupfs {
	struct {
		char *mount;	 /* owned; NULL: not mounted */
		__u32 hierarchy; /* its number */
	} at[CGROUPFS_HIERARCHIES];
};

/* Reads where the hierarchies are. 0 or -errno; on failure `fs` is empty. */
int cgroupfs_init(struct cgroupfs *fs);
void cgroupfs_clear(struct cgroupfs *fs);

typedef void cgroupfs_fn(void *arg, const struct obit_cgroup *key, const char *path);
/* Calls `fn` for every cgroup of the three hierarchies, parents before children. */
void cgroupfs_walk(const struct cgroupfs *fs, cgroupfs_fn *fn, void *arg);

/* The cgroup that stands for a process, chosen as the kernel side chooses it. *ret_path is the caller's.
 * 0, -ESRCH where there is no such process, or another -errno. */
int cgroupfs_of(const struct cgroupfs *fs, pid_t pid, __u32 *ret_hierarchy, char **ret_path);

/* Opens what a child needs to be in that cgroup: the directory (v2, for CLONE_INTO_CGROUP), or cgroup.procs
 * (v1). Returns a descriptor, or -errno. */
int cgroupfs_open(const struct cgroupfs *fs, __u32 hierarchy, const char *path);

/* The first process of the cgroup and of those below it that is `wanted`; 0: there is none. */
pid_t cgroupfs_find(const struct cgroupfs *fs, __u32 hierarchy, const char *path,
		    bool (*wanted)(pid_t pid));

/* Signals every process of the cgroup and of those below it, all at once (cgroup.kill) where the kernel can.
 * 0 or -errno. */
int cgroupfs_signal(const struct cgroupfs *fs, __u32 hierarchy, const char *path, int signal);

#endif
