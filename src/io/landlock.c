// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Nothing of it is used: any right that the first version knows. */
static int go_into_domain(void)
{
	struct landlock_ruleset_attr rules = {.handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_BLOCK};
	_cleanup_close_ int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules),
					      0);

	if (fd < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return (int)syscall(SYS_landlock_restrict_self, fd, 0);
}

/* A parent that was killed before it could be followed is missed by the signal, but not by its end of the pair. */
_Noreturn static void be_confined(int end, pid_t parent)
{
	char word;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() == parent && go_into_domain() == 0 && write(end, "", 1) == 1)
		while (read(end, &word, 1) < 0 && errno == EINTR)
			;
	_exit(0);
}

pid_t landlock_start(int *ret_end)
{
	_cleanup_close_ int ours = -1, its = -1;
	pid_t self = getpid(), pid;
	int ends[2];
	char word;

	*ret_end = -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return 0;
	ours = ends[0];
	its = ends[1];
	pid = fork();
	if (pid == 0) {
		close(ours);
		be_confined(its, self);
	}
	close(TAKE_FD(its));
	if (pid > 0 && read(ours, &word, 1) == 1) {
		*ret_end = TAKE_FD(ours);
		return pid;
	}
	landlock_stop(pid, TAKE_FD(ours));
	return 0;
}

void landlock_stop(pid_t pid, int end)
{
	if (end >= 0)
		close(end);
	/* Where a security module forbids the signal the closed end has to do, and nobody waits for that. */
	if (pid > 0 && kill(pid, SIGKILL) == 0)
		waitpid(pid, NULL, 0);
}
