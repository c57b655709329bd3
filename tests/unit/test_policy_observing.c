// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A policy that decides and does nothing. */
#include "tests/unit/test_policy.h"

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
		cmocka_unit_test(who_observes_decides_and_does_nothing),
		cmocka_unit_test(an_observed_member_leaves_its_main_up),
		cmocka_unit_test(what_would_not_be_done_anyway_is_no_observation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
