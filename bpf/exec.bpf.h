/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Everything needed to start a process again, taken at its exec: by its death /proc is empty, and by the
 * first look from user space a daemon may have overwritten its argv and dropped its uid. */
#ifndef OBIT_EXEC_BPF_H
#define OBIT_EXEC_BPF_H

#define PFA_NO_NEW_PRIVS   1 /* bit 0 of task->atomic_flags */
#define SECCOMP_FILTER	   2
#define NICE_0_STATIC_PRIO 120
#define SIG_IGN		   1

/* include/linux/sched/coredump.h: the bits after those of dumpable. */
#define MMF_DUMP_FILTER_SHIFT 2
#define MMF_DUMP_FILTER_MASK  0x1ff

/* A kernel that cannot make namespaces of a kind has none that differ. */
#define NAMESPACE_INODE(proxy, field)                                                              \
	({                                                                                         \
		__u32 inode_ = 0;                                                                  \
		if (bpf_core_field_exists((proxy)->field->ns.inum))                                \
			inode_ = BPF_CORE_READ(proxy, field, ns.inum);                             \
		inode_;                                                                            \
	})

static __always_inline void read_namespaces(struct task_struct *task, __u32 ret[OBIT_NAMESPACES])
{
	struct nsproxy *proxy = BPF_CORE_READ(task, nsproxy);

	ret[OBIT_NS_MNT] = NAMESPACE_INODE(proxy, mnt_ns);
	ret[OBIT_NS_NET] = NAMESPACE_INODE(proxy, net_ns);
	ret[OBIT_NS_IPC] = NAMESPACE_INODE(proxy, ipc_ns);
	ret[OBIT_NS_UTS] = NAMESPACE_INODE(proxy, uts_ns);
	ret[OBIT_NS_CGROUP] = NAMESPACE_INODE(proxy, cgroup_ns);
	ret[OBIT_NS_TIME] = NAMESPACE_INODE(proxy, time_ns);
}

static __always_inline __u32 other_namespaces(struct task_struct *task)
{
	__u32 its[OBIT_NAMESPACES], flags = 0;

	read_namespaces(task, its);
	for (int i = 0; i < OBIT_NAMESPACES; i++)
		if (its[i] != own_namespaces[i])
			flags |= OBIT_EXEC_OTHER_NS << i;
	return flags;
}

static __always_inline void send_path(__u32 kind, struct path *path)
{
	walk_file(SCRATCH_EXEC, path);
	send_walked(SCRATCH_EXEC, kind);
}

/* Returns the bytes that were sent. */
VERIFIED_ONCE int send_user_chunk(__u32 offset, __u64 from, __u64 left)
{
	__u32 length = left > OBIT_TEXT_CHUNK ? OBIT_TEXT_CHUNK : left;
	struct scratch *s = get_scratch(SCRATCH_EXEC);

	if (!s || length > OBIT_TEXT_CHUNK ||
	    bpf_probe_read_user(s->text.data, length, (void *)from))
		return 0;
	send_text(s, offset, length);
	return length;
}

/* As many chunks as one loop may have. Returns the bytes that were sent. */
VERIFIED_ONCE int send_user_chunks(__u32 offset, __u64 from, __u64 to)
{
	__u32 sent = 0;

	for (__u32 i = 0; i < OBIT_TEXT_CHUNKS && from < to; i++) {
		__u32 now = send_user_chunk(offset + sent, from, to - from);

		if (!now)
			break;
		from += now;
		sent += now;
	}
	return sent;
}

/* argv or env: [from, to) of the new program's memory, which exec has just written and faulted in. */
VERIFIED_ONCE int send_user_strings(__u32 kind, __u64 from, __u64 to)
{
	__u32 cut = kind == OBIT_TEXT_ARGV ? OBIT_EXEC_ARGS_CUT : OBIT_EXEC_ENV_CUT;
	struct scratch *s = get_scratch(SCRATCH_EXEC);
	__u64 most = recipe_max, sent = 0, bytes;

	if (!s || from >= to)
		return 0;
	bytes = to - from;
	if (bytes > most)
		to = from + most;
	s->text.kind = kind;
	for (__u32 i = 0; i < OBIT_TEXT_GOES && from + sent < to; i++) {
		__u32 now = send_user_chunks(sent, from + sent, to);

		if (!now)
			break;
		sent += now;
	}
	if (sent < bytes)
		s->exec.flags |= cut;
	return 0;
}

