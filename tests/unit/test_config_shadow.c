// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/config.h"

/* Watches a, b (and c), each on a line of its own; what is said, or NULL. */
static const struct {
	const char *text, *warning;
} cases[] = {
	{"watch a { path = /x }\nwatch b { path = /x }\n",
	 "f:2: watch 'b' never matches: 'a' (f:1) stands in front of it and takes all that it "
	 "could match, by '/x'"},
	{"watch a { path = '/usr/*' }\nwatch b { path = /usr/x }\n",
	 "f:2: watch 'b' never matches: 'a' (f:1) stands in front of it and takes all that it "
	 "could match, by '/usr/*'"},
	{"watch a { path = /x }\nwatch b { path = /y }\n", NULL},
	{"watch a { path = '/usr/*' }\nwatch b { path = /usr/bin/x }\n", NULL},
	{"watch a { path = /usr/x }\nwatch b { path = '/usr/*' }\n", NULL},
	{"watch a { path = '/usr/*' }\nwatch b { path = '/usr/*' }\n", "f:2: watch 'b'"},
	{"watch a { path = '/usr/**' }\nwatch b { path = '/usr/*' }\n", NULL},
	/* conditions of the one in front leave something over, unless they are the same */
	{"watch a { path = /x args = '-a' }\nwatch b { path = /x }\n", NULL},
	{"watch a { path = /x args = '-a' }\nwatch b { path = /x args = '-b' }\n", NULL},
	{"watch a { path = /x args = '-a' }\nwatch b { path = /x args = '-a' }\n", "f:2:"},
	{"watch a { path = /x }\nwatch b { path = /x args = '-a' }\n", "f:2:"},
	{"watch a { path = /x argv0 = y }\nwatch b { path = /x }\n", NULL},
	{"watch a { path = /x }\nwatch b { path = /x argv0 = y }\n", "f:2:"},
	{"watch a { path = /x }\nwatch b { path = /x uid = any }\n", NULL},
	{"watch a { path = /x uid = any }\nwatch b { path = /x }\n", "f:2:"},
	{"watch a { path = /x uid = { 1, 2 } }\nwatch b { path = /x uid = 2 }\n", "f:2:"},
	{"watch a { path = /x uid = { 1, 2 } }\nwatch b { path = /x uid = { 2, 3 } }\n", NULL},
	{"watch a { path = /x uid = 0 }\nwatch b { path = /x }\n", NULL},
	{"watch a { path = /x }\nwatch b { path = /x uid = 0 }\n", NULL},
	{"watch a { path = /x }\nwatch b { path = /x container = any }\n", NULL},
	{"watch a { path = /x container = any }\nwatch b { path = /x container = 'f*' }\n", "f:2:"},
	{"watch a { path = /x container = 'f*' }\nwatch b { path = /x container = 'f*' }\n",
	 "f:2:"},
	{"watch a { path = /x container = 'f*' }\nwatch b { path = /x container = 'g*' }\n", NULL},
	/* what is done about a death is no condition */
	{"watch a { path = /x restart = no }\nwatch b { path = /x command = /y }\n", "f:2:"},
	/* cgroups */
	{"watch a { path = /x cgroup = /g }\nwatch b { path = /x }\n", NULL},
	{"watch a { path = /x }\nwatch b { path = /x cgroup = /g }\n", "f:2:"},
	{"watch a { cgroup = '/g/*' }\nwatch b { path = /x cgroup = /g/h }\n",
	 "f:2: watch 'b' never matches: 'a' (f:1) stands in front of it and takes all that it "
	 "could match"},
	{"watch a { cgroup = /g }\nwatch b { cgroup = { /g, /h } }\n", NULL},
	{"watch a { cgroup = { /h, /g } }\nwatch b { cgroup = { /g, /h } }\n", "f:2:"},
	{"watch a { cgroup = /g }\nwatch b { path = /x }\n", NULL},
	{"watch a { path = /x }\nwatch b { cgroup = /g }\n", NULL},
	/* several together, and part of one */
	{"watch a { path = /x }\nwatch b { path = '/y*' }\nwatch c { path = { /y1, /x } }\n",
	 "f:3: watch 'c' never matches: 'b' (f:2) stands in front of it and takes all that it "
	 "could match, by '/y*'"},
	{"watch a { path = /x }\nwatch b { path = { /x, /y } }\n", NULL},
};

static void a_watch_that_can_never_match_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *expected = cases[i].warning;
		struct config_error error = {""};
		struct config config;

		config_init(&config);
		if (config_parse(&config, "f", cases[i].text, strlen(cases[i].text), &error) < 0)
			fail_msg("%s", error.text);
		assert_int_equal(config_warn_shadowed(&config), 0);
		if (config.warnings.count != (expected != NULL))
			fail_msg("%zu warnings for %s", config.warnings.count, cases[i].text);
		if (expected)
			assert_memory_equal(config.warnings.items[0], expected, strlen(expected));
		config_free(&config);
	}
}

static void patterns_have_no_line(void **state)
{
	struct config_error error;
	struct config config;

	(void)state;
	config_init(&config);
	assert_int_equal(config_add_pattern(&config, "/usr/sbin/*", &error), 0);
	assert_int_equal(config_add_pattern(&config, "/usr/sbin/x", &error), 0);
	assert_int_equal(config_warn_shadowed(&config), 0);
	assert_int_equal(config.warnings.count, 1);
	assert_string_equal(
		config.warnings.items[0],
		"command line: watch 'x' never matches: 'sbin' (command line) stands in "
		"front of it and takes all that it could match, by '/usr/sbin/*'");
	config_free(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_watch_that_can_never_match_is_told),
		cmocka_unit_test(patterns_have_no_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
