// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Signals to whom kill_mode says. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "io/proc.h"
#include "io/sys.h"

/* False where it could not be told, though it lives. */
static bool signal_process(const struct process *process, int signal)
{
	_cleanup_close_ int pidfd = sys_pidfd_open((pid_t)process->key.tgid, 0);
	int r = pidfd < 0 ? -1 : 0;

	/* The pidfd is of whoever has the pid now; the key says whether that is still the one meant. */
	if (pidfd >= 0 && proc_exists(&process->key))
		r = (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
	if (r == 0 || errno == ESRCH)
		return true;
	log_error("pid %u cannot be sent signal %d: %s", process->key.tgid, signal,
		  strerror(errno));
	return false;
}

const char *signals_cgroup(const struct daemon *daemon, const struct recipe *recipe)
{
	const char *path = recipe ? recipe->cgroup : NULL;

	if (!path || !strcmp(path, "/") ||
	    glance_is_own_cgroup(daemon, &recipe->facts->cgroup_hierarchy, path))
		return NULL;
	return path;
}

/* kill_mode = cgroup: offspring and strangers in the service's cgroup too. */
static bool kill_cgroup(struct daemon *daemon, const struct recipe *recipe, int signal)
{
	__u32 hierarchy = recipe ? recipe->facts->cgroup_hierarchy : 0;
	const char *path = signals_cgroup(daemon, recipe);
	_cleanup_close_ int fd = -1;

	if (!path)
		return false;
	fd = cgroupfs_open(&daemon->cgroupfs, hierarchy, path);
	return fd >= 0 && cgroupfs_signal(&daemon->cgroupfs, hierarchy, path, signal) == 0;
}

unsigned signals_send(struct daemon *daemon, struct instance *instance, int signal)
{
	const struct watch_config *watch = watch_of(daemon, instance);
	struct process *process;
	unsigned count = 0;
	char name[SIGNAL_NAME_SIZE];

	if (watch->kill_mode == KILL_MODE_CGROUP && kill_cgroup(daemon, instance->recipe, signal)) {
		((struct attachment *)instance->attachment)->moves |= signal == SIGKILL;
		log_info("%s: %s sent to its cgroup", watch->name, signal_name(signal, name));
		return SIGNALS_WHOLE_CGROUP;
	}
	DL_FOREACH (instance->processes, process) {
		if (process->dying || !lineage_reaches(process, watch->kill_mode))
			continue;
		count += signal_process(process, signal);
	}
	log_info("%s: %s sent to %u process%s", watch->name, signal_name(signal, name), count,
		 count == 1 ? "" : "es");
	return count;
}

unsigned signals_kill(struct daemon *daemon, struct instance *instance, int signal)
{
	struct attachment *attachment = instance->attachment;

	if (!lineage_runs(instance) &&
	    !lineage_left(instance, watch_of(daemon, instance)->kill_mode))
		return 0;
	attachment->killed = true;
	return signals_send(daemon, instance, signal);
}
