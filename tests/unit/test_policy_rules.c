// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The rules of the policy that take more than one step, or one configuration, to see. */
#include "tests/unit/test_policy.h"

/* ---- which death is answered ---- */

#define RESTART_WORDS 7
_Static_assert(RESTART_WORDS == _RESTART_WHEN_MAX, "each word has its column");

static const struct {
	const char *death;
	uint32_t wait_status;
	bool respawned[RESTART_WORDS];
} restart_table[] = {
	/* no, on-success, on-failure, on-abnormal, on-abort, on-watchdog, always */
	{"exit 0", EXITED(0), {0, 1, 0, 0, 0, 0, 1}},
	{"exit 1", EXITED(1), {0, 0, 1, 0, 0, 0, 1}},
	{"SIGTERM", KILLED(SIGTERM), {0, 1, 0, 0, 0, 0, 1}},
	{"SIGKILL", KILLED(SIGKILL), {0, 0, 1, 1, 1, 0, 1}},
	{"SIGSEGV, core", DUMPED(SIGSEGV), {0, 0, 1, 1, 1, 0, 1}},
	{"SIGTERM, core", DUMPED(SIGTERM), {0, 0, 1, 1, 1, 0, 1}},
};

static void restart_speaks_systemds_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(restart_table); i++)
		for (int when = 0; when < RESTART_WORDS; when++) {
			bool want = restart_table[i].respawned[when];
			struct bench bench;

			bench_up(&bench);
			bench.config.restart = (enum restart_when)when;
			die(&bench, restart_table[i].wait_status);
			if (policy_wants_respawn(&bench.config, restart_table[i].wait_status) !=
				    want ||
			    (bench.policy.state == POLICY_WAITING) != want)
				fail_msg("restart = %s, %s",
					 restart_when_name((enum restart_when)when),
					 restart_table[i].death);
			expect_verdict(&bench, want ? VERDICT_RESPAWN : VERDICT_NONE);
			expect_state(&bench, want ? POLICY_WAITING : POLICY_ENDED);
			bench_free(&bench);
		}
}

/* Whatever the status: it counts as a success. */
static void who_was_asked_to_stop_has_ended_well(void **state)
{
	static const uint32_t statuses[] = {EXITED(0), EXITED(1), KILLED(SIGKILL), DUMPED(SIGSEGV)};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		for (int when = 0; when < RESTART_WORDS; when++) {
			bool want = when == RESTART_ALWAYS || when == RESTART_ON_SUCCESS;
			struct bench bench;

			bench_up(&bench);
			bench.config.restart = (enum restart_when)when;
			give_death(&bench, (struct policy_death){.wait_status = statuses[i],
								 .asked = true});
			expect_state(&bench, want ? POLICY_WAITING : POLICY_ENDED);
			if (!want && when != RESTART_NO)
				expect_detail(&bench, "as it was asked to");
			bench_free(&bench);
		}
}

static void add_status(struct status_set *set, const char *item)
{
	assert_int_equal(status_set_add(set, item), 0);
}

static void success_is_what_is_clean_or_configured(void **state)
{
	struct watch_config config;

	(void)state;
	watch_config_init(&config);
	assert_true(policy_is_success(&config, EXITED(0)));
	assert_true(policy_is_success(&config, KILLED(SIGPIPE)));
	assert_false(policy_is_success(&config, EXITED(3)));
	assert_false(policy_is_success(&config, KILLED(SIGUSR1)));
	add_status(&config.success_exit_status, "3");
	add_status(&config.success_exit_status, "SIGUSR1");
	assert_true(policy_is_success(&config, EXITED(3)));
	assert_true(policy_is_success(&config, KILLED(SIGUSR1)));
	assert_false(policy_is_success(&config, EXITED(4)));
	assert_true(policy_is_success(&config, EXITED(0)));
	assert_false(policy_wants_respawn(&config, EXITED(3)));
	config.restart = RESTART_ON_SUCCESS;
	assert_true(policy_wants_respawn(&config, EXITED(3)));
}

static void prevent_beats_force_beats_restart(void **state)
{
	struct watch_config config;

	(void)state;
	watch_config_init(&config);
	add_status(&config.restart_prevent_exit_status, "7");
	assert_false(policy_wants_respawn(&config, EXITED(7)));
	assert_true(policy_wants_respawn(&config, EXITED(8)));
	config.restart = RESTART_NO;
	add_status(&config.restart_force_exit_status, "7-8");
	assert_false(policy_wants_respawn(&config, EXITED(7)));
	assert_true(policy_wants_respawn(&config, EXITED(8)));
	assert_false(policy_wants_respawn(&config, EXITED(9)));
	add_status(&config.restart_force_exit_status, "SIGKILL");
	assert_true(policy_wants_respawn(&config, KILLED(SIGKILL)));
}

static void an_end_says_why_it_is_one(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	die(&bench, EXITED(0));
	expect_detail(&bench, "ended well: not respawned (restart = on-failure)");
	assert_string_equal(bench.policy.note, bench.out.detail);
	bench_free(&bench);
	bench_up(&bench);
	add_status(&bench.config.restart_prevent_exit_status, "1");
	die(&bench, EXITED(1));
	expect_detail(&bench, "restart_prevent_exit_status has it");
	bench_free(&bench);
	bench_up(&bench);
	bench.config.restart = RESTART_NO;
	die(&bench, EXITED(1));
	expect_detail(&bench, "not respawned: restart = no");
	bench_free(&bench);
}

static void a_refusal_is_reported_in_its_own_words(void **state)
{
	struct policy_death death = {.wait_status = EXITED(1), .refusal = "it is setuid"};
	struct bench bench;

	(void)state;
	bench_up(&bench);
	give_death(&bench, death);
	expect_verdict(&bench, VERDICT_REPORT);
	expect_state(&bench, POLICY_ENDED);
	assert_string_equal(bench.out.detail, "not respawned: it is setuid");
	assert_string_equal(bench.policy.note, bench.out.detail);
	assert_int_equal(bench.out.count, 0);
	bench_free(&bench);
	/* what nobody wanted back is no report */
	bench_up(&bench);
	death.wait_status = EXITED(0);
	give_death(&bench, death);
	expect_verdict(&bench, VERDICT_NONE);
	bench_free(&bench);
}

