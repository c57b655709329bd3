// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/protocol.h"
#include "io/history_internal.h"
#include "io/sys.h"

#define NOW  (1000 * NS_PER_SEC)
#define SIZE (UINT64_C(1) << 20)

struct fake_sys fake_sys;

/* ---- a directory for each test ---- */

static char top[64], dir[80];

static int no_group(const char *name, gid_t *ret)
{
	(void)ret;
	assert_string_equal(name, OBIT_READERS_GROUP);
	errno = ENOENT;
	return -1;
}

static int set_up(void **state)
{
	(void)state;
	fake_sys = (struct fake_sys){.group_id = no_group};
	strcpy(top, "/tmp/obit-history.XXXXXX");
	if (!mkdtemp(top))
		return -1;
	snprintf(dir, sizeof(dir), "%s/state", top);
	return 0;
}

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static int tear_down(void **state)
{
	(void)state;
	fake_sys = (struct fake_sys){0};
	unlink(path_of(OBIT_HISTORY_FILE));
	rmdir(path_of(OBIT_HISTORY_FILE));
	unlink(path_of(OBIT_HISTORY_OLDER_FILE));
	rmdir(dir);
	return rmdir(top);
}

/* The bytes of a file; "" if it is not there. */
static const char *content(const char *name)
{
	static char text[SIZE];
	_cleanup_file_ FILE *file = fopen(path_of(name), "re");
	size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	text[n] = '\0';
	return text;
}

static void put(const char *name, const char *text)
{
	_cleanup_file_ FILE *file = fopen(path_of(name), "we");

	assert_non_null(file);
	fputs(text, file);
}

static uint64_t size_of(const char *name)
{
	struct stat st;

	return stat(path_of(name), &st) == 0 ? (uint64_t)st.st_size : 0;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

/* ---- the writer ---- */

static struct history_writer writer;

static void start_writer(uint64_t size)
{
	assert_int_equal(history_writer_init(&writer, dir, size), 0);
}

static void take(const char *line)
{
	assert_true(history_writer_take(&writer, line, strlen(line), false, NOW));
}

static void flush(void)
{
	if (history_writer_flush(&writer, NOW) < 0)
		fail_msg("not written: %s", writer.error);
	assert_string_equal(writer.error, "");
	assert_int_equal(writer.pending, 0);
}

static void test_lines_wait_for_each_other(void **state)
{
	(void)state;
	start_writer(SIZE);
	assert_int_equal(history_writer_timeout(&writer, NOW), -1);
	take("a");
	assert_int_equal(history_writer_timeout(&writer, NOW), HISTORY_DELAY_NS / NS_PER_MS + 1);
	/* the first one's deadline is that of all */
	assert_true(history_writer_take(&writer, "b", 1, false, NOW + 20 * NS_PER_SEC));
	assert_int_equal(history_writer_timeout(&writer, NOW + 20 * NS_PER_SEC), 10001);
	assert_int_equal(history_writer_timeout(&writer, NOW + 30 * NS_PER_SEC), 0);
	assert_int_equal(history_writer_timeout(&writer, NOW + 31 * NS_PER_SEC), 0);
	assert_int_equal(writer.pending, 2);
	assert_string_equal(content(OBIT_HISTORY_FILE), "");
	flush();
	assert_string_equal(content(OBIT_HISTORY_FILE), "a\nb\n");
	assert_int_equal(writer.done, 2);
	assert_int_equal(history_writer_timeout(&writer, NOW), -1);
	history_writer_clear(&writer);
}

static int syncs;

static int count_sync(int fd)
{
	(void)fd;
	syncs++;
	return 0;
}

static void test_an_urgent_line_does_not_wait_and_is_synced(void **state)
{
	(void)state;
	fake_sys.fdatasync = count_sync;
	syncs = 0;
	start_writer(SIZE);
	take("a");
	flush();
	assert_int_equal(syncs, 0);
	take("b");
	assert_true(history_writer_take(&writer, "c", 1, true, NOW + 1));
	assert_int_equal(history_writer_timeout(&writer, NOW + 1), 0);
	flush();
	assert_int_equal(syncs, 1);
	take("d");
	flush();
	assert_int_equal(syncs, 1);
	assert_string_equal(content(OBIT_HISTORY_FILE), "a\nb\nc\nd\n");
	history_writer_clear(&writer);
}

static int writes;
static ssize_t count_write(int fd, const void *buf, size_t size)
{
	writes++;
	return real_sys_write(fd, buf, size);
}

static void test_a_batch_is_one_write(void **state)
{
	static char line[1001];
	size_t taken = 0;

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	fake_sys.write = count_write;
	writes = 0;
	start_writer(SIZE);
	while (history_writer_take(&writer, line, 1000, false, NOW))
		taken++;
	assert_int_equal(taken, HISTORY_BATCH_MAX / 1001);
	flush();
	assert_int_equal(writes, 1);
	assert_int_equal(size_of(OBIT_HISTORY_FILE), taken * 1001);
	/* there is room again */
	take(line);
	history_writer_clear(&writer);
}

static void test_a_line_longer_than_a_batch_goes_alone(void **state)
{
	static char line[OBIT_HISTORY_LINE_MAX + 1];

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	start_writer(SIZE);
	take("a");
	assert_false(history_writer_take(&writer, line, OBIT_HISTORY_LINE_MAX, false, NOW));
	flush();
	take(line);
	assert_false(history_writer_take(&writer, "b", 1, false, NOW));
	flush();
	assert_int_equal(size_of(OBIT_HISTORY_FILE), 2 + OBIT_HISTORY_LINE_MAX + 1);
	history_writer_clear(&writer);
}

static void test_the_directory_and_the_file_are_made(void **state)
{
	(void)state;
	start_writer(SIZE);
	take("a");
	flush();
	assert_int_equal(mode_of(dir), 0750);
	assert_int_equal(mode_of(path_of(OBIT_HISTORY_FILE)), 0640);
	history_writer_clear(&writer);
}

static gid_t own_group;
static int other_group(const char *name, gid_t *ret)
{
	assert_string_equal(name, OBIT_READERS_GROUP);
	*ret = own_group;
	return 0;
}

static void test_what_is_made_is_given_to_the_readers(void **state)
{
	struct stat st;

	(void)state;
	if (geteuid() != 0)
		skip();
	own_group = 12345;
	fake_sys.group_id = other_group;
	start_writer(SIZE);
	take("a");
	flush();
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_gid, own_group);
	assert_int_equal(stat(path_of(OBIT_HISTORY_FILE), &st), 0);
	assert_int_equal(st.st_gid, own_group);
	/* what is there already stays as its owner has it */
	own_group = 12346;
	take("b");
	flush();
	assert_int_equal(stat(path_of(OBIT_HISTORY_FILE), &st), 0);
	assert_int_equal(st.st_gid, 12345);
	history_writer_clear(&writer);
}

