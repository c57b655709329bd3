/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The cause of a death in one sentence, line one of `obit why`. Pure. */
#ifndef OBIT_CLI_SENTENCE_H
#define OBIT_CLI_SENTENCE_H

#include <json-c/json.h>

/* "nginx (pid 4711) was killed by SIGKILL, sent by kill (pid 812, /usr/bin/kill, root), after
 * 3h 12min." What is not known is left out. Freed by the caller. */
char *death_sentence(struct json_object *death);

#endif
