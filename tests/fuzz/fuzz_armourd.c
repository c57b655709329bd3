// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Any bytes as an armourd.conf: taken whole, or refused with one line that leaves everything as it was. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/config.h"

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const char *text, const char *start)
{
	REQUIRE(strncmp(text, start, strlen(start)) == 0 && !strchr(text, '\n'));
}

static void check_taken(const struct config *config)
{
	REQUIRE(config->watch_count >= 1);
	for (size_t i = 1; i < config->watch_count; i++) {
		const struct watch_config *watch = &config->watches[i];

		REQUIRE(watch->name[0] && strlen(watch->name) <= 63 && watch->line);
		REQUIRE(watch->path.count == 1 && watch->path.items[0][0] == '/');
		REQUIRE(!watch->command || watch->command[0]);
		REQUIRE(!watch->on_exit || watch->on_exit[0]);
		REQUIRE(strcmp(watch->name, watch[-1].name) != 0);
	}
	for (size_t i = 0; i < config->warnings.count; i++)
		check_line(config->warnings.items[i], "f:");
}

static void check_refused(const struct config *config, const struct config_error *error)
{
	REQUIRE(config->watch_count == 1 && config->warnings.count == 0);
	check_line(error->text, "f:");
	REQUIRE(strstr(error->text, "expected"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct config_error error = {""};
	struct config config;

	config_init(&config);
	REQUIRE(config_add_pattern(&config, "/first", &error) == 0);
	if (config_parse_armourd(&config, "f", text, size, &error) == 0) {
		REQUIRE(config_warn_shadowed(&config) == 0);
		check_taken(&config);
	} else {
		check_refused(&config, &error);
	}
	/* What is taken for armourd's is nothing that our own parser would take. */
	if (config_is_armourd(text, size))
		REQUIRE(config_parse(&config, "f", text, size, &error) < 0);
	config_free(&config);
	return 0;
}
