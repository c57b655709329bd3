// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "tests/unit/test_recipe.h"

/* ---- text from the kernel ---- */

/* A finished recipe of these bytes of argv, told in chunks, where the kernel counted `total`. */
static struct recipe *recipe_of_argv(const char *bytes, size_t length, size_t chunk, size_t total)
{
	struct recipe *recipe = recipe_new(RECIPE_EXEC);
	struct obit_exec_record exec = {.argv_bytes = total};

	assert_non_null(recipe);
	for (size_t at = 0; at < length; at += chunk) {
		size_t n = length - at < chunk ? length - at : chunk;

		assert_int_equal(add_text(recipe, OBIT_TEXT_ARGV, at, bytes + at, n), 0);
	}
	assert_int_equal(recipe_finish(recipe, &exec), 0);
	return recipe;
}

static void expect_next(const struct strings *strings, size_t *position, const char *expected)
{
	const char *string = strings_next(strings, position);

	assert_non_null(string);
	assert_string_equal(string, expected);
}

static void chunks_are_joined_in_their_order(void **state)
{
	static const char argv[] = "nginx\0-g\0daemon off;\0";

	(void)state;
	for (size_t chunk = 1; chunk < sizeof(argv); chunk++) {
		struct recipe *recipe = recipe_of_argv(argv, sizeof(argv) - 1, chunk,
						       sizeof(argv) - 1);
		size_t position = 0;

		assert_int_equal(recipe->argv.size, sizeof(argv) - 1);
		assert_memory_equal(recipe->argv.bytes, argv, sizeof(argv) - 1);
		expect_next(&recipe->argv, &position, "nginx");
		expect_next(&recipe->argv, &position, "-g");
		expect_next(&recipe->argv, &position, "daemon off;");
		assert_null(strings_next(&recipe->argv, &position));
		assert_false(recipe->facts->flags & OBIT_EXEC_ARGS_CUT);
		recipe_free(recipe);
	}
}

static void argv_and_env_do_not_mix(void **state)
{
	struct recipe *recipe = recipe_new(RECIPE_EXEC);
	struct obit_exec_record exec = {.argv_bytes = 4, .env_bytes = 8};

	(void)state;
	assert_int_equal(add_text(recipe, OBIT_TEXT_ARGV, 0, "a", 2), 0);
	assert_int_equal(add_text(recipe, OBIT_TEXT_ENV, 0, "A=1", 4), 0);
	assert_int_equal(add_text(recipe, OBIT_TEXT_ARGV, 2, "b", 2), 0);
	assert_int_equal(add_text(recipe, OBIT_TEXT_ENV, 4, "B=2", 4), 0);
	assert_int_equal(recipe_finish(recipe, &exec), 0);
	assert_int_equal(strings_count(&recipe->argv), 2);
	assert_int_equal(strings_count(&recipe->env), 2);
	assert_string_equal(strings_find(&recipe->env, "B"), "B=2");
	assert_int_equal(recipe->facts->flags, 0);
	recipe_free(recipe);
}

static void a_whole_text_is_complete(void **state)
{
	const size_t length = (size_t)OBIT_TEXT_CHUNKS * OBIT_TEXT_CHUNK;
	_cleanup_free_ char *bytes = malloc(length);
	struct recipe *recipe;

	(void)state;
	assert_non_null(bytes);
	memset(bytes, 'x', length);
	bytes[length - 1] = '\0';
	recipe = recipe_of_argv(bytes, length, OBIT_TEXT_CHUNK, length);
	assert_int_equal(recipe->argv.size, length);
	assert_false(recipe->facts->flags & OBIT_EXEC_ARGS_CUT);
	recipe_free(recipe);
	recipe = recipe_of_argv(bytes, length, OBIT_TEXT_CHUNK, length + 1);
	assert_true(recipe->facts->flags & OBIT_EXEC_ARGS_CUT);
	recipe_free(recipe);
}

