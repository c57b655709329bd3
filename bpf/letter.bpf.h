/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Births and deaths of tracked processes. */
#ifndef OBIT_LETTER_BPF_H
#define OBIT_LETTER_BPF_H

#define SIGNAL_GROUP_EXIT 0x4 /* include/linux/sched/signal.h, unchanged since 5.10 at least */
#define SIGKILL		  9
#define EEXIST		  17
#define CORE_FLAG	  0x80	       /* of a wait status */
#define EXITS_FULL	  (128 * 1024) /* bytes unread in the ring `exits` that end the daemon's sleep */
#define LANDLOCK_AT_MOST  128	       /* bytes of what the security modules keep of credentials */

/* Pointers are read, here and below, and not followed: for each that is the verifier looks through the names of all types
 * of the kernel, more than once. It was most of the time that obitd took to start. */
static __always_inline void key_of(struct task_struct *task, struct obit_key *ret)
{
	ret->tgid = BPF_CORE_READ(task, tgid);
	ret->pad = 0;
	ret->start_boottime = BPF_CORE_READ(task, group_leader, start_boottime);
}

static __always_inline __u32 *slot_of(__u32 tgid)
{
	__u32 zero = 0;
	struct obit_slots *all = bpf_map_lookup_elem(&slots, &zero);

	return all ? &all->letters[tgid & (OBIT_SLOTS - 1)] : NULL;
}

/* The letter of the task's process, and its key; NULL for most, and then at once. */
static __always_inline struct obit_letter *find_letter(struct task_struct *task,
						       struct obit_key *ret_key)
{
	__u32 *slot = slot_of(task->tgid);

	if (slot && !*slot)
		return NULL;
	key_of(task, ret_key);
	return bpf_map_lookup_elem(&processes, ret_key);
}

static __always_inline void delete_letter(const struct obit_key *key)
{
	__u32 *slot = slot_of(key->tgid);

	if (bpf_map_delete_elem(&processes, key) == 0 && slot)
		__sync_fetch_and_add(slot, -1);
}

static __always_inline bool is_offspring(const struct obit_key *key)
{
	struct obit_member *member = bpf_map_lookup_elem(&members, key);

	return member && member->flags & OBIT_MEMBER_OFFSPRING;
}

static __always_inline __u64 launch_number(void)
{
	__u32 zero = 0;
	__u64 *number = bpf_map_lookup_elem(&launch, &zero);

	return number ? *number : 0;
}

static __always_inline void mark_cgroup(struct obit_letter *letter, struct task_struct *task)
{
	struct obit_cgroup cgroup;

	cgroup_key(cgroup_of(task), &cgroup);
	letter->cgroup_id = cgroup.id;
	letter->cgroup_hierarchy = cgroup.hierarchy;
}

/* Makes the letter of a process that is born for obit now; a process that has one keeps it. Returns
 * it, or NULL where the map is full (counted). What a hook has come by is no longer the scan's alone: adopt() it. */
static __always_inline struct obit_letter *make_letter(struct task_struct *task,
						       const struct obit_key *key,
						       const struct obit_key *parent, __u32 flags,
						       __u32 prefix)
{
	struct obit_letter letter = {};
	__u32 *slot = slot_of(key->tgid);

	if (!slot)
		return NULL;
	letter.parent = *parent;
	letter.birth_sequence = next_sequence();
	letter.birth_time = bpf_ktime_get_boot_ns();
	letter.flags = flags;
	letter.prefix = prefix;
	letter.uid = BPF_CORE_READ(task, cred, euid.val);
	/* It has been sent a SIGKILL already, and nobody saw by whom. */
	letter.signal_lost = !!(BPF_CORE_READ(task, signal, flags) & SIGNAL_GROUP_EXIT);
	mark_cgroup(&letter, task);
	__sync_fetch_and_add(slot, 1);
	if (bpf_map_update_elem(&processes, key, &letter, BPF_NOEXIST))
		__sync_fetch_and_add(slot, -1);
	else
		COUNT(tracked);
	return bpf_map_lookup_elem(&processes, key);
}

/* Only the scan deletes letters, and only its own. */
static __always_inline void adopt(struct obit_letter *letter, __u32 flags)
{
	letter->flags = (letter->flags & ~OBIT_LETTER_SCANNED) | flags;
}

static __always_inline __u64 security_word(const struct cred *cred, __u32 at)
{
	__u64 word = 0;

	if (bpf_core_field_exists(cred->security))
		bpf_probe_read_kernel(&word, sizeof(word), BPF_CORE_READ(cred, security) + at);
	return word;
}

