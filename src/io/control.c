// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/control.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/nudge.h"
#include "base/protocol.h"
#include "base/text.h"
#include "io/sys.h"

#define BACKLOG		  16
#define ACCEPTS_PER_EVENT 16
#define MAX_DEPTH	  16	     /* of JSON in JSON */
#define PAUSE_NS	  NS_PER_SEC /* without accepting, when there are no descriptors left */
#define FIRST_BUFFER	  4096
#define STREAM_CHUNK	  65536 /* bytes published between two attempts to send within a turn */
#define GAP_SIZE	  96	/* of the line that tells how many are missing */

enum rights { RIGHTS_NONE, RIGHTS_READ, RIGHTS_ACT };

struct control_client {
	struct control_server *server;
	int fd;
	struct loop_source *source;
	enum rights rights;
	struct ucred peer;
	bool subscribed;
	enum control_topic topic; /* if subscribed */
	bool busy;		  /* somebody up the stack works on it and will settle it */
	bool answered;		  /* the request at hand */
	bool at_eof;		  /* it sends no more, but may still read */
	bool closing;		  /* as soon as everything is sent */
	bool dead;		  /* at once */
	uint64_t deadline_ns;	  /* 0: nothing is pending */

	char in[OBIT_MAX_REQUEST];
	size_t in_length;
	char *out; /* out[out_start] to out[out_end] is still to be sent */
	size_t out_size, out_start, out_end;
	size_t untried;	 /* bytes published to it since it was last tried to send some */
	uint64_t missed; /* lines that belong behind the output */
};

struct control_server {
	struct loop *loop;
	char *path, *lock_path;
	int lock_fd, listen_fd;
	struct loop_source *listener;
	struct loop_timer *timer;
	uint64_t patience_ns;
	uint64_t paused_until_ns; /* 0: accepting */
	bool has_group;
	gid_t group;
	control_fn *handler;
	void *arg;
	struct control_client *clients[CONTROL_MAX_CLIENTS]; /* NULL: free */
	size_t subscribers[_CONTROL_TOPIC_MAX];		     /* by the topic they asked for */
	void (*audience_fn)(void *arg, bool audience);
	void *audience_arg;
	struct control_counters counters;
};

/* ---- output ---- */

static bool has_output(const struct control_client *client)
{
	return client->out_end > client->out_start;
}

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

static void drop(struct control_client *client)
{
	client->dead = true;
	client->server->counters.dropped++;
}

