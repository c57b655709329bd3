// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Health, and the hardware watchdog that is fed while it is good. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/command.h"
#include "core/health.h"
#include "core/reset.h"
#include "core/wait_status.h"
#include "daemon/daemon.h"
#include "daemon/put.h"
#include "io/hooks.h"
#include "io/own_cgroup.h"
#include "io/protect.h"
#include "io/runlevel.h"
#include "io/shutdown.h"
#include "io/start_mark.h"

/* A watch is up while one of its instances is, and does not hang; a buried one spoils it. */
static void fold_instance(struct health_watch *health, const struct instance *instance)
{
	const struct policy *policy = &instance->policy;
	bool hangs = policy->state == POLICY_UP && policy->hang.by != HANG_NONE;
	uint64_t since = hangs ? policy->hang.since_ns : policy->down_since_ns;

	health->absent = false;
	if (policy->state == POLICY_BURIED)
		health->buried = true;
	if (policy->state == POLICY_UP && !hangs) {
		health->up = true;
	} else if (since > health->down_since_ns) {
		health->down_since_ns = since;
		health->hung = hangs;
	}
}

static struct health_watch begin_look(const struct daemon *daemon, size_t watch)
{
	const struct watch_config *config = &daemon->config.watches[watch];

	return (struct health_watch){
		.name = config->name,
		.critical = config->critical,
		.recover_within_ns = config->recover_within_ns,
		.absent = true,
	};
}

static void end_look(const struct daemon *daemon, size_t watch, struct health_watch *health)
{
	if (health->up) {
		health->down_since_ns = 0;
		health->hung = false;
	} else if (!health->down_since_ns) {
		health->down_since_ns = daemon->watches[watch].absent_since_ns
						? daemon->watches[watch].absent_since_ns
						: daemon->running_since_ns;
	}
}

/* What is said of one watch. */
void guard_judge(const struct daemon *daemon, size_t watch, struct health_verdict *ret)
{
	const struct health_self well = {.attached = true};
	struct health_watch health = begin_look(daemon, watch);
	const struct instance *instance;

	DL_FOREACH2 (daemon->watches[watch].instances, instance, watch_next)
		fold_instance(&health, instance);
	end_look(daemon, watch, &health);
	health.critical = true; /* the question is about this one */
	health_feed(&health, 1, &well, clock_running_ns(), ret);
}

/* Of all that are critical, in one walk over the instances. */
static bool decide(struct daemon *daemon, uint64_t now, struct health_verdict *ret)
{
	const struct health_self self = {
		.attached = daemon->source && bpf_source_is_attached(daemon->source),
		.starting_since_ns = daemon->guard.starting_since_ns,
		.unread_since_ns = daemon->unread_since_ns,
		.late_since_ns = daemon->guard.late_since_ns,
	};
	const struct instance *instance;
	struct health health = {0};

	for (size_t i = 0; i < daemon->config.watch_count; i++)
		daemon->watches[i].health = begin_look(daemon, i);
	DL_FOREACH (daemon->lineage.instances, instance)
		fold_instance(&daemon->watches[instance->watch].health, instance);
	for (size_t i = 0; i < daemon->config.watch_count; i++) {
		end_look(daemon, i, &daemon->watches[i].health);
		health_add(&health, &daemon->watches[i].health);
	}
	return health_decide(&health, &self, now, ret);
}

/* A whole turn late: the loop does something else for too long. */
static void look_at_clock(struct guard *guard, uint64_t now)
{
	bool late = guard->due_ns && now > guard->due_ns + dogs_interval_ns(guard->dogs);

	if (!late)
		guard->late_since_ns = 0;
	else if (!guard->late_since_ns)
		guard->late_since_ns = guard->due_ns;
}

/* ---- what health is worth ---- */

/* Why it is fed whatever the health; NULL: it is not. */
static const char *ungated(const struct daemon *daemon, char *buf, size_t size)
{
	const struct watchdog_config *config = &daemon->config.watchdog;
	unsigned in_a_row = words_in_a_row(daemon);

	if (config->reset_limit && in_a_row >= config->reset_limit) {
		snprintf(buf, size,
			 "%u reset%s in a row (reset_limit = %u): it is fed whatever the health, "
			 "until "
			 "all has been well for an hour",
			 in_a_row, in_a_row == 1 ? "" : "s", config->reset_limit);
		return buf;
	}
	if (!daemon->guard.is_volatile || config->volatile_state)
		return NULL;
	snprintf(buf, size,
		 "%s does not survive a reset, so a reset would come again and again: it is fed "
		 "whatever the health (volatile_state = yes changes that)",
		 daemon->options->state_dir ? daemon->options->state_dir : "what obitd knows");
	return buf;
}

