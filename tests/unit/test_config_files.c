// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "io/config_files.h"
#include "io/sys.h"

struct fake_sys fake_sys;

/* A directory of its own for every test; `path` of a file is returned in one of a few buffers. */
static char dir[64];
static struct config config;
static struct config_error error;

static const char *path_of(const char *name)
{
	static char paths[8][512];
	static size_t next;
	char *path = paths[next++ % ARRAY_SIZE(paths)];

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

static void write_file(const char *name, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void write_file(const char *name, const char *fmt, ...)
{
	_cleanup_file_ FILE *file = fopen(path_of(name), "we");
	va_list ap;

	assert_non_null(file);
	va_start(ap, fmt);
	vfprintf(file, fmt, ap);
	va_end(ap);
	fchmod(fileno(file), 0644);
}

static void write_watch(const char *name, const char *watch)
{
	write_file(name, "watch %s { path = \"/usr/sbin/%s\" }\n", watch, watch);
}

static int load(const char *name, bool explicit)
{
	error.text[0] = '\0';
	return config_files_load(path_of(name), explicit, &config, &error);
}

static void assert_fails(const char *name, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void assert_fails(const char *name, int code, const char *fmt, ...)
{
	char expected[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(expected, sizeof(expected), fmt, ap);
	va_end(ap);
	assert_int_equal(load(name, true), code);
	assert_string_equal(error.text, expected);
}

/* The names of all watches in order, each followed by a space. */
static const char *watches(void)
{
	static char names[1024];
	size_t n = 0;

	names[0] = '\0';
	for (size_t i = 0; i < config.watch_count; i++)
		n += (size_t)snprintf(names + n, sizeof(names) - n, "%s ", config.watches[i].name);
	return names;
}

static int set_up(void **state)
{
	(void)state;
	memset(&fake_sys, 0, sizeof(fake_sys));
	strcpy(dir, "/tmp/obit-test-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	config_init(&config);
	return mkdir(path_of("conf.d"), 0755);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st, (void)type, (void)where;
	return remove(path);
}

static int tear_down(void **state)
{
	(void)state;
	config_free(&config);
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void reads_one_file(void **state)
{
	(void)state;
	write_watch("obit.conf", "web");
	assert_int_equal(load("obit.conf", true), 0);
	assert_string_equal(watches(), "web ");
	assert_string_equal(config.watches[0].file, path_of("obit.conf"));
}

static void replaces_what_was_there(void **state)
{
	(void)state;
	write_watch("a.conf", "a");
	write_watch("b.conf", "b");
	assert_int_equal(load("a.conf", true), 0);
	assert_int_equal(load("b.conf", true), 0);
	assert_string_equal(watches(), "b ");
}

static void a_failure_changes_nothing(void **state)
{
	struct config before;

	(void)state;
	write_watch("a.conf", "a");
	assert_int_equal(load("a.conf", true), 0);
	before = config;
	write_file("b.conf",
		   "include = { \"%s\", \"/does/not/exist\" }\nwatch b { path = \"/b\" }\n",
		   path_of("a.conf"));
	assert_fails("b.conf", -ENOENT,
		     "%s:1: /does/not/exist: no such file; expected the file that is included here",
		     path_of("b.conf"));
	assert_memory_equal(&config, &before, sizeof(config));
	assert_string_equal(watches(), "a ");
}

static void passes_on_what_the_parser_says(void **state)
{
	char start[600];

	(void)state;
	write_file("obit.conf", "watch web {\n    path = \"/b\"\n    no_such_key = 1\n}\n");
	assert_int_equal(load("obit.conf", true), -EINVAL);
	snprintf(start, sizeof(start), "%s:3: ", path_of("obit.conf"));
	assert_memory_equal(error.text, start, strlen(start));
}

static void only_the_default_file_may_be_missing(void **state)
{
	(void)state;
	assert_fails("obit.conf", -ENOENT, "%s: no such file; expected a configuration file",
		     path_of("obit.conf"));
	assert_int_equal(load("obit.conf", false), 0);
	assert_string_equal(watches(), "");
	/* A symbolic link to nowhere is a mistake, not an absent file. */
	assert_int_equal(symlink("/does/not/exist", path_of("obit.conf")), 0);
	assert_int_equal(load("obit.conf", false), -ENOENT);
}

static void reads_conf_d_beside_the_default_file(void **state)
{
	(void)state;
	write_watch("obit.conf", "main");
	write_watch("conf.d/20-b.conf", "b");
	write_watch("conf.d/10-a.conf", "a");
	write_watch("conf.d/README", "readme");
	assert_int_equal(load("obit.conf", false), 0);
	assert_string_equal(watches(), "main a b ");
	assert_int_equal(load("obit.conf", true), 0);
	assert_string_equal(watches(), "main ");
	assert_int_equal(unlink(path_of("obit.conf")), 0);
	assert_int_equal(load("obit.conf", false), 0);
	assert_string_equal(watches(), "a b ");
	assert_int_equal(chmod(path_of("conf.d/20-b.conf"), 0666), 0);
	assert_int_equal(load("obit.conf", false), -EPERM);
	assert_string_equal(watches(), "a b ");
}

static void includes_files_and_globs_in_order(void **state)
{
	(void)state;
	write_watch("z.conf", "z");
	write_watch("conf.d/2.conf", "two");
	write_watch("conf.d/1.conf", "one");
	write_file("obit.conf",
		   "watch main { path = \"/m\" }\ninclude = { \"%s\", \"%s/*.none\", \"%s/*.conf\" "
		   "}\n",
		   path_of("z.conf"), path_of("conf.d"), path_of("conf.d"));
	assert_int_equal(load("obit.conf", true), 0);
	assert_string_equal(watches(), "main z one two ");
	assert_int_equal(config.include.count, 0);
}

static void reads_what_armourd_read(void **state)
{
	(void)state;
	write_file("armourd.conf", "# services\n/usr/sbin/one\n/usr/sbin/two\n");
	assert_int_equal(load("armourd.conf", true), 0);
	assert_string_equal(watches(), "one two ");
	/* In the place of the default file only what says so is taken for armourd's. */
	assert_int_equal(load("armourd.conf", false), -EINVAL);
	write_file("obit.conf", "include = \"%s\"\n", path_of("armourd.conf"));
	assert_int_equal(load("obit.conf", true), -EINVAL);
}

static void includes_armourds_files_behind_its_own(void **state)
{
	char start[600];

	(void)state;
	write_file("armourd.conf", "/usr/sbin/one\n/usr/sbin/w\n");
	write_file("list", "\n");
	write_watch("z.conf", "z");
	write_file("obit.conf",
		   "include-armourd = { \"%s\", \"%s/li*t\" }\ninclude = \"%s\"\n"
		   "watch w { path = \"/w\" }\n",
		   path_of("armourd.conf"), dir, path_of("z.conf"));
	assert_int_equal(load("obit.conf", true), 0);
	assert_string_equal(watches(), "w z one w-2 ");
	assert_int_equal(config.include_armourd.count, 0);
	/* No text there is taken for ours. */
	write_watch("list", "w");
	assert_int_equal(load("obit.conf", true), -EINVAL);
	snprintf(start, sizeof(start), "%s:1: path: 'watch' is wrong", path_of("list"));
	assert_memory_equal(error.text, start, strlen(start));
	assert_int_equal(chmod(path_of("armourd.conf"), 0666), 0);
	assert_int_equal(load("obit.conf", true), -EPERM);
	assert_int_equal(unlink(path_of("armourd.conf")), 0);
	assert_fails("obit.conf", -ENOENT,
		     "%s:1: %s: no such file; expected the file that is included here",
		     path_of("obit.conf"), path_of("armourd.conf"));
}

static void refuses_a_relative_include(void **state)
{
	(void)state;
	write_file("obit.conf", "include = { \"other.conf\" }\n");
	assert_int_equal(load("obit.conf", true), -EINVAL);
	assert_non_null(strstr(error.text, "absolute"));
}

static void detects_loops(void **state)
{
	(void)state;
	write_file("a.conf", "include = { \"%s\" }\n", path_of("b.conf"));
	write_file("b.conf", "include = { \"%s\" }\n", path_of("c.conf"));
	assert_int_equal(symlink(path_of("a.conf"), path_of("c.conf")), 0);
	assert_fails("a.conf", -ELOOP, "%s: includes itself, by way of %s; expected no loop",
		     path_of("a.conf"), path_of("b.conf"));
	write_file("self.conf", "include = { \"%s/se*.conf\" }\n", dir);
	assert_int_equal(load("self.conf", true), -ELOOP);
}

static void limits_the_depth(void **state)
{
	char name[32], next[32];

	(void)state;
	for (int i = 0; i <= CONFIG_FILES_MAX_DEPTH; i++) {
		snprintf(name, sizeof(name), "%d.conf", i);
		snprintf(next, sizeof(next), "%d.conf", i + 1);
		write_file(name, "include = { \"%s\" }\n", path_of(next));
	}
	write_watch(next, "deep");
	assert_fails("0.conf", -ELOOP,
		     "%s: included more than 8 files deep; expected fewer levels of include",
		     path_of(next));
	assert_int_equal(load("1.conf", true), 0);
	assert_string_equal(watches(), "deep ");
}

static void refuses_what_is_no_file(void **state)
{
	(void)state;
	assert_fails("conf.d", -EISDIR, "%s: is a directory; expected a configuration file",
		     path_of("conf.d"));
	/* Nobody writes to it: opening it must not wait for that. */
	assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
	assert_fails("fifo", -EINVAL, "%s: not a regular file; expected a configuration file",
		     path_of("fifo"));
}

static void refuses_what_others_can_write(void **state)
{
	static const struct {
		mode_t mode;
		const char *who;
	} cases[] = {{0666, "world"}, {0664, "group"}, {0602, "world"}, {0620, "group"}};

	(void)state;
	write_watch("obit.conf", "web");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *path = path_of("obit.conf");

		assert_int_equal(chmod(path, cases[i].mode), 0);
		assert_fails("obit.conf", -EPERM,
			     "%s: %s-writable (mode %04o); expected a file that only root can "
			     "change: chmod go-w %s",
			     path, cases[i].who, cases[i].mode, path);
	}
	assert_int_equal(chmod(path_of("obit.conf"), 0600), 0);
	assert_int_equal(load("obit.conf", true), 0);
}

static void follows_a_link_to_a_safe_file_only(void **state)
{
	(void)state;
	write_watch("target", "web");
	assert_int_equal(symlink("target", path_of("obit.conf")), 0);
	assert_int_equal(load("obit.conf", true), 0);
	assert_string_equal(watches(), "web ");
	assert_int_equal(chmod(path_of("target"), 0646), 0);
	assert_int_equal(load("obit.conf", true), -EPERM);
}

static int owned_by_1234(int fd, struct stat *st)
{
	int r = real_sys_fstat(fd, st);

	st->st_uid = 1234;
	return r;
}

static uid_t user_1234(void)
{
	return 1234;
}

static uid_t user_1235(void)
{
	return 1235;
}

static void trusts_root_and_itself(void **state)
{
	const char *path = path_of("obit.conf");

	(void)state;
	write_watch("obit.conf", "web");
	fake_sys.fstat = owned_by_1234;
	fake_sys.geteuid = user_1235;
	assert_fails("obit.conf", -EPERM,
		     "%s: owned by uid 1234; expected a file that only root can change: "
		     "chown root %s",
		     path, path);
	fake_sys.geteuid = user_1234;
	assert_int_equal(load("obit.conf", true), 0);
}

static int looks_empty(int fd, struct stat *st)
{
	int r = real_sys_fstat(fd, st);

	st->st_size = 0;
	return r;
}

static void limits_the_size(void **state)
{
	_cleanup_free_ char *text = malloc(CONFIG_FILES_MAX_SIZE + 1);

	(void)state;
	memset(text, '\n', CONFIG_FILES_MAX_SIZE);
	text[CONFIG_FILES_MAX_SIZE] = '\0';
	write_file("obit.conf", "%s", text);
	assert_int_equal(load("obit.conf", true), 0);
	write_file("obit.conf", "%s\n", text);
	assert_fails("obit.conf", -EFBIG,
		     "%s: larger than 1048576 bytes; expected a configuration file",
		     path_of("obit.conf"));
	/* It grew after it was looked at. */
	fake_sys.fstat = looks_empty;
	assert_fails("obit.conf", -EFBIG,
		     "%s: larger than 1048576 bytes; expected a configuration file",
		     path_of("obit.conf"));
}

static int denied(const char *path, int flags, mode_t mode)
{
	(void)path, (void)flags, (void)mode;
	errno = EACCES;
	return -1;
}

static int failing_fstat(int fd, struct stat *st)
{
	(void)fd, (void)st;
	errno = EIO;
	return -1;
}

static ssize_t failing_read(int fd, void *buf, size_t size)
{
	(void)fd, (void)buf, (void)size;
	errno = EIO;
	return -1;
}

/* Every second time interrupted, else a byte. */
static ssize_t halting_read(int fd, void *buf, size_t size)
{
	static bool interrupt;

	interrupt = !interrupt;
	errno = EINTR;
	return interrupt ? -1 : real_sys_read(fd, buf, size ? 1 : 0);
}

static int failing_glob(const char *pattern, int flags, glob_t *found)
{
	(void)pattern, (void)flags, (void)found;
	return GLOB_NOSPACE;
}

static int aborted_glob(const char *pattern, int flags, glob_t *found)
{
	(void)pattern, (void)flags, (void)found;
	return GLOB_ABORTED;
}

static void tells_what_cannot_be_read(void **state)
{
	const char *path = path_of("obit.conf");

	(void)state;
	write_file("obit.conf", "include = { \"/x/*.conf\" }\n");
	fake_sys.open = denied;
	assert_fails("obit.conf", -EACCES,
		     "%s: cannot be opened: Permission denied; expected a file that obitd can read",
		     path);
	fake_sys.open = NULL;
	fake_sys.fstat = failing_fstat;
	assert_fails("obit.conf", -EIO,
		     "%s: cannot be looked at: Input/output error; expected a configuration file",
		     path);
	fake_sys.fstat = NULL;
	fake_sys.read = failing_read;
	assert_fails("obit.conf", -EIO,
		     "%s: cannot be read: Input/output error; expected a file that obitd can read",
		     path);
	fake_sys.read = NULL;
	fake_sys.glob = failing_glob;
	assert_fails("obit.conf", -ENOMEM,
		     "/x/*.conf: cannot be expanded: out of memory; expected a pattern of files");
	fake_sys.glob = aborted_glob;
	assert_fails("obit.conf", -EIO,
		     "/x/*.conf: cannot be expanded: a directory cannot be read; expected a "
		     "pattern of files");
}

static void reads_in_pieces(void **state)
{
	(void)state;
	write_watch("obit.conf", "web");
	fake_sys.read = halting_read;
	assert_int_equal(load("obit.conf", true), 0);
	assert_string_equal(watches(), "web ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_one_file),
		TEST(replaces_what_was_there),
		TEST(a_failure_changes_nothing),
		TEST(passes_on_what_the_parser_says),
		TEST(only_the_default_file_may_be_missing),
		TEST(reads_conf_d_beside_the_default_file),
		TEST(includes_files_and_globs_in_order),
		TEST(reads_what_armourd_read),
		TEST(includes_armourds_files_behind_its_own),
		TEST(refuses_a_relative_include),
		TEST(detects_loops),
		TEST(limits_the_depth),
		TEST(refuses_what_is_no_file),
		TEST(refuses_what_others_can_write),
		TEST(follows_a_link_to_a_safe_file_only),
		TEST(trusts_root_and_itself),
		TEST(limits_the_size),
		TEST(tells_what_cannot_be_read),
		TEST(reads_in_pieces),
	};

	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
