// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/proc_text.h"

static void a_name_may_look_like_what_follows_it(void **state)
{
	static const char stat[] =
		"4711 (x) Z 1 (\n) S 815 4711 4712 1025 -1 4194560 2 3 4 5 6 7 8 9 "
		"20 0 1 0 4172594 53 54 55 56 57 140735 59\n";
	char name[PROC_TEXT_COMM_SIZE], *cut;
	struct proc_text_stat found;

	(void)state;
	assert_int_equal(proc_text_stat(stat, &found), 0);
	assert_int_equal(found.state, 'S');
	assert_int_equal(found.session, 4712);
	assert_int_equal(found.terminal, 1025);
	assert_int_equal(found.flags, 4194560);
	assert_int_equal(found.start_ticks, 4172594);
	assert_int_equal(found.stack, 140735);
	assert_int_equal(proc_text_state(stat), 'S');
	assert_true(proc_text_name(stat, name));
	assert_string_equal(name, "x) Z 1 (?");
	cut = strdup(stat);
	assert_non_null(cut);
	*strstr(cut, " 140735") = '\0';
	assert_int_equal(proc_text_stat(cut, &found), -EBADMSG);
	free(cut);
	assert_int_equal(proc_text_stat("", &found), -EBADMSG);
	assert_int_equal(proc_text_state("4711 (x)"), '\0');
	assert_false(proc_text_name(") (", name));
}

static void a_name_is_as_its_process_has_set_it(void **state)
{
	static const struct {
		const char *line, *name;
	} cases[] = {
		{"", ""},
		{" ", " "},
		{"Uid:\t0", "Uid:\t0"},
		{"\\nUid:\\t0", "\nUid:\\t0"},
		{"a\\\\n", "a\\n"},
		{"fifteen bytes..and more", "fifteen bytes.."},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct obit_exec_record facts = {0};
		struct owner_ancestor ancestor = {0};
		char text[128];

		snprintf(text, sizeof(text),
			 "Name:\t%s\nUmask:\t0022\nPPid:\t1\nUid:\t7\t8\t9\t8\n", cases[i].line);
		proc_text_status(text, &facts);
		assert_string_equal(facts.comm, cases[i].name);
		assert_int_equal(facts.uid, 7);
		assert_int_equal(facts.umask, 022);
		assert_int_equal(proc_text_ancestor(text, &ancestor), 1);
		assert_string_equal(ancestor.comm, cases[i].name);
		assert_int_equal(ancestor.uid, 8);
	}
}

static void status_tells_credentials(void **state)
{
	static const char status[] =
		"Name:\tx\nUmask:\t0027\nTgid:\t12\nPPid:\t3\nUid:\t1\t2\t3\t2\nGid:\t4\t5\t6\t5\n"
		"Groups:\t \nNSpid:\t12\t1\nSigBlk:\t0000000000010000\nCapBnd:\t000001ffffffffff\n"
		"NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n";
	struct owner_ancestor ancestor = {0};
	struct obit_exec_record facts = {0};

	(void)state;
	proc_text_status(status, &facts);
	assert_int_equal(facts.euid, 2);
	assert_int_equal(facts.suid, 3);
	assert_int_equal(facts.egid, 5);
	assert_int_equal(facts.group_count, 0);
	assert_int_equal(facts.blocked, 0x10000);
	assert_int_equal(facts.cap_bounding, 0x1ffffffffff);
	assert_int_equal(facts.flags, OBIT_EXEC_NO_NEW_PRIVS | OBIT_EXEC_SECCOMP);
	assert_int_equal(proc_text_tgid(status, 99), 12);
	assert_int_equal(proc_text_tgid("Name:\tx\n", 99), 99);
	assert_int_equal(
		proc_text_status_state("Name:\tState: R\nUmask:\t0022\nState:\tD (disk sl"), 'D');
	assert_int_equal(proc_text_status_state("Name:\tx\nState:\t"), '\0');
	assert_int_equal(proc_text_status_state("Name:\tx\n"), '\0');
	assert_int_equal(proc_text_session("Name:\tx\nNSpid:\t4\t1\nNSsid:\t5379\t1\n"), 5379);
	assert_int_equal(proc_text_session("Name:\tx\n"), 0);
	/* Who is root in a container is not root. */
	assert_int_equal(proc_text_ancestor(status, &ancestor), 3);
	assert_int_equal(ancestor.uid, 1);
}

static void groups_that_do_not_fit_are_told(void **state)
{
	struct obit_exec_record facts = {0};
	char text[1024], *at = stpcpy(text, "Name:\tx\nGroups:\t");

	(void)state;
	for (unsigned i = 0; i <= OBIT_GROUPS_MAX; i++)
		at += sprintf(at, "%u ", 100 + i);
	strcpy(at, "\n7\n");
	proc_text_status(text, &facts);
	assert_int_equal(facts.group_count, OBIT_GROUPS_MAX);
	assert_int_equal(facts.groups[OBIT_GROUPS_MAX - 1], 100 + OBIT_GROUPS_MAX - 1);
	assert_true(facts.flags & OBIT_EXEC_GROUPS_CUT);
}

