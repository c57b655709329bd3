// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "io/confine.h"
#include "io/sys.h"

struct fake_sys fake_sys;

/* In a child: what it gave up does not come back. It says what went wrong by its exit status. */
static int in_child(int (*check)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(check());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static bool is_refused(long result)
{
	return result == -1 && errno == EPERM;
}

static int does_nothing_else(void)
{
	static char name[] = "true", *argv[] = {name, NULL};

	if (confine_self(0) < 0)
		return 1;
	if (!is_refused(execve("/bin/true", argv, argv)))
		return 2;
	if (!is_refused(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)))
		return 3;
	if (!is_refused(socket(AF_UNIX, SOCK_STREAM, 0)))
		return 4;
	if (!is_refused(kill(getppid(), 0)))
		return 5;
	if (!is_refused(ptrace(PTRACE_TRACEME, 0, NULL, NULL)))
		return 6;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == -1 ? 0 : 7; /* not even asked */
}

static int writes_and_reads(void)
{
	char name[] = "/tmp/obit-confine.XXXXXX", byte = 0;
	int fd = mkstemp(name), ends[2];

	if (fd < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0 || confine_self(0) < 0)
		return 1;
	if (write(fd, "x", 1) != 1 || fdatasync(fd) < 0 || close(fd) < 0)
		return 2;
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, &byte, 1) != 1 || byte != 'x' || unlink(name) < 0)
		return 3;
	if (send(ends[0], "y", 1, 0) != 1 || recv(ends[1], &byte, 1, 0) != 1 || byte != 'y')
		return 4;
	return malloc(1 << 20) ? 0 : 5;
}

static uint64_t effective(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	syscall(SYS_capget, &header, data);
	return (uint64_t)data[1].effective << 32 | data[0].effective;
}

/* The filter does not let it ask for them; /proc tells. */
static int keeps_what_it_asks_for(void)
{
	FILE *status;
	char line[256];
	unsigned long long caps = 1;

	if (confine_self(CONFINE_CAP(CAP_CHOWN)) < 0)
		return 1;
	status = fopen("/proc/self/status", "re");
	while (status && fgets(line, sizeof(line), status))
		if (!strncmp(line, "CapEff:", 7))
			caps = strtoull(line + 7, NULL, 16);
	return caps == CONFINE_CAP(CAP_CHOWN) ? 0 : 2;
}

static void test_nothing_else_can_be_done(void **state)
{
	(void)state;
	assert_int_equal(in_child(does_nothing_else), 0);
}

static void test_files_memory_and_its_socket_are_left(void **state)
{
	(void)state;
	assert_int_equal(in_child(writes_and_reads), 0);
}

static void test_capabilities_are_those_that_were_asked_for(void **state)
{
	(void)state;
	if (!(effective() & CONFINE_CAP(CAP_CHOWN)))
		skip();
	assert_int_equal(in_child(keeps_what_it_asks_for), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_else_can_be_done),
		cmocka_unit_test(test_files_memory_and_its_socket_are_left),
		cmocka_unit_test(test_capabilities_are_those_that_were_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
