// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Makes victims (mortal, beside it) die, by a sender (sender, beside it), by themselves or by the kernel,
 * and prints the truth about each death as one JSON object a line: what the kernel told the parent, and
 * what this program has done.
 * usage: killer --list | killer GROUP|CASE... For the case cgroup, $CGROUP is a directory of cgroup v2. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "signals.h"

#define MAX_WORDS   32
#define DRIVER_FD   3
#define BROKEN	    125
#define PATIENCE_MS 20000

enum where {
	HERE,
	IN_NAMESPACE,  /* in a pid namespace of its own */
	UNDER_PARENT,  /* child of a process that can be ended (end-parent) */
	UNDER_THREAD,  /* child of a thread of this process that can be ended (end-parent) */
	ON_TERMINAL,   /* its session leader */
	BEHIND_LEADER, /* in the foreground of a terminal, child of the session's leader */
	IN_CGROUP,
	AS_STRANGER, /* begins as another program: stranger, which is mortal by another name */
};

/* How to die, and what is true then. Who is told by a letter: A and B are senders, S is the victim itself,
 * P its parent or this process, I the init of its pid namespace; see find_person().
 * Steps: A:HOW:SIGNAL[:UID] and B:... (see sender.c), both (A and B at once), go, handled (wait until it has caught one), nap,
 * enter (a pid namespace, for what is started next), type:CHARACTER, hang-up, end-parent, end-init. */
struct plan {
	const char *group, *name;
	const char *script; /* of mortal */
	const char *steps;
	const char *cause;
	char killer, asked_by;
	enum where where;
	const char *fault; /* name of its si_code */
};

#define WAITS "ready pause"
#define DUMPS "limit core -1 -1 "
#define CASE(group_, name_, script_, steps_, cause_, ...)                                          \
	{                                                                                          \
		.group = group_, .name = name_, .script = script_, .steps = steps_,                \
		.cause = cause_, __VA_ARGS__                                                       \
	}
#define BY(letter)    .killer = letter
#define ASKED(letter) .asked_by = letter
#define AT(where_)    .where = where_
#define FAULT(name_)  .fault = name_

