// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "core/cause.h"

static const struct obit_key victim = {.tgid = 4711, .start_boottime = 99};

enum who { OTHER, SELF, NAMESAKE }; /* the last: its pid, in another life */

static struct obit_key sender_of(enum who who)
{
	struct obit_key key = victim;

	if (who == OTHER)
		key.tgid = 12;
	if (who == NAMESAKE)
		key.start_boottime = 7;
	return key;
}

#define KERNEL	   OBIT_SIGNAL_KERNEL
#define BARE	   OBIT_SIGNAL_BARE
#define CALLED	   OBIT_SIGNAL_CALLED
#define EXITING	   OBIT_SIGNAL_SENDER_EXITING
#define KTHREAD	   OBIT_SIGNAL_SENDER_KTHREAD
#define INIT	   OBIT_SIGNAL_SENDER_INIT
#define CPU	   OBIT_SIGNAL_CPU_LIMITED
#define OOM_CGROUP OBIT_SIGNAL_OOM_CGROUP

/* Each row is a signal as the kernel generates it. */
static const struct {
	const char *what;
	int signal, code;
	uint32_t flags;
	enum who sender;
	enum death_cause cause;
} table[] = {
	{"kill(2)", SIGKILL, SI_USER, CALLED, OTHER, CAUSE_PROCESS},
	{"tgkill(2)", SIGTERM, SI_TKILL, CALLED, OTHER, CAUSE_PROCESS},
	{"sigqueue(3)", 34, SI_QUEUE, CALLED, OTHER, CAUSE_PROCESS},
	{"sigqueue(3) with a timer's code", SIGTERM, SI_TIMER, CALLED, OTHER, CAUSE_PROCESS},
	{"kill(2) of a fault's signal", SIGSEGV, SI_USER, CALLED, OTHER, CAUSE_PROCESS},
	{"kill(2) of SIGPIPE", SIGPIPE, SI_USER, CALLED, OTHER, CAUSE_PROCESS},
	{"kill(2) as it exits", SIGTERM, SI_USER, CALLED | EXITING, OTHER, CAUSE_PROCESS},
	{"an init's kill(2)", SIGKILL, SI_USER, CALLED | INIT, OTHER, CAUSE_PROCESS},
	{"abort(3)", SIGABRT, SI_TKILL, CALLED, SELF, CAUSE_ITSELF},
	{"raise(3) of a fault's signal", SIGSEGV, SI_TKILL, CALLED, SELF, CAUSE_ITSELF},
	{"a namesake's kill(2)", SIGTERM, SI_USER, CALLED, NAMESAKE, CAUSE_PROCESS},
	{"nothing mapped", SIGSEGV, 1, KERNEL, SELF, CAUSE_FAULT},
	{"no canonical address", SIGSEGV, SI_KERNEL, KERNEL, SELF, CAUSE_FAULT},
	{"behind a file's end", SIGBUS, 2, KERNEL, SELF, CAUSE_FAULT},
	{"division by zero", SIGFPE, 1, KERNEL, SELF, CAUSE_FAULT},
	{"bad opcode", SIGILL, 2, KERNEL, SELF, CAUSE_FAULT},
	{"breakpoint", SIGTRAP, SI_KERNEL, KERNEL, SELF, CAUSE_FAULT},
	{"seccomp", SIGSYS, 1, KERNEL, SELF, CAUSE_SECCOMP},
	{"user dispatch", SIGSYS, 2, KERNEL, SELF, CAUSE_KERNEL},
	{"nobody reads", SIGPIPE, SI_USER, BARE, SELF, CAUSE_PIPE},
	{"nobody reads, by a worker of the kernel", SIGPIPE, SI_USER, BARE | KTHREAD, OTHER,
	 CAUSE_KERNEL},
	{"file too large", SIGXFSZ, SI_USER, BARE, SELF, CAUSE_FILE_LIMIT},
	{"soft CPU limit", SIGXCPU, 0, KERNEL | CPU, SELF, CAUSE_CPU_LIMIT},
	{"hard CPU limit", SIGKILL, 0, KERNEL | CPU, SELF, CAUSE_CPU_LIMIT},
	{"the kernel's SIGKILL beside a limit", SIGKILL, 0, KERNEL | CPU, OTHER, CAUSE_KERNEL},
	{"alarm(2)", SIGALRM, 0, KERNEL, OTHER, CAUSE_TIMER},
	{"virtual timer", SIGVTALRM, 0, KERNEL, SELF, CAUSE_TIMER},
	{"profiling timer", SIGPROF, 0, KERNEL, SELF, CAUSE_TIMER},
	{"POSIX timer", SIGTERM, SI_TIMER, KERNEL, OTHER, CAUSE_TIMER},
	{"POSIX timer with SIGKILL", SIGKILL, SI_TIMER, KERNEL, OTHER, CAUSE_TIMER},
	{"Ctrl-C", SIGINT, 0, KERNEL | KTHREAD, OTHER, CAUSE_TERMINAL},
	{"Ctrl-\\", SIGQUIT, 0, KERNEL | KTHREAD, OTHER, CAUSE_TERMINAL},
	{"hang-up", SIGHUP, 0, KERNEL | EXITING, OTHER, CAUSE_TERMINAL},
	{"its parent ended", SIGKILL, SI_USER, BARE | EXITING, OTHER, CAUSE_PARENT},
	{"its parent, an init, ended", SIGTERM, SI_USER, BARE | EXITING | INIT, OTHER,
	 CAUSE_PARENT},
	{"cgroup.kill", SIGKILL, SI_USER, BARE, OTHER, CAUSE_PROCESS},
	{"cgroup.kill of its own cgroup", SIGKILL, SI_USER, BARE, SELF, CAUSE_ITSELF},
	{"its init ended", SIGKILL, 0, KERNEL | EXITING | INIT, OTHER, CAUSE_NAMESPACE},
	{"an init that lives", SIGKILL, 0, KERNEL | INIT, OTHER, CAUSE_KERNEL},
	{"somebody happens to exit", SIGKILL, 0, KERNEL | EXITING, OTHER, CAUSE_KERNEL},
	{"another signal of the kernel", SIGTERM, 0, KERNEL, OTHER, CAUSE_KERNEL},
	{"out of memory, before it is marked", SIGKILL, 0, KERNEL | OOM_CGROUP, OTHER, CAUSE_OOM},
	{"kill(2) while a cgroup has no memory", SIGKILL, SI_USER, CALLED, OTHER, CAUSE_PROCESS},
};

