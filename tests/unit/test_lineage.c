// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "tests/unit/test_recipe.h"

#include <utlist.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "core/lineage.h"
#include "core/match.h"

#define S(seconds) ((uint64_t)(seconds)*NS_PER_SEC)

/* One watch on /usr/sbin/d, and a family of processes. */
struct family {
	struct lineage lineage;
	struct watch_config watch;
	uint64_t sequence;
};

static void family_init(struct family *family)
{
	*family = (struct family){0};
	watch_config_init(&family->watch);
}

/* Forgets everyone: what is left to the sanitizer is a leak. */
static void family_free(struct family *family)
{
	struct process *process, *next_process;
	struct instance *instance, *next;

	DL_FOREACH_SAFE (family->lineage.instances, instance, next)
		lineage_end(&family->lineage, instance);
	HASH_ITER (hh, family->lineage.processes, process, next_process)
		lineage_gone(&family->lineage, process);
	assert_null(family->lineage.processes);
	assert_null(family->lineage.instances);
	assert_int_equal(pool_bytes(&family->lineage.pool), 0);
}

static struct obit_key key_of(unsigned tgid)
{
	return (struct obit_key){.tgid = tgid, .start_boottime = S(tgid)};
}

static struct obit_letter born_of(struct family *family, unsigned parent)
{
	return (struct obit_letter){.parent = key_of(parent), .birth_sequence = ++family->sequence};
}

static struct process *find(const struct family *family, unsigned tgid)
{
	struct obit_key key = key_of(tgid);

	return lineage_find(&family->lineage, &key);
}

static struct process *fork_of(struct family *family, unsigned parent, unsigned tgid)
{
	struct obit_letter letter = born_of(family, parent);
	struct obit_key key = key_of(tgid);

	return lineage_fork(&family->lineage, &key, &letter);
}

static struct process *add(struct family *family, unsigned tgid, struct image *image)
{
	struct obit_letter letter = born_of(family, 1);
	struct obit_key key = key_of(tgid);

	return lineage_add(&family->lineage, &key, &letter, image);
}

/* What an exec does: another image, its own. */
static void exec_image(struct family *family, struct process *process, const char *exe,
		       const char *const *argv)
{
	struct recipe *recipe = make_recipe(exe, argv);
	struct image *image = image_new(&family->lineage.pool, recipe, S(1));

	assert_non_null(image);
	lineage_set_image(process, image);
	image_release(image);
	recipe_free(recipe);
	process->execed = true;
}

/* An instance of watch 0 with `tgid` as its main. */
static struct instance *begin(struct family *family, unsigned tgid, const char *exe,
			      const char *const *argv)
{
	struct instance *instance = lineage_begin(&family->lineage, 0, &family->watch, 1);
	struct process *process = add(family, tgid, NULL);

	assert_non_null(instance);
	assert_non_null(process);
	lineage_set_recipe(instance, make_recipe(exe, argv));
	exec_image(family, process, exe, argv);
	lineage_join(instance, process, ROLE_MAIN);
	return instance;
}

static struct instance *begin_daemon(struct family *family, unsigned tgid)
{
	return begin(family, tgid, "/usr/sbin/d", WORDS("d", "-f"));
}

static void expect_counts(const struct instance *instance, unsigned alive, unsigned dying)
{
	assert_int_equal(instance->alive, alive);
	assert_int_equal(instance->dying, dying);
}

/* ---- whom a stop means ---- */

static void expect_reached(const struct instance *instance, enum kill_mode mode, unsigned left,
			   bool over)
{
	assert_int_equal(lineage_left(instance, mode), left);
	assert_int_equal(lineage_is_over(instance, mode), over);
}

/* A member runs the same program by those words. */
static void exec_anew(struct family *family, struct process *process, const char *const *argv,
		      enum recipe_source source, uint64_t stack)
{
	struct recipe *recipe = make_recipe("/usr/sbin/d", argv);

	recipe->source = source;
	recipe->stack = stack;
	exec_image(family, process, "/usr/sbin/d", argv);
	lineage_set_apart(process, recipe);
	recipe_free(recipe);
}

/* sshd: 10 listens, 11 has forked from it, 12 is the session that was executed anew, 13 has forked from that. */
static struct instance *begin_sessions(struct family *family)
{
	struct instance *instance = begin_daemon(family, 10);
	struct process *session;

	fork_of(family, 10, 11);
	session = fork_of(family, 10, 12);
	exec_anew(family, session, WORDS("d", "-R"), RECIPE_EXEC, 0);
	fork_of(family, 12, 13);
	return instance;
}

static void a_stop_means_whom_the_mode_says(void **state)
{
	struct family family;
	struct instance *instance;

	(void)state;
	family_init(&family);
	instance = begin_sessions(&family);
	expect_reached(instance, KILL_MODE_PROCESS, 0, false);
	expect_reached(instance, KILL_MODE_INSTANCE, 1, false);
	expect_reached(instance, KILL_MODE_CGROUP, 3, false);
	lineage_died(find(&family, 10));
	lineage_died(find(&family, 11));
	expect_reached(instance, KILL_MODE_INSTANCE, 0, false); /* zombies */
	lineage_gone(&family.lineage, find(&family, 10));
	expect_reached(instance, KILL_MODE_PROCESS, 0, true);
	expect_reached(instance, KILL_MODE_INSTANCE, 0, false);
	lineage_gone(&family.lineage, find(&family, 11));
	expect_reached(instance, KILL_MODE_INSTANCE, 0, true);
	expect_reached(instance, KILL_MODE_CGROUP, 2, false);
	family_free(&family);
}

static void a_successor_is_not_apart(void **state)
{
	struct family family;
	struct instance *instance;
	struct process *successor;

	(void)state;
	family_init(&family);
	instance = begin_daemon(&family, 10);
	successor = fork_of(&family, 10, 11);
	exec_anew(&family, successor, WORDS("d", "-f"), RECIPE_EXEC, 0);
	expect_reached(instance, KILL_MODE_INSTANCE, 1, false);
	family_free(&family);
}