static __always_inline void send_memory(__u64 *ret_bytes, __u32 kind, __u64 from, __u64 to)
{
	*ret_bytes = to - from;
	send_user_strings(kind, from, to);
}

static __always_inline void fill_stdio(struct scratch *s, struct task_struct *task)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd);
	__u32 max = BPF_CORE_READ(table, max_fds);

	for (__u32 i = 0; i < 3; i++) {
		struct file *file = NULL;

		s->exec.stdio[i].flags = 0;
		s->exec.stdio[i].mode = 0;
		if (i < max)
			bpf_probe_read_kernel(&file, sizeof(file), files + i);
		if (!file)
			continue;
		s->exec.stdio[i].flags = BPF_CORE_READ(file, f_flags);
		s->exec.stdio[i].mode = BPF_CORE_READ(file, f_inode, i_mode);
		send_path(OBIT_TEXT_STDIN + i, &file->f_path);
	}
}

static __always_inline void fill_groups(struct obit_exec_record *exec, const struct cred *cred)
{
	struct group_info *info = BPF_CORE_READ(cred, group_info);
	__u32 count = BPF_CORE_READ(info, ngroups);

	if (count > OBIT_GROUPS_MAX) {
		count = OBIT_GROUPS_MAX;
		exec->flags |= OBIT_EXEC_GROUPS_CUT;
	}
	exec->group_count = count;
	bpf_probe_read_kernel(exec->groups, count * sizeof(__u32),
			      (void *)info + bpf_core_field_offset(info->gid));
}

#define READ_CAP(cred, field)                                                                      \
	({                                                                                         \
		__u64 cap_ = 0;                                                                    \
		bpf_core_read(&cap_, sizeof(cap_), &(cred)->field);                                \
		cap_;                                                                              \
	})

static __always_inline void fill_creds(struct obit_exec_record *exec, struct task_struct *task)
{
	const struct cred *cred = BPF_CORE_READ(task, cred);

	exec->uid = BPF_CORE_READ(cred, uid.val);
	exec->euid = BPF_CORE_READ(cred, euid.val);
	exec->suid = BPF_CORE_READ(cred, suid.val);
	exec->gid = BPF_CORE_READ(cred, gid.val);
	exec->egid = BPF_CORE_READ(cred, egid.val);
	exec->sgid = BPF_CORE_READ(cred, sgid.val);
	exec->securebits = BPF_CORE_READ(cred, securebits);
	exec->cap_inheritable = READ_CAP(cred, cap_inheritable);
	exec->cap_permitted = READ_CAP(cred, cap_permitted);
	exec->cap_effective = READ_CAP(cred, cap_effective);
	exec->cap_bounding = READ_CAP(cred, cap_bset);
	exec->cap_ambient = READ_CAP(cred, cap_ambient);
	fill_groups(exec, cred);
}

static __always_inline void fill_limits(struct obit_exec_record *exec, struct task_struct *task)
{
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	__u32 cpus = bpf_core_field_size(task->cpus_mask);

	exec->nice = task->static_prio - NICE_0_STATIC_PRIO;
	exec->policy = task->policy;
	exec->rt_priority = task->rt_priority;
	exec->oom_score_adj = BPF_CORE_READ(signal, oom_score_adj);
	exec->umask = BPF_CORE_READ(task, fs, umask);
	bpf_core_read(exec->rlimits, sizeof(exec->rlimits), &signal->rlim);
	if (cpus > OBIT_CPUS_BYTES)
		cpus = OBIT_CPUS_BYTES;
	__builtin_memset(exec->cpus, 0, sizeof(exec->cpus));
	bpf_core_read(exec->cpus, cpus, &task->cpus_mask);
}

