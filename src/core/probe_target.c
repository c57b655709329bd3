// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/probe_target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define HTTP_PORT 80
#define PORT_MAX  65535

/* ---- addresses ---- */

static int fail(const char *expected, const char **ret_expected)
{
	*ret_expected = expected;
	return -EINVAL;
}

/* The one of [host, end) without a look-up, which could block. */
static int parse_host(const char *host, size_t length, struct probe_target *ret,
		      const char **ret_expected)
{
	static const char localhost[] = "localhost", loopback[] = "127.0.0.1";
	char text[INET6_ADDRSTRLEN];
	bool v6 = length && host[0] == '[';

	if (v6 && (length < 3 || host[length - 1] != ']'))
		return fail("']' behind an IPv6 address", ret_expected);
	host += v6;
	length -= v6 ? 2 : 0;
	if (length == strlen(localhost) && !v6 && !memcmp(host, localhost, length)) {
		host = loopback;
		length = strlen(loopback);
	}
	if (length && length < sizeof(text)) {
		memcpy(text, host, length);
		text[length] = '\0';
		ret->v6 = v6;
		if (inet_pton(v6 ? AF_INET6 : AF_INET, text, ret->address) == 1)
			return 0;
	}
	if (!v6 && length && memchr(host, ':', length))
		return fail("an IPv6 address in brackets, as [::1]:80", ret_expected);
	return fail("a numeric address or localhost: obitd looks up no names, since that may block",
		    ret_expected);
}

static int parse_port(const char *text, size_t length, struct probe_target *ret,
		      const char **ret_expected)
{
	unsigned port = 0;

	for (size_t i = 0; i < length && port <= PORT_MAX; i++) {
		if (text[i] < '0' || text[i] > '9')
			return fail("a port from 1 to 65535 behind ':'", ret_expected);
		port = port * 10 + (unsigned)(text[i] - '0');
	}
	if (!port || port > PORT_MAX)
		return fail("a port from 1 to 65535 behind ':'", ret_expected);
	ret->port = (uint16_t)port;
	return 0;
}

/* Without a default (0) a port is needed. */
static int parse_authority(const char *text, size_t length, uint16_t default_port,
			   struct probe_target *ret, const char **ret_expected)
{
	const char *colon = memrchr(text, ':', length), *bracket = memrchr(text, ']', length);
	size_t host = length;
	int r;

	if (colon && (!bracket || colon > bracket))
		host = (size_t)(colon - text);
	r = parse_host(text, host, ret, ret_expected);
	if (r < 0)
		return r;
	if (host < length)
		return parse_port(colon + 1, length - host - 1, ret, ret_expected);
	if (!default_port)
		return fail("a port behind the address, as 127.0.0.1:80", ret_expected);
	ret->port = default_port;
	return 0;
}

static int parse_url(const char *text, struct probe_target *ret, const char **ret_expected)
{
	static const char scheme[] = "http://", secure[] = "https://";
	struct probe_target target = {0};
	int r;

	if (!strncmp(text, secure, strlen(secure)))
		return fail("http://: obitd speaks no TLS; a command such as curl does",
			    ret_expected);
	if (strncmp(text, scheme, strlen(scheme)) != 0)
		return fail("a URL such as http://127.0.0.1:8080/health", ret_expected);
	if (strlen(text) > PROBE_TARGET_MAX)
		return fail("at most 1024 bytes", ret_expected);
	/* What is between these is put into the request as it stands. */
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p > '~' || *p == '#' || *p == '@')
			return fail("a URL of printable ASCII, without '#', '@' and blanks",
				    ret_expected);
	target.authority = text + strlen(scheme);
	target.authority_length = strcspn(target.authority, "/?");
	target.path = target.authority + target.authority_length;
	r = parse_authority(target.authority, target.authority_length, HTTP_PORT, &target,
			    ret_expected);
	if (r == 0)
		*ret = target;
	return r;
}

static int parse_unix(const char *text, const char **ret_expected)
{
	if ((*text != '/' && *text != '@') || !text[1])
		return fail("an absolute path, or the name of an abstract socket behind '@'",
			    ret_expected);
	if (strlen(text) > PROBE_UNIX_PATH_MAX)
		return fail("at most 107 bytes, which a socket's path may have", ret_expected);
	return 0;
}

