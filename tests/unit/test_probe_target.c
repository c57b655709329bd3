// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Targets as people write them, and answers as servers, and others, send them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/probe_target.h"

/* ---- targets ---- */

static struct probe_target parsed(enum probe_type type, const char *text)
{
	struct probe_target target = {0};
	const char *expected = NULL;

	if (probe_parse_target(type, text, &target, &expected) < 0)
		fail_msg("%s: expected %s", text, expected);
	return target;
}

static void expect_bad(enum probe_type type, const char *text, const char *words)
{
	struct probe_target target, before;
	const char *expected = NULL;

	memset(&target, 0x5a, sizeof(target));
	before = target;
	assert_int_equal(probe_parse_target(type, text, &target, &expected), -EINVAL);
	if (!strstr(expected, words))
		fail_msg("%s: expected %s", text, expected);
	assert_memory_equal(&target, &before, sizeof(target));
}

static void test_tcp(void **state)
{
	static const uint8_t loopback[4] = {127, 0, 0, 1}, loopback6[16] = {[15] = 1};
	struct probe_target target = parsed(PROBE_TCP, "127.0.0.1:6379");

	(void)state;
	assert_false(target.v6);
	assert_memory_equal(target.address, loopback, 4);
	assert_int_equal(target.port, 6379);
	target = parsed(PROBE_TCP, "localhost:65535");
	assert_false(target.v6);
	assert_memory_equal(target.address, loopback, 4);
	assert_int_equal(target.port, 65535);
	target = parsed(PROBE_TCP, "[::1]:1");
	assert_true(target.v6);
	assert_memory_equal(target.address, loopback6, 16);
	assert_int_equal(target.port, 1);
}

static void test_bad_tcp(void **state)
{
	static const char port[] = "a port from 1 to 65535", numeric[] = "a numeric address";

	(void)state;
	expect_bad(PROBE_TCP, "", numeric);
	expect_bad(PROBE_TCP, ":80", numeric);
	expect_bad(PROBE_TCP, "127.0.0.1", "a port behind the address");
	expect_bad(PROBE_TCP, "[::1]", "a port behind the address");
	expect_bad(PROBE_TCP, "127.0.0.1:", port);
	expect_bad(PROBE_TCP, "127.0.0.1:0", port);
	expect_bad(PROBE_TCP, "127.0.0.1:65536", port);
	expect_bad(PROBE_TCP, "127.0.0.1:99999999999999999999", port);
	expect_bad(PROBE_TCP, "127.0.0.1:80x", port);
	expect_bad(PROBE_TCP, "127.0.0.1:+80", port);
	expect_bad(PROBE_TCP, "127.0.0.1: 80", port);
	expect_bad(PROBE_TCP, "db.example.org:5432", numeric);
	expect_bad(PROBE_TCP, "localhost.:80", numeric);
	expect_bad(PROBE_TCP, "127.1:80", numeric);
	expect_bad(PROBE_TCP, "[localhost]:80", numeric);
	expect_bad(PROBE_TCP, "[127.0.0.1]:80", numeric);
	expect_bad(PROBE_TCP, "[]:80", "']'");
	expect_bad(PROBE_TCP, "[::1:80", "']'");
	expect_bad(PROBE_TCP, "[:80", "']'");
	expect_bad(PROBE_TCP, "[::1%lo]:80", numeric);
	expect_bad(PROBE_TCP, "::1:80", "in brackets");
	expect_bad(PROBE_TCP, "http://127.0.0.1:80", "in brackets");
	expect_bad(PROBE_TCP, "[::1]x:80", "']'");
	expect_bad(PROBE_TCP, "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0001]:80", numeric);
}

static void expect_request(const char *url, const char *first, const char *host, unsigned port)
{
	struct probe_target target = parsed(PROBE_HTTP, url);
	char request[PROBE_REQUEST_SIZE], wanted[256];
	size_t length = probe_http_request(&target, request);

	snprintf(wanted, sizeof(wanted), "GET %s HTTP/1.0\r\nHost: %s\r\n", first, host);
	assert_int_equal(length, strlen(request));
	assert_int_equal(strncmp(request, wanted, strlen(wanted)), 0);
	assert_string_equal(request + length - 4, "\r\n\r\n");
	assert_int_equal(target.port, port);
}

