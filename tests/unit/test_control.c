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
#include <sys/un.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/protocol.h"
#include "io/control.h"
#include "io/loop.h"
#include "io/sys.h"

#define SHORT_DEADLINE (50 * NS_PER_MS)
#define BIG	       (900 * 1024)
#define FLOOD	       300000

struct fake_sys fake_sys;

static struct loop *loop;
static struct control_server *server;
#define LONG (3 * CONTROL_MAX_OUTPUT) /* of an answer, longer than other output may be */

static char dir[64], path[128];

/* Who the next connections are; by default root. */
static struct ucred peer_cred;
static gid_t peer_groups[2];
static size_t peer_group_count;
static gid_t obit_group;
static bool obit_group_exists;

static int settimes;
static uint64_t armed_ns; /* what the timer was last set to; 0: disarmed */

/* ---- fakes ---- */

static int fake_getsockopt(int fd, int level, int name, void *value, socklen_t *length)
{
	size_t need = peer_group_count * sizeof(gid_t);

	if (name == SO_PEERCRED) {
		memcpy(value, &peer_cred, sizeof(peer_cred));
		return 0;
	}
	if (name != SO_PEERGROUPS)
		return real_sys_getsockopt(fd, level, name, value, length);
	if (*length < need) {
		*length = (socklen_t)need;
		errno = ERANGE;
		return -1;
	}
	if (value)
		memcpy(value, peer_groups, need);
	return 0;
}

static int failing_getsockopt(int fd, int level, int name, void *value, socklen_t *length)
{
	(void)fd, (void)level, (void)name, (void)value, (void)length;
	errno = ENODATA;
	return -1;
}

static int fake_group_id(const char *name, gid_t *ret)
{
	assert_string_equal(name, "obit");
	errno = ENOENT;
	if (!obit_group_exists)
		return -1;
	*ret = obit_group;
	return 0;
}

static int noting_settime(int fd, int flags, const struct itimerspec *value)
{
	settimes++;
	armed_ns = (uint64_t)value->it_value.tv_sec * NS_PER_SEC +
		   (uint64_t)value->it_value.tv_nsec;
	return real_sys_timerfd_settime(fd, flags, value);
}

static bool is_armed(void)
{
	return armed_ns > clock_running_ns();
}

static int accepts_tried;

static int no_descriptors(int fd, int flags)
{
	(void)fd, (void)flags;
	accepts_tried++;
	errno = EMFILE;
	return -1;
}

/* ---- the daemon's side ---- */

static struct json_object *big_string(size_t size)
{
	char *text = malloc(size);
	struct json_object *object;

	memset(text, 'x', size);
	object = json_object_new_string_len(text, (int)size);
	free(text);
	return object;
}

static void publish_number(enum control_topic topic, int n)
{
	struct json_object *object = json_object_new_int(n);

	control_publish(server, topic, object);
	json_object_put(object);
}

static void handler(void *arg, struct control_client *client, const char *command,
		    struct json_object *request, bool may_act)
{
	assert_ptr_equal(arg, &server);
	if (strcmp(command, "echo") == 0)
		control_reply(client, json_object_get(json_object_object_get(request, "n")));
	else if (strcmp(command, "may") == 0)
		control_reply(client, json_object_new_boolean(may_act));
	else if (strcmp(command, "fail") == 0)
		control_fail(client, 4, "no watch named %s\n\x1b[31m", "webb");
	else if (strcmp(command, "big") == 0)
		control_reply(client, big_string(BIG));
	else if (strcmp(command, "64k") == 0)
		control_reply(client, big_string(65536));
	else if (strcmp(command, "huge") == 0)
		control_reply(client, big_string(CONTROL_MAX_ANSWER));
	else if (strcmp(command, "long") == 0)
		control_reply(client, big_string(LONG));
	else if (strncmp(command, "tail", 4) == 0) {
		control_reply(client, json_object_new_array());
		control_subscribe(client, command[4] ? CONTROL_ALL : CONTROL_WATCHED);
	} else if (strcmp(command, "publish") == 0) {
		control_reply(client, NULL);
		publish_number(CONTROL_WATCHED, 7);
	} else if (strcmp(command, "flood") == 0) {
		control_reply(client, NULL);
		for (int i = 0; i < FLOOD; i++)
			publish_number(CONTROL_WATCHED, i);
	} else {
		assert_string_equal(command, "silent");
	}
}

static void turn(void)
{
	assert_int_equal(loop_turn(loop, NULL, NULL), 0);
}

/* ---- the client's side ---- */

struct peer {
	int fd;
	char *buf;
	size_t start, end, size;
};

