/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The daemon: wires the sources of events to core, and core's actions to io. One loop, one thread.
 *
 *   arrivals.c  texts of the kernel side, until their record is here
 *   events.c    kernel records -> lineage
 *   losses.c    what the ring could not tell: letters -> events
 *   deaths.c    letters of the dead -> inputs of the policy, obituaries
 *   evidence.c	 what there is to know of a death beyond its letter
 *   audience.c	 who follows the deaths of all processes
 *   publish.c   an obituary -> memory, the history on disk, whoever follows
 *   vigil.c	 who gives signs of life, and when it gave the last
 *   hangs.c	 what hangs -> inputs of the policy
 *   act.c	 the policy's actions, carried out; timers; their results -> inputs
 *   children.c  a child for an instance: asked for, held, released; what it says -> inputs
 *   refusals.c  why a death must not be answered by a respawn
 *   looks.c	 whether what lives would be, before it is stopped for that
 *   signals.c	 a signal -> whom kill_mode says
 *   farewells.c the dead, until they are gone and their instance is over
 *   launches.c  how many children are on their way to their exec at a time, and for how long
 *   owners.c	 who else brings an instance back: asked, and told
 *   outcomes.c	 what has become of a death that was theirs to answer
 *   probes.c	 health from outside: what is up is asked whether it answers
 *   pause.c	 which watches hold their respawns
 *   requests.c  obit(1)'s commands -> inputs; and answers: requests_target.c whom they mean, requests_read.c,
 *               requests_act.c and requests_configure.c what is done, by who may ask for it
 *   settings.c  configuration files -> watches, and the files that those name, looked at
 *   filters.c   watches -> what the kernel side looks for
 *   reload.c    another configuration in place of this one
 *   watches.c   watches that are made and ended by hand, until the next reload
 *   guard.c     health -> whether the hardware watchdog is fed
 *   dogs.c	 its devices
 *   last_words.c what is written down before a reset, and read after it
 *   keep.c      what the next daemon is to know -> the kernel side
 *   upgrade.c   another program in place of this one
 *   takeover.c  what the last daemon has kept -> instances, and on with them
 *   render.c    state -> JSON; render_death.c: a death -> JSON and a sentence
 *   death_log.c deaths -> obitd's log, the system's log
 */
#ifndef OBIT_DAEMON_DAEMON_H
#define OBIT_DAEMON_DAEMON_H

#include <json-c/json.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "base/heap.h"
#include "base/protocol.h"
#include "core/backlog.h"
#include "core/cause.h"
#include "core/config.h"
#include "core/health.h"
#include "core/launch.h"
#include "core/lineage.h"
#include "core/match.h"
#include "core/notify.h"
#include "core/owner.h"
#include "core/secret.h"
#include "io/bpf_source.h"
#include "io/cgroupfs.h"
#include "io/control.h"
#include "io/journal.h"
#include "io/history.h"
#include "io/loop.h"
#include "io/sd_notify.h"
#include "io/scribe.h"
#include "io/spawn.h"
#include "io/vitals.h"
#include "io/watchdog.h"

#define HISTORY_SIZE	  OBIT_REMEMBERED
#define VACANT_MAX	  16   /* instances of one watch that are over and still known */
#define OBITUARY_ARGV_MAX 4096 /* bytes of argv in an obituary */

struct options {
	const char *config; /* paths are absolute */
	bool config_explicit;
	const char *socket;
	const char *pin_dir;
	const char *state_dir; /* NULL: no history on disk */
	const char *btf;
	const char *history; /* of simulate: a file instead of state_dir, or NULL */
	bool check, probe, simulate, json, ephemeral, daemonize;
	bool observe;	 /* decide and tell, but do nothing about it */
	char **argv;	 /* all of them, as they were given, but with absolute paths */
	char **patterns; /* NULL-terminated: watches from the command line */
	size_t pattern_count;
};

/* What is known of a watch beyond its configuration and its instances. */
struct watch_state {
	/* Of main processes: those that this daemon has told, and of those before it the ones that it still
	 * knew when it began to watch under this name. */
	uint64_t deaths;
	struct instance *instances; /* utlist DL by watch_prev and watch_next, the oldest first */
	uint64_t restarts;	    /* of instances that are forgotten */
	uint64_t absent_since_ns;   /* 0: something of it is known */
	struct json_object *last_death; /* a reference, or NULL */
	bool paused;
	uint64_t paused_until_ns;   /* 0: until it is resumed */
	struct obit_key counted;    /* whose death is among `deaths`, the last one */
	struct health_watch health; /* while guard.c looks at all of them */
	struct obit_watch seen;	    /* what is shown of it */
	bool untold;		    /* that is not what was told last */
	size_t next_untold;	    /* the next such one, plus 1; 0: none */
};

/* Who has had it stopped, restarted or killed. */
struct actor {
	const char *command; /* "stop"; NULL: nobody */
	uid_t uid;
	pid_t pid;
	char comm[OWNER_COMM_SIZE]; /* "" where it is not known */
};

/* What a service has said of itself. */
struct vigil {
	struct heap_node node; /* when a sign of life is due */
	uint64_t beat_ns;      /* when the last one came; 0: none is promised yet */
	uint64_t period_ns;    /* between two of them at most; 0: none is wanted */
	bool ready, reloading, leaving;
	bool looks; /* it does not notify, and is looked at: then beat_ns is of the last look that was good */
	int error;
	uint64_t cpu_ns;	   /* of what does not notify: what it had used at the last look */
	struct vitals_stuck stuck; /* the same */
	char *status;		   /* owned; NULL: nothing */
};

