// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define SAMPLE	  UINT64_C(1700000000123456789) /* 2023-11-14 22:13:20 UTC and some */
#define TOLERANCE (5 * NS_PER_SEC)

static void set_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

static const struct {
	const char *zone;
	uint64_t wall_ns;
	const char *text;
} times[] = {
	{"UTC0", 0, "1970-01-01T00:00:00.000000+00:00"},
	{"UTC0", SAMPLE, "2023-11-14T22:13:20.123456+00:00"},
	{"UTC0", 1999, "1970-01-01T00:00:00.000001+00:00"},
	{"CET-1", SAMPLE, "2023-11-14T23:13:20.123456+01:00"},
	{"IST-5:30", SAMPLE, "2023-11-15T03:43:20.123456+05:30"},
	{"NST3:30", SAMPLE, "2023-11-14T18:43:20.123456-03:30"},
	{"UTC0", UINT64_MAX, "2554-07-21T23:34:33.709551+00:00"},
};

static void wall_times_are_rfc_3339_with_the_offset(void **state)
{
	char buf[CLOCK_RFC3339_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		set_zone(times[i].zone);
		assert_ptr_equal(clock_rfc3339(times[i].wall_ns, buf), buf);
		assert_string_equal(buf, times[i].text);
	}
}

static const struct {
	uint64_t ns;
	const char *text;
} spans[] = {
	{0, "0us"},
	{999, "0us"},
	{NS_PER_US, "1us"},
	{NS_PER_MS - 1, "999us"},
	{NS_PER_MS, "1ms"},
	{NS_PER_SEC - 1, "999ms"},
	{NS_PER_SEC, "1s"},
	{1234 * NS_PER_MS, "1.2s"},
	{NS_PER_MIN - 1, "1min 0s"},
	{59940 * NS_PER_MS, "59.9s"},
	{NS_PER_MIN, "1min 0s"},
	{243 * NS_PER_SEC, "4min 3s"},
	{3599 * NS_PER_SEC, "59min 59s"},
	{60 * NS_PER_MIN, "1h 0min"},
	{61 * NS_PER_MIN, "1h 1min"},
	{(24 * 60 - 1) * NS_PER_MIN, "23h 59min"},
	{24 * 60 * NS_PER_MIN, "1d 0h"},
	{(12 * 24 + 4) * 60 * NS_PER_MIN, "12d 4h"},
	{UINT64_MAX, "213503d 23h"},
};

static void spans_have_two_units_at_most(void **state)
{
	char buf[CLOCK_SPAN_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(spans); i++) {
		assert_ptr_equal(clock_span(spans[i].ns, buf), buf);
		assert_string_equal(buf, spans[i].text);
	}
}

static void boot_time_never_runs_backwards(void **state)
{
	uint64_t before = clock_boot_ns();

	(void)state;
	assert_true(before > 0);
	for (int i = 0; i < 1000; i++) {
		uint64_t now = clock_boot_ns();

		assert_true(now >= before);
		before = now;
	}
}

static void the_wall_clock_is_that_of_time(void **state)
{
	uint64_t now = clock_wall_ns() / NS_PER_SEC;
	uint64_t seconds = (uint64_t)time(NULL);

	(void)state;
	assert_in_range(seconds, now - 1, now + TOLERANCE / NS_PER_SEC);
}

static void boot_times_are_told_by_the_wall_clock(void **state)
{
	uint64_t boot = clock_boot_ns(), wall = clock_wall_ns();

	(void)state;
	assert_in_range(clock_boot_to_wall(boot), wall - TOLERANCE, wall + TOLERANCE);
	assert_in_range(clock_boot_to_wall(boot - NS_PER_SEC), wall - NS_PER_SEC - TOLERANCE,
			wall - NS_PER_SEC + TOLERANCE);
}

static void boot_times_are_told_by_the_time_in_which_the_machine_runs(void **state)
{
	uint64_t boot = clock_boot_ns(), running = clock_running_ns();

	(void)state;
	assert_in_range(clock_boot_to_running(boot), running - TOLERANCE, running + TOLERANCE);
	assert_true(clock_boot_to_running(boot) <= clock_running_ns());
	assert_int_equal(clock_boot_to_running(0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wall_times_are_rfc_3339_with_the_offset),
		cmocka_unit_test(spans_have_two_units_at_most),
		cmocka_unit_test(boot_time_never_runs_backwards),
		cmocka_unit_test(boot_times_are_told_by_the_time_in_which_the_machine_runs),
		cmocka_unit_test(the_wall_clock_is_that_of_time),
		cmocka_unit_test(boot_times_are_told_by_the_wall_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
