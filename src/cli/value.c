// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/value.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cli/alloc.h"

struct json_object *member(struct json_object *object, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) ? value : NULL;
}

static struct json_object *member_of_type(struct json_object *object, const char *key,
					  enum json_type type)
{
	struct json_object *value = member(object, key);

	return json_object_is_type(value, type) ? value : NULL;
}

struct json_object *member_object(struct json_object *object, const char *key)
{
	return member_of_type(object, key, json_type_object);
}

struct json_object *member_array(struct json_object *object, const char *key)
{
	return member_of_type(object, key, json_type_array);
}

size_t array_length(struct json_object *array)
{
	return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

struct json_object *array_item(struct json_object *array, size_t i)
{
	return i < array_length(array) ? json_object_array_get_idx(array, i) : NULL;
}

const char *member_word(struct json_object *object, const char *key)
{
	struct json_object *value = member_of_type(object, key, json_type_string);

	return value ? json_object_get_string(value) : "";
}

bool member_int(struct json_object *object, const char *key, int64_t *ret)
{
	struct json_object *value = member_of_type(object, key, json_type_int);

	if (!value)
		return false;
	*ret = json_object_get_int64(value);
	return true;
}

bool member_span(struct json_object *object, const char *key, uint64_t *ret)
{
	int64_t value;

	if (!member_int(object, key, &value) || value < 0)
		return false;
	*ret = (uint64_t)value;
	return true;
}

bool member_true(struct json_object *object, const char *key)
{
	struct json_object *value = member_of_type(object, key, json_type_boolean);

	return value && json_object_get_boolean(value);
}

static char *printable(const char *text, size_t length)
{
	size_t size = 4 * length + 1;
	char *copy = must_realloc(NULL, size, 1);

	text_printable(copy, size, text, length);
	return copy;
}

char *value_text(struct json_object *value)
{
	const char *text;

	switch (json_object_get_type(value)) {
	case json_type_string:
		if (json_object_get_string_len(value) == 0)
			return NULL;
		return printable(json_object_get_string(value),
				 (size_t)json_object_get_string_len(value));
	case json_type_boolean:
	case json_type_double:
	case json_type_int:
		text = json_object_to_json_string(value);
		return text ? must_printf("%s", text) : NULL;
	case json_type_null:
	case json_type_object:
	case json_type_array:
		break;
	}
	return NULL;
}

char *member_text(struct json_object *object, const char *key)
{
	char *text = value_text(member(object, key));

	return text ? text : must_printf("-");
}

static bool is_plain(const char *word, size_t length)
{
	static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				   "0123456789_@%+=:,./-";

	return length > 0 && strspn(word, safe) == length;
}

static bool has_control(const char *word, size_t length)
{
	_cleanup_free_ char *safe = printable(word, length);

	return strlen(safe) != length;
}

/* $'...': the only quotes in which a control character can be written down. */
static char *quote_ansi(const char *word, size_t length)
{
	_cleanup_free_ char *body = must_realloc(NULL, length, 4 + 1);
	size_t n = 0;

	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)word[i];

		if (c < 0x20 || c >= 0x7f)
			n += (size_t)sprintf(body + n, "\\x%02x", c);
		else if (c == '\'' || c == '\\')
			n += (size_t)sprintf(body + n, "\\%c", c);
		else
			body[n++] = (char)c;
	}
	return must_printf("$'%.*s'", (int)n, body);
}

char *shell_quote(const char *word, size_t length)
{
	char *quoted, *end;

	if (is_plain(word, length))
		return must_printf("%.*s", (int)length, word);
	if (has_control(word, length))
		return quote_ansi(word, length);
	quoted = must_realloc(NULL, length + 1, 4);
	end = quoted;
	*end++ = '\'';
	for (size_t i = 0; i < length; i++) {
		if (word[i] == '\'')
			end = stpcpy(end, "'\\''");
		else
			*end++ = word[i];
	}
	stpcpy(end, "'");
	return quoted;
}

typedef char *(*item_text)(struct json_object *item);

static char *join(struct json_object *array, const char *separator, item_text text_of)
{
	_cleanup_free_ char *joined = NULL;
	size_t size = 0;
	FILE *out;

	if (array_length(array) == 0)
		return NULL;
	out = open_memstream(&joined, &size);
	if (!out)
		return NULL;
	for (size_t i = 0; i < array_length(array); i++) {
		_cleanup_free_ char *item = text_of(array_item(array, i));

		fprintf(out, "%s%s", i ? separator : "", item ? item : "-");
	}
	fclose(out);
	return TAKE_PTR(joined);
}

static char *quoted_text(struct json_object *item)
{
	if (!json_object_is_type(item, json_type_string))
		return value_text(item);
	return shell_quote(json_object_get_string(item), (size_t)json_object_get_string_len(item));
}

char *value_command_line(struct json_object *argv)
{
	return join(argv, " ", quoted_text);
}

char *value_joined(struct json_object *value, const char *separator)
{
	if (json_object_is_type(value, json_type_array))
		return join(value, separator, value_text);
	return value_text(value);
}

void json_print(FILE *out, struct json_object *value, bool indented)
{
	int flags = JSON_C_TO_STRING_NOSLASHESCAPE;

	flags |= indented ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED
			  : JSON_C_TO_STRING_PLAIN;
	text_print_json(out, json_object_to_json_string_ext(value, flags));
}
