// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Every input in every state: one test each, made from the lists of core/policy.h. A cell that is missing
 * in the table fails. */
#include "tests/unit/test_policy.h"

/* What an input does in a state. `means` says it in words; the rest is compared. */
struct cell {
	const char *means;
	enum policy_state next;
	enum policy_verdict verdict;
	bool untouched; /* not a byte of the policy changes */
	bool refused;
	struct policy_action actions[POLICY_MAX_ACTIONS];
	size_t count;
};

/* Deadlines of the table count from the moment of the input; 0 cancels. */
#define SPAWN                                                                                      \
	{                                                                                          \
		.kind = ACTION_SPAWN                                                               \
	}
#define RESTART                                                                                    \
	{                                                                                          \
		.kind = ACTION_RESTART_BY_OWNER                                                    \
	}
#define KILL(number)                                                                               \
	{                                                                                          \
		.kind = ACTION_KILL, .signal = (number)                                            \
	}
#define TIMER(after)                                                                               \
	{                                                                                          \
		.kind = ACTION_TIMER, .deadline_ns = (after)                                       \
	}
#define CANCEL TIMER(0)

#define ACTIONS(...)                                                                               \
	.actions = {__VA_ARGS__},                                                                  \
	.count = sizeof((struct policy_action[]){__VA_ARGS__}) / sizeof(struct policy_action)

#define MUTE(why)      .means = (why), .untouched = true
#define REFUSED(why)   .means = (why), .untouched = true, .refused = true
#define TO(state, why) .means = (why), .next = POLICY_##state

