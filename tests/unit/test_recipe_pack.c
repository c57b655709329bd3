// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "tests/unit/test_recipe.h"

static struct recipe *make_full(void)
{
	struct recipe *recipe = make_recipe("/usr/sbin/nginx",
					    WORDS("nginx", "", "-g", "daemon off;"));

	set_strings(&recipe->env, WORDS("A=1", "B="));
	recipe->script = copy_of("./x");
	recipe->script_path = copy_of("/x");
	recipe->label = copy_of("web (enforce)");
	recipe->label_unknown = true;
	recipe->stdio[1] = copy_of("/var/log/web");
	recipe->source = RECIPE_PROC;
	recipe->stack = 0x7ffc12345678;
	recipe->argv_overwritten = true;
	recipe->facts->umask = 027;
	recipe->facts->group_count = 2;
	recipe->facts->groups[1] = 33;
	return recipe;
}

static void expect_path(const char *a, const char *b)
{
	assert_int_equal(!a, !b);
	if (a)
		assert_string_equal(a, b);
}

static void expect_same(const struct recipe *a, const struct recipe *b)
{
	assert_int_equal(a->source, b->source);
	expect_path(a->exe, b->exe);
	expect_path(a->script, b->script);
	expect_path(a->script_path, b->script_path);
	expect_path(a->label, b->label);
	assert_int_equal(a->label_unknown, b->label_unknown);
	expect_path(a->cwd, b->cwd);
	expect_path(a->root, b->root);
	expect_path(a->cgroup, b->cgroup);
	for (size_t i = 0; i < ARRAY_SIZE(a->stdio); i++)
		expect_path(a->stdio[i], b->stdio[i]);
	assert_true(strings_equal(&a->argv, &b->argv));
	assert_true(strings_equal(&a->env, &b->env));
	assert_memory_equal(a->facts, b->facts, sizeof(*a->facts));
	assert_int_equal(a->stack, b->stack);
	assert_int_equal(a->argv_overwritten, b->argv_overwritten);
}

static void expect_return(struct recipe *recipe)
{
	_cleanup_free_ char *bytes = NULL;
	struct recipe *back;
	size_t size;

	assert_int_equal(recipe_pack(recipe, &bytes, &size), 0);
	assert_int_equal(recipe_unpack(bytes, size, &back), 0);
	expect_same(recipe, back);
	recipe_free(back);
	recipe_free(recipe);
}

static void all_of_it_comes_back(void **state)
{
	(void)state;
	expect_return(make_full());
}

static void what_is_not_known_is_not_known_afterwards(void **state)
{
	(void)state;
	expect_return(recipe_new(RECIPE_EXEC));
}

static void a_piece_of_it_is_none(void **state)
{
	_cleanup_free_ char *bytes = NULL, *longer = NULL;
	struct recipe *recipe = make_full(), *back;
	size_t size;

	(void)state;
	assert_int_equal(recipe_pack(recipe, &bytes, &size), 0);
	for (size_t cut = 0; cut < size; cut++) {
		_cleanup_free_ char *piece = malloc(cut + 1); /* so that a look beyond it is seen */

		assert_non_null(piece);
		memcpy(piece, bytes, cut);
		assert_int_equal(recipe_unpack(piece, cut, &back), -EBADMSG);
	}
	longer = calloc(1, size + 1);
	assert_non_null(longer);
	memcpy(longer, bytes, size);
	assert_int_equal(recipe_unpack(longer, size + 1, &back), -EBADMSG);
	recipe_free(recipe);
}

/* Whatever the bytes say: refused, or sound. */
static void no_byte_of_it_is_believed(void **state)
{
	_cleanup_free_ char *bytes = NULL;
	struct recipe *recipe = make_full(), *back;
	unsigned refused = 0;
	size_t size;

	(void)state;
	assert_int_equal(recipe_pack(recipe, &bytes, &size), 0);
	for (size_t at = 0; at < size; at++) {
		char before = bytes[at];

		bytes[at] ^= (char)0xff;
		if (recipe_unpack(bytes, size, &back) == 0) {
			assert_true(strings_count(&back->argv) <= back->argv.size);
			assert_true(back->facts->group_count <= OBIT_GROUPS_MAX);
			recipe_free(back);
		} else {
			refused++;
		}
		bytes[at] = before;
	}
	assert_true(refused > 40); /* each length, and more */
	recipe_free(recipe);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_it_comes_back),
		cmocka_unit_test(what_is_not_known_is_not_known_afterwards),
		cmocka_unit_test(a_piece_of_it_is_none),
		cmocka_unit_test(no_byte_of_it_is_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
