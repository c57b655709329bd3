// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Children on their way to their program: how many at a time, and how long they may take. Of many deaths at once
 * max_parallel_starts are answered at a time, and the others wait in a queue: each child takes descriptors, memory and
 * a place in the spawner's socket. The spawner sleeps with a child of root's until
 * that has executed its program, and a directory, a file or a program may be on a file system that does not answer:
 * then the others get another spawner, and the child an end. */
#include <stddef.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon.h"

/* As long as the spawner may say nothing while something is asked of it. */
#define PATIENCE NS_PER_SEC

/* No child gets less, however short start_timeout is. */
#define DEADLINE_MIN (2 * NS_PER_SEC)

static uint64_t deadline_of(const struct attachment *attachment)
{
	const struct daemon *daemon = attachment->daemon;
	uint64_t timeout = watch_of(daemon, attachment->instance)->start_timeout_ns;

	return attachment->released_ns + (timeout > DEADLINE_MIN ? timeout : DEADLINE_MIN);
}

static bool has_room(const struct daemon *daemon)
{
	return daemon->places_taken < daemon->config.max_parallel_starts;
}

/* At once if it is somebody's turn: not from here, where a caller is busy with another instance. */
static void rearm(struct daemon *daemon)
{
	const struct heap_node *first = heap_first(&daemon->launches);
	uint64_t next = first ? first->key : 0;

	loop_timer_set(daemon->launch_timer, daemon->queue && has_room(daemon) ? 1 : next);
}

static void give_place_back(struct attachment *attachment)
{
	if (attachment->has_place)
		attachment->daemon->places_taken--;
	attachment->has_place = false;
}

static void look_again(struct attachment *attachment, uint64_t at_ns)
{
	heap_set(&attachment->daemon->launches, &attachment->launch, at_ns); /* there is room */
}

static bool is_spawner_silent(const struct attachment *attachment, uint64_t now)
{
	const struct daemon *daemon = attachment->daemon;

	return daemon->spawner && attachment->spawner == spawner_pid(daemon->spawner) &&
	       now - daemon->spawner_heard_ns >= PATIENCE;
}

static void look_at(struct attachment *attachment, uint64_t now)
{
	uint64_t deadline = deadline_of(attachment), next = now + PATIENCE;

	if (now >= deadline) {
		children_give_up(attachment->instance);
		return;
	}
	give_place_back(attachment); /* what hangs keeps nobody waiting */
	look_again(attachment, deadline < next ? deadline : next);
	if (is_spawner_silent(attachment, now)) {
		log_warning("the spawner waits with a child that hangs; starting another");
		children_replace_spawner(attachment->daemon);
	}
}

static void launch_queued(struct daemon *daemon)
{
	struct attachment *attachment;

	while ((attachment = daemon->queue) && has_room(daemon)) {
		launches_leave(attachment);
		children_launch(attachment->instance);
	}
}

static void on_timer(void *arg)
{
	struct daemon *daemon = arg;
	uint64_t now = clock_running_ns();
	struct heap_node *node = heap_first(&daemon->launches);

	if (node && node->key <= now)
		children_read_reports(daemon);
	while ((node = heap_first(&daemon->launches)) && node->key <= now) {
		heap_remove(&daemon->launches, node);
		look_at((struct attachment *)((char *)node - offsetof(struct attachment, launch)),
			now);
	}
	launch_queued(daemon);
	rearm(daemon);
}

bool launches_admit(struct attachment *attachment)
{
	struct daemon *daemon = attachment->daemon;

	if (has_room(daemon) && !daemon->queue)
		return true;
	DL_APPEND(daemon->queue, attachment);
	attachment->queued = true;
	rearm(daemon);
	return false;
}

void launches_leave(struct attachment *attachment)
{
	if (attachment->queued)
		DL_DELETE(attachment->daemon->queue, attachment);
	attachment->queued = false;
}

void launches_begin(struct attachment *attachment)
{
	struct daemon *daemon = attachment->daemon;

	if (!daemon->launches.count)
		launches_heard(daemon); /* nothing was asked of the spawner until now */
	if (!attachment->has_place)
		daemon->places_taken++;
	attachment->has_place = true;
	attachment->released_ns = clock_running_ns();
	look_again(attachment, attachment->released_ns + PATIENCE);
	rearm(daemon);
}

void launches_heard(struct daemon *daemon)
{
	daemon->spawner_heard_ns = clock_running_ns();
}

void launches_end(struct attachment *attachment)
{
	give_place_back(attachment);
	heap_remove(&attachment->daemon->launches, &attachment->launch);
	rearm(attachment->daemon);
}

int launches_open(struct daemon *daemon)
{
	return loop_timer_new(daemon->loop, on_timer, daemon, &daemon->launch_timer);
}

void launches_close(struct daemon *daemon)
{
	heap_clear(&daemon->launches);
	loop_timer_free(daemon->launch_timer);
}
