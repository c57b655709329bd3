/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* When an action is over: the pure part of waiting for it. */
#ifndef OBIT_CLI_ACT_H
#define OBIT_CLI_ACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum act_goal {
	GOAL_STOPPED, /* stop */
	GOAL_UP,      /* start, revive */
	GOAL_NEW,     /* restart: up, and not the process of before */
};

enum act_verdict { ACT_WAIT, ACT_DONE, ACT_FAILED };

#define ACT_NO_PID (-1)
/* Judges one look at a watch. `pid_before` is the main's pid before the action, or ACT_NO_PID. */
enum act_verdict act_judge(enum act_goal goal, const char *state, int64_t pid, int64_t pid_before);

/* "web@4711" has the pid 4711: *ret_pid, and *ret_length is that of "web". False for a plain name. */
bool act_split_name(const char *name, size_t *ret_length, int64_t *ret_pid);

#endif
