// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/ask.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/protocol.h"
#include "cli/alloc.h"
#include "cli/value.h"

void reply_release(struct reply *reply)
{
	free(reply->error);
	json_object_put(reply->data);
	*reply = (struct reply){0};
}

static int fail(struct reply *ret, int exit_status, char *error)
{
	*ret = (struct reply){.exit = exit_status, .error = error};
	return exit_status;
}

/* Nobody can listen there: more likely a wrong path than an obitd that does not run. */
static bool is_something_else(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISSOCK(st.st_mode);
}

static int connect_failed(struct reply *ret, const char *path, int error)
{
	if (error == -ECONNREFUSED && is_something_else(path))
		return fail(ret, OBIT_EXIT_NO_DAEMON,
			    must_printf("--socket %s: not a socket; expected that of obitd", path));
	switch (-error) {
	case EACCES:
	case EPERM:
		return fail(
			ret, OBIT_EXIT_FAILED,
			must_printf("%s: permission denied (root and the group " OBIT_READERS_GROUP
				    " may ask the daemon)",
				    path));
	case ENAMETOOLONG:
		return fail(ret, OBIT_EXIT_USAGE,
			    must_printf("--socket %s: longer than the 107 bytes of a socket's path",
					path));
	case ENOENT:
	case ECONNREFUSED:
	case ECONNRESET:
	case EPIPE:
		return fail(ret, OBIT_EXIT_NO_DAEMON,
			    must_printf("no daemon answers on %s (is obitd running?)", path));
	default:
		return fail(ret, OBIT_EXIT_NO_DAEMON,
			    must_printf("no daemon answers on %s: %s (is obitd running?)", path,
					strerror(-error)));
	}
}

static int line_failed(struct reply *ret, const char *path, int error)
{
	switch (-error) {
	case 0:
		return fail(ret, OBIT_EXIT_NO_DAEMON,
			    must_printf("the daemon on %s closed the connection without an answer "
					"(is obitd still running?)",
					path));
	case ETIMEDOUT:
		return fail(ret, OBIT_EXIT_NO_DAEMON,
			    must_printf("the daemon on %s did not answer within %d seconds", path,
					CLIENT_REPLY_TIMEOUT / 1000));
	case EMSGSIZE:
		return fail(ret, OBIT_EXIT_FAILED,
			    must_printf("the daemon's answer is longer than %u MiB; ask for less",
					CLIENT_MAX_LINE >> 20));
	default:
		return fail(ret, OBIT_EXIT_FAILED,
			    must_printf("reading from %s: %s", path, strerror(-error)));
	}
}

void reply_parse(struct json_object *object, enum json_type shape, struct reply *ret)
{
	int64_t status = OBIT_EXIT_FAILED;
	char *error;

	if (member_true(object, "ok") && json_object_is_type(member(object, "data"), shape)) {
		*ret = (struct reply){.data = json_object_get(member(object, "data"))};
		return;
	}
	member_int(object, "exit", &status);
	if (status < OBIT_EXIT_FAILED || status > OBIT_EXIT_NO_DAEMON)
		status = OBIT_EXIT_FAILED;
	error = value_text(member(object, "error"));
	if (!error)
		error = must_printf("the daemon's answer is not understood (is it another version? "
				    "see: obit version)");
	fail(ret, (int)status, error);
}

static struct json_object *request_json(const struct request *request)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "command", json_object_new_string(request->command));
	if (request->name)
		json_object_object_add(object, "name", json_object_new_string(request->name));
	if (request->signal)
		json_object_object_add(object, "signal", json_object_new_string(request->signal));
	if (request->count >= 0)
		json_object_object_add(object, "count", json_object_new_int(request->count));
	if (request->all)
		json_object_object_add(object, "all", json_object_new_boolean(true));
	if (request->secrets)
		json_object_object_add(object, "secrets", json_object_new_boolean(true));
	if (request->for_ns)
		json_object_object_add(object, "for_ns", json_object_new_uint64(request->for_ns));
	if (request->settings)
		json_object_object_add(object, "settings", json_object_get(request->settings));
	return object;
}

static int exchange(const char *path, const struct request *request, struct client *client,
		    struct reply *ret)
{
	_cleanup_json_ struct json_object *question = request_json(request), *answer = NULL;
	char *line;
	int r = client_send(client, question);

	if (r == -EMSGSIZE)
		return fail(ret, OBIT_EXIT_USAGE,
			    must_printf("%s: that is too long: a request has %d bytes at most",
					request->command, OBIT_MAX_REQUEST));
	/* A daemon that refuses at once may have closed already, its reply waits to be read. */
	if (r < 0 && r != -EPIPE)
		return connect_failed(ret, path, r);
	r = client_line(client, CLIENT_REPLY_TIMEOUT, &line);
	if (r <= 0)
		return line_failed(ret, path, r);
	answer = json_tokener_parse(line);
	reply_parse(answer, request->shape, ret);
	return ret->exit;
}

int ask_quietly(const struct invocation *inv, const struct request *request, struct reply *ret,
		struct client *stream)
{
	_cleanup_client_ struct client client = CLIENT_CLOSED;
	int r = client_open(inv->socket, &client);

	if (r < 0)
		return connect_failed(ret, inv->socket, r);
	r = exchange(inv->socket, request, &client, ret);
	if (r == OBIT_EXIT_OK && stream) {
		*stream = client;
		client = CLIENT_CLOSED;
	}
	return r;
}

int ask(const struct invocation *inv, const struct request *request, struct reply *ret)
{
	int r = ask_quietly(inv, request, ret, NULL);

	if (r != OBIT_EXIT_OK)
		log_error("%s", ret->error);
	return r;
}
