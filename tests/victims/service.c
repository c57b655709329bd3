// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A small daemon to be killed and brought back. It appends one JSON object a line to its state file
 * (--state FILE or $SERVICE_STATE): "start" with all that it was started with, "up" once it serves,
 * "worker" for each worker, "conflict" where a port or lock was still held by somebody.
 *
 * Signals: USR1 exit 0, USR2 exit 3, TERM exit 0, HUP a real fault, ALRM abort(), RTMIN+n exit n. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/keyctl.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXIT_CONFLICT 98
#define EXIT_BROKEN   99
#define MAX_WORKERS   16

/* Of newer kernels than the headers may know. */
#ifndef PR_GET_MDWE
#define PR_GET_MDWE 66
#endif
#ifndef PR_GET_MEMORY_MERGE
#define PR_GET_MEMORY_MERGE 68
#endif

extern char **environ;

struct options {
	const char *state, *port_file, *lock, *fail_if, *fail_late, *title, *daemonize;
	int workers, uid, gid, linger_ms, exit_on_term;
	bool detour, ignore_term, stubborn_workers;
};

static struct options options = {.uid = -1, .gid = -1};
static pid_t workers[MAX_WORKERS];

static _Noreturn void give_up(const char *what)
{
	fprintf(stderr, "service: %s: %s\n", what, strerror(errno));
	exit(EXIT_BROKEN);
}

/* ---- the state file ---- */

static void print_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20)
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

static void print_strings(FILE *out, char **strings)
{
	fputc('[', out);
	for (size_t i = 0; strings[i]; i++) {
		if (i > 0)
			fputc(',', out);
		print_string(out, strings[i]);
	}
	fputc(']', out);
}

/* FNV-1a over every variable with its final NUL, in order: order is part of "the same environment". */
static uint64_t environment_hash(void)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (char **variable = environ; *variable; variable++) {
		for (const char *c = *variable;; c++) {
			hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
			if (!*c)
				break;
		}
	}
	return hash;
}

static void print_groups(FILE *out)
{
	gid_t groups[64];
	int count = getgroups(64, groups);

	fputs("\"groups\":[", out);
	for (int i = 0; i < count; i++)
		fprintf(out, "%s%u", i > 0 ? "," : "", groups[i]);
	fputs("],", out);
}

static void print_stdio(FILE *out)
{
	fputs("\"stdio\":[", out);
	for (int fd = 0; fd < 3; fd++) {
		char link[32], target[512];
		ssize_t length;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		length = readlink(link, target, sizeof(target) - 1);
		target[length < 0 ? 0 : length] = '\0';
		if (fd > 0)
			fputc(',', out);
		print_string(out, target);
	}
	fputs("],", out);
}

static void print_cwd(FILE *out)
{
	char cwd[4096];

	if (!getcwd(cwd, sizeof(cwd)))
		cwd[0] = '\0';
	fputs("\"cwd\":", out);
	print_string(out, cwd);
	fputc(',', out);
}

static void print_limits(FILE *out)
{
	struct rlimit files, core;
	mode_t mask = umask(0);

	umask(mask);
	getrlimit(RLIMIT_NOFILE, &files);
	getrlimit(RLIMIT_CORE, &core);
	fprintf(out, "\"umask\":\"%04o\",\"nofile\":[%llu,%llu],\"core\":%lld,\"nice\":%d,", mask,
		(unsigned long long)files.rlim_cur, (unsigned long long)files.rlim_max,
		(long long)core.rlim_cur, getpriority(PRIO_PROCESS, 0));
}

static bool finds_key(void)
{
	return syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", "obit-leak",
		       0) >= 0;
}

