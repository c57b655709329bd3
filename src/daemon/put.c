// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "daemon/put.h"

#include "base/clock.h"
#include "base/log.h"

#define LINE_NS NS_PER_SEC /* between two that say the same */

static void leave_out(struct json_object *value)
{
	static uint64_t told_ns;
	uint64_t now = clock_running_ns();

	json_object_put(value);
	if (told_ns && now - told_ns < LINE_NS)
		return;
	told_ns = now;
	log_error("out of memory while making JSON; what does not fit is left out");
}

void put_json(struct json_object *object, const char *key, struct json_object *value)
{
	if (!object || json_object_object_add(object, key, value) < 0)
		leave_out(value);
}

void append_json(struct json_object *array, struct json_object *value)
{
	if (!array || !value || json_object_array_add(array, value) < 0)
		leave_out(value);
}

void put_made(struct json_object *object, const char *key, struct json_object *value)
{
	if (!value)
		leave_out(NULL);
	put_json(object, key, value);
}
