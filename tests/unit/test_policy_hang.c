// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What hangs: it is stopped, and its death is a watchdog's. */
#include "tests/unit/test_policy.h"

static const char words[] = "no WATCHDOG=1 for 30s";

static void hang(struct bench *bench, enum hang_by by, const char *refusal)
{
	struct policy_input input = {
		.kind = INPUT_HUNG,
		.hang = {.by = by, .for_ns = S(30)},
		.death = {.refusal = refusal},
	};

	strcpy(input.hang.words, words);
	give_input(bench, &input);
}

/* It hangs, and its death by that signal leaves so many of its processes alive. */
static void hang_and_die(struct bench *bench, uint32_t wait_status, unsigned members)
{
	hang(bench, HANG_BY_NOTIFY, NULL);
	expect_state(bench, POLICY_STOPPING);
	give_death(bench, (struct policy_death){.wait_status = wait_status,
						.lived_ns = S(1),
						.members = members});
}

static void what_hangs_is_aborted_then_killed(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	hang(&bench, HANG_BY_PROBE, NULL);
	expect_state(&bench, POLICY_STOPPING);
	expect_verdict(&bench, VERDICT_STOP);
	expect_kill(&bench, SIGABRT);
	expect_detail(&bench, words);
	assert_int_equal(bench.policy.deadline_ns, bench.now + S(10));
	assert_string_equal(bench.policy.note, bench.out.detail);
	fire(&bench);
	expect_kill(&bench, SIGKILL);
	assert_int_equal(bench.policy.hang.by, HANG_BY_PROBE);
	assert_int_equal(bench.policy.hang.for_ns, S(30));
	bench_free(&bench);
}

/* What hangs may say anything, and a stop that was asked for may need its time. */
static void only_what_does_not_hang_is_given_more_time_to_stop(void **state)
{
	struct policy_input more = {.kind = INPUT_EXTEND};
	struct bench bench;
	uint64_t deadline;

	(void)state;
	bench_up(&bench);
	hang(&bench, HANG_BY_NOTIFY, NULL);
	deadline = bench.policy.deadline_ns;
	more.until_ns = deadline + S(60);
	give_input(&bench, &more);
	assert_int_equal(bench.policy.deadline_ns, deadline);
	bench_free(&bench);

	bench_up(&bench);
	give(&bench, INPUT_STOP);
	deadline = bench.policy.deadline_ns;
	more.until_ns = deadline + S(60);
	give_input(&bench, &more);
	assert_int_equal(bench.policy.deadline_ns, deadline + S(60));
	more.until_ns = deadline;
	give_input(&bench, &more);
	assert_int_equal(bench.policy.deadline_ns, deadline + S(60));
	bench_free(&bench);
}

/* Whatever it ended by: it may have caught SIGABRT and exited with 0, or have needed SIGKILL. */
static void its_death_is_a_watchdogs(void **state)
{
	static const bool wanted[_RESTART_WHEN_MAX] = {
		[RESTART_ON_FAILURE] = true,
		[RESTART_ON_ABNORMAL] = true,
		[RESTART_ON_WATCHDOG] = true,
		[RESTART_ALWAYS] = true,
	};
	static const uint32_t statuses[] = {DUMPED(SIGABRT), KILLED(SIGABRT), KILLED(SIGKILL),
					    EXITED(0), EXITED(1)};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		for (int when = 0; when < _RESTART_WHEN_MAX; when++) {
			bool want = wanted[when];
			struct bench bench;

			bench_up(&bench);
			bench.config.restart = (enum restart_when)when;
			hang_and_die(&bench, statuses[i], 0);
			expect_verdict(&bench, want ? VERDICT_RESPAWN : VERDICT_NONE);
			expect_state(&bench, want ? POLICY_WAITING : POLICY_ENDED);
			assert_int_equal(bench.policy.deadline_ns, 0);
			bench_free(&bench);
		}
}

static void its_exit_status_may_decide_otherwise(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	assert_int_equal(status_set_add(&bench.config.restart_prevent_exit_status, "SIGABRT"), 0);
	hang_and_die(&bench, DUMPED(SIGABRT), 0);
	expect_state(&bench, POLICY_ENDED);
	bench_free(&bench);

	bench_up(&bench);
	bench.config.restart = RESTART_NO;
	assert_int_equal(status_set_add(&bench.config.restart_force_exit_status, "SIGABRT"), 0);
	hang_and_die(&bench, DUMPED(SIGABRT), 0);
	expect_state(&bench, POLICY_WAITING);
	bench_free(&bench);
}

/* A request to stop that came meanwhile makes no good end of it; its owner's word does. */
static void a_request_does_not_excuse_a_hang(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	hang(&bench, HANG_BY_NOTIFY, NULL);
	give_death(&bench, (struct policy_death){.wait_status = KILLED(SIGTERM), .asked = true});
	expect_verdict(&bench, VERDICT_RESPAWN);
	bench_free(&bench);

	bench_up(&bench);
	hang(&bench, HANG_BY_NOTIFY, NULL);
	give_death(&bench,
		   (struct policy_death){.wait_status = KILLED(SIGTERM), .ended_by = "systemd"});
	expect_state(&bench, POLICY_ENDED);
	bench_free(&bench);
}