/* Record 2 of 3 was lost: what follows would stand in the wrong place. */
static void a_gap_marks_the_text_incomplete(void **state)
{
	static const enum obit_text_kind kinds[] = {OBIT_TEXT_ARGV, OBIT_TEXT_ENV};
	static const __u32 flags[] = {OBIT_EXEC_ARGS_CUT, OBIT_EXEC_ENV_CUT};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct recipe *recipe = recipe_new(RECIPE_EXEC);
		struct obit_exec_record exec = {0};

		*(i ? &exec.env_bytes : &exec.argv_bytes) = 12;
		assert_int_equal(add_text(recipe, kinds[i], 0, "abc", 4), 0);
		assert_int_equal(add_text(recipe, kinds[i], 8, "ghi", 4), -EBADMSG);
		assert_int_equal(recipe_finish(recipe, &exec), 0);
		assert_int_equal(recipe->facts->flags, flags[i]);
		assert_int_equal((i ? &recipe->env : &recipe->argv)->size, 4);
		recipe_free(recipe);
	}
}

static void a_limit_cuts_argv_and_environment_each(void **state)
{
	struct recipe *recipe = recipe_of_argv("a\0bcd\0", 6, 6, 6);

	(void)state;
	set_strings(&recipe->env, WORDS("A=1"));
	recipe_limit(recipe, 6);
	assert_int_equal(recipe->argv.size, 6);
	assert_int_equal(recipe->facts->flags, 0);
	recipe_limit(recipe, 5);
	assert_memory_equal(recipe->argv.bytes, "a\0bc", 5);
	assert_int_equal(recipe->argv.size, 5);
	assert_int_equal(recipe->facts->flags, OBIT_EXEC_ARGS_CUT);
	recipe_limit(recipe, 3);
	assert_string_equal(recipe->env.bytes, "A=");
	assert_int_equal(recipe->facts->flags, OBIT_EXEC_ARGS_CUT | OBIT_EXEC_ENV_CUT);
	recipe_free(recipe);
}

static void a_lost_front_leaves_nothing(void **state)
{
	struct recipe *recipe = recipe_new(RECIPE_EXEC);
	struct obit_exec_record exec = {.argv_bytes = 8};

	(void)state;
	assert_int_equal(add_text(recipe, OBIT_TEXT_ARGV, 4, "def", 4), -EBADMSG);
	assert_int_equal(recipe_finish(recipe, &exec), 0);
	assert_int_equal(strings_count(&recipe->argv), 0);
	assert_int_equal(recipe->facts->flags, OBIT_EXEC_ARGS_CUT);
	recipe_free(recipe);
}

static void a_record_that_comes_twice_counts_once(void **state)
{
	struct recipe *recipe = recipe_new(RECIPE_EXEC);
	struct obit_exec_record exec = {.argv_bytes = 4};

	(void)state;
	assert_int_equal(add_text(recipe, OBIT_TEXT_ARGV, 0, "abc", 4), 0);
	assert_int_equal(add_text(recipe, OBIT_TEXT_ARGV, 0, "abc", 4), -EBADMSG);
	assert_int_equal(recipe_finish(recipe, &exec), 0);
	assert_int_equal(recipe->argv.size, 4);
	assert_int_equal(recipe->facts->flags, 0);
	recipe_free(recipe);
}

static void what_was_cut_is_terminated(void **state)
{
	struct recipe *recipe = recipe_of_argv("a\0bcd", 5, 2, 100);
	struct obit_exec_record exec = {.env_bytes = 100};
	size_t position = 0;

	(void)state;
	assert_int_equal(recipe->argv.size, 6);
	assert_int_equal(recipe->argv.bytes[5], '\0');
	expect_next(&recipe->argv, &position, "a");
	expect_next(&recipe->argv, &position, "bcd");
	assert_null(strings_next(&recipe->argv, &position));
	assert_true(recipe->facts->flags & OBIT_EXEC_ARGS_CUT);
	recipe_free(recipe);
	recipe = recipe_new(RECIPE_EXEC);
	assert_int_equal(add_text(recipe, OBIT_TEXT_ENV, 0, "A=12", 4), 0);
	assert_int_equal(recipe_finish(recipe, &exec), 0);
	assert_int_equal(recipe->env.size, 5);
	assert_string_equal(strings_find(&recipe->env, "A"), "A=12");
	assert_int_equal(recipe->facts->flags, OBIT_EXEC_ENV_CUT);
	recipe_free(recipe);
}

