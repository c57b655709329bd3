// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The answers are those of systemd 252, podman 4.3.1, runit 2.1.2, s6 2.11, daemontools 0.76 and supervisor 4.2.5, as
 * they gave them; docker's are made from podman's, in docker's words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "core/owner.h"

#define ID    "4f1d5c7bb1e0e2cbb5a40ee0f1c1b2a39d7c8e6f5a4b3c2d1e0f9a8b7c6d5e4f"
#define DEAD  28168U
#define DIED  2180000000U /* us */
#define AGO_S 3

static struct config table; /* the built-in owners */

static int set_up(void **state)
{
	struct config_error error;

	(void)state;
	config_init(&table);
	return config_complete_owners(&table, &error);
}

static int tear_down(void **state)
{
	(void)state;
	config_free(&table);
	return 0;
}

static const struct owner_config *rule_named(const char *name)
{
	return config_find_owner(&table, name);
}

static const struct owner_death the_death = {
	.pid = DEAD, .container_init = true, .died_us = DIED, .ago_ns = AGO_S * NS_PER_SEC};

#define UNIT(main, started, state, sub, job)                                                       \
	"MainPID=" main "\nExecMainStartTimestampMonotonic=" started                               \
	"\nLoadState=loaded\nActiveState=" state "\nSubState=" sub "\nJob=" job "\n"

