/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Runs commands beside the loop: some at once, some more wait, what is beyond is dropped. Each has a time to be
 * done in. */
#ifndef OBIT_IO_HOOKS_H
#define OBIT_IO_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "core/config.h"

struct loop;
struct hooks;

enum hook_outcome {
	HOOK_ENDED,	   /* .value is its wait status */
	HOOK_TIMED_OUT,	   /* it is being ended */
	HOOK_REFUSED,	   /* by .may_run */
	HOOK_NOT_EXECUTED, /* .value is errno, positive */
};

struct hook_result {
	const char *name;
	uint64_t id;
	enum hook_outcome outcome;
	int value;
	const char *output; /* what it wrote to its stdout, where that is captured; else "" */
};

/* Told once of each command, with `result` valid during the call. Not to call hooks_free(). */
typedef void hooks_fn(void *arg, const struct hook_result *result);

struct hooks_options {
	unsigned running_max, waiting_max;
	uint64_t grace_ns;	  /* between SIGTERM and SIGKILL */
	struct rlimit files;	  /* RLIMIT_NOFILE of a command; a maximum of 0: as it is */
	const int *oom_score_adj; /* of a command; NULL: as it is. Borrowed */
	/* Called in the child right before exec, where it may block, of what runs as root: 0, -EPERM for what must not
	 * be run, or the -errno that exec would have. NULL: all may run. */
	int (*may_run)(const char *path);
	hooks_fn *told;
	void *arg;
};

/* The loop must outlive it. 0 or -errno. The caller owns *ret. */
int hooks_new(struct loop *loop, const struct hooks_options *options, struct hooks **ret);

/* What is to be run. Borrowed: hooks_run() makes a copy. */
struct hook {
	const char *name; /* for the result */
	uint64_t id;	  /* the same */
	const char *const
		*argv; /* NULL-terminated; the first is the path, or looked for in its PATH */
	const char *const *envp; /* NULL-terminated; all of its environment */
	const char *input;	 /* what its stdin holds */
	size_t length;
	uint64_t timeout_ns;
	bool captures; /* its stdout is for the result: the first HOOK_OUTPUT_SIZE - 1 bytes */
	bool captures_errors;	       /* its stderr as well */
	const struct account *account; /* who it runs as; NULL: as this process */
	/* Called in the child with argv in place of the command, and may block there: its result is the exit status. */
	int (*call)(const char *const *argv);
};

#define HOOK_OUTPUT_SIZE 4096

/* Runs the command as a child in a session of its own: default signals, directory /, umask 022, stdout and stderr
 * are this process's stderr, stdin is a file in memory, and no other descriptor is open. Or has it wait for its
 * turn. Never waits for it. 0, -EAGAIN where too many wait already (counted), or -ENOMEM. */
int hooks_run(struct hooks *hooks, const struct hook *hook);

/* To be called for each child that has ended, before it is reaped. False if it is none of these. Else it kills
 * what the command has left in its process group, reaps the child, tells, and starts what waits. */
bool hooks_reap(struct hooks *hooks, pid_t pid);

/* Whether something with that id waits, or runs: also when it was told that it had timed out. */
bool hooks_has(const struct hooks *hooks, uint64_t id);

/* Nothing is told any more of what has that id: it is forgotten where it waits, and ended where it runs. */
void hooks_cancel(struct hooks *hooks, uint64_t id);

struct hooks_state {
	unsigned running, waiting;
	uint64_t dropped;
};

const struct hooks_state *hooks_state(const struct hooks *hooks);

/* Forgets what runs: it is not ended, and nobody hears of it. */
void hooks_let_run(struct hooks *hooks);

/* Sends SIGTERM to what runs, without waiting for it, and forgets what waits. NULL is fine. */
void hooks_free(struct hooks *hooks);

#endif
