// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "test_cli_capture.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/death.h"
#include "cli/when.h"

#define COMMON                                                                                     \
	"\"time\": \"2026-11-21T09:38:12.500000+01:00\", \"watch\": \"web\", \"role\": \"main\","  \
	"\"pid\": 4711, \"ppid\": 1, \"uid\": 33, \"gid\": 33, \"comm\": \"nginx\","               \
	"\"lived_ns\": 192000000000, \"container\": null,"

#define KILLED	COMMON "\"how\": \"killed\", \"signal\": \"SIGKILL\", \"wait_status\": 9"
#define RESPAWN ", \"action\": \"respawn\", \"action_detail\": \"respawned at once\""

static uint64_t now(void)
{
	uint64_t ns = 0;

	assert_true(when_parse("2026-11-21T08:41:13Z", &ns));
	return ns;
}

static const struct {
	const char *json, *cause, *how, *brief;
} ways[] = {
	{"{" KILLED "}", "nginx (pid 4711) was killed by SIGKILL after 3min 12s.",
	 "killed by SIGKILL", "SIGKILL, 3min ago"},
	{"{" KILLED ", \"oom\": true}",
	 "nginx (pid 4711) was killed by SIGKILL after 3min 12s: out of memory.",
	 "killed, out of memory", "SIGKILL (oom), 3min ago"},
	{"{" KILLED ", \"killer\": {\"pid\": 812, \"comm\": \"bash\"}}",
	 "nginx (pid 4711) was killed by SIGKILL after 3min 12s, sent by bash (pid 812).",
	 "killed by SIGKILL", "SIGKILL, 3min ago"},
	{"{" COMMON "\"how\": \"exited\", \"exit_status\": 3}",
	 "nginx (pid 4711) exited with status 3 after 3min 12s.", "exited 3", "exit 3, 3min ago"},
	{"{" COMMON "\"how\": \"dumped\", \"signal\": \"SIGSEGV\"}",
	 "nginx (pid 4711) was killed by SIGSEGV and dumped core after 3min 12s.",
	 "SIGSEGV, core dumped", "SIGSEGV (core), 3min ago"},
	{"{\"how\": \"vanished\", \"wait_status\": 7, \"comm\": \"x\"}",
	 "x (pid -) ended with wait status 7.", "wait status 7", "status 7"},
	{"{\"role\": \"member\", \"watch\": \"web\", \"how\": \"exited\", \"exit_status\": 0}",
	 "- (pid -), a member of web, exited with status 0.", "exited 0", "exit 0"},
	{"{}", "- (pid -) ended with wait status -.", "wait status -", "status -"},
	{"[1, null]", "- (pid -) ended with wait status -.", "wait status -", NULL},
};

static void test_every_way_to_die_has_its_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct json_object *death = parse(ways[i].json);

		assert_text(death_cause(death), ways[i].cause);
		assert_text(death_how(death), ways[i].how);
		if (ways[i].brief)
			assert_text(death_brief(death, now()), ways[i].brief);
		else
			assert_null(death_brief(death, now()));
		json_object_put(death);
	}
}

static const struct {
	const char *json, *sentence;
	enum style style;
} actions[] = {
	{"{\"action\": \"respawn\", \"action_detail\": \"respawned at once\"}",
	 "Respawned at once.", STYLE_GREEN},
	{"{\"action\": \"bury\", \"action_detail\": \"buried: more than 5 starts in 10s\"}",
	 "Buried: more than 5 starts in 10s.", STYLE_RED},
	{"{\"action\": \"none\"}", "Nothing was done about it.", STYLE_DIM},
	{"{\"action\": \"dance\"}", "Dance.", STYLE_PLAIN},
	{"{}", "What was done about it is not known.", STYLE_PLAIN},
};

static void test_the_action_is_a_sentence(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		struct json_object *death = parse(actions[i].json);

		assert_text(death_action(death), actions[i].sentence);
		assert_int_equal(death_action_style(death), actions[i].style);
		json_object_put(death);
	}
}

static void test_the_story_has_aligned_evidence_and_no_nulls(void **state)
{
	struct json_object *death = parse(
		"{" KILLED RESPAWN ", \"argv\": [\"nginx\", \"-g\", \"daemon off;\"],"
		"\"max_rss_kib\": 12600, \"cpu_ns\": 1230000000, \"core_dumped\": false,"
		"\"killer\": {\"pid\": 812, \"comm\": \"bash\", \"uid\": 0}}");
	char *text = NULL;

	(void)state;
	CAPTURE(text, death_tell(out, &pipe_term, death, now()));
	assert_string_equal(
		text,
		"nginx (pid 4711) was killed by SIGKILL after 3min 12s, sent by bash (pid 812).\n"
		"Respawned at once.\n"
		"  when:           2026-11-21 09:38:12 (3min ago)\n"
		"  watch:          web (main)\n"
		"  killer:         bash (pid 812, uid 0)\n"
		"  command line:   nginx -g 'daemon off;'\n"
		"  user ids:       uid 33, gid 33\n"
		"  parent:         pid 1\n"
		"  lived:          3min 12s\n"
		"  cpu time:       1.2s\n"
		"  peak memory:    12.3 MiB\n"
		"  wait status:    0x0009\n");
	free(text);
	json_object_put(death);
}

