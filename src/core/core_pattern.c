// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/core_pattern.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

/* What the kernel splits a handler's command line at: its isspace() knows Latin-1's hard space, too. */
#define BLANKS " \t\v\f\r\xa0"

struct expansion {
	FILE *out;
	const struct core_facts *facts;
	bool piped;   /* what is expanded is the name of a handler */
	bool has_pid; /* %p was in it: nothing else counts for core_uses_pid */
};

/* All of them return whether the value is known. */

static bool put_pid(FILE *out, uint32_t pid)
{
	fprintf(out, "%u", pid);
	return pid != 0;
}

/* One component of a path, whatever the process calls itself: "a/b" is "a!b", ".." is "!.". */
static bool put_component(FILE *out, const char *text)
{
	if (!text)
		return false;
	if (!*text) {
		fputc('!', out);
	} else if (!strcmp(text, ".") || !strcmp(text, "..")) {
		fputc('!', out);
		text++;
	}
	for (; *text; text++)
		fputc(*text == '/' ? '!' : *text, out);
	return true;
}

static bool put_base_name(FILE *out, const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return put_component(out, slash ? slash + 1 : path);
}

static bool put_specifier(struct expansion *expansion, char specifier)
{
	const struct core_facts *facts = expansion->facts;

	switch (specifier) {
	case '%':
		return fputc('%', expansion->out) != EOF;
	case 'p':
		expansion->has_pid = true;
		return put_pid(expansion->out, facts->ns_pid);
	case 'P':
		return put_pid(expansion->out, facts->pid);
	case 'u':
		return fprintf(expansion->out, "%u", facts->uid) > 0;
	case 'g':
		return fprintf(expansion->out, "%u", facts->gid) > 0;
	case 's':
		return fprintf(expansion->out, "%d", facts->signal) > 0;
	case 'h':
		return put_component(expansion->out, facts->hostname);
	case 'e':
		return put_component(expansion->out, facts->comm);
	case 'f':
		return put_base_name(expansion->out, facts->exe);
	case 'E':
		return put_component(expansion->out, facts->exe);
	case 'F': /* nothing in a file's name; for a handler some kernels have a descriptor */
		return !expansion->piped;
	case 'i': /* the thread, in its own pid namespace and in the host's */
	case 'I':
	case 'd': /* the dump mode */
	case 't': /* the time: the dump may have begun a second before the death */
	case 'c': /* the limit of a core file's size */
	case 'C': /* the CPU */
		return false;
	default: /* dropped, as is a '%' at the end */
		return true;
	}
}

static bool put_pattern(struct expansion *expansion, const char *pattern, size_t length)
{
	bool known = true;

	for (size_t i = 0; i < length; i++) {
		if (pattern[i] != '%')
			fputc(pattern[i], expansion->out);
		else if (++i < length)
			known &= put_specifier(expansion, pattern[i]);
	}
	return known;
}

/* *ret is NULL if the whole is not known, or nothing. */
static int expand(struct expansion *expansion, const char *pattern, size_t length, bool uses_pid,
		  char **ret)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	bool known, failed;

	expansion->out = open_memstream(&text, &size);
	if (!expansion->out)
		return -ENOMEM;
	known = put_pattern(expansion, pattern, length);
	if (uses_pid && !expansion->has_pid) {
		fputc('.', expansion->out);
		known &= put_pid(expansion->out, expansion->facts->ns_pid);
	}
	failed = ferror(expansion->out);
	if (fclose(expansion->out) == EOF || failed)
		return -ENOMEM;
	*ret = known && *text ? TAKE_PTR(text) : NULL;
	return 0;
}

static int expand_path(const char *pattern, size_t length, bool uses_pid,
		       const struct core_facts *facts, char **ret)
{
	struct expansion expansion = {.facts = facts};
	_cleanup_free_ char *name = NULL;
	const char *cwd = facts->cwd;
	int r = expand(&expansion, pattern, length, uses_pid, &name);

	if (r < 0)
		return r;
	if (!name || *name == '/') {
		*ret = TAKE_PTR(name);
		return 0;
	}
	/* "(unreachable)/..." is a directory outside of the process's root. */
	if (!cwd || *cwd != '/') {
		*ret = NULL;
		return 0;
	}
	return asprintf(ret, "%s/%s", cwd[1] ? cwd : "", name) < 0 ? -ENOMEM : 0;
}

static int expand_handler(const char *pattern, size_t length, const struct core_facts *facts,
			  char **ret)
{
	struct expansion expansion = {.facts = facts, .piped = true};
	size_t blanks = strspn(pattern, BLANKS), word;

	if (blanks >= length) {
		*ret = NULL;
		return 0;
	}
	word = strcspn(pattern + blanks, BLANKS "\n");
	return expand(&expansion, pattern + blanks, word, false, ret);
}

/* "@PATH", or "@@PATH" where the two talk: nothing in it is expanded. */
static int take_socket(const char *pattern, size_t length, char **ret)
{
	if (length > 0 && *pattern == '@') {
		pattern++;
		length--;
	}
	*ret = NULL;
	if (length == 0 || *pattern != '/')
		return 0;
	*ret = strndup(pattern, length);
	return *ret ? 0 : -ENOMEM;
}

int core_pattern_expand(const char *pattern, bool uses_pid, const struct core_facts *facts,
			char **ret_path, char **ret_handler)
{
	size_t length = strcspn(pattern, "\n");
	char *path = NULL, *handler = NULL;
	int r;

	if (*pattern == '|')
		r = expand_handler(pattern + 1, length - 1, facts, &handler);
	else if (*pattern == '@')
		r = take_socket(pattern + 1, length - 1, &handler);
	else
		r = expand_path(pattern, length, uses_pid, facts, &path);
	if (r < 0)
		return r;
	*ret_path = path;
	*ret_handler = handler;
	return 0;
}
