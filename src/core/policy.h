/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What to do about a death: a pure function of an instance's state, one input and the time. Timeouts,
 * results of actions and operator commands are inputs like any other. It touches nothing: the daemon
 * carries the actions out and feeds their results back. */
#ifndef OBIT_CORE_POLICY_H
#define OBIT_CORE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "core/owner.h"

/* state, the user's word for it */
#define POLICY_STATES(X)                                                                           \
	X(UP, "up")                                                                                \
	X(WAITING, "waiting")	 /* for the back-off, or for the old processes to be gone */       \
	X(STARTING, "waiting")	 /* a child is made, its exec not confirmed */                     \
	X(READYING, "waiting")	 /* runs, and has not said that it is ready (notify = yes) */      \
	X(ASKING, "waiting")	 /* its owner is asked whether it restarts it */                   \
	X(EXPECTED, "waiting")	 /* its owner restarts it, by itself or since it was told to */    \
	X(RESTARTING, "waiting") /* its owner's restart command runs */                            \
	X(STOPPING, "stopping")	 /* signalled, not gone */                                         \
	X(ENDED, "ended")	 /* over, and not to be respawned */                               \
	X(BURIED, "buried")	 /* gave up: revive brings it back */                              \
	X(DOWN, "down")		 /* an operator stopped it */

#define POLICY_INPUTS(X)                                                                           \
	X(STARTED)	 /* a process that obit did not start is main now: .began_ns */            \
	X(MAIN_DIED)	 /* with .death */                                                         \
	X(MEMBER_DIED)	 /* with .death.pid, .wait_status */                                       \
	X(ALL_GONE)	 /* nothing of the instance is left, zombies at most */                    \
	X(TIMER)	 /* the deadline of the last ACTION_TIMER has passed */                    \
	X(SPAWNED)	 /* the exec of ACTION_SPAWN succeeded */                                  \
	X(READY)	 /* it says that it is ready */                                            \
	X(EXTEND)	 /* it wants more time for that: .until_ns */                              \
	X(SPAWN_FAILED)	 /* it did not: .error */                                                  \
	X(SPAWN_REFUSED) /* it must not be started: .words */                                      \
	X(OWNER_SAID)	 /* what ACTION_ASK_OWNER was answered: .answer */                         \
	X(OWNER_DONE)	 /* the command of ACTION_RESTART_BY_OWNER or STOP_BY_OWNER succeeded */   \
	X(OWNER_FAILED)	 /* it did not: .words */                                                  \
	X(HUNG)		 /* it lives, and does not do its work: .hang, .death.refusal */           \
	X(RECOVERED)	 /* it does again */                                                       \
	X(STOP)		 /* the operator's commands */                                             \
	X(START)                                                                                   \
	X(RESTART) /* of what lives: .words, why it must not be stopped */                         \
	X(REVIVE)                                                                                  \
	X(PAUSE) /* hold respawns: .until_ns */                                                    \
	X(RESUME)

#define POLICY_ENUM_STATE(name, word) POLICY_##name,
#define POLICY_ENUM_INPUT(name)	      INPUT_##name,
enum policy_state { POLICY_STATES(POLICY_ENUM_STATE) _POLICY_STATE_MAX };
enum policy_input_kind { POLICY_INPUTS(POLICY_ENUM_INPUT) _POLICY_INPUT_MAX };

/* The word of design and JSON for a state. */
const char *policy_state_name(enum policy_state state);

/* By what it was found out that something hangs. */
enum hang_by {
	HANG_NONE,
	HANG_BY_NOTIFY,	  /* it had promised to say that it is well, and did not */
	HANG_BY_PROGRESS, /* the kernel did not see it get on */
	HANG_BY_PROBE,	  /* it did not answer */
	_HANG_BY_MAX
};

/* "notify": an obituary's "hung.by". */
const char *hang_by_name(enum hang_by by);

#define HANG_WORDS_SIZE 128

struct policy_hang {
	enum hang_by by;
	uint64_t since_ns;	     /* when it was found out first */
	uint64_t for_ns;	     /* so long before it had given its last sign of life */
	bool stopped;		     /* for this: set by the policy */
	char words[HANG_WORDS_SIZE]; /* "no WATCHDOG=1 for 30s" */
};

