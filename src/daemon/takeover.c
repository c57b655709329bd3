// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A daemon that finds what another has kept goes on as that one would have, had it only slept: instances are the same
 * again, then the ring is read, which has gone on, then the letters tell what the ring had no room for. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/kept.h"
#include "io/proc.h"
#include "io/sys.h"

#define PATIENCE_NS (2 * NS_PER_SEC)
#define SLICE_MS    100 /* of it, between two looks at the watchdog */

bool takeover_is_before(const struct daemon *daemon, uint64_t time_ns)
{
	return time_ns < daemon->started_ns;
}

static bool is_too_old(const struct daemon *daemon, uint64_t time_ns, uint64_t started_ns)
{
	return time_ns < started_ns && started_ns - time_ns > daemon->config.takeover_window_ns;
}

bool takeover_is_too_old(const struct daemon *daemon, uint64_t time_ns)
{
	return is_too_old(daemon, time_ns, daemon->started_ns);
}

/* ---- what the last daemon has left running for itself ---- */

static bool read_header(struct bpf_source *source, struct kept_header *ret)
{
	struct obit_state_key key = {.kind = KEPT_HEADER};
	struct obit_state state;

	if (bpf_source_state(source, &key, &state) < 0)
		return false;
	memcpy(ret, state.bytes, sizeof(*ret));
	return ret->version == KEPT_VERSION && ret->instance_size == sizeof(struct kept_instance);
}

/* 1 if it is still there, 0 if not, or -errno. */
static int is_still(const struct obit_key *key)
{
	struct proc_identity now = {0};
	int r = proc_identify((pid_t)key->tgid, &now);

	free(now.exe);
	if (r < 0)
		return r == -ESRCH ? 0 : r;
	return !now.is_dead && now.key.tgid == key->tgid &&
	       now.key.start_boottime == key->start_boottime;
}

/* False if it lives on. */
static bool see_it_end(struct daemon *daemon, const struct obit_key *key, bool kills)
{
	uint64_t deadline = clock_running_ns() + PATIENCE_NS;
	_cleanup_close_ int pidfd = key->tgid ? sys_pidfd_open((pid_t)key->tgid, 0) : -1;
	struct pollfd end = {.fd = pidfd, .events = POLLIN};
	int there = pidfd < 0 ? 0 : is_still(key);

	if (there <= 0)
		return there == 0;
	if (kills)
		syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	while (poll(&end, 1, SLICE_MS) <= 0) {
		if (clock_running_ns() >= deadline)
			return false;
		guard_starting(daemon);
	}
	return true;
}

/* The spawner may have been asked for children that it has not made yet; nobody wants them any more, and no program
 * of the old daemon is to miss the birth of one. The history's process writes what it was told; what it tells is looked for
 * on disk. */
void takeover_before_attach(void *arg, struct bpf_source *source)
{
	struct daemon *daemon = arg;
	struct kept_header header;

	if (!read_header(source, &header))
		return;
	if (!see_it_end(daemon, &header.spawner, true))
		log_warning("the spawner of an earlier obitd (pid %u) cannot be ended",
			    header.spawner.tgid);
	if (!see_it_end(daemon, &header.history, false))
		log_warning(
			"the history's process of an earlier obitd (pid %u) still writes; a death "
			"may be told twice",
			header.history.tgid);
}

/* ---- what it has kept ---- */

/* An instance on its way back. */
struct returning {
	uint64_t id;
	struct instance *instance; /* NULL: it is not back yet */
	struct kept_instance kept;
};

/* A child of a spawner, by its letter. */
struct launched {
	struct obit_key key;
	struct obit_letter letter;
};

struct returns {
	struct daemon *daemon;
	struct returning *items;   /* owned */
	struct launched *children; /* owned */
	uint64_t *recipes;	   /* owned: ids that pieces were found of, but no instance for */
	size_t count, child_count, recipe_count;
	bool out_of_memory;
};

static void *grow(struct returns *returns, void *items, size_t count, size_t size)
{
	/* Twice as much at each power of two. */
	void *grown = count & (count - 1) ? items : realloc(items, (count ? 2 * count : 1) * size);

	if (!grown)
		returns->out_of_memory = true;
	return grown;
}