static void a_long_refusal_is_cut_not_spilled(void **state)
{
	char refusal[2 * POLICY_NOTE_SIZE];
	struct policy_death death = {.wait_status = EXITED(1), .refusal = refusal};
	struct bench bench;

	(void)state;
	memset(refusal, 'x', sizeof(refusal));
	refusal[sizeof(refusal) - 1] = '\0';
	bench_up(&bench);
	give_death(&bench, death);
	assert_int_equal(strlen(bench.out.detail), POLICY_NOTE_SIZE - 1);
	assert_int_equal(strlen(bench.policy.note), POLICY_NOTE_SIZE - 1);
	bench_free(&bench);
}

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

/* ---- members and heirs ---- */

static void a_failure_with_members_stops_them_first(void **state)
{
	struct policy_death death = {.wait_status = DUMPED(SIGSEGV), .members = 2};
	struct bench bench;

	(void)state;
	bench_up(&bench);
	give_death(&bench, death);
	expect_verdict(&bench, VERDICT_STOP_MEMBERS);
	expect_state(&bench, POLICY_STOPPING);
	expect_kill(&bench, SIGTERM);
	give(&bench, INPUT_MEMBER_DIED);
	expect_nothing(&bench);
	pass(&bench, S(3));
	give(&bench, INPUT_ALL_GONE);
	assert_int_equal(actions(&bench, ACTION_SPAWN), 1);
	expect_state(&bench, POLICY_STARTING);
	assert_int_equal(bench.policy.deadline_ns, 0);
	give(&bench, INPUT_SPAWNED);
	assert_int_equal(bench.policy.restarts, 1);
	bench_free(&bench);
}

static void members_that_stop_early_leave_the_back_off(void **state)
{
	struct policy_death death = {.wait_status = EXITED(1), .members = 1};
	struct bench bench;
	uint64_t died;

	(void)state;
	bench_up(&bench);
	fail_and_return(&bench);
	died = bench.now;
	give_death(&bench, death);
	expect_kill(&bench, SIGTERM);
	pass(&bench, MS(50));
	give(&bench, INPUT_ALL_GONE);
	expect_state(&bench, POLICY_WAITING);
	expect_only(&bench, ACTION_TIMER);
	assert_int_equal(bench.policy.deadline_ns, died + MS(200));
	fire(&bench);
	expect_only(&bench, ACTION_SPAWN);
	bench_free(&bench);
}

static void a_success_leaves_the_members_alone(void **state)
{
	struct policy_death death = {.wait_status = EXITED(0), .members = 2};
	struct bench bench;

	(void)state;
	bench_up(&bench);
	give_death(&bench, death);
	expect_state(&bench, POLICY_ENDED);
	assert_int_equal(bench.out.count, 0);
	bench_free(&bench);
}

static void leftovers_are_stopped_before_a_start(void **state)
{
	static const enum policy_input_kind commands[] = {INPUT_START, INPUT_RESTART};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		struct bench bench;

		bench_up(&bench);
		give_death(&bench, (struct policy_death){.members = 2});
		give(&bench, commands[i]);
		expect_state(&bench, POLICY_STOPPING);
		expect_kill(&bench, SIGTERM);
		give(&bench, INPUT_ALL_GONE);
		assert_int_equal(actions(&bench, ACTION_SPAWN), 1);
		give(&bench, INPUT_SPAWNED);
		assert_int_equal(bench.policy.restarts, 0);
		bench_free(&bench);
	}
}

/* "Stopped" must not be said of an instance that still has processes. */
static void stop_takes_the_leftovers_along(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	give_death(&bench, (struct policy_death){.wait_status = EXITED(0), .members = 2});
	expect_state(&bench, POLICY_ENDED);
	give(&bench, INPUT_STOP);
	expect_state(&bench, POLICY_STOPPING);
	expect_kill(&bench, SIGTERM);
	give(&bench, INPUT_ALL_GONE);
	expect_state(&bench, POLICY_DOWN);
	assert_int_equal(bench.policy.deadline_ns, 0);
	bench_free(&bench);
}

/* Half a service is none: what lives on of it is stopped before it is buried. */
static void burial_takes_the_leftovers_along(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	bench.config.min_uptime_ns = S(60);
	give_death(&bench, (struct policy_death){.wait_status = EXITED(1), .members = 2});
	expect_verdict(&bench, VERDICT_BURY);
	expect_detail(&bench, "min_uptime");
	expect_state(&bench, POLICY_STOPPING);
	expect_kill(&bench, SIGTERM);
	fire(&bench);
	expect_kill(&bench, SIGKILL);
	give(&bench, INPUT_ALL_GONE);
	expect_state(&bench, POLICY_BURIED);
	assert_int_equal(bench.policy.deadline_ns, 0);
	give(&bench, INPUT_REVIVE);
	expect_state(&bench, POLICY_STARTING);
	bench_free(&bench);
}

