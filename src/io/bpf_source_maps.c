// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the maps hold while all runs: what is looked for, letters and signals, what the next daemon is to know, what others may
 * see. */
#include "io/bpf_source_internal.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define MAX_CGROUPS 65536

/* ---- what is looked for ---- */

static void fill_prefix(const struct bpf_prefix *prefix, struct obit_prefix *ret)
{
	size_t bytes = prefix->length + (prefix->exact ? 1 : 0);
	size_t copied = prefix->length;

	if (bytes > OBIT_PREFIX_SIZE)
		bytes = copied = OBIT_PREFIX_SIZE;
	*ret = (struct obit_prefix){.bits = (__u32)bytes * 8};
	memcpy(ret->text, prefix->text, copied);
}

static int compare_prefixes(const void *left, const void *right)
{
	const struct obit_prefix *a = left, *b = right;

	return a->bits == b->bits ? memcmp(a->text, b->text, a->bits / 8)
				  : (a->bits > b->bits) - (a->bits < b->bits);
}

/* `wanted` is sorted. */
static void drop_unwanted(int map, const struct obit_prefix *wanted, size_t count)
{
	struct obit_prefix key, next;
	bool more = bpf_map_get_next_key(map, NULL, &next) == 0;

	while (more) {
		key = next;
		more = bpf_map_get_next_key(map, &key, &next) == 0;
		if (!bsearch(&key, wanted, count, sizeof(*wanted), compare_prefixes))
			bpf_map_delete_elem(map, &key);
	}
}

__u32 bpf_source_prefix_number(const struct bpf_prefix *prefix)
{
	struct obit_prefix key;
	__u32 hash = 2166136261U; /* FNV-1a over the key */

	fill_prefix(prefix, &key);
	for (__u32 i = 0; i < key.bits / 8; i++)
		hash = (hash ^ (unsigned char)key.text[i]) * 16777619U;
	return hash ? hash : 1;
}

int bpf_source_set_prefixes(int map, const struct bpf_prefix *prefixes, size_t count)
{
	_cleanup_free_ struct obit_prefix *keys = calloc(count + 1, sizeof(*keys));

	if (!keys)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		__u32 number = bpf_source_prefix_number(&prefixes[i]);

		fill_prefix(&prefixes[i], &keys[i]);
		if (bpf_map_update_elem(map, &keys[i], &number, BPF_ANY) < 0)
			return -errno;
	}
	qsort(keys, count, sizeof(*keys), compare_prefixes);
	drop_unwanted(map, keys, count);
	return 0;
}

int bpf_source_add_cgroup(struct bpf_source *source, const struct obit_cgroup *cgroup)
{
	__u32 one = 1;

	return bpf_map_update_elem(source->maps[MAP_CGROUPS], cgroup, &one, BPF_ANY) < 0 ? -errno
											 : 0;
}

void bpf_source_drop_cgroup(struct bpf_source *source, const struct obit_cgroup *cgroup)
{
	bpf_map_delete_elem(source->maps[MAP_CGROUPS], cgroup);
}

int bpf_source_list_cgroups(struct bpf_source *source, struct obit_cgroup **ret, size_t *ret_count)
{
	int map = source->maps[MAP_CGROUPS];
	_cleanup_free_ struct obit_cgroup *keys = NULL;
	struct obit_cgroup key, next;
	size_t count = 0, room = 0;
	bool more = bpf_map_get_next_key(map, NULL, &next) == 0;

	/* Cgroups that come and go meanwhile can make the walk begin anew: the map holds no more than so many. */
	while (more && count < MAX_CGROUPS) {
		struct obit_cgroup *bigger = keys;

		if (count == room) {
			room = room ? 2 * room : 64;
			bigger = reallocarray(keys, room, sizeof(*keys));
		}
		if (!bigger)
			return -ENOMEM;
		keys = bigger;
		keys[count++] = key = next;
		more = bpf_map_get_next_key(map, &key, &next) == 0;
	}
	*ret = TAKE_PTR(keys);
	*ret_count = count;
	return 0;
}

