// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/scribe.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/stdio.h"
#include "io/confine.h"
#include "io/helper.h"
#include "io/sys.h"

#define FILE_MODE   0640
#define PATIENCE_NS (2 * NS_PER_SEC) /* at the end */

/* ---- the file ---- */

static int fail(char *error, const char *directory, const char *name, const char *what)
{
	int code = -errno;

	snprintf(error, STATE_DIR_ERROR_SIZE, "%.120s/%s cannot be %s: %s", directory, name, what,
		 strerror(-code));
	return code;
}

static int write_all(int fd, const char *text, size_t length)
{
	while (length) {
		ssize_t n = sys_write(fd, text, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		length -= (size_t)n;
	}
	return sys_fdatasync(fd) < 0 ? -errno : 0;
}

/* The old one is there until the new one is, whole and on disk. */
int scribe_replace(const char *directory, const char *name, const char *text, size_t length,
		   char error[static STATE_DIR_ERROR_SIZE])
{
	_cleanup_close_ int dir = state_dir_open(directory, error), fd = -1;
	char fresh[64];

	if (dir < 0)
		return dir;
	snprintf(fresh, sizeof(fresh), "%.48s.new", name);
	unlinkat(dir, fresh, 0);
	fd = sys_openat(dir, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			FILE_MODE);
	if (fd < 0)
		return fail(error, directory, fresh, "made");
	state_dir_give_to_readers(fd);
	if (write_all(fd, text, length) < 0)
		return fail(error, directory, fresh, "written");
	if (sys_renameat(dir, fresh, dir, name) < 0 || fsync(dir) < 0)
		return fail(error, directory, name, "replaced");
	error[0] = '\0';
	return 0;
}

int scribe_load(const char *directory, const char *name, char **ret)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	_cleanup_close_ int fd = -1;
	ssize_t n;

	*ret = NULL;
	if (asprintf(&path, "%s/%s", directory, name) < 0)
		return -ENOMEM;
	fd = sys_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	text = malloc(SCRIBE_TEXT_MAX + 1);
	if (!text)
		return -ENOMEM;
	n = sys_read(fd, text, SCRIBE_TEXT_MAX);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	*ret = TAKE_PTR(text);
	return 0;
}

/* ---- the process ---- */

struct scribe {
	char *directory, *name;
	scribe_fn *told;
	void *arg;
	pid_t pid;  /* 0: none */
	int socket; /* -1: none */
	struct loop *loop;
	struct loop_source *source;
	char *text; /* the newest; NULL: it is on disk, or cannot be */
	size_t length;
	bool sent; /* it is with the process, */
	bool more; /* and is not the newest any more */
};

static void serve(void *arg, int socket)
{
	static char text[SCRIBE_TEXT_MAX];
	const struct scribe *scribe = arg;
	char error[STATE_DIR_ERROR_SIZE];
	ssize_t n;

	umask(0);
	stdio_let_go(); /* who has started obitd may wait for the end of a pipe */
	if (chdir("/") < 0)
		_exit(1);
	state_dir_learn_readers();
	confine_self(STATE_DIR_CAPS);
	while ((n = recv(socket, text, sizeof(text), 0)) > 0 || (n < 0 && errno == EINTR)) {
		if (n < 0)
			continue;
		memset(error, 0, sizeof(error));
		scribe_replace(scribe->directory, scribe->name, text, (size_t)n, error);
		send(socket, error, sizeof(error), MSG_NOSIGNAL);
	}
}

/* ---- in the daemon ---- */

int scribe_new(const char *directory, const char *name, scribe_fn *told, void *arg,
	       struct scribe **ret)
{
	_cleanup_free_ struct scribe *scribe = calloc(1, sizeof(*scribe));
	_cleanup_free_ char *own_directory = strdup(directory), *own_name = strdup(name);

	if (!scribe || !own_directory || !own_name)
		return -ENOMEM;
	*scribe = (struct scribe){.directory = TAKE_PTR(own_directory),
				  .name = TAKE_PTR(own_name),
				  .told = told,
				  .arg = arg,
				  .socket = -1};
	*ret = TAKE_PTR(scribe);
	return 0;
}

