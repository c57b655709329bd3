// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/home.h"
#include "io/loop.h"
#include "io/sys.h"

#define REPORT_FD 3 /* of the child: it ends at exec */

struct job {
	char *name, **argv, **envp, *input; /* owned; argv and envp are one block each */
	size_t length;
	uint64_t id, timeout_ns;
	pid_t pid;
	bool captures, captures_errors, has_account;
	struct account account;
	int (*call)(const char *const *argv);
	int report_fd, output_fd;
	uint64_t deadline_ns; /* of the next signal to it; 0: none */
	bool timed_out;
	struct job *prev, *next;
};

struct hooks {
	struct hooks_options options;
	struct hooks_state state;
	struct loop_timer *timer;
	struct job *running, *waiting;
};

/* What the child says of a command that it could not execute. */
struct failure {
	bool refused;
	int error;
};

/* ---- jobs ---- */

static void job_free(struct job *job)
{
	if (!job)
		return;
	close_fdp(&job->report_fd);
	close_fdp(&job->output_fd);
	free(job->name);
	free(job->argv);
	free(job->envp);
	free(job->input);
	free(job);
}

/* The array and its strings in one block, or NULL without memory. */
static char **copy_strings(const char *const *strings)
{
	size_t count = 0, bytes = 0;
	char **copy, *at;

	for (; strings[count]; count++)
		bytes += strlen(strings[count]) + 1;
	copy = malloc((count + 1) * sizeof(*copy) + bytes);
	if (!copy)
		return NULL;
	at = (char *)(copy + count + 1);
	for (size_t i = 0; i < count; i++) {
		copy[i] = at;
		at = stpcpy(at, strings[i]) + 1;
	}
	copy[count] = NULL;
	return copy;
}

static struct job *job_new(const struct hook *hook)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->report_fd = job->output_fd = -1;
	job->id = hook->id;
	job->captures = hook->captures;
	job->captures_errors = hook->captures_errors;
	job->has_account = hook->account;
	if (hook->account)
		job->account = *hook->account;
	job->call = hook->call;
	job->length = hook->length;
	job->timeout_ns = hook->timeout_ns;
	job->name = strdup(hook->name);
	job->argv = copy_strings(hook->argv);
	job->envp = copy_strings(hook->envp);
	job->input = malloc(hook->length + 1);
	if (!job->name || !job->argv || !job->envp || !job->input) {
		job_free(job);
		return NULL;
	}
	memcpy(job->input, hook->input, hook->length);
	return job;
}

static void tell(const struct hooks *hooks, const struct job *job, enum hook_outcome outcome,
		 int value)
{
	char output[HOOK_OUTPUT_SIZE];
	struct hook_result result = {.name = job->name,
				     .id = job->id,
				     .outcome = outcome,
				     .value = value,
				     .output = output};
	ssize_t n = job->output_fd < 0 ? 0 : sys_read(job->output_fd, output, sizeof(output) - 1);

	output[n > 0 ? n : 0] = '\0';
	hooks->options.told(hooks->options.arg, &result);
}

/* ---- in the child ---- */

static void set_up_stdio(const struct job *job, int input, int output, int report)
{
	dup2(input, STDIN_FILENO);
	dup2(output < 0 ? STDERR_FILENO : output, STDOUT_FILENO);
	if (job->captures_errors)
		dup2(STDOUT_FILENO, STDERR_FILENO);
	if (report != REPORT_FD)
		dup2(report, REPORT_FD);
	fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC);
	close_range(REPORT_FD + 1, ~0U, 0);
}

