// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* libconfuse's part. Every value is a string to it, since its own numbers would take 010 for 8 and "nan"
 * for a factor; and its messages are told in our words, at the line that its scanner has reached. */
#include "core/config_internal.h"

#include <confuse.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "core/container.h"

#define MESSAGE_SIZE 256
#define ID_DIGITS    (CONTAINER_ID_SIZE - 1)
#define ID_SHORTEST                                                                                \
	8 /* what somebody may have written for an id: "docker ps" shows twelve digits */

/* What one config_read() knows while libconfuse calls back. */
struct reader {
	struct config_report *report;
	const struct config *base;
	struct config *next;
	struct config_names names; /* of the watches in both */
	const struct config_scanned *scanned;
	size_t section;	   /* index of the section that is read, or comes next */
	const cfg_t *open; /* the section that `watch` or `owner` belongs to */
	struct watch_config *watch;
	struct owner_config *owner;
	const cfg_t *open_probe; /* the probe section that `probe` belongs to */
	struct probe_config probe;
	unsigned probe_lines[CONFIG_KEYS_MAX];	 /* where each key of it was set; 0: not yet */
	unsigned watchdog_line;			 /* of the section in this file; 0: none yet */
	unsigned file_lines[CONFIG_KEYS_MAX];	 /* where each key was set; 0: not yet */
	unsigned section_lines[CONFIG_KEYS_MAX]; /* the same for the section that is read */
	int error;				 /* -ENOMEM, or 0 */
};

/* libconfuse hands no pointer of ours to its callbacks, and its scanner is global as well: there is one
 * config_read() at a time, and this is its reader while it lasts. */
static struct reader *current;

/* The line of the word that opens the section being read. */
static unsigned section_line(const struct reader *reader)
{
	return reader->scanned->openings[reader->section].line;
}

/* How many probes of that section are read to their end: their words stand behind its own. */
static size_t probes_read(const struct reader *reader, const cfg_t *cfg)
{
	return reader->open == cfg ? reader->watch->probe_count : 0;
}

/* ---- messages ---- */

static void fail_duplicate(struct reader *reader, const char *what, const char *name,
			   const char *file, unsigned line)
{
	char shown[CONFIG_SHOWN_SIZE], where[CONFIG_SHOWN_SIZE];

	config_shown(file, where);
	config_fail(reader->report, section_line(reader),
		    "%s '%s' is there already, from %s:%u; expected another name", what,
		    config_shown(name, shown), where, line);
}

static void fail_duplicate_watch(struct reader *reader, const char *name)
{
	const struct watch_config *first = config_find_watch(reader->next, name);

	if (!first)
		first = config_find_watch(reader->base, name);
	fail_duplicate(reader, "watch", name, first->file, first->line);
}

static void fail_duplicate_owner(struct reader *reader, const char *name)
{
	const struct owner_config *first = config_find_owner(reader->next, name);

	if (!first)
		first = config_find_owner(reader->base, name);
	fail_duplicate(reader, "owner", name, first->file, first->line);
}

static void fail_token(struct reader *reader, const cfg_t *cfg, const char *token)
{
	char shown[CONFIG_SHOWN_SIZE];

	config_fail(reader->report, (unsigned)cfg->line, "unexpected '%s'; expected %s",
		    config_shown(token, shown),
		    *token == '{' ? "a single value, since this key takes no list"
				  : "KEY = VALUE, and commas between the values of a list");
}

/* How libconfuse's message starts, and how ours goes on after the word that it quotes. */
static const struct {
	const char *start, *ours;
} messages[] = {
	{"attempt to append", "takes a single value; expected '=' in place of '+='"},
	{"missing equal sign", "has no value; expected '= VALUE' after it"},
	{"missing opening brace",
	 "has no '{'; expected 'watch NAME {', 'owner NAME {', 'watchdog {' or 'probe {'"},
	{"missing title", "has no name; expected 'watch NAME {' or 'owner NAME {'"},
};

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static void fail_other(struct reader *reader, const cfg_t *cfg, const char *message,
		       const char *word)
{
	const char *ours = NULL;
	char shown[CONFIG_SHOWN_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(messages); i++)
		if (starts_with(message, messages[i].start))
			ours = messages[i].ours;
	if (ours)
		config_fail(reader->report, (unsigned)cfg->line, "'%s' %s",
			    config_shown(word, shown), ours);
	else
		config_fail(reader->report, (unsigned)cfg->line, "%s '%s'; expected KEY = VALUE",
			    message, config_shown(word, shown));
}

