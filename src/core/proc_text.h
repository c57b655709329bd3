/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of /proc say, from their text. The kernel writes them, but the names in them are whatever their users
 * have chosen: a process may be called "x) Z 1" or "\nUid:\t0". Nothing that is asked for and is not there is an error:
 * it is 0, or what the function says. Pure. */
#ifndef OBIT_CORE_PROC_TEXT_H
#define OBIT_CORE_PROC_TEXT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/owner.h"
#include "core/recipe.h"

#define PROC_TEXT_COMM_SIZE 16

struct proc_text_stat {
	char state;
	uint64_t session, terminal, flags, start_ticks, stack;
};

/* 0, or -EBADMSG where it does not go as far as the stack. */
int proc_text_stat(const char *stat, struct proc_text_stat *ret);
/* The state alone, of a text that may be cut; '\0' where there is none. */
char proc_text_state(const char *stat);
/* The name, field 2, with a '?' for each control character. False where there is none. */
bool proc_text_name(const char *stat, char buf[static PROC_TEXT_COMM_SIZE]);

/* The session by a status, 0 where that does not tell. */
uint32_t proc_text_session(const char *status);

/* The state by a status, that may be cut; '\0' where there is none. */
char proc_text_status_state(const char *status);

/* The process that a thread is of, by its status; `otherwise` where that does not tell. */
uint32_t proc_text_tgid(const char *status, uint32_t otherwise);
/* All that status tells of credentials, signals and the like, into facts that are all 0. */
void proc_text_status(const char *status, struct obit_exec_record *facts);
/* Who a process is, by its status, but for its pid and executable. Returns its parent's pid, or 0. */
uint32_t proc_text_ancestor(const char *status, struct owner_ancestor *ret);

/* The flags of fdinfo/N. */
uint32_t proc_text_open_flags(const char *fdinfo);
/* AT_SECURE of auxv. */
bool proc_text_is_secure(const char *auxv, size_t size);
/* Times that a thread has been on a processor, by its schedstat. */
uint64_t proc_text_runs(const char *schedstat);
/* Cuts the kernel's mark of a file that has no name any more. NULL is fine. */
bool proc_text_cut_deleted(char *path);

/* True if argv is no command line any more: what setproctitle leaves is one string of prose, or text that does not end
 * where argv ended. `exe` may be NULL. */
bool proc_text_is_overwritten(const struct strings *argv, const char *exe);
/* What follows the option -c or --configuration in argv, or NULL. */
const char *proc_text_option(const struct strings *argv);

/* Takes UID_MIN or UID_MAX, if a line of login.defs has a number for one. */
void proc_text_login_uid(const char *line, uint32_t *min, uint32_t *max);

/* Where a cgroup path may stand: in v2, or in one of two hierarchies of v1. */
#define PROC_TEXT_HIERARCHIES 3
/* Its controller of v1; NULL for v2. */
const char *proc_text_controller(size_t hierarchy);
/* True if the line of mountinfo mounts the hierarchy of that controller, from its root on. NULL stands for v2. */
bool proc_text_mount(const char *line, const char *controller, char ret_mount[static PATH_MAX]);
/* The path in that hierarchy, if a line of /proc/PID/cgroup without its newline tells it; else NULL. */
const char *proc_text_cgroup(const char *line, const char *controller);
/* The number of a controller's hierarchy, by its line of /proc/cgroups. False for another one's. */
bool proc_text_hierarchy(const char *line, const char *controller, uint32_t *ret);

#endif