static void restore_watch(struct daemon *daemon, const struct obit_state_key *key,
			  const struct obit_state *state)
{
	struct kept_watch kept;
	struct watch_state *watch;
	ssize_t index;

	memcpy(&kept, state->bytes, sizeof(kept));
	kept.name[KEPT_NAME_SIZE - 1] = '\0';
	index = match_named(&daemon->match, kept.name);
	if (index < 0) {
		bpf_source_drop_state(daemon->source, key);
		return;
	}
	watch = &daemon->watches[index];
	watch->deaths = kept.deaths;
	watch->restarts = kept.restarts;
	watch->paused = kept.paused;
	watch->paused_until_ns = kept.paused_until_ns;
	watch->counted = kept.counted;
}

static void note_instance(struct returns *returns, uint64_t id, const struct obit_state *state)
{
	struct returning *items = grow(returns, returns->items, returns->count, sizeof(*items));

	if (!items)
		return;
	returns->items = items;
	items += returns->count++;
	items->id = id;
	items->instance = NULL;
	memcpy(&items->kept, state->bytes, sizeof(items->kept));
	items->kept.watch[KEPT_NAME_SIZE - 1] = '\0';
}

static void on_state(void *arg, const struct obit_state_key *key)
{
	struct returns *returns = arg;
	struct obit_state state;
	uint64_t *ids;

	if (key->kind == KEPT_RECIPE && !key->piece) {
		ids = grow(returns, returns->recipes, returns->recipe_count, sizeof(*ids));
		if (!ids)
			return;
		returns->recipes = ids;
		ids[returns->recipe_count++] = key->id;
	}
	if ((key->kind != KEPT_WATCH && key->kind != KEPT_INSTANCE) ||
	    bpf_source_state(returns->daemon->source, key, &state) < 0)
		return;
	if (key->kind == KEPT_WATCH)
		restore_watch(returns->daemon, key, &state);
	else
		note_instance(returns, key->id, &state);
}

static int compare_ids(const void *left, const void *right)
{
	const struct returning *a = left, *b = right;

	return a->id < b->id ? -1 : a->id > b->id;
}

/* ---- recipes ---- */

#define RECIPE_MAX (2 * OBIT_RECIPE_MAX + 16 * OBIT_PATH_MAX)

/* NULL where it is not whole. */
static struct recipe *read_recipe(struct daemon *daemon, uint64_t id, uint64_t size)
{
	struct obit_state_key key = {.id = id, .kind = KEPT_RECIPE};
	_cleanup_free_ char *bytes = id && size <= RECIPE_MAX ? malloc(size) : NULL;
	struct recipe *recipe = NULL;
	struct obit_state state;

	for (uint64_t at = 0; bytes && at < size; at += OBIT_STATE_PIECE, key.piece++) {
		uint64_t left = size - at;

		if (bpf_source_state(daemon->source, &key, &state) < 0)
			return NULL;
		memcpy(bytes + at, state.bytes, left < OBIT_STATE_PIECE ? left : OBIT_STATE_PIECE);
	}
	return bytes && recipe_unpack(bytes, size, &recipe) == 0 ? recipe : NULL;
}

static void drop_recipe(struct daemon *daemon, uint64_t id)
{
	struct obit_state_key key = {.id = id, .kind = KEPT_RECIPE};
	struct obit_state state;

	for (; bpf_source_state(daemon->source, &key, &state) == 0; key.piece++)
		bpf_source_drop_state(daemon->source, &key);
}

/* Those that a daemon was killed over. */
static void drop_lost_recipes(struct returns *returns)
{
	for (size_t i = 0; i < returns->recipe_count; i++) {
		bool is_named = false;

		for (size_t k = 0; !is_named && k < returns->count; k++)
			is_named = returns->items[k].instance &&
				   returns->items[k].kept.recipe == returns->recipes[i];
		if (!is_named)
			drop_recipe(returns->daemon, returns->recipes[i]);
	}
}

/* ---- instances ---- */

