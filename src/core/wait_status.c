// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/wait_status.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

#define SIGNAL_MAX	  64
#define FIRST_REAL_TIME	  34 /* the kernel's 32 and 33 are glibc's own */
#define EXIT_STATUS_MAX	  255
#define SIGNAL_BITS	  0x7f
#define CORE_DUMPED_BIT	  0x80
#define NUMBER_DIGITS_MAX 9 /* fits an int, and is far above any code or signal */

static const char *const how_names[] = {
	[DEATH_EXITED] = "exited",
	[DEATH_KILLED] = "killed",
	[DEATH_DUMPED] = "dumped",
};
_Static_assert(ARRAY_SIZE(how_names) == _DEATH_HOW_MAX, "every death_how has a name");

/* strsignal() and sigabbrev_np() follow the locale or the libc; what is printed here must not. */
static const char *const signal_names[] = {
	[SIGHUP] = "SIGHUP",	   [SIGINT] = "SIGINT",	      [SIGQUIT] = "SIGQUIT",
	[SIGILL] = "SIGILL",	   [SIGTRAP] = "SIGTRAP",     [SIGABRT] = "SIGABRT",
	[SIGBUS] = "SIGBUS",	   [SIGFPE] = "SIGFPE",	      [SIGKILL] = "SIGKILL",
	[SIGUSR1] = "SIGUSR1",	   [SIGSEGV] = "SIGSEGV",     [SIGUSR2] = "SIGUSR2",
	[SIGPIPE] = "SIGPIPE",	   [SIGALRM] = "SIGALRM",     [SIGTERM] = "SIGTERM",
	[SIGCHLD] = "SIGCHLD",	   [SIGCONT] = "SIGCONT",     [SIGSTOP] = "SIGSTOP",
	[SIGTSTP] = "SIGTSTP",	   [SIGTTIN] = "SIGTTIN",     [SIGTTOU] = "SIGTTOU",
	[SIGURG] = "SIGURG",	   [SIGXCPU] = "SIGXCPU",     [SIGXFSZ] = "SIGXFSZ",
	[SIGPROF] = "SIGPROF",	   [SIGVTALRM] = "SIGVTALRM", [SIGWINCH] = "SIGWINCH",
	[SIGIO] = "SIGIO",	   [SIGPWR] = "SIGPWR",	      [SIGSYS] = "SIGSYS",
#ifdef SIGSTKFLT
	[SIGSTKFLT] = "SIGSTKFLT",
#endif
};

static const struct {
	const char *name;
	int signal;
} signal_aliases[] = {{"IOT", SIGABRT}, {"CLD", SIGCHLD}, {"POLL", SIGIO}};

enum death_how wait_status_how(uint32_t wait_status)
{
	if (!(wait_status & SIGNAL_BITS))
		return DEATH_EXITED;
	return wait_status & CORE_DUMPED_BIT ? DEATH_DUMPED : DEATH_KILLED;
}

const char *death_how_name(enum death_how how)
{
	return how_names[how];
}

int wait_status_exit(uint32_t wait_status)
{
	return wait_status & SIGNAL_BITS ? 0 : (int)(wait_status >> 8 & 0xff);
}

int wait_status_signal(uint32_t wait_status)
{
	return (int)(wait_status & SIGNAL_BITS);
}

const char *signal_name(int signal, char buf[static SIGNAL_NAME_SIZE])
{
	if (signal == FIRST_REAL_TIME)
		snprintf(buf, SIGNAL_NAME_SIZE, "SIGRTMIN");
	else if (signal > FIRST_REAL_TIME && signal <= SIGNAL_MAX)
		snprintf(buf, SIGNAL_NAME_SIZE, "SIGRTMIN+%d", signal - FIRST_REAL_TIME);
	else if (signal > 0 && (size_t)signal < ARRAY_SIZE(signal_names) && signal_names[signal])
		snprintf(buf, SIGNAL_NAME_SIZE, "%s", signal_names[signal]);
	else
		snprintf(buf, SIGNAL_NAME_SIZE, "signal %d", signal);
	return buf;
}

/* The decimal number at *text, which is moved behind it; -EINVAL without a digit, -ERANGE when it is
 * too long to be anything. */
