// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Checks of io/probe against servers of this test, which do what servers should not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "io/loop.h"
#include "io/probe.h"
#include "io/sys.h"

#define LONG  (60 * NS_PER_SEC) /* none of the tests takes so long */
#define SHORT (60 * NS_PER_MS)

struct fake_sys fake_sys;

static struct loop *loop;
static struct loop_timer *tick;
static struct probe_client *client;
static struct probe_check *check;
static int server, peer;
static unsigned port;
static char target[64];

static unsigned told;
static enum probe_outcome outcome;
static char words[PROBE_WORDS_SIZE];

static void on_told(void *arg, enum probe_outcome now, const char *why)
{
	assert_ptr_equal(arg, &told);
	told++;
	outcome = now;
	snprintf(words, sizeof(words), "%s", why ? why : "");
}

static void on_tick(void *arg)
{
	(void)arg; /* it ends the turn */
}

static int listen_on(int family, int backlog)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr *address = family == AF_INET ? (struct sockaddr *)&v4
						     : (struct sockaddr *)&v6;
	socklen_t length = family == AF_INET ? sizeof(v4) : sizeof(v6);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, address, length) < 0 || listen(fd, backlog) < 0 ||
	    getsockname(fd, address, &length) < 0)
		return -1;
	port = ntohs(family == AF_INET ? v4.sin_port : v6.sin6_port);
	return fd;
}

static int set_up(void **state)
{
	(void)state;
	told = 0;
	check = NULL;
	peer = -1;
	words[0] = '\0';
	server = listen_on(AF_INET, 16);
	return server < 0 || loop_new(&loop) < 0 ||
	       loop_timer_new(loop, on_tick, NULL, &tick) < 0 ||
	       probe_client_new(loop, &client) < 0;
}

static int tear_down(void **state)
{
	(void)state;
	fake_sys = (struct fake_sys){0};
	close_fdp(&server);
	close_fdp(&peer);
	probe_client_free(client);
	loop_timer_free(tick);
	loop_free(loop);
	return 0;
}

/* ---- helpers ---- */

static int start(enum probe_type type, const char *expect, uint64_t timeout_ns)
{
	struct probe_config config = {.type = type, .target = target, .timeout_ns = timeout_ns};
	_cleanup_free_ char *own = expect ? strdup(expect) : NULL;

	config.expect = own;
	return probe_check_start(client, &config, on_told, &told, &check);
}

static void start_tcp(uint64_t timeout_ns)
{
	snprintf(target, sizeof(target), "127.0.0.1:%u", port);
	assert_int_equal(start(PROBE_TCP, NULL, timeout_ns), 0);
}

static void start_http(const char *expect, uint64_t timeout_ns)
{
	snprintf(target, sizeof(target), "http://127.0.0.1:%u/health", port);
	assert_int_equal(start(PROBE_HTTP, expect, timeout_ns), 0);
}

static void turn(void)
{
	loop_timer_set(tick, clock_running_ns() + NS_PER_MS);
	assert_int_equal(loop_turn(loop, NULL, NULL), 0);
}

static void wait_until_told(void)
{
	uint64_t deadline = clock_running_ns() + 10 * NS_PER_SEC;

	while (!told && clock_running_ns() < deadline)
		turn();
	assert_int_equal(told, 1);
}

static void expect_outcome(enum probe_outcome wanted, const char *why)
{
	wait_until_told();
	assert_string_equal(words, why);
	assert_int_equal(outcome, wanted);
}

