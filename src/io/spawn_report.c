// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a child says on its way to its program, as the daemon reads it. */
#include "io/spawn_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STAGE_WORDS(name, words, fatal) [STAGE_##name] = {words, fatal},
const struct spawn_stage spawn_stages[] = {STAGES(STAGE_WORDS)};

/* It was written in one piece with its message, and so can be read. */
static void take_refusal(int report_fd, struct spawn_report *report)
{
	struct spawn_refusal refusal;

	report->refused = true;
	if (read(report_fd, &refusal, sizeof(refusal)) != sizeof(refusal))
		return;
	snprintf(report->text, sizeof(report->text), "%.*s", (int)sizeof(refusal.sentence) - 1,
		 refusal.sentence);
}

static void take_message(const struct spawn_message *message, struct spawn_report *report)
{
	const char *words = spawn_stages[message->stage].words;
	size_t used = strlen(report->notices);

	if (message->stage == STAGE_BORN) {
		report->pid = message->error;
	} else if (spawn_stages[message->stage].fatal) {
		report->execed = false;
		report->error = message->error;
		snprintf(report->text, sizeof(report->text), "cannot %s: %s", words,
			 strerror(message->error));
	} else if (!strstr(report->notices, words)) {
		snprintf(report->notices + used, sizeof(report->notices) - used, "%scannot %s: %s",
			 used ? "; " : "", words, strerror(message->error));
	}
}

void spawn_report_init(struct spawn_report *report)
{
	*report = (struct spawn_report){.execed = true};
}

bool spawn_report_read(int report_fd, struct spawn_report *report)
{
	struct spawn_message message;
	ssize_t n;

	for (;;) {
		n = read(report_fd, &message, sizeof(message));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return false;
		if (n != sizeof(message) || message.stage < 0 || message.stage >= _STAGE_MAX)
			break;
		take_message(&message, report);
		if (message.stage == STAGE_TRUST)
			take_refusal(report_fd, report);
		if (!report->execed)
			return true; /* it leaves now */
	}
	if (!report->pid && report->execed) { /* the spawner died, or was never heard */
		report->execed = false;
		report->error = ECHILD;
		snprintf(report->text, sizeof(report->text), "the spawner made no child");
	}
	return true;
}
