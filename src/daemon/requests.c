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

struct request {
	struct daemon *daemon;
	struct control_client *client;
	const char *command;
	const char *name;	      /* "" if none was given */
	int64_t count;		      /* -1 if none was given */
	int64_t for_ns;		      /* 0 if none was given */
	bool all;		      /* not only of watched processes; or all watches */
	struct json_object *settings; /* an array of strings, or NULL */
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
	const char *nearest = nearest_watch(request->daemon, request->name);

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

static bool runs_as(const struct daemon *daemon, size_t watch, __u32 pid)
{
	const struct instance *instance;

	DL_FOREACH (daemon->lineage.instances, instance)
		if (instance->watch == watch && instance->main && instance->main->key.tgid == pid)
			return true;
	return false;
}

/* NAME or NAME@PID. Returns the watch, or MATCH_NONE after it has answered. */
static ssize_t find_target(const struct request *request, __u32 *ret_pid)
{
	const char *at = strrchr(request->name, '@');
	size_t length = at ? (size_t)(at - request->name) : strlen(request->name);
	ssize_t watch = watch_named(request->daemon, request->name, length);

	*ret_pid = 0;
	if (watch < 0) {
		fail_unknown(request);
		return watch;
	}
	if (!at)
		return watch;
	*ret_pid = pid_in(at + 1);
	if (*ret_pid && runs_as(request->daemon, (size_t)watch, *ret_pid))
		return watch;
	control_fail(request->client, OBIT_EXIT_UNKNOWN, "no instance %s; `obit ls` lists them",
		     request->name);
	return MATCH_NONE;
}

/* ---- reading ---- */

static void do_ls(const struct request *request)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < request->daemon->config.watch_count; i++)
		json_object_array_add(array, render_watch(request->daemon, i));
	control_reply(request->client, array);
}

struct search {
	const struct request *request;
	struct json_object *found;
	int64_t left; /* how many more are wanted */
	size_t bytes; /* of what was found */
};

/* An answer has an end; who wants more finds it on disk. */
#define ANSWER_MAX (512 * 1024)

static bool keep(struct search *search, struct json_object *obituary, size_t length)
{
	search->bytes += length;
	if (search->left <= 0 ||
	    (search->bytes > ANSWER_MAX && json_object_array_length(search->found)))
		return false;
	json_object_array_add(search->found, json_object_get(obituary));
	return --search->left > 0;
}

/* Of a watch: the deaths of its main processes, but not that a parent left when it had gone into the
 * background. Of a pid: any. */
static bool is_about(struct json_object *obituary, const struct request *request)
{
	struct json_object *pid = json_object_object_get(obituary, "pid");
	const char *main_of;

	if (watch_named(request->daemon, request->name, strlen(request->name)) < 0)
		return json_object_get_int64(pid) == strtoll(request->name, NULL, 10);
	main_of = publish_main_of(obituary);
	return main_of && !strcmp(main_of, request->name);
}

static bool find_about(void *arg, struct json_object *obituary, size_t length)
{
	struct search *search = arg;

	return !is_about(obituary, search->request) || keep(search, obituary, length);
}

static bool is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

