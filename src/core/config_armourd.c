// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The configuration of armourd, a daemon of 2012 with the same purpose: a path a line, of which the last character
 * may be a '*', and behind a path, if anything, { pidfile : FILE command : "WORDS" notify : "WORDS" }. */
#include "core/config_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define BLANKS "\t\n\v\f\r "

enum { OPTION_PIDFILE, OPTION_COMMAND, OPTION_NOTIFY, _OPTION_MAX };
static const char *const option_names[] = {
	[OPTION_PIDFILE] = "pidfile",
	[OPTION_COMMAND] = "command",
	[OPTION_NOTIFY] = "notify",
};
_Static_assert(ARRAY_SIZE(option_names) == _OPTION_MAX, "a name for each option");

struct armourd {
	struct config_report *report;
	struct config *config;
	struct config_names names;
	const char *at; /* NUL-terminated */
	unsigned line;
	unsigned open_line;		    /* of the block that is read */
	unsigned option_lines[_OPTION_MAX]; /* where they were set in it; 0: not yet */
};

static void skip_blanks(struct armourd *reader)
{
	while (*reader->at && strchr(BLANKS "#", *reader->at)) {
		if (*reader->at == '#')
			reader->at += strcspn(reader->at, "\n");
		else
			reader->line += *reader->at++ == '\n';
	}
}

/* A copy of the text up to `length`, for *ret_word. */
static int take_text(struct armourd *reader, size_t length, char **ret_word)
{
	for (size_t i = 0; i < length; i++)
		if (config_is_control(reader->at[i]) && reader->at[i] != '\t')
			return config_fail(reader->report, reader->line,
					   "control character \\x%02x; expected text",
					   (unsigned char)reader->at[i]);
	*ret_word = strndup(reader->at, length);
	if (!*ret_word)
		return -ENOMEM;
	reader->at += length;
	return 0;
}

/* ---- the options of a path ---- */

/* Takes the backslashes out, each of which keeps the character behind it. */
static void unescape(char *text)
{
	char *out = text;

	for (; *text; text++) {
		if (*text == '\\' && text[1])
			text++;
		*out++ = *text;
	}
	*out = '\0';
}

static int take_quoted(struct armourd *reader, char **ret_value)
{
	size_t length = 0;
	int r;

	reader->at++;
	while (reader->at[length] && !strchr("\"\n", reader->at[length]))
		length += reader->at[length] == '\\' && reader->at[length + 1] ? 2 : 1;
	if (reader->at[length] != '"')
		return config_fail(
			reader->report, reader->line,
			"this string is never closed; expected '\"' at the end of the line");
	r = take_text(reader, length, ret_value);
	if (r < 0)
		return r;
	reader->at++;
	unescape(*ret_value);
	return 0;
}

static int take_value(struct armourd *reader, const char *name, char **ret_value)
{
	size_t length;

	skip_blanks(reader);
	if (*reader->at == ':') {
		reader->at++;
		skip_blanks(reader);
		if (*reader->at == '"')
			return take_quoted(reader, ret_value);
		length = strcspn(reader->at, BLANKS "}");
		if (length)
			return take_text(reader, length, ret_value);
	}
	return config_fail(reader->report, reader->line, "'%s' has no value; expected '%s : VALUE'",
			   name, name);
}

static int find_option(struct armourd *reader, const char *name, unsigned *ret_option)
{
	char shown[CONFIG_SHOWN_SIZE];

	for (unsigned i = 0; i < _OPTION_MAX; i++) {
		if (strcmp(name, option_names[i]) != 0)
			continue;
		if (reader->option_lines[i])
			return config_fail(reader->report, reader->line,
					   "'%s' is set already, at line %u; expected it once",
					   name, reader->option_lines[i]);
		reader->option_lines[i] = reader->line;
		*ret_option = i;
		return 0;
	}
	return config_fail(reader->report, reader->line,
			   "unknown option '%s'; expected pidfile, command, notify or '}' (a value "
			   "of several words stands in double quotes)",
			   config_shown(name, shown));
}

static int set_option(struct armourd *reader, unsigned option, const char *text)
{
	struct watch_config *watch = &reader->config->watches[reader->config->watch_count - 1];
	struct config_value value = {
		.report = reader->report,
		.line = reader->option_lines[option],
		.key = option_names[option],
		.text = text,
	};

	switch (option) {
	case OPTION_COMMAND:
		return config_set_hook(&value, NULL, &watch->command);
	case OPTION_NOTIFY:
		return config_set_hook(&value, NULL, &watch->on_exit);
	default:
		return config_warn(
			reader->config, reader->report->file, value.line,
			"pidfile has no effect: what runs is found by its path, and adopted "
			"without a PID file");
	}
}

