/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the commands print for people, apart from where the data comes from. The data is the
 * daemon's and not trusted: what is missing is "-" or left out. */
#ifndef OBIT_CLI_VIEWS_H
#define OBIT_CLI_VIEWS_H

#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/term.h"

/* `obit ls`: the table of watches. */
void list_print(FILE *out, const struct term *term, struct json_object *watches, uint64_t now_ns);

/* `obit show`: one watch with its recipes. `name` is what was asked for. */
void show_print(FILE *out, const struct term *term, const char *name, struct json_object *data);

/* `obit stats`: counters by group, the losses first. */
void stats_print(FILE *out, const struct term *term, struct json_object *stats);

/* `obit watchdog`: the devices, how it stands, the last reset. */
void watchdog_print(FILE *out, const struct term *term, struct json_object *data, uint64_t now_ns);

/* `obit reload`: what has changed. */
void reload_print(FILE *out, const struct term *term, struct json_object *data);

#endif
