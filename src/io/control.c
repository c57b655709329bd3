// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The server: who connects, with which rights and until when; and who follows. */
#include "io/control_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/nudge.h"
#include "base/protocol.h"
#include "io/sys.h"

#define ACCEPTS_PER_EVENT 16
#define PAUSE_NS	  NS_PER_SEC /* without accepting, when there are no descriptors left */

uid_t control_peer(const struct control_client *client, pid_t *ret_pid)
{
	*ret_pid = client->peer.pid;
	return client->peer.uid;
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
	       (control_has_output(client) && !client->subscribed);
}

static void settle_but_timer(struct control_client *client)
{
	uint32_t events;

	if (client->closing && !control_has_output(client))
		client->dead = true;
	/* Requests wait in the socket until the replies before them are read. */
	events = control_has_output(client)	     ? EPOLLOUT
		 : client->at_eof || client->closing ? 0
						     : EPOLLIN;
	if (client->dead || loop_source_set_events(client->source, events) < 0)
		client_remove(client);
	else if (!is_pending(client))
		client->deadline_ns = 0;
	else if (!client->deadline_ns)
		client->deadline_ns = clock_running_ns() + client->server->patience_ns;
}

/* Ends every work on a client: frees it, or waits for what it does next. The caller must not touch
 * it any more. */
static void settle(struct control_client *client)
{
	struct control_server *server = client->server;

	settle_but_timer(client);
	set_timer(server);
}

static void on_client(void *arg, uint32_t events)
{
	struct control_client *client = arg;

	client->busy = true;
	if (control_has_output(client) || client->at_eof)
		client->dead = events & (EPOLLERR | EPOLLHUP); /* nobody will read it */
	if (!client->dead && control_has_output(client))
		control_flush(client);
	else if (!client->dead)
		control_receive(client);
	control_answer(client);
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
	_cleanup_free_ char *line = control_failure_line(
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
	server->paused_until_ns = clock_running_ns() + PAUSE_NS;
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
	if (control_has_output(client)) {
		control_drop(client);
		return;
	}
	client->server->counters.garbage++;
	control_fail(client, OBIT_EXIT_FAILED, "the request was not finished in time");
	client->dead = true;
}

static void on_timer(void *arg)
{
	struct control_server *server = arg;
	uint64_t now = clock_running_ns();

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
		if (text)
			control_offer(client, text, length);
		else
			control_offer_loss(client, lost);
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
	text = control_text_of(object, &length);
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

static int start(struct control_server *server, char *error)
{
	int r = control_socket_open(server, error);

	if (r < 0)
		return r;
	r = loop_timer_new(server->loop, on_timer, server, &server->timer);
	if (r == 0)
		r = loop_add(server->loop, server->listen_fd, EPOLLIN, on_listener, server,
			     &server->listener);
	if (r < 0)
		return control_say(error, r, "%s: cannot be waited for: %s", server->path,
				   strerror(-r));
	return 0;
}

int control_open(struct loop *loop, const char *path, control_fn *handler, void *arg,
		 struct control_server **ret, char error[static CONTROL_ERROR_SIZE])
{
	struct control_server *server;
	int r;

	if (strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return control_say(error, -ENAMETOOLONG,
				   "%s: too long for a socket; expected at most %zu bytes", path,
				   sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
	server = calloc(1, sizeof(*server));
	if (!server)
		return control_say(error, -ENOMEM, "%s: out of memory", path);
	server->loop = loop;
	server->lock_fd = server->listen_fd = -1;
	server->patience_ns = CONTROL_DEADLINE_NS;
	server->handler = handler;
	server->arg = arg;
	server->has_group = sys_group_id(OBIT_READERS_GROUP, &server->group) == 0;
	server->path = strdup(path);
	if (!server->path || asprintf(&server->lock_path, "%s.lock", path) < 0) {
		server->lock_path = NULL;
		r = control_say(error, -ENOMEM, "%s: out of memory", path);
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
		control_flush(server->clients[i]);
		client_remove(server->clients[i]);
	}
	loop_source_free(server->listener);
	loop_timer_free(server->timer);
	control_socket_close(server);
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
