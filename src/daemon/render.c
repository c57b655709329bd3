// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* State into JSON and log lines. The names are the users': they stay once released. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/container.h"
#include "daemon/daemon.h"

/* ---- small parts ---- */

static void put_string(struct json_object *object, const char *key, const char *value)
{
	json_object_object_add(object, key, value ? json_object_new_string(value) : NULL);
}

static void put_number(struct json_object *object, const char *key, uint64_t value)
{
	json_object_object_add(object, key, json_object_new_uint64(value));
}

static void put_bool(struct json_object *object, const char *key, bool value)
{
	json_object_object_add(object, key, json_object_new_boolean(value));
}

static struct json_object *strings_to_json(const struct strings *strings, size_t limit)
{
	struct json_object *array = json_object_new_array();
	size_t position = 0;
	const char *string;

	while (position < limit && (string = strings_next(strings, &position)))
		json_object_array_add(
			array, json_object_new_string_len(string, (int)strnlen(string, limit)));
	return array;
}

static const char *note_of(const struct policy *policy)
{
	return *policy->note ? policy->note : NULL;
}

/* ---- obituaries ---- */

static void put_ending(struct json_object *object, const struct obit_exit *exit)
{
	char name[SIGNAL_NAME_SIZE];
	enum death_how how = wait_status_how(exit->wait_status);

	put_string(object, "how", death_how_name(how));
	if (how == DEATH_EXITED)
		put_number(object, "exit_status", (uint64_t)wait_status_exit(exit->wait_status));
	else
		put_string(object, "signal",
			   signal_name(wait_status_signal(exit->wait_status), name));
	put_number(object, "wait_status", exit->wait_status);
	put_bool(object, "core_dumped", how == DEATH_DUMPED);
	put_bool(object, "oom", exit->flags & OBIT_EXIT_OOM);
}

/* JSON null where there is no path, or only its end. */
static const char *sender_path(const struct obit_signal *signal)
{
	return *signal->path && !(signal->flags & OBIT_SIGNAL_PATH_CUT) ? signal->path : NULL;
}

static struct json_object *render_sender(const struct obit_signal *signal)
{
	struct json_object *object = json_object_new_object();
	char comm[OBIT_COMM_SIZE + 1];

	snprintf(comm, sizeof(comm), "%.*s", OBIT_COMM_SIZE, signal->comm);
	put_number(object, "pid", signal->sender.tgid);
	put_string(object, "comm", comm);
	put_string(object, "path", sender_path(signal));
	put_number(object, "uid", signal->uid);
	return object;
}

static struct json_object *render_asked(const struct obit_signal *asked,
					const struct obit_exit *exit)
{
	struct json_object *object = render_sender(asked);
	char name[SIGNAL_NAME_SIZE];

	put_string(object, "signal", signal_name((int)asked->number, name));
	put_number(object, "before_ns", exit->time - asked->time);
	return object;
}

/* The address as text: a JSON number loses digits in many a reader. */
static struct json_object *render_fault(const struct obit_signal *signal)
{
	struct json_object *object = json_object_new_object();
	char address[24];

	snprintf(address, sizeof(address), "0x%llx", (unsigned long long)signal->address);
	json_object_object_add(object, "code", json_object_new_int(signal->code));
	put_string(object, "name", fault_name(signal->number, signal->code));
	put_string(object, "address", address);
	if (signal->number == SIGSYS)
		json_object_object_add(object, "syscall", json_object_new_int(signal->syscall));
	return object;
}

static struct json_object *pages_to_json(uint64_t pages)
{
	return json_object_new_uint64(pages * (uint64_t)sysconf(_SC_PAGESIZE));
}

static struct json_object *render_oom(const struct obit_signal *signal)
{
	struct json_object *object;
	bool cgroup = signal->flags & OBIT_SIGNAL_OOM_CGROUP;

