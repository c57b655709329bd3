/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For the tests of src/cli: cmocka, and what a function prints as a string. */
#ifndef OBIT_TEST_CLI_CAPTURE_H
#define OBIT_TEST_CLI_CAPTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/term.h"

static const struct term pipe_term = {0};
static const struct term narrow_term = {.interactive = true, .width = 80};
static const struct term color_term = {.interactive = true, .color = true, .width = 80};

/* Runs the statement with `out` open and leaves what it wrote in `text`, to be freed. */
#define CAPTURE(text, statement)                                                                   \
	do {                                                                                       \
		size_t capture_size_;                                                              \
		FILE *out = open_memstream(&(text), &capture_size_);                               \
		assert_non_null(out);                                                              \
		statement;                                                                         \
		fclose(out);                                                                       \
	} while (0)

static inline struct json_object *parse(const char *text)
{
	struct json_object *object = json_tokener_parse(text);

	assert_non_null(object);
	return object;
}

/* Compares and frees a string that a function returned. */
static inline void assert_text(char *text, const char *expected)
{
	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

static inline void assert_contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in:\n%s", part, text);
}

static inline void assert_lacks(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("\"%s\" is in:\n%s", part, text);
}

#endif
