// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/hint.h"

#include <signal.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/alloc.h"
#include "cli/value.h"

#define SHELL_CANNOT_EXECUTE 126
#define SHELL_NOT_FOUND	     127
#define SHELL_SIGNAL	     128 /* and the signal's number */

struct status_words {
	int64_t status;
	const char *name;
	const char *words;
};

/* <sysexits.h> */
static const struct status_words sysexits[] = {
	{64, "EX_USAGE", "a wrong command line"},
	{65, "EX_DATAERR", "wrong input data"},
	{66, "EX_NOINPUT", "an input file that is missing or not readable"},
	{67, "EX_NOUSER", "a user that does not exist"},
	{68, "EX_NOHOST", "a host that is not known"},
	{69, "EX_UNAVAILABLE", "something it needs that is not available"},
	{70, "EX_SOFTWARE", "an internal error"},
	{71, "EX_OSERR", "an error of the operating system"},
	{72, "EX_OSFILE", "a system file that is missing or wrong"},
	{73, "EX_CANTCREAT", "an output file that it could not make"},
	{74, "EX_IOERR", "an input or output error"},
	{75, "EX_TEMPFAIL", "a failure that may pass: try again later"},
	{76, "EX_PROTOCOL", "a peer that broke the protocol"},
	{77, "EX_NOPERM", "a missing permission"},
	{78, "EX_CONFIG", "an error in its configuration"},
};

/* What systemd exits with, in the service's process, when it could not prepare or execute it:
 * systemd.exec(5). */
static const struct status_words systemd_exits[] = {
	{200, "CHDIR", "its working directory could not be entered"},
	{202, "FDS", "its file descriptors could not be prepared"},
	{203, "EXEC", "its program could not be executed"},
	{205, "LIMITS", "its resource limits could not be set"},
	{208, "STDIN", "its standard input could not be opened"},
	{209, "STDOUT", "its standard output could not be opened"},
	{210, "CHROOT", "its root directory could not be entered"},
	{214, "SETSCHEDULER", "its scheduling policy could not be set"},
	{216, "GROUP", "its group does not exist or could not be taken"},
	{217, "USER", "its user does not exist or could not be taken"},
	{218, "CAPABILITIES", "its capabilities could not be set"},
	{219, "CGROUP", "its cgroup could not be prepared"},
	{222, "STDERR", "its standard error could not be opened"},
	{224, "PAM", "its PAM session could not be opened"},
	{225, "NETWORK", "its network namespace could not be made"},
	{226, "NAMESPACE", "its mount, UTS or user namespace could not be made"},
	{228, "SECCOMP", "its system call filter could not be set"},
	{233, "RUNTIME_DIRECTORY", "its runtime directory could not be made"},
	{238, "STATE_DIRECTORY", "its state directory could not be made"},
	{239, "CACHE_DIRECTORY", "its cache directory could not be made"},
	{240, "LOGS_DIRECTORY", "its log directory could not be made"},
	{241, "CONFIGURATION_DIRECTORY", "its configuration directory could not be made"},
	{243, "CREDENTIALS", "its credentials could not be prepared"},
};

static const struct {
	int signal;
	const char *name;
} shell_signals[] = {
	{SIGHUP, "SIGHUP"},   {SIGINT, "SIGINT"},   {SIGQUIT, "SIGQUIT"}, {SIGILL, "SIGILL"},
	{SIGTRAP, "SIGTRAP"}, {SIGABRT, "SIGABRT"}, {SIGBUS, "SIGBUS"},	  {SIGFPE, "SIGFPE"},
	{SIGKILL, "SIGKILL"}, {SIGSEGV, "SIGSEGV"}, {SIGPIPE, "SIGPIPE"}, {SIGALRM, "SIGALRM"},
	{SIGTERM, "SIGTERM"}, {SIGXCPU, "SIGXCPU"}, {SIGXFSZ, "SIGXFSZ"}, {SIGSYS, "SIGSYS"},
};

static const struct status_words *find_status(const struct status_words *table, size_t n,
					      int64_t status)
{
	for (size_t i = 0; i < n; i++)
		if (table[i].status == status)
			return &table[i];
	return NULL;
}

/* Between its fork and the exec of the service systemd calls the process "(service)": those numbers
 * are its own only then. */
static bool is_systemd_before_exec(struct json_object *death)
{
	return *member_word(death, "comm") == '(';
}

static char *hint_signal(int64_t status)
{
	for (size_t i = 0; i < ARRAY_SIZE(shell_signals); i++)
		if (status == SHELL_SIGNAL + shell_signals[i].signal)
			return must_printf("128+%d, which often means %s", shell_signals[i].signal,
					   shell_signals[i].name);
	return NULL;
}

char *hint_exit(struct json_object *death)
{
	const struct status_words *found = NULL;
	int64_t status;

	if (!member_int(death, "exit_status", &status))
		return NULL;
	if (status == SHELL_CANNOT_EXECUTE)
		return must_printf("as a shell does when a command cannot be executed");
	if (status == SHELL_NOT_FOUND)
		return must_printf("as a shell does when a command is not found");
	if (is_systemd_before_exec(death))
		found = find_status(systemd_exits, ARRAY_SIZE(systemd_exits), status);
	if (found)
		return must_printf("systemd's code %s: %s", found->name, found->words);
	found = find_status(sysexits, ARRAY_SIZE(sysexits), status);
	if (found)
		return must_printf("%s, which often means %s", found->name, found->words);
	return hint_signal(status);
}
