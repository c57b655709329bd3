// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* obit show */
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/protocol.h"
#include "cli/alloc.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/evidence.h"
#include "cli/value.h"
#include "cli/views.h"
#include "cli/when.h"

static void print_line(FILE *out, const struct term *term, const char *key, const char *shown,
		       int width)
{
	_cleanup_json_ struct json_object *name = json_object_new_string(key);
	_cleanup_free_ char *printable = value_text(name);

	fprintf(out, "  %-*s = ", width, printable ? printable : "-");
	term_wrap(out, term, STYLE_PLAIN, (size_t)width + strlen("   = "), shown);
}

/* "type = tcp, target = 127.0.0.1:80": the keys of a section within. */
static char *section_words(struct json_object *section)
{
	char *all = must_printf("%s", "");

	json_object_object_foreach (section, key, value) {
		_cleanup_json_ struct json_object *name = json_object_new_string(key);
		_cleanup_free_ char *text = value_text(value), *word = value_text(name);
		_cleanup_free_ char *before = all;

		all = must_printf("%s%s%s = %s", before, *before ? ", " : "", word ? word : "-",
				  text ? text : "-");
	}
	return all;
}

static void print_key(FILE *out, const struct term *term, const char *key,
		      struct json_object *value, int width)
{
	bool list = json_object_is_type(value, json_type_array);
	_cleanup_free_ char *text = value_joined(value, ", ");
	_cleanup_free_ char *shown = must_printf(list && text ? "{ %s }" : "%s",
						 text ? text : (list ? "{}" : ""));

	if (!json_object_is_type(array_item(value, 0), json_type_object)) {
		print_line(out, term, key, shown, width);
		return;
	}
	for (size_t i = 0; i < array_length(value); i++) {
		_cleanup_free_ char *words = section_words(array_item(value, i));

		print_line(out, term, key, words, width);
	}
}

static void print_watch(FILE *out, const struct term *term, struct json_object *watch)
{
	size_t width = 0;

	if (!watch || json_object_object_length(watch) == 0)
		return;
	term_print(out, term, STYLE_BOLD, "Configuration\n");
	json_object_object_foreach (watch, key, value) {
		(void)value;
		if (strlen(key) > width)
			width = strlen(key);
	}
	json_object_object_foreach (watch, k, v)
		print_key(out, term, k, v, (int)width);
}

static char *ids(struct json_object *recipe)
{
	_cleanup_free_ char *uid = member_text(recipe, "uid"), *gid = member_text(recipe, "gid");
	_cleanup_free_ char *groups = value_joined(member_array(recipe, "groups"), " ");

	return must_printf("uid %s, gid %s, groups %s", uid, gid, groups ? groups : "none");
}

/* A root other than / is rare enough to be said only then. */
static char *uncommon_root(struct json_object *recipe)
{
	if (strcmp(member_word(recipe, "root"), "/") == 0)
		return NULL;
	return value_text(member(recipe, "root"));
}

static char *stdio_words(struct json_object *entry)
{
	_cleanup_free_ char *path = value_text(member(entry, "path"));
	_cleanup_free_ char *how = member_text(entry, "how");

	if (strcmp(how, "reopened") == 0)
		return must_printf("%s (reopened)", path ? path : "-");
	if (strcmp(how, "null") == 0)
		return must_printf("/dev/null%s%s%s", path ? " (it was " : "", path ? path : "",
				   path ? ")" : "");
	if (strcmp(how, "log") == 0)
		return must_printf("the daemon's log%s%s%s", path ? " (it was " : "",
				   path ? path : "", path ? ")" : "");
	return must_printf("%s (%s)", path ? path : "-", how);
}

static void print_stdio(FILE *out, const struct term *term, struct json_object *stdio)
{
	for (size_t i = 0; i < array_length(stdio); i++) {
		struct json_object *entry = array_item(stdio, i);
		_cleanup_free_ char *fd = member_text(entry, "fd");
		_cleanup_free_ char *key = must_printf("descriptor %s", fd);

		fact_print(out, term, key, stdio_words(entry));
	}
}

