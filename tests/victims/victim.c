// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Dies in one named way: victim [--core] MODE [ARG]. Without --core no core file is allowed. Every mode
 * that involves threads stands for a row of the table of death shapes that are easily misread. With LIVES_MS in its environment
 * it lives so long before. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KERNEL_SIGSET_SIZE 8

static atomic_int arrived; /* threads that wait at the starting line */
static char *self_path;

static _Noreturn void thread_exit(int code)
{
	syscall(SYS_exit, code);
	__builtin_unreachable();
}

static _Noreturn void group_exit(int code)
{
	syscall(SYS_exit_group, code);
	__builtin_unreachable();
}

static _Noreturn void wait_forever(void)
{
	for (;;)
		pause();
}

/* Spins until `count` threads are here, so that they go on within nanoseconds of each other; where there
 * are not enough processors for that, the others are let run. */
static void start_together(int count)
{
	atomic_fetch_add(&arrived, 1);
	for (unsigned spins = 1; atomic_load(&arrived) < count; spins++) {
		if (spins % 4096 == 0)
			sched_yield();
	}
}

static void start_thread(void *(*run)(void *), void *argument)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, run, argument);

	if (error) {
		fprintf(stderr, "victim: pthread_create: %s\n", strerror(error));
		group_exit(125);
	}
}

/* The thread's own turn comes when the leader is a zombie, not merely on its way. */
static void wait_for_leader_death(void)
{
	char line[256];

	for (;;) {
		FILE *file = fopen("/proc/self/stat", "re");
		char *after_name;

		if (!file || !fgets(line, sizeof(line), file))
			group_exit(125);
		fclose(file);
		after_name = strrchr(line, ')');
		if (after_name && after_name[2] == 'Z')
			return;
		sched_yield();
	}
}

static void real_fault(void)
{
	volatile int *volatile nowhere = NULL; /* volatile: the compiler must not see through it */

	*nowhere = 1;
}

/* By system call: the library refuses signals 32 and 33, which the kernel kills by like any other. */
static void raise_by_default(int number)
{
	static const char no_action[64];
	unsigned long none = 0;

	syscall(SYS_rt_sigaction, number, no_action, NULL, KERNEL_SIGSET_SIZE);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, KERNEL_SIGSET_SIZE);
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), number);
}

static void *idle_thread(void *unused)
{
	(void)unused;
	wait_forever();
}

static void *group_exit_7_thread(void *unused)
{
	(void)unused;
	group_exit(7);
}

static void *exit_7_after_leader(void *unused)
{
	(void)unused;
	wait_for_leader_death();
	thread_exit(7);
}

static void *group_exit_7_after_leader(void *unused)
{
	(void)unused;
	wait_for_leader_death();
	group_exit(7);
}

static void *fault_thread(void *unused)
{
	(void)unused;
	real_fault();
	return NULL;
}

static void *fault_after_leader(void *unused)
{
	(void)unused;
	wait_for_leader_death();
	real_fault();
	return NULL;
}

static void *exec_thread(void *unused)
{
	static char exit_mode[] = "exit", code[] = "9";
	char *arguments[] = {self_path, exit_mode, code, NULL};

	(void)unused;
	execv("/proc/self/exe", arguments);
	group_exit(125);
}

static void *race_group_exit(void *code)
{
	start_together(2);
	group_exit(*(const int *)code);
}

static void *race_fault(void *unused)
{
	(void)unused;
	start_together(2);
	real_fault();
	return NULL;
}

static void *race_thread_exit(void *code)
{
	start_together(3);
	thread_exit(*(const int *)code);
}

static void run_exit(const char *argument)
{
	group_exit(atoi(argument));
}

static void run_signal(const char *argument)
{
	raise_by_default(atoi(argument));
}

static void run_abort(const char *unused)
{
	(void)unused;
	abort();
}

static void run_segv(const char *unused)
{
	(void)unused;
	real_fault();
}

static void reraise(int number)
{
	raise_by_default(number);
}

/* Tells readiness by a byte on the descriptor ARG, then waits to be killed. */
static void run_pause(const char *argument)
{
	if (*argument && write(atoi(argument), "r", 1) != 1)
		group_exit(125);
	wait_forever();
}

