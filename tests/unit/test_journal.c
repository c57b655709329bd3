// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>

#include "base/cleanup.h"
#include "io/journal.h"
#include "io/sys.h"

struct fake_sys fake_sys;

static struct journal *journal;
static char dir[64], journald_path[128], syslog_path[128];
static int journald = -1, syslogd = -1;
static char received[1 << 20]; /* terminated */
static ssize_t length;

/* ---- those who listen ---- */

static int listen_on(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void go_away(int *fd)
{
	close(*fd);
	*fd = -1;
}

/* The next datagram, or -1. */
static ssize_t hear(int fd)
{
	length = recv(fd, received, sizeof(received) - 1, 0);
	received[length < 0 ? 0 : length] = '\0';
	return length;
}

static int send_message(const char *message)
{
	return journal_send(journal, LOG_NOTICE, message, NULL, 0);
}

/* What the journal adds to the fields that it is given. */
static void assert_hears_entry(const char *message, const char *fields, size_t size)
{
	char expected[65536];
	int n = snprintf(expected, sizeof(expected),
			 "MESSAGE=%s\nPRIORITY=5\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=obitd\n"
			 "SYSLOG_PID=%d\n",
			 message, getpid());

	memcpy(expected + n, fields, size);
	assert_int_equal(hear(journald), (size_t)n + size);
	assert_memory_equal(received, expected, (size_t)n + size);
}

/* ---- fixture ---- */

static int set_up(void **state)
{
	(void)state;
	fake_sys = (struct fake_sys){0};
	strcpy(dir, "/tmp/obit-test-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(journald_path, sizeof(journald_path), "%s/journald", dir);
	snprintf(syslog_path, sizeof(syslog_path), "%s/log", dir);
	return journal_open(&(struct journal_options){.identifier = "obitd",
						      .socket = journald_path,
						      .syslog = syslog_path},
			    &journal);
}

static int tear_down(void **state)
{
	(void)state;
	journal_close(TAKE_PTR(journal));
	close_fdp(&journald);
	close_fdp(&syslogd);
	journald = syslogd = -1;
	unlink(journald_path);
	unlink(syslog_path);
	return rmdir(dir);
}

/* ---- tests ---- */

static void journald_gets_fields(void **state)
{
	static const struct journal_field fields[] = {
		{"OBIT_WATCH", "web"},
		{"OBIT_EMPTY", ""},
		{"OBIT_LINES", "one\ntwo\n"},
		{"OBIT_2_UTF", "\303\266=\x1b"},
	};
	static const char expected[] = "OBIT_WATCH=web\nOBIT_EMPTY=\n"
				       "OBIT_LINES\n\x08\0\0\0\0\0\0\0one\ntwo\n\n"
				       "OBIT_2_UTF=\303\266=\x1b\n";

	(void)state;
	journald = listen_on(journald_path);
	syslogd = listen_on(syslog_path);
	assert_int_equal(
		journal_send(journal, LOG_NOTICE, "web: pid 1", fields, ARRAY_SIZE(fields)),
		JOURNAL_JOURNALD);
	assert_hears_entry("web: pid 1", expected, sizeof(expected) - 1);
	assert_int_equal(hear(journald), -1);
	assert_int_equal(hear(syslogd), -1);
}

static void a_field_cannot_pose_as_another(void **state)
{
	static const struct journal_field fields[] = {
		{"OBIT=X", "1"},
		{"OBIT\nX", "1"},
		{"_PID", "1"},
		{"", "1"},
		{"obit", "1"},
		{"1OBIT", "1"},
		{"GOOD", "1"},
		{"NULL", NULL},
		{"A23456789_123456789_123456789_123456789_"
		 "123456789_123456789_12345",
		 "1"},
	};

	(void)state;
	journald = listen_on(journald_path);
	assert_int_equal(journal_send(journal, LOG_NOTICE, "m", fields, ARRAY_SIZE(fields)),
			 JOURNAL_JOURNALD);
	assert_hears_entry("m", "GOOD=1\n", 7);
}

static void fields_have_a_limit(void **state)
{
	struct journal_field fields[JOURNAL_MAX_FIELDS + 10];
	size_t lines = 0;

	(void)state;
	journald = listen_on(journald_path);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		fields[i] = (struct journal_field){"F", "x"};
	assert_int_equal(journal_send(journal, LOG_NOTICE, "m", fields, ARRAY_SIZE(fields)),
			 JOURNAL_JOURNALD);
	hear(journald);
	for (const char *p = received; (p = strstr(p, "\nF=x")); p++)
		lines++;
	assert_int_equal(lines, JOURNAL_MAX_FIELDS);
}

static void syslog_gets_a_line(void **state)
{
	static const struct journal_field field = {"OBIT_WATCH", "web"};
	char expected[256];
	time_t before = time(NULL), now = before - 1;

	(void)state;
	syslogd = listen_on(syslog_path);
	assert_int_equal(journal_send(journal, LOG_WARNING, "web: pid 1 exited\n3\xff", &field, 1),
			 JOURNAL_SYSLOG);
	hear(syslogd);
	/* The second may have ended in between. */
	do {
		char when[32];

		strftime(when, sizeof(when), "%b %e %H:%M:%S", localtime(&now));
		snprintf(expected, sizeof(expected),
			 "<28>%s obitd[%d]: web: pid 1 exited\\x0a3\\xff", when, getpid());
	} while (strcmp(received, expected) != 0 && now++ < before + 60);
	assert_string_equal(received, expected);
}

static void a_long_line_is_cut(void **state)
{
	static char text[3 * JOURNAL_MAX_LINE];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	syslogd = listen_on(syslog_path);
	assert_int_equal(send_message(text), JOURNAL_SYSLOG);
	assert_int_equal(hear(syslogd), JOURNAL_MAX_LINE - 1);
}

static void without_a_log_nothing_is_lost(void **state)
{
	(void)state;
	assert_int_equal(send_message("one"), JOURNAL_NOBODY);
	assert_int_equal(send_message("two"), JOURNAL_NOBODY);
	syslogd = listen_on(syslog_path);
	assert_int_equal(send_message("three"), JOURNAL_SYSLOG);
	go_away(&syslogd);
	assert_int_equal(send_message("four"), -ECONNREFUSED);
	unlink(syslog_path);
	assert_int_equal(send_message("five"), -ENOENT);
}

static void a_receiver_that_comes_back_is_found(void **state)
{
	(void)state;
	journald = listen_on(journald_path);
	assert_int_equal(send_message("one"), JOURNAL_JOURNALD);
	/* Killed: its socket stays behind. */
	go_away(&journald);
	assert_int_equal(send_message("two"), -ECONNREFUSED);
	syslogd = listen_on(syslog_path);
	assert_int_equal(send_message("three"), JOURNAL_SYSLOG);
	unlink(journald_path);
	assert_int_equal(send_message("four"), JOURNAL_SYSLOG);
	journald = listen_on(journald_path);
	assert_int_equal(send_message("five"), JOURNAL_JOURNALD);
	assert_hears_entry("five", "", 0);
	assert_int_equal(hear(journald), -1);
	hear(syslogd);
	assert_non_null(strstr(received, ": three"));
	hear(syslogd);
	assert_non_null(strstr(received, ": four"));
}

static void a_receiver_that_does_not_read_blocks_nothing(void **state)
{
	unsigned sent = 0, heard = 0;
	int r;

	(void)state;
	journald = listen_on(journald_path);
	syslogd = listen_on(syslog_path);
	while ((r = send_message("a death")) == JOURNAL_JOURNALD && sent < 1000000)
		sent++;
	assert_int_equal(r, -EAGAIN);
	assert_int_equal(send_message("another"), -EAGAIN);
	assert_int_equal(hear(syslogd), -1); /* what is lost is not told in another place */
	while (hear(journald) >= 0)
		heard++;
	assert_int_equal(heard, sent);
	assert_int_equal(send_message("after"), JOURNAL_JOURNALD);
	assert_hears_entry("after", "", 0);
}

static size_t datagram_limit;
static int attempts;

static ssize_t limited_sendto(int fd, const void *data, size_t size, int flags,
			      const struct sockaddr *address, socklen_t address_length)
{
	attempts++;
	if (size > datagram_limit) {
		errno = EMSGSIZE;
		return -1;
	}
	return real_sys_sendto(fd, data, size, flags, address, address_length);
}

static void a_long_entry_goes_without_its_longest_fields(void **state)
{
	static char longest[1000], longer[900];
	const struct journal_field fields[] = {
		{"FIRST", "1"}, {"LONGEST", longest}, {"SECOND", "2"}, {"LONGER", longer}};

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	memset(longer, 'y', sizeof(longer) - 1);
	journald = listen_on(journald_path);
	fake_sys.sendto = limited_sendto;
	datagram_limit = 500;
	attempts = 0;
	assert_int_equal(journal_send(journal, LOG_NOTICE, "m", fields, ARRAY_SIZE(fields)),
			 JOURNAL_JOURNALD);
	assert_int_equal(attempts, 3);
	assert_hears_entry("m", "FIRST=1\nSECOND=2\n", 17);
	datagram_limit = 10;
	assert_int_equal(journal_send(journal, LOG_NOTICE, "m", fields, ARRAY_SIZE(fields)),
			 -EMSGSIZE);
}

/* More than a socket takes as one datagram here, whatever it takes. */
static void the_kernels_own_limit_is_met(void **state)
{
	static char big[8 << 20];
	const struct journal_field fields[] = {{"OBIT_CMDLINE", big}, {"OBIT_WATCH", "web"}};

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	journald = listen_on(journald_path);
	assert_int_equal(journal_send(journal, LOG_NOTICE, "m", fields, ARRAY_SIZE(fields)),
			 JOURNAL_JOURNALD);
	assert_hears_entry("m", "OBIT_WATCH=web\n", 15);
}

static int failure;

static ssize_t failing_sendto(int fd, const void *data, size_t size, int flags,
			      const struct sockaddr *address, socklen_t address_length)
{
	(void)fd, (void)data, (void)size, (void)address, (void)address_length;
	assert_true(flags & MSG_DONTWAIT);
	assert_true(flags & MSG_NOSIGNAL);
	if (++attempts == 1) {
		errno = EINTR;
		return -1;
	}
	errno = failure;
	return -1;
}

static void failures_are_told(void **state)
{
	static const int failures[] = {ENOBUFS, EAGAIN, EACCES, ENOMEM};

	(void)state;
	fake_sys.sendto = failing_sendto;
	for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
		failure = failures[i];
		attempts = 0;
		assert_int_equal(send_message("m"), -failure);
		assert_int_equal(attempts, 2);
	}
}

static void a_path_that_no_socket_can_have_is_refused(void **state)
{
	struct journal *other = NULL;
	char path[200];

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(journal_open(&(struct journal_options){"obitd", path, "/x"}, &other),
			 -ENAMETOOLONG);
	assert_int_equal(journal_open(&(struct journal_options){"obitd", "/x", path}, &other),
			 -ENAMETOOLONG);
	assert_null(other);
	journal_close(NULL);
}

static void knows_a_stream_of_journald(void **state)
{
	char stream[64];
	struct stat st;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(fstat(fds[1], &st), 0);
	unsetenv("JOURNAL_STREAM");
	assert_false(journal_is_stream(fds[1]));
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	assert_true(journal_is_stream(fds[1]));
	assert_false(journal_is_stream(STDIN_FILENO));
	assert_false(journal_is_stream(-1));
	strcat(stream, "0");
	setenv("JOURNAL_STREAM", stream, 1);
	assert_false(journal_is_stream(fds[1]));
	stream[strlen(stream) - 1] = 'x';
	setenv("JOURNAL_STREAM", stream, 1);
	assert_false(journal_is_stream(fds[1]));
	setenv("JOURNAL_STREAM", "nonsense", 1);
	assert_false(journal_is_stream(fds[1]));
	unsetenv("JOURNAL_STREAM");
	close(fds[0]);
	close(fds[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(journald_gets_fields),
		TEST(a_field_cannot_pose_as_another),
		TEST(fields_have_a_limit),
		TEST(syslog_gets_a_line),
		TEST(a_long_line_is_cut),
		TEST(without_a_log_nothing_is_lost),
		TEST(a_receiver_that_comes_back_is_found),
		TEST(a_receiver_that_does_not_read_blocks_nothing),
		TEST(a_long_entry_goes_without_its_longest_fields),
		TEST(the_kernels_own_limit_is_met),
		TEST(failures_are_told),
		TEST(a_path_that_no_socket_can_have_is_refused),
		TEST(knows_a_stream_of_journald),
	};

	alarm(60); /* nothing here may block */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
