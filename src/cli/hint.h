/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What exit statuses usually mean. Pure. */
#ifndef OBIT_CLI_HINT_H
#define OBIT_CLI_HINT_H

#include <json-c/json.h>

/* What often stands behind the exit status of a death, as a remark on it: "as a shell does when a
 * command is not found"; NULL where the number alone says nothing. Freed by the caller. */
char *hint_exit(struct json_object *death);

#endif
