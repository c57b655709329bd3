// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/state_dir.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/protocol.h"
#include "io/sys.h"

#define DIRECTORY_MODE 0750

static int fail(char *error, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static int fail(char *error, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, STATE_DIR_ERROR_SIZE, fmt, ap);
	va_end(ap);
	return code;
}

static struct {
	bool asked, has_group;
	gid_t group;
} readers;

void state_dir_learn_readers(void)
{
	readers.asked = true;
	readers.has_group = sys_group_id(OBIT_READERS_GROUP, &readers.group) == 0;
}

void state_dir_give_to_readers(int fd)
{
	gid_t group = readers.group;
	bool has_group = readers.asked ? readers.has_group
				       : sys_group_id(OBIT_READERS_GROUP, &group) == 0;

	if (has_group && fchown(fd, (uid_t)-1, group) < 0)
		errno = 0; /* nothing is lost by that but their reading */
}

/* Whoever can write there could have another file written to, or tell lies. */
static int check_trust(const char *directory, const struct stat *st, char *error)
{
	if ((st->st_uid == 0 || st->st_uid == sys_geteuid()) &&
	    !(st->st_mode & (S_IWGRP | S_IWOTH)))
		return 0;
	return fail(error, -EPERM,
		    "others than root can write in %.120s (owner %u, mode %04o); expected a "
		    "directory that root alone can change",
		    directory, st->st_uid, st->st_mode & 07777);
}

int state_dir_open(const char *directory, char error[static STATE_DIR_ERROR_SIZE])
{
	bool made = mkdir(directory, DIRECTORY_MODE) == 0;
	int why = errno;
	_cleanup_close_ int fd = sys_open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	struct stat st;
	int r;

	if (fd < 0 && errno == ENOENT && !made && why != EEXIST)
		return fail(error, -why, "the directory %.120s cannot be made: %s", directory,
			    strerror(why));
	if (fd < 0 || sys_fstat(fd, &st) < 0)
		return fail(error, -errno, "the directory %.120s cannot be opened: %s", directory,
			    strerror(errno));
	r = check_trust(directory, &st, error);
	if (r < 0)
		return r;
	if (made)
		state_dir_give_to_readers(fd);
	return TAKE_FD(fd);
}

bool state_dir_is_volatile(const char *directory)
{
	char path[PATH_MAX];
	struct statfs fs;
	char *slash;

	snprintf(path, sizeof(path), "%s", directory);
	while (statfs(path, &fs) < 0) {
		slash = strrchr(path, '/');
		if (!slash || !path[1])
			return false;
		slash[slash == path] = '\0';
	}
	return fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC ||
	       fs.f_type == OVERLAYFS_SUPER_MAGIC;
}
