// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/term.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"

#define USUAL_WIDTH   80
#define NARROWEST     40 /* below this, wrapping does more harm than good */
#define NARROW_COLUMN 20

static const char *const style_codes[] = {
	[STYLE_PLAIN] = "",	    [STYLE_BOLD] = "\033[1m",	 [STYLE_DIM] = "\033[2m",
	[STYLE_GREEN] = "\033[32m", [STYLE_YELLOW] = "\033[33m", [STYLE_RED] = "\033[1;31m",
};
static_assert(ARRAY_SIZE(style_codes) == _STYLE_MAX, "one code per style");

static const struct {
	const char *state;
	enum style style;
} state_styles[] = {
	{"up", STYLE_GREEN},   {"waiting", STYLE_YELLOW}, {"stopping", STYLE_YELLOW},
	{"buried", STYLE_RED}, {"down", STYLE_DIM},	  {"ended", STYLE_DIM},
	{"absent", STYLE_DIM},
};

static bool environment_forbids_color(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return (no_color && *no_color) || !term || strcmp(term, "dumb") == 0;
}

static size_t terminal_width(void)
{
	struct winsize size = {0};

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return USUAL_WIDTH;
	return size.ws_col < NARROWEST ? NARROWEST : size.ws_col;
}

void term_detect(bool no_color, struct term *ret)
{
	bool tty = isatty(STDOUT_FILENO);

	*ret = (struct term){
		.interactive = tty,
		.color = tty && !no_color && !environment_forbids_color(),
		.width = tty ? terminal_width() : 0,
	};
}

enum style state_style(const char *state)
{
	for (size_t i = 0; i < ARRAY_SIZE(state_styles); i++)
		if (strcmp(state, state_styles[i].state) == 0)
			return state_styles[i].style;
	return STYLE_PLAIN;
}

void term_print(FILE *out, const struct term *term, enum style style, const char *text)
{
	if (term->color && style != STYLE_PLAIN)
		fprintf(out, "%s%s\033[0m", style_codes[style], text);
	else
		fputs(text, out);
}

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

size_t text_columns(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += !is_continuation(*text);
	return n;
}

size_t text_cut(const char *text, size_t columns)
{
	size_t i = 0;

	for (; text[i]; i++)
		if (!is_continuation(text[i]) && columns-- == 0)
			break;
	return i;
}

/* The bytes that go on a line of `room` columns: up to the last space that fits, or all of a word
 * that is longer than the line. */
static size_t line_bytes(const char *text, size_t room)
{
	size_t fits = text_cut(text, room), end = fits;

	if (text[fits] == '\0')
		return fits;
	while (end > 0 && text[end] != ' ')
		end--;
	return end > 0 ? end : fits + strcspn(text + fits, " ");
}

void term_wrap(FILE *out, const struct term *term, enum style style, size_t indent,
	       const char *text)
{
	size_t room = term->width > indent + NARROW_COLUMN ? term->width - indent : NARROW_COLUMN;

	for (;;) {
		size_t n = term->width ? line_bytes(text, room) : strlen(text);
		_cleanup_free_ char *line = strndup(text, n);

		term_print(out, term, style, line ? line : "");
		putc('\n', out);
		text += n;
		text += strspn(text, " ");
		if (!*text)
			return;
		fprintf(out, "%*s", (int)indent, "");
	}
}
