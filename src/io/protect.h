/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Keeps this process alive and in time where others are not: for one that a watchdog depends on. */
#ifndef OBIT_IO_PROTECT_H
#define OBIT_IO_PROTECT_H

#include <stdbool.h>

/* Of a process that is to be killed after nearly all others. */
#define PROTECT_OOM_SCORE_ADJ (-900)

/* This process's oom_score_adj; false where it cannot be read. */
bool protect_oom_score(int *ret);

/* Sets it; children inherit it. 0 or -errno. */
int protect_set_oom_score(int value);

/* Keeps in memory what has been touched, now and later; children do not inherit that. 0 or -errno. */
int protect_lock_memory(void);

/* Runs before all that is not of real time; children do not inherit that. 0 or -errno. */
int protect_real_time(void);

#endif
