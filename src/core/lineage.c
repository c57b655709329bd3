// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/lineage.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "core/container.h"
#include "core/glob.h"
#include "core/match.h"

static const char *const role_names[] = {
	[ROLE_MAIN] = "main",
	[ROLE_MEMBER] = "member",
	[ROLE_OFFSPRING] = "offspring",
};
_Static_assert(ARRAY_SIZE(role_names) == _PROCESS_ROLE_MAX, "a name for each role");

const char *process_role_name(enum process_role role)
{
	return role_names[role];
}

/* ---- images ---- */

static void image_free(struct image *image)
{
	pool_release(image->pool, image->exe);
	pool_release(image->pool, image->argv.bytes);
	pool_release(image->pool, image->cgroup);
	free(image);
}

struct image *image_new(struct pool *pool, const struct recipe *recipe, uint64_t exec_time)
{
	const char *exe = recipe->exe ? recipe->exe : "", *cgroup = recipe->cgroup;
	__u32 uid = recipe->facts->euid;
	struct image *image = calloc(1, sizeof(*image));

	if (!image)
		return NULL;
	*image = (struct image){
		.references = 1,
		.uid = uid,
		.pool = pool,
		.exe = pool_take(pool, uid, exe, strlen(exe) + 1),
		.cgroup = cgroup ? pool_take(pool, uid, cgroup, strlen(cgroup) + 1) : NULL,
		.exec_time = exec_time,
	};
	if (recipe->argv.size)
		image->argv = (struct strings){
			.bytes = pool_take(pool, uid, recipe->argv.bytes, recipe->argv.size),
			.size = recipe->argv.size};
	if (image->exe && !image->argv.size == !image->argv.bytes && !image->cgroup == !cgroup)
		return image;
	image_free(image);
	return NULL;
}

struct image *image_share(struct image *image)
{
	if (image)
		image->references++;
	return image;
}

void image_release(struct image *image)
{
	if (image && !--image->references)
		image_free(image);
}

void lineage_set_image(struct process *process, struct image *image)
{
	image_share(image);
	image_release(process->image);
	process->image = image;
}

/* ---- processes ---- */

struct process *lineage_find(const struct lineage *lineage, const struct obit_key *key)
{
	struct process *process;

	HASH_FIND(hh, lineage->processes, key, sizeof(*key), process);
	return process;
}

struct process *lineage_add(struct lineage *lineage, const struct obit_key *key,
			    const struct obit_letter *letter, struct image *image)
{
	struct process *process;

	if (lineage_find(lineage, key))
		return NULL;
	process = calloc(1, sizeof(*process));
	if (!process)
		return NULL;
	process->key = *key;
	process->parent = letter->parent;
	process->birth_sequence = letter->birth_sequence;
	process->role = ROLE_OFFSPRING;
	HASH_ADD(hh, lineage->processes, key, sizeof(process->key), process);
	if (!process->hh.tbl) { /* no memory for the table */
		free(process);
		return NULL;
	}
	process->image = image_share(image);
	return process;
}

struct process *lineage_fork(struct lineage *lineage, const struct obit_key *key,
			     const struct obit_letter *letter)
{
	struct process *parent = lineage_find(lineage, &letter->parent), *child;

	if (!parent || !parent->instance || parent->role == ROLE_OFFSPRING)
		return NULL;
	child = lineage_add(lineage, key, letter, parent->image);
	if (!child)
		return NULL;
	lineage_join(parent->instance, child, ROLE_MEMBER);
	child->apart = parent->apart;
	child->life = parent->life;
	return child;
}

static bool is_recipes(const struct recipe *recipe, const char *exe, const struct strings *argv)
{
	return recipe && recipe->exe && exe && !strcmp(exe, recipe->exe) &&
	       strings_equal(argv, &recipe->argv);
}

