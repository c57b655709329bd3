// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* obit upgrade */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/protocol.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/value.h"

#define POLL_NS (50 * NS_PER_MS)

static int print_done(const struct invocation *inv, struct json_object *data)
{
	_cleanup_free_ char *version = member_text(data, "version");
	int64_t pid = 0;

	member_int(data, "pid", &pid);
	if (option_given(inv, OPTION_JSON))
		json_print(stdout, data, true);
	else
		printf("upgraded: obitd %s (pid %" PRId64 ")\n", version, pid);
	return OBIT_EXIT_OK;
}

/* Nobody answers while the new program loads its part of the kernel side. */
static int wait_for(const struct invocation *inv, int64_t before)
{
	uint64_t deadline = clock_running_ns() + inv->wait_ns;
	struct request request = {.command = "version", .count = -1, .shape = json_type_object};
	char span[CLOCK_SPAN_SIZE];

	do {
		_cleanup_reply_ struct reply reply = {0};
		_cleanup_free_ char *upgrade = NULL;
		struct timespec pause = {.tv_nsec = POLL_NS};
		int64_t started = before;

		if (ask_quietly(inv, &request, &reply, NULL) == OBIT_EXIT_OK) {
			if (member_int(reply.data, "started_ns", &started) && started != before)
				return print_done(inv, reply.data);
			upgrade = member_text(reply.data, "upgrade");
			if (upgrade && !strncmp(upgrade, "refused", strlen("refused"))) {
				log_error("%s (nothing was changed)", upgrade);
				return OBIT_EXIT_FAILED;
			}
		}
		nanosleep(&pause, NULL);
	} while (clock_running_ns() < deadline);
	log_error("not done yet after %s; obitd's log tells how it ends",
		  clock_span(inv->wait_ns, span));
	return OBIT_EXIT_FAILED;
}

int cmd_upgrade(const struct invocation *inv)
{
	_cleanup_reply_ struct reply reply = {0};
	struct request request = {.command = "upgrade", .count = -1, .shape = json_type_object};
	int64_t before = 0;
	int r = ask(inv, &request, &reply);

	if (r != OBIT_EXIT_OK)
		return r;
	member_int(reply.data, "started_ns", &before);
	return wait_for(inv, before);
}
