// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A watch's configuration, defaults filled in, as JSON: for obit show, and to see what a reload changed. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "daemon/daemon.h"
#include "daemon/put.h"

static void put_text(struct json_object *object, const char *key, const char *value)
{
	if (value)
		put_json(object, key, text_to_json(value, strlen(value)));
}

static void put_list(struct json_object *object, const char *key, const struct string_list *list)
{
	struct json_object *array;

	if (!list->count)
		return;
	array = json_object_new_array();
	for (size_t i = 0; i < list->count; i++)
		append_json(array, text_to_json(list->items[i], strlen(list->items[i])));
	put_json(object, key, array);
}

static void put_span(struct json_object *object, const char *key, uint64_t ns)
{
	static const struct {
		uint64_t ns;
		const char *unit;
	} units[] = {
		{3600 * NS_PER_SEC, "h"},
		{NS_PER_MIN, "min"},
		{NS_PER_SEC, "s"},
		{NS_PER_MS, "ms"},
	};
	char text[48];

	snprintf(text, sizeof(text), "%" PRIu64 "us", ns / NS_PER_US);
	if (!ns)
		snprintf(text, sizeof(text), "0");
	for (size_t i = 0; ns && i < sizeof(units) / sizeof(units[0]); i++) {
		if (ns % units[i].ns)
			continue;
		snprintf(text, sizeof(text), "%" PRIu64 "%s", ns / units[i].ns, units[i].unit);
		break;
	}
	put_text(object, key, text);
}

static void put_count(struct json_object *object, const char *key, uint64_t value)
{
	put_json(object, key, json_object_new_uint64(value));
}

/* As people write it: 0.2, not 0.20000000000000001. */
static void put_fraction(struct json_object *object, const char *key, double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%g", value);
	put_json(object, key, json_object_new_double_s(value, text));
}

/* As the configuration would have it. */
static void put_size(struct json_object *object, const char *key, uint64_t bytes)
{
	static const char *const units[] = {"", "KiB", "MiB"};
	char text[32];
	size_t unit = 0;

	for (; unit + 1 < ARRAY_SIZE(units) && bytes % 1024 == 0; unit++)
		bytes /= 1024;
	snprintf(text, sizeof(text), "%" PRIu64 "%s", bytes, units[unit]);
	put_text(object, key, text);
}

static void put_set(struct json_object *object, const char *key, const struct status_set *set)
{
	struct json_object *array = json_object_new_array();

	for (unsigned code = 0; code < 256; code++)
		if (set->codes[code / 64] >> code % 64 & 1)
			append_json(array, json_object_new_int((int)code));
	for (unsigned signal = 1; signal <= 64; signal++) {
		char name[SIGNAL_NAME_SIZE];

		if (set->signals >> signal % 64 & 1)
			append_json(array, json_object_new_string(signal_name((int)signal, name)));
	}
	if (json_count(array))
		put_json(object, key, array);
	else
		json_object_put(array);
}

static void put_match(struct json_object *object, const struct watch_config *config)
{
	struct json_object *uids;

	if (config->pid)
		put_count(object, "pid", config->pid);
	put_list(object, "path", &config->path);
	put_list(object, "cgroup", &config->cgroup);
	put_text(object, "argv0", config->argv0);
	put_text(object, "args", config->args);
	put_text(object, "container",
		 config->container == CONTAINER_NO    ? "no"
		 : config->container == CONTAINER_ANY ? "any"
						      : config->container_glob);
	if (config->uid.match != UID_LIST) {
		put_text(object, "uid", config->uid.match == UID_ANY ? "any" : "service");
		return;
	}
	uids = json_object_new_array();
	for (size_t i = 0; i < config->uid.uid_count; i++)
		append_json(uids, json_object_new_int64(config->uid.uids[i]));
	put_json(object, "uid", uids);
}

static void put_restart(struct json_object *object, const struct watch_config *config)
{
	put_text(object, "restart", restart_when_name(config->restart));
	put_set(object, "success_exit_status", &config->success_exit_status);
	put_set(object, "restart_prevent_exit_status", &config->restart_prevent_exit_status);
	put_set(object, "restart_force_exit_status", &config->restart_force_exit_status);
	put_span(object, "backoff_initial", config->backoff_initial_ns);
	put_fraction(object, "backoff_factor", config->backoff_factor);
	put_span(object, "backoff_max", config->backoff_max_ns);
	put_fraction(object, "backoff_jitter", config->backoff_jitter);
	put_span(object, "backoff_reset", config->backoff_reset_ns);
	put_count(object, "start_limit_burst", config->start_limit_burst);
	put_span(object, "start_limit_interval", config->start_limit_interval_ns);
	put_span(object, "min_uptime", config->min_uptime_ns);
	put_count(object, "max_restarts", config->max_restarts);
}

static struct json_object *render_probe(const struct probe_config *probe)
{
	struct json_object *object = json_object_new_object();

	put_text(object, "type", probe_type_name(probe->type));
	put_text(object, "target", probe->target);
	put_text(object, "expect", probe->expect);
	put_text(object, "user", probe->user);
	put_span(object, "interval", probe->interval_ns);
	put_span(object, "timeout", probe->timeout_ns);
	put_count(object, "threshold", probe->threshold);
	put_span(object, "grace", probe->grace_ns);
	return object;
}

static void put_probes(struct json_object *object, const struct watch_config *config)
{
	struct json_object *array;

	if (!config->probe_count)
		return;
	array = json_object_new_array();
	for (size_t i = 0; i < config->probe_count; i++)
		append_json(array, render_probe(&config->probes[i]));
	put_json(object, "probe", array);
}

struct json_object *render_match(const struct watch_config *config)
{
	struct json_object *object = json_object_new_object();

	put_match(object, config);
	return object;
}

struct json_object *render_config(const struct watch_config *config)
{
	struct json_object *object = json_object_new_object();
	char name[SIGNAL_NAME_SIZE];

	put_match(object, config);
	put_restart(object, config);
	put_text(object, "kill_signal", signal_name(config->kill_signal, name));
	put_span(object, "kill_timeout", config->kill_timeout_ns);
	put_text(object, "kill_mode", kill_mode_name(config->kill_mode));
	put_text(object, "members", config->members_restart ? "restart" : "ignore");
	put_text(object, "command", config->command);
	put_list(object, "env", &config->env);
	put_text(object, "user", config->user);
	put_text(object, "directory", config->directory);
	put_text(object, "owner", owner_mode_name(config->owner));
	put_span(object, "settle", config->settle_ns);
	put_span(object, "start_timeout", config->start_timeout_ns);
	put_span(object, "stop_grace", config->stop_grace_ns);
	put_size(object, "recipe_max", config->recipe_max);
	put_json(object, "notify", json_object_new_boolean(config->notify));
	put_span(object, "hang_timeout", config->hang_timeout_ns);
	put_text(object, "hang_on", hang_on_name(config->hang_on));
	put_json(object, "critical", json_object_new_boolean(config->critical));
	put_span(object, "recover_within", config->recover_within_ns);
	put_probes(object, config);
	put_text(object, "on_exit", config->on_exit);
	put_text(object, "on_restart", config->on_restart);
	put_text(object, "on_give_up", config->on_give_up);
	put_text(object, "on_hang", config->on_hang);
	put_span(object, "hook_timeout", config->hook_timeout_ns);
	return object;
}
