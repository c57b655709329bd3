/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A cgroup for this process alone, in each hierarchy that can freeze, throttle or kill it: v2, and v1's freezer, cpu and
 * memory. What it forks goes back to where it was, by home_return(). */
#ifndef OBIT_IO_OWN_CGROUP_H
#define OBIT_IO_OWN_CGROUP_H

#define OWN_CGROUP_ERROR_SIZE 512

struct own_cgroup;

/* `path` is below the root of each hierarchy. NULL: out of memory. */
struct own_cgroup *own_cgroup_new(const char *path);

/* Makes it where it is missing, and moves this process there. 0; or -errno of the first hierarchy where that could not be
 * done, with a sentence in `error`; then it is in those of the others. */
int own_cgroup_enter(struct own_cgroup *own, char error[static OWN_CGROUP_ERROR_SIZE]);

/* Moves it back, and removes the cgroup. Returns like own_cgroup_enter(). It can be entered again. */
int own_cgroup_leave(struct own_cgroup *own, char error[static OWN_CGROUP_ERROR_SIZE]);

/* Stays where it is. NULL is fine. */
void own_cgroup_free(struct own_cgroup *own);

#endif
