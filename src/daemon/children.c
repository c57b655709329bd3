// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Children of the spawner, from the request for one to its exec: asked for, held, released; and what they say of
 * themselves. How many at a time, and for how long, is launches.c. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/container.h"
#include "daemon/daemon.h"
#include "io/proc.h"
#include "io/sys.h"

static bool has_child(const struct attachment *attachment)
{
	return attachment->child.report_fd >= 0;
}

/* Ours until it is reaped: the pid is nobody else's while its end of the report is open. One that is inherited is
 * somebody else's to reap, and known by its pidfd. */
static void kill_child(const struct attachment *attachment)
{
	if (attachment->inherited.tgid)
		syscall(SYS_pidfd_send_signal, attachment->child.report_fd, SIGKILL, NULL, 0);
	else if (attachment->report && attachment->report->pid)
		sys_kill(attachment->report->pid, SIGKILL);
}

/* ---- children by the number of their launch ---- */

static struct attachment *find_launch(const struct daemon *daemon, uint64_t number)
{
	struct attachment *attachment;

	HASH_FIND(hh, daemon->launched, &number, sizeof(number), attachment);
	return attachment;
}

static void forget_launch(struct attachment *attachment)
{
	if (attachment->hh.tbl)
		HASH_DELETE(hh, attachment->daemon->launched, attachment);
	attachment->hh.tbl = NULL;
	attachment->launch_number = 0;
	attachment->born = (struct obit_key){0};
}

static int enter_launch(struct attachment *attachment)
{
	HASH_ADD(hh, attachment->daemon->launched, launch_number, sizeof(attachment->launch_number),
		 attachment);
	return attachment->hh.tbl ? 0 : -ENOMEM;
}

static int number_launch(struct attachment *attachment)
{
	forget_launch(attachment);
	attachment->launch_number = clock_boot_ns(); /* no other has it */
	return enter_launch(attachment);
}

/* ---- the child on its way ---- */

/* Forgets the child on its way, whatever becomes of it; one that is held leaves, and so that it does not hang on its
 * way to there it is killed. */
static void drop_child(struct attachment *attachment)
{
	if (has_child(attachment) && !attachment->released &&
	    !spawn_report_read(attachment->child.report_fd, attachment->report))
		kill_child(attachment);
	if (has_child(attachment))
		DL_DELETE(attachment->daemon->on_way, attachment);
	launches_end(attachment);
	loop_source_free(TAKE_PTR(attachment->report_source));
	spawn_discard(&attachment->child);
	free(TAKE_PTR(attachment->report));
	attachment->inherited = (struct obit_key){0};
	if (attachment->daemon->held == attachment)
		attachment->daemon->held = NULL;
}

void children_detach(struct attachment *attachment)
{
	drop_child(attachment);
	forget_launch(attachment);
}

static void spawn_failed(struct daemon *daemon, struct instance *instance, int error,
			 const char *text)
{
	struct policy_input failed = {.kind = INPUT_SPAWN_FAILED, .error = error};
	struct policy_output decision;

	daemon->counters.failed_respawns++;
	instance->spawning = 0;
	act_step(daemon, instance, &failed, &decision);
	log_error("%s: %s; %s", watch_of(daemon, instance)->name, text, decision.detail);
}

/* The child has looked, and must not be. */
static void spawn_refused(struct daemon *daemon, struct instance *instance, const char *why)
{
	const struct watch_config *watch = watch_of(daemon, instance);
	char sentence[RECIPE_SENTENCE_SIZE];
	struct policy_input refused = {.kind = INPUT_SPAWN_REFUSED};
	struct policy_output decision;

	refused.words = refusals_with_command(watch, why, sentence);
	instance->spawning = 0;
	act_step(daemon, instance, &refused, &decision);
	log_warning("%s: %s", watch->name, decision.detail);
}

