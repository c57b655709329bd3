/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Moments and spans, in few words. Pure. */
#ifndef OBIT_CLI_WHEN_H
#define OBIT_CLI_WHEN_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

/* Reads RFC 3339 ("2026-11-21T09:38:12.123456+01:00") into nanoseconds since 1970. False for
 * anything else; then *ret is untouched. */
bool when_parse(const char *text, uint64_t *ret_ns);

/* Reads a moment of the past as people give it: a span before now ("10min", "2h", "1d 12h"), "today",
 * "yesterday", "2026-11-21", "2026-11-21T10:00", with seconds or not, in local time; "10:00", the last time that
 * it was so late; or what when_parse() reads. False for anything else; then *ret is untouched. */
bool when_since(const char *text, uint64_t now_ns, uint64_t *ret_ns);

/* How long ago, in one unit: "5s ago", "3min ago", "12d ago"; "just now" below a second and for
 * the future (clocks differ). Freed by the caller. */
char *when_ago(uint64_t then_ns, uint64_t now_ns);

/* A member in nanoseconds as people say it ("4min 3s"); NULL where there is none. Freed by the
 * caller. */
char *member_duration(struct json_object *object, const char *key);

/* A member in RFC 3339 as "2026-11-21 09:38:12 (3min ago)"; what is no time as it is, NULL where there is none. Freed by
 * the caller. */
char *member_moment(struct json_object *object, const char *key, uint64_t now_ns);

#endif