/* The daemon's part of an instance. There are many: what is small stands together. */
struct attachment {
	struct daemon *daemon;
	struct instance *instance;
	struct heap_node timer;
	struct attachment *prev,
		*next; /* among those on their way, or those that wait for a place */
	struct loop_source *report_source;
	struct spawn_report *report; /* owned; of the child on its way, or NULL */
	struct obit_key inherited;   /* of a child whose report nobody reads, else 0: then
				      child.report_fd is its pidfd */
	struct heap_node launch;     /* when to look whether it has come to its exec */
	uint64_t released_ns;
	struct obit_key hanged; /* a child that was killed since it did not come to its exec */
	struct owner *owner;	/* who else brings it back; NULL: nobody */
	uint64_t died_ns;
	uint64_t question; /* what its owner was asked or told last, unanswered; 0: nothing */
	struct probe_run *probes; /* owned, as many as its watch has; NULL: not up yet, or none */
	size_t probe_count;
	struct json_object *last_death; /* for its hooks: a reference, or NULL */
	struct vigil vigil;
	struct policy_hang
		*hang; /* owned; found out, and not decided on: its stacks are being read */
	struct json_object *hang_threads; /* of what hung last: a reference, or NULL */
	struct actor actor;		  /* the last one in this life */
	uint64_t launch_number;		  /* which one the last child was asked for with; 0: none */
	struct obit_key born;		  /* who that child is, once its birth is told */
	UT_hash_handle hh;		  /* by that number */
	uint64_t kept_recipe; /* the next daemon finds the recipe under that; 0: nowhere */
	size_t kept_recipe_size;
	uint64_t seen_restarts; /* what of it is counted in its watch's `seen` */
	struct obit_key told;	/* whose death was told, the last one of a main */
	struct loop_source
		*straggler; /* who of its cgroup is waited for when its own processes are gone */
	int straggler_fd;   /* a pidfd; -1 without one */
	struct spawn_child child; /* on its way to exec */
	pid_t spawner;		  /* which one was asked for it */
	uint32_t died_pid;	  /* of its last main */
	unsigned seen_alive;	  /* as seen_restarts */
	bool queued;		  /* it waits for a place */
	bool has_place;		  /* it counts among max_parallel_starts */
	bool released;	     /* the child may go; else it is held until the old process is gone */
	bool asks_again;     /* for a child, since its spawner is ended */
	bool died_as_init;   /* its last main: of a pid namespace of its own */
	bool told_buried;    /* so its hook for that was run */
	bool killed;	     /* by `obit kill`, in this life */
	bool recipe_changed; /* what is kept is another one */
	bool unanswered;     /* what becomes of the death that was told last is not known yet */
	bool failure_told;   /* that a respawn after it has failed has been told */
	bool moves;	     /* its children are moved into their cgroup: see struct spawn_place */
	bool emptying;	     /* its whole cgroup is being stopped */
	bool looking;	     /* somebody looks whether it may be stopped */
	bool restart_waits;  /* for that: an operator's */
	bool untrusted; /* others than root can change its files, as was seen when it began to hang */
};

/* A death whose process is not gone yet. */
struct farewell {
	struct daemon *daemon;
	struct obit_key key;
	int pidfd;
	struct loop_source *source;
	struct farewell *prev, *next;
};

/* An exec whose texts are arriving. */
struct arrival {
	struct obit_key key;
	uint64_t exec_sequence;
	struct recipe *recipe;
	size_t bytes; /* of texts */
	UT_hash_handle hh;
};

/* An obituary in memory: as the line that it is on disk, a fraction of what it takes as an object. */
struct published {
	char *line; /* owned; NULL: none */
	size_t length;
	uint64_t number; /* of history_add(), of the last of it; 0: it was loaded */
	bool loaded;
};

struct daemon_counters {
	uint64_t records;     /* read from the ring */
	uint64_t bad_records; /* that made no sense */
	uint64_t rescans;     /* of letters after a loss */
	uint64_t respawns;
	uint64_t failed_respawns;
	uint64_t out_of_memory;
	uint64_t unkept;	 /* what could not be kept for the next daemon */
	uint64_t notify_foreign; /* datagrams from others than who notifies */
	uint64_t notify_bad;	 /* that made no sense */
	uint64_t journal_lost;	 /* deaths that the system's log did not take */
};

/* How many deaths the log was told lately. */
struct log_window {
	uint64_t began_ns;
	unsigned lines, held;
};

struct obituary {
	const struct process *process;
	const struct evidence *evidence;
	enum process_role role; /* in which it died */
	const struct obit_letter *letter;
	const char *watch; /* NULL: none */
	uint64_t began;	   /* when its program was executed; 0: when it was born */
	const struct policy_output *decision;
	struct json_object *hung;  /* of hangs_render(), or NULL */
	const struct actor *actor; /* NULL: nobody */
};

/* What is done before the watchdog starves, in this order; it is fed until then. */
enum guard_phase {
	GUARD_FEEDS,
	GUARD_WRITES,  /* the reason is on its way to disk */
	GUARD_HOOK,    /* on_starve runs */
	GUARD_REBOOTS, /* the machine is asked to reboot in order */
	GUARD_STARVES,
};

#define GUARD_REASON_SIZE 256

struct guard {
	struct dogs *dogs; /* NULL: no watchdog, or only observing */
	struct loop_timer *timer;
	uint64_t due_ns;	/* when it should call */
	uint64_t late_since_ns; /* since then it has been late each time; 0: it was not */
	uint64_t fed_ns;
	uint64_t starting_since_ns; /* 0: obitd is ready */
	char *start_mark;	    /* owned: the file */
	enum guard_phase phase;
	uint64_t phase_until_ns;
	char reason[GUARD_REASON_SIZE]; /* why it is to starve */
	uint64_t healthy_since_ns;	/* 0: something is ill */
	bool is_volatile;		/* a reset would take the record along */
	bool judged;			/* how the boot before has ended is known */
	bool spared;			/* that it is fed although it should starve was logged */
	struct hooks *hooks;
	uint64_t hook;				 /* which of them is awaited */
	struct scribe *scribe;			 /* NULL: nothing can be written down */
	struct json_object *record;		 /* NULL: none; before it is judged the last one */
	char scribe_error[STATE_DIR_ERROR_SIZE]; /* that was logged */
};

#define MANAGER_STATUS_SIZE 256

/* The service manager that has started obitd. */
struct manager {
	struct sd_notify notify; /* closed: there is none, or none that wants to be told */
	struct loop_timer *status_timer;
	bool status_due;    /* the timer is set */
	char reloading[64]; /* that a reload has begun, while it is untold; "": it is not */
	bool ready_due;	    /* the same of READY=1 */
	char status[MANAGER_STATUS_SIZE]; /* told last */
	struct loop_timer *dog_timer;	  /* NULL: its watchdog does not wait for obitd */
	uint64_t dog_ns;
	bool starves; /* it is not told that obitd is well, and that was logged */
	bool failed;  /* nor could it be told the last time */
};

