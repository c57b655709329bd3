/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who else brings a process back: how that is seen, how it is asked whether it will, how what it answers is read,
 * and how it is told to. Pure.
 *
 * An owner is only taken for one where a lesser user cannot pose as it: a unit below slices alone, a container's
 * cgroup, or an ancestor that runs as root. */
#ifndef OBIT_CORE_OWNER_H
#define OBIT_CORE_OWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/container.h"

#define OWNER_ANCESTORS_MAX                                                                        \
	3 /* the parent, who may be a shell that waits, its parent, and one more */
#define OWNER_NAME_SIZE 64
#define OWNER_PATH_SIZE 512
#define OWNER_COMM_SIZE 16

enum owner_answer {
	OWNER_SAYS_NOTHING,  /* that would tell */
	OWNER_SAYS_WAIT,     /* it does not know of the death, or has not decided: ask again */
	OWNER_SAYS_RESTARTS, /* it will, or has by now */
	OWNER_SAYS_STOPPING,
	OWNER_SAYS_NO,	    /* it will not */
	OWNER_SAYS_RUNS_ON, /* without the process, which was not the one that it runs */
	_OWNER_ANSWER_MAX
};

/* What there is to know about a death to read an answer. */
struct owner_death {
	uint32_t pid;
	bool container_init; /* it was pid 1 of its pid namespace */
	uint64_t died_us;    /* CLOCK_MONOTONIC */
	uint64_t ago_ns;
};

typedef enum owner_answer owner_reader(const char *text, const struct owner_death *death);

struct owner_rule {
	const char *name;
	/* One of them, whichever is not NULL, makes the owner. */
	const char *runtime; /* a container's, as core/container names it */
	const char *parent;  /* the name of an ancestor */
	bool unit;	     /* a systemd service */
	/* Command lines with {unit} {id} {directory} {name} {config} in them; NULL: it cannot be asked, or told. */
	const char *ask, *restart;
	const char *why_not; /* in place of them */
	owner_reader *read;
	bool twice; /* only a second NO is one: before it decides, it looks as if it had */
	/* Names of the programs that signal on its behalf, NULL-terminated, or NULL: its own process does. */
	const char *const *hands;
};

struct owner_ancestor {
	uint32_t pid, uid;
	char comm[OWNER_COMM_SIZE];
};

/* A process, as it is or was. */
struct owner_suspect {
	const char *cgroup; /* NULL where unknown */
	bool in_namespace;  /* another pid namespace than the host's */
	struct owner_ancestor ancestors[OWNER_ANCESTORS_MAX]; /* alive; the parent first */
	size_t ancestor_count;
};

/* The innermost owner. What is not known is empty. */
struct owner {
	const struct owner_rule *rule; /* NULL: nobody */
	uint32_t pid;		       /* of its process; 0 where that is not known */
	char unit[UNIT_NAME_SIZE], id[CONTAINER_NAME_SIZE];
	char directory[OWNER_PATH_SIZE], name[OWNER_PATH_SIZE], config[OWNER_PATH_SIZE];
	char words
		[OWNER_SIZE]; /* "systemd unit nginx.service", "container 3f2a...", "runsv (pid 12)" */
	const char *why_not; /* it is neither asked nor told; NULL: it may be */
};

/* *ret->rule is NULL where there is none. Directory, name and config are the caller's to fill. */
void owner_find(const struct owner_suspect *suspect, struct owner *ret);

/* Puts the owner's words into a command line of its rule: the words into *ret_words (owned), which the array
 * *ret_argv (owned, NULL-terminated) points into. 0, -ENOMEM, or -ENODATA where one is not known or would be taken for
 * an option. */
int owner_command(const struct owner *owner, const char *command, char **ret_words,
		  const char ***ret_argv);

/* True if a signal of this sender is the owner's own. */
bool owner_sent(const struct owner *owner, uint32_t pid, const char *comm);

const struct owner_rule *owner_rule_named(const char *name);

#endif
