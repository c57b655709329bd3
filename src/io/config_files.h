/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reads configuration files, and only those that nobody but root (or the user of the daemon itself) can
 * have written: the configuration says what is run as root. */
#ifndef OBIT_IO_CONFIG_FILES_H
#define OBIT_IO_CONFIG_FILES_H

#include <stdbool.h>

#include "core/config.h"

#define CONFIG_FILES_MAX_SIZE  (1024 * 1024) /* bytes of one file */
#define CONFIG_FILES_MAX_DEPTH 8	     /* files that include one another */

/* Replaces `config` by what `main_path` and all that it includes say. `explicit` is true when the user
 * named the file, which may be an armourd.conf then; the default one may be missing. Beside the default file (not `explicit`, or
 * OBIT_DEFAULT_CONFIG by name) the *.conf in conf.d are read too, in the order of their names.
 * Returns 0; or -errno with the first problem in `ret_error`, and `config` is exactly as it was. */
int config_files_load(const char *main_path, bool explicit, struct config *config,
		      struct config_error *ret_error);

#endif
