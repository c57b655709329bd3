// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* libconfuse 3.3 takes a file that ends inside a section, swallows text from an unquoted `/`+`*` on,
 * drops characters it has no rule for, puts the environment into strings, finds options through "a|b"
 * and miscounts the lines of every comment. This pass comes before it: it refuses all of that by line,
 * and blanks the comments out. What remains for libconfuse are words, strings and = += { } , */
#include "core/config_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX      8 /* a list in a section needs two */
#define KEY_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

enum scan_state {
	AT_KEY,	     /* a key or the end of a section is due */
	AFTER_KEY,   /* '=', a title or '{' is due */
	AFTER_TITLE, /* '{' is due */
	AT_VALUE,    /* a value or a list is due */
	IN_LIST
};

struct scan {
	struct config_report *report;
	const char *text;
	size_t length, pos;
	unsigned line;
	enum scan_state state;
	char key[CONFIG_NAME_MAX + 1]; /* the last one, for messages */
	unsigned key_line;
	char valued_key[CONFIG_NAME_MAX + 1]; /* the last one with a value */
	unsigned
		bare_line; /* where its value stands, if that is the last token and no string; else 0 */
	unsigned open_lines[DEPTH_MAX];
	bool open_list[DEPTH_MAX];
	size_t depth;
	size_t items; /* of the list that is open */
	struct config_scanned out;
};

void config_scanned_free(struct config_scanned *scanned)
{
	free(scanned->text);
	free(scanned->openings);
	*scanned = (struct config_scanned){0};
}

static char peek(const struct scan *scan, size_t offset)
{
	return scan->pos + offset < scan->length ? scan->text[scan->pos + offset] : '\0';
}

static bool opens_comment(const struct scan *scan)
{
	return peek(scan, 0) == '#' ||
	       (peek(scan, 0) == '/' && (peek(scan, 1) == '/' || peek(scan, 1) == '*'));
}

/* What follows a value at `line` may be the rest of it, behind a blank. */
static bool is_rest(const struct scan *scan, unsigned line)
{
	return scan->bare_line && scan->bare_line == line;
}

#define REST "stands behind the value of '%s'; expected quotes around a value with blanks"

static int fail_no_value(const struct scan *scan)
{
	char shown[CONFIG_SHOWN_SIZE], valued[CONFIG_SHOWN_SIZE];

	if (scan->state != AT_VALUE && is_rest(scan, scan->key_line)) {
		config_shown(scan->key, shown);
		return config_fail(scan->report, scan->key_line,
				   "'%s' " REST ", or '= VALUE' after '%s'", shown,
				   config_shown(scan->valued_key, valued), shown);
	}
	return config_fail(scan->report, scan->key_line, "'%s' has no value; expected %s",
			   config_shown(scan->key, shown),
			   scan->state == AT_VALUE ? "one after '='"
						   : "'= VALUE' after it, or '{' for a section");
}

static int fail_key(const struct scan *scan)
{
	char shown[CONFIG_SHOWN_SIZE], valued[CONFIG_SHOWN_SIZE];

	config_shown(scan->key, shown);
	if (is_rest(scan, scan->line))
		return config_fail(scan->report, scan->line, "'%s' " REST, shown,
				   config_shown(scan->valued_key, valued));
	if (*shown == ';')
		return config_fail(scan->report, scan->line,
				   "';' has no meaning here; expected a new line between two keys, "
				   "and '#' before a comment");
	return config_fail(scan->report, scan->line,
			   "'%s' is not a key; expected a word of letters, digits and '_'", shown);
}

/* ---- comments ---- */

static void blank(struct scan *scan)
{
	if (peek(scan, 0) == '\n')
		scan->line++;
	else
		scan->out.text[scan->pos] = ' ';
	scan->pos++;
}

static int skip_block_comment(struct scan *scan)
{
	unsigned line = scan->line;

	blank(scan);
	blank(scan);
	while (scan->pos < scan->length) {
		if (peek(scan, 0) == '*' && peek(scan, 1) == '/') {
			blank(scan);
			blank(scan);
			return 0;
		}
		blank(scan);
	}
	return config_fail(scan->report, line,
			   "this comment is never closed; expected '*/', or quotes around a path "
			   "that holds '/*'");
}

static int skip_comment(struct scan *scan)
{
	char shown[CONFIG_SHOWN_SIZE];

	if (scan->state == AT_VALUE)
		return config_fail(scan->report, scan->line,
				   "a comment stands where the value of '%s' is due; expected the "
				   "value in quotes if it holds '#', '//' or '/*'",
				   config_shown(scan->key, shown));
	if (peek(scan, 0) == '/' && peek(scan, 1) == '*')
		return skip_block_comment(scan);
	while (scan->pos < scan->length && peek(scan, 0) != '\n')
		blank(scan);
	return 0;
}

