// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <linux/watchdog.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "io/sys.h"
#include "io/watchdog.h"

#define DEVICE	  "/dev/watchdog1"
#define DEVICE_FD 1000
#define SYSFS_FD  2000
#define S(n)	  ((uint64_t)(n)*NS_PER_SEC)

#define MODERN (WDIOF_SETTIMEOUT | WDIOF_MAGICCLOSE | WDIOF_KEEPALIVEPING)

struct fake_sys fake_sys;

static struct attribute {
	const char *name, *value; /* NULL: not there */
} sysfs[] = {{"identity", NULL},    {"state", NULL},
	     {"timeout", NULL},	    {"min_timeout", NULL},
	     {"max_timeout", NULL}, {"nowayout", NULL},
	     {"bootstatus", NULL},  {"pretimeout_governor", NULL}};
static const char *sysfs_dir;
static bool sysfs_read_only;

/* How the driver behaves: 0 in an errno means that the request works. */
static struct driver {
	unsigned options;
	int stat_errno, open_errno;
	mode_t mode;
	dev_t number;
	int support_errno, set_errno, get_errno, keepalive_errno, disable_errno, write_errno;
	int pre_errno, boot_errno, left_errno;
	int boot_status, left;
	int timeout;	 /* what GETTIMEOUT tells */
	int rounds_to;	 /* what SETTIMEOUT sets; 0: what it was asked for */
	int min, max;	 /* SETTIMEOUT outside of them is EINVAL; 0: no limit */
	int interrupted; /* that many calls give EINTR first */
	bool writes_nothing;
} driver;

/* What was done to the device, in order. */
static char trace[1024];

static void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *fmt, ...)
{
	size_t n = strlen(trace);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(trace + n, sizeof(trace) - n, fmt, ap);
	va_end(ap);
}

static int result(int error)
{
	if (driver.interrupted > 0) {
		driver.interrupted--;
		error = EINTR;
	}
	errno = error;
	return error ? -1 : 0;
}

static int fake_stat(const char *path, struct stat *st)
{
	assert_string_equal(path, DEVICE);
	*st = (struct stat){.st_mode = driver.mode, .st_rdev = driver.number};
	errno = driver.stat_errno;
	return driver.stat_errno ? -1 : 0;
}

static int open_sysfs(const char *path, int flags)
{
	size_t length = strlen(sysfs_dir);

	for (size_t i = 0; i < ARRAY_SIZE(sysfs); i++) {
		if (!sysfs[i].value || strncmp(path, sysfs_dir, length) != 0 ||
		    path[length] != '/' || strcmp(path + length + 1, sysfs[i].name) != 0)
			continue;
		if ((flags & O_ACCMODE) == O_WRONLY && sysfs_read_only)
			break;
		note("%s ", sysfs[i].name);
		return SYSFS_FD + (int)i;
	}
	errno = ENOENT;
	return -1;
}

static int fake_open(const char *path, int flags, mode_t mode)
{
	(void)mode;
	assert_true(flags & O_CLOEXEC);
	if (strcmp(path, DEVICE) != 0)
		return open_sysfs(path, flags);
	assert_int_equal(flags, O_WRONLY | O_CLOEXEC);
	if (result(driver.open_errno) < 0)
		return -1;
	note("open ");
	return DEVICE_FD;
}

static int fake_close(int fd)
{
	if (fd == DEVICE_FD)
		note("close ");
	return 0;
}

static ssize_t fake_read(int fd, void *buf, size_t size)
{
	assert_in_range(fd, SYSFS_FD, SYSFS_FD + ARRAY_SIZE(sysfs) - 1);
	return snprintf(buf, size, "%s\n", sysfs[fd - SYSFS_FD].value);
}

static ssize_t fake_write(int fd, const void *buf, size_t size)
{
	if (size != 1) { /* a word for sysfs */
		assert_int_not_equal(fd, DEVICE_FD);
		note("write-%.*s ", (int)size, (const char *)buf);
		return (ssize_t)size;
	}
	if (fd == DEVICE_FD && result(driver.write_errno) < 0)
		return -1;
	if (fd == DEVICE_FD && driver.writes_nothing)
		return 0;
	if (*(const char *)buf)
		note("write-%c ", *(const char *)buf);
	else
		note("write-0 ");
	return 1;
}

