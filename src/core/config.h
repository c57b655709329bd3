/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The configuration, from a buffer to a checked structure. Pure: reads no file, and the caller
 * (io/files) has decided that the buffer may be trusted. */
#ifndef OBIT_CORE_CONFIG_H
#define OBIT_CORE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/probe_target.h"
#include "core/wait_status.h"

struct string_list {
	char **items; /* owned, each non-NULL */
	size_t count;
};

enum restart_when {
	RESTART_NO,
	RESTART_ON_SUCCESS,
	RESTART_ON_FAILURE,
	RESTART_ON_ABNORMAL,
	RESTART_ON_ABORT,
	RESTART_ON_WATCHDOG,
	RESTART_ALWAYS,
	_RESTART_WHEN_MAX
};

enum kill_mode { KILL_MODE_PROCESS, KILL_MODE_INSTANCE, KILL_MODE_CGROUP, _KILL_MODE_MAX };

/* What to do about a process that another manager (systemd, a container engine, a supervisor) owns. */
enum owner_mode { OWNER_AUTO, OWNER_RESPECT, OWNER_ASK, OWNER_IGNORE, _OWNER_MODE_MAX };

/* By what it is seen that something hangs which does not notify. */
enum hang_on {
	HANG_ON_CPU,	/* no CPU time, though it is not asleep */
	HANG_ON_RUN,	/* no CPU time */
	HANG_ON_DSTATE, /* a thread that cannot be interrupted */
	_HANG_ON_MAX
};

/* Which exec-time uids a watch matches. */
enum uid_match { UID_SERVICE, UID_ANY, UID_LIST };

struct uid_rule {
	enum uid_match match;
	uint32_t *uids; /* for UID_LIST: owned */
	size_t uid_count;
};

/* Which containers: the host only, all, or a glob on the container id. */
enum container_match { CONTAINER_NO, CONTAINER_ANY, CONTAINER_GLOB };

#define ACCOUNT_GROUPS_MAX 64

/* An entry of the user database. */
struct account {
	uint32_t uid, gid;
	uint32_t groups[ACCOUNT_GROUPS_MAX]; /* supplementary ones */
	uint32_t group_count;
};

/* A question to a service from outside: whether it still answers. */
struct probe_config {
	enum probe_type type;
	char *target; /* an address, a URL, a path or a command, as `type` says */
	char *expect; /* http: text that the answer has; NULL: any */
	char *user;   /* command: who runs it; NULL: root */
	unsigned target_line, user_line;
	struct account *account; /* owned: who that is, looked up by the caller of config_parse() */
	uint64_t interval_ns;	 /* from one to the next */
	uint64_t timeout_ns;	 /* at most interval_ns */
	unsigned threshold;	 /* so many failures in a row are a hang */
	uint64_t grace_ns;	 /* between the start of an instance and the first */
};

/* Where the keys of a watch were written that its caller looks at again; 0: nowhere. */
struct watch_lines {
	unsigned path, command, user, directory, critical, on_exit, on_restart, on_give_up, on_hang;
};

struct watch_config {
	char *name;
	char *file;    /* where it was written, for messages */
	unsigned line; /* 0: in no file */
	struct watch_lines lines;

	/* A process that somebody adopted by hand (`obit watch --pid`), of which `path` is the executable. 0: none.
	 * Who else is meant says events.c. */
	uint32_t pid;
	uint64_t pid_start_ns;	   /* after boot, rounded down to a clock tick */
	struct string_list path;   /* absolute paths or globs; empty: any */
	struct string_list cgroup; /* absolute cgroup paths or globs; empty: any */
	char *argv0;		   /* NULL: any */
	char *args;		   /* glob on argv[1..] joined by single spaces; NULL: any */
	struct uid_rule uid;
	enum container_match container;
	char *container_glob; /* for CONTAINER_GLOB */

	enum restart_when restart;
	struct status_set success_exit_status;
	struct status_set restart_prevent_exit_status;
	struct status_set restart_force_exit_status;

	uint64_t backoff_initial_ns;
	double backoff_factor; /* >= 1 */
	uint64_t backoff_max_ns;
	double backoff_jitter; /* 0 to 1 */
	uint64_t backoff_reset_ns;

