// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* obit(1)'s commands: a table of what the daemon answers and does. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/protocol.h"
#include "base/text.h"
#include "daemon/daemon.h"
#include "daemon/put.h"
#include "daemon/upgrade.h"
#include "io/proc.h"

struct request {
	struct daemon *daemon;
	struct control_client *client;
	const char *command;
	const char *verb;	      /* the same, as the table has it */
	const char *name;	      /* "" if none was given */
	const char *signal;	      /* the same */
	int64_t count;		      /* -1 if none was given */
	int64_t for_ns;		      /* 0 if none was given */
	bool all;		      /* not only of watched processes; or all watches */
	struct json_object *settings; /* an array of strings, or NULL */
	bool secrets;		      /* unmasked */
	bool may_act;
};

/* ---- names ---- */

static ssize_t watch_named(const struct daemon *daemon, const char *name, size_t length)
{
	for (size_t i = 0; i < daemon->config.watch_count; i++) {
		const char *candidate = daemon->config.watches[i].name;

		if (strlen(candidate) == length && !memcmp(candidate, name, length))
			return (ssize_t)i;
	}
	return MATCH_NONE;
}

static const char *nearest_watch(const struct daemon *daemon, const char *name)
{
	const char **names = calloc(daemon->config.watch_count + 1, sizeof(*names));
	const char *nearest;

	if (!names)
		return NULL;
	for (size_t i = 0; i < daemon->config.watch_count; i++)
		names[i] = daemon->config.watches[i].name;
	nearest = text_nearest(name, names);
	free(names);
	return nearest;
}

static void fail_unknown(const struct request *request)
{
	char name[128];
	const char *nearest;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(request->name, "@"), request->name);
	nearest = nearest_watch(request->daemon, name);

	if (nearest)
		control_fail(request->client, OBIT_EXIT_UNKNOWN,
			     "no watch named %s; did you mean %s?", request->name, nearest);
	else
		control_fail(request->client, OBIT_EXIT_UNKNOWN,
			     "no watch named %s; `obit ls` lists them", request->name);
}

/* The whole of the text as a pid, or 0. */
static __u32 pid_in(const char *text)
{
	if (!*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 9)
		return 0;
	return (__u32)strtoul(text, NULL, 10);
}

/* What NAME or NAME@PID stands for. */
struct target {
	size_t watch;
	struct instance *only; /* NULL: all of the watch */
};

static bool is_meant(const struct target *target, const struct instance *instance)
{
	return instance->watch == target->watch && (!target->only || target->only == instance);
}

/* The instance that runs as `pid`; else the newest that has no process, and had that one last. */
static struct instance *instance_with(const struct daemon *daemon, size_t watch, __u32 pid)
{
	struct instance *instance, *last = NULL;

	DL_FOREACH (daemon->lineage.instances, instance) {
		if (instance->watch != watch || instance->last_pid != pid)
			continue;
		if (lineage_runs(instance))
			return instance;
		last = instance;
	}
	return last;
}

/* The newest instance whose life before had that pid. */
static struct instance *instance_since(const struct daemon *daemon, size_t watch, __u32 pid)
{
	struct instance *instance, *newest = NULL;

	DL_FOREACH (daemon->lineage.instances, instance)
		if (instance->watch == watch && instance->pid_before == pid)
			newest = instance;
	return newest;
}

static void fail_instance(const struct request *request, size_t watch, __u32 pid)
{
	const char *name = request->daemon->config.watches[watch].name;
	const struct instance *heir = pid ? instance_since(request->daemon, watch, pid) : NULL;

	if (heir)
		control_fail(request->client, OBIT_EXIT_UNKNOWN,
			     "no instance %s any more: it is %s@%u now", request->name, name,
			     heir->last_pid);
	else
		control_fail(request->client, OBIT_EXIT_UNKNOWN,
			     "no instance %s; `obit ls` lists them", request->name);
}

/* The watch of NAME or NAME@PID, of which *ret_pid is 0 or the pid; MATCH_NONE where there is no such watch. */
static ssize_t split_name(const struct request *request, __u32 *ret_pid, bool *ret_has_pid)
{
	/* No name has a '@' in it. */
	const char *at = strrchr(request->name, '@');
	size_t length = at ? (size_t)(at - request->name) : strlen(request->name);

	*ret_has_pid = at;
	*ret_pid = at ? pid_in(at + 1) : 0;
	return watch_named(request->daemon, request->name, length);
}

