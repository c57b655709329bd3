// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The policy's actions, carried out; and their results, as inputs. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/container.h"
#include "core/launch.h"
#include "daemon/daemon.h"
#include "io/proc.h"
#include "io/sys.h"

int act_attach(struct daemon *daemon, struct instance *instance)
{
	struct attachment *attachment = calloc(1, sizeof(*attachment));

	if (!attachment)
		return -ENOMEM;
	attachment->daemon = daemon;
	attachment->instance = instance;
	attachment->child = SPAWN_NO_CHILD;
	attachment->straggler_fd = -1;
	instance->attachment = attachment;
	manager_changed(daemon);
	return 0;
}

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

static void forget_straggler(struct attachment *attachment)
{
	loop_source_free(TAKE_PTR(attachment->straggler));
	close_fdp(&attachment->straggler_fd);
	attachment->straggler_fd = -1;
}

void act_begin_life(struct instance *instance)
{
	struct attachment *attachment = instance->attachment;

	attachment->killed = attachment->emptying = false;
	attachment->actor = (struct actor){0};
	forget_straggler(attachment);
}

void act_detach(struct daemon *daemon, struct instance *instance)
{
	struct attachment *attachment = instance->attachment;

	if (!attachment)
		return;
	heap_remove(&daemon->timers, &attachment->timer);
	launches_leave(attachment);
	drop_child(attachment);
	forget_launch(attachment);
	probes_forget(attachment);
	json_object_put(attachment->last_death);
	json_object_put(attachment->hang_threads);
	free(attachment->hang);
	vigil_end(attachment);
	owners_forget(attachment);
	forget_straggler(attachment);
	free(attachment);
	instance->attachment = NULL;
	manager_changed(daemon);
}

/* ---- why not ---- */

/* Can others than root change what root would run? A file that is missing may come back; what comes back is looked
 * at again before exec. */
static bool others_can_change(const struct recipe *recipe, char buf[static RECIPE_SENTENCE_SIZE])
{
	if (!recipe->exe)
		return false; /* there is nothing to run */
	if (spawn_check_trust(recipe->exe, buf) == -EPERM)
		return true;
	if (recipe->script && !recipe->script_path) {
		snprintf(buf, RECIPE_SENTENCE_SIZE,
			 "it runs as root, and which file its script %.80s is, is not known",
			 recipe->script);
		return true;
	}
	return recipe->script && spawn_check_trust(recipe->script_path, buf) == -EPERM;
}

static const char *trust_refusal(const struct watch_config *watch, const struct recipe *recipe,
				 char buf[static RECIPE_SENTENCE_SIZE])
{
	char what[RECIPE_SENTENCE_SIZE];

	if (watch->command || recipe->facts.euid != 0 || !others_can_change(recipe, what))
		return NULL;
	snprintf(buf, RECIPE_SENTENCE_SIZE,
		 "%.170s; command = \"...\" in watch %.40s would start it", what, watch->name);
	return buf;
}

const char *act_recipe_refusal(const struct daemon *daemon, const struct instance *instance,
			       char buf[static RECIPE_SENTENCE_SIZE])
{
	const struct watch_config *watch = watch_of(daemon, instance);
	const char *why;

	if (*instance->policy.owner.name)
		return NULL; /* its owner knows how to start it */
	why = owners_refusal(daemon, instance, buf);
	if (why)
		return why;
	if (!instance->recipe)
		return "how it was started is not known";
	why = recipe_refusal(instance->recipe, watch, buf);
	if (!why)
		why = trust_refusal(watch, instance->recipe, buf);
	return why;
}

const char *act_refusal(struct daemon *daemon, struct instance *instance,
			const struct obit_letter *letter, char buf[static RECIPE_SENTENCE_SIZE])
{
	const struct watch_config *watch = watch_of(daemon, instance);

	if (daemon->stopping)
		return "obitd is stopping";
	if (letter->exit.sequence && takeover_is_too_old(daemon, letter->exit.time))
		return "it died long before obitd was there (takeover_window)";
	if (glance_goes_down(daemon))
		return "the host is going down (runlevel 0 or 6)";
	if (instance->recipe && !lineage_is_service(instance, watch, letter))
		return "a job, not a service (it had a terminal, or lived less than settle)";
	return act_recipe_refusal(daemon, instance, buf);
}

/* ---- spawn ---- */

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

