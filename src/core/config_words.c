// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A watch that somebody types (`obit watch`): the keys of the configuration, their setters and their sentences, but
 * each word is one assignment and needs no quotes of its own. */
#include "core/config_internal.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

#define W(field) offsetof(struct watch_config, field)
static const struct config_key own_keys[] = {
	{"name", config_set_name, W(name), false, {0}},
	{"pid", config_set_pid, W(pid), false, {0}},
};
#undef W

/* Who names a process has said all about whom the watch means. */
static const char *const match_keys[] = {"path", "cgroup", "argv0", "args", "uid", "container"};

struct words {
	struct config_report report;
	struct watch_config *watch;
	size_t own_set[ARRAY_SIZE(own_keys)]; /* how often each key was there */
	size_t set[CONFIG_KEYS_MAX];
};

static const struct config_key *find_key(struct words *words, const char *name, size_t **ret_set)
{
	const struct config_key *key = config_find_key(&config_watch_section, name);

	for (size_t i = 0; i < ARRAY_SIZE(own_keys); i++) {
		if (strcmp(own_keys[i].name, name) != 0)
			continue;
		*ret_set = &words->own_set[i];
		return &own_keys[i];
	}
	if (key)
		*ret_set = &words->set[key - config_watch_section.keys];
	return key;
}

static int take_value(struct words *words, const char *name, const char *text)
{
	size_t *set;
	const struct config_key *key = find_key(words, name, &set);
	struct config_value value = {.report = &words->report, .key = name, .text = text};

	if (!key)
		return config_fail_unknown(&words->report, 0, &config_watch_section, name);
	if (*set && !key->list)
		return config_fail(&words->report, 0, "'%s' is set already; expected it once",
				   name);
	value.position = (*set)++;
	return key->set(&value, &key->limits, (char *)words->watch + key->offset);
}

static int take_word(struct words *words, const char *word)
{
	size_t length = strcspn(word, "=");
	_cleanup_free_ char *name = strndup(word, length);
	char shown[CONFIG_SHOWN_SIZE];

	if (!name)
		return -ENOMEM;
	if (!word[length])
		return config_fail(&words->report, 0, "'%s' has no value; expected KEY=VALUE",
				   config_shown(word, shown));
	return take_value(words, name, word + length + 1);
}

static int check_whom(struct words *words)
{
	size_t *set = NULL;

	if (!words->watch->pid && !words->watch->path.count && !words->watch->cgroup.count)
		return config_fail(&words->report, 0,
				   "nothing to be watched; expected a path, a cgroup or a pid");
	for (size_t i = 0; words->watch->pid && i < ARRAY_SIZE(match_keys); i++)
		if (find_key(words, match_keys[i], &set) && *set)
			return config_fail(&words->report, 0,
					   "'%s' is set beside a pid; expected the pid alone to "
					   "say what is watched",
					   match_keys[i]);
	return 0;
}

int config_read_words(const char *const *list, size_t count, struct watch_config *ret,
		      struct config_error *ret_error)
{
	_cleanup_(watch_config_free) struct watch_config watch = {0};
	struct words words = {.report = {.error = ret_error}, .watch = &watch};
	int r = 0;

	watch_config_init(&watch);
	for (size_t i = 0; r >= 0 && i < count; i++)
		r = take_word(&words, list[i]);
	if (r >= 0)
		r = check_whom(&words);
	if (r < 0)
		return r == -ENOMEM ? config_fail_memory(&words.report) : r;
	*ret = watch;
	watch = (struct watch_config){0};
	return 0;
}

static int name_watch(const struct config *config, struct watch_config *watch)
{
	_cleanup_(config_names_free) struct config_names names = {0};
	char name[CONFIG_NAME_MAX + 1];

	if (watch->name)
		return 0;
	config_name_of_pattern(watch->path.count ? watch->path.items[0] : watch->cgroup.items[0],
			       name);
	if (config_names_of(config, &names) < 0 || config_names_take(&names, name) < 0)
		return -ENOMEM;
	watch->name = strndup(name, strlen(name));
	return watch->name ? 0 : -ENOMEM;
}

static int fail_taken(struct config_report *report, const struct watch_config *holder)
{
	char where[CONFIG_SHOWN_SIZE];

	if (holder->line)
		return config_fail(report, 0,
				   "watch '%s' is there already, from %s:%u; expected another name",
				   holder->name, config_shown(holder->file, where), holder->line);
	return config_fail(report, 0, "watch '%s' is there already; expected another name",
			   holder->name);
}

int config_take_watch(struct config *config, struct watch_config *watch,
		      struct config_error *ret_error)
{
	struct config_report report = {.error = ret_error};
	const struct watch_config *holder;

	if (config->watch_count >= CONFIG_WATCHES_MAX)
		return config_fail(&report, 0, "too many watches; expected at most %d",
				   CONFIG_WATCHES_MAX);
	if (name_watch(config, watch) < 0)
		return config_fail_memory(&report);
	holder = config_find_watch(config, watch->name);
	if (holder)
		return fail_taken(&report, holder);
	if (config_append(config, watch) < 0)
		return config_fail_memory(&report);
	return 0;
}
