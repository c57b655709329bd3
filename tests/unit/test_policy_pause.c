// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Respawns that are held. */
#include "tests/unit/test_policy.h"

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

int main(void)
{
	static const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