/* `notices` tell how it is not as it was; of a child that is `inherited` by whom it was asked for. */
static void spawn_succeeded(struct daemon *daemon, struct instance *instance, pid_t pid,
			    const char *notices, bool inherited)
{
	struct policy_input spawned = {.kind = INPUT_SPAWNED,
				       .words = *notices && !inherited ? notices : NULL};
	bool automatic = instance->policy.automatic;
	bool joined = instance->main && instance->main->key.tgid == (__u32)pid;

	/* Its birth may be told later, where the ring is long or was full: until then nobody else is taken for it. */
	instance->spawning = joined ? 0 : (__u32)pid;
	instance->spawned = true;
	act_begin_life(instance);
	instance->daemonized = instance->adopted = false;
	daemon->counters.respawns++;
	act_step(daemon, instance, &spawned, NULL);
	vigil_started(daemon, instance);
	log_notice("%s: respawned as pid %d%s%s", watch_of(daemon, instance)->name, pid,
		   *notices ? "; " : "", notices);
	if (automatic)
		hook_events_restart(daemon, instance, pid);
}

void children_forget(struct instance *instance)
{
	drop_child(instance->attachment);
	instance->spawning = 0;
}

/* Main from its birth, whatever it executes. */
static void join_child(struct daemon *daemon, struct instance *instance, pid_t pid)
{
	const struct attachment *attachment = instance->attachment;
	struct process *process = lineage_find(&daemon->lineage, &attachment->born);
	struct image *image;

	instance->spawning = (__u32)pid;
	if (!process || process->instance)
		return; /* its birth is not told yet: children_born() will find it */
	image = image_new(&daemon->lineage.pool, instance->recipe, clock_boot_ns());
	if (image)
		lineage_set_image(process, image);
	image_release(image);
	lineage_join(instance, process, ROLE_MAIN);
	instance->began = process->key.start_boottime;
	keep_process(daemon, process);
	tally_instance(daemon, instance);
}

static void leave(struct daemon *daemon, struct process *process)
{
	struct instance *left = process->instance;

	lineage_leave(process);
	keep_process(daemon, process);
	if (left)
		tally_instance(daemon, left);
}

static void end_report(struct attachment *attachment)
{
	struct daemon *daemon = attachment->daemon;
	struct instance *instance = attachment->instance;
	struct spawn_report report = *attachment->report;
	bool inherited = attachment->inherited.tgid != 0;

	drop_child(attachment);
	if (report.execed) {
		spawn_succeeded(daemon, instance, report.pid, report.notices, inherited);
		return;
	}
	/* Killed as it was born: by a kernel that kills all that is born there. */
	attachment->moves |= !report.pid;
	/* It never was the program: its end is no death of the instance. */
	if (instance->main && instance->main->key.tgid == (__u32)report.pid)
		leave(daemon, instance->main);
	if (report.refused)
		spawn_refused(daemon, instance, report.text);
	else
		spawn_failed(daemon, instance, report.error, report.text);
}

/* What an inherited child would have reported is in its letter. */
static bool read_letter(struct attachment *attachment)
{
	bool is_gone = !proc_exists(&attachment->inherited);
	struct obit_letter letter;

	if (bpf_source_letter(attachment->daemon->source, &attachment->inherited, &letter) < 0)
		return true;
	attachment->report->execed = letter.exec_sequence;
	return is_gone || letter.exec_sequence || letter.exit.sequence;
}

static bool read_words(struct attachment *attachment)
{
	pid_t known = attachment->report->pid;
	bool ended;

	if (attachment->inherited.tgid)
		return read_letter(attachment);
	ended = spawn_report_read(attachment->child.report_fd, attachment->report);
	if (ended || attachment->report->pid != known)
		launches_heard(attachment->daemon);
	return ended;
}

static void read_report(struct attachment *attachment)
{
	struct instance *instance = attachment->instance;
	bool ended = read_words(attachment);

	if (!attachment->released) {
		if (ended) /* it left while it was held: children_spawn() will find that */
			loop_source_free(TAKE_PTR(attachment->report_source));
		return;
	}
	if (!instance->spawning && attachment->report->pid)
		join_child(attachment->daemon, instance, attachment->report->pid);
	if (ended)
		end_report(attachment);
}

static void on_report(void *arg, uint32_t events)
{
	(void)events;
	read_report(arg);
}

