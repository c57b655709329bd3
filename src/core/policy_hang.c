// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What lives and does not do its work is stopped; its death is answered when it comes (policy_death.c). */
#include "core/policy_internal.h"

#include <signal.h>
#include <stdio.h>

/* By SIGABRT, as systemd does: a core dump tells more than a hang. */
static void stop_hung(struct policy *policy, struct policy_output *out, uint64_t now)
{
	char text[POLICY_NOTE_SIZE];

	policy->hang.stopped = true;
	policy_begin_stop_by(policy, out, AFTER_HANG, SIGABRT, now);
	snprintf(text, sizeof(text), "hung: %.*s; stopped by SIGABRT", HANG_WORDS_SIZE,
		 policy->hang.words);
	policy_say_and_note(policy, out, text);
	out->verdict = VERDICT_STOP;
}

/* What cannot be brought back, or is not to be now, is left as it is: half a service may be better than none. */
static bool must_leave_hung(const struct policy *policy, const char *refusal, const char **ret_why)
{
	*ret_why = refusal ? refusal : "it is paused";
	return refusal || policy->paused;
}

/* Told again and again while it lasts. */
void policy_on_hung(struct policy *policy, struct policy_output *out,
		    const struct policy_input *input, uint64_t now)
{
	bool known = policy->hang.by != HANG_NONE, leave;
	uint64_t since = policy->hang.since_ns;
	char text[POLICY_NOTE_SIZE];
	const char *why;

	if (policy->state != POLICY_UP)
		return;
	leave = must_leave_hung(policy, input->death.refusal, &why);
	if (known && (leave || policy->observing))
		return;
	if (!known)
		since = now;
	policy->hang = input->hang;
	policy->hang.since_ns = since;
	if (!leave) {
		stop_hung(policy, out, now);
		return;
	}
	snprintf(text, sizeof(text), "hung: %.*s; not stopped: %.160s", HANG_WORDS_SIZE,
		 policy->hang.words, why);
	policy_say_and_note(policy, out, text);
	out->verdict = VERDICT_REPORT;
}

void policy_on_recovered(struct policy *policy, struct policy_output *out)
{
	if (policy->state != POLICY_UP || policy->hang.by == HANG_NONE)
		return;
	policy->hang.by = HANG_NONE;
	policy->note[0] = '\0';
	policy_say(out, "hangs no longer");
}

/* It runs, and will not be ready: that is a hang. */
void policy_on_start_timeout(struct policy *policy, struct policy_output *out, uint64_t now)
{
	char span[CLOCK_SPAN_SIZE];

	policy->hang = (struct policy_hang){
		.by = HANG_BY_NOTIFY, .since_ns = now, .for_ns = now - policy->up_since_ns};
	snprintf(policy->hang.words, sizeof(policy->hang.words), "no READY=1 for %s",
		 clock_span(policy->hang.for_ns, span));
	stop_hung(policy, out, now);
}