/* What a death comes to when others of the instance live on. */
static const struct {
	const char *what;
	struct policy_death death;
	enum policy_verdict verdict;
	enum policy_action_kind action; /* of a hand-over */
} heir_table[] = {
	{"a daemon's parent leaves",
	 {.lived_ns = S(1), .members = 1, .has_fork_heir = true},
	 VERDICT_HAND_OVER,
	 ACTION_TAKE_HEIR},
	{"at the last moment of start_timeout",
	 {.lived_ns = S(30), .members = 1, .has_fork_heir = true},
	 VERDICT_HAND_OVER,
	 ACTION_TAKE_HEIR},
	{"a moment later",
	 {.lived_ns = S(30) + 1, .members = 1, .has_fork_heir = true},
	 VERDICT_NONE,
	 ACTION_TAKE_HEIR},
	{"none of them runs its executable",
	 {.lived_ns = S(1), .members = 1},
	 VERDICT_NONE,
	 ACTION_TAKE_HEIR},
	{"a clean signal is no daemon's parent leaving",
	 {.wait_status = KILLED(SIGTERM), .lived_ns = S(1), .members = 1, .has_fork_heir = true},
	 VERDICT_NONE,
	 ACTION_TAKE_HEIR},
	{"nor is a failure",
	 {.wait_status = EXITED(1), .lived_ns = S(1), .members = 1, .has_fork_heir = true},
	 VERDICT_STOP_MEMBERS,
	 ACTION_TAKE_HEIR},
	{"nor does it leave if it was asked to stop",
	 {.lived_ns = S(1), .members = 1, .has_fork_heir = true, .asked = true},
	 VERDICT_NONE,
	 ACTION_TAKE_HEIR},
	{"a successor, of one that was asked to stop and failed at that",
	 {.wait_status = EXITED(1),
	  .lived_ns = S(1),
	  .members = 3,
	  .has_exec_heir = true,
	  .asked = true},
	 VERDICT_HAND_OVER,
	 ACTION_TAKE_EXEC_HEIR},
	{"nobody is left", {.lived_ns = S(1)}, VERDICT_NONE, ACTION_TAKE_HEIR},
	{"only an heir that a stop would not reach",
	 {.lived_ns = S(1), .members = 0, .has_fork_heir = true},
	 VERDICT_HAND_OVER,
	 ACTION_TAKE_HEIR},
	{"nginx after USR2 and QUIT, a day later",
	 {.lived_ns = S(86400), .members = 3, .has_fork_heir = true, .has_exec_heir = true},
	 VERDICT_HAND_OVER,
	 ACTION_TAKE_EXEC_HEIR},
	{"the same, ended by SIGTERM",
	 {.wait_status = KILLED(SIGTERM), .lived_ns = S(1), .members = 3, .has_exec_heir = true},
	 VERDICT_HAND_OVER,
	 ACTION_TAKE_EXEC_HEIR},
	{"no successor of a failure",
	 {.wait_status = KILLED(SIGKILL), .lived_ns = S(1), .members = 3, .has_exec_heir = true},
	 VERDICT_STOP_MEMBERS,
	 ACTION_TAKE_EXEC_HEIR},
};

static void heirs_take_over_by_the_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(heir_table); i++) {
		bool taken = heir_table[i].verdict == VERDICT_HAND_OVER;
		struct bench bench;

		bench_up(&bench);
		give_death(&bench, heir_table[i].death);
		if (bench.out.verdict != heir_table[i].verdict)
			fail_msg("%s: %s", heir_table[i].what,
				 policy_verdict_name(bench.out.verdict));
		assert_int_equal(actions(&bench, heir_table[i].action), taken);
		if (taken) {
			expect_state(&bench, POLICY_UP);
			assert_int_equal(bench.out.count, 1);
		}
		bench_free(&bench);
	}
}

/* What a parent's exit 0 comes to when pid 8, which it had sent into the background, has ended before it. */
static const struct {
	const char *what;
	struct policy_death death;
	enum policy_verdict verdict;
} background_table[] = {
	{"that failed", {.background_pid = 8, .background_status = EXITED(5)}, VERDICT_RESPAWN},
	{"that was killed",
	 {.background_pid = 8, .background_status = KILLED(SIGSEGV)},
	 VERDICT_RESPAWN},
	{"that did its work", {.background_pid = 8}, VERDICT_NONE},
	{"there was none", {.background_status = EXITED(5)}, VERDICT_NONE},
	{"both were asked to stop",
	 {.background_pid = 8, .background_status = EXITED(5), .asked = true},
	 VERDICT_NONE},
	{"so late that it is no start any more",
	 {.background_pid = 8, .background_status = EXITED(5), .lived_ns = S(30) + 1},
	 VERDICT_NONE},
	{"another has taken over",
	 {.background_pid = 8, .background_status = EXITED(5), .members = 1, .has_fork_heir = true},
	 VERDICT_HAND_OVER},
	{"the parent's own clean end by a signal is no start",
	 {.background_pid = 8, .background_status = EXITED(5), .wait_status = KILLED(SIGTERM)},
	 VERDICT_NONE},
};

static void what_fails_in_the_background_is_a_failed_start(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(background_table); i++) {
		struct bench bench;

		bench_up(&bench);
		give_death(&bench, background_table[i].death);
		if (bench.out.verdict != background_table[i].verdict)
			fail_msg("%s: %s", background_table[i].what,
				 policy_verdict_name(bench.out.verdict));
		if (bench.out.verdict == VERDICT_RESPAWN)
			assert_non_null(strstr(bench.out.detail, "pid 8, which it had sent"));
		bench_free(&bench);
	}
}

static void a_success_status_of_its_own_is_no_daemonizing(void **state)
{
	struct policy_death death = {
		.wait_status = EXITED(3), .lived_ns = S(1), .members = 1, .has_fork_heir = true};
	struct bench bench;

	(void)state;
	bench_up(&bench);
	add_status(&bench.config.success_exit_status, "3");
	give_death(&bench, death);
	expect_verdict(&bench, VERDICT_NONE);
	expect_state(&bench, POLICY_ENDED);
	bench_free(&bench);
	bench_up(&bench);
	add_status(&bench.config.success_exit_status, "3");
	death.has_exec_heir = true;
	give_death(&bench, death);
	expect_verdict(&bench, VERDICT_HAND_OVER);
	bench_free(&bench);
}

