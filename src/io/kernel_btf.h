/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What this kernel has, asked of its type information (BTF), never of its version. */
#ifndef OBIT_IO_KERNEL_BTF_H
#define OBIT_IO_KERNEL_BTF_H

#include <stdbool.h>

#include "core/kernel.h"

#define KERNEL_BTF	      "/sys/kernel/btf/vmlinux"
#define KERNEL_BTF_ERROR_SIZE 320

/* Reads the type information at `path`, and says of each feature whether it is there. On failure -errno, and one
 * sentence in `error`: -EBADMSG where it is no BTF, -EOPNOTSUPP where a hook is missing that obit cannot do without. */
int kernel_btf_read(const char *path, bool ret_has[static _KERNEL_FEATURE_MAX],
		    char error[static KERNEL_BTF_ERROR_SIZE]);

#endif