/* Cuts the message before the word that it quotes, and returns the word. */
static char *split_message(char *message)
{
	char *first = strchr(message, '\''), *last = strrchr(message, '\'');

	if (!first)
		return message + strlen(message);
	if (last > first)
		*last = '\0'; /* else the word was too long for the message */
	*first = '\0';
	return first + 1;
}

__attribute__((format(printf, 2, 0))) static void on_error(cfg_t *cfg, const char *format,
							   va_list ap)
{
	char message[MESSAGE_SIZE];
	const char *word;

	vsnprintf(message, sizeof(message), format, ap);
	word = split_message(message);
	if (starts_with(message, "no such option"))
		config_fail_unknown(current->report, (unsigned)cfg->line,
				    config_find_section(cfg->name), word);
	else if (starts_with(message, "unexpected token"))
		fail_token(current, cfg, word);
	else
		fail_other(current, cfg, message, word);
}

/* ---- sections ---- */

/* libconfuse tells of a section's end only, so a watch begins with the first key in it, or its end. */
static int enter_watch(struct reader *reader, const cfg_t *cfg)
{
	unsigned line = section_line(reader);
	char name[CONFIG_NAME_MAX + 1];
	int r;

	if (reader->open == cfg)
		return 0;
	r = config_check_name(reader->report, line, "a watch", cfg->title);
	if (r < 0)
		return r;
	if (config_names_have(&reader->names, cfg->title)) {
		fail_duplicate_watch(reader, cfg->title);
		return -EINVAL;
	}
	if (reader->base->watch_count + reader->next->watch_count >= CONFIG_WATCHES_MAX)
		return config_fail(reader->report, line, "too many watches; expected at most %d",
				   CONFIG_WATCHES_MAX);
	snprintf(name, sizeof(name), "%s", cfg->title);
	r = config_names_take(&reader->names, name);
	if (r == 0)
		r = config_add_watch(reader->next, cfg->title, reader->report->file, line);
	if (r < 0)
		return r;
	reader->open = cfg;
	reader->watch = &reader->next->watches[reader->next->watch_count - 1];
	return 0;
}

static int enter_owner(struct reader *reader, const cfg_t *cfg)
{
	unsigned line = section_line(reader);
	int r;

	if (reader->open == cfg)
		return 0;
	r = config_check_name(reader->report, line, "an owner", cfg->title);
	if (r < 0)
		return r;
	if (config_find_owner(reader->next, cfg->title) ||
	    config_find_owner(reader->base, cfg->title)) {
		fail_duplicate_owner(reader, cfg->title);
		return -EINVAL;
	}
	if (reader->base->owner_count + reader->next->owner_count >= CONFIG_OWNERS_MAX)
		return config_fail(reader->report, line, "too many owners; expected at most %d",
				   CONFIG_OWNERS_MAX);
	r = config_add_owner(reader->next, cfg->title, reader->report->file, line);
	if (r < 0)
		return r;
	reader->open = cfg;
	reader->owner = &reader->next->owners[reader->next->owner_count - 1];
	return 0;
}

static unsigned line_of(const struct config_section *section, const unsigned *lines,
			const char *key)
{
	return lines[config_find_key(section, key) - section->keys];
}

