// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/container.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define ID_LENGTH (CONTAINER_ID_SIZE - 1)

/* An id fills a component ("/docker/ID") or ends it behind '-' or ':' ("docker-ID.scope"). */
static const char *find_id(const char *component, size_t length)
{
	for (size_t i = 0; i + ID_LENGTH <= length; i++) {
		size_t n = 0;

		if (i > 0 && component[i - 1] != '-' && component[i - 1] != ':')
			continue;
		while (n < ID_LENGTH && isxdigit((unsigned char)component[i + n]))
			n++;
		if (n == ID_LENGTH && (i + n == length || component[i + n] == '.'))
			return component + i;
	}
	return NULL;
}

const char *container_id(const char *cgroup, char buf[static CONTAINER_ID_SIZE])
{
	const char *id = NULL;

	while (*cgroup) {
		size_t length = strcspn(cgroup, "/");
		const char *found = find_id(cgroup, length);

		/* conmon, the monitor beside a podman or CRI-O container, is a process of the host. */
		if (found && !memmem(cgroup, length, "conmon", 6))
			id = found;
		cgroup += length;
		cgroup += *cgroup == '/';
	}
	if (!id)
		return NULL;
	memcpy(buf, id, ID_LENGTH);
	buf[ID_LENGTH] = '\0';
	return buf;
}

static bool ends_with(const char *text, size_t length, const char *suffix)
{
	size_t n = strlen(suffix);

	return length > n && !memcmp(text + length - n, suffix, n);
}

const char *cgroup_owner(const char *cgroup, char buf[static OWNER_SIZE])
{
	char id[CONTAINER_ID_SIZE];
	const char *unit = NULL;
	size_t unit_length = 0;

	if (container_id(cgroup, id)) {
		snprintf(buf, OWNER_SIZE, "container %.12s", id);
		return buf;
	}
	while (*cgroup) {
		size_t length = strcspn(cgroup, "/");

		/* A scope holds what somebody else started: systemd restarts none of it. */
		if (ends_with(cgroup, length, ".scope"))
			unit = NULL;
		if (ends_with(cgroup, length, ".service")) {
			unit = cgroup;
			unit_length = length;
		}
		cgroup += length;
		cgroup += *cgroup == '/';
	}
	if (!unit)
		return NULL;
	snprintf(buf, OWNER_SIZE, "systemd unit %.*s", (int)unit_length, unit);
	return buf;
}
