/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The coarse filter: may this be something that a watch matches? It lets false candidates through
 * and never loses a true one; user space decides exactly. */
#ifndef OBIT_MATCH_BPF_H
#define OBIT_MATCH_BPF_H

/* The cgroup that stands for a task: its v2 cgroup, or where that is the root (hybrid and v1 layouts:
 * there every process can have the same one) the first v1 cgroup that is not. */
static __always_inline struct cgroup *cgroup_of(struct task_struct *task)
{
	struct css_set *set = BPF_CORE_READ(task, cgroups);
	struct cgroup *cgroup = BPF_CORE_READ(set, dfl_cgrp);

	if (BPF_CORE_READ(cgroup, level) > 0)
		return cgroup;
	if (bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id)) {
		int id = bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id);
		struct cgroup *v1 = BPF_CORE_READ(set, subsys[id & 15], cgroup);

		if (BPF_CORE_READ(v1, level) > 0)
			return v1;
	}
	if (bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id)) {
		int id = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
		struct cgroup *v1 = BPF_CORE_READ(set, subsys[id & 15], cgroup);

		if (BPF_CORE_READ(v1, level) > 0)
			return v1;
	}
	return cgroup;
}

static __always_inline void cgroup_key(struct cgroup *cgroup, struct obit_cgroup *ret)
{
	ret->id = BPF_CORE_READ(cgroup, kn, id);
	ret->hierarchy = BPF_CORE_READ(cgroup, root, hierarchy_id);
	ret->pad = 0;
}

/* True if the cgroup or one above it is watched. */
VERIFIED_ONCE int is_watched_cgroup(__u64 address)
{
	struct cgroup *cgroup = (void *)address;

	for (int i = 0; i < CGROUP_STEPS; i++) {
		struct obit_cgroup key;

		cgroup_key(cgroup, &key);
		if (bpf_map_lookup_elem(&cgroups, &key))
			return 1;
		cgroup = BPF_CORE_READ(cgroup, self.parent, cgroup);
		if (!cgroup)
			break;
	}
	return 0;
}

static __always_inline bool is_in_watched_cgroup(struct task_struct *task)
{
	return watches_cgroups && is_watched_cgroup((__u64)cgroup_of(task));
}

/* The value of the longest prefix in the trie, or 0. */
static __always_inline __u32 look_up_prefix(void *trie, struct scratch *s)
{
	__u32 *value = bpf_map_lookup_elem(trie, &s->prefix);

	return value ? *value : 0;
}

static __always_inline __u32 walked_prefix(void *trie, struct scratch *s)
{
	s->prefix.bits = OBIT_PREFIX_SIZE * 8;
	bpf_probe_read_kernel(s->prefix.text, OBIT_PREFIX_SIZE,
			      &s->path[s->start & (OBIT_PATH_MAX - 1)]);
	return look_up_prefix(trie, s);
}

static __always_inline __u32 string_prefix(void *trie, struct scratch *s, const char *string)
{
	s->prefix.bits = OBIT_PREFIX_SIZE * 8;
	__builtin_memset(s->prefix.text, 0, OBIT_PREFIX_SIZE);
	bpf_probe_read_kernel_str(s->prefix.text, OBIT_PREFIX_SIZE, string);
	return look_up_prefix(trie, s);
}

/* Characters at one go: all before the last of OBIT_PREFIX_SIZE are looked at. */
#define WINDING_STEPS 15

enum winding {
	WINDING_NOT_YET,
	WINDING_YES,
	WINDING_NO, /* the name ends */
};

/* Some characters of the text, each with the one before. */
VERIFIED_ONCE int winds_at(__u32 offset)
{
	struct scratch *s = get_scratch(SCRATCH_EXEC);

	if (!s)
		return WINDING_NO;
	offset &= OBIT_PREFIX_SIZE - 1;
	for (__u32 i = 1; i <= WINDING_STEPS; i++) {
		char before = s->text.data[offset + i - 1], now = s->text.data[offset + i];

		if (!now)
			return WINDING_NO;
		if (before == '/' && (now == '.' || now == '/'))
			return WINDING_YES;
	}
	return WINDING_NOT_YET;
}

/* True if the name has a component that is no name: then it takes a look at each to say where it leads. So it does where it
 * is longer than the filter sees. */
VERIFIED_ONCE int is_winding(__u64 address)
{
	struct scratch *s = get_scratch(SCRATCH_EXEC);

	if (!s)
		return 0;
	s->text.data[0] = '/';
	if (bpf_probe_read_kernel_str(s->text.data + 1, OBIT_PREFIX_SIZE, (void *)address) < 0)
		return 0;
	for (__u32 i = 0; i < OBIT_PREFIX_SIZE - 1; i += WINDING_STEPS) {
		int winding = winds_at(i);

		if (winding != WINDING_NOT_YET)
			return winding == WINDING_YES;
	}
	return 1;
}

/* Of a name below the directory whose path was walked last. */
VERIFIED_ONCE int prefix_below_walked(__u64 name)
{
	struct scratch *s = get_scratch(SCRATCH_EXEC);
	__u64 length;
	char *end;

	if (!s)
		return 0;
	length = OBIT_PATH_MAX - s->start;
	if (length == 1)
		length = 0; /* the root directory */
	if (length >= OBIT_PREFIX_SIZE)
		return walked_prefix(&path_prefixes, s);
	__builtin_memset(s->text.data, 0, 2 * OBIT_PREFIX_SIZE);
	bpf_probe_read_kernel(s->text.data, OBIT_PREFIX_SIZE,
			      &s->path[s->start & (OBIT_PATH_MAX - 1)]);
	/* The compiler knows already what the verifier is to be shown. */
	asm volatile("" : "+r"(length));
	end = &s->text.data[length & (OBIT_PREFIX_SIZE - 1)];
	*end = '/';
	bpf_probe_read_kernel_str(end + 1, OBIT_PREFIX_SIZE, (void *)name);
	return string_prefix(&path_prefixes, s, s->text.data);
}

#endif
