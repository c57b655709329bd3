// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What hangs, whoever found that out -> where its threads are in the kernel, an input of the policy, what follows. */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/put.h"
#include "io/confine.h"
#include "io/hooks.h"
#include "io/proc.h"
#include "io/stacks.h"
#include "io/trust.h"

#define READERS_MAX  4 /* of stacks, at once; what hangs beyond that has none in its obituary */
#define READ_TIMEOUT (500 * NS_PER_MS)

/* ---- stacks, and whether it could be started again ---- */

/* In a child: it may block where the process is in an exec that does, or on a file system. Stacks are told to CAP_SYS_ADMIN
 * alone. "!WHY" comes first where others than root can change one of the files behind the pid. */
static int look(const char *const *argv)
{
	char why[RECIPE_SENTENCE_SIZE];
	int r = 0;

	confine_self(CONFINE_CAP(CAP_SYS_ADMIN) | CONFINE_CAP(CAP_SYS_PTRACE) |
		     CONFINE_CAP(CAP_DAC_READ_SEARCH));
	for (size_t i = 1; argv[i] && r != -EPERM; i++) {
		r = trust_check(argv[i], why);
		if (r == -EPERM)
			printf("!%s\n", why);
	}
	r = stacks_print(stdout, (pid_t)strtol(argv[0], NULL, 10));
	return fflush(stdout) || r < 0;
}

/* Takes the first line of what was found, if it is one of those. Returns the rest. */
static const char *take_why(const char *text, char why[static RECIPE_SENTENCE_SIZE])
{
	size_t length = strcspn(text, "\n");

	*why = '\0';
	if (*text != '!')
		return text;
	snprintf(why, RECIPE_SENTENCE_SIZE, "%.*s", (int)length - 1, text + 1);
	return text + length + (text[length] == '\n');
}

/* "TID STATE WCHAN COMM" */
static struct json_object *parse_thread(char *line)
{
	struct json_object *thread = json_object_new_object();
	char *saved = NULL, *tid = strtok_r(line, " ", &saved);
	char *state = strtok_r(NULL, " ", &saved), *wchan = strtok_r(NULL, " ", &saved);

	put_number(thread, "tid", tid ? strtoul(tid, NULL, 10) : 0);
	put_string(thread, "comm", saved);
	put_string(thread, "state", state);
	put_string(thread, "wchan", wchan && strcmp(wchan, "-") != 0 ? wchan : NULL);
	put_json(thread, "stack", json_object_new_array());
	return thread;
}

/* As stacks_print() writes it; what was cut off may end anywhere. */
static struct json_object *parse_stacks(const char *text)
{
	struct json_object *threads = json_object_new_array(), *thread = NULL;
	char copy[HOOK_OUTPUT_SIZE], *saved = NULL;

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *line = strtok_r(copy, "\n", &saved); line; line = strtok_r(NULL, "\n", &saved)) {
		if (*line != '\t') {
			thread = parse_thread(line);
			append_json(threads, thread);
		} else if (thread) {
			append_json(json_object_object_get(thread, "stack"),
				    text_to_json(line + 1, strlen(line + 1)));
		}
	}
	return threads;
}

struct json_object *hangs_render(const struct instance *instance)
{
	const struct attachment *attachment = instance->attachment;
	const struct policy_hang *hang = &instance->policy.hang;
	struct json_object *object, *first = NULL;

	if (hang->by == HANG_NONE)
		return NULL;
	object = json_object_new_object();
	if (attachment->hang_threads)
		first = json_object_array_get_idx(attachment->hang_threads, 0);
	put_string(object, "by", hang_by_name(hang->by));
	put_string(object, "reason", hang->words);
	put_number(object, "for_ns", hang->for_ns);
	put_bool(object, "stopped", hang->stopped);
	put_json(object, "wchan", json_object_get(json_object_object_get(first, "wchan")));
	put_json(object, "stack", json_object_get(json_object_object_get(first, "stack")));
	put_json(object, "threads", json_object_get(attachment->hang_threads));
	return object;
}

/* ---- what is done about it ---- */

static void tell(struct daemon *daemon, struct instance *instance,
		 const struct policy_output *decision)
{
	if (decision->verdict == VERDICT_NONE)
		return;
	if (!decision->undone)
		log_warning("%s: pid %u %s", watch_of(daemon, instance)->name, instance->last_pid,
			    decision->detail);
	hook_events_hang(daemon, instance, decision);
}

