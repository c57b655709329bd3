// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Records are decoded in memory of exactly their size, so that the sanitizer sees a look outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/decode.h"

#define TEXT_HEAD offsetof(struct obit_text_record, data)

union any_record {
	struct obit_record header;
	struct obit_letter_record letter;
	struct obit_text_record text;
	struct obit_exec_record exec;
	struct obit_unwatched_record unwatched;
	char room[sizeof(struct obit_text_record) + 64];
};

static const enum obit_record_type letter_types[] = {OBIT_RECORD_FORK, OBIT_RECORD_EXIT,
						     OBIT_RECORD_MOVE};

/* A sound record of that type; TEXT with five bytes of argv. */
static union any_record *make_record(enum obit_record_type type)
{
	union any_record *record = calloc(1, sizeof(*record));

	assert_non_null(record);
	record->header.type = (__u16)type;
	record->header.key = (struct obit_key){.tgid = 4711, .start_boottime = 99};
	switch (type) {
	case OBIT_RECORD_TEXT:
		record->header.size = TEXT_HEAD + 5;
		record->text.kind = OBIT_TEXT_ARGV;
		record->text.length = 5;
		memcpy(record->text.data, "nginx", 5);
		break;
	case OBIT_RECORD_EXEC:
		record->header.size = sizeof(struct obit_exec_record);
		break;
	case OBIT_RECORD_FORK:
	case OBIT_RECORD_EXIT:
	case OBIT_RECORD_MOVE:
		record->header.size = sizeof(struct obit_letter_record);
		break;
	case OBIT_RECORD_UNWATCHED:
		record->header.size = sizeof(struct obit_unwatched_record);
		break;
	}
	return record;
}

/* Decodes the first `size` bytes; a refusal leaves the event as it was. */
static int decode_first(const void *record, size_t size)
{
	_cleanup_free_ void *copy = malloc(size ? size : 1);
	struct obit_key key;
	struct event event = {.key = &key};
	int r;

	assert_non_null(copy);
	memcpy(copy, record, size);
	r = decode_record(copy, size, &event);
	assert_ptr_equal(event.key, r < 0 ? &key : &((struct obit_record *)copy)->key);
	return r;
}

static void each_type_is_decoded(void **state)
{
	static const enum obit_record_type types[] = {OBIT_RECORD_FORK, OBIT_RECORD_EXIT,
						      OBIT_RECORD_TEXT, OBIT_RECORD_EXEC,
						      OBIT_RECORD_MOVE, OBIT_RECORD_UNWATCHED};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		_cleanup_free_ union any_record *record = make_record(types[i]);
		struct event event;

		assert_int_equal(decode_record(record, record->header.size, &event), 0);
		assert_int_equal(event.type, types[i]);
		assert_ptr_equal(event.key, &record->header.key);
		if (types[i] == OBIT_RECORD_TEXT)
			assert_ptr_equal(event.text, &record->text);
		else if (types[i] == OBIT_RECORD_EXEC)
			assert_ptr_equal(event.exec, &record->exec);
		else if (types[i] == OBIT_RECORD_UNWATCHED)
			assert_ptr_equal(event.exit, &record->unwatched.exit);
		else
			assert_ptr_equal(event.letter, &record->letter.letter);
		/* the ring may hand out more than the record */
		assert_int_equal(decode_record(record, sizeof(*record), &event), 0);
	}
}

static void a_truncated_record_is_refused_at_every_length(void **state)
{
	(void)state;
	for (int type = OBIT_RECORD_FORK; type <= OBIT_RECORD_UNWATCHED; type++) {
		_cleanup_free_ union any_record *record = make_record((enum obit_record_type)type);

		for (size_t size = 0; size < record->header.size; size++)
			assert_int_equal(decode_first(record, size), -EBADMSG);
		assert_int_equal(decode_first(record, record->header.size), 0);
	}
}

/* The same, where the record admits to be that short. */
static void a_short_record_is_refused_at_every_length(void **state)
{
	(void)state;
	for (int type = OBIT_RECORD_FORK; type <= OBIT_RECORD_UNWATCHED; type++) {
		_cleanup_free_ union any_record *record = make_record((enum obit_record_type)type);
		__u32 whole = record->header.size;

		for (__u32 size = sizeof(struct obit_record); size < whole; size++) {
			record->header.size = size;
			assert_int_equal(decode_first(record, size), -EBADMSG);
			assert_int_equal(decode_first(record, whole), -EBADMSG);
		}
		for (__u32 size = 0; size < sizeof(struct obit_record); size++) {
			record->header.size = size;
			assert_int_equal(decode_first(record, whole), -EBADMSG);
		}
	}
}

