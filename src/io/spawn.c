// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The spawner, and what it is asked: both ends of its socket. */
#include "io/spawn_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "io/helper.h"
#include "io/sys.h"

static void tell_failure(int report, enum stage stage, int error)
{
	struct spawn_message message = {.stage = (int)stage, .error = error};

	if (write(report, &message, sizeof(message)) < 0)
		return; /* nobody listens any more */
}

/* A request is one datagram: its head, then the packed launch, unless that is too long and comes in memory of its own;
 * and descriptors, of which those that `has` names are sent. */
enum request_fd { FD_REPORT, FD_NUMBER, FD_GO, FD_PLACE, FD_LAUNCH, REQUEST_FDS };

/* Of a packed launch in the datagram: those of max_parallel_starts are in the socket at a time. */
#define LAUNCH_MAX (7UL * 1024)

#define SOCKET_SIZE (4 * 1024 * 1024)

struct request {
	uint64_t size; /* of the packed launch */
	uint64_t number;
	uint32_t has; /* bits: enum request_fd */
	uint32_t v2, move, pad;
};

/* The kernel side writes the number into the child's letter at its birth: then whose it is can be told by whoever
 * finds it, though the daemon may be dead by then. */
static int tell_number(int map, uint64_t number)
{
	static volatile uint64_t *place;
	void *memory;

	if (!place) {
		memory = mmap(NULL, sizeof(*place), PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
		if (memory == MAP_FAILED)
			return -errno;
		place = memory;
	}
	*place = number;
	return 0;
}

static char *map_launch(const struct request *request, int memory)
{
	void *bytes = mmap(NULL, request->size, PROT_READ, MAP_SHARED, memory, 0);

	return bytes == MAP_FAILED ? NULL : bytes;
}

static void serve(const struct request *request, char *inside, const int fds[static REQUEST_FDS])
{
	struct launch launch = {0};
	struct spawn_order order = {
		.launch = &launch,
		.place = {.fd = fds[FD_PLACE], .v2 = request->v2, .move = request->move},
		.report = fds[FD_REPORT],
		.go = fds[FD_GO],
	};
	char *mapped = fds[FD_LAUNCH] < 0 ? NULL : map_launch(request, fds[FD_LAUNCH]);
	char *bytes = fds[FD_LAUNCH] < 0 ? inside : mapped;
	int r = tell_number(fds[FD_NUMBER], request->number);

	if (r == 0)
		r = bytes ? launch_unpack(bytes, request->size, &launch) : -ENOMEM;
	if (r != 0) {
		tell_failure(order.report, STAGE_REQUEST, -r);
	} else {
		if (spawn_child_make(&order) < 0)
			tell_failure(order.report, STAGE_CLONE, errno);
		launch_clear(&launch);
	}
	if (mapped)
		munmap(mapped, request->size);
}

static void take_descriptors(const struct request *request, const unsigned char *sent,
			     int fds[static REQUEST_FDS])
{
	for (int i = 0; i < REQUEST_FDS; i++) {
		fds[i] = -1;
		if (!(request->has & 1U << i))
			continue;
		memcpy(&fds[i], sent, sizeof(int));
		sent += sizeof(int);
	}
}

/* False when the daemon is gone. */
static bool take_request(int socket, struct request *ret, char launch[static LAUNCH_MAX],
			 int fds[static REQUEST_FDS])
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * REQUEST_FDS)];
		struct cmsghdr align;
	} control;
	struct iovec parts[] = {{.iov_base = ret, .iov_len = sizeof(*ret)},
				{.iov_base = launch, .iov_len = LAUNCH_MAX}};
	struct msghdr message = {.msg_iov = parts,
				 .msg_iovlen = ARRAY_SIZE(parts),
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *header;
	ssize_t n;

	do
		n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < (ssize_t)sizeof(*ret))
		return false;
	header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_type != SCM_RIGHTS)
		return false;
	take_descriptors(ret, CMSG_DATA(header), fds);
	return true;
}

static void run_spawner(void *arg, int socket)
{
	static _Alignas(64) char launch[LAUNCH_MAX];
	struct request request;
	int fds[REQUEST_FDS];

	(void)arg;
	spawn_child_prepare();
	while (take_request(socket, &request, launch, fds)) {
		serve(&request, launch, fds);
		for (int i = 0; i < REQUEST_FDS; i++)
			close_fdp(&fds[i]);
	}
}

/* ---- in the daemon ---- */

struct spawner {
	pid_t pid;
	int socket;
};

