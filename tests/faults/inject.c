// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Stands between obitd and the C library in build/.../obitd-faults, and nowhere else: the linker (--wrap) sends each
 * call of a function below through here. Each place of a call is known by its own return address and that of its
 * function: where it is, is where it was in the next run of the same program.
 *
 * The table of these places is a file (OBIT_FAULTS) in memory that is shared with all helper processes and with
 * tests/faults/run, which arms one place at a time: its next call fails with an errno, and is not made. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SITES	  8192 /* a power of two */
#define NAME_SIZE 28

struct site {
	uint64_t key; /* 0: free */
	uint32_t hits;
	char name[NAME_SIZE];
};

/* As tests/faults/run reads it. */
struct table {
	uint64_t armed; /* the key of a place; 0: none */
	int32_t error;
	uint32_t fired;
	struct site sites[SITES];
};

_Static_assert(sizeof(struct site) == 40 && sizeof(struct table) == 16 + 40 * SITES,
	       "tests/faults/run knows this layout");

extern const char __executable_start[], etext[];
static struct table *table;

__attribute__((constructor)) static void map_table(void)
{
	const char *path = getenv("OBIT_FAULTS");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *memory;

	if (fd < 0)
		return;
	memory = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (memory != MAP_FAILED)
		table = memory;
}

/* Where the program is loaded, and what the library's own frames are, is another matter each time. */
static uint64_t place_of(const void *address)
{
	uintptr_t at = (uintptr_t)address;

	if (at < (uintptr_t)__executable_start || at >= (uintptr_t)etext)
		return 0;
	return at - (uintptr_t)__executable_start;
}

static struct site *find_site(uint64_t key, const char *name)
{
	for (uint64_t i = key * UINT64_C(0x9e3779b97f4a7c15) >> 51;; i = (i + 1) % SITES) {
		struct site *site = &table->sites[i];
		uint64_t free_key = 0;

		if (__atomic_load_n(&site->key, __ATOMIC_ACQUIRE) == key)
			return site;
		if (!__atomic_compare_exchange_n(&site->key, &free_key, key, 0, __ATOMIC_ACQ_REL,
						 __ATOMIC_ACQUIRE)) {
			if (free_key == key)
				return site;
			continue;
		}
		snprintf(site->name, sizeof(site->name), "%s", name);
		return site;
	}
}

