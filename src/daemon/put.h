/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Members of JSON objects, in one line each. NULL becomes null. */
#ifndef OBIT_DAEMON_PUT_H
#define OBIT_DAEMON_PUT_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/recipe.h"

static inline void put_string(struct json_object *object, const char *key, const char *value)
{
	json_object_object_add(object, key, value ? json_object_new_string(value) : NULL);
}

static inline void put_number(struct json_object *object, const char *key, uint64_t value)
{
	json_object_object_add(object, key, json_object_new_uint64(value));
}

static inline void put_bool(struct json_object *object, const char *key, bool value)
{
	json_object_object_add(object, key, json_object_new_boolean(value));
}

/* The strings of the first `limit` bytes. */
static inline struct json_object *strings_to_json(const struct strings *strings, size_t limit)
{
	struct json_object *array = json_object_new_array();
	size_t position = 0;
	const char *string;

	while (position < limit && (string = strings_next(strings, &position)))
		json_object_array_add(
			array, json_object_new_string_len(string, (int)strnlen(string, limit)));
	return array;
}

#endif
