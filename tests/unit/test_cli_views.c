// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "test_cli_capture.h"

#include "base/cleanup.h"
#include "cli/alloc.h"
#include "cli/table.h"
#include "cli/views.h"

static const struct table_column two_columns[] = {
	{.heading = "NAME", .elastic = true},
	{.heading = "N", .right = true},
};

static void add(struct table *table, const char *name, const char *number)
{
	table_add_row(table);
	table_set(table, 0, STYLE_PLAIN, must_printf("%s", name));
	table_set(table, 1, STYLE_PLAIN, number ? must_printf("%s", number) : NULL);
}

static void test_columns_line_up(void **state)
{
	struct table table = {.columns = two_columns, .n_columns = 2};
	char *text = NULL;

	(void)state;
	add(&table, "m\303\266hre", "5");
	add(&table, "web", "1234");
	add(&table, "long-name", NULL);
	CAPTURE(text, table_print(&table, out, &pipe_term));
	assert_string_equal(text, "NAME          N\n"
				  "m\303\266hre         5\n"
				  "web        1234\n"
				  "long-name     -\n");
	free(text);
	table_release(&table);
}

static void test_only_a_terminal_cuts(void **state)
{
	const struct term narrow = {.interactive = true, .width = 16};
	struct table table = {.columns = two_columns, .n_columns = 2};
	char *cut = NULL, *whole = NULL;

	(void)state;
	add(&table, "a-name-of-twenty-two", "1");
	CAPTURE(cut, table_print(&table, out, &narrow));
	CAPTURE(whole, table_print(&table, out, &pipe_term));
	assert_string_equal(cut, "NAME           N\na-name-of-tw\342\200\246  1\n");
	assert_contains(whole, "a-name-of-twenty-two  1\n");
	free(cut);
	free(whole);
	table_release(&table);
}

static void test_text_wraps_between_words(void **state)
{
	const struct term narrow = {.interactive = true, .width = 30};
	char *text = NULL, *piped = NULL;
	const char *words = "one two three four five six seven a-word-longer-than-the-room end";

	(void)state;
	CAPTURE(text, term_wrap(out, &narrow, STYLE_PLAIN, 4, words));
	CAPTURE(piped, term_wrap(out, &pipe_term, STYLE_PLAIN, 4, words));
	assert_string_equal(text, "one two three four five\n    six seven\n"
				  "    a-word-longer-than-the-room\n    end\n");
	assert_non_null(strstr(piped, words));
	free(text);
	free(piped);
}

static void test_states_have_colors_on_a_terminal_only(void **state)
{
	struct json_object *list = parse("[{\"name\": \"a\", \"state\": \"up\"},"
					 "{\"name\": \"b\", \"state\": \"buried\"}]");
	char *colored = NULL, *plain = NULL;

	(void)state;
	CAPTURE(colored, list_print(out, &color_term, list, 0));
	CAPTURE(plain, list_print(out, &pipe_term, list, 0));
	assert_contains(colored, "\033[32mup\033[0m");
	assert_contains(colored, "\033[1;31mburied\033[0m");
	assert_lacks(plain, "\033");
	free(colored);
	free(plain);
	json_object_put(list);
}

