// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Records as the ring could hold them, sound and damaged, and each as the daemon takes it: decoded, gathered
 * into a recipe, finished, and asked everything that a recipe answers. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/decode.h"
#include "core/launch.h"
#include "core/match.h"
#include "core/recipe.h"

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOTIFY_VARIABLES 2 /* NOTIFY_SOCKET and WATCHDOG_USEC */

static const char *const anything[] = {"/**", "*"};

static void check_strings(const struct strings *strings)
{
	size_t position = 0, count = 0;

	REQUIRE(!strings->size || strings->bytes[strings->size - 1] == '\0');
	while (strings_next(strings, &position))
		count++;
	REQUIRE(position == strings->size && count == strings_count(strings));
}

static void check_launch(const struct recipe *recipe, const struct watch_config *watch)
{
	struct launch launch;

	if (launch_prepare(recipe, watch, "/run/x", &launch) < 0) {
		REQUIRE(!recipe->exe && !watch->command);
		return;
	}
	REQUIRE(launch.path);
	for (size_t i = 0; launch.argv[i]; i++)
		REQUIRE(i < recipe->argv.size);
	for (size_t i = 0; launch.envp[i]; i++)
		REQUIRE(i < recipe->env.size + NOTIFY_VARIABLES &&
			strncmp(launch.envp[i], "MAINPID=", 8) != 0);
	launch_clear(&launch);
}

static void check_match(const struct recipe *recipe, struct watch_config *watch)
{
	const struct match_people people = {1000, 60000};
	const struct config config = {.watches = watch, .watch_count = 1};
	ssize_t match = match_watch(&config, &people, recipe);

	REQUIRE(match == 0 || match == MATCH_NONE);
}

static void check_recipe(const struct recipe *recipe)
{
	char name[] = "w", path[8], cgroup[8], args[8], sentence[RECIPE_SENTENCE_SIZE];
	char *paths[] = {path}, *cgroups[] = {cgroup};
	struct watch_config watch;

	check_strings(&recipe->argv);
	check_strings(&recipe->env);
	watch_config_init(&watch);
	watch.name = name;
	check_launch(recipe, &watch);
	if (recipe_refusal(recipe, &watch, sentence))
		REQUIRE(strlen(sentence) < sizeof(sentence));
	for (unsigned i = 0; recipe_missing(recipe, i); i++)
		REQUIRE(i < 16);
	strcpy(path, anything[0]);
	strcpy(cgroup, "/a/b");
	strcpy(args, anything[1]);
	watch.path = (struct string_list){paths, 1};
	watch.cgroup = (struct string_list){cgroups, 1};
	watch.args = args;
	watch.container = CONTAINER_ANY;
	check_match(recipe, &watch);
}

static void take(struct recipe *recipe, const struct event *event, const void *record, size_t size)
{
	const uint8_t *end = (const uint8_t *)record + size;

	REQUIRE(event->key == &((const struct obit_record *)record)->key);
	switch (event->type) {
	case OBIT_RECORD_FORK:
	case OBIT_RECORD_EXIT:
	case OBIT_RECORD_MOVE:
		REQUIRE((const uint8_t *)(event->letter + 1) <= end);
		break;
	case OBIT_RECORD_UNWATCHED:
		REQUIRE((const uint8_t *)(event->exit + 1) <= end);
		break;
	case OBIT_RECORD_TEXT:
		REQUIRE((const uint8_t *)event->text->data + event->text->length <= end);
		recipe_add_text(recipe, event->text);
		break;
	case OBIT_RECORD_EXEC:
		REQUIRE((const uint8_t *)(event->exec + 1) <= end);
		recipe_finish(recipe, event->exec);
		check_recipe(recipe);
		break;
	default:
		abort();
	}
}

/* ---- records, made of the fuzzer's bytes: the corpus survives a change of their layout ---- */

struct input {
	const uint8_t *data;
	size_t left;
};

union any_record {
	struct obit_record header;
	struct obit_letter_record letter;
	struct obit_text_record text;
	struct obit_exec_record exec;
};

/* The next bytes, zeros behind the end. Returns how many there were. */
static size_t draw_bytes(struct input *input, void *ret, size_t size)
{
	size_t n = size < input->left ? size : input->left;

	memset(ret, 0, size);
	memcpy(ret, input->data, n);
	input->data += n;
	input->left -= n;
	return n;
}

static uint8_t draw_byte(struct input *input)
{
	uint8_t byte;

	draw_bytes(input, &byte, 1);
	return byte;
}

static uint32_t draw_number(struct input *input)
{
	uint32_t number;

	draw_bytes(input, &number, sizeof(number));
	return number;
}

static void make_text(struct input *input, const struct recipe *recipe,
		      struct obit_text_record *ret)
{
	uint8_t kind = draw_byte(input), length = draw_byte(input);

	ret->kind = kind & 0x7f;
	/* mostly where the text goes on */
	ret->offset = kind & 0x80		    ? draw_number(input)
		      : ret->kind == OBIT_TEXT_ARGV ? (uint32_t)recipe->argv.size
		      : ret->kind == OBIT_TEXT_ENV  ? (uint32_t)recipe->env.size
						    : 0;
	ret->length = (uint32_t)draw_bytes(input, ret->data, length);
	ret->header.size = (uint32_t)offsetof(struct obit_text_record, data) + ret->length;
	if (length == 0xff)
		ret->length = draw_number(input);
}

static void make_exec(struct input *input, const struct recipe *recipe,
		      struct obit_exec_record *ret)
{
	ret->flags = draw_number(input);
	ret->group_count = draw_byte(input);
	ret->euid = draw_byte(input);
	ret->argv_bytes = recipe->argv.size + draw_byte(input);
	ret->env_bytes = recipe->env.size + draw_byte(input);
	ret->header.size = sizeof(*ret);
}

/* Returns how many bytes of it "the ring" has. */
static size_t make_record(struct input *input, const struct recipe *recipe, union any_record *ret)
{
	uint8_t type = draw_byte(input), cut;

	*ret = (union any_record){.header = {.type = type & 0x0f}};
	if (ret->header.type == OBIT_RECORD_TEXT)
		make_text(input, recipe, &ret->text);
	else if (ret->header.type == OBIT_RECORD_EXEC)
		make_exec(input, recipe, &ret->exec);
	else
		ret->header.size = sizeof(ret->letter);
	cut = type & 0x80 ? draw_byte(input) : 0;
	if (type & 0x40)
		ret->header.size -= draw_byte(input);
	if (ret->header.size > sizeof(*ret))
		return sizeof(*ret) - cut;
	return ret->header.size > cut ? ret->header.size - cut : 0;
}

/* Returns false when the recipe is finished. */
static bool take_record(struct input *input, struct recipe *recipe)
{
	union any_record record;
	size_t size = make_record(input, recipe, &record);
	/* to where one byte too many is seen */
	_cleanup_free_ void *copy = malloc(size ? size : 1);
	struct event event;

	REQUIRE(copy);
	memcpy(copy, &record, size);
	if (decode_record(copy, size, &event) < 0)
		return true;
	take(recipe, &event, copy, size);
	return event.type != OBIT_RECORD_EXEC;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct recipe *recipe = recipe_new(RECIPE_EXEC);

	REQUIRE(recipe);
	while (input.left && take_record(&input, recipe))
		;
	recipe_free(recipe);
	return 0;
}
