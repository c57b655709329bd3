/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the parts of the server share: control (who connects, and who follows), control_request (what comes from a client),
 * control_output (what goes to it), control_socket (the name and its lock). Nobody else includes it. */
#ifndef OBIT_IO_CONTROL_INTERNAL_H
#define OBIT_IO_CONTROL_INTERNAL_H

#include <sys/socket.h>

#include "base/protocol.h"
#include "io/control.h"

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

/* ---- control_request.c ---- */

/* Reads what the socket has. */
void control_receive(struct control_client *client);
/* Answers the requests that are whole, one after the other, until one has output; and what will never be one. */
void control_answer(struct control_client *client);

/* ---- control_output.c ---- */

static inline bool control_has_output(const struct control_client *client)
{
	return client->out_end > client->out_start;
}

/* Sends what the socket takes now. A client that is gone becomes dead. */
void control_flush(struct control_client *client);
/* Does not read what it has asked for: it becomes dead. */
void control_drop(struct control_client *client);

/* One line of a stream, without its newline. What is queued here is sent together in the next turn, or
 * when it is much: a reader on another processor keeps up even with a flood that comes within one turn. */
void control_offer(struct control_client *client, const char *text, size_t length);
/* So many lines were lost before they came here. */
void control_offer_loss(struct control_client *client, uint64_t count);

/* The object as text, which lives as long as the object; NULL without memory. */
const char *control_text_of(struct json_object *object, size_t *ret_length);
/* {"ok": false, ...}, to be freed; `error` is printable. */
char *control_failure_line(int exit_status, const char *error, size_t *ret_length);

/* ---- control_socket.c ---- */

/* Takes the lock, and listens. 0, or -errno with a sentence in `error`. */
int control_socket_open(struct control_server *server, char *error);
void control_socket_close(struct control_server *server);
/* Writes the sentence, and returns `code`. */
int control_say(char *error, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