pid_t scribe_pid(const struct scribe *scribe)
{
	return scribe->pid;
}

/* One message is on its way at a time: there is always room for it. */
static void push(struct scribe *scribe)
{
	ssize_t n;

	if (!scribe->text || scribe->sent || scribe->socket < 0)
		return;
	do
		n = send(scribe->socket, scribe->text, scribe->length, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	scribe->sent = n >= 0;
	scribe->more = false;
}

static void forget_text(struct scribe *scribe)
{
	free(scribe->text);
	scribe->text = NULL;
	scribe->sent = scribe->more = false;
}

static bool take_answer(struct scribe *scribe)
{
	char error[STATE_DIR_ERROR_SIZE];

	if (recv(scribe->socket, error, sizeof(error), MSG_DONTWAIT) != sizeof(error))
		return false;
	error[sizeof(error) - 1] = '\0';
	scribe->sent = false;
	if (scribe->more) {
		push(scribe);
		return true;
	}
	forget_text(scribe);
	scribe->told(scribe->arg, error);
	return true;
}

static void stop_hearing(struct scribe *scribe)
{
	loop_source_free(scribe->source);
	scribe->source = NULL;
}

static void on_socket(void *arg, uint32_t events)
{
	struct scribe *scribe = arg;

	while (take_answer(scribe))
		;
	if (events & (EPOLLHUP | EPOLLERR))
		stop_hearing(scribe); /* it has died: the caller will see that, and start another */
}

int scribe_attach(struct scribe *scribe, struct loop *loop)
{
	scribe->loop = loop;
	if (scribe->socket < 0 || scribe->source)
		return 0;
	return loop_add(loop, scribe->socket, EPOLLIN, on_socket, scribe, &scribe->source);
}

static int start_process(struct scribe *scribe)
{
	pid_t pid = helper_start("obitd-scribe", SOCK_SEQPACKET, true, serve, scribe,
				 &scribe->socket);

	if (pid < 0)
		return pid;
	scribe->pid = pid;
	return 0;
}

int scribe_start(struct scribe *scribe)
{
	int r;

	stop_hearing(scribe);
	close_fdp(&scribe->socket);
	scribe->socket = -1;
	scribe->pid = 0;
	scribe->sent = false;
	r = start_process(scribe);
	if (r == 0 && scribe->loop)
		r = scribe_attach(scribe, scribe->loop);
	push(scribe);
	return r;
}

int scribe_write(struct scribe *scribe, const char *text, size_t length)
{
	char *copy;

	if (!length || length > SCRIBE_TEXT_MAX)
		return -EMSGSIZE;
	copy = malloc(length);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, length);
	free(scribe->text);
	scribe->text = copy;
	scribe->length = length;
	scribe->more = scribe->sent;
	push(scribe);
	return 0;
}

/* The process ends when its socket does. */
static void see_it_end(struct scribe *scribe)
{
	uint64_t deadline = clock_running_ns() + PATIENCE_NS, now;
	struct pollfd fd = {.fd = scribe->socket, .events = POLLIN};

	if (!scribe->text)
		shutdown(scribe->socket, SHUT_WR);
	while ((now = clock_running_ns()) < deadline && !(fd.revents & (POLLHUP | POLLERR))) {
		if (poll(&fd, 1, (int)((deadline - now) / NS_PER_MS) + 1) <= 0)
			continue;
		while (take_answer(scribe))
			;
		if (!scribe->text)
			shutdown(scribe->socket, SHUT_WR);
	}
}

void scribe_free(struct scribe *scribe)
{
	if (!scribe)
		return;
	stop_hearing(scribe);
	if (scribe->socket >= 0)
		see_it_end(scribe);
	close_fdp(&scribe->socket);
	free(scribe->text);
	free(scribe->directory);
	free(scribe->name);
	free(scribe);
}
