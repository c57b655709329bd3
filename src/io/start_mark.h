/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Since when daemons, one after the other, have been trying to start: in a file, since one that fails takes what it
 * knows along. */
#ifndef OBIT_IO_START_MARK_H
#define OBIT_IO_START_MARK_H

#include <stdint.h>

/* Begins a start, or goes on with what others have begun: the time in the file, or else `now_ns`, which is written
 * there. What the file holds from another boot makes the start older than it is, or is ignored. 1, for long ago, where
 * the file cannot be used. */
uint64_t start_mark_begin(const char *path, uint64_t now_ns);

/* One has come to its end. */
void start_mark_end(const char *path);

#endif
