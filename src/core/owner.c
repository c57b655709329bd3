// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/owner.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "core/command.h"
#include "core/glob.h"

#define INIT_PID 1
#define PID_SIZE 12

/* ---- systemd ---- */

/* The value of "NAME=value\n" in what systemctl show prints, cut into buf; "" where it is not there. */
static const char *property(const char *text, const char *name, char buf[static 64])
{
	size_t length = strlen(name);

	buf[0] = '\0';
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (strncmp(line, name, length) != 0 || line[length] != '=')
			continue;
		line += length + 1;
		snprintf(buf, 64, "%.*s", (int)strcspn(line, "\n"), line);
		return buf;
	}
	return buf;
}

static uint64_t number_property(const char *text, const char *name)
{
	char value[64];

	return strtoull(property(text, name, value), NULL, 10);
}

static enum owner_answer read_running_unit(const char *text, const struct owner_death *death)
{
	if (number_property(text, "ExecMainStartTimestampMonotonic") > death->died_us)
		return OWNER_SAYS_RESTARTS;
	/* systemd has not reaped it yet */
	if (number_property(text, "MainPID") == death->pid)
		return OWNER_SAYS_WAIT;
	return OWNER_SAYS_RUNS_ON;
}

static enum owner_answer read_systemd(const char *text, const struct owner_death *death)
{
	char active[64], sub[64], load[64], job[64];
	bool has_job = *property(text, "Job", job) && strcmp(job, "0") != 0;

	property(text, "SubState", sub);
	property(text, "ActiveState", active);
	if (strcmp(property(text, "LoadState", load), "loaded") != 0)
		return OWNER_SAYS_NOTHING;
	if (!strcmp(active, "active") || !strcmp(active, "reloading"))
		return read_running_unit(text, death);
	if (!strcmp(active, "activating"))
		return !strncmp(sub, "auto-restart", strlen("auto-restart")) ||
				       number_property(text, "MainPID") != death->pid
			       ? OWNER_SAYS_RESTARTS
			       : OWNER_SAYS_WAIT;
	if (!strcmp(active, "deactivating"))
		return has_job ? OWNER_SAYS_STOPPING : OWNER_SAYS_WAIT;
	if (!strcmp(active, "inactive") || !strcmp(active, "failed"))
		return has_job ? OWNER_SAYS_RESTARTS : OWNER_SAYS_NO;
	return OWNER_SAYS_NOTHING;
}

/* ---- container engines: "STATUS PID", podman's "STATUS PID RESTARTS MAXIMUM POLICY" ---- */

struct container_state {
	char status[32], policy[32];
	uint32_t pid;
	unsigned restarts, most;
};

/* Returns how many of the values are there. */
static int scan_container(const char *text, struct container_state *ret)
{
	*ret = (struct container_state){0};
	return sscanf(text, "%31s %" SCNu32 " %u %u %31s", ret->status, &ret->pid, &ret->restarts,
		      &ret->most, ret->policy);
}

static enum owner_answer read_running_container(const struct container_state *state,
						const struct owner_death *death)
{
	if (state->pid == death->pid)
		return OWNER_SAYS_WAIT;
	return death->container_init ? OWNER_SAYS_RESTARTS : OWNER_SAYS_RUNS_ON;
}

/* It decides before it says that a container has exited. */
static enum owner_answer read_docker(const char *text, const struct owner_death *death)
{
	struct container_state state;

	if (scan_container(text, &state) < 2)
		return OWNER_SAYS_NOTHING;
	if (!strcmp(state.status, "running"))
		return read_running_container(&state, death);
	if (!strcmp(state.status, "restarting"))
		return OWNER_SAYS_RESTARTS;
	if (!strcmp(state.status, "removing"))
		return OWNER_SAYS_STOPPING;
	return !strcmp(state.status, "exited") || !strcmp(state.status, "dead")
		       ? OWNER_SAYS_NO
		       : OWNER_SAYS_NOTHING;
}

/* There is no daemon: what conmon starts when it has exited looks at the policy, some time later. */
static enum owner_answer read_podman(const char *text, const struct owner_death *death)
{
	struct container_state state;
	bool never;

