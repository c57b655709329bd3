// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "io/hooks.h"
#include "io/loop.h"
#include "io/sys.h"

#define RUNNING	 2
#define WAITING	 3
#define GRACE	 (50 * NS_PER_MS)
#define LONG	 (60 * NS_PER_SEC) /* none of the tests takes so long */
#define TOLD_MAX 16

struct fake_sys fake_sys;

static struct loop *loop;
static struct loop_timer *tick;
static struct hooks *hooks;
static char dir[64];

static struct {
	char name[32], output[HOOK_OUTPUT_SIZE];
	uint64_t id;
	enum hook_outcome outcome;
	int value;
} told[TOLD_MAX];
static unsigned told_count;

static void on_told(void *arg, const struct hook_result *result)
{
	assert_ptr_equal(arg, &told_count);
	assert_true(told_count < TOLD_MAX);
	snprintf(told[told_count].name, sizeof(told[0].name), "%s", result->name);
	snprintf(told[told_count].output, sizeof(told[0].output), "%s", result->output);
	told[told_count].id = result->id;
	told[told_count].outcome = result->outcome;
	told[told_count++].value = result->value;
}

static void on_tick(void *arg)
{
	(void)arg; /* it ends the turn */
}

static int refuse_false(const char *path)
{
	return strcmp(path, "/bin/false") ? 0 : -EPERM;
}

static int set_up(void **state)
{
	struct hooks_options options = {
		.running_max = RUNNING,
		.waiting_max = WAITING,
		.grace_ns = GRACE,
		.files = {.rlim_cur = 77, .rlim_max = 99},
		.may_run = refuse_false,
		.told = on_told,
		.arg = &told_count,
	};

	(void)state;
	told_count = 0;
	strcpy(dir, "/tmp/obit-hooks.XXXXXX");
	return !mkdtemp(dir) || loop_new(&loop) < 0 ||
	       loop_timer_new(loop, on_tick, NULL, &tick) < 0 ||
	       hooks_new(loop, &options, &hooks) < 0;
}

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static int tear_down(void **state)
{
	(void)state;
	fake_sys = (struct fake_sys){0};
	hooks_free(hooks);
	loop_timer_free(tick);
	loop_free(loop);
	while (waitpid(-1, NULL, 0) > 0)
		;
	unlink(path_of("out"));
	unlink(path_of("pid"));
	return rmdir(dir);
}

/* ---- helpers ---- */

static int run_with(const char *name, const char *const *argv, const char *input, size_t length,
		    uint64_t timeout_ns)
{
	const char *const envp[] = {"PATH=/usr/bin:/bin", "A=b c", NULL};
	struct hook hook = {.name = name,
			    .argv = argv,
			    .envp = envp,
			    .input = input,
			    .length = length,
			    .timeout_ns = timeout_ns};

	return hooks_run(hooks, &hook);
}

/* $1 of the script is the directory of the test. */
static int run_script(const char *name, const char *script, uint64_t timeout_ns)
{
	return run_with(name, (const char *const[]){"/bin/sh", "-c", script, "sh", dir, NULL},
			"in\n", 3, timeout_ns);
}

static void turn(void)
{
	siginfo_t child = {0};

	loop_timer_set(tick, clock_running_ns() + NS_PER_MS);
	assert_int_equal(loop_turn(loop, NULL, NULL), 0);
	if (waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) == 0 && child.si_pid)
		assert_true(hooks_reap(hooks, child.si_pid));
	assert_true(hooks_state(hooks)->running <= RUNNING);
}

static void finish(void)
{
	uint64_t deadline = clock_running_ns() + 20 * NS_PER_SEC;

	while (hooks_state(hooks)->running && clock_running_ns() < deadline)
		turn();
	assert_int_equal(hooks_state(hooks)->running, 0);
	assert_int_equal(hooks_state(hooks)->waiting, 0);
}

static const char *content(const char *name)
{
	static char text[4096];
	_cleanup_file_ FILE *file = fopen(path_of(name), "re");
	size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	text[n] = '\0';
	return text;
}

static pid_t wait_for_pid(void)
{
	uint64_t deadline = clock_running_ns() + 20 * NS_PER_SEC;

	while (!strchr(content("pid"), '\n') && clock_running_ns() < deadline)
		turn();
	return (pid_t)atoi(content("pid"));
}

