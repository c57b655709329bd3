// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/aside.h"
#include "io/sys.h"

struct fake_sys fake_sys;

#define MUCH (300UL * 1024) /* more than the socket takes at once */

static int tell_pid(const void *question, struct aside_answer *ret)
{
	(void)question;
	(void)ret;
	return getpid();
}

static int tell_size(const void *question, struct aside_answer *ret)
{
	size_t size = *(const size_t *)question;
	char *bytes = malloc(size);

	if (!bytes)
		return -ENOMEM;
	memset(bytes, 'x', size);
	*ret = (struct aside_answer){.bytes = bytes, .size = size};
	return 7;
}

static int refuse(const void *question, struct aside_answer *ret)
{
	(void)ret;
	return -*(const int *)question;
}

static int wait_for_ever(const void *question, struct aside_answer *ret)
{
	(void)question;
	(void)ret;
	while (true)
		pause();
	return 0;
}

static int end(const void *question, struct aside_answer *ret)
{
	(void)question;
	(void)ret;
	_exit(0);
}

static pid_t other(void)
{
	return aside_ask(tell_pid, 1, NULL, 0, NULL);
}

static bool is_reaped_after(pid_t pid, int signal)
{
	int status;

	return waitpid(pid, &status, 0) == pid &&
	       (signal ? WIFSIGNALED(status) && WTERMSIG(status) == signal : WIFEXITED(status));
}

static int set_up(void **state)
{
	(void)state;
	fake_sys = (struct fake_sys){0};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	aside_close();
	while (waitpid(-1, NULL, 0) > 0)
		;
	return 0;
}

static void another_process_answers(void **state)
{
	pid_t pid = other();

	(void)state;
	assert_true(pid > 0);
	assert_int_not_equal(pid, getpid());
	assert_int_equal(other(), pid);
	aside_close();
	assert_true(is_reaped_after(pid, 0));
	assert_int_not_equal(other(), getpid());
}

static void answers_come_whole(void **state)
{
	static const size_t sizes[] = {0, 1, MUCH, 3};
	struct aside_answer answer;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(aside_ask(tell_size, 1, &sizes[i], sizeof(sizes[i]), &answer), 7);
		assert_int_equal(answer.size, sizes[i]);
		assert_true(!sizes[i] ||
			    (answer.bytes[0] == 'x' && answer.bytes[sizes[i] - 1] == 'x'));
		free(answer.bytes);
	}
}

static void an_error_is_told_without_an_answer(void **state)
{
	struct aside_answer answer = {.bytes = (char *)state, .size = 1};
	int error = ENOENT;

	assert_int_equal(aside_ask(refuse, 1, &error, sizeof(error), &answer), -ENOENT);
	assert_null(answer.bytes);
	assert_int_equal(answer.size, 0);
}

static void who_takes_too_long_is_killed(void **state)
{
	pid_t pid = other(), next;

	(void)state;
	assert_int_equal(aside_ask(wait_for_ever, 2, NULL, 0, NULL), -ETIMEDOUT);
	assert_true(is_reaped_after(pid, SIGKILL));
	next = other();
	assert_true(next > 0 && next != pid && next != getpid());
	assert_int_equal(aside_ask(wait_for_ever, 2, NULL, 0, NULL), -EBUSY);
	aside_forget(2);
	assert_int_equal(aside_ask(tell_pid, 2, NULL, 0, NULL), next);
}

static void so_much_is_waited_in_vain_and_no_more(void **state)
{
	int r = -ETIMEDOUT;
	pid_t about = 2;

	(void)state;
	while (r == -ETIMEDOUT && about < 10)
		r = aside_ask(wait_for_ever, ++about, NULL, 0, NULL);
	assert_int_equal(r, -EBUSY);
	assert_true(about > 3);
	assert_int_equal(other(), -EBUSY);
}

static void at_its_end_it_is_gone(void **state)
{
	pid_t pid = other();

	(void)state;
	aside_end();
	assert_int_equal(waitpid(pid, NULL, 0), -1);
	aside_end();
}

static void who_was_killed_is_started_anew(void **state)
{
	pid_t pid = other(), next;

	(void)state;
	kill(pid, SIGKILL);
	assert_true(is_reaped_after(pid, SIGKILL));
	next = other();
	assert_true(next > 0 && next != pid && next != getpid());
}

static void who_ends_amid_an_answer_is_not_asked_for_ever(void **state)
{
	(void)state;
	assert_int_equal(aside_ask(end, 1, NULL, 0, NULL), -EPIPE);
	assert_true(other() > 0);
	assert_int_equal(aside_ask(end, 1, NULL, 0, NULL), -EPIPE);
}

static unsigned kills;

static int count_kill(pid_t pid, int signal)
{
	(void)pid;
	(void)signal;
	kills++;
	return 0;
}

/* Its pid may be somebody else's by then. */
static void who_has_ended_is_not_killed(void **state)
{
	pid_t pid = other();

	(void)state;
	kills = 0;
	kill(pid, SIGKILL);
	assert_true(is_reaped_after(pid, SIGKILL));
	fake_sys.kill = count_kill;
	assert_true(other() > 0);
	assert_int_equal(aside_ask(end, 1, NULL, 0, NULL), -EPIPE);
	assert_int_equal(kills, 0);
}

static pid_t fork_nothing(void)
{
	errno = EAGAIN;
	return -1;
}

static void without_a_process_nothing_is_known(void **state)
{
	(void)state;
	fake_sys.fork = fork_nothing;
	assert_int_equal(other(), -EAGAIN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(another_process_answers),
		TEST(answers_come_whole),
		TEST(an_error_is_told_without_an_answer),
		TEST(who_takes_too_long_is_killed),
		TEST(who_was_killed_is_started_anew),
		TEST(who_ends_amid_an_answer_is_not_asked_for_ever),
		TEST(who_has_ended_is_not_killed),
		TEST(without_a_process_nothing_is_known),
		TEST(at_its_end_it_is_gone),
		TEST(so_much_is_waited_in_vain_and_no_more), /* the last: nothing is asked for a while */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
