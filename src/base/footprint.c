// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/footprint.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define PIECE (128 * 1024) /* as the library begins with */

/* Left alone, the library keeps as much of what was freed as the largest piece of it that there ever was, which is
 * megabytes, once a client has read too slowly. */
void footprint_limit(void)
{
	mallopt(M_MMAP_THRESHOLD, PIECE);
	mallopt(M_TRIM_THRESHOLD, PIECE);
}

/* What nobody has written to is still as the file has it. */
static int unmap_pages(struct dl_phdr_info *object, size_t size, void *arg)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)arg;
	for (ElfW(Half) i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		uintptr_t begin = object->dlpi_addr + segment->p_vaddr;
		uintptr_t end = begin + segment->p_memsz;

		if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W))
			madvise((void *)(begin / page * page), end - begin / page * page,
				MADV_DONTNEED);
	}
	return 0;
}

void footprint_trim(void)
{
	malloc_trim(0);
}

void footprint_shrink(void)
{
	footprint_trim();
	dl_iterate_phdr(unmap_pages, NULL);
}