/* False after it has answered. What has another pid by now is not acted upon. */
static bool find_target(const struct request *request, struct target *ret)
{
	bool has_pid;
	__u32 pid;
	ssize_t watch = split_name(request, &pid, &has_pid);

	if (watch < 0) {
		fail_unknown(request);
		return false;
	}
	*ret = (struct target){.watch = (size_t)watch};
	if (!has_pid)
		return true;
	ret->only = pid ? instance_with(request->daemon, ret->watch, pid) : NULL;
	if (!ret->only)
		fail_instance(request, ret->watch, pid);
	return ret->only;
}

/* ---- reading ---- */

static void do_ls(const struct request *request)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < request->daemon->config.watch_count; i++)
		append_json(array, render_watch(request->daemon, i));
	control_reply(request->client, array);
}

struct search {
	const char *watch; /* NULL: any */
	int64_t pid;	   /* 0: any */
	struct json_object *found;
	int64_t left; /* how many more are wanted */
	size_t bytes; /* of what was found */
};

/* An answer has an end; who wants more finds it on disk. */
#define ANSWER_MAX (512 * 1024)

static bool keep(struct search *search, struct json_object *obituary, size_t length)
{
	search->bytes += length;
	if (search->left <= 0 || (search->bytes > ANSWER_MAX && json_count(search->found)))
		return false;
	append_json(search->found, json_object_get(obituary));
	return --search->left > 0;
}

/* Of a watch: the deaths of its main processes, but not that a parent left when it had gone into the
 * background. Of a pid: any. Of NAME@PID: what both say. */
static bool is_about(const struct search *search, struct json_object *obituary)
{
	const char *main_of;

	if (search->pid &&
	    json_object_get_int64(json_object_object_get(obituary, "pid")) != search->pid)
		return false;
	if (!search->watch)
		return true;
	main_of = publish_main_of(obituary);
	return main_of && !strcmp(main_of, search->watch);
}

static bool find_about(void *arg, struct json_object *obituary, size_t length)
{
	struct search *search = arg;

	return !is_about(search, obituary) || keep(search, obituary, length);
}

static bool is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

/* Who asks about a process that runs means the death before it. */
static void find_death_before(const struct daemon *daemon, size_t watch, struct search *search)
{
	const struct instance *instance = instance_with(daemon, watch, (__u32)search->pid);

	if (!instance || !instance->pid_before)
		return;
	search->pid = instance->pid_before;
	search->left = 1;
	publish_newest(daemon, find_about, search);
}

static void do_why(const struct request *request)
{
	struct daemon *daemon = request->daemon;
	struct json_object *array;
	struct search search = {.left = request->count > 0 ? request->count : 1};
	bool has_pid, all_digits = is_number(request->name);
	__u32 pid;
	ssize_t watch = split_name(request, &pid, &has_pid);

	if ((watch < 0 && !all_digits) || (has_pid && !pid)) {
		fail_unknown(request);
		return;
	}
	search.found = array = json_object_new_array();
	search.watch = watch < 0 ? NULL : daemon->config.watches[watch].name;
	search.pid = watch < 0 ? strtoll(request->name, NULL, 10) : pid;
	publish_newest(daemon, find_about, &search);
	if (has_pid && !json_count(array))
		find_death_before(daemon, (size_t)watch, &search);
	if (json_count(array)) {
		control_reply(request->client, array);
		return;
	}
	json_object_put(array);
	control_fail(
		request->client, OBIT_EXIT_FAILED,
		watch >= 0
			? "no death of %s is known"
			: "no death of pid %s is known; obit knows the deaths of watched processes",
		request->name);
}

static bool take_newest(void *arg, struct json_object *obituary, size_t length)
{
	return keep(arg, obituary, length);
}

static struct json_object *reversed(struct json_object *array)
{
	struct json_object *copy = json_object_new_array();

	for (size_t i = json_count(array); i > 0; i--)
		append_json(copy, json_object_get(json_object_array_get_idx(array, i - 1)));
	return copy;
}

