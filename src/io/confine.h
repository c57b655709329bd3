/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a helper process gives up that writes or reads files and does nothing else. Nothing that it could still execute
 * or fork inherits it, since it can do neither. */
#ifndef OBIT_IO_CONFINE_H
#define OBIT_IO_CONFINE_H

#include <stdint.h>

#define CONFINE_CAP(cap) (UINT64_C(1) << (cap))

/* Leaves this process the capabilities in `keep`, and the system calls that such a helper needs: others fail with EPERM.
 * Where the kernel has no seccomp, the capabilities are gone all the same. 0 or -errno of what could not be had. */
int confine_self(uint64_t keep);

/* The capabilities alone; and what it executed would gain none. 0 or -errno. */
int confine_rights(uint64_t keep);

#endif
