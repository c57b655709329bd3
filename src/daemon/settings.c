// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Configuration files into watches, and the files that those name, looked at. */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "core/command.h"
#include "core/glob.h"
#include "daemon/daemon.h"
#include "io/config_files.h"
#include "io/trust.h"

#define MISSING_MAX 20

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

/* False for what is there and no program; what is missing may be installed later. */
static bool can_be_program(const char *path, char *buf, size_t size)
{
	struct stat st;

	if (stat(path, &st) < 0 || !not_a_program(&st))
		return true;
	snprintf(buf, size, "%.150s is %s; expected an executable file", path, not_a_program(&st));
	return false;
}

static int check_program(const struct watch_config *watch, unsigned line, const char *path,
			 struct config_error *error)
{
	char what[256];

	if (can_be_program(path, what, sizeof(what)))
		return 0;
	say_where(watch, line, error, what);
	return -EINVAL;
}

static bool is_missing(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 && (errno == ENOENT || errno == ENOTDIR);
}

/* A slip of the pen looks the same as what will be installed later. A list may name the places where several hosts have
 * it. */
static bool warn_of_path(const struct watch_config *watch)
{
	char what[256];

	if (!watch->path.count || watch->container != CONTAINER_NO)
		return false;
	for (size_t i = 0; i < watch->path.count; i++)
		if (glob_is_pattern(watch->path.items[i]) || !is_missing(watch->path.items[i]))
			return false;
	snprintf(what, sizeof(what), "path: %.150s is not there; it is watched as soon as it is",
		 watch->path.items[0]);
	warn_of(watch, watch->lines.path, what);
	return true;
}

static bool warn_of_directory(const struct watch_config *watch)
{
	char what[256];

	if (!watch->directory || !is_missing(watch->directory))
		return false;
	snprintf(what, sizeof(what), "directory: %.150s is not there; it starts in / until it is",
		 watch->directory);
	warn_of(watch, watch->lines.directory, what);
	return true;
}

/* The name or number that `user` is, or NULL. */
static int resolve_user(const struct watch_config *watch, unsigned line, const char *user,
			struct account **ret, struct config_error *error)
{
	int count = ACCOUNT_GROUPS_MAX;
	struct account *account;
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
	account = calloc(1, sizeof(*account));
	if (!account) {
		say_where(watch, line, error, "out of memory");
		return -ENOMEM;
	}
	account->uid = entry->pw_uid;
	account->gid = entry->pw_gid;
	getgrouplist(entry->pw_name, entry->pw_gid, account->groups, &count);
	account->group_count = count > ACCOUNT_GROUPS_MAX ? ACCOUNT_GROUPS_MAX : (uint32_t)count;
	free(*ret);
	*ret = account;
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

/* What is in a container may be there by other paths than on this host, or by these. */
static int resolve_watch(struct watch_config *watch, struct config_error *error)
{
	size_t written = watch->pid ? 0 : watch->path.count;
	bool is_here = watch->container == CONTAINER_NO;

	if (resolve_user(watch, watch->lines.user, watch->user, &watch->account, error) < 0)
		return -EINVAL;
	for (size_t i = 0; i < written; i++) {
		char **path = &watch->path.items[i];
		bool is_glob = glob_is_pattern(*path);
		char *real;

		if (!is_glob && is_here &&
		    check_program(watch, watch->lines.path, *path, error) < 0)
			return -EINVAL;
		real = is_glob ? resolve_glob(*path) : resolve(*path);
		if (!real) {
			say_where(watch, 0, error, "out of memory");
			return -ENOMEM;
		}
		/* A script is known by the path that its caller wrote, so that one stays beside the real one. */
		if (strcmp(*path, real) != 0 && add_path(watch, *path) < 0) {
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
	bool may_be_root = !watch->account || watch->account->uid == 0;

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
	    (rule->uid_count == 1 && rule->uids[0] == watch->account->uid))
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

		if (r == 0 && probe->type == PROBE_COMMAND &&
		    (!probe->account || !probe->account->uid))
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

/* A missing program may be installed later, with its owner. */
static int check_order(const struct owner_config *owner, unsigned line, const char *key,
		       const char *command, struct config_error *error)
{
	_cleanup_free_ const char **argv = NULL;
	_cleanup_free_ char *words = NULL;
	char sentence[RECIPE_SENTENCE_SIZE];
	struct config_error found;
	int r;

	if (!command)
		return 0;
	if (command_split(command, &words, &argv) < 0) {
		snprintf(error->text, sizeof(error->text), "out of memory");
		return -ENOMEM;
	}
	r = argv[0][0] == '/' ? trust_check(argv[0], sentence) : 0;
	if (r == 0)
		return 0;
	snprintf(found.text, sizeof(found.text), "%.120s:%u: owner %s: %s: %.250s", owner->file,
		 line ? line : owner->line, owner->name, key, sentence);
	if (r != -EPERM) {
		log_warning("%s", found.text);
		return 0;
	}
	*error = found;
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

static int say_of_on_starve(const struct watchdog_config *watchdog, struct config_error *error,
			    const char *what)
{
	snprintf(error->text, sizeof(error->text), "%.150s: watchdog: on_starve: %.300s",
		 watchdog->on_starve_place ? watchdog->on_starve_place : "?", what);
	return -EINVAL;
}

/* The same, for the hook that belongs to no watch. */
static int check_on_starve(const struct watchdog_config *watchdog, struct config_error *error)
{
	_cleanup_free_ const char **argv = NULL;
	_cleanup_free_ char *words = NULL;
	char sentence[RECIPE_SENTENCE_SIZE];
	struct config_error warning;
	int r;

	if (!watchdog->on_starve)
		return 0;
	if (command_split(watchdog->on_starve, &words, &argv) < 0) {
		snprintf(error->text, sizeof(error->text), "out of memory");
		return -ENOMEM;
	}
	if (!can_be_program(argv[0], sentence, sizeof(sentence)))
		return say_of_on_starve(watchdog, error, sentence);
	r = trust_check(argv[0], sentence);
	if (r == -EPERM)
		return say_of_on_starve(watchdog, error, sentence);
	if (r < 0) {
		say_of_on_starve(watchdog, &warning, sentence);
		log_warning("%s", warning.text);
	}
	return 0;
}

/* What is tried on a history may be of another host. Of thousands that are to be installed later some will do. */
static void warn_of_missing(const struct options *options, const struct config *config)
{
	unsigned told = 0;

	if (options->simulate)
		return;
	for (size_t i = 0; told < MISSING_MAX && i < config->watch_count; i++)
		told += warn_of_path(&config->watches[i]) || warn_of_directory(&config->watches[i]);
	if (told == MISSING_MAX)
		log_warning("%u watches have something that is not there: the others are not "
			    "looked at for that",
			    told);
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
		warn_of_missing(options, config);
	if (r == 0)
		r = config_complete_owners(config, error);
	for (size_t i = 0; r == 0 && i < config->owner_count; i++)
		r = check_owner(&config->owners[i], error);
	if (r == 0)
		r = config_check_pretimeout(config, error);
	if (r == 0)
		r = check_on_starve(&config->watchdog, error);
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
