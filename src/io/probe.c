// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/probe.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/heap.h"
#include "io/loop.h"
#include "io/sys.h"

#define READ_MAX    4096 /* in a turn of the loop */
#define ANSWER_SIZE 512	 /* is enough for the status line */

struct probe_check {
	struct probe_client *client;
	probe_fn *fn;
	void *arg;
	int fd;
	struct loop_source *source;
	struct heap_node deadline;
	uint64_t timeout_ns;
	int error; /* of a connect that failed at once */
	bool connected;
	struct sockaddr_storage peer;
	char *request; /* NULL: to be connected is all */
	size_t request_length;
	char *expect; /* NULL: any */
	char *answer;
	size_t length, room;
	struct probe_check *prev, *next;
};

struct probe_client {
	struct loop *loop;
	struct loop_timer *timer;
	struct heap deadlines;
	struct probe_check *checks;
};

/* ---- the end ---- */

static void rearm(struct probe_client *client)
{
	const struct heap_node *first = heap_first(&client->deadlines);

	loop_timer_set(client->timer, first ? first->key : 0);
}

static void check_free(struct probe_check *check)
{
	heap_remove(&check->client->deadlines, &check->deadline);
	DL_DELETE(check->client->checks, check);
	loop_source_free(check->source);
	close_fdp(&check->fd);
	free(check->request);
	free(check->expect);
	free(check->answer);
	free(check);
}

void probe_check_cancel(struct probe_check *check)
{
	struct probe_client *client = check->client;

	check_free(check);
	rearm(client);
}

static void finish(struct probe_check *check, enum probe_outcome outcome, const char *words)
{
	probe_fn *fn = check->fn;
	void *arg = check->arg;

	probe_check_cancel(check);
	fn(arg, outcome, words);
}

bool probe_is_unable(int error)
{
	switch (error) {
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOBUFS:
	case EAGAIN:
	case EADDRNOTAVAIL: /* no local port is left */
	case EAFNOSUPPORT:
	case EACCES: /* a security module, or a firewall for what is sent */
	case EPERM:
		return true;
	default:
		return false;
	}
}

static void fail(struct probe_check *check, int error)
{
	finish(check, probe_is_unable(error) ? PROBE_CHECK_UNABLE : PROBE_CHECK_FAILED,
	       strerror(error));
}

static void time_out(struct probe_check *check)
{
	char words[PROBE_WORDS_SIZE], span[CLOCK_SPAN_SIZE];

	snprintf(words, sizeof(words), "no %s within %s",
		 !check->connected ? "connection"
		 : check->length   ? "complete answer"
				   : "answer",
		 clock_span(check->timeout_ns, span));
	finish(check, PROBE_CHECK_FAILED, words);
}

static void on_timer(void *arg)
{
	struct probe_client *client = arg;
	uint64_t now = clock_running_ns();
	struct heap_node *node;

	while ((node = heap_first(&client->deadlines)) && node->key <= now)
		time_out((struct probe_check *)((char *)node -
						offsetof(struct probe_check, deadline)));
	rearm(client);
}

/* ---- the talk ---- */

/* Where nobody listens at a port that this side may choose for itself, loopback connects a socket to itself. */
static bool is_own_end(const struct probe_check *check)
{
	struct sockaddr_storage own = {0};
	socklen_t length = sizeof(own);

	return getsockname(check->fd, (struct sockaddr *)&own, &length) == 0 &&
	       length <= sizeof(own) && !memcmp(&own, &check->peer, length);
}

/* The socket is fresh, and the request small: it is taken whole. */
static int send_request(const struct probe_check *check)
{
	ssize_t n = sys_sendto(check->fd, check->request, check->request_length, MSG_NOSIGNAL, NULL,
			       0);

	if (n < 0)
		return -errno;
	return (size_t)n == check->request_length ? 0 : -ENOBUFS;
}

