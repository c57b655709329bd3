// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "core/config.h"

/* ---- memory that runs out: these stand in front of the C library's, which only our own code calls;
 * libconfuse uses other ones ---- */

static long allocations_left = -1; /* -1: no limit */

static bool may_allocate(void)
{
	if (allocations_left == 0)
		return false;
	if (allocations_left > 0)
		allocations_left--;
	return true;
}

void *reallocarray(void *old, size_t count, size_t size);
char *strndup(const char *text, size_t length);

void *reallocarray(void *old, size_t count, size_t size)
{
	return may_allocate() ? realloc(old, count * size) : NULL;
}

char *strndup(const char *text, size_t length)
{
	size_t used = strnlen(text, length);
	char *copy = may_allocate() ? malloc(used + 1) : NULL;

	if (copy) {
		memcpy(copy, text, used);
		copy[used] = '\0';
	}
	return copy;
}

/* ---- helpers ---- */

/* A configuration with one watch and some of everything, which no failure may change. */
static const char base_text[] =
	"watch old { path = \"/old\" probe { type = unix target = /run/old } }\n"
	"watchdog { device = \"/dev/watchdog0\" }\n"
	"log_level = debug\n"
	"include = \"/etc/obit/more.conf\"\n";

static int parse_as(struct config *config, const char *file, const char *text,
		    struct config_error *error)
{
	return config_parse(config, file, text, strlen(text), error);
}

static void parse(struct config *config, const char *text)
{
	struct config_error error = {""};

	if (parse_as(config, "f", text, &error) < 0)
		fail_msg("refused: %s\n%s", error.text, text);
}

static void start(struct config *config, const char *text)
{
	config_init(config);
	parse(config, text);
}

static void assert_is_base(const struct config *config)
{
	assert_int_equal(config->watch_count, 1);
	assert_string_equal(config->watches[0].name, "old");
	assert_string_equal(config->watches[0].path.items[0], "/old");
	assert_string_equal(config->watchdog.device.items[0], "/dev/watchdog0");
	assert_int_equal(config->watchdog.timeout_ns, 30 * NS_PER_SEC);
	assert_true(config->watchdog.disarm_on_stop);
	assert_int_equal(config->log_level, LOG_DEBUG);
	assert_int_equal(config->max_processes, 131072);
	assert_int_equal(config->max_parallel_starts, 16);
	assert_int_equal(config->history_size, 16 << 20);
	assert_int_equal(config->ring_size, 1 << 20);
	assert_int_equal(config->include.count, 1);
	assert_string_equal(config->include.items[0], "/etc/obit/more.conf");
	assert_int_equal(config->warnings.count, 0);
}

/* ---- what is refused ---- */

struct refusal {
	const char *text;
	const char *start;  /* of the message */
	const char *within; /* another part of it, or NULL */
};

