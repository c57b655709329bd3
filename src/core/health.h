/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whether the hardware watchdog may be fed: a decision, never a free timer. Pure: the caller gives
 * the state of every watch and the time. All times are nanoseconds on CLOCK_BOOTTIME. */
#ifndef OBIT_CORE_HEALTH_H
#define OBIT_CORE_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct health_watch {
	const char *name;
	bool critical; /* only critical watches count */
	bool up;
	uint64_t down_since_ns; /* 0 = up; of an absent watch: when the daemon started */
	uint64_t recover_within_ns;
	bool buried;
	bool absent; /* never matched anything */
};

struct health_kernel {
	bool attached;
};

struct health_verdict {
	bool feed;
	/* The watch that starves the dog now, or would be the first to. It is the `name` of the input;
	 * NULL: none, or the kernel side is what is missing. */
	const char *held_by;
	uint64_t
		left_ns; /* while fed although `held_by` is down: how long it still may be; else 0 */
	char text[256];	 /* the verdict as a sentence, no newline */
};

/* Fed while the kernel side is attached and every critical watch is healthy: up, or down for no
 * longer than its recover_within; buried is never healthy. Returns ret->feed. */
bool health_feed(const struct health_watch *watches, size_t n, const struct health_kernel *kernel,
		 uint64_t now_ns, struct health_verdict *ret);

/* The first moment after `now_ns` at which the verdict changes if nothing but time passes, 0 if
 * there is none. Time alone never makes a starved dog fed again. */
uint64_t health_next_change_ns(const struct health_watch *watches, size_t n,
			       const struct health_kernel *kernel, uint64_t now_ns);

#endif
