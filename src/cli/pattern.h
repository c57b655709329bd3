/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the deaths of a watch have in common. Pure. */
#ifndef OBIT_CLI_PATTERN_H
#define OBIT_CLI_PATTERN_H

#include <json-c/json.h>

/* The pattern that the newest death is part of, as a sentence; NULL where there is none.
 * `deaths` is an array of obituaries, the newest first; only those of the newest one's watch, role and
 * executable count. A pattern has at least three deaths in a row up to the newest, and says no more
 * than what holds for all of them. It is one of
 *
 *   the clock    "Dies about once a day, at the same time (03:00): 5 times now, each time ..."
 *   a period     "Dies about every 20 minutes: 6 times now, each time ..."
 *   a series     "4 deaths in 10 minutes, each time out of memory at 512 MiB, after about 2 minutes."
 *
 * Freed by the caller. */
char *pattern_of(struct json_object *deaths);

#endif
