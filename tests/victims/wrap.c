// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* wrap HOW PROGRAM [WORD...]: executes the program in a way that no shell can.
 * "seccomp": under a filter that allows everything; "no-argv": with argc = 0. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
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

int main(int argc, char **argv)
{
	static char *nothing[] = {NULL};

	if (argc < 3)
		return 2;
	if (!strcmp(argv[1], "no-argv"))
		execve(argv[2], nothing, environ);
	else if (!strcmp(argv[1], "seccomp") && confine() == 0)
		execve(argv[2], argv + 2, environ);
	perror("wrap");
	return 1;
}