/* ---- words and strings ---- */

static int take_name(struct scan *scan)
{
	const struct config_section *section = config_find_section(scan->key);

	if (section == &config_watchdog_section || section == &config_probe_section)
		return config_fail(scan->report, scan->line, "'%s' takes no name; expected '%s {'",
				   section->name, section->name);
	scan->state = AFTER_TITLE;
	return 0;
}

static int fail_second_name(const struct scan *scan)
{
	const struct config_section *section = config_find_section(scan->key);

	if (section != &config_watch_section && section != &config_owner_section)
		return fail_no_value(scan);
	return config_fail(scan->report, scan->line,
			   "'%s' has more than one name; expected '%s NAME {'", section->name,
			   section->name);
}

/* What the grammar makes of a word or string. */
static int take_text(struct scan *scan, bool is_word)
{
	switch (scan->state) {
	case AT_KEY:
		scan->state = AFTER_KEY;
		break;
	case AFTER_KEY:
		return take_name(scan);
	case AT_VALUE:
		memcpy(scan->valued_key, scan->key, sizeof(scan->key));
		scan->bare_line = is_word ? scan->line : 0;
		scan->state = AT_KEY;
		break;
	case IN_LIST:
		scan->items++;
		break;
	case AFTER_TITLE:
		return fail_second_name(scan);
	}
	return 0;
}

/* Keys are plain words: libconfuse would follow "section|key" and "section=title|key" elsewhere. A '-' in them is as
 * good as a '_'. */
static int take_key(struct scan *scan, const char *word, size_t length)
{
	char *out = scan->out.text + (word - scan->text);

	if (scan->state != AT_KEY)
		return 0;
	length = length < CONFIG_NAME_MAX ? length : CONFIG_NAME_MAX;
	memcpy(scan->key, word, length);
	scan->key[length] = '\0';
	scan->key_line = scan->line;
	for (size_t i = 0; i < length; i++) {
		if (word[i] == '-' && i > 0)
			out[i] = '_';
		if (!strchr(KEY_CHARACTERS, out[i]))
			return fail_key(scan);
	}
	return 0;
}

static bool ends_word(char c)
{
	return !c || strchr(" \t\r\n\"'={}(),+#*", c);
}

/* What follows a word without a blank, and would be dropped or open a comment. */
static int check_word_end(struct scan *scan)
{
	char c = peek(scan, 0);

	if (opens_comment(scan))
		return config_fail(scan->report, scan->line,
				   "unquoted '%.*s' opens a comment; expected quotes around a path "
				   "or word that holds it, or a blank before the comment",
				   c == '#' ? 1 : 2, scan->text + scan->pos);
	if (c == '*' || (c == '+' && peek(scan, 1) != '='))
		return config_fail(scan->report, scan->line,
				   "unquoted '%c' in a word; expected quotes around it", c);
	return 0;
}

static int take_word(struct scan *scan)
{
	size_t start = scan->pos;
	int r;

	while (scan->pos < scan->length && !ends_word(peek(scan, 0)) && !opens_comment(scan)) {
		if (peek(scan, 0) == '$' && peek(scan, 1) == '{')
			return config_fail(scan->report, scan->line,
					   "'${' is not expanded here; expected single quotes "
					   "around text that holds it");
		if (config_is_control(peek(scan, 0)))
			return config_fail(scan->report, scan->line,
					   "control character \\x%02x; expected text",
					   (unsigned char)peek(scan, 0));
		scan->pos++;
	}
	r = check_word_end(scan);
	if (r < 0)
		return r;
	r = take_key(scan, scan->text + start, scan->pos - start);
	return r < 0 ? r : take_text(scan, true);
}

static int take_string(struct scan *scan)
{
	const char *at = scan->out.text + scan->pos;
	char valued[CONFIG_SHOWN_SIZE];
	int r;

	if (scan->state == AT_KEY && is_rest(scan, scan->line))
		return config_fail(scan->report, scan->line, "a string " REST,
				   config_shown(scan->valued_key, valued));
	if (scan->state == AT_KEY)
		return config_fail(scan->report, scan->line,
				   "a string stands where a key is due; expected KEY = VALUE (a "
				   "list is '{ A, B }')");
	r = config_scan_string(scan->report, &at, &scan->line);
	if (r < 0)
		return r;
	scan->pos = (size_t)(at - scan->out.text);
	return take_text(scan, false);
}

/* ---- braces and signs ---- */

static int open_section(struct scan *scan)
{
	struct config_opening *openings = reallocarray(
		scan->out.openings, scan->out.section_count + 1, sizeof(*openings));

	if (!openings)
		return -ENOMEM;
	scan->out.openings = openings;
	openings[scan->out.section_count++] = (struct config_opening){
		.section = config_find_section(scan->key), .line = scan->key_line};
	scan->state = AT_KEY;
	scan->bare_line = 0;
	return 0;
}