static void keep_watch_lines(const struct reader *reader)
{
	const struct config_section *section = &config_watch_section;
	const unsigned *lines = reader->section_lines;

	reader->watch->lines = (struct watch_lines){
		.path = line_of(section, lines, "path"),
		.command = line_of(section, lines, "command"),
		.user = line_of(section, lines, "user"),
		.directory = line_of(section, lines, "directory"),
		.critical = line_of(section, lines, "critical"),
		.on_exit = line_of(section, lines, "on_exit"),
		.on_restart = line_of(section, lines, "on_restart"),
		.on_give_up = line_of(section, lines, "on_give_up"),
		.on_hang = line_of(section, lines, "on_hang"),
	};
}

static void keep_owner_lines(const struct reader *reader)
{
	const struct config_section *section = &config_owner_section;
	const unsigned *lines = reader->section_lines;

	reader->owner->lines.ask = line_of(section, lines, "ask");
	reader->owner->lines.restart = line_of(section, lines, "restart");
	reader->owner->lines.start = line_of(section, lines, "start");
	reader->owner->lines.stop = line_of(section, lines, "stop");
}

/* It is not wrong: the first back-off is the longest then. */
static int warn_of_backoff(const struct reader *reader)
{
	unsigned line = line_of(&config_watch_section, reader->section_lines, "backoff_initial");
	const struct watch_config *watch = reader->watch;
	char initial[CLOCK_SPAN_SIZE], longest[CLOCK_SPAN_SIZE];

	if (!line || watch->backoff_initial_ns <= watch->backoff_max_ns)
		return 0;
	return config_warn(reader->next, reader->report->file, line,
			   "watch '%s': backoff_initial is %s, longer than backoff_max: %s is "
			   "waited each time",
			   watch->name, clock_span(watch->backoff_initial_ns, initial),
			   clock_span(watch->backoff_max_ns, longest));
}

/* A name that docker has given, or the twelve digits that it shows, are no id; of LXC they might be a name. */
static int warn_of_container(const struct reader *reader)
{
	unsigned line = line_of(&config_watch_section, reader->section_lines, "container");
	const char *glob = reader->watch->container_glob;
	size_t length;

	if (!line || !glob)
		return 0;
	length = strspn(glob, "0123456789abcdef");
	if (!glob[length] && length >= ID_SHORTEST && length < ID_DIGITS)
		return config_warn(reader->next, reader->report->file, line,
				   "watch '%s': container: an id has %d digits, '%s' has %zu; "
				   "expected '%s*'",
				   reader->watch->name, ID_DIGITS, glob, length, glob);
	if (config_is_runtime(glob))
		return config_warn(reader->next, reader->report->file, line,
				   "watch '%s': container: '%s' is a runtime, and compared with "
				   "ids and names; expected 'any', and a cgroup",
				   reader->watch->name, glob);
	return 0;
}

