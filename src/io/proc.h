/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What /proc tells about a process: second best to the kernel side's own record, for processes that ran before
 * obit and for records that were lost. What may wait for the process is asked aside (io/aside.h), and then -ETIMEDOUT and -EBUSY
 * are among the errors. Its status is read directly, as nothing is waited for there. */
#ifndef OBIT_IO_PROC_H
#define OBIT_IO_PROC_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/owner.h"
#include "core/recipe.h"

/* True if the process of this key exists (a zombie too), or nobody can tell. /proc has the start time in clock ticks only;
 * two processes of one pid cannot start within one tick. */
bool proc_exists(const struct obit_key *key);

/* The same of one that is known to have died just now: it is not asked aside, as a dead one executes nothing. */
bool proc_is_unreaped(const struct obit_key *key);

/* 1 if the process of this key is gone or on its way out: its executable, its strings and, in cgroup v1, its cgroup
 * (proc_cgroup_show() in kernel/cgroup/cgroup.c) are no longer what they were. So it is for one whose first thread has
 * ended, though others live. What was read of /proc before this is 0 is true. Or -errno. */
int proc_is_leaving(const struct obit_key *key);

/* True if it exists and is no zombie, or nobody can tell. */
bool proc_is_alive(const struct obit_key *key);

/* Who has a pid now. */
struct proc_identity {
	struct obit_key key; /* its start time rounded down to a clock tick */
	bool is_thread;	     /* of the process `key`, and not the first one */
	bool is_kernel;	     /* a thread of the kernel */
	bool is_dead;	     /* a zombie */
	bool is_own;	     /* runs the same executable as the caller */
	char *exe;	     /* owned; NULL where there is none */
};

/* 0, -ESRCH where nobody has that pid, or another -errno. The caller frees ret->exe. */
int proc_identify(pid_t pid, struct proc_identity *ret);

/* The key, rounded, of a child of the caller that executes nothing: it is not asked aside. 0 or -errno. */
int proc_key_of_child(pid_t pid, struct obit_key *ret);

/* True if a key of proc_identify() is that of the process. */
bool proc_same(const struct obit_key *rounded, const struct obit_key *key);

/* Who lives above a process, the nearest first, beginning with `pid` itself; not init, and not this process. Returns how
 * many there are. */
size_t proc_ancestors(pid_t pid, struct owner_ancestor *ret, size_t most);

/* The directory that a process is in, or what follows the option -c on its command line, as an absolute path; "" where
 * there is none that is. */
void proc_directory(pid_t pid, char buf[static OWNER_PATH_SIZE]);
void proc_config_option(pid_t pid, char buf[static OWNER_PATH_SIZE]);
/* The path of its executable, "" where that is not known. */
void proc_executable(pid_t pid, char buf[static OWNER_PATH_SIZE]);

/* The label that a security module (SELinux, AppArmor, Smack) has given a process; *ret is the caller's, and NULL where no
 * module gives any. 0, -ESRCH where the process is gone, or another -errno. */
int proc_label(const struct obit_key *key, char **ret);

/* True if this kernel has such a module. */
bool proc_has_labels(void);

/* The session id, 0 where it is not told, or -errno. */
pid_t proc_session(pid_t pid);

/* True if it has a controlling terminal. */
bool proc_has_terminal(const struct obit_key *key);

/* Inode numbers by enum obit_namespace; 0 for what the kernel does not have. 0, or -errno where it does not show one. Of the
 * caller itself: another process could let it wait. */
int proc_namespaces(pid_t pid, __u32 ret[static OBIT_NAMESPACES]);

/* A recipe (RECIPE_PROC) of all that /proc knows, except the cgroup; *ret is the caller's. `own` are the namespaces of the
 * caller. 0, -ESRCH where the process is gone or is another one by now, or another -errno. */
int proc_capture(const struct obit_key *key, const __u32 own[static OBIT_NAMESPACES],
		 struct recipe **ret);

/* UID_MIN and UID_MAX of /etc/login.defs; 1000 and 60000 where it does not tell. */
void proc_login_uids(uint32_t *ret_min, uint32_t *ret_max);

#define PROC_CORE_PATTERN_SIZE 256 /* the kernel keeps 128 bytes */
/* Where core dumps go: /proc/sys/kernel/core_pattern without its newline, and core_uses_pid. 0 or -errno. */
int proc_core_pattern(char pattern[static PROC_CORE_PATTERN_SIZE], bool *ret_uses_pid);

/* True if this process lives in the host's pid namespace, where pids mean what the kernel side says. */
bool proc_in_host_pidns(void);

/* True if its clocks, and the times in /proc, are those of the kernel side: in the host's time namespace, or where the
 * kernel has none. */
bool proc_in_host_timens(void);

#endif