static void enqueue(struct control_client *client, const char *data, size_t length)
{
	size_t sent = 0;

	if (client->dead)
		return;
	if (!has_output(client))
		sent = try_send(client, data, length);
	if (client->dead || sent == length)
		return;
	if (make_room(client, length - sent) == 0)
		append(client, data + sent, length - sent);
	else
		drop(client);
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

	if (has_output(client) || is_answering_at_length(client->server)) {
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

/* A gap is told when all that comes before it is sent; in front of a newer line offer() tells it. */
static void tell_gap(struct control_client *client)
{
	if (client->missed && !has_output(client) && make_room(client, GAP_SIZE) == 0)
		append_gap(client);
}

static void flush(struct control_client *client)
{
	size_t sent = 0;

	if (has_output(client))
		sent = try_send(client, client->out + client->out_start,
				client->out_end - client->out_start);
	client->untried = 0;
	client->out_start += sent;
	if (sent > 0)
		client->deadline_ns = 0; /* it does read */
	if (has_output(client))
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

/* One line of a stream, without its newline. What is queued here is sent together in the next turn, or
 * when it is much: a reader on another processor keeps up even with a flood that comes within one turn. */
static void offer(struct control_client *client, const char *text, size_t length)
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
		flush(client);
	tell_gap(client);
}

/* The object as text, which lives as long as the object; NULL without memory. */
static const char *text_of(struct json_object *object, size_t *ret_length)
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
	const char *text = text_of(object, &length);
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

/* {"ok": false, ...}; `error` is printable. */
static char *failure_line(int exit_status, const char *error, size_t *ret_length)
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
	line = failure_line(exit_status, error, &length);
	if (line)
		enqueue(client, line, length);
	else
		drop(client);
}

uid_t control_peer(const struct control_client *client, pid_t *ret_pid)
{
	*ret_pid = client->peer.pid;
	return client->peer.uid;
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

/* ---- clients ---- */

static void client_free(struct control_client *client)
{
	loop_source_free(client->source);
	nudge_begin();
	close_fdp(&client->fd); /* with what was not read */
	nudge_end();
	free(client->out);
	free(client);
}

static void set_stream(struct control_client *client, bool subscribed, enum control_topic topic)
{
	struct control_server *server = client->server;
	bool before = server->subscribers[CONTROL_ALL] > 0, now;

	if (client->subscribed)
		server->subscribers[client->topic]--;
	if (subscribed)
		server->subscribers[topic]++;
	client->subscribed = subscribed;
	client->topic = topic;
	now = server->subscribers[CONTROL_ALL] > 0;
	if (now != before && server->audience_fn)
		server->audience_fn(server->audience_arg, now);
}

static void client_remove(struct control_client *client)
{
	struct control_server *server = client->server;

	set_stream(client, false, client->topic);
	for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++) {
		if (server->clients[i] == client)
			server->clients[i] = NULL;
	}
	server->counters.clients--;
	client_free(client);
}

/* Armed only while somebody has something pending: an idle server never wakes up. */
static void set_timer(struct control_server *server)
{
	uint64_t first = server->paused_until_ns;

	for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++) {
		const struct control_client *client = server->clients[i];

		if (client && client->deadline_ns && (!first || client->deadline_ns < first))
			first = client->deadline_ns;
	}
	loop_timer_set(server->timer, first);
}

/* Whoever has no rights is given time for one request; a stream is limited by its size alone. */
static bool is_pending(const struct control_client *client)
{
	return client->in_length > 0 || client->rights == RIGHTS_NONE ||
	       (has_output(client) && !client->subscribed);
}

static void settle_but_timer(struct control_client *client)
{
	uint32_t events;

	if (client->closing && !has_output(client))
		client->dead = true;
	/* Requests wait in the socket until the replies before them are read. */
	events = has_output(client) ? EPOLLOUT : client->at_eof || client->closing ? 0 : EPOLLIN;
	if (client->dead || loop_source_set_events(client->source, events) < 0)
		client_remove(client);
	else if (!is_pending(client))
		client->deadline_ns = 0;
	else if (!client->deadline_ns)
		client->deadline_ns = clock_boot_ns() + client->server->patience_ns;
}

/* Ends every work on a client: frees it, or waits for what it does next. The caller must not touch
 * it any more. */
static void settle(struct control_client *client)
{
	struct control_server *server = client->server;

	settle_but_timer(client);
	set_timer(server);
}

/* ---- requests ---- */

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

	while (!client->dead && !client->closing && !has_output(client) && at < end) {
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

	if (client->dead || client->closing || has_output(client))
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

static void receive(struct control_client *client)
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

static void on_client(void *arg, uint32_t events)
{
	struct control_client *client = arg;

	client->busy = true;
	if (has_output(client) || client->at_eof)
		client->dead = events & (EPOLLERR | EPOLLHUP); /* nobody will read it */
	if (!client->dead && has_output(client))
		flush(client);
	else if (!client->dead)
		receive(client);
	handle_lines(client);
	check_rest(client);
	client->busy = false;
	settle(client);
}

/* ---- who ---- */

/* Whether one of the peer's supplementary groups is `group`. */
static bool peer_has_group(int fd, gid_t group)
{
	socklen_t length = 0;
	_cleanup_free_ gid_t *groups = NULL;

	/* The first call only asks for the size. */
	if (sys_getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &length) == 0 || errno != ERANGE)
		return false;
	groups = malloc(length);
	if (!groups || sys_getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &length) < 0)
		return false;
	for (size_t i = 0; i < length / sizeof(*groups); i++) {
		if (groups[i] == group)
			return true;
	}
	return false;
}

