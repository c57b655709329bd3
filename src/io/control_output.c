// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is on its way to a client: replies, and lines of a stream with the gaps between them. */
#include "io/control_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/footprint.h"
#include "base/protocol.h"
#include "base/text.h"

#define FIRST_BUFFER 4096
#define STREAM_CHUNK 65536 /* bytes published between two attempts to send within a turn */
#define GAP_SIZE     96	   /* of the line that tells how many are missing */
#define LONG_ANSWER  65536 /* bytes: what it was made of has taken several times as much */

/* Sends what the socket takes now. Returns the bytes; a client that is gone becomes dead. */
static size_t try_send(struct control_client *client, const char *data, size_t length)
{
	size_t sent = 0;

	while (sent < length) {
		ssize_t n = send(client->fd, data + sent, length - sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			client->dead = errno != EAGAIN;
			break;
		}
		sent += (size_t)n;
	}
	return sent;
}

/* Room for `length` bytes behind the output: 0, or -ENOBUFS where the client leaves too much unread, or
 * -ENOMEM. */
static int make_room(struct control_client *client, size_t length)
{
	size_t pending = client->out_end - client->out_start, size = FIRST_BUFFER;
	char *grown;

	if (pending + length > CONTROL_MAX_OUTPUT)
		return -ENOBUFS;
	if (client->out_end + length <= client->out_size)
		return 0;
	if (client->out_start > 0)
		memmove(client->out, client->out + client->out_start, pending);
	client->out_start = 0;
	client->out_end = pending;
	while (size < pending + length)
		size *= 2;
	if (size <= client->out_size)
		return 0;
	grown = realloc(client->out, size);
	if (!grown)
		return -ENOMEM;
	client->out = grown;
	client->out_size = size;
	return 0;
}

/* Into room that was made. */
static void append(struct control_client *client, const char *data, size_t length)
{
	memcpy(client->out + client->out_end, data, length);
	client->out_end += length;
}

void control_drop(struct control_client *client)
{
	client->dead = true;
	client->server->counters.dropped++;
}

static void enqueue(struct control_client *client, const char *data, size_t length)
{
	size_t sent = 0;

	if (client->dead)
		return;
	if (!control_has_output(client))
		sent = try_send(client, data, length);
	if (client->dead || sent == length)
		return;
	if (make_room(client, length - sent) == 0)
		append(client, data + sent, length - sent);
	else
		control_drop(client);
}

/* Whether a client has not yet read all of an answer that is longer than it may leave unread otherwise. */
static bool is_answering_at_length(const struct control_server *server)
{
	for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++)
		if (server->clients[i] &&
		    server->clients[i]->out_end - server->clients[i]->out_start >
			    CONTROL_MAX_OUTPUT)
			return true;
	return false;
}

/* A long line becomes the output itself (it is taken); 0, or -EBUSY where there is some already. */
static int enqueue_long(struct control_client *client, char *line, size_t length)
{
	size_t sent;

	if (control_has_output(client) || is_answering_at_length(client->server)) {
		free(line);
		return -EBUSY;
	}
	sent = client->dead ? 0 : try_send(client, line, length);
	if (client->dead || sent == length) {
		free(line);
		return 0;
	}
	free(client->out);
	client->out = line;
	client->out_start = sent;
	client->out_end = client->out_size = length;
	return 0;
}

static void append_gap(struct control_client *client)
{
	char line[GAP_SIZE], time[CLOCK_RFC3339_SIZE];
	int length = snprintf(line, sizeof(line), "{\"dropped\":%" PRIu64 ",\"time\":\"%s\"}\n",
			      client->missed, clock_rfc3339(clock_wall_ns(), time));

	append(client, line, (size_t)length);
	client->missed = 0;
}

/* A gap is told when all that comes before it is sent; in front of a newer line control_offer() tells it. */
static void tell_gap(struct control_client *client)
{
	if (client->missed && !control_has_output(client) && make_room(client, GAP_SIZE) == 0)
		append_gap(client);
}