static int keep_place(const struct reader *reader, const char *key, char **ret)
{
	unsigned line = line_of(&config_watchdog_section, reader->section_lines, key);
	char shown[CONFIG_SHOWN_SIZE];

	if (line && asprintf(ret, "%s:%u", config_shown(reader->report->file, shown), line) < 0) {
		*ret = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* With so many sections in it. */
static void leave_section(struct reader *reader, size_t inner)
{
	memset(reader->section_lines, 0, sizeof(reader->section_lines));
	reader->section += 1 + inner;
}

/* What is read is not wanted any more, and libconfuse would look through all titles for each new one. */
static void drop_section(struct reader *reader, cfg_opt_t *opt)
{
	reader->open = NULL;
	cfg_opt_rmnsec(opt, cfg_opt_size(opt) - 1);
}

static void enter_probe(struct reader *reader, const cfg_t *cfg)
{
	if (reader->open_probe == cfg)
		return;
	config_probe_free(&reader->probe);
	config_probe_init(&reader->probe);
	memset(reader->probe_lines, 0, sizeof(reader->probe_lines));
	reader->open_probe = cfg;
}

static int take_probe(struct reader *reader, const cfg_t *watch)
{
	size_t before = probes_read(reader, watch);
	unsigned line = reader->scanned->openings[reader->section + 1 + before].line;
	int r = config_probe_check(reader->report, line, reader->probe_lines, &reader->probe);

	if (r >= 0)
		r = enter_watch(reader, watch);
	if (r >= 0 && before >= CONFIG_PROBES_MAX)
		return config_fail(reader->report, line,
				   "too many probes of one watch; expected at most %d",
				   CONFIG_PROBES_MAX);
	return r < 0 ? r : config_probe_append(reader->watch, &reader->probe);
}

/* The watch that it is in may have begun with it. */
static int on_probe_end(cfg_t *cfg, cfg_opt_t *opt)
{
	struct reader *reader = current;
	int r;

	enter_probe(reader, cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1));
	r = take_probe(reader, cfg);
	reader->open_probe = NULL;
	if (r == -ENOMEM)
		reader->error = r;
	return r < 0 ? -1 : 0;
}

static int on_watch_end(cfg_t *cfg, cfg_opt_t *opt)
{
	struct reader *reader = current;
	int r = enter_watch(reader, cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1));

	(void)cfg;
	if (r == -ENOMEM)
		reader->error = r;
	if (r < 0)
		return -1;
	if (!reader->watch->path.count && !reader->watch->cgroup.count) {
		config_fail(reader->report, section_line(reader),
			    "watch '%s' has neither path nor cgroup; expected one of them",
			    reader->watch->name);
		return -1;
	}
	keep_watch_lines(reader);
	if (warn_of_backoff(reader) < 0 || warn_of_container(reader) < 0) {
		reader->error = -ENOMEM;
		return -1;
	}
	leave_section(reader, reader->watch->probe_count);
	drop_section(reader, opt);
	return 0;
}

static int on_owner_end(cfg_t *cfg, cfg_opt_t *opt)
{
	struct reader *reader = current;
	int r = enter_owner(reader, cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1));

	(void)cfg;
	if (r == -ENOMEM)
		reader->error = r;
	if (r < 0)
		return -1;
	keep_owner_lines(reader);
	leave_section(reader, 0);
	drop_section(reader, opt);
	return 0;
}

static int on_watchdog_end(cfg_t *cfg, cfg_opt_t *opt)
{
	struct reader *reader = current;
	unsigned line = section_line(reader);

	(void)cfg;
	(void)opt;
	if (reader->watchdog_line) {
		config_fail(reader->report, line,
			    "a second watchdog section, after line %u; expected one in a file",
			    reader->watchdog_line);
		return -1;
	}
	if (keep_place(reader, "pretimeout", &reader->next->watchdog.pretimeout_place) < 0 ||
	    keep_place(reader, "on_starve", &reader->next->watchdog.on_starve_place) < 0) {
		reader->error = -ENOMEM;
		return -1;
	}
	reader->watchdog_line = line;
	leave_section(reader, 0);
	return 0;
}

/* ---- values ---- */

/* Notes where the key is set; a list goes on with the values behind its first. */
static int check_duplicate(struct reader *reader, const struct config_value *value, unsigned *set)
{
	if (*set && !value->position)
		return config_fail(reader->report, value->line,
				   "'%s' is set already, at line %u; expected it once", value->key,
				   *set);
	if (!*set)
		*set = value->line;
	return 0;
}

static int take_value(struct reader *reader, const cfg_t *cfg, const struct config_value *value)
{
	const struct config_section *section = config_find_section(cfg->name);
	const struct config_key *key = config_find_key(section, value->key);
	size_t index = (size_t)(key - section->keys);
	char *target = (char *)reader->next;
	unsigned *lines = reader->section_lines;
	int r = 0;

	if (section == &config_watch_section) {
		r = enter_watch(reader, cfg);
		target = (char *)reader->watch;
	} else if (section == &config_owner_section) {
		r = enter_owner(reader, cfg);
		target = (char *)reader->owner;
	} else if (section == &config_watchdog_section) {
		target = (char *)&reader->next->watchdog;
	} else if (section == &config_probe_section) {
		enter_probe(reader, cfg);
		target = (char *)&reader->probe;
		lines = reader->probe_lines;
	} else {
		lines = reader->file_lines;
	}
	if (r >= 0)
		r = check_duplicate(reader, value, &lines[index]);
	return r < 0 ? r : key->set(value, &key->limits, target + key->offset);
}

