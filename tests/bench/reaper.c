// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* reaper COMMAND...: runs COMMAND, and reaps at once whom its children have left behind, as a good init does. */
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc < 2 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
		fprintf(stderr, "usage: reaper COMMAND...\n");
		return 2;
	}
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	while (wait(NULL) > 0)
		;
	return 0;
}
