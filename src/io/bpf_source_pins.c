// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The pin directory: its lock, the number of its layout, and whether what an earlier daemon has pinned there fits. */
#include "io/bpf_source_internal.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/protocol.h"

#define MAX_PIN_PATH (PATH_MAX - 128)
#define LINK_PREFIX  "link_"

const char *const bpf_source_map_names[] = {
	[MAP_PROCESSES] = "processes",
	[MAP_SLOTS] = "slots",
	[MAP_MEMBERS] = "members",
	[MAP_STATE] = "state",
	[MAP_PATH_PREFIXES] = "path_prefixes",
	[MAP_CGROUP_PREFIXES] = "cgroup_prefixes",
	[MAP_CGROUPS] = "cgroups",
	[MAP_SIGNALS] = "signals",
	[MAP_SIGNALS_RESERVE] = "signals_reserve",
	[MAP_EVENTS] = "events",
	[MAP_EXITS] = "exits",
	[MAP_STATS] = "stats",
	[MAP_SEQUENCE] = "sequence",
	[MAP_WATCHES] = "watches",
};
_Static_assert(ARRAY_SIZE(bpf_source_map_names) == _MAP_MAX, "a name for each map");

int bpf_source_fail(char error[static BPF_SOURCE_ERROR_SIZE], int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, BPF_SOURCE_ERROR_SIZE, fmt, ap);
	va_end(ap);
	return r;
}

static void pin_path(const struct bpf_source *source, const char *name, char buf[static PATH_MAX])
{
	snprintf(buf, PATH_MAX, "%.*s/%s", MAX_PIN_PATH, source->pin_dir, name);
}

static int mount_bpffs_if_missing(void)
{
	struct statfs fs;

	if (statfs("/sys/fs/bpf", &fs) < 0)
		return -errno;
	if ((unsigned long)fs.f_type == BPF_FS_MAGIC)
		return 0;
	return mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0700") < 0 ? -errno : 0;
}

int bpf_source_lock_pins(struct bpf_source *source, char error[static BPF_SOURCE_ERROR_SIZE])
{
	struct statfs fs;
	bool made;

	if (!strncmp(source->pin_dir, "/sys/fs/bpf/", 12) && mount_bpffs_if_missing() < 0)
		return bpf_source_fail(error, -errno,
				       "/sys/fs/bpf: cannot mount the bpf file system: %s",
				       strerror(errno));
	made = mkdir(source->pin_dir, 0700) == 0;
	if (!made && errno != EEXIST)
		return bpf_source_fail(error, -errno, "%s: cannot make the pin directory: %s",
				       source->pin_dir, strerror(errno));
	source->pin_dir_fd = open(source->pin_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (source->pin_dir_fd < 0 || fstatfs(source->pin_dir_fd, &fs) < 0)
		return bpf_source_fail(error, -errno, "%s: cannot open the pin directory: %s",
				       source->pin_dir, strerror(errno));
	if ((unsigned long)fs.f_type != BPF_FS_MAGIC) {
		if (made)
			rmdir(source->pin_dir);
		return bpf_source_fail(
			error, -EINVAL,
			"%s is not on a bpf file system; expected a directory below /sys/fs/bpf",
			source->pin_dir);
	}
	if (flock(source->pin_dir_fd, LOCK_EX | LOCK_NB) < 0)
		return bpf_source_fail(
			error, -EBUSY,
			"another obitd uses the pin directory %s; expected --pin-dir of its own",
			source->pin_dir);
	return 0;
}

void bpf_source_remove_pins(const struct bpf_source *source)
{
	_cleanup_dir_ DIR *dir = opendir(source->pin_dir);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlinkat(source->pin_dir_fd, entry->d_name, 0);
}

static bool is_link_of(struct bpf_object *object, const char *name)
{
	const struct bpf_program *program = bpf_object__find_program_by_name(
		object, name + strlen(LINK_PREFIX));

	return program && bpf_program__fd(program) >= 0;
}

void bpf_source_drop_other_links(const struct bpf_source *source, struct bpf_object *object)
{
	_cleanup_dir_ DIR *dir = opendir(source->pin_dir);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, LINK_PREFIX, strlen(LINK_PREFIX)) &&
		    !is_link_of(object, entry->d_name))
			unlinkat(source->pin_dir_fd, entry->d_name, 0);
}

