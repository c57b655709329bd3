/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The deaths on disk, one line each. They are written by a small process of its own, since whoever writes may
 * have to wait for a disk, and the daemon's loop may not. The daemon hands it lines; it writes them in
 * batches, for the sake of the flash, and says so. What it has said is on disk, all else waits in the daemon:
 * a disk that is full, read-only or gone costs nothing until there is more than HISTORY_QUEUE_MAX of that. */
#ifndef OBIT_IO_HISTORY_H
#define OBIT_IO_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/lines.h"
#include "io/loop.h"

#define HISTORY_QUEUE_MAX  (4 * 1024 * 1024) /* bytes of lines that wait in the daemon */
#define HISTORY_ERROR_SIZE 256

struct history;

struct history_state {
	uint64_t written; /* lines that are on disk */
	uint64_t lost;	  /* lines that never will be */
	size_t waiting;	  /* bytes of lines that are neither, about */
	char error
		[HISTORY_ERROR_SIZE]; /* why the last attempt failed, as a sentence; "" if it did not */
};

/* Called when the state has changed by what the process did. It must not free the history. */
typedef void history_fn(void *arg);

/* A history in `directory` (absolute, copied) that nothing is written to yet. The caller owns *ret. Returns 0
 * or -ENOMEM. */
int history_new(const char *directory, history_fn *changed, void *arg, struct history **ret);

/* Starts the process, at first and whenever it has died; lines that it had not written are handed over anew.
 * It holds nothing of the caller's, touches nothing before there is a size, and ends with the caller. To be
 * called early: then there is little that it shares. Returns 0 or -errno; it is tried again with the next
 * line then. */
int history_start(struct history *history);

/* The process: a child of the caller. 0: there is none. */
pid_t history_pid(const struct history *history);

/* From now on what the process says is heard. Returns 0 or -errno. */
int history_attach(struct history *history, struct loop *loop);

/* How many bytes both files may have together. 0: nothing is written any more, and the process ends. The
 * directory is looked at when the size changes, and made if it is missing. Never blocks. Returns 0 or
 * -ENOMEM: then the size stays as it was. */
int history_set_size(struct history *history, uint64_t size);

#define HISTORY_LOST UINT64_MAX
/* Hands over one line, without its newline; an urgent one is written at once and durably. Never blocks. Returns
 * its number, each higher than the one before; HISTORY_LOST where it cannot be kept: too much waits, it is too
 * long, the size is 0, no memory. */
uint64_t history_add(struct history *history, const char *line, size_t length, bool urgent);

/* Whether the line of that number is on disk. Never of HISTORY_LOST. */
bool history_has(const struct history *history, uint64_t number);

const struct history_state *history_state(const struct history *history);

/* Waits, two seconds at most, until everything is written and the process has ended; where a disk hangs it is
 * left behind, and ends later. What is not known to be written then is lost. */
void history_stop(struct history *history);

/* Waits for nothing. NULL is fine. */
void history_free(struct history *history);

/* Calls `fn` with the newest lines on disk, `most` bytes of them, the oldest first. May block. Returns 0 or
 * -errno; no history is none to read. */
int history_load(const char *directory, uint64_t most, lines_fn *fn, void *arg);

#endif
