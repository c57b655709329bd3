/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who has a device open. */
#ifndef OBIT_IO_HOLDER_H
#define OBIT_IO_HOLDER_H

#include <stdbool.h>
#include <sys/types.h>

struct holder {
	pid_t pid;
	char comm[16]; /* printable; "" if it cannot be read */
};

/* A process other than this one that holds the character device, under any of its names below /dev; the watchdog with
 * id 0 has two numbers. False: none is seen. Looks at every process, aside (io/aside.h), for a
 * second at most, so only to tell somebody. */
bool holder_find(const char *device, struct holder *ret);

#endif
