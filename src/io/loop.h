/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One loop over epoll, level-triggered: everything the daemon waits for is a descriptor here, and
 * a turn without anything to do does not end, so that an idle daemon never wakes up. */
#ifndef OBIT_IO_LOOP_H
#define OBIT_IO_LOOP_H

#include <stdint.h>
#include <sys/epoll.h> /* EPOLLIN and its like are the events */

struct loop;
struct loop_source;
struct loop_timer;

/* Called with what is ready. EPOLLERR and EPOLLHUP come without being asked for. */
typedef void loop_fn(void *arg, uint32_t events);
typedef void loop_timer_fn(void *arg);

/* Returns 0 or -errno. The caller owns *ret. */
int loop_new(struct loop **ret);

/* Free every source and timer first. Accepts NULL. */
void loop_free(struct loop *loop);

/* Calls `fn` with `arg` whenever `fd` has one of `events`. The descriptor stays the caller's; it must
 * outlive the source. The caller owns *ret. Returns 0 or -errno (-EPERM: a kind of file that cannot
 * be waited for; -EEXIST: the descriptor is here already). */
int loop_add(struct loop *loop, int fd, uint32_t events, loop_fn *fn, void *arg,
	     struct loop_source **ret);

/* Replaces the events waited for; the same ones again cost no system call. Returns 0 or -errno. */
int loop_source_set_events(struct loop_source *source, uint32_t events);

/* Ends the waiting, without closing the descriptor. Safe from any callback, also for a source that is
 * ready in the same turn: it is not called any more. Accepts NULL. */
void loop_source_free(struct loop_source *source);

/* Waits, for ever if need be, until something is ready, then calls `before` (unless NULL), then what
 * is ready. A signal ends the waiting too. Not to be called from a callback. Returns 0 or -errno. */
int loop_turn(struct loop *loop, void (*before)(void *), void *arg);

/* A timer that is not set yet; it calls `fn` once per expiry. The caller owns *ret. Returns 0 or
 * -errno. */
int loop_timer_new(struct loop *loop, loop_timer_fn *fn, void *arg, struct loop_timer **ret);

/* Sets the one deadline, in clock_running_ns(); 0 disarms; one in the past expires in the next turn, which does
 * not wait then. However often it is set in a turn, the kernel is told once, at its end; and nothing where
 * that is what it knows, or past. */
void loop_timer_set(struct loop_timer *timer, uint64_t deadline_ns);

/* Safe from any callback, its own too. Accepts NULL. */
void loop_timer_free(struct loop_timer *timer);

#endif
