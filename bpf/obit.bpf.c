// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The hooks: each says where it looks; what it does is in the headers. All are tp_btf, since kprobes
 * and fentry are absent on some kernels that obit must run on. */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "abi.h"

/* Bytes of unread records in the ring that end the daemon's sleep. Set by the daemon. */
const volatile __u64 lazy_limit = 256 * 1024;

#include "maps.bpf.h"
#include "path.bpf.h"
#include "match.bpf.h"
#include "text.bpf.h"
#include "letter.bpf.h"
#include "signal.bpf.h"
#include "exec.bpf.h"
#include "thrice.bpf.h"

static __always_inline int on_fork(struct task_struct *parent, struct task_struct *child)
{
	struct obit_key parent_key, key;
	struct obit_letter *letter;
	__u32 flags = OBIT_LETTER_SPAWNED;

	if (child->tgid == parent->tgid)
		return 0; /* a thread */
	if ((__u32)parent->tgid == spawner_tgid) {
		key_of(parent, &parent_key);
	} else {
		letter = find_letter(parent, &parent_key);
		if (!letter || is_offspring(&parent_key))
			return 0;
		flags = letter->flags & OBIT_LETTER_HOST;
	}
	key_of(child, &key);
	letter = make_letter(child, &key, &parent_key, flags, 0);
	if (letter)
		adopt(letter, flags);
	if (letter && flags & OBIT_LETTER_SPAWNED)
		letter->launch = launch_number();
	if (letter)
		ring_letter(OBIT_RECORD_FORK, &key, letter, lazy_wakeup());
	else
		COUNT(untracked);
	return 0;
}

static __always_inline int on_exec(struct task_struct *task, struct linux_binprm *bprm)
{
	struct scratch *s = get_scratch(SCRATCH_EXEC);
	struct obit_key key, nobody = {};
	struct obit_letter *letter;
	bool candidate, tracked, winds = false;
	__u32 prefix;

	if (!s)
		return 0;
	letter = find_letter(task, &key);
	tracked = letter != NULL;
	walk_file(SCRATCH_EXEC, &BPF_CORE_READ(bprm, file)->f_path);
	prefix = walked_prefix(&path_prefixes, s);
	if (!prefix && watches_paths && is_script(bprm))
		prefix = script_prefix(s, task, bprm, &winds);
	candidate = prefix || winds || is_in_watched_cgroup(task);
	if (!tracked && !candidate)
		return 0;
	if (!letter) {
		key_of(task, &key);
		letter = make_letter(task, &key, &nobody, 0, 0);
	}
	if (!letter) {
		COUNT(untracked);
		return 0;
	}
	mark_exec(letter, task, bprm, candidate, prefix);
	/* What may begin an instance is told at once; other execs of members can wait. */
	send_exec(s, &key, letter, task, bprm, candidate ? BPF_RB_FORCE_WAKEUP : lazy_wakeup());
	/* The daemon may have deleted the letter meanwhile, for what the process was before this exec. One that was made
	 * above it can have deleted for this exec alone: it is rid of it by right. */
	if (tracked && !bpf_map_lookup_elem(&processes, &key)) {
		letter = make_letter(task, &key, &nobody, 0, 0);
		if (letter)
			mark_exec(letter, task, bprm, candidate, prefix);
	}
	return 0;
}

static __always_inline bool is_awaited(struct task_struct *task)
{
	struct obit_key key;

	return !(task->flags & PF_KTHREAD) && (tells_all || find_letter(task, &key));
}

/* Last: a letter with a number is complete. */
static __always_inline void tell_death(const struct obit_key *key, struct obit_letter *letter)
{
	letter->exit.sequence = next_sequence();
	COUNT(deaths);
	ring_letter(OBIT_RECORD_EXIT, key, letter, BPF_RB_FORCE_WAKEUP);
}

