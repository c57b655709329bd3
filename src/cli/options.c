// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/options.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/protocol.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/when.h"

#define DEFAULT_WAIT_NS (15 * NS_PER_SEC)
#define LONGEST_WAIT_S	86400
#define LARGEST_COUNT	100000
#define LONGEST_PAUSE	(365 * 1440 * NS_PER_MIN)
#define MAX_OPERANDS	(OPTIONS_MAX_WORDS + 2) /* the command, its operands, and one too many */

const struct option_def option_table[] = {
	{OPTION_SOCKET, 0, "socket", "PATH", "the daemon's socket (" OBIT_DEFAULT_SOCKET ")"},
	{OPTION_JSON, 0, "json", NULL, "print JSON"},
	{OPTION_NO_COLOR, 0, "no-color", NULL,
	 "no colours; NO_COLOR in the environment does the same"},
	{OPTION_HELP, 'h', "help", NULL, "print this help, or that of a command"},
	{OPTION_VERSION, 0, "version", NULL, "print the version of this program"},
	{OPTION_COUNT, 'n', "count", "N", "how many deaths"},
	{OPTION_ALL, 0, "all", NULL,
	 "all processes (tail), watches (pause, resume), files (purge)"},
	{OPTION_FOR, 0, "for", "TIME", "how long the pause is: 90s, 10min, 2h"},
	{OPTION_SINCE, 0, "since", "T",
	 "only deaths since then: 10min ago, 10:00, yesterday, a date"},
	{OPTION_WATCH, 0, "watch", "NAME", "only deaths of that watch"},
	{OPTION_STATE_DIR, 0, "state-dir", "DIR",
	 "the history, if not where the daemon says (" OBIT_DEFAULT_STATE_DIR ")"},
	{OPTION_PIN_DIR, 0, "pin-dir", "DIR", "of purge: the pins (" OBIT_DEFAULT_PIN_DIR ")"},
	{OPTION_FORCE, 0, "force", NULL, "of purge: while obitd runs, too"},
	{OPTION_CGROUP, 0, "cgroup", "GLOB", "of watch: what is in that cgroup, or below it"},
	{OPTION_PID, 0, "pid", "PID", "of watch: that process"},
	{OPTION_SIGNAL, 0, "signal", "SIG", "of kill: instead of its kill_signal"},
	{OPTION_CONFIG, 0, "config", "FILE",
	 "of simulate: the configuration (" OBIT_DEFAULT_CONFIG ")"},
	{OPTION_HISTORY, 0, "history", "FILE", "of simulate: that file of a history alone"},
	{OPTION_SECRETS, 0, "secrets", NULL, "of show: values that look like secrets, too"},
	{OPTION_WAIT, 0, "wait", "SECONDS", "wait at most so long until it is done (15)"},
	{OPTION_NO_WAIT, 0, "no-wait", NULL, "do not wait until it is done"},
	{0},
};

struct parser {
	struct invocation inv;
	char *const *args; /* NULL-terminated */
	const char *operands[MAX_OPERANDS];
	size_t n_operands;
	char *error;
};

