// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Stands between obitd and the C library in build/.../obitd-clock, and nowhere else: the wall clock is off by as many
 * seconds as the file OBIT_WALL says when it is read, and the machine was suspended for as many as OBIT_SLEPT says. A timer
 * by a clock that such things move cannot be had. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>

int __real_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_clock_gettime(clockid_t id, struct timespec *ts);
int __real_timerfd_create(int id, int flags);
int __wrap_timerfd_create(int id, int flags);
time_t __wrap_time(time_t *ret);
int __wrap_gettimeofday(struct timeval *tv, void *zone);

static long seconds_in(const char *variable)
{
	const char *path = getenv(variable);
	FILE *file = path ? fopen(path, "re") : NULL;
	long seconds = 0;

	if (file) {
		if (fscanf(file, "%ld", &seconds) != 1)
			seconds = 0;
		fclose(file);
	}
	return seconds;
}

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	int r = __real_clock_gettime(id, ts);

	if (r == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE || id == CLOCK_TAI))
		ts->tv_sec += seconds_in("OBIT_WALL");
	if (r == 0 && id == CLOCK_BOOTTIME)
		ts->tv_sec += seconds_in("OBIT_SLEPT");
	return r;
}

time_t __wrap_time(time_t *ret)
{
	struct timespec ts;

	__wrap_clock_gettime(CLOCK_REALTIME, &ts);
	if (ret)
		*ret = ts.tv_sec;
	return ts.tv_sec;
}

int __wrap_gettimeofday(struct timeval *tv, void *zone)
{
	struct timespec ts;

	(void)zone;
	__wrap_clock_gettime(CLOCK_REALTIME, &ts);
	*tv = (struct timeval){.tv_sec = ts.tv_sec, .tv_usec = ts.tv_nsec / 1000};
	return 0;
}

int __wrap_timerfd_create(int id, int flags)
{
	if (id == CLOCK_MONOTONIC)
		return __real_timerfd_create(id, flags);
	errno = EINVAL;
	return -1;
}
