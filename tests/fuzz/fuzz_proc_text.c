// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Any bytes as each file of /proc, and as the name that a process has given itself: what stands beside the name is
 * read as if it had another one. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/proc_text.h"

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- a name ---- */

static void check_stat(const char *name)
{
	char text[256], comm[PROC_TEXT_COMM_SIZE];
	struct proc_text_stat stat;

	snprintf(text, sizeof(text),
		 "4711 (%s) S 1 4711 4711 0 -1 4194560 2 3 4 5 6 7 8 9 20 0 1 0 4172594 53 54 55 "
		 "56 57 140735 59\n",
		 name);
	REQUIRE(proc_text_stat(text, &stat) == 0 && stat.state == 'S' && stat.session == 4711);
	REQUIRE(stat.start_ticks == 4172594 && stat.stack == 140735);
	REQUIRE(proc_text_state(text) == 'S');
	REQUIRE(proc_text_name(text, comm) && strlen(comm) == strlen(name));
	for (size_t i = 0; comm[i]; i++)
		REQUIRE(comm[i] == name[i] || comm[i] == '?');
}

static void check_status(const char *name)
{
	struct owner_ancestor ancestor = {.pid = 4711};
	struct obit_exec_record facts = {0};
	char text[512], *at = stpcpy(text, "Name:\t");

	for (const char *c = name; *c; c++) {
		if (*c == '\n' || *c == '\\')
			*at++ = '\\';
		*at++ = *c == '\n' ? 'n' : *c;
	}
	stpcpy(at,
	       "\nUmask:\t0027\nState:\tS (sleeping)\nTgid:\t4711\nPid:\t4712\nPPid:\t815\n"
	       "Uid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t9 10 \nNStgid:\t4711\nNSpid:\t4712\n"
	       "CapEff:\t00000000000000ff\nNoNewPrivs:\t1\nSeccomp:\t0\n");
	proc_text_status(text, &facts);
	REQUIRE(strcmp(facts.comm, name) == 0);
	REQUIRE(facts.uid == 1 && facts.euid == 2 && facts.suid == 3);
	REQUIRE(facts.gid == 5 && facts.egid == 6 && facts.sgid == 7 && facts.umask == 027);
	REQUIRE(facts.group_count == 2 && facts.groups[0] == 9 && facts.groups[1] == 10);
	REQUIRE(facts.cap_effective == 0xff);
	REQUIRE(facts.flags == (OBIT_EXEC_NO_NEW_PRIVS | OBIT_EXEC_HOST_PIDNS));
	REQUIRE(proc_text_tgid(text, 0) == 4711);
	REQUIRE(proc_text_ancestor(text, &ancestor) == 815 && ancestor.uid == 2);
	REQUIRE(strcmp(ancestor.comm, name) == 0);
}

/* ---- a file ---- */

static void check_process(const char *text)
{
	struct owner_ancestor ancestor = {0};
	struct obit_exec_record facts = {0};
	char comm[PROC_TEXT_COMM_SIZE];
	struct proc_text_stat stat;
	uint32_t min = 1, max = 2;
	int r = proc_text_stat(text, &stat);

	REQUIRE(r == 0 ? stat.state == proc_text_state(text) : r == -EBADMSG);
	proc_text_login_uid(text, &min, &max);
	REQUIRE((min == 1 || strstr(text, "UID_MIN")) && (max == 2 || strstr(text, "UID_MAX")));
	REQUIRE(!proc_text_name(text, comm) || memchr(comm, '\0', sizeof(comm)));
	proc_text_tgid(text, 1);
	proc_text_status_state(text);
	proc_text_session(text);
	proc_text_status(text, &facts);
	REQUIRE(memchr(facts.comm, '\0', sizeof(facts.comm)));
	REQUIRE(facts.group_count <= OBIT_GROUPS_MAX);
	proc_text_ancestor(text, &ancestor);
	REQUIRE(memchr(ancestor.comm, '\0', sizeof(ancestor.comm)));
	proc_text_open_flags(text);
	proc_text_runs(text);
}

static void check_cgroups(const char *text, size_t size)
{
	char mount[PATH_MAX];
	uint32_t number;

	for (size_t i = 0; i < PROC_TEXT_HIERARCHIES; i++) {
		const char *path = proc_text_cgroup(text, proc_text_controller(i));

		REQUIRE(!path || (path > text && path <= text + size && path[-1] == ':'));
		if (proc_text_mount(text, proc_text_controller(i), mount))
			REQUIRE(*mount && memchr(mount, '\0', sizeof(mount)) &&
				strstr(text, mount));
		if (proc_text_controller(i))
			proc_text_hierarchy(text, proc_text_controller(i), &number);
	}
}

/* As it is read: a NUL behind it, which counts only where it is that of the last argument. */
static void check_argv(char *bytes, size_t size)
{
	struct strings argv = {.bytes = bytes, .size = size};
	const char *value = proc_text_option(&argv);

	REQUIRE(!value || (value > bytes && value <= bytes + size));
	proc_text_is_overwritten(&argv, NULL);
	proc_text_is_overwritten(&argv, "/opt/my program");
	if (size)
		REQUIRE(strchr(bytes, ' ') || strstr(bytes, ": ") || bytes[size - 1] ||
			!proc_text_is_overwritten(&argv, bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = malloc(size + 1);
	char name[PROC_TEXT_COMM_SIZE];

	REQUIRE(text);
	memcpy(text, data, size);
	text[size] = '\0';
	snprintf(name, sizeof(name), "%s", text);
	check_stat(name);
	check_status(name);
	check_process(text);
	check_cgroups(text, strlen(text));
	proc_text_is_secure(text, size);
	check_argv(text, size);
	if (proc_text_cut_deleted(text))
		REQUIRE(strlen(text) < size);
	return 0;
}