struct policy_death {
	uint32_t pid;
	uint32_t wait_status;
	uint64_t lived_ns;  /* since the exec of the instance's program */
	unsigned members;   /* others that live on, and that kill_mode would have stopped */
	bool has_fork_heir; /* one of them runs the same executable */
	bool has_exec_heir; /* one of them exec'd the recipe's own executable and argv */
	uint32_t
		background_pid; /* of what it had sent into the background and outlived; 0: nothing */
	uint32_t background_status; /* its wait status */
	const char *ended_by; /* its owner, or init, which sent the signal to stop; NULL: neither */
	bool asked; /* somebody outside had asked it to stop: a clean end, whatever the status */
	bool hung; /* it was stopped since it hung; the policy sets this itself where it had that done */
	const char
		*refusal; /* why it must not be respawned whatever the policy says; NULL: it may */
};

struct policy_input {
	enum policy_input_kind kind;
	struct policy_death death; /* MAIN_DIED, MEMBER_DIED */
	struct policy_hang hang;   /* HUNG */
	int error;		   /* SPAWN_FAILED: errno, positive */
	enum owner_answer answer;  /* OWNER_SAID */
	const char *
		words; /* OWNER_SAID, OWNER_FAILED: why, where there is more to say; NULL: there is not. SPAWN_REFUSED,
			  RESTART: why.
			  SPAWNED: how it is not as it was, for who tells of it */
	uint64_t began_ns; /* STARTED: when its program was executed; 0: now */
	uint64_t
		until_ns; /* PAUSE: when it ends by itself; 0: not before RESUME. EXTEND: the new deadline */
};

enum policy_action_kind {
	ACTION_SPAWN, /* start it by its recipe; answer SPAWNED, SPAWN_FAILED or SPAWN_REFUSED */
	ACTION_KILL,  /* send .signal to what kill_mode says */
	ACTION_TAKE_HEIR, /* the fork heir becomes main */
	ACTION_TAKE_EXEC_HEIR,
	ACTION_ASK_OWNER, /* answer OWNER_SAID */
	ACTION_RESTART_BY_OWNER, /* or start, where .replacing does not say that it runs; OWNER_DONE or OWNER_FAILED */
	ACTION_STOP_BY_OWNER, /* the same answers */
	ACTION_TIMER,	      /* answer TIMER at .deadline_ns; 0 cancels; replaces the last one */
};

struct policy_action {
	enum policy_action_kind kind;
	int signal;
	uint64_t deadline_ns;
};

/* What was decided about a death, in the words of an obituary's "action". */
enum policy_verdict {
	VERDICT_NONE,
	VERDICT_RESPAWN,
	VERDICT_HAND_OVER,
	VERDICT_STOP_MEMBERS, /* then respawn */
	VERDICT_BURY,
	VERDICT_ASK_OWNER, /* whether it restarts it; what follows depends on the answer */
	VERDICT_RESTART_BY_OWNER,
	VERDICT_REPORT, /* it would have been respawned, but something forbids it */
	VERDICT_STOP,	/* of what hangs: its death is answered when it comes */
	_POLICY_VERDICT_MAX
};

const char *policy_verdict_name(enum policy_verdict verdict);

#define POLICY_MAX_ACTIONS 4
#define POLICY_NOTE_SIZE   320

struct policy_output {
	struct policy_action actions[POLICY_MAX_ACTIONS];
	size_t count;
	enum policy_verdict verdict;   /* of a death */
	char detail[POLICY_NOTE_SIZE]; /* the verdict, or the answer to a command, as a sentence */
	bool refused;		       /* a command that does not fit the state */
	bool undone; /* of a death: only observed, what .verdict says is not done */
};

/* Who else brings it back, see core/owner.h. */
struct policy_owner {
	char name[OWNER_NAME_SIZE]; /* "systemd"; "": nobody, and obit respawns it */
	bool unasked;		    /* its command is run without a question (owner = ask) */
	bool untold;		    /* it has no command */
	bool restarts;		    /* it has one to restart what runs */
	bool stops;		    /* and one to stop it */
	bool twice;		    /* only its second NO is one */
};

