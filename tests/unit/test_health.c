// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "core/health.h"

#define S(seconds) ((uint64_t)(seconds)*NS_PER_SEC)

static const struct health_self attached = {.attached = true};

/* A critical watch that has been down since second 100 and may be so for 60 s. */
static struct health_watch down_watch(const char *name)
{
	return (struct health_watch){.name = name,
				     .critical = true,
				     .down_since_ns = S(100),
				     .recover_within_ns = S(60)};
}

static struct health_watch up_watch(const char *name)
{
	return (struct health_watch){
		.name = name, .critical = true, .up = true, .recover_within_ns = S(60)};
}

static void feeds_without_critical_watches(void **state)
{
	struct health_watch watch = down_watch("web");
	struct health_verdict verdict;

	(void)state;
	assert_true(health_feed(NULL, 0, &attached, S(1), &verdict));
	assert_string_equal(verdict.text, "no watch is critical");
	watch.critical = false;
	watch.buried = true;
	assert_true(health_feed(&watch, 1, &attached, S(100000), &verdict));
	assert_true(verdict.feed);
	assert_null(verdict.held_by);
	assert_int_equal(health_next_change_ns(&watch, 1, &attached, S(100)), 0);
}

static void feeds_while_all_are_up(void **state)
{
	struct health_watch watches[] = {up_watch("web"), up_watch("db")};
	struct health_verdict verdict;

	(void)state;
	assert_true(health_feed(watches, 1, &attached, S(1), &verdict));
	assert_string_equal(verdict.text, "the critical watch is healthy");
	assert_true(health_feed(watches, 2, &attached, S(1), &verdict));
	assert_string_equal(verdict.text, "all 2 critical watches are healthy");
	assert_null(verdict.held_by);
	assert_int_equal(verdict.left_ns, 0);
	assert_int_equal(health_next_change_ns(watches, 2, &attached, S(1)), 0);
}

static void starves_without_the_kernel_side(void **state)
{
	struct health_watch watch = up_watch("web"), down = down_watch("web");
	struct health_self gone = {.attached = false};
	struct health_verdict verdict;

	(void)state;
	assert_false(health_feed(&watch, 1, &gone, S(1), &verdict));
	assert_false(verdict.feed);
	assert_null(verdict.held_by);
	assert_non_null(strstr(verdict.text, "kernel side is not attached"));
	assert_int_equal(health_next_change_ns(&down, 1, &gone, S(110)), 0);
}

static void follows_the_recovery_deadline(void **state)
{
	static const struct {
		uint64_t now_ns;
		bool feed;
		uint64_t left_ns;
		uint64_t next_ns;
		const char *text;
	} cases[] = {
		/* A clock that is behind the death: nothing has passed yet. */
		{S(90), true, S(70), S(160) + 1,
		 "web has been down for 0us; the watchdog is still fed for 1min 10s"},
		{S(100), true, S(60), S(160) + 1,
		 "web has been down for 0us; the watchdog is still fed for 1min 0s"},
		{S(112), true, S(48), S(160) + 1,
		 "web has been down for 12s; the watchdog is still fed for 48s"},
		{S(160), true, 0, S(160) + 1,
		 "web has been down for 1min 0s; the watchdog is still fed for 0us"},
		{S(160) + 1, false, 0, 0,
		 "web has been down for 1min 0s, longer than recover_within = 1min 0s: "
		 "the watchdog is not fed"},
		{S(1000), false, 0, 0,
		 "web has been down for 15min 0s, longer than recover_within = 1min 0s: "
		 "the watchdog is not fed"},
	};
	struct health_watch watches[] = {up_watch("db"), down_watch("web")};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct health_verdict verdict;

		assert_int_equal(health_feed(watches, 2, &attached, cases[i].now_ns, &verdict),
				 cases[i].feed);
		assert_int_equal(verdict.feed, cases[i].feed);
		assert_ptr_equal(verdict.held_by, watches[1].name);
		assert_int_equal(verdict.left_ns, cases[i].left_ns);
		assert_string_equal(verdict.text, cases[i].text);
		assert_int_equal(health_next_change_ns(watches, 2, &attached, cases[i].now_ns),
				 cases[i].next_ns);
	}
}