static enum death_cause cause_of(size_t row, uint32_t wait_status, uint32_t exit_flags)
{
	struct obit_exit exit = {.wait_status = wait_status, .flags = exit_flags};
	struct obit_signal signal = {
		.sender = sender_of(table[row].sender),
		.number = (uint32_t)table[row].signal,
		.code = table[row].code,
		.flags = table[row].flags,
	};

	return death_cause(&victim, &exit, &signal, true);
}

static void each_kind_of_signal_has_its_cause(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		enum death_cause cause = cause_of(i, (uint32_t)table[i].signal, 0);

		if (cause != table[i].cause)
			fail_msg("%s: %s, not %s", table[i].what, death_cause_name(cause),
				 death_cause_name(table[i].cause));
		/* with a core dump it is no other */
		assert_int_equal(cause_of(i, (uint32_t)table[i].signal | 0x80, 0), cause);
	}
}

static void a_signal_that_did_not_end_it_is_not_blamed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		assert_int_equal(cause_of(i, 0x300, 0), CAUSE_EXIT);
		assert_int_equal(cause_of(i, SIGUSR1, 0), CAUSE_UNKNOWN);
	}
}

static void out_of_memory_is_the_victims_own_mark(void **state)
{
	struct obit_exit exit = {.wait_status = SIGKILL, .flags = OBIT_EXIT_OOM};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		/* who is about to end for another reason is marked, too */
		bool sent = table[i].signal == SIGKILL && !(table[i].flags & KERNEL);

		assert_int_equal(cause_of(i, SIGKILL, OBIT_EXIT_OOM),
				 sent ? table[i].cause : CAUSE_OOM);
	}
	assert_int_equal(death_cause(&victim, &exit, NULL, false), CAUSE_OOM);
}

static void without_a_sender_it_is_the_kernels_or_unknown(void **state)
{
	struct obit_exit exit = {.wait_status = SIGKILL};

	(void)state;
	assert_int_equal(death_cause(&victim, &exit, NULL, true), CAUSE_KERNEL);
	assert_int_equal(death_cause(&victim, &exit, NULL, false), CAUSE_UNKNOWN);
	/* it came before the process was tracked */
	exit.wait_status = SIGTERM;
	assert_int_equal(death_cause(&victim, &exit, NULL, true), CAUSE_UNKNOWN);
	exit.wait_status = SIGSYS;
	assert_int_equal(death_cause(&victim, &exit, NULL, true), CAUSE_SECCOMP);
	assert_int_equal(death_cause(&victim, &exit, NULL, false), CAUSE_UNKNOWN);
	exit.wait_status = 0;
	assert_int_equal(death_cause(&victim, &exit, NULL, false), CAUSE_EXIT);
}

static void every_cause_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < _DEATH_CAUSE_MAX; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(death_cause_name((enum death_cause)i),
						death_cause_name((enum death_cause)j));
}