static void test_list_shows_watches_instances_and_notes(void **state)
{
	struct json_object *list = parse(
		"[{\"name\": \"web\", \"state\": \"up\", \"pid\": 7, \"uptime_ns\": 5000000000,"
		"  \"restarts\": 2, \"critical\": true, \"healthy\": false, \"note\": \"look\","
		"  \"instances\": [{\"state\": \"up\", \"pid\": 7, \"note\": \"look\"}]},"
		" {\"name\": \"db\", \"state\": \"buried\", \"critical\": true, \"healthy\": false,"
		"  \"watchdog\": \"db is buried: no food\"},"
		" {\"name\": \"ssh\", \"state\": \"up\", \"pid\": 9, \"last_death\": null,"
		"  \"instances\": [{\"state\": \"up\", \"pid\": 8},"
		"                  {\"state\": \"stopping\", \"pid\": 9, \"note\": \"adopted\"}]},"
		" 5, {}]");
	char *text = NULL;

	(void)state;
	CAPTURE(text, list_print(out, &pipe_term, list, 0));
	assert_string_equal(text, "NAME     STATE     PID  UPTIME  RESTARTS  LAST DEATH\n"
				  "web      up          7      5s         2  -\n"
				  "    critical and not healthy\n"
				  "    look\n"
				  "db       buried      -       -         -  -\n"
				  "    db is buried: no food\n"
				  "ssh      up          9       -         -  -\n"
				  "  ssh@8  up          8       -         -\n"
				  "  ssh@9  stopping    9       -         -\n"
				  "    adopted\n"
				  "-        -           -       -         -  -\n"
				  "-        -           -       -         -  -\n");
	free(text);
	json_object_put(list);
}

static void test_instances_that_nothing_tells_apart_are_counted(void **state)
{
	struct json_object *list = parse(
		"[{\"name\": \"web\", \"state\": \"up\", \"pid\": 7, \"restarts\": 2, \"note\": "
		"null,"
		"  \"instances\": [{\"state\": \"up\", \"pid\": 7, \"restarts\": 2},"
		"                  {\"state\": \"ended\", \"pid\": null, \"note\": \"well\"},"
		"                  {\"state\": \"ended\", \"pid\": null, \"note\": \"well\"},"
		"                  {\"state\": \"ended\", \"note\": \"otherwise\", \"restarts\": "
		"1}]},"
		" {\"name\": \"db\", \"state\": \"down\", \"note\": \"stopped\","
		"  \"instances\": [{\"state\": \"down\", \"note\": \"stopped\"},"
		"                  {\"state\": \"down\", \"note\": \"stopped\"}]}]");
	char *text = NULL;

	(void)state;
	CAPTURE(text, list_print(out, &pipe_term, list, 0));
	assert_string_equal(text, "NAME           STATE  PID  UPTIME  RESTARTS  LAST DEATH\n"
				  "web            up       7       -         2  -\n"
				  "  web@7        up       7       -         2\n"
				  "  2 instances  ended\n"
				  "    well\n"
				  "  web@-        ended    -       -         1\n"
				  "    otherwise\n"
				  "db             down     -       -         -  -\n"
				  "    stopped\n"
				  "  2 instances  down\n");
	free(text);
	json_object_put(list);
}

static void test_an_empty_list_is_a_sentence(void **state)
{
	struct json_object *list = parse("[]");
	char *text = NULL;

	(void)state;
	CAPTURE(text, list_print(out, &pipe_term, list, 0));
	assert_contains(text, "Nothing is watched.");
	free(text);
	json_object_put(list);
}

static void test_losses_come_first_and_red(void **state)
{
	struct json_object *stats = parse("{\"kernel\": {\"execs\": 5, \"deep\": {\"x\": 1}},"
					  "\"losses\": {\"untracked\": 0, \"ring_lost\": 12}}");
	char *text = NULL;

	(void)state;
	CAPTURE(text, stats_print(out, &color_term, stats));
	assert_true(strstr(text, "ring_lost") < strstr(text, "execs"));
	assert_contains(text, "\033[1;31m12\033[0m");
	assert_contains(text, " 0\n");
	assert_contains(text, "deep.x");
	free(text);
	json_object_put(stats);
}

