/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A short-lived client has nothing to do without memory: these end the program with one line and
 * OBIT_EXIT_FAILED instead of returning NULL. */
#ifndef OBIT_CLI_ALLOC_H
#define OBIT_CLI_ALLOC_H

#include <stddef.h>
#include <stdio.h>

/* realloc(3) to `count` elements of `size` bytes; overflow counts as out of memory. */
void *must_realloc(void *old, size_t count, size_t size);

/* A new string, to be freed by the caller. */
char *must_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A string that is written piece by piece, as a file is. */
struct draft {
	FILE *out; /* to write to */
	char *text;
	size_t size;
};

/* Begins an empty string. */
void draft_open(struct draft *draft);

/* What was written, freed by the caller; the draft is over. */
char *draft_close(struct draft *draft);

#endif
