// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How soon and how often it comes back: back-off, start limits, and both under another configuration. */
#include "tests/unit/test_policy.h"

/* ---- the successor waits until all is gone ---- */

static void the_first_respawn_is_at_once_when_all_is_gone(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	die(&bench, EXITED(1));
	expect_verdict(&bench, VERDICT_RESPAWN);
	expect_detail(&bench, "respawned at once");
	expect_state(&bench, POLICY_WAITING);
	assert_int_equal(bench.out.count, 0);
	assert_int_equal(bench.policy.deadline_ns, 0);
	give(&bench, INPUT_ALL_GONE);
	expect_only(&bench, ACTION_SPAWN);
	expect_state(&bench, POLICY_STARTING);
	bench_free(&bench);
}

static void the_back_off_alone_does_not_respawn(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	fail_and_return(&bench);
	die(&bench, EXITED(1));
	expect_only(&bench, ACTION_TIMER);
	fire(&bench);
	expect_nothing(&bench);
	expect_state(&bench, POLICY_WAITING);
	pass(&bench, S(7));
	give(&bench, INPUT_ALL_GONE);
	expect_only(&bench, ACTION_SPAWN);
	bench_free(&bench);
}

/* ---- back-off ---- */

static void back_off_doubles_up_to_its_cap(void **state)
{
	static const uint64_t expected[] = {0,	       MS(200),	 MS(400),  MS(800),
					    MS(1600),  MS(3200), MS(6400), MS(12800),
					    MS(25600), S(30),	 S(30),	   S(30)};
	struct bench bench;

	(void)state;
	bench_up(&bench);
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		assert_int_equal(fail_and_return(&bench), expected[i]);
		assert_int_equal(bench.policy.attempt, i + 1);
	}
	assert_int_equal(bench.policy.restarts, ARRAY_SIZE(expected));
	bench_free(&bench);
}

static void back_off_follows_its_factor(void **state)
{
	static const uint64_t expected[] = {0, MS(100), MS(150), MS(225), MS(300), MS(300)};
	struct bench bench;

	(void)state;
	bench_up(&bench);
	bench.config.backoff_initial_ns = MS(100);
	bench.config.backoff_factor = 1.5;
	bench.config.backoff_max_ns = MS(300);
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		assert_int_equal(fail_and_return(&bench), expected[i]);
	bench_free(&bench);
}

static void an_initial_delay_above_the_cap_is_capped(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	bench.config.backoff_initial_ns = S(60);
	bench.config.backoff_max_ns = S(5);
	assert_int_equal(fail_and_return(&bench), 0);
	assert_int_equal(fail_and_return(&bench), S(5));
	bench_free(&bench);
}

/* A service may crash for years: the delay must not take longer to compute with each of them. */
static void a_constant_back_off_stays_cheap(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	bench.config.backoff_factor = 1;
	bench.policy.attempt = UINT32_MAX - 8;
	for (int i = 0; i < 4; i++)
		assert_int_equal(fail_and_return(&bench), MS(200));
	bench.config.backoff_factor = 2;
	bench.config.backoff_initial_ns = 0;
	bench.policy.attempt = UINT32_MAX - 8;
	for (int i = 0; i < 4; i++)
		assert_int_equal(fail_and_return(&bench), 0);
	bench_free(&bench);
}

static void jitter_stays_within_its_bounds(void **state)
{
	double sum = 0, low = 2, high = 0;
	const int draws = 10000;
	struct bench bench;

	(void)state;
	bench_up(&bench);
	bench.config.backoff_initial_ns = S(1);
	bench.config.backoff_factor = 1;
	bench.config.backoff_jitter = 0.2;
	fail_and_return(&bench);
	for (int i = 0; i < draws; i++) {
		double delay = (double)fail_and_return(&bench) / NS_PER_SEC;

		assert_true(delay >= 0.8 && delay <= 1.2);
		sum += delay;
		low = delay < low ? delay : low;
		high = delay > high ? delay : high;
	}
	assert_true(low < 0.801 && high > 1.199);
	assert_true(sum / draws > 0.99 && sum / draws < 1.01);
	bench_free(&bench);
}

static void the_seed_decides_the_jitter(void **state)
{
	uint64_t delays[3];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(delays); i++) {
		struct bench bench;

		bench_up(&bench);
		bench.config.backoff_jitter = 0.2;
		bench.policy.random = i < 2 ? 12345 : 54321;
		fail_and_return(&bench);
		delays[i] = fail_and_return(&bench);
		bench_free(&bench);
	}
	assert_int_equal(delays[0], delays[1]);
	assert_int_not_equal(delays[0], delays[2]);
}

