/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Stands before src/io/sys.h on the include path of the unit tests. A test defines `fake_sys` and sets
 * the hooks that it needs; a hook that is NULL, and every call without a hook, is the real one, which a
 * hook can reach as real_sys_*(). */
#ifndef OBIT_TESTS_FAKE_IO_SYS_H
#define OBIT_TESTS_FAKE_IO_SYS_H

#define sys_open	    real_sys_open
#define sys_openat	    real_sys_openat
#define sys_close	    real_sys_close
#define sys_read	    real_sys_read
#define sys_write	    real_sys_write
#define sys_fdatasync	    real_sys_fdatasync
#define sys_renameat	    real_sys_renameat
#define sys_ioctl	    real_sys_ioctl
#define sys_stat	    real_sys_stat
#define sys_lstat	    real_sys_lstat
#define sys_readlink	    real_sys_readlink
#define sys_fstat	    real_sys_fstat
#define sys_geteuid	    real_sys_geteuid
#define sys_glob	    real_sys_glob
#define sys_epoll_create    real_sys_epoll_create
#define sys_epoll_ctl	    real_sys_epoll_ctl
#define sys_epoll_wait	    real_sys_epoll_wait
#define sys_timerfd_create  real_sys_timerfd_create
#define sys_timerfd_settime real_sys_timerfd_settime
#define sys_socket	    real_sys_socket
#define sys_connect	    real_sys_connect
#define sys_accept	    real_sys_accept
#define sys_getsockopt	    real_sys_getsockopt
#define sys_sendto	    real_sys_sendto
#define sys_group_id	    real_sys_group_id
#define sys_fork	    real_sys_fork
#define sys_kill	    real_sys_kill
#include "../../../../src/io/sys.h"
#undef sys_open
#undef sys_openat
#undef sys_close
#undef sys_read
#undef sys_write
#undef sys_fdatasync
#undef sys_renameat
#undef sys_ioctl
#undef sys_stat
#undef sys_lstat
#undef sys_readlink
#undef sys_fstat
#undef sys_geteuid
#undef sys_glob
#undef sys_epoll_create
#undef sys_epoll_ctl
#undef sys_epoll_wait
#undef sys_timerfd_create
#undef sys_timerfd_settime
#undef sys_socket
#undef sys_connect
#undef sys_accept
#undef sys_getsockopt
#undef sys_sendto
#undef sys_group_id
#undef sys_fork
#undef sys_kill

struct fake_sys {
	int (*open)(const char *path, int flags, mode_t mode);
	int (*openat)(int directory, const char *name, int flags, mode_t mode);
	int (*close)(int fd);
	ssize_t (*read)(int fd, void *buf, size_t size);
	ssize_t (*write)(int fd, const void *buf, size_t size);
	int (*fdatasync)(int fd);
	int (*renameat)(int from, const char *old, int to, const char *name);
	int (*ioctl)(int fd, unsigned long request, void *arg);
	int (*stat)(const char *path, struct stat *st);
	int (*lstat)(const char *path, struct stat *st);
	ssize_t (*readlink)(const char *path, char *buf, size_t size);
	int (*fstat)(int fd, struct stat *st);
	uid_t (*geteuid)(void);
	int (*glob)(const char *pattern, int flags, glob_t *found);
	int (*epoll_create)(int flags);
	int (*epoll_ctl)(int epoll_fd, int op, int fd, struct epoll_event *event);
	int (*epoll_wait)(int epoll_fd, struct epoll_event *ready, int max, int timeout_ms);
	int (*timerfd_create)(clockid_t clock, int flags);
	int (*timerfd_settime)(int fd, int flags, const struct itimerspec *value);
	int (*socket)(int family, int type, int protocol);
	int (*connect)(int fd, const struct sockaddr *address, socklen_t length);
	int (*accept)(int fd, int flags);
	int (*getsockopt)(int fd, int level, int name, void *value, socklen_t *length);
	ssize_t (*sendto)(int fd, const void *data, size_t size, int flags,
			  const struct sockaddr *address, socklen_t length);
	int (*group_id)(const char *name, gid_t *ret);
	pid_t (*fork)(void);
	int (*kill)(pid_t pid, int signal);
};

extern struct fake_sys fake_sys;

#define FAKE(type, name, parameters, arguments)                                                    \
	static inline type sys_##name parameters                                                   \
	{                                                                                          \
		return fake_sys.name ? fake_sys.name arguments : real_sys_##name arguments;        \
	}

FAKE(int, open, (const char *path, int flags, mode_t mode), (path, flags, mode))
FAKE(int, openat, (int directory, const char *name, int flags, mode_t mode),
     (directory, name, flags, mode))
FAKE(int, close, (int fd), (fd))
FAKE(ssize_t, read, (int fd, void *buf, size_t size), (fd, buf, size))
FAKE(ssize_t, write, (int fd, const void *buf, size_t size), (fd, buf, size))
FAKE(int, fdatasync, (int fd), (fd))
FAKE(int, renameat, (int from, const char *old, int to, const char *name), (from, old, to, name))
FAKE(int, ioctl, (int fd, unsigned long request, void *arg), (fd, request, arg))
FAKE(int, stat, (const char *path, struct stat *st), (path, st))
FAKE(int, lstat, (const char *path, struct stat *st), (path, st))
FAKE(ssize_t, readlink, (const char *path, char *buf, size_t size), (path, buf, size))
FAKE(int, fstat, (int fd, struct stat *st), (fd, st))
FAKE(uid_t, geteuid, (void), ())
FAKE(int, glob, (const char *pattern, int flags, glob_t *found), (pattern, flags, found))
FAKE(int, epoll_create, (int flags), (flags))
FAKE(int, epoll_ctl, (int epoll_fd, int op, int fd, struct epoll_event *event),
     (epoll_fd, op, fd, event))
FAKE(int, epoll_wait, (int epoll_fd, struct epoll_event *ready, int max, int timeout_ms),
     (epoll_fd, ready, max, timeout_ms))
FAKE(int, timerfd_create, (clockid_t clock, int flags), (clock, flags))
FAKE(int, timerfd_settime, (int fd, int flags, const struct itimerspec *value), (fd, flags, value))
FAKE(int, socket, (int family, int type, int protocol), (family, type, protocol))
FAKE(int, connect, (int fd, const struct sockaddr *address, socklen_t length),
     (fd, address, length))
FAKE(int, accept, (int fd, int flags), (fd, flags))
FAKE(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *length),
     (fd, level, name, value, length))
FAKE(ssize_t, sendto,
     (int fd, const void *data, size_t size, int flags, const struct sockaddr *address,
      socklen_t length),
     (fd, data, size, flags, address, length))
FAKE(int, group_id, (const char *name, gid_t *ret), (name, ret))
FAKE(pid_t, fork, (void), ())
FAKE(int, kill, (pid_t pid, int signal), (pid, signal))

#undef FAKE

#endif
