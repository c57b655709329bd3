// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/policy.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/protocol.h"

#define POLICY_STATE_WORD(name, word) [POLICY_##name] = (word),
static const char *const state_names[] = {POLICY_STATES(POLICY_STATE_WORD)};
_Static_assert(ARRAY_SIZE(state_names) == _POLICY_STATE_MAX, "a word for each state");

static const char *const verdict_names[] = {
	[VERDICT_NONE] = "none",	   [VERDICT_RESPAWN] = "respawn",
	[VERDICT_HAND_OVER] = "hand-over", [VERDICT_STOP_MEMBERS] = "stop-members",
	[VERDICT_BURY] = "bury",	   [VERDICT_REPORT] = "report",
	[VERDICT_ASK_OWNER] = "ask-owner", [VERDICT_RESTART_BY_OWNER] = "restart-by-owner",
	[VERDICT_STOP] = "stop",
};
_Static_assert(ARRAY_SIZE(verdict_names) == _POLICY_VERDICT_MAX, "a word for each verdict");

static const char *const hang_by_names[] = {
	[HANG_NONE] = "none",
	[HANG_BY_NOTIFY] = "notify",
	[HANG_BY_PROGRESS] = "progress",
	[HANG_BY_PROBE] = "probe",
};
_Static_assert(ARRAY_SIZE(hang_by_names) == _HANG_BY_MAX, "a word for each witness");

const char *policy_state_name(enum policy_state state)
{
	return state_names[state];
}

const char *policy_verdict_name(enum policy_verdict verdict)
{
	return verdict_names[verdict];
}

const char *hang_by_name(enum hang_by by)
{
	return hang_by_names[by];
}