bool guard_would_feed(struct daemon *daemon, char why[static GUARD_REASON_SIZE])
{
	struct health_verdict verdict;
	char buf[512];
	bool feed = decide(daemon, clock_running_ns(), &verdict) ||
		    ungated(daemon, buf, sizeof(buf));

	snprintf(why, GUARD_REASON_SIZE, "%s", feed ? "" : verdict.text);
	return feed;
}

/* Once the device says how the last boot has ended. */
static void judge_once(struct daemon *daemon)
{
	unsigned status = 0;
	bool told = false;
	char buf[512];

	if (daemon->guard.judged || !dogs_boot_status(daemon->guard.dogs, &told, &status))
		return;
	daemon->guard.judged = true;
	words_judge(daemon, told, status);
	if (ungated(daemon, buf, sizeof(buf)))
		log_line(LOG_ALERT, "the watchdog: %s", buf);
}

static void note_health(struct daemon *daemon, const struct health_verdict *verdict, uint64_t now)
{
	struct guard *guard = &daemon->guard;

	if (verdict->ill)
		guard->healthy_since_ns = 0;
	else if (!guard->healthy_since_ns)
		guard->healthy_since_ns = now;
	else if (now - guard->healthy_since_ns >= RESET_HEALTHY_NS)
		words_settle(daemon);
}

/* What is said once instead of a reset. */
static void spare(struct daemon *daemon, const struct health_verdict *verdict, const char *why)
{
	if (!daemon->guard.spared)
		log_line(LOG_EMERG, "the watchdog should starve: %s; but %s", verdict->text, why);
	daemon->guard.spared = true;
}

/* ---- before it starves ---- */

#define WORDS_NS  (5 * NS_PER_SEC)   /* for a disk */
#define REBOOT_NS (120 * NS_PER_SEC) /* until obitd is told to stop */
#define GRACE_NS  (2 * NS_PER_SEC)   /* between SIGTERM and SIGKILL */

static void run_command(struct daemon *daemon, const char *name, const char *const *argv,
			uint64_t timeout_ns)
{
	static const char path[] =
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	struct json_object *words = words_starved(daemon);
	const char *json = json_object_to_json_string_ext(words, JSON_C_TO_STRING_PLAIN);
	_cleanup_free_ char *reason = NULL, *watch = NULL, *input = NULL;
	const char *held_by = json_object_get_string(json_object_object_get(words, "watch"));
	const char *envp[] = {path, "OBIT_EVENT=starve", NULL, NULL, NULL};
	struct hook hook = {.name = name, .id = ++daemon->guard.hook, .argv = argv, .envp = envp};

	if (asprintf(&reason, "OBIT_REASON=%s", daemon->guard.reason) < 0 ||
	    asprintf(&watch, "OBIT_WATCH=%s", held_by ? held_by : "") < 0 ||
	    asprintf(&input, "%s\n", json) < 0) {
		daemon_out_of_memory(daemon, "running a hook of the watchdog");
		return;
	}
	envp[2] = reason;
	envp[3] = held_by ? watch : NULL;
	hook.input = input;
	hook.length = strlen(input);
	hook.timeout_ns = timeout_ns;
	if (hooks_run(daemon->guard.hooks, &hook) < 0)
		daemon_out_of_memory(daemon, "running a hook of the watchdog");
}

static void run_hook(struct daemon *daemon)
{
	const struct watchdog_config *config = &daemon->config.watchdog;
	_cleanup_free_ const char **argv = NULL;
	_cleanup_free_ char *words = NULL;

	if (command_split(config->on_starve, &words, &argv) < 0) {
		daemon_out_of_memory(daemon, "running on_starve");
		return;
	}
	run_command(daemon, "on_starve", argv, config->on_starve_timeout_ns);
}

static void run_reboot(struct daemon *daemon)
{
	static const char *const systemd[] = {"systemctl", "reboot", NULL};
	static const char *const others[] = {"reboot", NULL};
	bool booted = access("/run/systemd/system", F_OK) == 0;

	words_reboot(daemon);
	run_command(daemon, "starve = reboot", booted ? systemd : others, REBOOT_NS);
}

