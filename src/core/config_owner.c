// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The owners that are built in, as the text that could be in a file; and what becomes of those of the files beside
 * them. */
#include "core/config_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* obit.conf(5) shows it, and tests/system/docs.bats compares the two. */
const char config_builtin_owners[] =
	"owner systemd {\n"
	"\tunit = \"*.service\"\n"
	"\task = \"systemctl show {unit} -p LoadState -p ActiveState -p SubState \\\n"
	"\t\t-p Job -p MainPID -p ExecMainStartTimestampMonotonic\"\n"
	"\tanswer = systemctl\n"
	"\trestart = \"systemctl restart {unit}\"\n"
	"\tstop = \"systemctl stop {unit}\"\n"
	"}\n"
	"owner docker {\n"
	"\truntime = docker\n"
	"\task = \"docker inspect --type container \\\n"
	"\t\t--format '{{.State.Status}} {{.State.Pid}}' {id}\"\n"
	"\tanswer = docker\n"
	"\trestart = \"docker restart {id}\"\n"
	"\tstop = \"docker stop {id}\"\n"
	"\tstopped_by = { runc, crun, containerd-shim, dockerd }\n"
	"}\n"
	"owner podman {\n"
	"\truntime = podman\n"
	"\task = \"podman inspect --type container \\\n"
	"\t\t--format '{{.State.Status}} {{.State.Pid}} {{.RestartCount}} \\\n"
	"\t\t{{with .HostConfig.RestartPolicy}}{{.MaximumRetryCount}} {{.Name}} \\\n"
	"\t\t{{end}}' {id}\"\n"
	"\tanswer = podman\n"
	"\trestart = \"podman restart {id}\"\n"
	"\tstop = \"podman stop {id}\"\n"
	"\tstopped_by = { runc, crun, conmon, podman }\n"
	"}\n"
	"owner runit {\n"
	"\tparent = runsv\n"
	"\task = \"sv status {directory}\"\n"
	"\tanswer = sv\n"
	"\trestart = \"sv restart {directory}\"\n"
	"\tstart = \"sv up {directory}\"\n"
	"\tstop = \"sv down {directory}\"\n"
	"}\n"
	"owner s6 {\n"
	"\tparent = s6-supervise\n"
	"\task = \"s6-svstat -o up,wantedup,normallyup,pid,updownfor {directory}\"\n"
	"\tanswer = s6-svstat\n"
	"\trestart = \"s6-svc -ru {directory}\"\n"
	"\tstart = \"s6-svc -u {directory}\"\n"
	"\tstop = \"s6-svc -d {directory}\"\n"
	"}\n"
	"owner daemontools {\n"
	"\tparent = supervise\n"
	"\task = \"svstat {directory}\"\n"
	"\tanswer = svstat\n"
	"\trestart = \"svc -tu {directory}\"\n"
	"\tstart = \"svc -u {directory}\"\n"
	"\tstop = \"svc -d {directory}\"\n"
	"}\n"
	"owner supervisord {\n"
	"\tparent = supervisord\n"
	"\task = \"supervisorctl -c {config} status {name}\"\n"
	"\tanswer = supervisorctl\n"
	"\trestart = \"supervisorctl -c {config} restart {name}\"\n"
	"\tstop = \"supervisorctl -c {config} stop {name}\"\n"
	"}\n"
	"owner kubernetes {\n"
	"\truntime = kubernetes\n"
	"\treason = \"the kubelet decides on it\"\n"
	"}\n"
	"owner cri-o {\n"
	"\truntime = cri-o\n"
	"\treason = \"the kubelet decides on it\"\n"
	"}\n"
	"owner containerd {\n"
	"\truntime = containerd\n"
	"\treason = \"who had containerd start it decides on it\"\n"
	"}\n"
	"owner ecs {\n"
	"\truntime = ecs\n"
	"\treason = \"its agent decides on it\"\n"
	"}\n"
	"owner lxc {\n"
	"\truntime = lxc\n"
	"\treason = \"obit has no question for LXC\"\n"
	"}\n"
	"owner nspawn {\n"
	"\truntime = nspawn\n"
	"\treason = \"obit has no question for systemd-nspawn\"\n"
	"}\n";

/* ---- structures ---- */

#define O(field) offsetof(struct owner_config, field)
static const size_t owned_strings[] = {
	O(name), O(file), O(runtime), O(unit), O(ask), O(restart), O(start), O(stop), O(reason),
};
static const size_t owned_lists[] = {O(cgroup), O(parent), O(stopped_by)};
#undef O

static char **string_at(struct owner_config *owner, size_t offset)
{
	return (char **)((char *)owner + offset);
}

static struct string_list *list_at(struct owner_config *owner, size_t offset)
{
	return (struct string_list *)((char *)owner + offset);
}

void owner_config_free(struct owner_config *owner)
{
	for (size_t i = 0; i < ARRAY_SIZE(owned_strings); i++)
		free(*string_at(owner, owned_strings[i]));
	for (size_t i = 0; i < ARRAY_SIZE(owned_lists); i++)
		config_list_free(list_at(owner, owned_lists[i]));
	*owner = (struct owner_config){0};
}

