// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Every sentence is made of the same parts, in this order:
 *
 *   redis-server (pid 7)                                                    who
 *   , a member of cache,                                                    role
 *   hung (no WATCHDOG=1 for 30s), and                                       hang, or
 *   was asked to stop by systemctl (pid 81, SIGTERM), and 2s later          request
 *   crashed with SIGSEGV                                                    verb
 *   3h 12min after its start, and dumped core                               end
 *   : it accessed address 0x0 (nothing is mapped there: a null pointer).    reason */
#include "cli/sentence.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/alloc.h"
#include "cli/amount.h"
#include "cli/cause.h"
#include "cli/fault.h"
#include "cli/hint.h"
#include "cli/value.h"
#include "cli/when.h"

static void put_who(FILE *out, struct json_object *who)
{
	_cleanup_free_ char *name = who_name(who), *pid = value_text(member(who, "pid"));

	fputs(name, out);
	if (pid)
		fprintf(out, " (pid %s)", pid);
}

/* The main process needs no such remark. */
static void put_role(FILE *out, struct json_object *death)
{
	const char *role = member_word(death, "role");
	_cleanup_free_ char *watch = value_text(member(death, "watch"));

	if (!watch)
		return;
	if (strcmp(role, "member") == 0)
		fprintf(out, ", a member of %s,", watch);
	else if (strcmp(role, "offspring") == 0)
		fprintf(out, ", offspring of %s,", watch);
}

/* What else than SIGKILL ended it after a request may have been its own way to stop. */
static bool did_not_stop(struct json_object *death)
{
	return cause_of(death) == CAUSE_PROCESS &&
	       strcmp(member_word(death, "signal"), "SIGKILL") == 0;
}

static void put_request(FILE *out, struct json_object *death)
{
	struct json_object *asker = cause_asker(death);
	_cleanup_free_ char *name = NULL, *pid = NULL, *signal = NULL, *later = NULL;

	if (!asker)
		return;
	name = who_name(asker);
	pid = value_text(member(asker, "pid"));
	signal = cause_signal(asker);
	later = member_duration(asker, "before_ns");
	fprintf(out, " was asked to stop by %s (%s%s%s%s),%s and", name, pid ? "pid " : "",
		pid ? pid : "", pid ? ", " : "", signal, did_not_stop(death) ? " did not," : "");
	if (later)
		fprintf(out, " %s later", later);
}

static void put_hang(FILE *out, struct json_object *hang)
{
	_cleanup_free_ char *reason = value_text(member(hang, "reason"));

	fputs(" hung", out);
	if (reason)
		fprintf(out, " (%s)", reason);
	fputs(", and", out);
}

static void put_exit(FILE *out, struct json_object *death)
{
	_cleanup_free_ char *status = value_text(member(death, "exit_status"));
	_cleanup_free_ char *hint = hint_exit(death);

	if (!status)
		fputs(" exited with an unknown status", out);
	else if (strcmp(status, "0") == 0 && !cause_asker(death))
		fputs(" finished (exit status 0)", out);
	else
		fprintf(out, " exited with status %s", status);
	if (hint)
		fprintf(out, " (%s)", hint);
}

static void put_sender(FILE *out, struct json_object *death)
{
	struct json_object *killer = member_object(death, "killer");
	_cleanup_free_ char *words = NULL;

	if (!killer)
		words = must_printf("another process");
	else if (who_is(killer, cause_asker(death)))
		words = must_printf("the same process");
	else
		words = who_words(killer, death);
	fprintf(out, ", sent by %s", words);
}

static void put_terminal(FILE *out, const char *signal)
{
	if (strcmp(signal, "SIGINT") == 0)
		fputs(" was ended by Ctrl-C on its terminal (SIGINT)", out);
	else if (strcmp(signal, "SIGQUIT") == 0)
		fputs(" was ended by Ctrl-\\ on its terminal (SIGQUIT)", out);
	else if (strcmp(signal, "SIGHUP") == 0)
		fputs(" lost its terminal and was killed by SIGHUP", out);
	else
		fprintf(out, " was killed by %s from its terminal", signal);
}

static void put_seccomp(FILE *out, struct json_object *death, const char *signal)
{
	_cleanup_free_ char *number = value_text(member(member(death, "fault"), "syscall"));

	fputs(" made a forbidden system call", out);
	if (number)
		fprintf(out, " (number %s)", number);
	fprintf(out, " and was killed by %s", signal);
}

static void put_untold(FILE *out, struct json_object *death)
{
	_cleanup_free_ char *status = value_text(member(death, "wait_status"));

	if (status)
		fprintf(out, " ended with wait status %s", status);
	else
		fputs(" ended, nobody knows how", out);
}