static void fill(struct instance *instance, const struct kept_instance *kept)
{
	struct attachment *attachment = instance->attachment;

	attachment->kept_recipe = kept->recipe;
	attachment->kept_recipe_size = kept->recipe_size;
	attachment->launch_number = kept->launch;
	attachment->died_ns = kept->died_ns;
	attachment->died_pid = kept->died_pid;
	attachment->died_as_init = kept->died_as_init;
	attachment->unanswered = kept->unanswered;
	attachment->told = kept->told;
	attachment->told_buried = kept->told_buried;
	attachment->killed = kept->killed;
	instance->life = kept->life;
	instance->began = kept->began;
	instance->last_pid = kept->last_pid;
	instance->pid_before = kept->pid_before;
	instance->uid = kept->uid;
	instance->adopted = kept->adopted;
	instance->daemonized = kept->daemonized;
	instance->spawned = kept->spawned;
}

/* It ran where the daemon before this one did, or elsewhere; if that was in other namespaces than this one's, it is not
 * known to run in these. True if that makes the recipe another one. */
static bool move_recipe(const struct daemon *daemon, const struct kept_instance *kept,
			struct recipe *recipe)
{
	const __u32 *own = bpf_source_own_namespaces(daemon->source);
	__u32 before = recipe->facts->flags;

	for (size_t i = 0; i < OBIT_NAMESPACES; i++)
		if (kept->namespaces[i] != own[i])
			recipe->facts->flags |= (__u32)OBIT_EXEC_OTHER_NS << i;
	return recipe->facts->flags != before;
}

/* Under another configuration it may be another watch's, or nobody's: then it is looked for anew. */
static bool still_matches(const struct daemon *daemon, size_t watch, const struct recipe *recipe)
{
	return !recipe || match_watch(&daemon->config, &daemon->people, recipe) == (ssize_t)watch;
}

/* NULL where there is none of it any more. */
static struct instance *restore_instance(struct daemon *daemon, const struct returning *returning)
{
	const struct kept_instance *kept = &returning->kept;
	ssize_t watch = match_named(&daemon->match, kept->watch);
	size_t starts = kept->start_count < KEPT_STARTS_MAX ? kept->start_count : KEPT_STARTS_MAX;
	struct recipe *recipe = watch < 0 ? NULL
					  : read_recipe(daemon, kept->recipe, kept->recipe_size);
	struct instance *instance = NULL;
	bool moved = recipe && move_recipe(daemon, kept, recipe);

	if (watch >= 0 && still_matches(daemon, (size_t)watch, recipe))
		instance = lineage_begin_as(&daemon->lineage, returning->id, (size_t)watch,
					    &daemon->config.watches[watch], clock_running_ns());
	if (instance &&
	    (policy_restore(&instance->policy, &kept->policy, kept->starts, starts) < 0 ||
	     act_attach(daemon, instance) < 0)) {
		lineage_end(&daemon->lineage, instance);
		instance = NULL;
	}
	if (!instance) {
		recipe_free(recipe);
		return NULL;
	}
	lineage_set_recipe(instance, recipe);
	fill(instance, kept);
	if (!recipe)
		((struct attachment *)instance->attachment)->kept_recipe = 0;
	((struct attachment *)instance->attachment)->recipe_changed = moved;
	daemon->watches[watch].absent_since_ns = 0;
	return instance;
}

static void restore_instances(struct returns *returns)
{
	struct daemon *daemon = returns->daemon;

	bpf_source_states(daemon->source, on_state, returns);
	if (returns->count)
		qsort(returns->items, returns->count, sizeof(*returns->items), compare_ids);
	for (size_t i = 0; i < returns->count; i++) {
		struct returning *item = &returns->items[i];
		struct obit_state_key key = {.id = item->id, .kind = KEPT_INSTANCE};

		guard_starting(daemon);
		item->instance = restore_instance(daemon, item);
		if (!item->instance)
			bpf_source_drop_state(daemon->source, &key);
	}
	drop_lost_recipes(returns);
}

/* ---- processes ---- */

static void restore_process(struct daemon *daemon, const struct obit_key *key,
			    const struct obit_letter *letter, const struct obit_member *member)
{
	struct instance *instance = lineage_instance(&daemon->lineage, member->instance);
	struct process *process;

	if (!instance && !(member->flags & OBIT_MEMBER_OFFSPRING)) {
		bpf_source_drop_member(daemon->source, key); /* it is looked at anew */
		return;
	}
	process = lineage_add(&daemon->lineage, key, letter, NULL);
	if (!process) {
		daemon_out_of_memory(daemon, "taking over a process");
		return;
	}
	if (instance)
		lineage_join(instance, process,
			     member->flags & OBIT_MEMBER_MAIN ? ROLE_MAIN : ROLE_MEMBER);
	process->execed = member->flags & OBIT_MEMBER_EXECED;
	process->apart = member->flags & OBIT_MEMBER_APART;
	process->life = member->life;
}

