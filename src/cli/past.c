// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/past.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/protocol.h"
#include "cli/act.h"
#include "cli/alloc.h"
#include "cli/history.h"
#include "cli/value.h"

struct wanted {
	const char *watch;	/* NULL: any */
	int64_t pid;		/* 0: any */
	struct death_set known; /* from the daemon */
	bool any;		/* death was there to look at */
};

/* Of a watch: the deaths of its main processes, but not that a parent left when it had gone into the
 * background. Of a pid: any. Of NAME@PID: what both say. */
static bool is_wanted(struct json_object *death, void *arg)
{
	struct wanted *wanted = arg;
	int64_t pid;

	wanted->any = true;
	if (death_set_has(&wanted->known, death))
		return false;
	if (wanted->pid && (!member_int(death, "pid", &pid) || pid != wanted->pid))
		return false;
	if (!wanted->watch)
		return true;
	return !strcmp(member_word(death, "watch"), wanted->watch) &&
	       !strcmp(member_word(death, "role"), "main") &&
	       strcmp(member_word(death, "action"), "hand-over") != 0;
}

char *past_directory(const struct invocation *inv, bool answers)
{
	struct request request = {.command = "log", .count = 0, .shape = json_type_object};
	_cleanup_reply_ struct reply reply = {0};
	const char *its;

	if (inv->state_dir)
		return strdup(inv->state_dir);
	if (!answers || ask_quietly(inv, &request, &reply, NULL) != OBIT_EXIT_OK)
		return strdup(OBIT_DEFAULT_STATE_DIR);
	its = member_word(reply.data, "state_dir");
	return *its ? strdup(its) : NULL;
}

/* Puts what the disk has behind what the daemon had. */
static void add_older(struct json_object *deaths, struct json_object *older)
{
	for (size_t i = array_length(older); i > 0; i--)
		json_object_array_add(deaths, json_object_get(array_item(older, i - 1)));
}

/* Without a daemon nobody knows whether there is such a watch; but the disk could be asked, and has an answer. */
static void tell_absence(const char *name, const char *directory, struct reply *reply)
{
	_cleanup_free_ char *before = reply->error;

	reply->error = must_printf("%s, and no death of %s is on disk in %s", before, name,
				   directory);
	reply->exit = OBIT_EXIT_FAILED;
}

/* False: of pid 0, which is nobody's. */
static bool split_name(const char *name, struct wanted *wanted, char **ret_watch)
{
	size_t length = strlen(name);

	if (strspn(name, "0123456789") == length) {
		wanted->pid = strtoll(name, NULL, 10);
		return wanted->pid;
	}
	if (act_split_name(name, &length, &wanted->pid) && !wanted->pid)
		return false;
	wanted->watch = *ret_watch = must_printf("%.*s", (int)length, name);
	return true;
}

static void look_on_disk(const struct invocation *inv, size_t most, struct reply *reply)
{
	_cleanup_free_ char *directory = NULL, *watch = NULL;
	_cleanup_json_ struct json_object *older = NULL;
	struct wanted wanted = {0};

	if (!split_name(inv->name, &wanted, &watch))
		return;
	directory = past_directory(inv, reply->exit != OBIT_EXIT_NO_DAEMON);
	for (size_t i = 0; i < array_length(reply->data); i++)
		death_set_add(&wanted.known, array_item(reply->data, i));
	if (directory)
		history_read(directory, is_wanted, &wanted, most, &older);
	death_set_release(&wanted.known);
	if (!array_length(older) && wanted.any && reply->exit == OBIT_EXIT_NO_DAEMON)
		tell_absence(inv->name, directory, reply);
	if (!array_length(older))
		return; /* the daemon's words stand */
	if (reply->exit == OBIT_EXIT_NO_DAEMON)
		log_warning("%s; this is what is on disk in %s", reply->error, directory);
	if (!reply->data)
		reply->data = json_object_new_array();
	add_older(reply->data, older);
	reply->exit = OBIT_EXIT_OK;
}

int past_deaths(const struct invocation *inv, int count, struct reply *ret)
{
	struct request request = {
		.command = "why", .name = inv->name, .count = count, .shape = json_type_array};
	size_t have;

	ask_quietly(inv, &request, ret, NULL);
	have = array_length(ret->data);
	if (have < (size_t)count && ret->exit != OBIT_EXIT_USAGE)
		look_on_disk(inv, (size_t)count - have, ret);
	return ret->exit;
}
