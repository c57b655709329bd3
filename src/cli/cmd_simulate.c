// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* obit simulate: the policy is obitd's, so that is what answers. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/protocol.h"
#include "cli/commands.h"
#include "cli/past.h"

#define WORDS_MAX 10

/* Beside this program or where it is installed, else in PATH. Returns only if it is not there. */
static void run_beside(const char *place, const char *const *words)
{
	char own[PATH_MAX], path[PATH_MAX + 32];
	ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);
	char *slash;

	if (length <= 0)
		return;
	own[length] = '\0';
	slash = strrchr(own, '/');
	if (!slash)
		return;
	*slash = '\0';
	snprintf(path, sizeof(path), "%s/%s", own, place);
	execv(path, (char *const *)(const void *)words);
}

int cmd_simulate(const struct invocation *inv)
{
	_cleanup_free_ char *state_dir = inv->history ? NULL : past_directory(inv, true);
	const char *words[WORDS_MAX] = {"obitd", "--simulate"};
	size_t n = 2;

	if (inv->config) {
		words[n++] = "--config";
		words[n++] = inv->config;
	}
	if (inv->history) {
		words[n++] = "--history";
		words[n++] = inv->history;
	}
	if (state_dir) {
		words[n++] = "--state-dir";
		words[n++] = state_dir;
	}
	if (option_given(inv, OPTION_JSON))
		words[n++] = "--json";
	run_beside("obitd", words);
	run_beside("../sbin/obitd", words);
	execvp("obitd", (char *const *)(const void *)words);
	log_error("obitd cannot be run, which is what simulates: %s", strerror(errno));
	return OBIT_EXIT_FAILED;
}
