// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/evidence.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/alloc.h"
#include "cli/amount.h"
#include "cli/cause.h"
#include "cli/fault.h"
#include "cli/value.h"
#include "cli/when.h"

#define CONTAINER_ID_LENGTH 64
#define CONTAINER_ID_SHORT  12 /* as much as the commands of containers show, and need */

void fact_print(FILE *out, const struct term *term, const char *key, char *value)
{
	_cleanup_free_ char *owned = value;
	int padding = FACT_COLUMN - 3 - (int)strlen(key);

	if (!owned)
		return;
	fprintf(out, "  %s:%*s", key, padding > 1 ? padding : 1, "");
	term_wrap(out, term, STYLE_PLAIN, FACT_COLUMN, owned);
}

static char *belonging(struct json_object *death)
{
	_cleanup_free_ char *watch = value_text(member(death, "watch"));
	_cleanup_free_ char *role = value_text(member(death, "role"));

	if (!watch || !role)
		return TAKE_PTR(watch);
	return must_printf("%s (%s)", watch, role);
}

static char *user_ids(struct json_object *death)
{
	int64_t uid, gid;

	if (!member_int(death, "uid", &uid) || !member_int(death, "gid", &gid))
		return NULL;
	return must_printf("uid %" PRId64 ", gid %" PRId64, uid, gid);
}

static char *unit(struct json_object *death)
{
	return value_text(member(death, "unit"));
}

/* "docker 4a5b6c7d8e9f" */
static char *container(struct json_object *death)
{
	_cleanup_free_ char *name = value_text(member(death, "container"));
	_cleanup_free_ char *runtime = value_text(member(death, "container_runtime"));
	bool is_id = name && strlen(name) == CONTAINER_ID_LENGTH &&
		     strspn(name, "0123456789abcdef") == CONTAINER_ID_LENGTH;

	if (!name)
		return NULL;
	return must_printf("%s%s%.*s", runtime ? runtime : "", runtime ? " " : "",
			   is_id ? CONTAINER_ID_SHORT : INT_MAX, name);
}

static char *pod(struct json_object *death)
{
	_cleanup_free_ char *uid = value_text(member(death, "pod_uid"));
	_cleanup_free_ char *qos = value_text(member(death, "pod_qos"));

	if (!uid || !qos)
		return TAKE_PTR(uid);
	return must_printf("%s (%s)", uid, qos);
}

/* The process whose end took it along: the first line has its name. A killer is there in full. */
static char *ended_first(struct json_object *death)
{
	struct json_object *who = member_object(death, "killer");
	enum cause cause = cause_of(death);

	return who && (cause == CAUSE_PARENT || cause == CAUSE_NAMESPACE) ? who_words(who, NULL)
									  : NULL;
}

/* "systemctl (pid 81, /usr/bin/systemctl, root) by SIGTERM, 300ms before" */
static char *asker(struct json_object *death)
{
	struct json_object *asker = cause_asker(death);
	_cleanup_free_ char *who = NULL, *signal = NULL, *before = NULL;

	if (!asker)
		return NULL;
	who = who_words(asker, death);
	signal = cause_signal(asker);
	before = member_duration(asker, "before_ns");
	return must_printf("%s by %s%s%s%s", who, signal, before ? ", " : "", before ? before : "",
			   before ? " before" : "");
}

static char *parent(struct json_object *death)
{
	_cleanup_free_ char *comm = value_text(member(death, "parent_comm"));
	int64_t ppid;

	if (!member_int(death, "ppid", &ppid))
		return NULL;
	return comm ? must_printf("%s (pid %" PRId64 ")", comm, ppid)
		    : must_printf("pid %" PRId64, ppid);
}

static char *own_pid(struct json_object *death)
{
	_cleanup_free_ char *pid = value_text(member(death, "ns_pid"));

	return pid ? must_printf("%s in its pid namespace", pid) : NULL;
}