/* One bad assignment inside a watch, at line 3 of the file. */
static const struct refusal bad_assignments[] = {
	{"pth = \"/y\"", "unknown key 'pth'; expected 'path'?", NULL},
	{"zzzzzzzzzzz = 1", "unknown key 'zzzzzzzzzzz'; expected one", "inside watch"},
	{"hang_timeout = 10us", "hang_timeout: '10us' is wrong; expected a time from 100ms", NULL},
	{"notify = maybe", "notify: 'maybe' is wrong", NULL},
	{"timeout = 10s", "'timeout' does not belong here; expected it inside probe", NULL},
	{"log_level = info", "'log_level' does not belong here", "outside of every section"},
	{"watch = 1", "'watch' does not belong here", "outside"},
	{"watch w2 { path = \"/x\" }", "'watch' does not belong here", "outside"},
	{"kill_timeout = 10", "kill_timeout: '10' is wrong; expected a unit", "min"},
	{"kill_timeout = 10m", "kill_timeout: '10m' is wrong; expected a duration", NULL},
	{"kill_timeout = 10parsecs", "kill_timeout: '10parsecs'", "duration"},
	{"kill_timeout = -1s", "kill_timeout: '-1s'", "duration"},
	{"kill_timeout = \"\"", "kill_timeout: ''", "expected"},
	{"kill_timeout = 999999999d", "kill_timeout: '999999999d'", "290 years"},
	{"kill_timeout = { 1s }", "unexpected '{'; expected a single value", NULL},
	{"restart = sometimes", "restart: 'sometimes' is wrong; expected no, on-success", "always"},
	{"restart = on-failuer", "restart: 'on-failuer'", "did you mean 'on-failure'?"},
	{"restart = On-Failure", "restart: 'On-Failure'", NULL},
	{"kill_mode = all", "kill_mode: 'all' is wrong; expected process, instance or cgroup",
	 NULL},
	{"owner = me", "owner: 'me' is wrong; expected auto, respect, ask or ignore", NULL},
	{"members = yes", "members: 'yes' is wrong; expected ignore or restart", NULL},
	{"critical = maybe", "critical: 'maybe' is wrong; expected false, true", NULL},
	{"critical = 1", "critical: '1' is wrong", NULL},
	{"kill_signal = SIGFOO", "kill_signal: 'SIGFOO' is wrong; expected a signal", NULL},
	{"kill_signal = 0", "kill_signal: '0'", NULL},
	{"kill_signal = 65", "kill_signal: '65'", NULL},
	{"kill_signal = SIGRTMIN+3", "unquoted '+' in a word; expected quotes", NULL},
	{"backoff_factor = 0.5", "backoff_factor: '0.5' is wrong; expected a number", NULL},
	{"backoff_factor = 1001", "backoff_factor: '1001'", NULL},
	{"backoff_factor = nan", "backoff_factor: 'nan'", NULL},
	{"backoff_factor = two", "backoff_factor: 'two'", NULL},
	{"backoff_jitter = 120%", "backoff_jitter: '120%' is wrong; expected a share", NULL},
	{"backoff_jitter = x", "backoff_jitter: 'x'", NULL},
	{"start_limit_burst = -1", "start_limit_burst: '-1' is wrong; expected a whole", NULL},
	{"start_limit_burst = 1.5", "start_limit_burst: '1.5'", NULL},
	{"start_limit_burst = many", "start_limit_burst: 'many'", NULL},
	{"start_limit_burst = \"\"", "start_limit_burst: ''", NULL},
	{"max_restarts = 0x10", "max_restarts: '0x10'", NULL},
	{"max_restarts = 2147483648", "max_restarts: '2147483648'", NULL},
	{"max_restarts = 99999999999999999999", "max_restarts: '9999", NULL},
	{"success_exit_status = 256", "success_exit_status: '256' is wrong; expected exit", "255"},
	{"success_exit_status = 9-3", "success_exit_status: '9-3'", "lower one first"},
	{"success_exit_status = { 3, SIGFOO }", "success_exit_status: 'SIGFOO'", "range"},
	{"success_exit_status = { }", "the list of 'success_exit_status' is empty", NULL},
	{"path = {}", "the list of 'path' is empty; expected at least one value", NULL},
	{"path = \"/y\"", "'path' is set already, at line 2; expected it once", NULL},
	{"path = { \"/y\" }", "'path' is set already, at line 2", NULL},
	{"restart = no restart = no", "'restart' is set already, at line 3", NULL},
	{"restart += no", "'restart' takes a single value; expected '='", NULL},
	{"path += \"usr/bin/x\"", "path: 'usr/bin/x' is wrong; expected an absolute path", NULL},
	{"path += \"\"", "path: '' is wrong; expected an absolute path", NULL},
	{"path += \"/usr/bin/\"", "path: '/usr/bin/' is wrong; expected no '/' at the end", NULL},
	{"path += \"/\"", "path: '/' is wrong; expected no '/' at the end", NULL},
	{"path += \"/usr//bin\"", "path: '/usr//bin' is wrong; expected one '/' between", NULL},
	{"path += \"//usr\"", "path: '//usr' is wrong", NULL},
	{"path += \"/usr/./bin\"", "path: '/usr/./bin'", "without '.' and '..'"},
	{"path += \"/usr/../bin\"", "path: '/usr/../bin'", "without '.' and '..'"},
	{"path += \"/usr/..\"", "path: '/usr/..'", "without '.' and '..'"},
	{"path += \"/usr/.\"", "path: '/usr/.'", "without '.' and '..'"},
	{"path += \"/usr/[a\"", "path: '/usr/[a' is wrong; expected a glob", NULL},
	{"path += '/usr/a\\'", "this string is never closed", NULL},
	{"path += '/usr/a\\\\'", "path: '/usr/a\\' is wrong; expected a glob", NULL},
	{"cgroup = system.slice", "cgroup: 'system.slice' is wrong; expected an absolute", NULL},
	{"cgroup = { \"/a\", \"/b/[\" }", "cgroup: '/b/[' is wrong; expected a glob", NULL},
	{"args = \"[\"", "args: '[' is wrong; expected a glob", NULL},
	{"argv0 = \"\"", "argv0: '' is wrong; expected at least one character", NULL},
	{"command = ''",
	 "command: '' is wrong; expected a command that begins with an absolute path", NULL},
	{"command = nginx", "command: 'nginx' is wrong; expected a command", NULL},
	{"command = './nginx -g x'", "command: './nginx -g x' is wrong; expected a command", NULL},
	{"on_exit = ''",
	 "on_exit: '' is wrong; expected a command that begins with an absolute path", NULL},
	{"on_exit = \"/bin/sh -c 'echo died\"", "on_exit: '/bin/sh -c 'echo died' is wrong",
	 "expected each quote inside of it to be closed"},
	{"command = '/bin/x \"a'", "command: '/bin/x \"a' is wrong",
	 "expected each quote inside of it to be closed"},
	{"on_exit = ' '", "on_exit: ' ' is wrong; expected a command", NULL},
	{"on_restart = 'mail root'", "on_restart: 'mail root' is wrong; expected a command", NULL},
	{"on_give_up = '\"\" /bin/x'", "on_give_up: '", NULL},
	{"hook_timeout = 0", "hook_timeout: '0' is wrong; expected a time from 1ms to 1d", NULL},
	{"hook_timeout = 2d", "hook_timeout: '2d' is wrong; expected a time from 1ms to 1d", NULL},
	{"user = ''", "user: '' is wrong", NULL},
	{"directory = tmp", "directory: 'tmp' is wrong; expected an absolute path", NULL},
	{"env = FOO", "env: 'FOO' is wrong; expected NAME=VALUE", NULL},
	{"env = { \"A=1\", \"=2\" }", "env: '=2' is wrong", NULL},
	{"env = \"1A=2\"", "env: '1A=2' is wrong", NULL},
	{"uid = www-data", "uid: 'www-data' is wrong; expected service, any, or uids as numbers",
	 NULL},
	{"uid = -1", "uid: '-1' is wrong", "numbers"},
	{"uid = 4294967295", "uid: '4294967295' is wrong", NULL},
	{"uid = { service, 33 }", "uid: '33' is wrong; expected service or any to stand", NULL},
	{"uid = { 33, any }", "uid: 'any' is wrong; expected service or any to stand", NULL},
	{"container = yes", "container: 'yes' is wrong; expected no, any, or a glob", NULL},
	{"container = \"\"", "container: '' is wrong", NULL},
	{"container = \"[\"", "container: '[' is wrong; expected a glob", NULL},
	/* grammar */
	{"path \"/x\"", "'path' has no value; expected '= VALUE' after it", NULL},
	{"critical\nrestart = no", "'critical' has no value", NULL},
	{"critical\n}\n", "'critical' has no value", NULL},
	{"critical =\n}\n", "'critical' has no value; expected one after '='", NULL},
	{"critical = = true", "'=' without a key; expected KEY = VALUE", NULL},
	{"} = true", "'=' without a key", NULL},
	{"env = A=1", "'=' without a key", "quotes around"},
	{"restart { }", "'restart' has no value; expected '= VALUE' after it", NULL},
	{"path += { \"/y\" \"/z\" }", "unexpected '/z'", "commas between"},
	{"path += { , }", "the list of 'path' is empty", NULL},
	{"path += { , \"/y\" }", "unexpected ','", "commas between"},
	{"path += \"/y\", \"/z\"", "',' outside of a list; expected '{ A, B }'", NULL},
	{"path += \"/y\" \"/z\"", "a string stands where a key is due", NULL},
	{"path += { { \"/y\" } }", "'{' stands where no list", NULL},
	{"{ }", "'{' stands where no list", NULL},
	{"a b c = 1", "'a' has no value", NULL},
	{"backoff_max = 5 min", "'min' stands behind the value of 'backoff_max'; expected quotes",
	 "a value with blanks, or '= VALUE' after 'min'"},
	{"backoff_max = 1 min 30 s", "'min' stands behind the value of 'backoff_max'", NULL},
	{"path += '/y' min", "'min' has no value; expected '= VALUE'", NULL},
	{"restart = no path += '/y' min", "'min' has no value; expected '= VALUE'", NULL},
	{"restart = no path += { '/y' } min", "'min' has no value; expected '= VALUE'", NULL},
	{"restart = no } min", "'min' has no value; expected '= VALUE'", NULL},
	{"command = /bin/x -a -b", "'-a' stands behind the value of 'command'; expected quotes",
	 "a value with blanks"},
	{"command = /bin/x --to=/y", "'--to' stands behind the value of 'command'; expected quotes",
	 "a value with blanks"},
	{"command = /bin/x /y", "'/y' stands behind the value of 'command'; expected quotes",
	 "a value with blanks"},
	{"command = /bin/x '-a b'",
	 "a string stands behind the value of 'command'; expected quotes", "a value with blanks"},
	{"-restart = no", "'-restart' is not a key; expected a word", NULL},
	{"\"restart\" = no", "a string stands where a key is due", NULL},
	{"watchdog|device = \"/x\"", "'watchdog|device' is not a key", NULL},
	{"\"watch=w|restart\" = no", "a string stands where a key is due", NULL},
	{"include(\"/etc/passwd\")", "unquoted '(' has no meaning", NULL},
	{"restart = no)", "unquoted ')' has no meaning", NULL},
	/* the scanner */
	{"command = /usr/local/bin/*", "unquoted '/*' opens a comment; expected quotes", NULL},
	{"command = /usr/local/*/x */", "unquoted '/*' opens a comment", NULL},
	{"path += { /usr/bin/*, /x }", "unquoted '/*' opens a comment", NULL},
	{"command = http://x", "unquoted '//' opens a comment", NULL},
	{"command = a#b", "unquoted '#' opens a comment", NULL},
	{"command = /*/x", "a comment stands where the value of 'command' is due", NULL},
	{"command = //x", "a comment stands where the value of 'command' is due", NULL},
	{"command = # later", "a comment stands where the value of 'command' is due", NULL},
	{"command = job-*.scope", "unquoted '*' in a word; expected quotes", NULL},
	{"command = c++", "unquoted '+' in a word", NULL},
	{"command = *", "unquoted '*' has no meaning", NULL},
	{"command = +", "unquoted '+' has no meaning", NULL},
	{"/* never\nclosed", "this comment is never closed; expected '*/'", NULL},
	{"command = \"x", "this string is never closed; expected \" at the end", NULL},
	{"command = 'x", "this string is never closed; expected ' at the end", NULL},
	{"command = \"x\\", "this string is never closed", NULL},
	{"command = \"x\ny\"", "this string is never closed", NULL},
	{"command = \"${HOME}/x\"", "'${' is not expanded here; expected single quotes", NULL},
	{"command = ${HOME}", "'${' is not expanded here", NULL},
	{"command = x${HOME}", "'${' is not expanded here", NULL},
	{"command = \"\\q\"", "'\\q' is no escape; expected one of", "single quotes"},
	{"command = \"a\\*b\"", "'\\*' is no escape", NULL},
	{"command = \"\\400\"", "'\\4' is no escape", NULL},
	{"command = \"\\1234\"", "'\\1' is no escape", NULL},
	{"command = \"\\8\"", "'\\8' is no escape", NULL},
	{"command = \"\\0\"", "'\\0' is no escape", NULL},
	{"command = \"\\x00\"", "'\\x' is no escape", NULL},
	{"command = \"\\xg\"", "'\\x' is no escape", NULL},
	{"command = \"a\x01\"", "control character \\x01 in a string", NULL},
	{"command = a\x7f", "control character \\x7f; expected text", NULL},
	{"command = a\rb", "unquoted '\\x0d' has no meaning", NULL},
};

static void check_refusal(const char *text, const char *expected, const char *within)
{
	struct config_error error = {""};
	struct config config;

	start(&config, base_text);
	if (parse_as(&config, "f", text, &error) != -EINVAL)
		fail_msg("taken: %s", text);
	if (strncmp(error.text, expected, strlen(expected)) != 0)
		fail_msg("'%s' in place of '%s' for: %s", error.text, expected, text);
	if (within && !strstr(error.text, within))
		fail_msg("'%s' lacks '%s'", error.text, within);
	if (strchr(error.text, '\n') || !strstr(error.text, "expected"))
		fail_msg("not one line with what was expected: %s", error.text);
	assert_is_base(&config);
	config_free(&config);
}

/* The same inside an owner. */
static const struct refusal bad_owners[] = {
	{"pareent = x", "unknown key 'pareent'; expected 'parent'?", NULL},
	{"path = \"/x\"", "'path' does not belong here; expected it inside watch", NULL},
	{"runtime = dokcer", "runtime: 'dokcer' is wrong; expected docker, podman",
	 "did you mean 'docker'?"},
	{"unit = '['", "unit: '[' is wrong; expected a glob", NULL},
	{"cgroup = a", "cgroup: 'a' is wrong; expected an absolute path", NULL},
	{"parent = /opt/x", "'parent' is set already, at line 2", NULL},
	{"parent += opt/x", "parent: 'opt/x' is wrong; expected the name of a process, or", NULL},
	{"parent += ''", "parent: '' is wrong", NULL},
	{"parent += '/opt/['", "parent: '/opt/[' is wrong; expected a glob", NULL},
	{"stopped_by = /bin/x", "stopped_by: '/bin/x' is wrong; expected the name of a process",
	 NULL},
	{"answer = yes", "answer: 'yes' is wrong; expected word, systemctl", NULL},
	{"ask = ''", "ask: '' is wrong; expected a command that begins with an absolute", NULL},
	{"ask = bin/x", "ask: 'bin/x' is wrong; expected a command", "or a name"},
	{"ask = 'x {uint}'", "ask: 'x {uint}' is wrong; expected no placeholders but {unit}", NULL},
	{"stop = 'x a{b_c}d'", "stop: 'x a{b_c}d' is wrong; expected no placeholders", NULL},
	{"start = \"sh -c 'kill {pid}'\"", "start: 'sh -c 'kill {pid}'' is wrong; expected place",
	 "words of their own"},
	{"restart = \"sh -c 'x$(a{name})'\"", "restart: ", "words of their own"},
	{"reason = ''", "reason: '' is wrong", NULL},
};

