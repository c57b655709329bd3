// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/recipe.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct recipe *recipe_new(enum recipe_source source)
{
	struct recipe *recipe = calloc(1, sizeof(*recipe));

	if (!recipe)
		return NULL;
	recipe->source = source;
	recipe->facts = calloc(1, sizeof(*recipe->facts));
	if (!recipe->facts) {
		free(recipe);
		return NULL;
	}
	return recipe;
}

/* ---- its memory ---- */

#define TEXTS 12

struct text {
	char **bytes; /* NULL: unknown */
	size_t size;
};

static struct text path_of(char **path)
{
	return (struct text){path, *path ? strlen(*path) + 1 : 0};
}

static void list_texts(struct recipe *recipe, struct text ret[static TEXTS])
{
	const struct text all[TEXTS] = {
		path_of(&recipe->exe),
		path_of(&recipe->script),
		path_of(&recipe->script_path),
		path_of(&recipe->cwd),
		path_of(&recipe->root),
		path_of(&recipe->cgroup),
		path_of(&recipe->stdio[0]),
		path_of(&recipe->stdio[1]),
		path_of(&recipe->stdio[2]),
		path_of(&recipe->label),
		{&recipe->argv.bytes, recipe->argv.size},
		{&recipe->env.bytes, recipe->env.size},
	};

	memcpy(ret, all, sizeof(all));
}

static void drop(struct pool *pool, void *bytes)
{
	if (pool)
		pool_release(pool, bytes);
	else
		free(bytes);
}

void recipe_free(struct recipe *recipe)
{
	struct text texts[TEXTS];

	if (!recipe)
		return;
	list_texts(recipe, texts);
	for (size_t i = 0; i < TEXTS; i++)
		drop(recipe->pool, *texts[i].bytes);
	drop(recipe->pool, recipe->facts);
	free(recipe);
}

size_t recipe_bytes(const struct recipe *recipe)
{
	struct recipe copy = *recipe;
	size_t bytes = sizeof(*recipe);
	struct text texts[TEXTS];

	if (recipe->pool)
		return bytes;
	list_texts(&copy, texts);
	for (size_t i = 0; i < TEXTS; i++)
		bytes += texts[i].size;
	return bytes + sizeof(*recipe->facts);
}

/* What was cut is told with how long it had been. */
static void keep_common(struct obit_exec_record *facts)
{
	facts->header = (struct obit_record){0};
	facts->letter = (struct obit_letter){0};
	memset(facts->comm, 0, sizeof(facts->comm));
	memset(facts->groups + facts->group_count, 0,
	       (OBIT_GROUPS_MAX - facts->group_count) * sizeof(*facts->groups));
	facts->cgroup_id = 0;
	facts->pad = 0;
	if (!(facts->flags & OBIT_EXEC_ARGS_CUT))
		facts->argv_bytes = 0;
	if (!(facts->flags & OBIT_EXEC_ENV_CUT))
		facts->env_bytes = 0;
}

struct recipe *recipe_share(const struct recipe *recipe, struct pool *pool)
{
	struct obit_exec_record facts = *recipe->facts;
	struct recipe *shared = malloc(sizeof(*shared));
	struct text texts[TEXTS];
	bool is_whole;

	if (!shared)
		return NULL;
	keep_common(&facts);
	*shared = *recipe;
	shared->pool = pool;
	shared->facts = pool_take(pool, facts.euid, &facts, sizeof(facts));
	is_whole = shared->facts;
	list_texts(shared, texts);
	for (size_t i = 0; i < TEXTS; i++)
		if (*texts[i].bytes) {
			*texts[i].bytes = pool_take(pool, facts.euid, *texts[i].bytes,
						    texts[i].size);
			is_whole &= *texts[i].bytes != NULL;
		}
	if (is_whole)
		return shared;
	recipe_free(shared);
	return NULL;
}

/* ---- from the kernel's records ---- */

static char **path_of_kind(struct recipe *recipe, __u32 kind)
{
	switch (kind) {
	case OBIT_TEXT_EXE:
		return &recipe->exe;
	case OBIT_TEXT_SCRIPT:
		return &recipe->script;
	case OBIT_TEXT_CWD:
		return &recipe->cwd;
	case OBIT_TEXT_ROOT:
		return &recipe->root;
	case OBIT_TEXT_CGROUP:
		return &recipe->cgroup;
	case OBIT_TEXT_STDIN:
	case OBIT_TEXT_STDOUT:
	case OBIT_TEXT_STDERR:
		return &recipe->stdio[kind - OBIT_TEXT_STDIN];
	default:
		return NULL;
	}
}

static int append(struct strings *strings, const struct obit_text_record *text)
{
	char *bytes;

	if (text->offset != strings->size)
		return -EBADMSG;
	bytes = realloc(strings->bytes, strings->size + text->length + 1);
	if (!bytes)
		return -ENOMEM;
	memcpy(bytes + strings->size, text->data, text->length);
	strings->bytes = bytes;
	strings->size += text->length;
	bytes[strings->size] = '\0';
	return 0;
}

