/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The wait status as waitpid(2) gives it, in words; and sets of them. Pure. */
#ifndef OBIT_CORE_WAIT_STATUS_H
#define OBIT_CORE_WAIT_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum death_how { DEATH_EXITED, DEATH_KILLED, DEATH_DUMPED, _DEATH_HOW_MAX };

/* How a process ended: WIFEXITED, WIFSIGNALED, WIFSIGNALED with WCOREDUMP. */
enum death_how wait_status_how(uint32_t wait_status);

/* "exited", "killed" or "dumped": systemd's $EXIT_CODE. */
const char *death_how_name(enum death_how how);

/* The exit status 0-255 of a process that exited; 0 for one that was killed. */
int wait_status_exit(uint32_t wait_status);

/* The signal that ended it, or 0 for one that exited. */
int wait_status_signal(uint32_t wait_status);

#define SIGNAL_NAME_SIZE 16
/* "SIGKILL", "SIGRTMIN+3", or "signal 99" where it has no name; written into buf, which is returned.
 * Real-time signals count from the kernel's 34 (glibc's SIGRTMIN). */
const char *signal_name(int signal, char buf[static SIGNAL_NAME_SIZE]);

/* The number of "SIGTERM", "TERM", "term", "SIGRTMIN+2" or "15"; -EINVAL for anything else. */
int signal_from_name(const char *name);

#define WAIT_STATUS_WORDS_SIZE 64
/* "exited 3", "killed by SIGTERM", "dumped core on SIGSEGV"; written into buf, which is returned. */
const char *wait_status_words(uint32_t wait_status, char buf[static WAIT_STATUS_WORDS_SIZE]);

/* A set of exit statuses and signals, as success_exit_status and its kin hold them. */
struct status_set {
	uint64_t codes[4]; /* bit n of the 256: exit status n */
	uint64_t signals;  /* bit n: signal n (1-63); bit 0: signal 64 */
};

/* Adds one item: a code "3", a range "100-103", or a signal name. Returns 0; -EINVAL for a word that is
 * none of them, -ERANGE for codes outside 0-255 or a range that runs backwards; then the set is
 * as it was. */
int status_set_add(struct status_set *set, const char *item);

bool status_set_has(const struct status_set *set, uint32_t wait_status);

/* A clean end in systemd's sense: exit 0, or killed by SIGHUP, SIGINT, SIGTERM or SIGPIPE
 * without a core dump. */
bool wait_status_is_clean(uint32_t wait_status);

#endif
