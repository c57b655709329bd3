// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* core/notify: what sd_notify(3) may say, and what is no message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "core/notify.h"

static struct notify_message parse(const char *text)
{
	struct notify_message message;

	assert_int_equal(notify_parse(text, strlen(text), &message), 0);
	return message;
}

static void all_is_taken_from_one_message(void **state)
{
	struct notify_message message = parse("READY=1\nSTATUS=serving 3=4\nMAINPID=4711\n"
					      "RELOADING=1\nSTOPPING=1\nERRNO=2\nWATCHDOG=1\n"
					      "WATCHDOG_USEC=2000000\nEXTEND_TIMEOUT_USEC=5\n"
					      "RESTART_RESET=1\nFDSTORE=1\nX_OTHER=1\nBARRIER=1");

	(void)state;
	assert_true(message.ready && message.reloading && message.stopping && message.alive);
	assert_true(message.forgotten && message.stores_files && !message.hung);
	assert_string_equal(message.status, "serving 3=4");
	assert_int_equal(message.main_pid, 4711);
	assert_true(message.has_error && message.error == 2);
	assert_true(message.has_period && message.period_ns == 2 * NS_PER_SEC);
	assert_int_equal(message.extend_ns, 5 * NS_PER_US);
}

static void what_makes_no_sense_says_nothing(void **state)
{
	static const char *const texts[] = {
		"ready=1",
		"READY=0",
		"READY=yes",
		"READY",
		" READY=1",
		"READY =1",
		"READYY=1",
		"MAINPID=-1",
		"MAINPID=",
		"MAINPID=4194304",
		"MAINPID=12x",
		"WATCHDOG=2",
		"ERRNO=5000",
		"ERRNO=EIO",
		"WATCHDOG_USEC=-",
		"EXTEND_TIMEOUT_USEC=1s",
		"=1",
		"\n\n",
		"WATCHDOG_USEC=99999999999999999999",
	};
	static const struct notify_message nothing;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct notify_message message = parse(texts[i]);

		if (memcmp(&message, &nothing, sizeof(nothing)) != 0)
			fail_msg("taken: %s", texts[i]);
	}
}

static void some_bytes_are_no_message(void **state)
{
	struct notify_message message;
	char big[NOTIFY_MAX + 1];

	(void)state;
	memset(big, 'x', sizeof(big));
	assert_int_equal(notify_parse("", 0, &message), -EINVAL);
	assert_int_equal(notify_parse("READY=1\0", 8, &message), -EINVAL);
	assert_int_equal(notify_parse(big, sizeof(big), &message), -EINVAL);
	assert_int_equal(notify_parse(big, sizeof(big) - 1, &message), 0);
}

static void a_status_is_cut_and_cannot_control_a_terminal(void **state)
{
	char text[NOTIFY_STATUS_SIZE + 100] = "STATUS=";
	struct notify_message message = parse("STATUS=\x1b[2J\x7f \xc3\xa4");

	(void)state;
	assert_string_equal(message.status, "?[2J? \xc3\xa4");
	memset(text + 7, 's', sizeof(text) - 8);
	message = parse(text);
	assert_int_equal(strlen(message.status), NOTIFY_STATUS_SIZE - 1);
	assert_true(parse("STATUS=").has_status); /* there is none any more */
}

static void an_endless_period_is_none(void **state)
{
	struct notify_message message = parse("WATCHDOG_USEC=18446744073709551615");

	(void)state;
	assert_true(message.has_period && message.period_ns == 0);
	assert_true(parse("WATCHDOG_USEC=0").has_period);
	assert_true(parse("WATCHDOG=trigger").hung);
}

/* Whose hang is left alone is looked at once in that time. */
static void a_period_has_a_least(void **state)
{
	(void)state;
	assert_int_equal(parse("WATCHDOG_USEC=1").period_ns, 100 * NS_PER_MS);
	assert_int_equal(parse("WATCHDOG_USEC=99999").period_ns, 100 * NS_PER_MS);
	assert_int_equal(parse("WATCHDOG_USEC=100001").period_ns, 100001 * NS_PER_US);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_is_taken_from_one_message),
		cmocka_unit_test(what_makes_no_sense_says_nothing),
		cmocka_unit_test(some_bytes_are_no_message),
		cmocka_unit_test(a_status_is_cut_and_cannot_control_a_terminal),
		cmocka_unit_test(an_endless_period_is_none),
		cmocka_unit_test(a_period_has_a_least),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
