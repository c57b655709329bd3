// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What there is to know of a death beyond its letter: who sent what, where it was, where the core went. */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "core/core_pattern.h"
#include "daemon/daemon.h"
#include "io/proc.h"

static bool read_signal(struct daemon *daemon, const struct obit_key *key, uint64_t known,
			int number, uint32_t base, struct obit_signal *ret)
{
	return known & 1ULL << (number - 1) &&
	       bpf_source_signal(daemon->source, key, (__u32)number + base, ret) == 0;
}

/* The later one of what others and what it itself sent. */
static bool find_fatal(struct daemon *daemon, const struct obit_key *key,
		       const struct obit_letter *letter, int number, struct obit_signal *ret)
{
	bool has = read_signal(daemon, key, letter->signals, number, 0, ret);
	struct obit_signal own;

	if (!read_signal(daemon, key, letter->own_signals, number, OBIT_SIGNAL_OWN, &own) ||
	    (has && own.time < ret->time))
		return has;
	*ret = own;
	return true;
}

/* The last of the requests to stop that stand behind the death. */
static bool find_asked(struct daemon *daemon, const struct obit_key *key,
		       const struct obit_letter *letter, uint64_t grace_ns,
		       const struct obit_signal *fatal, struct obit_signal *ret)
{
	static const int requests[] = {SIGTERM, SIGINT, SIGQUIT};
	struct obit_signal signal;
	bool found = false;

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		if (!read_signal(daemon, key, letter->signals, requests[i], 0, &signal) ||
		    !signal_is_request(&signal) ||
		    !death_was_asked_for(&letter->exit, &signal, fatal, grace_ns) ||
		    (found && signal.time < ret->time))
			continue;
		*ret = signal;
		found = true;
	}
	return found;
}

static void gather_signals(struct daemon *daemon, const struct obit_key *key,
			   const struct obit_letter *letter, uint64_t grace_ns,
			   struct evidence *ret)
{
	int number = wait_status_signal(letter->exit.wait_status);

	ret->has_fatal = number && find_fatal(daemon, key, letter, number, &ret->fatal);
	ret->has_asked = find_asked(daemon, key, letter, grace_ns,
				    ret->has_fatal ? &ret->fatal : NULL, &ret->asked);
	ret->cause = death_cause(key, &letter->exit, ret->has_fatal ? &ret->fatal : NULL,
				 bpf_source_sees_signals(daemon->source) && !letter->signal_lost);
}

static void find_core(const struct obit_key *key, const struct obit_letter *letter,
		      const struct image *image, const char *cwd, struct evidence *ret)
{
	const struct obit_exit *exit = &letter->exit;
	char pattern[PROC_CORE_PATTERN_SIZE], hostname[HOST_NAME_MAX + 1], comm[OBIT_COMM_SIZE + 1];
	bool uses_pid;
	struct core_facts facts = {
		.pid = key->tgid,
		.ns_pid = exit->ns_pid ? exit->ns_pid : key->tgid,
		.uid = exit->uid,
		.gid = exit->gid,
		.signal = wait_status_signal(exit->wait_status),
		/* Of several threads any may have dumped, and each may have a name of its own. */
		.comm = ret->has_fatal && !(ret->fatal.flags & OBIT_SIGNAL_THREADED) ? comm : NULL,
		.exe = image && *image->exe ? image->exe : NULL,
		/* A container has its own name, which is not known here. */
		.hostname = exit->ns_pid || gethostname(hostname, sizeof(hostname)) < 0 ? NULL
											: hostname,
		.cwd = cwd,
	};

	if (wait_status_how(exit->wait_status) != DEATH_DUMPED ||
	    proc_core_pattern(pattern, &uses_pid) < 0)
		return;
	snprintf(comm, sizeof(comm), "%.*s", OBIT_COMM_SIZE, exit->comm);
	core_pattern_expand(pattern, uses_pid, &facts, &ret->core_path, &ret->core_handler);
}

void evidence_gather(struct daemon *daemon, const struct obit_key *key,
		     const struct obit_letter *letter, const struct image *image,
		     const struct recipe *last_texts, uint64_t grace_ns, struct evidence *ret)
{
	*ret = (struct evidence){0};
	gather_signals(daemon, key, letter, grace_ns, ret);
	find_core(key, letter, image, last_texts ? last_texts->cwd : NULL, ret);
	if (last_texts && last_texts->cgroup)
		ret->cgroup = strdup(last_texts->cgroup);
	else if (image && image->cgroup && !(letter->exit.flags & OBIT_EXIT_MOVED))
		ret->cgroup = strdup(image->cgroup);
}

void evidence_done(struct evidence *evidence)
{
	free(evidence->cgroup);
	free(evidence->core_path);
	free(evidence->core_handler);
}
