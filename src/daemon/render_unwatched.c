// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The death of a process that no watch has to do with, as a line of JSON. There may be tens of thousands a second, on a
 * machine that has other things to do: the line is written as text, which costs a tenth of what objects do. */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "core/cause.h"
#include "daemon/daemon.h"

/* Each of these writes at `at`, terminates, and returns where it stopped. */

static char *put_number(char *at, uint64_t number)
{
	char digits[20];
	size_t count = 0;

	do
		digits[count++] = (char)('0' + number % 10);
	while (number /= 10);
	while (count)
		*at++ = digits[--count];
	*at = '\0';
	return at;
}

static char *put_comm(char *at, const char comm[OBIT_COMM_SIZE])
{
	*at++ = '"';
	at += text_json(at, comm, strnlen(comm, OBIT_COMM_SIZE));
	return stpcpy(at, "\"");
}

#define MICROSECONDS_AT 20 /* in 2026-11-02T10:00:00.123456+00:00 */
/* Most that die in a storm die in the second of the one before. */
static char *put_time(char *at, uint64_t wall_ns)
{
	static char text[CLOCK_RFC3339_SIZE];
	static uint64_t second;
	uint64_t microseconds = wall_ns % NS_PER_SEC / NS_PER_US;

	if (!*text || wall_ns / NS_PER_SEC != second) {
		second = wall_ns / NS_PER_SEC;
		clock_rfc3339(second * NS_PER_SEC, text);
	}
	for (size_t i = 6; i > 0; i--, microseconds /= 10)
		text[MICROSECONDS_AT + i - 1] = (char)('0' + microseconds % 10);
	return stpcpy(at, text);
}

static char *put_ids(char *at, const struct obit_key *key, const struct obit_exit *exit)
{
	at = put_time(stpcpy(at, "{\"time\":\""), clock_boot_to_wall(exit->time));
	at = stpcpy(at, "\",\"watch\":null,\"role\":\"unwatched\",\"pid\":");
	at = stpcpy(put_number(at, key->tgid), ",\"ns_pid\":");
	at = exit->ns_pid ? put_number(at, exit->ns_pid) : stpcpy(at, "null");
	at = put_number(stpcpy(at, ",\"process_key\":\""), key->tgid);
	at = put_number(stpcpy(at, ":"), key->start_boottime);
	at = put_number(stpcpy(at, "\",\"ppid\":"), exit->ppid);
	at = stpcpy(at, ",\"parent_comm\":");
	at = *exit->parent_comm ? put_comm(at, exit->parent_comm) : stpcpy(at, "null");
	at = put_number(stpcpy(at, ",\"uid\":"), exit->uid);
	at = put_number(stpcpy(at, ",\"gid\":"), exit->gid);
	at = put_comm(stpcpy(at, ",\"comm\":"), exit->comm);
	return stpcpy(at,
		      ",\"path\":null,\"argv\":[],\"cgroup\":null,\"container\":null,"
		      "\"container_runtime\":null,\"pod_uid\":null,\"pod_qos\":null,\"unit\":null");
}

/* The same as put_ending() and put_cause() of an obituary. */
static char *put_ending(char *at, const struct obit_exit *exit)
{
	enum death_how how = wait_status_how(exit->wait_status);
	bool oom = how != DEATH_EXITED && exit->flags & OBIT_EXIT_OOM;
	enum death_cause cause = how == DEATH_EXITED ? CAUSE_EXIT : oom ? CAUSE_OOM : CAUSE_UNKNOWN;
	char name[SIGNAL_NAME_SIZE];

	at = stpcpy(stpcpy(at, ",\"how\":\""), death_how_name(how));
	if (how == DEATH_EXITED) {
		at = stpcpy(at, "\",\"exit_status\":");
		at = put_number(at, (uint64_t)wait_status_exit(exit->wait_status));
	} else {
		at = stpcpy(at, "\",\"signal\":\"");
		at = stpcpy(at, signal_name(wait_status_signal(exit->wait_status), name));
		at = stpcpy(at, "\"");
	}
	at = put_number(stpcpy(at, ",\"wait_status\":"), exit->wait_status);
	at = stpcpy(stpcpy(at, ",\"core_dumped\":"), how == DEATH_DUMPED ? "true" : "false");
	at = stpcpy(stpcpy(at, ",\"oom\":"), oom ? "true" : "false");
	at = stpcpy(stpcpy(at, ",\"cause\":\""), death_cause_name(cause));
	return stpcpy(at, "\",\"killer\":null,\"asked_by\":null,\"fault\":null,\"oom_cause\":null,"
			  "\"core\":null,\"hung\":null,\"operator\":null");
}

static char *put_usage(char *at, const struct obit_exit *exit)
{
	uint64_t page_kib = (uint64_t)sysconf(_SC_PAGESIZE) / 1024;

	at = put_number(stpcpy(at, ",\"cpu_ns\":"), exit->cpu_ns);
	at = put_number(stpcpy(at, ",\"max_rss_kib\":"), exit->max_rss_pages * page_kib);
	at = put_number(stpcpy(at, ",\"minor_faults\":"), exit->minor_faults);
	return put_number(stpcpy(at, ",\"major_faults\":"), exit->major_faults);
}

size_t render_unwatched(const struct obit_key *key, const struct obit_exit *exit,
			char line[static UNWATCHED_LINE_SIZE])
{
	char *at = put_ending(put_ids(line, key, exit), exit);

	at = put_number(stpcpy(at, ",\"lived_ns\":"), exit->time - key->start_boottime);
	at = put_usage(at, exit);
	at = stpcpy(stpcpy(at, ",\"action\":\""), policy_verdict_name(VERDICT_NONE));
	at = stpcpy(at, "\",\"action_detail\":null}");
	return (size_t)(at - line);
}