static void no_seed_is_a_bad_seed(void **state)
{
	struct watch_config config;
	struct bench bench = {.now = S(1000)};
	uint64_t first;

	(void)state;
	bench_config(&config);
	config.backoff_jitter = 0.2;
	config.backoff_factor = 1;
	assert_int_equal(policy_init(&bench.policy, &config, 0), 0);
	give(&bench, INPUT_STARTED);
	fail_and_return(&bench);
	first = fail_and_return(&bench);
	assert_int_not_equal(fail_and_return(&bench), first);
	bench_free(&bench);
}

static void a_long_life_resets_the_back_off(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	for (int i = 0; i < 5; i++)
		fail_and_return(&bench);
	pass(&bench, 2 * NS_PER_MIN - 1);
	assert_int_equal(fail_and_return(&bench), MS(3200));
	pass(&bench, 2 * NS_PER_MIN);
	assert_int_equal(fail_and_return(&bench), 0);
	assert_int_equal(fail_and_return(&bench), MS(200));
	bench_free(&bench);
}

/* It died before its exec was confirmed: how long the life before that was up does not matter. */
static void a_death_while_starting_is_no_long_life(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	fail_and_return(&bench);
	fail_and_return(&bench);
	fail_once(&bench);
	pass(&bench, S(3600));
	give(&bench, INPUT_TIMER);
	expect_state(&bench, POLICY_STARTING);
	fail_once(&bench);
	assert_int_equal(bench.policy.deadline_ns, bench.now + MS(800));
	bench_free(&bench);
}

static void a_good_end_resets_the_back_off(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	for (int i = 0; i < 5; i++)
		fail_and_return(&bench);
	die(&bench, EXITED(0));
	give(&bench, INPUT_ALL_GONE);
	give(&bench, INPUT_STARTED);
	assert_int_equal(fail_and_return(&bench), 0);
	bench_free(&bench);
}

/* ---- limits ---- */

static void more_starts_than_the_limit_bury(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench);
	bench.config.start_limit_burst = 3;
	bench_reload(&bench);
	give(&bench, INPUT_STARTED);
	fail_and_return(&bench);
	fail_and_return(&bench);
	die(&bench, EXITED(1));
	expect_verdict(&bench, VERDICT_BURY);
	expect_state(&bench, POLICY_BURIED);
	expect_detail(&bench, "buried: more than 3 starts in 10");
	expect_detail(&bench, "s (start_limit_burst)");
	assert_string_equal(bench.policy.note, bench.out.detail);
	give(&bench, INPUT_ALL_GONE);
	expect_nothing(&bench);
	expect_state(&bench, POLICY_BURIED);
	bench_free(&bench);
}

static void starts_that_are_past_the_interval_do_not_count(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench);
	bench.config.start_limit_burst = 2;
	bench_reload(&bench);
	give(&bench, INPUT_STARTED);
	for (int i = 0; i < 20; i++) {
		pass(&bench, i % 2 ? S(9) : S(1));
		fail_and_return(&bench);
		bench.policy.attempt = 0; /* the limit alone */
	}
	pass(&bench, S(9));
	fail_once(&bench);
	expect_state(&bench, POLICY_STARTING);
	give(&bench, INPUT_SPAWNED);
	bench.policy.attempt = 0;
	pass(&bench, MS(999));
	fail_once(&bench);
	expect_state(&bench, POLICY_BURIED);
	bench_free(&bench);
}

static void give_started(struct bench *bench, uint64_t ago)
{
	give_input(bench,
		   &(struct policy_input){.kind = INPUT_STARTED, .began_ns = bench->now - ago});
}

/* Found after it had run for so long, it dies 2 s later, and 1 s after its respawn again. */
static enum policy_state state_after_two_deaths_of_one_that_ran(uint64_t ago)
{
	enum policy_state state;
	struct bench bench;

	bench_init(&bench);
	bench.config.start_limit_burst = 2;
	bench_reload(&bench);
	give_started(&bench, ago);
	pass(&bench, S(2));
	assert_int_equal(fail_and_return(&bench), 0);
	pass(&bench, S(1));
	fail_once(&bench);
	state = bench.policy.state;
	bench_free(&bench);
	return state;
}

static void what_is_found_counts_as_started_when_it_was(void **state)
{
	(void)state;
	assert_int_equal(state_after_two_deaths_of_one_that_ran(S(12)), POLICY_WAITING);
	assert_int_equal(state_after_two_deaths_of_one_that_ran(S(999999)), POLICY_WAITING);
	assert_int_equal(state_after_two_deaths_of_one_that_ran(S(5)), POLICY_BURIED);
	assert_int_equal(state_after_two_deaths_of_one_that_ran(0), POLICY_BURIED);
}

