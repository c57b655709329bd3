// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Any bytes as a history: what is read are its whole lines, and no others. The first two bytes choose the longest
 * line and where reading begins. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/lines.h"

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct expected {
	const char *at, *end; /* what is not read yet */
	size_t longest, skipped;
	size_t taken, most; /* lines; most 0: all */
};

/* The next line that is to be read; moves behind it. NULL: none. */
static const char *next(struct expected *expected, size_t *ret_length)
{
	const char *newline;

	while ((newline = memchr(expected->at, '\n', (size_t)(expected->end - expected->at)))) {
		const char *line = expected->at;
		size_t length = (size_t)(newline - line);

		expected->at = newline + 1;
		if (length <= expected->longest && !memchr(line, '\0', length)) {
			*ret_length = length;
			return line;
		}
		expected->skipped++;
	}
	/* One that is too long already is counted before its end is seen. */
	expected->skipped += (size_t)(expected->end - expected->at) > expected->longest;
	return NULL;
}

static bool compare(void *arg, const char *line, size_t length)
{
	struct expected *expected = arg;
	size_t expected_length = 0;
	const char *expected_line = next(expected, &expected_length);

	REQUIRE(expected_line && length == expected_length);
	REQUIRE(!memcmp(line, expected_line, length));
	return ++expected->taken != expected->most;
}

/* Reading from there begins with the first line that begins there or later. */
static const char *first_line(const char *bytes, size_t length, size_t offset)
{
	const char *newline;

	if (!offset)
		return bytes;
	if (offset > length)
		return bytes + length;
	newline = memchr(bytes + offset - 1, '\n', length - offset + 1);
	return newline ? newline + 1 : bytes + length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	const char *bytes = (const char *)data + 2;
	struct expected expected;
	size_t length, skipped = 0, rest;
	uint64_t offset;

	if (size < 3)
		return 0;
	if (fd < 0)
		fd = memfd_create("lines", MFD_CLOEXEC);
	length = size - 2;
	REQUIRE(ftruncate(fd, 0) == 0 && pwrite(fd, bytes, length, 0) == (ssize_t)length);
	offset = data[1] / 2 < 64 ? 0 : data[1];
	expected = (struct expected){
		.at = first_line(bytes, length, offset),
		.end = bytes + length,
		.longest = data[0] % 32U,
		.most = data[1] % 2 ? 3 : 0,
	};
	REQUIRE(lines_read(fd, offset, expected.longest, compare, &expected, &skipped) == 0);
	if (expected.most && expected.taken == expected.most)
		return 0;
	REQUIRE(!next(&expected, &rest));
	REQUIRE(skipped == expected.skipped);
	return 0;
}
