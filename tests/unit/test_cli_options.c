// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "test_cli_capture.h"

#include <errno.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/protocol.h"
#include "cli/act.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/value.h"
#include "cli/when.h"

#define MAX_WORDS 12

/* Splits at spaces; "''" stands for an empty word. */
static int parse_line(const char *line, struct invocation *ret, char *error)
{
	static char buf[256];
	char *argv[MAX_WORDS + 1] = {(char[]){"obit"}}, *rest = buf;
	int argc = 1;

	snprintf(buf, sizeof(buf), "%s", line);
	for (char *word; (word = strsep(&rest, " ")) && argc < MAX_WORDS;)
		if (*word)
			argv[argc++] = strcmp(word, "''") == 0 ? word + 2 : word;
	return options_parse(argc, argv, ret, error);
}

static const struct {
	const char *line, *command, *name;
	unsigned given;
} good[] = {
	{"", "ls", NULL, 0},
	{"ls", "ls", NULL, 0},
	{"--json", "ls", NULL, OPTION_JSON},
	{"why web", "why", "web", 0},
	{"why -n 3 web", "why", "web", OPTION_COUNT},
	{"why web -n3 --json", "why", "web", OPTION_COUNT | OPTION_JSON},
	{"--json --count=3 why web", "why", "web", OPTION_COUNT | OPTION_JSON},
	{"log", "log", NULL, 0},
	{"log --since 2h --watch web -n5 --json", "log", NULL,
	 OPTION_SINCE | OPTION_WATCH | OPTION_COUNT | OPTION_JSON},
	{"log --state-dir=/x --since=yesterday", "log", NULL, OPTION_STATE_DIR | OPTION_SINCE},
	{"why -- --web", "why", "--web", 0},
	{"stop web@12 --no-wait", "stop", "web@12", OPTION_NO_WAIT},
	{"--socket /x ls", "ls", NULL, OPTION_SOCKET},
	{"--help", "help", NULL, OPTION_HELP},
	{"why --help", "help", "why", OPTION_HELP},
	{"-h why", "help", "why", OPTION_HELP},
	{"help", "help", NULL, 0},
	{"help --help", "help", "help", OPTION_HELP},
	{"tail --all -n 0", "tail", NULL, OPTION_ALL | OPTION_COUNT},
	{"pause web", "pause", "web", 0},
	{"pause web --for 10min --json", "pause", "web", OPTION_FOR | OPTION_JSON},
	{"pause --all --for=90s", "pause", NULL, OPTION_ALL | OPTION_FOR},
	{"resume --all", "resume", NULL, OPTION_ALL},
	{"resume web", "resume", "web", 0},
	{"watch /usr/sbin/nginx restart=always", "watch", NULL, 0},
	{"watch a=b --pid 7 --json c", "watch", NULL, OPTION_PID | OPTION_JSON},
	{"watch --cgroup /x/*", "watch", NULL, OPTION_CGROUP},
	{"unwatch web", "unwatch", "web", 0},
	{"kill web@7 --signal HUP", "kill", "web@7", OPTION_SIGNAL},
	{"help tail --help", "help", "tail", OPTION_HELP},
	{"help tail", "help", "tail", 0},
	{"--version", "ls", NULL, OPTION_VERSION},
	{"version --no-color", "version", NULL, OPTION_NO_COLOR},
};

static void test_options_stand_anywhere(void **state)
{
	char error[OPTIONS_ERROR_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct invocation inv;

		assert_int_equal(parse_line(good[i].line, &inv, error), 0);
		assert_string_equal(inv.command->name, good[i].command);
		assert_string_equal(inv.name ? inv.name : "", good[i].name ? good[i].name : "");
		assert_int_equal(inv.given, good[i].given);
	}
}

