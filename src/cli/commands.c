// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/commands.h"

#include <ctype.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/protocol.h"
#include "base/text.h"
#include "cli/alloc.h"

#define MAX_COMMANDS 32
#define WAITS	     (OPTION_JSON | OPTION_WAIT | OPTION_NO_WAIT)

const struct command command_table[] = {
	{"ls", NULL, false, false, NULL, OPTION_JSON,
	 "list the watches: state, pid, last death (the default)",
	 "States: up, waiting (before a respawn), stopping, ended (and not respawned),\n"
	 "buried (given up: `obit revive` brings it back), down (an operator stopped it),\n"
	 "absent (not seen since obitd was started). Several instances of one watch are\n"
	 "listed under it as NAME@PID.",
	 cmd_ls},
	{"why", "NAME|PID", false, false, NULL, OPTION_JSON | OPTION_COUNT | OPTION_STATE_DIR,
	 "tell how it died, of what, and what was done about it",
	 "Tells the last death of a watch or of a pid; of NAME@PID that of the process, or\n"
	 "the one before it, if it runs. With -n N the last N, the newest first. What the\n"
	 "last deaths have in common is said at the end, if there is a pattern. What the\n"
	 "daemon no longer remembers is looked for on disk, which works without a daemon,\n"
	 "too.",
	 cmd_why},
	{"tail", NULL, false, false, NULL, OPTION_JSON | OPTION_COUNT | OPTION_ALL,
	 "print deaths as they happen, one a line",
	 "Starts with the last 10 deaths, or the last N with -n N. Ends with Ctrl-C. A\n"
	 "terminal shows as much as fits on a line; obit why has the rest.\n"
	 "With --all the deaths of processes that are not watched follow, too, by their\n"
	 "short names; who killed those is not known.\n"
	 "Where there are more than can be taken, a line tells how many are missing.\n"
	 "With --json every line is one object.",
	 cmd_tail},
	{"log", NULL, false, false, NULL,
	 OPTION_JSON | OPTION_COUNT | OPTION_SINCE | OPTION_WATCH | OPTION_STATE_DIR,
	 "print past deaths, one a line, the oldest first",
	 "All that are on disk, and those that the daemon is still to write. With\n"
	 "--since T, --watch NAME and -n N only those since then, of that watch, and the\n"
	 "last N of them. Also works without a daemon. With --json every line is one\n"
	 "object.\n"
	 "T is how long ago (10min, 2h, 3d), the last time that it was 10:00, today,\n"
	 "yesterday, 2026-11-21 or 2026-11-21T10:00, as the local clock has it.",
	 cmd_log},
	{"show", "NAME", false, false, NULL, OPTION_JSON | OPTION_SECRETS,
	 "show all that is known of a watch, its recipe included",
	 "The recipe is what a process is started again with. What is missing in it is\n"
	 "said, with the reason. Values of environment variables are shown to root only,\n"
	 "and those that look like secrets (passwords, tokens, keys) with --secrets only.",
	 cmd_show},
	{"status", "NAME", false, false, NULL, OPTION_JSON,
	 "tell by the exit status whether it runs",
	 "Exit status: 0 it is up, 3 it is not, 4 there is no such watch, 5 no daemon\n"
	 "answers.",
	 cmd_status},
	{"stop", "NAME", false, false, NULL, WAITS, "stop it and keep it down",
	 "NAME stands for all its instances, NAME@PID for one, as obit ls shows it. Waits\n"
	 "until it has stopped.",
	 cmd_act},
	{"start", "NAME", false, false, NULL, WAITS, "start what is down or has ended",
	 "Waits until it is up.", cmd_act},
	{"restart", "NAME", false, false, NULL, WAITS, "stop it and start it again",
	 "NAME stands for all its instances, NAME@PID for one. Waits until the new one\n"
	 "is up.",
	 cmd_act},
	{"revive", "NAME", false, false, NULL, WAITS, "bring back what is buried",
	 "Forgets the starts that led to the burial, and starts it. Waits until it is up.",
	 cmd_act},
	{"kill", "NAME", false, false, NULL, OPTION_JSON | OPTION_SIGNAL,
	 "send it its kill_signal, or --signal SIG",
	 "To whom kill_mode says, and no more: nothing is waited for. What dies of it is\n"
	 "judged as if somebody else had sent the signal: after SIGTERM, SIGINT or SIGQUIT\n"
	 "it was asked to stop, and has ended; after others, such as SIGKILL, it has\n"
	 "failed, and is respawned. `obit stop` keeps it down.",
	 cmd_kill},
	{"pause", "NAME", false, false, "NAME|--all", OPTION_JSON | OPTION_ALL | OPTION_FOR,
	 "hold its respawns until it is resumed, or --for TIME",
	 "For maintenance: what dies stays away until the pause is over, and is then\n"
	 "respawned at once. What runs is left alone, and the commands that act still do.\n"
	 "With --all every watch is paused. A reload keeps a pause, and so does a restart\n"
	 "of the daemon.",
	 cmd_pause},
	{"resume", "NAME", false, false, "NAME|--all", OPTION_JSON | OPTION_ALL,
	 "end a pause, and respawn what it has held", "With --all that of every watch.", cmd_pause},
	{"watch", "PATH", false, true, "PATH|--cgroup GLOB|--pid PID [KEY=VALUE]...",
	 OPTION_JSON | OPTION_CGROUP | OPTION_PID, "watch something more, until the next reload",
	 "KEY=VALUE is a setting of obit.conf(5), such as restart=always. A key that takes\n"
	 "a list may be given several times, and name=NAME says what the watch is called;\n"
	 "else it is called as the program is. What runs already is watched at once.\n"
	 "\n"
	 "--pid adopts one process by hand, with its descendants. When it is respawned the\n"
	 "watch goes on with that; so it does when somebody else starts the same program\n"
	 "with the same arguments while nothing of it runs. Other processes that run the\n"
	 "program are not watched.\n"
	 "\n"
	 "To keep a watch, write it into the configuration.",
	 cmd_watch},
	{"unwatch", "NAME", false, false, NULL, OPTION_JSON, "end a watch, until the next reload",
	 "Its processes are left as they are, and nothing is done about their deaths any\n"
	 "more. A watch of the configuration is back after a reload.",
	 cmd_unwatch},
	{"reload", NULL, false, false, NULL, OPTION_JSON,
	 "have the daemon read its configuration again",
	 "All or nothing: a configuration with an error changes nothing; the message says\n"
	 "file and line.",
	 cmd_reload},
	{"upgrade", NULL, false, false, NULL, OPTION_JSON | OPTION_WAIT,
	 "have the daemon execute its program anew",
	 "After a package has replaced it: the process stays, and goes on with all that it\n"
	 "watches. The new program must take the configuration (obitd --check), else\n"
	 "nothing changes. SIGHUP does the same where the program was replaced. Waits\n"
	 "until it answers.",
	 cmd_upgrade},
	{"simulate", NULL, false, false, NULL,
	 OPTION_JSON | OPTION_CONFIG | OPTION_HISTORY | OPTION_STATE_DIR,
	 "tell what a configuration would have done about past deaths",
	 "Prints each recorded death of a main process that --config FILE would have\n"
	 "answered otherwise: what was done -> what would be done; then a line for each\n"
	 "watch. What obitd respawned is taken to live as long as it did, and to begin\n"
	 "when the new back-off would let it. Nothing is done, and no daemon is needed.\n"
	 "obit(1) says what is assumed.",
	 cmd_simulate},
	{"purge", NULL, false, false, NULL,
	 OPTION_JSON | OPTION_ALL | OPTION_FORCE | OPTION_PIN_DIR | OPTION_STATE_DIR,
	 "remove what obitd leaves in the kernel when it ends",
	 "Its programs, what they have counted, and what it knew of its instances: which\n"
	 "were buried, stopped or paused, and how often each was restarted. What is\n"
	 "watched lives on, and the next obitd adopts it. With --all the history of\n"
	 "deaths is removed, too. Refused while an obitd runs, unless with --force: that\n"
	 "goes on as it is, and leaves nothing to the next one.",
	 cmd_purge},
	{"stats", NULL, false, false, NULL, OPTION_JSON,
	 "show the counters of kernel side and daemon, losses first",
	 "A loss that is not 0 is something that obit could not see, keep or pass on: a\n"
	 "death, or a part of what is known of one. obit(1) explains each of them.",
	 cmd_stats},
	{"watchdog", NULL, false, false, NULL, OPTION_JSON,
	 "show the hardware watchdog, and what holds it back",
	 "Its devices, whether it is fed and why, what would reset the machine and when,\n"
	 "and the last reset: of what, and how often in a row.",
	 cmd_watchdog},
	{"version", NULL, false, false, NULL, OPTION_JSON,
	 "print the versions of this program and of the daemon",
	 "Also works without a daemon, and says so then.", cmd_version},
	{"help", "COMMAND", true, false, NULL, 0, "explain everything, or one command", NULL,
	 cmd_help},
	{0},
};
_Static_assert(ARRAY_SIZE(command_table) <= MAX_COMMANDS, "command_nearest() has room for all");