int probe_parse_target(enum probe_type type, const char *text, struct probe_target *ret,
		       const char **ret_expected)
{
	struct probe_target target = {0};
	int r;

	switch (type) {
	case PROBE_TCP:
		r = parse_authority(text, strlen(text), 0, &target, ret_expected);
		if (r == 0)
			*ret = target;
		return r;
	case PROBE_HTTP:
		return parse_url(text, ret, ret_expected);
	case PROBE_UNIX:
		return parse_unix(text, ret_expected);
	case PROBE_COMMAND:
	case _PROBE_TYPE_MAX:
		break;
	}
	return fail("an address", ret_expected);
}

/* ---- HTTP ---- */

/* 1.0, so that the answer comes as one piece and ends with the connection. */
size_t probe_http_request(const struct probe_target *target, char buf[static PROBE_REQUEST_SIZE])
{
	int length = snprintf(buf, PROBE_REQUEST_SIZE,
			      "GET %s%s HTTP/1.0\r\nHost: %.*s\r\nUser-Agent: obit\r\n"
			      "Accept: */*\r\nConnection: close\r\n\r\n",
			      *target->path == '/' ? "" : "/", target->path,
			      (int)target->authority_length, target->authority);

	return (size_t)length; /* a target that was parsed fits */
}

#define STATUS_AT  9  /* behind "HTTP/1.1 " */
#define STATUS_END 12 /* behind the three digits */
#define SHOWN_MAX  32

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Whether `length` bytes may be the beginning of "HTTP/1.1 200 ". */
static bool may_be_status_line(const char *answer, size_t length)
{
	static const char shape[] = "HTTP/d.d ddd";

	for (size_t i = 0; i < length && i < STATUS_END; i++)
		if (shape[i] == 'd' ? !is_digit(answer[i]) : shape[i] != answer[i])
			return false;
	return length <= STATUS_END || strchr(" \r\n", answer[STATUS_END]);
}

static void say_garbage(const char *answer, size_t length, char words[static PROBE_WORDS_SIZE])
{
	size_t shown = length < SHOWN_MAX ? length : SHOWN_MAX;
	const char *end = memchr(answer, '\n', shown);
	char text[4 * SHOWN_MAX + 1];

	shown = end ? (size_t)(end - answer) : shown;
	shown -= shown && answer[shown - 1] == '\r';
	text_printable(text, sizeof(text), answer, shown);
	snprintf(words, PROBE_WORDS_SIZE, "no HTTP: '%s'", text);
}

/* The header ends with an empty line. NULL: it has not ended. */
static const char *find_body(const char *answer, size_t length)
{
	const char *end = answer + length, *at = answer;

	while ((at = memchr(at, '\n', (size_t)(end - at)))) {
		at++;
		if (at < end && *at == '\n')
			return at + 1;
		if (end - at >= 2 && at[0] == '\r' && at[1] == '\n')
			return at + 2;
	}
	return NULL;
}

static enum probe_verdict judge_body(const char *answer, size_t length, bool ended,
				     const char *expect, char words[static PROBE_WORDS_SIZE])
{
	const char *body = find_body(answer, length);
	char text[SHOWN_MAX + 1];

	if (body && memmem(body, (size_t)(answer + length - body), expect, strlen(expect)))
		return PROBE_GOOD;
	if (!ended && length < PROBE_ANSWER_MAX)
		return PROBE_UNDECIDED;
	text_printable(text, sizeof(text), expect, strlen(expect));
	snprintf(words, PROBE_WORDS_SIZE, "'%s%s' is not in %s", text,
		 strlen(text) < strlen(expect) ? "..." : "",
		 ended ? "its answer" : "the first 64KiB of its answer");
	return PROBE_BAD;
}

enum probe_verdict probe_http_judge(const char *answer, size_t length, bool ended,
				    const char *expect, char words[static PROBE_WORDS_SIZE])
{
	int status;

	if (!may_be_status_line(answer, length)) {
		say_garbage(answer, length, words);
		return PROBE_BAD;
	}
	if (length <= STATUS_END) {
		if (!ended)
			return PROBE_UNDECIDED;
		snprintf(words, PROBE_WORDS_SIZE, "%s",
			 length ? "its answer ends in the first line"
				: "it closes the connection without an answer");
		return PROBE_BAD;
	}
	status = (answer[STATUS_AT] - '0') * 100 + (answer[STATUS_AT + 1] - '0') * 10 +
		 (answer[STATUS_AT + 2] - '0');
	if (status < 200 || status > 399) {
		snprintf(words, PROBE_WORDS_SIZE, "status %d", status);
		return PROBE_BAD;
	}
	return expect ? judge_body(answer, length, ended, expect, words) : PROBE_GOOD;
}
