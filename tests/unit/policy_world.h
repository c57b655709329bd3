/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A world for a policy: bytes choose a configuration, then inputs and steps of time, and after each step
 * everything is compared that must hold whatever happened. Shared by the fuzzer (bytes of libFuzzer) and a
 * property test (bytes of a generator). The includer defines REQUIRE(condition).
 *
 * Lawful worlds give only inputs that can happen: a process that died was started before. In the others
 * any input comes in any state, and the bookkeeping follows what the policy was told. */
#ifndef OBIT_TESTS_POLICY_WORLD_H
#define OBIT_TESTS_POLICY_WORLD_H

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "core/policy.h"

#define WORLD_STARTS 256

enum world_main { MAIN_NONE, MAIN_CHILD, MAIN_RUNS, MAIN_DEAD };

struct world {
	/* where choices come from: `data`, or a generator where it is NULL */
	const uint8_t *data;
	size_t left;
	uint64_t random;

	struct watch_config config;
	struct policy policy;
	struct policy_output out;
	uint64_t now;
	bool lawful, readying;

	/* what the world knows by itself */
	enum world_main main;
	unsigned members;
	bool told_gone;		       /* ALL_GONE was given since the last process was there */
	bool free;		       /* of all that the policy was told nothing is left */
	uint64_t timer;		       /* as the actions set it */
	uint64_t starts[WORLD_STARTS]; /* since an operator's start or a reload */
	size_t start_count;
	uint64_t spawns, buried, handed_over, told, hung; /* to prove that much was seen */
};

static inline uint8_t world_byte(struct world *world)
{
	if (world->data) {
		if (!world->left)
			return 0;
		world->left--;
		return *world->data++;
	}
	world->random = world->random * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint8_t)(world->random >> 56);
}

static inline unsigned world_draw(struct world *world, unsigned below)
{
	return world_byte(world) % below;
}

/* ---- the configuration ---- */

static inline void world_draw_set(struct world *world, struct status_set *set)
{
	uint8_t bits = world_byte(world);

	*set = (struct status_set){0};
	if (bits & 1)
		set->codes[0] |= UINT64_C(1) << (bits >> 4 & 3);
	if (bits & 2)
		set->signals |= UINT64_C(1) << (bits & 4 ? SIGKILL : SIGTERM);
}

static inline void world_draw_config(struct world *world)
{
	static const uint64_t spans[] = {
		0,
		1,
		NS_PER_MS,
		200 * NS_PER_MS,
		NS_PER_SEC,
		10 * NS_PER_SEC,
		2 * NS_PER_MIN,
		1440 * NS_PER_MIN,
	};
	static const double factors[] = {1, 1.5, 2, 1000};
	struct watch_config *config = &world->config;

	watch_config_init(config);
	config->restart = (enum restart_when)world_draw(world, _RESTART_WHEN_MAX);
	world_draw_set(world, &config->success_exit_status);
	world_draw_set(world, &config->restart_prevent_exit_status);
	world_draw_set(world, &config->restart_force_exit_status);
	config->backoff_initial_ns = spans[world_draw(world, ARRAY_SIZE(spans))];
	config->backoff_factor = factors[world_draw(world, ARRAY_SIZE(factors))];
	config->backoff_max_ns = spans[world_draw(world, ARRAY_SIZE(spans))];
	config->backoff_jitter = world_draw(world, 5) / 4.0;
	config->backoff_reset_ns = spans[world_draw(world, ARRAY_SIZE(spans))];
	config->start_limit_burst = world_draw(world, 8);
	config->start_limit_interval_ns = spans[world_draw(world, ARRAY_SIZE(spans))];
	if (world_draw(world, 4) == 0)
		config->min_uptime_ns = spans[world_draw(world, ARRAY_SIZE(spans))];
	if (world_draw(world, 4) == 0)
		config->max_restarts = world_draw(world, 16);
	config->kill_signal = world_draw(world, 2) ? SIGTERM : SIGQUIT;
	config->kill_timeout_ns = spans[world_draw(world, ARRAY_SIZE(spans))];
	config->start_timeout_ns = spans[world_draw(world, ARRAY_SIZE(spans))];
	config->members_restart = world_draw(world, 2);
	config->notify = world_draw(world, 4) == 0;
}

static inline void world_reload(struct world *world)
{
	world_draw_config(world);
	REQUIRE(policy_set_config(&world->policy, &world->config) == 0);
	world->start_count = 0;
}

/* ---- inputs ---- */

