// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* From the kernel side's records to lineage: births, execs, and deaths as they come. */
#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/decode.h"
#include "daemon/daemon.h"
#include "io/aside.h"
#include "io/proc.h"

/* ---- births and execs ---- */

void events_forget(struct daemon *daemon, const struct obit_key *key)
{
	arrivals_forget(daemon, key); /* of an exec whose end was lost */
	bpf_source_forget(daemon->source, key);
}

/* A record that was in the ring while a rescan read the letters: its process may have been buried by its letter
 * since, and must not rise again. */
static bool is_stale(struct daemon *daemon, const struct obit_key *key, uint64_t time)
{
	struct obit_letter now;

	return time <= daemon->rescanned_ns && bpf_source_letter(daemon->source, key, &now) < 0;
}

/* What is born of somebody who belongs, belongs; so does a child of the spawner. NULL for all others. */
static struct process *take_birth(struct daemon *daemon, const struct obit_key *key,
				  const struct obit_letter *letter)
{
	struct process *process = lineage_find(&daemon->lineage, key);

	if (process)
		return process; /* known from its letter already */
	if (!(letter->flags & OBIT_LETTER_SPAWNED)) {
		process = lineage_fork(&daemon->lineage, key, letter);
		if (process) {
			keep_process(daemon, process);
			tally_instance(daemon, process->instance);
		}
		return process;
	}
	children_born(daemon, key, letter);
	return lineage_find(&daemon->lineage, key);
}

static void on_fork(struct daemon *daemon, const struct obit_key *key,
		    const struct obit_letter *letter)
{
	if (is_stale(daemon, key, letter->birth_time))
		return;
	if (!take_birth(daemon, key, letter))
		bpf_source_forget_unchanged(daemon->source, key, letter);
}

static struct instance *begin_instance(struct daemon *daemon, size_t watch)
{
	const struct watch_config *config = &daemon->config.watches[watch];
	struct instance *instance = lineage_surplus(&daemon->lineage, watch, VACANT_MAX);

	if (instance)
		events_drop_instance(daemon, instance);
	instance = lineage_begin(&daemon->lineage, watch, config, clock_running_ns());
	if (instance && act_attach(daemon, instance) < 0) {
		lineage_end(&daemon->lineage, instance);
		instance = NULL;
	}
	if (!instance) {
		daemon_out_of_memory(daemon, "taking up an instance");
		return NULL;
	}
	instance->policy.observing = daemon->options->observe;
	pause_inherit(daemon, instance);
	return instance;
}

/* Of a main process, at once: it may change its label, and when it is gone nobody tells. */
static void read_label(const struct daemon *daemon, const struct obit_key *key,
		       struct recipe *recipe)
{
	if (daemon->has_labels && proc_label(key, &recipe->label) < 0)
		recipe->label_unknown = true;
}

/* A matching process that belongs to none: it continues an instance that has the same recipe and nothing
 * running, or it is a new one. Takes the recipe. */
static void begin(struct daemon *daemon, struct process *process, size_t watch,
		  struct recipe *recipe, uint64_t began)
{
	struct policy_input started = {.kind = INPUT_STARTED,
				       .began_ns = clock_boot_to_running(began)};
	uint64_t restarts;
	struct instance *instance = lineage_vacant(&daemon->lineage, watch, recipe);

	if (!instance)
		instance = begin_instance(daemon, watch);
	if (!instance) {
		recipe_free(recipe);
		return;
	}
	read_label(daemon, &process->key, recipe);
	lineage_set_recipe(instance, recipe);
	recipe = instance->recipe;
	((struct attachment *)instance->attachment)->recipe_changed = true;
	instance->adopted = recipe->source == RECIPE_PROC;
	instance->daemonized = instance->spawned = false;
	act_begin_life(instance);
	instance->began = began;
	instance->uid = recipe->facts->euid;
	lineage_join(instance, process, ROLE_MAIN);
	keep_process(daemon, process);
	daemon->watches[watch].absent_since_ns = 0;
	log_info("%s: watching pid %u, %s%s", daemon->config.watches[watch].name, process->key.tgid,
		 recipe->script_path ? recipe->script_path
		 : recipe->exe	     ? recipe->exe
				     : "?",
		 instance->adopted ? " (adopted)" : "");
	restarts = instance->policy.restarts;
	vigil_begin(daemon, instance);
	act_step(daemon, instance, &started, NULL);
	vigil_follow(daemon, instance);
	if (instance->policy.restarts > restarts) {
		daemon->counters.respawns++;
		hook_events_restart(daemon, instance, (pid_t)process->key.tgid);
	}
	owners_meet(daemon, instance);
}

