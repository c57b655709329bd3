// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the answers to all inputs are made of: stop, bury, spawn, wait, end. */
#include "core/policy_internal.h"

#include <stdarg.h>
#include <stdio.h>

void policy_add(struct policy_output *out, struct policy_action action)
{
	if (out->count < POLICY_MAX_ACTIONS)
		out->actions[out->count++] = action;
}

void policy_say(struct policy_output *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out->detail, sizeof(out->detail), fmt, ap);
	va_end(ap);
}

void policy_say_and_note(struct policy *policy, struct policy_output *out, const char *text)
{
	snprintf(policy->note, sizeof(policy->note), "%s", text);
	if (out->detail != text)
		policy_say(out, "%s", text);
}

void policy_arm(struct policy *policy, struct policy_output *out, uint64_t deadline_ns)
{
	if (policy->deadline_ns == deadline_ns)
		return;
	policy->deadline_ns = deadline_ns;
	policy_add(out, (struct policy_action){.kind = ACTION_TIMER, .deadline_ns = deadline_ns});
}

void policy_enter(struct policy *policy, enum policy_state state, uint64_t now)
{
	policy->state = state;
	if (state == POLICY_UP)
		policy->down_since_ns = 0;
	else if (!policy->down_since_ns)
		policy->down_since_ns = now;
}

bool policy_is_owned(const struct policy *policy)
{
	return *policy->owner.name;
}

bool policy_is_free(const struct policy *policy)
{
	return policy->gone || policy_is_owned(policy);
}

void policy_begin_stop_by(struct policy *policy, struct policy_output *out, enum policy_after after,
			  int signal, uint64_t now)
{
	policy_enter(policy, POLICY_STOPPING, now);
	policy->after = after;
	policy->member_pid = 0;
	policy_add(out, (struct policy_action){.kind = ACTION_KILL, .signal = signal});
	policy_arm(policy, out, now + policy->config->kill_timeout_ns);
}

void policy_begin_stop(struct policy *policy, struct policy_output *out, enum policy_after after,
		       uint64_t now)
{
	if (policy->state == POLICY_STOPPING)
		policy->after = after;
	else
		policy_begin_stop_by(policy, out, after, policy->config->kill_signal, now);
}

void policy_bury(struct policy *policy, struct policy_output *out, uint64_t now, bool others,
		 const char *why)
{
	char text[POLICY_NOTE_SIZE];

	snprintf(text, sizeof(text), "buried: %s", why);
	if (others) {
		policy_begin_stop(policy, out, AFTER_BURY, now);
	} else {
		policy_arm(policy, out, 0);
		policy_enter(policy, POLICY_BURIED, now);
	}
	policy_say_and_note(policy, out, text);
	out->verdict = VERDICT_BURY;
}

void policy_spawn(struct policy *policy, struct policy_output *out, uint64_t now, bool automatic)
{
	policy_arm(policy, out, 0);
	policy->automatic = automatic;
	policy_record_start(policy, now);
	if (policy_is_owned(policy)) {
		policy_enter(policy, POLICY_RESTARTING, now);
		policy_add(out, (struct policy_action){.kind = ACTION_RESTART_BY_OWNER});
		return;
	}
	policy->gone = false;
	policy_enter(policy, POLICY_STARTING, now);
	policy_add(out, (struct policy_action){.kind = ACTION_SPAWN});
}

void policy_respawn_when_ready(struct policy *policy, struct policy_output *out, uint64_t now)
{
	if (policy->paused) {
		policy_enter(policy, POLICY_WAITING, now);
		policy_arm(policy, out, policy->paused_until_ns);
		snprintf(policy->note, sizeof(policy->note), "paused: respawn is held");
		return;
	}
	if (policy_is_free(policy) && now >= policy->respawn_at_ns) {
		policy_spawn(policy, out, now, true);
		return;
	}
	policy_enter(policy, POLICY_WAITING, now);
	policy_arm(policy, out, now >= policy->respawn_at_ns ? 0 : policy->respawn_at_ns);
}

bool policy_plan_respawn(struct policy *policy, struct policy_output *out, uint64_t at_least,
			 uint64_t now, bool others)
{
	const struct watch_config *config = policy->config;
	char why[96], span[CLOCK_SPAN_SIZE];
	uint64_t delay;

	if (config->max_restarts && policy->restarts >= config->max_restarts) {
		snprintf(why, sizeof(why), "respawned %u times already (max_restarts)",
			 config->max_restarts);
		policy_bury(policy, out, now, others, why);
		return false;
	}
	if (policy->paused) { /* nothing is counted: policy_end_pause() begins anew */
		policy_describe_hold(policy, now, out->detail);
		out->verdict = VERDICT_RESPAWN;
		return true;
	}
	delay = policy_backoff(policy);
	if (delay < at_least)
		delay = at_least;
	if (policy_start_limit_hit(policy, now + delay)) {
		snprintf(why, sizeof(why), "more than %u starts in %s (start_limit_burst)",
			 config->start_limit_burst,
			 clock_span(config->start_limit_interval_ns, span));
		policy_bury(policy, out, now, others, why);
		return false;
	}
	policy->attempt++;
	policy->respawn_at_ns = now + delay;
	if (delay)
		policy_say(out, "%s in %s (attempt %u)",
			   policy_is_owned(policy) ? "restart" : "respawn", clock_span(delay, span),
			   policy->attempt);
	else
		policy_say(out,
			   policy_is_owned(policy) ? "restarted at once" : "respawned at once");
	snprintf(policy->note, sizeof(policy->note), "%s", delay ? out->detail : "");
	out->verdict = policy_is_owned(policy) ? VERDICT_RESTART_BY_OWNER : VERDICT_RESPAWN;
	return true;
}

void policy_end(struct policy *policy, struct policy_output *out, uint64_t now)
{
	policy_arm(policy, out, 0);
	policy_enter(policy, POLICY_ENDED, now);
	policy->attempt = 0;
}

void policy_finish_stop(struct policy *policy, struct policy_output *out, uint64_t now)
{
	policy->owner_stops = false;
	if (policy->after == AFTER_DOWN) {
		policy_arm(policy, out, 0);
		policy_enter(policy, POLICY_DOWN, now);
		policy_say_and_note(policy, out, "stopped by the operator");
	} else if (policy->after == AFTER_BURY) {
		policy_arm(policy, out, 0);
		policy_enter(policy, POLICY_BURIED, now);
	} else if (policy->after == AFTER_HANG || policy->after == AFTER_END) {
		policy_end(policy, out, now);
	} else if (policy->after == AFTER_START) {
		policy_spawn(policy, out, now, false);
	} else {
		policy_respawn_when_ready(policy, out, now);
	}
}
