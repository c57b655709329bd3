/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What standard output can show: colours and a width, or neither. */
#ifndef OBIT_CLI_TERM_H
#define OBIT_CLI_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum style {
	STYLE_PLAIN,
	STYLE_BOLD,
	STYLE_DIM,
	STYLE_GREEN,
	STYLE_YELLOW,
	STYLE_RED,
	_STYLE_MAX,
};

struct term {
	bool interactive; /* a terminal: headings and wrapping are for people */
	bool color;
	size_t width; /* columns; 0: unlimited, nothing is cut or wrapped */
};

/* Looks at standard output. Colours are off without a terminal, under NO_COLOR, TERM=dumb or
 * `no_color`. */
void term_detect(bool no_color, struct term *ret);

/* The colour of a state's name ("up", "buried", ...); plain for a word that is none. */
enum style state_style(const char *state);

/* Writes the text in the style where the terminal has colours. */
void term_print(FILE *out, const struct term *term, enum style style, const char *text);

/* The columns that UTF-8 text takes: two for a wide character (as those of East Asia, emoji), none
 * for one that combines with the one before. */
size_t text_columns(const char *text);

/* The bytes of the start of the text that fits in so many columns. */
size_t text_cut(const char *text, size_t columns);

/* The text where it fits in so many columns, else its start and an ellipsis. Freed by the caller. */
char *text_fitted(const char *text, size_t columns);

/* Writes text that starts at column `indent` and breaks it between words where the terminal ends;
 * the next lines begin at `indent`, too. Ends with a newline. */
void term_wrap(FILE *out, const struct term *term, enum style style, size_t indent,
	       const char *text);

#endif
