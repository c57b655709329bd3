// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/term.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/alloc.h"

#define USUAL_WIDTH   80
#define NARROWEST     40 /* below this, wrapping does more harm than good */
#define NARROW_COLUMN 20
#define ELLIPSIS      "\xe2\x80\xa6" /* one character */

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

struct range {
	uint32_t first, last;
};

/* The blocks of Unicode whose characters take two columns on a terminal; roughly, as terminals
 * differ among themselves. */
static const struct range wide[] = {
	{0x1100, 0x115f},   {0x231a, 0x231b},	{0x2e80, 0x303e},   {0x3041, 0xa4cf},
	{0xa960, 0xa97f},   {0xac00, 0xd7a3},	{0xf900, 0xfaff},   {0xfe30, 0xfe6f},
	{0xff00, 0xff60},   {0xffe0, 0xffe6},	{0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff},
	{0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
};

static const struct range combining[] = {
	{0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x064b, 0x065f}, {0x1ab0, 0x1aff},
	{0x1dc0, 0x1dff}, {0x200b, 0x200d}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
};

static bool is_in(const struct range *ranges, size_t n, uint32_t character)
{
	for (size_t i = 0; i < n; i++)
		if (character >= ranges[i].first && character <= ranges[i].last)
			return true;
	return false;
}

/* The character at the text's start, which is valid UTF-8 (as value_text() gives it), and its
 * length in bytes. */
static uint32_t character_at(const char *text, size_t *ret_length)
{
	unsigned char first = (unsigned char)*text;
	uint32_t character = first < 0x80 ? first
					  : first & (first < 0xe0   ? 0x1f
						     : first < 0xf0 ? 0x0f
								    : 0x07);
	size_t n = 1;

	for (; ((unsigned char)text[n] & 0xc0) == 0x80; n++)
		character = character << 6 | ((unsigned char)text[n] & 0x3f);
	*ret_length = n;
	return character;
}

static size_t character_columns(uint32_t character)
{
	if (is_in(combining, ARRAY_SIZE(combining), character))
		return 0;
	return is_in(wide, ARRAY_SIZE(wide), character) ? 2 : 1;
}

size_t text_columns(const char *text)
{
	size_t columns = 0, length;

	for (; *text; text += length)
		columns += character_columns(character_at(text, &length));
	return columns;
}

size_t text_cut(const char *text, size_t columns)
{
	size_t i = 0, length;

	for (; text[i]; i += length) {
		size_t n = character_columns(character_at(text + i, &length));

		if (n > columns)
			break;
		columns -= n;
	}
	return i;
}

char *text_fitted(const char *text, size_t columns)
{
	if (text_columns(text) <= columns)
		return must_printf("%s", text);
	return must_printf("%.*s" ELLIPSIS, (int)text_cut(text, columns ? columns - 1 : 0), text);
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
