// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Any bytes as the files of a history, read as obit(1) reads them, and taken through another configuration as
 * obit simulate does. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/protocol.h"
#include "cli/history.h"
#include "daemon/daemon.h"
#include "io/proc.h"

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[] = "/dev/shm/obit-fuzz.XXXXXX";

/* ---- what simulate.c gets from others ---- */

int settings_load(const struct options *options, struct config *ret, struct config_error *error)
{
	static const char text[] = "watch web {\n path = \"/usr/sbin/nginx\"\n uid = any\n"
				   " start_limit_burst = 3\n start_limit_interval = 1h\n}\n"
				   "watch jobs {\n path = \"/opt/**\"\n container = any\n"
				   " restart = always\n max_restarts = 5\n}\n";

	(void)options;
	return config_parse(ret, "f", text, strlen(text), error);
}

void proc_login_uids(uint32_t *ret_min, uint32_t *ret_max)
{
	*ret_min = 1000;
	*ret_max = 60000;
}

/* ---- one input ---- */

static void remove_files(void)
{
	REQUIRE(chdir(directory) == 0);
	unlink(OBIT_HISTORY_FILE);
	unlink(OBIT_HISTORY_OLDER_FILE);
	rmdir(directory);
}

static void prepare(void)
{
	log_set_level(LOG_EMERG);
	REQUIRE(mkdtemp(directory));
	atexit(remove_files);
}

static void write_file(const char *name, const uint8_t *data, size_t size)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	REQUIRE(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
}

static size_t count_lines(const uint8_t *data, size_t size)
{
	size_t count = 0;

	for (size_t i = 0; i < size; i++)
		count += data[i] == '\n';
	return count;
}

static void take(struct json_object *death, void *arg)
{
	size_t *left = arg;

	REQUIRE(json_object_is_type(death, json_type_object));
	REQUIRE((*left)--);
}

static uint64_t number(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	REQUIRE(json_object_object_get_ex(object, key, &value));
	return json_object_get_uint64(value);
}

/* Each line is one death or none, and each death is one of a watch, or of none. */
static void check_told(const char *text, size_t lines)
{
	struct json_object *told = json_tokener_parse(text), *watches;
	uint64_t deaths = 0;

	REQUIRE(told && json_object_object_get_ex(told, "watches", &watches));
	for (size_t i = 0; i < json_object_array_length(watches); i++) {
		struct json_object *watch = json_object_array_get_idx(watches, i);

		deaths += number(watch, "deaths");
		REQUIRE(number(watch, "otherwise") ==
			number(watch, "buried") + number(watch, "respawned") +
				number(watch, "left_alone") + number(watch, "never"));
	}
	REQUIRE(deaths + number(told, "unwatched") == number(told, "deaths"));
	REQUIRE(number(told, "deaths") + number(told, "unreadable") <= lines);
	json_object_put(told);
}

static void check_simulation(bool json, size_t lines)
{
	struct options options = {.state_dir = directory, .json = json};
	FILE *standard = stdout;
	char *text = NULL;
	size_t length = 0;
	int r;

	stdout = open_memstream(&text, &length);
	REQUIRE(stdout);
	r = simulate(&options);
	fclose(stdout);
	stdout = standard;
	REQUIRE(r == 0);
	for (size_t i = 0; i < length; i++)
		REQUIRE((unsigned char)text[i] >= ' ' || text[i] == '\n');
	if (json)
		check_told(text, lines);
	free(text);
}

/* The first byte says how much of it is in the older one of the two files. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool prepared;
	size_t older, lines;

	if (!prepared)
		prepare();
	prepared = true;
	if (!size)
		return 0;
	older = *data % 2 ? (size - 1) * *data / 256 : 0;
	write_file(OBIT_HISTORY_OLDER_FILE, data + 1, older);
	write_file(OBIT_HISTORY_FILE, data + 1 + older, size - 1 - older);
	lines = count_lines(data + 1, size - 1);
	REQUIRE(history_each(directory, take, &(size_t){lines}) == 0);
	/* What is behind the last newline of a file is no line, but counts as one that could not be read. */
	check_simulation(true, lines + 2);
	check_simulation(false, lines + 2);
	return 0;
}
