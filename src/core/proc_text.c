// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/proc_text.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define DELETED	     " (deleted)"
#define SECCOMP_MODE 2 /* SECCOMP_MODE_FILTER */

static const char *const controllers[PROC_TEXT_HIERARCHIES] = {NULL, "pids", "memory"};

/* ---- stat ---- */

/* Their numbers, as proc(5) counts. */
enum { FIELD_SESSION = 6, FIELD_TERMINAL = 7, FIELD_FLAGS = 9, FIELD_START = 22, FIELD_STACK = 28 };

/* Goes on from the field before `from` to that before `to`; NULL where there are fewer. */
static const char *skip_fields(const char *at, int from, int to)
{
	for (; at && from < to; from++)
		at = strchr(at + 1, ' ');
	return at;
}

int proc_text_stat(const char *stat, struct proc_text_stat *ret)
{
	struct proc_text_stat found = {.state = proc_text_state(stat)};
	struct {
		int field;
		uint64_t *value;
	} wanted[] = {
		{FIELD_SESSION, &found.session}, {FIELD_TERMINAL, &found.terminal},
		{FIELD_FLAGS, &found.flags},	 {FIELD_START, &found.start_ticks},
		{FIELD_STACK, &found.stack},
	};
	/* The name before it may hold anything, what is behind it no bracket. */
	const char *at = strrchr(stat, ')');
	int field = 2;

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		at = skip_fields(at, field, wanted[i].field);
		if (!at)
			return -EBADMSG;
		*wanted[i].value = strtoull(at + 1, NULL, 10);
		field = wanted[i].field;
	}
	*ret = found;
	return 0;
}

char proc_text_state(const char *stat)
{
	const char *end = strrchr(stat, ')');

	return end && end[1] == ' ' ? end[2] : '\0';
}

bool proc_text_name(const char *stat, char buf[static PROC_TEXT_COMM_SIZE])
{
	const char *open = strchr(stat, '('), *end = strrchr(stat, ')');

	if (!open || !end || end < open)
		return false;
	snprintf(buf, PROC_TEXT_COMM_SIZE, "%.*s", (int)(end - open - 1), open + 1);
	for (char *c = buf; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return true;
}

/* ---- status ---- */

/* Behind the name of a line; "" where there is none. */
static const char *status_line(const char *status, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = status; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, name, length) == 0 && at[length] == ':')
			return at + length + 1;
	}
	return "";
}

static uint64_t number(const char *status, const char *name, int base)
{
	return strtoull(status_line(status, name), NULL, base);
}

/* The kernel writes a newline as \n and a backslash as \\. */
static void take_comm(const char *status, char buf[static PROC_TEXT_COMM_SIZE])
{
	const char *at = status_line(status, "Name");
	size_t n = 0;

	at += *at == '\t';
	while (*at && *at != '\n' && n < PROC_TEXT_COMM_SIZE - 1) {
		if (at[0] == '\\' && (at[1] == '\\' || at[1] == 'n')) {
			buf[n++] = at[1] == 'n' ? '\n' : '\\';
			at += 2;
		} else {
			buf[n++] = *at++;
		}
	}
	buf[n] = '\0';
}

/* Up to `most` numbers of a line; returns how many there are. */
static size_t take_ids(const char *at, __u32 *ids, size_t most)
{
	size_t count = 0;
	char *end;

	for (;; at = end, count++) {
		unsigned long id;

		at += strspn(at, " \t");
		if (*at < '0' || *at > '9')
			return count;
		id = strtoul(at, &end, 10);
		if (count < most)
			ids[count] = (__u32)id;
	}
}

static void take_groups(const char *status, struct obit_exec_record *facts)
{
	size_t count = take_ids(status_line(status, "Groups"), facts->groups, OBIT_GROUPS_MAX);

	if (count > OBIT_GROUPS_MAX) {
		facts->flags |= OBIT_EXEC_GROUPS_CUT;
		count = OBIT_GROUPS_MAX;
	}
	facts->group_count = (__u32)count;
}

