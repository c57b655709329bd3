/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bytes from the ring into typed records, lengths checked. Pure. */
#ifndef OBIT_CORE_DECODE_H
#define OBIT_CORE_DECODE_H

#include <stddef.h>

#include "bpf/abi.h"

struct event {
	enum obit_record_type type;
	const struct obit_key *key;
	union {
		const struct obit_letter *letter;    /* FORK, EXIT, MOVE */
		const struct obit_text_record *text; /* TEXT: length bytes of data are there */
		const struct obit_exec_record *exec; /* EXEC */
		const struct obit_exit *exit;	     /* UNWATCHED */
	};
};

/* Reads one record of `size` bytes, 8-byte aligned. The event points into `data`. Returns 0, or
 * -EBADMSG for a record that is too short, of an unknown type, or that contradicts itself; then
 * ret is untouched. */
int decode_record(const void *data, size_t size, struct event *ret);

#endif
