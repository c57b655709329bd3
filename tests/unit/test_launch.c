// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "tests/unit/test_recipe.h"

#include "core/launch.h"

static void expect_words(const char *const *got, const char *const *want)
{
	size_t i = 0;

	assert_non_null(got);
	for (; want[i]; i++) {
		assert_non_null(got[i]);
		assert_string_equal(got[i], want[i]);
	}
	assert_null(got[i]);
}

static struct launch prepare(const struct recipe *recipe, const struct watch_config *watch)
{
	struct launch launch;

	assert_int_equal(launch_prepare(recipe, watch, NULL, &launch), 0);
	return launch;
}

/* ---- as captured ---- */

static void a_recipe_is_launched_as_it_was(void **state)
{
	struct recipe *recipe = make_recipe("/usr/sbin/nginx",
					    WORDS("nginx", "", "-g", "daemon off;"));
	struct watch_config watch;
	struct launch launch;

	(void)state;
	watch_config_init(&watch);
	set_strings(&recipe->env, WORDS("PATH=/bin", "LANG=C", ""));
	free(recipe->cwd);
	recipe->cwd = copy_of("/srv");
	recipe->stdio[1] = copy_of("/var/log/x");
	launch = prepare(recipe, &watch);
	assert_string_equal(launch.path, "/usr/sbin/nginx");
	expect_words(launch.argv, WORDS("nginx", "", "-g", "daemon off;"));
	expect_words(launch.envp, WORDS("PATH=/bin", "LANG=C", ""));
	assert_string_equal(launch.directory, "/srv");
	assert_ptr_equal(launch.facts, recipe->facts);
	assert_null(launch.stdio[0]);
	assert_string_equal(launch.stdio[1], "/var/log/x");
	launch_clear(&launch);
	launch_clear(&launch); /* once more is fine */
	recipe_free(recipe);
}

static void a_program_without_arguments_gets_none(void **state)
{
	struct recipe *recipe = make_recipe("/bin/x", WORDS());
	struct watch_config watch;
	struct launch launch;

	(void)state;
	watch_config_init(&watch);
	launch = prepare(recipe, &watch);
	expect_words(launch.argv, WORDS());
	expect_words(launch.envp, WORDS());
	launch_clear(&launch);
	recipe_free(recipe);
}

static void a_label_is_asked_for_in_its_modules_words(void **state)
{
	static const struct {
		const char *label, *words;
	} table[] = {
		{"nginx (enforce)", "exec nginx"},
		{"/usr/sbin/nginx (complain)", "exec /usr/sbin/nginx"},
		{"a b//hat (x) (enforce)", "exec a b//hat (x)"},
		{"one//&two (mixed)", "exec one//&two"},
		{"unconfined", "exec unconfined"},
		{"system_u:system_r:httpd_t:s0", "system_u:system_r:httpd_t:s0"},
		{"(enforce)", "(enforce)"},
		{" (enforce)", " (enforce)"},
		{"_", "_"},
	};
	char buf[LAUNCH_LABEL_SIZE], *longest = calloc(1, LAUNCH_LABEL_SIZE + 1);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		assert_true(launch_label_words(table[i].label, buf));
		assert_string_equal(buf, table[i].words);
	}
	memset(longest, 'x', LAUNCH_LABEL_SIZE);
	assert_false(launch_label_words(longest, buf));
	longest[LAUNCH_LABEL_SIZE - 1] = '\0';
	assert_true(launch_label_words(longest, buf));
	free(longest);
}

static void the_label_goes_along_but_not_with_a_command(void **state)
{
	struct recipe *recipe = make_recipe("/bin/x", WORDS("x"));
	char command[] = "/bin/y";
	struct watch_config watch;
	struct launch launch;

	(void)state;
	watch_config_init(&watch);
	recipe->label = copy_of("web (enforce)");
	launch = prepare(recipe, &watch);
	assert_string_equal(launch.label, "web (enforce)");
	launch_clear(&launch);
	watch.command = command;
	launch = prepare(recipe, &watch);
	assert_null(launch.label);
	launch_clear(&launch);
	recipe_free(recipe);
}

