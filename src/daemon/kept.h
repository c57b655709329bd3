/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What one daemon keeps for the next: how it lies in the kernel side's map `state`. A change of layout needs a new
 * KEPT_VERSION; one of struct policy is seen by its size, unless it has none: then, too. */
#ifndef OBIT_DAEMON_KEPT_H
#define OBIT_DAEMON_KEPT_H

#include "core/lineage.h"

#define KEPT_VERSION	6
#define KEPT_NAME_SIZE	OBIT_NAME_SIZE
#define KEPT_STARTS_MAX 96 /* of start_limit_burst: of more the newest */

enum kept_kind {
	KEPT_HEADER = 1, /* id 0 */
	KEPT_WATCH,	 /* id: kept_watch_id() */
	KEPT_INSTANCE,	 /* id: the instance's */
	KEPT_RECIPE,	 /* id: when it was kept; in pieces */
};

struct kept_header {
	uint32_t version;
	uint32_t instance_size;
	struct obit_key spawner, history; /* start times as /proc tells them; a tgid of 0: none */
};

struct kept_watch {
	char name[KEPT_NAME_SIZE];
	uint64_t deaths, restarts;
	uint64_t paused, paused_until_ns;
	struct obit_key counted;
};

struct kept_instance {
	char watch[KEPT_NAME_SIZE];
	uint64_t recipe, recipe_size;	      /* 0: none */
	uint32_t namespaces[OBIT_NAMESPACES]; /* of who kept the recipe, see OBIT_EXEC_OTHER_NS */
	uint64_t launch;
	uint64_t life, began, died_ns;
	struct obit_key told;
	uint32_t last_pid, pid_before, uid, died_pid;
	bool adopted, daemonized, spawned, told_buried, killed, died_as_init, unanswered;
	struct policy policy; /* without what it points to */
	uint64_t start_count;
	uint64_t starts[KEPT_STARTS_MAX];
};

_Static_assert(sizeof(struct kept_instance) <= OBIT_STATE_PIECE, "an instance is one piece");
_Static_assert(sizeof(struct kept_watch) <= OBIT_STATE_PIECE, "a watch is one piece");

uint64_t kept_watch_id(const char *name);

#endif