/* "NSpid:\t4711\n" has one number in the host's pid namespace, more below it. */
static bool has_one_pid(const char *status)
{
	__u32 pid;

	return take_ids(status_line(status, "NSpid"), &pid, 1) <= 1;
}

uint32_t proc_text_session(const char *status)
{
	uint32_t session;

	/* In each pid namespace, the reader's first. */
	return take_ids(status_line(status, "NSsid"), &session, 1) ? session : 0;
}

char proc_text_status_state(const char *status)
{
	const char *value = status_line(status, "State");

	return value ? value[strspn(value, "\t ")] : '\0';
}

uint32_t proc_text_tgid(const char *status, uint32_t otherwise)
{
	uint32_t tgid;

	return take_ids(status_line(status, "Tgid"), &tgid, 1) ? tgid : otherwise;
}

void proc_text_status(const char *status, struct obit_exec_record *facts)
{
	__u32 uids[3] = {0}, gids[3] = {0};

	take_comm(status, facts->comm);
	take_ids(status_line(status, "Uid"), uids, 3);
	take_ids(status_line(status, "Gid"), gids, 3);
	facts->uid = uids[0], facts->euid = uids[1], facts->suid = uids[2];
	facts->gid = gids[0], facts->egid = gids[1], facts->sgid = gids[2];
	take_groups(status, facts);
	facts->umask = (__u32)number(status, "Umask", 8);
	facts->cap_inheritable = number(status, "CapInh", 16);
	facts->cap_permitted = number(status, "CapPrm", 16);
	facts->cap_effective = number(status, "CapEff", 16);
	facts->cap_bounding = number(status, "CapBnd", 16);
	facts->cap_ambient = number(status, "CapAmb", 16);
	facts->blocked = number(status, "SigBlk", 16);
	facts->ignored = number(status, "SigIgn", 16);
	if (number(status, "NoNewPrivs", 10) == 1)
		facts->flags |= OBIT_EXEC_NO_NEW_PRIVS;
	if (number(status, "Seccomp", 10) == SECCOMP_MODE)
		facts->flags |= OBIT_EXEC_SECCOMP;
	if (has_one_pid(status))
		facts->flags |= OBIT_EXEC_HOST_PIDNS;
}

uint32_t proc_text_ancestor(const char *status, struct owner_ancestor *ret)
{
	__u32 uids[2] = {1, 1}, parent = 0;

	_Static_assert(OWNER_COMM_SIZE == PROC_TEXT_COMM_SIZE, "both are the kernel's");
	take_comm(status, ret->comm);
	take_ids(status_line(status, "Uid"), uids, 2);
	ret->uid = has_one_pid(status) ? uids[1] : 1; /* root of a container is not root */
	take_ids(status_line(status, "PPid"), &parent, 1);
	return parent;
}

/* ---- other files of a process ---- */

uint32_t proc_text_open_flags(const char *fdinfo)
{
	return (uint32_t)number(fdinfo, "flags", 8);
}

bool proc_text_is_secure(const char *auxv, size_t size)
{
	unsigned long entry[2];

	for (size_t i = 0; i + sizeof(entry) <= size; i += sizeof(entry)) {
		memcpy(entry, auxv + i, sizeof(entry));
		if (entry[0] == AT_SECURE)
			return entry[1] != 0;
	}
	return false;
}

uint64_t proc_text_runs(const char *schedstat)
{
	char *at;

	strtoull(schedstat, &at, 10);
	strtoull(at, &at, 10);
	return strtoull(at, NULL, 10);
}

bool proc_text_cut_deleted(char *path)
{
	size_t n = path ? strlen(path) : 0, mark = strlen(DELETED);

	if (n <= mark || strcmp(path + n - mark, DELETED) != 0)
		return false;
	path[n - mark] = '\0';
	return true;
}

/* ---- argv ---- */