static int connect_peer(struct peer *peer)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	strcpy(address.sun_path, path);
	*peer = (struct peer){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	return connect(peer->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
}

static struct peer connected(void)
{
	struct peer peer;

	assert_int_equal(connect_peer(&peer), 0);
	return peer;
}

static void hang_up(struct peer *peer)
{
	close(peer->fd);
	free(peer->buf);
}

static void say_bytes(const struct peer *peer, const char *data, size_t length)
{
	assert_int_equal(send(peer->fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT), length);
}

static void say(const struct peer *peer, const char *text)
{
	say_bytes(peer, text, strlen(text));
}

/* Takes what is there; returns like recv(2), -1 for nothing yet, 0 for closed in any way. */
static ssize_t take(struct peer *peer)
{
	ssize_t n;

	if (peer->start > 0)
		memmove(peer->buf, peer->buf + peer->start, peer->end - peer->start);
	peer->end -= peer->start;
	peer->start = 0;
	if (peer->size - peer->end < 65536) {
		peer->size += 1024 * 1024;
		peer->buf = realloc(peer->buf, peer->size);
		assert_non_null(peer->buf);
	}
	n = recv(peer->fd, peer->buf + peer->end, peer->size - peer->end, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN ? -1 : 0;
	peer->end += (size_t)n;
	return n;
}

/* The next line without its newline, turning the loop as long as there is none; NULL: closed. */
static char *hear(struct peer *peer)
{
	for (;;) {
		char *newline = peer->end > peer->start ? memchr(peer->buf + peer->start, '\n',
								 peer->end - peer->start)
							: NULL;
		ssize_t n;

		if (newline) {
			char *line = peer->buf + peer->start;

			*newline = '\0';
			peer->start = (size_t)(newline + 1 - peer->buf);
			return line;
		}
		n = take(peer);
		if (n == 0)
			return NULL;
		if (n < 0)
			turn();
	}
}

static void assert_hears(struct peer *peer, const char *expected)
{
	const char *line = hear(peer);

	assert_non_null(line);
	assert_string_equal(line, expected);
}

static void assert_ask(struct peer *peer, const char *request, const char *expected)
{
	say(peer, request);
	assert_hears(peer, expected);
}

/* Whether the line tells of a gap in a stream. */
static bool is_gap(const char *line, uint64_t *ret_missing)
{
	struct json_object *object = json_tokener_parse(line), *dropped, *time;
	bool gap = json_object_object_get_ex(object, "dropped", &dropped);

	if (gap) {
		*ret_missing = json_object_get_uint64(dropped);
		assert_int_equal(json_object_object_length(object), 2);
		assert_true(json_object_object_get_ex(object, "time", &time));
		assert_int_equal(strlen(json_object_get_string(time)),
				 strlen("2026-11-21T10:37:48.123456+00:00"));
	}
	json_object_put(object);
	return gap;
}

static void assert_hears_gap(struct peer *peer, uint64_t expected)
{
	uint64_t missing = 0;
	const char *line = hear(peer);

	assert_non_null(line);
	assert_true(is_gap(line, &missing));
	assert_int_equal(missing, expected);
}

static void subscribe(struct peer *peer, const char *command)
{
	char request[64];

	snprintf(request, sizeof(request), "{\"command\":\"%s\"}\n", command);
	assert_ask(peer, request, "{\"ok\":true,\"data\":[]}");
}

static void assert_closed(struct peer *peer)
{
	assert_null(hear(peer));
}

static const struct control_counters *counters(void)
{
	return control_counters(server);
}

/* ---- fixture ---- */

static void open_server(void)
{
	char error[CONTROL_ERROR_SIZE] = "";

	assert_int_equal(control_open(loop, path, handler, &server, &server, error), 0);
	assert_string_equal(error, "");
}

static int set_up(void **state)
{
	(void)state;
	fake_sys = (struct fake_sys){.getsockopt = fake_getsockopt,
				     .group_id = fake_group_id,
				     .timerfd_settime = noting_settime};
	peer_cred = (struct ucred){.pid = 1, .uid = 0, .gid = 0};
	peer_group_count = 0;
	obit_group = getegid();
	obit_group_exists = false;
	settimes = accepts_tried = 0;
	armed_ns = 0;
	strcpy(dir, "/tmp/obit-test-XXXXXX");
	if (!mkdtemp(dir) || loop_new(&loop) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/run/obit.sock", dir);
	open_server();
	return 0;
}

static int tear_down(void **state)
{
	char run[128];

	(void)state;
	control_close(TAKE_PTR(server));
	loop_free(TAKE_PTR(loop));
	/* Both are empty: nothing was left behind. */
	snprintf(run, sizeof(run), "%s/run", dir);
	return rmdir(run) < 0 || rmdir(dir) < 0 ? -1 : 0;
}

/* ---- tests: requests ---- */

static void answers_requests_in_order(void **state)
{
	struct peer peer = connected();

	(void)state;
	assert_ask(&peer, "{\"command\": \"echo\", \"n\": 1}\n", "{\"ok\":true,\"data\":1}");
	assert_ask(&peer, "{\"command\":\"echo\",\"n\":{\"a\":\"/x\"}}\n",
		   "{\"ok\":true,\"data\":{\"a\":\"/x\"}}");
	say(&peer, "{\"command\":\"echo\",\"n\":2}\n{\"command\":\"fail\"}\n"
		   "{\"command\":\"echo\"}\n");
	assert_hears(&peer, "{\"ok\":true,\"data\":2}");
	assert_hears(&peer, "{\"ok\":false,\"exit\":4,\"error\":\"no watch named webb\\\\x0a"
			    "\\\\x1b[31m\"}");
	assert_hears(&peer, "{\"ok\":true,\"data\":null}");
	assert_ask(&peer, "{\"command\":\"silent\"}\n",
		   "{\"ok\":false,\"exit\":1,\"error\":\"the command \\\"silent\\\" gave no "
		   "answer\"}");
	assert_int_equal(counters()->garbage, 0);
	hang_up(&peer);
}

static void puts_pieces_together(void **state)
{
	const char *request = "{\"command\":\"echo\",\"n\":\"pieces\"}\n";
	struct peer peer = connected();

	(void)state;
	turn();
	for (const char *p = request; *p; p++) {
		say_bytes(&peer, p, 1);
		turn();
	}
	assert_hears(&peer, "{\"ok\":true,\"data\":\"pieces\"}");
	hang_up(&peer);
}

#define BAD(what)                                                                                  \
	"{\"ok\":false,\"exit\":2,\"error\":\"" what                                               \
	"; expected one JSON object with a \\\"command\\\" a line\"}"
#define INVALID	   BAD("this is not valid JSON")
#define NO_COMMAND BAD("the request has no \\\"command\\\" that is a string")

static void answers_garbage_and_goes_on(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
		const char *answer;
	} cases[] = {
#define CASE(text, answer) {text "\n", sizeof(text), answer}
		CASE("", INVALID),
		CASE(" ", INVALID),
		CASE("hello", INVALID),
		CASE("{", INVALID),
		CASE("{\"command\":\"ls\"", INVALID),
		CASE("{\"command\":\"ls\"}}", INVALID),
		CASE("{\"command\":\"ls\"} {}", INVALID),
		CASE("{'command':'ls'}", INVALID),
		CASE("{\"command\":\"l\xff\"}", INVALID),
		CASE("\x7f\x45\x4c\x46\x02\x01\x01\xfe", INVALID),
		CASE("null", BAD("this JSON is not an object")),
		CASE("12", BAD("this JSON is not an object")),
		CASE("\"ls\"", BAD("this JSON is not an object")),
		CASE("[{\"command\":\"ls\"}]", BAD("this JSON is not an object")),
		CASE("{}", NO_COMMAND),
		CASE("{\"Command\":\"ls\"}", NO_COMMAND),
		CASE("{\"command\":null}", NO_COMMAND),
		CASE("{\"command\":7}", NO_COMMAND),
		CASE("{\"command\":[\"ls\"]}", NO_COMMAND),
		CASE("{\"command\":\"l\\u0000s\"}", NO_COMMAND),
		CASE("{\"command\":\"ls\"}\0", BAD("the request has a NUL byte")),
		CASE("\0", BAD("the request has a NUL byte")),
		CASE("{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}",
		     BAD("the JSON is nested too deeply")),
#undef CASE
	};
	struct peer peer = connected();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		say_bytes(&peer, cases[i].bytes, cases[i].length);
		assert_hears(&peer, cases[i].answer);
		assert_int_equal(counters()->garbage, i + 1);
	}
	assert_ask(&peer, "{\"command\":\"echo\",\"n\":1}\n", "{\"ok\":true,\"data\":1}");
	hang_up(&peer);
}

/* Any bytes at all: one answer a line, and the server lives. */
static void survives_random_bytes(void **state)
{
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct peer peer = connected();
		char bytes[2000];
		size_t lines = 1;

		for (size_t i = 0; i < sizeof(bytes) - 1; i++) {
			seed = seed * 1103515245 + 12345;
			bytes[i] = (char)(seed >> 16);
			lines += bytes[i] == '\n';
		}
		bytes[sizeof(bytes) - 1] = '\n';
		say_bytes(&peer, bytes, sizeof(bytes));
		while (lines-- > 0)
			assert_memory_equal(hear(&peer), "{\"ok\":false,\"exit\":2,", 21);
		hang_up(&peer);
	}
}

