// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/ioprio.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "core/proc_text.h"
#include "io/aside.h"

/* Inodes of the initial namespaces, fixed since 3.8 (include/linux/proc_ns.h). PID 1's own links may be
 * unreadable where it has more capabilities than the daemon. */
#define HOST_PIDNS_INODE  0xEFFFFFFCU
#define HOST_TIMENS_INODE 0xEFFFFFFAU /* since 5.6 */
#define HOST_USERNS_INODE 0xEFFFFFFDU
#define CAPTURE_MAX	  (2U * OBIT_RECIPE_MAX)

static int open_proc(pid_t pid, const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return open(path, flags | O_CLOEXEC);
}

/* A whole small file with a NUL behind it, in memory that the caller frees. */
static int read_proc(pid_t pid, const char *name, char **ret, size_t *ret_size)
{
	_cleanup_close_ int fd = open_proc(pid, name, O_RDONLY);
	size_t size = 0, room = 4096;
	_cleanup_free_ char *bytes = malloc(room);
	ssize_t n = 1;

	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	while (bytes && n > 0) {
		n = read(fd, bytes + size, room - size - 1);
		if (n < 0)
			return -errno;
		size += (size_t)n;
		bytes[size] = '\0';
		if (room - size < 2) {
			char *more = room < CAPTURE_MAX ? realloc(bytes, room * 2) : NULL;

			if (!more)
				return -ENOMEM;
			bytes = more;
			room *= 2;
		}
	}
	if (!bytes)
		return -ENOMEM;
	*ret = TAKE_PTR(bytes);
	*ret_size = size;
	return 0;
}

static int read_stat(pid_t pid, struct proc_text_stat *ret)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	int r = read_proc(pid, "stat", &text, &size);

	return r < 0 ? r : proc_text_stat(text, ret);
}

static uint64_t tick_ns(void)
{
	return NS_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK);
}

/* PF_EXITING and PF_KTHREAD of include/linux/sched.h. */
#define FLAG_EXITING	   0x00000004
#define FLAG_KERNEL_THREAD 0x00200000

/* False where there is no such process any more. */
static bool stat_of(const struct obit_key *key, struct proc_text_stat *ret)
{
	return read_stat((pid_t)key->tgid, ret) == 0 &&
	       ret->start_ticks == key->start_boottime / tick_ns();
}

bool proc_is_unreaped(const struct obit_key *key)
{
	struct proc_text_stat stat;

	return stat_of(key, &stat);
}

bool proc_same(const struct obit_key *rounded, const struct obit_key *key)
{
	return rounded->tgid == key->tgid &&
	       rounded->start_boottime == key->start_boottime - key->start_boottime % tick_ns();
}

static bool is_alive(const struct obit_key *key)
{
	struct proc_text_stat stat;

	return stat_of(key, &stat) && !strchr("ZX", stat.state);
}

static int tell_whether_exists(const void *question, struct aside_answer *ret)
{
	(void)ret;
	return proc_is_unreaped(question);
}

static int tell_whether_alive(const void *question, struct aside_answer *ret)
{
	(void)ret;
	return is_alive(question);
}

static int tell_whether_leaving(const void *question, struct aside_answer *ret)
{
	struct proc_text_stat stat;

	(void)ret;
	return !stat_of(question, &stat) || stat.flags & FLAG_EXITING;
}

/* Takes the string, and its NUL is of the answer. */
static int give(char *text, struct aside_answer *ret)
{
	*ret = (struct aside_answer){.bytes = text, .size = text ? strlen(text) + 1 : 0};
	return 0;
}

static int ask(aside_fn *fn, const struct obit_key *key)
{
	return aside_ask(fn, (pid_t)key->tgid, key, sizeof(*key), NULL);
}

/* Of whom nothing is known is there. */
bool proc_exists(const struct obit_key *key)
{
	return ask(tell_whether_exists, key) != 0;
}

bool proc_is_alive(const struct obit_key *key)
{
	return ask(tell_whether_alive, key) != 0;
}

int proc_is_leaving(const struct obit_key *key)
{
	return ask(tell_whether_leaving, key);
}

pid_t proc_session(pid_t pid)
{
	_cleanup_free_ char *status = NULL;
	size_t size;
	int r = read_proc(pid, "status", &status, &size);

	return r < 0 ? r : (pid_t)proc_text_session(status);
}