static inline bool world_allows(const struct world *world, enum policy_input_kind kind)
{
	bool spawning = world->main == MAIN_CHILD, running = world->main == MAIN_RUNS;
	bool empty = world->main == MAIN_NONE || world->main == MAIN_DEAD;

	switch (kind) {
	case INPUT_STARTED: /* nobody continues an instance that stops or starts */
		return empty && world->policy.state != POLICY_STOPPING;
	case INPUT_MAIN_DIED:
	case INPUT_HUNG:
	case INPUT_RECOVERED:
	case INPUT_READY:
	case INPUT_EXTEND:
		return running;
	case INPUT_MEMBER_DIED:
		return world->members > 0;
	case INPUT_ALL_GONE:
		return empty && !world->members && !world->told_gone;
	case INPUT_SPAWNED:
	case INPUT_SPAWN_FAILED:
	case INPUT_SPAWN_REFUSED:
		return spawning;
	case INPUT_OWNER_SAID:
		return world->policy.state == POLICY_ASKING && !world->timer;
	case INPUT_OWNER_DONE:
	case INPUT_OWNER_FAILED:
		return world->policy.state == POLICY_RESTARTING || world->policy.owner_stops;
	case INPUT_TIMER:
		return world->timer;
	case INPUT_STOP:
	case INPUT_START:
	case INPUT_RESTART:
	case INPUT_REVIVE:
	case INPUT_PAUSE:
	case INPUT_RESUME:
		return true;
	case _POLICY_INPUT_MAX:
		break;
	}
	return false;
}

/* What people do: the commands, and a start from outside; and what is rare as well. */
static inline enum policy_input_kind world_draw_deed(struct world *world)
{
	static const enum policy_input_kind deeds[] = {INPUT_STARTED, INPUT_STOP,   INPUT_START,
						       INPUT_RESTART, INPUT_REVIVE, INPUT_PAUSE,
						       INPUT_RESUME,  INPUT_HUNG,   INPUT_RECOVERED,
						       INPUT_READY,   INPUT_EXTEND};
	enum policy_input_kind kind = deeds[world_draw(world, ARRAY_SIZE(deeds))];

	return world->lawful && !world_allows(world, kind) ? INPUT_STOP : kind;
}

/* Mostly what happens by itself, while there is something that can. */
static inline enum policy_input_kind world_draw_kind(struct world *world)
{
	static const enum policy_input_kind events[] = {
		INPUT_MAIN_DIED,  INPUT_MEMBER_DIED, INPUT_ALL_GONE,
		INPUT_TIMER,	  INPUT_SPAWNED,     INPUT_SPAWN_FAILED,
		INPUT_OWNER_SAID, INPUT_OWNER_DONE,  INPUT_OWNER_FAILED};
	unsigned first = world_byte(world);

	if (first % 8 == 0)
		return world_draw_deed(world);
	for (unsigned i = 0; i < ARRAY_SIZE(events); i++) {
		enum policy_input_kind kind = events[(first / 8 + i) % ARRAY_SIZE(events)];

		if (!world->lawful || world_allows(world, kind))
			return kind;
	}
	return world_draw_deed(world);
}

static inline uint32_t world_draw_status(struct world *world)
{
	static const uint32_t statuses[] = {
		0, 0, 1 << 8, 2 << 8, SIGTERM, SIGKILL, SIGSEGV | 0x80, 0xff << 8,
	};

	return statuses[world_draw(world, ARRAY_SIZE(statuses))];
}

static inline void world_draw_death(struct world *world, struct policy_death *ret)
{
	uint8_t bits = world_byte(world);
	uint64_t up = world->now - world->policy.up_since_ns;

	*ret = (struct policy_death){
		.wait_status = world_draw_status(world),
		.lived_ns = bits & 1 ? up : up / 1000,
		.members = world->lawful ? world->members : bits >> 1 & 3,
		.refusal = (bits & 0xf8) == 0xf8 ? "it is refused" : NULL,
	};
	ret->has_fork_heir = ret->members && (bits & 8);
	ret->has_exec_heir = ret->members && (bits & 16);
}

static inline void world_draw_owner(struct world *world)
{
	struct policy_owner *owner = &world->policy.owner;
	uint8_t bits = world_byte(world);

	*owner = (struct policy_owner){.unasked = bits & 8,
				       .twice = bits & 16,
				       .untold = (bits & 0xe0) == 0xe0,
				       .restarts = bits & 32,
				       .stops = bits & 64};
	if ((bits & 3) == 3)
		strcpy(owner->name, "systemd");
}

static inline int world_draw_error(struct world *world)
{
	static const int errors[] = {ENOENT, ETXTBSY, EACCES, EAGAIN};

	return errors[world_draw(world, ARRAY_SIZE(errors))];
}

