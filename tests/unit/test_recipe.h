/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Recipes made by hand, as the kernel side would have told them. */
#ifndef OBIT_TESTS_TEST_RECIPE_H
#define OBIT_TESTS_TEST_RECIPE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/recipe.h"

#define WORDS(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static inline char *copy_of(const char *text)
{
	char *copy = strdup(text);

	assert_non_null(copy);
	return copy;
}

/* Strings one after the other, of a NULL-terminated list. */
static inline void set_strings(struct strings *strings, const char *const *words)
{
	free(strings->bytes);
	*strings = (struct strings){0};
	for (; *words; words++) {
		size_t length = strlen(*words) + 1;

		strings->bytes = realloc(strings->bytes, strings->size + length);
		assert_non_null(strings->bytes);
		memcpy(strings->bytes + strings->size, *words, length);
		strings->size += length;
	}
}

/* A host process's complete recipe: nothing is missing, nothing stands in the way. */
static inline struct recipe *make_recipe(const char *exe, const char *const *argv)
{
	struct recipe *recipe = recipe_new(RECIPE_EXEC);

	assert_non_null(recipe);
	recipe->exe = copy_of(exe);
	recipe->cwd = copy_of("/");
	recipe->root = copy_of("/");
	recipe->cgroup = copy_of("/system.slice");
	set_strings(&recipe->argv, argv);
	recipe->facts->flags = OBIT_EXEC_HOST_PIDNS | OBIT_EXEC_HOST_MNT_OWNER;
	return recipe;
}

/* A text record of that kind; NULs may be among the bytes. */
static inline void fill_text(struct obit_text_record *text, enum obit_text_kind kind, size_t offset,
			     const void *bytes, size_t length)
{
	assert_in_range(length, 0, OBIT_TEXT_CHUNK);
	*text = (struct obit_text_record){
		.kind = kind,
		.offset = (__u32)offset,
		.length = (__u32)length,
	};
	memcpy(text->data, bytes, length);
}

static inline int add_text(struct recipe *recipe, enum obit_text_kind kind, size_t offset,
			   const void *bytes, size_t length)
{
	struct obit_text_record text;

	fill_text(&text, kind, offset, bytes, length);
	return recipe_add_text(recipe, &text);
}

#endif
