// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "io/loop.h"
#include "io/sys.h"

#define PIPES 3

struct fake_sys fake_sys;

static int settimes, ctls;

/* Pipes whose read ends are sources, and what their callbacks did. */
struct fixture {
	struct loop *loop;
	struct source {
		struct fixture *fixture;
		int fds[2];
		struct loop_source *source;
		int calls;
		uint32_t events;
	} sources[PIPES];
	struct loop_timer *timer;
	int expiries, befores;
};

static void count_call(void *arg, uint32_t events)
{
	struct source *source = arg;

	source->calls++;
	source->events = events;
}

static void free_all(void *arg, uint32_t events)
{
	struct source *source = arg;

	count_call(arg, events);
	for (int i = 0; i < PIPES; i++) {
		loop_source_free(source->fixture->sources[i].source);
		source->fixture->sources[i].source = NULL;
	}
}

static void mute_others(void *arg, uint32_t events)
{
	struct source *source = arg;

	count_call(arg, events);
	for (int i = 0; i < PIPES; i++) {
		if (&source->fixture->sources[i] != source)
			loop_source_set_events(source->fixture->sources[i].source, 0);
	}
}

static void count_before(void *arg)
{
	struct fixture *fixture = arg;

	fixture->befores++;
}

static void free_before(void *arg)
{
	free_all(&((struct fixture *)arg)->sources[0], 0);
}

static void count_expiry(void *arg)
{
	struct fixture *fixture = arg;

	fixture->expiries++;
}

static void free_timer(void *arg)
{
	struct fixture *fixture = arg;

	fixture->expiries++;
	loop_timer_free(TAKE_PTR(fixture->timer));
}

static int counting_settime(int fd, int flags, const struct itimerspec *value)
{
	settimes++;
	return real_sys_timerfd_settime(fd, flags, value);
}

static int counting_ctl(int epoll_fd, int op, int fd, struct epoll_event *event)
{
	ctls++;
	return real_sys_epoll_ctl(epoll_fd, op, fd, event);
}

static void add_all(struct fixture *fixture, loop_fn *fn)
{
	for (int i = 0; i < PIPES; i++) {
		struct source *source = &fixture->sources[i];

		source->fixture = fixture;
		assert_int_equal(loop_add(fixture->loop, source->fds[0], EPOLLIN, fn, source,
					  &source->source),
				 0);
	}
}

static void fill(struct fixture *fixture, int i)
{
	assert_int_equal(write(fixture->sources[i].fds[1], "x", 1), 1);
}

static int total_calls(const struct fixture *fixture)
{
	int calls = 0;

	for (int i = 0; i < PIPES; i++)
		calls += fixture->sources[i].calls;
	return calls;
}

static int set_up(void **state)
{
	static struct fixture fixture;

	memset(&fixture, 0, sizeof(fixture));
	memset(&fake_sys, 0, sizeof(fake_sys));
	settimes = ctls = 0;
	for (int i = 0; i < PIPES; i++) {
		if (pipe2(fixture.sources[i].fds, O_CLOEXEC | O_NONBLOCK) < 0)
			return -1;
	}
	*state = &fixture;
	return loop_new(&fixture.loop);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < PIPES; i++) {
		loop_source_free(fixture->sources[i].source);
		close(fixture->sources[i].fds[0]);
		close(fixture->sources[i].fds[1]);
	}
	loop_timer_free(fixture->timer);
	loop_free(fixture->loop);
	return 0;
}

static void calls_what_is_ready_as_long_as_it_is(void **state)
{
	struct fixture *fixture = *state;
	char byte;

	add_all(fixture, count_call);
	fill(fixture, 1);
	assert_int_equal(loop_turn(fixture->loop, count_before, fixture), 0);
	assert_int_equal(loop_turn(fixture->loop, count_before, fixture), 0);
	assert_int_equal(fixture->sources[1].calls, 2);
	assert_int_equal(fixture->sources[1].events, EPOLLIN);
	assert_int_equal(read(fixture->sources[1].fds[0], &byte, 1), 1);
	fill(fixture, 2);
	assert_int_equal(loop_turn(fixture->loop, NULL, NULL), 0);
	assert_int_equal(fixture->sources[1].calls, 2);
	assert_int_equal(fixture->sources[2].calls, 1);
	assert_int_equal(fixture->befores, 2);
}

static void tells_a_hangup_unasked(void **state)
{
	struct fixture *fixture = *state;

	add_all(fixture, count_call);
	assert_int_equal(loop_source_set_events(fixture->sources[0].source, 0), 0);
	close(fixture->sources[0].fds[1]);
	fixture->sources[0].fds[1] = -1;
	assert_int_equal(loop_turn(fixture->loop, NULL, NULL), 0);
	assert_int_equal(fixture->sources[0].events, EPOLLHUP);
}

