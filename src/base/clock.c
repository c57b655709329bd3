// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static uint64_t read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t clock_boot_ns(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

uint64_t clock_running_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

/* Read in this order there is no time between the two that could be taken off too much. */
uint64_t clock_boot_to_running(uint64_t boot_ns)
{
	uint64_t running = clock_running_ns(), suspended = clock_boot_ns() - running;

	return boot_ns > suspended ? boot_ns - suspended : 1;
}

uint64_t clock_wall_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

uint64_t clock_boot_to_wall(uint64_t boot_ns)
{
	return clock_wall_ns() - clock_boot_ns() + boot_ns;
}

const char *clock_rfc3339(uint64_t wall_ns, char buf[static CLOCK_RFC3339_SIZE])
{
	time_t seconds = (time_t)(wall_ns / NS_PER_SEC);
	struct tm tm;
	size_t n;

	localtime_r(&seconds, &tm);
	n = strftime(buf, CLOCK_RFC3339_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	n += (size_t)snprintf(buf + n, CLOCK_RFC3339_SIZE - n, ".%06" PRIu64,
			      wall_ns % NS_PER_SEC / NS_PER_US);
	/* strftime's %z is +hhmm; RFC 3339 wants +hh:mm. */
	n += strftime(buf + n, CLOCK_RFC3339_SIZE - n, "%z", &tm);
	buf[n + 1] = '\0';
	buf[n] = buf[n - 1];
	buf[n - 1] = buf[n - 2];
	buf[n - 2] = ':';
	return buf;
}

static uint64_t rounded(uint64_t ns, uint64_t unit)
{
	return ns / unit + (ns % unit >= unit / 2);
}

const char *clock_span(uint64_t span_ns, char buf[static CLOCK_SPAN_SIZE])
{
	uint64_t tenths = rounded(span_ns, NS_PER_SEC / 10);
	uint64_t s = rounded(span_ns, NS_PER_SEC);

	if (span_ns < NS_PER_MS)
		snprintf(buf, CLOCK_SPAN_SIZE, "%" PRIu64 "us", span_ns / NS_PER_US);
	else if (span_ns < NS_PER_SEC)
		snprintf(buf, CLOCK_SPAN_SIZE, "%" PRIu64 "ms", span_ns / NS_PER_MS);
	else if (tenths < 600 && tenths % 10)
		snprintf(buf, CLOCK_SPAN_SIZE, "%" PRIu64 ".%" PRIu64 "s", tenths / 10,
			 tenths % 10);
	else if (tenths < 600)
		snprintf(buf, CLOCK_SPAN_SIZE, "%" PRIu64 "s", tenths / 10);
	else if (s < 3600)
		snprintf(buf, CLOCK_SPAN_SIZE, "%" PRIu64 "min %" PRIu64 "s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, CLOCK_SPAN_SIZE, "%" PRIu64 "h %" PRIu64 "min", s / 3600,
			 s % 3600 / 60);
	else
		snprintf(buf, CLOCK_SPAN_SIZE, "%" PRIu64 "d %" PRIu64 "h", s / 86400,
			 s % 86400 / 3600);
	return buf;
}
