// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who else brings an instance back. Questions and orders are commands that run beside the loop; what comes of them are
 * inputs of the policy. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "io/hooks.h"
#include "io/proc.h"

#define RUNNING_MAX   4
#define WAITING_MAX   64
#define GRACE	      (2 * NS_PER_SEC) /* between SIGTERM and SIGKILL */
#define ASK_TIMEOUT   (10 * NS_PER_SEC)
#define ORDER_TIMEOUT (120 * NS_PER_SEC) /* systemctl waits until the unit is up, or down */
#define WORDS_SIZE    160
#define INIT_PID      1

/* ---- who it is ---- */

/* As supervisord tells it to its children. */
static void take_program(const struct recipe *recipe, struct owner *owner)
{
	const char *group = strings_find(&recipe->env, "SUPERVISOR_GROUP_NAME");
	const char *name = strings_find(&recipe->env, "SUPERVISOR_PROCESS_NAME");

	if (group && name)
		snprintf(owner->name, sizeof(owner->name), "%s:%s", strchr(group, '=') + 1,
			 strchr(name, '=') + 1);
}

static void take_config(struct owner *owner)
{
	static const char *const defaults[] = {"/etc/supervisor/supervisord.conf",
					       "/etc/supervisord.conf"};

	proc_config_option((pid_t)owner->pid, owner->config);
	for (size_t i = 0; !*owner->config && i < ARRAY_SIZE(defaults); i++)
		if (access(defaults[i], F_OK) == 0)
			snprintf(owner->config, sizeof(owner->config), "%s", defaults[i]);
}

/* `parent` is 0 where it is not known. */
static void meet(struct daemon *daemon, struct instance *instance, uint32_t child, pid_t parent,
		 const char *cgroup, bool in_namespace)
{
	struct attachment *attachment = instance->attachment;
	const struct watch_config *watch = watch_of(daemon, instance);
	struct policy_owner *told = &instance->policy.owner;
	struct owner_suspect suspect = {.cgroup = cgroup, .in_namespace = in_namespace};
	struct owner owner;

	owners_forget(attachment);
	*told = (struct policy_owner){0};
	if (watch->owner == OWNER_IGNORE)
		return;
	if (cgroup && glance_is_own_cgroup(daemon, NULL, cgroup))
		suspect.cgroup = NULL;
	glance_ancestors(daemon, parent, &suspect);
	owner_find(&daemon->config, &suspect, &owner);
	if (!owner.rule)
		return;
	owner.child = child;
	if (owner.is_ancestor) {
		proc_directory((pid_t)owner.pid, owner.directory);
		take_config(&owner);
		if (instance->recipe)
			take_program(instance->recipe, &owner);
	}
	attachment->owner = malloc(sizeof(owner));
	if (!attachment->owner) {
		daemon_out_of_memory(daemon, "looking for an owner");
		return;
	}
	*attachment->owner = owner;
	if (owner.why_not || watch->owner == OWNER_RESPECT)
		return;
	snprintf(told->name, sizeof(told->name), "%s", owner.rule->name);
	told->unasked = watch->owner == OWNER_ASK || !owner.rule->ask;
	told->untold = !owner.rule->restart && !owner.rule->start;
	told->restarts = owner.rule->restart;
	told->stops = owner.rule->stop;
	told->twice = owner_says_no_twice(owner.rule->answer);
}

static pid_t parent_of(pid_t pid)
{
	struct owner_ancestor both[2];

	return proc_ancestors(pid, both, 2) == 2 ? (pid_t)both[1].pid : 0;
}

void owners_meet(struct daemon *daemon, struct instance *instance)
{
	const struct recipe *recipe = instance->recipe;
	uint32_t pid = instance->main ? instance->main->key.tgid : 0;

	meet(daemon, instance, pid, pid ? parent_of((pid_t)pid) : 0, recipe ? recipe->cgroup : NULL,
	     recipe && !(recipe->facts->flags & OBIT_EXEC_HOST_PIDNS));
}

void owners_meet_again(struct daemon *daemon, struct instance *instance)
{
	struct policy_owner *owner = &instance->policy.owner;
	const struct policy_owner before = *owner;

	owners_meet(daemon, instance);
	/* Whom the parent told, who is not known any more, it had all the same. */
	if (!*owner->name && !lineage_runs(instance))
		*owner = before;
}