static int set_timeout(int *seconds)
{
	if (result(driver.set_errno) < 0)
		return -1;
	note("set-%d ", *seconds);
	if ((driver.min && *seconds < driver.min) || (driver.max && *seconds > driver.max)) {
		errno = EINVAL;
		return -1;
	}
	if (driver.rounds_to)
		*seconds = driver.rounds_to;
	return 0;
}

static int fake_ioctl(int fd, unsigned long request, void *arg)
{
	struct watchdog_info info = {.options = driver.options, .identity = "Fake dog"};
	int r;

	assert_int_equal(fd, DEVICE_FD);
	switch (request) {
	case WDIOC_GETSUPPORT:
		r = result(driver.support_errno);
		if (r == 0)
			memcpy(arg, &info, sizeof(info));
		return r;
	case WDIOC_SETTIMEOUT:
		return set_timeout(arg);
	case WDIOC_GETTIMEOUT:
		r = result(driver.get_errno);
		if (r == 0)
			*(int *)arg = driver.timeout;
		return r;
	case WDIOC_KEEPALIVE:
		r = result(driver.keepalive_errno);
		if (r == 0)
			note("keepalive ");
		return r;
	case WDIOC_SETOPTIONS:
		assert_int_equal(*(int *)arg, WDIOS_DISABLECARD);
		r = result(driver.disable_errno);
		if (r == 0)
			note("disable ");
		return r;
	case WDIOC_SETPRETIMEOUT:
		r = result(driver.pre_errno);
		if (r == 0)
			note("pre-%d ", *(int *)arg);
		return r;
	case WDIOC_GETBOOTSTATUS:
		r = result(driver.boot_errno);
		if (r == 0)
			*(int *)arg = driver.boot_status;
		return r;
	case WDIOC_GETTIMELEFT:
		r = result(driver.left_errno);
		if (r == 0)
			*(int *)arg = driver.left;
		return r;
	default:
		fail();
		return -1;
	}
}

static int set_up(void **state)
{
	(void)state;
	fake_sys = (struct fake_sys){.open = fake_open,
				     .close = fake_close,
				     .read = fake_read,
				     .write = fake_write,
				     .ioctl = fake_ioctl,
				     .stat = fake_stat};
	driver = (struct driver){.options = MODERN,
				 .mode = S_IFCHR | 0600,
				 .number = makedev(249, 1),
				 .timeout = 60};
	for (size_t i = 0; i < ARRAY_SIZE(sysfs); i++)
		sysfs[i].value = NULL;
	sysfs_dir = "/sys/dev/char/249:1";
	sysfs_read_only = false;
	trace[0] = '\0';
	return 0;
}

static void set_attribute(const char *name, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(sysfs); i++) {
		if (strcmp(sysfs[i].name, name) == 0)
			sysfs[i].value = value;
	}
}

static int open_for(uint64_t timeout_ns, struct watchdog **ret, char *error)
{
	struct watchdog_config config = {.timeout_ns = timeout_ns};

	error[0] = '\0';
	return watchdog_open(DEVICE, &config, ret, error);
}

static struct watchdog *opened(uint64_t timeout_ns)
{
	char error[WATCHDOG_ERROR_SIZE];
	struct watchdog *wd = NULL;

	assert_int_equal(open_for(timeout_ns, &wd, error), 0);
	assert_string_equal(error, "");
	return wd;
}

static void looks_before_it_opens(void **state)
{
	struct watchdog *wd;

	(void)state;
	set_attribute("identity", "iTCO_wdt");
	set_attribute("state", "active");
	set_attribute("nowayout", "1");
	wd = opened(S(30));
	set_attribute("bootstatus", "32");
	watchdog_close(wd, true);
	trace[0] = '\0';
	wd = opened(S(30));
	assert_string_equal(trace, "identity state nowayout bootstatus bootstatus open set-30 "
				   "write-0 ");
	assert_true(watchdog_facts(wd)->boot_known);
	assert_int_equal(watchdog_facts(wd)->boot_status, WDIOF_CARDRESET);
	assert_string_equal(watchdog_facts(wd)->identity, "iTCO_wdt");
	assert_string_equal(watchdog_facts(wd)->state, "active");
	assert_true(watchdog_facts(wd)->nowayout);
	assert_true(watchdog_facts(wd)->magic_close);
	watchdog_close(wd, true);
}