/* What /proc does not tell, and fork and exec may hand on. */
static void print_habits(FILE *out)
{
	int subreaper = 0, death_signal = 0, policy = -1;

	prctl(PR_GET_CHILD_SUBREAPER, &subreaper, 0, 0, 0);
	prctl(PR_GET_PDEATHSIG, &death_signal, 0, 0, 0);
	syscall(SYS_get_mempolicy, &policy, NULL, 0, NULL, 0);
	fprintf(out,
		"\"securebits\":%d,\"dumpable\":%d,\"keepcaps\":%d,\"thp_disable\":%d,"
		"\"memory_merge\":%d,\"mdwe\":%d,\"mce_kill\":%d,\"io_flusher\":%d,"
		"\"subreaper\":%d,\"death_signal\":%d,\"mempolicy\":%d,\"finds_key\":%s,",
		prctl(PR_GET_SECUREBITS, 0, 0, 0, 0), prctl(PR_GET_DUMPABLE, 0, 0, 0, 0),
		prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0), prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0),
		prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0), prctl(PR_GET_MDWE, 0, 0, 0, 0),
		prctl(PR_MCE_KILL_GET, 0, 0, 0, 0), prctl(PR_GET_IO_FLUSHER, 0, 0, 0, 0), subreaper,
		death_signal, policy, finds_key() ? "true" : "false");
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* One write() a line: several processes append to the same file. */
static void append_line(const char *line, size_t length)
{
	int fd = open(options.state, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);

	if (fd < 0 || write(fd, line, length) != (ssize_t)length)
		give_up(options.state);
	close(fd);
}

static void record(const char *event, char **argv)
{
	char *line = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&line, &length);

	fprintf(out, "{\"event\":\"%s\",\"pid\":%d,\"ppid\":%d,\"sid\":%d,\"at_ns\":%llu,", event,
		(int)getpid(), (int)getppid(), (int)getsid(0), (unsigned long long)now_ns());
	if (argv) {
		fputs("\"argv\":", out);
		print_strings(out, argv);
		fputc(',', out);
		print_cwd(out);
		print_groups(out);
		print_stdio(out);
		print_limits(out);
		print_habits(out);
		fprintf(out, "\"env_hash\":\"%016llx\",\"env\":",
			(unsigned long long)environment_hash());
		print_strings(out, environ);
		fputc(',', out);
	}
	fprintf(out, "\"uid\":%u,\"gid\":%u}\n", getuid(), getgid());
	fclose(out);
	append_line(line, length);
	free(line);
}

/* ---- what it holds ---- */

static uint16_t read_port(void)
{
	unsigned port = 0;
	FILE *file = fopen(options.port_file, "re");

	if (!file)
		return 0;
	if (fscanf(file, "%u", &port) != 1)
		port = 0;
	fclose(file);
	return (uint16_t)port;
}

static void write_port(int fd)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	FILE *file = fopen(options.port_file, "we");

	if (!file || getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		give_up(options.port_file);
	fprintf(file, "%u\n", ntohs(address.sin_port));
	fclose(file);
}

/* The port in the file, or any free one, which is then written there. No SO_REUSEADDR: this is a
 * witness that nobody else listens. */
static void listen_on_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				      .sin_port = htons(read_port())};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		give_up("socket");
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 8) < 0) {
		record("conflict", NULL);
		exit(EXIT_CONFLICT);
	}
	if (address.sin_port == 0)
		write_port(fd);
}

/* Workers inherit the open file, and with it the lock. */
static void take_lock(void)
{
	int fd = open(options.lock, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	if (fd < 0)
		give_up(options.lock);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		record("conflict", NULL);
		exit(EXIT_CONFLICT);
	}
}

static void drop_rights(void)
{
	if (options.gid >= 0 && (setgroups(0, NULL) < 0 || setgid((gid_t)options.gid) < 0))
		give_up("setgid");
	if (options.uid >= 0 && setuid((uid_t)options.uid) < 0)
		give_up("setuid");
}

