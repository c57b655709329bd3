// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the next daemon is to know, written through into a map of the kernel side. There it is as long as the letters
 * are, and no longer than the host runs; no disk is waited for, and no process needs to live on. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/kept.h"
#include "io/proc.h"

/* Who only observes leaves what is there to who acts. */
static bool keeps(const struct daemon *daemon)
{
	return daemon->source && !daemon->options->observe;
}

void keep_failed(struct daemon *daemon, const char *what, int error)
{
	if (!daemon->counters.unkept++)
		log_warning("%s cannot be kept for the next obitd: %s", what,
			    error == -E2BIG ? "there is no room for more" : strerror(-error));
}

/* FNV-1a; two names with one number would have to be looked for. */
uint64_t kept_watch_id(const char *name)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
	return hash;
}

static int put_pieces(struct daemon *daemon, uint64_t id, const char *bytes, size_t size)
{
	struct obit_state_key key = {.id = id, .kind = KEPT_RECIPE};
	int r = 0;

	for (size_t at = 0; r == 0 && at < size; at += OBIT_STATE_PIECE, key.piece++) {
		size_t left = size - at;

		r = bpf_source_put_state(daemon->source, &key, bytes + at,
					 left < OBIT_STATE_PIECE ? left : OBIT_STATE_PIECE);
	}
	return r;
}

static void drop_pieces(struct daemon *daemon, uint64_t id, size_t size)
{
	struct obit_state_key key = {.id = id, .kind = KEPT_RECIPE};

	for (; (size_t)key.piece * OBIT_STATE_PIECE < size; key.piece++)
		bpf_source_drop_state(daemon->source, &key);
}

/* A recipe never changes: another one gets another number, and the instance says which is its own. */
static int keep_recipe(struct daemon *daemon, struct instance *instance)
{
	struct attachment *attachment = instance->attachment;
	_cleanup_free_ char *bytes = NULL;
	uint64_t id = clock_boot_ns();
	size_t size;
	int r = recipe_pack(instance->recipe, &bytes, &size);

	if (r == 0)
		r = put_pieces(daemon, id, bytes, size);
	if (r < 0) {
		if (bytes)
			drop_pieces(daemon, id, size);
		return r;
	}
	attachment->kept_recipe = id;
	attachment->kept_recipe_size = size;
	return 0;
}

static void fill(const struct daemon *daemon, const struct instance *instance,
		 struct kept_instance *ret)
{
	const struct attachment *attachment = instance->attachment;

	memset(ret, 0, sizeof(*ret));
	strncpy(ret->watch, watch_of(daemon, instance)->name, KEPT_NAME_SIZE - 1);
	memcpy(ret->namespaces, bpf_source_own_namespaces(daemon->source), sizeof(ret->namespaces));
	ret->recipe = attachment->kept_recipe;
	ret->recipe_size = attachment->kept_recipe_size;
	ret->launch = attachment->launch_number;
	ret->life = instance->life;
	ret->began = instance->began;
	ret->died_ns = attachment->died_ns;
	ret->told = attachment->told;
	ret->last_pid = instance->last_pid;
	ret->pid_before = instance->pid_before;
	ret->uid = instance->uid;
	ret->died_pid = attachment->died_pid;
	ret->adopted = instance->adopted;
	ret->daemonized = instance->daemonized;
	ret->spawned = instance->spawned;
	ret->told_buried = attachment->told_buried;
	ret->killed = attachment->killed;
	ret->died_as_init = attachment->died_as_init;
	ret->unanswered = attachment->unanswered;
	ret->policy = instance->policy;
	ret->policy.config = NULL;
	ret->policy.starts = NULL;
	ret->start_count = policy_starts(&instance->policy, ret->starts, KEPT_STARTS_MAX);
}

static int put_instance(struct daemon *daemon, const struct instance *instance)
{
	struct obit_state_key key = {.id = instance->id, .kind = KEPT_INSTANCE};
	struct kept_instance kept;

	fill(daemon, instance, &kept);
	return bpf_source_put_state(daemon->source, &key, &kept, sizeof(kept));
}