	if (!(signal->flags & (OBIT_SIGNAL_OOM_CGROUP | OBIT_SIGNAL_OOM_HOST)))
		return NULL;
	object = json_object_new_object();
	put_string(object, "scope", cgroup ? "cgroup" : "host");
	put_string(object, "cgroup", cgroup ? sender_path(signal) : NULL);
	json_object_object_add(object, "limit_bytes",
			       cgroup ? pages_to_json(signal->oom_limit_pages) : NULL);
	json_object_object_add(object, "usage_bytes",
			       cgroup ? pages_to_json(signal->oom_usage_pages) : NULL);
	return object;
}

static struct json_object *render_core(const struct evidence *evidence)
{
	struct json_object *object;

	if (!evidence->core_path && !evidence->core_handler)
		return NULL;
	object = json_object_new_object();
	put_string(object, "path", evidence->core_path);
	put_string(object, "handler", evidence->core_handler);
	return object;
}

static void put_cause(struct json_object *object, const struct evidence *evidence,
		      const struct obit_exit *exit)
{
	const struct obit_signal *fatal = evidence->has_fatal ? &evidence->fatal : NULL;
	enum death_cause cause = evidence->cause;
	bool fault = fatal && (cause == CAUSE_FAULT || cause == CAUSE_SECCOMP);

	put_string(object, "cause", death_cause_name(cause));
	json_object_object_add(object, "killer",
			       fatal && death_cause_has_killer(cause) ? render_sender(fatal)
								      : NULL);
	json_object_object_add(object, "asked_by",
			       evidence->has_asked ? render_asked(&evidence->asked, exit) : NULL);
	json_object_object_add(object, "fault", fault ? render_fault(fatal) : NULL);
	json_object_object_add(object, "oom_cause",
			       fatal && cause == CAUSE_OOM ? render_oom(fatal) : NULL);
	json_object_object_add(object, "core", render_core(evidence));
}

static uint64_t lived_ns(const struct obituary *obituary)
{
	uint64_t began = obituary->role == ROLE_MAIN && obituary->began
				 ? obituary->began
				 : obituary->letter->birth_time;

	return obituary->letter->exit.time - began;
}

static void put_usage(struct json_object *object, const struct obit_exit *exit)
{
	put_number(object, "cpu_ns", exit->cpu_ns);
	put_number(object, "max_rss_kib",
		   exit->max_rss_pages * (uint64_t)sysconf(_SC_PAGESIZE) / 1024);
	put_number(object, "minor_faults", exit->minor_faults);
	put_number(object, "major_faults", exit->major_faults);
}

/* The cgroup, NULL where not known, and what it tells. */
static void put_cgroup(struct json_object *object, const char *cgroup)
{
	struct cgroup_facts facts;

	cgroup_facts(cgroup ? cgroup : "", &facts);
	put_string(object, "cgroup", cgroup);
	put_string(object, "container", *facts.container ? facts.container : NULL);
	put_string(object, "container_runtime", facts.runtime);
	put_string(object, "pod_uid", *facts.pod_uid ? facts.pod_uid : NULL);
	put_string(object, "pod_qos", facts.pod_qos);
	put_string(object, "unit", *facts.unit ? facts.unit : NULL);
}

static void put_ids(struct json_object *object, const struct obit_key *key,
		    const struct obit_exit *exit)
{
	char comm[OBIT_COMM_SIZE + 1], parent[OBIT_COMM_SIZE + 1];

	snprintf(comm, sizeof(comm), "%.*s", OBIT_COMM_SIZE, exit->comm);
	snprintf(parent, sizeof(parent), "%.*s", OBIT_COMM_SIZE, exit->parent_comm);
	put_number(object, "pid", key->tgid);
	json_object_object_add(object, "ns_pid",
			       exit->ns_pid ? json_object_new_int64(exit->ns_pid) : NULL);
	put_number(object, "ppid", exit->ppid);
	put_string(object, "parent_comm", *parent ? parent : NULL);
	put_number(object, "uid", exit->uid);
	put_number(object, "gid", exit->gid);
	put_string(object, "comm", comm);
}