static int tell_label(const void *question, struct aside_answer *ret)
{
	const struct obit_key *key = question;
	_cleanup_free_ char *label = NULL;
	size_t size;
	int r = read_proc((pid_t)key->tgid, "attr/current", &label, &size);

	if (!proc_is_unreaped(key))
		return -ESRCH;
	if (r < 0)
		return r == -EINVAL ? 0 : r;
	label[strcspn(label, "\n")] = '\0';
	return *label ? give(TAKE_PTR(label), ret) : 0;
}

int proc_label(const struct obit_key *key, char **ret)
{
	struct aside_answer answer;
	int r = aside_ask(tell_label, (pid_t)key->tgid, key, sizeof(*key), &answer);

	*ret = answer.bytes;
	return r;
}

bool proc_has_labels(void)
{
	_cleanup_free_ char *label = NULL;
	size_t size;

	return read_proc(getpid(), "attr/current", &label, &size) == 0 && size;
}

static int tell_terminal(const void *question, struct aside_answer *ret)
{
	const struct obit_key *key = question;
	struct proc_text_stat stat;

	(void)ret;
	return read_stat((pid_t)key->tgid, &stat) == 0 && stat.terminal;
}

bool proc_has_terminal(const struct obit_key *key)
{
	return ask(tell_terminal, key) > 0;
}

static char *read_link(pid_t pid, const char *name)
{
	char path[64], target[PATH_MAX + 1];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return NULL;
	target[n] = '\0';
	return strdup(target);
}

/* What a link in /proc leads to, as the kernel has it in memory: the file system behind it is not asked, since it may not
 * answer. */
static int look_at(const char *path, struct statx *ret)
{
	return statx(AT_FDCWD, path, AT_STATX_DONT_SYNC,
		     STATX_TYPE | STATX_MODE | STATX_UID | STATX_INO, ret);
}

static int look_at_link(pid_t pid, const char *name, struct statx *ret)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return look_at(path, ret);
}

/* ---- who has a pid ---- */

/* The process that a thread is of: itself, for most. */
static pid_t tgid_of(pid_t pid)
{
	_cleanup_free_ char *text = NULL;
	size_t size;

	if (read_proc(pid, "status", &text, &size) < 0)
		return pid;
	return (pid_t)proc_text_tgid(text, (uint32_t)pid);
}

static bool runs_own_program(pid_t pid)
{
	struct statx own, its;

	return look_at("/proc/self/exe", &own) == 0 && look_at_link(pid, "exe", &its) == 0 &&
	       own.stx_dev_major == its.stx_dev_major && own.stx_dev_minor == its.stx_dev_minor &&
	       own.stx_ino == its.stx_ino;
}

struct told_identity {
	struct proc_identity identity; /* without .exe, which is behind it */
	char exe[];
};

static int tell_identity(const void *question, struct aside_answer *ret)
{
	pid_t pid = *(const pid_t *)question, tgid = tgid_of(pid);
	_cleanup_free_ char *exe = NULL;
	struct told_identity *told;
	struct proc_text_stat stat;
	size_t length;

	if (read_stat(tgid, &stat) < 0)
		return -ESRCH;
	exe = read_link(tgid, "exe");
	proc_text_cut_deleted(exe);
	length = exe ? strlen(exe) + 1 : 0;
	told = malloc(sizeof(*told) + length);
	if (!told)
		return -ENOMEM;
	told->identity = (struct proc_identity){
		.key = {.tgid = (__u32)tgid, .start_boottime = stat.start_ticks * tick_ns()},
		.is_thread = tgid != pid,
		.is_kernel = stat.flags & FLAG_KERNEL_THREAD,
		.is_own = runs_own_program(tgid),
	};
	told->identity.is_dead = !is_alive(&told->identity.key);
	if (exe)
		memcpy(told->exe, exe, length);
	*ret = (struct aside_answer){.bytes = (char *)told, .size = sizeof(*told) + length};
	return 0;
}

int proc_key_of_child(pid_t pid, struct obit_key *ret)
{
	struct proc_text_stat stat;
	int r = read_stat(pid, &stat);

	if (r == 0)
		*ret = (struct obit_key){.tgid = (__u32)pid,
					 .start_boottime = stat.start_ticks * tick_ns()};
	return r;
}

int proc_identify(pid_t pid, struct proc_identity *ret)
{
	struct aside_answer answer;
	int r = aside_ask(tell_identity, pid, &pid, sizeof(pid), &answer);
	_cleanup_free_ struct told_identity *told = (void *)answer.bytes;

	if (r < 0)
		return r;
	*ret = told->identity;
	if (answer.size == sizeof(*told))
		return 0;
	ret->exe = strdup(told->exe);
	return ret->exe ? 0 : -ENOMEM;
}

