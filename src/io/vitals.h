/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whether a process gets on, as far as that is seen from outside; without a lock of its memory or its exec. */
#ifndef OBIT_IO_VITALS_H
#define OBIT_IO_VITALS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* CPU time of all its threads, those that have ended too; 0 where it is gone. */
uint64_t vitals_cpu_ns(pid_t pid);

/* A thread that cannot be interrupted (state D), and how often it has been given a CPU. */
struct vitals_stuck {
	pid_t pid, tid; /* 0: none */
	uint64_t runs;
};

struct vitals {
	bool awake;  /* a thread of it is not asleep: it is stopped, stuck, or waits for a CPU */
	bool traced; /* a debugger has stopped it */
	struct vitals_stuck stuck; /* one of those, the one that was known where it still is */
};

/* Adds what a look at the threads of the process shows. `known` is one that was stuck before. */
void vitals_look(pid_t pid, const struct vitals_stuck *known, struct vitals *vitals);

#endif
