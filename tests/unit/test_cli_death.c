// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "test_cli_capture.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/alloc.h"
#include "cli/amount.h"
#include "cli/death.h"
#include "cli/evidence.h"
#include "cli/fault.h"
#include "cli/hint.h"
#include "cli/sentence.h"
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

/* The pictures of test_cli_why.c show every cause; here are those that are told less, or that
 * contradict themselves. */
static const struct {
	const char *json, *sentence, *how, *brief;
} ways[] = {
	{"{" KILLED "}",
	 "nginx (pid 4711) was killed by SIGKILL after 3min 12s; who sent it is not known.",
	 "SIGKILL", "SIGKILL, 3min ago"},
	{"{" KILLED ", \"oom\": true}",
	 "nginx (pid 4711) ran out of memory after 3min 12s: the kernel killed it.",
	 "out of memory", "out of memory, 3min ago"},
	{"{" KILLED ", \"cause\": \"oom\", \"oom_cause\": {\"scope\": \"cgroup\"}}",
	 "nginx (pid 4711) ran out of memory after 3min 12s: its cgroup reached its limit, and the "
	 "kernel killed it.",
	 "out of memory", "out of memory, 3min ago"},
	{"{" KILLED ", \"cause\": \"oom\", \"cgroup\": \"/a/b\", \"oom_cause\": {\"scope\": "
	 "\"cgroup\", \"cgroup\": \"/a\", \"limit_bytes\": 1610612736}}",
	 "nginx (pid 4711) ran out of memory after 3min 12s: the cgroup /a reached its limit of "
	 "1.5 GiB, and the kernel killed it.",
	 "out of memory", "out of memory, 3min ago"},
	{"{\"how\": \"killed\", \"cause\": \"oom\", \"cgroup\": \"/a\", \"container\": \"c\", "
	 "\"oom_cause\": {\"scope\": \"cgroup\", \"cgroup\": \"/a\"}}",
	 "process ran out of memory: its container reached its limit, and the kernel killed it.",
	 "out of memory", "out of memory"},
	{"{" KILLED ", \"killer\": {\"pid\": 812, \"comm\": \"bash\"}}",
	 "nginx (pid 4711) was killed by SIGKILL, sent by bash (pid 812), after 3min 12s.",
	 "SIGKILL by bash(812)", "SIGKILL by bash(812), 3min ago"},
	{"{" KILLED ", \"killer\": {\"path\": \"/usr/bin/kill\", \"uid\": 33}}",
	 "nginx (pid 4711) was killed by SIGKILL, sent by kill (pid unknown, /usr/bin/kill, uid "
	 "33), after 3min 12s.",
	 "SIGKILL by kill", "SIGKILL by kill, 3min ago"},
	{"{" KILLED ", \"killer\": {\"pid\": 4711, \"comm\": \"nginx\"}}",
	 "nginx (pid 4711) ended itself by SIGKILL after 3min 12s.", "SIGKILL by itself",
	 "SIGKILL by itself, 3min ago"},
	{"{" KILLED ", \"cause\": \"process\"}",
	 "nginx (pid 4711) was killed by SIGKILL, sent by another process, after 3min 12s.",
	 "SIGKILL", "SIGKILL, 3min ago"},
	{"{" KILLED ", \"cause\": \"parent\"}",
	 "nginx (pid 4711) was killed by SIGKILL after 3min 12s: its parent ended, and it was set "
	 "to end with it (PR_SET_PDEATHSIG).",
	 "SIGKILL (parent ended)", "SIGKILL (parent ended), 3min ago"},
	{"{" KILLED ", \"cause\": \"exit\"}",
	 "nginx (pid 4711) was killed by SIGKILL after 3min 12s; who sent it is not known.",
	 "SIGKILL", "SIGKILL, 3min ago"},
	{"{" KILLED ", \"cause\": \"gremlins\"}",
	 "nginx (pid 4711) was killed by SIGKILL after 3min 12s; who sent it is not known.",
	 "SIGKILL", "SIGKILL, 3min ago"},
	{"{" COMMON "\"how\": \"killed\"}",
	 "nginx (pid 4711) was killed by an unknown signal after 3min 12s; who sent it is not "
	 "known.",
	 "an unknown signal", "an unknown signal, 3min ago"},
	{"{" COMMON "\"how\": \"exited\", \"exit_status\": 3, \"cause\": \"oom\"}",
	 "nginx (pid 4711) exited with status 3 after 3min 12s.", "exit 3", "exit 3, 3min ago"},
	{"{" COMMON "\"how\": \"exited\"}",
	 "nginx (pid 4711) exited with an unknown status after 3min 12s.", "exit -",
	 "exit -, 3min ago"},
	{"{" COMMON "\"how\": \"exited\", \"exit_status\": 0, \"asked_by\": {}}",
	 "nginx (pid 4711) was asked to stop by process (an unknown signal), and exited with "
	 "status "
	 "0, 3min 12s after its start.",
	 "exit 0 on an unknown signal", "exit 0 on an unknown signal, 3min ago"},
	{"{" COMMON "\"how\": \"dumped\", \"signal\": \"SIGSEGV\", \"cause\": \"fault\"}",
	 "nginx (pid 4711) crashed with SIGSEGV after 3min 12s, and dumped core.", "SIGSEGV core",
	 "SIGSEGV core, 3min ago"},
	{"{" COMMON "\"how\": \"killed\", \"signal\": \"SIGSYS\", \"fault\": {}}",
	 "nginx (pid 4711) made a forbidden system call and was killed by SIGSYS after 3min 12s.",
	 "SIGSYS (seccomp)", "SIGSYS (seccomp), 3min ago"},
	{"{" COMMON "\"how\": \"killed\", \"signal\": \"SIGHUP\", \"cause\": \"terminal\"}",
	 "nginx (pid 4711) lost its terminal and was killed by SIGHUP after 3min 12s.",
	 "SIGHUP by terminal", "SIGHUP by terminal, 3min ago"},
	{"{\"how\": \"vanished\", \"wait_status\": 7, \"comm\": \"x\"}",
	 "x ended with wait status 7.", "status 7", "status 7"},
	{"{\"role\": \"member\", \"watch\": \"web\", \"how\": \"exited\", \"exit_status\": 0}",
	 "process, a member of web, finished (exit status 0).", "exit 0", "exit 0"},
	{"{}", "process ended, nobody knows how.", "status -", "status -"},
	{"[1, null]", "process ended, nobody knows how.", "status -", NULL},
};

