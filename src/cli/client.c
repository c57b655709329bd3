// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/client.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/protocol.h"
#include "cli/alloc.h"

#define FIRST_BUFFER 65536

int client_open(const char *path, struct client *ret)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = CLIENT_REPLY_TIMEOUT / 1000};
	_cleanup_close_ int fd = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* Bounds connect(2) and send(2) against a daemon that does not accept or read. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	*ret = (struct client){.fd = TAKE_FD(fd), .reader_fd = -1};
	return 0;
}

void client_close(struct client *client)
{
	close_fdp(&client->fd);
	free(client->buf);
	*client = CLIENT_CLOSED;
}

static int send_all(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t n = send(fd, data, length, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		length -= (size_t)n;
	}
	return 0;
}

int client_send(struct client *client, struct json_object *request)
{
	_cleanup_free_ char *line = must_printf(
		"%s\n", json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN));

	if (strlen(line) > OBIT_MAX_REQUEST)
		return -EMSGSIZE;
	return send_all(client->fd, line, strlen(line));
}

/* Milliseconds until the deadline, rounded up so that poll(2) does not spin before it. */
static int remaining_ms(uint64_t deadline_ns)
{
	uint64_t now = clock_running_ns();

	return now >= deadline_ns ? 0 : (int)((deadline_ns - now) / NS_PER_MS) + 1;
}

static int wait_readable(const struct client *client, int timeout_ms)
{
	/* poll(2) skips a negative descriptor, and reports a reader that is gone unasked. */
	struct pollfd fds[] = {
		{.fd = client->fd, .events = POLLIN},
		{.fd = client->reader_fd},
	};
	int n = poll(fds, ARRAY_SIZE(fds), timeout_ms);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -ETIMEDOUT;
	return fds[1].revents ? -EPIPE : 0;
}

static int make_room(struct client *client)
{
	if (client->start > 0) {
		memmove(client->buf, client->buf + client->start, client->end - client->start);
		client->end -= client->start;
		client->start = 0;
	}
	if (client->end < client->size)
		return 0;
	if (client->size >= CLIENT_MAX_LINE)
		return -EMSGSIZE;
	client->size = client->size ? 2 * client->size : FIRST_BUFFER;
	client->buf = must_realloc(client->buf, client->size, 1);
	return 0;
}

/* Reads what is there. Returns the bytes, 0 at the end, -EAGAIN for nothing yet, or -errno. */
static ssize_t receive(struct client *client)
{
	ssize_t n;
	int r = make_room(client);

	if (r < 0)
		return r;
	n = recv(client->fd, client->buf + client->end, client->size - client->end, MSG_DONTWAIT);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	client->end += (size_t)n;
	return n;
}

static char *take_line(struct client *client)
{
	char *line, *newline;

	if (client->start == client->end)
		return NULL;
	line = client->buf + client->start;
	newline = memchr(line, '\n', client->end - client->start);
	if (!newline)
		return NULL;
	*newline = '\0';
	client->start = (size_t)(newline + 1 - client->buf);
	return line;
}

bool client_has_line(const struct client *client)
{
	return client->start < client->end &&
	       memchr(client->buf + client->start, '\n', client->end - client->start);
}

int client_line(struct client *client, int timeout_ms, char **ret_line)
{
	uint64_t deadline = clock_running_ns() +
			    (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * NS_PER_MS;

	for (;;) {
		char *line = take_line(client);
		ssize_t n;
		int r;

		if (line) {
			*ret_line = line;
			return 1;
		}
		r = wait_readable(client, timeout_ms < 0 ? -1 : remaining_ms(deadline));
		if (r < 0)
			return r;
		n = receive(client);
		if (n == 0 || n == -ECONNRESET)
			return 0;
		if (n < 0 && n != -EAGAIN)
			return (int)n;
	}
}
