/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Asks another process what may keep whoever asks waiting. The kernel lets readers of /proc/PID wait for a process that is
 * amid an exec, and that waits for what it closes, maybe for a file server that is gone (exec_update_lock: for environ,
 * personality and stack ever since; newer kernels, as 6.18.44, for stat, exe, fd and most others, too; 7.2 closes before it
 * takes that lock); and readers of its memory wait while it maps a file (mmap_lock). Anybody can make a process that never goes
 * on. The other process can be killed out of such a wait. */
#ifndef OBIT_IO_ASIDE_H
#define OBIT_IO_ASIDE_H

#include <stddef.h>
#include <sys/types.h>

#define ASIDE_QUESTION_MAX 256 /* bytes */

struct aside_answer {
	char *bytes; /* owned; NULL: nothing but the result */
	size_t size;
};

/* Runs in the other process, a fork of this one: what it needs is in the question. Its result is at least 0, or -errno. */
typedef int aside_fn(const void *question, struct aside_answer *ret);

/* The result of `fn`, and its answer, the caller's to free; both are empty where the result is an error. `ret` may be NULL
 * where there is none. `about` is the process that may keep it waiting. -ETIMEDOUT after half a second; -EBUSY at once, where that
 * process has been waited for in vain in the last ten minutes, or all together have been for 1.5 s in the last half a minute.
 * The process that answers is started when there is none. -errno where there can be none. */
int aside_ask(aside_fn *fn, pid_t about, const void *question, size_t size,
	      struct aside_answer *ret);

/* That process has executed something, or died: it can be asked about again. */
void aside_forget(pid_t about);

/* Lets the process end, if there is one: a child for the caller to reap. What it knows is as old as it is. */
void aside_close(void);

/* The same, and it is gone: it is in the caller's cgroup. */
void aside_end(void);

#endif
