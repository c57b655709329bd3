/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The system's log: entries with fields to journald by its native protocol, else lines to syslog. Every
 * entry is one datagram that is sent at once or not at all: nothing blocks, nothing is kept. */
#ifndef OBIT_IO_JOURNAL_H
#define OBIT_IO_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

#define JOURNAL_DEFAULT_SOCKET "/run/systemd/journal/socket"
#define JOURNAL_DEFAULT_SYSLOG "/dev/log"
#define JOURNAL_MAX_FIELDS     96   /* of one entry; what is beyond is left out */
#define JOURNAL_MAX_LINE       2048 /* bytes of a line to syslog; what is beyond is cut off */

struct journal;

/* Strings are borrowed until journal_close(). */
struct journal_options {
	const char *identifier; /* the program's name */
	const char *socket;	/* journald's */
	const char *syslog;	/* that of a syslog daemon, for hosts without journald */
};

struct journal_field {
	const char *name;  /* A-Z, 0-9 and _, a letter first; any other is left out */
	const char *value; /* any bytes; NULL: left out */
};

enum journal_receiver {
	JOURNAL_NOBODY,	  /* there is neither socket, nor has there been one */
	JOURNAL_JOURNALD, /* has it with all fields */
	JOURNAL_SYSLOG,	  /* has the message alone */
};

/* Needs none of the sockets to be there yet. Returns 0, or -errno (-ENAMETOOLONG: a path that no socket can
 * have). The caller owns *ret. */
int journal_open(const struct journal_options *options, struct journal **ret);

/* Accepts NULL. */
void journal_close(struct journal *journal);

/* Sends one entry with the time of now. `priority` is one of syslog(3)'s LOG_EMERG to LOG_DEBUG; `message` is
 * one printable line. MESSAGE, PRIORITY and the SYSLOG_ fields are added to `fields`. An entry that is too long
 * for a datagram goes without its longest fields. The receivers may come, go and come back at any time.
 * Returns who has it (enum journal_receiver), or -errno where it is lost: -EAGAIN, the receiver has too much
 * unread; -ECONNREFUSED or -ENOENT, it is gone. */
int journal_send(struct journal *journal, int priority, const char *message,
		 const struct journal_field *fields, size_t count);

/* Whether what is written to `fd` goes to journald, by $JOURNAL_STREAM. */
bool journal_is_stream(int fd);

#endif