static void put_who(struct json_object *object, const struct obituary *obituary)
{
	const struct image *image = obituary->process->image;
	static const struct strings nothing = {0};

	put_string(object, "watch", obituary->watch);
	put_string(object, "role", process_role_name(obituary->role));
	put_ids(object, &obituary->process->key, &obituary->letter->exit);
	put_string(object, "path", image && *image->exe ? image->exe : NULL);
	json_object_object_add(object, "argv",
			       strings_to_json(image ? &image->argv : &nothing, OBITUARY_ARGV_MAX));
	put_cgroup(object, obituary->evidence->cgroup);
}

static struct json_object *new_obituary(const struct obit_exit *exit)
{
	struct json_object *object = json_object_new_object();
	char time[CLOCK_RFC3339_SIZE];

	if (object)
		put_string(object, "time", clock_rfc3339(clock_boot_to_wall(exit->time), time));
	return object;
}

struct json_object *render_obituary(const struct obituary *obituary)
{
	struct json_object *object = new_obituary(&obituary->letter->exit);

	if (!object)
		return NULL;
	put_who(object, obituary);
	put_ending(object, &obituary->letter->exit);
	put_cause(object, obituary->evidence, &obituary->letter->exit);
	put_number(object, "lived_ns", lived_ns(obituary));
	put_usage(object, &obituary->letter->exit);
	put_string(object, "action", policy_verdict_name(obituary->decision->verdict));
	put_string(object, "action_detail",
		   *obituary->decision->detail ? obituary->decision->detail : NULL);
	return object;
}

/* Only what the kernel side tells of everybody; the names are those of every obituary. */
struct json_object *render_unwatched(const struct obit_key *key, const struct obit_exit *exit)
{
	struct json_object *object = new_obituary(exit);
	struct evidence evidence = {.cause = wait_status_how(exit->wait_status) == DEATH_EXITED
						     ? CAUSE_EXIT
					     : exit->flags & OBIT_EXIT_OOM ? CAUSE_OOM
									   : CAUSE_UNKNOWN};

	if (!object)
		return NULL;
	put_string(object, "watch", NULL);
	put_string(object, "role", "unwatched");
	put_ids(object, key, exit);
	put_string(object, "path", NULL);
	json_object_object_add(object, "argv", json_object_new_array());
	put_cgroup(object, NULL);
	put_ending(object, exit);
	put_cause(object, &evidence, exit);
	put_number(object, "lived_ns", exit->time - key->start_boottime);
	put_usage(object, exit);
	put_string(object, "action", policy_verdict_name(VERDICT_NONE));
	put_string(object, "action_detail", NULL);
	return object;
}

int render_death_level(const struct obituary *obituary)
{
	bool matters = obituary->role == ROLE_MAIN &&
		       obituary->decision->verdict != VERDICT_HAND_OVER;

	return matters ? LOG_NOTICE : LOG_DEBUG;
}

void render_death_sentence(const struct obituary *obituary, char buf[static DEATH_SENTENCE_SIZE])
{
	const struct policy_output *decision = obituary->decision;
	char words[WAIT_STATUS_WORDS_SIZE], span[CLOCK_SPAN_SIZE];

	snprintf(buf, DEATH_SENTENCE_SIZE, "%s: %s %u %s%s after %s%s%s",
		 obituary->watch ? obituary->watch : "unwatched",
		 obituary->role == ROLE_MAIN ? "pid" : process_role_name(obituary->role),
		 obituary->process->key.tgid,
		 wait_status_words(obituary->letter->exit.wait_status, words),
		 obituary->letter->exit.flags & OBIT_EXIT_OOM ? " (out of memory)" : "",
		 clock_span(lived_ns(obituary), span), *decision->detail ? ": " : "",
		 decision->detail);
}

/* ---- ls ---- */

/* What a person wants to know first: trouble, then life, then rest. */
static const enum policy_state by_weight[] = {
	POLICY_BURIED, POLICY_STOPPING, POLICY_STARTING, POLICY_WAITING,
	POLICY_UP,     POLICY_DOWN,	POLICY_ENDED,
};

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

	DL_FOREACH (daemon->lineage.instances, instance)
		if (instance->watch == watch &&
		    (!best || weight_of(instance->policy.state) <= weight_of(best->policy.state)))
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
	bool runs = instance && instance->main && !instance->main->dying;

	json_object_object_add(object, "pid",
			       runs ? json_object_new_int64(instance->main->key.tgid) : NULL);
	json_object_object_add(object, "uptime_ns",
			       runs ? json_object_new_uint64(clock_boot_ns() - instance->began)
				    : NULL);
}