/* The bench of each state is in prepare_*() below: 10 s kill_timeout, respawn in 200 ms. */
static const struct cell cells[_POLICY_STATE_MAX][_POLICY_INPUT_MAX] =
	{
		[POLICY_UP] =
			{
				[INPUT_STARTED] = {TO(UP, "another life begins")},
				[INPUT_MAIN_DIED] = {TO(WAITING, "waits for it to be gone"),
						     VERDICT_RESPAWN},
				[INPUT_MEMBER_DIED] = {MUTE("members = ignore")},
				[INPUT_ALL_GONE] = {TO(UP, "its death will tell")},
				[INPUT_TIMER] = {MUTE("none is set")},
				[INPUT_SPAWNED] = {MUTE("nothing was spawned")},
				[INPUT_READY] = {MUTE("did not wait for that")},
				[INPUT_EXTEND] = {MUTE("did not wait for that")},
				[INPUT_SPAWN_FAILED] = {MUTE("nothing was spawned")},
				[INPUT_SPAWN_REFUSED] = {MUTE("nothing was spawned")},
				[INPUT_OWNER_SAID] = {MUTE("nobody was asked")},
				[INPUT_OWNER_DONE] = {MUTE("nobody was told to")},
				[INPUT_OWNER_FAILED] = {MUTE("nobody was told to")},
				[INPUT_HUNG] = {TO(STOPPING, "stop it, with a core dump"),
						VERDICT_STOP, ACTIONS(KILL(SIGABRT), TIMER(S(10)))},
				[INPUT_RECOVERED] = {MUTE("did not hang")},
				[INPUT_STOP] = {TO(STOPPING, "stop it"),
						ACTIONS(KILL(SIGTERM), TIMER(S(10)))},
				[INPUT_START] = {MUTE("runs already")},
				[INPUT_RESTART] = {TO(STOPPING, "stop it"),
						   ACTIONS(KILL(SIGTERM), TIMER(S(10)))},
				[INPUT_REVIVE] = {REFUSED("is not buried")},
				[INPUT_PAUSE] = {TO(UP, "runs on")},
				[INPUT_RESUME] = {TO(UP, "runs on")},
			},
		[POLICY_WAITING] =
			{
				[INPUT_STARTED] = {TO(UP, "somebody was faster"), ACTIONS(CANCEL)},
				[INPUT_MAIN_DIED] = {MUTE("has no main")},
				[INPUT_MEMBER_DIED] = {MUTE("a straggler")},
				[INPUT_ALL_GONE] = {MUTE("is known, and the back-off goes on")},
				[INPUT_TIMER] = {TO(STARTING, "the back-off is over"),
						 ACTIONS(SPAWN)},
				[INPUT_SPAWNED] = {MUTE("nothing was spawned")},
				[INPUT_READY] = {MUTE("did not wait for that")},
				[INPUT_EXTEND] = {MUTE("did not wait for that")},
				[INPUT_SPAWN_FAILED] = {MUTE("nothing was spawned")},
				[INPUT_SPAWN_REFUSED] = {MUTE("nothing was spawned")},
				[INPUT_OWNER_SAID] = {MUTE("nobody was asked")},
				[INPUT_OWNER_DONE] = {MUTE("nobody was told to")},
				[INPUT_OWNER_FAILED] = {MUTE("nobody was told to")},
				[INPUT_HUNG] = {MUTE("has no main")},
				[INPUT_RECOVERED] = {MUTE("has no main")},
				[INPUT_STOP] = {TO(DOWN, "no respawn"), ACTIONS(CANCEL)},
				[INPUT_START] = {TO(STARTING, "at once"), ACTIONS(CANCEL, SPAWN)},
				[INPUT_RESTART] = {TO(STARTING, "at once"), ACTIONS(CANCEL, SPAWN)},
				[INPUT_REVIVE] = {REFUSED("is not buried")},
				[INPUT_PAUSE] = {TO(WAITING, "for the end of the pause"),
						 ACTIONS(CANCEL)},
				[INPUT_RESUME] = {TO(STARTING, "what was held, at once"),
						  ACTIONS(SPAWN)},
			},
		[POLICY_STARTING] =
			{
				[INPUT_STARTED] = {TO(STARTING, "its own child, seen early")},
				[INPUT_MAIN_DIED] = {TO(WAITING, "died young"), VERDICT_RESPAWN},
				[INPUT_MEMBER_DIED] = {MUTE("a straggler")},
				[INPUT_ALL_GONE] = {TO(STARTING, "the child will tell")},
				[INPUT_TIMER] = {MUTE("none is set")},
				[INPUT_SPAWNED] = {TO(UP, "runs")},
				[INPUT_READY] = {MUTE("did not wait for that")},
				[INPUT_EXTEND] = {MUTE("did not wait for that")},
				[INPUT_SPAWN_FAILED] = {TO(WAITING, "tries again"), VERDICT_RESPAWN,
							ACTIONS(TIMER(MS(100)))},
				[INPUT_SPAWN_REFUSED] = {TO(ENDED, "must not be started"),
							 VERDICT_REPORT},
				[INPUT_OWNER_SAID] = {MUTE("nobody was asked")},
				[INPUT_OWNER_DONE] = {MUTE("nobody was told to")},
				[INPUT_OWNER_FAILED] = {MUTE("nobody was told to")},
				[INPUT_HUNG] = {MUTE("has not executed yet")},
				[INPUT_RECOVERED] = {MUTE("has not executed yet")},
				[INPUT_STOP] = {TO(STOPPING, "stop it"),
						ACTIONS(KILL(SIGTERM), TIMER(S(10)))},
				[INPUT_START] = {MUTE("is starting already")},
				[INPUT_RESTART] = {TO(STOPPING, "stop it"),
						   ACTIONS(KILL(SIGTERM), TIMER(S(10)))},
				[INPUT_REVIVE] = {REFUSED("is not buried")},
				[INPUT_PAUSE] = {TO(STARTING, "is on its way")},
				[INPUT_RESUME] = {TO(STARTING, "is on its way")},
			},
		[POLICY_READYING] =
			{
				[INPUT_STARTED] = {TO(UP, "another life begins"), ACTIONS(CANCEL)},
				[INPUT_MAIN_DIED] = {TO(WAITING, "died young"), VERDICT_RESPAWN,
						     ACTIONS(CANCEL)},
				[INPUT_MEMBER_DIED] = {MUTE("is not up yet")},
				[INPUT_ALL_GONE] = {TO(READYING, "its death will tell")},
				[INPUT_TIMER] = {TO(STOPPING, "a start that hangs"), VERDICT_STOP,
						 ACTIONS(KILL(SIGABRT), TIMER(S(10)))},
				[INPUT_SPAWNED] = {MUTE("is known")},
				[INPUT_READY] = {TO(UP, "it is"), ACTIONS(CANCEL)},
				[INPUT_EXTEND] = {TO(READYING, "later"), ACTIONS(TIMER(S(100)))},
				[INPUT_SPAWN_FAILED] = {MUTE("it did not")},
				[INPUT_SPAWN_REFUSED] = {MUTE("it was not")},
				[INPUT_OWNER_SAID] = {MUTE("nobody was asked")},
				[INPUT_OWNER_DONE] = {MUTE("nobody was told to")},
				[INPUT_OWNER_FAILED] = {MUTE("nobody was told to")},
				[INPUT_HUNG] = {MUTE("start_timeout is what counts")},
				[INPUT_RECOVERED] = {MUTE("did not hang")},
				[INPUT_STOP] = {TO(STOPPING, "stop it"),
						ACTIONS(KILL(SIGTERM), TIMER(S(10)))},
				[INPUT_START] = {MUTE("runs already")},
				[INPUT_RESTART] = {TO(STOPPING, "stop it"),
						   ACTIONS(KILL(SIGTERM), TIMER(S(10)))},
				[INPUT_REVIVE] = {REFUSED("is not buried")},
				[INPUT_PAUSE] = {TO(READYING, "is on its way")},
				[INPUT_RESUME] = {TO(READYING, "is on its way")},
			},
		[POLICY_ASKING] =
			{
				[INPUT_STARTED] = {TO(UP, "it has answered by a deed")},
				[INPUT_MAIN_DIED] = {MUTE("has no main")},
				[INPUT_MEMBER_DIED] = {MUTE("its owner's business")},
				[INPUT_ALL_GONE] = {TO(ASKING, "its owner's business")},
				[INPUT_TIMER] = {MUTE("none is set")},
				[INPUT_SPAWNED] = {MUTE("nothing was spawned")},
				[INPUT_READY] = {MUTE("did not wait for that")},
				[INPUT_EXTEND] = {MUTE("did not wait for that")},
				[INPUT_SPAWN_FAILED] = {MUTE("nothing was spawned")},
				[INPUT_SPAWN_REFUSED] = {MUTE("nothing was spawned")},
				[INPUT_OWNER_SAID] = {TO(RESTARTING, "it will not"),
						      VERDICT_RESTART_BY_OWNER, ACTIONS(RESTART)},
				[INPUT_OWNER_DONE] = {MUTE("nobody was told to")},
				[INPUT_OWNER_FAILED] = {MUTE("nobody was told to")},
				[INPUT_HUNG] = {MUTE("has no main")},
				[INPUT_RECOVERED] = {MUTE("has no main")},
				[INPUT_STOP] = {TO(DOWN, "no restart")},
				[INPUT_START] = {TO(RESTARTING, "at once"), ACTIONS(RESTART)},
				[INPUT_RESTART] = {TO(RESTARTING, "at once"), ACTIONS(RESTART)},
				[INPUT_REVIVE] = {REFUSED("is not buried")},
				[INPUT_PAUSE] = {TO(ASKING, "what it answers may be held")},
				[INPUT_RESUME] = {TO(ASKING, "nothing was held")},
			},
		[POLICY_EXPECTED] =
			{
				[INPUT_STARTED] = {TO(UP, "there it is"), ACTIONS(CANCEL)},
				[INPUT_MAIN_DIED] = {MUTE("has no main")},
				[INPUT_MEMBER_DIED] = {MUTE("its owner's business")},
				[INPUT_ALL_GONE] = {TO(EXPECTED, "its owner's business")},
				[INPUT_TIMER] = {TO(ENDED, "nothing came"), VERDICT_REPORT},
				[INPUT_SPAWNED] = {MUTE("nothing was spawned")},
				[INPUT_READY] = {MUTE("did not wait for that")},
				[INPUT_EXTEND] = {MUTE("did not wait for that")},
				[INPUT_SPAWN_FAILED] = {MUTE("nothing was spawned")},
				[INPUT_SPAWN_REFUSED] = {MUTE("nothing was spawned")},
				[INPUT_OWNER_SAID] = {MUTE("nobody was asked")},
				[INPUT_OWNER_DONE] = {MUTE("is known")},
				[INPUT_OWNER_FAILED] = {MUTE("it was done")},
				[INPUT_HUNG] = {MUTE("has no main")},
				[INPUT_RECOVERED] = {MUTE("has no main")},
				[INPUT_STOP] = {TO(DOWN, "is not expected any more"),
						ACTIONS(CANCEL)},
				[INPUT_START] = {TO(RESTARTING, "at once"),
						 ACTIONS(CANCEL, RESTART)},
				[INPUT_RESTART] = {TO(RESTARTING, "at once"),
						   ACTIONS(CANCEL, RESTART)},
				[INPUT_REVIVE] = {REFUSED("is not buried")},
				[INPUT_PAUSE] = {TO(EXPECTED, "is on its way")},
				[INPUT_RESUME] = {TO(EXPECTED, "is on its way")},
			},
		[POLICY_RESTARTING] =
			{
				[INPUT_STARTED] = {TO(UP, "there it is")},
				[INPUT_MAIN_DIED] = {MUTE("has no main")},
				[INPUT_MEMBER_DIED] = {MUTE("its owner's business")},
				[INPUT_ALL_GONE] = {TO(RESTARTING, "its owner's business")},
				[INPUT_TIMER] = {MUTE("none is set")},
				[INPUT_SPAWNED] = {MUTE("nothing was spawned")},
				[INPUT_READY] = {MUTE("did not wait for that")},
				[INPUT_EXTEND] = {MUTE("did not wait for that")},
				[INPUT_SPAWN_FAILED] = {MUTE("nothing was spawned")},
				[INPUT_SPAWN_REFUSED] = {MUTE("nothing was spawned")},
				[INPUT_OWNER_SAID] = {MUTE("was said before")},
				[INPUT_OWNER_DONE] = {TO(EXPECTED, "it must come now"),
						      ACTIONS(TIMER(S(30)))},
				[INPUT_OWNER_FAILED] = {TO(WAITING, "tries again"),
							VERDICT_RESTART_BY_OWNER,
							ACTIONS(TIMER(MS(200)))},
				[INPUT_HUNG] = {MUTE("has no main")},
				[INPUT_RECOVERED] = {MUTE("has no main")},
				[INPUT_STOP] = {TO(DOWN, "no second one")},
				[INPUT_START] = {MUTE("is starting already")},
				[INPUT_RESTART] = {MUTE("is starting already")},
				[INPUT_REVIVE] = {REFUSED("is not buried")},
				[INPUT_PAUSE] = {TO(RESTARTING, "is on its way")},
				[INPUT_RESUME] = {TO(RESTARTING, "is on its way")},
			},
		[POLICY_STOPPING] =
			{
				[INPUT_STARTED] = {TO(STOPPING, "whoever it is, the stop goes on")},
				[INPUT_MAIN_DIED] = {TO(STOPPING, "as it was told to")},
				[INPUT_MEMBER_DIED] = {MUTE("as it was told to")},
				[INPUT_ALL_GONE] = {TO(DOWN, "stopped"), ACTIONS(CANCEL)},
				[INPUT_TIMER] = {TO(STOPPING, "harder"),
						 ACTIONS(KILL(SIGKILL), TIMER(S(10)))},
				[INPUT_SPAWNED] = {TO(STOPPING, "too late to live"),
						   ACTIONS(KILL(SIGTERM))},
				[INPUT_READY] = {MUTE("did not wait for that")},
				[INPUT_EXTEND] = {TO(STOPPING, "SIGKILL comes later"),
						  ACTIONS(TIMER(S(100)))},
				[INPUT_SPAWN_FAILED] = {TO(DOWN, "there was nothing to stop"),
							ACTIONS(CANCEL)},
				[INPUT_SPAWN_REFUSED] = {TO(DOWN, "there was nothing to stop"),
							 ACTIONS(CANCEL)},
				[INPUT_OWNER_SAID] = {MUTE("nobody was asked")},
				[INPUT_OWNER_DONE] = {MUTE("nobody was told to")},
				[INPUT_OWNER_FAILED] = {MUTE("nobody was told to")},
				[INPUT_HUNG] = {MUTE("is stopping already")},
				[INPUT_RECOVERED] = {MUTE("too late")},
				[INPUT_STOP] = {MUTE("is stopping already")},
				[INPUT_START] = {TO(STOPPING, "and then start it")},
				[INPUT_RESTART] = {TO(STOPPING, "and then start it")},
				[INPUT_REVIVE] = {REFUSED("is not buried")},
				[INPUT_PAUSE] = {TO(STOPPING, "goes on")},
				[INPUT_RESUME] = {TO(STOPPING, "goes on")},
			},
		[POLICY_ENDED] =
			{
				[INPUT_STARTED] = {TO(UP, "somebody started it")},
				[INPUT_MAIN_DIED] = {MUTE("has no main")},
				[INPUT_MEMBER_DIED] = {MUTE("a straggler")},
				[INPUT_ALL_GONE] = {MUTE("is known")},
				[INPUT_TIMER] = {MUTE("none is set")},
				[INPUT_SPAWNED] = {MUTE("nothing was spawned")},
				[INPUT_READY] = {MUTE("did not wait for that")},
				[INPUT_EXTEND] = {MUTE("did not wait for that")},
				[INPUT_SPAWN_FAILED] = {MUTE("nothing was spawned")},
				[INPUT_SPAWN_REFUSED] = {MUTE("nothing was spawned")},
				[INPUT_OWNER_SAID] = {MUTE("nobody was asked")},
				[INPUT_OWNER_DONE] = {MUTE("nobody was told to")},
				[INPUT_OWNER_FAILED] = {MUTE("nobody was told to")},
				[INPUT_HUNG] = {MUTE("has no main")},
				[INPUT_RECOVERED] = {MUTE("has no main")},
				[INPUT_STOP] = {TO(DOWN, "stays away")},
				[INPUT_START] = {TO(STARTING, "once more"), ACTIONS(SPAWN)},
				[INPUT_RESTART] = {TO(STARTING, "once more"), ACTIONS(SPAWN)},
				[INPUT_REVIVE] = {REFUSED("is not buried")},
				[INPUT_PAUSE] = {TO(ENDED, "nothing to hold")},
				[INPUT_RESUME] = {TO(ENDED, "nothing was held")},
			},
		[POLICY_BURIED] =
			{
				[INPUT_STARTED] = {TO(UP, "somebody started it")},
				[INPUT_MAIN_DIED] = {MUTE("has no main")},
				[INPUT_MEMBER_DIED] = {MUTE("a straggler")},
				[INPUT_ALL_GONE] = {MUTE("is known")},
				[INPUT_TIMER] = {MUTE("none is set")},
				[INPUT_SPAWNED] = {MUTE("nothing was spawned")},
				[INPUT_READY] = {MUTE("did not wait for that")},
				[INPUT_EXTEND] = {MUTE("did not wait for that")},
				[INPUT_SPAWN_FAILED] = {MUTE("nothing was spawned")},
				[INPUT_SPAWN_REFUSED] = {MUTE("nothing was spawned")},
				[INPUT_OWNER_SAID] = {MUTE("nobody was asked")},
				[INPUT_OWNER_DONE] = {MUTE("nobody was told to")},
				[INPUT_OWNER_FAILED] = {MUTE("nobody was told to")},
				[INPUT_HUNG] = {MUTE("has no main")},
				[INPUT_RECOVERED] = {MUTE("has no main")},
				[INPUT_STOP] = {TO(DOWN, "stays away")},
				[INPUT_START] = {TO(STARTING, "once more"), ACTIONS(SPAWN)},
				[INPUT_RESTART] = {TO(STARTING, "once more"), ACTIONS(SPAWN)},
				[INPUT_REVIVE] = {TO(STARTING, "once more"), ACTIONS(SPAWN)},
				[INPUT_PAUSE] = {TO(BURIED, "nothing to hold")},
				[INPUT_RESUME] = {TO(BURIED, "nothing was held")},
			},
		[POLICY_DOWN] =
			{
				[INPUT_STARTED] = {TO(UP, "somebody started it")},
				[INPUT_MAIN_DIED] = {MUTE("has no main")},
				[INPUT_MEMBER_DIED] = {MUTE("a straggler")},
				[INPUT_ALL_GONE] = {MUTE("is known")},
				[INPUT_TIMER] = {MUTE("none is set")},
				[INPUT_SPAWNED] = {MUTE("nothing was spawned")},
				[INPUT_READY] = {MUTE("did not wait for that")},
				[INPUT_EXTEND] = {MUTE("did not wait for that")},
				[INPUT_SPAWN_FAILED] = {MUTE("nothing was spawned")},
				[INPUT_SPAWN_REFUSED] = {MUTE("nothing was spawned")},
				[INPUT_OWNER_SAID] = {MUTE("nobody was asked")},
				[INPUT_OWNER_DONE] = {MUTE("nobody was told to")},
				[INPUT_OWNER_FAILED] = {MUTE("nobody was told to")},
				[INPUT_HUNG] = {MUTE("has no main")},
				[INPUT_RECOVERED] = {MUTE("has no main")},
				[INPUT_STOP] = {MUTE("is down already")},
				[INPUT_START] = {TO(STARTING, "starts"), ACTIONS(SPAWN)},
				[INPUT_RESTART] = {TO(STARTING, "starts"), ACTIONS(SPAWN)},
				[INPUT_REVIVE] = {REFUSED("is not buried")},
				[INPUT_PAUSE] = {TO(DOWN, "nothing to hold")},
				[INPUT_RESUME] = {TO(DOWN, "nothing was held")},
			},
};

