// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* obit why, obit tail */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/protocol.h"
#include "base/text.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/death.h"
#include "cli/past.h"
#include "cli/pattern.h"
#include "cli/value.h"

#define TAIL_COUNT    10
#define PATTERN_COUNT 50 /* deaths that are looked at for a pattern */

static void tell_deaths(const struct invocation *inv, struct json_object *deaths, size_t wanted)
{
	size_t n = array_length(deaths) < wanted ? array_length(deaths) : wanted;
	_cleanup_free_ char *pattern = pattern_of(deaths);

	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			putchar('\n');
		death_tell(stdout, &inv->term, array_item(deaths, i), clock_wall_ns());
	}
	if (pattern && n > 1)
		putchar('\n');
	if (pattern)
		term_wrap(stdout, &inv->term, STYLE_BOLD, 0, pattern);
}

/* A pattern needs more deaths than are told. */
int cmd_why(const struct invocation *inv)
{
	_cleanup_reply_ struct reply reply = {0};
	bool json = option_given(inv, OPTION_JSON);
	int wanted = option_given(inv, OPTION_COUNT) ? inv->count : 1;
	int count = json || wanted > PATTERN_COUNT ? wanted : PATTERN_COUNT;
	int r = past_deaths(inv, count, &reply);

	if (r != OBIT_EXIT_OK)
		log_error("%s", reply.error);
	else if (json)
		json_print(stdout, reply.data, true);
	else
		tell_deaths(inv, reply.data, (size_t)wanted);
	return r;
}

static void print_death(const struct invocation *inv, size_t *watch_width,
			struct json_object *death)
{
	uint64_t missing;

	if (option_given(inv, OPTION_JSON))
		json_print(stdout, death, false);
	else if (member_span(death, "dropped", &missing))
		death_gap(stdout, &inv->term, missing);
	else if (member(death, OBIT_OUTCOME_OF))
		death_outcome_line(stdout, &inv->term, watch_width, death);
	else
		death_line(stdout, &inv->term, watch_width, death);
}

/* The daemon may end the stream with a reply that says why. */
static int tell_refusal(struct json_object *object)
{
	_cleanup_reply_ struct reply reply = {0};

	reply_parse(object, json_type_null, &reply);
	if (reply.exit != OBIT_EXIT_OK)
		log_error("%s", reply.error);
	return reply.exit;
}

/* What json_print() would write as it is: then a storm of deaths need not be read to be passed on. */
static bool is_printable_obituary(const char *line)
{
	size_t length = strlen(line);

	return strncmp(line, "{\"time\":", 8) == 0 && line[length - 1] == '}' &&
	       text_is_plain(line, length);
}

static int stream_line(const struct invocation *inv, size_t *watch_width, const char *line)
{
	_cleanup_json_ struct json_object *object = NULL;

	if (option_given(inv, OPTION_JSON) && is_printable_obituary(line)) {
		puts(line);
		return OBIT_EXIT_OK;
	}
	object = json_tokener_parse(line);
	if (!json_object_is_type(object, json_type_object) || member(object, "ok"))
		return tell_refusal(object);
	print_death(inv, watch_width, object);
	return OBIT_EXIT_OK;
}

static int stream_ended(const struct invocation *inv, int r)
{
	if (r == -EPIPE) {
		/* As if the write had failed: quietly, with the status of a broken pipe. */
		raise(SIGPIPE);
		return OBIT_EXIT_FAILED;
	}
	if (r == 0) {
		log_error("the daemon on %s went away", inv->socket);
		return OBIT_EXIT_NO_DAEMON;
	}
	log_error("reading from %s: %s", inv->socket, strerror(-r));
	return OBIT_EXIT_FAILED;
}

static int follow(const struct invocation *inv, size_t *watch_width, struct client *stream)
{
	for (;;) {
		char *line;
		int r;

		/* What was printed goes out before it waits. Of output that is lost main() tells. */
		if (ferror(stdout) || (!client_has_line(stream) && fflush(stdout) != 0))
			return OBIT_EXIT_FAILED;
		r = client_line(stream, CLIENT_FOREVER, &line);
		if (r <= 0)
			return stream_ended(inv, r);
		r = stream_line(inv, watch_width, line);
		if (r != OBIT_EXIT_OK)
			return r;
	}
}

/* All that had come was flushed before it waited: there is nothing left to do but leave. */
static void leave(int signal_number)
{
	(void)signal_number;
	_exit(OBIT_EXIT_OK);
}

int cmd_tail(const struct invocation *inv)
{
	struct request request = {.command = "tail", .count = TAIL_COUNT, .shape = json_type_array};
	_cleanup_client_ struct client stream = CLIENT_CLOSED;
	_cleanup_reply_ struct reply reply = {0};
	size_t watch_width = 0;

	if (option_given(inv, OPTION_COUNT))
		request.count = inv->count;
	if (request.count > OBIT_REMEMBERED)
		log_warning("-n %d: the daemon remembers %d deaths at most; obit log has more",
			    inv->count, OBIT_REMEMBERED);
	request.all = option_given(inv, OPTION_ALL);
	signal(SIGINT, leave);
	if (ask_quietly(inv, &request, &reply, &stream) != OBIT_EXIT_OK) {
		log_error("%s", reply.error);
		return reply.exit;
	}
	for (size_t i = 0; i < array_length(reply.data); i++)
		death_line_measure(&inv->term, &watch_width, array_item(reply.data, i));
	if (inv->term.interactive && !option_given(inv, OPTION_JSON))
		death_headings(stdout, &inv->term, watch_width);
	for (size_t i = 0; i < array_length(reply.data); i++)
		print_death(inv, &watch_width, array_item(reply.data, i));
	stream.reader_fd = STDOUT_FILENO;
	return follow(inv, &watch_width, &stream);
}