	if (scan_container(text, &state) < 4)
		return OWNER_SAYS_NOTHING;
	never = !*state.policy || !strcmp(state.policy, "no") ||
		(!strcmp(state.policy, "on-failure") && state.most && state.restarts >= state.most);
	if (!strcmp(state.status, "running"))
		return read_running_container(&state, death);
	if (!strcmp(state.status, "stopping") || !strcmp(state.status, "removing"))
		return OWNER_SAYS_STOPPING;
	if (!strcmp(state.status, "exited"))
		return never ? OWNER_SAYS_NO : OWNER_SAYS_WAIT;
	return !strcmp(state.status, "stopped") ? OWNER_SAYS_WAIT : OWNER_SAYS_NOTHING;
}

/* ---- runit and its kin ---- */

/* Of what has run for so many seconds: it came after the death, or was there before. */
static enum owner_answer read_other_process(uint64_t seconds, const struct owner_death *death)
{
	return seconds <= death->ago_ns / NS_PER_SEC ? OWNER_SAYS_RESTARTS : OWNER_SAYS_RUNS_ON;
}

/* "run: DIRECTORY: (pid N) Ns, want down", "down: DIRECTORY: Ns, normally up, want up"; and the same of its logger
 * behind "; ", which is a child of the same owner. */
static enum owner_answer read_sv_part(const char *text, const struct owner_death *death)
{
	const char *pid = strstr(text, "(pid "), *end = pid ? strchr(pid, ')') : NULL;
	bool want_down = strstr(text, ", want down");

	if (!strncmp(text, "down: ", strlen("down: ")))
		return strstr(text, ", want up") ? OWNER_SAYS_RESTARTS : OWNER_SAYS_NO;
	if (!strncmp(text, "finish: ", strlen("finish: ")))
		return want_down ? OWNER_SAYS_WAIT : OWNER_SAYS_RESTARTS;
	if (strncmp(text, "run: ", strlen("run: ")) != 0 || !end)
		return OWNER_SAYS_NOTHING;
	if (strtoul(pid + strlen("(pid "), NULL, 10) == death->pid)
		return OWNER_SAYS_WAIT;
	return read_other_process(strtoull(end + 1, NULL, 10), death);
}

static enum owner_answer read_sv(const char *text, const struct owner_death *death)
{
	const char *logger = strstr(text, "; ");
	_cleanup_free_ char *service = strndup(text,
					       logger ? (size_t)(logger - text) : strlen(text));
	enum owner_answer answer = service ? read_sv_part(service, death) : OWNER_SAYS_NOTHING;

	if (answer == OWNER_SAYS_RUNS_ON && logger)
		answer = read_sv_part(logger + strlen("; "), death);
	return answer;
}

/* "UP WANTED-UP NORMALLY-UP PID SECONDS". A dead process counts as up until it is reaped. */
static enum owner_answer read_s6(const char *text, const struct owner_death *death)
{
	char up[8], wanted[8], normally[8];
	uint64_t seconds;
	int64_t pid;

	if (sscanf(text, "%7s %7s %7s %" SCNd64 " %" SCNu64, up, wanted, normally, &pid,
		   &seconds) != 5)
		return OWNER_SAYS_NOTHING;
	if (!strcmp(up, "false"))
		return !strcmp(wanted, "true") ? OWNER_SAYS_RESTARTS : OWNER_SAYS_NO;
	if (strcmp(up, "true") != 0)
		return OWNER_SAYS_NOTHING;
	return pid == death->pid ? OWNER_SAYS_WAIT : read_other_process(seconds, death);
}

/* "DIRECTORY: up (pid N) N seconds", "DIRECTORY: down N seconds, normally up, want up" */
static enum owner_answer read_svstat(const char *text, const struct owner_death *death)
{
	const char *up = strstr(text, ": up (pid "), *end = up ? strchr(up, ')') : NULL;

	if (strstr(text, ": down "))
		return strstr(text, ", want up") ? OWNER_SAYS_RESTARTS : OWNER_SAYS_NO;
	if (!end)
		return OWNER_SAYS_NOTHING;
	if (strtoul(up + strlen(": up (pid "), NULL, 10) == death->pid)
		return OWNER_SAYS_WAIT;
	return read_other_process(strtoull(end + 1, NULL, 10), death);
}

/* ---- supervisord: "NAME  STATE  words" ---- */

