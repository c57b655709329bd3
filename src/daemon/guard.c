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

/* A watch is up while one of its instances is; a buried one spoils it. */
static void fold_instance(struct health_watch *health, const struct instance *instance)
{
	const struct policy *policy = &instance->policy;
	/* What hangs and was left so is as good as down. */
	uint64_t since = policy->state == POLICY_UP ? policy->hang.since_ns : policy->down_since_ns;

	health->absent = false;
	if (policy->state == POLICY_BURIED)
		health->buried = true;
	if (policy->state == POLICY_UP && policy->hang.by == HANG_NONE)
		health->up = true;
	else if (since > health->down_since_ns)
		health->down_since_ns = since;
}

static void look_at(const struct daemon *daemon, size_t watch, struct health_watch *ret)
{
	const struct watch_config *config = &daemon->config.watches[watch];
	const struct instance *instance;

	*ret = (struct health_watch){
		.name = config->name,
		.critical = config->critical,
		.recover_within_ns = config->recover_within_ns,
		.absent = true,
	};
	DL_FOREACH (daemon->lineage.instances, instance)
		if (instance->watch == watch)
			fold_instance(ret, instance);
	if (ret->up)
		ret->down_since_ns = 0;
	else if (!ret->down_since_ns)
		ret->down_since_ns = daemon->watches[watch].absent_since_ns
					     ? daemon->watches[watch].absent_since_ns
					     : daemon->started_ns;
}

bool guard_is_healthy(const struct daemon *daemon, size_t watch)
{
	const struct health_kernel kernel = {.attached = true};
	struct health_verdict verdict;
	struct health_watch health;

	look_at(daemon, watch, &health);
	health.critical = true; /* the question is about this one */
	return health_feed(&health, 1, &kernel, clock_boot_ns(), &verdict);
}

static bool decide(const struct daemon *daemon, uint64_t now, struct health_verdict *ret)
{
	const struct health_kernel kernel = {.attached = bpf_source_is_attached(daemon->source)};
	const struct config *config = &daemon->config;

	for (size_t i = 0; i < config->watch_count; i++) {
		struct health_watch health;

		if (!config->watches[i].critical)
			continue;
		look_at(daemon, i, &health);
		if (!health_feed(&health, 1, &kernel, now, ret))
			return false;
	}
	return health_feed(NULL, 0, &kernel, now, ret);
}

static void feed(struct daemon *daemon, uint64_t now)
{
	int r = watchdog_feed(daemon->watchdog);

	if (r < 0)
		log_error("%s: cannot feed the watchdog: %s", daemon->config.watchdog.device,
			  strerror(-r));
	daemon->fed_ns = now;
}

static void on_feed_timer(void *arg)
{
	struct daemon *daemon = arg;
	uint64_t now = clock_boot_ns();
	struct health_verdict verdict;
	bool fed = decide(daemon, now, &verdict);

	if (fed)
		feed(daemon, now);
	if (fed == daemon->starving) {
		daemon->starving = !fed;
		if (fed)
			log_notice("the watchdog is fed again");
		else
			log_line(LOG_EMERG, "the watchdog is no longer fed: %s", verdict.text);
	}
	loop_timer_set(daemon->feed_timer, now + watchdog_ping_interval_ns(daemon->watchdog));
}

void guard_check(struct daemon *daemon)
{
	/* Recovered while starving: the device may have little time left, so now and not at the next turn. */
	if (daemon->watchdog && daemon->starving)
		loop_timer_set(daemon->feed_timer, 1);
}

static void tell_facts(const struct watchdog_config *config, const struct watchdog_facts *facts)
{
	char asked[CLOCK_SPAN_SIZE], got[CLOCK_SPAN_SIZE];

	clock_span(facts->asked_ns, asked);
	clock_span(facts->timeout_ns, got);
	log_info("%s%s%s: armed, resets the machine %s after the last feed", config->device,
		 *facts->identity ? ", " : "", facts->identity, got);
	if (facts->timeout_ns != facts->asked_ns)
		log_warning("%s: its timeout is %s, not the %s that was asked for", config->device,
			    got, asked);
	if (!facts->timeout_known)
		log_warning("%s: does not tell its timeout; %s is assumed", config->device, got);
	if (!facts->magic_close)
		log_warning(
			"%s: has no magic close; if obitd crashes, it stops instead of resetting",
			config->device);
}

int guard_open(struct daemon *daemon)
{
	const struct watchdog_config *config = &daemon->config.watchdog;
	char error[WATCHDOG_ERROR_SIZE];
	int r;

	if (!config->device)
		return 0;
	if (daemon->options->observe) {
		log_notice("%s: left alone: obitd only observes", config->device);
		return 0;
	}
	r = watchdog_open(config, &daemon->watchdog, error);
	if (r < 0) {
		log_error("%s", error);
		return r;
	}
	tell_facts(config, watchdog_facts(daemon->watchdog));
	r = loop_timer_new(daemon->loop, on_feed_timer, daemon, &daemon->feed_timer);
	if (r == 0)
		on_feed_timer(daemon);
	return r;
}

void guard_close(struct daemon *daemon)
{
	bool disarm = daemon->config.watchdog.disarm_on_stop;
	int r;

	loop_timer_free(daemon->feed_timer);
	if (!daemon->watchdog)
		return;
	r = watchdog_close(daemon->watchdog, disarm);
	if (r < 0)
		log_warning("%s: %s: %s", daemon->config.watchdog.device,
			    disarm ? "cannot be disarmed, it will reset the machine"
				   : "will stop with this process",
			    strerror(-r));
}
