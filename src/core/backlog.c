// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/backlog.h"

#include <errno.h>
#include <stdlib.h>

static int add(struct backlog *backlog, const struct obit_key *key, uint64_t died)
{
	if (backlog->count == backlog->room) {
		size_t room = backlog->room ? backlog->room * 2 : 256;
		void *items = realloc(backlog->items, room * sizeof(*backlog->items));

		if (!items)
			return -ENOMEM;
		backlog->items = items;
		backlog->room = room;
	}
	backlog->items[backlog->count++] = (struct backlog_item){*key, died};
	return 0;
}

int backlog_add(struct backlog *backlog, const struct obit_key *key,
		const struct obit_letter *letter)
{
	int r = add(backlog, key, letter->exit.sequence);

	backlog->living_unsorted = backlog->dead_unsorted = true;
	return r;
}

static int compare(const void *left, const void *right)
{
	const struct backlog_item *a = left, *b = right;
	bool both_live = !a->died && !b->died;
	uint64_t of_a = both_live ? a->key.start_boottime : a->died;
	uint64_t of_b = both_live ? b->key.start_boottime : b->died;

	return of_a < of_b ? -1 : of_a > of_b;
}

static void sort(struct backlog *backlog)
{
	qsort(backlog->items + backlog->next, backlog->count - backlog->next,
	      sizeof(*backlog->items), compare);
	backlog->living_unsorted = backlog->dead_unsorted = false;
}

bool backlog_is_empty(const struct backlog *backlog)
{
	return backlog->next == backlog->count;
}

bool backlog_next(struct backlog *backlog, struct obit_key *ret)
{
	if (backlog_is_empty(backlog))
		return false;
	if (backlog->living_unsorted ||
	    (backlog->dead_unsorted && backlog->items[backlog->next].died))
		sort(backlog);
	*ret = backlog->items[backlog->next++].key;
	return true;
}

bool backlog_put_back(struct backlog *backlog, const struct obit_letter *letter)
{
	struct backlog_item given = backlog->items[backlog->next - 1];

	if (given.died || !letter->exit.sequence ||
	    add(backlog, &given.key, letter->exit.sequence) < 0)
		return false;
	backlog->dead_unsorted = true;
	return true;
}

void backlog_clear(struct backlog *backlog)
{
	free(backlog->items);
	*backlog = (struct backlog){0};
}
