/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The commands: one table drives dispatch, the check of the command line, and the help. */
#ifndef OBIT_CLI_COMMANDS_H
#define OBIT_CLI_COMMANDS_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/options.h"

#define COMMAND_DEFAULT	   "ls"
#define OPTIONS_EVERYWHERE (OPTION_SOCKET | OPTION_NO_COLOR | OPTION_HELP | OPTION_VERSION)

struct command {
	const char *name;
	const char *
		operand; /* what its argument is called; NULL: it takes none. --all stands for it */
	bool operand_optional;
	bool takes_settings; /* any number of operands */
	const char *usage;   /* how all of them are written; NULL: as `operand` */
	unsigned options;    /* enum option_bit: those beside OPTIONS_EVERYWHERE */
	const char *summary; /* one line for `obit help` */
	const char *details; /* paragraphs for `obit help COMMAND` */
	int (*run)(const struct invocation *inv); /* returns an enum obit_exit_status */
};

/* All commands, in the order of the help; ends with an empty name. */
extern const struct command command_table[];

/* The command of that name, or NULL. */
const struct command *command_find(const char *name);

/* The name of the command that is nearest to the word, or NULL where none is near. */
const char *command_nearest(const char *word);

/* Writes the help on everything, or on one command. */
void help_print(FILE *out, const struct command *command);

/* One function per command. All return an enum obit_exit_status and have told of a failure. */
int cmd_ls(const struct invocation *inv);
int cmd_why(const struct invocation *inv);
int cmd_tail(const struct invocation *inv);
int cmd_log(const struct invocation *inv);
int cmd_show(const struct invocation *inv);
int cmd_status(const struct invocation *inv);
int cmd_act(const struct invocation *inv); /* stop, start, restart, revive */
int cmd_kill(const struct invocation *inv);
int cmd_pause(const struct invocation *inv); /* pause, resume */
int cmd_watch(const struct invocation *inv);
int cmd_unwatch(const struct invocation *inv);
int cmd_reload(const struct invocation *inv);
int cmd_upgrade(const struct invocation *inv);
int cmd_simulate(const struct invocation *inv);
int cmd_purge(const struct invocation *inv);
int cmd_stats(const struct invocation *inv);
int cmd_watchdog(const struct invocation *inv);
int cmd_version(const struct invocation *inv);
int cmd_help(const struct invocation *inv);

#endif
