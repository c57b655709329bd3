// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What comes from a client: bytes, lines, requests. Each is the work of whoever connects. */
#include "io/control_internal.h"

#include <errno.h>
#include <string.h>

#include "base/nudge.h"
#include "base/protocol.h"

#define MAX_DEPTH 16 /* of JSON in JSON */

static void garbage(struct control_client *client, const char *what)
{
	client->server->counters.garbage++;
	control_fail(client, OBIT_EXIT_USAGE,
		     "%s; expected one JSON object with a \"command\" a line", what);
}

/* Parses a request, strictly. NULL after it has answered what is wrong. */
static struct json_object *parse(struct control_client *client, const char *line, size_t length)
{
	struct json_tokener *tokener = json_tokener_new_ex(MAX_DEPTH);
	struct json_object *request;
	enum json_tokener_error error;

	if (!tokener) {
		control_fail(client, OBIT_EXIT_FAILED, "out of memory");
		return NULL;
	}
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	/* With the terminating NUL, which tells the tokener that no more follows. */
	request = json_tokener_parse_ex(tokener, line, (int)length + 1);
	error = json_tokener_get_error(tokener);
	json_tokener_free(tokener);
	if (error != json_tokener_success) {
		json_object_put(request);
		garbage(client, error == json_tokener_error_depth ? "the JSON is nested too deeply"
								  : "this is not valid JSON");
		return NULL;
	}
	if (!json_object_is_type(request, json_type_object)) {
		json_object_put(request);
		garbage(client, "this JSON is not an object");
		return NULL;
	}
	return request;
}

/* The command's name, or NULL: absent, not a string, or with a NUL inside. */
static const char *command_of(struct json_object *request)
{
	struct json_object *command = NULL;
	const char *name;

	if (!json_object_object_get_ex(request, "command", &command) ||
	    !json_object_is_type(command, json_type_string))
		return NULL;
	name = json_object_get_string(command);
	return strlen(name) == (size_t)json_object_get_string_len(command) ? name : NULL;
}

static void handle_request(struct control_client *client, struct json_object *request)
{
	struct control_server *server = client->server;
	const char *command = command_of(request);

	if (!command) {
		garbage(client, "the request has no \"command\" that is a string");
		return;
	}
	client->answered = false;
	server->handler(server->arg, client, command, request, client->rights == RIGHTS_ACT);
	if (!client->answered)
		control_fail(client, OBIT_EXIT_FAILED, "the command \"%s\" gave no answer",
			     command);
}

/* `line` is terminated in place of its newline. */
static void handle_line(struct control_client *client, const char *line, size_t length)
{
	struct json_object *request;

	client->deadline_ns = 0;
	if (client->rights == RIGHTS_NONE) {
		client->server->counters.refused++;
		client->closing = true;
		control_fail(client, OBIT_EXIT_FAILED,
			     "permission denied: uid %u is neither root nor in the group %s",
			     client->peer.uid, OBIT_READERS_GROUP);
		return;
	}
	if (memchr(line, '\0', length)) {
		garbage(client, "the request has a NUL byte");
		return;
	}
	request = parse(client, line, length);
	if (!request)
		return;
	handle_request(client, request);
	json_object_put(request);
}

static void handle_lines(struct control_client *client)
{
	char *at = client->in, *end = client->in + client->in_length, *newline;

	while (!client->dead && !client->closing && !control_has_output(client) && at < end) {
		newline = memchr(at, '\n', (size_t)(end - at));
		if (!newline)
			break;
		*newline = '\0';
		handle_line(client, at, (size_t)(newline - at));
		at = newline + 1;
	}
	client->in_length = (size_t)(end - at);
	memmove(client->in, at, client->in_length);
}

/* After what is complete has been handled: can the rest ever become a request? */
static void check_rest(struct control_client *client)
{
	bool half = client->in_length > 0 && !memchr(client->in, '\n', client->in_length);

	if (client->dead || client->closing || control_has_output(client))
		return;
	if (half && client->in_length == sizeof(client->in)) {
		client->closing = true;
		garbage(client, "the request is too long");
	} else if (half && client->at_eof) {
		client->closing = true;
		garbage(client, "the request does not end with a newline");
	} else if (client->at_eof && !client->subscribed) {
		client->closing = true;
	}
}

void control_answer(struct control_client *client)
{
	handle_lines(client);
	check_rest(client);
}

void control_receive(struct control_client *client)
{
	ssize_t n;

	nudge_begin();
	n = recv(client->fd, client->in + client->in_length, sizeof(client->in) - client->in_length,
		 MSG_DONTWAIT);
	nudge_end();
	if (n < 0)
		client->dead = errno != EAGAIN && errno != EINTR;
	else if (n == 0)
		client->at_eof = true;
	else
		client->in_length += (size_t)n;
}
