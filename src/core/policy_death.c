// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a death means: is it wanted back, who takes over, and what is said of it. */
#include "core/policy_internal.h"

#include <stdio.h>
#include <string.h>

bool policy_is_success(const struct watch_config *config, uint32_t wait_status)
{
	return wait_status_is_clean(wait_status) ||
	       status_set_has(&config->success_exit_status, wait_status);
}

/* systemd's table of Restart=, for a watchdog's deaths. */
static bool restart_wants_hung(enum restart_when when)
{
	return when == RESTART_ALWAYS || when == RESTART_ON_FAILURE ||
	       when == RESTART_ON_ABNORMAL || when == RESTART_ON_WATCHDOG;
}

/* The same, for all others. */
static bool restart_wants(enum restart_when when, uint32_t wait_status, bool success)
{
	bool by_signal = wait_status_how(wait_status) != DEATH_EXITED;

	switch (when) {
	case RESTART_ALWAYS:
		return true;
	case RESTART_ON_SUCCESS:
		return success;
	case RESTART_ON_FAILURE:
		return !success;
	case RESTART_ON_ABNORMAL:
	case RESTART_ON_ABORT:
		return !success && by_signal;
	case RESTART_ON_WATCHDOG:
	case RESTART_NO:
	case _RESTART_WHEN_MAX:
		break;
	}
	return false;
}

static bool wants_respawn(const struct watch_config *config, uint32_t wait_status, bool success,
			  bool hung)
{
	if (status_set_has(&config->restart_prevent_exit_status, wait_status))
		return false;
	if (status_set_has(&config->restart_force_exit_status, wait_status))
		return true;
	return hung ? restart_wants_hung(config->restart)
		    : restart_wants(config->restart, wait_status, success);
}

bool policy_wants_respawn(const struct watch_config *config, uint32_t wait_status)
{
	return wants_respawn(config, wait_status, policy_is_success(config, wait_status), false);
}

/* lighttpd exits 1 on SIGTERM: who was asked to stop has ended well. Who had to be stopped has not. */
static bool ended_well(const struct watch_config *config, const struct policy_death *death)
{
	return !death->hung && (death->asked || policy_is_success(config, death->wait_status));
}

static bool is_wanted_back(const struct watch_config *config, const struct policy_death *death)
{
	return wants_respawn(config, death->wait_status, ended_well(config, death), death->hung);
}

/* Whatever it was asked; and a pause may be over by then. */
bool policy_may_stop_main(const struct policy *policy, uint32_t wait_status)
{
	const struct watch_config *config = policy->config;

	return policy->state == POLICY_UP && config->members_restart && !policy_is_owned(policy) &&
	       (policy_wants_respawn(config, wait_status) ||
		wants_respawn(config, wait_status, true, false));
}

/* The same of a main whose others are being stopped: when they are gone. */
static void end_with_others(struct policy *policy, struct policy_output *out,
			    const struct policy_death *death, uint64_t now)
{
	if (policy->state == POLICY_STOPPING && death->members)
		policy->after = AFTER_END;
	else
		policy_end(policy, out, now);
}

static void end_without_respawn(struct policy *policy, struct policy_output *out,
				const struct policy_death *death, uint64_t now)
{
	const struct watch_config *config = policy->config;
	char text[POLICY_NOTE_SIZE];

	end_with_others(policy, out, death, now);
	if (status_set_has(&config->restart_prevent_exit_status, death->wait_status))
		snprintf(text, sizeof(text), "not respawned: restart_prevent_exit_status has it");
	else if (config->restart != RESTART_NO && death->asked && !death->hung)
		snprintf(text, sizeof(text),
			 "stopped as it was asked to: not respawned (restart = %s)",
			 restart_when_name(config->restart));
	else if (config->restart != RESTART_NO && ended_well(config, death))
		snprintf(text, sizeof(text), "ended well: not respawned (restart = %s)",
			 restart_when_name(config->restart));
	else
		snprintf(text, sizeof(text), "not respawned: restart = %s",
			 restart_when_name(config->restart));
	policy_say_and_note(policy, out, text);
}

/* Failure or a success that is wanted back: the table of what a death means, once the heirs are ruled
 * out. */
static void answer_death(struct policy *policy, struct policy_output *out,
			 const struct policy_death *death, uint64_t now)
{
	const struct watch_config *config = policy->config;
	char why[96], span[CLOCK_SPAN_SIZE], limit[CLOCK_SPAN_SIZE];

	if (death->ended_by) {
		policy_end(policy, out, now);
		policy_say(out, "stopped by %s: not respawned", death->ended_by);
		policy_say_and_note(policy, out, out->detail);
		return;
	}
	if (!is_wanted_back(config, death)) {
		end_without_respawn(policy, out, death, now);
		return;
	}
	if (death->refusal) {
		end_with_others(policy, out, death, now);
		policy_say(out, "not respawned: %s", death->refusal);
		policy_say_and_note(policy, out, out->detail);
		out->verdict = VERDICT_REPORT;
		return;
	}
	if (policy_is_owned(policy)) {
		policy_turn_to_owner(policy, out, death, now);
		return;
	}
	if (config->min_uptime_ns && death->lived_ns < config->min_uptime_ns) {
		snprintf(why, sizeof(why), "lived %s, less than %s (min_uptime)",
			 clock_span(death->lived_ns, span),
			 clock_span(config->min_uptime_ns, limit));
		policy_bury(policy, out, now, death->members, why);
		return;
	}
	if (!policy_plan_respawn(policy, out, 0, now, death->members))
		return;
	if (death->members) {
		out->verdict = VERDICT_STOP_MEMBERS;
		policy_say(out, "%u of its processes live%s on: stopped, then %s", death->members,
			   death->members == 1 ? "s" : "",
			   policy->paused ? "held: it is paused" : "respawned");
		policy_begin_stop(policy, out, AFTER_RESPAWN, now);
		return;
	}
	policy_respawn_when_ready(policy, out, now);
}