static void test_show_says_what_is_missing_and_why(void **state)
{
	struct json_object *data = parse(
		"{\"state\": \"up\", \"defined_at\": \"/etc/obit/obit.conf:12\","
		" \"watch\": {\"path\": [\"/a\", \"/b\"], \"env\": []},"
		" \"instances\": [{\"state\": \"up\", \"pid\": 7, \"recipe\": {"
		"   \"argv\": [\"a\", \"b c\"], \"env\": [\"A=1\", \"B=\\u001b\"], \"source\": "
		"\"proc\","
		"   \"complete\": false, \"missing\": [\"environment\"], \"refusal\": \"why not\","
		"   \"stdio\": [{\"fd\": 1, \"path\": null, \"how\": \"log\"}]}}]}");
	char *text = NULL;

	(void)state;
	CAPTURE(text, show_print(out, &pipe_term, "web", data));
	assert_contains(text, "web: up, defined at /etc/obit/obit.conf:12\n");
	assert_contains(text, "  path = { /a, /b }\n  env  = {}\n");
	assert_contains(text, "  not respawned:  why not\n");
	assert_contains(text, "  captured:       from /proc, since it ran before it was watched; "
			      "not complete\n");
	assert_contains(text, "  missing:\n    environment\n");
	assert_contains(text, "  command line:   a 'b c'\n");
	assert_contains(text, "  descriptor 1:   the daemon's log\n");
	assert_contains(text, "  environment:\n    A=1\n    B=\\x1b\n");
	free(text);
	json_object_put(data);
}

static void test_show_names_each_instance_that_has_no_process(void **state)
{
	struct json_object *data = parse(
		"{\"state\": \"buried\", \"instances\": ["
		" {\"state\": \"buried\", \"pid\": null, \"last_pid\": 7},"
		" {\"state\": \"up\", \"pid\": 8, \"last_pid\": 8},"
		" {\"state\": \"ended\", \"pid\": null, \"last_pid\": null}]}");
	char *text = NULL;

	(void)state;
	CAPTURE(text, show_print(out, &pipe_term, "web@7", data));
	assert_contains(text, "\nInstance web@7, without a process: buried\n");
	assert_contains(text, "\nInstance with pid 8: up\n");
	assert_contains(text, "\nInstance without a process: ended\n");
	free(text);
	json_object_put(data);
}

static void test_any_shape_is_survived(void **state)
{
	static const char *const shapes[] = {
		"5",
		"[]",
		"{}",
		"{\"watch\": 5, \"instances\": [1, null, {\"recipe\": 5}, {\"recipe\": {}}]}",
		"{\"losses\": 7, \"kernel\": [], \"watch\": {\"\": null}, \"added\": {\"a\": 1}}",
		"{\"losses\": {\"a\": {\"b\": {\"c\": {\"d\": {\"e\": {\"f\": 1}}}}}}}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct json_object *data = parse(shapes[i]);
		char *text = NULL;

		CAPTURE(text, {
			show_print(out, &narrow_term, "x", data);
			stats_print(out, &narrow_term, data);
			reload_print(out, &narrow_term, data);
			list_print(out, &narrow_term, data, 0);
		});
		assert_contains(text, "x: -");
		assert_lacks(text, "null");
		free(text);
		json_object_put(data);
	}
}

static void test_reload_tells_what_changed(void **state)
{
	struct json_object *some = parse(
		"{\"added\": [\"a\", \"b\"], \"removed\": [], \"kept\": 5}");
	struct json_object *none = parse("{\"added\": [], \"changed\": [], \"kept\": 1}");
	char *text = NULL, *same = NULL;

	(void)state;
	CAPTURE(text, reload_print(out, &pipe_term, some));
	CAPTURE(same, reload_print(out, &pipe_term, none));
	assert_string_equal(text, "added    a, b\n5 kept as they were.\n");
	assert_string_equal(same, "Nothing has changed: 1 kept as it was.\n");
	free(text);
	free(same);
	json_object_put(some);
	json_object_put(none);
}