static void on_connected(struct probe_check *check)
{
	int error = check->error, r;
	socklen_t length = sizeof(error);

	if (!error && sys_getsockopt(check->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		error = errno;
	if (!error && is_own_end(check))
		error = ECONNREFUSED;
	if (error) {
		fail(check, error);
		return;
	}
	check->connected = true;
	if (!check->request) {
		finish(check, PROBE_CHECK_PASSED, NULL);
		return;
	}
	r = send_request(check);
	if (r == 0)
		r = loop_source_set_events(check->source, EPOLLIN);
	if (r < 0)
		fail(check, -r);
}

static void read_answer(struct probe_check *check)
{
	size_t left = check->room - check->length;
	ssize_t n = sys_read(check->fd, check->answer + check->length,
			     left < READ_MAX ? left : READ_MAX);
	char words[PROBE_WORDS_SIZE];
	enum probe_verdict verdict;

	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			fail(check, errno);
		return;
	}
	check->length += (size_t)n;
	verdict = probe_http_judge(check->answer, check->length, n == 0, check->expect, words);
	if (verdict == PROBE_GOOD)
		finish(check, PROBE_CHECK_PASSED, NULL);
	else if (verdict == PROBE_BAD)
		finish(check, PROBE_CHECK_FAILED, words);
}

static void on_event(void *arg, uint32_t events)
{
	struct probe_check *check = arg;

	(void)events;
	if (check->connected)
		read_answer(check);
	else
		on_connected(check);
}

/* ---- the beginning ---- */

static socklen_t fill_address(const struct probe_target *target, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	*ret = (struct sockaddr_storage){0};
	if (target->v6) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(target->port);
		memcpy(&v6->sin6_addr, target->address, sizeof(v6->sin6_addr));
		return sizeof(*v6);
	}
	v4->sin_family = AF_INET;
	v4->sin_port = htons(target->port);
	memcpy(&v4->sin_addr, target->address, sizeof(v4->sin_addr));
	return sizeof(*v4);
}

static int connect_to(struct probe_check *check, const struct probe_target *target)
{
	socklen_t length = fill_address(target, &check->peer);

	check->fd = sys_socket(check->peer.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			       0);
	if (check->fd < 0)
		return -errno;
	/* Told from the loop as well: a socket that is not connected is always ready. */
	if (sys_connect(check->fd, (const struct sockaddr *)&check->peer, length) < 0 &&
	    errno != EINPROGRESS)
		check->error = errno;
	return loop_add(check->client->loop, check->fd, EPOLLOUT, on_event, check, &check->source);
}

static int make_request(struct probe_check *check, const struct probe_config *config,
			const struct probe_target *target)
{
	char request[PROBE_REQUEST_SIZE];

	if (config->type != PROBE_HTTP)
		return 0;
	check->request_length = probe_http_request(target, request);
	check->request = strndup(request, check->request_length);
	check->room = config->expect ? PROBE_ANSWER_MAX : ANSWER_SIZE;
	check->answer = malloc(check->room);
	check->expect = config->expect ? strdup(config->expect) : NULL;
	return check->request && check->answer && !check->expect == !config->expect ? 0 : -ENOMEM;
}

int probe_check_start(struct probe_client *client, const struct probe_config *config, probe_fn *fn,
		      void *arg, struct probe_check **ret)
{
	struct probe_check *check;
	struct probe_target target;
	const char *expected;
	int r = probe_parse_target(config->type, config->target, &target, &expected);

	if (r < 0)
		return r;
	check = calloc(1, sizeof(*check));
	if (!check)
		return -ENOMEM;
	check->client = client;
	check->fn = fn;
	check->arg = arg;
	check->fd = -1;
	check->timeout_ns = config->timeout_ns;
	DL_APPEND(client->checks, check);
	r = make_request(check, config, &target);
	if (r == 0)
		r = connect_to(check, &target);
	if (r == 0)
		r = heap_set(&client->deadlines, &check->deadline,
			     clock_running_ns() + config->timeout_ns);
	if (r < 0) {
		check_free(check);
		return r;
	}
	rearm(client);
	*ret = check;
	return 0;
}

/* ---- Unix sockets ---- */

int probe_connect_unix(const char *const *argv)
{
	static const int types[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};
	const char *path = argv[0];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(path);
	int error = EPROTOTYPE;

	if (length > PROBE_UNIX_PATH_MAX)
		return ENAMETOOLONG;
	memcpy(address.sun_path, path, length);
	if (*path == '@')
		address.sun_path[0] = '\0'; /* abstract: as long as it is, without a NUL */
	else
		length++;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		_cleanup_close_ int fd = sys_socket(AF_UNIX, types[i] | SOCK_CLOEXEC, 0);

		if (fd < 0)
			return errno;
		if (sys_connect(fd, (const struct sockaddr *)&address,
				(socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) == 0)
			return 0;
		/* Of another type: a path has the wrong one then, and an abstract name is nobody's. */
		error = error == EPROTOTYPE ? errno : error;
		if (errno != EPROTOTYPE && errno != ECONNREFUSED)
			return errno;
	}
	return error;
}

/* ---- all of them ---- */

int probe_client_new(struct loop *loop, struct probe_client **ret)
{
	struct probe_client *client = calloc(1, sizeof(*client));
	int r;

	if (!client)
		return -ENOMEM;
	client->loop = loop;
	r = loop_timer_new(loop, on_timer, client, &client->timer);
	if (r < 0) {
		free(client);
		return r;
	}
	*ret = client;
	return 0;
}

void probe_client_free(struct probe_client *client)
{
	struct probe_check *check, *next;

	if (!client)
		return;
	DL_FOREACH_SAFE (client->checks, check, next)
		check_free(check);
	heap_clear(&client->deadlines);
	loop_timer_free(client->timer);
	free(client);
}
