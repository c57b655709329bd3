// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/cgroupfs.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

/* The number of a controller's v1 hierarchy; 0 where it has none. */
static __u32 hierarchy_of(const char *controller)
{
	_cleanup_file_ FILE *file = fopen("/proc/cgroups", "re");
	char line[256];
	__u32 hierarchy;

	while (file && fgets(line, sizeof(line), file))
		if (proc_text_hierarchy(line, controller, &hierarchy))
			return hierarchy;
	return 0;
}

static void take_mount(struct cgroupfs *fs, const char *line)
{
	char mount[PATH_MAX];

	for (size_t i = 0; i < CGROUPFS_HIERARCHIES; i++) {
		const char *controller = proc_text_controller(i);

		if (fs->at[i].mount || !proc_text_mount(line, controller, mount))
			continue;
		fs->at[i].mount = strdup(mount);
		fs->at[i].hierarchy = controller ? hierarchy_of(controller) : 0;
	}
}

int cgroupfs_init(struct cgroupfs *fs)
{
	_cleanup_file_ FILE *file = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	*fs = (struct cgroupfs){0};
	if (!file)
		return -errno;
	while (getline(&line, &size, file) > 0)
		take_mount(fs, line);
	return 0;
}

void cgroupfs_clear(struct cgroupfs *fs)
{
	for (size_t i = 0; i < CGROUPFS_HIERARCHIES; i++)
		free(fs->at[i].mount);
	*fs = (struct cgroupfs){0};
}

static void walk_one(const char *mount, __u32 hierarchy, cgroupfs_fn *fn, void *arg)
{
	_cleanup_free_ char *top = strdup(mount);
	char *roots[] = {top, NULL};
	FTS *tree = top ? fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL) : NULL;
	FTSENT *entry;

	while (tree && (entry = fts_read(tree))) {
		struct obit_cgroup key = {.hierarchy = hierarchy};

		if (entry->fts_info != FTS_D)
			continue;
		key.id = entry->fts_statp->st_ino;
		fn(arg, &key, entry->fts_level ? entry->fts_path + strlen(mount) : "/");
	}
	if (tree)
		fts_close(tree);
}

void cgroupfs_walk(const struct cgroupfs *fs, cgroupfs_fn *fn, void *arg)
{
	for (size_t i = 0; i < CGROUPFS_HIERARCHIES; i++)
		if (fs->at[i].mount)
			walk_one(fs->at[i].mount, fs->at[i].hierarchy, fn, arg);
}

