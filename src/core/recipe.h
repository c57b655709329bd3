/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Everything needed to start a process again exactly as it was. Pure: filled from the kernel's records
 * or by io/proc, read by io/spawn. */
#ifndef OBIT_CORE_RECIPE_H
#define OBIT_CORE_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "core/config.h"
#include "core/pool.h"

/* NUL-terminated strings one after the other, as in /proc/PID/cmdline. */
struct strings {
	char *bytes; /* owned; ends with NUL when size > 0 */
	size_t size;
};

enum recipe_source {
	RECIPE_EXEC, /* taken by the kernel side at exec */
	RECIPE_PROC, /* taken from /proc later: the process was running already ("adopted") */
};

struct recipe {
	enum recipe_source source;
	/* Paths; NULL where unknown. All owned. */
	char *exe;
	char *script; /* as its caller named it */
	char *script_path; /* the same, absolute; NULL too where a relative one cannot be resolved for sure */
	char *cwd;
	char *root;
	char *cgroup;
	char *stdio[3];
	char *label; /* of its security module, as /proc/PID/attr/current has it; NULL: none */
	bool label_unknown; /* there may be one, and it was gone before that could be read */
	struct strings argv;
	struct strings env;
	struct obit_exec_record
		*facts;	       /* owned: credentials, limits, ... and enum obit_exec_flags */
	uint64_t stack;	       /* of RECIPE_PROC: where the last exec has put it; 0: unknown */
	bool argv_overwritten; /* of RECIPE_PROC: what stands in argv is no command line */
	struct pool *
		pool; /* of recipe_share(): whose pieces texts and facts are; NULL: it has them alone */
};

struct recipe *recipe_new(enum recipe_source source);
void recipe_free(struct recipe *recipe); /* NULL is fine */

/* The same recipe, of pieces that it shares with those of the same user that have equal ones: to be kept, and never changed
 * again. What is of one process alone is not among its facts any more (the record's header and letter, comm, cgroup_id; of what is
 * whole, argv_bytes and env_bytes). NULL without memory. */
struct recipe *recipe_share(const struct recipe *recipe, struct pool *pool);

/* How much memory it takes, without what the allocator adds and what is its pool's. */
size_t recipe_bytes(const struct recipe *recipe);

/* Takes one chunk of text. Chunks of a kind come in order. 0, -ENOMEM, or -EBADMSG for a gap (a record
 * was lost): then the text is marked incomplete. */
int recipe_add_text(struct recipe *recipe, const struct obit_text_record *text);

/* Takes the record that ends an exec, and terminates the texts. 0 or -ENOMEM. */
int recipe_finish(struct recipe *recipe, const struct obit_exec_record *exec);

/* Cuts argv and environment to so many bytes each, and marks what was cut. */
void recipe_limit(struct recipe *recipe, uint64_t most);

/* The number of strings, and the first of them that starts at or after *position (0 at first), or NULL. */
size_t strings_count(const struct strings *strings);
const char *strings_next(const struct strings *strings, size_t *position);
bool strings_equal(const struct strings *a, const struct strings *b);
/* "name=value" for `name`, or NULL. */
const char *strings_find(const struct strings *env, const char *name);

/* The whole recipe in one piece of memory, for another daemon of the same OBIT_ABI_VERSION. The caller owns *ret_bytes.
 * 0 or -ENOMEM. */
int recipe_pack(struct recipe *recipe, char **ret_bytes, size_t *ret_size);
/* 0, -ENOMEM, or -EBADMSG for what no recipe was packed into. */
int recipe_unpack(const char *bytes, size_t size, struct recipe **ret);

#define RECIPE_SENTENCE_SIZE 256
/* Why nothing may be started by this recipe under this watch, as a sentence that names the way out; NULL if it
 * may. Rules: never raise privilege, never enter a container, never guess. */
const char *recipe_refusal(const struct recipe *recipe, const struct watch_config *watch,
			   char buf[static RECIPE_SENTENCE_SIZE]);

/* Whether a process with these ids is root, or can be root again: the real and the saved uid can be taken on. */
static inline bool recipe_is_root(const struct obit_exec_record *facts)
{
	return !facts->uid || !facts->euid || !facts->suid;
}

/* What is missing of it, one short phrase a call: `i` counts from 0; NULL at the end. */
const char *recipe_missing(const struct recipe *recipe, unsigned i);

#endif
