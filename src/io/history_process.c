// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The process that writes: it takes items while there is room for them, and tells what is done. */
#include "io/history_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/protocol.h"
#include "base/stdio.h"
#include "io/confine.h"
#include "io/state_dir.h"

struct helper {
	int socket;
	struct history_writer writer;
	struct history_answer told;
	bool stuck;				      /* the batch is full and cannot be written */
	char received[1 + OBIT_HISTORY_LINE_MAX + 1]; /* items that are not taken yet */
	size_t used;
};

static int flush_and_tell(struct helper *helper)
{
	struct history_writer *writer = &helper->writer;
	int r = history_writer_flush(writer, clock_running_ns());
	struct history_answer answer = {0};

	answer.done = writer->done;
	memcpy(answer.error, writer->error, sizeof(answer.error));
	if (answer.done == helper->told.done && !strcmp(answer.error, helper->told.error))
		return r;
	helper->told = answer;
	/* It fails when the daemon is gone, and then nobody wants to know. */
	if (send(helper->socket, &answer, sizeof(answer), MSG_NOSIGNAL) < 0)
		errno = 0;
	return r;
}

/* False: there is no room for it. */
static bool take_item(struct helper *helper, const char *item, size_t length)
{
	uint64_t now = clock_running_ns();

	if (!length)
		return true;
	if (*item != ITEM_SIZE)
		return history_writer_take(&helper->writer, item + 1, length - 1,
					   *item == ITEM_URGENT, now);
	history_writer_set_size(&helper->writer, strtoull(item + 1, NULL, 10), now);
	return true;
}

/* Moves whole items into the batch, and writes it when it is full. */
static void take_items(struct helper *helper)
{
	char *start = helper->received, *end = start + helper->used, *newline;

	helper->stuck = false;
	while (!helper->stuck && (newline = memchr(start, '\n', (size_t)(end - start)))) {
		if (take_item(helper, start, (size_t)(newline - start)))
			start = newline + 1;
		else
			helper->stuck = flush_and_tell(helper) < 0;
	}
	helper->used = (size_t)(end - start);
	memmove(helper->received, start, helper->used);
}

/* False: the daemon is gone, and there is no more of it. */
static bool receive(struct helper *helper)
{
	size_t room = sizeof(helper->received) - helper->used;
	ssize_t n = recv(helper->socket, helper->received + helper->used, room, MSG_DONTWAIT);

	if (n > 0)
		helper->used += (size_t)n;
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Waits for items, or until a flush is due. False: it is time to end. */
static bool wait_for_work(struct helper *helper)
{
	/* Who is stuck takes nothing: it waits in the socket, then in the daemon. */
	struct pollfd fd = {.fd = helper->socket,
			    .events = helper->stuck ? POLLRDHUP : POLLIN | POLLRDHUP};
	int timeout = history_writer_timeout(&helper->writer, clock_running_ns());

	if (poll(&fd, 1, timeout) <= 0 || !fd.revents)
		return true;
	if (helper->stuck || !receive(helper))
		return false;
	take_items(helper);
	return true;
}

/* The daemon is gone: what it has sent is written, if it can be. */
static void finish(struct helper *helper)
{
	do {
		if (flush_and_tell(helper) < 0)
			return;
		take_items(helper);
	} while (!helper->stuck && (receive(helper) || helper->writer.pending));
}

void history_process_run(int socket, const char *directory, uint64_t size)
{
	static struct helper helper;

	umask(0);
	stdio_let_go(); /* it has nothing to say to a terminal */
	helper.socket = socket;
	if (chdir("/") < 0 || history_writer_init(&helper.writer, directory, size) < 0)
		_exit(1);
	state_dir_learn_readers();
	confine_self(STATE_DIR_CAPS);
	while (wait_for_work(&helper)) {
		if (history_writer_timeout(&helper.writer, clock_running_ns()))
			continue;
		if (flush_and_tell(&helper) == 0 && helper.stuck)
			take_items(&helper);
	}
	finish(&helper);
}
