// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/config_files.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/protocol.h"
#include "io/sys.h"

enum file_kind {
	FILE_OBIT,
	FILE_ARMOURD,
	FILE_EITHER, /* its text says */
};

/* A file that is being read, and the ones that led to it. */
struct chain {
	const struct chain *parent; /* NULL: nobody included it */
	const char *path;
	unsigned line; /* of the include in it that is being read */
	enum file_kind kind;
	dev_t device;
	ino_t inode;
	unsigned depth;
};

struct load {
	struct config *config;
	struct config_error *error;
};

static int fail(struct config_error *error, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static int fail(struct config_error *error, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error->text, sizeof(error->text), fmt, ap);
	va_end(ap);
	return code;
}

static int open_file(const struct chain *file, struct config_error *error)
{
	/* Not blocking, so that a FIFO cannot hold the daemon up. */
	int fd = sys_open(file->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0);
	int code = -errno;

	if (fd >= 0)
		return fd;
	if (code == -ENOENT && file->parent)
		return fail(error, code,
			    "%s:%u: %s: no such file; expected the file that is included here",
			    file->parent->path, file->parent->line, file->path);
	if (code == -ENOENT)
		return fail(error, code, "%s: no such file; expected a configuration file",
			    file->path);
	return fail(error, code, "%s: cannot be opened: %s; expected a file that obitd can read",
		    file->path, strerror(-code));
}

/* Whoever can change the file decides what is run as root. */
static int check_trust(const char *path, const struct stat *st, struct config_error *error)
{
	uid_t self = sys_geteuid();

	if (st->st_uid != 0 && st->st_uid != self)
		return fail(error, -EPERM,
			    "%s: owned by uid %u; expected a file that only root can change: "
			    "chown root %s",
			    path, st->st_uid, path);
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return fail(error, -EPERM,
			    "%s: %s-writable (mode %04o); expected a file that only root can "
			    "change: chmod go-w %s",
			    path, st->st_mode & S_IWOTH ? "world" : "group", st->st_mode & 07777,
			    path);
	return 0;
}

static int check_file(const char *path, const struct stat *st, struct config_error *error)
{
	if (S_ISDIR(st->st_mode))
		return fail(error, -EISDIR, "%s: is a directory; expected a configuration file",
			    path);
	if (!S_ISREG(st->st_mode))
		return fail(error, -EINVAL, "%s: not a regular file; expected a configuration file",
			    path);
	if (st->st_size > CONFIG_FILES_MAX_SIZE)
		return fail(error, -EFBIG,
			    "%s: larger than %d bytes; expected a configuration file", path,
			    CONFIG_FILES_MAX_SIZE);
	return check_trust(path, st, error);
}

/* Reads to the end of the file, which may have grown since it was looked at. */
static int read_all(int fd, const char *path, char *buf, size_t *ret_length,
		    struct config_error *error)
{
	size_t length = 0;

	while (length <= CONFIG_FILES_MAX_SIZE) {
		ssize_t n = sys_read(fd, buf + length, CONFIG_FILES_MAX_SIZE + 1 - length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(error, -errno,
				    "%s: cannot be read: %s; expected a file that obitd can read",
				    path, strerror(errno));
		if (n == 0) {
			*ret_length = length;
			return 0;
		}
		length += (size_t)n;
	}
	return fail(error, -EFBIG, "%s: larger than %d bytes; expected a configuration file", path,
		    CONFIG_FILES_MAX_SIZE);
}

static int check_loop(const struct chain *file, struct config_error *error)
{
	if (file->depth > CONFIG_FILES_MAX_DEPTH)
		return fail(
			error, -ELOOP,
			"%s: included more than %d files deep; expected fewer levels of include",
			file->path, CONFIG_FILES_MAX_DEPTH);
	for (const struct chain *up = file->parent; up; up = up->parent) {
		if (up->device == file->device && up->inode == file->inode)
			return fail(error, -ELOOP,
				    "%s: includes itself, by way of %s; expected no loop", up->path,
				    file->parent->path);
	}
	return 0;
}

static int parse_text(struct load *load, const struct chain *file, const char *text, size_t length)
{
	bool armourd = file->kind == FILE_ARMOURD ||
		       (file->kind == FILE_EITHER && config_is_armourd(text, length));

	return (armourd ? config_parse_armourd : config_parse)(load->config, file->path, text,
							       length, load->error);
}

/* Parses one file without what it includes. Sets the file's identity in `file`. */
static int parse_file(struct load *load, struct chain *file)
{
	_cleanup_close_ int fd = open_file(file, load->error);
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	struct stat st;
	int r;

	if (fd < 0)
		return fd;
	if (sys_fstat(fd, &st) < 0)
		return fail(load->error, -errno,
			    "%s: cannot be looked at: %s; expected a "
			    "configuration file",
			    file->path, strerror(errno));
	file->device = st.st_dev;
	file->inode = st.st_ino;
	r = check_file(file->path, &st, load->error);
	if (r < 0)
		return r;
	r = check_loop(file, load->error);
	if (r < 0)
		return r;
	text = malloc(CONFIG_FILES_MAX_SIZE + 1);
	if (!text)
		return fail(load->error, -ENOMEM, "%s: out of memory", file->path);
	r = read_all(fd, file->path, text, &length, load->error);
	if (r < 0)
		return r;
	return parse_text(load, file, text, length);
}

static void free_strings(struct string_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct string_list){0};
}