static const struct {
	const char *owner, *text;
	enum owner_answer answer;
} answers[] = {
	{"systemd", UNIT("28168", "2176365653", "active", "running", ""), OWNER_SAYS_WAIT},
	{"systemd", UNIT("28481", "2183548389", "active", "running", ""), OWNER_SAYS_RESTARTS},
	{"systemd", UNIT("28481", "2176365653", "active", "running", ""), OWNER_SAYS_RUNS_ON},
	{"systemd", UNIT("0", "2176365653", "failed", "failed", ""), OWNER_SAYS_NO},
	{"systemd", UNIT("0", "0", "inactive", "dead", ""), OWNER_SAYS_NO},
	{"systemd", UNIT("0", "2176320348", "activating", "auto-restart", ""), OWNER_SAYS_RESTARTS},
	{"systemd", UNIT("28168", "2176320348", "activating", "start", ""), OWNER_SAYS_WAIT},
	{"systemd", UNIT("0", "2176372563", "deactivating", "stop-post", "28"),
	 OWNER_SAYS_STOPPING},
	{"systemd", UNIT("0", "2176372563", "deactivating", "stop-post", ""), OWNER_SAYS_WAIT},
	{"systemd", UNIT("0", "0", "inactive", "dead", "31"), OWNER_SAYS_RESTARTS},
	{"systemd", "LoadState=not-found\nActiveState=inactive\nSubState=dead\nJob=\n",
	 OWNER_SAYS_NOTHING},
	{"systemd", "", OWNER_SAYS_NOTHING},
	{"podman", "running 28168 0 0 \n", OWNER_SAYS_WAIT},
	{"podman", "stopped 0 0 0 \n", OWNER_SAYS_WAIT},
	{"podman", "exited 0 0 0 \n", OWNER_SAYS_NO},
	{"podman", "running 25134 1 2 on-failure\n", OWNER_SAYS_RESTARTS},
	{"podman", "exited 0 1 2 on-failure\n", OWNER_SAYS_WAIT},
	{"podman", "exited 0 2 2 on-failure\n", OWNER_SAYS_NO},
	{"podman", "exited 0 0 0 always\n", OWNER_SAYS_WAIT},
	{"podman", "", OWNER_SAYS_NOTHING},
	{"docker", "running 28168\n", OWNER_SAYS_WAIT},
	{"docker", "restarting 0\n", OWNER_SAYS_RESTARTS},
	{"docker", "exited 0\n", OWNER_SAYS_NO},
	{"docker", "removing 0\n", OWNER_SAYS_STOPPING},
	{"docker", "running 25134\n", OWNER_SAYS_RESTARTS},
	{"docker", "paused 25134\n", OWNER_SAYS_NOTHING},
	{"docker", "exited\n", OWNER_SAYS_NOTHING},
	{"runit", "run: /etc/service/web: (pid 28168) 1s\n", OWNER_SAYS_WAIT},
	{"runit", "run: /etc/service/web: (pid 23384) 0s\n", OWNER_SAYS_RESTARTS},
	{"runit", "run: /etc/service/web: (pid 23384) 4s\n", OWNER_SAYS_RUNS_ON},
	{"runit", "run: /etc/service/web: (pid 28168) 0s, want down\n", OWNER_SAYS_WAIT},
	{"runit", "down: /etc/service/web: 0s, normally up\n", OWNER_SAYS_NO},
	{"runit", "down: /etc/service/web: 0s, normally up, want up\n", OWNER_SAYS_RESTARTS},
	{"runit", "finish: /etc/service/web: (pid 4) 0s\n", OWNER_SAYS_RESTARTS},
	{"runit", "run: /etc/service/web: (pid 7) 60s; run: log: (pid 9) 0s\n",
	 OWNER_SAYS_RESTARTS},
	{"runit", "down: /etc/service/web: 1s, normally up; run: log: (pid 9) 60s, want up\n",
	 OWNER_SAYS_NO},
	{"runit",
	 "fail: /etc/service/web: unable to change to service directory: file does not exist\n",
	 OWNER_SAYS_NOTHING},
	{"s6", "true true true 28168 0\n", OWNER_SAYS_WAIT},
	{"s6", "true true true 23567 0\n", OWNER_SAYS_RESTARTS},
	{"s6", "true true true 23567 9\n", OWNER_SAYS_RUNS_ON},
	{"s6", "true false true 28168 0\n", OWNER_SAYS_WAIT},
	{"s6", "false true true -1 0\n", OWNER_SAYS_RESTARTS},
	{"s6", "false false true -1 0\n", OWNER_SAYS_NO},
	{"s6", "", OWNER_SAYS_NOTHING},
	{"daemontools", "/service/web: up (pid 28168) 0 seconds\n", OWNER_SAYS_WAIT},
	{"daemontools", "/service/web: up (pid 23673) 1 seconds\n", OWNER_SAYS_RESTARTS},
	{"daemontools", "/service/web: down 1 seconds, normally up\n", OWNER_SAYS_NO},
	{"daemontools", "/service/web: down 1 seconds, normally up, want up\n",
	 OWNER_SAYS_RESTARTS},
	{"daemontools", "/service/web: unable to chdir: file does not exist\n", OWNER_SAYS_NOTHING},
	{"supervisord", "web                              STARTING  \n", OWNER_SAYS_RESTARTS},
	{"supervisord", "web                              RUNNING   pid 24006, uptime 0:00:02\n",
	 OWNER_SAYS_RESTARTS},
	{"supervisord", "web                              RUNNING   pid 28168, uptime 0:00:02\n",
	 OWNER_SAYS_WAIT},
	{"supervisord", "web                              RUNNING   pid 24006, uptime 1:00:02\n",
	 OWNER_SAYS_RUNS_ON},
	{"supervisord",
	 "fails                            BACKOFF   Exited too quickly (process log may have "
	 "details)\n",
	 OWNER_SAYS_RESTARTS},
	{"supervisord",
	 "fails                            FATAL     Exited too quickly (process log may have "
	 "details)\n",
	 OWNER_SAYS_NO},
	{"supervisord", "once                             EXITED    Nov 25 11:05 PM\n",
	 OWNER_SAYS_NO},
	{"supervisord", "once                             STOPPED   Nov 25 11:05 PM\n",
	 OWNER_SAYS_STOPPING},
	{"supervisord", "nope: ERROR (no such process)\n", OWNER_SAYS_NOTHING},
	{"supervisord", "error: <class 'xmlrpc.client.Fault'>, <Fault 6: 'SHUTDOWN_STATE'>: file\n",
	 OWNER_SAYS_NOTHING},
};

