/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one header that kernel side and user space share. Fixed widths, explicit padding, numbers never
 * reused; the asserts below hold under both compilers. Times are CLOCK_BOOTTIME in nanoseconds.
 * A change of layout needs a new OBIT_ABI_VERSION, since pinned maps outlive the daemon. */
#ifndef OBIT_ABI_H
#define OBIT_ABI_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define OBIT_ABI_VERSION 6

#define OBIT_COMM_SIZE	 16
#define OBIT_PATH_MAX	 4096 /* bytes of a path, as PATH_MAX */
#define OBIT_SENDER_SIZE 512  /* bytes of the path of who sent a signal, its NUL included */
#define OBIT_TEXT_CHUNK	 4096 /* bytes of text in one record */
#define OBIT_TEXT_CHUNKS 64   /* chunks of argv or env that are sent at one go */
#define OBIT_TEXT_GOES	 24
#define OBIT_RECIPE_MAX                                                                            \
	(OBIT_TEXT_GOES * OBIT_TEXT_CHUNKS * OBIT_TEXT_CHUNK) /* 6 MiB: no exec has more */
#define OBIT_PREFIX_SIZE 256 /* bytes of a path that the prefix filter sees: the trie's maximum */
#define OBIT_GROUPS_MAX	 64  /* supplementary groups in a recipe */
#define OBIT_RLIMITS	 16
#define OBIT_CPUS_BYTES	 128 /* affinity mask: 1024 CPUs */

/* A pid alone is never an identity. start_boottime is the thread-group leader's and survives exec,
 * also by another thread (fs/exec.c de_thread() copies it). */
struct obit_key {
	__u32 tgid;
	__u32 pad;
	__u64 start_boottime;
};

enum obit_letter_flags {
	OBIT_LETTER_CANDIDATE = 1 << 0, /* its last exec or its cgroup passed the coarse filter */
	OBIT_LETTER_SCANNED =
		1 << 1, /* entered by the task iterator, and no hook has come by since */
	OBIT_LETTER_SPAWNED = 1 << 2, /* started by the daemon, tracked from its birth */
	OBIT_LETTER_HOST = 1 << 4, /* see OBIT_EXEC_HOST_MNT_OWNER: /proc cannot tell all of it */
	OBIT_LETTER_LANDLOCK =
		1 << 5, /* in a Landlock domain at its last exec, or when it was found */
	OBIT_LETTER_MOVED = 1 << 3, /* has migrated into a watched cgroup */
};

enum obit_exit_flags {
	OBIT_EXIT_OOM = 1 << 0,	    /* signal->oom_mm set and killed by SIGKILL */
	OBIT_EXIT_HAD_TTY = 1 << 1, /* had a controlling terminal */
	OBIT_EXIT_ORPHAN = 1 << 2,  /* its parent was init or a subreaper */
	OBIT_EXIT_SESSION_LEADER = 1 << 3,
	OBIT_EXIT_MOVED =
		1 << 4, /* in another cgroup than the letter says: the path was sent as text */
};

struct obit_exit {
	__u64 sequence; /* 0: it lives */
	__u64 time;
	__u32 wait_status; /* bit for bit what waitpid(2) gives the parent */
	__u32 flags;
	__u32 ppid; /* tgid of the parent at death */
	__u32 uid;
	__u32 gid;
	__u32 ns_pid; /* in its own pid namespace; 0: that is the host's */
	__u64 cpu_ns;
	__u64 max_rss_pages;
	__u64 minor_faults;
	__u64 major_faults;
	char comm[OBIT_COMM_SIZE];
	char parent_comm[OBIT_COMM_SIZE];
};

/* The letter that a tracked process leaves: made at its birth, written by the kernel side alone,
 * deleted by the daemon alone. `sequence` numbers order births, execs and deaths across CPUs. */
struct obit_letter {
	struct obit_key
		parent; /* who forked it; of a scanned process its parent then; zero: unknown */
	__u64 birth_sequence;
	__u64 birth_time;
	__u64 exec_sequence; /* of its last exec; 0: none since it is tracked */
	__u64 exec_time;
	__u32 flags;
	__u32 uid;    /* effective, at its last exec or birth */
	__u32 prefix; /* what the filter says of the path it matched last: see obit_prefix; 0: none */
	__u32 cgroup_hierarchy; /* of cgroup_id; 0: cgroup v2 */
	__u64 cgroup_id;	/* at its last exec or birth */
	__u64 signals;		/* bit N-1: the map `signals` knows the last signal N of others */
	__u64 own_signals;	/* bit N-1: the same of those that it sent itself */
	__u32 signal_lost;	/* not 0: the map was full, and who sent one is not known */
	__u32 pad;
	__u64 launch; /* which of the daemon's it is, with OBIT_LETTER_SPAWNED; else 0 */
	struct obit_exit exit;
};