/* Whom a watch by pid means: that process; what runs its executable in its instance; and, while nothing of it runs,
 * what somebody starts just like it. */
static bool is_meant_by_pid(const struct daemon *daemon, size_t watch, const struct obit_key *key,
			    const struct recipe *recipe)
{
	const struct watch_config *config = &daemon->config.watches[watch];
	struct obit_key named = {.tgid = config->pid, .start_boottime = config->pid_start_ns};
	const struct process *process;

	if (proc_same(&named, key))
		return true;
	if (!recipe->exe || strcmp(recipe->exe, config->path.items[0]) != 0)
		return false;
	process = lineage_find(&daemon->lineage, key);
	if (process && process->instance && process->role != ROLE_OFFSPRING)
		return process->instance->watch == watch;
	return lineage_vacant(&daemon->lineage, watch, recipe);
}

static ssize_t find_watch_by_pid(const struct daemon *daemon, const struct obit_key *key,
				 const struct recipe *recipe)
{
	for (size_t i = 0; i < daemon->match.pid_count; i++)
		if (is_meant_by_pid(daemon, daemon->match.pids[i], key, recipe))
			return (ssize_t)daemon->match.pids[i];
	return MATCH_NONE;
}

/* A main that has executed something else since (`#!/usr/bin/env`, `exec java`) is known by what it was. */
static ssize_t find_watch(const struct daemon *daemon, const struct obit_key *key,
			  const struct obit_letter *letter, const struct recipe *recipe)
{
	ssize_t watch = find_watch_by_pid(daemon, key, recipe);
	const char *path;

	if (watch >= 0)
		return watch;
	watch = match_find(&daemon->match, &daemon->people, recipe);
	if (watch == MATCH_NONE && recipe->source == RECIPE_PROC && letter->exec_sequence)
		watch = filters_watch_of_letter(daemon, letter, &path);
	/* Only the path may be another one by now. */
	if (watch >= 0 &&
	    !match_all_but_path(&daemon->config.watches[watch], &daemon->people, recipe))
		watch = MATCH_NONE;
	return watch;
}

/* What an exec, or the first look at a running process, comes to. Takes the recipe. */
static void take_exec(struct daemon *daemon, const struct obit_key *key,
		      const struct obit_letter *letter, struct recipe *recipe)
{
	struct process *process = lineage_find(&daemon->lineage, key);
	ssize_t watch = find_watch(daemon, key, letter, recipe);
	enum exec_meaning meaning;
	uint64_t began = letter->exec_time ? letter->exec_time : key->start_boottime;
	struct instance *left = process ? process->instance : NULL;
	struct image *image;

	if (watch >= 0)
		recipe_limit(recipe, daemon->config.watches[watch].recipe_max);
	meaning = lineage_exec_meaning(process, watch, recipe);
	if (meaning == EXEC_FOREIGN && !process) {
		bpf_source_forget_unchanged(daemon->source, key, letter);
		recipe_free(recipe);
		return;
	}
	image = image_new(&daemon->lineage.pool, recipe, began);
	if (!process)
		process = lineage_add(&daemon->lineage, key, letter, image);
	else
		lineage_set_image(process, image);
	image_release(image);
	if (!process || !image) {
		daemon_out_of_memory(daemon, "taking up a process");
		recipe_free(recipe);
		return;
	}
	/* Of a respawned program the first exec is the beginning. */
	if (meaning == EXEC_STAYS && process->role == ROLE_MAIN && !process->execed &&
	    letter->flags & OBIT_LETTER_SPAWNED)
		process->instance->began = began;
	process->execed = true;
	if (meaning == EXEC_STAYS)
		lineage_set_apart(process, recipe);
	if (meaning == EXEC_LEAVES)
		lineage_leave(process);
	if (meaning != EXEC_BEGINS)
		keep_process(daemon, process);
	if (meaning == EXEC_LEAVES) {
		tally_instance(daemon, left);
		farewells_tell_if_over(daemon, left);
	} else if (meaning == EXEC_BEGINS) {
		lineage_leave(process);
		if (left)
			tally_instance(daemon, left);
		begin(daemon, process, (size_t)watch, recipe, began);
		farewells_tell_if_over(daemon, left);
		return;
	}
	recipe_free(recipe);
}