static void spawn_succeeded(struct daemon *daemon, struct instance *instance, pid_t pid,
			    const char *notices)
{
	struct policy_input spawned = {.kind = INPUT_SPAWNED};
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

void act_forget_child(struct instance *instance)
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
		return; /* its birth is not told yet: act_child_born() will find it */
	image = image_new(instance->recipe, clock_boot_ns());
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

	drop_child(attachment);
	if (report.execed) {
		spawn_succeeded(daemon, instance, report.pid, report.notices);
		return;
	}
	/* Killed as it was born: by a kernel that kills all that is born there. */
	attachment->moves |= !report.pid;
	/* It never was the program: its end is no death of the instance. */
	if (instance->main && instance->main->key.tgid == (__u32)report.pid)
		leave(daemon, instance->main);
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
		if (ended) /* it left while it was held: spawn() will find that */
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

void act_read_reports(struct daemon *daemon)
{
	struct attachment *attachment, *next;

	DL_FOREACH_SAFE (daemon->on_way, attachment, next)
		if (has_child(attachment))
			read_report(attachment);
}

void act_hear_child(struct daemon *daemon, uint64_t launch)
{
	struct attachment *attachment = find_launch(daemon, launch);

	if (attachment && has_child(attachment))
		read_report(attachment);
}

void act_child_execed(struct daemon *daemon, const struct obit_key *key, uint64_t launch)
{
	struct attachment *attachment;

	act_hear_child(daemon, launch);
	attachment = find_launch(daemon, launch);
	if (!attachment || !has_child(attachment) || !attachment->released ||
	    attachment->report->pid != (pid_t)key->tgid || !attachment->report->execed)
		return;
	launches_heard(daemon);
	end_report(attachment);
}

void act_child_born(struct daemon *daemon, const struct obit_key *key,
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

int act_start_spawner(struct daemon *daemon)
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
static struct spawn_place find_place(struct daemon *daemon, const struct recipe *recipe)
{
	__u32 hierarchy = recipe->facts.cgroup_hierarchy;
	const char *path = recipe->cgroup ? recipe->cgroup : "/";
	struct spawn_place place = {.fd = -1, .v2 = hierarchy == 0};
	char owner[OWNER_SIZE];

	if (cgroup_owner(path, owner))
		path = "/";
	if (glance_is_own_cgroup(daemon, &hierarchy, path))
		return place;
	place.fd = cgroupfs_open(&daemon->cgroupfs, hierarchy, path);
	if (place.fd < 0)
		log_warning("the cgroup %s is gone: %s; starting in the root of its hierarchy",
			    path, strerror(-place.fd));
	if (place.fd < 0)
		place.fd = cgroupfs_open(&daemon->cgroupfs, hierarchy, "/");
	return place;
}

static int ask(struct daemon *daemon, struct instance *instance, bool held, struct spawn_child *ret)
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
	place = find_place(daemon, instance->recipe);
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
	const struct watch_config *watch = watch_of(daemon, instance);
	struct attachment *attachment = instance->attachment;
	_cleanup_free_ struct spawn_report *report = NULL;
	int r;

	if (!instance->recipe) {
		snprintf(sentence, RECIPE_SENTENCE_SIZE, "how it was started is not known");
		return -EPERM;
	}
	if (trust_refusal(watch, instance->recipe, sentence))
		return -EPERM;
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
	r = ask(daemon, instance, held, &attachment->child);
	if (r < 0)
		return r;
	spawn_report_init(report);
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

int act_inherit_child(struct daemon *daemon, struct instance *instance, const struct obit_key *key,
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

void act_launch(struct instance *instance)
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

static void spawn(struct instance *instance)
{
	struct attachment *attachment = instance->attachment;

	if (!has_child(attachment))
		forget_launch(attachment);
	if (has_child(attachment) || launches_admit(attachment))
		act_launch(instance);
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
	attachment->asks_again = was_released; /* else spawn() will ask */
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
	if (attachment->born.tgid && act_inherit_child(daemon, instance, &attachment->born,
						       "an earlier spawner was asked for") == 0)
		return;
	r = ask_for_child(daemon, instance, false, sentence);
	if (r < 0)
		spawn_failed(daemon, instance, -r, sentence);
	else
		release_child(daemon, attachment);
}

void act_replace_spawner(struct daemon *daemon)
{
	struct instance *instance, *next;

	act_read_reports(daemon);
	spawner_abandon(TAKE_PTR(daemon->spawner));
	/* Before the kernel side knows another one: it gives letters to the children of one alone. */
	DL_FOREACH (daemon->lineage.instances, instance)
		discard_unborn(instance->attachment);
	bpf_source_letters(daemon->source, on_letter, daemon);
	act_start_spawner(daemon);
	DL_FOREACH_SAFE (daemon->lineage.instances, instance, next)
		ask_again(daemon, instance);
}

void act_give_up_child(struct instance *instance)
{
	struct attachment *attachment = instance->attachment;
	struct daemon *daemon = attachment->daemon;
	uint64_t waited = clock_boot_ns() - attachment->released_ns;
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

/* While the old process is on its way out, its successor is made and held; where something else comes between
 * them, it is let go. What fails here is found by spawn(), which tries again. */
static void hold_or_drop_child(struct daemon *daemon, struct instance *instance)
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

/* ---- kill ---- */

/* False where it could not be told, though it lives. */
static bool signal_process(const struct process *process, int signal)
{
	_cleanup_close_ int pidfd = sys_pidfd_open((pid_t)process->key.tgid, 0);
	int r = pidfd < 0 ? -1 : 0;

	/* The pidfd is of whoever has the pid now; the key says whether that is still the one meant. */
	if (pidfd >= 0 && proc_exists(&process->key))
		r = (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
	if (r == 0 || errno == ESRCH)
		return true;
	log_error("pid %u cannot be sent signal %d: %s", process->key.tgid, signal,
		  strerror(errno));
	return false;
}

/* The service's cgroup, unless that is nobody's own: the root, or the daemon's. */
static const char *cgroup_of_its_own(const struct daemon *daemon, const struct recipe *recipe)
{
	const char *path = recipe ? recipe->cgroup : NULL;

	if (!path || !strcmp(path, "/") ||
	    glance_is_own_cgroup(daemon, &recipe->facts.cgroup_hierarchy, path))
		return NULL;
	return path;
}

/* kill_mode = cgroup: offspring and strangers in the service's cgroup too. */
static bool kill_cgroup(struct daemon *daemon, const struct recipe *recipe, int signal)
{
	__u32 hierarchy = recipe ? recipe->facts.cgroup_hierarchy : 0;
	const char *path = cgroup_of_its_own(daemon, recipe);
	_cleanup_close_ int fd = -1;

	if (!path)
		return false;
	fd = cgroupfs_open(&daemon->cgroupfs, hierarchy, path);
	return fd >= 0 && cgroupfs_signal(&daemon->cgroupfs, hierarchy, path, signal) == 0;
}

/* Returns to how many processes. */
static unsigned kill_instance(struct daemon *daemon, struct instance *instance, int signal)
{
	const struct watch_config *watch = watch_of(daemon, instance);
	struct process *process;
	unsigned count = 0;
	char name[SIGNAL_NAME_SIZE];

	if (watch->kill_mode == KILL_MODE_CGROUP && kill_cgroup(daemon, instance->recipe, signal)) {
		((struct attachment *)instance->attachment)->moves |= signal == SIGKILL;
		log_info("%s: %s sent to its cgroup", watch->name, signal_name(signal, name));
		return ACT_WHOLE_CGROUP;
	}
	DL_FOREACH (instance->processes, process) {
		if (process->dying || !lineage_reaches(process, watch->kill_mode))
			continue;
		count += signal_process(process, signal);
	}
	log_info("%s: %s sent to %u process%s", watch->name, signal_name(signal, name), count,
		 count == 1 ? "" : "es");
	return count;
}

unsigned act_kill(struct daemon *daemon, struct instance *instance, int signal)
{
	struct attachment *attachment = instance->attachment;

	if (!lineage_runs(instance) &&
	    !lineage_left(instance, watch_of(daemon, instance)->kill_mode))
		return 0;
	attachment->killed = true;
	return kill_instance(daemon, instance, signal);
}

void act_signal(struct daemon *daemon, struct instance *instance, int signal)
{
	kill_instance(daemon, instance, signal);
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

	if (!deadline)
		heap_remove(&daemon->timers, &attachment->timer);
	else if (heap_set(&daemon->timers, &attachment->timer, deadline) < 0)
		log_error("%s: out of memory for a timer", watch_of(daemon, instance)->name);
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
	uint64_t now = clock_boot_ns();
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
		spawn(instance);
		return;
	case ACTION_KILL:
		((struct attachment *)instance->attachment)->emptying =
			kill_instance(daemon, instance, action->signal) == ACT_WHOLE_CGROUP;
		if (action->signal == SIGABRT) /* what is stopped takes no other signal */
			act_signal(daemon, instance, SIGCONT);
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

	policy_step(&instance->policy, input, clock_boot_ns(), ret);
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
	hold_or_drop_child(daemon, instance);
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

/* ---- until a dead process is gone ---- */

static bool lives(pid_t pid)
{
	struct proc_identity who;
	bool alive = pid != getpid() && proc_identify(pid, &who) == 0;

	if (alive) {
		alive = !who.is_dead;
		free(who.exe);
	}
	return alive;
}

static void on_straggler_gone(void *arg, uint32_t events)
{
	struct attachment *attachment = arg;

	(void)events;
	forget_straggler(attachment);
	act_tell_if_over(attachment->daemon, attachment->instance);
}

/* One at a time: when it is gone, the next look finds who is left. True if there is somebody to wait for. */
static bool await_straggler(struct daemon *daemon, struct instance *instance)
{
	struct attachment *attachment = instance->attachment;
	const char *path;
	pid_t pid;

	if (!attachment->emptying || attachment->straggler)
		return attachment->straggler;
	path = cgroup_of_its_own(daemon, instance->recipe);
	if (!path)
		return false;
	pid = cgroupfs_find(&daemon->cgroupfs, instance->recipe->facts.cgroup_hierarchy, path,
			    lives);
	if (!pid)
		return false;
	attachment->straggler_fd = sys_pidfd_open(pid, 0);
	if (attachment->straggler_fd < 0)
		return errno == ESRCH && await_straggler(daemon, instance);
	return loop_add(daemon->loop, attachment->straggler_fd, EPOLLIN, on_straggler_gone,
			attachment, &attachment->straggler) == 0;
}

void act_tell_if_over(struct daemon *daemon, struct instance *instance)
{
	struct policy_input gone = {.kind = INPUT_ALL_GONE};

	if (!instance || !lineage_is_over(instance, watch_of(daemon, instance)->kill_mode) ||
	    await_straggler(daemon, instance))
		return;
	((struct attachment *)instance->attachment)->emptying = false;
	act_step(daemon, instance, &gone, NULL);
}

static void farewell_free(struct farewell *farewell)
{
	DL_DELETE(farewell->daemon->farewells, farewell);
	loop_source_free(farewell->source);
	close_fdp(&farewell->pidfd);
	free(farewell);
}

static void is_gone(struct daemon *daemon, const struct obit_key *key)
{
	struct process *process = lineage_find(&daemon->lineage, key);
	struct instance *instance = process ? process->instance : NULL;

	if (!process)
		return;
	lineage_gone(&daemon->lineage, process);
	act_tell_if_over(daemon, instance);
}

static void on_gone(void *arg, uint32_t events)
{
	struct farewell *farewell = arg;
	struct daemon *daemon = farewell->daemon;
	struct obit_key key = farewell->key;

	(void)events;
	farewell_free(farewell);
	is_gone(daemon, &key);
}

/* Of whoever has the pid now: where that has ended, who had it before is gone, too. */
static bool has_ended(int pidfd)
{
	struct pollfd end = {.fd = pidfd, .events = POLLIN};

	return poll(&end, 1, 0) > 0;
}

void act_await_gone(struct daemon *daemon, const struct obit_key *key)
{
	_cleanup_close_ int pidfd = sys_pidfd_open((pid_t)key->tgid, 0);
	struct farewell *farewell;

	if (pidfd < 0 && errno != ESRCH)
		log_warning("pid %u: cannot wait for its end: %s; a successor may find its ports "
			    "held still",
			    key->tgid, strerror(errno));
	if (pidfd < 0 || has_ended(pidfd) || !proc_exists(key)) {
		is_gone(daemon, key); /* reaped already */
		return;
	}
	farewell = calloc(1, sizeof(*farewell));
	if (!farewell) {
		log_error("pid %u: out of memory while waiting for its end", key->tgid);
		is_gone(daemon, key);
		return;
	}
	farewell->daemon = daemon;
	farewell->key = *key;
	farewell->pidfd = TAKE_FD(pidfd);
	DL_APPEND(daemon->farewells, farewell);
	if (loop_add(daemon->loop, farewell->pidfd, EPOLLIN, on_gone, farewell, &farewell->source) <
	    0)
		on_gone(farewell, 0);
}

void act_free(struct daemon *daemon)
{
	struct farewell *farewell, *next;

	DL_FOREACH_SAFE (daemon->farewells, farewell, next)
		farewell_free(farewell);
	heap_clear(&daemon->timers);
}
