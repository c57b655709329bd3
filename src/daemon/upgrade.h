/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OBIT_DAEMON_UPGRADE_H
#define OBIT_DAEMON_UPGRADE_H

#include <stdbool.h>
#include <sys/types.h>

struct daemon;

/* To be called at the start: what is executed later is what lies there then. */
void upgrade_note_program(void);
/* True, once, if an obitd in this process has executed this one. */
bool upgrade_is_under_way(void);
/* True if another program lies where this one was executed from. */
bool upgrade_is_due(void);

int upgrade_open(struct daemon *daemon);
void upgrade_close(struct daemon *daemon);
/* To be called for each child that has ended, before it is reaped. True: it was the check, and is reaped. */
bool upgrade_reap(struct daemon *daemon, pid_t pid);

/* Has the program checked; if it takes the configuration, it is executed when the hooks are done, or soon. 0, or -errno:
 * -EAGAIN where that is under way already. */
int upgrade_begin(struct daemon *daemon);
/* To be asked at the end of a turn: it is to be executed now. */
bool upgrade_is_ready(const struct daemon *daemon);
/* Executes it. Returns only if that fails, and then nothing has changed. */
void upgrade_execute(struct daemon *daemon);

#endif