	unsigned start_limit_burst; /* 0: never */
	uint64_t start_limit_interval_ns;
	uint64_t min_uptime_ns; /* 0: none */
	unsigned max_restarts;	/* 0: none */

	int kill_signal;
	uint64_t kill_timeout_ns;
	enum kill_mode kill_mode;
	bool members_restart; /* members = restart */

	char *command; /* NULL: as captured */
	struct string_list env;
	char *user;	 /* NULL: as captured */
	char *directory; /* NULL: as captured */

	struct account
		*account; /* owned: who `user` is, looked up by the caller of config_parse() */

	enum owner_mode owner;
	uint64_t settle_ns;
	uint64_t start_timeout_ns;
	uint64_t stop_grace_ns;
	uint64_t recipe_max; /* bytes of argv, and of the environment */

	bool notify; /* it says when it is ready, and with hang_timeout that it is well */
	uint64_t hang_timeout_ns; /* 0: never */
	enum hang_on hang_on;

	bool critical;
	uint64_t recover_within_ns;

	struct probe_config *probes; /* owned, in the order in which they are written */
	size_t probe_count;

	char *on_exit, *on_restart, *on_give_up, *on_hang; /* hooks: command lines; NULL: none */
	uint64_t hook_timeout_ns;
};

/* What an owner's answer is written in; owner.c reads each. */
enum owner_format {
	OWNER_FORMAT_UNSET,
	OWNER_FORMAT_WORD, /* one of ours, as a script would print it */
	OWNER_FORMAT_SYSTEMCTL,
	OWNER_FORMAT_DOCKER,
	OWNER_FORMAT_PODMAN,
	OWNER_FORMAT_SV,
	OWNER_FORMAT_S6,
	OWNER_FORMAT_SVSTAT,
	OWNER_FORMAT_SUPERVISORCTL,
	_OWNER_FORMAT_MAX
};

/* Who else brings processes back: how it is recognised, asked and told. The commands are command lines with
 * placeholders, see core/owner.h; NULL: it cannot be asked, or told that. */
struct owner_config {
	char *name;
	char *file;    /* NULL: built in */
	unsigned line; /* 0: in no file */
	struct {
		unsigned ask, restart, start, stop;
	} lines; /* where these were written; 0: nowhere */

	/* Any that fits makes the owner; empty or NULL: none does. */
	struct string_list cgroup; /* globs of the cgroup or one above it */
	char *runtime;		   /* a container's, as core/container names it */
	struct string_list parent; /* an ancestor's name, or a glob on its executable's path */
	char *unit;		   /* a glob on the name of a systemd service */

	char *ask;
	enum owner_format answer;
	char *restart, *start, *stop;
	struct string_list stopped_by; /* names of the programs that signal on its behalf */
	char *reason;		       /* why it is neither asked nor told; NULL: it is */
};

enum journal_mode {
	JOURNAL_AUTO, /* deaths go to the system's log where there is one */
	JOURNAL_NO,
	_JOURNAL_MODE_MAX,
};

struct watchdog_config {
	struct string_list device; /* paths; empty: no watchdog */
	uint64_t timeout_ns;
	uint64_t pretimeout_ns; /* before the timeout; 0: none */
	char *governor;		/* what the kernel does then; NULL: as it is */
	char *on_starve;	/* a hook; NULL: none */
	uint64_t on_starve_timeout_ns;
	bool starve_reboots;  /* starve = reboot */
	unsigned reset_limit; /* 0: none */
	bool volatile_state;
	bool lock_memory, realtime;
	char *own_cgroup; /* a path; NULL: none */
	bool disarm_on_stop;
	char *pretimeout_place, *on_starve_place; /* "FILE:LINE" of these keys; NULL: not set */
};