static const struct plan plans[] = {
	/* another process sends one signal */
	CASE("sent", "kill", WAITS, "A:kill:TERM", "process", BY('A'), ASKED('A')),
	CASE("sent", "kill-as-user", "uid 65534 ready pause", "A:kill:TERM:65534", "process",
	     BY('A'), ASKED('A')),
	CASE("sent", "kill-user-as-root", "uid 65534 ready pause", "A:kill:INT", "process", BY('A'),
	     ASKED('A')),
	CASE("sent", "kill-quit", WAITS, "A:kill:QUIT", "process", BY('A'), ASKED('A')),
	CASE("sent", "kill-hup", WAITS, "A:kill:HUP", "process", BY('A')),
	CASE("sent", "kill-kill", WAITS, "A:kill:KILL", "process", BY('A')),
	CASE("sent", "kill-realtime", WAITS, "A:kill:37", "process", BY('A')),
	CASE("sent", "kill-threads", "thread thread ready pause", "A:kill:TERM", "process", BY('A'),
	     ASKED('A')),
	CASE("sent", "tgkill-main", WAITS, "A:tgkill:TERM", "process", BY('A'), ASKED('A')),
	CASE("sent", "tgkill-thread", "thread ready pause", "A:tgkill:USR1", "process", BY('A')),
	CASE("sent", "tkill-thread", "thread ready pause", "A:tkill:TERM", "process", BY('A'),
	     ASKED('A')),
	CASE("sent", "queue", WAITS, "A:queue:TERM", "process", BY('A'), ASKED('A')),
	CASE("sent", "queue-realtime", WAITS, "A:queue:40", "process", BY('A')),
	CASE("sent", "queue-thread", "thread ready pause", "A:tgqueue:TERM", "process", BY('A'),
	     ASKED('A')),
	CASE("sent", "pidfd", WAITS, "A:pidfd:TERM", "process", BY('A'), ASKED('A')),
	CASE("sent", "group", "group ready pause", "A:group:TERM", "process", BY('A'), ASKED('A')),
	/* what the kernel sends, too */
	CASE("sent", "sent-segv", WAITS, "A:kill:SEGV", "process", BY('A')),
	CASE("sent", "sent-sys", WAITS, "A:kill:SYS", "process", BY('A')),
	CASE("sent", "sent-pipe", WAITS, "A:kill:PIPE", "process", BY('A')),
	CASE("sent", "sent-xfsz", WAITS, "A:kill:XFSZ", "process", BY('A')),
	CASE("sent", "sent-xcpu", WAITS, "A:kill:XCPU", "process", BY('A')),
	CASE("sent", "sent-alrm", WAITS, "A:kill:ALRM", "process", BY('A')),
	CASE("sent", "sent-abrt", WAITS, "A:kill:ABRT", "process", BY('A')),
	/* siginfo that lies */
	CASE("sent", "spoof-timer", WAITS, "A:spoof-timer:TERM", "process", BY('A'), ASKED('A')),
	CASE("sent", "spoof-io", WAITS, "A:spoof-io:TERM", "process", BY('A'), ASKED('A')),
	CASE("sent", "spoof-queue", WAITS, "A:spoof-queue:KILL", "process", BY('A')),

	/* more than one signal */
	CASE("several", "ignored-then-killed", "ignore TERM ready pause", "A:kill:TERM B:kill:KILL",
	     "process", BY('B')),
	CASE("several", "same-pending", "block TERM ready await unblock pause",
	     "A:kill:TERM B:kill:TERM go", "process", BY('A'), ASKED('A')),
	CASE("several", "two-pending", "block TERM block USR1 ready await unblock pause",
	     "A:kill:TERM B:kill:USR1 go", "process", BY('B'), ASKED('A')),
	CASE("several", "two-pending-reversed", "block TERM block USR1 ready await unblock pause",
	     "B:kill:USR1 A:kill:TERM go", "process", BY('B'), ASKED('A')),
	CASE("several", "private-before-shared", "block TERM block USR1 ready await unblock pause",
	     "B:kill:USR1 A:tgkill:TERM go", "process", BY('A'), ASKED('A')),
	CASE("several", "stopped", WAITS, "B:kill:STOP A:kill:TERM B:kill:CONT", "process", BY('A'),
	     ASKED('A')),
	CASE("several", "many-handled", "note USR1 ready pause",
	     "B:kill:USR1 handled B:kill:USR1 handled B:kill:USR1 handled B:queue:USR1 handled "
	     "B:kill:USR1 handled A:kill:TERM",
	     "process", BY('A'), ASKED('A')),
	CASE("several", "handled-then-killed", "note TERM ready pause",
	     "A:kill:TERM handled B:kill:KILL", "process", BY('B'), ASKED('A')),
	CASE("several", "handled-then-fault", "note TERM ready await fault null",
	     "A:kill:TERM handled go", "fault", ASKED('A'), FAULT("SEGV_MAPERR")),
	CASE("several", "cleans-up-and-exits", "quit TERM ready pause", "A:kill:TERM", "exit",
	     ASKED('A')),
	CASE("several", "cleans-up-and-raises", "cleanup TERM ready pause", "A:kill:TERM", "itself",
	     BY('S'), ASKED('A')),
	CASE("several", "thread-exec-then-killed", "thread-exec ready pause", "A:kill:TERM",
	     "process", BY('A'), ASKED('A')),
	CASE("several", "asked-twice", "note TERM note INT ready await exit 3",
	     "A:kill:TERM handled B:kill:INT handled go", "exit", ASKED('B')),
	/* who sent it was not watched for then */
	CASE("several", "before-exec", "block TERM ready await exec MORTAL unblock pause",
	     "A:kill:TERM go", "unknown", AT(AS_STRANGER)),

	CASE("race", "race", WAITS, "both", "process", BY('W'), ASKED('T')),

	/* by its own hand */
	CASE("itself", "exits", "exit 7", "", "exit"),
	CASE("itself", "abort", "abort", "", "itself", BY('S')),
	CASE("itself", "raise-term", "raise TERM", "", "itself", BY('S')),
	CASE("itself", "raise-segv", "raise SEGV", "", "itself", BY('S')),
	CASE("itself", "raise-pipe", "raise PIPE", "", "itself", BY('S')),
	CASE("itself", "raise-xfsz", "raise XFSZ", "", "itself", BY('S')),
	CASE("itself", "kills-itself", "kill-self KILL", "", "itself", BY('S')),
	CASE("itself", "kill-self-pipe", "kill-self PIPE", "", "itself", BY('S')),
	CASE("itself", "thread-kills", "thread-kills TERM", "", "itself", BY('S')),
	/* to itself a process may say that it was the kernel: crash handlers pass on what they got so */
	CASE("itself", "plays-the-kernel", "queue-self TERM 128", "", "kernel"),
	CASE("itself", "passes-on-a-fault", "queue-self SEGV 1", "", "fault", FAULT("SEGV_MAPERR")),

	/* the kernel */
	CASE("kernel", "pipe", "overfill-pipe", "", "pipe"),
	CASE("kernel", "file-limit", "limit fsize 100 100 overfill-file", "", "file-limit"),
	CASE("kernel", "cpu-limit", "limit cpu 1 2 spin", "", "cpu-limit"),
	CASE("kernel", "hard-cpu-limit", "limit cpu 1 1 spin", "", "cpu-limit"),
	CASE("timer", "alarm", "alarm 1 pause", "", "timer"),
	CASE("timer", "real-timer", "itimer real pause", "", "timer"),
	CASE("timer", "virtual-timer", "itimer virtual spin", "", "timer"),
	CASE("timer", "profiling-timer", "itimer prof spin", "", "timer"),
	CASE("timer", "posix-timer", "timer TERM pause", "", "timer"),
	CASE("timer", "posix-timer-kill", "timer KILL pause", "", "timer"),
	CASE("kernel", "input", "on-input IO ready pause", "go", "kernel"),
	CASE("kernel", "input-realtime", "on-input 36 ready pause", "go", "kernel"),
	CASE("kernel", "child-exits", "child-exits TERM", "", "kernel"),

	/* the processor */
	CASE("fault", "null", "fault null", "", "fault", FAULT("SEGV_MAPERR")),
	CASE("fault", "known", "fault known", "", "fault", FAULT("SEGV_MAPERR")),
	CASE("fault", "readonly", "fault readonly", "", "fault", FAULT("SEGV_ACCERR")),
	CASE("fault", "bus", "fault bus", "", "fault", FAULT("BUS_ADRERR")),
	CASE("fault", "stack", "witness fault stack", "", "fault", FAULT("SEGV_MAPERR")),
	CASE("fault", "again", "witness fault known", "", "fault", FAULT("SEGV_MAPERR")),
#if defined(__x86_64__)
	CASE("fault", "illegal", "fault illegal", "", "fault", FAULT("ILL_ILLOPN")),
	CASE("fault", "divide", "fault divide", "", "fault", FAULT("FPE_INTDIV")),
	CASE("fault", "wild", "fault wild", "", "fault", FAULT("SI_KERNEL")),
#elif defined(__aarch64__)
	CASE("fault", "illegal", "fault illegal", "", "fault", FAULT("ILL_ILLOPC")),
#endif

	CASE("seccomp", "seccomp-process", "seccomp process", "", "seccomp", FAULT("SYS_SECCOMP")),
	CASE("seccomp", "seccomp-thread", "seccomp thread", "", "seccomp", FAULT("SYS_SECCOMP")),
	CASE("seccomp", "seccomp-trap", "seccomp trap", "", "seccomp", FAULT("SYS_SECCOMP")),
	/* the oldest kind ends it without a signal */
	CASE("seccomp", "seccomp-strict", "seccomp strict", "", "kernel"),

	/* its surroundings */
	CASE("terminal", "interrupt-key", "terminal TTY ready pause", "type:\003", "terminal",
	     AT(ON_TERMINAL)),
	CASE("terminal", "quit-key", "terminal TTY ready pause", "type:\034", "terminal",
	     AT(ON_TERMINAL)),
	CASE("terminal", "hang-up", "terminal TTY ready pause", "hang-up", "terminal",
	     AT(ON_TERMINAL)),
	CASE("terminal", "leader-ends", WAITS, "end-parent", "terminal", AT(BEHIND_LEADER)),
	CASE("parent", "parent-ends", "parent-signal USR1 ready pause", "end-parent", "parent",
	     BY('P'), AT(UNDER_PARENT)),
	CASE("parent", "parent-ends-kill", "parent-signal KILL ready pause", "end-parent", "parent",
	     BY('P'), AT(UNDER_PARENT)),
	CASE("parent", "parent-ends-term", "parent-signal TERM ready pause", "end-parent", "parent",
	     BY('P'), AT(UNDER_PARENT)),
	CASE("parent", "parents-thread-ends", "parent-signal USR1 ready pause", "end-parent",
	     "parent", BY('P'), AT(UNDER_THREAD)),
	CASE("namespace", "inside", WAITS, "A:kill:TERM", "process", BY('A'), ASKED('A'),
	     AT(IN_NAMESPACE)),
	CASE("namespace", "inside-itself", "raise TERM", "", "itself", BY('S'), AT(IN_NAMESPACE)),
	CASE("namespace", "init-ends", WAITS, "end-init", "namespace", BY('I'), AT(IN_NAMESPACE)),
	CASE("namespace", "from-inside", "group ready pause", "enter A:own-group:TERM", "process",
	     BY('A'), ASKED('A')),
	CASE("cgroup", "cgroup", WAITS, "A:cgroup:KILL", "process", BY('A'), AT(IN_CGROUP)),

	/* with a core dump, where core_pattern and the disk allow it */
	CASE("core", "core-abort", DUMPS "abort", "", "itself", BY('S')),
	CASE("core", "core-fault", DUMPS "fault null", "", "fault", FAULT("SEGV_MAPERR")),
	CASE("core", "core-thread", DUMPS "thread thread-fault readonly", "", "fault",
	     FAULT("SEGV_ACCERR")),
	CASE("core", "core-sent", DUMPS "thread ready pause", "A:kill:QUIT", "process", BY('A'),
	     ASKED('A')),
	CASE("core", "core-trap", DUMPS "seccomp trap", "", "seccomp", FAULT("SYS_SECCOMP")),

	/* no riddle, but numbers to be compared */
	CASE("usage", "burns", "burn 300 exit 0", "", "exit"),
	CASE("usage", "threads-burn", "threads-burn 4 200 exit 0", "", "exit"),
	CASE("usage", "traced-burn", "traced-burn 200 exit 0", "", "exit"),
	CASE("usage", "leader-leaves", "leader-leaves 100", "", "exit"),
	CASE("usage", "hogs", "hog 64 exit 0", "", "exit"),
	CASE("usage", "waits", "ready await exit 0", "nap go", "exit"),
	CASE("usage", "hogs-and-faults", "hog 16 burn 50 fault null", "", "fault",
	     FAULT("SEGV_MAPERR")),
};

