/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The command line, parsed by the table of options and the table of commands. Pure: nothing is
 * printed here. */
#ifndef OBIT_CLI_OPTIONS_H
#define OBIT_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/term.h"

enum option_bit {
	OPTION_SOCKET = 1 << 0,
	OPTION_JSON = 1 << 1,
	OPTION_NO_COLOR = 1 << 2,
	OPTION_HELP = 1 << 3,
	OPTION_VERSION = 1 << 4,
	OPTION_COUNT = 1 << 5,
	OPTION_WAIT = 1 << 6,
	OPTION_NO_WAIT = 1 << 7,
	OPTION_ALL = 1 << 8,
	OPTION_SINCE = 1 << 9,
	OPTION_WATCH = 1 << 10,
	OPTION_STATE_DIR = 1 << 11,
	OPTION_FOR = 1 << 12,
	OPTION_CGROUP = 1 << 13,
	OPTION_PID = 1 << 14,
	OPTION_SIGNAL = 1 << 15,
	OPTION_CONFIG = 1 << 16,
	OPTION_HISTORY = 1 << 17,
	OPTION_SECRETS = 1 << 18,
	OPTION_PIN_DIR = 1 << 19,
	OPTION_FORCE = 1 << 20,
};

struct command;

#define OPTIONS_MAX_WORDS 64

/* What one run of the program is to do. Strings are borrowed from argv. */
struct invocation {
	const struct command *command;	      /* NULL: the word in `name` stands for no command */
	const char *name;		      /* the operand, or NULL */
	const char *words[OPTIONS_MAX_WORDS]; /* all operands, of a command that takes settings */
	size_t n_words;
	const char *socket;
	unsigned given; /* enum option_bit: the options that were there */
	int count;	/* -n; only if given */
	uint64_t wait_ns;
	uint64_t since_ns;     /* wall clock; 0 if not given */
	uint64_t for_ns;       /* 0 if not given */
	const char *watch;     /* NULL if not given */
	const char *state_dir; /* NULL if not given */
	const char *pin_dir;   /* NULL if not given */
	const char *cgroup;    /* NULL if not given */
	const char *pid;       /* NULL if not given */
	const char *signal;    /* NULL if not given */
	const char *config;    /* NULL if not given */
	const char *history;   /* NULL if not given */
	struct term term;
};

struct option_def {
	enum option_bit bit;
	char letter; /* 0: none */
	const char *name;
	const char *value; /* what its value is called in the help; NULL: it takes none */
	const char *help;
};

/* All options, in the order of the help; ends with an empty name. */
extern const struct option_def option_table[];

#define OPTIONS_ERROR_SIZE 512
/* Reads the command line; options may stand anywhere, "--" ends them. Returns 0, or -EINVAL with
 * a sentence in `error`; then *ret is untouched. */
int options_parse(int argc, char *const argv[], struct invocation *ret,
		  char error[static OPTIONS_ERROR_SIZE]);

static inline bool option_given(const struct invocation *inv, enum option_bit bit)
{
	return (inv->given & bit) != 0;
}

#endif
