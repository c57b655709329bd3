// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The service of the demo: lives a few seconds, then dies, each time in the next of several ways.
 * usage: moribund [SECONDS]
 *
 * Who is brought back with the same arguments, environment and directory cannot count its lives, so time
 * does: it is cut into slots of SECONDS, the number of the slot says the way, and the slot's end is the
 * moment. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_SLOT 3 /* seconds */
#define LONGEST_SLOT 3600

static void die_by(int signal_number)
{
	/* Whoever started this may have left the signal ignored. */
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

static void leave_with_1(void)
{
	_exit(1);
}

static void fault(void)
{
	volatile char *nothing = mmap(NULL, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	signal(SIGSEGV, SIG_DFL);
	*nothing = 1;
}

static void abort_itself(void)
{
	signal(SIGABRT, SIG_DFL);
	abort();
}

static void kill_itself(void)
{
	kill(getpid(), SIGKILL);
}

static void leave_well(void)
{
	_exit(0);
}

static void ask_itself_to_go(void)
{
	die_by(SIGTERM);
}

static void (*const ways[])(void) = {
	leave_with_1, fault, abort_itself, kill_itself, leave_well, ask_itself_to_go,
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static time_t seconds_of(const char *text)
{
	char *end;
	long seconds = strtol(text, &end, 10);

	if (end == text || *end || seconds < 1 || seconds > LONGEST_SLOT)
		_exit(2);
	return seconds;
}

/* Returns the way of the slot that has ended. */
static size_t sleep_to_end_of_slot(time_t length)
{
	struct timespec now, end = {0};

	clock_gettime(CLOCK_MONOTONIC, &now);
	end.tv_sec = now.tv_sec - now.tv_sec % length + length;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR)
		;
	return (size_t)(end.tv_sec / length) % WAYS;
}

int main(int argc, char **argv)
{
	time_t length = argc > 1 ? seconds_of(argv[1]) : DEFAULT_SLOT;

	prctl(PR_SET_DUMPABLE, 0); /* no core files */
	ways[sleep_to_end_of_slot(length)]();
	return 3; /* no way gets here */
}