__attribute__((format(printf, 2, 3))) static int refuse(struct parser *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->error, OPTIONS_ERROR_SIZE, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static int set_count(struct parser *p, const char *value)
{
	char *end;
	long n = strtol(value, &end, 10);

	if (end == value || *end || n < 0 || n > LARGEST_COUNT)
		return refuse(p, "-n %s: expected a whole number from 0 to %d", value,
			      LARGEST_COUNT);
	p->inv.count = (int)n;
	return 0;
}

static int set_wait(struct parser *p, const char *value)
{
	char *end;
	double seconds = strtod(value, &end);

	if (end == value || *end || !isfinite(seconds) || seconds < 0 || seconds > LONGEST_WAIT_S)
		return refuse(p, "--wait %s: expected seconds, 0 to %d", value, LONGEST_WAIT_S);
	p->inv.wait_ns = (uint64_t)(seconds * (double)NS_PER_SEC);
	return 0;
}

static int set_since(struct parser *p, const char *value)
{
	if (when_since(value, clock_wall_ns(), &p->inv.since_ns))
		return 0;
	return refuse(p,
		      "--since %s: expected how long ago (10min, 2h, 3d), a time (10:00), or a day "
		      "(2026-11-21, 2026-11-21T10:00, today, yesterday)",
		      value);
}

static int set_for(struct parser *p, const char *value)
{
	uint64_t span;

	if (units_parse_duration(value, &span) < 0 || !span || span > LONGEST_PAUSE)
		return refuse(p,
			      "--for %s: expected how long, such as 90s, 10min or 2h, 365d at most",
			      value);
	p->inv.for_ns = span;
	return 0;
}

/* A word that must not be empty. */
static int set_word(struct parser *p, const char *value, const char *name, const char *expected,
		    const char **ret)
{
	if (!*value)
		return refuse(p, "--%s: expected %s", name, expected);
	*ret = value;
	return 0;
}

static int apply(struct parser *p, const struct option_def *option, const char *value)
{
	p->inv.given |= option->bit;
	switch (option->bit) {
	case OPTION_SOCKET:
		return set_word(p, value, "socket", "the path of the daemon's socket",
				&p->inv.socket);
	case OPTION_WATCH:
		return set_word(p, value, "watch", "the name of a watch", &p->inv.watch);
	case OPTION_STATE_DIR:
		return set_word(p, value, "state-dir", "the directory of the history",
				&p->inv.state_dir);
	case OPTION_PIN_DIR:
		return set_word(p, value, "pin-dir", "the pin directory of an obitd",
				&p->inv.pin_dir);
	case OPTION_CGROUP:
		return set_word(p, value, "cgroup", "the path of a cgroup, or a glob",
				&p->inv.cgroup);
	case OPTION_PID:
		return set_word(p, value, "pid", "the pid of a process", &p->inv.pid);
	case OPTION_SIGNAL:
		return set_word(p, value, "signal", "a signal such as SIGTERM or 15",
				&p->inv.signal);
	case OPTION_CONFIG:
		return set_word(p, value, "config", "a configuration file", &p->inv.config);
	case OPTION_HISTORY:
		return set_word(p, value, "history", "a file of a history", &p->inv.history);
	case OPTION_SINCE:
		return set_since(p, value);
	case OPTION_FOR:
		return set_for(p, value);
	case OPTION_COUNT:
		return set_count(p, value);
	case OPTION_WAIT:
		return set_wait(p, value);
	case OPTION_JSON:
	case OPTION_NO_COLOR:
	case OPTION_HELP:
	case OPTION_VERSION:
	case OPTION_NO_WAIT:
	case OPTION_ALL:
	case OPTION_SECRETS:
	case OPTION_FORCE:
		break;
	}
	return 0;
}

static int unknown_option(struct parser *p, const char *word)
{
	const char *names[32] = {0};
	const char *nearest;

	for (size_t i = 0; option_table[i].name && i + 1 < ARRAY_SIZE(names); i++)
		names[i] = option_table[i].name;
	nearest = text_nearest(word, names);
	if (nearest)
		return refuse(p, "there is no option --%s; did you mean --%s?", word, nearest);
	return refuse(p, "there is no option --%s; obit --help lists them", word);
}

/* The value of an option: what was attached to it, else the next argument. */
static int take_value(struct parser *p, const struct option_def *option, const char *attached)
{
	if (!option->value && attached)
		return refuse(p, "--%s takes no value", option->name);
	if (!option->value)
		return apply(p, option, NULL);
	if (attached)
		return apply(p, option, attached);
	if (!*p->args)
		return refuse(p, "--%s: expected %s after it", option->name, option->value);
	return apply(p, option, *p->args++);
}

static int parse_long(struct parser *p, const char *word)
{
	size_t length = strcspn(word, "=");
	const char *attached = word[length] ? word + length + 1 : NULL;
	char name[64];

	snprintf(name, sizeof(name), "%.*s", (int)length, word);
	for (const struct option_def *o = option_table; o->name; o++)
		if (strcmp(name, o->name) == 0)
			return take_value(p, o, attached);
	return unknown_option(p, name);
}

/* "-n", "-n5"; letters without a value may share a dash. */
static int parse_letters(struct parser *p, const char *letters)
{
	for (; *letters; letters++) {
		const struct option_def *o = option_table;
		int r;

		while (o->name && o->letter != *letters)
			o++;
		if (!o->name)
			return refuse(p, "there is no option -%c; obit --help lists them",
				      *letters);
		r = take_value(p, o, o->value && letters[1] ? letters + 1 : NULL);
		if (r < 0 || o->value)
			return r;
	}
	return 0;
}

static int parse_words(struct parser *p)
{
	bool options_over = false;
	int r = 0;

	while (*p->args && r == 0) {
		const char *word = *p->args++;

		if (!options_over && strcmp(word, "--") == 0)
			options_over = true;
		else if (!options_over && strncmp(word, "--", 2) == 0)
			r = parse_long(p, word + 2);
		else if (!options_over && word[0] == '-' && word[1])
			r = parse_letters(p, word + 1);
		else if (p->n_operands < MAX_OPERANDS)
			p->operands[p->n_operands++] = word;
	}
	return r;
}

static int find_command(struct parser *p, const char *word, const struct command **ret)
{
	const struct command *command = command_find(word);
	const char *nearest;

	if (command) {
		*ret = command;
		return 0;
	}
	nearest = command_nearest(word);
	if (nearest)
		return refuse(p, "there is no command %s; did you mean %s?", word, nearest);
	return refuse(p, "there is no command %s; obit help lists them", word);
}

static int take_words(struct parser *p, const struct command *command, size_t given)
{
	if (given > OPTIONS_MAX_WORDS)
		return refuse(p, "%s: too many settings; expected at most %d", command->name,
			      OPTIONS_MAX_WORDS);
	if (!given && !(p->inv.given & (OPTION_CGROUP | OPTION_PID)))
		return refuse(p, "%s: expected what to watch (usage: obit %s %s)", command->name,
			      command->name, command->usage);
	memcpy(p->inv.words, p->operands + 1, given * sizeof(*p->inv.words));
	p->inv.n_words = given;
	return 0;
}

static int check_operands(struct parser *p, const struct command *command)
{
	size_t given = p->n_operands > 0 ? p->n_operands - 1 : 0;
	const char *usage = command->usage     ? command->usage
			    : command->operand ? command->operand
					       : "";

	if (command->takes_settings)
		return take_words(p, command, given);
	if (given > 1 || (given == 1 && !command->operand))
		return refuse(p, "%s: %s is one argument too many (usage: obit %s%s%s)",
			      command->name, p->operands[command->operand ? 2 : 1], command->name,
			      *usage ? " " : "", usage);
	p->inv.name = given ? p->operands[1] : NULL;
	if (command->operand && option_given(&p->inv, OPTION_ALL) &&
	    command->options & OPTION_ALL) {
		if (!given)
			return 0;
		return refuse(p, "%s: either %s or --all", command->name, p->inv.name);
	}
	if (command->operand && !command->operand_optional && (!given || !*p->inv.name))
		return refuse(p, "%s: expected %s (usage: obit %s %s)", command->name,
			      command->operand, command->name, usage);
	return 0;
}

static int check_options(struct parser *p, const struct command *command)
{
	for (const struct option_def *o = option_table; o->name; o++)
		if (p->inv.given & o->bit & ~(command->options | OPTIONS_EVERYWHERE))
			return refuse(p, "%s takes no --%s; see: obit help %s", command->name,
				      o->name, command->name);
	if (option_given(&p->inv, OPTION_WAIT) && option_given(&p->inv, OPTION_NO_WAIT))
		return refuse(p, "%s: either --wait or --no-wait", command->name);
	if (command->run == cmd_why && option_given(&p->inv, OPTION_COUNT) && !p->inv.count)
		return refuse(p, "-n 0: why tells 1 death at least");
	return 0;
}

/* `obit why --help` is `obit help why`. */
static void turn_into_help(struct parser *p)
{
	if (p->n_operands > 1 && strcmp(p->operands[0], "help") == 0)
		return;
	p->operands[1] = p->operands[0];
	p->n_operands = p->operands[1] ? 2 : 1;
	p->operands[0] = "help";
}

int options_parse(int argc, char *const argv[], struct invocation *ret,
		  char error[static OPTIONS_ERROR_SIZE])
{
	struct parser p = {
		.inv = {.socket = OBIT_DEFAULT_SOCKET, .wait_ns = DEFAULT_WAIT_NS},
		.args = argc > 0 ? argv + 1 : argv,
		.error = error,
	};
	int r = parse_words(&p);

	if (r < 0)
		return r;
	if (p.inv.given & (OPTION_HELP | OPTION_VERSION))
		p.inv.given &= OPTION_HELP | OPTION_VERSION | OPTION_NO_COLOR;
	if (p.inv.given & OPTION_HELP)
		turn_into_help(&p);
	r = find_command(&p, p.n_operands ? p.operands[0] : COMMAND_DEFAULT, &p.inv.command);
	if (r == 0 && !(p.inv.given & OPTION_VERSION))
		r = check_operands(&p, p.inv.command);
	if (r == 0)
		r = check_options(&p, p.inv.command);
	if (r == 0)
		*ret = p.inv;
	return r;
}
