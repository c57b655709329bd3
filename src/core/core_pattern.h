/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where a core dump went, by /proc/sys/kernel/core_pattern, as core(5) has it and the kernel does it. Pure. */
#ifndef OBIT_CORE_CORE_PATTERN_H
#define OBIT_CORE_CORE_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

/* The process that dumped, at that moment. NULL, and 0 for a pid: not known. */
struct core_facts {
	uint32_t pid;	   /* in the host's pid namespace */
	uint32_t ns_pid;   /* in its own; on the host the same */
	uint32_t uid, gid; /* real ones, in the host's user namespace */
	int signal;	   /* that it died of */
	const char *comm;  /* of the thread that dumped, which may not be the main one */
	const char *exe;   /* as /proc/PID/exe had it: from its own root, " (deleted)" if it was */
	const char *hostname; /* in its UTS namespace */
	const char *cwd;      /* as /proc/PID/cwd had it */
};

/* For a process that is known to have dumped core. `pattern` and `uses_pid` are what core_pattern and
 * core_uses_pid hold; a newline ends the pattern. *ret_path is the file, from the process's own root, and
 * *ret_handler the program (core_pattern is a pipe) or the socket that took the dump. What is not certain by
 * the facts is NULL: both are for a pattern with the thread, the dump mode, the time, the core limit or the CPU
 * in it (%i %I %d %t %c %C). Both are the caller's. 0, or -ENOMEM. */
int core_pattern_expand(const char *pattern, bool uses_pid, const struct core_facts *facts,
			char **ret_path, char **ret_handler);

#endif
