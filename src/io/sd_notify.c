// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/sd_notify.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "io/sys.h"

int sd_notify_open(struct sd_notify *notify, const char *path)
{
	size_t length = strlen(path);

	if ((*path != '/' && *path != '@') || length < 2 ||
	    length >= sizeof(notify->address.sun_path))
		return -EINVAL;
	*notify = SD_NOTIFY_CLOSED;
	notify->address.sun_family = AF_UNIX;
	memcpy(notify->address.sun_path, path, length);
	notify->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	if (*path == '@')
		notify->address.sun_path[0] = '\0';
	notify->fd = sys_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return notify->fd < 0 ? -errno : 0;
}

int sd_notify_send(const struct sd_notify *notify, const char *lines)
{
	ssize_t n = sys_sendto(notify->fd, lines, strlen(lines), MSG_DONTWAIT | MSG_NOSIGNAL,
			       (const struct sockaddr *)&notify->address, notify->length);

	return n < 0 ? -errno : 0;
}

void sd_notify_close(struct sd_notify *notify)
{
	close_fdp(&notify->fd);
	*notify = SD_NOTIFY_CLOSED;
}