/* Writes over the argument area, as nginx, sshd and postgres do. */
static void overwrite_title(char **argv, int argc)
{
	char *end = argv[argc - 1] + strlen(argv[argc - 1]);
	size_t room = (size_t)(end - argv[0]);
	size_t length = strlen(options.title);
	char *title = strdup(options.title); /* the text may lie in the area itself */

	if (length > room)
		length = room;
	memset(argv[0], 0, room);
	memcpy(argv[0], title, length);
	free(title);
}

/* ---- living and dying ---- */

static void wanted_signals(sigset_t *ret_set)
{
	static const int plain[] = {SIGUSR1, SIGUSR2, SIGHUP, SIGALRM, SIGCHLD};

	sigemptyset(ret_set);
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		sigaddset(ret_set, plain[i]);
	if (!options.ignore_term)
		sigaddset(ret_set, SIGTERM);
	for (int i = SIGRTMIN; i <= SIGRTMAX; i++)
		sigaddset(ret_set, i);
}

static void real_fault(void)
{
	volatile int *volatile nowhere = NULL; /* volatile: the compiler must not see through it */

	*nowhere = 1;
}

static void linger(void)
{
	struct timespec rest = {options.linger_ms / 1000, (options.linger_ms % 1000) * 1000000L};

	while (nanosleep(&rest, &rest) < 0 && errno == EINTR)
		;
}

static void stop_workers(void)
{
	for (int i = 0; i < options.workers; i++) {
		if (workers[i] > 0)
			kill(workers[i], SIGTERM);
	}
	for (int i = 0; i < options.workers; i++) {
		if (workers[i] > 0)
			waitpid(workers[i], NULL, 0);
	}
}

/* Only SIGTERM is orderly; every other way leaves the workers to themselves. */
static void obey(int number)
{
	switch (number) {
	case SIGTERM:
		stop_workers();
		linger();
		exit(options.exit_on_term);
	case SIGUSR1:
		_exit(0);
	case SIGUSR2:
		_exit(3);
	case SIGHUP:
		real_fault();
		break;
	case SIGALRM:
		abort();
	default:
		if (number == SIGRTMAX) /* a worker that ends its master */
			kill(getppid(), SIGTERM);
		else if (number >= SIGRTMIN)
			_exit(number - SIGRTMIN);
	}
}

static void reap_workers(void)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
		for (int i = 0; i < options.workers; i++) {
			if (workers[i] == pid)
				workers[i] = 0;
		}
	}
}

static _Noreturn void serve(void)
{
	sigset_t set;

	wanted_signals(&set);
	for (;;) {
		siginfo_t info;
		int number = sigwaitinfo(&set, &info);

		if (number == SIGCHLD)
			reap_workers();
		else if (number > 0)
			obey(number);
	}
}

static _Noreturn void run_worker(void)
{
	if (options.stubborn_workers) {
		sigset_t term;

		signal(SIGTERM, SIG_IGN);
		options.ignore_term = true;
		sigemptyset(&term);
		sigaddset(&term, SIGTERM);
		sigprocmask(SIG_UNBLOCK, &term, NULL);
	}
	memset(workers, 0, sizeof(workers));
	record("worker", NULL);
	serve();
}

static void start_workers(void)
{
	for (int i = 0; i < options.workers; i++) {
		pid_t pid = fork();

		if (pid < 0)
			give_up("fork");
		if (pid == 0)
			run_worker();
		workers[i] = pid;
	}
}

static void leave_parent(void)
{
	pid_t pid = fork();

	if (pid < 0)
		give_up("fork");
	if (pid == 0)
		return;
	linger(); /* as who waits for a word of its child */
	_exit(0);
}

/* "double": the classic double fork; "once": a fork and setsid(2); "libc": daemon(3); "orphan": a fork alone. */
static void daemonize(const char *form)
{
	int null;

	if (!strcmp(form, "libc")) {
		if (daemon(0, 0) < 0)
			give_up("daemon");
		return;
	}
	leave_parent();
	if (strcmp(form, "orphan") != 0 && setsid() < 0)
		give_up("setsid");
	if (!strcmp(form, "double"))
		leave_parent();
	if (chdir("/") < 0)
		give_up("chdir");
	umask(0);
	null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	close(null);
}

