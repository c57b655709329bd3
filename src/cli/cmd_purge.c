// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* obit purge: what obitd leaves behind for the next one, taken away. No daemon is needed for that, and none may run. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/protocol.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/past.h"
#include "cli/value.h"

struct purge {
	const struct invocation *inv;
	const char *pin_dir, *state_dir;
	unsigned pins;
	struct json_object *files; /* an array: the paths of what was removed */
};

static bool is_running(const struct invocation *inv)
{
	_cleanup_client_ struct client client = CLIENT_CLOSED;

	return client_open(inv->socket, &client) == 0;
}

static int refuse(const struct purge *purge, const char *what)
{
	log_error("%s: %s", purge->pin_dir, what);
	return -EPERM;
}

/* ---- pins ---- */

/* Returns a descriptor of the directory, -ENOENT where there is none, or another -errno, and has told of that. */
static int open_pins(const struct purge *purge)
{
	_cleanup_close_ int fd = open(purge->pin_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool forced = option_given(purge->inv, OPTION_FORCE);
	struct statfs fs;
	int r;

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0 || fstatfs(fd, &fs) < 0) {
		r = -errno;
		log_error("%s: cannot be opened: %s", purge->pin_dir, strerror(-r));
		return r;
	}
	if ((unsigned long)fs.f_type != BPF_FS_MAGIC)
		return refuse(purge, "not on a bpf file system; expected the pin directory of an "
				     "obitd");
	if (!forced && flock(fd, LOCK_EX | LOCK_NB) < 0)
		return refuse(purge, "an obitd uses it; stop that first, or say --force");
	if (faccessat(fd, OBIT_SCHEMA_PIN, F_OK, 0) < 0)
		return refuse(purge, "there are no pins of obitd; expected its pin directory");
	return TAKE_FD(fd);
}

static int remove_pins(struct purge *purge)
{
	_cleanup_dir_ DIR *dir = NULL;
	struct dirent *entry;
	int fd = open_pins(purge);

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	dir = fdopendir(fd);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (unlinkat(fd, entry->d_name, 0) < 0) {
			int r = -errno;

			log_error("%s/%s: cannot be removed: %s", purge->pin_dir, entry->d_name,
				  strerror(-r));
			return r;
		}
		purge->pins++;
	}
	rmdir(purge->pin_dir);
	return 0;
}

/* ---- files ---- */

static const char *const state_files[] = {OBIT_HISTORY_FILE, OBIT_HISTORY_OLDER_FILE,
					  OBIT_WATCHDOG_FILE};

static bool has_files(const char *state_dir)
{
	_cleanup_close_ int directory = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; directory >= 0 && i < ARRAY_SIZE(state_files); i++)
		if (faccessat(directory, state_files[i], F_OK, 0) == 0)
			return true;
	return false;
}

static int remove_file(struct purge *purge, int directory, const char *name)
{
	char path[4096 + 64];
	int r;

	snprintf(path, sizeof(path), "%.4096s/%s", purge->state_dir, name);
	if (unlinkat(directory, name, 0) == 0) {
		json_object_array_add(purge->files, json_object_new_string(path));
		return 0;
	}
	r = -errno;
	if (r == -ENOENT)
		return 0;
	log_error("%s: cannot be removed: %s", path, strerror(-r));
	return r;
}

static int remove_files(struct purge *purge)
{
	_cleanup_close_ int directory = open(purge->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = directory < 0 && errno != ENOENT ? -errno : 0;

	if (r < 0)
		log_error("%s: cannot be opened: %s", purge->state_dir, strerror(-r));
	for (size_t i = 0; directory >= 0 && r == 0 && i < ARRAY_SIZE(state_files); i++)
		r = remove_file(purge, directory, state_files[i]);
	if (r == 0 && rmdir(purge->state_dir) == 0) /* not if there is something else */
		json_object_array_add(purge->files, json_object_new_string(purge->state_dir));
	return r;
}

/* ---- what was done ---- */

static void tell(const struct purge *purge)
{
	size_t count = array_length(purge->files);

	if (purge->pins)
		printf("%s: removed, %u pins; what obitd kept of its instances is forgotten\n",
		       purge->pin_dir, purge->pins);
	else
		printf("%s: nothing is pinned there\n", purge->pin_dir);
	for (size_t i = 0; i < count; i++)
		printf("%s: removed\n", json_object_get_string(array_item(purge->files, i)));
	if (option_given(purge->inv, OPTION_ALL)) {
		if (!count)
			printf("%s: no history is there\n", purge->state_dir);
	} else if (has_files(purge->state_dir)) {
		printf("A history in %s is kept; --all removes it, too.\n", purge->state_dir);
	}
}

static void print(const struct purge *purge)
{
	_cleanup_json_ struct json_object *object = json_object_new_object();

	json_object_object_add(object, "pin_dir", json_object_new_string(purge->pin_dir));
	json_object_object_add(object, "pins", json_object_new_int64(purge->pins));
	json_object_object_add(object, "files", json_object_get(purge->files));
	json_print(stdout, object, true);
}

int cmd_purge(const struct invocation *inv)
{
	_cleanup_json_ struct json_object *files = json_object_new_array();
	_cleanup_free_ char *state_dir = past_directory(inv, true);
	struct purge purge = {
		.inv = inv,
		.pin_dir = inv->pin_dir ? inv->pin_dir : OBIT_DEFAULT_PIN_DIR,
		.state_dir = state_dir ? state_dir : OBIT_DEFAULT_STATE_DIR,
		.files = files,
	};
	bool all = option_given(inv, OPTION_ALL);
	int r;

	if (all && !option_given(inv, OPTION_FORCE) && is_running(inv)) {
		log_error("obitd answers at %s and writes a history; stop it first, or say --force",
			  inv->socket);
		return OBIT_EXIT_FAILED;
	}
	r = remove_pins(&purge);
	if (r == 0 && all)
		r = remove_files(&purge);
	if (r < 0)
		return OBIT_EXIT_FAILED;
	if (option_given(inv, OPTION_JSON))
		print(&purge);
	else
		tell(&purge);
	return OBIT_EXIT_OK;
}
