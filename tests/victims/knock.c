// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A client without manners, for a Unix stream socket: knock SOCKET sends its standard input as it is and
 * prints what comes back until the other side closes or has been silent for 2 s; knock SOCKET COUNT opens
 * that many connections, says "open" and how many there are, and then nothing, until it is killed. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SILENCE_MS 2000

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
		return -1;
	memcpy(address.sun_path, path, strlen(path));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Returns false when there is nothing more to come. */
static bool print_reply(int fd)
{
	char buffer[4096];
	ssize_t got = read(fd, buffer, sizeof(buffer));

	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	fwrite(buffer, 1, (size_t)got, stdout);
	return got > 0;
}

/* Sends all of it, reading at the same time: neither side may block the other. Returns false when the
 * other side has closed. */
static bool send_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		struct pollfd poll_fd = {.fd = fd, .events = POLLIN | POLLOUT};
		ssize_t sent;

		if (poll(&poll_fd, 1, SILENCE_MS) <= 0)
			return false;
		if ((poll_fd.revents & POLLIN) && !print_reply(fd))
			return false;
		sent = send(fd, data, size, MSG_NOSIGNAL);
		if (sent < 0 && errno != EAGAIN)
			return false;
		if (sent > 0) {
			data += sent;
			size -= (size_t)sent;
		}
	}
	return true;
}

static void talk(int fd)
{
	char buffer[65536];
	size_t size;

	while ((size = fread(buffer, 1, sizeof(buffer), stdin)) > 0) {
		if (!send_all(fd, buffer, size))
			return;
	}
	for (;;) {
		struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

		if (poll(&poll_fd, 1, SILENCE_MS) <= 0 || !print_reply(fd))
			return;
	}
}

static void hold(const char *path, int count)
{
	int open_count = 0;

	for (int i = 0; i < count; i++) {
		if (connect_to(path) >= 0)
			open_count++;
	}
	printf("open %d\n", open_count);
	fflush(stdout);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	int fd;

	if (argc != 2 && argc != 3) {
		fprintf(stderr, "usage: knock SOCKET [COUNT]\n");
		return 2;
	}
	if (argc == 3)
		hold(argv[1], atoi(argv[2]));
	fd = connect_to(argv[1]);
	if (fd < 0) {
		fprintf(stderr, "knock: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	talk(fd);
	return 0;
}