static void bad_owners_are_refused_at_their_line(void **state)
{
	char text[512], expected[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_owners); i++) {
		const struct refusal *bad = &bad_owners[i];

		snprintf(text, sizeof(text), "owner o {\n\tparent = x\n\t%s\n}\n", bad->text);
		snprintf(expected, sizeof(expected), "f:3: %s", bad->start);
		check_refusal(text, expected, bad->within);
	}
}

/* What is found out only when the built-in ones are there. */
static void owners_that_make_no_sense_are_refused(void **state)
{
	static const struct refusal bad[] = {
		{"\nowner o {\n}", "f:2: owner 'o' has neither cgroup, runtime, parent nor unit",
		 NULL},
		{"owner o { ask = x }", "f:1: owner 'o' has neither", "name of a built-in owner"},
		{"owner o { parent = x answer = word }", "f:1: owner 'o' has an answer but no ask",
		 NULL},
	};
	struct config_error error;
	struct config config;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		config_init(&config);
		assert_int_equal(parse_as(&config, "f", bad[i].text, &error), 0);
		assert_int_equal(config_complete_owners(&config, &error), -EINVAL);
		if (strncmp(error.text, bad[i].start, strlen(bad[i].start)) != 0)
			fail_msg("%s", error.text);
		if (bad[i].within && !strstr(error.text, bad[i].within))
			fail_msg("%s", error.text);
		config_free(&config);
	}
}

static void every_key_of_an_owner_is_taken(void **state)
{
	const struct owner_config *owner;
	struct config config, copy;
	struct config_error error;

	(void)state;
	start(&config, "owner full { cgroup = { '/a/*', '/b' } runtime = cri-o\n"
		       "parent = { mind, '/opt/**/minder' } unit = 'a*.service'\n"
		       "ask = 'x {unit} {id} {cgroup} {pid} {directory} {name} {config}'\n"
		       "answer = s6-svstat restart = /bin/r start = s stop = \"sh -c 'a b' {id}\"\n"
		       "stopped_by = { a, b } reason = 'because of it' }");
	assert_int_equal(config_complete_owners(&config, &error), 0);
	assert_int_equal(config_copy(&config, &copy), 0);
	config_free(&config);
	assert_true(copy.owner_count > 10);
	owner = &copy.owners[0];
	assert_string_equal(owner->name, "full");
	assert_int_equal(owner->cgroup.count, 2);
	assert_string_equal(owner->runtime, "cri-o");
	assert_string_equal(owner->parent.items[1], "/opt/**/minder");
	assert_string_equal(owner->unit, "a*.service");
	assert_int_equal(owner->answer, OWNER_FORMAT_S6);
	assert_string_equal(owner->restart, "/bin/r");
	assert_string_equal(owner->start, "s");
	assert_string_equal(owner->stop, "sh -c 'a b' {id}");
	assert_string_equal(owner->stopped_by.items[1], "b");
	assert_string_equal(owner->reason, "because of it");
	assert_null(copy.owners[1].file);
	config_free(&copy);
}

static void bad_assignments_are_refused_at_their_line(void **state)
{
	char text[512], expected[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_assignments); i++) {
		const struct refusal *bad = &bad_assignments[i];

		snprintf(text, sizeof(text), "watch w { # one\n\tpath = \"/x\"\n\t%s\n}\n",
			 bad->text);
		snprintf(expected, sizeof(expected), "f:3: %s", bad->start);
		check_refusal(text, expected, bad->within);
	}
}

static const struct refusal bad_files[] = {
	{"wach web { path = \"/x\" }", "f:1: unknown key 'wach'; expected 'watch'?", NULL},
	{"\n\nserver { port = 80 }", "f:3: unknown key 'server'", "outside of every section"},
	{"critical = true", "f:1: 'critical' does not belong here", "inside watch NAME"},
	{"watch {\n}", "f:1: 'watch' has no name; expected 'watch NAME {'", NULL},
	{"owner {\n}", "f:1: 'owner' has no name; expected 'watch NAME {' or 'owner NAME {'", NULL},
	{"owner = x", "f:1: 'owner' has no name; expected 'watch NAME {' or 'owner NAME {'", NULL},
	{"owner 'a b' { }", "f:1: 'a b' is no name for an owner; expected", NULL},
	{"watch a { path = \"/x\" }\nowner a { unit = x }\n\nowner a { unit = y }",
	 "f:4: owner 'a' is there already, from f:2; expected another name", NULL},
	{"watch w\n", "f:1: 'watch' has no value", "'{' for a section"},
	{"watch w {\nbackoff_max = 5\nmin\n}", "f:3: 'min' has no value; expected '= VALUE'", NULL},
	{"watch w v { }", "f:1: 'watch' has more than one name; expected 'watch NAME {'", NULL},
	{"owner w 'v' { }", "f:1: 'owner' has more than one name; expected 'owner NAME {'", NULL},
	{"watchdog w v { }", "f:1: 'watchdog' takes no name; expected 'watchdog {'", NULL},
	{"watchdog w { }", "f:1: 'watchdog' takes no name; expected 'watchdog {'", NULL},
	{"watch w { path = /x probe a {", "f:1: 'probe' takes no name; expected 'probe {'", NULL},
	{"watch w = x", "f:1: 'watch' has no value", NULL},
	{"\nwatch w {\n\n}", "f:2: watch 'w' has neither path nor cgroup", NULL},
	{"\nwatch w {\n\nrestart = no\n}", "f:2: watch 'w' has neither path nor cgroup", NULL},
	{"watch w {\npath = \"/x\"\n\n", "f:1: this '{' is never closed; expected '}'", NULL},
	{"watch w {\npath = {\n\"/x\"\n}\n", "f:1: this '{' is never closed", NULL},
	{"watch w\n{\npath = { \"/x\",\n", "f:3: this '{' is never closed", NULL},
	{"watch w {\n# }\npath = \"}\" /* } */", "f:1: this '{' is never closed", NULL},
	{"watch v { path = \"/x\" }\nwatch w {", "f:2: this '{' is never closed", NULL},
	{"\n}", "f:2: '}' closes nothing", NULL},
	{"watch w { path = \"/x\" }\n}", "f:2: '}' closes nothing", NULL},
	{"watch w { path = \"/x\" }\n\nwatch\nw { path = \"/y\" }",
	 "f:3: watch 'w' is there already, from f:1", NULL},
	{"\nwatch old { path = \"/x\" }", "f:2: watch 'old' is there already, from f:1", NULL},
	{"\nwatch 'my web' {\npath = \"/x\"\n}", "f:2: 'my web' is no name for a watch", NULL},
	{"\nwatch 'my web' {\n\n}", "f:2: 'my web' is no name for a watch", NULL},
	{"watch '' { path = \"/x\" }", "f:1: '' is no name for a watch", NULL},
	{"watch a@1 { path = \"/x\" }", "f:1: 'a@1' is no name for a watch", NULL},
	{"watch \"a\\nb\" { path = \"/x\" }", "f:1: 'a\\x0ab' is no name for a watch", NULL},
	{"watch a123456789012345678901234567890123456789012345678901234567890123 {path=\"/x\"}",
	 "f:1: 'a1234567890", "is no name for a watch"},
	{"watchdog {\ndevice = watchdog0\n}", "f:2: device: 'watchdog0'", "absolute"},
	{"watchdog {\ntimeout = 999ms\n}", "f:2: timeout: '999ms'", "from 1s to 1d"},
	{"watchdog {\ntimeout = 0\n}", "f:2: timeout: '0'", "from 1s to 1d"},
	{"watchdog {\ntimeout = 30\n}", "f:2: timeout: '30'", "a unit"},
	{"watchdog {\ntimeout = 2d\n}", "f:2: timeout: '2d'", "from 1s to 1d"},
	{"watchdog {\ntimeout = 3650d\n}", "f:2: timeout: '3650d'", "from 1s to 1d"},
	{"watchdog {\npretimeout = 2d\n}", "f:2: pretimeout: '2d'", "up to 1d, 0 for none"},
	{"watchdog {\ngovernor = ''\n}", "f:2: governor: ''", "expected"},
	{"watchdog {\nstarve = die\n}", "f:2: starve: 'die'", "reset or reboot"},
	{"watchdog {\nreset_limit = 1001\n}", "f:2: reset_limit: '1001'", "0 for no limit"},
	{"watchdog {\non_starve = page\n}", "f:2: on_starve: 'page'", "absolute path"},
	{"watchdog {\non_starve_timeout = 0\n}", "f:2: on_starve_timeout: '0'", "from 1ms to 1d"},
	{"watchdog {\nown_cgroup = obit\n}", "f:2: own_cgroup: 'obit'", "below the root"},
	{"watchdog {\nown_cgroup = /\n}", "f:2: own_cgroup: '/'", "below the root"},
	{"watchdog {\nown_cgroup = /a/../..\n}", "f:2: own_cgroup: '/a/../..'", "below the root"},
	{"watchdog {\nown_cgroup = /a/.\n}", "f:2: own_cgroup: '/a/.'", "below the root"},
	{"watchdog {\nown_cgroup = '/a//b'\n}", "f:2: own_cgroup: '/a//b'", "below the root"},
	{"watchdog {\nown_cgroup = /a/\n}", "f:2: own_cgroup: '/a/'", "below the root"},
	{"watchdog {\nvolatile_state = maybe\n}", "f:2: volatile_state: 'maybe'", "expected"},
	{"watchdog {\ntimout = 30s\n}", "f:2: unknown key 'timout'; expected 'timeout'?", NULL},
	{"watchdog {\npath = \"/x\"\n}", "f:2: 'path' does not belong here", "inside watch"},
	{"watchdog {\ntimeout = 3s\ntimeout = 4s }", "f:3: 'timeout' is set already, at line 2",
	 NULL},
	{"watchdog { }\nwatchdog {\n}", "f:2: a second watchdog section, after line 1", NULL},
	{"max_processes = 0", "f:1: max_processes: '0'", "from 1 to 16777216"},
	{"max_processes = 16777217", "f:1: max_processes: '16777217'", "from 1 to 16777216"},
	{"max_parallel_starts = 0", "f:1: max_parallel_starts: '0'", "from 1 to 256"},
	{"max_parallel_starts = 257", "f:1: max_parallel_starts: '257'", "from 1 to 256"},
	{"watch w {\nstart_limit_burst = 1001\n}", "f:2: start_limit_burst: '1001'",
	 "up to 1000, 0 for no limit"},
	{"max_processes = 1K", "f:1: max_processes: '1K'", NULL},
	{"\xef\xbb\xbfwatch w {\npath = /x\n}", "f:1: the file begins with a byte order mark",
	 NULL},
	{"; a comment", "f:1: ';' has no meaning here; expected a new line",
	 "'#' before a comment"},
	{"service web {\n}", "f:1: unknown key 'service'; expected one", "'watch NAME {'"},
	{"watch w {\nRestartSec = 5s\n}",
	 "f:2: unknown key 'RestartSec'; expected 'backoff_initial'?", NULL},
	{"history_size = 16MB",
	 "f:1: history_size: '16MB' is wrong; expected a size such as 512KiB, 16MiB or 1GiB",
	 "units: B KiB MiB GiB"},
	{"history_size = 65535", "f:1: history_size: '65535' is wrong; expected a size from 64KiB",
	 "or 0 for no history"},
	{"ring_size = 0", "f:1: ring_size: '0' is wrong; expected a size from 64KiB to 256MiB",
	 NULL},
	{"ring_size = 65535", "f:1: ring_size: '65535'", NULL},
	{"ring_size = 257MiB", "f:1: ring_size: '257MiB'", NULL},
	{"history_size = 1025GiB", "f:1: history_size: '1025GiB'", "to 1024GiB"},
	{"history_size = 16 MB", "f:1: ", NULL},
	{"history_size = '16 MB'", "f:1: history_size: '16 MB'", "units: B KiB MiB GiB"},
	{"history_size = -1", "f:1: history_size: '-1'", "64KiB"},
	{"history_size = 99999999999999999999", "f:1: history_size: '9999", "64KiB"},
	{"log_level = verbose", "f:1: log_level: 'verbose' is wrong; expected error, warning",
	 "debug"},
	{"journal = yes", "f:1: journal: 'yes' is wrong; expected auto or no", NULL},
	{"log_level = info\nlog_level = debug", "f:2: 'log_level' is set already, at line 1", NULL},
	{"include = more.conf", "f:1: include: 'more.conf'", "absolute"},
	{"include = \"/etc/[\"", "f:1: include: '/etc/['", "glob"},
	{"include(\"/etc/obit/x\")", "f:1: unquoted '(' has no meaning", NULL},
	{"log_level = info\nlog_level", "f:2: 'log_level' has no value", NULL},
	/* lines are counted right behind comments, continued strings and lists */
	{"/* 1 */ # 1\n// 2\n/* 3\n4\n*/ # 5\nx_y = 6", "f:6: unknown key 'x_y'", NULL},
	{"include = \"/a\\\nb\"\nx_y = 3", "f:3: unknown key 'x_y'", NULL},
	{"include = '/a\\\nb'\nx_y = 3", "f:3: unknown key 'x_y'", NULL},
	{"include = {\n\"/a\",\n\"/b\",\n\"c\"\n}", "f:4: include: 'c'", NULL},
	{"include = {\n\"/a\" # }\n,\n}\nx_y = 5", "f:5: unknown key 'x_y'", NULL},
	{"watch w {\r\npath = \"/x\"\r\n}\r\nx_y = 4\r\n", "f:4: unknown key 'x_y'", NULL},
};

