// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Requests for another configuration, or another program: watches made and ended by hand, a reload, an upgrade. */
#include "daemon/requests_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "base/protocol.h"
#include "daemon/put.h"
#include "daemon/upgrade.h"

void request_upgrade(const struct request *request)
{
	int r = upgrade_begin(request->daemon);

	if (r == 0)
		request_version(request);
	else
		control_fail(request->client, OBIT_EXIT_FAILED, "%s",
			     r == -EAGAIN ? "an upgrade is under way already" : strerror(-r));
}

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
	return refusals_of_recipe(daemon, newest, buf);
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

void request_watch(const struct request *request)
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

void request_unwatch(const struct request *request)
{
	ssize_t watch = request_watch_named(request->daemon, request->name, strlen(request->name));
	struct config_error error;
	struct json_object *reply;
	char message[POLICY_NOTE_SIZE];
	bool in_file;

	if (watch < 0) {
		request_fail_unknown(request);
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

void request_reload(const struct request *request)
{
	struct config_error error;
	struct json_object *summary = NULL;

	if (reload_now(request->daemon, &error, &summary) == 0)
		control_reply(request->client, summary);
	else
		control_fail(request->client, OBIT_EXIT_FAILED, "%s (nothing was changed)",
			     error.text);
}
