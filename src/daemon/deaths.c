// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A letter that says how a process died -> an input of the policy, an obituary, what follows from it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "daemon/daemon.h"
#include "daemon/put.h"
#include "io/proc.h"

static void look_up_sessions(struct instance *instance)
{
	struct process *process;

	DL_FOREACH (instance->processes, process) {
		pid_t pid = (pid_t)process->key.tgid;

		process->session_leader = proc_session(pid) == pid;
	}
}

/* By somebody outside: a master that stops its worker, or a worker its master, is the service's own business. */
static bool was_asked(const struct daemon *daemon, const struct instance *instance,
		      const struct evidence *evidence)
{
	const struct process *sender;

	if (!evidence->has_asked)
		return false;
	sender = lineage_find(&daemon->lineage, &evidence->asked.sender);
	/* One that is gone by now was related or not when it sent. */
	return sender ? sender->instance != instance : !(evidence->asked.flags & OBIT_SIGNAL_KIN);
}

static void describe_death(struct daemon *daemon, struct instance *instance,
			   const struct process *process, const struct obit_letter *letter,
			   const struct evidence *evidence, struct policy_input *ret,
			   char refusal[static RECIPE_SENTENCE_SIZE],
			   char ended_by[static OWNER_SIZE])
{
	bool is_main = process->role == ROLE_MAIN;
	bool failed_behind = is_main && instance->background.life == process->life;
	struct heirs heirs = {0};

	if (!is_main)
		lineage_note_background(instance, process, &letter->exit);
	if (is_main)
		owners_meet_at_death(daemon, instance, &process->key, letter, evidence->cgroup);

	if (is_main && instance->alive) {
		look_up_sessions(instance);
		lineage_heirs(instance, process, &heirs);
	}
	*ret = (struct policy_input){
		.kind = is_main ? INPUT_MAIN_DIED : INPUT_MEMBER_DIED,
		.death =
			{
				.pid = process->key.tgid,
				.wait_status = letter->exit.wait_status,
				.lived_ns = letter->exit.time > instance->began
						    ? letter->exit.time - instance->began
						    : 0,
				.members = lineage_left(instance,
							watch_of(daemon, instance)->kill_mode),
				.has_fork_heir = heirs.by_fork,
				.has_exec_heir = heirs.by_exec,
				.background_pid = failed_behind ? instance->background.pid : 0,
				.background_status = instance->background.wait_status,
				.asked = was_asked(daemon, instance, evidence),
				.ended_by = owners_ended_it(instance, evidence, ended_by),
				.refusal = refusals_of_death(daemon, instance, letter, refusal),
			},
	};
}

/* A job that is over has nothing left to tell but its obituary. */
static void drop_if_job(struct daemon *daemon, struct instance *instance,
			const struct obit_letter *letter)
{
	if (instance->policy.state == POLICY_ENDED &&
	    !lineage_is_service(instance, watch_of(daemon, instance), letter) && !instance->alive)
		events_drop_instance(daemon, instance);
}

/* The letter is deleted after its death is told: a daemon that was killed in between has left both. */
static bool was_told(const struct daemon *daemon, const struct obit_key *key,
		     const struct obit_letter *letter)
{
	return takeover_is_before(daemon, letter->exit.time) && publish_has_told(daemon, key);
}

static void bury_offspring(struct daemon *daemon, struct process *process,
			   const struct obit_letter *letter, const struct evidence *evidence)
{
	struct policy_output nothing = {.verdict = VERDICT_NONE};
	struct obituary obituary = {.process = process,
				    .evidence = evidence,
				    .role = ROLE_OFFSPRING,
				    .letter = letter,
				    .decision = &nothing};

	if (!was_told(daemon, &process->key, letter)) {
		death_log_line(daemon, &obituary);
		publish_obituary(daemon, &obituary, MATCH_NONE);
	}
	lineage_gone(&daemon->lineage, process);
}

static bool was_killed_by_us(const struct instance *instance, const struct evidence *evidence)
{
	const struct attachment *attachment = instance->attachment;
	__u32 own = (__u32)getpid();

	return attachment->killed && ((evidence->has_fatal && evidence->fatal.sender.tgid == own) ||
				      (evidence->has_asked && evidence->asked.sender.tgid == own));
}

/* Who is behind the death of one of its processes; before that is decided about. */
static const struct actor *operator_of(const struct instance *instance,
				       const struct evidence *evidence)
{
	const struct attachment *attachment = instance->attachment;
	const struct policy *policy = &instance->policy;
	bool stopped = policy->state == POLICY_STOPPING &&
		       (policy->after == AFTER_DOWN || policy->after == AFTER_START);

	return attachment->actor.command && (stopped || policy->replacing ||
					     was_killed_by_us(instance, evidence))
		       ? &attachment->actor
		       : NULL;
}

static void tell_of_kill(const struct instance *instance, const struct evidence *evidence,
			 struct policy_output *decision)
{
	size_t used = strlen(decision->detail);

