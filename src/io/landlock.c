// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
#include <sys/prctl.h>
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

/* A parent that was killed before it could be followed is missed by the signal. */
_Noreturn static void be_confined(int said, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() == parent && go_into_domain() == 0 && write(said, "", 1) == 1)
		for (;;)
			pause();
	_exit(0);
}

pid_t landlock_start(void)
{
	_cleanup_close_ int in = -1, out = -1;
	pid_t self = getpid(), pid;
	int ends[2];
	char word;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return 0;
	in = ends[0];
	out = ends[1];
	pid = fork();
	if (pid == 0)
		be_confined(out, self);
	close_fdp(&out);
	out = -1;
	if (pid > 0 && read(in, &word, 1) == 1)
		return pid;
	landlock_stop(pid);
	return 0;
}

void landlock_stop(pid_t pid)
{
	if (pid <= 0)
		return;
	/* Where a security module forbids even this it ends with us. */
	if (kill(pid, SIGKILL) == 0)
		waitpid(pid, NULL, 0);
}