/* ---- how each state is reached: by inputs, as in life ---- */

static void prepare_UP(struct bench *bench)
{
	bench_up(bench);
}

/* In the second back-off, 200 ms: the first respawn was at once. */
static void prepare_WAITING(struct bench *bench)
{
	bench_up(bench);
	fail_and_return(bench);
	fail_once(bench);
}

static void prepare_STARTING(struct bench *bench)
{
	bench_init(bench);
	give(bench, INPUT_START);
}

static void prepare_READYING(struct bench *bench)
{
	prepare_STARTING(bench);
	bench->config.notify = true;
	give(bench, INPUT_SPAWNED);
}

static void prepare_ASKING(struct bench *bench)
{
	bench_owned(bench);
	die(bench, EXITED(1));
}

static void prepare_RESTARTING(struct bench *bench)
{
	prepare_ASKING(bench);
	answer(bench, OWNER_SAYS_NO);
}

static void prepare_EXPECTED(struct bench *bench)
{
	prepare_RESTARTING(bench);
	give(bench, INPUT_OWNER_DONE);
}

static void prepare_STOPPING(struct bench *bench)
{
	bench_up(bench);
	give(bench, INPUT_STOP);
}

static void prepare_ENDED(struct bench *bench)
{
	bench_up(bench);
	die(bench, EXITED(0));
	give(bench, INPUT_ALL_GONE);
}

