// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/history.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/home.h"
#include "base/protocol.h"
#include "io/confine.h"
#include "io/state_dir.h"
#include "io/sys.h"

#define FILE_NAME   OBIT_HISTORY_FILE
#define OLDER_NAME  OBIT_HISTORY_OLDER_FILE
#define FILE_MODE   0640
#define QUEUE_FIRST 4096
#define QUEUE_KEPT  (64 * 1024)	     /* bytes that an empty queue may keep */
#define PATIENCE_NS (2 * NS_PER_SEC) /* at the end */

/* What the daemon sends is lines, each with one of these in front. */
enum { ITEM_LINE = ' ', ITEM_URGENT = '!', ITEM_SIZE = '=' };

/* What the process says after each flush. */
struct answer {
	uint64_t done; /* items, since it was started */
	char error[HISTORY_ERROR_SIZE];
};

/* ---- the writer ---- */

static int fail(struct history_writer *writer, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static int fail(struct history_writer *writer, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(writer->error, sizeof(writer->error), fmt, ap);
	va_end(ap);
	return code;
}

/* "DIRECTORY/NAME cannot be WHAT: why" */
static int fail_file(struct history_writer *writer, const char *name, const char *what)
{
	int code = -errno;

	return fail(writer, code, "%.120s/%s cannot be %s: %s", writer->directory, name, what,
		    strerror(-code));
}

int history_writer_init(struct history_writer *writer, const char *directory, uint64_t size)
{
	char *bytes = malloc(1 + OBIT_HISTORY_LINE_MAX + 1);

	if (!bytes)
		return -ENOMEM;
	*writer = (struct history_writer){.directory = directory, .size = size, .bytes = bytes};
	bytes[0] = '\n';
	return 0;
}

void history_writer_clear(struct history_writer *writer)
{
	free(writer->bytes);
	writer->bytes = NULL;
}

/* Half of the size, so that the file and the older one have room. */
static uint64_t file_size_max(const struct history_writer *writer)
{
	return writer->size / 2;
}

static bool has_room(const struct history_writer *writer, size_t length)
{
	uint64_t most = file_size_max(writer) < HISTORY_BATCH_MAX ? file_size_max(writer)
								  : HISTORY_BATCH_MAX;

	/* A line that is longer than a batch goes alone. */
	return !writer->used || writer->used + length + 1 <= most;
}

bool history_writer_take(struct history_writer *writer, const char *line, size_t length,
			 bool urgent, uint64_t now_ns)
{
	if (!has_room(writer, length))
		return false;
	memcpy(writer->bytes + 1 + writer->used, line, length);
	writer->used += length;
	writer->bytes[1 + writer->used++] = '\n';
	writer->pending++;
	writer->durable |= urgent;
	if (urgent)
		writer->due_ns = now_ns;
	else if (!writer->due_ns)
		writer->due_ns = now_ns + HISTORY_DELAY_NS;
	return true;
}

void history_writer_set_size(struct history_writer *writer, uint64_t size, uint64_t now_ns)
{
	writer->size = size;
	writer->pending++;
	writer->due_ns = now_ns;
}

int history_writer_timeout(const struct history_writer *writer, uint64_t now_ns)
{
	if (!writer->due_ns)
		return -1;
	/* Rounded up, so that poll(2) does not return in front of it. */
	return writer->due_ns <= now_ns ? 0 : (int)((writer->due_ns - now_ns) / NS_PER_MS) + 1;
}

/* Makes the file if it is missing. A descriptor, or -errno. */
static int open_file(struct history_writer *writer, int directory, struct stat *ret_st)
{
	const int flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	_cleanup_close_ int fd = sys_openat(directory, FILE_NAME, flags, 0);

	if (fd < 0 && errno == ENOENT) {
		fd = sys_openat(directory, FILE_NAME, flags | O_CREAT, FILE_MODE);
		if (fd >= 0)
			state_dir_give_to_readers(fd);
	}
	if (fd < 0 || sys_fstat(fd, ret_st) < 0)
		return fail_file(writer, FILE_NAME, "opened");
	if (!S_ISREG(ret_st->st_mode)) {
		errno = EINVAL;
		return fail_file(writer, FILE_NAME, "used");
	}
	return TAKE_FD(fd);
}

/* The file becomes the older one. Unless it is not the file any more: the process of a daemon that was killed
 * may be at it still, and its new file is not to replace the full one. */
static int rotate(struct history_writer *writer, int directory, const struct stat *st)
{
	struct stat now;

	if (fstatat(directory, FILE_NAME, &now, AT_SYMLINK_NOFOLLOW) < 0 ||
	    now.st_dev != st->st_dev || now.st_ino != st->st_ino)
		return 0;
	if (sys_renameat(directory, FILE_NAME, directory, OLDER_NAME) < 0)
		return fail_file(writer, FILE_NAME, "renamed");
	return 0;
}

/* The size may be smaller than that of an earlier time. */
static void drop_surplus(const struct history_writer *writer, int directory, const struct stat *st)
{
	struct stat older;

	if (fstatat(directory, OLDER_NAME, &older, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (uint64_t)older.st_size + (uint64_t)st->st_size + 1 + writer->used > writer->size)
		unlinkat(directory, OLDER_NAME, 0);
}

/* A file that takes the batch. A descriptor, or -errno. */
static int open_with_room(struct history_writer *writer, int directory, struct stat *ret_st)
{
	_cleanup_close_ int fd = open_file(writer, directory, ret_st);
	int r;

	if (fd < 0)
		return fd;
	if (ret_st->st_size > 0 &&
	    (uint64_t)ret_st->st_size + 1 + writer->used > file_size_max(writer)) {
		r = rotate(writer, directory, ret_st);
		if (r < 0)
			return r;
		close(TAKE_FD(fd));
		fd = open_file(writer, directory, ret_st);
	}
	if (fd >= 0)
		drop_surplus(writer, directory, ret_st);
	return fd < 0 ? fd : TAKE_FD(fd);
}

/* A write that was cut, by a full disk or a loss of power, has left a line without its end. */
static bool is_torn(int fd, const struct stat *st)
{
	char last = '\n';

	return st->st_size > 0 && pread(fd, &last, 1, st->st_size - 1) == 1 && last != '\n';
}

/* Takes out the lines that are whole among the first `written` bytes. */
static void take_out(struct history_writer *writer, size_t written)
{
	char *first = writer->bytes + 1, *end = memrchr(first, '\n', written);
	size_t whole = end ? (size_t)(end + 1 - first) : 0;

	for (const char *p = first; p < first + whole; p++) {
		writer->pending -= *p == '\n';
		writer->done += *p == '\n';
	}
	writer->used -= whole;
	memmove(first, first + whole, writer->used);
}

/* One write of the whole batch; what a full disk cut off is left for the next one. */
static int append(struct history_writer *writer, int directory)
{
	struct stat st = {0};
	_cleanup_close_ int fd = open_with_room(writer, directory, &st);
	size_t newline, count;
	ssize_t n;

	if (fd < 0)
		return fd;
	newline = is_torn(fd, &st);
	count = newline + writer->used;
	do
		n = sys_write(fd, writer->bytes + 1 - newline, count);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return fail_file(writer, FILE_NAME, "written");
	/* A new file is there after a loss of power only if its directory says so. */
	if (writer->durable && (sys_fdatasync(fd) < 0 || (!st.st_size && fsync(directory) < 0)))
		return fail_file(writer, FILE_NAME, "written");
	if ((size_t)n > newline)
		take_out(writer, (size_t)n - newline);
	return 0;
}

/* A short write does not say what was wrong; the next one does. */
static int write_batch(struct history_writer *writer, int directory)
{
	int r = 0;

	for (int tries = 0; r == 0 && writer->used && tries < 2; tries++)
		r = append(writer, directory);
	if (r == 0 && writer->used) {
		errno = ENOSPC;
		return fail_file(writer, FILE_NAME, "written");
	}
	return r;
}

/* Whether it could be written there, as far as can be told without writing. */
static int check_directory(struct history_writer *writer, int directory)
{
	if (faccessat(directory, ".", W_OK, AT_EACCESS) == 0)
		return 0;
	return fail(writer, -errno, "the directory %.120s cannot be written: %s", writer->directory,
		    strerror(errno));
}

static int flush(struct history_writer *writer)
{
	_cleanup_close_ int directory = state_dir_open(writer->directory, writer->error);

	if (directory < 0)
		return directory;
	return writer->used ? write_batch(writer, directory) : check_directory(writer, directory);
}

int history_writer_flush(struct history_writer *writer, uint64_t now_ns)
{
	int r;

	if (!writer->pending)
		return 0;
	r = flush(writer);
	/* A look at the directory is over, however it went. */
	if (r == 0 || !writer->used) {
		writer->done += writer->pending;
		writer->pending = writer->due_ns = 0;
		writer->durable = false;
	} else {
		writer->due_ns = now_ns + HISTORY_RETRY_NS;
	}
	if (r == 0)
		writer->error[0] = '\0';
	return r;
}

/* ---- the process ---- */

struct helper {
	int socket;
	struct history_writer writer;
	struct answer told;
	bool stuck;				      /* the batch is full and cannot be written */
	char received[1 + OBIT_HISTORY_LINE_MAX + 1]; /* items that are not taken yet */
	size_t used;
};

static int flush_and_tell(struct helper *helper)
{
	struct history_writer *writer = &helper->writer;
	int r = history_writer_flush(writer, clock_running_ns());
	struct answer answer = {0};

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

_Noreturn static void run_helper(int socket, const char *directory, uint64_t size)
{
	static struct helper helper;
	sigset_t all;
	int null;

	/* It ends with the daemon, by the end of the socket, and by nothing else: not by a terminal's Ctrl-C. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_SET_NAME, "obitd-history", 0, 0, 0);
	umask(0);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3; fd++) /* it has nothing to say to a terminal */
		dup2(null, fd);
	close_fdp(&null);
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
	_exit(0);
}

/* ---- in the daemon ---- */

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
	struct answer answer;
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

static int fork_helper(struct history *history)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	history->pid = fork();
	if (history->pid == 0) {
		home_return();
		/* Nothing but its end of the socket, above all not the daemon's end. */
		if (dup2(ends[1], 3) < 0)
			_exit(1);
		fcntl(3, F_SETFD, FD_CLOEXEC);
		close_range(4, ~0U, 0);
		run_helper(3, history->directory, history->size);
	}
	close(ends[1]);
	if (history->pid < 0) {
		int r = -errno;

		close(ends[0]);
		history->pid = 0;
		return r;
	}
	history->socket = ends[0];
	return 0;
}

int history_start(struct history *history)
{
	int r;

	while (history->socket >= 0 && take_answer(history))
		; /* its last words */
	let_go(history);
	r = fork_helper(history);
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
	int fds[2], r = lines_open(directory, OLDER_NAME, FILE_NAME, fds);
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
