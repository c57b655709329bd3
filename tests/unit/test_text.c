// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"

#define UNTOUCHED 'U'

static const struct {
	const char *in, *out;
} cases[] = {
	{"", ""},
	{"plain text ~ \\ \"", "plain text ~ \\ \""},
	{"a\tb\nc", "a\\x09b\\x0ac"},
	{"\x01\x1f\x7f", "\\x01\\x1f\\x7f"},
	{"\x1b[31m", "\\x1b[31m"},
	/* UTF-8 of two, three and four bytes, least and greatest */
	{"\xc2\xa0", "\xc2\xa0"},
	{"\xdf\xbf", "\xdf\xbf"},
	{"\xe0\xa0\x80", "\xe0\xa0\x80"},
	{"\xe2\x82\xac", "\xe2\x82\xac"},
	{"\xef\xbf\xbf", "\xef\xbf\xbf"},
	{"\xf0\x90\x80\x80", "\xf0\x90\x80\x80"},
	{"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
	{"\xed\x9f\xbf", "\xed\x9f\xbf"},
	{"\xee\x80\x80", "\xee\x80\x80"},
	{"caf\xc3\xa9!", "caf\xc3\xa9!"},
	/* C1 */
	{"\xc2\x80", "\\xc2\\x80"},
	{"\xc2\x9b", "\\xc2\\x9b"},
	{"\xc2\x9f", "\\xc2\\x9f"},
	/* bytes that are no UTF-8 */
	{"\x80", "\\x80"},
	{"\x9b", "\\x9b"},
	{"\xbf", "\\xbf"},
	{"\xff\xfe", "\\xff\\xfe"},
	{"\xc3", "\\xc3"},
	{"\xc3z", "\\xc3z"},
	{"\xe2\x82", "\\xe2\\x82"},
	{"\xe2\x82z", "\\xe2\\x82z"},
	{"\xf0\x9f\x98", "\\xf0\\x9f\\x98"},
	{"\xc3\xc3\xa9", "\\xc3\xc3\xa9"},
	/* overlong */
	{"\xc0\x80", "\\xc0\\x80"},
	{"\xc1\xbf", "\\xc1\\xbf"},
	{"\xe0\x9f\xbf", "\\xe0\\x9f\\xbf"},
	{"\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf"},
	/* surrogates, and above the last code point */
	{"\xed\xa0\x80", "\\xed\\xa0\\x80"},
	{"\xed\xbf\xbf", "\\xed\\xbf\\xbf"},
	{"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
	{"\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80"},
	/* separators and direction marks, and their neighbours */
	{"\xd8\x9b", "\xd8\x9b"},
	{"\xd8\x9c", "\\xd8\\x9c"},
	{"\xd8\x9d", "\xd8\x9d"},
	{"\xe2\x80\x8d", "\xe2\x80\x8d"},
	{"\xe2\x80\x8e", "\\xe2\\x80\\x8e"},
	{"\xe2\x80\x8f", "\\xe2\\x80\\x8f"},
	{"\xe2\x80\x90", "\xe2\x80\x90"},
	{"\xe2\x80\xa7", "\xe2\x80\xa7"},
	{"\xe2\x80\xa8", "\\xe2\\x80\\xa8"},
	{"\xe2\x80\xa9", "\\xe2\\x80\\xa9"},
	{"\xe2\x80\xaa", "\\xe2\\x80\\xaa"},
	{"\xe2\x80\xae", "\\xe2\\x80\\xae"},
	{"\xe2\x80\xaf", "\xe2\x80\xaf"},
	{"\xe2\x81\xa5", "\xe2\x81\xa5"},
	{"\xe2\x81\xa6", "\\xe2\\x81\\xa6"},
	{"\xe2\x81\xa9", "\\xe2\\x81\\xa9"},
	{"\xe2\x81\xaa", "\xe2\x81\xaa"},
};

static void foreign_text_becomes_printable(void **state)
{
	char out[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t n = text_printable(out, sizeof(out), cases[i].in, strlen(cases[i].in));

		if (n != strlen(out) || strcmp(out, cases[i].out) != 0)
			fail_msg("case %zu: '%s' in place of '%s'", i, out, cases[i].out);
	}
}

static void a_nul_is_a_control_character(void **state)
{
	char out[64];

	(void)state;
	assert_int_equal(text_printable(out, sizeof(out), "a\0b", 3), 6);
	assert_string_equal(out, "a\\x00b");
}

static void every_byte_alone_is_ascii_or_escaped(void **state)
{
	char out[8], expected[8];

	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		char in = (char)byte;

		snprintf(expected, sizeof(expected), byte >= 0x20 && byte < 0x7f ? "%c" : "\\x%02x",
			 byte);
		text_printable(out, sizeof(out), &in, 1);
		assert_string_equal(out, expected);
	}
}

/* Each size cuts at a whole character, terminates, and leaves the byte behind alone. */
static void a_small_buffer_is_never_overrun(void **state)
{
	static const char in[] = "ab\n\xe2\x82\xac\xe2\x80\xaez";
	char whole[64], out[64];
	size_t length = text_printable(whole, sizeof(whole), in, strlen(in));

	(void)state;
	for (size_t size = 0; size <= length + 2; size++) {
		size_t n;

		memset(out, UNTOUCHED, sizeof(out));
		n = text_printable(out, size, in, strlen(in));
		assert_int_equal(out[size], UNTOUCHED);
		if (!size) {
			assert_int_equal(n, 0);
			continue;
		}
		assert_true(n < size);
		assert_int_equal(out[n], '\0');
		assert_memory_equal(out, whole, n);
		assert_true(n == length || n == 0 || n == 1 || n == 2 || n == 6 || n == 9 ||
			    n == 21);
	}
	assert_int_equal(text_printable(NULL, 0, in, strlen(in)), 0);
}

/* Whatever comes in, what goes out is its own printable form. */
static void printable_text_stays_as_it_is(void **state)
{
	char in[32], once[256], twice[256];

	(void)state;
	srandom(3);
	for (int round = 0; round < 100000; round++) {
		for (size_t i = 0; i < sizeof(in); i++)
			in[i] = (char)(random() % 3 ? 0x80 + random() % 128 : random() % 128);
		text_printable(once, sizeof(once), in, sizeof(in));
		text_printable(twice, sizeof(twice), once, strlen(once));
		assert_string_equal(once, twice);
	}
}

static const struct {
	const char *a, *b;
	size_t distance;
} distances[] = {
	{"", "", 0},
	{"a", "", 1},
	{"", "abc", 3},
	{"a", "a", 0},
	{"abc", "abd", 1},
	{"abc", "acb", 2},
	{"kitten", "sitting", 3},
	{"flaw", "lawn", 2},
	{"restart", "restrat", 2},
	{"path", "paths", 1},
};

static void distances_count_edits(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(distances); i++) {
		assert_int_equal(text_distance(distances[i].a, distances[i].b),
				 distances[i].distance);
		assert_int_equal(text_distance(distances[i].b, distances[i].a),
				 distances[i].distance);
	}
}

