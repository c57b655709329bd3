/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the boot before this one ended by, from what obitd had written down and what the watchdog says. Pure. */
#ifndef OBIT_CORE_RESET_H
#define OBIT_CORE_RESET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define RESET_CAUSES(X)                                                                            \
	X(NONE, "none")	      /* no watchdog had to do with it */                                  \
	X(STARVED, "starved") /* obitd let it starve, and it has reset the machine */              \
	X(UNSURE, "unsure")   /* obitd let it starve; that it has reset the machine is not said */ \
	X(POWER, "power")     /* obitd let it starve, but the power failed */                      \
	X(REBOOT, "reboot")   /* obitd had it rebooted in order, instead of letting it starve */   \
	X(BITTEN, "bitten")   /* it has reset the machine, without a word of obitd */              \
	X(FOREIGN, "foreign") /* the same, and obitd had nothing to do with it */

#define RESET_ENUM(name, word) RESET_##name,
enum reset_cause { RESET_CAUSES(RESET_ENUM) _RESET_CAUSE_MAX };

const char *reset_cause_name(enum reset_cause cause);

/* The boot before, as it was written down. */
struct reset_before {
	bool armed;    /* obitd had a watchdog */
	bool ended;    /* and was stopped in order */
	bool starved;  /* it had decided to let it starve, and had not taken that back */
	bool rebooted; /* an orderly reboot was under way for that */
};

/* `told`: the driver says by what the machine was started; `status`: WDIOF_*, as it says it. */
enum reset_cause reset_judge(const struct reset_before *before, bool told, unsigned status);

/* True for what counts among resets in a row. */
bool reset_counts(enum reset_cause cause);

/* What happened, as a sentence without its end. */
const char *reset_cause_words(enum reset_cause cause);

/* The name of the n-th of the WDIOF_* flags in `status`, "card_reset"; NULL: there are no more. */
const char *reset_status_name(unsigned status, unsigned n);

/* So long without anything ill, and what was before counts no more. */
#define RESET_HEALTHY_NS (60 * NS_PER_MIN)

#endif
