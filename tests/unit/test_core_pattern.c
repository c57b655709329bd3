// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/core_pattern.h"

/* A web server in a container, and so with another pid there. */
static const struct core_facts nginx = {
	.pid = 4711,
	.ns_pid = 7,
	.uid = 33,
	.gid = 34,
	.signal = SIGSEGV,
	.comm = "nginx",
	.exe = "/usr/sbin/nginx-1.22",
	.hostname = "web.example",
	.cwd = "/var/www",
};

static const struct core_facts nothing = {.signal = SIGABRT};

struct pattern_case {
	const char *pattern;
	const char *path; /* NULL: not known */
	const char *handler;
};

static void check_one(const struct pattern_case *want, bool uses_pid,
		      const struct core_facts *facts)
{
	_cleanup_free_ char *path = NULL, *handler = NULL;

	assert_int_equal(core_pattern_expand(want->pattern, uses_pid, facts, &path, &handler), 0);
	if (!path != !want->path || (path && strcmp(path, want->path) != 0) ||
	    !handler != !want->handler || (handler && strcmp(handler, want->handler) != 0))
		fail_msg("'%s': path %s, handler %s", want->pattern, path ? path : "not known",
			 handler ? handler : "not known");
}

static const struct pattern_case known_table[] = {
	{"core", "/var/www/core", NULL},
	{"core\n", "/var/www/core", NULL},
	{"cores/core.%p", "/var/www/cores/core.7", NULL},
	{"./core", "/var/www/./core", NULL},
	{"/core", "/core", NULL},
	{"/var/crash/core.%e.%p", "/var/crash/core.nginx.7", NULL},
	{"/c/%P", "/c/4711", NULL},
	{"/c/%u-%g-%s", "/c/33-34-11", NULL},
	{"/c/%h/%f", "/c/web.example/nginx-1.22", NULL},
	{"/c/%E.%p", "/c/!usr!sbin!nginx-1.22.7", NULL},
	{"%E", "/var/www/!usr!sbin!nginx-1.22", NULL},
	{"/c/%p%p%%p", "/c/77%p", NULL},
	{"/c/a b", "/c/a b", NULL},
	{"/c/|x", "/c/|x", NULL},
	/* what is no specifier is dropped: one without a meaning, and a '%' at the end */
	{"/c/x%zy%", "/c/xy", NULL},
	{"/c/%F%", "/c/", NULL},
	{"/c/%\n", "/c/", NULL},
	/* what nobody but the kernel has seen */
	{"/c/%i", NULL, NULL},
	{"/c/%I", NULL, NULL},
	{"/c/%d", NULL, NULL},
	{"/c/%t", NULL, NULL},
	{"/c/%c", NULL, NULL},
	{"/c/%C", NULL, NULL},
	{"/c/%e.%t.%p", NULL, NULL},
	{"/c/%%t", "/c/%t", NULL},
	/* nothing */
	{"", NULL, NULL},
	{"\n", NULL, NULL},
	{"%", NULL, NULL},
	{"%z", NULL, NULL},
	/* handlers: the program is the first word */
	{"|/usr/share/apport/apport -p%p -s%s -c%c -d%d -P%P -u%u -g%g -- %E", NULL,
	 "/usr/share/apport/apport"},
	{"|/usr/lib/systemd/systemd-coredump %P %u %g %s %t %c %h %d %F\n", NULL,
	 "/usr/lib/systemd/systemd-coredump"},
	{"|/usr/bin/handler", NULL, "/usr/bin/handler"},
	{"|/usr/bin/handler\n", NULL, "/usr/bin/handler"},
	{"|  /usr/bin/handler\t%p", NULL, "/usr/bin/handler"},
	{"|/usr/bin/a\xa0"
	 "b",
	 NULL, "/usr/bin/a"},
	{"|handler %e", NULL, "handler"},
	{"|/usr/bin/handler-%e%% x", NULL, "/usr/bin/handler-nginx%"},
	{"|/usr/bin/handler-%t x", NULL, NULL},
	{"|/usr/bin/handler%F", NULL, NULL},
	{"|", NULL, NULL},
	{"| ", NULL, NULL},
	{"|\n", NULL, NULL},
	{"|%", NULL, NULL},
	/* sockets: nothing is expanded */
	{"@/run/coredump.socket", NULL, "/run/coredump.socket"},
	{"@@/run/core%e.socket\n", NULL, "/run/core%e.socket"},
	{"@@@/run/x", NULL, NULL},
	{"@run/x", NULL, NULL},
	{"@", NULL, NULL},
	{"@@", NULL, NULL},
	{"@\n", NULL, NULL},
};

static void a_pattern_is_expanded(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known_table); i++)
		check_one(&known_table[i], false, &nginx);
}

static const struct pattern_case uses_pid_table[] = {
	{"core", "/var/www/core.7", NULL},
	{"/c/core\n", "/c/core.7", NULL},
	{"/c/%p", "/c/7", NULL},
	{"/c/%e-%p.core", "/c/nginx-7.core", NULL},
	/* %p alone counts */
	{"/c/%P", "/c/4711.7", NULL},
	{"/c/%%p", "/c/%p.7", NULL},
	{"", "/var/www/.7", NULL},
	{"%", "/var/www/.7", NULL},
	{"/c/%t", NULL, NULL},
	{"|/usr/bin/handler", NULL, "/usr/bin/handler"},
	{"|", NULL, NULL},
	{"@/run/x", NULL, "/run/x"},
};

