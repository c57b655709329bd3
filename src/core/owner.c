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

#define INIT_PID 1

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

/* ---- container engines: "STATUS PID RESTARTS MAXIMUM POLICY" ---- */

struct container_state {
	char status[32], policy[32];
	uint32_t pid;
	unsigned restarts, most;
};

static bool scan_container(const char *text, struct container_state *ret)
{
	*ret = (struct container_state){0};
	return sscanf(text, "%31s %" SCNu32 " %u %u %31s", ret->status, &ret->pid, &ret->restarts,
		      &ret->most, ret->policy) >= 4;
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

	if (!scan_container(text, &state))
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

	if (!scan_container(text, &state))
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

/* ---- the table ---- */

#define INSPECT(engine)                                                                            \
	engine " inspect --type container --format '{{.State.Status}} {{.State.Pid}} "             \
	       "{{.RestartCount}} {{.HostConfig.RestartPolicy.MaximumRetryCount}} "                \
	       "{{.HostConfig.RestartPolicy.Name}}' {id}"

static const char *const docker_hands[] = {"runc", "crun", "containerd-shim", "dockerd", NULL};
static const char *const podman_hands[] = {"runc", "crun", "conmon", "podman", NULL};

static const struct owner_rule rules[] = {
	{.name = "systemd",
	 .unit = true,
	 .ask = "systemctl show {unit} -p LoadState -p ActiveState -p SubState -p Job -p MainPID "
		"-p ExecMainStartTimestampMonotonic",
	 .restart = "systemctl restart {unit}",
	 .read = read_systemd},
	{.name = "docker",
	 .runtime = "docker",
	 .ask = INSPECT("docker"),
	 .restart = "docker restart {id}",
	 .read = read_docker,
	 .hands = docker_hands},
	{.name = "podman",
	 .runtime = "podman",
	 .ask = INSPECT("podman"),
	 .restart = "podman restart {id}",
	 .read = read_podman,
	 .hands = podman_hands},
	{.name = "kubernetes", .runtime = "kubernetes", .why_not = "the kubelet decides on it"},
	{.name = "containerd",
	 .runtime = "containerd",
	 .why_not = "who had containerd start it decides on it"},
	{.name = "cri-o", .runtime = "cri-o", .why_not = "the kubelet decides on it"},
	{.name = "ecs", .runtime = "ecs", .why_not = "its agent decides on it"},
	{.name = "lxc", .runtime = "lxc", .why_not = "obit has no question for LXC"},
	{.name = "nspawn",
	 .runtime = "nspawn",
	 .why_not = "obit has no question for systemd-nspawn"},
	{.name = "runit",
	 .parent = "runsv",
	 .ask = "sv status {directory}",
	 .restart = "sv up {directory}",
	 .read = read_sv},
	{.name = "s6",
	 .parent = "s6-supervise",
	 .ask = "s6-svstat -o up,wantedup,normallyup,pid,updownfor {directory}",
	 .restart = "s6-svc -u {directory}",
	 .read = read_s6},
	{.name = "daemontools",
	 .parent = "supervise",
	 .ask = "svstat {directory}",
	 .restart = "svc -u {directory}",
	 .read = read_svstat},
	{.name = "supervisord",
	 .parent = "supervisord",
	 .ask = "supervisorctl -c {config} status {name}",
	 .restart = "supervisorctl -c {config} restart {name}",
	 .read = read_supervisord,
	 .twice = true},
};

/* A container of which only the id is known. */
static const struct owner_rule some_container = {
	.name = "its container engine",
	.why_not = "its cgroup does not tell whose container it is",
};

const struct owner_rule *owner_rule_named(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (!strcmp(rules[i].name, name))
			return &rules[i];
	return NULL;
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

static void take_container(const struct cgroup_facts *facts, const struct owner_suspect *suspect,
			   struct owner *ret)
{
	ret->rule = &some_container;
	for (size_t i = 0; facts->runtime && i < ARRAY_SIZE(rules); i++)
		if (rules[i].runtime && !strcmp(rules[i].runtime, facts->runtime))
			ret->rule = &rules[i];
	snprintf(ret->id, sizeof(ret->id), "%s", facts->container);
	cgroup_owner(suspect->cgroup, ret->words);
	ret->why_not = ret->rule->why_not;
}

static bool take_ancestor(const struct owner_suspect *suspect, struct owner *ret)
{
	for (size_t i = 0; i < suspect->ancestor_count; i++) {
		const struct owner_ancestor *ancestor = &suspect->ancestors[i];

		for (size_t r = 0; r < ARRAY_SIZE(rules); r++) {
			if (!rules[r].parent || strcmp(rules[r].parent, ancestor->comm) != 0)
				continue;
			ret->rule = &rules[r];
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

static void take_unit(const struct cgroup_facts *facts, const struct owner_suspect *suspect,
		      struct owner *ret)
{
	if (!suspect->cgroup || !cgroup_owner(suspect->cgroup, ret->words))
		return;
	ret->rule = owner_rule_named("systemd");
	ret->pid = INIT_PID;
	snprintf(ret->unit, sizeof(ret->unit), "%s", facts->unit);
	if (!is_systems_own(suspect->cgroup, facts->unit))
		ret->why_not = "it is not a unit of the system's manager";
}

void owner_find(const struct owner_suspect *suspect, struct owner *ret)
{
	struct cgroup_facts facts;

	*ret = (struct owner){0};
	cgroup_facts(suspect->cgroup ? suspect->cgroup : "", &facts);
	if (cgroup_in_container(&facts))
		take_container(&facts, suspect, ret);
	else if (suspect->in_namespace || !take_ancestor(suspect, ret))
		take_unit(&facts, suspect, ret);
}

bool owner_sent(const struct owner *owner, uint32_t pid, const char *comm)
{
	if (!owner->rule || !pid)
		return false;
	if (owner->pid && owner->pid == pid)
		return true;
	for (size_t i = 0; owner->rule->hands && owner->rule->hands[i]; i++)
		if (!strncmp(owner->rule->hands[i], comm, OWNER_COMM_SIZE - 1))
			return true;
	return false;
}

/* ---- its commands ---- */

/* The value of the placeholder that the text begins with, or NULL; *ret_length is the placeholder's. "{{" of an
 * engine's own template is none. */
static const char *placeholder(const struct owner *owner, const char *text, size_t *ret_length)
{
	const struct {
		const char *word, *value;
	} all[] = {
		{"{unit}", owner->unit},	   {"{id}", owner->id},
		{"{directory}", owner->directory}, {"{name}", owner->name},
		{"{config}", owner->config},
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		*ret_length = strlen(all[i].word);
		if (!strncmp(text, all[i].word, *ret_length))
			return all[i].value;
	}
	return NULL;
}

/* Appends what a word stands for, or measures it where `to` is NULL. Returns its length without the NUL, or -ENODATA. */
static ssize_t expand_word(const struct owner *owner, const char *word, char *to)
{
	size_t length = 0, taken;

	for (const char *at = word; *at; at += taken) {
		const char *value = placeholder(owner, at, &taken);
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