/* ---- bookkeeping: what an input and its answer mean for the world ---- */

/* A respawn is held, and this input or the time ends the pause. */
static inline bool world_lets_go(const struct world *world, enum policy_input_kind kind)
{
	const struct policy *policy = &world->policy;
	uint64_t until = policy->paused_until_ns;
	bool planned = policy->state == POLICY_WAITING ||
		       (policy->state == POLICY_STOPPING && policy->after == AFTER_RESPAWN);

	return planned && policy->paused &&
	       (kind == INPUT_RESUME || (until && world->now >= until));
}

/* An operator's start forgets the past. */
static inline bool world_forgets(const struct world *world, enum policy_input_kind kind)
{
	enum policy_state state = world->policy.state;

	return world_lets_go(world, kind) || kind == INPUT_RESTART ||
	       (kind == INPUT_REVIVE && state == POLICY_BURIED) ||
	       (kind == INPUT_START && state != POLICY_UP && state != POLICY_STARTING &&
		state != POLICY_READYING);
}

static inline void world_write_start(struct world *world)
{
	if (world->start_count == WORLD_STARTS) {
		memmove(world->starts, world->starts + 1,
			(WORLD_STARTS - 1) * sizeof(world->starts[0]));
		world->start_count--;
	}
	world->starts[world->start_count++] = world->now;
}

static inline void world_before_input(struct world *world, const struct policy_input *input)
{
	bool missing = input->error != EACCES; /* or short of something: passing troubles */

	if (world_forgets(world, input->kind))
		world->start_count = 0;
	switch (input->kind) {
	case INPUT_STARTED:
		world->main = MAIN_RUNS;
		world->told_gone = world->free = false;
		break;
	case INPUT_MAIN_DIED:
		world->main = MAIN_DEAD;
		break;
	case INPUT_MEMBER_DIED:
		world->members -= world->members > 0;
		break;
	case INPUT_ALL_GONE:
		world->main = MAIN_NONE;
		world->told_gone = world->free = true;
		break;
	case INPUT_SPAWNED:
		world->main = MAIN_RUNS;
		if (world->policy.state == POLICY_STARTING ||
		    world->policy.state == POLICY_STOPPING)
			world->told_gone = world->free = false;
		break;
	case INPUT_SPAWN_FAILED:
	case INPUT_SPAWN_REFUSED:
		world->main = MAIN_DEAD;
		if (world->policy.state == POLICY_STOPPING) {
			world->main = MAIN_NONE;
			world->told_gone = world->free = true;
		}
		if (world->policy.state != POLICY_STARTING)
			break;
		world->free = true;
		if (missing && world->start_count)
			world->start_count--; /* does not count as a start */
		break;
	case INPUT_OWNER_SAID:
	case INPUT_OWNER_DONE:
	case INPUT_OWNER_FAILED:
	case INPUT_HUNG:
	case INPUT_RECOVERED:
	case INPUT_READY:
	case INPUT_EXTEND:
	case INPUT_START:
	case INPUT_RESTART:
	case INPUT_REVIVE:
	case INPUT_TIMER:
	case INPUT_STOP:
	case INPUT_PAUSE:
	case INPUT_RESUME:
	case _POLICY_INPUT_MAX:
		break;
	}
}

static inline bool world_is_command(enum policy_input_kind kind)
{
	return kind == INPUT_STOP || kind == INPUT_START || kind == INPUT_RESTART ||
	       kind == INPUT_REVIVE || kind == INPUT_PAUSE || kind == INPUT_RESUME;
}

/* An automatic one; the operator's have forgotten the past, and are the first. */
static inline void world_check_start_limit(const struct world *world)
{
	const struct watch_config *config = &world->config;
	size_t within = 0;

	for (size_t i = 0; i < world->start_count; i++)
		within += world->now - world->starts[i] < config->start_limit_interval_ns;
	if (config->start_limit_burst && world->policy.automatic)
		REQUIRE(within <= config->start_limit_burst);
}

/* What is there must be gone before the successor is started: never two lives at once. */
static inline void world_on_spawn(struct world *world)
{
	REQUIRE(world->free);
	REQUIRE(world->policy.state == POLICY_STARTING);
	REQUIRE(!world->policy.paused || !world->policy.automatic);
	if (world->lawful)
		REQUIRE(!world->members && (world->main == MAIN_NONE || world->main == MAIN_DEAD));
	world->free = world->told_gone = false;
	world->main = MAIN_CHILD;
	world->spawns++;
	world_write_start(world);
	world_check_start_limit(world);
}

