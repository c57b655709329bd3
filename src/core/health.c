// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/health.h"

#include <stdio.h>

#include "base/clock.h"

static bool is_well(const struct health_watch *watch)
{
	if (!watch->critical)
		return true;
	return !watch->buried && (watch->up || watch->down_since_ns == 0);
}

/* The last moment at which a watch that is not well still counts as healthy. */
static uint64_t healthy_until(const struct health_watch *watch)
{
	if (watch->buried)
		return 0;
	if (watch->recover_within_ns > UINT64_MAX - watch->down_since_ns)
		return UINT64_MAX;
	return watch->down_since_ns + watch->recover_within_ns;
}

/* Of the watches that are not well the one whose time is up first, or was; NULL: all are well. */
static const struct health_watch *most_pressing(const struct health_watch *watches, size_t n)
{
	const struct health_watch *worst = NULL;

	for (size_t i = 0; i < n; i++) {
		if (is_well(&watches[i]))
			continue;
		if (!worst || healthy_until(&watches[i]) < healthy_until(worst))
			worst = &watches[i];
	}
	return worst;
}

static void say_well(const struct health_watch *watches, size_t n, struct health_verdict *ret)
{
	size_t critical = 0;

	for (size_t i = 0; i < n; i++)
		critical += watches[i].critical;
	if (critical == 0)
		snprintf(ret->text, sizeof(ret->text), "no watch is critical");
	else if (critical == 1)
		snprintf(ret->text, sizeof(ret->text), "the critical watch is healthy");
	else
		snprintf(ret->text, sizeof(ret->text), "all %zu critical watches are healthy",
			 critical);
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
			 watch->name, watch->absent ? "has not appeared for" : "has been down for",
			 down, left);
	else
		snprintf(ret->text, sizeof(ret->text),
			 "%s %s %s, longer than recover_within = %s: the watchdog is not fed",
			 watch->name, watch->absent ? "has not appeared for" : "has been down for",
			 down, limit);
}

bool health_feed(const struct health_watch *watches, size_t n, const struct health_kernel *kernel,
		 uint64_t now_ns, struct health_verdict *ret)
{
	const struct health_watch *worst = most_pressing(watches, n);

	*ret = (struct health_verdict){.feed = kernel->attached};
	if (!kernel->attached) {
		snprintf(ret->text, sizeof(ret->text),
			 "the kernel side is not attached, so deaths would go unseen: "
			 "the watchdog is not fed");
		return false;
	}
	if (!worst) {
		say_well(watches, n, ret);
		return true;
	}
	ret->held_by = worst->name;
	ret->feed = !worst->buried && now_ns <= healthy_until(worst);
	ret->left_ns = ret->feed ? healthy_until(worst) - now_ns : 0;
	say_ill(worst, now_ns, ret);
	return ret->feed;
}

uint64_t health_next_change_ns(const struct health_watch *watches, size_t n,
			       const struct health_kernel *kernel, uint64_t now_ns)
{
	const struct health_watch *worst = most_pressing(watches, n);
	uint64_t until;

	if (!kernel->attached || !worst || worst->buried)
		return 0;
	until = healthy_until(worst);
	return now_ns <= until && until != UINT64_MAX ? until + 1 : 0;
}