static void test_nothing_is_open_between_two_batches(void **state)
{
	(void)state;
	start_writer(SIZE);
	take("a");
	flush();
	/* who takes it all away gets a new one */
	assert_int_equal(unlink(path_of(OBIT_HISTORY_FILE)), 0);
	assert_int_equal(rmdir(dir), 0);
	take("b");
	flush();
	assert_string_equal(content(OBIT_HISTORY_FILE), "b\n");
	history_writer_clear(&writer);
}

static void test_a_torn_line_is_ended_first(void **state)
{
	(void)state;
	start_writer(SIZE);
	assert_int_equal(mkdir(dir, 0750), 0);
	put(OBIT_HISTORY_FILE, "a\nto");
	take("b");
	flush();
	assert_string_equal(content(OBIT_HISTORY_FILE), "a\nto\nb\n");
	take("c");
	flush();
	assert_string_equal(content(OBIT_HISTORY_FILE), "a\nto\nb\nc\n");
	history_writer_clear(&writer);
}

/* ---- trouble ---- */

static size_t disk_room; /* bytes until it is full */

static ssize_t write_to_small_disk(int fd, const void *buf, size_t size)
{
	size_t n = size < disk_room ? size : disk_room;

	if (!n) {
		errno = ENOSPC;
		return -1;
	}
	disk_room -= n;
	return real_sys_write(fd, buf, n);
}

static void expect_failure(int error, const char *sentence)
{
	assert_int_equal(history_writer_flush(&writer, NOW), -error);
	if (!strstr(writer.error, sentence) || !strstr(writer.error, dir))
		fail_msg("\"%s\" lacks \"%s\" or %s", writer.error, sentence, dir);
	/* it is tried again after a while, also what was urgent */
	if (writer.pending)
		assert_int_equal(history_writer_timeout(&writer, NOW),
				 HISTORY_RETRY_NS / NS_PER_MS + 1);
}