static void test_every_way_to_die_has_its_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct json_object *death = parse(ways[i].json);

		assert_text(death_sentence(death), ways[i].sentence);
		assert_text(death_how(death), ways[i].how);
		if (ways[i].brief)
			assert_text(death_brief(death, now()), ways[i].brief);
		else
			assert_null(death_brief(death, now()));
		json_object_put(death);
	}
}

#define ASKED_BY(pid, signal, before)                                                              \
	", \"asked_by\": {\"pid\": " #pid ", \"comm\": \"systemd\", \"signal\": \"" signal         \
	"\", \"before_ns\": " #before "}"
#define KILLED_BY(pid, signal)                                                                     \
	COMMON "\"how\": \"killed\", \"cause\": \"process\", \"signal\": \"" signal                \
	       "\", \"killer\": {\"pid\": " #pid ", \"comm\": \"systemd\"}"

static const struct {
	const char *json, *sentence;
} requests[] = {
	/* The signal that killed it is no request of its own. */
	{"{" KILLED_BY(1, "SIGTERM") ASKED_BY(1, "SIGTERM", 5000) "}",
	 "nginx (pid 4711) was killed by SIGTERM, sent by systemd (pid 1), after 3min 12s."},
	{"{" KILLED_BY(1, "SIGKILL") ASKED_BY(1, "SIGTERM", 10000000000) "}",
	 "nginx (pid 4711) was asked to stop by systemd (pid 1, SIGTERM), did not, and 10s later "
	 "was "
	 "killed by SIGKILL, sent by the same process, 3min 12s after its start."},
	{"{" KILLED_BY(9, "SIGKILL") ASKED_BY(1, "SIGTERM", 10000000000) "}",
	 "nginx (pid 4711) was asked to stop by systemd (pid 1, SIGTERM), did not, and 10s later "
	 "was "
	 "killed by SIGKILL, sent by systemd (pid 9), 3min 12s after its start."},
	{"{" KILLED_BY(9, "SIGTERM") ASKED_BY(1, "SIGTERM", 10000000000) "}",
	 "nginx (pid 4711) was asked to stop by systemd (pid 1, SIGTERM), and 10s later was killed "
	 "by SIGTERM, sent by systemd (pid 9), 3min 12s after its start."},
	{"{" KILLED ", \"cause\": \"kernel\"" ASKED_BY(1, "SIGINT", 2000000000) "}",
	 "nginx (pid 4711) was asked to stop by systemd (pid 1, SIGINT), and 2s later was killed "
	 "by "
	 "SIGKILL, sent by the kernel, 3min 12s after its start; the kernel log (dmesg) may say "
	 "why."},
	{"{" COMMON "\"how\": \"exited\", \"exit_status\": 1" ASKED_BY(1, "SIGQUIT", -5) "}",
	 "nginx (pid 4711) was asked to stop by systemd (pid 1, SIGQUIT), and exited with status "
	 "1, "
	 "3min 12s after its start."},
};