	if (was_killed_by_us(instance, evidence) && instance->policy.state != POLICY_STOPPING)
		snprintf(decision->detail + used, sizeof(decision->detail) - used, "%s(obit kill)",
			 used ? " " : "");
}

/* What was decided by the daemon before this one, which had no time to tell it. */
static void recall_decision(const struct daemon *daemon, const struct instance *instance,
			    const struct obit_letter *letter, struct policy_output *decision)
{
	if (takeover_is_before(daemon, letter->exit.time) && !*decision->detail &&
	    instance->policy.state != POLICY_UP)
		memcpy(decision->detail, instance->policy.note, sizeof(decision->detail));
}

static void tell_member(struct daemon *daemon, struct instance *instance,
			const struct obituary *obituary)
{
	const struct obit_key *key = &obituary->process->key;
	bool is_death = obituary->role == ROLE_MAIN &&
			obituary->decision->verdict != VERDICT_HAND_OVER;

	if (!was_told(daemon, key, obituary->letter))
		publish_obituary(daemon, obituary, (ssize_t)instance->watch);
	else if (is_death)
		publish_count(daemon, instance->watch, key);
	if (is_death) {
		((struct attachment *)instance->attachment)->told = *key;
		outcomes_await(instance, obituary->decision);
	}
	hook_events_state(daemon, instance);
	tally_instance(daemon, instance);
	if (is_death)
		tally_death(daemon, instance->watch, key, &obituary->letter->exit);
	if (is_death || obituary->decision->count)
		keep_instance(daemon, instance);
}

/* By the daemon before this one, which was killed before it could delete the letter: what it has kept is the answer. */
static bool was_answered(const struct instance *instance, const struct obit_key *key)
{
	const struct obit_key *told = &((const struct attachment *)instance->attachment)->told;

	return told->tgid == key->tgid && told->start_boottime == key->start_boottime;
}

static void answer_death(struct daemon *daemon, struct instance *instance, struct process *process,
			 const struct obit_letter *letter, const struct evidence *evidence)
{
	char refusal[RECIPE_SENTENCE_SIZE], ended_by[OWNER_SIZE];
	struct policy_output decision;
	struct policy_input input;
	enum process_role role = process->role;
	struct obituary obituary = {
		.process = process,
		.evidence = evidence,
		.role = role,
		.letter = letter,
		.watch = watch_of(daemon, instance)->name,
		.began = instance->began,
		.decision = &decision,
	};
	_cleanup_json_ struct json_object *hung = NULL;

	describe_death(daemon, instance, process, letter, evidence, &input, refusal, ended_by);
	obituary.actor = operator_of(instance, evidence);
	act_decide(instance, &input, &decision);
	if (role == ROLE_MAIN)
		hung = hangs_render(instance);
	obituary.hung = hung;
	tell_of_kill(instance, evidence, &decision);
	recall_decision(daemon, instance, letter, &decision);
	if (!was_told(daemon, &process->key, letter))
		death_log_line(daemon, &obituary);
	if (outcomes_may_follow(&decision))
		tell_member(daemon, instance, &obituary);
	act_carry_out(daemon, instance, &decision);
	if (!outcomes_may_follow(&decision))
		tell_member(daemon, instance, &obituary);
}

static void bury_member(struct daemon *daemon, struct instance *instance, struct process *process,
			const struct obit_letter *letter, const struct evidence *evidence)
{
	enum process_role role = process->role;
	uint64_t id = instance->id;

	lineage_died(process);
	if (!was_answered(instance, &process->key))
		answer_death(daemon, instance, process, letter, evidence);
	farewells_await(daemon, &process->key, daemon->taking_over);
	instance = lineage_instance(&daemon->lineage, id);
	if (instance && role == ROLE_MAIN)
		drop_if_job(daemon, instance, letter);
}

/* A child of ours that never executed anything: an exec that failed is no death. */
static void bury_unborn(struct daemon *daemon, struct process *process)
{
	lineage_died(process);
	farewells_await(daemon, &process->key, daemon->taking_over);
}

static bool is_unborn(const struct process *process, const struct obit_letter *letter)
{
	return letter->flags & OBIT_LETTER_SPAWNED && !letter->exec_sequence && !process->instance;
}

static void tell_death(struct daemon *daemon, struct process *process,
		       const struct obit_letter *letter)
{
	struct recipe *last_texts = arrivals_death(daemon, &process->key);
	struct evidence evidence;

	evidence_gather(daemon, &process->key, letter, process->image, last_texts,
			process->instance ? watch_of(daemon, process->instance)->stop_grace_ns
					  : STOP_GRACE,
			&evidence);
	if (process->instance && process->role != ROLE_OFFSPRING)
		bury_member(daemon, process->instance, process, letter, &evidence);
	else
		bury_offspring(daemon, process, letter, &evidence);
	evidence_done(&evidence);
	recipe_free(last_texts);
}

/* Main may have to be stopped for it. */
static bool waits_for_a_look(struct daemon *daemon, const struct process *process,
			     const struct obit_letter *letter)
{
	return process->instance && process->role == ROLE_MEMBER &&
	       policy_may_stop_main(&process->instance->policy, letter->exit.wait_status) &&
	       looks_first(daemon, process->instance);
}