/* `untrusted`: why a child would refuse to be it; NULL: it would not, or that is not known. */
static void decide(struct daemon *daemon, struct instance *instance, const char *untrusted)
{
	struct attachment *attachment = instance->attachment;
	_cleanup_free_ struct policy_hang *hang = TAKE_PTR(attachment->hang);
	struct policy_input input = {.kind = INPUT_HUNG, .hang = *hang};
	char refusal[RECIPE_SENTENCE_SIZE];
	struct policy_output decision;
	struct obit_letter letter;

	if (!instance->main ||
	    bpf_source_letter(daemon->source, &instance->main->key, &letter) < 0 ||
	    letter.exit.sequence)
		return; /* it is over anyway */
	/* Whether it would be respawned is asked as if it died now. */
	letter.exit.time = clock_boot_ns();
	if (proc_has_terminal(&instance->main->key))
		letter.exit.flags |= OBIT_EXIT_HAD_TTY;
	input.death.refusal = refusals_of_death(daemon, instance, &letter, refusal);
	if (!input.death.refusal && untrusted && !*instance->policy.owner.name)
		input.death.refusal = refusals_with_command(watch_of(daemon, instance), untrusted,
							    refusal);
	act_step(daemon, instance, &input, &decision);
	tell(daemon, instance, &decision);
}

void hangs_tell(struct daemon *daemon, struct instance *instance,
		const struct policy_output *decision)
{
	struct attachment *attachment = instance->attachment;

	json_object_put(TAKE_PTR(attachment->hang_threads)); /* of another hang */
	tell(daemon, instance, decision);
}

static void on_look(void *arg, const struct hook_result *result)
{
	struct daemon *daemon = arg;
	struct instance *instance = lineage_instance(&daemon->lineage, result->id);
	struct attachment *attachment = instance ? instance->attachment : NULL;

	char untrusted[RECIPE_SENTENCE_SIZE];
	const char *stacks;

	if (!attachment || !attachment->hang)
		return;
	stacks = take_why(result->output, untrusted);
	json_object_put(attachment->hang_threads);
	attachment->hang_threads = *stacks ? parse_stacks(stacks) : NULL;
	attachment->untrusted = *untrusted != '\0';
	decide(daemon, instance, attachment->untrusted ? untrusted : NULL);
}

/* 0, or -errno where nobody will tell what was found. */
static int have_a_look(struct daemon *daemon, const struct instance *instance, pid_t pid)
{
	char number[16];
	const char *argv[1 + LAUNCH_GUARDED + 1] = {number}, *const envp[] = {NULL};
	struct hook reader = {
		.name = "looking at what hangs",
		.id = instance->id,
		.argv = argv,
		.envp = envp,
		.input = "",
		.timeout_ns = READ_TIMEOUT,
		.call = look,
		.captures = true,
	};

	refusals_guarded(daemon, instance, argv + 1);
	snprintf(number, sizeof(number), "%d", pid);
	return hooks_run(daemon->stack_readers, &reader);
}

void hangs_report(struct daemon *daemon, struct instance *instance, enum hang_by by, pid_t pid,
		  uint64_t for_ns, const char *words)
{
	struct attachment *attachment = instance->attachment;

	if (instance->policy.state != POLICY_UP || !instance->main || attachment->hang)
		return;
	if (instance->policy.hang.by != HANG_NONE && attachment->untrusted)
		return; /* it is left as it is, and that was told */
	attachment->hang = malloc(sizeof(*attachment->hang));
	if (!attachment->hang) {
		daemon_out_of_memory(daemon, "telling that something hangs");
		return;
	}
	*attachment->hang = (struct policy_hang){.by = by, .for_ns = for_ns};
	snprintf(attachment->hang->words, sizeof(attachment->hang->words), "%s", words);
	if (instance->policy.hang.by == HANG_NONE) {
		json_object_put(TAKE_PTR(attachment->hang_threads));
		if (have_a_look(daemon, instance, pid ? pid : (pid_t)instance->main->key.tgid) == 0)
			return;
	}
	attachment->untrusted = false; /* of an earlier look; nobody has looked now */
	decide(daemon, instance, NULL);
}

void hangs_recovered(struct daemon *daemon, struct instance *instance, enum hang_by by)
{
	struct attachment *attachment = instance->attachment;
	struct policy_input input = {.kind = INPUT_RECOVERED};
	struct policy_output decision;

	if (attachment->hang && attachment->hang->by == by)
		free(TAKE_PTR(attachment->hang)); /* not told yet: a false alarm */
	if (instance->policy.hang.by != by)
		return;
	act_step(daemon, instance, &input, &decision);
	if (*decision.detail)
		log_notice("%s: %s", watch_of(daemon, instance)->name, decision.detail);
}

/* Who looks may do so still: what it finds is of processes that are gone. */
void hangs_forget(struct instance *instance)
{
	struct attachment *attachment = instance->attachment;

	if (!attachment->hang)
		return;
	free(TAKE_PTR(attachment->hang));
	hooks_cancel(attachment->daemon->stack_readers, instance->id);
}

/* ---- the ends ---- */

int hangs_open(struct daemon *daemon)
{
	struct hooks_options options = {
		.running_max = READERS_MAX,
		.waiting_max = 0,
		.told = on_look,
		.arg = daemon,
	};

	return hooks_new(daemon->loop, &options, &daemon->stack_readers);
}

bool hangs_reap(struct daemon *daemon, pid_t pid)
{
	return daemon->stack_readers && hooks_reap(daemon->stack_readers, pid);
}

void hangs_close(struct daemon *daemon)
{
	hooks_free(daemon->stack_readers);
}
