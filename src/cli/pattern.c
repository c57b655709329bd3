// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/pattern.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/alloc.h"
#include "cli/amount.h"
#include "cli/cause.h"
#include "cli/fault.h"
#include "cli/value.h"
#include "cli/when.h"

#define LEAST	     3		       /* two of a kind are no pattern */
#define MOST	     256	       /* deaths that are looked at */
#define BURST_GAP    (60 * NS_PER_MIN) /* deaths of different causes belong together within that */
#define PERIOD_LEAST (5 * NS_PER_MIN)  /* shorter ones are what a respawn makes of equal lives */
#define YOUNG	     (10 * NS_PER_SEC) /* who dies before that has hardly started */
#define HOUR	     (60 * NS_PER_MIN)
#define DAY	     (24 * HOUR)

struct point {
	struct json_object *death; /* borrowed */
	uint64_t time;		   /* nanoseconds since 1970 */
	uint64_t local;		   /* the same as the clock on the wall showed it */
	uint64_t lived;
	bool lived_known;
};

/* The deaths that are looked at, the newest first. */
struct series {
	struct point points[MOST];
	size_t n;
};

/* ---- reading ---- */

static bool same_word(struct json_object *a, struct json_object *b, const char *key)
{
	return strcmp(member_word(a, key), member_word(b, key)) == 0;
}

static bool read_point(struct json_object *death, struct point *ret)
{
	const char *time = member_word(death, "time");
	_cleanup_free_ char *local = NULL;

	*ret = (struct point){.death = death};
	ret->lived_known = member_span(death, "lived_ns", &ret->lived);
	if (cause_of(death) == CAUSE_UNTOLD || !when_parse(time, &ret->time))
		return false;
	local = must_printf("%.19sZ", time);
	return when_parse(local, &ret->local);
}

/* Up to the first death that cannot be read, or that is newer than the one before: a clock that was
 * set makes every span a guess. */
static void read_series(struct json_object *deaths, struct series *ret)
{
	struct json_object *newest = array_item(deaths, 0);

	ret->n = 0;
	for (size_t i = 0; i < array_length(deaths) && ret->n < MOST; i++) {
		struct json_object *death = array_item(deaths, i);
		struct point *point = &ret->points[ret->n];

		if (!same_word(death, newest, "watch") || !same_word(death, newest, "role") ||
		    !same_word(death, newest, "path"))
			continue;
		if (!read_point(death, point) || (ret->n > 0 && point->time > point[-1].time))
			return;
		ret->n++;
	}
}

/* ---- words ---- */

/* A span in one unit: "40 seconds", "10 minutes". */
static char *rough(uint64_t ns, bool up)
{
	static const struct {
		uint64_t below, unit;
		const char *name;
	} units[] = {
		{90 * NS_PER_SEC, NS_PER_SEC, "second"},
		{90 * NS_PER_MIN, NS_PER_MIN, "minute"},
		{36 * HOUR, HOUR, "hour"},
		{UINT64_MAX, DAY, "day"},
	};
	size_t i = 0;
	uint64_t count;

	while (i + 1 < ARRAY_SIZE(units) && ns >= units[i].below)
		i++;
	count = ns / units[i].unit;
	if (ns % units[i].unit > (up ? 0 : units[i].unit / 2))
		count++;
	count = count ? count : 1;
	return must_printf("%" PRIu64 " %s%s", count, units[i].name, count == 1 ? "" : "s");
}

/* ---- what holds for the first `n` of a series ---- */

static bool same_end(struct json_object *a, struct json_object *b)
{
	int64_t status_a = -1, status_b = -1;

	member_int(a, "exit_status", &status_a);
	member_int(b, "exit_status", &status_b);
	return cause_of(a) == cause_of(b) && status_a == status_b && same_word(a, b, "signal");
}

static size_t same_end_count(const struct series *series)
{
	size_t n = 1;

	while (n < series->n && same_end(series->points[0].death, series->points[n].death))
		n++;
	return n;
}

static size_t burst_count(const struct series *series)
{
	size_t n = 1;

	while (n < series->n && series->points[n - 1].time - series->points[n].time <= BURST_GAP)
		n++;
	return n;
}

/* The program that `who` names in the first `n` deaths: its path, or its name where no path is
 * known; NULL where they differ. */
