/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where a probe goes, from text; and what an HTTP server's answer means. Pure. The answer is whatever somebody
 * sends. */
#ifndef OBIT_CORE_PROBE_TARGET_H
#define OBIT_CORE_PROBE_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum probe_type { PROBE_TCP, PROBE_UNIX, PROBE_HTTP, PROBE_COMMAND, _PROBE_TYPE_MAX };

#define PROBE_TARGET_MAX    1024 /* bytes of an address or URL */
#define PROBE_UNIX_PATH_MAX 107	 /* bytes of sun_path, without its NUL */

struct probe_target {
	bool v6;
	uint8_t address[16]; /* in network order; of IPv4 the first four */
	uint16_t port;	     /* in host order */
	/* http: what the request names, both within the text. */
	const char *authority; /* "127.0.0.1:8080", as it was written */
	size_t authority_length;
	const char *path; /* with its query; "" for "/" */
};

/* "127.0.0.1:80", "[::1]:80", "localhost:80" for tcp, "http://" in front and a path behind for http, a path or an
 * abstract "@name" for unix (which leaves ret as it is). Not for a command. On -EINVAL *ret_expected is what was
 * expected, in words. */
int probe_parse_target(enum probe_type type, const char *text, struct probe_target *ret,
		       const char **ret_expected);

#define PROBE_REQUEST_SIZE (2 * PROBE_TARGET_MAX + 256)
/* Writes the request and returns its length. */
size_t probe_http_request(const struct probe_target *target, char buf[static PROBE_REQUEST_SIZE]);

enum probe_verdict {
	PROBE_UNDECIDED, /* more of the answer is needed */
	PROBE_GOOD,
	PROBE_BAD,
};

#define PROBE_WORDS_SIZE 160
#define PROBE_ANSWER_MAX 65536 /* bytes of an answer that are looked at */

/* What is known of the first `length` bytes of an answer, at most PROBE_ANSWER_MAX; `ended`: it has no more. Good is a
 * status of 2xx or 3xx, and `expect` in the body unless that is NULL. For PROBE_BAD `words` says why. */
enum probe_verdict probe_http_judge(const char *answer, size_t length, bool ended,
				    const char *expect, char words[static PROBE_WORDS_SIZE]);

#endif
