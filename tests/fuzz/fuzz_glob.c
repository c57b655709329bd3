// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Any pattern against any text; a newline stands between the two. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/glob.h"

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A pattern in front of which everything may stand matches wherever the pattern itself does. */
static void check_widened(const char *pattern, const char *text)
{
	_cleanup_free_ char *wide = malloc(strlen(pattern) + 3);

	REQUIRE(wide);
	stpcpy(stpcpy(wide, "**"), pattern);
	REQUIRE(strlen(wide) > GLOB_PATTERN_MAX || glob_match(wide, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *copy = strndup((const char *)data, size);
	char *pattern = copy, *text = strchr(copy, '\n');
	size_t prefix;
	bool match;

	if (text)
		*text++ = '\0';
	else
		text = pattern;
	prefix = glob_literal_prefix(pattern);
	match = glob_match(pattern, text);
	REQUIRE(!match || strncmp(pattern, text, prefix) == 0);
	if (!glob_is_pattern(pattern) && strlen(pattern) <= GLOB_PATTERN_MAX)
		REQUIRE(match == (strcmp(pattern, text) == 0) && glob_check(pattern) == 0);
	if (match && *pattern != '*' && *pattern != '/')
		check_widened(pattern, text);
	return 0;
}
