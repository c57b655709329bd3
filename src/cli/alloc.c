// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/protocol.h"

static _Noreturn void out_of_memory(void)
{
	log_error("out of memory");
	exit(OBIT_EXIT_FAILED);
}

void *must_realloc(void *old, size_t count, size_t size)
{
	void *new = reallocarray(old, count, size);

	if (!new)
		out_of_memory();
	return new;
}

char *must_printf(const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		out_of_memory();
	return text;
}

void draft_open(struct draft *draft)
{
	*draft = (struct draft){0};
	draft->out = open_memstream(&draft->text, &draft->size);
	if (!draft->out)
		out_of_memory();
}

char *draft_close(struct draft *draft)
{
	if (fclose(draft->out) != 0 || !draft->text)
		out_of_memory();
	draft->out = NULL;
	return TAKE_PTR(draft->text);
}