static void test_a_command_that_takes_settings_gets_them_all(void **state)
{
	char error[OPTIONS_ERROR_SIZE],
		*argv[OPTIONS_MAX_WORDS + 4] = {(char[]){"obit"}, (char[]){"watch"}};
	char setting[] = "a=b";
	struct invocation inv;
	int argc = 2;

	(void)state;
	assert_int_equal(parse_line("watch /x --pid 7 a=b -- --c", &inv, error), 0);
	assert_int_equal(inv.n_words, 3);
	assert_string_equal(inv.words[0], "/x");
	assert_string_equal(inv.words[1], "a=b");
	assert_string_equal(inv.words[2], "--c");
	assert_string_equal(inv.pid, "7");
	while (argc < OPTIONS_MAX_WORDS + 2)
		argv[argc++] = setting;
	assert_int_equal(options_parse(argc, argv, &inv, error), 0);
	assert_int_equal(inv.n_words, OPTIONS_MAX_WORDS);
	argv[argc++] = setting;
	assert_int_equal(options_parse(argc, argv, &inv, error), -EINVAL);
	assert_string_equal(error, "watch: too many settings; expected at most 64");
}

static const struct {
	const char *line, *error;
} bad[] = {
	{"sotp web", "there is no command sotp; did you mean stop?"},
	{"xyzzyxyzzy", "there is no command xyzzyxyzzy; obit help lists them"},
	{"--jsom", "there is no option --jsom; did you mean --json?"},
	{"-x", "there is no option -x; obit --help lists them"},
	{"why", "why: expected NAME|PID (usage: obit why NAME|PID)"},
	{"why ''", "why: expected NAME|PID (usage: obit why NAME|PID)"},
	{"why a b", "why: b is one argument too many (usage: obit why NAME|PID)"},
	{"ls web", "ls: web is one argument too many (usage: obit ls)"},
	{"ls -n 3", "ls takes no --count; see: obit help ls"},
	{"why web --all", "why takes no --all; see: obit help why"},
	{"tail --all=yes", "--all takes no value"},
	{"help --json", "help takes no --json; see: obit help help"},
	{"why web -n", "--count: expected N after it"},
	{"why web -n x", "-n x: expected a whole number from 0 to 100000"},
	{"why web -n -1", "-n -1: expected a whole number from 0 to 100000"},
	{"why web -n 3x", "-n 3x: expected a whole number from 0 to 100000"},
	{"stop web --wait soon", "--wait soon: expected seconds, 0 to 86400"},
	{"stop web --wait nan", "--wait nan: expected seconds, 0 to 86400"},
	{"log web", "log: web is one argument too many (usage: obit log)"},
	{"pause", "pause: expected NAME (usage: obit pause NAME|--all)"},
	{"pause web --all", "pause: either web or --all"},
	{"pause web --for 10",
	 "--for 10: expected how long, such as 90s, 10min or 2h, 365d at most"},
	{"pause web --for 0", "--for 0: expected how long, such as 90s, 10min or 2h, 365d at most"},
	{"pause web --for 366d",
	 "--for 366d: expected how long, such as 90s, 10min or 2h, 365d at most"},
	{"pause web --for", "--for: expected TIME after it"},
	{"resume web --for 1s", "resume takes no --for; see: obit help resume"},
	{"watch", "watch: expected what to watch (usage: obit watch PATH|--cgroup GLOB|--pid PID "
		  "[KEY=VALUE]...)"},
	{"watch --pid", "--pid: expected PID after it"},
	{"watch --cgroup ''", "--cgroup: expected the path of a cgroup, or a glob"},
	{"why web --pid 7", "why takes no --pid; see: obit help why"},
	{"kill web --signal", "--signal: expected SIG after it"},
	{"kill web --signal ''", "--signal: expected a signal such as SIGTERM or 15"},
	{"stop web --signal HUP", "stop takes no --signal; see: obit help stop"},
	{"unwatch", "unwatch: expected NAME (usage: obit unwatch NAME)"},
	{"stop --all", "stop: expected NAME (usage: obit stop NAME)"},
	{"tail --since 2h", "tail takes no --since; see: obit help tail"},
	{"ls --state-dir /x", "ls takes no --state-dir; see: obit help ls"},
	{"log --watch= ", "--watch: expected the name of a watch"},
	{"log --state-dir ''", "--state-dir: expected the directory of the history"},
	{"log --since", "--since: expected T after it"},
	{"log --since 10",
	 "--since 10: expected how long ago (10min, 2h, 3d), a time (10:00), or a day (2026-11-21, "
	 "2026-11-21T10:00, today, yesterday)"},
	{"stop web --wait 1 --no-wait", "stop: either --wait or --no-wait"},
	{"why web -n 0", "-n 0: why tells 1 death at least"},
	{"--json=yes", "--json takes no value"},
	{"--socket", "--socket: expected PATH after it"},
	{"--socket= ls", "--socket: expected the path of the daemon's socket"},
};

