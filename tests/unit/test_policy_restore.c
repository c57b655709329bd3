// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A policy that goes on where that of another daemon has stopped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "core/policy.h"

#define AT(seconds) ((uint64_t)(seconds)*NS_PER_SEC)

struct pair {
	struct watch_config config;
	struct policy old, fresh;
};

static void begin(struct pair *pair, unsigned burst)
{
	watch_config_init(&pair->config);
	pair->config.start_limit_burst = burst;
	pair->config.start_limit_interval_ns = AT(1000);
	assert_int_equal(policy_init(&pair->old, &pair->config, 7), 0);
	assert_int_equal(policy_init(&pair->fresh, &pair->config, 9), 0);
}

static void end(struct pair *pair)
{
	policy_free(&pair->old);
	policy_free(&pair->fresh);
	watch_config_free(&pair->config);
}

static void step(struct policy *policy, enum policy_input_kind kind, uint64_t now)
{
	struct policy_input input = {.kind = kind, .death = {.wait_status = SIGKILL}};
	struct policy_output out;

	policy_step(policy, &input, now, &out);
}

static void live_and_die(struct policy *policy, uint64_t now)
{
	step(policy, INPUT_MAIN_DIED, now);
	step(policy, INPUT_ALL_GONE, now);
	step(policy, INPUT_TIMER, now + AT(40));
	step(policy, INPUT_SPAWNED, now + AT(40));
}

/* As daemons do: the pointers do not travel. */
static int hand_over(struct pair *pair)
{
	struct policy kept = pair->old;
	uint64_t starts[64];
	size_t count = policy_starts(&pair->old, starts, 64);

	kept.config = NULL;
	kept.starts = NULL;
	return policy_restore(&pair->fresh, &kept, starts, count);
}

static void it_goes_on_as_the_old_one_would(void **state)
{
	struct pair pair;

	(void)state;
	begin(&pair, 5);
	step(&pair.old, INPUT_STARTED, AT(1));
	live_and_die(&pair.old, AT(10));
	live_and_die(&pair.old, AT(60));
	assert_int_equal(hand_over(&pair), 0);
	assert_int_equal(pair.fresh.state, POLICY_UP);
	assert_int_equal(pair.fresh.restarts, 2);
	for (uint64_t at = 110; at < 400; at += 50) {
		live_and_die(&pair.old, AT(at));
		live_and_die(&pair.fresh, AT(at));
		assert_int_equal(pair.fresh.state, pair.old.state);
		assert_int_equal(pair.fresh.restarts, pair.old.restarts);
		assert_int_equal(pair.fresh.respawn_at_ns, pair.old.respawn_at_ns);
		assert_string_equal(pair.fresh.note, pair.old.note);
	}
	assert_int_equal(pair.fresh.state, POLICY_BURIED);
	end(&pair);
}

static void of_a_smaller_limit_the_newest_starts_count(void **state)
{
	struct pair pair;

	(void)state;
	begin(&pair, 5);
	step(&pair.old, INPUT_STARTED, AT(1));
	live_and_die(&pair.old, AT(10));
	live_and_die(&pair.old, AT(60));
	policy_free(&pair.fresh);
	pair.config.start_limit_burst = 2;
	assert_int_equal(policy_init(&pair.fresh, &pair.config, 9), 0);
	assert_int_equal(hand_over(&pair), 0);
	assert_int_equal(pair.fresh.start_count, 2);
	assert_int_equal(pair.fresh.starts[0], AT(10));
	assert_int_equal(pair.fresh.starts[1], AT(100));
	live_and_die(&pair.fresh, AT(110));
	assert_int_equal(pair.fresh.state, POLICY_BURIED);
	end(&pair);
}

static void what_no_policy_can_be_is_refused(void **state)
{
	struct pair pair;

	(void)state;
	begin(&pair, 0);
	pair.old.state = _POLICY_STATE_MAX;
	assert_int_equal(hand_over(&pair), -EBADMSG);
	pair.old.state = POLICY_UP;
	memset(pair.old.note, 'x', sizeof(pair.old.note));
	assert_int_equal(hand_over(&pair), -EBADMSG);
	pair.old.note[0] = '\0';
	assert_int_equal(hand_over(&pair), 0);
	assert_int_equal(pair.fresh.state, POLICY_UP);
	end(&pair);
}

static void what_was_due_too_long_ago_is_over(void **state)
{
	struct pair pair;

	(void)state;
	begin(&pair, 0);
	step(&pair.old, INPUT_STARTED, AT(1));
	step(&pair.old, INPUT_MAIN_DIED, AT(2));
	assert_int_equal(pair.old.state, POLICY_WAITING);
	assert_int_equal(hand_over(&pair), 0);
	policy_abandon(&pair.fresh, "too late", AT(9));
	assert_int_equal(pair.fresh.state, POLICY_ENDED);
	assert_string_equal(pair.fresh.note, "not respawned: too late");
	step(&pair.fresh, INPUT_ALL_GONE, AT(10));
	assert_int_equal(pair.fresh.state, POLICY_ENDED);
	end(&pair);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_goes_on_as_the_old_one_would),
		cmocka_unit_test(of_a_smaller_limit_the_newest_starts_count),
		cmocka_unit_test(what_no_policy_can_be_is_refused),
		cmocka_unit_test(what_was_due_too_long_ago_is_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