const struct command *command_find(const char *name)
{
	for (const struct command *c = command_table; c->name; c++)
		if (strcmp(name, c->name) == 0)
			return c;
	return NULL;
}

const char *command_nearest(const char *word)
{
	const char *names[MAX_COMMANDS] = {0};

	for (size_t i = 0; command_table[i].name; i++)
		names[i] = command_table[i].name;
	return text_nearest(word, names);
}

static void print_options(FILE *out, unsigned mask)
{
	for (const struct option_def *o = option_table; o->name; o++) {
		char word[40];

		if (!(mask & o->bit))
			continue;
		snprintf(word, sizeof(word), "%s%.1s%s--%s%s%s", o->letter ? "-" : "", &o->letter,
			 o->letter ? ", " : "", o->name, o->value ? " " : "",
			 o->value ? o->value : "");
		fprintf(out, "  %-17s %s\n", word, o->help);
	}
}

static void print_all(FILE *out)
{
	fputs("obit tells how the processes of this host died and brings back what matters.\n\n"
	      "Usage: obit [OPTION]... [COMMAND [ARGUMENT]]\n\nCommands:\n",
	      out);
	for (const struct command *c = command_table; c->name; c++) {
		_cleanup_free_ char *word = must_printf(c->operand_optional ? "%s%s[%s]" : "%s%s%s",
							c->name, c->operand ? " " : "",
							c->operand ? c->operand : "");

		fprintf(out, "  %-17s %s\n", word, c->summary);
	}
	fputs("\nOptions, before or after the command:\n", out);
	print_options(out, ~0U);
	fputs("\nExit status: 0 done, 1 refused or failed, 2 usage, 3 not running,\n"
	      "4 unknown name, 5 no daemon answers.\n",
	      out);
}

static void print_one(FILE *out, const struct command *command)
{
	fprintf(out, "Usage: obit %s", command->name);
	if (command->usage)
		fprintf(out, " %s", command->usage);
	else if (command->operand)
		fprintf(out, command->operand_optional ? " [%s]" : " %s", command->operand);
	fprintf(out, " [OPTION]...\n\n%c%s.\n", toupper((unsigned char)command->summary[0]),
		command->summary + 1);
	if (command->details)
		fprintf(out, "\n%s\n", command->details);
	fputs("\nOptions:\n", out);
	print_options(out, command->options | OPTIONS_EVERYWHERE);
}

void help_print(FILE *out, const struct command *command)
{
	if (command)
		print_one(out, command);
	else
		print_all(out);
}

int cmd_help(const struct invocation *inv)
{
	const struct command *command = inv->name ? command_find(inv->name) : NULL;
	const char *nearest;

	if (command || !inv->name) {
		help_print(stdout, command);
		return OBIT_EXIT_OK;
	}
	nearest = command_nearest(inv->name);
	log_error("there is no command %s; %s%s%s", inv->name, nearest ? "did you mean " : "",
		  nearest ? nearest : "obit help lists them", nearest ? "?" : "");
	return OBIT_EXIT_USAGE;
}
