// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "core/glob.h"

#define RANDOM_ROUNDS  300000
#define RANDOM_PATTERN 64
#define RANDOM_TEXT    13
#define SLOW_SECONDS   60 /* of CPU, perhaps an emulated one; a pattern that backtracks takes years */

static const struct {
	const char *pattern, *text;
	bool match;
} cases[] = {
	/* literals */
	{"", "", true},
	{"", "a", false},
	{"a", "", false},
	{"a", "a", true},
	{"a", "ab", false},
	{"ab", "a", false},
	{"/usr/sbin/nginx", "/usr/sbin/nginx", true},
	{"/usr/sbin/nginx", "/usr/sbin/nginx2", false},
	{"/usr/sbin/nginx", "/usr/sbin/ngin", false},
	{"]", "]", true},
	{"a-b", "a-b", true},
	{"\xc3\xa9", "\xc3\xa9", true},
	/* ? */
	{"?", "a", true},
	{"?", "", false},
	{"?", "ab", false},
	{"?", "/", false},
	{"a?c", "abc", true},
	{"a?c", "a/c", false},
	{"???", "abc", true},
	{"\xc3?", "\xc3\xa9", true},
	/* * */
	{"*", "", true},
	{"*", "abc", true},
	{"*", "a/b", false},
	{"*", "/", false},
	{"a*", "a", true},
	{"a*", "abc", true},
	{"a*", "ab/c", false},
	{"*a", "a", true},
	{"*a", "bba", true},
	{"*a", "bab", false},
	{"a*b", "ab", true},
	{"a*b", "a123b", true},
	{"a*b", "a/b", false},
	{"a*b*c", "a1b2b3c", true},
	{"a*b*c", "a1c", false},
	{"*aab", "aaab", true},
	{"*/b", "a/b", true},
	{"*/b", "/b", true},
	{"*/b", "a/a/b", false},
	{"/usr/local/bin/*", "/usr/local/bin/x", true},
	{"/usr/local/bin/*", "/usr/local/bin/", true},
	{"/usr/local/bin/*", "/usr/local/bin", false},
	{"/usr/local/bin/*", "/usr/local/bin/x/y", false},
	{"/*/*/b", "/x/y/b", true},
	{"/*/*/b", "/x/b", false},
	{"/system.slice/job-*.scope", "/system.slice/job-17.scope", true},
	{"/system.slice/job-*.scope", "/system.slice/job-17.service", false},
	/* ** */
	{"**", "", true},
	{"**", "a/b/c", true},
	{"**", "/", true},
	{"/**", "/a/b", true},
	{"/**", "a", false},
	{"/a/**", "/a/b", true},
	{"/a/**", "/a/b/c", true},
	{"/a/**", "/a/", true},
	{"/a/**", "/a", false},
	{"/a/**/b", "/a/b", true},
	{"/a/**/b", "/a/x/b", true},
	{"/a/**/b", "/a/x/y/b", true},
	{"/a/**/b", "/ab", false},
	{"/a/**/b", "/a/xb", false},
	{"/a/**/b", "/a//b", true},
	{"**/b", "b", true},
	{"**/b", "/b", true},
	{"**/b", "a/b", true},
	{"**/b", "ab", false},
	{"a**/b", "a/b", true},
	{"a**/b", "ax/y/b", true},
	{"a**/b", "ab", false},
	{"a**b", "a/x/b", true},
	{"a**b", "ab", true},
	{"a***b", "a/x/b", true},
	{"/a/***/b", "/a/b", true},
	{"**/**/b", "b", true},
	{"**/**/b", "x/y/z/b", true},
	{"/a/**/*.so", "/a/x.so", true},
	{"/a/**/*.so", "/a/b/c/x.so", true},
	{"/a/**/*.so", "/a/b/c/x.so.1", false},
	{"/**/x/*/y", "/1/x/2/x/3/y", true},
	{"/**/x/*/y", "/1/x/2/3/y", false},
	{"**a*b", "a/ab", true},
	{"**a*b", "ab/a", false},
	{"*/**/b", "a/b", true},
	{"*/**/b", "b", false},
	/* classes */
	{"[a]", "a", true},
	{"[a]", "b", false},
	{"[a-c]", "b", true},
	{"[a-c]", "d", false},
	{"[!a-c]", "d", true},
	{"[!a-c]", "b", false},
	{"[^a]", "b", true},
	{"[^a]", "a", false},
	{"[!a]", "/", false},
	{"[.-0]", "/", false},
	{"[]]", "]", true},
	{"[]a]", "a", true},
	{"[!]]", "a", true},
	{"[!]]", "]", false},
	{"[a-]", "-", true},
	{"[a-]", "b", false},
	{"[-a]", "-", true},
	{"[c-a]", "b", false},
	{"[a-cx-z]", "y", true},
	{"[\\]]", "]", true},
	{"[\\]]", "\\", false},
	{"[a\\-c]", "-", true},
	{"[a\\-c]", "b", false},
	{"[*?]", "*", true},
	{"[*?]", "a", false},
	{"[[]", "[", true},
	{"[\x80-\xff]", "\xc3", true},
	{"php[78].?", "php8.2", true},
	/* escapes */
	{"\\*", "*", true},
	{"\\*", "a", false},
	{"\\?", "?", true},
	{"\\[a]", "[a]", true},
	{"\\\\", "\\", true},
	{"\\a", "a", true},
	{"a\\/b", "a/b", true},
	{"*\\**", "a*b", true},
	/* what glob_check() refuses stands for itself */
	{"[a", "[a", true},
	{"[a", "a", false},
	{"[", "[", true},
	{"*[[", "x[[", true},
	{"[a]\\", "a\\", true},
	{"\\", "\\", true},
	{"[!", "[!", true},
	{"[\\", "[\\", true},
};

