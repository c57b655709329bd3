// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* churn COUNT [PROGRAM]: makes COUNT children one after the other that exit at once, or execute PROGRAM;
 * churn COUNT --signals: sends itself COUNT signals that it handles. Prints ns for each: the median over parts
 * of PART, so that what else happened on the machine in a few of them does not count.
 * churn --stream PROGRAM: both kinds of children in turn, a few of each, until it is ended. Prints a line for each few:
 * when they began (seconds since the machine has booted), "fork" or "exec", ns for each. */
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PART	     500 /* a COUNT that is no multiple of it is rounded up */
#define STREAM_FORKS 25
#define STREAM_EXECS 5

/* By fork() to exit, and by vfork() to execute, as most do. */
static void make_child(const char *program)
{
	pid_t pid = program ? vfork() : fork();

	if (pid == 0) {
		if (program)
			execl(program, program, (char *)NULL);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_BOOTTIME, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int compare(const void *left, const void *right)
{
	const double *a = left, *b = right;

	return *a < *b ? -1 : *a > *b;
}

static void on_signal(int number)
{
	(void)number;
}

static void say_few(const char *what, const char *program, int count)
{
	double began = now();

	for (int i = 0; i < count; i++)
		make_child(program);
	printf("%.6f %s %.0f\n", began / 1e9, what, (now() - began) / count);
}

/* On one processor: whether the scheduler has a child run beside its parent or in turn with it makes more of a difference
 * than who looks. */
static void stream(const char *program)
{
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	sched_setaffinity(0, sizeof(here), &here);
	for (;;) {
		say_few("fork", NULL, STREAM_FORKS);
		say_few("exec", program, STREAM_EXECS);
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 0;
	const char *program = argc > 2 ? argv[2] : NULL;
	bool signals = program && !strcmp(program, "--signals");
	int parts = (count + PART - 1) / PART;
	double *took;

	if (argc == 3 && !strcmp(argv[1], "--stream"))
		stream(argv[2]);
	took = calloc((size_t)(parts > 0 ? parts : 1), sizeof(*took));

	if (count < 1 || !took) {
		fprintf(stderr,
			"usage: churn COUNT [PROGRAM|--signals] | churn --stream PROGRAM\n");
		return 2;
	}
	signal(SIGUSR1, on_signal);
	for (int part = 0; part < parts; part++) {
		double began = now();

		for (int i = 0; i < PART; i++) {
			if (signals)
				raise(SIGUSR1);
			else
				make_child(program);
		}
		took[part] = (now() - began) / PART;
	}
	qsort(took, (size_t)parts, sizeof(*took), compare);
	printf("%.0f\n", took[parts / 2]);
	free(took);
	return 0;
}
