/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Makes the checks of probes: to TCP ports and HTTP servers in the loop, each within its time and in bounded memory,
 * whatever the other side does. What goes through a file system may block, and is for a child process. */
#ifndef OBIT_IO_PROBE_H
#define OBIT_IO_PROBE_H

#include "core/config.h"
#include "core/probe_target.h"

struct loop;
struct probe_client;
struct probe_check;

enum probe_outcome {
	PROBE_CHECK_PASSED,
	PROBE_CHECK_FAILED, /* the other side's fault */
	PROBE_CHECK_UNABLE, /* this side's: a lack of descriptors, memory, ports */
};

/* Told once of each check, and the check is gone by then. `words` say why it did not pass. */
typedef void probe_fn(void *arg, enum probe_outcome outcome, const char *words);

/* The loop must outlive it. 0 or -errno. The caller owns *ret. */
int probe_client_new(struct loop *loop, struct probe_client **ret);

/* With its checks, of which nothing is told any more. NULL is fine. */
void probe_client_free(struct probe_client *client);

/* Begins a check of type tcp or http; nothing of `config` is needed later. Its end is told from the loop. 0, or -errno
 * where it cannot be made here. */
int probe_check_start(struct probe_client *client, const struct probe_config *config, probe_fn *fn,
		      void *arg, struct probe_check **ret);

/* Nothing is told of it any more. */
void probe_check_cancel(struct probe_check *check);

/* True for what says nothing of the other side. */
bool probe_is_unable(int error);

/* Connects to the socket at argv[0], a path or an abstract "@name", of any type; as long as that takes. Returns 0 or
 * the errno. */
int probe_connect_unix(const char *const *argv);

#endif
