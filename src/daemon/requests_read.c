// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Requests that anybody may make, and that change nothing. */
#include "daemon/requests_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/protocol.h"
#include "daemon/put.h"

void request_ls(const struct request *request)
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
	const struct instance *instance = request_instance_with(daemon, watch, (__u32)search->pid);

	if (!instance || !instance->pid_before)
		return;
	search->pid = instance->pid_before;
	search->left = 1;
	publish_newest(daemon, find_about, search);
}

void request_why(const struct request *request)
{
	struct daemon *daemon = request->daemon;
	struct json_object *array;
	struct search search = {.left = request->count > 0 ? request->count : 1};
	bool has_pid;
	__u32 pid;
	ssize_t watch = request_split_name(request, &pid, &has_pid);

	search.pid = pid;
	if (watch < 0)
		search.pid = is_number(request->name) ? strtoll(request->name, NULL, 10) : 0;
	if ((watch < 0 || has_pid) && !search.pid) {
		request_fail_unknown(request);
		return;
	}
	search.found = array = json_object_new_array();
	search.watch = watch < 0 ? NULL : daemon->config.watches[watch].name;
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

void request_tail(const struct request *request)
{
	struct json_object *array = json_object_new_array();
	struct search search = {.found = array, .left = request->count < 0 ? 10 : request->count};

	publish_newest(request->daemon, take_newest, &search);
	control_reply(request->client, reversed(array));
	json_object_put(array);
	control_subscribe(request->client, request->all ? CONTROL_ALL : CONTROL_WATCHED);
}

void request_log(const struct request *request)
{
	control_reply(request->client, publish_log(request->daemon, request->count != 0));
}

void request_show(const struct request *request)
{
	enum secret_view root = request->secrets ? SECRET_ALL : SECRET_MASKED;
	enum secret_view view = request->may_act ? root : SECRET_NAMES;
	struct target target;

	if (request_find_target(request, &target))
		control_reply(request->client,
			      render_show(request->daemon, target.watch, target.only, view));
}

struct json_object *request_render_status(const struct daemon *daemon, const struct target *target)
{
	struct json_object *full = target->only ? render_instance(target->only)
						: render_watch(daemon, target->watch);
	struct json_object *reply = json_object_new_object();

	put_string(reply, "name", daemon->config.watches[target->watch].name);
	put_json(reply, "state", json_object_get(json_object_object_get(full, "state")));
	put_json(reply, "pid", json_object_get(json_object_object_get(full, "pid")));
	put_json(reply, "note", json_object_get(json_object_object_get(full, "note")));
	json_object_put(full);
	return reply;
}

/* Who waits for NAME@PID to be restarted hears of it under its old pid. */
void request_status(const struct request *request)
{
	struct target target = {0};
	bool has_pid;
	__u32 pid;
	ssize_t watch = request_split_name(request, &pid, &has_pid);

	if (watch >= 0 && pid && !request_instance_with(request->daemon, (size_t)watch, pid))
		target.only = request_instance_since(request->daemon, (size_t)watch, pid);
	if (target.only)
		target.watch = (size_t)watch;
	else if (!request_find_target(request, &target))
		return;
	control_reply(request->client, request_render_status(request->daemon, &target));
}

void request_stats(const struct request *request)
{
	control_reply(request->client, render_stats(request->daemon));
}

void request_version(const struct request *request)
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

void request_watchdog(const struct request *request)
{
	control_reply(request->client, guard_render(request->daemon));
}
