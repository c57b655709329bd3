/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One connection to the daemon: a line out, lines in. Nothing here writes messages. */
#ifndef OBIT_CLI_CLIENT_H
#define OBIT_CLI_CLIENT_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#define CLIENT_MAX_LINE	     (16U * 1024 * 1024)
#define CLIENT_REPLY_TIMEOUT 10000 /* ms that a reply may take */
#define CLIENT_FOREVER	     (-1)

struct client {
	int fd;
	int reader_fd; /* whoever reads our output; -1: not looked at */
	char *buf;
	size_t size, start, end;
};

#define CLIENT_CLOSED ((struct client){.fd = -1, .reader_fd = -1})

/* Connects to the socket. Returns 0; -ENAMETOOLONG for a path that no socket can have; or the
 * -errno of connect(2). */
int client_open(const char *path, struct client *ret);

/* Releases everything; also what was never opened. */
void client_close(struct client *client);
#define _cleanup_client_ _cleanup_(client_close)

/* Sends one request line. Returns 0 or -errno; -EMSGSIZE above OBIT_MAX_REQUEST bytes. */
int client_send(struct client *client, struct json_object *request);

/* Whether a line is here already. */
bool client_has_line(const struct client *client);

/* Waits at most `timeout_ms` for the next line and returns 1; *ret_line has no newline and is
 * valid until the next call. 0: the daemon closed the connection. -ETIMEDOUT; -EMSGSIZE: longer
 * than CLIENT_MAX_LINE; -EPIPE: nobody reads `reader_fd` any more; or another -errno. */
int client_line(struct client *client, int timeout_ms, char **ret_line);

#endif
