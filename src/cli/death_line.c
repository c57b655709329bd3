// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Deaths one a line. The widths of the columns, on a terminal of 80 columns:
 *
 *   TIME      WATCH         PID  HOW                    LIVED      ACTION
 *   8         8 to 1/6      7    what is left, to 27    9          17 and more
 *
 * Where too little is left for that, pid and action go to a line below. */
#include <string.h>

#include "base/cleanup.h"
#include "base/protocol.h"
#include "cli/alloc.h"
#include "cli/cause.h"
#include "cli/death.h"
#include "cli/value.h"
#include "cli/when.h"

#define GAP	     2
#define TIME_WIDTH   8
#define WATCH_WIDTH  8
#define WATCH_SHARE  6 /* of the terminal's columns it gets one in so many */
#define PID_WIDTH    7
#define HOW_LEAST    14
#define HOW_MOST     27 /* of "SIGTERM by systemctl(12345)" */
#define LIVED_WIDTH  9
#define ACTION_WIDTH 17 /* of "respawned at once" */

struct layout {
	size_t watch, how;
	bool narrow;
};

static struct layout layout_of(const struct term *term, size_t watch_width)
{
	struct layout layout = {
		.watch = watch_width > WATCH_WIDTH ? watch_width : WATCH_WIDTH,
		.how = HOW_MOST,
	};
	size_t start = TIME_WIDTH + GAP + layout.watch + GAP;
	size_t rest = PID_WIDTH + GAP + GAP + LIVED_WIDTH + GAP + ACTION_WIDTH;

	if (!term->width)
		return layout;
	layout.narrow = start + HOW_LEAST + rest > term->width;
	layout.how = term->width > start ? term->width - start : 0;
	if (!layout.narrow)
		layout.how -= rest;
	if (layout.how > HOW_MOST)
		layout.how = HOW_MOST;
	return layout;
}

static bool is_main(struct json_object *death)
{
	const char *role = member_word(death, "role");

	return !*role || strcmp(role, "main") == 0;
}

/* Of what has no meaning of its own: dim for all but main processes. */
static enum style plain_style(struct json_object *death)
{
	return is_main(death) ? STYLE_PLAIN : STYLE_DIM;
}

/* What nobody watches is called by its own name. */
static char *watch_text(struct json_object *death)
{
	if (strcmp(member_word(death, "role"), "unwatched") == 0)
		return who_name(death);
	return member_text(death, "watch");
}

void death_line_measure(const struct term *term, size_t *watch_width, struct json_object *death)
{
	_cleanup_free_ char *watch = watch_text(death);
	size_t n = text_columns(watch), most = term->width / WATCH_SHARE;

	if (term->width && n > most)
		n = most;
	if (n > *watch_width)
		*watch_width = n;
}

/* A line on its way. Spaces are written before the next cell only: no line ends in them. */
struct row {
	FILE *out;
	const struct term *term;
	size_t column; /* where it ends so far */
	size_t spaces; /* that are due */
};

/* On a terminal a cell never takes more than its room. */
static void put_cell(struct row *row, enum style style, const char *text, size_t width)
{
	_cleanup_free_ char *fitted = text_fitted(text, row->term->width ? width : SIZE_MAX);
	size_t n = text_columns(fitted);

	fprintf(row->out, "%*s", (int)row->spaces, "");
	term_print(row->out, row->term, style, fitted);
	row->column += row->spaces + n;
	row->spaces = (width > n ? width - n : 0) + GAP;
}

void death_headings(FILE *out, const struct term *term, size_t watch_width)
{
	struct layout layout = layout_of(term, watch_width);
	struct row row = {.out = out, .term = term};

	put_cell(&row, STYLE_BOLD, "TIME", TIME_WIDTH);
	put_cell(&row, STYLE_BOLD, "WATCH", layout.watch);
	if (!layout.narrow)
		put_cell(&row, STYLE_BOLD, "    PID", PID_WIDTH);
	put_cell(&row, STYLE_BOLD, "HOW", layout.how);
	if (!layout.narrow) {
		put_cell(&row, STYLE_BOLD, "LIVED", LIVED_WIDTH);
		put_cell(&row, STYLE_BOLD, "ACTION", ACTION_WIDTH);
	}
	putc('\n', out);
}

/* "09:38:12" of the time's local clock, or "-". */
static void put_time(struct row *row, struct json_object *death)
{
	const char *time = member_word(death, "time");
	_cleanup_free_ char *clock = NULL;
	uint64_t ns;

	if (when_parse(time, &ns))
		clock = must_printf("%.8s", time + strlen("2026-11-21T"));
	put_cell(row, STYLE_DIM, clock ? clock : "-", TIME_WIDTH);
}

/* A crash is news wherever it happens; what else befalls others than main processes is not. */
static enum style how_style(struct json_object *death)
{
	enum style style = cause_style(death);

	return is_main(death) || style == STYLE_RED ? style : STYLE_DIM;
}

static void put_how(struct row *row, struct json_object *death, size_t width)
{
	_cleanup_free_ char *whole = death_how(death), *brief = death_how_short(death);
	bool fits = !row->term->width || text_columns(whole) <= width;

	put_cell(row, how_style(death), fits ? whole : brief, width);
}

