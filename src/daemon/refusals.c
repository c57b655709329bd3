// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Why a death must not be answered by a respawn, whatever the policy says. */
#include <errno.h>
#include <stdio.h>

#include "daemon/daemon.h"
#include "io/trust.h"

const char *refusals_with_command(const struct watch_config *watch, const char *why,
				  char buf[static RECIPE_SENTENCE_SIZE])
{
	snprintf(buf, RECIPE_SENTENCE_SIZE,
		 "%.170s; command = \"...\" in watch %.40s would start it", why, watch->name);
	return buf;
}

const char *refusals_of_start(const struct daemon *daemon, const struct instance *instance,
			      char buf[static RECIPE_SENTENCE_SIZE])
{
	const char *why;

	if (*instance->policy.owner.name)
		return NULL; /* its owner knows how to start it */
	why = owners_refusal(daemon, instance, buf);
	if (why)
		return why;
	if (!instance->recipe)
		return "how it was started is not known";
	return recipe_refusal(instance->recipe, watch_of(daemon, instance), buf);
}

const char *refusals_of_recipe(const struct daemon *daemon, const struct instance *instance,
			       char buf[static RECIPE_SENTENCE_SIZE])
{
	const char *why = refusals_of_start(daemon, instance, buf);
	const struct watch_config *watch = watch_of(daemon, instance);
	const char *guarded[LAUNCH_GUARDED + 1] = {0};
	char what[RECIPE_SENTENCE_SIZE];

	if (why || *instance->policy.owner.name)
		return why;
	refusals_guarded(daemon, instance, guarded);
	for (size_t i = 0; guarded[i]; i++)
		if (trust_check(guarded[i], what) == -EPERM)
			return refusals_with_command(watch, what, buf);
	return NULL;
}

bool refusals_guarded(const struct daemon *daemon, const struct instance *instance,
		      const char *ret[static LAUNCH_GUARDED])
{
	const char *guarded[LAUNCH_GUARDED];
	size_t n = 0;

	if (!instance->recipe)
		return false;
	launch_guarded(instance->recipe, watch_of(daemon, instance), guarded);
	for (size_t i = 0; i < LAUNCH_GUARDED; i++)
		if (guarded[i])
			ret[n++] = guarded[i];
	return n;
}

const char *refusals_of_death(struct daemon *daemon, struct instance *instance,
			      const struct obit_letter *letter,
			      char buf[static RECIPE_SENTENCE_SIZE])
{
	const struct watch_config *watch = watch_of(daemon, instance);
	const char *why;

	if (daemon->stopping)
		return "obitd is stopping";
	if (letter->exit.sequence && takeover_is_too_old(daemon, letter->exit.time))
		return "it died long before obitd was there (takeover_window)";
	if (glance_goes_down(daemon))
		return "the host is going down (runlevel 0 or 6)";
	if (instance->recipe && !lineage_is_service(instance, watch, letter))
		return "a job, not a service (it had a terminal, or lived less than settle)";
	why = refusals_of_start(daemon, instance, buf);
	return why ? why : looks_refusal(daemon, instance, buf);
}
