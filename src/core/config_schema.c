// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The keys that there are, and the names of what they choose from. */
#include "core/config_internal.h"

#include <string.h>
#include <syslog.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"

#define MAX_PROCESSES (UINT64_C(1) << 24)
#define RING_MIN      (UINT64_C(1) << 16)
#define RING_MAX      (UINT64_C(1) << 28)
#define HISTORY_MIN   (UINT64_C(1) << 16)
#define HISTORY_MAX   (UINT64_C(1) << 40)
#define DAY	      (NS_PER_MIN * 60 * 24)

static const char *const restart_words[] = {
	[RESTART_NO] = "no",
	[RESTART_ON_SUCCESS] = "on-success",
	[RESTART_ON_FAILURE] = "on-failure",
	[RESTART_ON_ABNORMAL] = "on-abnormal",
	[RESTART_ON_ABORT] = "on-abort",
	[RESTART_ON_WATCHDOG] = "on-watchdog",
	[RESTART_ALWAYS] = "always",
	[_RESTART_WHEN_MAX] = NULL,
};

static const char *const hang_on_words[] = {
	[HANG_ON_CPU] = "cpu",
	[HANG_ON_RUN] = "run",
	[HANG_ON_DSTATE] = "dstate",
	[_HANG_ON_MAX] = NULL,
};

static const char *const kill_mode_words[] = {
	[KILL_MODE_PROCESS] = "process",
	[KILL_MODE_INSTANCE] = "instance",
	[KILL_MODE_CGROUP] = "cgroup",
	[_KILL_MODE_MAX] = NULL,
};

static const char *const owner_words[] = {
	[OWNER_AUTO] = "auto",	   [OWNER_RESPECT] = "respect", [OWNER_ASK] = "ask",
	[OWNER_IGNORE] = "ignore", [_OWNER_MODE_MAX] = NULL,
};

static const char *const answer_words[] = {
	[OWNER_FORMAT_WORD - 1] = "word",     [OWNER_FORMAT_SYSTEMCTL - 1] = "systemctl",
	[OWNER_FORMAT_DOCKER - 1] = "docker", [OWNER_FORMAT_PODMAN - 1] = "podman",
	[OWNER_FORMAT_SV - 1] = "sv",	      [OWNER_FORMAT_S6 - 1] = "s6-svstat",
	[OWNER_FORMAT_SVSTAT - 1] = "svstat", [OWNER_FORMAT_SUPERVISORCTL - 1] = "supervisorctl",
	[_OWNER_FORMAT_MAX - 1] = NULL,
};

static const char *const runtime_words[] = {
	"docker", "podman", "containerd", "cri-o", "kubernetes", "lxc", "nspawn", "ecs", NULL,
};

bool config_is_runtime(const char *word)
{
	for (size_t i = 0; runtime_words[i]; i++)
		if (strcmp(runtime_words[i], word) == 0)
			return true;
	return false;
}

static const char *const journal_words[] = {
	[JOURNAL_AUTO] = "auto",
	[JOURNAL_NO] = "no",
	[_JOURNAL_MODE_MAX] = NULL,
};

static const char *const probe_words[] = {
	[PROBE_TCP] = "tcp",	     [PROBE_UNIX] = "unix",    [PROBE_HTTP] = "http",
	[PROBE_COMMAND] = "command", [_PROBE_TYPE_MAX] = NULL,
};

static const char *const members_words[] = {"ignore", "restart", NULL};
static const char *const bool_words[] = {"false", "true", "no", "yes", "off", "on", NULL};
static const char *const log_words[] = {"error", "warning", "notice", "info", "debug", NULL};
_Static_assert(LOG_DEBUG - LOG_ERR + 2 == ARRAY_SIZE(log_words), "a word for each log level");

#define BOOL                                                                                       \
	{                                                                                          \
		.words = bool_words                                                                \
	}
#define ANY_DURATION                                                                               \
	{                                                                                          \
		.max = UINT64_MAX, .expected = "less than 290 years"                               \
	}
#define ANY_COUNT                                                                                  \
	{                                                                                          \
		.max = INT32_MAX, .expected = "a whole number, 0 for no limit"                     \
	}