static void the_kernels_own_flags_stay(void **state)
{
	struct recipe *recipe = recipe_new(RECIPE_EXEC);
	struct obit_exec_record exec = {.flags = OBIT_EXEC_ENV_CUT | OBIT_EXEC_SECURE, .euid = 33};

	(void)state;
	assert_int_equal(recipe_finish(recipe, &exec), 0);
	assert_int_equal(recipe->facts->flags, OBIT_EXEC_ENV_CUT | OBIT_EXEC_SECURE);
	assert_int_equal(recipe->facts->euid, 33);
	recipe_free(recipe);
}

static void a_program_without_arguments_has_none(void **state)
{
	struct recipe *recipe = recipe_of_argv("", 0, 1, 0);
	size_t position = 0;

	(void)state;
	assert_int_equal(strings_count(&recipe->argv), 0);
	assert_null(strings_next(&recipe->argv, &position));
	assert_int_equal(recipe->facts->flags, 0);
	recipe_free(recipe);
}

static void empty_arguments_are_arguments(void **state)
{
	struct recipe *recipe = recipe_of_argv("\0a\0\0\0b\0", 7, 3, 7);
	size_t position = 0;

	(void)state;
	assert_int_equal(strings_count(&recipe->argv), 5);
	expect_next(&recipe->argv, &position, "");
	expect_next(&recipe->argv, &position, "a");
	expect_next(&recipe->argv, &position, "");
	expect_next(&recipe->argv, &position, "");
	expect_next(&recipe->argv, &position, "b");
	assert_null(strings_next(&recipe->argv, &position));
	assert_false(recipe->facts->flags & OBIT_EXEC_ARGS_CUT);
	recipe_free(recipe);
}

