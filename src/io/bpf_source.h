/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel side, loaded and attached: where events come from, and the letters behind them. The only
 * user of the generated skeleton. */
#ifndef OBIT_IO_BPF_SOURCE_H
#define OBIT_IO_BPF_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>
#include <sys/types.h>

#include "bpf/abi.h"
#include "core/kernel.h"

struct bpf_source;

struct bpf_source_options {
	const char *pin_dir; /* on a bpf file system; made if missing */
	const char *btf;     /* another BTF file than the running kernel's; NULL: the kernel's */
	const bool *has;     /* what the kernel has, by enum kernel_feature */
	bool ephemeral;	     /* remove the pins on close */
	/* Called when the pins of an earlier daemon are taken over, before its programs are replaced. NULL: nobody. */
	void (*before_attach)(void *arg, struct bpf_source *source);
	__u32 max_processes; /* letters at the same time */
	pid_t confined;	     /* a process in a Landlock domain of its own, to learn from; 0: none */
	__u32 recipe_max;    /* see bpf_source_set_recipe_max() */
	__u64 ring_bytes; /* of the ring that rings the bell, rounded up to what the kernel takes; pins that
			     are taken over keep theirs */
	__u32 namespaces[OBIT_NAMESPACES]; /* the daemon's own, see OBIT_EXEC_OTHER_NS */
};

typedef void bpf_source_record_fn(void *arg, const void *data, size_t size);

#define BPF_SOURCE_ERROR_SIZE 320

/* Loads, pins and attaches. `on_record` gets each record of the ring during bpf_source_drain().
 * On failure returns -errno and writes one sentence into `error`; nothing is left attached. */
int bpf_source_open(const struct bpf_source_options *options, bpf_source_record_fn *on_record,
		    void *arg, struct bpf_source **ret, char error[static BPF_SOURCE_ERROR_SIZE]);

/* Detaches only if the pins are removed (ephemeral): otherwise the kernel side goes on writing letters.
 * NULL is fine. */
void bpf_source_close(struct bpf_source *source);

/* True while all programs are attached. */
bool bpf_source_is_attached(const struct bpf_source *source);

/* True if the pins of an earlier daemon were taken over, with its letters. */
bool bpf_source_took_over(const struct bpf_source *source);

/* Inode numbers of namespaces, by enum obit_namespace: those of the options, and PID 1's, which are 0 until a scan has seen
 * it. Borrowed. */
const __u32 *bpf_source_own_namespaces(const struct bpf_source *source);
const __u32 *bpf_source_init_namespaces(const struct bpf_source *source);

/* Readable when the bell has rung. */
int bpf_source_fd(const struct bpf_source *source);

/* A service that forks faster than records are read must not keep the loop from its other work. */
#define BPF_SOURCE_RECORDS_A_TURN 64
/* Hands out what is in the rings, but no more than that in one call: what is left is for the next one. Returns the
 * number of records or -errno. */
int bpf_source_drain(struct bpf_source *source);

/* One entry of what the kernel side looks for: the literal beginning of a glob, or an exact path. */
struct bpf_prefix {
	const char *text;
	size_t length;
	bool exact;
};

/* Replaces what is looked for; what stays is never absent meanwhile. 0 or -errno. */
int bpf_source_set_paths(struct bpf_source *source, const struct bpf_prefix *prefixes,
			 size_t count);
int bpf_source_set_cgroups(struct bpf_source *source, const struct bpf_prefix *prefixes,
			   size_t count);

/* How many bytes of argv, and of the environment, an exec is told with from now on; the rest is cut. */
void bpf_source_set_recipe_max(struct bpf_source *source, __u32 bytes);
/* Of the ring that rings the bell. */
__u64 bpf_source_ring_bytes(const struct bpf_source *source);

/* Marks a cgroup that exists already as watched. 0 or -errno. */
int bpf_source_add_cgroup(struct bpf_source *source, const struct obit_cgroup *cgroup);
void bpf_source_drop_cgroup(struct bpf_source *source, const struct obit_cgroup *cgroup);
/* Those that are marked. *ret is the caller's. 0 or -ENOMEM. */
int bpf_source_list_cgroups(struct bpf_source *source, struct obit_cgroup **ret, size_t *ret_count);

/* One pass of the task iterator: makes letters for what matches and has none. Returns how many, or
 * -errno. Call until it returns 0. */
int bpf_source_scan(struct bpf_source *source);