static void no_heir_while_it_is_being_stopped(void **state)
{
	struct policy_death death = {
		.lived_ns = S(1), .members = 1, .has_fork_heir = true, .has_exec_heir = true};
	struct bench bench;

	(void)state;
	bench_up(&bench);
	give(&bench, INPUT_STOP);
	give_death(&bench, death);
	expect_nothing(&bench);
	expect_state(&bench, POLICY_STOPPING);
	expect_detail(&bench, "stopped by the operator");
	bench_free(&bench);
}

static void give_member_death(struct bench *bench, uint32_t wait_status, const char *refusal)
{
	give_input(bench, &(struct policy_input){
				  .kind = INPUT_MEMBER_DIED,
				  .death = {.pid = 4711,
					    .wait_status = wait_status,
					    .lived_ns = S(1),
					    .members = 3,
					    .refusal = refusal},
			  });
}

static void a_members_death_counts_only_if_told_so(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	give_member_death(&bench, KILLED(SIGKILL), NULL);
	expect_nothing(&bench);
	expect_state(&bench, POLICY_UP);
	bench.config.members_restart = true;
	give_member_death(&bench, EXITED(0), NULL);
	expect_nothing(&bench);
	give_member_death(&bench, KILLED(SIGKILL), NULL);
	expect_verdict(&bench, VERDICT_STOP_MEMBERS);
	expect_state(&bench, POLICY_STOPPING);
	expect_kill(&bench, SIGTERM);
	give_member_death(&bench, KILLED(SIGKILL), NULL);
	expect_nothing(&bench);
	give_death(&bench, (struct policy_death){.pid = 7, .wait_status = KILLED(SIGTERM)});
	assert_string_equal(bench.out.detail, "stopped to be respawned: its member 4711 killed by "
					      "SIGKILL (members = restart)");
	give(&bench, INPUT_ALL_GONE);
	assert_int_equal(actions(&bench, ACTION_SPAWN), 1);
	bench_free(&bench);
}

static void a_stop_is_not_laid_to_a_member(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	bench.config.members_restart = true;
	give_member_death(&bench, EXITED(1), NULL);
	give_death(&bench, (struct policy_death){.wait_status = KILLED(SIGTERM)});
	give(&bench, INPUT_ALL_GONE);
	give(&bench, INPUT_SPAWNED);
	give(&bench, INPUT_RESTART);
	give_death(&bench, (struct policy_death){.wait_status = KILLED(SIGTERM)});
	assert_string_equal(bench.out.detail, "stopped by the operator to be restarted");
	bench_free(&bench);
}

static void a_refusal_holds_for_a_members_death_too(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	bench.config.members_restart = true;
	give_member_death(&bench, EXITED(1), "it is setuid");
	expect_verdict(&bench, VERDICT_REPORT);
	assert_string_equal(bench.out.detail, "not respawned: it is setuid");
	assert_int_equal(bench.out.count, 0);
	expect_state(&bench, POLICY_UP);
	bench_free(&bench);
}

static void a_long_life_counts_for_a_members_death_too(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	bench.config.members_restart = true;
	for (int i = 0; i < 5; i++)
		fail_and_return(&bench);
	pass(&bench, S(86400));
	give_member_death(&bench, EXITED(1), NULL);
	give(&bench, INPUT_ALL_GONE);
	expect_state(&bench, POLICY_STARTING);
	assert_int_equal(bench.policy.attempt, 1);
	bench_free(&bench);
}

/* ---- the operator ---- */

static void stop_while_it_waits(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	die(&bench, EXITED(1));
	give(&bench, INPUT_STOP);
	expect_state(&bench, POLICY_DOWN);
	give(&bench, INPUT_ALL_GONE);
	expect_nothing(&bench);
	give(&bench, INPUT_TIMER);
	expect_nothing(&bench);
	expect_state(&bench, POLICY_DOWN);
	assert_string_equal(bench.policy.note, "stopped by the operator");
	bench_free(&bench);
}

static void stop_beats_a_respawn_that_is_under_way(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	give_death(&bench, (struct policy_death){.wait_status = EXITED(1), .members = 1});
	give(&bench, INPUT_STOP);
	expect_nothing(&bench);
	give(&bench, INPUT_ALL_GONE);
	expect_state(&bench, POLICY_DOWN);
	assert_int_equal(actions(&bench, ACTION_SPAWN), 0);
	bench_free(&bench);
}

static void stop_while_it_starts(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench);
	give(&bench, INPUT_START);
	give(&bench, INPUT_STOP);
	expect_state(&bench, POLICY_STOPPING);
	expect_kill(&bench, SIGTERM);
	give(&bench, INPUT_SPAWNED);
	expect_state(&bench, POLICY_STOPPING);
	die(&bench, KILLED(SIGTERM));
	give(&bench, INPUT_ALL_GONE);
	expect_state(&bench, POLICY_DOWN);
	bench_free(&bench);
}

static void restart_while_it_stops(void **state)
{
	static const enum policy_input_kind commands[] = {INPUT_START, INPUT_RESTART};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		struct bench bench;

		bench_up(&bench);
		give(&bench, INPUT_STOP);
		give(&bench, commands[i]);
		assert_false(bench.out.refused);
		expect_nothing(&bench);
		die(&bench, KILLED(SIGTERM));
		expect_detail(&bench, "to be restarted");
		give(&bench, INPUT_ALL_GONE);
		expect_state(&bench, POLICY_STARTING);
		assert_int_equal(actions(&bench, ACTION_SPAWN), 1);
		give(&bench, INPUT_SPAWNED);
		assert_int_equal(bench.policy.restarts, 0);
		bench_free(&bench);
	}
}

static void the_last_command_wins(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	give(&bench, INPUT_RESTART);
	give(&bench, INPUT_STOP);
	give(&bench, INPUT_ALL_GONE);
	expect_state(&bench, POLICY_DOWN);
	bench_free(&bench);
}