/* Of one signal, from the handlers that were read into the text. */
VERIFIED_ONCE int fill_ignored_one(__u32 place)
{
	const __u32 size = bpf_core_type_size(struct k_sigaction);
	struct scratch *s = get_scratch(SCRATCH_EXEC);

	if (s && *(__u64 *)&s->text.data[(place * size) & (OBIT_TEXT_CHUNK - 8)] == SIG_IGN)
		s->exec.ignored |= 1ULL << (place & 63);
	return 0;
}

/* Which signals it ignores. The others have their default by now, and none a handler. */
VERIFIED_ONCE int fill_ignored(__u64 sighand)
{
	struct sighand_struct *handlers = (void *)sighand;
	const __u32 size = bpf_core_type_size(struct k_sigaction);
	struct scratch *s = get_scratch(SCRATCH_EXEC);

	if (!s || OBIT_SIGNALS * size > OBIT_TEXT_CHUNK)
		return 0;
	s->exec.ignored = 0;
	if (bpf_probe_read_kernel(s->text.data, OBIT_SIGNALS * size,
				  (void *)handlers + bpf_core_field_offset(handlers->action)))
		return 0;
	for (__u32 i = 0; i < OBIT_SIGNALS; i++)
		fill_ignored_one(i);
	return 0;
}

static __always_inline __u32 coredump_filter_of(struct mm_struct *mm)
{
	struct mm_struct___bitmap *newer = (void *)mm;
	unsigned long flags = 0;

	if (bpf_core_field_exists(newer->flags.__mm_flags))
		bpf_core_read(&flags, sizeof(flags), &newer->flags.__mm_flags);
	else
		flags = BPF_CORE_READ(mm, flags);
	return flags >> MMF_DUMP_FILTER_SHIFT & MMF_DUMP_FILTER_MASK;
}

static __always_inline void fill_habits(struct obit_exec_record *exec, struct task_struct *task)
{
	struct io_context *io = BPF_CORE_READ(task, io_context);

	exec->pad = 0;
	exec->coredump_filter = coredump_filter_of(BPF_CORE_READ(task, mm));
	exec->personality = task->personality;
	exec->timer_slack_ns = task->timer_slack_ns;
	bpf_core_read(&exec->blocked, sizeof(exec->blocked), &task->blocked);
	exec->io_priority = io ? BPF_CORE_READ(io, ioprio) : 0;
	exec->login_uid = ~0U;
	if (bpf_core_field_exists(task->loginuid))
		exec->login_uid = BPF_CORE_READ(task, loginuid.val);
	fill_ignored((__u64)BPF_CORE_READ(task, sighand));
}

static __always_inline __u32 exec_flags_of(struct task_struct *task, struct linux_binprm *bprm,
					   __u32 letter_flags)
{
	__u32 flags = 0;

	if (BPF_CORE_READ_BITFIELD_PROBED(bprm, secureexec))
		flags |= OBIT_EXEC_SECURE;
	if (BPF_CORE_READ(task, thread_pid, level) == 0)
		flags |= OBIT_EXEC_HOST_PIDNS;
	if (is_hosts(task, BPF_CORE_READ(bprm, file, f_path.mnt)))
		flags |= OBIT_EXEC_HOST_MNT_OWNER;
	if (task->atomic_flags & PFA_NO_NEW_PRIVS)
		flags |= OBIT_EXEC_NO_NEW_PRIVS;
	if (bpf_core_field_exists(task->seccomp.mode) &&
	    BPF_CORE_READ(task, seccomp.mode) == SECCOMP_FILTER)
		flags |= OBIT_EXEC_SECCOMP;
	if (letter_flags & OBIT_LETTER_LANDLOCK)
		flags |= OBIT_EXEC_LANDLOCK;
	if (BPF_CORE_READ(task, signal, tty))
		flags |= OBIT_EXEC_HAS_TTY;
	return flags | other_namespaces(task);
}

static __always_inline void fill_cgroup(struct scratch *s, struct task_struct *task)
{
	struct cgroup *cgroup = cgroup_of(task);

	s->exec.cgroup_id = s->exec.letter.cgroup_id;
	s->exec.cgroup_hierarchy = s->exec.letter.cgroup_hierarchy;
	walk_cgroup(SCRATCH_EXEC, (__u64)BPF_CORE_READ(cgroup, kn));
	send_walked(SCRATCH_EXEC, OBIT_TEXT_CGROUP);
}

