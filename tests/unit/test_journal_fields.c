// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/daemon.h"

static struct journal_fields fields;

/* "NAME=value" lines of an obituary. */
static void assert_fields(const char *json, const char *expected)
{
	struct json_object *obituary = json_tokener_parse(json);
	char lines[8192] = "";
	size_t used = 0;

	assert_non_null(obituary);
	journal_fields_of(obituary, &fields);
	json_object_put(obituary);
	for (size_t i = 0; i < fields.count; i++)
		used += (size_t)snprintf(lines + used, sizeof(lines) - used, "%s=%s\n",
					 fields.items[i].name, fields.items[i].value);
	assert_string_equal(lines, expected);
}

static void names_and_values(void **state)
{
	static const struct {
		const char *json, *expected;
	} cases[] = {
		{"{}", ""},
		{"{\"watch\":\"web\",\"pid\":4711,\"oom\":false,\"lived_ns\":18446744073709551615}",
		 "OBIT_WATCH=web\nOBIT_PID=4711\nOBIT_OOM=false\n"
		 "OBIT_LIVED_NS=18446744073709551615\n"},
		{"{\"signal\":null,\"path\":\"\",\"how\":\"killed\"}", "OBIT_HOW=killed\n"},
		{"{\"killer\":{\"pid\":1,\"comm\":\"bash\",\"path\":null,\"uid\":0},"
		 "\"asked_by\":null,\"core\":{\"handler\":\"/x\"}}",
		 "OBIT_KILLER_PID=1\nOBIT_KILLER_COMM=bash\nOBIT_KILLER_UID=0\n"
		 "OBIT_CORE_HANDLER=/x\n"},
		{"{\"argv\":[\"nginx\",\"-g\",\"daemon off;\"],\"comm\":\"nginx\"}",
		 "OBIT_CMDLINE=nginx -g daemon off;\nOBIT_COMM=nginx\n"},
		{"{\"argv\":[],\"other\":[\"a\",\"b\"]}", "OBIT_OTHER=a b\n"},
		{"{\"odd-name=\\n\":1}", "OBIT_ODD_NAME__=1\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_fields(cases[i].json, cases[i].expected);
}

/* What a process calls itself must not look like something else in a log. */
static void foreign_text_is_escaped(void **state)
{
	(void)state;
	assert_fields("{\"comm\":\"a\\nOBIT_WATCH=db\\u001b[31m\",\"argv\":[\"a\\tb\","
		      "\"\\u202e\303\266\"]}",
		      "OBIT_COMM=a\\x0aOBIT_WATCH=db\\x1b[31m\n"
		      "OBIT_CMDLINE=a\\x09b \\xe2\\x80\\xae\303\266\n");
}

static void long_values_are_cut(void **state)
{
	struct json_object *obituary = json_object_new_object();
	struct json_object *argv = json_object_new_array();
	static char text[10000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	json_object_object_add(obituary, "path", json_object_new_string(text));
	json_object_object_add(obituary, "pid", json_object_new_int(7));
	for (int i = 0; i < 3; i++)
		json_object_array_add(argv, json_object_new_string(text));
	json_object_object_add(obituary, "argv", argv);
	journal_fields_of(obituary, &fields);
	json_object_put(obituary);
	assert_int_equal(fields.count, 3);
	assert_int_equal(strlen(fields.items[0].value), 4095);
	assert_string_equal(fields.items[1].value, "7");
	assert_int_equal(strlen(fields.items[2].value), 4095);
}

/* However much there is: no more than there is room for, and room for one more field is left. */
static void many_fields_are_cut(void **state)
{
	static char text[4096];

	(void)state;
	for (size_t length = 1; length < sizeof(text); length *= 4) {
		struct json_object *obituary = json_object_new_object();

		memset(text, 'x', length);
		text[length] = '\0';
		for (int i = 0; i < 200; i++) {
			char name[16];

			snprintf(name, sizeof(name), "f%d", i);
			json_object_object_add(obituary, name, json_object_new_string(text));
		}
		journal_fields_of(obituary, &fields);
		json_object_put(obituary);
		assert_in_range(fields.count, 10, JOURNAL_MAX_FIELDS - 1);
		assert_in_range(fields.used, 1, sizeof(fields.text));
		for (size_t i = 0; i < fields.count; i++)
			assert_int_equal(strlen(fields.items[i].value), length);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_values),
		cmocka_unit_test(foreign_text_is_escaped),
		cmocka_unit_test(long_values_are_cut),
		cmocka_unit_test(many_fields_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
