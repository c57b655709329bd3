/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one seam to the system: each function is the system call of its name, with its arguments, its
 * result and its errno. Files under src/io go through here for what a unit test must be able to
 * fake; the tests put tests/unit/fake in front of src on the include path, where a header of the
 * same name puts a hook before each call that it names and passes the others through. */
#ifndef OBIT_IO_SYS_H
#define OBIT_IO_SYS_H

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

static inline int sys_open(const char *path, int flags, mode_t mode)
{
	return open(path, flags, mode);
}

static inline int sys_openat(int directory, const char *name, int flags, mode_t mode)
{
	return openat(directory, name, flags, mode);
}

static inline int sys_close(int fd)
{
	return close(fd);
}

static inline ssize_t sys_read(int fd, void *buf, size_t size)
{
	return read(fd, buf, size);
}

static inline ssize_t sys_write(int fd, const void *buf, size_t size)
{
	return write(fd, buf, size);
}

static inline int sys_fdatasync(int fd)
{
	return fdatasync(fd);
}

static inline int sys_renameat(int from, const char *old, int to, const char *name)
{
	return renameat(from, old, to, name);
}

static inline int sys_ioctl(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg);
}

static inline int sys_stat(const char *path, struct stat *st)
{
	return stat(path, st);
}

static inline int sys_lstat(const char *path, struct stat *st)
{
	return lstat(path, st);
}

static inline ssize_t sys_readlink(const char *path, char *buf, size_t size)
{
	return readlink(path, buf, size);
}

static inline int sys_fstat(int fd, struct stat *st)
{
	return fstat(fd, st);
}

static inline uid_t sys_geteuid(void)
{
	return geteuid();
}

static inline int sys_glob(const char *pattern, int flags, glob_t *found)
{
	return glob(pattern, flags, NULL, found);
}

static inline int sys_epoll_create(int flags)
{
	return epoll_create1(flags);
}

static inline int sys_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event)
{
	return epoll_ctl(epoll_fd, op, fd, event);
}

static inline int sys_epoll_wait(int epoll_fd, struct epoll_event *ready, int max, int timeout_ms)
{
	return epoll_wait(epoll_fd, ready, max, timeout_ms);
}

static inline int sys_timerfd_create(clockid_t clock, int flags)
{
	return timerfd_create(clock, flags);
}

static inline int sys_timerfd_settime(int fd, int flags, const struct itimerspec *value)
{
	return timerfd_settime(fd, flags, value, NULL);
}

static inline int sys_socket(int family, int type, int protocol)
{
	return socket(family, type, protocol);
}

static inline int sys_connect(int fd, const struct sockaddr *address, socklen_t length)
{
	return connect(fd, address, length);
}

static inline int sys_accept(int fd, int flags)
{
	return accept4(fd, NULL, NULL, flags);
}

static inline int sys_getsockopt(int fd, int level, int name, void *value, socklen_t *length)
{
	return getsockopt(fd, level, name, value, length);
}

static inline ssize_t sys_sendto(int fd, const void *data, size_t size, int flags,
				 const struct sockaddr *address, socklen_t length)
{
	return sendto(fd, data, size, flags, address, length);
}

/* The id of a group by its name. Returns 0, or -1 with errno (ENOENT: there is no such group). */
static inline int sys_group_id(const char *name, gid_t *ret)
{
	struct group group, *found = NULL;
	char buf[16384];
	int r = getgrnam_r(name, &group, buf, sizeof(buf), &found);

	if (!found) {
		errno = r ? r : ENOENT;
		return -1;
	}
	*ret = group.gr_gid;
	return 0;
}

/* Who is being reaped is no leader of a thread group any more: newer kernels (seen on 7.2) tell that as ENOENT for a
 * moment, before they say ESRCH as all do. */
static inline int sys_pidfd_open(pid_t pid, unsigned flags)
{
	int r = (int)syscall(SYS_pidfd_open, pid, flags);

	if (r < 0 && errno == ENOENT)
		errno = ESRCH;
	return r;
}

static inline pid_t sys_fork(void)
{
	return fork();
}

/* The system call, since the library refuses to touch the two signals that it keeps for itself. `action` has
 * the kernel's layout. */
static inline int sys_rt_sigaction(int signal, const void *action)
{
	return (int)syscall(SYS_rt_sigaction, signal, action, NULL, NSIG / 8);
}

static inline int sys_kill(pid_t pid, int signal)
{
	return kill(pid, signal);
}

#endif