static void each_path_has_its_place(void **state)
{
	struct recipe *recipe = recipe_new(RECIPE_EXEC);
	const struct {
		enum obit_text_kind kind;
		char **path;
	} rows[] = {
		{OBIT_TEXT_EXE, &recipe->exe},	       {OBIT_TEXT_SCRIPT, &recipe->script},
		{OBIT_TEXT_CWD, &recipe->cwd},	       {OBIT_TEXT_ROOT, &recipe->root},
		{OBIT_TEXT_CGROUP, &recipe->cgroup},   {OBIT_TEXT_STDIN, &recipe->stdio[0]},
		{OBIT_TEXT_STDOUT, &recipe->stdio[1]}, {OBIT_TEXT_STDERR, &recipe->stdio[2]},
	};
	char path[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int length = snprintf(path, sizeof(path), "/p%zu", i);

		assert_null(*rows[i].path);
		/* with its NUL, without it, and once more */
		assert_int_equal(add_text(recipe, rows[i].kind, 0, path, (size_t)length + 1), 0);
		assert_string_equal(*rows[i].path, path);
		assert_int_equal(add_text(recipe, rows[i].kind, 0, path, (size_t)length), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(path, sizeof(path), "/p%zu", i);
		assert_string_equal(*rows[i].path, path);
	}
	recipe_free(recipe);
	recipe_free(NULL);
}

static void another_root_is_a_chroot(void **state)
{
	static const struct {
		const char *root;
		__u32 flags;
	} rows[] = {{"/", 0}, {"/var/empty", OBIT_EXEC_CHROOT}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct recipe *recipe = recipe_new(RECIPE_EXEC);
		struct obit_exec_record exec = {0};

		assert_int_equal(
			add_text(recipe, OBIT_TEXT_ROOT, 0, rows[i].root, strlen(rows[i].root) + 1),
			0);
		assert_int_equal(recipe_finish(recipe, &exec), 0);
		assert_int_equal(recipe->facts->flags, rows[i].flags);
		recipe_free(recipe);
	}
}

/* ---- strings ---- */

static void a_script_is_resolved_where_that_is_sure(void **state)
{
	static const struct {
		const char *cwd, *script, *path;
		__u32 flags;
	} table[] = {
		{"/opt", "/srv//a/../b.sh", "/srv//a/../b.sh", 0}, /* as its caller wrote it */
		{NULL, "/b.sh", "/b.sh", OBIT_EXEC_CWD_DELETED},
		{"/opt", "b.sh", "/opt/b.sh", 0},
		{"/opt", "./b.sh", "/opt/b.sh", 0},
		{"/opt", ".//./a//./b.sh", "/opt/a/b.sh", 0},
		{"/opt", ".b.sh", "/opt/.b.sh", 0},
		{"/opt", "..b/...", "/opt/..b/...", 0},
		{"/", "./b.sh", "/b.sh", 0},
		{"/opt/a", "../b.sh", "/opt/b.sh", 0},
		{"/opt/a", ".././../b.sh", "/b.sh", 0},
		{"/opt", "../../../b.sh", "/b.sh", 0},
		{"/", "../b.sh", "/b.sh", 0},
		{"/opt", "a/../b.sh", NULL, 0},
		{NULL, "b.sh", NULL, 0},
		{"/opt", "b.sh", NULL, OBIT_EXEC_CWD_DELETED},
		{"/opt", "b.sh", NULL, OBIT_EXEC_PATH_CUT},
		{"/opt", "b.sh", NULL, OBIT_EXEC_CHROOT},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct recipe *recipe = recipe_new(RECIPE_EXEC);
		struct obit_exec_record exec = {.flags = table[i].flags};

		recipe->script = copy_of(table[i].script);
		recipe->cwd = table[i].cwd ? copy_of(table[i].cwd) : NULL;
		assert_int_equal(recipe_finish(recipe, &exec), 0);
		if (!table[i].path)
			assert_null(recipe->script_path);
		else
			assert_string_equal(recipe->script_path, table[i].path);
		recipe_free(recipe);
	}
}

static void a_script_from_another_directory_needs_a_path(void **state)
{
	struct recipe *recipe = make_recipe("/bin/sh", WORDS("sh", "a/../b.sh"));
	char name[] = "web", directory[] = "/", buf[RECIPE_SENTENCE_SIZE];
	struct watch_config watch;

	(void)state;
	watch_config_init(&watch);
	watch.name = name;
	recipe->script = copy_of("a/../b.sh");
	recipe->facts->uid = recipe->facts->euid = recipe->facts->suid = 1000;
	assert_null(recipe_refusal(recipe, &watch, buf));
	watch.directory = directory;
	assert_non_null(strstr(recipe_refusal(recipe, &watch, buf), "which file its script is"));
	recipe->script_path = copy_of("/opt/b.sh");
	assert_null(recipe_refusal(recipe, &watch, buf));
	recipe_free(recipe);
}

static void which_script_root_is_to_run_must_be_known(void **state)
{
	struct recipe *recipe = make_recipe("/bin/sh", WORDS("sh", "a/../b.sh"));
	char name[] = "web", buf[RECIPE_SENTENCE_SIZE];
	struct watch_config watch;

	(void)state;
	watch_config_init(&watch);
	watch.name = name;
	recipe->script = copy_of("a/../b.sh");
	assert_string_equal(recipe_refusal(recipe, &watch, buf),
			    "it runs as root, and which file its script is, is not known; "
			    "command = \"...\" in watch web would start it");
	recipe->script_path = copy_of("/opt/b.sh");
	assert_null(recipe_refusal(recipe, &watch, buf));
	recipe_free(recipe);
}

static void equal_strings_are_equal_to_the_byte(void **state)
{
	struct recipe *a = make_recipe("/x", WORDS("a", "b"));
	struct recipe *b = make_recipe("/x", WORDS("a", "b"));
	struct strings none = {0}, none_either = {0};

	(void)state;
	assert_true(strings_equal(&a->argv, &b->argv));
	assert_true(strings_equal(&none, &none_either));
	assert_false(strings_equal(&a->argv, &none));
	assert_false(strings_equal(&none, &a->argv));
	set_strings(&b->argv, WORDS("a", "c"));
	assert_false(strings_equal(&a->argv, &b->argv));
	set_strings(&b->argv, WORDS("ab", ""));
	assert_false(strings_equal(&a->argv, &b->argv));
	recipe_free(a);
	recipe_free(b);
}

static void a_variable_is_found_by_its_whole_name(void **state)
{
	struct recipe *recipe = make_recipe("/x", WORDS("x"));

	(void)state;
	set_strings(&recipe->env, WORDS("", "PATHS=1", "NOVALUE", "PATH=/bin", "PATH=/sbin", "="));
	assert_string_equal(strings_find(&recipe->env, "PATH"), "PATH=/bin");
	assert_string_equal(strings_find(&recipe->env, "PATHS"), "PATHS=1");
	assert_null(strings_find(&recipe->env, "NOVALUE"));
	assert_null(strings_find(&recipe->env, "PAT"));
	assert_null(strings_find(&recipe->env, "bin"));
	recipe_free(recipe);
}

/* ---- what is missing, what is refused ---- */

struct gap {
	const char *phrase;
	__u32 flags;
	bool overwritten, no_exe, no_cwd, no_label;
};

static const struct gap gap_table[] = {
	{"argv (the process has overwritten it)", .overwritten = true},
	{"the executable's path", .no_exe = true},
	{"the working directory", .no_cwd = true},
	{"its security label (it was gone before that could be read)", .no_label = true},
	{"the end of argv", .flags = OBIT_EXEC_ARGS_CUT},
	{"the end of the environment", .flags = OBIT_EXEC_ENV_CUT},
	{"the front of a path", .flags = OBIT_EXEC_PATH_CUT},
	{"some supplementary groups", .flags = OBIT_EXEC_GROUPS_CUT},
	{"some text (the ring was full)", .flags = OBIT_EXEC_TEXT_LOST},
};

static void tear(struct recipe *recipe, const struct gap *gap)
{
	recipe->argv_overwritten |= gap->overwritten;
	recipe->label_unknown |= gap->no_label;
	recipe->facts->flags |= gap->flags;
	if (gap->no_exe)
		free(TAKE_PTR(recipe->exe));
	if (gap->no_cwd)
		free(TAKE_PTR(recipe->cwd));
}

static void what_is_missing_is_named(void **state)
{
	struct recipe *recipe = make_recipe("/x", WORDS("x"));

	(void)state;
	assert_null(recipe_missing(recipe, 0));
	recipe_free(recipe);
	for (size_t i = 0; i < ARRAY_SIZE(gap_table); i++) {
		recipe = make_recipe("/x", WORDS("x"));
		tear(recipe, &gap_table[i]);
		assert_string_equal(recipe_missing(recipe, 0), gap_table[i].phrase);
		assert_null(recipe_missing(recipe, 1));
		recipe_free(recipe);
	}
}

static void all_that_is_missing_is_named_in_order(void **state)
{
	struct recipe *recipe = make_recipe("/x", WORDS("x"));
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(gap_table); i++)
		tear(recipe, &gap_table[i]);
	for (i = 0; i < ARRAY_SIZE(gap_table); i++)
		assert_string_equal(recipe_missing(recipe, i), gap_table[i].phrase);
	assert_null(recipe_missing(recipe, i));
	recipe_free(recipe);
}

