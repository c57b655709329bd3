// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/act.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool is_any_of(const char *state, const char *a, const char *b)
{
	return strcmp(state, a) == 0 || strcmp(state, b) == 0;
}

enum act_verdict act_judge(enum act_goal goal, const char *state, int64_t pid, int64_t pid_before)
{
	if (goal == GOAL_STOPPED) {
		if (strcmp(state, "stopping") == 0)
			return ACT_WAIT;
		return is_any_of(state, "up", "waiting") ? ACT_FAILED : ACT_DONE;
	}
	if (strcmp(state, "up") == 0) {
		bool same = goal == GOAL_NEW && pid != ACT_NO_PID && pid == pid_before;

		return same ? ACT_WAIT : ACT_DONE;
	}
	return is_any_of(state, "ended", "buried") ? ACT_FAILED : ACT_WAIT;
}

bool act_split_name(const char *name, size_t *ret_length, int64_t *ret_pid)
{
	const char *at = strrchr(name, '@');
	char *end;
	long pid;

	if (!at || at == name || !isdigit((unsigned char)at[1]))
		return false;
	pid = strtol(at + 1, &end, 10);
	if (*end)
		return false;
	*ret_length = (size_t)(at - name);
	*ret_pid = pid;
	return true;
}