struct person {
	pid_t pid;
	uid_t uid;
	const char *program; /* its name beside this one */
	int signal;	     /* that it sent last */
};

struct death {
	const struct plan *plan;
	pid_t pid, parent;
	pid_t own_pid; /* as the victim sees itself */
	pid_t newest_thread;
	struct person a, b, init;
	struct timespec began;
	int fd;	    /* the victim's other end */
	int master; /* of its terminal, or -1 */
	char terminal[64];
	bool faulted;
	int fault_code;
	char fault_address[32];
	pthread_t thread;
	int thread_end; /* write end: its parent thread ends when this is closed */
	int status;
	struct rusage usage;
};

static char directory[4096]; /* of this program, with the slash */

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "killer: %s: %s\n", what, strerror(errno));
	exit(1);
}

static _Noreturn void fail_case(const struct death *death, const char *what)
{
	fprintf(stderr, "killer: %s: %s\n", death->plan->name, what);
	exit(1);
}

/* ---- what the victim tells ---- */

static void note_line(struct death *death, const char *line)
{
	if (sscanf(line, "ready %d %d", &death->own_pid, &death->newest_thread) == 2)
		return;
	if (sscanf(line, "fault %d %31s", &death->fault_code, death->fault_address) == 2)
		death->faulted = true;
}

