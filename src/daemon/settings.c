// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Configuration files into watches, and watches into what the kernel side looks for. */
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/command.h"
#include "core/glob.h"
#include "daemon/daemon.h"
#include "daemon/put.h"
#include "io/config_files.h"
#include "io/trust.h"

/* ---- loading ---- */

/* `line` is that of a key, or 0 where nobody has written it. */
static void say_where(const struct watch_config *watch, unsigned line, struct config_error *error,
		      const char *what)
{
	if (watch->line)
		snprintf(error->text, sizeof(error->text), "%.120s:%u: watch %s: %.250s",
			 watch->file ? watch->file : "?", line ? line : watch->line, watch->name,
			 what);
	else
		snprintf(error->text, sizeof(error->text), "%.300s", what);
}

/* The real path of the longest part that exists, with the rest as it was written: a binary may be installed
 * later. */
static char *resolve(const char *path)
{
	char real[PATH_MAX];
	_cleanup_free_ char *head = strdup(path), *parent = NULL;
	char *slash, *all = NULL;

	if (realpath(path, real))
		return strdup(real);
	slash = head ? strrchr(head, '/') : NULL;
	if (!slash || slash == head)
		return strdup(path);
	*slash = '\0';
	parent = resolve(head);
	if (!parent ||
	    asprintf(&all, "%s/%s", strcmp(parent, "/") != 0 ? parent : "", slash + 1) < 0)
		return NULL;
	return all;
}

/* Of a glob the directory in front of the first special character is resolved. */
static char *resolve_glob(const char *pattern)
{
	_cleanup_free_ char *head = strndup(pattern, glob_literal_prefix(pattern)), *real = NULL;
	char *slash = head ? strrchr(head, '/') : NULL, *all = NULL;
	size_t length;

	if (!slash || slash == head)
		return strdup(pattern);
	length = (size_t)(slash - head);
	*slash = '\0';
	real = resolve(head);
	if (!real ||
	    asprintf(&all, "%s%s", strcmp(real, "/") != 0 ? real : "", pattern + length) < 0)
		return NULL;
	return all;
}

static void warn_of(const struct watch_config *watch, unsigned line, const char *what)
{
	struct config_error warning;

	say_where(watch, line, &warning, what);
	log_warning("%s", warning.text);
}

/* What is there in the place of a program; NULL: it is one. */
static const char *not_a_program(const struct stat *st)
{
	if (S_ISDIR(st->st_mode))
		return "a directory";
	if (!S_ISREG(st->st_mode))
		return "not a regular file";
	return st->st_mode & 0111 ? NULL : "not executable";
}

static int check_program(const struct watch_config *watch, unsigned line, const char *path,
			 struct config_error *error)
{
	char what[256];
	struct stat st;

	if (stat(path, &st) < 0)
		return 0; /* it may be installed later */
	if (!not_a_program(&st))
		return 0;
	snprintf(what, sizeof(what), "%.150s is %s; expected an executable file", path,
		 not_a_program(&st));
	say_where(watch, line, error, what);
	return -EINVAL;
}

/* The name or number that `user` is, or NULL. */
static int resolve_user(const struct watch_config *watch, unsigned line, const char *user,
			struct account *account, struct config_error *error)
{
	int count = ACCOUNT_GROUPS_MAX;
	struct passwd *entry;
	char what[160];

	if (!user)
		return 0;
	entry = strspn(user, "0123456789") == strlen(user)
			? getpwuid((uid_t)strtoul(user, NULL, 10))
			: getpwnam(user);
	if (!entry) {
		snprintf(what, sizeof(what),
			 "no user %.100s here; expected a name or uid of passwd(5)", user);
		say_where(watch, line, error, what);
		return -EINVAL;
	}
	account->known = true;
	account->uid = entry->pw_uid;
	account->gid = entry->pw_gid;
	getgrouplist(entry->pw_name, entry->pw_gid, account->groups, &count);
	account->group_count = count > ACCOUNT_GROUPS_MAX ? ACCOUNT_GROUPS_MAX : (uint32_t)count;
	return 0;
}