static void frees_ready_sources_in_a_callback(void **state)
{
	struct fixture *fixture = *state;

	add_all(fixture, free_all);
	for (int i = 0; i < PIPES; i++)
		fill(fixture, i);
	assert_int_equal(loop_turn(fixture->loop, NULL, NULL), 0);
	assert_int_equal(total_calls(fixture), 1);
}

static void frees_ready_sources_before_the_callbacks(void **state)
{
	struct fixture *fixture = *state;

	add_all(fixture, count_call);
	for (int i = 0; i < PIPES; i++)
		fill(fixture, i);
	assert_int_equal(loop_turn(fixture->loop, free_before, fixture), 0);
	assert_int_equal(total_calls(fixture), 1); /* free_before's own */
}

static void honours_events_changed_in_the_same_turn(void **state)
{
	struct fixture *fixture = *state;

	add_all(fixture, mute_others);
	for (int i = 0; i < PIPES; i++)
		fill(fixture, i);
	assert_int_equal(loop_turn(fixture->loop, NULL, NULL), 0);
	assert_int_equal(total_calls(fixture), 1);
}

static void same_events_cost_no_system_call(void **state)
{
	struct fixture *fixture = *state;

	add_all(fixture, count_call);
	fake_sys.epoll_ctl = counting_ctl;
	assert_int_equal(loop_source_set_events(fixture->sources[0].source, EPOLLIN), 0);
	assert_int_equal(ctls, 0);
	assert_int_equal(loop_source_set_events(fixture->sources[0].source, EPOLLIN | EPOLLPRI), 0);
	assert_int_equal(ctls, 1);
}

static int interrupted_wait(int epoll_fd, struct epoll_event *ready, int max, int timeout_ms)
{
	(void)epoll_fd, (void)ready, (void)max;
	assert_int_equal(timeout_ms, -1);
	errno = EINTR;
	return -1;
}

static int failing_wait(int epoll_fd, struct epoll_event *ready, int max, int timeout_ms)
{
	(void)epoll_fd, (void)ready, (void)max, (void)timeout_ms;
	errno = EBADF;
	return -1;
}

static void a_signal_ends_the_turn(void **state)
{
	struct fixture *fixture = *state;

	fake_sys.epoll_wait = interrupted_wait;
	assert_int_equal(loop_turn(fixture->loop, count_before, fixture), 0);
	assert_int_equal(fixture->befores, 1);
	fake_sys.epoll_wait = failing_wait;
	assert_int_equal(loop_turn(fixture->loop, count_before, fixture), -EBADF);
	assert_int_equal(fixture->befores, 1);
}

static int failing_create(int flags)
{
	(void)flags;
	errno = EMFILE;
	return -1;
}

static int failing_timerfd(clockid_t clock, int flags)
{
	(void)clock, (void)flags;
	errno = ENFILE;
	return -1;
}

static int failing_ctl(int epoll_fd, int op, int fd, struct epoll_event *event)
{
	(void)epoll_fd, (void)op, (void)fd, (void)event;
	errno = ENOSPC;
	return -1;
}

static void returns_what_fails(void **state)
{
	struct fixture *fixture = *state;
	struct loop_source *source = NULL, *before;
	struct loop_timer *timer = NULL;
	struct loop *loop = NULL;
	_cleanup_close_ int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	add_all(fixture, count_call);
	before = fixture->sources[0].source;
	assert_int_equal(loop_add(fixture->loop, file, EPOLLIN, count_call, NULL, &source), -EPERM);
	assert_int_equal(loop_add(fixture->loop, fixture->sources[0].fds[0], EPOLLIN, count_call,
				  NULL, &source),
			 -EEXIST);
	fake_sys.epoll_create = failing_create;
	assert_int_equal(loop_new(&loop), -EMFILE);
	fake_sys.timerfd_create = failing_timerfd;
	assert_int_equal(loop_timer_new(fixture->loop, count_expiry, fixture, &timer), -ENFILE);
	fake_sys.timerfd_create = NULL;
	fake_sys.epoll_ctl = failing_ctl;
	assert_int_equal(loop_timer_new(fixture->loop, count_expiry, fixture, &timer), -ENOSPC);
	assert_int_equal(loop_source_set_events(before, 0), -ENOSPC);
	fake_sys.epoll_ctl = NULL;
	assert_null(source);
	assert_null(timer);
	assert_null(loop);
}

static void new_timer(struct fixture *fixture, loop_timer_fn *fn)
{
	fake_sys.timerfd_settime = counting_settime;
	assert_int_equal(loop_timer_new(fixture->loop, fn, fixture, &fixture->timer), 0);
}

