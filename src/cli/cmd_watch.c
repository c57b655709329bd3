// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* obit watch, obit unwatch */
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/protocol.h"
#include "cli/alloc.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/value.h"

static void add_setting(struct json_object *settings, const char *key, const char *value)
{
	_cleanup_free_ char *word = must_printf("%s%s%s", key, *key ? "=" : "", value);

	json_object_array_add(settings, json_object_new_string(word));
}

/* A path may have a '=' in it, a key has no '/'. */
static bool is_setting(const char *word)
{
	return *word != '/' && strchr(word, '=');
}

/* A key without its value, where what to watch has been said; else it is a path that the daemon judges. NULL: none. */
static const char *stray_word(const struct invocation *inv)
{
	for (size_t i = inv->cgroup || inv->pid ? 0 : 1; i < inv->n_words; i++)
		if (*inv->words[i] != '/' && !strchr(inv->words[i], '='))
			return inv->words[i];
	return NULL;
}

static struct json_object *settings_of(const struct invocation *inv)
{
	struct json_object *settings = json_object_new_array();

	if (inv->cgroup)
		add_setting(settings, "cgroup", inv->cgroup);
	if (inv->pid)
		add_setting(settings, "pid", inv->pid);
	for (size_t i = 0; i < inv->n_words; i++)
		add_setting(settings, is_setting(inv->words[i]) ? "" : "path", inv->words[i]);
	return settings;
}

static int tell(const struct invocation *inv, const struct request *request)
{
	_cleanup_reply_ struct reply reply = {0};
	_cleanup_free_ char *message = NULL, *refusal = NULL, *remark = NULL;
	int r = ask(inv, request, &reply);

	if (r != OBIT_EXIT_OK)
		return r;
	if (option_given(inv, OPTION_JSON)) {
		json_print(stdout, reply.data, true);
		return r;
	}
	message = member_text(reply.data, "message");
	printf("%s\n", message);
	refusal = value_text(member(reply.data, "refusal"));
	if (!refusal)
		return r;
	remark = must_printf("It would not be respawned: %s.", refusal);
	term_wrap(stdout, &inv->term, STYLE_YELLOW, 0, remark);
	return r;
}

int cmd_watch(const struct invocation *inv)
{
	_cleanup_json_ struct json_object *settings = settings_of(inv);
	struct request request = {
		.command = "watch", .count = -1, .settings = settings, .shape = json_type_object};
	const char *stray = stray_word(inv);

	if (stray) {
		log_error("watch: %s: expected KEY=VALUE", stray);
		return OBIT_EXIT_USAGE;
	}
	return tell(inv, &request);
}

int cmd_unwatch(const struct invocation *inv)
{
	struct request request = {
		.command = "unwatch", .name = inv->name, .count = -1, .shape = json_type_object};

	return tell(inv, &request);
}