static void a_relative_script_from_another_directory_is_named_in_full(void **state)
{
	struct recipe *recipe = make_recipe("/bin/sh", WORDS("sh", "./b.sh"));
	char directory[] = "/srv";
	struct watch_config watch;
	struct launch launch;

	(void)state;
	watch_config_init(&watch);
	recipe->script = copy_of("./b.sh");
	recipe->script_path = copy_of("/opt/b.sh");
	launch = prepare(recipe, &watch);
	assert_string_equal(launch.path, "./b.sh");
	assert_false(launch.follow);
	launch_clear(&launch);
	watch.directory = directory;
	launch = prepare(recipe, &watch);
	assert_string_equal(launch.path, "/opt/b.sh");
	assert_true(launch.follow);
	launch_clear(&launch);
	recipe_free(recipe);
}

static void without_path_and_command_nothing_can_be_launched(void **state)
{
	struct recipe *recipe = make_recipe("/bin/x", WORDS("x"));
	struct launch launch = {.directory = "/untouched"};
	struct watch_config watch;
	char command[] = "/bin/y";

	(void)state;
	watch_config_init(&watch);
	free(TAKE_PTR(recipe->exe));
	assert_int_equal(launch_prepare(recipe, &watch, NULL, &launch), -EINVAL);
	assert_string_equal(launch.directory, "/untouched");
	watch.command = command;
	launch = prepare(recipe, &watch);
	assert_string_equal(launch.path, "/bin/y");
	launch_clear(&launch);
	recipe_free(recipe);
}

/* ---- scripts: the kernel has put the interpreter in front ---- */

static const struct {
	const char *what;
	const char *script;
	const char *argv[8];
	const char *path;
	const char *launched[8];
} script_table[] = {
	{"#!/bin/sh",
	 "/opt/run.sh",
	 {"/bin/sh", "/opt/run.sh", "a", "b"},
	 "/opt/run.sh",
	 {"/opt/run.sh", "a", "b"}},
	{"#!/bin/sh -e",
	 "/opt/run.sh",
	 {"/bin/sh", "-e", "/opt/run.sh"},
	 "/opt/run.sh",
	 {"/opt/run.sh"}},
	{"#!/usr/bin/env python3, second exec",
	 "/opt/run.py",
	 {"python3", "/opt/run.py", "/opt/run.py"},
	 "/opt/run.py",
	 {"/opt/run.py", "/opt/run.py"}},
	{"an argument in front that looks like it is argv[0]",
	 "/opt/run.sh",
	 {"/opt/run.sh", "/opt/run.sh", "x"},
	 "/opt/run.sh",
	 {"/opt/run.sh", "x"}},
	{"its name is not in argv",
	 "/opt/run.sh",
	 {"/bin/sh", "./run.sh", "a"},
	 "/bin/sh",
	 {"/bin/sh", "./run.sh", "a"}},
	{"no script at all", NULL, {"sh", "/opt/run.sh"}, "/bin/sh", {"sh", "/opt/run.sh"}},
	{"no arguments at all", "/opt/run.sh", {NULL}, "/bin/sh", {NULL}},
};

static void a_script_is_launched_by_its_own_path(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(script_table); i++) {
		struct recipe *recipe = make_recipe("/bin/sh", script_table[i].argv);
		struct watch_config watch;
		struct launch launch;

		watch_config_init(&watch);
		if (script_table[i].script)
			recipe->script = copy_of(script_table[i].script);
		launch = prepare(recipe, &watch);
		if (strcmp(launch.path, script_table[i].path) != 0)
			fail_msg("%s: %s", script_table[i].what, launch.path);
		expect_words(launch.argv, script_table[i].launched);
		launch_clear(&launch);
		recipe_free(recipe);
	}
}

