/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The last deaths of one watch or process, from the two that know them: the daemon has the newest in memory, the
 * history on disk has more, and is there without a daemon, too. */
#ifndef OBIT_CLI_PAST_H
#define OBIT_CLI_PAST_H

#include "cli/ask.h"

/* Where the history is: what --state-dir says, or the daemon (which is asked if it `answers`), or the default; freed by
 * the caller. NULL: the daemon keeps none. */
char *past_directory(const struct invocation *inv, bool answers);

/* Gets the last `count` deaths of inv->name, the newest first, as the data of a good reply; else the daemon's
 * refusal. What the disk had to stand in for is said on standard error. */
int past_deaths(const struct invocation *inv, int count, struct reply *ret);

#endif
