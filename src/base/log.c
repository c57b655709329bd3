// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

#define LINE_SIZE 2048

static const char *log_name = "obit";
static enum log_sink log_sink_kind = LOG_SINK_STDERR;
static int log_level = LOG_INFO;

void log_open(const char *name, enum log_sink sink)
{
	log_name = name;
	log_sink_kind = sink;
	if (sink == LOG_SINK_SYSLOG)
		openlog(name, LOG_PID | LOG_NDELAY, LOG_DAEMON);
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
	if (log_sink_kind == LOG_SINK_SYSLOG)
		syslog(level, "%s", line);
	else
		fprintf(stderr, "%s: %s\n", log_name, line);
	errno = saved_errno;
}
