// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* obit watchdog */
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/protocol.h"
#include "cli/alloc.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/value.h"
#include "cli/views.h"
#include "cli/when.h"

#define INDENT 2

static void say(FILE *out, const struct term *term, enum style style, size_t indent,
		const char *text)
{
	fprintf(out, "%*s", (int)indent, "");
	term_wrap(out, term, style, indent, text);
}

/* "pretimeout 5s (panic), cannot be disarmed" */
static char *particulars(struct json_object *device)
{
	_cleanup_free_ char *pretimeout = member_duration(device, "pretimeout_ns");
	_cleanup_free_ char *governor = value_text(member(device, "governor"));
	_cleanup_free_ char *before = NULL;

	if (pretimeout)
		before = must_printf("; %s%s%s before that", governor ? governor : "a warning", " ",
				     pretimeout);
	return must_printf("%s%s%s", before ? before : "",
			   member_true(device, "nowayout") ? "; cannot be disarmed" : "",
			   member_true(device, "magic_close") ? "" : "; stops if obitd crashes");
}

static void print_device(FILE *out, const struct term *term, struct json_object *device)
{
	_cleanup_free_ char *name = member_text(device, "device"), *line = NULL, *more = NULL;
	_cleanup_free_ char *identity = value_text(member(device, "identity"));
	_cleanup_free_ char *timeout = member_duration(device, "timeout_ns");
	_cleanup_free_ char *error = value_text(member(device, "error"));

	if (!member_true(device, "open")) {
		say(out, term, STYLE_RED, 0, error ? error : name);
		return;
	}
	more = particulars(device);
	line = must_printf("%s (%s): resets the machine %s after the last feed%s", name,
			   identity ? identity : "of unknown make", timeout ? timeout : "-", more);
	say(out, term, STYLE_PLAIN, 0, line);
}

static bool any_open(struct json_object *devices)
{
	for (size_t i = 0; i < array_length(devices); i++)
		if (member_true(array_item(devices, i), "open"))
			return true;
	return false;
}

static void print_now(FILE *out, const struct term *term, struct json_object *data)
{
	_cleanup_free_ char *why = member_text(data, "why"), *line = NULL;
	_cleanup_free_ char *ago = member_duration(data, "fed_ago_ns");
	_cleanup_free_ char *left = member_duration(data, "left_ns");
	const char *phase = member_word(data, "phase");

	if (!any_open(member_array(data, "devices")))
		line = must_printf("No device is open: nothing would reset this machine. %s", why);
	else if (!strcmp(phase, "starves"))
		line = must_printf("NOT FED: the machine is reset in %s. %s", left ? left : "0s",
				   why);
	else if (!strcmp(phase, "feeds"))
		line = must_printf("Fed %s ago. %s", ago ? ago : "-", why);
	else
		line = must_printf("Fed %s ago, for the last times (%s). %s", ago ? ago : "-",
				   phase, why);
	say(out, term,
	    !strcmp(phase, "feeds") && member_true(data, "healthy") ? STYLE_GREEN : STYLE_RED, 0,
	    line);
}

static void print_ungated(FILE *out, const struct term *term, struct json_object *data)
{
	_cleanup_free_ char *ungated = value_text(member(data, "ungated")), *line = NULL;

	if (!ungated)
		return;
	line = must_printf("Health does not count now: %s", ungated);
	say(out, term, STYLE_YELLOW, 0, line);
}

static void print_reset(FILE *out, const struct term *term, struct json_object *data,
			uint64_t now_ns)
{
	struct json_object *reset = member_object(data, "last_reset"), *death;
	_cleanup_free_ char *what = member_text(reset, "what"), *found = NULL, *line = NULL;
	_cleanup_free_ char *reason = value_text(member(reset, "reason")), *died = NULL;
	_cleanup_free_ char *status = value_joined(member(reset, "boot_status"), ", ");
	_cleanup_free_ char *in_a_row = member_text(data, "in_a_row");
	_cleanup_free_ char *limit = member_text(data, "reset_limit");

	if (!reset) {
		say(out, term, STYLE_DIM, 0, "No reset by a watchdog is on record.");
		return;
	}
	found = member_moment(reset, member(reset, "starved_at") ? "starved_at" : "time", now_ns);
	line = must_printf("Last reset, %s: %s.", found ? found : "-", what);
	say(out, term, STYLE_BOLD, 0, line);
	if (reason)
		say(out, term, STYLE_PLAIN, INDENT, reason);
	death = member_object(reset, "death");
	died = value_text(member(death, "action_detail"));
	if (died)
		say(out, term, STYLE_PLAIN, INDENT, died);
	free(line);
	line = must_printf("%s in a row (reset_limit = %s); the driver says: %s", in_a_row, limit,
			   status			  ? status
			   : member(reset, "boot_status") ? "nothing"
							  : "nothing ever");
	say(out, term, STYLE_PLAIN, INDENT, line);
}

void watchdog_print(FILE *out, const struct term *term, struct json_object *data, uint64_t now_ns)
{
	struct json_object *devices = member_array(data, "devices");

	if (!array_length(devices)) {
		fputs("No watchdog is used: there is none in the configuration, or obitd only "
		      "observes.\n",
		      out);
		return;
	}
	for (size_t i = 0; i < array_length(devices); i++)
		print_device(out, term, array_item(devices, i));
	print_now(out, term, data);
	print_ungated(out, term, data);
	print_reset(out, term, data, now_ns);
}

int cmd_watchdog(const struct invocation *inv)
{
	_cleanup_reply_ struct reply reply = {0};
	struct request request = {.command = "watchdog", .count = -1, .shape = json_type_object};
	int r = ask(inv, &request, &reply);

	if (r != OBIT_EXIT_OK)
		return r;
	if (option_given(inv, OPTION_JSON))
		json_print(stdout, reply.data, true);
	else
		watchdog_print(stdout, &inv->term, reply.data, clock_wall_ns());
	return OBIT_EXIT_OK;
}