static enum rights rights_of(const struct control_server *server, int fd, struct ucred *ret)
{
	socklen_t length = sizeof(*ret);

	*ret = (struct ucred){.uid = (uid_t)-1, .gid = (gid_t)-1};
	if (sys_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret, &length) < 0)
		return RIGHTS_NONE;
	if (ret->uid == 0)
		return RIGHTS_ACT;
	if (server->has_group && (ret->gid == server->group || peer_has_group(fd, server->group)))
		return RIGHTS_READ;
	return RIGHTS_NONE;
}

/* ---- connections ---- */

/* A free place for a client with these rights; NULL: there are too many. */
static struct control_client **find_place(struct control_server *server, enum rights rights)
{
	struct control_client **place = NULL;
	size_t readers = 0;

	for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++) {
		if (!server->clients[i])
			place = &server->clients[i];
		else if (server->clients[i]->rights != RIGHTS_ACT)
			readers++;
	}
	return rights == RIGHTS_ACT || readers < CONTROL_MAX_READERS ? place : NULL;
}

static void turn_away(struct control_server *server, int fd)
{
	size_t length = 0;
	_cleanup_free_ char *line = failure_line(
		OBIT_EXIT_FAILED, "too many clients are connected: try again later", &length);

	server->counters.refused++;
	if (line)
		send(fd, line, length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Takes ownership of `fd` on success. */
static int client_new(struct control_server *server, int fd, enum rights rights,
		      const struct ucred *peer, struct control_client **ret)
{
	_cleanup_free_ struct control_client *client = calloc(1, sizeof(*client));
	int r;

	if (!client)
		return -ENOMEM;
	client->server = server;
	client->fd = fd;
	client->rights = rights;
	client->peer = *peer;
	r = loop_add(server->loop, fd, EPOLLIN, on_client, client, &client->source);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(client);
	return 0;
}

static void admit(struct control_server *server, int accepted_fd)
{
	_cleanup_close_ int fd = accepted_fd;
	struct ucred peer;
	enum rights rights = rights_of(server, fd, &peer);
	struct control_client **place = find_place(server, rights);

	if (!place || client_new(server, fd, rights, &peer, place) < 0) {
		turn_away(server, fd);
		return;
	}
	TAKE_FD(fd);
	server->counters.clients++;
	server->counters.accepted++;
	settle(*place);
}

/* Out of descriptors: the waiting connection would wake the loop again and again. */
static void pause_accepting(struct control_server *server)
{
	server->counters.refused++;
	if (loop_source_set_events(server->listener, 0) < 0)
		return;
	server->paused_until_ns = clock_boot_ns() + PAUSE_NS;
	set_timer(server);
}

static void on_listener(void *arg, uint32_t events)
{
	struct control_server *server = arg;

	(void)events;
	for (int i = 0; i < ACCEPTS_PER_EVENT; i++) {
		int fd = sys_accept(server->listen_fd, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0)
			admit(server, fd);
		else if (errno == EAGAIN)
			return;
		else if (errno != EINTR && errno != ECONNABORTED) {
			pause_accepting(server);
			return;
		}
	}
}

static void expire(struct control_client *client)
{
	if (has_output(client)) {
		drop(client);
		return;
	}
	client->server->counters.garbage++;
	control_fail(client, OBIT_EXIT_FAILED, "the request was not finished in time");
	client->dead = true;
}

static void on_timer(void *arg)
{
	struct control_server *server = arg;
	uint64_t now = clock_boot_ns();

	if (server->paused_until_ns && server->paused_until_ns <= now &&
	    loop_source_set_events(server->listener, EPOLLIN) == 0)
		server->paused_until_ns = 0;
	for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++) {
		struct control_client *client = server->clients[i];

		if (!client || !client->deadline_ns || client->deadline_ns > now)
			continue;
		expire(client);
		settle(client);
	}
	set_timer(server);
}

/* ---- streams ---- */

void control_subscribe(struct control_client *client, enum control_topic topic)
{
	set_stream(client, true, topic);
}

void control_on_audience(struct control_server *server, void (*fn)(void *arg, bool audience),
			 void *arg)
{
	server->audience_fn = fn;
	server->audience_arg = arg;
}

bool control_has_subscribers(const struct control_server *server, enum control_topic topic)
{
	for (size_t i = topic; i < _CONTROL_TOPIC_MAX; i++) {
		if (server->subscribers[i])
			return true;
	}
	return false;
}

/* One line, or where `text` is NULL, that there were `lost` more. */
static void stream(struct control_server *server, enum control_topic topic, const char *text,
		   size_t length, uint64_t lost)
{
	for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++) {
		struct control_client *client = server->clients[i];

		if (!client || !client->subscribed || client->topic < topic)
			continue;
		if (text) {
			offer(client, text, length);
		} else {
			miss(client, lost);
			tell_gap(client);
		}
		if (!client->busy)
			settle_but_timer(client);
	}
	set_timer(server);
}

