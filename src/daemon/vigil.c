// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Whether what runs does its work: what services say of themselves, and when they last did. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/notify.h"
#include "daemon/daemon.h"
#include "daemon/put.h"
#include "io/notify.h"

#define EXTENSION_MAX (60 * NS_PER_MIN)

/* ---- when to look ---- */

static void rearm(struct daemon *daemon)
{
	struct heap_node *first = heap_first(&daemon->vigils);

	loop_timer_set(daemon->vigil_timer, first ? first->key : 0);
}

static void look_in(struct attachment *attachment, uint64_t delay_ns)
{
	struct daemon *daemon = attachment->daemon;

	if (delay_ns) /* there is room */
		heap_set(&daemon->vigils, &attachment->vigil.node, clock_running_ns() + delay_ns);
	else
		heap_remove(&daemon->vigils, &attachment->vigil.node);
	rearm(daemon);
}

static void on_no_beat(struct attachment *attachment)
{
	struct daemon *daemon = attachment->daemon;
	struct vigil *vigil = &attachment->vigil;
	uint64_t silent = clock_running_ns() - vigil->beat_ns;
	char words[HANG_WORDS_SIZE], span[CLOCK_SPAN_SIZE];

	look_in(attachment, vigil->period_ns);
	snprintf(words, sizeof(words), "no WATCHDOG=1 for %s", clock_span(silent, span));
	hangs_report(daemon, attachment->instance, HANG_BY_NOTIFY, 0, silent, words);
}

/* ---- what does not notify ---- */

#define LOOKS	      4 /* in hang_timeout */
#define PROCESSES_MAX 64

static void look(const struct instance *instance, const struct vitals_stuck *known,
		 struct vitals *vitals, uint64_t *ret_cpu_ns)
{
	struct process *process;
	unsigned count = 0;

	*ret_cpu_ns = 0;
	DL_FOREACH (instance->processes, process) {
		if (process->dying)
			continue;
		*ret_cpu_ns += vitals_cpu_ns((pid_t)process->key.tgid);
		if (count++ < PROCESSES_MAX)
			vitals_look((pid_t)process->key.tgid, known, vitals);
	}
}

/* Who waits for something to do is asleep, and does not hang; unless it ought to have run by itself (hang_on = run). */
static bool gets_on(enum hang_on on, const struct vigil *vigil, const struct vitals *vitals,
		    uint64_t cpu_ns)
{
	const struct vitals_stuck *stuck = &vitals->stuck;

	if (vitals->traced)
		return true;
	if (on == HANG_ON_DSTATE)
		return !stuck->tid || stuck->tid != vigil->stuck.tid ||
		       stuck->runs != vigil->stuck.runs;
	return cpu_ns != vigil->cpu_ns || (on == HANG_ON_CPU && !vitals->awake);
}

static void report_stall(struct attachment *attachment, enum hang_on on, uint64_t for_ns)
{
	const struct vitals_stuck *stuck = &attachment->vigil.stuck;
	char words[HANG_WORDS_SIZE], span[CLOCK_SPAN_SIZE];
	pid_t pid = 0;

	clock_span(for_ns, span);
	if (on == HANG_ON_DSTATE) {
		pid = stuck->pid;
		snprintf(words, sizeof(words), "thread %d was in state D for %s", stuck->tid, span);
	} else {
		snprintf(words, sizeof(words), "no CPU time for %s%s", span,
			 on == HANG_ON_CPU ? ", and not asleep" : "");
	}
	hangs_report(attachment->daemon, attachment->instance, HANG_BY_PROGRESS, pid, for_ns,
		     words);
}

static void on_look(struct attachment *attachment)
{
	struct daemon *daemon = attachment->daemon;
	struct instance *instance = attachment->instance;
	enum hang_on on = watch_of(daemon, instance)->hang_on;
	struct vigil *vigil = &attachment->vigil;
	uint64_t now = clock_running_ns(), cpu_ns;
	struct vitals vitals = {0};
	bool well;

	look(instance, &vigil->stuck, &vitals, &cpu_ns);
	well = gets_on(on, vigil, &vitals, cpu_ns);
	vigil->cpu_ns = cpu_ns;
	vigil->stuck = vitals.stuck;
	look_in(attachment, vigil->period_ns / LOOKS);
	if (well) {
		vigil->beat_ns = now;
		hangs_recovered(daemon, instance, HANG_BY_PROGRESS);
	} else if (now - vigil->beat_ns >= vigil->period_ns) {
		report_stall(attachment, on, now - vigil->beat_ns);
	}
}