static void a_title_is_no_command_line(void **state)
{
	static const struct {
		const char *argv;
		size_t size;
		const char *exe;
		bool overwritten;
	} cases[] = {
		{"nginx\0-g\0daemon off;\0", 21, "/usr/sbin/nginx", false},
		{"nginx: master process /usr/sbin/nginx\0", 38, "/usr/sbin/nginx", true},
		{"postgres -D /srv/postgres\0", 26, "/usr/lib/postgres", true},
		{"sshd\0-D", 7, "/usr/sbin/sshd", true},
		{"", 0, "/usr/sbin/sshd", true},
		{"/opt/my program\0", 16, "/opt/my program", false},
		{"./my program\0", 13, "/opt/my program", false},
		{"bin/my program\0", 15, "/opt/bin/my program", false},
		{"y program\0", 10, "/opt/my program", true},
		{"/opt/my program\0", 16, NULL, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char bytes[64];
		struct strings argv = {.bytes = bytes, .size = cases[i].size};

		memcpy(bytes, cases[i].argv, cases[i].size);
		bytes[cases[i].size] = '\0';
		if (proc_text_is_overwritten(&argv, cases[i].exe) != cases[i].overwritten)
			fail_msg("%s of %s", bytes, cases[i].exe ? cases[i].exe : "nobody");
	}
}

static void an_option_is_found_in_argv(void **state)
{
	char bytes[] = "supervisord\0-n\0-c\0/etc/s.conf", last[] = "supervisord\0-c";
	struct strings argv = {.bytes = bytes, .size = sizeof(bytes)};

	(void)state;
	assert_string_equal(proc_text_option(&argv), "/etc/s.conf");
	argv = (struct strings){.bytes = last, .size = sizeof(last)};
	assert_null(proc_text_option(&argv));
}

static void login_uids_are_taken_from_lines_that_have_them(void **state)
{
	static const struct {
		const char *line;
		uint32_t min, max;
	} cases[] = {
		{"UID_MIN 500\n", 500, 2},
		{"UID_MAX\t\t\t 60000", 1, 60000},
		{"  UID_MIN  01750 # as octal", 1000, 2},
		{"UID_MAX 0xffffffff\n", 1, UINT32_MAX},
		{"UID_MAX 4294967296\n", 1, 2},
		{"UID_MAX 99999999999999999999\n", 1, 2},
		{"UID_MIN -1\n", 1, 2},
		{"UID_MIN 10x\n", 1, 2},
		{"UID_MIN\n", 1, 2},
		{"UID_MIN ", 1, 2},
		{"#UID_MIN 500\n", 1, 2},
		{"# UID_MIN 500\n", 1, 2},
		{"SYS_UID_MIN 101\n", 1, 2},
		{"UID_MINI 500\n", 1, 2},
		{"UID_MI 500\n", 1, 2},
		{"", 1, 2},
		{"\n", 1, 2},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t min = 1, max = 2;

		proc_text_login_uid(cases[i].line, &min, &max);
		if (min != cases[i].min || max != cases[i].max)
			fail_msg("%s: %u, %u", cases[i].line, min, max);
	}
}

static void cgroups_are_found_in_every_layout(void **state)
{
	char mount[PATH_MAX];
	uint32_t number = 0;

	(void)state;
	assert_string_equal(proc_text_cgroup("0::/a:b", NULL), "/a:b");
	assert_null(proc_text_cgroup("0::/a:b", "pids"));
	assert_null(proc_text_cgroup("8:pids:/", NULL));
	assert_string_equal(proc_text_cgroup("8:cpu,pids:/x", "pids"), "/x");
	assert_string_equal(proc_text_cgroup("8:cpu,cpuacct:/x", "cpu"), "/x");
	assert_null(proc_text_cgroup("8:cpuset:/x", "cpu"));
	assert_null(proc_text_cgroup("8:name=pids:/x", "pids"));
	assert_null(proc_text_cgroup("0:/a", NULL));
	assert_true(proc_text_mount(
		"31 23 0:28 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n", NULL, mount));
	assert_string_equal(mount, "/sys/fs/cgroup");
	assert_true(proc_text_mount("39 31 0:36 / /cg/pids rw - cgroup cgroup rw,pids\n", "pids",
				    mount));
	assert_string_equal(mount, "/cg/pids");
	assert_false(proc_text_mount("39 31 0:36 /a /cg/pids rw - cgroup cgroup rw,pids\n", "pids",
				     mount));
	assert_false(proc_text_mount("39 31 0:36 / /cg/pids rw - cgroup cgroup rw,pids\n", "memory",
				     mount));
	assert_true(proc_text_hierarchy("pids\t8\t12\t1\n", "pids", &number));
	assert_int_equal(number, 8);
	assert_false(proc_text_hierarchy("#subsys_name\thierarchy\n", "pids", &number));
}

static void other_files_tell_one_thing_each(void **state)
{
	unsigned long auxv[] = {AT_PAGESZ, 4096, AT_SECURE, 1, AT_NULL, 0};
	char deleted[] = "/usr/bin/x (deleted)", plain[] = "/usr/bin/x";

	(void)state;
	assert_int_equal(proc_text_open_flags("pos:\t0\nflags:\t0102001\nmnt_id:\t9\n"), 0102001);
	assert_int_equal(proc_text_runs("123 45 678\n"), 678);
	assert_true(proc_text_is_secure((const char *)auxv, sizeof(auxv)));
	assert_false(proc_text_is_secure((const char *)auxv, sizeof(auxv) / 2));
	assert_true(proc_text_cut_deleted(deleted));
	assert_string_equal(deleted, "/usr/bin/x");
	assert_false(proc_text_cut_deleted(plain));
	assert_false(proc_text_cut_deleted(NULL));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_may_look_like_what_follows_it),
		cmocka_unit_test(a_name_is_as_its_process_has_set_it),
		cmocka_unit_test(status_tells_credentials),
		cmocka_unit_test(groups_that_do_not_fit_are_told),
		cmocka_unit_test(a_title_is_no_command_line),
		cmocka_unit_test(an_option_is_found_in_argv),
		cmocka_unit_test(login_uids_are_taken_from_lines_that_have_them),
		cmocka_unit_test(cgroups_are_found_in_every_layout),
		cmocka_unit_test(other_files_tell_one_thing_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