static void test_a_wrong_command_line_says_what_was_expected(void **state)
{
	char error[OPTIONS_ERROR_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct invocation inv = {.count = 77};

		assert_int_equal(parse_line(bad[i].line, &inv, error), -EINVAL);
		assert_string_equal(error, bad[i].error);
		assert_int_equal(inv.count, 77);
		assert_null(inv.command);
	}
}

static void test_values_are_read(void **state)
{
	char error[OPTIONS_ERROR_SIZE];
	struct invocation inv;

	(void)state;
	assert_int_equal(parse_line("why web -n 12", &inv, error), 0);
	assert_int_equal(inv.count, 12);
	assert_string_equal(inv.socket, OBIT_DEFAULT_SOCKET);
	assert_null(inv.watch);
	assert_null(inv.state_dir);
	assert_true(inv.since_ns == 0);
	assert_true(inv.for_ns == 0);
	assert_int_equal(parse_line("pause web --for 10min", &inv, error), 0);
	assert_true(inv.for_ns == 10 * NS_PER_MIN);
	assert_true(inv.wait_ns == 15 * NS_PER_SEC);
	assert_int_equal(parse_line("stop web --wait 0.5 --socket=/x", &inv, error), 0);
	assert_true(inv.wait_ns == NS_PER_SEC / 2);
	assert_string_equal(inv.socket, "/x");
	assert_int_equal(parse_line("log --since 2026-11-21T10:00:00Z --watch w --state-dir /y",
				    &inv, error),
			 0);
	assert_true(inv.since_ns == 1795255200 * NS_PER_SEC);
	assert_string_equal(inv.watch, "w");
	assert_string_equal(inv.state_dir, "/y");
}

static void test_help_names_every_command_and_fits(void **state)
{
	char *text = NULL;

	(void)state;
	CAPTURE(text, help_print(out, NULL));
	for (const struct command *c = command_table; c->name; c++) {
		char *one = NULL;

		assert_contains(text, c->summary);
		CAPTURE(one, help_print(out, c));
		assert_contains(one, c->name);
		free(one);
	}
	for (const char *line = text; *line; line = strchr(line, '\n') + 1)
		assert_in_range(strcspn(line, "\n"), 0, 90);
	free(text);
}

static void test_shell_quoting_is_read_back(void **state)
{
	(void)state;
	assert_text(shell_quote("plain-1.0", 9), "plain-1.0");
	assert_text(shell_quote("", 0), "''");
	assert_text(shell_quote("a b", 3), "'a b'");
	assert_text(shell_quote("it's", 4), "'it'\\''s'");
	assert_text(shell_quote("a\nb'", 4), "$'a\\x0ab\\''");
	assert_text(shell_quote("$x", 2), "'$x'");
}

static void test_json_is_safe_on_a_terminal(void **state)
{
	struct json_object *value = parse("{\"a\": \"\\u001b\\u007f\\u009b/\303\266\"}");
	char *text = NULL;

	(void)state;
	CAPTURE(text, json_print(out, value, false));
	assert_string_equal(text, "{\"a\":\"\\u001b\\u007f\\u009b/\303\266\"}\n");
	free(text);
	json_object_put(value);
}