static void accept_peer(void)
{
	uint64_t deadline = clock_running_ns() + 10 * NS_PER_SEC;

	while (peer < 0 && clock_running_ns() < deadline) {
		turn();
		peer = accept4(server, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	}
	assert_true(peer >= 0);
}

static void say(const char *text)
{
	assert_int_equal(send(peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static unsigned open_descriptors(void)
{
	_cleanup_dir_ DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	return count;
}

/* ---- tcp ---- */

static void a_port_that_is_open_passes(void **state)
{
	(void)state;
	start_tcp(LONG);
	expect_outcome(PROBE_CHECK_PASSED, "");
}

static void so_does_one_of_ipv6(void **state)
{
	(void)state;
	close(server);
	server = listen_on(AF_INET6, 16);
	if (server < 0)
		skip();
	snprintf(target, sizeof(target), "[::1]:%u", port);
	assert_int_equal(start(PROBE_TCP, NULL, LONG), 0);
	expect_outcome(PROBE_CHECK_PASSED, "");
}

static void a_closed_port_fails(void **state)
{
	(void)state;
	close(server);
	server = -1;
	start_tcp(LONG);
	assert_int_equal(told, 0); /* but not from within */
	expect_outcome(PROBE_CHECK_FAILED, "Connection refused");
}

/* Where the queue of connections is full, Linux drops what asks for one. */
static void a_full_queue_takes_too_long(void **state)
{
	int fds[3];

	(void)state;
	close(server);
	server = listen_on(AF_INET, 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		struct sockaddr_in address = {.sin_family = AF_INET,
					      .sin_port = htons((uint16_t)port),
					      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		connect(fds[i], (struct sockaddr *)&address, sizeof(address));
	}
	start_tcp(SHORT);
	expect_outcome(PROBE_CHECK_FAILED, "no connection within 60ms");
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
}

static int connect_to_itself(int fd, const struct sockaddr *address, socklen_t length)
{
	const int yes = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, address, length) < 0)
		return -1;
	return real_sys_connect(fd, address, length);
}

static void a_socket_is_no_server_of_its_own(void **state)
{
	(void)state;
	close(server);
	server = -1;
	fake_sys.connect = connect_to_itself;
	start_tcp(LONG);
	expect_outcome(PROBE_CHECK_FAILED, "Connection refused");
}

/* ---- http ---- */

static void the_request_is_http(void **state)
{
	char request[512], wanted[512];
	ssize_t n = -1;

	(void)state;
	start_http(NULL, LONG);
	accept_peer();
	while (n < 0) {
		turn();
		n = recv(peer, request, sizeof(request) - 1, 0);
	}
	request[n] = '\0';
	snprintf(wanted, sizeof(wanted),
		 "GET /health HTTP/1.0\r\nHost: 127.0.0.1:%u\r\nUser-Agent: obit\r\n"
		 "Accept: */*\r\nConnection: close\r\n\r\n",
		 port);
	assert_string_equal(request, wanted);
	say("HTTP/1.1 200 OK\r\n");
	expect_outcome(PROBE_CHECK_PASSED, "");
}

static void a_status_says_it(void **state)
{
	(void)state;
	start_http(NULL, LONG);
	accept_peer();
	say("HTTP/1.1 503 Service Unavailable\r\n\r\n");
	expect_outcome(PROBE_CHECK_FAILED, "status 503");
}

static void who_never_answers_fails(void **state)
{
	(void)state;
	start_http(NULL, SHORT);
	expect_outcome(PROBE_CHECK_FAILED, "no answer within 60ms");
}

static void who_drips_fails(void **state)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\n";
	uint64_t began = clock_running_ns();

	(void)state;
	start_http(NULL, SHORT);
	accept_peer();
	for (size_t i = 0; i < 12 && !told; i++) {
		send(peer, &answer[i], 1, MSG_NOSIGNAL);
		for (int k = 0; k < 10 && !told; k++)
			turn();
	}
	expect_outcome(PROBE_CHECK_FAILED, "no complete answer within 60ms");
	assert_true(clock_running_ns() - began >= SHORT);
}

static void who_talks_something_else_fails(void **state)
{
	(void)state;
	start_http(NULL, LONG);
	accept_peer();
	say("SSH-2.0-OpenSSH_9.2\r\n");
	expect_outcome(PROBE_CHECK_FAILED, "no HTTP: 'SSH-2.0-OpenSSH_9.2'");
}

static void who_hangs_up_fails(void **state)
{
	(void)state;
	start_http(NULL, LONG);
	accept_peer();
	shutdown(peer, SHUT_WR);
	expect_outcome(PROBE_CHECK_FAILED, "it closes the connection without an answer");
}

static void who_resets_fails(void **state)
{
	const struct linger at_once = {.l_onoff = 1};

	(void)state;
	start_http(NULL, LONG);
	accept_peer();
	for (int i = 0; i < 5; i++)
		turn(); /* the request is there */
	setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(peer);
	peer = -1;
	expect_outcome(PROBE_CHECK_FAILED, "Connection reset by peer");
}

static void an_expected_text_is_looked_for(void **state)
{
	(void)state;
	start_http("all is well", LONG);
	accept_peer();
	say("HTTP/1.1 200 OK\r\n\r\nhere ");
	turn();
	say("all is");
	turn();
	assert_int_equal(told, 0);
	say(" well, and more");
	expect_outcome(PROBE_CHECK_PASSED, "");
}

static void an_expected_text_may_be_missing(void **state)
{
	(void)state;
	start_http("all is well", LONG);
	accept_peer();
	say("HTTP/1.1 200 OK\r\n\r\nsick\n");
	shutdown(peer, SHUT_WR);
	expect_outcome(PROBE_CHECK_FAILED, "'all is well' is not in its answer");
}

static void a_flood_is_cut(void **state)
{
	static const char flood[16384];
	size_t sent = 0;

	(void)state;
	start_http("all is well", LONG);
	accept_peer();
	say("HTTP/1.1 200 OK\r\n\r\n");
	while (!told && sent < ((size_t)64 << 20)) {
		ssize_t n = send(peer, flood, sizeof(flood), MSG_NOSIGNAL);

		sent += n > 0 ? (size_t)n : 0;
		turn();
	}
	expect_outcome(PROBE_CHECK_FAILED, "'all is well' is not in the first 64KiB of its answer");
}

/* ---- this side ---- */

static int no_socket(int family, int type, int protocol)
{
	(void)family;
	(void)type;
	(void)protocol;
	errno = EMFILE;
	return -1;
}

static void without_a_socket_there_is_no_check(void **state)
{
	unsigned before = open_descriptors();

	(void)state;
	fake_sys.socket = no_socket;
	snprintf(target, sizeof(target), "127.0.0.1:%u", port);
	assert_int_equal(start(PROBE_TCP, NULL, LONG), -EMFILE);
	assert_int_equal(told, 0);
	assert_int_equal(open_descriptors(), before);
}

static int no_local_port(int fd, const struct sockaddr *address, socklen_t length)
{
	(void)fd;
	(void)address;
	(void)length;
	errno = EADDRNOTAVAIL;
	return -1;
}

static void a_lack_on_this_side_is_not_the_others_fault(void **state)
{
	(void)state;
	fake_sys.connect = no_local_port;
	start_tcp(LONG);
	expect_outcome(PROBE_CHECK_UNABLE, "Cannot assign requested address");
}

static void a_cancelled_check_tells_nothing(void **state)
{
	unsigned before = open_descriptors();

	(void)state;
	start_http(NULL, SHORT);
	probe_check_cancel(check);
	for (uint64_t end = clock_running_ns() + 2 * SHORT; clock_running_ns() < end;)
		turn();
	assert_int_equal(told, 0);
	assert_int_equal(open_descriptors(), before);
}

static void nothing_is_left_open(void **state)
{
	unsigned before = open_descriptors();

	(void)state;
	start_http(NULL, SHORT);
	assert_int_equal(open_descriptors(), before + 1);
	wait_until_told();
	assert_int_equal(open_descriptors(), before);
}

static void the_socket_is_not_inherited(void **state)
{
	bool found = false;

	(void)state;
	start_http(NULL, LONG);
	for (int fd = 3; fd < 64; fd++) {
		struct sockaddr_in address = {0};
		socklen_t length = sizeof(address);

		if (getpeername(fd, (struct sockaddr *)&address, &length) < 0 ||
		    ntohs(address.sin_port) != port)
			continue;
		found = true;
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	}
	assert_true(found);
}

static unsigned order[3], order_count;

static void on_order(void *arg, enum probe_outcome now, const char *why)
{
	(void)now;
	(void)why;
	order[order_count++] = *(unsigned *)arg;
}

static void each_has_a_time_of_its_own(void **state)
{
	unsigned numbers[] = {0, 1, 2};
	const uint64_t times[] = {3 * SHORT, SHORT, 2 * SHORT};
	struct probe_config config = {.type = PROBE_HTTP, .target = target};

	(void)state;
	order_count = 0;
	snprintf(target, sizeof(target), "http://127.0.0.1:%u", port);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		config.timeout_ns = times[i];
		assert_int_equal(probe_check_start(client, &config, on_order, &numbers[i], &check),
				 0);
	}
	for (uint64_t end = clock_running_ns() + 10 * NS_PER_SEC;
	     order_count < ARRAY_SIZE(order) && clock_running_ns() < end;)
		turn();
	assert_int_equal(order_count, ARRAY_SIZE(order));
	assert_int_equal(order[0], 1);
	assert_int_equal(order[1], 2);
	assert_int_equal(order[2], 0);
}

/* ---- Unix sockets ---- */

static int bind_unix(const char *path, int type)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(path);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, length);
	if (*path == '@')
		address.sun_path[0] = '\0';
	length += offsetof(struct sockaddr_un, sun_path) + (*path != '@');
	assert_int_equal(bind(fd, (struct sockaddr *)&address, (socklen_t)length), 0);
	if (type != SOCK_DGRAM)
		assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static int connect_unix(const char *path)
{
	const char *const argv[] = {path, NULL};

	return probe_connect_unix(argv);
}

