/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One line per message, to standard error or to syslog(3). A function either logs an error or
 * returns it, never both, so that every failure is told once. */
#ifndef OBIT_BASE_LOG_H
#define OBIT_BASE_LOG_H

#include <syslog.h> /* LOG_ERR ... LOG_DEBUG are the levels */

enum log_sink { LOG_SINK_STDERR, LOG_SINK_SYSLOG };

/* Chooses where messages go. `name` is kept by reference and starts every line. */
void log_open(const char *name, enum log_sink sink);

enum log_sink log_get_sink(void);

/* From now on a line that would have to wait for its reader is not written; how many these were is said before the next
 * line that can be. */
void log_never_wait(void);

/* Messages above `level` (LOG_ERR 3 ... LOG_DEBUG 7) are dropped. The default is LOG_INFO. */
void log_set_level(int level);
int log_get_level(void);

/* Writes one line. Control characters from foreign strings are written as \xNN; errno survives. */
void log_line(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)	 log_line(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)	 log_line(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)	 log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)	 log_line(LOG_DEBUG, __VA_ARGS__)

#endif
