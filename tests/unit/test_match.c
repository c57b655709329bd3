// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "tests/unit/test_recipe.h"

#include <sys/types.h>

#include "core/match.h"

#define ID "4f1d5c7bb1e0e2cbb5a40ee0f1c1b2a39d7c8e6f5a4b3c2d1e0f9a8b7c6d5e4f"

static const struct match_people people = {1000, 60000};

static ssize_t match(const char *text, const struct recipe *recipe)
{
	struct config_error error = {""};
	struct config config;
	struct match_index index;
	ssize_t watch;

	config_init(&config);
	if (config_parse(&config, "test", text, strlen(text), &error) < 0)
		fail_msg("%s", error.text);
	watch = match_watch(&config, &people, recipe);
	assert_int_equal(match_index_make(&config, &index), 0);
	assert_int_equal(match_find(&index, &people, recipe), watch); /* in every test */
	match_index_clear(&index);
	config_free(&config);
	return watch;
}

/* Whether `watch w { keys }` matches it. */
static bool matches(const char *keys, const struct recipe *recipe)
{
	char text[1024];
	int n = snprintf(text, sizeof(text), "watch w {\n%s\n}\n", keys);

	assert_in_range(n, 1, sizeof(text) - 1);
	return match(text, recipe) == 0;
}

static struct recipe *make_nginx(void)
{
	struct recipe *recipe = make_recipe("/usr/sbin/nginx", WORDS("nginx", "-g", "daemon off;"));

	free(recipe->cgroup);
	recipe->cgroup = copy_of("/system.slice/nginx.service/workers");
	return recipe;
}

struct row {
	const char *keys;
	bool matches;
};

static void expect_rows(const struct row *rows, size_t count, const struct recipe *recipe)
{
	for (size_t i = 0; i < count; i++)
		if (matches(rows[i].keys, recipe) != rows[i].matches)
			fail_msg("%s", rows[i].keys);
}

static void path_is_exact_or_a_glob(void **state)
{
	static const struct row rows[] = {
		{"path = \"/usr/sbin/nginx\"", true},
		{"path = \"/usr/sbin/nginx2\"", false},
		{"path = \"/usr/sbin/ngin\"", false},
		{"path = \"/usr/sbin\"", false},
		{"path = \"/usr/sbin/*\"", true},
		{"path = \"/usr/*\"", false},
		{"path = \"/usr/**\"", true},
		{"path = \"/usr/sbin/ngin[x-z]\"", true},
		{"path = \"/usr/sbin/ngin?\"", true},
		{"path = { \"/bin/no\", \"/usr/sbin/nginx\" }", true},
		{"path = { \"/bin/no\", \"/bin/neither\" }", false},
	};
	struct recipe *recipe = make_nginx();

	(void)state;
	expect_rows(rows, ARRAY_SIZE(rows), recipe);
	free(TAKE_PTR(recipe->exe));
	assert_false(matches("path = \"/**\"", recipe));
	recipe_free(recipe);
}

static void a_script_matches_by_its_own_path_too(void **state)
{
	struct recipe *recipe = make_recipe("/bin/dash", WORDS("/bin/sh", "/opt/run.sh"));

	(void)state;
	assert_false(matches("path = \"/opt/run.sh\"", recipe));
	recipe->script = copy_of("./run.sh");
	recipe->script_path = copy_of("/opt/run.sh");
	assert_true(matches("path = \"/opt/run.sh\"", recipe));
	assert_true(matches("path = \"/opt/*.sh\"", recipe));
	assert_true(matches("path = \"/bin/dash\"", recipe));
	recipe_free(recipe);
}

/* Named by path, by script, and by globs in between: the first of all of them is meant. */
static void the_first_of_many_is_found(void **state)
{
	const char *const text = "watch a { path = \"/bin/other\" }\n"
				 "watch b { path = \"/bin/dash\" args = \"*/never\" }\n"
				 "watch c { path = { \"/bin/x\", \"/opt/run.sh\" } uid = 12345 }\n"
				 "watch d { path = \"/opt/run.sh\" }\n"
				 "watch e { path = \"/bin/d*\" }\n"
				 "watch f { path = \"/bin/dash\" }\n"
				 "watch g { cgroup = \"/**\" }\n";
	struct recipe *recipe = make_recipe("/bin/dash", WORDS("/bin/sh", "/opt/run.sh"));

	(void)state;
	assert_int_equal(match(text, recipe), 4);
	recipe->script_path = copy_of("/opt/run.sh");
	assert_int_equal(match(text, recipe), 3);
	free(recipe->exe);
	recipe->exe = copy_of("/bin/other");
	assert_int_equal(match(text, recipe), 0);
	recipe_free(recipe);
}

