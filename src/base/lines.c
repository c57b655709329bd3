// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define OPEN_TRIES 16 /* nobody renames faster than that but to annoy */

struct reader {
	lines_fn *fn;
	void *arg;
	char *buf; /* room for one line and its newline */
	size_t room, used;
	bool headless; /* the line at hand has lost its beginning */
	size_t skipped;
};

/* Hands out one line, or skips it. False: no more are wanted. */
static bool take_line(struct reader *reader, const char *line, size_t length)
{
	if (reader->headless) {
		reader->headless = false;
		return true;
	}
	if (memchr(line, '\0', length)) {
		reader->skipped++;
		return true;
	}
	return reader->fn(reader->arg, line, length);
}

/* Hands out the whole lines of the buffer and keeps the rest. False: no more are wanted. */
static bool take_lines(struct reader *reader)
{
	char *start = reader->buf, *end = reader->buf + reader->used, *newline;

	while ((newline = memchr(start, '\n', (size_t)(end - start)))) {
		if (!take_line(reader, start, (size_t)(newline - start)))
			return false;
		start = newline + 1;
	}
	reader->used = (size_t)(end - start);
	memmove(reader->buf, start, reader->used);
	if (reader->used < reader->room)
		return true;
	/* Longer than any line may be; its end is still to come. */
	reader->skipped += !reader->headless;
	reader->headless = true;
	reader->used = 0;
	return true;
}

static int read_all(struct reader *reader, int fd, uint64_t offset)
{
	for (;;) {
		ssize_t n = pread(fd, reader->buf + reader->used, reader->room - reader->used,
				  (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		offset += (uint64_t)n;
		reader->used += (size_t)n;
		if (!take_lines(reader))
			return 0;
	}
}

int lines_read(int fd, uint64_t offset, size_t longest, lines_fn *fn, void *arg, size_t *skipped)
{
	_cleanup_free_ char *buf = malloc(longest + 1);
	struct reader reader = {.fn = fn, .arg = arg, .buf = buf, .room = longest + 1};
	int r;

	if (!buf)
		return -ENOMEM;
	/* The byte in front tells whether a line begins right there. */
	reader.headless = offset > 0;
	r = read_all(&reader, fd, offset > 0 ? offset - 1 : 0);
	if (skipped)
		*skipped += reader.skipped;
	return r;
}

/* A descriptor, -ENOENT, or another -errno. */
static int open_file(int directory, const char *name, struct stat *st)
{
	/* Not blocking, so that a FIFO cannot hold anybody up. */
	_cleanup_close_ int fd = openat(directory, name,
					O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);

	if (fd < 0 || fstat(fd, st) < 0)
		return -errno;
	return S_ISREG(st->st_mode) ? TAKE_FD(fd) : -EINVAL;
}

/* The newer one first: if it becomes the older one before that is opened, both are the same file. */
static int open_both(int directory, const char *older, const char *newer, int ret_fds[static 2])
{
	struct stat st[2] = {0};
	_cleanup_close_ int new_fd = open_file(directory, newer, &st[1]);
	_cleanup_close_ int old_fd = open_file(directory, older, &st[0]);

	if (new_fd < 0 && new_fd != -ENOENT)
		return new_fd;
	if (old_fd < 0 && old_fd != -ENOENT)
		return old_fd;
	if (new_fd >= 0 && old_fd >= 0 && st[0].st_dev == st[1].st_dev &&
	    st[0].st_ino == st[1].st_ino)
		return -EAGAIN;
	ret_fds[0] = old_fd < 0 ? -1 : TAKE_FD(old_fd);
	ret_fds[1] = new_fd < 0 ? -1 : TAKE_FD(new_fd);
	return 0;
}

int lines_open(const char *directory, const char *older, const char *newer, int ret_fds[static 2])
{
	_cleanup_close_ int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = -EAGAIN;

	ret_fds[0] = ret_fds[1] = -1;
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	for (int tries = 0; r == -EAGAIN && tries < OPEN_TRIES; tries++)
		r = open_both(fd, older, newer, ret_fds);
	return r;
}