/* One line, a byte at a time: lines are short, and few. Returns false at the end. */
static bool read_line(struct death *death, int timeout_ms, char line[static 64])
{
	struct pollfd poll_fd = {.fd = death->fd, .events = POLLIN};
	size_t length = 0;

	while (length < 63 && poll(&poll_fd, 1, timeout_ms) == 1) {
		if (read(death->fd, line + length, 1) != 1)
			return false;
		if (line[length++] != '\n')
			continue;
		line[length - 1] = '\0';
		note_line(death, line);
		return true;
	}
	return false;
}

static void wait_for_line(struct death *death, const char *word)
{
	char line[64];

	while (read_line(death, PATIENCE_MS, line)) {
		if (strncmp(line, word, strlen(word)) == 0)
			return;
	}
	fail_case(death, "the victim never said what was waited for");
}

/* ---- starting ---- */

static char *beside(const char *program)
{
	char *path = NULL;

	if (asprintf(&path, "%s%s", directory, program) < 0)
		fail("asprintf");
	return path;
}

static void split(char *text, char *words[static MAX_WORDS])
{
	size_t count = 0;

	for (char *word = strtok(text, " "); word && count + 1 < MAX_WORDS;
	     word = strtok(NULL, " "))
		words[count++] = word;
	words[count] = NULL;
}