/* What follows when everything that STOPPING signalled is gone; after HANG what main's death was answered by. */
enum policy_after { AFTER_DOWN, AFTER_START, AFTER_RESPAWN, AFTER_BURY, AFTER_HANG, AFTER_END };

struct policy {
	const struct watch_config *config; /* not owned */
	enum policy_state state;
	enum policy_after after;
	uint32_t member_pid;	   /* STOPPING: of the member whose failure counted; 0: none */
	uint32_t member_status;	   /* its wait status */
	struct policy_hang hang;   /* of this life, or of the last one; .by is NONE: none */
	struct policy_owner owner; /* set by the caller before a death and a command */
	uint64_t asking_since_ns;
	unsigned questions;	  /* that its owner was asked since */
	bool denied;		  /* it has said NO once */
	bool told;		  /* EXPECTED since its owner was told to */
	bool replacing;		  /* main runs still, while its owner is told to restart it */
	bool owner_stops;	  /* STOPPING by its owner's command, which runs */
	bool too_young;		  /* its death came within min_uptime */
	bool headless;		  /* main is dead, or there was none yet */
	bool gone;		  /* nothing of the instance is left */
	bool automatic;		  /* the spawn under way is a respawn, not an operator's start */
	bool observing;		  /* set by the caller: decide and tell, but ask for no action */
	bool paused;		  /* what is to be respawned waits until the pause is over */
	uint64_t paused_until_ns; /* 0: until RESUME */
	uint64_t up_since_ns;	  /* start of the life that is or was last */
	uint64_t down_since_ns;	  /* 0 while up */
	uint64_t deadline_ns;	  /* of the timer, 0: none */
	uint64_t respawn_at_ns;	  /* not before this */
	unsigned attempt;	  /* respawns since it was last healthy */
	uint64_t restarts;	  /* automatic respawns in all */
	uint64_t random;	  /* state of the jitter */
	uint64_t *starts;	  /* owned: times of the last start_limit_burst starts */
	size_t start_count, start_next, start_capacity;
	char note[POLICY_NOTE_SIZE]; /* why it is as it is; empty when there is nothing to say */
};

/* A new instance: down, gone, nothing counted. `seed` feeds the jitter. 0 or -ENOMEM. */
int policy_init(struct policy *policy, const struct watch_config *config, uint64_t seed);
void policy_free(struct policy *policy);

/* Goes on under another configuration of the same watch (a reload): state and counters stay. On
 * -ENOMEM nothing has changed. */
int policy_set_config(struct policy *policy, const struct watch_config *config);

/* The newest starts that are counted, at most `room`, the oldest of them first. Returns how many. */
size_t policy_starts(const struct policy *policy, uint64_t *ret, size_t room);

/* Goes on where another daemon has stopped: `kept` is what that one's policy was, whose pointers mean nothing here. 0, or
 * -EBADMSG for what no policy can be. */
int policy_restore(struct policy *policy, const struct policy *kept, const uint64_t *starts,
		   size_t count);

/* Not respawned any more: what was to be done was due too long ago. */
void policy_abandon(struct policy *policy, const char *why, uint64_t now_ns);

/* The step. `out` is overwritten. Inputs that make no sense in a state change nothing. */
void policy_step(struct policy *policy, const struct policy_input *input, uint64_t now_ns,
		 struct policy_output *out);

/* True if it would be respawned, were it not paused. */
bool policy_is_held(const struct policy *policy);

/* How long a pause still holds respawns, as a sentence: "paused: respawn is held until resumed". */
void policy_describe_hold(const struct policy *policy, uint64_t now_ns,
			  char buf[static POLICY_NOTE_SIZE]);

/* True if a death with this status is to be answered by a respawn under `config`. */
bool policy_wants_respawn(const struct watch_config *config, uint32_t wait_status);

/* True if the death of a member with this status may be answered by a stop of main, which lives. */
bool policy_may_stop_main(const struct policy *policy, uint32_t wait_status);

/* True for a clean end: exit 0, a clean signal, or one of success_exit_status. */
bool policy_is_success(const struct watch_config *config, uint32_t wait_status);

/* The next respawn is at once again, as after a long life. */
void policy_forget_attempts(struct policy *policy);

#endif