struct config {
	struct watch_config *watches; /* owned, in the order of the files */
	size_t watch_count, watch_room;
	struct owner_config *owners; /* owned; the first that fits counts */
	size_t owner_count;
	struct watchdog_config watchdog;
	int log_level; /* LOG_ERR ... LOG_DEBUG */
	uint32_t max_processes;
	uint32_t max_parallel_starts; /* children on their way to their exec at a time */
	uint64_t takeover_window_ns;  /* what died longer before obitd was there is not respawned */
	enum journal_mode journal;
	uint64_t history_size; /* bytes; 0: none */
	uint64_t
		ring_size; /* bytes of the kernel side's ring, to be rounded up to a power of two */
	struct string_list include; /* files and globs still to be read by the caller, in order */
	struct string_list include_armourd;	     /* the same, for config_parse_armourd() */
	unsigned include_line, include_armourd_line; /* of these, in the file that was read last */
	struct string_list warnings; /* for the caller to tell: "FILE:LINE: ...", no newline */
};

/* One problem: where, and what was expected. */
struct config_error {
	char text[512]; /* "FILE:LINE: what is wrong; what was expected", no newline */
};

/* An empty configuration with every global default. */
void config_init(struct config *config);
void config_free(struct config *config);

/* Parses `length` bytes of `text`, which were read from `file` (a name for messages), and adds them to
 * `config`. On failure returns -EINVAL (or -ENOMEM), fills `ret_error` with the first problem, and
 * leaves `config` exactly as it was. */
int config_parse(struct config *config, const char *file, const char *text, size_t length,
		 struct config_error *ret_error);

/* The same for the text of an armourd.conf: paths, each a watch as of config_add_pattern(). */
int config_parse_armourd(struct config *config, const char *file, const char *text, size_t length,
			 struct config_error *ret_error);

/* True if the text begins with a path, as an armourd.conf does and no text of ours can. */
bool config_is_armourd(const char *text, size_t length);

/* Adds a warning for each watch that can never match, since watches in front of it match all that it does. The
 * paths are to be resolved already. 0 or -ENOMEM. */
int config_warn_shadowed(struct config *config);

/* Gives the owners of the files what they leave open of the built-in one of their name, and adds the other built-in
 * ones behind them. To be called once, after the last file. Errors as config_parse(). */
int config_complete_owners(struct config *config, struct config_error *ret_error);

/* When all files are read: 0, or -EINVAL where the watchdog's pretimeout is not less than its timeout. */
int config_check_pretimeout(const struct config *config, struct config_error *ret_error);

/* The owner of that name, or NULL. */
struct owner_config *config_find_owner(const struct config *config, const char *name);

/* The text of the built-in owners, in the syntax of a file. */
extern const char config_builtin_owners[];

/* Adds a watch with all defaults on one path or glob, named after its last literal component (the command
 * line's PATTERN); "-2", "-3" make the name unique. Errors as config_parse(). */
int config_add_pattern(struct config *config, const char *pattern, struct config_error *ret_error);

/* The watch that the words of `list` make, each "KEY=VALUE": the keys of a watch, those that take a list as often as one likes,
 * `name` (NULL without), and `pid`. Errors as config_parse(), without a place. */
int config_read_words(const char *const *list, size_t count, struct watch_config *ret,
		      struct config_error *ret_error);

/* Adds a watch (takes it), named as by config_add_pattern() after its first path or cgroup if it has no name. Errors
 * as config_parse(), without a place; the watch stays the caller's then. */
int config_take_watch(struct config *config, struct watch_config *watch,
		      struct config_error *ret_error);

/* A copy without `include`. 0 or -ENOMEM. */
int config_copy(const struct config *config, struct config *ret);
void config_drop_watch(struct config *config, size_t index);

/* Sets every default of a watch; strings NULL, lists empty. */
void watch_config_init(struct watch_config *watch);
void watch_config_free(struct watch_config *watch);

#define CONFIG_RECIPE_MAX (UINT64_C(6) << 20)
/* The largest recipe_max of all watches. */
uint64_t config_recipe_max(const struct config *config);
/* ring_size, or what the largest recipe_max needs where somebody has raised that: one exec must find room. */
uint64_t config_ring_bytes(const struct config *config);

void owner_config_free(struct owner_config *owner);
/* On failure `copy` can be freed all the same. 0 or -ENOMEM. */
int owner_config_copy(const struct owner_config *owner, struct owner_config *copy);

const char *probe_type_name(enum probe_type type);
const char *hang_on_name(enum hang_on on);
const char *restart_when_name(enum restart_when when);
const char *kill_mode_name(enum kill_mode mode);
const char *owner_mode_name(enum owner_mode mode);

#endif
