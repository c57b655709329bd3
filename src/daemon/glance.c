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
	bool knows_cgroup;
	char *cgroup; /* owned; NULL: not known */
	__u32 hierarchy;
	pid_t child; /* whose ancestors are known; 0: nobody's */
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

	glance->knows_runlevel = glance->knows_cgroup = false;
	glance->child = 0;
}

void glance_close(struct daemon *daemon)
{
	if (daemon->glance)
		free(daemon->glance->cgroup);
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

const char *glance_own_cgroup(const struct daemon *daemon, __u32 *ret_hierarchy)
{
	struct glance *glance = daemon->glance;

	if (!glance->knows_cgroup) {
		free(TAKE_PTR(glance->cgroup));
		if (cgroupfs_of(&daemon->cgroupfs, getpid(), &glance->hierarchy, &glance->cgroup) <
		    0)
			glance->cgroup = NULL;
	}
	glance->knows_cgroup = true;
	*ret_hierarchy = glance->hierarchy;
	return glance->cgroup;
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
