// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* State into JSON. The names are the users': they stay once released. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "core/secret.h"
#include "daemon/daemon.h"
#include "daemon/put.h"

/* "paused until resumed", and what else there is to say. */
static const char *describe_pause(bool until_resumed, uint64_t left_ns, const char *note,
				  char buf[static POLICY_NOTE_SIZE])
{
	char span[CLOCK_SPAN_SIZE];

	snprintf(buf, POLICY_NOTE_SIZE, "paused %s%s%s%.200s",
		 until_resumed ? "until resumed" : "for another ",
		 until_resumed ? "" : clock_span(left_ns, span), note ? "; " : "",
		 note ? note : "");
	return buf;
}

/* A hold is told with the time that is left by now. */
static const char *note_of(const struct policy *policy, char buf[static POLICY_NOTE_SIZE])
{
	const char *note = *policy->note ? policy->note : NULL;
	uint64_t until = policy->paused_until_ns, now = clock_running_ns();

	if (policy_is_held(policy)) {
		policy_describe_hold(policy, now, buf);
		return buf;
	}
	if (!policy->paused || (until && until <= now))
		return note;
	return describe_pause(!until, until - now, note, buf);
}

static const char *instance_note(const struct instance *instance, char buf[static POLICY_NOTE_SIZE])
{
	const char *note = note_of(&instance->policy, buf);

	return note ? note : probes_note(instance, buf);
}

/* What holds for a watch as a whole, unless its instance tells it. NULL: nothing. */
static const char *watch_note(const struct daemon *daemon, size_t watch,
			      const struct instance *instance, char buf[static POLICY_NOTE_SIZE])
{
	const char *note = instance ? instance_note(instance, buf) : NULL;
	uint64_t left;

	if (!instance && pause_is_on(daemon, watch, &left))
		return describe_pause(!left, left, NULL, buf);
	if (!note && daemon->options->observe)
		return "only observed: nothing is done about its deaths";
	return note;
}

/* ---- ls ---- */

/* What a person wants to know first: trouble, then life, then rest. */
static const enum policy_state by_weight[] = {
	POLICY_BURIED,	POLICY_STOPPING, POLICY_STARTING,   POLICY_READYING,
	POLICY_WAITING, POLICY_ASKING,	 POLICY_RESTARTING, POLICY_EXPECTED,
	POLICY_UP,	POLICY_DOWN,	 POLICY_ENDED,
};
_Static_assert(ARRAY_SIZE(by_weight) == _POLICY_STATE_MAX, "a weight for each state");

static int weight_of(enum policy_state state)
{
	int weight = 0;

	while (by_weight[weight] != state)
		weight++;
	return weight;
}

static const struct instance *heaviest(const struct daemon *daemon, size_t watch)
{
	const struct instance *instance, *best = NULL;

	DL_FOREACH2 (daemon->watches[watch].instances, instance, watch_next)
		if (!best || weight_of(instance->policy.state) <= weight_of(best->policy.state))
			best = instance;
	return best;
}

const char *render_watch_state(const struct daemon *daemon, size_t watch)
{
	const struct instance *instance = heaviest(daemon, watch);

	return instance ? policy_state_name(instance->policy.state) : "absent";
}

static void put_life(struct json_object *object, const struct instance *instance)
{
	bool runs = instance && lineage_runs(instance);

	put_json(object, "pid", runs ? json_object_new_int64(instance->main->key.tgid) : NULL);
	put_json(object, "uptime_ns",
		 runs ? json_object_new_uint64(clock_boot_ns() - instance->began) : NULL);
}

struct json_object *render_instance(const struct instance *instance)
{
	const struct policy *policy = &instance->policy;
	struct json_object *object = json_object_new_object();
	uint64_t at = policy_is_held(policy) ? policy->paused_until_ns : policy->respawn_at_ns;
	uint64_t now = clock_running_ns();
	char note[POLICY_NOTE_SIZE];

	put_string(object, "state", policy_state_name(policy->state));
	put_life(object, instance);
	put_json(object, "last_pid",
		 instance->last_pid ? json_object_new_int64(instance->last_pid) : NULL);
	put_number(object, "restarts", policy->restarts);
	put_number(object, "members", instance->alive ? instance->alive - !!instance->main : 0);
	put_bool(object, "adopted", instance->adopted);
	put_json(object, "next_start_ns",
		 policy->state == POLICY_WAITING && at > now ? json_object_new_uint64(at - now)
							     : NULL);
	put_json(object, "probes", probes_render(instance));
	put_string(object, "note", instance_note(instance, note));
	vigil_render(instance, object);
	return object;
}

/* The newest instance that runs. */
static const struct instance *newest_running(const struct daemon *daemon, size_t watch)
{
	const struct instance *instance, *newest = NULL;

	DL_FOREACH2 (daemon->watches[watch].instances, instance, watch_next)
		if (lineage_runs(instance))
			newest = instance;
	return newest;
}

