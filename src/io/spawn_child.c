// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* From the clone to the exec. A child of root's shares the spawner's memory until then, and the spawner sleeps meanwhile
 * (clone_sharing()): what is written here to anything but the stack is the spawner's, and every later child's. */
#include "io/spawn_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/ioprio.h>
#include <linux/keyctl.h>
#include <linux/mempolicy.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "io/sys.h"
#include "io/trust.h"

#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67 /* since 6.4 */
#endif

/* What the children get from the spawner, unless they change it. The bounding set can only shrink, and nothing
 * shrinks it here. The filter is that of the memory, which children may share: so is this note of it. */
static __u64 own_bounding;
static __u32 own_coredump_filter;
static char own_label[LAUNCH_LABEL_SIZE];

/* What whoever started the daemon has made it inherit, and a child of it would. */
static void drop_own_habits(void)
{
	prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
	prctl(PR_SET_MEMORY_MERGE, 0, 0, 0, 0);
	prctl(PR_SET_IO_FLUSHER, 0, 0, 0, 0);
	prctl(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0, 0, 0);
	prctl(PR_SET_SECUREBITS, 0, 0, 0, 0);
	syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0);
}

static void read_own_state(void)
{
	_cleanup_close_ int fd = open("/proc/self/coredump_filter", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int label = open("/proc/self/attr/current", O_RDONLY | O_CLOEXEC);
	char text[16] = "";

	own_bounding = 0;
	for (int cap = 0; cap < 64; cap++)
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
			own_bounding |= UINT64_C(1) << cap;
	if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0)
		own_coredump_filter = (__u32)strtoul(text, NULL, 16);
	if (label >= 0 && read(label, own_label, sizeof(own_label) - 1) > 0)
		own_label[strcspn(own_label, "\n")] = '\0';
}

void spawn_child_prepare(void)
{
	drop_own_habits();
	read_own_state();
}

/* ---- in the child: nothing here may return to the daemon's code ---- */

static void say(int report, enum stage stage, int error)
{
	struct spawn_message message = {.stage = (int)stage, .error = error};

	/* Smaller than PIPE_BUF: whole or not at all. */
	if (write(report, &message, sizeof(message)) < 0 || spawn_stages[stage].fatal)
		_exit(127);
}

/* What could not be looked at to its end is not executed either: somebody may put it there right now. A file that is
 * missing may come back, and is looked at again then. */
static void check_trust(const struct launch *launch, int report)
{
	static const enum stage unseen[LAUNCH_GUARDED] = {STAGE_EXEC, STAGE_SCRIPT};
	struct {
		struct spawn_message message;
		struct spawn_refusal refusal;
	} words = {.message = {.stage = STAGE_TRUST, .error = EPERM}};

	for (size_t i = 0; i < LAUNCH_GUARDED; i++) {
		int r = launch->guarded[i] ? trust_check(launch->guarded[i], words.refusal.sentence)
					   : 0;

		if (r < 0 && r != -EPERM)
			say(report, unseen[i], -r);
		if (r != -EPERM)
			continue;
		if (write(report, &words, sizeof(words)) < 0)
			errno = 0; /* nobody listens any more */
		_exit(127);
	}
}

static void say_if(int report, enum stage stage, int result)
{
	if (result < 0)
		say(report, stage, errno);
}

/* All of them: whoever started the daemon may have had some ignored, and nohup(1) has. */
static void restore_dispositions(const struct obit_exec_record *facts)
{
	/* The kernel's struct sigaction, that begins with the handler. */
	static const unsigned long standard[8] = {(unsigned long)SIG_DFL},
				   ignore[8] = {(unsigned long)SIG_IGN};

	for (int signal = 1; signal < NSIG; signal++)
		sys_rt_sigaction(signal, facts->ignored >> (signal - 1) & 1 ? ignore : standard);
}

static int write_file(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	return write(fd, text, strlen(text)) < 0 ? -1 : 0;
}

static void restore_oom_score(const struct obit_exec_record *facts, int report)
{
	char now[16] = "", wanted[16];
	_cleanup_close_ int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);

	snprintf(wanted, sizeof(wanted), "%d\n", facts->oom_score_adj);
	if (fd < 0 || read(fd, now, sizeof(now) - 1) < 0 || !strcmp(now, wanted))
		return;
	say_if(report, STAGE_OOM_SCORE, write_file("/proc/self/oom_score_adj", wanted));
}

static void restore_limits(const struct obit_exec_record *facts, int report)
{
	for (int i = 0; i < OBIT_RLIMITS; i++) {
		struct rlimit wanted = {.rlim_cur = facts->rlimits[i].current,
					.rlim_max = facts->rlimits[i].maximum};
		struct rlimit now;

		if (facts->rlimits[i].maximum == OBIT_RLIMIT_UNKNOWN || getrlimit(i, &now) < 0 ||
		    !memcmp(&now, &wanted, sizeof(now)))
			continue;
		say_if(report, STAGE_RLIMIT, setrlimit(i, &wanted));
	}
}