static __always_inline int on_death(struct task_struct *task)
{
	struct obit_unwatched_record death;
	const struct obit_key *key = &death.header.key;
	struct obit_letter *letter;

	if (tells_all)
		COUNT(exits);
	fill_death(&death, task);
	/* Looked up here, whatever was found before: so the verifier goes through the filling once. */
	letter = bpf_map_lookup_elem(&processes, key);
	if (!letter) {
		if (tells_all)
			tell_unwatched(&death);
		return 0;
	}
	letter->exit = death.exit;
	send_last_texts(task, key, letter);
	tell_death(key, letter);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(obit_fork, struct task_struct *parent, struct task_struct *child)
{
	return on_fork(parent, child);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(obit_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	return on_exec(task, bprm);
}

/* Kernels since 6.16 say which thread was the last one. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(obit_exit, struct task_struct *task, bool group_dead)
{
	return group_dead && is_awaited(task) ? on_death(task) : 0;
}

/* Before 6.16 two threads that end together can both see nobody left: one of them can claim the death. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(obit_exit_before_6_16, struct task_struct *task)
{
	struct obit_key key;
	__u32 one = 1;

	if (task->signal->live.counter != 0)
		return 0;
	key_of(task, &key);
	/* Any other failure is no claim of another: told twice is better than not at all. */
	if (bpf_map_update_elem(&claims, &key, &one, BPF_NOEXIST) == -EEXIST)
		return 0;
	return is_awaited(task) ? on_death(task) : 0;
}

/* ---- the same since 7.0, see thrice.bpf.h ---- */

static __noinline void exec_once(struct task_struct *task, struct linux_binprm *bprm, int nth)
{
	struct obit_key key;

	key_of(task, &key);
	if (is_first(THRICE_EXEC, key.tgid, key.start_boottime + task->self_exec_id, nth))
		on_exec(task, bprm);
}

static __noinline void exit_once(struct task_struct *task, int nth)
{
	struct obit_key key;

	if (!is_awaited(task))
		return;
	key_of(task, &key);
	if (is_first(THRICE_EXIT, key.tgid, key.start_boottime, nth))
		on_death(task);
}

THREE_PROGRAMS("sched_process_exec", obit_exec, exec_once(task, bprm, nth),
	       struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
THREE_PROGRAMS("sched_process_exit", obit_exit, group_dead ? exit_once(task, nth) : (void)0,
	       struct task_struct *task, bool group_dead)

/* By who forks, with interrupts off: nobody comes between. */
SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(obit_wakeup_new, struct task_struct *child)
{
	return on_fork(bpf_get_current_task_btf(), child);
}

/* The last that is heard of a process, when it is reaped, by a callback of RCU. Who has a letter and no death in it died
 * unseen. Where it was is not known any more. */
SEC("tp_btf/sched_process_free")
int BPF_PROG(obit_free, struct task_struct *task)
{
	struct obit_unwatched_record death;
	struct obit_letter *letter;
	struct obit_key key;

	if (task->pid != task->tgid)
		return 0;
	letter = find_letter(task, &key);
	if (!letter || letter->exit.sequence)
		return 0;
	fill_death(&death, task);
	letter->exit = death.exit;
	tell_death(&key, letter);
	return 0;
}

SEC("tp_btf/signal_generate")
int BPF_PROG(obit_signal, int number, struct kernel_siginfo *info, struct task_struct *task,
	     int group, int result)
{
	struct obit_letter *letter;
	struct obit_key key;

	if (result != TRACE_SIGNAL_DELIVERED && result != TRACE_SIGNAL_LOSE_INFO)
		return 0;
	letter = find_letter(task, &key);
	if (letter && may_end(number))
		remember_signal(number, address_of(info), task, &key, letter);
	return 0;
}

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(obit_cgroup_mkdir, struct cgroup *cgroup, const char *path)
{
	struct scratch *s = get_scratch(SCRATCH_CGROUP);
	struct obit_cgroup key;
	__u32 one = 1;

	if (!s || !watches_cgroups || !string_prefix(&cgroup_prefixes, s, path))
		return 0;
	cgroup_key(cgroup, &key);
	if (bpf_map_update_elem(&cgroups, &key, &one, BPF_ANY))
		COUNT(cgroup_lost);
	return 0;
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(obit_cgroup_rmdir, struct cgroup *cgroup, const char *path)
{
	struct obit_cgroup key;

	if (!watches_cgroups)
		return 0;
	cgroup_key(cgroup, &key);
	bpf_map_delete_elem(&cgroups, &key);
	return 0;
}

/* A process that migrates into a watched cgroup is born for obit there. One that has a letter may belong to nobody any
 * more, as the daemon knows. */
SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(obit_cgroup_attach, struct cgroup *cgroup, const char *path, struct task_struct *task,
	     bool threadgroup)
{
	struct obit_key key, nobody = {};
	struct obit_letter *letter;
	__u32 flags = OBIT_LETTER_CANDIDATE | OBIT_LETTER_MOVED;

	if (!watches_cgroups || !is_watched_cgroup(address_of(cgroup)))
		return 0;
	letter = find_letter(task, &key);
	if (letter && letter->flags & OBIT_LETTER_SPAWNED)
		return 0; /* that is its place */
	if (BPF_CORE_READ(task, mm) &&
	    is_hosts(task, BPF_CORE_READ(task, mm, exe_file, f_path.mnt)))
		flags |= OBIT_LETTER_HOST;
	flags |= landlock_flag(task);
	if (letter) {
		letter->flags &= ~OBIT_LETTER_HOST;
		adopt(letter, flags);
	} else {
		key_of(task, &key);
		letter = make_letter(task, &key, &nobody, flags, 0);
	}
	if (letter)
		ring_letter(OBIT_RECORD_MOVE, &key, letter, BPF_RB_FORCE_WAKEUP);
	else
		COUNT(untracked);
	return 0;
}

/* Read by the daemon until a pass adds nothing: what ran before the hooks were there. */
SEC("iter/task")
int obit_scan(struct bpf_iter__task *ctx)
{
	struct scratch *s = get_scratch(SCRATCH_SCAN);
	struct task_struct *task = ctx->task;
	struct obit_key key, parent_key;
	struct obit_letter *letter;
	struct file *file;
	__u32 flags = OBIT_LETTER_CANDIDATE | OBIT_LETTER_SCANNED, prefix;

	if (!task || !s || !BPF_CORE_READ(task, mm))
		return 0; /* a kernel thread or a zombie */
	if (confined_tgid) {
		if ((__u32)task->tgid == confined_tgid)
			learn_landlock((__u64)BPF_CORE_READ(task, cred));
		return 0;
	}
	if (task->pid == 1)
		read_namespaces(task, init_namespaces);
	file = BPF_CORE_READ(task, mm, exe_file);
	if (!file)
		return 0;
	if (find_letter(task, &key))
		return 0;
	key_of(task, &key);
	walk_file(SCRATCH_SCAN, &file->f_path);
	prefix = walked_prefix(&path_prefixes, s);
	if (!prefix && !is_in_watched_cgroup(task))
		return 0;
	key_of(BPF_CORE_READ(task, group_leader, real_parent), &parent_key);
	if (is_hosts(task, BPF_CORE_READ(file, f_path.mnt)))
		flags |= OBIT_LETTER_HOST;
	letter = make_letter(task, &key, &parent_key, flags | landlock_flag(task), prefix);
	if (!letter) {
		COUNT(untracked);
		return 0;
	}
	if (!(letter->flags & OBIT_LETTER_SCANNED))
		return 0; /* a hook was faster */
	COUNT(scanned);
	/* The exit hook looks for the letter after the last thread was counted out: who is not counted
	 * out yet will write it. Who is may not have seen it, and must not leave one for ever; unless another hook has come
	 * by it meanwhile, as that of its fork, which knows that it is somebody's child. */
	if (BPF_CORE_READ(task, signal, live.counter) == 0 && letter->flags & OBIT_LETTER_SCANNED &&
	    !letter->exit.sequence)
		delete_letter(&key);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