enum obit_member_flags {
	OBIT_MEMBER_MAIN = 1 << 0,
	OBIT_MEMBER_OFFSPRING = 1 << 1, /* its children are not tracked */
	OBIT_MEMBER_EXECED = 1 << 2,	/* since its fork */
	OBIT_MEMBER_APART = 1 << 3,	/* a session, see core/lineage.h */
};

/* What a tracked process is to the daemon: written by it alone, for the kernel side and for the daemon after it. */
struct obit_member {
	__u64 instance; /* 0: of none */
	__u64 life;	/* of the instance, that it belongs to */
	__u32 flags;	/* enum obit_member_flags */
	__u32 pad;
};

#define OBIT_NAME_SIZE 64 /* of a watch, its NUL included */

/* Key and value of the map `watches`, which is there to be looked at: by bpftool(8), say. Written by the daemon alone. */
struct obit_watch_key {
	char name[OBIT_NAME_SIZE];
};

struct obit_watch {
	__u32 processes; /* that live, as known when the daemon was awake last: main ones and members */
	__u32 last_pid; /* of the last main process that died; 0: none has */
	__u64 deaths;	/* of main processes */
	__u64 respawns;
	__u64 last_death;	/* when; 0: none */
	__u32 last_wait_status; /* as waitpid(2) gives it */
	__u32 pad;
};

/* What the daemon has the kernel keep for the next one, in pieces. The kernel side does not look at it. */
#define OBIT_STATE_PIECE 2000

struct obit_state_key {
	__u64 id;
	__u32 kind; /* the daemon's own business */
	__u32 piece;
};

struct obit_state {
	__u8 bytes[OBIT_STATE_PIECE];
};

#define OBIT_SIGNALS	64
#define OBIT_SIGNAL_OWN 64

/* Key of the map `signals`: what each tracked process was sent, the latest of each number that was
 * delivered (not ignored, not pending already) and that may end a process. */
struct obit_signal_key {
	struct obit_key process;
	__u32 number; /* of what it sent itself + OBIT_SIGNAL_OWN: who asked it to stop stays known */
	__u32 pad;
};

enum obit_signal_flags {
	OBIT_SIGNAL_KERNEL =
		1 << 0,		   /* SEND_SIG_PRIV: the kernel's; `sender` just happened to run */
	OBIT_SIGNAL_BARE = 1 << 1, /* SEND_SIG_NOINFO: the kernel's on behalf of `sender` */
	OBIT_SIGNAL_CALLED = 1 << 2, /* a system call of `sender`: kill(2) and its like */
	OBIT_SIGNAL_SENDER_EXITING = 1 << 3,
	OBIT_SIGNAL_SENDER_KTHREAD = 1 << 4,
	OBIT_SIGNAL_SENDER_INIT = 1 << 5, /* of a pid namespace that is not the host's */
	OBIT_SIGNAL_PATH_CUT = 1 << 6,
	OBIT_SIGNAL_OOM_HOST = 1 << 7, /* SIGKILL of the kernel, no cgroup's limit being handled */
	OBIT_SIGNAL_OOM_CGROUP = 1 << 8,  /* a cgroup's limit was: `path` is that cgroup */
	OBIT_SIGNAL_CPU_LIMITED = 1 << 9, /* the target has a hard RLIMIT_CPU */
	OBIT_SIGNAL_THREADED = 1 << 10,	  /* the target has more than one thread */
	OBIT_SIGNAL_KIN =
		1 << 11, /* sender and target are tracked and of one family, offspring apart */
};

struct obit_signal {
	__u64 time;
	struct obit_key sender; /* the process that ran when the signal was made */
	__u64 address;		/* si_addr of a fault, si_call_addr of SIGSYS */
	__u64 oom_limit_pages;	/* of the cgroup, when the signal was made */
	__u64 oom_usage_pages;
	__u32 number;
	__s32 code; /* si_code */
	__u32 flags;
	__u32 uid;     /* real, of the sender */
	__s32 syscall; /* si_syscall of SIGSYS */
	__u32 pad;
	char comm[OBIT_COMM_SIZE];
	char path[OBIT_SENDER_SIZE]; /* the sender's executable; "" where it has none */
};