static void test_a_full_disk_cuts_a_line_and_loses_nothing(void **state)
{
	(void)state;
	fake_sys.write = write_to_small_disk;
	disk_room = 5;
	start_writer(SIZE);
	take("aa");
	take("bb");
	take("cc");
	expect_failure(ENOSPC, "deaths.jsonl cannot be written: No space left on device");
	assert_string_equal(content(OBIT_HISTORY_FILE), "aa\nbb");
	assert_int_equal(writer.done, 1);
	assert_int_equal(writer.pending, 2);
	take("dd");
	expect_failure(ENOSPC, "cannot be written");
	disk_room = 100;
	flush();
	/* the newline comes first: what was cut is not glued to */
	assert_string_equal(content(OBIT_HISTORY_FILE), "aa\nbb\nbb\ncc\ndd\n");
	assert_int_equal(writer.done, 4);
	assert_int_equal(history_writer_timeout(&writer, NOW), -1);
	history_writer_clear(&writer);
}

static ssize_t write_half_at_first(int fd, const void *buf, size_t size)
{
	return real_sys_write(fd, buf, writes++ ? size : size / 2);
}

static void test_a_short_write_is_gone_on_with(void **state)
{
	(void)state;
	fake_sys.write = write_half_at_first;
	writes = 0;
	start_writer(SIZE);
	take("aaa");
	take("bbb");
	take("ccc");
	flush();
	assert_string_equal(content(OBIT_HISTORY_FILE), "aaa\nbb\nbbb\nccc\n");
	history_writer_clear(&writer);
}

/* Every place where the disk may be full. */
static void test_wherever_the_disk_is_full_each_line_is_whole_in_the_end(void **state)
{
	(void)state;
	fake_sys.write = write_to_small_disk;
	for (size_t room = 0; room < 20; room++) {
		const char *text, *at;

		disk_room = room;
		start_writer(SIZE);
		take("{aaa}");
		take("{bbb}");
		take("{ccc}");
		for (size_t more = 1; writer.pending; more *= 2) {
			history_writer_flush(&writer, NOW);
			disk_room += more;
		}
		text = content(OBIT_HISTORY_FILE);
		at = strstr(text, "{aaa}\n");
		assert_true(at && (at == text || at[-1] == '\n'));
		at = strstr(at, "\n{bbb}\n");
		assert_non_null(at);
		assert_non_null(strstr(at + 1, "\n{ccc}\n"));
		assert_int_equal(writer.done, 3);
		history_writer_clear(&writer);
		assert_int_equal(unlink(path_of(OBIT_HISTORY_FILE)), 0);
	}
}

static void test_a_full_batch_that_cannot_be_written_takes_no_more(void **state)
{
	static char line[1001];

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	fake_sys.write = write_to_small_disk;
	disk_room = 0;
	start_writer(SIZE);
	while (history_writer_take(&writer, line, 1000, false, NOW))
		;
	expect_failure(ENOSPC, "cannot be written");
	assert_false(history_writer_take(&writer, line, 1000, true, NOW));
	disk_room = SIZE;
	flush();
	assert_true(history_writer_take(&writer, line, 1000, false, NOW));
	history_writer_clear(&writer);
}

static int failing_errno;
static int fail_openat(int directory, const char *name, int flags, mode_t mode)
{
	(void)directory;
	(void)mode;
	assert_string_equal(name, OBIT_HISTORY_FILE);
	assert_true(flags & O_NOFOLLOW && flags & O_CLOEXEC && flags & O_NONBLOCK);
	errno = failing_errno;
	return -1;
}

static int fail_renameat(int from, const char *old, int to, const char *name)
{
	(void)from;
	(void)old;
	(void)to;
	(void)name;
	errno = failing_errno;
	return -1;
}

static int fail_fdatasync(int fd)
{
	(void)fd;
	errno = failing_errno;
	return -1;
}

