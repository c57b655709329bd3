// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Any bytes as a configuration file: it is taken whole and makes sense, or is refused with one line and
 * leaves everything as it was. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "core/config.h"
#include "core/owner.h"

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_watch(const struct watch_config *watch)
{
	REQUIRE(watch->name[0] && strlen(watch->name) <= 63);
	REQUIRE(watch->path.count || watch->cgroup.count);
	for (size_t i = 0; i < watch->path.count; i++)
		REQUIRE(watch->path.items[i][0] == '/');
	for (size_t i = 0; i < watch->cgroup.count; i++)
		REQUIRE(watch->cgroup.items[i][0] == '/');
	REQUIRE(watch->uid.match != UID_LIST || watch->uid.uid_count);
	REQUIRE(watch->backoff_factor >= 1);
	REQUIRE(watch->backoff_jitter >= 0 && watch->backoff_jitter <= 1);
	REQUIRE(watch->kill_signal >= 1 && watch->kill_signal <= 64);
	REQUIRE(watch->restart < _RESTART_WHEN_MAX && watch->owner < _OWNER_MODE_MAX);
}

static void check_taken(const struct config *config)
{
	for (size_t i = 0; i < config->watch_count; i++) {
		check_watch(&config->watches[i]);
		for (size_t j = 0; j < i; j++)
			REQUIRE(strcmp(config->watches[i].name, config->watches[j].name) != 0);
	}
	for (size_t i = 0; i < config->owner_count; i++)
		REQUIRE(config->owners[i].name[0] && strlen(config->owners[i].name) <= 63);
	REQUIRE(config->max_processes >= 1 && config->max_processes <= 1 << 24);
	REQUIRE(!config->history_size || config->history_size >= 65536);
	REQUIRE(config->watchdog.timeout_ns >= NS_PER_SEC);
}

/* Owners beside the built-in ones: whom they are and what they run is known of each, or the first that is not is told. */
static void check_owners(struct config *config)
{
	struct config_error error = {""};
	struct owner owner;

	if (config_complete_owners(config, &error) < 0) {
		REQUIRE(strncmp(error.text, "f:", 2) == 0 && strstr(error.text, "expected"));
		return;
	}
	for (size_t i = 0; i < config->owner_count; i++) {
		const struct owner_config *rule = &config->owners[i];

		REQUIRE(rule->cgroup.count || rule->parent.count || rule->runtime || rule->unit);
		REQUIRE(!rule->ask == (rule->answer == OWNER_FORMAT_UNSET));
	}
	owner_find(config, &(struct owner_suspect){.cgroup = "/system.slice/a.service"}, &owner);
}

static void check_refused(const struct config *config, const struct config_error *error)
{
	REQUIRE(config->watch_count == 1 && config->include.count == 0 && !config->owner_count);
	REQUIRE(!config->watchdog.device.count && config->watchdog.disarm_on_stop);
	REQUIRE(strncmp(error->text, "f:", 2) == 0 && !strchr(error->text, '\n'));
	REQUIRE(strstr(error->text, "expected"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_error error = {""};
	struct config config;

	config_init(&config);
	REQUIRE(config_add_pattern(&config, "/first", &error) == 0);
	if (config_parse(&config, "f", (const char *)data, size, &error) == 0) {
		check_taken(&config);
		check_owners(&config);
	} else {
		check_refused(&config, &error);
	}
	config_free(&config);
	return 0;
}
