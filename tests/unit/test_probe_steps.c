// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Every input in every state, made from the lists of core/probe.h: a cell that is missing in the table fails. Then
 * whole lives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "core/probe.h"

#define S(n) ((uint64_t)(n)*NS_PER_SEC)
#define T0   S(1000)

static char target[] = "http://127.0.0.1:8080/health";
static struct probe_config config;

static int set_up(void **state)
{
	(void)state;
	config = (struct probe_config){
		.type = PROBE_HTTP,
		.target = target,
		.interval_ns = S(10),
		.timeout_ns = S(2),
		.threshold = 3,
		.grace_ns = S(30),
	};
	return 0;
}

static enum probe_action step(struct probe *probe, enum probe_input_kind kind, uint64_t now)
{
	struct probe_input input = {.kind = kind};

	if (kind == PROBE_INPUT_FAILED)
		input.words = "no answer within 2s";
	if (kind == PROBE_INPUT_UNABLE)
		input.words = "Too many open files";
	return probe_step(probe, &input, now);
}

/* ---- one by one ---- */

struct cell {
	const char *means;
	enum probe_state next;
	enum probe_action action;
	bool untouched;
	unsigned failures;
	uint64_t due_after; /* since T0 */
};

/* The bench: up since 100 s, one failure so far, the next check due at T0, or begun then. Inputs come at T0 + 1 s. */
static const struct cell cells[_PROBE_STATE_MAX][_PROBE_INPUT_MAX] = {
	[PROBE_RESTING] =
		{
			[PROBE_INPUT_BEGIN] = {"grace begins", PROBE_WAITING, .due_after = S(31)},
			[PROBE_INPUT_END] = {"rests already", .untouched = true},
			[PROBE_INPUT_TIMER] = {"none is set", .untouched = true},
			[PROBE_INPUT_PASSED] = {"of a life before", .untouched = true},
			[PROBE_INPUT_FAILED] = {"of a life before", .untouched = true},
			[PROBE_INPUT_UNABLE] = {"of a life before", .untouched = true},
			[PROBE_INPUT_LATER] = {"of a life before", .untouched = true},
		},
	[PROBE_WAITING] =
		{
			[PROBE_INPUT_BEGIN] = {"is up already", .untouched = true},
			[PROBE_INPUT_END] = {"all is forgotten", .next = PROBE_RESTING},
			[PROBE_INPUT_TIMER] = {"the next check", PROBE_CHECKING, PROBE_CHECK,
					       .failures = 1},
			[PROBE_INPUT_PASSED] = {"nothing was asked", .untouched = true},
			[PROBE_INPUT_FAILED] = {"nothing was asked", .untouched = true},
			[PROBE_INPUT_UNABLE] = {"nothing was asked", .untouched = true},
			[PROBE_INPUT_LATER] = {"nothing was asked", .untouched = true},
		},
	[PROBE_CHECKING] =
		{
			[PROBE_INPUT_BEGIN] = {"is up already", .untouched = true},
			[PROBE_INPUT_END] = {"what is under way is forgotten",
					     .next = PROBE_RESTING, PROBE_CANCEL},
			[PROBE_INPUT_TIMER] = {"one at a time", .untouched = true},
			[PROBE_INPUT_PASSED] = {"begins anew", PROBE_WAITING, .due_after = S(10)},
			[PROBE_INPUT_FAILED] = {"the second", PROBE_WAITING, .failures = 2,
						.due_after = S(10)},
			[PROBE_INPUT_UNABLE] = {"does not count", PROBE_WAITING, .failures = 1,
						.due_after = S(10)},
			[PROBE_INPUT_LATER] = {"the last result stays", PROBE_WAITING,
					       .failures = 1, .due_after = S(10)},
		},
};

static void prepare(struct probe *probe, enum probe_state state)
{
	probe_init(probe, &config);
	if (state == PROBE_RESTING)
		return;
	step(probe, PROBE_INPUT_BEGIN, T0 - S(100));
	step(probe, PROBE_INPUT_TIMER, T0 - S(10));
	step(probe, PROBE_INPUT_FAILED, T0 - S(8));
	if (state == PROBE_CHECKING)
		step(probe, PROBE_INPUT_TIMER, T0);
	assert_int_equal(probe->state, state);
}

static void check_cell(enum probe_state state, enum probe_input_kind kind)
{
	const struct cell *cell = &cells[state][kind];
	struct probe probe, before;
	enum probe_action action;

	if (!cell->means)
		fail_msg("no cell for state %d, input %d", state, kind);
	memset(&probe, 0, sizeof(probe));
	prepare(&probe, state);
	memcpy(&before, &probe, sizeof(probe));
	action = step(&probe, kind, T0 + S(1));
	if (action != cell->action)
		fail_msg("state %d, input %d: action %d", state, kind, action);
	if (cell->untouched) {
		assert_memory_equal(&probe, &before, sizeof(probe));
		return;
	}
	assert_int_equal(probe.state, cell->next);
	assert_int_equal(probe.failures, cell->failures);
	assert_int_equal(probe_due_ns(&probe), cell->due_after ? T0 + cell->due_after : 0);
}