static void reset_signals(void)
{
	static const unsigned long
		default_action[8]; /* the kernel's struct sigaction: SIG_DFL is 0 */
	sigset_t none;

	for (int signal = 1; signal < NSIG; signal++)
		sys_rt_sigaction(signal, default_action);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

_Noreturn static void fail(bool refused, int error)
{
	struct failure failure = {.refused = refused, .error = error};

	/* Smaller than PIPE_BUF: whole or not at all. */
	_exit(write(REPORT_FD, &failure, sizeof(failure)) < 0 ? 126 : 127);
}

static const char *search_path(char *const *envp)
{
	for (; *envp; envp++)
		if (!strncmp(*envp, "PATH=", strlen("PATH=")))
			return *envp + strlen("PATH=");
	return "";
}

/* The file that a command without a slash stands for, or the command itself where there is none. */
static const char *find_program(const struct job *job, char buf[static PATH_MAX])
{
	const char *name = job->argv[0], *at = search_path(job->envp);

	for (; *at && !strchr(name, '/'); at += at[0] == ':') {
		size_t length = strcspn(at, ":");

		if (*at == '/' &&
		    snprintf(buf, PATH_MAX, "%.*s/%s", (int)length, at, name) < PATH_MAX &&
		    access(buf, X_OK) == 0)
			return buf;
		at += length;
	}
	return name;
}

static int take_account(const struct job *job)
{
	const struct account *account = &job->account;

	if (!job->has_account)
		return 0;
	if (setgroups(account->group_count, account->groups) < 0 || setgid(account->gid) < 0 ||
	    setuid(account->uid) < 0)
		return -errno;
	return 0;
}

/* What others can change does no harm with the rights of others. */
static int check_program(const struct hooks_options *options, const char *program)
{
	return options->may_run && !geteuid() ? options->may_run(program) : 0;
}

static void set_oom_score(int value)
{
	_cleanup_close_ int fd = sys_open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC, 0);
	char text[16];
	int length = snprintf(text, sizeof(text), "%d\n", value);

	if (fd >= 0 && sys_write(fd, text, (size_t)length) < 0)
		errno = 0; /* then it is as hard to kill as this process is */
}

_Noreturn static void become(const struct hooks_options *options, const struct job *job, int input,
			     int output, int report)
{
	char buf[PATH_MAX];
	const char *program;
	int r;

	home_return(); /* while its descriptors are there */
	setsid();
	set_up_stdio(job, input, output, report);
	reset_signals();
	umask(022);
	if (options->files.rlim_max)
		setrlimit(RLIMIT_NOFILE, &options->files);
	if (options->oom_score_adj)
		set_oom_score(*options->oom_score_adj);
	r = chdir("/") < 0 ? -errno : take_account(job);
	if (r < 0)
		fail(false, -r);
	if (job->call)
		_exit(job->call((const char *const *)job->argv));
	program = find_program(job, buf);
	r = check_program(options, program);
	if (r < 0)
		fail(r == -EPERM, -r);
	execve(program, job->argv, job->envp);
	fail(false, errno);
}

/* ---- start ---- */

