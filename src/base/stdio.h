/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The three standard files. */
#ifndef OBIT_BASE_STDIO_H
#define OBIT_BASE_STDIO_H

/* Opens /dev/null where one of them is closed: what is opened next would be taken for it. To be called first of all. */
void stdio_fill(void);

/* /dev/null in the place of all three. */
void stdio_let_go(void);

#endif
