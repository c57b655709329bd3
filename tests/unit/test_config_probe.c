// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The probes of a watch: each mistake is told at its line, however they are nested. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "core/config.h"

static int parse(struct config *config, const char *text, struct config_error *error)
{
	error->text[0] = '\0';
	config_init(config);
	return config_parse(config, "f", text, strlen(text), error);
}

static void expect_refusal(const char *text, const char *expected)
{
	struct config_error error;
	struct config config;

	if (parse(&config, text, &error) != -EINVAL)
		fail_msg("taken: %s", text);
	if (strncmp(error.text, expected, strlen(expected)) != 0)
		fail_msg("'%s' in place of '%s'", error.text, expected);
	assert_non_null(strstr(error.text, "expected"));
	assert_int_equal(config.watch_count, 0);
	config_free(&config);
}

/* Lines 3 and following are within a probe that begins at line 2. */
static void expect_bad(const char *lines, const char *expected)
{
	char text[512];

	snprintf(text, sizeof(text), "watch w { path = /x\nprobe {\n%s\n}\n}\n", lines);
	expect_refusal(text, expected);
}

static void mistakes_are_told_at_their_line(void **state)
{
	(void)state;
	expect_bad("", "f:2: the probe has no type; expected tcp, unix, http or command");
	expect_bad("target = '127.0.0.1:80'", "f:2: the probe has no type");
	expect_bad("type = tcp", "f:2: the probe has no target; expected an address");
	expect_bad("type = htp",
		   "f:3: type: 'htp' is wrong; expected tcp, unix, http or command (did you mean "
		   "'http'?)");
	expect_bad("type = tcp\n\ntarget = '127.0.0.1:0'",
		   "f:5: target: '127.0.0.1:0' is wrong; expected a port from 1 to 65535");
	expect_bad("target = 'db.example.org:1'\ntype = tcp",
		   "f:3: target: 'db.example.org:1' is wrong; expected a numeric address");
	expect_bad("type = http\ntarget = 'https://127.0.0.1/'",
		   "f:4: target: 'https://127.0.0.1/' is wrong; expected http://: obitd speaks no "
		   "TLS");
	expect_bad("type = unix\ntarget = 'run/x'",
		   "f:4: target: 'run/x' is wrong; expected an absolute path");
	expect_bad("type = command\ntarget = 'pg_isready -q'",
		   "f:4: target: 'pg_isready -q' is wrong; expected a command that begins");
	expect_bad("type = tcp\ntarget = '[::1]:1'\nexpect = x",
		   "f:5: 'expect' means nothing to a probe of type tcp; expected it with type = "
		   "http");
	expect_bad("type = http\ntarget = 'http://[::1]'\nuser = x",
		   "f:5: 'user' means nothing to a probe of type http; expected it with type = "
		   "command");
	expect_bad("type = tcp\ntarget = '[::1]:1'\ninterval = 1s\ntimeout = 2s",
		   "f:6: timeout: 2s is longer than the interval; expected at most 1s");
	expect_bad("type = tcp\ntarget = '[::1]:1'\ntimeout = 11s",
		   "f:5: timeout: 11s is longer than the interval; expected at most 10s");
	expect_bad("interval = 99ms", "f:3: interval: '99ms' is wrong; expected a time from 100ms");
	expect_bad("timeout = 0", "f:3: timeout: '0' is wrong; expected a time from 10ms");
	expect_bad("threshold = 0", "f:3: threshold: '0' is wrong; expected a whole number from 1");
	expect_bad("grace = 10", "f:3: grace: '10' is wrong; expected a unit");
	expect_bad("type = tcp\ntype = http", "f:4: 'type' is set already, at line 3");
	expect_bad("targt = x", "f:3: unknown key 'targt'; expected 'target'?");
	expect_bad("path = /x", "f:3: 'path' does not belong here; expected it inside watch NAME");
	expect_bad("probe { }", "f:3: 'probe' does not belong here; expected it inside watch NAME");
	expect_bad("watch x { }", "f:3: 'watch' does not belong here");
	expect_bad("target = { a, b }", "f:3: unexpected '{'; expected a single value");
}