static void takes_the_longest_request_and_no_longer_one(void **state)
{
	char request[OBIT_MAX_REQUEST + 1];
	struct peer peer = connected();

	(void)state;
	memset(request, ' ', sizeof(request));
	memcpy(request, "{\"command\":\"echo\",\"n\":1", 23);
	request[OBIT_MAX_REQUEST - 2] = '}';
	request[OBIT_MAX_REQUEST - 1] = '\n';
	say_bytes(&peer, request, OBIT_MAX_REQUEST);
	assert_hears(&peer, "{\"ok\":true,\"data\":1}");
	request[OBIT_MAX_REQUEST - 1] = ' ';
	request[OBIT_MAX_REQUEST] = '\n';
	say_bytes(&peer, request, OBIT_MAX_REQUEST + 1);
	assert_hears(&peer, BAD("the request is too long"));
	assert_closed(&peer);
	assert_int_equal(counters()->garbage, 1);
	assert_int_equal(counters()->clients, 0);
	hang_up(&peer);
}

static void stops_an_endless_line(void **state)
{
	static char block[65536];
	struct peer peer = connected();
	size_t sent = 0;

	(void)state;
	memset(block, 'a', sizeof(block));
	while (sent < 64 * 1024 * 1024) {
		ssize_t n = send(peer.fd, block, sizeof(block), MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0)
			sent += (size_t)n;
		else if (errno != EAGAIN)
			break;
		turn();
	}
	assert_true(sent < 1024 * 1024);
	assert_hears(&peer, BAD("the request is too long"));
	assert_closed(&peer);
	hang_up(&peer);
}

static void answers_who_has_said_everything(void **state)
{
	struct peer peer = connected();

	(void)state;
	say(&peer, "{\"command\":\"big\"}\n{\"command\":\"echo\",\"n\":5}\n");
	assert_int_equal(shutdown(peer.fd, SHUT_WR), 0);
	assert_int_equal(strlen(hear(&peer)), BIG + strlen("{\"ok\":true,\"data\":\"\"}"));
	assert_hears(&peer, "{\"ok\":true,\"data\":5}");
	assert_closed(&peer);
	hang_up(&peer);
	peer = connected();
	say(&peer, "{\"command\":\"echo\"}");
	assert_int_equal(shutdown(peer.fd, SHUT_WR), 0);
	assert_hears(&peer, BAD("the request does not end with a newline"));
	assert_closed(&peer);
	hang_up(&peer);
	assert_int_equal(counters()->clients, 0);
}

static void forgets_who_hangs_up(void **state)
{
	struct peer silent = connected(), half = connected(), unread = connected();

	(void)state;
	say(&half, "{\"comm");
	say(&unread, "{\"command\":\"big\"}\n");
	while (counters()->accepted < 3 || !is_armed())
		turn();
	hang_up(&silent);
	hang_up(&half);
	hang_up(&unread);
	while (counters()->clients > 0)
		turn();
	assert_false(is_armed());
}

/* ---- tests: limits ---- */