static void bad_files_are_refused_at_their_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_files); i++)
		check_refusal(bad_files[i].text, bad_files[i].start, bad_files[i].within);
}

static void a_nul_byte_is_refused(void **state)
{
	static const char text[] = "log_level = info\n#\0\nlog_level = debug\n";
	struct config_error error = {""};
	struct config config;

	(void)state;
	start(&config, base_text);
	assert_int_equal(config_parse(&config, "f", text, sizeof(text) - 1, &error), -EINVAL);
	assert_string_equal(error.text, "f:2: a NUL byte; expected text");
	assert_is_base(&config);
	config_free(&config);
}

static void a_huge_file_is_refused(void **state)
{
	size_t size = 1024 * 1024 + 1;
	_cleanup_free_ char *text = malloc(size);
	struct config_error error = {""};
	struct config config;

	(void)state;
	memset(text, ' ', size);
	start(&config, base_text);
	assert_int_equal(config_parse(&config, "f", text, size - 1, &error), 0);
	assert_int_equal(config_parse(&config, "f", text, size, &error), -EINVAL);
	assert_memory_equal(error.text, "f:1: ", 5);
	assert_is_base(&config);
	config_free(&config);
}

/* Only the message's own limit cuts, and never what was expected. */
static void messages_are_one_line_whatever_the_words(void **state)
{
	char file[600], text[4000], word[3000];
	struct config_error error = {""};
	struct config config;

	(void)state;
	memset(file, 'f', sizeof(file));
	file[sizeof(file) - 1] = '\0';
	file[0] = '\n';
	memset(word, '\x80', sizeof(word));
	word[sizeof(word) - 1] = '\0';
	snprintf(text, sizeof(text), "watch w { path = '/x' restart = '%s' }", word);
	config_init(&config);
	assert_int_equal(parse_as(&config, file, text, &error), -EINVAL);
	assert_null(strpbrk(error.text, "\n\x80"));
	assert_non_null(strstr(error.text, "...' is wrong; expected no, on-success, on-failure, "
					   "on-abnormal, on-abort, on-watchdog or always"));
	memset(word, 'a', sizeof(word));
	word[sizeof(word) - 1] = '\0';
	snprintf(text, sizeof(text), "%s = 1", word);
	assert_int_equal(parse_as(&config, "f", text, &error), -EINVAL);
	assert_non_null(strstr(error.text, "...'; expected one that is valid"));
	config_free(&config);
}

static void a_path_of_any_length_is_judged(void **state)
{
	char path[4097], text[4200];
	struct config_error error = {""};
	struct config config;

	(void)state;
	config_init(&config);
	memset(path, 'p', sizeof(path));
	path[0] = '/';
	path[4096] = '\0';
	snprintf(text, sizeof(text), "watch w { path = %s }", path);
	assert_int_equal(parse_as(&config, "f", text, &error), -EINVAL);
	assert_non_null(strstr(error.text, "at most 4095 bytes"));
	snprintf(text, sizeof(text), "watch w { path = '/x' directory = %s }", path);
	assert_int_equal(parse_as(&config, "f", text, &error), -EINVAL);
	path[4095] = '\0';
	snprintf(text, sizeof(text), "watch w { path = %s directory = %s }", path, "/");
	assert_int_equal(parse_as(&config, "f", text, &error), 0);
	assert_string_equal(config.watches[0].path.items[0], path);
	config_free(&config);
}

static void watches_have_a_limit(void **state)
{
	enum { LIMIT = 10240, ROOM = 40 };
	_cleanup_free_ char *text = malloc((LIMIT + 1) * ROOM);
	struct config_error error = {""};
	struct config config;
	char *end = text;

	(void)state;
	for (int i = 0; i < LIMIT; i++)
		end += snprintf(end, ROOM, "watch w%d {path=/x}\n", i);
	config_init(&config);
	assert_int_equal(parse_as(&config, "f", text, &error), 0);
	assert_int_equal(config.watch_count, LIMIT);
	assert_int_equal(parse_as(&config, "f", "watch v {path=/x}", &error), -EINVAL);
	assert_string_equal(error.text, "f:1: too many watches; expected at most 10240");
	assert_int_equal(config_add_pattern(&config, "/x", &error), -EINVAL);
	assert_string_equal(error.text, "command line: too many watches; expected at most 10240");
	assert_int_equal(config.watch_count, LIMIT);
	config_free(&config);
}

/* ---- what is taken ---- */

