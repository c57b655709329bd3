// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What an operator wants: stop, start, restart, revive, pause, resume. */
#include "core/policy_internal.h"

#include <stdio.h>

#include "base/protocol.h"

/* An operator's stop: by its owner, who would start it again otherwise. */
static void stop_for_operator(struct policy *policy, struct policy_output *out,
			      enum policy_after after, uint64_t now)
{
	policy->replacing = false;
	if (!policy_is_owned(policy) || !policy->owner.stops) {
		policy_begin_stop(policy, out, after, now);
		policy_say(out, after == AFTER_DOWN ? "stopping" : "restarting");
		return;
	}
	policy_enter(policy, POLICY_STOPPING, now);
	policy->after = after;
	policy->member_pid = 0;
	policy->owner_stops = true;
	policy_arm(policy, out, 0);
	policy_add(out, (struct policy_action){.kind = ACTION_STOP_BY_OWNER});
	policy_say(out, "its owner %s is told to stop it", policy->owner.name);
}

bool policy_is_held(const struct policy *policy)
{
	return policy->paused && policy->state == POLICY_WAITING;
}

void policy_describe_hold(const struct policy *policy, uint64_t now_ns,
			  char buf[static POLICY_NOTE_SIZE])
{
	uint64_t until = policy->paused_until_ns;
	char span[CLOCK_SPAN_SIZE];

	if (until)
		snprintf(buf, POLICY_NOTE_SIZE, "paused: respawn is held for %s",
			 clock_span(until > now_ns ? until - now_ns : 0, span));
	else
		snprintf(buf, POLICY_NOTE_SIZE, "paused: respawn is held until resumed");
}

static void refuse(struct policy_output *out, const char *why)
{
	out->refused = true;
	policy_say(out, "%s", why);
}

static void on_stop(struct policy *policy, struct policy_output *out, uint64_t now)
{
	switch (policy->state) {
	case POLICY_UP:
	case POLICY_STARTING:
	case POLICY_READYING:
		stop_for_operator(policy, out, AFTER_DOWN, now);
		return;
	case POLICY_STOPPING:
		policy->after = AFTER_DOWN;
		policy_say(out, "stopping");
		return;
	case POLICY_ASKING:
	case POLICY_EXPECTED:
	case POLICY_RESTARTING:
		if (policy->owner.stops || policy->replacing) {
			stop_for_operator(policy, out, AFTER_DOWN, now);
			return;
		}
		policy_arm(policy, out, 0);
		policy_enter(policy, POLICY_DOWN, now);
		policy_say_and_note(policy, out, "stopped by the operator");
		return;
	case POLICY_WAITING:
	case POLICY_ENDED:
	case POLICY_BURIED:
		if (!policy->gone && policy->state != POLICY_WAITING) { /* members live on */
			policy_begin_stop(policy, out, AFTER_DOWN, now);
			policy_say(out, "stopping");
			return;
		}
		policy_arm(policy, out, 0);
		policy_enter(policy, POLICY_DOWN, now);
		policy_say_and_note(policy, out, "stopped by the operator");
		return;
	case POLICY_DOWN:
		policy_say(out, "is down already");
		return;
	case _POLICY_STATE_MAX:
		return;
	}
}

static void on_start(struct policy *policy, struct policy_output *out, uint64_t now)
{
	switch (policy->state) {
	case POLICY_UP:
	case POLICY_STARTING:
	case POLICY_READYING:
	case POLICY_RESTARTING:
		policy_say(out, "is running already");
		return;
	case POLICY_STOPPING:
		policy->after = AFTER_START;
		policy_say(out, "starts when the old processes are gone");
		return;
	case POLICY_WAITING:
	case POLICY_ASKING:
	case POLICY_EXPECTED:
	case POLICY_ENDED:
	case POLICY_BURIED:
	case POLICY_DOWN:
		policy_forget_past(policy);
		policy->respawn_at_ns = now;
		policy_say(out, "starting");
		if (policy_is_free(policy)) {
			policy_spawn(policy, out, now, false);
		} else {
			policy_begin_stop(policy, out, AFTER_START, now);
		}
		return;
	case _POLICY_STATE_MAX:
		return;
	}
}