enum obit_record_type {
	OBIT_RECORD_FORK = 1,	   /* struct obit_letter_record */
	OBIT_RECORD_EXIT = 2,	   /* struct obit_letter_record */
	OBIT_RECORD_TEXT = 3,	   /* struct obit_text_record; precedes its OBIT_RECORD_EXEC */
	OBIT_RECORD_EXEC = 4,	   /* struct obit_exec_record */
	OBIT_RECORD_MOVE = 5,	   /* struct obit_letter_record: migrated into a watched cgroup */
	OBIT_RECORD_UNWATCHED = 6, /* struct obit_unwatched_record, in the ring `exits` */
};

struct obit_record {
	__u16 type;
	__u16 pad;
	__u32 size; /* of the whole record */
	struct obit_key key;
};

struct obit_letter_record {
	struct obit_record header;
	struct obit_letter letter;
};

/* The death of a process that is not tracked, while somebody wants to hear of all. */
struct obit_unwatched_record {
	struct obit_record header;
	struct obit_exit exit;
};

enum obit_text_kind {
	OBIT_TEXT_EXE = 1,
	OBIT_TEXT_SCRIPT = 2, /* what the caller named, where an interpreter runs it */
	OBIT_TEXT_CWD = 3,
	OBIT_TEXT_ROOT = 4,
	OBIT_TEXT_STDIN = 5,
	OBIT_TEXT_STDOUT = 6,
	OBIT_TEXT_STDERR = 7,
	OBIT_TEXT_CGROUP = 8,
	OBIT_TEXT_ARGV = 9, /* strings, each ended by NUL */
	OBIT_TEXT_ENV = 10,
	OBIT_TEXT_KINDS = 11
};

struct obit_text_record {
	struct obit_record header;
	__u64 exec_sequence; /* which exec it belongs to; 0: its death, an OBIT_RECORD_EXIT follows */
	__u32 kind;
	__u32 offset; /* of data[0] in the text */
	__u32 length; /* bytes in data */
	__u32 pad;
	char data[OBIT_TEXT_CHUNK]; /* cut to length in the ring */
};

enum obit_exec_flags {
	OBIT_EXEC_SECURE = 1 << 0,     /* AT_SECURE: setuid, setgid or file capabilities */
	OBIT_EXEC_HOST_PIDNS = 1 << 1, /* runs in the initial pid namespace */
	OBIT_EXEC_HOST_MNT_OWNER =
		1 << 2,		     /* its mount namespace belongs to the initial user namespace */
	OBIT_EXEC_PATH_CUT = 1 << 3, /* a path was longer or deeper than the walk */
	OBIT_EXEC_EXE_DELETED = 1 << 4, /* the executable had no name any more */
	OBIT_EXEC_ARGS_CUT = 1 << 5,	/* argv longer than the chunks, or unreadable */
	OBIT_EXEC_ENV_CUT = 1 << 6,
	OBIT_EXEC_GROUPS_CUT = 1 << 7,
	OBIT_EXEC_NO_NEW_PRIVS = 1 << 8,
	OBIT_EXEC_SECCOMP = 1 << 9, /* runs under a seccomp filter */
	OBIT_EXEC_HAS_TTY = 1 << 10,
	OBIT_EXEC_CWD_DELETED = 1 << 11,
	OBIT_EXEC_TEXT_LOST = 1 << 12, /* the ring was full: some text is missing */
	OBIT_EXEC_CHROOT = 1 << 13,    /* its root directory is not its mount namespace's */
	OBIT_EXEC_LANDLOCK = 1 << 14,  /* in a Landlock domain */
	OBIT_EXEC_OTHER_NS = 1 << 16,  /* and the next bits: enum obit_namespace */
};

/* Of which it has another one than the daemon: OBIT_EXEC_OTHER_NS << that. */
enum obit_namespace {
	OBIT_NS_MNT,
	OBIT_NS_NET,
	OBIT_NS_IPC,
	OBIT_NS_UTS,
	OBIT_NS_CGROUP,
	OBIT_NS_TIME,
	OBIT_NAMESPACES
};

struct obit_stdio {
	__u32 flags; /* O_* of the open file */
	__u32 mode;  /* st_mode of the inode; 0: not open */
};

#define OBIT_RLIMIT_UNKNOWN (~0ULL - 1) /* it could not be read: not to be set */
struct obit_rlimit {
	__u64 current;
	__u64 maximum;
};