/* What nobody looks for any more is not known any more. */
static void forget_others(struct daemon *daemon, struct instance *instance,
			  const struct watch_config *watch)
{
	if (!watch->notify)
		hangs_recovered(daemon, instance, HANG_BY_NOTIFY);
	if (watch->notify || !watch->hang_timeout_ns)
		hangs_recovered(daemon, instance, HANG_BY_PROGRESS);
}

void vigil_follow(struct daemon *daemon, struct instance *instance)
{
	const struct watch_config *watch = watch_of(daemon, instance);
	struct attachment *attachment = instance->attachment;
	struct vigil *vigil = &attachment->vigil;

	forget_others(daemon, instance, watch);
	if (watch->notify && !vigil->looks)
		return; /* it may have said how often it gives a sign of life */
	vigil->looks = !watch->notify;
	vigil->period_ns = watch->hang_timeout_ns;
	/* Who notifies promises no sign of life before the first one. */
	vigil->beat_ns = vigil->looks ? clock_running_ns() : 0;
	look_in(attachment, vigil->looks ? vigil->period_ns / LOOKS : 0);
}

static void on_timer(void *arg)
{
	struct daemon *daemon = arg;
	uint64_t now = clock_running_ns();
	struct heap_node *node;

	notify_drain(daemon->notify);
	while ((node = heap_first(&daemon->vigils)) && node->key <= now) {
		struct attachment *attachment = (struct attachment *)((char *)node -
								      offsetof(struct attachment,
									       vigil.node));
		const struct instance *instance = attachment->instance;

		heap_remove(&daemon->vigils, node);
		/* What runs may be up again in this life: where its owner cannot restart it. */
		if (instance->policy.state != POLICY_UP && !lineage_runs(instance))
			continue;
		if (attachment->vigil.looks)
			on_look(attachment);
		else
			on_no_beat(attachment);
	}
	rearm(daemon);
}

/* ---- what they say ---- */

static void beat(struct attachment *attachment)
{
	struct vigil *vigil = &attachment->vigil;

	vigil->beat_ns = clock_running_ns();
	look_in(attachment, vigil->leaving ? 0 : vigil->period_ns);
}

static struct process *process_of(const struct instance *instance, uint32_t pid)
{
	struct process *process;

	DL_FOREACH (instance->processes, process)
		if (process->key.tgid == pid)
			return process;
	return NULL;
}

/* Another process of the instance, and not a stranger. */
static void take_main(struct daemon *daemon, struct instance *instance, uint32_t pid)
{
	struct process *process = process_of(instance, pid);

	if (!process || process->dying) {
		log_warning("%s: MAINPID=%u: none of its processes",
			    watch_of(daemon, instance)->name, pid);
		return;
	}
	if (process == instance->main)
		return;
	act_make_main(daemon, instance, process);
	log_info("%s: pid %u is the main process now (MAINPID)", watch_of(daemon, instance)->name,
		 pid);
}

static void set_status(struct vigil *vigil, const char *status)
{
	free(vigil->status);
	vigil->status = *status ? strdup(status) : NULL; /* without memory it has said nothing */
}

static void take_words(struct vigil *vigil, const struct notify_message *message)
{
	if (message->has_status)
		set_status(vigil, message->status);
	if (message->has_error)
		vigil->error = message->error;
	if (message->reloading)
		vigil->reloading = true;
	if (message->ready) {
		vigil->ready = true;
		vigil->reloading = false;
	}
	if (message->stopping)
		vigil->leaving = true;
	if (message->has_period)
		vigil->period_ns = message->period_ns;
}

static void step(struct daemon *daemon, struct instance *instance, enum policy_input_kind kind,
		 uint64_t until_ns)
{
	struct policy_input input = {.kind = kind, .until_ns = until_ns};

	act_step(daemon, instance, &input, NULL);
}

static void take(struct daemon *daemon, struct instance *instance,
		 const struct notify_message *message)
{
	struct attachment *attachment = instance->attachment;
	uint64_t extension = message->extend_ns < EXTENSION_MAX ? message->extend_ns
								: EXTENSION_MAX;

	take_words(&attachment->vigil, message);
	if (message->main_pid)
		take_main(daemon, instance, message->main_pid);
	if (message->forgotten)
		policy_forget_attempts(&instance->policy);
	if (extension)
		step(daemon, instance, INPUT_EXTEND, clock_running_ns() + extension);
	if (message->ready)
		step(daemon, instance, INPUT_READY, 0);
	if (message->alive)
		hangs_recovered(daemon, instance, HANG_BY_NOTIFY);
	/* From READY on obit waits for it; whoever started it. */
	if (message->alive || (message->ready && instance->spawned) ||
	    (attachment->vigil.beat_ns && (message->stopping || message->has_period)))
		beat(attachment);
	if (message->hung)
		hangs_report(daemon, instance, HANG_BY_NOTIFY, 0, 0,
			     "it said so: WATCHDOG=trigger");
}