/* ---- environment ---- */

static void what_belongs_to_one_life_goes(void **state)
{
	struct recipe *recipe = make_recipe("/bin/x", WORDS("x"));
	struct watch_config watch;
	struct launch launch;

	(void)state;
	watch_config_init(&watch);
	set_strings(&recipe->env,
		    WORDS("NOTIFY_SOCKET=/run/n", "WATCHDOG_PID=1", "A=1", "WATCHDOG_USEC=5",
			  "MAINPID=7", "LISTEN_FDS=1", "LISTEN_PID=9", "LISTEN_FDNAMES=x",
			  "INVOCATION_ID=0", "B=NGINX=1", "JOURNAL_STREAM=8:1",
			  "SYSTEMD_EXEC_PID=1", "NGINX=7;8;", "NGINX_CONF=kept", "MAINPIDS=kept",
			  "XNOTIFY_SOCKET=kept"));
	launch = prepare(recipe, &watch);
	expect_words(launch.envp, WORDS("A=1", "B=NGINX=1", "NGINX_CONF=kept", "MAINPIDS=kept",
					"XNOTIFY_SOCKET=kept"));
	launch_clear(&launch);
	recipe_free(recipe);
}

static void the_watchs_variables_override(void **state)
{
	char a[] = "A=new", fresh[] = "FRESH=1", socket[] = "NOTIFY_SOCKET=/run/own",
	     empty[] = "D=";
	char *env[] = {a, fresh, socket, empty};
	struct recipe *recipe = make_recipe("/bin/x", WORDS("x"));
	struct watch_config watch;
	struct launch launch;

	(void)state;
	watch_config_init(&watch);
	watch.env = (struct string_list){env, ARRAY_SIZE(env)};
	set_strings(&recipe->env, WORDS("A=old", "AA=kept", "B=kept", "A=again", "D=4",
					"NOTIFY_SOCKET=/run/theirs"));
	launch = prepare(recipe, &watch);
	expect_words(launch.envp, WORDS("AA=kept", "B=kept", "A=new", "FRESH=1",
					"NOTIFY_SOCKET=/run/own", "D="));
	launch_clear(&launch);
	recipe_free(recipe);
}

static void the_watchs_directory_overrides(void **state)
{
	struct recipe *recipe = make_recipe("/bin/x", WORDS("x"));
	char directory[] = "/srv/other";
	struct watch_config watch;
	struct launch launch;

	(void)state;
	watch_config_init(&watch);
	watch.directory = directory;
	launch = prepare(recipe, &watch);
	assert_string_equal(launch.directory, "/srv/other");
	launch_clear(&launch);
	free(TAKE_PTR(recipe->cwd));
	watch.directory = NULL;
	launch = prepare(recipe, &watch);
	assert_null(launch.directory);
	launch_clear(&launch);
	recipe_free(recipe);
}

/* ---- another user ---- */

static void another_user_has_its_own_ids_and_no_old_capabilities(void **state)
{
	struct recipe *recipe = make_recipe("/bin/x", WORDS("x"));
	struct watch_config watch;
	struct launch launch;

	(void)state;
	watch_config_init(&watch);
	recipe->facts->group_count = 3;
	recipe->facts->groups[0] = 27;
	recipe->facts->cap_ambient = recipe->facts->cap_inheritable = 1 << 10;
	recipe->facts->umask = 022;
	watch.account = &(struct account){
		.uid = 33, .gid = 34, .groups = {35, 36}, .group_count = 2};
	launch = prepare(recipe, &watch);
	assert_int_equal(launch.facts->uid, 33);
	assert_int_equal(launch.facts->euid, 33);
	assert_int_equal(launch.facts->suid, 33);
	assert_int_equal(launch.facts->gid, 34);
	assert_int_equal(launch.facts->egid, 34);
	assert_int_equal(launch.facts->sgid, 34);
	assert_int_equal(launch.facts->group_count, 2);
	assert_int_equal(launch.facts->groups[0], 35);
	assert_int_equal(launch.facts->groups[1], 36);
	assert_int_equal(launch.facts->cap_ambient, 0);
	assert_int_equal(launch.facts->cap_inheritable, 0);
	assert_int_equal(launch.facts->umask, 022);
	assert_int_equal(recipe->facts->uid, 0); /* the recipe keeps its own */
	assert_int_equal(recipe->facts->group_count, 3);
	launch_clear(&launch);
	recipe_free(recipe);
}

