/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who sends tracked processes what may end them. */
#ifndef OBIT_SIGNAL_BPF_H
#define OBIT_SIGNAL_BPF_H

/* include/trace/events/signal.h: what became of a signal. */
#define TRACE_SIGNAL_DELIVERED 0
#define TRACE_SIGNAL_LOSE_INFO 4

/* include/linux/sched.h and sched/signal.h */
#define PF_EXITING	0x00000004
#define PF_KTHREAD	0x00200000
#define SEND_SIG_NOINFO 0UL
#define SEND_SIG_PRIV	1UL

#define SIGSYS	   31
#define SI_TIMER   (-2)
#define RLIMIT_CPU 0
#define NO_LIMIT   (~0UL)

#define CHARGE_PAGES 1024 /* a charge that fails is at most that large: a huge page and a batch */

/* A kernel stack is at least that large; what lies there was made by a call of the process that runs. */
#define STACK_BYTES 16384

#define BIT(number) (1ULL << ((number)-1))
/* Signals whose default is to do nothing, to stop or to continue (signal(7)): they end nobody. The numbers
 * are those of x86 and arm64. */
#define HARMLESS                                                                                   \
	(BIT(17) /* CHLD */ | BIT(18) /* CONT */ | BIT(19) /* STOP */ | BIT(20) /* TSTP */ |       \
	 BIT(21) /* TTIN */ | BIT(22) /* TTOU */ | BIT(23) /* URG */ | BIT(28) /* WINCH */)

/* siginfo_t of 64-bit machines. The layout is user space's, too, and cannot change. */
struct siginfo {
	__s32 number;
	__s32 error;
	__s32 code;
	__s32 pad;
	__u64 address;
	__s32 syscall;
};

static __always_inline bool may_end(int number)
{
	return number >= 1 && number <= 64 && !(BIT(number) & HARMLESS);
}

static __always_inline __u32 origin_of(__u64 info, int code, struct task_struct *sender)
{
	__u64 offset = info - (__u64)BPF_CORE_READ(sender, stack);

	if (info == SEND_SIG_PRIV)
		return OBIT_SIGNAL_KERNEL;
	if (info == SEND_SIG_NOINFO)
		return OBIT_SIGNAL_BARE;
	/* Whoever queues a signal may write any negative code, also a timer's. But what a timer sends is not on
	 * the stack; for the others nothing depends on how large that is. */
	if (code > 0 || (code == SI_TIMER && offset >= STACK_BYTES))
		return OBIT_SIGNAL_KERNEL;
	return OBIT_SIGNAL_CALLED;
}

static __always_inline void fill_sender_path(struct scratch *s, struct obit_signal *signal)
{
	long size = bpf_probe_read_kernel_str(signal->path, sizeof(signal->path),
					      &s->path[s->start & (OBIT_PATH_MAX - 1)]);

	if (size >= (long)sizeof(signal->path) || s->walk_flags & WALK_CUT)
		signal->flags |= OBIT_SIGNAL_PATH_CUT;
}

static __always_inline void fill_sender(struct obit_signal *signal, struct task_struct *sender)
{
	struct task_struct *leader = BPF_CORE_READ(sender, group_leader);
	struct pid *pid = BPF_CORE_READ(leader, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);
	__u32 flags = BPF_CORE_READ(sender, flags);
	/* A thread that exits has none any more, but its process may live on. */
	struct mm_struct *mm = BPF_CORE_READ(sender, mm) ?: BPF_CORE_READ(leader, mm);
	struct file *file = BPF_CORE_READ(mm, exe_file);
	struct scratch *s = get_scratch(SCRATCH_SIGNAL);

	signal->sender.tgid = BPF_CORE_READ(sender, tgid);
	signal->sender.pad = 0;
	signal->sender.start_boottime = BPF_CORE_READ(leader, start_boottime);
	signal->uid = BPF_CORE_READ(sender, cred, uid.val);
	bpf_core_read(signal->comm, sizeof(signal->comm), &leader->comm);
	if (flags & PF_EXITING)
		signal->flags |= OBIT_SIGNAL_SENDER_EXITING;
	if (flags & PF_KTHREAD)
		signal->flags |= OBIT_SIGNAL_SENDER_KTHREAD;
	if (level > 0 && number_in(pid, level) == 1)
		signal->flags |= OBIT_SIGNAL_SENDER_INIT;
	signal->path[0] = '\0';
	if (!file || !s)
		return;
	walk_file(SCRATCH_SIGNAL, &file->f_path);
	fill_sender_path(s, signal);
}

enum oom_signs {
	OOM_LOCKED = 1 << 0,
	OOM_AT_LIMIT = 1 << 1,
};

VERIFIED_ONCE int oom_signs_of(__u64 css)
{
	struct mem_cgroup *memory = (void *)css;
	int signs = 0;

	if (!bpf_core_field_exists(memory->oom_lock))
		return 0;
	if (BPF_CORE_READ(memory, oom_lock))
		signs |= OOM_LOCKED;
	if ((__u64)BPF_CORE_READ(memory, memory.usage.counter) + CHARGE_PAGES >=
	    BPF_CORE_READ(memory, memory.max))
		signs |= OOM_AT_LIMIT;
	return signs;
}

/* An out-of-memory kill is sent while the cgroup whose limit is handled, and all below it, are locked for that
 * (mm/memcontrol.c mem_cgroup_oom()): of those above the victim, the topmost that is. But only one
 * can lock what is below another: where none is locked and one is at its limit nothing is said, and neither where
 * the kernel has no such lock (cgroup v1 compiled out). */
