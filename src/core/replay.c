// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/replay.h"

#include <stdio.h>
#include <string.h>

int replay_init(struct replay *replay, const struct watch_config *config)
{
	*replay = (struct replay){0};
	return policy_init(&replay->policy, config, 1);
}

void replay_free(struct replay *replay)
{
	policy_free(&replay->policy);
}

static void feed(struct replay *replay, enum policy_input_kind kind)
{
	struct policy_input input = {.kind = kind};
	struct policy_output out;

	policy_step(&replay->policy, &input, replay->now_ns, &out);
}

static bool is_coming_back(const struct replay *replay)
{
	return replay->policy.state == POLICY_WAITING || replay->policy.state == POLICY_STARTING;
}

/* The back-off passes, and the respawn succeeds. */
static void come_back(struct replay *replay)
{
	if (replay->policy.state == POLICY_WAITING) {
		replay->now_ns = replay->policy.respawn_at_ns;
		feed(replay, INPUT_TIMER);
	}
	feed(replay, INPUT_SPAWNED);
}

/* Somebody else began it; after a burial it was revived, which forgets the past. */
static void begin(struct replay *replay, uint64_t born_ns)
{
	if (born_ns > replay->now_ns)
		replay->now_ns = born_ns;
	if (replay->buried)
		feed(replay, INPUT_START);
	feed(replay, replay->policy.state == POLICY_STARTING ? INPUT_SPAWNED : INPUT_STARTED);
	feed(replay, INPUT_READY); /* or it would have been a hang */
}

/* False: under this policy there is no such life. */
static bool live(struct replay *replay, const struct replay_death *death,
		 struct replay_result *result)
{
	uint64_t born_ns = death->died_ns - death->lived_ns;

	if (replay->begun && is_coming_back(replay)) {
		come_back(replay);
		result->waited = replay->brought_back;
		result->wait_ns = replay->fresh_wait;
		result->real_wait_ns = born_ns > replay->died_ns ? born_ns - replay->died_ns : 0;
	} else if (replay->begun && replay->brought_back) {
		return false;
	} else {
		begin(replay, born_ns);
	}
	replay->begun = true;
	replay->now_ns += death->lived_ns;
	return true;
}

static void die(struct replay *replay, const struct replay_death *death,
		struct replay_result *result)
{
	struct policy_input input = {
		.kind = INPUT_MAIN_DIED,
		.death = {.wait_status = death->wait_status,
			  .lived_ns = death->lived_ns,
			  .members = death->verdict == VERDICT_STOP_MEMBERS,
			  .asked = death->asked,
			  .hung = death->hung,
			  .ended_by = death->by_owner ? "its owner" : NULL,
			  .refusal = death->refusal},
	};
	struct policy_output out;
	uint64_t died_ns = replay->now_ns;

	if (death->by_operator)
		feed(replay, INPUT_STOP);
	policy_step(&replay->policy, &input, died_ns, &out);
	feed(replay, INPUT_ALL_GONE);
	result->verdict = out.verdict;
	snprintf(result->detail, sizeof(result->detail), "%s", out.detail);
	if (replay->policy.state == POLICY_WAITING)
		replay->fresh_wait = replay->policy.respawn_at_ns - died_ns;
	else
		replay->fresh_wait = 0;
}

static bool is_respawn(enum policy_verdict verdict)
{
	return verdict == VERDICT_RESPAWN || verdict == VERDICT_STOP_MEMBERS;
}

/* To be reported is to be left alone. */
static bool is_same(enum policy_verdict a, enum policy_verdict b)
{
	return is_respawn(a) == is_respawn(b) && (a == VERDICT_BURY) == (b == VERDICT_BURY);
}

void replay_step(struct replay *replay, const struct replay_death *death, struct replay_result *ret)
{
	*ret = (struct replay_result){.fate = REPLAY_NEVER, .verdict = VERDICT_NONE};
	if (live(replay, death, ret)) {
		die(replay, death, ret);
		ret->fate = is_same(ret->verdict, death->verdict) ? REPLAY_SAME : REPLAY_OTHERWISE;
	}
	replay->died_ns = death->died_ns;
	replay->brought_back = death->done && is_respawn(death->verdict);
	replay->buried = death->verdict == VERDICT_BURY;
}