static void a_killer_is_named_where_there_is_one(void **state)
{
	(void)state;
	for (int i = 0; i < _DEATH_CAUSE_MAX; i++) {
		enum death_cause cause = (enum death_cause)i;

		assert_int_equal(death_cause_has_killer(cause),
				 cause == CAUSE_PROCESS || cause == CAUSE_ITSELF ||
					 cause == CAUSE_PARENT || cause == CAUSE_NAMESPACE);
	}
}

static void a_wish_of_another_process_is_a_request(void **state)
{
	struct obit_signal signal = {.number = SIGTERM, .flags = CALLED};

	(void)state;
	assert_true(signal_is_request(&signal));
	signal.flags = CALLED | EXITING;
	assert_true(signal_is_request(&signal));
	signal.flags = BARE;
	assert_true(signal_is_request(&signal));
	signal.flags = BARE | EXITING;
	assert_false(signal_is_request(&signal));
	signal.flags = KERNEL;
	assert_false(signal_is_request(&signal));
}

static void a_request_stands_for_a_while(void **state)
{
	struct obit_exit exit = {.time = 100 * NS_PER_SEC};
	struct obit_signal asked = {.time = 10 * NS_PER_SEC};

	(void)state;
	assert_true(death_was_asked_for(&exit, &asked, NULL, 90 * NS_PER_SEC));
	asked.time--;
	assert_false(death_was_asked_for(&exit, &asked, NULL, 90 * NS_PER_SEC));
	asked.time = exit.time;
	assert_true(death_was_asked_for(&exit, &asked, NULL, 90 * NS_PER_SEC));
	asked.time++; /* two CPUs: it came too late to matter */
	assert_false(death_was_asked_for(&exit, &asked, NULL, 90 * NS_PER_SEC));
}

static void who_loses_patience_had_asked_before(void **state)
{
	struct obit_exit exit = {.time = 100 * NS_PER_SEC, .wait_status = SIGKILL};
	struct obit_signal asked = {.time = 1 * NS_PER_SEC, .sender = sender_of(OTHER)};
	struct obit_signal fatal = {.number = SIGKILL, .flags = CALLED, .sender = sender_of(OTHER)};

	(void)state;
	assert_true(death_was_asked_for(&exit, &asked, &fatal, 90 * NS_PER_SEC));
	fatal.sender.start_boottime++; /* another process of that pid */
	assert_false(death_was_asked_for(&exit, &asked, &fatal, 90 * NS_PER_SEC));
	fatal.sender = asked.sender;
	fatal.number = SIGSEGV;
	assert_false(death_was_asked_for(&exit, &asked, &fatal, 90 * NS_PER_SEC));
	fatal.number = SIGKILL;
	fatal.flags = KERNEL; /* it just happened to run */
	assert_false(death_was_asked_for(&exit, &asked, &fatal, 90 * NS_PER_SEC));
}

static void faults_are_called_by_their_names(void **state)
{
	(void)state;
	assert_string_equal(fault_name(SIGSEGV, SEGV_MAPERR), "SEGV_MAPERR");
	assert_string_equal(fault_name(SIGSEGV, SEGV_ACCERR), "SEGV_ACCERR");
	assert_string_equal(fault_name(SIGBUS, BUS_ADRERR), "BUS_ADRERR");
	assert_string_equal(fault_name(SIGFPE, FPE_INTDIV), "FPE_INTDIV");
	assert_string_equal(fault_name(SIGILL, ILL_ILLOPN), "ILL_ILLOPN");
	assert_string_equal(fault_name(SIGTRAP, TRAP_BRKPT), "TRAP_BRKPT");
	assert_string_equal(fault_name(SIGSYS, 1), "SYS_SECCOMP");
	assert_string_equal(fault_name(SIGSEGV, SI_KERNEL), "SI_KERNEL");
	assert_null(fault_name(SIGSEGV, 99));
	assert_null(fault_name(SIGTERM, 1));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_signal_has_its_cause),
		cmocka_unit_test(a_signal_that_did_not_end_it_is_not_blamed),
		cmocka_unit_test(out_of_memory_is_the_victims_own_mark),
		cmocka_unit_test(without_a_sender_it_is_the_kernels_or_unknown),
		cmocka_unit_test(every_cause_has_a_name_of_its_own),
		cmocka_unit_test(a_killer_is_named_where_there_is_one),
		cmocka_unit_test(a_wish_of_another_process_is_a_request),
		cmocka_unit_test(a_request_stands_for_a_while),
		cmocka_unit_test(who_loses_patience_had_asked_before),
		cmocka_unit_test(faults_are_called_by_their_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