static void put_verb(FILE *out, struct json_object *death)
{
	_cleanup_free_ char *signal = cause_signal(death);

	switch (cause_of(death)) {
	case CAUSE_UNTOLD:
		put_untold(out, death);
		return;
	case CAUSE_EXIT:
		put_exit(out, death);
		return;
	case CAUSE_OOM:
		fputs(" ran out of memory", out);
		return;
	case CAUSE_FAULT:
		fprintf(out, " crashed with %s", signal);
		return;
	case CAUSE_SECCOMP:
		put_seccomp(out, death, signal);
		return;
	case CAUSE_TERMINAL:
		put_terminal(out, signal);
		return;
	case CAUSE_ITSELF:
		if (cause_is_abort(death))
			fprintf(out, " aborted itself (%s)", signal);
		else
			fprintf(out, " ended itself by %s", signal);
		return;
	default:
		fprintf(out, " was killed by %s", signal);
	}
	if (cause_of(death) == CAUSE_PROCESS)
		put_sender(out, death);
	else if (cause_of(death) == CAUSE_KERNEL)
		fputs(", sent by the kernel", out);
}

/* Beside "2s later" another span needs a word more. */
static void put_end(FILE *out, struct json_object *death)
{
	_cleanup_free_ char *lived = member_duration(death, "lived_ns");
	enum cause cause = cause_of(death);

	if (lived && cause_asker(death))
		fprintf(out, ", %s after its start", lived);
	else if (lived && (cause == CAUSE_PROCESS || cause == CAUSE_KERNEL))
		fprintf(out, ", after %s", lived);
	else if (lived)
		fprintf(out, " after %s", lived);
	if (cause_dumped(death))
		fputs(", and dumped core", out);
}

static void put_full_cgroup(FILE *out, struct json_object *death, struct json_object *oom)
{
	_cleanup_free_ char *limited = cause_limited(death);
	_cleanup_free_ char *limit = member_amount(oom, "limit_bytes", 1);

	fprintf(out, ": %s reached its limit%s%s, and the kernel killed it", limited,
		limit ? " of " : "", limit ? limit : "");
}

static void put_memory(FILE *out, struct json_object *death)
{
	struct json_object *oom = member_object(death, "oom_cause");
	_cleanup_free_ char *held = member_amount(death, "max_rss_kib", 1024);

	if (strcmp(member_word(oom, "scope"), "cgroup") == 0) {
		put_full_cgroup(out, death, oom);
		return;
	}
	if (strcmp(member_word(oom, "scope"), "host") == 0)
		fputs(": the host had none left, and the kernel chose to kill it", out);
	else
		fputs(": the kernel killed it", out);
	if (held)
		fprintf(out, " (it held up to %s)", held);
}

/* Whose end took it along: ": bash (pid 12), its parent, ended and ..." */
static void put_companion(FILE *out, struct json_object *death, const char *what,
			  const char *consequence)
{
	struct json_object *killer = member_object(death, "killer");

	fputs(": ", out);
	if (killer)
		put_who(out, killer);
	fprintf(out, killer ? ", %s, %s" : "%s %s", what, consequence);
}

static const char *const fixed_reasons[_CAUSE_MAX] = {
	[CAUSE_PIPE] = ": it wrote to a pipe or a socket that nobody reads any more",
	[CAUSE_CPU_LIMIT] = ": it used up its CPU time (RLIMIT_CPU)",
	[CAUSE_FILE_LIMIT] = ": it wrote beyond the size that its files may have (RLIMIT_FSIZE)",
	[CAUSE_TIMER] = ": a timer of its own went off, and it has no handler for that",
	[CAUSE_KERNEL] = "; the kernel log (dmesg) may say why",
	[CAUSE_UNKNOWN] = "; who sent it is not known",
};

static void put_fault(FILE *out, struct json_object *death)
{
	_cleanup_free_ char *words = fault_words(death);

	if (words)
		fprintf(out, ": %s", words);
}

static void put_reason(FILE *out, struct json_object *death)
{
	enum cause cause = cause_of(death);

	switch (cause) {
	case CAUSE_FAULT:
		put_fault(out, death);
		break;
	case CAUSE_OOM:
		put_memory(out, death);
		break;
	case CAUSE_PARENT:
		put_companion(out, death, "its parent",
			      "ended, and it was set to end with it (PR_SET_PDEATHSIG)");
		break;
	case CAUSE_NAMESPACE:
		put_companion(out, death, "the first process of its pid namespace",
			      "ended and took all others in it along");
		break;
	default:
		fputs(fixed_reasons[cause] ? fixed_reasons[cause] : "", out);
	}
}

char *death_sentence(struct json_object *death)
{
	struct draft draft;

	draft_open(&draft);
	put_who(draft.out, death);
	put_role(draft.out, death);
	if (cause_hang(death))
		put_hang(draft.out, cause_hang(death));
	else
		put_request(draft.out, death);
	put_verb(draft.out, death);
	put_end(draft.out, death);
	put_reason(draft.out, death);
	putc('.', draft.out);
	return draft_close(&draft);
}
