// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/container.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define ID_LENGTH      (CONTAINER_ID_SIZE - 1)
#define ID_SHOWN       12 /* digits, as the engines show it */
#define UUID_LENGTH    (POD_UID_SIZE - 1)
#define HASH_LENGTH    32      /* a static pod's uid is the hash of its manifest */
#define ESCAPED_DASH   "\\x2d" /* in the names of systemd's units */
#define SERVICE_SUFFIX ".service"
#define SCOPE_SUFFIX   ".scope"

/* Part of somebody else's string. */
struct slice {
	const char *text;
	size_t length;
};

enum shape_flags {
	AT_ROOT = 1 << 0,  /* only at the root of the host's cgroups, or of a container's */
	NAMELESS = 1 << 1, /* its first component is the container's, and `*` is not its name */
};

/* What a path looks like from some component on, where it is the place that tells. `*` is the rest of a
 * component, the container's name; `#` is its id. */
struct shape {
	const char *pattern;
	const char *runtime; /* NULL: of the host, whatever its name looks like */
	unsigned flags;	     /* enum shape_flags */
};

/* In this order. Not listed is what an engine's name in front of the id tells anywhere ("docker-ID.scope"). */
static const struct shape shapes[] = {
	{"docker/#", "docker", 0},
	{"libpod_parent/#", NULL, 0}, /* a pod of podman's, with conmon in it */
	{"lxc.monitor.*", NULL, 0},
	{"lxc.monitor/*", NULL, 0},
	{"lxc.payload.*", "lxc", 0},
	{"lxc.payload/*", "lxc", 0},
	{"lxc/*", "lxc", 0},
	/* Machines of systemd: nspawn's are containers, libvirt's may be, or a VM run by a process of the host. */
	{"machine-qemu" ESCAPED_DASH "*.scope", NULL, 0},
	{"machine-lxc" ESCAPED_DASH "*.scope", "lxc", NAMELESS},
	{"machine-*.scope/supervisor", NULL, 0},
	{"machine-*.scope/payload", "nspawn", 0},
	{"machine-*.scope", "nspawn", 0},
	{"systemd-nspawn@*.service/payload", "nspawn", 0},
	/* nspawn --keep-unit: the unit has any name, but what it holds is the tree of another systemd. */
	{"payload/init.scope", "nspawn", NAMELESS},
	{"payload/*.slice", "nspawn", NAMELESS},
	{"ecs/*/*", "ecs", AT_ROOT},
	/* ctr makes /NAMESPACE/NAME; these namespaces are known. */
	{"default/*", "containerd", AT_ROOT},
	{"k8s.io/*", "containerd", AT_ROOT},
};

/* What stands in front of an id, and '-' or ':'. */
static const struct {
	const char *word;
	const char *runtime;
} engines[] = {
	{"docker", "docker"},
	{"cri-containerd", "containerd"},
	{"nerdctl", "containerd"},
	{"crio", "cri-o"},
	{"libpod", "podman"},
	{"libpod-payload", "podman"}, /* below the service that runs it */
};

/* What stands in front of a pod: the parent's name, or the beginning of its own. */
static const struct {
	const char *word;
	const char *qos;
} pod_classes[] = {
	{"burstable", "burstable"},
	{"besteffort", "besteffort"},
	{"kubepods", "guaranteed"},
};

struct walk {
	struct cgroup_facts *facts;
	struct slice parent;
	bool at_root;
	bool in_pod; /* the parent is a pod */
};

static bool has_suffix(struct slice slice, const char *suffix)
{
	size_t n = strlen(suffix);

	return slice.length > n && !memcmp(slice.text + slice.length - n, suffix, n);
}

static bool equals(struct slice slice, const char *text)
{
	return strlen(text) == slice.length && !memcmp(slice.text, text, slice.length);
}

static void copy_slice(char *dst, size_t size, struct slice src)
{
	size_t length = src.length < size ? src.length : size - 1;

	memcpy(dst, src.text, length);
	dst[length] = '\0';
}

static size_t count_hex(const char *text, size_t most)
{
	size_t n = 0;

	while (n < most && isxdigit((unsigned char)text[n]))
		n++;
	return n;
}

/* ---- containers ---- */

