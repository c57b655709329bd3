/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The names of files and cgroups, read in the kernel. A name is written backwards, so that it ends at
 * scratch->path[OBIT_PATH_MAX] wherever it starts. */
#ifndef OBIT_PATH_BPF_H
#define OBIT_PATH_BPF_H

/* Not static, and of nothing but numbers: such a function is verified once, for any arguments, and not
 * again on each path that leads to it. (One with pointers to its callers' types needs 5.13.) */
#define VERIFIED_ONCE __attribute__((noinline))

/* The verifier knows what kind of thing a hook's own argument points to; as a number it is just that. */
static __always_inline __u64 address_of(const void *pointer)
{
	__u64 address = 0;

	bpf_probe_read_kernel(&address, sizeof(address), &pointer);
	return address;
}

#define WALK_STEPS   96 /* path components and mount points together */
#define WALK_GOES    8
#define CGROUP_STEPS 32
#define NAME_MASK    255 /* NAME_MAX */

enum walk_flags {
	WALK_CUT = 1 << 0,     /* longer or deeper than the walk: its front is missing */
	WALK_DELETED = 1 << 1, /* the file has no name any more */
};

static __always_inline void prepend_slash(struct scratch *s)
{
	__u32 start = s->start - 1;

	s->path[start & (OBIT_PATH_MAX - 1)] = '/';
	s->start = start;
}

/* Puts "/name" in front of what is there. False if it does not fit. */
static __always_inline bool prepend_name(struct scratch *s, const void *name, __u32 length)
{
	__u32 start = s->start;

	length &= NAME_MASK;
	if (start <= length)
		return false;
	start -= length;
	bpf_probe_read_kernel(&s->path[start & (OBIT_PATH_MAX - 1)], length, name);
	s->start = start;
	prepend_slash(s);
	return true;
}

static __always_inline void begin_walk(struct scratch *s)
{
	s->start = OBIT_PATH_MAX;
	s->walk_flags = WALK_CUT;
}

static __always_inline void finish_walk(struct scratch *s)
{
	if (s->start == OBIT_PATH_MAX)
		prepend_slash(s);
}

static __always_inline bool is_unlinked(struct dentry *dentry)
{
	return !BPF_CORE_READ(dentry, d_hash.pprev) && BPF_CORE_READ(dentry, d_parent) != dentry;
}

static __always_inline struct mount *real_mount(struct vfsmount *vfsmount)
{
	return (void *)vfsmount - bpf_core_field_offset(struct mount, mnt);
}

/* What runs from this mount with these credentials is the host's: nobody can make such a task or such a mount
 * in a namespace of their own, where any path can be made to mean anything. */
static __always_inline bool is_hosts(struct task_struct *task, struct vfsmount *vfsmount)
{
	struct mnt_namespace *mounts = BPF_CORE_READ(task, nsproxy, mnt_ns);

	return BPF_CORE_READ(mounts, user_ns, level) == 0 &&
	       BPF_CORE_READ(task, cred, user_ns, level) == 0 &&
	       BPF_CORE_READ(real_mount(vfsmount), mnt_ns) == mounts;
}

/* The next step of a walk: a name more, or out of a mount. False at its end. */
static __always_inline bool walk_step(struct scratch *s)
{
	struct dentry *dentry = (void *)s->walk_dentry;
	struct mount *mount = (void *)s->walk_mount;
	struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
	struct mount *below = BPF_CORE_READ(mount, mnt_parent);

	if (dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
		if (below == mount) {
			s->walk_flags &= ~WALK_CUT;
			return false;
		}
		s->walk_dentry = (__u64)BPF_CORE_READ(mount, mnt_mountpoint);
		s->walk_mount = (__u64)below;
		return true;
	}
	if (parent == dentry) { /* below no mount point: a pipe, a memfd */
		s->walk_flags &= ~WALK_CUT;
		return false;
	}
	s->walk_dentry = (__u64)parent;
	return prepend_name(s, BPF_CORE_READ(dentry, d_name.name),
			    BPF_CORE_READ(dentry, d_name.len));
}

/* Most walks are over after one of these. */
VERIFIED_ONCE int walk_some(__u32 slot)
{
	struct scratch *s = get_scratch(slot);

	if (!s)
		return 0;
	for (int i = 0; i < WALK_STEPS / WALK_GOES; i++)
		if (!walk_step(s))
			return 0;
	return 1;
}

/* The path of `dentry`, up to the root of its mount namespace and never to a process's own root:
 * a chroot must not pose as something that it is not. */
VERIFIED_ONCE int walk_path(__u32 slot, __u64 vfsmount, __u64 dentry)
{
	struct scratch *s = get_scratch(slot);

	if (!s)
		return 0;
	begin_walk(s);
	if (is_unlinked((void *)dentry))
		s->walk_flags |= WALK_DELETED;
	s->walk_dentry = dentry;
	s->walk_mount = (__u64)real_mount((void *)vfsmount);
	for (int i = 0; i < WALK_GOES; i++)
		if (!walk_some(slot))
			break;
	finish_walk(s);
	return 0;
}

/* Leaves the path of the file in the scratch. */
static __always_inline void walk_file(__u32 slot, struct path *path)
{
	walk_path(slot, (__u64)BPF_CORE_READ(path, mnt), (__u64)BPF_CORE_READ(path, dentry));
}

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *node)
{
	struct kernfs_node___parent *older = (void *)node;

	if (bpf_core_field_exists(node->__parent))
		return BPF_CORE_READ(node, __parent);
	return BPF_CORE_READ(older, parent);
}

/* The path of a cgroup within its hierarchy, as /proc/PID/cgroup has it. Uses scratch->text. */
VERIFIED_ONCE int walk_cgroup(__u32 slot, __u64 kernfs_node)
{
	struct kernfs_node *node = (void *)kernfs_node;
	struct scratch *s = get_scratch(slot);

	if (!s)
		return 0;
	begin_walk(s);
	for (int i = 0; i < CGROUP_STEPS; i++) {
		struct kernfs_node *parent = kernfs_parent(node);
		long size;

		if (!parent) {
			s->walk_flags &= ~WALK_CUT;
			break;
		}
		size = bpf_probe_read_kernel_str(s->text.data, NAME_MASK + 1,
						 BPF_CORE_READ(node, name));
		if (size < 1 || !prepend_name(s, s->text.data, size - 1))
			break;
		node = parent;
	}
	finish_walk(s);
	return 0;
}

#endif
