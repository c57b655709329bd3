/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Asking the daemon, and telling in one sentence why there is no answer. */
#ifndef OBIT_CLI_ASK_H
#define OBIT_CLI_ASK_H

#include <json-c/json.h>

#include "cli/client.h"
#include "cli/options.h"

struct request {
	const char *command;
	const char *name;   /* NULL: without */
	const char *signal; /* NULL: without */
	int count;	    /* negative: without */
	bool all;	    /* of every process, not of those watched alone; or every watch */
	bool secrets;	    /* unmasked */
	uint64_t for_ns;    /* 0: without */
	struct json_object *settings; /* NULL: without; borrowed */
	enum json_type shape; /* what the data of a good reply is; anything else is a failure */
};

struct reply {
	int exit;		  /* enum obit_exit_status */
	char *error;		  /* a sentence, where exit is not 0 */
	struct json_object *data; /* of the shape that was asked for, where exit is 0 */
};

void reply_release(struct reply *reply);
#define _cleanup_reply_ _cleanup_(reply_release)

/* Reads a reply's envelope. `object` stays the caller's; what is no reply, or has data of another
 * shape, is a failure. */
void reply_parse(struct json_object *object, enum json_type shape, struct reply *ret);

/* Connects, asks, waits for the reply and returns its exit status; *ret is always filled and says
 * nothing to anybody. A `stream` that is not NULL gets the connection where that is 0. */
int ask_quietly(const struct invocation *inv, const struct request *request, struct reply *ret,
		struct client *stream);

/* The same, but a failure has been written to standard error. */
int ask(const struct invocation *inv, const struct request *request, struct reply *ret);

#endif