static void restart_forgets_the_back_off(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	for (int i = 0; i < 5; i++)
		fail_and_return(&bench);
	give(&bench, INPUT_RESTART);
	die(&bench, KILLED(SIGTERM));
	expect_verdict(&bench, VERDICT_NONE);
	give(&bench, INPUT_ALL_GONE);
	give(&bench, INPUT_SPAWNED);
	assert_int_equal(bench.policy.restarts, 5);
	assert_int_equal(fail_and_return(&bench), 0);
	bench_free(&bench);
}

static void sigkill_follows_kill_timeout_again_and_again(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	bench.config.kill_signal = SIGINT;
	bench.config.kill_timeout_ns = S(7);
	give(&bench, INPUT_STOP);
	expect_kill(&bench, SIGINT);
	for (int i = 0; i < 3; i++) {
		uint64_t before = bench.now;

		fire(&bench);
		assert_int_equal(bench.now, before + S(7));
		expect_kill(&bench, SIGKILL);
		expect_state(&bench, POLICY_STOPPING);
	}
	give(&bench, INPUT_ALL_GONE);
	expect_only(&bench, ACTION_TIMER);
	assert_int_equal(bench.out.actions[0].deadline_ns, 0);
	bench_free(&bench);
}

/* A process in the kernel's hands does not die of SIGKILL at once: no reason to spin. */
static void no_kill_timeout_does_not_spin(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	bench.config.kill_timeout_ns = 0;
	give(&bench, INPUT_STOP);
	assert_int_equal(bench.policy.deadline_ns, bench.now);
	fire(&bench);
	expect_kill(&bench, SIGKILL);
	assert_true(bench.policy.deadline_ns >= bench.now + S(1));
	bench_free(&bench);
}

static void an_early_timer_is_ignored(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	fail_and_return(&bench);
	fail_once(&bench);
	pass(&bench, MS(200) - 1);
	give(&bench, INPUT_TIMER);
	expect_nothing(&bench);
	expect_state(&bench, POLICY_WAITING);
	pass(&bench, 1);
	give(&bench, INPUT_TIMER);
	expect_only(&bench, ACTION_SPAWN);
	bench_free(&bench);
	bench_up(&bench);
	give(&bench, INPUT_STOP);
	pass(&bench, S(10) - 1);
	give(&bench, INPUT_TIMER);
	expect_nothing(&bench);
	fire(&bench);
	expect_kill(&bench, SIGKILL);
	bench_free(&bench);
}

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

/* ---- a spawn that fails ---- */

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

