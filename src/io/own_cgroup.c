// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/own_cgroup.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/home.h"
#include "core/proc_text.h"
#include "io/sys.h"

#define HIERARCHIES HOMES_MAX
#define NAME_SIZE   (2 * PATH_MAX + 16)

static const char *const controllers[HIERARCHIES] = {NULL, "freezer", "cpu", "memory"};

struct place {
	char *mount; /* owned; NULL: there is no such hierarchy */
	char *home;  /* owned: the path of the cgroup where this process was */
	int procs;   /* of that cgroup; -1: it has not been left */
};

struct own_cgroup {
	char *path;
	struct place at[HIERARCHIES];
};

/* Only the first is told. */
static int fail(char *error, int earlier, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
static int fail(char *error, int earlier, int code, const char *fmt, ...)
{
	va_list ap;

	if (earlier)
		return earlier;
	va_start(ap, fmt);
	vsnprintf(error, OWN_CGROUP_ERROR_SIZE, fmt, ap);
	va_end(ap);
	return code;
}

struct own_cgroup *own_cgroup_new(const char *path)
{
	struct own_cgroup *own = calloc(1, sizeof(*own));

	if (!own)
		return NULL;
	for (size_t i = 0; i < HIERARCHIES; i++)
		own->at[i].procs = -1;
	own->path = strdup(path);
	if (own->path)
		return own;
	free(own);
	return NULL;
}

/* ---- where the hierarchies are, and this process in them ---- */

static void take_mount(struct own_cgroup *own, const char *line)
{
	char mount[PATH_MAX];

	for (size_t i = 0; i < HIERARCHIES; i++)
		if (!own->at[i].mount && proc_text_mount(line, controllers[i], mount))
			own->at[i].mount = strdup(mount);
}

static void take_home(struct own_cgroup *own, const char *line)
{
	for (size_t i = 0; i < HIERARCHIES; i++) {
		const char *path = proc_text_cgroup(line, controllers[i]);

		if (path && !own->at[i].home)
			own->at[i].home = strndup(path, strcspn(path, "\n"));
	}
}

static int read_lines(struct own_cgroup *own, const char *name,
		      void (*take)(struct own_cgroup *own, const char *line))
{
	_cleanup_file_ FILE *file = fopen(name, "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	if (!file)
		return -errno;
	while (getline(&line, &size, file) > 0)
		take(own, line);
	return 0;
}

static void forget(struct own_cgroup *own)
{
	for (size_t i = 0; i < HIERARCHIES; i++) {
		free(own->at[i].mount);
		free(own->at[i].home);
		if (own->at[i].procs >= 0)
			sys_close(own->at[i].procs);
		own->at[i] = (struct place){.procs = -1};
	}
}

/* ---- there and back ---- */

static int open_procs(const char *mount, const char *path)
{
	char name[NAME_SIZE];
	int fd;

	snprintf(name, sizeof(name), "%s%s/cgroup.procs", mount, path);
	fd = sys_open(name, O_WRONLY | O_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

static int make(const char *mount, const char *path)
{
	char name[NAME_SIZE];

	snprintf(name, sizeof(name), "%s%s", mount, path);
	return mkdir(name, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int move(const char *mount, const char *path)
{
	_cleanup_close_ int fd = open_procs(mount, path);

	if (fd < 0)
		return fd;
	return sys_write(fd, "0", 1) < 0 ? -errno : 0;
}

static int enter(const char *path, struct place *place)
{
	int procs = open_procs(place->mount, place->home), r = procs;

	if (procs < 0)
		return r;
	r = make(place->mount, path);
	if (r == 0)
		r = move(place->mount, path);
	if (r < 0)
		sys_close(procs);
	else
		place->procs = procs;
	return r;
}

static void set_home(const struct own_cgroup *own)
{
	int fds[HIERARCHIES];
	size_t count = 0;

	for (size_t i = 0; i < HIERARCHIES; i++)
		if (own->at[i].procs >= 0)
			fds[count++] = own->at[i].procs;
	home_set(fds, count);
}

int own_cgroup_enter(struct own_cgroup *own, char error[static OWN_CGROUP_ERROR_SIZE])
{
	int r = read_lines(own, "/proc/self/mountinfo", take_mount);

	if (r == 0)
		r = read_lines(own, "/proc/self/cgroup", take_home);
	if (r < 0)
		return fail(error, 0, r, "%s: its place cannot be found: %s", own->path,
			    strerror(-r));
	for (size_t i = 0; i < HIERARCHIES; i++) {
		struct place *place = &own->at[i];
		int entered = 0;

		if (place->mount && place->home && strcmp(place->home, own->path) != 0)
			entered = enter(own->path, place);
		if (entered < 0)
			r = fail(error, r, entered,
				 "%s%s: cannot be made and entered: %s; obitd stays in %s there",
				 place->mount, own->path, strerror(-entered), place->home);
	}
	set_home(own);
	return r;
}

/* It may be that of two controllers. */
static int discard(const char *mount, const char *path)
{
	char name[NAME_SIZE];

	snprintf(name, sizeof(name), "%s%s", mount, path);
	return rmdir(name) < 0 && errno != ENOENT ? -errno : 0;
}

int own_cgroup_leave(struct own_cgroup *own, char error[static OWN_CGROUP_ERROR_SIZE])
{
	int r = home_return();

	if (r < 0)
		fail(error, 0, r, "%s: obitd cannot go back to where it was: %s", own->path,
		     strerror(-r));
	home_set(NULL, 0);
	for (size_t i = 0; i < HIERARCHIES; i++) {
		struct place *place = &own->at[i];
		int gone = place->procs < 0 ? 0 : discard(place->mount, own->path);

		if (gone < 0)
			r = fail(error, r, gone, "%s%s: cannot be removed: %s", place->mount,
				 own->path, strerror(-gone));
	}
	forget(own);
	return r;
}

void own_cgroup_free(struct own_cgroup *own)
{
	if (!own)
		return;
	forget(own);
	free(own->path);
	free(own);
}