static void cases_match_as_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (glob_match(cases[i].pattern, cases[i].text) != cases[i].match)
			fail_msg("pattern '%s', text '%s': expected %d", cases[i].pattern,
				 cases[i].text, cases[i].match);
}

static const struct {
	const char *pattern, *text;
	bool match;
} text_cases[] = {
	{"*", "", true},
	{"*", "-c /etc/x.conf", true},
	{"-c *.conf", "-c /etc/a/x.conf", true},
	{"-c *.conf", "-c /etc/a/x.cfg", false},
	{"a?b", "a/b", true},
	{"a[.-0]b", "a/b", true},
	{"a[!x]b", "a/b", true},
	{"a[!/]b", "a/b", false},
	{"a**b", "a/x/b", true},
	{"/**/b", "/b", false}, /* no components: `**` is `*`, and both slashes stand */
	{"/**/b", "/x/b", true},
	{"**/job.py*", "python/job.py --once", true},
	{"", "", true},
	{"", "/", false},
};

static void text_that_is_no_path_has_no_slashes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(text_cases); i++)
		if (glob_match_text(text_cases[i].pattern, text_cases[i].text) !=
		    text_cases[i].match)
			fail_msg("pattern '%s', text '%s': expected %d", text_cases[i].pattern,
				 text_cases[i].text, text_cases[i].match);
}

static char pick(const char *from)
{
	return from[(size_t)random() % strlen(from)];
}

static char *put_class(char *out)
{
	*out++ = '[';
	if (random() % 3 == 0)
		*out++ = '!';
	*out++ = pick("abc]");
	for (int n = (int)(random() % 3); n > 0; n--) {
		*out++ = pick("abc");
		if (random() % 2) {
			*out++ = '-';
			*out++ = pick("abc");
		}
	}
	*out++ = ']';
	return out;
}

/* A pattern on which both sides agree: no `**`, which fnmatch() takes for `*`, and no '/' in a class. */
static void random_pattern(char *out)
{
	bool star = false;

	for (int n = (int)(random() % 8); n > 0; n--) {
		long kind = random() % 10;

		if (kind == 0)
			out = put_class(out);
		else if (kind == 1)
			*out++ = '?';
		else if (kind < 5 && !star)
			*out++ = '*';
		else if (kind == 5)
			out = stpcpy(out, pick("ab") == 'a' ? "\\*" : "\\a");
		else
			*out++ = pick("aabbc//]-");
		star = out[-1] == '*' && kind != 5;
	}
	*out = '\0';
}

static void random_text(char *out)
{
	for (int n = (int)(random() % (RANDOM_TEXT - 1)); n > 0; n--)
		*out++ = pick("aaabbc/*]-");
	*out = '\0';
}

static void random_patterns_agree_with_fnmatch(void **state)
{
	char pattern[RANDOM_PATTERN], text[RANDOM_TEXT];
	unsigned matched = 0;

	(void)state;
	srandom(1);
	for (int i = 0; i < RANDOM_ROUNDS; i++) {
		bool match;

		random_pattern(pattern);
		random_text(text);
		match = glob_match(pattern, text);
		matched += match;
		assert_int_equal(glob_check(pattern), 0);
		if (match != (fnmatch(pattern, text, FNM_PATHNAME) == 0))
			fail_msg("pattern '%s', text '%s': %d", pattern, text, match);
	}
	assert_true(matched > RANDOM_ROUNDS / 100); /* else the patterns prove little */
}

/* `**` by its definition, one choice after the other. Good for short texts only. */
static bool match_slowly(const char *start, const char *p, const char *t)
{
	bool whole;

	if (*p == '\0')
		return *t == '\0';
	if (p[0] != '*' || p[1] != '*') {
		if (*p == '*')
			return match_slowly(start, p + 1, t) ||
			       (*t && *t != '/' && match_slowly(start, p, t + 1));
		return *t && (*p == '?' ? *t != '/' : *p == *t) &&
		       match_slowly(start, p + 1, t + 1);
	}
	whole = (p == start || p[-1] == '/') && p[2] == '/';
	if (match_slowly(start, p + 2 + whole, t))
		return true;
	for (; *t; t++)
		if ((!whole || *t == '/') && match_slowly(start, p + 2 + whole, t + 1))
			return true;
	return false;
}

