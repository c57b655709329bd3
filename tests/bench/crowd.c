// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* crowd COUNT [PROGRAM [ARGUMENT]]: has COUNT children that do nothing, or execute PROGRAM, or where PROGRAM ends in '-',
 * PROGRAM0, PROGRAM1, ... Says "started" when all are there; SIGTERM ends it with them, and none outlives it.
 * crowd COUNT --link PROGRAM NAME: makes these names of PROGRAM, NAME0, NAME1, ... */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "bench.h"

static void be_child(int number, const char *program, const char *argument)
{
	char name[PATH_MAX];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(name, sizeof(name), "%s", program);
	if (name[strlen(name) - 1] == '-')
		snprintf(name, sizeof(name), "%s%d", program, number);
	execl(name, name, argument, (char *)NULL);
	_exit(127);
}

static pid_t start(int number, const char *program, const char *argument)
{
	pid_t parent = getpid(), pid = program ? vfork() : fork();

	if (pid != 0)
		return pid;
	if (program)
		be_child(number, program, argument);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (getppid() == parent) /* it may have died before that */
		pause();
	_exit(0);
}

static int make_links(int count, const char *program, const char *prefix)
{
	char name[PATH_MAX];

	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s%d", prefix, i);
		if (link(program, name) < 0 && errno != EEXIST) {
			perror(name);
			return 1;
		}
	}
	return 0;
}

static volatile sig_atomic_t ended;

static void be_told(int number)
{
	ended = number;
}

static int hold(int count, const char *program, const char *argument)
{
	pid_t *children = calloc((size_t)count, sizeof(*children));
	struct sigaction action = {.sa_handler = be_told};

	if (!children || sigaction(SIGTERM, &action, NULL) < 0)
		return 1;
	for (int i = 0; i < count; i++) {
		children[i] = start(i, program, argument);
		if (children[i] < 0) {
			perror("crowd: fork");
			return 1;
		}
	}
	puts("started");
	fflush(stdout);
	while (!ended)
		nap(NS_PER_SEC); /* a signal that comes just before is noticed all the same */
	for (int i = 0; i < count; i++)
		kill(children[i], SIGKILL);
	while (wait(NULL) > 0)
		;
	return 0;
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 0;

	if (count < 1) {
		fprintf(stderr, "usage: crowd COUNT [PROGRAM [ARGUMENT] | --link PROGRAM NAME]\n");
		return 2;
	}
	if (argc == 5 && strcmp(argv[2], "--link") == 0)
		return make_links(count, argv[3], argv[4]);
	return hold(count, argc > 2 ? argv[2] : NULL, argc > 3 ? argv[3] : NULL);
}
