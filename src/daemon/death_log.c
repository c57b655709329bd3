// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The sentence on a death: into obitd's own log, and with all that is known into the system's. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/daemon.h"

/* Of the entries on watched processes that died; obitd(8) promises it. */
#define MESSAGE_ID "1b8a3deaf04647ffb4d5523725958767"

void death_log_open(struct daemon *daemon)
{
	static const struct journal_options options = {
		.identifier = "obitd",
		.socket = JOURNAL_DEFAULT_SOCKET,
		.syslog = JOURNAL_DEFAULT_SYSLOG,
	};
	int r = journal_open(&options, &daemon->journal);

	if (r < 0)
		log_error("no obituaries for the system's log: no socket: %s", strerror(-r));
	daemon->stderr_is_journal = journal_is_stream(STDERR_FILENO);
}

void death_log_close(struct daemon *daemon)
{
	journal_close(daemon->journal);
}

/* Said once when it begins and once when it ends. */
static void count_loss(struct daemon *daemon, int result)
{
	bool losing = result < 0;

	daemon->counters.journal_lost += losing;
	if (losing == daemon->journal_losing)
		return;
	daemon->journal_losing = losing;
	if (losing)
		log_warning("the system's log takes no obituaries: %s; until it does they are only "
			    "counted (journal_lost)",
			    strerror(-result));
	else
		log_notice("the system's log takes obituaries again; %" PRIu64
			   " have been lost so far",
			   daemon->counters.journal_lost);
}

/* Whoever reads the log may be slow, and the loop must not wait for him: a storm is cut short. */
#define WINDOW	       (10 * NS_PER_SEC)
#define LINES_A_WINDOW 1000

static bool has_room(struct log_window *window, uint64_t now_ns)
{
	if (now_ns - window->began_ns > WINDOW) {
		if (window->held)
			log_notice("%u deaths were not told here", window->held);
		*window = (struct log_window){.began_ns = now_ns};
	}
	if (window->lines++ < LINES_A_WINDOW)
		return true;
	if (!window->held++)
		log_notice("more than %u deaths in 10s: the next ones are told by obit alone",
			   LINES_A_WINDOW);
	return false;
}

/* Whether what goes to the system's log goes to where obitd's own lines go. */
static bool is_own_log(const struct daemon *daemon)
{
	if (!daemon->journal || daemon->config.journal != JOURNAL_AUTO)
		return false;
	return daemon->stderr_is_journal || log_get_sink() == LOG_SINK_SYSLOG;
}

static void make_sentence(const struct obituary *obituary, char buf[static DEATH_SENTENCE_SIZE])
{
	char raw[DEATH_SENTENCE_SIZE];

	render_death_sentence(obituary, raw);
	text_printable(buf, DEATH_SENTENCE_SIZE, raw, strlen(raw));
}

static void log_death(const struct obituary *obituary)
{
	char sentence[DEATH_SENTENCE_SIZE];

	make_sentence(obituary, sentence);
	log_line(render_death_level(obituary), "%s", sentence);
}

void death_log_line(struct daemon *daemon, const struct obituary *obituary)
{
	int level = render_death_level(obituary);

	if (level > log_get_level() || (level <= LOG_NOTICE && is_own_log(daemon)))
		return;
	if (has_room(&daemon->log_window, clock_running_ns()))
		log_death(obituary);
}

void death_log_entry(struct daemon *daemon, const struct obituary *obituary,
		     struct json_object *json)
{
	int receiver, level = render_death_level(obituary);
	char sentence[DEATH_SENTENCE_SIZE];
	struct journal_fields fields;

	if (level > LOG_NOTICE || level > log_get_level() || !daemon->journal ||
	    daemon->config.journal != JOURNAL_AUTO)
		return;
	journal_fields_of(json, &fields);
	fields.items[fields.count++] = (struct journal_field){"MESSAGE_ID", MESSAGE_ID};
	make_sentence(obituary, sentence);
	receiver = journal_send(daemon->journal, level, sentence, fields.items, fields.count);
	count_loss(daemon, receiver);
	/* Withheld before, and not taken now. */
	if (receiver <= JOURNAL_NOBODY && is_own_log(daemon))
		log_death(obituary);
}
