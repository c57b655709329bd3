/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sizes in few words. Pure. */
#ifndef OBIT_CLI_AMOUNT_H
#define OBIT_CLI_AMOUNT_H

#include <json-c/json.h>
#include <stdint.h>

/* "512 MiB", "1.2 GiB", "900 bytes": at most one digit after the point, and none where it says
 * nothing. Freed by the caller. */
char *amount_of_bytes(uint64_t bytes);

/* A member that counts units of `unit` bytes as amount_of_bytes() says it; NULL where there is none.
 * Freed by the caller. */
char *member_amount(struct json_object *object, const char *key, uint64_t unit);

#endif