/* A file, and not a pipe: nobody has to write while the command reads, or never does. */
static int open_input(const struct job *job)
{
	_cleanup_close_ int fd = memfd_create("obit-hook", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	size_t done = 0;

	if (fd < 0)
		return -errno;
	while (done < job->length) {
		ssize_t n = sys_write(fd, job->input + done, job->length - done);

		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	if (lseek(fd, 0, SEEK_SET) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* Only the end that is read is non-blocking: a command need not expect that of its stdout. */
static int open_pipe(int *ret_in, int *ret_out)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	*ret_in = fds[0];
	*ret_out = fds[1];
	return fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int start(struct hooks *hooks, struct job *job)
{
	_cleanup_close_ int input = open_input(job), report_in = -1, report_out = -1, output = -1;
	int r;

	if (input < 0)
		return input;
	r = open_pipe(&report_in, &report_out);
	if (r == 0 && job->captures)
		r = open_pipe(&job->output_fd, &output);
	if (r < 0)
		return r;
	/* Not vfork(2): it would wait for the exec, which may wait for a dead file server. */
	job->pid = sys_fork();
	if (job->pid < 0)
		return -errno;
	if (job->pid == 0)
		become(&hooks->options, job, input, output, report_out);
	job->report_fd = TAKE_FD(report_in);
	job->deadline_ns = clock_running_ns() + job->timeout_ns;
	return 0;
}

/* Before the next signal is due. */
static void rearm(struct hooks *hooks)
{
	uint64_t first = 0;
	struct job *job;

	DL_FOREACH (hooks->running, job)
		if (job->deadline_ns && (!first || job->deadline_ns < first))
			first = job->deadline_ns;
	loop_timer_set(hooks->timer, first);
}

/* What cannot be started is told, and over. */
static void run(struct hooks *hooks, struct job *job)
{
	int r = start(hooks, job);

	if (r < 0) {
		tell(hooks, job, HOOK_NOT_EXECUTED, -r);
		job_free(job);
		return;
	}
	DL_APPEND(hooks->running, job);
	hooks->state.running++;
}

static void run_waiting(struct hooks *hooks)
{
	while (hooks->waiting && hooks->state.running < hooks->options.running_max) {
		struct job *job = hooks->waiting;

		DL_DELETE(hooks->waiting, job);
		hooks->state.waiting--;
		run(hooks, job);
	}
	rearm(hooks);
}

int hooks_run(struct hooks *hooks, const struct hook *hook)
{
	struct job *job;

	if (hooks->state.running >= hooks->options.running_max &&
	    hooks->state.waiting >= hooks->options.waiting_max) {
		hooks->state.dropped++;
		return -EAGAIN;
	}
	job = job_new(hook);
	if (!job)
		return -ENOMEM;
	DL_APPEND(hooks->waiting, job);
	hooks->state.waiting++;
	run_waiting(hooks);
	return 0;
}

/* ---- the end ---- */

/* The child is not reaped yet, so the number is its own. One that has no group yet is still on its way to it. */
static void signal_group(const struct job *job, int signal)
{
	if (sys_kill(-job->pid, signal) < 0)
		sys_kill(job->pid, signal);
}

static void on_timer(void *arg)
{
	struct hooks *hooks = arg;
	uint64_t now = clock_running_ns();
	struct job *job;

	DL_FOREACH (hooks->running, job) {
		if (!job->deadline_ns || job->deadline_ns > now)
			continue;
		signal_group(job, job->timed_out ? SIGKILL : SIGTERM);
		job->deadline_ns = job->timed_out ? 0 : now + hooks->options.grace_ns;
		if (!job->timed_out)
			tell(hooks, job, HOOK_TIMED_OUT, 0);
		job->timed_out = true;
	}
	rearm(hooks);
}

static void tell_end(const struct hooks *hooks, const struct job *job, int status)
{
	struct failure failure;

	if (job->timed_out)
		return; /* that was told */
	if (sys_read(job->report_fd, &failure, sizeof(failure)) == sizeof(failure))
		tell(hooks, job, failure.refused ? HOOK_REFUSED : HOOK_NOT_EXECUTED, failure.error);
	else
		tell(hooks, job, HOOK_ENDED, status);
}

bool hooks_reap(struct hooks *hooks, pid_t pid)
{
	struct job *job;
	int status = 0;

	DL_FOREACH (hooks->running, job)
		if (job->pid == pid)
			break;
	if (!job)
		return false;
	sys_kill(-pid, SIGKILL); /* as long as the dead child holds the number */
	waitpid(pid, &status, 0);
	DL_DELETE(hooks->running, job);
	hooks->state.running--;
	tell_end(hooks, job, status);
	job_free(job);
	run_waiting(hooks);
	return true;
}

/* ---- one of them ---- */

static struct job *find(struct job *jobs, uint64_t id)
{
	struct job *job;

	DL_FOREACH (jobs, job)
		if (job->id == id)
			return job;
	return NULL;
}

bool hooks_has(const struct hooks *hooks, uint64_t id)
{
	return find(hooks->running, id) || find(hooks->waiting, id);
}

void hooks_cancel(struct hooks *hooks, uint64_t id)
{
	struct job *job = find(hooks->waiting, id);

	if (job) {
		DL_DELETE(hooks->waiting, job);
		hooks->state.waiting--;
		job_free(job);
		return;
	}
	job = find(hooks->running, id);
	if (!job || job->timed_out)
		return;
	job->timed_out = true;
	job->deadline_ns = clock_running_ns() + hooks->options.grace_ns;
	signal_group(job, SIGTERM);
	rearm(hooks);
}

/* ---- all of them ---- */

int hooks_new(struct loop *loop, const struct hooks_options *options, struct hooks **ret)
{
	struct hooks *hooks = calloc(1, sizeof(*hooks));
	int r;

	if (!hooks)
		return -ENOMEM;
	hooks->options = *options;
	r = loop_timer_new(loop, on_timer, hooks, &hooks->timer);
	if (r < 0) {
		free(hooks);
		return r;
	}
	*ret = hooks;
	return 0;
}

const struct hooks_state *hooks_state(const struct hooks *hooks)
{
	return &hooks->state;
}

static void free_jobs(struct job **jobs)
{
	struct job *job, *next;

	DL_FOREACH_SAFE (*jobs, job, next) {
		DL_DELETE(*jobs, job);
		job_free(job);
	}
}

void hooks_let_run(struct hooks *hooks)
{
	free_jobs(&hooks->running);
	hooks->state.running = 0;
}

void hooks_free(struct hooks *hooks)
{
	struct job *job;

	if (!hooks)
		return;
	DL_FOREACH (hooks->running, job)
		signal_group(job, SIGTERM);
	free_jobs(&hooks->running);
	free_jobs(&hooks->waiting);
	loop_timer_free(hooks->timer);
	free(hooks);
}
