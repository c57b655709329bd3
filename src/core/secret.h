/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What in an environment is not for every eye. Pure. */
#ifndef OBIT_CORE_SECRET_H
#define OBIT_CORE_SECRET_H

#include <stdbool.h>

/* How much of an environment is shown. */
enum secret_view {
	SECRET_NAMES,  /* the names alone */
	SECRET_MASKED, /* the values too, but of what looks like a secret */
	SECRET_ALL,
};

/* True for "NAME=value" that looks like a secret: by its name (KEY, TOKEN, SECRET, PASS, CREDENTIAL, AUTH in it, or
 * PWD behind something), or by a password in an URL. */
bool secret_is_variable(const char *entry);

/* True if the value of `entry` is not to be shown in this view. */
bool secret_is_hidden(const char *entry, enum secret_view view);

#endif
