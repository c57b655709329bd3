// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/vitals.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "core/proc_text.h"
#include "io/sys.h"

#define THREADS_MAX 256 /* that are looked at */
#define TEXT_SIZE   512
#define PATH_SIZE   64

/* The kernel's id of the clock of a process that another one may read: CPUCLOCK_SCHED, of all threads. */
static clockid_t clock_of(pid_t pid)
{
	return (clockid_t)(~(unsigned)pid << 3 | 2);
}

uint64_t vitals_cpu_ns(pid_t pid)
{
	struct timespec ts;

	if (clock_gettime(clock_of(pid), &ts) < 0)
		return 0;
	return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

static bool read_text(pid_t pid, pid_t tid, const char *name, char buf[static TEXT_SIZE])
{
	char path[PATH_SIZE];
	_cleanup_close_ int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", pid, tid, name);
	fd = sys_open(path, O_RDONLY | O_CLOEXEC, 0);
	n = fd < 0 ? -1 : sys_read(fd, buf, TEXT_SIZE - 1);
	buf[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* Not by its stat: that waits for a process that is amid an exec, see io/aside.h. */
static char state_of(pid_t pid, pid_t tid)
{
	char text[TEXT_SIZE];

	return read_text(pid, tid, "status", text) ? proc_text_status_state(text) : '\0';
}

static uint64_t runs_of(pid_t pid, pid_t tid)
{
	char text[TEXT_SIZE];

	return read_text(pid, tid, "schedstat", text) ? proc_text_runs(text) : 0;
}

static void note_stuck(pid_t pid, pid_t tid, const struct vitals_stuck *known,
		       struct vitals *vitals)
{
	struct vitals_stuck found = {.pid = pid, .tid = tid, .runs = runs_of(pid, tid)};
	bool same = found.pid == known->pid && found.tid == known->tid && found.runs == known->runs;

	if (same || !vitals->stuck.tid)
		vitals->stuck = found;
}

static void look_at_thread(pid_t pid, pid_t tid, const struct vitals_stuck *known,
			   struct vitals *vitals)
{
	switch (state_of(pid, tid)) {
	case 't':
		vitals->traced = true;
		return;
	case 'D':
		vitals->awake = true;
		note_stuck(pid, tid, known, vitals);
		return;
	case 'R':
	case 'T':
		vitals->awake = true;
		return;
	default:
		return;
	}
}

void vitals_look(pid_t pid, const struct vitals_stuck *known, struct vitals *vitals)
{
	char path[PATH_SIZE];
	struct dirent *entry;
	unsigned seen = 0;
	DIR *directory;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	directory = opendir(path);
	if (!directory)
		return;
	while (seen < THREADS_MAX && (entry = readdir(directory))) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (tid <= 0)
			continue;
		seen++;
		look_at_thread(pid, tid, known, vitals);
	}
	closedir(directory);
}