static void prepare_BURIED(struct bench *bench)
{
	bench_up(bench);
	bench->config.min_uptime_ns = S(60);
	die(bench, EXITED(1));
	give(bench, INPUT_ALL_GONE);
}

static void prepare_DOWN(struct bench *bench)
{
	bench_init(bench);
}

#define PREPARE(name, word) [POLICY_##name] = prepare_##name,
static void (*const prepare[])(struct bench *) = {POLICY_STATES(PREPARE)};

/* ---- the test of one cell ---- */

/* Where it stands in the table. */
struct place {
	enum policy_state state;
	enum policy_input_kind input;
};

/* A failure with exit status 1 after 1 s; a spawn that failed for good; an owner that will not. */
static void give_cells_input(struct bench *bench, enum policy_input_kind kind)
{
	give_input(bench,
		   &(struct policy_input){
			   .kind = kind,
			   .death = {.wait_status = EXITED(1), .lived_ns = S(1)},
			   .error = EACCES,
			   .answer = OWNER_SAYS_NO,
			   .until_ns = kind == INPUT_EXTEND ? bench->now + S(100) : 0,
			   .hang = {.by = HANG_BY_PROBE, .words = "no answer for 3s"},
			   .words = kind == INPUT_SPAWN_REFUSED ? "others can change it" : NULL,
		   });
}