static void does_not_wake_up_for_idle_clients(void **state)
{
	struct peer peer = connected();

	(void)state;
	assert_ask(&peer, "{\"command\":\"echo\",\"n\":1}\n", "{\"ok\":true,\"data\":1}");
	assert_int_equal(settimes, 0);
	say(&peer, "{\"command\":");
	while (!is_armed())
		turn();
	assert_int_equal(settimes, 1);
	/* What comes in between does not put the deadline off. */
	say(&peer, "\"echo\",");
	turn();
	assert_int_equal(settimes, 1);
	assert_ask(&peer, "\"n\":2}\n", "{\"ok\":true,\"data\":2}");
	assert_false(is_armed());
	hang_up(&peer);
}

static void gives_every_request_its_own_deadline(void **state)
{
	struct peer peer = connected();
	uint64_t first;

	(void)state;
	say(&peer, "{\"command\":");
	while (!is_armed())
		turn();
	first = armed_ns;
	assert_ask(&peer, "\"echo\"}\n{\"comm", "{\"ok\":true,\"data\":null}");
	assert_true(armed_ns > first);
	hang_up(&peer);
}

static void gives_a_reader_time_as_long_as_it_reads(void **state)
{
	struct peer peer = connected();
	uint64_t first;

	(void)state;
	say(&peer, "{\"command\":\"big\"}\n");
	while (!is_armed())
		turn();
	first = armed_ns;
	while (take(&peer) > 0)
		continue;
	turn();
	assert_true(armed_ns > first);
	assert_int_equal(strlen(hear(&peer)), BIG + strlen("{\"ok\":true,\"data\":\"\"}"));
	hang_up(&peer);
}

static void ends_an_unfinished_request(void **state)
{
	struct peer peer = connected(), other = connected();
	uint64_t start = clock_running_ns();

	(void)state;
	control_set_deadline(server, SHORT_DEADLINE);
	say(&peer, "{\"command\":\"ls\"");
	assert_hears(
		&peer,
		"{\"ok\":false,\"exit\":1,\"error\":\"the request was not finished in time\"}");
	assert_closed(&peer);
	assert_true(clock_running_ns() - start >= SHORT_DEADLINE);
	assert_int_equal(counters()->garbage, 1);
	assert_false(is_armed());
	assert_ask(&other, "{\"command\":\"echo\",\"n\":1}\n", "{\"ok\":true,\"data\":1}");
	hang_up(&peer);
	hang_up(&other);
}

static void ends_who_does_not_read(void **state)
{
	struct peer peer = connected(), other = connected();

	(void)state;
	control_set_deadline(server, SHORT_DEADLINE);
	say(&peer, "{\"command\":\"big\"}\n");
	while (counters()->dropped == 0)
		turn();
	assert_false(is_armed());
	assert_int_equal(counters()->clients, 1);
	assert_closed(&peer);
	assert_ask(&other, "{\"command\":\"echo\",\"n\":1}\n", "{\"ok\":true,\"data\":1}");
	hang_up(&peer);
	hang_up(&other);
}

static void refuses_an_answer_that_is_too_big(void **state)
{
	struct peer peer = connected();

	(void)state;
	assert_ask(
		&peer, "{\"command\":\"huge\"}\n",
		"{\"ok\":false,\"exit\":1,\"error\":\"the answer has 15728662 bytes, 15728640 are "
		"the limit: ask for fewer entries\"}");
	assert_int_equal(counters()->dropped, 0);
	hang_up(&peer);
}

static void sends_a_long_answer_whole(void **state)
{
	struct peer peer = connected();

	(void)state;
	for (int i = 0; i < 2; i++) {
		say(&peer, "{\"command\":\"long\"}\n");
		assert_int_equal(strlen(hear(&peer)), LONG + strlen("{\"ok\":true,\"data\":\"\"}"));
	}
	assert_ask(&peer, "{\"command\":\"echo\",\"n\":\"after\"}\n",
		   "{\"ok\":true,\"data\":\"after\"}");
	assert_int_equal(counters()->dropped, 0);
	hang_up(&peer);
}

static void sends_one_long_answer_at_a_time(void **state)
{
	struct peer slow = connected(), other = connected();
	const char *line;

	(void)state;
	say(&slow, "{\"command\":\"long\"}\n");
	while (take(&slow) < 0)
		turn();
	say(&other, "{\"command\":\"long\"}\n");
	line = hear(&other);
	assert_non_null(strstr(line, "another long one is on its way: try again"));
	assert_int_equal(strlen(hear(&slow)), LONG + strlen("{\"ok\":true,\"data\":\"\"}"));
	say(&other, "{\"command\":\"long\"}\n");
	assert_int_equal(strlen(hear(&other)), LONG + strlen("{\"ok\":true,\"data\":\"\"}"));
	hang_up(&slow);
	hang_up(&other);
}

/* 60 answers of 64 KiB are more than a client may leave unread: the requests wait instead. */
static void makes_a_hasty_client_wait(void **state)
{
	struct peer peer = connected();

	(void)state;
	for (int i = 0; i < 60; i++)
		say(&peer, "{\"command\":\"64k\"}\n");
	say(&peer, "{\"command\":\"echo\",\"n\":\"last\"}\n");
	while (!is_armed())
		turn();
	for (int i = 0; i < 60; i++)
		assert_int_equal(strlen(hear(&peer)),
				 65536 + strlen("{\"ok\":true,\"data\":\"\"}"));
	assert_hears(&peer, "{\"ok\":true,\"data\":\"last\"}");
	assert_int_equal(counters()->dropped, 0);
	hang_up(&peer);
}

#define TOO_MANY                                                                                   \
	"{\"ok\":false,\"exit\":1,\"error\":\"too many clients are connected: try again later\"}"

