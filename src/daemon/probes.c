// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Health from outside: when an instance is up, its probes are due; what they come to is a hang, or the end of one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "core/command.h"
#include "core/probe.h"
#include "daemon/daemon.h"
#include "daemon/put.h"
#include "io/hooks.h"
#include "io/probe.h"

#define COMMANDS_MAX	16		 /* at once; the others wait, each probe with one at most */
#define GRACE		(2 * NS_PER_SEC) /* between SIGTERM and SIGKILL */
#define CHECKS_PER_TURN 16
#define SAID_MAX	60 /* bytes of a command's output in words */

struct probe_run {
	struct probe probe;
	struct attachment *attachment;
	struct heap_node due;
	struct probe_check *check; /* of tcp or http, under way */
	uint64_t job;		   /* the last one of the others */
	bool asked;		   /* it is under way */
	uint64_t failing_since_ns; /* when the first check of a row began */
	UT_hash_handle hh;	   /* by job, while it is asked */
};

struct probes {
	struct daemon *daemon;
	struct probe_client *client;
	struct hooks *commands;
	struct probe_run *asked;
	struct heap dues;
	struct loop_timer *timer;
	uint64_t jobs; /* so many were begun */
};

static void step(struct probe_run *run, enum probe_input_kind kind, const char *words);

static struct probes *probes_of(const struct probe_run *run)
{
	return run->attachment->daemon->probes;
}

/* ---- a check ---- */

static void on_check(void *arg, enum probe_outcome outcome, const char *words)
{
	static const enum probe_input_kind inputs[] = {
		[PROBE_CHECK_PASSED] = PROBE_INPUT_PASSED,
		[PROBE_CHECK_FAILED] = PROBE_INPUT_FAILED,
		[PROBE_CHECK_UNABLE] = PROBE_INPUT_UNABLE,
	};
	struct probe_run *run = arg;

	run->check = NULL;
	step(run, inputs[outcome], words);
}

/* "exited 2: no response" */
static void describe_end(const struct hook_result *result, char buf[static PROBE_WORDS_SIZE])
{
	char status[WAIT_STATUS_WORDS_SIZE], said[SAID_MAX];

	text_printable(said, sizeof(said), result->output, strcspn(result->output, "\r\n"));
	snprintf(buf, PROBE_WORDS_SIZE, "%s%s%s",
		 wait_status_words((uint32_t)result->value, status), *said ? ": " : "", said);
}

static enum probe_input_kind judge_end(const struct probe_config *config,
				       const struct hook_result *result,
				       char buf[static PROBE_WORDS_SIZE])
{
	uint32_t status = (uint32_t)result->value;
	int error = wait_status_exit(status);

	if (!status)
		return PROBE_INPUT_PASSED;
	describe_end(result, buf);
	if (config->type == PROBE_COMMAND)
		return PROBE_INPUT_FAILED;
	if (!error) /* somebody has killed our child */
		return PROBE_INPUT_UNABLE;
	snprintf(buf, PROBE_WORDS_SIZE, "%s", strerror(error));
	return probe_is_unable(error) ? PROBE_INPUT_UNABLE : PROBE_INPUT_FAILED;
}

static enum probe_input_kind judge(const struct probe_config *config,
				   const struct hook_result *result,
				   char buf[static PROBE_WORDS_SIZE])
{
	char span[CLOCK_SPAN_SIZE];

	switch (result->outcome) {
	case HOOK_ENDED:
		return judge_end(config, result, buf);
	case HOOK_TIMED_OUT:
		snprintf(buf, PROBE_WORDS_SIZE, "%s within %s",
			 config->type == PROBE_UNIX ? "no connection" : "not done",
			 clock_span(config->timeout_ns, span));
		return PROBE_INPUT_FAILED;
	case HOOK_REFUSED:
		snprintf(buf, PROBE_WORDS_SIZE, "others than root can change it");
		return PROBE_INPUT_UNABLE;
	case HOOK_NOT_EXECUTED:
		snprintf(buf, PROBE_WORDS_SIZE, "%s", strerror(result->value));
		break;
	}
	return PROBE_INPUT_UNABLE;
}

static void on_job(void *arg, const struct hook_result *result)
{
	struct probes *probes = arg;
	char words[PROBE_WORDS_SIZE] = "";
	struct probe_run *run;
	enum probe_input_kind kind;

	HASH_FIND(hh, probes->asked, &result->id, sizeof(result->id), run);
	if (!run)
		return;
	HASH_DEL(probes->asked, run);
	run->asked = false;
	kind = judge(run->probe.config, result, words);
	step(run, kind, words);
}