static void assert_default_watch(const struct watch_config *watch)
{
	assert_int_equal(watch->uid.match, UID_SERVICE);
	assert_int_equal(watch->container, CONTAINER_NO);
	assert_int_equal(watch->restart, RESTART_ON_FAILURE);
	assert_int_equal(watch->success_exit_status.signals, 0);
	assert_int_equal(watch->backoff_initial_ns, 200 * NS_PER_MS);
	assert_float_equal(watch->backoff_factor, 2, 0);
	assert_int_equal(watch->backoff_max_ns, 30 * NS_PER_SEC);
	assert_float_equal(watch->backoff_jitter, 0.2, 0);
	assert_int_equal(watch->backoff_reset_ns, 2 * NS_PER_MIN);
	assert_int_equal(watch->start_limit_burst, 0);
	assert_int_equal(watch->start_limit_interval_ns, 10 * NS_PER_SEC);
	assert_int_equal(watch->min_uptime_ns, 0);
	assert_int_equal(watch->max_restarts, 0);
	assert_int_equal(watch->kill_signal, SIGTERM);
	assert_int_equal(watch->kill_timeout_ns, 10 * NS_PER_SEC);
	assert_int_equal(watch->kill_mode, KILL_MODE_INSTANCE);
	assert_false(watch->members_restart);
	assert_int_equal(watch->owner, OWNER_AUTO);
	assert_int_equal(watch->settle_ns, 10 * NS_PER_SEC);
	assert_int_equal(watch->start_timeout_ns, 30 * NS_PER_SEC);
	assert_int_equal(watch->stop_grace_ns, 90 * NS_PER_SEC);
	assert_int_equal(watch->recipe_max, 256 * 1024);
	assert_false(watch->critical);
	assert_int_equal(watch->recover_within_ns, 5 * NS_PER_MIN);
	assert_null(watch->on_exit);
	assert_null(watch->on_restart);
	assert_null(watch->on_give_up);
	assert_null(watch->on_hang);
	assert_false(watch->notify);
	assert_int_equal(watch->hang_timeout_ns, 0);
	assert_int_equal(watch->hook_timeout_ns, 30 * NS_PER_SEC);
	assert_null(watch->argv0);
	assert_null(watch->args);
	assert_null(watch->container_glob);
	assert_null(watch->command);
	assert_null(watch->user);
	assert_null(watch->directory);
	assert_int_equal(watch->env.count, 0);
}

static void an_empty_file_leaves_the_defaults(void **state)
{
	struct config_error error = {""};
	struct config config;

	(void)state;
	start(&config, "");
	assert_int_equal(config_parse(&config, "f", NULL, 0, &error), 0);
	parse(&config, "\n\n# nothing\n/* at * all **/ // x");
	assert_int_equal(config.watch_count, 0);
	assert_int_equal(config.watchdog.device.count, 0);
	assert_int_equal(config.watchdog.timeout_ns, 30 * NS_PER_SEC);
	assert_true(config.watchdog.disarm_on_stop);
	assert_int_equal(config.log_level, LOG_INFO);
	assert_int_equal(config.max_processes, 131072);
	assert_int_equal(config.journal, JOURNAL_AUTO);
	assert_int_equal(config.history_size, 16 << 20);
	assert_int_equal(config.include.count, 0);
	config_free(&config);
}

static void a_watch_has_defaults(void **state)
{
	struct config config;

	(void)state;
	start(&config, "\nwatch a.b_c-9 { path = /usr/sbin/nginx }\n");
	assert_int_equal(config.watch_count, 1);
	assert_string_equal(config.watches[0].name, "a.b_c-9");
	assert_string_equal(config.watches[0].file, "f");
	assert_int_equal(config.watches[0].line, 2);
	assert_int_equal(config.watches[0].path.count, 1);
	assert_string_equal(config.watches[0].path.items[0], "/usr/sbin/nginx");
	assert_int_equal(config.watches[0].cgroup.count, 0);
	assert_default_watch(&config.watches[0]);
	config_free(&config);
}

static const char full_watch[] =
	"watch 'full'\n{\n"
	"path = { \"/usr/bin/x\", /usr/bin/y, '/opt/**/[!a]*', }\n"
	"argv0 = sshd\n"
	"args = \"\"\n"
	"cgroup = \"/system.slice/job-*.scope\"\n"
	"uid = { 0, 33, 4294967294 }\n"
	"container = \"web-*\"\n"
	"restart = always\n"
	"success_exit_status = { 3, 100-103, SIGUSR1 }\n"
	"restart_prevent_exit_status = 7\n"
	"restart_force_exit_status = TERM\n"
	"backoff_initial = 1s backoff_factor = 1.5\n"
	"backoff_max = \"1min 30s\"\n"
	"backoff_jitter = 5%\n"
	"backoff_reset = 1h\n"
	"start_limit_burst = 010\n"
	"start_limit_interval = 1d\n"
	"min_uptime = 1us\n"
	"max_restarts = 2147483647\n"
	"kill_signal = 'RTMIN+3'\n"
	"kill_timeout = 0\n"
	"kill_mode = cgroup\n"
	"members = restart\n"
	"command = \"/bin/x --a=\\\"b\\\" \\x41\\102\\t# /* \\$\"\n"
	"env = { 'A=${B}', '_x1=', \"C=d=\\\ne\" }\n"
	"user = www-data\n"
	"directory = /\n"
	"owner = ignore\n"
	"settle = 1.5s\n"
	"start_timeout = 200ms\n"
	"stop_grace = 2min\n"
	"recipe_max = 6MiB\n"
	"critical = yes\n"
	"recover_within = 2h\n"
	"on_exit = '/bin/x \"a b\" c'\n"
	"on_restart = /bin/y\n"
	"on_give_up = \" /bin/z\"\n"
	"on_hang = /bin/h\n"
	"notify = yes\n"
	"hang_timeout = 90s\n"
	"hang_on = dstate\n"
	"hook_timeout = 1ms\n"
	"probe { type = http target = 'http://[::1]:8080/' expect = 'a b'\n"
	"interval = 1s timeout = 20ms threshold = 1 grace = 0 }\n"
	"probe { type = command target = '/bin/x -a' user = nobody }\n"
	"}";

static void assert_full_matching(const struct watch_config *watch)
{
	assert_string_equal(watch->name, "full");
	assert_int_equal(watch->path.count, 3);
	assert_string_equal(watch->path.items[0], "/usr/bin/x");
	assert_string_equal(watch->path.items[1], "/usr/bin/y");
	assert_string_equal(watch->path.items[2], "/opt/**/[!a]*");
	assert_string_equal(watch->argv0, "sshd");
	assert_string_equal(watch->args, "");
	assert_string_equal(watch->cgroup.items[0], "/system.slice/job-*.scope");
	assert_int_equal(watch->uid.match, UID_LIST);
	assert_int_equal(watch->uid.uid_count, 3);
	assert_int_equal(watch->uid.uids[1], 33);
	assert_int_equal(watch->uid.uids[2], 4294967294);
	assert_int_equal(watch->container, CONTAINER_GLOB);
	assert_string_equal(watch->container_glob, "web-*");
}

static void assert_full_policy(const struct watch_config *watch)
{
	assert_int_equal(watch->restart, RESTART_ALWAYS);
	assert_true(status_set_has(&watch->success_exit_status, 3 << 8));
	assert_true(status_set_has(&watch->success_exit_status, 102 << 8));
	assert_true(status_set_has(&watch->success_exit_status, SIGUSR1));
	assert_true(status_set_has(&watch->restart_prevent_exit_status, 7 << 8));
	assert_true(status_set_has(&watch->restart_force_exit_status, SIGTERM));
	assert_int_equal(watch->backoff_initial_ns, NS_PER_SEC);
	assert_float_equal(watch->backoff_factor, 1.5, 0);
	assert_int_equal(watch->backoff_max_ns, 90 * NS_PER_SEC);
	assert_float_equal(watch->backoff_jitter, 0.05, 0);
	assert_int_equal(watch->backoff_reset_ns, 60 * NS_PER_MIN);
	assert_int_equal(watch->start_limit_burst, 10); /* decimal */
	assert_int_equal(watch->start_limit_interval_ns, 24 * 60 * NS_PER_MIN);
	assert_int_equal(watch->min_uptime_ns, NS_PER_US);
	assert_int_equal(watch->max_restarts, INT32_MAX);
	assert_int_equal(watch->kill_signal, 37);
	assert_int_equal(watch->kill_timeout_ns, 0);
	assert_int_equal(watch->kill_mode, KILL_MODE_CGROUP);
	assert_true(watch->members_restart);
}

