// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which deaths are answered by a respawn, and by what else: hand-over, stopped members, a burial. */
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

/* Whether it would be refused is looked at before. */
static void a_members_death_that_may_stop_main_is_known_before(void **state)
{
	struct bench bench;

	(void)state;
	bench_owned(&bench);
	assert_false(policy_may_stop_main(&bench.policy, EXITED(1)));
	bench.config.members_restart = true;
	assert_false(policy_may_stop_main(&bench.policy, EXITED(1)));
	*bench.policy.owner.name = '\0';
	assert_true(policy_may_stop_main(&bench.policy, EXITED(1)));
	assert_false(policy_may_stop_main(&bench.policy, EXITED(0)));
	bench.config.restart = RESTART_ON_SUCCESS; /* it may have been asked to stop */
	assert_true(policy_may_stop_main(&bench.policy, EXITED(1)));
	bench.config.restart = RESTART_ALWAYS;
	assert_true(policy_may_stop_main(&bench.policy, EXITED(0)));
	give(&bench, INPUT_STOP);
	assert_false(policy_may_stop_main(&bench.policy, EXITED(1)));
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
		cmocka_unit_test(a_failure_with_members_stops_them_first),
		cmocka_unit_test(members_that_stop_early_leave_the_back_off),
		cmocka_unit_test(a_success_leaves_the_members_alone),
		cmocka_unit_test(burial_takes_the_leftovers_along),
		cmocka_unit_test(heirs_take_over_by_the_table),
		cmocka_unit_test(a_success_status_of_its_own_is_no_daemonizing),
		cmocka_unit_test(what_fails_in_the_background_is_a_failed_start),
		cmocka_unit_test(no_heir_while_it_is_being_stopped),
		cmocka_unit_test(a_members_death_counts_only_if_told_so),
		cmocka_unit_test(a_stop_is_not_laid_to_a_member),
		cmocka_unit_test(a_refusal_holds_for_a_members_death_too),
		cmocka_unit_test(a_members_death_that_may_stop_main_is_known_before),
		cmocka_unit_test(a_long_life_counts_for_a_members_death_too),
		cmocka_unit_test(each_state_and_verdict_has_its_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
