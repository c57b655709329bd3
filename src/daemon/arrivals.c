// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Texts that the kernel side sends ahead of an exec or a death, until the record that ends them is here. */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "daemon/daemon.h"

#define ARRIVALS_MAX	   64
#define ARRIVALS_BYTES_MAX (8 * (size_t)OBIT_RECIPE_MAX)

static void arrival_free(struct daemon *daemon, struct arrival *arrival)
{
	HASH_DEL(daemon->arrivals, arrival);
	daemon->arrival_bytes -= arrival->bytes;
	recipe_free(arrival->recipe);
	free(arrival);
}

static struct arrival *arrival_of(struct daemon *daemon, const struct obit_text_record *text)
{
	const struct obit_key *key = &text->header.key;
	struct arrival *arrival;

	HASH_FIND(hh, daemon->arrivals, key, sizeof(*key), arrival);
	if (arrival && arrival->exec_sequence != text->exec_sequence) {
		arrival_free(daemon, arrival); /* of an exec whose end was lost */
		arrival = NULL;
	}
	if (arrival)
		return arrival;
	/* The oldest has waited longest for an end that will not come. */
	if (HASH_COUNT(daemon->arrivals) >= ARRIVALS_MAX)
		arrival_free(daemon, daemon->arrivals);
	arrival = calloc(1, sizeof(*arrival));
	if (!arrival)
		return NULL;
	arrival->key = *key;
	arrival->exec_sequence = text->exec_sequence;
	arrival->recipe = recipe_new(RECIPE_EXEC);
	if (arrival->recipe)
		HASH_ADD(hh, daemon->arrivals, key, sizeof(arrival->key), arrival);
	if (!arrival->recipe || !arrival->hh.tbl) {
		recipe_free(arrival->recipe);
		free(arrival);
		return NULL;
	}
	return arrival;
}

void arrivals_text(struct daemon *daemon, const struct obit_text_record *text)
{
	struct arrival *arrival = arrival_of(daemon, text);

	if (arrival) {
		arrival->bytes += text->length;
		daemon->arrival_bytes += text->length;
	}
	while (daemon->arrival_bytes > ARRIVALS_BYTES_MAX && daemon->arrivals != arrival)
		arrival_free(daemon, daemon->arrivals);
	/* A gap or a lack of memory shows when the lengths are compared at the end. */
	if (!arrival || recipe_add_text(arrival->recipe, text) == -ENOMEM)
		daemon_out_of_memory(daemon, "reading an exec");
}

struct recipe *arrivals_exec(struct daemon *daemon, const struct obit_exec_record *exec)
{
	struct arrival *arrival;
	struct recipe *recipe;

	HASH_FIND(hh, daemon->arrivals, &exec->header.key, sizeof(exec->header.key), arrival);
	if (arrival && arrival->exec_sequence == exec->letter.exec_sequence)
		recipe = TAKE_PTR(arrival->recipe);
	else
		recipe = recipe_new(RECIPE_EXEC);
	if (arrival)
		arrival_free(daemon, arrival);
	if (recipe)
		recipe_finish(recipe, exec);
	return recipe;
}

struct recipe *arrivals_death(struct daemon *daemon, const struct obit_key *key)
{
	struct arrival *arrival;
	struct recipe *texts = NULL;

	HASH_FIND(hh, daemon->arrivals, key, sizeof(*key), arrival);
	if (!arrival || arrival->exec_sequence)
		return NULL;
	texts = TAKE_PTR(arrival->recipe);
	arrival_free(daemon, arrival);
	return texts;
}

void arrivals_forget(struct daemon *daemon, const struct obit_key *key)
{
	struct arrival *arrival;

	HASH_FIND(hh, daemon->arrivals, key, sizeof(*key), arrival);
	if (arrival)
		arrival_free(daemon, arrival);
}

void arrivals_free(struct daemon *daemon)
{
	struct arrival *arrival, *next;

	HASH_ITER (hh, daemon->arrivals, arrival, next)
		arrival_free(daemon, arrival);
}
