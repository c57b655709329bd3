// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

#define LINE_SIZE  2048
#define FRAME_SIZE 128 /* a name, a pid, the time */

static const char *log_name = "obit";
static enum log_sink log_sink_kind = LOG_SINK_STDERR;
static int log_level = LOG_INFO;
static int syslog_fd = -1;
static bool never_waits;
static unsigned long lost; /* lines, since the last one that was written */

void log_open(const char *name, enum log_sink sink)
{
	log_name = name;
	log_sink_kind = sink;
	if (sink == LOG_SINK_SYSLOG && syslog_fd < 0)
		syslog_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

void log_never_wait(void)
{
	never_waits = true;
}

enum log_sink log_get_sink(void)
{
	return log_sink_kind;
}

void log_set_level(int level)
{
	log_level = level;
}

int log_get_level(void)
{
	return log_level;
}

/* A socket says so itself; a pipe that is ready takes a whole line, since that is shorter than PIPE_BUF. */
static bool write_stderr(const char *text, size_t length)
{
	struct pollfd reader = {.fd = STDERR_FILENO, .events = POLLOUT};
	ssize_t n;

	if (never_waits) {
		n = send(STDERR_FILENO, text, length, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n >= 0 || errno != ENOTSOCK)
			return n >= 0;
		if (poll(&reader, 1, 0) != 1)
			return false;
	}
	return write(STDERR_FILENO, text, length) >= 0;
}

/* Each datagram has its address: syslogd may be started anew. Unlike syslog(3) this waits for nobody. */
static bool write_syslog(const char *text, size_t length)
{
	static const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};

	return sendto(syslog_fd, text, length, MSG_DONTWAIT | MSG_NOSIGNAL,
		      (const struct sockaddr *)&address, sizeof(address)) >= 0;
}

static bool write_line(int level, const char *line)
{
	char text[LINE_SIZE + FRAME_SIZE], stamp[32] = "";
	time_t now = time(NULL);
	struct tm local;
	int length;

	if (log_sink_kind == LOG_SINK_STDERR) {
		length = snprintf(text, sizeof(text), "%.64s: %s\n", log_name, line);
		return write_stderr(text, (size_t)length);
	}
	if (localtime_r(&now, &local)) /* as syslog(3) has it, in English whatever the locale */
		asctime_r(&local, stamp);
	length = snprintf(text, sizeof(text), "<%d>%.15s %.64s[%d]: %s", LOG_DAEMON | level,
			  *stamp ? stamp + 4 : "", log_name, (int)getpid(), line);
	return write_syslog(text, (size_t)length);
}

/* False where whoever reads the log has still no room. */
static bool tell_lost(void)
{
	char line[LINE_SIZE];

	snprintf(line, sizeof(line), "%lu line%s lost here: the log was not read", lost,
		 lost == 1 ? " is" : "s are");
	return write_line(LOG_WARNING, line);
}

void log_line(int level, const char *fmt, ...)
{
	char raw[LINE_SIZE], line[LINE_SIZE];
	int saved_errno = errno;
	va_list ap;

	if (level > log_level)
		return;
	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	text_printable(line, sizeof(line), raw, strlen(raw));
	if (lost && tell_lost())
		lost = 0;
	if (lost || !write_line(level, line))
		lost++;
	errno = saved_errno;
}
