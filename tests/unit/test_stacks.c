// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/stacks.h"
#include "io/sys.h"

#define MANY (STACKS_THREADS_MAX + 4)

struct fake_sys fake_sys;

static char text[65536];

/* What is printed of a process, as a string. */
static int print(pid_t pid)
{
	FILE *out = fmemopen(text, sizeof(text), "w");
	int r;

	assert_non_null(out);
	text[0] = '\0';
	r = stacks_print(out, pid);
	fclose(out);
	return r;
}

static unsigned count_threads(void)
{
	unsigned count = 0;

	for (const char *line = text; *line; line = strchr(line, '\n') + 1)
		count += *line != '\t';
	return count;
}

static void *wait_for_end(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

/* Forks a process with so many threads beside the main one, under a name, and waits until they are there. */
static pid_t begin(unsigned threads, const char *comm)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, comm);
		for (unsigned i = 0; i < threads; i++) {
			pthread_t thread;

			pthread_create(&thread, NULL, wait_for_end, NULL);
		}
		_exit(write(ready[1], "", 1) == 1 && wait_for_end(NULL) ? 0 : 1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void a_thread_is_a_line_and_its_frames(void **state)
{
	pid_t pid = begin(1, "two words");
	char expected[64];

	(void)state;
	snprintf(expected, sizeof(expected), "%d S ", pid);
	for (int i = 0; i < 500; i++) { /* until it sleeps */
		assert_int_equal(print(pid), 0);
		if (memcmp(text, expected, strlen(expected)) == 0)
			break;
		usleep(10000);
	}
	assert_int_equal(count_threads(), 2);
	assert_memory_equal(text, expected, strlen(expected)); /* the main one first */
	assert_non_null(strstr(text, " two words\n"));
	if (geteuid() == 0) {
		assert_non_null(strstr(text, "\n\t"));
		assert_null(strstr(text, "[<"));
	}
	end(pid);
}

static void a_name_does_not_break_the_line(void **state)
{
	pid_t pid = begin(0, "a) S\n\tb\x1b");

	(void)state;
	assert_int_equal(print(pid), 0);
	assert_int_equal(count_threads(), 1);
	assert_non_null(strstr(text, " a) S??b?\n"));
	end(pid);
}

static void of_many_threads_some_are_told(void **state)
{
	pid_t pid = begin(MANY, "many");

	(void)state;
	assert_int_equal(print(pid), 0);
	assert_int_equal(count_threads(), STACKS_THREADS_MAX);
	end(pid);
}

/* A parent waits in state D for its vfork child to execute something. */
static void what_cannot_be_interrupted_comes_first(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		pthread_t thread;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pthread_create(&thread, NULL, wait_for_end, NULL);
		if (vfork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				pause();
		}
		_exit(1);
	}
	for (int tries = 0; tries < 1000; tries++) {
		assert_int_equal(print(pid), 0);
		if (strstr(text, " D "))
			break;
		usleep(5000);
	}
	assert_non_null(strstr(text, " D "));
	assert_true(strstr(text, " D ") < strchr(text, '\n'));
	end(pid);
}

static void who_is_gone_has_none(void **state)
{
	pid_t pid = begin(0, "gone");

	(void)state;
	end(pid);
	assert_int_equal(print(pid), -ENOENT);
	assert_string_equal(text, "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_is_a_line_and_its_frames),
		cmocka_unit_test(a_name_does_not_break_the_line),
		cmocka_unit_test(of_many_threads_some_are_told),
		cmocka_unit_test(what_cannot_be_interrupted_comes_first),
		cmocka_unit_test(who_is_gone_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