static void of_what_ran_before_the_stack_tells_who_is_apart(void **state)
{
	static const struct {
		uint64_t main, member;
		bool apart;
	} rows[] = {
		{S(1), S(1), false}, /* a worker that has written over its argv */
		{S(1), S(2), true},  /* a session */
		{0, S(2), false},    /* not known: it counts as forked */
		{S(1), 0, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct family family;
		struct instance *instance;
		struct process *member;

		family_init(&family);
		instance = begin_daemon(&family, 10);
		instance->recipe->stack = rows[i].main;
		member = fork_of(&family, 10, 11);
		exec_anew(&family, member, WORDS("d: at work"), RECIPE_PROC, rows[i].member);
		assert_int_equal(member->apart, rows[i].apart);
		family_free(&family);
	}
}

static void who_becomes_main_is_not_apart_nor_are_its_children(void **state)
{
	struct family family;
	struct instance *instance;

	(void)state;
	family_init(&family);
	instance = begin_sessions(&family);
	lineage_died(find(&family, 10));
	lineage_join(instance, find(&family, 12), ROLE_MAIN);
	lineage_gone(&family.lineage, find(&family, 10));
	assert_false(find(&family, 12)->apart);
	assert_false(find(&family, 13)->apart);
	expect_reached(instance, KILL_MODE_INSTANCE, 2, false);
	family_free(&family);
}

/* ---- births ---- */

static void a_main_is_alone_at_first(void **state)
{
	struct family family;
	struct instance *instance;

	(void)state;
	family_init(&family);
	instance = begin_daemon(&family, 10);
	assert_ptr_equal(instance->main, find(&family, 10));
	assert_int_equal(instance->main->role, ROLE_MAIN);
	expect_counts(instance, 1, 0);
	assert_int_equal(instance->id, 1);
	assert_int_equal(instance->policy.state, POLICY_DOWN);
	family_free(&family);
}

static void children_are_members_and_share_the_image(void **state)
{
	struct family family;
	struct instance *instance;
	struct process *child, *grandchild;

	(void)state;
	family_init(&family);
	instance = begin_daemon(&family, 10);
	child = fork_of(&family, 10, 11);
	grandchild = fork_of(&family, 11, 12);
	assert_non_null(grandchild);
	assert_int_equal(child->role, ROLE_MEMBER);
	assert_ptr_equal(grandchild->instance, instance);
	assert_ptr_equal(grandchild->image, instance->main->image);
	assert_int_equal(instance->main->image->references, 3);
	assert_false(grandchild->execed);
	assert_int_equal(grandchild->parent.tgid, 11);
	assert_true(child->birth_sequence < grandchild->birth_sequence);
	expect_counts(instance, 3, 0);
	family_free(&family);
}

static void strangers_children_are_not_tracked(void **state)
{
	struct family family;

	(void)state;
	family_init(&family);
	begin_daemon(&family, 10);
	assert_null(fork_of(&family, 99, 11));
	assert_null(find(&family, 11));
	family_free(&family);
}

static void offsprings_children_are_not_tracked(void **state)
{
	struct family family;
	struct process *shell;

	(void)state;
	family_init(&family);
	begin_daemon(&family, 10);
	shell = fork_of(&family, 10, 11);
	lineage_leave(shell);
	assert_null(fork_of(&family, 11, 12));
	assert_null(find(&family, 12));
	family_free(&family);
}

static void a_known_key_is_not_born_again(void **state)
{
	struct family family;
	struct instance *instance;

	(void)state;
	family_init(&family);
	instance = begin_daemon(&family, 10);
	assert_non_null(fork_of(&family, 10, 11));
	assert_null(fork_of(&family, 10, 11));
	assert_null(add(&family, 11, NULL));
	expect_counts(instance, 2, 0);
	family_free(&family);
}

/* A pid alone is never an identity. */
static void the_same_pid_later_is_somebody_else(void **state)
{
	struct family family;
	struct obit_key later = {.tgid = 10, .start_boottime = S(5000)};

	(void)state;
	family_init(&family);
	begin_daemon(&family, 10);
	assert_non_null(find(&family, 10));
	assert_null(lineage_find(&family.lineage, &later));
	family_free(&family);
}

/* ---- execs ---- */

static void what_an_exec_means(void **state)
{
	struct family family;
	struct instance *instance;
	struct process *member, *offspring, *loose;
	struct recipe *other = make_recipe("/usr/bin/python3", WORDS("python3", "d"));
	struct recipe *own = make_recipe("/usr/sbin/d", WORDS("d", "-f"));

	(void)state;
	family_init(&family);
	instance = begin_daemon(&family, 10);
	member = fork_of(&family, 10, 11);
	offspring = fork_of(&family, 10, 12);
	lineage_leave(offspring);
	loose = add(&family, 13, NULL);

	assert_int_equal(lineage_exec_meaning(NULL, MATCH_NONE, other), EXEC_FOREIGN);
	assert_int_equal(lineage_exec_meaning(NULL, 0, other), EXEC_BEGINS);
	assert_int_equal(lineage_exec_meaning(loose, MATCH_NONE, other), EXEC_FOREIGN);
	assert_int_equal(lineage_exec_meaning(loose, 1, other), EXEC_BEGINS);
	assert_int_equal(lineage_exec_meaning(instance->main, MATCH_NONE, other), EXEC_STAYS);
	assert_int_equal(lineage_exec_meaning(instance->main, 0, other), EXEC_STAYS);
	assert_int_equal(lineage_exec_meaning(instance->main, 1, other), EXEC_STAYS);
	assert_int_equal(lineage_exec_meaning(member, 0, other), EXEC_STAYS);
	assert_int_equal(lineage_exec_meaning(member, MATCH_NONE, other), EXEC_LEAVES);
	assert_int_equal(lineage_exec_meaning(member, MATCH_NONE, own), EXEC_STAYS);
	assert_int_equal(lineage_exec_meaning(member, 1, other), EXEC_BEGINS);
	assert_int_equal(lineage_exec_meaning(member, 1, own), EXEC_BEGINS);
	assert_int_equal(lineage_exec_meaning(offspring, MATCH_NONE, own), EXEC_FOREIGN);
	assert_int_equal(lineage_exec_meaning(offspring, MATCH_NONE, other), EXEC_FOREIGN);
	assert_int_equal(lineage_exec_meaning(offspring, 0, other), EXEC_BEGINS);
	expect_counts(instance, 2, 0);
	family_free(&family);
	recipe_free(own);
	recipe_free(other);
}

static void who_leaves_is_offspring_and_no_longer_counted(void **state)
{
	struct family family;
	struct instance *instance;
	struct process *shell, *zombie;

	(void)state;
	family_init(&family);
	instance = begin_daemon(&family, 10);
	shell = fork_of(&family, 10, 11);
	lineage_leave(shell);
	assert_int_equal(shell->role, ROLE_OFFSPRING);
	assert_null(shell->instance);
	assert_ptr_equal(find(&family, 11), shell);
	expect_counts(instance, 1, 0);
	lineage_died(shell);
	expect_counts(instance, 1, 0);
	zombie = fork_of(&family, 10, 12);
	lineage_died(zombie);
	expect_counts(instance, 1, 1);
	lineage_leave(zombie);
	expect_counts(instance, 1, 0);
	lineage_leave(instance->main);
	assert_null(instance->main);
	expect_counts(instance, 0, 0);
	family_free(&family);
}

static void images_live_as_long_as_somebody_runs_them(void **state)
{
	struct recipe *recipe = make_recipe("/usr/sbin/d", WORDS("d"));
	struct family family;
	struct process *a, *b;
	struct image *image;

	(void)state;
	recipe->facts->uid = 1;
	recipe->facts->euid = 33;
	family_init(&family);
	image = image_new(&family.lineage.pool, recipe, 77);
	assert_non_null(image);
	assert_int_equal(image->uid, 33);
	recipe_free(recipe);
	a = add(&family, 10, image);
	b = add(&family, 11, image);
	assert_int_equal(image->references, 3);
	lineage_set_image(a, image); /* to what it has already */
	assert_int_equal(image->references, 3);
	image_release(image);
	lineage_gone(&family.lineage, a);
	assert_int_equal(image->references, 1);
	assert_string_equal(image->exe, "/usr/sbin/d");
	assert_string_equal(image->cgroup, "/system.slice");
	assert_int_equal(image->exec_time, 77);
	lineage_set_image(b, NULL);
	assert_null(b->image);
	image_release(NULL);
	assert_null(image_share(NULL));
	family_free(&family);
}

static void an_image_of_an_unknown_executable_is_empty(void **state)
{
	struct recipe *recipe = recipe_new(RECIPE_PROC);
	struct pool pool = {0};
	struct image *image = image_new(&pool, recipe, 1);

	(void)state;
	assert_string_equal(image->exe, "");
	assert_null(image->cgroup);
	assert_int_equal(image->argv.size, 0);
	image_release(image);
	recipe_free(recipe);
	assert_int_equal(pool.pieces, 0);
}

static void an_image_that_cannot_be_made_whole_is_none(void **state)
{
	struct recipe *recipe = make_recipe("/usr/sbin/d", WORDS("d"));
	struct pool pool = {0};
	size_t size = recipe->argv.size;

	(void)state;
	recipe->argv.size = (size_t)1 << 31; /* more than a pool takes, as if there was no memory */
	assert_null(image_new(&pool, recipe, 1));
	assert_int_equal(pool.pieces, 0);
	recipe->argv.size = size;
	recipe_free(recipe);
}

/* ---- recipes ---- */

static void instances_of_one_program_hold_it_once(void **state)
{
	struct family family;
	struct instance *a, *b;
	size_t pieces;

	(void)state;
	family_init(&family);
	a = begin_daemon(&family, 10);
	pieces = family.lineage.pool.pieces;
	b = begin_daemon(&family, 11);
	assert_ptr_not_equal(a->recipe, b->recipe);
	assert_ptr_equal(a->recipe->exe, b->recipe->exe);
	assert_ptr_equal(a->recipe->facts, b->recipe->facts);
	assert_ptr_equal(a->recipe->argv.bytes, a->main->image->argv.bytes);
	assert_int_equal(family.lineage.pool.pieces, pieces);
	lineage_set_recipe(a, make_recipe("/usr/sbin/e", WORDS("d", "-f")));
	assert_string_equal(a->recipe->exe, "/usr/sbin/e");
	assert_string_equal(b->recipe->exe, "/usr/sbin/d");
	assert_ptr_equal(a->recipe->argv.bytes, b->recipe->argv.bytes);
	lineage_end(&family.lineage, b);
	assert_string_equal(a->recipe->argv.bytes, "d");
	family_free(&family);
}

static void without_memory_a_recipe_is_kept_as_it_came(void **state)
{
	struct recipe *recipe = make_recipe("/usr/sbin/e", WORDS("e"));
	struct family family;
	struct instance *instance;
	size_t bytes;

	(void)state;
	family_init(&family);
	instance = begin_daemon(&family, 10);
	bytes = pool_bytes(&family.lineage.pool);
	set_strings(&recipe->env, WORDS("A=1"));
	recipe->env.size = (size_t)1 << 31; /* more than a pool takes, as if there was no memory */
	lineage_set_recipe(instance, recipe);
	recipe->env.size = sizeof("A=1");
	assert_ptr_equal(instance->recipe, recipe);
	assert_in_range(pool_bytes(&family.lineage.pool), 1, bytes - 1);
	family_free(&family);
}

/* ---- roles ---- */

static void a_former_main_becomes_a_member(void **state)
{
	struct family family;
	struct instance *instance;
	struct process *old, *heir;

	(void)state;
	family_init(&family);
	instance = begin_daemon(&family, 10);
	old = instance->main;
	heir = fork_of(&family, 10, 11);
	lineage_join(instance, heir, ROLE_MAIN);
	assert_ptr_equal(instance->main, heir);
	assert_int_equal(heir->role, ROLE_MAIN);
	assert_int_equal(old->role, ROLE_MEMBER);
	expect_counts(instance, 2, 0);
	lineage_join(instance, heir, ROLE_MAIN); /* once more is no more */
	assert_int_equal(heir->role, ROLE_MAIN);
	expect_counts(instance, 2, 0);
	lineage_join(instance, heir, ROLE_MEMBER);
	assert_null(instance->main);
	family_free(&family);
}

static void a_member_moves_between_instances(void **state)
{
	struct family family;
	struct instance *from, *to;
	struct process *process;

	(void)state;
	family_init(&family);
	from = begin_daemon(&family, 10);
	to = begin_daemon(&family, 20);
	assert_int_not_equal(from->id, to->id);
	process = fork_of(&family, 10, 11);
	lineage_join(to, process, ROLE_MEMBER);
	expect_counts(from, 1, 0);
	expect_counts(to, 2, 0);
	lineage_died(process);
	lineage_join(from, process, ROLE_MEMBER);
	expect_counts(from, 1, 1);
	expect_counts(to, 1, 0);
	family_free(&family);
}

static void the_dead_are_counted_once(void **state)
{
	struct family family;
	struct instance *instance;

	(void)state;
	family_init(&family);
	instance = begin_daemon(&family, 10);
	fork_of(&family, 10, 11);
	lineage_died(instance->main);
	lineage_died(instance->main);
	expect_counts(instance, 1, 1);
	assert_non_null(instance->main);
	lineage_gone(&family.lineage, instance->main);
	assert_null(instance->main);
	assert_null(find(&family, 10));
	expect_counts(instance, 1, 0);
	lineage_gone(&family.lineage, find(&family, 11)); /* gone without a letter */
	expect_counts(instance, 0, 0);
	family_free(&family);
}

static void an_instance_takes_its_processes_along(void **state)
{
	struct family family;
	struct instance *instance;

	(void)state;
	family_init(&family);
	instance = begin_daemon(&family, 10);
	fork_of(&family, 10, 11);
	fork_of(&family, 10, 12);
	lineage_leave(find(&family, 12));
	lineage_end(&family.lineage, instance);
	assert_null(find(&family, 10));
	assert_null(find(&family, 11));
	assert_non_null(find(&family, 12)); /* offspring lives its own life */
	assert_null(family.lineage.instances);
	family_free(&family);
}

static void each_role_has_its_name(void **state)
{
	(void)state;
	assert_string_equal(process_role_name(ROLE_MAIN), "main");
	assert_string_equal(process_role_name(ROLE_MEMBER), "member");
	assert_string_equal(process_role_name(ROLE_OFFSPRING), "offspring");
}

/* ---- heirs ---- */

static struct heirs heirs_of(const struct instance *instance)
{
	struct heirs heirs;

	lineage_heirs(instance, instance->main, &heirs);
	return heirs;
}

static void the_eldest_is_heir_unless_one_leads_a_session(void **state)
{
	struct family family;
	struct instance *instance;
	struct process *second, *third;

	(void)state;
	family_init(&family);
	instance = begin_daemon(&family, 10);
	assert_null(heirs_of(instance).by_fork);
	fork_of(&family, 10, 11);
	second = fork_of(&family, 10, 12);
	third = fork_of(&family, 10, 13);
	assert_ptr_equal(heirs_of(instance).by_fork, find(&family, 11));
	third->session_leader = true;
	assert_ptr_equal(heirs_of(instance).by_fork, third);
	second->session_leader = true;
	assert_ptr_equal(heirs_of(instance).by_fork, second);
	assert_null(heirs_of(instance).by_exec);
	family_free(&family);
}

static void the_eldest_by_birth_whatever_the_order(void **state)
{
	struct family family;
	struct instance *instance;

	(void)state;
	family_init(&family);
	instance = begin_daemon(&family, 10);
	fork_of(&family, 10, 11)->birth_sequence = 9;
	fork_of(&family, 10, 12)->birth_sequence = 7;
	fork_of(&family, 10, 13)->birth_sequence = 8;
	assert_ptr_equal(heirs_of(instance).by_fork, find(&family, 12));
	family_free(&family);
}

static void the_dying_inherit_nothing(void **state)
{
	struct family family;
	struct instance *instance;
	struct process *leader;

	(void)state;
	family_init(&family);
	instance = begin_daemon(&family, 10);
	leader = fork_of(&family, 10, 11);
	leader->session_leader = true;
	fork_of(&family, 10, 12);
	lineage_died(leader);
	assert_ptr_equal(heirs_of(instance).by_fork, find(&family, 12));
	lineage_died(find(&family, 12));
	assert_null(heirs_of(instance).by_fork);
	family_free(&family);
}

static uint32_t noted_background(struct instance *instance, const struct process *process,
				 uint32_t flags)
{
	struct obit_exit exit = {.wait_status = 5 << 8, .flags = flags};

	instance->background.pid = 0;
	lineage_note_background(instance, process, &exit);
	return instance->background.pid;
}

static void what_had_left_main_is_remembered_when_it_ends(void **state)
{
	struct family family;
	struct instance *instance;
	struct process *worker;

	(void)state;
	family_init(&family);
	instance = begin_daemon(&family, 10);
	fork_of(&family, 10, 11);
	worker = fork_of(&family, 10, 12);
	assert_int_equal(noted_background(instance, find(&family, 11), 0), 0);
	assert_int_equal(noted_background(instance, find(&family, 11), OBIT_EXIT_SESSION_LEADER),
			 11);
	assert_int_equal(instance->background.wait_status, 5 << 8);
	assert_int_equal(instance->background.life, find(&family, 10)->life);
	assert_int_equal(noted_background(instance, find(&family, 11), OBIT_EXIT_ORPHAN), 11);
	exec_image(&family, worker, "/usr/sbin/worker", WORDS("d", "-f"));
	assert_int_equal(noted_background(instance, worker, OBIT_EXIT_SESSION_LEADER), 0);
	lineage_died(find(&family, 10));
	lineage_gone(&family.lineage, find(&family, 10));
	assert_int_equal(noted_background(instance, find(&family, 11), OBIT_EXIT_SESSION_LEADER),
			 0);
	family_free(&family);
}

/* sshd goes into the background again, while a session of its last life is open. */
static void what_has_outlived_an_earlier_main_is_no_heir(void **state)
{
	struct family family;
	struct instance *instance;
	struct process *again, *child;

	(void)state;
	family_init(&family);
	instance = begin_sessions(&family);
	find(&family, 12)->session_leader = true;
	lineage_died(find(&family, 10));
	lineage_gone(&family.lineage, find(&family, 10));
	again = add(&family, 20, NULL);
	exec_image(&family, again, "/usr/sbin/d", WORDS("d", "-f"));
	lineage_join(instance, again, ROLE_MAIN);
	assert_null(heirs_of(instance).by_fork);
	child = fork_of(&family, 20, 21);
	fork_of(&family, 13, 22);
	assert_ptr_equal(heirs_of(instance).by_fork, child);
	lineage_join(instance, child, ROLE_MAIN);
	lineage_gone(&family.lineage, again);
	assert_null(heirs_of(instance).by_fork);
	family_free(&family);
}

static void another_executable_is_no_heir_by_fork(void **state)
{
	struct family family;
	struct instance *instance;
	struct process *worker;

	(void)state;
	family_init(&family);
	instance = begin_daemon(&family, 10);
	worker = fork_of(&family, 10, 11);
	exec_image(&family, worker, "/usr/sbin/worker", WORDS("d", "-f"));
	assert_null(heirs_of(instance).by_fork);
	assert_null(heirs_of(instance).by_exec);
	fork_of(&family, 11, 12);
	assert_null(heirs_of(instance).by_fork);
	lineage_set_image(worker, NULL);
	assert_null(heirs_of(instance).by_fork);
	family_free(&family);
}

static void an_exec_heir_has_the_recipes_own_words(void **state)
{
	static const struct {
		const char *exe;
		const char *argv[4];
		bool heir;
	} rows[] = {
		{"/usr/sbin/d", {"d", "-f"}, true}, {"/usr/sbin/d", {"d", "-F"}, false},
		{"/usr/sbin/d", {"d"}, false},	    {"/usr/sbin/d", {"d", "-f", ""}, false},
		{"/usr/sbin/d", {}, false},	    {"/usr/sbin/dd", {"d", "-f"}, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct instance *instance;
		struct family family;
		struct process *process;

		family_init(&family);
		instance = begin_daemon(&family, 10);
		process = fork_of(&family, 10, 11);
		exec_image(&family, process, rows[i].exe, rows[i].argv);
		assert_ptr_equal(heirs_of(instance).by_exec, rows[i].heir ? process : NULL);
		family_free(&family);
	}
}

/* Workers share the image of a main that runs the recipe; they have not exec'd it. */
static void a_worker_is_no_exec_heir(void **state)
{
	struct family family;
	struct instance *instance;
	struct process *successor;

	(void)state;
	family_init(&family);
	instance = begin_daemon(&family, 10);
	fork_of(&family, 10, 11);
	assert_null(heirs_of(instance).by_exec);
	successor = fork_of(&family, 10, 12);
	exec_image(&family, successor, "/usr/sbin/d", WORDS("d", "-f"));
	fork_of(&family, 12, 13); /* the successor's worker */
	assert_ptr_equal(heirs_of(instance).by_exec, successor);
	lineage_died(successor);
	assert_null(heirs_of(instance).by_exec);
	family_free(&family);
}

/* ---- vacant instances ---- */

static struct instance *vacant(const struct family *family, size_t watch, const char *exe,
			       const char *const *argv)
{
	struct recipe *recipe = make_recipe(exe, argv);
	struct instance *instance = lineage_vacant(&family->lineage, watch, recipe);

	recipe_free(recipe);
	return instance;
}

static struct instance *vacant_daemon(const struct family *family)
{
	return vacant(family, 0, "/usr/sbin/d", WORDS("d", "-f"));
}

static void an_instance_without_main_waits_for_its_own_recipe(void **state)
{
	struct family family;
	struct instance *instance;
	struct recipe *other_user;

	(void)state;
	family_init(&family);
	instance = begin_daemon(&family, 10);
	assert_null(vacant_daemon(&family));
	lineage_gone(&family.lineage, instance->main);
	assert_ptr_equal(vacant_daemon(&family), instance);
	assert_null(vacant(&family, 1, "/usr/sbin/d", WORDS("d", "-f")));
	assert_null(vacant(&family, 0, "/usr/sbin/e", WORDS("d", "-f")));
	assert_null(vacant(&family, 0, "/usr/sbin/d", WORDS("d")));
	other_user = make_recipe("/usr/sbin/d", WORDS("d", "-f"));
	other_user->facts->euid = 33;
	assert_null(lineage_vacant(&family.lineage, 0, other_user));
	recipe_free(other_user);
	family_free(&family);
}

/* By another executable, in the cgroup that is the container's own; a cgroup of the host may hold anything. */
static bool is_awaited_in(enum policy_state awaited, const char *old, const char *new)
{
	struct recipe *recipe = make_recipe("/usr/sbin/runc", WORDS("runc", "init"));
	struct recipe *was = make_recipe("/usr/sbin/d", WORDS("d", "-f"));
	struct family family;
	struct instance *instance;
	bool found;

	family_init(&family);
	instance = begin_daemon(&family, 10);
	lineage_gone(&family.lineage, instance->main);
	instance->policy.state = awaited;
	free(was->cgroup);
	was->cgroup = copy_of(old);
	lineage_set_recipe(instance, was);
	free(recipe->cgroup);
	recipe->cgroup = copy_of(new);
	found = lineage_vacant(&family.lineage, 0, recipe) == instance;
	recipe_free(recipe);
	family_free(&family);
	return found;
}

static void a_container_that_is_awaited_begins_with_its_runtime(void **state)
{
	static const char id[] =
		"/docker/4f1d5c7bb1e0e2cbb5a40ee0f1c1b2a39d7c8e6f5a4b3c2d1e0f9a8b7c6d5e4f";

	(void)state;
	assert_true(is_awaited_in(POLICY_RESTARTING, id, id));
	assert_true(is_awaited_in(POLICY_EXPECTED, id, id));
	assert_true(is_awaited_in(POLICY_ASKING, id, id));
	assert_false(is_awaited_in(POLICY_ENDED, id, id));
	assert_false(is_awaited_in(POLICY_RESTARTING, id, "/docker/other"));
	assert_false(is_awaited_in(POLICY_RESTARTING, "/system.slice/a.service",
				   "/system.slice/a.service"));
}

static void who_is_being_started_or_stopped_is_not_vacant(void **state)
{
	struct family family;
	struct instance *instance;

	(void)state;
	family_init(&family);
	instance = begin_daemon(&family, 10);
	lineage_gone(&family.lineage, instance->main);
	instance->spawning = 4711;
	assert_null(vacant_daemon(&family));
	instance->spawning = 0;
	instance->policy.state = POLICY_STOPPING;
	assert_null(vacant_daemon(&family));
	instance->policy.state = POLICY_WAITING;
	assert_ptr_equal(vacant_daemon(&family), instance);
	lineage_set_recipe(instance, NULL);
	assert_null(vacant_daemon(&family));
	family_free(&family);
}

/* Who starts it again may be faster than its parent's wait. */
static void a_zombie_does_not_hold_the_place(void **state)
{
	struct family family;
	struct instance *instance;
	struct process *old, *successor;

	(void)state;
	family_init(&family);
	instance = begin_daemon(&family, 10);
	old = instance->main;
	lineage_died(old);
	assert_ptr_equal(vacant_daemon(&family), instance);
	successor = add(&family, 20, NULL);
	lineage_join(instance, successor, ROLE_MAIN);
	expect_counts(instance, 1, 1);
	assert_null(vacant_daemon(&family));
	lineage_gone(&family.lineage, old);
	assert_ptr_equal(instance->main, successor);
	expect_counts(instance, 1, 0);
	family_free(&family);
}

/* ---- services and jobs ---- */

static void instances_are_found_by_their_id_as_long_as_they_are_there(void **state)
{
	struct family family;
	struct instance *one, *other;
	uint64_t id;

	(void)state;
	family_init(&family);
	one = begin_daemon(&family, 10);
	other = begin_daemon(&family, 11);
	id = one->id;
	assert_ptr_equal(lineage_instance(&family.lineage, id), one);
	assert_ptr_equal(lineage_instance(&family.lineage, other->id), other);
	lineage_end(&family.lineage, one);
	assert_null(lineage_instance(&family.lineage, id));
	assert_ptr_equal(lineage_instance(&family.lineage, other->id), other);
	family_free(&family);
}

static void who_is_gone_is_known_for_a_while(void **state)
{
	struct family family;
	struct instance *instance;
	struct process *child;
	struct obit_key key, offspring = {.tgid = 99, .start_boottime = 7};

	(void)state;
	family_init(&family);
	instance = begin_daemon(&family, 10);
	child = add(&family, 11, NULL);
	lineage_join(instance, child, ROLE_MEMBER);
	key = child->key;
	assert_int_equal(lineage_watch_of_gone(&family.lineage, &key), MATCH_NONE);
	lineage_gone(&family.lineage, child);
	assert_int_equal(lineage_watch_of_gone(&family.lineage, &key), 0);
	assert_int_equal(lineage_watch_of_gone(&family.lineage, &offspring), MATCH_NONE);
	lineage_note_gone(&family.lineage, &offspring, 3);
	assert_int_equal(lineage_watch_of_gone(&family.lineage, &offspring), 3);
	for (unsigned i = 0; i < LINEAGE_GONE - 1; i++)
		lineage_note_gone(&family.lineage, &(struct obit_key){.tgid = 1000 + i}, 5);
	assert_int_equal(lineage_watch_of_gone(&family.lineage, &key), MATCH_NONE);
	assert_int_equal(lineage_watch_of_gone(&family.lineage, &offspring), 3);
	lineage_forget_gone(&family.lineage);
	assert_int_equal(lineage_watch_of_gone(&family.lineage, &offspring), MATCH_NONE);
	family_free(&family);
}

static void exact_paths_are_services(void **state)
{
	char exact[] = "/usr/sbin/d", glob[] = "/usr/sbin/*", script[] = "/opt/run.sh";
	char *one[] = {exact}, *two[] = {glob, exact}, *globs[] = {glob}, *scripts[] = {script};
	struct obit_letter letter = {.exit = {.time = S(101), .flags = OBIT_EXIT_HAD_TTY}};
	struct recipe *recipe = make_recipe("/usr/sbin/d", WORDS("d", "-f"));
	struct family family;
	struct instance *instance;

	(void)state;
	family_init(&family);
	instance = begin_daemon(&family, 10);
	instance->began = S(100);
	family.watch.path = (struct string_list){one, 1};
	assert_true(lineage_is_service(instance, &family.watch, &letter));
	family.watch.path = (struct string_list){two, 2};
	assert_true(lineage_is_service(instance, &family.watch, &letter));
	family.watch.path = (struct string_list){globs, 1};
	assert_false(lineage_is_service(instance, &family.watch, &letter));
	family.watch.path = (struct string_list){0}; /* a cgroup */
	assert_false(lineage_is_service(instance, &family.watch, &letter));
	family.watch.path = (struct string_list){scripts, 1};
	assert_false(lineage_is_service(instance, &family.watch, &letter));
	recipe->script_path = copy_of("/opt/run.sh");
	lineage_set_recipe(instance, recipe);
	assert_true(lineage_is_service(instance, &family.watch, &letter));
	family_free(&family);
}

/* What a glob matched, lived `lived` and died with these flags. */
static const struct {
	const char *what;
	bool spawned, daemonized;
	__u32 flags;
	uint64_t lived;
	bool service;
} service_table[] = {
	{"a command that failed", false, false, OBIT_EXIT_HAD_TTY, S(1), false},
	{"a long command at a terminal", false, false, OBIT_EXIT_HAD_TTY, S(3600), false},
	{"a short one without a terminal", false, false, 0, S(10) - 1, false},
	{"what has settled", false, false, 0, S(10), true},
	{"what was orphaned", false, false, OBIT_EXIT_ORPHAN | OBIT_EXIT_HAD_TTY, S(1), true},
	{"what daemonized", false, true, OBIT_EXIT_HAD_TTY, S(1), true},
	{"what obit started", true, false, OBIT_EXIT_HAD_TTY, S(1), true},
	{"a session leader is no service by that", false, false, OBIT_EXIT_SESSION_LEADER, S(1),
	 false},
};

static void globs_match_services_and_jobs(void **state)
{
	char glob[] = "/usr/sbin/*", *globs[] = {glob};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(service_table); i++) {
		struct obit_letter letter = {.exit = {.time = S(100) + service_table[i].lived,
						      .flags = service_table[i].flags}};
		struct instance *instance;
		struct family family;

		family_init(&family);
		instance = begin_daemon(&family, 10);
		instance->began = S(100);
		instance->spawned = service_table[i].spawned;
		instance->daemonized = service_table[i].daemonized;
		family.watch.path = (struct string_list){globs, 1};
		if (lineage_is_service(instance, &family.watch, &letter) !=
		    service_table[i].service)
			fail_msg("%s", service_table[i].what);
		family_free(&family);
	}
}

/* ---- against a naive model ---- */

#define PIDS	  64
#define INSTANCES 4

struct model {
	bool known[PIDS], dying[PIDS];
	int instance[PIDS]; /* -1: none */
	enum process_role role[PIDS];
};

struct random_family {
	struct family family;
	struct model model;
	struct instance *instances[INSTANCES];
	uint64_t random;
};

static unsigned draw(struct random_family *r, unsigned below)
{
	r->random = r->random * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (unsigned)(r->random >> 33) % below;
}

static void model_forget(struct model *model, unsigned pid)
{
	model->known[pid] = model->dying[pid] = false;
	model->instance[pid] = -1;
}

static void do_fork(struct random_family *r, unsigned parent, unsigned child)
{
	struct model *model = &r->model;
	bool born = model->known[parent] && model->instance[parent] >= 0 && !model->known[child];

	assert_int_equal(fork_of(&r->family, parent, child) != NULL, born);
	if (!born)
		return;
	model->known[child] = true;
	model->instance[child] = model->instance[parent];
	model->role[child] = ROLE_MEMBER;
}

static void do_add(struct random_family *r, unsigned pid)
{
	struct process *process = add(&r->family, pid, NULL);

	assert_int_equal(process != NULL, !r->model.known[pid]);
	if (!process)
		return;
	exec_image(&r->family, process, "/usr/sbin/d", WORDS("d"));
	r->model.known[pid] = true;
	r->model.role[pid] = ROLE_OFFSPRING;
}

static void do_join(struct random_family *r, unsigned pid, int i)
{
	struct model *model = &r->model;
	bool as_main = draw(r, 2);

	if (!model->known[pid])
		return;
	lineage_join(r->instances[i], find(&r->family, pid), as_main ? ROLE_MAIN : ROLE_MEMBER);
	for (unsigned other = 0; as_main && other < PIDS; other++)
		if (model->instance[other] == i && model->role[other] == ROLE_MAIN)
			model->role[other] = ROLE_MEMBER;
	model->instance[pid] = i;
	model->role[pid] = as_main ? ROLE_MAIN : ROLE_MEMBER;
}

static void do_end(struct random_family *r, int i)
{
	lineage_end(&r->family.lineage, r->instances[i]);
	r->instances[i] = lineage_begin(&r->family.lineage, 0, &r->family.watch, 1);
	assert_non_null(r->instances[i]);
	for (unsigned pid = 0; pid < PIDS; pid++)
		if (r->model.known[pid] && r->model.instance[pid] == i)
			model_forget(&r->model, pid);
}

static void do_something(struct random_family *r)
{
	unsigned pid = draw(r, PIDS), what = draw(r, 100);
	struct process *process = find(&r->family, pid);

	if (what < 40) {
		do_fork(r, pid, draw(r, PIDS));
	} else if (what < 50) {
		do_add(r, pid);
	} else if (what < 65) {
		do_join(r, pid, (int)draw(r, INSTANCES));
	} else if (what < 66) {
		do_end(r, (int)draw(r, INSTANCES));
	} else if (process && what < 72) {
		lineage_leave(process);
		r->model.instance[pid] = -1;
		r->model.role[pid] = ROLE_OFFSPRING;
	} else if (process && what < 86) {
		lineage_died(process);
		r->model.dying[pid] = true;
	} else if (process) {
		lineage_gone(&r->family.lineage, process);
		model_forget(&r->model, pid);
	}
}

static void compare_process(const struct random_family *r, unsigned pid)
{
	const struct process *process = find(&r->family, pid);
	int i = r->model.instance[pid];

	assert_int_equal(process != NULL, r->model.known[pid]);
	if (!process)
		return;
	assert_int_equal(process->dying, r->model.dying[pid]);
	assert_int_equal(process->role, r->model.role[pid]);
	assert_ptr_equal(process->instance, i < 0 ? NULL : r->instances[i]);
	assert_int_equal(process->role == ROLE_MAIN, i >= 0 && r->instances[i]->main == process);
}

static void compare_vacancies(const struct random_family *r)
{
	const struct instance *instance;
	unsigned vacant = 0, listed = 0;

	for (int i = 0; i < INSTANCES; i++)
		vacant += !r->instances[i]->main || r->instances[i]->main->dying;
	DL_FOREACH2 (r->family.lineage.vacant, instance, vacant_next) {
		assert_true(!instance->main || instance->main->dying);
		listed++;
	}
	assert_int_equal(listed, vacant);
}

static void compare(const struct random_family *r)
{
	compare_vacancies(r);
	for (unsigned pid = 0; pid < PIDS; pid++)
		compare_process(r, pid);
	for (int i = 0; i < INSTANCES; i++) {
		unsigned alive = 0, dying = 0, listed = 0;
		const struct process *process;

		for (unsigned pid = 0; pid < PIDS; pid++)
			if (r->model.known[pid] && r->model.instance[pid] == i)
				*(r->model.dying[pid] ? &dying : &alive) += 1;
		DL_FOREACH (r->instances[i]->processes, process)
			listed++;
		expect_counts(r->instances[i], alive, dying);
		assert_int_equal(listed, alive + dying);
	}
}

static void of_more_than_so_many_that_are_over_the_first_is_surplus(void **state)
{
	struct instance *over[3], *other;
	struct family family;

	(void)state;
	family_init(&family);
	assert_null(lineage_surplus(&family.lineage, 0, 0));
	for (size_t i = 0; i < ARRAY_SIZE(over); i++) {
		over[i] = lineage_begin(&family.lineage, 0, &family.watch, 1);
		over[i]->policy.state = i ? POLICY_ENDED : POLICY_BURIED;
	}
	other = lineage_begin(&family.lineage, 1, &family.watch, 1);
	other->policy.state = POLICY_ENDED;
	assert_ptr_equal(lineage_surplus(&family.lineage, 0, 2), over[0]);
	assert_null(lineage_surplus(&family.lineage, 0, 3));
	assert_ptr_equal(lineage_surplus(&family.lineage, 1, 0), other);
	over[0]->policy.state = POLICY_WAITING;
	assert_null(lineage_surplus(&family.lineage, 0, 2));
	assert_ptr_equal(lineage_surplus(&family.lineage, 0, 1), over[1]);
	lineage_join(over[1], add(&family, 7, NULL), ROLE_MEMBER); /* it has a process still */
	assert_null(lineage_surplus(&family.lineage, 0, 1));
	family_free(&family);
}

static void random_lives_agree_with_a_naive_model(void **state)
{
	struct random_family r = {.random = 4};

	(void)state;
	family_init(&r.family);
	for (unsigned pid = 0; pid < PIDS; pid++)
		model_forget(&r.model, pid);
	for (size_t i = 0; i < INSTANCES; i++)
		r.instances[i] = lineage_begin(&r.family.lineage, 0, &r.family.watch, 1);
	for (int step = 0; step < 100000; step++) {
		do_something(&r);
		if (step % 8 == 0)
			compare(&r);
	}
	family_free(&r.family);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_main_is_alone_at_first),
		cmocka_unit_test(children_are_members_and_share_the_image),
		cmocka_unit_test(strangers_children_are_not_tracked),
		cmocka_unit_test(offsprings_children_are_not_tracked),
		cmocka_unit_test(a_known_key_is_not_born_again),
		cmocka_unit_test(the_same_pid_later_is_somebody_else),
		cmocka_unit_test(what_an_exec_means),
		cmocka_unit_test(who_leaves_is_offspring_and_no_longer_counted),
		cmocka_unit_test(images_live_as_long_as_somebody_runs_them),
		cmocka_unit_test(an_image_of_an_unknown_executable_is_empty),
		cmocka_unit_test(an_image_that_cannot_be_made_whole_is_none),
		cmocka_unit_test(instances_of_one_program_hold_it_once),
		cmocka_unit_test(without_memory_a_recipe_is_kept_as_it_came),
		cmocka_unit_test(a_former_main_becomes_a_member),
		cmocka_unit_test(a_member_moves_between_instances),
		cmocka_unit_test(the_dead_are_counted_once),
		cmocka_unit_test(an_instance_takes_its_processes_along),
		cmocka_unit_test(each_role_has_its_name),
		cmocka_unit_test(the_eldest_is_heir_unless_one_leads_a_session),
		cmocka_unit_test(what_had_left_main_is_remembered_when_it_ends),
		cmocka_unit_test(the_eldest_by_birth_whatever_the_order),
		cmocka_unit_test(the_dying_inherit_nothing),
		cmocka_unit_test(what_has_outlived_an_earlier_main_is_no_heir),
		cmocka_unit_test(another_executable_is_no_heir_by_fork),
		cmocka_unit_test(an_exec_heir_has_the_recipes_own_words),
		cmocka_unit_test(a_worker_is_no_exec_heir),
		cmocka_unit_test(an_instance_without_main_waits_for_its_own_recipe),
		cmocka_unit_test(a_container_that_is_awaited_begins_with_its_runtime),
		cmocka_unit_test(who_is_being_started_or_stopped_is_not_vacant),
		cmocka_unit_test(a_zombie_does_not_hold_the_place),
		cmocka_unit_test(a_stop_means_whom_the_mode_says),
		cmocka_unit_test(a_successor_is_not_apart),
		cmocka_unit_test(of_what_ran_before_the_stack_tells_who_is_apart),
		cmocka_unit_test(who_becomes_main_is_not_apart_nor_are_its_children),
		cmocka_unit_test(instances_are_found_by_their_id_as_long_as_they_are_there),
		cmocka_unit_test(who_is_gone_is_known_for_a_while),
		cmocka_unit_test(exact_paths_are_services),
		cmocka_unit_test(globs_match_services_and_jobs),
		cmocka_unit_test(of_more_than_so_many_that_are_over_the_first_is_surplus),
		cmocka_unit_test(random_lives_agree_with_a_naive_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
