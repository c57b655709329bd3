// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/put.h"

static void test_what_could_not_be_made_takes_its_parts_along(void **state)
{
	struct json_object *part = json_object_new_object();

	(void)state;
	json_object_get(part);
	put_json(NULL, "part", part); /* the library would abort */
	append_json(NULL, json_object_get(part));
	put_string(NULL, "word", "w");
	put_number(NULL, "number", 1);
	put_bool(NULL, "truth", true);
	assert_int_equal(json_object_put(part), 1); /* this reference was the last */
}

static void test_nothing_has_no_items(void **state)
{
	struct json_object *array = json_object_new_array();

	(void)state;
	assert_int_equal(json_count(NULL), 0);
	append_json(array, NULL);
	append_json(array, json_object_new_int(1));
	assert_int_equal(json_count(array), 1);
	json_object_put(array);
}

static void test_null_becomes_null(void **state)
{
	struct json_object *object = json_object_new_object(), *value;

	(void)state;
	put_string(object, "word", NULL);
	put_string(object, "other", "w");
	assert_true(json_object_object_get_ex(object, "word", &value));
	assert_null(value);
	assert_string_equal(json_object_get_string(json_object_object_get(object, "other")), "w");
	json_object_put(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_could_not_be_made_takes_its_parts_along),
		cmocka_unit_test(test_nothing_has_no_items),
		cmocka_unit_test(test_null_becomes_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
