/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The sending side of sd_notify(3): what a service tells the manager that has started it. */
#ifndef OBIT_IO_SD_NOTIFY_H
#define OBIT_IO_SD_NOTIFY_H

#include <sys/socket.h>
#include <sys/un.h>

struct sd_notify {
	int fd; /* -1: nobody is told */
	struct sockaddr_un address;
	socklen_t length;
};

#define SD_NOTIFY_CLOSED ((struct sd_notify){.fd = -1})

/* `path` is that of $NOTIFY_SOCKET: absolute, or "@" and an abstract name. 0, -EINVAL for any other or one that is too
 * long, or -errno. */
int sd_notify_open(struct sd_notify *notify, const char *path);

/* Sends NAME=VALUE lines; never waits. 0 or -errno. */
int sd_notify_send(const struct sd_notify *notify, const char *lines);

void sd_notify_close(struct sd_notify *notify);

#endif
