// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A file system that never answers, as one on a network does whose server is gone: deadfs DIRECTORY mounts it there, says
 * "mounted", and lives until it is killed. Then whoever waits for the file system gets an error. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static int fail(const char *what)
{
	fprintf(stderr, "deadfs: %s: %s\n", what, strerror(errno));
	return 1;
}

int main(int argc, char **argv)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char options[64];

	if (argc != 2) {
		fprintf(stderr, "usage: deadfs DIRECTORY\n");
		return 2;
	}
	if (fd < 0)
		return fail("/dev/fuse");
	/* Its requests are never read. */
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (mount("deadfs", argv[1], "fuse", MS_NOSUID | MS_NODEV, options) < 0)
		return fail(argv[1]);
	puts("mounted");
	fflush(stdout);
	for (;;)
		pause();
}
