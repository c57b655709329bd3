/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a cgroup path tells about who runs a process. Pure.
 *
 * A path says what whoever made the cgroup has written: that is root and the engines, and below a delegated
 * cgroup its user. The texts are foreign, and are escaped where they are printed. */
#ifndef OBIT_CORE_CONTAINER_H
#define OBIT_CORE_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>

#define CONTAINER_ID_SIZE   65	/* 64 hex digits and NUL */
#define CONTAINER_NAME_SIZE 256 /* no component of a path is longer */
#define POD_UID_SIZE	    37
#define UNIT_NAME_SIZE	    256

struct cgroup_facts {
	/* Of the innermost container. NULL: none, or its cgroup does not say what runs it. "kubernetes": a pod's,
	 * and the cgroup does not name the engine. */
	const char *runtime;
	/* Its id of 64 hex digits, or its name where the runtime gives names (lxc, nspawn, containerd's ctr);
	 * "": no container, or one whose cgroup has neither. */
	char container[CONTAINER_NAME_SIZE];
	/* Of the innermost Kubernetes pod; with '-' whatever the cgroup driver wrote, and 32 hex digits without
	 * one for a static pod. "": no pod. */
	char pod_uid[POD_UID_SIZE];
	const char *pod_qos; /* "guaranteed", "burstable", "besteffort"; NULL: no pod */
	/* The innermost systemd unit, a service or a scope. "": none, or that unit is a container's own scope
	 * or lies outside of a pod. Inside a container it is a unit of the container's systemd. */
	char unit[UNIT_NAME_SIZE];
};

/* Takes a path as /proc/PID/cgroup has it. Any text is fine; what is longer than the kernel makes it is cut. */
void cgroup_facts(const char *cgroup, struct cgroup_facts *ret);

/* Whether it is a container's. The monitors beside containers (conmon, LXC's, systemd-nspawn) are the host's. */
bool cgroup_in_container(const struct cgroup_facts *facts);

/* The innermost container's id or name ("" where its cgroup has neither), written into buf, which is returned;
 * NULL for a process of the host. */
const char *container_id(const char *cgroup, char buf[static CONTAINER_NAME_SIZE]);

#define OWNER_SIZE 272
/* Who else manages what lives in this cgroup ("systemd unit nginx.service", "container 3f2a..."), written into
 * buf, which is returned; NULL for nobody known. */
const char *cgroup_owner(const char *cgroup, char buf[static OWNER_SIZE]);

#endif
