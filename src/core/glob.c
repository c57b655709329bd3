// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/glob.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

/* Backtracking takes time of a higher power as soon as `*` and `**` stand in one pattern, so the
 * pattern is run as an automaton: its states are the offsets in the pattern at which matching may go
 * on, and each character of the text moves all of them at once. */
#define WORD_BITS 64
#define WORDS	  (GLOB_PATTERN_MAX / WORD_BITS + 1)

struct glob {
	const char *pattern;
	size_t length;
	char separator;	 /* what `*` does not cross: '/', or of text that is no path nothing */
	size_t unclosed; /* from this offset on a '[' is never closed, and an ordinary character */
};

struct states {
	uint64_t words[WORDS];
	size_t used; /* words that the pattern's length needs */
};

/* The offset behind the class that opens at `open`, or 0 if it is never closed. */
static size_t class_end(const char *pattern, size_t open)
{
	size_t i = open + 1;

	if (pattern[i] == '!' || pattern[i] == '^')
		i++;
	if (pattern[i] == ']') /* in front it is a character like any other */
		i++;
	for (; pattern[i]; i++) {
		if (pattern[i] == ']')
			return i + 1;
		if (pattern[i] == '\\' && !pattern[++i])
			return 0;
	}
	return 0;
}

/* The offset of the first '[' that is never closed, or of the end. */
static size_t find_unclosed(const char *pattern)
{
	size_t i = 0;

	while (pattern[i]) {
		size_t end = pattern[i] == '[' ? class_end(pattern, i) : i + 1;

		if (!end)
			break;
		if (pattern[i] == '\\' && pattern[end])
			end++;
		i = end;
	}
	return i;
}

static unsigned char class_char(const char *pattern, size_t *i)
{
	if (pattern[*i] == '\\')
		++*i;
	return (unsigned char)pattern[(*i)++];
}

/* Whether `c` is in the class pattern[open .. end), of which `end` is behind the ']'. */
static bool class_has(const struct glob *glob, size_t open, size_t end, unsigned char c)
{
	const char *pattern = glob->pattern;
	size_t i = open + 1;
	bool negated = pattern[i] == '!' || pattern[i] == '^', found = false;

	if (c == (unsigned char)glob->separator)
		return false;
	if (negated)
		i++;
	while (i < end - 1) {
		unsigned char low = class_char(pattern, &i), high = low;

		if (pattern[i] == '-' && i + 1 < end - 1) {
			i++;
			high = class_char(pattern, &i);
		}
		found = found || (low <= c && c <= high);
	}
	return found != negated;
}

/* Where a run of two stars or more leads: behind it, and behind its '/' too where it stands for whole
 * components. `stars` is the length of the run. */
static size_t behind_stars(const struct glob *glob, size_t at, size_t stars)
{
	const char *pattern = glob->pattern;
	bool whole = glob->separator && stars > 1 && (at == 0 || pattern[at - 1] == '/') &&
		     pattern[at + stars] == '/';

	return at + stars + whole;
}

static void states_add(struct states *states, const struct glob *glob, size_t at)
{
	const char *pattern = glob->pattern;
	size_t stars;

	/* A star may stand for nothing, so whoever stands before it stands behind it as well. */
	while ((stars = strspn(pattern + at, "*"))) {
		states->words[at / WORD_BITS] |= UINT64_C(1) << at % WORD_BITS;
		at = behind_stars(glob, at, stars);
	}
	states->words[at / WORD_BITS] |= UINT64_C(1) << at % WORD_BITS;
}

static void step_stars(struct states *next, const struct glob *glob, size_t at, size_t stars,
		       char c)
{
	size_t behind = behind_stars(glob, at, stars);

	if (stars == 1 && c == glob->separator)
		return;
	if (behind == at + stars) {
		states_add(next, glob, at);
		return;
	}
	/* Whole components: it goes on only behind a '/'. */
	next->words[at / WORD_BITS] |= UINT64_C(1) << at % WORD_BITS;
	if (c == glob->separator)
		states_add(next, glob, behind);
}

/* Where the single-character element at `at` leads when the text's next character is `c`; 0: nowhere. */
static size_t step_char(const struct glob *glob, size_t at, char c)
{
	const char *pattern = glob->pattern;
	size_t end;

	switch (pattern[at]) {
	case '\0':
		return 0;
	case '?':
		return c == glob->separator ? 0 : at + 1;
	case '\\':
		if (!pattern[at + 1])
			break;
		return pattern[at + 1] == c ? at + 2 : 0;
	case '[':
		if (at >= glob->unclosed)
			break;
		end = class_end(pattern, at);
		return class_has(glob, at, end, (unsigned char)c) ? end : 0;
	default:
		break;
	}
	return pattern[at] == c ? at + 1 : 0;
}

static void step_state(struct states *next, const struct glob *glob, size_t at, char c)
{
	size_t stars = strspn(glob->pattern + at, "*");
	size_t to;

	if (stars) {
		step_stars(next, glob, at, stars, c);
		return;
	}
	to = step_char(glob, at, c);
	if (to)
		states_add(next, glob, to);
}

/* False when no state is left. */
static bool step_all(const struct states *now, struct states *next, const struct glob *glob, char c)
{
	uint64_t any = 0;

	memset(next->words, 0, now->used * sizeof(next->words[0]));
	next->used = now->used;
	for (size_t w = 0; w < now->used; w++)
		for (uint64_t left = now->words[w]; left; left &= left - 1)
			step_state(next, glob, w * WORD_BITS + (size_t)__builtin_ctzll(left), c);
	for (size_t w = 0; w < next->used; w++)
		any |= next->words[w];
	return any;
}

static bool match(const char *pattern, const char *text, char separator)
{
	struct glob glob = {.pattern = pattern,
			    .length = strnlen(pattern, GLOB_PATTERN_MAX + 1),
			    .separator = separator};
	struct states states[2];
	unsigned now = 0;

	if (glob.length > GLOB_PATTERN_MAX)
		return false;
	glob.unclosed = find_unclosed(pattern);
	states[now].used = glob.length / WORD_BITS + 1;
	memset(states[now].words, 0, states[now].used * sizeof(states[now].words[0]));
	states_add(&states[now], &glob, 0);
	for (; *text; text++, now = !now)
		if (!step_all(&states[now], &states[!now], &glob, *text))
			return false;
	return states[now].words[glob.length / WORD_BITS] >> glob.length % WORD_BITS & 1;
}

bool glob_match(const char *pattern, const char *text)
{
	return match(pattern, text, '/');
}

bool glob_match_text(const char *pattern, const char *text)
{
	return match(pattern, text, '\0');
}

bool glob_is_pattern(const char *pattern)
{
	return pattern[glob_literal_prefix(pattern)] != '\0';
}

size_t glob_literal_prefix(const char *pattern)
{
	return strcspn(pattern, "*?[\\");
}

int glob_check(const char *pattern)
{
	size_t length = strnlen(pattern, GLOB_PATTERN_MAX + 1), backslashes = 0;

	if (length > GLOB_PATTERN_MAX || find_unclosed(pattern) < length)
		return -EINVAL;
	while (backslashes < length && pattern[length - 1 - backslashes] == '\\')
		backslashes++;
	return backslashes % 2 ? -EINVAL : 0;
}
