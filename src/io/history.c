// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The queue in the daemon, and the life of the process that takes from it; and what is on disk, read. */
#include "io/history_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/protocol.h"
#include "io/helper.h"
#include "io/sys.h"

#define QUEUE_FIRST 4096
#define QUEUE_KEPT  (64 * 1024)	     /* bytes that an empty queue may keep */
#define PATIENCE_NS (2 * NS_PER_SEC) /* at the end */

struct history {
	char *directory;
	uint64_t size; /* 0: nothing is written */
	history_fn *changed;
	void *arg;

	pid_t pid;  /* 0: none */
	int socket; /* -1: none */
	struct loop *loop;
	struct loop_source *source; /* NULL: not heard */
	uint64_t answered;	    /* items that the process has done */

	char *queue; /* items that are not done; those up to `sent` are with the process */
	size_t room, used, sent;
	uint64_t last;	  /* number of the last line that was taken */
	uint64_t on_disk; /* number of the last line that is done */
	struct history_state state;
};

int history_new(const char *directory, history_fn *changed, void *arg, struct history **ret)
{
	_cleanup_free_ struct history *history = calloc(1, sizeof(*history));
	char *copy = history ? strdup(directory) : NULL;

	if (!copy)
		return -ENOMEM;
	*history = (struct history){
		.directory = copy, .changed = changed, .arg = arg, .socket = -1};
	*ret = TAKE_PTR(history);
	return 0;
}

pid_t history_pid(const struct history *history)
{
	return history->pid;
}

const struct history_state *history_state(const struct history *history)
{
	return &history->state;
}

bool history_has(const struct history *history, uint64_t number)
{
	return number <= history->on_disk;
}

/* ---- the queue ---- */

static void shrink(struct history *history)
{
	if (history->used || history->room <= QUEUE_KEPT)
		return;
	free(history->queue);
	history->queue = NULL;
	history->room = 0;
}

static int make_room(struct history *history, size_t length)
{
	size_t room = history->room ? history->room : QUEUE_FIRST;
	char *grown;

	while (room < history->used + length)
		room *= 2;
	if (room == history->room)
		return 0;
	grown = realloc(history->queue, room);
	if (!grown)
		return -ENOMEM;
	history->queue = grown;
	history->room = room;
	return 0;
}

static int enqueue(struct history *history, char kind, const char *text, size_t length)
{
	int r = make_room(history, length + 2);
	char *end;

	if (r < 0)
		return r;
	end = history->queue + history->used;
	*end++ = kind;
	end = mempcpy(end, text, length);
	*end = '\n';
	history->used += length + 2;
	history->state.waiting = history->used;
	return 0;
}

/* Takes the first items out: at most `count`, and only what was sent. */
static void take_done(struct history *history, uint64_t count)
{
	char *start = history->queue, *sent = history->queue + history->sent, *newline;

	if (!history->sent)
		return;
	while (count-- && (newline = memchr(start, '\n', (size_t)(sent - start)))) {
		if (*start != ITEM_SIZE) {
			history->state.written++;
			history->on_disk++;
		}
		start = newline + 1;
	}
	history->used -= (size_t)(start - history->queue);
	history->sent -= (size_t)(start - history->queue);
	memmove(history->queue, start, history->used);
	history->state.waiting = history->used;
	shrink(history);
}

