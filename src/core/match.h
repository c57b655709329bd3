/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which watch a process belongs to: exact, where the kernel side's filter is coarse. Pure. */
#ifndef OBIT_CORE_MATCH_H
#define OBIT_CORE_MATCH_H

#include <sys/types.h>

#include "core/config.h"
#include "core/recipe.h"

/* The uids of people who log in (UID_MIN to UID_MAX of login.defs): `uid = service` leaves them out. */
struct match_people {
	uint32_t uid_min, uid_max;
};

#define MATCH_NONE (-1)

/* The index of the first watch of `config` that matches what `recipe` tells, or MATCH_NONE. Watches by pid match
 * nothing here. */
ssize_t match_watch(const struct config *config, const struct match_people *people,
		    const struct recipe *recipe);

/* The same by far fewer looks where there are many watches: those that name one exact path are found by it. It borrows
 * the watches of its configuration. */
struct match_path {
	const char *path;
	size_t watch;
};

struct match_index {
	const struct watch_config *watches;
	struct match_path *paths; /* owned; sorted by path, then by watch */
	size_t path_count;
	size_t *others; /* owned; the watches that are to be looked at for every process, in order */
	size_t other_count;
	size_t *pids; /* owned; the watches by pid, in order */
	size_t pid_count;
	const struct watch_config **names; /* owned; all of them, sorted by name */
	size_t count;
};

/* 0 or -ENOMEM. Clear it, and once more does no harm. */
int match_index_make(const struct config *config, struct match_index *ret);
void match_index_clear(struct match_index *index);
/* Where its path is, or would be, among its paths. */
size_t match_index_first(const struct match_index *index, const char *path);
ssize_t match_find(const struct match_index *index, const struct match_people *people,
		   const struct recipe *recipe);

/* The watch of that name, or MATCH_NONE. */
ssize_t match_named(const struct match_index *index, const char *name);

/* Every condition of one watch but its path. */
bool match_all_but_path(const struct watch_config *watch, const struct match_people *people,
			const struct recipe *recipe);

/* Its `uid` alone, for a process whose executable's owner is not known. */
bool match_uid(const struct watch_config *watch, const struct match_people *people, uint32_t uid);

#endif