void control_flush(struct control_client *client)
{
	size_t sent = 0;

	if (control_has_output(client))
		sent = try_send(client, client->out + client->out_start,
				client->out_end - client->out_start);
	client->untried = 0;
	client->out_start += sent;
	if (sent > 0)
		client->deadline_ns = 0; /* it does read */
	if (control_has_output(client))
		return;
	free(client->out);
	client->out = NULL;
	client->out_size = client->out_start = client->out_end = 0;
	tell_gap(client);
}

static void miss(struct control_client *client, uint64_t count)
{
	client->missed += count;
	client->server->counters.missed += count;
}

void control_offer(struct control_client *client, const char *text, size_t length)
{
	size_t gap = client->missed ? GAP_SIZE : 0;

	if (client->dead)
		return;
	if (make_room(client, gap + length + 1) < 0) {
		miss(client, 1);
	} else {
		if (gap)
			append_gap(client);
		append(client, text, length);
		append(client, "\n", 1);
	}
	client->untried += length;
	if (client->untried >= STREAM_CHUNK)
		control_flush(client);
	tell_gap(client);
}

void control_offer_loss(struct control_client *client, uint64_t count)
{
	miss(client, count);
	tell_gap(client);
}

const char *control_text_of(struct json_object *object, size_t *ret_length)
{
	return object ? json_object_to_json_string_length(
				object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
				ret_length)
		      : NULL;
}

/* The same as one line with its newline, to be freed. */
static char *line_of(struct json_object *object, size_t *ret_length)
{
	size_t length = 0;
	const char *text = control_text_of(object, &length);
	char *line = text ? malloc(length + 1) : NULL;

	if (!line)
		return NULL;
	memcpy(line, text, length);
	line[length] = '\n';
	*ret_length = length + 1;
	return line;
}

/* Takes the value over. The library aborts on an object that could not be made. */
static bool add(struct json_object *object, const char *key, struct json_object *value)
{
	if (object && json_object_object_add(object, key, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

char *control_failure_line(int exit_status, const char *error, size_t *ret_length)
{
	struct json_object *reply = json_object_new_object();
	char *line = NULL;

	if (add(reply, "ok", json_object_new_boolean(false)) &&
	    add(reply, "exit", json_object_new_int(exit_status)) &&
	    add(reply, "error", json_object_new_string(error)))
		line = line_of(reply, ret_length);
	json_object_put(reply);
	return line;
}

void control_fail(struct control_client *client, int exit_status, const char *fmt, ...)
{
	char raw[1024], error[1024];
	_cleanup_free_ char *line = NULL;
	size_t length = 0;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	text_printable(error, sizeof(error), raw, strlen(raw));
	client->answered = true;
	line = control_failure_line(exit_status, error, &length);
	if (line)
		enqueue(client, line, length);
	else
		control_drop(client);
}

void control_reply(struct control_client *client, struct json_object *data)
{
	struct json_object *reply = json_object_new_object();
	_cleanup_free_ char *line = NULL;
	struct json_object *ok = json_object_new_boolean(true);
	size_t length = 0;
	bool whole = add(reply, "ok", ok);

	whole = add(reply, "data", data) && whole;
	if (whole && ok)
		line = line_of(reply, &length);
	json_object_put(reply);
	if (length > LONG_ANSWER)
		footprint_trim();
	client->answered = true;
	if (!line)
		control_fail(client, OBIT_EXIT_FAILED, "out of memory");
	else if (length > CONTROL_MAX_ANSWER)
		control_fail(client, OBIT_EXIT_FAILED,
			     "the answer has %zu bytes, %d are the limit: ask for fewer entries",
			     length, CONTROL_MAX_ANSWER);
	else if (length <= CONTROL_MAX_OUTPUT)
		enqueue(client, line, length);
	else if (enqueue_long(client, TAKE_PTR(line), length) < 0)
		control_fail(
			client, OBIT_EXIT_FAILED,
			"the answer has %zu bytes, and another long one is on its way: try again",
			length);
}