static char *uncommon_label(struct json_object *recipe)
{
	_cleanup_free_ char *label = value_text(member(recipe, "label"));

	return label && strcmp(label, "unconfined") != 0 ? TAKE_PTR(label) : NULL;
}

static char *source_words(struct json_object *recipe)
{
	const char *source = member_word(recipe, "source");
	const char *complete = member_true(recipe, "complete") ? "complete" : "not complete";

	if (strcmp(source, "exec") == 0)
		return must_printf("when it was executed, %s", complete);
	if (strcmp(source, "proc") == 0)
		return must_printf("from /proc, since it ran before it was watched; %s", complete);
	return must_printf("%s", complete);
}

static void print_lines(FILE *out, const struct term *term, const char *heading, enum style style,
			struct json_object *lines)
{
	if (array_length(lines) == 0)
		return;
	fprintf(out, "  %s:\n", heading);
	for (size_t i = 0; i < array_length(lines); i++) {
		_cleanup_free_ char *line = value_text(array_item(lines, i));

		fputs("    ", out);
		term_print(out, term, style, line ? line : "-");
		putc('\n', out);
	}
}

static void print_recipe(FILE *out, const struct term *term, struct json_object *recipe)
{
	_cleanup_free_ char *refusal = value_text(member(recipe, "refusal"));

	if (refusal) {
		fputs("  not respawned:  ", out);
		term_wrap(out, term, STYLE_RED, FACT_COLUMN, refusal);
	}
	fact_print(out, term, "captured", source_words(recipe));
	print_lines(out, term, "missing", STYLE_YELLOW, member(recipe, "missing"));
	fact_print(out, term, "executable", value_text(member(recipe, "exe")));
	fact_print(out, term, "command line", value_command_line(member(recipe, "argv")));
	fact_print(out, term, "directory", value_text(member(recipe, "cwd")));
	fact_print(out, term, "root", uncommon_root(recipe));
	fact_print(out, term, "user", ids(recipe));
	fact_print(out, term, "umask", value_text(member(recipe, "umask")));
	fact_print(out, term, "cgroup", value_text(member(recipe, "cgroup")));
	fact_print(out, term, "security label", uncommon_label(recipe));
	print_stdio(out, term, member(recipe, "stdio"));
	print_lines(out, term, "environment", STYLE_PLAIN, member(recipe, "env"));
}

/* "passed, 3s ago", "failed 2 of 3, 3s ago: Connection refused" */
static char *result_words(struct json_object *probe)
{
	_cleanup_free_ char *result = member_text(probe, "result");
	_cleanup_free_ char *reason = value_text(member(probe, "reason"));
	_cleanup_free_ char *failures = member_text(probe, "failures");
	_cleanup_free_ char *threshold = member_text(probe, "threshold");
	_cleanup_free_ char *ago = member_duration(probe, "ago_ns");
	bool failed = strcmp(result, "failed") == 0;

	if (!member(probe, "result"))
		return must_printf("not checked yet");
	if (strcmp(result, "unable") == 0)
		return must_printf("could not be checked, %s ago: %s", ago, reason ? reason : "-");
	return must_printf("%s%s%s%s%s, %s ago%s%s", result, failed ? " " : "",
			   failed ? failures : "", failed ? " of " : "", failed ? threshold : "",
			   ago, reason ? ": " : "", reason ? reason : "");
}

static void print_probes(FILE *out, const struct term *term, struct json_object *probes)
{
	for (size_t i = 0; i < array_length(probes); i++) {
		struct json_object *probe = array_item(probes, i);
		_cleanup_free_ char *target = member_text(probe, "target");
		_cleanup_free_ char *result = result_words(probe);

		fact_print(out, term, "probe", must_printf("%s: %s", target, result));
	}
}

