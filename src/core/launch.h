/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is to be executed, and as what: made of a recipe and of what its watch overrides, and packed for the
 * process that does it. Pure. */
#ifndef OBIT_CORE_LAUNCH_H
#define OBIT_CORE_LAUNCH_H

#include "core/recipe.h"

#define LAUNCH_GUARDED 2

/* Which files others than root must not be able to change, for this to be started by its recipe: what root was seen to
 * execute, and the script that it interprets. NULL where there is none: what a command says is executed in any case. */
void launch_guarded(const struct recipe *recipe, const struct watch_config *watch,
		    const char *ret[static LAUNCH_GUARDED]);

/* The strings and facts are borrowed: from recipe and watch, or from the packed bytes. */
struct launch {
	const struct obit_exec_record *facts;
	const char *path;
	const char **argv;     /* owned; NULL-terminated */
	const char **envp;     /* owned; NULL-terminated */
	const char *directory; /* NULL: unknown */
	bool follow;	       /* symbolic links on the way to it: the configuration has named it */
	const char *stdio[3];  /* NULL: unknown */
	const char
		*label; /* of its security module; NULL: none, or whatever comes about by itself */
	const char *guarded[LAUNCH_GUARDED];	/* of launch_guarded() */
	char *words;				/* owned: the words of `command` */
	char *notify_socket, *watchdog_usec;	/* owned: two of envp, where it is to notify */
	struct obit_exec_record *changed_facts; /* owned: facts, where `user` changes them */
};

/* Fills `ret`; launch_clear() it. From the captured environment goes what belongs to one life of a process
 * only (NOTIFY_SOCKET, LISTEN_FDS, INVOCATION_ID, ...); a new NOTIFY_SOCKET is `notify_path`, unless that is NULL. A
 * script is started by its own path. 0 or -ENOMEM; -EINVAL for a recipe without a path and without a command. */
int launch_prepare(const struct recipe *recipe, const struct watch_config *watch,
		   const char *notify_path, struct launch *ret);
void launch_clear(struct launch *launch);

#define LAUNCH_LABEL_SIZE 4104 /* a page, as the kernel has it, and "exec " */
/* What is to be written to /proc/self/attr/exec for this label. False if it is too long. AppArmor tells the mode behind
 * the name, and wants a word in front of it; SELinux takes what it has told. */
bool launch_label_words(const char *label, char buf[static LAUNCH_LABEL_SIZE]);

/* One block of memory that holds all of it, owned by the caller. 0 or -ENOMEM. */
int launch_pack(const struct launch *launch, char **ret_bytes, size_t *ret_size);

/* The reverse: borrows from `bytes`, which are 8-byte aligned. 0, or -EBADMSG for bytes that
 * launch_pack() did not make (or no memory). */
int launch_unpack(const char *bytes, size_t size, struct launch *ret);

#endif
