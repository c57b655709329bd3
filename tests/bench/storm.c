// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* storm COUNT: makes COUNT children that exit at once, on all processors at the same time, one after the other on each. */
#include <stdio.h>
#include <sys/wait.h>

#include "bench.h"

static void make_children(long count)
{
	while (count--) {
		pid_t pid = vfork();

		if (pid == 0)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
}

int main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 0, workers = sysconf(_SC_NPROCESSORS_ONLN);

	if (count < 1 || workers < 1) {
		fprintf(stderr, "usage: storm COUNT\n");
		return 2;
	}
	/* The workers are among the COUNT. */
	for (long i = 0; i < workers; i++) {
		if (fork() == 0) {
			make_children(count / workers - 1);
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	return 0;
}
