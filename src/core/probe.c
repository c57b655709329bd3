// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/probe.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

void probe_init(struct probe *probe, const struct probe_config *config)
{
	*probe = (struct probe){.config = config, .state = PROBE_RESTING};
}

static enum probe_action begin(struct probe *probe, uint64_t now)
{
	if (probe->state != PROBE_RESTING)
		return PROBE_NOTHING;
	probe_init(probe, probe->config);
	probe->state = PROBE_WAITING;
	probe->due_ns = now + probe->config->grace_ns;
	return PROBE_NOTHING;
}

static enum probe_action end(struct probe *probe)
{
	bool checking = probe->state == PROBE_CHECKING;

	probe_init(probe, probe->config);
	return checking ? PROBE_CANCEL : PROBE_NOTHING;
}

static enum probe_action on_timer(struct probe *probe, uint64_t now)
{
	if (probe->state != PROBE_WAITING || now < probe->due_ns)
		return PROBE_NOTHING;
	probe->state = PROBE_CHECKING;
	probe->began_ns = now;
	return PROBE_CHECK;
}

static enum probe_action on_result(struct probe *probe, const struct probe_input *input,
				   uint64_t now)
{
	bool was_hung = probe_is_hung(probe);

	if (probe->state != PROBE_CHECKING)
		return PROBE_NOTHING; /* of a life that is over */
	probe->state = PROBE_WAITING;
	probe->due_ns = probe->began_ns + probe->config->interval_ns;
	if (input->kind == PROBE_INPUT_LATER)
		return PROBE_NOTHING;
	probe->told_ns = now;
	probe->unable = input->kind == PROBE_INPUT_UNABLE;
	snprintf(probe->words, sizeof(probe->words), "%s", input->words ? input->words : "");
	if (probe->unable)
		return PROBE_NOTHING;
	if (input->kind == PROBE_INPUT_PASSED) {
		probe->failures = 0;
		return was_hung ? PROBE_RECOVERS : PROBE_NOTHING;
	}
	if (probe->failures < UINT_MAX)
		probe->failures++;
	return probe_is_hung(probe) ? PROBE_HUNG : PROBE_NOTHING;
}

enum probe_action probe_step(struct probe *probe, const struct probe_input *input, uint64_t now_ns)
{
	switch (input->kind) {
	case PROBE_INPUT_BEGIN:
		return begin(probe, now_ns);
	case PROBE_INPUT_END:
		return end(probe);
	case PROBE_INPUT_TIMER:
		return on_timer(probe, now_ns);
	case PROBE_INPUT_PASSED:
	case PROBE_INPUT_FAILED:
	case PROBE_INPUT_UNABLE:
	case PROBE_INPUT_LATER:
		return on_result(probe, input, now_ns);
	case _PROBE_INPUT_MAX:
		break;
	}
	return PROBE_NOTHING;
}

uint64_t probe_due_ns(const struct probe *probe)
{
	return probe->state == PROBE_WAITING ? probe->due_ns : 0;
}

bool probe_is_hung(const struct probe *probe)
{
	return probe->failures && probe->failures >= probe->config->threshold;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool probe_config_same(const struct probe_config *a, const struct probe_config *b)
{
	return a->type == b->type && same_text(a->target, b->target) &&
	       same_text(a->expect, b->expect) && same_text(a->user, b->user) &&
	       a->interval_ns == b->interval_ns && a->timeout_ns == b->timeout_ns &&
	       a->threshold == b->threshold && a->grace_ns == b->grace_ns;
}

/* A target that is too long is cut, and not what is told of it. */
const char *probe_sentence(const struct probe *probe, char *buf, size_t size)
{
	const char *target = probe->config->target;
	char shown[PROBE_SENTENCE_SIZE], times[40] = "";
	size_t length, room;
	int rest;

	if (probe->failures > 1 && !probe->unable)
		snprintf(times, sizeof(times), " (%u times in a row)", probe->failures);
	length = text_printable(shown, sizeof(shown), target, strlen(target));
	rest = snprintf(buf, size, ": %s%s%s", probe->unable ? "could not be checked: " : "",
			probe->words, times);
	room = (size_t)rest + 1 < size ? size - (size_t)rest - 1 : 0;
	snprintf(buf, size, "%.*s%s: %s%s%s",
		 (int)(length <= room ? length
		       : room < 3     ? 0
				      : room - 3),
		 shown, length <= room ? "" : "...", probe->unable ? "could not be checked: " : "",
		 probe->words, times);
	return buf;
}

const char *probe_brief(const struct probe *probe, char buf[static PROBE_SENTENCE_SIZE])
{
	if (probe->failures <= probe->config->threshold)
		snprintf(buf, PROBE_SENTENCE_SIZE, "probe failing %u of %u", probe->failures,
			 probe->config->threshold);
	else
		snprintf(buf, PROBE_SENTENCE_SIZE, "probe failing, %u times in a row",
			 probe->failures);
	return buf;
}
