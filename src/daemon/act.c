// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The policy's actions, carried out; and their results, as inputs. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon.h"

/* For one more, so that none of those that are there ever waits for memory to wait. */
static int make_room(struct daemon *daemon)
{
	size_t count = daemon->attached + 1;
	int r = heap_reserve(&daemon->timers, count);

	if (r == 0)
		r = heap_reserve(&daemon->launches, count);
	return r < 0 ? r : heap_reserve(&daemon->vigils, count);
}

int act_attach(struct daemon *daemon, struct instance *instance)
{
	struct attachment *attachment = make_room(daemon) < 0 ? NULL
							      : calloc(1, sizeof(*attachment));

	if (!attachment)
		return -ENOMEM;
	daemon->attached++;
	attachment->daemon = daemon;
	attachment->instance = instance;
	attachment->child = SPAWN_NO_CHILD;
	attachment->straggler_fd = -1;
	instance->attachment = attachment;
	DL_APPEND2(daemon->watches[instance->watch].instances, instance, watch_prev, watch_next);
	manager_changed(daemon);
	return 0;
}

void act_begin_life(struct instance *instance)
{
	struct attachment *attachment = instance->attachment;

	attachment->killed = attachment->emptying = false;
	attachment->actor = (struct actor){0};
	hangs_forget(instance);
	farewells_forget_straggler(attachment);
}

void act_detach(struct daemon *daemon, struct instance *instance)
{
	struct attachment *attachment = instance->attachment;

	if (!attachment)
		return;
	DL_DELETE2(daemon->watches[instance->watch].instances, instance, watch_prev, watch_next);
	heap_remove(&daemon->timers, &attachment->timer);
	launches_leave(attachment);
	children_detach(attachment);
	probes_forget(attachment);
	json_object_put(attachment->last_death);
	json_object_put(attachment->hang_threads);
	free(attachment->hang);
	vigil_end(attachment);
	owners_forget(attachment);
	farewells_forget_straggler(attachment);
	free(attachment);
	daemon->attached--;
	instance->attachment = NULL;
	manager_changed(daemon);
}

/* ---- timers ---- */

static void rearm(struct daemon *daemon)
{
	struct heap_node *first = heap_first(&daemon->timers);

	loop_timer_set(daemon->timer, first ? first->key : 0);
}

static void set_timer(struct daemon *daemon, struct instance *instance, uint64_t deadline)
{
	struct attachment *attachment = instance->attachment;

	if (deadline)
		heap_set(&daemon->timers, &attachment->timer, deadline); /* there is room */
	else
		heap_remove(&daemon->timers, &attachment->timer);
	rearm(daemon);
}

void act_rearm(struct instance *instance)
{
	const struct attachment *attachment = instance->attachment;

	set_timer(attachment->daemon, instance, instance->policy.deadline_ns);
}

void act_on_timer(void *arg)
{
	struct daemon *daemon = arg;
	uint64_t now = clock_running_ns();
	struct heap_node *node;

	while ((node = heap_first(&daemon->timers)) && node->key <= now) {
		struct attachment *attachment =
			(struct attachment *)((char *)node - offsetof(struct attachment, timer));
		struct policy_input timer = {.kind = INPUT_TIMER};
		struct policy_output decision;

		heap_remove(&daemon->timers, node);
		act_step(daemon, attachment->instance, &timer, &decision);
		if (decision.verdict == VERDICT_STOP)
			hangs_tell(daemon, attachment->instance, &decision);
	}
	rearm(daemon);
}

/* ---- the step ---- */

void act_make_main(struct daemon *daemon, struct instance *instance, struct process *heir)
{
	const struct process *old = instance->main;

	lineage_join(instance, heir, ROLE_MAIN);
	instance->daemonized = true;
	if (old)
		keep_process(daemon, old); /* first: there are not two */
	keep_process(daemon, heir);
	tally_instance(daemon, instance);
}

