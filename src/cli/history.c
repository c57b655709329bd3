// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/history.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

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
	history_death_fn *fn;
	void *arg;
};

static bool take_line(void *arg, const char *line, size_t length)
{
	struct reader *reader = arg;
	_cleanup_json_ struct json_object *death = NULL;

	json_tokener_reset(reader->tokener);
	death = json_tokener_parse_ex(reader->tokener, line, (int)length);
	if (json_object_is_type(death, json_type_object) && !is_repeated(&reader->recent, death))
		reader->fn(death, reader->arg);
	return true;
}

int history_each(const char *directory, history_death_fn *fn, void *arg)
{
	struct reader reader = {.tokener = json_tokener_new(), .fn = fn, .arg = arg};
	int fds[2], r;

	if (!reader.tokener)
		return -ENOMEM;
	r = lines_open(directory, OBIT_HISTORY_OLDER_FILE, OBIT_HISTORY_FILE, fds);
	for (int i = 0; i < 2; i++) {
		if (r == 0 && fds[i] >= 0)
			r = lines_read(fds[i], 0, OBIT_HISTORY_LINE_MAX, take_line, &reader, NULL);
		close_fdp(&fds[i]);
	}
	death_set_release(&reader.recent.older);
	death_set_release(&reader.recent.newer);
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