static void each_answer_is_read_for_what_it_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		const struct owner_config *rule = rule_named(answers[i].owner);

		assert_non_null(rule);
		if (owner_read(rule->answer, answers[i].text, &the_death) != answers[i].answer)
			fail_msg("%s: %s", answers[i].owner, answers[i].text);
	}
}

/* A member of a container that runs on, and no restart. */
static void a_container_runs_on_without_a_process_that_is_not_its_first(void **state)
{
	struct owner_death death = the_death;

	(void)state;
	death.container_init = false;
	assert_int_equal(owner_read(OWNER_FORMAT_DOCKER, "running 7\n", &death),
			 OWNER_SAYS_RUNS_ON);
}

static void a_script_says_it_in_one_word(void **state)
{
	static const struct {
		const char *text;
		enum owner_answer answer;
	} words[] = {
		{"restarts", OWNER_SAYS_RESTARTS}, {"restarts\n", OWNER_SAYS_RESTARTS},
		{"no\nmore\n", OWNER_SAYS_NO},	   {"  stops soon\n", OWNER_SAYS_STOPPING},
		{"wait", OWNER_SAYS_WAIT},	   {"runs-on", OWNER_SAYS_RUNS_ON},
		{"not", OWNER_SAYS_NOTHING},	   {"", OWNER_SAYS_NOTHING},
		{"NO", OWNER_SAYS_NOTHING},	   {"restarts-it", OWNER_SAYS_NOTHING},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (owner_read(OWNER_FORMAT_WORD, words[i].text, &the_death) != words[i].answer)
			fail_msg("%s", words[i].text);
	assert_int_equal(owner_read(OWNER_FORMAT_UNSET, "no", &the_death), OWNER_SAYS_NOTHING);
}

static const struct {
	const char *cgroup, *parent, *owner, *words;
	uint32_t uid;
	bool may;
} found[] = {
	{"/", NULL, NULL, "", 0, false},
	{NULL, "bash", NULL, "", 0, false},
	{"/system.slice/nginx.service", NULL, "systemd", "systemd unit nginx.service", 0, true},
	{"/system.slice/system-pg.slice/pg@1.service", NULL, "systemd", "systemd unit pg@1.service",
	 0, true},
	{"/user.slice/session-1.scope", NULL, NULL, "", 0, false},
	/* a user's own manager, and a user who poses as the system's */
	{"/user.slice/user-1000.slice/user@1000.service/app.slice/a.service", NULL, "systemd",
	 "systemd unit a.service", 0, false},
	{"/system.slice/ci.service/x.slice/nginx.service", NULL, "systemd",
	 "systemd unit nginx.service", 0, false},
	{"/docker/" ID, NULL, "docker", "container 4f1d5c7bb1e0", 0, true},
	{"/libpod_parent/libpod-" ID, NULL, "podman", "container 4f1d5c7bb1e0", 0, true},
	{"/docker/" ID, "runsv", "docker", "container 4f1d5c7bb1e0", 0, true},
	{"/lxc.payload.web", NULL, "lxc", "container web", 0, false},
	{"/k8s.io/web", NULL, "containerd", "container web", 0, false},
	{"/any/" ID, NULL, "its container engine", "container 4f1d5c7bb1e0", 0, false},
	/* the innermost one counts */
	{"/system.slice/runit.service", "runsv", "runit", "runsv (pid 12)", 0, true},
	{"/", "runsv", "runit", "runsv (pid 12)", 0, true},
	{"/", "runsv", "runit", "runsv (pid 12)", 1000, false},
	{"/", "s6-supervise", "s6", "s6-supervise (pid 12)", 0, true},
	{"/", "supervise", "daemontools", "supervise (pid 12)", 0, true},
	{"/", "supervisord", "supervisord", "supervisord (pid 12)", 0, true},
};

static void the_innermost_owner_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(found); i++) {
		struct owner_suspect suspect = {.cgroup = found[i].cgroup, .ancestor_count = 2};
		struct owner owner;

		strcpy(suspect.ancestors[0].comm, "sh");
		snprintf(suspect.ancestors[1].comm, OWNER_COMM_SIZE, "%s",
			 found[i].parent ? found[i].parent : "init");
		suspect.ancestors[1].pid = 12;
		suspect.ancestors[1].uid = found[i].uid;
		owner_find(&table, &suspect, &owner);
		if (!found[i].owner != !owner.rule ||
		    (owner.rule && strcmp(owner.rule->name, found[i].owner) != 0))
			fail_msg("%zu: %s", i, owner.rule ? owner.rule->name : "nobody");
		assert_string_equal(owner.words, found[i].words);
		assert_int_equal(owner.rule && !owner.why_not, found[i].may);
	}
}

