/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One small file in the state directory, replaced as a whole and durably: by a process of its own, so that a disk that
 * hangs, or a full history in front of it, delays nobody. */
#ifndef OBIT_IO_SCRIBE_H
#define OBIT_IO_SCRIBE_H

#include <stddef.h>
#include <sys/types.h>

#include "io/loop.h"
#include "io/state_dir.h"

#define SCRIBE_TEXT_MAX (60 * 1024)

struct scribe;

/* What was written last is on disk (`error` is ""), or cannot be: a sentence. Not to free the scribe. */
typedef void scribe_fn(void *arg, const char *error);

/* For the file `name` in `directory` (absolute; both are copied). The caller owns *ret. 0 or -ENOMEM. */
int scribe_new(const char *directory, const char *name, scribe_fn *told, void *arg,
	       struct scribe **ret);

/* Starts the process, at first and whenever it has died; what it had not written is written by the new one. To
 * be called early: it keeps nothing of the caller's. Touches nothing before something is to be written. 0 or -errno. */
int scribe_start(struct scribe *scribe);
/* The process: a child of the caller. 0: there is none. */
pid_t scribe_pid(const struct scribe *scribe);
/* From now on it is heard. 0 or -errno. */
int scribe_attach(struct scribe *scribe, struct loop *loop);

/* Replaces what the file holds. Never blocks; while a write is under way the newest text waits, and those in between
 * are left out. 0, -EMSGSIZE or -ENOMEM. */
int scribe_write(struct scribe *scribe, const char *text, size_t length);

/* Waits, two seconds at most, until all is written and the process has ended. NULL is fine. */
void scribe_free(struct scribe *scribe);

/* What the file holds, with a NUL behind it: *ret is the caller's, or NULL where there is none. May block. 0 or -errno. */
int scribe_load(const char *directory, const char *name, char **ret);

/* In the process; here for its tests. 0, or -errno with a sentence. */
int scribe_replace(const char *directory, const char *name, const char *text, size_t length,
		   char error[static STATE_DIR_ERROR_SIZE]);

#endif
