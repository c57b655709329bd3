// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "core/replay.h"

#define EXIT_1	 0x100
#define START_NS (1000 * NS_PER_SEC)

static struct watch_config config;
static struct replay replay;
static uint64_t real_ns; /* of the last recorded death */

static void start(void)
{
	watch_config_init(&config);
	config.backoff_jitter = 0;
	real_ns = START_NS;
}

/* A life that began `after` the last death, lived, ended with this status, and was answered so. */
static struct replay_result die(uint64_t after, uint64_t lived, uint32_t status,
				enum policy_verdict verdict)
{
	struct replay_death death = {.lived_ns = lived,
				     .died_ns = real_ns + after + lived,
				     .wait_status = status,
				     .verdict = verdict,
				     .done = true};
	struct replay_result result;

	replay_step(&replay, &death, &result);
	real_ns = death.died_ns;
	return result;
}

static void the_same_configuration_does_the_same(void **state)
{
	struct replay_result result;

	(void)state;
	start();
	assert_int_equal(replay_init(&replay, &config), 0);
	assert_int_equal(die(0, NS_PER_SEC, EXIT_1, VERDICT_RESPAWN).fate, REPLAY_SAME);
	for (uint64_t wait = 0; wait <= 800; wait = wait ? 2 * wait : 200) {
		result = die(wait * NS_PER_MS, NS_PER_SEC, EXIT_1, VERDICT_RESPAWN);
		assert_int_equal(result.fate, REPLAY_SAME);
		assert_true(result.waited);
		assert_int_equal(result.wait_ns, wait * NS_PER_MS);
		assert_int_equal(result.real_wait_ns, wait * NS_PER_MS);
	}
	replay_free(&replay);
}

static void what_would_be_buried_has_no_later_lives(void **state)
{
	struct replay_result result;

	(void)state;
	start();
	config.start_limit_burst = 2;
	assert_int_equal(replay_init(&replay, &config), 0);
	assert_int_equal(die(0, NS_PER_SEC, EXIT_1, VERDICT_RESPAWN).fate, REPLAY_SAME);
	result = die(0, NS_PER_SEC, EXIT_1, VERDICT_RESPAWN);
	assert_int_equal(result.fate, REPLAY_OTHERWISE);
	assert_int_equal(result.verdict, VERDICT_BURY);
	assert_non_null(strstr(result.detail, "start_limit_burst"));
	assert_int_equal(die(0, NS_PER_SEC, EXIT_1, VERDICT_RESPAWN).fate, REPLAY_NEVER);
	assert_int_equal(die(0, NS_PER_SEC, EXIT_1, VERDICT_BURY).fate, REPLAY_NEVER);
	/* Somebody revived it: that life is there under any configuration. */
	result = die(NS_PER_SEC, NS_PER_SEC, EXIT_1, VERDICT_RESPAWN);
	assert_int_equal(result.fate, REPLAY_SAME);
	assert_false(result.waited);
	replay_free(&replay);
}

static void longer_waits_move_later_deaths(void **state)
{
	struct replay_result result;

	(void)state;
	start();
	config.backoff_initial_ns = 20 * NS_PER_SEC;
	config.start_limit_burst = 2;
	config.start_limit_interval_ns = 10 * NS_PER_SEC;
	assert_int_equal(replay_init(&replay, &config), 0);
	die(0, NS_PER_SEC, EXIT_1, VERDICT_RESPAWN);
	result = die(0, NS_PER_SEC, EXIT_1, VERDICT_RESPAWN);
	assert_int_equal(result.fate, REPLAY_SAME);
	/* Of the lives as they were three began within 10 s; these begin 20 s later each. */
	result = die(200 * NS_PER_MS, NS_PER_SEC, EXIT_1, VERDICT_RESPAWN);
	assert_int_equal(result.fate, REPLAY_SAME);
	assert_int_equal(result.wait_ns, 20 * NS_PER_SEC);
	assert_int_equal(result.real_wait_ns, 200 * NS_PER_MS);
	replay_free(&replay);
}