static int allocate_starts(const struct watch_config *config, uint64_t **ret)
{
	*ret = NULL;
	if (!config->start_limit_burst)
		return 0;
	*ret = calloc(config->start_limit_burst, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

int policy_init(struct policy *policy, const struct watch_config *config, uint64_t seed)
{
	uint64_t *starts;
	int r = allocate_starts(config, &starts);

	if (r < 0)
		return r;
	*policy = (struct policy){
		.config = config,
		.state = POLICY_DOWN,
		.gone = true,
		.random = seed | 1,
		.starts = starts,
		.start_capacity = config->start_limit_burst,
	};
	return 0;
}

void policy_free(struct policy *policy)
{
	free(policy->starts);
	policy->starts = NULL;
}

size_t policy_starts(const struct policy *policy, uint64_t *ret, size_t room)
{
	size_t count = policy->start_count < room ? policy->start_count : room;

	for (size_t i = 0; i < count; i++)
		ret[i] = policy->starts[(policy->start_next + policy->start_capacity - count + i) %
					policy->start_capacity];
	return count;
}

int policy_set_config(struct policy *policy, const struct watch_config *config)
{
	size_t room = config->start_limit_burst;
	uint64_t *starts;
	int r;

	if (room != policy->start_capacity) {
		r = allocate_starts(config, &starts);
		if (r < 0)
			return r;
		policy->start_count = policy_starts(policy, starts, room);
		policy->start_next = room ? policy->start_count % room : 0;
		free(policy->starts);
		policy->starts = starts;
		policy->start_capacity = room;
	}
	policy->config = config;
	return 0;
}

static bool makes_sense(const struct policy *kept)
{
	return (unsigned)kept->state < _POLICY_STATE_MAX && (unsigned)kept->after <= AFTER_END &&
	       (unsigned)kept->hang.by < _HANG_BY_MAX &&
	       memchr(kept->hang.words, '\0', sizeof(kept->hang.words)) &&
	       memchr(kept->note, '\0', sizeof(kept->note)) &&
	       memchr(kept->owner.name, '\0', sizeof(kept->owner.name));
}

int policy_restore(struct policy *policy, const struct policy *kept, const uint64_t *starts,
		   size_t count)
{
	const struct policy fresh = *policy;
	size_t room = fresh.start_capacity, first = count > room ? count - room : 0;

	if (!makes_sense(kept))
		return -EBADMSG;
	*policy = *kept;
	policy->config = fresh.config;
	policy->random |= 1;
	policy->observing = fresh.observing;
	policy->starts = fresh.starts;
	policy->start_capacity = room;
	policy->start_count = count - first;
	policy->start_next = room ? policy->start_count % room : 0;
	if (room)
		memcpy(policy->starts, starts + first, policy->start_count * sizeof(*starts));
	return 0;
}

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

/* ---- small helpers of the step ---- */

static void add(struct policy_output *out, struct policy_action action)
{
	if (out->count < POLICY_MAX_ACTIONS)
		out->actions[out->count++] = action;
}

__attribute__((format(printf, 2, 3))) static void say(struct policy_output *out, const char *fmt,
						      ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out->detail, sizeof(out->detail), fmt, ap);
	va_end(ap);
}

static void say_and_note(struct policy *policy, struct policy_output *out, const char *text)
{
	snprintf(policy->note, sizeof(policy->note), "%s", text);
	if (out->detail != text)
		say(out, "%s", text);
}

static void arm(struct policy *policy, struct policy_output *out, uint64_t deadline_ns)
{
	if (policy->deadline_ns == deadline_ns)
		return;
	policy->deadline_ns = deadline_ns;
	add(out, (struct policy_action){.kind = ACTION_TIMER, .deadline_ns = deadline_ns});
}

static void enter(struct policy *policy, enum policy_state state, uint64_t now)
{
	policy->state = state;
	if (state == POLICY_UP)
		policy->down_since_ns = 0;
	else if (!policy->down_since_ns)
		policy->down_since_ns = now;
}

/* xorshift64: good enough to spread respawns, and reproducible from the seed. */
static uint64_t next_random(struct policy *policy)
{
	uint64_t x = policy->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return policy->random = x;
}

/* The first respawn is immediate; the n-th after it waits initial * factor^(n-1), at most max, give or
 * take the jitter. */
static uint64_t backoff(struct policy *policy)
{
	const struct watch_config *config = policy->config;
	double delay = (double)config->backoff_initial_ns;
	double unit, limit = (double)config->backoff_max_ns;
	bool grows = delay > 0 && config->backoff_factor > 1;

	if (policy->attempt == 0)
		return 0;
	for (unsigned i = 1; grows && i < policy->attempt && delay < limit; i++)
		delay *= config->backoff_factor;
	if (delay > limit)
		delay = limit;
	unit = (double)(next_random(policy) >> 11) / (double)(UINT64_C(1) << 53);
	delay *= 1 + config->backoff_jitter * (2 * unit - 1);
	return (uint64_t)delay;
}

static void record_start(struct policy *policy, uint64_t now)
{
	if (!policy->start_capacity)
		return;
	policy->starts[policy->start_next] = now;
	policy->start_next = (policy->start_next + 1) % policy->start_capacity;
	if (policy->start_count < policy->start_capacity)
		policy->start_count++;
}

/* What was found had begun before that, but counts in the order of the others: the oldest is looked at. */
static void record_found(struct policy *policy, uint64_t began, uint64_t now)
{
	uint64_t newest = 0;

	policy_starts(policy, &newest, 1);
	if (began < newest)
		began = newest;
	record_start(policy, began < now ? began : now);
}

static void forget_start(struct policy *policy)
{
	if (!policy->start_count)
		return;
	policy->start_next = (policy->start_next + policy->start_capacity - 1) %
			     policy->start_capacity;
	policy->start_count--;
}

/* True if one more start at `when` would be more than start_limit_burst in start_limit_interval. */
static bool start_limit_hit(const struct policy *policy, uint64_t when)
{
	uint64_t oldest;

	if (!policy->start_capacity || policy->start_count < policy->start_capacity)
		return false;
	oldest = policy->starts[policy->start_next];
	return when - oldest < policy->config->start_limit_interval_ns;
}

static void forget_past(struct policy *policy)
{
	policy->attempt = 0;
	policy->start_count = policy->start_next = 0;
	policy->note[0] = '\0';
}

void policy_forget_attempts(struct policy *policy)
{
	policy->attempt = 0;
}

static bool is_owned(const struct policy *policy)
{
	return *policy->owner.name;
}

/* Nothing stands in the way of a start: what is left of the old life is an owner's own business. */
static bool is_free(const struct policy *policy)
{
	return policy->gone || is_owned(policy);
}

/* ---- what a state does ---- */

static void begin_stop_by(struct policy *policy, struct policy_output *out, enum policy_after after,
			  int signal, uint64_t now)
{
	enter(policy, POLICY_STOPPING, now);
	policy->after = after;
	policy->member_pid = 0;
	add(out, (struct policy_action){.kind = ACTION_KILL, .signal = signal});
	arm(policy, out, now + policy->config->kill_timeout_ns);
}

/* What is being stopped already is left to the signal that it has got. */
static void begin_stop(struct policy *policy, struct policy_output *out, enum policy_after after,
		       uint64_t now)
{
	if (policy->state == POLICY_STOPPING)
		policy->after = after;
	else
		begin_stop_by(policy, out, after, policy->config->kill_signal, now);
}

/* An operator's stop: by its owner, who would start it again otherwise. */
static void stop_for_operator(struct policy *policy, struct policy_output *out,
			      enum policy_after after, uint64_t now)
{
	policy->replacing = false;
	if (!is_owned(policy) || !policy->owner.stops) {
		begin_stop(policy, out, after, now);
		say(out, after == AFTER_DOWN ? "stopping" : "restarting");
		return;
	}
	enter(policy, POLICY_STOPPING, now);
	policy->after = after;
	policy->member_pid = 0;
	policy->owner_stops = true;
	arm(policy, out, 0);
	add(out, (struct policy_action){.kind = ACTION_STOP_BY_OWNER});
	say(out, "its owner %s is told to stop it", policy->owner.name);
}

/* Gives up. What still lives of the instance is stopped first: half a service is none. */
static void bury(struct policy *policy, struct policy_output *out, uint64_t now, bool others,
		 const char *why)
{
	char text[POLICY_NOTE_SIZE];

	snprintf(text, sizeof(text), "buried: %s", why);
	if (others) {
		begin_stop(policy, out, AFTER_BURY, now);
	} else {
		arm(policy, out, 0);
		enter(policy, POLICY_BURIED, now);
	}
	say_and_note(policy, out, text);
	out->verdict = VERDICT_BURY;
}

static void spawn(struct policy *policy, struct policy_output *out, uint64_t now, bool automatic)
{
	arm(policy, out, 0);
	policy->automatic = automatic;
	record_start(policy, now);
	if (is_owned(policy)) {
		enter(policy, POLICY_RESTARTING, now);
		add(out, (struct policy_action){.kind = ACTION_RESTART_BY_OWNER});
		return;
	}
	policy->gone = false;
	enter(policy, POLICY_STARTING, now);
	add(out, (struct policy_action){.kind = ACTION_SPAWN});
}

bool policy_is_held(const struct policy *policy)
{
	return policy->paused && policy->state == POLICY_WAITING;
}

void policy_describe_hold(const struct policy *policy, uint64_t now_ns,
			  char buf[static POLICY_NOTE_SIZE])
{
	uint64_t until = policy->paused_until_ns;
	char span[CLOCK_SPAN_SIZE];

	if (until)
		snprintf(buf, POLICY_NOTE_SIZE, "paused: respawn is held for %s",
			 clock_span(until > now_ns ? until - now_ns : 0, span));
	else
		snprintf(buf, POLICY_NOTE_SIZE, "paused: respawn is held until resumed");
}

/* Respawns as soon as the time has come and nothing of the old life is left. */
static void respawn_when_ready(struct policy *policy, struct policy_output *out, uint64_t now)
{
	if (policy->paused) {
		enter(policy, POLICY_WAITING, now);
		arm(policy, out, policy->paused_until_ns);
		snprintf(policy->note, sizeof(policy->note), "paused: respawn is held");
		return;
	}
	if (is_free(policy) && now >= policy->respawn_at_ns) {
		spawn(policy, out, now, true);
		return;
	}
	enter(policy, POLICY_WAITING, now);
	arm(policy, out, now >= policy->respawn_at_ns ? 0 : policy->respawn_at_ns);
}

/* Sets respawn_at_ns, not before `at_least` from now, and says when; or buries. Returns false if it
 * buried. */
static bool plan_respawn(struct policy *policy, struct policy_output *out, uint64_t at_least,
			 uint64_t now, bool others)
{
	const struct watch_config *config = policy->config;
	char why[96], span[CLOCK_SPAN_SIZE];
	uint64_t delay;

	if (config->max_restarts && policy->restarts >= config->max_restarts) {
		snprintf(why, sizeof(why), "respawned %u times already (max_restarts)",
			 config->max_restarts);
		bury(policy, out, now, others, why);
		return false;
	}
	if (policy->paused) { /* nothing is counted: end_pause() begins anew */
		policy_describe_hold(policy, now, out->detail);
		out->verdict = VERDICT_RESPAWN;
		return true;
	}
	delay = backoff(policy);
	if (delay < at_least)
		delay = at_least;
	if (start_limit_hit(policy, now + delay)) {
		snprintf(why, sizeof(why), "more than %u starts in %s (start_limit_burst)",
			 config->start_limit_burst,
			 clock_span(config->start_limit_interval_ns, span));
		bury(policy, out, now, others, why);
		return false;
	}
	policy->attempt++;
	policy->respawn_at_ns = now + delay;
	if (delay)
		say(out, "%s in %s (attempt %u)", is_owned(policy) ? "restart" : "respawn",
		    clock_span(delay, span), policy->attempt);
	else
		say(out, is_owned(policy) ? "restarted at once" : "respawned at once");
	snprintf(policy->note, sizeof(policy->note), "%s", delay ? out->detail : "");
	out->verdict = is_owned(policy) ? VERDICT_RESTART_BY_OWNER : VERDICT_RESPAWN;
	return true;
}

static void end(struct policy *policy, struct policy_output *out, uint64_t now)
{
	arm(policy, out, 0);
	enter(policy, POLICY_ENDED, now);
	policy->attempt = 0;
}

/* The same of a main whose others are being stopped: when they are gone. */
static void end_with_others(struct policy *policy, struct policy_output *out,
			    const struct policy_death *death, uint64_t now)
{
	if (policy->state == POLICY_STOPPING && death->members)
		policy->after = AFTER_END;
	else
		end(policy, out, now);
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
	say_and_note(policy, out, text);
}

/* ---- the owner ---- */

#define ASK_PATIENCE_NS (60 * NS_PER_SEC)
#define ASK_FIRST_NS	(100 * NS_PER_MS)
#define ASK_LAST_NS	(5 * NS_PER_SEC)
#define ASK_TWICE_NS	(2 * NS_PER_SEC) /* supervisord decides once a second */

static void report(struct policy *policy, struct policy_output *out, uint64_t now)
{
	end(policy, out, now);
	say_and_note(policy, out, out->detail);
	out->verdict = VERDICT_REPORT;
}

static void ask_owner(struct policy *policy, struct policy_output *out, uint64_t now)
{
	enter(policy, POLICY_ASKING, now);
	policy->questions++;
	add(out, (struct policy_action){.kind = ACTION_ASK_OWNER});
}

/* Has its owner restart it, within obit's own limits. */
static void restart_by_owner(struct policy *policy, struct policy_output *out, uint64_t now)
{
	char plan[POLICY_NOTE_SIZE];

	if (policy->owner.untold) {
		say(out,
		    "not respawned: its owner %s does not restart it, and has no command to be "
		    "told with",
		    policy->owner.name);
		report(policy, out, now);
		return;
	}
	if (policy->too_young) {
		bury(policy, out, now, false, "lived less than min_uptime");
		return;
	}
	if (!plan_respawn(policy, out, 0, now, false))
		return;
	snprintf(plan, sizeof(plan), "%s", out->detail);
	say(out, "by its owner %s: %.200s", policy->owner.name, plan);
	respawn_when_ready(policy, out, now);
}

static void turn_to_owner(struct policy *policy, struct policy_output *out,
			  const struct policy_death *death, uint64_t now)
{
	policy->too_young = death->lived_ns < policy->config->min_uptime_ns;
	policy->denied = policy->told = false;
	policy->questions = 0;
	policy->asking_since_ns = now;
	if (policy->owner.unasked) {
		restart_by_owner(policy, out, now);
		return;
	}
	arm(policy, out, 0);
	ask_owner(policy, out, now);
	say(out, "its owner %s is asked whether it restarts it", policy->owner.name);
	say_and_note(policy, out, out->detail);
	out->verdict = VERDICT_ASK_OWNER;
}

/* Longer and longer, until it is clear that it does not tell. */
static void ask_again(struct policy *policy, struct policy_output *out, uint64_t at_least,
		      uint64_t now)
{
	unsigned doublings = policy->questions < 10 ? policy->questions - 1 : 9;
	uint64_t delay = ASK_FIRST_NS << doublings;

	if (delay > ASK_LAST_NS)
		delay = ASK_LAST_NS;
	if (now - policy->asking_since_ns >= ASK_PATIENCE_NS) {
		say(out, "not respawned: its owner %s does not say whether it restarts it",
		    policy->owner.name);
		report(policy, out, now);
		return;
	}
	arm(policy, out, now + (delay < at_least ? at_least : delay));
}

static void take_no(struct policy *policy, struct policy_output *out, uint64_t now)
{
	bool first = !policy->denied;

	policy->denied = true;
	if (first && policy->owner.twice)
		ask_again(policy, out, ASK_TWICE_NS, now);
	else
		restart_by_owner(policy, out, now);
}

static void take_answer(struct policy *policy, struct policy_output *out,
			const struct policy_input *input, uint64_t now)
{
	const char *name = policy->owner.name;

	switch (input->answer) {
	case OWNER_SAYS_WAIT:
		ask_again(policy, out, 0, now);
		return;
	case OWNER_SAYS_NO:
		take_no(policy, out, now);
		return;
	case OWNER_SAYS_RESTARTS:
		arm(policy, out, 0);
		enter(policy, POLICY_EXPECTED, now);
		say(out, "its owner %s restarts it", name);
		say_and_note(policy, out, out->detail);
		out->verdict = VERDICT_REPORT;
		return;
	case OWNER_SAYS_STOPPING:
		say(out, "its owner %s stops it: not respawned", name);
		report(policy, out, now);
		out->verdict = VERDICT_NONE;
		return;
	case OWNER_SAYS_RUNS_ON:
		say(out, "not respawned: its owner %s runs on without it", name);
		report(policy, out, now);
		return;
	case OWNER_SAYS_NOTHING:
	case _OWNER_ANSWER_MAX:
		say(out, "not respawned: whether its owner %s restarts it cannot be told%s%.200s",
		    name, input->words ? ": " : "", input->words ? input->words : "");
		report(policy, out, now);
		return;
	}
}

/* Failure or a success that is wanted back: the table of what a death means, once the heirs are ruled
 * out. */
static void answer_death(struct policy *policy, struct policy_output *out,
			 const struct policy_death *death, uint64_t now)
{
	const struct watch_config *config = policy->config;
	char why[96], span[CLOCK_SPAN_SIZE], limit[CLOCK_SPAN_SIZE];

	if (death->ended_by) {
		end(policy, out, now);
		say(out, "stopped by %s: not respawned", death->ended_by);
		say_and_note(policy, out, out->detail);
		return;
	}
	if (!is_wanted_back(config, death)) {
		end_without_respawn(policy, out, death, now);
		return;
	}
	if (death->refusal) {
		end_with_others(policy, out, death, now);
		say(out, "not respawned: %s", death->refusal);
		say_and_note(policy, out, out->detail);
		out->verdict = VERDICT_REPORT;
		return;
	}
	if (is_owned(policy)) {
		turn_to_owner(policy, out, death, now);
		return;
	}
	if (config->min_uptime_ns && death->lived_ns < config->min_uptime_ns) {
		snprintf(why, sizeof(why), "lived %s, less than %s (min_uptime)",
			 clock_span(death->lived_ns, span),
			 clock_span(config->min_uptime_ns, limit));
		bury(policy, out, now, death->members, why);
		return;
	}
	if (!plan_respawn(policy, out, 0, now, death->members))
		return;
	if (death->members) {
		out->verdict = VERDICT_STOP_MEMBERS;
		say(out, "%u of its processes live%s on: stopped, then %s", death->members,
		    death->members == 1 ? "s" : "",
		    policy->paused ? "held: it is paused" : "respawned");
		begin_stop(policy, out, AFTER_RESPAWN, now);
		return;
	}
	respawn_when_ready(policy, out, now);
}

static bool hand_over(struct policy *policy, struct policy_output *out,
		      const struct policy_death *death)
{
	const struct watch_config *config = policy->config;
	bool success = ended_well(config, death);

	if (death->wait_status == 0 && !death->asked && death->has_fork_heir &&
	    death->lived_ns <= config->start_timeout_ns) {
		add(out, (struct policy_action){.kind = ACTION_TAKE_HEIR});
		say(out, "went into the background: its child is the main process now");
	} else if (success && death->has_exec_heir) {
		add(out, (struct policy_action){.kind = ACTION_TAKE_EXEC_HEIR});
		say(out, "handed over to its successor");
	} else {
		return false;
	}
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
	say(out, "pid %u, which it had sent into the background, %s: %.200s", death->background_pid,
	    wait_status_words(death->background_status, words), plan);
	return true;
}

/* ---- inputs, one function each; all states are named in each ---- */

/* Somebody started it. */
static void come_up(struct policy *policy, struct policy_output *out, uint64_t began, uint64_t now)
{
	policy->owner_stops = false;
	record_found(policy, began, now);
	arm(policy, out, 0);
	policy->hang.by = HANG_NONE;
	enter(policy, POLICY_UP, now);
}

/* Back-off and start limits count what its owner does by itself, too. */
static void on_started_by_owner(struct policy *policy, struct policy_output *out, uint64_t began,
				uint64_t now)
{
	bool told = policy->state == POLICY_RESTARTING ||
		    (policy->state == POLICY_EXPECTED && policy->told);

	policy->replacing = false;
	if (!told) {
		policy->attempt++;
		come_up(policy, out, began, now);
		return;
	}
	policy->restarts += policy->automatic;
	arm(policy, out, 0);
	policy->hang.by = HANG_NONE;
	enter(policy, POLICY_UP, now);
}

static void on_started(struct policy *policy, struct policy_output *out, uint64_t began,
		       uint64_t now)
{
	policy->gone = false;
	policy->up_since_ns = now;
	policy->note[0] = '\0';
	switch (policy->state) {
	case POLICY_STARTING: /* its own child, seen before its exec was confirmed */
		return;
	case POLICY_STOPPING: /* goes on stopping, unless its owner wants otherwise */
		if (!is_owned(policy))
			return;
		come_up(policy, out, began, now);
		return;
	case POLICY_ASKING:
	case POLICY_EXPECTED:
	case POLICY_RESTARTING:
		on_started_by_owner(policy, out, began, now);
		return;
	case POLICY_UP:
	case POLICY_READYING:
	case POLICY_WAITING:
	case POLICY_ENDED:
	case POLICY_BURIED:
	case POLICY_DOWN:
		/* Somebody started it, and was faster than the back-off or does not need it. */
		come_up(policy, out, began, now);
		return;
	case _POLICY_STATE_MAX:
		return;
	}
}

static void reset_attempts(struct policy *policy, uint64_t now)
{
	if (now - policy->up_since_ns >= policy->config->backoff_reset_ns)
		policy->attempt = 0;
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
		say(out, "%s: its member %u %s (members = restart)", stop_reasons[policy->after],
		    policy->member_pid, wait_status_words(policy->member_status, words));
	else
		say(out, "%s", stop_reasons[policy->after]);
}

static void answer_hang_death(struct policy *policy, struct policy_output *out,
			      const struct policy_death *death, uint64_t now)
{
	struct policy_death hung = *death;

	hung.hung = true;
	policy->after = AFTER_END;
	reset_attempts(policy, now);
	answer_death(policy, out, &hung, now);
}

static void on_main_died(struct policy *policy, struct policy_output *out,
			 const struct policy_death *death, uint64_t now)
{
	switch (policy->state) {
	case POLICY_UP:
		reset_attempts(policy, now);
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
			say(out, "%s", stop_reasons[AFTER_START]);
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

static void on_member_died(struct policy *policy, struct policy_output *out,
			   const struct policy_death *death, uint64_t now)
{
	if (policy->state != POLICY_UP || !policy->config->members_restart ||
	    !is_wanted_back(policy->config, death))
		return;
	if (death->refusal) {
		say(out, "not respawned: %s", death->refusal);
		out->verdict = VERDICT_REPORT;
		return;
	}
	if (policy->paused) { /* main is up: to stop it, and then hold it down, helps nobody */
		say(out, "not respawned: it is paused");
		out->verdict = VERDICT_REPORT;
		return;
	}
	if (is_owned(policy)) { /* to restart what runs is not ours */
		say(out, "not respawned: it belongs to its owner %s", policy->owner.name);
		out->verdict = VERDICT_REPORT;
		return;
	}
	reset_attempts(policy, now);
	if (plan_respawn(policy, out, 0, now, true)) {
		out->verdict = VERDICT_STOP_MEMBERS;
		begin_stop(policy, out, AFTER_RESPAWN, now);
	}
	policy->member_pid = death->pid;
	policy->member_status = death->wait_status;
}

/* By SIGABRT, as systemd does: a core dump tells more than a hang. */
static void stop_hung(struct policy *policy, struct policy_output *out, uint64_t now)
{
	char text[POLICY_NOTE_SIZE];

	policy->hang.stopped = true;
	begin_stop_by(policy, out, AFTER_HANG, SIGABRT, now);
	snprintf(text, sizeof(text), "hung: %.*s; stopped by SIGABRT", HANG_WORDS_SIZE,
		 policy->hang.words);
	say_and_note(policy, out, text);
	out->verdict = VERDICT_STOP;
}

/* What cannot be brought back, or is not to be now, is left as it is: half a service may be better than none. */
static bool must_leave_hung(const struct policy *policy, const char *refusal, const char **ret_why)
{
	*ret_why = refusal ? refusal : "it is paused";
	return refusal || policy->paused;
}

/* Told again and again while it lasts. */
static void on_hung(struct policy *policy, struct policy_output *out,
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
	say_and_note(policy, out, text);
	out->verdict = VERDICT_REPORT;
}

static void on_recovered(struct policy *policy, struct policy_output *out)
{
	if (policy->state != POLICY_UP || policy->hang.by == HANG_NONE)
		return;
	policy->hang.by = HANG_NONE;
	policy->note[0] = '\0';
	say(out, "hangs no longer");
}

/* Nothing is left of what was to be stopped. */
static void finish_stop(struct policy *policy, struct policy_output *out, uint64_t now)
{
	policy->owner_stops = false;
	if (policy->after == AFTER_DOWN) {
		arm(policy, out, 0);
		enter(policy, POLICY_DOWN, now);
		say_and_note(policy, out, "stopped by the operator");
	} else if (policy->after == AFTER_BURY) {
		arm(policy, out, 0);
		enter(policy, POLICY_BURIED, now);
	} else if (policy->after == AFTER_HANG || policy->after == AFTER_END) {
		end(policy, out, now);
	} else if (policy->after == AFTER_START) {
		spawn(policy, out, now, false);
	} else {
		respawn_when_ready(policy, out, now);
	}
}

static void on_all_gone(struct policy *policy, struct policy_output *out, uint64_t now)
{
	policy->gone = true;
	switch (policy->state) {
	case POLICY_WAITING:
		respawn_when_ready(policy, out, now);
		return;
	case POLICY_STOPPING:
		/* Its owner's command comes to its end before the next one. */
		if (!policy->owner_stops || policy->after == AFTER_DOWN)
			finish_stop(policy, out, now);
		return;
	case POLICY_UP:
	case POLICY_STARTING:
	case POLICY_READYING:
	case POLICY_ASKING:
	case POLICY_EXPECTED:
	case POLICY_RESTARTING:
	case POLICY_ENDED:
	case POLICY_BURIED:
	case POLICY_DOWN:
	case _POLICY_STATE_MAX:
		return;
	}
}

/* Its owner was told to restart what runs, and that runs still. */
static void stay_up(struct policy *policy, struct policy_output *out, uint64_t now)
{
	policy->replacing = false;
	arm(policy, out, 0);
	enter(policy, POLICY_UP, now);
	say_and_note(policy, out, out->detail);
}

/* It is to be asked once more, or did not do in time what it was told to. */
static void on_owner_timer(struct policy *policy, struct policy_output *out, uint64_t now)
{
	if (policy->state == POLICY_ASKING) {
		ask_owner(policy, out, now);
		return;
	}
	say(out, "its owner %s was told to restart it, and nothing came", policy->owner.name);
	if (policy->replacing)
		stay_up(policy, out, now);
	else
		report(policy, out, now);
}

/* It runs, and will not be ready: that is a hang. */
static void on_start_timeout(struct policy *policy, struct policy_output *out, uint64_t now)
{
	char span[CLOCK_SPAN_SIZE];

	policy->hang = (struct policy_hang){
		.by = HANG_BY_NOTIFY, .since_ns = now, .for_ns = now - policy->up_since_ns};
	snprintf(policy->hang.words, sizeof(policy->hang.words), "no READY=1 for %s",
		 clock_span(policy->hang.for_ns, span));
	stop_hung(policy, out, now);
}

/* What SIGKILL does not end at once is in the kernel's hands: trying again is for the log. */
#define KILL_RETRY_MIN_NS NS_PER_SEC

static void on_timer(struct policy *policy, struct policy_output *out, uint64_t now)
{
	uint64_t again = policy->config->kill_timeout_ns;

	if (!policy->deadline_ns || now < policy->deadline_ns)
		return; /* an old one, cancelled meanwhile */
	policy->deadline_ns = 0;
	if (policy->state == POLICY_WAITING) {
		respawn_when_ready(policy, out, now);
	} else if (policy->state == POLICY_ASKING || policy->state == POLICY_EXPECTED) {
		on_owner_timer(policy, out, now);
	} else if (policy->state == POLICY_READYING) {
		on_start_timeout(policy, out, now);
	} else if (policy->state == POLICY_STOPPING) {
		add(out, (struct policy_action){.kind = ACTION_KILL, .signal = SIGKILL});
		arm(policy, out, now + (again > KILL_RETRY_MIN_NS ? again : KILL_RETRY_MIN_NS));
		say(out, "kill_timeout has passed: SIGKILL");
	}
}

static void on_spawned(struct policy *policy, struct policy_output *out, uint64_t now)
{
	/* Stopped before it was there to be signalled. */
	if (policy->state == POLICY_STOPPING) {
		policy->gone = false;
		add(out, (struct policy_action){.kind = ACTION_KILL,
						.signal = policy->config->kill_signal});
	}
	if (policy->state != POLICY_STARTING)
		return;
	policy->gone = false;
	policy->up_since_ns = now;
	policy->note[0] = '\0';
	policy->hang.by = HANG_NONE;
	if (policy->automatic)
		policy->restarts++;
	enter(policy, policy->config->notify ? POLICY_READYING : POLICY_UP, now);
	if (policy->state == POLICY_READYING) {
		arm(policy, out, now + policy->config->start_timeout_ns);
		snprintf(policy->note, sizeof(policy->note), "waits for its READY=1");
	}
}

static void on_ready(struct policy *policy, struct policy_output *out, uint64_t now)
{
	if (policy->state != POLICY_READYING)
		return;
	arm(policy, out, 0);
	policy->note[0] = '\0';
	enter(policy, POLICY_UP, now);
}

/* What hangs is not given more time to stop: it may say anything. */
static bool may_extend(const struct policy *policy)
{
	bool hangs = policy->hang.by != HANG_NONE && policy->hang.stopped;

	return policy->state == POLICY_READYING ||
	       (policy->state == POLICY_STOPPING && policy->deadline_ns && !hangs);
}

/* Never to an earlier end than the one that it has. */
static void on_extend(struct policy *policy, struct policy_output *out, uint64_t until_ns)
{
	if (may_extend(policy) && until_ns > policy->deadline_ns)
		arm(policy, out, until_ns);
}

/* The caller may answer ACTION_SPAWN before policy_step() returns to its loop: a retry at once would be
 * a recursion without end. */
#define SPAWN_RETRY_MIN_NS (100 * NS_PER_MS)

/* What is no fault of the program: a missing or busy binary is a package being upgraded, and a host may be short
 * of memory, descriptors, processes or a file system for a moment. It waits, and does not count as a start. */
static bool is_passing(int error)
{
	switch (error) {
	case ENOENT:
	case ETXTBSY:
	case EAGAIN:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ECHILD:	/* the spawner was killed */
	case ETIMEDOUT: /* a file system did not answer */
		return true;
	default:
		return false;
	}
}

static const char *awaited(int error)
{
	if (error == ENOENT || error == ETXTBSY)
		return "its executable";
	return error == ETIMEDOUT ? "a file system" : "resources";
}

static void retry_spawn(struct policy *policy, struct policy_output *out, int error, uint64_t now)
{
	char text[POLICY_NOTE_SIZE];
	uint64_t delay;
	bool again;

	policy->gone = true;
	if (is_passing(error)) {
		forget_start(policy);
		policy->attempt++;
		delay = backoff(policy);
		policy->respawn_at_ns = now +
					(delay > SPAWN_RETRY_MIN_NS ? delay : SPAWN_RETRY_MIN_NS);
		snprintf(text, sizeof(text), "waits for %s: %s", awaited(error), strerror(error));
		say_and_note(policy, out, text);
		respawn_when_ready(policy, out, now);
		return;
	}
	again = plan_respawn(policy, out, SPAWN_RETRY_MIN_NS, now, false);
	snprintf(text, sizeof(text), "could not be started: %s; %.200s", strerror(error),
		 out->detail);
	say_and_note(policy, out, text);
	if (again)
		respawn_when_ready(policy, out, now);
}

static void on_spawn_failed(struct policy *policy, struct policy_output *out, int error,
			    uint64_t now)
{
	if (policy->state == POLICY_STOPPING)
		on_all_gone(policy, out, now); /* there is nothing that could be stopped */
	else if (policy->state == POLICY_STARTING)
		retry_spawn(policy, out, error, now);
}

static void on_owner_said(struct policy *policy, struct policy_output *out,
			  const struct policy_input *input, uint64_t now)
{
	if (policy->state == POLICY_ASKING && !policy->deadline_ns)
		take_answer(policy, out, input, now);
}

/* It need not have waited for that. */
static void owner_has_stopped(struct policy *policy, struct policy_output *out, uint64_t now)
{
	policy->owner_stops = false;
	if (policy->gone)
		finish_stop(policy, out, now);
	else
		arm(policy, out, now + policy->config->kill_timeout_ns);
}

static void on_owner_done(struct policy *policy, struct policy_output *out, uint64_t now)
{
	if (policy->state == POLICY_STOPPING && policy->owner_stops) {
		owner_has_stopped(policy, out, now);
		return;
	}
	if (policy->state != POLICY_RESTARTING)
		return;
	enter(policy, POLICY_EXPECTED, now);
	policy->told = true;
	say(out, "its owner %s was told to restart it", policy->owner.name);
	say_and_note(policy, out, out->detail);
	arm(policy, out, now + policy->config->start_timeout_ns);
}

/* What was to be stopped runs on, unless it has ended all the same. */
static void owner_cannot(struct policy *policy, struct policy_output *out, const char *what,
			 const char *words, uint64_t now)
{
	bool ended = policy->gone && policy->owner_stops;

	policy->owner_stops = false;
	if (ended) {
		finish_stop(policy, out, now);
		return;
	}
	say(out, "its owner %s could not %s it: %.200s", policy->owner.name, what,
	    words ? words : "its command failed");
	stay_up(policy, out, now);
}

static void on_owner_failed(struct policy *policy, struct policy_output *out, const char *words,
			    uint64_t now)
{
	char text[POLICY_NOTE_SIZE];

	if (policy->state == POLICY_STOPPING && policy->owner_stops) {
		owner_cannot(policy, out, "stop", words, now);
		return;
	}
	if (policy->state != POLICY_RESTARTING)
		return;
	if (policy->replacing) {
		owner_cannot(policy, out, "restart", words, now);
		return;
	}
	if (!plan_respawn(policy, out, SPAWN_RETRY_MIN_NS, now, false))
		return;
	snprintf(text, sizeof(text), "its owner %s could not restart it: %.120s; %.80s",
		 policy->owner.name, words ? words : "its command failed", out->detail);
	say_and_note(policy, out, text);
	respawn_when_ready(policy, out, now);
}

static void refuse(struct policy_output *out, const char *why)
{
	out->refused = true;
	say(out, "%s", why);
}

static void on_stop(struct policy *policy, struct policy_output *out, uint64_t now)
{
	switch (policy->state) {
	case POLICY_UP:
	case POLICY_STARTING:
	case POLICY_READYING:
		stop_for_operator(policy, out, AFTER_DOWN, now);
		return;
	case POLICY_STOPPING:
		policy->after = AFTER_DOWN;
		say(out, "stopping");
		return;
	case POLICY_ASKING:
	case POLICY_EXPECTED:
	case POLICY_RESTARTING:
		if (policy->owner.stops || policy->replacing) {
			stop_for_operator(policy, out, AFTER_DOWN, now);
			return;
		}
		arm(policy, out, 0);
		enter(policy, POLICY_DOWN, now);
		say_and_note(policy, out, "stopped by the operator");
		return;
	case POLICY_WAITING:
	case POLICY_ENDED:
	case POLICY_BURIED:
		if (!policy->gone && policy->state != POLICY_WAITING) { /* members live on */
			begin_stop(policy, out, AFTER_DOWN, now);
			say(out, "stopping");
			return;
		}
		arm(policy, out, 0);
		enter(policy, POLICY_DOWN, now);
		say_and_note(policy, out, "stopped by the operator");
		return;
	case POLICY_DOWN:
		say(out, "is down already");
		return;
	case _POLICY_STATE_MAX:
		return;
	}
}

static void on_start(struct policy *policy, struct policy_output *out, uint64_t now)
{
	switch (policy->state) {
	case POLICY_UP:
	case POLICY_STARTING:
	case POLICY_READYING:
	case POLICY_RESTARTING:
		say(out, "is running already");
		return;
	case POLICY_STOPPING:
		policy->after = AFTER_START;
		say(out, "starts when the old processes are gone");
		return;
	case POLICY_WAITING:
	case POLICY_ASKING:
	case POLICY_EXPECTED:
	case POLICY_ENDED:
	case POLICY_BURIED:
	case POLICY_DOWN:
		forget_past(policy);
		policy->respawn_at_ns = now;
		say(out, "starting");
		if (is_free(policy)) {
			spawn(policy, out, now, false);
		} else {
			begin_stop(policy, out, AFTER_START, now);
		}
		return;
	case _POLICY_STATE_MAX:
		return;
	}
}

static void replace_by_owner(struct policy *policy, struct policy_output *out, uint64_t now)
{
	policy->replacing = true;
	spawn(policy, out, now, false);
	say(out, "its owner %s is told to restart it", policy->owner.name);
}

static void on_restart(struct policy *policy, struct policy_output *out, uint64_t now)
{
	switch (policy->state) {
	case POLICY_UP:
	case POLICY_STARTING:
	case POLICY_READYING:
		forget_past(policy);
		if (is_owned(policy) && policy->owner.restarts)
			replace_by_owner(policy, out, now);
		else
			stop_for_operator(policy, out, AFTER_START, now);
		return;
	case POLICY_STOPPING:
	case POLICY_RESTARTING:
	case POLICY_WAITING:
	case POLICY_ASKING:
	case POLICY_EXPECTED:
	case POLICY_ENDED:
	case POLICY_BURIED:
	case POLICY_DOWN:
		on_start(policy, out, now);
		return;
	case _POLICY_STATE_MAX:
		return;
	}
}

static void on_revive(struct policy *policy, struct policy_output *out, uint64_t now)
{
	if (policy->state == POLICY_BURIED)
		on_start(policy, out, now);
	else
		refuse(out, "is not buried");
}

/* What was held comes back as by an operator's start, with back-off and start limits as at first. */
static void end_pause(struct policy *policy, uint64_t now)
{
	bool comes_back = policy->state == POLICY_WAITING ||
			  (policy->state == POLICY_STOPPING && policy->after == AFTER_RESPAWN);

	policy->paused = false;
	policy->paused_until_ns = 0;
	if (!comes_back)
		return;
	forget_past(policy);
	policy->respawn_at_ns = now;
}

static void on_pause(struct policy *policy, struct policy_output *out, uint64_t until, uint64_t now)
{
	policy->paused = true;
	policy->paused_until_ns = until;
	say(out, "paused");
	switch (policy->state) {
	case POLICY_WAITING:
		respawn_when_ready(policy, out, now);
		return;
	case POLICY_UP:
	case POLICY_ASKING:
	case POLICY_EXPECTED:
	case POLICY_RESTARTING:
	case POLICY_STARTING: /* what is on its way arrives */
	case POLICY_READYING:
	case POLICY_STOPPING: /* held when all is gone */
	case POLICY_ENDED:
	case POLICY_BURIED:
	case POLICY_DOWN:
	case _POLICY_STATE_MAX:
		return;
	}
}

static void on_resume(struct policy *policy, struct policy_output *out, uint64_t now)
{
	if (!policy->paused) {
		say(out, "is not paused");
		return;
	}
	end_pause(policy, now);
	say(out, "resumed");
	switch (policy->state) {
	case POLICY_WAITING:
		respawn_when_ready(policy, out, now);
		return;
	case POLICY_UP:
	case POLICY_ASKING:
	case POLICY_EXPECTED:
	case POLICY_RESTARTING:
	case POLICY_STARTING:
	case POLICY_READYING:
	case POLICY_STOPPING:
	case POLICY_ENDED:
	case POLICY_BURIED:
	case POLICY_DOWN:
	case _POLICY_STATE_MAX:
		return;
	}
}

/* ---- after another daemon ---- */

void policy_abandon(struct policy *policy, const char *why, uint64_t now_ns)
{
	policy->deadline_ns = 0;
	policy->attempt = 0;
	enter(policy, POLICY_ENDED, now_ns);
	snprintf(policy->note, sizeof(policy->note), "not respawned: %s", why);
}

/* ---- observing ---- */

/* Decided and told, but not done: after a main it is over, until somebody else starts it; after a member, or
 * while it hangs, it runs on. Starts and attempts are counted as they come, so that the next decision is a true one. */
static void leave_undone(struct policy *policy, struct policy_output *out,
			 enum policy_input_kind kind, uint64_t now)
{
	static const char remark[] = OBIT_UNDONE_REMARK;
	bool runs_on = kind == INPUT_MEMBER_DIED || kind == INPUT_HUNG;
	char text[POLICY_NOTE_SIZE];

	if (out->verdict != VERDICT_RESPAWN && out->verdict != VERDICT_STOP_MEMBERS &&
	    out->verdict != VERDICT_BURY && out->verdict != VERDICT_ASK_OWNER &&
	    out->verdict != VERDICT_RESTART_BY_OWNER && out->verdict != VERDICT_STOP)
		return;
	out->count = 0;
	out->undone = true;
	policy->deadline_ns = 0;
	policy->hang.stopped = false;
	enter(policy, runs_on ? POLICY_UP : POLICY_ENDED, now);
	snprintf(text, sizeof(text), "%.*s%s", (int)(sizeof(text) - sizeof(remark)), out->detail,
		 remark);
	say_and_note(policy, out, text);
}

/* ---- the step ---- */

/* What an operator wants. */
static void take_command(struct policy *policy, const struct policy_input *input, uint64_t now_ns,
			 struct policy_output *out)
{
	switch (input->kind) {
	case INPUT_STOP:
		on_stop(policy, out, now_ns);
		return;
	case INPUT_START:
		on_start(policy, out, now_ns);
		return;
	case INPUT_RESTART:
		on_restart(policy, out, now_ns);
		return;
	case INPUT_REVIVE:
		on_revive(policy, out, now_ns);
		return;
	case INPUT_PAUSE:
		on_pause(policy, out, input->until_ns, now_ns);
		return;
	case INPUT_RESUME:
		on_resume(policy, out, now_ns);
		return;
	default:
		return;
	}
}

static void take_input(struct policy *policy, const struct policy_input *input, uint64_t now_ns,
		       struct policy_output *out)
{
	switch (input->kind) {
	case INPUT_STARTED:
		on_started(policy, out, input->began_ns ? input->began_ns : now_ns, now_ns);
		return;
	case INPUT_MAIN_DIED:
		on_main_died(policy, out, &input->death, now_ns);
		return;
	case INPUT_MEMBER_DIED:
		on_member_died(policy, out, &input->death, now_ns);
		return;
	case INPUT_ALL_GONE:
		on_all_gone(policy, out, now_ns);
		return;
	case INPUT_TIMER:
		on_timer(policy, out, now_ns);
		return;
	case INPUT_SPAWNED:
		on_spawned(policy, out, now_ns);
		return;
	case INPUT_READY:
		on_ready(policy, out, now_ns);
		return;
	case INPUT_EXTEND:
		on_extend(policy, out, input->until_ns);
		return;
	case INPUT_SPAWN_FAILED:
		on_spawn_failed(policy, out, input->error, now_ns);
		return;
	case INPUT_OWNER_SAID:
		on_owner_said(policy, out, input, now_ns);
		return;
	case INPUT_OWNER_DONE:
		on_owner_done(policy, out, now_ns);
		return;
	case INPUT_OWNER_FAILED:
		on_owner_failed(policy, out, input->words, now_ns);
		return;
	case INPUT_HUNG:
		on_hung(policy, out, input, now_ns);
		return;
	case INPUT_RECOVERED:
		on_recovered(policy, out);
		return;
	default:
		take_command(policy, input, now_ns, out);
	}
}

void policy_step(struct policy *policy, const struct policy_input *input, uint64_t now_ns,
		 struct policy_output *out)
{
	*out = (struct policy_output){.verdict = VERDICT_NONE};
	if (policy->paused && policy->paused_until_ns && now_ns >= policy->paused_until_ns)
		end_pause(policy, now_ns);
	take_input(policy, input, now_ns, out);
	if (policy->observing)
		leave_undone(policy, out, input->kind, now_ns);
}
