// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A file system that does not answer, as one on a network does whose server is gone: deadfs DIRECTORY [UNTIL] mounts it
 * there, says "mounted", and lives until it is killed. Then whoever waits for the file system gets an error. With UNTIL it
 * has a file, "out", that takes what is written, and answers until there is something at that path. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define OUT_NODE     2
#define REQUEST_SIZE (FUSE_MIN_READ_BUFFER + 65536)

static int fail(const char *what)
{
	fprintf(stderr, "deadfs: %s: %s\n", what, strerror(errno));
	return 1;
}

static void answer(int fd, const struct fuse_in_header *request, int error, void *data, size_t size)
{
	struct fuse_out_header header = {.len = (unsigned)(sizeof(header) + size),
					 .error = error,
					 .unique = request->unique};
	struct iovec parts[] = {{&header, sizeof(header)}, {data, size}};

	if (writev(fd, parts, size ? 2 : 1) < 0)
		perror("deadfs: answer");
}

static struct fuse_attr attr_of(uint64_t node)
{
	bool is_out = node == OUT_NODE;

	return (struct fuse_attr){
		.ino = node, .mode = is_out ? S_IFREG | 0644 : S_IFDIR | 0755, .nlink = 1};
}

/* What is known of a file is good for no time: each look at it is asked for. */
static void serve(int fd, const struct fuse_in_header *request, const void *body)
{
	struct fuse_init_out init = {.major = FUSE_KERNEL_VERSION,
				     .minor = FUSE_KERNEL_MINOR_VERSION,
				     .max_write = 65536};
	struct fuse_entry_out entry = {.nodeid = OUT_NODE, .attr = attr_of(OUT_NODE)};
	struct fuse_attr_out attr = {.attr = attr_of(request->nodeid)};
	struct fuse_open_out open = {.open_flags = FOPEN_DIRECT_IO};
	struct fuse_write_out written = {0};

	switch (request->opcode) {
	case FUSE_INIT:
		answer(fd, request, 0, &init, sizeof(init));
		break;
	case FUSE_LOOKUP:
		if (strcmp(body, "out") == 0)
			answer(fd, request, 0, &entry, sizeof(entry));
		else
			answer(fd, request, -ENOENT, NULL, 0);
		break;
	case FUSE_GETATTR:
		answer(fd, request, 0, &attr, sizeof(attr));
		break;
	case FUSE_OPEN:
		answer(fd, request, 0, &open, sizeof(open));
		break;
	case FUSE_WRITE:
		written.size = ((const struct fuse_write_in *)body)->size;
		answer(fd, request, 0, &written, sizeof(written));
		break;
	case FUSE_FORGET:
		break;
	default:
		answer(fd, request, -ENOSYS, NULL, 0);
	}
}

static void serve_until(int fd, const char *until)
{
	static union {
		struct fuse_in_header header;
		char bytes[REQUEST_SIZE];
	} request;

	for (;;) {
		ssize_t n = read(fd, request.bytes, sizeof(request.bytes) - 1);

		if (access(until, F_OK) == 0 || (n < 0 && errno != EINTR && errno != ENOENT))
			return;
		if (n < (ssize_t)sizeof(request.header))
			continue;
		request.bytes[n] = '\0';
		serve(fd, &request.header, request.bytes + sizeof(request.header));
	}
}

int main(int argc, char **argv)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char options[64];

	if (argc != 2 && argc != 3) {
		fprintf(stderr, "usage: deadfs DIRECTORY [UNTIL]\n");
		return 2;
	}
	if (fd < 0)
		return fail("/dev/fuse");
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (mount("deadfs", argv[1], "fuse", MS_NOSUID | MS_NODEV, options) < 0)
		return fail(argv[1]);
	puts("mounted");
	fflush(stdout);
	if (argc == 3)
		serve_until(fd, argv[2]);
	for (;;) /* from here on its requests are not read */
		pause();
}