static int open_brace(struct scan *scan)
{
	if (scan->state == AT_KEY || scan->state == IN_LIST || scan->depth == DEPTH_MAX)
		return config_fail(scan->report, scan->line,
				   "'{' stands where no list and no section begins; expected "
				   "KEY = { A, B }, or watch NAME {");
	scan->open_list[scan->depth] = scan->state == AT_VALUE;
	scan->open_lines[scan->depth++] = scan->line;
	scan->pos++;
	if (scan->state != AT_VALUE)
		return open_section(scan);
	scan->state = IN_LIST;
	scan->items = 0;
	return 0;
}

static int close_brace(struct scan *scan)
{
	char shown[CONFIG_SHOWN_SIZE];

	if (scan->state != AT_KEY && scan->state != IN_LIST)
		return fail_no_value(scan);
	if (!scan->depth)
		return config_fail(scan->report, scan->line,
				   "'}' closes nothing; expected a key or the end of the file");
	scan->depth--;
	scan->bare_line = 0;
	if (scan->open_list[scan->depth] && !scan->items)
		return config_fail(scan->report, scan->line,
				   "the list of '%s' is empty; expected at least one value",
				   config_shown(scan->key, shown));
	scan->pos++;
	scan->state = AT_KEY;
	return 0;
}

static int take_equals(struct scan *scan, size_t length)
{
	if (scan->state == AFTER_TITLE)
		return fail_no_value(scan);
	if (scan->state != AFTER_KEY)
		return config_fail(scan->report, scan->line,
				   "'=' without a key; expected KEY = VALUE, with quotes around a "
				   "value that holds '='");
	scan->state = AT_VALUE;
	scan->pos += length;
	return 0;
}

static int take_comma(struct scan *scan)
{
	if (scan->state != IN_LIST)
		return config_fail(scan->report, scan->line,
				   "',' outside of a list; expected '{ A, B }' around several "
				   "values");
	scan->pos++;
	return 0;
}

static int take_other(struct scan *scan)
{
	char c = peek(scan, 0);

	if (ends_word(c))
		return config_fail(scan->report, scan->line,
				   "unquoted '%c' has no meaning; expected quotes around a value "
				   "that holds it",
				   c);
	return take_word(scan);
}

static int take_token(struct scan *scan)
{
	char c = peek(scan, 0);

	if (c == ' ' || c == '\t' || c == '\n' || (c == '\r' && peek(scan, 1) == '\n')) {
		blank(scan);
		return 0;
	}
	if (opens_comment(scan))
		return skip_comment(scan);
	switch (c) {
	case '"':
	case '\'':
		return take_string(scan);
	case '{':
		return open_brace(scan);
	case '}':
		return close_brace(scan);
	case '=':
		return take_equals(scan, 1);
	case '+':
		return peek(scan, 1) == '=' ? take_equals(scan, 2) : take_other(scan);
	case ',':
		return take_comma(scan);
	default:
		return take_other(scan);
	}
}

static int scan_end(const struct scan *scan)
{
	if (scan->state == AFTER_KEY || scan->state == AFTER_TITLE || scan->state == AT_VALUE)
		return fail_no_value(scan);
	if (scan->depth)
		return config_fail(scan->report, scan->open_lines[scan->depth - 1],
				   "this '{' is never closed; expected '}' before the end of the "
				   "file");
	return 0;
}

/* What holds for the buffer as a whole. */
int config_check_buffer(struct config_report *report, const char *text, size_t length)
{
	const char *nul = memchr(text, '\0', length);
	unsigned line = 1;

	if (length > CONFIG_BUFFER_MAX)
		return config_fail(report, 1, "the file has %zu bytes; expected at most %zu",
				   length, CONFIG_BUFFER_MAX);
	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		return config_fail(report, 1,
				   "the file begins with a byte order mark; expected UTF-8 without "
				   "one");
	if (!nul)
		return 0;
	for (const char *p = text; p < nul; p++)
		line += *p == '\n';
	return config_fail(report, line, "a NUL byte; expected text");
}

int config_scan(struct config_report *report, const char *text, size_t length,
		struct config_scanned *ret)
{
	struct scan scan = {.report = report, .text = text, .length = length, .line = 1};
	int r = config_check_buffer(report, text, length);

	if (r < 0)
		return r;
	scan.out.text = strndup(text, length);
	if (!scan.out.text)
		return -ENOMEM;
	while (r >= 0 && scan.pos < length)
		r = take_token(&scan);
	if (r >= 0)
		r = scan_end(&scan);
	if (r < 0) {
		config_scanned_free(&scan.out);
		return r;
	}
	*ret = scan.out;
	return 0;
}