static bool map_fits(struct bpf_map *map, int fd)
{
	struct bpf_map_info info = {0};
	__u32 length = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &length) == 0 && info.type == bpf_map__type(map) &&
	       info.key_size == bpf_map__key_size(map) &&
	       info.value_size == bpf_map__value_size(map) &&
	       info.max_entries == bpf_map__max_entries(map) &&
	       info.map_flags == bpf_map__map_flags(map);
}

/* For another size nothing that it holds is thrown away. */
static void keep_size(struct bpf_map *map, int fd)
{
	struct bpf_map_info info = {0};
	__u32 length = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &length) == 0)
		bpf_map__set_max_entries(map, info.max_entries);
}

/* A map of one number: which layout the pinned maps have. */
static int read_schema(const struct bpf_source *source)
{
	char path[PATH_MAX];
	_cleanup_close_ int fd = -1;
	__u32 zero = 0, version = 0;

	pin_path(source, OBIT_SCHEMA_PIN, path);
	fd = bpf_obj_get(path);
	if (fd < 0 || bpf_map_lookup_elem(fd, &zero, &version) < 0)
		return -ENOENT;
	return (int)version;
}

int bpf_source_write_schema(const struct bpf_source *source)
{
	char path[PATH_MAX];
	_cleanup_close_ int fd = -1;
	__u32 zero = 0, version = OBIT_ABI_VERSION;

	if (source->took_over)
		return 0;
	pin_path(source, OBIT_SCHEMA_PIN, path);
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "obit_schema", sizeof(zero), sizeof(version), 1,
			    NULL);
	if (fd < 0 || bpf_map_update_elem(fd, &zero, &version, BPF_ANY) < 0)
		return -errno;
	return bpf_obj_pin(fd, path) < 0 ? -errno : 0;
}

static bool pinned_maps_fit(const struct bpf_source *source, struct bpf_object *object)
{
	for (size_t i = 0; i < _MAP_MAX; i++) {
		char path[PATH_MAX];
		_cleanup_close_ int fd = -1;
		struct bpf_map *map = bpf_object__find_map_by_name(object, bpf_source_map_names[i]);

		pin_path(source, bpf_source_map_names[i], path);
		fd = bpf_obj_get(path);
		if (fd >= 0 && i == MAP_EVENTS)
			keep_size(map, fd);
		if (fd < 0 || !map_fits(map, fd))
			return false;
	}
	return true;
}

static void tell_replaced(const struct bpf_source *source, int schema)
{
	if (schema == OBIT_ABI_VERSION)
		log_notice("%s: pins for another max_processes, or not all of them, are replaced; "
			   "running processes are "
			   "scanned again",
			   source->pin_dir);
	else if (schema >= 0)
		log_notice("%s: pins of another layout (schema %d, here %d) are replaced; running "
			   "processes are scanned again",
			   source->pin_dir, schema, OBIT_ABI_VERSION);
}

int bpf_source_prepare_pins(struct bpf_source *source, struct bpf_object *object)
{
	int schema = read_schema(source);

	if (schema == OBIT_ABI_VERSION && pinned_maps_fit(source, object)) {
		source->took_over = true;
	} else {
		tell_replaced(source, schema);
		bpf_source_remove_pins(source);
	}
	for (size_t i = 0; i < _MAP_MAX; i++) {
		char path[PATH_MAX];
		int r;

		pin_path(source, bpf_source_map_names[i], path);
		r = bpf_map__set_pin_path(
			bpf_object__find_map_by_name(object, bpf_source_map_names[i]), path);
		if (r < 0)
			return r;
	}
	return 0;
}

int bpf_source_pin_link(const struct bpf_source *source, int fd, const char *program)
{
	char path[PATH_MAX], fresh[PATH_MAX], name[96];

	snprintf(name, sizeof(name), LINK_PREFIX "%s", program);
	pin_path(source, name, path);
	snprintf(name, sizeof(name), LINK_PREFIX "%s_new", program);
	pin_path(source, name, fresh);
	unlink(fresh); /* of one that was killed */
	return bpf_obj_pin(fd, fresh) < 0 || rename(fresh, path) < 0 ? -errno : 0;
}
