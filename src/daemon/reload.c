// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A configuration in place of the one before (at the start: of none), with all that goes on under it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/daemon.h"
#include "daemon/put.h"

/* Where it is in the configuration before: those that a reload keeps keep their order, most of them, so the search goes
 * on at the last one that was found. */
static ssize_t find_watch_from(const struct config *config, const char *name, size_t *cursor)
{
	for (size_t n = 0; n < config->watch_count; n++) {
		size_t i = (*cursor + n) % config->watch_count;

		if (strcmp(config->watches[i].name, name) != 0)
			continue;
		*cursor = i;
		return (ssize_t)i;
	}
	return MATCH_NONE;
}

static ssize_t find_watch(const struct config *config, const char *name)
{
	return find_watch_from(config, name, &(size_t){0});
}

static bool same_watch(const struct watch_config *a, const struct watch_config *b)
{
	struct json_object *x = render_config(a), *y = render_config(b);
	bool same = json_object_equal(x, y);

	json_object_put(x);
	json_object_put(y);
	return same;
}

static void add_name(struct json_object *lists, const char *list, const char *name)
{
	append_json(json_object_object_get(lists, list), json_object_new_string(name));
}

static struct json_object *summarize(const struct config *old, const struct config *fresh)
{
	struct json_object *lists = json_object_new_object();
	size_t cursor = 0;
	int kept = 0;

	put_json(lists, "added", json_object_new_array());
	put_json(lists, "removed", json_object_new_array());
	put_json(lists, "changed", json_object_new_array());
	for (size_t i = 0; i < old->watch_count; i++)
		if (find_watch_from(fresh, old->watches[i].name, &cursor) < 0)
			add_name(lists, "removed", old->watches[i].name);
	cursor = 0;
	for (size_t i = 0; i < fresh->watch_count; i++) {
		ssize_t before = find_watch_from(old, fresh->watches[i].name, &cursor);

		if (before < 0)
			add_name(lists, "added", fresh->watches[i].name);
		else if (!same_watch(&old->watches[before], &fresh->watches[i]))
			add_name(lists, "changed", fresh->watches[i].name);
		else
			kept++;
	}
	put_json(lists, "kept", json_object_new_int(kept));
	return lists;
}

struct recall {
	const struct daemon *daemon;
	const struct config *fresh;
	struct watch_state *states;
};

/* What is new begins with the deaths that are known of its name, from a daemon before this one. */
static bool recall_death(void *arg, struct json_object *obituary, size_t length)
{
	const struct recall *recall = arg;
	const char *name = publish_main_of(obituary);
	ssize_t watch = name ? find_watch(recall->fresh, name) : MATCH_NONE;

	(void)length;
	if (watch < 0 || find_watch(&recall->daemon->config, name) >= 0)
		return true;
	recall->states[watch].deaths++;
	if (!recall->states[watch].last_death)
		recall->states[watch].last_death = json_object_get(obituary);
	return true;
}

static int make_states(struct daemon *daemon, const struct config *fresh, struct watch_state **ret)
{
	struct watch_state *states = calloc(fresh->watch_count + 1, sizeof(*states));
	size_t cursor = 0;

	if (!states)
		return -ENOMEM;
	for (size_t i = 0; i < fresh->watch_count; i++) {
		ssize_t before = find_watch_from(&daemon->config, fresh->watches[i].name, &cursor);

		states[i].absent_since_ns = clock_running_ns();
		if (before < 0)
			continue;
		states[i] = daemon->watches[before];
		json_object_get(states[i].last_death);
	}
	publish_newest(daemon, recall_death,
		       &(struct recall){.daemon = daemon, .fresh = fresh, .states = states});
	*ret = states;
	return 0;
}

static void drop_removed(struct daemon *daemon, const struct config *fresh)
{
	for (size_t i = 0; i < daemon->config.watch_count; i++)
		if (find_watch(fresh, daemon->config.watches[i].name) < 0)
			keep_drop_watch(daemon, daemon->config.watches[i].name);
}

/* Again, since instances that were dropped have added theirs. */
static void take_restarts(const struct daemon *daemon, const struct config *fresh,
			  struct watch_state *states)
{
	size_t cursor = 0;

	for (size_t i = 0; i < fresh->watch_count; i++) {
		ssize_t before = find_watch_from(&daemon->config, fresh->watches[i].name, &cursor);

		if (before >= 0)
			states[i].restarts = daemon->watches[before].restarts;
	}
}

static void free_states(struct watch_state *states, size_t count)
{
	for (size_t i = 0; i < count; i++)
		json_object_put(states[i].last_death);
	free(states);
}

/* Whom a watch by pid means was settled when it began. */
static bool still_matches(const struct daemon *daemon, const struct match_index *match,
			  size_t watch, const struct instance *instance)
{
	return match->watches[watch].pid || !instance->recipe ||
	       match_find(match, &daemon->people, instance->recipe) == (ssize_t)watch;
}

/* What an instance belongs to under the new configuration; nothing, if its own watch no longer matches. */
static void move_instance(struct daemon *daemon, struct instance *instance,
			  const struct config *fresh, const struct match_index *match,
			  size_t *cursor)
{
	const char *name = watch_of(daemon, instance)->name;
	ssize_t now = find_watch_from(fresh, name, cursor);
	bool fits = now >= 0 && still_matches(daemon, match, (size_t)now, instance);

	if (!fits || policy_set_config(&instance->policy, &fresh->watches[now]) < 0) {
		events_drop_instance(daemon, instance);
		return;
	}
	probes_set_config(instance, &fresh->watches[now]);
	instance->watch = (size_t)now;
}

