// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who belongs to an owner: it is asked, told, and waited for. */
#include "core/policy_internal.h"

#include <stdio.h>

#define ASK_PATIENCE_NS (60 * NS_PER_SEC)
#define ASK_FIRST_NS	(100 * NS_PER_MS)
#define ASK_LAST_NS	(5 * NS_PER_SEC)
#define ASK_TWICE_NS	(2 * NS_PER_SEC) /* supervisord decides once a second */

static void report(struct policy *policy, struct policy_output *out, uint64_t now)
{
	policy_end(policy, out, now);
	policy_say_and_note(policy, out, out->detail);
	out->verdict = VERDICT_REPORT;
}

static void ask_owner(struct policy *policy, struct policy_output *out, uint64_t now)
{
	policy_enter(policy, POLICY_ASKING, now);
	policy->questions++;
	policy_add(out, (struct policy_action){.kind = ACTION_ASK_OWNER});
}

/* Has its owner restart it, within obit's own limits. */
static void restart_by_owner(struct policy *policy, struct policy_output *out, uint64_t now)
{
	char plan[POLICY_NOTE_SIZE];

	if (policy->owner.untold) {
		policy_say(
			out,
			"not respawned: its owner %s does not restart it, and has no command to be "
			"told with",
			policy->owner.name);
		report(policy, out, now);
		return;
	}
	if (policy->too_young) {
		policy_bury(policy, out, now, false, "lived less than min_uptime");
		return;
	}
	if (!policy_plan_respawn(policy, out, 0, now, false))
		return;
	snprintf(plan, sizeof(plan), "%s", out->detail);
	policy_say(out, "by its owner %s: %.200s", policy->owner.name, plan);
	policy_respawn_when_ready(policy, out, now);
}

void policy_turn_to_owner(struct policy *policy, struct policy_output *out,
			  const struct policy_death *death, uint64_t now)
{
	policy->too_young = death->lived_ns < policy->config->min_uptime_ns;
	policy->denied = policy->told = false;
	policy->questions = 0;
	policy->asking_since_ns = now;
	if (policy->owner.unasked) {
		restart_by_owner(policy, out, now);
		return;
	}
	policy_arm(policy, out, 0);
	ask_owner(policy, out, now);
	policy_say(out, "its owner %s is asked whether it restarts it", policy->owner.name);
	policy_say_and_note(policy, out, out->detail);
	out->verdict = VERDICT_ASK_OWNER;
}

/* Longer and longer, until it is clear that it does not tell. */
static void ask_again(struct policy *policy, struct policy_output *out, uint64_t at_least,
		      uint64_t now)
{
	unsigned doublings = policy->questions < 10 ? policy->questions - 1 : 9;
	uint64_t delay = ASK_FIRST_NS << doublings;

	if (delay > ASK_LAST_NS)
		delay = ASK_LAST_NS;
	if (now - policy->asking_since_ns >= ASK_PATIENCE_NS) {
		policy_say(out, "not respawned: its owner %s does not say whether it restarts it",
			   policy->owner.name);
		report(policy, out, now);
		return;
	}
	policy_arm(policy, out, now + (delay < at_least ? at_least : delay));
}

static void take_no(struct policy *policy, struct policy_output *out, uint64_t now)
{
	bool first = !policy->denied;

	policy->denied = true;
	if (first && policy->owner.twice)
		ask_again(policy, out, ASK_TWICE_NS, now);
	else
		restart_by_owner(policy, out, now);
}

