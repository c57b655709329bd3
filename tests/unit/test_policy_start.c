// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Starts: from outside, and those that fail. */
#include "tests/unit/test_policy.h"

static void a_start_from_outside_ends_the_waiting(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	fail_and_return(&bench);
	fail_once(&bench);
	assert_true(bench.policy.down_since_ns);
	pass(&bench, MS(20));
	give(&bench, INPUT_STARTED);
	expect_state(&bench, POLICY_UP);
	expect_only(&bench, ACTION_TIMER);
	assert_int_equal(bench.out.actions[0].deadline_ns, 0);
	assert_int_equal(bench.policy.down_since_ns, 0);
	assert_int_equal(bench.policy.up_since_ns, bench.now);
	assert_int_equal(bench.policy.restarts, 1);
	assert_string_equal(bench.policy.note, "");
	bench_free(&bench);
}

static void down_since_is_the_first_moment_without_it(void **state)
{
	struct bench bench;
	uint64_t died;

	(void)state;
	bench_up(&bench);
	fail_and_return(&bench);
	assert_int_equal(bench.policy.down_since_ns, 0);
	died = bench.now;
	fail_once(&bench);
	fire(&bench);
	pass(&bench, MS(5));
	give_error(&bench, EACCES);
	assert_int_equal(bench.policy.down_since_ns, died);
	give(&bench, INPUT_STOP);
	assert_int_equal(bench.policy.down_since_ns, died);
	bench_free(&bench);
}

static void a_missing_or_busy_binary_waits_without_counting(void **state)
{
	static const int errors[] = {ENOENT, ETXTBSY};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		uint64_t waited_since = 0;
		struct bench bench;

		bench_init(&bench);
		bench.config.start_limit_burst = 3;
		bench.config.start_limit_interval_ns = S(86400);
		bench_reload(&bench);
		give(&bench, INPUT_STARTED);
		fail_once(&bench);
		for (int n = 0; n < 50; n++) {
			expect_state(&bench, POLICY_STARTING);
			give_error(&bench, errors[i]);
			expect_state(&bench, POLICY_WAITING);
			expect_verdict(&bench, VERDICT_NONE);
			expect_detail(&bench, "waits for its executable");
			assert_in_range(bench.policy.deadline_ns - bench.now, MS(100), S(30));
			waited_since = bench.now;
			fire(&bench);
		}
		assert_int_equal(bench.policy.respawn_at_ns - waited_since, S(30));
		give(&bench, INPUT_SPAWNED);
		assert_int_equal(bench.policy.restarts, 1);
		assert_string_equal(bench.policy.note, "");
		fail_and_return(&bench);
		fail_once(&bench);
		expect_state(&bench, POLICY_BURIED);
		bench_free(&bench);
	}
}

static void other_failures_count_and_bury_at_the_limit(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench);
	bench.config.start_limit_burst = 3;
	bench.config.start_limit_interval_ns = S(3600);
	bench_reload(&bench);
	give(&bench, INPUT_START);
	for (int i = 0; i < 2; i++) {
		give_error(&bench, EACCES);
		expect_verdict(&bench, VERDICT_RESPAWN);
		expect_detail(&bench, "could not be started: Permission denied");
		expect_state(&bench, POLICY_WAITING);
		fire(&bench);
		expect_only(&bench, ACTION_SPAWN);
	}
	give_error(&bench, EACCES);
	expect_verdict(&bench, VERDICT_BURY);
	expect_state(&bench, POLICY_BURIED);
	expect_detail(&bench, "more than 3 starts");
	assert_int_equal(bench.policy.restarts, 0);
	bench_free(&bench);
}

/* The caller may answer a spawn within the step's actions: a retry at once would never return to it. */
static void a_failed_spawn_is_never_tried_again_in_the_same_breath(void **state)
{
	static const int errors[] = {EACCES, ENOENT, EAGAIN};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		struct bench bench;

		bench_init(&bench);
		bench.config.backoff_initial_ns = 0;
		bench.config.backoff_max_ns = 0;
		give(&bench, INPUT_START);
		for (int n = 0; n < 5; n++) {
			give_error(&bench, errors[i]);
			expect_state(&bench, POLICY_WAITING);
			expect_only(&bench, ACTION_TIMER);
			assert_true(bench.policy.deadline_ns > bench.now);
			fire(&bench);
			expect_only(&bench, ACTION_SPAWN);
		}
		bench_free(&bench);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_start_from_outside_ends_the_waiting),
		cmocka_unit_test(down_since_is_the_first_moment_without_it),
		cmocka_unit_test(a_missing_or_busy_binary_waits_without_counting),
		cmocka_unit_test(other_failures_count_and_bury_at_the_limit),
		cmocka_unit_test(a_failed_spawn_is_never_tried_again_in_the_same_breath),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