/* ---- capturing ---- */

static void capture_paths(pid_t pid, struct recipe *recipe)
{
	recipe->exe = read_link(pid, "exe");
	recipe->cwd = read_link(pid, "cwd");
	recipe->root = read_link(pid, "root");
	if (proc_text_cut_deleted(recipe->exe))
		recipe->facts->flags |= OBIT_EXEC_EXE_DELETED;
	if (proc_text_cut_deleted(recipe->cwd))
		recipe->facts->flags |= OBIT_EXEC_CWD_DELETED;
	if (recipe->root && strcmp(recipe->root, "/") != 0)
		recipe->facts->flags |= OBIT_EXEC_CHROOT;
}

static void capture_stdio(pid_t pid, struct recipe *recipe)
{
	for (int i = 0; i < 3; i++) {
		char name[32];
		_cleanup_free_ char *info = NULL;
		struct statx file;
		size_t size;

		snprintf(name, sizeof(name), "fd/%d", i);
		if (look_at_link(pid, name, &file) < 0)
			continue;
		recipe->facts->stdio[i].mode = file.stx_mode;
		recipe->stdio[i] = read_link(pid, name);
		snprintf(name, sizeof(name), "fdinfo/%d", i);
		if (read_proc(pid, name, &info, &size) == 0)
			recipe->facts->stdio[i].flags = proc_text_open_flags(info);
	}
}

static int capture_strings(pid_t pid, struct recipe *recipe)
{
	int r = read_proc(pid, "cmdline", &recipe->argv.bytes, &recipe->argv.size);

	if (r < 0)
		return r;
	recipe->argv_overwritten = proc_text_is_overwritten(&recipe->argv, recipe->exe);
	if (recipe->argv.size && recipe->argv.bytes[recipe->argv.size - 1] != '\0')
		recipe->argv.size++; /* read_proc() has put a NUL there */
	r = read_proc(pid, "environ", &recipe->env.bytes, &recipe->env.size);
	if (r < 0)
		return r;
	if (recipe->env.size && recipe->env.bytes[recipe->env.size - 1] != '\0')
		recipe->env.size++;
	recipe->facts->argv_bytes = recipe->argv.size;
	recipe->facts->env_bytes = recipe->env.size;
	return 0;
}

static int capture_status(pid_t pid, struct recipe *recipe)
{
	_cleanup_free_ char *status = NULL;
	size_t size;
	int r = read_proc(pid, "status", &status, &size);

	if (r == 0)
		proc_text_status(status, recipe->facts);
	return r;
}

static unsigned long long read_number(pid_t pid, const char *name, int base,
				      unsigned long long otherwise)
{
	_cleanup_free_ char *text = NULL;
	size_t size;

	return read_proc(pid, name, &text, &size) == 0 && size ? strtoull(text, NULL, base)
							       : otherwise;
}

static void capture_habits(pid_t pid, struct recipe *recipe)
{
	struct obit_exec_record *facts = recipe->facts;
	long priority = syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, pid);

	facts->coredump_filter = (__u32)read_number(pid, "coredump_filter", 16, 0);
	facts->personality = (__u32)read_number(pid, "personality", 16, 0);
	facts->timer_slack_ns = read_number(pid, "timerslack_ns", 10, 0);
	facts->login_uid = (__u32)read_number(pid, "loginuid", 10, UINT32_MAX);
	facts->io_priority = priority < 0 ? 0 : (__u32)priority;
}

int proc_namespaces(pid_t pid, __u32 ret[static OBIT_NAMESPACES])
{
	static const char *const names[OBIT_NAMESPACES] = {
		[OBIT_NS_MNT] = "mnt", [OBIT_NS_NET] = "net",	    [OBIT_NS_IPC] = "ipc",
		[OBIT_NS_UTS] = "uts", [OBIT_NS_CGROUP] = "cgroup", [OBIT_NS_TIME] = "time",
	};

	int r = 0;

	for (size_t i = 0; i < OBIT_NAMESPACES; i++) {
		struct stat st;
		char path[64];

		snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, names[i]);
		ret[i] = stat(path, &st) == 0 ? (__u32)st.st_ino : 0;
		if (!ret[i] && errno != ENOENT)
			r = -errno;
	}
	return r;
}

static void compare_namespaces(pid_t pid, const __u32 own[static OBIT_NAMESPACES],
			       struct recipe *recipe)
{
	__u32 its[OBIT_NAMESPACES];