static void limits_the_clients(void **state)
{
	struct peer peers[CONTROL_MAX_CLIENTS], more;

	(void)state;
	for (int i = 0; i < CONTROL_MAX_CLIENTS; i++) {
		peers[i] = connected();
		assert_ask(&peers[i], "{\"command\":\"may\"}\n", "{\"ok\":true,\"data\":true}");
	}
	more = connected();
	assert_hears(&more, TOO_MANY);
	assert_closed(&more);
	hang_up(&more);
	assert_int_equal(counters()->clients, CONTROL_MAX_CLIENTS);
	assert_int_equal(counters()->accepted, CONTROL_MAX_CLIENTS);
	assert_int_equal(counters()->refused, 1);
	hang_up(&peers[17]);
	while (counters()->clients == CONTROL_MAX_CLIENTS)
		turn();
	peers[17] = connected();
	assert_ask(&peers[17], "{\"command\":\"may\"}\n", "{\"ok\":true,\"data\":true}");
	for (int i = 0; i < CONTROL_MAX_CLIENTS; i++)
		hang_up(&peers[i]);
}

/* Members of the group cannot keep root out. */
static void keeps_room_for_root(void **state)
{
	struct peer readers[CONTROL_MAX_READERS], more;

	(void)state;
	control_close(TAKE_PTR(server));
	obit_group_exists = true;
	open_server();
	peer_cred = (struct ucred){.uid = 1000, .gid = obit_group};
	for (int i = 0; i < CONTROL_MAX_READERS; i++) {
		readers[i] = connected();
		assert_ask(&readers[i], "{\"command\":\"may\"}\n", "{\"ok\":true,\"data\":false}");
	}
	more = connected();
	assert_hears(&more, TOO_MANY);
	hang_up(&more);
	peer_cred.uid = 0;
	more = connected();
	assert_ask(&more, "{\"command\":\"may\"}\n", "{\"ok\":true,\"data\":true}");
	hang_up(&more);
	for (int i = 0; i < CONTROL_MAX_READERS; i++)
		hang_up(&readers[i]);
}

static void pauses_without_descriptors(void **state)
{
	struct peer peer = connected();
	uint64_t start = clock_running_ns();

	(void)state;
	fake_sys.accept = no_descriptors;
	turn();
	assert_int_equal(accepts_tried, 1);
	assert_true(armed_ns > start);
	/* The connection still waits, yet nothing happens until the pause is over. */
	turn();
	assert_int_equal(accepts_tried, 1);
	assert_true(clock_running_ns() - start >= NS_PER_SEC);
	fake_sys.accept = NULL;
	assert_ask(&peer, "{\"command\":\"echo\",\"n\":1}\n", "{\"ok\":true,\"data\":1}");
	assert_false(is_armed());
	assert_int_equal(counters()->refused, 1);
	hang_up(&peer);
}

/* ---- tests: who ---- */

static void decides_by_the_kernels_word(void **state)
{
	gid_t other = 0x10000;
	const struct {
		uid_t uid;
		gid_t gid, groups[2];
		size_t count;
		bool group_exists;
		char may; /* a: act, r: read, n: nothing */
	} cases[] = {
		{0, other, {0}, 0, false, 'a'},
		{0, other, {0}, 0, true, 'a'},
		{1000, obit_group, {0}, 0, true, 'r'},
		{1000, other, {other + 1, obit_group}, 2, true, 'r'},
		{1000, other, {other + 1, other + 2}, 2, true, 'n'},
		{1000, other, {0}, 0, true, 'n'},
		{1000, obit_group, {obit_group}, 1, false, 'n'},
		{(uid_t)-1, (gid_t)-1, {0}, 0, false, 'n'},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct peer peer;

		control_close(TAKE_PTR(server));
		obit_group_exists = cases[i].group_exists;
		open_server();
		peer_cred = (struct ucred){.uid = cases[i].uid, .gid = cases[i].gid};
		memcpy(peer_groups, cases[i].groups, sizeof(peer_groups));
		peer_group_count = cases[i].count;
		peer = connected();
		say(&peer, "{\"command\":\"may\"}\n{\"command\":\"may\"}\n");
		if (cases[i].may != 'n') {
			const char *answer = cases[i].may == 'a' ? "{\"ok\":true,\"data\":true}"
								 : "{\"ok\":true,\"data\":false}";
			assert_hears(&peer, answer);
			assert_hears(&peer, answer);
		} else {
			char answer[256];

			snprintf(
				answer, sizeof(answer),
				"{\"ok\":false,\"exit\":1,\"error\":\"permission denied: uid %u is "
				"neither root nor in the group obit\"}",
				cases[i].uid);
			assert_hears(&peer, answer);
			assert_closed(&peer);
			assert_int_equal(counters()->refused, 1);
		}
		hang_up(&peer);
	}
}

static void trusts_nobody_it_cannot_see(void **state)
{
	struct peer peer;

	(void)state;
	fake_sys.getsockopt = failing_getsockopt;
	peer = connected();
	say(&peer, "{\"command\":\"may\"}\n");
	assert_memory_equal(hear(&peer), "{\"ok\":false,\"exit\":1,\"error\":\"permission denied",
			    47);
	assert_closed(&peer);
	hang_up(&peer);
}

static void a_stranger_does_not_linger(void **state)
{
	struct peer peer;

	(void)state;
	control_set_deadline(server, SHORT_DEADLINE);
	peer_cred.uid = 1000;
	peer = connected();
	assert_hears(
		&peer,
		"{\"ok\":false,\"exit\":1,\"error\":\"the request was not finished in time\"}");
	assert_closed(&peer);
	hang_up(&peer);
}