static void each_state_and_verdict_has_its_word(void **state)
{
	(void)state;
	assert_string_equal(policy_state_name(POLICY_UP), "up");
	assert_string_equal(policy_state_name(POLICY_STARTING), "waiting");
	assert_string_equal(policy_state_name(POLICY_DOWN), "down");
	for (int i = 0; i < _POLICY_VERDICT_MAX; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(policy_verdict_name((enum policy_verdict)i),
						policy_verdict_name((enum policy_verdict)j));
}

/* ---- pauses and observing ---- */

static void pause_until(struct bench *bench, uint64_t until)
{
	give_input(bench, &(struct policy_input){.kind = INPUT_PAUSE, .until_ns = until});
}

static void a_pause_holds_respawns_until_it_is_resumed(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	pause_until(&bench, 0);
	die(&bench, EXITED(1));
	expect_verdict(&bench, VERDICT_RESPAWN);
	expect_detail(&bench, "paused: respawn is held until resumed");
	give(&bench, INPUT_ALL_GONE);
	expect_state(&bench, POLICY_WAITING);
	expect_nothing(&bench);
	assert_true(policy_is_held(&bench.policy));
	assert_string_equal(bench.policy.note, "paused: respawn is held");
	pass(&bench, S(86400));
	give(&bench, INPUT_TIMER);
	expect_state(&bench, POLICY_WAITING);
	give(&bench, INPUT_RESUME);
	expect_only(&bench, ACTION_SPAWN);
	give(&bench, INPUT_SPAWNED);
	expect_state(&bench, POLICY_UP);
	assert_string_equal(bench.policy.note, "");
	assert_int_equal(bench.policy.restarts, 1);
	bench_free(&bench);
}

static void a_pause_with_an_end_ends_by_itself(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	pause_until(&bench, bench.now + S(60));
	pass(&bench, S(10));
	die(&bench, EXITED(1));
	expect_detail(&bench, "paused: respawn is held for 50s");
	give(&bench, INPUT_ALL_GONE);
	expect_state(&bench, POLICY_WAITING);
	pass(&bench, S(49));
	give(&bench, INPUT_TIMER);
	expect_state(&bench, POLICY_WAITING);
	fire(&bench);
	expect_only(&bench, ACTION_SPAWN);
	assert_false(bench.policy.paused);
	give(&bench, INPUT_SPAWNED);
	/* a pause that is over holds nothing */
	pause_until(&bench, bench.now + S(60));
	pass(&bench, S(60));
	die(&bench, EXITED(1));
	give(&bench, INPUT_ALL_GONE);
	expect_only(&bench, ACTION_SPAWN);
	bench_free(&bench);
}

static void a_pause_can_be_prolonged_and_made_open(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	pause_until(&bench, bench.now + S(60));
	fail_once(&bench);
	pause_until(&bench, bench.now + S(600));
	assert_int_equal(bench.policy.deadline_ns, bench.now + S(600));
	pause_until(&bench, 0);
	expect_only(&bench, ACTION_TIMER);
	assert_int_equal(bench.policy.deadline_ns, 0);
	bench_free(&bench);
}

static void a_pause_counts_neither_for_back_off_nor_for_the_start_limit(void **state)
{
	struct bench bench;

	(void)state;
	bench_init(&bench);
	bench.config.start_limit_burst = 2;
	bench.config.start_limit_interval_ns = S(3600);
	bench_reload(&bench);
	give(&bench, INPUT_STARTED);
	for (unsigned i = 0; i < 20; i++) {
		pause_until(&bench, 0);
		fail_once(&bench);
		expect_state(&bench, POLICY_WAITING);
		assert_int_equal(bench.policy.attempt, 0);
		give(&bench, INPUT_RESUME);
		expect_only(&bench, ACTION_SPAWN);
		give(&bench, INPUT_SPAWNED);
		pass(&bench, MS(1));
	}
	assert_true(fail_and_return(&bench) == 0); /* the first of a new row */
	bench_free(&bench);
}

static void max_restarts_holds_in_a_pause_too(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	bench.config.max_restarts = 1;
	fail_and_return(&bench);
	pause_until(&bench, 0);
	die(&bench, EXITED(1));
	expect_verdict(&bench, VERDICT_BURY);
	bench_free(&bench);
}

static void a_back_off_is_held_and_over_when_resumed(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	fail_and_return(&bench);
	fail_once(&bench);
	pause_until(&bench, 0);
	expect_only(&bench, ACTION_TIMER);
	pass(&bench, MS(1)); /* of 200 */
	give(&bench, INPUT_RESUME);
	expect_only(&bench, ACTION_SPAWN);
	bench_free(&bench);
}

static void resumed_before_all_is_gone_it_waits_for_that(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	pause_until(&bench, 0);
	die(&bench, EXITED(1));
	give(&bench, INPUT_RESUME);
	expect_state(&bench, POLICY_WAITING);
	expect_nothing(&bench);
	give(&bench, INPUT_ALL_GONE);
	expect_only(&bench, ACTION_SPAWN);
	bench_free(&bench);
}

static void members_of_a_dead_main_are_stopped_then_it_is_held(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	pause_until(&bench, 0);
	give_death(&bench, (struct policy_death){.wait_status = EXITED(1), .members = 2});
	expect_verdict(&bench, VERDICT_STOP_MEMBERS);
	expect_detail(&bench, "stopped, then held: it is paused");
	expect_kill(&bench, SIGTERM);
	give(&bench, INPUT_ALL_GONE);
	expect_state(&bench, POLICY_WAITING);
	assert_int_equal(actions(&bench, ACTION_SPAWN), 0);
	give(&bench, INPUT_RESUME);
	expect_only(&bench, ACTION_SPAWN);
	bench_free(&bench);
}

static void a_members_death_in_a_pause_stops_nothing(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	bench.config.members_restart = true;
	pause_until(&bench, 0);
	give_input(&bench, &(struct policy_input){.kind = INPUT_MEMBER_DIED,
						  .death = {.wait_status = EXITED(1)}});
	expect_state(&bench, POLICY_UP);
	expect_verdict(&bench, VERDICT_REPORT);
	assert_int_equal(bench.out.count, 0);
	bench_free(&bench);
}

static void commands_act_in_a_pause(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	pause_until(&bench, 0);
	fail_once(&bench);
	give(&bench, INPUT_START);
	expect_only(&bench, ACTION_SPAWN);
	give(&bench, INPUT_SPAWNED);
	assert_true(bench.policy.paused);
	give(&bench, INPUT_RESTART);
	give(&bench, INPUT_ALL_GONE);
	assert_int_equal(actions(&bench, ACTION_SPAWN), 1);
	give(&bench, INPUT_SPAWNED);
	give(&bench, INPUT_STOP);
	give(&bench, INPUT_ALL_GONE);
	expect_state(&bench, POLICY_DOWN);
	give(&bench, INPUT_RESUME);
	expect_state(&bench, POLICY_DOWN);
	assert_int_equal(bench.out.count, 0);
	bench_free(&bench);
}

static void a_failed_start_is_not_tried_again_in_a_pause(void **state)
{
	static const int errors[] = {ENOENT, EACCES};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		struct bench bench;

		bench_init(&bench);
		pause_until(&bench, 0);
		give(&bench, INPUT_START);
		give_error(&bench, errors[i]);
		expect_state(&bench, POLICY_WAITING);
		assert_int_equal(bench.out.count, 0);
		assert_int_equal(bench.policy.deadline_ns, 0);
		give(&bench, INPUT_RESUME);
		expect_only(&bench, ACTION_SPAWN);
		bench_free(&bench);
	}
}

static void resume_without_a_pause_changes_nothing(void **state)
{
	struct policy before;
	struct bench bench;

	(void)state;
	bench_up(&bench);
	fail_and_return(&bench);
	fail_once(&bench); /* waits for its back-off */
	memcpy(&before, &bench.policy, sizeof(before));
	give(&bench, INPUT_RESUME);
	expect_nothing(&bench);
	expect_detail(&bench, "is not paused");
	assert_memory_equal(&before, &bench.policy, sizeof(before));
	bench_free(&bench);
}

static void expect_undone(const struct bench *bench, enum policy_verdict verdict,
			  const char *detail)
{
	expect_verdict(bench, verdict);
	assert_string_equal(bench->out.detail, detail);
	assert_string_equal(bench->policy.note, detail);
	assert_true(bench->out.undone);
	assert_int_equal(bench->out.count, 0);
	assert_int_equal(bench->policy.deadline_ns, 0);
}

/* ---- what an operator wants of an owner ---- */

static void bench_owned_with_commands(struct bench *bench)
{
	bench_owned(bench);
	bench->policy.owner.restarts = bench->policy.owner.stops = true;
}

static void fail_order(struct bench *bench)
{
	give_input(bench, &(struct policy_input){.kind = INPUT_OWNER_FAILED, .words = "it is ill"});
}

static void stop_is_its_owners(void **state)
{
	struct bench bench;

	(void)state;
	bench_owned_with_commands(&bench);
	give(&bench, INPUT_STOP);
	expect_state(&bench, POLICY_STOPPING);
	expect_only(&bench, ACTION_STOP_BY_OWNER);
	expect_detail(&bench, "its owner systemd is told to stop it");
	die(&bench, SIGTERM);
	expect_detail(&bench, "stopped by the operator");
	give(&bench, INPUT_ALL_GONE);
	expect_state(&bench, POLICY_DOWN);
	give(&bench, INPUT_OWNER_DONE);
	expect_nothing(&bench);
	expect_state(&bench, POLICY_DOWN);
	bench_free(&bench);
}

