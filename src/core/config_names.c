// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The names of watches: what may be one, and one for a watch that was given none. */
#include "core/config_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/glob.h"

#define HASH_NONFATAL_OOM 1
/* Not the default hash: it falls through its switch, which clang refuses. */
#define HASH_FUNCTION(key, length, hash) HASH_FNV(key, length, hash)
#include <uthash.h>

#define PATTERN_NAME "watch" /* of a pattern without a literal component */
/* What may be put behind a name: two digits more than "-10240", for those that were taken. */
#define SUFFIX_LENGTH 8

struct config_name {
	char text[CONFIG_NAME_MAX + 1];
	unsigned number; /* the last one that was put behind it */
	UT_hash_handle hh;
};

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.' || c == '-';
}

/* The last component without a special character, with '_' for what a name may not hold. */
void config_name_of_pattern(const char *pattern, char name[static CONFIG_NAME_MAX + 1])
{
	const char *end = pattern + strlen(pattern), *start = end;
	size_t used = 0;

	for (; end > pattern; end = start - 1) {
		start = memrchr(pattern, '/', (size_t)(end - pattern));
		start++;
		if (start < end && start + glob_literal_prefix(start) >= end)
			break;
	}
	for (; start < end && used < CONFIG_NAME_MAX - SUFFIX_LENGTH; start++)
		name[used++] = is_name_char(*start) ? *start : '_';
	name[used] = '\0';
	if (!used)
		memcpy(name, PATTERN_NAME, sizeof(PATTERN_NAME));
}

int config_check_name(struct config_report *report, unsigned line, const char *what,
		      const char *name)
{
	size_t length = strlen(name), i = 0;
	char shown[CONFIG_SHOWN_SIZE];

	while (is_name_char(name[i]))
		i++;
	if (length && i == length && length <= CONFIG_NAME_MAX)
		return 0;
	return config_fail(report, line,
			   "'%s' is no name for %s; expected 1 to %d of A-Z a-z 0-9 '_' '.' '-'",
			   config_shown(name, shown), what, CONFIG_NAME_MAX);
}

/* ---- one that nobody has ---- */

static struct config_name *find(const struct config_names *names, const char *text)
{
	struct config_name *name;

	HASH_FIND(hh, names->names, text, strlen(text), name);
	return name;
}

static int add(struct config_names *names, const char *text)
{
	struct config_name *name = calloc(1, sizeof(*name));

	if (!name)
		return -ENOMEM;
	name->number = 1;
	snprintf(name->text, sizeof(name->text), "%s", text);
	HASH_ADD_KEYPTR(hh, names->names, name->text, strlen(name->text), name);
	if (name->hh.tbl)
		return 0;
	free(name);
	return -ENOMEM;
}

int config_names_of(const struct config *config, struct config_names *ret)
{
	int r = 0;

	*ret = (struct config_names){0};
	for (size_t i = 0; r == 0 && i < config->watch_count; i++)
		r = add(ret, config->watches[i].name);
	if (r < 0)
		config_names_free(ret);
	return r;
}

void config_names_free(struct config_names *names)
{
	struct config_name *name, *next;

	HASH_ITER (hh, names->names, name, next) {
		HASH_DELETE(hh, names->names, name);
		free(name);
	}
}

bool config_names_have(const struct config_names *names, const char *name)
{
	return find(names, name);
}

int config_names_take(struct config_names *names, char name[static CONFIG_NAME_MAX + 1])
{
	struct config_name *first = find(names, name);
	size_t length = strlen(name);

	if (first)
		do
			snprintf(name + length, CONFIG_NAME_MAX + 1 - length, "-%u",
				 ++first->number);
		while (find(names, name));
	return add(names, name);
}