/* "/opt/my program" by that path, or by a relative one: ./my program. */
static bool names_executable(const char *argv0, const char *exe)
{
	size_t n, length = strlen(exe);

	argv0 += strncmp(argv0, "./", 2) == 0 ? 2 : 0;
	n = strlen(argv0);
	return n <= length && strcmp(exe + length - n, argv0) == 0 &&
	       (n == length || exe[length - n - 1] == '/');
}

bool proc_text_is_overwritten(const struct strings *argv, const char *exe)
{
	size_t position = 0;
	const char *argv0 = strings_next(argv, &position);

	if (!argv0)
		return true;
	return argv->bytes[argv->size - 1] != '\0' || strstr(argv0, ": ") ||
	       (strchr(argv0, ' ') && (!exe || !names_executable(argv0, exe)));
}

const char *proc_text_option(const struct strings *argv)
{
	size_t position = 0;
	const char *word;

	while ((word = strings_next(argv, &position)))
		if (!strcmp(word, "-c") || !strcmp(word, "--configuration"))
			return strings_next(argv, &position);
	return NULL;
}

/* ---- login.defs ---- */

/* As the tools of shadow read it: octal and hexadecimal, too. */
void proc_text_login_uid(const char *line, uint32_t *min, uint32_t *max)
{
	const char *at = line + strspn(line, " \t");
	size_t name = strcspn(at, " \t");
	const char *number = at + name + strspn(at + name, " \t");
	char *end;
	unsigned long value = strtoul(number, &end, 0);

	if (name != strlen("UID_MIN") || *number < '0' || *number > '9' || value > UINT32_MAX ||
	    !strchr(" \t\n", *end))
		return;
	if (strncmp(at, "UID_MIN", name) == 0)
		*min = (uint32_t)value;
	else if (strncmp(at, "UID_MAX", name) == 0)
		*max = (uint32_t)value;
}

/* ---- cgroups ---- */

const char *proc_text_controller(size_t hierarchy)
{
	return controllers[hierarchy];
}

/* True if the comma-separated list has the word. */
static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += n)
		if ((at == list || at[-1] == ',') && strchr(",\n", at[n]))
			return true;
	return false;
}

/* ... ROOT MOUNTPOINT OPTIONS [...] - TYPE SOURCE SUPEROPTIONS */
bool proc_text_mount(const char *line, const char *controller, char ret_mount[static PATH_MAX])
{
	const char *tail = strstr(line, " - ");
	char root[PATH_MAX], mount[PATH_MAX], type[32], options[256];

	_Static_assert(PATH_MAX == 4096, "sscanf() is told the size");
	if (!tail || sscanf(line, "%*d %*d %*s %4095s %4095s", root, mount) != 2 ||
	    sscanf(tail, " - %31s %*s %255s", type, options) != 2 || strcmp(root, "/") != 0)
		return false;
	if (controller ? strcmp(type, "cgroup") != 0 || !has_word(options, controller)
		       : strcmp(type, "cgroup2") != 0)
		return false;
	strcpy(ret_mount, mount);
	return true;
}

/* "8:pids:/a" and "0::/b" */
const char *proc_text_cgroup(const char *line, const char *controller)
{
	const char *first = strchr(line, ':'), *second = first ? strchr(first + 1, ':') : NULL;
	char list[256];

	if (!second || second - first > (ptrdiff_t)sizeof(list))
		return NULL;
	snprintf(list, sizeof(list), "%.*s", (int)(second - first - 1), first + 1);
	if (controller ? !has_word(list, controller) : strncmp(line, "0::", 3) != 0)
		return NULL;
	return second + 1;
}

bool proc_text_hierarchy(const char *line, const char *controller, uint32_t *ret)
{
	char name[64];
	unsigned hierarchy;

	if (sscanf(line, "%63s %u", name, &hierarchy) != 2 || strcmp(name, controller) != 0)
		return false;
	*ret = hierarchy;
	return true;
}
