// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>
#include <utmpx.h>

#include "io/runlevel.h"
#include "io/sys.h"

struct fake_sys fake_sys;

/* Whether a utmp with that record tells of an end; type EMPTY: with none. */
static bool goes_down_at(short type, int level)
{
	struct utmpx record = {.ut_type = type, .ut_pid = level, .ut_line = "~"};
	char name[] = "/tmp/obit-utmp.XXXXXX";
	int fd = mkstemp(name);
	bool down;

	assert_true(fd >= 0);
	if (type != EMPTY)
		assert_int_equal(write(fd, &record, sizeof(record)), sizeof(record));
	close(fd);
	down = runlevel_goes_down(name);
	unlink(name);
	return down;
}

static void runlevels_0_and_6_are_an_end(void **state)
{
	(void)state;
	assert_true(goes_down_at(RUN_LVL, '0' | '2' << 8));
	assert_true(goes_down_at(RUN_LVL, '6' | '5' << 8));
	assert_false(goes_down_at(RUN_LVL, '2' | 'N' << 8));
	assert_false(goes_down_at(RUN_LVL, '5' | '6' << 8));
	assert_false(goes_down_at(BOOT_TIME, '6'));
	assert_false(goes_down_at(EMPTY, 0));
	assert_false(runlevel_goes_down("/nonexistent/utmp"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(runlevels_0_and_6_are_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
