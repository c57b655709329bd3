// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* ready COMMAND...: runs COMMAND until it says READY=1 to its service manager, which is this program; prints how many ns
 * that took, and stops it by SIGTERM. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "bench.h"

#define PATIENCE_MS 60000

static int listen_for_word(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char name[sizeof(address.sun_path)];
	int length = snprintf(name, sizeof(name), "@obit-bench-%d", getpid());

	memcpy(address.sun_path + 1, name + 1, (size_t)length - 1);
	if (fd < 0 ||
	    bind(fd, (struct sockaddr *)&address,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length)) < 0 ||
	    setenv("NOTIFY_SOCKET", name, 1) < 0)
		return -1;
	return fd;
}

static bool await_ready(int fd)
{
	struct pollfd wanted = {.fd = fd, .events = POLLIN};
	char text[4096];

	while (poll(&wanted, 1, PATIENCE_MS) > 0) {
		ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

		if (n < 0)
			return false;
		text[n] = '\0';
		if (strstr(text, "READY=1"))
			return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	int fd = argc > 1 ? listen_for_word() : -1;
	uint64_t began = now_ns();
	bool ready;
	pid_t pid;

	if (fd < 0) {
		fprintf(stderr, "usage: ready COMMAND...\n");
		return 2;
	}
	pid = vfork();
	if (pid == 0) {
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	ready = await_ready(fd);
	if (ready)
		printf("%llu\n", (unsigned long long)(now_ns() - began));
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	return ready ? 0 : 1;
}