static int add_path(struct watch_config *watch, const char *path)
{
	struct string_list *list = &watch->path;
	char **items = realloc(list->items, (list->count + 1) * sizeof(*items));

	if (!items)
		return -ENOMEM;
	list->items = items;
	items[list->count] = strdup(path);
	if (!items[list->count])
		return -ENOMEM;
	list->count++;
	return 0;
}

static int resolve_watch(struct watch_config *watch, struct config_error *error)
{
	size_t written = watch->pid ? 0 : watch->path.count;

	if (resolve_user(watch, watch->lines.user, watch->user, &watch->account, error) < 0)
		return -EINVAL;
	for (size_t i = 0; i < written; i++) {
		char **path = &watch->path.items[i];
		bool is_glob = glob_is_pattern(*path);
		char *real;

		if (!is_glob && check_program(watch, watch->lines.path, *path, error) < 0)
			return -EINVAL;
		real = is_glob ? resolve_glob(*path) : resolve(*path);
		if (!real) {
			say_where(watch, 0, error, "out of memory");
			return -ENOMEM;
		}
		/* A script is known by the path that its caller wrote, so that one stays beside the real one. */
		if (!is_glob && strcmp(*path, real) != 0 && add_path(watch, *path) < 0) {
			free(real);
			return -ENOMEM;
		}
		path = &watch->path.items[i]; /* the list may have moved */
		free(*path);
		*path = real;
	}
	return 0;
}

/* Whoever has written a `command` has decided what is to be run; but may not know that others can change it. */
static bool others_can_change(const struct watch_config *watch, const char *program,
			      char buf[static RECIPE_SENTENCE_SIZE])
{
	bool may_be_root = !watch->account.known || watch->account.uid == 0;

	return may_be_root && trust_check(program, buf) == -EPERM;
}

/* Only warned of: it may be there, or be put right, when it is started. */
static int check_command(const struct watch_config *watch, struct config_error *error)
{
	_cleanup_free_ const char **argv = NULL;
	_cleanup_free_ char *words = NULL;
	char what[RECIPE_SENTENCE_SIZE + 64], sentence[RECIPE_SENTENCE_SIZE];
	struct stat st;

	if (!watch->command)
		return 0;
	if (command_split(watch->command, &words, &argv) < 0) {
		say_where(watch, 0, error, "out of memory");
		return -ENOMEM;
	}
	if (stat(argv[0], &st) < 0)
		snprintf(what, sizeof(what), "command: %.150s: %s", argv[0], strerror(errno));
	else if (not_a_program(&st))
		snprintf(what, sizeof(what), "command: %.150s is %s; expected an executable file",
			 argv[0], not_a_program(&st));
	else if (others_can_change(watch, argv[0], sentence))
		snprintf(what, sizeof(what), "command: %s; it is started all the same", sentence);
	else
		return 0;
	warn_of(watch, watch->lines.command, what);
	return 0;
}

/* Whose the process was is known when it has died, except where `uid` says so. */
static void check_user(const struct watch_config *watch)
{
	const struct uid_rule *rule = &watch->uid;
	char what[256];

	if (!watch->user || watch->command ||
	    (rule->uid_count == 1 && rule->uids[0] == watch->account.uid))
		return;
	snprintf(what, sizeof(what),
		 "user: nothing that ran as another than %.100s is started without a command; "
		 "expected one",
		 watch->user);
	warn_of(watch, watch->lines.user, what);
}

