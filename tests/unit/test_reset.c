// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <linux/watchdog.h>

#include "base/cleanup.h"
#include "core/reset.h"

static void tells_resets_apart(void **state)
{
	static const struct {
		struct reset_before before;
		bool told;
		unsigned status;
		enum reset_cause cause;
		bool counts;
	} cases[] = {
		/* nothing was written down */
		{{0}, false, 0, RESET_NONE, false},
		{{0}, true, 0, RESET_NONE, false},
		{{0}, true, WDIOF_CARDRESET, RESET_FOREIGN, false},
		{{0}, true, WDIOF_POWERUNDER, RESET_NONE, false},
		/* obitd was killed, or the kernel hung */
		{{.armed = true}, true, WDIOF_CARDRESET, RESET_BITTEN, true},
		{{.armed = true}, false, 0, RESET_NONE, false},
		/* a flag that stays over a reboot */
		{{.armed = true, .ended = true}, true, WDIOF_CARDRESET, RESET_FOREIGN, false},
		/* last words */
		{{.armed = true, .starved = true}, true, WDIOF_CARDRESET, RESET_STARVED, true},
		{{.armed = true, .starved = true},
		 true,
		 WDIOF_CARDRESET | WDIOF_POWERUNDER,
		 RESET_STARVED,
		 true},
		{{.armed = true, .starved = true}, true, WDIOF_POWERUNDER, RESET_POWER, false},
		{{.armed = true, .starved = true}, true, WDIOF_POWEROVER, RESET_POWER, false},
		{{.armed = true, .starved = true}, true, 0, RESET_UNSURE, true},
		{{.armed = true, .starved = true}, false, 0, RESET_UNSURE, true},
		{{.armed = true, .starved = true, .ended = true}, false, 0, RESET_UNSURE, true},
		/* the orderly way, or the attempt */
		{{.armed = true, .starved = true, .ended = true, .rebooted = true},
		 true,
		 0,
		 RESET_REBOOT,
		 true},
		{{.armed = true, .starved = true, .ended = true, .rebooted = true},
		 true,
		 WDIOF_CARDRESET,
		 RESET_STARVED,
		 true},
		{{.armed = true, .starved = true, .rebooted = true}, true, 0, RESET_UNSURE, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		enum reset_cause cause = reset_judge(&cases[i].before, cases[i].told,
						     cases[i].status);

		if (cause != cases[i].cause || reset_counts(cause) != cases[i].counts)
			fail_msg("case %zu: %s", i, reset_cause_name(cause));
		assert_non_null(reset_cause_words(cause));
	}
}

static void names_the_flags(void **state)
{
	unsigned status = WDIOF_OVERHEAT | WDIOF_CARDRESET | WDIOF_KEEPALIVEPING;

	(void)state;
	assert_string_equal(reset_status_name(status, 0), "overheat");
	assert_string_equal(reset_status_name(status, 1), "card_reset");
	assert_null(reset_status_name(status, 2));
	assert_null(reset_status_name(0, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_resets_apart),
		cmocka_unit_test(names_the_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
