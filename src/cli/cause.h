/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What an obituary says about its cause, read without trusting its shape. Pure. */
#ifndef OBIT_CLI_CAUSE_H
#define OBIT_CLI_CAUSE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/term.h"

enum cause {
	CAUSE_UNTOLD, /* not even whether it exited or was killed */
	CAUSE_EXIT,
	CAUSE_PROCESS, /* another process sent the signal */
	CAUSE_ITSELF,
	CAUSE_FAULT,
	CAUSE_OOM,
	CAUSE_SECCOMP,
	CAUSE_PIPE,
	CAUSE_CPU_LIMIT,
	CAUSE_FILE_LIMIT,
	CAUSE_TIMER,
	CAUSE_TERMINAL,
	CAUSE_PARENT,
	CAUSE_NAMESPACE,
	CAUSE_KERNEL, /* for another reason than those above */
	CAUSE_UNKNOWN,
	_CAUSE_MAX,
};

/* The cause by `how` and `cause`; where `cause` is missing, what the other members leave no doubt
 * about. */
enum cause cause_of(struct json_object *death);

/* Whether it was killed and dumped core. */
bool cause_dumped(struct json_object *death);

/* Whether it ended by abort(3). */
bool cause_is_abort(struct json_object *death);

/* What it hung in where it was stopped for that, borrowed; NULL where it was not. */
struct json_object *cause_hang(struct json_object *death);

/* Whether something is broken in it, or it could not go on: a crash, an abort, a failure that it
 * exited with. Not where somebody asked it to stop, or ended it. */
bool cause_is_failure(struct json_object *death);

/* The colour of the way it ended: red for a crash, yellow for a failure or a killing, dim for a good
 * end. */
enum style cause_style(struct json_object *death);

/* The signal's name, or "an unknown signal". Freed by the caller. */
char *cause_signal(struct json_object *death);

/* Whose memory limit was reached, where the memory of a cgroup ran out: "its container", "its pod",
 * "its cgroup /a.service", "the cgroup /a.slice" (one above its own), "its cgroup" (not known which).
 * Freed by the caller. */
char *cause_limited(struct json_object *death);

/* Who asked it to stop, borrowed; NULL for nobody, and where the request was also what killed it. */
struct json_object *cause_asker(struct json_object *death);

/* Whether two people of an obituary are the same process. */
bool who_is(struct json_object *a, struct json_object *b);

/* The name of a process: its comm, else the last part of its path, else "process". Freed by the
 * caller. */
char *who_name(struct json_object *who);

/* "kill (pid 812, /usr/bin/kill, root)"; says so if it is the parent of who died in `death`, which
 * may be NULL. Freed by the caller. */
char *who_words(struct json_object *who, struct json_object *death);

#endif
