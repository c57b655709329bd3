// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What happens to a finished obituary: memory, its watch, the history on disk, followers. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/protocol.h"
#include "daemon/daemon.h"
#include "daemon/put.h"

#define LOAD_MAX    (1024 * 1024) /* bytes of the history that are read at the start */
#define PENDING_MAX (512 * 1024)  /* bytes of obituaries in one answer */

/* ---- in memory ---- */

static const struct published *nth_newest(const struct daemon *daemon, size_t n)
{
	return &daemon->published[(daemon->published_next + HISTORY_SIZE - 1 - n) % HISTORY_SIZE];
}

/* 0 or -ENOMEM; then nothing has changed. */
static int set_line(struct published *place, const char *line, size_t length, uint64_t number)
{
	char *copy = malloc(length);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, line, length);
	free(place->line);
	place->line = copy;
	place->length = length;
	place->number = number;
	return 0;
}

/* Instead of the oldest one. 0 or -ENOMEM. */
static int put_in_memory(struct daemon *daemon, const char *line, size_t length, uint64_t number)
{
	struct published *place = &daemon->published[daemon->published_next];
	int r = set_line(place, line, length, number);

	if (r < 0)
		return r;
	place->loaded = !number;
	daemon->published_next = (daemon->published_next + 1) % HISTORY_SIZE;
	return 0;
}

/* A new reference; NULL for what is no object: the file may hold anything. */
static struct json_object *read_line(const char *line, size_t length)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object;

	if (!tokener)
		return NULL;
	object = json_tokener_parse_ex(tokener, line, (int)length);
	json_tokener_free(tokener);
	if (json_object_is_type(object, json_type_object))
		return object;
	json_object_put(object);
	return NULL;
}

static struct json_object *read_obituary(const struct published *published)
{
	return read_line(published->line, published->length);
}

static const char *to_line(struct json_object *json, size_t *ret_length)
{
	return json_object_to_json_string_length(
		json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, ret_length);
}

#define KEY_PATTERN_SIZE (sizeof("\"process_key\":\"\"") + PROCESS_KEY_SIZE)

/* As a line of ours has it. */
static void make_key_pattern(const char *key, char buf[static KEY_PATTERN_SIZE])
{
	snprintf(buf, KEY_PATTERN_SIZE, "\"process_key\":\"%s\"", key);
}

static bool has_pattern(const struct published *published, const char *pattern)
{
	return published->line &&
	       memmem(published->line, published->length, pattern, strlen(pattern));
}

void publish_newest(const struct daemon *daemon, publish_fn *fn, void *arg)
{
	bool go_on = true;

	for (size_t n = 0; go_on && n < HISTORY_SIZE && nth_newest(daemon, n)->line; n++) {
		struct json_object *obituary = read_obituary(nth_newest(daemon, n));

		if (!obituary)
			continue;
		go_on = fn(arg, obituary, nth_newest(daemon, n)->length);
		json_object_put(obituary);
	}
}

