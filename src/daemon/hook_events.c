// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What happened to an instance, as a command that the configuration names: its environment and its stdin. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/command.h"
#include "daemon/daemon.h"
#include "daemon/put.h"
#include "io/hooks.h"

#define RUNNING_MAX 4
#define WAITING_MAX 64
#define GRACE	    (2 * NS_PER_SEC) /* between SIGTERM and SIGKILL */
#define NAME_SIZE   384

enum event { EVENT_EXIT, EVENT_RESTART, EVENT_GIVE_UP, EVENT_HANG };

static const struct {
	const char *word, *key;
} events[] = {
	[EVENT_EXIT] = {"exit", "on_exit"},
	[EVENT_RESTART] = {"restart", "on_restart"},
	[EVENT_GIVE_UP] = {"give-up", "on_give_up"},
	[EVENT_HANG] = {"hang", "on_hang"},
};

static const char *command_of(const struct watch_config *watch, enum event event)
{
	switch (event) {
	case EVENT_EXIT:
		return watch->on_exit;
	case EVENT_RESTART:
		return watch->on_restart;
	case EVENT_GIVE_UP:
		return watch->on_give_up;
	case EVENT_HANG:
		return watch->on_hang;
	}
	return NULL;
}

/* ---- what went wrong ---- */

static void on_result(void *arg, const struct hook_result *result)
{
	char words[WAIT_STATUS_WORDS_SIZE];

	(void)arg;
	switch (result->outcome) {
	case HOOK_ENDED:
		if (result->value)
			log_warning("%s: %s", result->name,
				    wait_status_words((uint32_t)result->value, words));
		return;
	case HOOK_TIMED_OUT:
		log_warning("%s: not done within hook_timeout; it is ended", result->name);
		return;
	case HOOK_REFUSED:
		log_warning("%s: not run: others than root can change it", result->name);
		return;
	case HOOK_NOT_EXECUTED:
		log_warning("%s: cannot be executed: %s", result->name, strerror(result->value));
		return;
	}
}

/* Said once when it begins and once when it ends: a storm of deaths is not to be one of lines, too. */
static void log_drop(struct daemon *daemon)
{
	if (daemon->hooks_dropping)
		return;
	daemon->hooks_dropping = true;
	daemon->hooks_dropped_before = hooks_state(daemon->hooks)->dropped - 1;
	log_warning("%d hooks run and %d wait: the next ones are dropped, and only counted "
		    "(hooks_dropped)",
		    RUNNING_MAX, WAITING_MAX);
}

static void log_drop_end(struct daemon *daemon)
{
	const struct hooks_state *state = hooks_state(daemon->hooks);
	uint64_t dropped = state->dropped - daemon->hooks_dropped_before;

	if (!daemon->hooks_dropping || state->waiting > WAITING_MAX / 2)
		return;
	daemon->hooks_dropping = false;
	log_notice("hooks are taken again; %" PRIu64 " %s dropped", dropped,
		   dropped == 1 ? "was" : "were");
}

/* ---- the environment ---- */

#define VARIABLES_MAX (JOURNAL_MAX_FIELDS + 8)

struct environment {
	char *items[VARIABLES_MAX + 1]; /* owned, NULL-terminated */
	size_t count;
	bool cut; /* no memory */
};

static void add(struct environment *environment, const char *name, const char *value)
{
	char *item;

	if (environment->count == VARIABLES_MAX)
		return;
	if (asprintf(&item, "%s=%s", name, value) < 0)
		environment->cut = true;
	else
		environment->items[environment->count++] = item;
}

static void clear(struct environment *environment)
{
	for (size_t i = 0; i < environment->count; i++)
		free(environment->items[i]);
}

/* In systemd's words. */
static const char *service_result(const struct watch_config *watch, enum event event,
				  struct json_object *json, uint32_t status)
{
	bool oom = json_object_get_boolean(json_object_object_get(json, "oom"));
	struct json_object *hung = json_object_object_get(json, "hung");