static void asks_the_kernel_who_is_there(void **state)
{
	struct peer peer;

	(void)state;
	fake_sys.getsockopt = NULL;
	peer = connected();
	say(&peer, "{\"command\":\"may\"}\n");
	if (geteuid() == 0)
		assert_hears(&peer, "{\"ok\":true,\"data\":true}");
	else
		assert_memory_equal(hear(&peer), "{\"ok\":false", 11);
	hang_up(&peer);
}

/* ---- tests: streams ---- */

static void publishes_to_subscribers_only(void **state)
{
	struct peer one = connected(), two = connected(), other = connected();

	(void)state;
	assert_false(control_has_subscribers(server, CONTROL_WATCHED));
	subscribe(&one, "tail");
	subscribe(&two, "tail");
	assert_true(control_has_subscribers(server, CONTROL_WATCHED));
	publish_number(CONTROL_WATCHED, 1);
	publish_number(CONTROL_WATCHED, 2);
	assert_hears(&one, "1");
	assert_hears(&one, "2");
	assert_hears(&two, "1");
	assert_ask(&other, "{\"command\":\"publish\"}\n", "{\"ok\":true,\"data\":null}");
	assert_hears(&two, "2");
	assert_hears(&two, "7");
	/* A subscriber may go on asking, and half a connection is enough to listen. */
	assert_ask(&two, "{\"command\":\"publish\"}\n", "{\"ok\":true,\"data\":null}");
	assert_hears(&two, "7");
	assert_int_equal(shutdown(two.fd, SHUT_WR), 0);
	turn();
	publish_number(CONTROL_WATCHED, 3);
	assert_hears(&two, "3");
	hang_up(&one);
	hang_up(&two);
	while (control_has_subscribers(server, CONTROL_WATCHED))
		turn();
	assert_int_equal(counters()->clients, 1);
	assert_int_equal(counters()->dropped, 0);
	hang_up(&other);
}

static void tells_topics_apart(void **state)
{
	struct peer watched = connected(), all = connected();

	(void)state;
	subscribe(&watched, "tail");
	assert_true(control_has_subscribers(server, CONTROL_WATCHED));
	assert_false(control_has_subscribers(server, CONTROL_ALL));
	subscribe(&all, "tail all");
	assert_true(control_has_subscribers(server, CONTROL_ALL));
	publish_number(CONTROL_ALL, 1);
	publish_number(CONTROL_WATCHED, 2);
	control_publish_loss(server, CONTROL_ALL, 5);
	control_publish_loss(server, CONTROL_WATCHED, 3);
	control_publish_loss(server, CONTROL_ALL, 0);
	publish_number(CONTROL_WATCHED, 3);
	assert_hears(&watched, "2");
	assert_hears_gap(&watched, 3);
	assert_hears(&watched, "3");
	assert_hears(&all, "1");
	assert_hears(&all, "2");
	assert_hears_gap(&all, 8);
	assert_hears(&all, "3");
	/* The last subscription counts. */
	subscribe(&all, "tail");
	assert_false(control_has_subscribers(server, CONTROL_ALL));
	publish_number(CONTROL_ALL, 4);
	publish_number(CONTROL_WATCHED, 5);
	assert_hears(&all, "5");
	assert_hears(&watched, "5");
	assert_int_equal(counters()->missed, 11);
	hang_up(&watched);
	hang_up(&all);
	while (control_has_subscribers(server, CONTROL_WATCHED))
		turn();
}

static int audiences_began, audiences_ended;

static void note_audience(void *arg, bool audience)
{
	assert_ptr_equal(arg, &audiences_began);
	if (audience)
		audiences_began++;
	else
		audiences_ended++;
}

static void tells_when_all_deaths_are_wanted(void **state)
{
	struct peer watched = connected(), one = connected(), two = connected();

	(void)state;
	audiences_began = audiences_ended = 0;
	control_on_audience(server, note_audience, &audiences_began);
	subscribe(&watched, "tail");
	assert_int_equal(audiences_began, 0);
	subscribe(&one, "tail all");
	assert_int_equal(audiences_began, 1);
	subscribe(&one, "tail all");
	subscribe(&two, "tail all");
	hang_up(&one);
	while (counters()->clients > 2)
		turn();
	assert_int_equal(audiences_began, 1);
	assert_int_equal(audiences_ended, 0);
	hang_up(&two);
	while (counters()->clients > 1)
		turn();
	assert_int_equal(audiences_ended, 1);
	subscribe(&watched, "tail all");
	assert_int_equal(audiences_began, 2);
	subscribe(&watched, "tail");
	assert_int_equal(audiences_ended, 2);
	subscribe(&watched, "tail all");
	control_close(TAKE_PTR(server));
	assert_int_equal(audiences_began, 3);
	assert_int_equal(audiences_ended, 2);
	hang_up(&watched);
}

static void sends_together_what_comes_together(void **state)
{
	struct peer peer = connected();

	(void)state;
	subscribe(&peer, "tail");
	for (int i = 1; i <= 3; i++)
		publish_number(CONTROL_WATCHED, i);
	assert_int_equal(take(&peer), -1);
	turn();
	assert_int_equal(take(&peer), strlen("1\n2\n3\n"));
	/* A server that is closed sends what it has. */
	publish_number(CONTROL_WATCHED, 4);
	control_close(TAKE_PTR(server));
	for (int i = 1; i <= 4; i++)
		assert_hears(&peer, (char[]){(char)('0' + i), '\0'});
	assert_closed(&peer);
	hang_up(&peer);
}

/* Line n of a stream: {"n":n,"x":"xxx..."}. */
static void publish_line(unsigned n, size_t padding)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "n", json_object_new_int((int)n));
	json_object_object_add(object, "x", big_string(padding));
	control_publish(server, CONTROL_ALL, object);
	json_object_put(object);
}