static void do_why(const struct request *request)
{
	struct daemon *daemon = request->daemon;
	struct json_object *array = json_object_new_array();
	struct search search = {.request = request,
				.found = array,
				.left = request->count > 0 ? request->count : 1};
	bool known = watch_named(daemon, request->name, strlen(request->name)) >= 0;

	if (!known && !is_number(request->name)) {
		json_object_put(array);
		fail_unknown(request);
		return;
	}
	publish_newest(daemon, find_about, &search);
	if (json_object_array_length(array)) {
		control_reply(request->client, array);
		return;
	}
	json_object_put(array);
	control_fail(
		request->client, OBIT_EXIT_FAILED,
		known ? "no death of %s is known"
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

	for (size_t i = json_object_array_length(array); i > 0; i--)
		json_object_array_add(copy,
				      json_object_get(json_object_array_get_idx(array, i - 1)));
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
	__u32 pid;
	ssize_t watch = find_target(request, &pid);

	if (watch >= 0)
		control_reply(request->client,
			      render_show(request->daemon, (size_t)watch, request->may_act));
}

static void do_status(const struct request *request)
{
	__u32 pid;
	ssize_t watch = find_target(request, &pid);
	struct json_object *full, *reply;

	if (watch < 0)
		return;
	full = render_watch(request->daemon, (size_t)watch);
	reply = json_object_new_object();
	json_object_object_add(reply, "name",
			       json_object_get(json_object_object_get(full, "name")));
	json_object_object_add(reply, "state",
			       json_object_get(json_object_object_get(full, "state")));
	json_object_object_add(reply, "pid", json_object_get(json_object_object_get(full, "pid")));
	json_object_put(full);
	control_reply(request->client, reply);
}

static void do_stats(const struct request *request)
{
	control_reply(request->client, render_stats(request->daemon));
}

static void do_version(const struct request *request)
{
	struct json_object *reply = json_object_new_object();
	struct utsname uts;

	uname(&uts);
	json_object_object_add(reply, "version", json_object_new_string(OBIT_VERSION));
	json_object_object_add(reply, "kernel", json_object_new_string(uts.release));
	json_object_object_add(reply, "pid", json_object_new_int(getpid()));
	json_object_object_add(reply, "observing",
			       json_object_new_boolean(request->daemon->options->observe));
	control_reply(request->client, reply);
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
	if (kind == INPUT_STOP)
		return NULL;
	if (!instance->recipe)
		return "how it was started is not known";
	return recipe_refusal(instance->recipe, &request->daemon->config.watches[instance->watch],
			      buf);
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
		snprintf(outcome->text, sizeof(outcome->text), "cannot be started: %s", why);
		return;
	}
	act_step(request->daemon, instance, &input, &decision);
	if (decision.refused)
		outcome->refused++;
	else
		outcome->done++;
	if (!decision.refused || !outcome->done)
		snprintf(outcome->text, sizeof(outcome->text), "%s", decision.detail);
}

static void reply_outcome(const struct request *request, size_t watch,
			  const struct outcome *outcome)
{
	const char *name = request->daemon->config.watches[watch].name;
	struct json_object *reply;
	char message[POLICY_NOTE_SIZE + 80];

	if (!outcome->done) {
		if (outcome->refused)
			control_fail(request->client, OBIT_EXIT_FAILED, "%s %s", name,
				     outcome->text);
		else
			control_fail(
				request->client, OBIT_EXIT_NOT_RUNNING,
				"%s: nothing of it is known; obit learns how to start a program "
				"when it sees it run",
				request->name);
		return;
	}
	snprintf(message, sizeof(message), "%s: %s", name, outcome->text);
	reply = json_object_new_object();
	json_object_object_add(reply, "message", json_object_new_string(message));
	json_object_object_add(reply, "state",
			       json_object_new_string(render_watch_state(request->daemon, watch)));
	control_reply(request->client, reply);
}

