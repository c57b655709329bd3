// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Whom a request means by NAME or NAME@PID. */
#include "daemon/requests_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/protocol.h"
#include "base/text.h"

ssize_t request_watch_named(const struct daemon *daemon, const char *name, size_t length)
{
	for (size_t i = 0; i < daemon->config.watch_count; i++) {
		const char *candidate = daemon->config.watches[i].name;

		if (strlen(candidate) == length && !memcmp(candidate, name, length))
			return (ssize_t)i;
	}
	return MATCH_NONE;
}

static const char *nearest_watch(const struct daemon *daemon, const char *name)
{
	const char **names = calloc(daemon->config.watch_count + 1, sizeof(*names));
	const char *nearest;

	if (!names)
		return NULL;
	for (size_t i = 0; i < daemon->config.watch_count; i++)
		names[i] = daemon->config.watches[i].name;
	nearest = text_nearest(name, names);
	free(names);
	return nearest;
}

void request_fail_unknown(const struct request *request)
{
	char name[128];
	const char *nearest;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(request->name, "@"), request->name);
	nearest = nearest_watch(request->daemon, name);

	if (nearest)
		control_fail(request->client, OBIT_EXIT_UNKNOWN,
			     "no watch named %s; did you mean %s?", request->name, nearest);
	else
		control_fail(request->client, OBIT_EXIT_UNKNOWN,
			     "no watch named %s; `obit ls` lists them", request->name);
}

/* The whole of the text as a pid, or 0. */
static __u32 pid_in(const char *text)
{
	if (!*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 9)
		return 0;
	return (__u32)strtoul(text, NULL, 10);
}

bool request_means(const struct target *target, const struct instance *instance)
{
	return instance->watch == target->watch && (!target->only || target->only == instance);
}

struct instance *request_instance_with(const struct daemon *daemon, size_t watch, __u32 pid)
{
	struct instance *instance, *last = NULL;

	DL_FOREACH (daemon->lineage.instances, instance) {
		if (instance->watch != watch || instance->last_pid != pid)
			continue;
		if (lineage_runs(instance))
			return instance;
		last = instance;
	}
	return last;
}

struct instance *request_instance_since(const struct daemon *daemon, size_t watch, __u32 pid)
{
	struct instance *instance, *newest = NULL;

	DL_FOREACH (daemon->lineage.instances, instance)
		if (instance->watch == watch && instance->pid_before == pid)
			newest = instance;
	return newest;
}

static void fail_instance(const struct request *request, size_t watch, __u32 pid)
{
	const char *name = request->daemon->config.watches[watch].name;
	const struct instance *heir = pid ? request_instance_since(request->daemon, watch, pid)
					  : NULL;

	if (heir)
		control_fail(request->client, OBIT_EXIT_UNKNOWN,
			     "no instance %s any more: it is %s@%u now", request->name, name,
			     heir->last_pid);
	else
		control_fail(request->client, OBIT_EXIT_UNKNOWN,
			     "no instance %s; `obit ls` lists them", request->name);
}

ssize_t request_split_name(const struct request *request, __u32 *ret_pid, bool *ret_has_pid)
{
	/* No name has a '@' in it. */
	const char *at = strrchr(request->name, '@');
	size_t length = at ? (size_t)(at - request->name) : strlen(request->name);

	*ret_has_pid = at;
	*ret_pid = at ? pid_in(at + 1) : 0;
	return request_watch_named(request->daemon, request->name, length);
}

bool request_find_target(const struct request *request, struct target *ret)
{
	bool has_pid;
	__u32 pid;
	ssize_t watch = request_split_name(request, &pid, &has_pid);

	if (watch < 0) {
		request_fail_unknown(request);
		return false;
	}
	*ret = (struct target){.watch = (size_t)watch};
	if (!has_pid)
		return true;
	ret->only = pid ? request_instance_with(request->daemon, ret->watch, pid) : NULL;
	if (!ret->only)
		fail_instance(request, ret->watch, pid);
	return ret->only;
}