static char *same_program(const struct series *series, size_t n, const char *who)
{
	struct json_object *first = member(series->points[0].death, who);
	const char *key = *member_word(first, "path") ? "path" : "comm";

	for (size_t i = 0; i < n; i++) {
		struct json_object *other = member(series->points[i].death, who);

		if (!*member_word(other, key) || !same_word(first, other, key))
			return NULL;
	}
	return value_text(member(first, key));
}

/* What all have in common, or NULL. */
typedef char *(*trait)(struct json_object *death);

static char *same_trait(const struct series *series, size_t n, trait trait_of)
{
	_cleanup_free_ char *first = trait_of(series->points[0].death);

	for (size_t i = 1; first && i < n; i++) {
		_cleanup_free_ char *other = trait_of(series->points[i].death);

		if (!other || strcmp(first, other) != 0)
			return NULL;
	}
	return TAKE_PTR(first);
}

static char *oom_limit(struct json_object *death)
{
	struct json_object *oom = member_object(death, "oom_cause");

	return strcmp(member_word(oom, "scope"), "cgroup") == 0
		       ? member_amount(oom, "limit_bytes", 1)
		       : NULL;
}

/* ---- the parts of the sentence ---- */

static void put_optional(FILE *out, const char *lead, char *text)
{
	_cleanup_free_ char *owned = text;

	if (owned)
		fprintf(out, "%s%s", lead, owned);
}

static void put_end(FILE *out, const struct series *series, size_t n)
{
	struct json_object *newest = series->points[0].death;
	_cleanup_free_ char *signal = cause_signal(newest), *status = NULL;

	switch (cause_of(newest)) {
	case CAUSE_EXIT:
		status = member_text(newest, "exit_status");
		fprintf(out, "exit status %s", status);
		break;
	case CAUSE_OOM:
		fputs("out of memory", out);
		put_optional(out, " at ", same_trait(series, n, oom_limit));
		break;
	case CAUSE_FAULT:
		fputs(signal, out);
		put_optional(out, " at address ", same_trait(series, n, fault_address));
		break;
	case CAUSE_PROCESS:
		fputs(signal, out);
		put_optional(out, " sent by ", same_program(series, n, "killer"));
		break;
	case CAUSE_ITSELF:
		fprintf(out, "%s by itself", signal);
		break;
	default:
		fputs(signal, out);
	}
}

static bool all_asked(const struct series *series, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!cause_asker(series->points[i].death))
			return false;
	return true;
}

static void put_cause(FILE *out, const struct series *series, size_t n)
{
	if (same_end_count(series) < n) {
		fputs(", of different causes", out);
		return;
	}
	fputs(", each time ", out);
	put_end(out, series, n);
	if (all_asked(series, n))
		put_optional(out, " when asked to stop by ", same_program(series, n, "asked_by"));
}

struct lives {
	uint64_t shortest, median, longest;
};

static int compare_spans(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static bool read_lives(const struct series *series, size_t n, struct lives *ret)
{
	uint64_t spans[MOST];

	for (size_t i = 0; i < n; i++) {
		if (!series->points[i].lived_known)
			return false;
		spans[i] = series->points[i].lived;
	}
	qsort(spans, n, sizeof(*spans), compare_spans);
	*ret = (struct lives){spans[0], spans[n / 2], spans[n - 1]};
	return true;
}

static bool all_failures(const struct series *series, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!cause_is_failure(series->points[i].death))
			return false;
	return true;
}

/* Equal lives are those of which the longest is at most half as long again as the shortest. */
static void put_lives(FILE *out, const struct series *series, size_t n)
{
	const char *each = same_end_count(series) < n ? "each " : ""; /* else "each time" is said */
	struct lives lives;

	if (!read_lives(series, n, &lives))
		return;
	if (lives.longest <= YOUNG) {
		fprintf(out, ", %s", each);
		put_optional(out, "within ", rough(lives.longest, true));
		fputs(" of its start", out);
		if (all_failures(series, n))
			fputs(": it did not come up", out);
	} else if (lives.longest - lives.shortest <= lives.shortest / 2) {
		fprintf(out, ", %s", each);
		put_optional(out, "after about ", rough(lives.median, false));
	}
}

/* ---- the clock ---- */

/* What repeats at the same point of an hour or of a day is the work of some timer. */
struct clock_rule {
	uint64_t turn;	    /* the clock shows the same after that */
	uint64_t tolerance; /* that two deaths at the same point may differ by */
	size_t least;	    /* deaths, below which it may be chance */
};

static const struct clock_rule daily = {.turn = DAY, .tolerance = 10 * NS_PER_MIN, .least = 3};
static const struct clock_rule hourly = {.turn = HOUR, .tolerance = 2 * NS_PER_MIN, .least = 4};

