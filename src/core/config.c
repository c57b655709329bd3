// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/config.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "core/config_internal.h"
#include "core/glob.h"

#define SHOWN_FILE_SIZE	  256
#define MESSAGE_SIZE	  512
#define DEFAULT_PROCESSES 131072
#define DEFAULT_STARTS	  16
#define DEFAULT_TAKEOVER  (60 * NS_PER_SEC)
#define DEFAULT_RING	  (UINT64_C(1) << 20)
#define DEFAULT_RECIPE	  (UINT64_C(256) << 10)
#define DEFAULT_HISTORY	  (UINT64_C(16) << 20)
#define PATTERN_FILE	  "command line"

int config_fail(struct config_report *report, unsigned line, const char *fmt, ...)
{
	char raw[MESSAGE_SIZE], file[SHOWN_FILE_SIZE], number[16] = "";
	char *text = report->error->text;
	size_t used;
	va_list ap;

	if (report->failed)
		return -EINVAL;
	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	text[0] = '\0';
	if (line)
		snprintf(number, sizeof(number), "%u:", line);
	if (report->file) {
		text_printable(file, sizeof(file), report->file, strlen(report->file));
		snprintf(text, sizeof(report->error->text), "%s:%s ", file, number);
	}
	used = strlen(text);
	text_printable(text + used, sizeof(report->error->text) - used, raw, strlen(raw));
	report->failed = true;
	return -EINVAL;
}

const char *config_shown(const char *text, char buf[static CONFIG_SHOWN_SIZE])
{
	static const char cut[] = "...";
	size_t length = strlen(text), room = CONFIG_SHOWN_SIZE - sizeof(cut) + 1;

	/* An escape is four characters long: what may not fit is told as cut. */
	if (text_printable(buf, CONFIG_SHOWN_SIZE, text, length) >= room || length >= room) {
		size_t used = text_printable(buf, room, text, length);

		memcpy(buf + used, cut, sizeof(cut));
	}
	return buf;
}

