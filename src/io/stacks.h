/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where the threads of a process are in the kernel. */
#ifndef OBIT_IO_STACKS_H
#define OBIT_IO_STACKS_H

#include <stdio.h>
#include <sys/types.h>

#define STACKS_THREADS_MAX 16
#define STACKS_FRAMES_MAX  12

/* Writes a line "TID STATE WCHAN COMM" for each thread, those first that cannot be interrupted (state D), then the
 * main one, each followed by its frames, the innermost first, in lines that begin with a tab. What is not known is "-"; comm
 * has no control bytes. To be called where it may block: reading a stack waits for an exec of the process. 0 or
 * -errno. */
int stacks_print(FILE *out, pid_t pid);

#endif
