// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/kernel.h"

#include "base/cleanup.h"

static const struct {
	const char *name, *without;
} features[] = {
	[KERNEL_LAST_THREAD] = {"tells which thread was the last",
				"obit counts the threads of a process itself"},
	[KERNEL_WHOLE_RUNS] = {"does not preempt obit's programs",
			       "execs and deaths have three programs each, reaping has one"},
	[KERNEL_SIGNALS] = {"tells who sends a signal",
			    "obituaries have no killer, asked_by, fault and oom_cause"},
	[KERNEL_CGROUPS] = {"tells when cgroups come and go", "there are no cgroups to watch"},
	[KERNEL_OOM_CGROUP] = {"tells whose memory limit was reached",
			       "oom is told, but oom_cause is null"},
	[KERNEL_INTO_CGROUP] = {"makes children in their cgroup",
				"a child moves to its cgroup before it executes"},
	[KERNEL_CGROUP_KILL] = {"kills a cgroup at once",
				"its processes are killed one by one until none is left"},
};
_Static_assert(ARRAY_SIZE(features) == _KERNEL_FEATURE_MAX, "words for each feature");

const char *kernel_feature_name(enum kernel_feature feature)
{
	return features[feature].name;
}

const char *kernel_feature_without(enum kernel_feature feature)
{
	return features[feature].without;
}
