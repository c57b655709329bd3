// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/journal.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "io/sys.h"

#define NAME_MAX_LENGTH 64 /* journald's */
#define OWN_FIELDS	5
#define MAX_FIELDS	(OWN_FIELDS + JOURNAL_MAX_FIELDS)
#define FRAME_SIZE                                                                                 \
	10 /* what a field has beside name and value: two newlines and a length at most */

/* The socket is not connected: each datagram has its address, so that a receiver that was started anew is
 * found without anybody noticing. */
struct journal {
	struct journal_options options;
	int fd;
	bool seen; /* somebody has received something */
};

int journal_open(const struct journal_options *options, struct journal **ret)
{
	_cleanup_free_ struct journal *journal = calloc(1, sizeof(*journal));
	const size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path);

	if (strlen(options->socket) >= max || strlen(options->syslog) >= max)
		return -ENAMETOOLONG;
	if (!journal)
		return -ENOMEM;
	journal->options = *options;
	journal->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (journal->fd < 0)
		return -errno;
	*ret = TAKE_PTR(journal);
	return 0;
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	close_fdp(&journal->fd);
	free(journal);
}

static int send_datagram(const struct journal *journal, const char *path, const char *data,
			 size_t length)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	ssize_t n;

	strcpy(address.sun_path, path); /* journal_open() has checked that it fits */
	do
		n = sys_sendto(journal->fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL,
			       (const struct sockaddr *)&address, sizeof(address));
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* ---- journald ---- */

static char *put(char *at, const void *data, size_t length)
{
	memcpy(at, data, length);
	return at + length;
}

/* NAME=value, or where the value has newlines, NAME and its length and the value. */
static char *put_field(char *at, const struct journal_field *field)
{
	size_t length = strlen(field->value);
	uint64_t size = htole64(length);

	at = put(at, field->name, strlen(field->name));
	if (memchr(field->value, '\n', length)) {
		at = put(at, "\n", 1);
		at = put(at, &size, sizeof(size));
	} else {
		at = put(at, "=", 1);
	}
	at = put(at, field->value, length);
	return put(at, "\n", 1);
}

static int send_fields(const struct journal *journal, const struct journal_field *fields,
		       size_t count)
{
	_cleanup_free_ char *entry = NULL;
	size_t size = 0;
	char *end;

	for (size_t i = 0; i < count; i++)
		size += strlen(fields[i].name) + strlen(fields[i].value) + FRAME_SIZE;
	entry = malloc(size);
	if (!entry)
		return -ENOMEM;
	end = entry;
	for (size_t i = 0; i < count; i++)
		end = put_field(end, &fields[i]);
	return send_datagram(journal, journal->options.socket, entry, (size_t)(end - entry));
}

static void remove_longest(struct journal_field *fields, size_t *count)
{
	size_t longest = 0;

	for (size_t i = 1; i < *count; i++)
		if (strlen(fields[i].value) > strlen(fields[longest].value))
			longest = i;
	(*count)--;
	memmove(&fields[longest], &fields[longest + 1], (*count - longest) * sizeof(*fields));
}

static bool is_field(const struct journal_field *field)
{
	size_t length = strspn(field->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

	return field->value && length && length <= NAME_MAX_LENGTH && !field->name[length] &&
	       field->name[0] >= 'A' && field->name[0] <= 'Z';
}

static int send_entry(const struct journal *journal, int priority, const char *message,
		      const struct journal_field *fields, size_t count)
{
	char level[16], facility[16], pid[16];
	struct journal_field all[MAX_FIELDS] = {
		{"MESSAGE", message},	       {"PRIORITY", level},
		{"SYSLOG_FACILITY", facility}, {"SYSLOG_IDENTIFIER", journal->options.identifier},
		{"SYSLOG_PID", pid},
	};
	size_t given = 0;
	int r;

	snprintf(level, sizeof(level), "%d", priority);
	snprintf(facility, sizeof(facility), "%d", LOG_DAEMON >> 3);
	snprintf(pid, sizeof(pid), "%d", getpid());
	for (size_t i = 0; i < count && given < JOURNAL_MAX_FIELDS; i++)
		if (is_field(&fields[i]))
			all[OWN_FIELDS + given++] = fields[i];
	r = send_fields(journal, all, OWN_FIELDS + given);
	while (r == -EMSGSIZE && given) {
		remove_longest(all + OWN_FIELDS, &given);
		r = send_fields(journal, all, OWN_FIELDS + given);
	}
	return r;
}

/* ---- syslog ---- */

/* "<29>Nov 21 10:37:51 obitd[4711]: text", as RFC 3164 has it. */
static int send_line(const struct journal *journal, int priority, const char *message)
{
	time_t now = (time_t)(clock_wall_ns() / NS_PER_SEC);
	char line[JOURNAL_MAX_LINE], when[32];
	struct tm tm;
	size_t n;

	strftime(when, sizeof(when), "%b %e %H:%M:%S", localtime_r(&now, &tm));
	n = (size_t)snprintf(line, sizeof(line), "<%d>%s %.64s[%d]: ", LOG_DAEMON | priority, when,
			     journal->options.identifier, getpid());
	n += text_printable(line + n, sizeof(line) - n, message, strlen(message));
	return send_datagram(journal, journal->options.syslog, line, n);
}

/* ---- whoever is there ---- */

static bool is_absent(int r)
{
	return r == -ENOENT || r == -ECONNREFUSED;
}

int journal_send(struct journal *journal, int priority, const char *message,
		 const struct journal_field *fields, size_t count)
{
	int native = send_entry(journal, priority, message, fields, count), line;

	if (native == 0) {
		journal->seen = true;
		return JOURNAL_JOURNALD;
	}
	if (!is_absent(native))
		return native;
	line = send_line(journal, priority, message);
	if (line == 0) {
		journal->seen = true;
		return JOURNAL_SYSLOG;
	}
	if (native == -ENOENT && line == -ENOENT && !journal->seen)
		return JOURNAL_NOBODY;
	return line == -ENOENT ? native : line;
}

bool journal_is_stream(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uintmax_t device, inode;
	struct stat st;
	int end = -1;

	return stream && sscanf(stream, "%ju:%ju%n", &device, &inode, &end) == 2 && end > 0 &&
	       !stream[end] && sys_fstat(fd, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}