static void others_start_it_when_they_did(void **state)
{
	(void)state;
	start();
	config.restart = RESTART_NO;
	assert_int_equal(replay_init(&replay, &config), 0);
	assert_int_equal(die(0, NS_PER_SEC, 0, VERDICT_NONE).fate, REPLAY_SAME);
	assert_int_equal(die(NS_PER_SEC, NS_PER_SEC, EXIT_1, VERDICT_RESPAWN).fate,
			 REPLAY_OTHERWISE);
	assert_int_equal(die(NS_PER_SEC, NS_PER_SEC, EXIT_1, VERDICT_NONE).fate, REPLAY_NEVER);
	assert_int_equal(die(NS_PER_SEC, NS_PER_SEC, EXIT_1, VERDICT_REPORT).fate, REPLAY_SAME);
	replay_free(&replay);
	/* What was left down then comes back now, and lives as long as the next that there was. */
	config.restart = RESTART_ALWAYS;
	assert_int_equal(replay_init(&replay, &config), 0);
	assert_int_equal(die(0, NS_PER_SEC, 0, VERDICT_NONE).verdict, VERDICT_RESPAWN);
	assert_false(die(90 * NS_PER_SEC, NS_PER_SEC, 0, VERDICT_NONE).waited);
	replay_free(&replay);
}

static void facts_of_then_are_facts_now(void **state)
{
	struct replay_death death = {.died_ns = START_NS + NS_PER_SEC,
				     .lived_ns = NS_PER_SEC,
				     .wait_status = EXIT_1,
				     .done = true};
	struct replay_result result;

	(void)state;
	start();
	assert_int_equal(replay_init(&replay, &config), 0);
	death.asked = true;
	replay_step(&replay, &death, &result);
	assert_int_equal(result.fate, REPLAY_SAME);
	death.asked = false;
	death.by_operator = true;
	replay_step(&replay, &death, &result);
	assert_int_equal(result.fate, REPLAY_SAME);
	assert_int_equal(replay.policy.state, POLICY_DOWN);
	death.by_operator = false;
	death.by_owner = true;
	replay_step(&replay, &death, &result);
	assert_int_equal(result.fate, REPLAY_SAME);
	death.by_owner = false;
	death.refusal = "its unit restarts it";
	death.verdict = VERDICT_REPORT;
	replay_step(&replay, &death, &result);
	assert_int_equal(result.fate, REPLAY_SAME);
	assert_non_null(strstr(result.detail, "its unit restarts it"));
	/* Observed, and therefore not done: the next life is somebody else's. */
	death.refusal = NULL;
	death.verdict = VERDICT_RESPAWN;
	death.done = false;
	replay_step(&replay, &death, &result);
	assert_int_equal(result.fate, REPLAY_SAME);
	replay_step(&replay, &death, &result);
	assert_false(result.waited);
	replay_free(&replay);
}

static void what_was_stopped_since_it_hung_died_of_that(void **state)
{
	static const struct {
		enum restart_when restart;
		uint32_t status;
		bool hung;
		enum policy_verdict verdict;
	} cases[] = {
		{RESTART_ON_WATCHDOG, SIGABRT, true, VERDICT_RESPAWN},
		{RESTART_ON_WATCHDOG, SIGABRT, false, VERDICT_NONE},
		{RESTART_ON_ABORT, SIGABRT, true, VERDICT_NONE},
		{RESTART_ON_ABORT, SIGABRT, false, VERDICT_RESPAWN},
		{RESTART_ON_FAILURE, 0, true, VERDICT_RESPAWN},
		{RESTART_ON_FAILURE, 0, false, VERDICT_NONE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct replay_death death = {.died_ns = START_NS + NS_PER_SEC,
					     .lived_ns = NS_PER_SEC,
					     .wait_status = cases[i].status,
					     .hung = cases[i].hung,
					     .done = true};
		struct replay_result result;

		start();
		config.restart = cases[i].restart;
		assert_int_equal(replay_init(&replay, &config), 0);
		replay_step(&replay, &death, &result);
		assert_int_equal(result.verdict, cases[i].verdict);
		replay_free(&replay);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_configuration_does_the_same),
		cmocka_unit_test(what_would_be_buried_has_no_later_lives),
		cmocka_unit_test(longer_waits_move_later_deaths),
		cmocka_unit_test(others_start_it_when_they_did),
		cmocka_unit_test(facts_of_then_are_facts_now),
		cmocka_unit_test(what_was_stopped_since_it_hung_died_of_that),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