static void very_long_words_are_compared_by_their_start(void **state)
{
	char a[1000], b[1000];

	(void)state;
	memset(a, 'a', sizeof(a));
	memset(b, 'b', sizeof(b));
	a[sizeof(a) - 1] = b[sizeof(b) - 1] = '\0';
	assert_int_equal(text_distance(a, a), 0);
	assert_int_equal(text_distance(a, b), 63);
}

static void only_near_words_are_suggested(void **state)
{
	static const char *const words[] = {"path", "restart", "cgroup", "critical", NULL};
	static const char *const none[] = {NULL};

	(void)state;
	assert_string_equal(text_nearest("pth", words), "path");
	assert_string_equal(text_nearest("restrat", words), "restart");
	assert_string_equal(text_nearest("path", words), "path");
	assert_string_equal(text_nearest("critcal", words), "critical");
	assert_null(text_nearest("zzzzzz", words));
	assert_null(text_nearest("pax", words));
	assert_null(text_nearest("x", none));
}

static const struct {
	const char *in, *out;
} utf8_cases[] = {
	{"", ""},
	{"plain\t\x1b\x7f", "plain\t\x1b\x7f"},
	{"caf\xc3\xa9 \xe2\x82\xac \xf0\x90\x80\x80", "caf\xc3\xa9 \xe2\x82\xac \xf0\x90\x80\x80"},
	{"a\xff"
	 "b",
	 "a\xef\xbf\xbd"
	 "b"},
	{"\xc3", "\xef\xbf\xbd"},
	{"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"},
	{"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
	{"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
};

static void what_is_no_utf8_is_replaced(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(utf8_cases); i++) {
		size_t length = strlen(utf8_cases[i].in);
		_cleanup_free_ char *out = malloc(TEXT_UTF8_SIZE(length));

		assert_non_null(out);
		assert_int_equal(text_utf8(out, utf8_cases[i].in, length),
				 strlen(utf8_cases[i].out));
		assert_string_equal(out, utf8_cases[i].out);
	}
}

static void only_printable_ascii_is_plain(void **state)
{
	char text[] = "abcdefghijklmnopqrstu";

	(void)state;
	assert_true(text_is_plain("", 0));
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		char was = text[i];

		for (unsigned c = 0; c < 256; c++) {
			text[i] = (char)c;
			assert_int_equal(text_is_plain(text, sizeof(text) - 1),
					 c >= ' ' && c <= '~');
		}
		text[i] = was;
	}
}

static void json_strings_are_escaped(void **state)
{
	static const struct {
		const char *in, *out;
	} json_cases[] = {
		{"", ""},
		{"a/b", "a/b"},
		{"\"\\", "\\\"\\\\"},
		{"\n\x01\x1f\x7f", "\\u000a\\u0001\\u001f\x7f"},
		{"\xc3\xa9\xff\"", "\xc3\xa9\xef\xbf\xbd\\\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(json_cases); i++) {
		size_t length = strlen(json_cases[i].in);
		_cleanup_free_ char *out = malloc(TEXT_JSON_SIZE(length));

		assert_non_null(out);
		assert_int_equal(text_json(out, json_cases[i].in, length),
				 strlen(json_cases[i].out));
		assert_string_equal(out, json_cases[i].out);
	}
}

static void printed_json_commands_no_terminal(void **state)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	text_print_json(out, "\"a\x7f\xc2\x80\xc2\x9f\xc2\xa0\xc3\xa9\\n\"");
	text_print_json(out, NULL);
	fclose(out);
	assert_string_equal(text, "\"a\\u007f\\u0080\\u009f\xc2\xa0\xc3\xa9\\n\"\n\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_strings_are_escaped),
		cmocka_unit_test(printed_json_commands_no_terminal),
		cmocka_unit_test(only_printable_ascii_is_plain),
		cmocka_unit_test(foreign_text_becomes_printable),
		cmocka_unit_test(a_nul_is_a_control_character),
		cmocka_unit_test(every_byte_alone_is_ascii_or_escaped),
		cmocka_unit_test(a_small_buffer_is_never_overrun),
		cmocka_unit_test(printable_text_stays_as_it_is),
		cmocka_unit_test(what_is_no_utf8_is_replaced),
		cmocka_unit_test(distances_count_edits),
		cmocka_unit_test(very_long_words_are_compared_by_their_start),
		cmocka_unit_test(only_near_words_are_suggested),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
