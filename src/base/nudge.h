/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For calls that let go of what somebody else has sent. A file in a Unix socket's message may be the last reference to
 * a TCP socket with SO_LINGER, and then whoever drops the message, unread or not, waits in the kernel for a peer that never
 * reads: as long as the sender likes. A signal ends that wait. */
#ifndef OBIT_BASE_NUDGE_H
#define OBIT_BASE_NUDGE_H

/* Until nudge_end() this process gets a signal that does nothing, 10 ms from now and every 10 ms. */
void nudge_begin(void);

/* Keeps errno. */
void nudge_end(void);

#endif