static void test_a_request_to_stop_is_told_first(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		struct json_object *death = parse(requests[i].json);

		assert_text(death_sentence(death), requests[i].sentence);
		json_object_put(death);
	}
}

static const struct {
	const char *signal, *fault, *words, *code;
} faults[] = {
	{"SIGSEGV", "{\"code\": 1, \"address\": \"0xffff\"}",
	 "it accessed address 0xffff (nothing is mapped there: a null pointer)",
	 "SEGV_MAPERR at 0xffff"},
	{"SIGSEGV", "{\"code\": 1, \"address\": \"0x10000\"}",
	 "it accessed address 0x10000 (nothing is mapped there)", "SEGV_MAPERR at 0x10000"},
	{"SIGSEGV", "{\"code\": 1, \"address\": 48879}",
	 "it accessed address 0xbeef (nothing is mapped there: a null pointer)",
	 "SEGV_MAPERR at 0xbeef"},
	{"SIGSEGV", "{\"code\": 1, \"address\": \"0\"}",
	 "it accessed address 0 (nothing is mapped there)", "SEGV_MAPERR at 0"},
	{"SIGSEGV", "{\"code\": 1, \"address\": \"0x\"}",
	 "it accessed address 0x (nothing is mapped there)", "SEGV_MAPERR at 0x"},
	{"SIGSEGV", "{\"code\": 2, \"address\": \"0x0\"}",
	 "it accessed address 0x0 (what is mapped there does not permit it)", "SEGV_ACCERR at 0x0"},
	{"SIGSEGV", "{\"name\": \"SEGV_MAPERR\"}",
	 "it accessed memory, but nothing is mapped there", "SEGV_MAPERR"},
	{"SIGSEGV", "{\"code\": 128, \"name\": \"SI_KERNEL\", \"address\": \"0x0\"}",
	 "a fault without an address: a wild pointer (x86's general protection fault), or no room "
	 "on the "
	 "stack for a signal handler",
	 "SI_KERNEL"},
	{"SIGSEGV", "{\"code\": 77, \"address\": \"0x0\"}", "code 77 at 0x0", "code 77 at 0x0"},
	{"SIGBUS", "{\"code\": 2, \"address\": \"0x7f00\"}",
	 "it accessed address 0x7f00 (no memory is behind it, as after the end of a mapped file)",
	 "BUS_ADRERR at 0x7f00"},
	{"SIGFPE", "{\"code\": 1, \"address\": \"0x7f00\"}", "an integer was divided by zero",
	 "FPE_INTDIV at 0x7f00"},
	{"SIGILL", "{\"code\": 2}",
	 "an invalid instruction (a failed check in the program, or a build for another CPU)",
	 "ILL_ILLOPN"},
	{"SIGWHAT", "{\"code\": 1}", "code 1", "code 1"},
	{"SIGSEGV", "{}", NULL, NULL},
	{"SIGSEGV", "5", NULL, NULL},
};

