// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "test_cli_capture.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/protocol.h"
#include "cli/history.h"
#include "cli/value.h"

static char dir[64];

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/obit-cli.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(path_of(OBIT_HISTORY_FILE));
	unlink(path_of(OBIT_HISTORY_OLDER_FILE));
	return rmdir(dir);
}

static void put(const char *name, const char *text)
{
	_cleanup_file_ FILE *file = fopen(path_of(name), "we");

	assert_non_null(file);
	fputs(text, file);
}

static bool is_odd(struct json_object *death, void *arg)
{
	int64_t pid = 0;

	++*(int *)arg;
	return member_int(death, "pid", &pid) && pid % 2 == 1;
}

/* The pids, joined. */
static void assert_pids(struct json_object *deaths, const char *expected)
{
	char text[256] = "";

	for (size_t i = 0; i < array_length(deaths); i++) {
		int64_t pid = 0;

		member_int(array_item(deaths, i), "pid", &pid);
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%d ", (int)pid);
	}
	assert_string_equal(text, expected);
}

static void assert_read(bool odd, size_t most, const char *expected)
{
	struct json_object *deaths = NULL;
	int asked = 0;

	assert_int_equal(history_read(dir, odd ? is_odd : NULL, &asked, most, &deaths), 0);
	assert_pids(deaths, expected);
	json_object_put(deaths);
}

static void test_deaths_are_read_oldest_first(void **state)
{
	(void)state;
	assert_read(false, 0, "");
	put(OBIT_HISTORY_OLDER_FILE, "{\"pid\": 1}\n{\"pid\": 2}\n");
	put(OBIT_HISTORY_FILE, "{\"pid\": 3}\n{\"pid\": 4}\n{\"pid\": 5}\n");
	assert_read(false, 0, "1 2 3 4 5 ");
	assert_read(false, 2, "4 5 ");
	assert_read(false, 5, "1 2 3 4 5 ");
	assert_read(false, 99, "1 2 3 4 5 ");
	assert_read(true, 0, "1 3 5 ");
	assert_read(true, 1, "5 ");
	assert_read(true, 2, "3 5 ");
}

static void test_a_line_that_is_no_death_is_passed_over(void **state)
{
	(void)state;
	put(OBIT_HISTORY_FILE, "{\"pid\": 1}\n"
			       "\n"
			       "{\"time\":\"2026-11\n" /* torn, and ended by the next writer */
			       "garbage\n"
			       "[1, 2]\n"
			       "17\n"
			       "{\"pid\": 2}\n"
			       "{\"pid\": 3} {\n"
			       "{}\n"
			       "{\"pid\": 4}\n"
			       "{\"pid\": 5}"); /* not ended yet */
	assert_read(true, 0, "1 3 ");
	assert_read(false, 1, "4 ");
}

/* As after a disk that failed in the middle of a batch. */
static void test_what_was_written_twice_is_one_death(void **state)
{
	(void)state;
	put(OBIT_HISTORY_OLDER_FILE, "{\"pid\": 1}\n{\"pid\": 2, \"time\": \"a\"}\n");
	put(OBIT_HISTORY_FILE, "{\"pid\": 1}\n{\"pid\": 2, \"time\": \"a\"}\n"
			       "{\"pid\": 2, \"time\": \"b\"}\n{\"pid\": 3}\n{\"pid\": 3}\n");
	assert_read(false, 0, "1 2 2 3 ");
}

/* The actions of what has become of them, joined. */
static void assert_outcomes(struct json_object *deaths, const char *expected)
{
	char text[256] = "";

	for (size_t i = 0; i < array_length(deaths); i++) {
		struct json_object *outcome = member_object(array_item(deaths, i), "outcome");

		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s ",
			 outcome ? member_word(outcome, "action") : "-");
		assert_null(member(outcome, OBIT_OUTCOME_OF));
	}
	assert_string_equal(text, expected);
}

