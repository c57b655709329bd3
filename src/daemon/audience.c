// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who follows the deaths of all processes (obit tail --all). Nobody acts on those: they are read some times a
 * second, since a wake-up costs tens of times what a record does. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon.h"

#define READ_EVERY (NS_PER_SEC / 10)

static void on_audience(void *arg, bool audience)
{
	struct daemon *daemon = arg;
	int r = bpf_source_tell_all(daemon->source, audience);

	if (r < 0)
		log_error("cannot map the ring of all deaths: %s; who follows them hears of those "
			  "alone that are watched",
			  strerror(-r));
	daemon->followed = audience && r == 0;
	loop_timer_set(daemon->follow_timer,
		       daemon->followed ? clock_running_ns() + READ_EVERY : 1);
}

/* The turn that it begins starts with losses_read(). */
static void on_timer(void *arg)
{
	struct daemon *daemon = arg;

	if (daemon->followed)
		loop_timer_set(daemon->follow_timer, clock_running_ns() + READ_EVERY);
}

int audience_open(struct daemon *daemon)
{
	int r = loop_timer_new(daemon->loop, on_timer, daemon, &daemon->follow_timer);

	if (r == 0)
		control_on_audience(daemon->control, on_audience, daemon);
	else
		log_error("cannot have a timer for those who follow: %s", strerror(-r));
	return r;
}

void audience_close(struct daemon *daemon)
{
	loop_timer_free(daemon->follow_timer);
}

void audience_tell(struct daemon *daemon, const struct obit_key *key, const struct obit_exit *exit)
{
	char line[UNWATCHED_LINE_SIZE];

	if (control_has_subscribers(daemon->control, CONTROL_ALL))
		control_publish_line(daemon->control, CONTROL_ALL, line,
				     render_unwatched(key, exit, line));
}

void audience_tell_loss(struct daemon *daemon, uint64_t count)
{
	control_publish_loss(daemon->control, CONTROL_ALL, count);
}
