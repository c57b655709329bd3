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
#include "daemon/put.h"

static const struct obit_key key = {.tgid = 4711, .start_boottime = 1000};

static struct json_object *parsed(const struct obit_exit *exit)
{
	char line[UNWATCHED_LINE_SIZE];
	size_t length = render_unwatched(&key, exit, line);

	assert_int_equal(strlen(line), length);
	return json_tokener_parse(line);
}

static const char *member(struct json_object *object, const char *name)
{
	struct json_object *value;

	assert_true(json_object_object_get_ex(object, name, &value));
	return value ? json_object_get_string(value) : "null";
}

static void assert_same_names(struct json_object *left, struct json_object *right)
{
	assert_int_equal(json_object_object_length(left), json_object_object_length(right));
	json_object_object_foreach (left, name, value) {
		struct json_object *other;

		(void)value;
		if (!json_object_object_get_ex(right, name, &other))
			fail_msg("only one of them has \"%s\"", name);
	}
}

static void it_has_the_names_of_every_obituary(void **state)
{
	static const uint32_t statuses[] = {3 << 8, 9, 11 | 0x80};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		struct process process = {.key = key};
		struct obit_letter letter = {.exit = {.wait_status = statuses[i], .time = 5000}};
		struct evidence evidence = {0};
		struct policy_output decision = {0};
		struct obituary obituary = {.process = &process,
					    .letter = &letter,
					    .evidence = &evidence,
					    .decision = &decision};
		_cleanup_json_ struct json_object *watched = render_obituary(&obituary);
		_cleanup_json_ struct json_object *unwatched = parsed(&letter.exit);

		assert_non_null(watched);
		assert_non_null(unwatched);
		assert_same_names(watched, unwatched);
	}
}

static void values(void **state)
{
	static const struct obit_exit exit = {
		.wait_status = 9,
		.flags = OBIT_EXIT_OOM,
		.time = 3500,
		.ppid = 17,
		.uid = 1000,
		.gid = UINT32_MAX,
		.ns_pid = 2,
		.cpu_ns = UINT64_MAX,
		.max_rss_pages = 1,
		.comm = "a\"b\\c\n\xff",
		.parent_comm = "exactly16bytes!!",
	};
	static const struct {
		const char *name, *value;
	} expected[] = {
		{"watch", "null"},
		{"role", "unwatched"},
		{"pid", "4711"},
		{"ns_pid", "2"},
		{"process_key", "4711:1000"},
		{"ppid", "17"},
		{"parent_comm", "exactly16bytes!!"},
		{"uid", "1000"},
		{"gid", "4294967295"},
		{"comm", "a\"b\\c\n\xef\xbf\xbd"},
		{"argv", "[ ]"},
		{"how", "killed"},
		{"signal", "SIGKILL"},
		{"wait_status", "9"},
		{"core_dumped", "false"},
		{"oom", "true"},
		{"cause", "oom"},
		{"killer", "null"},
		{"lived_ns", "2500"},
		{"cpu_ns", "18446744073709551615"},
		{"action", "none"},
	};
	_cleanup_json_ struct json_object *object = parsed(&exit);

	(void)state;
	assert_non_null(object);
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		assert_string_equal(member(object, expected[i].name), expected[i].value);
}

/* Nothing that a process can be called makes the line longer than its buffer. */
static void the_longest_line_has_room(void **state)
{
	struct obit_exit exit;
	_cleanup_json_ struct json_object *object = NULL;

	(void)state;
	memset(&exit, 0xff, sizeof(exit));
	memset(exit.comm, 1, sizeof(exit.comm));
	memset(exit.parent_comm, 1, sizeof(exit.parent_comm));
	object = parsed(&exit);
	assert_non_null(object);
	assert_int_equal(strlen(member(object, "comm")), OBIT_COMM_SIZE);
	assert_string_equal(member(object, "action_detail"), "null");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_has_the_names_of_every_obituary),
		cmocka_unit_test(values),
		cmocka_unit_test(the_longest_line_has_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
