// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* From SIGKILL to the successor's first instruction, COUNT times, one figure in ns a line:
 *   recover floor STAMP PAGE COUNT   the parent itself waits and restarts: waitpid, vfork, execve
 *   recover watch STAMP PAGE COUNT   somebody else, who watches STAMP, restarts it
 * STAMP is tests/victims/stamp, PAGE a file that both map. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE_BYTES     65536
#define SETTLE_NS      20000000
#define LOOK_NS	       200000
#define PATIENCE_LOOKS 50000 /* 10 s */
#define NS_PER_SEC     1000000000

struct life {
	uint64_t started_ns;
	uint64_t pid;
};

struct page {
	uint64_t count;
	volatile struct life lives[];
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

static void nap(long ns)
{
	struct timespec span = {.tv_nsec = ns};

	nanosleep(&span, NULL);
}

static struct page *make_page(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	void *page;

	if (fd < 0 || ftruncate(fd, PAGE_BYTES) < 0)
		return NULL;
	page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return page == MAP_FAILED ? NULL : page;
}

static pid_t start(const char *stamp, const char *path)
{
	pid_t pid = vfork();

	if (pid == 0) {
		execl(stamp, stamp, path, (char *)NULL);
		_exit(127);
	}
	return pid;
}

/* Without spinning: the time is taken by the victim, so looking late costs nothing. */
static bool wait_for_life(const struct page *page, uint64_t slot)
{
	for (int i = 0; i < PATIENCE_LOOKS; i++) {
		if (page->lives[slot].pid)
			return true;
		nap(LOOK_NS);
	}
	return false;
}

static int measure(bool restarts, const char *stamp, const char *path, struct page *page, int count)
{
	pid_t child = start(stamp, path);

	for (int slot = 0; slot < count; slot++) {
		uint64_t killed;

		if (!wait_for_life(page, (uint64_t)slot)) {
			fprintf(stderr, "recover: life %d never began\n", slot);
			return 1;
		}
		nap(SETTLE_NS);
		killed = now_ns();
		kill((pid_t)page->lives[slot].pid, SIGKILL);
		if (restarts || slot == 0)
			waitpid(child, NULL, 0);
		if (restarts)
			child = start(stamp, path);
		if (!wait_for_life(page, (uint64_t)slot + 1)) {
			fprintf(stderr, "recover: life %d was not followed by another\n", slot);
			return 1;
		}
		printf("%llu\n", (unsigned long long)(page->lives[slot + 1].started_ns - killed));
	}
	return 0;
}

static void end_last(const struct page *page, int count)
{
	kill((pid_t)page->lives[count].pid, SIGKILL);
}

int main(int argc, char **argv)
{
	struct page *page = argc == 5 ? make_page(argv[3]) : NULL;
	int count = argc == 5 ? atoi(argv[4]) : 0;
	bool restarts = argc == 5 && strcmp(argv[1], "floor") == 0;
	int r;

	if (!page || count < 1 || count > 1000) {
		fprintf(stderr, "usage: recover floor|watch STAMP PAGE COUNT\n");
		return 2;
	}
	r = measure(restarts, argv[2], argv[3], page, count);
	if (restarts)
		end_last(page, count);
	return r;
}
