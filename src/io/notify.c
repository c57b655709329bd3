// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/nudge.h"
#include "core/notify.h"
#include "io/loop.h"
#include "io/sys.h"

#define TURN_MAX 32 /* datagrams of one socket in one turn of the loop */
#define DRAIN_MAX                                                                                  \
	1024 /* the same of all that waits: more than net.unix.max_dgram_qlen usually is */
#define SOCKETS_MAX 256 /* users */

struct notify_socket {
	struct notify_server *server;
	uid_t uid;
	int fd;
	struct loop_source *source;
	struct sockaddr_un address;
	struct notify_socket *prev, *next;
};

struct notify_server {
	struct loop *loop;
	char *directory;
	notify_fn *fn;
	void *arg;
	struct notify_counters counters;
	struct notify_socket *sockets;
	unsigned count;
};

/* ---- datagrams ---- */

static pid_t sender_of(struct msghdr *message)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	struct ucred credentials;

	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_CREDENTIALS ||
	    header->cmsg_len < CMSG_LEN(sizeof(credentials)))
		return 0;
	memcpy(&credentials, CMSG_DATA(header), sizeof(credentials));
	return credentials.pid;
}

/* There is room for the sender and not for files: the kernel lets go of what is sent beyond that, and where that takes
 * its time it is nudged. Since all that was sent before has been dealt with by then, that is what BARRIER=1 asks
 * for, too. Returns false where nothing is left. */
static bool receive(struct notify_socket *own)
{
	struct notify_server *server = own->server;
	char data[NOTIFY_MAX + 1];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec part = {.iov_base = data, .iov_len = sizeof(data)};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	ssize_t n;
	pid_t sender;

	nudge_begin();
	n = recvmsg(own->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	nudge_end();
	if (n < 0)
		return errno == EINTR;
	sender = sender_of(&message);
	server->counters.received++;
	if (message.msg_flags & MSG_TRUNC || n > NOTIFY_MAX || sender <= 0)
		server->counters.cut++;
	else
		server->fn(server->arg, sender, data, (size_t)n);
	return true;
}

static void on_readable(void *arg, uint32_t events)
{
	struct notify_socket *own = arg;

	(void)events;
	for (unsigned i = 0; i < TURN_MAX && receive(own); i++)
		;
}

/* ---- sockets ---- */

static void free_socket(struct notify_socket *own)
{
	loop_source_free(own->source);
	if (own->fd >= 0)
		unlink(own->address.sun_path);
	nudge_begin();
	close_fdp(&own->fd); /* with what was not read */
	nudge_end();
	free(own);
}

/* The user's own: of others only root may write to it. */
static int listen_for(struct notify_socket *own)
{
	const char *path = own->address.sun_path;
	int on = 1, r;
	mode_t mask;

	own->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (own->fd < 0)
		return -errno;
	unlink(path);
	mask = umask(0177);
	r = bind(own->fd, (const struct sockaddr *)&own->address, sizeof(own->address));
	umask(mask);
	if (r < 0 || setsockopt(own->fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
	    lchown(path, own->uid, (gid_t)-1) < 0)
		return -errno;
	return loop_add(own->server->loop, own->fd, EPOLLIN, on_readable, own, &own->source);
}

static int make_directory(const char *path)
{
	mode_t mask = umask(022);
	int r = mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;

	umask(mask);
	return r;
}

static int add_socket(struct notify_server *server, uid_t uid, struct notify_socket **ret)
{
	struct notify_socket *own;
	int r = server->count < SOCKETS_MAX ? make_directory(server->directory) : -EMFILE;

	if (r < 0)
		return r;
	own = calloc(1, sizeof(*own));
	if (!own)
		return -ENOMEM;
	*own = (struct notify_socket){.server = server, .uid = uid, .fd = -1};
	own->address.sun_family = AF_UNIX;
	if ((size_t)snprintf(own->address.sun_path, sizeof(own->address.sun_path), "%s/%u",
			     server->directory, uid) >= sizeof(own->address.sun_path))
		r = -ENAMETOOLONG;
	if (r == 0)
		r = listen_for(own);
	if (r < 0) {
		free_socket(own);
		return r;
	}
	DL_APPEND(server->sockets, own);
	server->count++;
	*ret = own;
	return 0;
}

const char *notify_path(struct notify_server *server, uid_t uid,
			char error[static NOTIFY_ERROR_SIZE])
{
	struct notify_socket *own;
	int r;

	DL_FOREACH (server->sockets, own)
		if (own->uid == uid)
			return own->address.sun_path;
	r = add_socket(server, uid, &own);
	if (r == 0)
		return own->address.sun_path;
	snprintf(error, NOTIFY_ERROR_SIZE, "%.180s/%u: cannot listen: %s", server->directory, uid,
		 strerror(-r));
	return NULL;
}

int notify_open(struct loop *loop, const char *directory, notify_fn *fn, void *arg,
		struct notify_server **ret)
{
	struct notify_server *server = calloc(1, sizeof(*server));

	if (!server)
		return -ENOMEM;
	*server = (struct notify_server){.loop = loop, .fn = fn, .arg = arg};
	server->directory = strdup(directory);
	if (!server->directory) {
		free(server);
		return -ENOMEM;
	}
	*ret = server;
	return 0;
}

void notify_drain(struct notify_server *server)
{
	struct notify_socket *own;

	DL_FOREACH (server->sockets, own)
		for (unsigned i = 0; i < DRAIN_MAX && receive(own); i++)
			;
}

const struct notify_counters *notify_counters(const struct notify_server *server)
{
	return &server->counters;
}

void notify_close(struct notify_server *server)
{
	struct notify_socket *own, *next;

	if (!server)
		return;
	DL_FOREACH_SAFE (server->sockets, own, next) {
		DL_DELETE(server->sockets, own);
		free_socket(own);
	}
	if (server->count)
		rmdir(server->directory);
	free(server->directory);
	free(server);
}