void control_publish(struct control_server *server, enum control_topic topic,
		     struct json_object *object)
{
	const char *text;
	size_t length = 0;

	if (!control_has_subscribers(server, topic))
		return;
	text = text_of(object, &length);
	stream(server, topic, text, length, 1);
}

void control_publish_line(struct control_server *server, enum control_topic topic, const char *text,
			  size_t length)
{
	stream(server, topic, text, length, 1);
}

void control_publish_loss(struct control_server *server, enum control_topic topic, uint64_t count)
{
	if (count && control_has_subscribers(server, topic))
		stream(server, topic, NULL, 0, count);
}

/* ---- the server ---- */

static int fail(char *error, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static int fail(char *error, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, CONTROL_ERROR_SIZE, fmt, ap);
	va_end(ap);
	return code;
}

static int make_parent(const char *path, char *error)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *directory = NULL;
	mode_t mask;
	int r;

	if (!slash || slash == path)
		return 0;
	directory = strndup(path, (size_t)(slash - path));
	if (!directory)
		return fail(error, -ENOMEM, "%s: out of memory", path);
	mask = umask(022);
	r = mkdir(directory, 0755) < 0 && errno != EEXIST ? -errno : 0;
	umask(mask);
	if (r < 0)
		return fail(error, r, "%s: the directory cannot be made: %s", directory,
			    strerror(-r));
	return 0;
}

/* Whether `fd` is still the file of that name: a daemon that stops removes its lock file. */
static bool is_named(int fd, const char *path)
{
	struct stat here, there;

	return sys_fstat(fd, &here) == 0 && sys_lstat(path, &there) == 0 &&
	       here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

static int say_held(int fd, const char *lock_path, char *error)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK || lock.l_pid <= 0)
		return fail(error, -EBUSY,
			    "%s: another daemon has the lock; expected to be the only one",
			    lock_path);
	return fail(error, -EBUSY,
		    "%s: another daemon (pid %d) has the lock; expected to be the only one",
		    lock_path, lock.l_pid);
}

/* A record lock, not flock(2): it belongs to this process alone, so that a helper process forked by a
 * daemon that was killed does not keep the next one out; and the kernel tells who has it. */
static int take_lock(struct control_server *server, char *error)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	for (int attempts = 0; attempts < 10; attempts++) {
		_cleanup_close_ int fd = sys_open(server->lock_path,
						  O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0)
			return fail(error, -errno, "%s: cannot be opened: %s", server->lock_path,
				    strerror(errno));
		if (fcntl(fd, F_SETLK, &lock) < 0) {
			if (errno == EACCES || errno == EAGAIN)
				return say_held(fd, server->lock_path, error);
			return fail(error, -errno, "%s: cannot be locked: %s", server->lock_path,
				    strerror(errno));
		}
		if (is_named(fd, server->lock_path)) {
			server->lock_fd = TAKE_FD(fd);
			return 0;
		}
	}
	return fail(error, -EAGAIN, "%s: somebody keeps replacing it; expected to be the only one",
		    server->lock_path);
}

