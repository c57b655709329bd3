/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whether the host is going down, asked of whoever brings it down; io/runlevel has what init writes down. */
#ifndef OBIT_IO_SHUTDOWN_H
#define OBIT_IO_SHUTDOWN_H

#include <stdbool.h>
#include <sys/types.h>

/* `sender`: who has told this process to stop. May take two seconds, if systemd does not answer: only for the end. */
bool shutdown_is_under_way(pid_t sender);

#endif