static void test_times_are_parsed_strictly(void **state)
{
	static const char *const wrong[] = {"",
					    "2026",
					    "2026-11-21T09:38:12",
					    "1-1-1T1:1:1Z",
					    "2026-\f11-21T09:38:12Z",
					    "2026-11-21T09:38:12+0100",
					    "2026-11-21T09:38:12+01:00x",
					    "2026-11-21T09:38:12Zx",
					    "1926-11-21T09:38:12Z"};
	uint64_t a = 0, b = 0;

	(void)state;
	assert_true(when_parse("2026-11-21T09:38:12.25+01:00", &a));
	assert_true(when_parse("2026-11-21T08:38:12Z", &b));
	assert_true(a - b == NS_PER_SEC / 4);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_false(when_parse(wrong[i], &a));
	assert_text(when_ago(b, b), "just now");
	assert_text(when_ago(b + NS_PER_SEC, b), "just now");
	assert_text(when_ago(b, b + 59 * NS_PER_SEC), "59s ago");
	assert_text(when_ago(b, b + 49 * 60 * NS_PER_MIN), "2d ago");
}

/* Berlin, 2026-11-21 10:30: one hour east of Greenwich, two in summer. */
#define NOW_TEXT "2026-11-21T10:30:00+01:00"

static const struct {
	const char *since, *moment;
} moments[] = {
	{"0", NOW_TEXT},
	{"10min", "2026-11-21T10:20:00+01:00"},
	{"2h", "2026-11-21T08:30:00+01:00"},
	{"3d", "2026-11-18T10:30:00+01:00"},
	{"1d 12h", "2026-11-19T22:30:00+01:00"},
	{"10min ago", "2026-11-21T10:20:00+01:00"},
	{"1d 12h ago", "2026-11-19T22:30:00+01:00"},
	{"500ms", "2026-11-21T10:29:59.5+01:00"},
	{"100000d", "1970-01-01T00:00:00Z"}, /* before the beginning */
	{"today", "2026-11-21T00:00:00+01:00"},
	{"yesterday", "2026-11-20T00:00:00+01:00"},
	{"10:00", "2026-11-21T10:00:00+01:00"},
	{"10:30", NOW_TEXT},
	{"10:30:00", NOW_TEXT},
	{"10:30:01", "2026-11-20T10:30:01+01:00"}, /* still to come today */
	{"23:00", "2026-11-20T23:00:00+01:00"},
	{"2026-11-21", "2026-11-21T00:00:00+01:00"},
	{"2026-11-21T09:15", "2026-11-21T09:15:00+01:00"},
	{"2026-11-21 09:15", "2026-11-21T09:15:00+01:00"},
	{"2026-11-21T09:15:30", "2026-11-21T09:15:30+01:00"},
	{"2026-07-01", "2026-07-01T00:00:00+02:00"}, /* summer */
	{"2024-02-29", "2024-02-29T00:00:00+01:00"},
	{"2030-01-01", "2030-01-01T00:00:00+01:00"},
	{"2026-11-21T09:38:12.5-03:00", "2026-11-21T09:38:12.5-03:00"}, /* as JSON has it */
};

static void test_since_is_a_moment(void **state)
{
	static const char *const wrong[] = {
		"",	      "10",	    "soon",	  "10:",	 "10:00:",
		"25:00",      "10:60",	    "2026",	  "2026-11",	 "2026-13-01",
		"2026-02-30", "2025-02-29", "1969-12-01", "2026-11-21T", "2026-11-21T10",
		"yesterdays", "-2h",	    " ago",	  "ago",	 "2hago",
		"today ago",
	};
	uint64_t now = 0, expected = 0, got;

	(void)state;
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	assert_true(when_parse(NOW_TEXT, &now));
	for (size_t i = 0; i < ARRAY_SIZE(moments); i++) {
		got = 1;
		assert_true(when_parse(moments[i].moment, &expected));
		if (!when_since(moments[i].since, now, &got) || got != expected)
			fail_msg("%s is not %s", moments[i].since, moments[i].moment);
	}
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		got = 1;
		if (when_since(wrong[i], now, &got) || got != 1)
			fail_msg("'%s' is taken for a moment", wrong[i]);
	}
	unsetenv("TZ");
	tzset();
}

