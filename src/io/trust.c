// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/trust.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "io/sys.h"

static bool others_can_write(const struct stat *st, const struct stat *child)
{
	if (st->st_uid != 0)
		return true;
	if (!(st->st_mode & (S_IWGRP | S_IWOTH)))
		return false;
	/* In a sticky directory nobody else can replace what root owns. */
	return !(S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) && child && child->st_uid == 0);
}

#define MAX_LINKS 40 /* as the kernel follows */

static int check_path(const char *path, unsigned links, char sentence[static RECIPE_SENTENCE_SIZE]);

static int cannot_look(const char *path, char sentence[static RECIPE_SENTENCE_SIZE])
{
	int r = -errno;

	snprintf(sentence, RECIPE_SENTENCE_SIZE, "%.120s: %s", path, strerror(-r));
	return r;
}

/* Where the symbolic link leads. Itself it is as safe as the directory that it is in. */
static int check_link(const char *link, unsigned links, char sentence[static RECIPE_SENTENCE_SIZE])
{
	char target[PATH_MAX], path[2 * PATH_MAX];
	ssize_t n = sys_readlink(link, target, sizeof(target) - 1);
	size_t directory = (size_t)(strrchr(link, '/') - link) + 1;

	if (n < 0)
		return cannot_look(link, sentence);
	if (links >= MAX_LINKS) {
		errno = ELOOP;
		return cannot_look(link, sentence);
	}
	target[n] = '\0';
	snprintf(path, sizeof(path), "%.*s%s", *target == '/' ? 0 : (int)directory, link, target);
	return check_path(path, links + 1, sentence);
}

/* One file on the way, that `child` is in (NULL: it is the last one). Fills `ret` with what it is, a link or not. */
static int check_part(const char *part, const struct stat *child, unsigned links, struct stat *ret,
		      char sentence[static RECIPE_SENTENCE_SIZE])
{
	struct stat st;

	if (sys_lstat(part, ret) < 0)
		return cannot_look(part, sentence);
	st = *ret;
	if (S_ISLNK(ret->st_mode)) {
		int r = check_link(part, links, sentence);

		if (r < 0)
			return r;
		if (sys_stat(part, &st) < 0)
			return cannot_look(part, sentence);
	}
	if (!others_can_write(&st, child))
		return 0;
	snprintf(sentence, RECIPE_SENTENCE_SIZE,
		 "it runs as root, and others than root can change %.80s (owner %u, mode %04o)",
		 part, st.st_uid, st.st_mode & 07777);
	return -EPERM;
}

static int check_path(const char *path, unsigned links, char sentence[static RECIPE_SENTENCE_SIZE])
{
	char part[2 * PATH_MAX];
	struct stat st, child;
	bool first = true;

	snprintf(part, sizeof(part), "%s", path);
	for (;;) {
		int r = check_part(*part ? part : "/", first ? NULL : &child, links, &st, sentence);
		char *slash = strrchr(part, '/');

		if (r < 0 || !*part || !slash)
			return r;
		*slash = '\0';
		child = st;
		first = false;
	}
}

int trust_check(const char *path, char sentence[static RECIPE_SENTENCE_SIZE])
{
	if (*path != '/') {
		errno = EINVAL;
		return cannot_look(path, sentence);
	}
	return check_path(path, 0, sentence);
}