static void everything_below_a_cgroup_is_in(void **state)
{
	static const struct row rows[] = {
		{"cgroup = \"/system.slice/nginx.service/workers\"", true},
		{"cgroup = \"/system.slice/nginx.service\"", true},
		{"cgroup = \"/system.slice\"", true},
		{"cgroup = \"/**\"", true},
		{"cgroup = \"/system.slice/*.service\"", true},
		{"cgroup = \"/system.slice/nginx-*.service\"", false},
		{"cgroup = \"/system.slice/nginx\"", false},
		{"cgroup = \"/system.slice/nginx.service/workers/1\"", false},
		{"cgroup = \"/user.slice\"", false},
		{"cgroup = { \"/user.slice\", \"/system.slice\" }", true},
	};
	struct recipe *recipe = make_nginx();

	(void)state;
	expect_rows(rows, ARRAY_SIZE(rows), recipe);
	free(TAKE_PTR(recipe->cgroup));
	assert_false(matches("cgroup = \"/system.slice\"", recipe));
	recipe_free(recipe);
}

/* A name that the kernel side could not read to its front, or that /proc gave. */
static void a_cgroup_without_a_slash_in_front_does_no_harm(void **state)
{
	static const char *const names[] = {"workers", "nginx.service/workers", "", "//", "a//b/"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct recipe *recipe = make_nginx();

		free(recipe->cgroup);
		recipe->cgroup = copy_of(names[i]);
		assert_false(matches("cgroup = \"/system.slice\"", recipe));
		recipe_free(recipe);
	}
}

static void argv0_is_the_word_or_its_last_component(void **state)
{
	static const struct row rows[] = {
		{"path = \"/bin/busybox\" argv0 = \"httpd\"", true},
		{"path = \"/bin/busybox\" argv0 = \"/sbin/httpd\"", true},
		{"path = \"/bin/busybox\" argv0 = \"http*\"", true},
		{"path = \"/bin/busybox\" argv0 = \"sbin/httpd\"", false},
		{"path = \"/bin/busybox\" argv0 = \"busybox\"", false},
	};
	struct recipe *recipe = make_recipe("/bin/busybox", WORDS("/sbin/httpd", "-f"));

	(void)state;
	expect_rows(rows, ARRAY_SIZE(rows), recipe);
	set_strings(&recipe->argv, WORDS("httpd"));
	assert_true(matches("path = \"/bin/busybox\" argv0 = \"httpd\"", recipe));
	set_strings(&recipe->argv, WORDS());
	assert_false(matches("path = \"/bin/busybox\" argv0 = \"*\"", recipe));
	assert_true(matches("path = \"/bin/busybox\"", recipe));
	recipe_free(recipe);
}

/* argv[1..] joined by single spaces. */
static const struct {
	const char *argv[6];
	const char *args;
	bool matches;
} args_table[] = {
	{{"python3", "job.py"}, "job.py", true},
	{{"python3", "job.py"}, "job*", true},
	{{"python3", "/opt/a/job.py"}, "*job.py", true},
	{{"python3", "job.py", "--fast"}, "job.py", false},
	{{"python3", "job.py", "--fast"}, "job.py *", true},
	{{"python3", "job.py", "--fast"}, "job.py --fast", true},
	{{"python3", "-m", "job", "x"}, "*job*", true},
	{{"python3", "job.py"}, "python3*", false},
	{{"python3"}, "", true},
	{{"python3"}, "*", true},
	{{"python3"}, "?*", false},
	{{"python3", "x"}, "", false},
	{{"python3", "", "x"}, " x", true},
	{{"python3", "", "x"}, "x", false},
	{{"python3", "x", "", "y"}, "x  y", true},
	{{"python3", "x", ""}, "x ", true},
	{{"python3", "", ""}, " ", true},
	{{NULL}, "*", true},
};