static void take_answer(struct policy *policy, struct policy_output *out,
			const struct policy_input *input, uint64_t now)
{
	const char *name = policy->owner.name;

	switch (input->answer) {
	case OWNER_SAYS_WAIT:
		ask_again(policy, out, 0, now);
		return;
	case OWNER_SAYS_NO:
		take_no(policy, out, now);
		return;
	case OWNER_SAYS_RESTARTS:
		policy_arm(policy, out, 0);
		policy_enter(policy, POLICY_EXPECTED, now);
		policy_say(out, "its owner %s restarts it", name);
		policy_say_and_note(policy, out, out->detail);
		out->verdict = VERDICT_REPORT;
		return;
	case OWNER_SAYS_STOPPING:
		policy_say(out, "its owner %s stops it: not respawned", name);
		report(policy, out, now);
		out->verdict = VERDICT_NONE;
		return;
	case OWNER_SAYS_RUNS_ON:
		policy_say(out, "not respawned: its owner %s runs on without it", name);
		report(policy, out, now);
		return;
	case OWNER_SAYS_NOTHING:
	case _OWNER_ANSWER_MAX:
		policy_say(out,
			   "not respawned: whether its owner %s restarts it cannot be told%s%.200s",
			   name, input->words ? ": " : "", input->words ? input->words : "");
		report(policy, out, now);
		return;
	}
}

/* Its owner was told to restart what runs, and that runs still. */
static void stay_up(struct policy *policy, struct policy_output *out, uint64_t now)
{
	policy->replacing = false;
	policy_arm(policy, out, 0);
	policy_enter(policy, POLICY_UP, now);
	policy_say_and_note(policy, out, out->detail);
}

void policy_on_owner_timer(struct policy *policy, struct policy_output *out, uint64_t now)
{
	if (policy->state == POLICY_ASKING) {
		ask_owner(policy, out, now);
		return;
	}
	policy_say(out, "its owner %s was told to restart it, and nothing came",
		   policy->owner.name);
	if (policy->replacing)
		stay_up(policy, out, now);
	else
		report(policy, out, now);
}

void policy_on_owner_said(struct policy *policy, struct policy_output *out,
			  const struct policy_input *input, uint64_t now)
{
	if (policy->state == POLICY_ASKING && !policy->deadline_ns)
		take_answer(policy, out, input, now);
}

/* It need not have waited for that. */
static void owner_has_stopped(struct policy *policy, struct policy_output *out, uint64_t now)
{
	policy->owner_stops = false;
	if (policy->gone)
		policy_finish_stop(policy, out, now);
	else
		policy_arm(policy, out, now + policy->config->kill_timeout_ns);
}

void policy_on_owner_done(struct policy *policy, struct policy_output *out, uint64_t now)
{
	if (policy->state == POLICY_STOPPING && policy->owner_stops) {
		owner_has_stopped(policy, out, now);
		return;
	}
	if (policy->state != POLICY_RESTARTING)
		return;
	policy_enter(policy, POLICY_EXPECTED, now);
	policy->told = true;
	policy_say(out, "its owner %s was told to restart it", policy->owner.name);
	policy_say_and_note(policy, out, out->detail);
	policy_arm(policy, out, now + policy->config->start_timeout_ns);
}

/* What was to be stopped runs on, unless it has ended all the same: then what is left of it is obit's to end. */
static void owner_cannot(struct policy *policy, struct policy_output *out, const char *what,
			 const char *words, uint64_t now)
{
	bool ended = policy->owner_stops && policy->headless;

	policy->owner_stops = false;
	policy_say(out, "its owner %s could not %s it: %.200s", policy->owner.name, what,
		   words ? words : "its command failed");
	if (ended)
		owner_has_stopped(policy, out, now);
	else
		stay_up(policy, out, now);
}

void policy_on_owner_failed(struct policy *policy, struct policy_output *out, const char *words,
			    uint64_t now)
{
	char text[POLICY_NOTE_SIZE];

	if (policy->state == POLICY_STOPPING && policy->owner_stops) {
		owner_cannot(policy, out, "stop", words, now);
		return;
	}
	if (policy->state != POLICY_RESTARTING)
		return;
	if (policy->replacing) {
		owner_cannot(policy, out, "restart", words, now);
		return;
	}
	if (!policy_plan_respawn(policy, out, SPAWN_RETRY_MIN_NS, now, false))
		return;
	snprintf(text, sizeof(text), "its owner %s could not restart it: %.120s; %.80s",
		 policy->owner.name, words ? words : "its command failed", out->detail);
	policy_say_and_note(policy, out, text);
	policy_respawn_when_ready(policy, out, now);
}