/* A missing one may be installed later. */
static int check_hook(const struct watch_config *watch, unsigned line, const char *key,
		      const char *command, struct config_error *error)
{
	_cleanup_free_ const char **argv = NULL;
	_cleanup_free_ char *words = NULL;
	char sentence[RECIPE_SENTENCE_SIZE], what[RECIPE_SENTENCE_SIZE + 32];
	int r;

	if (!command)
		return 0;
	if (command_split(command, &words, &argv) < 0) {
		say_where(watch, 0, error, "out of memory");
		return -ENOMEM;
	}
	if (check_program(watch, line, argv[0], error) < 0)
		return -EINVAL;
	r = trust_check(argv[0], sentence);
	if (r == -EPERM) {
		snprintf(what, sizeof(what), "%s: %s", key, sentence);
		say_where(watch, line, error, what);
		return -EINVAL;
	}
	if (r < 0) {
		snprintf(what, sizeof(what), "%s: %s", key, sentence);
		warn_of(watch, line, what);
	}
	return 0;
}

/* What others can change does no harm where it runs as somebody else. */
static int check_probes(struct watch_config *watch, struct config_error *error)
{
	for (size_t i = 0; i < watch->probe_count; i++) {
		struct probe_config *probe = &watch->probes[i];
		int r = resolve_user(watch, probe->user_line, probe->user, &probe->account, error);

		if (r == 0 && probe->type == PROBE_COMMAND && !probe->account.uid)
			r = check_hook(watch, probe->target_line, "probe", probe->target, error);
		if (r < 0)
			return r;
	}
	return 0;
}

int settings_check_watch(struct watch_config *watch, struct config_error *error)
{
	const struct watch_lines *lines = &watch->lines;
	int r = resolve_watch(watch, error);

	if (r == 0)
		check_user(watch);
	if (r == 0)
		r = check_command(watch, error);
	if (r == 0)
		r = check_probes(watch, error);
	if (r == 0)
		r = check_hook(watch, lines->on_exit, "on_exit", watch->on_exit, error);
	if (r == 0)
		r = check_hook(watch, lines->on_restart, "on_restart", watch->on_restart, error);
	if (r == 0)
		r = check_hook(watch, lines->on_give_up, "on_give_up", watch->on_give_up, error);
	return r < 0 ? r : check_hook(watch, lines->on_hang, "on_hang", watch->on_hang, error);
}

/* Who is not installed here is not met here. */
static int check_order(const struct owner_config *owner, unsigned line, const char *key,
		       const char *command, struct config_error *error)
{
	_cleanup_free_ const char **argv = NULL;
	_cleanup_free_ char *words = NULL;
	char sentence[RECIPE_SENTENCE_SIZE];

	if (!command)
		return 0;
	if (command_split(command, &words, &argv) < 0) {
		snprintf(error->text, sizeof(error->text), "out of memory");
		return -ENOMEM;
	}
	if (argv[0][0] != '/' || trust_check(argv[0], sentence) != -EPERM)
		return 0;
	snprintf(error->text, sizeof(error->text), "%.120s:%u: owner %s: %s: %.250s", owner->file,
		 line ? line : owner->line, owner->name, key, sentence);
	return -EINVAL;
}

static int check_owner(const struct owner_config *owner, struct config_error *error)
{
	int r = 0;

	if (!owner->file)
		return 0;
	r = check_order(owner, owner->lines.ask, "ask", owner->ask, error);
	if (r == 0)
		r = check_order(owner, owner->lines.restart, "restart", owner->restart, error);
	if (r == 0)
		r = check_order(owner, owner->lines.start, "start", owner->start, error);
	return r < 0 ? r : check_order(owner, owner->lines.stop, "stop", owner->stop, error);
}

/* The same, for the hook that belongs to no watch. */
static int check_watchdog(const struct watchdog_config *watchdog, struct config_error *error)
{
	_cleanup_free_ const char **argv = NULL;
	_cleanup_free_ char *words = NULL;
	char sentence[RECIPE_SENTENCE_SIZE];
	int r;

	if (!watchdog->on_starve)
		return 0;
	if (command_split(watchdog->on_starve, &words, &argv) < 0) {
		snprintf(error->text, sizeof(error->text), "out of memory");
		return -ENOMEM;
	}
	r = trust_check(argv[0], sentence);
	if (r == -EPERM) {
		snprintf(error->text, sizeof(error->text), "watchdog: on_starve: %s", sentence);
		return -EINVAL;
	}
	if (r < 0)
		log_warning("watchdog: on_starve: %s", sentence);
	return 0;
}