void owners_meet_at_death(struct daemon *daemon, struct instance *instance,
			  const struct obit_key *key, const struct obit_letter *letter,
			  const char *cgroup)
{
	struct attachment *attachment = instance->attachment;

	attachment->died_pid = key->tgid;
	attachment->died_ns = letter->exit.time;
	attachment->died_as_init = letter->exit.ns_pid == INIT_PID;
	attachment->question = 0;
	if (!cgroup && instance->recipe)
		cgroup = instance->recipe->cgroup;
	meet(daemon, instance, key->tgid, (pid_t)letter->exit.ppid, cgroup,
	     letter->exit.ns_pid != 0);
}

/* One that is not in the configuration any more is asked nothing, and owns nothing. */
static void follow(const struct config *before, const struct config *now, struct instance *instance)
{
	struct attachment *attachment = instance->attachment;
	struct owner *owner = attachment->owner;
	bool was_there = false;

	for (size_t i = 0; owner && i < before->owner_count; i++)
		was_there = was_there || owner->rule == &before->owners[i];
	if (!was_there)
		return;
	owner->rule = config_find_owner(now, owner->rule->name);
	if (owner->rule)
		return;
	owners_forget(attachment);
	if (!attachment->question)
		instance->policy.owner = (struct policy_owner){0};
}

void owners_follow_reload(struct daemon *daemon, const struct config *before)
{
	struct instance *instance;

	glance_anew(daemon);
	DL_FOREACH (daemon->lineage.instances, instance) {
		follow(before, &daemon->config, instance);
		if (lineage_runs(instance))
			owners_meet(daemon, instance);
	}
}

void owners_forget(struct attachment *attachment)
{
	free(attachment->owner);
	attachment->owner = NULL;
}

/* ---- what it has done ---- */

static const char *who_sent(const struct owner *owner, const struct obit_signal *signal,
			    char buf[static OWNER_SIZE])
{
	char comm[OBIT_COMM_SIZE + 1];

	snprintf(comm, sizeof(comm), "%.*s", OBIT_COMM_SIZE, signal->comm);
	if (owner && owner_sent(owner, signal->sender.tgid, comm))
		snprintf(buf, OWNER_SIZE, "its owner %s", owner->rule->name);
	else if (signal->sender.tgid == INIT_PID)
		snprintf(buf, OWNER_SIZE, "init (pid 1)");
	else
		return NULL;
	return buf;
}

const char *owners_ended_it(const struct instance *instance, const struct evidence *evidence,
			    char buf[static OWNER_SIZE])
{
	const struct owner *owner = ((const struct attachment *)instance->attachment)->owner;
	const struct obit_signal *fatal = &evidence->fatal;
	bool killed = evidence->has_fatal && evidence->cause == CAUSE_PROCESS &&
		      (fatal->number == SIGKILL || fatal->number == SIGTERM);
	const char *who = evidence->has_asked ? who_sent(owner, &evidence->asked, buf) : NULL;

	return who || !killed ? who : who_sent(owner, fatal, buf);
}

const char *owners_refusal(const struct daemon *daemon, const struct instance *instance,
			   char buf[static RECIPE_SENTENCE_SIZE])
{
	const struct watch_config *watch = watch_of(daemon, instance);
	const struct owner *owner = ((const struct attachment *)instance->attachment)->owner;
	const char *why;

	if (!owner || *instance->policy.owner.name)
		return NULL;
	why = owner->why_not ? owner->why_not : "owner = respect leaves it to that";
	snprintf(buf, RECIPE_SENTENCE_SIZE,
		 "it belongs to %.80s, and %.56s; owner = ignore in watch %s would respawn it all "
		 "the "
		 "same",
		 owner->words, why, watch->name);
	return buf;
}

const char *owners_remark(const struct instance *instance, char buf[static RECIPE_SENTENCE_SIZE])
{
	const struct owner *owner = ((const struct attachment *)instance->attachment)->owner;

	if (!owner || instance->policy.owner.stops)
		return NULL;
	snprintf(buf, RECIPE_SENTENCE_SIZE, "it belongs to %.160s, which may start it again",
		 owner->words);
	return buf;
}

/* ---- its answers ---- */

static struct instance *who_asked(const struct daemon *daemon, uint64_t id)
{
	struct instance *instance;

