// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What becomes of a death that somebody else may answer, or whose answer fails. When it is told that is not known yet; a
 * record of its own, with the key of that death, tells it later. */
#include <stdio.h>

#include "base/clock.h"
#include "base/protocol.h"
#include "daemon/daemon.h"
#include "daemon/put.h"

#define DETAIL_SIZE (POLICY_NOTE_SIZE + 32)

struct outcome_before outcomes_before(const struct instance *instance)
{
	const struct attachment *attachment = instance->attachment;

	return (struct outcome_before){.state = instance->policy.state,
				       .unanswered = attachment->unanswered};
}

bool outcomes_may_follow(const struct policy_output *decision)
{
	return !decision->undone && (decision->verdict == VERDICT_ASK_OWNER ||
				     decision->verdict == VERDICT_RESTART_BY_OWNER);
}

void outcomes_await(struct instance *instance, const struct policy_output *decision)
{
	struct attachment *attachment = instance->attachment;

	/* One that an earlier daemon has decided about, and did not come to tell, has no decision now. */
	if (decision->verdict == VERDICT_NONE)
		return;
	attachment->unanswered = outcomes_may_follow(decision) ||
				 (decision->verdict == VERDICT_RESPAWN && !decision->undone);
	attachment->failure_told = false;
}

/* In the words of an obituary's "action", and two more. */
static const char *action_of(const struct policy *policy, const struct policy_output *decision)
{
	if (!*policy->owner.name && policy->state != POLICY_BURIED && policy->state != POLICY_ENDED)
		return policy_verdict_name(VERDICT_RESPAWN);
	switch (policy->state) {
	case POLICY_UP:
	case POLICY_READYING:
		return "restarted";
	case POLICY_EXPECTED:
		return policy->told ? policy_verdict_name(VERDICT_RESTART_BY_OWNER) : "expected";
	case POLICY_WAITING:
	case POLICY_RESTARTING:
		return policy_verdict_name(VERDICT_RESTART_BY_OWNER);
	default:
		return policy_verdict_name(decision->verdict);
	}
}

static bool is_open(enum policy_state state)
{
	return state == POLICY_ASKING || state == POLICY_EXPECTED || state == POLICY_RESTARTING ||
	       state == POLICY_WAITING || state == POLICY_STARTING;
}

static void tell(struct instance *instance, const char *detail,
		 const struct policy_output *decision)
{
	const struct attachment *attachment = instance->attachment;
	struct daemon *daemon = attachment->daemon;
	_cleanup_json_ struct json_object *record = json_object_new_object();
	char time[CLOCK_RFC3339_SIZE], key[PROCESS_KEY_SIZE];
	bool is_back = instance->policy.state == POLICY_UP && instance->main;

	render_process_key(&attachment->told, key);
	put_string(record, "time", clock_rfc3339(clock_wall_ns(), time));
	put_string(record, OBIT_OUTCOME_OF, key);
	put_string(record, "watch", watch_of(daemon, instance)->name);
	put_string(record, "action", action_of(&instance->policy, decision));
	put_string(record, "action_detail", detail);
	put_json(record, "new_pid",
		 is_back ? json_object_new_int64(instance->main->key.tgid) : NULL);
	if (record)
		publish_outcome(daemon, instance->watch, record);
}

/* That its owner was told is no news: it was to be. Nor is what an operator does, unless that is the end of it; nor that
 * what was to be respawned is, just as it was, or that it fails once more. */
static bool is_news(const struct attachment *attachment, const struct policy_input *input)
{
	const struct policy *policy = &attachment->instance->policy;
	enum policy_input_kind kind = input->kind;
	bool is_owned = *policy->owner.name;

	if (kind == INPUT_SPAWN_REFUSED)
		return true;
	if (kind == INPUT_SPAWN_FAILED)
		return !attachment->failure_told || !is_open(policy->state);
	if (kind == INPUT_SPAWNED || (kind == INPUT_STARTED && !is_owned))
		return attachment->failure_told || input->words;
	return is_owned && kind != INPUT_OWNER_DONE &&
	       (kind < INPUT_STOP || !is_open(policy->state));
}

static void describe(const struct instance *instance, const struct policy_input *input,
		     const struct policy_output *decision, char buf[static DETAIL_SIZE])
{
	const struct attachment *attachment = instance->attachment;
	const struct policy *policy = &instance->policy;
	enum policy_input_kind kind = input->kind;

	snprintf(buf, DETAIL_SIZE, "%s",
		 kind == INPUT_SPAWN_FAILED ? policy->note : decision->detail);
	if (kind == INPUT_SPAWNED)
		snprintf(buf, DETAIL_SIZE, "respawned%s%s%s",
			 attachment->failure_told ? " after all" : "", input->words ? ", but " : "",
			 input->words ? input->words : "");
	else if (kind == INPUT_STARTED && !*policy->owner.name)
		snprintf(buf, DETAIL_SIZE, "started by somebody else");
	else if (kind == INPUT_STARTED && instance->main)
		snprintf(buf, DETAIL_SIZE, "restarted by its owner %s (pid %u)", policy->owner.name,
			 instance->main->key.tgid);
}

void outcomes_follow(struct instance *instance, const struct outcome_before *before,
		     const struct policy_input *input, const struct policy_output *decision)
{
	struct attachment *attachment = instance->attachment;
	char detail[DETAIL_SIZE];

	if (!before->unanswered || !is_open(before->state))
		return;
	attachment->unanswered = is_open(instance->policy.state);
	describe(instance, input, decision, detail);
	if (*detail && is_news(attachment, input))
		tell(instance, detail, decision);
	if (input->kind == INPUT_SPAWN_FAILED)
		attachment->failure_told = true;
}
