// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Stands between two parts of obitd in build/.../obitd-halt, and nowhere else: obitd stops, as by SIGSTOP, before the next
 * call of the function below that the file OBIT_HALT names, and the file is gone then. With OBIT_PREEMPTED it takes the kernel for
 * one that preempts programs, as Linux 7.0 does; its programs for those run since 6.15. With OBIT_PREEMPTED=always none for deaths
 * is run: each was at work for somebody else. */
#include <bpf/libbpf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/daemon.h"

void __real_events_forget(struct daemon *daemon, const struct obit_key *key);
void __wrap_events_forget(struct daemon *daemon, const struct obit_key *key);
void __real_vigil_started(struct daemon *daemon, struct instance *instance);
void __wrap_vigil_started(struct daemon *daemon, struct instance *instance);

void __real_glance_anew(struct daemon *daemon);
void __wrap_glance_anew(struct daemon *daemon);
void __real_policy_forget_attempts(struct policy *policy);
void __wrap_policy_forget_attempts(struct policy *policy);

bool __real_backlog_next(struct backlog *backlog, struct obit_key *ret);
bool __wrap_backlog_next(struct backlog *backlog, struct obit_key *ret);

int __real_bpf_source_open(const struct bpf_source_options *options,
			   bpf_source_record_fn *on_record, void *arg, struct bpf_source **ret,
			   char *error);
int __wrap_bpf_source_open(const struct bpf_source_options *options,
			   bpf_source_record_fn *on_record, void *arg, struct bpf_source **ret,
			   char *error);
int __real_bpf_program__set_autoload(struct bpf_program *program, bool load);
int __wrap_bpf_program__set_autoload(struct bpf_program *program, bool load);

static void halt_before(const char *function)
{
	const char *path = getenv("OBIT_HALT");
	FILE *file = path ? fopen(path, "re") : NULL;
	char name[64] = "";

	if (!file)
		return;
	if (fscanf(file, "%63s", name) == 1 && strcmp(name, function) == 0 && unlink(path) == 0)
		raise(SIGSTOP);
	fclose(file);
}

void __wrap_events_forget(struct daemon *daemon, const struct obit_key *key)
{
	halt_before("events_forget");
	__real_events_forget(daemon, key);
}

bool __wrap_backlog_next(struct backlog *backlog, struct obit_key *ret)
{
	halt_before("backlog_next");
	return __real_backlog_next(backlog, ret);
}

/* Where a turn of the loop begins: what is ready in it is known. */
void __wrap_glance_anew(struct daemon *daemon)
{
	halt_before("glance_anew");
	__real_glance_anew(daemon);
}

void __wrap_policy_forget_attempts(struct policy *policy)
{
	halt_before("policy_forget_attempts");
	__real_policy_forget_attempts(policy);
}

void __wrap_vigil_started(struct daemon *daemon, struct instance *instance)
{
	halt_before("vigil_started");
	__real_vigil_started(daemon, instance);
}

int __wrap_bpf_source_open(const struct bpf_source_options *options,
			   bpf_source_record_fn *on_record, void *arg, struct bpf_source **ret,
			   char *error)
{
	struct bpf_source_options other = *options;
	bool has[_KERNEL_FEATURE_MAX];

	memcpy(has, options->has, sizeof(has));
	if (getenv("OBIT_PREEMPTED"))
		has[KERNEL_WHOLE_RUNS] = false;
	other.has = has;
	return __real_bpf_source_open(&other, on_record, arg, ret, error);
}

int __wrap_bpf_program__set_autoload(struct bpf_program *program, bool load)
{
	const char *how = getenv("OBIT_PREEMPTED");
	bool is_exit = !strncmp(bpf_program__name(program), "obit_exit", 9);

	if (how && !strcmp(how, "always") && is_exit)
		load = false;
	return __real_bpf_program__set_autoload(program, load);
}
