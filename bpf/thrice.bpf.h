/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Since Linux 7.0 the programs of a tracepoint can be preempted (__DECLARE_TRACE() in include/linux/tracepoint.h), and a
 * program does not run for who comes by on a CPU where it is at work already (__bpf_trace_run() in
 * kernel/trace/bpf_trace.c, recursion_misses): his exec or death would be lost. So there are three programs for each, and
 * the first that comes by does the work. Who is preempted is so mostly at bpf_preempt_enable(), when the work is done, and
 * where many die at once he may have to wait for all of them: what none of the three was run for is told when the process
 * is reaped (obit_free). A birth is told by a hook that the kernel calls with interrupts off.
 * Who is at work keeps the CPU, since all share the working memory of that CPU. */
#ifndef OBIT_THRICE_BPF_H
#define OBIT_THRICE_BPF_H

/* Since 6.10. */
extern void bpf_preempt_disable(void) __weak __ksym;
extern void bpf_preempt_enable(void) __weak __ksym;

enum thrice_kind { THRICE_EXEC, THRICE_EXIT, THRICE_KINDS };

#define MARKS 4096 /* of each kind, by tgid */

struct obit_marks {
	__u64 of[THRICE_KINDS][MARKS];
};

/* Made only where the programs are. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct obit_marks);
} marks SEC(".maps");

__u64 narrow; /* events that only the third program was run for: there may have been one that none was */

/* False where another program has seen that event. `event` is another number for each event of a kind and a tgid. A
 * mark is lost where somebody else of the same place comes by between two of the three: then the event is told again. */
static __always_inline bool is_first(enum thrice_kind kind, __u32 tgid, __u64 event, int nth)
{
	__u32 zero = 0;
	struct obit_marks *all = bpf_map_lookup_elem(&marks, &zero);
	__u64 *mark;

	if (!all)
		return true;
	mark = &all->of[kind][tgid & (MARKS - 1)];
	if (*mark == event)
		return false;
	*mark = event;
	if (nth == 3)
		__sync_fetch_and_add(&narrow, 1);
	return true;
}

#define THREE_PROGRAMS(hook, name, once, parameters...)                                            \
	ONE_PROGRAM(hook, name##_first, 1, once, parameters)                                       \
	ONE_PROGRAM(hook, name##_second, 2, once, parameters)                                      \
	ONE_PROGRAM(hook, name##_third, 3, once, parameters)

#define ONE_PROGRAM(hook, name, number, once, parameters...)                                       \
	SEC("tp_btf/" hook)                                                                        \
	int BPF_PROG(name, parameters)                                                             \
	{                                                                                          \
		const int nth = number;                                                            \
		bpf_preempt_disable();                                                             \
		once;                                                                              \
		bpf_preempt_enable();                                                              \
		return 0;                                                                          \
	}

#endif
