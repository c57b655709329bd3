// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/holder.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "io/aside.h"
#include "io/sys.h"

#define LEGACY_DOG  makedev(10, 130)
#define PATIENCE_NS NS_PER_SEC

/* The other number of /dev/watchdog0 is /dev/watchdog's, or the other way round. */
static bool is_same(dev_t a, dev_t b)
{
	struct stat st;

	if (a == b)
		return true;
	if (b == LEGACY_DOG)
		return is_same(b, a);
	return a == LEGACY_DOG && stat("/dev/watchdog0", &st) == 0 && st.st_rdev == b;
}

/* By the name behind the descriptor, and only below /dev: what else it may be is not touched, since that could be on a
 * file system that hangs. */
static bool is_device(int fds, const char *name, dev_t number)
{
	char target[64];
	ssize_t n = readlinkat(fds, name, target, sizeof(target) - 1);
	struct stat st;

	if (n <= 0)
		return false;
	target[n] = '\0';
	return !strncmp(target, "/dev/", 5) && stat(target, &st) == 0 && S_ISCHR(st.st_mode) &&
	       is_same(st.st_rdev, number);
}

static bool holds(pid_t pid, dev_t number)
{
	_cleanup_dir_ DIR *dir = NULL;
	char path[64];
	struct dirent *entry;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (is_device(dirfd(dir), entry->d_name, number))
			return true;
	return false;
}

static void read_comm(pid_t pid, char comm[static 16])
{
	char path[64];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	fd = sys_open(path, O_RDONLY | O_CLOEXEC, 0);
	if (fd >= 0) {
		n = sys_read(fd, comm, 15);
		sys_close(fd);
	}
	comm[n > 0 ? n : 0] = '\0';
	comm[strcspn(comm, "\n")] = '\0';
	for (char *c = comm; *c; c++)
		if (!isprint((unsigned char)*c))
			*c = '?';
}

struct question {
	dev_t number;
	pid_t pid;
};

static int tell_whether_holds(const void *question, struct aside_answer *ret)
{
	const struct question *asked = question;

	(void)ret;
	return holds(asked->pid, asked->number);
}

bool holder_find(const char *device, struct holder *ret)
{
	_cleanup_dir_ DIR *dir = opendir("/proc");
	struct question question = {0};
	uint64_t deadline = clock_running_ns() + PATIENCE_NS;
	struct dirent *entry;
	struct stat st;

	if (sys_stat(device, &st) < 0)
		return false;
	question.number = st.st_rdev;
	while (dir && clock_running_ns() < deadline && (entry = readdir(dir))) {
		question.pid = (pid_t)strtol(entry->d_name, NULL, 10);
		if (question.pid <= 0 || question.pid == getpid() ||
		    aside_ask(tell_whether_holds, question.pid, &question, sizeof(question),
			      NULL) <= 0)
			continue;
		ret->pid = question.pid;
		read_comm(question.pid, ret->comm);
		return true;
	}
	return false;
}
