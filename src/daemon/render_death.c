// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A death into JSON and into the sentence of the log. The names are the users': they stay once released. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/container.h"
#include "daemon/daemon.h"
#include "daemon/put.h"

static void put_ending(struct json_object *object, const struct obit_exit *exit)
{
	char name[SIGNAL_NAME_SIZE];
	enum death_how how = wait_status_how(exit->wait_status);

	put_string(object, "how", death_how_name(how));
	if (how == DEATH_EXITED)
		put_number(object, "exit_status", (uint64_t)wait_status_exit(exit->wait_status));
	else
		put_string(object, "signal",
			   signal_name(wait_status_signal(exit->wait_status), name));
	put_number(object, "wait_status", exit->wait_status);
	put_bool(object, "core_dumped", how == DEATH_DUMPED);
}

/* JSON null where there is no path, or only its end. */
static const char *sender_path(const struct obit_signal *signal)
{
	return *signal->path && !(signal->flags & OBIT_SIGNAL_PATH_CUT) ? signal->path : NULL;
}

static struct json_object *render_sender(const struct obit_signal *signal)
{
	struct json_object *object = json_object_new_object();
	char comm[OBIT_COMM_SIZE + 1];

	snprintf(comm, sizeof(comm), "%.*s", OBIT_COMM_SIZE, signal->comm);
	put_number(object, "pid", signal->sender.tgid);
	put_string(object, "comm", comm);
	put_string(object, "path", sender_path(signal));
	put_number(object, "uid", signal->uid);
	return object;
}

static struct json_object *render_asked(const struct obit_signal *asked,
					const struct obit_exit *exit)
{
	struct json_object *object = render_sender(asked);
	char name[SIGNAL_NAME_SIZE];

	put_string(object, "signal", signal_name((int)asked->number, name));
	put_number(object, "before_ns", exit->time - asked->time);
	return object;
}

/* The address as text: a JSON number loses digits in many a reader. */
static struct json_object *render_fault(const struct obit_signal *signal)
{
	struct json_object *object = json_object_new_object();
	char address[24];

	snprintf(address, sizeof(address), "0x%llx", (unsigned long long)signal->address);
	put_json(object, "code", json_object_new_int(signal->code));
	put_string(object, "name", fault_name(signal->number, signal->code));
	put_string(object, "address", address);
	if (signal->number == SIGSYS)
		put_json(object, "syscall", json_object_new_int(signal->syscall));
	return object;
}

static struct json_object *pages_to_json(uint64_t pages)
{
	return json_object_new_uint64(pages * (uint64_t)sysconf(_SC_PAGESIZE));
}

static struct json_object *render_oom(const struct obit_signal *signal)
{
	struct json_object *object;
	bool cgroup = signal->flags & OBIT_SIGNAL_OOM_CGROUP;

	if (!(signal->flags & (OBIT_SIGNAL_OOM_CGROUP | OBIT_SIGNAL_OOM_HOST)))
		return NULL;
	object = json_object_new_object();
	put_string(object, "scope", cgroup ? "cgroup" : "host");
	put_string(object, "cgroup", cgroup ? sender_path(signal) : NULL);
	put_json(object, "limit_bytes", cgroup ? pages_to_json(signal->oom_limit_pages) : NULL);
	put_json(object, "usage_bytes", cgroup ? pages_to_json(signal->oom_usage_pages) : NULL);
	return object;
}

static struct json_object *render_core(const struct evidence *evidence)
{
	struct json_object *object;

	if (!evidence->core_path && !evidence->core_handler)
		return NULL;
	object = json_object_new_object();
	put_string(object, "path", evidence->core_path);
	put_string(object, "handler", evidence->core_handler);
	return object;
}

static void put_cause(struct json_object *object, const struct evidence *evidence,
		      const struct obit_exit *exit)
{
	const struct obit_signal *fatal = evidence->has_fatal ? &evidence->fatal : NULL;
	enum death_cause cause = evidence->cause;
	bool fault = fatal && (cause == CAUSE_FAULT || cause == CAUSE_SECCOMP);

	put_bool(object, "oom", cause == CAUSE_OOM);
	put_string(object, "cause", death_cause_name(cause));
	put_json(object, "killer",
		 fatal && death_cause_has_killer(cause) ? render_sender(fatal) : NULL);
	put_json(object, "asked_by",
		 evidence->has_asked ? render_asked(&evidence->asked, exit) : NULL);
	put_json(object, "fault", fault ? render_fault(fatal) : NULL);
	put_json(object, "oom_cause", fatal && cause == CAUSE_OOM ? render_oom(fatal) : NULL);
	put_json(object, "core", render_core(evidence));
}

static struct json_object *render_operator(const struct actor *actor)
{
	struct json_object *object;

	if (!actor)
		return NULL;
	object = json_object_new_object();
	put_string(object, "command", actor->command);
	put_number(object, "uid", actor->uid);
	put_number(object, "pid", (uint64_t)actor->pid);
	put_string(object, "comm", *actor->comm ? actor->comm : NULL);
	return object;
}

static uint64_t lived_ns(const struct obituary *obituary)
{
	uint64_t began = obituary->role == ROLE_MAIN && obituary->began
				 ? obituary->began
				 : obituary->letter->birth_time;

	return obituary->letter->exit.time - began;
}

static void put_usage(struct json_object *object, const struct obit_exit *exit)
{
	put_number(object, "cpu_ns", exit->cpu_ns);
	put_number(object, "max_rss_kib",
		   exit->max_rss_pages * (uint64_t)sysconf(_SC_PAGESIZE) / 1024);
	put_number(object, "minor_faults", exit->minor_faults);
	put_number(object, "major_faults", exit->major_faults);
}