/* The oldest of those that are kept is looked at. */
static void starts_are_counted_in_their_order(void **state)
{
	struct bench bench;
	uint64_t starts[3], first;

	(void)state;
	bench_init(&bench);
	bench.config.start_limit_burst = 3;
	bench_reload(&bench);
	first = bench.now;
	give_started(&bench, 0);
	die(&bench, EXITED(0));
	give(&bench, INPUT_ALL_GONE);
	pass(&bench, S(2));
	give_started(&bench, S(100));
	die(&bench, EXITED(0));
	give(&bench, INPUT_ALL_GONE);
	give_input(&bench,
		   &(struct policy_input){.kind = INPUT_STARTED, .began_ns = bench.now + S(1)});
	assert_int_equal(policy_starts(&bench.policy, starts, ARRAY_SIZE(starts)), 3);
	assert_int_equal(starts[0], first);
	assert_int_equal(starts[1], first);
	assert_int_equal(starts[2], bench.now);
	bench_free(&bench);
}

static void revive_forgets_the_past(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench);
	bench.config.start_limit_burst = 2;
	bench_reload(&bench);
	give(&bench, INPUT_STARTED);
	fail_and_return(&bench);
	fail_once(&bench);
	expect_state(&bench, POLICY_BURIED);
	give(&bench, INPUT_ALL_GONE);
	give(&bench, INPUT_REVIVE);
	assert_false(bench.out.refused);
	expect_only(&bench, ACTION_SPAWN);
	assert_string_equal(bench.policy.note, "");
	give(&bench, INPUT_SPAWNED);
	assert_int_equal(bench.policy.restarts, 1); /* the operator's does not count */
	assert_int_equal(fail_and_return(&bench), 0);
	fail_once(&bench);
	expect_state(&bench, POLICY_BURIED);
	bench_free(&bench);
}

static void died_too_young_is_buried_at_once(void **state)
{
	struct policy_death death = {.wait_status = EXITED(1), .lived_ns = S(5) - 1};
	struct bench bench;

	(void)state;
	bench_up(&bench);
	bench.config.min_uptime_ns = S(5);
	give_death(&bench, death);
	expect_verdict(&bench, VERDICT_BURY);
	expect_state(&bench, POLICY_BURIED);
	expect_detail(&bench, "min_uptime");
	bench_free(&bench);
	bench_up(&bench);
	bench.config.min_uptime_ns = S(5);
	death.lived_ns = S(5);
	give_death(&bench, death);
	expect_verdict(&bench, VERDICT_RESPAWN);
	bench_free(&bench);
}

static void max_restarts_is_the_last_word(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	bench.config.max_restarts = 3;
	for (int i = 0; i < 3; i++) {
		fail_and_return(&bench);
		pass(&bench, S(3600));
	}
	fail_once(&bench);
	expect_verdict(&bench, VERDICT_BURY);
	expect_detail(&bench, "buried: respawned 3 times already (max_restarts)");
	bench_free(&bench);
}

/* Times of starts, as somebody outside would write them down. */
struct starts {
	uint64_t times[4096];
	size_t count;
};

static size_t starts_within(const struct starts *starts, uint64_t now, uint64_t interval)
{
	size_t n = 0;

	for (size_t i = starts->count; i > 0 && now - starts->times[i - 1] < interval; i--)
		n++;
	return n;
}

static uint64_t draw(uint64_t *random, uint64_t below)
{
	*random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (*random >> 33) % below;
}

/* Lives of random length until it is buried, or a thousand are over. */
static void live_and_die(struct bench *bench, struct starts *starts, uint64_t *random)
{
	starts->times[starts->count++] = bench->now;
	for (int i = 0; i < 1000; i++) {
		pass(bench, MS(draw(random, draw(random, 2) ? 100 : 3000)));
		fail_once(bench);
		if (bench->policy.state == POLICY_WAITING)
			fire(bench);
		if (bench->policy.state != POLICY_STARTING)
			break;
		starts->times[starts->count++] = bench->now;
		assert_in_range(
			starts_within(starts, bench->now, bench->config.start_limit_interval_ns), 1,
			bench->config.start_limit_burst);
		give(bench, INPUT_SPAWNED);
	}
}

static void no_window_ever_has_more_starts_than_the_limit(void **state)
{
	static struct starts starts;
	uint64_t random = 1;
	unsigned buried = 0;

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct bench bench;

		bench_init(&bench);
		bench.config.start_limit_burst = (unsigned)draw(&random, 8) + 1;
		bench.config.start_limit_interval_ns = S(draw(&random, 12)) + 1;
		bench.config.backoff_initial_ns = MS(draw(&random, 1000));
		bench.config.backoff_max_ns = S(2);
		bench.config.backoff_jitter = 0.5;
		bench_reload(&bench);
		starts.count = 0;
		give(&bench, INPUT_STARTED);
		live_and_die(&bench, &starts, &random);
		buried += bench.policy.state == POLICY_BURIED;
		bench_free(&bench);
	}
	assert_in_range(buried, 50, 299); /* both ends were seen */
}

