// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <float.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/units.h"

#define UNTOUCHED UINT64_C(0xdeadbeef)

struct integer_case {
	const char *text;
	int result;
	uint64_t value;
};

struct real_case {
	const char *text;
	int result;
	double value;
};

static const struct integer_case durations[] = {
	{"0", 0, 0},
	{"0s", 0, 0},
	{"1us", 0, NS_PER_US},
	{"200ms", 0, 200 * NS_PER_MS},
	{"10s", 0, 10 * NS_PER_SEC},
	{"5min", 0, 5 * NS_PER_MIN},
	{"2h", 0, 120 * NS_PER_MIN},
	{"1d", 0, 1440 * NS_PER_MIN},
	{"1.5min", 0, 90 * NS_PER_SEC},
	{"0.2s", 0, 200 * NS_PER_MS},
	{"0.0000001d", 0, 8640000},
	{"1.5us", 0, 1500},
	{"0.0001us", 0, 0},
	{"0.000000000000000000000000000001d", 0, 0},
	{"2min 30s", 0, 150 * NS_PER_SEC},
	{"2min30s", 0, 150 * NS_PER_SEC},
	{" 10 s ", 0, 10 * NS_PER_SEC},
	{"106751d", 0, UINT64_C(106751) * 1440 * NS_PER_MIN},
	{"106752d", -ERANGE, 0},
	{"106751d 106751d", -ERANGE, 0},
	{"213503.99999999d", -ERANGE, 0},
	{"99999999999999999999s", -ERANGE, 0},
	{"18446744073709551615d", -ERANGE, 0},
	{"18446744073709551s 1s", -ERANGE, 0},
	{"", -EINVAL, 0},
	{" ", -EINVAL, 0},
	{"10", -EINVAL, 0},
	{"00", -EINVAL, 0},
	{"10 20s", -EINVAL, 0},
	{"1s 2", -EINVAL, 0},
	{"s", -EINVAL, 0},
	{"10m", -EINVAL, 0},
	{"10sec", -EINVAL, 0},
	{"10S", -EINVAL, 0},
	{"-1s", -EINVAL, 0},
	{"+1s", -EINVAL, 0},
	{".5s", -EINVAL, 0},
	{"1.s", -EINVAL, 0},
	{"1,5s", -EINVAL, 0},
	{"1e3s", -EINVAL, 0},
	{"0x10s", -EINVAL, 0},
	{"infinity", -EINVAL, 0},
};

static const struct integer_case sizes[] = {
	{"0", 0, 0},
	{"512", 0, 512},
	{"512B", 0, 512},
	{"256KiB", 0, 256 * 1024},
	{"256K", 0, 256 * 1024},
	{"4MiB", 0, 4 << 20},
	{"4M", 0, 4 << 20},
	{"1GiB", 0, 1 << 30},
	{"1 G", 0, 1 << 30},
	{"18446744073709551615", 0, UINT64_MAX},
	{"18446744073709551616", -ERANGE, 0},
	{"18446744073709551615K", -ERANGE, 0},
	{"", -EINVAL, 0},
	{"K", -EINVAL, 0},
	{"-1", -EINVAL, 0},
	{"1kb", -EINVAL, 0},
	{"1KiBx", -EINVAL, 0},
	{"1KiB 2", -EINVAL, 0},
	{"1.5MiB", -EINVAL, 0},
};

static const struct real_case fractions[] = {
	{"0", 0, 0},
	{"0%", 0, 0},
	{"20%", 0, 0.2},
	{"0.2", 0, 0.2},
	{"12.5%", 0, 0.125},
	{"1", 0, 1},
	{"100%", 0, 1},
	{"0.99999999999999999999999", 0, 0.999999999999999},
	{"100.1%", -ERANGE, 0},
	{"101%", -ERANGE, 0},
	{"1.01", -ERANGE, 0},
	{"-0.5", -ERANGE, 0},
	{"99999999999999999999", -ERANGE, 0},
	{"9999999999999999999", -ERANGE, 0},
	{"", -EINVAL, 0},
	{"%", -EINVAL, 0},
	{"-", -EINVAL, 0},
	{"20 %", -EINVAL, 0},
	{"20%%", -EINVAL, 0},
	{".5", -EINVAL, 0},
	{"0.", -EINVAL, 0},
	{"nan", -EINVAL, 0},
};

static const struct real_case numbers[] = {
	{"2", 0, 2},
	{"1.5", 0, 1.5},
	{"0", 0, 0},
	{"0.1", 0, 0.1},
	{"3.14159", 0, 3.14159},
	{"9007199254740992", 0, 0x1p53},
	{"9007199254740993", -ERANGE, 0},
	{"99999999999999999999", -ERANGE, 0},
	{"", -EINVAL, 0},
	{"-1", -EINVAL, 0},
	{"1.", -EINVAL, 0},
	{"1x", -EINVAL, 0},
	{"1e3", -EINVAL, 0},
	{"inf", -EINVAL, 0},
	{"0x2", -EINVAL, 0},
	{"1,5", -EINVAL, 0},
};

static void check_integers(const struct integer_case *cases, size_t count,
			   int (*parse)(const char *, uint64_t *))
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = UNTOUCHED;
		uint64_t expected = cases[i].result < 0 ? UNTOUCHED : cases[i].value;
		int r = parse(cases[i].text, &value);

		if (r != cases[i].result || value != expected)
			fail_msg("'%s' gives %d and %ju", cases[i].text, r, (uintmax_t)value);
	}
}

static void check_reals(const struct real_case *cases, size_t count,
			int (*parse)(const char *, double *))
{
	for (size_t i = 0; i < count; i++) {
		double value = -7, expected = cases[i].result < 0 ? -7 : cases[i].value;
		int r = parse(cases[i].text, &value);
		double error = value > expected ? value - expected : expected - value;

		if (r != cases[i].result || error > DBL_EPSILON)
			fail_msg("'%s' gives %d and %.17g", cases[i].text, r, value);
	}
}

static void durations_have_units(void **state)
{
	(void)state;
	check_integers(durations, ARRAY_SIZE(durations), units_parse_duration);
}

static void sizes_count_in_1024(void **state)
{
	(void)state;
	check_integers(sizes, ARRAY_SIZE(sizes), units_parse_size);
}

static void fractions_are_shares_of_one(void **state)
{
	(void)state;
	check_reals(fractions, ARRAY_SIZE(fractions), units_parse_fraction);
}

static void numbers_are_plain_decimals(void **state)
{
	(void)state;
	check_reals(numbers, ARRAY_SIZE(numbers), units_parse_number);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_have_units),
		cmocka_unit_test(sizes_count_in_1024),
		cmocka_unit_test(fractions_are_shares_of_one),
		cmocka_unit_test(numbers_are_plain_decimals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
