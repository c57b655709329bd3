// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What can be seen of each watch from outside, in the kernel side's map `watches`: counted where it changes, and told
 * once a turn of the loop. */
#include <string.h>
#include <utlist.h>

#include "daemon/daemon.h"

static void touch(struct daemon *daemon, size_t watch)
{
	struct watch_state *state = &daemon->watches[watch];

	if (state->untold)
		return;
	state->untold = true;
	state->next_untold = daemon->first_untold;
	daemon->first_untold = watch + 1;
}

void tally_instance(struct daemon *daemon, const struct instance *instance)
{
	struct attachment *attachment = instance->attachment;
	struct obit_watch *seen = &daemon->watches[instance->watch].seen;
	uint64_t restarts = instance->policy.restarts;

	if (attachment->seen_alive == instance->alive && attachment->seen_restarts == restarts)
		return;
	seen->processes += instance->alive - attachment->seen_alive;
	seen->respawns += restarts - attachment->seen_restarts;
	attachment->seen_alive = instance->alive;
	attachment->seen_restarts = restarts;
	touch(daemon, instance->watch);
}

void tally_drop(struct daemon *daemon, const struct instance *instance)
{
	const struct attachment *attachment = instance->attachment;

	daemon->watches[instance->watch].seen.processes -= attachment->seen_alive;
	touch(daemon, instance->watch);
}

void tally_death(struct daemon *daemon, size_t watch, const struct obit_key *key,
		 const struct obit_exit *exit)
{
	struct watch_state *state = &daemon->watches[watch];

	state->seen.last_pid = key->tgid;
	state->seen.last_death = exit->time;
	state->seen.last_wait_status = exit->wait_status;
	touch(daemon, watch);
}

void tally_tell(struct daemon *daemon)
{
	while (daemon->first_untold) {
		size_t watch = daemon->first_untold - 1;
		struct watch_state *state = &daemon->watches[watch];
		int r;

		state->untold = false;
		daemon->first_untold = state->next_untold;
		state->seen.deaths = state->deaths;
		r = bpf_source_put_watch(daemon->source, daemon->config.watches[watch].name,
					 &state->seen);
		if (r < 0)
			keep_failed(daemon, daemon->config.watches[watch].name, r);
	}
}

void tally_recall(struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->config.watch_count; i++)
		bpf_source_watch(daemon->source, daemon->config.watches[i].name,
				 &daemon->watches[i].seen);
}

static bool is_watch(void *arg, const char *name)
{
	const struct daemon *daemon = arg;

	return match_named(&daemon->match, name) >= 0;
}

void tally_all(struct daemon *daemon)
{
	struct instance *instance;

	daemon->first_untold = 0;
	for (size_t i = 0; i < daemon->config.watch_count; i++) {
		struct watch_state *state = &daemon->watches[i];

		state->untold = false;
		state->seen.processes = 0;
		state->seen.respawns = state->restarts;
		touch(daemon, i);
	}
	DL_FOREACH (daemon->lineage.instances, instance) {
		struct attachment *attachment = instance->attachment;

		attachment->seen_alive = 0;
		attachment->seen_restarts = 0;
		tally_instance(daemon, instance);
	}
	bpf_source_keep_watches(daemon->source, is_watch, daemon);
}
