/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Memory that is not needed any more goes back to the system. */
#ifndef OBIT_BASE_FOOTPRINT_H
#define OBIT_BASE_FOOTPRINT_H

/* What a burst takes is given back after it, from now on. */
void footprint_limit(void);

/* Now: freed memory, also between what is in use. Cheap where there is little of it. */
void footprint_trim(void);

/* The same, and the pages of programs and libraries that have been read: what is needed of them again is mapped
 * again, from the page cache. Memory that is locked stays. */
void footprint_shrink(void);

#endif
