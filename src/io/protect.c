// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/protect.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "io/sys.h"

#define OOM_FILE "/proc/self/oom_score_adj"

bool protect_oom_score(int *ret)
{
	_cleanup_close_ int fd = sys_open(OOM_FILE, O_RDONLY | O_CLOEXEC, 0);
	char text[16];
	ssize_t n = fd < 0 ? -1 : sys_read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return false;
	text[n] = '\0';
	*ret = (int)strtol(text, NULL, 10);
	return true;
}

int protect_set_oom_score(int value)
{
	_cleanup_close_ int fd = sys_open(OOM_FILE, O_WRONLY | O_CLOEXEC, 0);
	char text[16];
	int length = snprintf(text, sizeof(text), "%d\n", value);

	return fd < 0 || sys_write(fd, text, (size_t)length) < 0 ? -errno : 0;
}

int protect_lock_memory(void)
{
	return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0 ? -errno : 0;
}

int protect_real_time(void)
{
	struct sched_param param = {.sched_priority = sched_get_priority_min(SCHED_RR)};

	return sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &param) < 0 ? -errno : 0;
}