/* The kernel tells nobody who is in a Landlock domain. Where that stands among what the security modules keep of
 * credentials is in a variable of the kernel whose address not every kernel shows; but a process that has just gone into
 * its first domain has a pointer to it where the daemon has none. */
VERIFIED_ONCE int learn_landlock(__u64 confined)
{
	const struct cred *cred = (void *)confined;
	struct task_struct *own = (void *)bpf_get_current_task();
	struct landlock_ruleset *domain;

	for (__u32 at = 0; at < LANDLOCK_AT_MOST; at += sizeof(__u64)) {
		if (security_word(BPF_CORE_READ(own, cred), at))
			continue;
		domain = (void *)security_word(cred, at);
		if (domain && bpf_core_field_exists(domain->num_layers) &&
		    BPF_CORE_READ(domain, num_layers) == 1) {
			landlock_at = at + 1;
			return 1;
		}
	}
	return 0;
}

static __always_inline __u32 landlock_flag(struct task_struct *task)
{
	const struct cred *cred = BPF_CORE_READ(task, cred);

	return landlock_at && security_word(cred, landlock_at - 1) ? OBIT_LETTER_LANDLOCK : 0;
}

static __always_inline void mark_exec(struct obit_letter *letter, struct task_struct *task,
				      struct linux_binprm *bprm, bool candidate, __u32 prefix)
{
	adopt(letter, 0);
	letter->flags = candidate ? letter->flags | OBIT_LETTER_CANDIDATE
				  : letter->flags & ~OBIT_LETTER_CANDIDATE;
	if (is_hosts(task, BPF_CORE_READ(bprm, file, f_path.mnt)))
		letter->flags |= OBIT_LETTER_HOST;
	else
		letter->flags &= ~OBIT_LETTER_HOST;
	letter->flags = (letter->flags & ~OBIT_LETTER_LANDLOCK) | landlock_flag(task);
	if (prefix)
		letter->prefix = prefix;
	letter->uid = BPF_CORE_READ(task, cred, euid.val);
	mark_cgroup(letter, task);
	letter->exec_time = bpf_ktime_get_boot_ns();
	letter->exec_sequence = next_sequence();
	COUNT(execs);
}

static __always_inline void ring_letter(__u16 type, const struct obit_key *key,
					const struct obit_letter *letter, __u64 wakeup)
{
	struct obit_letter_record *record;

	record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
	if (!record) {
		COUNT(ring_lost);
		/* The daemon may have read all in between, and gone to sleep: then this is what wakes it. */
		record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
	}
	if (!record)
		return;
	init_record(&record->header, type, sizeof(*record), key);
	bpf_probe_read_kernel(&record->letter, sizeof(record->letter), letter);
	bpf_ringbuf_submit(record, wakeup);
}

/* The wait status as wait_task_zombie() computes it (kernel/exit.c), for a thread group that is dead.
 * Since 6.0 the flag is always set by then; before, a process that simply exits has it in the
 * leader's exit_code. The core flag lives in group_exit_code alone. */
static __always_inline __u32 wait_status_of(struct task_struct *task)
{
	struct signal_struct *signal = task->signal;

	if (signal->flags & SIGNAL_GROUP_EXIT)
		return signal->group_exit_code;
	return task->group_leader->exit_code;
}

static __always_inline __u32 exit_flags_of(struct task_struct *task, __u32 wait_status)
{
	struct signal_struct *signal = task->signal;
	struct task_struct *parent = task->group_leader->real_parent;
	struct signal_struct *parents = parent->signal;
	__u32 flags = 0;

	if (signal->oom_mm && (wait_status & 0x7f) == SIGKILL)
		flags |= OBIT_EXIT_OOM;
	if (signal->tty)
		flags |= OBIT_EXIT_HAD_TTY;
	if (signal->leader)
		flags |= OBIT_EXIT_SESSION_LEADER;
	if (parent->tgid == 1 || BPF_CORE_READ_BITFIELD(parents, is_child_subreaper))
		flags |= OBIT_EXIT_ORPHAN;
	return flags;
}

static __always_inline __u32 number_in(struct pid *pid, __u32 level)
{
	__u32 number = 0;

	bpf_probe_read_kernel(&number, sizeof(number),
			      (void *)pid + bpf_core_field_offset(pid->numbers) +
				      level * bpf_core_type_size(struct upid));
	return number;
}

/* Those that are looked at, of threads that have ended and are still there. */
#define LATE_THREADS_MAX 16

/* What each thread has used goes into the sums when it is released (__exit_signal() in kernel/exit.c). At the end of the last
 * one another may be on its way there, or be kept by a tracer. */
