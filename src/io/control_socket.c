// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The socket's name, and the lock beside it: one daemon has them. */
#include "io/control_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/nudge.h"
#include "base/protocol.h"
#include "io/sys.h"

#define BACKLOG 16

int control_say(char *error, int code, const char *fmt, ...)
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
		return control_say(error, -ENOMEM, "%s: out of memory", path);
	mask = umask(022);
	r = mkdir(directory, 0755) < 0 && errno != EEXIST ? -errno : 0;
	umask(mask);
	if (r < 0)
		return control_say(error, r, "%s: the directory cannot be made: %s", directory,
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
		return control_say(error, -EBUSY,
				   "%s: another daemon has the lock; expected to be the only one",
				   lock_path);
	return control_say(error, -EBUSY,
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
			return control_say(error, -errno, "%s: cannot be opened: %s",
					   server->lock_path, strerror(errno));
		if (fcntl(fd, F_SETLK, &lock) < 0) {
			if (errno == EACCES || errno == EAGAIN)
				return say_held(fd, server->lock_path, error);
			return control_say(error, -errno, "%s: cannot be locked: %s",
					   server->lock_path, strerror(errno));
		}
		if (is_named(fd, server->lock_path)) {
			server->lock_fd = TAKE_FD(fd);
			return 0;
		}
	}
	return control_say(error, -EAGAIN,
			   "%s: somebody keeps replacing it; expected to be the only one",
			   server->lock_path);
}

/* Whoever has the lock owns the name, so a socket that is there is left from a killed daemon. */
static int remove_stale(const char *path, char *error)
{
	struct stat st;

	if (sys_lstat(path, &st) < 0)
		return errno == ENOENT
			       ? 0
			       : control_say(error, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return control_say(error, -EEXIST,
				   "%s: exists and is not a socket; expected a name that is free",
				   path);
	if (unlink(path) < 0)
		return control_say(error, -errno, "%s: the old socket cannot be removed: %s", path,
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
		return control_say(error, -errno, "%s: no socket: %s", server->path,
				   strerror(errno));
	mask = umask(server->has_group ? 0117 : 0177);
	r = bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	umask(mask);
	if (r < 0)
		return control_say(error, r, "%s: the socket cannot be made: %s", server->path,
				   strerror(-r));
	server->listen_fd = TAKE_FD(fd);
	if (server->has_group && lchown(server->path, (uid_t)-1, server->group) < 0)
		return control_say(error, -errno, "%s: cannot be given to the group %s: %s",
				   server->path, OBIT_READERS_GROUP, strerror(errno));
	if (listen(server->listen_fd, BACKLOG) < 0)
		return control_say(error, -errno, "%s: cannot listen: %s", server->path,
				   strerror(errno));
	return 0;
}

int control_socket_open(struct control_server *server, char *error)
{
	int r = make_parent(server->path, error);

	if (r == 0)
		r = take_lock(server, error);
	if (r == 0)
		r = remove_stale(server->path, error);
	if (r == 0)
		r = bind_socket(server, error);
	return r;
}

void control_socket_close(struct control_server *server)
{
	/* Only what is ours; the lock file last, since with it goes the right to the socket's name. */
	if (server->listen_fd >= 0)
		unlink(server->path);
	if (server->lock_fd >= 0)
		unlink(server->lock_path);
	nudge_begin();
	close_fdp(&server->listen_fd); /* with who was not accepted */
	nudge_end();
	close_fdp(&server->lock_fd);
}
