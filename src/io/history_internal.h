/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the parts of the history share: history (in the daemon: the queue), history_process (the one that writes),
 * history_writer (the files). Nobody else includes it, but for tests. */
#ifndef OBIT_IO_HISTORY_INTERNAL_H
#define OBIT_IO_HISTORY_INTERNAL_H

#include "io/history.h"

/* ---- between the daemon and the process ---- */

/* What the daemon sends is lines, each with one of these in front. */
enum { ITEM_LINE = ' ', ITEM_URGENT = '!', ITEM_SIZE = '=' };

/* What the process says after each flush. */
struct history_answer {
	uint64_t done; /* items, since it was started */
	char error[HISTORY_ERROR_SIZE];
};

/* Takes from the socket until its end, and writes all of that. */
void history_process_run(int socket, const char *directory, uint64_t size);

/* ---- history_writer.c ---- */

#define HISTORY_BATCH_MAX (64 * 1024) /* bytes that are not written yet */
#define HISTORY_DELAY_NS  (30 * NS_PER_SEC)
#define HISTORY_RETRY_NS  (2 * NS_PER_SEC) /* after a failure: what is urgent may wait behind it */

/* Lines on their way to disk. Between two batches nothing is open: a file system can be unmounted. */
struct history_writer {
	const char *directory; /* borrowed */
	uint64_t size;	       /* of both files */
	char *bytes;	       /* owned: room for a newline, then `used` bytes of whole lines */
	size_t used;
	uint64_t pending;		/* what was taken and is not done */
	uint64_t done;			/* what was taken and is written, in all */
	uint64_t due_ns;		/* when to flush; 0: nothing is pending */
	bool durable;			/* the next flush waits for the disk */
	char error[HISTORY_ERROR_SIZE]; /* of the last flush; "" if it did what it should */
};

/* Returns 0 or -ENOMEM. */
int history_writer_init(struct history_writer *writer, const char *directory, uint64_t size);
void history_writer_clear(struct history_writer *writer);

/* Takes one line. False: there is no room before a flush has succeeded. */
bool history_writer_take(struct history_writer *writer, const char *line, size_t length,
			 bool urgent, uint64_t now_ns);

/* Takes a new size; a flush at once looks at the directory. */
void history_writer_set_size(struct history_writer *writer, uint64_t size, uint64_t now_ns);

/* For poll(2): milliseconds until a flush is due, -1 for never. */
int history_writer_timeout(const struct history_writer *writer, uint64_t now_ns);

/* Writes what is pending. Returns 0, or -errno with a sentence in `error`: then what is not written stays
 * pending, and is due again after HISTORY_RETRY_NS. */
int history_writer_flush(struct history_writer *writer, uint64_t now_ns);

#endif
