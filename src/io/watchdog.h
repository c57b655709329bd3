/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The hardware watchdog, as Documentation/watchdog/watchdog-api.rst of Linux has it. Whether to feed
 * it is decided elsewhere (core/health); here is only how. */
#ifndef OBIT_IO_WATCHDOG_H
#define OBIT_IO_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"

struct watchdog;

#define WATCHDOG_ERROR_SIZE 512

/* What is known of an open device. */
struct watchdog_facts {
	char identity[64];    /* of the driver; "" when it does not tell */
	char state[16];	      /* before it was opened: "active", "inactive", or "" when unknown */
	bool boot_known;      /* that the next one was told */
	unsigned boot_status; /* WDIOF_*: why the machine has booted; many drivers never tell */
	uint64_t asked_ns;    /* the configured timeout */
	uint64_t timeout_ns;
	bool timeout_known; /* false: the driver does not tell, the configured one is assumed */
	bool magic_close; /* false: the kernel stops it when the descriptor closes, in a crash too */
	bool nowayout;	  /* it cannot be disarmed until the next boot */
	uint64_t pretimeout_ns; /* 0: none, or the driver has not got any */
	char governor[24];	/* what the kernel does then; "" where it does not tell */
};

/* True if the device is armed already, and nobody may be feeding it: it was left so by who had it before. False where the
 * kernel does not tell. */
bool watchdog_runs(const char *device);

/* Opens the device, which arms it, and sets its timeout, pretimeout and governor. A timeout that the driver does not take
 * is no error, since giving up on an armed device would reset the machine: the nearest one is taken
 * (compare asked_ns and timeout_ns). Returns 0; or -errno with a sentence in `error` that names the
 * device, what failed and what was expected, and with the device disarmed where that is possible:
 * -ENOENT, -ENODEV (not a character device), -EBUSY (somebody else holds it), -ENOTTY (not a
 * watchdog), ... The caller owns *ret. */
int watchdog_open(const char *device, const struct watchdog_config *config, struct watchdog **ret,
		  char error[static WATCHDOG_ERROR_SIZE]);

const struct watchdog_facts *watchdog_facts(const struct watchdog *wd);

/* After so long without a feed it resets the machine: what the driver returned, not what it was asked for. */
uint64_t watchdog_timeout_ns(const struct watchdog *wd);

/* How often to feed it: a third of the timeout. */
uint64_t watchdog_ping_interval_ns(const struct watchdog *wd);

/* Feeds it once. Allocates nothing. Returns 0 or -errno (-ENODEV: it is gone). */
int watchdog_feed(struct watchdog *wd);

/* How long until it resets the machine, as the driver says. False where it does not. */
bool watchdog_left_ns(struct watchdog *wd, uint64_t *ret);

/* Sets the longest timeout that the driver takes, up to `most_ns`, which feeds it, too: the time that a shutdown has.
 * Where it takes none the timeout stays as it is. Returns 0 or -errno. */
int watchdog_stretch(struct watchdog *wd, uint64_t most_ns);

/* Ends the use of the device and frees `wd`; accepts NULL.
 * With `disarm` the device is stopped. Returns 0, or -errno when it goes on running and will reset the
 * machine (-EBUSY: nowayout).
 * Without, it goes on running. A device without magic close would be stopped by close(2), so its
 * descriptor is left open on purpose, for the kernel to close when the process is gone, and
 * nowayout, where the kernel lets it be set, keeps it running after that (until the next boot nothing
 * disarms it then). Returns 0, or -EOPNOTSUPP when it will stop with the process. */
int watchdog_close(struct watchdog *wd, bool disarm);

#endif