/* The first of the phases behind the present one that there is. */
static void go_on(struct daemon *daemon, uint64_t now)
{
	const struct watchdog_config *config = &daemon->config.watchdog;
	struct guard *guard = &daemon->guard;

	if (guard->phase < GUARD_HOOK && config->on_starve) {
		guard->phase = GUARD_HOOK;
		guard->phase_until_ns = now + config->on_starve_timeout_ns + 2 * GRACE_NS;
		run_hook(daemon);
	} else if (guard->phase < GUARD_REBOOTS && config->starve_reboots) {
		guard->phase = GUARD_REBOOTS;
		guard->phase_until_ns = now + REBOOT_NS;
		log_line(LOG_EMERG, "rebooting, since otherwise the watchdog would starve: %s",
			 guard->reason);
		run_reboot(daemon);
	} else {
		guard->phase = GUARD_STARVES;
		log_line(LOG_EMERG, "the watchdog is no longer fed: %s", guard->reason);
	}
}

static void begin_to_starve(struct daemon *daemon, const struct health_verdict *verdict,
			    uint64_t now)
{
	struct guard *guard = &daemon->guard;

	snprintf(guard->reason, sizeof(guard->reason), "%s", verdict->text);
	if (!guard->judged) /* no device has been open yet */
		return;
	guard->phase = GUARD_WRITES;
	guard->phase_until_ns = now + WORDS_NS;
	words_starve(daemon, verdict->held_by, verdict->text);
	if (!guard->scribe)
		go_on(daemon, now);
}

void guard_words_written(struct daemon *daemon)
{
	if (!daemon->guard.timer)
		return; /* obitd stops, and has let go of all but the record */
	if (daemon->guard.phase == GUARD_WRITES)
		go_on(daemon, clock_running_ns());
	guard_check(daemon);
}

/* A reboot that is under way goes on. */
static void recover(struct daemon *daemon)
{
	if (daemon->guard.phase == GUARD_REBOOTS)
		return;
	daemon->guard.phase = GUARD_FEEDS;
	words_take_back(daemon);
	log_notice("the watchdog is fed again");
}

static void on_hook(void *arg, const struct hook_result *result)
{
	struct daemon *daemon = arg;
	struct guard *guard = &daemon->guard;
	char words[WAIT_STATUS_WORDS_SIZE];
	bool failed = result->outcome != HOOK_ENDED || result->value;

	if (result->outcome == HOOK_ENDED && result->value)
		log_warning("watchdog: %s: %s", result->name,
			    wait_status_words((uint32_t)result->value, words));
	else if (result->outcome == HOOK_TIMED_OUT)
		log_warning("watchdog: %s: not done in time; it is ended", result->name);
	else if (result->outcome == HOOK_REFUSED)
		log_warning("watchdog: %s: not run: others than root can change it", result->name);
	else if (result->outcome == HOOK_NOT_EXECUTED)
		log_warning("watchdog: %s: cannot be executed: %s", result->name,
			    strerror(result->value));
	if (result->id != guard->hook)
		return;
	/* A reboot that was ordered takes its time. */
	if (guard->phase == GUARD_HOOK || (guard->phase == GUARD_REBOOTS && failed))
		go_on(daemon, clock_running_ns());
	guard_check(daemon);
}

/* ---- the turn ---- */

static void act(struct daemon *daemon, const struct health_verdict *verdict, uint64_t now)
{
	struct guard *guard = &daemon->guard;
	const char *why = NULL;
	char buf[512];

	if (!verdict->feed)
		why = ungated(daemon, buf, sizeof(buf));
	if (why)
		spare(daemon, verdict, why);
	else
		guard->spared = false;
	if (verdict->feed || why) {
		if (guard->phase != GUARD_FEEDS)
			recover(daemon);
	} else if (guard->phase == GUARD_FEEDS) {
		begin_to_starve(daemon, verdict, now);
	}
	if (guard->phase != GUARD_FEEDS && guard->phase != GUARD_STARVES &&
	    now >= guard->phase_until_ns)
		go_on(daemon, now);
}

static void rearm(struct guard *guard, uint64_t now)
{
	guard->due_ns = now + dogs_interval_ns(guard->dogs);
	if (guard->phase != GUARD_FEEDS && guard->phase != GUARD_STARVES &&
	    guard->phase_until_ns < guard->due_ns)
		guard->due_ns = guard->phase_until_ns;
	loop_timer_set(guard->timer, guard->due_ns);
}

