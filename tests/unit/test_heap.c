// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/heap.h"

static void an_empty_heap_has_no_first(void **state)
{
	struct heap_node node = {0};
	struct heap heap = {0};

	(void)state;
	assert_null(heap_first(&heap));
	heap_remove(&heap, &node); /* is not in */
	assert_null(heap_first(&heap));
	heap_clear(&heap);
	heap_clear(&heap);
}

static void the_smallest_key_comes_first(void **state)
{
	static const uint64_t keys[] = {5, 3, UINT64_MAX, 0, 3, 9, 1};
	static const uint64_t sorted[] = {0, 1, 3, 3, 5, 9, UINT64_MAX};
	struct heap_node nodes[ARRAY_SIZE(keys)] = {0};
	struct heap heap = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		assert_int_equal(heap_set(&heap, &nodes[i], keys[i]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct heap_node *first = heap_first(&heap);

		assert_non_null(first);
		assert_int_equal(first->key, sorted[i]);
		heap_remove(&heap, first);
		assert_int_equal(first->place, 0);
	}
	assert_null(heap_first(&heap));
	heap_clear(&heap);
}

static void a_node_moves_to_its_new_key(void **state)
{
	struct heap_node a = {0}, b = {0};
	struct heap heap = {0};

	(void)state;
	assert_int_equal(heap_set(&heap, &a, 1), 0);
	assert_int_equal(heap_set(&heap, &b, 2), 0);
	assert_int_equal(heap_set(&heap, &a, 3), 0);
	assert_ptr_equal(heap_first(&heap), &b);
	assert_int_equal(heap_set(&heap, &a, 0), 0);
	assert_ptr_equal(heap_first(&heap), &a);
	assert_int_equal(heap_set(&heap, &a, 0), 0);
	assert_int_equal(heap.count, 2);
	heap_remove(&heap, &a);
	heap_remove(&heap, &a);
	assert_ptr_equal(heap_first(&heap), &b);
	assert_int_equal(heap.count, 1);
	heap_clear(&heap);
}

static void what_it_held_once_it_holds_without_allocating(void **state)
{
	struct heap_node nodes[100] = {0}, **before;
	struct heap heap = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
		assert_int_equal(heap_set(&heap, &nodes[i], i), 0);
	before = heap.nodes;
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
			heap_remove(&heap, &nodes[i]);
		assert_int_equal(heap.count, 0);
		for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
			assert_int_equal(heap_set(&heap, &nodes[i], 100 - i), 0);
		assert_ptr_equal(heap.nodes, before);
	}
	heap_clear(&heap);
}

static void room_that_was_made_is_there(void **state)
{
	struct heap_node nodes[100] = {0}, **before;
	struct heap heap = {0};

	(void)state;
	assert_int_equal(heap_reserve(&heap, ARRAY_SIZE(nodes)), 0);
	before = heap.nodes;
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
		assert_int_equal(heap_set(&heap, &nodes[i], i), 0);
	assert_int_equal(heap_reserve(&heap, 1), 0);
	assert_ptr_equal(heap.nodes, before);
	assert_ptr_equal(heap_first(&heap), &nodes[0]);
	heap_clear(&heap);
}

/* ---- against a model: a list that is searched ---- */

#define NODES 64

static uint64_t draw(uint64_t *random, uint64_t below)
{
	*random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (*random >> 33) % below;
}

static void compare(const struct heap *heap, const struct heap_node *nodes, const bool *in)
{
	const struct heap_node *first = heap_first(heap);
	size_t count = 0;

	for (size_t i = 0; i < NODES; i++) {
		count += in[i];
		assert_int_equal(nodes[i].place != 0, in[i]);
		if (!in[i])
			continue;
		assert_non_null(first);
		assert_true(first->key <= nodes[i].key);
		assert_ptr_equal(heap->nodes[nodes[i].place - 1], &nodes[i]);
		assert_true(nodes[i].place == 1 ||
			    heap->nodes[nodes[i].place / 2 - 1]->key <= nodes[i].key);
	}
	assert_int_equal(heap->count, count);
	assert_int_equal(first != NULL, count != 0);
}

static void random_operations_agree_with_a_model(void **state)
{
	struct heap_node nodes[NODES] = {0};
	uint64_t keys[NODES] = {0}, random = 5;
	bool in[NODES] = {0};
	struct heap heap = {0};

	(void)state;
	for (int step = 0; step < 200000; step++) {
		size_t i = draw(&random, NODES);

		/* now mostly filled, now mostly emptied */
		if (draw(&random, 10) < (step / 1000 % 2 ? 7 : 3)) {
			keys[i] = draw(&random, 2) ? draw(&random, 16) : draw(&random, 1 << 30);
			assert_int_equal(heap_set(&heap, &nodes[i], keys[i]), 0);
			in[i] = true;
		} else {
			heap_remove(&heap, &nodes[i]);
			in[i] = false;
		}
		assert_int_equal(nodes[i].key, keys[i]);
		if (step % 4 == 0)
			compare(&heap, nodes, in);
	}
	heap_clear(&heap);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_heap_has_no_first),
		cmocka_unit_test(the_smallest_key_comes_first),
		cmocka_unit_test(a_node_moves_to_its_new_key),
		cmocka_unit_test(what_it_held_once_it_holds_without_allocating),
		cmocka_unit_test(room_that_was_made_is_there),
		cmocka_unit_test(random_operations_agree_with_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