/* ---- the words of a command ---- */

static const struct {
	const char *command;
	const char *argv[8];
} command_table[] = {
	{"/bin/x", {"/bin/x"}},
	{"  /bin/x \t a  b ", {"/bin/x", "a", "b"}},
	{"/bin/x 'a b' c", {"/bin/x", "a b", "c"}},
	{"/bin/x \"a b\" c", {"/bin/x", "a b", "c"}},
	{"/bin/x a' 'b\" \"c", {"/bin/x", "a b c"}},
	{"/bin/x '' \"\" a", {"/bin/x", "", "", "a"}},
	{"/bin/x ''", {"/bin/x", ""}},
	{"/bin/x '\"' \"'\"", {"/bin/x", "\"", "'"}},
	{"/bin/x a\\ b \\\"c\\' \\\\", {"/bin/x", "a b", "\"c'", "\\"}},
	{"/bin/x \"a\\\"b\\\\c\"", {"/bin/x", "a\"b\\c"}},
	{"/bin/x 'a\\' b", {"/bin/x", "a\\", "b"}},
	{"/bin/x a\\", {"/bin/x", "a\\"}},
	{"/bin/x $HOME *.c `id`; rm", {"/bin/x", "$HOME", "*.c", "`id`;", "rm"}},
	{"/bin/x -g 'daemon off;'", {"/bin/x", "-g", "daemon off;"}},
	{"a b c d e f g", {"a", "b", "c", "d", "e", "f", "g"}},
};

static void a_command_is_split_into_words(void **state)
{
	struct recipe *recipe = make_recipe("/bin/old", WORDS("old", "args"));

	(void)state;
	recipe->script = copy_of("/opt/old.sh");
	for (size_t i = 0; i < ARRAY_SIZE(command_table); i++) {
		_cleanup_free_ char *command = copy_of(command_table[i].command);
		struct watch_config watch;
		struct launch launch;

		watch_config_init(&watch);
		watch.command = command;
		launch = prepare(recipe, &watch);
		expect_words(launch.argv, command_table[i].argv);
		assert_string_equal(launch.path, command_table[i].argv[0]);
		assert_string_equal(command, command_table[i].command);
		launch_clear(&launch);
	}
	recipe_free(recipe);
}

static void a_command_without_words_or_with_an_open_quote_is_none(void **state)
{
	struct recipe *recipe = make_recipe("/bin/x", WORDS("x"));
	char blanks[] = " \t ", nothing[] = "", open[] = "/bin/x 'never closed";
	struct watch_config watch;
	struct launch launch;

	(void)state;
	watch_config_init(&watch);
	watch.command = blanks;
	assert_int_equal(launch_prepare(recipe, &watch, NULL, &launch), -EINVAL);
	watch.command = nothing;
	assert_int_equal(launch_prepare(recipe, &watch, NULL, &launch), -EINVAL);
	watch.command = open;
	assert_int_equal(launch_prepare(recipe, &watch, NULL, &launch), -EILSEQ);
	recipe_free(recipe);
}