/* Not before its owner has denied, or while it is asked; and never what it restarts by itself. */
static inline void world_on_restart_by_owner(struct world *world)
{
	REQUIRE(world->policy.state == POLICY_RESTARTING && *world->policy.owner.name);
	REQUIRE(!world->policy.paused || !world->policy.automatic);
	world->told++;
	world_write_start(world);
	world_check_start_limit(world);
}

/* The signal of a stop that the input began, or made harder. */
static inline void world_on_kill(struct world *world, const struct policy_input *input, int signal)
{
	int expected = world->config.kill_signal;

	if (input->kind == INPUT_HUNG || (input->kind == INPUT_TIMER && world->readying))
		expected = SIGABRT;
	else if (input->kind == INPUT_TIMER)
		expected = SIGKILL;
	REQUIRE(world->policy.state == POLICY_STOPPING);
	REQUIRE(signal == expected);
	world->hung += input->kind == INPUT_HUNG;
}

static inline void world_on_heir(struct world *world, const struct policy_input *input,
				 bool by_exec)
{
	const struct policy_death *death = &input->death;

	REQUIRE(input->kind == INPUT_MAIN_DIED && death->members);
	REQUIRE(by_exec ? death->has_exec_heir : death->has_fork_heir && death->wait_status == 0);
	REQUIRE(world->out.verdict == VERDICT_HAND_OVER);
	world->main = MAIN_RUNS;
	world->members -= world->members > 0;
	world->handed_over++;
}

static inline void world_on_action(struct world *world, const struct policy_input *input,
				   const struct policy_action *action)
{
	switch (action->kind) {
	case ACTION_SPAWN:
		world_on_spawn(world);
		break;
	case ACTION_KILL:
		world_on_kill(world, input, action->signal);
		break;
	case ACTION_TAKE_HEIR:
	case ACTION_TAKE_EXEC_HEIR:
		world_on_heir(world, input, action->kind == ACTION_TAKE_EXEC_HEIR);
		break;
	case ACTION_ASK_OWNER:
		REQUIRE(world->policy.state == POLICY_ASKING && *world->policy.owner.name);
		break;
	case ACTION_RESTART_BY_OWNER:
		world_on_restart_by_owner(world);
		break;
	case ACTION_STOP_BY_OWNER:
		REQUIRE(input->kind == INPUT_STOP || input->kind == INPUT_RESTART);
		REQUIRE(world->policy.state == POLICY_STOPPING && world->policy.owner_stops);
		break;
	case ACTION_TIMER:
		world->timer = action->deadline_ns;
		break;
	default:
		REQUIRE(false);
	}
}

/* ---- what holds after each step ---- */

/* No state in which nothing would ever happen again: what waits, waits for a timer or for a process. */
static inline void world_check_progress(const struct world *world)
{
	switch (world->policy.state) {
	case POLICY_WAITING:
		REQUIRE(world->timer || (!world->free && !*world->policy.owner.name) ||
			(world->policy.paused && !world->policy.paused_until_ns));
		break;
	case POLICY_ASKING: /* for its owner's answer, or to ask again */
	case POLICY_EXPECTED:
	case POLICY_RESTARTING:
		REQUIRE(*world->policy.owner.name);
		break;
	case POLICY_STOPPING: /* its owner's command has an end */
		REQUIRE(world->timer || world->policy.owner_stops);
		break;
	case POLICY_READYING:
		REQUIRE(world->timer);
		break;
	case POLICY_UP:
	case POLICY_STARTING:
	case POLICY_ENDED:
	case POLICY_BURIED:
	case POLICY_DOWN:
		REQUIRE(!world->timer);
		break;
	case _POLICY_STATE_MAX:
		REQUIRE(false);
	}
}

static inline void world_check(const struct world *world, const struct policy_input *input)
{
	const struct policy *policy = &world->policy;
	const struct policy_output *out = &world->out;

	REQUIRE(out->count <= POLICY_MAX_ACTIONS);
	REQUIRE(out->verdict < _POLICY_VERDICT_MAX);
	REQUIRE(memchr(out->detail, '\0', sizeof(out->detail)));
	REQUIRE(memchr(policy->note, '\0', sizeof(policy->note)));
	REQUIRE(!out->refused || world_is_command(input->kind));
	REQUIRE(!world_is_command(input->kind) || out->detail[0]);
	REQUIRE(world->timer == policy->deadline_ns);
	if (world->lawful && policy->state == POLICY_UP)
		REQUIRE(world->main == MAIN_RUNS);
	if (policy->state == POLICY_UP)
		REQUIRE(!policy->down_since_ns);
	else
		REQUIRE(policy->down_since_ns || policy->state == POLICY_DOWN);
	if (policy->state == POLICY_STOPPING && policy->after >= AFTER_HANG)
		REQUIRE(policy->hang.by != HANG_NONE);
	REQUIRE(policy->start_count <= policy->start_capacity);
	REQUIRE(policy->starts || !policy->start_capacity);
	world_check_progress(world);
}

