// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Children that are born and die as fast as the machine can: storm COUNT OUT [PROGRAM]. One worker for each
 * processor, all together make COUNT children; each ends in another way, or executes PROGRAM. OUT.0, OUT.1,
 * ... hold "PID WAITSTATUS", one line a child, the workers' own ends are in OUT.workers. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signals.h"

#define MAX_WORKERS 8

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "storm: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static FILE *open_output(const char *out, const char *suffix)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s.%s", out, suffix);
	file = fopen(path, "we");
	if (!file)
		fail(path);
	return file;
}

/* Every fourth is killed, by one of two signals; the others exit, each with another code. Of a vfork():
 * nothing but system calls. */
static void end_child(unsigned i)
{
	if (i % 4 == 3)
		syscall(SYS_kill, syscall(SYS_getpid), i % 8 == 3 ? SIGKILL : SIGUSR1);
	syscall(SYS_exit_group, i % 76); /* 77 is the sentinel's */
}

static void make_child(unsigned i, const char *program, FILE *out)
{
	char name[] = "child", *words[] = {name, NULL};
	int status;
	pid_t pid = vfork();

	if (pid == 0) {
		if (program)
			execv(program, words);
		end_child(i);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		fail("vfork");
	fprintf(out, "%d %d\n", (int)pid, status);
}

static _Noreturn void work(unsigned worker, unsigned workers, unsigned count, char **words)
{
	char suffix[16];
	FILE *out;

	snprintf(suffix, sizeof(suffix), "%u", worker);
	out = open_output(words[0], suffix);
	for (unsigned i = worker; i < count; i += workers)
		make_child(i, words[1], out);
	fclose(out);
	_exit(0);
}

static unsigned worker_count(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	return processors < 1 ? 1 : processors > MAX_WORKERS ? MAX_WORKERS : (unsigned)processors;
}

int main(int argc, char **argv)
{
	unsigned workers = worker_count();
	int status, bad = 0;
	FILE *out;
	pid_t pid;

	if (argc < 3 || argc > 4) {
		fprintf(stderr, "usage: storm COUNT OUT [PROGRAM]\n");
		return 2;
	}
	reset_signals();
	for (unsigned worker = 0; worker < workers; worker++) {
		pid = fork();
		if (pid < 0)
			fail("fork");
		if (pid == 0)
			work(worker, workers, (unsigned)atoi(argv[1]), argv + 2);
	}
	out = open_output(argv[2], "workers");
	while ((pid = waitpid(-1, &status, 0)) > 0) {
		fprintf(out, "%d %d\n", (int)pid, status);
		bad |= status;
	}
	fclose(out);
	return bad ? 1 : 0;
}