static void assert_maybe_text(char *text, const char *expected)
{
	if (expected)
		assert_text(text, expected);
	else
		assert_null(text);
}

static void test_a_fault_says_where_and_what(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		_cleanup_free_ char *json = must_printf("{\"signal\": \"%s\", \"fault\": %s}",
							faults[i].signal, faults[i].fault);
		struct json_object *death = parse(json);

		assert_maybe_text(fault_words(death), faults[i].words);
		assert_maybe_text(fault_code(death), faults[i].code);
		json_object_put(death);
	}
}

static const struct {
	const char *comm, *status, *hint;
} hints[] = {
	{"x", "0", NULL},
	{"x", "1", NULL},
	{"x", "255", NULL},
	{"x", "126", "as a shell does when a command cannot be executed"},
	{"x", "127", "as a shell does when a command is not found"},
	{"x", "128", NULL},
	{"x", "129", "128+1, which often means SIGHUP"},
	{"x", "137", "128+9, which often means SIGKILL"},
	{"x", "143", "128+15, which often means SIGTERM"},
	{"x", "192", NULL},
	{"x", "64", "EX_USAGE, which often means a wrong command line"},
	{"x", "78", "EX_CONFIG, which often means an error in its configuration"},
	{"x", "79", NULL},
	/* systemd's numbers are its own only while it still is systemd. */
	{"x", "203", NULL},
	{"(x)", "203", "systemd's code EXEC: its program could not be executed"},
	{"(x)", "217", "systemd's code USER: its user does not exist or could not be taken"},
	{"(x)", "1", NULL},
	{"x", "\"127\"", NULL},
};

static void test_some_exit_statuses_have_a_meaning(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		_cleanup_free_ char *json = must_printf("{\"comm\": \"%s\", \"exit_status\": %s}",
							hints[i].comm, hints[i].status);
		struct json_object *death = parse(json);

		assert_maybe_text(hint_exit(death), hints[i].hint);
		json_object_put(death);
	}
}

static const struct {
	uint64_t bytes;
	const char *text;
} amounts[] = {
	{0, "0 bytes"},
	{1023, "1023 bytes"},
	{1024, "1 KiB"},
	{1536, "1.5 KiB"},
	{512 << 20, "512 MiB"},
	{(512 << 20) - 40960, "512 MiB"},
	{UINT64_C(1288490189), "1.2 GiB"},
	{UINT64_MAX, "16 EiB"},
};

static void test_amounts_have_one_digit_after_the_point(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(amounts); i++)
		assert_text(amount_of_bytes(amounts[i].bytes), amounts[i].text);
}

#define DUMPED "\"pid\": 7, \"how\": \"dumped\", \"signal\": \"SIGSEGV\", \"path\": \"/bin/x\""
#define FAILED "\"how\": \"exited\", \"exit_status\": 1"

static const struct {
	const char *json, *command; /* NULL: there is none */
} next_steps[] = {
	{"{" DUMPED "}", NULL},
	{"{" DUMPED ", \"core\": {\"path\": \"/var/core.7\", \"handler\": null}}",
	 "gdb /bin/x /var/core.7"},
	{"{" DUMPED ", \"core\": {\"path\": \"/var/$(reboot)\"}}", "gdb /bin/x '/var/$(reboot)'"},
	{"{" DUMPED ", \"core\": {\"path\": \"core\"}}", NULL},
	{"{" DUMPED ", \"core\": {\"handler\": \"/usr/lib/systemd/systemd-coredump %P %u\"}}",
	 "coredumpctl info 7"},
	{"{" DUMPED ", \"core\": {\"handler\": \"/usr/share/apport/apport %p\"}}", NULL},
	{"{\"core\": {\"path\": \"/core\"}}", "gdb -c /core"},
	{"{" FAILED "}", NULL},
	{"{" FAILED ", \"unit\": \"a b.service\"}", "journalctl -n 30 -u 'a b.service'"},
	{"{" FAILED ", \"unit\": \"a.scope\"}", NULL},
	{"{" FAILED ", \"unit\": \"a.service\", \"container\": \"c\"}", NULL},
	{"{" FAILED
	 ", \"unit\": \"a.service\", \"cgroup\": \"/user.slice/user@7.service/a.service\"}",
	 NULL},
	{"{\"how\": \"exited\", \"exit_status\": 0, \"unit\": \"a.service\"}", NULL},
};