static void random_double_star_pattern(char *out)
{
	static const char *const parts[] = {"a", "b", "/", "?", "/**/", "**a", "*b", "/a", "**/"};
	bool star = false;

	for (int n = (int)(random() % 7); n > 0; n--) {
		const char *part = parts[(size_t)random() % ARRAY_SIZE(parts)];

		if (star && *part == '*')
			continue;
		out = stpcpy(out, part);
		star = out[-1] == '*';
	}
	*out = '\0';
}

static void random_double_stars_agree_with_their_definition(void **state)
{
	char pattern[RANDOM_PATTERN], text[RANDOM_TEXT];
	unsigned matched = 0;

	(void)state;
	srandom(2);
	for (int i = 0; i < RANDOM_ROUNDS; i++) {
		bool match;

		random_double_star_pattern(pattern);
		random_text(text);
		match = glob_match(pattern, text);
		matched += match;
		if (match != match_slowly(pattern, pattern, text))
			fail_msg("pattern '%s', text '%s': %d", pattern, text, match);
	}
	assert_true(matched > RANDOM_ROUNDS / 100);
}

static void fill(char *out, const char *with, size_t size)
{
	size_t length = strlen(with);

	for (size_t i = 0; i < size - 1; i++)
		out[i] = with[i % length];
	out[size - 1] = '\0';
}

static void no_pattern_is_slow(void **state)
{
	static const char *const parts[] = {"*a", "**a", "**a*a", "*[a]", "[", "**/", "a**/?*"};
	static char pattern[GLOB_PATTERN_MAX / 4], text[4096];
	clock_t start = clock();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		fill(pattern, parts[i], sizeof(pattern));
		pattern[sizeof(pattern) - 2] = 'x';
		fill(text, "a", sizeof(text));
		assert_false(glob_match(pattern, text));
		fill(text, "aaaaaaa/", sizeof(text));
		assert_false(glob_match(pattern, text));
	}
	assert_true((clock() - start) / CLOCKS_PER_SEC < SLOW_SECONDS);
}

static void the_longest_pattern_is_taken_and_no_longer_one(void **state)
{
	static char pattern[GLOB_PATTERN_MAX + 2];

	(void)state;
	fill(pattern, "a", GLOB_PATTERN_MAX + 1);
	assert_int_equal(glob_check(pattern), 0);
	assert_true(glob_match(pattern, pattern));
	fill(pattern, "a", GLOB_PATTERN_MAX + 2);
	assert_int_equal(glob_check(pattern), -EINVAL);
	assert_false(glob_match(pattern, pattern));
}

static void check_refuses_what_is_not_finished(void **state)
{
	static const char *const good[] = {"",	  "a",	 "[a]", "[]]",	 "[!]]",    "\\\\",   "**",
					   "\\[", "[[]", "a]",	"[\\]]", "\\\\[a]", "[a\\\\]"};
	static const char *const bad[] = {"[",	"[a",	   "[]",   "[!]",  "a[b",  "[a]]][",
					  "\\", "a\\\\\\", "[a\\", "[\\]", "\\\\["};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (glob_check(good[i]) != 0)
			fail_msg("'%s' was refused", good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (glob_check(bad[i]) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
}

static void the_literal_prefix_ends_at_the_first_special(void **state)
{
	(void)state;
	assert_int_equal(glob_literal_prefix("/usr/sbin/nginx"), 15);
	assert_int_equal(glob_literal_prefix("/usr/*/x"), 5);
	assert_int_equal(glob_literal_prefix("/a?"), 2);
	assert_int_equal(glob_literal_prefix("/a["), 2);
	assert_int_equal(glob_literal_prefix("/a\\*"), 2);
	assert_int_equal(glob_literal_prefix("*"), 0);
	assert_int_equal(glob_literal_prefix(""), 0);
	assert_true(glob_is_pattern("/a*"));
	assert_true(glob_is_pattern("/a\\b"));
	assert_false(glob_is_pattern("/a]b-c!"));
	assert_false(glob_is_pattern(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cases_match_as_written),
		cmocka_unit_test(text_that_is_no_path_has_no_slashes),
		cmocka_unit_test(random_patterns_agree_with_fnmatch),
		cmocka_unit_test(random_double_stars_agree_with_their_definition),
		cmocka_unit_test(no_pattern_is_slow),
		cmocka_unit_test(the_longest_pattern_is_taken_and_no_longer_one),
		cmocka_unit_test(check_refuses_what_is_not_finished),
		cmocka_unit_test(the_literal_prefix_ends_at_the_first_special),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