static void the_lines_of_sections_are_their_own(void **state)
{
#define GOOD "probe { type = tcp target = '[::1]:1' }"
	(void)state;
	expect_refusal("probe {\ntype = tcp }", "f:1: 'probe' does not belong here; expected it "
						"inside watch NAME");
	expect_refusal("watchdog {\nprobe { } }", "f:2: 'probe' does not belong here");
	expect_refusal("watch w {\nprob { } }", "f:2: unknown key 'prob'; expected 'probe'?");
	expect_refusal("watch w {\nprobe = x }", "f:2: 'probe' has no '{'; expected");
	expect_refusal("watch w {\nprobe http { } }",
		       "f:2: 'probe' takes no name; expected 'probe {'");
	expect_refusal("watch a { path = /a\n" GOOD "\n" GOOD "\n}\nwatch b {\n" GOOD
		       "\nprobe {\n} }",
		       "f:7: the probe has no type");
	expect_refusal("watch a { path = /a\n" GOOD "\n}\nwatch b {\n" GOOD "\n" GOOD "\n}",
		       "f:4: watch 'b' has neither path nor cgroup");
	expect_refusal("watch a {\n" GOOD "\npath = /a }\nwatch a {\n" GOOD "\n}",
		       "f:4: watch 'a' is there already");
	expect_refusal("watch a { path = /a\n" GOOD "\n}\nwatchdog {\n}\nwatchdog { }",
		       "f:6: a second watchdog section, after line 4");
	expect_refusal("watch 'a b' {\n" GOOD "\npath = /a }", "f:1: 'a b' is no name");
}

static void a_watch_may_have_some(void **state)
{
	char text[4096] = "watch a {\npath = /a\n";
	struct config_error error;
	struct config config;

	(void)state;
	for (int i = 0; i < 16; i++)
		strcat(text, GOOD "\n");
	strcat(text, "}");
	assert_int_equal(parse(&config, text, &error), 0);
	assert_int_equal(config.watches[0].probe_count, 16);
	config_free(&config);
	text[strlen(text) - 1] = '\0';
	strcat(text, GOOD "\n}");
	expect_refusal(text, "f:19: too many probes of one watch; expected at most 16");
}

static void keys_may_come_in_any_order(void **state)
{
	struct config_error error;
	struct config config;

	(void)state;
	assert_int_equal(parse(&config,
			       "watch a { probe { target = /run/x type = unix } restart = no\n"
			       "probe { interval = 500ms target = 'localhost:1' type = tcp }\n"
			       "path = /a kill-timeout = 1s }\nwatch b { path = /b }",
			       &error),
			 0);
	assert_int_equal(config.watch_count, 2);
	assert_int_equal(config.watches[0].probe_count, 2);
	assert_int_equal(config.watches[1].probe_count, 0);
	assert_int_equal(config.watches[0].restart, RESTART_NO);
	assert_int_equal(config.watches[0].kill_timeout_ns, NS_PER_SEC);
	assert_int_equal(config.watches[0].line, 1);
	assert_int_equal(config.watches[1].line, 4);
	assert_int_equal(config.watches[0].probes[0].type, PROBE_UNIX);
	assert_string_equal(config.watches[0].probes[1].target, "localhost:1");
	/* A timeout that nobody has set is no longer than the interval. */
	assert_int_equal(config.watches[0].probes[1].timeout_ns, 500 * NS_PER_MS);
	config_free(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mistakes_are_told_at_their_line),
		cmocka_unit_test(the_lines_of_sections_are_their_own),
		cmocka_unit_test(a_watch_may_have_some),
		cmocka_unit_test(keys_may_come_in_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