	proc_namespaces(pid, its); /* what it does not show is another one */
	for (size_t i = 0; i < OBIT_NAMESPACES; i++)
		if (its[i] != own[i])
			recipe->facts->flags |= (__u32)OBIT_EXEC_OTHER_NS << i;
}

static void capture_limits(pid_t pid, struct recipe *recipe)
{
	struct obit_exec_record *facts = recipe->facts;
	struct sched_param param = {0};
	_cleanup_free_ char *score = NULL;
	size_t size;

	for (int i = 0; i < OBIT_RLIMITS; i++) {
		struct rlimit limit;

		if (prlimit(pid, i, NULL, &limit) < 0)
			limit.rlim_cur = limit.rlim_max = OBIT_RLIMIT_UNKNOWN;
		facts->rlimits[i].current = limit.rlim_cur;
		facts->rlimits[i].maximum = limit.rlim_max;
	}
	facts->nice = getpriority(PRIO_PROCESS, (id_t)pid);
	facts->policy = (__u32)sched_getscheduler(pid);
	sched_getparam(pid, &param);
	facts->rt_priority = (__u32)param.sched_priority;
	syscall(SYS_sched_getaffinity, pid, sizeof(facts->cpus), facts->cpus);
	if (read_proc(pid, "oom_score_adj", &score, &size) == 0)
		facts->oom_score_adj = atoi(score);
}

/* The mount namespace's owner is the initial user namespace. */
static bool mounts_are_hosts(pid_t pid)
{
	_cleanup_close_ int mounts = open_proc(pid, "ns/mnt", O_RDONLY);
	_cleanup_close_ int owner = mounts < 0 ? -1 : ioctl(mounts, NS_GET_USERNS);
	struct stat st;

	return owner >= 0 && fstat(owner, &st) == 0 && st.st_ino == HOST_USERNS_INODE;
}

static bool credentials_are_hosts(pid_t pid)
{
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	return stat(path, &st) == 0 && st.st_ino == HOST_USERNS_INODE;
}

static void capture_exe_facts(pid_t pid, struct recipe *recipe)
{
	struct statx file;

	if (look_at_link(pid, "exe", &file) == 0) {
		recipe->facts->exe_uid = file.stx_uid;
		recipe->facts->exe_mode = file.stx_mode;
	}
	if (mounts_are_hosts(pid) && credentials_are_hosts(pid))
		recipe->facts->flags |= OBIT_EXEC_HOST_MNT_OWNER;
}

static bool was_secure_exec(pid_t pid)
{
	_cleanup_free_ char *bytes = NULL;
	size_t size;

	if (read_proc(pid, "auxv", &bytes, &size) < 0)
		return true; /* not known: the careful answer */
	return proc_text_is_secure(bytes, size);
}

static int capture(const struct obit_key *key, const __u32 own[static OBIT_NAMESPACES],
		   struct recipe *recipe)
{
	pid_t pid = (pid_t)key->tgid;
	struct proc_text_stat stat;
	int r = capture_status(pid, recipe);

	if (r < 0)
		return r;
	capture_paths(pid, recipe);
	capture_stdio(pid, recipe);
	capture_limits(pid, recipe);
	capture_habits(pid, recipe);
	compare_namespaces(pid, own, recipe);
	capture_exe_facts(pid, recipe);
	if (was_secure_exec(pid))
		recipe->facts->flags |= OBIT_EXEC_SECURE;
	if (read_stat(pid, &stat) == 0)
		recipe->stack = stat.stack;
	r = capture_strings(pid, recipe);
	if (r < 0)
		return r;
	/* All of it is of one process only if that process is still there. */
	return proc_is_unreaped(key) ? 0 : -ESRCH;
}

struct capture_question {
	struct obit_key key;
	__u32 own[OBIT_NAMESPACES];
};

static int tell_recipe(const void *question, struct aside_answer *ret)
{
	const struct capture_question *asked = question;
	struct recipe *recipe = recipe_new(RECIPE_PROC);
	int r = recipe ? capture(&asked->key, asked->own, recipe) : -ENOMEM;

	if (r == 0)
		r = recipe_pack(recipe, &ret->bytes, &ret->size);
	recipe_free(recipe);
	return r;
}

int proc_capture(const struct obit_key *key, const __u32 own[static OBIT_NAMESPACES],
		 struct recipe **ret)
{
	struct capture_question question = {.key = *key};
	struct aside_answer answer;
	int r;

	memcpy(question.own, own, sizeof(question.own));
	r = aside_ask(tell_recipe, (pid_t)key->tgid, &question, sizeof(question), &answer);
	if (r == 0)
		r = recipe_unpack(answer.bytes, answer.size, ret);
	free(answer.bytes);
	return r;
}

