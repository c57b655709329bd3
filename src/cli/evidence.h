/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The details of an obituary, as aligned "key: value" lines. */
#ifndef OBIT_CLI_EVIDENCE_H
#define OBIT_CLI_EVIDENCE_H

#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/term.h"

#define FACT_COLUMN 18 /* where the values stand */

/* Writes "  key:    value", the value wrapped; writes nothing where it is NULL. Takes ownership of
 * `value`. */
void fact_print(FILE *out, const struct term *term, const char *key, char *value);

/* All that is known of a death; what is not is left out. */
void evidence_print(FILE *out, const struct term *term, struct json_object *death, uint64_t now_ns);

#endif