#define W(field) offsetof(struct watch_config, field)
static const struct config_key watch_keys[] = {
	{"path", config_add_path, W(path), true, {0}},
	{"argv0", config_set_string, W(argv0), false, {0}},
	{"args", config_set_args, W(args), false, {0}},
	{"cgroup", config_add_path, W(cgroup), true, {0}},
	{"uid", config_add_uid, W(uid), true, {0}},
	{"container", config_set_container, 0, false, {0}},
	{"restart", config_set_word, W(restart), false, {.words = restart_words}},
	{"success_exit_status", config_add_status, W(success_exit_status), true, {0}},
	{"restart_prevent_exit_status",
	 config_add_status,
	 W(restart_prevent_exit_status),
	 true,
	 {0}},
	{"restart_force_exit_status", config_add_status, W(restart_force_exit_status), true, {0}},
	{"backoff_initial", config_set_duration, W(backoff_initial_ns), false, ANY_DURATION},
	{"backoff_factor", config_set_factor, W(backoff_factor), false, {0}},
	{"backoff_max", config_set_duration, W(backoff_max_ns), false, ANY_DURATION},
	{"backoff_jitter", config_set_fraction, W(backoff_jitter), false, {0}},
	{"backoff_reset", config_set_duration, W(backoff_reset_ns), false, ANY_DURATION},
	/* So many times are kept for each instance. */
	{"start_limit_burst",
	 config_set_count,
	 W(start_limit_burst),
	 false,
	 {.max = 1000, .expected = "a whole number up to 1000, 0 for no limit"}},
	{"start_limit_interval", config_set_duration, W(start_limit_interval_ns), false,
	 ANY_DURATION},
	{"min_uptime", config_set_duration, W(min_uptime_ns), false, ANY_DURATION},
	{"max_restarts", config_set_count, W(max_restarts), false, ANY_COUNT},
	{"kill_signal", config_set_signal, W(kill_signal), false, {0}},
	{"kill_timeout", config_set_duration, W(kill_timeout_ns), false, ANY_DURATION},
	{"kill_mode", config_set_word, W(kill_mode), false, {.words = kill_mode_words}},
	{"members", config_set_bool, W(members_restart), false, {.words = members_words}},
	{"command", config_set_hook, W(command), false, {0}},
	{"env", config_add_env, W(env), true, {0}},
	{"user", config_set_string, W(user), false, {0}},
	{"directory", config_set_directory, W(directory), false, {0}},
	{"owner", config_set_word, W(owner), false, {.words = owner_words}},
	{"settle", config_set_duration, W(settle_ns), false, ANY_DURATION},
	{"start_timeout", config_set_duration, W(start_timeout_ns), false, ANY_DURATION},
	{"stop_grace", config_set_duration, W(stop_grace_ns), false, ANY_DURATION},
	{"recipe_max",
	 config_set_size,
	 W(recipe_max),
	 false,
	 {.min = 4096, .max = CONFIG_RECIPE_MAX, .expected = "a size from 4KiB to 6MiB"}},
	{"notify", config_set_bool, W(notify), false, BOOL},
	{"hang_timeout",
	 config_set_duration,
	 W(hang_timeout_ns),
	 false,
	 {.min = 100 * NS_PER_MS,
	  .max = 30 * DAY,
	  .expected = "a time from 100ms to 30d, or 0 for never",
	  .or_none = true}},
	{"hang_on", config_set_word, W(hang_on), false, {.words = hang_on_words}},
	{"critical", config_set_bool, W(critical), false, BOOL},
	{"recover_within", config_set_duration, W(recover_within_ns), false, ANY_DURATION},
	{"on_exit", config_set_hook, W(on_exit), false, {0}},
	{"on_restart", config_set_hook, W(on_restart), false, {0}},
	{"on_give_up", config_set_hook, W(on_give_up), false, {0}},
	{"on_hang", config_set_hook, W(on_hang), false, {0}},
	{"hook_timeout",
	 config_set_duration,
	 W(hook_timeout_ns),
	 false,
	 {.min = NS_PER_MS, .max = DAY, .expected = "a time from 1ms to 1d"}},
};
#undef W

#define P(field) offsetof(struct probe_config, field)
static const struct config_key probe_keys[] = {
	{"type", config_set_word, P(type), false, {.words = probe_words}},
	{"target", config_set_string, P(target), false, {0}},
	{"expect", config_set_string, P(expect), false, {0}},
	{"user", config_set_string, P(user), false, {0}},
	{"interval",
	 config_set_duration,
	 P(interval_ns),
	 false,
	 {.min = 100 * NS_PER_MS, .max = DAY, .expected = "a time from 100ms to 1d"}},
	{"timeout",
	 config_set_duration,
	 P(timeout_ns),
	 false,
	 {.min = 10 * NS_PER_MS, .max = DAY, .expected = "a time from 10ms to 1d"}},
	{"threshold",
	 config_set_count,
	 P(threshold),
	 false,
	 {.min = 1, .max = 1000, .expected = "a whole number from 1 to 1000"}},
	{"grace", config_set_duration, P(grace_ns), false, ANY_DURATION},
};
#undef P