static void test_cells(void **state)
{
	(void)state;
	for (enum probe_state s = 0; s < _PROBE_STATE_MAX; s++)
		for (enum probe_input_kind i = 0; i < _PROBE_INPUT_MAX; i++)
			check_cell(s, i);
}

/* ---- lives ---- */

static void test_not_before_it_is_due(void **state)
{
	struct probe probe;

	(void)state;
	probe_init(&probe, &config);
	assert_int_equal(step(&probe, PROBE_INPUT_BEGIN, T0), PROBE_NOTHING);
	assert_int_equal(step(&probe, PROBE_INPUT_TIMER, T0 + S(30) - 1), PROBE_NOTHING);
	assert_int_equal(step(&probe, PROBE_INPUT_TIMER, T0 + S(30)), PROBE_CHECK);
}

/* Checks at 0, 10, 20 ...; each takes 2 s to fail. */
static enum probe_action check(struct probe *probe, uint64_t *now, enum probe_input_kind result)
{
	*now = probe_due_ns(probe);
	assert_int_equal(step(probe, PROBE_INPUT_TIMER, *now), PROBE_CHECK);
	*now += S(2);
	return step(probe, result, *now);
}

static void test_told_while_it_lasts(void **state)
{
	struct probe probe;
	uint64_t now = T0;

	(void)state;
	probe_init(&probe, &config);
	step(&probe, PROBE_INPUT_BEGIN, now);
	assert_int_equal(check(&probe, &now, PROBE_INPUT_FAILED), PROBE_NOTHING);
	assert_int_equal(check(&probe, &now, PROBE_INPUT_FAILED), PROBE_NOTHING);
	assert_false(probe_is_hung(&probe));
	assert_int_equal(check(&probe, &now, PROBE_INPUT_FAILED), PROBE_HUNG);
	assert_true(probe_is_hung(&probe));
	assert_int_equal(now, T0 + S(30 + 20 + 2));
	/* Nobody did anything about it: it is told again. */
	assert_int_equal(check(&probe, &now, PROBE_INPUT_FAILED), PROBE_HUNG);
	assert_int_equal(check(&probe, &now, PROBE_INPUT_UNABLE), PROBE_NOTHING);
	assert_int_equal(check(&probe, &now, PROBE_INPUT_LATER), PROBE_NOTHING);
	assert_true(probe.unable);
	assert_true(probe_is_hung(&probe));
	assert_int_equal(check(&probe, &now, PROBE_INPUT_PASSED), PROBE_RECOVERS);
	assert_false(probe_is_hung(&probe));
	assert_int_equal(check(&probe, &now, PROBE_INPUT_PASSED), PROBE_NOTHING);
	for (int i = 0; i < 2; i++)
		assert_int_equal(check(&probe, &now, PROBE_INPUT_FAILED), PROBE_NOTHING);
	assert_int_equal(check(&probe, &now, PROBE_INPUT_FAILED), PROBE_HUNG);
}

static void test_only_in_a_row(void **state)
{
	struct probe probe;
	uint64_t now = T0;

	(void)state;
	probe_init(&probe, &config);
	step(&probe, PROBE_INPUT_BEGIN, now);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(check(&probe, &now, PROBE_INPUT_FAILED), PROBE_NOTHING);
		assert_int_equal(check(&probe, &now, PROBE_INPUT_FAILED), PROBE_NOTHING);
		assert_int_equal(check(&probe, &now, PROBE_INPUT_UNABLE), PROBE_NOTHING);
		assert_int_equal(check(&probe, &now, PROBE_INPUT_PASSED), PROBE_NOTHING);
	}
}

static void test_grace_in_each_life(void **state)
{
	struct probe probe;
	uint64_t now = T0;

	(void)state;
	probe_init(&probe, &config);
	step(&probe, PROBE_INPUT_BEGIN, now);
	check(&probe, &now, PROBE_INPUT_FAILED);
	check(&probe, &now, PROBE_INPUT_FAILED);
	step(&probe, PROBE_INPUT_END, now);
	assert_int_equal(probe_due_ns(&probe), 0);
	step(&probe, PROBE_INPUT_BEGIN, now + S(1));
	assert_int_equal(probe_due_ns(&probe), now + S(31));
	assert_int_equal(probe.failures, 0);
	assert_int_equal(probe.told_ns, 0);
}

