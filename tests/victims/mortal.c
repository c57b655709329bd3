// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Lives by a script and dies of it: mortal VERB [ARGUMENT...] VERB... On descriptor 3, where it is open,
 * it tells its driver (killer.c) what it is and what happens to it, one line each:
 *     ready PID TID         of itself as it sees itself, and of its newest thread
 *     handled               a signal was caught
 *     fault CODE ADDRESS    what a fault will be, or what its handler was told; CODE 0: not known
 * and reads a byte to go on. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "signals.h"

#define DRIVER_FD 3
#define BROKEN	  125 /* exit status: the script could not be carried out */

static atomic_int newest_thread;
static char *self_path;

static _Noreturn void give_up(const char *what)
{
	fprintf(stderr, "mortal: %s: %s\n", what, strerror(errno));
	_exit(BROKEN);
}

/* By one write(), and from signal handlers, too. Nobody may be listening. */
static void tell(const char *line)
{
	ssize_t written = write(DRIVER_FD, line, strlen(line));

	(void)written;
}

static void tell_fault(int code, uintptr_t address)
{
	char line[64];

	snprintf(line, sizeof(line), "fault %d 0x%lx\n", code, (unsigned long)address);
	tell(line);
}

/* ---- waiting ---- */

static void do_ready(char **unused)
{
	char line[64];

	(void)unused;
	snprintf(line, sizeof(line), "ready %d %d\n", (int)getpid(), newest_thread);
	tell(line);
}

static void do_await(char **unused)
{
	char byte;

	(void)unused;
	while (read(DRIVER_FD, &byte, 1) < 0 && errno == EINTR)
		;
}

static void do_pause(char **unused)
{
	(void)unused;
	for (;;)
		pause();
}

static void do_exit(char **words)
{
	_exit(atoi(words[0]));
}

/* ---- what it does with signals ---- */

static void handle(int number, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	if (sigaction(number, &action, NULL) < 0)
		give_up("sigaction");
}

static void on_noted(int unused)
{
	(void)unused;
	tell("handled\n");
}

static void on_quit(int unused)
{
	(void)unused;
	_exit(0);
}

/* As a program that cleans up does it: by default again, and once more to itself. */
static void on_cleanup(int number)
{
	signal(number, SIG_DFL);
	raise(number);
}

static void do_ignore(char **words)
{
	handle(signal_number(words[0]), SIG_IGN, 0);
}

static void do_note(char **words)
{
	handle(signal_number(words[0]), on_noted, SA_RESTART);
}

static void do_quit(char **words)
{
	handle(signal_number(words[0]), on_quit, 0);
}

static void do_cleanup(char **words)
{
	handle(signal_number(words[0]), on_cleanup, 0);
}

static void change_mask(int how, const sigset_t *set)
{
	if (sigprocmask(how, set, NULL) < 0)
		give_up("sigprocmask");
}

static void do_block(char **words)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal_number(words[0]));
	change_mask(SIG_BLOCK, &set);
}

/* All of them in one step: the kernel chooses which comes first. */
static void do_unblock(char **unused)
{
	sigset_t none;

	(void)unused;
	sigemptyset(&none);
	change_mask(SIG_SETMASK, &none);
}

/* ---- by its own hand ---- */

static void do_raise(char **words)
{
	raise(signal_number(words[0]));
}

static void do_kill_self(char **words)
{
	kill(getpid(), signal_number(words[0]));
}

/* With any si_code: to itself a process may tell any lie. */
static void do_queue_self(char **words)
{
	siginfo_t info = {.si_signo = signal_number(words[0]), .si_code = atoi(words[1])};

	if (info.si_signo == SIGSEGV)
		tell_fault(info.si_code, 0);
	syscall(SYS_rt_sigqueueinfo, getpid(), info.si_signo, &info);
}

static void do_abort(char **unused)
{
	(void)unused;
	abort();
}

/* ---- threads and children ---- */

static void start_thread(void *(*run)(void *), void *argument)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, run, argument);
	if (errno)
		give_up("pthread_create");
}

static void *idle_thread(void *unused)
{
	newest_thread = (int)syscall(SYS_gettid);
	do_pause(unused);
	return NULL;
}

static void do_thread(char **unused)
{
	(void)unused;
	newest_thread = 0;
	start_thread(idle_thread, NULL);
	while (!newest_thread)
		sched_yield();
}

static void *raising_thread(void *word)
{
	kill(getpid(), signal_number(word));
	return NULL;
}

static void do_thread_kills(char **words)
{
	start_thread(raising_thread, words[0]);
	do_pause(NULL);
}