/* Their watches have other numbers now. */
static void list_by_watch(struct daemon *daemon, struct watch_state *states, size_t count)
{
	struct instance *instance;

	for (size_t i = 0; i < count; i++)
		states[i].instances = NULL;
	DL_FOREACH (daemon->lineage.instances, instance)
		DL_APPEND2(states[instance->watch].instances, instance, watch_prev, watch_next);
}

static void go_on_with_probes(struct daemon *daemon)
{
	struct instance *instance, *next;

	DL_FOREACH_SAFE (daemon->lineage.instances, instance, next)
		probes_go_on(daemon, instance);
}

int reload_apply(struct daemon *daemon, struct config *fresh, struct json_object **summary)
{
	struct config before = daemon->config;
	_cleanup_(match_index_clear) struct match_index match = {0};
	struct watch_state *states = NULL;
	struct instance *instance, *next;
	size_t cursor = 0;
	int r = match_index_make(fresh, &match);

	if (r < 0)
		return r;
	r = make_states(daemon, fresh, &states);
	if (r < 0)
		return r;
	r = filters_tell(daemon, fresh);
	if (r < 0) {
		filters_tell(daemon, &daemon->config);
		free_states(states, fresh->watch_count);
		return r;
	}
	if (summary)
		*summary = summarize(&daemon->config, fresh);
	DL_FOREACH_SAFE (daemon->lineage.instances, instance, next)
		move_instance(daemon, instance, fresh, &match, &cursor);
	lineage_forget_gone(&daemon->lineage);
	take_restarts(daemon, fresh, states);
	list_by_watch(daemon, states, fresh->watch_count);
	drop_removed(daemon, fresh);
	free_states(daemon->watches, daemon->config.watch_count);
	daemon->config = *fresh;
	match_index_clear(&daemon->match);
	daemon->match = match;
	match = (struct match_index){0};
	daemon->watches = states;
	owners_follow_reload(daemon, &before);
	config_free(&before);
	config_init(fresh);
	log_set_level(daemon->config.log_level);
	publish_configure(daemon);
	DL_FOREACH (daemon->lineage.instances, instance)
		vigil_follow(daemon, instance);
	if (!daemon->is_ready) {
		tally_recall(daemon);
		takeover(daemon);
	}
	daemon->is_ready = true;
	tally_all(daemon);
	go_on_with_probes(daemon);
	losses_rescan(daemon);
	return 0;
}

void reload_free(struct daemon *daemon)
{
	free_states(daemon->watches, daemon->config.watch_count);
	match_index_clear(&daemon->match);
	config_free(&daemon->config);
}

#define LOGGED_NAMES 20

/* "added a, b", behind a semicolon if there is something before it; or nothing. Returns what is used by then. */
static size_t describe_names(struct json_object *summary, const char *what, char *buf, size_t size,
			     size_t used)
{
	struct json_object *names = json_object_object_get(summary, what);
	size_t count = json_count(names);

	for (size_t i = 0; i < count && i < LOGGED_NAMES && used < size; i++) {
		struct json_object *name = json_object_array_get_idx(names, i);

		if (i)
			used += (size_t)snprintf(buf + used, size - used, ", %s",
						 json_object_get_string(name));
		else
			used += (size_t)snprintf(buf + used, size - used, "%s%s %s",
						 used ? "; " : "", what,
						 json_object_get_string(name));
	}
	if (count > LOGGED_NAMES && used < size)
		used += (size_t)snprintf(buf + used, size - used, " and %zu more",
					 count - LOGGED_NAMES);
	return used;
}

static void log_reload(struct json_object *summary)
{
	char text[3 * LOGGED_NAMES * 72];
	size_t used = describe_names(summary, "added", text, sizeof(text), 0);

	used = describe_names(summary, "changed", text, sizeof(text), used);
	used = describe_names(summary, "removed", text, sizeof(text), used);
	log_notice("configuration reloaded: %s; %d kept", used ? text : "nothing has changed",
		   json_object_get_int(json_object_object_get(summary, "kept")));
}

/* What was logged about it: whoever asks for a reload does not look there. */
static struct json_object *warnings_of(const struct config *config)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < config->warnings.count; i++)
		append_json(array, text_to_json(config->warnings.items[i],
						strlen(config->warnings.items[i])));
	return array;
}

static int reload(struct daemon *daemon, struct config_error *error, struct json_object **summary)
{
	struct json_object *changes = NULL, *warnings;
	struct config fresh;
	int r = settings_load(daemon->options, &fresh, error);

	if (r < 0)
		return r;
	warnings = warnings_of(&fresh);
	r = reload_apply(daemon, &fresh, &changes);
	config_free(&fresh);
	if (r < 0) {
		snprintf(error->text, sizeof(error->text), "cannot apply the configuration: %s",
			 strerror(-r));
		json_object_put(warnings);
		return r;
	}
	log_reload(changes);
	put_json(changes, "warnings", warnings);
	if (summary)
		*summary = json_object_get(changes);
	json_object_put(changes);
	return 0;
}

int reload_now(struct daemon *daemon, struct config_error *error, struct json_object **summary)
{
	int r;

	manager_reloading(daemon);
	r = reload(daemon, error, summary);
	manager_ready(daemon);
	return r;
}