/* Catches SIGTERM and then kills itself by it, as a program that cleans up does. */
static void run_reraise(const char *argument)
{
	struct sigaction action = {.sa_handler = reraise, .sa_flags = SA_NODEFER};

	sigaction(SIGTERM, &action, NULL);
	run_pause(argument);
}

static void run_leader_group(const char *unused)
{
	(void)unused;
	start_thread(idle_thread, NULL);
	group_exit(3);
}

static void run_thread_group(const char *unused)
{
	(void)unused;
	start_thread(group_exit_7_thread, NULL);
	wait_forever();
}

static void run_leader_then_thread(const char *unused)
{
	(void)unused;
	start_thread(exit_7_after_leader, NULL);
	thread_exit(5);
}

static void run_leader_then_group(const char *unused)
{
	(void)unused;
	start_thread(group_exit_7_after_leader, NULL);
	thread_exit(5);
}

static void run_thread_segv(const char *unused)
{
	(void)unused;
	start_thread(fault_thread, NULL);
	wait_forever();
}

static void run_leader_then_segv(const char *unused)
{
	(void)unused;
	start_thread(fault_after_leader, NULL);
	thread_exit(5);
}

static void run_thread_exec(const char *unused)
{
	(void)unused;
	start_thread(exec_thread, NULL);
	wait_forever();
}

static void run_threads_pause(const char *argument)
{
	start_thread(idle_thread, NULL);
	start_thread(idle_thread, NULL);
	run_pause(argument);
}

static void run_leader_then_pause(const char *unused)
{
	(void)unused;
	start_thread(idle_thread, NULL);
	thread_exit(5);
}

static void run_race_groups(const char *unused)
{
	static int codes[] = {21, 22};

	(void)unused;
	start_thread(race_group_exit, &codes[0]);
	race_group_exit(&codes[1]);
}

static void run_race_faults(const char *unused)
{
	(void)unused;
	start_thread(race_fault, NULL);
	race_fault(NULL);
}

static void run_race_exits(const char *unused)
{
	static int codes[] = {31, 32, 33};

	(void)unused;
	start_thread(race_thread_exit, &codes[0]);
	start_thread(race_thread_exit, &codes[1]);
	race_thread_exit(&codes[2]);
}

struct mode {
	const char *name;
	void (*run)(const char *argument);
};

static const struct mode modes[] = {
	{"exit", run_exit},
	{"signal", run_signal},
	{"abort", run_abort},
	{"segv", run_segv},
	{"pause", run_pause},
	{"reraise", run_reraise},
	{"leader-group", run_leader_group},
	{"thread-group", run_thread_group},
	{"leader-then-thread", run_leader_then_thread},
	{"leader-then-group", run_leader_then_group},
	{"thread-segv", run_thread_segv},
	{"leader-then-segv", run_leader_then_segv},
	{"thread-exec", run_thread_exec},
	{"threads-pause", run_threads_pause},
	{"leader-then-pause", run_leader_then_pause},
	{"race-groups", run_race_groups},
	{"race-faults", run_race_faults},
	{"race-exits", run_race_exits},
};

static const struct mode *find_mode(const char *name)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(modes[i].name, name) == 0)
			return &modes[i];
	}
	return NULL;
}

static void set_core_limit(int allowed)
{
	struct rlimit limit;

	getrlimit(RLIMIT_CORE, &limit);
	limit.rlim_cur = allowed ? limit.rlim_max : 0;
	setrlimit(RLIMIT_CORE, &limit);
}

int main(int argc, char **argv)
{
	const char *lives_ms = getenv("LIVES_MS");
	const struct mode *mode;
	int core = argc > 1 && strcmp(argv[1], "--core") == 0;

	self_path = argv[0];
	mode = argc > 1 + core ? find_mode(argv[1 + core]) : NULL;
	if (!mode) {
		fprintf(stderr, "usage: victim [--core] MODE [ARG]\n");
		return 125;
	}
	set_core_limit(core);
	if (lives_ms)
		usleep((useconds_t)strtoul(lives_ms, NULL, 10) * 1000);
	mode->run(argc > 2 + core ? argv[2 + core] : "");
	fprintf(stderr, "victim: survived %s\n", mode->name);
	return 126;
}