struct daemon {
	const struct options *options;
	struct config config;
	struct watch_state *watches; /* owned, parallel to config.watches */
	struct match_people people;
	struct match_index match; /* of config */
	struct cgroupfs cgroupfs;
	struct glance *glance;

	struct loop *loop;
	struct bpf_source *source;
	struct loop_source *bell, *signals;
	int signal_fd;
	struct control_server *control;

	struct lineage lineage;
	bool has_labels; /* a security module gives processes labels */
	struct arrival *arrivals;
	size_t arrival_bytes; /* of them all */
	struct farewell *farewells;
	size_t attached;    /* instances: timers, launches and vigils have room for all of them */
	struct heap timers; /* of instances */
	struct loop_timer *timer;
	struct spawner *spawner;
	struct attachment *held;   /* whose child the spawner waits with, or NULL */
	struct attachment *on_way; /* utlist DL: those that have a child, held or released */
	struct attachment
		*queue; /* utlist DL: those that wait for a place, in the order they came */
	unsigned places_taken;
	size_t first_untold;	     /* see struct watch_state */
	struct attachment *launched; /* by the number of their last launch */
	struct heap launches;	     /* of attachments: children that were released */
	uint64_t spawner_heard_ns;   /* when one of its children said something last */
	struct loop_timer *launch_timer;

	struct published published[HISTORY_SIZE]; /* a ring */
	size_t published_next;
	struct history *history;		/* NULL: none on disk */
	char history_error[HISTORY_ERROR_SIZE]; /* what was logged last; "" if it works */
	bool history_full;			/* that lines are lost was logged */
	uint64_t history_lost;			/* when that was logged last */

	struct journal *journal; /* NULL: it could not be opened */
	bool stderr_is_journal;
	bool journal_losing;

	bool hooks_dropping;	       /* that hooks are dropped was logged */
	uint64_t hooks_dropped_before; /* how many had been until then */
	struct hooks *hooks;
	struct hooks *owner_commands;
	struct hooks *stack_readers;
	struct hooks *lookers;
	struct {
		uint64_t id;	 /* of the instance, 0: of none */
		const char *why; /* it must not be stopped; NULL: it may */
	} look;			 /* while that is decided about, what was seen */
	struct notify_server *notify;
	struct heap vigils; /* of attachments */
	struct loop_timer *vigil_timer;
	struct probes *probes;
	uint64_t questions;	       /* so many were put to owners */
	struct rlimit files_limit;     /* of open files, as it was at the start */
	bool protected;		       /* oom_score_adj is not any more */
	int oom_score_adj;	       /* as it was at the start */
	struct own_cgroup *own_cgroup; /* NULL: there is none */

	struct guard guard;
	struct manager manager;
	uint64_t unread_since_ns; /* since then there is more to read than a turn takes; 0: there
				     is not */

	struct daemon_counters counters;
	struct log_window log_window;
	struct obit_stats seen;	   /* what was known of the kernel's counters last */
	uint64_t missed_runs;	   /* the same of bpf_source_missed_runs(), */
	uint64_t missed_runs_ns;   /* asked for at that time */
	uint64_t started_ns;	   /* clock_boot_ns(), and */
	uint64_t running_since_ns; /* clock_running_ns() then */
	/* clock_boot_ns(): what the ring holds from before that may be old news */
	uint64_t rescanned_ns;
	uint64_t collected_ns; /* the same: the reading of letters tells who died before that */
	bool is_ready;	       /* a configuration is in force */
	bool taking_over;      /* the ring holds what no daemon was there to read */
	pid_t kept_spawner, kept_history; /* that the next daemon finds */
	struct backlog backlog;		  /* letters to be read after a loss */
	struct loop_timer *backlog_timer, *heal_timer;
	uint64_t look_again_ns; /* for processes that could not be looked at; 0: for none */
	bool map_full;		/* of letters: some processes are not seen */
	bool followed;		/* somebody wants to hear of all deaths */
	struct loop_timer *follow_timer;
	struct hooks *upgrade_check;
	char upgrade[256]; /* what has become of the last one; "": there was none */
	/* At the end of a turn without hooks, or by then; 0: there is none. */
	uint64_t upgrade_by_ns;
	struct loop_timer *upgrade_timer;
	bool stopping;
	pid_t stopped_by;
};

static inline const struct watch_config *watch_of(const struct daemon *daemon,
						  const struct instance *instance)
{
	return &daemon->config.watches[instance->watch];
}

/* ---- daemon.c ---- */

/* Runs until it is told to stop. Returns the exit status of the process. */
int daemon_run(const struct options *options);

/* Counts it, and says it once. */
void daemon_out_of_memory(struct daemon *daemon, const char *doing);
/* For struct hooks_options: 0 if nobody but root can change what is to be run as root, else -errno. Asked in the child: the
 * file may have come, or changed hands, since the configuration was read. */
int daemon_may_run(const char *path);

/* ---- probe_kernel.c ---- */

/* Prints what this kernel can do. 0, or -errno where obit cannot run on it. */
int probe_kernel(const struct options *options);

/* ---- simulate.c ---- */

/* Tells what the configuration would have done about the recorded deaths. 0 or -errno; has told of a failure. */
int simulate(const struct options *options);

/* ---- settings.c ---- */

/* Reads all that options name into `ret`, resolves symbolic links and checks the files. 0, or -errno with
 * one line in `error`. */
int settings_load(const struct options *options, struct config *ret, struct config_error *error);

/* The same for one watch that was read. */
int settings_check_watch(struct watch_config *watch, struct config_error *error);

/* Warns of the first watch that is critical where no watchdog waits for it. */
void settings_warn_unguarded(const struct config *config);

/* ---- filters.c ---- */

/* Tells the kernel side what to look for; what stays is never absent meanwhile. 0 or -errno. */
int filters_tell(struct daemon *daemon, const struct config *config);

/* What the kernel side looks for on behalf of one path, glob or cgroup of a watch. */
struct bpf_prefix filters_prefix(const char *glob, bool exact);

/* Which watch a letter is of, when nothing but the letter is known: that of the prefix it matched. *ret_path is the
 * executable where that is one path (borrowed), else NULL. */
ssize_t filters_watch_of_letter(const struct daemon *daemon, const struct obit_letter *letter,
				const char **ret_path);

