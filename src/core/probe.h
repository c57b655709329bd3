/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One probe of one instance: when it is checked next, and when it has failed too often. Pure: the caller makes the
 * checks and says what they came to. */
#ifndef OBIT_CORE_PROBE_H
#define OBIT_CORE_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "core/probe_target.h"

#define PROBE_STATES(X)                                                                            \
	X(RESTING)  /* the instance is not up, or paused */                                        \
	X(WAITING)  /* for the next check */                                                       \
	X(CHECKING) /* one is under way */

#define PROBE_INPUTS(X)                                                                            \
	X(BEGIN)  /* the instance is up */                                                         \
	X(END)	  /* it is no more, or paused */                                                   \
	X(TIMER)  /* probe_due_ns() may have come */                                               \
	X(PASSED) /* what came of the check */                                                     \
	X(FAILED) /* .words say why */                                                             \
	X(UNABLE) /* it could not be made, by no fault of the instance: .words say why */          \
	X(LATER)  /* it was not made, since the last one has not ended */

#define PROBE_ENUM_STATE(name) PROBE_##name,
#define PROBE_ENUM_INPUT(name) PROBE_INPUT_##name,
enum probe_state { PROBE_STATES(PROBE_ENUM_STATE) _PROBE_STATE_MAX };
enum probe_input_kind { PROBE_INPUTS(PROBE_ENUM_INPUT) _PROBE_INPUT_MAX };

struct probe_input {
	enum probe_input_kind kind;
	const char *words;
};

/* What the caller is to do now. */
enum probe_action {
	PROBE_NOTHING,
	PROBE_CHECK,   /* make a check; answer PASSED, FAILED, UNABLE or LATER */
	PROBE_CANCEL,  /* forget the one under way */
	PROBE_HUNG,    /* it has failed `threshold` times in a row, or more */
	PROBE_RECOVERS /* it had, and has passed again */
};

struct probe {
	const struct probe_config *config; /* not owned */
	enum probe_state state;
	uint64_t due_ns;	      /* WAITING: when the next check begins */
	uint64_t began_ns;	      /* CHECKING: when it did */
	uint64_t told_ns;	      /* of the last result of this life; 0: none yet */
	unsigned failures;	      /* in a row */
	bool unable;		      /* the last check could not be made */
	char words[PROBE_WORDS_SIZE]; /* why the last check failed, or could not be made */
};

void probe_init(struct probe *probe, const struct probe_config *config);

/* The step. Inputs that make no sense in a state change nothing. */
enum probe_action probe_step(struct probe *probe, const struct probe_input *input, uint64_t now_ns);

/* When TIMER is due; 0: not at all. */
uint64_t probe_due_ns(const struct probe *probe);

/* It has failed `threshold` times in a row, and not passed since. */
bool probe_is_hung(const struct probe *probe);

/* The same settings; what was counted under one counts under the other. */
bool probe_config_same(const struct probe_config *a, const struct probe_config *b);

#define PROBE_SENTENCE_SIZE 512
/* "http://127.0.0.1:8080/health: no answer within 2s (3 times in a row)": why the last check failed, or could
 * not be made. Returns buf. */
const char *probe_sentence(const struct probe *probe, char *buf, size_t size);
/* "probe failing 2 of 3", of one that has failed. */
const char *probe_brief(const struct probe *probe, char buf[static PROBE_SENTENCE_SIZE]);

#endif
