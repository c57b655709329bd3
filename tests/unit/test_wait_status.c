// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "core/wait_status.h"

#define SIGNALS 64
#define CORE	0x80

static void every_exit_code_is_as_the_macros_say(void **state)
{
	(void)state;
	for (uint32_t code = 0; code < 256; code++) {
		uint32_t status = code << 8;

		assert_true(WIFEXITED((int)status));
		assert_int_equal(wait_status_how(status), DEATH_EXITED);
		assert_int_equal(wait_status_exit(status), WEXITSTATUS((int)status));
		assert_int_equal(wait_status_signal(status), 0);
		assert_int_equal(wait_status_is_clean(status), code == 0);
	}
}

static bool is_clean_signal(int signal)
{
	return signal == SIGHUP || signal == SIGINT || signal == SIGTERM || signal == SIGPIPE;
}

static void every_signal_is_as_the_macros_say(void **state)
{
	(void)state;
	for (int signal = 1; signal <= SIGNALS; signal++)
		for (int core = 0; core <= CORE; core += CORE) {
			int status = signal | core;

			assert_true(WIFSIGNALED(status));
			assert_int_equal(wait_status_how((uint32_t)status) == DEATH_DUMPED,
					 WCOREDUMP(status) != 0);
			assert_int_not_equal(wait_status_how((uint32_t)status), DEATH_EXITED);
			assert_int_equal(wait_status_signal((uint32_t)status), WTERMSIG(status));
			assert_int_equal(wait_status_exit((uint32_t)status), 0);
			assert_int_equal(wait_status_is_clean((uint32_t)status),
					 !core && is_clean_signal(signal));
		}
}

static void each_way_of_death_has_its_name(void **state)
{
	(void)state;
	assert_string_equal(death_how_name(DEATH_EXITED), "exited");
	assert_string_equal(death_how_name(DEATH_KILLED), "killed");
	assert_string_equal(death_how_name(DEATH_DUMPED), "dumped");
}

static void signal_names_agree_with_the_c_library(void **state)
{
	char name[SIGNAL_NAME_SIZE];

	(void)state;
	for (int signal = 1; signal < 32; signal++) {
		assert_memory_equal(signal_name(signal, name), "SIG", 3);
		if (signal != SIGIO) /* which glibc calls SIGPOLL */
			assert_string_equal(name + 3, sigabbrev_np(signal));
	}
}

static void names_lead_back_to_their_signals(void **state)
{
	char name[SIGNAL_NAME_SIZE];

	(void)state;
	for (int signal = 1; signal <= SIGNALS; signal++) {
		signal_name(signal, name);
		if (signal == 32 || signal == 33)
			assert_int_equal(signal_from_name(name), -EINVAL);
		else
			assert_int_equal(signal_from_name(name), signal);
	}
}

static void signals_without_a_name_keep_their_number(void **state)
{
	char name[SIGNAL_NAME_SIZE];

	(void)state;
	assert_string_equal(signal_name(0, name), "signal 0");
	assert_string_equal(signal_name(-1, name), "signal -1");
	assert_string_equal(signal_name(32, name), "signal 32");
	assert_string_equal(signal_name(33, name), "signal 33");
	assert_string_equal(signal_name(65, name), "signal 65");
	assert_string_equal(signal_name(99, name), "signal 99");
	assert_true(strlen(signal_name(INT32_MIN, name)) < SIGNAL_NAME_SIZE);
	assert_string_equal(signal_name(34, name), "SIGRTMIN");
	assert_string_equal(signal_name(37, name), "SIGRTMIN+3");
	assert_string_equal(signal_name(64, name), "SIGRTMIN+30");
}

static const struct {
	const char *name;
	int signal;
} spellings[] = {
	{"SIGTERM", SIGTERM},
	{"TERM", SIGTERM},
	{"term", SIGTERM},
	{"SigTerm", SIGTERM},
	{"sigkill", SIGKILL},
	{"15", 15},
	{"1", 1},
	{"64", 64},
	{"SIGRTMIN", 34},
	{"SIGRTMIN+2", 36},
	{"rtmin+30", 64},
	{"SIGRTMIN+0", 34},
	{"IOT", SIGABRT},
	{"SIGCLD", SIGCHLD},
	{"SIGPOLL", SIGIO},
	{"", -EINVAL},
	{"SIG", -EINVAL},
	{"0", -EINVAL},
	{"65", -EINVAL},
	{"-1", -EINVAL},
	{"15x", -EINVAL},
	{" 15", -EINVAL},
	{"SIG15", -EINVAL},
	{"SIGRTMIN+31", -EINVAL},
	{"SIGRTMIN-1", -EINVAL},
	{"SIGRTMIN+", -EINVAL},
	{"SIGRTMIN+1x", -EINVAL},
	{"SIGRTMAX", -EINVAL},
	{"SIGNOT", -EINVAL},
	{"SIGSIGTERM", -EINVAL},
	{"TERMINATE", -EINVAL},
	{"99999999999999999999", -EINVAL},
	{"SIGRTMIN+99999999999", -EINVAL},
};

