// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/aside.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/stdio.h"
#include "io/confine.h"
#include "io/helper.h"
#include "io/sys.h"

/* Of it all a watchdog of one second is not to starve. */
#define PATIENCE_NS  (500 * NS_PER_MS)
#define WASTE_NS     (1500 * NS_PER_MS) /* so much may be waited in vain */
#define WASTE_EVERY  (30 * NS_PER_SEC)
#define REMEMBER_NS  (600 * NS_PER_SEC) /* whom it was waited for */
#define REMEMBER_MAX 1024

struct question {
	aside_fn *fn;
	_Alignas(max_align_t) char bytes[ASIDE_QUESTION_MAX];
};

struct head {
	int result;
	size_t size;
};

/* ---- in the other process ---- */

static bool send_all(int socket, const void *data, size_t size)
{
	const char *at = data;

	while (size) {
		ssize_t n = send(socket, at, size, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		at += n;
		size -= (size_t)n;
	}
	return true;
}

static void serve(void *arg, int socket)
{
	struct question question;

	(void)arg;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* it may wait just then */
	stdio_let_go();
	/* The last two for limits, and for a timer slack. */
	confine_rights(CONFINE_CAP(CAP_SYS_PTRACE) | CONFINE_CAP(CAP_DAC_READ_SEARCH) |
		       CONFINE_CAP(CAP_SYS_RESOURCE) | CONFINE_CAP(CAP_SYS_NICE));
	while (recv(socket, &question, sizeof(question), MSG_WAITALL) == sizeof(question)) {
		struct aside_answer answer = {0};
		struct head head = {.result = question.fn(question.bytes, &answer),
				    .size = answer.size};
		bool sent = send_all(socket, &head, sizeof(head)) &&
			    send_all(socket, answer.bytes, answer.size);

		free(answer.bytes);
		if (!sent)
			return;
	}
}

/* ---- in this one ---- */

/* One for the whole program: what it is about is the kernel, which is one, too. */
static struct {
	pid_t pid; /* 0: none */
	int socket;
	uint64_t since_ns, wasted_ns;
	struct {
		pid_t pid;
		uint64_t until_ns;
	} late[REMEMBER_MAX]; /* the last ones */
	size_t next_late;
	bool has_late;
} other;

static int start(void)
{
	pid_t pid;

	if (other.pid)
		return 0;
	pid = helper_start("obitd-aside", SOCK_STREAM, false, serve, NULL, &other.socket);
	if (pid < 0)
		return pid;
	other.pid = pid;
	return 0;
}

void aside_close(void)
{
	if (other.pid)
		close(other.socket);
	other.pid = 0;
}

void aside_end(void)
{
	if (!other.pid)
		return;
	sys_kill(other.pid, SIGKILL);
	waitpid(other.pid, NULL, 0);
	aside_close();
}

static bool may_be_asked_about(pid_t pid, uint64_t now)
{
	if (now - other.since_ns > WASTE_EVERY) {
		other.since_ns = now;
		other.wasted_ns = 0;
	}
	for (size_t i = 0; other.has_late && i < REMEMBER_MAX; i++)
		if (other.late[i].pid == pid && now < other.late[i].until_ns)
			return false;
	return other.wasted_ns < WASTE_NS;
}

void aside_forget(pid_t about)
{
	for (size_t i = 0; other.has_late && i < REMEMBER_MAX; i++)
		if (other.late[i].pid == about)
			other.late[i].pid = 0;
}

static void remember(pid_t pid, uint64_t began)
{
	uint64_t now = clock_running_ns();

	other.has_late = true;
	other.wasted_ns += now - began;
	other.late[other.next_late].pid = pid;
	other.late[other.next_late].until_ns = now + REMEMBER_NS;
	other.next_late = (other.next_late + 1) % REMEMBER_MAX;
}

/* 0, -ETIMEDOUT, or -EPIPE where the other process has ended. */
static int receive(void *data, size_t size, uint64_t deadline)
{
	struct pollfd fd = {.fd = other.socket, .events = POLLIN};
	char *at = data;
	ssize_t n = 0;

	while (size) {
		uint64_t now = clock_running_ns();
		int left = now < deadline ? (int)((deadline - now) / NS_PER_MS) + 1 : 0;
		int r = poll(&fd, 1, left);

		if (r == 0 && left == 0)
			return -ETIMEDOUT;
		if (r == 1)
			n = recv(other.socket, at, size, MSG_DONTWAIT);
		if (r != 1 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
			continue;
		if (n <= 0)
			return -EPIPE;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

static int receive_answer(struct aside_answer *ret, uint64_t deadline, int *ret_result)
{
	_cleanup_free_ char *bytes = NULL;
	struct head head;
	int r = receive(&head, sizeof(head), deadline);

	if (r < 0)
		return r;
	bytes = malloc(head.size ? head.size : 1);
	if (!bytes)
		return -ENOMEM;
	r = receive(bytes, head.size, deadline);
	if (r < 0)
		return r;
	*ret_result = head.result;
	if (head.size)
		*ret = (struct aside_answer){.bytes = TAKE_PTR(bytes), .size = head.size};
	return 0;
}

/* What is half read cannot be gone on with. Who has ended may be reaped, as every child is, and its pid somebody else's. */
static void give_up(bool has_ended)
{
	if (!has_ended)
		sys_kill(other.pid, SIGKILL);
	aside_close();
}

static int ask_other(const struct question *question, pid_t about, struct aside_answer *ret,
		     int *ret_result)
{
	uint64_t began = clock_running_ns();
	int r;

	if (send(other.socket, question, sizeof(*question), MSG_NOSIGNAL | MSG_DONTWAIT) !=
	    sizeof(*question))
		r = -EPIPE;
	else
		r = receive_answer(ret, began + PATIENCE_NS, ret_result);
	if (r < 0)
		give_up(r == -EPIPE);
	if (r == -ETIMEDOUT)
		remember(about, began);
	return r;
}

int aside_ask(aside_fn *fn, pid_t about, const void *question, size_t size,
	      struct aside_answer *ret)
{
	struct question whole = {.fn = fn};
	struct aside_answer none = {0};
	int r = -EPIPE, result = 0;

	if (!ret)
		ret = &none;
	*ret = none;
	if (!may_be_asked_about(about, clock_running_ns()))
		return -EBUSY;
	if (size)
		memcpy(whole.bytes, question, size);
	/* It may have been killed since it was asked last. */
	for (int i = 0; i < 2 && r == -EPIPE; i++) {
		r = start();
		if (r == 0)
			r = ask_other(&whole, about, ret, &result);
	}
	return r < 0 ? r : result;
}
