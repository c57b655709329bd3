// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "test_cli_capture.h"

#include "base/cleanup.h"
#include "cli/alloc.h"
#include "cli/pattern.h"

#define LIVES 8

#define EXIT(n)	  "\"how\": \"exited\", \"exit_status\": " #n
#define SIGNAL(s) "\"how\": \"killed\", \"signal\": \"" s "\""
#define OOM(mib)                                                                                   \
	SIGNAL("SIGKILL")                                                                          \
	", \"cause\": \"oom\", \"oom_cause\": {\"scope\": \"cgroup\", \"limit_bytes\": " #mib      \
	"048576}"
#define SEGV(a)                                                                                    \
	SIGNAL("SIGSEGV")                                                                          \
	", \"cause\": \"fault\", \"fault\": {\"name\": \"SEGV_MAPERR\", \"address\": \"" a "\"}"
#define KILL(path)                                                                                 \
	SIGNAL("SIGKILL")                                                                          \
	", \"cause\": \"process\", \"killer\": {\"pid\": 5, \"comm\": \"k\", \"path\": \"" path    \
	"\"}"
#define ASKED(path)                                                                                \
	", \"asked_by\": {\"pid\": 5, \"comm\": \"k\", \"path\": \"" path                          \
	"\", \"signal\": \"SIGTERM\"}"
#define ABORT SIGNAL("SIGABRT") ", \"cause\": \"itself\""

struct life {
	const char *time; /* of its end; a date of November 2026 and a clock */
	int64_t lived_ms; /* -1: not known */
	const char *end;
};

/* "21T03:00:00" and the rest into an obituary. */
static struct json_object *obituary(const struct life *life)
{
	_cleanup_free_ char *lived = must_printf(", \"lived_ns\": %lld",
						 (long long)life->lived_ms * 1000000);
	_cleanup_free_ char *text = must_printf(
		"{\"watch\": \"web\", \"role\": \"main\", \"path\": \"/usr/sbin/nginx\", "
		"\"pid\": 7, \"time\": \"2026-11-%s.5+01:00\", %s%s}",
		life->time, life->end, life->lived_ms < 0 ? "" : lived);

	return parse(text);
}

static struct json_object *obituaries(const struct life lives[static LIVES])
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < LIVES && lives[i].time; i++)
		json_object_array_add(array, obituary(&lives[i]));
	return array;
}