static _Noreturn void run_victim(const struct death *death, int fd)
{
	char *words[MAX_WORDS + 1];

	words[0] = beside(death->plan->where == AS_STRANGER ? "stranger" : "mortal");
	split(strdup(death->plan->script), words + 1);
	for (char **word = words; *word; word++) {
		if (strcmp(*word, "TTY") == 0)
			*word = strdup(death->terminal);
		else if (strcmp(*word, "MORTAL") == 0)
			*word = beside("mortal");
	}
	if (dup2(fd, DRIVER_FD) < 0)
		fail("dup2");
	execv(words[0], words);
	fprintf(stderr, "killer: %s: %s\n", words[0], strerror(errno));
	_exit(BROKEN);
}

static pid_t must_fork(void)
{
	pid_t pid = fork();

	if (pid < 0)
		fail("fork");
	return pid;
}

static pid_t start_here(const struct death *death, int fd)
{
	pid_t pid = must_fork();

	if (pid == 0)
		run_victim(death, fd);
	return pid;
}

/* Of a fresh pid namespace: it must be there, and it ends with it. */
static _Noreturn void be_init(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

/* What is forked from now on is born in a pid namespace of its own. */
static void enter_namespace(struct death *death)
{
	if (unshare(CLONE_NEWPID) < 0)
		fail("unshare");
	death->init.pid = must_fork();
	if (death->init.pid == 0)
		be_init();
}

static void leave_namespace(struct death *death)
{
	int own;

	if (!death->init.pid)
		return;
	own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	if (own < 0 || setns(own, CLONE_NEWPID) < 0)
		fail("cannot leave the pid namespace");
	close(own);
	kill(death->init.pid, SIGKILL);
	waitpid(death->init.pid, NULL, 0);
}

/* Leads a session on the terminal, if there is one, and has the victim as its child until it is ended. */
static _Noreturn void be_parent(const struct death *death, int fd)
{
	if (*death->terminal && (setsid() < 0 || open(death->terminal, O_RDWR) < 0))
		fail(death->terminal);
	start_here(death, fd);
	close(fd);
	for (;;)
		pause();
}

static void start_under_parent(struct death *death, int fd)
{
	death->parent = must_fork();
	if (death->parent == 0)
		be_parent(death, fd);
}

struct thread_work {
	struct death *death;
	int victim_fd, end_fd;
};

static void *be_parent_thread(void *argument)
{
	struct thread_work *work = argument;
	char byte;
	ssize_t got;

	work->death->pid = start_here(work->death, work->victim_fd);
	close(work->victim_fd);
	got = read(work->end_fd, &byte, 1);
	(void)got;
	close(work->end_fd);
	free(work);
	return NULL;
}

static void start_under_thread(struct death *death, int fd)
{
	struct thread_work *work = malloc(sizeof(*work));
	int ends[2];

	if (!work || pipe2(ends, O_CLOEXEC) < 0)
		fail("pipe");
	*work = (struct thread_work){death, dup(fd), ends[0]};
	death->thread_end = ends[1];
	errno = pthread_create(&death->thread, NULL, be_parent_thread, work);
	if (errno)
		fail("pthread_create");
}

static void open_terminal(struct death *death)
{
	death->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (death->master < 0 || grantpt(death->master) < 0 || unlockpt(death->master) < 0 ||
	    ptsname_r(death->master, death->terminal, sizeof(death->terminal)) != 0)
		fail("no pseudo-terminal");
}

static void join_cgroup(void)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/cgroup.procs", getenv("CGROUP") ? getenv("CGROUP") : "");
	file = fopen(path, "we");
	if (!file || fprintf(file, "%d\n", (int)getpid()) < 0 || fclose(file) < 0)
		fail(path);
}

