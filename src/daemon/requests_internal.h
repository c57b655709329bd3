/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the parts of obit(1)'s requests share: requests (the table), requests_target (whom is it about?), requests_read,
 * requests_act and requests_configure (what is done, by who may ask for it). Nobody else includes it. */
#ifndef OBIT_DAEMON_REQUESTS_INTERNAL_H
#define OBIT_DAEMON_REQUESTS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/daemon.h"

struct request {
	struct daemon *daemon;
	struct control_client *client;
	const char *command;
	const char *verb;	      /* the same, as the table has it */
	const char *name;	      /* "" if none was given */
	const char *signal;	      /* the same */
	int64_t count;		      /* -1 if none was given */
	int64_t for_ns;		      /* 0 if none was given */
	bool all;		      /* not only of watched processes; or all watches */
	struct json_object *settings; /* an array of strings, or NULL */
	bool secrets;		      /* unmasked */
	bool may_act;
};

/* Each answers the client, once. */
typedef void request_handler(const struct request *request);

request_handler request_ls, request_why, request_tail, request_log, request_show, request_status,
	request_stats, request_watchdog, request_version;
request_handler request_act, request_kill, request_pause;
request_handler request_watch, request_unwatch, request_reload, request_upgrade;

/* What NAME or NAME@PID stands for. */
struct target {
	size_t watch;
	struct instance *only; /* NULL: all of the watch */
};

/* False after it has answered. What has another pid by now is not acted upon. */
bool request_find_target(const struct request *request, struct target *ret);
bool request_means(const struct target *target, const struct instance *instance);

/* The watch of NAME or NAME@PID, of which *ret_pid is 0 or the pid; MATCH_NONE where there is no such watch. */
ssize_t request_split_name(const struct request *request, __u32 *ret_pid, bool *ret_has_pid);
ssize_t request_watch_named(const struct daemon *daemon, const char *name, size_t length);
/* Answers that there is no such watch. */
void request_fail_unknown(const struct request *request);

/* The instance that runs as `pid`; else the newest that has no process, and had that one last. */
struct instance *request_instance_with(const struct daemon *daemon, size_t watch, __u32 pid);
/* The newest instance whose life before had that pid. */
struct instance *request_instance_since(const struct daemon *daemon, size_t watch, __u32 pid);

/* {"name", "state", "pid"} of all or of one. */
struct json_object *request_render_status(const struct daemon *daemon, const struct target *target);

#endif