/* sv down has not waited, and the process ignores SIGTERM. */
static void what_its_owner_leaves_is_killed(void **state)
{
	struct bench bench;

	(void)state;
	bench_owned_with_commands(&bench);
	give(&bench, INPUT_STOP);
	give(&bench, INPUT_OWNER_DONE);
	expect_only(&bench, ACTION_TIMER);
	fire(&bench);
	expect_kill(&bench, SIGKILL);
	expect_state(&bench, POLICY_STOPPING);
	bench_free(&bench);
}

static void what_its_owner_cannot_stop_or_restart_is_up(void **state)
{
	struct bench bench;

	(void)state;
	bench_owned_with_commands(&bench);
	give(&bench, INPUT_STOP);
	fail_order(&bench);
	expect_state(&bench, POLICY_UP);
	expect_detail(&bench, "its owner systemd could not stop it: it is ill");
	assert_string_equal(bench.policy.note, bench.out.detail);
	give(&bench, INPUT_RESTART);
	fail_order(&bench);
	expect_state(&bench, POLICY_UP);
	expect_detail(&bench, "its owner systemd could not restart it: it is ill");
	/* the command has failed, and what it was for is done */
	give(&bench, INPUT_STOP);
	give(&bench, INPUT_ALL_GONE);
	fail_order(&bench);
	expect_state(&bench, POLICY_DOWN);
	bench_free(&bench);
}

static void restart_is_its_owners(void **state)
{
	struct bench bench;

	(void)state;
	bench_owned_with_commands(&bench);
	give(&bench, INPUT_RESTART);
	expect_state(&bench, POLICY_RESTARTING);
	expect_only(&bench, ACTION_RESTART_BY_OWNER);
	assert_true(bench.policy.replacing);
	give(&bench, INPUT_OWNER_DONE);
	expect_state(&bench, POLICY_EXPECTED);
	die(&bench, SIGTERM);
	expect_detail(&bench, "stopped by the operator to be restarted");
	assert_false(bench.policy.replacing);
	give(&bench, INPUT_STARTED);
	expect_state(&bench, POLICY_UP);
	assert_int_equal(bench.policy.restarts, 0);
	/* told, and it runs on */
	give(&bench, INPUT_RESTART);
	give(&bench, INPUT_OWNER_DONE);
	fire(&bench);
	expect_state(&bench, POLICY_UP);
	expect_detail(&bench, "was told to restart it, and nothing came");
	bench_free(&bench);
}

/* What is dead may be started by its owner any moment. */
static void stop_is_told_to_an_owner_that_is_about_to_start_it(void **state)
{
	struct bench bench;

	(void)state;
	bench_owned_with_commands(&bench);
	die(&bench, EXITED(1));
	give(&bench, INPUT_ALL_GONE);
	answer(&bench, OWNER_SAYS_RESTARTS);
	give(&bench, INPUT_STOP);
	expect_only(&bench, ACTION_STOP_BY_OWNER);
	expect_state(&bench, POLICY_STOPPING);
	give(&bench, INPUT_OWNER_DONE);
	expect_state(&bench, POLICY_DOWN);
	bench_free(&bench);
}

static void without_its_commands_signals_do(void **state)
{
	struct bench bench;

	(void)state;
	bench_owned(&bench);
	give(&bench, INPUT_STOP);
	expect_kill(&bench, SIGTERM);
	bench_free(&bench);
	/* it can be stopped, and started, but not restarted: the one after the other */
	bench_owned(&bench);
	bench.policy.owner.stops = true;
	give(&bench, INPUT_RESTART);
	expect_only(&bench, ACTION_STOP_BY_OWNER);
	give(&bench, INPUT_ALL_GONE);
	expect_state(&bench, POLICY_STOPPING);
	give(&bench, INPUT_OWNER_DONE);
	expect_state(&bench, POLICY_RESTARTING);
	assert_false(bench.policy.replacing);
	bench_free(&bench);
}

static void an_owner_without_a_command_is_reported(void **state)
{
	struct bench bench;

	(void)state;
	bench_owned(&bench);
	bench.policy.owner.untold = true;
	die(&bench, EXITED(1));
	answer(&bench, OWNER_SAYS_NO);
	expect_state(&bench, POLICY_ENDED);
	expect_verdict(&bench, VERDICT_REPORT);
	expect_detail(&bench, "has no command to be told with");
	bench_free(&bench);
}

/* Somebody else brings it back each time. */
static void who_observes_decides_and_does_nothing(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	bench.policy.observing = true;
	fail_once(&bench);
	give(&bench, INPUT_STARTED);
	expect_state(&bench, POLICY_UP);
	die(&bench, EXITED(1));
	expect_undone(&bench, VERDICT_RESPAWN,
		      "respawn in 200ms (attempt 2) (observing: not done)");
	expect_state(&bench, POLICY_ENDED);
	give(&bench, INPUT_ALL_GONE);
	expect_nothing(&bench);
	give(&bench, INPUT_STARTED);
	give_death(&bench, (struct policy_death){.wait_status = EXITED(1), .members = 1});
	expect_undone(&bench, VERDICT_STOP_MEMBERS,
		      "1 of its processes lives on: stopped, then respawned (observing: not done)");
	expect_state(&bench, POLICY_ENDED);
	bench.config.min_uptime_ns = S(60);
	give(&bench, INPUT_STARTED);
	give_death(&bench, (struct policy_death){.wait_status = EXITED(1), .members = 1});
	expect_undone(&bench, VERDICT_BURY,
		      "buried: lived 0us, less than 1min 0s (min_uptime) (observing: not done)");
	expect_state(&bench, POLICY_ENDED);
	assert_int_equal(bench.policy.restarts, 0);
	bench_free(&bench);
}

