// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A million steps of the policy under random configurations: see policy_world.h for what must hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define REQUIRE(condition) assert_true(condition)
#include "tests/unit/policy_world.h"

#define WORLDS		1000
#define STEPS_PER_WORLD 1000
#define STEPS_OF_A_LIFE 250 /* then comes a reload */

static void what_must_hold_holds_for_a_million_steps(void **state)
{
	uint64_t spawns = 0, buried = 0, handed_over = 0, told = 0, hung = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= WORLDS; seed++) {
		struct world world;

		world_init(&world, NULL, 0, seed * 7919);
		for (int i = 1; i <= STEPS_PER_WORLD; i++) {
			world_step(&world);
			if (i % STEPS_OF_A_LIFE == 0)
				world_reload(&world);
		}
		spawns += world.spawns;
		buried += world.buried;
		handed_over += world.handed_over;
		told += world.told;
		hung += world.hung;
		world_free(&world);
	}
	/* the worlds were not empty */
	assert_true(spawns > 50 * WORLDS && buried > 5 * WORLDS && handed_over > WORLDS &&
		    told > WORLDS && hung > WORLDS / 2);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_must_hold_holds_for_a_million_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
