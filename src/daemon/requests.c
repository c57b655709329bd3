// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* obit(1)'s commands: a table of what the daemon answers and does. */
#include "daemon/requests_internal.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/protocol.h"

enum request_kind {
	READS,
	CONFIGURES, /* root only */
	ACTS,	    /* on processes: root only, and not while observing */
};

static const struct {
	const char *name;
	request_handler *run;
	enum request_kind kind;
	bool needs_name;
} commands[] = {
	{"ls", request_ls, READS, false},
	{"why", request_why, READS, true},
	{"tail", request_tail, READS, false},
	{"log", request_log, READS, false},
	{"show", request_show, READS, true},
	{"status", request_status, READS, true},
	{"stats", request_stats, READS, false},
	{"watchdog", request_watchdog, READS, false},
	{"version", request_version, READS, false},
	{"stop", request_act, ACTS, true},
	{"start", request_act, ACTS, true},
	{"restart", request_act, ACTS, true},
	{"revive", request_act, ACTS, true},
	{"kill", request_kill, ACTS, true},
	{"pause", request_pause, ACTS, false},
	{"resume", request_pause, ACTS, false},
	{"watch", request_watch, CONFIGURES, false},
	{"unwatch", request_unwatch, CONFIGURES, true},
	{"reload", request_reload, CONFIGURES, false},
	{"upgrade", request_upgrade, CONFIGURES, false},
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
