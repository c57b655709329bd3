// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What lives is not stopped for a child that would be refused: before that somebody looks at what the child would look at,
 * which may take as long as a file system likes. Meanwhile a member's death waits in its letter, and a restart in the
 * attachment. */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/protocol.h"
#include "daemon/daemon.h"
#include "io/confine.h"
#include "io/hooks.h"
#include "io/trust.h"

#define LOOKS_MAX    32 /* at once; beyond that nobody looks before the child */
#define LOOK_TIMEOUT (500 * NS_PER_MS)

/* In a child. Says why, where others than root can change one of the files. */
static int look(const char *const *argv)
{
	char why[RECIPE_SENTENCE_SIZE];
	int r = 0;

	confine_self(CONFINE_CAP(CAP_DAC_READ_SEARCH));
	for (; *argv && r != -EPERM; argv++) {
		r = trust_check(*argv, why);
		if (r == -EPERM)
			fputs(why, stdout);
	}
	return fflush(stdout);
}

static bool is_known(const struct daemon *daemon, const struct instance *instance)
{
	return daemon->look.id == instance->id;
}

bool looks_first(struct daemon *daemon, struct instance *instance)
{
	struct attachment *attachment = instance->attachment;
	const char *argv[LAUNCH_GUARDED + 1] = {0}, *const envp[] = {NULL};
	struct hook looker = {
		.name = "looking at what is to be started again",
		.id = instance->id,
		.argv = argv,
		.envp = envp,
		.input = "",
		.timeout_ns = LOOK_TIMEOUT,
		.call = look,
		.captures = true,
	};

	if (attachment->looking)
		return true;
	/* The last one may not have come to its end yet: then it is no use. */
	if (is_known(daemon, instance) || *instance->policy.owner.name ||
	    hooks_has(daemon->lookers, instance->id) || !refusals_guarded(daemon, instance, argv))
		return false;
	attachment->looking = hooks_run(daemon->lookers, &looker) == 0 &&
			      hooks_has(daemon->lookers, instance->id);
	return attachment->looking;
}

const char *looks_refusal(const struct daemon *daemon, const struct instance *instance,
			  char buf[static RECIPE_SENTENCE_SIZE])
{
	if (!is_known(daemon, instance) || !daemon->look.why)
		return NULL;
	return refusals_with_command(watch_of(daemon, instance), daemon->look.why, buf);
}

/* ---- what has waited for it ---- */

bool looks_before_restart(struct daemon *daemon, struct instance *instance)
{
	struct attachment *attachment = instance->attachment;
	struct policy *policy = &instance->policy;

	if (!instance->main || (policy->state != POLICY_UP && policy->state != POLICY_READYING) ||
	    !looks_first(daemon, instance))
		return false;
	attachment->restart_waits = true;
	if (strncmp(policy->note, OBIT_NOT_RESTARTED, strlen(OBIT_NOT_RESTARTED)) == 0)
		*policy->note = '\0'; /* of another time */
	return true;
}

static void restart(struct daemon *daemon, struct instance *instance)
{
	char why[RECIPE_SENTENCE_SIZE];
	struct policy_input input = {.kind = INPUT_RESTART,
				     .words = looks_refusal(daemon, instance, why)};
	struct policy_output decision;

	((struct attachment *)instance->attachment)->restart_waits = false;
	act_step(daemon, instance, &input, &decision);
	if (decision.refused)
		log_warning("%s: %s", watch_of(daemon, instance)->name, decision.detail);
}

/* To bury one may be the end of another, or of the instance. */
static void bury_members(struct daemon *daemon, const struct instance *instance)
{
	_cleanup_free_ struct obit_key *keys = calloc(instance->alive + 1, sizeof(*keys));
	struct process *process;
	struct obit_letter letter;
	size_t count = 0;

	if (!keys) {
		daemon_out_of_memory(daemon, "telling how members died");
		return;
	}
	DL_FOREACH (instance->processes, process)
		if (process->role == ROLE_MEMBER && !process->dying)
			keys[count++] = process->key;
	for (size_t i = 0; i < count; i++) {
		process = lineage_find(&daemon->lineage, &keys[i]);
		if (process && bpf_source_letter(daemon->source, &keys[i], &letter) == 0 &&
		    letter.exit.sequence)
			deaths_bury(daemon, process, &letter);
	}
}

static void on_look(void *arg, const struct hook_result *result)
{
	struct daemon *daemon = arg;
	struct instance *instance = lineage_instance(&daemon->lineage, result->id);
	struct attachment *attachment = instance ? instance->attachment : NULL;

	if (!attachment || !attachment->looking)
		return;
	attachment->looking = false;
	daemon->look.id = result->id;
	daemon->look.why = *result->output ? result->output : NULL;
	bury_members(daemon, instance);
	instance = lineage_instance(&daemon->lineage, result->id);
	attachment = instance ? instance->attachment : NULL;
	if (attachment && attachment->restart_waits)
		restart(daemon, instance);
	daemon->look.id = 0;
	daemon->look.why = NULL;
}

/* ---- the ends ---- */

int looks_open(struct daemon *daemon)
{
	struct hooks_options options = {
		.running_max = LOOKS_MAX,
		.waiting_max = 0,
		.told = on_look,
		.arg = daemon,
	};

	return hooks_new(daemon->loop, &options, &daemon->lookers);
}

bool looks_reap(struct daemon *daemon, pid_t pid)
{
	return daemon->lookers && hooks_reap(daemon->lookers, pid);
}

void looks_close(struct daemon *daemon)
{
	hooks_free(daemon->lookers);
}