	if (event == EVENT_GIVE_UP)
		return "start-limit-hit";
	if (json_object_get_boolean(json_object_object_get(hung, "stopped")))
		return "watchdog";
	if (oom)
		return "oom-kill";
	if (policy_is_success(watch, status))
		return "success";
	switch (wait_status_how(status)) {
	case DEATH_KILLED:
		return "signal";
	case DEATH_DUMPED:
		return "core-dump";
	default:
		return "exit-code";
	}
}

static void add_systemd_words(struct environment *environment, const struct watch_config *watch,
			      enum event event, struct json_object *json)
{
	struct json_object *value = json_object_object_get(json, "wait_status");
	uint32_t status = (uint32_t)json_object_get_int64(value);
	char number[16], name[SIGNAL_NAME_SIZE];
	const char *word = number;

	if (event == EVENT_HANG)
		add(environment, "SERVICE_RESULT", "watchdog");
	if (!value)
		return; /* of no death that is known */
	snprintf(number, sizeof(number), "%d", wait_status_exit(status));
	if (wait_status_how(status) != DEATH_EXITED) {
		word = signal_name(wait_status_signal(status), name);
		word += strncmp(word, "SIG", 3) ? 0 : 3;
	}
	add(environment, "SERVICE_RESULT", service_result(watch, event, json, status));
	add(environment, "EXIT_CODE", death_how_name(wait_status_how(status)));
	add(environment, "EXIT_STATUS", word);
}

static void fill(struct environment *environment, const struct watch_config *watch,
		 enum event event, struct json_object *json)
{
	struct journal_fields fields;

	add(environment, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	add(environment, "OBIT_EVENT", events[event].word);
	add_systemd_words(environment, watch, event, json);
	journal_fields_of(json, &fields);
	for (size_t i = 0; i < fields.count; i++)
		add(environment, fields.items[i].name, fields.items[i].value);
}

/* ---- to run ---- */

/* The line of JSON with its newline. 0 or -ENOMEM. */
static int make_input(struct json_object *json, char **ret, size_t *ret_length)
{
	const char *line = json_object_to_json_string_length(
		json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, ret_length);

	if (!line || asprintf(ret, "%s\n", line) < 0)
		return -ENOMEM;
	++*ret_length;
	return 0;
}

static int run(struct daemon *daemon, const struct watch_config *watch, enum event event,
	       struct json_object *json)
{
	_cleanup_free_ const char **argv = NULL;
	_cleanup_free_ char *words = NULL, *input = NULL;
	struct environment environment = {0};
	struct hook hook = {.timeout_ns = watch->hook_timeout_ns};
	char name[NAME_SIZE];
	int r = command_split(command_of(watch, event), &words, &argv);

	if (r == 0)
		r = make_input(json, &input, &hook.length);
	if (r < 0)
		return r;
	fill(&environment, watch, event, json);
	snprintf(name, sizeof(name), "%s: %s = '%.256s'", watch->name, events[event].key,
		 command_of(watch, event));
	hook.name = name;
	hook.argv = argv;
	hook.envp = (const char *const *)environment.items;
	hook.input = input;
	r = environment.cut ? -ENOMEM : hooks_run(daemon->hooks, &hook);
	clear(&environment);
	return r;
}

static void notify(struct daemon *daemon, const struct watch_config *watch, enum event event,
		   struct json_object *json)
{
	int r;

	if (daemon->options->observe)
		return; /* who only looks runs nothing */
	r = json ? run(daemon, watch, event, json) : -ENOMEM;
	if (r == -EAGAIN)
		log_drop(daemon);
	else if (r < 0)
		daemon_out_of_memory(daemon, "running a hook");
}

/* ---- what happened ---- */

void hook_events_exit(struct daemon *daemon, size_t watch, struct instance *instance,
		      struct json_object *json)
{
	const struct watch_config *config = &daemon->config.watches[watch];
	struct attachment *attachment = instance ? instance->attachment : NULL;

	if (attachment && (config->on_restart || config->on_give_up)) {
		json_object_put(attachment->last_death);
		attachment->last_death = json_object_get(json);
	}
	if (config->on_exit)
		notify(daemon, config, EVENT_EXIT, json);
}

/* The last obituary of the instance, and how often it has been respawned. A new reference, or NULL. */
static struct json_object *describe(const struct daemon *daemon, const struct instance *instance)
{
	const struct attachment *attachment = instance->attachment;
	struct json_object *json = NULL;