static void assert_full_recipe(const struct watch_config *watch)
{
	assert_string_equal(watch->command, "/bin/x --a=\"b\" AB\t# /* $");
	assert_int_equal(watch->env.count, 3);
	assert_string_equal(watch->env.items[0], "A=${B}");
	assert_string_equal(watch->env.items[1], "_x1=");
	assert_string_equal(watch->env.items[2], "C=d=e");
	assert_string_equal(watch->user, "www-data");
	assert_string_equal(watch->directory, "/");
	assert_int_equal(watch->owner, OWNER_IGNORE);
	assert_int_equal(watch->settle_ns, 1500 * NS_PER_MS);
	assert_int_equal(watch->start_timeout_ns, 200 * NS_PER_MS);
	assert_int_equal(watch->stop_grace_ns, 120 * NS_PER_SEC);
	assert_int_equal(watch->recipe_max, 6 << 20);
	assert_true(watch->critical);
	assert_int_equal(watch->recover_within_ns, 120 * NS_PER_MIN);
	assert_string_equal(watch->on_exit, "/bin/x \"a b\" c");
	assert_string_equal(watch->on_restart, "/bin/y");
	assert_string_equal(watch->on_give_up, " /bin/z");
	assert_string_equal(watch->on_hang, "/bin/h");
	assert_true(watch->notify);
	assert_int_equal(watch->hang_timeout_ns, 90 * NS_PER_SEC);
	assert_int_equal(watch->hang_on, HANG_ON_DSTATE);
	assert_int_equal(watch->hook_timeout_ns, NS_PER_MS);
}

static void assert_full_probes(const struct watch_config *watch)
{
	const struct probe_config *probes = watch->probes;

	assert_int_equal(watch->probe_count, 2);
	assert_int_equal(probes[0].type, PROBE_HTTP);
	assert_string_equal(probes[0].target, "http://[::1]:8080/");
	assert_string_equal(probes[0].expect, "a b");
	assert_null(probes[0].user);
	assert_int_equal(probes[0].interval_ns, NS_PER_SEC);
	assert_int_equal(probes[0].timeout_ns, 20 * NS_PER_MS);
	assert_int_equal(probes[0].threshold, 1);
	assert_int_equal(probes[0].grace_ns, 0);
	assert_int_equal(probes[1].type, PROBE_COMMAND);
	assert_string_equal(probes[1].target, "/bin/x -a");
	assert_string_equal(probes[1].user, "nobody");
	assert_null(probes[1].expect);
	assert_int_equal(probes[1].interval_ns, 10 * NS_PER_SEC);
	assert_int_equal(probes[1].timeout_ns, 2 * NS_PER_SEC);
	assert_int_equal(probes[1].threshold, 3);
	assert_int_equal(probes[1].grace_ns, 10 * NS_PER_SEC);
}

static void every_key_of_a_watch_is_taken(void **state)
{
	struct config config;

	(void)state;
	setenv("B", "environment", 1);
	start(&config, full_watch);
	assert_full_matching(&config.watches[0]);
	assert_full_policy(&config.watches[0]);
	assert_full_recipe(&config.watches[0]);
	assert_full_probes(&config.watches[0]);
	config_free(&config);
}

static void words_choose_what_they_say(void **state)
{
	struct config config;

	(void)state;
	start(&config, "watch a { path=/x uid=any container=any restart=no kill_mode=process "
		       "owner=respect critical=on members=ignore }"
		       "watch b { path=/x uid=service container=no restart=on-watchdog "
		       "kill_mode=instance owner=auto critical=off }"
		       "watch c { cgroup=/x uid=0 restart=on-abort critical=no }");
	assert_int_equal(config.watches[0].uid.match, UID_ANY);
	assert_int_equal(config.watches[0].container, CONTAINER_ANY);
	assert_int_equal(config.watches[0].restart, RESTART_NO);
	assert_int_equal(config.watches[0].kill_mode, KILL_MODE_PROCESS);
	assert_int_equal(config.watches[0].owner, OWNER_RESPECT);
	assert_true(config.watches[0].critical);
	assert_false(config.watches[0].members_restart);
	assert_int_equal(config.watches[1].uid.match, UID_SERVICE);
	assert_int_equal(config.watches[1].container, CONTAINER_NO);
	assert_int_equal(config.watches[1].restart, RESTART_ON_WATCHDOG);
	assert_false(config.watches[1].critical);
	assert_int_equal(config.watches[2].uid.match, UID_LIST);
	assert_int_equal(config.watches[2].restart, RESTART_ON_ABORT);
	config_free(&config);
}

static void a_backoff_that_begins_above_its_end_is_warned_of(void **state)
{
	struct config config;

	(void)state;
	start(&config, "watch a {\npath = /a\nbackoff_max = 1s\nbackoff_initial = 1min\n}\n"
		       "watch b { path = /b backoff_max = 1ms }\n"
		       "watch c { path = /c\nbackoff_initial = 31s }\n"
		       "watch d { path = /d backoff_initial = 1s backoff_max = 1s }");
	assert_int_equal(config.warnings.count, 2);
	assert_string_equal(
		config.warnings.items[0],
		"f:4: watch 'a': backoff_initial is 1min 0s, longer than backoff_max: 1s "
		"is waited each time");
	assert_string_equal(config.warnings.items[1],
			    "f:8: watch 'c': backoff_initial is 31s, longer than backoff_max: 30s "
			    "is waited each time");
	config_free(&config);
}

static void a_pretimeout_may_wait_for_its_timeout(void **state)
{
	struct config_error error;
	struct config config;

	(void)state;
	start(&config, "watchdog {\npretimeout = 40s\n}");
	assert_int_equal(config_check_pretimeout(&config, &error), -EINVAL);
	assert_string_equal(error.text, "f:2: pretimeout: 40s is too long; expected less than the "
					"timeout of 30s");
	parse(&config, "watchdog { timeout = 1min }");
	assert_int_equal(config_check_pretimeout(&config, &error), 0);
	parse(&config, "watchdog { timeout = 40s }");
	assert_int_equal(config_check_pretimeout(&config, &error), -EINVAL);
	parse(&config, "watchdog { pretimeout = 0 timeout = 1s }");
	assert_int_equal(config_check_pretimeout(&config, &error), 0);
	config_free(&config);
}

static void a_container_that_is_no_id_is_warned_of(void **state)
{
	struct config config;

	(void)state;
	start(&config, "watch a {\npath = '/a'\ncontainer = 3f2a1b4c5d6e\n}\n"
		       "watch b {\npath = '/b'\ncontainer = docker\n}\n"
		       "watch c {\npath = '/c'\ncontainer = '3f2a1b4c5d6e*'\n}\n"
		       "watch d {\npath = '/d'\ncontainer = beef\n}\n"
		       "watch e {\npath = '/e'\ncontainer = "
		       "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n}\n");
	assert_int_equal(config.warnings.count, 2);
	assert_string_equal(
		config.warnings.items[0],
		"f:3: watch 'a': container: an id has 64 digits, '3f2a1b4c5d6e' has 12; "
		"expected '3f2a1b4c5d6e*'");
	assert_string_equal(config.warnings.items[1],
			    "f:7: watch 'b': container: 'docker' is a runtime, and compared with "
			    "ids and names; expected 'any', and a cgroup");
	config_free(&config);
}

static void lines_of_keys_are_kept(void **state)
{
	struct config config;
	const struct watch_config *watch;

	(void)state;
	start(&config,
	      "include_armourd = /i\n"
	      "watch a {\npath = /a\ncommand = /c\nuser = u\non_exit = /e\non_restart = /r\n"
	      "on_give_up = /g\non_hang = /h\nprobe {\ntype = command\ntarget = /t\n"
	      "user = p }\n}\n"
	      "owner o {\nparent = p\nask = /a\nrestart = /b\nstart = /c\nstop = /d\n}\n"
	      "include = /i\nwatch b { path = /b }\nowner q { parent = p }");
	watch = &config.watches[0];
	assert_int_equal(watch->lines.path, 3);
	assert_int_equal(watch->lines.command, 4);
	assert_int_equal(watch->lines.user, 5);
	assert_int_equal(watch->lines.on_exit, 6);
	assert_int_equal(watch->lines.on_restart, 7);
	assert_int_equal(watch->lines.on_give_up, 8);
	assert_int_equal(watch->lines.on_hang, 9);
	assert_int_equal(watch->probes[0].target_line, 12);
	assert_int_equal(watch->probes[0].user_line, 13);
	assert_int_equal(config.owners[0].lines.ask, 17);
	assert_int_equal(config.owners[0].lines.restart, 18);
	assert_int_equal(config.owners[0].lines.start, 19);
	assert_int_equal(config.owners[0].lines.stop, 20);
	assert_int_equal(config.include_line, 22);
	assert_int_equal(config.include_armourd_line, 1);
	assert_int_equal(config.watches[1].lines.path, 23);
	assert_int_equal(config.watches[1].lines.command, 0);
	assert_int_equal(config.owners[1].lines.ask, 0);
	config_free(&config);
}

static void lists_grow_with_plus_equals(void **state)
{
	struct config config;

	(void)state;
	start(&config, "watch a { path = /a path += /b path += { /c, /d } uid += 1 uid += 2 }");
	assert_int_equal(config.watches[0].path.count, 4);
	assert_string_equal(config.watches[0].path.items[3], "/d");
	assert_int_equal(config.watches[0].uid.uid_count, 2);
	config_free(&config);
}