/* A zombie is dead: whoever reaps it may take his time. */
static bool is_dead(pid_t pid)
{
	char path[64], text[256] = "";
	_cleanup_file_ FILE *file = NULL;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	return !file || !fgets(text, sizeof(text), file) || strstr(text, ") Z ") ||
	       strstr(text, ") X ");
}

static void expect_dead(pid_t pid)
{
	uint64_t deadline = clock_running_ns() + 10 * NS_PER_SEC;

	assert_true(pid > 0);
	while (!is_dead(pid) && clock_running_ns() < deadline)
		turn();
	assert_true(is_dead(pid));
}

static void expect_told(unsigned i, const char *name, enum hook_outcome outcome, int value)
{
	assert_true(i < told_count);
	assert_string_equal(told[i].name, name);
	assert_int_equal(told[i].outcome, outcome);
	assert_int_equal(told[i].value, value);
}

/* ---- what a command is given ---- */

static void a_command_gets_its_environment_and_input(void **state)
{
	(void)state;
	assert_int_equal(
		run_script("x", "tr '\\0' '\\n' </proc/$$/environ >$1/out; cat >>$1/out", LONG), 0);
	finish();
	assert_string_equal(content("out"), "PATH=/usr/bin:/bin\nA=b c\nin\n");
	assert_int_equal(told_count, 1);
	expect_told(0, "x", HOOK_ENDED, 0);
}

static void nothing_else_is_inherited(void **state)
{
	sigset_t all, before;

	(void)state;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(
		run_script("x",
			   "exec >$1/out; ls /proc/$$/fd; pwd; umask; ulimit -n; ulimit -Hn;"
			   "  grep -E 'SigBlk|SigIgn' /proc/self/status;"
			   "  cut -d' ' -f5,6 /proc/$$/stat | sed \"s/$$/self/g\"; true",
			   LONG),
		0);
	finish();
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	assert_string_equal(content("out"), "0\n1\n2\n/\n0022\n77\n99\n"
					    "SigBlk:\t0000000000000000\n"
					    "SigIgn:\t0000000000000000\nself self\n");
}

static void input_that_nobody_reads_blocks_nobody(void **state)
{
	size_t length = (size_t)4 << 20;
	_cleanup_free_ char *input = calloc(1, length);

	(void)state;
	assert_non_null(input);
	assert_int_equal(
		run_with("x", (const char *const[]){"/bin/true", NULL}, input, length, LONG), 0);
	finish();
	expect_told(0, "x", HOOK_ENDED, 0);
}

static void the_input_cannot_be_changed(void **state)
{
	(void)state;
	assert_int_equal(run_script("x", "echo more >/proc/self/fd/0 || exit 3", LONG), 0);
	finish();
	expect_told(0, "x", HOOK_ENDED, 3 << 8);
}

/* ---- how it ends ---- */

static void the_end_of_each_is_told(void **state)
{
	(void)state;
	assert_int_equal(run_script("a", "exit 5", LONG), 0);
	finish();
	assert_int_equal(run_script("b", "kill -9 $$", LONG), 0);
	finish();
	assert_int_equal(told_count, 2);
	expect_told(0, "a", HOOK_ENDED, 5 << 8);
	expect_told(1, "b", HOOK_ENDED, SIGKILL);
}

static void what_cannot_be_executed_is_told(void **state)
{
	(void)state;
	assert_int_equal(run_with("a", (const char *const[]){"/nowhere/x", NULL}, "", 0, LONG), 0);
	finish();
	assert_int_equal(run_with("b", (const char *const[]){"/bin/false", NULL}, "", 0, LONG), 0);
	finish();
	assert_int_equal(told_count, 2);
	expect_told(0, "a", HOOK_NOT_EXECUTED, ENOENT);
	expect_told(1, "b", HOOK_REFUSED, EPERM);
}

static pid_t no_fork(void)
{
	errno = EAGAIN;
	return -1;
}