int config_warn(struct config *config, const char *file, unsigned line, const char *fmt, ...)
{
	struct config_error error;
	struct config_report report = {.file = file, .error = &error};
	char text[MESSAGE_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	config_fail(&report, line, "%s", text);
	return config_list_add(&config->warnings, error.text);
}

/* ---- structures ---- */

void watch_config_init(struct watch_config *watch)
{
	*watch = (struct watch_config){
		.uid = {.match = UID_SERVICE},
		.container = CONTAINER_NO,
		.restart = RESTART_ON_FAILURE,
		.backoff_initial_ns = 200 * NS_PER_MS,
		.backoff_factor = 2,
		.backoff_max_ns = 30 * NS_PER_SEC,
		.backoff_jitter = 0.2,
		.backoff_reset_ns = 2 * NS_PER_MIN,
		.start_limit_interval_ns = 10 * NS_PER_SEC,
		.kill_signal = SIGTERM,
		.kill_timeout_ns = 10 * NS_PER_SEC,
		.kill_mode = KILL_MODE_INSTANCE,
		.owner = OWNER_AUTO,
		.settle_ns = 10 * NS_PER_SEC,
		.start_timeout_ns = 30 * NS_PER_SEC,
		.stop_grace_ns = 90 * NS_PER_SEC,
		.recipe_max = DEFAULT_RECIPE,
		.recover_within_ns = 5 * NS_PER_MIN,
		.hook_timeout_ns = 30 * NS_PER_SEC,
	};
}

/* What a watch owns, beside the list of its uids. */
#define W(field) offsetof(struct watch_config, field)
static const size_t owned_strings[] = {
	W(name), W(file),      W(argv0),   W(args),	  W(container_glob), W(command),
	W(user), W(directory), W(on_exit), W(on_restart), W(on_give_up),     W(on_hang),
};
static const size_t owned_lists[] = {W(path), W(cgroup), W(env)};
#undef W

static char **string_at(struct watch_config *watch, size_t offset)
{
	return (char **)((char *)watch + offset);
}

static struct string_list *list_at(struct watch_config *watch, size_t offset)
{
	return (struct string_list *)((char *)watch + offset);
}

void watch_config_free(struct watch_config *watch)
{
	for (size_t i = 0; i < ARRAY_SIZE(owned_strings); i++)
		free(*string_at(watch, owned_strings[i]));
	for (size_t i = 0; i < ARRAY_SIZE(owned_lists); i++)
		config_list_free(list_at(watch, owned_lists[i]));
	config_probes_free(watch);
	free(watch->uid.uids);
	free(watch->account);
	*watch = (struct watch_config){0};
}

int config_own_string(char **string)
{
	if (!*string)
		return 0;
	*string = strndup(*string, strlen(*string));
	return *string ? 0 : -ENOMEM;
}

int config_own_account(struct account **account)
{
	const struct account *theirs = *account;

	if (!theirs)
		return 0;
	*account = malloc(sizeof(**account));
	if (!*account)
		return -ENOMEM;
	**account = *theirs;
	return 0;
}

int config_own_list(struct string_list *list)
{
	struct string_list theirs = *list;
	int r = 0;

	*list = (struct string_list){0};
	for (size_t i = 0; r == 0 && i < theirs.count; i++)
		r = config_list_add(list, theirs.items[i]);
	return r;
}

static int own_uids(struct uid_rule *rule)
{
	const uint32_t *theirs = rule->uids;

	if (!theirs)
		return 0;
	rule->uids = reallocarray(NULL, rule->uid_count, sizeof(*rule->uids));
	if (!rule->uids)
		return -ENOMEM;
	memcpy(rule->uids, theirs, rule->uid_count * sizeof(*rule->uids));
	return 0;
}

/* On failure `copy` can be freed all the same: each pointer is its own, or NULL. */
static int copy_watch(const struct watch_config *watch, struct watch_config *copy)
{
	int r;

	*copy = *watch;
	r = own_uids(&copy->uid);
	r = config_own_account(&copy->account) < 0 ? -ENOMEM : r;
	r = config_probes_own(copy) < 0 ? -ENOMEM : r;
	for (size_t i = 0; i < ARRAY_SIZE(owned_strings); i++)
		r = config_own_string(string_at(copy, owned_strings[i])) < 0 ? -ENOMEM : r;
	for (size_t i = 0; i < ARRAY_SIZE(owned_lists); i++)
		r = config_own_list(list_at(copy, owned_lists[i])) < 0 ? -ENOMEM : r;
	return r;
}

#define D(field) offsetof(struct watchdog_config, field)
static const size_t watchdog_strings[] = {D(governor), D(on_starve), D(own_cgroup),
					  D(pretimeout_place), D(on_starve_place)};
#undef D

static char **watchdog_string(struct watchdog_config *watchdog, size_t i)
{
	return (char **)((char *)watchdog + watchdog_strings[i]);
}

void config_init(struct config *config)
{
	*config = (struct config){
		.watchdog = {.timeout_ns = 30 * NS_PER_SEC,
			     .on_starve_timeout_ns = 30 * NS_PER_SEC,
			     .reset_limit = 3,
			     .disarm_on_stop = true},
		.log_level = LOG_INFO,
		.max_processes = DEFAULT_PROCESSES,
		.max_parallel_starts = DEFAULT_STARTS,
		.takeover_window_ns = DEFAULT_TAKEOVER,
		.history_size = DEFAULT_HISTORY,
		.ring_size = DEFAULT_RING,
	};
}

void config_free(struct config *config)
{
	for (size_t i = 0; i < config->watch_count; i++)
		watch_config_free(&config->watches[i]);
	free(config->watches);
	for (size_t i = 0; i < config->owner_count; i++)
		owner_config_free(&config->owners[i]);
	free(config->owners);
	config_list_free(&config->watchdog.device);
	for (size_t i = 0; i < ARRAY_SIZE(watchdog_strings); i++)
		free(*watchdog_string(&config->watchdog, i));
	config_list_free(&config->include);
	config_list_free(&config->include_armourd);
	config_list_free(&config->warnings);
	*config = (struct config){0};
}

const struct watch_config *config_find_watch(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->watch_count; i++)
		if (strcmp(config->watches[i].name, name) == 0)
			return &config->watches[i];
	return NULL;
}

uint64_t config_recipe_max(const struct config *config)
{
	uint64_t most = 0;

	for (size_t i = 0; i < config->watch_count; i++)
		if (config->watches[i].recipe_max > most)
			most = config->watches[i].recipe_max;
	return most;
}

uint64_t config_ring_bytes(const struct config *config)
{
	uint64_t most = config_recipe_max(config), needed = most > DEFAULT_RECIPE ? 4 * most : 0;

	return needed > config->ring_size ? needed : config->ring_size;
}

static int reserve_watches(struct config *config, size_t more)
{
	size_t needed = config->watch_count + more, room = 2 * config->watch_room;
	struct watch_config *watches;

	if (needed <= config->watch_room)
		return 0;
	if (room < needed)
		room = needed;
	watches = reallocarray(config->watches, room, sizeof(*watches));
	if (!watches)
		return -ENOMEM;
	config->watches = watches;
	config->watch_room = room;
	return 0;
}

