/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Recorded deaths of one instance, answered once more by the policy of another configuration. A life that obitd had
 * begun begins when this policy would have begun it, and lasts as long as it did; one that somebody else had
 * begun begins when it did. Pure. */
#ifndef OBIT_CORE_REPLAY_H
#define OBIT_CORE_REPLAY_H

#include "core/policy.h"

struct replay_death {
	uint64_t died_ns, lived_ns;
	uint32_t wait_status;
	enum policy_verdict verdict; /* what was decided then */
	bool done;		     /* and was not only observed */
	bool by_owner;		     /* who stopped it */
	bool by_operator;	     /* obit stop, obit restart */
	bool asked;
	bool hung;	     /* and was stopped for that */
	const char *refusal; /* what forbade the respawn, or NULL */
};

struct replay {
	struct policy policy;
	bool begun;
	uint64_t now_ns;     /* of the policy */
	uint64_t died_ns;    /* the last death, as recorded */
	bool brought_back;   /* it was answered by a respawn */
	bool buried;	     /* it was answered by a burial */
	uint64_t fresh_wait; /* from the last death to the respawn, by the policy */
};

enum replay_fate {
	REPLAY_SAME,
	REPLAY_OTHERWISE,
	REPLAY_NEVER, /* it would not have lived to die */
};

struct replay_result {
	enum replay_fate fate;
	enum policy_verdict verdict;
	bool waited;			/* this life was a respawn in both */
	uint64_t real_wait_ns, wait_ns; /* then: how long it was waited for */
	char detail[POLICY_NOTE_SIZE];
};

/* `config` is borrowed, without jitter if results are to be the same each time. 0 or -ENOMEM. */
int replay_init(struct replay *replay, const struct watch_config *config);
void replay_free(struct replay *replay);

/* The next death of the instance, in the order of time. */
void replay_step(struct replay *replay, const struct replay_death *death,
		 struct replay_result *ret);

#endif
