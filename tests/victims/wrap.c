// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* wrap HOW PROGRAM [WORD...]: executes the program in a way that no shell can.
 * "seccomp": under a filter that allows everything; "landlock": in a domain that allows all but block devices (exits
 * with 3 where the kernel has none); "leak": with all that fork and exec hand on in silence; "no-argv": with argc = 0;
 * "as-pid PID": as a child that has this pid, whose exit status is told on; "close FILE UNTIL": when UNTIL exists, with
 * FILE open for writing, which the exec closes. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/keyctl.h>
#include <linux/mempolicy.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int confine(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog filter = {.len = 1, .filter = &allow};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
}

static int confine_files(void)
{
	struct landlock_ruleset_attr rules = {.handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_BLOCK};
	int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);

	if (fd < 0 && (errno == ENOSYS || errno == EOPNOTSUPP))
		_exit(3);
	if (fd < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return (int)syscall(SYS_landlock_restrict_self, fd, 0);
}

#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif

/* What this kernel does not have is not handed on. */
static int leak(void)
{
	unsigned long nodes = 1;

	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	if (!getenv("LEAK_NO_MERGE"))
		prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
	prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0);
	prctl(PR_SET_SECUREBITS, SECBIT_NO_CAP_AMBIENT_RAISE, 0, 0, 0);
	syscall(SYS_set_mempolicy, MPOL_BIND, &nodes, 8 * sizeof(nodes));
	syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	syscall(SYS_add_key, "user", "obit-leak", "x", 1, KEY_SPEC_SESSION_KEYRING);
	return 0;
}

static int run_as_pid(const char *pid, char **argv)
{
	pid_t wanted = (pid_t)strtol(pid, NULL, 10), child;
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&wanted,
		.set_tid_size = 1,
	};
	int status;

	child = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (child == 0) {
		execve(argv[0], argv, environ);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int run_and_close(const char *file, const char *until, char **argv)
{
	if (open(file, O_WRONLY | O_CLOEXEC) < 0)
		return -1;
	while (access(until, F_OK) < 0)
		usleep(5000);
	return execve(argv[0], argv, environ);
}

int main(int argc, char **argv)
{
	static char *nothing[] = {NULL};

	if (argc < 3)
		return 2;
	if (argc > 3 && !strcmp(argv[1], "as-pid")) {
		int status = run_as_pid(argv[2], argv + 3);

		if (status >= 0)
			return status;
	} else if (argc > 4 && !strcmp(argv[1], "close"))
		run_and_close(argv[2], argv[3], argv + 4);
	else if (!strcmp(argv[1], "no-argv"))
		execve(argv[2], nothing, environ);
	else if (!strcmp(argv[1], "leak") && leak() == 0)
		execvp(argv[2], argv + 2);
	else if (!strcmp(argv[1], "landlock") && confine_files() == 0)
		execve(argv[2], argv + 2, environ);
	else if (!strcmp(argv[1], "seccomp") && confine() == 0)
		execve(argv[2], argv + 2, environ);
	perror("wrap");
	return 1;
}
