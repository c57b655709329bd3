// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/config.h"

static struct config config;
static struct config_error error;

static int set_up(void **state)
{
	(void)state;
	config_init(&config);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	config_free(&config);
	return 0;
}

/* Over memory of exactly that length, so that a sanitizer sees who reads on. */
static int parse_bytes(const char *text, size_t length)
{
	_cleanup_free_ char *exact = malloc(length ? length : 1);

	assert_non_null(exact);
	memcpy(exact, text, length);
	return config_parse_armourd(&config, "f", exact, length, &error);
}

static void parse(const char *text)
{
	if (parse_bytes(text, strlen(text)) < 0)
		fail_msg("refused: %s\n%s", error.text, text);
}

static void assert_watch(size_t index, const char *name, const char *path, unsigned line)
{
	const struct watch_config *watch = &config.watches[index];

	assert_true(index < config.watch_count);
	assert_string_equal(watch->name, name);
	assert_int_equal(watch->path.count, 1);
	assert_string_equal(watch->path.items[0], path);
	assert_string_equal(watch->file, "f");
	assert_int_equal(watch->line, line);
}

static void each_path_is_a_watch_with_all_defaults(void **state)
{
	struct watch_config plain;

	(void)state;
	parse("# what must live\n\n/usr/sbin/foo\n  /usr/local/bin/*  # all of them\n/opt/foo");
	assert_int_equal(config.watch_count, 3);
	assert_watch(0, "foo", "/usr/sbin/foo", 3);
	assert_watch(1, "bin", "/usr/local/bin/*", 4);
	assert_watch(2, "foo-2", "/opt/foo", 5);
	watch_config_init(&plain);
	for (size_t i = 0; i < config.watch_count; i++) {
		assert_int_equal(config.watches[i].restart, plain.restart);
		assert_int_equal(config.watches[i].uid.match, plain.uid.match);
		assert_int_equal(config.watches[i].backoff_max_ns, plain.backoff_max_ns);
		assert_null(config.watches[i].command);
		assert_null(config.watches[i].on_exit);
	}
	assert_int_equal(config.warnings.count, 0);
}

static void blanks_of_every_kind_separate(void **state)
{
	(void)state;
	parse("\r\n/a\r\n/b\t/c\v/d\f\r\n/e#f\r\n");
	assert_int_equal(config.watch_count, 5);
	assert_watch(0, "a", "/a", 2);
	assert_watch(1, "b", "/b", 3);
	assert_watch(2, "c", "/c", 3);
	assert_watch(3, "d", "/d", 3);
	assert_watch(4, "e_f", "/e#f", 4);
}

static void nothing_is_fine(void **state)
{
	static const char *const texts[] = {"", "\n", "#", "# /a", "  \r\n\t# x\n\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		parse(texts[i]);
	assert_int_equal(config_parse_armourd(&config, "f", NULL, 0, &error), 0);
	assert_int_equal(config.watch_count, 0);
}

static void options_are_heeded(void **state)
{
	(void)state;
	parse("/usr/sbin/foo {\n"
	      "\tpidfile : /run/foo.pid\n"
	      "\tcommand : \"/usr/sbin/foo -f \\\"a b\\\" 'c\\\\d'\"  # as ever\n"
	      "\tnotify : /usr/bin/page-me\n"
	      "}\n"
	      "/usr/sbin/bar{notify:/x}/usr/sbin/baz\n"
	      "\n{ command:\"/y\" }");
	assert_int_equal(config.watch_count, 3);
	assert_watch(0, "foo", "/usr/sbin/foo", 1);
	assert_string_equal(config.watches[0].command, "/usr/sbin/foo -f \"a b\" 'c\\d'");
	assert_string_equal(config.watches[0].on_exit, "/usr/bin/page-me");
	assert_watch(1, "bar", "/usr/sbin/bar", 6);
	assert_string_equal(config.watches[1].on_exit, "/x");
	assert_null(config.watches[1].command);
	assert_watch(2, "baz", "/usr/sbin/baz", 6);
	assert_string_equal(config.watches[2].command, "/y");
	assert_int_equal(config.warnings.count, 1);
	assert_string_equal(config.warnings.items[0],
			    "f:2: pidfile has no effect: what runs is found by its path, and "
			    "adopted without a PID file");
}

/* ---- what is refused ---- */

static const struct {
	const char *text, *start;
} refusals[] = {
	{"usr/sbin/foo", "f:1: path: 'usr/sbin/foo' is wrong; expected an absolute path"},
	{"/a\n\nwatch web {", "f:3: path: 'watch' is wrong; expected an absolute path"},
	{"/a\n/b/", "f:2: path: '/b/' is wrong; expected no '/' at the end"},
	{"/a/../b", "f:1: path: '/a/../b' is wrong; expected a path without '.' and '..'"},
	{"/a*b", "f:1: '/a*' goes on behind its '*'; expected one '*', at the end"},
	{"/a/**", "f:1: '/a/*' goes on behind its '*'"},
	{"/a?", "f:1: '?' in '/a?'; expected a path without"},
	{"/usr/bin/[", "f:1: '[' in '/usr/bin/['; expected a path without"},
	{"/a\\*", "f:1: '\\' in '/a\\*'; expected a path without '\\'"},
	{"/[*", "f:1: path: '/[*' is wrong; expected a glob: each '[' closed"},
	{"/a\x1b[1m", "f:1: control character \\x1b; expected text"},
	{"{ command : /x }", "f:1: '{' without a path in front; expected an absolute path"},
	{"/a\n}", "f:2: '}' without a path in front"},
	{"/a { }\n{ }", "f:2: '{' without a path in front"},
	{"/a\n{\ncommand : /x\n", "f:2: this '{' is never closed; expected '}' before the end"},
	{"/a {", "f:1: this '{' is never closed"},
	{"/a {\nrespawn : yes }",
	 "f:2: unknown option 'respawn'; expected pidfile, command, notify"},
	{"/a { command : /x -d }", "f:1: unknown option '-d'; expected pidfile"},
	{"/a { { } }", "f:1: unknown option ''"},
	{"/a { \"command\" : /x }", "f:1: unknown option ''"},
	{"/a { command }", "f:1: 'command' has no value; expected 'command : VALUE'"},
	{"/a { command\n:\n}", "f:3: 'command' has no value"},
	{"/a { command", "f:1: 'command' has no value"},
	{"/a { command :", "f:1: 'command' has no value"},
	{"/a { command = /x }", "f:1: 'command' has no value"},
	{"/a { command : \"/x\n\" }", "f:1: this string is never closed; expected '\"' at the end"},
	{"/a { command : \"/x\\", "f:1: this string is never closed"},
	{"/a { command : \"\" }", "f:1: command: '' is wrong; expected a command"},
	{"/a {\ncommand : x }", "f:2: command: 'x' is wrong; expected a command that begins with"},
	{"/a {\n\nnotify : x }", "f:3: notify: 'x' is wrong; expected a command that begins with"},
	{"/a { notify : /x\nnotify : /x }", "f:2: 'notify' is set already, at line 1; expected it"},
};

static void what_is_wrong_is_refused_at_its_line(void **state)
{
	(void)state;
	parse("/first { pidfile : x }");
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		error.text[0] = '\0';
		assert_int_equal(parse_bytes(refusals[i].text, strlen(refusals[i].text)), -EINVAL);
		if (strncmp(error.text, refusals[i].start, strlen(refusals[i].start)) != 0)
			fail_msg("said: %s\nfor:  %s", error.text, refusals[i].text);
		assert_int_equal(config.watch_count, 1);
		assert_int_equal(config.warnings.count, 1);
	}
}

