/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the programs keep and share. Sizes marked "set by the daemon" are chosen before loading. */
#ifndef OBIT_MAPS_BPF_H
#define OBIT_MAPS_BPF_H

/* The letters: one entry for each tracked process. Allocated on demand, so an idle obit holds next
 * to nothing; the hooks run in process context, where that is safe. Size set by the daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 131072);
	__type(key, struct obit_key);
	__type(value, struct obit_letter);
} processes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct obit_slots);
} slots SEC(".maps");

/* What the tracked processes are: written by the daemon alone. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 131072);
	__type(key, struct obit_key);
	__type(value, struct obit_member);
} members SEC(".maps");

/* Recipes, states and counters: what the next daemon is to know. Holds other users' environments, as the processes
 * themselves do. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct obit_state_key);
	__type(value, struct obit_state);
} state SEC(".maps");

/* What there is to tell of each watch, for who looks from outside. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 10240);
	__type(key, struct obit_watch_key);
	__type(value, struct obit_watch);
} watches SEC(".maps");

/* What the watches look for, written by the daemon: literal prefixes of executables and of cgroups. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct obit_prefix);
	__type(value, __u32);
} path_prefixes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct obit_prefix);
	__type(value, __u32);
} cgroup_prefixes SEC(".maps");

/* Watched cgroups that exist: those found by the daemon and those seen to be made since. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct obit_cgroup);
	__type(value, __u32);
} cgroups SEC(".maps");

/* Who sent tracked processes their signals. The entries of a process go with its letter. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct obit_signal_key);
	__type(value, struct obit_signal);
} signals SEC(".maps");

/* The same, for when there is no memory to be had: signals are sent with interrupts off, many in a row where a
 * parent or a session ends. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 512);
	__type(key, struct obit_signal_key);
	__type(value, struct obit_signal);
} signals_reserve SEC(".maps");

/* Deaths of the last moments, where the kernel does not say which thread was the last one. Set to one entry by
 * the daemon where it does. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct obit_key);
	__type(value, __u32);
} claims SEC(".maps");

/* The bell. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 512 * 1024); /* set by the daemon */
} events SEC(".maps");

/* Deaths of all others, for who follows them. A ring of its own: a flood here must not drown the bell. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 512 * 1024);
} exits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct obit_stats);
} stats SEC(".maps");

/* The global order of births, execs and deaths. A map of its own, so that it outlives a daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} sequence SEC(".maps");

/* Working memory, one slot for each kind of program that may interrupt another on the same CPU. */
enum scratch_slot {
	SCRATCH_EXEC,
	SCRATCH_EXIT,
	SCRATCH_SCAN,
	SCRATCH_CGROUP,
	SCRATCH_SIGNAL,
	SCRATCH_SLOTS
};

struct scratch {
	/* A path is written backwards and ends at OBIT_PATH_MAX; what follows stays zero, so that the
	 * prefix filter can take OBIT_PREFIX_SIZE bytes from anywhere. */
	char path[OBIT_PATH_MAX + OBIT_PREFIX_SIZE];
	/* Where the path starts, and enum walk_flags of it. In memory, since of a register the verifier
	 * would follow each possible value through all that comes after. */
	volatile __u32 start;
	volatile __u32 walk_flags;
	__u64 walk_dentry, walk_mount; /* where the walk is */
	struct obit_prefix prefix;
	struct obit_text_record text;
	struct obit_exec_record exec;
	struct obit_signal signal;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCH_SLOTS);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/* Which launch the spawner's next child is for: written by the spawner, before it makes the child. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} launch SEC(".maps");

/* Switches that the daemon may turn at any time. */
__u32 spawner_tgid;    /* the process that makes obitd's children: each is tracked from its birth */
__u32 watches_paths;   /* not 0: path_prefixes has entries */
__u32 watches_cgroups; /* not 0: cgroup_prefixes has entries */
__u32 tells_all;       /* not 0: somebody wants to hear of every death */
__u32 confined_tgid; /* not 0: the scan learns landlock_at from that process, and does nothing else */
__u32 landlock_at;   /* where credentials have their Landlock domain, + 1; 0: not known */
__u32 recipe_max;    /* bytes of argv, and of the environment, that are told of an exec */

/* Inode numbers of namespaces: the daemon's, where what it starts comes to live, and PID 1's, once a scan has seen it. */
__u32 own_namespaces[OBIT_NAMESPACES];
__u32 init_namespaces[OBIT_NAMESPACES];

static __always_inline struct obit_stats *get_stats(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&stats, &zero);
}

#define COUNT(field)                                                                               \
	do {                                                                                       \
		struct obit_stats *stats_ = get_stats();                                           \
		if (stats_)                                                                        \
			__sync_fetch_and_add(&stats_->field, 1);                                   \
	} while (0)

/* The next number of the global order. Two CPUs may read the same one, but only for events that are
 * concurrent: what happened before another event has the smaller number. (An atomic add that returns
 * the old value needs 5.12.) */
static __always_inline __u64 next_sequence(void)
{
	__u32 zero = 0;
	__u64 *number = bpf_map_lookup_elem(&sequence, &zero);

	if (!number)
		return 0;
	__sync_fetch_and_add(number, 1);
	return *(volatile __u64 *)number;
}

static __always_inline struct scratch *get_scratch(__u32 slot)
{
	return bpf_map_lookup_elem(&scratches, &slot);
}

static __always_inline void init_record(struct obit_record *record, __u16 type, __u32 size,
					const struct obit_key *key)
{
	record->type = type;
	record->pad = 0;
	record->size = size;
	record->key = *key;
}

#endif
