/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A process of the daemon's own, that serves it through a socket. */
#ifndef OBIT_IO_HELPER_H
#define OBIT_IO_HELPER_H

#include <stdbool.h>
#include <sys/types.h>

/* What it does; when that returns, it has ended. */
typedef void helper_fn(void *arg, int socket);

/* Starts one called `name`, which runs `fn`. Of the daemon's files it has the standard ones and its end of the socket, above
 * all not the daemon's end: it can tell when the daemon is gone. Signals are blocked in it. It goes to the cgroup that the
 * daemon was started in (base/home.h), or stays with the daemon. `type` is SOCK_STREAM or SOCK_SEQPACKET. Returns its pid, a
 * child for the caller to reap, with the daemon's end in *ret_socket, the caller's; or -errno. */
pid_t helper_start(const char *name, int type, bool goes_home, helper_fn *fn, void *arg,
		   int *ret_socket);

#endif
