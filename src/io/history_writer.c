// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Lines in a batch, and the two files that it goes to. */
#include "io/history_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/protocol.h"
#include "io/state_dir.h"
#include "io/sys.h"

#define FILE_MODE 0640

__attribute__((format(printf, 3, 4))) static int fail(struct history_writer *writer, int code,
						      const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(writer->error, sizeof(writer->error), fmt, ap);
	va_end(ap);
	return code;
}

/* "DIRECTORY/NAME cannot be WHAT: why" */
static int fail_file(struct history_writer *writer, const char *name, const char *what)
{
	int code = -errno;

	return fail(writer, code, "%.120s/%s cannot be %s: %s", writer->directory, name, what,
		    strerror(-code));
}

int history_writer_init(struct history_writer *writer, const char *directory, uint64_t size)
{
	char *bytes = malloc(1 + OBIT_HISTORY_LINE_MAX + 1);

	if (!bytes)
		return -ENOMEM;
	*writer = (struct history_writer){.directory = directory, .size = size, .bytes = bytes};
	bytes[0] = '\n';
	return 0;
}

void history_writer_clear(struct history_writer *writer)
{
	free(writer->bytes);
	writer->bytes = NULL;
}

/* Half of the size, so that the file and the older one have room. */
static uint64_t file_size_max(const struct history_writer *writer)
{
	return writer->size / 2;
}

static bool has_room(const struct history_writer *writer, size_t length)
{
	uint64_t most = file_size_max(writer) < HISTORY_BATCH_MAX ? file_size_max(writer)
								  : HISTORY_BATCH_MAX;

	/* A line that is longer than a batch goes alone. */
	return !writer->used || writer->used + length + 1 <= most;
}

bool history_writer_take(struct history_writer *writer, const char *line, size_t length,
			 bool urgent, uint64_t now_ns)
{
	if (!has_room(writer, length))
		return false;
	memcpy(writer->bytes + 1 + writer->used, line, length);
	writer->used += length;
	writer->bytes[1 + writer->used++] = '\n';
	writer->pending++;
	writer->durable |= urgent;
	if (urgent)
		writer->due_ns = now_ns;
	else if (!writer->due_ns)
		writer->due_ns = now_ns + HISTORY_DELAY_NS;
	return true;
}

void history_writer_set_size(struct history_writer *writer, uint64_t size, uint64_t now_ns)
{
	writer->size = size;
	writer->pending++;
	writer->due_ns = now_ns;
}

int history_writer_timeout(const struct history_writer *writer, uint64_t now_ns)
{
	if (!writer->due_ns)
		return -1;
	/* Rounded up, so that poll(2) does not return in front of it. */
	return writer->due_ns <= now_ns ? 0 : (int)((writer->due_ns - now_ns) / NS_PER_MS) + 1;
}

/* Makes the file if it is missing. A descriptor, or -errno. */
static int open_file(struct history_writer *writer, int directory, struct stat *ret_st)
{
	const int flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	_cleanup_close_ int fd = sys_openat(directory, OBIT_HISTORY_FILE, flags, 0);

	if (fd < 0 && errno == ENOENT) {
		fd = sys_openat(directory, OBIT_HISTORY_FILE, flags | O_CREAT, FILE_MODE);
		if (fd >= 0)
			state_dir_give_to_readers(fd);
	}
	if (fd < 0 || sys_fstat(fd, ret_st) < 0)
		return fail_file(writer, OBIT_HISTORY_FILE, "opened");
	if (!S_ISREG(ret_st->st_mode)) {
		errno = EINVAL;
		return fail_file(writer, OBIT_HISTORY_FILE, "used");
	}
	return TAKE_FD(fd);
}

/* The file becomes the older one. Unless it is not the file any more: the process of a daemon that was killed
 * may be at it still, and its new file is not to replace the full one. */
static int rotate(struct history_writer *writer, int directory, const struct stat *st)
{
	struct stat now;

	if (fstatat(directory, OBIT_HISTORY_FILE, &now, AT_SYMLINK_NOFOLLOW) < 0 ||
	    now.st_dev != st->st_dev || now.st_ino != st->st_ino)
		return 0;
	if (sys_renameat(directory, OBIT_HISTORY_FILE, directory, OBIT_HISTORY_OLDER_FILE) < 0)
		return fail_file(writer, OBIT_HISTORY_FILE, "renamed");
	return 0;
}