static const struct {
	__u32 set, clear;
	const char *env;
	const char *sentence;
} refusal_table[] = {
	{OBIT_EXEC_SECURE, 0, NULL, "it gained privileges at exec"},
	{OBIT_EXEC_SECCOMP, 0, NULL, "seccomp filter"},
	{OBIT_EXEC_LANDLOCK, 0, NULL, "Landlock domain"},
	{0, OBIT_EXEC_HOST_PIDNS, NULL, "another pid namespace"},
	{0, OBIT_EXEC_HOST_MNT_OWNER, NULL, "user's mount namespace"},
	{OBIT_EXEC_CHROOT, 0, NULL, "chroot"},
	{OBIT_EXEC_OTHER_NS << OBIT_NS_NET, 0, NULL, "network namespace"},
	{OBIT_EXEC_OTHER_NS << OBIT_NS_IPC, 0, NULL, "IPC namespace"},
	{OBIT_EXEC_OTHER_NS << OBIT_NS_UTS, 0, NULL, "host name"},
	{OBIT_EXEC_OTHER_NS << OBIT_NS_CGROUP, 0, NULL, "cgroup namespace"},
	{OBIT_EXEC_OTHER_NS << OBIT_NS_TIME, 0, NULL, "time namespace"},
	{OBIT_EXEC_OTHER_NS << OBIT_NS_MNT, 0, NULL, "mount namespace"},
	{0, 0, "LISTEN_FDS=1", "socket-activated (LISTEN_FDS)"},
	{OBIT_EXEC_ARGS_CUT, 0, NULL, "its recipe lacks the end of argv"},
	{OBIT_EXEC_TEXT_LOST, 0, NULL, "its recipe lacks some text"},
};

