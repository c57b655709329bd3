/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The directory in which obitd keeps what is to outlive it. */
#ifndef OBIT_IO_STATE_DIR_H
#define OBIT_IO_STATE_DIR_H

#include <linux/capability.h>
#include <stdbool.h>
#include <stddef.h>

#include "io/confine.h"

#define STATE_DIR_ERROR_SIZE 256

/* What its writers keep (confine_self()): to give files to the readers, and to come by a directory on the way that is
 * not root's own. */
#define STATE_DIR_CAPS (CONFINE_CAP(CAP_CHOWN) | CONFINE_CAP(CAP_DAC_OVERRIDE))

/* Opens it, and makes it if it is missing; refuses one that others than root can change. May block. A descriptor that
 * the caller owns; or -errno with a sentence in `error`. */
int state_dir_open(const char *directory, char error[static STATE_DIR_ERROR_SIZE]);

/* Asks for the group that may read once and for all: a process that gives up much cannot ask for it later. */
void state_dir_learn_readers(void);

/* For the group that may read, if there is one; without it the file is root's alone. */
void state_dir_give_to_readers(int fd);

/* True where a reset of the machine takes it along: a file system in memory, and an overlay, which mostly has one on
 * top. Asks for the nearest directory above it that is there. May block. */
bool state_dir_is_volatile(const char *directory);

#endif
