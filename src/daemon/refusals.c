// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Why a death must not be answered by a respawn, whatever the policy says. */
#include <errno.h>
#include <stdio.h>

#include "daemon/daemon.h"
#include "io/trust.h"

/* Can others than root change what root would run? A file that is missing may come back; what comes back is looked
 * at again before exec. */
static bool others_can_change(const struct recipe *recipe, char buf[static RECIPE_SENTENCE_SIZE])
{
	if (!recipe->exe)
		return false; /* there is nothing to run */
	if (trust_check(recipe->exe, buf) == -EPERM)
		return true;
	if (recipe->script && !recipe->script_path) {
		snprintf(buf, RECIPE_SENTENCE_SIZE,
			 "it runs as root, and which file its script %.80s is, is not known",
			 recipe->script);
		return true;
	}
	return recipe->script && trust_check(recipe->script_path, buf) == -EPERM;
}

const char *refusals_of_trust(const struct watch_config *watch, const struct recipe *recipe,
			      char buf[static RECIPE_SENTENCE_SIZE])
{
	char what[RECIPE_SENTENCE_SIZE];

	if (watch->command || recipe->facts->euid != 0 || !others_can_change(recipe, what))
		return NULL;
	snprintf(buf, RECIPE_SENTENCE_SIZE,
		 "%.170s; command = \"...\" in watch %.40s would start it", what, watch->name);
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

	if (why || *instance->policy.owner.name)
		return why;
	return refusals_of_trust(watch_of(daemon, instance), instance->recipe, buf);
}

const char *refusals_of_death(struct daemon *daemon, struct instance *instance,
			      const struct obit_letter *letter,
			      char buf[static RECIPE_SENTENCE_SIZE])
{
	const struct watch_config *watch = watch_of(daemon, instance);

	if (daemon->stopping)
		return "obitd is stopping";
	if (letter->exit.sequence && takeover_is_too_old(daemon, letter->exit.time))
		return "it died long before obitd was there (takeover_window)";
	if (glance_goes_down(daemon))
		return "the host is going down (runlevel 0 or 6)";
	if (instance->recipe && !lineage_is_service(instance, watch, letter))
		return "a job, not a service (it had a terminal, or lived less than settle)";
	return refusals_of_recipe(daemon, instance, buf);
}