static void what_root_is_to_run_is_guarded(void **state)
{
	struct recipe *recipe = make_recipe("/bin/sh", WORDS("sh", "/opt/b.sh"));
	const char *guarded[LAUNCH_GUARDED];
	char command[] = "/opt/b.sh";
	struct watch_config watch;

	(void)state;
	watch_config_init(&watch);
	launch_guarded(recipe, &watch, guarded);
	assert_string_equal(guarded[0], "/bin/sh");
	assert_null(guarded[1]);
	recipe->script_path = copy_of("/opt/b.sh");
	launch_guarded(recipe, &watch, guarded);
	assert_string_equal(guarded[0], "/bin/sh");
	assert_string_equal(guarded[1], "/opt/b.sh");
	recipe->facts->uid = 33; /* what it may do goes by the other one */
	launch_guarded(recipe, &watch, guarded);
	assert_non_null(guarded[0]);
	recipe->facts->euid = recipe->facts->suid = 33;
	recipe->facts->uid = 0; /* a real or saved one can be taken on again */
	launch_guarded(recipe, &watch, guarded);
	assert_non_null(guarded[0]);
	recipe->facts->uid = 33;
	recipe->facts->suid = 0;
	launch_guarded(recipe, &watch, guarded);
	assert_non_null(guarded[0]);
	recipe->facts->suid = 33;
	launch_guarded(recipe, &watch, guarded);
	assert_null(guarded[0]);
	assert_null(guarded[1]);
	recipe->facts->euid = 0;
	watch.command = command; /* whoever has written that answers for it */
	launch_guarded(recipe, &watch, guarded);
	assert_null(guarded[0]);
	assert_null(guarded[1]);
	recipe_free(recipe);
}

/* ---- packed and unpacked ---- */

struct parcel {
	char *bytes;
	size_t size;
};

static struct parcel pack_one(void)
{
	struct recipe *recipe = make_recipe("/usr/sbin/d", WORDS("d", "", "-f x"));
	struct watch_config watch;
	struct parcel parcel = {0};
	struct launch launch;

	watch_config_init(&watch);
	set_strings(&recipe->env, WORDS("PATH=/bin", "A="));
	recipe->stdio[2] = copy_of("/dev/null");
	recipe->label = copy_of("web (enforce)");
	recipe->facts->uid = recipe->facts->euid = recipe->facts->suid = 33;
	launch = prepare(recipe, &watch);
	assert_int_equal(launch_pack(&launch, &parcel.bytes, &parcel.size), 0);
	launch_clear(&launch);
	recipe_free(recipe); /* the parcel owes it nothing */
	return parcel;
}

static void a_parcel_holds_it_all(void **state)
{
	struct parcel parcel = pack_one();
	struct launch launch;

	(void)state;
	assert_int_equal(launch_unpack(parcel.bytes, parcel.size, &launch), 0);
	assert_string_equal(launch.path, "/usr/sbin/d");
	expect_words(launch.argv, WORDS("d", "", "-f x"));
	expect_words(launch.envp, WORDS("PATH=/bin", "A="));
	assert_string_equal(launch.directory, "/");
	assert_null(launch.stdio[0]);
	assert_null(launch.stdio[1]);
	assert_string_equal(launch.stdio[2], "/dev/null");
	assert_string_equal(launch.label, "web (enforce)");
	assert_null(launch.guarded[0]);
	assert_int_equal(launch.facts->euid, 33);
	launch_clear(&launch);
	free(parcel.bytes);
}

static void a_parcel_of_next_to_nothing(void **state)
{
	struct recipe *recipe = make_recipe("/x", WORDS());
	struct launch launch, unpacked;
	struct watch_config watch;
	struct parcel parcel;

	(void)state;
	watch_config_init(&watch);
	free(TAKE_PTR(recipe->cwd));
	launch = prepare(recipe, &watch);
	assert_int_equal(launch_pack(&launch, &parcel.bytes, &parcel.size), 0);
	assert_int_equal(launch_unpack(parcel.bytes, parcel.size, &unpacked), 0);
	assert_string_equal(unpacked.guarded[0], "/x"); /* root's */
	assert_null(unpacked.guarded[1]);
	expect_words(unpacked.argv, WORDS());
	expect_words(unpacked.envp, WORDS());
	assert_null(unpacked.directory);
	launch_clear(&unpacked);
	launch_clear(&launch);
	free(parcel.bytes);
	recipe_free(recipe);
}

