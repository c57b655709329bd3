// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/watchdog.h"

#include <errno.h>
#include <linux/watchdog.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "io/sys.h"

#define MISC_MAJOR	    10
#define LEGACY_MINOR	    130 /* /dev/watchdog, which is always the device with id 0 */
#define MAX_TIMEOUT_SECONDS (UINT32_MAX / 1000) /* drivers count in milliseconds */

struct watchdog {
	int fd;
	bool ping_by_ioctl;
	bool tells_support; /* so that facts.magic_close can be relied on */
	char sysfs[64];	    /* directory of its attributes; need not exist */
	struct watchdog_facts facts;
};

static int fail(char *error, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static int fail(char *error, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, WATCHDOG_ERROR_SIZE, fmt, ap);
	va_end(ap);
	return code;
}

/* Reads one attribute as a line without its newline. False when there is none. */
static bool read_attribute(const struct watchdog *wd, const char *name, char *buf, size_t size)
{
	char path[128];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", wd->sysfs, name);
	fd = sys_open(path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return false;
	n = sys_read(fd, buf, size - 1);
	sys_close(fd);
	if (n <= 0)
		return false;
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return true;
}

/* An attribute that is a number; 0 when there is none. */
static unsigned read_number(const struct watchdog *wd, const char *name)
{
	char text[32];

	return read_attribute(wd, name, text, sizeof(text)) ? (unsigned)strtoul(text, NULL, 10) : 0;
}

static bool has_attribute(const struct watchdog *wd, const char *name)
{
	char text[64];

	return read_attribute(wd, name, text, sizeof(text));
}

static int write_attribute(const struct watchdog *wd, const char *name, const char *value)
{
	char path[128];
	ssize_t n;
	int fd, r;

	snprintf(path, sizeof(path), "%s/%s", wd->sysfs, name);
	fd = sys_open(path, O_WRONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	n = sys_write(fd, value, strlen(value));
	r = n < 0 ? -errno : 0;
	sys_close(fd);
	return r;
}

/* By device number, since the name in /dev may be a symbolic link of somebody's choice. */
static void find_sysfs(struct watchdog *wd, dev_t number)
{
	if (major(number) == MISC_MAJOR && minor(number) == LEGACY_MINOR)
		snprintf(wd->sysfs, sizeof(wd->sysfs), "/sys/class/watchdog/watchdog0");
	else
		snprintf(wd->sysfs, sizeof(wd->sysfs), "/sys/dev/char/%u:%u", major(number),
			 minor(number));
}

/* To be called before the device is opened, since opening arms it. */
static int look_first(struct watchdog *wd, const char *device, char *error)
{
	struct watchdog_facts *facts = &wd->facts;
	struct stat st;

	if (sys_stat(device, &st) < 0)
		return errno == ENOENT
			       ? fail(error, -ENOENT,
				      "%s: no such device; expected one of a loaded watchdog "
				      "driver",
				      device)
			       : fail(error, -errno,
				      "%s: cannot be looked at: %s; expected a watchdog device",
				      device, strerror(errno));
	if (!S_ISCHR(st.st_mode))
		return fail(error, -ENODEV,
			    "%s: not a character device; expected a watchdog device", device);
	find_sysfs(wd, st.st_rdev);
	if (!read_attribute(wd, "identity", facts->identity, sizeof(facts->identity)))
		facts->identity[0] = '\0';
	if (!read_attribute(wd, "state", facts->state, sizeof(facts->state)))
		facts->state[0] = '\0';
	facts->nowayout = read_number(wd, "nowayout") != 0;
	facts->boot_known = has_attribute(wd, "bootstatus");
	facts->boot_status = read_number(wd, "bootstatus");
	return 0;
}

bool watchdog_runs(const char *device)
{
	struct watchdog wd = {.fd = -1};
	char error[WATCHDOG_ERROR_SIZE];

	return look_first(&wd, device, error) == 0 && !strcmp(wd.facts.state, "active");
}

static int open_device(struct watchdog *wd, const char *device, char *error)
{
	do {
		wd->fd = sys_open(device, O_WRONLY | O_CLOEXEC, 0);
	} while (wd->fd < 0 && errno == EINTR);
	if (wd->fd >= 0)
		return 0;
	if (errno == EBUSY)
		return fail(error, -EBUSY,
			    "%s: somebody else holds it (another watchdog daemon, or systemd with "
			    "RuntimeWatchdogSec=); expected a device for obitd alone",
			    device);
	return fail(error, -errno,
		    "%s: cannot be opened: %s; expected a watchdog device that "
		    "obitd may write to",
		    device, strerror(errno));
}

/* Returns 1 when the driver did it, 0 when it has not got such a request, or -errno. */
static int ask(struct watchdog *wd, unsigned long request, void *arg)
{
	int r;

	do {
		r = sys_ioctl(wd->fd, request, arg);
	} while (r < 0 && errno == EINTR);
	if (r >= 0)
		return 1;
	return errno == ENOTTY || errno == EOPNOTSUPP ? 0 : -errno;
}

/* Returns like ask(). */
static int ask_support(struct watchdog *wd)
{
	struct watchdog_info info = {0};
	int r = ask(wd, WDIOC_GETSUPPORT, &info);

	if (r <= 0)
		return r;
	wd->tells_support = true;
	wd->ping_by_ioctl = info.options & WDIOF_KEEPALIVEPING;
	wd->facts.magic_close = info.options & WDIOF_MAGICCLOSE;
	if (!wd->facts.identity[0])
		snprintf(wd->facts.identity, sizeof(wd->facts.identity), "%.*s",
			 (int)sizeof(info.identity), (const char *)info.identity);
	return 1;
}

static int seconds_of(uint64_t timeout_ns)
{
	uint64_t seconds = timeout_ns / NS_PER_SEC + (timeout_ns % NS_PER_SEC != 0);

	if (seconds > MAX_TIMEOUT_SECONDS)
		return MAX_TIMEOUT_SECONDS;
	return seconds ? (int)seconds : 1;
}

/* The driver refused `seconds`: the nearest that it says it takes. */
static int clamp_to_driver(const struct watchdog *wd, int seconds)
{
	unsigned min = read_number(wd, "min_timeout"), max = read_number(wd, "max_timeout");

	if (max && (unsigned)seconds > max)
		return (int)max;
	return (unsigned)seconds < min ? (int)min : seconds;
}

/* Stores what the driver said. Returns 1 when that is a timeout at all. */
static int take_timeout(struct watchdog *wd, int seconds)
{
	if (seconds <= 0)
		return 0;
	wd->facts.timeout_ns = (uint64_t)seconds * NS_PER_SEC;
	wd->facts.timeout_known = true;
	return 1;
}

/* Returns 1 when the driver answered with a timeout, 0 when it does not set any or not this one, or
 * -errno. */
static int set_timeout(struct watchdog *wd)
{
	int wanted = seconds_of(wd->facts.asked_ns);
	int seconds = wanted, r;

	r = ask(wd, WDIOC_SETTIMEOUT, &seconds);
	if (r == -EINVAL) {
		seconds = clamp_to_driver(wd, wanted);
		r = seconds == wanted ? 0 : ask(wd, WDIOC_SETTIMEOUT, &seconds);
	}
	if (r == 1)
		return take_timeout(wd, seconds);
	return r == -EINVAL ? 0 : r;
}

static int get_timeout(struct watchdog *wd)
{
	int seconds = 0;
	int r = ask(wd, WDIOC_GETTIMEOUT, &seconds);

	return r == 1 ? take_timeout(wd, seconds) : r;
}

/* Returns 1 when the timeout is known now, 0 when nothing tells it, or -errno. */
static int settle_timeout(struct watchdog *wd)
{
	int r = set_timeout(wd);

	if (r == 0)
		r = get_timeout(wd);
	if (r == 0)
		r = take_timeout(wd, (int)read_number(wd, "timeout"));
	return r;
}

static int write_byte(int fd, char byte)
{
	ssize_t n;

	do {
		n = sys_write(fd, &byte, 1);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == 1 ? 0 : -EIO;
}

/* Not every driver that has one says so in its abilities: the kernel may do it with a timer of its own. */
static void settle_pretimeout(struct watchdog *wd, const struct watchdog_config *config)
{
	int seconds = config->pretimeout_ns ? seconds_of(config->pretimeout_ns) : 0;
	int timeout = (int)(wd->facts.timeout_ns / NS_PER_SEC);

	if (!seconds)
		return;
	if (seconds >= timeout)
		seconds = timeout - 1;
	if (seconds > 0 && ask(wd, WDIOC_SETPRETIMEOUT, &seconds) == 1 && seconds > 0)
		wd->facts.pretimeout_ns = (uint64_t)seconds * NS_PER_SEC;
}

static void settle_governor(struct watchdog *wd, const char *governor)
{
	struct watchdog_facts *facts = &wd->facts;

	if (governor)
		write_attribute(wd, "pretimeout_governor", governor);
	/* What it is, not what was written. */
	if (!read_attribute(wd, "pretimeout_governor", facts->governor, sizeof(facts->governor)))
		facts->governor[0] = '\0';
}

static void settle_boot_status(struct watchdog *wd)
{
	int flags = 0;

	if (wd->facts.boot_known || ask(wd, WDIOC_GETBOOTSTATUS, &flags) != 1)
		return;
	wd->facts.boot_known = true;
	wd->facts.boot_status = (unsigned)flags;
}

static int set_up(struct watchdog *wd, const char *device, char *error)
{
	int support = ask_support(wd), timeout;

	if (support < 0)
		return fail(error, support,
			    "%s: its abilities cannot be read: %s; expected a "
			    "working watchdog device",
			    device, strerror(-support));
	timeout = settle_timeout(wd);
	if (timeout < 0)
		return fail(error, timeout,
			    "%s: its timeout cannot be set: %s; expected a working "
			    "watchdog device",
			    device, strerror(-timeout));
	if (support == 0 && timeout == 0)
		return fail(error, -ENOTTY,
			    "%s: it answers no question of a watchdog; expected a watchdog device",
			    device);
	return 0;
}

int watchdog_open(const char *device, const struct watchdog_config *config, struct watchdog **ret,
		  char error[static WATCHDOG_ERROR_SIZE])
{
	_cleanup_free_ struct watchdog *wd = calloc(1, sizeof(*wd));
	int r;

	if (!wd)
		return fail(error, -ENOMEM, "%s: out of memory", device);
	wd->facts.asked_ns = config->timeout_ns;
	take_timeout(wd, seconds_of(config->timeout_ns));
	wd->facts.timeout_known = false;
	r = look_first(wd, device, error);
	if (r < 0)
		return r;
	r = open_device(wd, device, error);
	if (r < 0)
		return r;
	r = set_up(wd, device, error);
	if (r < 0) {
		watchdog_close(TAKE_PTR(wd), true);
		return r;
	}
	/* Takes back a 'V' that whoever had it before has left behind. */
	write_byte(wd->fd, '\0');
	settle_governor(wd, config->governor);
	settle_pretimeout(wd, config);
	settle_boot_status(wd);
	*ret = TAKE_PTR(wd);
	return 0;
}

const struct watchdog_facts *watchdog_facts(const struct watchdog *wd)
{
	return &wd->facts;
}

uint64_t watchdog_timeout_ns(const struct watchdog *wd)
{
	return wd->facts.timeout_ns;
}

uint64_t watchdog_ping_interval_ns(const struct watchdog *wd)
{
	return wd->facts.timeout_ns / 3;
}

int watchdog_feed(struct watchdog *wd)
{
	if (wd->ping_by_ioctl) {
		int unused = 0;
		int r = ask(wd, WDIOC_KEEPALIVE, &unused);

		if (r != 0)
			return r < 0 ? r : 0;
		wd->ping_by_ioctl = false; /* it promised what it has not got */
	}
	/* Any byte feeds; a 'V' would allow the next close to disarm. */
	return write_byte(wd->fd, '\0');
}

bool watchdog_left_ns(struct watchdog *wd, uint64_t *ret)
{
	int seconds = 0;

	if (ask(wd, WDIOC_GETTIMELEFT, &seconds) != 1 || seconds < 0)
		return false;
	*ret = (uint64_t)seconds * NS_PER_SEC;
	return true;
}

/* Half as long each time, down to what it has: some refuse a long one, and tell no limit. */
int watchdog_stretch(struct watchdog *wd, uint64_t most_ns)
{
	unsigned max = read_number(wd, "max_timeout");
	int now = (int)(wd->facts.timeout_ns / NS_PER_SEC), wanted = seconds_of(most_ns), r = 0;

	if (max && (unsigned)wanted > max)
		wanted = (int)max;
	for (; wanted > now; wanted /= 2) {
		int seconds = wanted;

		r = ask(wd, WDIOC_SETTIMEOUT, &seconds);
		if (r == 1 && take_timeout(wd, seconds))
			return 0;
		if (r != -EINVAL)
			break;
	}
	/* It may have been changed without a word. */
	r = r < 0 && r != -EINVAL ? r : watchdog_feed(wd);
	return r;
}

/* Returns 0, or -errno when the device goes on running. No 'V' for one that is stopped already: the kernel would not use
 * it at the close that follows, but keep it for a later one, after a crash. */
static int disarm_device(struct watchdog *wd)
{
	int card = WDIOS_DISABLECARD;
	int disabled = ask(wd, WDIOC_SETOPTIONS, &card);
	int magic = 0;

	if (disabled == 1)
		return wd->facts.nowayout ? -EBUSY : 0;
	if (wd->facts.magic_close || !wd->tells_support)
		magic = write_byte(wd->fd, 'V');
	return wd->facts.nowayout || disabled == -EBUSY ? -EBUSY : magic;
}

/* Lets the device outlive the process although it has no magic close. */
static int forbid_disarming(const struct watchdog *wd)
{
	if (wd->facts.nowayout)
		return 0;
	return write_attribute(wd, "nowayout", "1") < 0 ? -EOPNOTSUPP : 0;
}

int watchdog_close(struct watchdog *wd, bool disarm)
{
	int r = 0;

	if (!wd)
		return 0;
	if (disarm)
		r = disarm_device(wd);
	else if (!wd->facts.magic_close)
		r = forbid_disarming(wd);
	if (disarm || wd->facts.magic_close)
		sys_close(wd->fd);
	free(wd);
	return r;
}
