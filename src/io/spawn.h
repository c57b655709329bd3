/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Makes a child that is what its recipe says, and nothing of the daemon's. */
#ifndef OBIT_IO_SPAWN_H
#define OBIT_IO_SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/launch.h"

/* The children are made by a small process of their own, started before the daemon has opened anything: so
 * making one costs next to nothing, nothing of the daemon's can leak into it, and where a path hangs
 * (a dead network file system) the daemon does not. The children are the daemon's all the same. */
struct spawner;

/* Starts that process. 0 or -errno. The caller owns *ret. */
int spawner_start(struct spawner **ret);
/* Its pid: a child of the caller, to be started again if it should die. */
pid_t spawner_pid(const struct spawner *spawner);
/* Ends it; children that it has made live on. NULL is fine. */
void spawner_stop(struct spawner *spawner);
/* Kills it without waiting for it, for the caller's reaping: one that sleeps with a child that hangs. That child
 * lives on; what else it was asked for is never made. NULL is fine. */
void spawner_abandon(struct spawner *spawner);

/* The cgroup that the child goes to, from cgroupfs_open(); borrowed; -1: the daemon's own. */
struct spawn_place {
	int fd;
	bool v2; /* fd is a directory for CLONE_INTO_CGROUP, else a cgroup.procs of v1 */
	bool move; /* of v2: born elsewhere, and moved there. Some kernels (6.18 is one) kill whatever is cloned into a
		      cgroup that was killed as a whole once (cgroup.kill). */
};

/* Which launch the child is for, and where the kernel side looks for that. */
struct spawn_number {
	uint64_t number;
	int map; /* bpf_source_launch_fd() */
};

/* A child that was asked for. */
struct spawn_child {
	int report_fd; /* non-blocking: for spawn_report_read() when it is readable; -1: none was asked for */
	int go_fd; /* of one that is held, until it is released; else -1 */
};

#define SPAWN_NO_CHILD ((struct spawn_child){.report_fd = -1, .go_fd = -1})

/* Asks for a child that restores, in this order: session, cgroup, limits, credentials (verified), and only
 * then, with the target's rights, directory and files. One that is `held` waits there for its release, so that all
 * that can be done before the old process is gone is done by then, and the spawner waits with it: who asks for a second
 * child must release or discard the first one. Held or not, it leaves where it finds itself discarded or the
 * caller dead; so it does where others than root can change what the launch guards. Never blocks. 0, or -errno when it
 * could not even be asked for. */
int spawner_ask(struct spawner *spawner, const struct launch *launch,
		const struct spawn_place *place, const struct spawn_number *number, bool held,
		struct spawn_child *ret);

/* Lets the child execute its program. One that has left already says why in its report. */
void spawn_release(struct spawn_child *child);

/* Forgets the child; one that has not executed its program leaves, unless it is about to. */
void spawn_discard(struct spawn_child *child);

struct spawn_report {
	pid_t pid;    /* of the child, the caller's to reap; 0: not born yet */
	bool execed;  /* false: the child is gone, see error */
	bool refused; /* nothing may be started by its recipe, as things are: .text says why */
	int error;    /* errno of what failed, positive */
	char text[RECIPE_SENTENCE_SIZE]; /* what failed, in words; "" if nothing */
	char notices[256]; /* what could not be restored but did not stop it; "" if nothing */
};

/* A report of which nothing is read yet. */
void spawn_report_init(struct spawn_report *report);

/* Takes what the child has said so far, without blocking. True when it has said all: it has exec'd, or it is
 * gone. */
bool spawn_report_read(int report_fd, struct spawn_report *report);

#endif