/* ---- reload.c ---- */

/* Makes a freshly loaded configuration the current one (takes it), keeping what is unchanged, and tells the
 * kernel side. `summary` (may be NULL) gets added, removed, changed, kept. 0 or -errno; on failure the
 * old one stays. */
int reload_apply(struct daemon *daemon, struct config *fresh, struct json_object **summary);
/* Reads the configuration again, and applies it. 0 or -errno, with one line in error; `summary` as reload_apply(). */
int reload_now(struct daemon *daemon, struct config_error *error, struct json_object **summary);
void reload_free(struct daemon *daemon);

/* ---- keep.c ---- */

/* All of it is written through at once: a daemon that is killed finds no time for it. What cannot be kept is counted
 * and logged once, and the next daemon does not know it. */

/* State, counters and recipe. To be called before what must not be done twice is done. */
void keep_instance(struct daemon *daemon, struct instance *instance);
void keep_drop_instance(struct daemon *daemon, const struct instance *instance);
/* Where it belongs. */
void keep_process(struct daemon *daemon, const struct process *process);
void keep_watch(struct daemon *daemon, size_t watch);
/* That the watch of that name is no more. */
void keep_drop_watch(struct daemon *daemon, const char *name);
/* That something was not: counted, and logged the first time. `error` is a -errno. */
void keep_failed(struct daemon *daemon, const char *what, int error);
/* Which helper processes there are. To be called when they may be others. */
void keep_helpers(struct daemon *daemon);

/* ---- tally.c ---- */

/* To be called when the number of its processes, or of its restarts, may be another one. */
void tally_instance(struct daemon *daemon, const struct instance *instance);
/* Before it is forgotten. */
void tally_drop(struct daemon *daemon, const struct instance *instance);
/* Of a main process; `deaths` of its watch is right already. */
void tally_death(struct daemon *daemon, size_t watch, const struct obit_key *key,
		 const struct obit_exit *exit);
/* Tells the kernel side what is new; once a turn. */
void tally_tell(struct daemon *daemon);
/* What an earlier daemon had told. */
void tally_recall(struct daemon *daemon);
/* Counts all anew, under another configuration. */
void tally_all(struct daemon *daemon);

/* ---- takeover.c ---- */

/* Ends what the last daemon has left running for itself: see bpf_source_options. */
void takeover_before_attach(void *arg, struct bpf_source *source);
/* Goes on with what the last daemon has kept, and reads what nobody was there to read. To be called once, with the
 * configuration in force. */
void takeover(struct daemon *daemon);
/* True if the daemon was not there at that time, and somebody may have told what happened then. */
bool takeover_is_before(const struct daemon *daemon, uint64_t time_ns);
/* The same, and it is too long ago to be answered by a respawn. */
bool takeover_is_too_old(const struct daemon *daemon, uint64_t time_ns);

/* ---- watches.c ---- */

/* Adds the watch that the words make, see config_read_words(). *ret_watch is its index. 0; or with one line in error
 * -EINVAL where the words are wrong, or another -errno. */
int watches_add(struct daemon *daemon, const char *const *words, size_t count, size_t *ret_watch,
		struct config_error *error);
/* Ends a watch: its instances are forgotten, its processes are left as they are. */
int watches_remove(struct daemon *daemon, size_t watch, struct config_error *error);

/* ---- arrivals.c ---- */

/* A piece of text; the record that ends it comes later. */
void arrivals_text(struct daemon *daemon, const struct obit_text_record *text);
/* The recipe that the texts of this exec make; one without texts where they were lost. NULL without memory; the
 * caller's. */
struct recipe *arrivals_exec(struct daemon *daemon, const struct obit_exec_record *exec);
/* What was sent on the process's last way (cgroup, cwd), or NULL; the caller's. */
struct recipe *arrivals_death(struct daemon *daemon, const struct obit_key *key);
void arrivals_forget(struct daemon *daemon, const struct obit_key *key);
void arrivals_free(struct daemon *daemon);

/* ---- events.c ---- */

/* One record of the ring. */
void events_record(void *arg, const void *data, size_t size);
/* One letter, that the ring may have told of or not. */
void events_letter(struct daemon *daemon, const struct obit_key *key,
		   const struct obit_letter *letter);
/* The process is tracked no longer. */
void events_forget(struct daemon *daemon, const struct obit_key *key);
/* Forgets an instance and stops tracking its processes. */
void events_drop_instance(struct daemon *daemon, struct instance *instance);
void events_free(struct daemon *daemon);

/* ---- losses.c ---- */

int losses_open(struct daemon *daemon);
void losses_close(struct daemon *daemon);
/* Reads what the kernel side has to tell: letters after a loss, else the ring. */
void losses_read(struct daemon *daemon);
/* Finds what runs already and what the ring has lost: scans, then takes every letter, some each turn of the
 * loop. Until that is done the ring waits: what it holds is newer. */
void losses_rescan(struct daemon *daemon);
/* For a process that could not be looked at: all are, in a minute. */
void losses_look_again(struct daemon *daemon);

/* ---- deaths.c ---- */

/* What the letter of a process that is known says of its death. */
void deaths_bury(struct daemon *daemon, struct process *process, const struct obit_letter *letter);
/* The letter of a process that is dead and was never seen alive by this daemon. Nothing is respawned: there is
 * no recipe. */
void deaths_bury_stranger(struct daemon *daemon, const struct obit_key *key,
			  const struct obit_letter *letter);

/* ---- publish.c ---- */

/* Gets the history on disk ready, without touching anything there; a failure is logged and done without.
 * `size` is what the configuration will say: the process is started early if there is to be one. */
void publish_open(struct daemon *daemon, uint64_t size);

/* Fills the memory with the newest obituaries on disk. To be called before the first of this daemon's own. */
void publish_load(struct daemon *daemon);

/* True if the death of this process is among what publish_load() has found. */
bool publish_has_told(const struct daemon *daemon, const struct obit_key *key);

/* Makes the configured size of the history take effect. */
void publish_configure(struct daemon *daemon);

/* To be called for each child that was reaped: starts the history's process again if it was that. */
void publish_reaped(struct daemon *daemon, pid_t pid);

/* Counts the death of a main process, once. */
void publish_count(struct daemon *daemon, size_t watch, const struct obit_key *key);