static __always_inline void send_script(struct scratch *s, struct linux_binprm *bprm)
{
	long size;

	s->text.kind = OBIT_TEXT_SCRIPT;
	size = bpf_probe_read_kernel_str(s->text.data, OBIT_TEXT_CHUNK,
					 BPF_CORE_READ(bprm, filename));
	if (size > 1 && size <= OBIT_TEXT_CHUNK)
		send_text(s, 0, size - 1);
}

static __always_inline bool is_script(struct linux_binprm *bprm)
{
	return BPF_CORE_READ(bprm, filename) != BPF_CORE_READ(bprm, interp);
}

/* Of a script by the name that its caller gave. Where a relative one leads is for user space to say, if it winds. The
 * executable's path is in the scratch before and after. */
static __always_inline __u32 script_prefix(struct scratch *s, struct task_struct *task,
					   struct linux_binprm *bprm, bool *ret_winds)
{
	const char *name = BPF_CORE_READ(bprm, filename);
	char first = 0, second = 0;
	__u32 prefix;

	bpf_probe_read_kernel(&first, sizeof(first), name);
	if (first == '/')
		return string_prefix(&path_prefixes, s, name);
	bpf_probe_read_kernel(&second, sizeof(second), name + 1);
	if (first == '.' && second == '/')
		name += 2;
	if (is_winding((__u64)name)) {
		*ret_winds = true;
		return 0;
	}
	walk_file(SCRATCH_EXEC, &BPF_CORE_READ(task, fs)->pwd);
	prefix = prefix_below_walked((__u64)name);
	walk_file(SCRATCH_EXEC, &BPF_CORE_READ(bprm, file)->f_path);
	return prefix;
}

/* Sends all of it. `exe` is where the executable's path stands in scratch->path already. */
static __always_inline void send_exec(struct scratch *s, const struct obit_key *key,
				      struct obit_letter *letter, struct task_struct *task,
				      struct linux_binprm *bprm, __u64 wakeup)
{
	struct obit_exec_record *exec = &s->exec;
	struct fs_struct *fs = BPF_CORE_READ(task, fs);
	struct mm_struct *mm = BPF_CORE_READ(task, mm);

	init_record(&exec->header, OBIT_RECORD_EXEC, sizeof(*exec), key);
	bpf_probe_read_kernel(&exec->letter, sizeof(exec->letter), letter);
	begin_texts(s, key, exec->letter.exec_sequence);
	exec->flags = exec_flags_of(task, bprm, exec->letter.flags);
	if (s->walk_flags & WALK_DELETED)
		exec->flags |= OBIT_EXEC_EXE_DELETED;
	exec->exe_uid = BPF_CORE_READ(bprm, file, f_inode, i_uid.val);
	exec->exe_mode = BPF_CORE_READ(bprm, file, f_inode, i_mode);
	bpf_probe_read_kernel(exec->comm, sizeof(exec->comm), task->comm);
	fill_creds(exec, task);
	fill_limits(exec, task);
	fill_habits(exec, task);
	send_walked(SCRATCH_EXEC, OBIT_TEXT_EXE);
	if (is_script(bprm))
		send_script(s, bprm);
	send_path(OBIT_TEXT_CWD, &fs->pwd);
	if (s->walk_flags & WALK_DELETED)
		exec->flags |= OBIT_EXEC_CWD_DELETED;
	send_path(OBIT_TEXT_ROOT, &fs->root);
	fill_stdio(s, task);
	fill_cgroup(s, task);
	send_memory(&exec->argv_bytes, OBIT_TEXT_ARGV, BPF_CORE_READ(mm, arg_start),
		    BPF_CORE_READ(mm, arg_end));
	send_memory(&exec->env_bytes, OBIT_TEXT_ENV, BPF_CORE_READ(mm, env_start),
		    BPF_CORE_READ(mm, env_end));
	if (!bpf_ringbuf_output(&events, exec, sizeof(*exec), wakeup))
		return;
	COUNT(ring_lost);
	bpf_ringbuf_output(&events, exec, sizeof(*exec), wakeup); /* see ring_letter() */
}

#endif
