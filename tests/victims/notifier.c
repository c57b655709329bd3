// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A service that says how it is, step by step as its arguments tell:
 *
 *   say TEXT         one datagram ("\n" separates lines)
 *   beat FILE        WATCHDOG=1 every 20 ms as long as FILE exists
 *   await FILE       until FILE exists
 *   child-says TEXT  the same as say, by a fork of its own, which lives on
 *   child-is-main    MAINPID= of that fork
 *   mains N          so many forks one after the other, and MAINPID= of each at once
 *   stranger TEXT    the same as say, by a fork that has executed ./stranger
 *   stranger-after FILE TEXT   the same, when FILE exists
 *   barrier          BARRIER=1; exits with 9 unless it is answered within 5 s
 *   files TEXT       the same as say, with a descriptor
 *   flood N          so many datagrams of noise
 *   env FILE         NOTIFY_SOCKET and WATCHDOG_USEC, a line each
 *   ignore-abort     SIGABRT
 *   vfork            waits in state D for a child that executes nothing
 *   spin, pause      for ever
 *   exit N */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static pid_t child;

static void send_with(char *text, size_t size, int file)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS}};
	struct iovec part = {.iov_base = text, .iov_len = size};
	struct msghdr message = {.msg_name = &address,
				 .msg_namelen = sizeof(address),
				 .msg_iov = &part,
				 .msg_iovlen = 1};
	int fd;

	if (!path)
		return;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	memcpy(CMSG_DATA(&control.header), &file, sizeof(file));
	if (file >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	sendmsg(fd, &message, MSG_NOSIGNAL);
	close(fd);
}

static void say(const char *text)
{
	char copy[8192];
	size_t size = 0;

	for (; *text && size < sizeof(copy); text++)
		if (text[0] == '\\' && text[1] == 'n')
			copy[size++] = '\n', text++;
		else if (text[0] == '\\' && text[1] == '0')
			copy[size++] = '\0', text++;
		else
			copy[size++] = *text;
	send_with(copy, size, -1);
}

static void beat(const char *file)
{
	while (access(file, F_OK) == 0) {
		say("WATCHDOG=1");
		usleep(20000);
	}
}

/* A fork that lives on; it says something, if it has anything to say. */
static void make_child(const char *text)
{
	child = fork();
	if (child)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (text)
		say(text);
	for (;;)
		pause();
}

static void await(const char *file)
{
	while (access(file, F_OK) < 0)
		usleep(5000);
}

/* When FILE exists, if there is one to wait for. */
static void stranger_says(const char *file, char *text)
{
	char name[] = "stranger", verb[] = "say", last[] = "pause";
	char *const argv[] = {name, verb, text, last, NULL};

	if (fork())
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (file)
		await(file);
	execv("./stranger", argv); /* in the test's directory */
	_exit(127);
}

static void say_main_pid(void)
{
	char text[32];

	snprintf(text, sizeof(text), "MAINPID=%d", child);
	say(text);
}

static void change_mains(long count)
{
	while (count--) {
		make_child(NULL);
		say_main_pid();
	}
}

static void barrier(void)
{
	char text[] = "BARRIER=1";
	struct pollfd hangup = {0};
	int fds[2];

	if (!getenv("NOTIFY_SOCKET") || pipe(fds) < 0)
		return;
	send_with(text, strlen(text), fds[1]);
	close(fds[1]);
	hangup.fd = fds[0];
	if (poll(&hangup, 1, 5000) != 1)
		exit(9);
}

static void flood(long count)
{
	char noise[64];

	memset(noise, 'x', sizeof(noise));
	for (long i = 0; i < count; i++)
		send_with(noise, (size_t)i % sizeof(noise), -1);
}

static void write_env(const char *file)
{
	FILE *out = fopen(file, "w");
	const char *path = getenv("NOTIFY_SOCKET"), *usec = getenv("WATCHDOG_USEC");

	if (!out)
		exit(8);
	fprintf(out, "%s\n%s\n", path ? path : "-", usec ? usec : "-");
	fclose(out);
}

static void wait_in_vfork(void)
{
	if (vfork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
}

/* Returns how many words it took. */
static int step(char **words)
{
	static volatile unsigned long spins;

	if (!strcmp(words[0], "pause"))
		for (;;)
			pause();
	if (!strcmp(words[0], "spin"))
		for (;;)
			spins++;
	if (!strcmp(words[0], "ignore-abort"))
		return signal(SIGABRT, SIG_IGN), 1;
	if (!strcmp(words[0], "child-is-main"))
		return say_main_pid(), 1;
	if (!strcmp(words[0], "barrier"))
		return barrier(), 1;
	if (!strcmp(words[0], "vfork"))
		return wait_in_vfork(), 1;
	if (!words[1])
		exit(7);
	if (!strcmp(words[0], "stranger-after") && words[2])
		return stranger_says(words[1], words[2]), 3;
	if (!strcmp(words[0], "say"))
		say(words[1]);
	else if (!strcmp(words[0], "beat"))
		beat(words[1]);
	else if (!strcmp(words[0], "await"))
		await(words[1]);
	else if (!strcmp(words[0], "child-says"))
		make_child(words[1]);
	else if (!strcmp(words[0], "stranger"))
		stranger_says(NULL, words[1]);
	else if (!strcmp(words[0], "files"))
		send_with(words[1], strlen(words[1]), STDERR_FILENO);
	else if (!strcmp(words[0], "flood"))
		flood(strtol(words[1], NULL, 10));
	else if (!strcmp(words[0], "mains"))
		change_mains(strtol(words[1], NULL, 10));
	else if (!strcmp(words[0], "env"))
		write_env(words[1]);
	else if (!strcmp(words[0], "exit"))
		exit((int)strtol(words[1], NULL, 10));
	return 2;
}

int main(int argc, char **argv)
{
	int i = 1;

	while (i < argc)
		i += step(argv + i);
	return 0;
}