static __always_inline void fill_oom(struct obit_signal *signal, struct task_struct *task)
{
	struct cgroup_subsys_state *css, *limiting = NULL;
	struct scratch *s = get_scratch(SCRATCH_SIGNAL);
	struct mem_cgroup *memory = NULL;
	struct css_set *set = BPF_CORE_READ(task, cgroups);
	int signs = 0;

	if (!s || !bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id) ||
	    !bpf_core_field_exists(memory->oom_lock))
		return;
	css = BPF_CORE_READ(
		set, subsys[bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id) & 15]);
	for (int i = 0; i < CGROUP_STEPS && css; i++) {
		int own = oom_signs_of((__u64)css);

		if (own & OOM_LOCKED)
			limiting = css;
		signs |= own;
		css = BPF_CORE_READ(css, parent);
	}
	if (!limiting) {
		if (!(signs & OOM_AT_LIMIT))
			signal->flags |= OBIT_SIGNAL_OOM_HOST;
		return;
	}
	memory = (void *)limiting;
	signal->flags |= OBIT_SIGNAL_OOM_CGROUP;
	signal->oom_limit_pages = BPF_CORE_READ(memory, memory.max);
	signal->oom_usage_pages = BPF_CORE_READ(memory, memory.usage.counter);
	walk_cgroup(SCRATCH_SIGNAL, (__u64)BPF_CORE_READ(limiting, cgroup, kn));
	fill_sender_path(s, signal);
}

#define GENERATIONS 8

/* The eldest of its tracked ancestors that are still known. */
static __always_inline struct obit_key root_of(struct obit_key key)
{
	for (int i = 0; i < GENERATIONS; i++) {
		struct obit_letter *letter = bpf_map_lookup_elem(&processes, &key);
		struct obit_key parent = {};

		if (letter)
			parent = letter->parent;
		if (!letter || !bpf_map_lookup_elem(&processes, &parent))
			break;
		key = parent;
	}
	return key;
}

/* By the time the target is dead the sender may be, too: whether it was one of the same service is seen now. */
static __always_inline bool is_kin(const struct obit_key *sender, const struct obit_key *target)
{
	struct obit_key one, other;

	if (!bpf_map_lookup_elem(&processes, sender) || is_offspring(sender))
		return false;
	one = root_of(*sender);
	other = root_of(*target);
	return one.tgid == other.tgid && one.start_boottime == other.start_boottime;
}

static __always_inline void fill_info(struct obit_signal *signal, __u64 info)
{
	struct siginfo copy = {};

	signal->address = 0;
	signal->syscall = 0;
	signal->code = 0;
	if (info == SEND_SIG_NOINFO || info == SEND_SIG_PRIV)
		return;
	bpf_probe_read_kernel(&copy, sizeof(copy), (void *)info);
	signal->code = copy.code;
	if (copy.code <= 0)
		return;
	signal->address = copy.address;
	if (signal->number == SIGSYS)
		signal->syscall = copy.syscall;
}

/* Under the target's siglock: nothing else writes these fields of its letter. */
static __always_inline void keep_signal(const struct obit_signal *signal,
					const struct obit_key *key, struct obit_letter *letter)
{
	struct obit_signal_key signal_key = {.process = *key, .number = signal->number};
	bool own = signal->sender.tgid == key->tgid;
	__u64 *known = own ? &letter->own_signals : &letter->signals;

	if (own)
		signal_key.number += OBIT_SIGNAL_OWN;
	if (bpf_map_update_elem(&signals, &signal_key, signal, BPF_ANY) == 0) {
		bpf_map_delete_elem(&signals_reserve, &signal_key);
	} else if (bpf_map_update_elem(&signals_reserve, &signal_key, signal, BPF_ANY)) {
		/* An earlier one of that number did not end it: its sender is not to be named. */
		bpf_map_delete_elem(&signals, &signal_key);
		bpf_map_delete_elem(&signals_reserve, &signal_key);
		*known &= ~BIT(signal->number);
		letter->signal_lost = 1;
		COUNT(signals_lost);
		return;
	}
	*known |= BIT(signal->number);
	COUNT(signals);
}

static __always_inline void remember_signal(int number, __u64 info, struct task_struct *target,
					    const struct obit_key *key, struct obit_letter *letter)
{
	struct task_struct *sender = (void *)bpf_get_current_task();
	struct scratch *s = get_scratch(SCRATCH_SIGNAL);
	struct obit_signal *signal;

	if (!s)
		return;
	signal = &s->signal;
	signal->time = bpf_ktime_get_boot_ns();
	signal->number = number;
	signal->oom_limit_pages = signal->oom_usage_pages = 0;
	signal->pad = 0;
	fill_info(signal, info);
	signal->flags = origin_of(info, signal->code, sender);
	if (BPF_CORE_READ(target, signal, rlim[RLIMIT_CPU].rlim_max) != NO_LIMIT)
		signal->flags |= OBIT_SIGNAL_CPU_LIMITED;
	if (BPF_CORE_READ(target, signal, nr_threads) > 1)
		signal->flags |= OBIT_SIGNAL_THREADED;
	fill_sender(signal, sender);
	if (is_kin(&signal->sender, key))
		signal->flags |= OBIT_SIGNAL_KIN;
	if (info == SEND_SIG_PRIV && number == SIGKILL)
		fill_oom(signal, target);
	keep_signal(signal, key, letter);
}

#endif