int cgroupfs_of(const struct cgroupfs *fs, pid_t pid, __u32 *ret_hierarchy, char **ret_path)
{
	char name[64];
	_cleanup_file_ FILE *file = NULL;
	_cleanup_free_ char *line = NULL;
	char *paths[CGROUPFS_HIERARCHIES] = {NULL};
	size_t size = 0, chosen = 0;
	int r;

	snprintf(name, sizeof(name), "/proc/%d/cgroup", pid);
	file = fopen(name, "re");
	if (!file)
		return errno == ENOENT ? -ESRCH : -errno;
	while (getline(&line, &size, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		for (size_t i = 0; i < CGROUPFS_HIERARCHIES; i++) {
			const char *path = proc_text_cgroup(line, proc_text_controller(i));

			if (path && !paths[i])
				paths[i] = strdup(path);
		}
	}
	r = ferror(file) ? -errno : 0; /* -ESRCH: gone since it was opened */
	for (size_t i = CGROUPFS_HIERARCHIES; i-- > 0;)
		if (paths[i] && strcmp(paths[i], "/") != 0)
			chosen = i;
	if (r == 0) {
		*ret_hierarchy = fs->at[chosen].hierarchy;
		*ret_path = paths[chosen] ? TAKE_PTR(paths[chosen]) : strdup("/");
		r = *ret_path ? 0 : -ENOMEM;
	}
	for (size_t i = 0; i < CGROUPFS_HIERARCHIES; i++)
		free(paths[i]);
	return r;
}

/* The index of a hierarchy that is mounted, or -ENOENT. */
static int find_hierarchy(const struct cgroupfs *fs, __u32 hierarchy)
{
	for (int i = 0; i < CGROUPFS_HIERARCHIES; i++)
		if (fs->at[i].mount && fs->at[i].hierarchy == hierarchy)
			return i;
	return -ENOENT;
}

int cgroupfs_open(const struct cgroupfs *fs, __u32 hierarchy, const char *path)
{
	char name[PATH_MAX];
	int i = find_hierarchy(fs, hierarchy), fd;
	bool is_v1;

	if (i < 0)
		return i;
	is_v1 = proc_text_controller((size_t)i);
	snprintf(name, sizeof(name), "%s%s%s", fs->at[i].mount, path, is_v1 ? "/cgroup.procs" : "");
	fd = open(name, (is_v1 ? O_WRONLY : O_RDONLY | O_DIRECTORY) | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static bool kill_at_once(const char *directory)
{
	char name[PATH_MAX];
	_cleanup_close_ int fd = -1;

	snprintf(name, sizeof(name), "%.*s/cgroup.kill", PATH_MAX - 16, directory);
	fd = open(name, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, "1", 1) == 1;
}

static void signal_members(const char *directory, int signal)
{
	char name[PATH_MAX];
	_cleanup_file_ FILE *file = NULL;
	int pid;

	snprintf(name, sizeof(name), "%.*s/cgroup.procs", PATH_MAX - 16, directory);
	file = fopen(name, "re");
	while (file && fscanf(file, "%d", &pid) == 1)
		if (pid > 1 && pid != getpid())
			kill(pid, signal);
}

static pid_t find_member(const char *directory, bool (*wanted)(pid_t pid))
{
	char name[PATH_MAX];
	_cleanup_file_ FILE *file = NULL;
	int pid;

	snprintf(name, sizeof(name), "%.*s/cgroup.procs", PATH_MAX - 16, directory);
	file = fopen(name, "re");
	while (file && fscanf(file, "%d", &pid) == 1)
		if (wanted(pid))
			return pid;
	return 0;
}

/* The cgroup and those below it, or NULL with errno. */
static FTS *open_tree(const struct cgroupfs *fs, __u32 hierarchy, const char *path,
		      char top[static PATH_MAX])
{
	char *roots[] = {top, NULL};
	int i = find_hierarchy(fs, hierarchy);

	if (i < 0) {
		errno = -i;
		return NULL;
	}
	snprintf(top, PATH_MAX, "%s%s", fs->at[i].mount, path);
	return fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
}

pid_t cgroupfs_find(const struct cgroupfs *fs, __u32 hierarchy, const char *path,
		    bool (*wanted)(pid_t pid))
{
	char top[PATH_MAX];
	FTS *tree = open_tree(fs, hierarchy, path, top);
	FTSENT *entry;
	pid_t pid = 0;

	/* To its end: fts_close(3) loses memory before that. */
	while (tree && (entry = fts_read(tree)))
		if (entry->fts_info == FTS_D && !pid)
			pid = find_member(entry->fts_path, wanted);
	if (tree)
		fts_close(tree);
	return pid;
}

int cgroupfs_signal(const struct cgroupfs *fs, __u32 hierarchy, const char *path, int signal)
{
	char top[PATH_MAX];
	FTS *tree = open_tree(fs, hierarchy, path, top);
	FTSENT *entry;

	bool done = false;

	if (!tree)
		return -errno;
	/* To its end: fts_close(3) loses memory before that. */
	while ((entry = fts_read(tree))) {
		if (entry->fts_info != FTS_D || done)
			continue;
		done = entry->fts_level == FTS_ROOTLEVEL && signal == SIGKILL && kill_at_once(top);
		if (!done)
			signal_members(entry->fts_path, signal);
	}
	fts_close(tree);
	return 0;
}
