/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whether the hardware watchdog may be fed: a decision, never a free timer. Pure: the caller gives
 * the state of every watch and the time. All times are nanoseconds in which the machine has run. */
#ifndef OBIT_CORE_HEALTH_H
#define OBIT_CORE_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

struct health_watch {
	const char *name;
	bool critical; /* only critical watches count */
	bool up;
	uint64_t down_since_ns; /* 0 = up; of an absent watch: when the daemon started */
	uint64_t recover_within_ns;
	bool buried;
	bool hung;   /* it runs and makes no progress: not up since down_since_ns */
	bool absent; /* never matched anything */
};

/* What is to be said of obitd itself: without it a watch that seems well says nothing. */
struct health_self {
	bool attached;		    /* the kernel side is */
	uint64_t starting_since_ns; /* since then it has been starting; 0: it is ready */
	uint64_t unread_since_ns;   /* since then letters wait to be read; 0: none do */
	uint64_t
		late_since_ns; /* since then the loop has been late at every turn; 0: it is in time */
};

/* A burst of deaths and a busy minute are no illness. */
#define HEALTH_PATIENCE_NS (60 * NS_PER_SEC)

struct health_verdict {
	bool feed;
	/* The watch that starves the dog now, or would be the first to. It is the `name` of the input;
	 * NULL: none, or obitd itself does. */
	const char *held_by;
	bool ill; /* something is not well, whether it is fed or not */
	uint64_t
		left_ns; /* while it is fed although it is ill: how long it still will be; else 0 */
	char text[256];	 /* the verdict as a sentence, no newline */
};

/* The watches, seen one by one. */
struct health {
	struct health_watch worst; /* of those that are not well, if there is one */
	bool any_ill;
	size_t critical; /* so many are */
};

/* Takes one more watch into a struct that was zero at first; its name is borrowed. */
void health_add(struct health *health, const struct health_watch *watch);

/* While obitd starts nothing else is known yet, and it is fed for HEALTH_PATIENCE_NS. Then it is fed while obitd does its
 * work (the kernel side attached, letters read, the loop in time, the last two but for HEALTH_PATIENCE_NS) and every critical watch is healthy: up and not hung, or not so for no
 * longer than its recover_within; buried is never healthy. Returns ret->feed. */
bool health_decide(const struct health *health, const struct health_self *self, uint64_t now_ns,
		   struct health_verdict *ret);

/* Both, for all of them. */
bool health_feed(const struct health_watch *watches, size_t n, const struct health_self *self,
		 uint64_t now_ns, struct health_verdict *ret);

/* The first moment after `now_ns` at which the verdict changes if nothing but time passes, 0 if
 * there is none. Time alone never makes a starved dog fed again. */
uint64_t health_next_change_ns(const struct health_watch *watches, size_t n,
			       const struct health_self *self, uint64_t now_ns);

#endif