static int is_due(const char *name, const void *here, const void *above)
{
	uint64_t place = place_of(here), key = place | place_of(above) << 32;

	/* A place in a library that was handed our function is none of ours. */
	if (!table || !place)
		return 0;
	__atomic_add_fetch(&find_site(key, name)->hits, 1, __ATOMIC_RELAXED);
	if (!__atomic_compare_exchange_n(&table->armed, &key, 0, 0, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		return 0;
	__atomic_add_fetch(&table->fired, 1, __ATOMIC_RELEASE);
	errno = table->error;
	return 1;
}

/* Our own functions have frame pointers: the caller's can be read. */
#pragma GCC diagnostic ignored "-Wframe-address"
#define IS_DUE(name) is_due(#name, __builtin_return_address(0), __builtin_return_address(1))

#define WRAP(type, bad, name, parameters, arguments)                                               \
	type __real_##name parameters;                                                             \
	type __wrap_##name parameters;                                                             \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		return IS_DUE(name) ? (bad) : __real_##name arguments;                             \
	}

typedef void *pointer;
typedef long word;
typedef size_t size;

/* ---- memory ---- */

WRAP(pointer, NULL, malloc, (size n), (n))
WRAP(pointer, NULL, calloc, (size n, size each), (n, each))
WRAP(pointer, NULL, realloc, (pointer p, size n), (p, n))
WRAP(pointer, NULL, reallocarray, (pointer p, size n, size each), (p, n, each))
WRAP(pointer, NULL, strdup, (pointer s), (s))
WRAP(pointer, NULL, strndup, (pointer s, size n), (s, n))
WRAP(int, -1, vasprintf, (char **p, const char *f, va_list ap), (p, f, ap))
WRAP(pointer, NULL, open_memstream, (pointer p, pointer n), (p, n))
WRAP(pointer, MAP_FAILED, mmap, (pointer p, size n, int a, int b, int c, word d),
     (p, n, a, b, c, d))
WRAP(int, -1, mlockall, (int flags), (flags))

int __wrap_asprintf(char **p, const char *format, ...);
int __wrap_asprintf(char **p, const char *format, ...)
{
	va_list ap;
	int r = -1;

	if (IS_DUE(asprintf))
		return r;
	va_start(ap, format);
	r = __real_vasprintf(p, format, ap);
	va_end(ap);
	return r;
}

/* ---- JSON ---- */

WRAP(pointer, NULL, json_object_new_array, (void), ())
WRAP(pointer, NULL, json_object_new_object, (void), ())
WRAP(pointer, NULL, json_object_new_boolean, (int b), (b))
WRAP(pointer, NULL, json_object_new_double_s, (double d, pointer s), (d, s))
WRAP(pointer, NULL, json_object_new_int, (int i), (i))
WRAP(pointer, NULL, json_object_new_int64, (int64_t i), (i))
WRAP(pointer, NULL, json_object_new_uint64, (uint64_t i), (i))
WRAP(pointer, NULL, json_object_new_string, (pointer s), (s))
WRAP(pointer, NULL, json_object_new_string_len, (pointer s, int n), (s, n))
WRAP(int, -1, json_object_array_add, (pointer a, pointer o), (a, o))
WRAP(int, -1, json_object_object_add, (pointer o, pointer key, pointer value), (o, key, value))
WRAP(int, -1, json_object_deep_copy, (pointer a, pointer b, pointer f), (a, b, f))
WRAP(pointer, NULL, json_object_to_json_string_ext, (pointer o, int flags), (o, flags))
WRAP(pointer, NULL, json_object_to_json_string_length, (pointer o, int flags, pointer n),
     (o, flags, n))
WRAP(pointer, NULL, json_tokener_new, (void), ())
WRAP(pointer, NULL, json_tokener_new_ex, (int depth), (depth))
WRAP(pointer, NULL, json_tokener_parse, (pointer s), (s))
WRAP(pointer, NULL, json_tokener_parse_ex, (pointer t, pointer s, int n), (t, s, n))
WRAP(pointer, NULL, cfg_init, (pointer o, int flags), (o, flags))

/* ---- files ---- */

WRAP(int, -1, open, (pointer path, int flags, int mode), (path, flags, mode))
WRAP(int, -1, openat, (int fd, pointer path, int flags, int mode), (fd, path, flags, mode))
WRAP(ssize_t, -1, read, (int fd, pointer p, size n), (fd, p, n))
WRAP(ssize_t, -1, pread, (int fd, pointer p, size n, word at), (fd, p, n, at))
WRAP(ssize_t, -1, write, (int fd, pointer p, size n), (fd, p, n))
WRAP(word, -1, lseek, (int fd, word at, int whence), (fd, at, whence))
WRAP(int, -1, fdatasync, (int fd), (fd))
WRAP(int, -1, fsync, (int fd), (fd))
WRAP(int, -1, flock, (int fd, int op), (fd, op))
WRAP(int, -1, fcntl, (int fd, int op, word arg), (fd, op, arg))
WRAP(int, -1, ioctl, (int fd, word request, word arg), (fd, request, arg))
WRAP(int, -1, stat, (pointer path, pointer st), (path, st))
WRAP(int, -1, lstat, (pointer path, pointer st), (path, st))
WRAP(int, -1, fstat, (int fd, pointer st), (fd, st))
WRAP(int, -1, fstatat, (int fd, pointer path, pointer st, int flags), (fd, path, st, flags))
WRAP(int, -1, statfs, (pointer path, pointer st), (path, st))
WRAP(int, -1, fstatfs, (int fd, pointer st), (fd, st))
WRAP(int, -1, access, (pointer path, int mode), (path, mode))
WRAP(int, -1, faccessat, (int fd, pointer path, int mode, int flags), (fd, path, mode, flags))
WRAP(ssize_t, -1, readlink, (pointer path, pointer p, size n), (path, p, n))
WRAP(ssize_t, -1, readlinkat, (int fd, pointer path, pointer p, size n), (fd, path, p, n))
WRAP(pointer, NULL, realpath, (pointer path, pointer p), (path, p))
WRAP(pointer, NULL, getcwd, (pointer p, size n), (p, n))
WRAP(int, -1, renameat, (int a, pointer old, int b, pointer name), (a, old, b, name))
WRAP(int, -1, unlink, (pointer path), (path))
WRAP(int, -1, unlinkat, (int fd, pointer path, int flags), (fd, path, flags))
WRAP(int, -1, mkdir, (pointer path, int mode), (path, mode))
WRAP(int, -1, rmdir, (pointer path), (path))
WRAP(int, -1, mount, (pointer a, pointer b, pointer c, word d, pointer e), (a, b, c, d, e))
WRAP(int, -1, chdir, (pointer path), (path))
WRAP(int, -1, fchdir, (int fd), (fd))
WRAP(int, -1, fchown, (int fd, int u, int g), (fd, u, g))
WRAP(int, -1, lchown, (pointer path, int u, int g), (path, u, g))
WRAP(int, -1, dup2, (int a, int b), (a, b))
WRAP(int, -1, pipe2, (int *fds, int flags), (fds, flags))
WRAP(int, -1, memfd_create, (pointer name, int flags), (name, flags))
WRAP(pointer, NULL, fopen, (pointer path, pointer mode), (path, mode))
WRAP(ssize_t, -1, __getdelim, (pointer p, pointer n, int c, pointer f), (p, n, c, f))
WRAP(pointer, NULL, opendir, (pointer path), (path))
WRAP(pointer, NULL, readdir, (pointer dir), (dir))
WRAP(pointer, NULL, fts_open, (pointer paths, int flags, pointer f), (paths, flags, f))
WRAP(pointer, NULL, fts_read, (pointer fts), (fts))
WRAP(int, 1 /* GLOB_NOSPACE */, glob, (pointer p, int flags, pointer f, pointer g),
     (p, flags, f, g))

/* The descriptor is gone, whatever close(2) says. */
int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
	int r = __real_close(fd);

	return IS_DUE(close) ? -1 : r;
}

