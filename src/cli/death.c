// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/death.h"

#include <ctype.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/protocol.h"
#include "cli/alloc.h"
#include "cli/cause.h"
#include "cli/evidence.h"
#include "cli/sentence.h"
#include "cli/value.h"
#include "cli/when.h"

static char *exit_how(struct json_object *death)
{
	_cleanup_free_ char *status = member_text(death, "exit_status"), *signal = NULL;
	struct json_object *asker = cause_asker(death);

	if (!asker)
		return must_printf("exit %s", status);
	signal = cause_signal(asker);
	return must_printf("exit %s on %s", status, signal);
}

/* Who is behind the signal: the sender, or the one whose request it answered by the same signal. */
static struct json_object *sender_of(struct json_object *death)
{
	struct json_object *asker = cause_asker(death);

	if (cause_of(death) == CAUSE_PROCESS)
		return member_object(death, "killer");
	if (cause_of(death) == CAUSE_ITSELF &&
	    strcmp(member_word(asker, "signal"), member_word(death, "signal")) == 0)
		return asker;
	return NULL;
}

static char *sender_how(struct json_object *sender, bool brief)
{
	_cleanup_free_ char *name = who_name(sender), *pid = value_text(member(sender, "pid"));

	return brief || !pid ? must_printf(" by %s", name) : must_printf(" by %s(%s)", name, pid);
}

static const char *terminal_how(struct json_object *death)
{
	const char *signal = member_word(death, "signal");

	if (strcmp(signal, "SIGINT") == 0)
		return " by Ctrl-C";
	return strcmp(signal, "SIGQUIT") == 0 ? " by Ctrl-\\" : " by terminal";
}

static const char *const remarks[_CAUSE_MAX] = {
	[CAUSE_ITSELF] = " by itself",	     [CAUSE_SECCOMP] = " (seccomp)",
	[CAUSE_CPU_LIMIT] = " (cpu limit)",  [CAUSE_FILE_LIMIT] = " (file limit)",
	[CAUSE_TIMER] = " (timer)",	     [CAUSE_PARENT] = " (parent ended)",
	[CAUSE_NAMESPACE] = " (init ended)", [CAUSE_KERNEL] = " by kernel",
};

static const char *remark_how(struct json_object *death)
{
	enum cause cause = cause_of(death);

	if (cause == CAUSE_TERMINAL)
		return terminal_how(death);
	return remarks[cause] && !cause_is_abort(death) ? remarks[cause] : "";
}

static char *signal_how(struct json_object *death, bool brief)
{
	_cleanup_free_ char *signal = cause_signal(death), *by = NULL;
	struct json_object *sender = sender_of(death);

	if (sender)
		by = sender_how(sender, brief);
	else
		by = must_printf("%s", brief ? "" : remark_how(death));
	return must_printf("%s%s%s", cause_is_abort(death) ? "aborted" : signal,
			   cause_dumped(death) ? " core" : "", by);
}

/* That obit ended it goes without saying. */
static char *hang_how(struct json_object *death)
{
	_cleanup_free_ char *words = cause_of(death) == CAUSE_EXIT
					     ? member_text(death, "exit_status")
					     : cause_signal(death);

	return must_printf("hung, %s%s%s", cause_of(death) == CAUSE_EXIT ? "exit " : "", words,
			   cause_dumped(death) ? " core" : "");
}

static char *how(struct json_object *death, bool brief)
{
	_cleanup_free_ char *status = NULL;

	if (cause_hang(death))
		return hang_how(death);
	switch (cause_of(death)) {
	case CAUSE_UNTOLD:
		status = member_text(death, "wait_status");
		return must_printf("status %s", status);
	case CAUSE_EXIT:
		return exit_how(death);
	case CAUSE_OOM:
		return must_printf("out of memory");
	default:
		return signal_how(death, brief);
	}
}

char *death_how(struct json_object *death)
{
	return how(death, false);
}

char *death_how_short(struct json_object *death)
{
	return how(death, true);
}

char *death_brief(struct json_object *death, uint64_t now_ns)
{
	_cleanup_free_ char *words = NULL, *ago = NULL;
	uint64_t then;

	if (!json_object_is_type(death, json_type_object))
		return NULL;
	words = death_how(death);
	if (!when_parse(member_word(death, "time"), &then))
		return TAKE_PTR(words);
	ago = when_ago(then, now_ns);
	return must_printf("%s, %s", words, ago);
}