/* The turns from one death to the next newer one; 0 where the newest is not at the same point. */
static uint64_t turns_between(const struct clock_rule *rule, const struct series *series, size_t i)
{
	uint64_t newest = series->points[0].local, newer = series->points[i - 1].local;
	uint64_t this = series->points[i].local;

	if (newer < this || (newest - this + rule->tolerance) % rule->turn > 2 * rule->tolerance)
		return 0;
	return (newer - this + rule->turn / 2) / rule->turn;
}

/* How many deaths follow the rule; *ret_turns is how many turns lie between each two of them, 0 where
 * that differs. */
static size_t on_the_clock(const struct clock_rule *rule, const struct series *series,
			   uint64_t *ret_turns)
{
	size_t n = 1;

	*ret_turns = 0;
	for (; n < series->n; n++) {
		uint64_t turns = turns_between(rule, series, n);

		if (!turns)
			break;
		if (n == 1)
			*ret_turns = turns;
		else if (turns != *ret_turns)
			*ret_turns = 0;
	}
	return n >= rule->least ? n : 0;
}

static void put_times(FILE *out, const struct series *series, size_t n)
{
	fprintf(out, ": %zu times now", n);
	put_cause(out, series, n);
}

static bool put_daily(FILE *out, const struct series *series)
{
	const char *time = member_word(series->points[0].death, "time") + strlen("2026-11-21T");
	const char *often = "";
	uint64_t days;
	size_t n = on_the_clock(&daily, series, &days);

	if (!n)
		return false;
	if (days == 1)
		often = " about once a day,";
	else if (days == 7)
		often = " about once a week,";
	fprintf(out, "Dies%s at the same time of day (%.5s)", often, time);
	put_times(out, series, n);
	return true;
}

static bool put_hourly(FILE *out, const struct series *series)
{
	const char *time = member_word(series->points[0].death, "time") + strlen("2026-11-21T03:");
	uint64_t hours;
	size_t n = on_the_clock(&hourly, series, &hours);

	if (!n || hours != 1)
		return false;
	fprintf(out, "Dies about once an hour, at the same minute (%.2s)", time);
	put_times(out, series, n);
	return true;
}

/* ---- a period of its own ---- */

/* How many deaths have about the same gap between them: a twentieth more or less than the last. */
static size_t period_count(const struct series *series, uint64_t period)
{
	size_t n = 1;

	for (; n < series->n; n++) {
		uint64_t gap = series->points[n - 1].time - series->points[n].time;

		if (gap < period - period / 20 || gap > period + period / 20)
			break;
	}
	return n;
}

/* Only where its lives do not explain it: somebody starts it again and again, and in vain. */
static bool put_period(FILE *out, const struct series *series)
{
	uint64_t period = series->points[0].time - series->points[1].time;
	size_t n = period_count(series, period);
	struct lives lives;

	if (n <= LEAST || period < PERIOD_LEAST || !read_lives(series, n, &lives) ||
	    lives.longest > period / 2)
		return false;
	put_optional(out, "Dies about every ", rough(period, false));
	put_times(out, series, n);
	put_lives(out, series, n);
	return true;
}

/* ---- a series ---- */

/* The deaths to tell of: of one cause and close together, else of one cause, else close together. */
static size_t series_count(const struct series *series)
{
	size_t same = same_end_count(series), burst = burst_count(series);
	size_t both = same < burst ? same : burst;

	if (both >= LEAST)
		return both;
	return same >= LEAST ? same : burst;
}

static bool put_series(FILE *out, const struct series *series)
{
	size_t n = series_count(series);
	_cleanup_free_ char *span = NULL;

	if (n < LEAST)
		return false;
	span = rough(series->points[0].time - series->points[n - 1].time, true);
	fprintf(out, "%zu deaths in %s", n, span);
	put_cause(out, series, n);
	put_lives(out, series, n);
	return true;
}

char *pattern_of(struct json_object *deaths)
{
	struct series series;
	struct draft draft;
	char *sentence;

	read_series(deaths, &series);
	if (series.n < LEAST)
		return NULL;
	draft_open(&draft);
	if (put_daily(draft.out, &series) || put_hourly(draft.out, &series) ||
	    put_period(draft.out, &series) || put_series(draft.out, &series))
		putc('.', draft.out);
	sentence = draft_close(&draft);
	if (!*sentence) {
		free(sentence);
		return NULL;
	}
	return sentence;
}
