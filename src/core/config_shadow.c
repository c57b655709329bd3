// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which watches can never match: the first one that matches takes a process. Said only where it is certain. */
#include "core/config_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/glob.h"
#include "core/match.h"

/* Comparisons of two globs in one configuration: what is beyond is not worth the time of the daemon's loop. */
#define COMPARISONS_MAX (1UL << 22)

struct search {
	const struct config *config;
	struct match_index index; /* of its watches */
	unsigned long comparisons;
};

/* True if all that `later` matches is matched by `earlier`. */
static bool glob_covers(const char *earlier, const char *later)
{
	return strcmp(earlier, later) == 0 ||
	       (glob_is_pattern(earlier) && !glob_is_pattern(later) && glob_match(earlier, later));
}

static const char *find_cover(struct search *search, const struct string_list *earlier,
			      const char *later)
{
	for (size_t i = 0; i < earlier->count && search->comparisons < COMPARISONS_MAX; i++) {
		search->comparisons++;
		if (glob_covers(earlier->items[i], later))
			return earlier->items[i];
	}
	return NULL;
}

static bool cgroups_cover(struct search *search, const struct watch_config *earlier,
			  const struct watch_config *later)
{
	if (!earlier->cgroup.count)
		return true;
	for (size_t i = 0; i < later->cgroup.count; i++)
		if (!find_cover(search, &earlier->cgroup, later->cgroup.items[i]))
			return false;
	return later->cgroup.count;
}

static bool text_covers(const char *earlier, const char *later)
{
	return !earlier || (later && strcmp(earlier, later) == 0);
}

static bool has_uid(const struct uid_rule *rule, uint32_t uid)
{
	for (size_t i = 0; i < rule->uid_count; i++)
		if (rule->uids[i] == uid)
			return true;
	return false;
}

static bool uids_cover(const struct uid_rule *earlier, const struct uid_rule *later)
{
	if (earlier->match != UID_LIST || later->match != UID_LIST)
		return earlier->match == UID_ANY || earlier->match == later->match;
	for (size_t i = 0; i < later->uid_count; i++)
		if (!has_uid(earlier, later->uids[i]))
			return false;
	return true;
}

static bool containers_cover(const struct watch_config *earlier, const struct watch_config *later)
{
	if (earlier->container == CONTAINER_ANY)
		return true;
	return earlier->container == later->container &&
	       (earlier->container != CONTAINER_GLOB ||
		strcmp(earlier->container_glob, later->container_glob) == 0);
}

static bool conditions_cover(struct search *search, const struct watch_config *earlier,
			     const struct watch_config *later)
{
	return text_covers(earlier->argv0, later->argv0) &&
	       text_covers(earlier->args, later->args) && uids_cover(&earlier->uid, &later->uid) &&
	       containers_cover(earlier, later) && cgroups_cover(search, earlier, later);
}

/* Its number, or `before`, which is that of `later`: none in front of it names that path and nothing else, and takes all
 * it would match by that. */
static size_t find_namesake(struct search *search, const struct watch_config *later,
			    const char *path, size_t before)
{
	const struct match_index *index = &search->index;

	for (size_t i = match_index_first(index, path); i < index->path_count; i++) {
		const struct match_path *entry = &index->paths[i];

		if (entry->watch >= before || strcmp(entry->path, path) != 0)
			break;
		if (conditions_cover(search, &search->config->watches[entry->watch], later))
			return entry->watch;
	}
	return before;
}

/* The first watch in front of `later` that takes all it would match by `path` (NULL: by any), and in *ret_glob by
 * what. */
static const struct watch_config *find_taker(struct search *search,
					     const struct watch_config *later, const char *path,
					     const char **ret_glob)
{
	const struct watch_config *watches = search->config->watches;
	size_t before = (size_t)(later - watches);
	size_t first = path ? find_namesake(search, later, path, before) : before;
	const char *taking = path;

	for (size_t i = 0; i < search->index.other_count; i++) {
		const struct watch_config *earlier = &watches[search->index.others[i]];
		const char *glob = NULL;

		if (search->index.others[i] >= first)
			break;
		if (path && earlier->path.count)
			glob = find_cover(search, &earlier->path, path);
		if ((glob || !earlier->path.count) && conditions_cover(search, earlier, later)) {
			first = search->index.others[i];
			taking = glob;
			break;
		}
	}
	if (first == before)
		return NULL;
	*ret_glob = taking;
	return &watches[first];
}

/* As find_taker(), for the whole of `later`: with several paths the taker of the first. */
static const struct watch_config *find_shadow(struct search *search,
					      const struct watch_config *later,
					      const char **ret_glob)
{
	const struct watch_config *first = find_taker(
		search, later, later->path.count ? later->path.items[0] : NULL, ret_glob);
	const char *glob;

	for (size_t i = 1; first && i < later->path.count; i++)
		if (!find_taker(search, later, later->path.items[i], &glob))
			return NULL;
	return first;
}

static int warn(struct config *config, const struct watch_config *later,
		const struct watch_config *first, const char *glob)
{
	char shown_glob[CONFIG_SHOWN_SIZE] = "", shown_file[CONFIG_SHOWN_SIZE], where[16] = "";

	config_shown(first->file, shown_file);
	if (first->line)
		snprintf(where, sizeof(where), ":%u", first->line);
	if (glob)
		config_shown(glob, shown_glob);
	return config_warn(config, later->file, later->line,
			   "watch '%s' never matches: '%s' (%s%s) stands in front of it and takes "
			   "all that it could match%s%s%s",
			   later->name, first->name, shown_file, where, glob ? ", by '" : "",
			   shown_glob, glob ? "'" : "");
}

int config_warn_shadowed(struct config *config)
{
	struct search search = {.config = config};
	int r = match_index_make(config, &search.index);

	for (size_t i = 1; r >= 0 && i < config->watch_count; i++) {
		const struct watch_config *later = &config->watches[i], *first;
		const char *glob = NULL;

		first = find_shadow(&search, later, &glob);
		if (first)
			r = warn(config, later, first, glob);
	}
	match_index_clear(&search.index);
	return r;
}