/* "root stopped it with obit stop (pid 812)" */
static char *operator_words(struct json_object *death)
{
	struct json_object *actor = member_object(death, "operator");
	_cleanup_free_ char *command = value_text(member(actor, "command"));
	_cleanup_free_ char *pid = value_text(member(actor, "pid"));
	_cleanup_free_ char *comm = value_text(member(actor, "comm"));
	_cleanup_free_ char *user = NULL;
	int64_t uid;

	if (!command || !member_int(actor, "uid", &uid))
		return NULL;
	user = uid == 0 ? must_printf("root") : must_printf("uid %" PRId64, uid);
	return must_printf("%s %s it with obit %s (%s%spid %s)", user,
			   strcmp(command, "kill") == 0	     ? "signalled"
			   : strcmp(command, "restart") == 0 ? "restarted"
							     : "stopped",
			   command, comm ? comm : "", comm ? ", " : "", pid ? pid : "?");
}

/* Where the first line says nothing of it. */
static char *left_hanging(struct json_object *death)
{
	_cleanup_free_ char *reason = value_text(member(member(death, "hung"), "reason"));

	return reason && !cause_hang(death) ? must_printf("%s (not stopped)", reason) : NULL;
}

/* "do_nanosleep (thread 12, worker, state S); 3 more threads" */
static char *hung_in(struct json_object *death)
{
	struct json_object *hung = member_object(death, "hung");
	struct json_object *threads = member_array(hung, "threads"),
			   *first = array_item(threads, 0);
	_cleanup_free_ char *wchan = value_text(member(first, "wchan"));
	_cleanup_free_ char *tid = NULL, *comm = NULL, *state = NULL;
	size_t more;

	if (!first)
		return NULL;
	tid = member_text(first, "tid");
	comm = member_text(first, "comm");
	state = member_text(first, "state");
	more = json_object_array_length(threads) - 1;
	if (!more)
		return must_printf("%s (thread %s, %s, state %s)", wchan ? wchan : "user space",
				   tid, comm, state);
	return must_printf("%s (thread %s, %s, state %s); %zu more thread%s",
			   wchan ? wchan : "user space", tid, comm, state, more,
			   more == 1 ? "" : "s");
}

/* The innermost first, without offsets. */
static char *kernel_stack(struct json_object *death)
{
	struct json_object *stack = member_array(member_object(death, "hung"), "stack");
	struct json_object *frame;
	struct draft draft;

	if (!array_item(stack, 0))
		return NULL;
	draft_open(&draft);
	for (size_t i = 0; (frame = array_item(stack, i)); i++) {
		_cleanup_free_ char *text = value_text(frame);

		if (text)
			fprintf(draft.out, "%s%.*s", i ? " < " : "", (int)strcspn(text, "+"), text);
	}
	return draft_close(&draft);
}

static char *core_dump(struct json_object *death)
{
	struct json_object *core = member_object(death, "core");
	_cleanup_free_ char *path = value_text(member(core, "path"));
	_cleanup_free_ char *handler = value_text(member(core, "handler"));

	if (path)
		return must_printf("%s%s", path, *path == '/' ? "" : " in its working directory");
	return handler ? must_printf("given to %s", handler) : NULL;
}

/* Whether the program that the core dump is piped to is systemd's. */
static bool is_systemd_coredump(const char *handler)
{
	static const char name[] = "systemd-coredump";
	size_t length = strcspn(handler, " ");

	return length >= strlen(name) &&
	       strncmp(handler + length - strlen(name), name, strlen(name)) == 0;
}

/* The words of a path for a shell; NULL for none that is absolute. */
static char *quoted_path(struct json_object *object, const char *key)
{
	const char *path = member_word(object, key);

	return *path == '/' ? shell_quote(path, strlen(path)) : NULL;
}

static char *next_for_core(struct json_object *death, struct json_object *core)
{
	_cleanup_free_ char *path = quoted_path(core, "path"), *exe = quoted_path(death, "path");
	int64_t pid;

	if (path)
		return must_printf("gdb %s %s", exe ? exe : "-c", path);
	if (is_systemd_coredump(member_word(core, "handler")) && member_int(death, "pid", &pid))
		return must_printf("coredumpctl info %" PRId64, pid);
	return NULL;
}

/* The journal has the last words of a service of the system. */
static char *next_for_failure(struct json_object *death)
{
	const char *unit = member_word(death, "unit"), *dot = strrchr(unit, '.');
	bool told_why = cause_of(death) == CAUSE_EXIT || cause_is_abort(death);
	_cleanup_free_ char *quoted = NULL;

	if (!told_why || !cause_is_failure(death) || !dot || strcmp(dot, ".service") != 0 ||
	    *member_word(death, "container") || strstr(member_word(death, "cgroup"), "/user@"))
		return NULL;
	quoted = shell_quote(unit, strlen(unit));
	return must_printf("journalctl -n 30 -u %s", quoted);
}