static void unknown_types_are_refused(void **state)
{
	(void)state;
	for (int type = 0; type <= UINT16_MAX; type++) {
		union any_record record = {.header = {.type = (__u16)type, .size = sizeof(record)}};
		struct event event;
		bool known = type >= OBIT_RECORD_FORK && type <= OBIT_RECORD_UNWATCHED &&
			     type != OBIT_RECORD_TEXT; /* kind 0 is none */

		assert_int_equal(decode_record(&record, sizeof(record), &event),
				 known ? 0 : -EBADMSG);
	}
}

static void a_record_that_is_longer_than_what_is_there_is_refused(void **state)
{
	static const __u32 sizes[] = {1, 8, 1 << 20, UINT32_MAX - 4096};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (size_t t = 0; t < ARRAY_SIZE(letter_types); t++) {
			_cleanup_free_ union any_record *record = make_record(letter_types[t]);
			__u32 there = record->header.size;

			record->header.size += sizes[i];
			assert_int_equal(decode_first(record, there), -EBADMSG);
		}
}

/* What a text record says of itself, and whether that can be. */
static const struct {
	const char *what;
	__u32 kind, offset, length, size;
	int r;
} text_table[] = {
	{"sound", OBIT_TEXT_ENV, 0, 5, TEXT_HEAD + 5, 0},
	{"empty", OBIT_TEXT_EXE, 0, 0, TEXT_HEAD, 0},
	{"full", OBIT_TEXT_ARGV, 0, OBIT_TEXT_CHUNK, TEXT_HEAD + OBIT_TEXT_CHUNK, 0},
	{"the last chunk", OBIT_TEXT_ENV, OBIT_RECIPE_MAX - OBIT_TEXT_CHUNK, OBIT_TEXT_CHUNK,
	 TEXT_HEAD + OBIT_TEXT_CHUNK, 0},
	{"one after it", OBIT_TEXT_ENV, OBIT_RECIPE_MAX, 1, TEXT_HEAD + 1, -EBADMSG},
	{"far after it", OBIT_TEXT_ENV, UINT32_MAX, 1, TEXT_HEAD + 1, -EBADMSG},
	{"a byte more than there is", OBIT_TEXT_ENV, 0, 6, TEXT_HEAD + 5, -EBADMSG},
	{"a byte more than a chunk", OBIT_TEXT_ENV, 0, OBIT_TEXT_CHUNK + 1,
	 TEXT_HEAD + OBIT_TEXT_CHUNK, -EBADMSG},
	{"the same, and the bytes are there", OBIT_TEXT_ENV, 0, OBIT_TEXT_CHUNK + 1,
	 TEXT_HEAD + OBIT_TEXT_CHUNK + 8, -EBADMSG},
	{"a length that wraps around", OBIT_TEXT_ENV, 0, UINT32_MAX, TEXT_HEAD + 5, -EBADMSG},
	{"kind 0", 0, 0, 5, TEXT_HEAD + 5, -EBADMSG},
	{"an unknown kind", OBIT_TEXT_KINDS, 0, 5, TEXT_HEAD + 5, -EBADMSG},
	{"a negative kind", UINT32_MAX, 0, 5, TEXT_HEAD + 5, -EBADMSG},
};

static void texts_that_contradict_themselves_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(text_table); i++) {
		_cleanup_free_ union any_record *record = make_record(OBIT_RECORD_TEXT);

		record->header.size = text_table[i].size;
		record->text.kind = text_table[i].kind;
		record->text.offset = text_table[i].offset;
		record->text.length = text_table[i].length;
		if (decode_first(record, text_table[i].size) != text_table[i].r)
			fail_msg("%s", text_table[i].what);
	}
}

static void more_groups_than_fit_are_refused(void **state)
{
	_cleanup_free_ union any_record *record = make_record(OBIT_RECORD_EXEC);

	(void)state;
	record->exec.group_count = OBIT_GROUPS_MAX;
	assert_int_equal(decode_first(record, record->header.size), 0);
	record->exec.group_count = OBIT_GROUPS_MAX + 1;
	assert_int_equal(decode_first(record, record->header.size), -EBADMSG);
	record->exec.group_count = UINT32_MAX;
	assert_int_equal(decode_first(record, record->header.size), -EBADMSG);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_type_is_decoded),
		cmocka_unit_test(a_truncated_record_is_refused_at_every_length),
		cmocka_unit_test(a_short_record_is_refused_at_every_length),
		cmocka_unit_test(unknown_types_are_refused),
		cmocka_unit_test(a_record_that_is_longer_than_what_is_there_is_refused),
		cmocka_unit_test(texts_that_contradict_themselves_are_refused),
		cmocka_unit_test(more_groups_than_fit_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
