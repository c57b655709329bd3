// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/death.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/alloc.h"
#include "cli/evidence.h"
#include "cli/value.h"
#include "cli/when.h"

enum way { WAY_UNKNOWN, WAY_EXITED, WAY_KILLED, WAY_DUMPED };

static enum way way_of(struct json_object *death)
{
	const char *how = member_word(death, "how");

	if (strcmp(how, "exited") == 0)
		return WAY_EXITED;
	if (strcmp(how, "killed") == 0)
		return WAY_KILLED;
	if (strcmp(how, "dumped") == 0)
		return WAY_DUMPED;
	return WAY_UNKNOWN;
}

/* The exit status or the signal's name: what the way is about. */
static char *detail_of(struct json_object *death)
{
	switch (way_of(death)) {
	case WAY_EXITED:
		return member_text(death, "exit_status");
	case WAY_KILLED:
	case WAY_DUMPED:
		return member_text(death, "signal");
	case WAY_UNKNOWN:
		break;
	}
	return member_text(death, "wait_status");
}

char *death_how(struct json_object *death)
{
	_cleanup_free_ char *detail = detail_of(death);

	switch (way_of(death)) {
	case WAY_EXITED:
		return must_printf("exited %s", detail);
	case WAY_KILLED:
		return member_true(death, "oom") ? must_printf("killed, out of memory")
						 : must_printf("killed by %s", detail);
	case WAY_DUMPED:
		return must_printf("%s, core dumped", detail);
	case WAY_UNKNOWN:
		break;
	}
	return must_printf("wait status %s", detail);
}

static char *ago_of(struct json_object *death, uint64_t now_ns)
{
	uint64_t then;

	return when_parse(member_word(death, "time"), &then) ? when_ago(then, now_ns) : NULL;
}

char *death_brief(struct json_object *death, uint64_t now_ns)
{
	_cleanup_free_ char *detail = NULL, *ago = NULL;
	const char *before = "", *after = "";

	if (!json_object_is_type(death, json_type_object))
		return NULL;
	detail = detail_of(death);
	ago = ago_of(death, now_ns);
	if (way_of(death) == WAY_EXITED)
		before = "exit ";
	else if (way_of(death) == WAY_UNKNOWN)
		before = "status ";
	else if (member_true(death, "oom"))
		after = " (oom)";
	else if (way_of(death) == WAY_DUMPED)
		after = " (core)";
	return must_printf("%s%s%s%s%s", before, detail, after, ago ? ", " : "", ago ? ago : "");
}

static char *cause_words(struct json_object *death)
{
	_cleanup_free_ char *detail = detail_of(death);

	switch (way_of(death)) {
	case WAY_EXITED:
		return must_printf("exited with status %s", detail);
	case WAY_KILLED:
		return must_printf("was killed by %s", detail);
	case WAY_DUMPED:
		return must_printf("was killed by %s and dumped core", detail);
	case WAY_UNKNOWN:
		break;
	}
	return must_printf("ended with wait status %s", detail);
}

/* The reason behind the signal, where there is one: ", sent by kill (pid 812)". */
static char *reason_words(struct json_object *death)
{
	struct json_object *killer = member_object(death, "killer");
	_cleanup_free_ char *comm = NULL, *pid = NULL;

	if (member_true(death, "oom"))
		return must_printf(": out of memory");
	if (!killer || way_of(death) == WAY_EXITED)
		return must_printf("%s", "");
	comm = member_text(killer, "comm");
	pid = member_text(killer, "pid");
	return must_printf(", sent by %s (pid %s)", comm, pid);
}

/* ", a worker of web": main needs no such remark. */
static char *role_words(struct json_object *death)
{
	const char *role = member_word(death, "role");
	_cleanup_free_ char *watch = member_text(death, "watch");

	if (strcmp(role, "member") == 0)
		return must_printf(", a member of %s,", watch);
	if (strcmp(role, "offspring") == 0)
		return must_printf(", offspring of %s,", watch);
	return must_printf("%s", "");
}

char *death_cause(struct json_object *death)
{
	_cleanup_free_ char *comm = member_text(death, "comm"), *pid = member_text(death, "pid");
	_cleanup_free_ char *role = role_words(death), *words = cause_words(death);
	_cleanup_free_ char *lived = member_duration(death, "lived_ns");
	_cleanup_free_ char *reason = reason_words(death);

	return must_printf("%s (pid %s)%s %s%s%s%s.", comm, pid, role, words,
			   lived ? " after " : "", lived ? lived : "", reason);
}

static const struct {
	const char *action;
	const char *sentence; /* where the daemon gave no detail */
	enum style style;
} actions[] = {
	{"respawn", "respawned", STYLE_GREEN},
	{"hand-over", "handed over: another process of the watch is main now", STYLE_GREEN},
	{"stop-members", "its other processes are stopped first", STYLE_YELLOW},
	{"bury", "buried: not respawned until it is revived", STYLE_RED},
	{"report", "reported only", STYLE_DIM},
	{"none", "nothing was done about it", STYLE_DIM},
};

static size_t action_index(struct json_object *death)
{
	const char *action = member_word(death, "action");
	size_t i = 0;

	while (i < ARRAY_SIZE(actions) && strcmp(action, actions[i].action) != 0)
		i++;
	return i;
}

enum style death_action_style(struct json_object *death)
{
	size_t i = action_index(death);

	return i < ARRAY_SIZE(actions) ? actions[i].style : STYLE_PLAIN;
}