/* In memory of exactly that size, so that a byte too many is seen. */
static int unpack_copy(const char *bytes, size_t size)
{
	_cleanup_free_ char *copy = malloc(size ? size : 1);
	struct launch launch = {.path = "untouched"};
	int r;

	assert_non_null(copy);
	memcpy(copy, bytes, size);
	r = launch_unpack(copy, size, &launch);
	if (r == 0)
		launch_clear(&launch);
	else
		assert_string_equal(launch.path, "untouched");
	return r;
}

static void a_parcel_of_any_other_length_is_refused(void **state)
{
	struct parcel parcel = pack_one();
	_cleanup_free_ char *longer = calloc(1, parcel.size + 8);

	(void)state;
	assert_non_null(longer);
	for (size_t size = 0; size < parcel.size; size++)
		assert_int_equal(unpack_copy(parcel.bytes, size), -EBADMSG);
	memcpy(longer, parcel.bytes, parcel.size);
	for (size_t more = 1; more <= 8; more++)
		assert_int_equal(unpack_copy(longer, parcel.size + more), -EBADMSG);
	free(parcel.bytes);
}

/* Wherever it is damaged: refused, or taken without a look outside. */
static void a_damaged_parcel_does_no_harm(void **state)
{
	static const unsigned char damages[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
	struct parcel parcel = pack_one();
	unsigned refused = 0;

	(void)state;
	for (size_t at = sizeof(struct obit_exec_record); at < parcel.size; at++)
		for (size_t i = 0; i < sizeof(damages); i++) {
			char before = parcel.bytes[at];
			int r;

			parcel.bytes[at] = (char)damages[i];
			r = unpack_copy(parcel.bytes, parcel.size);
			assert_true(r == 0 || r == -EBADMSG);
			refused += r < 0;
			parcel.bytes[at] = before;
		}
	assert_in_range(refused, 100, 5 * parcel.size);
	free(parcel.bytes);
}

static void a_parcel_with_too_many_groups_is_refused(void **state)
{
	struct parcel parcel = pack_one();
	struct obit_exec_record *facts = (void *)parcel.bytes;

	(void)state;
	facts->group_count = OBIT_GROUPS_MAX;
	assert_int_equal(unpack_copy(parcel.bytes, parcel.size), 0);
	facts->group_count = OBIT_GROUPS_MAX + 1;
	assert_int_equal(unpack_copy(parcel.bytes, parcel.size), -EBADMSG);
	free(parcel.bytes);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_recipe_is_launched_as_it_was),
		cmocka_unit_test(a_program_without_arguments_gets_none),
		cmocka_unit_test(a_label_is_asked_for_in_its_modules_words),
		cmocka_unit_test(the_label_goes_along_but_not_with_a_command),
		cmocka_unit_test(a_relative_script_from_another_directory_is_named_in_full),
		cmocka_unit_test(without_path_and_command_nothing_can_be_launched),
		cmocka_unit_test(a_script_is_launched_by_its_own_path),
		cmocka_unit_test(what_belongs_to_one_life_goes),
		cmocka_unit_test(the_watchs_variables_override),
		cmocka_unit_test(the_watchs_directory_overrides),
		cmocka_unit_test(another_user_has_its_own_ids_and_no_old_capabilities),
		cmocka_unit_test(a_command_is_split_into_words),
		cmocka_unit_test(a_command_without_words_or_with_an_open_quote_is_none),
		cmocka_unit_test(what_root_is_to_run_is_guarded),
		cmocka_unit_test(a_parcel_holds_it_all),
		cmocka_unit_test(a_parcel_of_next_to_nothing),
		cmocka_unit_test(a_parcel_of_any_other_length_is_refused),
		cmocka_unit_test(a_damaged_parcel_does_no_harm),
		cmocka_unit_test(a_parcel_with_too_many_groups_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