static const struct {
	const char *name;
	struct life lives[LIVES];
	const char *sentence;
} rows[] = {
	{"nothing", {{0}}, NULL},
	{"one", {{"21T03:00:00", 2000, EXIT(1)}}, NULL},
	{"two of a kind", {{"21T03:00:02", 2000, EXIT(1)}, {"21T03:00:00", 2000, EXIT(1)}}, NULL},
	{"a start that fails",
	 {{"21T03:00:06", 1600, EXIT(1)},
	  {"21T03:00:03", 1400, EXIT(1)},
	  {"21T03:00:00", 1500, EXIT(1)}},
	 "3 deaths in 6 seconds, each time exit status 1, within 2 seconds of its start: it did "
	 "not come up."},
	{"a short job that ends well did its work",
	 {{"21T03:00:06", 900, EXIT(0)},
	  {"21T03:00:03", 800, EXIT(0)},
	  {"21T03:00:00", 900, EXIT(0)}},
	 "3 deaths in 6 seconds, each time exit status 0, within 1 second of its start."},
	{"out of memory, again and again",
	 {{"21T03:09:50", 122000, OOM(1)},
	  {"21T03:07:00", 118000, OOM(1)},
	  {"21T03:04:00", 131000, OOM(1)},
	  {"21T03:01:00", 109000, OOM(1)}},
	 "4 deaths in 9 minutes, each time out of memory at 1 MiB, after about 2 minutes."},
	{"another limit each time",
	 {{"21T03:09:50", 122000, OOM(2)},
	  {"21T03:07:00", 118000, OOM(1)},
	  {"21T03:04:00", 131000, OOM(1)}},
	 "3 deaths in 6 minutes, each time out of memory, after about 2 minutes."},
	{"lives that differ by more than half are no pattern",
	 {{"21T03:09:50", 122000, OOM(1)},
	  {"21T03:07:00", 60000, OOM(1)},
	  {"21T03:04:00", 110000, OOM(1)}},
	 "3 deaths in 6 minutes, each time out of memory at 1 MiB."},
	{"a life that is not known",
	 {{"21T03:09:50", 122000, OOM(1)},
	  {"21T03:07:00", -1, OOM(1)},
	  {"21T03:04:00", 131000, OOM(1)}},
	 "3 deaths in 6 minutes, each time out of memory at 1 MiB."},
	{"the same bug",
	 {{"21T09:00:00", 7200000, SEGV("0x18")},
	  {"21T07:00:00", 18000000, SEGV("0x18")},
	  {"21T02:00:00", 60000, SEGV("0x18")}},
	 "3 deaths in 7 hours, each time SIGSEGV at address 0x18."},
	{"not the same address",
	 {{"21T09:00:00", 7200000, SEGV("0x18")},
	  {"21T07:00:00", 18000000, SEGV("0x7f00aa")},
	  {"21T02:00:00", 60000, SEGV("0x18")}},
	 "3 deaths in 7 hours, each time SIGSEGV."},
	{"the same killer",
	 {{"21T09:00:00", 7200000, KILL("/usr/bin/killer")},
	  {"20T07:10:00", 18000000, KILL("/usr/bin/killer")},
	  {"18T02:00:00", 60000, KILL("/usr/bin/killer")}},
	 "3 deaths in 4 days, each time SIGKILL sent by /usr/bin/killer."},
	{"not the same killer",
	 {{"21T09:00:00", 7200000, KILL("/usr/bin/killer")},
	  {"20T07:10:00", 18000000, KILL("/usr/bin/kill")},
	  {"18T02:00:00", 60000, KILL("/usr/bin/killer")}},
	 "3 deaths in 4 days, each time SIGKILL."},
	{"a short life that somebody ended is no start that failed",
	 {{"21T03:00:06", 1600, KILL("/bin/kill")},
	  {"21T03:00:03", 1400, KILL("/bin/kill")},
	  {"21T03:00:00", 1500, KILL("/bin/kill")}},
	 "3 deaths in 6 seconds, each time SIGKILL sent by /bin/kill, within 2 seconds of its "
	 "start."},
	{"the same asker",
	 {{"21T09:00:00", 7200000, EXIT(0) ASKED("/usr/bin/systemctl")},
	  {"21T08:10:00", 18000000, EXIT(0) ASKED("/usr/bin/systemctl")},
	  {"21T07:30:00", 60000, EXIT(0) ASKED("/usr/bin/systemctl")}},
	 "3 deaths in 2 hours, each time exit status 0 when asked to stop by /usr/bin/systemctl."},
	{"aborts",
	 {{"21T03:00:06", 1600, ABORT}, {"21T03:00:03", 1400, ABORT}, {"21T03:00:00", 1500, ABORT}},
	 "3 deaths in 6 seconds, each time SIGABRT by itself, within 2 seconds of its start: it "
	 "did not come up."},
	{"close together, of different causes",
	 {{"21T03:20:00", 600000, EXIT(1)},
	  {"21T03:10:00", 601000, SEGV("0x0")},
	  {"21T03:00:00", 599000, EXIT(2)}},
	 "3 deaths in 20 minutes, of different causes, each after about 10 minutes."},
	{"young, of different causes",
	 {{"21T03:00:06", 1600, EXIT(1)},
	  {"21T03:00:03", 1400, ABORT},
	  {"21T03:00:00", 1500, EXIT(2)}},
	 "3 deaths in 6 seconds, of different causes, each within 2 seconds of its start: it did "
	 "not "
	 "come up."},
	{"far apart, of different causes",
	 {{"21T09:20:00", 1000000, EXIT(1)},
	  {"20T03:10:00", 601000, SEGV("0x0")},
	  {"17T03:00:00", 599000, EXIT(2)}},
	 NULL},
	{"the same signal for different causes",
	 {{"21T09:20:00", 1000000, KILL("/bin/kill")},
	  {"21T07:10:00", 601000, OOM(1)},
	  {"21T04:00:00", 599000, KILL("/bin/kill")}},
	 NULL},
	{"hours apart, of different causes",
	 {{"21T09:20:00", 1000000, EXIT(1)},
	  {"21T07:10:00", 601000, SEGV("0x0")},
	  {"21T04:00:00", 599000, EXIT(2)}},
	 NULL},
	{"a burst is not watered down by older deaths of the same cause",
	 {{"21T03:00:06", 1600, EXIT(1)},
	  {"21T03:00:03", 1400, EXIT(1)},
	  {"21T03:00:00", 1500, EXIT(1)},
	  {"11T05:00:00", 1500, EXIT(1)},
	  {"03T23:00:00", 1500, EXIT(1)}},
	 "3 deaths in 6 seconds, each time exit status 1, within 2 seconds of its start: it did "
	 "not come up."},
	{"the newest is of another kind",
	 {{"21T09:20:00", 1000000, EXIT(0)},
	  {"20T03:10:00", 601000, OOM(1)},
	  {"17T04:00:00", 599000, OOM(1)},
	  {"16T05:00:00", 599000, OOM(1)}},
	 NULL},
	{"every night",
	 {{"21T03:02:10", 86400000, OOM(1)},
	  {"20T03:00:05", 86400000, OOM(1)},
	  {"19T03:08:00", 86400000, OOM(1)},
	  {"18T03:01:00", 3600000, OOM(1)}},
	 "Dies about once a day, at the same time of day (03:02): 4 times now, each time out of "
	 "memory at 1 MiB."},
	{"about midnight",
	 {{"21T00:02:10", 86400000, EXIT(1)},
	  {"19T23:58:05", 86400000, EXIT(1)},
	  {"19T00:01:00", 86400000, EXIT(1)}},
	 "Dies about once a day, at the same time of day (00:02): 3 times now, each time exit "
	 "status 1."},
	{"every week, by the same hand",
	 {{"29T04:30:00", 86400000, EXIT(0) ASKED("/usr/sbin/logrotate")},
	  {"22T04:30:20", 86400000, EXIT(0) ASKED("/usr/sbin/logrotate")},
	  {"15T04:30:03", 86400000, EXIT(0) ASKED("/usr/sbin/logrotate")}},
	 "Dies about once a week, at the same time of day (04:30): 3 times now, each time exit "
	 "status 0 when asked to stop by /usr/sbin/logrotate."},
	{"some nights, of different causes",
	 {{"29T04:30:00", 86400000, EXIT(1)},
	  {"28T04:30:20", 86400000, SEGV("0x0")},
	  {"15T04:30:03", 86400000, EXIT(1)}},
	 "Dies at the same time of day (04:30): 3 times now, of different causes."},
	{"two nights are chance",
	 {{"21T03:02:10", 86400000, EXIT(1)},
	  {"20T03:00:05", 86400000, EXIT(1)},
	  {"19T17:08:00", 3600000, SEGV("0x0")}},
	 NULL},
	{"every hour",
	 {{"21T06:17:02", 3600000, SEGV("0x0")},
	  {"21T05:17:01", 3600000, SEGV("0x0")},
	  {"21T04:16:30", 3600000, SEGV("0x0")},
	  {"21T03:17:05", 3600000, SEGV("0x0")}},
	 "Dies about once an hour, at the same minute (17): 4 times now, each time SIGSEGV at "
	 "address 0x0."},
	{"every second hour is what its life makes of it",
	 {{"21T10:17:02", 7190000, SEGV("0x0")},
	  {"21T08:17:01", 7190000, SEGV("0x0")},
	  {"21T06:16:30", 7190000, SEGV("0x0")},
	  {"21T04:17:05", 7190000, SEGV("0x0")}},
	 "4 deaths in 6 hours, each time SIGSEGV at address 0x0, after about 2 hours."},
	{"every 20 minutes, as it lives so long",
	 {{"21T04:03:02", 1190000, EXIT(1)},
	  {"21T03:43:01", 1190000, EXIT(1)},
	  {"21T03:23:00", 1190000, EXIT(1)},
	  {"21T03:03:05", 1190000, EXIT(1)}},
	 "4 deaths in 60 minutes, each time exit status 1, after about 20 minutes."},
	{"started in vain every 20 minutes",
	 {{"21T04:03:02", 1500, EXIT(1)},
	  {"21T03:43:01", 1500, EXIT(1)},
	  {"21T03:23:00", 1500, EXIT(1)},
	  {"21T03:03:05", 1500, EXIT(1)}},
	 "Dies about every 20 minutes: 4 times now, each time exit status 1, within 2 seconds of "
	 "its start: it did not come up."},
	{"three times are no period",
	 {{"21T04:03:02", 1500, EXIT(1)},
	  {"21T03:43:01", 1500, EXIT(1)},
	  {"21T03:23:00", 1500, EXIT(1)}},
	 "3 deaths in 41 minutes, each time exit status 1, within 2 seconds of its start: it did "
	 "not come up."},
	{"a clock that was set back",
	 {{"21T03:00:06", 1600, EXIT(1)},
	  {"21T03:00:03", 1400, EXIT(1)},
	  {"21T05:00:00", 1500, EXIT(1)},
	  {"21T04:59:00", 1500, EXIT(1)}},
	 NULL},
	{"a time that is none",
	 {{"21T03:00:06", 1600, EXIT(1)},
	  {"21T03:00", 1400, EXIT(1)},
	  {"21T03:00:00", 1500, EXIT(1)}},
	 NULL},
	{"an end that is not known",
	 {{"21T03:00:06", 1600, EXIT(1)},
	  {"21T03:00:03", 1400, "\"how\": \"vanished\""},
	  {"21T03:00:00", 1500, EXIT(1)}},
	 NULL},
};

