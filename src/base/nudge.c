// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/nudge.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/time.h>

#define EVERY_US 10000

static void on_alarm(int signal)
{
	(void)signal;
}

/* It may have been blocked or ignored by whoever has started this process. */
static void listen_to_alarms(void)
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	static bool done;
	sigset_t set;

	if (done)
		return;
	done = true;
	sigaction(SIGALRM, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void nudge_begin(void)
{
	static const struct itimerval every = {.it_value.tv_usec = EVERY_US,
					       .it_interval.tv_usec = EVERY_US};

	listen_to_alarms();
	setitimer(ITIMER_REAL, &every, NULL);
}

void nudge_end(void)
{
	static const struct itimerval never;
	int error = errno;

	setitimer(ITIMER_REAL, &never, NULL);
	errno = error;
}