static void test_http(void **state)
{
	(void)state;
	expect_request("http://127.0.0.1:8080/health", "/health", "127.0.0.1:8080", 8080);
	expect_request("http://127.0.0.1", "/", "127.0.0.1", 80);
	expect_request("http://localhost?a=b/c:d", "/?a=b/c:d", "localhost", 80);
	expect_request("http://[::1]:8080/a?b=1&c", "/a?b=1&c", "[::1]:8080", 8080);
	expect_request("http://[::1]/", "/", "[::1]", 80);
}

static void test_bad_http(void **state)
{
	char long_url[PROBE_TARGET_MAX + 2] = "http://127.0.0.1/";

	(void)state;
	expect_bad(PROBE_HTTP, "", "a URL such as");
	expect_bad(PROBE_HTTP, "127.0.0.1:80", "a URL such as");
	expect_bad(PROBE_HTTP, "HTTP://127.0.0.1/", "a URL such as");
	expect_bad(PROBE_HTTP, "https://127.0.0.1/", "no TLS");
	expect_bad(PROBE_HTTP, "http://", "a numeric address");
	expect_bad(PROBE_HTTP, "http:///health", "a numeric address");
	expect_bad(PROBE_HTTP, "http://example.org/", "a numeric address");
	expect_bad(PROBE_HTTP, "http://127.0.0.1:0/", "a port from 1");
	expect_bad(PROBE_HTTP, "http://127.0.0.1:/", "a port from 1");
	expect_bad(PROBE_HTTP, "http://a:b@127.0.0.1/", "without '#'");
	expect_bad(PROBE_HTTP, "http://127.0.0.1/#a", "without '#'");
	expect_bad(PROBE_HTTP, "http://127.0.0.1/a b", "printable ASCII");
	expect_bad(PROBE_HTTP, "http://127.0.0.1/\r\nX: y", "printable ASCII");
	expect_bad(PROBE_HTTP, "http://127.0.0.1/\xc3\xa4", "printable ASCII");
	memset(long_url + strlen(long_url), 'a', sizeof(long_url) - 1 - strlen(long_url));
	expect_bad(PROBE_HTTP, long_url, "at most 1024");
	long_url[PROBE_TARGET_MAX] = '\0';
	parsed(PROBE_HTTP, long_url);
}

