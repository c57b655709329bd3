/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ownership that can be read on one screen: a variable marked here is released when it leaves
 * scope, and TAKE_*() hands its value on. Every release function accepts "nothing" (NULL, -1). */
#ifndef OBIT_BASE_CLEANUP_H
#define OBIT_BASE_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((__cleanup__(f)))

static inline void free_charp(void *p)
{
	free(*(void **)p);
}

static inline void close_fdp(const int *fd)
{
	if (*fd >= 0)
		close(*fd); /* never retried on EINTR: on Linux the descriptor is gone already */
}

static inline void close_filep(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void close_dirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define _cleanup_free_	_cleanup_(free_charp)
#define _cleanup_close_ _cleanup_(close_fdp)
#define _cleanup_file_	_cleanup_(close_filep)
#define _cleanup_dir_	_cleanup_(close_dirp)

#define TAKE_PTR(p)                                                                                \
	({                                                                                         \
		__typeof__(p) taken_ = (p);                                                        \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})

#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int taken_ = (fd);                                                                 \
		(fd) = -1;                                                                         \
		taken_;                                                                            \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