/* Tells a finished obituary to all: memory, the watch (MATCH_NONE: none), the history on disk, followers. */
void publish_obituary(struct daemon *daemon, const struct obituary *obituary, ssize_t watch);

/* The same of what has become of a death (outcomes.c): the death of that key has it as its "outcome". */
void publish_outcome(struct daemon *daemon, size_t watch, struct json_object *record);

/* Calls `fn` with the obituaries in memory, the newest first, until it returns false. They are borrowed; `length`
 * is that of the line of JSON. */
typedef bool publish_fn(void *arg, struct json_object *obituary, size_t length);
void publish_newest(const struct daemon *daemon, publish_fn *fn, void *arg);

/* The watch of which a main process died; NULL for the deaths of others, and for that of a parent when the
 * service had gone into the background. Borrowed from the obituary. */
const char *publish_main_of(struct json_object *obituary);

/* The answer to `log`, see base/protocol.h. A new reference. */
struct json_object *publish_log(const struct daemon *daemon, bool with_pending);

void publish_close(struct daemon *daemon);

/* ---- glance.c ---- */

int glance_open(struct daemon *daemon);
void glance_close(struct daemon *daemon);
/* What was seen is forgotten: to be called each turn of the loop. */
void glance_anew(struct daemon *daemon);

/* That the host is (runlevel 0 or 6). */
bool glance_goes_down(const struct daemon *daemon);
/* That it is the daemon's cgroup, or the one where its children are born; in that hierarchy, or with NULL in any. */
bool glance_is_own_cgroup(const struct daemon *daemon, const __u32 *hierarchy, const char *path);
/* A process, who has started that, and so on. */
void glance_ancestors(const struct daemon *daemon, pid_t child, struct owner_suspect *ret);

/* ---- act.c ---- */

int act_attach(struct daemon *daemon, struct instance *instance);
void act_detach(struct daemon *daemon, struct instance *instance);

/* What was done to the life before does not matter any more. */
void act_begin_life(struct instance *instance);
/* Another process of the instance is main now. */
void act_make_main(struct daemon *daemon, struct instance *instance, struct process *heir);
/* One step of the instance's policy; then what follows from it. */
void act_decide(struct instance *instance, const struct policy_input *input,
		struct policy_output *ret);
void act_carry_out(struct daemon *daemon, struct instance *instance,
		   const struct policy_output *decision);
/* Both. `out` (may be NULL) gets the decision. */
void act_step(struct daemon *daemon, struct instance *instance, const struct policy_input *input,
	      struct policy_output *out);

/* Sets the timer that the policy of another daemon has asked for. */
void act_rearm(struct instance *instance);

void act_on_timer(void *arg);
void act_free(struct daemon *daemon);

/* ---- children.c ---- */

/* Starts the spawner, at first and whenever it has died. 0 or -errno. */
int children_start_spawner(struct daemon *daemon);
/* Another spawner, where the present one waits with a child that hangs; what that has not made yet is asked of the
 * new one. */
void children_replace_spawner(struct daemon *daemon);

/* Answers ACTION_SPAWN: has a child made and released, at once or when there is a place for it. */
void children_spawn(struct instance *instance);
/* Makes the child that has waited for a place. */
void children_launch(struct instance *instance);
/* While the old process is on its way out, its successor is made and held; where something else comes between
 * them, it is let go. */
void children_hold_or_drop(struct daemon *daemon, struct instance *instance);

/* A child of the spawner is born: it is main of who has asked for it, from its release on. */
void children_born(struct daemon *daemon, const struct obit_key *key,
		   const struct obit_letter *letter);
/* The kernel side has seen the exec of a child of the spawner. The end of its report may come later, when the spawner,
 * which holds it as well, has let go of it: by then a short life is over. */
void children_execed(struct daemon *daemon, const struct obit_key *key, uint64_t launch);
/* Reads what the children on their way have said so far. */
void children_read_reports(struct daemon *daemon);
/* The same of one, by the number of its launch. To be called before its exec or death is interpreted. */
void children_hear(struct daemon *daemon, uint64_t launch);

/* A child that is known by its letter alone goes on its way; "`by` it" says for whom it was made. 0, or -errno where it
 * is gone. */
int children_inherit(struct daemon *daemon, struct instance *instance, const struct obit_key *key,
		     const char *by);

/* The child of an instance is dead before it executed anything, and will say no more. */
void children_forget(struct instance *instance);
/* Kills the child that has not come to its exec in time, and tells the policy. */
void children_give_up(struct instance *instance);
/* The instance is forgotten. */
void children_detach(struct attachment *attachment);

/* ---- signals.c ---- */

/* An operator's signal to whom kill_mode says; the policy learns of what follows from it. Returns to how many. */
unsigned signals_kill(struct daemon *daemon, struct instance *instance, int signal);
/* The same of the policy's. */
unsigned signals_send(struct daemon *daemon, struct instance *instance, int signal);
#define SIGNALS_WHOLE_CGROUP UINT_MAX /* how many were in its cgroup */

/* The service's cgroup, unless that is nobody's own: the root, or the daemon's. */
const char *signals_cgroup(const struct daemon *daemon, const struct recipe *recipe);

/* ---- farewells.c ---- */

/* Waits until a dead process is gone, then tells its instance. `long_ago`: it may have died under an earlier daemon, and its pid
 * be somebody else's by now. */
void farewells_await(struct daemon *daemon, const struct obit_key *key, bool long_ago);

/* To be called when a process has left the instance or is gone: tells the policy if none is left, and with kill_mode = cgroup
 * if its cgroup is empty after a stop. */
void farewells_tell_if_over(struct daemon *daemon, struct instance *instance);

void farewells_forget_straggler(struct attachment *attachment);
void farewells_free(struct daemon *daemon);

/* ---- refusals.c ---- */

/* Why a death of this instance must not be answered by a respawn; NULL if it may. Whether others than root can change what
 * root would run is left to the child: to look at files may take as long as a file system likes. */
const char *refusals_of_death(struct daemon *daemon, struct instance *instance,
			      const struct obit_letter *letter,
			      char buf[static RECIPE_SENTENCE_SIZE]);
/* What is known of that before it dies, and what the child would look at: files. */
const char *refusals_of_recipe(const struct daemon *daemon, const struct instance *instance,
			       char buf[static RECIPE_SENTENCE_SIZE]);