static pid_t start_in_cgroup(const struct death *death, int fd)
{
	pid_t pid = must_fork();

	if (pid == 0) {
		join_cgroup();
		run_victim(death, fd);
	}
	return pid;
}

static void start_somewhere(struct death *death, int fd)
{
	switch (death->plan->where) {
	case IN_NAMESPACE:
		enter_namespace(death);
		death->pid = start_here(death, fd);
		break;
	case UNDER_PARENT:
		start_under_parent(death, fd);
		break;
	case UNDER_THREAD:
		start_under_thread(death, fd);
		break;
	case BEHIND_LEADER:
		open_terminal(death);
		start_under_parent(death, fd);
		break;
	case ON_TERMINAL:
		open_terminal(death);
		death->pid = start_here(death, fd);
		break;
	case IN_CGROUP:
		death->pid = start_in_cgroup(death, fd);
		break;
	case HERE:
	case AS_STRANGER:
		death->pid = start_here(death, fd);
		break;
	}
}

static void start(struct death *death)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		fail("socketpair");
	clock_gettime(CLOCK_BOOTTIME, &death->began);
	death->fd = ends[0];
	death->parent = getpid();
	start_somewhere(death, ends[1]);
	close(ends[1]);
	if (strstr(death->plan->script, "ready"))
		wait_for_line(death, "ready");
	if (!death->pid)
		death->pid = death->own_pid;
}

/* ---- killing ---- */

static void name_target(const struct death *death, const char *how, char target[static 64])
{
	const char *cgroup = getenv("CGROUP");
	bool inside = death->init.pid != 0;
	pid_t pid = inside ? death->own_pid : death->pid;

	if (strcmp(how, "cgroup") == 0 && cgroup)
		snprintf(target, 64, "%s", cgroup);
	else if (strstr(how, "tg") || strcmp(how, "tkill") == 0)
		snprintf(target, 64, "%d/%d", (int)pid,
			 death->newest_thread ? (int)death->newest_thread : (int)pid);
	else
		snprintf(target, 64, "%d", (int)pid);
}

struct gate {
	int wait_fd, open_fd;
};

static struct gate make_gate(void)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		fail("pipe");
	return (struct gate){ends[0], ends[1]};
}

static void open_gate(const struct gate *gate)
{
	close(gate->wait_fd);
	close(gate->open_fd);
}

/* It starts when the gate opens: from a pid namespace it could not enter the victim's process group. */
static void prepare_sender(const struct death *death, struct person *sender, const char *how,
			   char *uid, const struct gate *gate)
{
	char target[64], number[16], byte;
	char *words[] = {beside("sender"), strdup(how), number, target, uid, NULL};

	name_target(death, how, target);
	snprintf(number, sizeof(number), "%d", sender->signal);
	sender->uid = uid ? (uid_t)atoi(uid) : 0;
	sender->pid = must_fork();
	if (sender->pid == 0) {
		close(gate->open_fd);
		if (read(gate->wait_fd, &byte, 1) == 0)
			execv(words[0], words);
		_exit(BROKEN);
	}
	if (strcmp(how, "own-group") == 0 && setpgid(sender->pid, death->pid) < 0)
		fail("setpgid");
}

static void await_sender(const struct death *death, const struct person *sender)
{
	int status;

	if (waitpid(sender->pid, &status, 0) != sender->pid || status != 0)
		fail_case(death, "the sender failed");
}

/* HOW:SIGNAL[:UID]; returns when the sender is gone. */
static void send_signal(const struct death *death, struct person *sender, char *words)
{
	char *how = strtok_r(words, ":", &words), *name = strtok_r(NULL, ":", &words);
	struct gate gate = make_gate();

	sender->signal = name ? signal_number(name) : 0;
	if (!how || sender->signal <= 0)
		fail_case(death, "no such step");
	prepare_sender(death, sender, how, strtok_r(NULL, ":", &words), &gate);
	open_gate(&gate);
	await_sender(death, sender);
}

static void send_both(struct death *death)
{
	struct gate gate = make_gate();

	death->a.signal = SIGTERM;
	death->b.signal = SIGUSR1;
	prepare_sender(death, &death->a, "kill", NULL, &gate);
	prepare_sender(death, &death->b, "kill", NULL, &gate);
	open_gate(&gate);
	await_sender(death, &death->a);
	await_sender(death, &death->b);
}

