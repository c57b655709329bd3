// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "io/bpf_source.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/protocol.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Woverlength-strings"
#include "obit.skel.h"
#pragma GCC diagnostic pop

#define DRAINED_ENOUGH (-EAGAIN)
#define MAX_LINKS      9
#define MAX_CGROUPS    65536
#define FEW_AT_LEAST   4096 /* signals and cgroups, however few processes may be followed */
#define MAX_PIN_PATH   (PATH_MAX - 128)

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

static const char *const map_names[] = {
	[MAP_PROCESSES] = "processes",
	[MAP_SLOTS] = "slots",
	[MAP_MEMBERS] = "members",
	[MAP_STATE] = "state",
	[MAP_PATH_PREFIXES] = "path_prefixes",
	[MAP_CGROUP_PREFIXES] = "cgroup_prefixes",
	[MAP_CGROUPS] = "cgroups",
	[MAP_SIGNALS] = "signals",
	[MAP_SIGNALS_RESERVE] = "signals_reserve",
	[MAP_EVENTS] = "events",
	[MAP_EXITS] = "exits",
	[MAP_STATS] = "stats",
	[MAP_SEQUENCE] = "sequence",
	[MAP_WATCHES] = "watches",
};
_Static_assert(ARRAY_SIZE(map_names) == _MAP_MAX, "a name for each map");

/* The skeleton is thrown away after attaching, for its memory: what is needed later is kept here. */
struct bpf_source {
	char *pin_dir;	/* owned */
	int pin_dir_fd; /* holds the lock of the directory */
	bool ephemeral;
	bool took_over;
	bool sees_signals;
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

#define MESSAGE_LINES 12

/* Where the last `count` lines of a text begin: a verifier's log says at its end what it does not like. */
static char *last_lines(char *text, unsigned count)
{
	char *at = text + strlen(text);

	while (at > text && (at[-1] != '\n' || count-- > 0))
		at--;
	return at;
}

__attribute__((format(printf, 2, 0))) static int on_libbpf_message(enum libbpf_print_level level,
								   const char *fmt, va_list ap)
{
	_cleanup_free_ char *text = NULL;
	char *line, *rest;

	if (level == LIBBPF_DEBUG || log_get_level() < LOG_DEBUG || vasprintf(&text, fmt, ap) < 0)
		return 0;
	rest = last_lines(text, MESSAGE_LINES);
	while ((line = strsep(&rest, "\n")))
		if (*line)
			log_debug("%s", line);
	return 0;
}

__attribute__((format(printf, 3, 4))) static int fail(char error[static BPF_SOURCE_ERROR_SIZE],
						      int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, BPF_SOURCE_ERROR_SIZE, fmt, ap);
	va_end(ap);
	return r;
}

/* ---- what the kernel has ---- */

static void choose_programs(struct obit_bpf *skel, const bool *has)
{
	bool says_dead = has[KERNEL_LAST_THREAD];

	bpf_program__set_autoload(skel->progs.obit_exit, says_dead);
	bpf_program__set_autoload(skel->progs.obit_exit_before_6_16, !says_dead);
	if (says_dead)
		bpf_map__set_max_entries(skel->maps.claims, 1);
	bpf_program__set_autoload(skel->progs.obit_signal, has[KERNEL_SIGNALS]);
	bpf_program__set_autoload(skel->progs.obit_cgroup_mkdir, has[KERNEL_CGROUPS]);
	bpf_program__set_autoload(skel->progs.obit_cgroup_rmdir, has[KERNEL_CGROUPS]);
	bpf_program__set_autoload(skel->progs.obit_cgroup_attach, has[KERNEL_CGROUPS]);
}

/* ---- pins ---- */

static void pin_path(const struct bpf_source *source, const char *name, char buf[static PATH_MAX])
{
	snprintf(buf, PATH_MAX, "%.*s/%s", MAX_PIN_PATH, source->pin_dir, name);
}

static int mount_bpffs_if_missing(void)
{
	struct statfs fs;

	if (statfs("/sys/fs/bpf", &fs) < 0)
		return -errno;
	if ((unsigned long)fs.f_type == BPF_FS_MAGIC)
		return 0;
	return mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0700") < 0 ? -errno : 0;
}