static int load_sources(const struct options *options, struct config *config,
			struct config_error *error)
{
	int r = 0;

	/* A PATTERN is a whole configuration, unless a file is asked for as well. */
	if (options->config_explicit || !options->pattern_count)
		r = config_files_load(options->config, options->config_explicit, config, error);
	for (size_t i = 0; r == 0 && i < options->pattern_count; i++)
		r = config_add_pattern(config, options->patterns[i], error);
	for (size_t i = 0; r == 0 && i < config->watch_count; i++)
		r = settings_check_watch(&config->watches[i], error);
	if (r == 0)
		r = config_complete_owners(config, error);
	for (size_t i = 0; r == 0 && i < config->owner_count; i++)
		r = check_owner(&config->owners[i], error);
	if (r == 0)
		r = check_watchdog(&config->watchdog, error);
	if (r == 0 && config_warn_shadowed(config) < 0) {
		snprintf(error->text, sizeof(error->text), "out of memory");
		r = -ENOMEM;
	}
	for (size_t i = 0; r == 0 && i < config->warnings.count; i++)
		log_warning("%s", config->warnings.items[i]);
	return r;
}

int settings_load(const struct options *options, struct config *ret, struct config_error *error)
{
	struct config config;
	int r;

	config_init(&config);
	r = load_sources(options, &config, error);
	if (r < 0) {
		config_free(&config);
		return r;
	}
	*ret = config;
	return 0;
}

void settings_warn_unguarded(const struct config *config)
{
	for (size_t i = 0; !config->watchdog.device.count && i < config->watch_count; i++) {
		if (!config->watches[i].critical)
			continue;
		warn_of(&config->watches[i], config->watches[i].lines.critical,
			"critical: no watchdog section names a device; its health is shown, and "
			"told to systemd (WatchdogSec=), but resets nothing");
		return;
	}
}

/* ---- the kernel side's filters ---- */

struct bpf_prefix settings_prefix(const char *glob, bool exact)
{
	return (struct bpf_prefix){
		.text = glob,
		.length = glob_literal_prefix(glob),
		.exact = exact && !glob_is_pattern(glob),
	};
}

ssize_t settings_watch_of_letter(const struct daemon *daemon, const struct obit_letter *letter,
				 const char **ret_path)
{
	for (size_t w = 0; letter->prefix && w < daemon->config.watch_count; w++) {
		const struct string_list *paths = &daemon->config.watches[w].path;
		bool by_pid = daemon->config.watches[w].pid;

		for (size_t i = 0; !by_pid && i < paths->count; i++) {
			struct bpf_prefix prefix = settings_prefix(paths->items[i], true);

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
		items[list->count++] = settings_prefix(globs->items[i], exact);
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
static int tell_kernel(struct daemon *daemon, const struct config *config)
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

/* ---- applying ---- */

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

static void go_on_with_probes(struct daemon *daemon)
{
	struct instance *instance, *next;

	DL_FOREACH_SAFE (daemon->lineage.instances, instance, next)
		probes_go_on(daemon, instance);
}

int settings_apply(struct daemon *daemon, struct config *fresh, struct json_object **summary)
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
	r = tell_kernel(daemon, fresh);
	if (r < 0) {
		tell_kernel(daemon, &daemon->config);
		free_states(states, fresh->watch_count);
		return r;
	}
	if (summary)
		*summary = summarize(&daemon->config, fresh);
	DL_FOREACH_SAFE (daemon->lineage.instances, instance, next)
		move_instance(daemon, instance, fresh, &match, &cursor);
	lineage_forget_gone(&daemon->lineage);
	take_restarts(daemon, fresh, states);
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

void settings_free(struct daemon *daemon)
{
	free_states(daemon->watches, daemon->config.watch_count);
	match_index_clear(&daemon->match);
	config_free(&daemon->config);
}
