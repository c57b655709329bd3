/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the parts of the policy share: policy (made, restored, stepped), policy_start, policy_death, policy_hang,
 * policy_owner and policy_operator (the inputs, by what they are about), policy_moves (what their answers are made of),
 * policy_limits (how soon, and how often?). Nobody else includes it. */
#ifndef OBIT_CORE_POLICY_INTERNAL_H
#define OBIT_CORE_POLICY_INTERNAL_H

#include "core/policy.h"

#include "base/clock.h"

/* The caller may answer ACTION_SPAWN before policy_step() returns to its loop: a retry at once would be
 * a recursion without end. */
#define SPAWN_RETRY_MIN_NS (100 * NS_PER_MS)

/* ---- inputs, one function each; those of more than two states name them all ---- */

void policy_on_all_gone(struct policy *policy, struct policy_output *out, uint64_t now);

void policy_on_started(struct policy *policy, struct policy_output *out, uint64_t began,
		       uint64_t now);
void policy_on_spawned(struct policy *policy, struct policy_output *out, uint64_t now);
void policy_on_ready(struct policy *policy, struct policy_output *out, uint64_t now);
void policy_on_extend(struct policy *policy, struct policy_output *out, uint64_t until_ns);
void policy_on_spawn_failed(struct policy *policy, struct policy_output *out, int error,
			    uint64_t now);

void policy_on_spawn_refused(struct policy *policy, struct policy_output *out, const char *why,
			     uint64_t now);

void policy_on_main_died(struct policy *policy, struct policy_output *out,
			 const struct policy_death *death, uint64_t now);
void policy_on_member_died(struct policy *policy, struct policy_output *out,
			   const struct policy_death *death, uint64_t now);

void policy_on_hung(struct policy *policy, struct policy_output *out,
		    const struct policy_input *input, uint64_t now);
void policy_on_recovered(struct policy *policy, struct policy_output *out);
/* READYING for too long. */
void policy_on_start_timeout(struct policy *policy, struct policy_output *out, uint64_t now);

void policy_on_owner_said(struct policy *policy, struct policy_output *out,
			  const struct policy_input *input, uint64_t now);
void policy_on_owner_done(struct policy *policy, struct policy_output *out, uint64_t now);
void policy_on_owner_failed(struct policy *policy, struct policy_output *out, const char *words,
			    uint64_t now);
/* ASKING or EXPECTED: it is to be asked once more, or did not do in time what it was told to. */
void policy_on_owner_timer(struct policy *policy, struct policy_output *out, uint64_t now);
/* A death that is to be answered is its owner's. */
void policy_turn_to_owner(struct policy *policy, struct policy_output *out,
			  const struct policy_death *death, uint64_t now);

/* What an operator wants; other inputs change nothing. */
void policy_take_command(struct policy *policy, const struct policy_input *input, uint64_t now,
			 struct policy_output *out);
/* What was held comes back as by an operator's start, with back-off and start limits as at first. */
void policy_end_pause(struct policy *policy, uint64_t now);

/* ---- moves ---- */

void policy_add(struct policy_output *out, struct policy_action action);
void policy_say(struct policy_output *out, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void policy_say_and_note(struct policy *policy, struct policy_output *out, const char *text);
/* The one timer; 0: none. */
void policy_arm(struct policy *policy, struct policy_output *out, uint64_t deadline_ns);
void policy_enter(struct policy *policy, enum policy_state state, uint64_t now);

bool policy_is_owned(const struct policy *policy);
/* Nothing stands in the way of a start: what is left of the old life is an owner's own business. */
bool policy_is_free(const struct policy *policy);

/* Signals what kill_mode says; `after` follows when all of that is gone. What is being stopped already is left to the
 * signal that it has got. */
void policy_begin_stop(struct policy *policy, struct policy_output *out, enum policy_after after,
		       uint64_t now);
/* The same by that signal, in any state. */
void policy_begin_stop_by(struct policy *policy, struct policy_output *out, enum policy_after after,
			  int signal, uint64_t now);
/* Nothing is left of what was to be stopped. */
void policy_finish_stop(struct policy *policy, struct policy_output *out, uint64_t now);

/* Gives up. What still lives of the instance is stopped first: half a service is none. */
void policy_bury(struct policy *policy, struct policy_output *out, uint64_t now, bool others,
		 const char *why);
void policy_end(struct policy *policy, struct policy_output *out, uint64_t now);
/* By its owner, where it has one. */
void policy_spawn(struct policy *policy, struct policy_output *out, uint64_t now, bool automatic);

/* Sets respawn_at_ns, not before `at_least` from now, and says when; or buries. Returns false if it
 * buried. */
bool policy_plan_respawn(struct policy *policy, struct policy_output *out, uint64_t at_least,
			 uint64_t now, bool others);
/* Respawns as soon as the time has come and nothing of the old life is left. */
void policy_respawn_when_ready(struct policy *policy, struct policy_output *out, uint64_t now);

/* ---- back-off and start limits ---- */

/* The first respawn is immediate; the n-th after it waits initial * factor^(n-1), at most max, give or
 * take the jitter. */
uint64_t policy_backoff(struct policy *policy);
/* A long life makes the next respawn immediate again. */
void policy_reset_attempts(struct policy *policy, uint64_t now);

void policy_record_start(struct policy *policy, uint64_t now);
/* What was found had begun before that, but counts in the order of the others: the oldest is looked at. */
void policy_record_found(struct policy *policy, uint64_t began, uint64_t now);
/* The last one. */
void policy_forget_start(struct policy *policy);
/* True if one more start at `when` would be more than start_limit_burst in start_limit_interval. */
bool policy_start_limit_hit(const struct policy *policy, uint64_t when);

/* Back-off, starts and the note, as before the first start. */
void policy_forget_past(struct policy *policy);

#endif