static int lock_pin_dir(struct bpf_source *source, char error[static BPF_SOURCE_ERROR_SIZE])
{
	struct statfs fs;
	bool made;

	if (!strncmp(source->pin_dir, "/sys/fs/bpf/", 12) && mount_bpffs_if_missing() < 0)
		return fail(error, -errno, "/sys/fs/bpf: cannot mount the bpf file system: %s",
			    strerror(errno));
	made = mkdir(source->pin_dir, 0700) == 0;
	if (!made && errno != EEXIST)
		return fail(error, -errno, "%s: cannot make the pin directory: %s", source->pin_dir,
			    strerror(errno));
	source->pin_dir_fd = open(source->pin_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (source->pin_dir_fd < 0 || fstatfs(source->pin_dir_fd, &fs) < 0)
		return fail(error, -errno, "%s: cannot open the pin directory: %s", source->pin_dir,
			    strerror(errno));
	if ((unsigned long)fs.f_type != BPF_FS_MAGIC) {
		if (made)
			rmdir(source->pin_dir);
		return fail(
			error, -EINVAL,
			"%s is not on a bpf file system; expected a directory below /sys/fs/bpf",
			source->pin_dir);
	}
	if (flock(source->pin_dir_fd, LOCK_EX | LOCK_NB) < 0)
		return fail(
			error, -EBUSY,
			"another obitd uses the pin directory %s; expected --pin-dir of its own",
			source->pin_dir);
	return 0;
}

/* Only what obit pinned there: its maps, its links, its schema number. */
static void remove_pins(const struct bpf_source *source)
{
	_cleanup_dir_ DIR *dir = opendir(source->pin_dir);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlinkat(source->pin_dir_fd, entry->d_name, 0);
}

static bool map_fits(struct bpf_map *map, int fd)
{
	struct bpf_map_info info = {0};
	__u32 length = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &length) == 0 && info.type == bpf_map__type(map) &&
	       info.key_size == bpf_map__key_size(map) &&
	       info.value_size == bpf_map__value_size(map) &&
	       info.max_entries == bpf_map__max_entries(map) &&
	       info.map_flags == bpf_map__map_flags(map);
}

/* For another size nothing that it holds is thrown away. */
static void keep_size(struct bpf_map *map, int fd)
{
	struct bpf_map_info info = {0};
	__u32 length = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &length) == 0)
		bpf_map__set_max_entries(map, info.max_entries);
}

/* A map of one number: which layout the pinned maps have. */
static int read_schema(const struct bpf_source *source)
{
	char path[PATH_MAX];
	_cleanup_close_ int fd = -1;
	__u32 zero = 0, version = 0;

	pin_path(source, OBIT_SCHEMA_PIN, path);
	fd = bpf_obj_get(path);
	if (fd < 0 || bpf_map_lookup_elem(fd, &zero, &version) < 0)
		return -ENOENT;
	return (int)version;
}

/* What was taken over has its number, and is not to be without it for a moment: who is killed then would leave pins that
 * the next one throws away. */
static int write_schema(const struct bpf_source *source)
{
	char path[PATH_MAX];
	_cleanup_close_ int fd = -1;
	__u32 zero = 0, version = OBIT_ABI_VERSION;

	if (source->took_over)
		return 0;
	pin_path(source, OBIT_SCHEMA_PIN, path);
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "obit_schema", sizeof(zero), sizeof(version), 1,
			    NULL);
	if (fd < 0 || bpf_map_update_elem(fd, &zero, &version, BPF_ANY) < 0)
		return -errno;
	return bpf_obj_pin(fd, path) < 0 ? -errno : 0;
}

static bool pinned_maps_fit(const struct bpf_source *source, struct obit_bpf *skel)
{
	for (size_t i = 0; i < _MAP_MAX; i++) {
		char path[PATH_MAX];
		_cleanup_close_ int fd = -1;
		struct bpf_map *map = bpf_object__find_map_by_name(skel->obj, map_names[i]);

		pin_path(source, map_names[i], path);
		fd = bpf_obj_get(path);
		if (fd >= 0 && i == MAP_EVENTS)
			keep_size(map, fd);
		if (fd < 0 || !map_fits(map, fd))
			return false;
	}
	return true;
}