static int run_job(struct probe_run *run, const char *const *argv, const char *const *envp)
{
	const struct probe_config *config = run->probe.config;
	struct probes *probes = probes_of(run);
	struct hook hook = {
		.name = config->target,
		.id = ++probes->jobs,
		.argv = argv,
		.envp = envp,
		.input = "",
		.timeout_ns = config->timeout_ns,
		.captures = true,
		.captures_errors = true,
		.account = config->account,
		.call = config->type == PROBE_UNIX ? probe_connect_unix : NULL,
	};
	int r;

	/* First of all: what cannot be started is told before hooks_run() returns. */
	run->job = hook.id;
	run->asked = true;
	HASH_ADD(hh, probes->asked, job, sizeof(run->job), run);
	if (!run->hh.tbl) { /* no memory for the table */
		run->asked = false;
		return -ENOMEM;
	}
	r = hooks_run(probes->commands, &hook);
	if (r < 0 && run->asked) {
		HASH_DEL(probes->asked, run);
		run->asked = false;
	}
	return r;
}

static int ask_unix(struct probe_run *run)
{
	const char *const argv[] = {run->probe.config->target, NULL}, *const envp[] = {NULL};

	return run_job(run, argv, envp);
}

static int ask_command(struct probe_run *run)
{
	const struct instance *instance = run->attachment->instance;
	_cleanup_free_ const char **argv = NULL;
	_cleanup_free_ char *words = NULL;
	char watch[128], pid[32];
	const char *const envp[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", watch, pid,
		NULL};
	int r = command_split(run->probe.config->target, &words, &argv);

	if (r < 0)
		return r;
	snprintf(watch, sizeof(watch), "OBIT_WATCH=%s", instance->policy.config->name);
	snprintf(pid, sizeof(pid), "OBIT_PID=%u", instance->main ? instance->main->key.tgid : 0);
	return run_job(run, argv, envp);
}

/* Of a probe one child is there at a time: one that cannot be killed must not be joined by others. */
static int ask(struct probe_run *run)
{
	const struct probe_config *config = run->probe.config;
	struct probes *probes = probes_of(run);

	if (config->type == PROBE_TCP || config->type == PROBE_HTTP)
		return probe_check_start(probes->client, config, on_check, run, &run->check);
	if (run->job && hooks_has(probes->commands, run->job))
		return -EBUSY;
	return config->type == PROBE_UNIX ? ask_unix(run) : ask_command(run);
}

static void begin_check(struct probe_run *run)
{
	int r = ask(run);

	if (r < 0)
		step(run, r == -EBUSY ? PROBE_INPUT_LATER : PROBE_INPUT_UNABLE, strerror(-r));
}

static void cancel_check(struct probe_run *run)
{
	struct probes *probes = probes_of(run);

	if (run->check)
		probe_check_cancel(TAKE_PTR(run->check));
	if (!run->asked)
		return;
	HASH_DEL(probes->asked, run);
	run->asked = false;
	hooks_cancel(probes->commands, run->job);
}

/* ---- when ---- */

static void rearm(struct probes *probes)
{
	const struct heap_node *first = heap_first(&probes->dues);

	loop_timer_set(probes->timer, first ? first->key : 0);
}

static bool is_paused(const struct policy *policy, uint64_t now)
{
	return policy->paused && (!policy->paused_until_ns || now < policy->paused_until_ns);
}

/* The next check, or the end of a pause, which the policy has no timer for while it is up. */
static uint64_t next_due(const struct probe_run *run)
{
	const struct policy *policy = &run->attachment->instance->policy;

	if (run->probe.state != PROBE_RESTING)
		return probe_due_ns(&run->probe);
	return policy->state == POLICY_UP && policy->paused ? policy->paused_until_ns : 0;
}

static void set_due(struct probe_run *run)
{
	struct probes *probes = probes_of(run);
	uint64_t due = next_due(run);

	if (!due)
		heap_remove(&probes->dues, &run->due);
	else if (heap_set(&probes->dues, &run->due, due) < 0)
		daemon_out_of_memory(probes->daemon, "planning a probe");
	rearm(probes);
}

/* ---- what follows ---- */

static bool is_hung(const struct attachment *attachment)
{
	bool hung = false;

	for (size_t i = 0; i < attachment->probe_count; i++)
		hung = hung || probe_is_hung(&attachment->probes[i].probe);
	return hung;
}