static int take_option(struct armourd *reader)
{
	_cleanup_free_ char *name = NULL, *value = NULL;
	unsigned option = 0;
	int r = take_text(reader, strcspn(reader->at, BLANKS ":{}\""), &name);

	if (r >= 0)
		r = find_option(reader, name, &option);
	if (r >= 0)
		r = take_value(reader, name, &value);
	return r < 0 ? r : set_option(reader, option, value);
}

static int take_block(struct armourd *reader)
{
	int r = 0;

	reader->open_line = reader->line;
	memset(reader->option_lines, 0, sizeof(reader->option_lines));
	reader->at++;
	skip_blanks(reader);
	while (r >= 0 && *reader->at && *reader->at != '}') {
		r = take_option(reader);
		skip_blanks(reader);
	}
	if (r < 0)
		return r;
	if (!*reader->at)
		return config_fail(reader->report, reader->open_line,
				   "this '{' is never closed; expected '}' before the end of the "
				   "file");
	reader->at++;
	return 0;
}

/* ---- paths ---- */

/* The length of the path that is due: to a blank, a brace, or the first '*', which ends it. */
static size_t path_length(const char *at)
{
	size_t length = strcspn(at, BLANKS "{}*");

	return length + (at[length] == '*');
}

/* With a '*' at its end a path is a pattern, to armourd as to us; what is special here in another one was not there. */
static int check_path(struct armourd *reader, const char *path)
{
	size_t length = strlen(path);
	bool star = length && path[length - 1] == '*';
	const char *special = strpbrk(path, star ? "\\" : "?[\\");
	char shown[CONFIG_SHOWN_SIZE];

	config_shown(path, shown);
	if (special)
		return config_fail(reader->report, reader->line,
				   "'%c' in '%s'; expected a path without '\\', and '?' or '[' "
				   "only with a '*' at the end",
				   *special, shown);
	if (star && *reader->at && !strchr(BLANKS "{}", *reader->at))
		return config_fail(reader->report, reader->line,
				   "'%s' goes on behind its '*'; expected one '*', at the end "
				   "(obit.conf has other globs)",
				   shown);
	return 0;
}

static int take_path(struct armourd *reader)
{
	_cleanup_free_ char *path = NULL;
	struct config_value value = {.report = reader->report, .line = reader->line, .key = "path"};
	int r;

	if (*reader->at == '{' || *reader->at == '}')
		return config_fail(reader->report, reader->line,
				   "'%c' without a path in front; expected an absolute path",
				   *reader->at);
	r = take_text(reader, path_length(reader->at), &path);
	if (path)
		r = check_path(reader, path);
	if (r < 0)
		return r;
	value.text = path;
	return config_add_path_watch(reader->config, &reader->names, &value);
}

static int take_entry(struct armourd *reader)
{
	int r = take_path(reader);

	if (r < 0)
		return r;
	skip_blanks(reader);
	if (*reader->at == '{')
		r = take_block(reader);
	skip_blanks(reader);
	return r;
}

/* ---- a file ---- */

static int read_text(struct config_report *report, struct config *config, const char *text,
		     size_t length)
{
	_cleanup_free_ char *copy = NULL;
	struct armourd reader = {.report = report, .config = config, .line = 1};
	int r = config_check_buffer(report, text, length);

	if (r < 0)
		return r;
	copy = strndup(text, length);
	if (!copy)
		return -ENOMEM;
	r = config_names_of(config, &reader.names);
	reader.at = copy;
	skip_blanks(&reader);
	while (r >= 0 && *reader.at)
		r = take_entry(&reader);
	config_names_free(&reader.names);
	return r;
}

int config_parse_armourd(struct config *config, const char *file, const char *text, size_t length,
			 struct config_error *ret_error)
{
	struct config_report report = {.file = file, .error = ret_error};
	size_t watches = config->watch_count, warnings = config->warnings.count;
	int r = read_text(&report, config, length ? text : "", length);

	if (r >= 0)
		return 0;
	while (config->watch_count > watches)
		watch_config_free(&config->watches[--config->watch_count]);
	while (config->warnings.count > warnings)
		free(config->warnings.items[--config->warnings.count]);
	return r == -ENOMEM ? config_fail_memory(&report) : r;
}

bool config_is_armourd(const char *text, size_t length)
{
	const char *end = text + length, *newline;

	while (text < end && (*text == '#' || (*text && strchr(BLANKS, *text)))) {
		newline = *text == '#' ? memchr(text, '\n', (size_t)(end - text)) : text;
		text = newline ? newline + 1 : end;
	}
	/* Two slashes, or one and a star, open a comment of ours. */
	return end - text > 1 && text[0] == '/' && text[1] != '/' && text[1] != '*';
}