static const char *const starve_words[] = {"reset", "reboot", NULL};

#define D(field) offsetof(struct watchdog_config, field)
static const struct config_key watchdog_keys[] = {
	{"device", config_add_path, D(device), true, {0}},
	{"timeout",
	 config_set_duration,
	 D(timeout_ns),
	 false,
	 {.min = NS_PER_SEC, .max = DAY, .expected = "a timeout from 1s to 1d"}},
	{"pretimeout",
	 config_set_duration,
	 D(pretimeout_ns),
	 false,
	 {.max = DAY, .expected = "a time up to 1d, 0 for none"}},
	{"governor", config_set_string, D(governor), false, {0}},
	{"on_starve", config_set_hook, D(on_starve), false, {0}},
	{"on_starve_timeout",
	 config_set_duration,
	 D(on_starve_timeout_ns),
	 false,
	 {.min = NS_PER_MS, .max = DAY, .expected = "a time from 1ms to 1d"}},
	{"starve", config_set_bool, D(starve_reboots), false, {.words = starve_words}},
	{"reset_limit",
	 config_set_count,
	 D(reset_limit),
	 false,
	 {.max = 1000, .expected = "a whole number up to 1000, 0 for no limit"}},
	{"volatile_state", config_set_bool, D(volatile_state), false, BOOL},
	{"lock_memory", config_set_bool, D(lock_memory), false, BOOL},
	{"realtime", config_set_bool, D(realtime), false, BOOL},
	{"own_cgroup", config_set_cgroup, D(own_cgroup), false, {0}},
	{"disarm_on_stop", config_set_bool, D(disarm_on_stop), false, BOOL},
};
#undef D

#define O(field) offsetof(struct owner_config, field)
static const struct config_key owner_keys[] = {
	{"cgroup", config_add_path, O(cgroup), true, {0}},
	{"runtime", config_set_choice, O(runtime), false, {.words = runtime_words}},
	{"parent", config_add_program, O(parent), true, {.or_path = true}},
	{"unit", config_set_args, O(unit), false, {0}},
	{"ask", config_set_order, O(ask), false, {0}},
	{"answer",
	 config_set_word,
	 O(answer),
	 false,
	 {.min = OWNER_FORMAT_WORD, .words = answer_words}},
	{"restart", config_set_order, O(restart), false, {0}},
	{"start", config_set_order, O(start), false, {0}},
	{"stop", config_set_order, O(stop), false, {0}},
	{"stopped_by", config_add_program, O(stopped_by), true, {0}},
	{"reason", config_set_string, O(reason), false, {0}},
};
#undef O

#define C(field) offsetof(struct config, field)
static const struct config_key file_keys[] = {
	{"log_level", config_set_word, C(log_level), false, {.min = LOG_ERR, .words = log_words}},
	{"max_processes",
	 config_set_count,
	 C(max_processes),
	 false,
	 {.min = 1, .max = MAX_PROCESSES, .expected = "a whole number from 1 to 16777216"}},
	/* The spawner's socket takes some more. */
	{"max_parallel_starts",
	 config_set_count,
	 C(max_parallel_starts),
	 false,
	 {.min = 1, .max = 256, .expected = "a whole number from 1 to 256"}},
	{"takeover_window", config_set_duration, C(takeover_window_ns), false, ANY_DURATION},
	{"journal", config_set_word, C(journal), false, {.words = journal_words}},
	{"history_size",
	 config_set_size,
	 C(history_size),
	 false,
	 {.min = HISTORY_MIN,
	  .max = HISTORY_MAX,
	  .expected = "a size from 64KiB to 1024GiB, or 0 for no history on disk",
	  .or_none = true}},
	{"ring_size",
	 config_set_size,
	 C(ring_size),
	 false,
	 {.min = RING_MIN, .max = RING_MAX, .expected = "a size from 64KiB to 256MiB"}},
	{"include", config_add_path, C(include), true, {0}},
	{"include_armourd", config_add_path, C(include_armourd), true, {0}},
};
#undef C

const struct config_section config_file_section = {"root", file_keys, ARRAY_SIZE(file_keys),
						   "outside of every section"};
const struct config_section config_watch_section = {"watch", watch_keys, ARRAY_SIZE(watch_keys),
						    "inside watch NAME { }"};
