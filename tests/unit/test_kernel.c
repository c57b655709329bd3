// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "core/kernel.h"

static void each_feature_has_its_words(void **state)
{
	(void)state;
	for (int i = 0; i < _KERNEL_FEATURE_MAX; i++) {
		enum kernel_feature feature = (enum kernel_feature)i;

		assert_true(strlen(kernel_feature_name(feature)) > 0);
		assert_in_range(strlen(kernel_feature_without(feature)), 1, 72);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(kernel_feature_name(feature),
						kernel_feature_name((enum kernel_feature)j));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_feature_has_its_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