/* The command to type in order to see more. */
static char *next_step(struct json_object *death)
{
	char *command = next_for_core(death, member_object(death, "core"));

	return command ? command : next_for_failure(death);
}

/* Of the process; and for lack of memory, what all of its cgroup, or of the host, had. */
static char *memory(struct json_object *death)
{
	struct json_object *oom = member_object(death, "oom_cause");
	bool host = strcmp(member_word(oom, "scope"), "host") == 0;
	_cleanup_free_ char *usage = member_amount(oom, "usage_bytes", 1);
	_cleanup_free_ char *limit = member_amount(oom, "limit_bytes", 1);
	_cleanup_free_ char *peak = member_amount(death, "max_rss_kib", 1024);

	if (!usage)
		return TAKE_PTR(peak);
	return must_printf("%s%sthe %s held %s%s%s", peak ? peak : "", peak ? "; " : "",
			   host ? "host" : "cgroup", usage, limit ? " of " : "",
			   limit ? limit : "");
}

/* The cgroup whose limit was reached, if it is not its own, and the first line does not say its path. */
static char *full_cgroup(struct json_object *death)
{
	struct json_object *oom = member_object(death, "oom_cause");
	_cleanup_free_ char *limited = cause_limited(death);

	if (strchr(limited, '/') ||
	    strcmp(member_word(oom, "cgroup"), member_word(death, "cgroup")) == 0)
		return NULL;
	return value_text(member(oom, "cgroup"));
}

static char *command_line(struct json_object *death)
{
	return value_command_line(member(death, "argv"));
}

/* The path where the command line does not begin with it. */
static char *executable(struct json_object *death)
{
	struct json_object *first = array_item(member_array(death, "argv"), 0);
	const char *path = member_word(death, "path");

	if (json_object_is_type(first, json_type_string) &&
	    strcmp(json_object_get_string(first), path) == 0)
		return NULL;
	return value_text(member(death, "path"));
}

static char *cgroup(struct json_object *death)
{
	return value_text(member(death, "cgroup"));
}

static char *cpu_time(struct json_object *death)
{
	return member_duration(death, "cpu_ns");
}

static char *page_faults(struct json_object *death)
{
	_cleanup_free_ char *minor = NULL, *major = NULL;

	if (!member(death, "minor_faults") && !member(death, "major_faults"))
		return NULL;
	minor = member_text(death, "minor_faults");
	major = member_text(death, "major_faults");
	return must_printf("%s minor, %s major", minor, major);
}

static char *wait_status(struct json_object *death)
{
	uint64_t status;

	return member_span(death, "wait_status", &status) ? must_printf("0x%04" PRIx64, status)
							  : NULL;
}

/* The most telling first. */
static const struct {
	const char *key;
	char *(*value)(struct json_object *death);
	bool whole; /* to be copied: not wrapped */
} facts[] = {
	{"watch", belonging, false},	     {"unit", unit, false},
	{"container", container, false},     {"pod", pod, false},
	{"ended first", ended_first, false}, {"asked by", asker, false},
	{"operator", operator_words, false}, {"hung before", left_hanging, false},
	{"hung in", hung_in, false},	     {"kernel stack", kernel_stack, false},
	{"fault", fault_code, false},	     {"core dump", core_dump, false},
	{"next step", next_step, true},	     {"peak memory", memory, false},
	{"full cgroup", full_cgroup, false}, {"command line", command_line, false},
	{"executable", executable, false},   {"user ids", user_ids, false},
	{"parent", parent, false},	     {"cgroup", cgroup, false},
	{"own pid", own_pid, false},	     {"cpu time", cpu_time, false},
	{"page faults", page_faults, false}, {"wait status", wait_status, false},
};

void evidence_print(FILE *out, const struct term *term, struct json_object *death, uint64_t now_ns)
{
	static const struct term endless = {0};

	fact_print(out, term, "when", member_moment(death, "time", now_ns));
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++)
		fact_print(out, facts[i].whole ? &endless : term, facts[i].key,
			   facts[i].value(death));
}