static const struct {
	enum act_goal goal;
	const char *state;
	int64_t pid, before;
	enum act_verdict verdict;
} judgements[] = {
	{GOAL_STOPPED, "stopping", 7, ACT_NO_PID, ACT_WAIT},
	{GOAL_STOPPED, "down", ACT_NO_PID, ACT_NO_PID, ACT_DONE},
	{GOAL_STOPPED, "ended", ACT_NO_PID, ACT_NO_PID, ACT_DONE},
	{GOAL_STOPPED, "up", 7, ACT_NO_PID, ACT_FAILED},
	{GOAL_STOPPED, "waiting", ACT_NO_PID, ACT_NO_PID, ACT_FAILED},
	{GOAL_UP, "up", 7, ACT_NO_PID, ACT_DONE},
	{GOAL_UP, "waiting", ACT_NO_PID, ACT_NO_PID, ACT_WAIT},
	{GOAL_UP, "buried", ACT_NO_PID, ACT_NO_PID, ACT_FAILED},
	{GOAL_UP, "ended", ACT_NO_PID, ACT_NO_PID, ACT_FAILED},
	{GOAL_NEW, "up", 7, 7, ACT_WAIT},
	{GOAL_NEW, "up", 8, 7, ACT_DONE},
	{GOAL_NEW, "up", ACT_NO_PID, ACT_NO_PID, ACT_DONE},
	{GOAL_NEW, "stopping", 7, 7, ACT_WAIT},
};

static void test_waiting_ends_at_something_definite(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(judgements); i++)
		assert_int_equal(act_judge(judgements[i].goal, judgements[i].state,
					   judgements[i].pid, judgements[i].before),
				 judgements[i].verdict);
}

static void test_a_name_may_have_a_pid(void **state)
{
	size_t length = 0;
	int64_t pid = 0;

	(void)state;
	assert_true(act_split_name("web@8", &length, &pid));
	assert_int_equal(length, 3);
	assert_int_equal(pid, 8);
	assert_false(act_split_name("web", &length, &pid));
	assert_false(act_split_name("web@x", &length, &pid));
	assert_false(act_split_name("@8", &length, &pid));
}

static void assert_reply(const char *json, enum json_type shape, int exit_status)
{
	struct json_object *object = json_tokener_parse(json);
	struct reply reply;

	reply_parse(object, shape, &reply);
	assert_int_equal(reply.exit, exit_status);
	assert_int_equal(reply.error != NULL, exit_status != 0);
	reply_release(&reply);
	json_object_put(object);
}

static void test_replies_are_not_trusted(void **state)
{
	(void)state;
	assert_reply("{\"ok\": true, \"data\": []}", json_type_array, OBIT_EXIT_OK);
	assert_reply("{\"ok\": true, \"data\": {}}", json_type_array, OBIT_EXIT_FAILED);
	assert_reply("{\"ok\": true}", json_type_object, OBIT_EXIT_FAILED);
	assert_reply("{\"ok\": false, \"exit\": 4, \"error\": \"no\"}", json_type_array, 4);
	assert_reply("{\"ok\": false, \"exit\": 0, \"error\": \"no\"}", json_type_array, 1);
	assert_reply("{\"ok\": false, \"exit\": 900}", json_type_array, OBIT_EXIT_FAILED);
	assert_reply("{\"ok\": \"yes\"}", json_type_array, OBIT_EXIT_FAILED);
	assert_reply("garbage", json_type_array, OBIT_EXIT_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_stand_anywhere),
		cmocka_unit_test(test_a_command_that_takes_settings_gets_them_all),
		cmocka_unit_test(test_a_wrong_command_line_says_what_was_expected),
		cmocka_unit_test(test_values_are_read),
		cmocka_unit_test(test_help_names_every_command_and_fits),
		cmocka_unit_test(test_shell_quoting_is_read_back),
		cmocka_unit_test(test_json_is_safe_on_a_terminal),
		cmocka_unit_test(test_times_are_parsed_strictly),
		cmocka_unit_test(test_since_is_a_moment),
		cmocka_unit_test(test_waiting_ends_at_something_definite),
		cmocka_unit_test(test_a_name_may_have_a_pid),
		cmocka_unit_test(test_replies_are_not_trusted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
