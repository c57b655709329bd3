/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Small helpers for strings, above all for strings that somebody else controls. */
#ifndef OBIT_BASE_TEXT_H
#define OBIT_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Copies `len` bytes of foreign text to dst (always terminated, cut at `size` between characters).
 * UTF-8 passes; control characters (C0, DEL, C1), line separators, direction marks and bytes that are
 * no UTF-8 are written as \xNN, each byte. Returns the bytes written without the terminator. */
size_t text_printable(char *dst, size_t size, const char *src, size_t len);

/* Copies `len` bytes to dst, of TEXT_UTF8_SIZE(len) bytes, as valid UTF-8, terminated: each byte that is none becomes
 * U+FFFD. Returns the bytes written without the terminator. */
#define TEXT_UTF8_SIZE(len) (3 * (len) + 1)
size_t text_utf8(char *dst, const char *src, size_t len);

/* Copies `len` bytes to dst, of TEXT_JSON_SIZE(len) bytes, as what stands between the quotes of a JSON string,
 * terminated: valid UTF-8 as above, and escaped where JSON wants it. Returns the bytes written without the terminator. */
#define TEXT_JSON_SIZE(len) (6 * (len) + 1)
size_t text_json(char *dst, const char *src, size_t len);

/* Writes JSON that was made already, and a newline. Control characters that a terminal obeys (DEL, C1), which JSON allows in
 * strings, are written as \u00NN, which means the same to a JSON reader. NULL is nothing. */
void text_print_json(FILE *out, const char *json);

/* Whether all of it is printable ASCII. */
bool text_is_plain(const char *text, size_t len);

/* Number of single-character edits between two words (Levenshtein), for "did you mean". */
size_t text_distance(const char *a, const char *b);

/* The word of the NULL-terminated list that is nearest to `word`, or NULL when none is near. */
const char *text_nearest(const char *word, const char *const *words);

#endif