static void a_timer_expires_once_and_not_early(void **state)
{
	struct fixture *fixture = *state;
	uint64_t deadline = clock_running_ns() + 5 * NS_PER_MS;

	new_timer(fixture, count_expiry);
	loop_timer_set(fixture->timer, deadline);
	assert_int_equal(loop_turn(fixture->loop, NULL, NULL), 0);
	assert_true(clock_running_ns() >= deadline);
	assert_int_equal(fixture->expiries, 1);
	/* Only the pipe is ready now. */
	add_all(fixture, count_call);
	fill(fixture, 0);
	assert_int_equal(loop_turn(fixture->loop, NULL, NULL), 0);
	assert_int_equal(fixture->expiries, 1);
	/* The old deadline once more is a new wish. */
	loop_timer_set(fixture->timer, deadline);
	assert_int_equal(loop_turn(fixture->loop, NULL, NULL), 0);
	assert_int_equal(fixture->expiries, 2);
}

static void the_same_deadline_costs_no_system_call(void **state)
{
	struct fixture *fixture = *state;
	uint64_t deadline = clock_running_ns() + 3600 * NS_PER_SEC;

	new_timer(fixture, count_expiry);
	loop_timer_set(fixture->timer, 0);
	assert_int_equal(settimes, 0);
	loop_timer_set(fixture->timer, deadline);
	loop_timer_set(fixture->timer, deadline);
	assert_int_equal(settimes, 1);
	loop_timer_set(fixture->timer, UINT64_MAX);
	loop_timer_set(fixture->timer, 0);
	loop_timer_set(fixture->timer, 0);
	assert_int_equal(settimes, 3);
}

/* What a busy turn does. */
static void set_often(void *arg)
{
	struct fixture *fixture = arg;

	for (int i = 0; i < 10; i++) {
		loop_timer_set(fixture->timer, 0);
		loop_timer_set(fixture->timer, clock_running_ns() + 3600 * NS_PER_SEC);
	}
}

static void a_turn_tells_the_kernel_once(void **state)
{
	struct fixture *fixture = *state;

	new_timer(fixture, count_expiry);
	add_all(fixture, count_call);
	fill(fixture, 0);
	assert_int_equal(loop_turn(fixture->loop, set_often, fixture), 0);
	assert_int_equal(settimes, 1);
}

static void begin_again(void *arg)
{
	struct fixture *fixture = arg;

	fixture->expiries++;
	loop_timer_set(fixture->timer, 1);
}

/* And so it is no endless loop where a timer sets itself. */
static void what_is_past_expires_once_a_turn_without_the_kernel(void **state)
{
	struct fixture *fixture = *state;

	new_timer(fixture, begin_again);
	loop_timer_set(fixture->timer, 1);
	for (int turn = 1; turn < 4; turn++) {
		assert_int_equal(loop_turn(fixture->loop, NULL, NULL), 0);
		assert_int_equal(fixture->expiries, turn);
	}
	assert_int_equal(settimes, 0);
}

static void put_off(void *arg)
{
	struct fixture *fixture = arg;

	loop_timer_set(fixture->timer, clock_running_ns() + 3600 * NS_PER_SEC);
}

static void a_deadline_put_off_in_time_does_not_expire(void **state)
{
	struct fixture *fixture = *state;

	new_timer(fixture, count_expiry);
	loop_timer_set(fixture->timer, 1);
	assert_int_equal(loop_turn(fixture->loop, put_off, fixture), 0);
	assert_int_equal(fixture->expiries, 0);
}

static void a_timer_may_free_itself(void **state)
{
	struct fixture *fixture = *state;

	new_timer(fixture, free_timer);
	loop_timer_set(fixture->timer, 1);
	assert_int_equal(loop_turn(fixture->loop, NULL, NULL), 0);
	assert_int_equal(fixture->expiries, 1);
	assert_null(fixture->timer);
}

static void free_accepts_nothing(void **state)
{
	(void)state;
	loop_source_free(NULL);
	loop_timer_free(NULL);
	loop_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(calls_what_is_ready_as_long_as_it_is),
		TEST(tells_a_hangup_unasked),
		TEST(frees_ready_sources_in_a_callback),
		TEST(frees_ready_sources_before_the_callbacks),
		TEST(honours_events_changed_in_the_same_turn),
		TEST(same_events_cost_no_system_call),
		TEST(a_signal_ends_the_turn),
		TEST(returns_what_fails),
		TEST(a_timer_expires_once_and_not_early),
		TEST(the_same_deadline_costs_no_system_call),
		TEST(a_turn_tells_the_kernel_once),
		TEST(what_is_past_expires_once_a_turn_without_the_kernel),
		TEST(a_deadline_put_off_in_time_does_not_expire),
		TEST(a_timer_may_free_itself),
		cmocka_unit_test(free_accepts_nothing),
	};

	alarm(60); /* a turn that never ends is a failure, not a wait */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
