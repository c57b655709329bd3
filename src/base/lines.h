/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reads files of lines that grow while they are read, that were cut when the power went, and that nobody
 * vouches for. */
#ifndef OBIT_BASE_LINES_H
#define OBIT_BASE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Takes one line, without its newline and valid during the call. Returns false to read no more. */
typedef bool lines_fn(void *arg, const char *line, size_t length);

/* Calls `fn` for every whole line that begins at the byte `offset` of the file or behind it. What has no
 * newline yet is left out. A line of more than `longest` bytes or with a NUL in it is skipped, and added to
 * *skipped (NULL: not counted). Never holds more than one line. Returns 0, -ENOMEM or the -errno of
 * pread(2). */
int lines_read(int fd, uint64_t offset, size_t longest, lines_fn *fn, void *arg, size_t *skipped);

/* Opens two files of a directory for reading, of which `newer` is renamed to `older` from time to time: what
 * is opened are two files also when that happens meanwhile. ret_fds gets the older one, then the newer one,
 * -1 for each that is not there. Returns 0, -EINVAL for what is no regular file, or the -errno of open(2); then
 * both are -1. */
int lines_open(const char *directory, const char *older, const char *newer, int ret_fds[static 2]);

#endif
