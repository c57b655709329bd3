// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/pool.h"

static char *take(struct pool *pool, const char *text)
{
	char *piece = pool_take(pool, 0, text, strlen(text) + 1);

	assert_non_null(piece);
	assert_string_equal(piece, text);
	return piece;
}

static void expect_empty(const struct pool *pool)
{
	assert_int_equal(pool->pieces, 0);
	assert_int_equal(pool_bytes(pool), 0);
	assert_null(pool->sets);
}

static void what_is_equal_is_one_piece_until_the_last_lets_go(void **state)
{
	struct pool pool = {0};
	char *a = take(&pool, "PATH=/bin"), *b = take(&pool, "PATH=/bin");
	size_t bytes = pool_bytes(&pool);

	(void)state;
	assert_ptr_equal(a, b);
	assert_int_equal(pool.pieces, 1);
	pool_release(&pool, a);
	assert_string_equal(b, "PATH=/bin");
	assert_ptr_equal(take(&pool, "PATH=/bin"), b);
	assert_int_equal(pool_bytes(&pool), bytes);
	pool_release(&pool, b);
	pool_release(&pool, b);
	expect_empty(&pool);
	pool_release(&pool, NULL);
}

static void whatever_differs_is_another_piece(void **state)
{
	static const struct {
		uint32_t owner;
		const char *bytes;
		size_t size;
	} all[] = {{0, "ab", 2}, {0, "ab", 3}, {0, "ac", 2}, {0, "", 0}, {0, "", 1}, {33, "ab", 2}};
	struct pool pool = {0};
	void *pieces[ARRAY_SIZE(all)];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		pieces[i] = pool_take(&pool, all[i].owner, all[i].bytes, all[i].size);
		assert_non_null(pieces[i]);
		assert_memory_equal(pieces[i], all[i].bytes, all[i].size);
		for (size_t k = 0; k < i; k++)
			assert_ptr_not_equal(pieces[k], pieces[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		pool_release(&pool, pieces[i]);
	expect_empty(&pool);
}

static void what_is_too_large_is_refused(void **state)
{
	struct pool pool = {0};

	(void)state;
	assert_null(pool_take(&pool, 0, "", (size_t)1 << 31));
	assert_null(pool_take(&pool, 0, "", ((size_t)1 << 32) + 1)); /* not 1 */
	expect_empty(&pool);
}

#define MANY 20000

/* They come in one order and go in another, and its table grows and shrinks with them. */
static void of_many_almost_all_are_found(void **state)
{
	static char *first[MANY], *second[MANY];
	struct pool pool = {0};
	unsigned shared = 0;
	char text[32];
	size_t most;

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "/srv/service-%zu", i);
		first[i] = take(&pool, text);
	}
	for (size_t i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "/srv/service-%zu", i);
		second[i] = take(&pool, text);
		shared += first[i] == second[i];
	}
	assert_in_range(shared, MANY - MANY / 50, MANY);
	most = pool_bytes(&pool);
	assert_in_range(most, MANY * strlen("/srv/service-0"), (size_t)MANY * 80);
	for (size_t i = 0; i < MANY; i++) {
		size_t k = i * 7919 % MANY;

		snprintf(text, sizeof(text), "/srv/service-%zu", k);
		assert_string_equal(first[k], text);
		pool_release(&pool, first[k]);
		pool_release(&pool, second[k]);
		if (i == MANY - 100)
			assert_in_range(pool_bytes(&pool), 1, most / 50);
	}
	expect_empty(&pool);
}

/* ---- who wants them all in one set ---- */

#define BLOCKS                                                                                     \
	12 /* two that come to the same, one behind the other: so many strings, 2 to that power */
#define BLOCK_SIZE 4
#define TRIES	   (1 << 18)

/* As the pool has it. */
static uint32_t hash_on(uint32_t hash, uint32_t block)
{
	for (unsigned i = 0; i < BLOCK_SIZE; i++)
		hash = (hash ^ (block >> 8 * i & 0xff)) * UINT32_C(16777619);
	return hash;
}

struct tried {
	uint32_t hash, block;
};

static int compare_tried(const void *left, const void *right)
{
	const struct tried *a = left, *b = right;

	return (a->hash > b->hash) - (a->hash < b->hash);
}

/* Two blocks that turn `hash` into the same. */
static uint32_t find_pair(uint32_t hash, uint32_t ret[static 2])
{
	static struct tried tried[TRIES];

	for (uint32_t i = 0; i < TRIES; i++)
		tried[i] = (struct tried){hash_on(hash, i * UINT32_C(2654435761)),
					  i * UINT32_C(2654435761)};
	qsort(tried, TRIES, sizeof(*tried), compare_tried);
	for (size_t i = 1; i < TRIES; i++)
		if (tried[i].hash == tried[i - 1].hash) {
			ret[0] = tried[i - 1].block;
			ret[1] = tried[i].block;
			return tried[i].hash;
		}
	fail_msg("no pair");
	return 0;
}

static void who_floods_a_set_is_not_shared_and_slows_nobody(void **state)
{
	static uint32_t *first[1 << BLOCKS], *second[1 << BLOCKS];
	uint32_t pairs[BLOCKS][2], text[BLOCKS], hash = UINT32_C(2166136261);
	struct pool pool = {0};
	unsigned shared = 0;
	char *other;

	(void)state;
	for (size_t i = 0; i < BLOCKS; i++)
		hash = find_pair(hash, pairs[i]);
	for (size_t i = 0; i < 1 << BLOCKS; i++) {
		for (size_t k = 0; k < BLOCKS; k++)
			text[k] = pairs[k][i >> k & 1];
		first[i] = pool_take(&pool, 0, text, sizeof(text));
		second[i] = pool_take(&pool, 0, text, sizeof(text));
		assert_memory_equal(first[i], text, sizeof(text));
		assert_memory_equal(second[i], text, sizeof(text));
		shared += first[i] == second[i];
	}
	assert_int_equal(shared, 8); /* as many are looked at, and no more */
	other = take(&pool, "of somebody else");
	assert_ptr_equal(take(&pool, "of somebody else"), other);
	pool_release(&pool, other);
	pool_release(&pool, other);
	for (size_t i = 0; i < 1 << BLOCKS; i++) {
		pool_release(&pool, first[i]);
		pool_release(&pool, second[i]);
	}
	expect_empty(&pool);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_equal_is_one_piece_until_the_last_lets_go),
		cmocka_unit_test(whatever_differs_is_another_piece),
		cmocka_unit_test(what_is_too_large_is_refused),
		cmocka_unit_test(of_many_almost_all_are_found),
		cmocka_unit_test(who_floods_a_set_is_not_shared_and_slows_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
