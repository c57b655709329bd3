// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* From nothing to ready, the loop, and back to nothing. */
#include "daemon/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/footprint.h"
#include "base/log.h"
#include "base/protocol.h"
#include "base/stdio.h"
#include "daemon/upgrade.h"
#include "io/aside.h"
#include "io/kernel_btf.h"
#include "io/landlock.h"
#include "io/own_cgroup.h"
#include "io/proc.h"
#include "io/trust.h"

#define OUT_OF_MEMORY_NS NS_PER_SEC /* between two lines that say the same */

void daemon_out_of_memory(struct daemon *daemon, const char *doing)
{
	static const char *last;
	static uint64_t told_ns;
	uint64_t now = clock_running_ns();

	daemon->counters.out_of_memory++;
	if (last == doing && now - told_ns < OUT_OF_MEMORY_NS)
		return;
	last = doing;
	told_ns = now;
	log_error("out of memory while %s; going on without it", doing);
}

int daemon_may_run(const char *path)
{
	char sentence[RECIPE_SENTENCE_SIZE];

	return trust_check(path, sentence);
}

/* ---- signals ---- */

static void reload(struct daemon *daemon)
{
	struct config_error error;

	if (upgrade_is_due()) {
		log_notice("the program has been replaced: upgrade");
		if (upgrade_begin(daemon) < 0)
			log_error("cannot begin an upgrade, or one is under way");
		return;
	}
	if (reload_now(daemon, &error, NULL) < 0)
		log_error("%s; the configuration stays as it was", error.text);
}

static void log_state(const struct daemon *daemon)
{
	const struct instance *instance;

	log_notice("%zu watches, %u processes, %" PRIu64 " respawns", daemon->config.watch_count,
		   HASH_COUNT(daemon->lineage.processes), daemon->counters.respawns);
	DL_FOREACH (daemon->lineage.instances, instance)
		log_notice("%s: %s, pid %u, %u processes, %" PRIu64 " restarts%s%s",
			   watch_of(daemon, instance)->name,
			   policy_state_name(instance->policy.state),
			   instance->main ? instance->main->key.tgid : 0, instance->alive,
			   instance->policy.restarts, *instance->policy.note ? ", " : "",
			   instance->policy.note);
}

static void revive_all(struct daemon *daemon)
{
	struct policy_input revive = {.kind = INPUT_REVIVE};
	struct instance *instance, *next;

	DL_FOREACH_SAFE (daemon->lineage.instances, instance, next)
		if (instance->policy.state == POLICY_BURIED)
			act_step(daemon, instance, &revive, NULL);
}

/* What its children died of is told by their letters; here they are only reaped. */
static void reap(struct daemon *daemon)
{
	siginfo_t child = {0};

	while (waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) == 0 && child.si_pid) {
		pid_t pid = child.si_pid;

		child.si_pid = 0;
		if (hook_events_reap(daemon, pid) || owners_reap(daemon, pid) ||
		    hangs_reap(daemon, pid) || looks_reap(daemon, pid) || guard_reap(daemon, pid) ||
		    probes_reap(daemon, pid) || upgrade_reap(daemon, pid) ||
		    waitpid(pid, NULL, WNOHANG) <= 0)
			continue;
		publish_reaped(daemon, pid);
		words_reaped(daemon, pid);
		if (!daemon->spawner || pid != spawner_pid(daemon->spawner))
			continue;
		log_warning("the spawner has died; starting another");
		children_start_spawner(daemon);
	}
}

static void on_signal(struct daemon *daemon, const struct signalfd_siginfo *info)
{
	switch (info->ssi_signo) {
	case SIGCHLD:
		reap(daemon);
		return;
	case SIGHUP:
		reload(daemon);
		return;
	case SIGUSR1:
		log_state(daemon);
		return;
	case SIGUSR2:
		revive_all(daemon);
		return;
	default:
		daemon->stopping = true;
		daemon->stopped_by = (pid_t)info->ssi_pid;
		return;
	}
}

static void read_signals(struct daemon *daemon)
{
	struct signalfd_siginfo info;

	while (read(daemon->signal_fd, &info, sizeof(info)) == sizeof(info))
		on_signal(daemon, &info);
}

