// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Stands between obitd and the C library in build/.../obitd-heap, and nowhere else. Any character device is a watchdog
 * to it, and each time that it is fed the file OBIT_FEEDS gets a line: how many pieces of memory were allocated since
 * the last one, by whatever library. While there is a file OBIT_NO_MEMORY, none are to be had. */
#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

int __real_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, ...);

static unsigned long allocated;

static void note_feed(void)
{
	const char *path = getenv("OBIT_FEEDS");
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
	char line[32];
	int length = snprintf(line, sizeof(line), "%lu\n", allocated);

	if (fd < 0 || write(fd, line, (size_t)length) != length)
		_exit(99);
	close(fd);
	allocated = 0;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	switch (request) {
	case WDIOC_GETSUPPORT:
		*(struct watchdog_info *)arg = (struct watchdog_info){
			.options = WDIOF_SETTIMEOUT | WDIOF_MAGICCLOSE | WDIOF_KEEPALIVEPING};
		return 0;
	case WDIOC_KEEPALIVE:
		note_feed();
		return 0;
	case WDIOC_SETTIMEOUT:
	case WDIOC_SETOPTIONS:
		return 0;
	default:
		return __real_ioctl(fd, request, arg);
	}
}

/* The sanitizer has an allocator of its own, and counts nothing here. */
#ifndef __SANITIZE_ADDRESS__

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

/* Also by what the threads and children of a library do: none of obitd does. */
static int may_have(void)
{
	const char *path = getenv("OBIT_NO_MEMORY");
	int error = errno;

	allocated++;
	if (path && access(path, F_OK) == 0) {
		errno = ENOMEM;
		return 0;
	}
	errno = error;
	return 1;
}

void *malloc(size_t size)
{
	return may_have() ? __libc_malloc(size) : NULL;
}

void *calloc(size_t count, size_t size)
{
	return may_have() ? __libc_calloc(count, size) : NULL;
}

void *realloc(void *old, size_t size)
{
	return may_have() ? __libc_realloc(old, size) : NULL;
}

#endif
