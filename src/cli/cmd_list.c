// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* obit ls */
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/protocol.h"
#include "cli/alloc.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/death.h"
#include "cli/table.h"
#include "cli/value.h"
#include "cli/views.h"
#include "cli/when.h"

enum { COLUMN_NAME, COLUMN_STATE, COLUMN_PID, COLUMN_UPTIME, COLUMN_RESTARTS, COLUMN_DEATH };

static const struct table_column list_columns[] = {
	[COLUMN_NAME] = {.heading = "NAME", .elastic = true},
	[COLUMN_STATE] = {.heading = "STATE"},
	[COLUMN_PID] = {.heading = "PID", .right = true},
	[COLUMN_UPTIME] = {.heading = "UPTIME", .right = true},
	[COLUMN_RESTARTS] = {.heading = "RESTARTS", .right = true},
	[COLUMN_DEATH] = {.heading = "LAST DEATH", .elastic = true},
};
_Static_assert(ARRAY_SIZE(list_columns) <= TABLE_MAX_COLUMNS, "the table has room");

/* The cells that a watch and an instance have in common. */
static void fill_common(struct table *table, struct json_object *object)
{
	table_set(table, COLUMN_STATE, state_style(member_word(object, "state")),
		  member_text(object, "state"));
	table_set(table, COLUMN_PID, STYLE_PLAIN, member_text(object, "pid"));
	table_set(table, COLUMN_UPTIME, STYLE_PLAIN, member_duration(object, "uptime_ns"));
	table_set(table, COLUMN_RESTARTS, STYLE_PLAIN, member_text(object, "restarts"));
}

static void add_note(struct table *table, struct json_object *object)
{
	char *note = value_text(member(object, "note"));

	if (note)
		table_add_remark(table, STYLE_YELLOW, note);
}

static bool is_same(struct json_object *a, struct json_object *b, const char *key)
{
	return strcmp(member_word(a, key), member_word(b, key)) == 0;
}

/* Its own words, and not ours. */
static void add_status(struct table *table, struct json_object *instance)
{
	_cleanup_free_ char *status = value_text(member(instance, "status"));
	int64_t error;

	if (status)
		table_add_remark(table, STYLE_DIM, must_printf("\"%s\"", status));
	if (member_true(instance, "reloading"))
		table_add_remark(table, STYLE_DIM, must_printf("it reloads"));
	if (member_int(instance, "errno", &error))
		table_add_remark(table, STYLE_YELLOW,
				 must_printf("it tells of an error: %s", strerror((int)error)));
}

/* What the watch has said is not said again. */
static void add_own_note(struct table *table, struct json_object *watch,
			 struct json_object *instance)
{
	if (!is_same(watch, instance, "note"))
		add_note(table, instance);
}

/* Without a process, and with the same to be told of them: nothing tells them apart. */
static bool is_alike(struct json_object *a, struct json_object *b)
{
	return !member(a, "pid") && !member(b, "pid") && is_same(a, b, "state") &&
	       is_same(a, b, "note");
}

/* How many from the `first` on are alike. */
static size_t alike_count(struct json_object *instances, size_t first)
{
	size_t n = 1;

	while (first + n < array_length(instances) &&
	       is_alike(array_item(instances, first), array_item(instances, first + n)))
		n++;
	return n;
}

static void add_instance(struct table *table, const char *name, struct json_object *instance)
{
	struct json_object *its = member(instance, "pid");
	_cleanup_free_ char *pid = value_text(its ? its : member(instance, "last_pid"));

	table_add_row(table);
	table_set(table, COLUMN_NAME, STYLE_PLAIN, must_printf("  %s@%s", name, pid ? pid : "-"));
	fill_common(table, instance);
	table_set(table, COLUMN_DEATH, STYLE_PLAIN, must_printf("%s", ""));
}

static void add_crowd(struct table *table, struct json_object *instance, size_t n)
{
	table_add_row(table);
	table_set(table, COLUMN_NAME, STYLE_PLAIN, must_printf("  %zu instances", n));
	table_set(table, COLUMN_STATE, state_style(member_word(instance, "state")),
		  member_text(instance, "state"));
	for (size_t column = COLUMN_PID; column <= COLUMN_DEATH; column++)
		table_set(table, column, STYLE_PLAIN, must_printf("%s", ""));
}

/* A single instance is its watch: only what it adds is told. */
static void add_instances(struct table *table, const char *name, struct json_object *watch)
{
	struct json_object *instances = member_array(watch, "instances");
	size_t n = array_length(instances), alike;

	for (size_t i = 0; i < n; i += alike) {
		struct json_object *instance = array_item(instances, i);

		alike = alike_count(instances, i);
		if (alike > 1)
			add_crowd(table, instance, alike);
		else if (n > 1)
			add_instance(table, name, instance);
		add_own_note(table, watch, instance);
		if (alike == 1)
			add_status(table, instance);
	}
}

static void add_watch(struct table *table, struct json_object *watch, uint64_t now_ns)
{
	_cleanup_free_ char *name = member_text(watch, "name");
	struct json_object *healthy = member(watch, "healthy");
	char *holds = value_text(member(watch, "watchdog"));

	table_add_row(table);
	table_set(table, COLUMN_NAME, STYLE_PLAIN, must_printf("%s", name));
	fill_common(table, watch);
	table_set(table, COLUMN_DEATH, STYLE_PLAIN,
		  death_brief(member(watch, "last_death"), now_ns));
	if (!holds && member_true(watch, "critical") && healthy && !member_true(watch, "healthy"))
		holds = must_printf("critical and not healthy");
	if (holds)
		table_add_remark(table, member_true(watch, "healthy") ? STYLE_YELLOW : STYLE_RED,
				 holds);
	add_note(table, watch);
	add_instances(table, name, watch);
}

void list_print(FILE *out, const struct term *term, struct json_object *watches, uint64_t now_ns)
{
	_cleanup_table_ struct table table = {
		.columns = list_columns,
		.n_columns = ARRAY_SIZE(list_columns),
	};

	if (array_length(watches) == 0) {
		fputs("Nothing is watched. Add a watch to " OBIT_DEFAULT_CONFIG
		      ", then run: obit reload\n",
		      out);
		return;
	}
	for (size_t i = 0; i < array_length(watches); i++)
		add_watch(&table, array_item(watches, i), now_ns);
	table_print(&table, out, term);
}

int cmd_ls(const struct invocation *inv)
{
	_cleanup_reply_ struct reply reply = {0};
	struct request request = {.command = "ls", .count = -1, .shape = json_type_array};
	int r = ask(inv, &request, &reply);

	if (r != OBIT_EXIT_OK)
		return r;
	if (option_given(inv, OPTION_JSON))
		json_print(stdout, reply.data, true);
	else
		list_print(stdout, &inv->term, reply.data, clock_wall_ns());
	return OBIT_EXIT_OK;
}
