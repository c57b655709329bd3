/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reading the daemon's data without trusting its shape. Every function accepts NULL, a value that
 * is no object, and a member that is missing, null or of another type. */
#ifndef OBIT_CLI_VALUE_H
#define OBIT_CLI_VALUE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

static inline void json_object_putp(struct json_object **p)
{
	json_object_put(*p);
}
#define _cleanup_json_ _cleanup_(json_object_putp)

/* The member, borrowed; NULL where it is missing or null. */
struct json_object *member(struct json_object *object, const char *key);

/* The member where it is an object, else NULL. */
struct json_object *member_object(struct json_object *object, const char *key);

/* The member where it is an array, else NULL. */
struct json_object *member_array(struct json_object *object, const char *key);

/* The elements of a value; 0 for anything but an array. */
size_t array_length(struct json_object *array);

/* One element, borrowed; NULL where there is none. (json-c itself aborts on anything but an array.) */
struct json_object *array_item(struct json_object *array, size_t i);

/* The member where it is a string, borrowed and as the daemon wrote it (to compare, not to
 * print); else "". */
const char *member_word(struct json_object *object, const char *key);

/* Whether the member is an integer; then *ret is its value. */
bool member_int(struct json_object *object, const char *key, int64_t *ret);

/* Whether the member is an integer that is not negative; then *ret is its value. */
bool member_span(struct json_object *object, const char *key, uint64_t *ret);

/* Whether the member is the value true. */
bool member_true(struct json_object *object, const char *key);

/* A string or scalar as text that is safe to print; NULL for null, an array or an object, and for
 * an empty string. Freed by the caller. */
char *value_text(struct json_object *value);

/* value_text() of the member, or "-" where there is none. Freed by the caller, never NULL. */
char *member_text(struct json_object *object, const char *key);

/* The words of an array of strings, quoted so that a shell reads the same words, with spaces
 * between; NULL where it is empty or no array. Freed by the caller. */
char *value_command_line(struct json_object *argv);

/* The items of an array with `separator` between, or value_text() of a value that is no array;
 * NULL where there is nothing. Freed by the caller. */
char *value_joined(struct json_object *value, const char *separator);

/* One word for a shell: as it stands where that is safe, else '...', or $'...' where it holds
 * control characters. Freed by the caller. */
char *shell_quote(const char *word, size_t length);

/* Writes a value as JSON and a newline: indented, or on one line. Control characters that a
 * terminal obeys are written as \u00NN, which means the same to a JSON reader. */
void json_print(FILE *out, struct json_object *value, bool indented);

#endif
