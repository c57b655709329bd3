// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Watches that are made and ended by hand: the configuration in force, and one more or one less. The next reload knows
 * nothing of it. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/put.h"
#include "io/proc.h"

__attribute__((format(printf, 3, 4))) static int refuse(struct config_error *error, int r,
							const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error->text, sizeof(error->text), fmt, ap);
	va_end(ap);
	return r;
}

/* ---- a running process ---- */

static struct process *process_with(const struct daemon *daemon, const struct obit_key *rounded)
{
	struct process *process;

	for (process = daemon->lineage.processes; process; process = process->hh.next)
		if (proc_same(rounded, &process->key) && !process->dying)
			return process;
	return NULL;
}

static int check_identity(const struct proc_identity *who, unsigned pid, struct config_error *error)
{
	if (who->is_thread)
		return refuse(error, -EPERM, "%u is a thread of process %u; expected that pid", pid,
			      who->key.tgid);
	if (pid == 1)
		return refuse(error, -EPERM, "pid 1 is the host's init: nothing outlives it");
	if (who->is_kernel)
		return refuse(error, -EPERM, "pid %u is a thread of the kernel", pid);
	if (who->is_dead)
		return refuse(error, -ESRCH, "pid %u is dead already (a zombie)", pid);
	if (who->is_own)
		return refuse(error, -EPERM, "pid %u is a process of obitd", pid);
	if (!who->exe)
		return refuse(error, -ESRCH, "pid %u runs no executable that can be read", pid);
	return 0;
}

static int check_is_free(const struct daemon *daemon, const struct obit_key *key,
			 struct config_error *error)
{
	const struct process *process = process_with(daemon, key);

	if (!process || !process->instance || process->role == ROLE_OFFSPRING)
		return 0;
	return refuse(error, -EEXIST, "pid %u is of watch %s already, as %s", key->tgid,
		      watch_of(daemon, process->instance)->name,
		      process->role == ROLE_MAIN ? "its main process" : "a member");
}

/* What is offspring of some watch is made a stranger, whom the scan takes up. */
static void let_go(struct daemon *daemon, const struct watch_config *watch)
{
	struct obit_key named = {.tgid = watch->pid, .start_boottime = watch->pid_start_ns};
	struct process *process = process_with(daemon, &named);

	if (!process)
		return;
	events_forget(daemon, &process->key);
	lineage_gone(&daemon->lineage, process);
}

/* Who names a process means that one, whoever it is and wherever it lives. */
static int adopt(struct daemon *daemon, struct watch_config *watch, struct config_error *error)
{
	unsigned pid = watch->pid;
	_cleanup_free_ char *exe = NULL;
	struct proc_identity who;
	int r;

	r = proc_identify((pid_t)pid, &who);
	if (r == -ESRCH)
		return refuse(error, r, "no process has the pid %u", pid);
	if (r < 0)
		return refuse(error, r, "pid %u cannot be looked at in /proc: %s", pid,
			      r == -ETIMEDOUT || r == -EBUSY ? "the kernel waits for it"
							     : strerror(-r));
	exe = who.exe;
	r = check_identity(&who, pid, error);
	if (r == 0)
		r = check_is_free(daemon, &who.key, error);
	if (r < 0)
		return r;
	watch->path.items = calloc(1, sizeof(*watch->path.items));
	if (!watch->path.items)
		return refuse(error, -ENOMEM, "out of memory");
	watch->path.items[0] = TAKE_PTR(exe);
	watch->path.count = 1;
	watch->pid = who.key.tgid;
	watch->pid_start_ns = who.key.start_boottime;
	watch->uid.match = UID_ANY;
	watch->container = CONTAINER_ANY;
	return 0;
}

/* ---- one more ---- */

/* A second one on the same would never be asked. */
static int check_is_new(const struct daemon *daemon, const struct watch_config *watch,
			struct config_error *error)
{
	_cleanup_json_ struct json_object *whom = render_match(watch);

	for (size_t i = 0; !watch->pid && i < daemon->config.watch_count; i++) {
		const struct watch_config *other = &daemon->config.watches[i];
		_cleanup_json_ struct json_object *its = render_match(other);

		if (json_object_equal(whom, its))
			return refuse(error, -EEXIST,
				      "watch %s has the same already; `obit unwatch %s` ends it",
				      other->name, other->name);
	}
	return 0;
}

static int apply(struct daemon *daemon, struct config *fresh, struct config_error *error)
{
	int r = reload_apply(daemon, fresh, NULL);

	return r < 0 ? refuse(error, r, "cannot be applied: %s", strerror(-r)) : 0;
}

static int add(struct daemon *daemon, struct watch_config *watch, struct config_error *error)
{
	_cleanup_(config_free) struct config fresh = {0};
	int r = 0;

	if (watch->pid)
		r = adopt(daemon, watch, error);
	if (r == 0)
		r = settings_check_watch(watch, error);
	if (r == 0)
		r = check_is_new(daemon, watch, error);
	if (r < 0)
		return r;
	if (config_copy(&daemon->config, &fresh) < 0)
		return refuse(error, -ENOMEM, "out of memory");
	if (config_take_watch(&fresh, watch, error) < 0)
		return -EEXIST;
	if (fresh.watches[fresh.watch_count - 1].pid)
		let_go(daemon, &fresh.watches[fresh.watch_count - 1]);
	return apply(daemon, &fresh, error);
}

int watches_add(struct daemon *daemon, const char *const *words, size_t count, size_t *ret_watch,
		struct config_error *error)
{
	_cleanup_(watch_config_free) struct watch_config watch = {0};
	int r = config_read_words(words, count, &watch, error);

	if (r == 0)
		r = add(daemon, &watch, error);
	if (r == 0)
		*ret_watch = daemon->config.watch_count - 1;
	return r;
}

/* ---- one less ---- */

int watches_remove(struct daemon *daemon, size_t watch, struct config_error *error)
{
	_cleanup_(config_free) struct config fresh = {0};

	if (config_copy(&daemon->config, &fresh) < 0)
		return refuse(error, -ENOMEM, "out of memory");
	config_drop_watch(&fresh, watch);
	return apply(daemon, &fresh, error);
}
