/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The server of base/protocol.h. Clients never block the loop: each has a limit for what it sends, a
 * limit for what it leaves unread, and a deadline for both. */
#ifndef OBIT_IO_CONTROL_H
#define OBIT_IO_CONTROL_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "io/loop.h"

struct control_server;
struct control_client;

#define CONTROL_ERROR_SIZE  512
#define CONTROL_MAX_CLIENTS 64
#define CONTROL_MAX_READERS 48		  /* of them not root, so that root always finds room */
#define CONTROL_MAX_OUTPUT  (1024 * 1024) /* bytes that a client may leave unread */
/* Bytes of an answer. One that is longer than CONTROL_MAX_OUTPUT, as of ten thousand services, is on its way to one
 * client at a time. */
#define CONTROL_MAX_ANSWER  (15 * 1024 * 1024)
#define CONTROL_DEADLINE_NS (5 * NS_PER_SEC)

/* What a stream is about. CONTROL_ALL takes in CONTROL_WATCHED. */
enum control_topic {
	CONTROL_WATCHED, /* obituaries of watched processes */
	CONTROL_ALL,	 /* obituaries of all processes */
	_CONTROL_TOPIC_MAX,
};

struct control_counters {
	uint64_t clients;  /* connected now */
	uint64_t accepted; /* connections that were let in */
	uint64_t refused;  /* connections too many, and requests without permission */
	uint64_t garbage;  /* requests that are none: malformed, too long, never finished */
	uint64_t dropped;  /* clients closed because they did not read their replies */
	uint64_t missed;   /* lines that subscribers were not sent, but told of as dropped */
};

/* Answers one request with exactly one control_reply() or control_fail() before it returns; the client
 * is not to be kept. `command` and `request` (a JSON object) are borrowed. `may_act` is false for those
 * who may only read. */
typedef void control_fn(void *arg, struct control_client *client, const char *command,
			struct json_object *request, bool may_act);

/* Listens on `path`, whose directory is made if it is missing. PATH.lock keeps a second daemon off: then
 * -EBUSY, and the sentence in `error` names the holder's pid. A socket left behind by a killed daemon is
 * replaced. Returns 0, or -errno with a sentence in `error`. The caller owns *ret. */
int control_open(struct loop *loop, const char *path, control_fn *handler, void *arg,
		 struct control_server **ret, char error[static CONTROL_ERROR_SIZE]);

/* Sends what the clients take at once, closes every connection, and removes the socket and its lock file.
 * Not to be called from a handler. Accepts NULL. */
void control_close(struct control_server *server);

/* Changes how long a request may stay unfinished and a reply unread; CONTROL_DEADLINE_NS at first. */
void control_set_deadline(struct control_server *server, uint64_t deadline_ns);

/* Who the client was when it connected, as the kernel says. */
uid_t control_peer(const struct control_client *client, pid_t *ret_pid);

/* {"ok": true, "data": data}. Takes ownership of `data`, which may be NULL for null. */
void control_reply(struct control_client *client, struct json_object *data);

/* {"ok": false, "exit": exit, "error": ...}. The sentence is cut at 1023 bytes, its control characters
 * are escaped. */
void control_fail(struct control_client *client, int exit_status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* From now on the client gets what is published on `topic`, until either side closes; a second
 * subscription replaces the first. A stream has no deadline: who does not read misses lines. */
void control_subscribe(struct control_client *client, enum control_topic topic);

/* Whether a line of that topic would go to anybody. */
bool control_has_subscribers(const struct control_server *server, enum control_topic topic);

/* Sends one line, in the next turn of the loop at the latest; `object` stays the caller's. Lines of
 * CONTROL_WATCHED go to every subscriber, those of CONTROL_ALL to the subscribers of CONTROL_ALL. Who
 * has CONTROL_MAX_OUTPUT unread is not sent it; as soon as there is room again, and before anything newer,
 * the line {"dropped": N, "time": RFC 3339} stands for the N that are missing there. So, for each subscriber,
 * lines and the sum of N are what was published to it. */
void control_publish(struct control_server *server, enum control_topic topic,
		     struct json_object *object);

/* The same for a line that is text already, of printable ASCII and UTF-8 without a newline. */
void control_publish_line(struct control_server *server, enum control_topic topic, const char *text,
			  size_t length);

/* Tells the subscribers of a topic of `count` lines that were lost before they came here. */
void control_publish_loss(struct control_server *server, enum control_topic topic, uint64_t count);

/* `fn` is called with true when the first subscriber of CONTROL_ALL comes, and with false when the last
 * one goes, from within whatever showed it: it must not call this server. control_close() does not call it. */
void control_on_audience(struct control_server *server, void (*fn)(void *arg, bool audience),
			 void *arg);

const struct control_counters *control_counters(const struct control_server *server);

#endif
