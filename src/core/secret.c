// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/secret.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

static const char *const words[] = {"KEY", "TOKEN", "SECRET", "PASS", "CREDENTIAL", "AUTH"};

static bool name_has(const char *name, size_t length, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= length; i++)
		if (!strncasecmp(name + i, word, n))
			return true;
	return false;
}

/* PWD alone is a directory, MYSQL_PWD is none. */
static bool is_secret_name(const char *name, size_t length)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (name_has(name, length, words[i]))
			return true;
	return length > 3 && name_has(name + length - 3, 3, "PWD") &&
	       strncmp(name, "OLDPWD", 6) != 0;
}

/* "scheme://user:password@host", anywhere in the text. */
static bool has_password_in_url(const char *text)
{
	const char *at = text;

	while ((at = strstr(at, "://"))) {
		size_t user, rest;

		at += 3;
		user = strcspn(at, ":@/ ?#");
		if (at[user] != ':')
			continue;
		rest = strcspn(at + user + 1, "@/ ?#");
		if (rest && at[user + 1 + rest] == '@')
			return true;
	}
	return false;
}

bool secret_is_variable(const char *entry)
{
	size_t length = strcspn(entry, "=");

	return is_secret_name(entry, length) || has_password_in_url(entry + length);
}

bool secret_is_hidden(const char *entry, enum secret_view view)
{
	return view == SECRET_NAMES || (view == SECRET_MASKED && secret_is_variable(entry));
}
