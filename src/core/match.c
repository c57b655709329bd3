// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/match.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/container.h"
#include "core/glob.h"

static bool any_glob(const struct string_list *globs, const char *text)
{
	for (size_t i = 0; text && i < globs->count; i++)
		if (glob_match(globs->items[i], text))
			return true;
	return false;
}

static bool path_matches(const struct watch_config *watch, const struct recipe *recipe)
{
	/* In a chroot the name of a script means something else. */
	const char *script = recipe->facts.flags & OBIT_EXEC_CHROOT ? NULL : recipe->script_path;

	return !watch->path.count || any_glob(&watch->path, recipe->exe) ||
	       any_glob(&watch->path, script);
}

/* A cgroup is in when it or one above it matches: everything below a watched cgroup belongs. */
static bool cgroup_matches(const struct watch_config *watch, const struct recipe *recipe)
{
	_cleanup_free_ char *path = NULL;

	if (!watch->cgroup.count)
		return true;
	path = recipe->cgroup ? strdup(recipe->cgroup) : NULL;
	while (path && *path) {
		char *slash;

		if (any_glob(&watch->cgroup, path))
			return true;
		slash = strrchr(path, '/');
		if (!slash)
			break; /* its front was cut */
		*slash = '\0';
	}
	return any_glob(&watch->cgroup, "/");
}

static bool argv0_matches(const struct watch_config *watch, const struct recipe *recipe)
{
	size_t position = 0;
	const char *argv0 = strings_next(&recipe->argv, &position);
	const char *base;

	if (!watch->argv0)
		return true;
	if (!argv0)
		return false;
	base = strrchr(argv0, '/');
	return glob_match(watch->argv0, argv0) || (base && glob_match(watch->argv0, base + 1));
}

/* In `args` a '*' means any text: spaces and slashes are characters of arguments like any other. */
static bool args_match(const struct watch_config *watch, const struct recipe *recipe)
{
	_cleanup_free_ char *joined = NULL;
	size_t position = 0, out = 0, count = 0;
	const char *arg;

	if (!watch->args)
		return true;
	joined = calloc(1, recipe->argv.size + 1);
	if (!joined)
		return false;
	strings_next(&recipe->argv, &position);
	while ((arg = strings_next(&recipe->argv, &position))) {
		if (count++)
			joined[out++] = ' ';
		out += strlen(strcpy(joined + out, arg));
	}
	return glob_match_text(watch->args, joined);
}

bool match_uid(const struct watch_config *watch, const struct match_people *people, uint32_t uid)
{
	switch (watch->uid.match) {
	case UID_ANY:
		return true;
	case UID_SERVICE:
		return uid < people->uid_min || uid > people->uid_max;
	case UID_LIST:
		for (size_t i = 0; i < watch->uid.uid_count; i++)
			if (watch->uid.uids[i] == uid)
				return true;
		return false;
	}
	return false;
}

/* Who owns the executable may run it as a service. */
static bool uid_matches(const struct watch_config *watch, const struct match_people *people,
			const struct recipe *recipe)
{
	uint32_t uid = recipe->facts.euid;

	return match_uid(watch, people, uid) ||
	       (watch->uid.match == UID_SERVICE && recipe->facts.exe_uid == uid);
}

static bool is_host_process(const struct recipe *recipe, const char *container)
{
	const __u32 host = OBIT_EXEC_HOST_PIDNS | OBIT_EXEC_HOST_MNT_OWNER;

	return !container && (recipe->facts.flags & host) == host;
}

static bool container_matches(const struct watch_config *watch, const struct recipe *recipe)
{
	char name[CONTAINER_NAME_SIZE];
	const char *container = recipe->cgroup ? container_id(recipe->cgroup, name) : NULL;

	switch (watch->container) {
	case CONTAINER_ANY:
		return true;
	case CONTAINER_NO:
		return is_host_process(recipe, container);
	case CONTAINER_GLOB:
		return container && glob_match(watch->container_glob, container);
	}
	return false;
}

bool match_all_but_path(const struct watch_config *watch, const struct match_people *people,
			const struct recipe *recipe)
{
	return cgroup_matches(watch, recipe) && argv0_matches(watch, recipe) &&
	       args_match(watch, recipe) && uid_matches(watch, people, recipe) &&
	       container_matches(watch, recipe);
}

ssize_t match_watch(const struct config *config, const struct match_people *people,
		    const struct recipe *recipe)
{
	for (size_t i = 0; i < config->watch_count; i++) {
		const struct watch_config *watch = &config->watches[i];

		if (!watch->pid && path_matches(watch, recipe) &&
		    match_all_but_path(watch, people, recipe))
			return (ssize_t)i;
	}
	return MATCH_NONE;
}