/* The promised moment is the very first at which the verdict is another one. */
static void next_change_is_exact(void **state)
{
	struct health_watch watches[] = {down_watch("web"), down_watch("db")};
	struct health_verdict verdict;
	uint64_t next;

	(void)state;
	watches[0].down_since_ns = S(70);
	next = health_next_change_ns(watches, 2, &attached, S(101));
	assert_true(health_feed(watches, 2, &attached, next - 1, &verdict));
	assert_false(health_feed(watches, 2, &attached, next, &verdict));
	assert_string_equal(verdict.held_by, "web");
}

static void buried_is_never_healthy(void **state)
{
	struct health_watch watch = down_watch("web");
	struct health_verdict verdict;

	(void)state;
	watch.buried = true;
	assert_false(health_feed(&watch, 1, &attached, S(100), &verdict));
	assert_string_equal(verdict.held_by, "web");
	assert_string_equal(verdict.text,
			    "web is buried: the watchdog is not fed until it is revived");
	assert_int_equal(health_next_change_ns(&watch, 1, &attached, S(100)), 0);
	watch.up = true;
	assert_false(health_feed(&watch, 1, &attached, S(100), &verdict));
}

static void absent_counts_from_the_start(void **state)
{
	struct health_watch watch = down_watch("web");
	struct health_verdict verdict;

	(void)state;
	watch.absent = true;
	assert_true(health_feed(&watch, 1, &attached, S(110), &verdict));
	assert_string_equal(verdict.text,
			    "web has not appeared for 10s; the watchdog is still fed for 50s");
	assert_false(health_feed(&watch, 1, &attached, S(161), &verdict));
	assert_string_equal(
		verdict.text,
		"web has not appeared for 1min 1s, longer than recover_within = 1min 0s: "
		"the watchdog is not fed");
}

static void names_the_most_pressing(void **state)
{
	struct health_watch watches[] = {down_watch("a"), down_watch("b"), down_watch("c")};
	struct health_verdict verdict;

	(void)state;
	watches[1].recover_within_ns = S(20);
	assert_true(health_feed(watches, 3, &attached, S(110), &verdict));
	assert_string_equal(verdict.held_by, "b");
	assert_int_equal(verdict.left_ns, S(10));
	assert_false(health_feed(watches, 3, &attached, S(121), &verdict));
	assert_string_equal(verdict.held_by, "b");
	watches[2].buried = true;
	assert_false(health_feed(watches, 3, &attached, S(121), &verdict));
	assert_string_equal(verdict.held_by, "c");
}

static void an_endless_deadline_never_comes(void **state)
{
	struct health_watch watch = down_watch("web");
	struct health_verdict verdict;

	(void)state;
	watch.recover_within_ns = UINT64_MAX;
	assert_true(health_feed(&watch, 1, &attached, UINT64_MAX - 1, &verdict));
	assert_int_equal(health_next_change_ns(&watch, 1, &attached, S(100)), 0);
	watch.recover_within_ns = 0;
	assert_true(health_feed(&watch, 1, &attached, S(100), &verdict));
	assert_false(health_feed(&watch, 1, &attached, S(100) + 1, &verdict));
}

static void hung_counts_like_down(void **state)
{
	struct health_watch watch = up_watch("web");
	struct health_verdict verdict;

	(void)state;
	watch.hung = true;
	watch.down_since_ns = S(100);
	assert_true(health_feed(&watch, 1, &attached, S(112), &verdict));
	assert_string_equal(verdict.text,
			    "web has been hanging for 12s; the watchdog is still fed for 48s");
	assert_string_equal(verdict.held_by, "web");
	assert_false(health_feed(&watch, 1, &attached, S(161), &verdict));
	assert_string_equal(verdict.text, "web has been hanging for 1min 1s, longer than "
					  "recover_within = 1min 0s: the watchdog is not fed");
	watch.critical = false;
	assert_true(health_feed(&watch, 1, &attached, S(161), &verdict));
	assert_false(verdict.ill);
}

