// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/protocol.h"
#include "base/stdio.h"
#include "daemon/daemon.h"
#include "daemon/upgrade.h"

static const char usage[] =
	"usage: obitd [OPTION]... [PATTERN]...\n"
	"\n"
	"Watches processes die and brings those that matter back as they were. A PATTERN\n"
	"is the path or glob of a program, watched with all defaults; without any the\n"
	"configuration says what is watched.\n"
	"\n"
	"  -c, --config FILE    the configuration (" OBIT_DEFAULT_CONFIG ")\n"
	"      --socket PATH    where obit(1) asks (" OBIT_DEFAULT_SOCKET ")\n"
	"      --pin-dir DIR    where the kernel side is pinned (" OBIT_DEFAULT_PIN_DIR ")\n"
	"      --state-dir DIR  where the history of deaths is kept (" OBIT_DEFAULT_STATE_DIR ")\n"
	"      --btf FILE       kernel type information, for kernels without their own\n"
	"      --check          check the configuration and exit\n"
	"      --probe          say what this kernel can do for obit, and exit\n"
	"      --simulate       tell what the configuration would have done about the\n"
	"                       deaths on record, and exit; see obit(1)\n"
	"      --history FILE   of --simulate: the record, not the state directory's\n"
	"      --json           of --simulate: print JSON\n"
	"      --observe        take every decision and log it, and act on none\n"
	"      --ephemeral      remove the pins at a clean stop, and keep a history only\n"
	"                       in the directory that --state-dir names\n"
	"      --daemon         go into the background when ready, log to syslog\n"
	"      --version        print the version and exit\n"
	"  -h, --help           print this and exit\n"
	"\n"
	"SIGHUP reloads the configuration, SIGUSR1 logs the state, SIGUSR2 revives what\n"
	"is buried, SIGTERM and SIGINT stop obitd; what it watches lives on.\n"
	"Exit status: 0 stopped, checked or probed well, 1 failed, 2 wrong usage.\n";

enum {
	OPT_SOCKET = 256,
	OPT_PIN_DIR,
	OPT_STATE_DIR,
	OPT_BTF,
	OPT_CHECK,
	OPT_PROBE,
	OPT_SIMULATE,
	OPT_HISTORY,
	OPT_JSON,
	OPT_OBSERVE,
	OPT_EPHEMERAL,
	OPT_DAEMON,
	OPT_VERSION
};

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"socket", required_argument, NULL, OPT_SOCKET},
	{"pin-dir", required_argument, NULL, OPT_PIN_DIR},
	{"state-dir", required_argument, NULL, OPT_STATE_DIR},
	{"btf", required_argument, NULL, OPT_BTF},
	{"check", no_argument, NULL, OPT_CHECK},
	{"probe", no_argument, NULL, OPT_PROBE},
	{"simulate", no_argument, NULL, OPT_SIMULATE},
	{"history", required_argument, NULL, OPT_HISTORY},
	{"json", no_argument, NULL, OPT_JSON},
	{"observe", no_argument, NULL, OPT_OBSERVE},
	{"ephemeral", no_argument, NULL, OPT_EPHEMERAL},
	{"daemon", no_argument, NULL, OPT_DAEMON},
	{"version", no_argument, NULL, OPT_VERSION},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

_Noreturn static void print_and_exit(const char *text)
{
	fputs(text, stdout);
	exit(fflush(stdout) == 0 ? OBIT_EXIT_OK : OBIT_EXIT_FAILED);
}

_Noreturn static void fail_usage(const char *what, const char *word)
{
	fprintf(stderr, "obitd: %s '%s'; 'obitd --help' lists the options\n", what, word);
	exit(OBIT_EXIT_USAGE);
}

_Noreturn static void fail_memory(void)
{
	log_error("out of memory");
	exit(OBIT_EXIT_FAILED);
}

/* getopt_long() changes their order. */
static char **keep_words(int argc, char **argv)
{
	char **words = calloc((size_t)argc + 1, sizeof(*words));

	if (!words)
		fail_memory();
	memcpy(words, argv, (size_t)argc * sizeof(*words));
	return words;
}

/* The daemon goes to the root directory, its helpers live there, and obit(1) anywhere: what is relative becomes absolute, also
 * in the word that it comes from, by which an upgrade executes the program anew. */
