/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Globs over paths: `*` and `?` do not cross a '/', `**` does, `[a-z]` and `[!a-z]` match one
 * character that is not '/', `\` takes the next character as it is. Pure. */
#ifndef OBIT_CORE_GLOB_H
#define OBIT_CORE_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the longest pattern, as long as the longest path. A longer one matches nothing. */
#define GLOB_PATTERN_MAX 4095

/* True if the whole of `text` matches. Time is at most O(pattern * text): no pattern is slow.
 * Between slashes `**` stands for any number of components, none included: "a", `**` and "b" joined
 * by slashes match a/b as well as a/x/y/b. An unclosed '[' and a trailing backslash stand for
 * themselves. */
bool glob_match(const char *pattern, const char *text);

/* The same for text that is no path: '/' is a character like any other to `*`, `?` and `[...]`. */
bool glob_match_text(const char *pattern, const char *text);

/* True if the pattern has any of * ? [ \ in it. */
bool glob_is_pattern(const char *pattern);

/* Length of the literal text in front of the first special character (the whole of a plain path). */
size_t glob_literal_prefix(const char *pattern);

/* 0, or -EINVAL for an unclosed '[', a trailing backslash, or more than GLOB_PATTERN_MAX bytes. */
int glob_check(const char *pattern);

#endif