static void signals_are_read_in_every_spelling(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(spellings); i++)
		if (signal_from_name(spellings[i].name) != spellings[i].signal)
			fail_msg("'%s' gives %d", spellings[i].name,
				 signal_from_name(spellings[i].name));
}

static void statuses_are_told_in_words(void **state)
{
	char words[WAIT_STATUS_WORDS_SIZE];

	(void)state;
	assert_string_equal(wait_status_words(3 << 8, words), "exited 3");
	assert_string_equal(wait_status_words(0, words), "exited 0");
	assert_string_equal(wait_status_words(SIGTERM, words), "killed by SIGTERM");
	assert_string_equal(wait_status_words(SIGSEGV | CORE, words), "dumped core on SIGSEGV");
	assert_string_equal(wait_status_words(37, words), "killed by SIGRTMIN+3");
}

static void a_set_holds_exactly_what_was_added(void **state)
{
	struct status_set set = {0};

	(void)state;
	assert_int_equal(status_set_add(&set, "3"), 0);
	assert_int_equal(status_set_add(&set, "100-103"), 0);
	assert_int_equal(status_set_add(&set, "255"), 0);
	assert_int_equal(status_set_add(&set, "SIGUSR1"), 0);
	assert_int_equal(status_set_add(&set, "rtmin+30"), 0);
	for (uint32_t code = 0; code < 256; code++)
		assert_int_equal(status_set_has(&set, code << 8),
				 code == 3 || (code >= 100 && code <= 103) || code == 255);
	for (uint32_t signal = 1; signal <= 126; signal++) {
		bool in = signal == SIGUSR1 || signal == 64;

		assert_int_equal(status_set_has(&set, signal), in);
		assert_int_equal(status_set_has(&set, signal | CORE), in);
	}
}

static void each_code_and_signal_has_a_bit_of_its_own(void **state)
{
	char item[SIGNAL_NAME_SIZE];

	(void)state;
	for (int code = 0; code < 256; code++) {
		struct status_set set = {0};

		snprintf(item, sizeof(item), "%d", code);
		assert_int_equal(status_set_add(&set, item), 0);
		for (uint32_t other = 0; other < 256; other++)
			assert_int_equal(status_set_has(&set, other << 8), (int)other == code);
	}
	for (int signal = 1; signal <= SIGNALS; signal++) {
		struct status_set set = {0};

		if (status_set_add(&set, signal_name(signal, item)) < 0)
			continue; /* 32 and 33 */
		for (uint32_t other = 1; other <= SIGNALS; other++)
			assert_int_equal(status_set_has(&set, other), (int)other == signal);
	}
}

static const struct {
	const char *item;
	int result;
} wrong_items[] = {
	{"", -EINVAL},
	{"x", -EINVAL},
	{"-3", -EINVAL},
	{"3-", -EINVAL},
	{"3-x", -EINVAL},
	{"1-2-3", -EINVAL},
	{"3 ", -EINVAL},
	{"0x3", -EINVAL},
	{"256", -ERANGE},
	{"0-256", -ERANGE},
	{"103-100", -ERANGE},
	{"99999999999", -ERANGE},
	{"1-99999999999", -ERANGE},
	{"SIGNOT", -EINVAL},
};

static void a_wrong_item_leaves_the_set_as_it_was(void **state)
{
	struct status_set set = {0}, before;

	(void)state;
	status_set_add(&set, "7");
	before = set;
	for (size_t i = 0; i < ARRAY_SIZE(wrong_items); i++) {
		if (status_set_add(&set, wrong_items[i].item) != wrong_items[i].result)
			fail_msg("'%s' was not refused as it should be", wrong_items[i].item);
		assert_memory_equal(&set, &before, sizeof(set));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_exit_code_is_as_the_macros_say),
		cmocka_unit_test(every_signal_is_as_the_macros_say),
		cmocka_unit_test(each_way_of_death_has_its_name),
		cmocka_unit_test(signal_names_agree_with_the_c_library),
		cmocka_unit_test(names_lead_back_to_their_signals),
		cmocka_unit_test(signals_without_a_name_keep_their_number),
		cmocka_unit_test(signals_are_read_in_every_spelling),
		cmocka_unit_test(statuses_are_told_in_words),
		cmocka_unit_test(a_set_holds_exactly_what_was_added),
		cmocka_unit_test(each_code_and_signal_has_a_bit_of_its_own),
		cmocka_unit_test(a_wrong_item_leaves_the_set_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