static enum owner_answer read_supervisord(const char *text, const struct owner_death *death)
{
	static const struct {
		const char *word;
		enum owner_answer answer;
	} states[] = {
		{"STARTING", OWNER_SAYS_RESTARTS}, {"BACKOFF", OWNER_SAYS_RESTARTS},
		{"STOPPING", OWNER_SAYS_STOPPING}, {"STOPPED", OWNER_SAYS_STOPPING},
		{"EXITED", OWNER_SAYS_NO},	   {"FATAL", OWNER_SAYS_NO},
	};
	char name[OWNER_PATH_SIZE], state[16];
	unsigned hours = 0, minutes = 0, seconds = 0;
	uint32_t pid;

	if (sscanf(text, "%511s %15s", name, state) != 2)
		return OWNER_SAYS_NOTHING;
	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		if (!strcmp(state, states[i].word))
			return states[i].answer;
	if (strcmp(state, "RUNNING") != 0 ||
	    sscanf(text, "%*s %*s pid %" SCNu32 ", uptime %u:%u:%u", &pid, &hours, &minutes,
		   &seconds) != 4)
		return OWNER_SAYS_NOTHING;
	if (pid == death->pid)
		return OWNER_SAYS_WAIT;
	return read_other_process(hours * UINT64_C(3600) + minutes * UINT64_C(60) + seconds, death);
}

/* ---- a script: one word, whatever comes behind it ---- */

static enum owner_answer read_word(const char *text, const struct owner_death *death)
{
	static const char *const words[_OWNER_ANSWER_MAX] = {
		[OWNER_SAYS_WAIT] = "wait",	  [OWNER_SAYS_RESTARTS] = "restarts",
		[OWNER_SAYS_STOPPING] = "stops",  [OWNER_SAYS_NO] = "no",
		[OWNER_SAYS_RUNS_ON] = "runs-on",
	};
	char word[16];

	(void)death;
	if (sscanf(text, "%15s", word) != 1)
		return OWNER_SAYS_NOTHING;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (words[i] && !strcmp(word, words[i]))
			return (enum owner_answer)i;
	return OWNER_SAYS_NOTHING;
}

/* ---- the formats ---- */

static const struct {
	enum owner_answer (*read)(const char *text, const struct owner_death *death);
	bool twice;
} formats[_OWNER_FORMAT_MAX] = {
	[OWNER_FORMAT_WORD] = {read_word, false},
	[OWNER_FORMAT_SYSTEMCTL] = {read_systemd, false},
	[OWNER_FORMAT_DOCKER] = {read_docker, false},
	[OWNER_FORMAT_PODMAN] = {read_podman, false},
	[OWNER_FORMAT_SV] = {read_sv, false},
	[OWNER_FORMAT_S6] = {read_s6, false},
	[OWNER_FORMAT_SVSTAT] = {read_svstat, false},
	[OWNER_FORMAT_SUPERVISORCTL] = {read_supervisord, true},
};

enum owner_answer owner_read(enum owner_format format, const char *text,
			     const struct owner_death *death)
{
	return formats[format].read ? formats[format].read(text, death) : OWNER_SAYS_NOTHING;
}

bool owner_says_no_twice(enum owner_format format)
{
	return formats[format].twice;
}

/* ---- who it is ---- */

static bool is_slice(const char *component, size_t length)
{
	static const char suffix[] = ".slice";
	size_t n = sizeof(suffix) - 1;

	return length > n && !memcmp(component + length - n, suffix, n);
}

/* Below slices alone: in a cgroup that is handed to a user, that one may make what looks like any unit. */
static bool is_systems_own(const char *cgroup, const char *unit)
{
	for (const char *at = cgroup + strspn(cgroup, "/"); *at; at += strspn(at, "/")) {
		size_t length = strcspn(at, "/");

		if (length == strlen(unit) && !memcmp(at, unit, length))
			return true;
		if (!is_slice(at, length))
			return false;
		at += length;
	}
	return false;
}

/* A container of which only the id is known. */
static char some_name[] = "its container engine";
static char some_reason[] = "its cgroup does not tell whose container it is";
static const struct owner_config some_container = {.name = some_name, .reason = some_reason};

/* The cgroup or one above it, as of a watch. */
static bool is_below(const char *cgroup, const struct string_list *globs)
{
	_cleanup_free_ char *path = globs->count ? strdup(cgroup) : NULL;

	while (path && *path) {
		char *slash = strrchr(path, '/');

		for (size_t i = 0; i < globs->count; i++)
			if (glob_match(globs->items[i], path))
				return true;
		if (!slash)
			break;
		*slash = '\0';
	}
	return false;
}

