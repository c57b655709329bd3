// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the ring could not tell: the letters say it. Read some each turn of the loop, after a scan for processes
 * that have none. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon.h"

/* ---- letters ---- */

/* Of one turn of the loop: the watchdog and the clients are not to wait for a hundred thousand. */
#define LETTERS_A_TURN 500

struct kept_key {
	struct obit_key key;
	uint64_t order
		[2]; /* the living by their age, so that parents come before their children; then
			      the dead as they died */
};

/* Keys only: a letter is read when its turn comes, as it is then. */
struct backlog {
	struct kept_key *items; /* owned */
	size_t count, room, next;
	bool cut;
};

static void collect_letter(void *arg, const struct obit_key *key, const struct obit_letter *letter)
{
	struct backlog *backlog = arg;

	if (backlog->count == backlog->room) {
		size_t room = backlog->room ? backlog->room * 2 : 256;
		void *items = realloc(backlog->items, room * sizeof(*backlog->items));

		if (!items) {
			backlog->cut = true;
			return;
		}
		backlog->items = items;
		backlog->room = room;
	}
	backlog->items[backlog->count++] = (struct kept_key){
		.key = *key,
		.order = {letter->exit.sequence, letter->exit.sequence ? 0 : key->start_boottime},
	};
}

static int compare_keys(const void *left, const void *right)
{
	const struct kept_key *a = left, *b = right;
	size_t i = a->order[0] == b->order[0];

	return a->order[i] < b->order[i] ? -1 : a->order[i] > b->order[i];
}

static void free_backlog(struct daemon *daemon)
{
	if (daemon->backlog)
		free(daemon->backlog->items);
	free(daemon->backlog);
	daemon->backlog = NULL;
}

static void take_letters(struct daemon *daemon)
{
	struct backlog *backlog = daemon->backlog;
	size_t end = backlog->next + LETTERS_A_TURN;
	struct obit_letter letter;

	if (end > backlog->count)
		end = backlog->count;
	while (backlog->next < end) {
		const struct obit_key *key = &backlog->items[backlog->next++].key;

		if (bpf_source_letter(daemon->source, key, &letter) == 0)
			events_letter(daemon, key, &letter);
	}
	daemon->rescanned_ns = clock_boot_ns();
	if (end == backlog->count)
		free_backlog(daemon);
	else
		loop_timer_set(daemon->backlog_timer, 1);
}

static void collect_letters(struct daemon *daemon)
{
	struct backlog *backlog;

	free_backlog(daemon);
	backlog = daemon->backlog = calloc(1, sizeof(*backlog));
	if (!backlog) {
		daemon_out_of_memory(daemon, "reading the letters");
		return;
	}
	bpf_source_letters(daemon->source, collect_letter, backlog);
	if (backlog->cut)
		daemon_out_of_memory(daemon, "reading the letters");
	if (backlog->count)
		qsort(backlog->items, backlog->count, sizeof(*backlog->items), compare_keys);
}

void losses_rescan(struct daemon *daemon)
{
	int added;

	do
		added = bpf_source_scan(daemon->source);
	while (added > 0);
	if (added < 0)
		log_error("cannot scan the running processes: %s", strerror(-added));
	bpf_source_sweep_signals(daemon->source);
	collect_letters(daemon);
	if (daemon->backlog)
		take_letters(daemon);
}

/* ---- losses ---- */

/* How often processes that found the map full are looked for again. */
#define HEAL_EVERY NS_PER_SEC

static void tell_map_full(struct daemon *daemon, bool full)
{
	if (full && !daemon->map_full)
		log_warning(
			"the map of processes is full (max_processes = %u): some that are watched "
			"go unseen until there is room",
			daemon->config.max_processes);
	if (!full && daemon->map_full)
		log_notice("the map of processes has room again: all that is watched is seen");
	daemon->map_full = full;
	loop_timer_set(daemon->heal_timer, full ? clock_boot_ns() + HEAL_EVERY : 0);
}

static void heal(struct daemon *daemon, const struct obit_stats *before)
{
	struct obit_stats after;

	if (before->untracked != daemon->seen.untracked)
		tell_map_full(daemon, true);
	daemon->counters.rescans++;
	losses_rescan(daemon);
	bpf_source_stats(daemon->source, &after);
	/* What was lost since may be of a process whose letter was read before: that is news. */
	daemon->seen.untracked = before->untracked;
	daemon->seen.ring_lost = before->ring_lost;
	if (daemon->map_full)
		tell_map_full(daemon, after.untracked != before->untracked);
}

static void on_heal_timer(void *arg)
{
	struct daemon *daemon = arg;
	struct obit_stats now;

	bpf_source_stats(daemon->source, &now);
	heal(daemon, &now);
}

/* The kernel has to be asked, so not each turn. */
#define MISSED_EVERY NS_PER_SEC

static bool runs_were_missed(struct daemon *daemon)
{
	uint64_t now = clock_boot_ns(), missed;

	if (now - daemon->missed_runs_ns < MISSED_EVERY)
		return false;
	daemon->missed_runs_ns = now;
	missed = bpf_source_missed_runs(daemon->source);
	if (missed == daemon->missed_runs)
		return false;
	log_warning("the kernel did not run the programs of obitd in %" PRIu64
		    " cases (recursion); looking for what they would have told",
		    missed - daemon->missed_runs);
	daemon->missed_runs = missed;
	return true;
}

/* After a loss the letters are read. Not while they are being read: that would begin anew for ever. */
static void check_losses(struct daemon *daemon)
{
	struct obit_stats now;

	if (daemon->backlog)
		return;
	bpf_source_stats(daemon->source, &now);
	if (now.cgroup_lost != daemon->seen.cgroup_lost)
		log_warning("some watched cgroups could not be marked: their set is full");
	if (now.exits_lost != daemon->seen.exits_lost)
		audience_tell_loss(daemon, now.exits_lost - daemon->seen.exits_lost);
	daemon->seen.cgroup_lost = now.cgroup_lost;
	daemon->seen.exits_lost = now.exits_lost;
	if (runs_were_missed(daemon) || now.ring_lost != daemon->seen.ring_lost ||
	    (now.untracked != daemon->seen.untracked && !daemon->map_full))
		heal(daemon, &now);
}

void losses_read(struct daemon *daemon)
{
	bool more = false;

	if (daemon->backlog)
		take_letters(daemon);
	if (!daemon->backlog)
		more = bpf_source_drain(daemon->source) >= BPF_SOURCE_RECORDS_A_TURN;
	/* Nobody rings for what is left in the ring of all deaths. */
	if (more && daemon->followed)
		loop_timer_set(daemon->follow_timer, 1);
	check_losses(daemon);
	if (!more && !daemon->backlog)
		daemon->unread_since_ns = 0;
	else if (!daemon->unread_since_ns)
		daemon->unread_since_ns = clock_boot_ns();
}

static void on_backlog_timer(void *arg)
{
	(void)arg; /* it only ends the sleep: the turn begins with losses_read() */
}

int losses_open(struct daemon *daemon)
{
	int r = loop_timer_new(daemon->loop, on_backlog_timer, daemon, &daemon->backlog_timer);

	return r < 0 ? r : loop_timer_new(daemon->loop, on_heal_timer, daemon, &daemon->heal_timer);
}

void losses_close(struct daemon *daemon)
{
	free_backlog(daemon);
	loop_timer_free(daemon->backlog_timer);
	loop_timer_free(daemon->heal_timer);
}
