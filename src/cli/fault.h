/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The fault of an obituary in words. Pure; strings are safe to print and freed by the caller. */
#ifndef OBIT_CLI_FAULT_H
#define OBIT_CLI_FAULT_H

#include <json-c/json.h>

/* For everybody: "it accessed address 0x0 (nothing is mapped there: a null pointer)"; NULL where
 * nothing is known of a fault. */
char *fault_words(struct json_object *death);

/* For those who know the codes: "SEGV_MAPERR at 0x0"; NULL where nothing is known of a fault. */
char *fault_code(struct json_object *death);

/* Its address, of data or of an instruction; NULL where it is not known. */
char *fault_address(struct json_object *death);

#endif
