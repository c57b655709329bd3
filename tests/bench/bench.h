/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the measuring programs share: time, and the page on which tests/victims/stamp says that it lives. */
#ifndef OBIT_BENCH_H
#define OBIT_BENCH_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS      1000000
#define NS_PER_SEC     1000000000
#define LOOK_NS	       200000
#define PATIENCE_LOOKS 150000 /* 30 s and more */

struct life {
	uint64_t started_ns;
	uint64_t pid;
};

struct page {
	uint64_t count;
	volatile struct life lives[];
};

static inline uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

static inline void nap(uint64_t ns)
{
	struct timespec span = {.tv_sec = (time_t)(ns / NS_PER_SEC),
				.tv_nsec = (long)(ns % NS_PER_SEC)};

	nanosleep(&span, NULL);
}

/* Maps the page in `path`; one with room for `lives` is made, for 0 it is there already. NULL on failure. */
static inline struct page *open_page(const char *path, uint64_t lives)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | (lives ? O_CREAT | O_TRUNC : 0), 0600);
	off_t bytes = (off_t)(sizeof(struct page) + lives * sizeof(struct life));
	struct stat st;
	void *page;

	if (fd < 0 || (lives && ftruncate(fd, bytes) < 0) || fstat(fd, &st) < 0)
		return NULL;
	page = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return page == MAP_FAILED ? NULL : page;
}

/* Without spinning: the time is taken by the victim, so looking late costs nothing. */
static inline bool wait_for_life(const struct page *page, uint64_t slot)
{
	for (int i = 0; i < PATIENCE_LOOKS; i++) {
		if (page->lives[slot].pid)
			return true;
		nap(LOOK_NS);
	}
	return false;
}

#endif