/* A letter may have been deleted, for what its process was before, while this exec was under way. Returns
 * false where it is too late to put it back: its process is dead, and nobody wrote how. */
static bool ensure_letter(struct daemon *daemon, const struct obit_key *key,
			  const struct obit_letter *letter)
{
	struct obit_letter now;

	if (bpf_source_letter(daemon->source, key, &now) == 0)
		return true;
	bpf_source_restore(daemon->source, key, letter);
	if (proc_is_alive(key))
		return true;
	events_forget(daemon, key);
	log_warning("pid %u died before it could be tracked", key->tgid);
	return false;
}

static int capture(struct daemon *daemon, const struct obit_key *key, struct recipe **ret)
{
	struct recipe *recipe = NULL;
	int r = proc_capture(key, bpf_source_own_namespaces(daemon->source), &recipe);

	if (r == 0)
		r = cgroupfs_of(&daemon->cgroupfs, (pid_t)key->tgid,
				&recipe->facts->cgroup_hierarchy, &recipe->cgroup);
	if (r == 0)
		r = proc_is_leaving(key);
	if (r > 0)
		r = -ESRCH;
	if (r < 0)
		recipe_free(recipe);
	else
		*ret = recipe;
	return r;
}

/* A process that is known by its letter alone: the rest is asked of /proc. Where that cannot tell, as of one that dies
 * in the meantime, the letter stays: its death will be told by it. */
static void take_from_proc(struct daemon *daemon, const struct obit_key *key,
			   const struct obit_letter *letter)
{
	struct recipe *recipe = NULL;
	int r = capture(daemon, key, &recipe);

	if (r < 0 && r != -ESRCH)
		losses_look_again(daemon);
	if (r == -ESRCH || r == -EBUSY) /* it was told when it was waited for, or will be */
		return;
	if (r < 0) {
		log_warning("pid %u: how it runs cannot be read in /proc: %s; its death will be "
			    "told, and not answered",
			    key->tgid, r == -ETIMEDOUT ? "the kernel waits for it" : strerror(-r));
		return;
	}
	/* Only the kernel side sees whose the executable's mount is, and who is in a Landlock domain. */
	if (!(letter->flags & OBIT_LETTER_HOST))
		recipe->facts->flags &= ~(__u32)OBIT_EXEC_HOST_MNT_OWNER;
	if (letter->flags & OBIT_LETTER_LANDLOCK)
		recipe->facts->flags |= OBIT_EXEC_LANDLOCK;
	take_exec(daemon, key, letter, recipe);
}

static void on_exec(struct daemon *daemon, const struct obit_exec_record *exec)
{
	struct recipe *recipe = arrivals_exec(daemon, exec);
	bool spawned = exec->letter.flags & OBIT_LETTER_SPAWNED;

	aside_forget((pid_t)exec->header.key.tgid);
	if (spawned)
		children_execed(daemon, &exec->header.key, exec->letter.launch);
	if (is_stale(daemon, &exec->header.key, exec->letter.exec_time) ||
	    !ensure_letter(daemon, &exec->header.key, &exec->letter)) {
		recipe_free(recipe);
		return;
	}
	if (!recipe) {
		daemon_out_of_memory(daemon, "reading an exec");
		return;
	}
	/* The daemon before this one has read the first of its texts. */
	if (daemon->taking_over && !spawned && recipe_missing(recipe, 0) &&
	    proc_is_alive(&exec->header.key)) {
		recipe_free(recipe);
		take_from_proc(daemon, &exec->header.key, &exec->letter);
		return;
	}
	if (spawned)
		take_birth(daemon, &exec->header.key, &exec->letter); /* where that was lost */
	take_exec(daemon, &exec->header.key, &exec->letter, recipe);
}

/* ---- letters ---- */

/* A dead child of a spawner, that no instance of this daemon had asked for: an earlier daemon had, and it was a main
 * process. */
static bool was_asked_for_before(struct daemon *daemon, const struct process *process,
				 const struct obit_letter *letter)
{
	if (!process || !letter->exit.sequence || !letter->exec_sequence ||
	    !(letter->flags & OBIT_LETTER_SPAWNED))
		return false;
	children_hear(daemon, letter->launch); /* by now it has said who it is */
	return !process->instance;
}