	DL_FOREACH (daemon->lineage.instances, instance)
		if (((struct attachment *)instance->attachment)->question == id)
			return instance;
	return NULL;
}

/* What came of a command that did not do what it should. */
static void describe(const struct hook_result *result, char buf[static WORDS_SIZE])
{
	char words[WAIT_STATUS_WORDS_SIZE];

	switch (result->outcome) {
	case HOOK_ENDED:
		if (result->value)
			snprintf(buf, WORDS_SIZE, "%.80s %s", result->name,
				 wait_status_words((uint32_t)result->value, words));
		else
			snprintf(buf, WORDS_SIZE, "%.80s says nothing that tells", result->name);
		return;
	case HOOK_TIMED_OUT:
		snprintf(buf, WORDS_SIZE, "%.80s takes too long", result->name);
		return;
	case HOOK_REFUSED:
		snprintf(buf, WORDS_SIZE, "%.80s can be changed by others than root", result->name);
		return;
	case HOOK_NOT_EXECUTED:
		snprintf(buf, WORDS_SIZE, "%.80s cannot be executed: %s", result->name,
			 strerror(result->value));
		return;
	}
}

static void log_decision(const struct daemon *daemon, const struct instance *instance,
			 const struct policy_output *decision)
{
	if (*decision->detail)
		log_notice("%s: %s", watch_of(daemon, instance)->name, decision->detail);
}

static void take_answer(struct daemon *daemon, struct instance *instance, enum owner_answer answer,
			const char *words)
{
	struct policy_input said = {.kind = INPUT_OWNER_SAID, .answer = answer, .words = words};
	struct policy_output decision;

	act_decide(instance, &said, &decision);
	log_decision(daemon, instance, &decision);
	act_carry_out(daemon, instance, &decision);
	hook_events_state(daemon, instance);
	keep_instance(daemon, instance);
}

static void read_answer(struct daemon *daemon, struct instance *instance,
			const struct hook_result *result)
{
	const struct attachment *attachment = instance->attachment;
	struct owner_death death = {.pid = attachment->died_pid,
				    .container_init = attachment->died_as_init,
				    .ago_ns = clock_boot_ns() - attachment->died_ns,
				    .died_us = clock_boot_to_running(attachment->died_ns) /
					       NS_PER_US};
	enum owner_answer answer = OWNER_SAYS_NOTHING;
	char words[WORDS_SIZE];

	if (result->outcome == HOOK_ENDED)
		answer = owner_read(attachment->owner->rule->answer, result->output, &death);
	describe(result, words);
	take_answer(daemon, instance, answer, words);
}

static void order_failed(struct daemon *daemon, struct instance *instance, const char *words)
{
	struct policy_input failed = {.kind = INPUT_OWNER_FAILED, .words = words};
	struct policy_output decision;

	daemon->counters.failed_respawns += instance->policy.state == POLICY_RESTARTING;
	act_step(daemon, instance, &failed, &decision);
	log_error("%s: %s", watch_of(daemon, instance)->name,
		  *decision.detail ? decision.detail : words);
}

static void end_order(struct daemon *daemon, struct instance *instance,
		      const struct hook_result *result)
{
	struct policy_input done = {.kind = INPUT_OWNER_DONE};
	char words[WORDS_SIZE];

	if (result->outcome == HOOK_ENDED && !result->value) {
		act_step(daemon, instance, &done, NULL);
		return;
	}
	describe(result, words);
	order_failed(daemon, instance, words);
}

static void on_result(void *arg, const struct hook_result *result)
{
	struct daemon *daemon = arg;
	struct instance *instance = who_asked(daemon, result->id);
	struct attachment *attachment = instance ? instance->attachment : NULL;

	if (!attachment)
		return; /* of no interest any more */
	attachment->question = 0;
	if (instance->policy.state == POLICY_ASKING && attachment->owner)
		read_answer(daemon, instance, result);
	else if (instance->policy.state == POLICY_ASKING)
		take_answer(daemon, instance, OWNER_SAYS_NOTHING,
			    "the configuration has it no longer");
	else
		end_order(daemon, instance, result);
}

/* ---- its commands ---- */

/* The daemon's own environment: where the engines' tools find their daemons is told there. Less what is between it and
 * whoever started it, and in a language that can be read. */