static void without_a_child_it_is_told_and_over(void **state)
{
	(void)state;
	fake_sys.fork = no_fork;
	assert_int_equal(run_script("a", "true", LONG), 0);
	expect_told(0, "a", HOOK_NOT_EXECUTED, EAGAIN);
	assert_int_equal(hooks_state(hooks)->running, 0);
	fake_sys.fork = NULL;
	assert_int_equal(run_script("b", "true", LONG), 0);
	finish();
	expect_told(1, "b", HOOK_ENDED, 0);
}

static void what_it_leaves_in_its_group_is_killed(void **state)
{
	(void)state;
	assert_int_equal(run_script("a", "sleep 300 & echo $! >$1/pid", LONG), 0);
	finish();
	expect_dead(wait_for_pid());
	expect_told(0, "a", HOOK_ENDED, 0);
}

static void a_stranger_is_not_reaped(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		_exit(9);
	assert_false(hooks_reap(hooks, pid));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 9 << 8);
}

/* ---- limits ---- */

static void some_run_some_wait_and_the_rest_is_dropped(void **state)
{
	static const char *const names[] = {"0", "1", "2", "3", "4"};

	(void)state;
	for (unsigned i = 0; i < RUNNING + WAITING; i++)
		assert_int_equal(run_script(names[i], "sleep 0.05; echo x >>$1/out", LONG), 0);
	assert_int_equal(run_script("late", "true", LONG), -EAGAIN);
	assert_int_equal(run_script("later", "true", LONG), -EAGAIN);
	assert_int_equal(hooks_state(hooks)->running, RUNNING);
	assert_int_equal(hooks_state(hooks)->waiting, WAITING);
	assert_int_equal(hooks_state(hooks)->dropped, 2);
	finish();
	assert_string_equal(content("out"), "x\nx\nx\nx\nx\n");
	assert_int_equal(told_count, RUNNING + WAITING);
	for (unsigned i = 0; i < told_count; i++)
		assert_int_equal(told[i].outcome, HOOK_ENDED);
	assert_int_equal(run_script("again", "true", LONG), 0);
	finish();
}

/* ---- time ---- */

static int sent[8];
static unsigned sent_count;

static int record_kill(pid_t pid, int signal)
{
	if (sent_count < ARRAY_SIZE(sent))
		sent[sent_count++] = pid < 0 ? signal : -signal;
	return real_sys_kill(pid, signal);
}

static void after_its_time_the_group_is_asked_to_end(void **state)
{
	(void)state;
	sent_count = 0;
	fake_sys.kill = record_kill;
	assert_int_equal(run_script("a", "sleep 300 & echo $! >$1/pid; wait", NS_PER_SEC), 0);
	finish();
	expect_dead(wait_for_pid());
	assert_int_equal(told_count, 1); /* and not its end as well */
	expect_told(0, "a", HOOK_TIMED_OUT, 0);
	assert_int_equal(sent[0], SIGTERM);
}

static void who_does_not_end_then_is_killed(void **state)
{
	(void)state;
	sent_count = 0;
	fake_sys.kill = record_kill;
	assert_int_equal(run_script("a",
				    "trap '' TERM; sleep 300 & echo $! >$1/pid; "
				    "while :; do sleep 300; done",
				    NS_PER_SEC),
			 0);
	finish();
	expect_dead(wait_for_pid());
	assert_int_equal(told_count, 1);
	expect_told(0, "a", HOOK_TIMED_OUT, 0);
	assert_int_equal(sent[0], SIGTERM);
	assert_int_equal(sent[1], SIGKILL);
}

static void each_has_a_time_of_its_own(void **state)
{
	(void)state;
	assert_int_equal(run_script("slow", "sleep 0.3", LONG), 0);
	assert_int_equal(run_script("late", "sleep 300", 20 * NS_PER_MS), 0);
	finish();
	assert_int_equal(told_count, 2);
	expect_told(0, "late", HOOK_TIMED_OUT, 0);
	expect_told(1, "slow", HOOK_ENDED, 0);
}

static void at_the_end_those_that_run_are_asked_to_end(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(run_script("a", "echo $$ >$1/pid; exec sleep 300", LONG), 0);
	pid = wait_for_pid();
	for (int i = 0; i < 3; i++)
		assert_int_equal(run_script("more", "sleep 300", LONG), 0);
	hooks_free(TAKE_PTR(hooks));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, SIGTERM);
	assert_int_equal(told_count, 0);
}

