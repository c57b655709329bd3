// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* From the kernel side's records to lineage, obituaries and inputs of the policy. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/decode.h"
#include "core/glob.h"
#include "daemon/daemon.h"
#include "io/proc.h"

static void out_of_memory(struct daemon *daemon, const char *doing)
{
	if (!daemon->counters.out_of_memory++)
		log_error("out of memory while %s; going on without it", doing);
}

#define ARRIVALS_MAX 64

/* ---- arrivals: the texts of an exec, until its record ends them ---- */

static void arrival_free(struct daemon *daemon, struct arrival *arrival)
{
	HASH_DEL(daemon->arrivals, arrival);
	recipe_free(arrival->recipe);
	free(arrival);
}

static struct arrival *arrival_of(struct daemon *daemon, const struct obit_text_record *text)
{
	const struct obit_key *key = &text->header.key;
	struct arrival *arrival;

	HASH_FIND(hh, daemon->arrivals, key, sizeof(*key), arrival);
	if (arrival && arrival->exec_sequence != text->exec_sequence) {
		arrival_free(daemon, arrival); /* of an exec whose end was lost */
		arrival = NULL;
	}
	if (arrival)
		return arrival;
	/* The oldest has waited longest for an end that will not come. */
	if (HASH_COUNT(daemon->arrivals) >= ARRIVALS_MAX)
		arrival_free(daemon, daemon->arrivals);
	arrival = calloc(1, sizeof(*arrival));
	if (!arrival)
		return NULL;
	arrival->key = *key;
	arrival->exec_sequence = text->exec_sequence;
	arrival->recipe = recipe_new(RECIPE_EXEC);
	if (arrival->recipe)
		HASH_ADD(hh, daemon->arrivals, key, sizeof(arrival->key), arrival);
	if (!arrival->recipe || !arrival->hh.tbl) {
		recipe_free(arrival->recipe);
		free(arrival);
		return NULL;
	}
	return arrival;
}

static void on_text(struct daemon *daemon, const struct obit_text_record *text)
{
	struct arrival *arrival = arrival_of(daemon, text);

	/* A gap or a lack of memory shows when the lengths are compared at the end. */
	if (!arrival || recipe_add_text(arrival->recipe, text) == -ENOMEM)
		out_of_memory(daemon, "reading an exec");
}

/* The recipe that the texts of this exec make; one without texts where they were lost. */
static struct recipe *take_arrival(struct daemon *daemon, const struct obit_exec_record *exec)
{
	struct arrival *arrival;
	struct recipe *recipe;

	HASH_FIND(hh, daemon->arrivals, &exec->header.key, sizeof(exec->header.key), arrival);
	if (arrival && arrival->exec_sequence == exec->letter.exec_sequence)
		recipe = TAKE_PTR(arrival->recipe);
	else
		recipe = recipe_new(RECIPE_EXEC);
	if (arrival)
		arrival_free(daemon, arrival);
	if (recipe)
		recipe_finish(recipe, exec);
	return recipe;
}

/* What came on the process's last way, or NULL; the caller's. */
static struct recipe *take_last_texts(struct daemon *daemon, const struct obit_key *key)
{
	struct arrival *arrival;
	struct recipe *texts = NULL;

	HASH_FIND(hh, daemon->arrivals, key, sizeof(*key), arrival);
	if (!arrival || arrival->exec_sequence)
		return NULL;
	texts = TAKE_PTR(arrival->recipe);
	arrival_free(daemon, arrival);
	return texts;
}

/* ---- births and execs ---- */