static void on_timer(void *arg)
{
	struct daemon *daemon = arg;
	struct guard *guard = &daemon->guard;
	uint64_t now = clock_running_ns();
	struct health_verdict verdict;

	look_at_clock(guard, now);
	decide(daemon, now, &verdict);
	act(daemon, &verdict, now);
	if (guard->phase != GUARD_STARVES) {
		dogs_feed(guard->dogs);
		dogs_open(guard->dogs, &daemon->config.watchdog);
		guard->fed_ns = now;
	}
	judge_once(daemon);
	note_health(daemon, &verdict, now);
	rearm(guard, now);
}

void guard_check(struct daemon *daemon)
{
	/* Recovered while starving: the device may have little time left, so now and not at the next turn. */
	if (daemon->guard.timer && daemon->guard.phase != GUARD_FEEDS)
		loop_timer_set(daemon->guard.timer, 1);
}

/* ---- its life ---- */

static void try_to(const char *what, int r)
{
	if (r < 0)
		log_warning("cannot %s: %s", what, strerror(-r));
}

static void enter_own_cgroup(struct daemon *daemon)
{
	char error[OWN_CGROUP_ERROR_SIZE];

	if (daemon->own_cgroup && own_cgroup_enter(daemon->own_cgroup, error) < 0)
		log_warning("%s", error);
}

void guard_protect_again(struct daemon *daemon)
{
	if (daemon->protected)
		try_to("lower oom_score_adj", protect_set_oom_score(PROTECT_OOM_SCORE_ADJ));
	enter_own_cgroup(daemon);
}

void guard_unprotect(struct daemon *daemon)
{
	char error[OWN_CGROUP_ERROR_SIZE];

	if (daemon->protected)
		try_to("raise oom_score_adj again", protect_set_oom_score(daemon->oom_score_adj));
	if (daemon->own_cgroup && own_cgroup_leave(daemon->own_cgroup, error) < 0)
		log_warning("%s", error);
}

void guard_protect(struct daemon *daemon, const struct config *config)
{
	if (!config->watchdog.device.count || daemon->options->observe)
		return;
	if (protect_oom_score(&daemon->oom_score_adj) &&
	    daemon->oom_score_adj > PROTECT_OOM_SCORE_ADJ)
		daemon->protected = true;
	if (config->watchdog.own_cgroup) {
		daemon->own_cgroup = own_cgroup_new(config->watchdog.own_cgroup);
		if (!daemon->own_cgroup)
			daemon_out_of_memory(daemon, "making a cgroup of its own");
	}
	if (config->watchdog.lock_memory)
		try_to("lock the memory of obitd", protect_lock_memory());
	if (config->watchdog.realtime)
		try_to("run in real time", protect_real_time());
	/* Real time before: a new cgroup of v1 may have none to give. */
	guard_protect_again(daemon);
}

static int make_all(struct daemon *daemon, const struct config *config)
{
	struct hooks_options options = {
		.running_max = 2,
		.waiting_max = 2,
		.grace_ns = GRACE_NS,
		.files = daemon->files_limit,
		.oom_score_adj = daemon->protected ? &daemon->oom_score_adj : NULL,
		.may_run = daemon_may_run,
		.told = on_hook,
		.arg = daemon,
	};
	int r = dogs_new(&config->watchdog, &daemon->guard.dogs);

	if (r == 0)
		r = hooks_new(daemon->loop, &options, &daemon->guard.hooks);
	if (r == 0)
		r = loop_timer_new(daemon->loop, on_timer, daemon, &daemon->guard.timer);
	return r;
}

int guard_begin(struct daemon *daemon, const struct config *config)
{
	struct guard *guard = &daemon->guard;
	uint64_t now = clock_running_ns();
	int r;

	if (!config->watchdog.device.count)
		return 0;
	if (daemon->options->observe) {
		log_notice("%s: left alone: obitd only observes", config->watchdog.device.items[0]);
		return 0;
	}
	r = make_all(daemon, config);
	if (r == 0 && asprintf(&guard->start_mark, "%s.starting", daemon->options->socket) < 0)
		r = -ENOMEM;
	if (r < 0) {
		log_error("cannot guard with a watchdog: %s", strerror(-r));
		return r;
	}
	guard->starting_since_ns = start_mark_begin(guard->start_mark, now);
	if (now - guard->starting_since_ns > HEALTH_PATIENCE_NS)
		return 0; /* those before this one have had their time */
	dogs_open_running(guard->dogs, &config->watchdog);
	guard->fed_ns = now;
	return 0;
}

