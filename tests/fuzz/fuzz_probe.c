// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Any text as a probe's target, and any bytes as an HTTP answer: whole, and as they would come in pieces. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/probe_target.h"

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_target(enum probe_type type, const char *text)
{
	struct probe_target target = {0};
	const char *expected = NULL, *line;
	char request[PROBE_REQUEST_SIZE];
	size_t length;

	if (probe_parse_target(type, text, &target, &expected) < 0) {
		REQUIRE(expected && *expected);
		return;
	}
	REQUIRE(type == PROBE_UNIX || target.port);
	if (type != PROBE_HTTP)
		return;
	length = probe_http_request(&target, request);
	REQUIRE(length < sizeof(request) && length == strlen(request));
	/* No line of it is the target's. */
	line = strstr(request, "\r\n");
	REQUIRE(line && !strncmp(line, "\r\nHost: ", 8));
	line = strstr(line + 2, "\r\n");
	REQUIRE(line && !strncmp(line, "\r\nUser-Agent: obit\r\n", 20));
}

/* More of an answer never changes a verdict that is there. */
static void check_answer(const char *answer, size_t size, const char *expect)
{
	enum probe_verdict before = PROBE_UNDECIDED, now;
	char words[PROBE_WORDS_SIZE];
	size_t step = size / 64 + 1;

	size = size < PROBE_ANSWER_MAX ? size : PROBE_ANSWER_MAX;
	for (size_t length = 0; length <= size; length += step) {
		_cleanup_free_ char *copy = malloc(length + !length);

		REQUIRE(copy);
		memcpy(copy, answer, length);
		words[0] = '\0';
		now = probe_http_judge(copy, length, false, expect, words);
		REQUIRE((now == PROBE_BAD) == (*words != '\0'));
		REQUIRE(strlen(words) < sizeof(words));
		REQUIRE(before == PROBE_UNDECIDED || now == before);
		before = now;
	}
	words[0] = '\0';
	now = probe_http_judge(answer, size, true, expect, words);
	REQUIRE(now != PROBE_UNDECIDED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = strndup((const char *)data, size);

	REQUIRE(text);
	check_target(PROBE_TCP, text);
	check_target(PROBE_HTTP, text);
	check_target(PROBE_UNIX, text);
	check_answer((const char *)data, size, NULL);
	check_answer((const char *)data, size, "ok");
	return 0;
}