/* Everything of a recipe that is not text, as it was at exec. */
struct obit_exec_record {
	struct obit_record header;
	struct obit_letter letter;
	__u32 flags; /* enum obit_exec_flags */
	__u32 umask;
	__u32 uid, euid, suid;
	__u32 gid, egid, sgid;
	__u32 securebits;
	__u32 exe_uid; /* owner of the executable */
	__u32 exe_mode;
	__s32 nice;
	__u32 policy; /* SCHED_* */
	__u32 rt_priority;
	__s32 oom_score_adj;
	__u32 group_count;
	__u64 cap_inheritable, cap_permitted, cap_effective, cap_bounding, cap_ambient;
	__u64 argv_bytes; /* whole length, also of what was cut */
	__u64 env_bytes;
	__u64 cgroup_id;	/* of the cgroup whose path is sent */
	__u32 cgroup_hierarchy; /* 0: cgroup v2, else the v1 hierarchy's number in /proc/cgroups */
	char comm[OBIT_COMM_SIZE];
	__u32 personality;
	__u64 blocked; /* signals: bit N-1 */
	__u64 ignored;
	__u64 timer_slack_ns;
	__u32 coredump_filter;
	__u32 pad;
	__u32 io_priority; /* as ioprio_get(2) has it */
	__u32 login_uid;   /* of the audit system; where the kernel has none, that nobody's: ~0 */
	struct obit_stdio stdio[3];
	struct obit_rlimit rlimits[OBIT_RLIMITS];
	__u8 cpus[OBIT_CPUS_BYTES];
	__u32 groups[OBIT_GROUPS_MAX];
};

/* Keys of the two prefix tries: `bits` of text. An exact path includes its NUL. The value is a number that
 * is made of the key, so that it means the same to every daemon: it tells what a letter belongs to
 * when nothing else is known of its process. */
struct obit_prefix {
	__u32 bits;
	char text[OBIT_PREFIX_SIZE];
};

/* Key of the set of watched cgroups. Ids are unique within one hierarchy only. */
struct obit_cgroup {
	__u64 id;
	__u32 hierarchy;
	__u32 pad;
};

/* How many letters there are of the tgids that share a slot. Almost every process is unwatched, and
 * neighbours in time are neighbours here, so that their hooks end at a cache line that is hot, where the
 * hash of letters would miss. The kernel side counts up before it makes a letter, whoever deletes one
 * counts down after. */
#define OBIT_SLOTS 32768
struct obit_slots {
	__u32 letters[OBIT_SLOTS];
};

/* Counters, losses first. bpftool shows them by name. */
struct obit_stats {
	__u64 untracked;    /* births that found the map of processes full */
	__u64 ring_lost;    /* records that found the ring full; healed by reading the letters */
	__u64 path_cut;	    /* paths longer or deeper than the walk */
	__u64 cgroup_lost;  /* watched cgroups that found their set full */
	__u64 tracked;	    /* letters made */
	__u64 deaths;	    /* letters written */
	__u64 execs;	    /* execs of tracked or matching processes */
	__u64 scanned;	    /* letters made by the task iterator */
	__u64 signals;	    /* of tracked processes, remembered */
	__u64 signals_lost; /* that found their map full */
	__u64 exits;	    /* deaths of all processes while somebody wanted to hear of all */
	__u64 exits_lost;   /* of them, those that found the ring `exits` full */
};

#define OBIT_ASSERT_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type)
OBIT_ASSERT_SIZE(struct obit_key, 16);
OBIT_ASSERT_SIZE(struct obit_exit, 104);
OBIT_ASSERT_SIZE(struct obit_letter, 208);
OBIT_ASSERT_SIZE(struct obit_member, 24);
OBIT_ASSERT_SIZE(struct obit_state_key, 16);
OBIT_ASSERT_SIZE(struct obit_watch, 40);
OBIT_ASSERT_SIZE(struct obit_signal_key, 24);
OBIT_ASSERT_SIZE(struct obit_signal, 600);
OBIT_ASSERT_SIZE(struct obit_record, 24);
OBIT_ASSERT_SIZE(struct obit_text_record, 48 + OBIT_TEXT_CHUNK);
OBIT_ASSERT_SIZE(struct obit_exec_record, 1088);
OBIT_ASSERT_SIZE(struct obit_prefix, 4 + OBIT_PREFIX_SIZE);
OBIT_ASSERT_SIZE(struct obit_cgroup, 16);

#endif