static void describe_cgroup(const struct owner_suspect *suspect, const struct cgroup_facts *facts,
			    struct owner *ret)
{
	const char *base = strrchr(suspect->cgroup, '/');

	snprintf(ret->id, sizeof(ret->id), "%s",
		 *facts->container ? facts->container
		 : base		   ? base + 1
				   : "");
	if (!cgroup_owner(suspect->cgroup, ret->words))
		snprintf(ret->words, sizeof(ret->words), "%s (cgroup %.180s)", ret->rule->name,
			 suspect->cgroup);
}

static bool take_cgroup(const struct config *config, const struct owner_suspect *suspect,
			const struct cgroup_facts *facts, struct owner *ret)
{
	if (!suspect->cgroup)
		return false;
	ret->rule = cgroup_in_container(facts) ? &some_container : NULL;
	for (size_t i = 0; i < config->owner_count; i++) {
		const struct owner_config *rule = &config->owners[i];

		if ((!rule->runtime || !facts->runtime ||
		     strcmp(rule->runtime, facts->runtime) != 0) &&
		    !is_below(suspect->cgroup, &rule->cgroup))
			continue;
		ret->rule = rule;
		break;
	}
	if (ret->rule)
		describe_cgroup(suspect, facts, ret);
	return ret->rule;
}

static bool is_parent(const struct owner_config *rule, const struct owner_ancestor *ancestor)
{
	for (size_t i = 0; i < rule->parent.count; i++) {
		const char *item = rule->parent.items[i];

		if (*item == '/' ? glob_match(item, ancestor->exe)
				 : !strncmp(item, ancestor->comm, OWNER_COMM_SIZE - 1))
			return true;
	}
	return false;
}

static bool take_ancestor(const struct config *config, const struct owner_suspect *suspect,
			  struct owner *ret)
{
	for (size_t i = 0; i < suspect->ancestor_count; i++) {
		const struct owner_ancestor *ancestor = &suspect->ancestors[i];

		for (size_t r = 0; r < config->owner_count; r++) {
			if (!is_parent(&config->owners[r], ancestor))
				continue;
			ret->rule = &config->owners[r];
			ret->is_ancestor = true;
			ret->pid = ancestor->pid;
			snprintf(ret->words, sizeof(ret->words), "%s (pid %u)", ancestor->comm,
				 ancestor->pid);
			if (ancestor->uid)
				ret->why_not = "its owner does not run as root";
			return true;
		}
	}
	return false;
}

static void take_unit(const struct config *config, const struct owner_suspect *suspect,
		      const struct cgroup_facts *facts, struct owner *ret)
{
	if (!suspect->cgroup || !cgroup_owner(suspect->cgroup, ret->words))
		return;
	for (size_t i = 0; !ret->rule && i < config->owner_count; i++)
		if (config->owners[i].unit && glob_match(config->owners[i].unit, facts->unit))
			ret->rule = &config->owners[i];
	ret->pid = INIT_PID;
	if (!is_systems_own(suspect->cgroup, facts->unit))
		ret->why_not = "it is not a unit of the system's manager";
}

void owner_find(const struct config *config, const struct owner_suspect *suspect, struct owner *ret)
{
	struct cgroup_facts facts;

	*ret = (struct owner){0};
	cgroup_facts(suspect->cgroup ? suspect->cgroup : "", &facts);
	if (!take_cgroup(config, suspect, &facts, ret) &&
	    (suspect->in_namespace || !take_ancestor(config, suspect, ret)))
		take_unit(config, suspect, &facts, ret);
	if (!ret->rule)
		return;
	snprintf(ret->unit, sizeof(ret->unit), "%s", facts.unit);
	if (suspect->cgroup && strlen(suspect->cgroup) < sizeof(ret->cgroup))
		strcpy(ret->cgroup, suspect->cgroup);
	if (ret->rule->reason)
		ret->why_not = ret->rule->reason;
	else if (!ret->rule->ask && !ret->rule->restart && !ret->rule->start)
		ret->why_not = "it has no command to be asked or told with";
}