static void unix_sockets_of_each_type(void **state)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
	char dir[] = "/tmp/obit-probe.XXXXXX", path[64], name[64];
	unsigned before = open_descriptors();

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/sock", dir);
	snprintf(name, sizeof(name), "@%s", dir);
	assert_int_equal(connect_unix(path), ENOENT);
	assert_int_equal(connect_unix(name), ECONNREFUSED);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		int fd = bind_unix(path, types[i]), abstract = bind_unix(name, types[i]);

		assert_int_equal(connect_unix(path), 0);
		assert_int_equal(connect_unix(name), 0);
		close(fd);
		close(abstract);
		assert_int_equal(connect_unix(path), ECONNREFUSED);
		unlink(path);
	}
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(open_descriptors(), before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_port_that_is_open_passes),
		TEST(so_does_one_of_ipv6),
		TEST(a_closed_port_fails),
		TEST(a_full_queue_takes_too_long),
		TEST(a_socket_is_no_server_of_its_own),
		TEST(the_request_is_http),
		TEST(a_status_says_it),
		TEST(who_never_answers_fails),
		TEST(who_drips_fails),
		TEST(who_talks_something_else_fails),
		TEST(who_hangs_up_fails),
		TEST(who_resets_fails),
		TEST(an_expected_text_is_looked_for),
		TEST(an_expected_text_may_be_missing),
		TEST(a_flood_is_cut),
		TEST(without_a_socket_there_is_no_check),
		TEST(a_lack_on_this_side_is_not_the_others_fault),
		TEST(a_cancelled_check_tells_nothing),
		TEST(nothing_is_left_open),
		TEST(the_socket_is_not_inherited),
		TEST(each_has_a_time_of_its_own),
		TEST(unix_sockets_of_each_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