static void push(struct history *history)
{
	while (history->sent < history->used) {
		ssize_t n = send(history->socket, history->queue + history->sent,
				 history->used - history->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		history->sent += (size_t)n;
	}
	if (history->source)
		loop_source_set_events(history->source,
				       EPOLLIN | (history->sent < history->used ? EPOLLOUT : 0));
}

/* ---- what the process says ---- */

static bool take_answer(struct history *history)
{
	struct history_answer answer;
	ssize_t n = recv(history->socket, &answer, sizeof(answer), MSG_DONTWAIT);

	if (n != sizeof(answer))
		return n < 0 && errno == EINTR;
	take_done(history, answer.done - history->answered);
	history->answered = answer.done;
	memcpy(history->state.error, answer.error, sizeof(answer.error));
	history->state.error[sizeof(answer.error) - 1] = '\0';
	return true;
}

static void stop_hearing(struct history *history)
{
	loop_source_free(history->source);
	history->source = NULL;
}

static void on_socket(void *arg, uint32_t events)
{
	struct history *history = arg;

	while (take_answer(history))
		;
	if (events & (EPOLLHUP | EPOLLERR))
		stop_hearing(
			history); /* it has died: the caller will see that, and start another */
	else
		push(history);
	history->changed(history->arg);
}

int history_attach(struct history *history, struct loop *loop)
{
	history->loop = loop;
	if (history->socket < 0 || history->source)
		return 0;
	return loop_add(loop, history->socket, EPOLLIN, on_socket, history, &history->source);
}

/* ---- its life ---- */

/* The process ends when it has written what it was sent. */
static void let_go(struct history *history)
{
	stop_hearing(history);
	close_fdp(&history->socket);
	history->socket = -1;
	history->pid = 0;
	history->sent = 0;
	history->answered = 0;
}

static void serve(void *arg, int socket)
{
	const struct history *history = arg;

	history_process_run(socket, history->directory, history->size);
}

static int start_process(struct history *history)
{
	pid_t pid = helper_start("obitd-history", SOCK_STREAM, true, serve, history,
				 &history->socket);

	if (pid < 0)
		return pid;
	history->pid = pid;
	return 0;
}

int history_start(struct history *history)
{
	int r;

	while (history->socket >= 0 && take_answer(history))
		; /* its last words */
	let_go(history);
	r = start_process(history);
	if (r == 0 && history->loop)
		r = history_attach(history, history->loop);
	if (r < 0) {
		snprintf(history->state.error, sizeof(history->state.error),
			 "its process cannot be started: %s", strerror(-r));
		return r;
	}
	push(history);
	return 0;
}

static void give_up(struct history *history)
{
	history->state.lost += history->last - history->on_disk;
	history->on_disk = history->last;
	history->used = history->sent = history->state.waiting = 0;
	shrink(history);
}

/* Hands over what is new, to a process that is made for it if there is none. */
static void hand_over(struct history *history)
{
	if (history->pid)
		push(history);
	else
		history_start(history);
}

int history_set_size(struct history *history, uint64_t size)
{
	char text[24];
	int length = snprintf(text, sizeof(text), "%" PRIu64, size), r = 0;

	if (size == history->size)
		return 0;
	if (size)
		r = enqueue(history, ITEM_SIZE, text, (size_t)length);
	if (r < 0)
		return r;
	history->size = size;
	if (size) {
		hand_over(history);
	} else {
		take_done(history,
			  UINT64_MAX); /* what was sent is still written, but not heard of */
		give_up(history);
		let_go(history);
		history->state.error[0] = '\0';
	}
	return 0;
}

/* Even a file that holds this line alone must have room for it. */
static bool fits(const struct history *history, size_t length)
{
	return length <= OBIT_HISTORY_LINE_MAX && length + 1 <= history->size / 2 &&
	       history->used + length + 2 <= HISTORY_QUEUE_MAX;
}

uint64_t history_add(struct history *history, const char *line, size_t length, bool urgent)
{
	if (!history->size)
		return HISTORY_LOST;
	if (!fits(history, length) ||
	    enqueue(history, urgent ? ITEM_URGENT : ITEM_LINE, line, length) < 0) {
		history->state.lost++;
		return HISTORY_LOST;
	}
	history->last++;
	hand_over(history);
	return history->last;
}

/* Sends what is left and hears how it went. False: time is up, and the process has not ended. */
static bool see_it_end(struct history *history, uint64_t deadline_ns)
{
	struct pollfd fd = {.fd = history->socket};

	while (!(fd.revents & (POLLHUP | POLLERR))) {
		uint64_t now = clock_running_ns();

		push(history);
		fd.events = POLLIN;
		if (history->sent < history->used)
			fd.events |= POLLOUT;
		else
			shutdown(history->socket, SHUT_WR);
		if (now >= deadline_ns ||
		    poll(&fd, 1, (int)((deadline_ns - now) / NS_PER_MS) + 1) <= 0)
			return false;
		while (take_answer(history))
			;
	}
	return true;
}

void history_stop(struct history *history)
{
	/* One that waits for a disk ends when that answers. */
	if (history->pid && see_it_end(history, clock_running_ns() + PATIENCE_NS))
		waitpid(history->pid, NULL, 0);
	let_go(history);
	give_up(history);
	history->size = 0;
}

void history_free(struct history *history)
{
	if (!history)
		return;
	let_go(history);
	free(history->queue);
	free(history->directory);
	free(history);
}

/* ---- reading ---- */

static uint64_t size_of(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* The last `most` bytes. */
static int read_end(int fd, uint64_t most, lines_fn *fn, void *arg)
{
	uint64_t size = size_of(fd);

	return lines_read(fd, size > most ? size - most : 0, OBIT_HISTORY_LINE_MAX, fn, arg, NULL);
}

int history_load(const char *directory, uint64_t most, lines_fn *fn, void *arg)
{
	_cleanup_close_ int older = -1, newer = -1;
	int fds[2], r = lines_open(directory, OBIT_HISTORY_OLDER_FILE, OBIT_HISTORY_FILE, fds);
	uint64_t used;

	if (r < 0)
		return r;
	older = fds[0];
	newer = fds[1];
	used = size_of(newer);
	if (older >= 0 && used < most)
		r = read_end(older, most - used, fn, arg);
	if (newer >= 0 && r == 0)
		r = read_end(newer, most, fn, arg);
	return r;
}
