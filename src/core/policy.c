// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A policy as a thing that is made, goes on under another configuration or another daemon, and takes steps. */
#include "core/policy.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/protocol.h"
#include "core/policy_internal.h"

#define POLICY_STATE_WORD(name, word) [POLICY_##name] = (word),
static const char *const state_names[] = {POLICY_STATES(POLICY_STATE_WORD)};
_Static_assert(ARRAY_SIZE(state_names) == _POLICY_STATE_MAX, "a word for each state");

static const char *const verdict_names[] = {
	[VERDICT_NONE] = "none",	   [VERDICT_RESPAWN] = "respawn",
	[VERDICT_HAND_OVER] = "hand-over", [VERDICT_STOP_MEMBERS] = "stop-members",
	[VERDICT_BURY] = "bury",	   [VERDICT_REPORT] = "report",
	[VERDICT_ASK_OWNER] = "ask-owner", [VERDICT_RESTART_BY_OWNER] = "restart-by-owner",
	[VERDICT_STOP] = "stop",
};
_Static_assert(ARRAY_SIZE(verdict_names) == _POLICY_VERDICT_MAX, "a word for each verdict");

static const char *const hang_by_names[] = {
	[HANG_NONE] = "none",
	[HANG_BY_NOTIFY] = "notify",
	[HANG_BY_PROGRESS] = "progress",
	[HANG_BY_PROBE] = "probe",
};
_Static_assert(ARRAY_SIZE(hang_by_names) == _HANG_BY_MAX, "a word for each witness");

const char *policy_state_name(enum policy_state state)
{
	return state_names[state];
}

const char *policy_verdict_name(enum policy_verdict verdict)
{
	return verdict_names[verdict];
}

const char *hang_by_name(enum hang_by by)
{
	return hang_by_names[by];
}