static void tell_replaced(const struct bpf_source *source, int schema)
{
	if (schema == OBIT_ABI_VERSION)
		log_notice("%s: pins for another max_processes, or not all of them, are replaced; "
			   "running processes are "
			   "scanned again",
			   source->pin_dir);
	else if (schema >= 0)
		log_notice("%s: pins of another layout (schema %d, here %d) are replaced; running "
			   "processes are scanned again",
			   source->pin_dir, schema, OBIT_ABI_VERSION);
}

/* Takes over the maps of an earlier daemon where they have the layout of this one, else clears the place. */
static int prepare_pins(struct bpf_source *source, struct obit_bpf *skel)
{
	int schema = read_schema(source);

	if (schema == OBIT_ABI_VERSION && pinned_maps_fit(source, skel)) {
		source->took_over = true;
	} else {
		tell_replaced(source, schema);
		remove_pins(source);
	}
	for (size_t i = 0; i < _MAP_MAX; i++) {
		char path[PATH_MAX];
		int r;

		pin_path(source, map_names[i], path);
		r = bpf_map__set_pin_path(bpf_object__find_map_by_name(skel->obj, map_names[i]),
					  path);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- loading and attaching ---- */

static void *map_memory(int map, size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static int keep_maps(struct bpf_source *source, struct obit_bpf *skel)
{
	for (size_t i = 0; i < _MAP_MAX; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(skel->obj, map_names[i]);

		source->maps[i] = fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 3);
		if (source->maps[i] < 0)
			return -errno;
	}
	source->launch = fcntl(bpf_map__fd(skel->maps.launch), F_DUPFD_CLOEXEC, 3);
	if (source->launch < 0)
		return -errno;
	source->switches = map_memory(bpf_map__fd(skel->maps.bss), sizeof(*source->switches));
	source->slots = map_memory(source->maps[MAP_SLOTS], sizeof(*source->slots));
	source->stats = map_memory(source->maps[MAP_STATS], sizeof(*source->stats));
	return source->switches && source->slots && source->stats ? 0 : -errno;
}

/* The new link is there before the old one goes, and so is its pin: no death falls between them, also where this obitd is
 * killed just here. */
static int pin_link(const struct bpf_source *source, int fd, const char *program)
{
	char path[PATH_MAX], fresh[PATH_MAX], name[96];

	snprintf(name, sizeof(name), "link_%s", program);
	pin_path(source, name, path);
	snprintf(name, sizeof(name), "link_%s_new", program);
	pin_path(source, name, fresh);
	unlink(fresh); /* of one that was killed */
	return bpf_obj_pin(fd, fresh) < 0 || rename(fresh, path) < 0 ? -errno : 0;
}

static int attach_program(struct bpf_source *source, struct bpf_program *program)
{
	const char *name = bpf_program__name(program);
	struct bpf_link *link;
	int fd, r = 0;

	if (bpf_program__fd(program) < 0)
		return 0; /* not for this kernel */
	link = bpf_program__attach(program);
	if (!link)
		return -errno;
	fd = fcntl(bpf_link__fd(link), F_DUPFD_CLOEXEC, 3);
	bpf_link__destroy(link);
	if (fd < 0)
		return -errno;
	if (bpf_program__type(program) == BPF_PROG_TYPE_TRACING &&
	    bpf_program__expected_attach_type(program) == BPF_TRACE_ITER) {
		source->scan_link = fd;
		return 0;
	}
	source->links[source->link_count++] = fd;
	r = pin_link(source, fd, name);
	return r;
}

static int run_iterator(int link)
{
	_cleanup_close_ int iterator = bpf_iter_create(link);
	char nothing[64];
	ssize_t n;

	if (iterator < 0)
		return -errno;
	do
		n = read(iterator, nothing, sizeof(nothing));
	while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

/* Before the hooks are attached: no exec is looked at without it. */
static int learn_landlock(struct bpf_source *source, struct obit_bpf *skel, pid_t confined)
{
	int r = attach_program(source, skel->progs.obit_scan);

	if (r < 0 || !confined)
		return r;
	source->switches->confined_tgid = (__u32)confined;
	r = run_iterator(source->scan_link);
	source->switches->confined_tgid = 0;
	return r;
}

static int attach_all(struct bpf_source *source, struct obit_bpf *skel,
		      char error[static BPF_SOURCE_ERROR_SIZE])
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, skel->obj)
	{
		int r = program == skel->progs.obit_scan ? 0 : attach_program(source, program);

		if (r < 0)
			return fail(error, r, "cannot attach %s: %s", bpf_program__name(program),
				    strerror(-r));
	}
	return 0;
}

/* A power of two, and whole pages. */
static __u32 ring_size(__u64 bytes)
{
	__u32 size = (__u32)sysconf(_SC_PAGESIZE);

	while (size < bytes && size < 1U << 30)
		size *= 2;
	return size;
}

static const char *load_hint(int error)
{
	switch (error) {
	case EPERM:
	case EACCES:
		return "; expected root with CAP_BPF and CAP_PERFMON, and a kernel that is not "
		       "locked down";
	case ENOMEM:
		return "; expected more memory, or a smaller max_processes";
	default:
		return "; log_level = debug shows the verifier's words";
	}
}

/* What there is but for followed processes need not have room for more. */
static void shrink(struct bpf_map *map, __u32 most)
{
	if (bpf_map__max_entries(map) > most)
		bpf_map__set_max_entries(map, most);
}

static void size_maps(struct obit_bpf *skel, const struct bpf_source_options *options)
{
	__u32 processes = options->max_processes;
	__u32 few = processes < FEW_AT_LEAST ? FEW_AT_LEAST : processes;

	bpf_map__set_max_entries(skel->maps.processes, processes);
	bpf_map__set_max_entries(skel->maps.members, processes);
	bpf_map__set_max_entries(skel->maps.events, ring_size(options->ring_bytes));
	shrink(skel->maps.signals, few);
	shrink(skel->maps.cgroups, few);
}

static int load(struct bpf_source *source, const struct bpf_source_options *options,
		struct obit_bpf *skel, char error[static BPF_SOURCE_ERROR_SIZE])
{
	int r;

	choose_programs(skel, options->has);
	size_maps(skel, options);
	source->sees_signals = bpf_program__autoload(skel->progs.obit_signal);
	r = prepare_pins(source, skel);
	if (r < 0)
		return fail(error, r, "%s: cannot prepare the pins: %s", source->pin_dir,
			    strerror(-r));
	memcpy(skel->bss->host_namespaces, options->namespaces, sizeof(options->namespaces));
	skel->bss->recipe_max = options->recipe_max;
	source->ring_bytes = bpf_map__max_entries(skel->maps.events);
	skel->rodata->lazy_limit = source->ring_bytes / 4;
	r = obit_bpf__load(skel);
	if (r < 0)
		return fail(error, r, "the kernel does not take the programs: %s%s", strerror(-r),
			    load_hint(-r));
	r = write_schema(source);
	if (r < 0)
		return fail(error, r, "%s: cannot pin: %s", source->pin_dir, strerror(-r));
	r = keep_maps(source, skel);
	if (r < 0)
		return fail(error, r, "cannot keep the maps: %s", strerror(-r));
	r = learn_landlock(source, skel, options->confined);
	if (r < 0)
		return fail(error, r, "cannot read the kernel's processes: %s", strerror(-r));
	if (source->took_over && options->before_attach)
		options->before_attach(source->arg, source);
	return attach_all(source, skel, error);
}

static int on_ring_record(void *arg, void *data, size_t size)
{
	struct bpf_source *source = arg;

	source->on_record(source->arg, data, size);
	return --source->budget > 0 ? 0 : DRAINED_ENOUGH;
}

/* What the last one who wanted to hear of all has left unread is old news to the next. */
static int on_exits_record(void *arg, void *data, size_t size)
{
	const struct bpf_source *source = arg;

	return source->switches->tells_all ? on_ring_record(arg, data, size) : 0;
}

static void unmap_exits(struct bpf_source *source)
{
	ring_buffer__free(source->exits);
	source->exits = NULL;
}

static struct bpf_source *new_source(const struct bpf_source_options *options)
{
	struct bpf_source *source = calloc(1, sizeof(*source));

	if (!source)
		return NULL;
	source->pin_dir = strdup(options->pin_dir);
	source->pin_dir_fd = source->scan_link = source->launch = -1;
	source->ephemeral = options->ephemeral;
	for (size_t i = 0; i < _MAP_MAX; i++)
		source->maps[i] = -1;
	if (source->pin_dir)
		return source;
	free(source);
	return NULL;
}

static int open_skeleton(struct bpf_source *source, const struct bpf_source_options *options,
			 char error[static BPF_SOURCE_ERROR_SIZE])
{
	struct bpf_object_open_opts opts = {.sz = sizeof(opts), .btf_custom_path = options->btf};
	struct obit_bpf *skel = obit_bpf__open_opts(&opts);
	int r;

	if (!skel)
		return fail(error, -errno, "cannot open the kernel side's programs: %s",
			    strerror(errno));
	r = load(source, options, skel, error);
	obit_bpf__destroy(skel);
	return r;
}

int bpf_source_open(const struct bpf_source_options *options, bpf_source_record_fn *on_record,
		    void *arg, struct bpf_source **ret, char error[static BPF_SOURCE_ERROR_SIZE])
{
	struct bpf_source *source = new_source(options);
	int r;

	if (!source)
		return fail(error, -ENOMEM, "out of memory");
	libbpf_set_print(on_libbpf_message);
	source->on_record = on_record;
	source->arg = arg;
	r = lock_pin_dir(source, error);
	if (r == 0) {
		r = open_skeleton(source, options, error);
		if (r < 0 && !source->took_over)
			source->ephemeral = true; /* nothing half-done is left */
	} else {
		source->ephemeral = false; /* the directory is somebody else's */
	}
	if (r == 0) {
		source->ring = ring_buffer__new(source->maps[MAP_EVENTS], on_ring_record, source,
						NULL);
		if (!source->ring)
			r = fail(error, -errno, "cannot map the ring: %s", strerror(errno));
	}
	if (r < 0) {
		bpf_source_close(source);
		return r;
	}
	*ret = source;
	return 0;
}

void bpf_source_close(struct bpf_source *source)
{
	if (!source)
		return;
	if (source->switches) { /* the pinned programs live on, and the pid may be somebody else's */
		bpf_source_set_spawner(source, 0);
		bpf_source_tell_all(source, false);
		munmap(source->switches, sizeof(*source->switches));
	}
	unmap_exits(source);
	ring_buffer__free(source->ring);
	if (source->slots)
		munmap(source->slots, sizeof(*source->slots));
	if (source->stats)
		munmap((void *)(uintptr_t)source->stats, sizeof(*source->stats));
	if (source->ephemeral && source->pin_dir_fd >= 0) {
		remove_pins(source);
		rmdir(source->pin_dir);
	}
	for (size_t i = 0; i < source->link_count; i++)
		close_fdp(&source->links[i]);
	for (size_t i = 0; i < _MAP_MAX; i++)
		close_fdp(&source->maps[i]);
	close_fdp(&source->scan_link);
	close_fdp(&source->launch);
	close_fdp(&source->pin_dir_fd);
	free(source->pin_dir);
	free(source);
}

/* A link that was detached by force (bpftool link detach) keeps its descriptor but has no program. */
bool bpf_source_is_attached(const struct bpf_source *source)
{
	for (size_t i = 0; i < source->link_count; i++) {
		struct bpf_link_info info = {0};
		__u32 length = sizeof(info);

		if (bpf_obj_get_info_by_fd(source->links[i], &info, &length) < 0 || !info.prog_id)
			return false;
	}
	return source->link_count > 0;
}

static uint64_t missed_by(int link)
{
	struct bpf_link_info link_info = {0};
	struct bpf_prog_info info = {0};
	__u32 length = sizeof(link_info);
	_cleanup_close_ int program = -1;

	if (bpf_obj_get_info_by_fd(link, &link_info, &length) < 0)
		return 0;
	program = bpf_prog_get_fd_by_id(link_info.prog_id);
	length = sizeof(info);
	if (program < 0 || bpf_obj_get_info_by_fd(program, &info, &length) < 0)
		return 0;
	return info.recursion_misses;
}

uint64_t bpf_source_missed_runs(const struct bpf_source *source)
{
	uint64_t missed = 0;

	for (size_t i = 0; i < source->link_count; i++)
		missed += missed_by(source->links[i]);
	return missed;
}

bool bpf_source_took_over(const struct bpf_source *source)
{
	return source->took_over;
}

const __u32 *bpf_source_host_namespaces(const struct bpf_source *source)
{
	return source->switches->host_namespaces;
}

int bpf_source_fd(const struct bpf_source *source)
{
	return ring_buffer__epoll_fd(source->ring);
}

int bpf_source_drain(struct bpf_source *source)
{
	int r;

	if (!source->switches->tells_all)
		unmap_exits(source);
	source->budget = BPF_SOURCE_RECORDS_A_TURN;
	r = ring_buffer__consume(source->ring);
	if (r >= 0 && source->exits)
		r = ring_buffer__consume(source->exits);
	return r == DRAINED_ENOUGH ? BPF_SOURCE_RECORDS_A_TURN : r;
}

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

static int set_prefixes(int map, const struct bpf_prefix *prefixes, size_t count)
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

int bpf_source_set_paths(struct bpf_source *source, const struct bpf_prefix *prefixes, size_t count)
{
	int r = set_prefixes(source->maps[MAP_PATH_PREFIXES], prefixes, count);

	source->switches->watches_paths = count > 0;
	return r;
}

int bpf_source_set_cgroups(struct bpf_source *source, const struct bpf_prefix *prefixes,
			   size_t count)
{
	int r = set_prefixes(source->maps[MAP_CGROUP_PREFIXES], prefixes, count);

	source->switches->watches_cgroups = count > 0;
	return r;
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

int bpf_source_scan(struct bpf_source *source)
{
	__u64 before = source->stats->scanned;
	int r = run_iterator(source->scan_link);

	if (r < 0)
		return r;
	return (int)(*(const volatile __u64 *)&source->stats->scanned - before);
}

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

bool bpf_source_sees_signals(const struct bpf_source *source)
{
	return source->sees_signals;
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

/* Its bell rings with the other one's, until it is freed. */
static int map_exits(struct bpf_source *source)
{
	struct epoll_event event = {.events = EPOLLIN};
	int r;

	source->exits = ring_buffer__new(source->maps[MAP_EXITS], on_exits_record, source, NULL);
	if (!source->exits)
		return -errno;
	if (epoll_ctl(ring_buffer__epoll_fd(source->ring), EPOLL_CTL_ADD,
		      ring_buffer__epoll_fd(source->exits), &event) < 0) {
		r = -errno;
		unmap_exits(source);
		return r;
	}
	ring_buffer__consume(source->exits); /* old news */
	return 0;
}

/* It is unmapped by the next reading: this one may be called amid one. */
int bpf_source_tell_all(struct bpf_source *source, bool all)
{
	int r = all && !source->exits ? map_exits(source) : 0;

	__atomic_store_n(&source->switches->tells_all, all && r == 0, __ATOMIC_RELEASE);
	return r;
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

int bpf_source_launch_fd(const struct bpf_source *source)
{
	return source->launch;
}

void bpf_source_set_spawner(struct bpf_source *source, __u32 tgid)
{
	__atomic_store_n(&source->switches->spawner_tgid, tgid, __ATOMIC_RELEASE);
}

void bpf_source_set_recipe_max(struct bpf_source *source, __u32 bytes)
{
	__atomic_store_n(&source->switches->recipe_max, bytes, __ATOMIC_RELEASE);
}

__u64 bpf_source_ring_bytes(const struct bpf_source *source)
{
	return source->ring_bytes;
}

void bpf_source_stats(const struct bpf_source *source, struct obit_stats *ret)
{
	memcpy(ret, source->stats, sizeof(*ret));
}