	if (!attachment->last_death) {
		json = json_object_new_object();
		put_string(json, "watch", watch_of(daemon, instance)->name);
	} else if (json_object_deep_copy(attachment->last_death, &json, NULL) < 0) {
		return NULL;
	}
	put_number(json, "restarts", instance->policy.restarts);
	return json;
}

void hook_events_restart(struct daemon *daemon, struct instance *instance, pid_t pid)
{
	const struct watch_config *watch = watch_of(daemon, instance);
	struct json_object *json;

	if (!watch->on_restart)
		return;
	json = describe(daemon, instance);
	if (json)
		put_number(json, "new_pid", (uint64_t)pid);
	notify(daemon, watch, EVENT_RESTART, json);
	json_object_put(json);
}

void hook_events_state(struct daemon *daemon, struct instance *instance)
{
	const struct watch_config *watch = watch_of(daemon, instance);
	struct attachment *attachment = instance->attachment;
	bool told = attachment->told_buried;
	struct json_object *json;

	attachment->told_buried = instance->policy.state == POLICY_BURIED;
	if (told || !attachment->told_buried || !watch->on_give_up)
		return;
	json = describe(daemon, instance);
	notify(daemon, watch, EVENT_GIVE_UP, json);
	json_object_put(json);
}

void hook_events_hang(struct daemon *daemon, struct instance *instance,
		      const struct policy_output *decision)
{
	const struct watch_config *watch = watch_of(daemon, instance);
	_cleanup_json_ struct json_object *json = NULL;
	char time[CLOCK_RFC3339_SIZE];

	if (!watch->on_hang)
		return;
	json = json_object_new_object();
	if (json) {
		put_string(json, "time", clock_rfc3339(clock_wall_ns(), time));
		put_string(json, "watch", watch->name);
		put_number(json, "pid", instance->last_pid);
		put_json(json, "hung", hangs_render(instance));
		put_string(json, "action", policy_verdict_name(decision->verdict));
		put_string(json, "action_detail", decision->detail);
		put_number(json, "restarts", instance->policy.restarts);
	}
	notify(daemon, watch, EVENT_HANG, json);
}

/* ---- the ends ---- */

int hook_events_open(struct daemon *daemon)
{
	struct hooks_options options = {
		.running_max = RUNNING_MAX,
		.waiting_max = WAITING_MAX,
		.grace_ns = GRACE,
		.files = daemon->files_limit,
		.oom_score_adj = daemon->protected ? &daemon->oom_score_adj : NULL,
		.may_run = daemon_may_run,
		.told = on_result,
	};

	return hooks_new(daemon->loop, &options, &daemon->hooks);
}

bool hook_events_reap(struct daemon *daemon, pid_t pid)
{
	if (!daemon->hooks || !hooks_reap(daemon->hooks, pid))
		return false;
	log_drop_end(daemon);
	return true;
}

uint64_t hook_events_dropped(const struct daemon *daemon)
{
	return hooks_state(daemon->hooks)->dropped;
}

unsigned hook_events_left(const struct daemon *daemon)
{
	const struct hooks_state *state = hooks_state(daemon->hooks);

	return state->running + state->waiting;
}

static void tell_left(const struct daemon *daemon, const char *running, const char *waiting)
{
	const struct hooks_state *state = hooks_state(daemon->hooks);

	if (state->running)
		log_notice("%u hook%s still running: %s", state->running,
			   state->running == 1 ? " is" : "s are", running);
	if (state->waiting)
		log_warning("%u hook%s waiting: %s", state->waiting,
			    state->waiting == 1 ? " was" : "s were", waiting);
}

void hook_events_leave(const struct daemon *daemon)
{
	tell_left(daemon, "not ended any more", "not run by the new program");
}

void hook_events_close(struct daemon *daemon)
{
	if (daemon->hooks)
		tell_left(daemon, "ended", "not run any more");
	hooks_free(daemon->hooks);
}
