// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Makes a victim die in every way and prints what the parent is told, one line a death:
 *     PID WAITSTATUS MODE...
 * usage: truth [--races N | --only-races N] VICTIM. Core files go to a directory that is removed at the end. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signals.h"

#define MAX_ARGUMENTS 5

static const char *victim_path;
static char work_directory[] = "/tmp/obit-truth.XXXXXX";

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "truth: %s: %s\n", what, strerror(errno));
	exit(1);
}

static _Noreturn void run_victim(const char *const *words)
{
	char *arguments[MAX_ARGUMENTS + 1] = {NULL};

	arguments[0] = strdup(victim_path);
	for (size_t i = 0; words[i] && i + 1 < MAX_ARGUMENTS; i++)
		arguments[i + 1] = strdup(words[i]);
	execv(victim_path, arguments);
	fail("cannot run the victim");
}

static pid_t start_victim(const char *const *words)
{
	pid_t pid = fork();

	if (pid < 0)
		fail("fork");
	if (pid == 0)
		run_victim(words);
	return pid;
}

/* By waitpid() alone: waitid() with WNOWAIT tells the leader's own exit code on older kernels (seen on 5.10). */
static void report_death(pid_t pid, const char *const *words, const char *note)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		fail("waitpid");
	printf("%d %d", (int)pid, status);
	for (size_t i = 0; words[i]; i++)
		printf(" %s", words[i]);
	printf("%s%s\n", *note ? " " : "", note);
	unlink("core");
}

static void die_alone(const char *const *words)
{
	report_death(start_victim(words), words, "");
}

/* Starts a victim that waits, and sends the signal once it says that it does. */
static void die_by_outsider(const char *mode, int number)
{
	int ready[2];
	char fd_word[16], note[32], byte;
	const char *words[] = {"--core", mode, fd_word, NULL};
	pid_t pid;

	if (pipe(ready) < 0)
		fail("pipe");
	snprintf(fd_word, sizeof(fd_word), "%d", ready[1]);
	snprintf(note, sizeof(note), "outside-signal %d", number);
	pid = start_victim(words);
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		fail("the victim never became ready");
	close(ready[0]);
	/* by system call: the library's kill() refuses its own two real-time signals */
	if (syscall(SYS_kill, pid, number) < 0)
		fail("kill");
	report_death(pid, words, note);
}

static bool terminates(int number)
{
	switch (number) {
	case SIGCHLD:
	case SIGCONT:
	case SIGURG:
	case SIGWINCH:
	case SIGSTOP:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
		return false;
	default:
		return true;
	}
}

static void all_exit_codes(void)
{
	char code[16];
	const char *words[] = {"exit", code, NULL};

	for (int i = 0; i < 256; i++) {
		snprintf(code, sizeof(code), "%d", i);
		die_alone(words);
	}
}

static void all_signals(void)
{
	char number[16];
	const char *without_core[] = {"signal", number, NULL};
	const char *with_core[] = {"--core", "signal", number, NULL};

	for (int i = 1; i <= 64; i++) {
		if (!terminates(i))
			continue;
		snprintf(number, sizeof(number), "%d", i);
		die_alone(without_core);
		die_alone(with_core);
		die_by_outsider("pause", i);
	}
}

static void all_shapes(void)
{
	static const char *const shapes[] = {"abort",
					     "segv",
					     "leader-group",
					     "thread-group",
					     "leader-then-thread",
					     "leader-then-group",
					     "thread-segv",
					     "leader-then-segv",
					     "thread-exec"};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		const char *without_core[] = {shapes[i], NULL};
		const char *with_core[] = {"--core", shapes[i], NULL};

		die_alone(without_core);
		die_alone(with_core);
	}
	die_by_outsider("threads-pause", SIGKILL);
	die_by_outsider("threads-pause", SIGTERM);
	die_by_outsider("threads-pause", SIGQUIT);
	die_by_outsider("reraise", SIGTERM);
}

static void all_races(int count)
{
	static const char *const races[] = {"race-groups", "race-faults", "race-exits"};

	for (int i = 0; i < count; i++) {
		const char *words[] = {races[i % 3], NULL};

		die_alone(words);
	}
}

static void enter_work_directory(void)
{
	if (!mkdtemp(work_directory) || chdir(work_directory) < 0)
		fail("cannot make a work directory");
}

/* Nothing but core files is ever made there, whatever core_pattern calls them. */
static void remove_work_directory(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", work_directory);
	if (chdir("/") < 0 || system(command) != 0)
		fprintf(stderr, "truth: cannot remove %s\n", work_directory);
}

int main(int argc, char **argv)
{
	int races = 300;
	bool only_races = argc == 4 && strcmp(argv[1], "--only-races") == 0;

	reset_signals();
	if (only_races || (argc == 4 && strcmp(argv[1], "--races") == 0)) {
		races = atoi(argv[2]);
		argv += 2;
		argc -= 2;
	}
	if (argc != 2) {
		fprintf(stderr, "usage: truth [--races N | --only-races N] VICTIM\n");
		return 2;
	}
	victim_path = realpath(argv[1], NULL);
	if (!victim_path)
		fail(argv[1]);
	enter_work_directory();
	setvbuf(stdout, NULL, _IOLBF, 0); /* a forked child must find nothing in the buffer */
	if (!only_races) {
		all_exit_codes();
		all_signals();
		all_shapes();
	}
	all_races(races);
	remove_work_directory();
	return 0;
}