static const struct option long_options[] = {
	{"state", required_argument, NULL, 's'},
	{"port-file", required_argument, NULL, 'p'},
	{"lock", required_argument, NULL, 'l'},
	{"fail-if", required_argument, NULL, 'f'},
	{"fail-late", required_argument, NULL, 'F'},
	{"title", required_argument, NULL, 't'},
	{"workers", required_argument, NULL, 'w'},
	{"uid", required_argument, NULL, 'u'},
	{"gid", required_argument, NULL, 'g'},
	{"linger-ms", required_argument, NULL, 'L'},
	{"exit-on-term", required_argument, NULL, 'e'},
	{"daemonize", optional_argument, NULL, 'd'},
	{"detour", no_argument, NULL, 'D'},
	{"ignore-term", no_argument, NULL, 'i'},
	{"stubborn-workers", no_argument, NULL, 'S'},
	{NULL, 0, NULL, 0},
};

static void set_option(int letter, const char *value)
{
	switch (letter) {
	case 's':
		options.state = strdup(value); /* needed after the title has gone over it */
		break;
	case 'p':
		options.port_file = value;
		break;
	case 'l':
		options.lock = value;
		break;
	case 'f':
		options.fail_if = value;
		break;
	case 'F':
		options.fail_late = value;
		break;
	case 't':
		options.title = value;
		break;
	case 'w':
		options.workers = atoi(value);
		break;
	case 'u':
		options.uid = atoi(value);
		break;
	case 'g':
		options.gid = atoi(value);
		break;
	case 'L':
		options.linger_ms = atoi(value);
		break;
	case 'e':
		options.exit_on_term = atoi(value);
		break;
	case 'd':
		options.daemonize = value ? strdup(value) : "double";
		break;
	case 'D':
		options.detour = true;
		break;
	case 'i':
		options.ignore_term = true;
		break;
	case 'S':
		options.stubborn_workers = true;
		break;
	default:
		exit(2);
	}
}

/* "+": argv keeps its order. Other words are allowed and ignored: tests pass odd ones through. */
static void read_options(int argc, char **argv)
{
	int letter;

	options.state = getenv("SERVICE_STATE");
	while ((letter = getopt_long(argc, argv, "+", long_options, NULL)) != -1)
		set_option(letter, optarg);
	if (!options.state || options.workers > MAX_WORKERS) {
		fprintf(stderr, "usage: service --state FILE [OPTION...]\n");
		exit(2);
	}
}

static void set_signals(void)
{
	sigset_t set;

	if (options.ignore_term)
		signal(SIGTERM, SIG_IGN);
	wanted_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* Executes something else, which executes this again. */
static _Noreturn void take_detour(char **argv)
{
	setenv("DETOUR", "taken", 1);
	execl("/bin/sh", "sh", "-c", "IFS=' '; exec $0 --state $1 --detour", argv[0], options.state,
	      NULL);
	give_up("/bin/sh");
}

int main(int argc, char **argv)
{
	read_options(argc, argv);
	set_signals();
	record("start", argv);
	if (options.detour && !getenv("DETOUR"))
		take_detour(argv);
	if (options.fail_if && access(options.fail_if, F_OK) == 0)
		return 4;
	if (options.lock)
		take_lock();
	if (options.port_file)
		listen_on_port();
	if (options.daemonize)
		daemonize(options.daemonize);
	if (options.fail_late && access(options.fail_late, F_OK) == 0)
		return 5; /* its parent may wait, and think that all is well */
	if (options.title)
		overwrite_title(argv, argc);
	start_workers();
	drop_rights();
	record("up", NULL);
	serve();
}