static void end_parent(struct death *death)
{
	if (death->plan->where == UNDER_THREAD) {
		close(death->thread_end);
		pthread_join(death->thread, NULL);
		return;
	}
	kill(death->parent, SIGKILL);
	waitpid(death->parent, NULL, 0);
}

static void type(const struct death *death, const char *text)
{
	if (write(death->master, text, strlen(text)) < 0)
		fail("cannot type");
}

static void nap(void)
{
	struct timespec rest = {.tv_nsec = 300000000};

	nanosleep(&rest, NULL);
}

static void take_step(struct death *death, char *step)
{
	if (step[0] == 'A' && step[1] == ':')
		send_signal(death, &death->a, step + 2);
	else if (step[0] == 'B' && step[1] == ':')
		send_signal(death, &death->b, step + 2);
	else if (strcmp(step, "both") == 0)
		send_both(death);
	else if (strcmp(step, "go") == 0 && write(death->fd, "g", 1) == 1)
		return;
	else if (strcmp(step, "handled") == 0)
		wait_for_line(death, "handled");
	else if (strcmp(step, "enter") == 0)
		enter_namespace(death);
	else if (strcmp(step, "end-init") == 0)
		kill(death->init.pid, SIGKILL);
	else if (strcmp(step, "end-parent") == 0)
		end_parent(death);
	else if (strncmp(step, "type:", 5) == 0)
		type(death, step + 5);
	else if (strcmp(step, "hang-up") == 0)
		close(death->master), death->master = -1;
	else if (strcmp(step, "nap") == 0)
		nap();
	else
		fail_case(death, "no such step, or it failed");
}

/* ---- the truth ---- */

/* waitid() first, so that the two answers of the kernel are held against each other. */
static void reap(struct death *death)
{
	siginfo_t info;
	char line[64];

	if (waitid(P_PID, (id_t)death->pid, &info, WEXITED | WNOWAIT) < 0 ||
	    wait4(death->pid, &death->status, 0, &death->usage) != death->pid)
		fail_case(death, "the victim cannot be waited for");
	if (info.si_status !=
	    (WIFEXITED(death->status) ? WEXITSTATUS(death->status) : WTERMSIG(death->status)))
		fail_case(death, "waitid and waitpid disagree");
	if (WIFEXITED(death->status) && WEXITSTATUS(death->status) == BROKEN)
		fail_case(death, "the victim could not die as asked");
	while (read_line(death, 0, line))
		;
}

/* A, B: a sender; T: A if its SIGTERM was the end; W: whoever sent the signal that was. */
static struct person find_person(const struct death *death, char letter)
{
	struct person a = death->a, b = death->b, nobody = {.pid = 0};
	struct person init = {.pid = death->init.pid, .program = "killer"};
	struct person parent = {.pid = death->parent, .program = "killer"};
	struct person itself = {.pid = death->pid, .program = "mortal"};

	a.program = b.program = "sender";
	switch (letter) {
	case 'A':
		return a;
	case 'B':
		return b;
	case 'I':
		return init;
	case 'P':
		return parent;
	case 'S':
		return itself;
	case 'T':
		return WTERMSIG(death->status) == SIGTERM ? a : nobody;
	case 'W':
		return WTERMSIG(death->status) == a.signal ? a : b;
	default:
		return nobody;
	}
}

/* Who ends gives its memory back first, and its executable is known no more. */
static bool is_gone(const struct death *death, char letter)
{
	return letter == 'I' || (letter == 'P' && death->plan->where != UNDER_THREAD);
}

static void print_person(const struct death *death, const char *key, char letter)
{
	struct person person = find_person(death, letter);

	if (!person.pid) {
		printf(",\"%s\":null", key);
		return;
	}
	printf(",\"%s\":{\"pid\":%d,\"comm\":\"%s\",\"uid\":%u", key, (int)person.pid,
	       person.program, person.uid);
	if (is_gone(death, letter))
		printf(",\"path\":null");
	else
		printf(",\"path\":\"%s%s\"", directory, person.program);
	if (strcmp(key, "asked_by") == 0)
		printf(",\"signal\":\"SIG%s\"", sigabbrev_np(person.signal));
	putchar('}');
}

/* Linux 5.10 ends whom a filter kills without a signal that anybody could see; 6.1 sends one. */
static bool ends_without_a_signal(const struct death *death)
{
	struct utsname host;

	return uname(&host) == 0 && strtol(host.release, NULL, 10) < 6 &&
	       (strcmp(death->plan->script, "seccomp process") == 0 ||
		strcmp(death->plan->script, "seccomp thread") == 0);
}