static void forget(struct daemon *daemon, const struct obit_key *key)
{
	struct arrival *arrival;

	HASH_FIND(hh, daemon->arrivals, key, sizeof(*key), arrival);
	if (arrival) /* of an exec whose end was lost */
		arrival_free(daemon, arrival);
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
	if (!(letter->flags & OBIT_LETTER_SPAWNED))
		return lineage_fork(&daemon->lineage, key, letter);
	act_child_born(daemon, key, letter);
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

static void tell_if_all_gone(struct daemon *daemon, struct instance *instance)
{
	struct policy_input gone = {.kind = INPUT_ALL_GONE};

	if (instance && !instance->alive && !instance->dying)
		act_step(daemon, instance, &gone, NULL);
}

/* Oldest first, since instances are appended. */
static void drop_surplus(struct daemon *daemon, size_t watch)
{
	struct instance *instance, *oldest = NULL;
	unsigned over = 0;

	DL_FOREACH (daemon->lineage.instances, instance) {
		bool is_over = instance->watch == watch && !instance->alive && !instance->dying &&
			       (instance->policy.state == POLICY_ENDED ||
				instance->policy.state == POLICY_BURIED);

		if (is_over && !over++)
			oldest = instance;
	}
	if (over > VACANT_MAX)
		events_drop_instance(daemon, oldest);
}

static struct instance *begin_instance(struct daemon *daemon, size_t watch)
{
	const struct watch_config *config = &daemon->config.watches[watch];
	struct instance *instance;

	drop_surplus(daemon, watch);
	instance = lineage_begin(&daemon->lineage, watch, config, clock_boot_ns());
	if (instance && act_attach(daemon, instance) < 0) {
		lineage_end(&daemon->lineage, instance);
		instance = NULL;
	}
	if (!instance)
		out_of_memory(daemon, "taking up an instance");
	return instance;
}

/* A matching process that belongs to none: it continues an instance that has the same recipe and nothing
 * running, or it is a new one. Takes the recipe. */
static void begin(struct daemon *daemon, struct process *process, size_t watch,
		  struct recipe *recipe, uint64_t began)
{
	struct policy_input started = {.kind = INPUT_STARTED};
	struct instance *instance = lineage_vacant(&daemon->lineage, watch, recipe);

	if (!instance)
		instance = begin_instance(daemon, watch);
	if (!instance) {
		recipe_free(recipe);
		return;
	}
	recipe_free(instance->recipe);
	instance->recipe = recipe;
	instance->adopted = recipe->source == RECIPE_PROC;
	instance->daemonized = instance->spawned = false;
	instance->began = began;
	instance->uid = recipe->facts.euid;
	lineage_join(instance, process, ROLE_MAIN);
	daemon->watches[watch].absent_since_ns = 0;
	log_info("%s: watching pid %u, %s%s", daemon->config.watches[watch].name, process->key.tgid,
		 recipe->script ? recipe->script
		 : recipe->exe	? recipe->exe
				: "?",
		 instance->adopted ? " (adopted)" : "");
	act_step(daemon, instance, &started, NULL);
}

/* Which watch a letter is of, when nothing but the letter is known: that of the prefix it matched. */
static ssize_t watch_of_letter(const struct daemon *daemon, const struct obit_letter *letter,
			       const char **ret_path)
{
	for (size_t w = 0; letter->prefix && w < daemon->config.watch_count; w++) {
		const struct string_list *paths = &daemon->config.watches[w].path;

		for (size_t i = 0; i < paths->count; i++) {
			struct bpf_prefix prefix = settings_prefix(paths->items[i], true);

			if (bpf_source_prefix_number(&prefix) == letter->prefix &&
			    match_uid(&daemon->config.watches[w], &daemon->people, letter->uid)) {
				*ret_path = glob_is_pattern(paths->items[i]) ? NULL
									     : paths->items[i];
				return (ssize_t)w;
			}
		}
	}
	return MATCH_NONE;
}

/* A main that has executed something else since (`#!/usr/bin/env`, `exec java`) is known by what it was. */
static ssize_t find_watch(const struct daemon *daemon, const struct obit_letter *letter,
			  const struct recipe *recipe)
{
	ssize_t watch = match_watch(&daemon->config, &daemon->people, recipe);
	const char *path;

	if (watch == MATCH_NONE && recipe->source == RECIPE_PROC && letter->exec_sequence)
		watch = watch_of_letter(daemon, letter, &path);
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
	ssize_t watch = find_watch(daemon, letter, recipe);
	enum exec_meaning meaning = lineage_exec_meaning(process, watch);
	uint64_t began = letter->exec_time ? letter->exec_time : key->start_boottime;
	struct instance *left = process ? process->instance : NULL;
	struct image *image;

	if (meaning == EXEC_FOREIGN && !process) {
		bpf_source_forget_unchanged(daemon->source, key, letter);
		recipe_free(recipe);
		return;
	}
	image = image_new(recipe, began);
	if (!process)
		process = lineage_add(&daemon->lineage, key, letter, image);
	else
		lineage_set_image(process, image);
	image_release(image);
	if (!process || !image) {
		out_of_memory(daemon, "taking up a process");
		recipe_free(recipe);
		return;
	}
	/* Of a respawned program the first exec is the beginning. */
	if (meaning == EXEC_STAYS && process->role == ROLE_MAIN && !process->execed &&
	    letter->flags & OBIT_LETTER_SPAWNED)
		process->instance->began = began;
	process->execed = true;
	if (meaning == EXEC_LEAVES) {
		lineage_leave(process);
		bpf_source_bear_no_more(daemon->source, key);
		tell_if_all_gone(daemon, left);
	} else if (meaning == EXEC_BEGINS) {
		lineage_leave(process);
		begin(daemon, process, (size_t)watch, recipe, began);
		tell_if_all_gone(daemon, left);
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
	forget(daemon, key);
	log_warning("pid %u died before it could be tracked", key->tgid);
	return false;
}

static void on_exec(struct daemon *daemon, const struct obit_exec_record *exec)
{
	struct recipe *recipe = take_arrival(daemon, exec);

	if (exec->letter.flags & OBIT_LETTER_SPAWNED)
		act_read_reports(daemon);
	if (is_stale(daemon, &exec->header.key, exec->letter.exec_time) ||
	    !ensure_letter(daemon, &exec->header.key, &exec->letter))
		recipe_free(recipe);
	else if (recipe)
		take_exec(daemon, &exec->header.key, &exec->letter, recipe);
	else
		out_of_memory(daemon, "reading an exec");
}

/* A process that is known by its letter alone: the rest is asked of /proc. */
static void take_from_proc(struct daemon *daemon, const struct obit_key *key,
			   const struct obit_letter *letter)
{
	struct recipe *recipe = recipe_new(RECIPE_PROC);
	int r = recipe ? proc_capture(key, recipe) : -ENOMEM;

	if (r == 0)
		r = cgroupfs_of(&daemon->cgroupfs, (pid_t)key->tgid,
				&recipe->facts.cgroup_hierarchy, &recipe->cgroup);
	if (r < 0) {
		/* Gone in the meantime: its letter tells, if it was counted in. */
		log_debug("pid %u: cannot be captured: %s", key->tgid, strerror(-r));
		recipe_free(recipe);
		if (r != -ESRCH && !lineage_find(&daemon->lineage, key))
			forget(daemon, key);
		return;
	}
	/* Only the kernel side sees whose the executable's mount is. */
	if (!(letter->flags & OBIT_LETTER_HOST))
		recipe->facts.flags &= ~(__u32)OBIT_EXEC_HOST_MNT_OWNER;
	take_exec(daemon, key, letter, recipe);
}

/* ---- deaths ---- */

static const struct watch_config *watch_of(const struct daemon *daemon,
					   const struct instance *instance)
{
	return &daemon->config.watches[instance->watch];
}

static void look_up_sessions(struct instance *instance)
{
	struct process *process;

	DL_FOREACH (instance->processes, process)
		process->session_leader = proc_session(&process->key) == (pid_t)process->key.tgid;
}

static void describe_death(struct daemon *daemon, struct instance *instance,
			   const struct process *process, const struct obit_letter *letter,
			   struct policy_input *ret, char refusal[static RECIPE_SENTENCE_SIZE])
{
	bool is_main = process->role == ROLE_MAIN;
	struct heirs heirs = {0};

	if (is_main && instance->alive) {
		look_up_sessions(instance);
		lineage_heirs(instance, process, &heirs);
	}
	*ret = (struct policy_input){
		.kind = is_main ? INPUT_MAIN_DIED : INPUT_MEMBER_DIED,
		.death =
			{
				.wait_status = letter->exit.wait_status,
				.lived_ns = letter->exit.time > instance->began
						    ? letter->exit.time - instance->began
						    : 0,
				.members = instance->alive,
				.has_fork_heir = heirs.by_fork,
				.has_exec_heir = heirs.by_exec,
				.refusal = act_refusal(daemon, instance, letter, refusal),
			},
	};
}

/* A job that is over has nothing left to tell but its obituary. */
static void drop_if_job(struct daemon *daemon, struct instance *instance,
			const struct obit_letter *letter)
{
	if (instance->policy.state == POLICY_ENDED &&
	    !lineage_is_service(instance, watch_of(daemon, instance), letter) && !instance->alive)
		events_drop_instance(daemon, instance);
}

static void bury_offspring(struct daemon *daemon, struct process *process,
			   const struct obit_letter *letter, const struct evidence *evidence)
{
	struct policy_output nothing = {.verdict = VERDICT_NONE};
	struct obituary obituary = {.process = process,
				    .evidence = evidence,
				    .role = ROLE_OFFSPRING,
				    .letter = letter,
				    .decision = &nothing};

	death_log_line(daemon, &obituary);
	publish_obituary(daemon, &obituary, MATCH_NONE);
	lineage_gone(&daemon->lineage, process);
}

static struct instance *find_instance(const struct daemon *daemon, uint64_t id)
{
	struct instance *instance;

	DL_FOREACH (daemon->lineage.instances, instance)
		if (instance->id == id)
			return instance;
	return NULL;
}

static void bury_member(struct daemon *daemon, struct instance *instance, struct process *process,
			const struct obit_letter *letter, const struct evidence *evidence)
{
	char refusal[RECIPE_SENTENCE_SIZE];
	struct policy_output decision;
	struct policy_input input;
	enum process_role role = process->role;
	struct obituary obituary = {
		.process = process,
		.evidence = evidence,
		.role = role,
		.letter = letter,
		.watch = watch_of(daemon, instance)->name,
		.began = instance->began,
		.decision = &decision,
	};
	uint64_t id = instance->id;

	lineage_died(process);
	describe_death(daemon, instance, process, letter, &input, refusal);
	act_decide(instance, &input, &decision);
	death_log_line(daemon, &obituary);
	act_carry_out(daemon, instance, &decision);
	publish_obituary(daemon, &obituary, (ssize_t)instance->watch);
	act_await_gone(daemon, &process->key);
	instance = find_instance(daemon, id);
	if (instance && role == ROLE_MAIN)
		drop_if_job(daemon, instance, letter);
}

/* A child of ours that never executed anything: an exec that failed is no death. */
static void bury_unborn(struct daemon *daemon, struct process *process)
{
	lineage_died(process);
	act_await_gone(daemon, &process->key);
}

static bool is_unborn(const struct process *process, const struct obit_letter *letter)
{
	return letter->flags & OBIT_LETTER_SPAWNED && !letter->exec_sequence && !process->instance;
}

static void tell_death(struct daemon *daemon, struct process *process,
		       const struct obit_letter *letter)
{
	struct recipe *last_texts = take_last_texts(daemon, &process->key);
	struct evidence evidence;

	evidence_gather(daemon, &process->key, letter, process->image, last_texts, &evidence);
	if (process->instance && process->role != ROLE_OFFSPRING)
		bury_member(daemon, process->instance, process, letter, &evidence);
	else
		bury_offspring(daemon, process, letter, &evidence);
	evidence_done(&evidence);
	recipe_free(last_texts);
}

static void bury(struct daemon *daemon, struct process *process, const struct obit_letter *letter)
{
	struct obit_key key = process->key;

	if (process->dying)
		return;
	if (letter->flags & OBIT_LETTER_SPAWNED)
		act_read_reports(daemon);
	if (letter->flags & OBIT_LETTER_SPAWNED && !letter->exec_sequence && process->instance)
		act_forget_child(process->instance); /* it died without a word */
	if (is_unborn(process, letter)) {
		audience_tell(daemon, &key, &letter->exit);
		bury_unborn(daemon, process);
	} else {
		tell_death(daemon, process, letter);
	}
	forget(daemon, &key);
}

/* The letter of a process that is dead and was never seen alive by this daemon. Nothing is respawned: there is
 * no recipe. */
static void bury_stranger(struct daemon *daemon, const struct obit_key *key,
			  const struct obit_letter *letter)
{
	struct policy_output decision = {
		.verdict = VERDICT_REPORT,
		.detail = "not respawned: it died unseen, and how it was started is not known",
	};
	const char *path = NULL;
	ssize_t watch = watch_of_letter(daemon, letter, &path);
	_cleanup_free_ char *exe = path ? strdup(path) : NULL;
	struct image image = {.exe = exe};
	struct process stranger = {.key = *key,
				   .parent = letter->parent,
				   .role = ROLE_MAIN,
				   .image = exe ? &image : NULL};
	struct recipe *last_texts = take_last_texts(daemon, key);
	struct evidence evidence;
	struct obituary obituary = {
		.process = &stranger,
		.evidence = &evidence,
		.role = letter->flags & OBIT_LETTER_CANDIDATE ? ROLE_MAIN : ROLE_OFFSPRING,
		.letter = letter,
		.watch = watch < 0 ? NULL : daemon->config.watches[watch].name,
		.began = letter->exec_time,
		.decision = &decision,
	};

	evidence_gather(daemon, key, letter, stranger.image, last_texts, &evidence);
	death_log_line(daemon, &obituary);
	publish_obituary(daemon, &obituary, watch);
	evidence_done(&evidence);
	recipe_free(last_texts);
	forget(daemon, key);
}

static void take_letter(struct daemon *daemon, const struct obit_key *key,
			const struct obit_letter *letter)
{
	struct process *process = lineage_find(&daemon->lineage, key);
	bool known = process != NULL;

	if (!known)
		process = take_birth(daemon, key, letter);
	if (letter->exit.sequence && process)
		bury(daemon, process, letter);
	else if (letter->exit.sequence)
		bury_stranger(daemon, key, letter);
	else if (!process ||
		 (!known && (letter->exec_sequence || letter->flags & OBIT_LETTER_CANDIDATE)))
		take_from_proc(daemon, key, letter);
}

static void on_exit_record(struct daemon *daemon, const struct obit_key *key,
			   const struct obit_letter *letter)
{
	struct process *process = lineage_find(&daemon->lineage, key);
	struct obit_letter now;

	if (process)
		bury(daemon, process, letter);
	else if (bpf_source_letter(daemon->source, key, &now) == 0)
		take_letter(daemon, key, &now); /* its birth was lost */
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
		on_text(daemon, event.text);
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
		if (!lineage_find(&daemon->lineage, event.key))
			take_from_proc(daemon, event.key, event.letter);
		return;
	}
}

/* ---- letters ---- */

/* Of one turn of the loop: the watchdog and the clients are not to wait for a hundred thousand. */
#define LETTERS_A_TURN 500

struct kept_key {
	struct obit_key key;
	uint64_t order
		[2]; /* the living by their age, so that parents come before their children; then
			      the dead as they died */
};

/* Keys only: a letter is read when its turn comes, as it is then. */
struct backlog {
	struct kept_key *items; /* owned */
	size_t count, room, next;
	bool cut;
};

static void collect_letter(void *arg, const struct obit_key *key, const struct obit_letter *letter)
{
	struct backlog *backlog = arg;

	if (backlog->count == backlog->room) {
		size_t room = backlog->room ? backlog->room * 2 : 256;
		void *items = realloc(backlog->items, room * sizeof(*backlog->items));

		if (!items) {
			backlog->cut = true;
			return;
		}
		backlog->items = items;
		backlog->room = room;
	}
	backlog->items[backlog->count++] = (struct kept_key){
		.key = *key,
		.order = {letter->exit.sequence, letter->exit.sequence ? 0 : key->start_boottime},
	};
}

static int compare_keys(const void *left, const void *right)
{
	const struct kept_key *a = left, *b = right;
	size_t i = a->order[0] == b->order[0];

	return a->order[i] < b->order[i] ? -1 : a->order[i] > b->order[i];
}

static void free_backlog(struct daemon *daemon)
{
	if (daemon->backlog)
		free(daemon->backlog->items);
	free(daemon->backlog);
	daemon->backlog = NULL;
}

static void take_letters(struct daemon *daemon)
{
	struct backlog *backlog = daemon->backlog;
	size_t end = backlog->next + LETTERS_A_TURN;
	struct obit_letter letter;

	if (end > backlog->count)
		end = backlog->count;
	while (backlog->next < end) {
		const struct obit_key *key = &backlog->items[backlog->next++].key;

		if (bpf_source_letter(daemon->source, key, &letter) == 0)
			take_letter(daemon, key, &letter);
	}
	daemon->rescanned_ns = clock_boot_ns();
	if (end == backlog->count)
		free_backlog(daemon);
	else
		loop_timer_set(daemon->backlog_timer, 1);
}

static void collect_letters(struct daemon *daemon)
{
	struct backlog *backlog;

	free_backlog(daemon);
	backlog = daemon->backlog = calloc(1, sizeof(*backlog));
	if (!backlog) {
		out_of_memory(daemon, "reading the letters");
		return;
	}
	bpf_source_letters(daemon->source, collect_letter, backlog);
	if (backlog->cut)
		out_of_memory(daemon, "reading the letters");
	if (backlog->count)
		qsort(backlog->items, backlog->count, sizeof(*backlog->items), compare_keys);
}

void events_rescan(struct daemon *daemon)
{
	int added;

	do
		added = bpf_source_scan(daemon->source);
	while (added > 0);
	if (added < 0)
		log_error("cannot scan the running processes: %s", strerror(-added));
	bpf_source_sweep_signals(daemon->source);
	collect_letters(daemon);
	if (daemon->backlog)
		take_letters(daemon);
}

/* ---- losses ---- */

/* How often processes that found the map full are looked for again. */
#define HEAL_EVERY NS_PER_SEC

static void tell_map_full(struct daemon *daemon, bool full)
{
	if (full && !daemon->map_full)
		log_warning(
			"the map of processes is full (max_processes = %u): some that are watched "
			"go unseen until there is room",
			daemon->config.max_processes);
	if (!full && daemon->map_full)
		log_notice("the map of processes has room again: all that is watched is seen");
	daemon->map_full = full;
	loop_timer_set(daemon->heal_timer, full ? clock_boot_ns() + HEAL_EVERY : 0);
}

static void heal(struct daemon *daemon, const struct obit_stats *before)
{
	struct obit_stats after;

	if (before->untracked != daemon->seen.untracked)
		tell_map_full(daemon, true);
	daemon->counters.rescans++;
	events_rescan(daemon);
	bpf_source_stats(daemon->source, &after);
	daemon->seen = after; /* what the scan itself found full is no news */
	if (daemon->map_full)
		tell_map_full(daemon, after.untracked != before->untracked);
}

void events_on_heal_timer(void *arg)
{
	struct daemon *daemon = arg;
	struct obit_stats now;

	bpf_source_stats(daemon->source, &now);
	heal(daemon, &now);
}

/* After a loss the letters are read. Not while they are being read: that would begin anew for ever. */
static void check_losses(struct daemon *daemon)
{
	struct obit_stats now;

	if (daemon->backlog)
		return;
	bpf_source_stats(daemon->source, &now);
	if (now.cgroup_lost != daemon->seen.cgroup_lost)
		log_warning("some watched cgroups could not be marked: their set is full");
	if (now.exits_lost != daemon->seen.exits_lost)
		audience_tell_loss(daemon, now.exits_lost - daemon->seen.exits_lost);
	daemon->seen.cgroup_lost = now.cgroup_lost;
	daemon->seen.exits_lost = now.exits_lost;
	if (now.ring_lost != daemon->seen.ring_lost ||
	    (now.untracked != daemon->seen.untracked && !daemon->map_full))
		heal(daemon, &now);
}

void events_read(struct daemon *daemon)
{
	if (daemon->backlog)
		take_letters(daemon);
	if (!daemon->backlog)
		bpf_source_drain(daemon->source);
	check_losses(daemon);
}

void events_on_backlog_timer(void *arg)
{
	(void)arg; /* it only ends the sleep: the turn begins with events_read() */
}

/* ---- ends ---- */

void events_drop_instance(struct daemon *daemon, struct instance *instance)
{
	struct process *process;

	DL_FOREACH (instance->processes, process)
		forget(daemon, &process->key);
	daemon->watches[instance->watch].restarts += instance->policy.restarts;
	act_detach(daemon, instance);
	lineage_end(&daemon->lineage, instance);
}

void events_free(struct daemon *daemon)
{
	struct instance *instance, *next_instance;
	struct process *process, *next_process;
	struct arrival *arrival, *next_arrival;

	DL_FOREACH_SAFE (daemon->lineage.instances, instance, next_instance) {
		act_detach(daemon, instance);
		lineage_end(&daemon->lineage, instance);
	}
	HASH_ITER (hh, daemon->lineage.processes, process, next_process)
		lineage_gone(&daemon->lineage, process);
	HASH_ITER (hh, daemon->arrivals, arrival, next_arrival)
		arrival_free(daemon, arrival);
	free_backlog(daemon);
}
