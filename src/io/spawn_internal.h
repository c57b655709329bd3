/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the parts of spawning share: spawn (the spawner and what it is asked), spawn_child (from the clone to the exec),
 * spawn_report (what the child says on its way). Nobody else includes it. */
#ifndef OBIT_IO_SPAWN_INTERNAL_H
#define OBIT_IO_SPAWN_INTERNAL_H

#include "io/spawn.h"

/* What the child may say, in the order it may say it. */
#define STAGES(X)                                                                                  \
	X(BORN, "", false) /* not a failure: .error is its pid */                                  \
	X(TRUST, "", true) /* with a struct spawn_refusal behind it */                             \
	X(SCRIPT, "look at its script", true)                                                      \
	X(REQUEST, "read the request for a child", true)                                           \
	X(CLONE, "make a child", true)                                                             \
	X(CGROUP, "enter its cgroup", false)                                                       \
	X(OOM_SCORE, "set oom_score_adj", false)                                                   \
	X(RLIMIT, "set a resource limit", false)                                                   \
	X(SCHEDULER, "set priority, scheduler or affinity", false)                                 \
	X(PERSONALITY, "set its personality", false)                                               \
	X(LOGIN_UID, "set its login uid", false)                                                   \
	X(COREDUMP_FILTER, "set its coredump_filter", false)                                       \
	X(BOUNDING, "restore capabilities", true)                                                  \
	X(GROUPS, "set the supplementary groups", true)                                            \
	X(IDS, "set uid and gid", true)                                                            \
	X(VERIFY, "verify uid and gid", true)                                                      \
	X(LABEL, "set its security label", true)                                                   \
	X(DIRECTORY, "enter the working directory", false)                                         \
	X(STDIO, "reopen stdin, stdout or stderr", false)                                          \
	X(EXEC, "execute", true)

#define STAGE_ENUM(name, words, fatal) STAGE_##name,
enum stage { STAGES(STAGE_ENUM) _STAGE_MAX };

struct spawn_stage {
	const char *words;
	bool fatal;
};
extern const struct spawn_stage spawn_stages[_STAGE_MAX];

struct spawn_message {
	int stage;
	int error;
};

/* Behind a message of STAGE_TRUST: why. */
struct spawn_refusal {
	char sentence[RECIPE_SENTENCE_SIZE];
};

/* What a child is made of. */
struct spawn_order {
	const struct launch *launch;
	struct spawn_place place;
	int report, go; /* go is -1 for a child that is not held */
};

/* To be called once, in the spawner. */
void spawn_child_prepare(void);
/* Makes a child of the caller's parent, which becomes what its launch says. Returns its pid, or -1 with errno. */
pid_t spawn_child_make(struct spawn_order *order);

#endif