static void test_the_next_step_is_a_command_to_copy(void **state)
{
	static const struct term small = {.interactive = true, .width = 40};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(next_steps); i++) {
		struct json_object *death = parse(next_steps[i].json);
		_cleanup_free_ char *line = must_printf("  next step:      %s\n",
							next_steps[i].command);
		_cleanup_free_ char *text = NULL;

		CAPTURE(text, evidence_print(out, &small, death, now()));
		if (next_steps[i].command)
			assert_contains(text, line);
		else
			assert_lacks(text, "next step");
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
	{"{\"action\": \"bury\", \"watch\": \"web\"}",
	 "Buried: not respawned until it is revived. To bring it back: obit revive web", STYLE_RED},
	{"{\"action\": \"respawn\", \"action_detail\": \"respawned at once (observing: not "
	 "done)\"}",
	 "Respawned at once (observing: not done).", STYLE_DIM},
	{"{\"action\": \"bury\", \"watch\": \"web\", \"action_detail\": \"buried: too many "
	 "(observing: not "
	 "done)\"}",
	 "Buried: too many (observing: not done).", STYLE_DIM},
	{"{\"action\": \"none\"}", "Nothing was done about it.", STYLE_DIM},
	{"{\"action\": \"ask-owner\", \"action_detail\": \"its owner x is asked\", \"outcome\": "
	 "{\"action\": \"restarted\", \"action_detail\": \"restarted by its owner x (pid 7)\"}}",
	 "Restarted by its owner x (pid 7).", STYLE_GREEN},
	{"{\"action\": \"ask-owner\", \"watch\": \"web\", \"outcome\": {\"action\": \"bury\"}}",
	 "Buried: not respawned until it is revived. To bring it back: obit revive web", STYLE_RED},
	{"{\"action\": \"ask-owner\", \"outcome\": \"restarted\"}",
	 "Its owner is asked whether it restarts it.", STYLE_YELLOW},
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

static const struct {
	const char *json;
	size_t columns;
	const char *text;
} short_actions[] = {
	{"{\"action\": \"respawn\", \"action_detail\": \"respawn in 1.6s (attempt 5)\"}", 27,
	 "respawn in 1.6s (attempt 5)"},
	{"{\"action\": \"respawn\", \"action_detail\": \"respawn in 1.6s (attempt 5)\"}", 26,
	 "respawn in 1.6s"},
	{"{\"action\": \"respawn\", \"action_detail\": \"respawn in 1.6s (attempt 5)\"}", 10,
	 "respawned"},
	{"{\"action\": \"report\", \"action_detail\": \"not respawned: it belongs to x; y = z\"}",
	 35, "not respawned: it belongs to x"},
	{"{\"action\": \"report\", \"action_detail\": \"not respawned: it belongs to x; y = z\"}",
	 17, "not respawned"},
	{"{\"action\": \"none\", \"action_detail\": \"stopped by the operator\"}", 17, "stopped"},
	{"{\"action\": \"none\", \"action_detail\": \"nothing was done about it\"}", 17,
	 "nothing was done\342\200\246"},
	{"{\"action\": \"respawn\", \"action_detail\": \"respawned at once (observing: not "
	 "done)\"}",
	 39, "respawned at once (observing: not done)"},
	{"{\"action\": \"respawn\", \"action_detail\": \"respawned at once (observing: not "
	 "done)\"}",
	 38, "observed: respawn"},
	{"{\"action\": \"dance\", \"action_detail\": \"respawned at once (observing: not done)\"}",
	 16, "observed: dance"},
	{"{\"action\": \"respawn\", \"action_detail\": \"respawned at once (observing: not "
	 "done)\"}",
	 16, "observed"},
	{"{\"action\": \"respawn\", \"action_detail\": \"paused: respawn is held until resumed\"}",
	 17, "paused"},
	{"{\"action\": \"hand-over\"}", 17, "handed over"},
	{"{\"action\": \"hand-over\"}", 1, "\342\200\246"},
	{"{\"action\": \"respawn\", \"action_detail\": \": \"}", 1, "\342\200\246"},
	{"{}", 17, "-"},
};

static void test_an_action_without_room_is_told_shorter(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(short_actions); i++) {
		struct json_object *death = parse(short_actions[i].json);

		assert_text(death_action_short(death, short_actions[i].columns),
			    short_actions[i].text);
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
		"nginx (pid 4711) was killed by SIGKILL, sent by bash (pid 812, root), after 3min "
		"12s.\n"
		"Respawned at once.\n"
		"  when:           2026-11-21 09:38:12 (3min ago)\n"
		"  watch:          web (main)\n"
		"  peak memory:    12.3 MiB\n"
		"  command line:   nginx -g 'daemon off;'\n"
		"  user ids:       uid 33, gid 33\n"
		"  parent:         pid 1\n"
		"  cpu time:       1.2s\n"
		"  wait status:    0x0009\n");
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
		death_headings(out, &narrow_term, width);
		death_line(out, &narrow_term, &width, death);
	});
	assert_string_equal(
		text, "TIME      WATCH         PID  HOW                    LIVED      ACTION\n"
		      "09:38:12  web          4711  SIGKILL                3min 12s   respawned at "
		      "once\n");
	free(text);
	json_object_put(death);
}