static void test_a_pattern_is_told_where_there_is_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct json_object *deaths = obituaries(rows[i].lives);
		_cleanup_free_ char *sentence = pattern_of(deaths);

		if (strcmp(sentence ? sentence : "", rows[i].sentence ? rows[i].sentence : "") != 0)
			fail_msg("%s:\n%s\nnot\n%s", rows[i].name, sentence, rows[i].sentence);
		json_object_put(deaths);
	}
}

/* Of a watch that covers many programs only those of the newest one's kind count. */
static void test_only_the_same_program_counts(void **state)
{
	static const struct life lives[LIVES] = {
		{"21T03:00:09", 1500, EXIT(1)},
		{"21T03:00:06", 1500, EXIT(1)},
		{"21T03:00:03", 1500, EXIT(1)},
		{"21T03:00:00", 1500, EXIT(1)},
	};
	static const char *const keys[] = {"watch", "path", "role"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct json_object *deaths = obituaries(lives);
		_cleanup_free_ char *three = NULL;

		json_object_object_add(json_object_array_get_idx(deaths, 1), keys[i],
				       json_object_new_string("other"));
		three = pattern_of(deaths);
		assert_contains(three, "3 deaths in 9 seconds");
		json_object_object_add(json_object_array_get_idx(deaths, 2), keys[i], NULL);
		assert_null(pattern_of(deaths));
		json_object_put(deaths);
	}
}

