// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Requests to act on processes: start, stop, signal, hold. */
#include "daemon/requests_internal.h"

#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/protocol.h"
#include "daemon/put.h"
#include "io/proc.h"

static const struct {
	const char *command;
	enum policy_input_kind input;
} inputs[] = {
	{"stop", INPUT_STOP},
	{"start", INPUT_START},
	{"restart", INPUT_RESTART},
	{"revive", INPUT_REVIVE},
};

static enum policy_input_kind input_of(const char *command)
{
	size_t i = 0;

	while (strcmp(inputs[i].command, command) != 0)
		i++;
	return inputs[i].input;
}

/* Whoever reads an obituary wants to know who it was, not that it was obitd. */
static void note_operator(const struct request *request, struct instance *instance)
{
	struct actor *who = &((struct attachment *)instance->attachment)->actor;
	struct owner_ancestor client;

	*who = (struct actor){.command = request->verb};
	who->uid = control_peer(request->client, &who->pid);
	if (who->pid > 0 && proc_ancestors(who->pid, &client, 1))
		snprintf(who->comm, sizeof(who->comm), "%s", client.comm);
}

struct outcome {
	unsigned done, refused;
	char text[POLICY_NOTE_SIZE];
};

static void act_on(const struct request *request, struct instance *instance,
		   enum policy_input_kind kind, struct outcome *outcome)
{
	struct policy_input input = {.kind = kind};
	struct policy_output decision;
	char sentence[RECIPE_SENTENCE_SIZE];
	/* Stopping needs nothing. */
	const char *why = kind == INPUT_STOP
				  ? NULL
				  : refusals_of_start(request->daemon, instance, sentence);

	if (why) {
		outcome->refused++;
		snprintf(outcome->text, sizeof(outcome->text), "cannot be %s: %s",
			 kind == INPUT_RESTART ? "restarted" : "started", why);
		return;
	}
	if (lineage_runs(instance))
		note_operator(request, instance);
	((struct attachment *)instance->attachment)->restart_waits = false;
	if (kind == INPUT_RESTART && looks_before_restart(request->daemon, instance)) {
		outcome->done++;
		snprintf(outcome->text, sizeof(outcome->text), "restarting");
		return;
	}
	act_step(request->daemon, instance, &input, &decision);
	if (decision.refused)
		outcome->refused++;
	else
		outcome->done++;
	if (decision.refused && outcome->done)
		return;
	why = kind == INPUT_STOP ? owners_remark(instance, sentence) : NULL;
	snprintf(outcome->text, sizeof(outcome->text), "%.100s%s%.200s", decision.detail,
		 why ? "; " : "", why ? why : "");
}

/* What was done, and how things stand now. */
static void reply_done(const struct request *request, const struct target *target, const char *text)
{
	struct json_object *reply = request_render_status(request->daemon, target);
	char message[POLICY_NOTE_SIZE + 80];

	snprintf(message, sizeof(message), "%s: %s", request->name, text);
	if (reply)
		json_object_object_del(reply, "name");
	put_string(reply, "message", message);
	control_reply(request->client, reply);
}

static void reply_outcome(const struct request *request, const struct target *target,
			  const struct outcome *outcome)
{
	if (!outcome->done)
		log_notice("%s: nothing is done: it %s", request->name,
			   outcome->refused ? outcome->text : "was not seen to run yet");
	if (outcome->done)
		reply_done(request, target, outcome->text);
	else if (outcome->refused)
		control_fail(request->client, OBIT_EXIT_FAILED, "%s %s", request->name,
			     outcome->text);
	else
		control_fail(request->client, OBIT_EXIT_NOT_RUNNING,
			     "%s: nothing of it is known; obit learns how to start a program "
			     "when it sees it run",
			     request->name);
}

void request_act(const struct request *request)
{
	enum policy_input_kind kind = input_of(request->command);
	struct instance *instance, *next;
	struct outcome outcome = {0};
	struct target target;

	if (!request_find_target(request, &target))
		return;
	log_notice("%s: obit %s", request->name, request->command);
	DL_FOREACH_SAFE (request->daemon->lineage.instances, instance, next)
		if (request_means(&target, instance))
			act_on(request, instance, kind, &outcome);
	reply_outcome(request, &target, &outcome);
}

/* ---- killing ---- */

static void describe_kill(int signal, unsigned instances, unsigned processes, char *buf,
			  size_t size)
{
	char name[SIGNAL_NAME_SIZE];

	if (processes == SIGNALS_WHOLE_CGROUP)
		snprintf(buf, size, "%s sent to %s", signal_name(signal, name),
			 instances == 1 ? "its cgroup" : "their cgroups");
	else
		snprintf(buf, size, "%s sent to %u process%s", signal_name(signal, name), processes,
			 processes == 1 ? "" : "es");
}