static char *line_of(const struct term *term, size_t *width, const char *json)
{
	struct json_object *death = parse(json);
	char *text = NULL;

	CAPTURE(text, death_line(out, term, width, death));
	json_object_put(death);
	return text;
}

static void test_a_pipe_gets_every_word_on_one_line(void **state)
{
	static const char json[] = "{" KILLED ", \"action\": \"report\", \"action_detail\": "
				   "\"not respawned: it belongs to systemd unit x.service\"}";
	size_t width = 0;

	(void)state;
	assert_text(line_of(&pipe_term, &width, json),
		    "09:38:12  web          4711  SIGKILL                      3min 12s   not "
		    "respawned: it belongs to systemd unit x.service\n");
	assert_text(
		line_of(&narrow_term, &width, json),
		"09:38:12  web          4711  SIGKILL                3min 12s   not respawned\n");
}

static void test_a_burial_has_a_line_of_its_own(void **state)
{
	static const char json[] = "{" KILLED ", \"action\": \"bury\", \"action_detail\": "
				   "\"buried: more than 5 starts in 10s (start_limit_burst)\"}";
	size_t width = 0;

	(void)state;
	assert_text(line_of(&narrow_term, &width, json),
		    "09:38:12  web          4711  SIGKILL                3min 12s\n"
		    "          buried: more than 5 starts in 10s (start_limit_burst)\n");
}

static char *outcome_line_of(const struct term *term, const char *json)
{
	struct json_object *outcome = parse(json);
	size_t width = 0;
	char *text = NULL;

	CAPTURE(text, death_outcome_line(out, term, &width, outcome));
	json_object_put(outcome);
	return text;
}

static void test_what_has_become_of_a_death_stands_behind_its_pid(void **state)
{
	static const struct term small = {.width = 40};
	static const char json[] =
		"{\"time\": \"2026-11-21T09:38:12.000000+00:00\", \"outcome_of\": \"4711:99\", "
		"\"watch\": \"web\", \"action\": \"report\", \"action_detail\": \"not respawned: "
		"whether its owner systemd restarts it cannot be told: it is too late\"}";

	(void)state;
	assert_text(outcome_line_of(&pipe_term, json),
		    "09:38:12  web          4711  not respawned: whether its owner systemd "
		    "restarts it cannot be told: it is too late\n");
	assert_text(outcome_line_of(&narrow_term, json),
		    "09:38:12  web          4711  not respawned\n");
	assert_text(outcome_line_of(&small, json), "09:38:12  web\n"
						   "          pid 4711: not respawned:\n"
						   "          whether its owner systemd\n"
						   "          restarts it cannot be told: it\n"
						   "          is too late\n");
	assert_text(outcome_line_of(&pipe_term, "{\"outcome_of\": \"\\u001b[2J\", \"watch\": 5}"),
		    "-         5               -  -\n");
}

