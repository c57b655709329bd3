// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The death of a process that no watch has to do with, as a line of JSON. There may be tens of thousands a second, on a
 * machine that has other things to do: the line is written as text, which costs a fraction of what objects do. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "core/cause.h"
#include "daemon/daemon.h"

static enum death_cause cause_of(const struct obit_exit *exit)
{
	if (wait_status_how(exit->wait_status) == DEATH_EXITED)
		return CAUSE_EXIT;
	return exit->flags & OBIT_EXIT_OOM ? CAUSE_OOM : CAUSE_UNKNOWN;
}

#define ENDING_SIZE 64
/* The members that say how it ended. */
static const char *ending(char buf[static ENDING_SIZE], uint32_t wait_status)
{
	char name[SIGNAL_NAME_SIZE];
	enum death_how how = wait_status_how(wait_status);

	if (how == DEATH_EXITED)
		snprintf(buf, ENDING_SIZE, "\"how\":\"%s\",\"exit_status\":%d", death_how_name(how),
			 wait_status_exit(wait_status));
	else
		snprintf(buf, ENDING_SIZE, "\"how\":\"%s\",\"signal\":\"%s\"", death_how_name(how),
			 signal_name(wait_status_signal(wait_status), name));
	return buf;
}

#define NS_PID_SIZE 12
static const char *ns_pid(char buf[static NS_PID_SIZE], uint32_t pid)
{
	if (pid)
		snprintf(buf, NS_PID_SIZE, "%u", pid);
	return pid ? buf : "null";
}

#define COMM_JSON_SIZE (TEXT_JSON_SIZE(OBIT_COMM_SIZE) + 2)
static const char *quoted(char buf[static COMM_JSON_SIZE], const char comm[OBIT_COMM_SIZE])
{
	buf[0] = '"';
	strcpy(buf + 1 + text_json(buf + 1, comm, strnlen(comm, OBIT_COMM_SIZE)), "\"");
	return buf;
}

static size_t put_ids(char *line, size_t size, const struct obit_key *key,
		      const struct obit_exit *exit)
{
	char time[CLOCK_RFC3339_SIZE], process_key[PROCESS_KEY_SIZE], pid[NS_PID_SIZE];
	char comm[COMM_JSON_SIZE], parent[COMM_JSON_SIZE];

	render_process_key(key, process_key);
	return (size_t)snprintf(
		line, size,
		"{\"time\":\"%s\",\"watch\":null,\"role\":\"unwatched\",\"pid\":%u,\"ns_pid\":%s,"
		"\"process_key\":\"%s\",\"ppid\":%u,\"parent_comm\":%s,\"uid\":%u,\"gid\":%u,"
		"\"comm\":%s,\"path\":null,\"argv\":[],\"cgroup\":null,\"container\":null,"
		"\"container_runtime\":null,\"pod_uid\":null,\"pod_qos\":null,\"unit\":null,",
		clock_rfc3339(clock_boot_to_wall(exit->time), time), key->tgid,
		ns_pid(pid, exit->ns_pid), process_key, exit->ppid,
		*exit->parent_comm ? quoted(parent, exit->parent_comm) : "null", exit->uid,
		exit->gid, quoted(comm, exit->comm));
}

static size_t put_death(char *line, size_t size, const struct obit_key *key,
			const struct obit_exit *exit)
{
	char how[ENDING_SIZE];
	enum death_cause cause = cause_of(exit);
	uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);

	return (size_t)snprintf(
		line, size,
		"%s,\"wait_status\":%u,\"core_dumped\":%s,\"oom\":%s,\"cause\":\"%s\","
		"\"killer\":null,\"asked_by\":null,\"fault\":null,\"oom_cause\":null,\"core\":null,"
		"\"lived_ns\":%" PRIu64 ",\"cpu_ns\":%" PRIu64 ",\"max_rss_kib\":%" PRIu64
		",\"minor_faults\":%" PRIu64 ",\"major_faults\":%" PRIu64
		",\"action\":\"%s\",\"action_detail\":null}",
		ending(how, exit->wait_status), exit->wait_status,
		wait_status_how(exit->wait_status) == DEATH_DUMPED ? "true" : "false",
		cause == CAUSE_OOM ? "true" : "false", death_cause_name(cause),
		(uint64_t)(exit->time - key->start_boottime), (uint64_t)exit->cpu_ns,
		(uint64_t)exit->max_rss_pages * page_size / 1024, (uint64_t)exit->minor_faults,
		(uint64_t)exit->major_faults, policy_verdict_name(VERDICT_NONE));
}

size_t render_unwatched(const struct obit_key *key, const struct obit_exit *exit,
			char line[static UNWATCHED_LINE_SIZE])
{
	size_t length = put_ids(line, UNWATCHED_LINE_SIZE, key, exit);

	return length + put_death(line + length, UNWATCHED_LINE_SIZE - length, key, exit);
}
