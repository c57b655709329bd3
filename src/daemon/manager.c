// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What obitd tells the service manager that has started it: that it is ready, how its watches are, and while all is
 * well enough for a hardware watchdog to be fed, that it lives. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon.h"

#define STATUS_EVERY NS_PER_SEC

/* 0 or -errno; has told of a failure. */
static int report(struct daemon *daemon, const char *lines)
{
	struct manager *manager = &daemon->manager;
	int r = manager->notify.fd < 0 ? 0 : sd_notify_send(&manager->notify, lines);

	if (r < 0 && !manager->failed)
		log_warning("cannot tell the service manager how it goes: %s: %s",
			    getenv("NOTIFY_SOCKET"), strerror(-r));
	manager->failed = r < 0;
	return r;
}

/* "12 watches: 9 up, 1 waiting, 1 buried (web)": instances, and the first that is buried. */
static void write_status(const struct daemon *daemon, char buf[static MANAGER_STATUS_SIZE])
{
	unsigned counts[_POLICY_STATE_MAX] = {0};
	const struct instance *instance, *buried = NULL;
	size_t used, watches = daemon->config.watch_count;

	DL_FOREACH (daemon->lineage.instances, instance) {
		counts[instance->policy.state]++;
		if (!buried && instance->policy.state == POLICY_BURIED)
			buried = instance;
	}
	used = (size_t)snprintf(buf, MANAGER_STATUS_SIZE, "%zu watch%s", watches,
				watches == 1 ? "" : "es");
	for (int state = 0, told = 0; state < _POLICY_STATE_MAX; state++)
		if (counts[state])
			used += (size_t)snprintf(buf + used, MANAGER_STATUS_SIZE - used, "%s%u %s",
						 told++ ? ", " : ": ", counts[state],
						 policy_state_name((enum policy_state)state));
	if (buried)
		snprintf(buf + used, MANAGER_STATUS_SIZE - used, " (%.60s)",
			 daemon->config.watches[buried->watch].name);
}

static int tell_reloading(struct daemon *daemon)
{
	struct manager *manager = &daemon->manager;
	int r = *manager->reloading ? report(daemon, manager->reloading) : 0;

	if (r == 0)
		*manager->reloading = '\0';
	return r;
}

/* That it is ready, and the status, if it is not what was told last. */
static int tell_status(struct daemon *daemon)
{
	struct manager *manager = &daemon->manager;
	char status[MANAGER_STATUS_SIZE], text[MANAGER_STATUS_SIZE + 64];
	int r;

	write_status(daemon, status);
	if (!manager->ready_due && !strcmp(status, manager->status))
		return 0;
	snprintf(text, sizeof(text), "%sSTATUS=%s\n", manager->ready_due ? "READY=1\n" : "",
		 status);
	r = report(daemon, text);
	if (r < 0)
		return r;
	manager->ready_due = false;
	strcpy(manager->status, status);
	return 0;
}

/* What is untold. A manager that has too much to read is told again, one that is gone is not. */
static void tell(struct daemon *daemon)
{
	int r = tell_reloading(daemon);

	if (r == 0)
		r = tell_status(daemon);
	if (r == -EAGAIN || r == -ENOBUFS || r == -ENOMEM)
		manager_changed(daemon);
}

static void on_status_timer(void *arg)
{
	struct daemon *daemon = arg;

	daemon->manager.status_due = false;
	tell(daemon);
}

static void on_dog_timer(void *arg)
{
	struct daemon *daemon = arg;
	struct manager *manager = &daemon->manager;
	char why[GUARD_REASON_SIZE];
	bool well = guard_would_feed(daemon, why);

	if (well)
		report(daemon, "WATCHDOG=1\n");
	if (well && manager->starves)
		log_notice("the service manager is told again that obitd is well");
	else if (!well && !manager->starves)
		log_line(LOG_ALERT, "the service manager is no longer told that obitd is well: %s",
			 why);
	manager->starves = !well;
	loop_timer_set(manager->dog_timer, clock_running_ns() + manager->dog_ns);
}

/* Half of the time that systemd waits; 0: it does not ask for it, or not this process. */
static uint64_t dog_interval(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t value = usec ? strtoull(usec, NULL, 10) : 0;

	if (pid && strtol(pid, NULL, 10) != getpid())
		return 0;
	return value < UINT64_MAX / NS_PER_US ? value * NS_PER_US / 2 : 0;
}

static int open_timers(struct daemon *daemon)
{
	struct manager *manager = &daemon->manager;
	int r = loop_timer_new(daemon->loop, on_status_timer, daemon, &manager->status_timer);

	manager->dog_ns = dog_interval();
	if (r == 0 && manager->dog_ns)
		r = loop_timer_new(daemon->loop, on_dog_timer, daemon, &manager->dog_timer);
	return r;
}

void manager_open(struct daemon *daemon)
{
	const char *path = getenv("NOTIFY_SOCKET");
	int r;

	daemon->manager.notify = SD_NOTIFY_CLOSED;
	if (!path)
		return;
	r = sd_notify_open(&daemon->manager.notify, path);
	if (r == 0)
		r = open_timers(daemon);
	if (r == 0)
		return;
	log_warning("NOTIFY_SOCKET=%s: %s; the service manager is told nothing", path,
		    r == -EINVAL ? "expected an absolute path, or @ and a name" : strerror(-r));
	manager_close(daemon);
}

void manager_ready(struct daemon *daemon)
{
	struct manager *manager = &daemon->manager;

	if (manager->notify.fd < 0)
		return;
	manager->ready_due = true;
	tell(daemon);
	if (manager->dog_timer)
		on_dog_timer(daemon);
}

void manager_reloading(struct daemon *daemon)
{
	struct manager *manager = &daemon->manager;

	manager->ready_due = false; /* what there was to tell is told at the end of this */
	snprintf(manager->reloading, sizeof(manager->reloading),
		 "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\n", clock_running_ns() / NS_PER_US);
	tell_reloading(daemon);
}

void manager_stopping(struct daemon *daemon)
{
	report(daemon, "STOPPING=1\n");
}

void manager_changed(struct daemon *daemon)
{
	struct manager *manager = &daemon->manager;

	if (manager->notify.fd < 0 || manager->status_due)
		return;
	manager->status_due = true;
	loop_timer_set(manager->status_timer, clock_running_ns() + STATUS_EVERY);
}

void manager_close(struct daemon *daemon)
{
	struct manager *manager = &daemon->manager;

	loop_timer_free(manager->status_timer);
	loop_timer_free(manager->dog_timer);
	manager->status_timer = manager->dog_timer = NULL;
	sd_notify_close(&manager->notify);
}