static struct json_object *render_instances(const struct daemon *daemon, size_t watch,
					    uint64_t *ret_restarts)
{
	struct json_object *array = json_object_new_array();
	const struct instance *instance;

	DL_FOREACH2 (daemon->watches[watch].instances, instance, watch_next) {
		*ret_restarts += instance->policy.restarts;
		append_json(array, render_instance(instance));
	}
	return array;
}

struct json_object *render_watch(const struct daemon *daemon, size_t watch)
{
	const struct watch_config *config = &daemon->config.watches[watch];
	const struct watch_state *state = &daemon->watches[watch];
	const struct instance *instance = heaviest(daemon, watch);
	struct json_object *object = json_object_new_object();
	uint64_t restarts = state->restarts, left;
	struct health_verdict verdict;
	char note[POLICY_NOTE_SIZE];
	struct json_object *instances = render_instances(daemon, watch, &restarts);

	put_string(object, "name", config->name);
	put_string(object, "state", render_watch_state(daemon, watch));
	put_life(object, newest_running(daemon, watch));
	put_number(object, "restarts", restarts);
	put_number(object, "deaths", state->deaths);
	put_json(object, "last_death", json_object_get(state->last_death));
	put_bool(object, "critical", config->critical);
	guard_judge(daemon, watch, &verdict);
	put_bool(object, "healthy", verdict.feed);
	put_string(object, "watchdog",
		   daemon->guard.dogs && config->critical && verdict.ill ? verdict.text : NULL);
	put_bool(object, "paused", pause_is_on(daemon, watch, &left));
	put_json(object, "paused_for_ns", left ? json_object_new_uint64(left) : NULL);
	put_string(object, "note", watch_note(daemon, watch, instance, note));
	put_json(object, "instances", instances);
	return object;
}

/* ---- show ---- */

static struct json_object *render_variable(const char *entry, enum secret_view view)
{
	char name[256] = "***"; /* without a '=' nobody knows where a secret begins */

	if (!secret_is_hidden(entry, view))
		return text_to_json(entry, strlen(entry));
	if (strchr(entry, '='))
		snprintf(name, sizeof(name), "%.*s=***", (int)strcspn(entry, "="), entry);
	return text_to_json(name, strlen(name));
}

static struct json_object *render_env(const struct strings *env, enum secret_view view)
{
	struct json_object *array = json_object_new_array();
	size_t position = 0;
	const char *entry;

	while ((entry = strings_next(env, &position)))
		append_json(array, render_variable(entry, view));
	return array;
}

/* The configuration of a watch, that may hold secrets in its `env`, too. */
static struct json_object *render_watch_config(const struct watch_config *config,
					       enum secret_view view)
{
	struct json_object *object = render_config(config), *env = json_object_new_array();

	for (size_t i = 0; i < config->env.count; i++)
		append_json(env, render_variable(config->env.items[i], view));
	if (config->env.count)
		put_json(object, "env", env);
	else
		json_object_put(env);
	return object;
}

static const char *stdio_how(const struct obit_stdio *stdio, const char *path, bool may_log)
{
	if (S_ISFIFO(stdio->mode) || S_ISSOCK(stdio->mode))
		return may_log && !isatty(STDERR_FILENO) ? "log" : "null";
	if (!path || !stdio->mode || !strncmp(path, "/dev/pts/", 9) ||
	    !strncmp(path, "/dev/tty", 8) || !strcmp(path, "/dev/console"))
		return "null";
	return "reopened";
}

static struct json_object *render_stdio(const struct recipe *recipe)
{
	struct json_object *array = json_object_new_array();

	for (int i = 0; i < 3; i++) {
		struct json_object *entry = json_object_new_object();

		put_number(entry, "fd", (uint64_t)i);
		put_string(entry, "path", recipe->stdio[i]);
		put_string(entry, "how",
			   stdio_how(&recipe->facts->stdio[i], recipe->stdio[i],
				     i > 0 && recipe->facts->uid == 0 && recipe->facts->euid == 0));
		append_json(array, entry);
	}
	return array;
}

static void put_gaps(struct json_object *object, const struct recipe *recipe,
		     const struct watch_config *watch)
{
	struct json_object *missing = json_object_new_array();
	char sentence[RECIPE_SENTENCE_SIZE];
	const char *phrase;

	for (unsigned i = 0; (phrase = recipe_missing(recipe, i)); i++)
		append_json(missing, json_object_new_string(phrase));
	put_bool(object, "complete", !json_count(missing));
	put_json(object, "missing", missing);
	put_string(object, "refusal", recipe_refusal(recipe, watch, sentence));
}

