// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/lines.h"

#define LONGEST 8

/* A file in memory of these bytes. */
static int file_of(const char *bytes, size_t length)
{
	int fd = memfd_create("lines", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, length), (ssize_t)length);
	return fd;
}

struct heard {
	char text[512]; /* "[line][line]" */
	int left;	/* how many more are wanted; negative: all */
};

static bool hear(void *arg, const char *line, size_t length)
{
	struct heard *heard = arg;
	size_t used = strlen(heard->text);

	snprintf(heard->text + used, sizeof(heard->text) - used, "[%.*s]", (int)length, line);
	return --heard->left != 0;
}

#define TEXT(text) text, sizeof(text) - 1

static const struct {
	const char *bytes;
	size_t length;
	uint64_t offset;
	const char *expected;
	size_t skipped;
} files[] = {
	{TEXT(""), 0, "", 0},
	{TEXT("a\nb\n"), 0, "[a][b]", 0},
	{TEXT("\n\na\n"), 0, "[][][a]", 0},
	/* its end is missing */
	{TEXT("a\nb"), 0, "[a]", 0},
	{TEXT("b"), 0, "", 0},
	/* as long as a line may be, and longer */
	{TEXT("12345678\n"), 0, "[12345678]", 0},
	{TEXT("123456789\na\n"), 0, "[a]", 1},
	{TEXT("a\n1234567890123456789012345678901234567890\nb\n"), 0, "[a][b]", 1},
	{TEXT("123456789012345678\n123456789\nb\n"), 0, "[b]", 2},
	{TEXT("a\n12345678901234567890"), 0, "[a]", 1},
	/* what a crash leaves where it has not written */
	{TEXT("a\nb\0c\nd\n"), 0, "[a][d]", 1},
	{TEXT("\0\0\0\0\0\0\0\0\0\0\0\0\n\0\n\xff\xfe\n"), 0, "[\xff\xfe]", 2},
	/* from the middle */
	{TEXT("ab\ncd\nef\n"), 1, "[cd][ef]", 0},
	{TEXT("ab\ncd\nef\n"), 2, "[cd][ef]", 0},
	{TEXT("ab\ncd\nef\n"), 3, "[cd][ef]", 0},
	{TEXT("ab\ncd\nef\n"), 4, "[ef]", 0},
	{TEXT("ab\ncd\nef\n"), 9, "", 0},
	{TEXT("ab\ncd\nef\n"), 100, "", 0},
	{TEXT("12345678901234567890\na\n"), 2, "[a]", 0},
};

static void test_whole_lines_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_close_ int fd = file_of(files[i].bytes, files[i].length);
		struct heard heard = {.left = -1};
		size_t skipped = 0;

		assert_int_equal(lines_read(fd, files[i].offset, LONGEST, hear, &heard, &skipped),
				 0);
		assert_string_equal(heard.text, files[i].expected);
		assert_int_equal(skipped, files[i].skipped);
	}
}

static void test_reading_stops_when_enough_is_read(void **state)
{
	_cleanup_close_ int fd = file_of(TEXT("a\nb\nc\n"));
	struct heard heard = {.left = 2};

	(void)state;
	assert_int_equal(lines_read(fd, 0, LONGEST, hear, &heard, NULL), 0);
	assert_string_equal(heard.text, "[a][b]");
}

static void test_what_cannot_be_read_says_so(void **state)
{
	_cleanup_close_ int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct heard heard = {.left = -1};

	(void)state;
	assert_int_equal(lines_read(fd, 0, LONGEST, hear, &heard, NULL), -EISDIR);
	assert_int_equal(lines_read(-1, 0, LONGEST, hear, &heard, NULL), -EBADF);
	assert_string_equal(heard.text, "");
}

/* ---- two generations ---- */

static char dir[64];

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/obit-lines.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(path_of("old"));
	unlink(path_of("new"));
	rmdir(path_of("new"));
	return rmdir(dir);
}

static void put(const char *name, const char *text)
{
	_cleanup_file_ FILE *file = fopen(path_of(name), "we");

	assert_non_null(file);
	fputs(text, file);
}

/* Opens both, and has what is in them behind each other. */
static void assert_both(const char *expected)
{
	struct heard heard = {.left = -1};
	int fds[2];

	assert_int_equal(lines_open(dir, "old", "new", fds), 0);
	for (int i = 0; i < 2; i++) {
		if (fds[i] >= 0)
			assert_int_equal(lines_read(fds[i], 0, LONGEST, hear, &heard, NULL), 0);
		close_fdp(&fds[i]);
	}
	assert_string_equal(heard.text, expected);
}

static void test_the_older_file_comes_first(void **state)
{
	(void)state;
	assert_both("");
	put("new", "c\n");
	assert_both("[c]");
	put("old", "a\nb\n");
	assert_both("[a][b][c]");
	assert_int_equal(unlink(path_of("new")), 0);
	assert_both("[a][b]");
}

static void test_what_is_missing_is_no_failure(void **state)
{
	int fds[2] = {7, 7};

	(void)state;
	assert_int_equal(lines_open("/nowhere/at/all", "old", "new", fds), 0);
	assert_int_equal(fds[0], -1);
	assert_int_equal(fds[1], -1);
}

static void test_what_is_no_regular_file_is_refused(void **state)
{
	int fds[2];

	(void)state;
	put("old", "a\n");
	assert_int_equal(mkdir(path_of("new"), 0700), 0);
	assert_int_equal(lines_open(dir, "old", "new", fds), -EINVAL);
	assert_int_equal(fds[0], -1);
	assert_int_equal(rmdir(path_of("new")), 0);
	assert_int_equal(symlink("/etc/passwd", path_of("new")), 0);
	assert_int_equal(lines_open(dir, "old", "new", fds), -ELOOP);
	assert_int_equal(unlink(path_of("new")), 0);
	/* nobody writes to it, and nobody waits for that */
	assert_int_equal(mkfifo(path_of("new"), 0600), 0);
	assert_int_equal(lines_open(dir, "old", "new", fds), -EINVAL);
	assert_int_equal(lines_open(path_of("old"), "old", "new", fds), -ENOTDIR);
}

/* As if renamed between the two opens, for ever: one file by two names. */
static void test_one_file_is_not_taken_for_two(void **state)
{
	char old[128];
	int fds[2];

	(void)state;
	put("new", "a\n");
	strcpy(old, path_of("old"));
	assert_int_equal(link(path_of("new"), old), 0);
	assert_int_equal(lines_open(dir, "old", "new", fds), -EAGAIN);
	assert_int_equal(fds[0], -1);
	assert_int_equal(fds[1], -1);
}

#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_lines_are_read),
		cmocka_unit_test(test_reading_stops_when_enough_is_read),
		cmocka_unit_test(test_what_cannot_be_read_says_so),
		WITH_DIR(test_the_older_file_comes_first),
		cmocka_unit_test(test_what_is_missing_is_no_failure),
		WITH_DIR(test_what_is_no_regular_file_is_refused),
		WITH_DIR(test_one_file_is_not_taken_for_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