static int take_number(const char **text, int *ret)
{
	size_t digits = strspn(*text, "0123456789");
	int value = 0;

	if (!digits)
		return -EINVAL;
	if (digits > NUMBER_DIGITS_MAX)
		return -ERANGE;
	for (size_t i = 0; i < digits; i++)
		value = value * 10 + ((*text)[i] - '0');
	*text += digits;
	*ret = value;
	return 0;
}

static int real_time_from_name(const char *name)
{
	int offset = 0;

	if (strncasecmp(name, "RTMIN", 5) != 0)
		return -EINVAL;
	name += 5;
	if (!*name)
		return FIRST_REAL_TIME;
	if (*name++ != '+' || take_number(&name, &offset) < 0 || *name)
		return -EINVAL;
	return offset <= SIGNAL_MAX - FIRST_REAL_TIME ? FIRST_REAL_TIME + offset : -EINVAL;
}

static int signal_from_number(const char *text)
{
	int signal;

	if (take_number(&text, &signal) < 0 || *text)
		return -EINVAL;
	return signal >= 1 && signal <= SIGNAL_MAX ? signal : -EINVAL;
}

int signal_from_name(const char *name)
{
	if (*name >= '0' && *name <= '9')
		return signal_from_number(name);
	if (strncasecmp(name, "SIG", 3) == 0)
		name += 3;
	for (size_t i = 1; i < ARRAY_SIZE(signal_names); i++)
		if (signal_names[i] && strcasecmp(signal_names[i] + 3, name) == 0)
			return (int)i;
	for (size_t i = 0; i < ARRAY_SIZE(signal_aliases); i++)
		if (strcasecmp(signal_aliases[i].name, name) == 0)
			return signal_aliases[i].signal;
	return real_time_from_name(name);
}

const char *wait_status_words(uint32_t wait_status, char buf[static WAIT_STATUS_WORDS_SIZE])
{
	char name[SIGNAL_NAME_SIZE];

	signal_name(wait_status_signal(wait_status), name);
	switch (wait_status_how(wait_status)) {
	case DEATH_KILLED:
		snprintf(buf, WAIT_STATUS_WORDS_SIZE, "killed by %s", name);
		break;
	case DEATH_DUMPED:
		snprintf(buf, WAIT_STATUS_WORDS_SIZE, "dumped core on %s", name);
		break;
	case DEATH_EXITED:
	case _DEATH_HOW_MAX:
		snprintf(buf, WAIT_STATUS_WORDS_SIZE, "exited %d", wait_status_exit(wait_status));
		break;
	}
	return buf;
}

static void add_codes(struct status_set *set, int first, int last)
{
	for (int code = first; code <= last; code++)
		set->codes[code / 64] |= UINT64_C(1) << code % 64;
}

/* "3" or "100-103". */
static int add_code_range(struct status_set *set, const char *item)
{
	int first = 0, last;
	int r = take_number(&item, &first);

	if (r < 0)
		return r;
	last = first;
	if (*item == '-') {
		item++;
		r = take_number(&item, &last);
		if (r < 0)
			return r;
	}
	if (*item)
		return -EINVAL;
	if (last > EXIT_STATUS_MAX || last < first)
		return -ERANGE;
	add_codes(set, first, last);
	return 0;
}

int status_set_add(struct status_set *set, const char *item)
{
	int signal;

	if (*item >= '0' && *item <= '9')
		return add_code_range(set, item);
	signal = signal_from_name(item);
	if (signal < 0)
		return signal;
	set->signals |= UINT64_C(1) << signal % 64;
	return 0;
}

bool status_set_has(const struct status_set *set, uint32_t wait_status)
{
	int signal = wait_status_signal(wait_status), code = wait_status_exit(wait_status);

	if (!signal)
		return set->codes[code / 64] >> code % 64 & 1;
	return signal <= SIGNAL_MAX && (set->signals >> signal % 64 & 1);
}

bool wait_status_is_clean(uint32_t wait_status)
{
	int signal = wait_status_signal(wait_status);

	if (wait_status_how(wait_status) == DEATH_EXITED)
		return wait_status_exit(wait_status) == 0;
	return wait_status_how(wait_status) == DEATH_KILLED &&
	       (signal == SIGHUP || signal == SIGINT || signal == SIGTERM || signal == SIGPIPE);
}