/* ---- another configuration ---- */

static void a_reload_keeps_state_and_counters(void **state)
{
	struct watch_config other;
	struct bench bench;

	(void)state;
	bench_up(&bench);
	fail_and_return(&bench);
	fail_once(&bench);
	bench_config(&other);
	other.backoff_initial_ns = S(5);
	assert_int_equal(policy_set_config(&bench.policy, &other), 0);
	expect_state(&bench, POLICY_WAITING);
	assert_int_equal(bench.policy.restarts, 1);
	assert_int_equal(bench.policy.attempt, 2);
	fire(&bench); /* the delay that was promised */
	give(&bench, INPUT_SPAWNED);
	assert_int_equal(fail_and_return(&bench), S(10));
	bench_free(&bench);
}

/* With `before` starts within the interval under one limit: how many more are there under another? */
static unsigned starts_left_after_reload(unsigned before, unsigned from, unsigned to)
{
	struct bench bench;
	unsigned n = 0;

	bench_init(&bench);
	bench.config.start_limit_burst = from;
	bench.config.start_limit_interval_ns = S(86400);
	bench_reload(&bench);
	give(&bench, INPUT_STARTED);
	for (unsigned i = 1; i < before; i++)
		fail_and_return(&bench);
	bench.config.start_limit_burst = to;
	bench_reload(&bench);
	for (; n < 50; n++) {
		fail_once(&bench);
		if (bench.policy.state == POLICY_BURIED)
			break;
		if (bench.policy.state == POLICY_WAITING)
			fire(&bench);
		give(&bench, INPUT_SPAWNED);
	}
	bench_free(&bench);
	return n;
}

static void another_burst_remembers_the_starts(void **state)
{
	(void)state;
	assert_int_equal(starts_left_after_reload(3, 5, 5), 2);
	assert_int_equal(starts_left_after_reload(3, 5, 8), 5);
	assert_int_equal(starts_left_after_reload(5, 5, 6), 1);
	assert_int_equal(starts_left_after_reload(4, 5, 2), 0);
	assert_int_equal(starts_left_after_reload(9, 0, 3), 3); /* none were kept without a limit */
	assert_int_equal(starts_left_after_reload(3, 5, 0), 50);
}

static void a_smaller_burst_keeps_the_newest_starts(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench);
	bench.config.start_limit_burst = 4;
	bench.config.start_limit_interval_ns = S(60);
	bench_reload(&bench);
	give(&bench, INPUT_STARTED);
	for (int i = 0; i < 4; i++) {
		pass(&bench, i == 2 ? S(100) : S(1));
		fail_and_return(&bench);
	}
	/* five starts, of which the last two are recent */
	bench.config.start_limit_burst = 3;
	bench_reload(&bench);
	pass(&bench, S(1));
	fail_once(&bench);
	expect_state(&bench, POLICY_WAITING);
	fire(&bench);
	give(&bench, INPUT_SPAWNED);
	bench.config.start_limit_burst = 2;
	bench_reload(&bench);
	fail_once(&bench);
	expect_state(&bench, POLICY_BURIED);
	bench_free(&bench);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_respawn_is_at_once_when_all_is_gone),
		cmocka_unit_test(the_back_off_alone_does_not_respawn),
		cmocka_unit_test(back_off_doubles_up_to_its_cap),
		cmocka_unit_test(back_off_follows_its_factor),
		cmocka_unit_test(an_initial_delay_above_the_cap_is_capped),
		cmocka_unit_test(a_constant_back_off_stays_cheap),
		cmocka_unit_test(jitter_stays_within_its_bounds),
		cmocka_unit_test(the_seed_decides_the_jitter),
		cmocka_unit_test(no_seed_is_a_bad_seed),
		cmocka_unit_test(a_long_life_resets_the_back_off),
		cmocka_unit_test(a_death_while_starting_is_no_long_life),
		cmocka_unit_test(a_good_end_resets_the_back_off),
		cmocka_unit_test(more_starts_than_the_limit_bury),
		cmocka_unit_test(starts_that_are_past_the_interval_do_not_count),
		cmocka_unit_test(what_is_found_counts_as_started_when_it_was),
		cmocka_unit_test(starts_are_counted_in_their_order),
		cmocka_unit_test(revive_forgets_the_past),
		cmocka_unit_test(died_too_young_is_buried_at_once),
		cmocka_unit_test(max_restarts_is_the_last_word),
		cmocka_unit_test(no_window_ever_has_more_starts_than_the_limit),
		cmocka_unit_test(a_reload_keeps_state_and_counters),
		cmocka_unit_test(another_burst_remembers_the_starts),
		cmocka_unit_test(a_smaller_burst_keeps_the_newest_starts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