/* ---- letters ---- */

int bpf_source_letters(struct bpf_source *source, bpf_source_letter_fn *fn, void *arg)
{
	int map = source->maps[MAP_PROCESSES];
	struct obit_key key, next;
	struct obit_letter letter;
	bool more = bpf_map_get_next_key(map, NULL, &next) == 0;

	while (more) {
		key = next;
		more = bpf_map_get_next_key(map, &key, &next) == 0;
		if (bpf_map_lookup_elem(map, &key, &letter) == 0)
			fn(arg, &key, &letter);
	}
	return 0;
}

int bpf_source_letter(struct bpf_source *source, const struct obit_key *key,
		      struct obit_letter *ret)
{
	return bpf_map_lookup_elem(source->maps[MAP_PROCESSES], key, ret) < 0 ? -ENOENT : 0;
}

int bpf_source_signal(struct bpf_source *source, const struct obit_key *key, __u32 number,
		      struct obit_signal *ret)
{
	struct obit_signal_key signal = {.process = *key, .number = number};
	struct obit_signal reserve;
	bool has = bpf_map_lookup_elem(source->maps[MAP_SIGNALS], &signal, ret) == 0;

	if (bpf_map_lookup_elem(source->maps[MAP_SIGNALS_RESERVE], &signal, &reserve) < 0 ||
	    (has && reserve.time < ret->time))
		return has ? 0 : -ENOENT;
	*ret = reserve;
	return 0;
}

static void forget_signal(struct bpf_source *source, const struct obit_signal_key *key)
{
	bpf_map_delete_elem(source->maps[MAP_SIGNALS], key);
	bpf_map_delete_elem(source->maps[MAP_SIGNALS_RESERVE], key);
}

static void forget_signals(struct bpf_source *source, const struct obit_key *key,
			   const struct obit_letter *letter)
{
	struct obit_signal_key signal = {.process = *key};

	for (__u32 i = 0; (letter->signals | letter->own_signals) && i < OBIT_SIGNALS; i++) {
		signal.number = i + 1;
		if (letter->signals & 1ULL << i)
			forget_signal(source, &signal);
		signal.number += OBIT_SIGNAL_OWN;
		if (letter->own_signals & 1ULL << i)
			forget_signal(source, &signal);
	}
}

static void sweep(struct bpf_source *source, int map)
{
	struct obit_signal_key key, next;
	struct obit_letter letter;
	bool more = bpf_map_get_next_key(map, NULL, &next) == 0;

	while (more) {
		key = next;
		more = bpf_map_get_next_key(map, &key, &next) == 0;
		if (bpf_source_letter(source, &key.process, &letter) < 0)
			bpf_map_delete_elem(map, &key);
	}
}

void bpf_source_sweep_signals(struct bpf_source *source)
{
	sweep(source, source->maps[MAP_SIGNALS]);
	sweep(source, source->maps[MAP_SIGNALS_RESERVE]);
}

void bpf_source_forget(struct bpf_source *source, const struct obit_key *key)
{
	__u32 *slot = &source->slots->letters[key->tgid % OBIT_SLOTS];
	struct obit_letter letter;

	if (bpf_source_letter(source, key, &letter) == 0)
		forget_signals(source, key, &letter);
	if (bpf_map_delete_elem(source->maps[MAP_PROCESSES], key) == 0)
		__atomic_fetch_sub(slot, 1, __ATOMIC_RELEASE);
	bpf_map_delete_elem(source->maps[MAP_MEMBERS], key);
}

void bpf_source_forget_unchanged(struct bpf_source *source, const struct obit_key *key,
				 const struct obit_letter *as_known)
{
	struct obit_letter now;

	if (bpf_source_letter(source, key, &now) == 0 &&
	    now.exec_sequence == as_known->exec_sequence)
		bpf_source_forget(source, key);
}