static int on_value(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result)
{
	struct config_value value = {
		.report = current->report,
		.line = (unsigned)cfg->line,
		.key = opt->name,
		.text = text,
		.position = opt->nvalues ? opt->nvalues - 1 : 0,
	};
	int r = take_value(current, cfg, &value);

	if (r < 0) {
		current->error = r == -ENOMEM ? r : 0;
		return -1;
	}
	*(const char **)result = text;
	return 0;
}

static void fill_options(cfg_opt_t *options, const struct config_section *section)
{
	for (size_t i = 0; i < section->count; i++) {
		cfg_flag_t list = section->keys[i].list ? CFGF_LIST : CFGF_NONE;

		options[i] = (cfg_opt_t)CFG_STR_CB(section->keys[i].name, NULL,
						   CFGF_NODEFAULT | list, on_value);
	}
	options[section->count] = (cfg_opt_t)CFG_END();
}

static cfg_t *new_parser(void)
{
	const cfg_flag_t titled = CFGF_MULTI | CFGF_TITLE;
	cfg_opt_t watch[CONFIG_KEYS_MAX + 2], watchdog[CONFIG_KEYS_MAX + 1];
	cfg_opt_t probe[CONFIG_KEYS_MAX + 1], owner[CONFIG_KEYS_MAX + 1];
	cfg_opt_t file[CONFIG_KEYS_MAX + CONFIG_SECTIONS];
	size_t count = config_file_section.count, in_watch = config_watch_section.count;
	cfg_t *cfg;

	fill_options(probe, &config_probe_section);
	fill_options(watch, &config_watch_section);
	watch[in_watch] = (cfg_opt_t)CFG_SEC("probe", probe, CFGF_MULTI);
	watch[in_watch].validcb = on_probe_end;
	watch[in_watch + 1] = (cfg_opt_t)CFG_END();
	fill_options(watchdog, &config_watchdog_section);
	fill_options(owner, &config_owner_section);
	fill_options(file, &config_file_section);
	file[count] = (cfg_opt_t)CFG_SEC("watch", watch, titled);
	file[count].validcb = on_watch_end;
	file[count + 1] = (cfg_opt_t)CFG_SEC("watchdog", watchdog, CFGF_NODEFAULT);
	file[count + 1].validcb = on_watchdog_end;
	file[count + 2] = (cfg_opt_t)CFG_SEC("owner", owner, titled);
	file[count + 2].validcb = on_owner_end;
	file[count + 3] = (cfg_opt_t)CFG_END();
	cfg = cfg_init(file, CFGF_NONE);
	if (cfg)
		cfg_set_error_function(cfg, on_error);
	return cfg;
}

int config_read(struct config_report *report, const struct config *base, struct config *next,
		const struct config_scanned *scanned)
{
	struct reader reader = {.report = report, .base = base, .next = next, .scanned = scanned};
	cfg_t *cfg;
	int r = config_names_of(base, &reader.names);

	if (r < 0)
		return r;
	cfg = new_parser();
	if (!cfg) {
		config_names_free(&reader.names);
		return -ENOMEM;
	}
	current = &reader;
	r = cfg_parse_buf(cfg, scanned->text);
	current = NULL;
	next->include_line = line_of(&config_file_section, reader.file_lines, "include");
	next->include_armourd_line = line_of(&config_file_section, reader.file_lines,
					     "include_armourd");
	cfg_free(cfg);
	config_probe_free(&reader.probe);
	config_names_free(&reader.names);
	if (r == CFG_SUCCESS)
		return 0;
	/* libconfuse fails without a word only when it has no memory. */
	return report->failed && !reader.error ? -EINVAL : -ENOMEM;
}
