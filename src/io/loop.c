// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/loop.h"

#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "io/sys.h"

/* What is beyond this comes in the next turn: epoll takes the ready ones in rotation. */
#define EVENTS_PER_TURN 64

struct loop {
	int epoll_fd;
	bool turning;
	struct loop_source *dead;  /* freed during this turn */
	struct loop_timer *timers; /* utlist DL: all of them, a few */
};

struct loop_source {
	struct loop *loop;
	int fd;
	uint32_t events;
	loop_fn *fn; /* NULL: dead */
	void *arg;
	struct loop_source *next_dead;
};

struct loop_timer {
	struct loop *loop;
	int fd;
	struct loop_source *source;
	uint64_t deadline_ns; /* 0: disarmed */
	uint64_t armed_ns;    /* what the kernel was told, at the end of the last turn */
	bool due;
	loop_timer_fn *fn;
	void *arg;
	struct loop_timer *prev, *next;
};

int loop_new(struct loop **ret)
{
	_cleanup_free_ struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	loop->epoll_fd = sys_epoll_create(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return -errno;
	*ret = TAKE_PTR(loop);
	return 0;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	sys_close(loop->epoll_fd);
	free(loop);
}

int loop_add(struct loop *loop, int fd, uint32_t events, loop_fn *fn, void *arg,
	     struct loop_source **ret)
{
	_cleanup_free_ struct loop_source *source = calloc(1, sizeof(*source));
	struct epoll_event event = {.events = events, .data.ptr = source};

	if (!source)
		return -ENOMEM;
	*source = (struct loop_source){
		.loop = loop, .fd = fd, .events = events, .fn = fn, .arg = arg};
	if (sys_epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return -errno;
	*ret = TAKE_PTR(source);
	return 0;
}

int loop_source_set_events(struct loop_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	if (events == source->events)
		return 0;
	if (sys_epoll_ctl(source->loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) < 0)
		return -errno;
	source->events = events;
	return 0;
}

void loop_source_free(struct loop_source *source)
{
	struct loop *loop;

	if (!source)
		return;
	loop = source->loop;
	sys_epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	if (!loop->turning) {
		free(source);
		return;
	}
	/* The list of ready sources may still point here. */
	source->fn = NULL;
	source->next_dead = loop->dead;
	loop->dead = source;
}

static void dispatch(struct loop_source *source, uint32_t events)
{
	/* An earlier callback of this turn may have changed what is waited for. */
	events &= source->events | EPOLLERR | EPOLLHUP;
	if (source->fn && events)
		source->fn(source->arg, events);
}

static void free_dead(struct loop *loop)
{
	while (loop->dead) {
		struct loop_source *source = loop->dead;

		loop->dead = source->next_dead;
		free(source);
	}
}

static bool is_past(const struct loop_timer *timer)
{
	return timer->deadline_ns && timer->deadline_ns <= clock_running_ns();
}

/* One that is past is found without the kernel. */
static void arm(struct loop_timer *timer)
{
	struct itimerspec value = {
		.it_value.tv_sec = (time_t)(timer->deadline_ns / NS_PER_SEC),
		.it_value.tv_nsec = (long)(timer->deadline_ns % NS_PER_SEC),
	};

	if (timer->deadline_ns != timer->armed_ns && !is_past(timer) &&
	    sys_timerfd_settime(timer->fd, TFD_TIMER_ABSTIME, &value) == 0)
		timer->armed_ns = timer->deadline_ns;
}

static struct loop_timer *first_due(const struct loop *loop)
{
	struct loop_timer *timer;

	DL_FOREACH (loop->timers, timer)
		if (timer->due)
			break;
	return timer;
}

static void expire(struct loop_timer *timer)
{
	timer->due = false;
	timer->deadline_ns = 0;
	timer->fn(timer->arg); /* may free the timer */
}

int loop_turn(struct loop *loop, void (*before)(void *), void *arg)
{
	struct epoll_event ready[EVENTS_PER_TURN];
	struct loop_timer *timer;
	int n;

	DL_FOREACH (loop->timers, timer)
		timer->due = is_past(timer);
	n = sys_epoll_wait(loop->epoll_fd, ready, EVENTS_PER_TURN, first_due(loop) ? 0 : -1);
	if (n < 0 && errno != EINTR)
		return -errno;
	loop->turning = true;
	if (before)
		before(arg);
	for (int i = 0; i < n; i++)
		dispatch(ready[i].data.ptr, ready[i].events);
	while ((timer = first_due(loop)))
		expire(timer);
	loop->turning = false;
	DL_FOREACH (loop->timers, timer)
		arm(timer);
	free_dead(loop);
	return 0;
}

static void on_timerfd(void *arg, uint32_t events)
{
	struct loop_timer *timer = arg;
	uint64_t expirations;

	(void)events;
	if (sys_read(timer->fd, &expirations, sizeof(expirations)) == sizeof(expirations))
		timer->armed_ns = 0;
	/* It may have been set anew after it had become ready. */
	if (is_past(timer))
		expire(timer);
}

int loop_timer_new(struct loop *loop, loop_timer_fn *fn, void *arg, struct loop_timer **ret)
{
	_cleanup_free_ struct loop_timer *timer = calloc(1, sizeof(*timer));
	_cleanup_close_ int fd = -1;
	int r;

	if (!timer)
		return -ENOMEM;
	fd = sys_timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	r = loop_add(loop, fd, EPOLLIN, on_timerfd, timer, &timer->source);
	if (r < 0)
		return r;
	timer->loop = loop;
	timer->fd = TAKE_FD(fd);
	timer->fn = fn;
	timer->arg = arg;
	DL_APPEND(loop->timers, timer);
	*ret = TAKE_PTR(timer);
	return 0;
}

void loop_timer_set(struct loop_timer *timer, uint64_t deadline_ns)
{
	timer->deadline_ns = deadline_ns;
	timer->due = false;
	if (!timer->loop->turning)
		arm(timer);
}

void loop_timer_free(struct loop_timer *timer)
{
	if (!timer)
		return;
	DL_DELETE(timer->loop->timers, timer);
	loop_source_free(timer->source);
	sys_close(timer->fd);
	free(timer);
}
