// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* From SIGKILL to the successor's first instruction, one figure in ns a line:
 *   recover floor PAGE KILLS AGE STAMP [MIB]    the parent itself waits and restarts: waitpid, vfork, execve. "floor NS"
 *   recover watched PAGE KILLS AGE STAMP [MIB]  who watches STAMP restarts it: each is started here ("first NS"), killed
 *                                               once more as the watcher started it ("again NS"), and stopped by SIGTERM
 *   recover others PAGE KILLS AGE LIVES         somebody else has started LIVES of them, and restarts them. "other NS"
 * Each has lived AGE ms when it is killed. STAMP is tests/victims/stamp, PAGE a file that all map. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "bench.h"

#define KILLS_MAX     1000
#define LIVES_A_CYCLE 3

struct run {
	const char *stamp, *path, *mib;
	struct page *page;
	uint64_t age_ns;
	uint64_t begun; /* lives until now */
};

static pid_t start(const struct run *run)
{
	pid_t pid = vfork();

	if (pid == 0) {
		execl(run->stamp, run->stamp, run->path, run->mib, (char *)NULL);
		_exit(127);
	}
	if (pid < 0) {
		perror("recover: vfork");
		exit(1);
	}
	return pid;
}

static void await_next_life(struct run *run)
{
	if (!wait_for_life(run->page, run->begun)) {
		fprintf(stderr, "recover: life %llu never began\n", (unsigned long long)run->begun);
		exit(1);
	}
	run->begun++;
}

static void let_age(const struct run *run, uint64_t slot)
{
	uint64_t due = run->page->lives[slot].started_ns + run->age_ns, now = now_ns();

	if (now < due)
		nap(due - now);
}

/* Kills that life when it is old enough; returns when that was. */
static uint64_t end_life(const struct run *run, uint64_t slot)
{
	uint64_t killed;

	let_age(run, slot);
	killed = now_ns();
	kill((pid_t)run->page->lives[slot].pid, SIGKILL);
	return killed;
}

static void tell(const struct run *run, const char *word, uint64_t killed)
{
	printf("%s %llu\n", word,
	       (unsigned long long)(run->page->lives[run->begun - 1].started_ns - killed));
}

static void measure_floor(struct run *run, int kills)
{
	pid_t child = start(run);

	await_next_life(run);
	while (kills--) {
		uint64_t killed = end_life(run, run->begun - 1);

		waitpid(child, NULL, 0);
		child = start(run);
		await_next_life(run);
		tell(run, "floor", killed);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/* A SIGTERM that came from outside is a stop: it is not restarted. */
static void stop_last(const struct run *run)
{
	pid_t pid = (pid_t)run->page->lives[run->begun - 1].pid;

	let_age(run, run->begun - 1);
	for (int i = 0; i < PATIENCE_LOOKS && kill(pid, SIGTERM) == 0; i++)
		nap(LOOK_NS);
}

static void measure_watched(struct run *run, int kills)
{
	while (kills--) {
		pid_t child = start(run);
		uint64_t killed;

		await_next_life(run);
		killed = end_life(run, run->begun - 1);
		waitpid(child, NULL, 0);
		await_next_life(run);
		tell(run, "first", killed);
		killed = end_life(run, run->begun - 1);
		await_next_life(run);
		tell(run, "again", killed);
		stop_last(run);
	}
}

/* In turn, the eldest first: each is old enough when its turn comes round. */
static void measure_others(struct run *run, int kills, int lives)
{
	while (lives--)
		await_next_life(run);
	for (uint64_t slot = 0; slot < (uint64_t)kills; slot++) {
		uint64_t killed;

		nap(20 * NS_PER_MS); /* until who restarts has come to rest */
		killed = end_life(run, slot);
		await_next_life(run);
		tell(run, "other", killed);
	}
}

int main(int argc, char **argv)
{
	int kills = argc >= 6 ? atoi(argv[3]) : 0, age = argc >= 6 ? atoi(argv[4]) : 0;
	bool others = argc == 6 && strcmp(argv[1], "others") == 0;
	struct run run = {0};

	if (kills > 0 && kills <= KILLS_MAX && age >= 0 && argc <= 7)
		run.page = open_page(argv[2], others ? 0 : (uint64_t)kills * LIVES_A_CYCLE + 1);
	if (!run.page) {
		fprintf(stderr,
			"usage: recover floor|watched|others PAGE KILLS AGE STAMP|LIVES [MIB]\n");
		return 2;
	}
	run.path = argv[2];
	run.stamp = argv[5];
	run.mib = argv[6];
	run.age_ns = (uint64_t)age * NS_PER_MS;
	if (others)
		measure_others(&run, kills, atoi(argv[5]));
	else if (strcmp(argv[1], "floor") == 0)
		measure_floor(&run, kills);
	else
		measure_watched(&run, kills);
	return 0;
}