static void on_member(void *arg, const struct obit_key *key, const struct obit_member *member)
{
	struct daemon *daemon = arg;
	struct obit_letter letter;

	guard_starting(daemon);
	if (bpf_source_letter(daemon->source, key, &letter) == 0)
		restore_process(daemon, key, &letter, member);
	else
		bpf_source_drop_member(daemon->source, key);
}

/* One that has executed something for itself is asked of /proc, if it lives; of the others it is known. */
static void restore_image(struct daemon *daemon, struct process *process, struct image *common)
{
	const struct recipe *own = process->instance->recipe;
	struct recipe *recipe = NULL;
	bool captured = process->execed &&
			proc_capture(&process->key, bpf_source_own_namespaces(daemon->source),
				     &recipe) == 0;
	bool is_other = captured && own && own->exe && recipe->exe &&
			strcmp(own->exe, recipe->exe) != 0;
	struct image *image = NULL;

	guard_starting(daemon);
	if (captured && (is_other || (process->role != ROLE_MAIN && process->execed)))
		image = image_new(&daemon->lineage.pool, recipe, process->instance->began);
	lineage_set_image(process, image ? image : common);
	image_release(image);
	recipe_free(recipe);
}

static void restore_images(struct daemon *daemon, struct instance *instance)
{
	struct image *common = instance->recipe ? image_new(&daemon->lineage.pool, instance->recipe,
							    instance->began)
						: NULL;
	struct process *process;

	DL_FOREACH (instance->processes, process)
		restore_image(daemon, process, common);
	image_release(common);
}

/* The last main, of which the letter is gone and which may not be gone itself. It is awaited when its instance has gone on,
 * not before: it may be gone, and what is started for that is no start of the daemon before this one. */
static void restore_dying(struct daemon *daemon, struct instance *instance)
{
	const struct attachment *attachment = instance->attachment;
	struct obit_letter nothing = {0};
	struct process *process;

	if (!attachment->told.tgid || instance->policy.gone ||
	    lineage_find(&daemon->lineage, &attachment->told) || !proc_exists(&attachment->told))
		return;
	process = lineage_add(&daemon->lineage, &attachment->told, &nothing, NULL);
	if (!process)
		return;
	lineage_join(instance, process, ROLE_MEMBER);
	lineage_died(process);
}

static void await_dying(struct daemon *daemon, const struct obit_key *key)
{
	const struct process *process = lineage_find(&daemon->lineage, key);

	if (process && process->dying)
		farewells_await(daemon, key, true);
}

/* ---- children that were on their way ---- */

static void on_letter(void *arg, const struct obit_key *key, const struct obit_letter *letter)
{
	struct returns *returns = arg;
	struct launched *children;

	if (!(letter->flags & OBIT_LETTER_SPAWNED))
		return;
	children = grow(returns, returns->children, returns->child_count, sizeof(*children));
	if (!children)
		return;
	returns->children = children;
	children[returns->child_count++] = (struct launched){*key, *letter};
}

/* Who left before its program was executed was no main process, though it was to be one. */
static void part_with_unborn(struct returns *returns)
{
	struct daemon *daemon = returns->daemon;

	for (size_t i = 0; i < returns->child_count; i++) {
		const struct launched *child = &returns->children[i];
		struct process *process = lineage_find(&daemon->lineage, &child->key);

		if (child->letter.exec_sequence || !process || !process->instance)
			continue;
		lineage_leave(process);
		keep_process(daemon, process);
	}
}

static struct launched *child_of(const struct returns *returns, const struct instance *instance)
{
	uint64_t launch = ((const struct attachment *)instance->attachment)->launch_number;

	for (size_t i = 0; launch && i < returns->child_count; i++)
		if (returns->children[i].letter.launch == launch)
			return &returns->children[i];
	return NULL;
}