/* The size may be smaller than that of an earlier time. */
static void drop_surplus(const struct history_writer *writer, int directory, const struct stat *st)
{
	struct stat older;

	if (fstatat(directory, OBIT_HISTORY_OLDER_FILE, &older, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (uint64_t)older.st_size + (uint64_t)st->st_size + 1 + writer->used > writer->size)
		unlinkat(directory, OBIT_HISTORY_OLDER_FILE, 0);
}

/* A file that takes the batch. A descriptor, or -errno. */
static int open_with_room(struct history_writer *writer, int directory, struct stat *ret_st)
{
	_cleanup_close_ int fd = open_file(writer, directory, ret_st);
	int r;

	if (fd < 0)
		return fd;
	if (ret_st->st_size > 0 &&
	    (uint64_t)ret_st->st_size + 1 + writer->used > file_size_max(writer)) {
		r = rotate(writer, directory, ret_st);
		if (r < 0)
			return r;
		close(TAKE_FD(fd));
		fd = open_file(writer, directory, ret_st);
	}
	if (fd >= 0)
		drop_surplus(writer, directory, ret_st);
	return fd < 0 ? fd : TAKE_FD(fd);
}

/* A write that was cut, by a full disk or a loss of power, has left a line without its end. */
static bool is_torn(int fd, const struct stat *st)
{
	char last = '\n';

	return st->st_size > 0 && pread(fd, &last, 1, st->st_size - 1) == 1 && last != '\n';
}

/* Takes out the lines that are whole among the first `written` bytes. */
static void take_out(struct history_writer *writer, size_t written)
{
	char *first = writer->bytes + 1, *end = memrchr(first, '\n', written);
	size_t whole = end ? (size_t)(end + 1 - first) : 0;

	for (const char *p = first; p < first + whole; p++) {
		writer->pending -= *p == '\n';
		writer->done += *p == '\n';
	}
	writer->used -= whole;
	memmove(first, first + whole, writer->used);
}

/* One write of the whole batch; what a full disk cut off is left for the next one. */
static int append(struct history_writer *writer, int directory)
{
	struct stat st = {0};
	_cleanup_close_ int fd = open_with_room(writer, directory, &st);
	size_t newline, count;
	ssize_t n;

	if (fd < 0)
		return fd;
	newline = is_torn(fd, &st);
	count = newline + writer->used;
	do
		n = sys_write(fd, writer->bytes + 1 - newline, count);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return fail_file(writer, OBIT_HISTORY_FILE, "written");
	/* A new file is there after a loss of power only if its directory says so. */
	if (writer->durable && (sys_fdatasync(fd) < 0 || (!st.st_size && fsync(directory) < 0)))
		return fail_file(writer, OBIT_HISTORY_FILE, "written");
	if ((size_t)n > newline)
		take_out(writer, (size_t)n - newline);
	return 0;
}

/* A short write does not say what was wrong; the next one does. */
static int write_batch(struct history_writer *writer, int directory)
{
	int r = 0;

	for (int tries = 0; r == 0 && writer->used && tries < 2; tries++)
		r = append(writer, directory);
	if (r == 0 && writer->used) {
		errno = ENOSPC;
		return fail_file(writer, OBIT_HISTORY_FILE, "written");
	}
	return r;
}

/* Whether it could be written there, as far as can be told without writing. */
static int check_directory(struct history_writer *writer, int directory)
{
	if (faccessat(directory, ".", W_OK, AT_EACCESS) == 0)
		return 0;
	return fail(writer, -errno, "the directory %.120s cannot be written: %s", writer->directory,
		    strerror(errno));
}

static int flush(struct history_writer *writer)
{
	_cleanup_close_ int directory = state_dir_open(writer->directory, writer->error);

	if (directory < 0)
		return directory;
	return writer->used ? write_batch(writer, directory) : check_directory(writer, directory);
}

int history_writer_flush(struct history_writer *writer, uint64_t now_ns)
{
	int r;

	if (!writer->pending)
		return 0;
	r = flush(writer);
	/* A look at the directory is over, however it went. */
	if (r == 0 || !writer->used) {
		writer->done += writer->pending;
		writer->pending = writer->due_ns = 0;
		writer->durable = false;
	} else {
		writer->due_ns = now_ns + HISTORY_RETRY_NS;
	}
	if (r == 0)
		writer->error[0] = '\0';
	return r;
}
