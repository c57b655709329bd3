// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Sends one signal in one way, and is gone: sender HOW SIGNAL TARGET [UID]. With UID it becomes that user
 * first. TARGET is a pid; of a thread PID/TID; of a cgroup its directory. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "signals.h"

#define SPOOFED_PID 1 /* whom a lie accuses */

/* What a siginfo says that its sender has written. */
static void fill_info(siginfo_t *info, int number, int code)
{
	memset(info, 0, sizeof(*info));
	info->si_signo = number;
	info->si_code = code;
	info->si_pid = code == SI_QUEUE ? getpid() : SPOOFED_PID;
	info->si_uid = code == SI_QUEUE ? getuid() : 0;
}

static long queue(int number, const char *target, int code)
{
	siginfo_t info;

	fill_info(&info, number, code);
	return syscall(SYS_rt_sigqueueinfo, atoi(target), number, &info);
}

static int tid_of(const char *target)
{
	const char *slash = strchr(target, '/');

	return slash ? atoi(slash + 1) : 0;
}

static long send_kill(int number, const char *target)
{
	return kill(atoi(target), number);
}

static long send_tkill(int number, const char *target)
{
	return syscall(SYS_tkill, tid_of(target), number);
}

static long send_tgkill(int number, const char *target)
{
	return syscall(SYS_tgkill, atoi(target), tid_of(target), number);
}

static long send_queue(int number, const char *target)
{
	return queue(number, target, SI_QUEUE);
}

static long send_tgqueue(int number, const char *target)
{
	siginfo_t info;

	fill_info(&info, number, SI_QUEUE);
	return syscall(SYS_rt_tgsigqueueinfo, atoi(target), tid_of(target), number, &info);
}

static long send_spoof_timer(int number, const char *target)
{
	return queue(number, target, SI_TIMER);
}

static long send_spoof_io(int number, const char *target)
{
	return queue(number, target, SI_ASYNCIO);
}

static long send_spoof_queue(int number, const char *target)
{
	siginfo_t info;

	fill_info(&info, number, SI_QUEUE);
	info.si_pid = SPOOFED_PID;
	return syscall(SYS_rt_sigqueueinfo, atoi(target), number, &info);
}

static long send_pidfd(int number, const char *target)
{
	long fd = syscall(SYS_pidfd_open, atoi(target), 0);

	return fd < 0 ? fd : syscall(SYS_pidfd_send_signal, (int)fd, number, NULL, 0);
}

static long send_group(int number, const char *target)
{
	return kill(-atoi(target), number);
}

/* To all of its own process group, but not to itself. */
static long send_own_group(int number, const char *target)
{
	(void)target;
	signal(number, SIG_IGN);
	return kill(0, number);
}

static long send_cgroup(int number, const char *target)
{
	char path[4096];
	int fd;

	(void)number; /* it is always SIGKILL */
	snprintf(path, sizeof(path), "%s/cgroup.kill", target);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 ? fd : write(fd, "1", 1);
}

static const struct {
	const char *name;
	long (*send)(int number, const char *target);
} ways[] = {
	{"kill", send_kill},	       {"tkill", send_tkill},
	{"tgkill", send_tgkill},       {"queue", send_queue},
	{"tgqueue", send_tgqueue},     {"spoof-timer", send_spoof_timer},
	{"spoof-io", send_spoof_io},   {"spoof-queue", send_spoof_queue},
	{"pidfd", send_pidfd},	       {"group", send_group},
	{"own-group", send_own_group}, {"cgroup", send_cgroup},
};

static int become(const char *uid_word)
{
	uid_t uid = (uid_t)atoi(uid_word);

	return setresuid(uid, uid, uid);
}

int main(int argc, char **argv)
{
	if (argc < 4 || argc > 5 || (argc == 5 && become(argv[4]) < 0)) {
		fprintf(stderr, "usage: sender HOW SIGNAL TARGET [UID]\n");
		return 2;
	}
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(ways[i].name, argv[1]) != 0)
			continue;
		if (ways[i].send(signal_number(argv[2]), argv[3]) >= 0)
			return 0;
		fprintf(stderr, "sender: %s %s: %s\n", argv[1], argv[3], strerror(errno));
		return 1;
	}
	fprintf(stderr, "sender: no way %s\n", argv[1]);
	return 2;
}