static void each_refusal_has_its_sentence(void **state)
{
	char name[] = "web", command[] = "/x --now", buf[RECIPE_SENTENCE_SIZE];
	struct watch_config watch;

	(void)state;
	watch_config_init(&watch);
	watch.name = name;
	for (size_t i = 0; i < ARRAY_SIZE(refusal_table); i++) {
		struct recipe *recipe = make_recipe("/usr/sbin/x", WORDS("x"));
		const char *text;

		recipe->facts->flags |= refusal_table[i].set;
		recipe->facts->flags &= ~refusal_table[i].clear;
		if (refusal_table[i].env)
			set_strings(&recipe->env, WORDS("A=1", refusal_table[i].env));
		watch.command = NULL;
		text = recipe_refusal(recipe, &watch, buf);
		assert_non_null(text);
		if (!strstr(text, refusal_table[i].sentence))
			fail_msg("\"%s\" is not in \"%s\"", refusal_table[i].sentence, text);
		/* Another namespace is never entered; else there is a way out, and it is named. */
		if (refusal_table[i].clear) {
			watch.command = command;
			assert_non_null(recipe_refusal(recipe, &watch, buf));
			recipe_free(recipe);
			continue;
		}
		assert_non_null(strstr(text, "command = \""));
		assert_non_null(strstr(text, "in watch web would start it"));
		watch.command = command;
		assert_null(recipe_refusal(recipe, &watch, buf));
		recipe_free(recipe);
	}
}

static void what_was_too_large_is_told_with_its_size(void **state)
{
	struct recipe *recipe = make_recipe("/x", WORDS("x"));
	char name[] = "web", buf[RECIPE_SENTENCE_SIZE];
	struct watch_config watch;

	(void)state;
	watch_config_init(&watch);
	watch.name = name;
	recipe->facts->flags |= OBIT_EXEC_ENV_CUT;
	recipe->facts->env_bytes = 256 * 1024;
	assert_string_equal(recipe_refusal(recipe, &watch, buf),
			    "its recipe lacks the end of the environment; command = \"/x ...\" in "
			    "watch web would start it");
	recipe->facts->env_bytes++;
	assert_string_equal(recipe_refusal(recipe, &watch, buf),
			    "its recipe lacks the end of the environment (257 KiB, above "
			    "recipe_max); command = \"/x ...\" in watch web would start it");
	recipe->facts->flags |= OBIT_EXEC_ARGS_CUT;
	recipe->facts->argv_bytes = 1 << 20;
	assert_non_null(strstr(recipe_refusal(recipe, &watch, buf),
			       "the end of argv (1024 KiB, above recipe_max)"));
	recipe_free(recipe);
}

static void a_complete_recipe_is_not_refused(void **state)
{
	struct recipe *recipe = make_recipe("/usr/sbin/x", WORDS("x"));
	char name[] = "web", buf[RECIPE_SENTENCE_SIZE];
	struct watch_config watch;

	(void)state;
	watch_config_init(&watch);
	watch.name = name;
	set_strings(&recipe->env, WORDS("LISTEN_FDS_START=3", "LISTEN=1"));
	assert_null(recipe_refusal(recipe, &watch, buf));
	recipe->facts->flags |= OBIT_EXEC_HAS_TTY | OBIT_EXEC_NO_NEW_PRIVS | OBIT_EXEC_EXE_DELETED;
	assert_null(recipe_refusal(recipe, &watch, buf));
	recipe_free(recipe);
}

