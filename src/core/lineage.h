/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who belongs to whom: from births, execs and deaths to instances with a main process and members. Pure. */
#ifndef OBIT_CORE_LINEAGE_H
#define OBIT_CORE_LINEAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "core/policy.h"
#include "core/pool.h"
#include "core/recipe.h"

#define HASH_NONFATAL_OOM 1
/* Not the default hash: it falls through its switch, which clang refuses. */
#define HASH_FUNCTION(key, length, hash) HASH_FNV(key, length, hash)
#include <uthash.h>

/* What a process runs: shared by all that forked from it without an exec of their own. */
struct image {
	unsigned references;
	__u32 uid;
	/* Pieces of the pool's: mostly the instance's recipe has the same. */
	struct pool *pool;
	char *exe; /* "" where unknown */
	struct strings argv;
	char *cgroup; /* NULL where unknown */
	uint64_t exec_time;
};

/* Makes an image with one reference from what a recipe knows, or NULL without memory. */
struct image *image_new(struct pool *pool, const struct recipe *recipe, uint64_t exec_time);
struct image *image_share(struct image *image);
void image_release(struct image *image); /* NULL is fine */

enum process_role { ROLE_MAIN, ROLE_MEMBER, ROLE_OFFSPRING, _PROCESS_ROLE_MAX };

/* "main", "member", "offspring": an obituary's "role". */
const char *process_role_name(enum process_role role);

struct process {
	struct obit_key key;
	struct obit_key parent;
	uint64_t birth_sequence;
	struct instance *instance; /* NULL for offspring whose instance is gone */
	enum process_role role;
	bool dying;    /* its letter is written; not yet seen to be gone */
	bool execed;   /* since its fork */
	bool apart;    /* it, or who it descends from, has executed the program anew: a session */
	uint64_t life; /* of the instance: that of the main it descends from */
	bool session_leader;	     /* as last looked up: see lineage_heirs() */
	struct image *image;	     /* a reference */
	struct process *prev, *next; /* in its instance */
	UT_hash_handle hh;
};

struct instance {
	uint64_t id;
	size_t watch;  /* index in the configuration */
	uint64_t life; /* how many it has had: a main that came from elsewhere begins one */
	struct process *main;
	uint32_t last_pid;   /* of the main that it has or had last */
	uint32_t pid_before; /* of the last main of the life before */
	struct process
		*processes;    /* utlist DL: main and members, the dying ones too; no offspring */
	unsigned alive, dying; /* counts over processes */
	uint64_t began;	       /* exec time of the instance's program, this life */
	bool adopted;	       /* was running before obit */
	bool daemonized;       /* its main was handed over after a fork */
	bool spawned;	       /* this life was started by obit */
	bool vacant;	       /* it has no living main */
	__u32 spawning;	       /* tgid of the child whose exec is awaited; 0: none */
	__u32 uid;	       /* at its exec */
	struct {
		uint64_t life;
		uint32_t pid, wait_status;
	} background; /* the last that died of what main had sent there, in that life; pid 0: nothing did */
	struct recipe *recipe; /* owned; set by lineage_set_recipe() alone */
	struct policy policy;
	void *attachment; /* the daemon's: timer, log file, ... */
	struct lineage *lineage;
	struct instance *prev, *next;		    /* utlist DL */
	struct instance *vacant_prev, *vacant_next; /* the same, while `vacant` */
	struct instance *watch_prev, *watch_next;   /* the daemon's: the same, of its watch */
	UT_hash_handle hh;			    /* by id */
};

#define LINEAGE_GONE 1024

/* A main or member that is gone: what was lost of its children may be told later. */
struct lineage_gone {
	struct obit_key key;
	size_t watch;
};

struct lineage {
	struct pool pool;	   /* what recipes and images are made of */
	struct process *processes; /* by key */
	struct instance *instances;
	struct instance *vacant; /* those without a living main, the latest at the end */
	struct instance *by_id;
	struct lineage_gone gone[LINEAGE_GONE]; /* a ring; a tgid of 0: none */
	size_t gone_next;
	uint64_t next_id;
};

struct process *lineage_find(const struct lineage *lineage, const struct obit_key *key);

/* A fork seen: the child of a main or member becomes a member and shares its image. Returns it, or NULL
 * where its parent is unknown or offspring (then it is not to be tracked), or without memory. */
struct process *lineage_fork(struct lineage *lineage, const struct obit_key *key,
			     const struct obit_letter *letter);

enum exec_meaning {
	EXEC_FOREIGN, /* nothing that any watch wants: not to be tracked */
	EXEC_BEGINS,  /* a process of no instance that a watch matches: lineage_begin() it */
	EXEC_STAYS,   /* main or member as before */
	EXEC_LEAVES,  /* a member that ran something else: offspring from now on */
};