static void test_a_fault_says_where_and_what(void **state)
{
	struct json_object *death = parse("{\"how\": \"dumped\", \"signal\": \"SIGSEGV\","
					  "\"fault\": {\"code\": 1, \"address\": 48879}}");
	char *text = NULL;

	(void)state;
	CAPTURE(text, death_tell(out, &pipe_term, death, now()));
	assert_contains(text,
			"  fault:          at address 0xbeef: nothing is mapped there (code 1)\n");
	free(text);
	json_object_put(death);
}

static void test_foreign_strings_cannot_reach_the_terminal(void **state)
{
	struct json_object *death = parse("{\"comm\": \"\\u001b[2Jx\", \"path\": \"/a\\u009bb\","
					  "\"argv\": [\"\\u001b]0;x\\u0007\"], \"watch\": \"w\\n\","
					  "\"cgroup\": \"/\\u007f\", \"pid\": \"\\u001b\"}");
	size_t width = 0;
	char *text = NULL;

	(void)state;
	CAPTURE(text, {
		death_tell(out, &pipe_term, death, now());
		death_line(out, &pipe_term, &width, death);
	});
	assert_contains(text, "\\x1b[2Jx");
	assert_contains(text, "$'\\x1b]0;x\\x07'");
	assert_lacks(text, "\033");
	assert_lacks(text, "\302\233");
	assert_lacks(text, "\177");
	free(text);
	json_object_put(death);
}

static void test_any_shape_is_survived(void **state)
{
	static const char *const shapes[] = {
		"5",
		"[]",
		"\"text\"",
		"{\"time\": 5, \"argv\": {\"a\": 1}, \"killer\": [1], \"fault\": {}, \"oom\": 1}",
		"{\"time\": \"2026\", \"argv\": [null, 1, {}], \"killer\": {}, \"lived_ns\": -1}",
		"{\"watch\": null, \"how\": \"exited\", \"max_rss_kib\": 1.5, \"action\": {}}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct json_object *death = parse(shapes[i]);
		size_t width = 0;
		char *text = NULL;

		CAPTURE(text, {
			death_tell(out, &narrow_term, death, now());
			death_line(out, &narrow_term, &width, death);
		});
		assert_contains(text, "(pid -)");
		assert_lacks(text, "null");
		free(text);
		json_object_put(death);
	}
}

static void test_a_line_fits_80_columns_and_lines_up(void **state)
{
	struct json_object *death = parse("{" KILLED RESPAWN "}");
	size_t width = 0;
	char *text = NULL;

	(void)state;
	CAPTURE(text, {
		death_headings(out, &narrow_term);
		death_line(out, &narrow_term, &width, death);
	});
	assert_string_equal(
		text, "TIME      WATCH         PID  HOW                    LIVED      ACTION\n"
		      "09:38:12  web          4711  killed by SIGKILL      3min 12s   respawned at "
		      "once\n");
	free(text);
	json_object_put(death);
}

static void test_a_pipe_gets_one_line_a_death(void **state)
{
	struct json_object *death = parse(
		"{" KILLED ", \"action\": \"report\", \"action_detail\": \"owned by systemd unit "
		"postgresql-with-a-long-name.service: reported only\"}");
	char *piped = NULL, *shown = NULL;
	size_t width = 0;

	(void)state;
	CAPTURE(piped, death_line(out, &pipe_term, &width, death));
	CAPTURE(shown, death_line(out, &narrow_term, &width, death));
	assert_ptr_equal(strchr(piped, '\n'), piped + strlen(piped) - 1);
	assert_contains(shown, "\n          owned by systemd unit");
	free(piped);
	free(shown);
	json_object_put(death);
}

static void test_a_members_death_is_marked(void **state)
{
	struct json_object *death = parse(
		"{\"role\": \"member\", \"watch\": \"web\", \"action\": \"none\","
		"\"action_detail\": null, \"how\": \"exited\", \"exit_status\": 0}");
	size_t width = 0;
	char *text = NULL;

	(void)state;
	CAPTURE(text, death_line(out, &color_term, &width, death));
	assert_contains(text, "\033[2m(member)\033[0m");
	free(text);
	json_object_put(death);
}

static void test_a_gap_is_told(void **state)
{
	char *text = NULL;

	(void)state;
	CAPTURE(text, {
		death_gap(out, &pipe_term, 1234);
		death_gap(out, &color_term, 1);
	});
	assert_string_equal(
		text, "--- 1234 deaths dropped here: there were more than could be taken ---\n"
		      "\033[2m--- 1 death dropped here: there were more than could be taken "
		      "---\033[0m\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_way_to_die_has_its_words),
		cmocka_unit_test(test_the_action_is_a_sentence),
		cmocka_unit_test(test_the_story_has_aligned_evidence_and_no_nulls),
		cmocka_unit_test(test_a_fault_says_where_and_what),
		cmocka_unit_test(test_foreign_strings_cannot_reach_the_terminal),
		cmocka_unit_test(test_any_shape_is_survived),
		cmocka_unit_test(test_a_line_fits_80_columns_and_lines_up),
		cmocka_unit_test(test_a_pipe_gets_one_line_a_death),
		cmocka_unit_test(test_a_members_death_is_marked),
		cmocka_unit_test(test_a_gap_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