#define _cleanup_strings_ _cleanup_(free_strings)

static int load_file(struct load *load, const char *path, const struct chain *parent,
		     enum file_kind kind);

static int load_glob(struct load *load, const char *pattern, const struct chain *parent,
		     enum file_kind kind)
{
	_cleanup_(globfree) glob_t found = {0};
	int r = sys_glob(pattern, 0, &found);

	if (r == GLOB_NOMATCH)
		return 0;
	if (r != 0)
		return fail(load->error, r == GLOB_NOSPACE ? -ENOMEM : -EIO,
			    "%s: cannot be expanded: %s; expected a pattern of files", pattern,
			    r == GLOB_NOSPACE ? "out of memory" : "a directory cannot be read");
	for (size_t i = 0; i < found.gl_pathc; i++) {
		r = load_file(load, found.gl_pathv[i], parent, kind);
		if (r < 0)
			return r;
	}
	return 0;
}

static int load_included(struct load *load, const char *what, const struct chain *parent,
			 enum file_kind kind)
{
	if (what[0] != '/')
		return fail(load->error, -EINVAL,
			    "%s:%u: include \"%s\" is relative; expected an absolute path",
			    parent->path, parent->line, what);
	if (strpbrk(what, "*?["))
		return load_glob(load, what, parent, kind);
	return load_file(load, what, parent, kind);
}

/* Empties `list`. */
static int load_list(struct load *load, struct string_list *list, const struct chain *parent,
		     enum file_kind kind)
{
	_cleanup_strings_ struct string_list include = *list;
	int r = 0;

	*list = (struct string_list){0};
	for (size_t i = 0; r >= 0 && i < include.count; i++)
		r = load_included(load, include.items[i], parent, kind);
	return r;
}

static int load_file(struct load *load, const char *path, const struct chain *parent,
		     enum file_kind kind)
{
	struct chain file = {.parent = parent,
			     .path = path,
			     .kind = kind,
			     .depth = parent ? parent->depth + 1 : 0};
	_cleanup_strings_ struct string_list armourd = {0};
	unsigned armourd_line;
	int r = parse_file(load, &file);

	if (r < 0)
		return r;
	/* Out of the way of the files that are read in between. */
	armourd = load->config->include_armourd;
	load->config->include_armourd = (struct string_list){0};
	armourd_line = load->config->include_armourd_line;
	file.line = load->config->include_line;
	r = load_list(load, &load->config->include, &file, FILE_OBIT);
	file.line = armourd_line;
	return r < 0 ? r : load_list(load, &armourd, &file, FILE_ARMOURD);
}

/* Reads conf.d, *.conf, in the directory of the main file. */
static int load_beside(struct load *load, const char *main_path)
{
	const char *slash = strrchr(main_path, '/');
	_cleanup_free_ char *pattern = NULL;

	if (asprintf(&pattern, "%.*sconf.d/*.conf", slash ? (int)(slash + 1 - main_path) : 0,
		     main_path) < 0)
		return fail(load->error, -ENOMEM, "%s: out of memory", main_path);
	return load_glob(load, pattern, NULL, FILE_OBIT);
}

static bool is_missing(const char *path)
{
	struct stat st;

	return sys_lstat(path, &st) < 0 && errno == ENOENT;
}

static int load_all(struct load *load, const char *main_path, bool explicit)
{
	int r = !explicit && is_missing(main_path)
			? 0
			: load_file(load, main_path, NULL, explicit ? FILE_EITHER : FILE_OBIT);

	if (r < 0 || (explicit && strcmp(main_path, OBIT_DEFAULT_CONFIG) != 0))
		return r;
	return load_beside(load, main_path);
}

int config_files_load(const char *main_path, bool explicit, struct config *config,
		      struct config_error *ret_error)
{
	struct config fresh;
	struct load load = {.config = &fresh, .error = ret_error};
	int r;

	config_init(&fresh);
	r = load_all(&load, main_path, explicit);
	if (r < 0) {
		config_free(&fresh);
		return r;
	}
	config_free(config);
	*config = fresh;
	return 0;
}