static const struct {
	const char *action;
	const char *words; /* where the daemon gave no detail */
	const char *brief; /* where its detail has no room; NULL: cut it */
	enum style style;
} actions[] = {
	{"respawn", "respawned", "respawned", STYLE_GREEN},
	{"hand-over", "handed over: another process of the watch is main now", "handed over",
	 STYLE_GREEN},
	{"stop-members", "its other processes are stopped first", "stopping members", STYLE_YELLOW},
	{"ask-owner", "its owner is asked whether it restarts it", "owner is asked", STYLE_YELLOW},
	{"restart-by-owner", "its owner is told to restart it", "restarted by owner", STYLE_GREEN},
	{"expected", "its owner restarts it", "left to its owner", STYLE_GREEN},
	{"restarted", "its owner has restarted it", "restarted by owner", STYLE_GREEN},
	{"bury", "buried: not respawned until it is revived", "buried", STYLE_RED},
	{"report", "reported only", "not respawned", STYLE_DIM},
	{"none", "nothing was done about it", NULL, STYLE_DIM},
};

/* What has become of it stands for what was done about it, once it is known. */
static struct json_object *decision_on(struct json_object *death)
{
	struct json_object *outcome = member_object(death, "outcome");

	return outcome ? outcome : death;
}

static size_t action_index(struct json_object *death)
{
	const char *action = member_word(decision_on(death), "action");
	size_t i = 0;

	while (i < ARRAY_SIZE(actions) && strcmp(action, actions[i].action) != 0)
		i++;
	return i;
}

/* The daemon only observes: its decision is told, but nothing came of it. */
static bool is_undone(struct json_object *death)
{
	const char *detail = member_word(decision_on(death), "action_detail");
	size_t length = strlen(detail), tail = strlen(OBIT_UNDONE_REMARK);

	return length >= tail && strcmp(detail + length - tail, OBIT_UNDONE_REMARK) == 0;
}

enum style death_action_style(struct json_object *death)
{
	size_t i = action_index(death);

	if (is_undone(death))
		return STYLE_DIM;
	return i < ARRAY_SIZE(actions) ? actions[i].style : STYLE_PLAIN;
}

char *death_action_words(struct json_object *death)
{
	char *detail = value_text(member(decision_on(death), "action_detail"));
	size_t i = action_index(death);

	if (detail)
		return detail;
	return i < ARRAY_SIZE(actions) ? must_printf("%s", actions[i].words)
				       : member_text(decision_on(death), "action");
}

/* Ends the words before the last remark: " (attempt 3)", ": it belongs to ...", "; owner = ...", and who had
 * it stopped. */
static bool drop_remark(char *words)
{
	static const char *const marks[] = {" (", ": ", "; ", " by the operator"};
	char *last = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		for (char *at = strstr(words, marks[i]); at; at = strstr(at + 1, marks[i]))
			if (!last || at > last)
				last = at;
	if (!last || last == words)
		return false;
	*last = '\0';
	return true;
}

char *death_action_short(struct json_object *death, size_t columns)
{
	char *words = death_action_words(death);
	size_t i = action_index(death);

	/* The remark must not be what is left out. */
	if (text_columns(words) > columns && is_undone(death)) {
		_cleanup_free_ char *action = member_text(death, "action");

		free(words);
		words = must_printf("observed: %s", action);
		i = ARRAY_SIZE(actions);
	}
	while (text_columns(words) > columns && drop_remark(words))
		;
	if (text_columns(words) > columns) {
		_cleanup_free_ char *all = words;

		words = text_fitted(i < ARRAY_SIZE(actions) && actions[i].brief ? actions[i].brief
										: all,
				    columns);
	}
	return words;
}

bool death_is_buried(struct json_object *death)
{
	return strcmp(member_word(decision_on(death), "action"), "bury") == 0;
}

/* What is buried comes back in one way only. */
static char *way_back(struct json_object *death)
{
	const char *watch = member_word(death, "watch");
	_cleanup_free_ char *quoted = NULL;

	if (!*watch || is_undone(death) || !death_is_buried(death))
		return must_printf("%s", "");
	quoted = shell_quote(watch, strlen(watch));
	return must_printf(" To bring it back: obit revive %s", quoted);
}

char *death_action(struct json_object *death)
{
	_cleanup_free_ char *words = death_action_words(death), *back = way_back(death);
	size_t length = strlen(words);

	if (strcmp(words, "-") == 0)
		return must_printf("What was done about it is not known.");
	words[0] = (char)toupper((unsigned char)words[0]);
	return must_printf("%s%s%s", words, words[length - 1] == '.' ? "" : ".", back);
}

void death_tell(FILE *out, const struct term *term, struct json_object *death, uint64_t now_ns)
{
	_cleanup_free_ char *sentence = death_sentence(death), *action = death_action(death);

	term_wrap(out, term, STYLE_BOLD, 0, sentence);
	term_wrap(out, term, death_action_style(death), 0, action);
	evidence_print(out, term, death, now_ns);
}