static const char **make_environment(void)
{
	static const char *const not_theirs[] = {"NOTIFY_SOCKET=", "LISTEN_",	      "WATCHDOG_",
						 "INVOCATION_ID=", "JOURNAL_STREAM=", "LC_ALL=",
						 "LANG=",	   "SYSTEMD_"};
	static const char *const ours[] = {"LC_ALL=C", "SYSTEMD_PAGER=", "SYSTEMD_COLORS=0"};
	static const char path[] =
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	size_t count = 0, n = 0;
	const char **envp;

	while (environ[count])
		count++;
	envp = calloc(count + ARRAY_SIZE(ours) + 2, sizeof(*envp));
	for (size_t i = 0; envp && i < count; i++) {
		bool theirs = true;

		for (size_t k = 0; k < ARRAY_SIZE(not_theirs); k++)
			theirs = theirs &&
				 strncmp(environ[i], not_theirs[k], strlen(not_theirs[k])) != 0;
		if (theirs)
			envp[n++] = environ[i];
	}
	for (size_t i = 0; envp && i < ARRAY_SIZE(ours); i++)
		envp[n++] = ours[i];
	if (envp && !getenv("PATH"))
		envp[n++] = path;
	return envp;
}

static int run(struct daemon *daemon, struct instance *instance, const char *command,
	       uint64_t timeout)
{
	struct attachment *attachment = instance->attachment;
	_cleanup_free_ const char **argv = NULL, **envp = make_environment();
	_cleanup_free_ char *words = NULL;
	struct hook hook = {.input = "", .timeout_ns = timeout, .captures = true};
	int r;

	if (!attachment->owner || !command)
		return -ENODATA;
	r = envp ? owner_command(attachment->owner, command, &words, &argv) : -ENOMEM;
	if (r < 0)
		return r;
	hook.name = argv[0];
	hook.id = ++daemon->questions;
	hook.argv = argv;
	hook.envp = envp;
	attachment->question = hook.id;
	r = hooks_run(daemon->owner_commands, &hook);
	if (r < 0)
		attachment->question = 0;
	return r;
}

static const char *why_not_run(int error)
{
	switch (error) {
	case -ENODATA:
		return "what to ask it for is not known";
	case -EAGAIN:
		return "too many owners are asked already";
	default:
		return strerror(-error);
	}
}

void owners_ask(struct daemon *daemon, struct instance *instance)
{
	const struct owner *owner = ((struct attachment *)instance->attachment)->owner;
	int r = run(daemon, instance, owner ? owner->rule->ask : NULL, ASK_TIMEOUT);

	if (r < 0)
		take_answer(daemon, instance, r == -EAGAIN ? OWNER_SAYS_WAIT : OWNER_SAYS_NOTHING,
			    why_not_run(r));
}

void owners_restart(struct daemon *daemon, struct instance *instance)
{
	const struct owner *owner = ((struct attachment *)instance->attachment)->owner;
	bool runs = instance->policy.replacing;
	const char *command = !owner			    ? NULL
			      : !runs && owner->rule->start ? owner->rule->start
							    : owner->rule->restart;
	int r;

	keep_instance(daemon, instance); /* it is told once */
	r = run(daemon, instance, command, ORDER_TIMEOUT);

	if (r < 0)
		order_failed(daemon, instance, why_not_run(r));
}

void owners_stop(struct daemon *daemon, struct instance *instance)
{
	const struct owner *owner = ((struct attachment *)instance->attachment)->owner;
	int r = run(daemon, instance, owner ? owner->rule->stop : NULL, ORDER_TIMEOUT);

	if (r < 0)
		order_failed(daemon, instance, why_not_run(r));
}

/* ---- all of it ---- */

int owners_open(struct daemon *daemon)
{
	struct hooks_options options = {
		.running_max = RUNNING_MAX,
		.waiting_max = WAITING_MAX,
		.grace_ns = GRACE,
		.files = daemon->files_limit,
		.oom_score_adj = daemon->protected ? &daemon->oom_score_adj : NULL,
		.may_run = daemon_may_run,
		.told = on_result,
		.arg = daemon,
	};

	return hooks_new(daemon->loop, &options, &daemon->owner_commands);
}

bool owners_reap(struct daemon *daemon, pid_t pid)
{
	return daemon->owner_commands && hooks_reap(daemon->owner_commands, pid);
}

void owners_close(struct daemon *daemon)
{
	hooks_free(daemon->owner_commands);
}
