// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/match.h"

#include <errno.h>
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
	const char *script = recipe->facts->flags & OBIT_EXEC_CHROOT ? NULL : recipe->script_path;

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
	uint32_t uid = recipe->facts->euid;

	return match_uid(watch, people, uid) ||
	       (watch->uid.match == UID_SERVICE && recipe->facts->exe_uid == uid);
}

static bool is_host_process(const struct recipe *recipe, const char *container)
{
	const __u32 host = OBIT_EXEC_HOST_PIDNS | OBIT_EXEC_HOST_MNT_OWNER;

	return !container && (recipe->facts->flags & host) == host;
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

static bool matches(const struct watch_config *watch, const struct match_people *people,
		    const struct recipe *recipe)
{
	return !watch->pid && path_matches(watch, recipe) &&
	       match_all_but_path(watch, people, recipe);
}

ssize_t match_watch(const struct config *config, const struct match_people *people,
		    const struct recipe *recipe)
{
	for (size_t i = 0; i < config->watch_count; i++)
		if (matches(&config->watches[i], people, recipe))
			return (ssize_t)i;
	return MATCH_NONE;
}

/* ---- the index ---- */

static bool names_paths_only(const struct watch_config *watch)
{
	for (size_t i = 0; i < watch->path.count; i++)
		if (glob_is_pattern(watch->path.items[i]))
			return false;
	return watch->path.count > 0;
}

static int compare_paths(const void *left, const void *right)
{
	const struct match_path *a = left, *b = right;
	int order = strcmp(a->path, b->path);

	return order ? order : (a->watch > b->watch) - (a->watch < b->watch);
}

static void add_watch(struct match_index *index, size_t i)
{
	const struct watch_config *watch = &index->watches[i];

	if (watch->pid)
		index->pids[index->pid_count++] = i;
	else if (!names_paths_only(watch))
		index->others[index->other_count++] = i;
	else
		for (size_t p = 0; p < watch->path.count; p++)
			index->paths[index->path_count++] = (struct match_path){
				watch->path.items[p], i};
}

static int compare_names(const void *left, const void *right)
{
	const struct watch_config *const *a = left, *const *b = right;

	return strcmp((*a)->name, (*b)->name);
}

int match_index_make(const struct config *config, struct match_index *ret)
{
	size_t count = config->watch_count, paths = 0;

	for (size_t i = 0; i < count; i++)
		paths += config->watches[i].path.count;
	*ret = (struct match_index){
		.watches = config->watches,
		.paths = calloc(paths + 1, sizeof(*ret->paths)),
		.others = calloc(count + 1, sizeof(*ret->others)),
		.pids = calloc(count + 1, sizeof(*ret->pids)),
		.names = calloc(count + 1, sizeof(const struct watch_config *)),
		.count = count,
	};
	if (!ret->paths || !ret->others || !ret->pids || !ret->names) {
		match_index_clear(ret);
		return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++) {
		add_watch(ret, i);
		ret->names[i] = &config->watches[i];
	}
	qsort(ret->paths, ret->path_count, sizeof(*ret->paths), compare_paths);
	qsort(ret->names, count, sizeof(const struct watch_config *), compare_names);
	return 0;
}

void match_index_clear(struct match_index *index)
{
	free(index->paths);
	free(index->others);
	free(index->pids);
	free(index->names);
	*index = (struct match_index){0};
}

ssize_t match_named(const struct match_index *index, const char *name)
{
	size_t from = 0, to = index->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;
		int order = strcmp(index->names[middle]->name, name);

		if (!order)
			return index->names[middle] - index->watches;
		if (order < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return MATCH_NONE;
}

size_t match_index_first(const struct match_index *index, const char *path)
{
	size_t from = 0, to = index->path_count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (strcmp(index->paths[middle].path, path) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

/* Of the watches that name the path the first that matches and comes before `best`, else `best`. */
static size_t first_by_path(const struct match_index *index, const struct match_people *people,
			    const struct recipe *recipe, const char *path, size_t best)
{
	for (size_t i = path ? match_index_first(index, path) : index->path_count;
	     i < index->path_count; i++) {
		size_t watch = index->paths[i].watch;

		if (watch >= best || strcmp(index->paths[i].path, path) != 0)
			break;
		if (matches(&index->watches[watch], people, recipe))
			return watch;
	}
	return best;
}

ssize_t match_find(const struct match_index *index, const struct match_people *people,
		   const struct recipe *recipe)
{
	size_t best = SIZE_MAX;

	best = first_by_path(index, people, recipe, recipe->exe, best);
	best = first_by_path(index, people, recipe, recipe->script_path, best);
	for (size_t i = 0; i < index->other_count && index->others[i] < best; i++)
		if (matches(&index->watches[index->others[i]], people, recipe))
			best = index->others[i];
	return best == SIZE_MAX ? MATCH_NONE : (ssize_t)best;
}
