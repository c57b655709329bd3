// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/health.h"

#include <stdio.h>

static bool is_well(const struct health_watch *watch)
{
	if (!watch->critical)
		return true;
	return !watch->buried && !watch->hung && (watch->up || watch->down_since_ns == 0);
}

static uint64_t later(uint64_t since_ns, uint64_t span_ns)
{
	return span_ns > UINT64_MAX - since_ns ? UINT64_MAX : since_ns + span_ns;
}

/* The last moment at which a watch that is not well still counts as healthy. */
static uint64_t healthy_until(const struct health_watch *watch)
{
	return watch->buried ? 0 : later(watch->down_since_ns, watch->recover_within_ns);
}

/* Of the watches that are not well the one whose time is up first, or was, is the worst. */
void health_add(struct health *health, const struct health_watch *watch)
{
	health->critical += watch->critical;
	if (is_well(watch))
		return;
	if (!health->any_ill || healthy_until(watch) < healthy_until(&health->worst))
		health->worst = *watch;
	health->any_ill = true;
}

static void say_well(const struct health *health, struct health_verdict *ret)
{
	if (health->critical == 0)
		snprintf(ret->text, sizeof(ret->text), "no watch is critical");
	else if (health->critical == 1)
		snprintf(ret->text, sizeof(ret->text), "the critical watch is healthy");
	else
		snprintf(ret->text, sizeof(ret->text), "all %zu critical watches are healthy",
			 health->critical);
}

static const char *what_it_does(const struct health_watch *watch)
{
	if (watch->absent)
		return "has not appeared for";
	return watch->hung ? "has been hanging for" : "has been down for";
}

static void say_ill(const struct health_watch *watch, uint64_t now_ns, struct health_verdict *ret)
{
	uint64_t down_ns = now_ns > watch->down_since_ns ? now_ns - watch->down_since_ns : 0;
	char down[CLOCK_SPAN_SIZE], limit[CLOCK_SPAN_SIZE], left[CLOCK_SPAN_SIZE];

	clock_span(down_ns, down);
	clock_span(watch->recover_within_ns, limit);
	clock_span(ret->left_ns, left);
	if (watch->buried)
		snprintf(ret->text, sizeof(ret->text),
			 "%s is buried: the watchdog is not fed until it is revived", watch->name);
	else if (ret->feed)
		snprintf(ret->text, sizeof(ret->text), "%s %s %s; the watchdog is still fed for %s",
			 watch->name, what_it_does(watch), down, left);
	else
		snprintf(ret->text, sizeof(ret->text),
			 "%s %s %s, longer than recover_within = %s: the watchdog is not fed",
			 watch->name, what_it_does(watch), down, limit);
}

/* One of those that have patience: the start, or the one that began first. */
struct ailment {
	uint64_t since_ns; /* 0: there is none */
	const char *what;
};

static struct ailment ailment_of(const struct health_self *self)
{
	struct ailment starting = {self->starting_since_ns, "obitd has been starting"};
	struct ailment late = {self->late_since_ns, "the loop of obitd has been late"};
	struct ailment unread = {self->unread_since_ns, "deaths have waited to be read"};

	if (starting.since_ns)
		return starting;
	if (!late.since_ns || (unread.since_ns && unread.since_ns < late.since_ns))
		return unread;
	return late;
}

/* True while it is fed as far as obitd itself is concerned. */
static bool judge_self(const struct health_self *self, uint64_t now_ns, struct health_verdict *ret)
{
	struct ailment ailment = ailment_of(self);
	uint64_t until = later(ailment.since_ns, HEALTH_PATIENCE_NS);
	char span[CLOCK_SPAN_SIZE];

	ret->ill = !self->attached || ailment.since_ns;
	if (!self->attached && !self->starting_since_ns) {
		snprintf(ret->text, sizeof(ret->text),
			 "the kernel side is not attached, so deaths would go unseen: "
			 "the watchdog is not fed");
		return false;
	}
	if (!ailment.since_ns)
		return true;
	ret->left_ns = now_ns <= until ? until - now_ns : 0;
	clock_span(now_ns > ailment.since_ns ? now_ns - ailment.since_ns : 0, span);
	snprintf(ret->text, sizeof(ret->text), "%s for %s: the watchdog is %s", ailment.what, span,
		 now_ns <= until ? "still fed" : "not fed");
	return now_ns <= until;
}

bool health_decide(const struct health *health, const struct health_self *self, uint64_t now_ns,
		   struct health_verdict *ret)
{
	*ret = (struct health_verdict){0};
	ret->feed = judge_self(self, now_ns, ret);
	if (!ret->feed)
		return false;
	if (!health->any_ill || self->starting_since_ns) {
		if (!ret->ill)
			say_well(health, ret);
		return true;
	}
	ret->ill = true;
	ret->held_by = health->worst.name;
	ret->feed = !health->worst.buried && now_ns <= healthy_until(&health->worst);
	ret->left_ns = ret->feed ? healthy_until(&health->worst) - now_ns : 0;
	say_ill(&health->worst, now_ns, ret);
	return ret->feed;
}

static struct health add_all(const struct health_watch *watches, size_t n)
{
	struct health health = {0};

	for (size_t i = 0; i < n; i++)
		health_add(&health, &watches[i]);
	return health;
}

bool health_feed(const struct health_watch *watches, size_t n, const struct health_self *self,
		 uint64_t now_ns, struct health_verdict *ret)
{
	struct health health = add_all(watches, n);

	return health_decide(&health, self, now_ns, ret);
}

/* Of two moments the one that comes first, where 0 never comes. */
static uint64_t first_of(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

uint64_t health_next_change_ns(const struct health_watch *watches, size_t n,
			       const struct health_self *self, uint64_t now_ns)
{
	struct health health = add_all(watches, n);
	struct ailment ailment = ailment_of(self);
	struct health_verdict verdict;
	uint64_t until = UINT64_MAX, own = 0;

	if (!health_decide(&health, self, now_ns, &verdict))
		return 0;
	if (ailment.since_ns)
		own = later(ailment.since_ns, HEALTH_PATIENCE_NS) + 1;
	if (health.any_ill && !self->starting_since_ns)
		until = healthy_until(&health.worst);
	return first_of(own, until != UINT64_MAX ? until + 1 : 0);
}
