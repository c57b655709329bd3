// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Any text as a cgroup path, by itself and below a container's. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/container.h"

#define ID "4f1d5c7bb1e0e2cbb5a40ee0f1c1b2a39d7c8e6f5a4b3c2d1e0f9a8b7c6d5e4f"

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_facts(const struct cgroup_facts *facts)
{
	size_t pod = strnlen(facts->pod_uid, sizeof(facts->pod_uid));

	REQUIRE(strnlen(facts->container, sizeof(facts->container)) < sizeof(facts->container));
	REQUIRE(strnlen(facts->unit, sizeof(facts->unit)) < sizeof(facts->unit));
	REQUIRE(!strchr(facts->container, '/') && !strchr(facts->unit, '/'));
	REQUIRE(pod == 0 || pod == 32 || pod == 36);
	REQUIRE(pod == strspn(facts->pod_uid, "0123456789abcdefABCDEF-"));
	REQUIRE((pod > 0) == (facts->pod_qos != NULL));
}

static void check_path(const char *path)
{
	struct cgroup_facts facts;
	char id[CONTAINER_NAME_SIZE], owner[OWNER_SIZE];
	bool inside;

	cgroup_facts(path, &facts);
	check_facts(&facts);
	inside = cgroup_in_container(&facts);
	REQUIRE((container_id(path, id) != NULL) == inside);
	REQUIRE(!inside || strcmp(id, facts.container) == 0);
	if (cgroup_owner(path, owner))
		REQUIRE(strlen(owner) < sizeof(owner) && (inside || *facts.unit));
	else
		REQUIRE(!inside);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char parent[] = "/docker/" ID "/";
	_cleanup_free_ char *path = strndup((const char *)data, size);
	_cleanup_free_ char *nested = malloc(sizeof(parent) + size);
	struct cgroup_facts facts;

	REQUIRE(path && nested);
	check_path(path);
	stpcpy(stpcpy(nested, parent), path);
	check_path(nested);
	/* Nothing that is made inside a container looks like the host's. */
	cgroup_facts(nested, &facts);
	REQUIRE(cgroup_in_container(&facts));
	return 0;
}