int spawner_start(struct spawner **ret)
{
	_cleanup_free_ struct spawner *spawner = calloc(1, sizeof(*spawner));

	if (!spawner)
		return -ENOMEM;
	spawner->pid = helper_start("obitd-spawner", SOCK_SEQPACKET, true, run_spawner, NULL,
				    &spawner->socket);
	if (spawner->pid < 0)
		return spawner->pid;
	/* It may not be allowed: then there is room for the default of max_parallel_starts. */
	setsockopt(spawner->socket, SOL_SOCKET, SO_SNDBUFFORCE, &(int){SOCKET_SIZE}, sizeof(int));
	*ret = TAKE_PTR(spawner);
	return 0;
}

pid_t spawner_pid(const struct spawner *spawner)
{
	return spawner->pid;
}

void spawner_stop(struct spawner *spawner)
{
	if (!spawner)
		return;
	close(spawner->socket);
	waitpid(spawner->pid, NULL, 0);
	free(spawner);
}

void spawner_abandon(struct spawner *spawner)
{
	if (!spawner)
		return;
	sys_kill(spawner->pid, SIGKILL);
	close(spawner->socket);
	free(spawner);
}

/* The packed launch in memory that a descriptor can hand over. A descriptor, or -errno. */
static int put_into_memory(const char *bytes, size_t size)
{
	_cleanup_close_ int fd = memfd_create("obit-launch", MFD_CLOEXEC);
	size_t done = 0;

	if (fd < 0)
		return -errno;
	while (done < size) {
		ssize_t n = write(fd, bytes + done, size - done);

		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return TAKE_FD(fd);
}

/* Those that there are, one after the other; `has` says which. */
static size_t list_descriptors(const int fds[static REQUEST_FDS], int list[static REQUEST_FDS],
			       uint32_t *has)
{
	size_t count = 0;

	for (int i = 0; i < REQUEST_FDS; i++) {
		if (fds[i] < 0)
			continue;
		*has |= 1U << i;
		list[count++] = fds[i];
	}
	return count;
}

/* With the packed launch in the datagram, or without (NULL). */
static int send_request(int socket, struct request request, char *launch,
			const int fds[static REQUEST_FDS])
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * REQUEST_FDS)];
		struct cmsghdr align;
	} control = {0};
	struct iovec parts[] = {{.iov_base = &request, .iov_len = sizeof(request)},
				{.iov_base = launch, .iov_len = launch ? request.size : 0}};
	struct msghdr message = {.msg_iov = parts,
				 .msg_iovlen = ARRAY_SIZE(parts),
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int list[REQUEST_FDS];
	size_t count = list_descriptors(fds, list, &request.has);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int) * count);
	memcpy(CMSG_DATA(header), list, sizeof(int) * count);
	message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
	return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int send_launch(int socket, const struct launch *launch, struct request request,
		       int fds[static REQUEST_FDS])
{
	_cleanup_free_ char *bytes = NULL;
	_cleanup_close_ int memory = -1;
	size_t size;
	int r = launch_pack(launch, &bytes, &size);

	if (r < 0)
		return r;
	request.size = size;
	if (size <= LAUNCH_MAX)
		return send_request(socket, request, bytes, fds);
	memory = put_into_memory(bytes, size);
	if (memory < 0)
		return memory;
	fds[FD_LAUNCH] = memory;
	return send_request(socket, request, NULL, fds);
}

static int make_pipe(int flags, int *ret_in, int *ret_out)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | flags) < 0)
		return -errno;
	*ret_in = fds[0];
	*ret_out = fds[1];
	return 0;
}

int spawner_ask(struct spawner *spawner, const struct launch *launch,
		const struct spawn_place *place, const struct spawn_number *number, bool held,
		struct spawn_child *ret)
{
	_cleanup_close_ int report_in = -1, report_out = -1, go_in = -1, go_out = -1;
	struct request request = {.number = number->number, .v2 = place->v2, .move = place->move};
	/* What a child says fits into an empty pipe: its end does not block either way. */
	int r = make_pipe(O_NONBLOCK, &report_in, &report_out);

	if (r == 0 && held)
		r = make_pipe(0, &go_in, &go_out);
	if (r < 0)
		return r;
	r = send_launch(spawner->socket, launch, request,
			(int[REQUEST_FDS]){[FD_REPORT] = report_out,
					   [FD_NUMBER] = number->map,
					   [FD_GO] = go_in,
					   [FD_PLACE] = place->fd,
					   [FD_LAUNCH] = -1});
	if (r < 0)
		return r;
	ret->report_fd = TAKE_FD(report_in);
	ret->go_fd = TAKE_FD(go_out);
	return 0;
}

void spawn_release(struct spawn_child *child)
{
	/* Fails where the child has left, and its report tells that better. */
	if (child->go_fd >= 0 && write(child->go_fd, "g", 1) < 0)
		errno = 0;
	close_fdp(&child->go_fd);
	child->go_fd = -1;
}

void spawn_discard(struct spawn_child *child)
{
	close_fdp(&child->go_fd);
	close_fdp(&child->report_fd);
	*child = SPAWN_NO_CHILD;
}