/* One that comes late, behind others, does not make the next one late. */
static void test_late_result(void **state)
{
	struct probe probe;

	(void)state;
	probe_init(&probe, &config);
	step(&probe, PROBE_INPUT_BEGIN, T0);
	step(&probe, PROBE_INPUT_TIMER, T0 + S(30));
	step(&probe, PROBE_INPUT_PASSED, T0 + S(90));
	assert_int_equal(step(&probe, PROBE_INPUT_TIMER, T0 + S(90)), PROBE_CHECK);
	step(&probe, PROBE_INPUT_PASSED, T0 + S(91));
	assert_int_equal(probe_due_ns(&probe), T0 + S(100));
}

/* ---- words ---- */

static void test_sentences(void **state)
{
	char text[PROBE_SENTENCE_SIZE];
	struct probe probe;
	uint64_t now = T0;

	(void)state;
	probe_init(&probe, &config);
	step(&probe, PROBE_INPUT_BEGIN, now);
	check(&probe, &now, PROBE_INPUT_FAILED);
	assert_string_equal(probe_sentence(&probe, text, sizeof(text)),
			    "http://127.0.0.1:8080/health: no answer within 2s");
	assert_string_equal(probe_brief(&probe, text), "probe failing 1 of 3");
	check(&probe, &now, PROBE_INPUT_FAILED);
	check(&probe, &now, PROBE_INPUT_FAILED);
	assert_string_equal(probe_sentence(&probe, text, sizeof(text)),
			    "http://127.0.0.1:8080/health: no answer within 2s (3 times in a row)");
	assert_string_equal(probe_brief(&probe, text), "probe failing 3 of 3");
	check(&probe, &now, PROBE_INPUT_FAILED);
	assert_string_equal(probe_brief(&probe, text), "probe failing, 4 times in a row");
	check(&probe, &now, PROBE_INPUT_UNABLE);
	assert_string_equal(
		probe_sentence(&probe, text, sizeof(text)),
		"http://127.0.0.1:8080/health: could not be checked: Too many open files");
}

static void test_long_words_fit(void **state)
{
	static char path[PROBE_TARGET_MAX + 1], words[1000];
	struct probe_input input = {.kind = PROBE_INPUT_FAILED, .words = words};
	char text[PROBE_SENTENCE_SIZE];
	struct probe probe;

	(void)state;
	memset(path, '\x1b', sizeof(path) - 1);
	memset(words, 'w', sizeof(words) - 1);
	config.target = path;
	probe_init(&probe, &config);
	step(&probe, PROBE_INPUT_BEGIN, T0);
	step(&probe, PROBE_INPUT_TIMER, T0 + S(30));
	probe_step(&probe, &input, T0 + S(31));
	probe.failures = UINT32_MAX;
	probe_sentence(&probe, text, sizeof(text));
	assert_non_null(strstr(text, "www (4294967295 times in a row)"));
	assert_null(strchr(text, '\x1b'));
	assert_true(strlen(text) < sizeof(text));
}

static void test_long_target_is_cut(void **state)
{
	static char url[] = "http://127.0.0.1:8080/a/long/way/to/health";
	struct probe probe;
	uint64_t now = T0;
	char text[60];

	(void)state;
	config.target = url;
	probe_init(&probe, &config);
	step(&probe, PROBE_INPUT_BEGIN, now);
	check(&probe, &now, PROBE_INPUT_FAILED);
	assert_string_equal(probe_sentence(&probe, text, sizeof(text)),
			    "http://127.0.0.1:8080/a/long/way/to...: no answer within 2s");
	assert_string_equal(probe_sentence(&probe, text, 12), "...: no ans");
}

static void expect_other(struct probe_config other)
{
	assert_false(probe_config_same(&config, &other));
	assert_false(probe_config_same(&other, &config));
}

static void test_same(void **state)
{
	char same[sizeof(target)], another[] = "/x";
	struct probe_config other = config;

	(void)state;
	strcpy(same, target);
	other.target = same;
	assert_true(probe_config_same(&config, &other));
	other = config;
	other.type = PROBE_TCP;
	expect_other(other);
	other = config;
	other.target = another;
	expect_other(other);
	other = config;
	other.expect = another;
	expect_other(other);
	other = config;
	other.user = another;
	expect_other(other);
	other = config;
	other.interval_ns++;
	expect_other(other);
	other = config;
	other.timeout_ns++;
	expect_other(other);
	other = config;
	other.threshold++;
	expect_other(other);
	other = config;
	other.grace_ns++;
	expect_other(other);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cells),
		TEST(test_not_before_it_is_due),
		TEST(test_told_while_it_lasts),
		TEST(test_only_in_a_row),
		TEST(test_grace_in_each_life),
		TEST(test_late_result),
		TEST(test_sentences),
		TEST(test_long_words_fit),
		TEST(test_long_target_is_cut),
		TEST(test_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