/* The part of it that lies in how the process was started, and holds for an operator's start, too. */
const char *refusals_of_start(const struct daemon *daemon, const struct instance *instance,
			      char buf[static RECIPE_SENTENCE_SIZE]);
/* The files that the child would look at, one after the other. False if there are none. */
bool refusals_guarded(const struct daemon *daemon, const struct instance *instance,
		      const char *ret[static LAUNCH_GUARDED]);
/* `why`, and the way out. Returns `buf`. */
const char *refusals_with_command(const struct watch_config *watch, const char *why,
				  char buf[static RECIPE_SENTENCE_SIZE]);

/* ---- looks.c ---- */

int looks_open(struct daemon *daemon);
void looks_close(struct daemon *daemon);
/* To be called for each child that has ended, before it is reaped. True: it had looked, and is reaped. */
bool looks_reap(struct daemon *daemon, pid_t pid);

/* To be asked before what lives is stopped to be started again. True: somebody looks whether it may be, and the deaths of its
 * members are told when that is known. False: it is known, or nobody can tell before the child. */
bool looks_first(struct daemon *daemon, struct instance *instance);
/* The same for an operator's restart, which is done then. */
bool looks_before_restart(struct daemon *daemon, struct instance *instance);
/* What was seen, as long as that is decided about: why it must not be stopped; NULL if it may. */
const char *looks_refusal(const struct daemon *daemon, const struct instance *instance,
			  char buf[static RECIPE_SENTENCE_SIZE]);

/* ---- hangs.c ---- */

int hangs_open(struct daemon *daemon);
void hangs_close(struct daemon *daemon);
/* To be called for each child that has ended, before it is reaped. True: it had read stacks, and is reaped. */
bool hangs_reap(struct daemon *daemon, pid_t pid);

/* The instance lives, and does not do its work; to be told again as long as that is so. `pid` is the process that gave
 * it away (0: main), `words` says how: "no WATCHDOG=1 for 30s". The policy hears of it a moment later, when it is known
 * where the threads of the process are in the kernel. */
void hangs_report(struct daemon *daemon, struct instance *instance, enum hang_by by, pid_t pid,
		  uint64_t for_ns, const char *words);
/* It does again, by the same witness. Costs nothing where nothing else was reported. */
void hangs_recovered(struct daemon *daemon, struct instance *instance, enum hang_by by);
/* Another life begins: what was found out, and is not decided on, was of the one before. */
void hangs_forget(struct instance *instance);
/* What an obituary says of it: a new reference, or NULL where it does not hang. */
struct json_object *hangs_render(const struct instance *instance);

/* What was decided about it when start_timeout had passed. */
void hangs_tell(struct daemon *daemon, struct instance *instance,
		const struct policy_output *decision);

/* ---- vigil.c ---- */

int vigil_open(struct daemon *daemon);
void vigil_close(struct daemon *daemon);
/* Where the instance is to notify; NULL: it is not to. Borrowed. */
const char *vigil_socket(struct daemon *daemon, const struct instance *instance);
/* A new life begins; has begun, started by obit; the instance is forgotten. */
void vigil_begin(struct daemon *daemon, struct instance *instance);
void vigil_started(struct daemon *daemon, struct instance *instance);
/* Looks whether it gets on, from now on, where it does not notify and the configuration wants that; no longer where
 * it notifies. */
void vigil_follow(struct daemon *daemon, struct instance *instance);
void vigil_end(struct attachment *attachment);
/* An earlier daemon had started it, and what it has said meanwhile nobody has heard: it counts as ready. */
void vigil_resume(struct daemon *daemon, struct instance *instance);
/* Adds what it says of itself: STATUS (without control characters), RELOADING and ERRNO. */
void vigil_render(const struct instance *instance, struct json_object *object);
/* Adds the counters of datagrams. */
void vigil_counters(const struct daemon *daemon, struct json_object *object);

/* ---- launches.c ---- */

int launches_open(struct daemon *daemon);
void launches_close(struct daemon *daemon);
/* True if it may start now. Else it is queued, and children_launch() is called when it is its turn. */
bool launches_admit(struct attachment *attachment);
/* It wants no place any more. */
void launches_leave(struct attachment *attachment);
/* The child was released; from now on it has so long. */
void launches_begin(struct attachment *attachment);
/* It has executed its program, or is none of ours any more. */
void launches_end(struct attachment *attachment);
/* The spawner goes on: one of its children has said something. */
void launches_heard(struct daemon *daemon);

/* ---- owners.c ---- */

int owners_open(struct daemon *daemon);
void owners_close(struct daemon *daemon);
/* To be called for each child that has ended, before it is reaped. True: it was a question or an order, and is reaped. */
bool owners_reap(struct daemon *daemon, pid_t pid);

/* Finds out who else brings an instance back: at its start, where its main process tells, and at the death of it. */
void owners_meet(struct daemon *daemon, struct instance *instance);
/* Of an instance that another daemon has had. */
void owners_meet_again(struct daemon *daemon, struct instance *instance);
void owners_meet_at_death(struct daemon *daemon, struct instance *instance,
			  const struct obit_key *key, const struct obit_letter *letter,
			  const char *cgroup);
void owners_forget(struct attachment *attachment);
/* The configuration is another one now than `before`, which is about to be freed. */
void owners_follow_reload(struct daemon *daemon, const struct config *before);

/* Who of them has ended it, in words; NULL: nobody of them. */
const char *owners_ended_it(const struct instance *instance, const struct evidence *evidence,
			    char buf[static OWNER_SIZE]);

/* Why the owner stands in the way of a respawn and is not to be asked; NULL if it does not, or is. */
const char *owners_refusal(const struct daemon *daemon, const struct instance *instance,
			   char buf[static RECIPE_SENTENCE_SIZE]);

/* Why the owner may start again what an operator has stopped without it: "it belongs to ...", or NULL. */
const char *owners_remark(const struct instance *instance, char buf[static RECIPE_SENTENCE_SIZE]);

/* The policy's ACTION_ASK_OWNER, ACTION_RESTART_BY_OWNER and ACTION_STOP_BY_OWNER. */
void owners_ask(struct daemon *daemon, struct instance *instance);
void owners_stop(struct daemon *daemon, struct instance *instance);
void owners_restart(struct daemon *daemon, struct instance *instance);