/* Bytes of `path` that the pattern's first character stands for; 0 if it does not match. */
static size_t match_one(const char *path, const char *pattern)
{
	size_t component, tail;

	switch (*pattern) {
	case '#':
		return count_hex(path, ID_LENGTH) == ID_LENGTH ? ID_LENGTH : 0;
	case '*':
		component = strcspn(path, "/");
		tail = strcspn(pattern + 1, "/");
		return component > tail ? component - tail : 0;
	default:
		return *path == *pattern;
	}
}

/* Behind what matches the pattern, or NULL. */
static const char *match_pattern(const char *path, const char *pattern, struct slice *ret_name)
{
	struct slice name = {path, 0};

	for (; *pattern; pattern++) {
		size_t length = match_one(path, pattern);

		if (!length)
			return NULL;
		if (*pattern == '*' || *pattern == '#')
			name = (struct slice){path, length};
		path += length;
	}
	if (*path && *path != '/')
		return NULL;
	*ret_name = name;
	return path;
}

static void set_container(struct cgroup_facts *facts, const char *runtime, struct slice name)
{
	char *dash = facts->container;

	facts->runtime = runtime;
	copy_slice(facts->container, sizeof(facts->container), name);
	while ((dash = strstr(dash, ESCAPED_DASH))) {
		*dash++ = '-';
		memmove(dash, dash + strlen(ESCAPED_DASH) - 1,
			strlen(dash + strlen(ESCAPED_DASH) - 1) + 1);
	}
}

/* Behind what one of the shapes matches, or NULL; *ret tells whether that is a container. */
static const char *take_shape(const struct walk *walk, const char *path, bool *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		const struct shape *shape = &shapes[i];
		struct slice name;
		const char *end;

		if ((shape->flags & AT_ROOT) && !walk->at_root)
			continue;
		end = match_pattern(path, shape->pattern, &name);
		if (!end)
			continue;
		if (shape->flags & NAMELESS) {
			name.length = 0;
			end = path + strcspn(path, "/");
		}
		if (shape->runtime)
			set_container(walk->facts, shape->runtime, name);
		*ret = shape->runtime != NULL;
		return end;
	}
	return NULL;
}

static const char *find_engine(struct slice before)
{
	const char *colon = memrchr(before.text, ':', before.length);

	if (colon) {
		before.length -= (size_t)(colon + 1 - before.text);
		before.text = colon + 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(engines); i++)
		if (equals(before, engines[i].word))
			return engines[i].runtime;
	return NULL;
}

/* An id fills a component ("/docker/ID") or ends it behind '-' or ':' ("docker-ID.scope"). */
static const char *find_id(struct slice component)
{
	for (size_t i = 0; i + ID_LENGTH <= component.length; i++) {
		const char *id = component.text + i, *end = id + ID_LENGTH;

		if (i > 0 && id[-1] != '-' && id[-1] != ':')
			continue;
		if (count_hex(id, ID_LENGTH) == ID_LENGTH &&
		    (i + ID_LENGTH == component.length || *end == '.'))
			return id;
	}
	return NULL;
}

static bool take_id(struct cgroup_facts *facts, struct slice component, bool in_pod)
{
	const char *id = find_id(component), *runtime;
	struct slice before = {component.text, 0};

	if (!id)
		return false;
	if (id > component.text)
		before.length = (size_t)(id - component.text) - 1;
	/* conmon, the monitor beside a podman or CRI-O container, is a process of the host. */
	if (memmem(before.text, before.length, "conmon", strlen("conmon")))
		return false;
	runtime = find_engine(before);
	set_container(facts, runtime || !in_pod ? runtime : "kubernetes",
		      (struct slice){id, ID_LENGTH});
	return true;
}

/* ---- pods ---- */

static const char *find_class(struct slice before)
{
	for (size_t i = 0; i < ARRAY_SIZE(pod_classes); i++) {
		const char *word = pod_classes[i].word;

		if (equals(before, word) || (has_suffix(before, word) &&
					     before.text[before.length - strlen(word) - 1] == '-'))
			return pod_classes[i].qos;
	}
	return NULL;
}

/* The systemd driver writes '_' for the '-' of a uid, which would be another level of slices. */
static size_t uuid_length(const char *text)
{
	for (size_t i = 0; i < UUID_LENGTH; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' && text[i] != '_' : !isxdigit((unsigned char)text[i]))
			return 0;
	}
	return UUID_LENGTH;
}

