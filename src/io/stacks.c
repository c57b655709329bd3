// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/stacks.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/proc_text.h"
#include "io/sys.h"

#define THREADS_SEEN_MAX 4096 /* among which those that cannot be interrupted are looked for */
#define PATH_SIZE	 64
#define TEXT_SIZE	 4096

/* The first bytes of a file of the thread, as a string; "" where it cannot be read. */
static void read_text(pid_t pid, pid_t tid, const char *name, char buf[static TEXT_SIZE])
{
	char path[PATH_SIZE];
	_cleanup_close_ int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", pid, tid, name);
	fd = sys_open(path, O_RDONLY | O_CLOEXEC, 0);
	n = fd < 0 ? 0 : sys_read(fd, buf, TEXT_SIZE - 1);
	buf[n > 0 ? n : 0] = '\0';
}

struct thread {
	pid_t tid;
	char state;
	char comm[PROC_TEXT_COMM_SIZE];
};

static bool look_at(pid_t pid, pid_t tid, struct thread *ret)
{
	char text[TEXT_SIZE];

	read_text(pid, tid, "stat", text);
	*ret = (struct thread){.tid = tid, .state = proc_text_state(text)};
	return ret->state && proc_text_name(text, ret->comm);
}

static void print_frames(FILE *out, char *text)
{
	char *saved = NULL;
	unsigned count = 0;

	for (char *line = strtok_r(text, "\n", &saved); line && count < STACKS_FRAMES_MAX;
	     line = strtok_r(NULL, "\n", &saved), count++) {
		char *frame = strchr(line, ']');

		fprintf(out, "\t%s\n", frame && frame[1] ? frame + 2 : line);
	}
}

static void print_thread(FILE *out, pid_t pid, const struct thread *thread)
{
	char text[TEXT_SIZE];

	read_text(pid, thread->tid, "wchan", text);
	text[strcspn(text, "\n ")] = '\0';
	fprintf(out, "%d %c %s %s\n", thread->tid, thread->state,
		*text && strcmp(text, "0") != 0 ? text : "-", *thread->comm ? thread->comm : "-");
	read_text(pid, thread->tid, "stack", text);
	print_frames(out, text);
	fflush(out); /* what comes next may block */
}

/* Those that cannot be interrupted, or the others. Returns how many more may be printed. */
static unsigned print_some(FILE *out, pid_t pid, DIR *directory, bool stuck, unsigned room)
{
	struct thread thread;
	struct dirent *entry;
	unsigned seen = 0;

	rewinddir(directory);
	while (room && seen++ < THREADS_SEEN_MAX && (entry = readdir(directory))) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (tid <= 0 || !look_at(pid, tid, &thread) || (thread.state == 'D') != stuck)
			continue;
		print_thread(out, pid, &thread);
		room--;
	}
	return room;
}

int stacks_print(FILE *out, pid_t pid)
{
	char path[PATH_SIZE];
	unsigned room;
	DIR *directory;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	directory = opendir(path);
	if (!directory)
		return -errno;
	room = print_some(out, pid, directory, true, STACKS_THREADS_MAX);
	print_some(out, pid, directory, false, room);
	closedir(directory);
	return ferror(out) ? -EIO : 0;
}
