/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where this process was, for its children: it has gone elsewhere, and they are not to. */
#ifndef OBIT_BASE_HOME_H
#define OBIT_BASE_HOME_H

#include <stddef.h>

#define HOMES_MAX 4

/* Remembers the descriptors of the cgroup.procs of those cgroups, which stay the caller's; none: it is there again. */
void home_set(const int *fds, size_t count);

/* For a child just after its fork: moves the calling process there. Returns 0, or the first -errno. */
int home_return(void);

#endif