static struct json_object *render_recipe(const struct recipe *recipe,
					 const struct watch_config *watch, enum secret_view view)
{
	struct json_object *object, *groups = json_object_new_array();
	char umask_text[8];

	object = json_object_new_object();
	snprintf(umask_text, sizeof(umask_text), "%04o", recipe->facts->umask & 0777);
	put_string(object, "exe", recipe->exe);
	put_string(object, "script", recipe->script);
	put_string(object, "script_path", recipe->script_path);
	put_json(object, "argv", strings_to_json(&recipe->argv, SIZE_MAX / 2));
	put_json(object, "env", render_env(&recipe->env, view));
	put_string(object, "cwd", recipe->cwd);
	put_string(object, "root", recipe->root);
	put_string(object, "umask", umask_text);
	put_number(object, "uid", recipe->facts->euid);
	put_number(object, "gid", recipe->facts->egid);
	for (__u32 i = 0; i < recipe->facts->group_count; i++)
		append_json(groups, json_object_new_int64(recipe->facts->groups[i]));
	put_json(object, "groups", groups);
	put_string(object, "cgroup", recipe->cgroup);
	put_string(object, "label", recipe->label);
	put_json(object, "nice", json_object_new_int(recipe->facts->nice));
	put_json(object, "oom_score_adj", json_object_new_int(recipe->facts->oom_score_adj));
	put_json(object, "stdio", render_stdio(recipe));
	put_string(object, "source", recipe->source == RECIPE_EXEC ? "exec" : "proc");
	put_gaps(object, recipe, watch);
	return object;
}

struct json_object *render_show(const struct daemon *daemon, size_t watch,
				const struct instance *only, enum secret_view view)
{
	const struct watch_config *config = &daemon->config.watches[watch];
	struct json_object *object = render_watch(daemon, watch);
	struct json_object *instances = json_object_new_array(), *item;
	const struct instance *instance;
	char where[512];

	snprintf(where, sizeof(where), "%s:%u", config->file, config->line);
	put_string(object, "defined_at",
		   config->line	  ? where
		   : config->file ? config->file
				  : "obit watch");
	put_json(object, "watch", render_watch_config(config, view));
	DL_FOREACH2 (daemon->watches[watch].instances, instance, watch_next) {
		if (only && instance != only)
			continue;
		item = render_instance(instance);
		put_json(item, "recipe",
			 instance->recipe ? render_recipe(instance->recipe, config, view) : NULL);
		append_json(instances, item);
	}
	put_json(object, "instances", instances);
	return object;
}

/* ---- stats ---- */

static uint64_t count_recipe_bytes(const struct daemon *daemon)
{
	const struct instance *instance;
	uint64_t bytes = pool_bytes(&daemon->lineage.pool);

	DL_FOREACH (daemon->lineage.instances, instance)
		bytes += instance->recipe ? recipe_bytes(instance->recipe) : 0;
	return bytes;
}

struct json_object *render_stats(struct daemon *daemon)
{
	struct json_object *object = json_object_new_object();
	struct json_object *losses = json_object_new_object();
	struct json_object *kernel = json_object_new_object();
	struct json_object *user = json_object_new_object();
	const struct control_counters *clients = control_counters(daemon->control);
	const struct history_state *history = daemon->history ? history_state(daemon->history)
							      : NULL;
	struct obit_stats stats = {0};

	bpf_source_stats(daemon->source, &stats);
	put_number(losses, "untracked", stats.untracked);
	put_number(losses, "ring_lost", stats.ring_lost);
	put_number(losses, "missed_runs", bpf_source_missed_runs(daemon->source));
	put_number(losses, "cgroup_lost", stats.cgroup_lost);
	put_number(losses, "signals_lost", stats.signals_lost);
	put_number(losses, "exits_lost", stats.exits_lost);
	put_number(losses, "path_cut", stats.path_cut);
	put_number(losses, "bad_records", daemon->counters.bad_records);
	put_number(losses, "out_of_memory", daemon->counters.out_of_memory);
	put_number(losses, "clients_dropped", clients->dropped);
	put_number(losses, "lines_dropped", clients->missed);
	put_number(losses, "journal_lost", daemon->counters.journal_lost);
	put_number(losses, "unkept", daemon->counters.unkept);
	put_number(losses, "history_lost", history ? history->lost : 0);
	put_number(losses, "hooks_dropped", hook_events_dropped(daemon));
	put_number(kernel, "tracked", stats.tracked);
	put_number(kernel, "execs", stats.execs);
	put_number(kernel, "deaths", stats.deaths);
	put_number(kernel, "scanned", stats.scanned);
	put_number(kernel, "signals", stats.signals);
	put_number(kernel, "exits", stats.exits);
	put_number(user, "watches", daemon->config.watch_count);
	put_number(user, "processes", HASH_COUNT(daemon->lineage.processes));
	put_number(user, "recipe_bytes", count_recipe_bytes(daemon));
	put_number(user, "records", daemon->counters.records);
	put_number(user, "rescans", daemon->counters.rescans);
	put_number(user, "respawns", daemon->counters.respawns);
	put_number(user, "failed_respawns", daemon->counters.failed_respawns);
	vigil_counters(daemon, user);
	put_number(user, "clients", clients->clients);
	put_number(user, "clients_refused", clients->refused);
	put_number(user, "clients_garbage", clients->garbage);
	put_number(user, "history_written", history ? history->written : 0);
	put_string(user, "history_error", history && *history->error ? history->error : NULL);
	put_number(user, "uptime_ns", clock_boot_ns() - daemon->started_ns);
	put_bool(user, "observing", daemon->options->observe);
	put_json(object, "losses", losses);
	put_json(object, "kernel", kernel);
	put_json(object, "daemon", user);
	return object;
}