static void take_heir(struct daemon *daemon, struct instance *instance, bool by_exec)
{
	struct process *old = instance->main;
	struct heirs heirs;
	struct process *heir;

	if (!old)
		return;
	lineage_heirs(instance, old, &heirs);
	heir = by_exec ? heirs.by_exec : heirs.by_fork;
	if (!heir)
		return;
	act_make_main(daemon, instance, heir);
	log_info("%s: pid %u is the main process now", watch_of(daemon, instance)->name,
		 heir->key.tgid);
}

static void act(struct daemon *daemon, struct instance *instance,
		const struct policy_action *action)
{
	switch (action->kind) {
	case ACTION_SPAWN:
		children_spawn(instance);
		return;
	case ACTION_KILL:
		((struct attachment *)instance->attachment)->emptying =
			signals_send(daemon, instance, action->signal) == SIGNALS_WHOLE_CGROUP;
		if (action->signal == SIGABRT) /* what is stopped takes no other signal */
			signals_send(daemon, instance, SIGCONT);
		return;
	case ACTION_TAKE_HEIR:
	case ACTION_TAKE_EXEC_HEIR:
		take_heir(daemon, instance, action->kind == ACTION_TAKE_EXEC_HEIR);
		return;
	case ACTION_ASK_OWNER:
		owners_ask(daemon, instance);
		return;
	case ACTION_RESTART_BY_OWNER:
		owners_restart(daemon, instance);
		return;
	case ACTION_STOP_BY_OWNER:
		owners_stop(daemon, instance);
		return;
	case ACTION_TIMER:
		set_timer(daemon, instance, action->deadline_ns);
		return;
	}
}

void act_decide(struct instance *instance, const struct policy_input *input,
		struct policy_output *ret)
{
	const struct outcome_before before = outcomes_before(instance);

	policy_step(&instance->policy, input, clock_running_ns(), ret);
	outcomes_follow(instance, &before, input, ret);
}

static void log_undone(const struct daemon *daemon, const struct instance *instance,
		       const struct policy_output *decision)
{
	const char *what = decision->verdict == VERDICT_RESPAWN	       ? "respawn"
			   : decision->verdict == VERDICT_STOP_MEMBERS ? "stop and respawn"
			   : decision->verdict == VERDICT_STOP	       ? "stop"
			   : decision->verdict == VERDICT_ASK_OWNER    ? "ask its owner"
			   : decision->verdict == VERDICT_RESTART_BY_OWNER
				   ? "have its owner restart it"
				   : "give up";

	log_notice("%s: would %s: %s", watch_of(daemon, instance)->name, what, decision->detail);
}

/* A stop has come before its turn: there is nothing to wait for. */
static void leave_queue(struct daemon *daemon, struct instance *instance)
{
	struct attachment *attachment = instance->attachment;
	struct policy_input gone = {.kind = INPUT_ALL_GONE};

	if (!attachment->queued || instance->policy.state == POLICY_STARTING)
		return;
	launches_leave(attachment);
	act_step(daemon, instance, &gone, NULL);
}

void act_carry_out(struct daemon *daemon, struct instance *instance,
		   const struct policy_output *decision)
{
	if (decision->undone)
		log_undone(daemon, instance, decision);
	for (size_t i = 0; i < decision->count; i++)
		act(daemon, instance, &decision->actions[i]);
	children_hold_or_drop(daemon, instance);
	leave_queue(daemon, instance);
	probes_follow(daemon, instance);
	guard_check(daemon);
	manager_changed(daemon);
}

void act_step(struct daemon *daemon, struct instance *instance, const struct policy_input *input,
	      struct policy_output *out)
{
	struct policy_output decision;

	act_decide(instance, input, &decision);
	act_carry_out(daemon, instance, &decision);
	hook_events_state(daemon, instance);
	keep_instance(daemon, instance);
	tally_instance(daemon, instance);
	if (out)
		*out = decision;
}

void act_free(struct daemon *daemon)
{
	farewells_free(daemon);
	heap_clear(&daemon->timers);
}
