// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Pauses are of watches: their instances, those to come too, hold their respawns. */
#include <utlist.h>

#include "base/clock.h"
#include "daemon/daemon.h"

bool pause_is_on(const struct daemon *daemon, size_t watch, uint64_t *ret_left_ns)
{
	const struct watch_state *state = &daemon->watches[watch];
	uint64_t now = clock_running_ns();

	*ret_left_ns = 0;
	if (!state->paused || !state->paused_until_ns)
		return state->paused;
	if (now >= state->paused_until_ns)
		return false;
	*ret_left_ns = state->paused_until_ns - now;
	return true;
}

static void tell_instances(struct daemon *daemon, size_t watch, const struct policy_input *input)
{
	struct instance *instance, *next;

	DL_FOREACH_SAFE (daemon->lineage.instances, instance, next)
		if (instance->watch == watch)
			act_step(daemon, instance, input, NULL);
}

void pause_begin(struct daemon *daemon, size_t watch, uint64_t for_ns)
{
	struct watch_state *state = &daemon->watches[watch];
	struct policy_input input = {.kind = INPUT_PAUSE};

	state->paused = true;
	state->paused_until_ns = for_ns ? clock_running_ns() + for_ns : 0;
	input.until_ns = state->paused_until_ns;
	keep_watch(daemon, watch);
	tell_instances(daemon, watch, &input);
}

void pause_end(struct daemon *daemon, size_t watch)
{
	struct policy_input input = {.kind = INPUT_RESUME};

	daemon->watches[watch].paused = false;
	daemon->watches[watch].paused_until_ns = 0;
	keep_watch(daemon, watch);
	tell_instances(daemon, watch, &input);
}

void pause_instance(struct daemon *daemon, struct instance *instance, bool pause, uint64_t for_ns)
{
	struct policy_input input = {.kind = pause ? INPUT_PAUSE : INPUT_RESUME};

	if (pause && for_ns)
		input.until_ns = clock_running_ns() + for_ns;
	act_step(daemon, instance, &input, NULL);
}

void pause_inherit(struct daemon *daemon, struct instance *instance)
{
	struct policy_input input = {.kind = INPUT_PAUSE};
	uint64_t left;

	input.until_ns = daemon->watches[instance->watch].paused_until_ns;
	if (pause_is_on(daemon, instance->watch, &left))
		act_step(daemon, instance, &input, NULL);
}