/* 50 deaths are as many as are asked for; more than are looked at do no harm either. */
static void test_many_deaths(void **state)
{
	struct json_object *deaths = json_object_new_array();
	struct life life = {"21T03:00:00", 1500, EXIT(1)};

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		json_object_array_add(deaths, obituary(&life));
	assert_text(pattern_of(deaths), "256 deaths in 1 second, each time exit status 1, within 2 "
					"seconds of its start: it did not come up.");
	json_object_put(deaths);
}

static void test_any_shape_is_survived(void **state)
{
	static const char *const shapes[] = {
		"5",
		"{}",
		"[]",
		"[1, 2, 3, 4]",
		"[{}, {}, {}, {}]",
		"[null, null, null]",
		"[{\"how\": \"exited\", \"time\": 5}, {\"how\": \"exited\"}, {\"how\": "
		"\"exited\"}]",
		"[{\"how\": \"killed\", \"time\": \"1-1-1T1:1:1Z\"}, {\"how\": \"killed\", "
		"\"time\": "
		"\"1-1-1T1:1:1Z\"}, {\"how\": \"killed\", \"time\": \"1-1-1T1:1:1Z\"}]",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct json_object *deaths = json_tokener_parse(shapes[i]);

		assert_null(pattern_of(deaths));
		json_object_put(deaths);
	}
}

static void test_foreign_strings_are_escaped(void **state)
{
	static const struct life lives[LIVES] = {
		{"21T03:00:06", 1500, KILL("/tmp/\\u001b[2J")},
		{"21T03:00:03", 1500, KILL("/tmp/\\u001b[2J")},
		{"21T03:00:00", 1500, KILL("/tmp/\\u001b[2J")},
	};
	struct json_object *deaths = obituaries(lives);
	_cleanup_free_ char *sentence = pattern_of(deaths);

	(void)state;
	assert_contains(sentence, "SIGKILL sent by /tmp/\\x1b[2J,");
	json_object_put(deaths);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_pattern_is_told_where_there_is_one),
		cmocka_unit_test(test_only_the_same_program_counts),
		cmocka_unit_test(test_many_deaths),
		cmocka_unit_test(test_any_shape_is_survived),
		cmocka_unit_test(test_foreign_strings_are_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
