/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The sockets to which services say how they are: one for each user, so that nobody else has a say. */
#ifndef OBIT_IO_NOTIFY_H
#define OBIT_IO_NOTIFY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define NOTIFY_ERROR_SIZE 256

struct loop;
struct notify_server;

/* Called with each datagram that is no longer than NOTIFY_MAX, and who has sent it: the kernel's word. */
typedef void notify_fn(void *arg, pid_t sender, const char *data, size_t size);

struct notify_counters {
	uint64_t received;
	uint64_t cut; /* longer than NOTIFY_MAX, or without a sender: not told */
};

/* `directory` is made when it is needed. The loop must outlive it. 0 or -ENOMEM. The caller owns *ret. */
int notify_open(struct loop *loop, const char *directory, notify_fn *fn, void *arg,
		struct notify_server **ret);

/* The path of the socket for that user, which is made if need be; or NULL, with a sentence in `error`. Borrowed. */
const char *notify_path(struct notify_server *server, uid_t uid,
			char error[static NOTIFY_ERROR_SIZE]);

/* Takes what has come so far, before somebody is said to have sent nothing. */
void notify_drain(struct notify_server *server);

const struct notify_counters *notify_counters(const struct notify_server *server);

/* Removes sockets and directory. NULL is fine. */
void notify_close(struct notify_server *server);

#endif