void children_read_reports(struct daemon *daemon)
{
	struct attachment *attachment, *next;

	DL_FOREACH_SAFE (daemon->on_way, attachment, next)
		if (has_child(attachment))
			read_report(attachment);
}

void children_hear(struct daemon *daemon, uint64_t launch)
{
	struct attachment *attachment = find_launch(daemon, launch);

	if (attachment && has_child(attachment))
		read_report(attachment);
}

void children_execed(struct daemon *daemon, const struct obit_key *key, uint64_t launch)
{
	struct attachment *attachment;

	children_hear(daemon, launch);
	attachment = find_launch(daemon, launch);
	if (!attachment || !has_child(attachment) || !attachment->released ||
	    attachment->report->pid != (pid_t)key->tgid || !attachment->report->execed)
		return;
	launches_heard(daemon);
	end_report(attachment);
}

void children_born(struct daemon *daemon, const struct obit_key *key,
		   const struct obit_letter *letter)
{
	struct process *process = lineage_add(&daemon->lineage, key, letter, NULL);
	struct attachment *attachment = find_launch(daemon, letter->launch);

	if (!process) {
		log_error("pid %u: out of memory for a respawned process", key->tgid);
		return;
	}
	if (!attachment)
		return;
	attachment->born = *key;
	if (has_child(attachment) && attachment->released) {
		join_child(daemon, attachment->instance, (pid_t)key->tgid);
	} else if (!has_child(attachment) && attachment->instance->spawning) {
		/* It has executed already, and said so before its birth was told. */
		join_child(daemon, attachment->instance, (pid_t)key->tgid);
		attachment->instance->spawning = 0;
	}
}

int children_start_spawner(struct daemon *daemon)
{
	int r;

	if (daemon->options->observe)
		return 0;
	spawner_stop(TAKE_PTR(daemon->spawner));
	r = spawner_start(&daemon->spawner);
	if (r < 0)
		log_error("cannot start the spawner: %s; nothing can be respawned", strerror(-r));
	else if (daemon->source)
		bpf_source_set_spawner(daemon->source, (__u32)spawner_pid(daemon->spawner));
	keep_helpers(daemon);
	return r;
}

/* Where the child is to be: where it was, but not in a unit's or a container's cgroup, which would end it with that (nor
 * so in the daemon's own unit). Where the daemon was started is otherwise as good a place as any: it need not be moved
 * there, which takes milliseconds in cgroup v1. */
static struct spawn_place find_place(struct daemon *daemon, const struct recipe *recipe,
				     struct spawn_report *report)
{
	__u32 hierarchy = recipe->facts->cgroup_hierarchy;
	const char *path = recipe->cgroup ? recipe->cgroup : "/";
	struct spawn_place place = {.fd = -1, .v2 = hierarchy == 0};
	char owner[OWNER_SIZE];

	if (cgroup_owner(path, owner))
		path = "/";
	if (glance_is_own_cgroup(daemon, &hierarchy, path))
		return place;
	place.fd = cgroupfs_open(&daemon->cgroupfs, hierarchy, path);
	if (place.fd < 0) {
		snprintf(report->notices, sizeof(report->notices),
			 "the cgroup %.120s is gone (%s), so it is in the root of its hierarchy",
			 path, strerror(-place.fd));
		place.fd = cgroupfs_open(&daemon->cgroupfs, hierarchy, "/");
	}
	return place;
}

static int ask(struct daemon *daemon, struct instance *instance, bool held,
	       struct spawn_report *report, struct spawn_child *ret)
{
	const struct watch_config *watch = watch_of(daemon, instance);
	struct attachment *attachment = instance->attachment;
	struct spawn_number number = {.map = bpf_source_launch_fd(daemon->source)};
	struct spawn_place place;
	struct launch launch;
	int r = number_launch(attachment);

