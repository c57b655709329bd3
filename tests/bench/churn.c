// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* churn COUNT [PROGRAM]: makes COUNT children one after the other that exit at once, or execute PROGRAM.
 * Prints ns per child. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 0;
	struct timespec a, b;

	if (count < 1) {
		fprintf(stderr, "usage: churn COUNT [PROGRAM]\n");
		return 2;
	}
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < count; i++) {
		pid_t pid = vfork();

		if (pid == 0) {
			if (argc > 2)
				execl(argv[2], argv[2], (char *)NULL);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("%.0f\n",
	       ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / count);
	return 0;
}
