/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Why a process ended: its wait status joined with who sent the signal. Pure. */
#ifndef OBIT_CORE_CAUSE_H
#define OBIT_CORE_CAUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/abi.h"

enum death_cause {
	CAUSE_EXIT,	  /* it exited */
	CAUSE_PROCESS,	  /* another process sent the signal */
	CAUSE_ITSELF,	  /* it sent the signal to itself: abort(3), raise(3) */
	CAUSE_FAULT,	  /* of CPU or memory: the signal has a code and mostly an address */
	CAUSE_OOM,	  /* the out-of-memory killer */
	CAUSE_SECCOMP,	  /* a system call that its filter forbids */
	CAUSE_PIPE,	  /* it wrote to a pipe or socket that nobody reads */
	CAUSE_CPU_LIMIT,  /* RLIMIT_CPU */
	CAUSE_FILE_LIMIT, /* RLIMIT_FSIZE */
	CAUSE_TIMER,	  /* alarm(2), setitimer(2), timer_create(2) */
	CAUSE_TERMINAL,	  /* Ctrl-C, Ctrl-\, or the terminal hung up */
	CAUSE_PARENT, /* its parent ended, and it had asked for a signal then (PR_SET_PDEATHSIG) */
	CAUSE_NAMESPACE, /* the init of its pid namespace ended */
	CAUSE_KERNEL,	 /* the kernel, for another reason */
	CAUSE_UNKNOWN,	 /* a signal, and the record of who sent it is lost */
	_DEATH_CAUSE_MAX
};

/* "exit", "process", "itself", ...: an obituary's "cause". */
const char *death_cause_name(enum death_cause cause);

/* `fatal` is the latest delivered signal of the number that ended the process, or NULL if none is known;
 * `all_known` says that none can have been missed since it is tracked: then what ends without one, by
 * SIGKILL or SIGSYS, was ended by the kernel. Where a fact is not known, the answer is a coarser one, never a guess. */
enum death_cause death_cause(const struct obit_key *process, const struct obit_exit *exit,
			     const struct obit_signal *fatal, bool all_known);

/* True if the cause has a process behind it, which fatal->sender is. */
bool death_cause_has_killer(enum death_cause cause);

/* True if the signal is another process's wish; what is sent because a parent ended is none. */
bool signal_is_request(const struct obit_signal *signal);

/* True if a request to stop still stands behind a death: it came `window_ns` before it at most, or it was followed
 * by the fatal SIGKILL (`fatal`; NULL: none) of the same sender, which lost patience. */
bool death_was_asked_for(const struct obit_exit *exit, const struct obit_signal *asked,
			 const struct obit_signal *fatal, uint64_t window_ns);

/* "SEGV_MAPERR" of SIGSEGV with si_code 1 (asm-generic/siginfo.h), or NULL where there is no such name. */
const char *fault_name(uint32_t signal, int32_t code);

#endif