static size_t pod_uid_length(const char *text)
{
	size_t length = uuid_length(text);

	if (!length)
		length = count_hex(text, HASH_LENGTH) == HASH_LENGTH ? HASH_LENGTH : 0;
	return length && strchr("./", text[length]) ? length : 0; /* or at the end */
}

static void set_pod(struct cgroup_facts *facts, const char *qos, struct slice uid)
{
	char *dash = facts->pod_uid;

	copy_slice(facts->pod_uid, sizeof(facts->pod_uid), uid);
	while ((dash = strchr(dash, '_')))
		*dash = '-';
	facts->pod_qos = qos;
	facts->unit[0] = '\0'; /* the kubelet's or the engine's: no pod's */
}

/* "burstable/podUID" or "kubepods-burstable-podUID.slice". */
static bool take_pod(const struct walk *walk, struct slice component)
{
	for (size_t i = 0; i + strlen("pod") < component.length; i++) {
		const char *at = component.text + i, *uid = at + strlen("pod"), *qos;
		size_t length;

		if (memcmp(at, "pod", strlen("pod")) != 0 || (i > 0 && at[-1] != '-'))
			continue;
		qos = find_class(i > 0 ? (struct slice){component.text, i - 1} : walk->parent);
		length = pod_uid_length(uid);
		if (qos && length) {
			set_pod(walk->facts, qos, (struct slice){uid, length});
			return true;
		}
	}
	return false;
}

/* ---- all of it ---- */

static void take_unit(struct cgroup_facts *facts, struct slice component, bool container)
{
	bool scope;

	/* systemd writes '_' in front of what would look like a file of the kernel's ("cpu.service"). */
	if (*component.text == '_') {
		component.text++;
		component.length--;
	}
	scope = has_suffix(component, SCOPE_SUFFIX);
	if (!scope && !has_suffix(component, SERVICE_SUFFIX))
		return;
	if (scope && container)
		component.length = 0;
	copy_slice(facts->unit, sizeof(facts->unit), component);
}

/* Takes the component at `path`, and what belongs to it. Returns what is left. */
static const char *step(struct walk *walk, const char *path)
{
	struct slice component = {path, strcspn(path, "/")};
	bool container = false, pod = false;
	const char *end = take_shape(walk, path, &container);

	if (!end) {
		end = path + component.length;
		pod = take_pod(walk, component);
		container = take_id(walk->facts, component, pod || walk->in_pod);
	}
	take_unit(walk->facts, component, container);
	walk->parent = component;
	walk->at_root = container;
	walk->in_pod = pod;
	return end + strspn(end, "/");
}

void cgroup_facts(const char *cgroup, struct cgroup_facts *ret)
{
	struct walk walk = {.facts = ret, .parent = {cgroup, 0}, .at_root = true};

	*ret = (struct cgroup_facts){0};
	cgroup += strspn(cgroup, "/");
	while (*cgroup)
		cgroup = step(&walk, cgroup);
}

bool cgroup_in_container(const struct cgroup_facts *facts)
{
	return facts->runtime || *facts->container;
}

const char *container_id(const char *cgroup, char buf[static CONTAINER_NAME_SIZE])
{
	struct cgroup_facts facts;

	cgroup_facts(cgroup, &facts);
	if (!cgroup_in_container(&facts))
		return NULL;
	return strcpy(buf, facts.container);
}

const char *cgroup_owner(const char *cgroup, char buf[static OWNER_SIZE])
{
	struct cgroup_facts facts;
	bool id;

	cgroup_facts(cgroup, &facts);
	id = strlen(facts.container) == ID_LENGTH &&
	     count_hex(facts.container, ID_LENGTH) == ID_LENGTH;
	if (*facts.container)
		snprintf(buf, OWNER_SIZE, "container %.*s", id ? ID_SHOWN : -1, facts.container);
	else if (facts.runtime)
		snprintf(buf, OWNER_SIZE, "a container of %s", facts.runtime);
	/* A scope holds what somebody else started: systemd restarts none of it. */
	else if (has_suffix((struct slice){facts.unit, strlen(facts.unit)}, SERVICE_SUFFIX))
		snprintf(buf, OWNER_SIZE, "systemd unit %s", facts.unit);
	else
		return NULL;
	return buf;
}