static __always_inline void add_late_threads(struct obit_exit *exit, struct task_struct *last)
{
	__u64 head = (__u64)last->signal + bpf_core_field_offset(last->signal->thread_head);
	__u64 at = 0, task;

	bpf_probe_read_kernel(&at, sizeof(at), (void *)head);
	for (int i = 0; i < LATE_THREADS_MAX && at && at != head; i++) {
		task = at - bpf_core_field_offset(last->thread_node);
		if (task != (__u64)last) {
			struct task_struct *late = (void *)task;

			exit->cpu_ns += BPF_CORE_READ(late, se.sum_exec_runtime);
			exit->minor_faults += BPF_CORE_READ(late, min_flt);
			exit->major_faults += BPF_CORE_READ(late, maj_flt);
		}
		bpf_probe_read_kernel(&at, sizeof(at), (void *)at);
	}
}

/* signal_struct holds the sums of the threads that are gone; this thread, a leader that waits as a zombie, and others that are
 * not released yet are added. Its pointers are followed, whatever that costs the verifier: it runs at every exit of the host
 * while somebody wants to hear of all, and to read each field by a call took as long again. */
static __always_inline void fill_death(struct obit_unwatched_record *death,
				       struct task_struct *task)
{
	struct signal_struct *signal = task->signal;
	struct task_struct *leader = task->group_leader;
	struct obit_key key = {.tgid = task->tgid, .start_boottime = leader->start_boottime};
	struct obit_exit *exit = &death->exit;
	struct pid *pid = leader->thread_pid;
	__u32 level = pid->level;

	init_record(&death->header, OBIT_RECORD_UNWATCHED, sizeof(*death), &key);
	exit->sequence = 0;
	exit->time = bpf_ktime_get_boot_ns();
	exit->ppid = leader->real_parent->tgid;
	exit->uid = task->cred->uid.val;
	exit->gid = task->cred->gid.val;
	exit->cpu_ns = signal->sum_sched_runtime + task->se.sum_exec_runtime;
	exit->minor_faults = signal->min_flt + task->min_flt;
	exit->major_faults = signal->maj_flt + task->maj_flt;
	exit->max_rss_pages = signal->maxrss;
	bpf_probe_read_kernel(exit->comm, sizeof(exit->comm), leader->comm);
	bpf_probe_read_kernel(exit->parent_comm, sizeof(exit->parent_comm),
			      leader->real_parent->comm);
	exit->ns_pid = level ? number_in(pid, level) : 0;
	if (signal->nr_threads > 1)
		add_late_threads(exit, task);
	exit->wait_status = wait_status_of(task);
	exit->flags = exit_flags_of(task, exit->wait_status);
}

/* What the letter has no room for: where it was, if it has moved since its exec, and where its core dump may
 * be. Told before the death is. */
static __always_inline void send_last_texts(struct task_struct *task, const struct obit_key *key,
					    struct obit_letter *letter)
{
	struct scratch *s = get_scratch(SCRATCH_EXIT);
	struct cgroup *cgroup = cgroup_of(task);
	struct fs_struct *fs = BPF_CORE_READ(task, fs);
	struct obit_cgroup now;

	if (!s)
		return;
	cgroup_key(cgroup, &now);
	begin_texts(s, key, 0);
	if (now.id != letter->cgroup_id || now.hierarchy != letter->cgroup_hierarchy) {
		letter->exit.flags |= OBIT_EXIT_MOVED;
		walk_cgroup(SCRATCH_EXIT, (__u64)BPF_CORE_READ(cgroup, kn));
		send_walked(SCRATCH_EXIT, OBIT_TEXT_CGROUP);
	}
	if (letter->exit.wait_status & CORE_FLAG && fs) {
		walk_file(SCRATCH_EXIT, &fs->pwd);
		send_walked(SCRATCH_EXIT, OBIT_TEXT_CWD);
	}
}

/* Nobody acts on it: the daemon looks from time to time, and is woken when the ring fills; once, not by each that
 * comes until it has looked: a wake-up costs tens of times what a record does. */
static __always_inline __u64 exits_wakeup(void)
{
	__u64 over = bpf_ringbuf_query(&exits, BPF_RB_AVAIL_DATA) - EXITS_FULL;

	return over < 4 * sizeof(struct obit_unwatched_record) ? BPF_RB_FORCE_WAKEUP
							       : BPF_RB_NO_WAKEUP;
}

static __always_inline void tell_unwatched(const struct obit_unwatched_record *death)
{
	if (bpf_ringbuf_output(&exits, (void *)death, sizeof(*death), exits_wakeup()))
		COUNT(exits_lost);
}

#endif