static void args_are_joined_by_single_spaces(void **state)
{
	char keys[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(args_table); i++) {
		struct recipe *recipe = make_recipe("/usr/bin/python3", args_table[i].argv);

		snprintf(keys, sizeof(keys), "path = \"/usr/bin/python3\"\nargs = \"%s\"",
			 args_table[i].args);
		if (matches(keys, recipe) != args_table[i].matches)
			fail_msg("row %zu: args = \"%s\"", i, args_table[i].args);
		recipe_free(recipe);
	}
}

static const struct {
	uint32_t euid, owner;
	bool service, any, list;
} uid_table[] = {
	{0, 0, true, true, false},	{33, 0, true, true, true},
	{999, 0, true, true, false},	{1000, 0, false, true, true},
	{1000, 1000, true, true, true}, {1001, 1000, false, true, false},
	{60000, 0, false, true, false}, {60001, 0, true, true, false},
	{65534, 0, true, true, false},	{60000, 60000, true, true, false},
};

static void uid_is_service_any_or_a_list(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(uid_table); i++) {
		struct recipe *recipe = make_nginx();

		recipe->facts->uid = 4242; /* what counts is the effective one */
		recipe->facts->euid = uid_table[i].euid;
		recipe->facts->exe_uid = uid_table[i].owner;
		if (matches("path = \"/**\"", recipe) != uid_table[i].service ||
		    matches("path = \"/**\" uid = service", recipe) != uid_table[i].service ||
		    matches("path = \"/**\" uid = any", recipe) != uid_table[i].any ||
		    matches("path = \"/**\" uid = { 33, 1000 }", recipe) != uid_table[i].list)
			fail_msg("uid %u, executable of %u", uid_table[i].euid, uid_table[i].owner);
		recipe_free(recipe);
	}
}

static const struct {
	const char *cgroup;
	__u32 clear; /* flags that a process of the host has */
	bool no, any, glob;
} container_table[] = {
	{"/system.slice/nginx.service", 0, true, true, false},
	{"/system.slice/nginx.service", OBIT_EXEC_HOST_PIDNS, false, true, false},
	{"/system.slice/nginx.service", OBIT_EXEC_HOST_MNT_OWNER, false, true, false},
	{"/docker/" ID, 0, false, true, true},
	{"/docker/" ID, OBIT_EXEC_HOST_PIDNS | OBIT_EXEC_HOST_MNT_OWNER, false, true, true},
	{"/machine.slice/libpod-conmon-" ID ".scope", 0, true, true, false},
	{"/lxc.payload.4f1d-web", 0, false, true, true},
	{"/lxc.payload.web", 0, false, true, false},
	{"/lxc.monitor.4f1d-web", 0, true, true, false},
	{"/machine.slice/machine-4f1d\\x2dweb.scope/payload", 0, false, true, true},
	{"/machine.slice/machine-4f1d\\x2dweb.scope/supervisor", 0, true, true, false},
	{"/default/4f1d", 0, false, true, true},
	{"/payload/system.slice/nginx.service", 0, false, true, false}, /* its name is not known */
	{NULL, 0, true, true, false},
	{NULL, OBIT_EXEC_HOST_PIDNS, false, true, false},
};

static void container_is_no_any_or_a_glob(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(container_table); i++) {
		struct recipe *recipe = make_nginx();

		free(TAKE_PTR(recipe->cgroup));
		if (container_table[i].cgroup)
			recipe->cgroup = copy_of(container_table[i].cgroup);
		recipe->facts->flags &= ~container_table[i].clear;
		if (matches("path = \"/**\"", recipe) != container_table[i].no ||
		    matches("path = \"/**\" container = no", recipe) != container_table[i].no ||
		    matches("path = \"/**\" container = any", recipe) != container_table[i].any ||
		    matches("path = \"/**\" container = \"4f1d*\"", recipe) !=
			    container_table[i].glob ||
		    matches("path = \"/**\" container = \"5*\"", recipe))
			fail_msg("row %zu", i);
		recipe_free(recipe);
	}
}

