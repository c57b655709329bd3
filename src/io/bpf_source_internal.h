/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the parts of the kernel side's user share: bpf_source (programs, rings, switches), bpf_source_pins (the pin directory),
 * bpf_source_maps (what the maps hold). Nobody else includes it. */
#ifndef OBIT_IO_BPF_SOURCE_INTERNAL_H
#define OBIT_IO_BPF_SOURCE_INTERNAL_H

#include <bpf/libbpf.h>

#include "io/bpf_source.h"

#define MAX_LINKS 12 /* see choose_programs(): most since Linux 7.0 */

enum map_index {
	MAP_PROCESSES,
	MAP_SLOTS,
	MAP_MEMBERS,
	MAP_STATE,
	MAP_PATH_PREFIXES,
	MAP_CGROUP_PREFIXES,
	MAP_CGROUPS,
	MAP_SIGNALS,
	MAP_SIGNALS_RESERVE,
	MAP_EVENTS,
	MAP_EXITS,
	MAP_STATS,
	MAP_SEQUENCE,
	MAP_WATCHES,
	_MAP_MAX
};

extern const char *const bpf_source_map_names[_MAP_MAX];

/* The skeleton is thrown away after attaching, for its memory: what is needed later is kept here. */
struct bpf_source {
	char *pin_dir;	/* owned */
	int pin_dir_fd; /* holds the lock of the directory */
	bool ephemeral;
	bool took_over;
	bool sees_signals;
	bool thrice; /* execs and deaths have three programs each */
	__u32 ring_bytes;
	int maps[_MAP_MAX];
	int links[MAX_LINKS];
	size_t link_count;
	int scan_link;
	int launch;			/* the map */
	struct obit_bpf__bss *switches; /* mapped */
	struct obit_slots *slots;	/* mapped */
	const struct obit_stats *stats; /* mapped */
	struct ring_buffer *ring;
	struct ring_buffer *exits; /* while somebody wants to hear of all */
	int budget;		   /* records left in this turn */
	bpf_source_record_fn *on_record;
	void *arg;
};

/* Writes the sentence, and returns r. */
int bpf_source_fail(char error[static BPF_SOURCE_ERROR_SIZE], int r, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- bpf_source_pins.c ---- */

/* Makes the directory if it is missing, and takes it for this daemon alone. 0, or -errno with a sentence. */
int bpf_source_lock_pins(struct bpf_source *source, char error[static BPF_SOURCE_ERROR_SIZE]);
/* Takes over the maps of an earlier daemon where they have the layout of this one, else clears the place. */
int bpf_source_prepare_pins(struct bpf_source *source, struct bpf_object *object);
/* What was taken over has its number, and is not to be without it for a moment: who is killed then would leave pins that
 * the next one throws away. */
int bpf_source_write_schema(const struct bpf_source *source);
/* The new link is there before the old one goes, and so is its pin: no death falls between them, also where this obitd is
 * killed just here. */
int bpf_source_pin_link(const struct bpf_source *source, int fd, const char *program);
/* What an earlier obitd has pinned for a program that this one does not have, or not on this kernel: it goes on running. */
void bpf_source_drop_other_links(const struct bpf_source *source, struct bpf_object *object);
/* Only what obit pinned there: its maps, its links, its schema number. */
void bpf_source_remove_pins(const struct bpf_source *source);

/* ---- bpf_source_maps.c ---- */

/* Replaces what a map of prefixes holds; what stays is never absent meanwhile. 0 or -errno. */
int bpf_source_set_prefixes(int map, const struct bpf_prefix *prefixes, size_t count);

#endif