/* Its main process or what forked from it; never what it claims to be. Only who notifies is looked at, and it is
 * on a socket of its user's own that others cannot fill. */
static struct instance *instance_of(const struct daemon *daemon, pid_t sender)
{
	struct instance *instance;

	DL_FOREACH (daemon->lineage.instances, instance)
		if (watch_of(daemon, instance)->notify && process_of(instance, (uint32_t)sender))
			return instance;
	return NULL;
}

/* Who says something, or is named, may have been born since the turn began, or have executed something else: the kernel
 * is listened to first. Not for who is known while the letters are read: each reading takes many of them. */
static struct instance *find_sender(struct daemon *daemon, pid_t sender, uint32_t named)
{
	struct instance *instance = instance_of(daemon, sender);
	bool known = instance && (!named || process_of(instance, named));

	if (known && !backlog_is_empty(&daemon->backlog))
		return instance;
	losses_read(daemon);
	children_read_reports(daemon);
	return instance_of(daemon, sender);
}

static void on_message(void *arg, pid_t sender, const char *data, size_t size)
{
	struct daemon *daemon = arg;
	struct notify_message message = {0};
	struct instance *instance;
	int r = notify_parse(data, size, &message);

	if (daemon->stopping) /* what dies from now on is for the next daemon to tell */
		return;
	instance = find_sender(daemon, sender, r == 0 ? message.main_pid : 0);
	if (!instance)
		daemon->counters.notify_foreign++;
	else if (r < 0)
		daemon->counters.notify_bad++;
	else
		take(daemon, instance, &message);
}

/* ---- whom to listen to ---- */

const char *vigil_socket(struct daemon *daemon, const struct instance *instance)
{
	const struct watch_config *watch = watch_of(daemon, instance);
	uid_t uid = watch->account ? watch->account->uid : instance->uid;
	char error[NOTIFY_ERROR_SIZE];
	const char *path;

	if (!watch->notify)
		return NULL;
	path = notify_path(daemon->notify, uid, error);
	if (!path)
		log_error("%s: %s; it cannot notify", watch->name, error);
	return path;
}

void vigil_begin(struct daemon *daemon, struct instance *instance)
{
	struct attachment *attachment = instance->attachment;

	look_in(attachment, 0);
	free(attachment->vigil.status);
	attachment->vigil = (struct vigil){
		.period_ns = watch_of(daemon, instance)->hang_timeout_ns};
	vigil_socket(daemon, instance); /* it may have the path from an earlier daemon */
}

/* It may have been ready before its exec was known; and what has no socket to say so is taken for ready. */
void vigil_started(struct daemon *daemon, struct instance *instance)
{
	struct attachment *attachment = instance->attachment;

	vigil_follow(daemon, instance);
	if (instance->policy.state != POLICY_READYING)
		return;
	if (attachment->vigil.ready || !vigil_socket(daemon, instance))
		step(daemon, instance, INPUT_READY, 0);
	if (attachment->vigil.ready)
		beat(attachment);
}

void vigil_resume(struct daemon *daemon, struct instance *instance)
{
	step(daemon, instance, INPUT_READY, 0);
	vigil_follow(daemon, instance);
}

void vigil_end(struct attachment *attachment)
{
	look_in(attachment, 0);
	free(TAKE_PTR(attachment->vigil.status));
}

void vigil_render(const struct instance *instance, struct json_object *object)
{
	const struct vigil *vigil = &((const struct attachment *)instance->attachment)->vigil;

	put_string(object, "status", vigil->status);
	put_bool(object, "reloading", vigil->reloading);
	put_json(object, "errno", vigil->error ? json_object_new_int(vigil->error) : NULL);
}

void vigil_counters(const struct daemon *daemon, struct json_object *object)
{
	const struct notify_counters *counters = notify_counters(daemon->notify);

	put_number(object, "notify_received", counters->received);
	put_number(object, "notify_foreign", daemon->counters.notify_foreign);
	put_number(object, "notify_bad", daemon->counters.notify_bad + counters->cut);
}

int vigil_open(struct daemon *daemon)
{
	_cleanup_free_ char *directory = NULL;
	int r = loop_timer_new(daemon->loop, on_timer, daemon, &daemon->vigil_timer);

	if (r < 0)
		return r;
	if (asprintf(&directory, "%s.notify", daemon->options->socket) < 0) {
		directory = NULL;
		return -ENOMEM;
	}
	return notify_open(daemon->loop, directory, on_message, daemon, &daemon->notify);
}

void vigil_close(struct daemon *daemon)
{
	heap_clear(&daemon->vigils);
	loop_timer_free(daemon->vigil_timer);
	notify_close(daemon->notify);
}
