/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whose letters are still to be read after a loss, in the order in which they are to be read: the living by their
 * age, so that parents come before their children, then the dead as they died. Pure. */
#ifndef OBIT_CORE_BACKLOG_H
#define OBIT_CORE_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"

/* Keys only: a letter is read when its turn comes, as it is then. */
struct backlog_item {
	struct obit_key key;
	uint64_t died; /* the number of its death; 0: it lived when it was added */
};

/* All zero is an empty one. */
struct backlog {
	struct backlog_item *items; /* owned */
	size_t count, room, next;
	bool living_unsorted;
	bool dead_unsorted; /* not before the first of them has its turn */
};

/* -ENOMEM: it is not in. */
int backlog_add(struct backlog *backlog, const struct obit_key *key,
		const struct obit_letter *letter);

bool backlog_is_empty(const struct backlog *backlog);

/* Takes out the next key into *ret; false: there is none left. */
bool backlog_next(struct backlog *backlog, struct obit_key *ret);

/* The one that backlog_next() has just given turns out to be dead, by the letter that is read now: it is put back
 * among the dead, whose deaths may have been before its own. Returns false where it was in its place already, or
 * without memory: it is to be taken now. */
bool backlog_put_back(struct backlog *backlog, const struct obit_letter *letter);

/* Frees what is in it, not the backlog itself. */
void backlog_clear(struct backlog *backlog);

#endif