/* ---- a function in place of a command, another user, an end before its time ---- */

static int call_it(const char *const *argv)
{
	return strcmp(argv[0], "good") == 0 ? 0 : 42;
}

static int call_for_ever(const char *const *argv)
{
	(void)argv;
	while (pause() < 0)
		;
	return 0;
}

static int run_hook(struct hook *hook, const char *word)
{
	const char *const argv[] = {word, NULL};
	const char *const envp[] = {"PATH=/usr/bin:/bin", NULL};

	hook->name = word;
	hook->argv = argv;
	hook->envp = envp;
	hook->input = "";
	if (!hook->timeout_ns)
		hook->timeout_ns = LONG;
	return hooks_run(hooks, hook);
}

static void what_is_let_run_is_not_ended(void **state)
{
	pid_t pid;

	(void)state;
	sent_count = 0;
	fake_sys.kill = record_kill;
	assert_int_equal(run_script("a", "echo $$ >$1/pid; exec sleep 300", LONG), 0);
	pid = wait_for_pid();
	hooks_let_run(hooks);
	assert_int_equal(hooks_state(hooks)->running, 0);
	hooks_free(TAKE_PTR(hooks));
	assert_int_equal(sent_count, 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(told_count, 0);
}

static void a_function_is_called_in_a_child(void **state)
{
	struct hook hook = {.call = call_it},
		    slow = {.call = call_for_ever, .timeout_ns = 50 * NS_PER_MS};

	(void)state;
	assert_int_equal(run_hook(&hook, "good"), 0);
	finish();
	assert_int_equal(run_hook(&hook, "bad"), 0);
	finish();
	assert_int_equal(run_hook(&slow, "slow"), 0);
	finish();
	assert_int_equal(told_count, 3);
	expect_told(0, "good", HOOK_ENDED, 0);
	expect_told(1, "bad", HOOK_ENDED, 42 << 8);
	expect_told(2, "slow", HOOK_TIMED_OUT, 0);
}

/* What may not be run as root may be run as somebody else. */
static void an_account_is_who_runs_it(void **state)
{
	const char *const argv[] = {"/bin/sh", "-c", "id -u; id -g; id -G", NULL};
	const char *const envp[] = {"PATH=/usr/bin:/bin", NULL};
	struct account account = {
		.uid = 12345, .gid = 23456, .groups = {23456, 34567}, .group_count = 2};
	struct hook hook = {.name = "id",
			    .argv = argv,
			    .envp = envp,
			    .input = "",
			    .timeout_ns = LONG,
			    .account = &account,
			    .captures = true};
	struct hook refused = {.account = &account};

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(hooks_run(hooks, &hook), 0);
	finish();
	expect_told(0, "id", HOOK_ENDED, 0);
	assert_string_equal(told[0].output, "12345\n23456\n23456 34567\n");
	assert_int_equal(run_hook(&refused, "/bin/false"), 0);
	finish();
	expect_told(1, "/bin/false", HOOK_ENDED, 1 << 8);
}

static void its_errors_may_be_told_as_well(void **state)
{
	const char *const argv[] = {"/bin/sh", "-c", "echo one; echo two >&2", NULL};
	const char *const envp[] = {NULL};
	struct hook hook = {.name = "sh",
			    .argv = argv,
			    .envp = envp,
			    .input = "",
			    .timeout_ns = LONG,
			    .captures = true,
			    .captures_errors = true};

	(void)state;
	assert_int_equal(hooks_run(hooks, &hook), 0);
	finish();
	assert_string_equal(told[0].output, "one\ntwo\n");
}

static void what_is_cancelled_is_ended_and_not_told(void **state)
{
	struct hook hook = {.call = call_for_ever};

	(void)state;
	for (hook.id = 1; hook.id <= RUNNING + 2; hook.id++)
		assert_int_equal(run_hook(&hook, "x"), 0);
	assert_true(hooks_has(hooks, 1));
	assert_true(hooks_has(hooks, RUNNING + 1));
	assert_false(hooks_has(hooks, RUNNING + 3));
	hooks_cancel(hooks, RUNNING + 1); /* it waits */
	assert_false(hooks_has(hooks, RUNNING + 1));
	for (uint64_t id = 1; id <= RUNNING + 2; id++)
		hooks_cancel(hooks, id);
	assert_true(hooks_has(hooks, 1)); /* until it is reaped */
	hooks_cancel(hooks, 1);
	hooks_cancel(hooks, 99);
	finish();
	assert_false(hooks_has(hooks, 1));
	assert_int_equal(told_count, 0);
}

/* Dead to SIGTERM, and told as timed out: it is there until it is gone. */
static void what_has_timed_out_is_there_until_it_is_reaped(void **state)
{
	const char *const argv[] = {"/bin/sh", "-c", "trap '' TERM; while :; do sleep 300; done",
				    NULL};
	const char *const envp[] = {"PATH=/usr/bin:/bin", NULL};
	struct hook hook = {.name = "sh",
			    .id = 7,
			    .argv = argv,
			    .envp = envp,
			    .input = "",
			    .timeout_ns = 100 * NS_PER_MS};
	uint64_t deadline = clock_running_ns() + 20 * NS_PER_SEC;

	(void)state;
	assert_int_equal(hooks_run(hooks, &hook), 0);
	while (!told_count && clock_running_ns() < deadline)
		turn();
	expect_told(0, "sh", HOOK_TIMED_OUT, 0);
	assert_true(hooks_has(hooks, 7));
	finish();
	assert_false(hooks_has(hooks, 7));
	assert_int_equal(told_count, 1);
}

/* Found in its PATH, and not in this program's. */
static void what_a_command_prints_is_told(void **state)
{
	const char *const argv[] = {"sh", "-c", "echo one; echo two >&2; echo three", NULL};
	const char *const envp[] = {"PATH=relative:/nonexistent:/bin", NULL};
	struct hook hook = {.name = "asks",
			    .id = 7,
			    .argv = argv,
			    .envp = envp,
			    .input = "",
			    .timeout_ns = LONG,
			    .captures = true};

	(void)state;
	assert_int_equal(hooks_run(hooks, &hook), 0);
	finish();
	assert_int_equal(told_count, 1);
	assert_int_equal(told[0].outcome, HOOK_ENDED);
	assert_int_equal(told[0].id, 7);
	assert_string_equal(told[0].output, "one\nthree\n");
}

static void a_command_that_is_nowhere_in_its_path_is_not_executed(void **state)
{
	const char *const argv[] = {"sh", NULL};
	const char *const envp[] = {"PATH=/nonexistent", NULL};
	struct hook hook = {
		.name = "lost", .argv = argv, .envp = envp, .input = "", .timeout_ns = LONG};

	(void)state;
	assert_int_equal(hooks_run(hooks, &hook), 0);
	finish();
	assert_int_equal(told_count, 1);
	assert_int_equal(told[0].outcome, HOOK_NOT_EXECUTED);
	assert_int_equal(told[0].value, ENOENT);
	assert_string_equal(told[0].output, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_a_command_prints_is_told),
		TEST(a_command_that_is_nowhere_in_its_path_is_not_executed),
		TEST(a_command_gets_its_environment_and_input),
		TEST(nothing_else_is_inherited),
		TEST(input_that_nobody_reads_blocks_nobody),
		TEST(the_input_cannot_be_changed),
		TEST(the_end_of_each_is_told),
		TEST(what_cannot_be_executed_is_told),
		TEST(without_a_child_it_is_told_and_over),
		TEST(what_it_leaves_in_its_group_is_killed),
		TEST(a_stranger_is_not_reaped),
		TEST(some_run_some_wait_and_the_rest_is_dropped),
		TEST(after_its_time_the_group_is_asked_to_end),
		TEST(who_does_not_end_then_is_killed),
		TEST(each_has_a_time_of_its_own),
		TEST(at_the_end_those_that_run_are_asked_to_end),
		TEST(what_is_let_run_is_not_ended),
		TEST(a_function_is_called_in_a_child),
		TEST(an_account_is_who_runs_it),
		TEST(its_errors_may_be_told_as_well),
		TEST(what_is_cancelled_is_ended_and_not_told),
		TEST(what_has_timed_out_is_there_until_it_is_reaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