static void do_tail(const struct request *request)
{
	struct json_object *array = json_object_new_array();
	struct search search = {.found = array, .left = request->count < 0 ? 10 : request->count};

	publish_newest(request->daemon, take_newest, &search);
	control_reply(request->client, reversed(array));
	json_object_put(array);
	control_subscribe(request->client, request->all ? CONTROL_ALL : CONTROL_WATCHED);
}

static void do_log(const struct request *request)
{
	control_reply(request->client, publish_log(request->daemon, request->count != 0));
}

static void do_show(const struct request *request)
{
	enum secret_view root = request->secrets ? SECRET_ALL : SECRET_MASKED;
	enum secret_view view = request->may_act ? root : SECRET_NAMES;
	struct target target;

	if (find_target(request, &target))
		control_reply(request->client,
			      render_show(request->daemon, target.watch, target.only, view));
}

/* {"name", "state", "pid"} of all or of one. */
static struct json_object *render_status(const struct daemon *daemon, const struct target *target)
{
	struct json_object *full = target->only ? render_instance(target->only)
						: render_watch(daemon, target->watch);
	struct json_object *reply = json_object_new_object();

	put_string(reply, "name", daemon->config.watches[target->watch].name);
	put_json(reply, "state", json_object_get(json_object_object_get(full, "state")));
	put_json(reply, "pid", json_object_get(json_object_object_get(full, "pid")));
	json_object_put(full);
	return reply;
}

/* Who waits for NAME@PID to be restarted hears of it under its old pid. */
static void do_status(const struct request *request)
{
	struct target target = {0};
	bool has_pid;
	__u32 pid;
	ssize_t watch = split_name(request, &pid, &has_pid);

	if (watch >= 0 && pid && !instance_with(request->daemon, (size_t)watch, pid))
		target.only = instance_since(request->daemon, (size_t)watch, pid);
	if (target.only)
		target.watch = (size_t)watch;
	else if (!find_target(request, &target))
		return;
	control_reply(request->client, render_status(request->daemon, &target));
}

static void do_stats(const struct request *request)
{
	control_reply(request->client, render_stats(request->daemon));
}

static void do_version(const struct request *request)
{
	struct json_object *reply = json_object_new_object();
	struct utsname uts = {0};

	uname(&uts);
	put_json(reply, "version", json_object_new_string(OBIT_VERSION));
	put_json(reply, "kernel", json_object_new_string(uts.release));
	put_json(reply, "pid", json_object_new_int(getpid()));
	put_json(reply, "observing", json_object_new_boolean(request->daemon->options->observe));
	put_json(reply, "started_ns", json_object_new_int64((int64_t)request->daemon->started_ns));
	put_string(reply, "upgrade", *request->daemon->upgrade ? request->daemon->upgrade : NULL);
	control_reply(request->client, reply);
}

static void do_upgrade(const struct request *request)
{
	int r = upgrade_begin(request->daemon);

	if (r == 0)
		do_version(request);
	else
		control_fail(request->client, OBIT_EXIT_FAILED, "%s",
			     r == -EAGAIN ? "an upgrade is under way already" : strerror(-r));
}

/* ---- acting ---- */

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

/* Starting needs a recipe that may be used; stopping needs nothing. */
static const char *cannot_start(const struct request *request, const struct instance *instance,
				enum policy_input_kind kind, char buf[static RECIPE_SENTENCE_SIZE])
{
	const char *why;

	if (kind == INPUT_STOP || *instance->policy.owner.name)
		return NULL;
	why = owners_refusal(request->daemon, instance, buf);
	if (why)
		return why;
	if (!instance->recipe)
		return "how it was started is not known";
	return recipe_refusal(instance->recipe, watch_of(request->daemon, instance), buf);
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
	const char *why = cannot_start(request, instance, kind, sentence);

