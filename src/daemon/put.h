/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Members of JSON objects, in one line each. NULL becomes null. The library aborts on an object that could not be
 * made; here it stays away, as what was to be in it, and the log says so. */
#ifndef OBIT_DAEMON_PUT_H
#define OBIT_DAEMON_PUT_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "core/recipe.h"

static inline void json_object_putp(struct json_object **p)
{
	json_object_put(*p);
}
#define _cleanup_json_ _cleanup_(json_object_putp)

/* Both take the value over, whatever becomes of it. An array has no nulls: one could not be made. */
void put_json(struct json_object *object, const char *key, struct json_object *value);
void append_json(struct json_object *array, struct json_object *value);

/* The same for a value that is NULL only where it could not be made. */
void put_made(struct json_object *object, const char *key, struct json_object *value);

/* Of an array that may not be there, none. */
static inline size_t json_count(struct json_object *array)
{
	return array ? json_object_array_length(array) : 0;
}

/* JSON is UTF-8, and what a process calls itself may be anything. */
static inline struct json_object *text_to_json(const char *text, size_t length)
{
	_cleanup_free_ char *valid = malloc(TEXT_UTF8_SIZE(length));

	return valid ? json_object_new_string_len(valid, (int)text_utf8(valid, text, length))
		     : NULL;
}

static inline void put_string(struct json_object *object, const char *key, const char *value)
{
	if (value)
		put_made(object, key, text_to_json(value, strlen(value)));
	else
		put_json(object, key, NULL);
}

static inline void put_number(struct json_object *object, const char *key, uint64_t value)
{
	put_made(object, key, json_object_new_uint64(value));
}

static inline void put_bool(struct json_object *object, const char *key, bool value)
{
	put_made(object, key, json_object_new_boolean(value));
}

/* The strings of the first `limit` bytes. */
static inline struct json_object *strings_to_json(const struct strings *strings, size_t limit)
{
	struct json_object *array = json_object_new_array();
	size_t position = 0;
	const char *string;

	while (position < limit && (string = strings_next(strings, &position)))
		append_json(array, text_to_json(string, strnlen(string, limit)));
	return array;
}

#endif