static void kill_target(const struct request *request, const struct target *target, int signal)
{
	unsigned instances = 0, processes = 0;
	struct instance *instance;
	char text[80];

	log_notice("%s: obit kill", request->name);
	DL_FOREACH (request->daemon->lineage.instances, instance) {
		unsigned count = 0;

		if (!request_means(target, instance))
			continue;
		note_operator(request, instance);
		count = signals_kill(request->daemon, instance, signal);
		instances += count > 0;
		processes = count == SIGNALS_WHOLE_CGROUP ? count : processes + count;
	}
	describe_kill(signal, instances, processes, text, sizeof(text));
	if (!processes)
		log_notice("%s: nothing is done: nothing of it runs", request->name);
	if (processes)
		reply_done(request, target, text);
	else
		control_fail(request->client, OBIT_EXIT_NOT_RUNNING, "%s: nothing of it runs",
			     request->name);
}

void request_kill(const struct request *request)
{
	int signal = *request->signal ? signal_from_name(request->signal) : 0;
	struct target target;

	if (signal < 0)
		control_fail(request->client, OBIT_EXIT_USAGE,
			     "--signal %s: expected a signal such as SIGTERM, SIGRTMIN+3 or 15",
			     request->signal);
	else if (request_find_target(request, &target))
		kill_target(request, &target,
			    signal ? signal
				   : request->daemon->config.watches[target.watch].kill_signal);
}

/* ---- pausing ---- */

static void describe_pause(const struct request *request, bool was_paused, char *buf, size_t size)
{
	char span[CLOCK_SPAN_SIZE];

	if (strcmp(request->command, "resume") == 0)
		snprintf(buf, size, "%s", was_paused ? "resumed" : "is not paused");
	else if (request->for_ns)
		snprintf(buf, size, "paused for %s", clock_span((uint64_t)request->for_ns, span));
	else
		snprintf(buf, size, "paused until resumed");
}

/* Returns whether it was paused before. */
static bool pause_or_resume(const struct request *request, const struct target *target)
{
	struct daemon *daemon = request->daemon;
	bool pause = strcmp(request->command, "pause") == 0, was_paused;
	uint64_t left;

	if (target->only) {
		was_paused = target->only->policy.paused;
		pause_instance(daemon, target->only, pause, (uint64_t)request->for_ns);
		return was_paused;
	}
	was_paused = pause_is_on(daemon, target->watch, &left);
	if (pause)
		pause_begin(daemon, target->watch, (uint64_t)request->for_ns);
	else
		pause_end(daemon, target->watch);
	return was_paused;
}

static void reply_paused(const struct request *request, bool was_paused, struct json_object *names)
{
	struct json_object *reply = json_object_new_object();
	char what[64], message[POLICY_NOTE_SIZE];

	describe_pause(request, was_paused, what, sizeof(what));
	snprintf(message, sizeof(message), "%s: %s", request->all ? "all watches" : request->name,
		 what);
	put_string(reply, "message", message);
	put_json(reply, "watches", names);
	control_reply(request->client, reply);
}

static void pause_all(const struct request *request)
{
	const struct config *config = &request->daemon->config;
	struct json_object *names = json_object_new_array();

	log_notice("all watches: obit %s", request->command);
	for (size_t i = 0; i < config->watch_count; i++) {
		pause_or_resume(request, &(struct target){.watch = i});
		append_json(names, json_object_new_string(config->watches[i].name));
	}
	reply_paused(request, true, names);
}

static void pause_one(const struct request *request, const struct target *target)
{
	const char *name = request->daemon->config.watches[target->watch].name;
	struct json_object *names = json_object_new_array();

	log_notice("%s: obit %s", request->name, request->command);
	append_json(names, json_object_new_string(name));
	reply_paused(request, pause_or_resume(request, target), names);
}

void request_pause(const struct request *request)
{
	struct target target;

	if (!request->all && !*request->name)
		control_fail(request->client, OBIT_EXIT_USAGE,
			     "%s needs the name of a watch, or --all", request->command);
	else if (request->for_ns < 0)
		control_fail(request->client, OBIT_EXIT_USAGE,
			     "for_ns: expected nanoseconds, more than 0");
	else if (request->all)
		pause_all(request);
	else if (request_find_target(request, &target))
		pause_one(request, &target);
}
