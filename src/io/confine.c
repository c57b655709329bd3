// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/confine.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

/* Files, the socket to the daemon, time and memory (and sigaltstack(2), by which a sanitizer sees its stack before the
 * end). Above all no execve(2), fork(2), socket(2), ptrace(2), bpf(2), and no kill(2). */
static const unsigned allowed[] = {
	SYS_read,	SYS_write,	    SYS_pread64,      SYS_openat,      SYS_close,
	SYS_lseek,	SYS_fstat,	    SYS_newfstatat,   SYS_statx,       SYS_getdents64,
	SYS_readlinkat, SYS_faccessat,	    SYS_faccessat2,   SYS_fcntl,       SYS_fsync,
	SYS_fdatasync,	SYS_renameat,	    SYS_renameat2,    SYS_unlinkat,    SYS_mkdirat,
	SYS_fchown,	SYS_recvfrom,	    SYS_sendto,	      SYS_ppoll,       SYS_clock_gettime,
	SYS_brk,	SYS_mmap,	    SYS_mremap,	      SYS_munmap,      SYS_mprotect,
	SYS_madvise,	SYS_futex,	    SYS_getrandom,    SYS_getpid,      SYS_gettid,
	SYS_geteuid,	SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack, SYS_restart_syscall,
	SYS_exit,	SYS_exit_group,
/* Older names of some, that newer architectures have not. */
#ifdef SYS_open
	SYS_open,	SYS_access,	    SYS_mkdir,	      SYS_rename,      SYS_unlink,
	SYS_poll,	SYS_stat,	    SYS_lstat,	      SYS_readlink,
#endif
};

#ifdef ARCHITECTURE
#define FILTER_SIZE (ARRAY_SIZE(allowed) + 6)

static void make_filter(struct sock_filter filter[static FILTER_SIZE])
{
	struct sock_filter *at = filter;

	*at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					     offsetof(struct seccomp_data, arch));
	*at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
	*at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	*at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					     offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
		*at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i],
						     (unsigned char)(ARRAY_SIZE(allowed) - i), 0);
	*at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	*at = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
}

static int limit_calls(void)
{
	struct sock_filter filter[FILTER_SIZE];
	struct sock_fprog program = {.len = FILTER_SIZE, .filter = filter};

	make_filter(filter);
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}
#else
static int limit_calls(void)
{
	return -ENOSYS;
}
#endif

static int limit_capabilities(uint64_t keep)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		data[i].permitted &= (__u32)(keep >> (32 * i));
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int confine_rights(uint64_t keep)
{
	int r = limit_capabilities(keep);

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : r;
}

int confine_self(uint64_t keep)
{
	int r = confine_rights(keep), calls = limit_calls();

	return r < 0 ? r : calls;
}