static void restore_login_uid(__u32 wanted, int report)
{
	char text[16] = "";
	_cleanup_close_ int fd = open("/proc/self/loginuid", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 ||
	    (__u32)strtoul(text, NULL, 10) == wanted)
		return;
	snprintf(text, sizeof(text), "%u", wanted);
	say_if(report, STAGE_LOGIN_UID, write_file("/proc/self/loginuid", text));
}

static void restore_coredump_filter(__u32 wanted, int report)
{
	char text[16];

	if (own_coredump_filter == wanted)
		return;
	snprintf(text, sizeof(text), "0x%x", wanted);
	say_if(report, STAGE_COREDUMP_FILTER, write_file("/proc/self/coredump_filter", text));
	own_coredump_filter = wanted;
}

/* Whoever has set none is of no class, whatever number the kernel tells beside that: 5.10 has 4. */
static bool has_io_priority(__u32 wanted)
{
	long now = syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0);

	return now == (long)wanted || (IOPRIO_PRIO_CLASS(now) == IOPRIO_CLASS_NONE &&
				       IOPRIO_PRIO_CLASS(wanted) == IOPRIO_CLASS_NONE);
}

static void restore_habits(const struct obit_exec_record *facts, int report)
{
	int persona = (int)facts->personality;

	if (personality(UINT32_MAX) != persona)
		say_if(report, STAGE_PERSONALITY, personality(facts->personality));
	/* Since 6.13 those with a real-time policy have none, and cannot have one. */
	if (facts->timer_slack_ns)
		prctl(PR_SET_TIMERSLACK, (unsigned long)facts->timer_slack_ns, 0, 0, 0);
	if (!has_io_priority(facts->io_priority))
		say_if(report, STAGE_SCHEDULER,
		       (int)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, facts->io_priority));
	restore_coredump_filter(facts->coredump_filter, report);
	restore_login_uid(facts->login_uid, report);
}

static void restore_scheduler(const struct obit_exec_record *facts, int report)
{
	struct sched_param param = {.sched_priority = (int)facts->rt_priority};
	unsigned char now[OBIT_CPUS_BYTES] = {0};

	if (sched_getscheduler(0) != (int)facts->policy)
		say_if(report, STAGE_SCHEDULER, sched_setscheduler(0, (int)facts->policy, &param));
	if (getpriority(PRIO_PROCESS, 0) != facts->nice)
		say_if(report, STAGE_SCHEDULER, setpriority(PRIO_PROCESS, 0, facts->nice));
	/* The system call, since the mask has the kernel's size and not cpu_set_t's. */
	if (syscall(SYS_sched_getaffinity, 0, sizeof(now), now) > 0 &&
	    memcmp(now, facts->cpus, sizeof(now)) != 0)
		say_if(report, STAGE_SCHEDULER,
		       (int)syscall(SYS_sched_setaffinity, 0, sizeof(facts->cpus), facts->cpus));
}

static void restore_bounding(const struct obit_exec_record *facts, int report)
{
	for (int cap = 0; cap < 64; cap++)
		if (own_bounding >> cap & 1 && !(facts->cap_bounding >> cap & 1))
			say_if(report, STAGE_BOUNDING, prctl(PR_CAPBSET_DROP, cap, 0, 0, 0));
}

/* Inheritable and ambient ones survive the change of uid only if asked for; permitted and effective follow
 * from these at exec. */
static void restore_inheritable(const struct obit_exec_record *facts, int report)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		return;
	for (int i = 0; i < 2; i++)
		data[i].inheritable = (__u32)(facts->cap_inheritable >> (32 * i));
	/* For the securebits; the change of uid has left it permitted alone. */
	data[0].effective |= data[0].permitted & 1U << CAP_SETPCAP;
	say_if(report, STAGE_BOUNDING, (int)syscall(SYS_capset, &header, data));
	for (int cap = 0; cap < 64; cap++)
		if (facts->cap_ambient >> cap & 1)
			say_if(report, STAGE_BOUNDING,
			       prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0));
}

/* What was kept for the way here. Exec would take it, too; but files are opened before. */
static void give_up_capabilities(const struct obit_exec_record *facts, int report)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	for (int i = 0; i < 2; i++) {
		data[i].inheritable = (__u32)(facts->cap_inheritable >> (32 * i));
		data[i].permitted = data[i].effective = (__u32)(facts->cap_ambient >> (32 * i));
	}
	say_if(report, STAGE_BOUNDING, (int)syscall(SYS_capset, &header, data));
}

