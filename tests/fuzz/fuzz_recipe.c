// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Any bytes as a recipe that an earlier daemon has left in a pinned map, and as a launch that the spawner is sent. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/launch.h"
#include "core/recipe.h"

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t walk(const struct strings *strings)
{
	size_t position = 0, count = 0;

	while (strings_next(strings, &position))
		count++;
	REQUIRE(count == strings_count(strings));
	return count;
}

/* One that shares its pieces is as long, and outlives the other. */
static void check_shared(struct recipe *recipe, size_t size)
{
	struct pool pool = {0};
	struct recipe *shared = recipe_share(recipe, &pool), *again;
	char *packed;
	size_t packed_size;

	REQUIRE(shared);
	again = recipe_share(shared, &pool);
	REQUIRE(again);
	recipe_free(shared);
	REQUIRE(recipe_pack(again, &packed, &packed_size) == 0 && packed_size == size);
	free(packed);
	recipe_free(again);
	REQUIRE(!pool_bytes(&pool));
}

/* What was taken can be read to its end, asked why not, and packed into the same bytes. */
static void check_recipe(const char *bytes, size_t size)
{
	static struct watch_config watch = {.name = "w"};
	char sentence[RECIPE_SENTENCE_SIZE];
	struct recipe *recipe = NULL;
	struct launch launch;
	char *packed;
	size_t packed_size;

	if (recipe_unpack(bytes, size, &recipe) < 0)
		return;
	walk(&recipe->argv);
	walk(&recipe->env);
	recipe_refusal(recipe, &watch, sentence);
	for (unsigned i = 0; recipe_missing(recipe, i); i++)
		;
	REQUIRE(recipe_pack(recipe, &packed, &packed_size) == 0);
	REQUIRE(packed_size == size);
	free(packed);
	check_shared(recipe, size);
	if (launch_prepare(recipe, &watch, NULL, &launch) == 0)
		launch_clear(&launch);
	recipe_free(recipe);
}

static void check_launch(const char *bytes, size_t size)
{
	struct launch launch = {0};
	size_t length = 0;

	if (launch_unpack(bytes, size, &launch) < 0)
		return;
	REQUIRE(launch.path && launch.argv && launch.envp);
	for (const char **word = launch.argv; *word; word++)
		length += strlen(*word);
	for (const char **word = launch.envp; *word; word++)
		length += strlen(*word);
	for (int i = 0; i < 3; i++)
		length += launch.stdio[i] ? strlen(launch.stdio[i]) : 0;
	REQUIRE(length <= size);
	launch_clear(&launch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size); /* of just that size, and aligned */

	REQUIRE(copy || !size);
	if (size)
		memcpy(copy, data, size);
	check_recipe(copy, size);
	check_launch(copy, size);
	free(copy);
	return 0;
}
