/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who else brings a process back: how that is seen, and how what it answers is read when it is asked whether it will.
 * Whom there is to know, and with what commands each is asked and told, says the configuration (config_owner.c has
 * what is built in). Pure.
 *
 * An owner is only taken for one where a lesser user cannot pose as it: a unit below slices alone, a container's
 * cgroup, or an ancestor that runs as root. */
#ifndef OBIT_CORE_OWNER_H
#define OBIT_CORE_OWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
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

/* What an answer in that format says. */
enum owner_answer owner_read(enum owner_format format, const char *text,
			     const struct owner_death *death);

/* True where a NO in that format is one only when it is said twice: before it decides, it looks as if it had. */
bool owner_says_no_twice(enum owner_format format);

struct owner_ancestor {
	uint32_t pid, uid;
	char comm[OWNER_COMM_SIZE];
	char exe[OWNER_PATH_SIZE]; /* "" where unknown, or owner_wants_paths() does not */
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
	const struct owner_config *rule; /* of the configuration; NULL: nobody */
	bool is_ancestor;		 /* and not known by the cgroup */
	uint32_t pid;			 /* of its process; 0 where that is not known */
	uint32_t child;			 /* the process that it owns; 0 where that is not known */
	char unit[UNIT_NAME_SIZE], id[CONTAINER_NAME_SIZE], cgroup[OWNER_PATH_SIZE];
	char directory[OWNER_PATH_SIZE], name[OWNER_PATH_SIZE], config[OWNER_PATH_SIZE];
	char words
		[OWNER_SIZE]; /* "systemd unit nginx.service", "container 3f2a...", "runsv (pid 12)" */
	const char *why_not; /* it is neither asked nor told; NULL: it may be */
};

/* *ret->rule is NULL where there is none. Child, directory, name and config are the caller's to fill. */
void owner_find(const struct config *config, const struct owner_suspect *suspect,
		struct owner *ret);

/* True if some owner is recognised by the path of an ancestor. */
bool owner_wants_paths(const struct config *config);

/* What a command line may have in it, each for what is known of the owner. "{{" and "${" begin none. */
#define OWNER_PLACEHOLDERS "{unit} {id} {cgroup} {pid} {directory} {name} {config}"
bool owner_has_placeholder(const char *word);
bool owner_has_unknown(const char *word); /* what looks like a placeholder and is none */

/* Puts the owner's words into a command line of its: the words into *ret_words (owned), which the array
 * *ret_argv (owned, NULL-terminated) points into. 0, -ENOMEM, or -ENODATA where one is not known or would be taken for
 * an option. */
int owner_command(const struct owner *owner, const char *command, char **ret_words,
		  const char ***ret_argv);

/* True if a signal of this sender is the owner's own. */
bool owner_sent(const struct owner *owner, uint32_t pid, const char *comm);

#endif