/* Before anything else of a turn: a stop is heard before any respawn, and the state is up to date before a
 * client is answered. */
static void before_turn(void *arg)
{
	struct daemon *daemon = arg;

	glance_anew(daemon);
	read_signals(daemon);
	if (daemon->stopping) /* what dies from now on is for the next daemon to tell */
		return;
	losses_read(daemon);
	keep_helpers(daemon);
}

/* The bell and the signals are answered before the turn: their sources only wake the loop. */
static void on_wake(void *arg, uint32_t events)
{
	(void)arg;
	(void)events;
}

static int open_signals(struct daemon *daemon)
{
	static const int wanted[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		sigaddset(&set, wanted[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	daemon->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (daemon->signal_fd < 0)
		return -errno;
	return loop_add(daemon->loop, daemon->signal_fd, EPOLLIN, on_wake, daemon,
			&daemon->signals);
}

/* ---- start ---- */

static int read_kernel(const struct options *options, bool has[static _KERNEL_FEATURE_MAX])
{
	char error[KERNEL_BTF_ERROR_SIZE];
	int r = kernel_btf_read(options->btf ? options->btf : KERNEL_BTF, has, error);

	if (r < 0)
		log_error("%s", error);
	return r;
}

static int open_kernel_side(struct daemon *daemon, const struct config *config)
{
	bool has[_KERNEL_FEATURE_MAX];
	struct bpf_source_options options = {
		.has = has,
		.pin_dir = daemon->options->pin_dir,
		.btf = daemon->options->btf,
		.ephemeral = daemon->options->ephemeral,
		.max_processes = config->max_processes,
		.recipe_max = (__u32)config_recipe_max(config),
		.ring_bytes = config_ring_bytes(config),
		.before_attach = takeover_before_attach,
	};
	char error[BPF_SOURCE_ERROR_SIZE];
	int confined_end, r = read_kernel(daemon->options, has);

	if (r < 0)
		return r;
	r = proc_namespaces(getpid(), options.namespaces);
	if (r < 0) {
		log_error("cannot read the namespaces of obitd itself in /proc/%d/ns: %s", getpid(),
			  strerror(-r));
		return r;
	}
	options.confined = landlock_start(&confined_end);
	r = bpf_source_open(&options, events_record, daemon, &daemon->source, error);
	landlock_stop(options.confined, confined_end);
	if (r < 0) {
		log_error("%s", error);
		return r;
	}
	if (bpf_source_took_over(daemon->source))
		log_info("took over the letters of an earlier obitd in %s", options.pin_dir);
	bpf_source_set_spawner(daemon->source,
			       daemon->spawner ? (__u32)spawner_pid(daemon->spawner) : 0);
	bpf_source_stats(daemon->source, &daemon->seen);
	r = loop_add(daemon->loop, bpf_source_fd(daemon->source), EPOLLIN, on_wake, daemon,
		     &daemon->bell);
	if (r < 0)
		log_error("cannot wait for the kernel side: %s", strerror(-r));
	return r;
}

static int open_control(struct daemon *daemon)
{
	char error[CONTROL_ERROR_SIZE];
	int r = control_open(daemon->loop, daemon->options->socket, requests_handle, daemon,
			     &daemon->control, error);

	if (r < 0)
		log_error("%s", error);
	return r;
}

static int open_loop(struct daemon *daemon)
{
	int r = loop_new(&daemon->loop);

	if (r == 0)
		r = open_signals(daemon);
	if (r == 0)
		r = loop_timer_new(daemon->loop, act_on_timer, daemon, &daemon->timer);
	if (r == 0)
		r = losses_open(daemon);
	if (r == 0)
		r = launches_open(daemon);
	if (r == 0)
		r = cgroupfs_init(&daemon->cgroupfs);
	if (r == 0)
		r = glance_open(daemon);
	if (r == 0)
		r = hook_events_open(daemon);
	if (r == 0)
		r = owners_open(daemon);
	if (r == 0)
		r = upgrade_open(daemon);
	if (r == 0)
		r = hangs_open(daemon);
	if (r == 0)
		r = looks_open(daemon);
	if (r == 0)
		r = vigil_open(daemon);
	if (r == 0)
		r = probes_open(daemon);
	if (r < 0)
		log_error("cannot set up the event loop: %s", strerror(-r));
	return r;
}

static int apply(struct daemon *daemon, struct config *fresh)
{
	int r = reload_apply(daemon, fresh, NULL);

	if (r < 0)
		log_error("cannot apply the configuration: %s", strerror(-r));
	return r;
}

/* The helper processes first, while there is nothing that they could inherit. Then the socket: it keeps a second
 * daemon off before anything in the kernel or on disk is touched. */
static int start(struct daemon *daemon, struct config *fresh)
{
	int r = children_start_spawner(daemon);

	if (r == 0)
		publish_open(daemon, fresh->history_size);
	if (r == 0)
		words_open(daemon, fresh);
	if (r == 0)
		death_log_open(daemon);
	if (r == 0)
		guard_protect(daemon, fresh);
	if (r == 0)
		r = open_loop(daemon);
	if (r == 0)
		manager_open(daemon);
	if (r == 0)
		r = open_control(daemon);
	if (r == 0)
		r = guard_begin(daemon, fresh);
	if (r == 0)
		r = open_kernel_side(daemon, fresh);
	guard_starting(daemon);
	if (r == 0 && fresh->history_size)
		publish_load(daemon);
	guard_starting(daemon);
	if (r == 0)
		r = audience_open(daemon);
	if (r == 0)
		r = apply(daemon, fresh);
	if (r == 0)
		guard_open(daemon);
	return r;
}

static void stop(struct daemon *daemon)
{
	hook_events_close(daemon);
	owners_close(daemon);
	upgrade_close(daemon);
	hangs_close(daemon);
	looks_close(daemon);
	guard_close(daemon);
	events_free(daemon);
	losses_close(daemon);
	launches_close(daemon);
	act_free(daemon);
	glance_close(daemon);
	probes_close(daemon);
	spawner_stop(daemon->spawner); /* its last children are to have letters */
	vigil_close(daemon);
	loop_source_free(daemon->bell);
	audience_close(daemon);
	bpf_source_close(daemon->source);
	control_close(daemon->control);
	death_log_close(daemon);
	publish_close(daemon);
	manager_close(daemon);
	loop_source_free(daemon->signals);
	close_fdp(&daemon->signal_fd);
	loop_timer_free(daemon->timer);
	loop_free(daemon->loop);
	cgroupfs_clear(&daemon->cgroupfs);
	reload_free(daemon);
	aside_end();
	guard_unprotect(daemon);
	own_cgroup_free(daemon->own_cgroup);
}

static int run(struct daemon *daemon)
{
	while (!daemon->stopping) {
		int r;

		aside_close(); /* what it knows would be old by the next turn */
		r = loop_turn(daemon->loop, before_turn, daemon);
		if (r < 0) {
			log_error("the event loop fails: %s", strerror(-r));
			return r;
		}
		tally_tell(daemon);
		if (!daemon->stopping && upgrade_is_ready(daemon))
			upgrade_execute(daemon);
	}
	return 0;
}

/* Each death that is waited for and each child on its way takes descriptors. What is respawned gets the limit of
 * its recipe, and a hook the one from before. */
static void raise_limits(struct daemon *daemon)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	daemon->files_limit = limit;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_debug("cannot raise the limit of open files: %s", strerror(errno));
}

static bool may_start(void)
{
	if (geteuid() != 0) {
		log_error("must be started by root: it loads programs into the kernel and respawns "
			  "other users' processes");
		return false;
	}
	if (!proc_in_host_pidns()) {
		log_error(
			"runs in a pid namespace of its own, where the kernel's pids mean nothing; "
			"expected the host's (with containers: --pid=host)");
		return false;
	}
	if (!proc_in_host_timens()) {
		log_error("runs in a time namespace of its own, where the kernel's times of deaths "
			  "mean nothing; expected the host's");
		return false;
	}
	return true;
}

/* ---- the background ---- */

/* Returns the descriptor that tells the waiting parent how it went, or -1 in the foreground. The parent
 * never returns. */
static int go_background(const struct options *options, bool upgraded)
{
	int fds[2];
	char ready = 0;
	pid_t pid;

	if (!options->daemonize)
		return -1;
	if (upgraded) {
		log_open("obitd", LOG_SINK_SYSLOG);
		return -1;
	}
	if (pipe2(fds, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		log_error("cannot go into the background: %s", strerror(errno));
		exit(OBIT_EXIT_FAILED);
	}
	if (pid > 0) {
		close(fds[1]);
		_exit(read(fds[0], &ready, 1) == 1 ? OBIT_EXIT_OK : OBIT_EXIT_FAILED);
	}
	close(fds[0]);
	setsid();
	return fds[1];
}

/* A unit that has PrivateTmp=, say. What obitd starts lives where obitd does. */
static void warn_of_namespaces(const struct bpf_source *source)
{
	static const char *const names[OBIT_NAMESPACES] = {
		[OBIT_NS_MNT] = "mount", [OBIT_NS_NET] = "network",   [OBIT_NS_IPC] = "IPC",
		[OBIT_NS_UTS] = "UTS",	 [OBIT_NS_CGROUP] = "cgroup", [OBIT_NS_TIME] = "time",
	};
	const __u32 *own = bpf_source_own_namespaces(source);
	const __u32 *host = bpf_source_init_namespaces(source);

	for (size_t i = 0; i < OBIT_NAMESPACES; i++)
		if (host[i] && own[i] != host[i])
			log_warning(
				"obitd is in a %s namespace of its own: without a command, what "
				"runs in the host's is not respawned",
				names[i]);
}

static void tell_ready(int *background)
{
	log_open("obitd", LOG_SINK_SYSLOG);
	stdio_let_go();
	if (chdir("/") < 0 || write(*background, "1", 1) < 0)
		log_warning("cannot tell the starter that obitd is ready: %s", strerror(errno));
	close_fdp(background);
	*background = -1;
}

int daemon_run(const struct options *options)
{
	struct daemon daemon = {.options = options,
				.signal_fd = -1,
				.started_ns = clock_boot_ns(),
				.running_since_ns = clock_running_ns(),
				.kept_spawner = -1,
				.manager = {.notify = SD_NOTIFY_CLOSED}};
	struct config_error error;
	struct config fresh;
	bool upgraded = upgrade_is_under_way();
	int background, r;

	if (!may_start())
		return OBIT_EXIT_FAILED;
	if (settings_load(options, &fresh, &error) < 0) {
		log_error("%s", error.text);
		return OBIT_EXIT_FAILED;
	}
	log_set_level(fresh.log_level);
	if (!fresh.watch_count)
		log_warning("nothing to watch: no watch in %s; expected one, or a PATTERN on the "
			    "command line",
			    options->config);
	footprint_limit();
	footprint_trim(); /* what reading took: no helper process is to inherit it */
	raise_limits(&daemon);
	background = go_background(options, upgraded);
	log_never_wait();
	config_init(&daemon.config);
	daemon.has_labels = proc_has_labels();
	proc_login_uids(&daemon.people.uid_min, &daemon.people.uid_max);
	r = start(&daemon, &fresh);
	if (r == 0) {
		log_notice("ready: %zu watch%s, %u process%s", daemon.config.watch_count,
			   daemon.config.watch_count == 1 ? "" : "es",
			   HASH_COUNT(daemon.lineage.processes),
			   HASH_COUNT(daemon.lineage.processes) == 1 ? "" : "es");
		warn_of_namespaces(daemon.source);
		if (options->observe)
			log_notice("only observing: nothing is respawned, stopped, or fed");
		if (background >= 0) {
			tell_ready(&background);
			children_start_spawner(&daemon); /* one without the terminal */
		}
		reap(&daemon); /* what an obitd in this process has left, before an upgrade */
		manager_ready(&daemon);
		footprint_shrink(); /* the kernel side's loading has used megabytes */
		r = run(&daemon);
		manager_stopping(&daemon);
		log_notice("stopped; what it watched is left as it is");
	}
	stop(&daemon);
	config_free(&fresh);
	return r < 0 ? OBIT_EXIT_FAILED : OBIT_EXIT_OK;
}