/* Two sections of a file, in front of the built-in ones. */
static void load(struct config *config, const char *text)
{
	struct config_error error;

	config_init(config);
	if (config_parse(config, "f", text, strlen(text), &error) < 0 ||
	    config_complete_owners(config, &error) < 0)
		fail_msg("%s", error.text);
}

static const char *owner_of(const struct config *config, const char *cgroup, const char *parent,
			    const char *exe, struct owner *ret)
{
	struct owner_suspect suspect = {.cgroup = cgroup, .ancestor_count = 1};

	snprintf(suspect.ancestors[0].comm, OWNER_COMM_SIZE, "%s", parent);
	snprintf(suspect.ancestors[0].exe, OWNER_PATH_SIZE, "%s", exe);
	suspect.ancestors[0].pid = 12;
	owner_find(config, &suspect, ret);
	return ret->rule ? ret->rule->name : "";
}

static void owners_of_a_file_come_first(void **state)
{
	struct config config;
	struct owner owner;

	(void)state;
	load(&config, "owner apps { unit = 'app@*.service' ask = 'x {unit}' }\n"
		      "owner pens { cgroup = '/pens/*' ask = x }\n"
		      "owner minder { parent = { mind, '/opt/*/minder' } ask = x }\n"
		      "owner long { parent = a-rather-long-name ask = x }\n");
	assert_string_equal(owner_of(&config, "/system.slice/app@1.service", "sh", "", &owner),
			    "apps");
	assert_int_equal(owner.pid, 1);
	assert_string_equal(owner_of(&config, "/system.slice/web.service", "sh", "", &owner),
			    "systemd");
	assert_string_equal(owner_of(&config, "/pens/a/b", "runsv", "", &owner), "pens");
	assert_string_equal(owner.words, "pens (cgroup /pens/a/b)");
	assert_string_equal(owner.id, "b");
	assert_string_equal(owner.cgroup, "/pens/a/b");
	assert_string_equal(owner_of(&config, "/pens", "sh", "", &owner), "");
	assert_string_equal(owner_of(&config, "/", "mind", "", &owner), "minder");
	assert_true(owner.is_ancestor);
	assert_string_equal(owner_of(&config, "/", "sh", "/opt/x/minder", &owner), "minder");
	assert_string_equal(owner_of(&config, "/", "a-rather-long-n", "", &owner), "long");
	assert_true(owner_wants_paths(&config));
	assert_false(owner_wants_paths(&table));
	config_free(&config);
}

static void what_a_file_leaves_open_is_as_built_in(void **state)
{
	const struct owner_config *rule;
	struct config config;
	struct owner owner;

	(void)state;
	load(&config, "owner docker { ask = 'nerdctl inspect {id}' stopped_by = nerdctl }\n"
		      "owner containerd { ask = 'ctr {id}' restart = 'x {id}' }\n"
		      "owner runit { parent = my-runsv }\n"
		      "owner lxc { stop = x }\n");
	assert_int_equal(config.owner_count, table.owner_count);
	rule = config_find_owner(&config, "docker");
	assert_string_equal(rule->runtime, "docker");
	assert_string_equal(rule->ask, "nerdctl inspect {id}");
	assert_int_equal(rule->answer, OWNER_FORMAT_DOCKER);
	assert_string_equal(rule->restart, "docker restart {id}");
	assert_int_equal(rule->stopped_by.count, 1);
	rule = config_find_owner(&config, "containerd");
	assert_null(rule->reason);
	assert_int_equal(rule->answer, OWNER_FORMAT_WORD);
	assert_non_null(config_find_owner(&config, "lxc")->reason);
	assert_string_equal(owner_of(&config, "/", "runsv", "", &owner), "");
	assert_string_equal(owner_of(&config, "/", "my-runsv", "", &owner), "runit");
	config_free(&config);
}

