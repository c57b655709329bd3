// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* obit status; obit stop, start, restart, revive; obit kill; obit pause, resume */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/protocol.h"
#include "cli/act.h"
#include "cli/alloc.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/value.h"

#define POLL_NS (50 * NS_PER_MS)

/* What a look at the watch has shown. */
struct sight {
	char *state; /* safe to print, as the note */
	int64_t pid; /* or ACT_NO_PID */
	char *note;  /* why it is as it is, or NULL */
};

static void sight_release(struct sight *sight)
{
	free(sight->state);
	free(sight->note);
	sight->state = sight->note = NULL;
}
#define _cleanup_sight_ _cleanup_(sight_release)

static void sight_set(struct sight *sight, struct json_object *object)
{
	sight_release(sight);
	sight->state = member_text(object, "state");
	if (member(object, "note"))
		sight->note = member_text(object, "note");
	if (!member_int(object, "pid", &sight->pid))
		sight->pid = ACT_NO_PID;
}

/* `note`: or NULL. Who has just stopped it himself need not be told why it is down. */
static void print_sight(const struct invocation *inv, const char *name, const struct sight *sight,
			const char *note)
{
	printf("%s: ", name);
	term_print(stdout, &inv->term, state_style(sight->state), sight->state);
	if (sight->pid != ACT_NO_PID)
		printf(" (pid %" PRId64 ")", sight->pid);
	printf("%s%s\n", note ? "; " : "", note ? note : "");
}

int cmd_status(const struct invocation *inv)
{
	_cleanup_reply_ struct reply reply = {0};
	_cleanup_sight_ struct sight sight = {0};
	struct request request = {
		.command = "status", .name = inv->name, .count = -1, .shape = json_type_object};
	int r = ask(inv, &request, &reply);

	if (r != OBIT_EXIT_OK)
		return r;
	sight_set(&sight, reply.data);
	if (option_given(inv, OPTION_JSON))
		json_print(stdout, reply.data, true);
	else
		print_sight(inv, inv->name, &sight, sight.note);
	return strcmp(sight.state, "up") == 0 ? OBIT_EXIT_OK : OBIT_EXIT_NOT_RUNNING;
}

/* What is to be waited for: the watch, or with NAME@PID one instance of it. The daemon knows an instance by the pid
 * before, too. */
struct target {
	const char *name;
	enum act_goal goal;
	int64_t pid_before;
};

static struct target target_of(const struct invocation *inv)
{
	struct target target = {.name = inv->name, .goal = GOAL_UP, .pid_before = ACT_NO_PID};

	if (strcmp(inv->command->name, "stop") == 0)
		target.goal = GOAL_STOPPED;
	else if (strcmp(inv->command->name, "restart") == 0)
		target.goal = GOAL_NEW;
	return target;
}

static int look(const struct invocation *inv, const struct target *target, struct sight *sight)
{
	_cleanup_reply_ struct reply reply = {0};
	struct request request = {
		.command = "status", .name = target->name, .count = -1, .shape = json_type_object};
	int r = ask(inv, &request, &reply);

	if (r == OBIT_EXIT_OK)
		sight_set(sight, reply.data);
	return r;
}

static bool is_not_restarted(const struct target *target, const struct sight *sight)
{
	return target->goal == GOAL_NEW && sight->note &&
	       strncmp(sight->note, OBIT_NOT_RESTARTED, strlen(OBIT_NOT_RESTARTED)) == 0;
}

static int tell_failure(const struct invocation *inv, const struct target *target,
			const struct sight *sight, enum act_verdict verdict)
{
	const char *verb = target->goal == GOAL_STOPPED ? "stopped" : "up";
	char span[CLOCK_SPAN_SIZE];

	if (is_not_restarted(target, sight))
		log_error("%s is %s", target->name, sight->note);
	else if (verdict == ACT_WAIT && target->goal == GOAL_NEW && strcmp(sight->state, "up") == 0)
		log_error("%s still runs as pid %" PRId64 " after %s: it was not restarted",
			  target->name, sight->pid, clock_span(inv->wait_ns, span));
	else if (verdict == ACT_WAIT)
		log_error("%s is not %s but %s after %s (obit why %s may tell more; --wait SECONDS "
			  "waits longer)",
			  target->name, verb, sight->state, clock_span(inv->wait_ns, span),
			  target->name);
	else if (sight->note && target->goal != GOAL_STOPPED) /* why it runs is another matter */
		log_error("%s is not %s but %s: %s", target->name, verb, sight->state, sight->note);
	else
		log_error("%s is not %s but %s (obit why %s may tell more)", target->name, verb,
			  sight->state, target->name);
	return OBIT_EXIT_FAILED;
}