static void test_each_failure_is_a_sentence_and_keeps_the_lines(void **state)
{
	(void)state;
	start_writer(100);
	assert_true(history_writer_take(&writer, "a", 1, true, NOW));
	failing_errno = EROFS;
	fake_sys.openat = fail_openat;
	expect_failure(EROFS, "deaths.jsonl cannot be opened: Read-only file system");
	fake_sys.openat = NULL;
	failing_errno = EIO;
	fake_sys.fdatasync = fail_fdatasync;
	expect_failure(EIO, "deaths.jsonl cannot be written: Input/output error");
	fake_sys.fdatasync = count_sync;
	put(OBIT_HISTORY_FILE, "12345678901234567890123456789012345678901234567890\n");
	fake_sys.renameat = fail_renameat;
	expect_failure(EIO, "deaths.jsonl cannot be renamed: Input/output error");
	fake_sys.renameat = NULL;
	flush();
	assert_string_equal(content(OBIT_HISTORY_FILE), "a\n");
	history_writer_clear(&writer);
}

static void test_a_directory_that_others_can_change_is_refused(void **state)
{
	(void)state;
	start_writer(SIZE);
	assert_int_equal(mkdir(dir, 0750), 0);
	take("a");
	assert_int_equal(chmod(dir, 0770), 0);
	expect_failure(EPERM, "others than root can write in");
	assert_non_null(strstr(writer.error, "mode 0770"));
	assert_int_equal(chmod(dir, 01777), 0);
	expect_failure(EPERM, "expected a directory that root alone can change");
	assert_int_equal(size_of(OBIT_HISTORY_FILE), 0);
	if (geteuid() == 0) {
		assert_int_equal(chmod(dir, 0755), 0);
		assert_int_equal(chown(dir, 12345, 0), 0);
		expect_failure(EPERM, "owner 12345");
		assert_int_equal(chown(dir, 0, 0), 0);
	}
	assert_int_equal(chmod(dir, 0755), 0);
	flush();
	history_writer_clear(&writer);
}

static void test_no_link_and_no_other_kind_of_file_is_written_to(void **state)
{
	(void)state;
	start_writer(SIZE);
	assert_int_equal(mkdir(dir, 0750), 0);
	take("a");
	assert_int_equal(symlink("elsewhere", path_of(OBIT_HISTORY_FILE)), 0);
	expect_failure(ELOOP, "cannot be opened");
	assert_int_equal(unlink(path_of(OBIT_HISTORY_FILE)), 0);
	assert_int_equal(mkfifo(path_of(OBIT_HISTORY_FILE), 0600), 0);
	expect_failure(EINVAL, "cannot be used");
	assert_int_equal(unlink(path_of(OBIT_HISTORY_FILE)), 0);
	assert_int_equal(mkdir(path_of(OBIT_HISTORY_FILE), 0700), 0);
	expect_failure(EISDIR, "cannot be opened");
	assert_int_equal(rmdir(path_of(OBIT_HISTORY_FILE)), 0);
	flush();
	history_writer_clear(&writer);
}

static void test_parents_are_not_made(void **state)
{
	char deeper[120];

	(void)state;
	snprintf(deeper, sizeof(deeper), "%s/deeper", dir);
	assert_int_equal(history_writer_init(&writer, deeper, SIZE), 0);
	take("a");
	expect_failure(ENOENT, "cannot be made: No such file or directory");
	history_writer_clear(&writer);
}

/* A new size asks whether it would work; the answer is not asked for again and again. */
static void test_a_look_at_the_directory_writes_nothing(void **state)
{
	(void)state;
	start_writer(0);
	history_writer_set_size(&writer, SIZE, NOW);
	assert_int_equal(history_writer_timeout(&writer, NOW), 0);
	flush();
	assert_int_equal(writer.done, 1);
	assert_int_equal(mode_of(dir), 0750);
	assert_int_equal(access(path_of(OBIT_HISTORY_FILE), F_OK), -1);
	assert_int_equal(chmod(dir, 0777), 0);
	history_writer_set_size(&writer, SIZE, NOW);
	expect_failure(EPERM, "others than root");
	assert_int_equal(writer.done, 2);
	assert_int_equal(history_writer_timeout(&writer, NOW), -1);
	/* nor is there anything to do without anything to do */
	assert_int_equal(history_writer_flush(&writer, NOW), 0);
	history_writer_clear(&writer);
}

/* ---- the cap ---- */

