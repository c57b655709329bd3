// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* An obituary as fields of the system's log: OBIT_ and the name that it has in JSON, in upper case. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "daemon/daemon.h"

#define NAME_SIZE  72	/* journald takes 64 bytes */
#define VALUE_SIZE 4096 /* printable bytes of one field; what is beyond is cut off */

static char upper(char c)
{
	if (c >= 'a' && c <= 'z')
		return (char)(c - 'a' + 'A');
	return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
}

/* Adds a field where there is room for it; nothing that is empty. */
static void add(struct journal_fields *fields, const char *prefix, const char *name,
		const char *value, size_t length)
{
	struct journal_field *field = &fields->items[fields->count];
	char *at = fields->text + fields->used;

	if (!length || fields->count + 1 == JOURNAL_MAX_FIELDS ||
	    fields->used + NAME_SIZE + VALUE_SIZE > sizeof(fields->text))
		return;
	field->name = at;
	snprintf(at, NAME_SIZE, "OBIT_%s%s%s", prefix, *prefix ? "_" : "", name);
	for (; *at; at++)
		*at = upper(*at);
	field->value = ++at;
	at += text_printable(at, VALUE_SIZE, value, length) + 1;
	fields->used = (size_t)(at - fields->text);
	fields->count++;
}

/* The words with spaces between. */
static void add_words(struct journal_fields *fields, const char *name, struct json_object *words)
{
	char joined[VALUE_SIZE];
	size_t used = 0;

	for (size_t i = 0; i < json_object_array_length(words) && used < sizeof(joined); i++)
		used += (size_t)snprintf(
			joined + used, sizeof(joined) - used, "%s%s", i ? " " : "",
			json_object_get_string(json_object_array_get_idx(words, i)));
	add(fields, "", name, joined, strnlen(joined, used));
}

static void add_scalar(struct journal_fields *fields, const char *prefix, const char *name,
		       struct json_object *value)
{
	const char *text = json_object_get_string(value);

	if (text)
		add(fields, prefix, name, text, strlen(text));
}

void journal_fields_of(struct json_object *obituary, struct journal_fields *ret)
{
	ret->used = ret->count = 0;
	json_object_object_foreach (obituary, key, value) {
		if (json_object_is_type(value, json_type_object)) {
			json_object_object_foreach (value, inner, part)
				add_scalar(ret, key, inner, part);
		} else if (json_object_is_type(value, json_type_array)) {
			add_words(ret, strcmp(key, "argv") ? key : "cmdline", value);
		} else {
			add_scalar(ret, "", key, value);
		}
	}
}