/* What a reader knows of a stream of such lines. */
struct account {
	unsigned lines, missing, gaps;
};

/* Every line must be the one that lines and gaps so far have led up to. */
static void take_account(struct account *account, const char *line)
{
	unsigned n, next = account->lines + account->missing;
	uint64_t gap;

	assert_non_null(line);
	if (is_gap(line, &gap)) {
		assert_true(gap > 0);
		account->missing += (unsigned)gap;
		account->gaps++;
		return;
	}
	assert_int_equal(sscanf(line, "{\"n\":%u,", &n), 1);
	assert_int_equal(n, next);
	account->lines++;
}

static void hear_until(struct peer *peer, struct account *account, unsigned published)
{
	while (account->lines + account->missing < published)
		take_account(account, hear(peer));
	assert_int_equal(account->lines + account->missing, published);
}

/* Bursts and readings of any size: what is delivered and what is told as missing add up, in order. */
static void a_slow_subscriber_is_told_what_it_misses(void **state)
{
	struct peer slow = connected(), fast = connected();
	struct account of_slow = {0}, of_fast = {0};
	unsigned published = 0, seed = 7;

	(void)state;
	subscribe(&slow, "tail all");
	subscribe(&fast, "tail all");
	for (int round = 0; round < 2000; round++) {
		seed = seed * 1103515245 + 12345;
		for (unsigned burst = seed >> 16 & 15; burst > 0; burst--) {
			publish_line(published++, 1000 + (seed >> 20 & 4095));
			if (burst % 4 == 0)
				turn();
		}
		hear_until(&fast, &of_fast, published);
		for (unsigned reads = seed >> 24 & 7; reads > 0 && published > 5000; reads--)
			if (of_slow.lines + of_slow.missing < published)
				take_account(&of_slow, hear(&slow));
	}
	hear_until(&slow, &of_slow, published);
	assert_int_equal(of_fast.missing, 0);
	assert_true(of_slow.gaps > 1);
	assert_int_equal(counters()->missed, of_slow.missing);
	assert_int_equal(counters()->dropped, 0);
	publish_line(published++, 1);
	hear_until(&slow, &of_slow, published);
	hang_up(&slow);
	hang_up(&fast);
}

/* A hundred megabytes nobody reads: no more is kept than is promised, and the gap is told at the end even
 * if nothing follows. */
static void keeps_no_more_than_the_limit(void **state)
{
	struct account account = {0};
	struct peer stuck = connected();
	size_t kept = 0;

	(void)state;
	subscribe(&stuck, "tail all");
	for (unsigned n = 0; n < 25000; n++) {
		publish_line(n, 4096);
		if (n % 100 == 0)
			control_publish_loss(server, CONTROL_ALL, 0);
	}
	assert_false(is_armed()); /* a stream has no deadline */
	while (account.lines + account.missing < 25000) {
		const char *line = hear(&stuck);

		kept += strlen(line) + 1;
		take_account(&account, line);
	}
	assert_int_equal(account.gaps, 1);
	assert_in_range(kept, CONTROL_MAX_OUTPUT, 3 * CONTROL_MAX_OUTPUT);
	hang_up(&stuck);
}

static void a_line_too_long_for_anybody_is_a_gap(void **state)
{
	struct json_object *object = big_string(CONTROL_MAX_OUTPUT);
	struct peer peer = connected();

	(void)state;
	subscribe(&peer, "tail");
	control_publish(server, CONTROL_WATCHED, object);
	assert_hears_gap(&peer, 1);
	publish_number(CONTROL_WATCHED, 1);
	control_publish(server, CONTROL_WATCHED, object);
	publish_number(CONTROL_WATCHED, 2);
	json_object_put(object);
	assert_hears(&peer, "1");
	assert_hears_gap(&peer, 1);
	assert_hears(&peer, "2");
	hang_up(&peer);
}

static void a_slow_subscriber_catches_up(void **state)
{
	struct json_object *object = big_string(65536);
	struct peer slow = connected();

	(void)state;
	subscribe(&slow, "tail");
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 10; i++)
			control_publish(server, CONTROL_WATCHED, object);
		assert_false(is_armed()); /* a stream has no deadline */
		for (int i = 0; i < 10; i++)
			assert_int_equal(strlen(hear(&slow)), 65538);
	}
	json_object_put(object);
	assert_int_equal(counters()->missed, 0);
	hang_up(&slow);
}

/* A client whose own request brings more than it can be kept. */
static void a_subscriber_may_ask_for_a_flood(void **state)
{
	struct peer peer = connected();
	unsigned lines = 0;
	uint64_t gap = 0;

	(void)state;
	subscribe(&peer, "tail");
	say(&peer, "{\"command\":\"flood\"}\n{\"command\":\"echo\"}\n");
	assert_hears(&peer, "{\"ok\":true,\"data\":null}");
	for (const char *line; !is_gap(line = hear(&peer), &gap); lines++)
		assert_int_equal(atoi(line), lines);
	assert_true(lines > 100000);
	assert_int_equal(lines + gap, FLOOD);
	assert_hears(&peer, "{\"ok\":true,\"data\":null}");
	assert_int_equal(counters()->dropped, 0);
	hang_up(&peer);
}

/* ---- tests: the socket ---- */