/* Whoever has the lock owns the name, so a socket that is there is left from a killed daemon. */
static int remove_stale(const char *path, char *error)
{
	struct stat st;

	if (sys_lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : fail(error, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return fail(error, -EEXIST,
			    "%s: exists and is not a socket; expected a name that is free", path);
	if (unlink(path) < 0)
		return fail(error, -errno, "%s: the old socket cannot be removed: %s", path,
			    strerror(errno));
	return 0;
}

static int bind_socket(struct control_server *server, char *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = -1;
	mode_t mask;
	int r;

	strcpy(address.sun_path, server->path); /* control_open() has checked that it fits */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(error, -errno, "%s: no socket: %s", server->path, strerror(errno));
	mask = umask(server->has_group ? 0117 : 0177);
	r = bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	umask(mask);
	if (r < 0)
		return fail(error, r, "%s: the socket cannot be made: %s", server->path,
			    strerror(-r));
	server->listen_fd = TAKE_FD(fd);
	if (server->has_group && lchown(server->path, (uid_t)-1, server->group) < 0)
		return fail(error, -errno, "%s: cannot be given to the group %s: %s", server->path,
			    OBIT_READERS_GROUP, strerror(errno));
	if (listen(server->listen_fd, BACKLOG) < 0)
		return fail(error, -errno, "%s: cannot listen: %s", server->path, strerror(errno));
	return 0;
}

static int start(struct control_server *server, char *error)
{
	int r = make_parent(server->path, error);

	if (r == 0)
		r = take_lock(server, error);
	if (r == 0)
		r = remove_stale(server->path, error);
	if (r == 0)
		r = bind_socket(server, error);
	if (r < 0)
		return r;
	r = loop_timer_new(server->loop, on_timer, server, &server->timer);
	if (r == 0)
		r = loop_add(server->loop, server->listen_fd, EPOLLIN, on_listener, server,
			     &server->listener);
	if (r < 0)
		return fail(error, r, "%s: cannot be waited for: %s", server->path, strerror(-r));
	return 0;
}

int control_open(struct loop *loop, const char *path, control_fn *handler, void *arg,
		 struct control_server **ret, char error[static CONTROL_ERROR_SIZE])
{
	struct control_server *server;
	int r;

	if (strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return fail(error, -ENAMETOOLONG,
			    "%s: too long for a socket; expected at most %zu bytes", path,
			    sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
	server = calloc(1, sizeof(*server));
	if (!server)
		return fail(error, -ENOMEM, "%s: out of memory", path);
	server->loop = loop;
	server->lock_fd = server->listen_fd = -1;
	server->patience_ns = CONTROL_DEADLINE_NS;
	server->handler = handler;
	server->arg = arg;
	server->has_group = sys_group_id(OBIT_READERS_GROUP, &server->group) == 0;
	server->path = strdup(path);
	if (!server->path || asprintf(&server->lock_path, "%s.lock", path) < 0) {
		server->lock_path = NULL;
		r = fail(error, -ENOMEM, "%s: out of memory", path);
	} else {
		r = start(server, error);
	}
	if (r < 0) {
		control_close(server);
		return r;
	}
	*ret = server;
	return 0;
}

void control_close(struct control_server *server)
{
	if (!server)
		return;
	server->audience_fn = NULL;
	for (size_t i = 0; i < CONTROL_MAX_CLIENTS; i++) {
		if (!server->clients[i])
			continue;
		flush(server->clients[i]);
		client_remove(server->clients[i]);
	}
	loop_source_free(server->listener);
	loop_timer_free(server->timer);
	/* Only what is ours; the lock file last, since with it goes the right to the socket's name. */
	if (server->listen_fd >= 0)
		unlink(server->path);
	if (server->lock_fd >= 0)
		unlink(server->lock_path);
	nudge_begin();
	close_fdp(&server->listen_fd); /* with who was not accepted */
	nudge_end();
	close_fdp(&server->lock_fd);
	free(server->path);
	free(server->lock_path);
	free(server);
}

void control_set_deadline(struct control_server *server, uint64_t deadline_ns)
{
	server->patience_ns = deadline_ns;
}

const struct control_counters *control_counters(const struct control_server *server)
{
	return &server->counters;
}
