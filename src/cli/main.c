// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/protocol.h"
#include "base/stdio.h"
#include "cli/commands.h"
#include "cli/options.h"

/* Output that got lost (a full disk) must not look like success. */
static int finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	log_error("writing standard output: %s", strerror(errno));
	return status == OBIT_EXIT_OK ? OBIT_EXIT_FAILED : status;
}

int main(int argc, char *argv[])
{
	char error[OPTIONS_ERROR_SIZE];
	struct invocation inv;

	log_open("obit", LOG_SINK_STDERR);
	signal(SIGPIPE, SIG_DFL); /* a parent may have left it ignored */
	if (fcntl(STDOUT_FILENO, F_GETFD) < 0) {
		log_error("standard output is closed");
		return OBIT_EXIT_FAILED;
	}
	stdio_fill();
	if (options_parse(argc, argv, &inv, error) < 0) {
		log_error("%s", error);
		return OBIT_EXIT_USAGE;
	}
	if (option_given(&inv, OPTION_VERSION)) {
		puts("obit " OBIT_VERSION);
		return finish(OBIT_EXIT_OK);
	}
	term_detect(option_given(&inv, OPTION_NO_COLOR), &inv.term);
	return finish(inv.command->run(&inv));
}
