/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The deaths that are on disk, read without the daemon, each with the last that is known to have become of it. What
 * the files hold is not trusted: a line that is no obituary is passed over. */
#ifndef OBIT_CLI_HISTORY_H
#define OBIT_CLI_HISTORY_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

/* Calls `fn` with each death on disk, once, the oldest first; it is borrowed. Returns 0, also where there is nothing to
 * read, or -errno of the directory or file that cannot be read. */
typedef void history_death_fn(struct json_object *death, void *arg);
int history_each(const char *directory, history_death_fn *fn, void *arg);

/* The deaths on disk that `wanted` accepts (NULL: all), oldest first, at most the newest `most` (0: all); a new
 * array, empty where there is nothing to read. 0, or -errno of the directory or file that cannot be read. */
int history_read(const char *directory, bool (*wanted)(struct json_object *death, void *arg),
		 void *arg, size_t most, struct json_object **ret);

/* Shortens an array of deaths to the newest `most` (0: leaves all), which stand at its end. */
void history_trim(struct json_object *deaths, size_t most);

/* Deaths, each known by its pid and time. */
struct death_set {
	struct json_object *keys; /* NULL: empty */
};

/* Puts one in. False: it was in. */
bool death_set_add(struct death_set *set, struct json_object *death);
bool death_set_has(const struct death_set *set, struct json_object *death);
void death_set_release(struct death_set *set);
#define _cleanup_death_set_ _cleanup_(death_set_release)

#endif
