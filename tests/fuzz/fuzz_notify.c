// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Any bytes as a datagram of sd_notify(3). */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "core/notify.h"

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct notify_message message;
	char *copy = malloc(size); /* of just that size: no byte beyond may be read */
	int r;

	REQUIRE(copy || !size);
	if (size)
		memcpy(copy, data, size);
	r = notify_parse(copy, size, &message);
	REQUIRE((r == 0) == (size && size <= NOTIFY_MAX && !memchr(copy, '\0', size)));
	if (r == 0) {
		REQUIRE(memchr(message.status, '\0', sizeof(message.status)));
		REQUIRE(message.has_status || !*message.status);
		for (const char *c = message.status; *c; c++)
			REQUIRE((unsigned char)*c >= ' ' && *c != 0x7f);
		REQUIRE(message.error >= 0 && message.error <= 4095);
		REQUIRE(message.has_period || !message.period_ns);
		/* Sums with the time of day do not wrap. */
		REQUIRE(message.period_ns <= UINT64_MAX / 4 && message.extend_ns <= UINT64_MAX / 4);
	}
	free(copy);
	return 0;
}