/* ---- a step ---- */

static inline void world_pass_time(struct world *world)
{
	static const uint64_t spans[] = {
		0, 1, 1000, NS_PER_MS, 50 * NS_PER_MS, NS_PER_SEC, 20 * NS_PER_SEC, 60 * NS_PER_MIN,
	};

	world->now += spans[world_draw(world, ARRAY_SIZE(spans))];
}

static inline uint64_t world_draw_until(struct world *world)
{
	return world_draw(world, 3) ? world->now + world_draw(world, 100) * NS_PER_SEC : 0;
}

static inline void world_draw_hang(struct world *world, struct policy_input *ret)
{
	ret->hang.by = HANG_BY_NOTIFY + world_draw(world, _HANG_BY_MAX - HANG_BY_NOTIFY);
	ret->death.refusal = world_draw(world, 8) ? NULL : "it is refused";
	strcpy(ret->hang.words, "no sign of life");
}

/* Mostly when it is due, as a loop gives it; else early, which must change nothing. */
static inline void world_await_timer(struct world *world)
{
	if (world->timer > world->now && world_draw(world, 4))
		world->now = world->timer;
	if (world->timer && world->timer <= world->now)
		world->timer = 0; /* it fires, and is no more */
}

/* Rarely it must not be started at all. */
static inline void world_draw_failure(struct world *world, struct policy_input *ret)
{
	ret->error = world_draw_error(world);
	if (world_draw(world, 8) < 7)
		return;
	*ret = (struct policy_input){.kind = INPUT_SPAWN_REFUSED, .words = "it is refused"};
}

static inline void world_step(struct world *world)
{
	struct policy_input input = {.kind = world_draw_kind(world)};
	uint64_t restarts = world->policy.restarts;
	bool may_stop = false;
	bool told = world->policy.state == POLICY_RESTARTING ||
		    (world->policy.state == POLICY_EXPECTED && world->policy.told);

	world_pass_time(world);
	if (input.kind == INPUT_MAIN_DIED || input.kind == INPUT_MEMBER_DIED)
		world_draw_death(world, &input.death);
	if (input.kind == INPUT_MAIN_DIED && world->policy.state == POLICY_UP)
		world_draw_owner(world);
	if (input.kind == INPUT_HUNG)
		world_draw_hang(world, &input);
	else if (input.kind == INPUT_OWNER_SAID)
		input.answer = world_draw(world, _OWNER_ANSWER_MAX);
	else if (input.kind == INPUT_SPAWN_FAILED)
		world_draw_failure(world, &input);
	else if (input.kind == INPUT_PAUSE || input.kind == INPUT_EXTEND)
		input.until_ns = world_draw_until(world);
	else if (input.kind == INPUT_TIMER)
		world_await_timer(world);
	if (world->main == MAIN_RUNS && world->members < 4 && world_draw(world, 2))
		world->members++;
	world_before_input(world, &input);
	world->readying = world->policy.state == POLICY_READYING;
	if (input.kind == INPUT_MEMBER_DIED && world->policy.state == POLICY_UP)
		may_stop = policy_may_stop_main(&world->policy, input.death.wait_status);
	policy_step(&world->policy, &input, world->now, &world->out);
	if (input.kind == INPUT_MEMBER_DIED && world->out.count)
		REQUIRE(may_stop);
	if (input.kind == INPUT_STARTED && world->policy.state == POLICY_UP && !told)
		world_write_start(world);
	for (size_t i = 0; i < world->out.count; i++)
		world_on_action(world, &input, &world->out.actions[i]);
	REQUIRE(world->policy.restarts - restarts <=
		(input.kind == INPUT_SPAWNED || (input.kind == INPUT_STARTED && told)));
	world->buried += world->out.verdict == VERDICT_BURY;
	world_check(world, &input);
}

/* Begins with drawn settings. `data` NULL: choices come from the generator, forever. */
static inline void world_init(struct world *world, const uint8_t *data, size_t size, uint64_t seed)
{
	*world = (struct world){.data = data,
				.left = size,
				.random = seed,
				.now = 1000 * NS_PER_SEC,
				.told_gone = true,
				.free = true};
	world->lawful = world_draw(world, 4) != 0;
	world_draw_config(world);
	REQUIRE(policy_init(&world->policy, &world->config, seed) == 0);
}

static inline void world_free(struct world *world)
{
	policy_free(&world->policy);
}

#endif