static void obitd_itself_must_do_its_work(void **state)
{
	static const struct {
		struct health_self self;
		uint64_t now_ns;
		bool feed, ill;
		uint64_t left_ns;
		const char *text;
	} cases[] = {
		{{.attached = false},
		 S(1),
		 false,
		 true,
		 0,
		 "the kernel side is not attached, so deaths would go unseen: the watchdog is not "
		 "fed"},
		{{.attached = true, .late_since_ns = S(100)},
		 S(110),
		 true,
		 true,
		 S(50),
		 "the loop of obitd has been late for 10s: the watchdog is still fed"},
		{{.attached = true, .late_since_ns = S(100)},
		 S(160),
		 true,
		 true,
		 0,
		 "the loop of obitd has been late for 1min 0s: the watchdog is still fed"},
		{{.attached = true, .late_since_ns = S(100)},
		 S(161),
		 false,
		 true,
		 0,
		 "the loop of obitd has been late for 1min 1s: the watchdog is not fed"},
		{{.attached = true, .unread_since_ns = S(100)},
		 S(161),
		 false,
		 true,
		 0,
		 "deaths have waited to be read for 1min 1s: the watchdog is not fed"},
		{{.attached = true, .unread_since_ns = S(100), .late_since_ns = S(90)},
		 S(130),
		 true,
		 true,
		 S(20),
		 "the loop of obitd has been late for 40s: the watchdog is still fed"},
		{{.attached = true, .unread_since_ns = S(80), .late_since_ns = S(90)},
		 S(130),
		 true,
		 true,
		 S(10),
		 "deaths have waited to be read for 50s: the watchdog is still fed"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct health_watch watch = up_watch("web");
		struct health_verdict verdict;

		assert_int_equal(health_feed(&watch, 1, &cases[i].self, cases[i].now_ns, &verdict),
				 cases[i].feed);
		assert_int_equal(verdict.ill, cases[i].ill);
		assert_int_equal(verdict.left_ns, cases[i].left_ns);
		assert_string_equal(verdict.text, cases[i].text);
		assert_null(verdict.held_by);
	}
}

/* What is not known yet holds nothing back, and the start itself not for long. */
static void a_start_has_a_deadline(void **state)
{
	struct health_self self = {.attached = false, .starting_since_ns = S(100)};
	struct health_watch watch = down_watch("web");
	struct health_verdict verdict;

	(void)state;
	watch.buried = true;
	assert_true(health_feed(&watch, 1, &self, S(130), &verdict));
	assert_true(verdict.ill);
	assert_null(verdict.held_by);
	assert_int_equal(verdict.left_ns, S(30));
	assert_string_equal(verdict.text,
			    "obitd has been starting for 30s: the watchdog is still fed");
	assert_int_equal(health_next_change_ns(&watch, 1, &self, S(130)), S(160) + 1);
	assert_true(health_feed(&watch, 1, &self, S(160), &verdict));
	assert_false(health_feed(&watch, 1, &self, S(160) + 1, &verdict));
	assert_string_equal(verdict.text,
			    "obitd has been starting for 1min 0s: the watchdog is not fed");
	self.attached = true;
	assert_false(health_feed(NULL, 0, &self, S(161), &verdict));
}

static void the_first_end_of_patience_is_the_next_change(void **state)
{
	struct health_self self = {.attached = true, .late_since_ns = S(100)};
	struct health_watch watch = down_watch("web");

	(void)state;
	watch.recover_within_ns = S(70);
	assert_int_equal(health_next_change_ns(&watch, 1, &self, S(110)), S(160) + 1);
	watch.recover_within_ns = S(30);
	assert_int_equal(health_next_change_ns(&watch, 1, &self, S(110)), S(130) + 1);
	assert_int_equal(health_next_change_ns(&watch, 1, &self, S(161)), 0);
	watch = up_watch("web");
	assert_int_equal(health_next_change_ns(&watch, 1, &self, S(110)), S(160) + 1);
}

static void long_names_are_cut(void **state)
{
	char name[1000];
	struct health_watch watch = down_watch(name);
	struct health_verdict verdict;

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_true(health_feed(&watch, 1, &attached, S(110), &verdict));
	assert_int_equal(strlen(verdict.text), sizeof(verdict.text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(feeds_without_critical_watches),
		cmocka_unit_test(feeds_while_all_are_up),
		cmocka_unit_test(starves_without_the_kernel_side),
		cmocka_unit_test(follows_the_recovery_deadline),
		cmocka_unit_test(next_change_is_exact),
		cmocka_unit_test(buried_is_never_healthy),
		cmocka_unit_test(absent_counts_from_the_start),
		cmocka_unit_test(names_the_most_pressing),
		cmocka_unit_test(an_endless_deadline_never_comes),
		cmocka_unit_test(hung_counts_like_down),
		cmocka_unit_test(obitd_itself_must_do_its_work),
		cmocka_unit_test(a_start_has_a_deadline),
		cmocka_unit_test(the_first_end_of_patience_is_the_next_change),
		cmocka_unit_test(long_names_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
