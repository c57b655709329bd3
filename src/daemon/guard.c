// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Health, and the hardware watchdog that is fed while it is good. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/health.h"
#include "daemon/daemon.h"
#include "io/shutdown.h"

/* A watch is up while one of its instances is, and does not hang; a buried one spoils it. */
static void fold_instance(struct health_watch *health, const struct instance *instance)
{
	const struct policy *policy = &instance->policy;
	bool hangs = policy->state == POLICY_UP && policy->hang.by != HANG_NONE;
	uint64_t since = hangs ? policy->hang.since_ns : policy->down_since_ns;

	health->absent = false;
	if (policy->state == POLICY_BURIED)
		health->buried = true;
	if (policy->state == POLICY_UP && !hangs) {
		health->up = true;
	} else if (since > health->down_since_ns) {
		health->down_since_ns = since;
		health->hung = hangs;
	}
}

static struct health_watch begin_look(const struct daemon *daemon, size_t watch)
{
	const struct watch_config *config = &daemon->config.watches[watch];

	return (struct health_watch){
		.name = config->name,
		.critical = config->critical,
		.recover_within_ns = config->recover_within_ns,
		.absent = true,
	};
}

static void end_look(const struct daemon *daemon, size_t watch, struct health_watch *health)
{
	if (health->up) {
		health->down_since_ns = 0;
		health->hung = false;
	} else if (!health->down_since_ns) {
		health->down_since_ns = daemon->watches[watch].absent_since_ns
						? daemon->watches[watch].absent_since_ns
						: daemon->started_ns;
	}
}

/* What is said of one watch. */
void guard_judge(const struct daemon *daemon, size_t watch, struct health_verdict *ret)
{
	const struct health_self well = {.attached = true};
	struct health_watch health = begin_look(daemon, watch);
	const struct instance *instance;

	DL_FOREACH (daemon->lineage.instances, instance)
		if (instance->watch == watch)
			fold_instance(&health, instance);
	end_look(daemon, watch, &health);
	health.critical = true; /* the question is about this one */
	health_feed(&health, 1, &well, clock_boot_ns(), ret);
}

/* Of all that are critical, in one walk over the instances. */
static bool decide(struct daemon *daemon, uint64_t now, struct health_verdict *ret)
{
	const struct health_self self = {
		.attached = bpf_source_is_attached(daemon->source),
		.unread_since_ns = daemon->unread_since_ns,
		.late_since_ns = daemon->late_since_ns,
	};
	const struct instance *instance;
	struct health health = {0};

	for (size_t i = 0; i < daemon->config.watch_count; i++)
		daemon->watches[i].health = begin_look(daemon, i);
	DL_FOREACH (daemon->lineage.instances, instance)
		fold_instance(&daemon->watches[instance->watch].health, instance);
	for (size_t i = 0; i < daemon->config.watch_count; i++) {
		end_look(daemon, i, &daemon->watches[i].health);
		health_add(&health, &daemon->watches[i].health);
	}
	return health_decide(&health, &self, now, ret);
}

/* A whole turn late: the loop does something else for too long. */
static void look_at_clock(struct daemon *daemon, uint64_t now)
{
	bool late = daemon->feed_due_ns &&
		    now > daemon->feed_due_ns + dogs_interval_ns(daemon->dogs);

	if (!late)
		daemon->late_since_ns = 0;
	else if (!daemon->late_since_ns)
		daemon->late_since_ns = daemon->feed_due_ns;
}

static void on_feed_timer(void *arg)
{
	struct daemon *daemon = arg;
	uint64_t now = clock_boot_ns();
	struct health_verdict verdict;
	bool fed;

	look_at_clock(daemon, now);
	fed = decide(daemon, now, &verdict);
	if (fed) {
		dogs_feed(daemon->dogs, &daemon->config.watchdog);
		daemon->fed_ns = now;
	}
	if (fed == daemon->starving) {
		daemon->starving = !fed;
		if (fed)
			log_notice("the watchdog is fed again");
		else
			log_line(LOG_EMERG, "the watchdog is no longer fed: %s", verdict.text);
	}
	daemon->feed_due_ns = now + dogs_interval_ns(daemon->dogs);
	loop_timer_set(daemon->feed_timer, daemon->feed_due_ns);
}

void guard_check(struct daemon *daemon)
{
	/* Recovered while starving: the device may have little time left, so now and not at the next turn. */
	if (daemon->dogs && daemon->starving)
		loop_timer_set(daemon->feed_timer, 1);
}

int guard_open(struct daemon *daemon)
{
	const struct watchdog_config *config = &daemon->config.watchdog;
	int r;

	if (!config->device.count)
		return 0;
	if (daemon->options->observe) {
		log_notice("%s: left alone: obitd only observes", config->device.items[0]);
		return 0;
	}
	r = dogs_new(config, &daemon->dogs);
	if (r == 0)
		r = loop_timer_new(daemon->loop, on_feed_timer, daemon, &daemon->feed_timer);
	if (r < 0) {
		log_error("cannot guard with a watchdog: %s", strerror(-r));
		return r;
	}
	dogs_open(daemon->dogs, config);
	on_feed_timer(daemon);
	return 0;
}

static enum dogs_end how_to_end(const struct daemon *daemon)
{
	if (!daemon->stopping)
		return DOGS_KEEP; /* it fails */
	if (shutdown_is_under_way(daemon->stopped_by))
		return DOGS_SHUTDOWN;
	return daemon->config.watchdog.disarm_on_stop ? DOGS_DISARM : DOGS_KEEP;
}

void guard_close(struct daemon *daemon)
{
	loop_timer_free(daemon->feed_timer);
	if (daemon->dogs)
		dogs_free(daemon->dogs, how_to_end(daemon));
	daemon->dogs = NULL;
}
