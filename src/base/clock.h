/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Time has one unit, the nanosecond, and two clocks that never jump. What is waited for is waited for in the time in
 * which the machine runs: nobody has done anything, or failed to, while it was suspended. What the kernel has stamped,
 * births and deaths, is in the time since the boot, as a process's start_boottime. The wall clock is for showing to
 * people only. */
#ifndef OBIT_BASE_CLOCK_H
#define OBIT_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define NS_PER_US  UINT64_C(1000)
#define NS_PER_MS  UINT64_C(1000000)
#define NS_PER_SEC UINT64_C(1000000000)
#define NS_PER_MIN (60 * NS_PER_SEC)

/* Nanoseconds on CLOCK_BOOTTIME. Cannot fail. */
uint64_t clock_boot_ns(void);

/* The same without the time in which the machine was suspended (CLOCK_MONOTONIC). */
uint64_t clock_running_ns(void);

/* What the second one showed when the first one showed `boot_ns`, if the machine was not suspended since; else it was
 * later than that. Never 0. */
uint64_t clock_boot_to_running(uint64_t boot_ns);

/* Nanoseconds since 1970 (CLOCK_REALTIME). Cannot fail. */
uint64_t clock_wall_ns(void);

/* The wall-clock time of the moment `boot_ns` on CLOCK_BOOTTIME, by today's offset of the two. */
uint64_t clock_boot_to_wall(uint64_t boot_ns);

#define CLOCK_RFC3339_SIZE 40
/* Writes `wall_ns` as RFC 3339 with microseconds and the local offset into buf and returns buf. */
const char *clock_rfc3339(uint64_t wall_ns, char buf[static CLOCK_RFC3339_SIZE]);

#define CLOCK_SPAN_SIZE 32
/* Writes a span as people say it, two units at most ("1.2s", "4min 3s", "12d 4h"), and returns buf. */
const char *clock_span(uint64_t span_ns, char buf[static CLOCK_SPAN_SIZE]);

#endif
