// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Children on their way to their program: how long they may take. The spawner sleeps with a child of root's until
 * that has executed its program, and a directory, a file or a program may be on a file system that does not answer:
 * then the others get another spawner, and the child an end. */
#include <stddef.h>

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
	uint64_t timeout = daemon->config.watches[attachment->instance->watch].start_timeout_ns;

	return attachment->released_ns + (timeout > DEADLINE_MIN ? timeout : DEADLINE_MIN);
}

static void rearm(struct daemon *daemon)
{
	const struct heap_node *first = heap_first(&daemon->launches);

	loop_timer_set(daemon->launch_timer, first ? first->key : 0);
}

static void look_again(struct attachment *attachment, uint64_t at_ns)
{
	/* Without memory nobody looks, and only what hangs is the worse for it. */
	if (heap_set(&attachment->daemon->launches, &attachment->launch, at_ns) < 0)
		daemon_out_of_memory(attachment->daemon, "timing a child");
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
		act_give_up_child(attachment->instance);
		return;
	}
	look_again(attachment, deadline < next ? deadline : next);
	if (is_spawner_silent(attachment, now)) {
		log_warning("the spawner waits with a child that hangs; starting another");
		act_replace_spawner(attachment->daemon);
	}
}

static void on_timer(void *arg)
{
	struct daemon *daemon = arg;
	uint64_t now = clock_boot_ns();
	struct heap_node *node;

	act_read_reports(daemon);
	while ((node = heap_first(&daemon->launches)) && node->key <= now) {
		heap_remove(&daemon->launches, node);
		look_at((struct attachment *)((char *)node - offsetof(struct attachment, launch)),
			now);
	}
	rearm(daemon);
}

void launches_begin(struct attachment *attachment)
{
	struct daemon *daemon = attachment->daemon;

	if (!daemon->launches.count)
		launches_heard(daemon); /* nothing was asked of the spawner until now */
	attachment->released_ns = clock_boot_ns();
	look_again(attachment, attachment->released_ns + PATIENCE);
	rearm(daemon);
}

void launches_heard(struct daemon *daemon)
{
	daemon->spawner_heard_ns = clock_boot_ns();
}

void launches_end(struct attachment *attachment)
{
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