enum exec_meaning lineage_exec_meaning(const struct process *process, ssize_t watch,
				       const struct recipe *recipe)
{
	bool belongs = process && process->instance && process->role != ROLE_OFFSPRING;

	if (!belongs)
		return watch == MATCH_NONE ? EXEC_FOREIGN : EXEC_BEGINS;
	if (process->role == ROLE_MAIN || watch == (ssize_t)process->instance->watch)
		return EXEC_STAYS;
	if (watch != MATCH_NONE)
		return EXEC_BEGINS;
	/* A script is watched by its name, which its successor is not always started by: gunicorn's is an exec of
	 * the interpreter. */
	return is_recipes(process->instance->recipe, recipe->exe, &recipe->argv) ? EXEC_STAYS
										 : EXEC_LEAVES;
}

bool lineage_runs(const struct instance *instance)
{
	return instance->main && !instance->main->dying;
}

/* To be called whenever it may have got another main, or none. Of ten thousand instances most have one: who looks
 * for those without does not look at all. */
static void note_vacancy(struct instance *instance)
{
	bool vacant = !lineage_runs(instance);

	if (vacant && !instance->vacant)
		DL_APPEND2(instance->lineage->vacant, instance, vacant_prev, vacant_next);
	else if (!vacant && instance->vacant)
		DL_DELETE2(instance->lineage->vacant, instance, vacant_prev, vacant_next);
	instance->vacant = vacant;
}

static void unlink_from_instance(struct process *process)
{
	struct instance *instance = process->instance;

	if (!instance)
		return;
	if (process->role != ROLE_OFFSPRING) {
		DL_DELETE(instance->processes, process);
		if (process->dying)
			instance->dying--;
		else
			instance->alive--;
		if (instance->main == process)
			instance->main = NULL;
		note_vacancy(instance);
	}
	process->instance = NULL;
}

void lineage_leave(struct process *process)
{
	unlink_from_instance(process);
	process->role = ROLE_OFFSPRING;
}

void lineage_died(struct process *process)
{
	if (process->dying)
		return;
	process->dying = true;
	if (process->instance && process->role != ROLE_OFFSPRING) {
		process->instance->alive--;
		process->instance->dying++;
		note_vacancy(process->instance);
	}
}

void lineage_note_gone(struct lineage *lineage, const struct obit_key *key, size_t watch)
{
	lineage->gone[lineage->gone_next] = (struct lineage_gone){*key, watch};
	lineage->gone_next = (lineage->gone_next + 1) % LINEAGE_GONE;
}

ssize_t lineage_watch_of_gone(const struct lineage *lineage, const struct obit_key *key)
{
	for (size_t i = 0; key->tgid && i < LINEAGE_GONE; i++)
		if (lineage->gone[i].key.tgid == key->tgid &&
		    lineage->gone[i].key.start_boottime == key->start_boottime)
			return (ssize_t)lineage->gone[i].watch;
	return MATCH_NONE;
}

void lineage_forget_gone(struct lineage *lineage)
{
	memset(lineage->gone, 0, sizeof(lineage->gone));
}

void lineage_gone(struct lineage *lineage, struct process *process)
{
	if (process->instance && process->role != ROLE_OFFSPRING)
		lineage_note_gone(lineage, &process->key, process->instance->watch);
	unlink_from_instance(process);
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): whoever is here is in the table */
	HASH_DELETE(hh, lineage->processes, process);
	image_release(process->image);
	free(process);
}

/* ---- instances ---- */

struct instance *lineage_begin_as(struct lineage *lineage, uint64_t id, size_t watch,
				  const struct watch_config *config, uint64_t seed)
{
	struct instance *instance;

	if (lineage_instance(lineage, id))
		return NULL;
	instance = calloc(1, sizeof(*instance));
	if (!instance || policy_init(&instance->policy, config, seed) < 0) {
		free(instance);
		return NULL;
	}
	instance->id = id;
	if (lineage->next_id < id)
		lineage->next_id = id;
	instance->watch = watch;
	instance->lineage = lineage;
	HASH_ADD(hh, lineage->by_id, id, sizeof(instance->id), instance);
	if (!instance->hh.tbl) { /* no memory for the table */
		policy_free(&instance->policy);
		free(instance);
		return NULL;
	}
	DL_APPEND(lineage->instances, instance);
	note_vacancy(instance);
	return instance;
}

struct instance *lineage_begin(struct lineage *lineage, size_t watch,
			       const struct watch_config *config, uint64_t seed)
{
	return lineage_begin_as(lineage, lineage->next_id + 1, watch, config, seed);
}

