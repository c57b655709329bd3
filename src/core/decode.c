// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/decode.h"

#include <errno.h>
#include <stdbool.h>

static bool text_is_sound(const struct obit_text_record *text, size_t size)
{
	size_t head = offsetof(struct obit_text_record, data);

	return size >= head && text->kind >= OBIT_TEXT_EXE && text->kind < OBIT_TEXT_KINDS &&
	       text->length <= OBIT_TEXT_CHUNK && size >= head + text->length &&
	       text->offset <= OBIT_RECIPE_MAX - OBIT_TEXT_CHUNK;
}

static bool exec_is_sound(const struct obit_exec_record *exec, size_t size)
{
	return size >= sizeof(*exec) && exec->group_count <= OBIT_GROUPS_MAX;
}

int decode_record(const void *data, size_t size, struct event *ret)
{
	const struct obit_record *record = data;
	struct event event;

	if (size < sizeof(*record) || record->size > size)
		return -EBADMSG;
	event.type = record->type;
	event.key = &record->key;
	switch (event.type) {
	case OBIT_RECORD_FORK:
	case OBIT_RECORD_EXIT:
	case OBIT_RECORD_MOVE:
		if (record->size < sizeof(struct obit_letter_record))
			return -EBADMSG;
		event.letter = &((const struct obit_letter_record *)data)->letter;
		break;
	case OBIT_RECORD_TEXT:
		event.text = data;
		if (!text_is_sound(event.text, record->size))
			return -EBADMSG;
		break;
	case OBIT_RECORD_EXEC:
		event.exec = data;
		if (!exec_is_sound(event.exec, record->size))
			return -EBADMSG;
		break;
	case OBIT_RECORD_UNWATCHED:
		if (record->size < sizeof(struct obit_unwatched_record))
			return -EBADMSG;
		event.exit = &((const struct obit_unwatched_record *)data)->exit;
		break;
	default:
		return -EBADMSG;
	}
	*ret = event;
	return 0;
}