	if (r == 0)
		r = launch_prepare(instance->recipe, watch, vigil_socket(daemon, instance),
				   &launch);
	if (r < 0)
		return r;
	number.number = attachment->launch_number;
	if (!held) /* before it can be there */
		keep_instance(daemon, instance);
	place = find_place(daemon, instance->recipe, report);
	place.move = attachment->moves;
	r = daemon->spawner ? spawner_ask(daemon->spawner, &launch, &place, &number, held, ret)
			    : -ECHILD;
	close_fdp(&place.fd);
	launch_clear(&launch);
	return r;
}

/* Has a child made. With one that is held the spawner waits until its release, so there is one at a time. */
static int ask_for_child(struct daemon *daemon, struct instance *instance, bool held,
			 char sentence[static RECIPE_SENTENCE_SIZE])
{
	struct attachment *attachment = instance->attachment;
	_cleanup_free_ struct spawn_report *report = NULL;
	int r;

	if (!instance->recipe) {
		snprintf(sentence, RECIPE_SENTENCE_SIZE, "how it was started is not known");
		return -EPERM;
	}
	if (attachment->hanged.tgid && proc_is_alive(&attachment->hanged)) {
		snprintf(sentence, RECIPE_SENTENCE_SIZE,
			 "the last child (pid %u) hangs still, and cannot be killed",
			 attachment->hanged.tgid);
		return -ETIMEDOUT;
	}
	snprintf(sentence, RECIPE_SENTENCE_SIZE, "cannot ask for a child");
	if (daemon->held)
		drop_child(daemon->held);
	report = malloc(sizeof(*report));
	if (!report)
		return -ENOMEM;
	spawn_report_init(report);
	r = ask(daemon, instance, held, report, &attachment->child);
	if (r < 0)
		return r;
	attachment->report = TAKE_PTR(report);
	attachment->released = false;
	DL_APPEND(daemon->on_way, attachment);
	daemon->held = held ? attachment : NULL;
	attachment->spawner = spawner_pid(daemon->spawner);
	/* Without that its report is read when others are, or by the timer of the launches. */
	if (loop_add(daemon->loop, attachment->child.report_fd, EPOLLIN, on_report, attachment,
		     &attachment->report_source) < 0)
		daemon_out_of_memory(daemon, "waiting for a child");
	return 0;
}

static void release_child(struct daemon *daemon, struct attachment *attachment)
{
	attachment->released = true;
	daemon->held = NULL;
	if (attachment->child.go_fd >= 0)
		keep_instance(daemon, attachment->instance);
	spawn_release(&attachment->child);
	launches_begin(attachment);
}

int children_inherit(struct daemon *daemon, struct instance *instance, const struct obit_key *key,
		     const char *by)
{
	struct attachment *attachment = instance->attachment;
	_cleanup_close_ int pidfd = sys_pidfd_open((pid_t)key->tgid, 0);
	_cleanup_free_ struct spawn_report *report = malloc(sizeof(*report));
	int r;

	if (pidfd < 0)
		return -errno;
	if (!proc_exists(key))
		return -ESRCH;
	if (!report || (!attachment->hh.tbl && enter_launch(attachment) < 0))
		return -ENOMEM;
	r = loop_add(daemon->loop, pidfd, EPOLLIN, on_report, attachment,
		     &attachment->report_source);
	if (r < 0)
		return r;
	*report = (struct spawn_report){.error = ECHILD, .pid = (pid_t)key->tgid};
	snprintf(report->text, sizeof(report->text), "a child that %s has ended before its exec",
		 by);
	snprintf(report->notices, sizeof(report->notices), "%s it", by);
	attachment->report = TAKE_PTR(report);
	attachment->child.report_fd = TAKE_FD(pidfd);
	attachment->inherited = attachment->born = *key;
	attachment->released = true;
	DL_APPEND(daemon->on_way, attachment);
	launches_begin(attachment);
	return 0;
}

void children_launch(struct instance *instance)
{
	struct attachment *attachment = instance->attachment;
	struct daemon *daemon = attachment->daemon;
	char sentence[RECIPE_SENTENCE_SIZE];
	int r = has_child(attachment) ? 0 : ask_for_child(daemon, instance, false, sentence);

	if (r < 0) {
		spawn_failed(daemon, instance, -r, sentence);
		return;
	}
	vigil_begin(daemon, instance);
	release_child(daemon, attachment);
	if (attachment->report->pid)
		join_child(daemon, instance, attachment->report->pid);
	if (!attachment->report_source) /* it may have left while it was held */
		read_report(attachment);
}