static void *exec_thread(void *words)
{
	char **arguments = words;

	arguments[-1] = self_path;
	execv(self_path, arguments - 1);
	give_up(self_path);
}

/* Another thread than the first becomes the program that lives by the rest of the script. */
static void do_thread_exec(char **words)
{
	start_thread(exec_thread, words);
	do_pause(NULL);
}

/* It becomes another program, which lives by the rest of the script. */
static void do_exec(char **words)
{
	execv(words[0], words);
	give_up(words[0]);
}

/* A child whose end is announced by that signal, as clone(2) lets one choose. */
static void do_child_exits(char **words)
{
	if (syscall(SYS_clone, signal_number(words[0]), NULL, NULL, NULL, 0) == 0)
		_exit(0);
	do_pause(NULL);
}

/* ---- limits and timers ---- */

static int limit_named(const char *name)
{
	static const struct {
		const char *name;
		int resource;
	} limits[] = {{"cpu", RLIMIT_CPU}, {"core", RLIMIT_CORE}, {"fsize", RLIMIT_FSIZE}};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (strcmp(limits[i].name, name) == 0)
			return limits[i].resource;
	}
	give_up(name);
}

static void do_limit(char **words)
{
	struct rlimit limit = {.rlim_cur = (rlim_t)atoll(words[1]),
			       .rlim_max = (rlim_t)atoll(words[2])};

	if (setrlimit(limit_named(words[0]), &limit) < 0)
		give_up("setrlimit");
}

static void do_overfill_file(char **unused)
{
	int fd = open("/tmp", O_TMPFILE | O_WRONLY, 0600);

	(void)unused;
	if (fd < 0 || ftruncate(fd, 0) < 0)
		give_up("O_TMPFILE");
	for (int i = 0; i < 1000; i++) {
		if (write(fd, "0123456789", 10) < 0)
			give_up("write");
	}
}

static void do_overfill_pipe(char **unused)
{
	int ends[2];
	ssize_t written;

	(void)unused;
	if (pipe(ends) < 0)
		give_up("pipe");
	close(ends[0]);
	written = write(ends[1], "x", 1);
	(void)written;
}

static void do_spin(char **unused)
{
	(void)unused;
	for (volatile unsigned i = 0;; i++)
		;
}

static void do_burn(char **words)
{
	struct timespec now;
	long ms = atol(words[0]);

	do {
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	} while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < ms);
}

static void *burn_thread(void *words)
{
	do_burn(words);
	return NULL;
}

/* N threads, which burn MS together. */
static void do_threads_burn(char **words)
{
	pthread_t threads[16];
	int count = atoi(words[0]);

	for (int i = 0; i < count && i < 16; i++)
		pthread_create(&threads[i], NULL, burn_thread, words + 1);
	for (int i = 0; i < count && i < 16; i++)
		pthread_join(threads[i], NULL);
}

struct traced {
	char **words;
	int go[2];
	_Atomic pid_t tid;
};

static void *traced_thread(void *of)
{
	struct traced *traced = of;
	char byte;

	atomic_store(&traced->tid, (pid_t)syscall(SYS_gettid));
	if (read(traced->go[0], &byte, 1) == 1)
		do_burn(traced->words);
	return NULL;
}

static int is_zombie(pid_t tid)
{
	char path[64], text[256] = "";
	const char *end;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		give_up(path);
	close(fd);
	end = strrchr(text, ')');
	return end && end[2] == 'Z';
}

/* A thread burns MS and ends, and its tracer does not look: it is there, dead, when the last thread ends. The tracer ends with
 * that one. */
static void do_traced_burn(char **words)
{
	struct traced traced = {.words = words};
	pid_t tid;

	if (pipe(traced.go) < 0)
		give_up("pipe");
	start_thread(traced_thread, &traced);
	while (!(tid = atomic_load(&traced.tid)))
		sched_yield();
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (ptrace(PTRACE_SEIZE, tid, 0, 0) < 0 || write(traced.go[1], "g", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	while (!is_zombie(tid))
		usleep(1000);
}

static void *last_thread(void *words)
{
	do_burn(words);
	_exit(0);
}

/* The first thread ends, and another one goes on for MS. */
static void do_leader_leaves(char **words)
{
	start_thread(last_thread, words);
	syscall(SYS_exit, 0);
}

static void do_alarm(char **words)
{
	alarm((unsigned)atoi(words[0]));
}

static void do_itimer(char **words)
{
	struct itimerval soon = {.it_value.tv_usec = 20000};
	int which = strcmp(words[0], "prof") == 0      ? ITIMER_PROF
		    : strcmp(words[0], "virtual") == 0 ? ITIMER_VIRTUAL
						       : ITIMER_REAL;

	if (setitimer(which, &soon, NULL) < 0)
		give_up("setitimer");
}

static void do_timer(char **words)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL,
				 .sigev_signo = signal_number(words[0])};
	struct itimerspec soon = {.it_value.tv_nsec = 20000000};
	timer_t timer;

	if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0 ||
	    timer_settime(timer, 0, &soon, NULL) < 0)
		give_up("timer_create");
}

