// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How soon and how often: the back-off, and the starts that are counted. */
#include "core/policy_internal.h"

/* xorshift64: good enough to spread respawns, and reproducible from the seed. */
static uint64_t next_random(struct policy *policy)
{
	uint64_t x = policy->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return policy->random = x;
}

uint64_t policy_backoff(struct policy *policy)
{
	const struct watch_config *config = policy->config;
	double delay = (double)config->backoff_initial_ns;
	double unit, limit = (double)config->backoff_max_ns;
	bool grows = delay > 0 && config->backoff_factor > 1;

	if (policy->attempt == 0)
		return 0;
	for (unsigned i = 1; grows && i < policy->attempt && delay < limit; i++)
		delay *= config->backoff_factor;
	if (delay > limit)
		delay = limit;
	unit = (double)(next_random(policy) >> 11) / (double)(UINT64_C(1) << 53);
	delay *= 1 + config->backoff_jitter * (2 * unit - 1);
	return (uint64_t)delay;
}

void policy_record_start(struct policy *policy, uint64_t now)
{
	if (!policy->start_capacity)
		return;
	policy->starts[policy->start_next] = now;
	policy->start_next = (policy->start_next + 1) % policy->start_capacity;
	if (policy->start_count < policy->start_capacity)
		policy->start_count++;
}

void policy_record_found(struct policy *policy, uint64_t began, uint64_t now)
{
	uint64_t newest = 0;

	policy_starts(policy, &newest, 1);
	if (began < newest)
		began = newest;
	policy_record_start(policy, began < now ? began : now);
}

void policy_forget_start(struct policy *policy)
{
	if (!policy->start_count)
		return;
	policy->start_next = (policy->start_next + policy->start_capacity - 1) %
			     policy->start_capacity;
	policy->start_count--;
}

bool policy_start_limit_hit(const struct policy *policy, uint64_t when)
{
	uint64_t oldest;

	if (!policy->start_capacity || policy->start_count < policy->start_capacity)
		return false;
	oldest = policy->starts[policy->start_next];
	return when - oldest < policy->config->start_limit_interval_ns;
}

void policy_forget_past(struct policy *policy)
{
	policy->attempt = 0;
	policy->start_count = policy->start_next = 0;
	policy->note[0] = '\0';
}

void policy_forget_attempts(struct policy *policy)
{
	policy->attempt = 0;
}

void policy_reset_attempts(struct policy *policy, uint64_t now)
{
	if (now - policy->up_since_ns >= policy->config->backoff_reset_ns)
		policy->attempt = 0;
}
