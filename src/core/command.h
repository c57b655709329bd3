/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A command line of the configuration, as words. There is no shell: blanks separate, '...' and "..." quote,
 * and a backslash takes the next character as it is outside of '...'. Pure. */
#ifndef OBIT_CORE_COMMAND_H
#define OBIT_CORE_COMMAND_H

/* Splits `text`. *ret_argv, NULL-terminated, points into *ret_words; both are the caller's to free, also on
 * failure. 0 or -ENOMEM; -EINVAL where there is no word, -EILSEQ where a quote is not closed. */
int command_split(const char *text, char **ret_words, const char ***ret_argv);

#endif