static void test_both_files_stay_within_the_size(void **state)
{
	char line[32];
	uint64_t most = 0;

	(void)state;
	start_writer(1000);
	for (int i = 0; i < 500; i++) {
		snprintf(line, sizeof(line), "{\"line number\": %d}", i);
		take(line);
		if (i % 7 == 0)
			flush();
		if (size_of(OBIT_HISTORY_FILE) + size_of(OBIT_HISTORY_OLDER_FILE) > most)
			most = size_of(OBIT_HISTORY_FILE) + size_of(OBIT_HISTORY_OLDER_FILE);
		assert_in_range(size_of(OBIT_HISTORY_FILE), 0, 500);
	}
	assert_in_range(most, 700, 1000);
	flush();
	assert_non_null(strstr(content(OBIT_HISTORY_FILE), "{\"line number\": 499}\n"));
	history_writer_clear(&writer);
}

static void test_a_batch_is_not_larger_than_a_file(void **state)
{
	size_t taken = 0;

	(void)state;
	start_writer(100);
	while (history_writer_take(&writer, "123456789", 9, false, NOW))
		taken++;
	assert_int_equal(taken, 5);
	flush();
	assert_int_equal(size_of(OBIT_HISTORY_FILE), 50);
	history_writer_clear(&writer);
}

static void test_a_smaller_size_drops_what_is_too_much(void **state)
{
	char text[400];

	(void)state;
	memset(text, 'x', sizeof(text) - 2);
	strcpy(text + sizeof(text) - 2, "\n");
	assert_int_equal(mkdir(dir, 0750), 0);
	put(OBIT_HISTORY_FILE, text);
	put(OBIT_HISTORY_OLDER_FILE, text);
	start_writer(1000);
	take("a");
	flush();
	assert_int_equal(size_of(OBIT_HISTORY_FILE), 401);
	history_writer_set_size(&writer, 100, NOW);
	take("b");
	flush();
	assert_string_equal(content(OBIT_HISTORY_FILE), "b\n");
	assert_int_equal(access(path_of(OBIT_HISTORY_OLDER_FILE), F_OK), -1);
	history_writer_clear(&writer);
}

/* The process of a killed daemon is still at it, and makes the file the older one while this one is about to. */
static int openings;
static int rotate_behind_its_back(int directory, const char *name, int flags, mode_t mode)
{
	int fd = real_sys_openat(directory, name, flags, mode);

	if (!openings++) {
		assert_int_equal(
			renameat(directory, OBIT_HISTORY_FILE, directory, OBIT_HISTORY_OLDER_FILE),
			0);
		put(OBIT_HISTORY_FILE, "theirs\n");
	}
	return fd;
}

static void test_two_writers_do_not_replace_the_full_file(void **state)
{
	(void)state;
	assert_int_equal(mkdir(dir, 0750), 0);
	put(OBIT_HISTORY_FILE, "full full full full full full full full full\n");
	fake_sys.openat = rotate_behind_its_back;
	openings = 0;
	start_writer(100);
	take("ours, which is too long for the file");
	flush();
	assert_string_equal(content(OBIT_HISTORY_OLDER_FILE),
			    "full full full full full full full full full\n");
	assert_string_equal(content(OBIT_HISTORY_FILE),
			    "theirs\nours, which is too long for the file\n");
	history_writer_clear(&writer);
}

/* ---- reading ---- */

static bool join(void *arg, const char *line, size_t length)
{
	char *text = arg;

	sprintf(text + strlen(text), "%.*s ", (int)length, line);
	return true;
}

static void test_the_newest_part_is_loaded(void **state)
{
	static const struct {
		uint64_t most;
		const char *expected;
	} cases[] = {
		{100, "a1 a2 b1 b2 "},
		{12, "a1 a2 b1 b2 "},
		{11, "a2 b1 b2 "},
		{9, "a2 b1 b2 "},
		{8, "b1 b2 "},
		{6, "b1 b2 "},
		{5, "b2 "},
		{3, "b2 "},
		{2, ""},
	};

	(void)state;
	assert_int_equal(mkdir(dir, 0750), 0);
	put(OBIT_HISTORY_OLDER_FILE, "a1\na2\n");
	put(OBIT_HISTORY_FILE, "b1\nb2\n");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[64] = "";

		assert_int_equal(history_load(dir, cases[i].most, join, text), 0);
		assert_string_equal(text, cases[i].expected);
	}
}

static void test_no_history_is_nothing_to_load(void **state)
{
	char text[64] = "";

	(void)state;
	assert_int_equal(history_load(dir, SIZE, join, text), 0);
	assert_int_equal(mkdir(dir, 0750), 0);
	assert_int_equal(history_load(dir, SIZE, join, text), 0);
	put(OBIT_HISTORY_FILE, "");
	assert_int_equal(history_load(dir, SIZE, join, text), 0);
	assert_string_equal(text, "");
}

