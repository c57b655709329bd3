/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whether the host is going down, as init says in utmp(5). */
#ifndef OBIT_IO_RUNLEVEL_H
#define OBIT_IO_RUNLEVEL_H

#include <stdbool.h>

/* True in runlevel 0 (halt) or 6 (reboot); `file` NULL: the system's own. False where none is told. */
bool runlevel_goes_down(const char *file);

#endif