	if (why) {
		outcome->refused++;
		snprintf(outcome->text, sizeof(outcome->text), "cannot be %s: %s",
			 kind == INPUT_RESTART ? "restarted" : "started", why);
		return;
	}
	if (lineage_runs(instance))
		note_operator(request, instance);
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
	struct json_object *reply = render_status(request->daemon, target);
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

static void do_act(const struct request *request)
{
	enum policy_input_kind kind = input_of(request->command);
	struct instance *instance, *next;
	struct outcome outcome = {0};
	struct target target;

	if (!find_target(request, &target))
		return;
	log_notice("%s: obit %s", request->name, request->command);
	DL_FOREACH_SAFE (request->daemon->lineage.instances, instance, next)
		if (is_meant(&target, instance))
			act_on(request, instance, kind, &outcome);
	reply_outcome(request, &target, &outcome);
}

/* ---- killing ---- */

static void describe_kill(int signal, unsigned instances, unsigned processes, char *buf,
			  size_t size)
{
	char name[SIGNAL_NAME_SIZE];

	if (processes == ACT_WHOLE_CGROUP)
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

		if (!is_meant(target, instance))
			continue;
		note_operator(request, instance);
		count = act_kill(request->daemon, instance, signal);
		instances += count > 0;
		processes = count == ACT_WHOLE_CGROUP ? count : processes + count;
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

static void do_kill(const struct request *request)
{
	int signal = *request->signal ? signal_from_name(request->signal) : 0;
	struct target target;

	if (signal < 0)
		control_fail(request->client, OBIT_EXIT_USAGE,
			     "--signal %s: expected a signal such as SIGTERM, SIGRTMIN+3 or 15",
			     request->signal);
	else if (find_target(request, &target))
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

static void do_pause(const struct request *request)
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
	else if (find_target(request, &target))
		pause_one(request, &target);
}

/* ---- watches made and ended by hand ---- */

#define SETTINGS_MAX 256

/* Returns how many, or -1 where they are not all strings, or too many. */
static ssize_t words_of(struct json_object *settings, const char *words[static SETTINGS_MAX])
{
	size_t count = settings ? json_count(settings) : 0;

	for (size_t i = 0; count <= SETTINGS_MAX && i < count; i++) {
		struct json_object *word = json_object_array_get_idx(settings, i);

		if (!json_object_is_type(word, json_type_string))
			return -1;
		words[i] = json_object_get_string(word);
	}
	return count <= SETTINGS_MAX ? (ssize_t)count : -1;
}

/* Why what runs would not be respawned, if it is so; of the newest instance. */
static const char *refusal_of(const struct daemon *daemon, size_t watch,
			      char buf[static RECIPE_SENTENCE_SIZE])
{
	const struct watch_config *config = &daemon->config.watches[watch];
	const struct instance *instance, *newest = NULL;

	DL_FOREACH (daemon->lineage.instances, instance)
		if (instance->watch == watch)
			newest = instance;
	if (!newest || config->restart == RESTART_NO)
		return NULL;
	return act_recipe_refusal(daemon, newest, buf);
}

static void describe_new(const struct daemon *daemon, size_t watch, char *buf, size_t size)
{
	const struct instance *instance;
	unsigned count = 0;

	DL_FOREACH (daemon->lineage.instances, instance)
		count += instance->watch == watch;
	if (count)
		snprintf(buf, size, "%u instance%s", count, count == 1 ? " runs" : "s run");
	else
		snprintf(buf, size, "nothing of it runs yet");
}

static void reply_watched(const struct request *request, size_t watch)
{
	const char *name = request->daemon->config.watches[watch].name;
	char what[64], message[POLICY_NOTE_SIZE], sentence[RECIPE_SENTENCE_SIZE];
	struct json_object *full = render_watch(request->daemon, watch);
	struct json_object *reply = json_object_new_object();

	describe_new(request->daemon, watch, what, sizeof(what));
	snprintf(message, sizeof(message), "%s: watched until the next reload; %s", name, what);
	put_string(reply, "message", message);
	put_string(reply, "name", name);
	put_json(reply, "state", json_object_get(json_object_object_get(full, "state")));
	put_json(reply, "pid", json_object_get(json_object_object_get(full, "pid")));
	put_string(reply, "refusal", refusal_of(request->daemon, watch, sentence));
	json_object_put(full);
	control_reply(request->client, reply);
}

static void do_watch(const struct request *request)
{
	const char *words[SETTINGS_MAX];
	ssize_t count = words_of(request->settings, words);
	struct config_error error;
	size_t watch;
	int r;

	if (count < 0) {
		control_fail(request->client, OBIT_EXIT_USAGE,
			     "settings: expected strings KEY=VALUE, %d at most", SETTINGS_MAX);
		return;
	}
	r = watches_add(request->daemon, words, (size_t)count, &watch, &error);
	if (r < 0) {
		control_fail(request->client, r == -EINVAL ? OBIT_EXIT_USAGE : OBIT_EXIT_FAILED,
			     "%s", error.text);
		return;
	}
	log_notice("%s: obit watch", request->daemon->config.watches[watch].name);
	reply_watched(request, watch);
}

static void do_unwatch(const struct request *request)
{
	ssize_t watch = watch_named(request->daemon, request->name, strlen(request->name));
	struct config_error error;
	struct json_object *reply;
	char message[POLICY_NOTE_SIZE];
	bool in_file;

	if (watch < 0) {
		fail_unknown(request);
		return;
	}
	in_file = request->daemon->config.watches[watch].file;
	if (watches_remove(request->daemon, (size_t)watch, &error) < 0) {
		control_fail(request->client, OBIT_EXIT_FAILED, "%s", error.text);
		return;
	}
	log_notice("%s: obit unwatch", request->name);
	snprintf(message, sizeof(message), "%s: no longer watched%s", request->name,
		 in_file ? ", until the next reload" : "");
	reply = json_object_new_object();
	put_string(reply, "message", message);
	put_string(reply, "name", request->name);
	control_reply(request->client, reply);
}

/* ---- reloading ---- */

#define LOGGED_NAMES 20

/* "added a, b", behind a semicolon if there is something before it; or nothing. Returns what is used by then. */
static size_t describe_names(struct json_object *summary, const char *what, char *buf, size_t size,
			     size_t used)
{
	struct json_object *names = json_object_object_get(summary, what);
	size_t count = json_count(names);

	for (size_t i = 0; i < count && i < LOGGED_NAMES && used < size; i++) {
		struct json_object *name = json_object_array_get_idx(names, i);

		if (i)
			used += (size_t)snprintf(buf + used, size - used, ", %s",
						 json_object_get_string(name));
		else
			used += (size_t)snprintf(buf + used, size - used, "%s%s %s",
						 used ? "; " : "", what,
						 json_object_get_string(name));
	}
	if (count > LOGGED_NAMES && used < size)
		used += (size_t)snprintf(buf + used, size - used, " and %zu more",
					 count - LOGGED_NAMES);
	return used;
}

static void log_reload(struct json_object *summary)
{
	char text[3 * LOGGED_NAMES * 72];
	size_t used = describe_names(summary, "added", text, sizeof(text), 0);

	used = describe_names(summary, "changed", text, sizeof(text), used);
	used = describe_names(summary, "removed", text, sizeof(text), used);
	log_notice("configuration reloaded: %s; %d kept", used ? text : "nothing has changed",
		   json_object_get_int(json_object_object_get(summary, "kept")));
}

/* What was logged about it: whoever asks for a reload does not look there. */
static struct json_object *warnings_of(const struct config *config)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < config->warnings.count; i++)
		append_json(array, text_to_json(config->warnings.items[i],
						strlen(config->warnings.items[i])));
	return array;
}

