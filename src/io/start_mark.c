// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/start_mark.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "io/sys.h"

#define LONG_AGO 1

/* 0: nothing that makes sense. */
static uint64_t read_time(const char *path)
{
	_cleanup_close_ int fd = sys_open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
	char text[32];
	ssize_t n = fd < 0 ? -1 : sys_read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return strtoull(text, NULL, 10);
}

static int write_time(const char *path, uint64_t time_ns)
{
	_cleanup_close_ int fd = sys_open(
		path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	char text[32];
	int length = snprintf(text, sizeof(text), "%" PRIu64 "\n", time_ns);

	return fd >= 0 && sys_write(fd, text, (size_t)length) == length ? 0 : -EIO;
}

uint64_t start_mark_begin(const char *path, uint64_t now_ns)
{
	uint64_t time_ns = read_time(path);

	if (time_ns && time_ns <= now_ns)
		return time_ns;
	return write_time(path, now_ns) < 0 ? LONG_AGO : now_ns;
}

void start_mark_end(const char *path)
{
	unlink(path);
}
