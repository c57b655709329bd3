/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a cgroup path tells about who runs a process. Pure. */
#ifndef OBIT_CORE_CONTAINER_H
#define OBIT_CORE_CONTAINER_H

#include <stddef.h>

#define CONTAINER_ID_SIZE 65

/* The container id (64 hex digits) in the last component of a cgroup path that has one, written into buf,
 * which is returned; NULL for a process of the host. */
const char *container_id(const char *cgroup, char buf[static CONTAINER_ID_SIZE]);

#define OWNER_SIZE 192
/* Who else manages what lives in this cgroup ("systemd unit nginx.service", "container 3f2a..."), written into
 * buf, which is returned; NULL for nobody known. */
const char *cgroup_owner(const char *cgroup, char buf[static OWNER_SIZE]);

#endif
