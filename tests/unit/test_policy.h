/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One instance on a bench: its configuration, its policy, a clock that is moved by hand, and what the last
 * step gave. */
#ifndef OBIT_TESTS_TEST_POLICY_H
#define OBIT_TESTS_TEST_POLICY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "core/policy.h"

#define S(seconds)	 ((uint64_t)(seconds)*NS_PER_SEC)
#define MS(milliseconds) ((uint64_t)(milliseconds)*NS_PER_MS)
#define EXITED(code)	 ((uint32_t)(code) << 8)
#define KILLED(signal)	 ((uint32_t)(signal))
#define DUMPED(signal)	 ((uint32_t)(signal) | 0x80)

struct bench {
	struct watch_config config;
	struct policy policy;
	struct policy_output out;
	uint64_t now;
};

/* The defaults, without jitter: times are exact. */
static inline void bench_config(struct watch_config *config)
{
	watch_config_init(config);
	config->backoff_jitter = 0;
}

static inline void bench_init(struct bench *bench)
{
	*bench = (struct bench){.now = S(1000000)};
	bench_config(&bench->config);
	assert_int_equal(policy_init(&bench->policy, &bench->config, 42), 0);
}

/* As bench_init(), and the process that it watches runs. */
static inline void bench_up(struct bench *bench);

static inline void bench_free(struct bench *bench)
{
	policy_free(&bench->policy);
}

/* After a change of bench->config that policy must hear of. */
static inline void bench_reload(struct bench *bench)
{
	assert_int_equal(policy_set_config(&bench->policy, &bench->config), 0);
}

static inline void give_input(struct bench *bench, const struct policy_input *input)
{
	policy_step(&bench->policy, input, bench->now, &bench->out);
	assert_in_range(bench->out.count, 0, POLICY_MAX_ACTIONS);
}

static inline void give(struct bench *bench, enum policy_input_kind kind)
{
	give_input(bench, &(struct policy_input){.kind = kind});
}

static inline void give_error(struct bench *bench, int error)
{
	give_input(bench, &(struct policy_input){.kind = INPUT_SPAWN_FAILED, .error = error});
}

static inline void give_death(struct bench *bench, struct policy_death death)
{
	give_input(bench, &(struct policy_input){.kind = INPUT_MAIN_DIED, .death = death});
}

/* Main dies alone with that status, as old as it is. */
static inline void die(struct bench *bench, uint32_t wait_status)
{
	give_death(bench,
		   (struct policy_death){.wait_status = wait_status,
					 .lived_ns = bench->now - bench->policy.up_since_ns});
}

static inline void pass(struct bench *bench, uint64_t ns)
{
	bench->now += ns;
}

/* Moves the clock to the deadline and lets the timer fire. */
static inline void fire(struct bench *bench)
{
	assert_true(bench->policy.deadline_ns >= bench->now);
	bench->now = bench->policy.deadline_ns;
	give(bench, INPUT_TIMER);
}

static inline void bench_up(struct bench *bench)
{
	bench_init(bench);
	give(bench, INPUT_STARTED);
	assert_int_equal(bench->policy.state, POLICY_UP);
	pass(bench, S(1));
}

/* As bench_up(), under systemd. */
static inline void bench_owned(struct bench *bench)
{
	bench_up(bench);
	strcpy(bench->policy.owner.name, "systemd");
}

static inline void answer(struct bench *bench, enum owner_answer answer)
{
	give_input(bench, &(struct policy_input){.kind = INPUT_OWNER_SAID, .answer = answer});
}

/* Main dies with exit status 1 and is gone: what is left is a back-off or a spawn. */
static inline void fail_once(struct bench *bench)
{
	die(bench, EXITED(1));
	if (bench->out.verdict == VERDICT_RESPAWN)
		give(bench, INPUT_ALL_GONE);
}

/* From main's failure to the respawned main. Returns how long that took. */
static inline uint64_t fail_and_return(struct bench *bench)
{
	uint64_t died = bench->now;

	fail_once(bench);
	if (bench->policy.state == POLICY_WAITING)
		fire(bench);
	assert_int_equal(bench->policy.state, POLICY_STARTING);
	give(bench, INPUT_SPAWNED);
	assert_int_equal(bench->policy.state, POLICY_UP);
	return bench->now - died;
}

static inline void expect_state(const struct bench *bench, enum policy_state state)
{
	assert_string_equal(policy_state_name(bench->policy.state), policy_state_name(state));
	assert_int_equal(bench->policy.state, state);
}

static inline void expect_verdict(const struct bench *bench, enum policy_verdict verdict)
{
	assert_string_equal(policy_verdict_name(bench->out.verdict), policy_verdict_name(verdict));
}

static inline void expect_detail(const struct bench *bench, const char *part)
{
	if (!strstr(bench->out.detail, part))
		fail_msg("\"%s\" is not in \"%s\"", part, bench->out.detail);
}

/* The number of actions of that kind in the last step. */
static inline size_t actions(const struct bench *bench, enum policy_action_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < bench->out.count; i++)
		n += bench->out.actions[i].kind == kind;
	return n;
}

static inline void expect_only(const struct bench *bench, enum policy_action_kind kind)
{
	assert_int_equal(bench->out.count, 1);
	assert_int_equal(bench->out.actions[0].kind, kind);
}

static inline void expect_nothing(const struct bench *bench)
{
	assert_int_equal(bench->out.count, 0);
	assert_int_equal(bench->out.verdict, VERDICT_NONE);
}

/* It was signalled, and the deadline of kill_timeout is set. */
static inline void expect_kill(const struct bench *bench, int signal)
{
	assert_int_equal(bench->out.count, 2);
	assert_int_equal(bench->out.actions[0].kind, ACTION_KILL);
	assert_int_equal(bench->out.actions[0].signal, signal);
	assert_int_equal(bench->out.actions[1].kind, ACTION_TIMER);
	assert_int_equal(bench->out.actions[1].deadline_ns, bench->policy.deadline_ns);
}

#endif
