// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/stdio.h"

#include <fcntl.h>
#include <unistd.h>

void stdio_fill(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR); /* the lowest one that is free */
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

void stdio_let_go(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	if (null > STDERR_FILENO)
		close(null);
}
