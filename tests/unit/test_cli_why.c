// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A gallery: obituaries of every kind in data/deaths.jsonl, and next to them what a person is shown, so that
 * every change of a word is seen. After a change that is meant, this writes the pictures anew:
 *
 *   WRITE_GALLERY=1 build/tests/unit/test_cli_why && git diff tests/unit/data */
#include "test_cli_capture.h"

#include "base/cleanup.h"
#include "cli/alloc.h"
#include "cli/death.h"
#include "cli/pattern.h"
#include "cli/sentence.h"
#include "cli/value.h"
#include "cli/when.h"

#define DEATHS_MAX 64
#define NOW	   "2026-11-21T09:43:13+01:00"

static struct json_object *deaths[DEATHS_MAX];
static size_t n_deaths;

static FILE *open_data(const char *name, const char *mode)
{
	_cleanup_free_ char *path = must_printf("%s/%s", DATA_DIR, name);
	FILE *file = fopen(path, mode);

	if (!file)
		fail_msg("cannot open %s", path);
	return file;
}

static int read_deaths(void **state)
{
	_cleanup_file_ FILE *file = open_data("deaths.jsonl", "r");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	(void)state;
	while (n_deaths < DEATHS_MAX && getline(&line, &size, file) > 0)
		deaths[n_deaths++] = parse(line);
	return 0;
}

static int free_deaths(void **state)
{
	(void)state;
	while (n_deaths)
		json_object_put(deaths[--n_deaths]);
	return 0;
}

static uint64_t now(void)
{
	uint64_t ns = 0;

	assert_true(when_parse(NOW, &ns));
	return ns;
}

/* Colours as a reviewer can read them: "<red>buried<>". */
static char *with_tags(const char *text)
{
	static const struct {
		const char *code, *tag;
	} tags[] = {
		{"\033[0m", "<>"},	 {"\033[1m", "<bold>"},	   {"\033[2m", "<dim>"},
		{"\033[32m", "<green>"}, {"\033[33m", "<yellow>"}, {"\033[1;31m", "<red>"},
	};
	struct draft draft;

	draft_open(&draft);
	while (*text) {
		size_t i = 0;

		while (i < ARRAY_SIZE(tags) &&
		       strncmp(text, tags[i].code, strlen(tags[i].code)) != 0)
			i++;
		if (i < ARRAY_SIZE(tags)) {
			fputs(tags[i].tag, draft.out);
			text += strlen(tags[i].code);
		} else {
			putc(*text++, draft.out);
		}
	}
	return draft_close(&draft);
}

static char *read_all(const char *name)
{
	_cleanup_file_ FILE *file = open_data(name, "r");
	struct draft draft;

	draft_open(&draft);
	for (int c = getc(file); c != EOF; c = getc(file))
		putc(c, draft.out);
	return draft_close(&draft);
}

/* The first line that differs says more than two texts of 400 lines. */
static void compare(const char *name, const char *shown, const char *expected)
{
	size_t line = 1, start = 0;

	for (size_t i = 0; shown[i] == expected[i]; i++) {
		if (!shown[i])
			return;
		if (shown[i] == '\n') {
			line++;
			start = i + 1;
		}
	}
	fail_msg("%s:%zu: shown is\n%.*s\nand expected\n%.*s", name, line,
		 (int)strcspn(shown + start, "\n"), shown + start,
		 (int)strcspn(expected + start, "\n"), expected + start);
}

/* Takes ownership of `shown`. */
static void check_picture(const char *name, char *shown)
{
	_cleanup_free_ char *owned = shown, *expected = NULL;

	if (getenv("WRITE_GALLERY")) {
		_cleanup_file_ FILE *file = open_data(name, "w");

		fputs(owned, file);
		return;
	}
	expected = read_all(name);
	compare(name, owned, expected);
}

static char *why_picture(const struct term *term)
{
	struct draft draft;

	draft_open(&draft);
	for (size_t i = 0; i < n_deaths; i++) {
		fputs(i ? "\n" : "", draft.out);
		death_tell(draft.out, term, deaths[i], now());
	}
	return draft_close(&draft);
}

static char *tail_picture(const struct term *term)
{
	size_t width = 0;
	struct draft draft;

	draft_open(&draft);
	death_headings(draft.out, term, width);
	for (size_t i = 0; i < n_deaths; i++)
		death_line(draft.out, term, &width, deaths[i]);
	return draft_close(&draft);
}

static void test_why(void **state)
{
	(void)state;
	assert_true(n_deaths >= 30);
	check_picture("why-80.txt", why_picture(&narrow_term));
}