static int allocate_starts(const struct watch_config *config, uint64_t **ret)
{
	*ret = NULL;
	if (!config->start_limit_burst)
		return 0;
	*ret = calloc(config->start_limit_burst, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

int policy_init(struct policy *policy, const struct watch_config *config, uint64_t seed)
{
	uint64_t *starts;
	int r = allocate_starts(config, &starts);

	if (r < 0)
		return r;
	*policy = (struct policy){
		.config = config,
		.state = POLICY_DOWN,
		.headless = true,
		.gone = true,
		.random = seed | 1,
		.starts = starts,
		.start_capacity = config->start_limit_burst,
	};
	return 0;
}

void policy_free(struct policy *policy)
{
	free(policy->starts);
	policy->starts = NULL;
}

size_t policy_starts(const struct policy *policy, uint64_t *ret, size_t room)
{
	size_t count = policy->start_count < room ? policy->start_count : room;

	for (size_t i = 0; i < count; i++)
		ret[i] = policy->starts[(policy->start_next + policy->start_capacity - count + i) %
					policy->start_capacity];
	return count;
}

int policy_set_config(struct policy *policy, const struct watch_config *config)
{
	size_t room = config->start_limit_burst;
	uint64_t *starts;
	int r;

	if (room != policy->start_capacity) {
		r = allocate_starts(config, &starts);
		if (r < 0)
			return r;
		policy->start_count = policy_starts(policy, starts, room);
		policy->start_next = room ? policy->start_count % room : 0;
		free(policy->starts);
		policy->starts = starts;
		policy->start_capacity = room;
	}
	policy->config = config;
	return 0;
}

static bool makes_sense(const struct policy *kept)
{
	return (unsigned)kept->state < _POLICY_STATE_MAX && (unsigned)kept->after <= AFTER_END &&
	       (unsigned)kept->hang.by < _HANG_BY_MAX &&
	       memchr(kept->hang.words, '\0', sizeof(kept->hang.words)) &&
	       memchr(kept->note, '\0', sizeof(kept->note)) &&
	       memchr(kept->owner.name, '\0', sizeof(kept->owner.name));
}

int policy_restore(struct policy *policy, const struct policy *kept, const uint64_t *starts,
		   size_t count)
{
	const struct policy fresh = *policy;
	size_t room = fresh.start_capacity, first = count > room ? count - room : 0;

	if (!makes_sense(kept))
		return -EBADMSG;
	*policy = *kept;
	policy->config = fresh.config;
	policy->random |= 1;
	policy->observing = fresh.observing;
	policy->starts = fresh.starts;
	policy->start_capacity = room;
	policy->start_count = count - first;
	policy->start_next = room ? policy->start_count % room : 0;
	if (room)
		memcpy(policy->starts, starts + first, policy->start_count * sizeof(*starts));
	return 0;
}

void policy_abandon(struct policy *policy, const char *why, uint64_t now_ns)
{
	policy->deadline_ns = 0;
	policy->attempt = 0;
	policy_enter(policy, POLICY_ENDED, now_ns);
	snprintf(policy->note, sizeof(policy->note), "not respawned: %s", why);
}

void policy_on_all_gone(struct policy *policy, struct policy_output *out, uint64_t now)
{
	policy->gone = policy->headless = true;
	switch (policy->state) {
	case POLICY_WAITING:
		policy_respawn_when_ready(policy, out, now);
		return;
	case POLICY_STOPPING:
		/* Its owner's command comes to its end before the next one. */
		if (!policy->owner_stops || policy->after == AFTER_DOWN)
			policy_finish_stop(policy, out, now);
		return;
	case POLICY_UP:
	case POLICY_STARTING:
	case POLICY_READYING:
	case POLICY_ASKING:
	case POLICY_EXPECTED:
	case POLICY_RESTARTING:
	case POLICY_ENDED:
	case POLICY_BURIED:
	case POLICY_DOWN:
	case _POLICY_STATE_MAX:
		return;
	}
}

/* What SIGKILL does not end at once is in the kernel's hands: trying again is for the log. */
#define KILL_RETRY_MIN_NS NS_PER_SEC

static void on_timer(struct policy *policy, struct policy_output *out, uint64_t now)
{
	uint64_t again = policy->config->kill_timeout_ns;

	if (!policy->deadline_ns || now < policy->deadline_ns)
		return; /* an old one, cancelled meanwhile */
	policy->deadline_ns = 0;
	if (policy->state == POLICY_WAITING) {
		policy_respawn_when_ready(policy, out, now);
	} else if (policy->state == POLICY_ASKING || policy->state == POLICY_EXPECTED) {
		policy_on_owner_timer(policy, out, now);
	} else if (policy->state == POLICY_READYING) {
		policy_on_start_timeout(policy, out, now);
	} else if (policy->state == POLICY_STOPPING) {
		policy_add(out, (struct policy_action){.kind = ACTION_KILL, .signal = SIGKILL});
		policy_arm(policy, out,
			   now + (again > KILL_RETRY_MIN_NS ? again : KILL_RETRY_MIN_NS));
		policy_say(out, "kill_timeout has passed: SIGKILL");
	}
}

/* Decided and told, but not done: after a main it is over, until somebody else starts it; after a member, or
 * while it hangs, it runs on. Starts and attempts are counted as they come, so that the next decision is a true one. */
static void leave_undone(struct policy *policy, struct policy_output *out,
			 enum policy_input_kind kind, uint64_t now)
{
	static const char remark[] = OBIT_UNDONE_REMARK;
	bool runs_on = kind == INPUT_MEMBER_DIED || kind == INPUT_HUNG;
	char text[POLICY_NOTE_SIZE];

	if (out->verdict != VERDICT_RESPAWN && out->verdict != VERDICT_STOP_MEMBERS &&
	    out->verdict != VERDICT_BURY && out->verdict != VERDICT_ASK_OWNER &&
	    out->verdict != VERDICT_RESTART_BY_OWNER && out->verdict != VERDICT_STOP)
		return;
	out->count = 0;
	out->undone = true;
	policy->deadline_ns = 0;
	policy->hang.stopped = false;
	policy_enter(policy, runs_on ? POLICY_UP : POLICY_ENDED, now);
	snprintf(text, sizeof(text), "%.*s%s", (int)(sizeof(text) - sizeof(remark)), out->detail,
		 remark);
	policy_say_and_note(policy, out, text);
}

static void take_input(struct policy *policy, const struct policy_input *input, uint64_t now_ns,
		       struct policy_output *out)
{
	switch (input->kind) {
	case INPUT_STARTED:
		policy_on_started(policy, out, input->began_ns ? input->began_ns : now_ns, now_ns);
		return;
	case INPUT_MAIN_DIED:
		policy_on_main_died(policy, out, &input->death, now_ns);
		return;
	case INPUT_MEMBER_DIED:
		policy_on_member_died(policy, out, &input->death, now_ns);
		return;
	case INPUT_ALL_GONE:
		policy_on_all_gone(policy, out, now_ns);
		return;
	case INPUT_TIMER:
		on_timer(policy, out, now_ns);
		return;
	case INPUT_SPAWNED:
		policy_on_spawned(policy, out, now_ns);
		return;
	case INPUT_READY:
		policy_on_ready(policy, out, now_ns);
		return;
	case INPUT_EXTEND:
		policy_on_extend(policy, out, input->until_ns);
		return;
	case INPUT_SPAWN_FAILED:
		policy_on_spawn_failed(policy, out, input->error, now_ns);
		return;
	case INPUT_SPAWN_REFUSED:
		policy_on_spawn_refused(policy, out, input->words, now_ns);
		return;
	case INPUT_OWNER_SAID:
		policy_on_owner_said(policy, out, input, now_ns);
		return;
	case INPUT_OWNER_DONE:
		policy_on_owner_done(policy, out, now_ns);
		return;
	case INPUT_OWNER_FAILED:
		policy_on_owner_failed(policy, out, input->words, now_ns);
		return;
	case INPUT_HUNG:
		policy_on_hung(policy, out, input, now_ns);
		return;
	case INPUT_RECOVERED:
		policy_on_recovered(policy, out);
		return;
	default:
		policy_take_command(policy, input, now_ns, out);
	}
}

void policy_step(struct policy *policy, const struct policy_input *input, uint64_t now_ns,
		 struct policy_output *out)
{
	*out = (struct policy_output){.verdict = VERDICT_NONE};
	if (policy->paused && policy->paused_until_ns && now_ns >= policy->paused_until_ns)
		policy_end_pause(policy, now_ns);
	take_input(policy, input, now_ns, out);
	if (policy->observing)
		leave_undone(policy, out, input->kind, now_ns);
}
