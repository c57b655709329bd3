// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* On a tree of files that is in this table alone; odd.bats and respawn.bats have real ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "io/sys.h"
#include "io/trust.h"

struct fake_sys fake_sys;

struct file {
	const char *path;
	mode_t mode;
	uid_t uid;
	const char *target; /* of a symbolic link */
};

static const struct file tree[] = {
	{"/", S_IFDIR | 0755, 0, NULL},
	{"/bin", S_IFLNK | 0777, 0, "usr/bin"},
	{"/usr", S_IFDIR | 0755, 0, NULL},
	{"/usr/bin", S_IFDIR | 0755, 0, NULL},
	{"/usr/bin/server", S_IFREG | 0755, 0, NULL},
	{"/usr/bin/grouped", S_IFREG | 0775, 0, NULL},
	{"/usr/bin/users", S_IFREG | 0755, 1000, NULL},
	{"/usr/bin/up", S_IFLNK | 0777, 0, "../bin/./server"},
	{"/usr/bin/loop", S_IFLNK | 0777, 0, "loop"},
	{"/usr/bin/away", S_IFLNK | 0777, 0, "/home/ann/server"},
	{"/usr/bin/odd", S_IFLNK | 0777, 1000, "server"},
	{"/usr/bin/above", S_IFLNK | 0777, 0, "../../../usr/bin/server"},
	{"/usr/bin/gone", S_IFLNK | 0777, 0, "nowhere"},
	{"/home", S_IFDIR | 0755, 0, NULL},
	{"/home/ann", S_IFDIR | 0755, 1000, NULL},
	{"/home/ann/server", S_IFREG | 0755, 0, NULL},
	{"/home/ann/link", S_IFLNK | 0777, 0, "/usr/bin/server"},
	{"/tmp", S_IFDIR | S_ISVTX | 0777, 0, NULL},
	{"/tmp/server", S_IFREG | 0755, 0, NULL},
	{"/tmp/theirs", S_IFREG | 0755, 1000, NULL},
	{"/tmp/their-link", S_IFLNK | 0777, 1000, "/usr/bin/server"},
	{"/tmp/link", S_IFLNK | 0777, 0, "/usr/bin/server"},
	{"/tmp/dir", S_IFDIR | 0755, 0, NULL},
	{"/tmp/dir/server", S_IFREG | 0755, 0, NULL},
	{"/open", S_IFDIR | 0777, 0, NULL},
	{"/open/server", S_IFREG | 0755, 0, NULL},
};

static const struct file *find(const char *path)
{
	for (size_t i = 0; i < sizeof(tree) / sizeof(tree[0]); i++)
		if (!strcmp(tree[i].path, path))
			return &tree[i];
	errno = ENOENT;
	return NULL;
}

static int tree_lstat(const char *path, struct stat *st)
{
	const struct file *file = find(path);

	if (!file)
		return -1;
	*st = (struct stat){.st_mode = file->mode, .st_uid = file->uid};
	return 0;
}

static ssize_t tree_readlink(const char *path, char *buf, size_t size)
{
	const struct file *file = find(path);

	if (!file || strlen(file->target) > size)
		return -1;
	memcpy(buf, file->target, strlen(file->target));
	return (ssize_t)strlen(file->target);
}

static int set_up(void **state)
{
	(void)state;
	fake_sys = (struct fake_sys){.lstat = tree_lstat, .readlink = tree_readlink};
	return 0;
}

static void expect_safe(const char *path)
{
	char sentence[RECIPE_SENTENCE_SIZE] = "";

	assert_int_equal(trust_check(path, sentence), 0);
	assert_string_equal(sentence, "");
}

static void expect(int result, const char *path, const char *sentence)
{
	char got[RECIPE_SENTENCE_SIZE];

	assert_int_equal(trust_check(path, got), result);
	assert_string_equal(got, sentence);
}

static void expect_unsafe(const char *path, const char *what)
{
	char sentence[RECIPE_SENTENCE_SIZE];

	snprintf(sentence, sizeof(sentence), "it runs as root, and others than root can change %s",
		 what);
	expect(-EPERM, path, sentence);
}

static void roots_own_is_safe(void **state)
{
	(void)state;
	expect_safe("/usr/bin/server");
	expect_safe("//usr/./bin//server");
	expect_safe("/usr/bin/../bin/server");
	expect_safe("/bin/server");
	expect_safe("/usr/bin/up");
	expect_safe("/usr/bin/above");
	expect_safe("/");
}

static void a_file_of_others_is_not(void **state)
{
	(void)state;
	expect_unsafe("/usr/bin/users", "/usr/bin/users (owner 1000, mode 0755)");
	expect_unsafe("/usr/bin/grouped", "/usr/bin/grouped (owner 0, mode 0775)");
}

static void what_others_can_replace_is_not(void **state)
{
	(void)state;
	expect_unsafe("/home/ann/server", "/home/ann (owner 1000, mode 0755)");
	expect_unsafe("/home/ann/link", "/home/ann (owner 1000, mode 0755)");
	expect_unsafe("/open/server", "/open (owner 0, mode 0777)");
}

static void a_sticky_directory_keeps_what_is_roots(void **state)
{
	(void)state;
	expect_safe("/tmp/server");
	expect_safe("/tmp/dir/server");
	expect_safe("/tmp/link");
	expect_unsafe("/tmp/theirs", "/tmp (owner 0, mode 1777)");
	expect_unsafe("/tmp/their-link", "/tmp (owner 0, mode 1777)");
	expect_unsafe("/tmp", "/tmp (owner 0, mode 1777)");
}

/* It is as safe as the directory that it is in, whoever owns the link itself. */
static void a_link_counts_by_where_it_leads(void **state)
{
	(void)state;
	expect_safe("/usr/bin/odd");
	expect_unsafe("/usr/bin/away", "/home/ann (owner 1000, mode 0755)");
}

static void what_cannot_be_looked_at_is_told_as_that(void **state)
{
	char path[PATH_MAX + 10], sentence[RECIPE_SENTENCE_SIZE];

	(void)state;
	expect(-ENOENT, "/usr/bin/none", "/usr/bin/none: No such file or directory");
	expect(-ENOENT, "/usr/bin/gone", "/usr/bin/nowhere: No such file or directory");
	expect(-ELOOP, "/usr/bin/loop", "/usr/bin/loop: Too many levels of symbolic links");
	expect(-EINVAL, "usr/bin/server", "usr/bin/server: Invalid argument");
	memset(path, '/', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(trust_check(path, sentence), -ENAMETOOLONG);
	path[1 + NAME_MAX + 1] = '\0';
	memset(path + 1, 'n', NAME_MAX + 1);
	assert_int_equal(trust_check(path, sentence), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(roots_own_is_safe),
		TEST(a_file_of_others_is_not),
		TEST(what_others_can_replace_is_not),
		TEST(a_sticky_directory_keeps_what_is_roots),
		TEST(a_link_counts_by_where_it_leads),
		TEST(what_cannot_be_looked_at_is_told_as_that),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
