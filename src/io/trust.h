/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whether nobody but root can change a file. */
#ifndef OBIT_IO_TRUST_H
#define OBIT_IO_TRUST_H

#include "core/recipe.h"

/* For what runs as root: 0 if the file and every directory above it can be changed by root alone (a sticky directory that
 * holds root's own file is fine), and so what each symbolic link on the way leads to; else -EPERM with a sentence; -errno if
 * it cannot be looked at, which is no consent either. Where it is 0, nobody else can put another file there before it is
 * executed. Where a file has an ACL, the group's bits of its mode are what that allows at most. */
int trust_check(const char *path, char sentence[static RECIPE_SENTENCE_SIZE]);

#endif
