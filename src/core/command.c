// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Takes one word out of a command line in place: 1, 0 at the end, or -EILSEQ where a quote is still open there. */
static int next_word(char **rest, const char **ret)
{
	char *in = *rest + strspn(*rest, " \t"), *out = in, quote = '\0';

	if (!*in)
		return 0;
	*ret = in;
	for (; *in && (quote || !strchr(" \t", *in)); in++) {
		if (quote ? *in == quote : (*in == '\'' || *in == '"'))
			quote = quote ? '\0' : *in;
		else if (*in == '\\' && quote != '\'' && in[1])
			*out++ = *++in;
		else
			*out++ = *in;
	}
	*rest = *in ? in + 1 : in;
	*out = '\0';
	return quote ? -EILSEQ : 1;
}

int command_split(const char *text, char **ret_words, const char ***ret_argv)
{
	char *rest;
	size_t n = 0;
	int r;

	*ret_words = strdup(text);
	*ret_argv = calloc(strlen(text) + 1, sizeof(**ret_argv));
	if (!*ret_words || !*ret_argv)
		return -ENOMEM;
	rest = *ret_words;
	while ((r = next_word(&rest, &(*ret_argv)[n])) > 0)
		n++;
	return r < 0 ? r : n ? 0 : -EINVAL;
}
