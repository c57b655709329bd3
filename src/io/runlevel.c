// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/runlevel.h"

#include <paths.h>
#include <utmpx.h>

#include "base/cleanup.h"
#include "io/sys.h"

#define RECORDS_MAX 4096 /* that are looked at; init's own come first */

/* Not getutxid(3): it waits for whoever has locked the file. */
bool runlevel_goes_down(const char *file)
{
	_cleanup_close_ int fd = sys_open(file ? file : _PATH_UTMP,
					  O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
	struct utmpx record;
	char level;

	for (int i = 0; fd >= 0 && i < RECORDS_MAX; i++) {
		if (sys_read(fd, &record, sizeof(record)) != sizeof(record))
			return false;
		if (record.ut_type != RUN_LVL)
			continue;
		level = (char)(record.ut_pid & 0xff); /* the one before it is in the next byte */
		return level == '0' || level == '6';
	}
	return false;
}