/* All that are given must hold: each row breaks one of them. */
static void all_keys_must_hold(void **state)
{
	static const struct row rows[] = {
		{"path = \"/usr/sbin/nginx\" cgroup = \"/system.slice\" argv0 = \"nginx\" "
		 "args = \"-g *\" uid = { 33 } container = no",
		 true},
		{"path = \"/usr/sbin/other\" cgroup = \"/system.slice\" argv0 = \"nginx\" "
		 "args = \"-g *\" uid = { 33 } container = no",
		 false},
		{"path = \"/usr/sbin/nginx\" cgroup = \"/user.slice\" argv0 = \"nginx\" "
		 "args = \"-g *\" uid = { 33 } container = no",
		 false},
		{"path = \"/usr/sbin/nginx\" cgroup = \"/system.slice\" argv0 = \"apache\" "
		 "args = \"-g *\" uid = { 33 } container = no",
		 false},
		{"path = \"/usr/sbin/nginx\" cgroup = \"/system.slice\" argv0 = \"nginx\" "
		 "args = \"-h *\" uid = { 33 } container = no",
		 false},
		{"path = \"/usr/sbin/nginx\" cgroup = \"/system.slice\" argv0 = \"nginx\" "
		 "args = \"-g *\" uid = { 34 } container = no",
		 false},
		{"path = \"/usr/sbin/nginx\" cgroup = \"/system.slice\" argv0 = \"nginx\" "
		 "args = \"-g *\" uid = { 33 } container = \"4f*\"",
		 false},
	};
	struct recipe *recipe = make_nginx();

	(void)state;
	recipe->facts->euid = 33;
	expect_rows(rows, ARRAY_SIZE(rows), recipe);
	recipe_free(recipe);
}

static void the_first_watch_wins(void **state)
{
	static const char text[] = "watch other { path = \"/usr/sbin/other\" }\n"
				   "watch every { path = \"/usr/sbin/*\" uid = { 33 } }\n"
				   "watch exact { path = \"/usr/sbin/nginx\" }\n"
				   "watch again { path = \"/usr/sbin/nginx\" }\n";
	struct recipe *recipe = make_nginx();

	(void)state;
	assert_int_equal(match(text, recipe), 2);
	recipe->facts->euid = 33;
	assert_int_equal(match(text, recipe), 1);
	free(recipe->exe);
	recipe->exe = copy_of("/usr/bin/nobody");
	assert_int_equal(match(text, recipe), MATCH_NONE);
	assert_int_equal(match("", recipe), MATCH_NONE);
	recipe_free(recipe);
}

static void a_watch_is_found_by_its_name(void **state)
{
	static const char text[] = "watch b {\npath = /b\n}\nwatch c {\npath = /c\n}\n"
				   "watch a {\npath = /a\n}\n";
	struct match_index index = {0};
	struct config_error error;
	struct config config;

	(void)state;
	assert_int_equal(match_named(&index, "a"), MATCH_NONE);
	config_init(&config);
	assert_int_equal(config_parse(&config, "test", text, strlen(text), &error), 0);
	assert_int_equal(match_index_make(&config, &index), 0);
	assert_int_equal(match_named(&index, "b"), 0);
	assert_int_equal(match_named(&index, "c"), 1);
	assert_int_equal(match_named(&index, "a"), 2);
	assert_int_equal(match_named(&index, ""), MATCH_NONE);
	assert_int_equal(match_named(&index, "bb"), MATCH_NONE);
	match_index_clear(&index);
	config_free(&config);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(path_is_exact_or_a_glob),
		cmocka_unit_test(a_script_matches_by_its_own_path_too),
		cmocka_unit_test(the_first_of_many_is_found),
		cmocka_unit_test(everything_below_a_cgroup_is_in),
		cmocka_unit_test(a_cgroup_without_a_slash_in_front_does_no_harm),
		cmocka_unit_test(argv0_is_the_word_or_its_last_component),
		cmocka_unit_test(args_are_joined_by_single_spaces),
		cmocka_unit_test(uid_is_service_any_or_a_list),
		cmocka_unit_test(container_is_no_any_or_a_glob),
		cmocka_unit_test(all_keys_must_hold),
		cmocka_unit_test(the_first_watch_wins),
		cmocka_unit_test(a_watch_is_found_by_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