/* The others have got their signal with it: they are not asked a second time, but killed in the end. */
static void the_others_are_awaited_then_it_returns(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	hang_and_die(&bench, DUMPED(SIGABRT), 2);
	expect_state(&bench, POLICY_STOPPING);
	expect_verdict(&bench, VERDICT_STOP_MEMBERS);
	assert_int_equal(bench.out.count, 0);
	fire(&bench);
	expect_kill(&bench, SIGKILL);
	give(&bench, INPUT_ALL_GONE);
	expect_state(&bench, POLICY_STARTING);
	assert_int_equal(actions(&bench, ACTION_SPAWN), 1);
	give(&bench, INPUT_SPAWNED);
	expect_state(&bench, POLICY_UP);
	assert_int_equal(bench.policy.hang.by, HANG_NONE);
	assert_int_equal(bench.policy.restarts, 1);
	bench_free(&bench);
}

static void the_others_end_with_what_is_not_wanted_back(void **state)
{
	static const char *const refusals[] = {NULL, "how it was started is not known"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		struct bench bench;

		bench_up(&bench);
		bench.config.restart = refusals[i] ? RESTART_ON_FAILURE : RESTART_ON_ABORT;
		hang(&bench, HANG_BY_NOTIFY, NULL);
		give_death(&bench, (struct policy_death){.wait_status = DUMPED(SIGABRT),
							 .members = 1,
							 .refusal = refusals[i]});
		expect_state(&bench, POLICY_STOPPING);
		fire(&bench);
		expect_kill(&bench, SIGKILL);
		give(&bench, INPUT_ALL_GONE);
		expect_state(&bench, POLICY_ENDED);
		assert_int_equal(bench.policy.deadline_ns, 0);
		assert_non_null(strstr(bench.policy.note, "not respawned"));
		bench_free(&bench);
	}
}

static void hangs_count_for_the_start_limit(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	bench.config.start_limit_burst = 1;
	bench.config.start_limit_interval_ns = S(60);
	bench_reload(&bench);
	hang_and_die(&bench, DUMPED(SIGABRT), 0);
	give(&bench, INPUT_ALL_GONE);
	expect_state(&bench, POLICY_STARTING);
	give(&bench, INPUT_SPAWNED);
	hang_and_die(&bench, DUMPED(SIGABRT), 1);
	expect_verdict(&bench, VERDICT_BURY);
	expect_state(&bench, POLICY_STOPPING);
	give(&bench, INPUT_ALL_GONE);
	expect_state(&bench, POLICY_BURIED);
	bench_free(&bench);
}

/* A false alarm must not end for good what could not be brought back. */
static void what_cannot_return_is_left_hanging(void **state)
{
	struct bench bench;
	uint64_t since;

	(void)state;
	bench_up(&bench);
	since = bench.now;
	hang(&bench, HANG_BY_NOTIFY, "its recipe is incomplete");
	expect_state(&bench, POLICY_UP);
	expect_verdict(&bench, VERDICT_REPORT);
	expect_detail(&bench, "not stopped: its recipe is incomplete");
	assert_int_equal(bench.out.count, 0);
	pass(&bench, S(30));
	hang(&bench, HANG_BY_NOTIFY, "its recipe is incomplete");
	expect_nothing(&bench); /* it was told */
	assert_int_equal(bench.policy.hang.since_ns, since);
	hang(&bench, HANG_BY_NOTIFY, NULL);
	expect_kill(&bench, SIGABRT);
	assert_int_equal(bench.policy.hang.since_ns, since);
	bench_free(&bench);
}

static void a_pause_leaves_it_hanging_until_it_is_over(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	give(&bench, INPUT_PAUSE);
	hang(&bench, HANG_BY_PROGRESS, NULL);
	expect_state(&bench, POLICY_UP);
	expect_detail(&bench, "it is paused");
	give(&bench, INPUT_RESUME);
	hang(&bench, HANG_BY_PROGRESS, NULL);
	expect_kill(&bench, SIGABRT);
	bench_free(&bench);
}

static void what_was_left_hanging_may_recover(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	hang(&bench, HANG_BY_PROBE, "its owner is respected");
	give(&bench, INPUT_RECOVERED);
	expect_state(&bench, POLICY_UP);
	expect_detail(&bench, "hangs no longer");
	assert_int_equal(bench.policy.hang.by, HANG_NONE);
	assert_string_equal(bench.policy.note, "");
	hang(&bench, HANG_BY_PROBE, "its owner is respected");
	expect_verdict(&bench, VERDICT_REPORT); /* another one, and news */
	bench_free(&bench);
}