static const char *absolute(char **words, const char *path)
{
	char cwd[PATH_MAX], *word;
	size_t length = strlen(path), before;

	if (!length)
		fail_usage("expected a path, not", path);
	if (*path == '/')
		return path;
	if (!getcwd(cwd, sizeof(cwd)))
		fail_usage("the working directory is gone, so there is no", path);
	while (strlen(*words) < length || *words + strlen(*words) - length != path)
		words++;
	before = (size_t)(path - *words);
	if (asprintf(&word, "%.*s%s/%s", (int)before, *words, cwd, path) < 0)
		fail_memory();
	*words = word;
	return word + before;
}

static void take_option(struct options *options, int option)
{
	switch (option) {
	case 'c':
		options->config = absolute(options->argv, optarg);
		options->config_explicit = true;
		return;
	case OPT_SOCKET:
		options->socket = absolute(options->argv, optarg);
		return;
	case OPT_PIN_DIR:
		options->pin_dir = absolute(options->argv, optarg);
		return;
	case OPT_STATE_DIR:
		options->state_dir = absolute(options->argv, optarg);
		return;
	case OPT_BTF:
		options->btf = absolute(options->argv, optarg);
		return;
	case OPT_CHECK:
		options->check = true;
		return;
	case OPT_PROBE:
		options->probe = true;
		return;
	case OPT_SIMULATE:
		options->simulate = true;
		return;
	case OPT_HISTORY:
		options->history = optarg;
		return;
	case OPT_JSON:
		options->json = true;
		return;
	case OPT_OBSERVE:
		options->observe = true;
		return;
	case OPT_EPHEMERAL:
		options->ephemeral = true;
		return;
	case OPT_DAEMON:
		options->daemonize = true;
		return;
	case OPT_VERSION:
		print_and_exit("obitd " OBIT_VERSION "\n");
	case 'h':
		print_and_exit(usage);
	}
}

static void parse_options(struct options *options, int argc, char **argv)
{
	int option;

	options->argv = keep_words(argc, argv);
	opterr = 0; /* one line, in our words */
	while ((option = getopt_long(argc, argv, ":c:h", long_options, NULL)) != -1) {
		if (option == ':')
			fail_usage("a value is missing behind", argv[optind - 1]);
		if (option == '?')
			fail_usage("unknown option", argv[optind - 1]);
		take_option(options, option);
	}
	if (!options->state_dir && !options->ephemeral)
		options->state_dir = OBIT_DEFAULT_STATE_DIR;
	if ((options->history || options->json) && !options->simulate)
		fail_usage("--simulate is missing beside",
			   options->history ? "--history" : "--json");
	if (options->simulate && !options->history && !options->state_dir)
		fail_usage("expected no --ephemeral beside", "--simulate");
	options->patterns = argv + optind;
	options->pattern_count = (size_t)(argc - optind);
}

static int check_configuration(const struct options *options)
{
	struct config_error error;
	struct config config;

	if (settings_load(options, &config, &error) < 0) {
		log_error("%s", error.text);
		return OBIT_EXIT_FAILED;
	}
	settings_warn_unguarded(&config);
	if (config.watch_count)
		printf("configuration is good: %zu watch%s\n", config.watch_count,
		       config.watch_count == 1 ? "" : "es");
	else if (access(options->config, F_OK) < 0)
		printf("there is no %s: nothing is watched\n", options->config);
	else
		puts("configuration is good, but has no watch: nothing is watched");
	config_free(&config);
	return OBIT_EXIT_OK;
}

static int run(const struct options *options)
{
	if (options->check)
		return check_configuration(options);
	if (options->probe)
		return probe_kernel(options) < 0 ? OBIT_EXIT_FAILED : OBIT_EXIT_OK;
	if (options->simulate)
		return simulate(options) < 0 ? OBIT_EXIT_FAILED : OBIT_EXIT_OK;
	return daemon_run(options);
}

int main(int argc, char **argv)
{
	/* What it owns stays to the end. */
	static struct options options = {
		.config = OBIT_DEFAULT_CONFIG,
		.socket = OBIT_DEFAULT_SOCKET,
		.pin_dir = OBIT_DEFAULT_PIN_DIR,
	};

	stdio_fill();
	log_open("obitd", LOG_SINK_STDERR);
	upgrade_note_program();
	parse_options(&options, argc, argv);
	return run(&options);
}
