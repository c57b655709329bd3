// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* churn COUNT [PROGRAM]: makes COUNT children one after the other that exit at once, or execute PROGRAM;
 * churn COUNT --signals: sends itself COUNT signals that it handles. Prints ns for each. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void make_child(const char *program)
{
	pid_t pid = vfork();

	if (pid == 0) {
		if (program)
			execl(program, program, (char *)NULL);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static void on_signal(int number)
{
	(void)number;
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 0;
	const char *program = argc > 2 ? argv[2] : NULL;
	bool signals = program && !strcmp(program, "--signals");
	struct timespec a, b;

	if (count < 1) {
		fprintf(stderr, "usage: churn COUNT [PROGRAM|--signals]\n");
		return 2;
	}
	signal(SIGUSR1, on_signal);
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < count; i++) {
		if (signals)
			raise(SIGUSR1);
		else
			make_child(program);
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("%.0f\n",
	       ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / count);
	return 0;
}
