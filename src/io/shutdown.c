// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/shutdown.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "io/sys.h"

#define PATIENCE_MS 2000

_Noreturn static void ask(int answer)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(answer, STDOUT_FILENO);
	dup2(answer, STDERR_FILENO);
	execl("/usr/bin/systemctl", "systemctl", "is-system-running", (char *)NULL);
	execl("/bin/systemctl", "systemctl", "is-system-running", (char *)NULL);
	_exit(127);
}

/* The first word that systemctl says; "" if it says none in time. */
static void ask_systemd(char *word, size_t size)
{
	_cleanup_close_ int in = -1, out = -1;
	int fds[2];
	ssize_t n = 0;
	pid_t pid;

	*word = '\0';
	if (pipe2(fds, O_CLOEXEC) < 0)
		return;
	in = fds[0];
	out = fds[1];
	pid = sys_fork();
	if (pid == 0)
		ask(out);
	if (pid < 0)
		return;
	if (poll(&(struct pollfd){.fd = in, .events = POLLIN}, 1, PATIENCE_MS) > 0)
		n = sys_read(in, word, size - 1);
	word[n > 0 ? n : 0] = '\0';
	word[strcspn(word, "\n")] = '\0';
	sys_kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* True for an init that tells one process to stop only when it tells all: other ones stop single services, too. */
static bool init_stops_all(void)
{
	char exe[256];
	ssize_t n = readlink("/proc/1/exe", exe, sizeof(exe) - 1);
	const char *name;

	exe[n > 0 ? n : 0] = '\0';
	name = strrchr(exe, '/');
	return name && (!strcmp(name, "/systemd-shutdown") || !strcmp(name, "/busybox"));
}

bool shutdown_is_under_way(pid_t sender)
{
	char word[64];

	if (sender == 1 && init_stops_all())
		return true;
	if (access("/run/systemd/system", F_OK) < 0)
		return false;
	ask_systemd(word, sizeof(word));
	return !strcmp(word, "stopping");
}
