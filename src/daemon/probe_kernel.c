// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* obitd --probe: what this kernel can do for obit, and what obit does where it cannot. */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/protocol.h"
#include "daemon/daemon.h"
#include "io/kernel_btf.h"
#include "io/proc.h"

#define FEW_PROCESSES  128
#define SMALL_RING     65536
#define WATCHDOG_CLASS "/sys/class/watchdog"

static void ignore_record(void *arg, const void *data, size_t size)
{
	(void)arg;
	(void)data;
	(void)size;
}

static void tell(bool has, const char *what, const char *without)
{
	if (has)
		printf("  yes  %s\n", what);
	else
		printf("  no   %s:\n       %s\n", what, without);
}

/* The only sure answer: loads and attaches all of it for a moment, with pins of its own. */
static int try_programs(const struct options *options, const bool *has)
{
	char pin_dir[PATH_MAX], error[BPF_SOURCE_ERROR_SIZE];
	struct bpf_source_options source_options = {
		.pin_dir = pin_dir,
		.btf = options->btf,
		.has = has,
		.ephemeral = true,
		.max_processes = FEW_PROCESSES,
		.ring_bytes = SMALL_RING,
	};
	struct bpf_source *source = NULL;
	int r;

	snprintf(pin_dir, sizeof(pin_dir), "%s-probe-%d", options->pin_dir, (int)getpid());
	(void)proc_namespaces(getpid(), source_options.namespaces); /* nothing is compared */
	r = bpf_source_open(&source_options, ignore_record, NULL, &source, error);
	tell(r == 0, "takes obit's programs, and runs them", error);
	bpf_source_close(source);
	return r;
}

static void tell_cgroups(void)
{
	static const char *const names[CGROUPFS_HIERARCHIES] = {"v2", "v1 pids", "v1 memory"};
	struct cgroupfs fs;
	bool any = false;

	puts("cgroups:");
	if (cgroupfs_init(&fs) == 0) {
		for (size_t i = 0; i < CGROUPFS_HIERARCHIES; i++)
			if (fs.at[i].mount) {
				printf("  %-9s  %s\n", names[i], fs.at[i].mount);
				any = true;
			}
		cgroupfs_clear(&fs);
	}
	if (!any)
		puts("  none is mounted: none can be watched");
}

/* What the driver calls itself; without sysfs's word, "?". */
static void tell_watchdog(const char *name)
{
	char path[PATH_MAX], identity[64] = "?";
	FILE *file;

	snprintf(path, sizeof(path), WATCHDOG_CLASS "/%s/identity", name);
	file = fopen(path, "re");
	if (file && fgets(identity, sizeof(identity), file))
		identity[strcspn(identity, "\n")] = '\0';
	if (file)
		fclose(file);
	printf("  /dev/%s: %s\n", name, identity);
}

static void tell_watchdogs(void)
{
	DIR *directory = opendir(WATCHDOG_CLASS);
	const struct dirent *entry;
	bool any = false;

	puts("watchdogs:");
	while (directory && (entry = readdir(directory)))
		if (entry->d_name[0] != '.') {
			tell_watchdog(entry->d_name);
			any = true;
		}
	if (!any)
		puts("  none");
	if (directory)
		closedir(directory);
}

int probe_kernel(const struct options *options)
{
	const char *btf = options->btf ? options->btf : KERNEL_BTF;
	bool has[_KERNEL_FEATURE_MAX];
	char error[KERNEL_BTF_ERROR_SIZE];
	struct utsname host;
	int r;

	if (uname(&host) == 0)
		printf("kernel: %s %s %s\n", host.sysname, host.release, host.machine);
	r = kernel_btf_read(btf, has, error);
	tell(r == 0, "tells its types (BTF), and has the hooks that obit needs", error);
	if (r == 0)
		r = try_programs(options, has);
	for (size_t i = 0; r == 0 && i < _KERNEL_FEATURE_MAX; i++)
		tell(has[i], kernel_feature_name((enum kernel_feature)i),
		     kernel_feature_without((enum kernel_feature)i));
	tell_cgroups();
	tell_watchdogs();
	return r;
}