/* ---- events ---- */

WRAP(int, -1, epoll_create1, (int flags), (flags))
WRAP(int, -1, epoll_ctl, (int e, int op, int fd, pointer event), (e, op, fd, event))
WRAP(int, -1, epoll_wait, (int e, pointer events, int n, int ms), (e, events, n, ms))
WRAP(int, -1, poll, (pointer fds, word n, int ms), (fds, n, ms))
WRAP(int, -1, timerfd_create, (int clock, int flags), (clock, flags))
WRAP(int, -1, timerfd_settime, (int fd, int flags, pointer a, pointer b), (fd, flags, a, b))
WRAP(int, -1, signalfd, (int fd, pointer set, int flags), (fd, set, flags))

/* ---- sockets ---- */

WRAP(int, -1, socket, (int family, int type, int protocol), (family, type, protocol))
WRAP(int, -1, socketpair, (int f, int t, int p, pointer fds), (f, t, p, fds))
WRAP(int, -1, bind, (int fd, pointer a, int n), (fd, a, n))
WRAP(int, -1, listen, (int fd, int n), (fd, n))
WRAP(int, -1, connect, (int fd, pointer a, int n), (fd, a, n))
WRAP(int, -1, accept4, (int fd, pointer a, pointer n, int flags), (fd, a, n, flags))
WRAP(int, -1, getsockopt, (int fd, int l, int o, pointer p, pointer n), (fd, l, o, p, n))
WRAP(int, -1, setsockopt, (int fd, int l, int o, pointer p, int n), (fd, l, o, p, n))
WRAP(int, -1, getsockname, (int fd, pointer a, pointer n), (fd, a, n))
WRAP(ssize_t, -1, send, (int fd, pointer p, size n, int flags), (fd, p, n, flags))
WRAP(ssize_t, -1, sendto, (int fd, pointer p, size n, int f, pointer a, int l), (fd, p, n, f, a, l))
WRAP(ssize_t, -1, sendmsg, (int fd, pointer m, int flags), (fd, m, flags))
WRAP(ssize_t, -1, recv, (int fd, pointer p, size n, int flags), (fd, p, n, flags))
WRAP(ssize_t, -1, recvmsg, (int fd, pointer m, int flags), (fd, m, flags))
WRAP(int, -1, shutdown, (int fd, int how), (fd, how))

/* ---- processes ---- */

