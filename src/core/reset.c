// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/reset.h"

#include <linux/watchdog.h>
#include <stddef.h>

#include "base/cleanup.h"

#define POWER_FLAGS (WDIOF_POWERUNDER | WDIOF_POWEROVER)

#define RESET_NAME(name, word) [RESET_##name] = (word),
static const char *const cause_names[] = {RESET_CAUSES(RESET_NAME)};

static const char *const cause_words[] = {
	[RESET_NONE] = "no watchdog had to do with the last boot",
	[RESET_STARVED] = "the watchdog has reset the machine: obitd had let it starve",
	[RESET_UNSURE] =
		"obitd had let the watchdog starve, and the machine has started anew; that "
		"the watchdog did it is not said by its driver",
	[RESET_POWER] = "obitd had let the watchdog starve, but the power failed",
	[RESET_REBOOT] = "obitd had the machine rebooted in order",
	[RESET_BITTEN] = "the watchdog has reset the machine, and obitd had left no word: it was "
			 "killed or hung, or the kernel was",
	[RESET_FOREIGN] = "the watchdog has reset the machine while obitd did not run",
};

static const struct {
	unsigned flag;
	const char *name;
} flags[] = {
	{WDIOF_OVERHEAT, "overheat"},	   {WDIOF_FANFAULT, "fan_fault"},
	{WDIOF_EXTERN1, "external_1"},	   {WDIOF_EXTERN2, "external_2"},
	{WDIOF_POWERUNDER, "power_under"}, {WDIOF_CARDRESET, "card_reset"},
	{WDIOF_POWEROVER, "power_over"},
};

const char *reset_cause_name(enum reset_cause cause)
{
	return cause_names[cause];
}

const char *reset_cause_words(enum reset_cause cause)
{
	return cause_words[cause];
}

enum reset_cause reset_judge(const struct reset_before *before, bool told, unsigned status)
{
	bool bitten = told && (status & WDIOF_CARDRESET);

	if (before->starved && bitten)
		return RESET_STARVED;
	if (before->starved && before->rebooted && before->ended)
		return RESET_REBOOT;
	if (before->starved)
		return told && (status & POWER_FLAGS) ? RESET_POWER : RESET_UNSURE;
	if (!bitten)
		return RESET_NONE;
	return before->armed && !before->ended ? RESET_BITTEN : RESET_FOREIGN;
}

bool reset_counts(enum reset_cause cause)
{
	return cause == RESET_STARVED || cause == RESET_UNSURE || cause == RESET_REBOOT ||
	       cause == RESET_BITTEN;
}

const char *reset_status_name(unsigned status, unsigned n)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (status & flags[i].flag && !n--)
			return flags[i].name;
	return NULL;
}