static void log_result(const struct probe_run *run, const struct probe *before)
{
	const struct probe *probe = &run->probe;
	const char *name = run->attachment->instance->policy.config->name;
	char brief[PROBE_SENTENCE_SIZE], sentence[PROBE_SENTENCE_SIZE];

	probe_sentence(probe, sentence, sizeof(sentence));
	if (probe->unable && !before->unable)
		log_warning("%s: probe %s", name, sentence);
	else if (probe->failures == 1 && !before->failures)
		log_info("%s: %s: %s", name, probe_brief(probe, brief), sentence);
	else if (before->failures && !probe->failures && probe->state != PROBE_RESTING)
		log_info("%s: probe %s: passed again", name, probe->config->target);
}

static void report(struct probe_run *run)
{
	struct attachment *attachment = run->attachment;
	char words[HANG_WORDS_SIZE];

	probe_sentence(&run->probe, words, sizeof(words));
	hangs_report(attachment->daemon, attachment->instance, HANG_BY_PROBE, 0,
		     clock_running_ns() - run->failing_since_ns, words);
}

static void act_on(struct probe_run *run, enum probe_action action)
{
	switch (action) {
	case PROBE_CHECK:
		begin_check(run);
		return;
	case PROBE_CANCEL:
		cancel_check(run);
		return;
	case PROBE_HUNG:
		report(run);
		return;
	case PROBE_RECOVERS:
		if (!is_hung(run->attachment))
			hangs_recovered(run->attachment->daemon, run->attachment->instance,
					HANG_BY_PROBE);
		return;
	case PROBE_NOTHING:
		return;
	}
}

static void step(struct probe_run *run, enum probe_input_kind kind, const char *words)
{
	struct probe_input input = {.kind = kind, .words = words};
	struct probe before = run->probe;
	enum probe_action action = probe_step(&run->probe, &input, clock_running_ns());

	if (!before.failures && run->probe.failures)
		run->failing_since_ns = before.began_ns;
	log_result(run, &before);
	set_due(run);
	act_on(run, action);
}

/* ---- the instance ---- */

static void make_runs(struct daemon *daemon, struct instance *instance)
{
	struct attachment *attachment = instance->attachment;
	const struct watch_config *watch = instance->policy.config;

	attachment->probes = calloc(watch->probe_count, sizeof(*attachment->probes));
	if (!attachment->probes) {
		daemon_out_of_memory(daemon, "taking up a probe");
		return;
	}
	attachment->probe_count = watch->probe_count;
	for (size_t i = 0; i < watch->probe_count; i++) {
		attachment->probes[i].attachment = attachment;
		probe_init(&attachment->probes[i].probe, &watch->probes[i]);
	}
}

void probes_follow(struct daemon *daemon, struct instance *instance)
{
	struct attachment *attachment = instance->attachment;
	const struct policy *policy = &instance->policy;
	bool up = policy->state == POLICY_UP && !is_paused(policy, clock_running_ns());

	if (up && !attachment->probes && instance->policy.config->probe_count)
		make_runs(daemon, instance);
	for (size_t i = 0; attachment->probes && i < attachment->probe_count; i++)
		step(&attachment->probes[i], up ? PROBE_INPUT_BEGIN : PROBE_INPUT_END, NULL);
}

void probes_forget(struct attachment *attachment)
{
	for (size_t i = 0; i < attachment->probe_count; i++) {
		struct probe_run *run = &attachment->probes[i];

		cancel_check(run);
		heap_remove(&probes_of(run)->dues, &run->due);
	}
	if (attachment->probe_count)
		rearm(attachment->daemon->probes);
	free(attachment->probes);
	attachment->probes = NULL;
	attachment->probe_count = 0;
}

static bool are_same(const struct attachment *attachment, const struct watch_config *watch)
{
	if (attachment->probe_count != watch->probe_count)
		return false;
	for (size_t i = 0; i < watch->probe_count; i++)
		if (!probe_config_same(attachment->probes[i].probe.config, &watch->probes[i]))
			return false;
	return true;
}

void probes_set_config(struct instance *instance, const struct watch_config *watch)
{
	struct attachment *attachment = instance->attachment;

	if (!are_same(attachment, watch)) {
		probes_forget(attachment);
		return;
	}
	for (size_t i = 0; i < watch->probe_count; i++)
		attachment->probes[i].probe.config = &watch->probes[i];
}