/* Who is no main process is marked; that nothing was done about it is no news then. */
static char *action_text(struct json_object *death, size_t room)
{
	_cleanup_free_ char *role = NULL, *words = NULL;
	const char *action = member_word(death, "action");
	size_t n;

	if (is_main(death))
		return death_action_short(death, room);
	role = member_text(death, "role");
	if (!*action || strcmp(action, "none") == 0)
		return must_printf("(%s)", role);
	n = text_columns(role) + strlen("() ");
	words = death_action_short(death, room > n ? room - n : 0);
	return must_printf("(%s) %s", role, words);
}

/* That it is given up is worth a line of its own, with the reason. */
static bool needs_line(struct json_object *death, size_t room)
{
	_cleanup_free_ char *words = death_action_words(death);

	return death_is_buried(death) && is_main(death) && text_columns(words) > room;
}

static void put_below(struct row *row, enum style style, const char *text)
{
	fprintf(row->out, "\n%*s", TIME_WIDTH + GAP, "");
	term_wrap(row->out, row->term, style, TIME_WIDTH + GAP, text);
}

static void put_wide(struct row *row, const struct layout *layout, struct json_object *death,
		     enum style action_style)
{
	_cleanup_free_ char *pid = member_text(death, "pid"), *action = NULL;
	_cleanup_free_ char *pid_cell = must_printf("%*s", PID_WIDTH, pid);
	_cleanup_free_ char *lived = member_duration(death, "lived_ns");
	size_t room;

	put_cell(row, plain_style(death), pid_cell, PID_WIDTH);
	put_how(row, death, layout->how);
	put_cell(row, plain_style(death), lived ? lived : "-", LIVED_WIDTH);
	room = row->term->width ? row->term->width - row->column - row->spaces : SIZE_MAX;
	if (needs_line(death, room)) {
		action = death_action_words(death);
		put_below(row, action_style, action);
		return;
	}
	action = action_text(death, room);
	put_cell(row, action_style, action, room);
	putc('\n', row->out);
}

/* Below: "pid 4711: respawned at once" */
static void put_narrow(struct row *row, const struct layout *layout, struct json_object *death,
		       enum style action_style)
{
	_cleanup_free_ char *pid = member_text(death, "pid"), *lead = must_printf("pid %s: ", pid);
	_cleanup_free_ char *action = NULL, *below = NULL;
	size_t taken = TIME_WIDTH + GAP + text_columns(lead);
	size_t room = row->term->width > taken ? row->term->width - taken : 0;

	put_how(row, death, layout->how);
	action = needs_line(death, room) ? death_action_words(death) : action_text(death, room);
	below = must_printf("%s%s", lead, action);
	put_below(row, action_style, below);
}

void death_line(FILE *out, const struct term *term, size_t *watch_width, struct json_object *death)
{
	_cleanup_free_ char *watch = watch_text(death);
	enum style action_style = is_main(death) ? death_action_style(death) : STYLE_DIM;
	struct row row = {.out = out, .term = term};
	struct layout layout;

	death_line_measure(term, watch_width, death);
	layout = layout_of(term, *watch_width);
	put_time(&row, death);
	put_cell(&row, plain_style(death), watch, layout.watch);
	if (layout.narrow)
		put_narrow(&row, &layout, death, action_style);
	else
		put_wide(&row, &layout, death, action_style);
}

/* "4711" of "4711:1234567". */
static char *pid_of_key(const char *key)
{
	size_t digits = strspn(key, "0123456789");

	return digits ? must_printf("%.*s", (int)(digits < 10 ? digits : 10), key)
		      : must_printf("-");
}

void death_outcome_line(FILE *out, const struct term *term, size_t *watch_width,
			struct json_object *outcome)
{
	_cleanup_free_ char *watch = watch_text(outcome), *words = NULL, *text = NULL;
	_cleanup_free_ char *pid = pid_of_key(member_word(outcome, OBIT_OUTCOME_OF));
	enum style style = death_action_style(outcome);
	struct row row = {.out = out, .term = term};
	struct layout layout;
	size_t room;

	death_line_measure(term, watch_width, outcome);
	layout = layout_of(term, *watch_width);
	put_time(&row, outcome);
	put_cell(&row, STYLE_PLAIN, watch, layout.watch);
	if (layout.narrow) {
		words = death_action_words(outcome);
		text = must_printf("pid %s: %s", pid, words);
		put_below(&row, style, text);
		return;
	}
	text = must_printf("%*s", PID_WIDTH, pid);
	put_cell(&row, STYLE_PLAIN, text, PID_WIDTH);
	room = term->width ? term->width - row.column - row.spaces : SIZE_MAX;
	words = death_action_short(outcome, room);
	put_cell(&row, style, words, room);
	putc('\n', out);
}

void death_gap(FILE *out, const struct term *term, uint64_t missing)
{
	_cleanup_free_ char *line = must_printf("--- %" PRIu64 " death%s dropped here: %s ---",
						missing, missing == 1 ? "" : "s",
						"there were more than could be taken");

	term_wrap(out, term, STYLE_DIM, 0, line);
}