static struct json_object *render_instance(const struct instance *instance)
{
	const struct policy *policy = &instance->policy;
	struct json_object *object = json_object_new_object();
	uint64_t now = clock_boot_ns();

	put_string(object, "state", policy_state_name(policy->state));
	put_life(object, instance);
	put_number(object, "restarts", policy->restarts);
	put_number(object, "members", instance->alive ? instance->alive - !!instance->main : 0);
	put_bool(object, "adopted", instance->adopted);
	json_object_object_add(object, "next_start_ns",
			       policy->state == POLICY_WAITING && policy->respawn_at_ns > now
				       ? json_object_new_uint64(policy->respawn_at_ns - now)
				       : NULL);
	put_string(object, "note", note_of(policy));
	return object;
}

/* The newest instance that runs. */
static const struct instance *newest_running(const struct daemon *daemon, size_t watch)
{
	const struct instance *instance, *newest = NULL;

	DL_FOREACH (daemon->lineage.instances, instance)
		if (instance->watch == watch && instance->main && !instance->main->dying)
			newest = instance;
	return newest;
}

static struct json_object *render_instances(const struct daemon *daemon, size_t watch,
					    uint64_t *ret_restarts)
{
	struct json_object *array = json_object_new_array();
	const struct instance *instance;

	DL_FOREACH (daemon->lineage.instances, instance) {
		if (instance->watch != watch)
			continue;
		*ret_restarts += instance->policy.restarts;
		json_object_array_add(array, render_instance(instance));
	}
	return array;
}

struct json_object *render_watch(const struct daemon *daemon, size_t watch)
{
	const struct watch_config *config = &daemon->config.watches[watch];
	const struct watch_state *state = &daemon->watches[watch];
	const struct instance *instance = heaviest(daemon, watch);
	struct json_object *object = json_object_new_object();
	uint64_t restarts = state->restarts;
	struct json_object *instances = render_instances(daemon, watch, &restarts);

	put_string(object, "name", config->name);
	put_string(object, "state", render_watch_state(daemon, watch));
	put_life(object, newest_running(daemon, watch));
	put_number(object, "restarts", restarts);
	put_number(object, "deaths", state->deaths);
	json_object_object_add(object, "last_death", json_object_get(state->last_death));
	put_bool(object, "critical", config->critical);
	put_bool(object, "healthy", guard_is_healthy(daemon, watch));
	put_string(object, "note", instance ? note_of(&instance->policy) : NULL);
	json_object_object_add(object, "instances", instances);
	return object;
}

/* ---- show ---- */

static struct json_object *render_env(const struct strings *env, bool secrets)
{
	struct json_object *array = json_object_new_array();
	size_t position = 0;
	const char *entry;

	while ((entry = strings_next(env, &position))) {
		struct json_object *item = json_object_new_string(entry);

		if (!secrets) {
			char name[256] =
				"***"; /* without a '=' nobody knows where a secret begins */

			if (strchr(entry, '='))
				snprintf(name, sizeof(name), "%.*s=***", (int)strcspn(entry, "="),
					 entry);
			json_object_put(item);
			item = json_object_new_string(name);
		}
		json_object_array_add(array, item);
	}
	return array;
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
			   stdio_how(&recipe->facts.stdio[i], recipe->stdio[i],
				     i > 0 && recipe->facts.uid == 0 && recipe->facts.euid == 0));
		json_object_array_add(array, entry);
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
		json_object_array_add(missing, json_object_new_string(phrase));
	put_bool(object, "complete", !json_object_array_length(missing));
	json_object_object_add(object, "missing", missing);
	put_string(object, "refusal", recipe_refusal(recipe, watch, sentence));
}

