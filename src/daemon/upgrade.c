// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Another program in place of this one, in the same process: its --check runs first, beside the loop. What it needs to go
 * on is kept at any moment, so that nothing is handed over here: it takes over as from a daemon that was killed. */
#include "daemon/upgrade.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "io/aside.h"
#include "io/hooks.h"

#define CHECK_TIMEOUT (10 * NS_PER_SEC)
#define GRACE	      NS_PER_SEC
#define HOOKS_WAIT    (5 * NS_PER_SEC) /* obit upgrade waits 15 for the new program's answer */
#define MARK	      "OBITD_UPGRADED" /* = the pid, in the environment of the new program */

/* Where this program was executed from: it may have been replaced since. */
static char program[PATH_MAX];

void upgrade_note_program(void)
{
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

	program[n > 0 ? n : 0] = '\0';
}

bool upgrade_is_under_way(void)
{
	const char *mark = getenv(MARK);
	bool is_own = mark && strtol(mark, NULL, 10) == getpid();

	unsetenv(MARK);
	return is_own;
}

bool upgrade_is_due(void)
{
	struct stat own, now;

	return *program && stat("/proc/self/exe", &own) == 0 && stat(program, &now) == 0 &&
	       (own.st_dev != now.st_dev || own.st_ino != now.st_ino);
}

static void refuse(struct daemon *daemon, const char *why)
{
	snprintf(daemon->upgrade, sizeof(daemon->upgrade), "refused: %s", why);
	log_error("upgrade refused: %s; obitd goes on as it is", why);
}

/* Hooks that wait would be lost, and none that runs would be ended at the end of its time. */
static void schedule(struct daemon *daemon)
{
	unsigned left = hook_events_left(daemon);
	char span[CLOCK_SPAN_SIZE];

	daemon->upgrade_by_ns = clock_running_ns() + HOOKS_WAIT;
	loop_timer_set(daemon->upgrade_timer, daemon->upgrade_by_ns);
	if (left)
		log_notice("upgrade: waits for %u hook%s, for %s at most", left,
			   left == 1 ? "" : "s", clock_span(HOOKS_WAIT, span));
}

bool upgrade_is_ready(const struct daemon *daemon)
{
	return daemon->upgrade_by_ns &&
	       (!hook_events_left(daemon) || clock_running_ns() >= daemon->upgrade_by_ns);
}

/* The end of a turn is what was waited for. */
static void on_timer(void *arg)
{
	(void)arg;
}

static void on_result(void *arg, const struct hook_result *result)
{
	struct daemon *daemon = arg;
	char words[WAIT_STATUS_WORDS_SIZE], why[sizeof(daemon->upgrade) - 16];

	switch (result->outcome) {
	case HOOK_ENDED:
		if (!result->value) {
			schedule(daemon);
			return;
		}
		snprintf(why, sizeof(why), "%.160s --check %s; the log has its words", program,
			 wait_status_words((uint32_t)result->value, words));
		break;
	case HOOK_TIMED_OUT:
		snprintf(why, sizeof(why), "%.160s --check takes too long", program);
		break;
	case HOOK_REFUSED:
		snprintf(why, sizeof(why), "others than root can change %.160s", program);
		break;
	case HOOK_NOT_EXECUTED:
		snprintf(why, sizeof(why), "%.160s cannot be executed: %s", program,
			 strerror(result->value));
		break;
	}
	refuse(daemon, why);
}

/* With all that says what is watched. */
static int run_check(struct daemon *daemon)
{
	const struct options *options = daemon->options;
	_cleanup_free_ const char **argv = calloc(options->pattern_count + 6, sizeof(*argv));
	struct hook hook = {
		.name = program, .argv = argv, .input = "", .timeout_ns = CHECK_TIMEOUT};
	size_t n = 0;

	if (!argv)
		return -ENOMEM;
	argv[n++] = program;
	argv[n++] = "--check";
	if (options->config_explicit) {
		argv[n++] = "-c";
		argv[n++] = options->config;
	}
	argv[n++] = "--";
	for (size_t i = 0; i < options->pattern_count; i++)
		argv[n++] = options->patterns[i];
	hook.envp = (const char *const *)environ;
	return hooks_run(daemon->upgrade_check, &hook);
}

int upgrade_begin(struct daemon *daemon)
{
	int r;

	if (!*program)
		return -ENOENT;
	if (daemon->upgrade_by_ns)
		return -EAGAIN;
	r = run_check(daemon);
	if (r == 0)
		snprintf(daemon->upgrade, sizeof(daemon->upgrade), "under way");
	return r;
}

void upgrade_execute(struct daemon *daemon)
{
	struct rlimit raised;
	char pid[16];
	int r;

	daemon->upgrade_by_ns = 0;
	hook_events_leave(daemon);
	log_notice("upgrade: executing %s", program);
	/* It is to find what it changes for itself as it was. */
	getrlimit(RLIMIT_NOFILE, &raised);
	setrlimit(RLIMIT_NOFILE, &daemon->files_limit);
	aside_end();
	guard_unprotect(daemon);
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv(MARK, pid, 1);
	execv(program, daemon->options->argv);
	r = errno;
	unsetenv(MARK);
	setrlimit(RLIMIT_NOFILE, &raised);
	guard_protect_again(daemon);
	refuse(daemon, strerror(r));
}

int upgrade_open(struct daemon *daemon)
{
	struct hooks_options options = {
		.running_max = 1,
		.waiting_max = 0,
		.grace_ns = GRACE,
		.files = daemon->files_limit,
		.oom_score_adj = daemon->protected ? &daemon->oom_score_adj : NULL,
		.may_run = daemon_may_run,
		.told = on_result,
		.arg = daemon,
	};
	int r = loop_timer_new(daemon->loop, on_timer, daemon, &daemon->upgrade_timer);

	return r < 0 ? r : hooks_new(daemon->loop, &options, &daemon->upgrade_check);
}

bool upgrade_reap(struct daemon *daemon, pid_t pid)
{
	return daemon->upgrade_check && hooks_reap(daemon->upgrade_check, pid);
}

void upgrade_close(struct daemon *daemon)
{
	hooks_free(daemon->upgrade_check);
	loop_timer_free(daemon->upgrade_timer);
}
