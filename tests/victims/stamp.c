// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Says when it came to life, then waits to be killed: stamp FILE [MIB]. FILE is at least one page, shared by all
 * lives: a 64-bit count, then for each life its CLOCK_MONOTONIC in ns and its pid, 64 bits each. Then it fills MIB of
 * memory, if given. STAMP_FILE and STAMP_MIB in the environment come first, for who executes it without arguments. */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct life {
	uint64_t started_ns;
	uint64_t pid;
};

struct page {
	_Atomic uint64_t count;
	struct life lives[];
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Maps the whole file; returns NULL where it is missing or too small for one life. */
static struct page *map_page(const char *path, uint64_t *ret_capacity)
{
	struct stat st;
	struct page *page;
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0 ||
	    (size_t)st.st_size < sizeof(struct page) + sizeof(struct life))
		return NULL;
	page = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return NULL;
	*ret_capacity = ((uint64_t)st.st_size - sizeof(struct page)) / sizeof(struct life);
	return page;
}

/* The pid is written last: a reader takes a slot as complete when its pid is not zero. */
static void write_life(struct page *page, uint64_t capacity, uint64_t started_ns)
{
	uint64_t slot = atomic_fetch_add(&page->count, 1);

	if (slot >= capacity)
		return;
	page->lives[slot].started_ns = started_ns;
	atomic_thread_fence(memory_order_release);
	page->lives[slot].pid = (uint64_t)getpid();
}

/* In small pages, as most programs have them: their end takes longest. */
static bool fill_memory(size_t mib)
{
	void *memory = mmap(NULL, mib << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	if (memory == MAP_FAILED)
		return false;
	madvise(memory, mib << 20, MADV_NOHUGEPAGE);
	memset(memory, 1, mib << 20);
	return true;
}

static const char *setting(const char *name, int argc, char **argv, int place)
{
	const char *value = getenv(name);

	return value || argc <= place ? value : argv[place];
}

int main(int argc, char **argv)
{
	uint64_t started_ns = now_ns();
	const char *file = setting("STAMP_FILE", argc, argv, 1);
	const char *mib = setting("STAMP_MIB", argc, argv, 2);
	uint64_t capacity;
	struct page *page = file ? map_page(file, &capacity) : NULL;

	if (!page) {
		fprintf(stderr, "usage: stamp FILE (of at least 24 bytes) [MIB]\n");
		return 2;
	}
	write_life(page, capacity, started_ns);
	if (mib && !fill_memory((size_t)atoi(mib)))
		return 1;
	for (;;)
		pause();
}