WRAP(int, -1, fork, (void), ())
WRAP(int, -1, clone, (pointer f, pointer stack, int flags, pointer arg), (f, stack, flags, arg))
WRAP(int, -1, execve, (pointer path, pointer argv, pointer envp), (path, argv, envp))
WRAP(int, -1, execv, (pointer path, pointer argv), (path, argv))
WRAP(int, -1, waitpid, (int pid, pointer status, int options), (pid, status, options))
WRAP(int, -1, waitid, (int t, int pid, pointer info, int options), (t, pid, info, options))
WRAP(int, -1, kill, (int pid, int signal), (pid, signal))
WRAP(int, -1, prctl, (int op, word a, word b, word c, word d), (op, a, b, c, d))
WRAP(int, -1, prlimit, (int pid, int what, pointer a, pointer b), (pid, what, a, b))
WRAP(int, -1, getrlimit, (int what, pointer p), (what, p))
WRAP(int, -1, setrlimit, (int what, pointer p), (what, p))
WRAP(int, -1, close_range, (unsigned a, unsigned b, int flags), (a, b, flags))
WRAP(int, -1, sched_getparam, (int pid, pointer p), (pid, p))
WRAP(int, -1, sched_getscheduler, (int pid), (pid))
WRAP(int, -1, sched_setscheduler, (int pid, int policy, pointer p), (pid, policy, p))
WRAP(int, -1, getpriority, (int which, int who), (which, who))
WRAP(int, -1, setpriority, (int which, int who, int n), (which, who, n))
WRAP(int, -1, personality, (word p), (p))
WRAP(int, -1, setgid, (int id), (id))
WRAP(int, -1, setuid, (int id), (id))
WRAP(int, -1, setgroups, (size n, pointer p), (n, p))
WRAP(int, -1, setresgid, (int r, int e, int s), (r, e, s))
WRAP(int, -1, setresuid, (int r, int e, int s), (r, e, s))
WRAP(int, -1, getresgid, (pointer r, pointer e, pointer s), (r, e, s))
WRAP(int, -1, getresuid, (pointer r, pointer e, pointer s), (r, e, s))
WRAP(int, -1, setsid, (void), ())
WRAP(int, ENOMEM, getgrnam_r, (pointer n, pointer g, pointer p, size l, pointer r), (n, g, p, l, r))
WRAP(int, -1, getgrouplist, (pointer n, int g, pointer p, pointer l), (n, g, p, l))
WRAP(pointer, NULL, getpwnam, (pointer name), (name))
WRAP(pointer, NULL, getpwuid, (int id), (id))
WRAP(int, -1, gethostname, (pointer p, size n), (p, n))
WRAP(int, -1, uname, (pointer p), (p))
WRAP(word, -1, syscall, (word n, word a, word b, word c, word d, word e, word f),
     (n, a, b, c, d, e, f))

/* ---- the kernel side ---- */

WRAP(int, -errno, bpf_iter_create, (int fd), (fd))
WRAP(int, -errno, bpf_map_create, (int t, pointer n, int k, int v, int m, pointer o),
     (t, n, k, v, m, o))
WRAP(int, -errno, bpf_map_update_elem, (int fd, pointer k, pointer v, uint64_t f), (fd, k, v, f))
WRAP(int, -errno, bpf_map_lookup_elem, (int fd, pointer k, pointer v), (fd, k, v))
WRAP(int, -errno, bpf_map_delete_elem, (int fd, pointer k), (fd, k))
WRAP(int, -errno, bpf_map_get_next_key, (int fd, pointer k, pointer next), (fd, k, next))
WRAP(int, -errno, bpf_obj_get, (pointer path), (path))
WRAP(int, -errno, bpf_obj_get_info_by_fd, (int fd, pointer p, pointer n), (fd, p, n))
WRAP(int, -errno, bpf_obj_pin, (int fd, pointer path), (fd, path))
WRAP(int, -errno, bpf_prog_get_fd_by_id, (int id), (id))
WRAP(pointer, NULL, bpf_program__attach, (pointer p), (p))
WRAP(int, -errno, bpf_map__set_max_entries, (pointer m, int n), (m, n))
WRAP(int, -errno, bpf_map__set_pin_path, (pointer m, pointer path), (m, path))
WRAP(int, -errno, bpf_object__open_skeleton, (pointer s, pointer o), (s, o))
WRAP(int, -errno, bpf_object__load_skeleton, (pointer s), (s))
WRAP(pointer, NULL, btf__parse, (pointer path, pointer p), (path, p))
WRAP(pointer, NULL, ring_buffer__new, (int fd, pointer f, pointer arg, pointer o), (fd, f, arg, o))
WRAP(int, -errno, ring_buffer__add, (pointer r, int fd, pointer f, pointer arg), (r, fd, f, arg))
WRAP(int, -errno, ring_buffer__consume, (pointer r), (r))