static void an_operators_stop_is_the_last_word(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	hang(&bench, HANG_BY_NOTIFY, NULL);
	give(&bench, INPUT_STOP);
	give_death(&bench, (struct policy_death){.wait_status = DUMPED(SIGABRT)});
	expect_verdict(&bench, VERDICT_NONE);
	give(&bench, INPUT_ALL_GONE);
	expect_state(&bench, POLICY_DOWN);
	bench_free(&bench);
}

static void an_owner_brings_back_what_was_stopped(void **state)
{
	struct bench bench;

	(void)state;
	bench_owned(&bench);
	hang_and_die(&bench, DUMPED(SIGABRT), 1);
	expect_state(&bench, POLICY_ASKING);
	expect_verdict(&bench, VERDICT_ASK_OWNER);
	answer(&bench, OWNER_SAYS_RESTARTS);
	give(&bench, INPUT_STARTED);
	expect_state(&bench, POLICY_UP);
	assert_int_equal(bench.policy.hang.by, HANG_NONE);
	bench_free(&bench);
}

static void who_observes_says_it_once(void **state)
{
	struct bench bench;

	(void)state;
	bench_up(&bench);
	bench.policy.observing = true;
	hang(&bench, HANG_BY_NOTIFY, NULL);
	expect_state(&bench, POLICY_UP);
	assert_true(bench.out.undone);
	assert_int_equal(bench.out.count, 0);
	assert_int_equal(bench.policy.deadline_ns, 0);
	hang(&bench, HANG_BY_NOTIFY, NULL);
	assert_false(bench.out.undone);
	expect_nothing(&bench);
	bench_free(&bench);
}

static void respawn_to_readying(struct bench *bench)
{
	bench_up(bench);
	bench->config.notify = true;
	fail_once(bench);
	give(bench, INPUT_SPAWNED);
	expect_state(bench, POLICY_READYING);
	assert_true(bench->policy.down_since_ns); /* not up yet */
}

static void it_is_up_when_it_says_so(void **state)
{
	struct bench bench;

	(void)state;
	respawn_to_readying(&bench);
	assert_int_equal(bench.policy.deadline_ns, bench.now + S(30));
	assert_int_equal(bench.policy.restarts, 1);
	assert_string_equal(bench.policy.note, "waits for its READY=1");
	give(&bench, INPUT_READY);
	expect_state(&bench, POLICY_UP);
	assert_int_equal(bench.policy.deadline_ns, 0);
	assert_string_equal(bench.policy.note, "");
	give(&bench, INPUT_READY); /* once more, after a reload of its own */
	expect_nothing(&bench);
	bench_free(&bench);
}

static void extend(struct bench *bench, uint64_t until_ns)
{
	give_input(bench, &(struct policy_input){.kind = INPUT_EXTEND, .until_ns = until_ns});
}

static void a_start_that_is_never_ready_hangs(void **state)
{
	struct bench bench;
	uint64_t began;

	(void)state;
	respawn_to_readying(&bench);
	began = bench.now;
	extend(&bench, began + S(5));
	assert_int_equal(bench.policy.deadline_ns, began + S(30)); /* not shortened */
	extend(&bench, began + S(45));
	assert_int_equal(bench.policy.deadline_ns, began + S(45));
	fire(&bench);
	expect_kill(&bench, SIGABRT);
	expect_detail(&bench, "no READY=1 for 45s");
	give_death(&bench, (struct policy_death){.wait_status = DUMPED(SIGABRT)});
	expect_verdict(&bench, VERDICT_RESPAWN);
	bench_free(&bench);
}

static void each_witness_has_its_word(void **state)
{
	(void)state;
	assert_string_equal(hang_by_name(HANG_BY_NOTIFY), "notify");
	assert_string_equal(hang_by_name(HANG_BY_PROGRESS), "progress");
	assert_string_equal(hang_by_name(HANG_BY_PROBE), "probe");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_hangs_is_aborted_then_killed),
		cmocka_unit_test(only_what_does_not_hang_is_given_more_time_to_stop),
		cmocka_unit_test(its_death_is_a_watchdogs),
		cmocka_unit_test(its_exit_status_may_decide_otherwise),
		cmocka_unit_test(a_request_does_not_excuse_a_hang),
		cmocka_unit_test(the_others_are_awaited_then_it_returns),
		cmocka_unit_test(the_others_end_with_what_is_not_wanted_back),
		cmocka_unit_test(hangs_count_for_the_start_limit),
		cmocka_unit_test(what_cannot_return_is_left_hanging),
		cmocka_unit_test(a_pause_leaves_it_hanging_until_it_is_over),
		cmocka_unit_test(what_was_left_hanging_may_recover),
		cmocka_unit_test(an_operators_stop_is_the_last_word),
		cmocka_unit_test(an_owner_brings_back_what_was_stopped),
		cmocka_unit_test(who_observes_says_it_once),
		cmocka_unit_test(it_is_up_when_it_says_so),
		cmocka_unit_test(a_start_that_is_never_ready_hangs),
		cmocka_unit_test(each_witness_has_its_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