static void makes_the_socket_for_whom_it_is_meant(void **state)
{
	char run[128], lock[160];
	struct stat st;

	(void)state;
	snprintf(run, sizeof(run), "%s/run", dir);
	snprintf(lock, sizeof(lock), "%s.lock", path);
	assert_int_equal(stat(run, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0755);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0600);
	assert_int_equal(stat(lock, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	control_close(TAKE_PTR(server));
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(stat(lock, &st), -1);
	obit_group_exists = true;
	umask(077);
	open_server();
	assert_int_equal(umask(022), 077);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0660);
	assert_int_equal(st.st_gid, obit_group);
}

static int try_open(const char *where, char *error)
{
	struct control_server *second = NULL;
	int r = control_open(loop, where, handler, &server, &second, error);

	assert_null(second);
	return r;
}

static void tells_what_is_in_the_way(void **state)
{
	char error[CONTROL_ERROR_SIZE], expected[CONTROL_ERROR_SIZE], where[256];
	FILE *file;

	(void)state;
	snprintf(where, sizeof(where), "%s/a-file", dir);
	file = fopen(where, "we");
	fclose(file);
	assert_int_equal(try_open(where, error), -EEXIST);
	snprintf(expected, sizeof(expected),
		 "%s: exists and is not a socket; expected a name that is free", where);
	assert_string_equal(error, expected);
	strcat(where, "/sock");
	assert_int_equal(try_open(where, error), -ENOTDIR);
	assert_non_null(strstr(error, "cannot be opened: Not a directory"));
	snprintf(where, sizeof(where), "%s/a-file", dir);
	assert_int_equal(unlink(where), 0);
	snprintf(where, sizeof(where), "%s/no/such/sock", dir);
	assert_int_equal(try_open(where, error), -ENOENT);
	snprintf(expected, sizeof(expected),
		 "%s/no/such: the directory cannot be made: No such file or directory", dir);
	assert_string_equal(error, expected);
	memset(where, 'x', 200);
	where[200] = '\0';
	assert_int_equal(try_open(where, error), -ENAMETOOLONG);
	assert_non_null(strstr(error, "too long for a socket; expected at most 107 bytes"));
}

/* Runs a server in another process, which lives until it is killed. */
static pid_t fork_server(void)
{
	char error[CONTROL_ERROR_SIZE], ready = 0;
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct loop *own;
		struct control_server *theirs;

		if (loop_new(&own) < 0 ||
		    control_open(own, path, handler, &server, &theirs, error) < 0)
			_exit(1);
		ready = 1;
		if (write(fds[1], &ready, 1) == 1)
			pause();
		_exit(1);
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &ready, 1), 1);
	close(fds[0]);
	return pid;
}

static void two_daemons_do_not_share_a_socket(void **state)
{
	char error[CONTROL_ERROR_SIZE], expected[CONTROL_ERROR_SIZE];
	struct stat st;
	pid_t pid;

	(void)state;
	control_close(TAKE_PTR(server));
	pid = fork_server();
	assert_int_equal(try_open(path, error), -EBUSY);
	snprintf(expected, sizeof(expected),
		 "%s.lock: another daemon (pid %d) has the lock; expected to be the only one", path,
		 pid);
	assert_string_equal(error, expected);
	assert_int_equal(stat(path, &st), 0); /* its socket was left alone */
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(stat(path, &st), 0); /* stale now */
	open_server();
	struct peer peer = connected();
	assert_ask(&peer, "{\"command\":\"echo\",\"n\":1}\n", "{\"ok\":true,\"data\":1}");
	hang_up(&peer);
}

static void closes_in_the_middle_of_everything(void **state)
{
	struct peer half = connected(), unread = connected(), tail = connected();
	struct peer late;

	(void)state;
	subscribe(&tail, "tail");
	say(&half, "{\"command\"");
	say(&unread, "{\"command\":\"big\"}\n");
	while (!is_armed())
		turn();
	control_close(TAKE_PTR(server));
	assert_closed(&half);
	assert_closed(&tail);
	assert_int_equal(connect_peer(&late), -ENOENT);
	hang_up(&half);
	hang_up(&unread);
	hang_up(&tail);
	hang_up(&late);
	control_close(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers_requests_in_order),
		TEST(puts_pieces_together),
		TEST(answers_garbage_and_goes_on),
		TEST(survives_random_bytes),
		TEST(takes_the_longest_request_and_no_longer_one),
		TEST(stops_an_endless_line),
		TEST(answers_who_has_said_everything),
		TEST(forgets_who_hangs_up),
		TEST(does_not_wake_up_for_idle_clients),
		TEST(gives_every_request_its_own_deadline),
		TEST(gives_a_reader_time_as_long_as_it_reads),
		TEST(ends_an_unfinished_request),
		TEST(ends_who_does_not_read),
		TEST(refuses_an_answer_that_is_too_big),
		TEST(sends_a_long_answer_whole),
		TEST(sends_one_long_answer_at_a_time),
		TEST(makes_a_hasty_client_wait),
		TEST(limits_the_clients),
		TEST(keeps_room_for_root),
		TEST(pauses_without_descriptors),
		TEST(decides_by_the_kernels_word),
		TEST(trusts_nobody_it_cannot_see),
		TEST(a_stranger_does_not_linger),
		TEST(asks_the_kernel_who_is_there),
		TEST(publishes_to_subscribers_only),
		TEST(tells_topics_apart),
		TEST(tells_when_all_deaths_are_wanted),
		TEST(sends_together_what_comes_together),
		TEST(a_slow_subscriber_catches_up),
		TEST(a_slow_subscriber_is_told_what_it_misses),
		TEST(keeps_no_more_than_the_limit),
		TEST(a_line_too_long_for_anybody_is_a_gap),
		TEST(a_subscriber_may_ask_for_a_flood),
		TEST(makes_the_socket_for_whom_it_is_meant),
		TEST(tells_what_is_in_the_way),
		TEST(two_daemons_do_not_share_a_socket),
		TEST(closes_in_the_middle_of_everything),
	};

	umask(022);
	alarm(60); /* a client that never hears its line is a failure, not a wait */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