typedef void bpf_source_letter_fn(void *arg, const struct obit_key *key,
				  const struct obit_letter *letter);
/* Every letter, in no order. A letter that is made or deleted meanwhile may be missed. 0 or -errno. */
int bpf_source_letters(struct bpf_source *source, bpf_source_letter_fn *fn, void *arg);

/* The number that a letter carries when this prefix matched it. Never 0. */
__u32 bpf_source_prefix_number(const struct bpf_prefix *prefix);

/* One letter. 0, or -ENOENT where there is none. */
int bpf_source_letter(struct bpf_source *source, const struct obit_key *key,
		      struct obit_letter *ret);

/* The latest signal `number` that others, or (+ OBIT_SIGNAL_OWN) it itself, sent the process. 0, or -ENOENT. */
int bpf_source_signal(struct bpf_source *source, const struct obit_key *key, __u32 number,
		      struct obit_signal *ret);
/* How often a program was not run, since it ran already on that CPU (recursion_misses of struct bpf_prog_info, since
 * Linux 5.12; 0 before). Where a hook has three, how often only the third was: there none may have been for another. What it
 * would have told is not known. */
uint64_t bpf_source_missed_runs(const struct bpf_source *source);
/* True if signals are seen at all: not where the kernel lacks the hook. */
bool bpf_source_sees_signals(const struct bpf_source *source);
/* Deletes the signals that an ended process has left behind, after a race that is possible but rare. */
void bpf_source_sweep_signals(struct bpf_source *source);

/* Whether deaths of processes that are not tracked are told, too. Their ring is mapped only meanwhile, and what is unread
 * when that ends is never told. 0, or -errno: then they are not told. */
int bpf_source_tell_all(struct bpf_source *source, bool all);

/* The process is no longer tracked, nor will its children be. */
void bpf_source_forget(struct bpf_source *source, const struct obit_key *key);
/* The same, unless it has executed something else since the letter was `as_known`: then a record of that is on
 * its way, and the letter is not to be missed. */
void bpf_source_forget_unchanged(struct bpf_source *source, const struct obit_key *key,
				 const struct obit_letter *as_known);
/* Puts a letter back that was deleted too early. */
void bpf_source_restore(struct bpf_source *source, const struct obit_key *key,
			const struct obit_letter *letter);
/* What a tracked process is; goes with its letter. 0 or -errno. */
int bpf_source_set_member(struct bpf_source *source, const struct obit_key *key,
			  const struct obit_member *member);
void bpf_source_drop_member(struct bpf_source *source, const struct obit_key *key);
typedef void bpf_source_member_fn(void *arg, const struct obit_key *key,
				  const struct obit_member *member);
void bpf_source_members(struct bpf_source *source, bpf_source_member_fn *fn, void *arg);

/* What the next daemon is to know, piece by piece; gone with the pins, and when the host is started anew. At most
 * OBIT_STATE_PIECE bytes, filled up with zeros. 0 or -errno. */
int bpf_source_put_state(struct bpf_source *source, const struct obit_state_key *key,
			 const void *bytes, size_t size);
int bpf_source_state(struct bpf_source *source, const struct obit_state_key *key,
		     struct obit_state *ret);
void bpf_source_drop_state(struct bpf_source *source, const struct obit_state_key *key);
typedef void bpf_source_state_fn(void *arg, const struct obit_state_key *key);
/* Every key, in no order; `fn` may drop it. */
void bpf_source_states(struct bpf_source *source, bpf_source_state_fn *fn, void *arg);

/* What bpftool(8) shows of the watch of that name. 0 or -errno. */
int bpf_source_put_watch(struct bpf_source *source, const char *name,
			 const struct obit_watch *watch);
int bpf_source_watch(struct bpf_source *source, const char *name, struct obit_watch *ret);
typedef bool bpf_source_is_watch_fn(void *arg, const char *name);
/* Drops those of which `fn` says that they are none. */
void bpf_source_keep_watches(struct bpf_source *source, bpf_source_is_watch_fn *fn, void *arg);

/* The map of one number that the spawner sets to tell whose its next child is, see spawner_ask(). Borrowed. */
int bpf_source_launch_fd(const struct bpf_source *source);
/* Every child of this process is tracked from its birth. */
void bpf_source_set_spawner(struct bpf_source *source, __u32 tgid);

/* The counters. */
void bpf_source_stats(const struct bpf_source *source, struct obit_stats *ret);

#endif