static void who_has_no_command_is_reported(void **state)
{
	struct config config;
	struct owner owner;

	(void)state;
	load(&config, "owner a { cgroup = '/a' stop = x }\n"
		      "owner b { cgroup = '/b' restart = x }\n"
		      "owner c { cgroup = '/c' restart = x reason = 'it says so' }\n");
	owner_of(&config, "/a", "sh", "", &owner);
	assert_string_equal(owner.why_not, "it has no command to be asked or told with");
	owner_of(&config, "/b", "sh", "", &owner);
	assert_null(owner.why_not);
	owner_of(&config, "/c", "sh", "", &owner);
	assert_string_equal(owner.why_not, "it says so");
	config_free(&config);
}

/* The words of the command, joined by '|', or the error. */
static void expect_command(const struct owner *owner, const char *command, int error,
			   const char *joined)
{
	_cleanup_free_ const char **argv = NULL;
	_cleanup_free_ char *words = NULL;
	char got[512] = "";

	assert_int_equal(owner_command(owner, command, &words, &argv), error);
	for (size_t i = 0; !error && argv[i]; i++) {
		strcat(got, i ? "|" : "");
		strcat(got, argv[i]);
	}
	if (!error)
		assert_string_equal(got, joined);
}

static void its_command_gets_the_names_of_things(void **state)
{
	struct owner owner = {.rule = rule_named("systemd")};

	(void)state;
	strcpy(owner.unit, "web.service");
	strcpy(owner.directory, "/etc/a b/web");
	strcpy(owner.id, "-rf");
	expect_command(&owner, "systemctl restart {unit}", 0, "systemctl|restart|web.service");
	expect_command(&owner, "sv up {directory}", 0, "sv|up|/etc/a b/web");
	expect_command(&owner, "x --format '{{.State}} {unit}' y", 0,
		       "x|--format|{{.State}} web.service|y");
	expect_command(&owner, "sh -c 'echo ${unit} {{unit}}' sh a{unit}", 0,
		       "sh|-c|echo ${unit} {{unit}}|sh|aweb.service");
	owner.child = 4711;
	expect_command(&owner, "x {pid}", 0, "x|4711");
	/* not known; and what would be an option */
	expect_command(&owner, "x {cgroup}", -ENODATA, NULL);
	expect_command(&owner, "supervisorctl status {name}", -ENODATA, NULL);
	expect_command(&owner, "docker restart {id}", -ENODATA, NULL);
	expect_command(&owner, "docker restart id={id}", 0, "docker|restart|id=-rf");
}

static void who_signals_for_it_is_known(void **state)
{
	struct owner systemd = {.rule = rule_named("systemd"), .pid = 1};
	struct owner docker = {.rule = rule_named("docker")};
	struct owner nobody = {0};

	(void)state;
	assert_true(owner_sent(&systemd, 1, "systemd"));
	assert_false(owner_sent(&systemd, 4711, "systemd"));
	assert_true(owner_sent(&docker, 4711, "runc"));
	assert_true(owner_sent(&docker, 4711, "containerd-shim"));
	assert_false(owner_sent(&docker, 4711, "bash"));
	assert_false(owner_sent(&nobody, 1, "systemd"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_answer_is_read_for_what_it_says),
		cmocka_unit_test(a_script_says_it_in_one_word),
		cmocka_unit_test(owners_of_a_file_come_first),
		cmocka_unit_test(what_a_file_leaves_open_is_as_built_in),
		cmocka_unit_test(who_has_no_command_is_reported),
		cmocka_unit_test(a_container_runs_on_without_a_process_that_is_not_its_first),
		cmocka_unit_test(the_innermost_owner_is_found),
		cmocka_unit_test(its_command_gets_the_names_of_things),
		cmocka_unit_test(who_signals_for_it_is_known),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