static int reload(struct daemon *daemon, struct config_error *error, struct json_object **summary)
{
	struct json_object *changes = NULL, *warnings;
	struct config fresh;
	int r = settings_load(daemon->options, &fresh, error);

	if (r < 0)
		return r;
	warnings = warnings_of(&fresh);
	r = settings_apply(daemon, &fresh, &changes);
	config_free(&fresh);
	if (r < 0) {
		snprintf(error->text, sizeof(error->text), "cannot apply the configuration: %s",
			 strerror(-r));
		json_object_put(warnings);
		return r;
	}
	log_reload(changes);
	put_json(changes, "warnings", warnings);
	if (summary)
		*summary = json_object_get(changes);
	json_object_put(changes);
	return 0;
}

int requests_reload(struct daemon *daemon, struct config_error *error, struct json_object **summary)
{
	int r;

	manager_reloading(daemon);
	r = reload(daemon, error, summary);
	manager_ready(daemon);
	return r;
}

static void do_reload(const struct request *request)
{
	struct config_error error;
	struct json_object *summary = NULL;

	if (requests_reload(request->daemon, &error, &summary) == 0)
		control_reply(request->client, summary);
	else
		control_fail(request->client, OBIT_EXIT_FAILED, "%s (nothing was changed)",
			     error.text);
}