void probes_go_on(struct daemon *daemon, struct instance *instance)
{
	probes_follow(daemon, instance);
	if (!is_hung(instance->attachment))
		hangs_recovered(daemon, instance, HANG_BY_PROBE);
}

/* ---- told ---- */

static const char *result_of(const struct probe *probe)
{
	if (!probe->told_ns)
		return NULL;
	return probe->unable ? "unable" : probe->failures ? "failed" : "passed";
}

static struct json_object *render(const struct probe *probe)
{
	struct json_object *object = json_object_new_object();
	bool passed = probe->told_ns && !probe->unable && !probe->failures;

	put_string(object, "type", probe_type_name(probe->config->type));
	put_string(object, "target", probe->config->target);
	put_string(object, "result", result_of(probe));
	put_string(object, "reason", probe->told_ns && !passed ? probe->words : NULL);
	put_number(object, "failures", probe->failures);
	put_number(object, "threshold", probe->config->threshold);
	put_json(object, "ago_ns",
		 probe->told_ns ? json_object_new_uint64(clock_running_ns() - probe->told_ns)
				: NULL);
	return object;
}

struct json_object *probes_render(const struct instance *instance)
{
	const struct attachment *attachment = instance->attachment;
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < attachment->probe_count; i++)
		append_json(array, render(&attachment->probes[i].probe));
	return array;
}

/* The one that has failed most; else one that could not be checked. */
static const struct probe *worst_of(const struct attachment *attachment)
{
	const struct probe *worst = NULL;

	for (size_t i = 0; i < attachment->probe_count; i++) {
		const struct probe *probe = &attachment->probes[i].probe;

		if ((probe->failures || probe->unable) &&
		    (!worst || probe->failures > worst->failures))
			worst = probe;
	}
	return worst;
}

const char *probes_note(const struct instance *instance, char buf[static POLICY_NOTE_SIZE])
{
	const struct probe *worst = worst_of(instance->attachment);
	char brief[PROBE_SENTENCE_SIZE], sentence[POLICY_NOTE_SIZE - 48];

	if (!worst)
		return NULL;
	probe_sentence(worst, sentence, sizeof(sentence));
	if (worst->failures)
		snprintf(buf, POLICY_NOTE_SIZE, "%.40s: %s", probe_brief(worst, brief), sentence);
	else
		snprintf(buf, POLICY_NOTE_SIZE, "probe %s", sentence);
	return buf;
}

/* ---- the ends ---- */

static void on_timer(void *arg)
{
	struct probes *probes = arg;
	uint64_t now = clock_running_ns();
	struct heap_node *node;

	for (int n = 0; n < CHECKS_PER_TURN; n++) {
		struct probe_run *run;

		node = heap_first(&probes->dues);
		if (!node || node->key > now)
			break;
		run = (struct probe_run *)((char *)node - offsetof(struct probe_run, due));
		heap_remove(&probes->dues, node);
		if (run->probe.state == PROBE_RESTING)
			probes_follow(probes->daemon, run->attachment->instance);
		else
			step(run, PROBE_INPUT_TIMER, NULL);
	}
	rearm(probes);
}

int probes_open(struct daemon *daemon)
{
	struct probes *probes = calloc(1, sizeof(*probes));
	struct hooks_options options = {
		.running_max = COMMANDS_MAX,
		.waiting_max = UINT_MAX,
		.grace_ns = GRACE,
		.files = daemon->files_limit,
		.may_run = daemon_may_run,
		.told = on_job,
		.arg = probes,
	};
	int r;

	if (!probes)
		return -ENOMEM;
	daemon->probes = probes;
	probes->daemon = daemon;
	r = loop_timer_new(daemon->loop, on_timer, probes, &probes->timer);
	if (r == 0)
		r = probe_client_new(daemon->loop, &probes->client);
	return r < 0 ? r : hooks_new(daemon->loop, &options, &probes->commands);
}

bool probes_reap(struct daemon *daemon, pid_t pid)
{
	return daemon->probes && daemon->probes->commands &&
	       hooks_reap(daemon->probes->commands, pid);
}

void probes_close(struct daemon *daemon)
{
	struct probes *probes = daemon->probes;

	if (!probes)
		return;
	hooks_free(probes->commands);
	probe_client_free(probes->client);
	heap_clear(&probes->dues);
	loop_timer_free(probes->timer);
	free(probes);
	daemon->probes = NULL;
}