/* ---- with a process of its own ---- */

static struct loop *loop;
static struct history *history;
static unsigned changes;

static void on_change(void *arg)
{
	(void)arg;
	changes++;
}

static void start_history(void)
{
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(history_new(dir, on_change, NULL, &history), 0);
	assert_int_equal(history_pid(history), 0);
	assert_int_equal(history_start(history), 0);
	assert_true(history_pid(history) > 0);
	assert_int_equal(history_attach(history, loop), 0);
}

static void end_history(void)
{
	pid_t pid = history_pid(history);

	history_stop(history);
	if (pid)
		assert_int_equal(kill(pid, 0), -1);
	history_free(history);
	loop_free(loop);
}

static uint64_t add(const char *line, bool urgent)
{
	return history_add(history, line, strlen(line), urgent);
}

static void await_written(uint64_t count)
{
	while (history_state(history)->written < count)
		assert_int_equal(loop_turn(loop, NULL, NULL), 0);
}

static void test_an_urgent_line_is_written_with_those_before(void **state)
{
	uint64_t first, second;

	(void)state;
	start_history();
	assert_int_equal(access(dir, F_OK), -1); /* nothing is touched without a size */
	assert_int_equal(history_set_size(history, SIZE), 0);
	first = add("a", false);
	assert_false(history_has(history, first));
	assert_true(history_state(history)->waiting > 0);
	second = add("b", true);
	assert_true(second > first);
	await_written(2);
	assert_true(history_has(history, first) && history_has(history, second));
	assert_false(history_has(history, HISTORY_LOST));
	assert_int_equal(history_state(history)->waiting, 0);
	assert_string_equal(content(OBIT_HISTORY_FILE), "a\nb\n");
	assert_true(changes > 0);
	end_history();
}

static void test_the_end_writes_what_waits(void **state)
{
	(void)state;
	start_history();
	assert_int_equal(history_set_size(history, SIZE), 0);
	add("a", false);
	add("b", false);
	history_stop(history);
	assert_int_equal(history_state(history)->written, 2);
	assert_int_equal(history_state(history)->lost, 0);
	assert_string_equal(content(OBIT_HISTORY_FILE), "a\nb\n");
	end_history();
}

