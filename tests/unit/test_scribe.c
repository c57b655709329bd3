// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "io/scribe.h"
#include "io/sys.h"

struct fake_sys fake_sys;

static char dir[64];
static struct loop *loop;
static unsigned told;
static char told_error[STATE_DIR_ERROR_SIZE];
static unsigned syncs;

static void on_told(void *arg, const char *error)
{
	(void)arg;
	told++;
	snprintf(told_error, sizeof(told_error), "%s", error);
}

static int set_up(void **state)
{
	(void)state;
	fake_sys = (struct fake_sys){0};
	snprintf(dir, sizeof(dir), "/tmp/obit-scribe-XXXXXX");
	assert_non_null(mkdtemp(dir));
	told = syncs = 0;
	return loop_new(&loop);
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	loop_free(loop);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) == 0 ? 0 : -1;
}

static void assert_holds(const char *expected)
{
	_cleanup_free_ char *text = NULL;

	assert_int_equal(scribe_load(dir, "words", &text), 0);
	assert_string_equal(text, expected);
}

static void await_told(unsigned n)
{
	while (told < n)
		assert_int_equal(loop_turn(loop, NULL, NULL), 0);
}

static struct scribe *started(void)
{
	struct scribe *scribe;

	assert_int_equal(scribe_new(dir, "words", on_told, NULL, &scribe), 0);
	assert_int_equal(scribe_start(scribe), 0);
	assert_int_equal(scribe_attach(scribe, loop), 0);
	return scribe;
}

static void writes_what_it_is_given(void **state)
{
	struct scribe *scribe = started();
	_cleanup_free_ char *text = NULL;

	(void)state;
	assert_int_equal(scribe_load(dir, "words", &text), 0);
	assert_null(text);
	assert_int_equal(scribe_write(scribe, "one", 3), 0);
	await_told(1);
	assert_string_equal(told_error, "");
	assert_holds("one");
	assert_int_equal(scribe_write(scribe, "2", 1), 0);
	await_told(2);
	assert_holds("2");
	scribe_free(scribe);
}

static void the_newest_wins_and_is_told_once(void **state)
{
	struct scribe *scribe = started();

	(void)state;
	kill(scribe_pid(scribe), SIGSTOP);
	assert_int_equal(scribe_write(scribe, "a", 1), 0);
	assert_int_equal(scribe_write(scribe, "b", 1), 0);
	assert_int_equal(scribe_write(scribe, "last", 4), 0);
	kill(scribe_pid(scribe), SIGCONT);
	await_told(1);
	assert_holds("last");
	scribe_free(scribe);
	assert_int_equal(told, 1);
}

static void the_end_waits_for_what_is_on_its_way(void **state)
{
	struct scribe *scribe = started();

	(void)state;
	scribe_write(scribe, "a", 1);
	scribe_write(scribe, "bye", 3);
	scribe_free(scribe);
	assert_holds("bye");
}

static void another_process_writes_what_one_that_died_has_not(void **state)
{
	struct scribe *scribe = started();

	(void)state;
	kill(scribe_pid(scribe), SIGKILL);
	waitpid(scribe_pid(scribe), NULL, 0);
	assert_int_equal(scribe_write(scribe, "again", 5), 0);
	assert_int_equal(scribe_start(scribe), 0);
	await_told(1);
	assert_holds("again");
	scribe_free(scribe);
}

static void says_why_it_cannot(void **state)
{
	char long_text[SCRIBE_TEXT_MAX + 1];
	struct scribe *scribe;

	(void)state;
	chmod(dir, 0777);
	scribe = started();
	assert_int_equal(scribe_write(scribe, "x", 1), 0);
	await_told(1);
	assert_non_null(strstr(told_error, "others than root can write in /tmp/obit-scribe-"));
	memset(long_text, 'x', sizeof(long_text));
	assert_int_equal(scribe_write(scribe, long_text, sizeof(long_text)), -EMSGSIZE);
	scribe_free(scribe);
}

static int broken_sync(int fd)
{
	(void)fd;
	syncs++;
	errno = EIO;
	return -1;
}

static void the_old_one_stays_until_the_new_one_is_on_disk(void **state)
{
	char error[STATE_DIR_ERROR_SIZE];

	(void)state;
	assert_int_equal(scribe_replace(dir, "words", "old", 3, error), 0);
	fake_sys.fdatasync = broken_sync;
	assert_int_equal(scribe_replace(dir, "words", "new", 3, error), -EIO);
	assert_int_equal(syncs, 1);
	assert_non_null(strstr(error, "/words.new cannot be written: Input/output error"));
	assert_holds("old");
}

static void knows_what_a_reset_takes_along(void **state)
{
	(void)state;
	assert_true(state_dir_is_volatile("/dev/shm"));
	assert_true(state_dir_is_volatile("/dev/shm/not/there/yet"));
	assert_false(state_dir_is_volatile("/proc/nothing"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(writes_what_it_is_given, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_newest_wins_and_is_told_once, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(the_end_waits_for_what_is_on_its_way, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(another_process_writes_what_one_that_died_has_not,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(says_why_it_cannot, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_old_one_stays_until_the_new_one_is_on_disk,
						set_up, tear_down),
		cmocka_unit_test(knows_what_a_reset_takes_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
