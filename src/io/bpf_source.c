// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The programs, from their loading to their end; the rings, and the switches that the programs look at. */
#include "io/bpf_source_internal.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Woverlength-strings"
#include "obit.skel.h"
#pragma GCC diagnostic pop

#define DRAINED_ENOUGH (-EAGAIN)
#define FEW_AT_LEAST   4096 /* signals and cgroups, however few processes may be followed */

#define MESSAGE_LINES 12

#define TWICE_THREE 6 /* programs for execs and deaths, which come first */

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

/* ---- what the kernel has ---- */

static void choose_preempted(struct obit_bpf *skel, bool load)
{
	struct bpf_program *const programs[] = {
		skel->progs.obit_exec_first,  skel->progs.obit_exec_second,
		skel->progs.obit_exec_third,  skel->progs.obit_exit_first,
		skel->progs.obit_exit_second, skel->progs.obit_exit_third,
		skel->progs.obit_wakeup_new,  skel->progs.obit_free,
	};

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		bpf_program__set_autoload(programs[i], load);
	bpf_map__set_autocreate(skel->maps.marks, load);
}

static void choose_programs(struct obit_bpf *skel, const bool *has)
{
	bool says_dead = has[KERNEL_LAST_THREAD];
	bool whole = has[KERNEL_WHOLE_RUNS];

	bpf_program__set_autoload(skel->progs.obit_fork, whole);
	bpf_program__set_autoload(skel->progs.obit_exec, whole);
	bpf_program__set_autoload(skel->progs.obit_exit, says_dead && whole);
	bpf_program__set_autoload(skel->progs.obit_exit_before_6_16, !says_dead && whole);
	choose_preempted(skel, !whole);
	if (says_dead)
		bpf_map__set_max_entries(skel->maps.claims, 1);
	bpf_program__set_autoload(skel->progs.obit_signal, has[KERNEL_SIGNALS]);
	bpf_program__set_autoload(skel->progs.obit_cgroup_mkdir, has[KERNEL_CGROUPS]);
	bpf_program__set_autoload(skel->progs.obit_cgroup_rmdir, has[KERNEL_CGROUPS]);
	bpf_program__set_autoload(skel->progs.obit_cgroup_attach, has[KERNEL_CGROUPS]);
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
		struct bpf_map *map = bpf_object__find_map_by_name(skel->obj,
								   bpf_source_map_names[i]);

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

static int attach_program(struct bpf_source *source, struct bpf_program *program)
{
	const char *name = bpf_program__name(program);
	struct bpf_link *link;
	int fd;

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
	return bpf_source_pin_link(source, fd, name);
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
			return bpf_source_fail(error, r, "cannot attach %s: %s",
					       bpf_program__name(program), strerror(-r));
	}
	bpf_source_drop_other_links(source, skel->obj);
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
	/* An instance takes a piece, and its recipe mostly one or two. */
	if (processes / 2 > bpf_map__max_entries(skel->maps.state))
		bpf_map__set_max_entries(skel->maps.state, processes / 2);
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
	source->thrice = bpf_program__autoload(skel->progs.obit_exit_third);
	r = bpf_source_prepare_pins(source, skel->obj);
	if (r < 0)
		return bpf_source_fail(error, r, "%s: cannot prepare the pins: %s", source->pin_dir,
				       strerror(-r));
	memcpy(skel->bss->own_namespaces, options->namespaces, sizeof(options->namespaces));
	skel->bss->recipe_max = options->recipe_max;
	source->ring_bytes = bpf_map__max_entries(skel->maps.events);
	skel->rodata->lazy_limit = source->ring_bytes / 4;
	r = obit_bpf__load(skel);
	if (r < 0)
		return bpf_source_fail(error, r, "the kernel does not take the programs: %s%s",
				       strerror(-r), load_hint(-r));
	r = bpf_source_write_schema(source);
	if (r < 0)
		return bpf_source_fail(error, r, "%s: cannot pin: %s", source->pin_dir,
				       strerror(-r));
	r = keep_maps(source, skel);
	if (r < 0)
		return bpf_source_fail(error, r, "cannot keep the maps: %s", strerror(-r));
	r = learn_landlock(source, skel, options->confined);
	if (r < 0)
		return bpf_source_fail(error, r, "cannot read the kernel's processes: %s",
				       strerror(-r));
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
		return bpf_source_fail(error, -errno, "cannot open the kernel side's programs: %s",
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
		return bpf_source_fail(error, -ENOMEM, "out of memory");
	libbpf_set_print(on_libbpf_message);
	source->on_record = on_record;
	source->arg = arg;
	r = bpf_source_lock_pins(source, error);
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
			r = bpf_source_fail(error, -errno, "cannot map the ring: %s",
					    strerror(errno));
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
		bpf_source_remove_pins(source);
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
	uint64_t missed = __atomic_load_n(&source->switches->narrow, __ATOMIC_RELAXED);

	for (size_t i = source->thrice ? TWICE_THREE : 0; i < source->link_count; i++)
		missed += missed_by(source->links[i]);
	return missed;
}

bool bpf_source_took_over(const struct bpf_source *source)
{
	return source->took_over;
}

const __u32 *bpf_source_own_namespaces(const struct bpf_source *source)
{
	return source->switches->own_namespaces;
}

const __u32 *bpf_source_init_namespaces(const struct bpf_source *source)
{
	return source->switches->init_namespaces;
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

int bpf_source_set_paths(struct bpf_source *source, const struct bpf_prefix *prefixes, size_t count)
{
	int r = bpf_source_set_prefixes(source->maps[MAP_PATH_PREFIXES], prefixes, count);

	source->switches->watches_paths = count > 0;
	return r;
}

int bpf_source_set_cgroups(struct bpf_source *source, const struct bpf_prefix *prefixes,
			   size_t count)
{
	int r = bpf_source_set_prefixes(source->maps[MAP_CGROUP_PREFIXES], prefixes, count);

	source->switches->watches_cgroups = count > 0;
	return r;
}

int bpf_source_scan(struct bpf_source *source)
{
	__u64 before = source->stats->scanned;
	int r = run_iterator(source->scan_link);

	if (r < 0)
		return r;
	return (int)(*(const volatile __u64 *)&source->stats->scanned - before);
}

bool bpf_source_sees_signals(const struct bpf_source *source)
{
	return source->sees_signals;
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
