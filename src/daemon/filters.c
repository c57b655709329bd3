// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Watches into what the kernel side looks for. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/glob.h"
#include "daemon/daemon.h"

struct bpf_prefix filters_prefix(const char *glob, bool exact)
{
	return (struct bpf_prefix){
		.text = glob,
		.length = glob_literal_prefix(glob),
		.exact = exact && !glob_is_pattern(glob),
	};
}

ssize_t filters_watch_of_letter(const struct daemon *daemon, const struct obit_letter *letter,
				const char **ret_path)
{
	for (size_t w = 0; letter->prefix && w < daemon->config.watch_count; w++) {
		const struct string_list *paths = &daemon->config.watches[w].path;
		bool by_pid = daemon->config.watches[w].pid;

		for (size_t i = 0; !by_pid && i < paths->count; i++) {
			struct bpf_prefix prefix = filters_prefix(paths->items[i], true);

			if (bpf_source_prefix_number(&prefix) == letter->prefix &&
			    match_uid(&daemon->config.watches[w], &daemon->people, letter->uid)) {
				*ret_path = glob_is_pattern(paths->items[i]) ? NULL
									     : paths->items[i];
				return (ssize_t)w;
			}
		}
	}
	return MATCH_NONE;
}

struct prefix_list {
	struct bpf_prefix *items; /* owned */
	size_t count;
};

static int add_prefixes(struct prefix_list *list, const struct string_list *globs, bool exact)
{
	struct bpf_prefix *items = realloc(list->items,
					   (list->count + globs->count + 1) * sizeof(*items));

	if (!items)
		return -ENOMEM;
	list->items = items;
	for (size_t i = 0; i < globs->count; i++)
		items[list->count++] = filters_prefix(globs->items[i], exact);
	return 0;
}

struct marking {
	struct bpf_source *source;
	const struct config *config;
	struct obit_cgroup *old; /* what was marked before, `pad` set where it stays so; owned */
	size_t count;
};

static int compare_cgroups(const void *x, const void *y)
{
	const struct obit_cgroup *a = x, *b = y;

	if (a->hierarchy != b->hierarchy)
		return a->hierarchy < b->hierarchy ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

static bool is_looked_for(const struct config *config, const char *path)
{
	for (size_t w = 0; w < config->watch_count; w++) {
		const struct watch_config *watch = &config->watches[w];

		for (size_t i = 0; !watch->path.count && i < watch->cgroup.count; i++)
			if (glob_match(watch->cgroup.items[i], path))
				return true;
	}
	return false;
}

static void mark_cgroup(void *arg, const struct obit_cgroup *key, const char *path)
{
	const struct marking *marking = arg;
	struct obit_cgroup *old;

	if (!is_looked_for(marking->config, path))
		return;
	bpf_source_add_cgroup(marking->source, key);
	old = marking->count
		      ? bsearch(key, marking->old, marking->count, sizeof(*key), compare_cgroups)
		      : NULL;
	if (old)
		old->pad = 1;
}

/* Cgroups that went during the walk may have made it begin anew: then some were told twice. */
static size_t drop_doubles(struct obit_cgroup *cgroups, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (!kept || compare_cgroups(&cgroups[i], &cgroups[kept - 1]) != 0)
			cgroups[kept++] = cgroups[i];
	return kept;
}

/* What stays is never absent meanwhile: a process that is born there then would be lost. Nor is what the hook marks during
 * the walk. */
static int mark_cgroups(struct daemon *daemon, const struct config *config, bool any)
{
	struct marking marking = {.source = daemon->source, .config = config};
	int r = bpf_source_list_cgroups(daemon->source, &marking.old, &marking.count);

	if (r < 0)
		return r;
	if (marking.count)
		qsort(marking.old, marking.count, sizeof(*marking.old), compare_cgroups);
	marking.count = drop_doubles(marking.old, marking.count);
	if (marking.count || any)
		cgroupfs_walk(&daemon->cgroupfs, mark_cgroup, &marking);
	for (size_t i = 0; i < marking.count; i++)
		if (!marking.old[i].pad)
			bpf_source_drop_cgroup(daemon->source, &marking.old[i]);
	free(marking.old);
	return 0;
}

_Static_assert(CONFIG_RECIPE_MAX == OBIT_RECIPE_MAX, "the kernel side can tell as much");

static void tell_recipe_max(struct daemon *daemon, const struct config *config)
{
	uint64_t has = bpf_source_ring_bytes(daemon->source), needs = config_ring_bytes(config);

	bpf_source_set_recipe_max(daemon->source, (__u32)config_recipe_max(config));
	if (needs > config->ring_size && needs > has)
		log_warning("recipe_max asks for a ring of %" PRIu64 " KiB, and the one in the pin "
			    "directory has %" PRIu64 " KiB: arguments may be lost until obitd is "
			    "started with an empty pin directory",
			    needs / 1024, has / 1024);
}

/* Cgroups made from now on are seen by the hook; then those that exist are marked. */
int filters_tell(struct daemon *daemon, const struct config *config)
{
	struct prefix_list paths = {0}, cgroups = {0};
	int r = 0;

	tell_recipe_max(daemon, config);
	for (size_t w = 0; r == 0 && w < config->watch_count; w++) {
		const struct watch_config *watch = &config->watches[w];

		r = watch->path.count ? add_prefixes(&paths, &watch->path, true)
				      : add_prefixes(&cgroups, &watch->cgroup, false);
	}
	if (r == 0)
		r = bpf_source_set_paths(daemon->source, paths.items, paths.count);
	if (r == 0)
		r = bpf_source_set_cgroups(daemon->source, cgroups.items, cgroups.count);
	if (r == 0)
		r = mark_cgroups(daemon, config, cgroups.count > 0);
	free(paths.items);
	free(cgroups.items);
	return r;
}