static void reap(pid_t pid)
{
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_a_process_that_dies_loses_nothing(void **state)
{
	pid_t pid;
	uint64_t last;

	(void)state;
	start_history();
	assert_int_equal(history_set_size(history, SIZE), 0);
	add("a", true);
	await_written(1);
	add("b", false);
	add("c", false);
	pid = history_pid(history);
	assert_int_equal(kill(pid, SIGKILL), 0);
	/* the loop hears of its end once, and is quiet then */
	assert_int_equal(loop_turn(loop, NULL, NULL), 0);
	reap(pid);
	last = add("d", true);
	assert_int_equal(history_start(history), 0);
	assert_int_not_equal(history_pid(history), pid);
	await_written(4);
	assert_true(history_has(history, last));
	assert_string_equal(content(OBIT_HISTORY_FILE), "a\nb\nc\nd\n");
	assert_int_equal(history_state(history)->lost, 0);
	end_history();
}

/* Whether it waits for something. */
static bool is_asleep(pid_t pid)
{
	char path[64], state = 0;
	_cleanup_file_ FILE *file = NULL;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	return file && fscanf(file, "%*d (%*[^)]) %c", &state) == 1 && state == 'S';
}

static void test_what_a_dead_process_has_said_is_heard(void **state)
{
	pid_t pid;

	(void)state;
	start_history();
	assert_int_equal(history_set_size(history, SIZE), 0);
	add("a", true);
	pid = history_pid(history);
	while (strcmp(content(OBIT_HISTORY_FILE), "a\n") != 0 || !is_asleep(pid))
		;
	assert_int_equal(kill(pid, SIGKILL), 0);
	reap(pid);
	assert_int_equal(history_state(history)->written, 0);
	assert_int_equal(history_start(history), 0);
	assert_int_equal(history_state(history)->written, 1);
	history_stop(history);
	assert_string_equal(content(OBIT_HISTORY_FILE), "a\n"); /* not written twice */
	end_history();
}

/* One that hangs, as if its disk did. */
static void test_the_queue_has_a_limit(void **state)
{
	static char line[10001];
	uint64_t number = 0, added = 0, lost;

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	start_history();
	assert_int_equal(history_set_size(history, SIZE * 100), 0);
	assert_int_equal(kill(history_pid(history), SIGSTOP), 0);
	while ((number = add(line, false)) != HISTORY_LOST)
		added++;
	assert_in_range(added, (HISTORY_QUEUE_MAX / 10002) - 1, HISTORY_QUEUE_MAX / 10002);
	assert_int_equal(history_state(history)->lost, 1);
	add(line, false);
	lost = history_state(history)->lost;
	assert_int_equal(lost, 2);
	assert_int_equal(kill(history_pid(history), SIGCONT), 0);
	add("end", true);
	await_written(added);
	assert_int_not_equal(add("again", true), HISTORY_LOST);
	end_history();
	assert_int_equal(size_of(OBIT_HISTORY_FILE) / 10001, added);
}

static void test_lines_that_cannot_be_kept_are_refused(void **state)
{
	static char line[OBIT_HISTORY_LINE_MAX + 1];

	(void)state;
	start_history();
	assert_int_equal(add("a", false), HISTORY_LOST);
	assert_int_equal(history_state(history)->lost, 0); /* nobody wanted it */
	assert_int_equal(history_set_size(history, SIZE), 0);
	assert_int_equal(history_add(history, line, sizeof(line), false), HISTORY_LOST);
	assert_int_equal(history_set_size(history, 100), 0);
	assert_int_equal(history_add(history, line, 50, false), HISTORY_LOST);
	assert_int_not_equal(history_add(history, "xxxxxxxxx", 9, false), HISTORY_LOST);
	assert_int_equal(history_state(history)->lost, 2);
	end_history();
}

static void test_the_size_can_change(void **state)
{
	(void)state;
	start_history();
	assert_int_equal(history_set_size(history, SIZE), 0);
	add("a", false);
	assert_int_equal(history_set_size(history, 0), 0);
	assert_int_equal(history_pid(history), 0);
	assert_int_equal(add("b", true), HISTORY_LOST);
	assert_true(wait(NULL) > 0); /* it has written what it had */
	assert_string_equal(content(OBIT_HISTORY_FILE), "a\n");
	assert_int_equal(history_set_size(history, 64), 0);
	assert_true(history_pid(history) > 0);
	for (int i = 0; i < 20; i++)
		add("0123456789", false);
	assert_int_equal(history_set_size(history, 44), 0);
	add("c", true);
	await_written(22);
	assert_string_equal(content(OBIT_HISTORY_FILE), "c\n");
	assert_true(size_of(OBIT_HISTORY_OLDER_FILE) <= 42);
	end_history();
}

static bool has_error(const char *sentence)
{
	return strstr(history_state(history)->error, sentence) != NULL;
}

static void test_trouble_is_told_and_ends(void **state)
{
	(void)state;
	assert_int_equal(mkdir(dir, 0777), 0);
	assert_int_equal(chmod(dir, 0777), 0);
	start_history();
	assert_int_equal(history_set_size(history, SIZE), 0);
	while (!has_error("others than root"))
		assert_int_equal(loop_turn(loop, NULL, NULL), 0);
	add("a", true);
	assert_int_equal(history_state(history)->written, 0);
	assert_int_equal(chmod(dir, 0755), 0);
	add("b", true); /* does not wait until the next try is due */
	await_written(2);
	assert_string_equal(history_state(history)->error, "");
	assert_string_equal(content(OBIT_HISTORY_FILE), "a\nb\n");
	end_history();
}

static void test_what_cannot_be_written_at_the_end_is_lost(void **state)
{
	(void)state;
	start_history();
	assert_int_equal(history_set_size(history, SIZE), 0);
	add("a", true);
	await_written(1);
	assert_int_equal(chmod(dir, 0777), 0);
	add("b", false);
	add("c", false);
	history_stop(history);
	assert_true(has_error("others than root"));
	assert_int_equal(history_state(history)->lost, 2);
	assert_string_equal(content(OBIT_HISTORY_FILE), "a\n");
	end_history();
}

/* More than a batch waits in the process, and more than that in front of it. */
static void test_what_piled_up_is_written_at_the_end(void **state)
{
	static char line[1001];
	uint64_t began;

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	assert_int_equal(mkdir(dir, 0777), 0);
	assert_int_equal(chmod(dir, 0777), 0);
	start_history();
	assert_int_equal(history_set_size(history, SIZE), 0);
	for (int i = 0; i < 100; i++)
		assert_int_not_equal(add(line, false), HISTORY_LOST);
	while (!has_error("others than root"))
		assert_int_equal(loop_turn(loop, NULL, NULL), 0);
	while (!is_asleep(history_pid(history)))
		;
	assert_int_equal(history_state(history)->written, 0);
	assert_int_equal(chmod(dir, 0755), 0);
	began = clock_running_ns();
	history_stop(history);
	/* it did not need to be left behind */
	assert_true(clock_running_ns() - began < 2 * NS_PER_SEC);
	assert_int_equal(history_state(history)->written, 100);
	assert_int_equal(history_state(history)->lost, 0);
	assert_int_equal(size_of(OBIT_HISTORY_FILE), 100 * 1001);
	end_history();
}

/* It holds nothing of whoever started it. */
static void test_the_process_has_no_descriptors_of_its_parent(void **state)
{
	_cleanup_close_ int extra = open("/dev/null",
					 O_RDONLY); /* not even those without O_CLOEXEC */
	_cleanup_dir_ DIR *fds = NULL;
	struct dirent *entry;
	unsigned count = 0;
	char path[64];

	assert_true(extra >= 0);
	(void)state;
	start_history();
	assert_int_equal(history_set_size(history, SIZE), 0);
	add("a", true);
	await_written(1);
	snprintf(path, sizeof(path), "/proc/%d/fd", history_pid(history));
	fds = opendir(path);
	assert_non_null(fds);
	while ((entry = readdir(fds)))
		count += entry->d_name[0] != '.';
	assert_int_equal(count, 4); /* /dev/null three times, and the socket */
	end_history();
}

#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DIR(test_lines_wait_for_each_other),
		WITH_DIR(test_an_urgent_line_does_not_wait_and_is_synced),
		WITH_DIR(test_a_batch_is_one_write),
		WITH_DIR(test_a_line_longer_than_a_batch_goes_alone),
		WITH_DIR(test_the_directory_and_the_file_are_made),
		WITH_DIR(test_what_is_made_is_given_to_the_readers),
		WITH_DIR(test_nothing_is_open_between_two_batches),
		WITH_DIR(test_a_torn_line_is_ended_first),
		WITH_DIR(test_a_full_disk_cuts_a_line_and_loses_nothing),
		WITH_DIR(test_a_short_write_is_gone_on_with),
		WITH_DIR(test_wherever_the_disk_is_full_each_line_is_whole_in_the_end),
		WITH_DIR(test_a_full_batch_that_cannot_be_written_takes_no_more),
		WITH_DIR(test_each_failure_is_a_sentence_and_keeps_the_lines),
		WITH_DIR(test_a_directory_that_others_can_change_is_refused),
		WITH_DIR(test_no_link_and_no_other_kind_of_file_is_written_to),
		WITH_DIR(test_parents_are_not_made),
		WITH_DIR(test_a_look_at_the_directory_writes_nothing),
		WITH_DIR(test_both_files_stay_within_the_size),
		WITH_DIR(test_a_batch_is_not_larger_than_a_file),
		WITH_DIR(test_a_smaller_size_drops_what_is_too_much),
		WITH_DIR(test_two_writers_do_not_replace_the_full_file),
		WITH_DIR(test_the_newest_part_is_loaded),
		WITH_DIR(test_no_history_is_nothing_to_load),
		WITH_DIR(test_an_urgent_line_is_written_with_those_before),
		WITH_DIR(test_the_end_writes_what_waits),
		WITH_DIR(test_a_process_that_dies_loses_nothing),
		WITH_DIR(test_what_a_dead_process_has_said_is_heard),
		WITH_DIR(test_the_queue_has_a_limit),
		WITH_DIR(test_lines_that_cannot_be_kept_are_refused),
		WITH_DIR(test_the_size_can_change),
		WITH_DIR(test_trouble_is_told_and_ends),
		WITH_DIR(test_what_cannot_be_written_at_the_end_is_lost),
		WITH_DIR(test_what_piled_up_is_written_at_the_end),
		WITH_DIR(test_the_process_has_no_descriptors_of_its_parent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
