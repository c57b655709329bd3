// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "core/backlog.h"

static struct obit_letter dead(uint64_t number)
{
	return (struct obit_letter){.exit.sequence = number};
}

/* Its pid is what the tests know it by. */
static void add(struct backlog *backlog, unsigned pid, uint64_t born, uint64_t died)
{
	struct obit_key key = {.tgid = pid, .start_boottime = born};
	struct obit_letter letter = dead(died);

	assert_int_equal(backlog_add(backlog, &key, &letter), 0);
}

static unsigned next(struct backlog *backlog)
{
	struct obit_key key;

	return backlog_next(backlog, &key) ? key.tgid : 0;
}

static void assert_order(struct backlog *backlog, const unsigned *pids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_int_equal(next(backlog), pids[i]);
	assert_int_equal(next(backlog), 0);
	assert_true(backlog_is_empty(backlog));
	backlog_clear(backlog);
}

static void one_of_nothing_is_empty(void **state)
{
	struct backlog backlog = {0};

	(void)state;
	assert_order(&backlog, NULL, 0);
}

static void the_living_come_by_age_then_the_dead_as_they_died(void **state)
{
	static const unsigned expected[] = {12, 11, 10, 22, 21, 20};
	struct backlog backlog = {0};

	(void)state;
	add(&backlog, 20, 1, 9);
	add(&backlog, 10, 7, 0);
	add(&backlog, 11, 6, 0);
	add(&backlog, 21, 2, 8);
	add(&backlog, 12, 5, 0);
	add(&backlog, 22, 3, 4);
	assert_order(&backlog, expected, ARRAY_SIZE(expected));
}

static void who_dies_meanwhile_comes_among_the_dead(void **state)
{
	static const unsigned expected[] = {12, 20, 10, 11};
	struct backlog backlog = {0};
	struct obit_letter eighth = dead(8), seventh = dead(7);

	(void)state;
	add(&backlog, 20, 9, 5);
	add(&backlog, 11, 1, 0);
	add(&backlog, 10, 2, 0);
	add(&backlog, 12, 3, 0);
	assert_int_equal(next(&backlog), 11);
	assert_true(backlog_put_back(&backlog, &eighth));
	assert_int_equal(next(&backlog), 10);
	assert_true(backlog_put_back(&backlog, &seventh));
	assert_order(&backlog, expected, ARRAY_SIZE(expected));
}

static void the_last_one_can_be_put_back(void **state)
{
	static const unsigned expected[] = {10};
	struct backlog backlog = {0};
	struct obit_letter letter = dead(3);

	(void)state;
	add(&backlog, 10, 1, 0);
	assert_int_equal(next(&backlog), 10);
	assert_true(backlog_is_empty(&backlog));
	assert_true(backlog_put_back(&backlog, &letter));
	assert_false(backlog_is_empty(&backlog));
	assert_order(&backlog, expected, ARRAY_SIZE(expected));
}

static void who_is_in_its_place_is_not_put_back(void **state)
{
	struct backlog backlog = {0};
	struct obit_letter alive = dead(0), died = dead(3);

	(void)state;
	add(&backlog, 10, 1, 0);
	add(&backlog, 20, 2, 3);
	assert_int_equal(next(&backlog), 10);
	assert_false(backlog_put_back(&backlog, &alive));
	assert_int_equal(next(&backlog), 20);
	assert_false(backlog_put_back(&backlog, &died));
	assert_order(&backlog, NULL, 0);
}

static void it_has_room_for_many(void **state)
{
	enum { MANY = 3000 };
	struct backlog backlog = {0};

	(void)state;
	for (unsigned pid = 1; pid <= MANY; pid++)
		add(&backlog, pid, MANY - pid + 1, 0);
	for (unsigned pid = MANY; pid >= 1; pid--) {
		struct obit_letter letter = dead(pid);

		assert_int_equal(next(&backlog), pid);
		assert_true(backlog_put_back(&backlog, &letter));
	}
	for (unsigned pid = 1; pid <= MANY; pid++)
		assert_int_equal(next(&backlog), pid);
	assert_order(&backlog, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_of_nothing_is_empty),
		cmocka_unit_test(the_living_come_by_age_then_the_dead_as_they_died),
		cmocka_unit_test(who_dies_meanwhile_comes_among_the_dead),
		cmocka_unit_test(the_last_one_can_be_put_back),
		cmocka_unit_test(who_is_in_its_place_is_not_put_back),
		cmocka_unit_test(it_has_room_for_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
