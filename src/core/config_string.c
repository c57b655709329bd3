// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Quoted strings as libconfuse 3.3 reads them, less what it would take amiss: `${` is the environment's
 * to it, "\*" a plain star, and a bad number behind a backslash leaves its scanner inside the string. */
#include "core/config_internal.h"

#include <string.h>

bool config_is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

/* "xHH": at most two digits, and no NUL. */
static size_t hex_length(const char *at)
{
	size_t digits = strspn(at + 1, "0123456789abcdefABCDEF");
	size_t zeros = strspn(at + 1, "0");

	digits = digits < 2 ? digits : 2;
	return zeros < digits ? 1 + digits : 0;
}

/* "NNN": one to three octal digits from 1 to 0377, and no digit behind them. */
static size_t octal_length(const char *at)
{
	size_t digits = strspn(at, "0123456789");
	unsigned value = 0;

	if (digits > 3 || strspn(at, "01234567") < digits)
		return 0;
	for (size_t i = 0; i < digits; i++)
		value = value * 8 + (unsigned)(at[i] - '0');
	return value >= 1 && value <= 0xff ? digits : 0;
}

/* The length of what follows a backslash in double quotes; 0: it is no escape. */
static size_t escape_length(const char *at)
{
	if (*at && strchr("\\\"nrtabfve$\n", *at))
		return 1;
	return *at == 'x' ? hex_length(at) : octal_length(at);
}

static int take_escape(struct config_report *report, const char **text, unsigned *line, char quote)
{
	const char *at = *text + 1;
	size_t length = quote == '"' ? escape_length(at) : 1;

	if (!length)
		return config_fail(
			report, *line,
			"'\\%c' is no escape; expected one of \\\\ \\\" \\$ \\n \\t \\r "
			"\\a \\b \\f \\v \\e \\xHH \\NNN, or single quotes, which keep a "
			"backslash",
			*at);
	*line += *at == '\n';
	*text = at + length;
	return 0;
}

static int take_character(struct config_report *report, const char **text, unsigned *line,
			  char quote)
{
	const char *at = *text;

	if (quote == '"' && at[0] == '$' && at[1] == '{')
		return config_fail(report, *line,
				   "'${' is not expanded here; expected single quotes around text "
				   "that holds it, or '\\$'");
	if (at[0] == '\\' && at[1])
		return take_escape(report, text, line, quote);
	if (config_is_control(*at) && *at != '\t')
		return config_fail(report, *line,
				   "control character \\x%02x in a string; expected an escape in "
				   "double quotes",
				   (unsigned char)*at);
	++*text;
	return 0;
}

int config_scan_string(struct config_report *report, const char **text, unsigned *line)
{
	const char *at = *text;
	char quote = *at++;
	unsigned start = *line;
	int r = 0;

	while (r >= 0 && *at && *at != '\n' && *at != quote)
		r = take_character(report, &at, line, quote);
	if (r < 0)
		return r;
	if (*at != quote)
		return config_fail(
			report, start,
			"this string is never closed; expected %c at the end of the line", quote);
	*text = at + 1;
	return 0;
}
