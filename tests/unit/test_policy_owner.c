// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What an operator wants of an owner. */
#include "tests/unit/test_policy.h"

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

/* Main is dead, and what it leaves is not: nothing is up. */
static void what_its_owner_cannot_stop_is_not_up_without_a_main(void **state)
{
	struct bench bench;

	(void)state;
	bench_owned_with_commands(&bench);
	give(&bench, INPUT_STOP);
	die(&bench, SIGTERM);
	fail_order(&bench);
	expect_state(&bench, POLICY_STOPPING);
	expect_only(&bench, ACTION_TIMER);
	expect_detail(&bench, "its owner systemd could not stop it: it is ill");
	fire(&bench);
	expect_kill(&bench, SIGKILL);
	give(&bench, INPUT_ALL_GONE);
	expect_state(&bench, POLICY_DOWN);
	/* somebody starts it, and it has a main again */
	give(&bench, INPUT_STARTED);
	give(&bench, INPUT_STOP);
	fail_order(&bench);
	expect_state(&bench, POLICY_UP);
	/* it was dead before the stop */
	give_death(&bench, (struct policy_death){.wait_status = EXITED(1), .members = 1});
	expect_state(&bench, POLICY_ASKING);
	give(&bench, INPUT_STOP);
	fail_order(&bench);
	expect_state(&bench, POLICY_STOPPING);
	give(&bench, INPUT_ALL_GONE);
	expect_state(&bench, POLICY_DOWN);
	bench_free(&bench);
}

static void an_heir_that_its_owner_cannot_stop_is_up(void **state)
{
	struct bench bench;

	(void)state;
	bench_owned_with_commands(&bench);
	give_death(&bench, (struct policy_death){.members = 1, .has_fork_heir = true});
	expect_verdict(&bench, VERDICT_HAND_OVER);
	give(&bench, INPUT_STOP);
	fail_order(&bench);
	expect_state(&bench, POLICY_UP);
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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(stop_is_its_owners),
		cmocka_unit_test(what_its_owner_leaves_is_killed),
		cmocka_unit_test(what_its_owner_cannot_stop_or_restart_is_up),
		cmocka_unit_test(what_its_owner_cannot_stop_is_not_up_without_a_main),
		cmocka_unit_test(an_heir_that_its_owner_cannot_stop_is_up),
		cmocka_unit_test(restart_is_its_owners),
		cmocka_unit_test(stop_is_told_to_an_owner_that_is_about_to_start_it),
		cmocka_unit_test(without_its_commands_signals_do),
		cmocka_unit_test(an_owner_without_a_command_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
