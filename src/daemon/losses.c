// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the ring could not tell: the letters say it. Read some each turn of the loop, after a scan for processes
 * that have none. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon.h"

/* ---- letters ---- */

/* Of one turn of the loop: the watchdog and the clients are not to wait for a hundred thousand, nor for some that keep whoever
 * looks at them waiting. */
#define LETTERS_A_TURN 500
#define TURN_NS	       (100 * NS_PER_MS)

struct collection {
	struct daemon *daemon;
	int error; /* the first */
};

/* Who has died since the letters began to be collected lives in this reading: of his children some were born where it had
 * passed by, and are found by their records in the ring. Behind these is the record of his death. If that was lost, it was
 * lost since, and the next reading tells it. */
static void go_back(const struct daemon *daemon, struct obit_letter *letter)
{
	if (letter->exit.time > daemon->collected_ns)
		letter->exit.sequence = 0;
}

static void collect_letter(void *arg, const struct obit_key *key, const struct obit_letter *letter)
{
	struct collection *collection = arg;
	struct obit_letter then = *letter;
	int r;

	go_back(collection->daemon, &then);
	r = backlog_add(&collection->daemon->backlog, key, &then);
	if (!collection->error)
		collection->error = r;
}

static void collect_letters(struct daemon *daemon)
{
	struct collection collection = {.daemon = daemon};

	backlog_clear(&daemon->backlog);
	daemon->collected_ns = clock_boot_ns();
	bpf_source_letters(daemon->source, collect_letter, &collection);
	if (collection.error)
		daemon_out_of_memory(daemon, "reading the letters");
}

/* Who died before, but was collected as living, since his death was being written, is told in its turn, and born now: he may
 * have living children. A child of the spawner is waited for. */
static void take_letter(struct daemon *daemon, const struct obit_key *key)
{
	struct obit_letter letter;

	if (bpf_source_letter(daemon->source, key, &letter) < 0)
		return;
	go_back(daemon, &letter);
	if (!(letter.flags & OBIT_LETTER_SPAWNED) && backlog_put_back(&daemon->backlog, &letter))
		letter.exit.sequence = 0;
	events_letter(daemon, key, &letter);
}

static void take_letters(struct daemon *daemon)
{
	uint64_t until = clock_running_ns() + TURN_NS;
	struct obit_key key;

	for (size_t i = 0; i < LETTERS_A_TURN && backlog_next(&daemon->backlog, &key); i++) {
		take_letter(daemon, &key);
		if (clock_running_ns() > until)
			break;
	}
	daemon->rescanned_ns = clock_boot_ns();
	if (backlog_is_empty(&daemon->backlog))
		backlog_clear(&daemon->backlog);
	else
		loop_timer_set(daemon->backlog_timer, 1);
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
	take_letters(daemon);
}

/* ---- losses ---- */

/* How often processes that found the map full are looked for again, and when those that could not be looked at. */
#define HEAL_EVERY NS_PER_SEC
#define LOOK_AGAIN (60 * NS_PER_SEC)

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
	loop_timer_set(daemon->heal_timer,
		       full ? clock_running_ns() + HEAL_EVERY : daemon->look_again_ns);
}

static void heal(struct daemon *daemon, const struct obit_stats *before)
{
	struct obit_stats after;

	if (before->untracked != daemon->seen.untracked)
		tell_map_full(daemon, true);
	daemon->counters.rescans++;
	daemon->look_again_ns = 0;
	losses_rescan(daemon);
	bpf_source_stats(daemon->source, &after);
	/* What was lost since may be of a process whose letter was read before: that is news. */
	daemon->seen.untracked = before->untracked;
	daemon->seen.ring_lost = before->ring_lost;
	if (daemon->map_full)
		tell_map_full(daemon, after.untracked != before->untracked);
}

void losses_look_again(struct daemon *daemon)
{
	if (daemon->look_again_ns)
		return;
	daemon->look_again_ns = clock_running_ns() + LOOK_AGAIN;
	if (!daemon->map_full) /* else it is looked sooner */
		loop_timer_set(daemon->heal_timer, daemon->look_again_ns);
}

static void on_heal_timer(void *arg)
{
	struct daemon *daemon = arg;
	struct obit_stats now;

	if (!backlog_is_empty(&daemon->backlog)) { /* one reading after the other */
		loop_timer_set(daemon->heal_timer, clock_running_ns() + HEAL_EVERY);
		return;
	}
	bpf_source_stats(daemon->source, &now);
	heal(daemon, &now);
}

/* The kernel has to be asked, so not each turn. */
#define MISSED_EVERY NS_PER_SEC

static bool runs_were_missed(struct daemon *daemon)
{
	uint64_t now = clock_running_ns(), missed;

	if (now - daemon->missed_runs_ns < MISSED_EVERY)
		return false;
	daemon->missed_runs_ns = now;
	missed = bpf_source_missed_runs(daemon->source);
	if (missed == daemon->missed_runs)
		return false;
	log_warning("the kernel may have left out programs of obitd that were at work already, "
		    "in %" PRIu64 " cases (missed_runs); looking for what they would have told",
		    missed - daemon->missed_runs);
	daemon->missed_runs = missed;
	return true;
}

/* After a loss the letters are read. Not while they are being read: that would begin anew for ever. */
static void check_losses(struct daemon *daemon)
{
	struct obit_stats now;

	if (!backlog_is_empty(&daemon->backlog))
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

	if (!backlog_is_empty(&daemon->backlog))
		take_letters(daemon);
	if (backlog_is_empty(&daemon->backlog))
		more = bpf_source_drain(daemon->source) >= BPF_SOURCE_RECORDS_A_TURN;
	/* Nobody rings for what is left in the ring of all deaths. */
	if (more && daemon->followed)
		loop_timer_set(daemon->follow_timer, 1);
	check_losses(daemon);
	if (!more && backlog_is_empty(&daemon->backlog))
		daemon->unread_since_ns = 0;
	else if (!daemon->unread_since_ns)
		daemon->unread_since_ns = clock_running_ns();
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
	backlog_clear(&daemon->backlog);
	loop_timer_free(daemon->backlog_timer);
	loop_timer_free(daemon->heal_timer);
}