static void global_settings_are_taken(void **state)
{
	static const struct {
		const char *text;
		int level;
	} levels[] = {
		{"log_level = error", LOG_ERR},	    {"log_level = warning", LOG_WARNING},
		{"log_level = notice", LOG_NOTICE}, {"log_level = info", LOG_INFO},
		{"log_level = debug", LOG_DEBUG},
	};
	struct config config;

	(void)state;
	start(&config, "watchdog { timeout = 1s pretimeout = 250ms governor = panic device = "
		       "/dev/watchdog1 disarm_on_stop = no own_cgroup = /a/.b/..c }\n"
		       "max_processes = 16777216 max_parallel_starts = 256 include = { "
		       "'/etc/obit/*.conf', /x }");
	assert_string_equal(config.watchdog.device.items[0], "/dev/watchdog1");
	assert_int_equal(config.watchdog.timeout_ns, NS_PER_SEC);
	assert_int_equal(config.watchdog.pretimeout_ns, 250 * NS_PER_MS);
	assert_string_equal(config.watchdog.governor, "panic");
	assert_false(config.watchdog.disarm_on_stop);
	assert_string_equal(config.watchdog.own_cgroup, "/a/.b/..c");
	assert_int_equal(config.max_processes, 16777216);
	assert_int_equal(config.max_parallel_starts, 256);
	assert_int_equal(config.include.count, 2);
	assert_string_equal(config.include.items[0], "/etc/obit/*.conf");
	parse(&config, "include_armourd = '/etc/armourd.d/*'\ninclude-armourd += /x");
	assert_int_equal(config.include_armourd.count, 2);
	assert_string_equal(config.include_armourd.items[1], "/x");
	parse(&config, "ring_size = 64KiB");
	assert_int_equal(config.ring_size, 65536);
	parse(&config, "history_size = 1MiB");
	assert_int_equal(config.history_size, 1 << 20);
	parse(&config, "history_size = 64K");
	assert_int_equal(config.history_size, 65536);
	parse(&config, "history_size = 0");
	assert_int_equal(config.history_size, 0);
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		parse(&config, levels[i].text);
		assert_int_equal(config.log_level, levels[i].level);
	}
	parse(&config, "journal = no");
	assert_int_equal(config.journal, JOURNAL_NO);
	parse(&config, "log_level = info");
	assert_int_equal(config.journal, JOURNAL_NO);
	parse(&config, "journal = auto");
	assert_int_equal(config.journal, JOURNAL_AUTO);
	config_free(&config);
}

static void files_add_up_and_later_settings_win(void **state)
{
	struct config config;

	(void)state;
	start(&config, base_text);
	parse(&config, "watch new { cgroup = /x }\nwatchdog { timeout = 5s }\ninclude = /y");
	assert_int_equal(config.watch_count, 2);
	assert_string_equal(config.watches[0].name, "old");
	assert_string_equal(config.watches[1].name, "new");
	assert_string_equal(config.watchdog.device.items[0], "/dev/watchdog0");
	assert_int_equal(config.watchdog.timeout_ns, 5 * NS_PER_SEC);
	assert_int_equal(config.log_level, LOG_DEBUG);
	assert_int_equal(config.include.count, 2);
	assert_string_equal(config.include.items[1], "/y");
	parse(&config,
	      "watchdog { device = { /dev/watchdog1, /dev/watchdog2 } governor = noop\n"
	      "on_starve = /bin/true starve = reboot reset_limit = 7 volatile_state = yes\n"
	      "own_cgroup = /obit }\n"
	      "log_level = error");
	assert_int_equal(config.watchdog.device.count, 2);
	assert_string_equal(config.watchdog.device.items[0], "/dev/watchdog1");
	assert_string_equal(config.watchdog.device.items[1], "/dev/watchdog2");
	assert_string_equal(config.watchdog.governor, "noop");
	assert_string_equal(config.watchdog.on_starve, "/bin/true");
	assert_true(config.watchdog.starve_reboots);
	assert_true(config.watchdog.volatile_state);
	assert_int_equal(config.watchdog.reset_limit, 7);
	parse(&config, "log_level = error");
	assert_string_equal(config.watchdog.on_starve, "/bin/true");
	assert_string_equal(config.watchdog.own_cgroup, "/obit");
	assert_int_equal(config.watchdog.device.count, 2);
	assert_int_equal(config.watchdog.timeout_ns, 5 * NS_PER_SEC);
	assert_int_equal(config.log_level, LOG_ERR);
	config_free(&config);
}

/* A refused file must leave nothing behind in libconfuse's scanner either. */
static void a_good_file_is_taken_after_each_bad_one(void **state)
{
	struct config_error error;
	struct config config;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_files); i++) {
		start(&config, base_text);
		assert_int_equal(parse_as(&config, "f", bad_files[i].text, &error), -EINVAL);
		parse(&config, full_watch);
		assert_full_recipe(&config.watches[1]);
		config_free(&config);
	}
}

static void names_are_those_of_the_configuration(void **state)
{
	(void)state;
	assert_string_equal(restart_when_name(RESTART_NO), "no");
	assert_string_equal(restart_when_name(RESTART_ALWAYS), "always");
	assert_string_equal(kill_mode_name(KILL_MODE_INSTANCE), "instance");
	assert_string_equal(owner_mode_name(OWNER_RESPECT), "respect");
}

static const struct {
	const char *pattern, *name;
} patterns[] = {
	{"/usr/sbin/nginx", "nginx"},
	{"/usr/local/bin/*", "bin"},
	{"/opt/app/bin/*", "bin-2"},
	{"/opt/bin/**/x?", "bin-3"},
	{"/usr/bin/my prog", "my_prog"},
	{"/*", "watch"},
	{"/**", "watch-2"},
	{"/opt/*/daemon", "daemon"},
	{"/x/[ab]", "x"},
	{"/usr/lib/a\xc3\xa9", "a__"},
	{"/b/0123456789012345678901234567890123456789012345678901234567890123456789",
	 "0123456789012345678901234567890123456789012345678901234"},
	{"/c/0123456789012345678901234567890123456789012345678901234567890123456789",
	 "0123456789012345678901234567890123456789012345678901234-2"},
};

static void patterns_are_named_after_their_last_literal_component(void **state)
{
	struct config_error error = {""};
	struct config config;

	(void)state;
	config_init(&config);
	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		assert_int_equal(config_add_pattern(&config, patterns[i].pattern, &error), 0);
		assert_int_equal(config.watch_count, i + 1);
		assert_string_equal(config.watches[i].name, patterns[i].name);
		assert_int_equal(config.watches[i].path.count, 1);
		assert_string_equal(config.watches[i].path.items[0], patterns[i].pattern);
		assert_string_equal(config.watches[i].file, "command line");
		assert_default_watch(&config.watches[i]);
	}
	config_free(&config);
}

static void bad_patterns_are_refused(void **state)
{
	static const char *const bad[] = {"",  "nginx",	  "./nginx", "/usr/bin/",
					  "/", "/a/../b", "/a//b",   "/a/["};
	struct config_error error = {""};
	struct config config;

	(void)state;
	start(&config, base_text);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(config_add_pattern(&config, bad[i], &error), -EINVAL);
		assert_memory_equal(error.text, "command line: path: '", 21);
		assert_non_null(strstr(error.text, "expected"));
		assert_is_base(&config);
	}
	config_free(&config);
}

/* ---- words of a command line ---- */

static int add_words(struct config *config, const char *const *words, struct config_error *error)
{
	_cleanup_(watch_config_free) struct watch_config watch = {0};
	size_t count = 0;
	int r;

	while (words[count])
		count++;
	r = config_read_words(words, count, &watch, error);
	return r < 0 ? r : config_take_watch(config, &watch, error);
}

static void words_make_the_watch_that_a_file_would(void **state)
{
	static const char *const words[] = {"path=/usr/bin/x",
					    "success_exit_status=3",
					    "restart=always",
					    "success_exit_status=SIGUSR1",
					    "path=/opt/**/[!a]*",
					    "uid=33",
					    "uid=34",
					    "env=A=${B} # =",
					    "args=",
					    "command=/bin/x 'a b'",
					    "kill_timeout=1h 30min",
					    "name=web.1",
					    "critical=on",
					    NULL};
	struct config_error error;
	struct watch_config *watch;
	struct config config;

	(void)state;
	start(&config, base_text);
	assert_int_equal(add_words(&config, words, &error), 0);
	assert_int_equal(config.watch_count, 2);
	watch = &config.watches[1];
	assert_string_equal(watch->name, "web.1");
	assert_null(watch->file);
	assert_int_equal(watch->line, 0);
	assert_int_equal(watch->path.count, 2);
	assert_string_equal(watch->path.items[1], "/opt/**/[!a]*");
	assert_int_equal(watch->uid.uid_count, 2);
	assert_int_equal(watch->restart, RESTART_ALWAYS);
	assert_true(status_set_has(&watch->success_exit_status, 3 << 8));
	assert_true(status_set_has(&watch->success_exit_status, SIGUSR1));
	assert_string_equal(watch->env.items[0], "A=${B} # =");
	assert_string_equal(watch->args, "");
	assert_string_equal(watch->command, "/bin/x 'a b'");
	assert_int_equal(watch->kill_timeout_ns, 90 * NS_PER_MIN);
	assert_int_equal(watch->start_limit_interval_ns, 10 * NS_PER_SEC);
	assert_true(watch->critical);
	config_free(&config);
}

static void words_without_a_name_are_named_as_patterns_are(void **state)
{
	static const char *const path[] = {"path=/usr/bin/old", NULL};
	static const char *const cgroup[] = {"cgroup=/batch/*", NULL};
	struct config_error error;
	struct config config;

	(void)state;
	start(&config, base_text);
	assert_int_equal(add_words(&config, path, &error), 0);
	assert_int_equal(add_words(&config, cgroup, &error), 0);
	assert_string_equal(config.watches[1].name, "old-2");
	assert_string_equal(config.watches[2].name, "batch");
	config_free(&config);
}

