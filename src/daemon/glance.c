// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What each death asks of the system, and what is the same for all that a turn of the loop deals with: it is looked up
 * once a turn, when it is asked for first. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/daemon.h"
#include "io/proc.h"
#include "io/runlevel.h"

struct glance {
	bool knows_runlevel, goes_down;
	bool knows_cgroups;
	struct {
		char *path; /* owned; NULL: not known */
		__u32 hierarchy;
	} cgroups[2]; /* the daemon's, and where it is another its spawner's */
	pid_t child;  /* whose ancestors are known; 0: nobody's */
	struct owner_ancestor ancestors[OWNER_ANCESTORS_MAX];
	size_t ancestor_count;
};

int glance_open(struct daemon *daemon)
{
	daemon->glance = calloc(1, sizeof(*daemon->glance));
	return daemon->glance ? 0 : -ENOMEM;
}

void glance_anew(struct daemon *daemon)
{
	struct glance *glance = daemon->glance;

	glance->knows_runlevel = glance->knows_cgroups = false;
	glance->child = 0;
}

static void forget_cgroups(struct glance *glance)
{
	for (size_t i = 0; i < ARRAY_SIZE(glance->cgroups); i++)
		free(TAKE_PTR(glance->cgroups[i].path));
}

void glance_close(struct daemon *daemon)
{
	if (daemon->glance)
		forget_cgroups(daemon->glance);
	free(daemon->glance);
}

bool glance_goes_down(const struct daemon *daemon)
{
	struct glance *glance = daemon->glance;

	if (!glance->knows_runlevel)
		glance->goes_down = runlevel_goes_down(NULL);
	glance->knows_runlevel = true;
	return glance->goes_down;
}

static void look_up_cgroups(const struct daemon *daemon, struct glance *glance)
{
	bool apart = daemon->own_cgroup && daemon->spawner;
	const pid_t pids[] = {getpid(), apart ? spawner_pid(daemon->spawner) : 0};

	forget_cgroups(glance);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		if (pids[i] > 0)
			cgroupfs_of(&daemon->cgroupfs, pids[i], &glance->cgroups[i].hierarchy,
				    &glance->cgroups[i].path);
	glance->knows_cgroups = true;
}

bool glance_is_own_cgroup(const struct daemon *daemon, const __u32 *hierarchy, const char *path)
{
	struct glance *glance = daemon->glance;

	if (!glance->knows_cgroups)
		look_up_cgroups(daemon, glance);
	for (size_t i = 0; i < ARRAY_SIZE(glance->cgroups); i++)
		if (glance->cgroups[i].path && !strcmp(glance->cgroups[i].path, path) &&
		    (!hierarchy || *hierarchy == glance->cgroups[i].hierarchy))
			return true;
	return false;
}

static void look_up_ancestors(struct glance *glance, pid_t child, bool paths)
{
	glance->ancestor_count = proc_ancestors(child, glance->ancestors, OWNER_ANCESTORS_MAX);
	for (size_t i = 0; paths && i < glance->ancestor_count; i++)
		proc_executable((pid_t)glance->ancestors[i].pid, glance->ancestors[i].exe);
	glance->child = child;
}

void glance_ancestors(const struct daemon *daemon, pid_t child, struct owner_suspect *ret)
{
	struct glance *glance = daemon->glance;

	if (child != glance->child)
		look_up_ancestors(glance, child, owner_wants_paths(&daemon->config));
	ret->ancestor_count = glance->ancestor_count;
	memcpy(ret->ancestors, glance->ancestors, sizeof(ret->ancestors));
}
