// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/kernel_btf.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

__attribute__((format(printf, 3, 4))) static int fail(char error[static KERNEL_BTF_ERROR_SIZE],
						      int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, KERNEL_BTF_ERROR_SIZE, fmt, ap);
	va_end(ap);
	return r;
}

/* Number of arguments of a BTF tracepoint behind the context, or -ENOENT where there is no such hook. */
static int hook_arguments(const struct btf *btf, const char *hook)
{
	char name[64];
	const struct btf_type *type;
	int id;

	snprintf(name, sizeof(name), "btf_trace_%s", hook);
	id = btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF);
	if (id < 0)
		return -ENOENT;
	type = btf__type_by_id(btf, btf__type_by_id(btf, (__u32)id)->type);
	type = type ? btf__type_by_id(btf, type->type) : NULL;
	if (!type || !btf_is_func_proto(type))
		return -ENOENT;
	return btf_vlen(type) - 1;
}

static bool has_hook(const struct btf *btf, const char *hook)
{
	return hook_arguments(btf, hook) >= 0;
}

static bool has_member(const struct btf *btf, const char *type_name, const char *member)
{
	int id = btf__find_by_name_kind(btf, type_name, BTF_KIND_STRUCT);
	const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(btf, (__u32)id);
	const struct btf_member *members = type ? btf_members(type) : NULL;

	for (unsigned i = 0; type && i < btf_vlen(type); i++)
		if (!strcmp(btf__name_by_offset(btf, members[i].name_off), member))
			return true;
	return false;
}

static bool has_function(const struct btf *btf, const char *name)
{
	return btf__find_by_name_kind(btf, name, BTF_KIND_FUNC) >= 0;
}

static int check_hooks(const struct btf *btf, char error[static KERNEL_BTF_ERROR_SIZE])
{
	static const char *const needed[] = {"sched_process_fork", "sched_process_exec",
					     "sched_process_exit"};

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (!has_hook(btf, needed[i]))
			return fail(error, -EOPNOTSUPP,
				    "this kernel has no hook %s; expected Linux 5.10 or newer with "
				    "CONFIG_TRACEPOINTS and CONFIG_BPF_EVENTS",
				    needed[i]);
	return 0;
}

static void read_features(const struct btf *btf, bool ret_has[static _KERNEL_FEATURE_MAX])
{
	ret_has[KERNEL_LAST_THREAD] = hook_arguments(btf, "sched_process_exit") >= 2;
	/* Since then the kernel waits for two kinds of readers of its tracepoints (kernel/tracepoint.c). */
	ret_has[KERNEL_WHOLE_RUNS] = !has_member(btf, "tp_transition_snapshot", "srcu_gp");
	ret_has[KERNEL_SIGNALS] = has_hook(btf, "signal_generate");
	ret_has[KERNEL_CGROUPS] = has_hook(btf, "cgroup_mkdir") && has_hook(btf, "cgroup_rmdir") &&
				  has_hook(btf, "cgroup_attach_task");
	ret_has[KERNEL_OOM_CGROUP] = has_member(btf, "mem_cgroup", "oom_lock");
	ret_has[KERNEL_INTO_CGROUP] = has_member(btf, "kernel_clone_args", "cgrp");
	ret_has[KERNEL_CGROUP_KILL] = has_function(btf, "cgroup_kill_write");
}

/* Without libbpf's own words. */
static struct btf *parse(const char *path)
{
	libbpf_print_fn_t before = libbpf_set_print(NULL);
	struct btf *btf = btf__parse(path, NULL);

	libbpf_set_print(before);
	return btf;
}

int kernel_btf_read(const char *path, bool ret_has[static _KERNEL_FEATURE_MAX],
		    char error[static KERNEL_BTF_ERROR_SIZE])
{
	struct btf *btf;
	int r;

	if (access(path, R_OK) < 0)
		return fail(
			error, -errno,
			"no kernel type information (BTF) at %s: %s; expected a kernel built with "
			"CONFIG_DEBUG_INFO_BTF=y",
			path, strerror(errno));
	btf = parse(path);
	if (!btf)
		return fail(error, -EBADMSG,
			    "%s holds no BTF; expected a kernel's type information", path);
	r = check_hooks(btf, error);
	if (r == 0)
		read_features(btf, ret_has);
	btf__free(btf);
	return r;
}