/* ---- outcomes.c ---- */

/* How it stood before a step. */
struct outcome_before {
	enum policy_state state;
	bool unanswered;
};
struct outcome_before outcomes_before(const struct instance *instance);
/* Tells what the step has come to, where a death waits for that. */
void outcomes_follow(struct instance *instance, const struct outcome_before *before,
		     const struct policy_input *input, const struct policy_output *decision);
/* The death of its main was told: what comes next is about that one. */
void outcomes_await(struct instance *instance, const struct policy_output *decision);
/* What an owner is asked or told may be answered at once: its death is told before. */
bool outcomes_may_follow(const struct policy_output *decision);

/* ---- probes.c ---- */

int probes_open(struct daemon *daemon);
void probes_close(struct daemon *daemon);
/* To be called for each child that has ended, before it is reaped. True: it was a probe, and is reaped. */
bool probes_reap(struct daemon *daemon, pid_t pid);
/* The state of the instance may have changed. */
void probes_follow(struct daemon *daemon, struct instance *instance);
void probes_forget(struct attachment *attachment);
/* The instance goes on under another configuration of its watch, while the old one is still there. Probes that are
 * as they were keep what they know. */
void probes_set_config(struct instance *instance, const struct watch_config *watch);
/* Afterwards. */
void probes_go_on(struct daemon *daemon, struct instance *instance);
/* The results, as JSON; a new reference. */
struct json_object *probes_render(const struct instance *instance);
/* What is wrong as a sentence, "probe failing 2 of 3: TARGET: no answer within 2s"; NULL: nothing. */
const char *probes_note(const struct instance *instance, char buf[static POLICY_NOTE_SIZE]);

/* ---- pause.c ---- */

/* Holds the respawns of a watch for so long; 0: until pause_end(). A pause in force is replaced. */
void pause_begin(struct daemon *daemon, size_t watch, uint64_t for_ns);
/* Respawns what was held. */
void pause_end(struct daemon *daemon, size_t watch);
/* True if the watch is paused; *ret_left_ns is how long it still is, 0 until it is resumed. */
bool pause_is_on(const struct daemon *daemon, size_t watch, uint64_t *ret_left_ns);
/* Pauses, for so long (0: until it is resumed), or resumes one instance. */
void pause_instance(struct daemon *daemon, struct instance *instance, bool pause, uint64_t for_ns);
/* Makes a new instance share the pause of its watch. */
void pause_inherit(struct daemon *daemon, struct instance *instance);

/* ---- guard.c ---- */

/* Makes the daemon one of the last to be killed, where a watchdog depends on it; what it starts is not. To be called
 * behind the first forks, and before the hooks are set up. */
void guard_protect(struct daemon *daemon, const struct config *config);
/* Makes it what it was at the start: for another program in its place, or at its end. */
void guard_unprotect(struct daemon *daemon);
/* After guard_unprotect(). */
void guard_protect_again(struct daemon *daemon);

/* Begins with the start: what an earlier daemon has left armed is fed from now on, for as long as a start may take. 0 or
 * -errno. */
int guard_begin(struct daemon *daemon, const struct config *config);
/* To be called often until guard_open(): feeds what is due. */
void guard_starting(struct daemon *daemon);
/* All is known, and the decision is about all of it: what is not armed yet is armed now. */
void guard_open(struct daemon *daemon);
/* Decides anew whether to feed: call after anything that may change health. */
void guard_check(struct daemon *daemon);
/* The last words are on disk, or never will be. */
void guard_words_written(struct daemon *daemon);
/* To be called for each child that has ended, before it is reaped. True: it was a hook of the watchdog's. */
bool guard_reap(struct daemon *daemon, pid_t pid);
/* The answer to `watchdog`. A new reference. */
struct json_object *guard_render(struct daemon *daemon);
void guard_close(struct daemon *daemon);
/* How it stands with one watch, were it the only critical one. */
void guard_judge(const struct daemon *daemon, size_t watch, struct health_verdict *ret);

/* The decision itself, for whoever else waits for obitd; `why` not. */
bool guard_would_feed(struct daemon *daemon, char why[static GUARD_REASON_SIZE]);

/* ---- manager.c ---- */

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID of the environment. What goes wrong is logged. */
void manager_open(struct daemon *daemon);
void manager_close(struct daemon *daemon);
void manager_ready(struct daemon *daemon);
/* A reload begins; manager_ready() ends it. */
void manager_reloading(struct daemon *daemon);
void manager_stopping(struct daemon *daemon);
/* Something may have changed that the status tells: it is told soon. */
void manager_changed(struct daemon *daemon);

/* ---- dogs.c ---- */

enum dogs_end {
	DOGS_DISARM,
	DOGS_KEEP,     /* they go on, and reset the machine */
	DOGS_SHUTDOWN, /* the same, with all the time that they can give */
};

/* Those of the configuration, none of them open. 0 or -ENOMEM: *ret may be set all the same. */
int dogs_new(const struct watchdog_config *config, struct dogs **ret);
/* Those that an earlier daemon has left armed. */
void dogs_open_running(struct dogs *dogs, const struct watchdog_config *config);
/* Those that are not open yet. */
void dogs_open(struct dogs *dogs, const struct watchdog_config *config);
/* Feeds those that are open. Allocates nothing. */
void dogs_feed(struct dogs *dogs);
/* How often to do that. */
uint64_t dogs_interval_ns(const struct dogs *dogs);
/* The shortest timeout of those that are open; 0: none is. */
uint64_t dogs_timeout_ns(const struct dogs *dogs);
/* False: none was opened yet. *ret_told: the first one says by what the machine was started: *ret_status. */
bool dogs_boot_status(const struct dogs *dogs, bool *ret_told, unsigned *ret_status);
/* An array. */
struct json_object *dogs_render(const struct dogs *dogs);
void dogs_free(struct dogs *dogs, enum dogs_end end);

/* ---- last_words.c ---- */