/* What an exec of `recipe` by `process` (NULL: unknown so far), which `watch` matches (MATCH_NONE: none does),
 * means. Changes nothing. */
enum exec_meaning lineage_exec_meaning(const struct process *process, ssize_t watch,
				       const struct recipe *recipe);

/* Gives a process a new image (takes a reference of its own). */
void lineage_set_image(struct process *process, struct image *image);

/* Makes `process` offspring: out of its instance, still known. */
void lineage_leave(struct process *process);

/* A process that belongs to no instance yet. NULL without memory or if the key is known. */
struct process *lineage_add(struct lineage *lineage, const struct obit_key *key,
			    const struct obit_letter *letter, struct image *image);

/* A new, empty instance; its policy is initialised. NULL without memory. */
struct instance *lineage_begin(struct lineage *lineage, size_t watch,
			       const struct watch_config *config, uint64_t seed);
/* The same with an id that another daemon has given it. NULL if there is one of that id already, too. */
struct instance *lineage_begin_as(struct lineage *lineage, uint64_t id, size_t watch,
				  const struct watch_config *config, uint64_t seed);
/* The one of that id, or NULL: it may have been forgotten since. */
struct instance *lineage_instance(const struct lineage *lineage, uint64_t id);
/* Gives the instance another recipe, or none: takes it, and keeps one in its place that shares its pieces with the others', where
 * there is memory for that. */
void lineage_set_recipe(struct instance *instance, struct recipe *recipe);
/* Takes `process` into the instance in that role; a former main becomes a member. */
void lineage_join(struct instance *instance, struct process *process, enum process_role role);
/* Forgets an instance; its processes are forgotten with it. */
void lineage_end(struct lineage *lineage, struct instance *instance);

/* Its letter is written: it no longer counts as alive. */
void lineage_died(struct process *process);
/* It is gone (a zombie at most): frees it. */
void lineage_gone(struct lineage *lineage, struct process *process);

/* Its main process lives. */
bool lineage_runs(const struct instance *instance);
/* True if a stop of the instance is meant for this process of it. With KILL_MODE_INSTANCE that is the main process and
 * what forked from it; not what has executed the program anew for itself, as sshd does for each session, nor
 * what forked from that. */
bool lineage_reaches(const struct process *process, enum kill_mode mode);
/* How many of those live, beside the main process. */
unsigned lineage_left(const struct instance *instance, enum kill_mode mode);
/* True if none of them is there any more, zombies at most. */
bool lineage_is_over(const struct instance *instance, enum kill_mode mode);

/* A member runs the program by `recipe`, which it may have executed anew. One that was given the arguments of the
 * instance's own recipe is a successor, and no more apart than main is. */
void lineage_set_apart(struct process *process, const struct recipe *recipe);

/* Among what descends from this main, and not from one before it. */
/* Notes that such a process is gone; lineage_gone() does so by itself. */
void lineage_note_gone(struct lineage *lineage, const struct obit_key *key, size_t watch);
/* The watch of a main or member that went lately, or MATCH_NONE. */
ssize_t lineage_watch_of_gone(const struct lineage *lineage, const struct obit_key *key);
/* Forgets them: the watches have other numbers now. */
void lineage_forget_gone(struct lineage *lineage);

struct heirs {
	struct process *by_fork; /* runs the main's executable: a session leader, else the eldest */
	struct process *by_exec; /* exec'd the recipe's own executable and argv */
};

/* Notes how a member ended, if it would have been an heir: a fork of main's that had left main's session, or its
 * own parent. To be called while main lives. */
void lineage_note_background(struct instance *instance, const struct process *process,
			     const struct obit_exit *exit);

/* Who of the living could become main after `main`, which is dead. The caller has looked up
 * session_leader of the members. */
void lineage_heirs(const struct instance *instance, const struct process *main, struct heirs *ret);

/* Of the instances of `watch` that are over for good, with no process left, the one that has been for the longest,
 * if there are more than `most`; else NULL. */
struct instance *lineage_surplus(const struct lineage *lineage, size_t watch, unsigned most);

/* An instance of `watch` without a living main that the same recipe describes: a process that somebody
 * starts by hand continues it. NULL if there is none. */
struct instance *lineage_vacant(const struct lineage *lineage, size_t watch,
				const struct recipe *recipe);

/* A service is what is respawned; a job is only reported. Exact paths are services; with globs and
 * cgroups only what obit started, what daemonized, what was orphaned, or what has no terminal and lived for
 * `settle`. */
bool lineage_is_service(const struct instance *instance, const struct watch_config *watch,
			const struct obit_letter *letter);

#endif
