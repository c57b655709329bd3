/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An obituary in words. Pure but for the FILE that is written to; strings are safe to print and
 * freed by the caller. */
#ifndef OBIT_CLI_DEATH_H
#define OBIT_CLI_DEATH_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/term.h"

/* In two or three words: "exit 1", "SIGSEGV core", "SIGKILL by kill(812)", "out of memory". */
char *death_how(struct json_object *death);

/* The same in less room: without pids and remarks. */
char *death_how_short(struct json_object *death);

/* For a cell: "out of memory, 12min ago", "exit 3, 5s ago"; NULL without an obituary. */
char *death_brief(struct json_object *death, uint64_t now_ns);

/* What was done about it, in words: the daemon's own, else ours, else the bare name, else "-". */
char *death_action_words(struct json_object *death);

/* The same in at most `columns` columns: as much of the daemon's words as makes sense, else ours.
 * Only where even they have no room, they end in an ellipsis. */
char *death_action_short(struct json_object *death, size_t columns);

/* What was done about it, as a sentence. */
char *death_action(struct json_object *death);

/* Whether it was given up. */
bool death_is_buried(struct json_object *death);

/* The colour of what was done about it. */
enum style death_action_style(struct json_object *death);

/* The story of one death for `obit why`: cause, action, evidence. */
void death_tell(FILE *out, const struct term *term, struct json_object *death, uint64_t now_ns);

/* Deaths one a line, for `obit tail`. *watch_width is that of the column of watches: start with 0; it
 * grows with the names seen, as far as the terminal has room for it. */

/* Makes room for the death's watch, before anything is printed. */
void death_line_measure(const struct term *term, size_t *watch_width, struct json_object *death);

/* The headings of the columns. */
void death_headings(FILE *out, const struct term *term, size_t watch_width);

/* One death on one line; on a terminal, what has no room in it goes below. */
void death_line(FILE *out, const struct term *term, size_t *watch_width, struct json_object *death);

/* One line for `obit tail` on what has become of a death that was told before. */
void death_outcome_line(FILE *out, const struct term *term, size_t *watch_width,
			struct json_object *outcome);

/* One line for `obit tail` where `missing` deaths were dropped from the stream. */
void death_gap(FILE *out, const struct term *term, uint64_t missing);

#endif