static void test_unix(void **state)
{
	char path[PROBE_UNIX_PATH_MAX + 2];

	(void)state;
	parsed(PROBE_UNIX, "/run/memcached.sock");
	parsed(PROBE_UNIX, "@obit");
	memset(path, 'a', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	expect_bad(PROBE_UNIX, path, "at most 107");
	path[PROBE_UNIX_PATH_MAX] = '\0';
	parsed(PROBE_UNIX, path);
	expect_bad(PROBE_UNIX, "run/a.sock", "an absolute path");
	expect_bad(PROBE_UNIX, "", "an absolute path");
	expect_bad(PROBE_UNIX, "@", "an absolute path");
	expect_bad(PROBE_UNIX, "/", "an absolute path");
}

/* ---- answers ---- */

static enum probe_verdict judge(const char *answer, bool ended, const char *expect,
				char words[static PROBE_WORDS_SIZE])
{
	/* Exactly as long as it is, so that a sanitizer sees what reads too far. */
	size_t length = strlen(answer);
	_cleanup_free_ char *copy = malloc(length + !length);

	assert_non_null(copy);
	memcpy(copy, answer, length);
	words[0] = '\0';
	return probe_http_judge(copy, length, ended, expect, words);
}

static void expect_verdict(const char *answer, bool ended, const char *expect,
			   enum probe_verdict verdict)
{
	char words[PROBE_WORDS_SIZE];

	assert_int_equal(judge(answer, ended, expect, words), verdict);
	assert_string_equal(words, "");
}

static void expect_words(const char *answer, bool ended, const char *expect, const char *wanted)
{
	char words[PROBE_WORDS_SIZE];

	assert_int_equal(judge(answer, ended, expect, words), PROBE_BAD);
	assert_string_equal(words, wanted);
}

static void test_status(void **state)
{
	(void)state;
	expect_verdict("HTTP/1.0 200 OK", false, NULL, PROBE_GOOD);
	expect_verdict("HTTP/1.1 204\r\n\r\n", false, NULL, PROBE_GOOD);
	expect_verdict("HTTP/1.1 301 Moved\r\n", false, NULL, PROBE_GOOD);
	expect_verdict("HTTP/1.1 399\n", false, NULL, PROBE_GOOD);
	expect_words("HTTP/1.1 400 Bad Request\r\n", false, NULL, "status 400");
	expect_words("HTTP/1.1 503 \r\n", false, NULL, "status 503");
	expect_words("HTTP/1.1 100 Continue\r\n", false, NULL, "status 100");
	expect_words("HTTP/1.1 000 \r\n", false, NULL, "status 0");
	expect_words("HTTP/1.1 503 \r\n\r\nok", true, "ok", "status 503");
}

static void test_drip(void **state)
{
	static const char line[] = "HTTP/1.1 200 ";
	char part[sizeof(line)];

	(void)state;
	for (size_t length = 0; length < strlen(line); length++) {
		memcpy(part, line, length);
		part[length] = '\0';
		expect_verdict(part, false, NULL, PROBE_UNDECIDED);
		expect_words(part, true, NULL,
			     length ? "its answer ends in the first line"
				    : "it closes the connection without an answer");
	}
	expect_verdict(line, false, NULL, PROBE_GOOD);
}

static void test_garbage(void **state)
{
	(void)state;
	expect_words("SSH-2.0-OpenSSH_9.2\r\n", false, NULL, "no HTTP: 'SSH-2.0-OpenSSH_9.2'");
	expect_words("-ERR unknown command", false, NULL, "no HTTP: '-ERR unknown command'");
	expect_words("\n", false, NULL, "no HTTP: ''");
	expect_words("\r\n", false, NULL, "no HTTP: ''");
	expect_words("HTTP/1.1 2000 OK", false, NULL, "no HTTP: 'HTTP/1.1 2000 OK'");
	expect_words("HTTP/1.1 2x0 OK", false, NULL, "no HTTP: 'HTTP/1.1 2x0 OK'");
	expect_words("HTTP/2 200 OK", false, NULL, "no HTTP: 'HTTP/2 200 OK'");
	expect_words("\x1b[2J\xff", false, NULL, "no HTTP: '\\x1b[2J\\xff'");
	expect_words("0123456789012345678901234567890123456789", false, NULL,
		     "no HTTP: '01234567890123456789012345678901'");
}

static void test_expected_text(void **state)
{
	(void)state;
	expect_verdict("HTTP/1.1 200 OK\r\n\r\nall is ok", false, "ok", PROBE_GOOD);
	expect_verdict("HTTP/1.1 200 OK\n\nall is ok", false, "ok", PROBE_GOOD);
	expect_verdict("HTTP/1.1 200 OK\r\n", false, "ok", PROBE_UNDECIDED);
	expect_verdict("HTTP/1.1 200 OK\r\n\r\nall is o", false, "ok", PROBE_UNDECIDED);
	/* The header is none of it. */
	expect_verdict("HTTP/1.1 200 ok\r\nX: ok\r\n", false, "ok", PROBE_UNDECIDED);
	expect_words("HTTP/1.1 200 ok\r\nX: ok\r\n", true, "ok", "'ok' is not in its answer");
	expect_words("HTTP/1.1 200 ok\r\n\r\nsick", true, "ok", "'ok' is not in its answer");
	expect_words("HTTP/1.1 200 OK\r\n\r\n", true, "01234567890123456789012345678901234567",
		     "'01234567890123456789012345678901...' is not in its answer");
}

static void test_endless_answer(void **state)
{
	static const char header[] = "HTTP/1.1 200 OK\r\n\r\n";
	_cleanup_free_ char *answer = malloc(PROBE_ANSWER_MAX + 1);
	char words[PROBE_WORDS_SIZE];

	(void)state;
	assert_non_null(answer);
	memset(answer, 'a', PROBE_ANSWER_MAX);
	memcpy(answer, header, strlen(header));
	answer[PROBE_ANSWER_MAX] = '\0';
	assert_int_equal(judge(answer, false, "ok", words), PROBE_BAD);
	assert_string_equal(words, "'ok' is not in the first 64KiB of its answer");
	answer[PROBE_ANSWER_MAX - 1] = '\0';
	expect_verdict(answer, false, "ok", PROBE_UNDECIDED);
	memset(answer, '\n', PROBE_ANSWER_MAX);
	assert_int_equal(judge(answer, false, "ok", words), PROBE_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp),	      cmocka_unit_test(test_bad_tcp),
		cmocka_unit_test(test_http),	      cmocka_unit_test(test_bad_http),
		cmocka_unit_test(test_unix),	      cmocka_unit_test(test_status),
		cmocka_unit_test(test_drip),	      cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_expected_text), cmocka_unit_test(test_endless_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