/* It belongs to nobody (any more), and has come to where it is watched without executing anything. */
static bool is_offspring_that_moved(const struct process *process, const struct obit_letter *letter)
{
	return process && !process->instance && letter->flags & OBIT_LETTER_MOVED &&
	       !(letter->flags & OBIT_LETTER_SPAWNED);
}

static void on_move(struct daemon *daemon, const struct obit_key *key,
		    const struct obit_letter *letter)
{
	const struct process *process;

	if (is_stale(daemon, key, letter->birth_time))
		return;
	process = take_birth(daemon, key, letter);
	if (!process || is_offspring_that_moved(process, letter))
		take_from_proc(daemon, key, letter);
}

void events_letter(struct daemon *daemon, const struct obit_key *key,
		   const struct obit_letter *letter)
{
	struct process *process = lineage_find(&daemon->lineage, key);
	bool known = process != NULL;

	if (!known)
		process = take_birth(daemon, key, letter);
	if (!known && was_asked_for_before(daemon, process, letter)) {
		lineage_gone(&daemon->lineage, process);
		process = NULL;
	}
	if (letter->exit.sequence && process)
		deaths_bury(daemon, process, letter);
	else if (letter->exit.sequence)
		deaths_bury_stranger(daemon, key, letter);
	else if (!process || is_offspring_that_moved(process, letter) ||
		 (!known && (letter->exec_sequence || letter->flags & OBIT_LETTER_CANDIDATE)))
		take_from_proc(daemon, key, letter);
}

static void on_exit_record(struct daemon *daemon, const struct obit_key *key,
			   const struct obit_letter *letter)
{
	struct process *process = lineage_find(&daemon->lineage, key);
	struct obit_letter now;

	aside_forget((pid_t)key->tgid);
	if (process)
		deaths_bury(daemon, process, letter);
	else if (bpf_source_letter(daemon->source, key, &now) == 0)
		events_letter(daemon, key, &now); /* its birth was lost */
	else if (letter->exit.time > daemon->rescanned_ns)
		audience_tell(daemon, key, &letter->exit); /* of no watch, as it turned out */
}

/* ---- the ring ---- */

void events_record(void *arg, const void *data, size_t size)
{
	struct daemon *daemon = arg;
	struct event event;

	daemon->counters.records++;
	if (decode_record(data, size, &event) < 0) {
		if (!daemon->counters.bad_records++)
			log_error("a record of %zu bytes from the kernel side makes no sense; "
				  "ignored",
				  size);
		return;
	}
	switch (event.type) {
	case OBIT_RECORD_TEXT:
		arrivals_text(daemon, event.text);
		return;
	case OBIT_RECORD_EXEC:
		on_exec(daemon, event.exec);
		return;
	case OBIT_RECORD_FORK:
		on_fork(daemon, event.key, event.letter);
		return;
	case OBIT_RECORD_EXIT:
		on_exit_record(daemon, event.key, event.letter);
		return;
	case OBIT_RECORD_UNWATCHED:
		audience_tell(daemon, event.key, event.exit);
		return;
	case OBIT_RECORD_MOVE:
		on_move(daemon, event.key, event.letter);
		return;
	}
}

/* ---- ends ---- */

void events_drop_instance(struct daemon *daemon, struct instance *instance)
{
	struct process *process;

	DL_FOREACH (instance->processes, process)
		events_forget(daemon, &process->key);
	daemon->watches[instance->watch].restarts += instance->policy.restarts;
	keep_watch(daemon, instance->watch);
	keep_drop_instance(daemon, instance);
	tally_drop(daemon, instance);
	act_detach(daemon, instance);
	lineage_end(&daemon->lineage, instance);
}

void events_free(struct daemon *daemon)
{
	struct instance *instance, *next_instance;
	struct process *process, *next_process;

	DL_FOREACH_SAFE (daemon->lineage.instances, instance, next_instance) {
		act_detach(daemon, instance);
		lineage_end(&daemon->lineage, instance);
	}
	HASH_ITER (hh, daemon->lineage.processes, process, next_process)
		lineage_gone(&daemon->lineage, process);
	arrivals_free(daemon);
}