static void do_watchdog(const struct request *request)
{
	control_reply(request->client, guard_render(request->daemon));
}

/* ---- the table ---- */

enum request_kind {
	READS,
	CONFIGURES, /* root only */
	ACTS,	    /* on processes: root only, and not while observing */
};

static const struct {
	const char *name;
	void (*run)(const struct request *request);
	enum request_kind kind;
	bool needs_name;
} commands[] = {
	{"ls", do_ls, READS, false},
	{"why", do_why, READS, true},
	{"tail", do_tail, READS, false},
	{"log", do_log, READS, false},
	{"show", do_show, READS, true},
	{"status", do_status, READS, true},
	{"stats", do_stats, READS, false},
	{"watchdog", do_watchdog, READS, false},
	{"version", do_version, READS, false},
	{"stop", do_act, ACTS, true},
	{"start", do_act, ACTS, true},
	{"restart", do_act, ACTS, true},
	{"revive", do_act, ACTS, true},
	{"kill", do_kill, ACTS, true},
	{"pause", do_pause, ACTS, false},
	{"resume", do_pause, ACTS, false},
	{"watch", do_watch, CONFIGURES, false},
	{"unwatch", do_unwatch, CONFIGURES, true},
	{"reload", do_reload, CONFIGURES, false},
	{"upgrade", do_upgrade, CONFIGURES, false},
};

/* True after it has answered. */
static bool refuse(const struct request *request, enum request_kind kind, bool needs_name)
{
	if (kind != READS && !request->may_act)
		control_fail(request->client, OBIT_EXIT_FAILED,
			     "permission denied: only root may %s", request->command);
	else if (kind == ACTS && request->daemon->options->observe)
		control_fail(request->client, OBIT_EXIT_FAILED,
			     "obitd only observes (--observe): it does not %s anything",
			     request->command);
	else if (needs_name && !*request->name)
		control_fail(request->client, OBIT_EXIT_USAGE, "%s needs the name of a watch",
			     request->command);
	else
		return false;
	return true;
}

void requests_handle(void *arg, struct control_client *client, const char *command,
		     struct json_object *json, bool may_act)
{
	struct json_object *name = json_object_object_get(json, "name");
	struct json_object *count = json_object_object_get(json, "count");
	struct json_object *all = json_object_object_get(json, "all");
	struct json_object *for_ns = json_object_object_get(json, "for_ns");
	struct json_object *settings = json_object_object_get(json, "settings");
	struct json_object *signal = json_object_object_get(json, "signal");
	struct json_object *secrets = json_object_object_get(json, "secrets");
	struct request request = {
		.daemon = arg,
		.client = client,
		.command = command,
		.name = json_object_is_type(name, json_type_string) ? json_object_get_string(name)
								    : "",
		.signal = json_object_is_type(signal, json_type_string)
				  ? json_object_get_string(signal)
				  : "",
		.count = json_object_is_type(count, json_type_int) ? json_object_get_int64(count)
								   : -1,
		.for_ns = json_object_is_type(for_ns, json_type_int) ? json_object_get_int64(for_ns)
								     : 0,
		.all = json_object_is_type(all, json_type_boolean) && json_object_get_boolean(all),
		.secrets = json_object_is_type(secrets, json_type_boolean) &&
			   json_object_get_boolean(secrets),
		.settings = json_object_is_type(settings, json_type_array) ? settings : NULL,
		.may_act = may_act,
	};

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, command) != 0)
			continue;
		request.verb = commands[i].name;
		if (!refuse(&request, commands[i].kind, commands[i].needs_name))
			commands[i].run(&request);
		return;
	}
	control_fail(client, OBIT_EXIT_USAGE, "no command %s here; obitd is version %s", command,
		     OBIT_VERSION);
}
