// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/holder.h"
#include "io/sys.h"

struct fake_sys fake_sys;

/* A terminal that nobody else has. */
static int open_terminal(char *name, size_t size)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	assert_int_equal(ptsname_r(master, name, size), 0);
	return master;
}

static void finds_who_else_holds_it(void **state)
{
	struct holder holder;
	char name[64], ready;
	int master = open_terminal(name, sizeof(name)), fds[2], slave;
	pid_t child;

	(void)state;
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(slave >= 0);
	assert_false(holder_find(name, &holder)); /* this process does not count */
	close(slave);
	assert_int_equal(pipe(fds), 0);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_NAME, "dog\twarden", 0, 0, 0);
		if (open(name, O_RDWR | O_NOCTTY) < 0 || write(fds[1], "1", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(fds[0], &ready, 1), 1);
	assert_true(holder_find(name, &holder));
	assert_int_equal(holder.pid, child);
	assert_string_equal(holder.comm, "dog?warden");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_false(holder_find(name, &holder));
	close(master);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_who_else_holds_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
