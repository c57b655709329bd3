// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How a start goes: somebody else's, or its own, which is confirmed, gets ready, or fails. */
#include "core/policy_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Somebody started it. */
static void come_up(struct policy *policy, struct policy_output *out, uint64_t began, uint64_t now)
{
	policy->owner_stops = false;
	policy_record_found(policy, began, now);
	policy_arm(policy, out, 0);
	policy->hang.by = HANG_NONE;
	policy_enter(policy, POLICY_UP, now);
}

/* Back-off and start limits count what its owner does by itself, too. */
static void on_started_by_owner(struct policy *policy, struct policy_output *out, uint64_t began,
				uint64_t now)
{
	bool told = policy->state == POLICY_RESTARTING ||
		    (policy->state == POLICY_EXPECTED && policy->told);

	policy->replacing = false;
	if (!told) {
		policy->attempt++;
		come_up(policy, out, began, now);
		return;
	}
	policy->restarts += policy->automatic;
	policy_arm(policy, out, 0);
	policy->hang.by = HANG_NONE;
	policy_enter(policy, POLICY_UP, now);
}

void policy_on_started(struct policy *policy, struct policy_output *out, uint64_t began,
		       uint64_t now)
{
	policy->gone = policy->headless = false;
	policy->up_since_ns = now;
	policy->note[0] = '\0';
	switch (policy->state) {
	case POLICY_STARTING: /* its own child, seen before its exec was confirmed */
		return;
	case POLICY_STOPPING: /* goes on stopping, unless its owner wants otherwise */
		if (!policy_is_owned(policy))
			return;
		come_up(policy, out, began, now);
		return;
	case POLICY_ASKING:
	case POLICY_EXPECTED:
	case POLICY_RESTARTING:
		on_started_by_owner(policy, out, began, now);
		return;
	case POLICY_UP:
	case POLICY_READYING:
	case POLICY_WAITING:
	case POLICY_ENDED:
	case POLICY_BURIED:
	case POLICY_DOWN:
		/* Somebody started it, and was faster than the back-off or does not need it. */
		come_up(policy, out, began, now);
		return;
	case _POLICY_STATE_MAX:
		return;
	}
}

void policy_on_spawned(struct policy *policy, struct policy_output *out, uint64_t now)
{
	/* Stopped before it was there to be signalled. */
	if (policy->state == POLICY_STOPPING) {
		policy->gone = policy->headless = false;
		policy_add(out, (struct policy_action){.kind = ACTION_KILL,
						       .signal = policy->config->kill_signal});
	}
	if (policy->state != POLICY_STARTING)
		return;
	policy->gone = policy->headless = false;
	policy->up_since_ns = now;
	policy->note[0] = '\0';
	policy->hang.by = HANG_NONE;
	if (policy->automatic)
		policy->restarts++;
	policy_enter(policy, policy->config->notify ? POLICY_READYING : POLICY_UP, now);
	if (policy->state == POLICY_READYING) {
		policy_arm(policy, out, now + policy->config->start_timeout_ns);
		snprintf(policy->note, sizeof(policy->note), "waits for its READY=1");
	}
}

void policy_on_ready(struct policy *policy, struct policy_output *out, uint64_t now)
{
	if (policy->state != POLICY_READYING)
		return;
	policy_arm(policy, out, 0);
	policy->note[0] = '\0';
	policy_enter(policy, POLICY_UP, now);
}

/* What hangs is not given more time to stop: it may say anything. */
static bool may_extend(const struct policy *policy)
{
	bool hangs = policy->hang.by != HANG_NONE && policy->hang.stopped;

	return policy->state == POLICY_READYING ||
	       (policy->state == POLICY_STOPPING && policy->deadline_ns && !hangs);
}

/* Never to an earlier end than the one that it has. */
void policy_on_extend(struct policy *policy, struct policy_output *out, uint64_t until_ns)
{
	if (may_extend(policy) && until_ns > policy->deadline_ns)
		policy_arm(policy, out, until_ns);
}

/* What is no fault of the program: a missing or busy binary is a package being upgraded, and a host may be short
 * of memory, descriptors, processes or a file system for a moment. It waits, and does not count as a start. */
static bool is_passing(int error)
{
	switch (error) {
	case ENOENT:
	case ETXTBSY:
	case EAGAIN:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ECHILD:	/* the spawner was killed */
	case ETIMEDOUT: /* a file system did not answer */
		return true;
	default:
		return false;
	}
}

static const char *awaited(int error)
{
	if (error == ENOENT || error == ETXTBSY)
		return "its executable";
	return error == ETIMEDOUT ? "a file system" : "resources";
}

static void retry_spawn(struct policy *policy, struct policy_output *out, int error, uint64_t now)
{
	char text[POLICY_NOTE_SIZE];
	uint64_t delay;
	bool again;

	policy->gone = true;
	if (is_passing(error)) {
		policy_forget_start(policy);
		policy->attempt++;
		delay = policy_backoff(policy);
		policy->respawn_at_ns = now +
					(delay > SPAWN_RETRY_MIN_NS ? delay : SPAWN_RETRY_MIN_NS);
		snprintf(text, sizeof(text), "waits for %s: %s", awaited(error), strerror(error));
		policy_say_and_note(policy, out, text);
		policy_respawn_when_ready(policy, out, now);
		return;
	}
	again = policy_plan_respawn(policy, out, SPAWN_RETRY_MIN_NS, now, false);
	snprintf(text, sizeof(text), "could not be started: %s; %.200s", strerror(error),
		 out->detail);
	policy_say_and_note(policy, out, text);
	if (again)
		policy_respawn_when_ready(policy, out, now);
}

void policy_on_spawn_failed(struct policy *policy, struct policy_output *out, int error,
			    uint64_t now)
{
	if (policy->state == POLICY_STOPPING)
		policy_on_all_gone(policy, out, now); /* there is nothing that could be stopped */
	else if (policy->state == POLICY_STARTING)
		retry_spawn(policy, out, error, now);
}

/* Until somebody has changed that, and starts it. */
void policy_on_spawn_refused(struct policy *policy, struct policy_output *out, const char *why,
			     uint64_t now)
{
	char text[POLICY_NOTE_SIZE];

	if (policy->state == POLICY_STOPPING) {
		policy_on_all_gone(policy, out, now); /* there is nothing that could be stopped */
		return;
	}
	if (policy->state != POLICY_STARTING)
		return;
	policy_forget_start(policy);
	policy_end(policy, out, now);
	policy->gone = true;
	snprintf(text, sizeof(text), "%s: %.280s",
		 policy->automatic ? "not respawned" : "not started", why);
	policy_say_and_note(policy, out, text);
	out->verdict = VERDICT_REPORT;
}
