// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/history.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/lines.h"
#include "base/protocol.h"
#include "cli/value.h"

/* ---- reading ---- */

/* What could not be told to be on disk was written again. It stands near the first one, so that not all need to
 * be known. */
#define RECENT_MAX 4096
struct recent {
	struct death_set newer, older;
	size_t count; /* of the newer ones */
};

static bool is_repeated(struct recent *recent, struct json_object *death)
{
	if (death_set_has(&recent->older, death) || !death_set_add(&recent->newer, death))
		return true;
	if (++recent->count >= RECENT_MAX) {
		death_set_release(&recent->older);
		recent->older = recent->newer;
		recent->newer = (struct death_set){0};
		recent->count = 0;
	}
	return false;
}

struct reader {
	struct json_tokener *tokener;
	struct recent recent;
	struct json_object *outcomes; /* of deaths, by their process_key */
	history_death_fn *fn;
	void *arg;
};

/* A new reference, or NULL. */
static struct json_object *parse(struct reader *reader, const char *line, size_t length)
{
	json_tokener_reset(reader->tokener);
	return json_tokener_parse_ex(reader->tokener, line, (int)length);
}

/* The last word on a death counts. */
static bool take_outcome(void *arg, const char *line, size_t length)
{
	static const char name[] = "\"" OBIT_OUTCOME_OF "\"";
	struct reader *reader = arg;
	_cleanup_json_ struct json_object *outcome = NULL;
	_cleanup_free_ char *key = NULL;

	if (!memmem(line, length, name, strlen(name)))
		return true;
	outcome = parse(reader, line, length);
	key = strdup(member_word(outcome, OBIT_OUTCOME_OF));
	if (!key || !*key)
		return true;
	json_object_object_del(outcome, OBIT_OUTCOME_OF);
	json_object_object_del(outcome, "watch");
	json_object_object_add(reader->outcomes, key, TAKE_PTR(outcome));
	return true;
}

static void join_outcome(const struct reader *reader, struct json_object *death)
{
	struct json_object *outcome = member_object(reader->outcomes,
						    member_word(death, "process_key"));

	if (outcome)
		json_object_object_add(death, "outcome", json_object_get(outcome));
}

static bool take_death(void *arg, const char *line, size_t length)
{
	struct reader *reader = arg;
	_cleanup_json_ struct json_object *death = parse(reader, line, length);

	if (!json_object_is_type(death, json_type_object) || member(death, OBIT_OUTCOME_OF) ||
	    is_repeated(&reader->recent, death))
		return true;
	join_outcome(reader, death);
	reader->fn(death, reader->arg);
	return true;
}

static int read_files(const int fds[static 2], lines_fn *fn, struct reader *reader)
{
	int r = 0;

	for (int i = 0; i < 2; i++)
		if (r == 0 && fds[i] >= 0)
			r = lines_read(fds[i], 0, OBIT_HISTORY_LINE_MAX, fn, reader, NULL);
	return r;
}

int history_each(const char *directory, history_death_fn *fn, void *arg)
{
	struct reader reader = {.tokener = json_tokener_new(),
				.outcomes = json_object_new_object(),
				.fn = fn,
				.arg = arg};
	int fds[2] = {-1, -1}, r = -ENOMEM;

	if (reader.tokener && reader.outcomes)
		r = lines_open(directory, OBIT_HISTORY_OLDER_FILE, OBIT_HISTORY_FILE, fds);
	if (r == 0)
		r = read_files(fds, take_outcome, &reader);
	if (r == 0)
		r = read_files(fds, take_death, &reader);
	close_fdp(&fds[0]);
	close_fdp(&fds[1]);
	death_set_release(&reader.recent.older);
	death_set_release(&reader.recent.newer);
	json_object_put(reader.outcomes);
	if (reader.tokener)
		json_tokener_free(reader.tokener);
	return r;
}

struct collection {
	bool (*wanted)(struct json_object *death, void *arg);
	void *arg;
	size_t most;
	struct json_object *deaths;
};

static void collect(struct json_object *death, void *arg)
{
	const struct collection *collection = arg;

	if (collection->wanted && !collection->wanted(death, collection->arg))
		return;
	json_object_array_add(collection->deaths, json_object_get(death));
	/* Not each time: what is cut off in front makes all the rest move. */
	if (collection->most && array_length(collection->deaths) / 2 >= collection->most)
		history_trim(collection->deaths, collection->most);
}

int history_read(const char *directory, bool (*wanted)(struct json_object *death, void *arg),
		 void *arg, size_t most, struct json_object **ret)
{
	_cleanup_json_ struct json_object *deaths = json_object_new_array();
	struct collection collection = {
		.wanted = wanted, .arg = arg, .most = most, .deaths = deaths};
	int r = history_each(directory, collect, &collection);

	if (r < 0)
		return r;
	history_trim(deaths, most);
	*ret = TAKE_PTR(deaths);
	return 0;
}

void history_trim(struct json_object *deaths, size_t most)
{
	size_t count = array_length(deaths);

	if (most && count > most)
		json_object_array_del_idx(deaths, 0, count - most);
}

/* ---- which is which ---- */

#define KEY_SIZE 64
/* "PID TIME" */
static const char *key_of(struct json_object *death, char buf[static KEY_SIZE])
{
	int64_t pid = 0;

	member_int(death, "pid", &pid);
	snprintf(buf, KEY_SIZE, "%" PRId64 " %s", pid, member_word(death, "time"));
	return buf;
}

bool death_set_add(struct death_set *set, struct json_object *death)
{
	char key[KEY_SIZE];

	if (death_set_has(set, death))
		return false;
	if (!set->keys)
		set->keys = json_object_new_object();
	json_object_object_add(set->keys, key_of(death, key), NULL);
	return true;
}

bool death_set_has(const struct death_set *set, struct json_object *death)
{
	char key[KEY_SIZE];

	return set->keys && json_object_object_get_ex(set->keys, key_of(death, key), NULL);
}

void death_set_release(struct death_set *set)
{
	json_object_put(set->keys);
	set->keys = NULL;
}