static void test_why_has_the_same_words_in_any_width(void **state)
{
	const struct term widths[] = {
		pipe_term, {.interactive = true, .width = 40}, {.interactive = true, .width = 120}};

	(void)state;
	for (size_t i = 0; i < n_deaths; i++) {
		_cleanup_free_ char *sentence = death_sentence(deaths[i]);

		for (size_t t = 0; t < ARRAY_SIZE(widths); t++) {
			_cleanup_free_ char *text = NULL;

			CAPTURE(text, death_tell(out, &widths[t], deaths[i], now()));
			text[strlen(sentence)] = '\0';
			for (char *c = text; *c; c++)
				*c = *c == '\n' ? ' ' : *c;
			assert_string_equal(text, sentence);
		}
	}
}

static void test_tail(void **state)
{
	static const struct term small = {.interactive = true, .width = 40};
	static const struct term large = {.interactive = true, .width = 120};

	(void)state;
	check_picture("tail-80.txt", tail_picture(&narrow_term));
	check_picture("tail-40.txt", tail_picture(&small));
	check_picture("tail-120.txt", tail_picture(&large));
	check_picture("tail-pipe.txt", tail_picture(&pipe_term));
}

static void test_colors(void **state)
{
	_cleanup_free_ char *tail = tail_picture(&color_term);

	(void)state;
	check_picture("tail-colors.txt", with_tags(tail));
}

/* What colours say is said without them, too. */
static void test_colors_change_nothing_else(void **state)
{
	_cleanup_free_ char *plain = tail_picture(&narrow_term);
	_cleanup_free_ char *colored = tail_picture(&color_term);
	char *to = colored;

	(void)state;
	for (const char *from = colored; *from;) {
		if (*from == '\033')
			from += strcspn(from, "m") + 1;
		else
			*to++ = *from++;
	}
	*to = '\0';
	assert_string_equal(colored, plain);
}

static void test_no_line_is_wider_than_the_terminal(void **state)
{
	(void)state;
	for (size_t width = 40; width <= 200; width++) {
		const struct term term = {.interactive = true, .width = width};
		_cleanup_free_ char *picture = tail_picture(&term);

		for (char *line = strtok(picture, "\n"); line; line = strtok(NULL, "\n"))
			if (text_columns(line) > width || line[strlen(line) - 1] == ' ')
				fail_msg("%zu columns: \"%s\"", width, line);
	}
}

/* Whatever the daemon sends is shown, escaped, and without a trace of C. */
static void survive(struct json_object *death)
{
	static const struct term small = {.interactive = true, .width = 40};
	_cleanup_json_ struct json_object *several = json_object_new_array();
	_cleanup_free_ char *text = NULL, *brief = death_brief(death, now());
	_cleanup_free_ char *pattern = NULL;
	size_t width = 0;

	for (int i = 0; i < 3; i++)
		json_object_array_add(several, json_object_get(death));
	pattern = pattern_of(several);
	CAPTURE(text, {
		death_tell(out, &pipe_term, death, now());
		death_line(out, &small, &width, death);
		death_line(out, &pipe_term, &width, death);
		fprintf(out, "%s %s", pattern ? pattern : "", brief ? brief : "");
	});
	assert_lacks(text, "\033");
	assert_lacks(text, "(null)");
}

/* `outer` is the member of the death that has `key`; NULL: the death itself has it. */
static void try_values(const char *text, const char *outer, const char *key)
{
	static const char *const values[] = {"null", "-1",     "9223372036854775807", "1.5",
					     "{}",   "[null]", "\"\\u001b%s\\n\""};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		_cleanup_json_ struct json_object *death = parse(text);
		struct json_object *owner = outer ? member(death, outer) : death;

		json_object_object_add(owner, key, json_tokener_parse(values[i]));
		survive(death);
	}
}

static void test_every_member_may_be_anything(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_deaths; i++) {
		const char *text = json_object_to_json_string(deaths[i]);

		json_object_object_foreach (deaths[i], key, value) {
			try_values(text, NULL, key);
			if (!json_object_is_type(value, json_type_object))
				continue;
			json_object_object_foreach (value, inner, unused) {
				(void)unused;
				try_values(text, key, inner);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_why),
		cmocka_unit_test(test_why_has_the_same_words_in_any_width),
		cmocka_unit_test(test_tail),
		cmocka_unit_test(test_colors),
		cmocka_unit_test(test_colors_change_nothing_else),
		cmocka_unit_test(test_no_line_is_wider_than_the_terminal),
		cmocka_unit_test(test_every_member_may_be_anything),
	};

	return cmocka_run_group_tests(tests, read_deaths, free_deaths);
}