struct instance *lineage_instance(const struct lineage *lineage, uint64_t id)
{
	struct instance *instance;

	HASH_FIND(hh, lineage->by_id, &id, sizeof(id), instance);
	return instance;
}

void lineage_set_recipe(struct instance *instance, struct recipe *recipe)
{
	struct recipe *shared = recipe ? recipe_share(recipe, &instance->lineage->pool) : NULL;

	if (shared)
		recipe_free(recipe);
	recipe_free(instance->recipe);
	instance->recipe = shared ? shared : recipe;
}

/* Who becomes main brings along what has forked from it. */
static void take_back(struct instance *instance, const struct process *main)
{
	struct process *process;

	DL_FOREACH (instance->processes, process)
		if (process->image == main->image)
			process->apart = false;
}

void lineage_join(struct instance *instance, struct process *process, enum process_role role)
{
	if (process->instance != instance || process->role == ROLE_OFFSPRING) {
		unlink_from_instance(process);
		process->instance = instance;
		process->life = instance->life += role == ROLE_MAIN;
		DL_APPEND(instance->processes, process);
		if (process->dying)
			instance->dying++;
		else
			instance->alive++;
	}
	if (role == ROLE_MAIN) {
		if (instance->main)
			instance->main->role = ROLE_MEMBER;
		else if (instance->last_pid != process->key.tgid)
			instance->pid_before = instance->last_pid;
		instance->main = process;
		instance->last_pid = process->key.tgid;
		if (process->apart)
			take_back(instance, process);
	} else if (instance->main == process) {
		instance->main = NULL;
	}
	process->role = role;
	note_vacancy(instance);
}

void lineage_end(struct lineage *lineage, struct instance *instance)
{
	struct process *process, *next;

	DL_FOREACH_SAFE (instance->processes, process, next)
		lineage_gone(lineage, process);
	DL_DELETE2(lineage->vacant, instance, vacant_prev, vacant_next);
	DL_DELETE(lineage->instances, instance);
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): whoever is here is in the table */
	HASH_DELETE(hh, lineage->by_id, instance);
	policy_free(&instance->policy);
	recipe_free(instance->recipe);
	free(instance);
}

bool lineage_reaches(const struct process *process, enum kill_mode mode)
{
	switch (mode) {
	case KILL_MODE_PROCESS:
		return process->role == ROLE_MAIN;
	case KILL_MODE_INSTANCE:
		return !process->apart;
	case KILL_MODE_CGROUP:
	case _KILL_MODE_MAX:
		break;
	}
	return true;
}

unsigned lineage_left(const struct instance *instance, enum kill_mode mode)
{
	const struct process *process;
	unsigned count = 0;

	DL_FOREACH (instance->processes, process)
		count += process != instance->main && !process->dying &&
			 lineage_reaches(process, mode);
	return count;
}

bool lineage_is_over(const struct instance *instance, enum kill_mode mode)
{
	const struct process *process;

	DL_FOREACH (instance->processes, process)
		if (lineage_reaches(process, mode))
			return false;
	return true;
}

static bool runs_recipe(const struct instance *instance, const struct process *process)
{
	const struct image *image = process->image;

	return image && is_recipes(instance->recipe, image->exe, &image->argv);
}

/* What ran before obit may have executed anything; but what has only forked has its stack where main has it. */
static bool has_executed(const struct recipe *main, const struct recipe *recipe)
{
	if (recipe->source == RECIPE_EXEC)
		return true;
	return main && main->stack && recipe->stack && main->stack != recipe->stack;
}

void lineage_set_apart(struct process *process, const struct recipe *recipe)
{
	process->apart = process->role == ROLE_MEMBER &&
			 has_executed(process->instance->recipe, recipe) &&
			 !runs_recipe(process->instance, process);
}

static bool is_better_heir(const struct process *candidate, const struct process *best)
{
	if (!best)
		return true;
	if (candidate->session_leader != best->session_leader)
		return candidate->session_leader;
	return candidate->birth_sequence < best->birth_sequence;
}