void children_spawn(struct instance *instance)
{
	struct attachment *attachment = instance->attachment;

	if (!has_child(attachment))
		forget_launch(attachment);
	if (has_child(attachment) || launches_admit(attachment))
		children_launch(instance);
}

/* Of a child that is not born, as far as it has said. One that the old spawner still makes finds itself discarded, and
 * leaves. */
static void discard_unborn(struct attachment *attachment)
{
	bool was_released = attachment->released;

	if (has_child(attachment) && !attachment->report->pid)
		spawn_report_read(attachment->child.report_fd, attachment->report);
	if (!has_child(attachment) || attachment->report->pid)
		return;
	drop_child(attachment);
	attachment->asks_again = was_released; /* else children_spawn() will ask */
}

/* It was born all the same, and may have looked whether it is discarded before it was: its letter was there then. */
static void on_letter(void *arg, const struct obit_key *key, const struct obit_letter *letter)
{
	struct attachment *attachment = letter->flags & OBIT_LETTER_SPAWNED
						? find_launch(arg, letter->launch)
						: NULL;

	if (attachment && attachment->asks_again)
		attachment->born = *key;
}

static void ask_again(struct daemon *daemon, struct instance *instance)
{
	struct attachment *attachment = instance->attachment;
	char sentence[RECIPE_SENTENCE_SIZE];
	int r;

	if (!attachment->asks_again)
		return;
	attachment->asks_again = false;
	if (attachment->born.tgid && children_inherit(daemon, instance, &attachment->born,
						      "an earlier spawner was asked for") == 0)
		return;
	r = ask_for_child(daemon, instance, false, sentence);
	if (r < 0)
		spawn_failed(daemon, instance, -r, sentence);
	else
		release_child(daemon, attachment);
}

void children_replace_spawner(struct daemon *daemon)
{
	struct instance *instance, *next;

	children_read_reports(daemon);
	spawner_abandon(TAKE_PTR(daemon->spawner));
	/* Before the kernel side knows another one: it gives letters to the children of one alone. */
	DL_FOREACH (daemon->lineage.instances, instance)
		discard_unborn(instance->attachment);
	bpf_source_letters(daemon->source, on_letter, daemon);
	children_start_spawner(daemon);
	DL_FOREACH_SAFE (daemon->lineage.instances, instance, next)
		ask_again(daemon, instance);
}

void children_give_up(struct instance *instance)
{
	struct attachment *attachment = instance->attachment;
	struct daemon *daemon = attachment->daemon;
	uint64_t waited = clock_running_ns() - attachment->released_ns;
	char span[CLOCK_SPAN_SIZE], text[128];

	snprintf(text, sizeof(text), "not executed within %s: a file system that does not answer?",
		 clock_span(waited, span));
	kill_child(attachment);
	if (instance->main && instance->main->key.tgid == (__u32)attachment->report->pid) {
		attachment->hanged = instance->main->key;
		leave(daemon, instance->main);
	}
	drop_child(attachment);
	spawn_failed(daemon, instance, ETIMEDOUT, text);
}

/* What fails here is found by children_spawn(), which tries again. */
void children_hold_or_drop(struct daemon *daemon, struct instance *instance)
{
	struct attachment *attachment = instance->attachment;
	const struct policy *policy = &instance->policy;
	bool soon = !*policy->owner.name && policy->state == POLICY_WAITING &&
		    !policy->deadline_ns && !policy->paused &&
		    !lineage_left(instance, watch_of(daemon, instance)->kill_mode);
	char sentence[RECIPE_SENTENCE_SIZE];

	/* Where many die at once, the spawner has better to do than to wait with one. */
	if (soon && !policy->gone && !has_child(attachment) && !daemon->on_way && !daemon->queue)
		ask_for_child(daemon, instance, true, sentence);
	else if (!soon && has_child(attachment) && !attachment->released)
		drop_child(attachment);
}