static void print_fault(const struct death *death)
{
	if (ends_without_a_signal(death))
		printf(",\"fault\":null");
	else if (strcmp(death->plan->cause, "seccomp") == 0 && death->plan->fault)
		printf(",\"fault\":{\"code\":1,\"name\":\"%s\",\"syscall\":%d}", death->plan->fault,
		       SYS_getppid);
	else if (death->plan->fault)
		printf(",\"fault\":{\"code\":%d,\"name\":\"%s\",\"address\":\"%s\"}",
		       death->fault_code, death->plan->fault, death->fault_address);
	else
		printf(",\"fault\":null");
}

static long long microseconds(struct timeval time)
{
	return time.tv_sec * 1000000LL + time.tv_usec;
}

static void print_usage(const struct death *death)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	printf(",\"lived_ns\":%lld", (now.tv_sec - death->began.tv_sec) * 1000000000LL +
					     now.tv_nsec - death->began.tv_nsec);
	printf(",\"cpu_ns\":%lld",
	       (microseconds(death->usage.ru_utime) + microseconds(death->usage.ru_stime)) * 1000);
	printf(",\"max_rss_kib\":%ld,\"minor_faults\":%ld,\"major_faults\":%ld",
	       death->usage.ru_maxrss, death->usage.ru_minflt, death->usage.ru_majflt);
}

static void print_truth(const struct death *death)
{
	const struct plan *plan = death->plan;

	printf("{\"case\":\"%s\",\"pid\":%d,\"wait_status\":%d", plan->name, (int)death->pid,
	       death->status);
	/* the end of the session is told before, or after, its leader's children are given away */
	if (plan->where != BEHIND_LEADER)
		printf(",\"ppid\":%d",
		       plan->where == UNDER_PARENT ? (int)getpid() : (int)death->parent);
	printf(",\"parent_comm\":\"killer\"");
	if (plan->where == IN_NAMESPACE)
		printf(",\"ns_pid\":%d", death->own_pid ? (int)death->own_pid : 2);
	else
		printf(",\"ns_pid\":null");
	printf(",\"cause\":\"%s\",\"core_dumped\":%s", plan->cause,
	       WIFSIGNALED(death->status) && WCOREDUMP(death->status) ? "true" : "false");
	print_person(death, "killer", plan->killer);
	print_person(death, "asked_by", plan->asked_by);
	print_fault(death);
	print_usage(death);
	puts("}");
}

static void clean_up(struct death *death)
{
	leave_namespace(death);
	close(death->fd);
	if (death->master >= 0)
		close(death->master);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		; /* what the victim has left behind */
}

static void run_plan(const struct plan *plan)
{
	struct death death = {.plan = plan, .master = -1};
	char *rest = strdup(plan->steps), *step;

	start(&death);
	while ((step = strtok_r(rest, " ", &rest)))
		take_step(&death, step);
	reap(&death);
	print_truth(&death);
	clean_up(&death);
}

static void list(void)
{
	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++)
		printf("%s %s %s\n", plans[i].group, plans[i].name, plans[i].cause);
}

static void run(const char *name)
{
	bool found = false;

	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		if (strcmp(plans[i].group, name) != 0 && strcmp(plans[i].name, name) != 0)
			continue;
		run_plan(&plans[i]);
		found = true;
	}
	if (!found) {
		fprintf(stderr, "killer: no case %s\n", name);
		exit(2);
	}
}

static void find_directory(void)
{
	ssize_t length = readlink("/proc/self/exe", directory, sizeof(directory) - 1);

	if (length < 0)
		fail("/proc/self/exe");
	directory[length] = '\0';
	strrchr(directory, '/')[1] = '\0';
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--list") == 0) {
		list();
		return 0;
	}
	if (argc < 2) {
		fprintf(stderr, "usage: killer --list | killer GROUP|CASE...\n");
		return 2;
	}
	find_directory();
	reset_signals();
	prctl(PR_SET_CHILD_SUBREAPER, 1); /* orphans are reaped here */
	setvbuf(stdout, NULL, _IOLBF, 0); /* a forked child must find nothing in the buffer */
	for (char **name = argv + 1; *name; name++)
		run(*name);
	return 0;
}
