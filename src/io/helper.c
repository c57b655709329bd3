// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/home.h"
#include "io/sys.h"

#define SOCKET 3 /* in the child */

/* It ends with the daemon, by the end of the socket, and by nothing else: not by a terminal's Ctrl-C. */
_Noreturn static void run(const char *name, const int ends[static 2], bool goes_home, helper_fn *fn,
			  void *arg)
{
	sigset_t all;

	if (goes_home)
		home_return();
	close(ends[0]);
	if (dup2(ends[1], SOCKET) < 0)
		_exit(1);
	fcntl(SOCKET, F_SETFD, FD_CLOEXEC);
	close_range(SOCKET + 1, ~0U, 0);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_SET_NAME, name, 0, 0, 0);
	fn(arg, SOCKET);
	_exit(0);
}

pid_t helper_start(const char *name, int type, bool goes_home, helper_fn *fn, void *arg,
		   int *ret_socket)
{
	int ends[2], error;
	pid_t pid;

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	pid = sys_fork();
	if (pid == 0)
		run(name, ends, goes_home, fn, arg);
	error = errno;
	close(ends[1]);
	if (pid > 0) {
		*ret_socket = ends[0];
		return pid;
	}
	close(ends[0]);
	return -error;
}
