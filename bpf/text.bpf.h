/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Paths and other text on their way to user space. */
#ifndef OBIT_TEXT_BPF_H
#define OBIT_TEXT_BPF_H

/* A record that nobody is in a hurry for wakes the daemon only when the ring fills. */
static __always_inline __u64 lazy_wakeup(void)
{
	if (bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > lazy_limit)
		return BPF_RB_FORCE_WAKEUP;
	return BPF_RB_NO_WAKEUP;
}

static __always_inline void send_text(struct scratch *s, __u32 offset, __u32 length)
{
	__u64 size = length;

	/* The very register that is passed must be the one that is checked: older verifiers know of no other. */
	asm volatile("" : "+r"(size));
	if (size > OBIT_TEXT_CHUNK)
		return;
	size += __builtin_offsetof(struct obit_text_record, data);
	s->text.offset = offset;
	s->text.length = length;
	s->text.header.size = size;
	if (bpf_ringbuf_output(&events, &s->text, size, lazy_wakeup())) {
		COUNT(ring_lost);
		s->exec.flags |= OBIT_EXEC_TEXT_LOST;
	}
}

/* What follows in this scratch is about this exec of that process, or its death (0). */
static __always_inline void begin_texts(struct scratch *s, const struct obit_key *key,
					__u64 exec_sequence)
{
	init_record(&s->text.header, OBIT_RECORD_TEXT, 0, key);
	s->text.exec_sequence = exec_sequence;
	s->text.pad = 0;
}

VERIFIED_ONCE int send_walked(__u32 slot, __u32 kind)
{
	struct scratch *s = get_scratch(slot);
	__u32 start, length;

	if (!s)
		return 0;
	start = s->start;
	length = OBIT_PATH_MAX - start;
	if (s->walk_flags & WALK_CUT) {
		s->exec.flags |= OBIT_EXEC_PATH_CUT;
		COUNT(path_cut);
	}
	if (length > OBIT_PATH_MAX)
		return 0;
	s->text.kind = kind;
	bpf_probe_read_kernel(s->text.data, length, &s->path[start & (OBIT_PATH_MAX - 1)]);
	send_text(s, 0, length);
	return 0;
}

#endif