/* Starts the process that writes, if there is a watchdog to be. */
void words_open(struct daemon *daemon, const struct config *config);
/* Reads what there is. */
void words_attach(struct daemon *daemon);
/* Finds out how the boot before has ended, by the device's own words, and begins the record of this one. */
void words_judge(struct daemon *daemon, bool told, unsigned status);
/* So many resets without an hour of health between. */
unsigned words_in_a_row(const struct daemon *daemon);
void words_starve(struct daemon *daemon, const char *watch, const char *reason);
void words_take_back(struct daemon *daemon);
/* An orderly reboot is under way. */
void words_reboot(struct daemon *daemon);
/* obitd is stopped in order. */
void words_end(struct daemon *daemon);
/* There was an hour of health. */
void words_settle(struct daemon *daemon);
struct json_object *words_last_reset(const struct daemon *daemon); /* a new reference, or NULL */
struct json_object *words_starved(const struct daemon *daemon);	   /* borrowed, or NULL */
void words_reaped(struct daemon *daemon, pid_t pid);
void words_close(struct daemon *daemon);

/* ---- requests.c ---- */

void requests_handle(void *arg, struct control_client *client, const char *command,
		     struct json_object *json, bool may_act);

/* ---- evidence.c ---- */

struct evidence {
	enum death_cause cause;
	bool has_fatal, has_asked;
	struct obit_signal
		fatal; /* the signal that ended it, where one did and its sender is known */
	struct obit_signal asked; /* the last request to stop by another process, not long before */
	char *cgroup;		  /* at death; NULL where unknown. Owned, as the next ones */
	char *core_path, *core_handler;
};

#define STOP_GRACE (90 * NS_PER_SEC) /* of what belongs to no watch */
/* `image` and `last_texts` (what the kernel side sent on the process's last way) may be NULL. A request to stop that is
 * older than `grace_ns` has nothing to do with the death. */
void evidence_gather(struct daemon *daemon, const struct obit_key *key,
		     const struct obit_letter *letter, const struct image *image,
		     const struct recipe *last_texts, uint64_t grace_ns, struct evidence *ret);
void evidence_done(struct evidence *evidence);

/* ---- hook_events.c ---- */

int hook_events_open(struct daemon *daemon);
/* Those that run are ended. */
void hook_events_close(struct daemon *daemon);
/* So many run, or wait. */
unsigned hook_events_left(const struct daemon *daemon);
/* Says what becomes of them when the process executes another program. */
void hook_events_leave(const struct daemon *daemon);

/* A main process has died, for good. `instance` may be NULL; `json` is the obituary. */
void hook_events_exit(struct daemon *daemon, size_t watch, struct instance *instance,
		      struct json_object *json);
/* The instance was respawned, by itself and not by an operator. */
void hook_events_restart(struct daemon *daemon, struct instance *instance, pid_t pid);
/* The state of the instance may have changed; if it is buried now, somebody wants to know. */
void hook_events_state(struct daemon *daemon, struct instance *instance);

/* The instance hangs, and that is done about it. */
void hook_events_hang(struct daemon *daemon, struct instance *instance,
		      const struct policy_output *decision);

/* To be called for each child that has ended, before it is reaped. True: it was a hook, and is reaped. */
bool hook_events_reap(struct daemon *daemon, pid_t pid);
uint64_t hook_events_dropped(const struct daemon *daemon);

/* ---- audience.c ---- */

int audience_open(struct daemon *daemon);
void audience_close(struct daemon *daemon);
/* A death that no watch has to do with. */
void audience_tell(struct daemon *daemon, const struct obit_key *key, const struct obit_exit *exit);
/* So many of them were lost in the kernel. */
void audience_tell_loss(struct daemon *daemon, uint64_t count);

/* ---- render.c ---- */

/* All of them return a new reference, or NULL without memory. */
#define PROCESS_KEY_SIZE 32
/* "pid:start", as an obituary's "process_key". */
void render_process_key(const struct obit_key *key, char buf[static PROCESS_KEY_SIZE]);
struct json_object *render_obituary(const struct obituary *obituary);
struct json_object *render_watch(const struct daemon *daemon, size_t watch);
struct json_object *render_instance(const struct instance *instance);
/* `only` may be NULL: all instances. */
struct json_object *render_show(const struct daemon *daemon, size_t watch,
				const struct instance *only, enum secret_view view);
struct json_object *render_stats(struct daemon *daemon);
/* render_config.c */
struct json_object *render_config(const struct watch_config *config);
/* What of it says whom the watch means. */
struct json_object *render_match(const struct watch_config *config);

/* How much it matters: LOG_NOTICE or LOG_DEBUG. */
int render_death_level(const struct obituary *obituary);

#define DEATH_SENTENCE_SIZE 1024
/* "web: pid 4711 killed by SIGKILL after 3.2s: respawned at once" */
void render_death_sentence(const struct obituary *obituary, char buf[static DEATH_SENTENCE_SIZE]);

/* The state of a watch: that of its instances, the worst first; "absent" if it has none. */
const char *render_watch_state(const struct daemon *daemon, size_t watch);

/* ---- render_unwatched.c ---- */

#define UNWATCHED_LINE_SIZE 2048 /* more than its longest */
/* The obituary of a process that no watch has to do with, with all the names of an obituary, as a line of JSON without
 * its newline: what the kernel side tells of everybody. Returns its length. */
size_t render_unwatched(const struct obit_key *key, const struct obit_exit *exit,
			char line[static UNWATCHED_LINE_SIZE]);

/* ---- journal_fields.c ---- */

/* Names and values are printable; values are cut at 4 KiB. */
struct journal_fields {
	struct journal_field items[JOURNAL_MAX_FIELDS]; /* with room for one more */
	size_t count;
	char text[65536]; /* what the items point to */
	size_t used;
};

/* What is known in an obituary, under OBIT_NAME; of an object in it each part, under OBIT_NAME_PART; argv
 * joined, under OBIT_CMDLINE. */
void journal_fields_of(struct json_object *obituary, struct journal_fields *ret);

/* ---- death_log.c ---- */

void death_log_open(struct daemon *daemon);
void death_log_close(struct daemon *daemon);

/* The line on a death, before it is acted on; unless the system's log is where obitd's own lines go: then the
 * entry there is the line. */
void death_log_line(struct daemon *daemon, const struct obituary *obituary);

/* The entry for the system's log, afterwards: a death is acted on first. `json` is the obituary's. */
void death_log_entry(struct daemon *daemon, const struct obituary *obituary,
		     struct json_object *json);

#endif
