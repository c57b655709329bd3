// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The dead until they are gone: reaped, or out of a cgroup that is to be empty. Then their instance may be over. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "io/proc.h"
#include "io/sys.h"

void farewells_forget_straggler(struct attachment *attachment)
{
	loop_source_free(TAKE_PTR(attachment->straggler));
	close_fdp(&attachment->straggler_fd);
	attachment->straggler_fd = -1;
}

static bool lives(pid_t pid)
{
	struct proc_identity who = {0};
	int r = pid != getpid() ? proc_identify(pid, &who) : -ESRCH;

	free(who.exe);
	return r == 0 ? !who.is_dead : r != -ESRCH;
}

static void on_straggler_gone(void *arg, uint32_t events)
{
	struct attachment *attachment = arg;

	(void)events;
	farewells_forget_straggler(attachment);
	farewells_tell_if_over(attachment->daemon, attachment->instance);
}

/* One at a time: when it is gone, the next look finds who is left. True if there is somebody to wait for. */
static bool await_straggler(struct daemon *daemon, struct instance *instance)
{
	struct attachment *attachment = instance->attachment;
	const char *path;
	pid_t pid;

	if (!attachment->emptying || attachment->straggler)
		return attachment->straggler;
	path = signals_cgroup(daemon, instance->recipe);
	if (!path)
		return false;
	pid = cgroupfs_find(&daemon->cgroupfs, instance->recipe->facts->cgroup_hierarchy, path,
			    lives);
	if (!pid)
		return false;
	attachment->straggler_fd = sys_pidfd_open(pid, 0);
	if (attachment->straggler_fd < 0)
		return errno == ESRCH && await_straggler(daemon, instance);
	return loop_add(daemon->loop, attachment->straggler_fd, EPOLLIN, on_straggler_gone,
			attachment, &attachment->straggler) == 0;
}

void farewells_tell_if_over(struct daemon *daemon, struct instance *instance)
{
	struct policy_input gone = {.kind = INPUT_ALL_GONE};

	if (!instance || !lineage_is_over(instance, watch_of(daemon, instance)->kill_mode) ||
	    await_straggler(daemon, instance))
		return;
	((struct attachment *)instance->attachment)->emptying = false;
	act_step(daemon, instance, &gone, NULL);
}

static void farewell_free(struct farewell *farewell)
{
	DL_DELETE(farewell->daemon->farewells, farewell);
	loop_source_free(farewell->source);
	close_fdp(&farewell->pidfd);
	free(farewell);
}

static void is_gone(struct daemon *daemon, const struct obit_key *key)
{
	struct process *process = lineage_find(&daemon->lineage, key);
	struct instance *instance = process ? process->instance : NULL;

	if (!process)
		return;
	lineage_gone(&daemon->lineage, process);
	farewells_tell_if_over(daemon, instance);
}

static void on_gone(void *arg, uint32_t events)
{
	struct farewell *farewell = arg;
	struct daemon *daemon = farewell->daemon;
	struct obit_key key = farewell->key;

	(void)events;
	farewell_free(farewell);
	is_gone(daemon, &key);
}

/* Of whoever has the pid now: where that has ended, who had it before is gone, too. */
static bool has_ended(int pidfd)
{
	struct pollfd end = {.fd = pidfd, .events = POLLIN};

	return poll(&end, 1, 0) > 0;
}

void farewells_await(struct daemon *daemon, const struct obit_key *key, bool long_ago)
{
	_cleanup_close_ int pidfd = sys_pidfd_open((pid_t)key->tgid, 0);
	struct farewell *farewell;

	if (pidfd < 0 && errno != ESRCH)
		log_warning("pid %u: cannot wait for its end: %s; a successor may find its ports "
			    "held still",
			    key->tgid, strerror(errno));
	if (pidfd < 0 || has_ended(pidfd) ||
	    !(long_ago ? proc_exists(key) : proc_is_unreaped(key))) {
		is_gone(daemon, key); /* reaped already */
		return;
	}
	farewell = calloc(1, sizeof(*farewell));
	if (!farewell) {
		log_error("pid %u: out of memory while waiting for its end", key->tgid);
		is_gone(daemon, key);
		return;
	}
	farewell->daemon = daemon;
	farewell->key = *key;
	farewell->pidfd = TAKE_FD(pidfd);
	DL_APPEND(daemon->farewells, farewell);
	if (loop_add(daemon->loop, farewell->pidfd, EPOLLIN, on_gone, farewell, &farewell->source) <
	    0)
		on_gone(farewell, 0);
}

void farewells_free(struct daemon *daemon)
{
	struct farewell *farewell, *next;

	DL_FOREACH_SAFE (daemon->farewells, farewell, next)
		farewell_free(farewell);
}
