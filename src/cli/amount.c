// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/amount.h"

#include <inttypes.h>

#include "cli/alloc.h"
#include "cli/value.h"

static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};

char *amount_of_bytes(uint64_t bytes)
{
	uint64_t unit = 1, tenths;
	size_t i = 0;

	for (; bytes / unit >= 1024; i++)
		unit *= 1024;
	tenths = bytes / unit * 10 + (bytes % unit * 10 + unit / 2) / unit;
	if (tenths % 10 == 0)
		return must_printf("%" PRIu64 " %s", tenths / 10, units[i]);
	return must_printf("%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10, units[i]);
}

char *member_amount(struct json_object *object, const char *key, uint64_t unit)
{
	uint64_t value;

	if (!member_span(object, key, &value) || value > UINT64_MAX / unit)
		return NULL;
	return amount_of_bytes(value * unit);
}