/* "probe failing 2 of 3", of the one that has failed most; NULL: none has. */
static char *failing_words(struct json_object *probes)
{
	struct json_object *worst = NULL;
	_cleanup_free_ char *threshold = NULL;
	int64_t most = 0, failures;

	for (size_t i = 0; i < array_length(probes); i++) {
		if (!member_int(array_item(probes, i), "failures", &failures) || failures <= most)
			continue;
		most = failures;
		worst = array_item(probes, i);
	}
	if (!worst)
		return NULL;
	threshold = member_text(worst, "threshold");
	return must_printf("probe failing %" PRId64 " of %s", most, threshold);
}

/* "Instance with pid 7"; without a process, by the name that the commands take: "Instance web@7, without a process" */
static char *instance_words(const char *name, struct json_object *instance)
{
	_cleanup_free_ char *pid = value_text(member(instance, "pid"));
	_cleanup_free_ char *last = value_text(member(instance, "last_pid"));

	if (pid)
		return must_printf("Instance with pid %s", pid);
	if (!last)
		return must_printf("Instance without a process");
	return must_printf("Instance %.*s@%s, without a process", (int)strcspn(name, "@"), name,
			   last);
}

static void print_instance(FILE *out, const struct term *term, const char *name,
			   struct json_object *instance)
{
	_cleanup_free_ char *words = instance_words(name, instance);
	_cleanup_free_ char *state = member_text(instance, "state");
	struct json_object *recipe = member_object(instance, "recipe");
	_cleanup_free_ char *failing = failing_words(member_array(instance, "probes"));
	_cleanup_free_ char *note = value_text(member(instance, "note"));

	putc('\n', out);
	term_print(out, term, STYLE_BOLD, words);
	fputs(": ", out);
	term_print(out, term, state_style(state), state);
	if (failing) {
		fputs(", ", out);
		term_print(out, term, STYLE_YELLOW, failing);
	}
	putc('\n', out);
	if (note) {
		fputs("  ", out);
		term_wrap(out, term, STYLE_YELLOW, strlen("  "), note);
	}
	print_probes(out, term, member_array(instance, "probes"));
	if (recipe)
		print_recipe(out, term, recipe);
	else
		fputs("  There is no recipe: it cannot be started again.\n", out);
}

void show_print(FILE *out, const struct term *term, const char *name, struct json_object *data)
{
	struct json_object *instances = member_array(data, "instances");
	_cleanup_free_ char *state = member_text(data, "state");
	_cleanup_free_ char *defined = value_text(member(data, "defined_at"));
	_cleanup_json_ struct json_object *asked = json_object_new_string(name);
	_cleanup_free_ char *printable = value_text(asked);

	term_print(out, term, STYLE_BOLD, printable ? printable : "-");
	fputs(": ", out);
	term_print(out, term, state_style(state), state);
	if (defined)
		fprintf(out, ", defined %s %s", strchr(defined, ':') ? "at" : "by", defined);
	fputs("\n\n", out);
	print_watch(out, term, member_object(data, "watch"));
	for (size_t i = 0; i < array_length(instances); i++)
		print_instance(out, term, printable ? printable : "-", array_item(instances, i));
	if (array_length(instances) == 0)
		fputs("\nNo instance is known.\n", out);
}

int cmd_show(const struct invocation *inv)
{
	_cleanup_reply_ struct reply reply = {0};
	struct request request = {.command = "show",
				  .name = inv->name,
				  .count = -1,
				  .secrets = option_given(inv, OPTION_SECRETS),
				  .shape = json_type_object};
	int r = ask(inv, &request, &reply);

	if (r != OBIT_EXIT_OK)
		return r;
	if (option_given(inv, OPTION_JSON))
		json_print(stdout, reply.data, true);
	else
		show_print(stdout, &inv->term, inv->name, reply.data);
	return OBIT_EXIT_OK;
}