#define JAPANESE "\\u65e5\\u672c\\u8a9e" /* three characters of two columns each */

static const struct {
	const char *comm, *cell;
	size_t width; /* of the column: 8 to 13 */
} wide_names[] = {
	{"sh", "sh", 8},
	{"a-long-name-of-20-chars", "a-long-name-\342\200\246", 13},
	{JAPANESE, "\346\227\245\346\234\254\350\252\236", 8},
	{JAPANESE JAPANESE JAPANESE,
	 "\346\227\245\346\234\254\350\252\236\346\227\245\346\234\254\350\252\236\342\200\246",
	 13},
	{"e\\u0301e\\u0301e\\u0301", "e\314\201e\314\201e\314\201", 8},
	{"\\u001b[2J", "\\x1b[2J", 8},
	{"\\n\\n\\n\\n", "\\x0a\\x0a\\x0a\342\200\246", 13},
};

static void test_names_take_the_room_that_they_have(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wide_names); i++) {
		_cleanup_free_ char *json = must_printf(
			"{\"role\": \"unwatched\", \"watch\": null, \"pid\": 7, \"comm\": \"%s\"}",
			wide_names[i].comm);
		_cleanup_free_ char *cell = must_printf("-         %s  ", wide_names[i].cell);
		_cleanup_free_ char *shown = NULL, *piped = NULL;
		size_t width = 0, unlimited = 0;

		shown = line_of(&narrow_term, &width, json);
		piped = line_of(&pipe_term, &unlimited, json);
		assert_contains(shown, cell);
		assert_contains(shown, "(unwatched)");
		assert_lacks(piped, "\342\200\246");
		*strstr(shown, "7  status") = '\0';
		assert_int_equal(text_columns(shown),
				 strlen("09:38:12  ") + wide_names[i].width + strlen("        "));
	}
}

static void test_the_column_of_watches_grows_once(void **state)
{
	struct json_object *death = parse("{\"watch\": \"a-long-name\"}");
	size_t width = 0;

	(void)state;
	free(line_of(&narrow_term, &width, "{\"watch\": \"web\"}"));
	death_line_measure(&narrow_term, &width, death);
	assert_int_equal(width, strlen("a-long-name"));
	assert_text(line_of(&narrow_term, &width, "{\"watch\": \"web\", \"pid\": 7}"),
		    "-         web                7  status -            -          -\n");
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
		cmocka_unit_test(test_a_request_to_stop_is_told_first),
		cmocka_unit_test(test_a_fault_says_where_and_what),
		cmocka_unit_test(test_some_exit_statuses_have_a_meaning),
		cmocka_unit_test(test_amounts_have_one_digit_after_the_point),
		cmocka_unit_test(test_the_next_step_is_a_command_to_copy),
		cmocka_unit_test(test_the_action_is_a_sentence),
		cmocka_unit_test(test_an_action_without_room_is_told_shorter),
		cmocka_unit_test(test_the_story_has_aligned_evidence_and_no_nulls),
		cmocka_unit_test(test_foreign_strings_cannot_reach_the_terminal),
		cmocka_unit_test(test_any_shape_is_survived),
		cmocka_unit_test(test_a_line_fits_80_columns_and_lines_up),
		cmocka_unit_test(test_a_pipe_gets_every_word_on_one_line),
		cmocka_unit_test(test_a_burial_has_a_line_of_its_own),
		cmocka_unit_test(test_what_has_become_of_a_death_stands_behind_its_pid),
		cmocka_unit_test(test_names_take_the_room_that_they_have),
		cmocka_unit_test(test_the_column_of_watches_grows_once),
		cmocka_unit_test(test_a_members_death_is_marked),
		cmocka_unit_test(test_a_gap_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