void guard_starting(struct daemon *daemon)
{
	struct guard *guard = &daemon->guard;
	uint64_t now = clock_running_ns();
	struct health_verdict verdict;

	if (!guard->dogs || !guard->starting_since_ns ||
	    now - guard->fed_ns < dogs_interval_ns(guard->dogs) || !decide(daemon, now, &verdict))
		return;
	dogs_feed(guard->dogs);
	guard->fed_ns = now;
}

void guard_open(struct daemon *daemon)
{
	struct guard *guard = &daemon->guard;

	if (!guard->dogs)
		return;
	start_mark_end(guard->start_mark);
	guard->starting_since_ns = 0;
	guard->is_volatile = !guard->scribe || state_dir_is_volatile(daemon->options->state_dir);
	words_attach(daemon);
	dogs_open(guard->dogs, &daemon->config.watchdog);
	judge_once(daemon); /* first: it begins the record of this boot */
	on_timer(daemon);
}

bool guard_reap(struct daemon *daemon, pid_t pid)
{
	return daemon->guard.hooks && hooks_reap(daemon->guard.hooks, pid);
}

static enum dogs_end how_to_end(const struct daemon *daemon)
{
	if (!daemon->stopping)
		return DOGS_KEEP; /* it fails */
	if (runlevel_goes_down(NULL) || shutdown_is_under_way(daemon->stopped_by))
		return DOGS_SHUTDOWN;
	return daemon->config.watchdog.disarm_on_stop ? DOGS_DISARM : DOGS_KEEP;
}

void guard_close(struct daemon *daemon)
{
	struct guard *guard = &daemon->guard;
	enum dogs_end end = DOGS_KEEP;

	if (guard->dogs) {
		end = how_to_end(daemon);
		dogs_free(guard->dogs, end);
	}
	if (guard->dogs && end != DOGS_KEEP)
		words_end(daemon);
	guard->dogs = NULL;
	loop_timer_free(guard->timer);
	guard->timer = NULL;
	if (guard->phase == GUARD_REBOOTS) /* it is that command that stops obitd */
		hooks_let_run(guard->hooks);
	hooks_free(guard->hooks);
	free(guard->start_mark);
	words_close(daemon);
}

/* ---- obit watchdog ---- */

static const char *phase_name(enum guard_phase phase)
{
	static const char *const names[] = {"feeds", "writes", "hook", "reboots", "starves"};

	return names[phase];
}

/* How long it is fed, or how long until the reset. */
static uint64_t left_ns(const struct daemon *daemon, const struct health_verdict *verdict,
			uint64_t now)
{
	const struct guard *guard = &daemon->guard;
	uint64_t end = guard->fed_ns + dogs_timeout_ns(guard->dogs);

	if (guard->phase != GUARD_STARVES)
		return verdict->left_ns;
	return end > now ? end - now : 0;
}

static void put_health(struct json_object *object, struct daemon *daemon)
{
	struct guard *guard = &daemon->guard;
	uint64_t now = clock_running_ns();
	struct health_verdict verdict;
	char buf[512];

	decide(daemon, now, &verdict);
	put_bool(object, "fed", guard->phase != GUARD_STARVES);
	put_string(object, "phase", phase_name(guard->phase));
	put_bool(object, "healthy", verdict.feed);
	put_string(object, "held_by", verdict.held_by);
	put_string(object, "why", verdict.text);
	put_number(object, "left_ns", left_ns(daemon, &verdict, now));
	put_number(object, "fed_ago_ns", now - guard->fed_ns);
	put_string(object, "ungated", ungated(daemon, buf, sizeof(buf)));
	put_number(object, "reset_limit", daemon->config.watchdog.reset_limit);
	put_number(object, "in_a_row", words_in_a_row(daemon));
	put_json(object, "last_reset", words_last_reset(daemon));
}

struct json_object *guard_render(struct daemon *daemon)
{
	struct json_object *object = json_object_new_object();

	put_json(object, "devices", dogs_render(daemon->guard.dogs));
	if (daemon->guard.dogs)
		put_health(object, daemon);
	return object;
}