static void replace_by_owner(struct policy *policy, struct policy_output *out, uint64_t now)
{
	policy->replacing = true;
	policy_spawn(policy, out, now, false);
	policy_say(out, "its owner %s is told to restart it", policy->owner.name);
}

static void refuse_restart(struct policy *policy, struct policy_output *out, const char *why)
{
	out->refused = true;
	policy_say(out, OBIT_NOT_RESTARTED "%.280s", why);
	policy_say_and_note(policy, out, out->detail);
}

static void on_restart(struct policy *policy, struct policy_output *out, const char *refusal,
		       uint64_t now)
{
	switch (policy->state) {
	case POLICY_UP:
	case POLICY_STARTING:
	case POLICY_READYING:
		if (refusal) {
			refuse_restart(policy, out, refusal);
			return;
		}
		policy_forget_past(policy);
		if (policy_is_owned(policy) && policy->owner.restarts)
			replace_by_owner(policy, out, now);
		else
			stop_for_operator(policy, out, AFTER_START, now);
		return;
	case POLICY_STOPPING:
	case POLICY_RESTARTING:
	case POLICY_WAITING:
	case POLICY_ASKING:
	case POLICY_EXPECTED:
	case POLICY_ENDED:
	case POLICY_BURIED:
	case POLICY_DOWN:
		on_start(policy, out, now);
		return;
	case _POLICY_STATE_MAX:
		return;
	}
}

static void on_revive(struct policy *policy, struct policy_output *out, uint64_t now)
{
	if (policy->state == POLICY_BURIED)
		on_start(policy, out, now);
	else
		refuse(out, "is not buried");
}

void policy_end_pause(struct policy *policy, uint64_t now)
{
	bool comes_back = policy->state == POLICY_WAITING ||
			  (policy->state == POLICY_STOPPING && policy->after == AFTER_RESPAWN);

	policy->paused = false;
	policy->paused_until_ns = 0;
	if (!comes_back)
		return;
	policy_forget_past(policy);
	policy->respawn_at_ns = now;
}

static void on_pause(struct policy *policy, struct policy_output *out, uint64_t until, uint64_t now)
{
	policy->paused = true;
	policy->paused_until_ns = until;
	policy_say(out, "paused");
	switch (policy->state) {
	case POLICY_WAITING:
		policy_respawn_when_ready(policy, out, now);
		return;
	case POLICY_UP:
	case POLICY_ASKING:
	case POLICY_EXPECTED:
	case POLICY_RESTARTING:
	case POLICY_STARTING: /* what is on its way arrives */
	case POLICY_READYING:
	case POLICY_STOPPING: /* held when all is gone */
	case POLICY_ENDED:
	case POLICY_BURIED:
	case POLICY_DOWN:
	case _POLICY_STATE_MAX:
		return;
	}
}

static void on_resume(struct policy *policy, struct policy_output *out, uint64_t now)
{
	if (!policy->paused) {
		policy_say(out, "is not paused");
		return;
	}
	policy_end_pause(policy, now);
	policy_say(out, "resumed");
	switch (policy->state) {
	case POLICY_WAITING:
		policy_respawn_when_ready(policy, out, now);
		return;
	case POLICY_UP:
	case POLICY_ASKING:
	case POLICY_EXPECTED:
	case POLICY_RESTARTING:
	case POLICY_STARTING:
	case POLICY_READYING:
	case POLICY_STOPPING:
	case POLICY_ENDED:
	case POLICY_BURIED:
	case POLICY_DOWN:
	case _POLICY_STATE_MAX:
		return;
	}
}

void policy_take_command(struct policy *policy, const struct policy_input *input, uint64_t now_ns,
			 struct policy_output *out)
{
	switch (input->kind) {
	case INPUT_STOP:
		on_stop(policy, out, now_ns);
		return;
	case INPUT_START:
		on_start(policy, out, now_ns);
		return;
	case INPUT_RESTART:
		on_restart(policy, out, input->words, now_ns);
		return;
	case INPUT_REVIVE:
		on_revive(policy, out, now_ns);
		return;
	case INPUT_PAUSE:
		on_pause(policy, out, input->until_ns, now_ns);
		return;
	case INPUT_RESUME:
		on_resume(policy, out, now_ns);
		return;
	default:
		return;
	}
}