void lineage_heirs(const struct instance *instance, const struct process *main, struct heirs *ret)
{
	struct process *process;

	*ret = (struct heirs){0};
	DL_FOREACH (instance->processes, process) {
		if (process == main || process->dying || !process->image || !main->image)
			continue;
		if (process->life != main->life) /* a session that has outlived an earlier main */
			continue;
		if (!strcmp(process->image->exe, main->image->exe) &&
		    is_better_heir(process, ret->by_fork))
			ret->by_fork = process;
		if (process->execed && runs_recipe(instance, process) &&
		    is_better_heir(process, ret->by_exec))
			ret->by_exec = process;
	}
}

void lineage_note_background(struct instance *instance, const struct process *process,
			     const struct obit_exit *exit)
{
	const struct process *main = instance->main;

	if (!main || process->life != main->life || process->image != main->image ||
	    !(exit->flags & (OBIT_EXIT_SESSION_LEADER | OBIT_EXIT_ORPHAN)))
		return;
	instance->background.life = process->life;
	instance->background.pid = process->key.tgid;
	instance->background.wait_status = exit->wait_status;
}

static bool same_recipe(const struct recipe *a, const struct recipe *b)
{
	return a && b && a->exe && b->exe && !strcmp(a->exe, b->exe) &&
	       a->facts->euid == b->facts->euid && strings_equal(&a->argv, &b->argv);
}

/* What a container begins with is its runtime, and seldom known by the same path twice; but its cgroup is its own. */
static bool is_awaited_in(const struct instance *instance, const struct recipe *recipe)
{
	enum policy_state state = instance->policy.state;
	const char *cgroup = recipe->cgroup;
	struct cgroup_facts facts;

	if ((state != POLICY_ASKING && state != POLICY_EXPECTED && state != POLICY_RESTARTING) ||
	    !cgroup || !instance->recipe || !instance->recipe->cgroup ||
	    strcmp(cgroup, instance->recipe->cgroup) != 0)
		return false;
	cgroup_facts(cgroup, &facts);
	return cgroup_in_container(&facts);
}

static bool is_over_for_good(const struct instance *instance)
{
	return !instance->alive && !instance->dying &&
	       (instance->policy.state == POLICY_ENDED || instance->policy.state == POLICY_BURIED);
}

struct instance *lineage_surplus(const struct lineage *lineage, size_t watch, unsigned most)
{
	struct instance *instance, *first = NULL;
	unsigned over = 0;

	DL_FOREACH2 (lineage->vacant, instance, vacant_next)
		if (instance->watch == watch && is_over_for_good(instance) && !over++)
			first = instance;
	return over > most ? first : NULL;
}

struct instance *lineage_vacant(const struct lineage *lineage, size_t watch,
				const struct recipe *recipe)
{
	struct instance *instance;

	DL_FOREACH2 (lineage->vacant, instance, vacant_next) {
		enum policy_state state = instance->policy.state;
		bool owned = *instance->policy.owner.name;
		bool is_free = !instance->spawning && state != POLICY_STARTING &&
			       (state != POLICY_STOPPING || owned);

		if (is_free && instance->watch == watch &&
		    (same_recipe(instance->recipe, recipe) || is_awaited_in(instance, recipe)))
			return instance;
	}
	return NULL;
}

static bool watches_exact_path(const struct watch_config *watch, const struct instance *instance)
{
	const struct recipe *recipe = instance->recipe;

	for (size_t i = 0; recipe && i < watch->path.count; i++) {
		const char *path = watch->path.items[i];

		if (!glob_is_pattern(path) &&
		    ((recipe->exe && !strcmp(path, recipe->exe)) ||
		     (recipe->script_path && !strcmp(path, recipe->script_path))))
			return true;
	}
	return false;
}

bool lineage_is_service(const struct instance *instance, const struct watch_config *watch,
			const struct obit_letter *letter)
{
	bool settled = letter->exit.time - instance->began >= watch->settle_ns;

	return watch->pid || watches_exact_path(watch, instance) || instance->spawned ||
	       instance->daemonized || (letter->exit.flags & OBIT_EXIT_ORPHAN) ||
	       (!(letter->exit.flags & OBIT_EXIT_HAD_TTY) && settled);
}