void bpf_source_restore(struct bpf_source *source, const struct obit_key *key,
			const struct obit_letter *letter)
{
	__u32 *slot = &source->slots->letters[key->tgid % OBIT_SLOTS];

	__atomic_fetch_add(slot, 1, __ATOMIC_ACQUIRE);
	if (bpf_map_update_elem(source->maps[MAP_PROCESSES], key, letter, BPF_NOEXIST) < 0)
		__atomic_fetch_sub(slot, 1, __ATOMIC_RELEASE);
}

/* ---- what the next daemon is to know ---- */

int bpf_source_set_member(struct bpf_source *source, const struct obit_key *key,
			  const struct obit_member *member)
{
	return bpf_map_update_elem(source->maps[MAP_MEMBERS], key, member, BPF_ANY) < 0 ? -errno
											: 0;
}

void bpf_source_drop_member(struct bpf_source *source, const struct obit_key *key)
{
	bpf_map_delete_elem(source->maps[MAP_MEMBERS], key);
}

void bpf_source_members(struct bpf_source *source, bpf_source_member_fn *fn, void *arg)
{
	int map = source->maps[MAP_MEMBERS];
	struct obit_key key, next;
	struct obit_member member;
	bool more = bpf_map_get_next_key(map, NULL, &next) == 0;

	while (more) {
		key = next;
		more = bpf_map_get_next_key(map, &key, &next) == 0;
		if (bpf_map_lookup_elem(map, &key, &member) == 0)
			fn(arg, &key, &member);
	}
}

int bpf_source_put_state(struct bpf_source *source, const struct obit_state_key *key,
			 const void *bytes, size_t size)
{
	struct obit_state state = {0};

	if (size > sizeof(state.bytes))
		return -E2BIG;
	memcpy(state.bytes, bytes, size);
	return bpf_map_update_elem(source->maps[MAP_STATE], key, &state, BPF_ANY) < 0 ? -errno : 0;
}

int bpf_source_state(struct bpf_source *source, const struct obit_state_key *key,
		     struct obit_state *ret)
{
	return bpf_map_lookup_elem(source->maps[MAP_STATE], key, ret) < 0 ? -errno : 0;
}

void bpf_source_drop_state(struct bpf_source *source, const struct obit_state_key *key)
{
	bpf_map_delete_elem(source->maps[MAP_STATE], key);
}

void bpf_source_states(struct bpf_source *source, bpf_source_state_fn *fn, void *arg)
{
	int map = source->maps[MAP_STATE];
	struct obit_state_key key, next;
	bool more = bpf_map_get_next_key(map, NULL, &next) == 0;

	while (more) {
		key = next;
		more = bpf_map_get_next_key(map, &key, &next) == 0;
		fn(arg, &key);
	}
}

/* ---- what others may see of the watches ---- */

static struct obit_watch_key watch_key(const char *name)
{
	struct obit_watch_key key = {0};

	strncpy(key.name, name, sizeof(key.name) - 1);
	return key;
}

int bpf_source_put_watch(struct bpf_source *source, const char *name,
			 const struct obit_watch *watch)
{
	struct obit_watch_key key = watch_key(name);

	return bpf_map_update_elem(source->maps[MAP_WATCHES], &key, watch, BPF_ANY) < 0 ? -errno
											: 0;
}

int bpf_source_watch(struct bpf_source *source, const char *name, struct obit_watch *ret)
{
	struct obit_watch_key key = watch_key(name);

	return bpf_map_lookup_elem(source->maps[MAP_WATCHES], &key, ret) < 0 ? -errno : 0;
}

void bpf_source_keep_watches(struct bpf_source *source, bpf_source_is_watch_fn *fn, void *arg)
{
	int map = source->maps[MAP_WATCHES];
	struct obit_watch_key key, next;
	bool more = bpf_map_get_next_key(map, NULL, &next) == 0;

	while (more) {
		key = next;
		more = bpf_map_get_next_key(map, &key, &next) == 0;
		key.name[sizeof(key.name) - 1] = '\0';
		if (!fn(arg, key.name))
			bpf_map_delete_elem(map, &key);
	}
}