static void verify_ids(const struct obit_exec_record *facts, int report)
{
	uid_t r, e, s;
	gid_t gr, ge, gs;

	if (getresuid(&r, &e, &s) < 0 || getresgid(&gr, &ge, &gs) < 0 || r != facts->uid ||
	    e != facts->euid || s != facts->suid || gr != facts->gid || ge != facts->egid ||
	    gs != facts->sgid)
		say(report, STAGE_VERIFY, EPERM);
}

static void restore_credentials(const struct obit_exec_record *facts, int report)
{
	bool keep = !recipe_is_root(facts) &&
		    (facts->cap_inheritable || facts->cap_ambient || facts->securebits);

	restore_bounding(facts, report);
	if (keep)
		prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
	if (syscall(SYS_setgroups, (int)facts->group_count, facts->groups) < 0)
		say(report, STAGE_GROUPS, errno);
	if (setresgid(facts->gid, facts->egid, facts->sgid) < 0 ||
	    setresuid(facts->uid, facts->euid, facts->suid) < 0)
		say(report, STAGE_IDS, errno);
	restore_inheritable(facts, report);
	/* Not that of whoever has started the daemon. Where there are no keys, there is nothing to part with. */
	syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	if ((prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) & ~SECBIT_KEEP_CAPS) != (int)facts->securebits)
		say_if(report, STAGE_BOUNDING,
		       prctl(PR_SET_SECUREBITS, facts->securebits, 0, 0, 0));
	if (keep)
		give_up_capabilities(facts, report);
	if (facts->flags & OBIT_EXEC_NO_NEW_PRIVS)
		say_if(report, STAGE_BOUNDING, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	verify_ids(facts, report);
}

/* What has the spawner's label gets that by itself, or what its path stands for, as at any start. All other labels
 * are asked for: without its own it does not start. A policy that has no such label any more says ENOENT, which must not
 * be taken for a missing executable. */
static void restore_label(const char *label, int report)
{
	char words[LAUNCH_LABEL_SIZE];

	if (!label || !strcmp(label, own_label))
		return;
	if (!launch_label_words(label, words) || write_file("/proc/self/attr/exec", words) < 0)
		say(report, STAGE_LABEL, errno == ENOENT ? EINVAL : errno);
}

/* The recorded path had no symbolic link in it: one that is there now was put there. (O_NOFOLLOW says less, and the
 * process would keep the flag.) */
static int open_as_it_was(const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (__u64)(unsigned)(flags | O_NOCTTY | O_NONBLOCK | O_CLOEXEC),
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) < 0 || (st.st_mode & S_IFMT) != (mode & S_IFMT))) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	return fd;
}

/* Terminals are never handed back, and a pipe or socket cannot be: its other end is gone. */
static int open_stdio(const struct launch *launch, int i)
{
	const struct obit_stdio *was = &launch->facts->stdio[i];
	const int keep = O_ACCMODE | O_APPEND | O_SYNC | O_DSYNC | O_DIRECT;
	int fd;

	/* The daemon's own log is for root alone: who holds it can forge it, cut it, or read a terminal. */
	if ((S_ISFIFO(was->mode) || S_ISSOCK(was->mode)) && i > 0 && launch->facts->uid == 0 &&
	    launch->facts->euid == 0 && !isatty(STDERR_FILENO))
		return fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (!launch->stdio[i] || !(S_ISREG(was->mode) || S_ISCHR(was->mode)))
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	fd = open_as_it_was(launch->stdio[i], (int)(was->flags & (unsigned)keep), was->mode);
	if (fd >= 0 && isatty(fd)) {
		close(fd);
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	}
	if (fd >= 0) {
		fcntl(fd, F_SETFL, (int)(was->flags & (unsigned)(keep | O_NONBLOCK)));
		if (S_ISREG(was->mode) && (was->flags & O_ACCMODE) != O_RDONLY)
			lseek(fd, 0, SEEK_END); /* goes on where the last life stopped */
	}
	return fd;
}

static void restore_stdio(const struct launch *launch, int report)
{
	int fds[3];

	for (int i = 0; i < 3; i++) {
		fds[i] = open_stdio(launch, i);
		if (fds[i] < 0) {
			say(report, STAGE_STDIO, errno);
			fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
		}
	}
	for (int i = 0; i < 3; i++)
		if (fds[i] >= 0)
			dup2(fds[i], i);
}

/* The recorded one as it was, see open_as_it_was(). */
static int change_directory(const struct launch *launch)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	_cleanup_close_ int fd = -1;

	if (!launch->directory) {
		errno = ENOENT;
		return -1;
	}
	if (launch->follow)
		return chdir(launch->directory);
	fd = (int)syscall(SYS_openat2, AT_FDCWD, launch->directory, &how, sizeof(how));
	return fd < 0 ? -1 : fchdir(fd);
}