/* The cgroup, NULL where not known, and what it tells. */
static void put_cgroup(struct json_object *object, const char *cgroup)
{
	struct cgroup_facts facts;

	cgroup_facts(cgroup ? cgroup : "", &facts);
	put_string(object, "cgroup", cgroup);
	put_string(object, "container", *facts.container ? facts.container : NULL);
	put_string(object, "container_runtime", facts.runtime);
	put_string(object, "pod_uid", *facts.pod_uid ? facts.pod_uid : NULL);
	put_string(object, "pod_qos", facts.pod_qos);
	put_string(object, "unit", *facts.unit ? facts.unit : NULL);
}

void render_process_key(const struct obit_key *key, char buf[static PROCESS_KEY_SIZE])
{
	snprintf(buf, PROCESS_KEY_SIZE, "%u:%llu", key->tgid,
		 (unsigned long long)key->start_boottime);
}

static void put_ids(struct json_object *object, const struct obit_key *key,
		    const struct obit_exit *exit)
{
	char comm[OBIT_COMM_SIZE + 1], parent[OBIT_COMM_SIZE + 1], text[PROCESS_KEY_SIZE];

	render_process_key(key, text);
	snprintf(comm, sizeof(comm), "%.*s", OBIT_COMM_SIZE, exit->comm);
	snprintf(parent, sizeof(parent), "%.*s", OBIT_COMM_SIZE, exit->parent_comm);
	put_number(object, "pid", key->tgid);
	put_json(object, "ns_pid", exit->ns_pid ? json_object_new_int64(exit->ns_pid) : NULL);
	put_string(object, "process_key", text);
	put_number(object, "ppid", exit->ppid);
	put_string(object, "parent_comm", *parent ? parent : NULL);
	put_number(object, "uid", exit->uid);
	put_number(object, "gid", exit->gid);
	put_string(object, "comm", comm);
}

static void put_who(struct json_object *object, const struct obituary *obituary)
{
	const struct image *image = obituary->process->image;
	static const struct strings nothing = {0};

	put_string(object, "watch", obituary->watch);
	put_string(object, "role", process_role_name(obituary->role));
	put_ids(object, &obituary->process->key, &obituary->letter->exit);
	put_string(object, "path", image && *image->exe ? image->exe : NULL);
	put_json(object, "argv",
		 strings_to_json(image ? &image->argv : &nothing, OBITUARY_ARGV_MAX));
	put_cgroup(object, obituary->evidence->cgroup);
}

static struct json_object *new_obituary(const struct obit_exit *exit)
{
	struct json_object *object = json_object_new_object();
	char time[CLOCK_RFC3339_SIZE];

	if (object)
		put_string(object, "time", clock_rfc3339(clock_boot_to_wall(exit->time), time));
	return object;
}

struct json_object *render_obituary(const struct obituary *obituary)
{
	struct json_object *object = new_obituary(&obituary->letter->exit);

	if (!object)
		return NULL;
	put_who(object, obituary);
	put_ending(object, &obituary->letter->exit);
	put_cause(object, obituary->evidence, &obituary->letter->exit);
	put_number(object, "lived_ns", lived_ns(obituary));
	put_usage(object, &obituary->letter->exit);
	put_json(object, "hung", json_object_get(obituary->hung));
	put_json(object, "operator", render_operator(obituary->actor));
	put_string(object, "action", policy_verdict_name(obituary->decision->verdict));
	put_string(object, "action_detail",
		   *obituary->decision->detail ? obituary->decision->detail : NULL);
	return object;
}

int render_death_level(const struct obituary *obituary)
{
	bool matters = obituary->role == ROLE_MAIN &&
		       obituary->decision->verdict != VERDICT_HAND_OVER;

	return matters ? LOG_NOTICE : LOG_DEBUG;
}

#define SENDER_WORDS_SIZE 64
/* " from bash(812)" of a signal that another process sent, else "". */
static const char *sender_words(const struct evidence *evidence, char buf[static SENDER_WORDS_SIZE])
{
	const struct obit_signal *fatal = &evidence->fatal;

	buf[0] = '\0';
	if (evidence->has_fatal && evidence->cause == CAUSE_PROCESS)
		snprintf(buf, SENDER_WORDS_SIZE, " from %.*s(%u)", OBIT_COMM_SIZE, fatal->comm,
			 fatal->sender.tgid);
	return buf;
}

void render_death_sentence(const struct obituary *obituary, char buf[static DEATH_SENTENCE_SIZE])
{
	const struct policy_output *decision = obituary->decision;
	struct json_object *hung = json_object_object_get(obituary->hung, "reason");
	char words[WAIT_STATUS_WORDS_SIZE], span[CLOCK_SPAN_SIZE], sender[SENDER_WORDS_SIZE];

	snprintf(buf, DEATH_SENTENCE_SIZE, "%s: %s %u %s%s%s%s%s%s after %s%s%s",
		 obituary->watch ? obituary->watch : "unwatched",
		 obituary->role == ROLE_MAIN ? "pid" : process_role_name(obituary->role),
		 obituary->process->key.tgid, hung ? "hung: " : "",
		 hung ? json_object_get_string(hung) : "", hung ? "; " : "",
		 wait_status_words(obituary->letter->exit.wait_status, words),
		 sender_words(obituary->evidence, sender),
		 obituary->evidence->cause == CAUSE_OOM ? " (out of memory)" : "",
		 clock_span(lived_ns(obituary), span), *decision->detail ? ": " : "",
		 decision->detail);
}
