// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/units.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define BLANKS		    " \t"
#define DIGITS		    "0123456789"
#define MANTISSA_MAX	    (UINT64_C(1) << 53) /* a double holds it exactly */
#define FRACTION_DIGITS_MAX 15

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit duration_units[] = {
	{"us", NS_PER_US},   {"ms", NS_PER_MS},	     {"s", NS_PER_SEC},
	{"min", NS_PER_MIN}, {"h", NS_PER_MIN * 60}, {"d", NS_PER_MIN * 60 * 24},
};

static const struct unit size_units[] = {
	{"B", 1},
	{"KiB", UINT64_C(1) << 10},
	{"K", UINT64_C(1) << 10},
	{"MiB", UINT64_C(1) << 20},
	{"M", UINT64_C(1) << 20},
	{"GiB", UINT64_C(1) << 30},
	{"G", UINT64_C(1) << 30},
};

/* The unit whose whole name stands at *text, which is moved behind it; 0: none. */
static uint64_t take_unit(const char **text, const struct unit *units, size_t count)
{
	size_t length = 0;

	while (isalpha((unsigned char)(*text)[length]))
		length++;
	for (size_t i = 0; i < count; i++)
		if (strlen(units[i].name) == length && !memcmp(units[i].name, *text, length)) {
			*text += length;
			return units[i].factor;
		}
	return 0;
}

static void skip_blanks(const char **text)
{
	*text += strspn(*text, BLANKS);
}

static int take_integer(const char **text, uint64_t *ret)
{
	size_t digits = strspn(*text, DIGITS);
	uint64_t value = 0;

	if (!digits)
		return -EINVAL;
	for (; digits; digits--, ++*text)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(**text - '0'), &value))
			return -ERANGE;
	*ret = value;
	return 0;
}

/* The digits behind a decimal point, if one stands at *text. */
static int take_fraction(const char **text, const char **ret_digits, size_t *ret_count)
{
	size_t count = 0;

	if (**text == '.') {
		++*text;
		count = strspn(*text, DIGITS);
		if (!count)
			return -EINVAL;
	}
	*ret_digits = *text;
	*ret_count = count;
	*text += count;
	return 0;
}

/* "1.5min", moved over. */
static int take_span(const char **text, uint64_t *ret_ns)
{
	const char *fraction;
	uint64_t whole = 0, unit, ns;
	size_t count;
	int r = take_integer(text, &whole);

	if (r < 0)
		return r;
	r = take_fraction(text, &fraction, &count);
	if (r < 0)
		return r;
	skip_blanks(text);
	unit = take_unit(text, duration_units, ARRAY_SIZE(duration_units));
	if (!unit)
		return -EINVAL;
	if (__builtin_mul_overflow(whole, unit, &ns))
		return -ERANGE;
	for (size_t i = 0; i < count && unit; i++) {
		unit /= 10;
		/* All of the fraction is less than one unit, which was the factor of `whole`. */
		if (__builtin_add_overflow(ns, (uint64_t)(fraction[i] - '0') * unit, &ns))
			return -ERANGE;
	}
	*ret_ns = ns;
	return 0;
}

int units_parse_duration(const char *text, uint64_t *ret_ns)
{
	uint64_t total = 0, span = 0;
	int r;

	if (strcmp(text, "0") == 0) {
		*ret_ns = 0;
		return 0;
	}
	skip_blanks(&text);
	do {
		r = take_span(&text, &span);
		if (r < 0)
			return r;
		/* Half the range: such a duration can be added to any time on the clock. */
		if (__builtin_add_overflow(total, span, &total) || total > INT64_MAX)
			return -ERANGE;
		skip_blanks(&text);
	} while (*text);
	*ret_ns = total;
	return 0;
}

int units_parse_size(const char *text, uint64_t *ret_bytes)
{
	uint64_t value = 0, unit = 1, bytes;
	int r = take_integer(&text, &value);

	if (r < 0)
		return r;
	skip_blanks(&text);
	if (*text) {
		unit = take_unit(&text, size_units, ARRAY_SIZE(size_units));
		if (!unit || *text)
			return -EINVAL;
	}
	if (__builtin_mul_overflow(value, unit, &bytes))
		return -ERANGE;
	*ret_bytes = bytes;
	return 0;
}

/* A decimal number as mantissa / divisor, moved over. strtod(3) would follow the locale and take hex,
 * "inf" and "nan". Digits beyond a double's precision are dropped. */
static int take_decimal(const char **text, double *ret_mantissa, double *ret_divisor)
{
	const char *fraction;
	uint64_t mantissa = 0;
	double divisor = 1;
	size_t count;
	int r = take_integer(text, &mantissa);

	if (r < 0)
		return r;
	if (mantissa > MANTISSA_MAX)
		return -ERANGE;
	r = take_fraction(text, &fraction, &count);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count && i < FRACTION_DIGITS_MAX && mantissa < MANTISSA_MAX / 10;
	     i++) {
		mantissa = mantissa * 10 + (uint64_t)(fraction[i] - '0');
		divisor *= 10;
	}
	*ret_mantissa = (double)mantissa;
	*ret_divisor = divisor;
	return 0;
}

int units_parse_number(const char *text, double *ret)
{
	double mantissa = 0, divisor = 1;
	int r = take_decimal(&text, &mantissa, &divisor);

	if (r < 0)
		return r;
	if (*text)
		return -EINVAL;
	*ret = mantissa / divisor;
	return 0;
}

int units_parse_fraction(const char *text, double *ret)
{
	bool negative = *text == '-';
	double mantissa = 0, divisor = 1;
	int r;

	text += negative;
	r = take_decimal(&text, &mantissa, &divisor);
	if (r < 0)
		return r;
	if (*text == '%') {
		divisor *= 100;
		text++;
	}
	if (*text)
		return -EINVAL;
	if (negative || mantissa > divisor)
		return -ERANGE;
	*ret = mantissa / divisor;
	return 0;
}
