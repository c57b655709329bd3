// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Takes one word out of a command line in place. Returns NULL at the end. */
static char *next_word(char **rest)
{
	char *in = *rest + strspn(*rest, " \t"), *word = in, *out = in, quote = '\0';

	if (!*in)
		return NULL;
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
	return word;
}

int command_split(const char *text, char **ret_words, const char ***ret_argv)
{
	char *rest, *word;
	size_t n = 0;

	*ret_words = strdup(text);
	*ret_argv = calloc(strlen(text) + 1, sizeof(**ret_argv));
	if (!*ret_words || !*ret_argv)
		return -ENOMEM;
	rest = *ret_words;
	while ((word = next_word(&rest)))
		(*ret_argv)[n++] = word;
	return n ? 0 : -EINVAL;
}
