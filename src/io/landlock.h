/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A process in a Landlock domain, for the kernel side to learn from what one looks like. */
#ifndef OBIT_IO_LANDLOCK_H
#define OBIT_IO_LANDLOCK_H

#include <sys/types.h>

/* Its pid: a child of the caller, that is in its domain and does nothing. 0 where the kernel has no Landlock, or there is
 * no process to be had. *ret_end is for landlock_stop(). */
pid_t landlock_start(int *ret_end);

/* Ends it. 0 and -1 are fine. */
void landlock_stop(pid_t pid, int end);

#endif
