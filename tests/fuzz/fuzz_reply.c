// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Any JSON as what obit(1) is answered, and as a history: whatever its shape, it is told, and no byte of it is one that a
 * terminal obeys. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/death.h"
#include "cli/pattern.h"
#include "cli/value.h"
#include "cli/views.h"

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

#define NOW_NS UINT64_C(1700000000000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void tell_deaths(FILE *out, const struct term *term, struct json_object *deaths)
{
	size_t width = 0;

	for (size_t i = 0; i < array_length(deaths); i++)
		death_line_measure(term, &width, array_item(deaths, i));
	death_headings(out, term, width);
	for (size_t i = 0; i < array_length(deaths); i++) {
		death_line(out, term, &width, array_item(deaths, i));
		death_tell(out, term, array_item(deaths, i), NOW_NS);
	}
	free(pattern_of(deaths));
}

static void tell(FILE *out, const struct term *term, struct json_object *value)
{
	list_print(out, term, value, NOW_NS);
	show_print(out, term, "web", value);
	stats_print(out, term, value);
	watchdog_print(out, term, value, NOW_NS);
	reload_print(out, term, value);
	tell_deaths(out, term, value);
	json_print(out, value, true);
}

/* ESC, BEL and the like, and C1 of UTF-8: 0xc2 0x80 to 0xc2 0x9f. */
static void check_text(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i], next = (unsigned char)text[i + 1];

		REQUIRE(c >= ' ' || c == '\n' || c == '\t');
		REQUIRE(c != 0x7f);
		REQUIRE(c != 0xc2 || next < 0x80 || next > 0x9f);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct term terms[] = {{0}, {.interactive = true, .width = 80}};
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *value;

	REQUIRE(tokener);
	value = json_tokener_parse_ex(tokener, (const char *)data, (int)size);
	json_tokener_free(tokener);
	if (!value)
		return 0;
	for (size_t i = 0; i < 2; i++) {
		char *text = NULL;
		size_t length;
		FILE *out = open_memstream(&text, &length);

		REQUIRE(out);
		tell(out, &terms[i], value);
		fclose(out);
		check_text(text, length);
		free(text);
	}
	json_object_put(value);
	return 0;
}