void deaths_bury(struct daemon *daemon, struct process *process, const struct obit_letter *letter)
{
	struct obit_key key = process->key;

	if (process->dying || waits_for_a_look(daemon, process, letter))
		return;
	if (letter->flags & OBIT_LETTER_SPAWNED && letter->exec_sequence)
		children_execed(daemon, &key, letter->launch);
	else if (letter->flags & OBIT_LETTER_SPAWNED)
		children_hear(daemon, letter->launch);
	if (letter->flags & OBIT_LETTER_SPAWNED && !letter->exec_sequence && process->instance)
		children_forget(process->instance); /* it died without a word */
	if (is_unborn(process, letter)) {
		audience_tell(daemon, &key, &letter->exit);
		bury_unborn(daemon, process);
	} else {
		tell_death(daemon, process, letter);
	}
	events_forget(daemon, &key);
}

/* Of a stranger the path is known and little else: it is a watch's only where that asks for nothing else. */
static bool tells_by_path(const struct watch_config *watch, const struct obit_letter *letter)
{
	bool is_hosts = letter->flags & OBIT_LETTER_HOST && !letter->exit.ns_pid;

	return !watch->args && !watch->argv0 && !watch->cgroup.count &&
	       (watch->container == CONTAINER_ANY ||
		(watch->container == CONTAINER_NO && is_hosts));
}

static ssize_t watch_of_stranger(const struct daemon *daemon, const struct obit_letter *letter,
				 const char **ret_path)
{
	ssize_t watch = filters_watch_of_letter(daemon, letter, ret_path);

	if (watch >= 0 && !tells_by_path(&daemon->config.watches[watch], letter))
		watch = MATCH_NONE;
	return watch;
}

/* Its birth was lost, and its parent was buried first: it belonged where that did, unless it executed something. */
static ssize_t watch_of_lost_child(const struct daemon *daemon, const struct obit_letter *letter)
{
	return letter->exec_sequence ? MATCH_NONE
				     : lineage_watch_of_gone(&daemon->lineage, &letter->parent);
}

static void tell_lost_child(struct daemon *daemon, const struct obit_key *key,
			    const struct obit_letter *letter, size_t watch)
{
	struct policy_output nothing = {.verdict = VERDICT_NONE};
	struct process child = {.key = *key, .parent = letter->parent, .role = ROLE_MEMBER};
	struct recipe *last_texts = arrivals_death(daemon, key);
	struct evidence evidence;
	struct obituary obituary = {
		.process = &child,
		.evidence = &evidence,
		.role = ROLE_MEMBER,
		.letter = letter,
		.watch = daemon->config.watches[watch].name,
		.decision = &nothing,
	};

	evidence_gather(daemon, key, letter, NULL, last_texts,
			daemon->config.watches[watch].stop_grace_ns, &evidence);
	death_log_line(daemon, &obituary);
	publish_obituary(daemon, &obituary, (ssize_t)watch);
	evidence_done(&evidence);
	recipe_free(last_texts);
	lineage_note_gone(&daemon->lineage, key, watch); /* it may have had children */
}

static void tell_stranger(struct daemon *daemon, const struct obit_key *key,
			  const struct obit_letter *letter)
{
	struct policy_output decision = {
		.verdict = VERDICT_REPORT,
		.detail = "not respawned: it died unseen, and how it was started is not known",
	};
	const char *path = NULL;
	ssize_t watch = watch_of_stranger(daemon, letter, &path);
	_cleanup_free_ char *exe = path ? strdup(path) : NULL;
	struct image image = {.exe = exe};
	struct process stranger = {.key = *key,
				   .parent = letter->parent,
				   .role = ROLE_MAIN,
				   .image = exe ? &image : NULL};
	struct recipe *last_texts = arrivals_death(daemon, key);
	struct evidence evidence;
	struct obituary obituary = {
		.process = &stranger,
		.evidence = &evidence,
		.role = letter->flags & OBIT_LETTER_CANDIDATE ? ROLE_MAIN : ROLE_OFFSPRING,
		.letter = letter,
		.watch = watch < 0 ? NULL : daemon->config.watches[watch].name,
		.began = letter->exec_time,
		.decision = &decision,
	};

	evidence_gather(daemon, key, letter, stranger.image, last_texts,
			watch < 0 ? STOP_GRACE : daemon->config.watches[watch].stop_grace_ns,
			&evidence);
	death_log_line(daemon, &obituary);
	publish_obituary(daemon, &obituary, watch);
	evidence_done(&evidence);
	recipe_free(last_texts);
}

void deaths_bury_stranger(struct daemon *daemon, const struct obit_key *key,
			  const struct obit_letter *letter)
{
	ssize_t watch = watch_of_lost_child(daemon, letter);

	if (publish_has_told(daemon, key)) {
		/* by the daemon before this one */
	} else if (watch >= 0) {
		tell_lost_child(daemon, key, letter, (size_t)watch);
	} else {
		tell_stranger(daemon, key, letter);
	}
	events_forget(daemon, key);
}
