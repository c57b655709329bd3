// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/start_mark.h"
#include "io/sys.h"

struct fake_sys fake_sys;

static char directory[] = "/tmp/obit-start.XXXXXX";
static char path[64];

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/starting", directory);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	rmdir(directory);
	memcpy(directory + strlen(directory) - 6, "XXXXXX", 6);
	return 0;
}

static void write_file(const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void the_first_of_those_that_fail_counts(void **state)
{
	(void)state;
	assert_int_equal(start_mark_begin(path, 1000), 1000);
	assert_int_equal(start_mark_begin(path, 2000), 1000);
	assert_int_equal(start_mark_begin(path, 3000), 1000);
	start_mark_end(path);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(start_mark_begin(path, 4000), 4000);
}

static void what_makes_no_sense_is_replaced(void **state)
{
	static const char *const texts[] = {"", "x", "0", "99999999999999999999999", "5001\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		write_file(texts[i]);
		assert_int_equal(start_mark_begin(path, 5000), 5000);
		assert_int_equal(start_mark_begin(path, 6000), 5000);
	}
}

static void without_a_file_it_began_long_ago(void **state)
{
	(void)state;
	assert_int_equal(start_mark_begin("/nowhere/at/all", 5000), 1);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(start_mark_begin(path, 5000), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_first_of_those_that_fail_counts, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_makes_no_sense_is_replaced, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_a_file_it_began_long_ago, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
