// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "core/secret.h"

static void names_and_urls_tell_a_secret(void **state)
{
	static const struct {
		const char *entry;
		bool secret;
	} rows[] = {
		{"API_KEY=1", true},
		{"github_token=1", true},
		{"DB_PASSWORD=1", true},
		{"MYSQL_PWD=1", true},
		{"AWS_CREDENTIALS=1", true},
		{"PROXY_AUTH=1", true},
		{"CLIENT_SECRET=", true},
		{"DATABASE_URL=postgres://me:pw@db/x", true},
		{"URLS=http://a/ amqp://u:p@h", true},
		{"SECRET", true},
		{"PATH=/bin", false},
		{"PWD=/root", false},
		{"OLDPWD=/root", false},
		{"URL=http://host:80/a@b", false},
		{"URL=http://user@host:80/", false},
		{"URL=http://host/?next=a:b@c", false},
		{"URL=http://user:@host", false},
		{"LANG=C", false},
		{"", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (secret_is_variable(rows[i].entry) != rows[i].secret)
			fail_msg("%s", rows[i].entry);
}

static void a_view_hides_nothing_some_or_all(void **state)
{
	(void)state;
	assert_true(secret_is_hidden("PATH=/bin", SECRET_NAMES));
	assert_false(secret_is_hidden("PATH=/bin", SECRET_MASKED));
	assert_true(secret_is_hidden("KEY=1", SECRET_MASKED));
	assert_false(secret_is_hidden("KEY=1", SECRET_ALL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_urls_tell_a_secret),
		cmocka_unit_test(a_view_hides_nothing_some_or_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
