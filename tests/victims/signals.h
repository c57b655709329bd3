/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Signals by name, for victims and those who kill them. */
#ifndef OBIT_VICTIMS_SIGNALS_H
#define OBIT_VICTIMS_SIGNALS_H

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* "TERM", or a number; 0 for anything else. */
static inline int signal_number(const char *text)
{
	for (int number = 1; number < 32; number++) {
		const char *name = sigabbrev_np(number);

		if (name && strcmp(name, text) == 0)
			return number;
	}
	return atoi(text);
}

/* All signals as a fresh program has them, whatever the caller ignores or blocks. By system call,
 * since the library keeps two of them for itself. */
static inline void reset_signals(void)
{
	static const unsigned long default_action[8];
	unsigned long none = 0;

	for (int number = 1; number <= 64; number++)
		syscall(SYS_rt_sigaction, number, default_action, NULL, 8);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
}

#endif