static void every_missing_part_is_refused(void **state)
{
	char name[] = "web", buf[RECIPE_SENTENCE_SIZE];
	struct watch_config watch;

	(void)state;
	watch_config_init(&watch);
	watch.name = name;
	for (size_t i = 0; i < ARRAY_SIZE(gap_table); i++) {
		struct recipe *recipe = make_recipe("/usr/sbin/x", WORDS("x"));
		const char *text;

		tear(recipe, &gap_table[i]);
		text = recipe_refusal(recipe, &watch, buf);
		assert_non_null(text);
		assert_non_null(strstr(text, gap_table[i].phrase));
		recipe_free(recipe);
	}
}

/* The way out stands at the end of the sentence: a path as long as paths may be must not push it out. */
static void a_long_path_does_not_cost_the_way_out(void **state)
{
	char path[4096], name[64], buf[RECIPE_SENTENCE_SIZE];
	struct watch_config watch;
	struct recipe *recipe;
	const char *text;

	(void)state;
	memset(path, 'p', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	watch_config_init(&watch);
	watch.name = name;
	recipe = make_recipe(path, WORDS("x"));
	recipe->argv_overwritten = true;
	text = recipe_refusal(recipe, &watch, buf);
	assert_non_null(text);
	assert_true(strlen(text) < RECIPE_SENTENCE_SIZE);
	assert_non_null(strstr(text, "would start it"));
	recipe_free(recipe);
}

/* ---- what recipes share ---- */

/* As the kernel tells of the process `pid`. */
static struct recipe *recipe_of_process(unsigned pid, uint32_t uid)
{
	struct recipe *recipe = make_recipe("/usr/sbin/d", WORDS("d", "-f"));

	set_strings(&recipe->env, WORDS("PATH=/bin", "TOKEN=secret"));
	recipe->stdio[2] = copy_of("/dev/null");
	recipe->stack = pid;
	recipe->facts->header.key.tgid = pid;
	recipe->facts->letter.exec_sequence = pid;
	recipe->facts->comm[0] = (char)pid;
	recipe->facts->cgroup_id = pid;
	recipe->facts->argv_bytes = recipe->argv.size;
	recipe->facts->env_bytes = recipe->env.size;
	recipe->facts->euid = uid;
	recipe->facts->umask = 027;
	recipe->facts->group_count = 1;
	recipe->facts->groups[0] = 33;
	recipe->facts->groups[1] = pid; /* of whoever had more groups before it */
	return recipe;
}

static struct recipe *share(struct recipe *recipe, struct pool *pool)
{
	struct recipe *shared = recipe_share(recipe, pool);

	assert_non_null(shared);
	recipe_free(recipe);
	return shared;
}

static void expect_equal(const struct recipe *a, const struct recipe *b)
{
	assert_ptr_equal(a->exe, b->exe);
	assert_ptr_equal(a->cwd, b->cwd);
	assert_ptr_equal(a->cgroup, b->cgroup);
	assert_ptr_equal(a->stdio[2], b->stdio[2]);
	assert_ptr_equal(a->argv.bytes, b->argv.bytes);
	assert_ptr_equal(a->env.bytes, b->env.bytes);
	assert_ptr_equal(a->facts, b->facts);
}

static void what_lasts_is_shared_and_still_there(void **state)
{
	struct pool pool = {0};
	struct recipe *a = share(recipe_of_process(1, 33), &pool), *b;
	size_t pieces = pool.pieces, whole;

	(void)state;
	b = recipe_of_process(2, 33);
	whole = recipe_bytes(b);
	b = share(b, &pool);
	assert_int_equal(pool.pieces, pieces);
	assert_ptr_equal(a->cwd, a->root); /* in one recipe, too */
	expect_equal(a, b);
	assert_true(recipe_bytes(a) + recipe_bytes(b) + pool_bytes(&pool) < 2 * whole);
	recipe_free(a);
	assert_int_equal(b->stack, 2);
	assert_string_equal(b->exe, "/usr/sbin/d");
	assert_string_equal(strings_find(&b->env, "TOKEN"), "TOKEN=secret");
	assert_int_equal(strings_count(&b->argv), 2);
	assert_int_equal(b->facts->umask, 027);
	assert_int_equal(b->facts->euid, 33);
	assert_int_equal(b->facts->groups[0], 33);
	assert_null(b->stdio[0]);
	recipe_free(b);
	assert_int_equal(pool_bytes(&pool), 0);
}

static void another_users_are_others(void **state)
{
	struct pool pool = {0};
	struct recipe *a = share(recipe_of_process(1, 33), &pool);
	struct recipe *b = share(recipe_of_process(1, 34), &pool);

	(void)state;
	assert_ptr_not_equal(a->env.bytes, b->env.bytes);
	assert_ptr_not_equal(a->exe, b->exe);
	recipe_free(a);
	recipe_free(b);
}

static void how_much_was_cut_is_still_told(void **state)
{
	struct pool pool = {0};
	struct recipe *a = recipe_of_process(1, 0);

	(void)state;
	a->facts->flags |= OBIT_EXEC_ENV_CUT;
	a->facts->env_bytes = 1 << 20;
	a = share(a, &pool);
	assert_int_equal(a->facts->env_bytes, 1 << 20);
	assert_int_equal(a->facts->argv_bytes, 0);
	recipe_free(a);
}

static void of_what_cannot_be_shared_whole_nothing_is(void **state)
{
	struct pool pool = {0};
	struct recipe *a = recipe_of_process(1, 0);
	size_t size = a->env.size;

	(void)state;
	a->env.size = (size_t)1 << 31; /* more than a pool takes, as if there was no memory */
	assert_null(recipe_share(a, &pool));
	assert_int_equal(pool_bytes(&pool), 0);
	a->env.size = size;
	assert_string_equal(strings_find(&a->env, "PATH"), "PATH=/bin");
	recipe_free(a);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunks_are_joined_in_their_order),
		cmocka_unit_test(argv_and_env_do_not_mix),
		cmocka_unit_test(a_whole_text_is_complete),
		cmocka_unit_test(a_gap_marks_the_text_incomplete),
		cmocka_unit_test(a_limit_cuts_argv_and_environment_each),
		cmocka_unit_test(a_lost_front_leaves_nothing),
		cmocka_unit_test(a_record_that_comes_twice_counts_once),
		cmocka_unit_test(what_was_cut_is_terminated),
		cmocka_unit_test(the_kernels_own_flags_stay),
		cmocka_unit_test(a_program_without_arguments_has_none),
		cmocka_unit_test(empty_arguments_are_arguments),
		cmocka_unit_test(each_path_has_its_place),
		cmocka_unit_test(another_root_is_a_chroot),
		cmocka_unit_test(a_script_is_resolved_where_that_is_sure),
		cmocka_unit_test(a_script_from_another_directory_needs_a_path),
		cmocka_unit_test(which_script_root_is_to_run_must_be_known),
		cmocka_unit_test(equal_strings_are_equal_to_the_byte),
		cmocka_unit_test(a_variable_is_found_by_its_whole_name),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(all_that_is_missing_is_named_in_order),
		cmocka_unit_test(each_refusal_has_its_sentence),
		cmocka_unit_test(what_was_too_large_is_told_with_its_size),
		cmocka_unit_test(a_complete_recipe_is_not_refused),
		cmocka_unit_test(every_missing_part_is_refused),
		cmocka_unit_test(a_long_path_does_not_cost_the_way_out),
		cmocka_unit_test(what_lasts_is_shared_and_still_there),
		cmocka_unit_test(another_users_are_others),
		cmocka_unit_test(how_much_was_cut_is_still_told),
		cmocka_unit_test(of_what_cannot_be_shared_whole_nothing_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
