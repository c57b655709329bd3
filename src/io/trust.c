// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/trust.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "io/sys.h"

#define MAX_LINKS 40 /* as the kernel follows */

/* A way that is gone part by part, as the kernel goes it: on a stack that may be small. */
struct way {
	char done[PATH_MAX];  /* where it has come to, without symbolic links; "": the root */
	char ahead[PATH_MAX]; /* what is left of it, relative to that */
	struct stat here;     /* of `done` */
	unsigned links;	      /* that it has followed */
};

static bool others_can_write(const struct stat *st, const struct stat *child)
{
	if (st->st_uid != 0)
		return true;
	if (!(st->st_mode & (S_IWGRP | S_IWOTH)))
		return false;
	/* In a sticky directory nobody else can replace what root owns. */
	return !(S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) && child && child->st_uid == 0);
}

static int cannot_look(const char *path, int error, char sentence[static RECIPE_SENTENCE_SIZE])
{
	snprintf(sentence, RECIPE_SENTENCE_SIZE, "%.120s: %s", path, strerror(error));
	return -error;
}

/* Whether `child`, which is in it (NULL: it is the last one), is safe there. */
static int check_here(const struct way *way, const struct stat *child,
		      char sentence[static RECIPE_SENTENCE_SIZE])
{
	if (!others_can_write(&way->here, child))
		return 0;
	snprintf(sentence, RECIPE_SENTENCE_SIZE,
		 "it runs as root, and others than root can change %.80s (owner %u, mode %04o)",
		 *way->done ? way->done : "/", way->here.st_uid, way->here.st_mode & 07777);
	return -EPERM;
}

static int look_here(struct way *way, char sentence[static RECIPE_SENTENCE_SIZE])
{
	const char *path = *way->done ? way->done : "/";

	return sys_lstat(path, &way->here) < 0 ? cannot_look(path, errno, sentence) : 0;
}

/* Takes the next part off what is ahead. False at the end. */
static bool next_part(struct way *way, char part[static NAME_MAX + 2])
{
	size_t skipped = strspn(way->ahead, "/");
	size_t length = strcspn(way->ahead + skipped, "/");

	if (!length)
		return false;
	snprintf(part, NAME_MAX + 2, "%.*s", (int)length, way->ahead + skipped);
	memmove(way->ahead, way->ahead + skipped + length,
		strlen(way->ahead + skipped + length) + 1);
	return true;
}

/* Itself it is as safe as the directory that it is in, which `done` is again. */
static int follow(struct way *way, size_t before, char sentence[static RECIPE_SENTENCE_SIZE])
{
	char target[PATH_MAX];
	ssize_t n = sys_readlink(way->done, target, sizeof(target) - 1);

	if (n < 0)
		return cannot_look(way->done, errno, sentence);
	if (++way->links > MAX_LINKS)
		return cannot_look(way->done, ELOOP, sentence);
	target[n] = '\0';
	if ((size_t)n + 1 + strlen(way->ahead) >= sizeof(way->ahead))
		return cannot_look(way->done, ENAMETOOLONG, sentence);
	memmove(way->ahead + n + 1, way->ahead, strlen(way->ahead) + 1);
	memcpy(way->ahead, target, (size_t)n);
	way->ahead[n] = '/';
	way->done[*target == '/' ? 0 : before] = '\0';
	return look_here(way, sentence);
}

static int go_up(struct way *way, char sentence[static RECIPE_SENTENCE_SIZE])
{
	char *slash = strrchr(way->done, '/');

	if (slash)
		*slash = '\0';
	return look_here(way, sentence);
}

static int go_into(struct way *way, const char *part, char sentence[static RECIPE_SENTENCE_SIZE])
{
	size_t before = strlen(way->done);
	struct stat child;
	int r;

	if (before + 1 + strlen(part) >= sizeof(way->done))
		return cannot_look(way->done, ENAMETOOLONG, sentence);
	snprintf(way->done + before, sizeof(way->done) - before, "/%s", part);
	if (sys_lstat(way->done, &child) < 0)
		return cannot_look(way->done, errno, sentence);
	way->done[before] = '\0';
	r = check_here(way, &child, sentence);
	if (r < 0)
		return r;
	way->done[before] = '/';
	if (S_ISLNK(child.st_mode))
		return follow(way, before, sentence);
	way->here = child;
	return 0;
}

int trust_check(const char *path, char sentence[static RECIPE_SENTENCE_SIZE])
{
	char part[NAME_MAX + 2];
	struct way way = {0};
	int r;

	if (*path != '/')
		return cannot_look(path, EINVAL, sentence);
	if ((size_t)snprintf(way.ahead, sizeof(way.ahead), "%s", path) >= sizeof(way.ahead))
		return cannot_look(path, ENAMETOOLONG, sentence);
	r = look_here(&way, sentence);
	while (r == 0 && next_part(&way, part)) {
		if (!strcmp(part, ".."))
			r = go_up(&way, sentence);
		else if (strcmp(part, ".") != 0)
			r = go_into(&way, part, sentence);
	}
	return r == 0 ? check_here(&way, NULL, sentence) : r;
}
