// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/launch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "core/command.h"

/* Variables that speak of one life of a process, or of its supervisor. */
static const char *const mortal[] = {
	"NOTIFY_SOCKET=", "WATCHDOG_",	     "MAINPID=",	  "LISTEN_",
	"INVOCATION_ID=", "JOURNAL_STREAM=", "SYSTEMD_EXEC_PID=", "NGINX=",
};

static bool is_mortal(const char *entry)
{
	for (size_t i = 0; i < ARRAY_SIZE(mortal); i++)
		if (!strncmp(entry, mortal[i], strlen(mortal[i])))
			return true;
	return false;
}

static bool same_variable(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return n == strcspn(b, "=") && !strncmp(a, b, n);
}

static bool is_overridden(const struct string_list *env, const char *entry)
{
	for (size_t i = 0; i < env->count; i++)
		if (same_variable(env->items[i], entry))
			return true;
	return false;
}

/* Argv, environment, directory and files are one user's words: they are never handed to another. */
static bool changes_user(const struct recipe *recipe, const struct watch_config *watch)
{
	return watch->account && watch->account->uid != recipe->facts->euid;
}

/* What sd_notify(3) and sd_watchdog_enabled(3) look for. */
static int prepare_notify(const struct watch_config *watch, const char *path, struct launch *launch)
{
	if (!path)
		return 0;
	if (asprintf(&launch->notify_socket, "NOTIFY_SOCKET=%s", path) < 0) {
		launch->notify_socket = NULL;
		return -ENOMEM;
	}
	if (watch->hang_timeout_ns && asprintf(&launch->watchdog_usec, "WATCHDOG_USEC=%" PRIu64,
					       watch->hang_timeout_ns / NS_PER_US) < 0) {
		launch->watchdog_usec = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int prepare_env(const struct recipe *recipe, const struct watch_config *watch,
		       struct launch *launch)
{
	static const char *const fresh[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
	const char *const own[] = {launch->notify_socket, launch->watchdog_usec};
	size_t position = changes_user(recipe, watch) ? recipe->env.size : 0, n = 0;
	const char *entry;

	launch->envp = calloc(3 + strings_count(&recipe->env) + watch->env.count + 1,
			      sizeof(*launch->envp));
	if (!launch->envp)
		return -ENOMEM;
	if (changes_user(recipe, watch) && !is_overridden(&watch->env, fresh[0]))
		launch->envp[n++] = fresh[0];
	while ((entry = strings_next(&recipe->env, &position)))
		if (!is_mortal(entry) && !is_overridden(&watch->env, entry))
			launch->envp[n++] = entry;
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (own[i] && !is_overridden(&watch->env, own[i]))
			launch->envp[n++] = own[i];
	for (size_t i = 0; i < watch->env.count; i++)
		launch->envp[n++] = watch->env.items[i];
	return 0;
}

/* The kernel has put the interpreter in front of a script's argv: where the script stands in it. */
static size_t script_position(const struct recipe *recipe)
{
	size_t position = 0, start = 0;
	const char *arg;

	for (; recipe->script && (arg = strings_next(&recipe->argv, &position)); start = position)
		if (start && !strcmp(arg, recipe->script))
			return start;
	return 0;
}

static int prepare_captured(const struct recipe *recipe, struct launch *launch)
{
	size_t position = script_position(recipe), n = 0;
	const char *arg;

	/* A relative name, that it finds in its arguments, means the same from the same directory alone. */
	launch->path = !position	? recipe->exe
		       : launch->follow ? recipe->script_path
					: recipe->script;
	if (!launch->path)
		return -EINVAL;
	launch->argv = calloc(strings_count(&recipe->argv) + 1, sizeof(*launch->argv));
	if (!launch->argv)
		return -ENOMEM;
	while ((arg = strings_next(&recipe->argv, &position)))
		launch->argv[n++] = arg;
	return 0;
}

static int prepare_command(const struct watch_config *watch, struct launch *launch)
{
	int r = command_split(watch->command, &launch->words, &launch->argv);

	if (r == 0)
		launch->path = launch->argv[0];
	return r;
}

/* `user`: another uid, gid and groups, and none of the old one's capabilities. */
static int prepare_account(const struct recipe *recipe, const struct watch_config *watch,
			   struct launch *launch)
{
	const struct account *account = watch->account;
	struct obit_exec_record *facts;

	launch->facts = recipe->facts;
	if (!account)
		return 0;
	facts = malloc(sizeof(*facts));
	if (!facts)
		return -ENOMEM;
	*facts = *recipe->facts;
	facts->uid = facts->euid = facts->suid = account->uid;
	facts->gid = facts->egid = facts->sgid = account->gid;
	facts->cap_inheritable = facts->cap_ambient = 0;
	if (changes_user(recipe, watch)) {
		facts->securebits = 0;
		facts->umask = 022;
		memset(facts->stdio, 0, sizeof(facts->stdio)); /* /dev/null */
		launch->directory = watch->directory ? watch->directory : "/";
	}
	facts->group_count = account->group_count;
	memcpy(facts->groups, account->groups, sizeof(facts->groups));
	launch->facts = launch->changed_facts = facts;
	return 0;
}
_Static_assert(ACCOUNT_GROUPS_MAX == OBIT_GROUPS_MAX, "as many groups");

void launch_guarded(const struct recipe *recipe, const struct watch_config *watch,
		    const char *ret[static LAUNCH_GUARDED])
{
	bool guards = !watch->command && recipe_is_root(recipe->facts);

	ret[0] = guards ? recipe->exe : NULL;
	ret[1] = guards ? recipe->script_path : NULL;
}

int launch_prepare(const struct recipe *recipe, const struct watch_config *watch,
		   const char *notify_path, struct launch *ret)
{
	struct launch launch = {0};
	int r;

	launch.directory = watch->directory ? watch->directory : recipe->cwd;
	launch.follow = watch->directory != NULL;
	for (size_t i = 0; i < ARRAY_SIZE(launch.stdio); i++)
		launch.stdio[i] = recipe->stdio[i];
	launch.label = watch->command ? NULL : recipe->label;
	launch_guarded(recipe, watch, launch.guarded);
	r = watch->command ? prepare_command(watch, &launch) : prepare_captured(recipe, &launch);
	if (r == 0)
		r = prepare_notify(watch, notify_path, &launch);
	if (r == 0)
		r = prepare_env(recipe, watch, &launch);
	if (r == 0)
		r = prepare_account(recipe, watch, &launch);
	if (r < 0) {
		launch_clear(&launch);
		return r;
	}
	*ret = launch;
	return 0;
}

void launch_clear(struct launch *launch)
{
	free(launch->argv);
	free(launch->envp);
	free(launch->words);
	free(launch->notify_socket);
	free(launch->watchdog_usec);
	free(launch->changed_facts);
	*launch = (struct launch){0};
}

bool launch_label_words(const char *label, char buf[static LAUNCH_LABEL_SIZE])
{
	size_t length = strlen(label);
	const char *mode = length && label[length - 1] == ')' ? strrchr(label, '(') : NULL;
	bool is_apparmors = mode > label + 1 && mode[-1] == ' ';

	if (is_apparmors)
		length = (size_t)(mode - 1 - label);
	else
		is_apparmors = !strcmp(label, "unconfined");
	return snprintf(buf, LAUNCH_LABEL_SIZE, "%s%.*s", is_apparmors ? "exec " : "", (int)length,
			label) < LAUNCH_LABEL_SIZE;
}

/* ---- packing: the facts, the counts, then strings; an absent one is told by its length ---- */

#define ABSENT	UINT32_MAX
#define SINGLES 8 /* path, directory, stdio, label, what is guarded */

struct packed {
	struct obit_exec_record facts;
	uint32_t argc, envc;
	uint32_t lengths[SINGLES]; /* with the NUL; ABSENT */
	uint32_t argv_bytes, env_bytes;
	uint32_t follow, pad;
};

static size_t count_strings(const char *const *strings, size_t *ret_bytes)
{
	size_t n = 0;

	*ret_bytes = 0;
	for (; strings[n]; n++)
		*ret_bytes += strlen(strings[n]) + 1;
	return n;
}

static char *put_strings(char *at, const char *const *strings)
{
	for (; *strings; strings++)
		at = stpcpy(at, *strings) + 1;
	return at;
}

int launch_pack(const struct launch *launch, char **ret_bytes, size_t *ret_size)
{
	const char *singles[SINGLES] = {launch->path,	    launch->directory, launch->stdio[0],
					launch->stdio[1],   launch->stdio[2],  launch->label,
					launch->guarded[0], launch->guarded[1]};
	size_t argv_bytes, env_bytes, size = sizeof(struct packed);
	struct packed packed = {.facts = *launch->facts, .follow = launch->follow};
	char *bytes, *at;

	packed.argc = (uint32_t)count_strings(launch->argv, &argv_bytes);
	packed.envc = (uint32_t)count_strings(launch->envp, &env_bytes);
	packed.argv_bytes = (uint32_t)argv_bytes;
	packed.env_bytes = (uint32_t)env_bytes;
	for (size_t i = 0; i < SINGLES; i++) {
		packed.lengths[i] = singles[i] ? (uint32_t)strlen(singles[i]) + 1 : ABSENT;
		size += singles[i] ? packed.lengths[i] : 0;
	}
	size += argv_bytes + env_bytes;
	bytes = malloc(size);
	if (!bytes)
		return -ENOMEM;
	memcpy(bytes, &packed, sizeof(packed));
	at = bytes + sizeof(packed);
	for (size_t i = 0; i < SINGLES; i++)
		if (singles[i])
			at = stpcpy(at, singles[i]) + 1;
	put_strings(put_strings(at, launch->argv), launch->envp);
	*ret_bytes = bytes;
	*ret_size = size;
	return 0;
}

/* One string of `length` bytes with its NUL, and none inside. */
static const char *take_string(const char **at, const char *end, size_t length)
{
	const char *string = *at;

	if (!length || length > (size_t)(end - string) || strnlen(string, length) != length - 1)
		return NULL;
	*at += length;
	return string;
}

static const char **take_strings(const char **at, const char *end, uint32_t count, uint32_t bytes)
{
	const char **strings;

	if (bytes > (size_t)(end - *at) || count > bytes)
		return NULL;
	end = *at + bytes;
	strings = calloc((size_t)count + 1, sizeof(*strings));
	for (uint32_t i = 0; strings && i < count; i++) {
		strings[i] = take_string(at, end, strnlen(*at, (size_t)(end - *at)) + 1);
		if (!strings[i]) {
			free(strings);
			return NULL;
		}
	}
	return strings;
}

int launch_unpack(const char *bytes, size_t size, struct launch *ret)
{
	const struct packed *packed = (const void *)bytes;
	const char *at = bytes + sizeof(*packed), *end = bytes + size;
	struct launch launch = {.facts = &packed->facts};
	const char **singles[SINGLES] = {&launch.path,	     &launch.directory, &launch.stdio[0],
					 &launch.stdio[1],   &launch.stdio[2],	&launch.label,
					 &launch.guarded[0], &launch.guarded[1]};

	if (size < sizeof(*packed) || packed->facts.group_count > OBIT_GROUPS_MAX)
		return -EBADMSG;
	launch.follow = packed->follow;
	for (size_t i = 0; i < SINGLES; i++) {
		if (packed->lengths[i] == ABSENT)
			continue;
		*singles[i] = take_string(&at, end, packed->lengths[i]);
		if (!*singles[i])
			return -EBADMSG;
	}
	launch.argv = take_strings(&at, end, packed->argc, packed->argv_bytes);
	launch.envp = launch.argv ? take_strings(&at, end, packed->envc, packed->env_bytes) : NULL;
	if (!launch.envp || !launch.path || at != end) {
		launch_clear(&launch);
		return -EBADMSG;
	}
	*ret = launch;
	return 0;
}