static void a_failure_takes_back_all_of_the_file(void **state)
{
	static const char text[] = "/a { pidfile : /x }\n/b { command : /y }\nc";

	(void)state;
	assert_int_equal(parse_bytes(text, strlen(text)), -EINVAL);
	assert_int_equal(config.watch_count, 0);
	assert_int_equal(config.warnings.count, 0);
	parse("/a");
	assert_watch(0, "a", "/a", 1);
}

static void bytes_that_are_no_text(void **state)
{
	static const char nul[] = "/a\n/b\0c\n";
	_cleanup_free_ char *line = malloc(1 << 20);

	(void)state;
	assert_int_equal(parse_bytes(nul, sizeof(nul) - 1), -EINVAL);
	assert_string_equal(error.text, "f:2: a NUL byte; expected text");
	memset(line, 'a', 1 << 20);
	line[0] = '/';
	assert_int_equal(parse_bytes(line, 1 << 20), -EINVAL);
	assert_memory_equal(error.text, "f:1: path: '/aaaa", 17);
	assert_non_null(strstr(error.text, "expected at most 4095 bytes"));
	parse("/caf\xc3\xa9");
	assert_watch(0, "caf__", "/caf\xc3\xa9", 1);
}

/* Each name is a number higher, and that is found without trying all of them. */
static void a_name_may_come_thousands_of_times(void **state)
{
	enum { LIMIT = 10240 };
	_cleanup_free_ char *text = calloc(LIMIT + 2, 3);

	(void)state;
	for (int i = 0; i <= LIMIT; i++)
		memcpy(text + 3 * i, "/x\n", 3);
	assert_int_equal(parse_bytes(text, (LIMIT + 1) * 3), -EINVAL);
	assert_string_equal(error.text, "f:10241: too many watches; expected at most 10240");
	assert_int_equal(parse_bytes(text, LIMIT * 3), 0);
	assert_string_equal(config.watches[LIMIT - 1].name, "x-10240");
}

static void a_number_that_is_taken_is_left_out(void **state)
{
	static const char taken[] = "watch x-2 { path = /y }\nwatch x-03 { path = /y }\n"
				    "watch x-4 { path = /y }\nwatch x-999999 { path = /y }\n"
				    "watch x-3b { path = /y }\n";

	(void)state;
	assert_int_equal(config_parse(&config, "g", taken, strlen(taken), &error), 0);
	parse("/x /x /x /x");
	assert_string_equal(config.watches[5].name, "x");
	assert_string_equal(config.watches[6].name, "x-3");
	assert_string_equal(config.watches[7].name, "x-5");
	assert_string_equal(config.watches[8].name, "x-6");
}

static void files_are_told_apart_by_their_first_word(void **state)
{
	static const char *const armourd[] = {"/a", "# x\n\n/usr/sbin/foo\n", " \t\r\n/a*",
					      "#x\n#y\n  /a {"};
	static const char *const ours[] = {"",	       "\n",	      "# /a",	     "// /a\n/b",
					   "/* x */ ", "/",	      "watch w { }", "usr/sbin/foo",
					   "#\nx /a",  "include = /a"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(armourd); i++)
		assert_true(config_is_armourd(armourd[i], strlen(armourd[i])));
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		assert_false(config_is_armourd(ours[i], strlen(ours[i])));
	assert_false(config_is_armourd("\0/a", 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_path_is_a_watch_with_all_defaults, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(blanks_of_every_kind_separate, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_is_fine, set_up, tear_down),
		cmocka_unit_test_setup_teardown(options_are_heeded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_wrong_is_refused_at_its_line, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_failure_takes_back_all_of_the_file, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(bytes_that_are_no_text, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_name_may_come_thousands_of_times, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_number_that_is_taken_is_left_out, set_up,
						tear_down),
		cmocka_unit_test(files_are_told_apart_by_their_first_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
