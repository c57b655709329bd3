/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An obituary in words. Pure but for the FILE that is written to; strings are safe to print and
 * freed by the caller. */
#ifndef OBIT_CLI_DEATH_H
#define OBIT_CLI_DEATH_H

#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/term.h"

/* "killed by SIGKILL", "exited 3", "SIGSEGV, core dumped", "killed, out of memory". */
char *death_how(struct json_object *death);

/* For a cell: "SIGKILL (oom), 12min ago", "exit 3, 5s ago"; NULL without an obituary. */
char *death_brief(struct json_object *death, uint64_t now_ns);

/* Line one of `obit why`: "nginx (pid 4711) was killed by SIGKILL after 3min 12s." */
char *death_cause(struct json_object *death);

/* What was done about it, as a sentence. */
char *death_action(struct json_object *death);

/* The colour of what was done about it. */
enum style death_action_style(struct json_object *death);

/* The story of one death for `obit why`: cause, action, evidence. */
void death_tell(FILE *out, const struct term *term, struct json_object *death, uint64_t now_ns);

/* The headings of `obit tail`. */
void death_headings(FILE *out, const struct term *term);

/* One death on one line for `obit tail`; on a narrow terminal a long action goes below.
 * *watch_width grows with the names seen, so that columns line up; start with 0. */
void death_line(FILE *out, const struct term *term, size_t *watch_width, struct json_object *death);

/* One line for `obit tail` where `missing` deaths were dropped from the stream. */
void death_gap(FILE *out, const struct term *term, uint64_t missing);

#endif