static int wait_for(const struct invocation *inv, const struct target *target, struct sight *sight)
{
	uint64_t deadline = clock_running_ns() + inv->wait_ns;
	enum act_verdict verdict;

	for (;;) {
		struct timespec pause = {.tv_nsec = POLL_NS};
		int r = look(inv, target, sight);

		if (r != OBIT_EXIT_OK)
			return r;
		verdict = act_judge(target->goal, sight->state, sight->pid, target->pid_before);
		if (verdict != ACT_WAIT || is_not_restarted(target, sight) ||
		    clock_running_ns() >= deadline)
			break;
		nanosleep(&pause, NULL);
	}
	return verdict == ACT_DONE ? OBIT_EXIT_OK : tell_failure(inv, target, sight, verdict);
}

/* The pid before a restart is asked for quietly: if there is a reason to refuse, the restart
 * itself will say it. */
static void remember_pid(const struct invocation *inv, struct target *target)
{
	_cleanup_reply_ struct reply reply = {0};
	struct request request = {
		.command = "status", .name = target->name, .count = -1, .shape = json_type_object};

	if (target->goal == GOAL_NEW && ask_quietly(inv, &request, &reply, NULL) == OBIT_EXIT_OK)
		member_int(reply.data, "pid", &target->pid_before);
}

static void print_result(struct json_object *data, const struct sight *sight)
{
	_cleanup_json_ struct json_object *object = json_object_new_object();

	json_object_object_add(object, "message", json_object_get(member(data, "message")));
	json_object_object_add(object, "state", json_object_new_string(sight->state));
	json_object_object_add(object, "pid",
			       sight->pid == ACT_NO_PID ? NULL : json_object_new_int64(sight->pid));
	json_object_object_add(object, "note",
			       sight->note ? json_object_new_string(sight->note) : NULL);
	json_print(stdout, object, true);
}

int cmd_act(const struct invocation *inv)
{
	struct request request = {.command = inv->command->name,
				  .name = inv->name,
				  .count = -1,
				  .shape = json_type_object};
	bool json = option_given(inv, OPTION_JSON), waits = !option_given(inv, OPTION_NO_WAIT);
	struct target target = target_of(inv);
	_cleanup_reply_ struct reply reply = {0};
	_cleanup_sight_ struct sight sight = {0};
	_cleanup_free_ char *message = NULL;
	int r;

	if (waits)
		remember_pid(inv, &target);
	r = ask(inv, &request, &reply);
	if (r != OBIT_EXIT_OK)
		return r;
	sight_set(&sight, reply.data);
	message = member_text(reply.data, "message");
	if (!json)
		printf("%s\n", message);
	fflush(stdout);
	if (waits)
		r = wait_for(inv, &target, &sight);
	if (json)
		print_result(reply.data, &sight);
	else if (waits && r == OBIT_EXIT_OK)
		print_sight(inv, target.name, &sight, NULL);
	return r;
}

int cmd_kill(const struct invocation *inv)
{
	_cleanup_reply_ struct reply reply = {0};
	_cleanup_free_ char *message = NULL;
	struct request request = {.command = "kill",
				  .name = inv->name,
				  .signal = inv->signal,
				  .count = -1,
				  .shape = json_type_object};
	int r = ask(inv, &request, &reply);

	if (r != OBIT_EXIT_OK)
		return r;
	message = member_text(reply.data, "message");
	if (option_given(inv, OPTION_JSON))
		json_print(stdout, reply.data, true);
	else
		printf("%s\n", message);
	return OBIT_EXIT_OK;
}

int cmd_pause(const struct invocation *inv)
{
	_cleanup_reply_ struct reply reply = {0};
	_cleanup_free_ char *message = NULL;
	struct request request = {.command = inv->command->name,
				  .name = inv->name,
				  .count = -1,
				  .all = option_given(inv, OPTION_ALL),
				  .for_ns = inv->for_ns,
				  .shape = json_type_object};
	int r = ask(inv, &request, &reply);

	if (r != OBIT_EXIT_OK)
		return r;
	message = member_text(reply.data, "message");
	if (option_given(inv, OPTION_JSON))
		json_print(stdout, reply.data, true);
	else
		printf("%s\n", message);
	return OBIT_EXIT_OK;
}