static void enter_directory(const struct launch *launch, int report)
{
	if (change_directory(launch) == 0)
		return;
	/* What is named relative to it is not to be looked for elsewhere. */
	say(report, launch->path[0] == '/' ? STAGE_DIRECTORY : STAGE_EXEC, errno);
	if (chdir("/") < 0)
		_exit(127);
}

/* Of v2 only where CLONE_INTO_CGROUP could not be had. */
static void enter_cgroup(const struct spawn_place *place, int report)
{
	_cleanup_close_ int procs = -1;

	if (place->fd < 0)
		return;
	procs = place->v2 ? openat(place->fd, "cgroup.procs", O_WRONLY | O_CLOEXEC)
			  : fcntl(place->fd, F_DUPFD_CLOEXEC, 3);
	if (procs < 0 || write(procs, "0", 1) < 0)
		say(report, STAGE_CGROUP, errno);
}

/* One that is not wanted any more leaves: its go is closed, or nobody will read its report. So it does when the daemon
 * is dead. */
static void wait_for_go(const struct spawn_order *order)
{
	struct pollfd reader = {.fd = order->report};
	char word;
	ssize_t n = 1;
	int gone;

	do
		n = order->go < 0 ? 1 : read(order->go, &word, 1);
	while (n < 0 && errno == EINTR);
	do
		gone = poll(&reader, 1, 0);
	while (gone < 0 && errno == EINTR);
	if (n != 1 || gone)
		_exit(0);
}

_Noreturn static void become(const struct spawn_order *order)
{
	const struct launch *launch = order->launch;
	int report = order->report;

	say(report, STAGE_BORN, getpid());
	check_trust(launch, report);
	restore_dispositions(launch->facts);
	setsid();
	enter_cgroup(&order->place, report);
	restore_oom_score(launch->facts, report);
	restore_limits(launch->facts, report);
	restore_habits(launch->facts, report);
	restore_scheduler(launch->facts, report);
	restore_credentials(launch->facts, report);
	restore_label(launch->label, report);
	umask(launch->facts->umask);
	enter_directory(launch, report);
	restore_stdio(launch, report);
	wait_for_go(order);
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	/* The system call, since the library keeps two signals for itself. */
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &launch->facts->blocked, NULL, NSIG / 8);
	/* execve(2) writes to neither array. */
	execve(launch->path, (char *const *)(uintptr_t)launch->argv,
	       (char *const *)(uintptr_t)launch->envp);
	say(report, STAGE_EXEC, errno);
	_exit(127);
}

/* ---- in the spawner ---- */

#define CHILD_STACK (128 * 1024)

/* Of v2 the child is born in its cgroup (since 5.7), which is cheaper than to move there. */
static pid_t clone_into(struct spawn_order *order)
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP | CLONE_PARENT,
		.cgroup = (__u64)order->place.fd,
	};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0) {
		order->place.fd = -1;
		become(order);
	}
	return pid;
}

/* The sanitizer looks at the stack before a call that does not return, and says that it does not know this one. */
__attribute__((no_sanitize_address)) static int run_child(void *arg)
{
	become(arg);
}

static pid_t clone_with(int flags, struct spawn_order *order)
{
	static _Alignas(64) char stack[CHILD_STACK];

	return clone(run_child, stack + sizeof(stack), flags | CLONE_PARENT | SIGCHLD, order);
}

/* CLONE_PARENT makes it the daemon's child: until the daemon reaps it, its pid is nobody else's. */
static pid_t clone_copying(struct spawn_order *order)
{
	return clone_with(0, order);
}

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifndef SANITIZED
/* Like vfork(2), on a stack of its own: the spawner sleeps until the child has exec'd or left, and no memory
 * is copied. */
static pid_t clone_sharing(struct spawn_order *order)
{
	return clone_with(CLONE_VM | CLONE_VFORK, order);
}
#else
/* The sanitizer keeps notes on memory in memory, and a child that shares both would spoil them. */
#define clone_sharing clone_copying
#endif

pid_t spawn_child_make(struct spawn_order *order)
{
	const struct obit_exec_record *facts = order->launch->facts;
	pid_t pid = -1;

	if (order->place.fd >= 0 && order->place.v2 && !order->place.move)
		pid = clone_into(order);
	if (pid >= 0)
		return pid;
	/* Any user can make an exec of theirs hang (a lease, a FUSE mount): the spawner does not sleep for them.
	 * Where root's hangs, the daemon takes another spawner. */
	return facts->uid == 0 && facts->euid == 0 ? clone_sharing(order) : clone_copying(order);
}
