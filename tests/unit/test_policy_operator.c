// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What an operator wants, and how it is stopped. */
#include "tests/unit/test_policy.h"

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

/* What lives is not stopped for a child that would be refused. */
static void a_restart_that_is_refused_changes_nothing(void **state)
{
	const struct policy_input restart = {.kind = INPUT_RESTART,
					     .words = "others than root can change it"};
	struct bench bench;

	(void)state;
	bench_up(&bench);
	give_input(&bench, &restart);
	assert_true(bench.out.refused);
	expect_nothing(&bench);
	expect_state(&bench, POLICY_UP);
	expect_detail(&bench, "not restarted: others than root can change it");
	assert_string_equal(bench.policy.note, bench.out.detail);
	give(&bench, INPUT_RESTART);
	assert_false(bench.out.refused);
	assert_string_equal(bench.policy.note, "");
	/* it has stopped by itself meanwhile: the child will tell */
	die(&bench, KILLED(SIGTERM));
	give_input(&bench, &restart);
	assert_false(bench.out.refused);
	give(&bench, INPUT_ALL_GONE);
	expect_state(&bench, POLICY_STARTING);
	bench_free(&bench);
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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(leftovers_are_stopped_before_a_start),
		cmocka_unit_test(stop_takes_the_leftovers_along),
		cmocka_unit_test(stop_while_it_waits),
		cmocka_unit_test(stop_beats_a_respawn_that_is_under_way),
		cmocka_unit_test(stop_while_it_starts),
		cmocka_unit_test(restart_while_it_stops),
		cmocka_unit_test(a_restart_that_is_refused_changes_nothing),
		cmocka_unit_test(the_last_command_wins),
		cmocka_unit_test(restart_forgets_the_back_off),
		cmocka_unit_test(sigkill_follows_kill_timeout_again_and_again),
		cmocka_unit_test(no_kill_timeout_does_not_spin),
		cmocka_unit_test(an_early_timer_is_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
