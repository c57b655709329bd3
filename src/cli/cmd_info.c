// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* obit stats, obit version, obit reload */
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/protocol.h"
#include "cli/alloc.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/value.h"
#include "cli/views.h"

#define LOSSES	      "losses"
#define COUNTER_NAME  32
#define COUNTER_VALUE 14
#define MAX_DEPTH     4 /* groups within groups */

static void print_counter(FILE *out, const struct term *term, const char *name,
			  struct json_object *value, bool loss)
{
	_cleanup_free_ char *text = value_text(value);
	bool bad = loss && text && strcmp(text, "0") != 0;
	size_t columns = text ? text_columns(text) : 1;

	fprintf(out, "  %-*s ", COUNTER_NAME, name);
	fprintf(out, "%*s", columns < COUNTER_VALUE ? (int)(COUNTER_VALUE - columns) : 0, "");
	term_print(out, term, bad ? STYLE_RED : STYLE_PLAIN, text ? text : "-");
	putc('\n', out);
}

static void print_counters(FILE *out, const struct term *term, const char *prefix,
			   struct json_object *group, bool losses, int depth)
{
	json_object_object_foreach (group, key, value) {
		_cleanup_json_ struct json_object *foreign = json_object_new_string(key);
		_cleanup_free_ char *printable = value_text(foreign);
		_cleanup_free_ char *name = must_printf("%s%s", prefix,
							printable ? printable : "-");

		if (json_object_is_type(value, json_type_object) && depth < MAX_DEPTH) {
			_cleanup_free_ char *deeper = must_printf("%s.", name);

			print_counters(out, term, deeper, value, losses, depth + 1);
		} else {
			print_counter(out, term, name, value, losses);
		}
	}
}

static void print_group(FILE *out, const struct term *term, const char *key,
			struct json_object *group)
{
	_cleanup_json_ struct json_object *foreign = json_object_new_string(key);
	_cleanup_free_ char *name = value_text(foreign);
	bool losses = strcmp(key, LOSSES) == 0;

	term_print(out, term, STYLE_BOLD, name ? name : "-");
	putc('\n', out);
	if (json_object_is_type(group, json_type_object))
		print_counters(out, term, "", group, losses, 0);
	else
		print_counter(out, term, "value", group, losses);
}

void stats_print(FILE *out, const struct term *term, struct json_object *stats)
{
	struct json_object *losses = member(stats, LOSSES);

	if (losses)
		print_group(out, term, LOSSES, losses);
	if (!json_object_is_type(stats, json_type_object))
		return;
	json_object_object_foreach (stats, key, group) {
		if (strcmp(key, LOSSES) == 0)
			continue;
		putc('\n', out);
		print_group(out, term, key, group);
	}
}

int cmd_stats(const struct invocation *inv)
{
	_cleanup_reply_ struct reply reply = {0};
	struct request request = {.command = "stats", .count = -1, .shape = json_type_object};
	int r = ask(inv, &request, &reply);

	if (r != OBIT_EXIT_OK)
		return r;
	if (option_given(inv, OPTION_JSON))
		json_print(stdout, reply.data, true);
	else
		stats_print(stdout, &inv->term, reply.data);
	return OBIT_EXIT_OK;
}

static void version_json(const struct reply *reply)
{
	_cleanup_json_ struct json_object *object = json_object_new_object();

	json_object_object_add(object, "version", json_object_new_string(OBIT_VERSION));
	json_object_object_add(object, "daemon", json_object_get(reply->data));
	json_print(stdout, object, true);
}

/* Its own version a program always knows: that no daemon answers is part of the answer. */
int cmd_version(const struct invocation *inv)
{
	_cleanup_reply_ struct reply reply = {0};
	_cleanup_free_ char *version = NULL, *pid = NULL, *kernel = NULL;
	struct request request = {.command = "version", .count = -1, .shape = json_type_object};
	int r = ask_quietly(inv, &request, &reply, NULL);

	if (option_given(inv, OPTION_JSON)) {
		version_json(&reply);
		return OBIT_EXIT_OK;
	}
	puts("obit " OBIT_VERSION);
	if (r != OBIT_EXIT_OK) {
		fputs("obitd: ", stdout);
		term_print(stdout, &inv->term, STYLE_YELLOW, reply.error);
		putchar('\n');
		return OBIT_EXIT_OK;
	}
	version = member_text(reply.data, "version");
	pid = member_text(reply.data, "pid");
	kernel = member_text(reply.data, "kernel");
	printf("obitd %s (pid %s) on Linux %s%s\n", version, pid, kernel,
	       member_true(reply.data, "observing") ? ", only observing" : "");
	return OBIT_EXIT_OK;
}

static bool print_names(FILE *out, const struct term *term, const char *what, enum style style,
			struct json_object *names)
{
	_cleanup_free_ char *joined = value_joined(names, ", ");

	if (array_length(names) == 0)
		return false;
	fprintf(out, "%-8s ", what);
	term_wrap(out, term, style, 9, joined ? joined : "-");
	return true;
}

void reload_print(FILE *out, const struct term *term, struct json_object *data)
{
	_cleanup_free_ char *kept = member_text(data, "kept");
	bool any = print_names(out, term, "added", STYLE_GREEN, member(data, "added"));

	any |= print_names(out, term, "changed", STYLE_YELLOW, member(data, "changed"));
	any |= print_names(out, term, "removed", STYLE_RED, member(data, "removed"));
	fprintf(out, "%s%s kept as %s.\n", any ? "" : "Nothing has changed: ", kept,
		strcmp(kept, "1") == 0 ? "it was" : "they were");
}

static void print_warnings(struct json_object *warnings)
{
	struct json_object *warning;

	for (size_t i = 0; (warning = array_item(warnings, i)); i++) {
		_cleanup_free_ char *text = value_text(warning);

		if (text)
			log_warning("%s", text);
	}
}

int cmd_reload(const struct invocation *inv)
{
	_cleanup_reply_ struct reply reply = {0};
	struct request request = {.command = "reload", .count = -1, .shape = json_type_object};
	int r = ask(inv, &request, &reply);

	if (r != OBIT_EXIT_OK)
		return r;
	if (option_given(inv, OPTION_JSON))
		json_print(stdout, reply.data, true);
	else
		reload_print(stdout, &inv->term, reply.data);
	fflush(stdout);
	print_warnings(member_array(reply.data, "warnings"));
	return OBIT_EXIT_OK;
}
