// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How fast COUNT processes come back, one at a time and all at once:
 *   many floor STAMP PAGE COUNT SINGLES ROUNDS   the parent itself waits and restarts: waitpid, vfork, execve
 *   many watch STAMP PAGE COUNT SINGLES ROUNDS   somebody else, who watches STAMP, restarts them
 * Starts COUNT times STAMP, says "started" and reads a line. Then kills one of them SINGLES times, and all of
 * them ROUNDS times, each time when all are back. Prints "one NS" and "all NS": from the first SIGKILL to the
 * last successor's first instruction. At the end all are killed; a watcher must be gone by then, so "done" is
 * said and a line is read before. STAMP is tests/victims/stamp, PAGE a file that all map; where STAMP ends in
 * '-', each of the COUNT is executed by a path of its own: STAMP0, STAMP1, ... */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "bench.h"

#define COUNT_MAX 20000
#define PIDS_MAX  4194304 /* as in the kernel */
#define SETTLE_NS 10000000

struct run {
	bool restarts;
	const char *stamp, *path;
	struct page *page;
	uint64_t begun;
	uint16_t place_of[PIDS_MAX]; /* which of the COUNT a child of this process is */
	bool over[];
};

static void say(const char *word)
{
	char line[16];

	puts(word);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		exit(1);
}

static void start(struct run *run, unsigned place)
{
	char name[PATH_MAX];
	pid_t pid;

	snprintf(name, sizeof(name), "%s", run->stamp);
	if (name[strlen(name) - 1] == '-')
		snprintf(name, sizeof(name), "%s%u", run->stamp, place);
	pid = vfork();
	if (pid == 0) {
		execl(name, name, run->path, (char *)NULL);
		_exit(127);
	}
	if (pid < 0) {
		perror("many: vfork");
		exit(1);
	}
	run->place_of[pid] = (uint16_t)place;
}

static void wait_for_lives(const struct run *run)
{
	for (uint64_t seen = 0; seen < run->begun; seen++) {
		if (wait_for_life(run->page, seen))
			continue;
		fprintf(stderr, "many: only %llu of %llu lives began\n", (unsigned long long)seen,
			(unsigned long long)run->begun);
		exit(1);
	}
}

static void reap(struct run *run)
{
	while (!run->restarts && waitpid(-1, NULL, WNOHANG) > 0)
		;
}

/* Waits for `count` deaths and answers each with a successor. */
static void restart(struct run *run, uint64_t count)
{
	while (run->restarts && count--)
		start(run, run->place_of[waitpid(-1, NULL, 0)]);
}

static uint64_t last_start(const struct run *run, uint64_t from)
{
	uint64_t last = 0;

	for (uint64_t i = from; i < run->begun; i++)
		if (run->page->lives[i].started_ns > last)
			last = run->page->lives[i].started_ns;
	return last;
}

/* Kills the life number `from` and those that follow, up to `limit`, unless they are over. */
static void measure(struct run *run, const char *word, uint64_t from, uint64_t limit)
{
	uint64_t before = run->begun, killed = now_ns(), count = 0;

	for (uint64_t i = from; i < before && count < limit; i++) {
		if (run->over[i])
			continue;
		run->over[i] = true;
		kill((pid_t)run->page->lives[i].pid, SIGKILL);
		count++;
	}
	restart(run, count);
	run->begun += count;
	wait_for_lives(run);
	reap(run);
	printf("%s %llu\n", word, (unsigned long long)(last_start(run, before) - killed));
	fflush(stdout);
	nap(SETTLE_NS);
}

static void measure_all(struct run *run, int singles, int rounds)
{
	srand(1);
	for (int i = 0; i < singles; i++) {
		uint64_t victim = (uint64_t)rand() % run->begun;

		while (run->over[victim])
			victim = (victim + 1) % run->begun;
		measure(run, "one", victim, 1);
	}
	for (int i = 0; i < rounds; i++)
		measure(run, "all", 0, UINT64_MAX);
}

static void end_all(const struct run *run)
{
	for (uint64_t i = 0; i < run->begun; i++)
		if (!run->over[i])
			kill((pid_t)run->page->lives[i].pid, SIGKILL);
}

static struct run *prepare(char **argv, uint64_t count, uint64_t lives)
{
	struct run *run = calloc(1, sizeof(*run) + lives * sizeof(run->over[0]));
	struct page *page = open_page(argv[3], lives);

	if (!run || !page)
		return NULL;
	run->restarts = strcmp(argv[1], "floor") == 0;
	run->stamp = argv[2];
	run->path = argv[3];
	run->page = page;
	run->begun = count;
	return run;
}

int main(int argc, char **argv)
{
	int count = argc == 7 ? atoi(argv[4]) : 0;
	int singles = argc == 7 ? atoi(argv[5]) : 0, rounds = argc == 7 ? atoi(argv[6]) : 0;
	struct run *run = NULL;

	if (count > 0 && count <= COUNT_MAX && singles >= 0 && rounds >= 0)
		run = prepare(argv, (uint64_t)count,
			      (uint64_t)count * (uint64_t)(rounds + 1) + (uint64_t)singles);
	if (!run) {
		fprintf(stderr, "usage: many floor|watch STAMP PAGE COUNT SINGLES ROUNDS\n");
		return 2;
	}
	for (unsigned i = 0; i < (unsigned)count; i++)
		start(run, i);
	wait_for_lives(run);
	say("started");
	measure_all(run, singles, rounds);
	say("done");
	end_all(run);
	return 0;
}
