// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/cause.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/alloc.h"
#include "cli/value.h"

static const char *const cause_names[] = {
	[CAUSE_UNTOLD] = "",
	[CAUSE_EXIT] = "exit",
	[CAUSE_PROCESS] = "process",
	[CAUSE_ITSELF] = "itself",
	[CAUSE_FAULT] = "fault",
	[CAUSE_OOM] = "oom",
	[CAUSE_SECCOMP] = "seccomp",
	[CAUSE_PIPE] = "pipe",
	[CAUSE_CPU_LIMIT] = "cpu-limit",
	[CAUSE_FILE_LIMIT] = "file-limit",
	[CAUSE_TIMER] = "timer",
	[CAUSE_TERMINAL] = "terminal",
	[CAUSE_PARENT] = "parent",
	[CAUSE_NAMESPACE] = "namespace",
	[CAUSE_KERNEL] = "kernel",
	[CAUSE_UNKNOWN] = "unknown",
};
static_assert(ARRAY_SIZE(cause_names) == _CAUSE_MAX, "one name per cause");

static bool was_killed(struct json_object *death)
{
	return strcmp(member_word(death, "how"), "killed") == 0 || cause_dumped(death);
}

/* For an obituary that does not name the cause. */
static enum cause cause_by_evidence(struct json_object *death)
{
	struct json_object *killer = member_object(death, "killer");

	if (member_true(death, "oom"))
		return CAUSE_OOM;
	if (member_object(death, "fault"))
		return strcmp(member_word(death, "signal"), "SIGSYS") == 0 ? CAUSE_SECCOMP
									   : CAUSE_FAULT;
	if (killer)
		return who_is(killer, death) ? CAUSE_ITSELF : CAUSE_PROCESS;
	return CAUSE_UNKNOWN;
}

enum cause cause_of(struct json_object *death)
{
	const char *name = member_word(death, "cause");

	if (strcmp(member_word(death, "how"), "exited") == 0)
		return CAUSE_EXIT;
	if (!was_killed(death))
		return CAUSE_UNTOLD;
	for (enum cause cause = CAUSE_PROCESS; cause < _CAUSE_MAX; cause++)
		if (strcmp(name, cause_names[cause]) == 0)
			return cause;
	return cause_by_evidence(death);
}

bool cause_dumped(struct json_object *death)
{
	return strcmp(member_word(death, "how"), "dumped") == 0;
}

bool cause_is_abort(struct json_object *death)
{
	return cause_of(death) == CAUSE_ITSELF &&
	       strcmp(member_word(death, "signal"), "SIGABRT") == 0;
}

static bool exited_well(struct json_object *death)
{
	int64_t status;

	return member_int(death, "exit_status", &status) && status == 0;
}

struct json_object *cause_hang(struct json_object *death)
{
	struct json_object *hung = member_object(death, "hung");

	return member_true(hung, "stopped") ? hung : NULL;
}

static bool is_crash(struct json_object *death)
{
	if (cause_hang(death))
		return true;
	switch (cause_of(death)) {
	case CAUSE_FAULT:
	case CAUSE_OOM:
	case CAUSE_SECCOMP:
		return true;
	default:
		return cause_is_abort(death);
	}
}

bool cause_is_failure(struct json_object *death)
{
	if (cause_of(death) == CAUSE_EXIT)
		return !exited_well(death) && !cause_asker(death);
	return is_crash(death);
}

enum style cause_style(struct json_object *death)
{
	if (is_crash(death))
		return STYLE_RED;
	switch (cause_of(death)) {
	case CAUSE_UNTOLD:
		return STYLE_PLAIN;
	case CAUSE_EXIT:
		return exited_well(death) ? STYLE_DIM : STYLE_YELLOW;
	default:
		return STYLE_YELLOW;
	}
}

char *cause_signal(struct json_object *death)
{
	char *name = value_text(member(death, "signal"));

	return name ? name : must_printf("an unknown signal");
}

/* Whether the last part of the path has the pod's uid in it, with '-' or, as systemd's slices have it,
 * '_' between the digits. */
static bool is_cgroup_of_pod(const char *cgroup, const char *pod_uid)
{
	const char *slash = strrchr(cgroup, '/');
	_cleanup_free_ char *name = must_printf("%s", slash ? slash + 1 : cgroup);

	for (char *c = name; *c; c++)
		if (*c == '_')
			*c = '-';
	return *pod_uid && strstr(name, pod_uid);
}

char *cause_limited(struct json_object *death)
{
	struct json_object *oom = member_object(death, "oom_cause");
	_cleanup_free_ char *cgroup = value_text(member(oom, "cgroup"));
	const char *limited = member_word(oom, "cgroup");
	bool own = strcmp(limited, member_word(death, "cgroup")) == 0;

	if (!cgroup)
		return must_printf("its cgroup");
	if (own && *member_word(death, "container"))
		return must_printf("its container");
	if (is_cgroup_of_pod(limited, member_word(death, "pod_uid")))
		return must_printf("its pod");
	return must_printf("%s cgroup %s", own ? "its" : "the", cgroup);
}

struct json_object *cause_asker(struct json_object *death)
{
	struct json_object *asker = member_object(death, "asked_by");
	bool killed_by_it = cause_of(death) == CAUSE_PROCESS &&
			    who_is(asker, member(death, "killer")) &&
			    strcmp(member_word(asker, "signal"), member_word(death, "signal")) == 0;

	return killed_by_it ? NULL : asker;
}

bool who_is(struct json_object *a, struct json_object *b)
{
	int64_t pid_a, pid_b;

	return member_int(a, "pid", &pid_a) && member_int(b, "pid", &pid_b) && pid_a == pid_b;
}

char *who_name(struct json_object *who)
{
	char *name = value_text(member(who, "comm"));
	_cleanup_free_ char *path = name ? NULL : value_text(member(who, "path"));
	const char *slash = path ? strrchr(path, '/') : NULL;

	if (name)
		return name;
	if (slash && slash[1])
		return must_printf("%s", slash + 1);
	return must_printf("process");
}

/* Everybody's parent in the end is pid 1: that is no news. */
static bool is_parent(struct json_object *who, struct json_object *death)
{
	int64_t pid, ppid;

	return member_int(who, "pid", &pid) && member_int(death, "ppid", &ppid) && pid == ppid &&
	       pid != 1;
}

static char *user_words(struct json_object *who)
{
	int64_t uid;

	if (!member_int(who, "uid", &uid))
		return NULL;
	return uid == 0 ? must_printf("root") : must_printf("uid %" PRId64, uid);
}

char *who_words(struct json_object *who, struct json_object *death)
{
	_cleanup_free_ char *name = who_name(who), *pid = value_text(member(who, "pid"));
	_cleanup_free_ char *path = value_text(member(who, "path")), *user = user_words(who);
	const char *parts[] = {is_parent(who, death) ? "its parent" : NULL, path, user};
	struct draft draft;

	draft_open(&draft);
	fprintf(draft.out, "%s (pid %s", name, pid ? pid : "unknown");
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (parts[i])
			fprintf(draft.out, ", %s", parts[i]);
	putc(')', draft.out);
	return draft_close(&draft);
}
