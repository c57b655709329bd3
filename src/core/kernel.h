/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a kernel may have that obit can use, and what obit does without. */
#ifndef OBIT_CORE_KERNEL_H
#define OBIT_CORE_KERNEL_H

enum kernel_feature {
	KERNEL_LAST_THREAD, /* sched_process_exit says which thread was the last (since 6.16) */
	KERNEL_WHOLE_RUNS,  /* programs of tracepoints are not preempted (until 7.0) */
	KERNEL_SIGNALS,	    /* signal_generate: who sent a signal */
	KERNEL_CGROUPS,	    /* cgroup_mkdir, cgroup_rmdir, cgroup_attach_task */
	KERNEL_OOM_CGROUP, /* mem_cgroup.oom_lock: whose limit was reached (without cgroup v1 since 6.12: none) */
	KERNEL_INTO_CGROUP, /* clone3(CLONE_INTO_CGROUP), since 5.7 */
	KERNEL_CGROUP_KILL, /* cgroup.kill, since 5.14 */
	_KERNEL_FEATURE_MAX
};

/* What it is good for, in a few words. */
const char *kernel_feature_name(enum kernel_feature feature);

/* What obit does on a kernel that does not have it. */
const char *kernel_feature_without(enum kernel_feature feature);

#endif