/* The daemon's detail, or our words for the action, or its bare name, or "-". */
static char *action_words(struct json_object *death)
{
	char *detail = value_text(member(death, "action_detail"));
	size_t i = action_index(death);

	if (detail)
		return detail;
	return i < ARRAY_SIZE(actions) ? must_printf("%s", actions[i].sentence)
				       : member_text(death, "action");
}

char *death_action(struct json_object *death)
{
	_cleanup_free_ char *words = action_words(death);
	size_t length = strlen(words);

	if (strcmp(words, "-") == 0)
		return must_printf("What was done about it is not known.");
	words[0] = (char)toupper((unsigned char)words[0]);
	return must_printf("%s%s", words, words[length - 1] == '.' ? "" : ".");
}

void death_tell(FILE *out, const struct term *term, struct json_object *death, uint64_t now_ns)
{
	_cleanup_free_ char *cause = death_cause(death), *action = death_action(death);

	term_wrap(out, term, STYLE_BOLD, 0, cause);
	term_wrap(out, term, death_action_style(death), 0, action);
	evidence_print(out, term, death, now_ns);
}

#define CLOCK_TIME_SIZE sizeof("09:38:12")
/* "09:38:12" of the time's local clock, or "-". */
static void clock_time(struct json_object *death, char buf[static CLOCK_TIME_SIZE])
{
	const char *time = member_word(death, "time");
	uint64_t ns;

	if (when_parse(time, &ns))
		snprintf(buf, CLOCK_TIME_SIZE, "%.8s", time + strlen("2026-11-21T"));
	else
		strcpy(buf, "-");
}

/* At 80 columns these leave room for "respawned at once". */
#define GAP	    2
#define TIME_WIDTH  8
#define WATCH_WIDTH 8
#define PID_WIDTH   7
#define HOW_WIDTH   21
#define LIVED_WIDTH 9

/* Writes the text, spaces up to `width` and the gap; returns the columns taken. */
static size_t pad(FILE *out, const struct term *term, enum style style, const char *text,
		  size_t width)
{
	size_t n = text_columns(text);
	size_t padding = (width > n ? width - n : 0) + GAP;

	term_print(out, term, style, text);
	fprintf(out, "%*s", (int)padding, "");
	return n + padding;
}

void death_headings(FILE *out, const struct term *term)
{
	pad(out, term, STYLE_BOLD, "TIME", TIME_WIDTH);
	pad(out, term, STYLE_BOLD, "WATCH", WATCH_WIDTH);
	pad(out, term, STYLE_BOLD, "    PID", PID_WIDTH);
	pad(out, term, STYLE_BOLD, "HOW", HOW_WIDTH);
	pad(out, term, STYLE_BOLD, "LIVED", LIVED_WIDTH);
	term_print(out, term, STYLE_BOLD, "ACTION");
	putc('\n', out);
}

/* A member's death is seldom news: it is marked and dim. */
static char *line_action(struct json_object *death, bool main_process)
{
	_cleanup_free_ char *role = member_text(death, "role"), *words = action_words(death);

	if (main_process)
		return TAKE_PTR(words);
	if (strcmp(member_word(death, "action"), "none") == 0)
		return must_printf("(%s)", role);
	return must_printf("(%s) %s", role, words);
}

/* The columns before the action; returns how many there are. */
static size_t line_start(FILE *out, const struct term *term, size_t watch_width,
			 struct json_object *death, enum style how_style)
{
	_cleanup_free_ char *watch = member_text(death, "watch"), *how = death_how(death);
	_cleanup_free_ char *pid = member_text(death, "pid"), *pid_cell = NULL;
	_cleanup_free_ char *lived = member_duration(death, "lived_ns");
	char time[CLOCK_TIME_SIZE];
	size_t n;

	clock_time(death, time);
	pid_cell = must_printf("%*s", PID_WIDTH, pid);
	n = pad(out, term, STYLE_DIM, time, TIME_WIDTH);
	n += pad(out, term, STYLE_PLAIN, watch, watch_width);
	n += pad(out, term, STYLE_PLAIN, pid_cell, PID_WIDTH);
	n += pad(out, term, how_style, how, HOW_WIDTH);
	return n + pad(out, term, STYLE_PLAIN, lived ? lived : "-", LIVED_WIDTH);
}

static size_t grown(size_t width, const char *text)
{
	size_t n = text_columns(text);

	if (width < WATCH_WIDTH)
		width = WATCH_WIDTH;
	return n > width ? n : width;
}

void death_line(FILE *out, const struct term *term, size_t *watch_width, struct json_object *death)
{
	const char *role = member_word(death, "role");
	bool main_process = !*role || strcmp(role, "main") == 0;
	_cleanup_free_ char *watch = member_text(death, "watch");
	_cleanup_free_ char *action = line_action(death, main_process);
	size_t columns;

	*watch_width = grown(*watch_width, watch);
	columns = line_start(out, term, *watch_width, death,
			     main_process ? STYLE_PLAIN : STYLE_DIM);
	if (term->width && columns + text_columns(action) > term->width) {
		columns = TIME_WIDTH + GAP;
		fprintf(out, "\n%*s", (int)columns, "");
	}
	term_wrap(out, term, main_process ? death_action_style(death) : STYLE_DIM, columns, action);
}

void death_gap(FILE *out, const struct term *term, uint64_t missing)
{
	_cleanup_free_ char *line = must_printf("--- %" PRIu64 " death%s dropped here: %s ---",
						missing, missing == 1 ? "" : "s",
						"there were more than could be taken");

	term_wrap(out, term, STYLE_DIM, 0, line);
}