/* False if the child has not executed its program. */
static bool join_child(struct returns *returns, struct instance *instance)
{
	struct daemon *daemon = returns->daemon;
	struct launched *child = child_of(returns, instance);
	struct process *process;

	if (child)
		bpf_source_letter(daemon->source, &child->key, &child->letter);
	if (!child || !child->letter.exec_sequence)
		return false;
	process = lineage_find(&daemon->lineage, &child->key);
	if (!process)
		process = lineage_add(&daemon->lineage, &child->key, &child->letter, NULL);
	if (!process) {
		daemon_out_of_memory(daemon, "taking over a child");
		return false;
	}
	lineage_join(instance, process, ROLE_MAIN);
	process->execed = true;
	instance->began = child->letter.exec_time;
	instance->spawned = true;
	instance->daemonized = instance->adopted = false;
	restore_images(daemon, instance);
	keep_process(daemon, process);
	return true;
}

/* ---- on with it ---- */

/* When a living daemon would have acted on it. 0: it would not have, or not yet. */
static uint64_t was_due(const struct policy *policy)
{
	switch (policy->state) {
	case POLICY_WAITING:
		if (policy->paused && policy->paused_until_ns > policy->respawn_at_ns)
			return policy->paused_until_ns;
		return policy->paused ? 0 : policy->respawn_at_ns;
	case POLICY_STARTING:
		return policy->respawn_at_ns;
	case POLICY_STOPPING:
		return policy->after == AFTER_RESPAWN || policy->after == AFTER_START
			       ? policy->deadline_ns
			       : 0;
	default:
		return 0;
	}
}

static bool abandon_if_old(struct daemon *daemon, struct instance *instance)
{
	uint64_t due = was_due(&instance->policy);

	if (!due || !is_too_old(daemon, due, daemon->running_since_ns))
		return false;
	policy_abandon(&instance->policy, "no obitd was there in time (takeover_window)",
		       clock_running_ns());
	log_notice("%s: %s", watch_of(daemon, instance)->name, instance->policy.note);
	keep_instance(daemon, instance);
	return true;
}

/* Who of its processes stands for it, where the daemon was killed while it handed that over. */
static void ensure_main(struct daemon *daemon, struct instance *instance)
{
	struct process *process, *eldest = NULL;

	if (instance->main || instance->policy.state != POLICY_UP)
		return;
	DL_FOREACH (instance->processes, process)
		if (!process->dying && !process->apart &&
		    (!eldest || process->birth_sequence < eldest->birth_sequence))
			eldest = process;
	if (eldest) {
		lineage_join(instance, eldest, ROLE_MAIN);
		keep_process(daemon, eldest);
	} else {
		events_drop_instance(daemon, instance);
	}
}

/* The daemon was killed between the release of a child and the news of its exec. Who was released executes its program
 * sooner or later, and who was not leaves. */
static void resume_start(struct returns *returns, struct instance *instance)
{
	struct daemon *daemon = returns->daemon;
	const struct launched *child = child_of(returns, instance);
	struct policy_input spawned = {.kind = INPUT_SPAWNED};
	struct policy_input failed = {.kind = INPUT_SPAWN_FAILED, .error = ECHILD};

	if (join_child(returns, instance)) {
		daemon->counters.respawns++;
		act_step(daemon, instance, &spawned, NULL);
		log_notice("%s: respawned as pid %u, by an earlier obitd",
			   watch_of(daemon, instance)->name, instance->main->key.tgid);
	} else if (child && children_inherit(daemon, instance, &child->key,
					     "an earlier obitd had asked for") == 0) {
		log_info("%s: pid %u, which an earlier obitd had asked for, is on its way",
			 watch_of(daemon, instance)->name, child->key.tgid);
	} else if (!abandon_if_old(daemon, instance)) {
		act_step(daemon, instance, &failed, NULL);
	}
}

static void resume_stop(struct instance *instance)
{
	struct attachment *attachment = instance->attachment;
	const struct policy *policy = &instance->policy;

	if (!policy->deadline_ns || policy->deadline_ns <= clock_running_ns())
		return; /* SIGKILL comes next */
	/* The daemon may have been killed before it could send the signal. */
	signals_send(attachment->daemon, instance,
		     policy->after == AFTER_HANG ? SIGABRT : policy->config->kill_signal);
}