static int set_path(char **path, const struct obit_text_record *text)
{
	char *copy = strndup(text->data, text->length);

	if (!copy)
		return -ENOMEM;
	free(*path);
	*path = copy;
	return 0;
}

int recipe_add_text(struct recipe *recipe, const struct obit_text_record *text)
{
	char **path;

	if (text->kind == OBIT_TEXT_ARGV)
		return append(&recipe->argv, text);
	if (text->kind == OBIT_TEXT_ENV)
		return append(&recipe->env, text);
	path = path_of_kind(recipe, text->kind);
	return path ? set_path(path, text) : -EBADMSG;
}

/* The kernel's argument area ends with NUL; what was cut does not. */
static void terminate(struct strings *strings)
{
	if (strings->size && strings->bytes[strings->size - 1] != '\0')
		strings->size++; /* append() has put one more NUL there */
}

/* Below the directory, which has no symbolic link in it, nor "." or "..". Where the name has "..", it must be in front: behind
 * another component that would be the parent of wherever a link leads. NULL for any other, or without memory. */
static char *join(const char *directory, const char *name)
{
	size_t end = strcmp(directory, "/") != 0 ? strlen(directory) : 0, length;
	char *path = malloc(end + strlen(name) + 2);
	bool is_below = false;

	if (path)
		memcpy(path, directory, end);
	for (; path && *name; name += length + (name[length] == '/')) {
		length = strcspn(name, "/");
		if (length == 0 || (length == 1 && *name == '.'))
			continue;
		if (length == 2 && !memcmp(name, "..", 2)) {
			if (is_below) {
				free(path);
				return NULL;
			}
			while (end && path[--end] != '/')
				;
			continue;
		}
		is_below = true;
		path[end++] = '/';
		memcpy(path + end, name, length);
		end += length;
	}
	if (path)
		path[end] = '\0';
	return path;
}

/* In a chroot its name means something else. */
static void resolve_script(struct recipe *recipe)
{
	const __u32 unsure = OBIT_EXEC_CHROOT | OBIT_EXEC_PATH_CUT | OBIT_EXEC_CWD_DELETED;
	const char *script = recipe->script;

	if (!script || (*script != '/' && (!recipe->cwd || recipe->facts->flags & unsure)))
		return;
	recipe->script_path = *script == '/' ? strdup(script) : join(recipe->cwd, script);
}

int recipe_finish(struct recipe *recipe, const struct obit_exec_record *exec)
{
	*recipe->facts = *exec;
	if (recipe->root && strcmp(recipe->root, "/") != 0)
		recipe->facts->flags |= OBIT_EXEC_CHROOT;
	resolve_script(recipe);
	if (recipe->argv.size != exec->argv_bytes)
		recipe->facts->flags |= OBIT_EXEC_ARGS_CUT;
	if (recipe->env.size != exec->env_bytes)
		recipe->facts->flags |= OBIT_EXEC_ENV_CUT;
	terminate(&recipe->argv);
	terminate(&recipe->env);
	return 0;
}

static bool limit(struct strings *strings, uint64_t most)
{
	if (strings->size <= most)
		return false;
	strings->size = most;
	strings->bytes[most - 1] = '\0';
	return true;
}

void recipe_limit(struct recipe *recipe, uint64_t most)
{
	if (limit(&recipe->argv, most))
		recipe->facts->flags |= OBIT_EXEC_ARGS_CUT;
	if (limit(&recipe->env, most))
		recipe->facts->flags |= OBIT_EXEC_ENV_CUT;
}

/* ---- strings ---- */

const char *strings_next(const struct strings *strings, size_t *position)
{
	const char *string;

	if (*position >= strings->size)
		return NULL;
	string = strings->bytes + *position;
	*position += strlen(string) + 1;
	return string;
}

size_t strings_count(const struct strings *strings)
{
	size_t count = 0, position = 0;

	while (strings_next(strings, &position))
		count++;
	return count;
}

bool strings_equal(const struct strings *a, const struct strings *b)
{
	return a->size == b->size && (!a->size || !memcmp(a->bytes, b->bytes, a->size));
}

const char *strings_find(const struct strings *env, const char *name)
{
	size_t position = 0, length = strlen(name);
	const char *entry;

	while ((entry = strings_next(env, &position)))
		if (!strncmp(entry, name, length) && entry[length] == '=')
			return entry;
	return NULL;
}

/* ---- what stands in the way ---- */

#define MISSING_SIZE 80

#define END_OF_ARGV "the end of argv"
#define END_OF_ENV  "the end of the environment"

static const struct {
	__u32 flag;
	const char *phrase;
} gaps[] = {
	{OBIT_EXEC_ARGS_CUT, END_OF_ARGV},
	{OBIT_EXEC_ENV_CUT, END_OF_ENV},
	{OBIT_EXEC_PATH_CUT, "the front of a path"},
	{OBIT_EXEC_GROUPS_CUT, "some supplementary groups"},
	{OBIT_EXEC_TEXT_LOST, "some text (the ring was full)"},
};