/* An empty configuration with the global settings of `config`, and nothing that is owned. */
static struct config inherit(const struct config *config)
{
	struct config next = *config;

	next.watches = NULL;
	next.watch_count = next.watch_room = 0;
	next.owners = NULL;
	next.owner_count = 0;
	next.watchdog.device = (struct string_list){0};
	for (size_t i = 0; i < ARRAY_SIZE(watchdog_strings); i++)
		*watchdog_string(&next.watchdog, i) = NULL;
	next.include = next.include_armourd = next.warnings = (struct string_list){0};
	return next;
}

static int copy_owners(const struct config *config, struct config *copy)
{
	if (config_reserve_owners(copy, config->owner_count) < 0)
		return -ENOMEM;
	while (copy->owner_count < config->owner_count) {
		size_t i = copy->owner_count++;

		if (owner_config_copy(&config->owners[i], &copy->owners[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* On failure `copy` can be freed all the same. */
static int copy_watchdog(const struct watchdog_config *watchdog, struct watchdog_config *copy)
{
	int r;

	*copy = *watchdog;
	r = config_own_list(&copy->device);
	for (size_t i = 0; i < ARRAY_SIZE(watchdog_strings); i++)
		r = config_own_string(watchdog_string(copy, i)) < 0 ? -ENOMEM : r;
	return r;
}

int config_copy(const struct config *config, struct config *ret)
{
	_cleanup_(config_free) struct config copy = inherit(config);

	if (copy_watchdog(&config->watchdog, &copy.watchdog) < 0 ||
	    copy_owners(config, &copy) < 0 || reserve_watches(&copy, config->watch_count) < 0)
		return -ENOMEM;
	while (copy.watch_count < config->watch_count) {
		size_t i = copy.watch_count++;

		if (copy_watch(&config->watches[i], &copy.watches[i]) < 0)
			return -ENOMEM;
	}
	*ret = copy;
	copy = (struct config){0};
	return 0;
}

void config_drop_watch(struct config *config, size_t index)
{
	watch_config_free(&config->watches[index]);
	config->watch_count--;
	memmove(config->watches + index, config->watches + index + 1,
		(config->watch_count - index) * sizeof(*config->watches));
}

int config_append(struct config *config, struct watch_config *watch)
{
	if (reserve_watches(config, 1) < 0)
		return -ENOMEM;
	config->watches[config->watch_count++] = *watch;
	*watch = (struct watch_config){0};
	return 0;
}

int config_add_watch(struct config *config, const char *name, const char *file, unsigned line)
{
	_cleanup_free_ char *own_name = strndup(name, strlen(name));
	_cleanup_free_ char *own_file = strndup(file, strlen(file));
	struct watch_config *watch;

	if (!own_name || !own_file || reserve_watches(config, 1) < 0)
		return -ENOMEM;
	watch = &config->watches[config->watch_count++];
	watch_config_init(watch);
	watch->name = TAKE_PTR(own_name);
	watch->file = TAKE_PTR(own_file);
	watch->line = line;
	return 0;
}

/* ---- a file ---- */

static int reserve_items(struct string_list *list, const struct string_list *more)
{
	char **items;

	if (!more->count)
		return 0;
	items = reallocarray(list->items, list->count + more->count, sizeof(*items));
	if (!items)
		return -ENOMEM;
	list->items = items;
	return 0;
}

/* There is room. */
static void move_items(struct string_list *list, struct string_list *more)
{
	if (more->count)
		memcpy(list->items + list->count, more->items, more->count * sizeof(*more->items));
	list->count += more->count;
	more->count = 0;
}

/* Takes `old` where there is nothing new, else releases it. */
static void keep_string(char **string, char *old)
{
	if (*string)
		free(old);
	else
		*string = old;
}

/* Numbers were inherited: they are those of `watchdog`, unless the file has others. */
static void merge_watchdog(struct watchdog_config *watchdog, struct watchdog_config *next)
{
	struct watchdog_config old = *watchdog;

	*watchdog = *next;
	next->device = (struct string_list){0};
	for (size_t i = 0; i < ARRAY_SIZE(watchdog_strings); i++) {
		*watchdog_string(next, i) = NULL;
		keep_string(watchdog_string(watchdog, i), *watchdog_string(&old, i));
	}
	if (watchdog->device.count)
		config_list_free(&old.device);
	else
		watchdog->device = old.device;
}

/* Moves what `next` has over to `config`, or nothing: memory is had before anything moves. */
static int merge(struct config *config, struct config *next)
{
	if (next->watch_count && reserve_watches(config, next->watch_count) < 0)
		return -ENOMEM;
	if (config_reserve_owners(config, next->owner_count) < 0 ||
	    reserve_items(&config->include, &next->include) < 0 ||
	    reserve_items(&config->include_armourd, &next->include_armourd) < 0 ||
	    reserve_items(&config->warnings, &next->warnings) < 0)
		return -ENOMEM;
	move_items(&config->include, &next->include);
	move_items(&config->include_armourd, &next->include_armourd);
	move_items(&config->warnings, &next->warnings);
	if (next->watch_count)
		memcpy(config->watches + config->watch_count, next->watches,
		       next->watch_count * sizeof(*next->watches));
	config->watch_count += next->watch_count;
	next->watch_count = 0;
	if (next->owner_count)
		memcpy(config->owners + config->owner_count, next->owners,
		       next->owner_count * sizeof(*next->owners));
	config->owner_count += next->owner_count;
	next->owner_count = 0;
	config->log_level = next->log_level;
	config->max_processes = next->max_processes;
	config->max_parallel_starts = next->max_parallel_starts;
	config->takeover_window_ns = next->takeover_window_ns;
	config->journal = next->journal;
	config->history_size = next->history_size;
	config->ring_size = next->ring_size;
	config->include_line = next->include_line;
	config->include_armourd_line = next->include_armourd_line;
	merge_watchdog(&config->watchdog, &next->watchdog);
	return 0;
}

/* Each may come from another file. */
int config_check_pretimeout(const struct config *config, struct config_error *ret_error)
{
	const struct watchdog_config *watchdog = &config->watchdog;
	char pretimeout[CLOCK_SPAN_SIZE], timeout[CLOCK_SPAN_SIZE];

	if (watchdog->pretimeout_ns < watchdog->timeout_ns)
		return 0;
	snprintf(ret_error->text, sizeof(ret_error->text),
		 "%s: pretimeout: %s is too long; expected less than the timeout of %s",
		 watchdog->pretimeout_place ? watchdog->pretimeout_place : "?",
		 clock_span(watchdog->pretimeout_ns, pretimeout),
		 clock_span(watchdog->timeout_ns, timeout));
	return -EINVAL;
}

int config_fail_memory(struct config_report *report)
{
	report->failed = false;
	config_fail(report, 0, "out of memory; expected less to configure");
	return -ENOMEM;
}

int config_parse(struct config *config, const char *file, const char *text, size_t length,
		 struct config_error *ret_error)
{
	struct config_report report = {.file = file, .error = ret_error};
	_cleanup_(config_scanned_free) struct config_scanned scanned = {0};
	_cleanup_(config_free) struct config next = inherit(config);
	int r = config_scan(&report, length ? text : "", length, &scanned);

	if (r >= 0)
		r = config_read(&report, config, &next, &scanned);
	if (r >= 0)
		r = merge(config, &next);
	return r == -ENOMEM ? config_fail_memory(&report) : r;
}

/* ---- a watch of a path alone ---- */

int config_add_path_watch(struct config *config, struct config_names *names,
			  const struct config_value *value)
{
	_cleanup_(config_list_free) struct string_list path = {0};
	char name[CONFIG_NAME_MAX + 1];
	int r;

	if (config->watch_count >= CONFIG_WATCHES_MAX)
		return config_fail(value->report, value->line,
				   "too many watches; expected at most %d", CONFIG_WATCHES_MAX);
	r = config_add_path(value, NULL, &path);
	if (r < 0)
		return r;
	config_name_of_pattern(value->text, name);
	r = config_names_take(names, name);
	if (r < 0)
		return r;
	r = config_add_watch(config, name, value->report->file, value->line);
	if (r < 0)
		return r;
	config->watches[config->watch_count - 1].path = path;
	path = (struct string_list){0};
	return 0;
}

/* ---- a pattern of the command line ---- */

int config_add_pattern(struct config *config, const char *pattern, struct config_error *ret_error)
{
	struct config_report report = {.file = PATTERN_FILE, .error = ret_error};
	struct config_value value = {.report = &report, .key = "path", .text = pattern};
	_cleanup_(config_names_free) struct config_names names = {0};
	int r = config_names_of(config, &names);

	if (r >= 0)
		r = config_add_path_watch(config, &names, &value);
	return r == -ENOMEM ? config_fail_memory(&report) : r;
}