static void compare_actions(const struct bench *bench, const struct cell *cell)
{
	const struct policy_action *got = bench->out.actions;

	assert_int_equal(bench->out.count, cell->count);
	for (size_t i = 0; i < cell->count; i++) {
		const struct policy_action *want = &cell->actions[i];

		assert_int_equal(got[i].kind, want->kind);
		assert_int_equal(got[i].signal, want->signal);
		assert_int_equal(got[i].deadline_ns,
				 want->deadline_ns ? bench->now + want->deadline_ns : 0);
	}
}

static void test_cell(void **state)
{
	const struct place *place = *state;
	const struct cell *cell = &cells[place->state][place->input];
	struct policy before;
	struct bench bench;

	assert_non_null(cell->means);
	prepare[place->state](&bench);
	expect_state(&bench, place->state);
	if (place->input == INPUT_RESUME) /* of what is paused; else it does nothing */
		give(&bench, INPUT_PAUSE);
	if (place->input == INPUT_TIMER && bench.policy.deadline_ns)
		bench.now = bench.policy.deadline_ns;
	else
		pass(&bench, MS(1));
	memcpy(&before, &bench.policy, sizeof(before));
	give_cells_input(&bench, place->input);
	expect_state(&bench, cell->untouched ? place->state : cell->next);
	expect_verdict(&bench, cell->verdict);
	assert_int_equal(bench.out.refused, cell->refused);
	compare_actions(&bench, cell);
	if (cell->untouched)
		assert_memory_equal(&before, &bench.policy, sizeof(before));
	bench_free(&bench);
}

/* ---- one test for each cell ---- */

#define CELLS ((size_t)_POLICY_STATE_MAX * _POLICY_INPUT_MAX)

#define STATE_NAME(name, word) #name,
#define INPUT_NAME(name)       #name,
static const char *const state_names[] = {POLICY_STATES(STATE_NAME)};
static const char *const input_names[] = {POLICY_INPUTS(INPUT_NAME)};

static struct place places[CELLS];
static char names[CELLS][40];
static struct CMUnitTest tests[CELLS];

static void make_test(size_t i)
{
	places[i] = (struct place){(enum policy_state)(i / _POLICY_INPUT_MAX),
				   (enum policy_input_kind)(i % _POLICY_INPUT_MAX)};
	snprintf(names[i], sizeof(names[i]), "%s x %s", state_names[places[i].state],
		 input_names[places[i].input]);
	tests[i] = (struct CMUnitTest){
		.name = names[i], .test_func = test_cell, .initial_state = &places[i]};
}

int main(void)
{
	for (size_t i = 0; i < CELLS; i++)
		make_test(i);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
