// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* obit log */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/protocol.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/death.h"
#include "cli/history.h"
#include "cli/value.h"
#include "cli/when.h"

#define DAY_SIZE sizeof("2026-11-21")

struct log {
	const struct invocation *inv;
	struct reply reply;	      /* the daemon's answer, or why there is none */
	const char *directory;	      /* of the history; NULL: there is none */
	struct json_object *pending;  /* what is not in it yet; borrowed from the reply */
	struct death_set pending_set; /* the same */
	bool found;		      /* something was there to read */
	bool printed;		      /* a death, and above it the headings */
	char day[DAY_SIZE];	      /* that the reader takes the next line for */
	size_t watch_width;
};

/* ---- printing ---- */

static void today(char buf[static DAY_SIZE])
{
	time_t now = (time_t)(clock_wall_ns() / NS_PER_SEC);
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(buf, DAY_SIZE, "%Y-%m-%d", &tm);
}

/* The lines have the time of day alone: a day that is not today's stands above its deaths. */
static void print_day(struct log *log, struct json_object *death)
{
	const char *time = member_word(death, "time");
	uint64_t ns;

	if (!when_parse(time, &ns) || strspn(time, "0123456789-") < DAY_SIZE - 1 ||
	    strncmp(time, log->day, DAY_SIZE - 1) == 0)
		return;
	snprintf(log->day, sizeof(log->day), "%s", time);
	term_print(stdout, &log->inv->term, STYLE_DIM, log->day);
	putchar('\n');
}

static void print_line(struct log *log, struct json_object *death)
{
	death_line_measure(&log->inv->term, &log->watch_width, death);
	if (log->inv->term.interactive && !log->printed)
		death_headings(stdout, &log->inv->term, log->watch_width);
	print_day(log, death);
	death_line(stdout, &log->inv->term, &log->watch_width, death);
}

static void print_death(struct log *log, struct json_object *death)
{
	if (option_given(log->inv, OPTION_JSON))
		json_print(stdout, death, false);
	else
		print_line(log, death);
	log->printed = true;
}

/* ---- choosing ---- */

static bool is_asked_for(const struct log *log, struct json_object *death)
{
	const struct invocation *inv = log->inv;
	uint64_t time;

	if (inv->watch && strcmp(member_word(death, "watch"), inv->watch) != 0)
		return false;
	return !option_given(inv, OPTION_SINCE) ||
	       (when_parse(member_word(death, "time"), &time) && time >= inv->since_ns);
}

/* Of those on disk. What the daemon has given us and written meanwhile comes with the rest of the daemon's. */
static bool is_wanted(struct json_object *death, void *arg)
{
	struct log *log = arg;

	if (!log->found && log->reply.exit != OBIT_EXIT_OK)
		log_warning("%s; this is what is on disk in %s", log->reply.error, log->directory);
	log->found = true;
	return is_asked_for(log, death) && !death_set_has(&log->pending_set, death);
}

static void print_if_wanted(struct json_object *death, void *arg)
{
	if (is_wanted(death, arg))
		print_death(arg, death);
}

/* As they come, since there may be many. */
static int print_all(struct log *log)
{
	int r = log->directory ? history_each(log->directory, print_if_wanted, log) : 0;

	for (size_t i = 0; i < array_length(log->pending); i++)
		if (is_asked_for(log, array_item(log->pending, i)))
			print_death(log, array_item(log->pending, i));
	return r;
}

static int print_newest(struct log *log, size_t most)
{
	_cleanup_json_ struct json_object *deaths = NULL;
	int r = 0;

	if (log->directory)
		r = history_read(log->directory, is_wanted, log, most, &deaths);
	if (!deaths)
		deaths = json_object_new_array();
	for (size_t i = 0; i < array_length(log->pending); i++)
		if (is_asked_for(log, array_item(log->pending, i)))
			json_object_array_add(deaths, json_object_get(array_item(log->pending, i)));
	history_trim(deaths, most);
	for (size_t i = 0; i < array_length(deaths); i++)
		print_death(log, array_item(deaths, i));
	return r;
}

/* ---- the two sources ---- */

static bool is_same_directory(const char *a, const char *b)
{
	struct stat x, y;

	return strcmp(a, b) == 0 || (stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
				     x.st_ino == y.st_ino);
}

/* Before the files are read: what it writes meanwhile is in both then, and not in neither. */
static void ask_daemon(struct log *log)
{
	const struct invocation *inv = log->inv;
	struct request request = {.command = "log", .count = -1, .shape = json_type_object};
	const char *its;

	if (ask_quietly(inv, &request, &log->reply, NULL) != OBIT_EXIT_OK) {
		log->directory = inv->state_dir ? inv->state_dir : OBIT_DEFAULT_STATE_DIR;
		return;
	}
	its = member_word(log->reply.data, "state_dir");
	log->directory = inv->state_dir ? inv->state_dir : *its ? its : NULL;
	/* The history of somebody else is without what this daemon has. */
	if (inv->state_dir && !is_same_directory(inv->state_dir, its))
		return;
	log->pending = member_array(log->reply.data, "pending");
	for (size_t i = 0; i < array_length(log->pending); i++)
		death_set_add(&log->pending_set, array_item(log->pending, i));
}

static int tell_failure(const struct log *log, int r)
{
	if (r == -EACCES || r == -EPERM)
		log_error("%s: permission denied (root and the group " OBIT_READERS_GROUP
			  " may read the history)",
			  log->directory);
	else
		log_error("%s: the history cannot be read: %s", log->directory, strerror(-r));
	return OBIT_EXIT_FAILED;
}

/* Neither on disk, nor a daemon whose history that is. */
static int tell_absence(const struct log *log)
{
	if (log->reply.exit != OBIT_EXIT_OK) {
		log_error("%s, and there is no history in %s", log->reply.error, log->directory);
		return log->reply.exit;
	}
	log_error("there is no history in %s", log->directory);
	return OBIT_EXIT_FAILED;
}

/* Nothing at all looks like a failure to a reader, and is what a program expects. */
static void tell_if_none(const struct log *log)
{
	bool chosen = log->inv->watch || option_given(log->inv, OPTION_SINCE);

	if (!log->printed && !option_given(log->inv, OPTION_JSON))
		log_warning(chosen ? "no such death is known" : "no death is known yet");
}

static int print_log(struct log *log)
{
	const struct invocation *inv = log->inv;
	int r = 0;

	if (!option_given(inv, OPTION_COUNT))
		r = print_all(log);
	else
		r = print_newest(log, (size_t)inv->count);
	if (r < 0)
		return tell_failure(log, r);
	if (log->found || log->pending) {
		tell_if_none(log);
		return OBIT_EXIT_OK;
	}
	return tell_absence(log);
}

int cmd_log(const struct invocation *inv)
{
	struct log log = {.inv = inv};
	int status;

	if (option_given(inv, OPTION_COUNT) && !inv->count)
		return OBIT_EXIT_OK;
	today(log.day);
	ask_daemon(&log);
	status = print_log(&log);
	death_set_release(&log.pending_set);
	reply_release(&log.reply);
	return status;
}