static void an_observed_member_leaves_its_main_up(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	bench.policy.observing = true;
	bench.config.members_restart = true;
	give_input(&bench, &(struct policy_input){.kind = INPUT_MEMBER_DIED,
						  .death = {.wait_status = EXITED(1)}});
	expect_undone(&bench, VERDICT_STOP_MEMBERS, "respawned at once (observing: not done)");
	expect_state(&bench, POLICY_UP);
	assert_int_equal(bench.policy.down_since_ns, 0);
	bench_free(&bench);
}

static void what_would_not_be_done_anyway_is_no_observation(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	bench.policy.observing = true;
	give_death(&bench,
		   (struct policy_death){.wait_status = 0, .members = 1, .has_fork_heir = true});
	expect_verdict(&bench, VERDICT_HAND_OVER);
	expect_only(&bench, ACTION_TAKE_HEIR);
	expect_state(&bench, POLICY_UP);
	die(&bench, EXITED(0));
	expect_verdict(&bench, VERDICT_NONE);
	assert_false(bench.out.undone);
	expect_state(&bench, POLICY_ENDED);
	give(&bench, INPUT_STARTED);
	give_death(&bench, (struct policy_death){.wait_status = EXITED(1), .refusal = "so it is"});
	expect_verdict(&bench, VERDICT_REPORT);
	assert_false(bench.out.undone);
	bench_free(&bench);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(restart_speaks_systemds_words),
		cmocka_unit_test(who_was_asked_to_stop_has_ended_well),
		cmocka_unit_test(success_is_what_is_clean_or_configured),
		cmocka_unit_test(prevent_beats_force_beats_restart),
		cmocka_unit_test(an_end_says_why_it_is_one),
		cmocka_unit_test(a_refusal_is_reported_in_its_own_words),
		cmocka_unit_test(a_long_refusal_is_cut_not_spilled),
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
		cmocka_unit_test(a_failure_with_members_stops_them_first),
		cmocka_unit_test(members_that_stop_early_leave_the_back_off),
		cmocka_unit_test(a_success_leaves_the_members_alone),
		cmocka_unit_test(leftovers_are_stopped_before_a_start),
		cmocka_unit_test(stop_takes_the_leftovers_along),
		cmocka_unit_test(burial_takes_the_leftovers_along),
		cmocka_unit_test(heirs_take_over_by_the_table),
		cmocka_unit_test(a_success_status_of_its_own_is_no_daemonizing),
		cmocka_unit_test(what_fails_in_the_background_is_a_failed_start),
		cmocka_unit_test(no_heir_while_it_is_being_stopped),
		cmocka_unit_test(a_members_death_counts_only_if_told_so),
		cmocka_unit_test(a_stop_is_not_laid_to_a_member),
		cmocka_unit_test(a_refusal_holds_for_a_members_death_too),
		cmocka_unit_test(a_long_life_counts_for_a_members_death_too),
		cmocka_unit_test(stop_while_it_waits),
		cmocka_unit_test(stop_beats_a_respawn_that_is_under_way),
		cmocka_unit_test(stop_while_it_starts),
		cmocka_unit_test(restart_while_it_stops),
		cmocka_unit_test(the_last_command_wins),
		cmocka_unit_test(restart_forgets_the_back_off),
		cmocka_unit_test(sigkill_follows_kill_timeout_again_and_again),
		cmocka_unit_test(no_kill_timeout_does_not_spin),
		cmocka_unit_test(an_early_timer_is_ignored),
		cmocka_unit_test(a_start_from_outside_ends_the_waiting),
		cmocka_unit_test(down_since_is_the_first_moment_without_it),
		cmocka_unit_test(a_missing_or_busy_binary_waits_without_counting),
		cmocka_unit_test(other_failures_count_and_bury_at_the_limit),
		cmocka_unit_test(a_failed_spawn_is_never_tried_again_in_the_same_breath),
		cmocka_unit_test(a_reload_keeps_state_and_counters),
		cmocka_unit_test(another_burst_remembers_the_starts),
		cmocka_unit_test(a_smaller_burst_keeps_the_newest_starts),
		cmocka_unit_test(a_pause_holds_respawns_until_it_is_resumed),
		cmocka_unit_test(a_pause_with_an_end_ends_by_itself),
		cmocka_unit_test(a_pause_can_be_prolonged_and_made_open),
		cmocka_unit_test(a_pause_counts_neither_for_back_off_nor_for_the_start_limit),
		cmocka_unit_test(max_restarts_holds_in_a_pause_too),
		cmocka_unit_test(a_back_off_is_held_and_over_when_resumed),
		cmocka_unit_test(resumed_before_all_is_gone_it_waits_for_that),
		cmocka_unit_test(members_of_a_dead_main_are_stopped_then_it_is_held),
		cmocka_unit_test(a_members_death_in_a_pause_stops_nothing),
		cmocka_unit_test(commands_act_in_a_pause),
		cmocka_unit_test(a_failed_start_is_not_tried_again_in_a_pause),
		cmocka_unit_test(resume_without_a_pause_changes_nothing),
		cmocka_unit_test(stop_is_its_owners),
		cmocka_unit_test(what_its_owner_leaves_is_killed),
		cmocka_unit_test(what_its_owner_cannot_stop_or_restart_is_up),
		cmocka_unit_test(restart_is_its_owners),
		cmocka_unit_test(stop_is_told_to_an_owner_that_is_about_to_start_it),
		cmocka_unit_test(without_its_commands_signals_do),
		cmocka_unit_test(an_owner_without_a_command_is_reported),
		cmocka_unit_test(who_observes_decides_and_does_nothing),
		cmocka_unit_test(an_observed_member_leaves_its_main_up),
		cmocka_unit_test(what_would_not_be_done_anyway_is_no_observation),
		cmocka_unit_test(each_state_and_verdict_has_its_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