static struct json_object *render_recipe(const struct recipe *recipe,
					 const struct watch_config *watch, bool secrets)
{
	struct json_object *object, *groups = json_object_new_array();
	char umask_text[8];

	object = json_object_new_object();
	snprintf(umask_text, sizeof(umask_text), "%04o", recipe->facts.umask & 0777);
	put_string(object, "exe", recipe->exe);
	put_string(object, "script", recipe->script);
	json_object_object_add(object, "argv", strings_to_json(&recipe->argv, SIZE_MAX / 2));
	json_object_object_add(object, "env", render_env(&recipe->env, secrets));
	put_string(object, "cwd", recipe->cwd);
	put_string(object, "root", recipe->root);
	put_string(object, "umask", umask_text);
	put_number(object, "uid", recipe->facts.euid);
	put_number(object, "gid", recipe->facts.egid);
	for (__u32 i = 0; i < recipe->facts.group_count; i++)
		json_object_array_add(groups, json_object_new_int64(recipe->facts.groups[i]));
	json_object_object_add(object, "groups", groups);
	put_string(object, "cgroup", recipe->cgroup);
	json_object_object_add(object, "nice", json_object_new_int(recipe->facts.nice));
	json_object_object_add(object, "oom_score_adj",
			       json_object_new_int(recipe->facts.oom_score_adj));
	json_object_object_add(object, "stdio", render_stdio(recipe));
	put_string(object, "source", recipe->source == RECIPE_EXEC ? "exec" : "proc");
	put_gaps(object, recipe, watch);
	return object;
}

struct json_object *render_show(const struct daemon *daemon, size_t watch, bool secrets)
{
	const struct watch_config *config = &daemon->config.watches[watch];
	struct json_object *object = render_watch(daemon, watch);
	struct json_object *instances = json_object_object_get(object, "instances");
	const struct instance *instance;
	char where[512];
	size_t i = 0;

	snprintf(where, sizeof(where), "%s:%u", config->file ? config->file : "command line",
		 config->line);
	put_string(object, "defined_at", config->line ? where : "command line");
	json_object_object_add(object, "watch", render_config(config));
	DL_FOREACH (daemon->lineage.instances, instance) {
		if (instance->watch != watch)
			continue;
		json_object_object_add(
			json_object_array_get_idx(instances, i++), "recipe",
			instance->recipe ? render_recipe(instance->recipe, config, secrets) : NULL);
	}
	return object;
}

/* ---- stats ---- */

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
	put_number(losses, "cgroup_lost", stats.cgroup_lost);
	put_number(losses, "signals_lost", stats.signals_lost);
	put_number(losses, "exits_lost", stats.exits_lost);
	put_number(losses, "path_cut", stats.path_cut);
	put_number(losses, "bad_records", daemon->counters.bad_records);
	put_number(losses, "out_of_memory", daemon->counters.out_of_memory);
	put_number(losses, "clients_dropped", clients->dropped);
	put_number(losses, "lines_dropped", clients->missed);
	put_number(losses, "journal_lost", daemon->counters.journal_lost);
	put_number(losses, "history_lost", history ? history->lost : 0);
	put_number(kernel, "tracked", stats.tracked);
	put_number(kernel, "execs", stats.execs);
	put_number(kernel, "deaths", stats.deaths);
	put_number(kernel, "scanned", stats.scanned);
	put_number(kernel, "signals", stats.signals);
	put_number(kernel, "exits", stats.exits);
	put_number(user, "watches", daemon->config.watch_count);
	put_number(user, "processes", HASH_COUNT(daemon->lineage.processes));
	put_number(user, "records", daemon->counters.records);
	put_number(user, "rescans", daemon->counters.rescans);
	put_number(user, "respawns", daemon->counters.respawns);
	put_number(user, "failed_respawns", daemon->counters.failed_respawns);
	put_number(user, "clients", clients->clients);
	put_number(user, "clients_refused", clients->refused);
	put_number(user, "clients_garbage", clients->garbage);
	put_number(user, "history_written", history ? history->written : 0);
	put_string(user, "history_error", history && *history->error ? history->error : NULL);
	put_number(user, "uptime_ns", clock_boot_ns() - daemon->started_ns);
	json_object_object_add(object, "losses", losses);
	json_object_object_add(object, "kernel", kernel);
	json_object_object_add(object, "daemon", user);
	return object;
}