static void test_watchdog_tells_how_it_stands(void **state)
{
	static const struct {
		const char *data, *text;
	} cases[] = {
		{"{\"devices\": []}",
		 "No watchdog is used: there is none in the configuration, or obitd "
		 "only observes.\n"},
		{"{\"devices\": [{\"device\": \"/dev/watchdog0\", \"open\": true,"
		 "  \"identity\": \"iTCO\", \"timeout_ns\": 30000000000, \"magic_close\": true}],"
		 " \"fed\": true, \"phase\": \"feeds\", \"healthy\": true, \"why\": \"all is "
		 "well\","
		 " \"fed_ago_ns\": 2000000000, \"last_reset\": null}",
		 "/dev/watchdog0 (iTCO): resets the machine 30s after the last feed\n"
		 "Fed 2s ago. all is well\n"
		 "No reset by a watchdog is on record.\n"},
		{"{\"devices\": [{\"device\": \"/dev/dog\", \"open\": true, \"nowayout\": true,"
		 "  \"timeout_ns\": 30000000000, \"pretimeout_ns\": 5000000000,"
		 "  \"governor\": \"panic\", \"magic_close\": false}],"
		 " \"phase\": \"starves\", \"why\": \"web is gone\", \"left_ns\": 3000000000,"
		 " \"ungated\": \"so it is\", \"in_a_row\": 2, \"reset_limit\": 3,"
		 " \"last_reset\": {\"time\": \"T\", \"starved_at\": "
		 "\"1970-01-01T00:00:00.5+00:00\", \"what\": \"it bit\","
		 "  \"reason\": \"web was gone\", \"death\": {\"action_detail\": \"gave up\"},"
		 "  \"boot_status\": [\"card_reset\", \"overheat\"]}}",
		 "/dev/dog (of unknown make): resets the machine 30s after the last feed; panic 5s "
		 "before that; cannot be disarmed; stops if obitd crashes\n"
		 "NOT FED: the machine is reset in 3s. web is gone\n"
		 "Health does not count now: so it is\n"
		 "Last reset, 1970-01-01 00:00:00 (just now): it bit.\n"
		 "  web was gone\n"
		 "  gave up\n"
		 "  2 in a row (reset_limit = 3); the driver says: card_reset, overheat\n"},
		{"{\"devices\": [{\"device\": \"/dev/dog\", \"open\": false, \"error\": \"no "
		 "dog\"}],"
		 " \"phase\": \"feeds\", \"why\": \"all is well\", \"in_a_row\": 1, "
		 "\"reset_limit\": 0,"
		 " \"last_reset\": {\"time\": \"T\", \"what\": \"it bit\", \"boot_status\": null}}",
		 "no dog\n"
		 "No device is open: nothing would reset this machine. all is well\n"
		 "Last reset, T: it bit.\n"
		 "  1 in a row (reset_limit = 0); the driver says: nothing ever\n"},
		{"5", "No watchdog is used: there is none in the configuration, or obitd only "
		      "observes.\n"},
		{"{\"devices\": [7]}", "-\nNo device is open: nothing would reset this machine. -\n"
				       "No reset by a watchdog is on record.\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct json_object *data = parse(cases[i].data);
		char *text = NULL;

		CAPTURE(text, watchdog_print(out, &pipe_term, data, 1000000000));
		assert_string_equal(text, cases[i].text);
		free(text);
		json_object_put(data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_watchdog_tells_how_it_stands),
		cmocka_unit_test(test_columns_line_up),
		cmocka_unit_test(test_only_a_terminal_cuts),
		cmocka_unit_test(test_text_wraps_between_words),
		cmocka_unit_test(test_states_have_colors_on_a_terminal_only),
		cmocka_unit_test(test_list_shows_watches_instances_and_notes),
		cmocka_unit_test(test_instances_that_nothing_tells_apart_are_counted),
		cmocka_unit_test(test_an_empty_list_is_a_sentence),
		cmocka_unit_test(test_losses_come_first_and_red),
		cmocka_unit_test(test_show_says_what_is_missing_and_why),
		cmocka_unit_test(test_show_names_each_instance_that_has_no_process),
		cmocka_unit_test(test_any_shape_is_survived),
		cmocka_unit_test(test_reload_tells_what_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