/* SIGIO, or the signal that is named, when the driver writes: the kernel's, in the driver's context. */
static void do_on_input(char **words)
{
	int number = signal_number(words[0]);

	if (fcntl(DRIVER_FD, F_SETOWN, getpid()) < 0 ||
	    (number != SIGIO && fcntl(DRIVER_FD, F_SETSIG, number) < 0) ||
	    fcntl(DRIVER_FD, F_SETFL, O_ASYNC) < 0)
		give_up("O_ASYNC");
}

/* ---- what it is ---- */

static void do_uid(char **words)
{
	uid_t uid = (uid_t)atoi(words[0]);

	if (setresuid(uid, uid, uid) < 0)
		give_up("setresuid");
}

static void do_group(char **unused)
{
	(void)unused;
	if (setpgid(0, 0) < 0)
		give_up("setpgid");
}

static void do_terminal(char **words)
{
	if (setsid() < 0 || open(words[0], O_RDWR) < 0)
		give_up(words[0]);
}

static void do_parent_signal(char **words)
{
	if (prctl(PR_SET_PDEATHSIG, signal_number(words[0])) < 0)
		give_up("PR_SET_PDEATHSIG");
}

/* ---- memory ---- */

static void *map(size_t size, int protection)
{
	void *pages = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED)
		give_up("mmap");
	return pages;
}

/* So many MiB, every page of them written to. */
static void do_hog(char **words)
{
	size_t size = (size_t)atol(words[0]) << 20;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	volatile char *memory = map(size, PROT_READ | PROT_WRITE);

	for (size_t i = 0; i < size; i += page)
		memory[i] = 1;
}

static void *hog_thread(void *words)
{
	do_hog(words);
	do_pause(NULL);
	return NULL;
}

static void do_hog_threads(char **words)
{
	for (int i = 0; i < atoi(words[0]); i++)
		start_thread(hog_thread, words + 1);
	do_pause(NULL);
}

static void write_to(uintptr_t address)
{
	volatile uintptr_t hidden = address; /* volatile: the compiler must not see through it */

	*(volatile char *)hidden = 1;
}

/* Nothing lies there. */
static void fault_known(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *pages = map(page, PROT_READ);

	munmap(pages, page);
	tell_fault(SEGV_MAPERR, (uintptr_t)pages + 24);
	write_to((uintptr_t)pages + 24);
}

static void fault_null(void)
{
	tell_fault(SEGV_MAPERR, 0);
	write_to(0);
}

static void fault_readonly(void)
{
	char *pages = map((size_t)sysconf(_SC_PAGESIZE), PROT_READ);

	tell_fault(SEGV_ACCERR, (uintptr_t)pages + 40);
	write_to((uintptr_t)pages + 40);
}

static void fault_bus(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	char *pages;

	if (fd < 0 || ftruncate(fd, (off_t)page) < 0)
		give_up("O_TMPFILE");
	pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (pages == MAP_FAILED)
		give_up("mmap");
	tell_fault(BUS_ADRERR, (uintptr_t)pages + page + 8);
	write_to((uintptr_t)pages + page + 8);
}

static void fault_illegal(void)
{
	uintptr_t here = 0;

#if defined(__x86_64__)
	__asm__ volatile("leaq 1f(%%rip), %0" : "=r"(here));
	tell_fault(ILL_ILLOPN, here);
	__asm__ volatile("1: ud2");
#elif defined(__aarch64__)
	__asm__ volatile("adr %0, 1f" : "=r"(here));
	tell_fault(ILL_ILLOPC, here);
	__asm__ volatile("1: .inst 0");
#endif
}

#if defined(__x86_64__)
static void fault_divide(void)
{
	uintptr_t here;

	__asm__ volatile("leaq 1f(%%rip), %0" : "=r"(here));
	tell_fault(FPE_INTDIV, here);
	__asm__ volatile("xorl %%edx, %%edx; xorl %%ecx, %%ecx; movl $1, %%eax\n1: idivl %%ecx" ::
				 : "eax", "ecx", "edx", "cc");
}