static const char *word(struct json_object *object, const char *key)
{
	struct json_object *value = json_object_object_get(object, key);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

const char *publish_main_of(struct json_object *obituary)
{
	const char *watch = word(obituary, "watch");

	if (!*watch || strcmp(word(obituary, "role"), process_role_name(ROLE_MAIN)) != 0 ||
	    !strcmp(word(obituary, "action"), policy_verdict_name(VERDICT_HAND_OVER)))
		return NULL;
	return watch;
}

/* ---- on disk ---- */

static void forget_trouble(struct daemon *daemon)
{
	daemon->history_error[0] = '\0';
	daemon->history_full = false;
	daemon->history_lost = history_state(daemon->history)->lost;
}

/* Once for each change, since a full disk is full for every death. */
static void log_history(struct daemon *daemon)
{
	const struct history_state *state = history_state(daemon->history);
	bool troubled = *daemon->history_error || daemon->history_full;
	uint64_t lost = state->lost - daemon->history_lost;

	if (*state->error && strcmp(state->error, daemon->history_error) != 0) {
		log_warning("history: %s; deaths are kept in memory until it works", state->error);
		memcpy(daemon->history_error, state->error, sizeof(daemon->history_error));
	}
	if (lost && !daemon->history_full) {
		log_warning("history: a death is lost: too many wait to be written, or it is too "
			    "long for history_size");
		daemon->history_full = true;
	}
	if (!troubled || *state->error || state->waiting > HISTORY_QUEUE_MAX / 2)
		return;
	if (lost)
		log_notice("history: writing works again; %" PRIu64 " death%s lost", lost,
			   lost == 1 ? " was" : "s were");
	else
		log_notice("history: writing works again; no death was lost");
	forget_trouble(daemon);
}

static void on_history(void *arg)
{
	log_history(arg);
}

void publish_open(struct daemon *daemon, uint64_t size)
{
	int r;

	if (!daemon->options->state_dir)
		return;
	r = history_new(daemon->options->state_dir, on_history, daemon, &daemon->history);
	if (r < 0) {
		log_warning("history: %s; going on without", strerror(-r));
		return;
	}
	if (size && history_start(daemon->history) < 0)
		log_history(daemon);
}

static bool is_in_memory(const struct daemon *daemon, const char *line, size_t length)
{
	for (size_t i = 0; i < HISTORY_SIZE; i++)
		if (daemon->published[i].line && daemon->published[i].length == length &&
		    !memcmp(daemon->published[i].line, line, length))
			return true;
	return false;
}

/* ---- what has become of a death ---- */

/* The death in memory, as a new object, and where it is; NULL: it is not there any more. */
static struct json_object *find_death(struct daemon *daemon, const char *key,
				      struct published **ret_place)
{
	char pattern[KEY_PATTERN_SIZE];

	make_key_pattern(key, pattern);
	for (size_t i = 0; i < HISTORY_SIZE; i++) {
		if (!has_pattern(&daemon->published[i], pattern))
			continue;
		*ret_place = &daemon->published[i];
		return read_obituary(*ret_place);
	}
	return NULL;
}

/* A new reference: what is said in a record of an outcome, without whose it is. */
static struct json_object *outcome_of(struct json_object *record)
{
	struct json_object *copy = NULL;

	if (json_object_deep_copy(record, &copy, NULL) < 0)
		return NULL;
	json_object_object_del(copy, OBIT_OUTCOME_OF);
	json_object_object_del(copy, "watch");
	return copy;
}

/* In memory a death and what has become of it are one line, which is on disk when the last of it is. */
static void join_outcome(struct daemon *daemon, struct json_object *record, uint64_t number)
{
	struct published *place;
	_cleanup_json_ struct json_object *death = find_death(daemon, word(record, OBIT_OUTCOME_OF),
							      &place);
	const char *line;
	size_t length;

	if (!death)
		return;
	put_json(death, "outcome", outcome_of(record));
	line = to_line(death, &length);
	if (!line || set_line(place, line, length, number) < 0)
		daemon_out_of_memory(daemon, "writing what has become of a death");
}

static bool load_outcome(struct daemon *daemon, const char *line, size_t length)
{
	static const char name[] = "\"" OBIT_OUTCOME_OF "\":";
	_cleanup_json_ struct json_object *record = memmem(line, length, name, strlen(name))
							    ? read_line(line, length)
							    : NULL;

	if (!*word(record, OBIT_OUTCOME_OF))
		return false;
	join_outcome(daemon, record, 0);
	return true;
}

/* One that was written twice, by a process that died before it could say so, is one death. */
static bool load_line(void *arg, const char *line, size_t length)
{
	struct daemon *daemon = arg;

	return !length || is_in_memory(daemon, line, length) ||
	       load_outcome(daemon, line, length) || put_in_memory(daemon, line, length, 0) == 0;
}

/* The kernel side's letter of it is deleted after it is told: a daemon that was killed in between has left both. Of
 * the lines only the loaded ones are looked through, and those are gone after 256 deaths. */
bool publish_has_told(const struct daemon *daemon, const struct obit_key *key)
{
	char pattern[KEY_PATTERN_SIZE], text[PROCESS_KEY_SIZE];

	render_process_key(key, text);
	make_key_pattern(text, pattern);
	for (size_t i = 0; i < HISTORY_SIZE; i++)
		if (daemon->published[i].loaded && has_pattern(&daemon->published[i], pattern))
			return true;
	return false;
}

void publish_load(struct daemon *daemon)
{
	int r;

	if (!daemon->history)
		return;
	r = history_load(daemon->options->state_dir, LOAD_MAX, load_line, daemon);
	if (r < 0)
		log_warning("history: %s cannot be read: %s; what died before is not known",
			    daemon->options->state_dir, strerror(-r));
}

void publish_configure(struct daemon *daemon)
{
	int r;

	if (!daemon->history)
		return;
	r = history_attach(daemon->history, daemon->loop);
	if (r == 0)
		r = history_set_size(daemon->history, daemon->config.history_size);
	if (r < 0)
		log_warning("history: %s; history_size has no effect", strerror(-r));
	if (!daemon->config.history_size)
		forget_trouble(daemon);
}

void publish_reaped(struct daemon *daemon, pid_t pid)
{
	if (!daemon->history || pid != history_pid(daemon->history))
		return;
	log_warning("the history's process has died; starting another");
	history_start(daemon->history);
	log_history(daemon);
}

static uint64_t put_on_disk(struct daemon *daemon, const char *line, size_t length, bool urgent)
{
	uint64_t number = HISTORY_LOST;

	if (daemon->history) {
		number = history_add(daemon->history, line, length, urgent);
		log_history(daemon);
	}
	return number;
}

/* False: no memory for it. */
static bool put_in_history(struct daemon *daemon, struct json_object *json, bool urgent)
{
	size_t length = 0;
	const char *line = to_line(json, &length);

	return line &&
	       put_in_memory(daemon, line, length, put_on_disk(daemon, line, length, urgent)) == 0;
}

/* ---- all of it ---- */

void publish_count(struct daemon *daemon, size_t watch, const struct obit_key *key)
{
	struct watch_state *state = &daemon->watches[watch];

	if (!memcmp(&state->counted, key, sizeof(*key)))
		return;
	state->deaths++;
	state->counted = *key;
	keep_watch(daemon, watch);
}

static void remember(struct daemon *daemon, size_t watch, const struct obit_key *key,
		     struct json_object *obituary)
{
	struct watch_state *state = &daemon->watches[watch];

	publish_count(daemon, watch, key);
	json_object_put(state->last_death);
	state->last_death = json_object_get(obituary);
}

void publish_obituary(struct daemon *daemon, const struct obituary *obituary, ssize_t watch)
{
	struct json_object *json = render_obituary(obituary);
	bool matters = watch >= 0 && obituary->role == ROLE_MAIN &&
		       obituary->decision->verdict != VERDICT_HAND_OVER;

	if (!json ||
	    !put_in_history(daemon, json, matters && daemon->config.watches[watch].critical))
		daemon_out_of_memory(daemon, "writing an obituary");
	if (json && matters)
		remember(daemon, (size_t)watch, &obituary->process->key, json);
	if (json)
		death_log_entry(daemon, obituary, json);
	if (json && daemon->control)
		control_publish(daemon->control, CONTROL_WATCHED, json);
	if (json && matters)
		hook_events_exit(daemon, (size_t)watch, obituary->process->instance, json);
	json_object_put(json);
}

/* Which every reader of that death shares: `ls`, the hooks to come. */
static void join_last_death(struct json_object *death, struct json_object *record)
{
	if (death && !strcmp(word(death, "process_key"), word(record, OBIT_OUTCOME_OF)))
		put_json(death, "outcome", outcome_of(record));
}

void publish_outcome(struct daemon *daemon, size_t watch, struct json_object *record)
{
	size_t length = 0;
	const char *line = to_line(record, &length);

	if (!line) {
		daemon_out_of_memory(daemon, "writing what has become of a death");
		return;
	}
	join_outcome(daemon, record,
		     put_on_disk(daemon, line, length, daemon->config.watches[watch].critical));
	join_last_death(daemon->watches[watch].last_death, record);
	if (daemon->control)
		control_publish(daemon->control, CONTROL_WATCHED, record);
}

/* How many of the newest an answer has room for. */
static size_t answerable(const struct daemon *daemon)
{
	size_t n = 0, bytes = 0;

	while (n < HISTORY_SIZE && nth_newest(daemon, n)->line) {
		bytes += nth_newest(daemon, n)->length;
		if (bytes > PENDING_MAX)
			break;
		n++;
	}
	return n;
}

struct json_object *publish_log(const struct daemon *daemon, bool with_pending)
{
	struct json_object *answer = json_object_new_object(), *pending = json_object_new_array();
	bool on_disk = daemon->history && daemon->config.history_size;

	for (size_t n = with_pending ? answerable(daemon) : 0; n > 0; n--) {
		const struct published *published = nth_newest(daemon, n - 1);

		struct json_object *obituary = NULL;

		if (!on_disk || !history_has(daemon->history, published->number))
			obituary = read_obituary(published);
		if (obituary)
			append_json(pending, obituary);
	}
	put_json(answer, "state_dir",
		 on_disk ? json_object_new_string(daemon->options->state_dir) : NULL);
	put_json(answer, "pending", pending);
	return answer;
}

static void stop_history(struct daemon *daemon)
{
	const struct history_state *state = history_state(daemon->history);
	uint64_t before = state->lost, lost;

	history_stop(daemon->history);
	lost = state->lost - before;
	if (lost)
		log_warning("history: %" PRIu64 " death%s could not be written any more%s%s", lost,
			    lost == 1 ? "" : "s", *state->error ? ": " : "", state->error);
}

void publish_close(struct daemon *daemon)
{
	if (daemon->history)
		stop_history(daemon);
	history_free(daemon->history);
	for (size_t i = 0; i < HISTORY_SIZE; i++)
		free(daemon->published[i].line);
}