static void core_uses_pid_adds_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(uses_pid_table); i++)
		check_one(&uses_pid_table[i], true, &nginx);
}

static const struct pattern_case unknown_table[] = {
	{"core", NULL, NULL},
	{"/core", "/core", NULL},
	{"/core.%s", "/core.6", NULL},
	{"/core.%u.%g", "/core.0.0", NULL},
	{"/core.%p", NULL, NULL},
	{"/core.%P", NULL, NULL},
	{"/core.%h", NULL, NULL},
	{"/core.%e", NULL, NULL},
	{"/core.%f", NULL, NULL},
	{"/core.%E", NULL, NULL},
	{"|/usr/bin/handler %p %e", NULL, "/usr/bin/handler"},
	{"|/usr/bin/%e", NULL, NULL},
	{"@/run/x", NULL, "/run/x"},
};

static void what_is_not_known_is_not_guessed(void **state)
{
	static const struct pattern_case uses_pid = {"/core", NULL, NULL};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(unknown_table); i++)
		check_one(&unknown_table[i], false, &nothing);
	check_one(&uses_pid, true, &nothing);
}

/* How a process calls itself must not lead the dump into another directory. */
static const struct {
	const char *name;
	const char *component;
} name_table[] = {
	{"a/b", "a!b"}, {"../../x", "..!..!x"}, {"..", "!."},	  {".", "!"},	{"", "!"},
	{"...", "..."}, {".x", ".x"},		{"/", "!"},	  {"//", "!!"}, {"%p", "%p"},
	{"a b", "a b"}, {"a\nb", "a\nb"},	{"\xff", "\xff"},
};

static void a_name_stays_one_component(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(name_table); i++) {
		struct core_facts facts = nginx;
		char want[64] = "/c/";
		const struct pattern_case comm = {"/c/%e", want, NULL};
		const struct pattern_case host = {"/c/%h", want, NULL};

		strcat(want, name_table[i].component);
		facts.comm = facts.hostname = name_table[i].name;
		check_one(&comm, false, &facts);
		check_one(&host, false, &facts);
	}
}

static const struct {
	const char *exe;
	struct pattern_case want;
} exe_table[] = {
	{"/usr/bin/x (deleted)", {"/c/%f", "/c/x (deleted)", NULL}},
	{"/usr/bin/x (deleted)", {"/c/%E", "/c/!usr!bin!x (deleted)", NULL}},
	{"/memfd:x", {"/c/%f", "/c/memfd:x", NULL}},
	{"x", {"/c/%f", "/c/x", NULL}},
	{"/a/..", {"/c/%f", "/c/!.", NULL}},
	{"/", {"/c/%f", "/c/!", NULL}},
	{"/", {"/c/%E", "/c/!", NULL}},
};

static void an_executable_is_a_component_too(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(exe_table); i++) {
		struct core_facts facts = nginx;

		facts.exe = exe_table[i].exe;
		check_one(&exe_table[i].want, false, &facts);
	}
}

static const struct {
	const char *cwd;
	const char *path;
} cwd_table[] = {
	{"/", "/core"}, {"/a", "/a/core"}, {"/a b/c", "/a b/c/core"}, {"(unreachable)/a", NULL},
	{"", NULL},	{NULL, NULL},
};

static void a_relative_name_is_below_the_working_directory(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cwd_table); i++) {
		struct core_facts facts = nginx;
		const struct pattern_case relative = {"core", cwd_table[i].path, NULL};
		const struct pattern_case absolute = {"/core", "/core", NULL};

		facts.cwd = cwd_table[i].cwd;
		check_one(&relative, false, &facts);
		check_one(&absolute, false, &facts);
	}
}

static void long_names_fit(void **state)
{
	char exe[PATH_MAX], pattern[128];
	struct core_facts facts = nginx;
	_cleanup_free_ char *path = NULL, *handler = NULL;

	(void)state;
	memset(exe, 'x', sizeof(exe));
	exe[sizeof(exe) - 1] = '\0';
	for (size_t i = 0; i < sizeof(pattern) - 1; i++)
		pattern[i] = i % 2 ? 'E' : '%';
	pattern[0] = '/';
	pattern[1] = '/';
	pattern[sizeof(pattern) - 1] = '\0';
	facts.exe = exe;
	assert_int_equal(core_pattern_expand(pattern, false, &facts, &path, &handler), 0);
	assert_non_null(path);
	assert_int_equal(strlen(path), 2 + 62 * (PATH_MAX - 1));
	assert_null(handler);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pattern_is_expanded),
		cmocka_unit_test(core_uses_pid_adds_it),
		cmocka_unit_test(what_is_not_known_is_not_guessed),
		cmocka_unit_test(a_name_stays_one_component),
		cmocka_unit_test(an_executable_is_a_component_too),
		cmocka_unit_test(a_relative_name_is_below_the_working_directory),
		cmocka_unit_test(long_names_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