const char *recipe_missing(const struct recipe *recipe, unsigned i)
{
	if (recipe->argv_overwritten && i-- == 0)
		return "argv (the process has overwritten it)";
	if (!recipe->exe && i-- == 0)
		return "the executable's path";
	if (!recipe->cwd && i-- == 0)
		return "the working directory";
	if (recipe->label_unknown && i-- == 0)
		return "its security label (it was gone before that could be read)";
	for (size_t g = 0; g < ARRAY_SIZE(gaps); g++)
		if (recipe->facts->flags & gaps[g].flag && i-- == 0)
			return gaps[g].phrase;
	return NULL;
}

/* No `command` helps here: what was captured in another namespace (ids, capabilities) means something else on the
 * host. */
static const char *namespace_refusal(const struct recipe *recipe)
{
	const struct obit_exec_record *facts = recipe->facts;

	if (!(facts->flags & OBIT_EXEC_HOST_PIDNS))
		return "it lives in another pid namespace, which obit never enters";
	if (!(facts->flags & OBIT_EXEC_HOST_MNT_OWNER))
		return "it lives in a user namespace or a user's mount namespace, which obit never "
		       "enters";
	return NULL;
}

/* What it would come back in is obitd's. */
static const char *other_namespace(const struct recipe *recipe)
{
	static const char *const words[OBIT_NAMESPACES] = {
		[OBIT_NS_MNT] = "it runs in another mount namespace than obitd, which does not "
				"enter it",
		[OBIT_NS_NET] = "it runs in another network namespace than obitd, which does not "
				"enter it",
		[OBIT_NS_IPC] = "it runs in another IPC namespace than obitd, which does not enter "
				"it",
		[OBIT_NS_UTS] = "it runs under another host name (UTS namespace) than obitd, which "
				"does not enter it",
		[OBIT_NS_CGROUP] = "it runs in another cgroup namespace than obitd, which does not "
				   "enter it",
		[OBIT_NS_TIME] = "it runs in another time namespace than obitd, which does not "
				 "enter it",
	};

	for (size_t i = 0; i < OBIT_NAMESPACES; i++)
		if (recipe->facts->flags & (__u32)OBIT_EXEC_OTHER_NS << i)
			return words[i];
	return NULL;
}

static const char *privilege_refusal(const struct recipe *recipe)
{
	const struct obit_exec_record *facts = recipe->facts;

	if (facts->flags & OBIT_EXEC_SECURE)
		return "it gained privileges at exec (setuid, setgid or file capabilities)";
	if (facts->flags & OBIT_EXEC_SECCOMP)
		return "it was started under a seccomp filter, which cannot be set again";
	if (facts->flags & OBIT_EXEC_LANDLOCK)
		return "it was started in a Landlock domain, which cannot be set again";
	if (facts->flags & OBIT_EXEC_CHROOT)
		return "it ran in a chroot";
	if (strings_find(&recipe->env, "LISTEN_FDS"))
		return "it was socket-activated (LISTEN_FDS), and the sockets cannot be had again";
	return other_namespace(recipe);
}

/* What is missing first, and why if it was too large. NULL: nothing. */
static const char *first_missing(const struct recipe *recipe, const struct watch_config *watch,
				 char buf[static MISSING_SIZE])
{
	const char *missing = recipe_missing(recipe, 0);
	uint64_t bytes = 0;

	if (missing && !strcmp(missing, END_OF_ARGV))
		bytes = recipe->facts->argv_bytes;
	else if (missing && !strcmp(missing, END_OF_ENV))
		bytes = recipe->facts->env_bytes;
	if (bytes <= watch->recipe_max)
		return missing;
	snprintf(buf, MISSING_SIZE, "%s (%" PRIu64 " KiB, above recipe_max)", missing,
		 (bytes + 1023) / 1024);
	return buf;
}

const char *recipe_refusal(const struct recipe *recipe, const struct watch_config *watch,
			   char buf[static RECIPE_SENTENCE_SIZE])
{
	const char *why = privilege_refusal(recipe);
	char missing_buf[MISSING_SIZE];
	const char *missing = first_missing(recipe, watch, missing_buf);
	/* A long path must not push the end of the sentence out. */
	const char *shown = recipe->exe && strlen(recipe->exe) <= 80 ? recipe->exe : "...";

	if (namespace_refusal(recipe)) {
		snprintf(buf, RECIPE_SENTENCE_SIZE, "%s", namespace_refusal(recipe));
		return buf;
	}
	if (watch->command)
		return NULL;
	if (watch->account && watch->account->uid != recipe->facts->euid)
		why = "another user than its own is to run it, to whom its argv is not handed";
	if (watch->directory && recipe->script && !recipe->script_path)
		why = "which file its script is cannot be told from another directory";
	if (!why && recipe_is_root(recipe->facts) && recipe->script && !recipe->script_path)
		why = "it runs as root, and which file its script is, is not known";
	if (why)
		snprintf(buf, RECIPE_SENTENCE_SIZE,
			 "%s; command = \"...\" in watch %s would start it", why, watch->name);
	else if (missing)
		snprintf(buf, RECIPE_SENTENCE_SIZE,
			 "its recipe lacks %s; command = \"%s ...\" in watch %s would start it",
			 missing, shown, watch->name);
	else
		return NULL;
	return buf;
}