static bool hand_over(struct policy *policy, struct policy_output *out,
		      const struct policy_death *death)
{
	const struct watch_config *config = policy->config;
	bool success = ended_well(config, death);

	if (death->wait_status == 0 && !death->asked && death->has_fork_heir &&
	    death->lived_ns <= config->start_timeout_ns) {
		policy_add(out, (struct policy_action){.kind = ACTION_TAKE_HEIR});
		policy_say(out, "went into the background: its child is the main process now");
	} else if (success && death->has_exec_heir) {
		policy_add(out, (struct policy_action){.kind = ACTION_TAKE_EXEC_HEIR});
		policy_say(out, "handed over to its successor");
	} else {
		return false;
	}
	policy->headless = false;
	out->verdict = VERDICT_HAND_OVER;
	return true;
}

/* What matters of a parent that leaves is what it leaves behind: where that has failed already, so has the start.
 * Returns false if there is no such thing. */
static bool answer_failed_start(struct policy *policy, struct policy_output *out,
				const struct policy_death *death, uint64_t now)
{
	struct policy_death background = *death;
	char words[WAIT_STATUS_WORDS_SIZE], plan[POLICY_NOTE_SIZE];

	background.wait_status = death->background_status;
	if (!death->background_pid || death->wait_status || death->asked || death->members ||
	    death->lived_ns > policy->config->start_timeout_ns ||
	    policy_is_success(policy->config, background.wait_status))
		return false;
	answer_death(policy, out, &background, now);
	memcpy(plan, out->detail, sizeof(plan));
	policy_say(out, "pid %u, which it had sent into the background, %s: %.200s",
		   death->background_pid, wait_status_words(death->background_status, words), plan);
	return true;
}

static const char *const stop_reasons[] = {
	[AFTER_DOWN] = "stopped by the operator",
	[AFTER_START] = "stopped by the operator to be restarted",
	[AFTER_RESPAWN] = "stopped to be respawned",
	[AFTER_BURY] = "stopped to be buried",
	[AFTER_HANG] = "stopped since it hung",
	[AFTER_END] = "stopped since it hung",
};

/* What main died of may have been somebody else's death. */
static void say_why_stopped(const struct policy *policy, struct policy_output *out)
{
	char words[WAIT_STATUS_WORDS_SIZE];

	if (policy->member_pid)
		policy_say(out, "%s: its member %u %s (members = restart)",
			   stop_reasons[policy->after], policy->member_pid,
			   wait_status_words(policy->member_status, words));
	else
		policy_say(out, "%s", stop_reasons[policy->after]);
}

static void answer_hang_death(struct policy *policy, struct policy_output *out,
			      const struct policy_death *death, uint64_t now)
{
	struct policy_death hung = *death;

	hung.hung = true;
	policy->after = AFTER_END;
	policy_reset_attempts(policy, now);
	answer_death(policy, out, &hung, now);
}

void policy_on_main_died(struct policy *policy, struct policy_output *out,
			 const struct policy_death *death, uint64_t now)
{
	policy->headless = true;
	switch (policy->state) {
	case POLICY_UP:
		policy_reset_attempts(policy, now);
		__attribute__((fallthrough));
	case POLICY_STARTING:
	case POLICY_READYING:
		if (!hand_over(policy, out, death) && !answer_failed_start(policy, out, death, now))
			answer_death(policy, out, death, now);
		return;
	case POLICY_STOPPING:
		if (policy->after == AFTER_HANG)
			answer_hang_death(policy, out, death, now);
		else
			say_why_stopped(policy, out);
		return;
	case POLICY_EXPECTED:
	case POLICY_RESTARTING:
		if (policy->replacing)
			policy_say(out, "%s", stop_reasons[AFTER_START]);
		policy->replacing = false;
		return;
	case POLICY_WAITING:
	case POLICY_ASKING:
	case POLICY_ENDED:
	case POLICY_BURIED:
	case POLICY_DOWN:
	case _POLICY_STATE_MAX:
		return; /* has no main */
	}
}

void policy_on_member_died(struct policy *policy, struct policy_output *out,
			   const struct policy_death *death, uint64_t now)
{
	if (policy->state != POLICY_UP || !policy->config->members_restart ||
	    !is_wanted_back(policy->config, death))
		return;
	if (death->refusal) {
		policy_say(out, "not respawned: %s", death->refusal);
		out->verdict = VERDICT_REPORT;
		return;
	}
	if (policy->paused) { /* main is up: to stop it, and then hold it down, helps nobody */
		policy_say(out, "not respawned: it is paused");
		out->verdict = VERDICT_REPORT;
		return;
	}
	if (policy_is_owned(policy)) { /* to restart what runs is not ours */
		policy_say(out, "not respawned: it belongs to its owner %s", policy->owner.name);
		out->verdict = VERDICT_REPORT;
		return;
	}
	policy_reset_attempts(policy, now);
	if (policy_plan_respawn(policy, out, 0, now, true)) {
		out->verdict = VERDICT_STOP_MEMBERS;
		policy_begin_stop(policy, out, AFTER_RESPAWN, now);
	}
	policy->member_pid = death->pid;
	policy->member_status = death->wait_status;
}