int owner_config_copy(const struct owner_config *owner, struct owner_config *copy)
{
	int r = 0;

	*copy = *owner;
	for (size_t i = 0; i < ARRAY_SIZE(owned_strings); i++)
		r = config_own_string(string_at(copy, owned_strings[i])) < 0 ? -ENOMEM : r;
	for (size_t i = 0; i < ARRAY_SIZE(owned_lists); i++)
		r = config_own_list(list_at(copy, owned_lists[i])) < 0 ? -ENOMEM : r;
	return r;
}

struct owner_config *config_find_owner(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->owner_count; i++)
		if (strcmp(config->owners[i].name, name) == 0)
			return &config->owners[i];
	return NULL;
}

int config_reserve_owners(struct config *config, size_t more)
{
	struct owner_config *owners;

	if (!more)
		return 0;
	owners = reallocarray(config->owners, config->owner_count + more, sizeof(*owners));
	if (!owners)
		return -ENOMEM;
	config->owners = owners;
	return 0;
}

int config_add_owner(struct config *config, const char *name, const char *file, unsigned line)
{
	_cleanup_free_ char *own_name = strndup(name, strlen(name));
	_cleanup_free_ char *own_file = strndup(file, strlen(file));

	if (!own_name || !own_file || config_reserve_owners(config, 1) < 0)
		return -ENOMEM;
	config->owners[config->owner_count++] = (struct owner_config){
		.name = TAKE_PTR(own_name), .file = TAKE_PTR(own_file), .line = line};
	return 0;
}

/* ---- the built-in ones beside those of the files ---- */

static bool is_recognised(const struct owner_config *owner)
{
	return owner->cgroup.count || owner->runtime || owner->parent.count || owner->unit;
}

static bool is_told(const struct owner_config *owner)
{
	return owner->ask || owner->restart || owner->start;
}

static void take_string(char **ours, char **theirs)
{
	if (!*ours)
		*ours = TAKE_PTR(*theirs);
}

static void take_list(struct string_list *ours, struct string_list *theirs)
{
	if (ours->count)
		return;
	*ours = *theirs;
	*theirs = (struct string_list){0};
}

/* Gives `ours` what it leaves open. Whoever has a question of his own has an answer of his own, too. */
static void fill_up(struct owner_config *ours, struct owner_config *builtin)
{
	if (!is_recognised(ours)) {
		take_list(&ours->cgroup, &builtin->cgroup);
		take_list(&ours->parent, &builtin->parent);
		take_string(&ours->runtime, &builtin->runtime);
		take_string(&ours->unit, &builtin->unit);
	}
	if (!is_told(ours))
		take_string(&ours->reason, &builtin->reason);
	take_string(&ours->ask, &builtin->ask);
	take_string(&ours->restart, &builtin->restart);
	take_string(&ours->start, &builtin->start);
	take_string(&ours->stop, &builtin->stop);
	take_list(&ours->stopped_by, &builtin->stopped_by);
	if (ours->answer == OWNER_FORMAT_UNSET)
		ours->answer = builtin->answer;
}

static int check(struct owner_config *owner, struct config_report *report)
{
	report->file = owner->file;
	if (!is_recognised(owner))
		return config_fail(
			report, owner->line,
			"owner '%s' has neither cgroup, runtime, parent nor unit; expected "
			"one of them, or the name of a built-in owner",
			owner->name);
	if (!owner->ask && owner->answer != OWNER_FORMAT_UNSET)
		return config_fail(report, owner->line,
				   "owner '%s' has an answer but no ask; expected both",
				   owner->name);
	if (owner->ask && owner->answer == OWNER_FORMAT_UNSET)
		owner->answer = OWNER_FORMAT_WORD;
	return 0;
}

/* The built-in ones alone. */
static int read_builtin(struct config *ret, struct config_error *error)
{
	config_init(ret);
	return config_parse(ret, "built-in owners", config_builtin_owners,
			    strlen(config_builtin_owners), error);
}

int config_complete_owners(struct config *config, struct config_error *ret_error)
{
	struct config_report report = {.error = ret_error};
	_cleanup_(config_free) struct config builtin;
	size_t written = config->owner_count;
	int r = read_builtin(&builtin, ret_error);

	if (r == 0 && config_reserve_owners(config, builtin.owner_count) < 0)
		r = config_fail_memory(&report);
	for (size_t i = 0; r == 0 && i < builtin.owner_count; i++) {
		struct owner_config *theirs = &builtin.owners[i];
		struct owner_config *ours = config_find_owner(config, theirs->name);

		if (ours) {
			fill_up(ours, theirs);
			continue;
		}
		free(theirs->file);
		theirs->file = NULL;
		theirs->line = 0;
		config->owners[config->owner_count++] = *theirs;
		*theirs = (struct owner_config){0};
	}
	for (size_t i = 0; r == 0 && i < written; i++)
		r = check(&config->owners[i], &report);
	return r;
}