#define OUTCOME(key, time, action)                                                                 \
	"{\"time\":\"" time "\",\"outcome_of\":\"" key "\",\"watch\":\"web\",\"action\":\"" action \
	"\"}\n"

static void test_a_death_comes_with_the_last_that_has_become_of_it(void **state)
{
	struct json_object *deaths = NULL;

	(void)state;
	put(OBIT_HISTORY_OLDER_FILE,
	    "{\"pid\": 1, \"process_key\": \"1:5\"}\n" OUTCOME("1:5", "a", "expected"));
	put(OBIT_HISTORY_FILE,
	    "{\"pid\": 2, \"process_key\": \"2:5\"}\n" OUTCOME("9:9", "b", "report")
		    OUTCOME("1:5", "c", "restarted") "{\"outcome_of\": 5}\n"
						     "[\"outcome_of\"]\n"
						     "{\"pid\": 3, \"comm\": \"outcome_of\"}\n");
	assert_int_equal(history_read(dir, NULL, NULL, 0, &deaths), 0);
	assert_pids(deaths, "1 2 3 ");
	assert_outcomes(deaths, "restarted - - ");
	json_object_put(deaths);
	assert_read(false, 3, "1 2 3 ");
}

static void test_many_deaths_are_read(void **state)
{
	struct json_object *deaths = NULL;
	FILE *file = fopen(path_of(OBIT_HISTORY_FILE), "we");

	(void)state;
	assert_non_null(file);
	for (int i = 0; i < 20000; i++)
		fprintf(file, "{\"pid\": %d}\n{\"pid\": %d}\n", i, i > 1000 ? i - 1000 : i);
	fclose(file);
	assert_int_equal(history_read(dir, NULL, NULL, 0, &deaths), 0);
	assert_int_equal(array_length(deaths), 20000);
	json_object_put(deaths);
	assert_int_equal(history_read(dir, NULL, NULL, 3, &deaths), 0);
	assert_pids(deaths, "19997 19998 19999 ");
	json_object_put(deaths);
}

static void test_what_cannot_be_read_says_so(void **state)
{
	struct json_object *deaths = NULL;

	(void)state;
	put(OBIT_HISTORY_FILE, "{\"pid\": 1}\n");
	assert_int_equal(history_read(path_of(OBIT_HISTORY_FILE), NULL, NULL, 0, &deaths),
			 -ENOTDIR);
	assert_null(deaths);
	assert_int_equal(history_read("/nowhere/at/all", NULL, NULL, 0, &deaths), 0);
	assert_int_equal(array_length(deaths), 0);
	json_object_put(deaths);
}

static void test_a_death_is_known_by_pid_and_time(void **state)
{
	struct json_object *a = parse("{\"pid\": 1, \"time\": \"t1\"}"),
			   *b = parse("{\"pid\": 1, \"time\": \"t2\"}"),
			   *c = parse("{\"pid\": 2, \"time\": \"t1\"}");
	struct death_set set = {0};

	(void)state;
	assert_false(death_set_has(&set, a));
	assert_true(death_set_add(&set, a));
	assert_true(death_set_has(&set, a));
	assert_false(death_set_has(&set, b));
	assert_false(death_set_has(&set, c));
	assert_true(death_set_add(&set, b));
	assert_true(death_set_add(&set, c));
	assert_false(death_set_add(&set, a));
	death_set_release(&set);
	assert_false(death_set_has(&set, a));
	json_object_put(a);
	json_object_put(b);
	json_object_put(c);
}

#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DIR(test_deaths_are_read_oldest_first),
		WITH_DIR(test_a_line_that_is_no_death_is_passed_over),
		WITH_DIR(test_what_was_written_twice_is_one_death),
		WITH_DIR(test_a_death_comes_with_the_last_that_has_become_of_it),
		WITH_DIR(test_many_deaths_are_read),
		WITH_DIR(test_what_cannot_be_read_says_so),
		cmocka_unit_test(test_a_death_is_known_by_pid_and_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