static const struct {
	const char *words[4];
	const char *text; /* all of the message, or how it starts */
} bad_words[] = {
	{{NULL}, "nothing to be watched; expected a path, a cgroup or a pid"},
	{{"restart=no"}, "nothing to be watched"},
	{{"path=/a", "restat=no"}, "unknown key 'restat'; expected 'restart'?"},
	{{"path=/a", "log_level=info"}, "'log_level' does not belong here; expected it outside"},
	{{"path=/a", "restart=alwais"}, "restart: 'alwais' is wrong; expected no, on-success"},
	{{"path=/a", "restart"}, "'restart' has no value; expected KEY=VALUE"},
	{{"path=/a", "restart="}, "restart: '' is wrong"},
	{{"path=/a", "restart=no", "restart=no"}, "'restart' is set already; expected it once"},
	{{"path=/a", "name=a", "name=b"}, "'name' is set already; expected it once"},
	{{"path=/a", "uid=33", "uid=any"}, "uid: 'any' is wrong; expected service or any to stand"},
	{{"path=nginx"}, "path: 'nginx' is wrong; expected an absolute path"},
	{{"path=/a", "name=old"}, "watch 'old' is there already, from f:1; expected another name"},
	{{"path=/a", "name=a@7"}, "'a@7' is no name for a watch; expected 1 to 63"},
	{{"path=/a", "name="}, "'' is no name for a watch"},
	{{"path=/a", "=x"}, "unknown key ''; expected one"},
	{{"pid=0"}, "pid: '0' is wrong; expected the pid of a process"},
	{{"pid=4194305"}, "pid: '4194305' is wrong"},
	{{"pid=self"}, "pid: 'self' is wrong"},
	{{"pid=7", "pid=8"}, "'pid' is set already"},
	{{"pid=7", "uid=any"}, "'uid' is set beside a pid; expected the pid alone"},
	{{"path=/a", "pid=7"}, "'path' is set beside a pid"},
};

static void bad_words_are_refused(void **state)
{
	struct config_error error;
	struct config config;

	(void)state;
	start(&config, base_text);
	for (size_t i = 0; i < ARRAY_SIZE(bad_words); i++) {
		assert_int_equal(add_words(&config, bad_words[i].words, &error), -EINVAL);
		if (strncmp(error.text, bad_words[i].text, strlen(bad_words[i].text)) != 0)
			fail_msg("expected: %s\ngot: %s", bad_words[i].text, error.text);
		assert_is_base(&config);
	}
	config_free(&config);
}

static void a_pid_is_known_by_what_was_read(void **state)
{
	static const char *const words[] = {"pid=4711", "restart=always"};
	struct config_error error;
	struct watch_config watch;

	(void)state;
	assert_int_equal(config_read_words(words, ARRAY_SIZE(words), &watch, &error), 0);
	assert_int_equal(watch.pid, 4711);
	assert_null(watch.name);
	watch_config_free(&watch);
}

/* ---- copies ---- */

static void a_copy_is_the_same_and_owns_what_it_has(void **state)
{
	struct config config, copy;

	(void)state;
	start(&config, base_text);
	parse(&config, full_watch);
	assert_int_equal(config_copy(&config, &copy), 0);
	assert_int_equal(copy.include.count, 0);
	config_free(&config); /* the sanitizer would tell what is shared */
	assert_int_equal(copy.watch_count, 2);
	assert_string_equal(copy.watches[0].name, "old");
	assert_string_equal(copy.watchdog.device.items[0], "/dev/watchdog0");
	assert_int_equal(copy.log_level, LOG_DEBUG);
	assert_full_matching(&copy.watches[1]);
	assert_full_policy(&copy.watches[1]);
	assert_full_recipe(&copy.watches[1]);
	assert_full_probes(&copy.watches[1]);
	config_drop_watch(&copy, 0);
	assert_int_equal(copy.watch_count, 1);
	assert_full_matching(&copy.watches[0]);
	config_drop_watch(&copy, 0);
	assert_int_equal(copy.watch_count, 0);
	config_free(&copy);
}

/* ---- memory ---- */

static int add_some_words(struct config *config, struct config_error *error)
{
	static const char *const words[] = {"path=/usr/bin/x", "uid=7", "env=A=1", NULL};

	return add_words(config, words, error);
}

static int parse_full(struct config *config, struct config_error *error)
{
	return parse_as(config, "f",
			"watchdog { device = /dev/watchdog1 timeout = 9s }\n"
			"include = /z log_level = error max_processes = 5 history_size = 0\n"
			"watch new { path = { /a, /b } uid = { 1, 2 } env = 'A=1' args = x\n"
			"container = c backoff_initial = 1h probe { type = http target = "
			"'http://[::1]/' expect = x }\n"
			"probe { type = command target = /x user = y } }",
			error);
}

static int add_some_pattern(struct config *config, struct config_error *error)
{
	return config_add_pattern(config, "/usr/bin/x", error);
}

static int copy_and_add(struct config *config, struct config_error *error)
{
	struct config copy;
	int r = config_copy(config, &copy);

	if (r == 0) {
		r = add_some_pattern(&copy, error);
		config_free(&copy);
	} else {
		snprintf(error->text, sizeof(error->text), "out of memory");
	}
	return r < 0 ? r : config_add_pattern(config, "/usr/bin/y", error);
}

static int parse_armourd(struct config *config, struct config_error *error)
{
	static const char text[] = "/usr/bin/x { command : \"/x y\" pidfile : /p notify : /z }";

	return config_parse_armourd(config, "f", text, strlen(text), error);
}

/* Fails the first allocation, then the second, and so on until there are enough. */
static void run_out_of_memory(int (*act)(struct config *, struct config_error *))
{
	struct config_error error;
	struct config config;
	long allowed = 0;
	int r;

	start(&config, base_text);
	do {
		error.text[0] = '\0';
		allocations_left = allowed++;
		r = act(&config, &error);
		allocations_left = -1;
		if (r < 0) {
			if (r != -ENOMEM)
				fail_msg("%d for: %s", r, error.text);
			assert_non_null(strstr(error.text, "out of memory"));
			assert_is_base(&config);
		}
	} while (r < 0);
	assert_true(allowed > 4);
	assert_int_equal(config.watch_count, 2);
	config_free(&config);
}

static void a_lack_of_memory_changes_nothing(void **state)
{
	(void)state;
	run_out_of_memory(parse_full);
	run_out_of_memory(add_some_pattern);
	run_out_of_memory(add_some_words);
	run_out_of_memory(copy_and_add);
	run_out_of_memory(parse_armourd);
}

static void structures_may_be_freed_twice(void **state)
{
	struct watch_config watch;
	struct config config;

	(void)state;
	start(&config, base_text);
	config_free(&config);
	config_free(&config);
	watch_config_init(&watch);
	assert_default_watch(&watch);
	watch_config_free(&watch);
	watch_config_free(&watch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_assignments_are_refused_at_their_line),
		cmocka_unit_test(bad_owners_are_refused_at_their_line),
		cmocka_unit_test(owners_that_make_no_sense_are_refused),
		cmocka_unit_test(every_key_of_an_owner_is_taken),
		cmocka_unit_test(bad_files_are_refused_at_their_line),
		cmocka_unit_test(a_nul_byte_is_refused),
		cmocka_unit_test(a_huge_file_is_refused),
		cmocka_unit_test(messages_are_one_line_whatever_the_words),
		cmocka_unit_test(a_path_of_any_length_is_judged),
		cmocka_unit_test(watches_have_a_limit),
		cmocka_unit_test(an_empty_file_leaves_the_defaults),
		cmocka_unit_test(a_watch_has_defaults),
		cmocka_unit_test(every_key_of_a_watch_is_taken),
		cmocka_unit_test(words_choose_what_they_say),
		cmocka_unit_test(a_backoff_that_begins_above_its_end_is_warned_of),
		cmocka_unit_test(a_pretimeout_may_wait_for_its_timeout),
		cmocka_unit_test(a_container_that_is_no_id_is_warned_of),
		cmocka_unit_test(lines_of_keys_are_kept),
		cmocka_unit_test(lists_grow_with_plus_equals),
		cmocka_unit_test(global_settings_are_taken),
		cmocka_unit_test(files_add_up_and_later_settings_win),
		cmocka_unit_test(a_good_file_is_taken_after_each_bad_one),
		cmocka_unit_test(names_are_those_of_the_configuration),
		cmocka_unit_test(patterns_are_named_after_their_last_literal_component),
		cmocka_unit_test(bad_patterns_are_refused),
		cmocka_unit_test(words_make_the_watch_that_a_file_would),
		cmocka_unit_test(words_without_a_name_are_named_as_patterns_are),
		cmocka_unit_test(bad_words_are_refused),
		cmocka_unit_test(a_pid_is_known_by_what_was_read),
		cmocka_unit_test(a_copy_is_the_same_and_owns_what_it_has),
		cmocka_unit_test(a_lack_of_memory_changes_nothing),
		cmocka_unit_test(structures_may_be_freed_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
