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

/* Every condition of one watch but its path. */
bool match_all_but_path(const struct watch_config *watch, const struct match_people *people,
			const struct recipe *recipe);

/* Its `uid` alone, for a process whose executable's owner is not known. */
bool match_uid(const struct watch_config *watch, const struct match_people *people, uint32_t uid);

#endif
