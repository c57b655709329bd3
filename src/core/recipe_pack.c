// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A recipe as one piece of memory, and back: what it is kept as for the next daemon. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/recipe.h"

#define ABSENT UINT32_MAX
#define PATHS  10

/* Then the paths that are there, each with its NUL, argv and env. */
struct packed {
	struct obit_exec_record facts;
	uint64_t stack;
	uint32_t source, argv_overwritten, label_unknown, pad;
	uint32_t lengths[PATHS]; /* with the NUL; ABSENT */
	uint32_t argv_size, env_size;
};

static void list_paths(struct recipe *recipe, char **ret[static PATHS])
{
	char **all[PATHS] = {&recipe->exe,	&recipe->script,   &recipe->cwd,
			     &recipe->root,	&recipe->cgroup,   &recipe->stdio[0],
			     &recipe->stdio[1], &recipe->stdio[2], &recipe->script_path,
			     &recipe->label};

	memcpy(ret, all, sizeof(all));
}

static char *put(char *at, const void *bytes, size_t size)
{
	return size ? (char *)mempcpy(at, bytes, size) : at;
}

int recipe_pack(struct recipe *recipe, char **ret_bytes, size_t *ret_size)
{
	struct packed packed = {
		.facts = *recipe->facts,
		.stack = recipe->stack,
		.source = recipe->source,
		.argv_overwritten = recipe->argv_overwritten,
		.label_unknown = recipe->label_unknown,
		.argv_size = (uint32_t)recipe->argv.size,
		.env_size = (uint32_t)recipe->env.size,
	};
	size_t size = sizeof(packed) + recipe->argv.size + recipe->env.size;
	char **paths[PATHS], *bytes, *at;

	list_paths(recipe, paths);
	for (size_t i = 0; i < PATHS; i++) {
		packed.lengths[i] = *paths[i] ? (uint32_t)strlen(*paths[i]) + 1 : ABSENT;
		size += *paths[i] ? packed.lengths[i] : 0;
	}
	bytes = malloc(size);
	if (!bytes)
		return -ENOMEM;
	at = put(bytes, &packed, sizeof(packed));
	for (size_t i = 0; i < PATHS; i++)
		at = put(at, *paths[i], *paths[i] ? packed.lengths[i] : 0);
	at = put(at, recipe->argv.bytes, recipe->argv.size);
	put(at, recipe->env.bytes, recipe->env.size);
	*ret_bytes = bytes;
	*ret_size = size;
	return 0;
}

/* One string of `length` bytes with its NUL, and none inside. */
static int take_path(const char **at, const char *end, size_t length, char **ret)
{
	if (!length || length > (size_t)(end - *at) || strnlen(*at, length) != length - 1)
		return -EBADMSG;
	*ret = strdup(*at);
	*at += length;
	return *ret ? 0 : -ENOMEM;
}

static int take_strings(const char **at, const char *end, size_t size, struct strings *ret)
{
	if (!size)
		return 0;
	if (size > (size_t)(end - *at) || (*at)[size - 1] != '\0')
		return -EBADMSG;
	ret->bytes = malloc(size);
	if (!ret->bytes)
		return -ENOMEM;
	memcpy(ret->bytes, *at, size);
	ret->size = size;
	*at += size;
	return 0;
}

static int unpack(const char *bytes, size_t size, struct recipe *recipe)
{
	const char *at = bytes + sizeof(struct packed), *end = bytes + size;
	struct packed packed;
	char **paths[PATHS];
	int r = 0;

	memcpy(&packed, bytes, sizeof(packed));
	if (packed.source > RECIPE_PROC || packed.facts.group_count > OBIT_GROUPS_MAX)
		return -EBADMSG;
	recipe->source = packed.source;
	*recipe->facts = packed.facts;
	recipe->stack = packed.stack;
	recipe->argv_overwritten = packed.argv_overwritten;
	recipe->label_unknown = packed.label_unknown;
	list_paths(recipe, paths);
	for (size_t i = 0; r == 0 && i < PATHS; i++)
		if (packed.lengths[i] != ABSENT)
			r = take_path(&at, end, packed.lengths[i], paths[i]);
	if (r == 0)
		r = take_strings(&at, end, packed.argv_size, &recipe->argv);
	if (r == 0)
		r = take_strings(&at, end, packed.env_size, &recipe->env);
	return r == 0 && at != end ? -EBADMSG : r;
}

int recipe_unpack(const char *bytes, size_t size, struct recipe **ret)
{
	struct recipe *recipe;
	int r;

	if (size < sizeof(struct packed))
		return -EBADMSG;
	recipe = recipe_new(RECIPE_EXEC);
	if (!recipe)
		return -ENOMEM;
	r = unpack(bytes, size, recipe);
	if (r < 0) {
		recipe_free(recipe);
		return r;
	}
	*ret = recipe;
	return 0;
}
