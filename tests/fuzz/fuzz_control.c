// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Any bytes as what a client sends to the control socket, in pieces: each line has one answer or ends the connection, each
 * answer is a JSON object that says whether it went well, and the server is free of the client afterwards. The first
 * byte says how long the pieces are, and how the client ends. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/control.h"

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

#define TURNS_MAX 100000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct loop *loop;
static struct loop_timer *timer;
static struct control_server *server;
static char directory[] = "/tmp/obit-fuzz.XXXXXX";
static char path[64];

static void on_request(void *arg, struct control_client *client, const char *command,
		       struct json_object *request, bool may_act)
{
	(void)arg, (void)may_act;
	REQUIRE(json_object_is_type(request, json_type_object));
	if (!strcmp(command, "silent"))
		return;
	if (!strcmp(command, "fail"))
		control_fail(client, 1, "%s", json_object_to_json_string(request));
	else
		control_reply(client, json_object_get(request));
	if (!strcmp(command, "tail"))
		control_subscribe(client, CONTROL_WATCHED);
}

static void on_timer(void *arg)
{
	(void)arg;
}

static void clean_up(void)
{
	control_close(server);
	loop_timer_free(timer);
	loop_free(loop);
	rmdir(directory);
}

static void set_up(void)
{
	char error[CONTROL_ERROR_SIZE];

	REQUIRE(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/socket", directory);
	REQUIRE(loop_new(&loop) == 0 && loop_timer_new(loop, on_timer, NULL, &timer) == 0);
	REQUIRE(control_open(loop, path, on_request, NULL, &server, error) == 0);
	atexit(clean_up);
}

/* One that does not wait. */
static void turn(void)
{
	loop_timer_set(timer, 1);
	REQUIRE(loop_turn(loop, NULL, NULL) == 0);
}

static int connect_to_it(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(address.sun_path, path, strlen(path) + 1);
	REQUIRE(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

struct answers {
	char *bytes;
	size_t size;
};

/* False at the end. */
static bool read_some(int fd, struct answers *answers)
{
	char buf[65536];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n <= 0)
		return n < 0;
	answers->bytes = realloc(answers->bytes, answers->size + (size_t)n);
	REQUIRE(answers->bytes);
	memcpy(answers->bytes + answers->size, buf, (size_t)n);
	answers->size += (size_t)n;
	return true;
}

static size_t check(const struct answers *answers)
{
	const char *at = answers->bytes, *end, *newline;
	size_t count = 0;

	if (!at)
		return 0;
	for (end = at + answers->size; at < end; at = newline + 1, count++) {
		struct json_tokener *tokener = json_tokener_new();
		struct json_object *answer, *ok;

		newline = memchr(at, '\n', (size_t)(end - at));
		REQUIRE(newline && tokener);
		answer = json_tokener_parse_ex(tokener, at, (int)(newline - at));
		REQUIRE(json_object_object_get_ex(answer, "ok", &ok));
		REQUIRE(json_object_is_type(ok, json_type_boolean));
		json_object_put(answer);
		json_tokener_free(tokener);
	}
	return count;
}

static void send_all(int fd, const uint8_t *data, size_t size, size_t piece,
		     struct answers *answers)
{
	while (size) {
		size_t length = size < piece ? size : piece;
		ssize_t n = send(fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
		turn();
		if (!read_some(fd, answers))
			return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct answers answers = {0};
	size_t lines = 0;
	int fd;

	if (!server)
		set_up();
	if (!size)
		return 0;
	for (size_t i = 1; i < size; i++)
		lines += data[i] == '\n';
	fd = connect_to_it();
	send_all(fd, data + 1, size - 1, (size_t)1 << (*data % 16), &answers);
	if (*data & 0x80)
		shutdown(fd, SHUT_WR);
	for (int i = 0; i < 8 && read_some(fd, &answers); i++)
		turn();
	/* One more for what ends without a newline, or is too long. */
	REQUIRE(check(&answers) <= lines + 1);
	free(answers.bytes);
	close(fd);
	for (int i = 0; control_counters(server)->clients; i++) {
		REQUIRE(i < TURNS_MAX);
		turn();
	}
	return 0;
}