static void resume(struct returns *returns, struct instance *instance)
{
	struct daemon *daemon = returns->daemon;
	struct policy *policy = &instance->policy;
	struct policy_input told = {.kind = INPUT_OWNER_DONE};

	owners_meet_again(daemon, instance);
	vigil_begin(daemon, instance);
	if (policy->state == POLICY_STARTING)
		resume_start(returns, instance);
	else if ((policy->state == POLICY_UP || policy->state == POLICY_READYING) &&
		 !instance->main)
		join_child(returns, instance); /* its birth was not told yet */
	vigil_resume(daemon, instance);
	if (policy->state != POLICY_STARTING && abandon_if_old(daemon, instance))
		return;
	if (policy->state == POLICY_ASKING) /* what it was answered is not known */
		policy->deadline_ns = clock_running_ns();
	if (policy->state == POLICY_RESTARTING || policy->owner_stops)
		act_step(daemon, instance, &told, NULL);
	else if (policy->state == POLICY_STOPPING)
		resume_stop(instance);
	act_rearm(instance);
	((struct attachment *)instance->attachment)->emptying =
		policy->state == POLICY_STOPPING &&
		watch_of(daemon, instance)->kill_mode == KILL_MODE_CGROUP;
	farewells_tell_if_over(daemon, instance);
}

#define DRAINS_MAX 1024

/* As it would have been read, had there been a daemon. It may go on filling: what is left is for later. */
static void read_ring(struct daemon *daemon)
{
	daemon->taking_over = true;
	for (int i = 0; i < DRAINS_MAX; i++) {
		guard_starting(daemon);
		if (bpf_source_drain(daemon->source) < BPF_SOURCE_RECORDS_A_TURN)
			break;
	}
	daemon->taking_over = false;
}

static void bring_back(struct returns *returns)
{
	struct daemon *daemon = returns->daemon;

	restore_instances(returns);
	bpf_source_members(daemon->source, on_member, daemon);
	bpf_source_letters(daemon->source, on_letter, returns);
	part_with_unborn(returns);
	for (size_t i = 0; i < returns->count; i++) {
		struct instance *instance = returns->items[i].instance;

		guard_starting(daemon);
		if (!instance)
			continue;
		fill(instance, &returns->items[i].kept); /* joining has changed it */
		restore_images(daemon, instance);
		restore_dying(daemon, instance);
	}
	for (size_t i = 0; i < returns->count; i++) {
		struct instance *instance = returns->items[i].instance;
		struct obit_key told;

		guard_starting(daemon);
		if (!instance)
			continue;
		told = ((const struct attachment *)instance->attachment)->told;
		resume(returns, instance);
		await_dying(daemon, &told);
	}
	read_ring(daemon);
	for (size_t i = 0; i < returns->count; i++) {
		struct instance *instance = lineage_instance(&daemon->lineage,
							     returns->items[i].id);

		if (instance)
			ensure_main(daemon, instance);
	}
	if (returns->count)
		log_info("took over %zu instance%s", returns->count,
			 returns->count == 1 ? "" : "s");
}

static void on_any(void *arg, const struct obit_state_key *key)
{
	struct daemon *daemon = arg;

	bpf_source_drop_state(daemon->source, key);
}

void takeover(struct daemon *daemon)
{
	struct returns returns = {.daemon = daemon};
	struct obit_state_key key = {.kind = KEPT_HEADER};
	struct kept_header header;
	struct obit_state state;

	if (!bpf_source_took_over(daemon->source) || daemon->options->observe) {
		keep_helpers(daemon);
		return;
	}
	daemon->rescanned_ns = clock_boot_ns();
	if (read_header(daemon->source, &header)) {
		keep_helpers(daemon);
		bring_back(&returns);
	} else {
		if (bpf_source_state(daemon->source, &key, &state) == 0)
			log_notice("what another version of obitd has kept is dropped; running "
				   "processes are scanned again");
		bpf_source_states(daemon->source, on_any, daemon);
		keep_helpers(daemon);
	}
	if (returns.out_of_memory)
		daemon_out_of_memory(daemon, "taking over");
	free(returns.items);
	free(returns.children);
	free(returns.recipes);
}