const struct config_section config_watchdog_section = {
	"watchdog", watchdog_keys, ARRAY_SIZE(watchdog_keys), "inside watchdog { }"};
const struct config_section config_owner_section = {"owner", owner_keys, ARRAY_SIZE(owner_keys),
						    "inside owner NAME { }"};
const struct config_section config_probe_section = {"probe", probe_keys, ARRAY_SIZE(probe_keys),
						    "inside probe { } of a watch"};
static const struct config_section *const sections[CONFIG_SECTIONS] = {
	&config_file_section,  &config_watch_section, &config_watchdog_section,
	&config_owner_section, &config_probe_section,
};

_Static_assert(ARRAY_SIZE(watch_keys) <= CONFIG_KEYS_MAX, "room for the largest section");

const char *probe_type_name(enum probe_type type)
{
	return probe_words[type];
}

const char *hang_on_name(enum hang_on on)
{
	return hang_on_words[on];
}

const char *restart_when_name(enum restart_when when)
{
	return restart_words[when];
}

const char *kill_mode_name(enum kill_mode mode)
{
	return kill_mode_words[mode];
}

const char *owner_mode_name(enum owner_mode mode)
{
	return owner_words[mode];
}

const struct config_section *config_find_section(const char *name)
{
	for (size_t i = 0; i < CONFIG_SECTIONS; i++)
		if (strcmp(sections[i]->name, name) == 0)
			return sections[i];
	return NULL;
}

const struct config_key *config_find_key(const struct config_section *section, const char *name)
{
	for (size_t i = 0; i < section->count; i++)
		if (strcmp(section->keys[i].name, name) == 0)
			return &section->keys[i];
	return NULL;
}

/* Where the section may stand. */
static const struct config_section *parent_of(const struct config_section *section)
{
	return section == &config_probe_section ? &config_watch_section : &config_file_section;
}

const char *config_nearest_key(const struct config_section *section, const char *name)
{
	const char *words[CONFIG_KEYS_MAX + CONFIG_SECTIONS] = {NULL};
	size_t count = 0;

	for (; count < section->count; count++)
		words[count] = section->keys[count].name;
	for (size_t i = 1; i < CONFIG_SECTIONS; i++)
		if (parent_of(sections[i]) == section)
			words[count++] = sections[i]->name;
	return text_nearest(name, words);
}

const char *config_key_place(const struct config_section *section, const char *name)
{
	if (section == &config_watch_section && config_find_key(&config_probe_section, name))
		return config_probe_section.where;
	for (size_t i = 0; i < CONFIG_SECTIONS; i++)
		if (config_find_key(sections[i], name))
			return sections[i]->where;
	section = config_find_section(name);
	return section ? parent_of(section)->where : NULL;
}

/* What systemd calls the same. */
static const char *own_word(const struct config_section *section, const char *name)
{
	static const char *const words[][2] = {
		{"ExecStart", "command"},
		{"WorkingDirectory", "directory"},
		{"Environment", "env"},
		{"User", "user"},
		{"RestartSec", "backoff_initial"},
		{"RestartMaxDelaySec", "backoff_max"},
		{"StartLimitBurst", "start_limit_burst"},
		{"StartLimitIntervalSec", "start_limit_interval"},
		{"TimeoutStartSec", "start_timeout"},
		{"TimeoutStopSec", "kill_timeout"},
		{"KillSignal", "kill_signal"},
		{"KillMode", "kill_mode"},
		{"SuccessExitStatus", "success_exit_status"},
		{"WatchdogSec", "hang_timeout"},
	};

	for (size_t i = 0; section == &config_watch_section && i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i][0], name) == 0)
			return words[i][1];
	return NULL;
}

int config_fail_unknown(struct config_report *report, unsigned line,
			const struct config_section *section, const char *name)
{
	const char *place = config_key_place(section, name), *own = own_word(section, name);
	const char *nearest = own ? own : config_nearest_key(section, name);
	char shown[CONFIG_SHOWN_SIZE];

	config_shown(name, shown);
	if (place)
		return config_fail(report, line, "'%s' does not belong here; expected it %s", shown,
				   place);
	if (nearest)
		return config_fail(report, line, "unknown key '%s'; expected '%s'?", shown,
				   nearest);
	return config_fail(report, line, "unknown key '%s'; expected one that is valid %s%s", shown,
			   section->where,
			   section == &config_file_section
				   ? ", or 'watch NAME {', 'watchdog {' or 'owner NAME {'"
				   : "");
}