/* The processor does not tell where. */
static void fault_wild(void)
{
	tell_fault(SI_KERNEL, 0);
	write_to(0xdead000000000000u);
}
#endif

static int deeper(int depth)
{
	volatile char room[16384];

	room[0] = (char)depth;
	return depth < 0 ? 0 : deeper(depth + 1) + room[0];
}

/* Only a witness can tell where. */
static void fault_stack(void)
{
	deeper(0);
}

static const struct {
	const char *name;
	void (*fault)(void);
} faults[] = {
	{"null", fault_null},	  {"known", fault_known},     {"readonly", fault_readonly},
	{"bus", fault_bus},	  {"illegal", fault_illegal},
#if defined(__x86_64__)
	{"divide", fault_divide}, {"wild", fault_wild},
#endif
	{"stack", fault_stack},
};

static void do_fault(char **words)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		if (strcmp(faults[i].name, words[0]) == 0)
			faults[i].fault();
	}
	give_up(words[0]);
}

static void *fault_thread(void *words)
{
	do_fault(words);
	return NULL;
}

static void do_thread_fault(char **words)
{
	start_thread(fault_thread, words);
	do_pause(NULL);
}

static void on_witnessed(int unused, siginfo_t *info, void *context)
{
	(void)unused, (void)context;
	tell_fault(info->si_code, (uintptr_t)info->si_addr);
}

/* The first fault is told by its handler, and then happens again. */
static void do_witness(char **unused)
{
	static char room[65536];
	static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
	struct sigaction action = {.sa_sigaction = on_witnessed,
				   .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND};
	stack_t stack = {.ss_sp = room, .ss_size = sizeof(room)};

	(void)unused;
	if (sigaltstack(&stack, NULL) < 0)
		give_up("sigaltstack");
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaction(numbers[i], &action, NULL);
}

/* ---- system calls that are forbidden ---- */

static void do_seccomp(char **words)
{
	unsigned action = strcmp(words[0], "process") == 0  ? SECCOMP_RET_KILL_PROCESS
			  : strcmp(words[0], "thread") == 0 ? SECCOMP_RET_KILL_THREAD
							    : SECCOMP_RET_TRAP;
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};

	if (strcmp(words[0], "strict") == 0) {
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	} else if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		   prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
		give_up("seccomp");
	}
	syscall(SYS_getppid);
}

/* ---- the script ---- */

static const struct verb {
	const char *name;
	int words;
	void (*run)(char **words);
} verbs[] = {
	{"ready", 0, do_ready},
	{"await", 0, do_await},
	{"pause", 0, do_pause},
	{"exit", 1, do_exit},
	{"ignore", 1, do_ignore},
	{"note", 1, do_note},
	{"quit", 1, do_quit},
	{"cleanup", 1, do_cleanup},
	{"block", 1, do_block},
	{"unblock", 0, do_unblock},
	{"raise", 1, do_raise},
	{"kill-self", 1, do_kill_self},
	{"queue-self", 2, do_queue_self},
	{"abort", 0, do_abort},
	{"thread", 0, do_thread},
	{"thread-kills", 1, do_thread_kills},
	{"thread-exec", 1, do_thread_exec},
	{"exec", 1, do_exec},
	{"child-exits", 1, do_child_exits},
	{"limit", 3, do_limit},
	{"overfill-file", 0, do_overfill_file},
	{"overfill-pipe", 0, do_overfill_pipe},
	{"spin", 0, do_spin},
	{"burn", 1, do_burn},
	{"threads-burn", 2, do_threads_burn},
	{"traced-burn", 1, do_traced_burn},
	{"leader-leaves", 1, do_leader_leaves},
	{"alarm", 1, do_alarm},
	{"itimer", 1, do_itimer},
	{"timer", 1, do_timer},
	{"on-input", 1, do_on_input},
	{"uid", 1, do_uid},
	{"group", 0, do_group},
	{"terminal", 1, do_terminal},
	{"parent-signal", 1, do_parent_signal},
	{"hog", 1, do_hog},
	{"hog-threads", 2, do_hog_threads},
	{"fault", 1, do_fault},
	{"thread-fault", 1, do_thread_fault},
	{"witness", 0, do_witness},
	{"seccomp", 1, do_seccomp},
};

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

int main(int argc, char **argv)
{
	self_path = argv[0];
	for (char **word = argv + 1; *word;) {
		const struct verb *verb = find_verb(*word++);

		if (!verb || argv + argc - word < verb->words) {
			fprintf(stderr, "mortal: no verb %s, or too few words\n", word[-1]);
			return BROKEN;
		}
		verb->run(word);
		word += verb->words;
	}
	return 0;
}
