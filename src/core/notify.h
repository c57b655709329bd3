/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a service says of itself, in the words of sd_notify(3). Pure; the bytes are anybody's. */
#ifndef OBIT_CORE_NOTIFY_H
#define OBIT_CORE_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

#define NOTIFY_MAX	   4096 /* bytes of a datagram, as systemd has it */
#define NOTIFY_STATUS_SIZE 256	/* what is beyond is cut off */

#define NOTIFY_PERIOD_MIN (100 * NS_PER_MS) /* that of hang_timeout */

struct notify_message {
	bool ready, reloading, stopping;
	bool alive;	/* WATCHDOG=1 */
	bool hung;	/* WATCHDOG=trigger */
	bool forgotten; /* RESTART_RESET=1 */
	bool has_status, has_error, has_period;
	char status[NOTIFY_STATUS_SIZE]; /* bytes of its own choice, but no control characters */
	int error;
	uint32_t main_pid;  /* 0: not said */
	uint64_t period_ns; /* WATCHDOG_USEC, at least the minimum; 0: none */
	uint64_t extend_ns; /* EXTEND_TIMEOUT_USEC; 0: not said */
	bool stores_files;  /* FDSTORE=1 */
};

/* Assignments that are not known, or whose value makes no sense, say nothing. 0, or -EINVAL for what is no message:
 * empty, longer than NOTIFY_MAX, or with a zero byte in it. */
int notify_parse(const char *data, size_t size, struct notify_message *ret);

#endif
