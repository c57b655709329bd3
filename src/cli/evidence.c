// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/evidence.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/alloc.h"
#include "cli/value.h"
#include "cli/when.h"

void fact_print(FILE *out, const struct term *term, const char *key, char *value)
{
	_cleanup_free_ char *owned = value;
	int padding = FACT_COLUMN - 3 - (int)strlen(key);

	if (!owned)
		return;
	fprintf(out, "  %s:%*s", key, padding > 1 ? padding : 1, "");
	term_wrap(out, term, STYLE_PLAIN, FACT_COLUMN, owned);
}

/* "2026-11-21 09:38:12 (3min ago)" */
static char *moment(struct json_object *death, uint64_t now_ns)
{
	const char *time = member_word(death, "time");
	_cleanup_free_ char *ago = NULL;
	uint64_t then;

	if (!when_parse(time, &then))
		return value_text(member(death, "time"));
	ago = when_ago(then, now_ns);
	return must_printf("%.10s %.8s (%s)", time, time + strlen("2026-11-21T"), ago);
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

static char *parent(struct json_object *death)
{
	int64_t ppid;

	return member_int(death, "ppid", &ppid) ? must_printf("pid %" PRId64, ppid) : NULL;
}

/* "kill (pid 812, uid 0, /usr/bin/kill)" */
static char *somebody(struct json_object *who)
{
	_cleanup_free_ char *comm = NULL, *pid = NULL, *uid = NULL, *path = NULL;

	if (!json_object_is_type(who, json_type_object))
		return value_text(who);
	comm = member_text(who, "comm");
	pid = member_text(who, "pid");
	uid = member_text(who, "uid");
	path = value_text(member(who, "path"));
	return must_printf("%s (pid %s, uid %s%s%s)", comm, pid, uid, path ? ", " : "",
			   path ? path : "");
}

/* What the si_code of a fault means; the numbers are the kernel's and differ by signal. */
static const struct {
	const char *signal;
	int64_t code;
	const char *words;
} fault_words[] = {
	{"SIGSEGV", 1, "nothing is mapped there"},
	{"SIGSEGV", 2, "not permitted there"},
	{"SIGBUS", 1, "misaligned access"},
	{"SIGBUS", 2, "no such memory, as behind the end of a mapped file"},
	{"SIGBUS", 3, "hardware error"},
	{"SIGFPE", 1, "integer divided by zero"},
	{"SIGFPE", 2, "integer overflow"},
	{"SIGFPE", 3, "floating point divided by zero"},
	{"SIGILL", 1, "illegal opcode"},
	{"SIGILL", 2, "illegal operand"},
};

static char *fault(struct json_object *death)
{
	struct json_object *fault = member_object(death, "fault");
	const char *signal = member_word(death, "signal"), *words = NULL;
	_cleanup_free_ char *code_text = NULL, *address_text = NULL;
	int64_t code = 0, address;

	if (!fault)
		return NULL;
	if (member_int(fault, "code", &code))
		for (size_t i = 0; i < ARRAY_SIZE(fault_words); i++)
			if (fault_words[i].code == code &&
			    strcmp(fault_words[i].signal, signal) == 0)
				words = fault_words[i].words;
	code_text = member_text(fault, "code");
	address_text = member_int(fault, "address", &address)
			       ? must_printf("0x%" PRIx64, (uint64_t)address)
			       : member_text(fault, "address");
	return must_printf("at address %s: %s%s%s%s", address_text, words ? words : "",
			   words ? " (code " : "code ", code_text, words ? ")" : "");
}

static char *memory(struct json_object *death)
{
	uint64_t kib;

	if (!member_span(death, "max_rss_kib", &kib))
		return NULL;
	if (kib < 1024)
		return must_printf("%" PRIu64 " KiB", kib);
	if (kib < 1024 * 1024)
		return must_printf("%.1f MiB", (double)kib / 1024);
	return must_printf("%.1f GiB", (double)kib / (1024 * 1024));
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

static char *only_if(struct json_object *death, const char *key, const char *words)
{
	return member_true(death, key) ? must_printf("%s", words) : NULL;
}

void evidence_print(FILE *out, const struct term *term, struct json_object *death, uint64_t now_ns)
{
	fact_print(out, term, "when", moment(death, now_ns));
	fact_print(out, term, "watch", belonging(death));
	fact_print(out, term, "killer", somebody(member(death, "killer")));
	fact_print(out, term, "asked by", somebody(member(death, "asked_by")));
	fact_print(out, term, "fault", fault(death));
	fact_print(out, term, "out of memory", only_if(death, "oom", "yes, the kernel killed it"));
	fact_print(out, term, "core dumped", only_if(death, "core_dumped", "yes"));
	fact_print(out, term, "command line", value_command_line(member(death, "argv")));
	fact_print(out, term, "executable", value_text(member(death, "path")));
	fact_print(out, term, "user ids", user_ids(death));
	fact_print(out, term, "parent", parent(death));
	fact_print(out, term, "container", value_text(member(death, "container")));
	fact_print(out, term, "cgroup", value_text(member(death, "cgroup")));
	fact_print(out, term, "lived", member_duration(death, "lived_ns"));
	fact_print(out, term, "cpu time", member_duration(death, "cpu_ns"));
	fact_print(out, term, "peak memory", memory(death));
	fact_print(out, term, "page faults", page_faults(death));
	fact_print(out, term, "wait status", wait_status(death));
}