bool owner_wants_paths(const struct config *config)
{
	for (size_t i = 0; i < config->owner_count; i++)
		for (size_t k = 0; k < config->owners[i].parent.count; k++)
			if (*config->owners[i].parent.items[k] == '/')
				return true;
	return false;
}

bool owner_sent(const struct owner *owner, uint32_t pid, const char *comm)
{
	if (!owner->rule || !pid)
		return false;
	if (owner->pid && owner->pid == pid)
		return true;
	for (size_t i = 0; i < owner->rule->stopped_by.count; i++)
		if (!strncmp(owner->rule->stopped_by.items[i], comm, OWNER_COMM_SIZE - 1))
			return true;
	return false;
}

/* ---- its commands ---- */

/* What a placeholder's text begins with in `word` at `at`, or 0: "{{" of an engine's own template and "${" of a shell
 * begin none. */
static size_t name_length(const char *word, const char *at)
{
	size_t length = *at == '{' ? strspn(at + 1, "abcdefghijklmnopqrstuvwxyz_") : 0;

	if (!length || at[1 + length] != '}' || (at > word && (at[-1] == '{' || at[-1] == '$')))
		return 0;
	return length + 2;
}

static const char *const placeholders[] = {
	"{unit}", "{id}", "{cgroup}", "{pid}", "{directory}", "{name}", "{config}",
};

static ssize_t find_placeholder(const char *at, size_t length)
{
	for (size_t i = 0; i < ARRAY_SIZE(placeholders); i++)
		if (strlen(placeholders[i]) == length && !memcmp(placeholders[i], at, length))
			return (ssize_t)i;
	return -1;
}

bool owner_has_placeholder(const char *word)
{
	for (const char *at = word; *at; at++)
		if (name_length(word, at))
			return true;
	return false;
}

bool owner_has_unknown(const char *word)
{
	for (const char *at = word; *at; at++) {
		size_t length = name_length(word, at);

		if (length && find_placeholder(at, length) < 0)
			return true;
	}
	return false;
}

/* The value of the placeholder at `at`, or NULL; *ret_length is the placeholder's. */
static const char *placeholder(const struct owner *owner, const char *word, const char *at,
			       char pid[static PID_SIZE], size_t *ret_length)
{
	const char *values[ARRAY_SIZE(placeholders)] = {
		owner->unit,	  owner->id,   owner->cgroup, pid,
		owner->directory, owner->name, owner->config,
	};
	ssize_t which;

	*ret_length = name_length(word, at);
	which = find_placeholder(at, *ret_length);
	pid[0] = '\0';
	if (owner->child)
		snprintf(pid, PID_SIZE, "%u", owner->child);
	return which < 0 ? NULL : values[which];
}

/* Appends what a word stands for, or measures it where `to` is NULL. Returns its length without the NUL, or -ENODATA. */
static ssize_t expand_word(const struct owner *owner, const char *word, char *to)
{
	size_t length = 0, taken;
	char pid[PID_SIZE];

	for (const char *at = word; *at; at += taken) {
		const char *value = placeholder(owner, word, at, pid, &taken);
		size_t n = value ? strlen(value) : 1;

		if (value && (!n || (at == word && *value == '-')))
			return -ENODATA;
		if (!value)
			taken = 1;
		if (to)
			memcpy(to + length, value ? value : at, n);
		length += n;
	}
	if (to)
		to[length] = '\0';
	return (ssize_t)length;
}

int owner_command(const struct owner *owner, const char *command, char **ret_words,
		  const char ***ret_argv)
{
	_cleanup_free_ const char **argv = NULL;
	_cleanup_free_ char *words = NULL, *expanded = NULL;
	size_t size = 1;
	char *at;
	int r = command_split(command, &words, &argv);

	for (size_t i = 0; r == 0 && argv[i]; i++) {
		ssize_t length = expand_word(owner, argv[i], NULL);

		if (length < 0)
			return (int)length;
		size += (size_t)length + 1;
	}
	if (r < 0)
		return r;
	expanded = malloc(size);
	if (!expanded)
		return -ENOMEM;
	at = expanded;
	for (size_t i = 0; argv[i]; i++) {
		ssize_t length = expand_word(owner, argv[i], at);

		argv[i] = at;
		at += length + 1;
	}
	*ret_words = TAKE_PTR(expanded);
	*ret_argv = TAKE_PTR(argv);
	return 0;
}