/* The new recipe, then the instance that names it, then the end of the old one: at any moment one is there. */
void keep_instance(struct daemon *daemon, struct instance *instance)
{
	struct attachment *attachment = instance->attachment;
	uint64_t old = attachment->kept_recipe;
	size_t old_size = attachment->kept_recipe_size;
	bool is_new = instance->recipe && (attachment->recipe_changed || !old);
	int r;

	if (!keeps(daemon))
		return;
	r = is_new ? keep_recipe(daemon, instance) : 0;
	if (r == 0)
		r = put_instance(daemon, instance);
	if (r == 0 && is_new) {
		attachment->recipe_changed = false;
		drop_pieces(daemon, old, old_size);
	}
	if (r == 0)
		return;
	keep_failed(daemon, watch_of(daemon, instance)->name, r);
	if (attachment->kept_recipe != old)
		drop_pieces(daemon, attachment->kept_recipe, attachment->kept_recipe_size);
	attachment->kept_recipe = old;
	attachment->kept_recipe_size = old_size;
}

void keep_drop_instance(struct daemon *daemon, const struct instance *instance)
{
	const struct attachment *attachment = instance->attachment;
	struct obit_state_key key = {.id = instance->id, .kind = KEPT_INSTANCE};

	if (!keeps(daemon))
		return;
	bpf_source_drop_state(daemon->source, &key);
	drop_pieces(daemon, attachment->kept_recipe, attachment->kept_recipe_size);
}

void keep_process(struct daemon *daemon, const struct process *process)
{
	struct obit_member member = {0};
	int r;

	if (process->instance && process->role != ROLE_OFFSPRING)
		member.instance = process->instance->id;
	else
		member.flags |= OBIT_MEMBER_OFFSPRING;
	if (process->role == ROLE_MAIN)
		member.flags |= OBIT_MEMBER_MAIN;
	if (process->execed)
		member.flags |= OBIT_MEMBER_EXECED;
	if (process->apart)
		member.flags |= OBIT_MEMBER_APART;
	member.life = process->life;
	r = bpf_source_set_member(daemon->source, &process->key, &member);
	if (r < 0)
		keep_failed(daemon, "where a process belongs", r);
}

void keep_watch(struct daemon *daemon, size_t watch)
{
	const struct watch_state *state = &daemon->watches[watch];
	const char *name = daemon->config.watches[watch].name;
	struct obit_state_key key = {.id = kept_watch_id(name), .kind = KEPT_WATCH};
	struct kept_watch kept = {
		.deaths = state->deaths,
		.restarts = state->restarts,
		.paused = state->paused,
		.paused_until_ns = state->paused_until_ns,
		.counted = state->counted,
	};
	int r;

	if (!keeps(daemon))
		return;
	strncpy(kept.name, name, KEPT_NAME_SIZE - 1);
	r = bpf_source_put_state(daemon->source, &key, &kept, sizeof(kept));
	if (r < 0)
		keep_failed(daemon, name, r);
}

void keep_drop_watch(struct daemon *daemon, const char *name)
{
	struct obit_state_key key = {.id = kept_watch_id(name), .kind = KEPT_WATCH};

	if (keeps(daemon))
		bpf_source_drop_state(daemon->source, &key);
}

static struct obit_key key_of_helper(pid_t pid)
{
	struct obit_key key = {0};

	if (pid > 0)
		proc_key_of_child(pid, &key);
	return key;
}

void keep_helpers(struct daemon *daemon)
{
	struct obit_state_key key = {.kind = KEPT_HEADER};
	pid_t spawner = daemon->spawner ? spawner_pid(daemon->spawner) : 0;
	pid_t history = daemon->history ? history_pid(daemon->history) : 0;
	struct kept_header header = {
		.version = KEPT_VERSION,
		.instance_size = sizeof(struct kept_instance),
	};
	int r;

	if (!keeps(daemon) || (spawner == daemon->kept_spawner && history == daemon->kept_history))
		return;
	header.spawner = key_of_helper(spawner);
	header.history = key_of_helper(history);
	r = bpf_source_put_state(daemon->source, &key, &header, sizeof(header));
	if (r < 0)
		keep_failed(daemon, "who the helper processes are", r);
	daemon->kept_spawner = spawner;
	daemon->kept_history = history;
}