static void do_act(const struct request *request)
{
	enum policy_input_kind kind = input_of(request->command);
	struct instance *instance, *next;
	struct outcome outcome = {0};
	__u32 pid;
	ssize_t watch = find_target(request, &pid);

	if (watch < 0)
		return;
	log_notice("%s: obit %s", request->name, request->command);
	DL_FOREACH_SAFE (request->daemon->lineage.instances, instance, next) {
		if (instance->watch != (size_t)watch ||
		    (pid && (!instance->main || instance->main->key.tgid != pid)))
			continue;
		act_on(request, instance, kind, &outcome);
	}
	reply_outcome(request, (size_t)watch, &outcome);
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
static bool pause_or_resume(const struct request *request, size_t watch)
{
	uint64_t left;
	bool was_paused = pause_is_on(request->daemon, watch, &left);

	log_notice("%s: obit %s", request->daemon->config.watches[watch].name, request->command);
	if (strcmp(request->command, "pause") == 0)
		pause_begin(request->daemon, watch, (uint64_t)request->for_ns);
	else
		pause_end(request->daemon, watch);
	return was_paused;
}

static void do_pause(const struct request *request)
{
	const struct config *config = &request->daemon->config;
	ssize_t wanted = request->all ? MATCH_NONE
				      : watch_named(request->daemon, request->name,
						    strlen(request->name));
	struct json_object *reply, *names;
	char what[64], message[POLICY_NOTE_SIZE];
	bool was_paused = false;

	if (!request->all && !*request->name) {
		control_fail(request->client, OBIT_EXIT_USAGE,
			     "%s needs the name of a watch, or --all", request->command);
		return;
	}
	if (!request->all && wanted < 0) {
		fail_unknown(request);
		return;
	}
	if (request->for_ns < 0) {
		control_fail(request->client, OBIT_EXIT_USAGE,
			     "for_ns: expected nanoseconds, more than 0");
		return;
	}
	names = json_object_new_array();
	for (size_t i = 0; i < config->watch_count; i++) {
		if (!request->all && i != (size_t)wanted)
			continue;
		was_paused |= pause_or_resume(request, i);
		json_object_array_add(names, json_object_new_string(config->watches[i].name));
	}
	describe_pause(request, was_paused || request->all, what, sizeof(what));
	snprintf(message, sizeof(message), "%s: %s", request->all ? "all watches" : request->name,
		 what);
	reply = json_object_new_object();
	json_object_object_add(reply, "message", json_object_new_string(message));
	json_object_object_add(reply, "watches", names);
	control_reply(request->client, reply);
}

/* ---- watches made and ended by hand ---- */

#define SETTINGS_MAX 256

/* Returns how many, or -1 where they are not all strings, or too many. */
static ssize_t words_of(struct json_object *settings, const char *words[static SETTINGS_MAX])
{
	size_t count = settings ? json_object_array_length(settings) : 0;

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
	json_object_object_add(reply, "state",
			       json_object_get(json_object_object_get(full, "state")));
	json_object_object_add(reply, "pid", json_object_get(json_object_object_get(full, "pid")));
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

int requests_reload(struct daemon *daemon, struct config_error *error, struct json_object **summary)
{
	struct config fresh;
	int r = settings_load(daemon->options, &fresh, error);

	if (r < 0)
		return r;
	r = settings_apply(daemon, &fresh, summary);
	if (r < 0)
		snprintf(error->text, sizeof(error->text), "cannot apply the configuration: %s",
			 strerror(-r));
	config_free(&fresh);
	return r;
}

static void do_reload(const struct request *request)
{
	struct config_error error;
	struct json_object *summary = NULL;

	if (requests_reload(request->daemon, &error, &summary) == 0) {
		log_notice("configuration reloaded");
		control_reply(request->client, summary);
		return;
	}
	json_object_put(summary);
	control_fail(request->client, OBIT_EXIT_FAILED, "%s (nothing was changed)", error.text);
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
	{"version", do_version, READS, false},
	{"stop", do_act, ACTS, true},
	{"start", do_act, ACTS, true},
	{"restart", do_act, ACTS, true},
	{"revive", do_act, ACTS, true},
	{"pause", do_pause, ACTS, false},
	{"resume", do_pause, ACTS, false},
	{"watch", do_watch, CONFIGURES, false},
	{"unwatch", do_unwatch, CONFIGURES, true},
	{"reload", do_reload, CONFIGURES, false},
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
	struct request request = {
		.daemon = arg,
		.client = client,
		.command = command,
		.name = json_object_is_type(name, json_type_string) ? json_object_get_string(name)
								    : "",
		.count = json_object_is_type(count, json_type_int) ? json_object_get_int64(count)
								   : -1,
		.for_ns = json_object_is_type(for_ns, json_type_int) ? json_object_get_int64(for_ns)
								     : 0,
		.all = json_object_is_type(all, json_type_boolean) && json_object_get_boolean(all),
		.settings = json_object_is_type(settings, json_type_array) ? settings : NULL,
		.may_act = may_act,
	};

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, command) != 0)
			continue;
		if (!refuse(&request, commands[i].kind, commands[i].needs_name))
			commands[i].run(&request);
		return;
	}
	control_fail(client, OBIT_EXIT_USAGE, "no command %s here; obitd is version %s", command,
		     OBIT_VERSION);
}
