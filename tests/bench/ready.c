// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* ready COMMAND...: runs COMMAND until it says READY=1 to its service manager, which is this program; stops it by SIGTERM,
 * and prints how many ns that took.
 * ready --page PAGE COMMAND...: until the first tests/victims/stamp that it has started has stamped PAGE. */
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

static pid_t start(char **command)
{
	pid_t pid = vfork();

	if (pid == 0) {
		dup2(STDERR_FILENO, STDOUT_FILENO); /* ours is for the figure */
		execvp(command[0], command);
		_exit(127);
	}
	return pid;
}

/* When that COMMAND was ready, 0 if it never was. */
static uint64_t stamped(const struct page *page)
{
	return wait_for_life(page, 0) ? page->lives[0].started_ns : 0;
}

static uint64_t said_so(int fd)
{
	return await_ready(fd) ? now_ns() : 0;
}

int main(int argc, char **argv)
{
	bool paged = argc > 3 && strcmp(argv[1], "--page") == 0;
	const struct page *page = paged ? open_page(argv[2], 0) : NULL;
	int fd = argc > 1 && !paged ? listen_for_word() : -1;
	uint64_t began, ready;
	pid_t pid;

	if (!page && fd < 0) {
		fprintf(stderr, "usage: ready [--page PAGE] COMMAND...\n");
		return 2;
	}
	began = now_ns();
	pid = start(argv + (page ? 3 : 1));
	ready = page ? stamped(page) : said_so(fd);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	if (ready)
		printf("%llu\n", (unsigned long long)(ready - began));
	return ready ? 0 : 1;
}
