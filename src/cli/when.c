// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/when.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/units.h"
#include "cli/alloc.h"
#include "cli/value.h"

/* "Z", "+01:00" or "-09:30" into seconds east of Greenwich. */
static bool parse_offset(const char *text, long *ret)
{
	unsigned hours, minutes;
	int end = 0;

	if (*text == 'Z' && text[1] == '\0') {
		*ret = 0;
		return true;
	}
	if ((*text != '+' && *text != '-') ||
	    sscanf(text + 1, "%2u:%2u%n", &hours, &minutes, &end) != 2 || end != 5 || text[6] ||
	    hours > 23 || minutes > 59)
		return false;
	*ret = (long)(hours * 3600 + minutes * 60) * (*text == '-' ? -1 : 1);
	return true;
}

/* The digits after the point, as nanoseconds; moves past them. */
static uint64_t parse_fraction(const char **text)
{
	uint64_t ns = 0, unit = NS_PER_SEC / 10;

	if (**text != '.')
		return 0;
	for ((*text)++; isdigit((unsigned char)**text); (*text)++, unit /= 10)
		ns += (uint64_t)(**text - '0') * unit;
	return ns;
}

/* strptime(3) takes fewer digits and any white space; who prints a part of the text relies on where it is. */
static bool has_the_form(const char *text)
{
	const char *form = "0000-00-00T00:00:00";

	for (; *form; form++, text++)
		if (*form == '0' ? !isdigit((unsigned char)*text) : *text != *form)
			return false;
	return true;
}

bool when_parse(const char *text, uint64_t *ret_ns)
{
	struct tm tm = {0};
	const char *rest = has_the_form(text) ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
	uint64_t fraction;
	time_t seconds;
	long offset;

	if (!rest)
		return false;
	fraction = parse_fraction(&rest);
	if (!parse_offset(rest, &offset))
		return false;
	seconds = timegm(&tm) - offset;
	if (seconds < 0 || (uint64_t)seconds > UINT64_MAX / NS_PER_SEC - 1)
		return false;
	*ret_ns = (uint64_t)seconds * NS_PER_SEC + fraction;
	return true;
}

/* That time of the local clock, so many days before. */
static bool moment_of(struct tm tm, int days, uint64_t *ret_ns)
{
	time_t seconds;

	tm.tm_mday -= days;
	tm.tm_isdst = -1;
	seconds = mktime(&tm);
	if (seconds < 0 || (uint64_t)seconds > UINT64_MAX / NS_PER_SEC - 1)
		return false;
	*ret_ns = (uint64_t)seconds * NS_PER_SEC;
	return true;
}

/* mktime(3) takes the 30th of February for the second of March. */
static bool is_real_day(struct tm tm)
{
	int day = tm.tm_mday;

	timegm(&tm);
	return tm.tm_mday == day;
}

/* Whether all of the text has that form; the fields of *tm that it names are set then. */
static bool has_form(const char *text, const char *const *forms, struct tm *tm)
{
	for (; *forms; forms++) {
		struct tm read = *tm;
		const char *rest = strptime(text, *forms, &read);

		if (rest && !*rest) {
			*tm = read;
			return true;
		}
	}
	return false;
}

/* "2h", "2h ago" */
static bool parse_ago(const char *text, uint64_t *ret_ns)
{
	size_t length = strlen(text), ago = strlen(" ago");
	_cleanup_free_ char *span = NULL;

	if (length > ago && strcmp(text + length - ago, " ago") == 0)
		length -= ago;
	span = must_printf("%.*s", (int)length, text);
	return units_parse_duration(span, ret_ns) == 0;
}

bool when_since(const char *text, uint64_t now_ns, uint64_t *ret_ns)
{
	static const char *const dates[] = {"%Y-%m-%d",		 "%Y-%m-%dT%H:%M",
					    "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M",
					    "%Y-%m-%d %H:%M:%S", NULL};
	static const char *const times[] = {"%H:%M", "%H:%M:%S", NULL};
	time_t now = (time_t)(now_ns / NS_PER_SEC);
	uint64_t span, moment;
	struct tm day;

	if (parse_ago(text, &span)) {
		*ret_ns = now_ns > span ? now_ns - span : 0;
		return true;
	}
	localtime_r(&now, &day);
	day.tm_hour = day.tm_min = day.tm_sec = 0;
	if (strcmp(text, "today") == 0)
		return moment_of(day, 0, ret_ns);
	if (strcmp(text, "yesterday") == 0)
		return moment_of(day, 1, ret_ns);
	if (has_form(text, dates, &day))
		return is_real_day(day) && moment_of(day, 0, ret_ns);
	if (!has_form(text, times, &day))
		return when_parse(text, ret_ns);
	/* What is still to come today was yesterday. */
	return moment_of(day, 0, &moment) && moment_of(day, moment > now_ns, ret_ns);
}

char *when_ago(uint64_t then_ns, uint64_t now_ns)
{
	uint64_t s = now_ns > then_ns ? (now_ns - then_ns) / NS_PER_SEC : 0;

	if (s == 0)
		return must_printf("just now");
	if (s < 60)
		return must_printf("%us ago", (unsigned)s);
	if (s < 3600)
		return must_printf("%umin ago", (unsigned)(s / 60));
	if (s < 86400)
		return must_printf("%uh ago", (unsigned)(s / 3600));
	return must_printf("%ud ago", (unsigned)(s / 86400));
}

char *member_duration(struct json_object *object, const char *key)
{
	char span[CLOCK_SPAN_SIZE];
	uint64_t ns;

	if (!member_span(object, key, &ns))
		return NULL;
	return must_printf("%s", clock_span(ns, span));
}

char *member_moment(struct json_object *object, const char *key, uint64_t now_ns)
{
	const char *time = member_word(object, key);
	_cleanup_free_ char *ago = NULL;
	uint64_t then;

	if (!when_parse(time, &then))
		return value_text(member(object, key));
	ago = when_ago(then, now_ns);
	return must_printf("%.10s %.8s (%s)", time, time + strlen("2026-11-21T"), ago);
}