static void tells_what_runs_without_opening_it(void **state)
{
	(void)state;
	set_attribute("state", "active");
	assert_true(watchdog_runs(DEVICE));
	set_attribute("state", "inactive");
	assert_false(watchdog_runs(DEVICE));
	set_attribute("state", NULL);
	assert_false(watchdog_runs(DEVICE));
	driver.stat_errno = ENOENT;
	assert_false(watchdog_runs(DEVICE));
	assert_null(strstr(trace, "open"));
}

static void knows_the_legacy_device(void **state)
{
	struct watchdog *wd;

	(void)state;
	driver.number = makedev(10, 130);
	sysfs_dir = "/sys/class/watchdog/watchdog0";
	set_attribute("identity", "softdog");
	wd = opened(S(30));
	assert_string_equal(watchdog_facts(wd)->identity, "softdog");
	watchdog_close(wd, true);
}

static void asks_the_driver_where_sysfs_is_missing(void **state)
{
	struct watchdog *wd = opened(S(30));

	(void)state;
	assert_string_equal(watchdog_facts(wd)->identity, "Fake dog");
	assert_string_equal(watchdog_facts(wd)->state, "");
	assert_false(watchdog_facts(wd)->nowayout);
	watchdog_close(wd, true);
}

static void uses_the_timeout_that_the_driver_returns(void **state)
{
	static const struct {
		const char *what;
		struct driver driver;
		const char *min, *max, *timeout; /* of sysfs */
		uint64_t asked_ns, expected_ns;
		bool known;
	} cases[] = {
		{"as asked", {0}, 0, 0, 0, S(30), S(30), true},
		{"rounds up", {.rounds_to = 60}, 0, 0, 0, S(45), S(60), true},
		{"rounds down", {.rounds_to = 16}, 0, 0, 0, S(30), S(16), true},
		{"part of a second", {0}, 0, 0, 0, S(1) + 1, S(2), true},
		{"less than a second", {0}, 0, 0, 0, 1, S(1), true},
		{"nothing asked", {0}, 0, 0, 0, 0, S(1), true},
		{"very long", {0}, 0, 0, 0, UINT64_MAX, S(4294967), true},
		{"no SETTIMEOUT",
		 {.set_errno = EOPNOTSUPP, .timeout = 15},
		 0,
		 0,
		 0,
		 S(30),
		 S(15),
		 true},
		{"unknown SETTIMEOUT",
		 {.set_errno = ENOTTY, .timeout = 15},
		 0,
		 0,
		 0,
		 S(30),
		 S(15),
		 true},
		{"too long, limit known",
		 {.max = 15, .timeout = 10},
		 0,
		 "15",
		 0,
		 S(600),
		 S(15),
		 true},
		{"too short, limit known",
		 {.min = 10, .timeout = 60},
		 "10",
		 "0",
		 0,
		 S(2),
		 S(10),
		 true},
		{"too long, limit unknown",
		 {.max = 15, .timeout = 10},
		 0,
		 0,
		 0,
		 S(600),
		 S(10),
		 true},
		{"limit is a lie", {.max = 15, .timeout = 10}, 0, "20", 0, S(600), S(10), true},
		{"returns nothing", {.rounds_to = -1, .timeout = 20}, 0, 0, 0, S(30), S(20), true},
		{"only sysfs tells",
		 {.set_errno = ENOTTY, .get_errno = EOPNOTSUPP},
		 0,
		 0,
		 "25",
		 S(30),
		 S(25),
		 true},
		{"nothing tells",
		 {.set_errno = ENOTTY, .get_errno = ENOTTY},
		 0,
		 0,
		 0,
		 S(30),
		 S(30),
		 false},
		{"timeout of zero",
		 {.set_errno = ENOTTY, .timeout = 0},
		 0,
		 0,
		 0,
		 S(30),
		 S(30),
		 false},
		{"no GETSUPPORT", {.support_errno = ENOTTY}, 0, 0, 0, S(30), S(30), true},
		{"EINTR", {.interrupted = 3}, 0, 0, 0, S(30), S(30), true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct watchdog *wd;

		set_up(state);
		driver = cases[i].driver;
		driver.options = MODERN;
		driver.mode = S_IFCHR;
		driver.number = makedev(249, 1);
		set_attribute("min_timeout", cases[i].min);
		set_attribute("max_timeout", cases[i].max);
		set_attribute("timeout", cases[i].timeout);
		wd = opened(cases[i].asked_ns);
		if (watchdog_timeout_ns(wd) != cases[i].expected_ns)
			fail_msg("%s: timeout %llu", cases[i].what,
				 (unsigned long long)watchdog_timeout_ns(wd));
		assert_int_equal(watchdog_facts(wd)->timeout_known, cases[i].known);
		assert_int_equal(watchdog_facts(wd)->asked_ns, cases[i].asked_ns);
		watchdog_close(wd, true);
	}
}

static void pings_at_most_every_third(void **state)
{
	(void)state;
	for (int seconds = 1; seconds <= 100; seconds++) {
		struct watchdog *wd;

		driver.rounds_to = seconds;
		wd = opened(S(30));
		assert_true(watchdog_ping_interval_ns(wd) > 0);
		assert_true(3 * watchdog_ping_interval_ns(wd) <= S(seconds));
		watchdog_close(wd, true);
	}
}

static void tells_why_it_cannot_open(void **state)
{
	static const struct {
		struct driver driver;
		int code;
		const char *error;
	} cases[] = {
		{{.stat_errno = ENOENT},
		 -ENOENT,
		 DEVICE ": no such device; expected one of a loaded watchdog driver"},
		{{.stat_errno = EACCES},
		 -EACCES,
		 DEVICE ": cannot be looked at: Permission denied; expected a watchdog device"},
		{{.mode = S_IFREG},
		 -ENODEV,
		 DEVICE ": not a character device; expected a watchdog device"},
		{{.mode = S_IFIFO},
		 -ENODEV,
		 DEVICE ": not a character device; expected a watchdog device"},
		{{.open_errno = EBUSY},
		 -EBUSY,
		 DEVICE ": somebody else holds it (another watchdog daemon, or systemd with "
			"RuntimeWatchdogSec=); expected a device for obitd alone"},
		{{.open_errno = ENXIO},
		 -ENXIO,
		 DEVICE ": cannot be opened: No such device or address; expected a watchdog "
			"device that obitd may write to"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char error[WATCHDOG_ERROR_SIZE];
		struct watchdog *wd = NULL;

		set_up(state);
		driver = cases[i].driver;
		driver.mode = driver.mode ? driver.mode : S_IFCHR;
		assert_int_equal(open_for(S(30), &wd, error), cases[i].code);
		assert_string_equal(error, cases[i].error);
		assert_string_equal(trace, ""); /* nothing was armed */
		assert_null(wd);
	}
}

static void disarms_what_it_cannot_use(void **state)
{
	static const struct {
		struct driver driver;
		int code;
		const char *error, *trace;
	} cases[] = {
		{{.support_errno = EIO},
		 -EIO,
		 DEVICE ": its abilities cannot be read: Input/output error; expected a working "
			"watchdog device",
		 "open disable close "},
		{{.set_errno = EIO},
		 -EIO,
		 DEVICE ": its timeout cannot be set: Input/output error; expected a working "
			"watchdog device",
		 "open disable close "},
		{{.set_errno = ENOTTY, .get_errno = EIO, .disable_errno = ENOTTY},
		 -EIO,
		 DEVICE ": its timeout cannot be set: Input/output error; expected a working "
			"watchdog device",
		 "open write-V close "},
		/* A character device that is no watchdog, like /dev/null. */
		{{.support_errno = ENOTTY,
		  .set_errno = ENOTTY,
		  .get_errno = ENOTTY,
		  .disable_errno = ENOTTY},
		 -ENOTTY,
		 DEVICE ": it answers no question of a watchdog; expected a watchdog device",
		 "open write-V close "},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char error[WATCHDOG_ERROR_SIZE];
		struct watchdog *wd = NULL;

		set_up(state);
		driver = cases[i].driver;
		driver.options = MODERN;
		driver.mode = S_IFCHR;
		assert_int_equal(open_for(S(30), &wd, error), cases[i].code);
		assert_string_equal(error, cases[i].error);
		assert_string_equal(trace, cases[i].trace);
		assert_null(wd);
	}
}

static void feeds_in_the_way_the_driver_offers(void **state)
{
	static const struct {
		const char *what;
		struct driver driver;
		int first, second;
		const char *trace;
	} cases[] = {
		{"KEEPALIVE", {.options = MODERN}, 0, 0, "keepalive keepalive "},
		{"interrupted",
		 {.options = MODERN, .interrupted = 2},
		 0,
		 0,
		 "keepalive keepalive "},
		{"not offered", {.options = WDIOF_MAGICCLOSE}, 0, 0, "write-0 write-0 "},
		{"interrupted write", {.interrupted = 2}, 0, 0, "write-0 write-0 "},
		{"offered, missing",
		 {.options = MODERN, .keepalive_errno = EOPNOTSUPP},
		 0,
		 0,
		 "write-0 write-0 "},
		{"broken", {.options = MODERN, .keepalive_errno = EIO}, -EIO, -EIO, ""},
		{"write fails", {.write_errno = ENODEV}, -ENODEV, -ENODEV, ""},
		{"nothing written", {.writes_nothing = true}, -EIO, -EIO, ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int interrupted = cases[i].driver.interrupted;
		struct watchdog *wd;

		set_up(state);
		driver = cases[i].driver;
		driver.mode = S_IFCHR;
		driver.interrupted = 0;
		wd = opened(S(30));
		driver.interrupted = interrupted;
		trace[0] = '\0';
		assert_int_equal(watchdog_feed(wd), cases[i].first);
		assert_int_equal(watchdog_feed(wd), cases[i].second);
		if (strcmp(trace, cases[i].trace) != 0)
			fail_msg("%s: %s", cases[i].what, trace);
		driver.write_errno = 0;
		watchdog_close(wd, true);
	}
}

static void closes_as_told(void **state)
{
	static const struct {
		const char *what;
		struct driver driver;
		const char *nowayout; /* of sysfs; NULL: no sysfs */
		bool read_only;
		bool disarm;
		int code;
		const char *trace;
	} cases[] = {
		{"disarm", {.options = MODERN}, 0, 0, true, 0, "disable close "},
		{"disarm, interrupted",
		 {.options = MODERN, .interrupted = 3},
		 0,
		 0,
		 true,
		 0,
		 "disable close "},
		{"disarm without DISABLECARD",
		 {.options = MODERN, .disable_errno = EOPNOTSUPP},
		 0,
		 0,
		 true,
		 0,
		 "write-V close "},
		{"disarm without magic close",
		 {.options = WDIOF_SETTIMEOUT, .disable_errno = ENOTTY},
		 0,
		 0,
		 true,
		 0,
		 "close "},
		{"disarm, abilities unknown",
		 {.support_errno = ENOTTY, .disable_errno = ENOTTY},
		 0,
		 0,
		 true,
		 0,
		 "write-V close "},
		{"disarm fails",
		 {.options = MODERN, .disable_errno = ENOTTY, .write_errno = EIO},
		 0,
		 0,
		 true,
		 -EIO,
		 "close "},
		{"disarm, V fails but DISABLECARD works",
		 {.options = MODERN, .write_errno = EIO},
		 0,
		 0,
		 true,
		 0,
		 "disable close "},
		{"disarm with nowayout",
		 {.options = MODERN, .disable_errno = EBUSY},
		 "1",
		 0,
		 true,
		 -EBUSY,
		 "write-V close "},
		{"disarm with nowayout, no sysfs",
		 {.options = MODERN, .disable_errno = EBUSY},
		 0,
		 0,
		 true,
		 -EBUSY,
		 "write-V close "},
		{"keep", {.options = MODERN}, "0", 0, false, 0, "close "},
		{"keep without magic close",
		 {.options = WDIOF_SETTIMEOUT},
		 "0",
		 0,
		 false,
		 0,
		 "nowayout write-1 "},
		{"keep with nowayout", {.options = WDIOF_SETTIMEOUT}, "1", 0, false, 0, ""},
		{"keep, nowayout read-only",
		 {.options = WDIOF_SETTIMEOUT},
		 "0",
		 true,
		 false,
		 -EOPNOTSUPP,
		 ""},
		{"keep without sysfs", {.options = WDIOF_SETTIMEOUT}, 0, 0, false, -EOPNOTSUPP, ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct watchdog *wd;
		int r;

		set_up(state);
		driver.options = cases[i].driver.options;
		driver.support_errno = cases[i].driver.support_errno;
		set_attribute("nowayout", cases[i].nowayout);
		sysfs_read_only = cases[i].read_only;
		wd = opened(S(30));
		driver = cases[i].driver;
		trace[0] = '\0';
		r = watchdog_close(wd, cases[i].disarm);
		if (r != cases[i].code || strcmp(trace, cases[i].trace) != 0)
			fail_msg("%s: %d, %s", cases[i].what, r, trace);
	}
	assert_int_equal(watchdog_close(NULL, true), 0);
}

/* The kernel keeps a 'V' that was not used at a close, and would use it after a crash. */
static void takes_back_what_an_earlier_owner_left(void **state)
{
	struct watchdog *wd = opened(S(30));

	(void)state;
	assert_non_null(strstr(trace, "open set-30 write-0 "));
	trace[0] = '\0';
	watchdog_close(wd, true);
	assert_null(strchr(trace, 'V'));
}

static void asks_why_the_machine_has_booted(void **state)
{
	static const struct {
		const char *sysfs;
		int ioctl_errno, ioctl_flags;
		bool known;
		unsigned flags;
	} cases[] = {
		{"32", ENOTTY, 0, true, WDIOF_CARDRESET},
		{"0", 0, WDIOF_CARDRESET, true, 0},
		{NULL, 0, WDIOF_CARDRESET | WDIOF_POWERUNDER, true,
		 WDIOF_CARDRESET | WDIOF_POWERUNDER},
		{NULL, EOPNOTSUPP, 0, false, 0},
		{NULL, ENOTTY, 0, false, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct watchdog *wd;

		set_up(state);
		set_attribute("bootstatus", cases[i].sysfs);
		driver.boot_errno = cases[i].ioctl_errno;
		driver.boot_status = cases[i].ioctl_flags;
		wd = opened(S(30));
		assert_int_equal(watchdog_facts(wd)->boot_known, cases[i].known);
		assert_int_equal(watchdog_facts(wd)->boot_status, cases[i].flags);
		watchdog_close(wd, true);
	}
}

static void sets_pretimeout_and_governor(void **state)
{
	static const struct {
		const char *what;
		uint64_t asked_ns;
		int pre_errno, timeout;
		const char *governor, *sysfs;
		uint64_t expected_ns;
		const char *trace;
	} cases[] = {
		{"none", 0, 0, 30, NULL, "noop", 0, "pretimeout_governor "},
		{"five", S(5), 0, 30, "panic", "panic", S(5),
		 "pretimeout_governor write-panic pretimeout_governor pre-5 "},
		{"not offered", S(5), EOPNOTSUPP, 30, NULL, NULL, 0, ""},
		{"unknown", S(5), ENOTTY, 30, NULL, NULL, 0, ""},
		{"longer than the timeout", S(40), 0, 30, NULL, NULL, S(29), "pre-29 "},
		{"no room", S(1), 0, 1, NULL, NULL, 0, ""},
		{"no governor", S(5), 0, 30, "panic", NULL, S(5), "pre-5 "},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char governor[] = "panic", error[WATCHDOG_ERROR_SIZE];
		struct watchdog_config config = {.timeout_ns = S(30),
						 .pretimeout_ns = cases[i].asked_ns};
		struct watchdog *wd;

		set_up(state);
		driver.rounds_to = cases[i].timeout;
		driver.pre_errno = cases[i].pre_errno;
		set_attribute("pretimeout_governor", cases[i].sysfs);
		config.governor = cases[i].governor ? governor : NULL;
		assert_int_equal(watchdog_open(DEVICE, &config, &wd, error), 0);
		if (watchdog_facts(wd)->pretimeout_ns != cases[i].expected_ns ||
		    strcmp(strstr(trace, "write-0 ") + 8, cases[i].trace) != 0)
			fail_msg("%s: %s", cases[i].what, trace);
		assert_string_equal(watchdog_facts(wd)->governor,
				    cases[i].sysfs ? cases[i].sysfs : "");
		watchdog_close(wd, true);
	}
}

static void tells_the_time_left_where_the_driver_does(void **state)
{
	struct watchdog *wd = opened(S(30));
	uint64_t left = 1;

	(void)state;
	driver.left = 12;
	assert_true(watchdog_left_ns(wd, &left));
	assert_int_equal(left, S(12));
	driver.left_errno = EOPNOTSUPP;
	assert_false(watchdog_left_ns(wd, &left));
	driver.left_errno = 0;
	driver.left = -1;
	assert_false(watchdog_left_ns(wd, &left));
	watchdog_close(wd, true);
}

static void stretches_as_far_as_the_driver_goes(void **state)
{
	static const struct {
		const char *what;
		struct driver driver;
		const char *max; /* of sysfs */
		int code;
		uint64_t timeout_ns;
		const char *trace;
	} cases[] = {
		{"no limit", {.options = MODERN}, NULL, 0, S(3600), "set-3600 "},
		{"limit known", {.options = MODERN}, "2046", 0, S(2046), "set-2046 "},
		{"limit unknown",
		 {.options = MODERN, .max = 1000},
		 "0",
		 0,
		 S(900),
		 "set-3600 set-1800 set-900 "},
		{"no longer than now", {.options = MODERN}, "30", 0, S(30), "keepalive "},
		{"no SETTIMEOUT",
		 {.options = MODERN, .set_errno = EOPNOTSUPP},
		 NULL,
		 0,
		 S(30),
		 "keepalive "},
		{"broken", {.options = MODERN, .set_errno = EIO}, NULL, -EIO, S(30), ""},
		{"interrupted",
		 {.options = MODERN, .interrupted = 2},
		 NULL,
		 0,
		 S(3600),
		 "set-3600 "},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct watchdog *wd;
		int r;

		set_up(state);
		set_attribute("max_timeout", cases[i].max);
		wd = opened(S(30));
		driver = cases[i].driver;
		trace[0] = '\0';
		r = watchdog_stretch(wd, S(3600));
		if (strstr(trace, "max_timeout ") == trace)
			memmove(trace, trace + 12, strlen(trace + 12) + 1);
		if (r != cases[i].code || watchdog_timeout_ns(wd) != cases[i].timeout_ns ||
		    strcmp(trace, cases[i].trace) != 0)
			fail_msg("%s: %d, %s", cases[i].what, r, trace);
		driver.interrupted = 0;
		watchdog_close(wd, true);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(takes_back_what_an_earlier_owner_left, set_up),
		cmocka_unit_test_setup(asks_why_the_machine_has_booted, set_up),
		cmocka_unit_test_setup(sets_pretimeout_and_governor, set_up),
		cmocka_unit_test_setup(tells_the_time_left_where_the_driver_does, set_up),
		cmocka_unit_test_setup(stretches_as_far_as_the_driver_goes, set_up),
		cmocka_unit_test_setup(looks_before_it_opens, set_up),
		cmocka_unit_test_setup(tells_what_runs_without_opening_it, set_up),
		cmocka_unit_test_setup(knows_the_legacy_device, set_up),
		cmocka_unit_test_setup(asks_the_driver_where_sysfs_is_missing, set_up),
		cmocka_unit_test_setup(uses_the_timeout_that_the_driver_returns, set_up),
		cmocka_unit_test_setup(pings_at_most_every_third, set_up),
		cmocka_unit_test_setup(tells_why_it_cannot_open, set_up),
		cmocka_unit_test_setup(disarms_what_it_cannot_use, set_up),
		cmocka_unit_test_setup(feeds_in_the_way_the_driver_offers, set_up),
		cmocka_unit_test_setup(closes_as_told, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