/* ---- who lives above ---- */

/* Returns the pid of its parent, 0 where it cannot be told. */
static pid_t read_ancestor(pid_t pid, struct owner_ancestor *ret)
{
	_cleanup_free_ char *status = NULL;
	size_t size;

	if (read_proc(pid, "status", &status, &size) < 0)
		return 0;
	*ret = (struct owner_ancestor){.pid = (uint32_t)pid};
	return (pid_t)proc_text_ancestor(status, ret);
}

size_t proc_ancestors(pid_t pid, struct owner_ancestor *ret, size_t most)
{
	size_t count = 0;

	while (count < most && pid > 1 && pid != getpid()) {
		pid_t parent = read_ancestor(pid, &ret[count]);

		if (!parent)
			break;
		count++;
		pid = parent;
	}
	return count;
}

static int tell_directory(const void *question, struct aside_answer *ret)
{
	_cleanup_free_ char *cwd = read_link(*(const pid_t *)question, "cwd");

	return cwd && *cwd == '/' && !proc_text_cut_deleted(cwd) ? give(TAKE_PTR(cwd), ret) : 0;
}

static int tell_executable(const void *question, struct aside_answer *ret)
{
	_cleanup_free_ char *exe = read_link(*(const pid_t *)question, "exe");

	proc_text_cut_deleted(exe);
	return exe && *exe == '/' ? give(TAKE_PTR(exe), ret) : 0;
}

static int tell_config_option(const void *question, struct aside_answer *ret)
{
	pid_t pid = *(const pid_t *)question;
	struct aside_answer directory = {0};
	struct strings argv = {0};
	char *path = NULL;
	const char *value;

	if (read_proc(pid, "cmdline", &argv.bytes, &argv.size) < 0)
		return 0;
	value = proc_text_option(&argv);
	if (value && *value == '/')
		path = strdup(value);
	else if (value && tell_directory(&pid, &directory) == 0 && directory.bytes &&
		 asprintf(&path, "%s/%s", directory.bytes, value) < 0)
		path = NULL;
	free(directory.bytes);
	free(argv.bytes);
	return give(path, ret);
}

/* "" where there is none, or it is too long. */
static void ask_for_path(aside_fn *fn, pid_t pid, char buf[static OWNER_PATH_SIZE])
{
	struct aside_answer answer;

	aside_ask(fn, pid, &pid, sizeof(pid), &answer);
	snprintf(buf, OWNER_PATH_SIZE, "%s",
		 answer.bytes && answer.size <= OWNER_PATH_SIZE ? answer.bytes : "");
	free(answer.bytes);
}

void proc_directory(pid_t pid, char buf[static OWNER_PATH_SIZE])
{
	ask_for_path(tell_directory, pid, buf);
}

void proc_executable(pid_t pid, char buf[static OWNER_PATH_SIZE])
{
	ask_for_path(tell_executable, pid, buf);
}

void proc_config_option(pid_t pid, char buf[static OWNER_PATH_SIZE])
{
	ask_for_path(tell_config_option, pid, buf);
}

void proc_login_uids(uint32_t *ret_min, uint32_t *ret_max)
{
	_cleanup_file_ FILE *file = fopen("/etc/login.defs", "re");
	char line[256];

	*ret_min = 1000;
	*ret_max = 60000;
	while (file && fgets(line, sizeof(line), file))
		proc_text_login_uid(line, ret_min, ret_max);
}

static int read_line(const char *path, char *buf, size_t size)
{
	_cleanup_file_ FILE *file = fopen(path, "re");

	if (!file)
		return -errno;
	if (!fgets(buf, (int)size, file))
		buf[0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

int proc_core_pattern(char pattern[static PROC_CORE_PATTERN_SIZE], bool *ret_uses_pid)
{
	char uses_pid[8] = "";
	int r = read_line("/proc/sys/kernel/core_uses_pid", uses_pid, sizeof(uses_pid));

	if (r == 0)
		r = read_line("/proc/sys/kernel/core_pattern", pattern, PROC_CORE_PATTERN_SIZE);
	*ret_uses_pid = r == 0 && *uses_pid != '0';
	return r;
}

bool proc_in_host_pidns(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) == 0 && st.st_ino == HOST_PIDNS_INODE;
}

bool proc_in_host_timens(void)
{
	struct stat st;

	return stat("/proc/self/ns/time", &st) < 0 || st.st_ino == HOST_TIMENS_INODE;
}
