// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "io/loop.h"
#include "io/notify.h"
#include "io/sys.h"

#define PER_TURN 32
#define ENOUGH	 100000 /* nobody stops it any more */

struct fake_sys fake_sys;

/* A service that sends the next datagram as soon as the last one is read, so that there is always one. */
struct flood {
	struct loop *loop;
	struct notify_server *server;
	struct loop_timer *timer;
	char directory[64];
	int fd;
	unsigned heard, expiries;
};

static void send_one(struct flood *flood)
{
	assert_int_equal(send(flood->fd, "STATUS=x", 8, MSG_DONTWAIT), 8);
}

static void send_again(void *arg, pid_t sender, const char *data, size_t size)
{
	struct flood *flood = arg;

	assert_int_equal(sender, getpid());
	assert_int_equal(size, 8);
	assert_memory_equal(data, "STATUS=x", 8);
	if (++flood->heard < ENOUGH)
		send_one(flood);
}

static void expire(void *arg)
{
	struct flood *flood = arg;

	flood->expiries++;
	loop_timer_set(flood->timer, 1);
}

static int begin(void **state)
{
	struct flood *flood = calloc(1, sizeof(*flood));
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char error[NOTIFY_ERROR_SIZE];
	const char *path;

	assert_non_null(flood);
	snprintf(flood->directory, sizeof(flood->directory), "/tmp/obit-notify.XXXXXX");
	assert_non_null(mkdtemp(flood->directory));
	assert_int_equal(loop_new(&flood->loop), 0);
	assert_int_equal(
		notify_open(flood->loop, flood->directory, send_again, flood, &flood->server), 0);
	path = notify_path(flood->server, getuid(), error);
	assert_non_null(path);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	flood->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(flood->fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(loop_timer_new(flood->loop, expire, flood, &flood->timer), 0);
	loop_timer_set(flood->timer, 1);
	send_one(flood);
	*state = flood;
	return 0;
}

static int end(void **state)
{
	struct flood *flood = *state;

	close(flood->fd);
	notify_close(flood->server);
	loop_timer_free(flood->timer);
	loop_free(flood->loop);
	free(flood);
	return 0;
}

static void hears_so_many_in_a_turn_and_no_more(void **state)
{
	struct flood *flood = *state;

	for (unsigned turn = 1; turn <= 20; turn++) {
		assert_int_equal(loop_turn(flood->loop, NULL, NULL), 0);
		assert_int_equal(flood->heard, turn * PER_TURN);
		assert_int_equal(notify_counters(flood->server)->received, turn * PER_TURN);
		assert_int_equal(flood->expiries, turn); /* what feeds the watchdog is one, too */
	}
}

static void drains_no_longer_than_a_queue_is(void **state)
{
	struct flood *flood = *state;

	notify_drain(flood->server);
	assert_int_equal(flood->heard, 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(hears_so_many_in_a_turn_and_no_more, begin, end),
		cmocka_unit_test_setup_teardown(drains_no_longer_than_a_queue_is, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
